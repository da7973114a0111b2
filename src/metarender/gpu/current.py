"""Which context is current on which thread, across the window system's APIs."""

from __future__ import annotations

import threading
from typing import Any, Protocol


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


def is_tracked(context: NativeContext) -> bool:
    """Whether this module made the context current on this thread last; for APIs that cannot be asked."""
    return getattr(_thread, "current", None) is context


class Owner:
    """The thread that made this object. Its number alone would not do: the system gives that of a thread which ended to a new one."""

    __slots__ = ("_thread", "ident")

    def __init__(self) -> None:
        self._thread, self.ident = threading.current_thread(), threading.get_ident()

    @property
    def name(self) -> str:
        return self._thread.name

    def is_here(self) -> bool:
        """Whether this is that thread; so it is to the last of its locals, and for the main thread, which is said to have stopped
        before the callbacks of ``atexit`` run, to the end of the process."""
        return threading.get_ident() == self.ident and (self._thread is threading.main_thread() or self._thread.is_alive())


def clear() -> None:
    """Forget what was current, in a forked child."""
    _thread.__dict__.clear()
