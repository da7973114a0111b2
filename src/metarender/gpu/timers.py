"""Times of passes on the device: a timestamp before and after each, read once the device has written them and never waited for."""

from __future__ import annotations

import ctypes
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import MetarenderError
from . import gl_extra as gl

if TYPE_CHECKING:
    from .device import Device

IN_FLIGHT = 8
"""Frames whose times may wait to be read; drivers run two or three ahead. One more is drawn without being measured."""


class FrameTimes:
    """Timestamps of one frame.

    Attributes
    ----------
    milliseconds : dict of str to float, or None
        By pass, once the device has finished them all and `read` has asked.
    """

    def __init__(self, timers: PassTimers) -> None:
        self._timers = timers
        self.queries: list[Any] = []
        self.passes: list[str] = []
        self.milliseconds: dict[str, float] | None = None

    def begin(self, name: str) -> None:
        """Mark where a pass begins."""
        self.passes.append(name)
        self._timers.mark(self)

    def end(self) -> None:
        """Mark where the pass that began last ends."""
        self._timers.mark(self)

    def read(self) -> dict[str, float] | None:
        """Return `milliseconds`, from the device where it has finished the frame since; safe on any thread, and after a loss."""
        if self.milliseconds is None:
            self._timers.collect()
        return self.milliseconds


class PassTimers:
    """The timestamp queries of one renderer, used again and again.

    Parameters
    ----------
    device : Device
        Must have the rung "timer_query".
    """

    def __init__(self, device: Device) -> None:
        self._device, self._generation = device, device.generation
        # A software rasteriser works tile by tile: without a flush each timestamp would be taken when the last tile ends.
        self._flushes = device.capabilities.software
        self._mask = (1 << device.gl.timestamp_bits()) - 1
        self._free: list[Any] = []
        self._pending: deque[FrameTimes] = deque()
        self._open: FrameTimes | None = None

    def frame(self) -> FrameTimes | None:
        """Return where the passes of a new frame note their times; None where too many frames wait, or the device has no clock."""
        self.collect()
        if self._open is not None:  # that frame was never finished
            self._free += self._open.queries
        self._open = FrameTimes(self) if self._mask and len(self._pending) < IN_FLIGHT else None
        return self._open

    def mark(self, times: FrameTimes) -> None:
        """Let the device note the time when it gets here."""
        query = self._free.pop() if self._free else self._make()
        times.queries.append(query)
        self._device.gl.glQueryCounter(query.name, gl.GL_TIMESTAMP)
        if self._flushes:
            self._device.gl.glFlush()

    def _make(self) -> Any:
        self._device.registry.about_to("create", "a timer query")
        api = self._device.gl
        name = api.create("glCreateQueries", gl.GL_TIMESTAMP)
        return self._device.track("query", name, partial(api.delete, "glDeleteQueries", name))

    def submit(self) -> FrameTimes | None:
        """Say that the frame is finished, and return its times to be read some day."""
        times, self._open = self._open, None
        if times is not None:
            self._pending.append(times)
        return times

    def collect(self) -> None:
        """Read the frames that the device has finished; does nothing where the device cannot be asked from here, or is another one."""
        if not self._pending or self._generation != self._device.generation:
            return
        try:
            self._device.check_current("reading times")
        except MetarenderError:
            return
        while self._pending and self._is_finished(self._pending[0]):
            self._read(self._pending.popleft())

    def _is_finished(self, times: FrameTimes) -> bool:
        there = ctypes.c_int(1)
        if times.queries:
            self._device.gl.glGetQueryObjectiv(times.queries[-1].name, gl.GL_QUERY_RESULT_AVAILABLE, ctypes.byref(there))
        return bool(there.value)

    def _read(self, times: FrameTimes) -> None:
        value, stamps = ctypes.c_uint64(), []
        for query in times.queries:
            self._device.gl.glGetQueryObjectui64v(query.name, gl.GL_QUERY_RESULT, ctypes.byref(value))
            stamps.append(value.value)
        spans = zip(stamps[::2], stamps[1::2], strict=True)
        times.milliseconds = {name: (end - start & self._mask) / 1e6 for name, (start, end) in zip(times.passes, spans, strict=True)}
        self._free += times.queries
        times.queries = []

    def release(self) -> None:
        """Read what is finished and delete the queries; what is not finished by now has no times."""
        self.collect()
        for times in (*self._pending, *filter(None, [self._open])):
            self._free += times.queries
        for query in self._free:
            query.release()
        self._free.clear()
        self._pending.clear()
        self._open = None
