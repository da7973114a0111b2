"""What a renderer draws into: colour with depth, ids with depth, the encoded result, and the shadow map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import gl_extra as gl

if TYPE_CHECKING:
    from .device import Device


SELECTION_LEVELS = 4
"""The outline looks at the coarsest first and leaves at once where nothing is near."""


class _Set:
    """Textures and framebuffers that are released together."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._resources: list[Any] = []

    def _texture(self, size: tuple[int, int], samples: int, format: int, label: str) -> Any:
        if samples > 1:
            texture = self._device.create_texture_multisample(*size, samples, format, label=label)
        else:
            texture = self._device.create_texture_2d(*size, format, label=label)
            for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, gl.GL_NEAREST), (gl.GL_TEXTURE_MAG_FILTER, gl.GL_NEAREST)):
                self._device.gl.glTextureParameteri(texture.name, parameter, value)
        self._resources.append(texture)
        return texture

    def _framebuffer(self, colors: list[Any], depth: Any, label: str) -> Any:
        framebuffer = self._device.create_framebuffer(colors, depth, label=label)
        self._resources.append(framebuffer)
        return framebuffer

    @property
    def nbytes(self) -> int:
        """Device memory of the textures."""
        return sum(resource.nbytes for resource in self._resources)

    def release(self) -> None:
        """Delete everything, framebuffers first; safe to call twice."""
        for resource in reversed(self._resources):
            resource.release()
        self._resources.clear()


class ColorAttachments(_Set):
    """Premultiplied linear RGBA16F with 32-bit float depth, multisampled where asked, and the sRGB bytes made from it.

    Parameters
    ----------
    device : Device
    size : (width, height), pixels
    samples : int
        1 for none.
    """

    def __init__(self, device: Device, size: tuple[int, int], samples: int) -> None:
        super().__init__(device)
        self.size, self.samples = size, samples
        self.color = self._texture(size, samples, gl.GL_RGBA16F, "color")
        self.depth = self._texture(size, samples, gl.GL_DEPTH_COMPONENT32F, "depth")
        self.scene = self._framebuffer([self.color], self.depth, "scene")
        self.result = self._framebuffer([self._texture(size, 1, gl.GL_RGBA8, "result")], None, "result")
        self._selection: Any = None
        self._depth_only: Any = None

    def depth_only(self) -> Any:
        """Return a framebuffer of the scene's depth without its colour; made on first use."""
        if self._depth_only is None:
            self._depth_only = self._framebuffer([], self.depth, "depth only")
        return self._depth_only

    def selection(self) -> Any:
        """Return the framebuffer of the selection mask, one byte a pixel; made on first use."""
        if self._selection is None:
            levels = min(SELECTION_LEVELS, max(self.size).bit_length())
            mask = self._device.create_texture_2d(*self.size, gl.GL_R8, levels=levels, label="selection mask")
            for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR_MIPMAP_NEAREST), (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_EDGE),
                                     (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_EDGE)):
                self._device.gl.glTextureParameteri(mask.name, parameter, value)
            self._selection = self._framebuffer([mask], None, "selection mask")
            self._resources.insert(-1, mask)  # not before its framebuffer is there: without, the next frame makes both anew
        return self._selection


class IdAttachments(_Set):
    """Node ids and 32-bit float depth, one sample at pixel centres."""

    def __init__(self, device: Device, size: tuple[int, int]) -> None:
        super().__init__(device)
        self.size = size
        ids = self._texture(size, 1, gl.GL_R32UI, "ids")
        self.depth = self._texture(size, 1, gl.GL_DEPTH_COMPONENT32F, "depth of ids")
        self.framebuffer = self._framebuffer([ids], self.depth, "ids")


class ShadowMap(_Set):
    """One reversed-Z depth map with hardware comparison; outside of it everything is lit."""

    def __init__(self, device: Device, size: int) -> None:
        super().__init__(device)
        self.size = (size, size)
        self.texture = self._texture(self.size, 1, gl.GL_DEPTH_COMPONENT32F, "shadow map")
        for parameter, value in ((gl.GL_TEXTURE_MIN_FILTER, gl.GL_LINEAR), (gl.GL_TEXTURE_MAG_FILTER, gl.GL_LINEAR),
                                 (gl.GL_TEXTURE_WRAP_S, gl.GL_CLAMP_TO_BORDER), (gl.GL_TEXTURE_WRAP_T, gl.GL_CLAMP_TO_BORDER),
                                 (gl.GL_TEXTURE_COMPARE_MODE, gl.GL_COMPARE_REF_TO_TEXTURE), (gl.GL_TEXTURE_COMPARE_FUNC, gl.GL_GEQUAL)):
            device.gl.glTextureParameteri(self.texture.name, parameter, value)
        self.framebuffer = self._framebuffer([], self.texture, "shadow map")
