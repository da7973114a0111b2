"""A small schema engine for glTF JSON: exact types, ranges and references, and a JSON pointer to the first fault.

A rule is a function ``rule(value, context)`` that raises `Fault` or returns nothing; only rules for integers return something where
the file says 1.0 or 1e2, which glTF allows: the integer, which takes its place. Rules are combined by the factories below into the
tables of `gltf_tables`. On the way out every container adds its key to the fault, so that sound files never pay for a pointer: what
is checked is what is read, and one pass costs well below a microsecond per property.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from ..errors import GltfError

_HUGE = 1.7976931348623157e308
_ABSENT = object()


class Fault(Exception):
    """A broken rule and the keys from the faulty place outward."""

    def __init__(self, code: str, message: str, *path: str | int) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path: list[str | int] = list(path)

    def error(self, prefix: str = "") -> GltfError:
        """Turn the fault into the exception that users see."""
        return GltfError(self.message, self.code, (prefix + pointer(*reversed(self.path))) or "/")


class Context:
    """What the rules need to know about the document around a value.

    Attributes
    ----------
    counts : dict of str to int
        Length of each top-level array; ``lights`` and ``variants`` come from their extensions and are missing without them.
    used : frozenset of str
        Names in ``extensionsUsed``.
    has_mended : bool
        Whether a rule put an integer in the place of a decimal.
    """

    def __init__(self, counts: Mapping[str, int], used: Iterable[str]) -> None:
        self.counts = counts
        self.used = frozenset(used)
        self.has_mended = False


Rule = Callable[[Any, Context], int | None]


def pointer(*keys: str | int) -> str:
    """Join keys into a JSON pointer (RFC 6901), outermost first."""
    return "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def shown(value: Any) -> str:
    """Short text of a JSON value for a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _wrong_type(value: Any, expected: str) -> NoReturn:
    raise Fault("TYPE_MISMATCH", f"{shown(value)} is not {expected}; correct the type.")


def anything(value: Any, context: Context) -> None:
    """Accept any JSON value (extras)."""


def boolean(value: Any, context: Context) -> None:
    """Accept true or false."""
    if type(value) is not bool:
        _wrong_type(value, "a boolean")


def number(low: float = -_HUGE, high: float = _HUGE, *, above: float | None = None) -> Rule:
    """Make a rule for a finite number in [low, high], and greater than `above` where that is given."""

    def _rule(value: Any, context: Context) -> None:
        kind = type(value)
        if kind is not float and kind is not int:
            _wrong_type(value, "a number")
        if not low <= value <= high or (above is not None and value <= above):
            raise Fault("VALUE_NOT_IN_RANGE", f"{shown(value)} is out of range; {_range(low, high, above)}.")

    return _rule


def _range(low: float, high: float, above: float | None) -> str:
    if above is not None:
        return f"it must be greater than {above:g}"
    if low == -_HUGE and high == _HUGE:
        return "it must be a finite number"
    return f"it must be at least {low:g}" if high == _HUGE else f"it must lie between {low:g} and {high:g}"


def integer(low: int = 0, high: int = 2**53, *, multiple: int = 1) -> Rule:
    """Make a rule for an integer in [low, high]; JSON integers above 2**53 are not portable and are refused."""

    def _rule(value: Any, context: Context) -> int | None:
        whole = value if type(value) is int else _whole(value, context)
        if not low <= whole <= high:
            raise Fault("VALUE_NOT_IN_RANGE", f"{shown(value)} is out of range; it must lie between {low} and {high}.")
        if multiple > 1 and whole % multiple:
            raise Fault("VALUE_MULTIPLE_OF", f"{value} is not a multiple of {multiple}.")
        return None if whole is value else whole

    return _rule


def _whole(value: Any, context: Context) -> int:
    """Return the integer that is written as a decimal without a fractional part."""
    if type(value) is not float or not value.is_integer():
        _wrong_type(value, "an integer")
    context.has_mended = True
    return int(value)


def reference(collection: str, *, listed: bool = False) -> Rule:
    """Make a rule for an index into a top-level array; `listed` ones stand in arrays and maps, where a wrong type is no index at all."""

    def _rule(value: Any, context: Context) -> int | None:
        try:
            index = value if type(value) is int else _whole(value, context)
        except Fault as fault:
            fault.code = "INVALID_INDEX" if listed else fault.code
            raise
        if index < 0:
            raise Fault("INVALID_INDEX", f"{shown(value)} is not an index; it must be a non-negative integer.")
        if index >= context.counts.get(collection, 0):
            raise Fault(
                "UNRESOLVED_REFERENCE",
                f"Index {shown(value)} points past the {context.counts.get(collection, 0)} {collection} of the file.",
            )
        return None if index is value else index

    return _rule


def needing(collection: str, item: Rule) -> Rule:
    """Make a rule for what points into an array that an extension brings, which must be there itself."""

    def _rule(value: Any, context: Context) -> int | None:
        if collection not in context.counts:
            raise Fault("UNSATISFIED_DEPENDENCY", f"The file has no {collection} to point to; its root lacks the extension.")
        return item(value, context)

    return _rule


def text(pattern: str | None = None) -> Rule:
    """Make a rule for a string, optionally matching a whole regular expression."""
    compiled = re.compile(pattern) if pattern else None

    def _rule(value: Any, context: Context) -> None:
        if type(value) is not str:
            _wrong_type(value, "a string")
        if compiled is not None and compiled.fullmatch(value) is None:
            raise Fault("PATTERN_MISMATCH", f"{shown(value)} does not match {pattern!r}.")

    return _rule


def one_of(kind: type, *values: Any) -> Rule:
    """Make a rule for an enumeration: the type is checked here, unknown values by whoever reads them.

    The specification lets later versions and extensions add values, and the Khronos validator only warns about unknown ones; so
    does `gltf_rules`, which refuses those that decide how memory is read.
    """

    def _rule(value: Any, context: Context) -> int | None:
        if type(value) is kind:
            return None
        return _whole(value, context) if kind is int else _wrong_type(value, "a string")

    return _rule


def array(
    item: Rule, *, lengths: tuple[int, ...] = (), unique: bool = False, misfit: tuple[str, bool] = ("ARRAY_TYPE_MISMATCH", False)
) -> Rule:
    """Make a rule for an array whose elements all obey `item`.

    Parameters
    ----------
    lengths : tuple of int
        Lengths that are allowed; any by default, but never 0.
    unique : bool
        No element may be listed twice.
    misfit : (str, bool)
        Code for an element of the wrong type, and whether the fault points to that element or to the whole array.
    """
    code, located = misfit

    def _rule(value: Any, context: Context) -> None:
        if type(value) is not list:
            _wrong_type(value, "an array")
        if not value:
            raise Fault("EMPTY_ENTITY", "An array cannot be empty; leave the property out instead.")
        if lengths and len(value) not in lengths:
            raise Fault("ARRAY_LENGTH_NOT_IN_LIST", f"The array has {len(value)} elements; {' or '.join(map(str, lengths))} are expected.")
        index = -1
        try:
            for element in value:
                index += 1
                if (whole := item(element, context)) is not None:
                    value[index] = whole
        except Fault as fault:
            if fault.code != "TYPE_MISMATCH" or fault.path:
                fault.path.append(index)
            else:
                fault.code = code
                fault.message = f"Element {index}: {fault.message}"
                fault.path += [index] if located else []
            raise
        if unique:
            _check_unique(value)

    return _rule


def _check_unique(value: list[Any]) -> None:
    if len(set(value)) != len(value):
        seen: set[Any] = set()
        for index, element in enumerate(value):
            if element in seen:
                raise Fault("DUPLICATE_ELEMENTS", f"{shown(element)} is listed twice.", index)
            seen.add(element)


def mapping(item: Rule) -> Rule:
    """Make a rule for an object with free names whose values all obey `item`."""

    def _rule(value: Any, context: Context) -> None:
        if type(value) is not dict:
            _wrong_type(value, "an object")
        if not value:
            raise Fault("EMPTY_ENTITY", "An object cannot be empty here.")
        key = ""
        try:
            for key in value:
                if (whole := item(value[key], context)) is not None:
                    value[key] = whole
        except Fault as fault:
            fault.path.append(key)
            raise

    return _rule


def record(
    place: str,
    fields: Mapping[str, Rule],
    *,
    required: tuple[str, ...] = (),
    needs: Mapping[str, str] | None = None,
    exactly_one: tuple[str, ...] = (),
    extensions: Mapping[str, Mapping[str, Rule]] | None = None,
) -> Rule:
    """Make a rule for an object.

    Parameters
    ----------
    place : str
        What the object is; extensions are looked up under this name.
    fields : mapping
        Rule of each known property; unknown properties are ignored, as the specification asks.
    required : tuple of str
        Properties that must be there.
    needs : mapping
        Property -> property that must be there when the first one is.
    exactly_one : tuple of str
        Properties of which one and only one must be there.
    extensions : mapping
        Extension name -> place -> rule.
    """
    table = dict(fields)
    table.setdefault("name", text())
    dependencies = tuple((needs or {}).items())
    known = extensions or {}

    def _rule(value: Any, context: Context) -> None:
        if type(value) is not dict:
            _wrong_type(value, "an object")
        key = ""
        try:
            for key, element in value.items():
                if key == "extensions":
                    _check_extensions(element, context, place, known)
                elif (check := table.get(key)) is not None and (whole := check(element, context)) is not None:
                    value[key] = whole
        except Fault as fault:
            fault.path.append(key)
            raise
        for key in required:
            if key not in value:
                raise Fault("UNDEFINED_PROPERTY", f"The {place} has no {key!r}, which it must have.")
        for key, other in dependencies:
            if key in value and other not in value:
                raise Fault("UNSATISFIED_DEPENDENCY", f"{key!r} needs {other!r} beside it.", key)
        if exactly_one and sum(key in value for key in exactly_one) != 1:
            raise Fault("ONE_OF_MISMATCH", f"The {place} must have exactly one of {', '.join(exactly_one)}.")

    return _rule


def _check_extensions(value: Any, context: Context, place: str, known: Mapping[str, Mapping[str, Rule]]) -> None:
    if type(value) is not dict:
        _wrong_type(value, "an object")
    for name, body in value.items():
        try:
            if name not in context.used:
                raise Fault("UNDECLARED_EXTENSION", f"The extension {name!r} is not listed in extensionsUsed.")
            if type(body) is not dict:
                _wrong_type(body, "an object")
            places = known.get(name)
            if places is None:
                continue
            check = places.get(place, _ABSENT)
            if check is _ABSENT:
                raise Fault("UNEXPECTED_EXTENSION_OBJECT", f"The extension {name!r} has no place in a {place}.")
            check(body, context)  # type: ignore[operator]
        except Fault as fault:
            fault.path.append(name)
            raise
