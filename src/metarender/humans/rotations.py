"""Quaternions xyzw in arrays: products, inverses, turning vectors, and the shortest turn from one direction to another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def multiply(a: Array, b: Array) -> Array:
    """Return the turns of b (..., 4) followed by those of a (..., 4)."""
    ax, ay, az, aw = np.moveaxis(a, -1, 0)
    bx, by, bz, bw = np.moveaxis(b, -1, 0)
    return np.stack([aw * bx + ax * bw + ay * bz - az * by, aw * by - ax * bz + ay * bw + az * bx,
                     aw * bz + ax * by - ay * bx + az * bw, aw * bw - ax * bx - ay * by - az * bz], axis=-1)


def inverse(a: Array) -> Array:
    """Return the turn back of unit quaternions (..., 4)."""
    back: Array = a * np.array((-1.0, -1.0, -1.0, 1.0))
    return back


def turn(a: Array, v: Array) -> Array:
    """Return vectors (..., 3) turned by unit quaternions (..., 4)."""
    axis, w = a[..., :3], a[..., 3:]
    twice = 2 * np.cross(axis, v)
    result: Array = v + w * twice + np.cross(axis, twice)
    return result


def unit(v: Array) -> Array:
    """Return vectors of length 1; those of length 0 stay."""
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    result: Array = np.divide(v, length, out=np.zeros_like(v), where=length > 0)
    return result


def about(axis: Array, angle: Array) -> Array:
    """Return turns about unit axes (..., 3) by angles (...) in radians."""
    half = np.asarray(angle)[..., None] / 2
    return np.concatenate([axis * np.sin(half), np.broadcast_to(np.cos(half), (*np.broadcast_shapes(axis.shape[:-1], half.shape[:-1]), 1))],
                          axis=-1)


def between(a: Array, b: Array) -> Array:
    """Return the shortest turns (..., 4) from directions a to b (..., 3), of any length; none where one has no length, half a turn about
    any axis square to them where they are opposite."""
    a, b = np.broadcast_arrays(unit(a), unit(b))
    cosine = (a * b).sum(axis=-1)
    found = np.concatenate([np.cross(a, b), (1 + cosine)[..., None]], axis=-1)
    across = np.cross(a, np.where(np.abs(a[..., :1]) < 0.7, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
    opposite = np.concatenate([across, np.zeros((*across.shape[:-1], 1))], axis=-1)
    found = np.where((cosine < -1 + 1e-12)[..., None], opposite, found)
    nothing = (a == 0).all(axis=-1) | (b == 0).all(axis=-1)
    return unit(np.where(nothing[..., None], (0.0, 0.0, 0.0, 1.0), found))


def of_matrix(m: Array) -> Array:
    """Return the unit quaternion (4,) of the turn in a 3x3 matrix with one scale for all axes."""
    length = np.cbrt(np.linalg.det(m))
    r = m / length
    # The four columns are the quaternion times each of its own parts; the longest is the surest (Shepperd).
    k = np.array([[1 + r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0], r[2, 1] - r[1, 2]],
                  [r[0, 1] + r[1, 0], 1 - r[0, 0] + r[1, 1] - r[2, 2], r[1, 2] + r[2, 1], r[0, 2] - r[2, 0]],
                  [r[0, 2] + r[2, 0], r[1, 2] + r[2, 1], 1 - r[0, 0] - r[1, 1] + r[2, 2], r[1, 0] - r[0, 1]],
                  [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1 + r[0, 0] + r[1, 1] + r[2, 2]]])
    return unit(k[int(np.argmax(np.diagonal(k)))])


def steady(a: Array) -> Array:
    """Return quaternions (t, ..., 4) with signs such that each is the nearer of the two to the one before: blending takes the short way."""
    flips = np.where((a[1:] * a[:-1]).sum(axis=-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones((1, *flips.shape[1:])), np.cumprod(flips, axis=0)])
    result: Array = a * signs[..., None]
    return result
