"""The buffers that change with the camera: ``View`` blocks, anchor offsets, lights, and indirect commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .bindings import BLOCK_BYTES, LIGHT_DTYPE
from .buffers import GrowBuffer, check_block

if TYPE_CHECKING:
    from .device import Device


@dataclass(slots=True, eq=False)
class PlacedList:
    """A draw list on the device."""

    draws: Any
    """As ``View.draw_list`` made it."""
    commands: Any
    """Buffer of indirect commands."""
    batches: NDArray[Any]
    """(m,) BATCH_DTYPE; `first` counts from the beginning of the buffer."""
    first: int
    """Number of the list's first run in the buffer that the processor wrote."""
    command_count: int
    instances: int
    triangles: int


def place(draws: Any, commands: Any, first: int) -> PlacedList:
    """Return a draw list whose commands were written one for one, from command `first` of a buffer on."""
    batches = draws.batches
    if first and len(batches):
        batches = batches.copy()
        batches["first"] += np.uint32(first)
    return PlacedList(draws, commands, batches, first, len(draws.commands), int(draws.instances), int(draws.triangles))


class ViewConstants:
    """Written once per frame and only where the bytes differ from what is there."""

    def __init__(self, device: Device) -> None:
        self._blocks = GrowBuffer(device, "view constants", "bytes_view", 4 * BLOCK_BYTES)
        self._device = device
        self._anchors = GrowBuffer(device, "anchor offsets", "bytes_view")
        self._lights = GrowBuffer(device, "lights", "bytes_view", mend="use fewer lights")
        self._commands = GrowBuffer(device, "indirect commands", "bytes_view", 1 << 16)
        self._written: dict[str, bytes] = {}
        self._placed: list[PlacedList] = []

    @property
    def blocks(self) -> Any:
        """Buffer of ``View`` blocks."""
        return self._blocks.buffer

    @property
    def anchors(self) -> Any:
        """Buffer of anchor offsets."""
        return self._anchors.buffer

    @property
    def lights(self) -> Any:
        """Buffer of lights."""
        return self._lights.buffer

    def _write(self, name: str, buffer: GrowBuffer, content: bytes) -> None:
        if self._written.get(name) != content:
            if name == "blocks" and not np.isfinite(np.frombuffer(content, np.float32)).all():  # the few integers in them are small
                raise InvalidInput("What camera, environment, colormap and settings give to shaders is not finite as float32, and nothing "
                                   "would be drawn; look for a projection, an exposure, an intensity or a range that is enormous.")
            buffer.write(np.frombuffer(content, np.uint8))
            self._written[name] = content

    def write_blocks(self, blocks: Sequence[np.void]) -> None:
        """Write ``VIEW_DTYPE`` records, one every ``BLOCK_BYTES`` bytes."""
        self._write("blocks", self._blocks, b"".join([block.tobytes().ljust(BLOCK_BYTES, b"\0") for block in blocks]))

    def write_anchors(self, offsets: Sequence[NDArray[np.float32]]) -> list[tuple[int, int]]:
        """Write (anchors, 4) float32 offsets of each view and return (byte offset, bytes) of each.

        Raises
        ------
        DeviceError
            More than shaders can read.
        """
        places, padded, start = [], [], 0
        for rows in offsets:
            check_block(self._device, rows.nbytes, "the places that a scene is measured from",
                        "call settle(), bring what lies more than 512 m apart closer together, or draw the scene in parts")
            places.append((start, rows.nbytes))
            padded.append(rows.tobytes().ljust(-(-rows.nbytes // 256) * 256, b"\0"))  # the strictest alignment of storage buffers
            start += len(padded[-1])
        self._write("anchors", self._anchors, b"".join(padded))
        return places

    def write_lights(self, rows: NDArray[Any]) -> None:
        """Write ``LIGHT_DTYPE`` rows."""
        self._write("lights", self._lights, rows.tobytes() or bytes(LIGHT_DTYPE.itemsize))

    def write_commands(self, lists: Sequence[Any]) -> list[PlacedList]:
        """Write the commands of draw lists one behind the other and return where; nothing is done where the lists are the same."""
        if len(lists) != len(self._placed) or any(a is not b.draws for a, b in zip(lists, self._placed, strict=True)):
            self._placed = []  # whatever fails from here on, the next frame writes anew
            counts = [len(draws.commands) for draws in lists]
            firsts = [0, *accumulate(counts)][:-1]
            self._commands.reserve(sum(counts) * 20)
            for draws, first in zip(lists, firsts, strict=True):
                self._commands.write(draws.commands, first * 20)
            self._placed = [place(draws, self._commands.buffer, first) for draws, first in zip(lists, firsts, strict=True)]
        return self._placed

    @property
    def nbytes(self) -> int:
        """Device memory of the buffers."""
        return sum(buffer.size for buffer in (self._blocks, self._anchors, self._lights, self._commands))

    def release(self) -> None:
        """Delete the buffers."""
        for buffer in (self._blocks, self._anchors, self._lights, self._commands):
            buffer.release()
        self._placed = []
