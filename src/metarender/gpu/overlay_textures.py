"""Pictures that lie over frames, on the device: one texture for each overlay and size, of which the last few are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from . import gl_extra as gl
from .bindings import UNIT_SOURCE

if TYPE_CHECKING:
    from .device import Device


SIZES_KEPT = 4
"""Pictures of one overlay, for renderers of several sizes."""


class OverlayTextures:
    """Uploads the pictures of overlays and frees them when they are gone; of one overlay the last few stay."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._textures: WeakKeyDictionary[Any, list[tuple[Any, Any]]] = WeakKeyDictionary()  # pixels, texture; oldest first

    @property
    def nbytes(self) -> int:
        """Device memory of all overlays."""
        return sum(texture.nbytes for kept in self._textures.values() for _, texture in kept)

    def bind(self, overlay: Any, picture: Any) -> None:
        """Upload a picture (with ``pixels``, (h, w, 4) uint8 sRGB, straight alpha) if it is new, and bind it."""
        kept = self._textures.setdefault(overlay, [])
        texture = next((texture for pixels, texture in kept if pixels is picture.pixels), None)
        if texture is None:
            if len(kept) == SIZES_KEPT:
                kept.pop(0)[1].release()
            texture = self._upload(picture.pixels)
            kept.append((picture.pixels, texture))
        self._device.gl.glBindTextureUnit(UNIT_SOURCE, texture.name)
        self._device.stats.gl_calls += 1

    def _upload(self, pixels: Any) -> Any:
        high, wide = pixels.shape[:2]
        texture = self._device.create_texture_2d(wide, high, gl.GL_SRGB8_ALPHA8, label="overlay", clear=False)
        self._device.gl.glTextureSubImage2D(texture.name, 0, 0, 0, wide, high, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, gl.address(pixels))
        for parameter in (gl.GL_TEXTURE_MIN_FILTER, gl.GL_TEXTURE_MAG_FILTER):
            self._device.gl.glTextureParameteri(texture.name, parameter, gl.GL_NEAREST)
        self._device.stats.bytes_uploaded += pixels.nbytes
        self._device.check("uploading an overlay")
        return texture
