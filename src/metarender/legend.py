"""Legend: which colour stands for which number, drawn over the picture."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import number
from .color import Color, srgb_encode, to_linear
from .colormap import Colormap
from .errors import InvalidInput
from .letters import LARGEST, SMALLEST, line_height, text_coverage

SIDES = ("right", "left")
LONGEST = 200
"""Letters that a heading may have."""
SIZES_KEPT = 4
"""Sizes of pictures that a legend was drawn for last, so that several views of a scene do not take turns."""


class Rectangle(NamedTuple):
    """Pixels of a picture: the top left corner, counted from the top left of the picture, and the size."""

    x: int
    y: int
    width: int
    height: int


class OverlayPicture(NamedTuple):
    """What lies over a frame: where its top left corner is, and (h, w, 4) uint8 sRGB with straight alpha."""

    x: int
    y: int
    pixels: NDArray[np.uint8]


def tick_values(low: float, high: float, most: int) -> NDArray[np.float64]:
    """Return round numbers from `low` to `high`, at most `most` of them and at least two, which are the ends where no rounder ones fit."""
    step = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(step))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0, 25.0, 50.0):
        nice = factor * power
        first, last = math.ceil(low / nice - 1e-9), math.floor(high / nice + 1e-9)
        if 2 <= last - first + 1 <= most:
            return np.arange(first, last + 1, dtype=np.float64) * nice
    return np.array([low, high])


def tick_labels(values: NDArray[np.float64]) -> list[str]:
    """Return numbers as text, all with as many decimals as tell them apart to a thousandth of their distance."""
    step, largest = float(np.diff(values).min()), float(np.abs(values).max())
    power = math.floor(math.log10(largest)) if largest >= 1e6 or largest < 1e-3 else 0
    scaled, kind = values / 10.0**power, "e" if power else "f"
    decimals = next(d for d in range(18) if d == 17 or np.abs(np.round(scaled, d) - scaled).max() <= step / 10.0**power * 1e-3)
    rounded = np.where(np.abs(values) < step * 1e-6, 0.0, values)
    return ["0" if power and not value else f"{value:.{decimals}{kind}}" for value in rounded.tolist()]


class Legend:
    """A bar of colours with numbers beside it; ``scene.legends = [legend]`` shows it in every picture of a scene. Immutable.

    Its colours are exact, whatever the tone mapping, so that a picture reads back to numbers: `value_of`.

    Parameters
    ----------
    colormap : Colormap
        That of a `Heat`, or of a scene whose parts have values.
    title, unit : str
        Above the bar, together at most 200 letters; ASCII, and ``°±·×µ`` and raised digits.
    side : "right" or "left"
    length : float
        Of the bar, as a share of the height of the picture.
    ticks : int
        At most so many numbers, at least 2.
    text_size : float, pixels, optional
        From 8 to 60; with the size of the picture by default.
    color : colour
        Of text and ticks.
    panel : colour
        Behind them, with its alpha.

    Raises
    ------
    InvalidInput
        A value is out of range.
    """

    def __init__(self, colormap: Colormap, *, title: str = "", unit: str = "", side: str = "right", length: float = 0.55, ticks: int = 6,
                 text_size: float | None = None, color: Color = "#16181c", panel: Color = (255, 255, 255, 205)) -> None:
        if not isinstance(colormap, Colormap):
            raise InvalidInput(f"Legend needs a Colormap, such as Colormap.viridis(low, high), not {type(colormap).__name__}.")
        if side not in SIDES:
            raise InvalidInput(f"Legend side={side!r} is unknown; use one of {', '.join(SIDES)}.")
        self._colormap, self._side = colormap, side
        self._heading = str(title) + (f" [{unit}]" if unit else "")
        if len(self._heading) > LONGEST:
            raise InvalidInput(f"Legend title and unit have {len(self._heading)} letters together; use at most {LONGEST}.")
        self._length = number(length, "Legend length", 0.05, 1.0)
        self._ticks = int(number(ticks, "Legend ticks", 2, 50))
        self._text_size = None if text_size is None else number(text_size, "Legend text_size", SMALLEST, LARGEST)
        self._color, self._panel = to_linear(color, "color"), to_linear(panel, "panel")
        self._drawn: dict[tuple[int, int], tuple[OverlayPicture | None, Rectangle]] = {}

    @property
    def colormap(self) -> Colormap:
        """Whose colours it explains."""
        return self._colormap

    @property
    def side(self) -> str:
        """Where it is: "right" or "left"."""
        return self._side

    @property
    def length(self) -> float:
        """Of the bar, as a share of the height of the picture."""
        return self._length

    @property
    def ticks(self) -> int:
        """At most so many numbers."""
        return self._ticks

    @property
    def text_size(self) -> float | None:
        """Pixels, or None where it follows the picture."""
        return self._text_size

    @property
    def color(self) -> tuple[float, float, float, float]:
        """Of text and ticks, linear RGB with straight alpha."""
        return self._color

    @property
    def panel(self) -> tuple[float, float, float, float]:
        """Behind them, linear RGB with straight alpha."""
        return self._panel

    @property
    def heading(self) -> str:
        """Title and unit as they are shown."""
        return self._heading

    def value_of(self, colors: ArrayLike, tolerance: int = 0) -> NDArray[np.float64]:
        """Return the numbers that colours (..., 3) uint8 sRGB stand for, NaN for others; see `Colormap.value_of`."""
        return self._colormap.value_of(colors, tolerance)

    def bar(self, size: tuple[int, int]) -> Rectangle:
        """Return where the bar of colours lies in a picture of (width, height) pixels: its bottom row is the least number, its top row the
        largest. Nothing is drawn in a picture that is too small, and its size is 0 then."""
        return self._draw(size)[1]

    def picture(self, size: tuple[int, int]) -> OverlayPicture | None:
        """Return what lies over a picture of (width, height) pixels, kept for the last sizes; None where there is no room."""
        return self._draw(size)[0]

    def _draw(self, size: tuple[int, int]) -> tuple[OverlayPicture | None, Rectangle]:
        try:
            wide, high = (int(length) for length in size)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"Legend needs the size of a picture as (width, height) in pixels, not {size!r}.") from None
        key = wide, high
        drawn = self._drawn.get(key)
        if drawn is None:
            drawn = self._compose(*key)
            self._drawn = {**dict([*self._drawn.items()][1 - SIZES_KEPT:]), key: drawn}
        return drawn

    def _compose(self, wide: int, high: int) -> tuple[OverlayPicture | None, Rectangle]:
        text = self._text_size or min(max(high / 36.0, 11.0), LARGEST)
        line, gap = line_height(text), max(round(text * 0.45), 2)
        values = tick_values(self._colormap.low, self._colormap.high, self._ticks)
        labels = [text_coverage(label, text) for label in tick_labels(values)]
        heading = text_coverage(self._heading, text) if self._heading else np.zeros((0, 1), np.uint8)
        thick, tall, above = round(text * 1.3), round(high * self._length), heading.shape[0] + (gap if self._heading else 0)
        inner = max(heading.shape[1], thick + 2 * gap + max(label.shape[1] for label in labels))
        width, height = inner + 2 * gap, above + tall + line + 2 * gap
        if tall < 2 or width + 2 * gap > wide or height + 2 * gap > high:
            return None, Rectangle(0, 0, 0, 0)
        ink = np.zeros((height, width), np.uint8)
        _stamp(ink, heading, gap, gap)
        bar = Rectangle(gap, gap + above + line // 2, thick, tall)
        for value, label in zip(values.tolist(), labels, strict=True):
            row = bar.y + round((self._colormap.high - value) / (self._colormap.high - self._colormap.low) * (tall - 1))
            ink[row, bar.x + thick:bar.x + thick + gap] = 255
            _stamp(ink, label, bar.x + thick + 2 * gap, row - line // 2)
        pixels = _inked(ink, self._color, self._panel)
        rows = np.linspace(self._colormap.high, self._colormap.low, tall)
        pixels[bar.y:bar.y + tall, bar.x:bar.x + thick, :3] = self._colormap(rows)[:, None]
        pixels[bar.y:bar.y + tall, bar.x:bar.x + thick, 3] = 255
        pixels.flags.writeable = False
        x, y = wide - width - gap if self._side == "right" else gap, (high - height) // 2
        return OverlayPicture(x, y, pixels), Rectangle(bar.x + x, bar.y + y, thick, tall)


def _stamp(ink: NDArray[np.uint8], mark: NDArray[np.uint8], x: int, y: int) -> None:
    """Put a mark on a canvas that holds it."""
    area = ink[y:y + mark.shape[0], x:x + mark.shape[1]]
    np.maximum(area, mark[:area.shape[0], :area.shape[1]], out=area)


def _inked(ink: NDArray[np.uint8], color: tuple[float, ...], panel: tuple[float, ...]) -> NDArray[np.uint8]:
    """Return ink over a panel, (h, w, 4) uint8 sRGB with straight alpha, blended in linear light."""
    cover = ink[..., None] / 255.0 * color[3]
    alpha = cover + panel[3] * (1 - cover)
    light = np.array(color[:3]) * cover + np.array(panel[:3]) * panel[3] * (1 - cover)
    light = np.where(alpha > 0, light / np.where(alpha > 0, alpha, 1), 0.0)
    return np.round(np.concatenate([srgb_encode(light), alpha], axis=-1) * 255).astype(np.uint8)
