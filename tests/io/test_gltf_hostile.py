"""Files made to do harm: bombs, lies about sizes, paths that lead outside, and random damage."""

import copy
import json
import os
import random
import time
import tracemalloc

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, glb, triangle
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metarender.errors import AssetError, GltfError
from metarender.io import Limits, load
from metarender.io.gltf import read_gltf


def refuse(path, **limits):
    """Return the refusal of a file, which must come fast and cheap."""
    tracemalloc.start()
    start = time.process_time()
    try:
        with pytest.raises(AssetError) as caught:
            read_gltf(path, limits=Limits(**limits))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.process_time() - start < 2
    assert peak < 64 << 20, f"{peak >> 20} MiB were allocated"
    return caught.value


def write(folder, text, name="model.gltf"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_promise_6_an_accessor_of_71_bytes_that_asks_for_137_gigabytes(tmp_path):
    unused = GltfFile(accessors=[{"componentType": 5126, "count": 2**33, "type": "MAT4"}])
    assert read_gltf(unused.embedded(tmp_path), limits=Limits()).nodes == []
    accessor = {"componentType": 5126, "count": 2**33, "type": "VEC3", "min": [0, 0, 0], "max": [0, 0, 0]}
    bomb = GltfFile(accessors=[accessor], meshes=[{"primitives": [{"attributes": {"POSITION": 0}}]}])
    bomb.node(mesh=0)
    error = refuse(bomb.embedded(tmp_path))
    assert (error.code, error.pointer) == ("LIMIT_EXCEEDED", "/accessors/0")


def test_promise_6_many_accessors_together_pass_the_total(tmp_path):
    file = GltfFile(accessors=[], meshes=[])
    for number in range(300):
        file.document["accessors"].append({"componentType": 5126, "count": 1 << 20, "type": "VEC3", "min": [0] * 3, "max": [0] * 3})
        file.document["meshes"].append({"primitives": [{"attributes": {"POSITION": number}, "mode": 0}]})
        file.node(mesh=number)
    assert refuse(file.embedded(tmp_path), total_bytes=40 << 20).code == "LIMIT_EXCEEDED"


def test_promise_6_many_draws_of_few_bytes(tmp_path):
    file = triangle()
    file.document["meshes"][0]["primitives"] *= 2000
    file.document["nodes"] *= 2000
    file.document["scenes"][0]["nodes"] = list(range(2000))
    error = refuse(file.glb(tmp_path), draws=100_000)
    assert "draws more than" in str(error)


@pytest.mark.parametrize("uri", ["../secret.bin", "%2e%2e/secret.bin", "a/../../secret.bin", "sub/../../model/../secret.bin"])
def test_promise_6_paths_that_lead_outside_are_refused(tmp_path, uri):
    (tmp_path / "model").mkdir()
    file = triangle()
    (tmp_path / "secret.bin").write_bytes(file.blob)
    error = refuse(file.external(tmp_path / "model", uri=uri))
    assert (error.code, error.pointer) == ("URI_OUTSIDE_FOLDER", "/buffers/0/uri")


@pytest.mark.parametrize(
    "uri", ["/etc/passwd", "file:///etc/passwd", "http://localhost/x.bin", "C:/x.bin", "\\\\host\\x.bin", "//host/x.bin"]
)
def test_promise_6_absolute_places_are_refused(tmp_path, uri):
    error = refuse(triangle().external(tmp_path, uri=uri))
    assert (error.code, error.pointer) == ("NON_RELATIVE_URI", "/buffers/0/uri")


def test_promise_6_links_that_lead_outside_are_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    file = triangle()
    path = file.external(folder)
    (folder / "model.bin").rename(tmp_path / "secret.bin")
    (folder / "model.bin").symlink_to(tmp_path / "secret.bin")
    assert refuse(path).code == "URI_OUTSIDE_FOLDER"
    (folder / "model.bin").unlink()
    (folder / "real.bin").write_bytes(file.blob)
    (folder / "model.bin").symlink_to("real.bin")
    assert read_gltf(path, limits=Limits()).nodes[0].mesh is not None


@pytest.mark.parametrize("uri", ["a%00b", "%ff%fe", "x" * 5000, "%", ".", "missing.bin"])
def test_promise_6_odd_names_are_refused(tmp_path, uri):
    assert refuse(triangle().external(tmp_path, uri=uri)).pointer == "/buffers/0/uri"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_promise_6_a_named_pipe_is_not_waited_for(tmp_path):
    path = triangle().external(tmp_path)
    (tmp_path / "model.bin").unlink()
    os.mkfifo(tmp_path / "model.bin")
    assert refuse(path).code == "IO_ERROR"
    os.mkfifo(tmp_path / "pipe.glb")
    assert "not a regular file" in str(refuse(tmp_path / "pipe.glb"))


def test_promise_6_a_glb_cut_at_every_byte_is_refused(tmp_path):
    data = triangle().glb_bytes()
    for length in range(1, len(data)):
        path = write(tmp_path, data[:length], "cut.glb")
        with pytest.raises(GltfError) as caught:
            read_gltf(path, limits=Limits())
        assert caught.value.code.startswith("GLB_"), length
    write(tmp_path, data, "cut.glb")
    assert read_gltf(path, limits=Limits()).nodes[0].mesh is not None


def header(length_change=0, **replaced):
    data = bytearray(triangle().glb_bytes())
    for offset, value in replaced.items():
        data[int(offset[1:])] = value
    data[8:12] = (len(data) + length_change).to_bytes(4, "little")
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (header(4), "GLB_LENGTH_MISMATCH"),
        (header(_0=0), "GLB_INVALID_MAGIC"),
        (header(_4=1), "GLB_INVALID_VERSION"),
        (header(_15=255), "GLB_CHUNK_TOO_BIG"),
        (header(_16=0), "GLB_UNEXPECTED_FIRST_CHUNK"),
        (b"glTF" + (2).to_bytes(4, "little") + (12).to_bytes(4, "little"), "GLB_LENGTH_TOO_SMALL"),
    ],
)
def test_promise_6_lies_of_a_glb_header(tmp_path, data, code):
    assert refuse(write(tmp_path, data, "lie.glb")).code == code


def test_promise_6_the_bin_chunk_is_shorter_than_its_buffer(tmp_path):
    file = triangle()
    file.document["buffers"] = [{"byteLength": len(file.blob) + 100}]
    file.document["bufferViews"][0]["byteLength"] += 100
    assert refuse(file.glb(tmp_path)).code == "BUFFER_BYTE_LENGTH_MISMATCH"
    text = json.dumps(file.document)
    assert refuse(write(tmp_path, glb(text.encode()), "none.glb")).code == "BUFFER_MISSING_GLB_DATA"


@pytest.mark.parametrize("body", ["A", "AAA!", "====", "AAAA\n" * 3])
def test_promise_6_bad_base64_is_refused(tmp_path, body):
    file = triangle()
    file.document["buffers"] = [{"byteLength": len(file.blob), "uri": "data:application/octet-stream;base64," + body}]
    assert refuse(write(tmp_path, json.dumps(file.document))).pointer.startswith("/buffers/0")


def test_promise_6_a_hundred_thousand_levels_load_without_recursion(tmp_path):
    count = 100_000
    nodes = [{"children": [index + 1]} for index in range(count - 1)] + [{}]
    path = GltfFile(nodes=nodes, scenes=[{"nodes": [0]}]).embedded(tmp_path)
    start = time.process_time()
    described = read_gltf(path, limits=Limits()).nodes
    assert len(described) == count
    assert [node.parent for node in described] == list(range(-1, count - 1))
    assert time.process_time() - start < 5


def test_promise_6_a_long_loop_is_found_fast(tmp_path):
    count = 50_000
    nodes = [{"children": [(index + 1) % count]} for index in range(count)]
    error = refuse(GltfFile(nodes=nodes).embedded(tmp_path))
    assert (error.code, error.pointer) == ("NODE_LOOP", "/nodes/0")


def test_promise_6_too_many_nodes(tmp_path):
    nodes = [{} for _ in range(11)]
    error = refuse(GltfFile(nodes=nodes, scenes=[{"nodes": list(range(11))}]).embedded(tmp_path), nodes=10)
    assert (error.code, error.pointer) == ("LIMIT_EXCEEDED", "/nodes")


def test_promise_6_many_chunks_names_and_keys_take_linear_time(tmp_path):
    empty = (0).to_bytes(4, "little") + b"JUNK"
    data = bytearray(triangle().glb_bytes() + empty * 200_000)
    data[8:12] = len(data).to_bytes(4, "little")
    start = time.process_time()
    assert read_gltf(write(tmp_path, bytes(data), "chunks.glb"), limits=Limits()).nodes
    names = [f"X_{index}" for index in range(50_000)]
    refuse(write(tmp_path, json.dumps({"asset": {"version": "2.0"}, "extensionsUsed": names, "extensionsRequired": names[::-1]})))
    refuse(write(tmp_path, '{"asset":{"version":"2.0"},' + ",".join(f'"{name}":0' for name in names) + ',"X_49999":1}'))
    assert time.process_time() - start < 4


def test_promise_6_a_file_larger_than_its_limit(tmp_path):
    path = triangle().glb(tmp_path)
    assert "Limits.file_bytes" in str(refuse(path, file_bytes=100))
    assert refuse(path, json_bytes=50).code == "LIMIT_EXCEEDED"
    assert "Limits.json_objects" in str(refuse(path, json_objects=5))


def small_glb():
    """A file that uses most parts of the format, as (bytes, document, blob)."""
    file = GltfFile(extensionsUsed=["KHR_materials_unlit"])
    sparse = {
        "count": 1,
        "indices": {"bufferView": file.view(b"\1\0"), "componentType": 5123},
        "values": {"bufferView": file.view(np.ones(3, "f4").tobytes())},
    }
    positions = file.accessor(TRIANGLE, min=[0, 0, 0], max=[1, 1, 1], sparse=sparse)
    file.document["materials"] = [{"pbrMetallicRoughness": {"roughnessFactor": 0.5}, "extensions": {"KHR_materials_unlit": {}}}]
    mesh = file.mesh(
        positions,
        indices=np.array([0, 1, 2], "u2"),
        material=0,
        targets=[{"POSITION": file.accessor(TRIANGLE, bounds=True)}],
        weights=[0.5],
        JOINTS_0=np.zeros((3, 4), "u1"),
        WEIGHTS_0=np.array([[1, 0, 0, 0]] * 3, "f4"),
        COLOR_0=np.ones((3, 4), "f4"),
    )
    file.document["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
    inverse = file.accessor(np.eye(4, dtype="f4").reshape(1, 16))
    file.node(mesh=mesh, skin=0, children=[1], camera=0, scale=[1, 2, 1])
    file.document["nodes"].append({"translation": [1, 2, 3]})
    file.document["skins"] = [{"joints": [1], "inverseBindMatrices": inverse}]
    return file


SMALL = small_glb()
SMALL_BYTES = SMALL.glb_bytes()


def loads_or_is_refused(path):
    """Nothing but a description or an AssetError may come out."""
    start = time.process_time()
    try:
        read_gltf(path, limits=Limits(total_bytes=16 << 20))
    except AssetError as error:
        assert str(error)
    assert time.process_time() - start < 2


def test_the_file_that_is_damaged_below_is_sound(tmp_path):
    path = write(tmp_path, SMALL_BYTES, "small.glb")
    assert read_gltf(path, limits=Limits()).nodes[0].mesh is not None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(SMALL_BYTES) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_promise_6_random_bytes_never_break_the_loader(tmp_path, changes):
    data = bytearray(SMALL_BYTES)
    for place, value in changes:
        data[place] = value
    loads_or_is_refused(write(tmp_path, bytes(data), "fuzz.glb"))


NUMBERS = (-1, 0, 1, 2, 3, 255, 65535, 2**31, 2**53, 10**30, 0.5, -0.0, 1e308, 1e-320, 5120, 5121, 5122, 5123, 5125, 5126)
VALUES = st.sampled_from([*NUMBERS, None, True, "", "x", "VEC2", "MAT4", "../x", "data:,", [], [0], [1, 1, 1], [[]], {}, {"a": []}])


def places(value, path=()):
    """All paths of a JSON document."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**6), VALUES, st.booleans()), min_size=1, max_size=4))
def test_promise_6_random_documents_never_break_the_loader(tmp_path, changes):
    document = json.loads(json.dumps(SMALL._finished()))
    for number, value, drop in changes:
        paths = places(document)
        if not paths:
            break
        path = paths[number % len(paths)]
        parent = document
        for key in path[:-1]:
            parent = parent[key]
        if drop:
            del parent[path[-1]]
        else:
            parent[path[-1]] = copy.deepcopy(value)
    loads_or_is_refused(write(tmp_path, glb(json.dumps(document).encode(), bytes(SMALL.blob)), "fuzz.glb"))


def test_a_refused_load_leaves_nothing_open_or_alive(tmp_path):
    import gc
    import weakref

    from metarender.geometry import Geometry

    file = triangle()
    file.node(mesh=file.mesh(indices=np.array([0, 1, 9], "u1")))
    path = file.glb(tmp_path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    gc.collect()
    alive = weakref.WeakSet(item for item in gc.get_objects() if isinstance(item, Geometry))
    for _ in range(5):
        with pytest.raises(GltfError):
            load(path)
    gc.collect()
    assert sum(isinstance(item, Geometry) for item in gc.get_objects()) <= len(alive)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_loader_is_indifferent_to_the_order_of_keys(tmp_path):
    document = SMALL._finished()
    shuffled = list(document)
    random.Random(3).shuffle(shuffled)
    text = json.dumps({key: document[key] for key in shuffled}).encode()
    a = read_gltf(write(tmp_path, SMALL_BYTES, "a.glb"), limits=Limits()).nodes
    b = read_gltf(write(tmp_path, glb(text, bytes(SMALL.blob)), "b.glb"), limits=Limits()).nodes
    np.testing.assert_array_equal(a[0].mesh.primitives[0][0].positions, b[0].mesh.primitives[0][0].positions)
