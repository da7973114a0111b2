"""Numbers to colours: perceptual ramps that read back to the numbers, made here and not copied."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .color import srgb_decode, srgb_encode
from .errors import InvalidInput

SIZE = 256
# OKLab to linear sRGB: B. Ottosson, "A perceptual color space for image processing", 2020.
_LAB_TO_LMS = np.array([[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]])
_LMS_TO_RGB = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                        [-0.0041960863, -0.7034186147, 1.7076147010]])


def _linear(lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear: NDArray[np.float64] = (lab @ _LAB_TO_LMS.T) ** 3 @ _LMS_TO_RGB.T
    return linear


def _oklch(lightness: NDArray[np.float64], chroma: NDArray[np.float64], hue: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return linear sRGB of OKLCh colours (hue in radians), chroma bisected to what the display can show."""
    low, high = np.zeros_like(chroma), chroma
    for _ in range(24):
        middle = (low + high) / 2
        linear = _linear(lightness, middle, hue)
        shown = ((linear >= 0) & (linear <= 1)).all(axis=-1)
        low, high = np.where(shown, middle, low), np.where(shown, high, middle)
    return np.clip(_linear(lightness, low, hue), 0.0, 1.0)


class Colormap:
    """A ramp of 256 colours over a range of values.

    Parameters
    ----------
    colors : (n, 3) uint8 sRGB, n >= 2
        Equally spaced; resampled to 256.
    low, high : float
        Values that get the first and the last colour; values beyond are clamped.

    Raises
    ------
    InvalidInput
        Wrong shape, type or range.
    """

    def __init__(self, colors: ArrayLike, low: float = 0.0, high: float = 1.0) -> None:
        table = np.asarray(colors)
        if table.ndim != 2 or table.shape[1] != 3 or len(table) < 2 or table.dtype != np.uint8:
            raise InvalidInput(f"Colormap colors must be (n, 3) uint8 sRGB with at least two rows, not {table.shape} {table.dtype}.")
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InvalidInput(f"Colormap low={low!r} must be below high={high!r}, both finite.")
        linear = srgb_decode(table / 255.0)
        place = np.linspace(0, len(table) - 1, SIZE)
        ramp = np.stack([np.interp(place, np.arange(len(table)), linear[:, channel]) for channel in range(3)], axis=1)
        self.low, self.high = float(low), float(high)
        self.table: NDArray[np.uint8] = np.round(srgb_encode(ramp) * 255).astype(np.uint8)
        """(256, 3) uint8 sRGB."""
        self.table.flags.writeable = False

    @classmethod
    def heat(cls, low: float = 0.0, high: float = 1.0) -> Colormap:
        """Return dark violet over red and orange to pale yellow, lightness rising evenly (OKLab)."""
        t = np.linspace(0.0, 1.0, SIZE)
        linear = _oklch(0.22 + 0.72 * t, 0.05 + 0.17 * np.sin(math.pi * np.clip(t, 0, 1)) ** 0.8, np.radians(305 + 170 * t))
        return cls(np.round(srgb_encode(linear) * 255).astype(np.uint8), low, high)

    @classmethod
    def cool_warm(cls, low: float = -1.0, high: float = 1.0) -> Colormap:
        """Return blue over pale grey to red, for values about a middle (OKLab)."""
        t = np.linspace(-1.0, 1.0, SIZE)
        linear = _oklch(0.92 - 0.42 * np.abs(t), 0.19 * np.abs(t), np.radians(np.where(t < 0, 258.0, 28.0)))
        return cls(np.round(srgb_encode(linear) * 255).astype(np.uint8), low, high)

    def __call__(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Return the colours of values, (..., 3) uint8 sRGB, as the shaders show them unlit."""
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        picked: NDArray[np.uint8] = self.table[np.round(np.clip(share, 0.0, 1.0) * (SIZE - 1)).astype(int)]
        return picked
