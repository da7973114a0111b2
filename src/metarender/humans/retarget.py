"""The motion of one skeleton on another: turned as the captured joints turn, from the other's own rest pose."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import InvalidInput
from .motion import Motion, Skeleton
from .rotations import Array, about, between, inverse, multiply, of_matrix, steady, turn


def retarget(motion: Motion, skeleton: Skeleton, names: Mapping[str, str], *, root: str | None = None, in_place: bool = False) -> Motion:
    """Return the motion for another skeleton.

    A joint turns in the world as the captured one turns away from its rest pose, on top of its own rest pose; where the bones of the two
    point elsewhere at rest (arms down instead of aside), that difference is taken away first. The figure keeps its lengths of bones;
    steps are as long as its legs allow, and its feet stay on its own ground.

    Parameters
    ----------
    motion : Motion
        +Y is up in its world.
    skeleton : Skeleton
        Likewise. It may face another way.
    names : mapping of str to str
        Joint of `skeleton` to joint of the motion; others keep their rest pose.
    root : str, optional
        Joint of `skeleton` that is moved about, mapped; by default the first that is.
    in_place : bool
        Leave out how the figure travels; it still goes up and down.

    Returns
    -------
    Motion
        Of `skeleton`, with the times of `motion`.

    Raises
    ------
    InvalidInput
        A name that one of them does not have, or no names at all.
    """
    rows = {_row(skeleton.names, name): motion.joint(other) for name, other in names.items()}
    if not rows:
        raise InvalidInput("retarget needs names such as {'mixamorig:Hips': 'Hips'}; the mapping is empty.")
    top = min(rows) if root is None else _row(skeleton.names, root)
    if top not in rows:
        raise InvalidInput(f"retarget root={root!r} is not in names; map it, too.")
    theirs, their_turns = motion.skeleton.world()
    ours, our_turns = skeleton.world()
    facing = _yaw(theirs, ours, rows)
    places, turns = motion.world()
    world = _turned(skeleton, rows, facing, (turn(facing, theirs), our_turns), ours, multiply(turns, inverse(their_turns)))
    rotations = _local_rotations(skeleton, rows, world)
    positions = np.repeat(skeleton.positions[None], len(motion.times), axis=0)
    positions[:, top] = _root_path(motion, skeleton, rotations, top, _steps(places, theirs, ours, rows, top, facing, in_place))
    return Motion(skeleton, motion.times, steady(rotations), positions)


def _row(names: tuple[str, ...], name: str) -> int:
    if name not in names:
        raise InvalidInput(f"the skeleton has no joint {name!r}; it has {', '.join(names)}.")
    return names.index(name)


def _yaw(theirs: Array, ours: Array, rows: dict[int, int]) -> Array:
    """The turn about +Y that lays one rest pose best over the other (least squares over mapped joints)."""
    a, b = theirs[list(rows.values())][:, [0, 2]], ours[list(rows)][:, [0, 2]]
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    angle = np.arctan2((a[:, 1] * b[:, 0] - a[:, 0] * b[:, 1]).sum(), (a * b).sum())
    return about(np.array((0.0, 1.0, 0.0)), np.array(angle))


def _turned(skeleton: Skeleton, rows: dict[int, int], facing: Array, rest: tuple[Array, Array], ours: Array,
            moved: Array) -> dict[int, Array]:
    """World rotations (t, 4) of mapped joints: how the captured joint moved, after its bone was laid along the captured one."""
    theirs, our_turns = rest
    found: dict[int, Array] = {}
    corrections: dict[int, Array] = {}
    for joint, other in sorted(rows.items()):  # parents first
        above = _mapped_above(skeleton, rows, joint)
        child = _mapped_below(skeleton, rows, joint)
        if child is None:
            corrections[joint] = corrections.get(above, np.array((0.0, 0.0, 0.0, 1.0)))
        else:
            corrections[joint] = between(ours[child] - ours[joint], theirs[rows[child]] - theirs[other])
        movement = multiply(multiply(facing, moved[:, other]), inverse(facing))
        found[joint] = multiply(movement, multiply(corrections[joint], our_turns[joint]))
    return found


def _mapped_above(skeleton: Skeleton, rows: dict[int, int], joint: int) -> int:
    """The nearest mapped ancestor, or -1."""
    joint = int(skeleton.parents[joint])
    while joint >= 0 and joint not in rows:
        joint = int(skeleton.parents[joint])
    return joint


def _mapped_below(skeleton: Skeleton, rows: dict[int, int], joint: int) -> int | None:
    """The one mapped joint that a bone ends in; of several, the one that goes most upwards is the spine's."""
    below = [other for other in rows if _mapped_above(skeleton, rows, other) == joint]
    if len(below) < 2:
        return below[0] if below else None
    heights = skeleton.world()[0][:, 1]
    return max(below, key=lambda other: heights[other])


def _local_rotations(skeleton: Skeleton, rows: dict[int, int], world: dict[int, Array]) -> Array:
    """Local rotations (t, j, 4): of mapped joints what brings them where they turn to, of others as at rest."""
    frames = len(next(iter(world.values())))
    local = np.repeat(skeleton.rotations[None], frames, axis=0)
    facing = np.empty_like(local)
    top = of_matrix(skeleton.above[:3, :3])
    for joint, parent in enumerate(skeleton.parents.tolist()):
        above = np.broadcast_to(top, (frames, 4)) if parent < 0 else facing[:, parent]
        if joint in rows:
            local[:, joint] = multiply(inverse(above), world[joint])
        facing[:, joint] = multiply(above, local[:, joint])
    return local


def _steps(places: Array, theirs: Array, ours: Array, rows: dict[int, int], top: int, facing: Array, in_place: bool) -> Array:
    """World positions (t, 3) of the root: from its rest place, in steps scaled by the heights of the two above their ground."""
    low_theirs, low_ours = theirs[list(rows.values()), 1].min(), ours[list(rows), 1].min()
    tall = theirs[rows[top], 1] - low_theirs
    scale = (ours[top, 1] - low_ours) / tall if tall > 0 else 1.0
    path = places[:, rows[top]]
    ground = places[:, list(rows.values()), 1].min() if len(rows) > 1 else 0.0
    moved = turn(facing, path - path[0]) * scale
    moved[:, 1] = low_ours + (path[:, 1] - ground) * scale - ours[top, 1]
    if in_place:
        moved[:, [0, 2]] = 0.0
    steps: Array = ours[top] + moved
    return steps


def _root_path(motion: Motion, skeleton: Skeleton, rotations: Array, top: int, world: Array) -> Array:
    """Positions of the root local to its parent, which stands where it stands."""
    parent = int(skeleton.parents[top])
    if parent < 0:
        inward = np.linalg.inv(skeleton.above)
        local: Array = world @ inward[:3, :3].T + inward[:3, 3]
        return local
    still = Motion(skeleton, motion.times, rotations, np.repeat(skeleton.positions[None], len(world), axis=0))
    places, turns = still.world()
    scale = np.cbrt(np.linalg.det(skeleton.above[:3, :3]))
    below: Array = turn(inverse(turns[:, parent]), world - places[:, parent]) / scale
    return below
