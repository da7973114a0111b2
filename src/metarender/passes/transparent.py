"""Blended surfaces, back to front by the centre of their bounds."""

from __future__ import annotations

from .base import FrameContext, Pass, draw


class TransparentPass(Pass):
    """Shades what lets through what is behind it; depth is tested and not written."""

    name = "transparent"
    reads = ("shadow_map", "depth")
    writes = ("color",)

    def execute(self, frame: FrameContext) -> None:
        """Draw the sorted list; the opaque pass left everything else bound."""
        draw(frame, frame.views["camera"], "transparent", "shade", shadow=frame.shadow is not None)
