"""What deforms a geometry: skins, morphs, the influences of joints on vertices; and posed vertices, for rays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import attribute, frozen
from .errors import InvalidInput
from .origin import Origin

if TYPE_CHECKING:
    from .geometry import Geometry

MOST_INFLUENCES = 8
"""Joints that one vertex follows at most; of more, those with the largest weights."""

MOST_GROUPS = 32
"""Into how many runs of vertices a geometry without joints is cut: the more, the tighter its box when morphs move it."""

NO_JOINT = 0xFFFFFFFF

_ROUNDING = 8 * 2.0**-24
"""How far eight weights in float32 may be from summing to 1: within it they stay as they are, so that reading changes nothing."""

_LAST_ROW = (0.0, 0.0, 0.0, 1.0)

Joints = NDArray[np.uint16]
Rows = NDArray[np.float32]


class Skin:
    """How the vertices of a mesh hang on joints: one inverse bind matrix for each. Immutable, so any number of nodes and scenes share it.

    Parameters
    ----------
    inverse_bind_matrices : (j, 4, 4) float64 or float32
        From the space in which the mesh was bound to that of each joint at that moment; column convention.
    name : str

    Raises
    ------
    InvalidInput
        Wrong shape, a value that is not finite, or a last row that is not (0, 0, 0, 1).
    """

    __slots__ = ("__weakref__", "_origin", "inverse_bind_matrices", "name")

    def __init__(self, inverse_bind_matrices: ArrayLike, name: str = "") -> None:
        try:
            matrices = np.array(inverse_bind_matrices, np.float64)
        except (TypeError, ValueError):
            raise InvalidInput("Skin inverse_bind_matrices must be numbers of shape (j, 4, 4).") from None
        if matrices.ndim != 3 or matrices.shape[1:] != (4, 4) or not 0 < len(matrices) <= 65536:
            raise InvalidInput(f"Skin inverse_bind_matrices must have shape (j, 4, 4) with 1 .. 65536 joints, not {matrices.shape}.")
        if not np.isfinite(matrices).all():
            raise InvalidInput("Skin inverse_bind_matrices must be finite; remove NaN and infinity.")
        if not (matrices[:, 3] == _LAST_ROW).all():
            raise InvalidInput("The last row of Skin inverse_bind_matrices must be (0, 0, 0, 1); matrices act on column vectors.")
        matrices.flags.writeable = False
        self.inverse_bind_matrices: NDArray[np.float64] = matrices
        self.name = name
        self._origin: Origin | None = None

    def __len__(self) -> int:
        return len(self.inverse_bind_matrices)

    def __repr__(self) -> str:
        return f"<Skin {self.name!r} {len(self)} joints>"


class Morph:
    """A shape that a geometry may blend in: how far it moves each vertex. Immutable.

    Parameters
    ----------
    positions : (n, 3) float32, metres
        Displacements in local space, one for each vertex of the geometry.
    normals, tangents : (n, 3) float32, optional
        What to add to them; they are made unit length afterwards.
    name : str
    """

    __slots__ = ("name", "normals", "positions", "tangents")

    def __init__(self, positions: ArrayLike, normals: ArrayLike | None = None, tangents: ArrayLike | None = None, name: str = "") -> None:
        checked = attribute(positions, "morph positions", (3,))
        if checked is None:
            raise InvalidInput("Morph positions must be given; zeros where nothing moves.")
        self.positions: Rows = checked
        self.normals = attribute(normals, "morph normals", (3,), len(checked))
        self.tangents = attribute(tangents, "morph tangents", (3,), len(checked))
        self.name = name

    def taken(self, order: NDArray[np.uint32]) -> Morph:
        """Return the morph of vertices in another order."""
        return Morph(self.positions[order], None if self.normals is None else self.normals[order],
                     None if self.tangents is None else self.tangents[order], self.name)

    def __repr__(self) -> str:
        return f"<Morph {self.name!r} {len(self.positions)} vertices>"


def checked_morphs(morphs: Sequence[Morph], count: int) -> tuple[Morph, ...]:
    """Return the morphs of a geometry of `count` vertices."""
    found = tuple(morphs)
    for number, morph in enumerate(found):
        if not isinstance(morph, Morph):
            raise InvalidInput(f"Geometry morphs must be a sequence of Morph, not {type(morph).__name__} at {number}.")
        if len(morph.positions) != count:
            raise InvalidInput(f"Geometry morphs[{number}] has {len(morph.positions)} rows for {count} vertices; give one for each.")
    return found


def influences(joints: ArrayLike | None, weights: ArrayLike | None, count: int) -> tuple[Joints | None, Rows | None]:
    """Return joints (n, 4 or 8) uint16 and weights that sum to 1, (n, 4 or 8) float32, both read-only; None twice without joints."""
    if joints is None and weights is None:
        return None, None
    if joints is None or weights is None:
        raise InvalidInput("Geometry joints and weights belong together; give both or neither.")
    given = np.asarray(weights)
    numbers, shares = _whole(joints), attribute(given, "weights", (given.shape[1] if given.ndim == 2 else 4,), count)
    if shares is None or numbers.shape != shares.shape or shares.shape[1] % 4 or not shares.shape[1]:
        raise InvalidInput(f"Geometry joints and weights must have equal shapes (n, 4 k), not {numbers.shape} and {np.shape(weights)}.")
    if (shares < 0).any():
        raise InvalidInput(f"Geometry weights must not be negative, as in row {int(np.argmax((shares < 0).any(axis=1)))}.")
    if shares.shape[1] > MOST_INFLUENCES:
        order = np.argsort(-shares, axis=1, kind="stable")[:, :MOST_INFLUENCES]
        numbers, shares = np.take_along_axis(numbers, order, axis=1), np.take_along_axis(shares, order, axis=1)
    total = shares.sum(axis=1, keepdims=True, dtype=np.float64)
    even = np.where(np.abs(total - 1) <= _ROUNDING, shares, shares / np.where(total > 0, total, 1)).astype(np.float32)
    even[total[:, 0] <= 0, 0] = 1
    return frozen(np.ascontiguousarray(numbers), joints), frozen(even, None)


def _whole(joints: ArrayLike) -> Joints:
    try:
        array = np.asarray(joints)
    except ValueError:
        raise InvalidInput("Geometry joints must be whole numbers of shape (n, 4 k).") from None
    if array.dtype.kind not in "iu" or array.ndim != 2:
        raise InvalidInput(f"Geometry joints must be whole numbers of shape (n, 4 k), not {array.dtype} {array.shape}.")
    if array.size and (array.min() < 0 or array.max() > 65535):
        raise InvalidInput(f"Geometry joints must lie in 0 .. 65535, not {int(array.min())} .. {int(array.max())}.")
    return array.astype(np.uint16, copy=False)


def vertex_groups(geometry: Geometry) -> tuple[NDArray[np.uint32], NDArray[np.float64], NDArray[np.float64]]:
    """Return what bounds of posed vertices are made of: groups of vertices that move alike.

    Returns
    -------
    joints : (k,) uint32
        The joint that moves each group; 0xFFFFFFFF where there are no joints.
    boxes : (k, 2, 3) float64, metres
        Lower and upper corner of their vertices.
    morphs : (k, m, 2, 3) float64, metres
        The same of their displacements by each morph.
    """
    if geometry.joints is None or geometry.weights is None:
        order = np.arange(geometry.vertex_count)
        first = np.unique(np.linspace(0, geometry.vertex_count, MOST_GROUPS, endpoint=False).astype(int))
        used = np.full(len(first), NO_JOINT, np.uint32)
    else:
        order, columns = np.nonzero(geometry.weights > 0)
        joints = geometry.joints[order, columns]
        by_joint = np.argsort(joints, kind="stable")
        order = order[by_joint]
        numbers, first = np.unique(joints[by_joint], return_index=True)
        used = numbers.astype(np.uint32)
    morphs = [_boxes(morph.positions[order], first) for morph in geometry.morphs]
    return used, _boxes(geometry.positions[order], first), np.stack(morphs, axis=1) if morphs else np.zeros((len(used), 0, 2, 3))


def group_bytes(joints: NDArray[np.uint16] | None, morphs: int) -> int:
    """Return what `vertex_groups` takes at most, for loaders to count before: a box for each group and each of its morphs."""
    return 48 * (MOST_GROUPS if joints is None else len(np.unique(joints))) * (1 + morphs)


def _boxes(rows: Rows, first: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the boxes of runs of rows, (k, 2, 3)."""
    return np.stack([np.minimum.reduceat(rows, first), np.maximum.reduceat(rows, first)], axis=1).astype(np.float64)


def posed_positions(geometry: Geometry, weights: ArrayLike, palette: Rows | None, rows: Rows) -> NDArray[np.float64]:
    """Return where the vertices of a posed geometry are, (n, 3) float64.

    Parameters
    ----------
    weights : (m,)
        Of its morphs.
    palette : (j, 3, 4) or None
        What the joints make of the vertices; None where the geometry follows none.
    rows : (3, 4)
        What its node makes of them then.
    """
    positions = geometry.positions.astype(np.float64)
    for weight, morph in zip(np.asarray(weights, np.float64), geometry.morphs, strict=True):
        positions += weight * morph.positions
    if palette is None or geometry.joints is None or geometry.weights is None:
        placed: NDArray[np.float64] = positions @ rows[:, :3].T.astype(np.float64) + rows[:, 3]
        return placed
    blend = _blended(geometry.joints, geometry.weights, palette)
    followed: NDArray[np.float64] = np.einsum("nij,nj->ni", blend[:, :, :3], positions) + blend[:, :, 3]
    return followed


def posed_normals(geometry: Geometry, weights: ArrayLike, palette: Rows | None) -> NDArray[np.float64] | None:
    """Return the normals of a posed geometry, (n, 3) float64 of unit length, None where it has none; arguments as `posed_positions`.

    Without joints they are those of the node's own space.
    """
    if geometry.normals is None:
        return None
    normals = geometry.normals.astype(np.float64)
    for weight, morph in zip(np.asarray(weights, np.float64), geometry.morphs, strict=True):
        if morph.normals is not None:
            normals += weight * morph.normals
    if palette is not None and geometry.joints is not None and geometry.weights is not None:
        first, second, third = _blended(geometry.joints, geometry.weights, palette)[:, :, :3].transpose(1, 0, 2)
        cofactor = np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], axis=1)
        side = np.where(np.einsum("ni,ni->n", first, cofactor[:, 0]) < 0.0, -1.0, 1.0)
        normals = np.einsum("nij,nj->ni", cofactor, normals) * side[:, None]
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.where(length > 0.0, normals / np.where(length > 0.0, length, 1.0), geometry.normals)
    return unit


def _blended(joints: Joints, weights: Rows, palette: Rows) -> NDArray[np.float64]:
    """Return what the joints make of each vertex, (n, 3, 4)."""
    blend = np.zeros((len(joints), 3, 4))
    for numbers, shares in zip(joints.T, weights.T, strict=True):
        blend += palette[numbers].astype(np.float64) * shares[:, None, None]
    return blend
