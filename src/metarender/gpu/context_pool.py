"""The pool of parked contexts: a closed device's context waits here, unbound, for the next device of its kind.

Creating and destroying an EGL context leaks about 45 KiB in the driver.
"""

from __future__ import annotations

import atexit
import os
import threading

from . import current, egl, osmesa
from .current import NativeContext

MAX_PARKED = 8


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


def take(key: object) -> NativeContext | None:
    """A parked context of this kind, not current anywhere, or None."""
    return _pool.take(key)


def park(context: NativeContext) -> None:
    """Unbind a context from this thread and keep it for the next device. The caller has reset its state."""
    current.forget(context)
    if not _pool.put(context):
        _destroy(context)


def discard(context: NativeContext) -> None:
    """Destroy a context that must not be reused (lost, or with errors)."""
    current.forget(context)
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


def is_poisoned() -> bool:
    """Whether this process was forked after libEGL or libOSMesa had been loaded."""
    return _poisoned


def fork_generation() -> int:
    """A number that differs in a forked child: contexts made before the fork are unusable there."""
    return _forks


def _after_fork() -> None:
    # A forked child owns none of its parent's contexts, and the driver's threads did not come along.
    global _forks, _poisoned, _pool
    _forks += 1
    _poisoned = _poisoned or egl.loaded() or osmesa.loaded()
    _pool = _Pool()
    current.clear()


atexit.register(close_parked)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
