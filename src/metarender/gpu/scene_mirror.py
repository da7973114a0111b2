"""What one device holds of one scene: instance rows by page, geometry ranges, material tables, and the vertex arrays over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from .._core import INFO, STATE, TRANSFORM
from ..geometry import Geometry
from ..materials import Material
from .bindings import UNIT_SLOT_0
from .buffers import GrowBuffer
from .geometry_pool import LAYOUT_MASK, layout_attributes
from .material_tables import MaterialTables
from .programs import ProgramKey

if TYPE_CHECKING:
    from .resource_pools import ResourcePools

ROW_BYTES = {TRANSFORM: 48, INFO: 16, STATE: 16}
_ROW_LAYOUT = {TRANSFORM: ("4f4 4f4 4f4/i", "in_row0", "in_row1", "in_row2"), INFO: ("4u4/i", "in_info"), STATE: ("4u4/i", "in_state")}


class SceneMirror:
    """Follows one Store by its page epochs, so that any number of devices may draw one scene."""

    def __init__(self, pools: ResourcePools) -> None:
        self._pools = pools
        device = pools.device
        self._rows = {kind: GrowBuffer(device, f"instance rows {kind}") for kind in ROW_BYTES}
        self._seen = dict.fromkeys(ROW_BYTES, 0)
        self.materials = MaterialTables(device, pools.textures)
        self._materials_seen = 0
        self._geometries_seen = -1
        self.ranges: NDArray[np.uint32] = np.zeros((0, 3), np.uint32)
        """(geometries, 3) uint32: index count, first index, base vertex, by geometry number."""
        self._vertex_arrays: dict[tuple[ProgramKey, int], tuple[moderngl.VertexArray, Any]] = {}
        self._generation: tuple[int, ...] = ()

    def sync_geometries(self, geometries: Sequence[Geometry | None], changes: int) -> None:
        """Upload geometries that this device has not seen; nothing is scanned while `changes` stands still."""
        if changes == self._geometries_seen:
            return
        used = [(number, geometry) for number, geometry in enumerate(geometries) if geometry is not None]
        ranges = np.zeros((len(geometries), 3), np.uint32)
        for (number, _), allocation in zip(used, self._pools.geometry.add([geometry for _, geometry in used]), strict=True):
            ranges[number] = allocation
        self.ranges = ranges
        self._geometries_seen = changes

    def sync_materials(self, materials: Sequence[Material | None], epochs: NDArray[np.uint64], changes: int) -> None:
        """Write the rows of materials edited since this device last looked."""
        if changes == self._materials_seen:
            return
        changed = np.nonzero(epochs[:len(materials)] > self._materials_seen)[0]
        self.materials.write(materials, changed)
        self._materials_seen = changes

    def sync_rows(self, store: Any) -> None:
        """Upload the pages of instance rows that changed since this device last looked."""
        for kind, size in ROW_BYTES.items():
            if self._seen[kind] == store.epoch:
                continue
            buffer = self._rows[kind]
            buffer.reserve(store.draw_slots * size)
            for first, count in store.dirty_runs(kind, self._seen[kind]).tolist():
                rows = buffer.staging(count * size)
                store.fill_rows(kind, first, count, rows)
                buffer.write(rows, first * size)
            self._seen[kind] = store.epoch

    def vertex_array(self, key: ProgramKey, geometry_class: int) -> moderngl.VertexArray:
        """Return the vertex array of a program over the arena of a geometry class."""
        generation = (self._pools.geometry.generation, *(rows.generation for rows in self._rows.values()))
        if generation != self._generation:  # all go, because one that is not drawn again would keep the old buffers alive
            self._drop_vertex_arrays()
            self._generation = generation
        layout = geometry_class & LAYOUT_MASK
        if (key, layout) not in self._vertex_arrays:
            self._vertex_arrays[key, layout] = self._make_vertex_array(key, layout)
        return self._vertex_arrays[key, layout][0]

    def _make_vertex_array(self, key: ProgramKey, layout: int) -> tuple[moderngl.VertexArray, Any]:
        geometry, device = self._pools.geometry, self._pools.device
        arena = geometry.arena(layout)
        attributes = layout_attributes(layout)
        content = [(arena.buffer.buffer, " ".join(f"{width}f4" for _, _, width in attributes), *(name for _, name, _ in attributes))]
        content += [(self._rows[kind].buffer, *_ROW_LAYOUT[kind]) for kind in ROW_BYTES]
        array = device.ctx.vertex_array(self._pools.programs.get(key), content, index_buffer=geometry.indices.buffer, skip_errors=True)
        device.check(f"making a vertex array for {key.render_pass}")
        return array, device.track("vertex_array", array.glo, array.release)

    def _drop_vertex_arrays(self) -> None:
        for _, resource in self._vertex_arrays.values():
            resource.release()
        self._vertex_arrays.clear()

    def bind_textures(self, features: int, pages: Sequence[Any]) -> None:
        """Bind the array pages of a shading class to the units of its filled slots."""
        bind = self._pools.device.gl.glBindTextureUnit
        slots = [bit for bit in range(16) if features >> bit & 1]
        self._pools.device.stats.gl_calls += len(slots)
        for slot, page in zip(slots, pages, strict=True):
            bind(UNIT_SLOT_0 + slot, self._pools.textures.name(page))

    def release(self) -> None:
        """Delete everything that belongs to this scene alone."""
        self._drop_vertex_arrays()
        for rows in self._rows.values():
            rows.release()
        self.materials.release()
