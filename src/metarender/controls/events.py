"""Input events as frozen data: what windows, streams and hosts produce and what controls consume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MODIFIERS = ("Shift", "Control", "Alt", "Meta")
"""Names of modifier keys, as in W3C UI Events."""

NO_BUTTON, LEFT, RIGHT, MIDDLE = 0, 1, 2, 3
"""Pointer buttons; further ones count on."""


@dataclass(frozen=True, slots=True)
class Event:
    """What every event has.

    Attributes
    ----------
    time : float
        Seconds on a monotonic clock; only differences count.
    modifiers : tuple of str
        Modifier keys that were down, of `MODIFIERS`.
    pixel_ratio : float
        Framebuffer pixels per logical pixel.
    """

    time: float = 0.0
    modifiers: tuple[str, ...] = ()
    pixel_ratio: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer(Event):
    """The pointer moved, or a button went down or up.

    Attributes
    ----------
    kind : "move", "down" or "up"
    x, y : float
        Logical pixels from the top left of the picture; may lie outside while a button is held.
    button : int
        Which button changed: `LEFT`, `RIGHT`, `MIDDLE`, ...; `NO_BUTTON` for a move.
    buttons : tuple of int
        Buttons that are down after the event.
    """

    kind: Literal["move", "down", "up"]
    x: float
    y: float
    button: int = NO_BUTTON
    buttons: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel(Event):
    """The wheel turned.

    Attributes
    ----------
    dx, dy : float
        Logical pixels, positive to the right and downwards (towards the user), as in W3C; one notch is 100.
    x, y : float
        Pointer position, logical pixels from the top left.
    """

    dx: float
    dy: float
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Key(Event):
    """A key went down or up.

    Attributes
    ----------
    kind : "down" or "up"
    key : str
        Name as in W3C UI Events: "a", "A", "1", " ", "Escape", "ArrowLeft", "F1", ...
    repeat : bool
        Whether the key was held.
    """

    kind: Literal["down", "up"]
    key: str
    repeat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize(Event):
    """The picture's place changed its size; 0x0 when a window is minimised.

    Attributes
    ----------
    width, height : float
        Logical pixels.
    """

    width: float
    height: float

    @property
    def framebuffer_size(self) -> tuple[int, int]:
        """(width, height) in framebuffer pixels."""
        return round(self.width * self.pixel_ratio), round(self.height * self.pixel_ratio)


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Event):
    """The user asked to close the window."""


AnyEvent = Pointer | Wheel | Key | Resize | Close
