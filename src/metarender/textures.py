"""Pictures and how they are sampled: descriptions only, the GPU layer makes pages of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks import is_number
from .errors import InvalidInput

MAG_FILTERS = ("nearest", "linear")
MIN_FILTERS = ("nearest", "linear", "nearest_mipmap_nearest", "linear_mipmap_nearest", "nearest_mipmap_linear", "linear_mipmap_linear")
WRAPS = ("repeat", "clamp_to_edge", "mirrored_repeat")


@dataclass(frozen=True, slots=True)
class Sampler:
    """How a texture is filtered and wrapped, in the terms of OpenGL and glTF."""

    mag: str = "linear"
    min: str = "linear_mipmap_linear"
    wrap_s: str = "repeat"
    wrap_t: str = "repeat"

    def __post_init__(self) -> None:
        for name, value, allowed in (("mag", self.mag, MAG_FILTERS), ("min", self.min, MIN_FILTERS),
                                     ("wrap_s", self.wrap_s, WRAPS), ("wrap_t", self.wrap_t, WRAPS)):
            if value not in allowed:
                raise InvalidInput(f"Sampler {name}={value!r} is unknown; use one of {', '.join(allowed)}.")

    @property
    def uses_mipmaps(self) -> bool:
        """Whether the minification filter reads smaller levels."""
        return "mipmap" in self.min


class PageKey(NamedTuple):
    """What must be equal for two textures to share one array page: no padding, no resampling."""

    width: int
    height: int
    levels: int
    srgb: bool
    sampler: Sampler


class Texture:
    """An 8-bit RGBA picture.

    Parameters
    ----------
    pixels : (h, w, 4) uint8
        Row 0 is the top of the picture, which is v = 0 (glTF). Kept by reference and made read-only.
    srgb : bool
        Whether red, green and blue are sRGB-encoded (colours) or linear (normals, roughness, occlusion).
    sampler : Sampler
    name : str

    Raises
    ------
    InvalidInput
        The array has another shape or type, or no pixels.
    """

    __slots__ = ("__weakref__", "name", "page", "pixels")

    def __init__(self, pixels: NDArray[Any], *, srgb: bool, sampler: Sampler | None = None, name: str = "") -> None:
        array = np.ascontiguousarray(pixels)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 4 or array.size == 0:
            raise InvalidInput(f"Texture pixels must be a (h, w, 4) uint8 array with at least one pixel, not {array.shape} {array.dtype}.")
        if sampler is not None and not isinstance(sampler, Sampler):
            raise InvalidInput(f"Texture sampler must be a Sampler, such as Sampler(wrap_s='clamp_to_edge'), not {type(sampler).__name__}.")
        array.flags.writeable = False
        self.pixels: NDArray[np.uint8] = array
        self.name = name
        height, width = array.shape[:2]
        how = sampler or Sampler()
        levels = max(width, height).bit_length() if how.uses_mipmaps else 1
        self.page = PageKey(width, height, levels, bool(srgb), how)

    @property
    def sampler(self) -> Sampler:
        """How the texture is filtered and wrapped."""
        return self.page.sampler

    def __repr__(self) -> str:
        return f"<Texture {self.name!r} {self.page.width}x{self.page.height}{' sRGB' if self.page.srgb else ''}>"


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class TextureInfo:
    """A texture as a material uses it (glTF textureInfo with KHR_texture_transform).

    Parameters
    ----------
    texture : Texture
    tex_coord : int
        Which set of texture coordinates is read, 0 or 1.
    offset, scale : pair of floats
        Applied in the order scale, rotation, offset.
    rotation : float
        Radians, counter-clockwise about the UV origin.
    """

    texture: Texture
    tex_coord: int = 0
    offset: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if not isinstance(self.texture, Texture):
            raise InvalidInput(f"TextureInfo needs a Texture, such as Texture(pixels, srgb=True), not {type(self.texture).__name__}.")
        if isinstance(self.tex_coord, bool) or self.tex_coord not in (0, 1):
            raise InvalidInput(f"TextureInfo tex_coord={self.tex_coord!r} must be 0 or 1.")
        for name, value in (("offset", self.offset), ("scale", self.scale)):
            if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2 or not all(map(_is_finite, value)):
                raise InvalidInput(f"TextureInfo {name}={value!r} must be a pair of finite numbers.")
        if not _is_finite(self.rotation):
            raise InvalidInput(f"TextureInfo rotation={self.rotation!r} must be a finite number of radians.")

    def matrix(self) -> tuple[float, float, float, float, float, float]:
        """Return the two rows (a, b, tx), (c, d, ty) that map (u, v, 1) to transformed coordinates."""
        cosine, sine = math.cos(self.rotation), math.sin(self.rotation)
        (sx, sy), (tx, ty) = map(float, self.scale), map(float, self.offset)
        return sx * cosine, sy * sine, tx, -sx * sine, sy * cosine, ty


def as_texture_info(value: Texture | TextureInfo | None, what: str) -> TextureInfo | None:
    """Accept a Texture where a TextureInfo is due.

    Raises
    ------
    InvalidInput
        The value is neither.
    """
    if value is None or isinstance(value, TextureInfo):
        return value
    if isinstance(value, Texture):
        return TextureInfo(value)
    raise InvalidInput(f"{what} must be a Texture, such as Texture(pixels, srgb=True), or a TextureInfo, not {type(value).__name__}.")
