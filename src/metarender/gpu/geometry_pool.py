"""The mega-buffers: one vertex arena for each vertex layout and one index arena, shared by all scenes of a device."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..geometry import COLOR, NORMAL, TANGENT, UV0, UV1, Geometry
from .buffers import GrowBuffer, RangeAllocator

if TYPE_CHECKING:
    from .device import Device

LAYOUT_MASK = 0xFFFF
LAYOUT_ATTRIBUTES = ((0, "positions", "in_position", 3), (NORMAL, "normals", "in_normal", 3), (TANGENT, "tangents", "in_tangent", 4),
                     (UV0, "uv0", "in_uv0", 2), (UV1, "uv1", "in_uv1", 2), (COLOR, "colors", "in_color", 4))
"""(layout bit, Geometry attribute, shader input, float components), in the order in which a vertex holds them."""


class Allocation(NamedTuple):
    """Where a geometry lies: what an indirect command needs."""

    index_count: int
    first_index: int
    base_vertex: int


def layout_attributes(layout: int) -> list[tuple[str, str, int]]:
    """Return (Geometry attribute, shader input, components) of the attributes that a vertex layout has."""
    return [(name, shader, width) for bit, name, shader, width in LAYOUT_ATTRIBUTES if not bit or layout & bit]


class _Arena:
    """The vertices of one layout, interleaved float32."""

    def __init__(self, device: Device, layout: int) -> None:
        self.attributes = layout_attributes(layout)
        self.width = sum(width for _, _, width in self.attributes)
        self.buffer = GrowBuffer(device, f"vertex arena of layout {layout:#x}", size=1 << 16)
        self.ranges = RangeAllocator()

    def interleave(self, geometries: Sequence[Geometry], count: int) -> NDArray[np.float32]:
        """Return (count, width) float32 rows of several geometries in a row."""
        rows = np.empty((count, self.width), np.float32)
        column = 0
        for name, _, width in self.attributes:
            first = 0
            for geometry in geometries:
                rows[first:first + geometry.vertex_count, column:column + width] = getattr(geometry, name)
                first += geometry.vertex_count
            column += width
        return rows


class GeometryPool:
    """Uploads geometries once per device and frees them when they are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._arenas: dict[int, _Arena] = {}
        self.indices = GrowBuffer(device, "index arena", size=1 << 16)
        self._index_ranges = RangeAllocator()
        self._allocations: WeakKeyDictionary[Geometry, Allocation] = WeakKeyDictionary()

    @property
    def generation(self) -> int:
        """Grows whenever one of the buffers behind changes."""
        return self.indices.generation + sum(arena.buffer.generation for arena in self._arenas.values())

    @property
    def nbytes(self) -> int:
        """Device memory of all arenas."""
        return self.indices.size + sum(arena.buffer.size for arena in self._arenas.values())

    def arena(self, layout: int) -> _Arena:
        """Return the vertex arena of a layout."""
        if layout not in self._arenas:
            self._arenas[layout] = _Arena(self._device, layout)
        return self._arenas[layout]

    def add(self, geometries: Sequence[Geometry]) -> list[Allocation]:
        """Return where each geometry lies, uploading those that are new: one write for each arena."""
        fresh: dict[int, list[Geometry]] = {}
        for geometry in dict.fromkeys(geometries):
            if geometry not in self._allocations:
                fresh.setdefault(geometry.geometry_key & LAYOUT_MASK, []).append(geometry)
        for layout, group in fresh.items():
            self._upload(layout, group)
        return [self._allocations[geometry] for geometry in geometries]

    def _upload(self, layout: int, group: list[Geometry]) -> None:
        arena = self.arena(layout)
        vertices, indices = sum(g.vertex_count for g in group), sum(g.index_count for g in group)
        base, first = arena.ranges.take(vertices), self._index_ranges.take(indices)
        try:
            arena.buffer.write(arena.interleave(group, vertices), base * arena.width * 4)
            self.indices.write(np.concatenate([g.indices for g in group]), first * 4)
        except BaseException:
            self._free(layout, base, vertices, first, indices)
            raise
        for geometry in group:
            self._allocations[geometry] = Allocation(geometry.index_count, first, base)
            free = partial(self._free, layout, base, geometry.vertex_count, first, geometry.index_count)
            self._device.on_gone(geometry, "geometry", free)
            base, first = base + geometry.vertex_count, first + geometry.index_count

    def _free(self, layout: int, base: int, vertices: int, first: int, indices: int) -> None:
        self._arenas[layout].ranges.give(base, vertices)
        self._index_ranges.give(first, indices)
