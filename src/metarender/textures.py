"""Pictures and how they are sampled: descriptions only, the GPU layer makes pages of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._core import bc7_decode
from .checks import is_number
from .errors import InvalidInput
from .origin import Origin

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
    format: str = "rgba8"
    """``"rgba8"``, whose smaller levels the device makes, or ``"bc7"``, which brings its own."""


class Texture:
    """An 8-bit RGBA picture; `from_blocks` makes one that stays compressed.

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

    __slots__ = ("__weakref__", "_origin", "_pixels", "blocks", "name", "page")

    _origin: Origin | None
    name: str
    page: PageKey
    blocks: tuple[NDArray[np.uint8], ...]
    """BC7 blocks of each level, (rows, columns, 16) uint8, read-only; empty where the picture is not compressed."""

    def __init__(self, pixels: NDArray[Any], *, srgb: bool, sampler: Sampler | None = None, name: str = "") -> None:
        array = np.ascontiguousarray(pixels)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 4 or array.size == 0:
            raise InvalidInput(f"Texture pixels must be a (h, w, 4) uint8 array with at least one pixel, not {array.shape} {array.dtype}.")
        how = _checked_sampler(sampler)
        array.flags.writeable = False
        self._pixels: NDArray[np.uint8] | None = array
        self.blocks = ()
        self.name = name
        height, width = array.shape[:2]
        levels = max(width, height).bit_length() if how.uses_mipmaps else 1
        self.page = PageKey(width, height, levels, bool(srgb), how)
        self._origin = None

    @classmethod
    def from_blocks(
        cls, blocks: Sequence[NDArray[Any]], size: tuple[int, int], *, srgb: bool, sampler: Sampler | None = None, name: str = ""
    ) -> Texture:
        """Make a texture of BC7 blocks, a quarter of the memory of pixels; a GPU keeps them as they are.

        Parameters
        ----------
        blocks : sequence of (ceil(h / 4), ceil(w / 4), 16) uint8
            One array for each level of detail, the largest first; level k has max(w >> k, 1) x max(h >> k, 1) pixels. Rows of blocks
            start at the top. Kept by reference and made read-only. A sampler without mipmaps keeps the first alone.
        size : (int, int)
            Width and height of the first level, pixels.
        srgb, sampler, name
            As for ``Texture``.

        Raises
        ------
        InvalidInput
            No level, more than the size can have, or one of another shape or type.
        """
        if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(type(n) is int and n > 0 for n in size):
            raise InvalidInput(f"Texture.from_blocks needs a size of two positive whole numbers, width and height, not {size!r}.")
        width, height = size
        how = _checked_sampler(sampler)
        if not 0 < len(blocks) <= max(size).bit_length():
            raise InvalidInput(f"A texture of {width}x{height} pixels has 1 to {max(size).bit_length()} levels, not {len(blocks)}.")
        kept = tuple(map(np.ascontiguousarray, blocks[: None if how.uses_mipmaps else 1]))
        for level, array in enumerate(kept):
            shape = (-(-max(height >> level, 1) // 4), -(-max(width >> level, 1) // 4), 16)
            if array.shape != shape or array.dtype != np.uint8:
                raise InvalidInput(f"Level {level} of {width}x{height} pixels needs {shape} uint8, not {array.shape} {array.dtype}.")
            array.flags.writeable = False
        self = cls.__new__(cls)
        self._pixels, self.blocks, self.name, self._origin = None, kept, name, None
        self.page = PageKey(width, height, len(kept), bool(srgb), how, "bc7")
        return self

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture as (h, w, 4) uint8, row 0 at the top, read-only; decoded anew each time where it is kept as blocks."""
        return self.level(0) if self._pixels is None else self._pixels

    @property
    def nbytes(self) -> int:
        """Bytes of the pixels or blocks that are kept."""
        return sum(array.nbytes for array in self.blocks) if self._pixels is None else self._pixels.nbytes

    def level(self, number: int) -> NDArray[np.uint8]:
        """Decode one level of a texture of blocks to (h, w, 4) uint8, read-only."""
        pixels = bc7_decode(self.blocks[number], max(self.page.width >> number, 1), max(self.page.height >> number, 1))
        pixels.flags.writeable = False
        return pixels

    @property
    def sampler(self) -> Sampler:
        """How the texture is filtered and wrapped."""
        return self.page.sampler

    def __repr__(self) -> str:
        kind = f"{' BC7' if self.blocks else ''}{' sRGB' if self.page.srgb else ''}"
        return f"<Texture {self.name!r} {self.page.width}x{self.page.height}{kind}>"


def _checked_sampler(sampler: Sampler | None) -> Sampler:
    if sampler is not None and not isinstance(sampler, Sampler):
        raise InvalidInput(f"Texture sampler must be a Sampler, such as Sampler(wrap_s='clamp_to_edge'), not {type(sampler).__name__}.")
    return sampler or Sampler()


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
