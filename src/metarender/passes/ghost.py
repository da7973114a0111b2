"""Ghosted parts, drawn over the rest as a pale film: the other passes drop them by their flag, this one keeps nothing else."""

from __future__ import annotations

from ..gpu.bindings import STATE_GHOST
from .base import FrameContext, Pass, draw


class GhostPass(Pass):
    """Draws every ghost through the list of all surfaces: one call for each geometry class, however many there are."""

    name = "ghost"
    reads = ("depth",)
    writes = ("color",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether any part is a ghost."""
        return frame.color is not None and bool(frame.states & STATE_GHOST)

    def execute(self, frame: FrameContext) -> None:
        """Draw the merged list with the flag test inverted; depth is tested and not written."""
        draw(frame, frame.views["camera"], "all", "ghost")
