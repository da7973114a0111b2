"""Descriptions that tell the scenes which use them when they are edited; nobody is kept alive by watching."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Self
from weakref import WeakMethod

_lock = threading.RLock()  # scenes of several threads may share a description; reentrant, because a collection may run inside


class Watched:
    """Calls every watcher, with itself, after any of its public attributes was set."""

    def __init__(self) -> None:
        self._watchers: list[WeakMethod[Callable[[Any], None]]] = []

    def _watch(self, callback: Callable[[Self], None]) -> None:
        """Call `callback`, a bound method, after every edit until it is unwatched or its owner is gone."""
        with _lock:
            if WeakMethod(callback) not in self._watchers:
                alive = [watcher for watcher in self._watchers if watcher() is not None]  # owners that are gone did not say so
                self._watchers = [*alive, WeakMethod(callback)]

    def _unwatch(self, callback: Callable[[Self], None]) -> None:
        """Stop calling `callback`; unknown callbacks are ignored."""
        with _lock:
            self._watchers = [watcher for watcher in self._watchers if watcher != WeakMethod(callback) and watcher() is not None]

    def __setattr__(self, key: str, value: Any) -> None:
        super().__setattr__(key, value)
        if key[0] != "_":
            self._tell()

    def _tell(self) -> None:
        """Call the watchers."""
        for watcher in self.__dict__.get("_watchers", ()):
            callback = watcher()
            if callback is not None:
                callback(self)
