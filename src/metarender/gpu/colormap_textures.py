"""Colormaps on the device: one row of sRGB texels each, uploaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from . import gl_extra as gl
from .bindings import UNIT_COLORMAP

if TYPE_CHECKING:
    from .device import Device


class ColormapTextures:
    """Uploads colormaps once per device and frees them when they are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._textures: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()

    @property
    def nbytes(self) -> int:
        """Device memory of all colormaps."""
        return sum(texture.nbytes for texture in self._textures.values())

    def bind(self, colormap: Any) -> None:
        """Upload a colormap (with ``table``, (n, 3) uint8 sRGB) if it is new, and bind it."""
        texture = self._textures.get(colormap)
        if texture is None:
            texels = np.full((len(colormap.table), 4), 255, np.uint8)
            texels[:, :3] = colormap.table
            texture = self._device.create_texture_2d(len(texels), 1, gl.GL_SRGB8_ALPHA8, label="colormap", clear=False)
            self._device.gl.glTextureSubImage2D(texture.name, 0, 0, 0, len(texels), 1, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, gl.address(texels))
            for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
                self._device.gl.glTextureParameteri(texture.name, parameter, gl.GL_NEAREST)
            self._device.stats.bytes_uploaded += texels.nbytes
            self._device.check("uploading a colormap")
            self._textures[colormap] = texture
        self._device.gl.glBindTextureUnit(UNIT_COLORMAP, texture.name)
        self._device.stats.gl_calls += 1
