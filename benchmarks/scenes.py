"""Scenes that benchmarks, tests and documents share: sizes and seeds are fixed, so that figures can be compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from metarender._core import Store

INDEX_COUNT = 36
"""Indices of the box that every draw of these scenes uses."""


def perspective(fov: float, aspect: float, near: float) -> NDArray[np.float64]:
    """Infinite reversed-Z projection, (4, 4); fov in degrees."""
    f = 1.0 / np.tan(np.radians(fov) / 2)
    p = np.zeros((4, 4))
    p[0, 0], p[1, 1], p[2, 3], p[3, 2] = f / aspect, f, near, -1.0
    return p


def look(eye: tuple[float, float, float], yaw: float) -> NDArray[np.float64]:
    """Camera-to-world pose (4, 4) at `eye`, turned by `yaw` radians about +Y from -Z."""
    c, s = np.cos(yaw), np.sin(yaw)
    m = np.eye(4)
    m[:3, :3] = [[c, 0, s], [0, 1, 0], [-s, 0, c]]
    m[:3, 3] = eye
    return m


def describe(store: Store, geometries: int = 1, materials: int = 1) -> None:
    """Register boxes of edge 1 and opaque materials of one shading class."""
    for index in range(geometries):
        store.set_geometry(index, 1, (-0.5, -0.5, -0.5), (0.5, 0.5, 0.5))
    for index in range(materials):
        store.set_material(index, 0, 0)


def ranges(geometries: int = 1) -> NDArray[np.uint32]:
    """Index ranges as a renderer's pool would give them, (n, 3)."""
    out = np.zeros((geometries, 3), dtype=np.uint32)
    out[:, 0] = INDEX_COUNT
    out[:, 1] = np.arange(geometries) * INDEX_COUNT
    return out


def fill(store: Store, ids: NDArray[np.uint32], position: NDArray[np.float64], scale: NDArray[np.float32] | None = None) -> None:
    """Write positions (n, 3) and diagonal scales (n, 3) of a range through edit blocks."""
    number = store.range_of(int(ids[0]))
    view = store.begin_edit(number, "position")
    view[:] = position
    store.end_edit(number, "position", view)
    if scale is not None:
        view = store.begin_edit(number, "linear")
        view[:] = 0
        view[:, [0, 1, 2], [0, 1, 2]] = scale
        store.end_edit(number, "linear", view)


def uniform_boxes(count: int, seed: int = 1) -> tuple[Store, NDArray[np.uint32], NDArray[np.float64], NDArray[np.float32]]:
    """Boxes of 0.1 to 2 m spread evenly over a cube of 1 km: store, ids, positions (n, 3), edge lengths (n, 3)."""
    rng = np.random.default_rng(seed)
    position = rng.uniform(-500, 500, size=(count, 3))
    size = rng.uniform(0.1, 2.0, size=(count, 3)).astype(np.float32)
    store = Store()
    describe(store)
    ids = store.add(0, count, leaf_range=True)
    fill(store, ids, position, size)
    store.set_draws(ids, [0], [0])
    store.update()
    return store, ids, position, size


def plant(count: int, meshes: int = 1000, clusters: int = 2000, seed: int = 2) -> tuple[Store, NDArray[np.uint32]]:
    """A clustered factory: each cluster draws from a palette of 40 meshes, 80 % of the parts; the rest is spread over all meshes."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform((-1000, 0, -1000), (1000, 20, 1000), size=(clusters, 3))
    palette = rng.integers(meshes, size=(clusters, 40))
    cluster = np.sort(rng.integers(clusters, size=count))
    mesh = np.where(rng.random(count) < 0.8, palette[cluster, rng.integers(40, size=count)], rng.integers(meshes, size=count))
    store = Store()
    describe(store, meshes)
    ids = store.add(0, count, leaf_range=True)
    position = centre[cluster] + rng.normal(scale=(4, 2, 4), size=(count, 3))
    fill(store, ids, position, rng.uniform(0.05, 1.5, size=(count, 3)).astype(np.float32))
    for index in range(meshes):
        store.set_draws(ids[mesh == index], [index], [0])
    store.update()
    return store, ids


def hierarchy(count: int, depth: int = 8, seed: int = 3) -> tuple[Store, NDArray[np.uint32], NDArray[np.int64], NDArray[np.float64]]:
    """A tree of `count` nodes and `depth` levels with random local matrices, near the origin.

    Returns the store, ids in depth-first order, the parent row of each (-1 at the top), and local matrices (n, 4, 4).
    """
    rng = np.random.default_rng(seed)
    branch = max(2, round(count ** (1 / depth)) + 1)
    store = Store()
    parents: list[int] = []
    stack: list[tuple[int, int]] = []
    while len(parents) < count:  # depth-first: appending keeps the slot order
        level = len(stack)
        if level == depth or (stack and stack[-1][1] == branch):
            stack.pop()
            continue
        parents.append(stack[-1][0] if stack else -1)
        if stack:
            stack[-1] = (stack[-1][0], stack[-1][1] + 1)
        stack.append((len(parents) - 1, 0))
    ids = np.zeros(count, dtype=np.uint32)
    for row, up in enumerate(parents):
        ids[row] = store.add(0 if up < 0 else int(ids[up]))[0]
    matrix = np.zeros((count, 4, 4))
    matrix[:, 3, 3] = 1
    angle = rng.uniform(-np.pi, np.pi, count)
    matrix[:, 0, 0], matrix[:, 0, 2], matrix[:, 2, 0], matrix[:, 2, 2] = np.cos(angle), np.sin(angle), -np.sin(angle), np.cos(angle)
    matrix[:, 1, 1] = 1
    matrix[:, :3, 3] = rng.uniform(-5, 5, size=(count, 3))
    store.set(ids, matrix=matrix)
    store.update()
    return store, ids, np.array(parents), matrix
