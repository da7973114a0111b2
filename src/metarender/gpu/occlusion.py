"""Leaving out on the device what others hide: boxes against a pyramid of depth, and commands for what is left of each run.

A frame goes in two phases. First the depth of what showed in the last frame, as it stands now, is drawn (any choice is right, this
one hides most) and reduced to a pyramid. Then every draw in the frustum is tested against it, and those that pass are
drawn once and in their order: where two surfaces have the same depth, order decides, so the picture keeps its bytes.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import bindings as at
from . import gl_extra as gl
from .buffers import GrowBuffer
from .programs import MASK, class_alpha
from .scene_mirror import BOX_BYTES, CULL_ELSEWHERE
from .view_constants import PlacedList

if TYPE_CHECKING:
    from .resource_pools import ResourcePools
    from .scene_mirror import SceneMirror

STEP = 4
"""Pixels or texels of a texel's edge on the level before; ``PYRAMID_STEP`` of interface/pyramid.glsl."""

MOST_LEVELS = 8
KEPT, LARGE = 0, 1
"""Which bits commands are made from: what the last test kept, or what of it is large enough to hide others."""


def pyramid_levels(width: int, height: int) -> list[tuple[int, int, int]]:
    """Return width, height and first texel of every level over a picture, down to one that a test reads whole."""
    levels: list[tuple[int, int, int]] = []
    start = 0
    while not levels or max(width, height) > STEP:
        width, height = -(-width // STEP), -(-height // STEP)
        levels.append((width, height, start))
        start += width * height
    return levels


class DepthPyramid:
    """The farthest depth of 4 x 4, 16 x 16, ... pixels of an attachment."""

    def __init__(self, pools: ResourcePools) -> None:
        self._pools = pools
        self._buffer: Any = None
        self._size = (0, 0)
        self.levels: list[tuple[int, int, int]] = []
        """(width, height, first texel) of each."""

    def build(self, depth: Any) -> None:
        """Make it from a depth texture, with samples or without."""
        device = self._pools.device
        self._reserve((depth.width, depth.height))
        self.bind()
        device.gl.glBindTextureUnit(at.UNIT_SOURCE, depth.name)
        features = ("FROM_DEPTH", "MULTISAMPLE") if depth.samples > 1 else ("FROM_DEPTH",)
        program, source = self._pools.compute("compute/pyramid.comp.glsl", features), (*self._size, 0)
        if depth.samples > 1:
            program.set(samples=depth.samples)
        for level in self.levels:
            program.set(source=source, destination=level)
            program.dispatch(-(-level[0] // 8), -(-level[1] // 8))
            device.gl.glMemoryBarrier(gl.GL_SHADER_STORAGE_BARRIER_BIT)
            program, source = self._pools.compute("compute/pyramid.comp.glsl"), level
        device.stats.gl_calls += 1 + len(self.levels)

    def bind(self) -> None:
        """Bind it for the shaders that read or write it."""
        self._pools.device.gl.glBindBufferBase(gl.GL_SHADER_STORAGE_BUFFER, at.STORAGE_PYRAMID, self._buffer.name)
        self._pools.device.stats.gl_calls += 1

    def read(self) -> list[NDArray[np.float32]]:
        """Return the levels, (height, width) float32 each, bottom row first; waits for the device."""
        device = self._pools.device
        device.gl.glMemoryBarrier(gl.GL_BUFFER_UPDATE_BARRIER_BIT)
        texels = device.gl.read_bytes("glGetNamedBufferSubData", self._buffer.size, self._buffer.name, 0).view(np.float32)
        return [texels[first:first + width * height].reshape(height, width) for width, height, first in self.levels]

    @property
    def nbytes(self) -> int:
        """Device memory of the levels."""
        return 0 if self._buffer is None else int(self._buffer.nbytes)

    def _reserve(self, size: tuple[int, int]) -> None:
        if size == self._size:
            return
        self.release()
        levels = pyramid_levels(*size)
        width, height, first = levels[-1]
        self._buffer = self._pools.device.create_buffer(4 * (first + width * height), "depth pyramid")
        self.levels, self._size = levels, size

    def release(self) -> None:
        """Delete the buffer; safe to call twice."""
        if self._buffer is not None:
            self._buffer.release()
        self._buffer, self._size, self.levels = None, (0, 0), []


class Occlusion:
    """What one renderer keeps on the device from frame to frame: a bit for each draw slot, and its commands of this frame."""

    def __init__(self, pools: ResourcePools) -> None:
        self._pools = pools
        device = pools.device
        self.pyramid = DepthPyramid(pools)
        self._view = GrowBuffer(device, "occlusion view", "bytes_view")
        self._anchors, self._blocks, self._places, self._commands = (
            GrowBuffer(device, f"occlusion {name}", "bytes_view", mend=CULL_ELSEWHERE)
            for name in ("anchors", "blocks", "places", "commands"))
        self._bits: Any = None
        self._mirror: Any = None
        self._boxes: Any = None
        self._runs: Any = None
        self._block_rows: NDArray[np.uint32] = np.zeros((0, 3), np.uint32)
        self._lists: tuple[PlacedList, ...] = ()
        self._placed: dict[str, PlacedList] = {}

    # --- preparing a frame ---------------------------------------------------------------------------------------------

    def place(self, mirror: SceneMirror, view: Any, opaque: PlacedList, transparent: PlacedList) -> dict[str, PlacedList] | None:
        """Upload what the shaders read of a culled view, where it is not there yet.

        Parameters
        ----------
        mirror : SceneMirror
        view : metarender._core.View
        opaque, transparent : PlacedList
            Runs of what the view's frustum holds.

        Returns
        -------
        dict of PlacedList or None
            "opaque", "transparent" and "occluders" as the device will fill them; None for a view that is no plain camera, and where the
            boxes or the commands are more than a shader can read: then everything in the frustum is drawn.
        """
        record, plain = view.gpu_view()
        most = self._pools.device.capabilities.max_storage_block
        commands = sum(int(placed.draws.places[-1]) for placed in (opaque, transparent))
        if not plain or BOX_BYTES * view.store.draw_slots > most or 20 * commands > most:
            return None
        mirror.sync_boxes(view.store)
        self._follow(mirror, view.store.draw_slots)
        lists = (opaque, transparent)
        if len(self._lists) != 2 or any(a is not b for a, b in zip(lists, self._lists, strict=True)):
            self._lists = ()  # whatever fails from here on, the next frame writes anew
            self._write_view(record, view, view.visible_blocks())
            self._placed = self._write_places(lists)
            self._lists = lists
        return self._placed

    def _follow(self, mirror: SceneMirror, slots: int) -> None:
        """Begin without a past when the scene is another one or has outgrown the bits; after a new order of draws the past is wrong,
        which costs one frame some speed."""
        blocks = max(slots // 64, 1)
        if self._bits is None or self._bits.size < 16 * blocks or self._mirror is None or self._mirror() is not mirror:
            if self._bits is not None:
                self._bits.release()
            self._bits = None
            self._bits = self._pools.device.create_buffer(16 * (blocks + blocks // 2), "occlusion bits")
            self._mirror = weakref.ref(mirror)
        self._boxes = mirror.boxes

    def _write_view(self, record: NDArray[Any], view: Any, blocks: NDArray[np.uint32]) -> None:
        self._view.write(record.reshape(1))
        self._anchors.write(view.gpu_anchors())
        self._blocks.write(blocks)
        self._block_rows = blocks

    def _write_places(self, lists: Sequence[PlacedList]) -> dict[str, PlacedList]:
        places = [placed.draws.places for placed in lists]
        self._places.write(np.concatenate(places))
        firsts = [0, int(places[0][-1])]
        self._commands.reserve(20 * (firsts[1] + int(places[1][-1])))
        opaque, transparent = (self._split(*each) for each in zip(lists, places, firsts, strict=True))
        return {"opaque": opaque, "transparent": transparent, "occluders": _occluders(opaque)}

    def _split(self, placed: PlacedList, places: NDArray[np.uint32], first: int) -> PlacedList:
        """Return a list whose batches are the places of its runs."""
        batches = placed.draws.batches.copy()
        begin, end = places[batches["first"]], places[batches["first"] + batches["count"]]
        batches["first"], batches["count"] = begin + np.uint32(first), end - begin
        return PlacedList(placed.draws, self._commands.buffer, batches, placed.first, int(places[-1]), placed.instances, placed.triangles)

    # --- on the device -------------------------------------------------------------------------------------------------

    def select(self) -> None:
        """Fill the commands of the occluders: what the last frame kept and is large."""
        self._make_commands(0, LARGE)
        self._barrier(gl.GL_COMMAND_BARRIER_BIT | gl.GL_SHADER_STORAGE_BARRIER_BIT)

    def test(self, depth: Any) -> None:
        """Test everything in the frustum against the depth of the occluders and fill the commands of the other lists."""
        self.pyramid.build(depth)
        self._test_boxes("compute/occlude.comp.glsl", ())
        self._barrier(gl.GL_SHADER_STORAGE_BARRIER_BIT)
        self._make_commands(0, KEPT)
        self._make_commands(1, KEPT)
        self._barrier(gl.GL_COMMAND_BARRIER_BIT | gl.GL_SHADER_STORAGE_BARRIER_BIT)

    def cull(self, mirror: SceneMirror, view: Any) -> None:
        """Test every live draw of a culled view against the planes of its frustum instead, as ``cull_flat`` does on the processor."""
        mirror.sync_boxes(view.store)
        self._follow(mirror, view.store.draw_slots)
        self._lists = ()
        live = view.store.block_live
        blocks = np.empty((len(live), 3), np.uint32)
        blocks[:, 0], blocks[:, 1:] = np.arange(len(live)), live.view(np.uint32).reshape(-1, 2)
        self._write_view(view.gpu_view()[0], view, blocks)
        self._test_boxes("compute/occlude.comp.glsl", ("FRUSTUM",))

    def _test_boxes(self, path: str, features: tuple[str, ...]) -> None:
        if not len(self._block_rows):
            return
        program = self._pools.compute(path, features)
        self._view.buffer.bind_to_uniform_block(at.BLOCK_OCCLUSION)
        for buffer, binding in ((self._boxes, at.STORAGE_BOXES), (self._anchors, at.STORAGE_CULL_ANCHORS),
                                (self._blocks, at.STORAGE_BLOCKS)):
            buffer.buffer.bind_to_storage_buffer(binding)
        self._bind_bits()
        program.set(block_count=len(self._block_rows))
        if "FRUSTUM" not in features:
            self.pyramid.bind()
            levels = self.pyramid.levels
            program.set(levels=levels + levels[-1:] * (MOST_LEVELS - len(levels)), level_count=len(levels))
        program.dispatch(len(self._block_rows))
        self._pools.device.stats.gl_calls += 4

    def _make_commands(self, number: int, which: int) -> None:
        """Fill the places of one of the two lists."""
        draws = self._lists[number].draws
        if not len(draws):
            return
        program, place = self._pools.compute("compute/commands.comp.glsl"), (0, len(self._lists[0].draws.places))[number]
        target = (0, self._placed["opaque"].command_count)[number]
        for buffer, binding in ((self._lists[number].commands, at.STORAGE_RUNS), (self._places.buffer, at.STORAGE_PLACES),
                                (self._commands.buffer, at.STORAGE_TARGET)):
            buffer.bind_to_storage_buffer(binding)
        self._bind_bits()
        program.set(first_run=self._lists[number].first, run_count=len(draws), first_place=place, target=target, which=which)
        program.dispatch(-(-int(draws.places[-1]) // 64))
        self._pools.device.stats.gl_calls += 3

    def _bind_bits(self) -> None:
        self._pools.device.gl.glBindBufferBase(gl.GL_SHADER_STORAGE_BUFFER, at.STORAGE_BITS, self._bits.name)
        self._pools.device.stats.gl_calls += 1

    def _barrier(self, bits: int) -> None:
        self._pools.device.gl.glMemoryBarrier(bits)
        self._pools.device.stats.gl_calls += 1

    # --- reading back --------------------------------------------------------------------------------------------------

    def read(self) -> NDArray[np.uint64]:
        """Return what the last test kept: a word for each block of 64 draw slots that it looked at. Waits for the device."""
        if not len(self._block_rows):
            return np.zeros(0, np.uint64)
        device = self._pools.device
        device.gl.glMemoryBarrier(gl.GL_BUFFER_UPDATE_BARRIER_BIT)
        pairs = device.gl.read_bytes("glGetNamedBufferSubData", self._bits.size, self._bits.name, 0).view(np.uint32).reshape(-1, 2, 2)
        words: NDArray[np.uint64] = np.ascontiguousarray(pairs[self._block_rows[:, 0], :, KEPT]).view(np.uint64)[:, 0]
        return words

    @property
    def nbytes(self) -> int:
        """Device memory of the buffers; the rows of boxes belong to the scene."""
        buffers = (self._view, self._anchors, self._blocks, self._places, self._commands)
        return sum(buffer.size for buffer in buffers) + sum(held.nbytes for held in (self.pyramid, self._bits) if held is not None)

    def release(self) -> None:
        """Delete everything; safe to call twice."""
        self.pyramid.release()
        for buffer in (self._view, self._anchors, self._blocks, self._places, self._commands):
            buffer.release()
        if self._bits is not None:
            self._bits.release()
        self._bits, self._lists, self._placed = None, (), {}


def _occluders(opaque: PlacedList) -> PlacedList:
    """Return the solid ones of a list, joined over shading: depth alone is drawn of them. How many there are, the device knows."""
    batches = opaque.batches
    solid = batches[[class_alpha(value) != MASK for value in batches["geometry_class"].tolist()]]
    if len(solid):
        starts = np.flatnonzero(np.concatenate([[True], solid["geometry_class"][1:] != solid["geometry_class"][:-1]]))
        counts = np.add.reduceat(solid["count"], starts)
        solid = solid[starts]
        solid["count"] = counts
    return PlacedList(opaque.draws, opaque.commands, solid, 0, int(solid["count"].sum()), 0, 0)
