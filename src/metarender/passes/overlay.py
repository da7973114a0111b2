"""Pictures over the frame, such as legends: after everything else, each in a viewport of its own size."""

from __future__ import annotations

from ..gpu.pipeline import Pipeline
from ..gpu.programs import ProgramKey
from .base import FrameContext, Pass, bind_target, draw_fullscreen


class OverlayPass(Pass):
    """Draws the overlays of the scene into the colour attachment, where neither light nor tone mapping reaches them."""

    name = "overlay"
    writes = ("color",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether there is anything to lay over a picture."""
        return frame.color is not None and bool(frame.overlays)

    def execute(self, frame: FrameContext) -> None:
        """Draw one triangle for each overlay."""
        assert frame.color is not None
        pools, (wide, high) = frame.pools, frame.color.size
        bind_target(frame, frame.color.scene)
        pools.pipeline.bind(Pipeline(cull=False, depth_test=False, depth_write=False, blend=True))
        for overlay in frame.overlays:
            picture = overlay.picture((wide, high))
            if picture is not None:
                rows, columns = picture.pixels.shape[:2]
                pools.device.gl.glViewport(picture.x, high - picture.y - rows, columns, rows)
                pools.device.stats.gl_calls += 1
                pools.overlays.bind(overlay, picture)
                draw_fullscreen(frame, ProgramKey("overlay"))
