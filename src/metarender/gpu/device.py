"""Device: one OpenGL context, one thread, and everything that was made on it.

One room because it is one class and half of it documentation: the work is in contexts, resources, binding, debug and state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import moderngl
import numpy as np
from numpy.typing import NDArray

from ..errors import DeviceError, InvalidInput, OutOfDeviceMemory, ReleasedError, WrongThreadError
from . import context_pool, contexts, current
from . import gl_extra as g
from .binding import Binding
from .capabilities import Capabilities, read_version, require_floor
from .current import NativeContext
from .debug import DebugLog, DebugMessage
from .resources import Buffer, Factory, Framebuffer, Registry, Resource, Texture
from .state import configure_state, reset_state

# name: (GL format, GL type, dtype, components)
READ_FORMATS: dict[str, tuple[int, int, type[np.generic], int]] = {
    "rgba8": (g.GL_RGBA, g.GL_UNSIGNED_BYTE, np.uint8, 4),
    "rgba16f": (g.GL_RGBA, g.GL_HALF_FLOAT, np.float16, 4),
    "rgba32f": (g.GL_RGBA, g.GL_FLOAT, np.float32, 4),
    "r32f": (g.GL_RED, g.GL_FLOAT, np.float32, 1),
    "r32ui": (g.GL_RED_INTEGER, g.GL_UNSIGNED_INT, np.uint32, 1),
    "rgba32ui": (g.GL_RGBA_INTEGER, g.GL_UNSIGNED_INT, np.uint32, 4),
    "depth": (g.GL_DEPTH_COMPONENT, g.GL_FLOAT, np.float32, 1),
}


@dataclass
class Counters:
    """Running totals of a device; a frame's figures are differences of two readings."""

    gl_calls: int = 0
    draw_calls: int = 0
    bytes_uploaded: int = 0
    bytes_view: int = 0
    bytes_read: int = 0
    programs_compiled: int = 0


class Device:
    """One GL context on the thread that opened it; use `open` or `from_context`.

    Attributes
    ----------
    ctx : moderngl.Context
        ModernGL's view of the context. Who draws with it between frames binds a framebuffer first and sets depth test, culling and
        blending, as a frame leaves all of them as it needed them; scissor, cull face, polygon mode and offset, blend equation, colour
        mask and samplers are put back after, because a frame takes them to be OpenGL's defaults.
    gl : GL
        Raw entry points.
    capabilities : Capabilities
        Version, limits and rungs.
    registry : Registry
        Live objects and the release queue.
    stats : Counters
        Running totals.
    attempts : list of Attempt
        How the context was found.
    """

    def __init__(self, context: NativeContext, attempts: Sequence[contexts.Attempt] = (), *, owned: bool, offscreen: bool) -> None:
        self._owned, self._offscreen = owned, offscreen
        self._owner = current.Owner()
        self._forks = context_pool.fork_generation()
        self.stats = Counters()
        self.generation = 0
        """Grows with every `restore`: what was made before is gone."""
        self._point_size = 1.0
        self._adopt(context, attempts)

    def _adopt(self, context: NativeContext, attempts: Sequence[contexts.Attempt]) -> None:
        """Start on a context on which nothing of ours exists."""
        self._context: NativeContext | None = context
        self._lost = False
        self.attempts = list(attempts)
        self.backend = context.backend
        self._log = DebugLog()
        current.switch_to(context)
        if context.binding is None:
            context.binding = Binding(context, self._offscreen)
        self.gl: g.GL = context.binding.gl
        self.capabilities: Capabilities = context.binding.capabilities
        self.ctx: moderngl.Context = context.binding.ctx
        self.registry = Registry(self._owns)
        self._factory = Factory(self)
        self.pools: Any = None  # ResourcePools, made by the first renderer
        self.gl.errors()  # ModernGL probes optional limits and leaves error flags behind
        if context.debug:
            self._log.listen(context, self.gl)
        configure_state(self.gl)
        self.check("preparing the OpenGL context")

    @classmethod
    def open(cls, device: str | int | None = None, *, debug: bool = False, robust: bool | None = None) -> Device:
        """Open a device without a window, on a parked context if there is one of the kind.

        Parameters
        ----------
        device : str or int, optional
            "auto" (a GPU before software), "gpu", "software", or the index of an EGL device; None reads
            ``METARENDER_DEVICE`` and falls back to "auto".
        debug : bool
            Ask for a debug context and collect `messages`; `check` then raises on high-severity ones.
        robust : bool, optional
            Ask for robust buffer access and reset notification; None means the same as ``debug``.

        Raises
        ------
        InvalidInput
            If the choice is not understood.
        DeviceError
            If there is no usable OpenGL 4.3 device; the message holds every reason.
        """
        choice = contexts.parse_choice(device)
        context, attempts = contexts.open_context(choice, debug=debug, robust=debug if robust is None else robust, accept=_accept)
        try:
            return cls(context, attempts, owned=True, offscreen=True)
        except BaseException:
            context_pool.discard(context)
            raise

    @classmethod
    def probe(cls) -> Iterator[tuple[contexts.Attempt, Device | None]]:
        """Try every way of getting a device, for a report: yield what came of it, with the open device where it worked.

        The device is closed when the next one is asked for; its context is not parked.
        """
        attempts: list[contexts.Attempt] = []
        for name, maker in contexts.ladder("auto", attempts):
            context = contexts.try_rung(name, maker, _accept, attempts)
            yield from ((attempt, None) for attempt in attempts[: None if context is None else -1])
            if context is not None:
                with cls(context, attempts, owned=True, offscreen=True) as device:
                    yield attempts[-1], device
            attempts.clear()
        yield from ((attempt, None) for attempt in attempts)

    @classmethod
    def from_context(cls, context: NativeContext) -> Device:
        """A device on a context that someone else made (a window); closing the device leaves the context alive.

        Parameters
        ----------
        context : NativeContext
            Is made current on this thread.

        Raises
        ------
        DeviceError
            If it is below the OpenGL floor.
        """
        return cls(context, [contexts.Attempt(context.backend, True)], owned=False, offscreen=False)

    # --- current context, errors ---------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self._context is None

    @property
    def messages(self) -> deque[DebugMessage]:
        """Debug output, newest last, at most 1,000; filled only with ``debug=True``."""
        return self._log.messages

    @property
    def rasteriser_key(self) -> str:
        """Name of the rasteriser for stored pictures, such as ``llvmpipe-22.3.6-llvm15``."""
        return self.capabilities.rasteriser_key

    def check_thread(self, where: str) -> None:
        """Make sure that this is the thread that opened the device; in a forked child no thread is, and `check_current` says so.

        Raises
        ------
        WrongThreadError
        """
        if not self._owner.is_here() and self._forks == context_pool.fork_generation():
            raise WrongThreadError(
                f"{where}: this device belongs to thread '{self._owner.name}'; use it there, or open a device on this thread")

    def check_current(self, where: str) -> None:
        """Make sure that GL calls go to this context: right thread, not closed, current.

        Raises
        ------
        WrongThreadError, ReleasedError, DeviceError
            If the device belongs to another thread, is closed, or the process was forked.
        """
        context = self._context
        if context is None:
            raise ReleasedError(f"{where}: the device is closed; open a new one")
        if self._forks != context_pool.fork_generation():
            raise DeviceError(f"{where}: this device was opened before the process forked; use multiprocessing's 'spawn' start method")
        if get_ident() != self._owner.ident:
            self.check_thread(where)
        if self._lost:
            raise DeviceError(f"{where}: the driver lost this context; Renderer.restore() starts anew, or close its device")
        if not context.is_current():  # where it is, the number of the thread says enough
            self.check_thread(where)
            current.switch_to(context)

    def use(self) -> None:
        """Make the context current on this thread; same checks as `check_current`."""
        self.check_current("using the device")

    def check(self, where: str) -> None:
        """Raise if GL reported an error since the last check.

        Raises
        ------
        OutOfDeviceMemory
            If the driver could not allocate.
        DeviceError
            For every other error, and in debug mode for a high-severity message.
        WrongThreadError
            If the device belongs to another thread.
        """
        if get_ident() != self._owner.ident:
            self.check_thread(where)
        self.registry.about_to("check", where)
        codes = self.gl.errors()
        high = self._log.take_high()
        if not codes and not high:
            return
        names = ", ".join(g.GL_ERRORS.get(code, hex(code)) for code in codes) or "a high-severity driver message"
        detail = f": {text}" if (text := self._log.last_high()) else ""
        if g.GL_CONTEXT_LOST in codes:
            self._lost = True
        if g.GL_OUT_OF_MEMORY in codes:
            raise OutOfDeviceMemory(f"{where}: the device is out of memory{detail}; use smaller pictures, a smaller size or fewer samples")
        raise DeviceError(f"{where}: OpenGL reported {names}{detail}")

    def check_reset(self, where: str) -> None:
        """Raise if a robust context was reset by the driver; does nothing on others but look at the thread."""
        self.check_thread(where)
        if self.capabilities.has("robust") and self.gl.glGetGraphicsResetStatus() != g.GL_NO_ERROR:
            self._lost = True
            raise DeviceError(f"{where}: the driver was reset and this context is lost; Renderer.restore() starts anew, or close it")

    def finish(self) -> None:
        """Wait until the device has done everything, without the GIL."""
        self.check_current("finishing")
        self.gl.glFinish()

    def _owns(self) -> bool:
        mine = self._owner.is_here() and self._forks == context_pool.fork_generation()
        if self._context is None or self._lost or not mine:
            return False
        self.use()
        return True

    # --- objects -------------------------------------------------------------------------------------------------------

    @property
    def live(self) -> dict[str, int]:
        """Number of live objects by kind; kinds with none are left out. Any thread may ask."""
        return {kind: count for kind, count in dict(self.registry.live).items() if count}

    @property
    def live_bytes(self) -> dict[str, int]:
        """Estimated bytes of device memory by kind. Any thread may ask."""
        return {kind: count for kind, count in dict(self.registry.live_bytes).items() if count}

    def track(self, kind: str, name: int, delete: Callable[[], None], nbytes: int = 0) -> Resource:
        """Count an object made elsewhere (a program, a vertex array).

        Parameters
        ----------
        kind : str
            What it is counted as.
        name : int
            GL name.
        delete : callable
            Deletes it; called once, on this device's thread with its context current. Must not refer to the Resource.
        nbytes : int
            Device memory it holds.
        """
        self.check_thread(f"counting a {kind}")
        return Resource(self.registry, self.registry.add(kind, delete, nbytes), kind, name, nbytes)

    def on_gone(self, owner: object, kind: str, free: Callable[[], None]) -> None:
        """Run ``free`` on this device's thread after ``owner`` (a description) was garbage collected, or when the device closes.

        Parameters
        ----------
        owner : object
            Is held weakly; any thread may drop it.
        kind : str
            What `live` counts it as.
        free : callable
            Must not refer to ``owner``.
        """
        self.check_thread(f"following a {kind}")
        self.registry.on_gone(owner, kind, free)

    def drain(self) -> int:
        """Delete what other threads and the garbage collector have queued; returns how many objects."""
        self.check_current("releasing objects")
        return self.registry.drain()

    def create_buffer(self, size: int, label: str = "", data: NDArray[Any] | bytes | None = None) -> Buffer:
        """Make a buffer of ``size`` bytes, zeroed or filled with ``data`` (C-contiguous, exactly ``size`` bytes).

        Raises
        ------
        OutOfDeviceMemory
            If it does not fit; nothing is left behind. Sizes above 2 GiB - 1 are refused.
        """
        return self._factory.buffer(size, label, data)

    def create_texture_2d(self, width: int, height: int, format: int, *, levels: int = 1, label: str = "", clear: bool = True) -> Texture:
        """Make a 2D texture; ``format`` is a GL internal format of `resources.TEXEL_BYTES`. Zeroed unless ``clear=False``.

        Raises
        ------
        DeviceError, OutOfDeviceMemory, InvalidInput
            If it is beyond the limits, does not fit, or makes no sense.
        """
        return self._factory.texture(g.GL_TEXTURE_2D, width, height, 1, format, levels, 1, label, clear)

    def create_texture_array(
        self, width: int, height: int, layers: int, format: int, *, levels: int = 1, label: str = "", clear: bool = True
    ) -> Texture:
        """Make a 2D array texture; see `create_texture_2d`."""
        return self._factory.texture(g.GL_TEXTURE_2D_ARRAY, width, height, layers, format, levels, 1, label, clear)

    def create_texture_cube(self, size: int, format: int, *, levels: int = 1, label: str = "", clear: bool = True) -> Texture:
        """Make a cube texture; upload a face with ``glTextureSubImage3D`` and zoffset = face. See `create_texture_2d`."""
        return self._factory.texture(g.GL_TEXTURE_CUBE_MAP, size, size, 6, format, levels, 1, label, clear)

    def create_texture_multisample(
        self, width: int, height: int, samples: int, format: int, *, label: str = "", clear: bool = True
    ) -> Texture:
        """Make a multisampled 2D texture with fixed sample locations; see `create_texture_2d`."""
        return self._factory.texture(g.GL_TEXTURE_2D_MULTISAMPLE, width, height, 1, format, 1, samples, label, clear)

    def create_sampler(self, parameters: dict[int, int | float | tuple[float, ...]], label: str = "") -> Resource:
        """Make a sampler object from GL parameters: ints, floats or float tuples."""
        return self._factory.sampler(parameters, label)

    def create_framebuffer(
        self, colors: Sequence[Texture], depth: Texture | None = None, label: str = "", *, level: int = 0, layer: int | None = None
    ) -> Framebuffer:
        """Make a complete framebuffer from textures; ``layer`` picks one slice or cube face of every attachment.

        Raises
        ------
        DeviceError
            If the driver calls it incomplete.
        """
        return self._factory.framebuffer(colors, depth, label, level, layer)

    # --- read-back -----------------------------------------------------------------------------------------------------

    def read_pixels(
        self,
        framebuffer: Framebuffer | int,
        format: str,
        size: tuple[int, int],
        *,
        origin: tuple[int, int] = (0, 0),
        attachment: int = 0,
    ) -> NDArray[Any]:
        """Read a rectangle into a new array of ours, without the GIL.

        Parameters
        ----------
        framebuffer : Framebuffer or int
            Single-sampled; 0 is the window's.
        format : str
            A key of `READ_FORMATS`: "rgba8", "rgba16f", "rgba32f", "r32f", "r32ui", "rgba32ui" or "depth".
        size, origin : tuple of int
            (width, height) and (x, y) of the rectangle in pixels; GL's origin is the bottom left.
        attachment : int
            Colour attachment; ignored for "depth".

        Returns
        -------
        ndarray
            (height, width) or (height, width, components), C-contiguous, bottom row first.

        Raises
        ------
        DeviceError
            If GL reports an error, or the context was reset; no pixels are handed out then.
        """
        if format not in READ_FORMATS:
            raise InvalidInput(f"format is {format!r}; use one of {', '.join(READ_FORMATS)}")
        self.check_current("reading pixels")
        self.check_reset("before reading pixels")
        self.check("before reading pixels")
        gl, (pixels, scalar, dtype, components) = self.gl, READ_FORMATS[format]
        name = framebuffer if isinstance(framebuffer, int) else framebuffer.name
        width, height = size
        out: NDArray[Any] = np.zeros((height, width, components) if components > 1 else (height, width), dtype)
        gl.glBindBuffer(g.GL_PIXEL_PACK_BUFFER, 0)
        gl.glBindFramebuffer(g.GL_READ_FRAMEBUFFER, name)
        if format != "depth":
            gl.glNamedFramebufferReadBuffer(name, g.GL_COLOR_ATTACHMENT0 + attachment if name else g.GL_BACK)
        gl.glReadPixels(*origin, width, height, pixels, scalar, g.address(out))
        gl.glBindFramebuffer(g.GL_READ_FRAMEBUFFER, 0)
        self.check("reading pixels")
        self.check_reset("after reading pixels")
        self.stats.bytes_read += out.nbytes
        return out

    # --- life ----------------------------------------------------------------------------------------------------------

    @property
    def lost(self) -> bool:
        """Whether the driver lost the context: nothing but `restore` and `close` works then."""
        return self._lost

    def simulate_loss(self) -> None:
        """Behave from now on as if the driver had lost the context, for tests of what an application does then.

        Raises
        ------
        WrongThreadError, ReleasedError, DeviceError
            As `check_current`.
        """
        self.check_current("Device.simulate_loss")
        assert self._context is not None
        self._lost = True
        current.forget(self._context)  # a call that slips through reaches nothing

    def restore(self) -> None:
        """Open a new context of the same kind in the place of one that was lost; everything made on the device is gone.

        Raises
        ------
        WrongThreadError, ReleasedError
            As `check_current`.
        DeviceError
            The context belongs to a window or a host, which has to make a new one, or there is no usable device any more. The device
            stays lost then.
        """
        context = self._context
        self.check_thread("Device.restore")
        if context is None or not self._lost:
            self.check_current("Device.restore")
            return
        if not self._owned:
            raise DeviceError("Device.restore: this context belongs to a window or a host; close the renderer and make a new window")
        choice, debug, robust = context.key if isinstance(context.key, tuple) else ("auto", context.debug, context.robust)
        fresh, attempts = contexts.open_context(choice, debug=debug, robust=robust, accept=_accept)
        self._delete_lost(context)
        self.pools = None
        context_pool.discard(context)
        context.keep = []
        self.generation += 1
        self._point_size = 1.0
        self._adopt(fresh, attempts)

    def _delete_lost(self, context: NativeContext) -> None:
        """Delete what was made on a lost context: its driver ignores that, but ModernGL lets go of its own only then."""
        with suppress(DeviceError):  # it cannot be made current any more
            current.switch_to(context)
            self.registry.close()
            self.gl.errors()
        self.registry.abandon()

    def close(self) -> None:
        """Delete everything made on the device and park its context; a second call does nothing.

        Raises
        ------
        WrongThreadError
            If called on another thread than the owner's.
        """
        context = self._context
        if context is None:
            return
        if self._forks != context_pool.fork_generation():
            self.registry.abandon()
            self._context = None
            return
        self.check_thread("Device.close")
        healthy = False
        if not self._lost:
            self.use()
            self.registry.close()
            healthy = not self.gl.errors()
            context.binding.reset()
            reset_state(self.gl, self.capabilities)
            healthy = healthy and not self.gl.errors()
        else:
            self._delete_lost(context)
        self.registry.abandon()
        self._context = None
        if self._owned and healthy:
            context.keep = []  # before it is parked: another thread may take it at once, and keep its own there
            context_pool.park(context)
        elif self._owned:
            context_pool.discard(context)
            context.keep = []

    def set_point_size(self, pixels: float) -> None:
        """Let points fill squares of that edge from now on; asks the driver only where it was another one."""
        if pixels != self._point_size:
            self.check_current("Device.set_point_size")
            self.gl.glPointSize(pixels)
            self._point_size = pixels

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else self.capabilities.renderer
        return f"<Device {self.backend}: {state}>"


def _accept(context: NativeContext) -> None:
    """Refuse a context below the floor while other rungs can still be tried."""
    version, extensions = read_version(g.GL(context.load, (4, 3), ()))
    require_floor(version, extensions, contexts.renderer_name(context))
