"""Limbs that reach and heads that look: formulas over world positions and rotations, for any number of frames and figures at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..checks import number
from ..errors import InvalidInput
from .motion import as_rows
from .rotations import Array, about, between, multiply, turn, unit


def two_bone(root: ArrayLike, middle: ArrayLike, end: ArrayLike, target: ArrayLike, pole: ArrayLike | None = None) -> tuple[Array, Array]:
    """Bend a limb of two bones so that its end reaches a target.

    Parameters
    ----------
    root, middle, end : (..., 3), metres, world space
        Shoulder, elbow and hand; hip, knee and foot.
    target : (..., 3), metres, world space
        Too far away, the limb points at it stretched out; too near, it is folded as far as it goes.
    pole : (..., 3), metres, world space, optional
        A point that the elbow or knee shall look to; by default it stays on the side where it is.

    Returns
    -------
    upper, lower : (..., 4) float64
        Turns in world space, xyzw, to be put in front of the world rotations of the two joints: the new middle is
        ``root + upper * (middle - root)``, the new end ``middle' + lower * (end - middle)``. Below, everything turns with `lower`.

    Raises
    ------
    InvalidInput
        Wrong shapes, or values that are not finite.
    """
    named = {"root": root, "middle": middle, "end": end, "target": target, **({} if pole is None else {"pole": pole})}
    rows = [as_rows(value, f"two_bone {name}", 3) for name, value in named.items()]
    try:
        a, b, c, goal, *poles = np.broadcast_arrays(*rows)
    except ValueError:
        raise InvalidInput(f"two_bone needs arrays that fit together, not {', '.join(str(row.shape) for row in rows)}.") from None
    long, short = np.linalg.norm(b - a, axis=-1), np.linalg.norm(c - b, axis=-1)
    reach = np.linalg.norm(goal - a, axis=-1)
    along = unit(np.where((reach > 0)[..., None], goal - a, c - a))
    span = np.clip(reach, np.abs(long - short), long + short)
    side = _beside(along, (poles[0] if poles else b) - a, b - a)
    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = np.where((span > 0) & (long > 0), (long**2 + span**2 - short**2) / (2 * long * span), 0.0)
    cosine = np.clip(cosine, -1.0, 1.0)[..., None]
    bent = a + long[..., None] * (along * cosine + side * np.sqrt(1 - cosine**2))
    reached = a + along * span[..., None]
    return between(b - a, bent - a), between(c - b, reached - bent)


def _beside(along: Array, wanted: Array, other: Array) -> Array:
    """Unit vectors square to `along`, on the side of `wanted`, else of `other`, else on any."""
    found = np.zeros_like(along)
    anywhere = np.where(np.abs(along[..., :1]) < 0.7, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    for candidate in (wanted, other, np.broadcast_to(anywhere, along.shape)):
        across = candidate - along * (candidate * along).sum(axis=-1, keepdims=True)
        length, scale = np.linalg.norm(across, axis=-1), np.linalg.norm(candidate, axis=-1)
        missing = ~found.any(axis=-1) & (length > 1e-9 * scale)
        found = np.where(missing[..., None], unit(across), found)
    return found


def aim(position: ArrayLike, rotation: ArrayLike, target: ArrayLike, *, forward: ArrayLike = (0.0, 0.0, 1.0),
        most: float = math.pi) -> Array:
    """Turn a head or an eye so that it looks at a target.

    Parameters
    ----------
    position : (..., 3), metres, world space
    rotation : (..., 4)
        World rotation as it is, xyzw.
    target : (..., 3), metres, world space
    forward : (3,)
        Where the joint looks in its own space.
    most : float, radians
        It turns no further than that.

    Returns
    -------
    (..., 4) float64
        World rotation that looks at the target, or towards it; turned the shortest way.

    Raises
    ------
    InvalidInput
        Wrong shapes, or values that are not finite.
    """
    places, turns, targets = (as_rows(value, f"aim {name}", width) for name, value, width in
                              (("position", position, 3), ("rotation", rotation, 4), ("target", target, 3)))
    ahead, limit = as_rows(forward, "aim forward", 3), number(most, "aim most", 0.0, math.pi)
    try:
        many = np.broadcast_shapes(places.shape[:-1], turns.shape[:-1], targets.shape[:-1])
    except ValueError:
        raise InvalidInput(f"aim needs arrays that fit together, not {places.shape}, {turns.shape}, {targets.shape}.") from None
    if ahead.ndim > 1:
        raise InvalidInput(f"aim forward must have shape (3,), not {ahead.shape}; it is the same for all.")
    if not np.linalg.norm(turns, axis=-1).all() or not np.linalg.norm(ahead):
        raise InvalidInput("aim needs rotations and a forward direction of a length above 0; give (0, 0, 0, 1) for no rotation.")
    turns = np.broadcast_to(unit(turns), (*many, 4))
    swing = between(turn(turns, np.broadcast_to(ahead, (*turns.shape[:-1], 3))), targets - places)
    angle = 2 * np.arctan2(np.linalg.norm(swing[..., :3], axis=-1), swing[..., 3])
    limited = about(unit(swing[..., :3]), np.minimum(angle, limit))
    return unit(multiply(np.where((angle > limit)[..., None], limited, swing), turns))
