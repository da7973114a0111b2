"""Our own EGL: displays, contexts and make-current through ctypes, so that debug, robust and surfaceless contexts exist.

EGL displays are process-wide and shared by every user of the library in the process, so they are never terminated.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..errors import DeviceError

LIBRARIES = ("libEGL.so.1", "libEGL.so")

EGL_EXTENSIONS, EGL_OPENGL_API = 0x3055, 0x30A2
EGL_PLATFORM_DEVICE, EGL_PLATFORM_SURFACELESS = 0x313F, 0x31DD
EGL_DRM_DEVICE_FILE, EGL_DRM_RENDER_NODE_FILE = 0x3233, 0x3377
_SURFACE_TYPE, _PBUFFER_BIT, _RENDERABLE_TYPE, _OPENGL_BIT, _NONE = 0x3033, 0x0001, 0x3040, 0x0008, 0x3038
_WIDTH, _HEIGHT = 0x3057, 0x3056
_MAJOR, _MINOR, _PROFILE_MASK, _CORE_PROFILE = 0x3098, 0x30FB, 0x30FD, 0x0001
_DEBUG, _ROBUST_ACCESS, _RESET_STRATEGY, _LOSE_CONTEXT = 0x31B0, 0x31B2, 0x31BD, 0x31BF
_ERRORS = {
    0x3001: "EGL_NOT_INITIALIZED", 0x3002: "EGL_BAD_ACCESS", 0x3003: "EGL_BAD_ALLOC", 0x3004: "EGL_BAD_ATTRIBUTE",
    0x3005: "EGL_BAD_CONFIG", 0x3006: "EGL_BAD_CONTEXT", 0x3008: "EGL_BAD_DISPLAY", 0x3009: "EGL_BAD_MATCH",
    0x300C: "EGL_BAD_PARAMETER", 0x300D: "EGL_BAD_SURFACE", 0x300E: "EGL_CONTEXT_LOST",
}  # fmt: skip

_SIGNATURES: dict[str, str] = {
    "eglGetError": "i ",
    "eglQueryString": "s pi",
    "eglGetDisplay": "p p",
    "eglInitialize": "i ppp",
    "eglBindAPI": "i i",
    "eglChooseConfig": "i pppip",
    "eglCreateContext": "p pppp",
    "eglDestroyContext": "i pp",
    "eglCreatePbufferSurface": "p ppp",
    "eglDestroySurface": "i pp",
    "eglMakeCurrent": "i pppp",
    "eglGetCurrentContext": "p ",
    "eglGetPlatformDisplayEXT": "p ipp",
    "eglQueryDevicesEXT": "i ipp",
    "eglQueryDeviceStringEXT": "s pi",
}
_TYPES: dict[str, Any] = {"i": ctypes.c_int, "p": ctypes.c_void_p, "s": ctypes.c_char_p}


class EGLError(Exception):
    """One EGL call failed; `contexts` turns it into an `Attempt`, so it never reaches a user."""


class EGLDevice(NamedTuple):
    """One device of EGL_EXT_device_enumeration.

    Attributes
    ----------
    ordinal : int
        Position in the enumeration.
    handle : int
        EGLDeviceEXT.
    software : bool
        True for Mesa's software rasteriser.
    node : str
        Device file, empty if it has none.
    """

    ordinal: int
    handle: int
    software: bool
    node: str

    @property
    def label(self) -> str:
        return f"EGL device {self.ordinal} ({'software' if self.software else self.node or 'hardware'})"


class Library:
    """libEGL with typed entry points; made once per process by `library`."""

    def __init__(self, name: str) -> None:
        self._dll = ctypes.CDLL(name)
        self._get = self._dll.eglGetProcAddress
        self._get.restype, self._get.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        self._addresses: dict[str, int] = {}
        # The GIL is kept: these are short and are called on every entry of a device.
        self.current = ctypes.PYFUNCTYPE(ctypes.c_void_p)(("eglGetCurrentContext", self._dll))

    def address(self, name: str) -> int:
        """Address of an EGL or GL entry point, 0 if unknown. Loaders may return a stub for any name."""
        found = self._addresses.get(name)
        if found is None:
            found = self._addresses[name] = self._get(name.encode()) or 0
        return found

    def call(self, name: str, *arguments: Any) -> Any:
        """Call one EGL entry point of the table."""
        return self._function(name)(*arguments)

    def _function(self, name: str) -> Callable[..., Any]:
        known: Callable[..., Any] | None = self.__dict__.get(name)
        if known is None:
            result, _, letters = _SIGNATURES[name].partition(" ")
            prototype = ctypes.CFUNCTYPE(_TYPES[result], *[_TYPES[letter] for letter in letters])
            if name.endswith("EXT"):
                pointer = self.address(name)
                if not pointer:
                    raise EGLError(f"libEGL has no {name}")
                known = prototype(pointer)
            else:
                known = prototype((name, self._dll))
            self.__dict__[name] = known
        return known

    def error(self, what: str) -> EGLError:
        """The exception for the last failed call."""
        code = self.call("eglGetError")
        return EGLError(f"{what} failed with {_ERRORS.get(code, hex(code))}")

    def client_extensions(self) -> frozenset[str]:
        """Extensions that need no display."""
        return frozenset((self.call("eglQueryString", None, EGL_EXTENSIONS) or b"").decode().split())

    def devices(self) -> list[EGLDevice]:
        """Every device of the enumeration extension, empty without it."""
        extensions = self.client_extensions()
        if "EGL_EXT_platform_device" not in extensions or not extensions & {"EGL_EXT_device_enumeration", "EGL_EXT_device_base"}:
            return []
        handles, count = (ctypes.c_void_p * 64)(), ctypes.c_int()
        if not self.call("eglQueryDevicesEXT", 64, handles, ctypes.byref(count)):
            raise self.error("eglQueryDevicesEXT")
        return [self._device(i, handles[i] or 0) for i in range(count.value)]

    def _device(self, index: int, handle: int) -> EGLDevice:
        def query(name: int) -> str:
            return (self.call("eglQueryDeviceStringEXT", handle, name) or b"").decode()

        extensions = query(EGL_EXTENSIONS).split()
        software = "EGL_MESA_device_software" in extensions
        node = ""
        if not software and "EGL_EXT_device_drm_render_node" in extensions:
            node = query(EGL_DRM_RENDER_NODE_FILE)
        if not software and not node and "EGL_EXT_device_drm" in extensions:
            node = query(EGL_DRM_DEVICE_FILE)
        return EGLDevice(index, handle, software, node)

    def display(self, platform: int, native: int | None) -> int:
        """Open and initialise a display; ``platform`` 0 is the default display."""
        request = ("eglGetPlatformDisplayEXT", platform, native, None) if platform else ("eglGetDisplay", native)
        handle = self.call(*request)
        if not handle:
            raise self.error("opening the EGL display")
        if not self.call("eglInitialize", handle, None, None):
            raise self.error("eglInitialize")
        return int(handle)


_lock = threading.Lock()
_library: Library | None = None


def library() -> Library:
    """libEGL, loaded on first use.

    Raises
    ------
    OSError
        If it is not installed.
    """
    global _library
    with _lock:
        if _library is None:
            for i, name in enumerate(LIBRARIES):
                try:
                    _library = Library(name)
                    break
                except OSError:
                    if i == len(LIBRARIES) - 1:
                        raise
        assert _library is not None
        return _library


def loaded() -> bool:
    """Whether libEGL has been loaded by this module."""
    return _library is not None


@contextmanager
def software_forced() -> Iterator[None]:
    """Make Mesa choose its software driver for displays that are initialised inside; the environment is put back."""
    with _lock:
        before = os.environ.get("LIBGL_ALWAYS_SOFTWARE")
        os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ["LIBGL_ALWAYS_SOFTWARE"]
            else:
                os.environ["LIBGL_ALWAYS_SOFTWARE"] = before


class EGLContext:
    """One core-profile context on an EGL display, without a window; satisfies `current.NativeContext`.

    Raises
    ------
    EGLError
        If the display cannot make such a context.
    """

    api = "egl"
    parkable = True

    def __init__(self, egl: Library, display: int, backend: str, version: tuple[int, int], *, debug: bool, robust: bool) -> None:
        self.backend, self.debug, self.robust = backend, debug, robust
        self._egl, self._display, self._surface = egl, display, 0
        self.keep: list[object] = []
        self.key: object = None
        self.binding: Any = None
        extensions = (egl.call("eglQueryString", display, EGL_EXTENSIONS) or b"").decode().split()
        config = self._choose_config()
        # The API binding is per thread, so it is set before every context.
        if not egl.call("eglBindAPI", EGL_OPENGL_API):
            raise egl.error("eglBindAPI(OpenGL)")
        pairs = [(_MAJOR, version[0]), (_MINOR, version[1]), (_PROFILE_MASK, _CORE_PROFILE)]
        pairs += [(_DEBUG, 1)] if debug else []
        pairs += [(_ROBUST_ACCESS, 1), (_RESET_STRATEGY, _LOSE_CONTEXT)] if robust else []
        flat = [number for pair in pairs for number in pair] + [_NONE]
        self._context = egl.call("eglCreateContext", display, config, None, (ctypes.c_int * len(flat))(*flat))
        if not self._context:
            raise egl.error(f"an OpenGL {version[0]}.{version[1]} core context")
        if "EGL_KHR_surfaceless_context" not in extensions:
            self._surface = egl.call("eglCreatePbufferSurface", display, config, (ctypes.c_int * 5)(_WIDTH, 1, _HEIGHT, 1, _NONE))
            if not self._surface:
                error = egl.error("a 1x1 pbuffer")
                self.release()
                raise error

    def _choose_config(self) -> int:
        wanted = (ctypes.c_int * 5)(_SURFACE_TYPE, _PBUFFER_BIT, _RENDERABLE_TYPE, _OPENGL_BIT, _NONE)
        config, count = ctypes.c_void_p(), ctypes.c_int()
        if not self._egl.call("eglChooseConfig", self._display, wanted, ctypes.byref(config), 1, ctypes.byref(count)) or not count.value:
            raise EGLError("no EGL configuration can draw desktop OpenGL off screen")
        return int(config.value or 0)

    def load(self, name: str) -> int:
        return self._egl.address(name)

    load_opengl_function = load

    def is_current(self) -> bool:
        return bool(self._context) and self._egl.current() == self._context

    def make_current(self) -> None:
        if not self._context or not self._egl.call("eglMakeCurrent", self._display, self._surface, self._surface, self._context):
            raise DeviceError(f"this OpenGL context cannot be used on this thread ({self._egl.error('eglMakeCurrent')}); "
                              "close its device on the thread that opened it, and open a new one")

    def unbind(self) -> None:
        if self.is_current():
            self._egl.call("eglMakeCurrent", self._display, None, None, None)

    def release(self) -> None:
        """Destroy the context; must not be current on another thread."""
        if self._context:
            self.unbind()
            self._egl.call("eglDestroyContext", self._display, self._context)
            if self._surface:
                self._egl.call("eglDestroySurface", self._display, self._surface)
            self._context = self._surface = 0

    def __enter__(self) -> EGLContext:
        self.make_current()
        return self

    def __exit__(self, *exception: object) -> None:
        pass
