"""Array pages: every texture of one size, level count, format and sampler shares one; no padding, no resampling."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError
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
        """Layers that are not taken, next one last."""

    def __repr__(self) -> str:
        return f"texture page {self.key.width}x{self.key.height}"


class TexturePool:
    """Uploads textures once per device and reuses the layers of those that are gone."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._pages: dict[PageKey, _Page] = {}
        self._given: set[PageKey] = set()
        """Pages that a texture has left since ``trim``."""
        self.keeps_blocks = device.capabilities.samples_blocks
        """Whether pages of BC7 blocks are stored as blocks, else as the pixels that they stand for; set it before the first is made."""

    def add(self, textures: Sequence[Texture]) -> None:
        """Upload the textures that are new; each page grows at most once."""
        fresh: dict[PageKey, list[Texture]] = {}
        for texture in dict.fromkeys(textures):
            page = self._pages.get(texture.page)
            if page is None or texture not in page.layers:
                fresh.setdefault(texture.page, []).append(texture)
        for key, group in fresh.items():
            self._fill(self._pages.setdefault(key, _Page(key)), group)

    def trim(self) -> None:
        """Release the memory of pages that have no texture any more; not while a frame is drawn."""
        while self._given:
            page = self._pages[self._given.pop()]
            if page.texture is not None and len(page.free) == page.capacity:
                page.texture.release()
                page.texture, page.capacity = None, 0
                page.free.clear()

    @property
    def nbytes(self) -> int:
        """Device memory of all pages."""
        return sum(page.texture.nbytes for page in self._pages.values() if page.texture is not None)

    def layer(self, texture: Texture) -> int:
        """Return the layer of a texture that was added."""
        return self._pages[texture.page].layers[texture]

    def name(self, key: PageKey) -> int:
        """Return the GL name of a page that has textures.

        Raises
        ------
        DeviceError
            It has none: what would be drawn with it would be black.
        """
        page = self._pages.get(key)
        if page is None or page.texture is None:
            raise DeviceError(f"A material reads a texture of {key.width}x{key.height} pixels that is not on the device; "
                              "assign its texture once more.")
        return int(page.texture.name)

    def _fill(self, page: _Page, textures: list[Texture]) -> None:
        """Upload textures to free layers; if that fails, the page is what it was."""
        self._reserve(page, len(textures))
        layers = [page.free.pop() for _ in textures]
        try:
            for texture, layer in zip(textures, layers, strict=True):
                self._upload(page, texture, layer)
            if page.key.levels > 1 and page.key.format == "rgba8":
                self._device.gl.glGenerateTextureMipmap(page.texture.name)
            self._device.check(f"uploading {page}")
        except BaseException:
            page.free.extend(reversed(layers))
            raise
        for texture, layer in zip(textures, layers, strict=True):
            page.layers[texture] = layer
            self._device.on_gone(texture, "texture_layer", partial(self._give, page, layer))

    def _give(self, page: _Page, layer: int) -> None:
        page.free.append(layer)
        self._given.add(page.key)

    def _reserve(self, page: _Page, count: int) -> None:
        """Make room for `count` more layers; a page that grows again grows by half, so that n textures cost O(n)."""
        need, limit = page.capacity - len(page.free) + count, self._device.capabilities.max_array_layers
        if need <= page.capacity:
            return
        if need > limit:
            size = f"{page.key.width}x{page.key.height}"
            raise DeviceError(f"The scenes drawn here have {need} textures of {size} pixels with one sampler, and this device allows "
                              f"{limit}; put several pictures into one texture, or share textures between materials.")
        capacity = min(max(need, page.capacity * 3 // 2), limit)
        texture = self._make(page, capacity)
        old, page.texture = page.texture, texture
        try:
            for known, layer in list(page.layers.items()):
                self._upload(page, known, layer)
        except BaseException:
            page.texture = old
            texture.release()
            raise
        page.free = [*range(capacity - 1, page.capacity - 1, -1), *page.free]
        page.capacity = capacity
        if old is not None:
            old.release()

    def _make(self, page: _Page, layers: int) -> Any:
        key, sampler, set_parameter = page.key, page.key.sampler, self._device.gl.glTextureParameteri
        kind = gl.GL_SRGB8_ALPHA8 if key.srgb else gl.GL_RGBA8
        if blocks := key.format == "bc7" and self.keeps_blocks:  # OpenGL cannot clear blocks; no layer is read before it is written
            kind = gl.GL_COMPRESSED_SRGB_ALPHA_BPTC_UNORM if key.srgb else gl.GL_COMPRESSED_RGBA_BPTC_UNORM
        texture = self._device.create_texture_array(key.width, key.height, layers, kind, levels=key.levels, label=repr(page),
                                                    clear=not blocks)
        for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, _FILTER[sampler.min]), (gl.GL_TEXTURE_MAG_FILTER, _FILTER[sampler.mag]),
                                 (gl.GL_TEXTURE_WRAP_S, _WRAP[sampler.wrap_s]), (gl.GL_TEXTURE_WRAP_T, _WRAP[sampler.wrap_t])):
            set_parameter(texture.name, parameter, value)
        return texture

    def _upload(self, page: _Page, texture: Texture, layer: int) -> None:
        """Write one layer: the pixels, or every level of a texture of blocks."""
        key = page.key
        if not texture.blocks:
            self._write(page, layer, 0, (key.width, key.height), texture.pixels, None)
        for level, blocks in enumerate(texture.blocks):
            size = max(key.width >> level, 1), max(key.height >> level, 1)
            if self.keeps_blocks:
                self._write(page, layer, level, size, blocks, page.texture.format)
            else:
                self._write(page, layer, level, size, texture.level(level), None)

    def _write(self, page: _Page, layer: int, level: int, size: tuple[int, int], data: NDArray[np.uint8], blocks: int | None) -> None:
        """Write one level of one layer: pixels, or blocks of an internal format."""
        place, values = (page.texture.name, level, 0, 0, layer, *size, 1), gl.address(np.ascontiguousarray(data))
        if blocks is None:
            self._device.gl.glTextureSubImage3D(*place, gl.GL_RGBA, gl.GL_UNSIGNED_BYTE, values)
        else:
            self._device.gl.glCompressedTextureSubImage3D(*place, blocks, data.nbytes, values)
        self._device.stats.bytes_uploaded += data.nbytes
