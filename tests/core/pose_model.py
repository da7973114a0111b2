"""Figures with random joints, and the slow float64 model that palettes and posed vertices are compared with."""

from __future__ import annotations

import numpy as np
from core_model import rotation

import metarender as mr


def affine(rng: np.random.Generator, n: int, spread: float = 1.0) -> np.ndarray:
    """n matrices of random turns, moderate scales and places, (n, 4, 4)."""
    matrices = np.tile(np.eye(4), (n, 1, 1))
    matrices[:, :3, :3] = rotation(rng, n) * rng.uniform(0.5, 1.5, (n, 1, 3))
    matrices[:, :3, 3] = rng.uniform(-spread, spread, (n, 3))
    return matrices


def flesh(rng: np.random.Generator, joints: int, vertices: int = 40, sets: int = 1, morphs: int = 0, normals: bool = True) -> mr.Geometry:
    """A geometry of loose triangles whose vertices follow random joints."""
    shares = rng.uniform(0, 1, (vertices, 4 * sets)) * (rng.uniform(0, 1, (vertices, 4 * sets)) < 0.6)
    turned = rng.normal(size=(vertices, 3))
    shapes = [mr.Morph(rng.normal(size=(vertices, 3)), rng.normal(size=(vertices, 3)) if number % 2 else None) for number in range(morphs)]
    turned /= np.linalg.norm(turned, axis=1, keepdims=True)
    return mr.Geometry(positions=rng.uniform(-1, 1, (vertices, 3)), normals=turned if normals else None,
                       indices=np.arange(vertices - vertices % 3), joints=rng.integers(0, joints, (vertices, 4 * sets)), weights=shares,
                       morphs=shapes)


class Figure:
    """A chain of joints below a group, a skin, and a node that follows them."""

    def __init__(self, scene: mr.Scene, rng: np.random.Generator, mesh: mr.Mesh, skin: mr.Skin,
                 place: tuple[float, float, float] = (0, 0, 0), spread: float = 1.0) -> None:
        self.root = scene.add(None, position=place)
        self.joints, above = [], self.root
        for matrix in affine(rng, len(skin), spread):
            above = scene.add(None, above, matrix=matrix)
            self.joints.append(above)
        self.node = scene.add(mesh, position=rng.uniform(-9, 9, 3))
        scene.bind(self.node, skin, self.joints)

    def posed(self, geometry: mr.Geometry, skin: mr.Skin) -> np.ndarray:
        """World positions of the vertices in float64, (n, 3)."""
        world, matrices = np.eye(4), []
        for joint in self.joints:
            world = world @ joint.matrix
            matrices.append(world)
        # The root only translates. Weights add up to 1 within float32, which would show at its distance from the origin.
        return posed(geometry, np.stack(matrices) @ skin.inverse_bind_matrices, self.node.weights) + self.root.position


def posed(geometry: mr.Geometry, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Vertices that follow joint matrices (j, 4, 4), after morphs: glTF 2.0, 3.7.3.3, one vertex after the other."""
    positions = geometry.positions.astype(np.float64)
    for weight, morph in zip(weights, geometry.morphs, strict=True):
        positions = positions + float(weight) * morph.positions
    out = np.zeros_like(positions)
    for row, (position, numbers, shares) in enumerate(zip(positions, geometry.joints, geometry.weights, strict=True)):
        for joint, share in zip(numbers, shares, strict=True):
            out[row] += float(share) * (joints[joint] @ (*position, 1.0))[:3]
    return out
