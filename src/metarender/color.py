"""Colours at the door: names, hex strings and 0-255 integers are sRGB, floats are linear; linear inside."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput

Color: TypeAlias = str | Sequence[float] | NDArray[Any]
"""A CSS name, ``#rrggbb[aa]``, three or four integers 0-255 (sRGB), or three or four floats (linear RGB)."""

_MENDING = "use a CSS name ('orange'), a hex string ('#ff8800'), integers 0-255 (sRGB) or floats (linear)"


def srgb_decode(encoded: NDArray[Any] | float) -> NDArray[np.float64]:
    """Turn sRGB values in 0..1 into linear light (IEC 61966-2-1, the exact piecewise curve).

    Parameters
    ----------
    encoded : array of any shape, float
        sRGB-encoded values, 0..1.
    """
    value = np.asarray(encoded, np.float64)
    return np.where(value <= 0.04045, value / 12.92, ((np.maximum(value, 0.0) + 0.055) / 1.055) ** 2.4)


def srgb_encode(linear: NDArray[Any] | float) -> NDArray[np.float64]:
    """Turn linear light in 0..1 into sRGB values (IEC 61966-2-1, the exact piecewise curve).

    Parameters
    ----------
    linear : array of any shape, float
        Linear values, 0..1.
    """
    value = np.asarray(linear, np.float64)
    return np.where(value <= 0.0031308, value * 12.92, 1.055 * np.maximum(value, 0.0) ** (1 / 2.4) - 0.055)


@lru_cache(maxsize=256)
def _from_text(text: str, what: str) -> tuple[float, float, float, float]:
    from PIL import ImageColor  # the CSS names and every hex form; imported late to keep `import metarender` fast

    try:
        channels = ImageColor.getrgb(text)
    except (ValueError, AttributeError):
        raise InvalidInput(f"{what} {text!r} is not a colour that metarender knows; {_MENDING}.") from None
    return _from_bytes(channels)


def _from_bytes(channels: Sequence[int]) -> tuple[float, float, float, float]:
    red, green, blue = (float(v) for v in srgb_decode(np.array(channels[:3], np.float64) / 255.0))
    return red, green, blue, channels[3] / 255.0 if len(channels) > 3 else 1.0


def to_linear(color: Color, what: str = "color") -> tuple[float, float, float, float]:
    """Turn any accepted colour into linear RGB with straight alpha.

    Parameters
    ----------
    color : str, three or four integers 0-255 (sRGB), or three or four finite floats >= 0 (linear)
    what : str
        How the argument is called in an error message.

    Returns
    -------
    tuple of four floats
        Linear red, green, blue, and alpha in 0..1 (1 where the input has none).

    Raises
    ------
    InvalidInput
        The value is none of these.
    """
    if isinstance(color, str):
        return _from_text(color, what)
    try:
        values = np.asarray(color)
    except ValueError:
        values = np.empty(0)
    if values.shape not in ((3,), (4,)) or values.dtype.kind not in "iuf":
        raise InvalidInput(f"{what} must be one colour, not {color!r}; {_MENDING}.")
    if values.dtype.kind in "iu":
        if values.min() < 0 or values.max() > 255:
            raise InvalidInput(f"{what} {color!r} has an integer outside 0-255; {_MENDING}.")
        return _from_bytes([int(v) for v in values])
    if not np.isfinite(values).all() or values.min() < 0 or (len(values) == 4 and values[3] > 1):
        raise InvalidInput(f"{what} {color!r} must be finite and not negative, alpha at most 1; {_MENDING}.")
    red, green, blue = (float(v) for v in values[:3])
    return red, green, blue, float(values[3]) if len(values) == 4 else 1.0


def to_srgb_bytes(color: Color, what: str = "color") -> tuple[int, int, int, int]:
    """Turn any accepted colour into sRGB bytes with straight alpha.

    Returns
    -------
    tuple of four integers 0-255
    """
    linear = to_linear(color, what)
    encoded = np.clip(srgb_encode(np.array(linear[:3])), 0.0, 1.0)
    red, green, blue = (round(float(v) * 255.0) for v in encoded)
    return red, green, blue, round(linear[3] * 255.0)
