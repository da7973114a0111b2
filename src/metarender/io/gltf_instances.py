"""Matrices of EXT_mesh_gpu_instancing from its attributes, for the load and for the save that asks whether they still hold."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .gltf_accessors import Accessors
from .gltf_poses import matrix_of

INSTANCE_ATTRIBUTES: Mapping[str, tuple[str, tuple[int, ...]]] = MappingProxyType(
    {"TRANSLATION": ("VEC3", (0, 0, 0)), "ROTATION": ("VEC4", (0, 0, 0, 1)), "SCALE": ("VEC3", (1, 1, 1))}
)
"""Attributes that place an instance: type of their accessor, and what holds without one."""


def instance_matrices(accessors: Accessors, attributes: dict[str, int]) -> NDArray[np.float64]:
    """Return the (n, 4, 4) float64 matrices of instances, local to their node; not finite where a rotation is zero.

    Raises
    ------
    GltfError
        As `Accessors.floats`.
    """
    parts = []
    for name, (_, default) in INSTANCE_ATTRIBUTES.items():
        accessor = attributes.get(name)
        parts.append(np.asarray(default, np.float64) if accessor is None else accessors.floats(accessor).astype(np.float64))
    with np.errstate(all="ignore"):
        matrices = matrix_of(*parts)
    count = accessors.count(next(iter(attributes.values())))
    return np.ascontiguousarray(np.broadcast_to(matrices, (count, 4, 4)))
