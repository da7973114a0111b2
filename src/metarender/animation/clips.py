"""Clip: tracks that play together, immutable and shared; Clips: those of a scene, by number or name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from .._core import Node, Store
from ..checks import number
from ..errors import InvalidInput
from ..origin import Origin
from .tracks import Track

LONGEST = 1e12
"""Seconds."""
_FEW = 10_000
"""Targets that a clip keeps as a set, which is fast to ask; more stay an array, a tenth of the memory."""


class Clip:
    """Tracks that play together: a walk, a door that opens, a procedure.

    Parameters
    ----------
    name : str
    tracks : sequence of Track
    duration : float, optional
        Seconds; by default the last time of any track.
    extras : dict, optional
        Free data of the application.

    Raises
    ------
    InvalidInput
        Wrong kinds, or a duration that is negative or not finite.
    """

    __slots__ = ("_duration", "_nodes", "_origin", "_tracks", "extras", "name")

    def __init__(self, name: str, tracks: Iterable[Track], duration: float | None = None, extras: dict[str, Any] | None = None) -> None:
        if not isinstance(name, str):
            raise InvalidInput(f"Clip name must be a string, not {type(name).__name__}.")
        given = tuple(tracks) if isinstance(tracks, Iterable) else (tracks,)
        wrong = next((track for track in given if not isinstance(track, Track)), None)
        if wrong is not None:
            raise InvalidInput("Clip tracks must be Track objects, such as Track(node, 'position', times, values), "
                               f"not {type(wrong).__name__}.")
        if extras is not None and not isinstance(extras, dict):
            raise InvalidInput(f"Clip extras must be a dict, not {type(extras).__name__}.")
        self.name = name
        self._tracks = given
        self._nodes: frozenset[int] | NDArray[np.uint32] | None = None
        last = max((float(track.times[-1]) for track in given), default=0.0)
        self.duration = max(last, 0.0) if duration is None else duration
        self.extras: dict[str, Any] = {} if extras is None else extras
        self._origin: Origin | None = None

    def __repr__(self) -> str:
        return f"<Clip {self.name!r} {self.duration:g} s, {len(self._tracks)} tracks>"

    @property
    def duration(self) -> float:
        """Seconds; assign another, which actions that play already do not notice."""
        return self._duration

    @duration.setter
    def duration(self, value: float) -> None:
        self._duration = number(value, "Clip duration", 0.0, LONGEST)

    @property
    def tracks(self) -> tuple[Track, ...]:
        """What it drives, in order."""
        return self._tracks

    def mapped(self, old: NDArray[np.uint32], new: NDArray[np.uint32], store: Store) -> Clip:
        """Return the same clip for the nodes of a copy: rising ids `old` (m,) become `new` (m,); the arrays are shared, extras are not."""
        twin = Clip(self.name, [track.mapped(old, new, store) for track in self._tracks], self.duration, dict(self.extras))
        twin._origin = self._origin
        return twin

    def drives(self, ids: frozenset[int]) -> bool:
        """Whether any of the nodes is a target."""
        if self._nodes is None:
            targets = [track.target for track in self._tracks if isinstance(track.target, np.ndarray)]
            known = np.unique(np.concatenate(targets)) if targets else np.zeros(0, np.uint32)
            self._nodes = frozenset(known.tolist()) if len(known) <= _FEW else known
        if isinstance(self._nodes, frozenset):
            return not self._nodes.isdisjoint(ids)
        return bool(np.isin(self._nodes, np.fromiter(ids, np.uint32, len(ids))).any())

    def has_targets(self, store: Store) -> bool:
        """Whether a node that it drives is left, or it drives none."""
        targets = [track.target for track in self._tracks if isinstance(track.target, np.ndarray)]
        return not targets or any(store.is_alive(number) for ids in targets for number in ids.tolist() if number)


class Clips(Sequence[Clip]):
    """The clips of a scene: a sequence that also takes names; of clips with one name the first counts.

    Clips that drove nodes of which none is left are dropped, at the latest when their number has doubled.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clips: list[Clip] = []
        self._sweep_at = 64

    def __len__(self) -> int:
        return len(self._clips)

    def __iter__(self) -> Iterator[Clip]:
        return iter(tuple(self._clips))

    @overload
    def __getitem__(self, key: int | str) -> Clip: ...
    @overload
    def __getitem__(self, key: slice) -> list[Clip]: ...
    def __getitem__(self, key: int | str | slice) -> Clip | list[Clip]:
        """Return a clip by number or name, or the clips of a slice; KeyError and IndexError where there is none."""
        if not isinstance(key, str):
            return self._clips[key]
        for clip in self._clips:
            if clip.name == key:
                return clip
        raise KeyError(f"no clip is named {key!r}; there are {', '.join(repr(clip.name) for clip in self._clips[:20]) or 'none'}")

    def __repr__(self) -> str:
        return f"<Clips {[clip.name for clip in self._clips]!r}>"

    def of(self, node: Node) -> list[Clip]:
        """Return the clips that drive a node or something below it, such as one figure of a thousand.

        Raises
        ------
        InvalidInput
            Not a node of this scene.
        """
        if not isinstance(node, Node) or node.store is not self._store:
            raise InvalidInput(f"clips.of() takes a Node of this scene, not {type(node).__name__}.")
        below = frozenset(self._store.subtree(node.id).tolist())
        return [clip for clip in self._clips if clip.drives(below)]

    def _add(self, clip: Clip) -> None:
        if len(self._clips) >= self._sweep_at:
            self._clips = [kept for kept in self._clips if kept.has_targets(self._store)]
            self._sweep_at = 2 * len(self._clips) + 64
        self._clips.append(clip)


def checked_seconds(value: float, what: str) -> float:
    """Return a time: a number of seconds within +-1e12.

    Raises
    ------
    InvalidInput
        It is no such number.
    """
    return number(value, what, -LONGEST, LONGEST)
