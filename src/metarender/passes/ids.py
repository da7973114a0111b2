"""Ids and depth at pixel centres, one sample: the nearest surface wins, masks are respected, blended surfaces count."""

from __future__ import annotations

from .base import FrameContext, Pass, bind_target, bind_view, draw


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
        view, device, target = frame.views["camera"], frame.pools.device, frame.ids.framebuffer
        bind_target(frame, target)
        device.gl.glDepthMask(1)
        frame.pools.pipeline.forget()
        device.gl.clear_uint(target.name, 0, 0)
        device.gl.clear_depth(target.name, 0.0)
        bind_view(frame, view)
        draw(frame, view, "ids", "ids")
