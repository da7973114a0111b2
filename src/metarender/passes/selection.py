"""Where selected parts lie, hidden or not: the mask that the outline is made from."""

from __future__ import annotations

from ..gpu.bindings import STATE_SELECTED
from .base import FrameContext, Pass, bind_target, draw


class SelectionPass(Pass):
    """Fills the selection mask; runs only when something is selected."""

    name = "selection"
    writes = ("mask",)

    def wanted(self, frame: FrameContext) -> bool:
        """Whether any part is selected."""
        return frame.color is not None and bool(frame.states & STATE_SELECTED)

    def execute(self, frame: FrameContext) -> None:
        """Clear the mask and draw the merged list without depth; the opaque pass left the view bound."""
        assert frame.color is not None
        target, view, device = frame.color.selection(), frame.views["camera"], frame.pools.device
        bind_target(frame, target)
        device.gl.clear_float(target.name, 0, (0.0, 0.0, 0.0, 0.0))
        device.stats.gl_calls += 2
        draw(frame, view, "all", "selection")
        device.gl.glGenerateTextureMipmap(target.attachments[0].name)
