"""A window on the screen through GLFW, whose only importer this is, and only inside functions.

Callbacks do nothing but queue events, so no user code runs inside GLFW and nothing can be closed under its feet.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ..controls.events import LEFT, MIDDLE, RIGHT, AnyEvent, Close, Key, Pointer, Resize, Wheel
from ..errors import DeviceError, InvalidInput, ReleasedError, WrongThreadError
from ..gpu import current, egl
from ..gpu.device import Device
from .base import Target
from .keys import key_name

if TYPE_CHECKING:
    from ..frame import Frame
    from ..renderer import Renderer

_HEADLESS = "; on a machine without a display use `metarender render` or mr.render(...).save('picture.png'), which need none"
_VERSIONS = ((4, 6), (4, 5), (4, 3))
_BUTTONS = {0: LEFT, 1: RIGHT, 2: MIDDLE}
_errors: deque[str] = deque(maxlen=8)
_ready = False
_registered = False


class WindowContext:
    """The context of a GLFW window; satisfies `NativeContext`."""

    parkable = False

    def __init__(self, window: Any, api: str, *, debug: bool) -> None:
        self._window, self.api = window, api
        self.backend = f"GLFW window ({api})"
        self.debug, self.robust = debug, False
        self.keep: list[object] = []
        self.key: object = None
        self.binding: Any = None

    def load(self, name: str) -> int:
        import glfw

        return int(glfw.get_proc_address(name) or 0)

    load_opengl_function = load

    def is_current(self) -> bool:
        import glfw

        if self._window is None:
            return False
        if self.api == "egl":
            return bool(egl.library().current() == glfw.get_egl_context(self._window))
        return _address(glfw.get_current_context()) == _address(self._window)

    def make_current(self) -> None:
        import glfw

        if self._window is None:
            raise ReleasedError("the window is closed; open a new one")
        glfw.make_context_current(self._window)

    def unbind(self) -> None:
        import glfw

        nothing: Any = None
        if self.is_current():
            glfw.make_context_current(nothing)

    def release(self) -> None:
        """Forget the window, which is about to be destroyed."""
        binding, self.binding = self.binding, None
        if binding is not None:
            binding.release()
        current.forget(self)
        self._window = None

    def __enter__(self) -> WindowContext:
        self.make_current()
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class WindowTarget(Target):
    """A window with a device of its own; open it on the main thread.

    Parameters
    ----------
    size : tuple of int
        (width, height) in logical pixels, at least 1.
    title : str
        Title bar.
    vsync : bool
        Whether `present` waits for the screen's refresh.
    visible : bool
        Whether the window is shown.
    debug : bool
        Ask for a debug context.

    Raises
    ------
    DeviceError
        If there is no display, or its driver is below the OpenGL floor.
    WrongThreadError
        On another thread than the main one.
    """

    def __init__(
        self,
        size: tuple[int, int] = (1280, 720),
        title: str = "metarender",
        *,
        vsync: bool = False,
        visible: bool = True,
        debug: bool = False,
    ) -> None:
        if len(size) != 2 or min(size) < 1:
            raise InvalidInput(f"window size {size!r} is not (width, height) of at least 1 pixel each")
        self._window: Any = None
        self._queue: deque[AnyEvent] = deque()
        self._at = (0.0, 0.0)  # pointer, in screen coordinates of the window system
        _initialise()
        self._window, api = _create_window((int(size[0]), int(size[1])), title, visible, debug)
        self._context = WindowContext(self._window, api, debug=debug)
        try:
            self.device = Device.from_context(self._context)
        except BaseException:
            self._destroy()
            raise
        self._modifier_keys = _modifier_keys()
        self._listen()
        self._swap_interval(int(vsync))

    # --- state -----------------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        return self._window is None

    @property
    def size(self) -> tuple[int, int]:
        import glfw

        width, height = glfw.get_framebuffer_size(self._open("size"))
        return int(width), int(height)

    @property
    def pixel_ratio(self) -> float:
        import glfw

        ratio = float(glfw.get_window_content_scale(self._open("pixel_ratio"))[0])
        return ratio if ratio > 0 else 1.0

    def resize(self, width: int, height: int) -> None:
        """Ask the window system for another size in logical pixels; each side is at least 1 (X11 ends the process at 0)."""
        import glfw

        if min(width, height) < 1:
            raise InvalidInput(f"window size {width}x{height} is not possible; give at least 1x1")
        per_unit = self._per_unit()
        ratio = self.pixel_ratio
        glfw.set_window_size(self._window, max(round(width * ratio / per_unit[0]), 1), max(round(height * ratio / per_unit[1]), 1))

    def set_title(self, title: str) -> None:
        import glfw

        glfw.set_window_title(self._open("set_title"), title)

    # --- loop ------------------------------------------------------------------------------------------------------------

    def poll(self) -> list[AnyEvent]:
        import glfw

        self._open("poll")
        glfw.poll_events()
        events = list(self._queue)
        self._queue.clear()
        return events

    def wait(self, seconds: float) -> None:
        import glfw

        self._own_thread("wait")
        if self._window is not None and seconds > 0 and not self._queue:
            glfw.wait_events_timeout(seconds)

    def present(self, renderer: Renderer, frame: Frame) -> None:
        """Copy the last frame into the window and swap; nothing while the window has no pixels."""
        import glfw

        window, size = self._open("present"), self.size
        if min(size) < 1:
            return
        self.device.use()
        renderer.present(0, size)
        self.device.check("showing a frame in the window")
        glfw.swap_buffers(window)

    def close(self) -> None:
        if self._window is not None:
            self._own_thread("close")
            try:
                self.device.close()
            finally:
                self._destroy()

    # --- parts -----------------------------------------------------------------------------------------------------------

    def _open(self, where: str) -> Any:
        if self._window is None:
            raise ReleasedError(f"WindowTarget.{where}: the window is closed; open a new one")
        self._own_thread(where)
        return self._window

    def _destroy(self) -> None:
        import glfw

        window, self._window = self._window, None
        self._context.release()
        glfw.destroy_window(window)

    def _swap_interval(self, interval: int) -> None:
        import glfw

        self.device.use()
        glfw.swap_interval(interval)

    def _per_unit(self) -> tuple[float, float]:
        """Framebuffer pixels per screen coordinate of the window system, which is 1 on X11 and Windows."""
        import glfw

        window, framebuffer = glfw.get_window_size(self._open("size")), self.size
        pairs = zip(framebuffer, window, strict=True)
        across, down = (pixels / units if pixels > 0 and units > 0 else 1.0 for pixels, units in pairs)
        return across, down

    def _listen(self) -> None:
        import glfw

        window = self._window
        self._at = glfw.get_cursor_pos(window)
        glfw.set_cursor_pos_callback(window, self._on_move)
        glfw.set_mouse_button_callback(window, self._on_button)
        glfw.set_scroll_callback(window, self._on_scroll)
        glfw.set_key_callback(window, self._on_key)
        glfw.set_framebuffer_size_callback(window, self._on_resize)
        # Damaged contents need what a new size needs: another frame.
        glfw.set_window_refresh_callback(window, lambda _window: self._on_resize(_window, *self.size))
        glfw.set_window_close_callback(window, lambda _window: self._queue.append(Close(**self._common())))

    def _common(self) -> dict[str, Any]:
        import glfw

        held = (name for name, keys in self._modifier_keys if any(glfw.get_key(self._window, key) == glfw.PRESS for key in keys))
        return {"time": time.monotonic(), "modifiers": tuple(held), "pixel_ratio": self.pixel_ratio}

    def _pointer(self) -> dict[str, Any]:
        # As events told it: asking the window system gives where the pointer is by now.
        (x, y), (across, down) = self._at, self._per_unit()
        ratio = self.pixel_ratio
        return {"x": x * across / ratio, "y": y * down / ratio}

    def _buttons(self) -> tuple[int, ...]:
        import glfw

        return tuple(_BUTTONS.get(i, i + 1) for i in range(8) if glfw.get_mouse_button(self._window, i) == glfw.PRESS)

    def _on_move(self, window: Any, x: float, y: float) -> None:
        self._at = (x, y)
        event = Pointer(kind="move", buttons=self._buttons(), **self._pointer(), **self._common())
        last = self._queue[-1] if self._queue else None
        # A fast mouse sends a thousand moves a second; between two frames the newest one says it all.
        if isinstance(last, Pointer) and last.kind == "move" and (last.buttons, last.modifiers) == (event.buttons, event.modifiers):
            self._queue.pop()
        self._queue.append(event)

    def _on_button(self, window: Any, button: int, action: int, modifiers: int) -> None:
        kind: Any = "down" if action else "up"
        number = _BUTTONS.get(button, button + 1)
        self._queue.append(Pointer(kind=kind, button=number, buttons=self._buttons(), **self._pointer(), **self._common()))

    def _on_scroll(self, window: Any, dx: float, dy: float) -> None:
        self._queue.append(Wheel(dx=-dx * 100.0 + 0.0, dy=-dy * 100.0 + 0.0, **self._pointer(), **self._common()))

    def _on_key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        import glfw

        common = self._common()
        name = key_name(key, glfw.get_key_name(key, scancode), "Shift" in common["modifiers"])
        kind: Any = "up" if action == glfw.RELEASE else "down"
        self._queue.append(Key(kind=kind, key=name, repeat=action == glfw.REPEAT, **common))

    def _on_resize(self, window: Any, width: int, height: int) -> None:
        common = self._common()
        ratio = common["pixel_ratio"]
        self._queue.append(Resize(width=width / ratio, height=height / ratio, **common))


def _address(window: Any) -> int:
    import ctypes

    return ctypes.cast(window, ctypes.c_void_p).value or 0 if window else 0


def _modifier_keys() -> tuple[tuple[str, tuple[int, int]], ...]:
    import glfw

    return (
        ("Shift", (glfw.KEY_LEFT_SHIFT, glfw.KEY_RIGHT_SHIFT)),
        ("Control", (glfw.KEY_LEFT_CONTROL, glfw.KEY_RIGHT_CONTROL)),
        ("Alt", (glfw.KEY_LEFT_ALT, glfw.KEY_RIGHT_ALT)),
        ("Meta", (glfw.KEY_LEFT_SUPER, glfw.KEY_RIGHT_SUPER)),
    )


def _remember(code: int, message: bytes | str) -> None:
    _errors.append(message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message))


def _initialise() -> None:
    """Start GLFW once per process.

    Raises
    ------
    DeviceError
        If there is no display or no GLFW.
    WrongThreadError
        On another thread than the main one: the window systems allow no other.
    """
    global _ready, _registered
    if threading.current_thread() is not threading.main_thread():
        raise WrongThreadError("a window must be opened on the main thread; render off screen on this one, or open it there")
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DeviceError("no window can be opened because neither DISPLAY nor WAYLAND_DISPLAY is set" + _HEADLESS)
    try:
        import glfw
    except ImportError as error:
        raise DeviceError(f"no window can be opened because GLFW does not load ({error}); install it with: pip install glfw") from error
    if _ready:
        return
    _errors.clear()
    glfw.set_error_callback(_remember)
    if not glfw.init():
        raise DeviceError(f"no window can be opened because GLFW did not start ({_last_error()})" + _HEADLESS)
    if not _registered:
        atexit.register(terminate)
        _registered = True
    _ready = True


def terminate() -> None:
    """Disconnect GLFW from the window system, after every window is closed; the next window connects again. Runs at exit too."""
    global _ready
    if _ready:
        import glfw

        _ready = False
        glfw.terminate()


def _last_error() -> str:
    return _errors[-1] if _errors else "no reason given"


def _create_window(size: tuple[int, int], title: str, visible: bool, debug: bool) -> tuple[Any, str]:
    """The window with the newest context, and the name of its context API.

    EGL comes first: a thread cannot hold a GLX context and one of our off-screen EGL contexts in turn without unbinding.
    """
    import glfw

    linux = sys.platform.startswith("linux")
    apis = [("egl", glfw.EGL_CONTEXT_API)] if linux else []
    apis.append(("glx" if linux else "native", glfw.NATIVE_CONTEXT_API))
    reasons: list[str] = []
    # Making a GLX context while an EGL one is current is an X error, which ends the process.
    current.unbind_current()
    for api, hint in apis:
        for version in _VERSIONS:
            _errors.clear()
            _hint_window(version, hint, visible, debug)
            window = glfw.create_window(*size, title, None, None)
            if window:
                return window, api
            reason = f"{api}: {_last_error()}"
            if reason not in reasons:
                reasons.append(reason)
    raise DeviceError(f"no window with OpenGL 4.3 can be opened ({'; '.join(reasons)}); update the GL driver" + _HEADLESS)


def _hint_window(version: tuple[int, int], api: int, visible: bool, debug: bool) -> None:
    import glfw

    glfw.default_window_hints()
    hints = {
        glfw.CONTEXT_CREATION_API: api,
        glfw.CONTEXT_VERSION_MAJOR: version[0],
        glfw.CONTEXT_VERSION_MINOR: version[1],
        glfw.OPENGL_PROFILE: glfw.OPENGL_CORE_PROFILE,
        glfw.OPENGL_DEBUG_CONTEXT: int(debug),
        glfw.VISIBLE: int(visible),
        glfw.SCALE_TO_MONITOR: 1,
        # Frames are drawn into attachments of ours and copied: the window needs neither depth nor samples.
        glfw.DEPTH_BITS: 0,
        glfw.STENCIL_BITS: 0,
        glfw.SAMPLES: 0,
    }
    for name, value in hints.items():
        glfw.window_hint(name, value)
