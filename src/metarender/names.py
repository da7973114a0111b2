"""Names of parts in columns: one run of UTF-8 bytes and offsets, no Python string per part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput

_ROWS_AT_ONCE = 65_536


class NameColumn:
    """Names of the nodes that one call made, in rising order of their ids.

    Parameters
    ----------
    ids : (n,) uint32
        Public ids.
    offsets : (n + 1,) int64
        Name k is the bytes ``text[offsets[k]:offsets[k + 1]]``; an empty one is no name.
    text : (m,) uint8
        UTF-8.
    """

    def __init__(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], text: NDArray[np.uint8]) -> None:
        self._fill(ids, offsets, text)

    def _fill(self, ids: NDArray[np.uint32], offsets: NDArray[np.int64], text: NDArray[np.uint8]) -> None:
        if not (ids[1:] > ids[:-1]).all():
            order = np.argsort(ids)
            ids, offsets, text = ids[order], *_take(offsets, text, order)
        self._ids = ids.copy()
        self._offsets: NDArray[Any] = offsets.astype(np.uint32 if len(text) < 2**32 else np.int64)
        self._text = text
        self._alive = np.ones(len(ids), dtype=bool)
        self._gone = 0

    @property
    def nbytes(self) -> int:
        """Bytes in use."""
        return self._ids.nbytes + self._offsets.nbytes + self._text.nbytes + self._alive.nbytes

    @property
    def count(self) -> int:
        """Names that are left."""
        return len(self._ids) - self._gone

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Public ids that have a name here, (k,) uint32."""
        return self._ids[self._alive & (self._offsets[1:] > self._offsets[:-1])]

    def _row(self, number: int) -> int:
        row = int(np.searchsorted(self._ids, np.uint32(number)))
        return row if row < len(self._ids) and self._ids[row] == number and self._alive[row] else -1

    def name_of(self, number: int) -> str:
        """Name of an id, empty when it has none here."""
        row = self._row(number)
        return "" if row < 0 else self._text[self._offsets[row]:self._offsets[row + 1]].tobytes().decode()

    def drop(self, numbers: NDArray[np.uint32]) -> None:
        """Forget the names of ids (k,)."""
        if not len(self._ids):
            return
        rows = np.minimum(np.searchsorted(self._ids, numbers), len(self._ids) - 1)
        rows = np.unique(rows[self._ids[rows] == numbers])
        self._gone += int(np.count_nonzero(self._alive[rows]))
        self._alive[rows] = False
        if 2 * self._gone > len(self._ids):
            kept = np.flatnonzero(self._alive)
            self._fill(self._ids[kept], *_take(self._offsets.astype(np.int64), self._text, kept))

    def find(self, name: bytes) -> int | None:
        """Public id of lowest index that has this name, or None."""
        rows = np.flatnonzero((np.diff(self._offsets) == len(name)) & self._alive)
        wanted, best = np.frombuffer(name, dtype=np.uint8), None
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start:start + _ROWS_AT_ONCE]
            for k, byte in enumerate(wanted):
                some = some[self._text[self._offsets[some] + k] == byte]
            for number in self._ids[some].tolist():
                if best is None or number & 0xFFFFFF < best & 0xFFFFFF:
                    best = number
        return best

    def select(self, numbers: NDArray[np.uint32]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Offsets (k + 1,) and bytes of the names of ids (k,), in their order; empty where an id has none here."""
        rows = np.minimum(np.searchsorted(self._ids, numbers), max(len(self._ids) - 1, 0))
        known = (self._ids[rows] == numbers) & self._alive[rows] if len(self._ids) else np.zeros(len(numbers), bool)
        offsets, text = _take(self._offsets.astype(np.int64), self._text, rows[known])
        lengths = np.zeros(len(numbers), np.int64)
        lengths[known] = np.diff(offsets)
        return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]), text

    def copied(self, old: NDArray[np.uint32], new: NDArray[np.uint32]) -> NameColumn:
        """The same names for other ids: `old` (k,) in any order becomes `new` (k,)."""
        kept = np.flatnonzero(self._alive)
        order = np.argsort(old)
        ids = new[order[np.searchsorted(old, self._ids[kept], sorter=order)]]
        return NameColumn(ids, *_take(self._offsets.astype(np.int64), self._text, kept))


def _take(offsets: NDArray[np.int64], text: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and bytes of some rows, in their order."""
    lengths = np.diff(offsets)[rows]
    out = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    source = np.repeat(offsets[rows] - out[:-1], lengths) + np.arange(out[-1])
    return out, text[source]


def encode(names: Sequence[str], count: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Offsets and UTF-8 bytes of `count` names; InvalidInput for another number or what is no string."""
    if isinstance(names, str) or len(names) != count:
        raise InvalidInput(f"names must be {count} strings, one for each part, got {type(names).__name__} of length {len(names)}")
    try:
        whole = "".join(names)
    except TypeError:
        row = next(k for k, name in enumerate(names) if not isinstance(name, str))
        raise InvalidInput(f"names must be strings, got {type(names[row]).__name__} in row {row}") from None
    if whole.isascii():
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=count)
    else:
        lengths = np.fromiter((len(name.encode()) for name in names), dtype=np.int64, count=count)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    return offsets, np.frombuffer(whole.encode(), dtype=np.uint8)
