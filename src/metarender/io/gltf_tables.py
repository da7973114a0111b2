"""The glTF 2.0 JSON schema as data: one rule per kind of object, for the core and the extensions whose content is checked.

Extensions are listed by the places where they may stand. An extension that is listed here is checked even where it is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .gltf_schema import Context, Fault, Rule, anything, array, boolean, integer, mapping, needing, number, one_of, record, reference, text

NUMBER = number()
UNIT = number(0, 1)
POSITIVE = number(above=0)
NOT_NEGATIVE = number(0)
INDEX = integer(0)
COUNT = integer(1)
POINTER_PATTERN = r"(?:/(?:[^/~]|~0|~1)*)*"


def refraction(value: Any, context: Context) -> None:
    """Accept an index of refraction: at least 1, or 0 for none."""
    NOT_NEGATIVE(value, context)
    if 0 < value < 1:
        raise Fault("VALUE_NOT_IN_RANGE", f"{value} is out of range; it must be 0 or at least 1.")


def vector(length: int, item: Rule = NUMBER) -> Rule:
    """Make a rule for an array of exactly `length` numbers."""
    return array(item, lengths=(length,))


TEXTURE_TRANSFORM = record(
    "KHR_texture_transform", {"offset": vector(2), "rotation": NUMBER, "scale": vector(2), "texCoord": INDEX}
)
_TEXTURE_EXTENSIONS = {"KHR_texture_transform": {"textureInfo": TEXTURE_TRANSFORM}}


def texture_info(fields: Mapping[str, Rule] | None = None) -> Rule:
    """Make a rule for a reference to a texture, with the further properties of normal and occlusion slots."""
    return record(
        "textureInfo",
        {"index": reference("textures"), "texCoord": INDEX, "extras": anything, **(fields or {})},
        required=("index",),
        extensions={**_ELSEWHERE, **_TEXTURE_EXTENSIONS},
    )


# Extensions that stand nowhere but in the places of EXTENSIONS below; an empty table makes a stray one an error.
_ELSEWHERE: dict[str, dict[str, Rule]] = {
    name: {}
    for name in (
        "EXT_mesh_gpu_instancing", "EXT_meshopt_compression", "EXT_texture_webp", "GOOGLE_texture_basis", "KHR_animation_pointer",
        "KHR_draco_mesh_compression", "KHR_lights_punctual", "KHR_materials_anisotropy",
        "KHR_materials_clearcoat", "KHR_materials_dispersion", "KHR_materials_emissive_strength", "KHR_materials_ior",
        "KHR_materials_iridescence", "KHR_materials_pbrSpecularGlossiness", "KHR_materials_sheen", "KHR_materials_specular",
        "KHR_materials_transmission", "KHR_materials_unlit", "KHR_materials_variants", "KHR_materials_volume", "KHR_mesh_quantization",
        "KHR_texture_basisu",
    )
}
TEXTURE = texture_info()
NORMAL_TEXTURE = texture_info({"scale": NUMBER})
OCCLUSION_TEXTURE = texture_info({"strength": UNIT})


_COLOR = vector(3, UNIT)
_MATERIAL_EXTENSIONS: dict[str, dict[str, Rule]] = {
    "KHR_materials_unlit": {},
    "KHR_materials_emissive_strength": dict(emissiveStrength=NOT_NEGATIVE),
    "KHR_materials_clearcoat": dict(
        clearcoatFactor=UNIT, clearcoatTexture=TEXTURE, clearcoatRoughnessFactor=UNIT, clearcoatRoughnessTexture=TEXTURE,
        clearcoatNormalTexture=NORMAL_TEXTURE,
    ),
    "KHR_materials_transmission": dict(transmissionFactor=UNIT, transmissionTexture=TEXTURE),
    "KHR_materials_volume": dict(
        thicknessFactor=NOT_NEGATIVE, thicknessTexture=TEXTURE, attenuationDistance=POSITIVE, attenuationColor=_COLOR
    ),
    "KHR_materials_ior": dict(ior=refraction),
    "KHR_materials_specular": dict(
        specularFactor=UNIT, specularTexture=TEXTURE, specularColorFactor=vector(3, NOT_NEGATIVE), specularColorTexture=TEXTURE
    ),
    "KHR_materials_sheen": dict(
        sheenColorFactor=_COLOR, sheenColorTexture=TEXTURE, sheenRoughnessFactor=UNIT, sheenRoughnessTexture=TEXTURE
    ),
    "KHR_materials_anisotropy": dict(anisotropyStrength=UNIT, anisotropyRotation=NUMBER, anisotropyTexture=TEXTURE),
    "KHR_materials_iridescence": dict(
        iridescenceFactor=UNIT, iridescenceTexture=TEXTURE, iridescenceIor=number(1), iridescenceThicknessMinimum=NOT_NEGATIVE,
        iridescenceThicknessMaximum=NOT_NEGATIVE, iridescenceThicknessTexture=TEXTURE,
    ),
    "KHR_materials_dispersion": dict(dispersion=NOT_NEGATIVE),
    "KHR_materials_pbrSpecularGlossiness": dict(
        diffuseFactor=vector(4, UNIT), diffuseTexture=TEXTURE, specularFactor=_COLOR, glossinessFactor=UNIT,
        specularGlossinessTexture=TEXTURE,
    ),
}
_SPOT = record(
    "spot", {"innerConeAngle": number(0, math.nextafter(math.pi / 2, 0)), "outerConeAngle": number(0, math.pi / 2, above=0)}
)
_LIGHT = record(
    "light",
    {
        "type": one_of(str, "directional", "point", "spot"),
        "color": _COLOR, "intensity": NOT_NEGATIVE, "range": POSITIVE, "spot": _SPOT, "extras": anything,
    },
    required=("type",),
)
_VARIANT_MAPPING = record(
    "mapping",
    {"variants": array(reference("variants", listed=True), unique=True), "material": reference("materials")},
    required=("variants", "material"),
)

EXTENSIONS: Mapping[str, Mapping[str, Rule]] = MappingProxyType({
    **_ELSEWHERE,
    **_TEXTURE_EXTENSIONS,
    **{name: {"material": record(name, fields, extensions=_ELSEWHERE)} for name, fields in _MATERIAL_EXTENSIONS.items()},
    "KHR_lights_punctual": {
        "glTF": record("KHR_lights_punctual", {"lights": array(_LIGHT)}, required=("lights",)),
        "node": needing("lights", record("KHR_lights_punctual", {"light": reference("lights")}, required=("light",))),
    },
    "KHR_materials_variants": {
        "glTF": record(
            "KHR_materials_variants", {"variants": array(record("variant", {}, required=("name",)))}, required=("variants",)
        ),
        "primitive": record("KHR_materials_variants", {"mappings": array(needing("variants", _VARIANT_MAPPING))}, required=("mappings",)),
    },
    "EXT_mesh_gpu_instancing": {
        "node": record("EXT_mesh_gpu_instancing", {"attributes": mapping(reference("accessors", listed=True))}, required=("attributes",)),
    },
    "EXT_meshopt_compression": {
        "buffer": record("EXT_meshopt_compression", {"fallback": boolean}),
        "bufferView": record(
            "EXT_meshopt_compression",
            {
                "buffer": reference("buffers"), "byteOffset": INDEX, "byteLength": COUNT, "byteStride": COUNT, "count": COUNT,
                "mode": one_of(str), "filter": one_of(str),
            },
            required=("buffer", "byteLength", "byteStride", "count", "mode"),
        ),
    },
    "KHR_draco_mesh_compression": {
        "primitive": record(
            "KHR_draco_mesh_compression", {"bufferView": reference("bufferViews"), "attributes": mapping(INDEX)},
            required=("bufferView", "attributes"),
        ),
    },
    **{
        name: {"texture": record(name, {"source": reference("images")})}
        for name in ("EXT_texture_webp", "GOOGLE_texture_basis", "KHR_texture_basisu")
    },
    "KHR_animation_pointer": {
        "target": record("KHR_animation_pointer", {"pointer": text(POINTER_PATTERN)}, required=("pointer",)),
    },
    "KHR_node_visibility": {"node": record("KHR_node_visibility", {"visible": boolean})},
})


def _object(
    place: str,
    fields: Mapping[str, Rule],
    required: tuple[str, ...] = (),
    needs: Mapping[str, str] | None = None,
    exactly_one: tuple[str, ...] = (),
) -> Rule:
    return record(place, {**fields, "extras": anything}, required=required, needs=needs, exactly_one=exactly_one, extensions=EXTENSIONS)


_VIEW_PLACE = {"bufferView": reference("bufferViews"), "byteOffset": INDEX}
_SPARSE_INDICES = _object("indices", {**_VIEW_PLACE, "componentType": one_of(int, 5121, 5123, 5125)}, ("bufferView", "componentType"))
_SPARSE_VALUES = _object("values", _VIEW_PLACE, ("bufferView",))
_SPARSE = _object("sparse", {"count": COUNT, "indices": _SPARSE_INDICES, "values": _SPARSE_VALUES}, ("count", "indices", "values"))
_BOUND = array(NUMBER, lengths=(1, 2, 3, 4, 9, 16))
_ACCESSOR = _object(
    "accessor",
    {
        **_VIEW_PLACE, "componentType": one_of(int, 5120, 5121, 5122, 5123, 5125, 5126), "normalized": boolean, "count": COUNT,
        "type": one_of(str, "SCALAR", "VEC2", "VEC3", "VEC4", "MAT2", "MAT3", "MAT4"), "max": _BOUND, "min": _BOUND, "sparse": _SPARSE,
    },
    ("componentType", "count", "type"),
    {"byteOffset": "bufferView"},
)
_TARGET = _object(
    "target", {"node": reference("nodes"), "path": one_of(str, "translation", "rotation", "scale", "weights", "pointer")}, ("path",)
)
_ANIMATION = _object(
    "animation",
    {
        "channels": array(_object("channel", {"sampler": INDEX, "target": _TARGET}, ("sampler", "target"))),
        "samplers": array(_object(
            "sampler",
            {
                "input": reference("accessors"), "output": reference("accessors"),
                "interpolation": one_of(str, "LINEAR", "STEP", "CUBICSPLINE"),
            },
            ("input", "output"),
        )),
    },
    ("channels", "samplers"),
)
_VERSION = text(r"([0-9]+)\.([0-9]+)")
_ASSET = _object("asset", {"version": _VERSION, "minVersion": _VERSION, "generator": text(), "copyright": text()}, ("version",))
_BUFFER = _object("buffer", {"uri": text(), "byteLength": COUNT}, ("byteLength",))
_BUFFER_VIEW = _object(
    "bufferView",
    {
        "buffer": reference("buffers"), "byteOffset": INDEX, "byteLength": COUNT, "byteStride": integer(4, 252, multiple=4),
        "target": one_of(int, 34962, 34963),
    },
    ("buffer", "byteLength"),
)
_ORTHOGRAPHIC = _object(
    "orthographic", {"xmag": NUMBER, "ymag": NUMBER, "zfar": POSITIVE, "znear": NOT_NEGATIVE}, ("xmag", "ymag", "zfar", "znear")
)
_PERSPECTIVE = _object(
    "perspective", {"aspectRatio": POSITIVE, "yfov": POSITIVE, "zfar": POSITIVE, "znear": POSITIVE}, ("yfov", "znear")
)
_CAMERA = _object(
    "camera", {"type": one_of(str, "perspective", "orthographic"), "perspective": _PERSPECTIVE, "orthographic": _ORTHOGRAPHIC},
    ("type",),
)
_IMAGE = _object(
    "image", {"uri": text(), "mimeType": one_of(str, "image/jpeg", "image/png"), "bufferView": reference("bufferViews")},
    needs={"bufferView": "mimeType"}, exactly_one=("uri", "bufferView"),
)
_ROUGHNESS: dict[str, Rule] = {
    "baseColorFactor": vector(4, UNIT), "baseColorTexture": TEXTURE, "metallicFactor": UNIT, "roughnessFactor": UNIT,
    "metallicRoughnessTexture": TEXTURE,
}
_MATERIAL: dict[str, Rule] = {
    "pbrMetallicRoughness": _object("pbrMetallicRoughness", _ROUGHNESS), "normalTexture": NORMAL_TEXTURE,
    "occlusionTexture": OCCLUSION_TEXTURE, "emissiveTexture": TEXTURE, "emissiveFactor": _COLOR,
    "alphaMode": one_of(str, "OPAQUE", "MASK", "BLEND"), "alphaCutoff": NOT_NEGATIVE, "doubleSided": boolean,
}


def _slots(fields: Mapping[str, Rule]) -> tuple[str, ...]:
    return tuple(name for name, rule in fields.items() if rule in (TEXTURE, NORMAL_TEXTURE, OCCLUSION_TEXTURE))


TEXTURE_SLOTS: Mapping[tuple[str, ...], tuple[str, ...]] = MappingProxyType({
    (): _slots(_MATERIAL),
    ("pbrMetallicRoughness",): _slots(_ROUGHNESS),
    **{("extensions", name): slots for name, fields in _MATERIAL_EXTENSIONS.items() if (slots := _slots(fields))},
})
"""Where a material has textures: path of the object that holds them -> names."""

_VERTICES = reference("accessors", listed=True)
_PRIMITIVE = _object(
    "primitive",
    {
        "attributes": mapping(_VERTICES), "indices": reference("accessors"), "material": reference("materials"),
        "mode": integer(0, 6), "targets": array(mapping(_VERTICES)),
    },
    ("attributes",),
)
_MESH = _object("mesh", {"primitives": array(_PRIMITIVE), "weights": array(NUMBER)}, ("primitives",))
_NODES = array(reference("nodes", listed=True), unique=True)
_NODE = _object(
    "node",
    {
        "camera": reference("cameras"), "children": _NODES, "skin": reference("skins"),
        "matrix": vector(16), "mesh": reference("meshes"), "rotation": vector(4, number(-1.0000001, 1.0000001)), "scale": vector(3),
        "translation": vector(3), "weights": array(NUMBER),
    },
    needs={"skin": "mesh", "weights": "mesh"},
)
_FILTERS = (9728, 9729, 9984, 9985, 9986, 9987)
_WRAPS = (33071, 33648, 10497)
_SAMPLER = _object(
    "sampler",
    {
        "magFilter": one_of(int, *_FILTERS[:2]), "minFilter": one_of(int, *_FILTERS), "wrapS": one_of(int, *_WRAPS),
        "wrapT": one_of(int, *_WRAPS),
    },
)
_SCENE = _object("scene", {"nodes": _NODES})
_SKIN = _object(
    "skin",
    {
        "inverseBindMatrices": reference("accessors"), "skeleton": reference("nodes"), "joints": _NODES,
    },
    ("joints",),
)
_TEXTURE = _object("texture", {"sampler": reference("samplers"), "source": reference("images")})

_COLLECTION_RULES: dict[str, Rule] = {
    "accessors": _ACCESSOR, "animations": _ANIMATION, "buffers": _BUFFER, "bufferViews": _BUFFER_VIEW, "cameras": _CAMERA,
    "images": _IMAGE, "materials": _object("material", _MATERIAL), "meshes": _MESH, "nodes": _NODE, "samplers": _SAMPLER,
    "scenes": _SCENE, "skins": _SKIN, "textures": _TEXTURE,
}
COLLECTIONS = tuple(_COLLECTION_RULES)
_NAMES = array(text(), unique=True, misfit=("ARRAY_TYPE_MISMATCH", True))

ROOT = _object(
    "glTF",
    {
        "asset": _ASSET, "scene": reference("scenes"), "extensionsUsed": _NAMES, "extensionsRequired": _NAMES,
        **{name: array(rule, misfit=("TYPE_MISMATCH", True)) for name, rule in _COLLECTION_RULES.items()},
    },
    ("asset",),
    {"extensionsRequired": "extensionsUsed"},
)
