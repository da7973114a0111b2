"""The line around selected parts, over the finished picture."""

from __future__ import annotations

from ..gpu.bindings import UNIT_SOURCE
from ..gpu.pipeline import Pipeline
from ..gpu.programs import ProgramKey
from .base import FrameContext, bind_target, draw_fullscreen
from .selection import SelectionPass


class OutlinePass(SelectionPass):
    """Draws the outline into the colour attachment; wanted whenever the selection mask is."""

    name = "outline"
    reads = ("mask",)
    writes = ("color",)

    def execute(self, frame: FrameContext) -> None:
        """Draw one triangle that blends the line over the picture."""
        assert frame.color is not None
        pools = frame.pools
        bind_target(frame, frame.color.scene)
        pools.pipeline.bind(Pipeline(cull=False, depth_test=False, depth_write=False, blend=True))
        pools.device.gl.glBindTextureUnit(UNIT_SOURCE, frame.color.selection().attachments[0].name)
        pools.device.stats.gl_calls += 1
        draw_fullscreen(frame, ProgramKey("outline"))
