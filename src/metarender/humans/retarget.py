"""The motion of one skeleton on another: turned as the captured joints turn, from the other's own rest pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import InvalidInput
from .limbs import two_bone
from .motion import Motion, Skeleton
from .rotations import Array, about, between, inverse, multiply, of_matrix, steady, turn


def retarget(motion: Motion, skeleton: Skeleton, names: Mapping[str, str], *, root: str | None = None, in_place: bool = False,
             feet: Sequence[str] = ()) -> Motion:
    """Return the motion for another skeleton.

    A joint turns in the world as the captured one turns away from its rest pose, on top of its own rest pose; where the bones of the two
    point elsewhere at rest (arms down instead of aside), that difference is taken away first. The figure keeps its lengths of bones;
    steps are as long as its legs allow, and the lowest that a mapped joint comes in the motion is the figure's own ground.

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
    feet : sequence of str
        Joints of `skeleton`, mapped as the two above each are, that step where the captured ones do; the legs bend for it. Without, feet
        slide by what thighs and shins of the two differ.

    Returns
    -------
    Motion
        Of `skeleton`, with the times of `motion`.

    Raises
    ------
    InvalidInput
        A name that one of them does not have, no names at all, or a foot without a leg of two mapped joints below the root.
    """
    rows = {_row(skeleton.names, name): motion.joint(other) for name, other in names.items()}
    if not rows:
        raise InvalidInput("retarget needs names such as {'mixamorig:Hips': 'Hips'}; the mapping is empty.")
    top = min(rows) if root is None else _row(skeleton.names, root)
    if top not in rows:
        raise InvalidInput(f"retarget root={root!r} is not in names; map it, too.")
    above = _mapped_above(skeleton, rows)
    theirs, their_turns = motion.skeleton.world()
    ours, our_turns = skeleton.world()
    facing = _yaw(theirs, ours, rows)
    places, turns = motion.world()
    world = _turned(above, rows, facing, (turn(facing, theirs), our_turns), ours, multiply(turns, inverse(their_turns)))
    rotations = _local_rotations(skeleton, rows, world)
    stride = _stride(theirs, ours, rows, above, top)
    path = _path(places[:, rows[top]], ours[top], facing, stride, in_place)
    positions = np.repeat(skeleton.positions[None], len(motion.times), axis=0)
    positions[:, top] = _root_positions(Motion(skeleton, motion.times, rotations, positions), top, path, _below(above, top))
    if feet:
        legs = [_leg(above, top, foot, _row(skeleton.names, foot)) for foot in feet]
        stood = Motion(skeleton, motion.times, rotations, positions).world()[0]
        for leg in legs:
            step = stood[:, top] + turn(facing, places[:, rows[leg[-1]]] - places[:, rows[top]]) * stride
            _bend(world, stood, leg, step)
        rotations = _local_rotations(skeleton, rows, world)
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


def _mapped_above(skeleton: Skeleton, rows: dict[int, int]) -> dict[int, int]:
    """The nearest mapped ancestor of each mapped joint, or -1; parents first."""
    nearest: list[int] = []
    for parent in skeleton.parents.tolist():
        nearest.append(parent if parent < 0 or parent in rows else nearest[parent])
    return {joint: nearest[joint] for joint in sorted(rows)}


def _below(above: dict[int, int], top: int) -> list[int]:
    """A mapped joint and all that hang on it."""
    found = {top}
    found.update(joint for joint, parent in above.items() if parent in found)
    return sorted(found)


def _turned(above: dict[int, int], rows: dict[int, int], facing: Array, rest: tuple[Array, Array], ours: Array,
            moved: Array) -> dict[int, Array]:
    """World rotations (t, 4) of mapped joints: how the captured joint moved, after its bone was laid along the captured one."""
    theirs, our_turns = rest
    ends: dict[int, int] = {}
    for joint, parent in above.items():  # of several bones, the one whose end is highest is the spine's
        if parent not in ends or ours[joint, 1] > ours[ends[parent], 1]:
            ends[parent] = joint
    found: dict[int, Array] = {}
    corrections: dict[int, Array] = {-1: np.array((0.0, 0.0, 0.0, 1.0))}
    for joint, parent in above.items():
        if joint in ends:
            corrections[joint] = between(ours[ends[joint]] - ours[joint], theirs[rows[ends[joint]]] - theirs[rows[joint]])
        else:
            corrections[joint] = corrections[parent]
        movement = multiply(multiply(facing, moved[:, rows[joint]]), inverse(facing))
        found[joint] = multiply(movement, multiply(corrections[joint], our_turns[joint]))
    return found


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


def _stride(theirs: Array, ours: Array, rows: dict[int, int], above: dict[int, int], top: int) -> float:
    """How much longer the figure's legs are than the captured ones, so that feet on the ground stand still.

    Lengths of bones are compared, since legs may be straddled at rest; how far the hips are apart is no part of a step.
    """
    leg = [min(_below(above, top), key=lambda joint: float(ours[joint, 1]))]
    while leg[-1] != top:
        leg.append(above[leg[-1]])
    if len(leg) > 2:
        del leg[-1]
    bones = (ours[leg], theirs[[rows[joint] for joint in leg]])
    own, captured = (np.linalg.norm(np.diff(places, axis=0), axis=1).sum() for places in bones)
    return float(own / captured) if captured > 0 else 1.0


def _path(captured: Array, start: Array, facing: Array, stride: float, in_place: bool) -> Array:
    """World positions (t, 3) of the root from its rest place on, at heights that are not yet those of its own ground."""
    moved = turn(facing, captured - captured[0]) * stride
    if in_place:
        moved[:, [0, 2]] = 0.0
    path: Array = start + moved
    return path


def _root_positions(still: Motion, top: int, path: Array, below: list[int]) -> Array:
    """Local positions (t, 3) of the root: along its path, so high that the lowest joint of all frames is as low as the lowest at rest.

    `still` turns as the figure will, its root in its rest place.
    """
    skeleton = still.skeleton
    places, turns = still.world()
    low = (path[:, 1] + (places[:, below, 1] - places[:, [top], 1]).min(axis=1)).min()
    world = path + (0.0, skeleton.world()[0][below, 1].min() - low, 0.0)
    parent = int(skeleton.parents[top])
    if parent < 0:
        inward = np.linalg.inv(skeleton.above)
        local: Array = world @ inward[:3, :3].T + inward[:3, 3]
        return local
    scale = np.cbrt(np.linalg.det(skeleton.above[:3, :3]))
    hung: Array = turn(inverse(turns[:, parent]), world - places[:, parent]) / scale
    return hung


def _leg(above: dict[int, int], top: int, name: str, foot: int) -> tuple[int, int, int]:
    """Thigh, shin and foot."""
    shin = above.get(foot, -1)
    thigh = above.get(shin, -1)
    if thigh < 0 or thigh == top:
        raise InvalidInput(f"retarget feet={name!r} needs a leg; map the foot and the two joints above it, which lie below the root.")
    return thigh, shin, foot


def _bend(world: dict[int, Array], places: Array, leg: tuple[int, int, int], step: Array) -> None:
    """Turn thigh and shin in `world` so that the foot, as high as it is, stands over or under `step` (t, 3)."""
    thigh, shin, foot = leg
    target = np.where((False, True, False), places[:, foot], step)
    upper, lower = two_bone(places[:, thigh], places[:, shin], places[:, foot], target)
    world[thigh], world[shin] = multiply(upper, world[thigh]), multiply(lower, world[shin])
