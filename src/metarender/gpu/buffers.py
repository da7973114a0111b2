"""GPU buffers that grow, count what is written to them, and are checked after every allocation."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from .._core import fill_buffer, write_buffer
from ..errors import DeviceError, OutOfDeviceMemory
from .resources import MAX_BUFFER

if TYPE_CHECKING:
    from .device import Device


def check_block(device: Device, size: int, what: str, mend: str) -> None:
    """Refuse what shaders could not read as one storage block.

    Raises
    ------
    DeviceError
    """
    most = device.capabilities.max_storage_block
    if size > most:
        raise DeviceError(f"{what}: {size:,} bytes are needed, and shaders read at most {most:,} of one buffer on this device; {mend}.")


class GrowBuffer:
    """A buffer whose content survives growth.

    Parameters
    ----------
    device : Device
    label : str
        Names the buffer in errors and debuggers.
    counter : "bytes_uploaded" or "bytes_view"
        Which counter of the device its writes raise.
    size : int
        First allocation, bytes.
    mend : str
        Where shaders read the buffer as one storage block, which devices limit: what to do about one that would be too large.
    """

    def __init__(self, device: Device, label: str, counter: str = "bytes_uploaded", size: int = 4096, mend: str = "") -> None:
        self._device, self._label, self._counter, self._mend = device, label, counter, mend
        self._function = device.gl.address_of("glNamedBufferSubData")
        self._map = device.gl.address_of("glMapNamedBufferRange"), device.gl.address_of("glUnmapNamedBuffer")
        self._buffer: moderngl.Buffer | None = None
        self._resource: Any = None
        self._size = self._name = 0
        self._staging: NDArray[np.uint8] = np.empty(0, np.uint8)
        self.generation = 0
        """Grows whenever the buffer behind changes, so that vertex arrays know to bind anew."""
        self._allocate(size)

    @property
    def buffer(self) -> moderngl.Buffer:
        """The ModernGL buffer of this moment."""
        assert self._buffer is not None
        return self._buffer

    @property
    def size(self) -> int:
        """Allocated bytes."""
        return self._size

    def _allocate(self, size: int) -> None:
        if self._mend:
            check_block(self._device, size, self._label, self._mend)
        if size > MAX_BUFFER:
            raise OutOfDeviceMemory(f"{self._label}: {size:,} bytes are needed, and one buffer holds at most {MAX_BUFFER:,}; "
                                    "draw the scene in parts.")
        self._device.drain()
        self._device.registry.admit(size, self._label)
        buffer = self._device.ctx.buffer(reserve=size, dynamic=True)
        try:
            self._device.check(f"allocating {size} bytes for {self._label}")
        except BaseException:
            buffer.release()
            raise
        resource = self._device.track("buffer", buffer.glo, buffer.release, size)
        if self._buffer is not None:
            self._device.ctx.copy_buffer(buffer, self._buffer, size=self._buffer.size)
            self._resource.release()
        self._buffer, self._resource, self._size, self._name = buffer, resource, size, buffer.glo
        self.generation += 1

    def reserve(self, size: int) -> None:
        """Make room for at least `size` bytes; grows by half at a time so that n appends cost O(n).

        Raises
        ------
        DeviceError, OutOfDeviceMemory
            More than shaders can read, or than there is; the buffer stays as it was.
        """
        if size > self._size:
            most = min(MAX_BUFFER, self._device.capabilities.max_storage_block) if self._mend else MAX_BUFFER
            self._allocate(max(size, min(self._size + self._size // 2, most)))

    def write(self, data: NDArray[Any], offset: int = 0) -> None:
        """Write a C-contiguous array at a byte offset, growing first where it does not fit."""
        if data.nbytes:
            self.reserve(offset + data.nbytes)
            # Not ModernGL's write: it may wait for drawing that still reads the buffer, and other threads shall run meanwhile.
            write_buffer(self._function, self._name, offset, data)
            self._count(1, data.nbytes)

    def fill(self, store: Any, kind: int, first: int, count: int, size: int) -> bool:
        """Gather `count` rows of `size` bytes straight to their place, for which there is room; False where they did not arrive."""
        if not fill_buffer(*self._map, self.buffer.glo, store, kind, first, count):
            self._device.gl.errors()  # of the mapping: the rows go another way now, and what that meets counts
            return False
        self._count(2, count * size)
        return True

    def _count(self, calls: int, nbytes: int) -> None:
        stats = self._device.stats
        stats.gl_calls += calls
        setattr(stats, self._counter, getattr(stats, self._counter) + nbytes)

    def staging(self, size: int) -> NDArray[np.uint8]:
        """Return `size` bytes of reused host memory to gather rows into before ``write``."""
        if len(self._staging) < size:
            self._staging = np.empty(max(size, 2 * len(self._staging)), np.uint8)
        return self._staging[:size]

    def release(self) -> None:
        """Delete the buffer; safe to call twice."""
        if self._resource is not None:
            self._resource.release()
        self._resource = self._buffer = None
        self._size = self._name = 0


class RangeAllocator:
    """First-fit ranges of an unbounded line, merged when freed."""

    def __init__(self) -> None:
        self.end = 0
        self._free: list[tuple[int, int]] = []

    def take(self, count: int) -> int:
        """Return the start of `count` free places."""
        for row, (start, length) in enumerate(self._free):
            if length >= count:
                if length == count:
                    del self._free[row]
                else:
                    self._free[row] = (start + count, length - count)
                return start
        start, self.end = self.end, self.end + count
        return start

    def give(self, start: int, count: int) -> None:
        """Free a range that ``take`` returned."""
        if not count:
            return
        free = self._free
        row = bisect_left(free, (start, 0))
        if row < len(free) and free[row][0] == start + count:
            count += free.pop(row)[1]
        if row and free[row - 1][0] + free[row - 1][1] == start:
            row -= 1
            start, length = free.pop(row)
            count += length
        if start + count == self.end:
            self.end = start
        else:
            free.insert(row, (start, count))
