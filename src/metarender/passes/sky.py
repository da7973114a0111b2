"""The environment as background, where nothing was drawn."""

from __future__ import annotations

from ..gpu.pipeline import Pipeline
from ..gpu.programs import ProgramKey
from .base import FrameContext, Pass, draw_fullscreen


class SkyPass(Pass):
    """Fills the far plane with the environment; does nothing for a plain background."""

    name = "sky"
    reads = ("depth",)
    writes = ("color",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether the background is the environment."""
        return frame.color is not None and frame.background is None

    def execute(self, frame: FrameContext) -> None:
        """Draw one triangle at depth 0 that passes only where depth is still 0."""
        frame.pools.pipeline.bind(Pipeline(depth_write=False, depth_equal=True))
        draw_fullscreen(frame, ProgramKey("sky"))
