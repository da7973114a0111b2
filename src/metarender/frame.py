"""A finished picture: pixels are read once, on first access, and stay valid for ever after."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .checks import is_number
from .errors import AssetError, InvalidInput
from .stats import Stats

if TYPE_CHECKING:
    from .gpu.timers import FrameTimes
    from .renderer import Renderer

OUTPUTS = ("color", "depth", "ids")


class Frame:
    """What ``Renderer.render`` returns.

    Attributes
    ----------
    size : (width, height), pixels

    Raises
    ------
    ReleasedError
        By ``color``, ``depth``, ``ids`` and ``pick``, where the pixels were not read before the renderer drew again or closed.
    """

    def __init__(self, renderer: Renderer, scene: Any, size: tuple[int, int], outputs: tuple[str, ...], stats: Stats,
                 gpu_times: FrameTimes | None = None) -> None:
        self._renderer, self._scene, self._outputs = renderer, scene, outputs
        self._pixels: dict[str, NDArray[Any]] = {}
        self._stats, self._gpu_times = stats, gpu_times
        self.size = size

    @property
    def stats(self) -> Stats:
        """Counters and times, readable after everything is closed.

        With ``Renderer(gpu_times=True)`` the passes have times of the device as soon as it has finished the frame, at the latest
        when its pixels were read; nothing waits for them here.
        """
        if self._gpu_times is not None:
            milliseconds = self._gpu_times.read()
            if milliseconds is not None:
                self._stats, self._gpu_times = self._stats.with_gpu_times(milliseconds), None
        return self._stats

    def _read(self, output: str) -> NDArray[Any]:
        if output not in self._pixels:
            if output not in self._outputs and output != "ids":
                raise InvalidInput(f"Frame.{output} was not asked for; render with outputs={(*self._outputs, output)!r}.")
            self._pixels[output] = self._renderer._read(self, output)
        return self._pixels[output]

    @property
    def color(self) -> NDArray[np.uint8]:
        """Picture, (h, w, 4) uint8 sRGB, straight alpha, top row first."""
        return self._read("color")

    @property
    def depth(self) -> NDArray[np.float32]:
        """Distance along the view axis, (h, w) float32 metres, top row first; infinite where nothing was drawn."""
        return self._read("depth")

    @property
    def ids(self) -> NDArray[np.uint32]:
        """Id of the nearest node, (h, w) uint32, top row first; 0 is background. Drawn on first access if not asked for."""
        return self._read("ids")

    def pick(self, x: int, y: int) -> Any:
        """Return the Node at a pixel, counted from the top left, or None for the background.

        Raises
        ------
        InvalidInput
            The pixel lies outside the picture.
        """
        width, height = self.size
        if not (is_number(x) and is_number(y) and 0 <= x < width and 0 <= y < height):
            raise InvalidInput(f"pick({x}, {y}) lies outside the picture of {width}x{height} pixels; count from the top left, "
                               f"from 0 to {width - 1} and from 0 to {height - 1}.")
        number = int(self.ids[int(y), int(x)])  # positions inside a pixel are as good as its corner
        return None if number == 0 else self._scene.node(number)

    def save(self, path: str | Path) -> None:
        """Write the picture; the suffix names the format (.png keeps alpha).

        Raises
        ------
        AssetError
            The suffix is unknown or the file cannot be written.
        """
        from PIL import Image

        where = Path(path)
        image = Image.fromarray(self.color)
        try:
            if where.suffix.lower() in (".jpg", ".jpeg", ".bmp"):
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
            image.save(where)
        except ValueError:
            raise AssetError(f"{where}: {where.suffix or 'no suffix'} is not a picture format that can be written; use .png.") from None
        except OSError as error:
            raise AssetError(f"{where}: the picture cannot be written: {error.strerror or error}.") from None

    def __repr__(self) -> str:
        return f"<Frame {self.size[0]}x{self.size[1]} {', '.join(self._outputs)}>"
