"""The ladder of ways to get an OpenGL context.

Rungs, in order: each EGL device, EGL surfaceless, the default EGL display, glcontext's own backends, OSMesa (before glcontext where
software is asked for). Every failure is kept as an `Attempt`, for the one error message and for ``metarender doctor``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import DeviceError, InvalidInput
from . import context_pool, current, egl, osmesa
from .capabilities import is_software
from .current import NativeContext

DeviceChoice = str | int
VERSIONS: tuple[tuple[int, int], ...] = ((4, 6), (4, 5), (4, 3), (3, 3))  # 3.3 only to name the version that is there

_INSTALL = (
    "install libEGL and a GL driver (Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri; "
    "Fedora: dnf install mesa-libEGL mesa-dri-drivers)"
)
_NEEDS_DISPLAY = "start an X or Wayland server and set DISPLAY or WAYLAND_DISPLAY; the backends above need neither"
_NO_OSMESA = "install OSMesa (Debian and Ubuntu 24.04: apt install libosmesa6)"
_POISONED = "this process was forked after OpenGL had been used, and drivers hang then; use multiprocessing's 'spawn' start method"


@dataclass(frozen=True)
class Attempt:
    """One way of getting a context that was tried.

    Attributes
    ----------
    backend : str
        What was tried, such as ``EGL device 0 (/dev/dri/renderD128)``.
    ok : bool
        Whether it gave a context.
    reason : str
        What came of it.
    fix : str
        What a user can do about a failure; empty if nothing or not needed.
    """

    backend: str
    ok: bool
    reason: str = ""
    fix: str = ""


class GlcontextContext:
    """A context made by the glcontext package, the last rung: neither debug, robust nor parkable."""

    api = "glcontext"
    parkable = debug = robust = False

    def __init__(self, backend: str, inner: Any) -> None:
        self.backend, self._inner = backend, inner
        self.keep: list[object] = []
        self.key: object = None
        self.binding: Any = None

    def load(self, name: str) -> int:
        return int(self._inner.load(name))

    load_opengl_function = load

    def is_current(self) -> bool:
        return current.is_tracked(self)

    def make_current(self) -> None:
        self._inner.__enter__()

    def unbind(self) -> None:
        self._inner.__exit__()

    def release(self) -> None:
        self._inner.release()

    def __enter__(self) -> GlcontextContext:
        self.make_current()
        return self

    def __exit__(self, *exception: object) -> None:
        pass


def parse_choice(device: DeviceChoice | None) -> DeviceChoice:
    """Validate a device choice; None reads ``METARENDER_DEVICE`` and falls back to ``"auto"``.

    Raises
    ------
    InvalidInput
        If it is neither "auto", "gpu", "software" nor an index from 0.
    """
    origin = "device"
    if device is None:
        device, origin = os.environ.get("METARENDER_DEVICE", "") or "auto", "the environment variable METARENDER_DEVICE"
    if isinstance(device, str):
        text = device.strip().lower()
        if text in ("auto", "gpu", "software"):
            return text
        if text.isdecimal() and text.isascii():
            return int(text)
    elif isinstance(device, int) and not isinstance(device, bool) and device >= 0:
        return device
    raise InvalidInput(f"{origin} is {device!r}; use 'auto', 'gpu', 'software' or the index of an EGL device counted from 0")


# A rung: its name, and a function (version, debug, robust) -> context that raises one of _FAILURES.
Maker = Callable[[tuple[int, int], bool, bool], NativeContext]
_FAILURES = (egl.EGLError, osmesa.OSMesaError, OSError)


def _egl_maker(lib: egl.Library, platform: int, native: int | None, backend: str, *, force_software: bool = False) -> Maker:
    def make(version: tuple[int, int], debug: bool, robust: bool) -> NativeContext:
        if force_software:
            with egl.software_forced():
                display = lib.display(platform, native)
        else:
            display = lib.display(platform, native)
        return egl.EGLContext(lib, display, backend, version, debug=debug, robust=robust)

    return make


def _osmesa_maker(place: osmesa.Place) -> Maker:
    def make(version: tuple[int, int], debug: bool, robust: bool) -> NativeContext:
        return osmesa.OSMesaContext(osmesa.library(place), place.label, version, debug=debug)

    return make


def _glcontext_maker(name: str) -> Maker:
    def make(version: tuple[int, int], debug: bool, robust: bool) -> NativeContext:
        import glcontext

        backend = glcontext.get_backend_by_name("egl") if name == "egl" else glcontext.default_backend()
        try:
            inner = backend(mode="standalone", glversion=version[0] * 100 + version[1] * 10)
        except Exception as error:  # glcontext raises bare Exception
            raise egl.EGLError(str(error)) from error
        return GlcontextContext(f"glcontext {name}", inner)

    return make


def ladder(device: DeviceChoice, attempts: list[Attempt]) -> Iterator[tuple[str, Maker]]:
    """Yield (name, maker) of every way that suits a choice, best first; ways that do not exist go to ``attempts``."""
    try:
        lib = egl.library()
        extensions = lib.client_extensions()
    except OSError as error:
        attempts.append(Attempt("EGL", False, f"libEGL cannot be loaded ({error})", _INSTALL))
    else:
        yield from _egl_rungs(lib, extensions, device, attempts)
    if device == "software":  # glcontext may find a GPU
        yield from _osmesa_rungs(attempts)
    if isinstance(device, str):
        yield "glcontext egl", _glcontext_maker("egl")
        yield "glcontext default", _glcontext_maker("default")
    if device == "auto":
        yield from _osmesa_rungs(attempts)


def _egl_rungs(lib: egl.Library, extensions: frozenset[str], device: DeviceChoice, attempts: list[Attempt]) -> Iterator[tuple[str, Maker]]:
    try:
        devices = lib.devices()
    except egl.EGLError as error:
        devices = []
        attempts.append(Attempt("EGL devices", False, str(error), _INSTALL))
    if isinstance(device, int):
        if device < len(devices):
            chosen = devices[device]
            yield chosen.label, _egl_maker(lib, egl.EGL_PLATFORM_DEVICE, chosen.handle, chosen.label)
        else:
            reason = f"there are {len(devices)} EGL devices"
            attempts.append(Attempt(f"EGL device {device}", False, reason, "use a smaller index or 'auto'"))
        return
    for item in sorted(devices, key=lambda d: d.software):
        if device == "gpu" and item.software:
            reason = "it is a software rasteriser, and a GPU was asked for"
            attempts.append(Attempt(item.label, False, reason, "use device='auto' or 'software'"))
        elif device == "auto" or item.software == (device == "software"):
            yield item.label, _egl_maker(lib, egl.EGL_PLATFORM_DEVICE, item.handle, item.label)
    force = device == "software"
    if "EGL_MESA_platform_surfaceless" in extensions:
        yield "EGL surfaceless", _egl_maker(lib, egl.EGL_PLATFORM_SURFACELESS, None, "EGL surfaceless", force_software=force)
    yield "EGL default display", _egl_maker(lib, 0, None, "EGL default display", force_software=force)


def _osmesa_rungs(attempts: list[Attempt]) -> Iterator[tuple[str, Maker]]:
    try:
        found = osmesa.places()
    except OSError as error:
        attempts.append(Attempt("OSMesa", False, str(error), "name the folder that holds libOSMesa, or unset METARENDER_OSMESA"))
        return
    for place in found:
        yield place.label, _osmesa_maker(place)


def _make(maker: Maker, debug: bool, robust: bool) -> NativeContext:
    """The newest context a rung gives; robustness is dropped before an OpenGL version is."""
    wishes = [(debug, robust)] + ([(debug, False)] if robust else [])
    reasons: list[str] = []
    for version in VERSIONS:
        for wish in wishes:
            try:
                return maker(version, *wish)
            except _FAILURES as error:
                if str(error) not in reasons:
                    reasons.append(str(error))
    raise egl.EGLError(reasons[-1] if len(reasons) > 3 else "; ".join(reasons))


Accept = Callable[[NativeContext], None]


def try_rung(name: str, maker: Maker, accept: Accept, attempts: list[Attempt]) -> NativeContext | None:
    """Make one rung's context and leave it current, for a report; None where it fails, with the reason in ``attempts``."""
    return _climb(name, maker, "auto", False, False, accept, attempts)


def open_context(device: DeviceChoice, *, debug: bool, robust: bool, accept: Accept) -> tuple[NativeContext, list[Attempt]]:
    """Take a parked context or make one, and leave it current on this thread.

    Parameters
    ----------
    device : str or int
        A choice checked by `parse_choice`.
    debug, robust : bool
        Flags of the context; a driver without robustness gives one without.
    accept : callable
        Raises DeviceError for a context that is below the floor.

    Raises
    ------
    DeviceError
        If no rung gives an acceptable context; the message holds every reason and the first fix.
    """
    if context_pool.is_poisoned():
        raise DeviceError(_POISONED)
    key = (device, debug, robust)
    parked = context_pool.take(key)
    if parked is not None:
        current.switch_to(parked)
        return parked, [Attempt(parked.backend, True, "reused a parked context")]
    attempts: list[Attempt] = []
    for name, maker in ladder(device, attempts):
        context = _climb(name, maker, device, debug, robust, accept, attempts)
        if context is not None:
            context.key = key
            return context, attempts
    raise DeviceError(failure_message(f"no usable OpenGL device for device={device!r}", attempts))


def _fix_of(name: str) -> str:
    if "/dev/dri" in name:
        return "install the GPU's driver and give this user access to the device file (usually: join the groups render and video)"
    if name.startswith("OSMesa"):
        return osmesa.remedy() or _NO_OSMESA
    return _NEEDS_DISPLAY if "default" in name else _INSTALL


def _climb(
    name: str, maker: Maker, device: DeviceChoice, debug: bool, robust: bool, accept: Accept, attempts: list[Attempt]
) -> NativeContext | None:
    """Try one rung; the outcome goes to ``attempts``."""
    try:
        context = _make(maker, debug, robust)
    except (*_FAILURES, ImportError) as error:
        attempts.append(Attempt(name, False, str(error), _fix_of(name)))
        return None
    try:
        current.switch_to(context)
        accept(context)
        if device == "gpu" or "/dev/dri" in name:
            renderer = renderer_name(context)
            if is_software(renderer):
                raise DeviceError(f"the driver fell back to software ({renderer})")
    except (DeviceError, *_FAILURES) as error:
        fix = "update the GL driver, or install Mesa's software driver and use device='software'"
        attempts.append(Attempt(name, False, str(error).split("; ")[0], fix))
        current.forget(context)
        context.release()
        return None
    attempts.append(Attempt(name, True))
    return context


def failure_message(what: str, attempts: list[Attempt]) -> str:
    """One sentence from the failed attempts: what, each reason, the first fix, and that of OSMesa, which needs no root."""
    failed = [a for a in attempts if not a.ok]
    backends: dict[str, list[str]] = {}
    for attempt in failed:
        backends.setdefault(attempt.reason, []).append(attempt.backend)
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in backends.items()) or "nothing to try"
    fixes = [a.fix for a in failed if a.fix][:1] + [a.fix for a in failed if a.fix == osmesa.COMMAND]
    fix = ", or: ".join(dict.fromkeys(fixes))
    return f"{what} ({reasons})" + (f"; {fix}" if fix else "") + "; `metarender doctor` shows the details"


def renderer_name(context: NativeContext) -> str:
    """GL_RENDERER of the current context."""
    from .gl_extra import GL, GL_RENDERER

    return GL(context.load, (4, 3), ()).string(GL_RENDERER)
