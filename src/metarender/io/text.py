"""Numbers in lines of text, read in pieces with numpy: what OBJ, STL, PLY and XYZ files share.

A file is cut into pieces of whole lines, so that what is needed meanwhile is bounded, progress is told, and another thread may run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import AssetError
from .files import Progress

_PIECE = 4 << 20
_INDENT = 32
"""Blanks before a line's first word that are stepped over one by one."""
_LINE_END, _SPACE = 10, 32
_BLANK = np.zeros(256, bool)
_BLANK[[9, 11, 12, 13, 32]] = True
_INTEGER = _BLANK.copy()
_INTEGER[[10, 43, 45, *range(48, 58)]] = True
_LONGEST = 18
"""Digits that an integer may have, so that it fits."""

Mask = NDArray[np.bool_]


def pieces(data: bytes | memoryview, progress: Progress | None = None, first_line: int = 1) -> Iterator[Piece]:
    """Cut a text into pieces of whole lines.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(done, total)`` with bytes after each piece.
    """
    whole = np.frombuffer(data, np.uint8)
    if not (whole[: 1 << 16] == _LINE_END).any() and (whole[: 1 << 16] == 13).any():  # lines of an old Macintosh
        whole = np.where(whole == 13, np.uint8(_LINE_END), whole)
    at, line = 0, first_line
    while at < len(whole):
        stop = min(at + _PIECE, len(whole))
        if stop < len(whole):
            found = np.flatnonzero(whole[stop : stop + _PIECE] == _LINE_END)
            if not found.size and len(whole) - stop > _PIECE:
                raise AssetError(f"Line {line} or one soon after it has more than {_PIECE:,} characters; check the file.")
            stop = stop + int(found[0]) + 1 if found.size else len(whole)
        piece = Piece(whole[at:stop], line)
        yield piece
        at, line = stop, line + len(piece.starts)
        if progress is not None:
            progress(at, len(whole))


class Piece:
    """Some whole lines.

    Attributes
    ----------
    text : (n,) uint8
        With a line end at the end.
    first_line : int
        Number of the first line in the file, for messages.
    starts, lengths : (k,) int64
        Of each line in `text`; lengths include the line end.
    heads : (k,) int64
        Place of each line's first character that is not blank.
    """

    def __init__(self, text: NDArray[np.uint8], first_line: int) -> None:
        if text[-1] != _LINE_END:
            text = np.append(text, np.uint8(_LINE_END))
        self.text = text
        self.first_line = first_line
        ends = np.flatnonzero(text == _LINE_END) + 1
        self.starts = np.concatenate([[0], ends[:-1]])
        self.lengths = ends - self.starts
        self.heads = self.starts.copy()
        late = np.flatnonzero(_BLANK[text[self.heads]])
        for _ in range(_INDENT):  # a line end is not blank, so each line stops in itself
            if not late.size:
                break
            self.heads[late] += 1
            late = late[_BLANK[text[self.heads[late]]]]
        if late.size:
            solid = np.flatnonzero(~_BLANK[text])
            self.heads[late] = solid[np.searchsorted(solid, self.heads[late])]

    def begins(self, word: bytes) -> Mask:
        """Which lines have `word` as their first word."""
        found = np.ones(len(self.heads), bool)
        last = len(self.text) - 1
        for k, letter in enumerate(word):
            found &= self.text[np.minimum(self.heads + k, last)] == letter
        after = self.text[np.minimum(self.heads + len(word), last)]
        first: Mask = found & (_BLANK[after] | (after == _LINE_END))
        return first

    def filled(self) -> Mask:
        """Which lines are neither blank nor comments after a ``#``."""
        head = self.text[self.heads]
        filled: Mask = (head != _LINE_END) & (head != ord("#"))
        return filled

    def line(self, number: int) -> bytes:
        """Return the words of a line of the piece."""
        start = self.heads[number]
        return bytes(self.text[start : self.starts[number] + self.lengths[number]]).strip()

    def words(self, lines: Mask, skip: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64], Mask]:
        """Return the text of some lines alone, how many words each has, and where words begin.

        Parameters
        ----------
        skip : int
            Length of the first word, which is left out.
        """
        text = self.text
        if skip:
            text = text.copy()
            heads = self.heads[lines]
            for k in range(skip):
                text[heads + k] = _SPACE
        if not lines.all():
            text = text[np.repeat(lines, self.lengths)]
        lengths = self.lengths[lines]
        if (text == ord("#")).any():
            text = _without_comments(text)
        gap = _BLANK[text] | (text == _LINE_END)
        begin = ~gap
        begin[1:] &= gap[:-1]
        starts = np.cumsum(lengths) - lengths
        counts = np.add.reduceat(begin, starts, dtype=np.int64) if len(starts) else np.zeros(0, np.int64)
        return text, counts, begin

    def floats(self, lines: Mask, skip: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return all numbers of some lines in a row, and how many each line has.

        Raises
        ------
        AssetError
            A word is no number.
        """
        text, counts, _ = self.words(lines, skip)
        try:
            return np.array(text.tobytes().split(), np.float64), counts
        except ValueError:
            raise self._not_a_number(lines, skip) from None

    def rows(self, lines: Mask, widths: tuple[int, ...], what: str, skip: int = 0, spare: int = 0) -> NDArray[np.float64]:
        """Return the numbers of some lines as (lines, widest that they have in common) of the allowed widths.

        Parameters
        ----------
        spare : int
            How many columns follow with numbers that a line may have or not, NaN where it has fewer; left out where none has.

        Raises
        ------
        AssetError
            A word is no number, or a line has too few of them.
        """
        values, counts = self.floats(lines, skip)
        if not len(counts):
            return np.zeros((0, widths[0]))
        rows: NDArray[np.float64]
        width = max((width for width in widths if width <= counts.min()), default=0)
        if not width:
            number = int(np.flatnonzero(lines)[np.argmin(counts)])
            raise AssetError(f"{what} in line {self.first_line + number} has {counts.min()} numbers; it needs {min(widths)}.")
        if spare and (counts >= width + spare).any():
            reach = np.arange(width + spare)
            there = (reach < width) | (counts >= width + spare)[:, None]
            place = np.where(there, (np.cumsum(counts) - counts)[:, None] + reach, 0)
            rows = np.where(there, values[place], np.nan)
        elif (counts == counts[0]).all():
            rows = values.reshape(len(counts), -1)[:, :width]
        else:
            rows = values[(np.cumsum(counts) - counts)[:, None] + np.arange(width)]
        return rows

    def _not_a_number(self, lines: Mask, skip: int) -> AssetError:
        """Find the word that is none; only files that are refused pay for the search."""
        for number in np.flatnonzero(lines).tolist():
            for word in self.line(number)[skip:].partition(b"#")[0].split():
                try:
                    float(word)
                except ValueError:
                    shown = word[:40].decode("ascii", "replace")
                    return AssetError(f"{shown!r} in line {self.first_line + number} is not a number; check the file.")
        return AssetError(f"The numbers from line {self.first_line} on cannot be read; check the file.")


def _without_comments(text: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Blank what follows a ``#`` up to the end of its line."""
    ends = text == _LINE_END
    opened = np.maximum.accumulate(np.where(text == ord("#"), np.arange(1, len(text) + 1), 0))
    closed = np.maximum.accumulate(np.where(ends, np.arange(1, len(text) + 1), 0))
    return np.where(~ends & (opened > closed), np.uint8(_SPACE), text)


def integers(text: NDArray[np.uint8], where: str) -> NDArray[np.int64]:
    """Read a text of nothing but integers.

    Raises
    ------
    AssetError
        Something else is in it.
    """
    sign = (text == 43) | (text == 45)
    digit = (text >= 48) & (text <= 57)
    before = np.concatenate([[True], ~(digit | sign)[:-1]])
    after = np.concatenate([digit[1:], [False]])
    if not _INTEGER[text].all() or (sign & ~(before & after)).any():
        raise AssetError(f"{where} has something else than whole numbers; check the file.")
    gaps = np.flatnonzero(np.concatenate([[True], ~digit, [True]]))
    if (np.diff(gaps) > _LONGEST + 1).any():
        raise AssetError(f"{where} has a whole number of more than {_LONGEST} digits; check the file.")
    if not digit.any():  # numpy would make a zero of blanks
        return np.zeros(0, np.int64)
    values: NDArray[np.int64] = np.fromstring(text.tobytes(), np.int64, sep=" ")
    return values


def described(value: Any) -> str:
    """Show a piece of a file in a message: short, printable."""
    text = bytes(value[:60]).decode("utf-8", "replace") if isinstance(value, (bytes, memoryview)) else str(value)[:60]
    return repr("".join(letter if letter.isprintable() else "?" for letter in text))
