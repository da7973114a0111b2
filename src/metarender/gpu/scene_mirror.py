"""What one device holds of one scene: instance rows by page, geometry ranges, material tables, and the vertex arrays over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from .._core import BOX, DEFORM, INFO, STATE, TRANSFORM, fill_runs
from ..geometry import Geometry
from ..materials import Material
from .bindings import STORAGE_DEFORM, STORAGE_MORPHS, UNIT_SLOT_0
from .buffers import GrowBuffer
from .geometry_pool import LAYOUT_MASK, layout_attributes
from .material_tables import MaterialTables
from .programs import ProgramKey

if TYPE_CHECKING:
    from .resource_pools import ResourcePools

MOST_WRITES = 64
"""More runs than this go up as one staging buffer that a compute shader scatters."""

MAPPED_BYTES = 65536
"""A run this long is gathered into the mapped buffer instead of being written there from a copy."""

STATE_PAGE = 256
"""Rows in a page of states: 4 KiB."""

CULL_ELSEWHERE = "let the renderer look for hidden objects elsewhere, occlusion='cpu', or not at all, occlusion=False"
"""How to mend what culling on the device cannot hold."""

ROW_BYTES = {TRANSFORM: 48, INFO: 16, STATE: 16}
BOX_BYTES, DEFORM_BYTES = 32, 16
_ROW_LAYOUT = {TRANSFORM: ("4f4 4f4 4f4/i", "in_row0", "in_row1", "in_row2"), INFO: ("4u4/i", "in_info"), STATE: ("4u4/i", "in_state")}


class SceneMirror:
    """Follows one Store by its page epochs, so that any number of devices may draw one scene."""

    def __init__(self, pools: ResourcePools) -> None:
        self._pools = pools
        device = pools.device
        self._rows = {kind: GrowBuffer(device, f"instance rows {kind}") for kind in ROW_BYTES}
        self._seen = dict.fromkeys(ROW_BYTES, 0)
        self._boxes: GrowBuffer | None = None
        self._boxes_seen = 0
        self._deform: GrowBuffer | None = None
        self._deform_seen = 0
        self.materials = MaterialTables(device, pools.textures)
        self._materials_seen = 0
        self._geometries_seen = 0
        self.ranges: NDArray[np.uint32] = np.zeros((0, 3), np.uint32)
        """(geometries, 3) uint32: index count, first index, base vertex, by geometry number."""
        self._vertex_arrays: dict[tuple[ProgramKey, int], tuple[moderngl.VertexArray, Any]] = {}
        self._generation: tuple[int, ...] = ()
        self._page_flags: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.states = 0
        """All state flags that any part has; up to date after ``sync_rows``."""

    def sync_geometries(self, geometries: Sequence[Geometry | None], epochs: NDArray[np.uint64], changes: int) -> None:
        """Upload the geometries that are new since this device last looked."""
        if changes == self._geometries_seen:
            return
        ranges = np.zeros((max(len(geometries), len(self.ranges)), 3), np.uint32)  # a new array: views keep lists made with the old one
        ranges[:len(self.ranges)] = self.ranges
        changed = np.flatnonzero(epochs[:len(geometries)] > self._geometries_seen).tolist()
        fresh = [(number, geometry) for number in changed if (geometry := geometries[number]) is not None]
        for (number, _), allocation in zip(fresh, self._pools.geometry.add([geometry for _, geometry in fresh]), strict=True):
            ranges[number] = allocation
        if not np.array_equal(ranges, self.ranges):  # a field that moves leaves everything where it is
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
            self._rows[kind].reserve(store.draw_slots * size)
            runs = store.dirty_runs(kind, self._seen[kind])
            if len(runs):
                self._write_runs(store, kind, runs)
            if kind == STATE:
                self._page_flags = self._page_flags[:-(-store.draw_slots // STATE_PAGE)]
                self.states = int(np.bitwise_or.reduce(self._page_flags))
            self._seen[kind] = store.epoch
        if self._deform_seen != store.epoch:
            self._sync_deform(store)

    def _sync_deform(self, store: Any) -> None:
        """Upload the pages of palettes and morph weights that changed; scenes without any have no buffer for them."""
        if count := store.row_count(DEFORM):
            self.deform.reserve(count * DEFORM_BYTES)
            runs = store.dirty_runs(DEFORM, self._deform_seen)
            if len(runs):
                self._write_runs(store, DEFORM, runs)
        self._deform_seen = store.epoch

    @property
    def deform(self) -> GrowBuffer:
        """Rows of palettes and morph weights, of which no device has any until a scene does."""
        if self._deform is None:
            self._deform = GrowBuffer(self._pools.device, "the palettes and morph weights of a scene",
                                      mend="show fewer figures with joints or morphs at a time, or draw the scene in parts")
        return self._deform

    def bind_deformation(self) -> None:
        """Bind what the vertex path of skinned or morphed geometries reads."""
        self.deform.buffer.bind_to_storage_buffer(STORAGE_DEFORM)
        self._pools.geometry.morphs.buffer.bind_to_storage_buffer(STORAGE_MORPHS)
        self._pools.device.stats.gl_calls += 2

    @property
    def boxes(self) -> GrowBuffer:
        """Rows of boxes, of which no device has any until it culls; up to date after ``sync_boxes``."""
        if self._boxes is None:
            self._boxes = GrowBuffer(self._pools.device, "the boxes of a scene", mend=CULL_ELSEWHERE)
        return self._boxes

    def sync_boxes(self, store: Any) -> None:
        """Upload the pages of boxes that changed since they were asked for last."""
        if self._boxes_seen == store.epoch:
            return
        self.boxes.reserve(store.draw_slots * BOX_BYTES)
        runs = store.dirty_runs(BOX, self._boxes_seen)
        if len(runs):
            self._write_runs(store, BOX, runs)
        self._boxes_seen = store.epoch

    def _write_runs(self, store: Any, kind: int, runs: NDArray[np.uint32]) -> None:
        """Gather the rows of all runs and write them: a long one in place, else a call for each, or one scattered upload."""
        if kind in ROW_BYTES:
            buffer, size = self._rows[kind], ROW_BYTES[kind]
        else:
            buffer, size = (self.boxes, BOX_BYTES) if kind == BOX else (self.deform, DEFORM_BYTES)
        first, count = runs[0].tolist()
        if kind != STATE and len(runs) == 1 and count * size >= MAPPED_BYTES:
            if buffer.fill(store, kind, first, count, size):
                return
            runs = np.array([[0, store.row_count(kind)]], np.uint32)  # a buffer that lost its mapping may hold anything
        counts = runs[:, 1].astype(np.int64)
        rows = buffer.staging(int(counts.sum()) * size)
        fill_runs(store, kind, runs, rows)
        if kind == STATE:
            self._follow_flags(runs, rows.view(np.uint32).reshape(-1, 4)[:, 1])
        if len(runs) > MOST_WRITES and buffer.size <= self._pools.device.capabilities.max_storage_block:
            self._pools.scatter.write(buffer, rows, runs, size)
            return
        ends = np.cumsum(counts) * size
        for first, start, end in zip(runs[:, 0].tolist(), (ends - counts * size).tolist(), ends.tolist(), strict=True):
            buffer.write(rows[start:end], first * size)

    def _follow_flags(self, runs: NDArray[np.uint32], flags: NDArray[np.uint32]) -> None:
        """Note which flags each page of state rows has; runs start at pages."""
        pages = -(-max(first + count for first, count in runs.tolist()) // STATE_PAGE)
        if len(self._page_flags) < pages:
            self._page_flags = np.concatenate([self._page_flags, np.zeros(pages - len(self._page_flags), np.uint32)])
        start = 0
        for first, count in runs.tolist():
            found = np.bitwise_or.reduceat(flags[start:start + count], np.arange(0, count, STATE_PAGE))
            self._page_flags[first // STATE_PAGE:first // STATE_PAGE + len(found)] = found
            start += count

    @property
    def nbytes(self) -> int:
        """Device memory of the instance rows, of poses, and of the boxes where the device culls."""
        return sum(rows.size for rows in (*self._rows.values(), self._boxes, self._deform) if rows is not None)

    def vertex_array(self, key: ProgramKey, geometry_class: int) -> moderngl.VertexArray:
        """Return the vertex array of a program over the arena of a geometry class."""
        generation = (self._pools.geometry.generation, *(rows.generation for rows in self._rows.values()))
        if generation != self._generation:  # all go, because one that is not drawn again would keep the old buffers alive
            self._drop_vertex_arrays()
            self._generation = generation
        place = key, geometry_class & LAYOUT_MASK
        found = self._vertex_arrays.get(place)
        if found is None:
            found = self._vertex_arrays[place] = self._make_vertex_array(*place)
        return found[0]

    def _make_vertex_array(self, key: ProgramKey, layout: int) -> tuple[moderngl.VertexArray, Any]:
        geometry, device = self._pools.geometry, self._pools.device
        device.registry.about_to("create", f"a vertex array for {key.render_pass}")
        arena = geometry.arena(layout)
        attributes = layout_attributes(layout)
        content = [(arena.buffer.buffer, " ".join(each.format for each in attributes), *(each.shader for each in attributes))]
        if arena.values is not None:
            content.append((arena.values.buffer, "1f4", "in_value"))
        content += [(self._rows[kind].buffer, *_ROW_LAYOUT[kind]) for kind in ROW_BYTES]
        array = device.ctx.vertex_array(self._pools.programs.get(key), content, index_buffer=geometry.indices.buffer, skip_errors=True)
        resource = device.track("vertex_array", array.glo, array.release)
        device.check(f"making a vertex array for {key.render_pass}")
        return array, resource

    def _drop_vertex_arrays(self) -> None:
        for _, resource in self._vertex_arrays.values():
            resource.release()
        self._vertex_arrays.clear()

    def texture_names(self, features: int, pages: Sequence[Any]) -> list[tuple[int, int]]:
        """Return (unit, GL name) of the array pages of a shading class."""
        slots = [bit for bit in range(16) if features >> bit & 1]
        return [(UNIT_SLOT_0 + slot, self._pools.textures.name(page)) for slot, page in zip(slots, pages, strict=True)]

    def bind_textures(self, features: int, pages: Sequence[Any]) -> None:
        """Bind the array pages of a shading class to the units of its filled slots."""
        names = self.texture_names(features, pages)
        for unit, name in names:
            self._pools.device.gl.glBindTextureUnit(unit, name)
        self._pools.device.stats.gl_calls += len(names)

    def release(self) -> None:
        """Delete everything that belongs to this scene alone."""
        self._drop_vertex_arrays()
        for rows in (*self._rows.values(), self._boxes, self._deform):
            if rows is not None:
                rows.release()
        self.materials.release()
