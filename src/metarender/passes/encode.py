"""The last step of a picture: samples are resolved, linear light becomes straight sRGB bytes, the top row comes first."""

from __future__ import annotations

from ..gpu.bindings import UNIT_SOURCE
from ..gpu.pipeline import Pipeline
from ..gpu.programs import ProgramKey
from .base import FrameContext, Pass, bind_target, draw_fullscreen


class EncodePass(Pass):
    """Reads the colour attachment and writes the result."""

    name = "encode"
    reads = ("color",)
    writes = ("result",)

    def execute(self, frame: FrameContext) -> None:
        """Draw one triangle over the result."""
        assert frame.color is not None
        pools, attachments = frame.pools, frame.color
        bind_target(frame, attachments.result)
        pools.pipeline.bind(Pipeline())  # the triangle faces front, and the result has no depth to test
        pools.device.gl.glBindTextureUnit(UNIT_SOURCE, attachments.color.name)
        key = ProgramKey("encode", multisample=attachments.samples > 1)
        if key.multisample:
            pools.programs.get(key)["samples"] = attachments.samples
        pools.device.stats.gl_calls += 1 + key.multisample
        draw_fullscreen(frame, key)
