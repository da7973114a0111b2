"""Ids and depth at pixel centres, one sample: the nearest surface wins, masks are respected, blended surfaces count."""

from __future__ import annotations

from .base import FrameContext, Pass, begin, draw


class IdsPass(Pass):
    """Draws the id of every surface; runs only when ids or depth are asked for."""

    name = "ids"
    writes = ("ids", "depth")

    def wanted(self, frame: FrameContext) -> bool:
        """Whether ids or depth are asked for."""
        return frame.ids is not None

    def execute(self, frame: FrameContext) -> None:
        """Clear to background (id 0, depth at infinity) and draw everything."""
        assert frame.ids is not None
        view, device = frame.views["camera"], frame.pools.device
        begin(frame, frame.ids.framebuffer, view)
        device.gl.clear_uint(frame.ids.framebuffer.name, 0, 0)
        device.stats.gl_calls += 1
        draw(frame, view, "all", "ids")
