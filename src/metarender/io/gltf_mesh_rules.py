"""The rules of glTF 2.0 about meshes: names, formats and counts of accessors, and what uses which memory."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from .gltf_draco import check_packed
from .gltf_layout import INDEX, VERTEX, format_name, format_of, layout_of
from .gltf_schema import Fault, pointer, shown
from .gltf_tables import TEXTURE_SLOTS

_U8, _U8N, _U16, _U16N = (5121, False), (5121, True), (5123, False), (5123, True)
_I8, _I8N, _I16, _I16N = (5120, False), (5120, True), (5122, False), (5122, True)
_F32 = (5126, False)
Formats = dict[str, frozenset[tuple[str, int, bool]]]


def formats(**table: tuple[tuple[str, ...], tuple[tuple[int, bool], ...]]) -> Formats:
    """Expand name=(types, (component type, normalized) pairs) into the set of formats that each name may have."""
    return {name: frozenset((kind, *c) for kind in kinds for c in components) for name, (kinds, components) in table.items()}


_BASE = formats(
    POSITION=(("VEC3",), (_F32,)),
    NORMAL=(("VEC3",), (_F32,)),
    TANGENT=(("VEC4",), (_F32,)),
    TEXCOORD=(("VEC2",), (_F32, _U8N, _U16N)),
    COLOR=(("VEC3", "VEC4"), (_F32, _U8N, _U16N)),
    JOINTS=(("VEC4",), (_U8, _U16)),
    WEIGHTS=(("VEC4",), (_F32, _U8N, _U16N)),
)
_BASE_QUANTIZED = {
    **_BASE,
    **formats(
        POSITION=(("VEC3",), (_F32, _I8, _I8N, _U8, _U8N, _I16, _I16N, _U16, _U16N)),
        NORMAL=(("VEC3",), (_F32, _I8N, _I16N)),
        TANGENT=(("VEC4",), (_F32, _I8N, _I16N)),
        TEXCOORD=(("VEC2",), (_F32, _I8, _I8N, _U8, _U8N, _I16, _I16N, _U16, _U16N)),
    ),
}
_MORPH = formats(
    POSITION=(("VEC3",), (_F32,)),
    NORMAL=(("VEC3",), (_F32,)),
    TANGENT=(("VEC3",), (_F32,)),
    TEXCOORD=(("VEC2",), (_F32, _I8N, _U8N, _I16N, _U16N)),
    COLOR=(("VEC3", "VEC4"), (_F32, _I8N, _U8N, _I16N, _U16N)),
)
_MORPH_QUANTIZED = {
    **_MORPH,
    **formats(
        POSITION=(("VEC3",), (_F32, _I8, _I8N, _I16, _I16N)),
        NORMAL=(("VEC3",), (_F32, _I8N, _I16N)),
        TANGENT=(("VEC3",), (_F32, _I8N, _I16N)),
    ),
}
_NUMBERED = re.compile(r"(TEXCOORD|COLOR|JOINTS|WEIGHTS)_(0|[1-9][0-9]*)")
_INDEX_FORMATS = frozenset(("SCALAR", component, False) for component in (5121, 5123, 5125))


_TARGETS = {VERTEX: "VertexBuffer", INDEX: "IndexBuffer"}


class Usage:
    """Remembers what each buffer view and accessor is used for, and refuses a second, different use."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.accessors: list[dict[str, Any]] = document.get("accessors", [])
        self._views: list[dict[str, Any]] = document.get("bufferViews", [])
        self._view_use: list[str | None] = [_TARGETS.get(view.get("target", 0)) for view in self._views]
        self._accessor_use: list[str | None] = [None] * len(self.accessors)
        self._shared: dict[int, int] = {}
        for accessor in self.accessors:
            if (sparse := accessor.get("sparse")) is not None:  # gltf_layout has refused a target here
                for part in ("indices", "values"):
                    self._view_use[sparse[part]["bufferView"]] = "Other"

    def image(self, view: int) -> None:
        """Note that a buffer view holds a picture."""
        self._claim_view(view, "Image")
        if "byteStride" in self._views[view]:
            raise Fault("IMAGE_BUFFER_VIEW_WITH_BYTESTRIDE", "The view of an image cannot have a byteStride.")

    def vertex(self, number: int) -> None:
        """Note that an accessor holds vertex data, once for each accessor: alignment, stride, and no other use."""
        if self._accessor_use[number] == "VertexAttribute":
            return
        accessor = self.accessors[number]
        self._claim(number, "VertexAttribute", "VertexBuffer")
        view_number = accessor.get("bufferView")
        layout = layout_of(accessor)
        if view_number is None or layout is None:
            return
        view = self._views[view_number]
        stride = view.get("byteStride")
        if accessor.get("byteOffset", 0) % 4 or (stride or layout.size) % 4:
            raise Fault("MESH_PRIMITIVE_ACCESSOR_UNALIGNED", "Vertex data must start at multiples of 4 bytes.")
        if stride is None and self._shared.setdefault(view_number, number) != number:
            raise Fault("MESH_PRIMITIVE_ACCESSOR_WITHOUT_BYTESTRIDE", "Two vertex accessors share a view, which then needs a byteStride.")

    def index(self, number: int) -> None:
        """Note that an accessor holds indices."""
        accessor = self.accessors[number]
        if "bufferView" in accessor and "byteStride" in self._views[accessor["bufferView"]]:
            raise Fault("MESH_PRIMITIVE_INDICES_ACCESSOR_WITH_BYTESTRIDE", "The view of indices cannot have a byteStride.", "indices")
        if format_of(accessor) not in _INDEX_FORMATS:
            raise Fault("MESH_PRIMITIVE_INDICES_ACCESSOR_INVALID_FORMAT", f"Indices cannot be {format_name(accessor)}.", "indices")
        try:
            self._claim(number, "PrimitiveIndices", "IndexBuffer")
        except Fault as fault:
            fault.path.append("indices")
            raise

    def other(self, number: int, use: str, stride_code: str, *path: str | int) -> None:
        """Note that an accessor holds something that is neither, which cannot be interleaved; `path` is where it is used."""
        try:
            self._claim(number, use, "IBM" if use == "IBM" else "Other")
            view = self.accessors[number].get("bufferView")
            if view is not None and "byteStride" in self._views[view]:
                raise Fault(stride_code, "Only views with vertex data can have a byteStride.")
        except Fault as fault:
            fault.path += path
            raise

    def _claim(self, number: int, use: str, view_use: str) -> None:
        if (before := self._accessor_use[number]) not in (None, use):
            raise Fault("ACCESSOR_USAGE_OVERRIDE", f"The accessor is already used as {before}, it cannot also be {use}.")
        self._accessor_use[number] = use
        if (view := self.accessors[number].get("bufferView")) is not None:
            self._claim_view(view, view_use)

    def _claim_view(self, view: int, use: str) -> None:
        if (before := self._view_use[view]) not in (None, use):
            raise Fault("BUFFER_VIEW_TARGET_OVERRIDE", f"The view is already used as {before}, it cannot also be {use}.")
        self._view_use[view] = use


def check_meshes(document: dict[str, Any], usage: Usage, quantized: bool) -> None:
    """Check every mesh, and how nodes use them.

    Raises
    ------
    Fault
    """
    needed = [_texcoords(material) for material in document.get("materials", ())]
    untangible = {index for index, material in enumerate(document.get("materials", ())) if _needs_given_tangents(material)}
    base, morph = (_BASE_QUANTIZED, _MORPH_QUANTIZED) if quantized else (_BASE, _MORPH)
    for index, mesh in enumerate(document.get("meshes", ())):
        targets = len(mesh["primitives"][0].get("targets", ()))
        for place, primitive in enumerate(mesh["primitives"]):
            try:
                _check_primitive(primitive, usage, base, morph, needed)
                if primitive.get("material") in untangible and not primitive["attributes"].keys() >= {"NORMAL", "TANGENT"}:
                    message = "The material needs tangents, which neither the mesh nor a normal map provides."
                    raise Fault("MESH_PRIMITIVE_NO_TANGENT_SPACE", message, "material")
                if len(primitive.get("targets", ())) != targets:
                    message = "All primitives of a mesh must have the same number of morph targets."
                    raise Fault("MESH_PRIMITIVES_UNEQUAL_TARGETS_COUNT", message, *(["targets"] if "targets" in primitive else []))
            except Fault as fault:
                fault.path += [place, "primitives", index, "meshes"]
                raise
        if "weights" in mesh and len(mesh["weights"]) != targets:
            message = f"{len(mesh['weights'])} weights do not match {targets} morph targets."
            raise Fault("MESH_INVALID_WEIGHTS_COUNT", message, "weights", index, "meshes")
    _check_mesh_nodes(document)


def _texcoords(material: dict[str, Any]) -> list[tuple[str, int]]:
    """List (place, set) of every texture that a material reads, those of checked extensions included."""
    found = []
    for path, slots in TEXTURE_SLOTS.items():
        holder: dict[str, Any] | None = material
        for key in path:
            holder = None if holder is None else holder.get(key)
        if holder is None:
            continue
        for name in slots:
            if (info := holder.get(name)) is not None:
                found.append((pointer(*path, name), texture_set(info)))
    return found


def _needs_given_tangents(material: dict[str, Any]) -> bool:
    """Whether something of a material needs tangents that no normal map of the base layer can make."""
    extensions = material.get("extensions", {})
    clearcoat, anisotropy = extensions.get("KHR_materials_clearcoat", {}), extensions.get("KHR_materials_anisotropy", {})
    return "normalTexture" not in material and ("clearcoatNormalTexture" in clearcoat or "anisotropyTexture" in anisotropy)


def texture_set(info: dict[str, Any]) -> int:
    """Return the set of coordinates that a textureInfo reads; KHR_texture_transform may override it."""
    transform = info.get("extensions", {}).get("KHR_texture_transform", {})
    number: int = transform.get("texCoord", info.get("texCoord", 0))
    return number


def _check_primitive(primitive: dict[str, Any], usage: Usage, base: Formats, morph: Formats, needed: list[list[tuple[str, int]]]) -> None:
    attributes: dict[str, int] = primitive["attributes"]
    try:
        count = _check_attributes(attributes, usage, base)
    except Fault as fault:
        fault.path.append("attributes")
        raise
    if "indices" in primitive:
        usage.index(primitive["indices"])
    for place, target in enumerate(primitive.get("targets", ())):
        try:
            _check_target(target, attributes, usage, morph, count)
        except Fault as fault:
            fault.path += [place, "targets"]
            raise
    if "extensions" in primitive:
        _check_variants(primitive["extensions"].get("KHR_materials_variants", {}).get("mappings", ()))
        check_packed(primitive)
    for texture, number in needed[primitive["material"]] if "material" in primitive else ():
        if f"TEXCOORD_{number}" not in attributes:
            raise Fault("MESH_PRIMITIVE_TOO_FEW_TEXCOORDS", f"The material's {texture} needs the attribute TEXCOORD_{number}.", "material")


def _check_variants(mappings: Sequence[dict[str, Any]]) -> None:
    seen: set[int] = set()
    for index, mapping in enumerate(mappings):
        for place, variant in enumerate(mapping["variants"]):
            if variant in seen:
                message = f"Variant {variant} has two materials."
                where = (place, "variants", index, "mappings", "KHR_materials_variants", "extensions")
                raise Fault("KHR_MATERIALS_VARIANTS_NON_UNIQUE_VARIANT", message, *where)
            seen.add(variant)


def _check_attributes(attributes: dict[str, int], usage: Usage, formats: Formats) -> int:
    """Check names, formats and counts; return the number of vertices."""
    sets: dict[str, list[int]] = {}
    count = usage.accessors[attributes.get("POSITION", next(iter(attributes.values())))]["count"]
    for name, number in attributes.items():
        try:
            kind = _semantic(name, sets)
            accessor = usage.accessors[number]
            if kind is not None and format_of(accessor) not in formats[kind]:
                raise Fault("MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT", f"{name} cannot be {format_name(accessor)}.")
            if kind is None and accessor["componentType"] == 5125:
                raise Fault("MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_UNSIGNED_INT", "Attributes cannot be 32-bit integers; use floats.")
            usage.vertex(number)
            if accessor["count"] != count:
                message = f"{name} has {accessor['count']} elements, the other attributes {count}."
                raise Fault("MESH_PRIMITIVE_UNEQUAL_ACCESSOR_COUNT", message)
        except Fault as fault:
            fault.path.append(name)
            raise
    for kind, numbers in sets.items():
        if max(numbers) != len(numbers) - 1:
            raise Fault("MESH_PRIMITIVE_INDEXED_SEMANTIC_CONTINUITY", f"The sets of {kind} must start with 0 and be continuous.")
    if len(sets.get("JOINTS", ())) != len(sets.get("WEIGHTS", ())):
        raise Fault("MESH_PRIMITIVE_JOINTS_WEIGHTS_MISMATCH", "There must be as many JOINTS as WEIGHTS attributes.")
    return int(count)


def _semantic(name: str, sets: dict[str, list[int]]) -> str | None:
    """Return the kind of an attribute, None for application-specific ones, and note numbered sets."""
    if name in ("POSITION", "NORMAL", "TANGENT"):
        return name
    if name.startswith("_"):
        return None
    match = _NUMBERED.fullmatch(name)
    if match is None or len(match[2]) > 4:
        raise Fault("MESH_PRIMITIVE_INVALID_ATTRIBUTE", f"{shown(name)} is not an attribute; application-specific names start with '_'.")
    sets.setdefault(match[1], []).append(int(match[2]))
    return match[1]


def _check_target(target: dict[str, int], attributes: dict[str, int], usage: Usage, formats: Formats, count: int) -> None:
    sets: dict[str, list[int]] = {}
    for name, number in target.items():
        try:
            kind = _semantic(name, sets)
            accessor = usage.accessors[number]
            if kind is not None and kind not in formats:
                raise Fault("MESH_PRIMITIVE_INVALID_ATTRIBUTE", f"{name} cannot be morphed.")
            if kind is not None and format_of(accessor) not in formats[kind]:
                raise Fault("MESH_PRIMITIVE_ATTRIBUTES_ACCESSOR_INVALID_FORMAT", f"A morph of {name} cannot be {format_name(accessor)}.")
            usage.vertex(number)
            if name not in attributes:
                raise Fault("MESH_PRIMITIVE_MORPH_TARGET_NO_BASE_ACCESSOR", f"The primitive has no {name} to morph.")
            if accessor["count"] != count:
                message = f"The morph of {name} has {accessor['count']} elements, the primitive {count}."
                raise Fault("MESH_PRIMITIVE_MORPH_TARGET_INVALID_ATTRIBUTE_COUNT", message)
        except Fault as fault:
            fault.path.append(name)
            raise


def _check_mesh_nodes(document: dict[str, Any]) -> None:
    meshes = document.get("meshes", [])
    for index, node in enumerate(document.get("nodes", ())):
        if "mesh" not in node:
            continue
        primitives = meshes[node["mesh"]]["primitives"]
        if "weights" in node and len(node["weights"]) != len(primitives[0].get("targets", ())):
            message = f"{len(node['weights'])} weights do not match {len(primitives[0].get('targets', ()))} morph targets."
            raise Fault("NODE_WEIGHTS_INVALID", message, "weights", index, "nodes")
        if "skin" in node and not any("JOINTS_0" in primitive["attributes"] for primitive in primitives):
            raise Fault("NODE_SKIN_WITH_NON_SKINNED_MESH", "The node has a skin, but its mesh has no JOINTS_0.", index, "nodes")
