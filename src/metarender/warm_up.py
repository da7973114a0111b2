"""Draw lists with one primitive of everything in a scene: what makes a driver finish its programs before the first frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._core import BATCH_DTYPE, Store
from .gpu.programs import BLEND, class_alpha, class_topology

_CORNERS = (3, 2, 1)
"""Of a triangle, a line and a point."""


@dataclass(frozen=True, slots=True, eq=False)
class WarmUpList:
    """What a ``DrawList`` has of a few draws, one for each batch.

    Attributes
    ----------
    commands : (n, 5) uint32
    batches : (n,) BATCH_DTYPE
    instances, triangles : int
    """

    commands: NDArray[np.uint32]
    batches: NDArray[np.void]
    instances: int = 0
    triangles: int = 0


def warm_up_lists(store: Store, ranges: NDArray[np.uint32], shadow: bool) -> dict[str, WarmUpList]:
    """Return the lists that a frame of any camera may have, each with the first primitive of one draw of every class that it can hold.

    Parameters
    ----------
    store : Store
        Up to date; hidden draws count too.
    ranges : (geometries, 3) uint32
        Index count, first index and base vertex by geometry.
    shadow : bool
        Whether a light casts one.
    """
    rows = store.bucket_draws(ranges[:, 0] > 0)
    blended = np.array([class_alpha(value) == BLEND for value in rows[:, 0].tolist()], bool)
    lists = {"opaque": _list(rows[~blended], ranges), "transparent": _list(rows[blended], ranges), "all": _list(rows, ranges)}
    return {**lists, "shadow": _list(rows[~blended], ranges)} if shadow else lists


def _list(rows: NDArray[np.uint32], ranges: NDArray[np.uint32]) -> WarmUpList:
    commands, batches = np.ones((len(rows), 5), np.uint32), np.zeros(len(rows), BATCH_DTYPE)
    commands[:, 0] = [_CORNERS[class_topology(value)] for value in rows[:, 0].tolist()]
    commands[:, 2:4], commands[:, 4] = ranges[rows[:, 3], 1:], rows[:, 2]
    batches["geometry_class"], batches["shading_class"] = rows[:, 0], rows[:, 1]
    batches["first"], batches["count"] = np.arange(len(rows)), 1
    return WarmUpList(commands, batches)
