"""Coarser levels of a geometry: made by meshoptimizer or given, and measured by our own core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import surface_distance
from .errors import InvalidInput, MissingExtra
from .geometry import Geometry


def simplified_levels(geometry: Geometry, ratios: Sequence[float]) -> list[tuple[Geometry, float]]:
    """Return (level, error in metres) with about these shares of the triangles, finest first.

    Raises
    ------
    InvalidInput
        Ratios that do not fall from 1 to 0, or a geometry without triangles.
    MissingExtra
        meshoptimizer is not installed.
    """
    wanted = [float(ratio) for ratio in ratios]
    if not wanted or any(not 0 < b < a for a, b in zip([1.0, *wanted], wanted)):  # noqa: B905 -- one shorter on purpose
        raise InvalidInput(f"ratios={tuple(ratios)!r} must fall, each below 1 and above 0.")
    if geometry.topology != "triangles":
        raise InvalidInput(f"Only triangles can be simplified, not {geometry.topology}; give the levels yourself.")
    simplify = _library()
    made: list[tuple[Geometry, float]] = []
    count, error = geometry.index_count, 0.0
    for ratio in wanted:
        indices = _simplify(simplify, geometry, max(3, int(geometry.index_count * ratio) // 3 * 3))
        if not 0 < len(indices) < 0.9 * count:
            continue
        level = _subset(geometry, indices, ratio)
        error = max(error, _strays(geometry, level))
        made.append((level, error))
        count = len(indices)
    return made


def measured_levels(geometry: Geometry, levels: Sequence[Geometry | tuple[Geometry, float]]) -> tuple[tuple[Geometry, float], ...]:
    """Return (level, error in metres) of levels, measuring those that come without an error."""
    found: list[tuple[Geometry, float]] = []
    for given in levels:
        if isinstance(given, (tuple, list)):
            found.append((given[0], float(given[1])))
        elif isinstance(given, Geometry) and given.topology == geometry.topology == "triangles":
            found.append((given, max(_strays(geometry, given), found[-1][1] if found else 0.0)))
        else:
            raise InvalidInput(f"Geometry.with_levels can measure geometries of triangles only, not {given!r}; give (level, metres).")
    return tuple(found)


def _library() -> Any:
    try:
        from meshoptimizer import simplify
    except ImportError:
        raise MissingExtra("Geometry.with_levels(ratios=...) needs meshoptimizer; pip install 'metarender[lod]', or give levels.") from None
    return simplify


def _simplify(simplify: Any, geometry: Geometry, target: int) -> NDArray[np.uint32]:
    """Return the indices of a simplified mesh over the same vertices."""
    out = np.zeros(geometry.index_count, np.uint32)
    # The error limit is relative to the size of the mesh: 1 leaves the choice to the target. Copies, because ctypes wants them writable.
    kept = simplify(out, np.array(geometry.indices), np.array(geometry.positions), target_index_count=target, target_error=1.0)
    return out[:int(kept)]


def _subset(geometry: Geometry, indices: NDArray[np.uint32], ratio: float) -> Geometry:
    """Return a geometry of the vertices that `indices` use."""
    used, compact = np.unique(indices, return_inverse=True)
    arrays: dict[str, Any] = {name: None if (array := getattr(geometry, name)) is None else array[used]
                              for name in ("positions", "normals", "tangents", "uv0", "uv1", "colors")}
    return Geometry(indices=compact.astype(np.uint32).ravel(), name=f"{geometry.name} {ratio:g}".strip(), **arrays)


def _strays(fine: Geometry, coarse: Geometry) -> float:
    """Largest distance between two surfaces, measured from the vertices, edge middles and triangle centres of each, metres."""
    return max(surface_distance(_samples(a), b.positions, b.indices) for a, b in ((fine, coarse), (coarse, fine)))


def _samples(geometry: Geometry) -> NDArray[np.float32]:
    corners = geometry.positions[geometry.indices].reshape(-1, 3, 3)
    middles = (corners + np.roll(corners, 1, axis=1)).reshape(-1, 3) / 2
    return np.unique(np.concatenate([corners.reshape(-1, 3), middles, corners.mean(axis=1)]), axis=0).astype(np.float32)
