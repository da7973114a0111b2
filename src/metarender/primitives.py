"""Ready-made geometries, centred on the origin, with normals and texture coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import is_number
from .errors import InvalidInput
from .geometry import Geometry


def _length(value: float, what: str) -> float:
    if not is_number(value) or not 0 < value < math.inf:
        raise InvalidInput(f"{what}={value!r} must be a finite number of metres above 0.")
    return float(value)


def _lengths(size: float | Sequence[float], count: int, what: str) -> list[float]:
    """Return `count` edge lengths out of one for all or one for each."""
    given: Any = size.tolist() if isinstance(size, np.ndarray) else size
    values = list(given) if isinstance(given, (list, tuple)) else [given] * count
    if len(values) != count:
        raise InvalidInput(f"{what}={size!r} must be one edge length or {count}.")
    return [_length(value, what) for value in values]


def _count(value: int, what: str, low: int) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not low <= value <= 4096:
        raise InvalidInput(f"{what}={value!r} must be a whole number from {low} to 4096.")
    return int(value)


def lattice(rows: int, columns: int) -> NDArray[np.uint32]:
    """Two counter-clockwise triangles for each cell of a (rows + 1) x (columns + 1) lattice of vertices, row by row downwards."""
    first = (np.arange(rows)[:, None] * (columns + 1) + np.arange(columns)).ravel()
    below = first + columns + 1
    return np.stack([first, below, below + 1, first, below + 1, first + 1], axis=1).astype(np.uint32).ravel()


def _drop_degenerate(positions: NDArray[np.float64], indices: NDArray[np.uint32]) -> NDArray[np.uint32]:
    corners = positions[indices.reshape(-1, 3)]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    kept: NDArray[np.uint32] = indices.reshape(-1, 3)[area > 1e-12 * max(float(area.max()), 1e-300)].ravel()
    return kept


def _revolve(profile: NDArray[np.float64], normals: NDArray[np.float64], along: NDArray[np.float64], segments: int, name: str) -> Geometry:
    """Turn a profile of (radius, y) rows, from the top down, about +Y; `normals` are its (radial, y) normals."""
    angle = np.linspace(0.0, 2 * math.pi, segments + 1)
    # The seam and the poles keep their own vertices, so that u runs from 0 to 1 without a wrap.
    sine, cosine = np.sin(angle), np.cos(angle)
    sine[-1], cosine[-1] = 0.0, 1.0
    def turn(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([rows[:, :1] * sine, np.broadcast_to(rows[:, 1:], (len(rows), segments + 1)), rows[:, :1] * cosine], axis=2)
    positions = turn(profile).reshape(-1, 3)
    uv = np.stack(np.broadcast_arrays(angle / (2 * math.pi), along[:, None]), axis=2).reshape(-1, 2)
    indices = _drop_degenerate(positions, lattice(len(profile) - 1, segments))
    return Geometry(positions=positions, normals=turn(normals).reshape(-1, 3), uv0=uv, indices=indices, name=name)


def _join(parts: Sequence[Geometry], name: str) -> Geometry:
    offsets = np.cumsum([0, *(part.vertex_count for part in parts)])
    def stack(attribute: str) -> NDArray[np.float32]:
        return np.concatenate([getattr(part, attribute) for part in parts])
    indices = np.concatenate([part.indices + np.uint32(offset) for part, offset in zip(parts, offsets[:-1], strict=True)])
    return Geometry(positions=stack("positions"), normals=stack("normals"), uv0=stack("uv0"), indices=indices, name=name)


def box(size: float | Sequence[float] = 1.0) -> Geometry:
    """Return a box with flat faces, 24 vertices.

    Parameters
    ----------
    size : float or three floats
        Edge lengths along x, y, z, metres.
    """
    half = np.array(_lengths(size, 3, "box size")) / 2
    corner = np.array([[-1, 1], [-1, -1], [1, -1], [1, 1]], np.float64)  # top left, then counter-clockwise
    faces = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            # right x up = outward normal; side faces keep +Y up, so textures stand upright
            up_axis = 2 if axis == 1 else 1
            normal, up = np.zeros(3), np.zeros(3)
            normal[axis], up[up_axis] = sign, -sign if axis == 1 else 1.0
            right = np.cross(up, normal)
            points = (normal + corner[:, :1] * right + corner[:, 1:] * up) * half
            uv = (corner * (1, -1) + 1) / 2
            faces.append(Geometry(positions=points, normals=np.tile(normal, (4, 1)), uv0=uv, indices=[0, 1, 2, 0, 2, 3]))
    return _join(faces, "box")


def plane(size: float | Sequence[float] = 1.0) -> Geometry:
    """Return a rectangle in the XZ plane that faces +Y.

    Parameters
    ----------
    size : float or two floats
        Edge lengths along x and z, metres.
    """
    x, z = (length / 2 for length in _lengths(size, 2, "plane size"))
    return Geometry(positions=[[-x, 0, -z], [-x, 0, z], [x, 0, z], [x, 0, -z]], normals=np.tile((0.0, 1.0, 0.0), (4, 1)),
                    uv0=[[0, 0], [0, 1], [1, 1], [1, 0]], indices=[0, 1, 2, 0, 2, 3], name="plane")


def sphere(radius: float = 0.5, segments: int = 32, rings: int = 16) -> Geometry:
    """Return a sphere of latitude rings.

    Parameters
    ----------
    radius : float
        Metres.
    segments, rings : int
        Divisions about +Y (at least 3) and from pole to pole (at least 2).
    """
    _length(radius, "sphere radius")
    along = np.linspace(0.0, 1.0, _count(rings, "sphere rings", 2) + 1)
    normals = np.stack([np.sin(along * math.pi), np.cos(along * math.pi)], axis=1)
    normals[[0, -1], 0] = 0.0
    return _revolve(normals * radius, normals, along, _count(segments, "sphere segments", 3), "sphere")


def _disc(radius: float, y: float, segments: int) -> Geometry:
    facing = math.copysign(1.0, y)
    angle = np.linspace(0.0, 2 * math.pi, segments, endpoint=False)
    rim = np.stack([np.sin(angle), np.zeros(segments), np.cos(angle)], axis=1)
    positions = np.concatenate([[[0.0, y, 0.0]], rim * radius + (0.0, y, 0.0)])
    uv = np.concatenate([[[0.5, 0.5]], 0.5 + 0.5 * rim[:, [0, 2]] * (1.0, facing)])
    step = np.arange(segments)
    fan = np.stack([np.zeros(segments, int), 1 + step, 1 + (step + 1) % segments], axis=1)
    return Geometry(positions=positions, normals=np.tile((0.0, facing, 0.0), (segments + 1, 1)), uv0=uv,
                    indices=(fan if facing > 0 else fan[:, ::-1]).ravel())


def cylinder(radius: float = 0.5, height: float = 1.0, segments: int = 32) -> Geometry:
    """Return a closed cylinder about +Y.

    Parameters
    ----------
    radius, height : float
        Metres.
    segments : int
        Divisions about +Y, at least 3.
    """
    _length(radius, "cylinder radius")
    half = _length(height, "cylinder height") / 2
    n = _count(segments, "cylinder segments", 3)
    side = _revolve(np.array([[radius, half], [radius, -half]]), np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0.0, 1.0]), n, "")
    return _join([side, _disc(radius, half, n), _disc(radius, -half, n)], "cylinder")


def cone(radius: float = 0.5, height: float = 1.0, segments: int = 32) -> Geometry:
    """Return a closed cone about +Y, its tip at the top.

    Parameters
    ----------
    radius, height : float
        Metres.
    segments : int
        Divisions about +Y, at least 3.
    """
    _length(radius, "cone radius")
    half = _length(height, "cone height") / 2
    n = _count(segments, "cone segments", 3)
    normal = np.array([height, radius]) / math.hypot(height, radius)
    side = _revolve(np.array([[0.0, half], [radius, -half]]), np.stack([normal, normal]), np.array([0.0, 1.0]), n, "")
    return _join([side, _disc(radius, -half, n)], "cone")


def capsule(radius: float = 0.25, height: float = 1.0, segments: int = 32, rings: int = 8) -> Geometry:
    """Return a cylinder about +Y closed by half spheres.

    Parameters
    ----------
    radius : float
        Metres.
    height : float
        From tip to tip, metres; at least twice the radius.
    segments, rings : int
        Divisions about +Y (at least 3) and of each half sphere (at least 1).
    """
    _length(radius, "capsule radius")
    straight = _length(height, "capsule height") - 2 * radius
    if straight < 0:
        raise InvalidInput(f"capsule height={height!r} must be at least twice the radius {radius!r}.")
    quarter = np.linspace(0.0, math.pi / 2, _count(rings, "capsule rings", 1) + 1)
    angle = np.concatenate([quarter, math.pi / 2 + quarter])
    normals = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    normals[[0, -1], 0] = 0.0
    profile = normals * radius
    profile[: len(quarter), 1] += straight / 2
    profile[len(quarter):, 1] -= straight / 2
    return _revolve(profile, normals, (height / 2 - profile[:, 1]) / height, _count(segments, "capsule segments", 3), "capsule")


def torus(radius: float = 0.5, tube: float = 0.2, segments: int = 48, sides: int = 24) -> Geometry:
    """Return a ring in the XZ plane about +Y.

    Parameters
    ----------
    radius, tube : float
        From the centre to the middle of the tube, and of the tube itself, metres.
    segments, sides : int
        Divisions about +Y and of the tube, at least 3.
    """
    _length(radius, "torus radius")
    _length(tube, "torus tube")
    along = np.linspace(0.0, 1.0, _count(sides, "torus sides", 3) + 1)
    angle = 2 * math.pi * along
    normals = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    normals[-1] = normals[0]
    return _revolve(normals * tube + (radius, 0.0), normals, along, _count(segments, "torus segments", 3), "torus")


def grid(size: float = 10.0, divisions: int = 10) -> Geometry:
    """Return a square of lines in the XZ plane.

    Parameters
    ----------
    size : float
        Edge length, metres.
    divisions : int
        Number of cells along each edge, at least 1.
    """
    half = _length(size, "grid size") / 2
    step = np.linspace(-half, half, _count(divisions, "grid divisions", 1) + 1)
    zero, edge = np.zeros_like(step), np.full_like(step, half)
    ends = [np.stack(columns, axis=1) for columns in ((-edge, zero, step), (edge, zero, step), (step, zero, -edge), (step, zero, edge))]
    along_x, along_z = np.stack(ends[:2], axis=1), np.stack(ends[2:], axis=1)
    return Geometry(positions=np.concatenate([along_x, along_z]).reshape(-1, 3), topology="lines", name="grid")
