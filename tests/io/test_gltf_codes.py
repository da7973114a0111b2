"""Every code that the loader can raise has a smallest file that raises it, at the place where the Khronos validator points."""

import ast
import gc
import io
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, glb, triangle
from PIL import Image
from test_gltf_refusals import ANIMATION_CASES, CASES, MESH_CASES

import metarender as mr
import metarender.io
from metarender.errors import GltfError
from metarender.io.gltf_rules import TOLERATED

ASSET = {"asset": {"version": "2.0"}}
PRIMITIVE, IMAGE, INSTANCES = "/meshes/0/primitives/0", "/images/0", "/nodes/0/extensions/EXT_mesh_gpu_instancing/attributes"
LIGHTS, IBM, SAMPLER = "/extensions/KHR_lights_punctual/lights", "/skins/0/inverseBindMatrices", "/animations/0/samplers/0"
DATA, WEBP = "data:application/octet-stream;base64,", "EXT_texture_webp"
NAN, UV = np.array([[0, 0, 0], [1, np.nan, 0], [0, 1, 0]], "f4"), np.zeros((3, 2), "f4")
SCALARS = {"componentType": 5126, "count": 1, "type": "SCALAR"}
BYTES = {"buffers": [{"byteLength": 16}], "bufferViews": [{"buffer": 0, "byteLength": 16}, {"buffer": 0, "byteLength": 8, "byteOffset": 2}]}
SPARSE = {"count": 2, "indices": {"bufferView": 0, "componentType": 5121}, "values": {"bufferView": 0}}


def edited(file, edit):
    edit(file.document)
    return file


def strided(file, view, stride):
    """The file with a byteStride where none may be."""
    return edited(file, lambda d: d["bufferViews"][view].update(byteStride=stride))


def picture(kind="PNG", size=(2, 2)):
    stream = io.BytesIO()
    Image.new("RGB", size, "red").save(stream, kind)
    return stream.getvalue()


def textured(data, mime="image/png", used=(), **texture):
    """A triangle whose colour is a picture in buffer view 2."""
    file = GltfFile(materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}])
    file.node(mesh=file.mesh(material=0, TEXCOORD_0=UV))
    file.document |= {"images": [{"bufferView": file.view(data), "mimeType": mime}], "textures": [{"source": 0, **texture}]}
    return edited(file, lambda d: d.update(extensionsUsed=list(used)) if used else None)


def skinned(*, weights=((1, 0, 0, 0),) * 3, joints=((0, 0, 0, 0),) * 3, inverse=None, **skin):
    """A triangle bound to node 1, which is a child of node 2; the mesh is node 0."""
    file = GltfFile()
    file.node(mesh=file.mesh(JOINTS_0=np.array(joints, "u1"), WEIGHTS_0=np.array(weights, "f4")), skin=0)
    file.document["nodes"].append({})
    file.node(children=[1])
    matrix = np.eye(4, dtype="f4").reshape(1, 16) if inverse is None else inverse
    file.document["skins"] = [{"joints": [1], "inverseBindMatrices": file.accessor(matrix), **skin}]
    return file


def animated(*, times=(0, 1), moves=((0, 0, 0), (0, 0, 0)), path="translation", **sampler):
    """A node whose translation is animated."""
    file = GltfFile()
    file.node()
    times, moves = file.accessor(np.array(times, "f4"), min=[0.0], max=[1.0]), file.accessor(np.array(moves, "f4"))
    channel = {"sampler": 0, "target": {"node": 0, "path": path}}
    file.document["animations"] = [{"channels": [channel], "samplers": [{"input": times, "output": moves, **sampler}]}]
    return file


def pointed(**sampler):
    """A node whose translation is animated by a JSON pointer."""
    file = edited(animated(**sampler), lambda d: d.update(extensionsUsed=["KHR_animation_pointer"]))
    target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": "/nodes/0/translation"}}}
    return edited(file, lambda d: d["animations"][0]["channels"][0].update(target=target))


def sparse(*indices):
    """A triangle whose vertices are replaced where `indices` say."""
    file = GltfFile()
    values, places = file.view(np.ones((len(indices), 3), "f4").tobytes()), file.view(np.array(indices, "u1").tobytes())
    part = {"count": len(indices), "indices": {"bufferView": places, "componentType": 5121}, "values": {"bufferView": values}}
    file.node(mesh=file.mesh(file.accessor(TRIANGLE, bounds=True, sparse=part)))
    return file


def instanced(**attributes):
    file = triangle()
    numbers = {name: file.accessor(array) for name, array in attributes.items()}
    file.document["nodes"][0]["extensions"] = {"EXT_mesh_gpu_instancing": {"attributes": numbers}}
    return edited(file, lambda d: d.update(extensionsUsed=["EXT_mesh_gpu_instancing"]))


def uneven(*counts):
    """A mesh whose primitives have so many morph targets."""
    file = triangle(targets=[{}])
    move = file.accessor(TRIANGLE, bounds=True)
    first = file.document["meshes"][0]["primitives"][0]
    primitives = [{**first, "targets": [{"POSITION": move}] * count} if count else {"attributes": first["attributes"]} for count in counts]
    return edited(file, lambda d: d["meshes"][0].update(primitives=primitives))


def exploding(positions):
    """A triangle that a morph weight of 1e38 moves."""
    file = GltfFile()
    number = file.accessor(positions)
    file.node(mesh=file.mesh(number, targets=[{"POSITION": number}], weights=[1e38]))
    return file


def shared_view():
    """Positions and normals in one buffer view without a stride."""
    file = triangle(NORMAL=TRIANGLE)
    file.document["accessors"][1]["bufferView"] = 0
    return file


def anisotropic(normal_map=False):
    texture = {"index": 0}
    material = {"extensions": {"KHR_materials_anisotropy": {"anisotropyTexture": texture}}}
    if normal_map:
        material["normalTexture"] = texture
    changes = {"materials": [material], "textures": [{}], "extensionsUsed": ["KHR_materials_anisotropy"]}
    return edited(triangle(material=0, TEXCOORD_0=UV), lambda d: d.update(changes))


def lit(number=0, **light):
    """A node with light `number`; the file has one light, or none and no list of them."""
    root = {"extensions": {"KHR_lights_punctual": {"lights": [light]}}} if light else {}
    return {**root, "extensionsUsed": ["KHR_lights_punctual"], "nodes": [{"extensions": {"KHR_lights_punctual": {"light": number}}}]}


def orthographic(**changes):
    return {"type": "orthographic", "orthographic": {"xmag": 1, "ymag": 1, "znear": 1, "zfar": 2, **changes}}


def chunks(*parts, version=2, length=None, magic=b"glTF", cut=0):
    """A GLB of (kind, data) or (kind, data, declared length), with a header that may lie and an end that may be cut off."""
    body = b"".join(struct.pack("<I4s", *(part[2:] or (len(part[1]),)), part[0]) + part[1] for part in parts)
    data = struct.pack("<4sII", magic, version, 12 + len(body) if length is None else length) + body
    return data[: len(data) - cut]


TEXT = json.dumps(ASSET).ljust(36).encode()
JSON, BIN = (b"JSON", TEXT), (b"BIN\0", bytes(4))
GLB = [
    ("GLB_UNEXPECTED_END_OF_HEADER", chunks()[:8], ""),
    ("GLB_INVALID_MAGIC", chunks(JSON, magic=b"gltf"), ""),
    ("GLB_INVALID_VERSION", chunks(JSON, version=1), ""),
    ("GLB_LENGTH_TOO_SMALL", chunks(), ""),
    ("GLB_LENGTH_TOO_SMALL", chunks(JSON, length=0), ""),
    ("GLB_LENGTH_MISMATCH", chunks(JSON, length=1000), ""),
    ("GLB_UNEXPECTED_END_OF_CHUNK_HEADER", chunks(JSON, BIN, cut=8), ""),
    ("GLB_UNEXPECTED_END_OF_CHUNK_DATA", chunks(JSON, BIN, cut=2), ""),
    ("GLB_CHUNK_TOO_BIG", chunks((*JSON, 1000)), ""),
    ("GLB_UNEXPECTED_FIRST_CHUNK", chunks(BIN, JSON), ""),
    ("GLB_DUPLICATE_CHUNK", chunks(JSON, BIN, BIN), ""),
    ("GLB_DUPLICATE_CHUNK", chunks(JSON, JSON), ""),
    ("GLB_UNEXPECTED_BIN_CHUNK", chunks(JSON, (b"ODD\0", b""), BIN), ""),
    ("GLB_EMPTY_CHUNK", chunks((b"JSON", b"")), ""),
    ("INVALID_JSON", glb(b"{]"), ""),
    ("BUFFER_MISSING_GLB_DATA", glb(json.dumps({**ASSET, "buffers": [{"byteLength": 4}]}).encode()), "/buffers/0"),
    ("BUFFER_BYTE_LENGTH_MISMATCH", glb(json.dumps({**ASSET, "buffers": [{"byteLength": 9}]}).encode(), bytes(8)), "/buffers/0"),
]
FILES = [
    ("ACCESSOR_INDEX_OOB", triangle(indices=np.array([0, 1, 3], "u1")), f"{PRIMITIVE}/indices"),
    (
        "ACCESSOR_INDEX_PRIMITIVE_RESTART",
        triangle(positions=np.zeros((256, 3), "f4"), indices=np.array([0, 1, 255], "u1")),
        f"{PRIMITIVE}/indices",
    ),
    ("ACCESSOR_INVALID_FLOAT", exploding(NAN), "/accessors/0"),
    ("ACCESSOR_INVALID_FLOAT", triangle(NORMAL=NAN), "/accessors/1"),
    ("ACCESSOR_INVALID_FLOAT", skinned(inverse=np.full((1, 16), np.inf, "f4")), "/accessors/3"),
    ("ACCESSOR_INVALID_FLOAT", skinned(weights=[[np.nan] * 4] * 3), "/accessors/2"),
    ("ACCESSOR_INVALID_FLOAT", instanced(TRANSLATION=NAN), INSTANCES),
    ("ACCESSOR_INVALID_IBM", skinned(inverse=np.ones((1, 16), "f4")), IBM),
    ("ACCESSOR_JOINTS_INDEX_OOB", skinned(joints=[[1, 0, 0, 0]] * 3), f"{PRIMITIVE}/attributes/JOINTS_0"),
    ("ACCESSOR_WEIGHTS_NEGATIVE", skinned(weights=[[2, -1, 0, 0]] * 3), f"{PRIMITIVE}/attributes/WEIGHTS_0"),
    ("ACCESSOR_SPARSE_INDEX_OOB", sparse(0, 3), "/accessors/0/sparse"),
    ("ACCESSOR_SPARSE_INDICES_NON_INCREASING", sparse(1, 1), "/accessors/0/sparse"),
    ("ANIMATION_SAMPLER_ACCESSOR_WITH_BYTESTRIDE", strided(animated(), 0, 4), f"{SAMPLER}/input"),
    ("ANIMATION_SAMPLER_ACCESSOR_WITH_BYTESTRIDE", strided(animated(), 1, 12), f"{SAMPLER}/output"),
    (
        "ANIMATION_SAMPLER_INPUT_ACCESSOR_TOO_FEW_ELEMENTS",
        edited(animated(interpolation="CUBICSPLINE"), lambda d: d["accessors"][0].update(count=1)),
        f"{SAMPLER}/input",
    ),
    ("BUFFER_MISSING_GLB_DATA", edited(triangle(), lambda d: d.update(buffers=[{"byteLength": 36}])), "/buffers/0"),
    ("ACCESSOR_ANIMATION_INPUT_NEGATIVE", animated(times=(-1, 1)), f"{SAMPLER}/input"),
    ("ACCESSOR_ANIMATION_INPUT_NON_INCREASING", animated(times=(1, 1)), f"{SAMPLER}/input"),
    ("ACCESSOR_INVALID_FLOAT", animated(times=(0, np.inf)), "/accessors/0"),
    ("ACCESSOR_INVALID_FLOAT", animated(moves=NAN[:2]), "/accessors/1"),
    (
        "ACCESSOR_ANIMATION_SAMPLER_OUTPUT_NON_NORMALIZED_QUATERNION", animated(moves=((0, 0, 0, 1), (0, 0, 0, 2)), path="rotation"),
        "/animations/0/channels/0/sampler",
    ),
    ("VALUE_NOT_IN_RANGE", animated(times=(0, 1e13)), f"{SAMPLER}/input"),
    ("ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_COUNT", pointed(moves=((0, 0), (0, 0))), "/animations/0/channels/0/sampler"),
    ("BUFFER_VIEW_TARGET_OVERRIDE", edited(animated(), lambda d: d["bufferViews"][0].update(target=34962)), f"{SAMPLER}/input"),
    ("BUFFER_VIEW_TARGET_OVERRIDE", edited(textured(picture()), lambda d: d["bufferViews"][2].update(target=34962)), f"{IMAGE}/bufferView"),
    ("BUFFER_VIEW_TARGET_OVERRIDE", edited(skinned(), lambda d: d["bufferViews"][3].update(target=34962)), IBM),
    (
        "BUFFER_VIEW_TARGET_OVERRIDE",
        edited(sparse(0), lambda d: d["bufferViews"][1].update(target=34963)),
        "/accessors/0/sparse/indices/bufferView",
    ),
    ("EXT_MESH_GPU_INSTANCING_INVALID_FORMAT", instanced(TRANSLATION=UV), f"{INSTANCES}/TRANSLATION"),
    ("EXT_MESH_GPU_INSTANCING_UNEQUAL_COUNT", instanced(TRANSLATION=TRIANGLE, SCALE=TRIANGLE[:2]), INSTANCES),
    ("IMAGE_BUFFER_VIEW_WITH_BYTESTRIDE", strided(textured(picture()), 2, 4), f"{IMAGE}/bufferView"),
    ("IMAGE_DATA_INVALID", textured(picture()[:16] + bytes(8) + picture()[24:]), IMAGE),
    ("IMAGE_DATA_INVALID", textured(picture()[:45] + b"\xff" * 9 + picture()[54:]), IMAGE),
    ("IMAGE_MIME_TYPE_INVALID", textured(picture(), "image/jpeg"), f"{IMAGE}/bufferView"),
    ("IMAGE_NON_ENABLED_MIME_TYPE", textured(picture("WEBP"), "image/webp"), IMAGE),
    ("IMAGE_UNEXPECTED_EOS", textured(picture("JPEG", (64, 64))[:-60], "image/jpeg"), IMAGE),
    ("INVALID_IBM_ACCESSOR_COUNT", edited(skinned(), lambda d: d["skins"][0]["joints"].append(2)), IBM),
    ("MESH_PRIMITIVES_UNEQUAL_TARGETS_COUNT", uneven(0, 1), "/meshes/0/primitives/1/targets"),
    ("MESH_PRIMITIVES_UNEQUAL_TARGETS_COUNT", uneven(1, 0), "/meshes/0/primitives/1"),
    ("MESH_PRIMITIVE_ACCESSOR_UNALIGNED", triangle(_PART=np.zeros((3, 3), "u1")), f"{PRIMITIVE}/attributes/_PART"),
    ("MESH_PRIMITIVE_ACCESSOR_WITHOUT_BYTESTRIDE", shared_view(), f"{PRIMITIVE}/attributes/NORMAL"),
    ("MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_UNSIGNED_INT", triangle(_PART=np.zeros((3, 1), "u4")), f"{PRIMITIVE}/attributes/_PART"),
    ("MESH_PRIMITIVE_JOINTS_WEIGHTS_MISMATCH", triangle(JOINTS_0=np.zeros((3, 4), "u1")), f"{PRIMITIVE}/attributes"),
    ("MESH_PRIMITIVE_NO_TANGENT_SPACE", anisotropic(), f"{PRIMITIVE}/material"),
    ("MESH_PRIMITIVE_INVALID", exploding(TRIANGLE * np.float32(1e38)), PRIMITIVE),
    ("NODE_INVALID", edited(triangle(), lambda d: d["nodes"][0].update(scale=[1e308] * 3)), "/nodes/0"),
    ("NODE_SKIN_NO_SCENE", edited(skinned(), lambda d: d["scenes"][0]["nodes"].pop()), "/nodes/0"),
    ("SKIN_IBM_ACCESSOR_WITH_BYTESTRIDE", strided(skinned(), 3, 64), IBM),
    ("SKIN_IBM_INVALID_FORMAT", skinned(inverse=np.zeros((1, 4), "f4")), IBM),
    ("SKIN_SKELETON_INVALID", skinned(skeleton=0), "/skins/0/skeleton"),
    ("TEXTURE_INVALID_IMAGE_MIME_TYPE", textured(picture(), "image/gif"), "/textures/0/source"),
    (
        "TEXTURE_INVALID_IMAGE_MIME_TYPE",
        textured(picture(), used=[WEBP], extensions={WEBP: {"source": 0}}),
        f"/textures/0/extensions/{WEBP}/source",
    ),
    (
        "VALUE_NOT_IN_LIST",
        edited(sparse(0), lambda d: d["accessors"][0]["sparse"]["indices"].update(componentType=5120)),
        "/accessors/0/sparse/indices/componentType",
    ),
]
DOCUMENTS = [
    (
        "ACCESSOR_MATRIX_ALIGNMENT",
        {"accessors": [{"componentType": 5121, "count": 1, "type": "MAT2", "byteOffset": 2, "bufferView": 0}]},
        "/accessors/0/byteOffset",
    ),
    ("ACCESSOR_SPARSE_COUNT_OUT_OF_RANGE", {"accessors": [{**SCALARS, "sparse": SPARSE}]}, "/accessors/0/sparse/count"),
    ("ACCESSOR_TOTAL_OFFSET_ALIGNMENT", {"accessors": [{**SCALARS, "bufferView": 1}]}, "/accessors/0"),
    ("ARRAY_LENGTH_NOT_IN_LIST", {"accessors": [{**SCALARS, "min": [0, 0]}]}, "/accessors/0/min"),
    ("ARRAY_TYPE_MISMATCH", {"accessors": [{**SCALARS, "componentType": 5121, "min": [0.5]}]}, "/accessors/0/min"),
    ("BUFFER_BYTE_LENGTH_MISMATCH", {"buffers": [{"byteLength": 16, "uri": DATA + "AAAA"}]}, "/buffers/0"),
    (
        "BUFFER_VIEW_INVALID_BYTE_STRIDE",
        {"bufferViews": [{"buffer": 0, "byteLength": 16, "byteStride": 4, "target": 34963}]},
        "/bufferViews/0/byteStride",
    ),
    ("CAMERA_XMAG_YMAG_ZERO", {"cameras": [orthographic(xmag=0)]}, "/cameras/0/orthographic/xmag"),
    ("CAMERA_ZFAR_LEQUAL_ZNEAR", {"cameras": [orthographic(zfar=1)]}, "/cameras/0/orthographic"),
    ("EMPTY_ENTITY", {"extensionsUsed": []}, "/extensionsUsed"),
    ("INVALID_GL_VALUE", {"accessors": [{**SCALARS, "componentType": 5121, "max": [256]}]}, "/accessors/0/max"),
    ("INVALID_INDEX", {"meshes": [{"primitives": [{"attributes": {"POSITION": "0"}}]}]}, f"{PRIMITIVE}/attributes/POSITION"),
    ("IO_ERROR", {**triangle().document, "buffers": [{"byteLength": 36, "uri": "none.bin"}]}, "/buffers/0/uri"),
    ("KHR_LIGHTS_PUNCTUAL_LIGHT_SPOT_ANGLES", lit(type="spot", spot={"innerConeAngle": 1}), f"{LIGHTS}/0/spot/outerConeAngle"),
    ("NON_REQUIRED_EXTENSION", {"extensionsUsed": ["KHR_mesh_quantization"]}, "/extensionsUsed/0"),
    ("ONE_OF_MISMATCH", {"cameras": [{**orthographic(), "perspective": {"yfov": 1, "znear": 1}}]}, "/cameras/0"),
    ("TYPE_MISMATCH", {"nodes": None}, "/nodes"),
    ("TYPE_MISMATCH", {"nodes": [{"mesh": None}]}, "/nodes/0/mesh"),
    ("UNDEFINED_PROPERTY", lit(type="spot"), f"{LIGHTS}/0"),
    ("UNRESOLVED_REFERENCE", lit(1, type="point"), "/nodes/0/extensions/KHR_lights_punctual/light"),
    ("UNSATISFIED_DEPENDENCY", lit(), "/nodes/0/extensions/KHR_lights_punctual"),
    ("VALUE_NOT_IN_RANGE", lit(type="spot", spot={"innerConeAngle": np.pi / 2}), f"{LIGHTS}/0/spot/innerConeAngle"),
]
ROWS = [*GLB, *FILES, *DOCUMENTS]
ELSEWHERE = {
    "EXT_MESHOPT_COMPRESSION_INVALID": "test_decoders.py",
    "IMAGE_UNRECOGNIZED_FORMAT": "test_images.py",
    "KHR_ANIMATION_POINTER_ANIMATION_CHANNEL_TARGET_PATH": "the corpus of the validator",
    "KHR_DRACO_MESH_COMPRESSION_INVALID": "test_decoders.py",
    "KHR_DRACO_MESH_COMPRESSION_MISMATCH": "test_decoders.py",
    "KHR_MATERIALS_VARIANTS_NON_UNIQUE_VARIANT": "test_gltf_refusals.py",
    "LIMIT_EXCEEDED": "test_gltf_hostile.py",
    "NON_RELATIVE_URI": "test_gltf_hostile.py",
    "URI_OUTSIDE_FOLDER": "test_gltf_hostile.py",
}
NO_CODES = {"COLOR_0", "JOINTS_0", "O_CLOEXEC", "O_NONBLOCK", "UNSIGNED_BYTE", "UNSIGNED_INT", "UNSIGNED_SHORT"}


def write(folder, source):
    """Write bytes as .glb, a GltfFile with its data as .gltf, and a document, which gets an asset and 16 bytes, as .gltf."""
    path = folder / ("model.glb" if isinstance(source, bytes) else "model.gltf")
    if isinstance(source, bytes):
        path.write_bytes(source)
    else:
        path.write_text(source.text() if isinstance(source, GltfFile) else json.dumps({**ASSET, **BYTES, **source}))
    return path


@pytest.mark.parametrize(("code", "source", "pointer"), ROWS, ids=[f"{number}-{row[0]}" for number, row in enumerate(ROWS)])
def test_promise_6_each_code_has_a_file_that_raises_it(tmp_path, code, source, pointer):
    with pytest.raises(GltfError) as caught:
        mr.load(write(tmp_path, source))
    assert (caught.value.code, caught.value.pointer) == (code, pointer)
    assert "\n" not in str(caught.value)


SOUND = {
    "animated": animated(),
    "animated rotation": animated(moves=((0, 0, 0, 1), (0, 0, 0, 1)), path="rotation"),
    "pointed": pointed(),
    "anisotropic": anisotropic(normal_map=True),
    "glb": chunks(JSON, BIN),
    "instanced": instanced(TRANSLATION=TRIANGLE),
    "skeleton": skinned(skeleton=2),
    "skinned": skinned(),
    "sparse": sparse(0, 2),
    "textured": textured(picture()),
    "uneven": uneven(1, 1),
    "webp": textured(picture("WEBP"), "image/webp", used=[WEBP], extensions={WEBP: {"source": 0}}),
}
SOUND["webp"].document["textures"][0].pop("source")


@pytest.mark.filterwarnings("ignore::metarender.io.AssetWarning")
@pytest.mark.parametrize("name", SOUND)
def test_what_is_broken_above_is_sound_before(tmp_path, name):
    mr.load(write(tmp_path, SOUND[name]))


def codes_of_the_source():
    for path in sorted(Path(metarender.io.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[A-Z]+(_[A-Z0-9]+)+", node.value):
                yield node.value


def test_every_code_of_the_source_is_raised_by_a_test():
    tested = {row[0] for row in ROWS} | {row[1] for row in [*CASES, *MESH_CASES, *ANIMATION_CASES]} | ELSEWHERE.keys()
    assert set(codes_of_the_source()) - NO_CODES - TOLERATED.keys() == tested
    assert not tested & TOLERATED.keys()


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["accessors"][0].update(count=3.0, componentType=5126.0),
        lambda d: d["bufferViews"][0].update(byteLength=3.6e1, buffer=0.0),
        lambda d: d["nodes"][0].update(mesh=-0.0),
        lambda d: d["scenes"][0].update(nodes=[0.0]),
        lambda d: d["meshes"][0]["primitives"][0]["attributes"].update(POSITION=0.0),
        lambda d: d.update(scene=0.0),
    ],
)
def test_integers_may_be_written_as_decimals(tmp_path, change):
    scene = mr.load(write(tmp_path, edited(triangle(), change)))
    assert next(node.mesh for node in scene.nodes if node.mesh is not None).primitives[0][0].positions.shape == (3, 3)


def test_bytes_after_the_end_of_a_glb_are_named_and_not_read(tmp_path):
    with pytest.warns(mr.io.AssetWarning, match="5 bytes after the end"):
        mr.load(write(tmp_path, triangle().glb_bytes() + b"extra"))


@pytest.mark.parametrize("extra", [1, 2, 3])
def test_chunks_of_odd_lengths_are_read_and_their_numbers_are_aligned(tmp_path, primitive, extra):
    file = triangle(positions=TRIANGLE + 1)
    whole = file.glb_bytes()
    length = struct.unpack_from("<I", whole, 12)[0]
    path = tmp_path / "odd.glb"
    path.write_bytes(chunks((b"JSON", whole[20 : 20 + length] + b" " * extra), (b"BIN\0", whole[28 + length :])))
    made, _ = primitive(path)
    assert made.positions.flags.aligned and made.positions.tolist() == (TRIANGLE + 1).tolist()


def test_a_hidden_node_hides_what_is_below_it(tmp_path):
    file = triangle()
    file.document["extensionsUsed"] = ["KHR_node_visibility"]
    file.document["nodes"].append({"children": [0], "extensions": {"KHR_node_visibility": {"visible": False}}, "name": "hidden"})
    file.document["scenes"][0]["nodes"] = [1]
    scene = mr.load(write(tmp_path, file))
    hidden = next(node for node in scene.nodes if node.name == "hidden")
    assert not hidden.visible


def test_promise_6_nothing_of_a_refused_file_stays(tmp_path):
    """Neither objects nor open files, however far the load came."""
    kinds = (mr.Geometry, mr.Mesh, mr.Material, mr.Texture, mr.Scene)
    paths = []
    for number, (_, source, _) in enumerate(ROWS):
        (tmp_path / str(number)).mkdir()
        paths.append(write(tmp_path / str(number), source))

    def alive():
        gc.collect()
        return [sum(isinstance(item, kind) for item in gc.get_objects()) for kind in kinds], len(list(Path("/proc/self/fd").iterdir()))

    def refuse_all():
        for path in paths:
            with pytest.raises(GltfError):
                mr.load(path)

    refuse_all()
    before = alive()
    refuse_all()
    assert alive() == before
