"""How two pictures are compared: bytes first, then the worst tile, the share of pixels beyond a threshold, and their largest blob."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInput
from .blobs import largest_blob

TILE = 16
"""Pixels along the edge of a tile; every place of it in the picture is looked at."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may differ; all zeros means equal bytes.

    Attributes
    ----------
    threshold : int
        Difference of a channel, in 255ths, up to which a pixel counts as equal.
    tile : float
        Mean difference that any tile of 16 by 16 pixels may have, in 255ths.
    share : float
        Share of all pixels that may lie beyond the threshold, 0 to 1.
    blob : int
        Pixels beyond the threshold that may touch each other.
    """

    threshold: int = 0
    tile: float = 0.0
    share: float = 0.0
    blob: int = 0

    @property
    def exact(self) -> bool:
        """Whether every byte must be equal."""
        return self == Tolerance()


@dataclass(frozen=True, slots=True)
class Gate:
    """One figure beside what is allowed; ``allowed`` is None where the figure is only told."""

    name: str
    found: float
    allowed: float | None
    unit: str

    @property
    def passed(self) -> bool:
        return self.allowed is None or self.found <= self.allowed

    def said(self, value: float | None) -> str:
        """A value as text with its unit."""
        if value is None:
            return "any"
        return f"{value:.3%}" if self.unit == "%" else f"{value:,.4g} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a comparison.

    Attributes
    ----------
    gates : tuple of Gate
    difference : (h, w) uint8
        Largest difference of a pixel's channels; colours are weighted by alpha.
    tile, blob : (left, top, width, height), pixels
        Where the worst tile and the largest blob are; zeros where there is none.
    """

    gates: tuple[Gate, ...]
    difference: Picture
    tile: tuple[int, int, int, int]
    blob: tuple[int, int, int, int]

    @property
    def passed(self) -> bool:
        return all(gate.passed for gate in self.gates)


def compare(actual: Picture, expected: Picture, tolerance: Tolerance) -> Comparison:
    """Compare two pictures.

    Parameters
    ----------
    actual, expected : (h, w, 4) uint8
        sRGB with straight alpha.
    tolerance : Tolerance

    Raises
    ------
    InvalidInput
        They are of different sizes.
    """
    if actual.shape != expected.shape:
        raise InvalidInput(f"Pictures of {_size(actual)} and {_size(expected)} pixels cannot be compared; draw both at one size.")
    unequal = int(np.count_nonzero((actual != expected).any(axis=2)))
    difference = _difference(actual, expected)
    tile, where = worst_tile(difference)
    beyond = difference > tolerance.threshold
    blob = largest_blob(beyond)
    gates = (
        Gate("pixels that differ", unequal, 0 if tolerance.exact else None, "px"),
        Gate(f"worst tile of {TILE}x{TILE}, mean", tile, tolerance.tile, "/255"),
        Gate(f"share beyond {tolerance.threshold}/255", float(beyond.mean()), tolerance.share, "%"),
        Gate(f"largest blob beyond {tolerance.threshold}/255", blob.pixels, tolerance.blob, "px"),
        Gate("largest difference", int(difference.max(initial=0)), None, "/255"),
    )
    return Comparison(gates, difference, where if tile else (0, 0, 0, 0), blob.box)


def worst_tile(difference: Picture) -> tuple[float, tuple[int, int, int, int]]:
    """Return the largest mean of any tile, and the first such tile in reading order as (left, top, width, height).

    Tiles lie at every pixel, not on a grid, so that no fault hides by straddling four of them; a summed-area table makes that cheap.
    """
    height, width = (min(TILE, extent) for extent in difference.shape)
    table = np.zeros((difference.shape[0] + 1, difference.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(difference, axis=0, dtype=np.int64), axis=1, out=table[1:, 1:])
    sums = table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    top, left = (int(place) for place in np.unravel_index(int(np.argmax(sums)), sums.shape))
    return float(sums[top, left]) / (height * width), (left, top, width, height)


def _difference(actual: Picture, expected: Picture) -> Picture:
    """Largest difference over alpha and over colours weighted by alpha: what cannot be seen does not count."""
    changed: NDArray[np.int32] = np.abs(_weighted(actual) - _weighted(expected))
    return np.asarray(changed.max(axis=2), np.uint8)


def _weighted(picture: Picture) -> NDArray[np.int32]:
    wide = picture.astype(np.int32)
    wide[..., :3] = (wide[..., :3] * wide[..., 3:] + 127) // 255
    return wide


def _size(picture: Picture) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


# --- pictures of a difference ------------------------------------------------------------------------------------------


def paint_difference(difference: Picture, expected: Picture) -> Picture:
    """Return the expected picture in dim grey with every difference on it, (h, w, 3) uint8: red is small, yellow is large."""
    shown = _over_grey(expected)
    grey = 0.35 * (shown @ np.array((0.299, 0.587, 0.114)))
    heat = np.sqrt(difference / 255.0)[..., None]  # a difference of one must be seen
    hot = (1 - heat) * (0.75, 0.05, 0.1) + heat * (1.0, 0.95, 0.3)
    painted: NDArray[np.float64] = np.where(difference[..., None] > 0, hot, grey[..., None])
    return np.rint(painted * 255).astype(np.uint8)


def flip(actual: Picture, expected: Picture) -> tuple[float, Picture] | None:
    """Return the mean FLIP error and its heat map, (h, w, 3) uint8; None where flip-evaluator is not installed.

    The mean is told and never asked: a wrong patch of 12x12 pixels scores less than another driver that is right.
    """
    try:
        import flip_evaluator
    except ImportError:
        return None
    shown = [np.ascontiguousarray(_over_grey(picture), np.float32) for picture in (expected, actual)]
    heat, mean, _ = flip_evaluator.evaluate(*shown, "LDR")
    return float(mean), np.rint(np.clip(heat, 0, 1) * 255).astype(np.uint8)


def _over_grey(picture: Picture) -> NDArray[np.float64]:
    """The picture over middle grey, (h, w, 3) from 0 to 1, sRGB."""
    colour, alpha = picture[..., :3] / 255.0, picture[..., 3:] / 255.0
    shown: NDArray[np.float64] = colour * alpha + 0.5 * (1 - alpha)
    return shown
