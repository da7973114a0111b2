"""``replay``: draws a capture again and says whether its bytes are the same, and where not, what differs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CaptureError, InvalidInput, OutOfDeviceMemory
from ..frame import Frame
from ..io import Limits
from ..testing.comparison import compare
from ..testing.goldens import OTHER_VERSION, Key, tolerance_between
from .opening import LIMITS, Capture, open_capture
from .writing import counters, draw_twice, hashes, pictures_of


@dataclass(frozen=True, slots=True)
class Difference:
    """How one output differs from the captured one.

    Attributes
    ----------
    output : "color", "depth" or "ids"
    pixels : int
        How many differ.
    figures : tuple of str
        What else can be said, a line each.
    """

    output: str
    pixels: int
    figures: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Replay:
    """What came of drawing a capture again.

    Attributes
    ----------
    capture : Capture
    frame : Frame
        What was drawn now, its pixels read.
    rasteriser : str
        Key of what drew it.
    differences : tuple of Difference
        Empty where all bytes are equal.
    """

    capture: Capture
    frame: Frame
    rasteriser: str
    differences: tuple[Difference, ...]

    @property
    def equal(self) -> bool:
        """Whether every byte of every output is the same."""
        return not self.differences

    @property
    def same_rasteriser(self) -> bool:
        """Whether equal bytes are due."""
        return self.rasteriser == self.capture.rasteriser

    @property
    def ok(self) -> bool:
        """False where the same rasteriser gave other bytes."""
        return self.equal or not self.same_rasteriser

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def replay(path: str | os.PathLike[str], *, device: Any = None, limits: Limits | None = None) -> Replay:
    """Draw a capture again and compare.

    Parameters
    ----------
    path : path-like
    device : "auto", "gpu", "software", int or Device, optional
        What draws; by default software where software drew the capture, else "auto".
    limits : Limits, optional
        What reading may cost, as for `open_capture`.

    Returns
    -------
    Replay
        ``print(replay)`` says it all.

    Raises
    ------
    AssetError
        As `open_capture`; as a CaptureError also where what it holds cannot be drawn here, or not within the limits.
    DeviceError
        Nothing here can draw.
    """
    return redraw(open_capture(path, limits=limits), device, limits)


def redraw(opened: Capture, device: Any = None, limits: Limits | None = None) -> Replay:
    """Draw an open capture again and compare; parameters and errors as those of `replay`."""
    try:
        with opened.renderer(device if device is not None else "software" if opened.software else "auto") as renderer:
            renderer.memory_limit = (limits or LIMITS).total_bytes
            frame = draw_twice(renderer, opened.scene, opened.camera, opened.outputs)
            rasteriser = renderer.device.rasteriser_key
    except OutOfDeviceMemory as error:
        sentence = f"Drawing the capture takes more memory than Limits.total_bytes: {error}"
        raise CaptureError(sentence, "LIMIT_EXCEEDED", "/renderer") from None
    except InvalidInput as error:
        raise CaptureError(f"What the capture holds cannot be drawn: {error}", "NOT_DRAWABLE", "/scene") from None
    now = pictures_of(frame)
    unequal = [output for output, picture in now.items() if hashes({output: picture}) != hashes({output: opened.pictures[output]})]
    return Replay(opened, frame, rasteriser, tuple(_difference(output, now[output], opened, rasteriser) for output in unequal))


def _difference(output: str, now: NDArray[Any], opened: Capture, rasteriser: str) -> Difference:
    then = opened.pictures[output]
    if output == "color":
        related = Key.parse(rasteriser).rasteriser == Key.parse(opened.rasteriser).rasteriser
        comparison = compare(now, then, tolerance_between(rasteriser, opened.rasteriser) if related else OTHER_VERSION)
        figures = tuple(f"{gate.name}: {gate.said(gate.found)}" for gate in comparison.gates[1:])
        return Difference(output, int(comparison.gates[0].found), figures)
    unequal = now.view(np.uint32) != then.view(np.uint32)
    figures = ()
    if output == "depth":
        both = np.isfinite(now) & np.isfinite(then)
        apart = np.abs(now[both].astype(np.float64) - then[both]).max(initial=0.0)
        lone = np.count_nonzero(np.isfinite(now) != np.isfinite(then))
        figures = (f"farthest apart: {apart:.6g} m", f"surface in one and background in the other: {lone:,} px")
    return Difference(output, int(np.count_nonzero(unequal)), figures)


def _lines(done: Replay) -> list[str]:
    opened, made = done.capture, done.capture.made
    width, height = opened.look.settings["size"]
    lines = [f"{opened.path.name}: {width}x{height} pixels of {opened.scene.store.node_count:,} nodes, drawn by {opened.rasteriser}"
             f" (metarender {_shown(made, 'metarender')}, kernels {_shown(made, 'simd')})"]
    if not done.same_rasteriser:
        lines.append(f"another rasteriser draws here, so bytes may differ: {done.rasteriser}")
    differing = {difference.output: difference for difference in done.differences}
    for output in opened.outputs:
        if output not in differing:
            lines.append(f"{output}: the same bytes, sha256 {hashes({output: opened.pictures[output]})[output][:16]}")
            continue
        lines.append(f"{output}: OTHER BYTES, {differing[output].pixels:,} pixels differ")
        lines += [f"  {figure}" for figure in differing[output].figures]
    now = counters(done.frame)
    lines += [f"counter {name}: {now[name]:,}, was {then:,}" for name, then in opened.counters.items() if now[name] != then]
    if not opened.settled_alike:
        lines.append("before the capture settled its scene, the frame had other bytes: what was edited or drawn before it matters")
    return lines


def _shown(made: Any, name: str) -> str:
    """A fact that nobody has checked, fit for a terminal."""
    return "".join(letter for letter in str(made.get(name, "?"))[:40] if letter.isprintable())
