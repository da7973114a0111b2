"""The ladder of ways to get an OpenGL context, and the pool of parked ones.

Rungs, in order: each EGL device, EGL surfaceless, the default EGL display, glcontext's own backends. Every failure is
kept as an `Attempt`, for the one error message and for ``metarender doctor``. A closed device parks its context here,
because creating and destroying an EGL context leaks about 45 KiB in the driver.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import DeviceError, InvalidInput
from . import egl
from .capabilities import is_software

DeviceChoice = str | int
VERSIONS: tuple[tuple[int, int], ...] = ((4, 6), (4, 5), (4, 3), (3, 3))  # 3.3 only to name the version that is there
MAX_PARKED = 8

_INSTALL = (
    "install libEGL and a GL driver (Debian and Ubuntu: apt install libegl1 libgl1-mesa-dri; "
    "Fedora: dnf install mesa-libEGL mesa-dri-drivers)"
)
_NEEDS_DISPLAY = "start an X or Wayland server and set DISPLAY or WAYLAND_DISPLAY; the backends above need neither"
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


class NativeContext(Protocol):
    """A context of the window system: what ModernGL loads from and what a Device makes current."""

    backend: str
    api: str  # contexts of different window-system APIs must not be current on one thread at once
    parkable: bool  # may be unbound and made current on another thread later
    debug: bool
    robust: bool
    keep: list[object]  # objects that must live as long as the context (callbacks)
    binding: Any  # what a Device made of the context and the next one reuses; has release()
    key: object  # kind in the pool; None for a context that we did not make

    def load(self, name: str) -> int: ...
    def load_opengl_function(self, name: str) -> int: ...
    def is_current(self) -> bool: ...
    def make_current(self) -> None: ...
    def unbind(self) -> None: ...
    def release(self) -> None: ...
    def __enter__(self) -> Any: ...
    def __exit__(self, *exception: object) -> None: ...


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
        return getattr(_thread, "current", None) is self

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


_thread = threading.local()


def switch_to(context: NativeContext) -> None:
    """Make a context current on this thread; one of another window-system API is unbound first, as EGL demands."""
    previous: NativeContext | None = getattr(_thread, "current", None)
    if previous is not None and previous is not context and previous.api != context.api:
        previous.unbind()
    context.make_current()
    _thread.current = context


def forget(context: NativeContext) -> None:
    """Unbind a context from this thread if it is current here."""
    context.unbind()
    if getattr(_thread, "current", None) is context:
        _thread.current = None


def unbind_current() -> None:
    """Leave no context of ours current on this thread; a device makes its own current again when it is used."""
    previous: NativeContext | None = getattr(_thread, "current", None)
    if previous is not None:
        forget(previous)


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


# A rung: its name, and a function (version, debug, robust) -> context that raises EGLError or OSError.
Maker = Callable[[tuple[int, int], bool, bool], NativeContext]


def _egl_maker(lib: egl.Library, platform: int, native: int | None, backend: str, *, force_software: bool = False) -> Maker:
    def make(version: tuple[int, int], debug: bool, robust: bool) -> NativeContext:
        if force_software:
            with egl.software_forced():
                display = lib.display(platform, native)
        else:
            display = lib.display(platform, native)
        return egl.EGLContext(lib, display, backend, version, debug=debug, robust=robust)

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
    if isinstance(device, str):
        yield "glcontext egl", _glcontext_maker("egl")
        yield "glcontext default", _glcontext_maker("default")


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


def _make(maker: Maker, debug: bool, robust: bool) -> NativeContext:
    """The newest context a rung gives; robustness is dropped before an OpenGL version is."""
    wishes = [(debug, robust)] + ([(debug, False)] if robust else [])
    reasons: list[str] = []
    for version in VERSIONS:
        for wish in wishes:
            try:
                return maker(version, *wish)
            except (egl.EGLError, OSError) as error:
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
    if _poisoned:
        raise DeviceError(_POISONED)
    key = (device, debug, robust)
    parked = _pool.take(key)
    if parked is not None:
        switch_to(parked)
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
    return _NEEDS_DISPLAY if "default" in name else _INSTALL


def _climb(
    name: str, maker: Maker, device: DeviceChoice, debug: bool, robust: bool, accept: Accept, attempts: list[Attempt]
) -> NativeContext | None:
    """Try one rung; the outcome goes to ``attempts``."""
    try:
        context = _make(maker, debug, robust)
    except (egl.EGLError, OSError, ImportError) as error:
        attempts.append(Attempt(name, False, str(error), _fix_of(name)))
        return None
    try:
        switch_to(context)
        accept(context)
        if device == "gpu" or "/dev/dri" in name:
            renderer = renderer_name(context)
            if is_software(renderer):
                raise DeviceError(f"the driver fell back to software ({renderer})")
    except (DeviceError, egl.EGLError) as error:
        fix = "update the GL driver, or install Mesa's software driver and use device='software'"
        attempts.append(Attempt(name, False, str(error).split("; ")[0], fix))
        forget(context)
        context.release()
        return None
    attempts.append(Attempt(name, True))
    return context


def failure_message(what: str, attempts: list[Attempt]) -> str:
    """One sentence from the failed attempts: what, each reason, and the first fix."""
    failed = [a for a in attempts if not a.ok]
    backends: dict[str, list[str]] = {}
    for attempt in failed:
        backends.setdefault(attempt.reason, []).append(attempt.backend)
    reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in backends.items()) or "nothing to try"
    fix = next((a.fix for a in failed if a.fix), "")
    return f"{what} ({reasons})" + (f"; {fix}" if fix else "") + "; `metarender doctor` shows the details"


def renderer_name(context: NativeContext) -> str:
    """GL_RENDERER of the current context."""
    from .gl_extra import GL, GL_RENDERER

    return GL(context.load, (4, 3), ()).string(GL_RENDERER)


class _Pool:
    """Contexts that wait, unbound and reset, for the next device of the same kind (`NativeContext.key`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parked: dict[object, list[NativeContext]] = {}

    def take(self, key: object) -> NativeContext | None:
        with self._lock:
            waiting = self._parked.get(key)
            return waiting.pop() if waiting else None

    def put(self, context: NativeContext) -> bool:
        """Keep an unbound context; False if it cannot be parked or enough of its kind wait already."""
        with self._lock:
            waiting = self._parked.setdefault(context.key, [])
            if not context.parkable or context.key is None or len(waiting) >= MAX_PARKED:
                return False
            waiting.append(context)
            return True

    def clear(self) -> None:
        with self._lock:
            contexts = [c for waiting in self._parked.values() for c in waiting]
            self._parked.clear()
        for context in contexts:
            _destroy(context)

    def count(self) -> int:
        with self._lock:
            return sum(map(len, self._parked.values()))


_pool = _Pool()
_forks = 0
_poisoned = False


def park(context: NativeContext) -> None:
    """Unbind a context from this thread and keep it for the next device. The caller has reset its state."""
    forget(context)
    if not _pool.put(context):
        _destroy(context)


def discard(context: NativeContext) -> None:
    """Destroy a context that must not be reused (lost, or with errors)."""
    forget(context)
    _destroy(context)


def _destroy(context: NativeContext) -> None:
    binding, context.binding = context.binding, None
    if binding is not None:
        binding.release()
    context.release()


def parked_count() -> int:
    """Number of parked contexts."""
    return _pool.count()


def close_parked() -> None:
    """Destroy every parked context; runs at exit too. Open devices are not touched."""
    _pool.clear()


def fork_generation() -> int:
    """A number that differs in a forked child: contexts made before the fork are unusable there."""
    return _forks


def _after_fork() -> None:
    # A forked child owns none of its parent's contexts, and the driver's threads did not come along.
    global _forks, _poisoned, _pool
    _forks += 1
    _poisoned = _poisoned or egl.loaded()
    _pool = _Pool()
    _thread.__dict__.clear()


atexit.register(close_parked)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
