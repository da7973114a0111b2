"""Counted GL objects: the registry that knows what is alive, and the helpers that make buffers, textures and framebuffers.

A resource is deleted at once by ``release()`` on the device's thread; from another thread, or when the last reference
goes, it enters a queue that the device drains on its own thread. Limits are checked before a GL call and errors after
it, because a failed allocation looks like a live object. New memory is zeroed: a driver may hand out another
program's pixels.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import Counter, deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError, InvalidInput, OutOfDeviceMemory
from . import gl_extra as g

if TYPE_CHECKING:
    from .device import Device

MAX_BUFFER = 2**31 - 1  # ModernGL and some drivers hold sizes in a C int

# Bytes of one texel by internal format; the closed list of what the engine stores.
TEXEL_BYTES: dict[int, int] = {
    g.GL_R8: 1, g.GL_R8UI: 1, g.GL_RG8: 2, g.GL_RGBA8: 4, g.GL_SRGB8_ALPHA8: 4, g.GL_RGB10_A2: 4, g.GL_R11F_G11F_B10F: 4,
    g.GL_R16F: 2, g.GL_RG16F: 4, g.GL_RGBA16F: 8, g.GL_R32F: 4, g.GL_RG32F: 8, g.GL_RGBA32F: 16,
    g.GL_R32UI: 4, g.GL_RG32UI: 8, g.GL_RGBA32UI: 16,
    g.GL_DEPTH_COMPONENT24: 4, g.GL_DEPTH_COMPONENT32F: 4, g.GL_DEPTH24_STENCIL8: 4, g.GL_DEPTH32F_STENCIL8: 8,
    g.GL_COMPRESSED_RGBA_BPTC_UNORM: 1, g.GL_COMPRESSED_SRGB_ALPHA_BPTC_UNORM: 1,
}  # fmt: skip
# Formats of 4x4 blocks, of which a level holds whole ones; TEXEL_BYTES has their share of a texel.
BLOCKS = frozenset((g.GL_COMPRESSED_RGBA_BPTC_UNORM, g.GL_COMPRESSED_SRGB_ALPHA_BPTC_UNORM))
_DEPTH = {g.GL_DEPTH_COMPONENT24: g.GL_FLOAT, g.GL_DEPTH_COMPONENT32F: g.GL_FLOAT}
_INTEGER = {g.GL_R8UI: g.GL_RED_INTEGER, g.GL_R32UI: g.GL_RED_INTEGER, g.GL_RG32UI: g.GL_RG_INTEGER, g.GL_RGBA32UI: g.GL_RGBA_INTEGER}


class Resource:
    """Handle of one GL object that the registry counts.

    Attributes
    ----------
    kind : str
        What it is counted as, such as ``"texture"``.
    name : int
        GL name; 0 after `release`.
    nbytes : int
        Estimated bytes of device memory.
    """

    __slots__ = ("__weakref__", "_registry", "_serial", "kind", "name", "nbytes")

    def __init__(self, registry: Registry, serial: int, kind: str, name: int, nbytes: int = 0) -> None:
        self._registry, self._serial = registry, serial
        self.kind, self.name, self.nbytes = kind, name, nbytes

    @property
    def released(self) -> bool:
        return self._serial == 0

    def release(self) -> None:
        """Delete the object; now on the device's thread, else when the device drains. A second call does nothing."""
        serial, self._serial, self.name = self._serial, 0, 0
        if serial:
            self._registry.release(serial)

    def __del__(self) -> None:
        # May run on any thread: only queued here.
        if getattr(self, "_serial", 0):
            self._registry.queue.append(self._serial)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kind} {self.name if self._serial else 'released'}>"


_R = TypeVar("_R", bound=Resource)


class Buffer(Resource):
    """A buffer of fixed size.

    Attributes
    ----------
    size : int
        Bytes.
    """

    __slots__ = ("size",)
    size: int


class Texture(Resource):
    """A texture with immutable storage.

    Attributes
    ----------
    target, format : int
        GL texture target and internal format.
    width, height, layers, levels, samples : int
        Extent; layers counts array slices or the 6 cube faces, samples is 1 without multisampling.
    """

    __slots__ = ("format", "height", "layers", "levels", "samples", "target", "width")
    target: int
    format: int
    width: int
    height: int
    layers: int
    levels: int
    samples: int


class Framebuffer(Resource):
    """A framebuffer object; it keeps its attachments alive and does not release them.

    Attributes
    ----------
    width, height : int
        Pixels.
    """

    __slots__ = ("attachments", "height", "width")
    width: int
    height: int
    attachments: tuple[Texture, ...]


class Registry:
    """What is alive on one device, and the queue of what waits to be deleted.

    Parameters
    ----------
    owns : callable
        True on the device's own thread while it is open; makes the context current.
    """

    def __init__(self, owns: Callable[[], bool]) -> None:
        self._owns = owns
        self._entries: dict[int, tuple[str, int, Callable[[], None]]] = {}
        self._finalizers: dict[int, weakref.finalize[Any, Any]] = {}
        self._serial = 0
        self.queue: deque[int] = deque()
        self.live: Counter[str] = Counter()
        self.live_bytes: Counter[str] = Counter()
        self.memory_limit: int | None = None
        """Bytes that may be alive at once; set by the renderer that draws."""
        self.before: Callable[[str, str], None] | None = None
        """Called with what is about to be done, one of "create", "allocate", "compile", "read" (a shader file) and "check" (for errors
        of the driver), and what for; may raise what would be raised there. For tests of failures; None otherwise."""

    def about_to(self, step: str, what: str) -> None:
        """Let a test make a step fail; see `before`."""
        if self.before is not None:
            self.before(step, what)

    def admit(self, nbytes: int, what: str) -> None:
        """Refuse an allocation that would pass the limit, before the driver sees it.

        Raises
        ------
        OutOfDeviceMemory
        """
        self.about_to("allocate", what)
        held = self.live_bytes.total()
        if self.memory_limit is not None and held + nbytes > self.memory_limit:
            raise OutOfDeviceMemory(
                f"{what} needs {nbytes:,} bytes, and {held:,} of the {self.memory_limit:,} bytes of memory_limit are in use "
                "(Renderer.memory says for what); use smaller pictures, fewer samples or smaller textures, or raise the limit.")

    def add(self, kind: str, delete: Callable[[], None], nbytes: int = 0) -> int:
        """Count one object; returns its serial."""
        self._serial += 1
        self._entries[self._serial] = (kind, nbytes, delete)
        self.live[kind] += 1
        self.live_bytes[kind] += nbytes
        return self._serial

    def on_gone(self, owner: object, kind: str, free: Callable[[], None]) -> None:
        """Count ``owner`` and queue its ``free`` when it is collected."""
        serial = self.add(kind, free)
        # The finalizer holds the queue and a number only, so a long-lived owner does not keep a closed device alive.
        self._finalizers[serial] = weakref.finalize(owner, self.queue.append, serial)
        self._finalizers[serial].atexit = False

    def release(self, serial: int) -> None:
        """Delete now on the owner's thread, else queue."""
        self.queue.append(serial)
        if self._owns():
            self.drain()

    def drain(self) -> int:
        """Delete everything queued; on the owner's thread only. Returns how many were deleted."""
        count = 0
        while self.queue:
            count += self._delete(self.queue.popleft())
        return count

    def _delete(self, serial: int) -> int:
        entry = self._entries.pop(serial, None)
        if entry is None:
            return 0
        if serial in self._finalizers:
            self._finalizers.pop(serial).detach()
        kind, nbytes, delete = entry
        delete()
        self.live[kind] -= 1
        self.live_bytes[kind] -= nbytes
        return 1

    def close(self) -> None:
        """Delete everything that is alive, newest first."""
        self.drain()
        for serial in sorted(self._entries, reverse=True):
            self._delete(serial)

    def abandon(self) -> None:
        """Forget everything without a GL call: the context is gone."""
        for finalizer in self._finalizers.values():
            finalizer.detach()
        self._finalizers.clear()
        self._entries.clear()
        self.queue.clear()
        self.live.clear()
        self.live_bytes.clear()


class Factory:
    """The ``create_*`` methods of a Device (a part of it, split off for length)."""

    __slots__ = ("_device",)

    def __init__(self, device: Device) -> None:
        self._device = device

    def buffer(self, size: int, label: str, data: NDArray[np.generic] | bytes | None) -> Buffer:
        """Make a buffer; see ``Device.create_buffer``."""
        device, gl, what = self._device, self._device.gl, f"buffer '{label}'" if label else "a buffer"
        device.check_current(f"creating {what}")
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise InvalidInput(f"{what} has size {size!r}; give at least 1 byte")
        if size > MAX_BUFFER:
            raise OutOfDeviceMemory(f"{what} needs {size:,} bytes, and one buffer holds at most {MAX_BUFFER:,}; draw the scene in parts")
        size = int(size)
        source = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data
        if source is not None and source.nbytes != size:
            raise InvalidInput(f"{what} has size {size} and its data {source.nbytes} bytes; they must be equal")
        pointer = g.address(source) if source is not None else None
        device.check(f"before creating {what}")
        device.registry.admit(size, what)
        name = gl.create("glCreateBuffers")
        buffer = self._adopt(Buffer, "buffer", name, "glDeleteBuffers", size)
        buffer.size = size
        if device.capabilities.has("buffer_storage"):
            gl.glNamedBufferStorage(name, size, pointer, g.GL_DYNAMIC_STORAGE_BIT)
        else:
            gl.glNamedBufferData(name, size, pointer, g.GL_DYNAMIC_DRAW)
        self._finish(buffer, what)
        if source is None:
            gl.glClearNamedBufferData(name, g.GL_R8UI, g.GL_RED_INTEGER, g.GL_UNSIGNED_BYTE, None)
            self._finish(buffer, what)
        self._label(g.GL_BUFFER, name, label)
        return buffer

    def texture(
        self, target: int, width: int, height: int, layers: int, format: int, levels: int, samples: int, label: str, clear: bool
    ) -> Texture:
        """Make a texture of any target; see ``Device.create_texture_2d``."""
        device, gl, what = self._device, self._device.gl, f"texture '{label}'" if label else "a texture"
        device.check_current(f"creating {what}")
        self._check_texture(what, target, width, height, layers, format, levels, samples)
        device.check(f"before creating {what}")
        step = 4 if format in BLOCKS else 1
        sides = [(-(-max(width >> i, 1) // step) * step, -(-max(height >> i, 1) // step) * step) for i in range(levels)]
        texels = sum(wide * high for wide, high in sides) * layers * samples
        nbytes = texels * TEXEL_BYTES[format]
        device.registry.admit(nbytes, what)
        name = gl.create("glCreateTextures", target)
        texture = self._adopt(Texture, "texture", name, "glDeleteTextures", nbytes)
        texture.target, texture.format = target, format
        texture.width, texture.height, texture.layers, texture.levels, texture.samples = width, height, layers, levels, samples
        if target == g.GL_TEXTURE_2D_MULTISAMPLE:
            gl.glTextureStorage2DMultisample(name, samples, format, width, height, 1)
        elif target == g.GL_TEXTURE_2D_ARRAY:
            gl.glTextureStorage3D(name, levels, format, width, height, layers)
        else:
            gl.glTextureStorage2D(name, levels, format, width, height)
        self._finish(texture, what)
        if clear:
            for level in range(levels):
                self._clear(texture, level)
            self._finish(texture, what)
        self._label(g.GL_TEXTURE, name, label)
        return texture

    def _check_texture(self, what: str, target: int, width: int, height: int, layers: int, format: int, levels: int, samples: int) -> None:
        limits = self._device.capabilities
        if format not in TEXEL_BYTES:
            raise InvalidInput(f"{what} has the internal format {format:#06x}, which metarender does not store; see TEXEL_BYTES")
        if min(width, height, layers, levels, samples) < 1:
            raise InvalidInput(f"{what} is {width}x{height}, {layers} layers, {levels} levels, {samples} samples; each must be at least 1")
        cube = target == g.GL_TEXTURE_CUBE_MAP
        largest = limits.max_cube_size if cube else limits.max_texture_size
        if max(width, height) > largest:
            raise DeviceError(f"{what} is {width}x{height} pixels, and this device allows {largest}; use a smaller picture")
        if not cube and layers > limits.max_array_layers:
            raise DeviceError(f"{what} has {layers} layers, and this device allows {limits.max_array_layers}")
        if levels > max(width, height).bit_length():
            raise InvalidInput(f"{what} is {width}x{height} and has {levels} levels; it can have at most {max(width, height).bit_length()}")
        if samples > limits.max_samples:
            most = limits.max_samples
            raise DeviceError(f"{what} has {samples} samples a pixel, and this device allows {most}; use msaa={most}")

    def sampler(self, parameters: dict[int, int | float | tuple[float, ...]], label: str) -> Resource:
        """Make a sampler; see ``Device.create_sampler``."""
        device, gl = self._device, self._device.gl
        device.check_current("creating a sampler")
        device.check("before creating a sampler")
        device.registry.about_to("create", "a sampler")
        name = gl.create("glCreateSamplers")
        sampler = self._adopt(Resource, "sampler", name, "glDeleteSamplers", 0)
        for parameter, value in parameters.items():
            if isinstance(value, tuple):
                gl.glSamplerParameterfv(name, parameter, (ctypes.c_float * len(value))(*value))
            elif isinstance(value, float):
                gl.glSamplerParameterf(name, parameter, value)
            else:
                gl.glSamplerParameteri(name, parameter, value)
        self._finish(sampler, f"sampler '{label}'")
        self._label(g.GL_SAMPLER, name, label)
        return sampler

    def framebuffer(self, colors: Sequence[Texture], depth: Texture | None, label: str, level: int, layer: int | None) -> Framebuffer:
        """Make a framebuffer; see ``Device.create_framebuffer``."""
        device, gl, what = self._device, self._device.gl, f"framebuffer '{label}'" if label else "a framebuffer"
        device.check_current(f"creating {what}")
        attached = (*colors, *([depth] if depth is not None else []))
        if not attached:
            raise InvalidInput(f"{what} has no attachment; give a colour texture or a depth texture")
        device.check(f"before creating {what}")
        device.registry.about_to("create", what)
        name = gl.create("glCreateFramebuffers")
        framebuffer = self._adopt(Framebuffer, "framebuffer", name, "glDeleteFramebuffers", 0)
        framebuffer.width, framebuffer.height = max(attached[0].width >> level, 1), max(attached[0].height >> level, 1)
        framebuffer.attachments = attached
        points = [g.GL_COLOR_ATTACHMENT0 + i for i in range(len(colors))]
        places = [*points, g.GL_DEPTH_ATTACHMENT] if depth is not None else points
        for point, texture in zip(places, attached, strict=True):
            if layer is None:
                gl.glNamedFramebufferTexture(name, point, texture.name, level)
            else:
                gl.glNamedFramebufferTextureLayer(name, point, texture.name, level, layer)
        draw = points or [g.GL_NONE]
        gl.glNamedFramebufferDrawBuffers(name, len(draw), (ctypes.c_uint * len(draw))(*draw))
        gl.glNamedFramebufferReadBuffer(name, draw[0])
        status = gl.glCheckNamedFramebufferStatus(name, g.GL_FRAMEBUFFER)
        if status != g.GL_FRAMEBUFFER_COMPLETE:
            framebuffer.release()
            device.gl.errors()
            raise DeviceError(f"{what} is incomplete (status {status:#06x}); give attachments of equal samples that can be drawn to")
        self._finish(framebuffer, what)
        self._label(g.GL_FRAMEBUFFER, name, label)
        return framebuffer

    def _adopt(self, type_: type[_R], kind: str, name: int, delete: str, nbytes: int) -> _R:
        registry = self._device.registry
        return type_(registry, registry.add(kind, partial(self._device.gl.delete, delete, name), nbytes), kind, name, nbytes)

    def _finish(self, resource: Resource, what: str) -> None:
        """Raise, with the object deleted, if creating it left an error."""
        try:
            self._device.check(f"creating {what} ({resource.nbytes:,} bytes)")
        except DeviceError:
            resource.release()
            raise

    def _label(self, kind: int, name: int, label: str) -> None:
        if label and self._device.capabilities.has("debug"):
            text = label.encode()[:64]
            self._device.gl.glObjectLabel(kind, name, len(text), text)

    def _clear(self, texture: Texture, level: int) -> None:
        """Zero one level of every layer."""
        gl, format = self._device.gl, texture.format
        if self._device.capabilities.has("clear_texture"):
            pixels, scalar = g.GL_RGBA, g.GL_UNSIGNED_BYTE
            if format in _INTEGER:
                pixels = _INTEGER[format]
            elif format in _DEPTH:
                pixels, scalar = g.GL_DEPTH_COMPONENT, g.GL_FLOAT
            elif format == g.GL_DEPTH24_STENCIL8:
                pixels, scalar = g.GL_DEPTH_STENCIL, 0x84FA  # GL_UNSIGNED_INT_24_8
            elif format == g.GL_DEPTH32F_STENCIL8:
                pixels, scalar = g.GL_DEPTH_STENCIL, 0x8DAD  # GL_FLOAT_32_UNSIGNED_INT_24_8_REV
            gl.glClearTexImage(texture.name, level, pixels, scalar, None)
            return
        # Clearing through a framebuffer obeys the scissor.
        scissor = gl.glIsEnabled(g.GL_SCISSOR_TEST)
        gl.glDisable(g.GL_SCISSOR_TEST)
        name = gl.create("glCreateFramebuffers")
        if format in _DEPTH:
            gl.glNamedFramebufferTexture(name, g.GL_DEPTH_ATTACHMENT, texture.name, level)
            gl.clear_depth(name, 0.0)
        else:
            gl.glNamedFramebufferTexture(name, g.GL_COLOR_ATTACHMENT0, texture.name, level)
            if format in _INTEGER:
                gl.clear_uint(name, 0, 0)
            else:
                gl.clear_float(name, 0, (0.0, 0.0, 0.0, 0.0))
        gl.delete("glDeleteFramebuffers", name)
        if scissor:
            gl.glEnable(g.GL_SCISSOR_TEST)
