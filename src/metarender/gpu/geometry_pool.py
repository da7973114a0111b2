"""The mega-buffers: one vertex arena for each vertex layout, one index arena, one of morphs, shared by all scenes of a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..geometry import COLOR, JOINTS, JOINTS8, MORPH, MORPH_NORMAL, MORPH_TANGENT, NORMAL, TANGENT, UV0, UV1, VALUE, Geometry
from .buffers import GrowBuffer, RangeAllocator

if TYPE_CHECKING:
    from .device import Device

LAYOUT_MASK = 0xFFFF


class VertexAttribute(NamedTuple):
    """One attribute of a vertex."""

    bit: int
    """Of the layout; 0 where every vertex has it."""
    name: str
    """Attribute of Geometry."""
    shader: str
    """Input of the vertex shader."""
    format: str
    """As ModernGL spells it."""
    words: int
    """Of four bytes."""
    first: int = 0
    """Column of the attribute of Geometry that it starts with."""


LAYOUT_ATTRIBUTES = tuple(VertexAttribute(*row) for row in (
    (0, "positions", "in_position", "3f4", 3), (NORMAL, "normals", "in_normal", "3f4", 3), (TANGENT, "tangents", "in_tangent", "4f4", 4),
    (UV0, "uv0", "in_uv0", "2f4", 2), (UV1, "uv1", "in_uv1", "2f4", 2), (COLOR, "colors", "in_color", "4f4", 4),
    (JOINTS, "joints", "in_joints0", "4u2", 2), (JOINTS, "weights", "in_weights0", "4f4", 4),
    (JOINTS8, "joints", "in_joints1", "4u2", 2, 4), (JOINTS8, "weights", "in_weights1", "4f4", 4, 4),
    (MORPH, "morphs", "in_morph", "1u4", 1)))
"""What a vertex may have, in the order in which it holds them."""


class Allocation(NamedTuple):
    """Where a geometry lies: what an indirect command needs."""

    index_count: int
    first_index: int
    base_vertex: int


def layout_attributes(layout: int) -> list[VertexAttribute]:
    """Return the attributes that a vertex layout has."""
    return [attribute for attribute in LAYOUT_ATTRIBUTES if not attribute.bit or layout & attribute.bit]


def _morph_width(geometry: Geometry) -> int:
    """Rows of three numbers that each vertex has for each morph."""
    return 1 + bool(geometry.geometry_key & MORPH_NORMAL) + bool(geometry.geometry_key & MORPH_TANGENT)


def displacement_rows(geometry: Geometry) -> NDArray[np.float32]:
    """Return what the morphs of a geometry add, (vertices, morphs, 1 to 3, 3) float32: positions, normals, tangents where there are any."""
    rows = np.zeros((geometry.vertex_count, len(geometry.morphs), _morph_width(geometry), 3), np.float32)
    names = [name for bit, name in ((0, "positions"), (MORPH_NORMAL, "normals"), (MORPH_TANGENT, "tangents"))
             if not bit or geometry.geometry_key & bit]
    for number, morph in enumerate(geometry.morphs):
        for place, name in enumerate(names):
            if (array := getattr(morph, name)) is not None:
                rows[:, number, place] = array
    return rows


class _Arena:
    """The vertices of one layout, interleaved words of four bytes; numbers of fields in a buffer beside them, because they change."""

    def __init__(self, device: Device, layout: int) -> None:
        self.attributes = layout_attributes(layout)
        self.width = sum(attribute.words for attribute in self.attributes)
        self.buffer = GrowBuffer(device, f"vertex arena of layout {layout:#x}", size=1 << 16)
        self.values = GrowBuffer(device, f"values of layout {layout:#x}") if layout & VALUE else None
        self.ranges = RangeAllocator()

    @property
    def buffers(self) -> list[GrowBuffer]:
        """All that it holds."""
        return [self.buffer] if self.values is None else [self.buffer, self.values]

    def interleave(self, geometries: Sequence[Geometry], count: int, morphs: Sequence[int]) -> NDArray[np.uint32]:
        """Return (count, width) words of several geometries in a row; `morphs`: the first displacement of each."""
        rows = np.empty((count, self.width), np.uint32)
        column = 0
        for attribute in self.attributes:
            first = 0
            for geometry, displacement in zip(geometries, morphs, strict=True):
                words = self._words(geometry, attribute, displacement)
                rows[first:first + geometry.vertex_count, column:column + attribute.words] = words
                first += geometry.vertex_count
            column += attribute.words
        return rows

    def _words(self, geometry: Geometry, attribute: VertexAttribute, displacement: int) -> NDArray[np.uint32]:
        """Return what the vertices of a geometry hold of an attribute, (n, words) uint32."""
        if attribute.bit == MORPH:
            step = len(geometry.morphs) * _morph_width(geometry)
            return (displacement + step * np.arange(geometry.vertex_count, dtype=np.uint32))[:, None].astype(np.uint32)
        array: NDArray[np.generic] = getattr(geometry, attribute.name)
        components = attribute.words * 4 // array.itemsize
        return np.ascontiguousarray(array[:, attribute.first:attribute.first + components]).view(np.uint32)


class GeometryPool:
    """Uploads geometries once per device and frees them when they are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._arenas: dict[int, _Arena] = {}
        self.indices = GrowBuffer(device, "index arena", size=1 << 16)
        self._index_ranges = RangeAllocator()
        self._morphs: GrowBuffer | None = None
        self._morph_ranges = RangeAllocator()
        self._allocations: WeakKeyDictionary[Geometry, Allocation] = WeakKeyDictionary()
        self._shown: WeakKeyDictionary[Geometry, int] = WeakKeyDictionary()  # version of its field that is here

    @property
    def generation(self) -> int:
        """Grows whenever one of the buffers behind changes."""
        return self.indices.generation + sum(buffer.generation for arena in self._arenas.values() for buffer in arena.buffers)

    @property
    def nbytes(self) -> int:
        """Device memory of all arenas."""
        morphs = 0 if self._morphs is None else self._morphs.size
        return self.indices.size + morphs + sum(buffer.size for arena in self._arenas.values() for buffer in arena.buffers)

    @property
    def morphs(self) -> GrowBuffer:
        """Displacements of all morphs, of which no device has any until a geometry with morphs comes."""
        if self._morphs is None:
            self._morphs = GrowBuffer(self._device, "the morphs of all geometries",
                                      mend="use fewer morphs or vertices, or leave out the normals and tangents of morphs")
        return self._morphs

    def arena(self, layout: int) -> _Arena:
        """Return the vertex arena of a layout."""
        if layout not in self._arenas:
            self._arenas[layout] = _Arena(self._device, layout)
        return self._arenas[layout]

    def add(self, geometries: Sequence[Geometry]) -> list[Allocation]:
        """Return where each geometry lies, uploading those that are new, one write for each arena, and fields that show something new."""
        fresh: dict[int, list[Geometry]] = {}
        distinct = dict.fromkeys(geometries)
        for geometry in distinct:
            if geometry not in self._allocations:
                fresh.setdefault(geometry.geometry_key & LAYOUT_MASK, []).append(geometry)
        for layout, group in fresh.items():
            self._upload(layout, group)
        for geometry in distinct:
            if geometry.field is not None and self._shown.get(geometry) != geometry.field.version:
                self._show(geometry)
        return [self._allocations[geometry] for geometry in geometries]

    def _upload(self, layout: int, group: list[Geometry]) -> None:
        arena = self.arena(layout)
        vertices, indices = sum(g.vertex_count for g in group), sum(g.index_count for g in group)
        base, first = arena.ranges.take(vertices), self._index_ranges.take(indices)
        morphs = [(self._morph_ranges.take(count), count) for count in map(_displacements, group)]
        try:
            if needed := max((place + count for place, count in morphs if count), default=0):
                self.morphs.reserve(needed * 12)
            for geometry, (place, count) in zip(group, morphs, strict=True):
                if count:
                    self.morphs.write(displacement_rows(geometry), place * 12)
            arena.buffer.write(arena.interleave(group, vertices, [place for place, _ in morphs]), base * arena.width * 4)
            self.indices.write(np.concatenate([g.indices for g in group]), first * 4)
        except BaseException:
            self._free(layout, base, vertices, first, indices)
            for place, count in morphs:
                self._morph_ranges.give(place, count)
            raise
        for geometry, (place, count) in zip(group, morphs, strict=True):
            self._allocations[geometry] = Allocation(geometry.index_count, first, base)
            free = partial(self._free, layout, base, geometry.vertex_count, first, geometry.index_count, place, count)
            self._device.on_gone(geometry, "geometry", free)
            base, first = base + geometry.vertex_count, first + geometry.index_count

    def _show(self, geometry: Geometry) -> None:
        """Write the numbers of a geometry's field."""
        values = self._arenas[geometry.geometry_key & LAYOUT_MASK].values
        assert values is not None and geometry.field is not None
        values.write(geometry.field.shown, self._allocations[geometry].base_vertex * 4)
        self._shown[geometry] = geometry.field.version

    def _free(self, layout: int, base: int, vertices: int, first: int, indices: int, morph: int = 0, displacements: int = 0) -> None:
        self._arenas[layout].ranges.give(base, vertices)
        self._index_ranges.give(first, indices)
        self._morph_ranges.give(morph, displacements)


def _displacements(geometry: Geometry) -> int:
    """Rows of three numbers that the morphs of a geometry need."""
    return geometry.vertex_count * len(geometry.morphs) * _morph_width(geometry)
