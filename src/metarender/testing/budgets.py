"""Counters of a frame against what it may cost: a table of actual and allowed, and the count of Python calls."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from types import FrameType
from typing import Any, TypeVar

from ..checks import is_number
from ..errors import InvalidInput
from ..frame import Frame
from ..stats import Stats

_T = TypeVar("_T")

COUNTERS = tuple(field.name for field in fields(Stats) if field.name != "passes")
"""Counters of ``Stats`` that may have a budget; ``python_calls`` comes on top."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame that the ``render`` fixture drew, with the calls that it took.

    Attributes
    ----------
    python_calls, native_calls : int
        Calls of Python functions and of compiled ones.
    """

    frame: Frame
    python_calls: int
    native_calls: int


def count_calls(function: Callable[[], _T]) -> tuple[_T, int, int]:
    """Call a function; return its result, and the calls of Python functions and of compiled ones that it took.

    The garbage collector waits meanwhile, because what it would finalise depends on what ran before.
    """
    python = native = 0

    def count(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal python, native
        python += event == "call"
        native += event == "c_call"

    before, collecting = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(count)
    try:
        result = function()
    finally:
        sys.setprofile(before)
        if collecting:
            gc.enable()
    return result, python - 1, native - 1  # without `function` itself and the call that ends the counting


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a budget."""

    counter: str
    actual: int
    allowed: float

    @property
    def kept(self) -> bool:
        return self.actual <= self.allowed


def check_budget(frame: Frame | Stats, allowed: dict[str, float], drawn: Iterable[Drawn] = ()) -> list[Line]:
    """Compare counters with the most that they may be.

    Parameters
    ----------
    frame : Frame or Stats
    allowed : dict
        Counter to the most that it may be.
    drawn : iterable of Drawn
        Where ``python_calls`` is looked up.

    Raises
    ------
    InvalidInput
        A counter is unknown or not counted, or its budget is not a number from 0; nothing is asked.
    """
    stats = frame if isinstance(frame, Stats) else getattr(frame, "stats", None)
    if not isinstance(stats, Stats):
        raise InvalidInput(f"budget needs a Frame or its stats, not {type(frame).__name__}.")
    if not allowed:
        raise InvalidInput(f"budget was given no counter; name at least one of {', '.join(COUNTERS)}, python_calls.")
    lines = []
    for counter, most in allowed.items():
        if counter not in COUNTERS and counter != "python_calls":
            raise InvalidInput(f"budget knows no counter {counter!r}; name one of {', '.join(COUNTERS)}, python_calls.")
        if not is_number(most) or most < 0:
            raise InvalidInput(f"budget {counter}={most!r} must be a number from 0.")
        lines.append(Line(counter, _python_calls(frame, drawn) if counter == "python_calls" else getattr(stats, counter), most))
    return lines


def _python_calls(frame: Frame | Stats, drawn: Iterable[Drawn]) -> int:
    for entry in drawn:
        if frame is entry.frame or frame is entry.frame.stats:
            return entry.python_calls
    raise InvalidInput("budget python_calls is counted by the render fixture only; draw the frame with it.")


def table(lines: list[Line]) -> str:
    """The budget as text, one line a counter."""
    width = max(len(line.counter) for line in lines)
    rows = [f"  {'counter':<{width}} {'actual':>14} {'allowed':>14}"]
    for line in lines:
        excess = "" if line.kept else f"  {_plain(line.actual - line.allowed)} too many"
        rows.append(f"  {line.counter:<{width}} {line.actual:>14,} {_plain(line.allowed):>14}{excess}")
    return "\n".join(rows)


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"
