"""Slow float64 model of ray casts: every triangle against every ray (T. Moeller and B. Trumbore, 1997)."""

from __future__ import annotations

import numpy as np

from metarender._core import Store


def soup(rng: np.random.Generator, triangles: int, size: float = 0.4) -> tuple[np.ndarray, np.ndarray]:
    """Random triangles in the unit cube: positions (3 t, 3) float32 and indices (3 t,) uint32."""
    centre = rng.uniform(-1, 1, size=(triangles, 1, 3))
    positions = (centre + rng.normal(size=(triangles, 3, 3)) * size * rng.random((triangles, 1, 1))).astype(np.float32).reshape(-1, 3)
    return positions, np.arange(3 * triangles, dtype=np.uint32)


def affine(rng: np.random.Generator, n: int, spread: float, place: float = 0.0) -> np.ndarray:
    """Random local matrices (n, 4, 4): rotated, scaled, sheared, half of them mirrored."""
    m = np.tile(np.eye(4), (n, 1, 1))
    m[:, :3, :3] = rng.normal(size=(n, 3, 3)) + 0.6 * np.eye(3)
    m[:, :3, :3] *= 10.0 ** rng.uniform(-1, 0.5, size=(n, 1, 1))
    m[:, :3, 3] = place + rng.uniform(-spread, spread, size=(n, 3))
    return m


def corners(store: Store, ids: np.ndarray, positions: np.ndarray, indices: np.ndarray, about: np.ndarray) -> np.ndarray:
    """Triangles of every node relative to a point, (n, t, 3, 3) float64."""
    world = store.world_matrices(ids)
    world[:, :3, 3] -= about
    local = positions[indices].astype(np.float64)
    return (np.einsum("nij,vj->nvi", world[:, :3, :3], local) + world[:, None, :3, 3]).reshape(len(ids), -1, 3, 3)


def crossings(triangles: np.ndarray, origin: np.ndarray, direction: np.ndarray, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Distance to every triangle (..., 3, 3), infinite for a miss, and (d . normal); `margin` widens them in barycentric units."""
    e, f = triangles[..., 1, :] - triangles[..., 0, :], triangles[..., 2, :] - triangles[..., 0, :]
    normal = np.cross(e, f)
    with np.errstate(all="ignore"):
        det = -(normal @ direction)
        gap = origin - triangles[..., 0, :]
        t = np.sum(normal * gap, axis=-1) / det
        moment = np.cross(gap, direction)
        u, v = np.sum(f * moment, axis=-1) / det, -np.sum(e * moment, axis=-1) / det
        hit = (u >= -margin) & (v >= -margin) & (u + v <= 1 + margin) & (t >= 0) & (det != 0)
    return np.where(hit, t, np.inf), -det
