"""The largest connected group of pixels, in numpy alone and in bounded time: runs of rows, joined where they touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Blob:
    """A group of pixels that touch by edge or corner.

    Attributes
    ----------
    pixels : int
    box : (left, top, width, height), pixels
    """

    pixels: int
    box: tuple[int, int, int, int]


def largest_blob(mask: NDArray[np.bool_]) -> Blob:
    """Return the largest group of set pixels; the topmost, then leftmost, of equal ones.

    Parameters
    ----------
    mask : (h, w) bool
    """
    rows, starts, stops = _runs(mask)
    if len(rows) == 0:
        return Blob(0, (0, 0, 0, 0))
    labels = components(len(rows), *_touching(rows, starts, stops, mask.shape[1]))
    sizes = np.bincount(labels, weights=stops - starts)
    largest = int(np.argmax(sizes))
    mine = labels == largest
    left, top = int(starts[mine].min()), int(rows[mine].min())
    return Blob(int(sizes[largest]), (left, top, int(stops[mine].max()) - left, int(rows[mine].max()) + 1 - top))


def components(count: int, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Label the connected components of a graph by their smallest vertex.

    Parameters
    ----------
    count : int
        Number of vertices.
    a, b : (n,) int64
        Ends of the edges.

    Returns
    -------
    (count,) int64
    """
    label = np.arange(count)
    # In a round every root with a smaller root beside it is hooked onto the smallest. A root that lives through two rounds was smaller
    # than all its neighbours and took them in, so roots that are not finished at least halve: 2 log2(n) rounds are enough.
    for _ in range(2 * count.bit_length() + 2):
        one, other = label[a], label[b]
        if np.array_equal(one, other):
            break
        smaller, larger = np.minimum(one, other), np.maximum(one, other)
        np.minimum.at(label, larger, smaller)
        while not np.array_equal(label, shorter := label[label]):
            label = shorter
    return label


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Row, first column and the column after the last of every run of set pixels, in reading order."""
    padded = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
    padded[:, 1:-1] = mask
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    return rows, starts, np.nonzero(steps == -1)[1]


def _touching(rows: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64],
              width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs of runs in rows below each other that touch, corners included."""
    pitch = width + 2
    below = (rows + 1) * pitch
    first = np.searchsorted(rows * pitch + stops, below + starts, "left")
    last = np.searchsorted(rows * pitch + starts, below + stops, "right")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(rows)), counts)
    return upper, np.arange(len(upper)) + np.repeat(first - (np.cumsum(counts) - counts), counts)
