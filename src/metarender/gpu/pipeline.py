"""The fixed-function state of a draw as one immutable value; only differences from the last one reach the driver."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from . import gl_extra as gl
from .programs import BLEND, CLASS_DOUBLE_SIDED, CLASS_MIRRORED, LINES, POINTS, class_alpha, class_topology

if TYPE_CHECKING:
    from .device import Device

MODES = {0: gl.GL_TRIANGLES, LINES: gl.GL_LINES, POINTS: gl.GL_POINTS}


class Pipeline(NamedTuple):
    """Everything that a draw needs set besides program, textures and buffers."""

    cull: bool = True
    """Whether back faces are dropped."""
    clockwise: bool = False
    """Whether front faces are clockwise: the transform mirrors."""
    depth_test: bool = True
    depth_write: bool = True
    depth_equal: bool = False
    """Whether a surface at the same depth passes."""
    blend: bool = False
    """Premultiplied "over"."""


@lru_cache(maxsize=1024)
def pipeline_of(geometry_class: int, render_pass: str) -> Pipeline:
    """Return the pipeline of a geometry class in a pass.

    Shadow maps draw both sides of everything; blended surfaces blend where they are shaded and are solid elsewhere; ghosts always
    blend; the selection mask knows no depth, because an outline is seen through what hides the part.
    """
    one_sided = not geometry_class & CLASS_DOUBLE_SIDED and class_topology(geometry_class) == 0
    blends = render_pass == "ghost" or (render_pass == "shade" and class_alpha(geometry_class) == BLEND)
    return Pipeline(cull=one_sided and render_pass != "depth", clockwise=bool(geometry_class & CLASS_MIRRORED),
                    depth_test=render_pass != "selection", depth_write=not blends and render_pass != "selection", blend=blends)


class PipelineState:
    """The pipeline that is bound in one context."""

    def __init__(self, device: Device) -> None:
        self._gl, self._stats = device.gl, device.stats
        self._bound: Pipeline | None = None

    def forget(self) -> None:
        """Assume nothing, after somebody else may have touched the context."""
        self._bound = None

    def write_depth(self) -> None:
        """Make depth writable, for a clear."""
        if self._bound is None or not self._bound.depth_write:
            self._gl.glDepthMask(1)
            self._stats.gl_calls += 1
            self._bound = None if self._bound is None else self._bound._replace(depth_write=True)

    def bind(self, pipeline: Pipeline) -> None:
        """Set what differs from the pipeline bound last."""
        if pipeline == self._bound:
            return
        old, api = self._bound, self._gl
        switches = ((gl.GL_CULL_FACE, pipeline.cull, old and old.cull), (gl.GL_DEPTH_TEST, pipeline.depth_test, old and old.depth_test),
                    (gl.GL_BLEND, pipeline.blend, old and old.blend))
        for name, on, was in switches:
            if old is None or on != was:
                (api.glEnable if on else api.glDisable)(name)
                self._stats.gl_calls += 1
        if old is None or pipeline.clockwise != old.clockwise:
            api.glFrontFace(gl.GL_CW if pipeline.clockwise else gl.GL_CCW)
            self._stats.gl_calls += 1
        if old is None or pipeline.depth_write != old.depth_write:
            api.glDepthMask(1 if pipeline.depth_write else 0)
            self._stats.gl_calls += 1
        if old is None or pipeline.depth_equal != old.depth_equal:
            api.glDepthFunc(gl.GL_GEQUAL if pipeline.depth_equal else gl.GL_GREATER)
            self._stats.gl_calls += 1
        if pipeline.blend and not (old and old.blend):
            api.glBlendFuncSeparate(gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA, gl.GL_ONE, gl.GL_ONE_MINUS_SRC_ALPHA)
            self._stats.gl_calls += 1
        self._bound = pipeline
