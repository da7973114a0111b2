"""Array pages: every texture of one size, level count, format and sampler shares one; no padding, no resampling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from ..textures import PageKey, Texture
from . import gl_extra as gl

if TYPE_CHECKING:
    from .device import Device

_FILTER = {"nearest": gl.GL_NEAREST, "linear": gl.GL_LINEAR, "nearest_mipmap_nearest": gl.GL_NEAREST_MIPMAP_NEAREST,
           "linear_mipmap_nearest": gl.GL_LINEAR_MIPMAP_NEAREST, "nearest_mipmap_linear": gl.GL_NEAREST_MIPMAP_LINEAR,
           "linear_mipmap_linear": gl.GL_LINEAR_MIPMAP_LINEAR}
_WRAP = {"repeat": gl.GL_REPEAT, "clamp_to_edge": gl.GL_CLAMP_TO_EDGE, "mirrored_repeat": gl.GL_MIRRORED_REPEAT}


class _Page:
    """One array texture and which of its layers are taken."""

    def __init__(self, key: PageKey) -> None:
        self.key = key
        self.texture: Any = None
        self.capacity = 0
        self.layers: WeakKeyDictionary[Texture, int] = WeakKeyDictionary()
        self.free: list[int] = []
        self.used = 0


class TexturePool:
    """Uploads textures once per device and reuses the layers of those that are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._pages: dict[PageKey, _Page] = {}

    def add(self, textures: Sequence[Texture]) -> None:
        """Upload the textures that are new; each page grows at most once."""
        fresh: dict[PageKey, list[Texture]] = {}
        for texture in dict.fromkeys(textures):
            page = self._pages.get(texture.page)
            if page is None or texture not in page.layers:
                fresh.setdefault(texture.page, []).append(texture)
        for key, group in fresh.items():
            page = self._pages.setdefault(key, _Page(key))
            self._reserve(page, len(group))
            for texture in group:
                layer = page.free.pop() if page.free else page.used
                page.used = max(page.used, layer + 1)
                page.layers[texture] = layer
                self._device.on_gone(texture, "texture_layer", partial(page.free.append, layer))
                self._upload(page, texture, layer)
            self._finish(page)

    def layer(self, texture: Texture) -> int:
        """Return the layer of a texture that was added."""
        return self._pages[texture.page].layers[texture]

    def name(self, key: PageKey) -> int:
        """Return the GL name of a page that has textures."""
        return int(self._pages[key].texture.name)

    def _reserve(self, page: _Page, count: int) -> None:
        need = page.used + max(count - len(page.free), 0)
        if need <= page.capacity:
            return
        key = page.key
        if page.texture is not None:
            page.texture.release()
        page.capacity = need
        page.texture = self._device.create_texture_array(
            key.width, key.height, need, gl.GL_SRGB8_ALPHA8 if key.srgb else gl.GL_RGBA8, levels=key.levels,
            label=f"texture page {key.width}x{key.height}")
        sampler, set_parameter = key.sampler, self._device.gl.glTextureParameteri
        for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, _FILTER[sampler.min]), (gl.GL_TEXTURE_MAG_FILTER, _FILTER[sampler.mag]),
                                 (gl.GL_TEXTURE_WRAP_S, _WRAP[sampler.wrap_s]), (gl.GL_TEXTURE_WRAP_T, _WRAP[sampler.wrap_t])):
            set_parameter(page.texture.name, parameter, value)
        for texture, layer in list(page.layers.items()):
            self._upload(page, texture, layer)

    def _upload(self, page: _Page, texture: Texture, layer: int) -> None:
        key = page.key
        self._device.gl.glTextureSubImage3D(page.texture.name, 0, 0, 0, layer, key.width, key.height, 1, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE,
                                            gl.address(np.ascontiguousarray(texture.pixels)))
        self._device.stats.bytes_uploaded += texture.pixels.nbytes

    def _finish(self, page: _Page) -> None:
        if page.key.levels > 1:
            self._device.gl.glGenerateTextureMipmap(page.texture.name)
        self._device.check(f"uploading texture page {page.key.width}x{page.key.height}")
