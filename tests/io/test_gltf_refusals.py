"""Every kind of broken glTF is refused with the code of the Khronos validator and a pointer to the faulty place."""

import json

import numpy as np
import pytest
from gltf_files import TRIANGLE, GltfFile, triangle

from metarender.errors import AssetError, GltfError
from metarender.io import Limits
from metarender.io.gltf import read_gltf
from metarender.io.gltf_container import parse_json
from metarender.io.gltf_rules import TOLERATED, check_document

NOT_REFUSED = {
    "accessor_data/out_of_range_elements_uint32.gltf": "min and max are never trusted, so their mismatch is harmless",
}


def refused(document):
    """Return (code, pointer) of the refusal of a document."""
    with pytest.raises(GltfError) as caught:
        check_document(json.loads(json.dumps(document)))
    return caught.value.code, caught.value.pointer


def with_asset(**document):
    return {"asset": {"version": "2.0"}, **document}


BUFFER = {"buffers": [{"byteLength": 12}]}
VIEW = {**BUFFER, "bufferViews": [{"buffer": 0, "byteLength": 12}]}
SCALARS = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "SCALAR"}

CASES = [
    ({}, "UNDEFINED_PROPERTY", "/"),
    ({"asset": {}}, "UNDEFINED_PROPERTY", "/asset"),
    ({"asset": {"version": 2.0}}, "TYPE_MISMATCH", "/asset/version"),
    ({"asset": {"version": "two"}}, "PATTERN_MISMATCH", "/asset/version"),
    ({"asset": {"version": "1.0"}}, "UNKNOWN_ASSET_MAJOR_VERSION", "/asset/version"),
    ({"asset": {"version": "2.0", "minVersion": "2.1"}}, "ASSET_MIN_VERSION_GREATER_THAN_VERSION", "/asset/minVersion"),
    ({"asset": {"version": "2.1", "minVersion": "2.1"}}, "UNKNOWN_ASSET_MINOR_VERSION", "/asset/minVersion"),
    (with_asset(scene=0), "UNRESOLVED_REFERENCE", "/scene"),
    (with_asset(scene=True, scenes=[{}]), "TYPE_MISMATCH", "/scene"),
    (with_asset(scene=-1, scenes=[{}]), "INVALID_INDEX", "/scene"),
    (with_asset(nodes=[]), "EMPTY_ENTITY", "/nodes"),
    (with_asset(nodes={}), "TYPE_MISMATCH", "/nodes"),
    (with_asset(nodes=[3]), "TYPE_MISMATCH", "/nodes/0"),
    (with_asset(nodes=[{"translation": [0, "0", 0]}]), "ARRAY_TYPE_MISMATCH", "/nodes/0/translation"),
    (with_asset(nodes=[{"translation": [0, True, 0]}]), "ARRAY_TYPE_MISMATCH", "/nodes/0/translation"),
    (with_asset(extensionsUsed=["A", 1]), "ARRAY_TYPE_MISMATCH", "/extensionsUsed/1"),
    (with_asset(meshes=[{"primitives": [1]}]), "ARRAY_TYPE_MISMATCH", "/meshes/0/primitives"),
    (with_asset(nodes=[{"translation": [0, 0]}]), "ARRAY_LENGTH_NOT_IN_LIST", "/nodes/0/translation"),
    (with_asset(nodes=[{"translation": [0, 10**400, 0]}]), "VALUE_NOT_IN_RANGE", "/nodes/0/translation/1"),
    (with_asset(nodes=[{"children": [1, 1]}, {}]), "DUPLICATE_ELEMENTS", "/nodes/0/children/1"),
    (with_asset(nodes=[{"children": [0.5]}, {}]), "INVALID_INDEX", "/nodes/0/children/0"),
    (with_asset(nodes=[{"rotation": [0, 0, 0, 0.5]}]), "ROTATION_NON_UNIT", "/nodes/0/rotation"),
    (with_asset(nodes=[{"matrix": [1] * 16}]), "NODE_MATRIX_NON_TRS", "/nodes/0/matrix"),
    (with_asset(nodes=[{"matrix": np.eye(4).ravel().tolist(), "scale": [1, 1, 1]}]), "NODE_MATRIX_TRS", "/nodes/0/matrix"),
    (with_asset(nodes=[{"skin": 0}], skins=[{"joints": [0]}]), "UNSATISFIED_DEPENDENCY", "/nodes/0/skin"),
    (with_asset(nodes=[{"children": [0]}]), "NODE_LOOP", "/nodes/0"),
    (with_asset(nodes=[{}, {"children": [2]}, {"children": [1]}]), "NODE_LOOP", "/nodes/1"),
    (with_asset(nodes=[{"children": [2]}, {"children": [2]}, {}]), "NODE_PARENT_OVERRIDE", "/nodes/1/children/0"),
    (with_asset(nodes=[{"children": [1]}, {}], scenes=[{"nodes": [1]}]), "SCENE_NON_ROOT_NODE", "/scenes/0/nodes/0"),
    (with_asset(cameras=[{"type": "perspective"}]), "UNDEFINED_PROPERTY", "/cameras/0"),
    (
        with_asset(cameras=[{"type": "perspective", "perspective": {"yfov": 0, "znear": 1}}]),
        "VALUE_NOT_IN_RANGE",
        "/cameras/0/perspective/yfov",
    ),
    (
        with_asset(cameras=[{"type": "perspective", "perspective": {"yfov": 1, "znear": 2, "zfar": 1}}]),
        "CAMERA_ZFAR_LEQUAL_ZNEAR",
        "/cameras/0/perspective",
    ),
    (with_asset(buffers=[{"byteLength": 0}]), "VALUE_NOT_IN_RANGE", "/buffers/0/byteLength"),
    (with_asset(buffers=[{"byteLength": 1.5}]), "TYPE_MISMATCH", "/buffers/0/byteLength"),
    (with_asset(buffers=[{"byteLength": 10**30}]), "VALUE_NOT_IN_RANGE", "/buffers/0/byteLength"),
    (with_asset(buffers=[{"byteLength": 1, "uri": "data:text/plain,a"}]), "BUFFER_DATA_URI_MIME_TYPE_INVALID", "/buffers/0/uri"),
    (
        with_asset(buffers=[{"byteLength": 9, "uri": "data:application/octet-stream;base64,AAAA"}]),
        "BUFFER_BYTE_LENGTH_MISMATCH",
        "/buffers/0",
    ),
    (with_asset(**BUFFER, bufferViews=[{"buffer": 0, "byteLength": 13}]), "BUFFER_VIEW_TOO_LONG", "/bufferViews/0/byteLength"),
    (
        with_asset(**BUFFER, bufferViews=[{"buffer": 0, "byteLength": 1, "byteOffset": 2**53}]),
        "BUFFER_VIEW_TOO_LONG",
        "/bufferViews/0/byteOffset",
    ),
    (with_asset(**BUFFER, bufferViews=[{"buffer": 0, "byteLength": 9, "byteStride": 6}]), "VALUE_MULTIPLE_OF", "/bufferViews/0/byteStride"),
    (
        with_asset(**BUFFER, bufferViews=[{"buffer": 0, "byteLength": 9, "byteStride": 2}]),
        "VALUE_NOT_IN_RANGE",
        "/bufferViews/0/byteStride",
    ),
    (
        with_asset(**BUFFER, bufferViews=[{"buffer": 0, "byteLength": 9, "byteStride": 12}]),
        "BUFFER_VIEW_TOO_BIG_BYTE_STRIDE",
        "/bufferViews/0/byteStride",
    ),
    (with_asset(**VIEW, accessors=[{**SCALARS, "count": 4}]), "ACCESSOR_TOO_LONG", "/accessors/0"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "count": 2**53}]), "ACCESSOR_TOO_LONG", "/accessors/0"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "byteOffset": 16}]), "ACCESSOR_TOO_LONG", "/accessors/0/byteOffset"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "byteOffset": 2}]), "ACCESSOR_OFFSET_ALIGNMENT", "/accessors/0/byteOffset"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "count": [1, 1]}]), "TYPE_MISMATCH", "/accessors/0/count"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "count": True}]), "TYPE_MISMATCH", "/accessors/0/count"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "normalized": True}]), "ACCESSOR_NORMALIZED_INVALID", "/accessors/0/normalized"),
    (with_asset(**VIEW, accessors=[{**SCALARS, "min": [0, 0]}]), "ARRAY_LENGTH_NOT_IN_LIST", "/accessors/0/min"),
    (
        with_asset(accessors=[{"componentType": 5126, "count": 1, "type": "SCALAR", "byteOffset": 0}]),
        "UNSATISFIED_DEPENDENCY",
        "/accessors/0/byteOffset",
    ),
    (with_asset(images=[{}]), "ONE_OF_MISMATCH", "/images/0"),
    (with_asset(images=[{"uri": ":"}]), "INVALID_URI", "/images/0/uri"),
    (with_asset(**VIEW, images=[{"bufferView": 0}]), "UNSATISFIED_DEPENDENCY", "/images/0/bufferView"),
    (with_asset(images=[{"uri": "data:image/webp;base64,UklGRgAAAABXRUJQ"}]), "IMAGE_NON_ENABLED_MIME_TYPE", "/images/0"),
    (with_asset(images=[{"uri": "data:image/png;base64,UklGRgAAAABXRUJQ"}]), "INVALID_URI", "/images/0/uri"),
    (with_asset(materials=[{"emissiveFactor": [0, 0, 2]}]), "VALUE_NOT_IN_RANGE", "/materials/0/emissiveFactor/2"),
    (with_asset(materials=[{"alphaMode": 1}]), "TYPE_MISMATCH", "/materials/0/alphaMode"),
    (with_asset(materials=[{"normalTexture": {"index": 0}}]), "UNRESOLVED_REFERENCE", "/materials/0/normalTexture/index"),
    (
        with_asset(materials=[{"extensions": {"KHR_materials_unlit": {}}}]),
        "UNDECLARED_EXTENSION",
        "/materials/0/extensions/KHR_materials_unlit",
    ),
    (
        with_asset(nodes=[{"extensions": {"KHR_materials_unlit": {}}}], extensionsUsed=["KHR_materials_unlit"]),
        "UNEXPECTED_EXTENSION_OBJECT",
        "/nodes/0/extensions/KHR_materials_unlit",
    ),
    (with_asset(extensionsRequired=["A"]), "UNSATISFIED_DEPENDENCY", "/extensionsRequired"),
    (with_asset(extensionsRequired=["A"], extensionsUsed=["B"]), "UNUSED_EXTENSION_REQUIRED", "/extensionsRequired/0"),
    (with_asset(extensionsRequired=["A"], extensionsUsed=["A"]), "UNSUPPORTED_EXTENSION", "/extensionsRequired/0"),
    (with_asset(skins=[{"joints": [0]}]), "UNRESOLVED_REFERENCE", "/skins/0/joints/0"),
    (with_asset(samplers=[{"wrapS": "repeat"}]), "TYPE_MISMATCH", "/samplers/0/wrapS"),
    (with_asset(meshes=[{"primitives": [{"attributes": {}}]}]), "EMPTY_ENTITY", "/meshes/0/primitives/0/attributes"),
    (with_asset(**{"nodes": [{"a/b~": 1, "extensions": {"x/~": {}}}]}), "UNDECLARED_EXTENSION", "/nodes/0/extensions/x~1~0"),
]


@pytest.mark.parametrize(("document", "code", "pointer"), CASES)
def test_broken_rules_are_named_and_located(document, code, pointer):
    assert refused(document) == (code, pointer)


def mesh_document(edit):
    """A textured, indexed triangle with one morph target, changed by `edit(document, primitive)`."""
    file = GltfFile()
    indices = file.accessor(np.array([0, 1, 2], "u2"))
    move = file.accessor(TRIANGLE, bounds=True)
    number = file.mesh(
        indices=indices,
        material=0,
        targets=[{"POSITION": move}],
        weights=[0.0],
        NORMAL=np.array([[0, 0, 1]] * 3, "f4"),
        TEXCOORD_0=np.zeros((3, 2), "f4"),
    )
    file.document |= {"materials": [{"normalTexture": {"index": 0}}], "textures": [{}]}
    file.node(mesh=number)
    document = json.loads(file.text())
    edit(document, document["meshes"][0]["primitives"][0])
    return document


def attribute(name, number):
    return lambda document, primitive: primitive["attributes"].__setitem__(name, number)


def accessor(number, **changes):
    return lambda document, primitive: document["accessors"][number].update(changes)


MESH = "/meshes/0/primitives/0"
MESH_CASES = [
    (attribute("COLOUR", 2), "MESH_PRIMITIVE_INVALID_ATTRIBUTE", f"{MESH}/attributes/COLOUR"),
    (attribute("TEXCOORD_2", 4), "MESH_PRIMITIVE_INDEXED_SEMANTIC_CONTINUITY", f"{MESH}/attributes"),
    (attribute("TEXCOORD_1", 99), "UNRESOLVED_REFERENCE", f"{MESH}/attributes/TEXCOORD_1"),
    (attribute("TANGENT", 3), "MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT", f"{MESH}/attributes/TANGENT"),
    (accessor(3, count=2), "MESH_PRIMITIVE_UNEQUAL_ACCESSOR_COUNT", f"{MESH}/attributes/NORMAL"),
    (accessor(1, count=2), "MESH_PRIMITIVE_MORPH_TARGET_INVALID_ATTRIBUTE_COUNT", f"{MESH}/targets/0/POSITION"),
    (lambda d, p: p["targets"][0].update(TANGENT=1), "MESH_PRIMITIVE_MORPH_TARGET_NO_BASE_ACCESSOR", f"{MESH}/targets/0/TANGENT"),
    (lambda d, p: p.update(indices=3), "MESH_PRIMITIVE_INDICES_ACCESSOR_INVALID_FORMAT", f"{MESH}/indices"),
    (lambda d, p: p.update(mode=7), "VALUE_NOT_IN_RANGE", f"{MESH}/mode"),
    (lambda d, p: p["attributes"].pop("TEXCOORD_0"), "MESH_PRIMITIVE_TOO_FEW_TEXCOORDS", f"{MESH}/material"),
    (lambda d, p: d["meshes"][0].update(weights=[0, 0]), "MESH_INVALID_WEIGHTS_COUNT", "/meshes/0/weights"),
    (lambda d, p: d["nodes"][0].update(weights=[0, 0]), "NODE_WEIGHTS_INVALID", "/nodes/0/weights"),
    (lambda d, p: d.update(skins=[{"joints": [0]}]) or d["nodes"][0].update(skin=0), "NODE_SKIN_WITH_NON_SKINNED_MESH", "/nodes/0"),
    (lambda d, p: d["bufferViews"][0].update(target=34962), "BUFFER_VIEW_TARGET_OVERRIDE", f"{MESH}/indices"),
    (
        lambda d, p: d["bufferViews"][0].update(byteStride=4, byteLength=12),
        "MESH_PRIMITIVE_INDICES_ACCESSOR_WITH_BYTESTRIDE",
        f"{MESH}/indices",
    ),
    (lambda d, p: d["bufferViews"][2].update(byteStride=4), "ACCESSOR_SMALL_BYTESTRIDE", "/accessors/2"),
]


@pytest.mark.parametrize(("edit", "code", "pointer"), MESH_CASES)
def test_broken_meshes_are_named_and_located(edit, code, pointer):
    check_document(mesh_document(lambda document, primitive: None))
    assert refused(mesh_document(edit)) == (code, pointer)


def animated(edit):
    """A node whose translation and rotation are animated, changed by `edit(document, animation)`."""
    file = GltfFile()
    times = file.accessor(np.array([0, 1], "f4"), bounds=True)
    moves, turns = file.accessor(np.zeros((2, 3), "f4")), file.accessor(np.array([[0, 0, 0, 1]] * 2, "f4"))
    file.node(name="moved")
    channels = [{"sampler": i, "target": {"node": 0, "path": path}} for i, path in enumerate(("translation", "rotation"))]
    file.document["animations"] = [
        {"channels": channels, "samplers": [{"input": times, "output": moves}, {"input": times, "output": turns}]}
    ]
    document = json.loads(file.text())
    edit(document, document["animations"][0])
    return document


ANIMATION = "/animations/0"
POINTER_EXTENSION = {"KHR_animation_pointer": {"pointer": "/nodes/0/scale"}}
ANIMATION_CASES = [
    (lambda d, a: a["channels"][0].update(sampler=2), "UNRESOLVED_REFERENCE", f"{ANIMATION}/channels/0/sampler"),
    (lambda d, a: a["channels"][1].update(a["channels"][0]), "ANIMATION_DUPLICATE_TARGETS", f"{ANIMATION}/channels/0/target"),
    (lambda d, a: a["samplers"][0].update(input=1), "ANIMATION_SAMPLER_INPUT_ACCESSOR_INVALID_FORMAT", f"{ANIMATION}/samplers/0/input"),
    (lambda d, a: d["accessors"][0].pop("min"), "ANIMATION_SAMPLER_INPUT_ACCESSOR_WITHOUT_BOUNDS", f"{ANIMATION}/samplers/0/input"),
    (lambda d, a: a["samplers"][1].update(output=1), "ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_FORMAT", f"{ANIMATION}/channels/1/sampler"),
    (lambda d, a: d["accessors"][1].update(count=1), "ANIMATION_SAMPLER_OUTPUT_ACCESSOR_INVALID_COUNT", f"{ANIMATION}/channels/0/sampler"),
    (
        lambda d, a: d["nodes"][0].update(matrix=np.eye(4).ravel().tolist()),
        "ANIMATION_CHANNEL_TARGET_NODE_MATRIX",
        f"{ANIMATION}/channels/0/target",
    ),
    (
        lambda d, a: a["channels"][0]["target"].update(path="weights"),
        "ANIMATION_CHANNEL_TARGET_NODE_WEIGHTS_NO_MORPHS",
        f"{ANIMATION}/channels/0/target",
    ),
    (
        lambda d, a: (
            d.update(extensionsUsed=["KHR_animation_pointer"])
            or a["channels"][0]["target"].update(path="pointer", extensions=POINTER_EXTENSION)
        ),
        "KHR_ANIMATION_POINTER_ANIMATION_CHANNEL_TARGET_NODE",
        f"{ANIMATION}/channels/0/target/extensions/KHR_animation_pointer",
    ),
    (lambda d, a: a["samplers"][0].update(output=0), "ACCESSOR_USAGE_OVERRIDE", f"{ANIMATION}/samplers/0/output"),
]


@pytest.mark.parametrize(("edit", "code", "pointer"), ANIMATION_CASES)
def test_broken_animations_are_named_and_located(edit, code, pointer):
    check_document(animated(lambda document, animation: None))
    assert refused(animated(edit)) == (code, pointer)


def test_a_variant_has_one_material():
    def edit(document, primitive):
        document["extensionsUsed"] = ["KHR_materials_variants"]
        document["extensions"] = {"KHR_materials_variants": {"variants": [{"name": "a"}, {"name": "b"}]}}
        mappings = [{"material": 0, "variants": [0, 1]}, {"material": 0, "variants": [1]}]
        primitive["extensions"] = {"KHR_materials_variants": {"mappings": mappings}}

    where = f"{MESH}/extensions/KHR_materials_variants/mappings/1/variants/0"
    assert refused(mesh_document(edit)) == ("KHR_MATERIALS_VARIANTS_NON_UNIQUE_VARIANT", where)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "cannot be parsed"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "'c' stands twice"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "cannot be parsed"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "cannot be parsed"),
        (b'{"a": {"b": ["\\ud83d"]}}', "half of a surrogate pair"),
        (b'{"\\uDE00": 1}', "half of a surrogate pair"),
        (b"[]", "must be an object"),
        (b"{} x", "cannot be parsed"),
    ],
)
def test_promise_6_only_strict_json_is_read(text, message):
    with pytest.raises(GltfError, match=message):
        parse_json(text, Limits())


def test_unknown_values_of_enumerations_do_not_matter_unless_they_are_read(tmp_path):
    document = with_asset(
        materials=[{"alphaMode": "SPARKLE"}], samplers=[{"wrapS": 1}], accessors=[{"componentType": 5130, "count": 1, "type": "VEC9"}]
    )
    check_document(document)
    file = triangle()
    file.document["accessors"][0]["componentType"] = 5130
    file.document["meshes"][0]["primitives"][0]["attributes"] = {"_CUSTOM": 0, "POSITION": 0}
    with pytest.raises(GltfError):
        read_gltf(file.glb(tmp_path), limits=Limits())


def reports(assets):
    for report in sorted((assets / "invalid" / "validator").rglob("*.report.json")):
        path = report.with_name(report.name.removesuffix(".report.json"))
        yield path, json.loads(report.read_text("utf-8"))["issues"]


def outcome(path):
    try:
        read_gltf(path, limits=Limits())
    except AssetError as error:
        return error
    return None


def test_promise_6_the_corpus_of_the_khronos_validator(assets):
    """What has errors is refused at one of the places that the validator names; what has none loads."""
    refusals, broken, other_place = 0, 0, []
    for path, issues in reports(assets):
        error = outcome(path)
        name = str(path.relative_to(assets / "invalid" / "validator")).removeprefix("base/")
        errors = [message for message in issues["messages"] if message["severity"] == 0]
        if not issues["numErrors"]:
            assert error is None, f"{name} is valid and was refused: {error}"
            continue
        broken += 1
        if name in NOT_REFUSED:
            assert error is None, f"{name} is refused now; take it out of NOT_REFUSED"
            assert {message["code"] for message in errors} <= TOLERATED.keys()
            continue
        assert isinstance(error, GltfError), f"{name} was loaded: {errors[0]['message']}"
        refusals += 1
        known = {(message["code"], message.get("pointer") or "") for message in errors}
        if (error.code, error.pointer) not in known:
            other_place.append(f"{name}: {error}")
    assert not other_place
    assert refusals >= 0.9 * broken, f"{refusals} of {broken} are refused"


def test_broken_files_of_other_projects(assets):
    folder = assets / "invalid"
    for number in ("00", "02", "04"):
        error = outcome(folder / "asset-generator" / f"Mesh_PrimitiveRestart_{number}.gltf")
        assert error is not None
        assert error.pointer == "/meshes/0/primitives/0/indices"
    assert outcome(folder / "assimp" / "TestNoRootNode" / "NoScene.gltf").code == "UNRESOLVED_REFERENCE"
    for number in ("00", "01"):
        assert outcome(folder / "asset-generator" / f"Mesh_NoPosition_{number}.gltf") is None
