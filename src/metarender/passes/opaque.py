"""Opaque and masked surfaces, in draw order: state changes are few and nothing is sorted."""

from __future__ import annotations

from ..gpu.bindings import STORAGE_LIGHTS, UNIT_SHADOW
from .base import FrameContext, Pass, begin, draw


class OpaquePass(Pass):
    """Clears the picture and shades what hides what is behind it."""

    name = "opaque"
    reads = ("shadow_map",)
    writes = ("color", "depth")

    def execute(self, frame: FrameContext) -> None:
        """Clear, bind what shading reads, and draw."""
        assert frame.color is not None
        view, device, target = frame.views["camera"], frame.pools.device, frame.color.scene
        begin(frame, target, view)
        device.gl.clear_float(target.name, 0, frame.background or (0.0, 0.0, 0.0, 0.0))
        frame.lights.bind_to_storage_buffer(STORAGE_LIGHTS)
        if frame.environment is not None:
            frame.pools.environments.bind(frame.environment.maps)
        if frame.shadow is not None:
            device.gl.glBindTextureUnit(UNIT_SHADOW, frame.shadow.texture.name)
        if frame.states:
            frame.pools.colormaps.bind(frame.colormap)
        device.stats.gl_calls += 2 + 3 * (frame.environment is not None) + (frame.shadow is not None)
        draw(frame, view, "opaque", "shade", shadow=frame.shadow is not None)
