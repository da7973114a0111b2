"""JSON objects of a manifest, read field by field: each is asked for by name, type and range, and what nobody asked for is refused."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ..errors import CaptureError, InvalidInput

_LARGEST = sys.float_info.max


def plain_text(value: object) -> str:
    """Return text that any file can hold: halves of surrogate pairs become question marks."""
    return str(value).encode("utf-8", "replace").decode()


class Fields:
    """One JSON object and where it stands.

    Parameters
    ----------
    value : dict
        Anything else raises CaptureError.
    pointer : str
        JSON pointer to it.
    """

    def __init__(self, value: Any, pointer: str) -> None:
        self.pointer = pointer
        if type(value) is not dict:
            self.refuse("this must be an object", "TYPE_MISMATCH")
        self._left: dict[str, Any] = dict(value)

    def refuse(self, sentence: str, code: str = "VALUE_INVALID", name: str = "") -> NoReturn:
        """Raise CaptureError at a field, or at the object itself."""
        raise CaptureError(f"The capture cannot be opened: {sentence}.", code, f"{self.pointer}/{name}" if name else self.pointer or "/")

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Turn what a class of ours refuses into a refusal of the capture."""
        try:
            yield
        except InvalidInput as error:
            self.refuse(str(error).rstrip("."))

    def value(self, name: str) -> Any:
        """Return whatever a field holds."""
        if name not in self._left:
            self.refuse(f"it has no {name!r}", "FIELD_MISSING")
        return self._left.pop(name)

    def has(self, name: str) -> bool:
        """Whether a field, which must be there, is not null; a null is taken away."""
        if self._left.get(name, name) is not None:
            return True
        del self._left[name]
        return False

    def given(self, name: str) -> bool:
        """Whether a field that may be left out is there."""
        return name in self._left

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number from `low` to `high`."""
        value = self.value(name)
        if type(value) not in (int, float) or abs(value) > _LARGEST or not low <= value <= high:
            self.refuse(f"{name} must be a finite number from {low:g} to {high:g}", name=name)
        return float(value)

    def numbers(self, name: str, count: int) -> tuple[float, ...]:
        """Return `count` finite numbers."""
        value = self.value(name)
        if type(value) is not list or len(value) != count or not all(type(v) in (int, float) and abs(v) <= _LARGEST for v in value):
            self.refuse(f"{name} must be {count} finite numbers", name=name)
        return tuple(map(float, value))

    def whole(self, name: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self.value(name)
        if type(value) is not int or not low <= value <= high:
            self.refuse(f"{name} must be a whole number from {low} to {high}", name=name)
        return value

    def wholes(self, name: str, high: int, count: int | None = None) -> list[int]:
        """Return whole numbers from 0 to `high`, any number of them or `count`."""
        value = self.value(name)
        if type(value) is not list or count not in (None, len(value)) or not all(type(v) is int and 0 <= v <= high for v in value):
            self.refuse(f"{name} must be {'' if count is None else f'{count} '}whole numbers from 0 to {high}", name=name)
        return list(value)

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.value(name)
        if type(value) is not bool:
            self.refuse(f"{name} must be true or false", name=name)
        return value

    def text(self, name: str) -> str:
        """Return a string."""
        value = self.value(name)
        if type(value) is not str:
            self.refuse(f"{name} must be a string", name=name)
        return value

    def word(self, name: str) -> str:
        """Return up to 200 printable ASCII characters, which may be shown on a terminal."""
        value = self.text(name)
        if not re.fullmatch(r"[ -~]{0,200}", value):
            self.refuse(f"{name} must be up to 200 printable characters", name=name)
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """Return one of some strings."""
        value = self.text(name)
        if value not in allowed:
            self.refuse(f"{name} must be one of {', '.join(allowed)}", name=name)
        return value

    def choices(self, name: str, allowed: Collection[str]) -> tuple[str, ...]:
        """Return some of some strings, each once."""
        value = self.value(name)
        if type(value) is not list or not all(type(v) is str and v in allowed for v in value) or len(set(value)) < len(value):
            self.refuse(f"{name} must list some of {', '.join(allowed)}, each once", name=name)
        return tuple(value)

    def texts(self, name: str, count: int) -> list[str]:
        """Return `count` strings."""
        value = self.value(name)
        if type(value) is not list or len(value) != count or not all(type(v) is str for v in value):
            self.refuse(f"{name} must be {count} strings", name=name)
        return list(value)

    def part(self, name: str) -> Fields:
        """Return an object within this one."""
        return Fields(self.value(name), f"{self.pointer}/{name}")

    def parts(self, name: str) -> list[Fields]:
        """Return the objects of a list."""
        value = self.value(name)
        if type(value) is not list:
            self.refuse(f"{name} must be a list", "TYPE_MISMATCH", name)
        return [Fields(item, f"{self.pointer}/{name}/{row}") for row, item in enumerate(value)]

    def rest(self) -> dict[str, Any]:
        """Take every field that is left, whatever it holds."""
        left, self._left = self._left, {}
        return left

    def done(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._left:
            self.refuse(f"it has a field {next(iter(self._left))[:60]!r} that captures do not have", "FIELD_UNKNOWN")
