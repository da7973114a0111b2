"""Many small writes to one buffer as one upload and one dispatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from . import gl_extra as gl
from .bindings import STORAGE_RUNS, STORAGE_STAGING, STORAGE_TARGET
from .buffers import GrowBuffer
from .compute import ComputeProgram

if TYPE_CHECKING:
    from .device import Device

ROW = 16
"""Bytes of the unit that is copied; every kind of instance row is a multiple of it."""


class Scatter:
    """Copies runs of 16-byte rows from host memory to places in a buffer."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._staging = GrowBuffer(device, "staging rows")
        self._runs = GrowBuffer(device, "staging runs", "bytes_view")
        self._program = ComputeProgram(device, "compute/scatter.comp.glsl")

    @property
    def nbytes(self) -> int:
        """Device memory of the staging buffers."""
        return self._staging.size + self._runs.size

    def write(self, target: GrowBuffer, rows: NDArray[np.uint8], runs: NDArray[np.uint32], row_bytes: int) -> None:
        """Write runs of rows that lie one behind the other in `rows`.

        Parameters
        ----------
        target : GrowBuffer
            Large enough already.
        rows : (bytes,) uint8
        runs : (k, 2) uint32
            First row and number of rows of each run in the target.
        row_bytes : int
            Bytes of a row, a multiple of 16.
        """
        units = row_bytes // ROW
        table = np.zeros((len(runs), 4), np.uint32)
        table[1:, 0] = np.cumsum(runs[:-1, 1]) * units
        table[:, 1:3] = runs * units
        self._staging.write(rows)
        self._runs.write(table)
        for buffer, binding in ((self._runs, STORAGE_RUNS), (self._staging, STORAGE_STAGING), (target, STORAGE_TARGET)):
            buffer.buffer.bind_to_storage_buffer(binding)
        self._program.set(run_count=len(runs))
        self._program.dispatch(len(runs))
        read = gl.GL_VERTEX_ATTRIB_ARRAY_BARRIER_BIT | gl.GL_SHADER_STORAGE_BARRIER_BIT
        self._device.gl.glMemoryBarrier(read | gl.GL_BUFFER_UPDATE_BARRIER_BIT)
        self._device.stats.gl_calls += 4
