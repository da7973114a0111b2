"""Light from all around: an equirectangular picture, filtered once into what the shaders look up.

An environment is two cube maps. ``specular`` holds what surfaces of rising roughness mirror: level 0 is the picture itself,
level k of n holds perceptual roughness ``t (0.4 + 0.6 t)`` with ``t = k / (n - 1)`` (GGX, seen head-on); the shader's inverse
is ``specular_level`` in ``shaders/lib/ibl.glsl``. ``irradiance`` holds what a white matt surface sends back, exactly.
Faces lie as OpenGL has them: +X, -X, +Y, -Y, +Z, -Z, row 0 at t = 0.

The built-in studio is shipped filtered (``data/studio.bin``), together with the table of the split sum; both are made by
``data/make_studio.py``.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from . import _core
from .errors import AssetError, InvalidInput

if TYPE_CHECKING:
    from .io import Limits

BASE_SIZE = 256
"""Texels along an edge of level 0."""

LEVELS = 6
"""Levels of ``specular``; the smallest is 8 x 8."""

IRRADIANCE_SIZE = 32
DFG_SIZE = 128
MAX_PIXELS = 1 << 25
"""Pixels of the largest panorama, 8192 x 4096 (403 MB as floats)."""

LARGEST = 65504.0
"""Largest half float: brighter texels (a sun) are stored as this."""

_MAGIC = b"metarender env 1"
_HEADER = struct.Struct("<16s4I")


@dataclass(frozen=True, eq=False)
class EnvironmentMaps:
    """The filtered pictures of an environment; all copies of the studio share one, so a renderer uploads it once.

    Attributes
    ----------
    specular : tuple of (6, n, n, 3) float16
        Linear radiance; n halves from level to level. Read-only.
    irradiance : (6, 32, 32, 3) float16
        Irradiance divided by pi: the radiance of a white Lambert surface that faces each direction. Read-only.
    """

    specular: tuple[NDArray[np.float16], ...]
    irradiance: NDArray[np.float16]


def _to_half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    half = np.minimum(values, np.float32(LARGEST)).astype(np.float16)
    half.flags.writeable = False
    return half


def filter_maps(equirect: NDArray[np.float32], base_size: int = BASE_SIZE, levels: int = LEVELS) -> EnvironmentMaps:
    """Filter a checked (h, w, 3) float32 picture of linear radiance; about 0.6 s at the default size, without the GIL."""
    cube = _core.cube_from_equirect(equirect, base_size)
    specular = tuple(_to_half(level) for level in _core.cube_specular(cube, levels))
    return EnvironmentMaps(specular, _to_half(_core.cube_irradiance(cube, IRRADIANCE_SIZE)))


def _check_equirect(equirect: Any) -> NDArray[np.float32]:
    values = np.asarray(equirect)
    if values.ndim != 3 or values.shape[2] != 3 or 0 in values.shape:
        raise InvalidInput(f"Environment equirect has shape {values.shape}; give (height, width, 3) linear RGB, the top row first.")
    if values.dtype.kind != "f":
        raise InvalidInput(f"Environment equirect has dtype {values.dtype}; give floats of linear radiance (decode 8-bit sRGB first).")
    if values.shape[0] * values.shape[1] > MAX_PIXELS:
        raise InvalidInput(f"Environment equirect has {values.shape[1]} x {values.shape[0]} pixels; scale it down to at most {MAX_PIXELS}.")
    values = np.ascontiguousarray(values, np.float32)
    if not np.isfinite(values).all() or values.min() < 0.0:
        raise InvalidInput("Environment equirect holds negative, infinite or NaN values; clip it to finite radiance of at least 0.")
    return values


def _check_number(value: Any, what: str, lowest: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise InvalidInput(f"Environment {what}={value!r} must be a number.")
    if not math.isfinite(value) or value < lowest:
        raise InvalidInput(f"Environment {what}={value!r} must be a finite number" + (" of at least 0." if lowest == 0.0 else "."))
    return float(value)


class Environment:
    """Light from all directions, and the picture behind a scene whose background is ``"environment"``.

    Parameters
    ----------
    equirect : (h, w, 3) float
        Linear radiance, Rec. 709 primaries, row 0 at the top (+Y): ``u = atan2(z, x) / (2 pi) + 0.5``, ``v = acos(y) / pi``.
    intensity : float
        Factor on the radiance, at least 0.
    rotation : float
        Turn about +Y in radians, right-handed like a node's: positive moves what lies at +Z towards +X.
    name : str

    Raises
    ------
    InvalidInput
        Wrong shape, integers, negative or non-finite values, too many pixels.

    Attributes
    ----------
    maps : EnvironmentMaps
        What the shaders look up; never changes.
    version : int
        Grows with every edit of intensity or rotation.
    """

    def __init__(self, equirect: Any, *, intensity: float = 1.0, rotation: float = 0.0, name: str = "") -> None:
        self._set_up(filter_maps(_check_equirect(equirect)), intensity, rotation, name)

    def _set_up(self, maps: EnvironmentMaps, intensity: float, rotation: float, name: str) -> None:
        self.maps = maps
        self.name = name
        self.version = 0
        self._intensity = _check_number(intensity, "intensity", 0.0)
        self._rotation = _check_number(rotation, "rotation", -math.inf)

    @classmethod
    def _from_maps(cls, maps: EnvironmentMaps, intensity: float, rotation: float, name: str) -> Self:
        environment = cls.__new__(cls)
        environment._set_up(maps, intensity, rotation, name)
        return environment

    @classmethod
    def studio(cls, *, intensity: float = 1.0, rotation: float = 0.0) -> Self:
        """Return the built-in photo studio: a key and a fill soft box, two rim lights, a bright floor; neutral in colour."""
        return cls._from_maps(_shipped()[0], intensity, rotation, "studio")

    @classmethod
    def from_file(
        cls, path: str | os.PathLike[str], *, intensity: float = 1.0, rotation: float = 0.0, limits: Limits | None = None
    ) -> Self:
        """Read and filter a Radiance picture (.hdr) in equirectangular projection.

        Parameters
        ----------
        limits : Limits, optional
            What reading may cost; by default 8192 x 4096 pixels, which no limit can raise.

        Raises
        ------
        AssetError
            The file is missing, not a Radiance picture, truncated, damaged or too large.
        """
        from . import io
        from .io.hdr import read_hdr

        equirect = read_hdr(path, limits=limits or io.Limits(image_pixels=MAX_PIXELS))
        return cls(equirect, intensity=intensity, rotation=rotation, name=os.path.basename(os.fspath(path)))

    @property
    def specular(self) -> tuple[NDArray[np.float16], ...]:
        """Levels (6, n, n, 3) float16 of linear radiance, sharp to rough."""
        return self.maps.specular

    @property
    def irradiance(self) -> NDArray[np.float16]:
        """(6, 32, 32, 3) float16, irradiance divided by pi."""
        return self.maps.irradiance

    @property
    def intensity(self) -> float:
        """Factor on the radiance, at least 0."""
        return self._intensity

    @intensity.setter
    def intensity(self, value: float) -> None:
        self._intensity = _check_number(value, "intensity", 0.0)
        self.version += 1

    @property
    def rotation(self) -> float:
        """Turn about +Y, radians."""
        return self._rotation

    @rotation.setter
    def rotation(self, value: float) -> None:
        self._rotation = _check_number(value, "rotation", -math.inf)
        self.version += 1

    def __repr__(self) -> str:
        return f"Environment(name={self.name!r}, intensity={self._intensity:g}, rotation={self._rotation:g})"


def dfg_table() -> NDArray[np.float16]:
    """Return the table of the split sum.

    Returns
    -------
    (128, 128, 4) float16
        Rows are perceptual roughness, columns N.V, both at texel centres. Channels: scale and bias of the reflectance at
        normal incidence (GGX, height-correlated Smith, Schlick), the mean of ``(1 - V.H)**5`` over light directions weighted
        by their cosine, and 0. Read-only.
    """
    return _shipped()[1]


@cache
def _shipped() -> tuple[EnvironmentMaps, NDArray[np.float16]]:
    """The studio and the table, from the package's data."""
    data = files("metarender").joinpath("data/studio.bin").read_bytes()
    magic, size, levels, irradiance_size, dfg_size = _HEADER.unpack_from(data)
    shapes: list[tuple[int, ...]] = [(6, size >> level, size >> level, 3) for level in range(levels)]
    shapes += [(6, irradiance_size, irradiance_size, 3), (dfg_size, dfg_size, 4)]
    if magic != _MAGIC or len(data) != _HEADER.size + 2 * sum(math.prod(shape) for shape in shapes):
        raise AssetError("metarender/data/studio.bin is damaged; install metarender again.")
    values, arrays, start = np.frombuffer(data, "<f2", offset=_HEADER.size), [], 0
    for shape in shapes:
        arrays.append(values[start:start + math.prod(shape)].reshape(shape))
        start += math.prod(shape)
    return EnvironmentMaps(tuple(arrays[:levels]), arrays[levels]), arrays[levels + 1]


def pack_shipped(maps: EnvironmentMaps, table: NDArray[np.float16]) -> bytes:
    """Bytes of ``data/studio.bin``: a header, the levels, the irradiance, the table; little-endian half floats."""
    header = _HEADER.pack(_MAGIC, maps.specular[0].shape[1], len(maps.specular), maps.irradiance.shape[1], table.shape[0])
    return header + b"".join(array.astype("<f2").tobytes() for array in (*maps.specular, maps.irradiance, table))
