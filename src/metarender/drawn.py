"""Everything that a scene shows, with its place, in the order of the tree: what plain files hold and checks look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .color import srgb_encode
from .geometry import Geometry
from .materials import Material, Standard, Unlit
from .scene import Scene


@dataclass(frozen=True, slots=True)
class Drawn:
    """One geometry at one place.

    Attributes
    ----------
    geometry : Geometry
    material : Material
    name : str
        Of the node, empty where it has none.
    node : int
        Public id; draws of one mesh share it.
    matrix : (4, 4) float64
        To the world, metres.
    """

    geometry: Geometry
    material: Material
    name: str
    node: int
    matrix: NDArray[np.float64]


def drawn(scene: Scene) -> list[Drawn]:
    """List what a scene shows; hidden nodes are left out."""
    scene.update()
    store, names = scene.store, scene.names
    ids = store.subtree()
    ids = ids[store.shown(ids)]
    geometries, materials = scene.geometry_list, scene.material_list
    found = []
    for number, matrix in zip(ids.tolist(), store.world_matrices(ids), strict=True):
        for g, m in zip(*(numbers.tolist() for numbers in store.draws_of(number)), strict=True):
            geometry, material = geometries[g], materials[m]
            if geometry is not None and material is not None:
                found.append(Drawn(geometry, material, names.get(number, ""), number, matrix))
    return found


def in_file(place: NDArray[np.float64], part: Drawn) -> NDArray[np.float64]:
    """Return the matrix from a part to the space of a file.

    The linear part of a node is float32, so 0.001 is not quite that; what this rounded is taken back at seven digits, and a part in
    millimetres goes into a file in millimetres as it is.
    """
    matrix = place @ part.matrix
    largest = float(np.abs(matrix[:3, :3]).max())
    if 0.0 < largest < np.inf:
        matrix[:3, :3] = np.round(matrix[:3, :3], 7 - int(np.ceil(np.log10(largest) - 1e-6)))
    return matrix


def moved(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the positions of a geometry under a matrix, (n, 3) float64."""
    result: NDArray[np.float64] = geometry.positions.astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return result


def turned(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the normals of a geometry under a matrix, unit length, or None where it has none."""
    if geometry.normals is None:
        return None
    linear = matrix[:3, :3]
    # Columns of the cofactor matrix: no inverse, so that a flat part has normals too; a mirror turns them over with its triangles.
    cofactor = np.stack([np.cross(linear[1], linear[2]), np.cross(linear[2], linear[0]), np.cross(linear[0], linear[1])])
    if is_mirrored(matrix):
        cofactor = -cofactor
    normals = geometry.normals.astype(np.float64) @ cofactor.T
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.where(length > 0.0, normals / np.where(length > 0.0, length, 1.0), geometry.normals)
    return unit


def facing(geometry: Geometry, matrix: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Return the triangles of a geometry, (t, 3); those of a mirrored part the other way round, so that outside stays outside."""
    triangles = geometry.indices.reshape(-1, 3)
    return triangles[:, ::-1] if is_mirrored(matrix) else triangles


def is_mirrored(matrix: NDArray[np.float64]) -> bool:
    """Whether a matrix turns left into right."""
    return bool(np.linalg.det(matrix[:3, :3]) < 0.0)


def material_color(material: Material) -> tuple[float, float, float, float]:
    """Return the linear colour of a material, white for those that have none."""
    return material.color if isinstance(material, (Standard, Unlit)) else (1.0, 1.0, 1.0, 1.0)


def srgb_bytes(linear: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.uint8]:
    """Turn linear colours (n, 3 or 4) into sRGB bytes; alpha stays linear."""
    values = np.clip(linear.astype(np.float64), 0.0, 1.0)
    values[:, :3] = srgb_encode(values[:, :3])
    return np.round(values * 255.0).astype(np.uint8)
