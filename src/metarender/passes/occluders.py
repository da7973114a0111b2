"""What hides others, as depth alone: drawn before the picture where the device culls, and then cleared again."""

from __future__ import annotations

from .base import FrameContext, Pass, begin, draw


class OccludersPass(Pass):
    """Draws the depth of what showed in the last frame, and tests against it what this frame shall draw."""

    name = "occluders"
    writes = ("commands",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether the device leaves out what others hide."""
        return frame.color is not None and frame.occlusion is not None

    def execute(self, frame: FrameContext) -> None:
        """Draw the sides that the picture has, no others, through the same vertex path: depth comes out with the same bits."""
        assert frame.color is not None and frame.occlusion is not None
        view = frame.views["camera"]
        frame.occlusion.select()
        begin(frame, frame.color.depth_only(), view)
        draw(frame, view, "occluders", "depth", sides="shade")
        frame.occlusion.test(frame.color.depth)
