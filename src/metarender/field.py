"""Field: numbers over the vertices of a geometry, at one or many times, of which one is shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import number
from .errors import InvalidInput
from .watched import Watched

COMPONENTS = ("magnitude", "x", "y", "z")
INTERPOLATIONS = ("linear", "step")
_LARGEST = float(np.finfo(np.float32).max) / 2
"""Lengths of vectors and differences of frames stay finite below it."""


def _checked(values: ArrayLike, times: ArrayLike | None) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return values (t, n) or (t, n, 3) and times (t,), both read-only; what the caller may still write is copied."""
    try:
        array, moments = np.asanyarray(values), np.array([0.0] if times is None else times, np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("Field values and times must be arrays of numbers; the rows that were given do not fit together.") from None
    if array.dtype.kind not in "fiu":
        raise InvalidInput(f"Field values must be real numbers, not {array.dtype}.")
    if times is None:
        array = array[None]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or not array.size:
        raise InvalidInput(f"Field values must have shape (n,) or (n, 3), or with times (t, n) or (t, n, 3), not {np.shape(values)}.")
    if moments.shape != (len(array),):
        raise InvalidInput(f"Field times must have shape ({len(array)},), one for each row of values, not {moments.shape}.")
    if not np.isfinite(moments).all() or (np.diff(moments) <= 0).any():
        raise InvalidInput("Field times must be finite and rise from each to the next.")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    for frame, rows in enumerate(array):
        if (np.abs(rows) > _LARGEST).any():  # NaN is not above anything
            raise InvalidInput(f"Field values must lie within +-{_LARGEST:.1e}, or be NaN where there is none; those of frame {frame} "
                               "do not.")
    if array.flags.writeable:
        if array.base is not None or array is values:  # somebody else may hold the same memory, be it no array
            array = array.copy()
        array.flags.writeable = False
    moments.flags.writeable = False
    return array, moments


class Field(Watched):
    """Numbers over the vertices of a geometry, as a simulation leaves them: one for each vertex, or a vector, over time.

    `Geometry.with_field` ties it to vertices, `Heat` colours them by it, `at` moves it through time. All geometries that have the field
    show the same moment.

    Parameters
    ----------
    values : (n,) or (n, 3); with `times` (t, n) or (t, n, 3)
        In the unit of the field, NaN where there is none. Copied, unless the array is read-only and of floats, as a memory map of a large
        result may be.
    times : (t,) float64, seconds, optional
        Rising.
    name, unit : str
        Of the quantity, for legends.
    component : "magnitude", "x", "y" or "z"
        What is shown of vectors.
    interpolation : "linear" or "step"
        Between two times; "step" keeps the earlier one.

    Raises
    ------
    InvalidInput
        Wrong shapes or values.
    """

    def __init__(self, values: ArrayLike, times: ArrayLike | None = None, *, name: str = "", unit: str = "",
                 component: str = "magnitude", interpolation: str = "linear") -> None:
        super().__init__()
        if component not in COMPONENTS:
            raise InvalidInput(f"Field component={component!r} is unknown; use one of {', '.join(COMPONENTS)}.")
        if interpolation not in INTERPOLATIONS:
            raise InvalidInput(f"Field interpolation={interpolation!r} is unknown; use one of {', '.join(INTERPOLATIONS)}.")
        self._values, self._times = _checked(values, times)
        self._name, self._unit, self._component, self._interpolation = str(name), str(unit), component, interpolation
        self._place = self._place_of(float(self._times[0]))
        self._time = float(self._times[0])
        self._range: tuple[float, float] | None = None
        self._shown: NDArray[np.float32] | None = None
        self._version = 1

    @property
    def name(self) -> str:
        """What the numbers are."""
        return self._name

    @property
    def unit(self) -> str:
        """What they are measured in."""
        return self._unit

    @property
    def values(self) -> NDArray[Any]:
        """All frames, (t, n) or (t, n, 3), read-only."""
        return self._values

    @property
    def times(self) -> NDArray[np.float64]:
        """Time of each frame, (t,) float64, seconds, read-only."""
        return self._times

    @property
    def vertex_count(self) -> int:
        """How many vertices it has numbers for."""
        return int(self._values.shape[1])

    @property
    def time(self) -> float:
        """The moment that is shown, seconds, between the first and the last; `at` changes it."""
        return self._time

    @property
    def version(self) -> int:
        """Grows when what is shown changes."""
        return self._version

    @property
    def range(self) -> tuple[float, float]:
        """Least and largest number that any frame shows, found on first use; (0, 0) where all are NaN."""
        if self._range is None:
            low, high = np.inf, -np.inf
            for frame in self._values:
                shown = self._scalar(frame)
                known = shown[~np.isnan(shown)]
                if known.size:
                    low, high = min(low, float(known.min())), max(high, float(known.max()))
            self._range = (low, high) if low <= high else (0.0, 0.0)
        return self._range

    @property
    def shown(self) -> NDArray[np.float32]:
        """The number of each vertex at `time`, (n,) float32, read-only: what colours are made of."""
        if self._shown is None:
            self._shown = np.ascontiguousarray(self._scalar(self._blend(self._place)), np.float32)
            self._shown.flags.writeable = False
        return self._shown

    def at(self, seconds: float) -> None:
        """Show another moment; before the first time it is the first, after the last the last.

        Raises
        ------
        InvalidInput
            Not a finite number.
        """
        time = number(seconds, "Field.at seconds", -_LARGEST, _LARGEST)
        self._time = min(max(time, float(self._times[0])), float(self._times[-1]))
        place = self._place_of(self._time)
        if place != self._place:
            self._place, self._shown = place, None
            self._version += 1
            self._tell()

    def sample(self, seconds: float) -> NDArray[Any]:
        """Return the values at a time, (n,) or (n, 3), without showing them; displacements for `Geometry.displaced`, say."""
        return self._blend(self._place_of(number(seconds, "Field.sample seconds", -_LARGEST, _LARGEST)))

    def _place_of(self, time: float) -> tuple[int, float]:
        """Frame before a time and the share of the next one."""
        row = int(np.clip(np.searchsorted(self._times, time, side="right") - 1, 0, len(self._times) - 1))
        if row == len(self._times) - 1 or self._interpolation == "step" or time <= self._times[row]:
            return row, 0.0
        return row, float((time - self._times[row]) / (self._times[row + 1] - self._times[row]))

    def _blend(self, place: tuple[int, float]) -> NDArray[Any]:
        row, share = place
        before: NDArray[Any] = self._values[row]
        return before if not share else before + (self._values[row + 1] - before) * self._values.dtype.type(share)

    def _scalar(self, values: NDArray[Any]) -> NDArray[Any]:
        if values.ndim == 1:
            return values
        if self._component == "magnitude":
            length: NDArray[Any] = np.sqrt((values.astype(np.float64) ** 2).sum(axis=1))
            return length
        return values[:, COMPONENTS.index(self._component) - 1]

    def __repr__(self) -> str:
        return f"<Field {self._name!r} {len(self._times)} frames of {self.vertex_count} vertices>"
