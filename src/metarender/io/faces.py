"""From the faces of a file to a Geometry: polygons to triangles, corners to vertices, far positions to near ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import flat_normals, triangulate
from ..checks import extent
from ..color import srgb_decode
from ..errors import AssetError, InvalidInput
from ..geometry import Geometry
from ..materials import Standard, Unlit
from .limits import Budget

Offset = tuple[float, float, float]

_FAR = 256.0
"""How many times its extent a geometry may lie from its origin before float32 would round it by more than 2^-16 of that extent."""
_LINEAR = srgb_decode(np.arange(256) / 255.0).astype(np.float32)


def linear_colors(colors: NDArray[Any]) -> NDArray[np.float32]:
    """Turn sRGB colours of a file into linear ones; a fourth column is alpha and stays.

    Parameters
    ----------
    colors : (n, 3 or 4) uint8 or float 0..1
    """
    whole = colors.dtype == np.uint8
    linear: NDArray[np.float32] = _LINEAR[colors] if whole else srgb_decode(np.clip(colors, 0.0, 1.0)).astype(np.float32)
    if colors.shape[1] == 4:
        linear[:, 3] = colors[:, 3] / np.float32(255) if whole else np.clip(colors[:, 3], 0.0, 1.0)
    return linear


def cut(positions: NDArray[np.float64], corners: NDArray[np.uint32], counts: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Cut polygons into triangles; concave ones stay what they are.

    Returns
    -------
    (t, 3) uint32
        Places in `corners`.

    Raises
    ------
    AssetError
        Concave polygons with so many corners that it would take minutes.
    """
    if not len(counts) or (counts == 3).all():
        return np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
    try:
        return triangulate(positions, corners, counts)
    except InvalidInput as error:
        raise AssetError(f"The polygons cannot be cut: {error}.") from None


def polygon_normals(positions: NDArray[np.float64], corners: NDArray[np.uint32], counts: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Return the normal of each polygon, as long as twice its area (Newell), (p, 3) float64."""
    first = np.cumsum(counts, dtype=np.int64) - counts
    if not len(counts):
        return np.zeros((0, 3))
    origin = np.repeat(positions[corners[first]], counts, axis=0)
    here = positions[corners] - origin
    following = np.roll(here, -1, axis=0)  # at the end of a polygon the next one's first corner, whose product is left out
    products = np.cross(here, following)
    products[first + counts - 1] = 0.0
    sums: NDArray[np.float64] = np.add.reduceat(products, first, axis=0)
    return sums


def unit_vectors(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Return vectors of length 1; +Y where there is no direction."""
    largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0.0)
    scaled = vectors / np.where(largest > 0, largest, 1.0)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    sound = (length > 0) & np.isfinite(length)
    return np.where(sound, scaled / np.where(sound, length, 1.0), (0.0, 1.0, 0.0)).astype(np.float32)


def merge(columns: Sequence[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Find the different rows of some columns of whole numbers from 0.

    Returns
    -------
    first : (u,) int64
        A row of each kind.
    kind : (n,) int64
        Of each row.
    """
    kind = columns[0]
    for column in columns[1:]:
        # Files often use one number for all, or have no such column; both are told without sorting.
        if (column != column[:1]).any() and not np.array_equal(column, kind):
            _, kind = np.unique(kind * (int(column.max(initial=0)) + 1) + column, return_inverse=True)
    first, kind = compact(kind)
    rows = np.empty(len(first), np.int64)
    rows[kind] = np.arange(len(kind))
    return rows, kind


def compact(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the different numbers in rising order, and for each number its place among them."""
    total = int(numbers.max(initial=-1)) + 1
    if total > 8 * len(numbers) + 1024:
        found, place = np.unique(numbers, return_inverse=True)
        return found, place
    used = np.zeros(total, bool)
    used[numbers] = True
    found = np.flatnonzero(used)
    place = np.cumsum(used) - 1
    return found, place[numbers]


def centred(positions: NDArray[np.float64]) -> tuple[NDArray[np.float32], Offset | None]:
    """Return positions as float32, and what was taken from them because they lie far from their origin, in whole units."""
    lower, upper = extent(positions)
    far = max(float(np.abs(lower).max()), float(np.abs(upper).max()))
    offset = np.rint(lower / 2 + upper / 2)
    if not np.isfinite(offset).all() or not offset.any() or far <= _FAR * float((upper - lower).max()):
        return positions.astype(np.float32), None
    return (positions - offset).astype(np.float32), (float(offset[0]), float(offset[1]), float(offset[2]))


def default_material(geometry: Geometry, name: str = "") -> Standard | Unlit:
    """Make a material for what a file gives none: light grey, or white below vertex colours; lines and points are not lit."""
    color = "white" if geometry.colors is not None else (0.6, 0.6, 0.6)
    return Standard(color=color, roughness=0.6, name=name) if geometry.topology == "triangles" else Unlit(color=color, name=name)


def make_geometry(budget: Budget, where: str, **arrays: Any) -> Geometry:
    """Make a Geometry; triangles without normals get those of their faces, unless a pose moves them.

    The arrays become read-only, so that none is copied.

    Raises
    ------
    AssetError
        A number is not finite, or memory would pass a limit.
    """
    try:
        if arrays.get("normals") is None and arrays.get("topology", "triangles") == "triangles" and "joints" not in arrays:
            arrays = _with_flat_normals(budget, where, arrays)
        for array in arrays.values():
            if isinstance(array, np.ndarray):
                array.flags.writeable = False
        return Geometry(**arrays)
    except InvalidInput as error:
        raise AssetError(f"{where} cannot be used: {error}") from None


def _with_flat_normals(budget: Budget, where: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """Give each triangle corners of its own with its normal."""
    positions = np.ascontiguousarray(arrays["positions"], np.float32)
    order = arrays.get("indices")
    order = np.arange(len(positions), dtype=np.uint32) if order is None else order
    budget.take(len(order) * 4 * (6 + 2 * 4), f"The flat normals of {where}", "")
    corners, normals = flat_normals(positions, order)
    others = {name: None if array is None else array[order] for name, array in arrays.items() if name in ("uv0", "colors")}
    return {name: arrays[name] for name in arrays.keys() & {"name", "topology"}} | others | {"positions": corners, "normals": normals}
