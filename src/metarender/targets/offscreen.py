"""A target without a window: keeps the last picture, and takes events from code."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..controls.events import AnyEvent, Resize
from ..errors import InvalidInput, ReleasedError
from ..gpu.device import Device
from .base import Target

if TYPE_CHECKING:
    from ..frame import Frame
    from ..renderer import Renderer


class OffscreenTarget(Target):
    """A picture in memory, for tests and for programs that send frames elsewhere.

    Parameters
    ----------
    size : tuple of int
        (width, height) in pixels, at least 1.
    device : str or int, optional
        As in `Device.open`.
    pixel_ratio : float
        Framebuffer pixels per logical pixel.

    Attributes
    ----------
    picture : ndarray or None
        The last frame, (h, w, 4) uint8 sRGB, straight alpha, top row first.
    title : str
        The last title.
    """

    def __init__(self, size: tuple[int, int] = (1280, 720), device: str | int | None = None, *, pixel_ratio: float = 1.0) -> None:
        if min(size) < 1 or not pixel_ratio > 0:
            raise InvalidInput(f"an offscreen target of {size[0]}x{size[1]} pixels, ratio {pixel_ratio}, makes no sense; give at least 1x1")
        self._size = (int(size[0]), int(size[1]))
        self._pixel_ratio = float(pixel_ratio)
        self._queue: deque[AnyEvent] = deque()
        self._closed = False
        self.picture: NDArray[np.uint8] | None = None
        self.title = ""
        self.device = Device.open(device)

    @property
    def size(self) -> tuple[int, int]:
        return self._size

    @property
    def pixel_ratio(self) -> float:
        return self._pixel_ratio

    @property
    def closed(self) -> bool:
        return self._closed

    def send(self, event: AnyEvent) -> None:
        """Queue an event as if a user had made it, from any thread; a `Resize` changes the size when it is polled."""
        self._queue.append(event)

    def poll(self) -> list[AnyEvent]:
        self._own_thread("poll")
        events = list(self._queue)
        self._queue.clear()
        for event in events:
            if isinstance(event, Resize):
                self._size = event.framebuffer_size
        return events

    def wait(self, seconds: float) -> None:
        self._own_thread("wait")
        if not self._queue and seconds > 0:
            time.sleep(seconds)

    def present(self, renderer: Renderer, frame: Frame) -> None:
        self._own_thread("present")
        if self._closed:
            raise ReleasedError("the target is closed; open a new one")
        self.picture = frame.color

    def set_title(self, title: str) -> None:
        self.title = title

    def close(self) -> None:
        self.device.close()
        self._closed = True
