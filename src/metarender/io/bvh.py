"""Motion capture in BVH files: any order of channels, any number of roots' children, end sites; degrees in, quaternions out."""

from __future__ import annotations

import io
import os
import re

import numpy as np
from numpy.typing import NDArray

from ..checks import number
from ..errors import AssetError
from ..humans.motion import Motion, Skeleton
from ..humans.rotations import about, multiply, steady
from . import checked_path
from .files import read_file
from .limits import Budget, Limits

_MOTION = re.compile(rb"(?:^|(?<=\}))[ \t]*MOTION\b", re.IGNORECASE | re.MULTILINE)
"""First in its line, or behind a brace: names of joints may have the word in them."""
_AXES = {"x": 0, "y": 1, "z": 2}
_LONGEST_NAME, _LARGEST = 200, 1e15
_FRAME_BYTES = 2 * 32 + 2 * 24
"""What a joint takes in a frame, rotations and positions, while they are made."""


class _Joints:
    """What a hierarchy says, joint by joint."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[tuple[float, ...]] = []
        self.channels: list[list[tuple[str, int]]] = []
        self._known: set[str] = set()

    def open(self, name: str, parent: int) -> bool:
        """Add a joint; False where the name is none, too long, or taken."""
        if not 0 < len(name) <= _LONGEST_NAME or name in self._known:
            return False
        self._known.add(name)
        self.names.append(name)
        self.parents.append(parent)
        self.offsets.append((0.0, 0.0, 0.0))
        self.channels.append([])
        return True


class _Words:
    """The words of a hierarchy one after the other, with their lines; braces are words of their own."""

    def __init__(self, head: bytes, file: str) -> None:
        self.file, self.line = file, 0
        self._words = ((line, word) for line, text in enumerate(head.decode("utf-8-sig", "replace").splitlines(), 1)
                       for word in text.replace("{", " { ").replace("}", " } ").split())

    def take(self, what: str) -> str:
        """Return the next word, which should be `what`."""
        self.line, word = next(self._words, (self.line, ""))
        if not word:
            raise AssetError(f"{self.file} ends in line {self.line}, where {what} is due; it is cut off.")
        return word

    def rest(self) -> str:
        """Return the next word, or nothing at the end."""
        self.line, word = next(self._words, (self.line, ""))
        return word

    def numbers(self, count: int) -> tuple[float, ...]:
        """Return numbers that are finite."""
        words = [self.take("a number") for _ in range(count)]
        try:
            found = tuple(float(word) for word in words)
        except ValueError:
            raise self.wrong(" ".join(words), f"{count} numbers are due") from None
        if not all(abs(value) < _LARGEST for value in found):
            raise self.wrong(" ".join(words), f"numbers below {_LARGEST:g} are due")
        return found

    def wrong(self, found: str, due: str) -> AssetError:
        """What is there, and what should be."""
        return AssetError(f"{self.file} has {found[:80]!r} in line {self.line}, where {due}; mend the file.")


def read_bvh(path: str | os.PathLike[str], *, scale: float = 1.0, limits: Limits | None = None) -> Motion:
    """Read a captured motion.

    Parameters
    ----------
    path : path-like
    scale : float
        Metres for each unit of the file, which does not say it: 0.01 for centimetres, 0.0564 for the files of CMU.
    limits : Limits, optional

    Returns
    -------
    Motion
        At rest no joint is turned. An end site is a joint called after its parent, with `` end`` behind it. Where a joint has channels for
        its position, they stand for its offset.

    Raises
    ------
    AssetError
        The file is missing, damaged or past a limit; the message says the line or the joint.
    """
    place, bounds = checked_path(path, limits), limits or Limits()
    factor, budget = number(scale, "read_bvh scale", 1e-12, 1e12), Budget(bounds, AssetError)
    data = read_file(place, bounds)
    budget.read_file(len(data), f"The file {place.name}", "")
    motion = _MOTION.search(data)
    if motion is None:
        raise AssetError(f"{place.name} has no MOTION part; it is cut off or no BVH file.")
    joints = _read_hierarchy(_Words(data[:motion.start()], place.name), bounds)
    frames, seconds, rows = _read_motion(data[motion.end():], joints, place.name, budget)
    rotations, positions = _pose(joints, rows, factor)
    rest = np.array(joints.offsets) * factor
    skeleton = Skeleton(tuple(joints.names), np.array(joints.parents), rest, np.tile((0.0, 0.0, 0.0, 1.0), (len(rest), 1)), np.eye(4))
    return Motion(skeleton, np.arange(frames, dtype=np.float64) * seconds, steady(rotations), positions)


def _read_hierarchy(words: _Words, limits: Limits) -> _Joints:
    """Read joints without recursion: a file may nest as deep as it likes."""
    joints = _Joints()
    path: list[int] = []
    if (first := words.take("HIERARCHY")).upper() != "HIERARCHY":
        raise words.wrong(first, "HIERARCHY is due")
    while path or not joints.names:
        word = words.take("a joint or a brace")
        kind = word.upper()
        if kind in ("ROOT", "JOINT", "END") and (kind == "ROOT") == (not path):
            _open_joint(joints, kind, path, words, limits)
            path.append(len(joints.names) - 1)
        elif kind == "OFFSET" and path:
            joints.offsets[path[-1]] = words.numbers(3)
        elif kind == "CHANNELS" and path:
            count = words.numbers(1)[0]
            if count not in range(7):
                raise words.wrong(f"{count:g}", "a number of channels from 0 to 6 is due")
            joints.channels[path[-1]] = [_channel(words) for _ in range(int(count))]
        elif kind == "}" and path:
            path.pop()
        else:
            raise words.wrong(word, "a joint, OFFSET, CHANNELS or a brace is due")
    if more := words.rest():
        raise words.wrong(more, "MOTION is due; files of several skeletons are not read")
    return joints


def _open_joint(joints: _Joints, kind: str, path: list[int], words: _Words, limits: Limits) -> None:
    """Begin a joint: its name is all words up to the brace."""
    found: list[str] = []
    while (word := words.take("a brace")) != "{":
        found.append(word)
        if len(found) > 20 or word.upper() in ("OFFSET", "CHANNELS", "}"):
            raise words.wrong(word, "a brace is due")
    name = f"{joints.names[path[-1]]} end" if kind == "END" else " ".join(found)
    if len(joints.names) >= limits.nodes:
        raise AssetError(f"{words.file} has more than {limits.nodes:,} joints; raise Limits.nodes if it is trusted.", "LIMIT_EXCEEDED")
    if not joints.open(name, path[-1] if path else -1):
        raise words.wrong(name, f"a name of up to {_LONGEST_NAME} letters that no other joint has is due")


def _channel(words: _Words) -> tuple[str, int]:
    """Kind and axis of a channel such as Xrotation."""
    word = words.take("a channel").lower()
    axis, kind = _AXES.get(word[:1]), word[1:]
    if axis is None or kind not in ("position", "rotation"):
        raise words.wrong(word, "a channel such as Xposition or Zrotation is due")
    return kind, axis


def _read_motion(body: bytes, joints: _Joints, file: str, budget: Budget) -> tuple[int, float, NDArray[np.float64]]:
    """Return the number of frames, their time in seconds, and (frames, channels) numbers as they stand."""
    text, columns = io.StringIO(body.decode("utf-8", "replace")), sum(map(len, joints.channels))
    lines = (line for line in text if line.strip())
    said = [next(lines, "").partition(":") for _ in range(2)]
    try:
        if [name.strip().lower() for name, _, _ in said] != ["frames", "frame time"]:
            raise ValueError("they are not there")
        frames, seconds = int(said[0][2]), float(said[1][2])
    except ValueError as error:
        raise AssetError(f"{file} does not say Frames: and Frame Time: after MOTION as numbers ({str(error)[:80]}).") from None
    if not 1 <= frames <= len(body) or not 0 < seconds < 1e6:
        raise AssetError(f"{file} claims {frames} frames of {seconds:g} s; it has fewer bytes, or these are no frames.")
    budget.take(frames * columns * 8, "The motion", "")
    budget.take(frames * len(joints.names) * _FRAME_BYTES, "The motion of all joints", "")
    rows = np.empty((frames, columns))
    filled, flat = 0, rows.reshape(-1)
    for line in lines:
        try:
            values = np.array(line.split(), np.float64)
        except ValueError:
            raise AssetError(f"{file} has a frame that is not made of numbers, after {filled // max(columns, 1)} whole ones.") from None
        if filled + len(values) > len(flat):
            raise AssetError(f"{file} has more numbers than {frames} frames of {columns} channels; it says so wrongly.")
        flat[filled:filled + len(values)] = values
        filled += len(values)
    if filled < len(flat):
        raise AssetError(f"{file} has {filled} numbers for {frames} frames of {columns} channels; it is cut off.")
    sound = (np.abs(rows) < _LARGEST).all(axis=1)
    if not sound.all():
        raise AssetError(f"{file} has a number in frame {int(np.argmin(sound))} that is not finite or beyond {_LARGEST:g}; mend the file.")
    return frames, seconds, rows


def _pose(joints: _Joints, rows: NDArray[np.float64], scale: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Local rotations (t, j, 4), turned in the order of the channels, and positions (t, j, 3)."""
    axes, column = np.eye(3), 0
    rotations = np.tile((0.0, 0.0, 0.0, 1.0), (len(rows), len(joints.names), 1))
    positions = np.tile(np.array(joints.offsets), (len(rows), 1, 1))
    for joint, channels in enumerate(joints.channels):
        for kind, axis in channels:
            if kind == "position":
                positions[:, joint, axis] = rows[:, column]
            else:
                rotations[:, joint] = multiply(rotations[:, joint], about(axes[axis], np.radians(rows[:, column])))
            column += 1
    return rotations, positions * scale
