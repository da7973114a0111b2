"""Procedures: a table of steps (what is moved, from where, when) becomes a clip that is played, scrubbed and mixed like any other."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import ROOT, Node, Store
from ..checks import is_number
from ..errors import AssetError, InvalidInput
from ..transforms import as_matrix
from .clips import Clip
from .tracks import Track

if TYPE_CHECKING:
    from ..scene import Scene

DOES = ("insert", "remove", "move", "appear", "disappear", "ghost", "highlight")
EASINGS: dict[str, tuple[float, float]] = {"linear": (1.0, 1.0), "smooth": (0.0, 0.0), "in": (0.0, 2.0), "out": (2.0, 0.0)}
"""Slope at the start and at the end of a move, in ways per duration: the cubic curve through them is t, 3t^2 - 2t^3, t^2, or 2t - t^2."""

_COLUMNS = ("part", "start", "duration", "does", "x", "y", "z", "easing")
_LARGEST_TABLE = 64 << 20
_MOST_STEPS = 1_000_000
_STILL = np.zeros(3)
_TURNS = 16
"""Keys in which a move that turns is played, because eased turns are no cubic curve."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row of a procedure.

    Parameters
    ----------
    part : str, Node or int
        Name, node or public id of what is moved.
    start, duration : float
        Seconds; a duration of 0 happens at once.
    does : str
        ``"insert"``: appears at `start` at `offset` from its place and moves to its place; hidden before its first step.
        ``"remove"``: moves from where it is by `offset` and disappears. ``"move"``: moves from where it is to `offset` from its place.
        ``"appear"``, ``"disappear"``: at `start`. ``"ghost"``, ``"highlight"``: for `duration`, for ever where that is 0.
    offset : (3,) float
        Metres, in the space of the part's parent.
    easing : "linear", "smooth", "in" or "out"
    from_matrix, to_matrix : (4, 4), optional
        Local matrices instead of places that follow from `offset`; for steps that move.

    Raises
    ------
    InvalidInput
        A word is unknown, a number is not finite or a duration negative, or a matrix is no affine one.
    """

    part: str | Node | int
    start: float
    duration: float = 1.0
    does: str = "insert"
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    easing: str = "smooth"
    from_matrix: ArrayLike | None = None
    to_matrix: ArrayLike | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("does", self.does, DOES), ("easing", self.easing, tuple(EASINGS))):
            if value not in known:
                raise InvalidInput(f"Step {name}={value!r} is unknown; use one of {', '.join(known)}.")
        if not is_number(self.start) or not is_number(self.duration) or not (abs(self.start) <= 1e9 and 0 <= self.duration <= 1e9):
            raise InvalidInput(f"Step start={self.start!r} and duration={self.duration!r} must be seconds, the duration at least 0.")
        offset = tuple(self.offset) if isinstance(self.offset, (tuple, list, np.ndarray)) else ()
        if len(offset) != 3 or not all(is_number(value) and abs(value) <= 1e9 for value in offset):
            raise InvalidInput(f"Step offset={self.offset!r} must be three finite numbers of metres.")
        for name in ("from_matrix", "to_matrix"):
            if (matrix := getattr(self, name)) is not None:
                object.__setattr__(self, name, as_matrix(matrix, f"Step {name}"))


def read_steps(path: str | os.PathLike[str]) -> list[Step]:
    """Read the steps of a procedure from a CSV table.

    Parameters
    ----------
    path : str or path-like
        UTF-8 with a header that names columns: ``part``, ``start``, and of ``duration``, ``does``, ``x``, ``y``, ``z`` (the offset) and
        ``easing`` those that are wanted; empty fields take the default of `Step`.

    Raises
    ------
    AssetError
        The file cannot be read, or a row is wrong; the message names its line.
    """
    place = Path(path)
    try:
        if place.stat().st_size > _LARGEST_TABLE:
            raise AssetError(f"{place} has more than {_LARGEST_TABLE >> 20} MiB; a table of steps must be smaller, split it.")
        text = place.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise AssetError(f"{place} cannot be read as a table of steps in UTF-8: {error}; check the path and its encoding.") from None
    steps: list[Step] = []
    try:
        rows = csv.reader(io.StringIO(text, newline=""), strict=True)
        columns = [name.strip() for name in next(rows, [])]
        _check_columns(columns, place)
        for row in rows:
            if any(row):
                whole = len(row) == len(columns)
                steps.append(_step_of(dict(zip(columns, row, strict=False)), whole, f"{place}, line {rows.line_num}"))
            if len(steps) > _MOST_STEPS:
                raise AssetError(f"{place} has more than {_MOST_STEPS:,} steps; split the table.")
    except csv.Error as error:
        raise AssetError(f"{place} is no table of comma-separated values: {error}; check its quotes.") from None
    return steps


def _check_columns(columns: list[str], place: Path) -> None:
    unknown = [name for name in columns if name not in _COLUMNS]
    if unknown or len(set(columns)) < len(columns) or not {"part", "start"} <= set(columns):
        found = ", ".join(map(repr, columns[:20])) or "nothing"
        raise AssetError(f"{place} needs a header with the columns part and start, and any of {', '.join(_COLUMNS[2:])}, not {found}.")


def _step_of(row: dict[str, str], whole: bool, where: str) -> Step:
    given = {name: value.strip() for name, value in row.items() if value.strip()}
    if not whole or "part" not in given or "start" not in given:
        raise AssetError(f"{where} must have one field for each column, part and start filled.")
    numbers: dict[str, float] = {}
    for name in ("start", "duration", "x", "y", "z"):
        try:
            numbers[name] = float(given.get(name, 1.0 if name == "duration" else 0.0))
        except ValueError:
            raise AssetError(f"{where} has {given[name]!r} in the column {name}, which must be a number.") from None
    words = {name: given[name] for name in ("does", "easing") if name in given}
    try:
        return Step(given["part"], numbers["start"], numbers["duration"], offset=(numbers["x"], numbers["y"], numbers["z"]), **words)
    except InvalidInput as error:
        raise AssetError(f"{where}: {error}") from None


def procedure(scene: Scene, steps: Iterable[Step] | str | os.PathLike[str], *, name: str = "procedure") -> Clip:
    """Make a clip of a table of steps; ``scene.add_clip`` keeps it, ``scene.play(clip, loop="once")`` plays it.

    Parameters
    ----------
    scene : Scene
        Its nodes are where they belong: places are read now.
    steps : sequence of Step, or path of a CSV table (see `read_steps`)
        In any order; steps of one part that move it follow each other in time.
    name : str

    Returns
    -------
    Clip
        One track for each property of a part that its steps change.

    Raises
    ------
    InvalidInput
        A step names a part that is not there, or moves of one part overlap.
    """
    if not isinstance(getattr(scene, "store", None), Store):
        raise InvalidInput(f"procedure() takes the Scene of the parts first, not {type(scene).__name__}.")
    if not isinstance(steps, (str, os.PathLike, Iterable)):
        raise InvalidInput(f"procedure() takes Step objects or the path of a CSV table, not {type(steps).__name__}.")
    given: Sequence[Any] = read_steps(steps) if isinstance(steps, (str, os.PathLike)) else list(steps)
    wrong = next((step for step in given if not isinstance(step, Step)), None)
    if wrong is not None:
        raise InvalidInput(f"procedure() takes Step objects or the path of a CSV table, not {type(wrong).__name__}.")
    by_name: dict[str, int] = {}
    if any(isinstance(step.part, str) for step in given):
        for number, other in scene.names.items():  # of equal names the lowest index counts, as in Scene.find
            if other not in by_name or number & 0xFFFFFF < by_name[other] & 0xFFFFFF:
                by_name[other] = number
    of_part: dict[int, list[Step]] = {}
    for step in sorted(given, key=lambda step: step.start):
        of_part.setdefault(_part_of(scene, step, by_name), []).append(step)
    tracks = [track for number, own in of_part.items() for track in _tracks_of(scene.node(number), own)]
    last = max((step.start + step.duration for step in given), default=0.0)
    return Clip(name, tracks, duration=max(last, 0.0))


def _part_of(scene: Scene, step: Step, by_name: dict[str, int]) -> int:
    if isinstance(step.part, str):
        if step.part not in by_name:
            raise InvalidInput(f"the step at {step.start:g} s names the part {step.part!r}, which the scene has not; check the name.")
        return by_name[step.part]
    if isinstance(step.part, Node):
        if step.part.store is not scene.store:
            raise InvalidInput(f"the step at {step.start:g} s moves a node of another scene; use one of this scene.")
        return step.part.id
    if isinstance(step.part, bool) or not isinstance(step.part, (int, np.integer)):
        raise InvalidInput(f"the step at {step.start:g} s moves {step.part!r}; name the part, or give its Node or its id.")
    return scene.node(int(step.part)).id


def _tracks_of(node: Node, steps: list[Step]) -> list[Track]:
    """Return the tracks of one part from its steps, which are in order of time."""
    tracks = _switch_tracks(node, steps)
    moves = [step for step in steps if step.does in ("insert", "remove", "move")]
    if not moves:
        return tracks
    place = node.matrix
    path = _Path(node)
    at = place
    for step in moves:
        begin, end = at.copy(), at.copy()
        if step.does == "insert":
            begin, end = _shifted(place, step.offset), place
        elif step.does == "remove":
            end = _shifted(at, step.offset)
        else:
            end = _shifted(place, step.offset)
        begin = begin if step.from_matrix is None else np.asarray(step.from_matrix)
        end = end if step.to_matrix is None else np.asarray(step.to_matrix)
        path.move(step, begin, end)
        at = end
    return tracks + path.tracks()


def _shifted(place: NDArray[np.float64], offset: tuple[float, float, float]) -> NDArray[np.float64]:
    moved = place.copy()
    moved[:3, 3] += offset
    return moved


def _switch_tracks(node: Node, steps: list[Step]) -> list[Track]:
    """Return the tracks of what a part shows: visible, ghost, highlighted."""
    shown: dict[float, float] = {}
    for step in steps:
        if step.does in ("insert", "appear"):
            shown[step.start] = 1.0
        elif step.does in ("remove", "disappear"):
            shown[step.start + (step.duration if step.does == "remove" else 0.0)] = 0.0
    tracks = [_switch(node, "visible", 1.0 - shown[min(shown)], shown)] if shown else []
    for does, path in (("ghost", "ghost"), ("highlight", "highlighted")):
        marked: dict[float, float] = {}
        until = -math.inf
        for step in steps:  # in order of time; those that overlap or touch are one
            if step.does == does:
                if until >= step.start:
                    marked.pop(until, None)
                marked.setdefault(step.start, 1.0)
                until = max(until, step.start + step.duration if step.duration > 0 else math.inf)
                if until < math.inf:
                    marked[until] = 0.0
        if marked:
            tracks.append(_switch(node, path, 0.0, marked))
    return tracks


def _switch(node: Node, path: str, before: float, at: dict[float, float]) -> Track:
    """Return a track that is `before` and then what stands at each time."""
    times = sorted(at)
    values = np.array([before, *(at[time] for time in times)], np.float32)
    return Track(node, path, [math.nextafter(times[0], -math.inf), *times], values, "step")


class _Path:
    """Keys of the positions, turns and scales of one part, move after move."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._free = -math.inf  # when the last move ends
        self._places: list[tuple[float, Any, Any, Any]] = []  # time, in-tangent, value, out-tangent
        self._moves: list[tuple[Step, float | None, float, float, Any, Any]] = []  # until when it stays, first, last, from, to
        self._at = node.matrix

    def move(self, step: Step, begin: NDArray[np.float64], end: NDArray[np.float64]) -> None:
        """Append a move from one local matrix to another."""
        if step.start < self._free:
            raise InvalidInput(f"the step at {step.start:g} s moves {step.part!r} before its move that ends at {self._free:g} s is over; "
                               "make steps of one part follow each other.")
        first = step.start if step.duration > 0 else math.nextafter(step.start, -math.inf)
        if self._places and first <= self._places[-1][0]:
            first = math.nextafter(self._places[-1][0], math.inf)
        last = max(step.start + step.duration, math.nextafter(first, math.inf))
        self._free = step.start + step.duration
        hold = math.nextafter(first, -math.inf)
        stays = bool(self._places) and hold > self._places[-1][0] and not np.array_equal(begin, self._at)  # until then where it was
        if stays:
            self._places.append((hold, _STILL, self._places[-1][2], _STILL))
        self._at = end
        way = (end[:3, 3] - begin[:3, 3]) / (last - first) if last - first > 1e-9 else _STILL  # at once: no tangent shows
        slope, final = EASINGS[step.easing]
        self._places += [(first, _STILL, begin[:3, 3], slope * way), (last, final * way, end[:3, 3], _STILL)]
        self._moves.append((step, hold if stays else None, first, last, begin, end))

    def _turns(self) -> list[tuple[float, NDArray[np.float64], NDArray[np.float64]]]:
        """Return time, rotation and scale of each key."""
        store = Store()
        probe = Node(store, store.add(ROOT)[0])
        turns: list[tuple[float, NDArray[np.float64], NDArray[np.float64]]] = []
        for step, hold, first, last, begin, end in self._moves:
            if hold is not None:
                turns.append((hold, *turns[-1][1:]))
            a, b = _apart(probe, begin, step), _apart(probe, end, step)
            slope, final = EASINGS[step.easing]
            brief = last - first < max(1e-6, 4 * _TURNS * math.ulp(max(abs(first), abs(last))))  # no room for keys between
            share = np.array([0.0, 1.0]) if brief or np.array_equal(begin[:3, :3], end[:3, :3]) else np.linspace(0, 1, _TURNS + 1)
            eased = (share**3 - 2 * share**2 + share) * slope + (3 * share**2 - 2 * share**3) + (share**3 - share**2) * final
            for k, part in enumerate(eased.tolist()):
                time = last if k == len(share) - 1 else first + float(share[k]) * (last - first)
                turns.append((time, _between(a[0], b[0], part), (1 - part) * a[1] + part * b[1]))
        return turns

    def tracks(self) -> list[Track]:
        """Return the tracks; turns and scales only where a move changes them."""
        times = [place[0] for place in self._places]
        tracks = [Track(self._node, "position", times, np.array([place[1:] for place in self._places]), "cubic")]
        here = self._node.matrix[:3, :3]
        if any(not np.array_equal(matrix[:3, :3], here) for *_, begin, end in self._moves for matrix in (begin, end)):
            turns = self._turns()
            times = [turn[0] for turn in turns]
            tracks.append(Track(self._node, "rotation", times, np.array([turn[1] for turn in turns])))
            scales = np.array([turn[2] for turn in turns])
            if np.ptp(scales, axis=0).max() > 1e-6 or np.abs(scales[0] - self._node.scale).max() > 1e-6:
                tracks.append(Track(self._node, "scale", times, scales))
        return tracks


def _apart(probe: Node, matrix: NDArray[np.float64], step: Step) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Take a local matrix apart into rotation and scale, as nodes do."""
    probe.matrix = matrix
    try:
        return probe.rotation, probe.scale
    except InvalidInput:
        raise InvalidInput(f"the step at {step.start:g} s has a sheared matrix; use one of rotation, scale and position.") from None


def _between(a: NDArray[np.float64], b: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the rotation a share of the shorter way from a to b."""
    b = -b if a @ b < 0 else b
    angle = math.atan2(float(np.linalg.norm(a - b)), float(np.linalg.norm(a + b))) * 2
    if angle < 1e-6:
        return a
    mixed: NDArray[np.float64] = (math.sin((1 - share) * angle) * a + math.sin(share * angle) * b) / math.sin(angle)
    return mixed
