"""Small files that ask for much: each is refused, or loaded, within five seconds and a gigabyte of address space."""

import json
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from gltf_files import GltfFile, glb, triangle

from metarender.errors import AssetError, GltfError, InvalidInput
from metarender.io import Limits, load
from metarender.io.gltf import read_gltf
from metarender.io.limits import Budget

CHILD = """
import json, resource, sys, time
import metarender as mr
import metarender.io.gltf, metarender.io.asset
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for path in sys.argv[1:]:
    start, code = time.process_time(), "loaded"
    try:
        mr.load(path)
    except mr.GltfError as error:
        code = error.code
    print(json.dumps([code, time.process_time() - start]), flush=True)
"""


def png(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    squeeze = zlib.compressobj(9)
    data = b"".join(squeeze.compress(bytes(64 * (3 * width + 1))) for _ in range(height // 64)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(number, count=20_000_000):
    """Point clouds without data."""
    file = GltfFile(accessors=[], meshes=[])
    for place in range(number):
        file.document["accessors"].append({"componentType": 5126, "count": count, "type": "VEC3", "min": [0] * 3, "max": [0] * 3})
        file.document["meshes"].append({"primitives": [{"attributes": {"POSITION": place}, "mode": 0}]})
        file.node(mesh=place)
    return file


def pictures(number):
    """Black pictures of 64 million pixels in all slots of a material."""
    slots = ("normalTexture", "occlusionTexture", "emissiveTexture")[: number - 1]
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}, **{name: {"index": k + 1} for k, name in enumerate(slots)}}
    file = GltfFile(materials=[material])
    file.node(mesh=file.mesh(material=0, TEXCOORD_0=np.zeros((3, 2), "f4")))
    data = png(8192, 8192)
    file.document["images"] = [{"bufferView": file.view(data), "mimeType": "image/png"} for _ in range(number)]
    file.document["textures"] = [{"source": place} for place in range(number)]
    return file


def draws():
    file = triangle()
    file.document["meshes"][0]["primitives"] *= 2000
    file.document["nodes"] *= 2000
    file.document["scenes"][0]["nodes"] = list(range(2000))
    return file


def flat(count=30_000_000):
    """Triangles without normals, which get a vertex for each corner."""
    file = GltfFile(accessors=[{"componentType": 5126, "count": 3, "type": "VEC3", "min": [0] * 3, "max": [0] * 3}], meshes=[])
    file.document["accessors"].append({"componentType": 5121, "count": count, "type": "SCALAR"})
    file.document["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}]
    file.node(mesh=0)
    return file


def instances(count=10_000_000):
    """Copies without data."""
    file = triangle()
    file.document["accessors"].append({"componentType": 5126, "count": count, "type": "VEC3"})
    file.document["extensionsUsed"] = ["EXT_mesh_gpu_instancing"]
    file.document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 1}}}
    return file


def targets(vertices, count, joints=0):
    """One set of displacements without data that many targets name, and vertices that follow many joints."""
    file = GltfFile(accessors=[{"componentType": 5126, "count": vertices, "type": "VEC3", "min": [0] * 3, "max": [0] * 3}], meshes=[])
    primitive = {"attributes": {"POSITION": 0}, "mode": 0, **({"targets": [{"POSITION": 0}] * count} if count else {})}
    if joints:
        numbers = np.arange(4 * vertices).reshape(-1, 4) % joints
        shares = np.ones((vertices, 4), "f4")
        primitive["attributes"] |= {"JOINTS_0": file.accessor(numbers.astype("u2")), "WEIGHTS_0": file.accessor(shares)}
        file.document["skins"] = [{"joints": list(range(1, joints + 1))}]
    file.document["meshes"] = [{"primitives": [primitive]}]
    file.node(mesh=0, **({"skin": 0} if joints else {}))
    file.document["nodes"] += [{} for _ in range(joints)]
    file.document["scenes"][0]["nodes"] = list(range(joints + 1))
    return file


def text(extras):
    return glb(b'{"asset":{"version":"2.0"},"extras":' + extras + b"}")


BOMBS = {
    "zeros": (zeros(8), "LIMIT_EXCEEDED"),
    "pictures": (pictures(4), "LIMIT_EXCEEDED"),
    "one picture": (pictures(1), "loaded"),
    "draws": (draws(), "LIMIT_EXCEEDED"),
    "flat": (flat(), "LIMIT_EXCEEDED"),
    "instances": (instances(), "LIMIT_EXCEEDED"),
    "targets": (targets(100_000, 3000), "LIMIT_EXCEEDED"),
    "targets of joints": (targets(4000, 5000, 16_000), "LIMIT_EXCEEDED"),
    "joints": (targets(4000, 0, 16_000), "loaded"),
    "nodes": (glb(b'{"asset":{"version":"2.0"},"nodes":[' + b"{}," * 3_000_000 + b"{}]}"), "LIMIT_EXCEEDED"),
    "long text": (text(b'"' + b" " * (65 << 20) + b'"'), "LIMIT_EXCEEDED"),
    "many lists": (text(b"[" + b"[]," * 10_000_001 + b"[]]"), "LIMIT_EXCEEDED"),
    "many numbers": (text(b"[" + b"1.5," * 10_000_000 + b"0]"), "loaded"),
    "deep": (text(b"[" * 1_000_000), "INVALID_JSON"),
    "digits": (text(b"1" * 10_000_000), "INVALID_JSON"),
}


def test_promise_6_bombs_stay_within_five_seconds_and_a_gigabyte(tmp_path):
    paths = []
    for name, (source, _) in BOMBS.items():
        paths.append(tmp_path / f"{name}.glb")
        paths[-1].write_bytes(source if isinstance(source, bytes) else source.glb_bytes())
    done = subprocess.run([sys.executable, "-c", CHILD, *map(str, paths)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [code for code, _ in rows] == [code for _, code in BOMBS.values()]
    assert max(seconds for _, seconds in rows) < 5, list(zip(BOMBS, rows, strict=True))


def test_promise_6_a_load_that_runs_out_of_memory_says_so(tmp_path, monkeypatch):
    path = triangle().glb(tmp_path)

    def spent(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("metarender.io.gltf.read_gltf", spent)
    with pytest.raises(AssetError, match="needs more memory than this process can have"):
        load(path)


def test_promise_6_what_is_made_may_not_outgrow_what_is_read():
    budget = Budget(Limits(growth=2, total_bytes=1 << 40, array_bytes=1 << 40))
    budget.take(512 << 20, "An array", "")
    with pytest.raises(GltfError, match=r"too much for files of 0 bytes; raise Limits\.growth"):
        budget.take(1, "An array", "")
    budget.read_file(100, "A file", "")
    budget.take(200, "An array", "")
    with pytest.raises(GltfError, match="too much for files of 100 bytes"):
        budget.take(1, "An array", "")
    assert budget.spent == (512 << 20) + 300


def test_promise_6_a_data_uri_is_measured_before_it_is_decoded(tmp_path, monkeypatch):
    file = triangle(positions=np.zeros((30_000, 3), "f4"))
    path = file.embedded(tmp_path)
    monkeypatch.setattr("base64.b64decode", None)
    with pytest.raises(GltfError) as caught:
        read_gltf(path, limits=Limits(array_bytes=300_000))
    assert (caught.value.code, caught.value.pointer) == ("LIMIT_EXCEEDED", "/buffers/0/uri")


@pytest.mark.parametrize(
    "uri", ["../secret.png", "%2e%2e/secret.png", "link.png", "/etc/passwd", "file:///etc/passwd", "https://example.org/x.png"]
)
def test_promise_6_pictures_are_read_from_the_folder_only(tmp_path, uri):
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(png(64, 64))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    file = GltfFile(materials=[material], images=[{"uri": uri}], textures=[{"source": 0}])
    file.node(mesh=file.mesh(material=0, TEXCOORD_0=np.zeros((3, 2), "f4")))
    with pytest.raises(GltfError) as caught:
        read_gltf(file.glb(folder), limits=Limits())
    assert caught.value.code in ("URI_OUTSIDE_FOLDER", "NON_RELATIVE_URI")
    assert caught.value.pointer == "/images/0/uri"


HELD = {
    "total_bytes": (zeros(1, 1000), 2000),
    "array_bytes": (zeros(1, 1000), 2000),
    "file_bytes": (zeros(1, 1000), 100),
    "json_bytes": (zeros(1, 1000), 100),
    "json_objects": (zeros(1, 1000), 3),
    "image_pixels": (pictures(1), 1 << 20),
    "nodes": (zeros(2, 10), 1),
    "draws": (zeros(2, 10), 1),
    "growth": (pictures(3), 1),
}


@pytest.mark.parametrize("name", Limits.__dataclass_fields__)
def test_promise_6_every_limit_holds_and_is_named(name, tmp_path):
    file, value = HELD[name]
    with pytest.raises(AssetError, match=rf"Limits\.{name}"):
        load(file.glb(tmp_path), limits=Limits(**{name: value}))
    with pytest.raises(InvalidInput, match=f"Limits.{name} must be an int"):
        Limits(**{name: 0.5})


def test_promise_6_a_forest_with_long_paths_to_its_joints_takes_linear_time(tmp_path):
    """Skins ask who is above whom; 20,000 skins in a chain of 20,000 nodes."""
    count = 20_000
    file = triangle(JOINTS_0=np.zeros((3, 4), "u1"), WEIGHTS_0=np.array([[1, 0, 0, 0]] * 3, "f4"))
    file.document["nodes"] = [{"children": [place + 1]} for place in range(count)] + [{}]
    file.document["skins"] = [{"joints": [place, count], "skeleton": place} for place in range(count)]
    assert read_gltf(file.glb(tmp_path), limits=Limits()).nodes
    file.document["skins"][count // 2]["skeleton"] = count
    with pytest.raises(GltfError, match="is not above all joints"):
        read_gltf(file.glb(tmp_path), limits=Limits())


def test_one_bad_node_among_many_is_found_in_time(tmp_path):
    nodes = [{"translation": [1, 2, 3]}] * 20_000 + [{"scale": [1e300] * 3}]
    text = json.dumps({"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": list(range(len(nodes)))}], "nodes": nodes})
    (tmp_path / "a.gltf").write_text(text)
    start = time.process_time()
    with pytest.raises(GltfError, match=r"scale must be finite .*/nodes/20000\)") as caught:
        load(tmp_path / "a.gltf")
    assert caught.value.code == "NODE_INVALID" and time.process_time() - start < 5
