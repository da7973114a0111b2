"""The sun's shadow map: opaque and masked casters from both sides, through the shared vertex path."""

from __future__ import annotations

from .base import FrameContext, Pass, bind_target, bind_view, draw


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
        view, device = frame.views["sun"], frame.pools.device
        bind_target(frame, frame.shadow.framebuffer)
        device.gl.glDepthMask(1)
        frame.pools.pipeline.forget()
        device.gl.clear_depth(frame.shadow.framebuffer.name, 0.0)
        bind_view(frame, view)
        draw(frame, view, "shadow", "depth", cull=False)
