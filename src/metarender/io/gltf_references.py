"""Where objects of glTF 2.0 and its extensions name other objects by number, as data: what a copy has to renumber.

A specification is the name of a collection for a number, ``[specification]`` for a list, ``{name: specification}`` for an object and
``{"*": specification}`` for one with any names; what none is given for is copied as it is. Attributes and indices name collections of
their own, because their bytes are laid out differently (glTF 2.0, 3.6.2.4).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Specification = Any


class Missing(Exception):
    """What is named is not in the scene any more, or its bytes cannot be had; whatever needs it goes too."""


_IN_POINTER = re.compile(r"/\d+(/|$)")

TEXTURE: Specification = {"index": "textures"}
"""A reference to a texture; in materials and their extensions every property whose name ends in Texture is one."""

TARGET = {"POSITION": "positions", "*": "vertices"}
PRIMITIVE: Specification = {"attributes": TARGET, "indices": "indices", "material": "materials", "targets": [TARGET]}

OBJECTS: Mapping[str, Specification] = MappingProxyType({
    "cameras": {},
    "imageLights": {"specularImages": [["images"]]},
    "lights": {},
    "materials": {},
    "meshes": {"primitives": [PRIMITIVE]},
    "nodes": {"camera": "cameras", "children": ["lods"], "mesh": "meshes", "skin": "skins"},
    "packets": {},
    "propertyAttributes": {},
    "propertyTables": {"properties": {"*": {"values": "views", "arrayOffsets": "views", "stringOffsets": "views"}}},
    "propertyTextures": {"properties": {"*": TEXTURE}},
    "samplers": {},
    "skins": {"inverseBindMatrices": "accessors", "joints": ["nodes"], "skeleton": "nodes"},
    "textures": {"sampler": "samplers", "source": "images"},
    "variants": {},
})
"""Objects by collection; accessors, images and animations need more than renumbering."""

VITAL = frozenset({"index", "inverseBindMatrices", "joints", "material", "primitives", "attributes", "values", "light", "ids", "POSITION"})
"""Properties without which the object that has them says nothing: it goes with what they name."""

_SOURCE: Specification = {"source": "images"}
EXTENSIONS: Mapping[str, Specification] = MappingProxyType({
    "AGI_articulations": {},
    "CESIUM_primitive_outline": {"indices": "accessors"},
    "EXT_instance_features": {"featureIds": [{"propertyTable": "propertyTables"}]},
    "EXT_lights_image_based": {"light": "imageLights"},
    "EXT_mesh_features": {"featureIds": [{"propertyTable": "propertyTables", "texture": TEXTURE}]},
    "EXT_mesh_gpu_instancing": {"attributes": {"*": "accessors"}},
    "EXT_structural_metadata": {"propertyTextures": ["propertyTextures"], "propertyAttributes": ["propertyAttributes"]},
    "EXT_texture_avif": _SOURCE,
    "EXT_texture_webp": _SOURCE,
    "FB_geometry_metadata": {},
    "GOOGLE_texture_basis": _SOURCE,
    "KHR_draco_mesh_compression": {"bufferView": "views"},
    "KHR_lights_punctual": {"light": "lights"},
    "KHR_materials_variants": {"mappings": [{"material": "materials", "variants": ["variants"]}]},
    "KHR_mesh_quantization": {},
    "KHR_node_hoverability": {},
    "KHR_node_selectability": {},
    "KHR_node_visibility": {},
    "KHR_texture_basisu": _SOURCE,
    "KHR_texture_transform": {},
    "KHR_xmp_json_ld": {"packet": "packets"},
    "MSFT_lod": {"ids": ["lods"]},
    "MSFT_packing_normalRoughnessMetallic": {},
    "MSFT_packing_occlusionRoughnessMetallic": {},
    "MSFT_texture_dds": _SOURCE,
})
"""Extensions below the top of the document."""

MATERIAL_EXTENSIONS = ("KHR_materials_", "EXT_materials_", "ADOBE_materials_", "MSFT_packing_")
"""Beginnings of names of extensions in which every property that ends in Texture names one and all other numbers are plain."""

DECODED = frozenset({"EXT_meshopt_compression", "KHR_meshopt_compression"})
"""Extensions of buffer views that are gone once the bytes are decoded."""

TABLES: Mapping[str, tuple[str, str]] = MappingProxyType({
    "imageLights": ("EXT_lights_image_based", "lights"),
    "lights": ("KHR_lights_punctual", "lights"),
    "packets": ("KHR_xmp_json_ld", "packets"),
    "propertyAttributes": ("EXT_structural_metadata", "propertyAttributes"),
    "propertyTables": ("EXT_structural_metadata", "propertyTables"),
    "propertyTextures": ("EXT_structural_metadata", "propertyTextures"),
    "variants": ("KHR_materials_variants", "variants"),
})
"""Collections that stand in extensions of the document itself: which extension, and its property."""

KEPT_WHOLE = ("variants", "packets", "propertyTables", "propertyTextures", "propertyAttributes")
"""Collections that are saved with all that is in them, because more than the document may refer to their numbers."""


def is_safe(value: Any) -> bool:
    """Return whether there is no whole number in a value, nor one in a JSON pointer, and so none that could be the number of something."""
    if isinstance(value, dict):
        return all(map(is_safe, value.values()))
    if isinstance(value, list):
        return all(map(is_safe, value))
    return type(value) is not int and not (isinstance(value, str) and _IN_POINTER.search(value))
