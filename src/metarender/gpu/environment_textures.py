"""The environment on the device: prefiltered cubes and the table of the split sum, each uploaded once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from . import gl_extra as gl
from .bindings import UNIT_ENVIRONMENT_DFG, UNIT_ENVIRONMENT_IRRADIANCE, UNIT_ENVIRONMENT_SPECULAR

if TYPE_CHECKING:
    from .device import Device


class EnvironmentTextures:
    """Uploads environments once per device and frees them when they are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._textures: WeakKeyDictionary[Any, tuple[Any, Any]] = WeakKeyDictionary()
        self._dfg: Any = None
        self.table: Callable[[], NDArray[np.float16]] | None = None
        """Returns the (h, w, 4) float16 table of the split sum; the renderer sets it, and it is read on first use."""

    def _split_sum_table(self, table: NDArray[np.float16]) -> Any:
        height, width = table.shape[:2]
        texture = self._device.create_texture_2d(width, height, gl.GL_RGBA16F, label="DFG table", clear=False)
        texels = np.ascontiguousarray(table, np.float16)
        self._device.gl.glTextureSubImage2D(texture.name, 0, 0, 0, width, height, gl.GL_RGBA, gl.GL_HALF_FLOAT, gl.address(texels))
        self._device.stats.bytes_uploaded += texels.nbytes
        self._filter(texture, gl.GL_LINEAR)
        return texture

    def _filter(self, texture: Any, minify: int) -> None:
        for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, minify), (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
                                 (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE), (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE)):
            self._device.gl.glTextureParameteri(texture.name, parameter, value)

    def _cube(self, levels: tuple[NDArray[np.float16], ...], label: str) -> Any:
        size = levels[0].shape[1]
        texture = self._device.create_texture_cube(size, gl.GL_RGBA16F, levels=len(levels), label=label, clear=False)
        for level, faces in enumerate(levels):
            texels = np.ones((*faces.shape[:3], 4), np.float16)
            texels[..., :3] = faces
            edge = faces.shape[1]
            self._device.gl.glTextureSubImage3D(texture.name, level, 0, 0, 0, edge, edge, 6, gl.GL_RGBA, gl.GL_HALF_FLOAT,
                                                gl.address(texels))
            self._device.stats.bytes_uploaded += texels.nbytes
        self._filter(texture, gl.GL_LINEAR_MIPMAP_LINEAR if len(levels) > 1 else gl.GL_LINEAR)
        self._device.check(f"uploading {label}")
        return texture

    @property
    def nbytes(self) -> int:
        """Device memory of all maps and of the table."""
        total: int = sum(texture.nbytes for pair in set(self._textures.values()) for texture in pair)
        return total if self._dfg is None else total + self._dfg.nbytes

    def bind(self, maps: Any) -> None:
        """Upload the filtered maps of an environment if they are new, and bind them and the table of the split sum.

        Parameters
        ----------
        maps : object with ``specular`` and ``irradiance``
            As ``metarender.environment`` makes them; environments that share maps share textures.
        """
        if self._dfg is None:
            assert self.table is not None
            self._dfg = self._split_sum_table(self.table())
        cubes = self._textures.get(maps)
        if cubes is None:
            cubes = (self._cube(maps.specular, "environment"), self._cube((maps.irradiance,), "irradiance"))
            self._textures[maps] = cubes
        bind = self._device.gl.glBindTextureUnit
        bind(UNIT_ENVIRONMENT_SPECULAR, cubes[0].name)
        bind(UNIT_ENVIRONMENT_IRRADIANCE, cubes[1].name)
        bind(UNIT_ENVIRONMENT_DFG, self._dfg.name)
