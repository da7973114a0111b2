"""What a pass is, what it is given, and the one loop that turns batches into indirect draws."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from .._core import SEGMENT_CLASS, SEGMENT_FUNCTIONS, draw_segments
from ..gpu import gl_extra as gl
from ..gpu.attachments import ColorAttachments, IdAttachments, ShadowMap
from ..gpu.bindings import BLOCK_BYTES, BLOCK_VIEW, STORAGE_ANCHORS, STORAGE_MATERIALS
from ..gpu.occlusion import Occlusion
from ..gpu.pipeline import MODES, pipeline_of
from ..gpu.programs import ProgramKey, class_deforms, class_key, class_topology
from ..gpu.resource_pools import ResourcePools
from ..gpu.scene_mirror import SceneMirror
from ..gpu.timers import FrameTimes
from ..gpu.view_constants import PlacedList


@dataclass(slots=True)
class PlacedView:
    """Where the constants and the draw lists of one view lie on the device."""

    block_offset: int
    """Byte offset of its ``View`` block."""
    anchors_offset: int
    """Byte offset of its anchor offsets."""
    anchors_size: int
    lists: dict[str, PlacedList] = field(default_factory=dict)
    """By pass name."""


@dataclass(slots=True)
class FrameContext:
    """All that a pass is given; it has no behaviour."""

    pools: ResourcePools
    mirror: SceneMirror
    constants: Any
    """Buffer of ``View`` blocks."""
    anchors: Any
    """Buffer of anchor offsets."""
    lights: Any
    """Buffer of lights."""
    views: dict[str, PlacedView]
    shading_classes: list[tuple[Any, ...]]
    color: ColorAttachments | None
    ids: IdAttachments | None
    shadow: ShadowMap | None
    background: tuple[float, float, float, float] | None
    """Premultiplied linear clear colour, or None for the environment."""
    environment: Any
    """Environment that lights the scene, or None."""
    many_anchors: bool
    states: int
    """All state flags that any part has."""
    colormap: Any
    """Ramp for the values of parts."""
    overlays: tuple[Any, ...] = ()
    """What lies over the picture; each has a ``picture(size)``."""
    occlusion: Occlusion | None = None
    """What leaves out on the device what others hide, or None."""
    shadow_kept: bool = False
    """Whether the shadow map still holds what this frame would draw into it."""
    counters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("draw_calls", "fullscreen_draws", "commands", "instances",
                                                                           "triangles"), 0))
    times: dict[str, float] = field(default_factory=dict)
    """Milliseconds of the processor by pass."""
    gpu_times: FrameTimes | None = None
    """Where the device notes when passes begin and end, if anybody wants to know."""


class Pass:
    """One step of a frame: draws into one framebuffer what one view sees.

    Attributes
    ----------
    name : str
    reads, writes : tuple of str
        Attachments it needs and fills.
    """

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()

    def wanted(self, frame: FrameContext) -> bool:
        """Whether somebody reads what the pass writes."""
        return frame.color is not None

    def execute(self, frame: FrameContext) -> None:
        """Issue the calls of the pass."""
        raise TypeError(f"{type(self).__name__} does not say what it draws; define execute().")

    def run(self, frame: FrameContext) -> None:
        """Execute and note the time, if the pass is wanted."""
        if not self.wanted(frame):
            return
        if frame.gpu_times is not None:
            frame.gpu_times.begin(self.name)
        start = time.perf_counter()
        self.execute(frame)
        frame.times[self.name] = (time.perf_counter() - start) * 1e3
        if frame.gpu_times is not None:
            frame.gpu_times.end()


def bind_target(frame: FrameContext, framebuffer: Any) -> None:
    """Draw into a framebuffer of ours from now on."""
    device = frame.pools.device
    device.gl.glBindFramebuffer(gl.GL_FRAMEBUFFER, framebuffer.name)
    device.gl.glViewport(0, 0, framebuffer.width, framebuffer.height)
    device.stats.gl_calls += 2


def begin(frame: FrameContext, framebuffer: Any, view: PlacedView) -> None:
    """Start on a framebuffer with depth: clear it to the far plane, and bind the constants and anchor offsets of a view."""
    bind_target(frame, framebuffer)
    device = frame.pools.device
    frame.pools.pipeline.write_depth()  # a clear obeys the mask
    device.gl.clear_depth(framebuffer.name, 0.0)
    frame.constants.bind_to_uniform_block(BLOCK_VIEW, offset=view.block_offset, size=BLOCK_BYTES)
    frame.anchors.bind_to_storage_buffer(STORAGE_ANCHORS, offset=view.anchors_offset, size=view.anchors_size)
    device.stats.gl_calls += 3


def draw_fullscreen(frame: FrameContext, key: ProgramKey) -> None:
    """Draw one triangle over the whole target. On software OpenGL this may wait for what it reads, so other threads run meanwhile."""
    pools = frame.pools
    api, array = pools.device.gl, pools.fullscreen(key)
    api.glUseProgram(pools.programs.get(key).glo)
    api.glBindVertexArray(array.glo)
    api.glDrawArrays(gl.GL_TRIANGLES, 0, 3)
    pools.device.stats.gl_calls += 3
    frame.counters["fullscreen_draws"] += 1


def _base_key(frame: FrameContext, render_pass: str, shadow: bool) -> ProgramKey:
    return ProgramKey(render_pass, many_anchors=frame.many_anchors, environment=frame.environment is not None, shadow=shadow,
                      states=bool(frame.states))


def _count(frame: FrameContext, placed: PlacedList) -> None:
    frame.pools.device.stats.gl_calls += len(placed.batches)
    frame.counters["draw_calls"] += len(placed.batches)
    frame.counters["commands"] += placed.command_count
    frame.counters["instances"] += placed.instances
    frame.counters["triangles"] += placed.triangles


def draw(frame: FrameContext, view: PlacedView, list_name: str, render_pass: str, *, shadow: bool = False, sides: str = "") -> None:
    """Draw the batches of one list: one indirect call each, however many objects they hold.

    Parameters
    ----------
    list_name : str
        Key of ``view.lists``.
    render_pass : "shade", "depth", "ids", "ghost" or "selection"
    shadow : bool
        Whether the programs read the shadow map.
    sides : str
        The pass that decides which sides are drawn, where it is another one.
    """
    placed = view.lists[list_name]
    pools, mirror, bound_shader, bound_textures, deforming = frame.pools, frame.mirror, None, None, False
    base, api = _base_key(frame, render_pass, shadow), frame.pools.device.gl
    api.glBindBuffer(gl.GL_DRAW_INDIRECT_BUFFER, placed.commands.glo)
    for geometry_class, shading_class, first, count, *_ in placed.batches.tolist():  # the fields of BATCH_DTYPE
        shader, features, pages = frame.shading_classes[shading_class]
        key = class_key(base, shader, features, geometry_class)
        if key.shader:
            if shader != bound_shader:
                mirror.materials.bind(shader)
                pools.device.stats.gl_calls += 1
                bound_shader = shader
            if features and shading_class != bound_textures:
                mirror.bind_textures(features, pages)
                bound_textures = shading_class
        if not deforming and class_deforms(geometry_class):
            mirror.bind_deformation()
            deforming = True
        pools.pipeline.bind(pipeline_of(geometry_class, sides or render_pass))
        # Not ModernGL's call: on software OpenGL this one does the work of all vertices, and other threads shall run meanwhile.
        api.glUseProgram(pools.programs.get(key).glo)
        api.glBindVertexArray(mirror.vertex_array(key, geometry_class).glo)
        api.glMultiDrawElementsIndirect(MODES[class_topology(geometry_class)], gl.GL_UNSIGNED_INT, 20 * first, count, 20)
    pools.device.stats.gl_calls += 1 + 2 * len(placed.batches)
    _count(frame, placed)


def draw_sorted(frame: FrameContext, view: PlacedView, list_name: str, *, shadow: bool) -> None:
    """Draw a list whose batches change state back and forth, because depth decides their order.

    Python prepares each distinct class once; the batches, which may be as many as objects, are issued in compiled code.
    """
    placed = view.lists[list_name]
    batches, device = placed.batches, frame.pools.device
    if not len(batches):
        return
    kinds = batches["geometry_class"].astype(np.uint64) << np.uint64(32) | batches["shading_class"]
    distinct, which = np.unique(kinds, return_inverse=True)
    classes = np.zeros(len(distinct), SEGMENT_CLASS)
    for row, kind in zip(classes, distinct.tolist(), strict=True):
        _describe_class(frame, row, kind >> 32, kind & 0xFFFFFFFF, shadow)
    segments = np.stack([which.astype(np.uint32), batches["first"], batches["count"]], axis=1)
    device.gl.glBindBuffer(gl.GL_DRAW_INDIRECT_BUFFER, placed.commands.glo)
    draw_segments([device.gl.address_of(name) for name in SEGMENT_FUNCTIONS], classes, segments, STORAGE_MATERIALS)
    frame.pools.pipeline.forget()
    _count(frame, placed)


def _describe_class(frame: FrameContext, row: Any, geometry_class: int, shading_class: int, shadow: bool) -> None:
    """Fill one ``SEGMENT_CLASS`` record and bind the state that all blended classes share."""
    shader, features, pages = frame.shading_classes[shading_class]
    key = class_key(_base_key(frame, "shade", shadow), shader, features, geometry_class)
    pipeline = pipeline_of(geometry_class, "shade")
    if class_deforms(geometry_class):
        frame.mirror.bind_deformation()
    frame.pools.pipeline.bind(pipeline)
    row["program"] = frame.pools.programs.get(key).glo
    row["vertex_array"] = frame.mirror.vertex_array(key, geometry_class).glo
    row["mode"], row["materials"] = MODES[class_topology(geometry_class)], frame.mirror.materials.name(shader)
    row["cull"], row["front_face"] = pipeline.cull, gl.GL_CW if pipeline.clockwise else gl.GL_CCW
    for unit, name in frame.mirror.texture_names(features, pages):
        row["textures"][unit] = name
