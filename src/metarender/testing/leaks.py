"""What a test opened and did not close: devices, renderers, and GL objects that its own code made and still holds."""

from __future__ import annotations

import gc
import sys
import weakref
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from ..gpu import context_pool
from ..gpu.device import Device
from ..gpu.resources import Resource
from ..renderer import Renderer

_MAKERS = ("create_buffer", "create_texture_2d", "create_texture_array", "create_texture_cube", "create_texture_multisample",
           "create_sampler", "create_framebuffer")


class LeakWatch:
    """Watches from ``with`` on; `leaks` then says what is left. Only what is made by this watch's time is looked at."""

    def __init__(self) -> None:
        self._open: dict[object, tuple[str, str]] = {}
        self._made: list[tuple[weakref.ref[Resource], str]] = []
        self._undo: list[tuple[type, str, Any]] = []
        self._parked = 0

    def __enter__(self) -> Self:
        self._parked = context_pool.parked_count()
        for kind in (Device, Renderer):
            self._replace(kind, "__init__", self._opening(kind.__init__))
            self._replace(kind, "close", self._closing(kind.close))
        for name in _MAKERS:
            self._replace(Device, name, self._making(getattr(Device, name)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for owner, name, original in reversed(self._undo):
            setattr(owner, name, original)
        self._undo.clear()

    def leaks(self) -> list[str]:
        """One line for each thing that was not closed, with the place that made it."""
        if self._held():
            gc.collect()
        owners = {place: kind for place, kind in self._open.values()}  # a renderer stands for the device that it opened
        lines = [f"the {kind} made at {place} was never closed" for place, kind in owners.items()]
        lines += [f"{resource!r} made at {place} is still held" for resource, place in self._held()]
        return lines

    def contexts_missing(self) -> list[str]:
        """One line where fewer contexts are parked than when the watch began; for when every device was closed."""
        missing = self._parked - context_pool.parked_count()
        if missing <= 0 or self._open:
            return []
        return [f"{missing} parked contexts did not come back: a device was lost, or closed after an OpenGL error"]

    def _held(self) -> list[tuple[Resource, str]]:
        return [(made, place) for weak, place in self._made if (made := weak()) is not None and not made.released]

    def _replace(self, owner: type, name: str, function: Callable[..., Any]) -> None:
        self._undo.append((owner, name, owner.__dict__[name]))
        setattr(owner, name, function)

    def _opening(self, original: Callable[..., None]) -> Callable[..., None]:
        def opening(thing: Any, *arguments: Any, **settings: Any) -> None:
            original(thing, *arguments, **settings)
            place = _place()
            if place is not None:
                # Held by a mark of its own: a device that is dropped without close() is a leak too.
                thing._leak_mark = mark = object()
                self._open[mark] = place, type(thing).__name__

        return opening

    def _closing(self, original: Callable[..., None]) -> Callable[..., None]:
        def closing(thing: Any) -> None:
            original(thing)
            self._open.pop(getattr(thing, "_leak_mark", None), None)

        return closing

    def _making(self, original: Callable[..., Resource]) -> Callable[..., Resource]:
        def making(device: Device, *arguments: Any, **settings: Any) -> Resource:
            made = original(device, *arguments, **settings)
            if not _engine(sys._getframe(1)) and (place := _place()) is not None:
                self._made.append((weakref.ref(made), place))
            return made

        return making


def _engine(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == "metarender" or name.startswith("metarender.")


def _place() -> str | None:
    """File and line of the code outside the engine that called; None where only the engine did."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and _engine(frame):
        if frame.f_globals.get("__name__") == "metarender.testing.plugin":
            return None  # a fixture of the plugin closes what it opens
        frame = frame.f_back
    return None if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
