"""What every target offers: a device to draw with, a size, events, and a way to show the last frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self

from ..controls.events import AnyEvent

if TYPE_CHECKING:
    from ..frame import Frame
    from ..gpu.device import Device
    from ..renderer import Renderer


class Target(ABC):
    """A place where finished frames go. Used on the thread that made it.

    Attributes
    ----------
    device : Device
        What renderers for this target draw with; closed with the target.
    """

    device: Device

    def _own_thread(self, where: str) -> None:
        """Raise WrongThreadError on another thread than the one that made the target."""
        self.device.check_thread(f"{type(self).__name__}.{where}")

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """(width, height) in framebuffer pixels; a side is 0 while there is nothing to draw to."""

    @property
    @abstractmethod
    def pixel_ratio(self) -> float:
        """Framebuffer pixels per logical pixel."""

    @property
    @abstractmethod
    def closed(self) -> bool:
        """Whether `close` was called."""

    @property
    def logical_size(self) -> tuple[float, float]:
        """(width, height) in logical pixels."""
        return self.size[0] / self.pixel_ratio, self.size[1] / self.pixel_ratio

    @abstractmethod
    def poll(self) -> list[AnyEvent]:
        """Return the events since the last call, oldest first, without waiting."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Wait until something happens, at most ``seconds``."""

    @abstractmethod
    def present(self, renderer: Renderer, frame: Frame) -> None:
        """Show ``frame``, the last one that ``renderer`` drew, with this target's device."""

    @abstractmethod
    def close(self) -> None:
        """Close the device and what the target made; a second call does nothing. Renderers are closed before."""

    def set_title(self, title: str) -> None:  # noqa: B027  (not every target has a place for it)
        """Show a line of text, where there is a place for it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
