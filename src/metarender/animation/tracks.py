"""Track: values over time for nodes, parts, a material, a light or a camera, as immutable arrays."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal
from weakref import ref

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import (
    CUBIC,
    DRIVE_COLOR,
    DRIVE_FLAG,
    DRIVE_POSITION,
    DRIVE_ROTATION,
    DRIVE_SCALE,
    DRIVE_SHOW,
    DRIVE_VALUE,
    DRIVE_WEIGHTS,
    LINEAR,
    STEP,
    Node,
    Store,
)
from ..errors import InvalidInput
from ..parts import Parts
from .attributes import Described, attributes_of

Interpolation = Literal["step", "linear", "cubic"]
CURVES = {"step": STEP, "linear": LINEAR, "cubic": CUBIC}
PATHS = {
    "position": (DRIVE_POSITION, 3), "rotation": (DRIVE_ROTATION, 4), "scale": (DRIVE_SCALE, 3), "visible": (DRIVE_SHOW, 1),
    "color": (DRIVE_COLOR, 4), "value": (DRIVE_VALUE, 1), "ghost": (DRIVE_FLAG, 1), "selected": (DRIVE_FLAG + 1, 1),
    "highlighted": (DRIVE_FLAG + 2, 1), "weights": (DRIVE_WEIGHTS, 0),
}
"""What of a node can be driven: kind in the core, and numbers of one value (0: as many as it has morphs)."""
MOST_WEIGHTS = 1024

_LIMITS = {"position": 1e15, "scale": 1e18}
_LONGEST, _LARGEST = 1e12, 3.5e38


class Track:
    """Values over time of one property of one target or of many.

    Parameters
    ----------
    target : Node, sequence of Node, Parts, (n,) uint32 ids, Material, Light or Camera
    path : str
        Of nodes: ``"position"`` (metres, local), ``"rotation"`` (quaternion xyzw), ``"scale"``, ``"visible"``, ``"weights"`` (all of its
        morphs; values (k, w), the same for all targets), and the state of parts
        ``"color"`` (sRGB 0..255, alpha the share of the blend), ``"value"``, ``"ghost"``, ``"selected"``, ``"highlighted"``; switches
        are on from 0.5. Of a material, light or camera: the name of an attribute that is a number or a colour, such as ``"roughness"``,
        ``"color"`` (linear), ``"intensity"``, ``"fov"`` (degrees), and ``"color_texture.offset"``.
    times : (k,) float64, seconds, rising
    values : (k, w) for all targets, or (k, n, w) for each; (k,) and (k, n) where w is 1
        float32 or float64, kept as it is where nothing can write to it. For ``"cubic"`` (k, 3, ...): in-tangent, value and out-tangent
        of each key, tangents per second, as in glTF.
    interpolation : "step", "linear" or "cubic"
        Rotations that are linear turn the shorter way at constant speed.

    Attributes
    ----------
    target : (n,) uint32 ids, Material, Light or Camera
    path, times, values, interpolation
        As given, arrays read-only.

    Raises
    ------
    InvalidInput
        Wrong kinds or shapes, times that do not rise, values that are not finite, a quaternion of length zero.
    """

    __slots__ = ("_store", "interpolation", "path", "target", "times", "values")

    def __init__(self, target: Node | Parts | Described | ArrayLike | Sequence[Node], path: str, times: ArrayLike, values: ArrayLike,
                 interpolation: str = "linear") -> None:
        if not isinstance(interpolation, str) or interpolation not in CURVES:
            raise InvalidInput(f"Track interpolation={interpolation!r} is unknown; use one of {', '.join(CURVES)}.")
        self._store: ref[Store] | None = None
        self.target: NDArray[np.uint32] | Described = target if isinstance(target, Described) else self._ids(target)
        self.path = path
        self.interpolation = interpolation
        width, count = self._width()
        self.times = _times(times)
        self.values = self._values(values, width, count)

    @classmethod
    def of_checked(cls, target: NDArray[np.uint32] | Described, path: str, times: NDArray[np.float64], values: NDArray[Any],
                   interpolation: str) -> Track:
        """Return a track of read-only arrays that a loader has checked: values (k, rows, w), for cubic (k, 3, rows, w), rotations unit."""
        track = cls.__new__(cls)
        track._store, track.target, track.path, track.interpolation = None, target, path, interpolation
        track.times, track.values = times, values
        return track

    def __repr__(self) -> str:
        target = f"{len(self.target)} targets" if isinstance(self.target, np.ndarray) else repr(type(self.target).__name__)
        return f"<Track {self.path!r} of {target}, {len(self.times)} keys, {self.interpolation}>"

    @property
    def targets(self) -> int:
        """How many nodes, parts or descriptions it drives."""
        return len(self.target) if isinstance(self.target, np.ndarray) else 1

    def _ids(self, target: Any) -> NDArray[np.uint32]:
        if isinstance(target, Parts):
            self._store = ref(target.scene.store)
            found = target.ids
        else:
            given = [target] if isinstance(target, Node) else target
            if isinstance(given, (list, tuple)) and any(isinstance(node, Node) for node in given):
                stores = {id(node.store) for node in given if isinstance(node, Node)}
                if len(stores) > 1 or not all(isinstance(node, Node) for node in given):
                    raise InvalidInput("Track target must be nodes of one scene.")
                self._store = ref(given[0].store)
                given = [node.id for node in given]
            found = np.asarray(given)
        if found.ndim != 1 or not len(found) or found.dtype.kind not in "iu" or found.min() < 1 or found.max() > 0xFFFFFFFF:
            raise InvalidInput("Track target must be a Node, nodes, Parts with members, their ids, a Material, a Light or a Camera, "
                               f"not {type(target).__name__}.")
        return _frozen(found.astype(np.uint32), found)

    def _width(self) -> tuple[int, int]:
        """Return numbers of one value, and how many targets there are."""
        if not isinstance(self.path, str):
            raise InvalidInput(f"Track path must be a string such as 'position', not {type(self.path).__name__}.")
        if isinstance(self.target, np.ndarray):
            if self.path not in PATHS:
                raise InvalidInput(f"Track path={self.path!r} is nothing that nodes have; use one of {', '.join(PATHS)}.")
            return PATHS[self.path][1], len(self.target)
        known = attributes_of(self.target)
        if self.path not in known:
            raise InvalidInput(f"Track path={self.path!r} is nothing that can be animated of {type(self.target).__name__}; use one of "
                               f"{', '.join(known)}.")
        return known[self.path].width, 1

    def _values(self, values: ArrayLike, width: int, count: int) -> NDArray[Any]:
        """Return (k, rows, w), for cubic (k, 3, rows, w), rows 1 or n, checked and read-only."""
        try:
            array = _real(values)
            array = np.ascontiguousarray(array, np.float32 if array.dtype == np.float32 else np.float64)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"Track values of {self.path} must be numbers.") from None
        head: tuple[int, ...] = (len(self.times),) if self.interpolation != "cubic" else (len(self.times), 3)
        if not width:
            width = array.shape[-1] if array.ndim == len(head) + 1 and 0 < array.shape[-1] <= MOST_WEIGHTS else 1
        shapes = [(*head, width), (*head, count, width)] + ([head, (*head, count)] if width == 1 else [])
        shapes = shapes[:1] if self.path == "weights" else shapes
        if array.shape not in shapes:
            expected = " or ".join(str(shape) for shape in dict.fromkeys(shapes))
            raise InvalidInput(f"Track values of {self.path} must have shape {expected}, not {array.shape}.")
        rows = array.size // (int(np.prod(head)) * width)
        array = array.reshape(*head, rows, width)
        limit = _LIMITS.get(self.path, _LARGEST) if self.interpolation != "cubic" else _LARGEST
        if not float(np.abs(array).max(initial=0)) <= limit:
            raise InvalidInput(f"Track values of {self.path} must be finite and within +-{limit:.1e}.")
        if self.path == "rotation" and isinstance(self.target, np.ndarray):
            array = unit_rotations(array, self.interpolation)
        return _frozen(array, values)

    def belongs_to(self, store: Store) -> bool:
        """Whether the nodes are known to be of another scene, False, or may be of this one."""
        return self._store is None or self._store() is store

    def mapped(self, old: NDArray[np.uint32], new: NDArray[np.uint32], store: Store) -> Track:
        """Return the same track for other nodes, sharing its arrays; targets that are not in `old` become id 0, which is none.

        Parameters
        ----------
        old : (m,) uint32, rising
        new : (m,) uint32
            Id by row of `old`.
        """
        if not isinstance(self.target, np.ndarray):
            return self
        known = np.isin(self.target, old)
        twin = copy.copy(self)
        twin.target = np.zeros(len(known), np.uint32)
        twin.target[known] = new[np.searchsorted(old, self.target[known])]
        twin.target.flags.writeable = False
        twin._store = ref(store)
        return twin


def unit_rotations(array: NDArray[Any], interpolation: str) -> NDArray[Any]:
    """Make rotations (..., rows, 4) of unit length; those of cubic curves are left to their tangents.

    Raises
    ------
    InvalidInput
        A key has length zero.
    """
    keys = array[:, 1] if interpolation == "cubic" else array
    length = np.sqrt((keys.astype(np.float64) ** 2).sum(-1, keepdims=True))
    if not (length > 1e-12).all():
        raise InvalidInput(f"Track rotation of key {int(np.argwhere(length <= 1e-12)[0, 0])} has length zero; give (0, 0, 0, 1) for none.")
    if interpolation == "cubic" or (abs(length - 1) < (1e-6 if array.dtype == np.float32 else 1e-12)).all():
        return array
    unit: NDArray[Any] = (array / length).astype(array.dtype)
    return unit


def _real(values: ArrayLike) -> NDArray[Any]:
    """Return an array of real numbers; TypeError where it holds text, dates or complex numbers, which numpy would turn into some."""
    array = np.asarray(values)
    if array.dtype.kind not in "biufO":
        raise TypeError
    return array


def _times(times: ArrayLike) -> NDArray[np.float64]:
    try:
        array = np.ascontiguousarray(_real(times), np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput("Track times must be numbers of shape (k,).") from None
    if array.ndim != 1 or not len(array):
        raise InvalidInput(f"Track times must have shape (k,) with at least one, not {array.shape}.")
    if not np.abs(array).max() <= _LONGEST:
        raise InvalidInput(f"Track times must be finite seconds within +-{_LONGEST:.0e}.")
    if not (array[1:] > array[:-1]).all():
        key = int(np.argmin(array[1:] > array[:-1])) + 1
        raise InvalidInput(f"Track times must rise, but key {key} at {array[key]} s comes after one at {array[key - 1]} s.")
    return _frozen(array, times)


def _frozen(array: NDArray[Any], given: Any) -> NDArray[Any]:
    """Make an array read-only, and a copy first where it is memory that its giver may still write."""
    if array.flags.writeable and isinstance(given, np.ndarray) and np.may_share_memory(array, given):
        array = array.copy()
    array.flags.writeable = False
    return array
