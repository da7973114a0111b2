"""What plays in a scene: actions, the clock that poses them, and the descriptions that they drive."""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import ACTION_DTYPE, DRIVE_FLAG, DRIVE_NUMBERS, DRIVE_VALUE, DRIVE_WEIGHTS, STEP, Mixer, Node, Store
from ..checks import number
from ..errors import InvalidInput, ReleasedError
from .attributes import Described, attributes_of, read, write
from .clips import LONGEST, Clip, checked_seconds
from .tracks import CURVES, PATHS, Track

LOOPS = ("once", "repeat", "pingpong")
_ON = np.ones((1, 1, 1), np.float32)
_ALWAYS = np.zeros(1)
_Bound = tuple[int, NDArray[np.uint32], NDArray[np.float64], NDArray[Any], int, tuple[float, ...] | None]


class Action:
    """A clip that plays in a scene; made by :meth:`Scene.play`.

    All times are seconds on the clock of the scene, the ones given to :meth:`Scene.at`; "now" is the last of them. An action may be
    changed at any time: the pose stays a function of the time and of what the actions are. Speed and pauses go on from where the clip
    is now; fades of the past stay, so that scrubbing back shows them again.

    Attributes
    ----------
    clip : Clip
    """

    def __init__(self, player: Player, clip: Clip, speed: float, number: int) -> None:
        self.clip = clip
        self._player = player
        self._number: int | None = number
        """Row in the table of the player; None once it was stopped."""
        self._speed = speed
        self._paused = False
        self._shares: list[tuple[float, float]] = []
        """Seconds of the scene and what fades leave of the weight then; see `Mixer.fade`."""

    def __repr__(self) -> str:
        return f"<Action {self.clip.name!r}{'' if self.playing else ' stopped'}>"

    @property
    def playing(self) -> bool:
        """Whether it has not been stopped; one whose clip is over, or that has faded out, still counts."""
        return self._number is not None

    @property
    def _row(self) -> Any:
        if self._number is None:
            raise ReleasedError(f"The action of clip {self.clip.name!r} was stopped; call scene.play(clip) again.")
        return self._player.actions[self._number]

    @property
    def weight(self) -> float:
        """Share in the mix, 0..1. Weights that add up to less than 1 leave the rest value its share, more are divided by their sum."""
        return float(self._row["weight"])

    @weight.setter
    def weight(self, value: float) -> None:
        self._row["weight"] = number(value, "Action weight", 0.0, 1.0)

    @property
    def speed(self) -> float:
        """Seconds of the clip for one of the scene; negative plays backwards, and then each round begins with the end of the clip."""
        return self._speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._speed = number(value, "Action speed", -1e6, 1e6) + 0.0  # -0.0 is 0.0
        self._rebase()

    @property
    def paused(self) -> bool:
        """Whether the clip stands still."""
        return self._paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._paused = bool(value)
        self._rebase()

    @property
    def time(self) -> float:
        """Where the clip is now, in its own seconds, loops not taken off; assign to jump there."""
        row = self._row
        return float(row["phase"] + (self._player.now - row["origin"]) * row["rate"])

    @time.setter
    def time(self, value: float) -> None:
        self._row["phase"] = checked_seconds(value, "Action time")
        self._row["origin"] = self._player.now

    def _rebase(self) -> None:
        """Go on from where the clip is now at the speed that holds."""
        self.time = float(np.clip(self.time, -LONGEST, LONGEST))
        self._row["rate"] = math.copysign(0.0, self._speed) if self._paused else self._speed

    def stop(self) -> None:
        """End it at once; what nothing else drives goes back to rest with the next :meth:`Scene.at`. A second call does nothing."""
        if self._number is not None:
            self._player.stop(self._number)
            self._number = None

    def fade_in(self, seconds: float) -> None:
        """Let its share grow to its weight, from now on in so many seconds."""
        self._fade(1.0, seconds)

    def fade_out(self, seconds: float) -> None:
        """Let its share sink to nothing, from now on in so many seconds.

        It still plays, so that time can be taken back, but is not sampled where it has no share; what remains until stop() is small.
        """
        self._fade(0.0, seconds)

    def fade_to(self, other: Action | Clip, seconds: float) -> Action:
        """Cross-fade to another action, from now on in so many seconds; this one fades out, see :meth:`fade_out`.

        Parameters
        ----------
        other : Action or Clip
            Of the same scene; a Clip begins to play now, with the loop mode and speed that clips have by default.
        seconds : float

        Returns
        -------
        Action
            The other one.

        Raises
        ------
        InvalidInput, ReleasedError
            An action of another scene, or one that was stopped.
        """
        length = number(seconds, "fade_to seconds", 0.0, LONGEST)
        self._row  # noqa: B018  raises where it was stopped
        if isinstance(other, Clip):
            other = self._player.play(other, 1.0, 1.0, "repeat", self._player.now, False, 0.0)
            other._shares = [(self._player.now, 0.0)]
        if not isinstance(other, Action) or other._player is not self._player:
            raise InvalidInput("fade_to() takes an Action of the same scene or a Clip, such as scene.clips['run'].")
        if other is not self:
            other._fade(1.0, length)
            self._fade(0.0, length)
        return other

    def _fade(self, aim: float, seconds: float) -> None:
        """Keep the shares up to now, and go on from there; what was to come after now is forgotten."""
        length = number(seconds, "fade seconds", 0.0, LONGEST)
        self._row  # noqa: B018  raises where it was stopped
        now, shares = self._player.now, self._shares
        kept = shares[:bisect_right(shares, (now, math.inf))]
        here = _share_between(kept, shares[len(kept):], now)
        while len(kept) > 1 and kept[-2][0] == now:  # jumps at one moment are one
            kept.pop()
        self._set_shares([*kept, (now, here), (now + length, aim)])

    def _set_shares(self, shares: list[tuple[float, float]]) -> None:
        assert self._number is not None
        self._player.fade(self._number, shares)
        self._shares = shares


def _share_between(before: list[tuple[float, float]], after: list[tuple[float, float]], now: float) -> float:
    """Return the share at a time between the keys before and after it."""
    if not before or not after:
        return before[-1][1] if before else after[0][1] if after else 1.0
    done = (now - before[-1][0]) / (after[0][0] - before[-1][0])
    return (1 - done) * before[-1][1] + done * after[0][1]


class Player:
    """The actions of one scene and its clock.

    Attributes
    ----------
    now : float
        The seconds of the last pose.
    """

    def __init__(self, store: Store) -> None:
        self.now = 0.0
        self._mixer = Mixer(store)
        self._rows: NDArray[np.void] = np.zeros(8, ACTION_DTYPE)  # with room for more
        self._made: list[Action | None] = []
        self._stopped = 0
        self._numbers = count(1)
        self._driven: dict[tuple[int, str], _Driven] = {}

    def __len__(self) -> int:
        return len(self._made) - self._stopped

    @property
    def actions(self) -> NDArray[np.void]:
        """(n,) ACTION_DTYPE, one for each action, oldest first, for the core; stopped ones have no weight until they are dropped."""
        return self._rows[:len(self._made)]

    @property
    def nbytes(self) -> int:
        """Memory for what is driven, without the arrays of the clips."""
        return self._mixer.nbytes

    @property
    def playing(self) -> list[Action]:
        """The actions, oldest first."""
        return [action for action in self._made if action is not None]

    def play(self, clip: Clip, weight: float, speed: float, loop: str, start: float, additive: bool, fade_in: float) -> Action:
        """Answer :meth:`Scene.play`."""
        if not isinstance(clip, Clip):
            raise InvalidInput(f"play() takes a Clip, such as scene.clips['walk'], not {type(clip).__name__}.")
        if loop not in LOOPS:
            raise InvalidInput(f"play() loop={loop!r} is unknown; use one of {', '.join(LOOPS)}.")
        row: NDArray[np.void] = np.zeros(1, ACTION_DTYPE)
        begin = checked_seconds(start, "play() start")
        row["start"] = row["origin"] = begin
        row["rate"] = rate = number(speed, "play() speed", -1e6, 1e6) + 0.0  # -0.0 is 0.0
        row["weight"] = number(weight, "play() weight", 0.0, 1.0)
        length = number(fade_in, "play() fade_in", 0.0, LONGEST)
        row["duration"], row["phase"] = clip.duration, clip.duration if rate < 0 else 0.0
        row["loop"], row["additive"] = LOOPS.index(loop), bool(additive)
        foreign = next((track for track in clip.tracks if not track.belongs_to(self._mixer.store)), None)
        if foreign is not None:
            raise InvalidInput(f"clip {clip.name!r} drives nodes of another scene; scene.add(other) copies its clips, use those.")
        described = [track for track in clip.tracks if not isinstance(track.target, np.ndarray)]
        driven_before = dict(self._driven) if described else self._driven
        try:
            drivers = [self._driven_by(track) for track in described]
            self._mixer.add([bound for track in clip.tracks for bound in self._bound(track)])
        except BaseException:
            self._driven = driven_before  # what is at rest may change before the next action
            raise
        for driven in drivers:
            driven.users += 1
        action = Action(self, clip, rate, len(self._made))
        if len(self._made) == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[len(self._made)] = row[0]
        self._made.append(action)
        if length:
            action._set_shares([(begin, 0.0), (begin + length, 1.0)])
        return action

    def fade(self, row: int, shares: list[tuple[float, float]]) -> None:
        """Tell the core what fades leave of the action of a row."""
        self._mixer.fade(row, shares)

    def stop(self, row: int) -> None:
        """Take the action of a row away; rows are dropped once they are half of all, so that each of many costs the same."""
        self._mixer.remove(row)
        action = self._made[row]
        assert action is not None
        self._made[row] = None
        self._rows[row] = np.zeros((), ACTION_DTYPE)
        self._stopped += 1
        for track in action.clip.tracks:
            if not isinstance(track.target, np.ndarray):
                self._driven[id(track.target), track.path].users -= 1
        if 2 * self._stopped > len(self._made):
            self._close_up()

    def _close_up(self) -> None:
        """Drop the rows of what was stopped; the order of the others stays."""
        self._mixer.close_up()
        self._rows = np.concatenate([self.actions[[action is not None for action in self._made]], np.zeros(8, ACTION_DTYPE)])
        self._made = list(self.playing)
        self._stopped = 0
        for row, action in enumerate(self.playing):
            action._number = row

    def pose(self, seconds: float) -> None:
        """Answer :meth:`Scene.at`."""
        self._mixer.pose(self.actions, seconds)
        self.now = seconds
        if self._driven:
            self._write_driven()

    def _bound(self, track: Track) -> list[_Bound]:
        """Return what the core is told of a track; a value is shown by switching values on."""
        target, curve = track.target, CURVES[track.interpolation]
        if not isinstance(target, np.ndarray):
            driven = self._driven_by(track)
            return [(DRIVE_NUMBERS, np.array([driven.number], np.uint32), track.times, track.values, curve, driven.rest)]
        kind = PATHS[track.path][0]
        if kind == DRIVE_WEIGHTS:
            self._check_weights(track, target)
        bound: list[_Bound] = [(kind, target, track.times, track.values, curve, None)]
        if kind == DRIVE_VALUE:
            bound.append((DRIVE_FLAG + 3, target, _ALWAYS, _ON, STEP, None))
        return bound

    def _check_weights(self, track: Track, ids: NDArray[np.uint32]) -> None:
        """Refuse another number of weights than a target has morphs."""
        store, width = self._mixer.store, track.values.shape[-1]
        for target in ids.tolist():
            morphs = len(Node(store, target).weights) if target and store.is_alive(target) else width
            if morphs != width:
                raise InvalidInput(f"a clip gives {width} weights to node {target}, which has {morphs} morphs; give as many as it has.")

    def _driven_by(self, track: Track) -> _Driven:
        """Return the record of an attribute, made with what it is now where nothing drives it yet."""
        thing = track.target
        assert not isinstance(thing, np.ndarray)
        key = id(thing), track.path
        if key not in self._driven:
            if track.path not in attributes_of(thing):
                raise InvalidInput(f"a clip animates {track.path!r} of a {type(thing).__name__} that has none any more; use another clip.")
            self._driven[key] = _Driven(thing, track.path, next(self._numbers), read(thing, track.path))
        return self._driven[key]

    def _write_driven(self) -> None:
        """Set the attributes that actions drive, thing by thing, and forget those that are back at rest."""
        things: dict[int, tuple[Described, dict[str, tuple[float, ...]]]] = {}
        for driven in self._driven.values():
            values = self._mixer.numbers(driven.number)
            if values:
                things.setdefault(id(driven.thing), (driven.thing, {}))[1][driven.path] = values
        for thing, found in things.values():
            write(thing, found)
        self._driven = {key: driven for key, driven in self._driven.items() if driven.users}


class _Driven:
    """An attribute of a description that actions drive."""

    __slots__ = ("number", "path", "rest", "thing", "users")

    def __init__(self, thing: Described, path: str, number: int, rest: tuple[float, ...]) -> None:
        self.thing, self.path, self.number, self.rest, self.users = thing, path, number, rest, 0
