"""Blended surfaces, back to front by the centre of their bounds."""

from __future__ import annotations

from .base import FrameContext, Pass, draw_sorted


class TransparentPass(Pass):
    """Shades what lets through what is behind it; depth is tested and not written."""

    name = "transparent"
    reads = ("shadow_map", "depth")
    writes = ("color",)

    def execute(self, frame: FrameContext) -> None:
        """Draw the sorted list; the opaque pass left everything else bound."""
        draw_sorted(frame, frame.views["camera"], "transparent", shadow=frame.shadow is not None)
