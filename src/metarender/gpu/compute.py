"""Compute programs: composed, counted, and dispatched in two dimensions, because one is limited to 65,535 groups."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import moderngl

from ..errors import ShaderError
from .shader_source import Composer

if TYPE_CHECKING:
    from .device import Device

ROW = 1 << 15
"""Groups in a row of a dispatch that has more of them; its shaders count row by row."""


class ComputeProgram:
    """One compiled compute shader.

    Parameters
    ----------
    path : str
        File below ``shaders/``.
    defines : sequence of str
        Names out of ``shader_source.FEATURES``.

    Raises
    ------
    ShaderError
        It does not compile; the message shows file, line, and the lines around.
    """

    def __init__(self, device: Device, path: str, defines: Sequence[str] = ()) -> None:
        self._device = device
        source = Composer(before=partial(device.registry.about_to, "read")).compose(path, defines)
        try:
            device.registry.about_to("compile", path)
            self._program = device.ctx.compute_shader(source.text)
        except moderngl.Error as error:
            raise ShaderError(f"{path} does not compile:\n{source.explain(str(error))}") from None
        self._resource = device.track("program", self._program.glo, self._program.release)
        device.stats.programs_compiled += 1

    def set(self, **uniforms: Any) -> None:
        """Set uniforms by name; each must be one that the shader reads."""
        for name, value in uniforms.items():
            self._program[name] = value
        self._device.stats.gl_calls += len(uniforms)

    def dispatch(self, groups: int, rows: int = 0) -> None:
        """Run `groups` groups in a row, or `rows` rows of them; without `rows`, many are folded into rows of ``ROW``.

        What the last row has too many finds that out by its number.
        """
        if not rows:
            groups, rows = min(groups, ROW), -(-groups // ROW)
        gl = self._device.gl
        gl.glUseProgram(self._program.glo)
        gl.glDispatchCompute(groups, rows, 1)
        self._device.stats.gl_calls += 2
