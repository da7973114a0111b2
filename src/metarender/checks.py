"""What counts as a number at the public edge: one rule for cameras, lights, materials and pictures."""

from __future__ import annotations

import math
from typing import Any, TypeGuard

import numpy as np

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
