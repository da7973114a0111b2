"""Numbers to colours: perceptual ramps that read back to the numbers, made here; viridis is that of its authors."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import is_number, number
from .color import srgb_decode, srgb_encode
from .errors import InvalidInput

SIZE = 256
MISSING = (128, 128, 128)
"""Colour of what has no number, sRGB."""
# OKLab to linear sRGB: B. Ottosson, "A perceptual color space for image processing", 2020.
_LAB_TO_LMS = np.array([[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]])
_LMS_TO_RGB = np.array([[4.0767416621, -3.3077115913, 0.2309699292], [-1.2684380046, 2.6097574011, -0.3413193965],
                        [-0.0041960863, -0.7034186147, 1.7076147010]])

# viridis, 256 sRGB colours: S. van der Walt and N. Smith, "mpl colormaps", 2015, in the public domain (CC0 1.0).
_VIRIDIS = (
    "RAFURAJWRQRXRQVZRgdaRghcRgpdRgteRw1gRw5hRxBjRxFkRxNlSBRnSBZoSBdpSBhqSBpsSBttSBxuSB1vSB9wSCBxSCFzSCN0SCR1SCV2SCZ3SCh4SCl5Ryp6Ryx6"
    "Ry17Ry58Ry99RjB+RjJ+RjN/RjSARTWBRTeBRTiCRDmDRDqDRDuEQz2EQz6FQj+FQkCGQkGGQUKHQUSHQEWIQEaIP0eIP0iJPkmJPkqJPkyKPU2KPU6KPE+KPFCLO1GL"
    "O1KLOlOLOlSMOVWMOVaMOFiMOFmMN1qMN1uNNlyNNl2NNV6NNV+NNGCNNGGNM2KNM2ONMmSOMmWOMWaOMWeOMWiOMGmOMGqOL2uOL2yOLm2OLm6OLm+OLXCOLXGOLHGO"
    "LHKOLHOOK3SOK3WOKnaOKneOKniOKXmOKXqOKXuOKHyOKH2OJ36OJ3+OJ4COJoGOJoKOJoKOJYOOJYSOJYWOJIaOJIeOI4iOI4mOI4qNIouNIoyNIo2NIY6NIY+NIZCN"
    "IZGMIJKMIJKMIJOMH5SMH5WLH5aLH5eLH5iLH5mKH5qKHpuKHpyJHp2JH56JH5+IH6CIH6GIH6GHH6KHIKOGIKSGIaWFIaaFIqeFIqiEI6mDJKqDJauCJayCJq2BJ62B"
    "KK6AKa9/KrB/LLF+LbJ9LrN8L7R8MbV7MrZ6NLZ5Nbd5N7h4OLl3Orp2O7t1Pbx0P7xzQL1yQr5xRL9wRsBvSMFuSsFtTMJsTsNrUMRqUsVpVMVoVsZnWMdlWshkXMhj"
    "XsliYMpgY8tfZcteZ8xcac1bbM1abs5YcM9Xc9BWddBUd9FTetFRfNJQf9NOgdNNhNRLhtVJidVIi9ZGjtZFkNdDk9dBldhAmNg+m9k8ndk7oNo5oto3pds2qNs0qtwy"
    "rdwwsN0vst0ttd4ruN4put4ovd8mwN8lwt8jxeAhyOAgyuEfzeEd0OEc0uIb1eIa2OIZ2uMZ3eMY3+MY4uQY5eQZ5+QZ6uUa7OUb7+Uc8eUd9OYe9uYg+OYh++cj/ecl")


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
        table = _array(colors, "Colormap colors")
        if table.ndim != 2 or table.shape[1] != 3 or len(table) < 2 or table.dtype != np.uint8:
            raise InvalidInput(f"Colormap colors must be (n, 3) uint8 sRGB with at least two rows, not {table.shape} {table.dtype}.")
        if not (is_number(low) and is_number(high) and abs(low) < math.inf and abs(high) < math.inf and low < high):
            raise InvalidInput(f"Colormap low={low!r} must be below high={high!r}, both finite.")
        if not 1e-300 <= high - low <= 1e300:
            raise InvalidInput(f"Colormap high={high!r} must be above low={low!r} by 1e-300 to 1e300; scale the numbers.")
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
    def viridis(cls, low: float = 0.0, high: float = 1.0) -> Colormap:
        """Return violet over green to yellow, the ramp that most plots of numbers use; colours are those of matplotlib, to the byte."""
        return cls(np.frombuffer(base64.b64decode(_VIRIDIS), np.uint8).reshape(SIZE, 3), low, high)

    @classmethod
    def cividis(cls, low: float = 0.0, high: float = 1.0) -> Colormap:
        """Return dark blue over grey to yellow, lightness rising evenly (OKLab), in the manner of cividis: it reads the same to people
        who cannot tell red from green."""
        t = np.linspace(0.0, 1.0, SIZE)
        linear = _oklch(0.26 + 0.66 * t, 0.19 * np.abs(t - 0.47), np.radians(np.where(t < 0.47, 262.0, 98.0)))
        return cls(np.round(srgb_encode(linear) * 255).astype(np.uint8), low, high)

    @classmethod
    def cool_warm(cls, low: float = -1.0, high: float = 1.0) -> Colormap:
        """Return blue over pale grey to red, for values about a middle (OKLab)."""
        t = np.linspace(-1.0, 1.0, SIZE)
        linear = _oklch(0.92 - 0.42 * np.abs(t), 0.19 * np.abs(t), np.radians(np.where(t < 0, 258.0, 28.0)))
        return cls(np.round(srgb_encode(linear) * 255).astype(np.uint8), low, high)

    def value_of(self, colors: ArrayLike, tolerance: int = 0) -> NDArray[np.float64]:
        """Return the values that colours stand for, the middle of what each of the 256 covers.

        Parameters
        ----------
        colors : (..., 3) uint8 sRGB
            As read from a picture; a fourth channel must be left out first.
        tolerance : int
            How far each channel may lie from a colour of the ramp, 0 to 255.

        Returns
        -------
        (...) float64
            NaN where a colour is not of this ramp. The first and the last also stand for all that lies beyond.

        Raises
        ------
        InvalidInput
            Another shape or type.
        """
        table, most = _array(colors, "Colormap.value_of colors"), number(tolerance, "Colormap.value_of tolerance", 0, 255)
        if table.dtype != np.uint8 or table.shape[-1:] != (3,):
            raise InvalidInput(f"Colormap.value_of takes (..., 3) uint8 sRGB, not {table.shape} {table.dtype}.")
        distinct, place = np.unique(table.reshape(-1, 3), axis=0, return_inverse=True)
        away = np.abs(distinct[:, None].astype(np.int16) - self.table.astype(np.int16)).max(axis=2)
        nearest = (away.argmin(axis=1) + SIZE - 1 - away[:, ::-1].argmin(axis=1)) / 2  # the ramp may have a colour twice
        found = np.where(away.min(axis=1) <= most, self.low + nearest / (SIZE - 1) * (self.high - self.low), np.nan)
        values: NDArray[np.float64] = found[place.reshape(-1)].reshape(table.shape[:-1])
        return values

    def __call__(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Return the colours of values, (..., 3) uint8 sRGB, as the shaders show them unlit; grey, as of `Heat`, for NaN.

        Raises
        ------
        InvalidInput
            They are no numbers.
        """
        numbers = _array(values, "Colormap values")
        if numbers.dtype.kind not in "fiub":
            raise InvalidInput(f"Colormap values must be real numbers, not {numbers.dtype}.")
        share = (numbers.astype(np.float64) - self.low) / (self.high - self.low)
        unknown = np.isnan(share)
        picked = self.table[np.round(np.clip(np.where(unknown, 0.0, share), 0.0, 1.0) * (SIZE - 1)).astype(int)]
        return np.where(unknown[..., None], np.array(MISSING, np.uint8), picked)


def _array(values: ArrayLike, what: str) -> NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} must be an array of numbers; the rows that were given have different lengths.") from None
