"""Skeletons at rest, and their motion as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._core import Node
from ..animation import Track
from ..errors import InvalidInput
from .rotations import Array, multiply, of_matrix, turn

__all__ = ["Motion", "Skeleton"]

_LARGEST = 1e15
"""Numbers below it may be squared and added up."""


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Joints at rest, parents before children.

    Attributes
    ----------
    names : tuple of str
    parents : (j,) int
        Of each joint, -1 where it has none.
    positions : (j, 3) float64, metres
        Local to the parent.
    rotations : (j, 4) float64
        Local, xyzw.
    above : (4, 4) float64
        World matrix of what the first joint hangs from; it has one scale for all axes.
    ids : (j,) uint32 or None
        Of the nodes that it was taken from, in its order.

    Raises
    ------
    InvalidInput
        Shapes that do not fit together, or a parent behind its child.
    """

    names: tuple[str, ...]
    parents: NDArray[np.int64]
    positions: Array
    rotations: Array
    above: Array
    ids: NDArray[np.uint32] | None = None

    def __post_init__(self) -> None:
        count = len(self.names)
        _check_shapes("Skeleton", parents=(self.parents, (count,)), positions=(self.positions, (count, 3)),
                      rotations=(self.rotations, (count, 4)), above=(self.above, (4, 4)))
        if not count or (np.asarray(self.parents) >= np.arange(count)).any() or np.min(self.parents) < -1:
            raise InvalidInput("a Skeleton needs joints, each behind its parent; -1 is the parent of one that has none.")

    @classmethod
    def of(cls, joints: Sequence[Node]) -> Skeleton:
        """Take the skeleton of nodes as they stand, such as the joints of a skin, in any order.

        Parameters
        ----------
        joints : sequence of Node
            Of one scene. A joint whose parent is not among them is a root; there is one.

        Raises
        ------
        InvalidInput
            No nodes, several roots, a sheared node, a joint that is scaled, or one below a scale of 0 or of several axes' own.
        """
        nodes = list(joints)
        if not nodes or not all(isinstance(node, Node) for node in nodes):
            raise InvalidInput("Skeleton.of needs nodes, such as [scene.node(k) for k in figure.joints].")
        store, known = nodes[0].store, {node.id for node in nodes}
        roots = [node for node in nodes if node.parent is None or node.parent.id not in known]
        order = [number for number in store.subtree(roots[0].id).tolist() if number in known]
        if len(order) != len(nodes) or len(roots) != 1:
            raise InvalidInput(f"Skeleton.of needs the joints of one tree, each once; these have {len(roots)} roots.")
        row = {number: k for k, number in enumerate(order)}
        placed = [Node(store, number) for number in order]
        parents = np.array([-1, *(row[node.parent.id] for node in placed[1:] if node.parent is not None)])
        for node in placed:
            if np.abs(node.scale - 1).max() > 1e-3:
                raise InvalidInput(f"the joint {node.name!r} is scaled by {node.scale.tolist()}; apply scales before retargeting.")
        parent = placed[0].parent
        above = np.eye(4) if parent is None else np.asarray(parent.world_matrix, np.float64)
        square, size = above[:3, :3].T @ above[:3, :3], abs(np.linalg.det(above[:3, :3])) ** (2 / 3)
        if not size > 0:
            raise InvalidInput(f"what the joint {placed[0].name!r} hangs from is scaled to nothing; give it a scale other than 0.")
        if np.abs(square / size - np.eye(3)).max() > 1e-3:
            raise InvalidInput(f"what the joint {placed[0].name!r} hangs from is scaled by another number along each axis, or sheared; "
                               "give it one scale.")
        return cls(tuple(node.name for node in placed), parents, np.array([node.position for node in placed]),
                   np.array([node.rotation for node in placed]), above, np.array(order, np.uint32))

    def world(self) -> tuple[Array, Array]:
        """Return world positions (j, 3) and rotations (j, 4) at rest."""
        positions, rotations = _world(self, self.positions[None], self.rotations[None])
        return positions[0], rotations[0]


@dataclass(frozen=True, slots=True)
class Motion:
    """How the joints of a skeleton move.

    Attributes
    ----------
    skeleton : Skeleton
    times : (t,) float64, seconds
    rotations : (t, j, 4) float64
        Local, xyzw, unit; each the nearer of two signs to the frame before.
    positions : (t, j, 3) float64, metres
        Local; of most joints what they are at rest.

    Raises
    ------
    InvalidInput
        No frames, or shapes that do not fit together.
    """

    skeleton: Skeleton
    times: Array
    rotations: Array
    positions: Array

    def __post_init__(self) -> None:
        frames, joints = len(self.times), len(self.skeleton.names)
        if not frames:
            raise InvalidInput("a Motion needs at least one frame.")
        _check_shapes("Motion", times=(self.times, (frames,)), rotations=(self.rotations, (frames, joints, 4)),
                      positions=(self.positions, (frames, joints, 3)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the joints."""
        return self.skeleton.names

    def world(self) -> tuple[Array, Array]:
        """Return world positions (t, j, 3) and rotations (t, j, 4)."""
        return _world(self.skeleton, self.positions, self.rotations)

    def between(self, start: float, end: float) -> Motion:
        """Return the frames from `start` to `end` seconds, whose times start at 0.

        Raises
        ------
        InvalidInput
            There are none.
        """
        chosen = (self.times >= start) & (self.times <= end)
        if not chosen.any():
            raise InvalidInput(f"the motion has no frames from {start:g} to {end:g} s; it lasts from {self.times[0]:g} to "
                               f"{self.times[-1]:g} s.")
        times = self.times[chosen]
        return Motion(self.skeleton, times - times[0], self.rotations[chosen], self.positions[chosen])

    def tracks(self) -> list[Track]:
        """Return what plays the motion on the nodes that its skeleton was taken from: ``scene.play(Clip("walk", motion.tracks()))``.

        Raises
        ------
        InvalidInput
            The skeleton was not taken from nodes, or they are gone.
        """
        ids = self.skeleton.ids
        if ids is None:
            raise InvalidInput("the motion is of no nodes; retarget it to a Skeleton.of nodes first.")
        moving = np.flatnonzero((self.positions != self.skeleton.positions).any(axis=(0, 2)))
        turns = Track(ids, "rotation", self.times, self.rotations)
        return [turns, *([Track(ids[moving], "position", self.times, self.positions[:, moving])] if len(moving) else [])]

    def joint(self, name: str) -> int:
        """Return the row of a joint by name; InvalidInput where there is none."""
        if name not in self.names:
            raise InvalidInput(f"the motion has no joint {name!r}; it has {', '.join(self.names)}.")
        return self.names.index(name)


def _world(skeleton: Skeleton, positions: Array, rotations: Array) -> tuple[Array, Array]:
    """World positions and rotations of local ones: a step for each joint, over all frames at once."""
    place, facing = np.empty_like(positions), np.empty_like(rotations)
    top = of_matrix(skeleton.above[:3, :3])
    scale = np.cbrt(np.linalg.det(skeleton.above[:3, :3]))
    for joint, parent in enumerate(skeleton.parents.tolist()):
        if parent < 0:
            place[:, joint] = positions[:, joint] @ skeleton.above[:3, :3].T + skeleton.above[:3, 3]
            facing[:, joint] = multiply(top, rotations[:, joint])
        else:
            place[:, joint] = place[:, parent] + turn(facing[:, parent], positions[:, joint]) * scale
            facing[:, joint] = multiply(facing[:, parent], rotations[:, joint])
    return place, facing


def _check_shapes(what: str, **given: tuple[Array | NDArray[np.int64], tuple[int, ...]]) -> None:
    """Raise InvalidInput where an array has another shape than it should."""
    for name, (array, shape) in given.items():
        if np.shape(array) != shape:
            raise InvalidInput(f"{what} {name} must have shape {shape}, not {np.shape(array)}.")


def as_rows(value: ArrayLike, what: str, width: int) -> Array:
    """Return float64 of (..., width), of numbers whose squares are still finite.

    Raises
    ------
    InvalidInput
        Another shape, no numbers, or larger ones.
    """
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise InvalidInput(f"{what} must be numbers of shape (..., {width}).") from None
    if array.shape[-1:] != (width,):
        raise InvalidInput(f"{what} must be numbers of shape (..., {width}), not {array.shape}.")
    if not (np.abs(array) < _LARGEST).all():
        raise InvalidInput(f"{what} must be finite numbers below {_LARGEST:g}.")
    return array
