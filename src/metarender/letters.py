"""Text as coverage of pixels: one font that comes along, averaged over whole squares, so that every machine makes the same bytes."""

from __future__ import annotations

import io
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

EM, ASCENT, HEIGHT = 120, 96, 126
"""Rows of the pictures of letters: of the font's size, above the baseline, in all."""
SMALLEST, LARGEST = 8.0, 60.0
"""Sizes of text, pixels."""


@cache
def _font() -> dict[str, NDArray[np.uint8]]:
    """Glyphs, (HEIGHT, advance) of 0 and 1, by character."""
    data = np.load(io.BytesIO(files(__package__).joinpath("data/letters.npz").read_bytes()))
    ends = np.cumsum(data["widths"].astype(np.int64))
    strip = np.unpackbits(data["bits"], axis=1, count=int(ends[-1]))
    return {chr(letter): strip[:, end - width:end] for letter, end, width in
            zip(data["letters"].tolist(), ends.tolist(), data["widths"].tolist(), strict=True)}


def _block(size: float) -> int:
    """Rows of a glyph in a pixel."""
    return max(round(EM / min(max(size, SMALLEST), LARGEST)), 1)


def line_height(size: float) -> int:
    """Rows of a line of text of about a size, pixels."""
    return -(-HEIGHT // _block(size))


def text_coverage(text: str, size: float) -> NDArray[np.uint8]:
    """Return how much of each pixel a line of text covers.

    Parameters
    ----------
    text : str
        What the font does not have becomes a question mark.
    size : float
        About that many pixels; sizes are those that divide the pictures of the letters.

    Returns
    -------
    (rows, columns) uint8
        0 to 255; as many rows as `line_height` says.
    """
    font, block = _font(), _block(size)
    glyphs = [font.get(letter, font["?"]) for letter in text] or [np.zeros((HEIGHT, 1), np.uint8)]
    strip = np.concatenate(glyphs, axis=1)
    rows, columns = line_height(size), -(-strip.shape[1] // block)
    padded = np.zeros((rows * block, columns * block), np.uint32)
    padded[:HEIGHT, :strip.shape[1]] = strip
    sums = padded.reshape(rows, block, columns, block).sum(axis=(1, 3))
    coverage: NDArray[np.uint8] = ((sums * 255 + block * block // 2) // (block * block)).astype(np.uint8)
    return coverage
