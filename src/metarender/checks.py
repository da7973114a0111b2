"""What counts as a number at the public edge, and as the rows of a vertex array: one rule for everything that takes them."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInput


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is one real number: no truth value, no text, not NaN; infinity is one."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        return False
    try:
        return not math.isnan(value)
    except OverflowError:  # a whole number beyond every float
        return False


def number(value: Any, what: str, low: float, high: float = math.inf) -> float:
    """Return a number from `low` to `high`, both included.

    Parameters
    ----------
    what : str
        How the argument is called in an error message.

    Raises
    ------
    InvalidInput
        The value is no number or lies outside.
    """
    if not is_number(value) or not low <= value <= high:
        raise InvalidInput(f"{what}={value!r} must be a number from {low:g} to {high:g}.")
    return float(value)


def attribute(values: ArrayLike | None, what: str, widths: tuple[int, ...], count: int | None = None) -> NDArray[np.float32] | None:
    """Return read-only C-contiguous float32 of (n, width), checked; what the caller may still write is copied.

    Parameters
    ----------
    what : str
        Which array of a geometry it is, for error messages.
    widths : tuple of int
        Allowed numbers of columns.
    count : int, optional
        Rows that there must be.

    Raises
    ------
    InvalidInput
        Wrong shape or kind, or a value that is not finite.
    """
    if values is None:
        return None
    try:
        with np.errstate(over="ignore"):  # refused below
            array = np.ascontiguousarray(values, np.float32)
    except (TypeError, ValueError):
        raise InvalidInput(f"Geometry {what} must be numbers.") from None
    if array.ndim != 2 or array.shape[1] not in widths:
        raise InvalidInput(f"Geometry {what} must have shape (n, {' or '.join(map(str, widths))}), not {array.shape}.")
    if count is not None and len(array) != count:
        raise InvalidInput(f"Geometry {what} has {len(array)} rows but there are {count} positions; give one row for each vertex.")
    if not np.isfinite(array).all():
        row = int(np.nonzero(~np.isfinite(array).all(axis=1))[0][0])
        raise InvalidInput(f"Geometry {what}[{row}] is not finite; remove NaN and infinity.")
    return frozen(array, values)


def extent(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the least and the largest of each column, (2, k), of rows (n, k) with n > 0.

    Column by column: numpy takes twenty times as long to go along the first axis of narrow rows.
    """
    return np.array([[column.min() for column in rows.T], [column.max() for column in rows.T]], rows.dtype)


def frozen(array: NDArray[Any], given: ArrayLike | None) -> NDArray[Any]:
    """Make an array read-only, and a copy first where it is memory that its giver may still write."""
    if array.flags.writeable and isinstance(given, np.ndarray) and np.may_share_memory(array, given):
        array = array.copy()
    array.flags.writeable = False
    return array
