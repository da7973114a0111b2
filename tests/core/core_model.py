"""Slow float64 models that the compiled core is compared with."""

from __future__ import annotations

import numpy as np

from metarender._core import Store


def levels() -> list[str]:
    """Instruction-set levels that this processor runs."""
    found = []
    for level in ("base", "avx2", "avx512"):
        try:
            Store(level=level)
        except ValueError:
            break
        found.append(level)
    return found


def perspective(fov: float, aspect: float, near: float, far: float = np.inf) -> np.ndarray:
    """Reversed-Z projection, depth 1 at near and 0 at far, (4, 4); fov in degrees."""
    f = 1.0 / np.tan(np.radians(fov) / 2)
    p = np.zeros((4, 4))
    p[0, 0], p[1, 1], p[3, 2] = f / aspect, f, -1.0
    p[2, 2], p[2, 3] = (0.0, near) if np.isinf(far) else (near / (far - near), near * far / (far - near))
    return p


def rotation(rng: np.random.Generator, n: int) -> np.ndarray:
    """n random rotations, (n, 3, 3)."""
    q = rng.normal(size=(n, 4))
    x, y, z, w = (q / np.linalg.norm(q, axis=1, keepdims=True)).T
    return np.stack([1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), 2 * (x * y + z * w), 1 - 2 * (x * x + z * z),
                     2 * (y * z - x * w), 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)], axis=1).reshape(n, 3, 3)


def pose(eye: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Camera to world (4, 4) of a position and a rotation."""
    m = np.eye(4)
    m[:3, :3], m[:3, 3] = turn, eye
    return m


def planes(camera: np.ndarray, projection: np.ndarray) -> np.ndarray:
    """Frustum planes relative to the eye, unit normals, (k, 4); planes without direction are left out."""
    rows = projection[:, :3] @ np.linalg.inv(camera[:3, :3])
    clip = np.concatenate([rows, projection[:, 3:]], axis=1)
    found = [clip[3] + clip[0], clip[3] - clip[0], clip[3] + clip[1], clip[3] - clip[1], clip[2], clip[3] - clip[2]]
    return np.array([p / np.linalg.norm(p[:3]) for p in found if np.linalg.norm(p[:3]) > 1e-12])


def visible(frustum: np.ndarray, centre: np.ndarray, half: np.ndarray) -> np.ndarray:
    """The float64 plane test: boxes (n, 3) relative to the eye that no plane excludes, (n,) bool."""
    s = centre @ frustum[:, :3].T + half @ np.abs(frustum[:, :3]).T + frustum[:, 3]
    return np.all(s >= 0, axis=1)


def kept(store: Store, words: np.ndarray, count: int) -> np.ndarray:
    """Visible bits as a mask over id indices 0 .. count, (count + 1,) bool."""
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little").astype(bool)
    mask = np.zeros(count + 1, dtype=bool)
    mask[store.slot_ids[bits] & 0xFFFFFF] = True
    return mask


def slots_of(store: Store, words: np.ndarray) -> np.ndarray:
    """Draw slots of visible bits."""
    return np.flatnonzero(np.unpackbits(np.ascontiguousarray(words).view(np.uint8), bitorder="little"))


def box_store(position: np.ndarray, linear: np.ndarray | None = None, level: str | None = None, parent: int = 0,
              half: float = 0.5) -> tuple[Store, np.ndarray]:
    """A store of boxes at (n, 3) with local matrices (n, 3, 3): one geometry and material. Returns the ids too."""
    store = Store(level=level)
    store.set_geometry(0, 1, (-half,) * 3, (half,) * 3)
    store.set_material(0, 0, 0)
    n = len(position)
    ids = store.add(parent, n, leaf_range=True)
    number = store.range_of(int(ids[0]))
    view = store.begin_edit(number, "position")
    view[:] = position
    store.end_edit(number, "position", view)
    if linear is not None:
        view = store.begin_edit(number, "linear")
        view[:] = linear
        store.end_edit(number, "linear", view)
    store.set_draws(ids, [0], [0])
    return store, ids
