"""What can be set on a renderer besides its size: each setting is checked where it is given."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .checks import is_number, number
from .color import Color, to_linear
from .errors import InvalidInput

TONE_MAPPINGS = {"none": 0, "neutral": 1, "aces": 2, "agx": 3}
"""Numbers of the curves in lib/tonemap.glsl."""


def check_picture(size: Any, msaa: Any) -> None:
    """Refuse a size or a number of samples that no picture can have."""
    numbers = tuple(size) if isinstance(size, (tuple, list, np.ndarray)) else ()
    if len(numbers) != 2 or not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= 1 for v in numbers):
        raise InvalidInput(f"Renderer size={size!r} must be (width, height), two whole numbers of pixels of at least 1.")
    if not isinstance(msaa, (int, np.integer)) or isinstance(msaa, bool) or msaa not in (1, 2, 4, 8, 16):
        raise InvalidInput(f"Renderer msaa={msaa!r} must be 1, 2, 4, 8 or 16 samples per pixel.")


def premultiplied(color: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return a linear colour as attachments hold it: at most 1, multiplied by its alpha."""
    red, green, blue, alpha = color
    return min(red, 1.0) * alpha, min(green, 1.0) * alpha, min(blue, 1.0) * alpha, alpha


def _pixels(value: Any, what: str) -> float:
    if not isinstance(value, (int, float, np.floating, np.integer)) or isinstance(value, bool) or not 0 <= value <= 1e5:
        raise InvalidInput(f"{what}={value!r} must be a number of pixels of at least 0; 0 switches it off.")
    return float(value)


def _bytes(value: Any) -> int | None:
    if value is not None and (not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1):
        raise InvalidInput(f"memory_limit={value!r} must be a whole number of bytes of at least 1, or None for no limit.")
    return None if value is None else int(value)


class PictureSettings:
    """The settings of a Renderer that may change between frames."""

    @property
    def tone_mapping(self) -> str:
        """Curve from scene light to the display; may be set."""
        return self._tone_mapping

    @tone_mapping.setter
    def tone_mapping(self, value: str) -> None:
        if not isinstance(value, str) or value not in TONE_MAPPINGS:
            raise InvalidInput(f"tone_mapping={value!r} is unknown; use one of {', '.join(sorted(TONE_MAPPINGS))}.")
        self._tone_mapping = value

    @property
    def exposure(self) -> float:
        """Factor before tone mapping; may be set."""
        return self._exposure

    @exposure.setter
    def exposure(self, value: float) -> None:
        if not is_number(value) or not 0 < value < math.inf:
            raise InvalidInput(f"exposure={value!r} must be a finite number above 0.")
        self._exposure = float(value)

    @property
    def backdrop(self) -> tuple[float, float, float, float] | None:
        """Premultiplied linear colour that stands for a transparent background; may be set to any colour or None."""
        return self._backdrop

    @backdrop.setter
    def backdrop(self, value: Color | None) -> None:
        self._backdrop = None if value is None else premultiplied(to_linear(value, "backdrop"))

    @property
    def cull_pixels(self) -> float:
        """Edge of the square that must hold a picture for its object to be left out, pixels; 0 is off; may be set."""
        return self._cull_pixels

    @cull_pixels.setter
    def cull_pixels(self, value: float) -> None:
        self._cull_pixels = _pixels(value, "cull_pixels")

    @property
    def lod_pixels(self) -> float:
        """How far coarser levels may stray from the surface, pixels; 0 is off; may be set."""
        return self._lod_pixels

    @lod_pixels.setter
    def lod_pixels(self, value: float) -> None:
        self._lod_pixels = _pixels(value, "lod_pixels")

    @property
    def point_size(self) -> float:
        """Edge of a point, pixels; may be set."""
        return self._point_size

    @point_size.setter
    def point_size(self, value: float) -> None:
        self._point_size = number(value, "point_size", 1.0, 256.0)

    @property
    def occlusion(self) -> bool | str:
        """Whether objects that others hide are left out, and where that is found out: see `Renderer`; may be set."""
        return self._occlusion

    @occlusion.setter
    def occlusion(self, value: bool | str) -> None:
        if isinstance(value, (bool, np.bool_)):
            value = bool(value)
        elif not isinstance(value, str) or value not in ("cpu", "gpu"):
            raise InvalidInput(f"occlusion={value!r} must be True or False, or 'cpu' or 'gpu' to say where hidden objects are looked for.")
        self._occlusion = value

    @property
    def gpu_times(self) -> bool:
        """Whether the device measures each pass (`PassTime.gpu_ms`); may be set."""
        return self._gpu_times

    @gpu_times.setter
    def gpu_times(self, value: bool) -> None:
        if not isinstance(value, (bool, np.bool_)):
            raise InvalidInput(f"gpu_times={value!r} must be True or False.")
        self._gpu_times = bool(value)

    @property
    def memory_limit(self) -> int | None:
        """Bytes that this renderer's device may hold while it draws, None for no limit; may be set."""
        return self._memory_limit

    @memory_limit.setter
    def memory_limit(self, value: int | None) -> None:
        self._memory_limit = _bytes(value)
