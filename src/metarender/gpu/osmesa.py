"""OSMesa: Mesa's software rasteriser as plain libraries, for machines where the system has no OpenGL.

The libraries come from the folder that ``METARENDER_OSMESA`` names, or else from the distribution lavavu-osmesa (whose own code is
never imported) and from the system.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import DeviceError

DISTRIBUTION = "lavavu-osmesa"
SYSTEM_LIBRARY = "libOSMesa.so.8"
COMMAND = f"pip install --no-deps {DISTRIBUTION}"
"""Its own dependencies (web servers, plots) are not needed for the libraries."""

# The distribution's libraries have no run path, so each must be in the process before those that need it.
_DEPENDENCIES = ("libffi", "libtinfo", "libzstd", "libdrm", "libpcre2", "libselinux", "libglapi", "libLLVM")

_FORMAT, _RGBA, _DEPTH_BITS, _STENCIL_BITS, _ACCUM_BITS = 0x22, 0x1908, 0x30, 0x31, 0x32
_PROFILE, _CORE_PROFILE, _MAJOR, _MINOR = 0x33, 0x34, 0x36, 0x37
_UNSIGNED_BYTE = 0x1401

# EGL makes the dispatch table of the system's Mesa global in the process; another version of Mesa must find its own first.
_MODE = getattr(os, "RTLD_NOW", 0) | getattr(os, "RTLD_DEEPBIND", 0)


class OSMesaError(Exception):
    """One OSMesa call failed; `contexts` turns it into an `Attempt`, so it never reaches a user."""


class Place(NamedTuple):
    """Where an OSMesa library is.

    Attributes
    ----------
    label : str
        What reports call it.
    library : str
        A path, or a name for the system's loader.
    folder : Path or None
        Where what it needs lies beside it; None for the system's.
    """

    label: str
    library: str
    folder: Path | None


def places() -> list[Place]:
    """Every place where the library may be, best first.

    Raises
    ------
    OSError
        If ``METARENDER_OSMESA`` names a folder that holds no libOSMesa.
    """
    named = os.environ.get("METARENDER_OSMESA", "")
    if named:
        found = _in_folder("OSMesa (METARENDER_OSMESA)", Path(named))
        if not found:
            raise FileNotFoundError(f"METARENDER_OSMESA names {named}, which holds no libOSMesa")
        return found
    return [*_distributed(), Place(f"OSMesa ({SYSTEM_LIBRARY})", SYSTEM_LIBRARY, None)]


def _distributed() -> list[Place]:
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return []
    folder = Path(str(distribution.locate_file(DISTRIBUTION.replace("-", "_") + ".libs")))
    return _in_folder(f"OSMesa ({DISTRIBUTION} {distribution.version})", folder)


def _in_folder(label: str, folder: Path) -> list[Place]:
    return [Place(label, str(path), folder) for path in sorted(folder.glob("libOSMesa*.so*"))[:1]]


def remedy() -> str:
    """The one command that brings software OpenGL without root; empty where there is none for this Python, or where it was run."""
    fits = sys.platform == "linux" and platform.machine() == "x86_64" and (3, 11) <= sys.version_info[:2] <= (3, 13)
    return COMMAND if fits and not _distributed() else ""


class Library:
    """libOSMesa with typed entry points; made once per process and place by `library`.

    Raises
    ------
    OSError
        If it or something that it needs cannot be loaded.
    """

    def __init__(self, place: Place) -> None:
        beside = [] if place.folder is None else [path for name in _DEPENDENCIES for path in sorted(place.folder.glob(f"{name}[-.]*so*"))]
        self._keep = [ctypes.CDLL(str(path), _MODE) for path in beside]
        dll = ctypes.CDLL(place.library, _MODE)
        pointer, number = ctypes.c_void_p, ctypes.c_int
        self.create = ctypes.CFUNCTYPE(pointer, pointer, pointer)(("OSMesaCreateContextAttribs", dll))
        self.destroy = ctypes.CFUNCTYPE(None, pointer)(("OSMesaDestroyContext", dll))
        self.make_current = ctypes.CFUNCTYPE(ctypes.c_ubyte, pointer, pointer, ctypes.c_uint, number, number)(("OSMesaMakeCurrent", dll))
        self.address = ctypes.CFUNCTYPE(pointer, ctypes.c_char_p)(("OSMesaGetProcAddress", dll))
        # The GIL is kept: this is short and is called on every entry of a device.
        self.current = ctypes.PYFUNCTYPE(pointer)(("OSMesaGetCurrentContext", dll))


_lock = threading.Lock()
_libraries: dict[Place, Library] = {}


def library(place: Place) -> Library:
    """The library of a place, loaded on first use; raises OSError as `Library`."""
    with _lock:
        if place not in _libraries:
            _libraries[place] = Library(place)
        return _libraries[place]


def loaded() -> bool:
    """Whether a library has been loaded by this module."""
    return bool(_libraries)


class OSMesaContext:
    """One core-profile context without a window; satisfies `current.NativeContext`.

    Such contexts are never robust. Debug output works in all of them.

    Raises
    ------
    OSMesaError
        If the library cannot make such a context.
    """

    api = "osmesa"
    parkable = True
    robust = False

    def __init__(self, lib: Library, backend: str, version: tuple[int, int], *, debug: bool) -> None:
        self.backend, self.debug = backend, debug
        self._lib = lib
        self.keep: list[object] = []
        self.key: object = None
        self.binding: Any = None
        pairs = ((_FORMAT, _RGBA), (_DEPTH_BITS, 0), (_STENCIL_BITS, 0), (_ACCUM_BITS, 0), (_PROFILE, _CORE_PROFILE),
                 (_MAJOR, version[0]), (_MINOR, version[1]), (0, 0))  # fmt: skip
        self._context = lib.create((ctypes.c_int * 16)(*(number for pair in pairs for number in pair)), None)
        if not self._context:
            raise OSMesaError(f"OSMesa makes no OpenGL {version[0]}.{version[1]} core context")
        self._pixel = (ctypes.c_ubyte * 4)()  # the default framebuffer, which OSMesa insists on and nobody draws to

    def load(self, name: str) -> int:
        return self._lib.address(name.encode()) or 0

    load_opengl_function = load

    def is_current(self) -> bool:
        return bool(self._context) and self._lib.current() == self._context

    def make_current(self) -> None:
        if not self._context or not self._lib.make_current(self._context, self._pixel, _UNSIGNED_BYTE, 1, 1):
            raise DeviceError("this OpenGL context cannot be used on this thread (OSMesaMakeCurrent failed); "
                              "close its device on the thread that opened it, and open a new one")

    def unbind(self) -> None:
        if self.is_current():
            self._lib.make_current(None, None, 0, 0, 0)

    def release(self) -> None:
        """Destroy the context; must not be current on another thread."""
        if self._context:
            self.unbind()
            self._lib.destroy(self._context)
            self._context = None

    def __enter__(self) -> OSMesaContext:
        self.make_current()
        return self

    def __exit__(self, *exception: object) -> None:
        pass
