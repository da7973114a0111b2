"""The sun's shadow map: opaque and masked casters from both sides, through the shared vertex path."""

from __future__ import annotations

from .base import FrameContext, Pass, begin, draw


class ShadowPass(Pass):
    """Draws depth as the sun sees it."""

    name = "shadow"
    writes = ("shadow_map",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether a light casts shadows, colour is drawn, and the map is out of date."""
        return frame.shadow is not None and not frame.shadow_kept

    def execute(self, frame: FrameContext) -> None:
        """Clear the map and draw the casters that the sun's view keeps."""
        assert frame.shadow is not None
        view = frame.views["sun"]
        begin(frame, frame.shadow.framebuffer, view)
        draw(frame, view, "shadow", "depth")
