"""World matrices of glTF nodes and the rest pose of skins, in float64 and without recursion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError
from .gltf_accessors import Accessors
from .gltf_schema import pointer
from .limits import Budget

Matrices = NDArray[np.float64]
Arrays = dict[str, NDArray[np.float32] | None]


def matrix_of(position: Any, rotation: Any, scale: Any) -> Matrices:
    """Compose translation, rotation (xyzw) and scale; each may be one row or n rows.

    Returns
    -------
    (4, 4) or (n, 4, 4) float64
        For column vectors.
    """
    t, q, s = (np.asarray(part, np.float64) for part in (position, rotation, scale))
    q = q / np.linalg.norm(q, axis=-1, keepdims=True)
    x, y, z, w = np.moveaxis(q, -1, 0)
    result = np.zeros((*np.broadcast_shapes(t.shape, s.shape, (*q.shape[:-1], 3))[:-1], 4, 4))
    result[..., 0, 0], result[..., 0, 1], result[..., 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
    result[..., 1, 0], result[..., 1, 1], result[..., 1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
    result[..., 2, 0], result[..., 2, 1], result[..., 2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
    result[..., :3, :3] *= s[..., None, :]
    result[..., :3, 3] = t
    result[..., 3, 3] = 1
    return result


def local_matrix(node: dict[str, Any]) -> Matrices:
    """Return the (4, 4) float64 local matrix of a glTF node."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    return matrix_of(node.get("translation", (0, 0, 0)), node.get("rotation", (0, 0, 0, 1)), node.get("scale", (1, 1, 1)))


_LAST_ROW = (0.0, 0.0, 0.0, 1.0)
_ROUNDING = 1e-4
"""How far the last row of an inverse bind matrix may be off, because exporters invert matrices in single precision."""


class Poses:
    """World matrices of the nodes of a checked document at rest, computed on demand."""

    def __init__(self, document: dict[str, Any], accessors: Accessors, budget: Budget) -> None:
        self._document = document
        self._nodes: list[dict[str, Any]] = document.get("nodes", [])
        self._accessors = accessors
        self._budget = budget
        self._parents: list[int] | None = None
        self._world: dict[int, Matrices] = {}

    def world(self, number: int) -> Matrices:
        """Return the (4, 4) float64 world matrix of a node."""
        if self._parents is None:
            self._parents = [-1] * len(self._nodes)
            for index, node in enumerate(self._nodes):
                for child in node.get("children", ()):
                    self._parents[child] = index
        chain = []
        at = number
        while at >= 0 and at not in self._world:
            chain.append(at)
            at = self._parents[at]
        for index in reversed(chain):
            parent, local = self._parents[index], local_matrix(self._nodes[index])
            self._world[index] = local if parent < 0 else self._world[parent] @ local
        return self._world[number]

    def palette(self, number: int) -> Matrices | None:
        """Return what moves a bound vertex of a skinned node into the node's own space: (joints, 4, 4) float64.

        The world pose of a skinned mesh is that of its joints alone. Its node stays where it is in the tree, so the matrices are
        taken into the space of the node. Where the node has no inverse (a scale of 0), None: it draws as it is.
        """
        skin = self._document["skins"][self._nodes[number]["skin"]]
        joints = np.stack([self.world(joint) for joint in skin["joints"]])
        if (accessor := skin.get("inverseBindMatrices")) is not None:
            inverse = self._accessors.raw(accessor)[: len(joints)].astype(np.float64)
            if not np.isfinite(inverse).all():
                raise GltfError("An inverse bind matrix is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", accessor))
            if not np.allclose(inverse[:, 3], _LAST_ROW, rtol=0, atol=_ROUNDING):
                message = "The last row of an inverse bind matrix must be (0, 0, 0, 1)."
                raise GltfError(message, "ACCESSOR_INVALID_IBM", pointer("skins", self._nodes[number]["skin"], "inverseBindMatrices"))
            inverse[:, 3] = _LAST_ROW
            joints = joints @ inverse
        try:
            palette: Matrices = np.linalg.inv(self.world(number)) @ joints
        except np.linalg.LinAlgError:
            return None
        return palette if np.isfinite(palette).all() else None


class Skinning:
    """Applies a palette to the vertices of one primitive."""

    def __init__(self, palette: Matrices, accessors: Accessors, budget: Budget) -> None:
        self._palette = palette
        self._accessors = accessors
        self._budget = budget

    def apply(self, arrays: Arrays, attributes: dict[str, int], where: str) -> None:
        """Replace positions, normals and tangents by posed ones.

        Parameters
        ----------
        arrays : dict
            ``positions`` (n, 3), ``normals`` (n, 3) or None, ``tangents`` (n, 4) or None; replaced in the dict, not written to.
        attributes : dict
            The attributes of the primitive, with JOINTS_n and WEIGHTS_n.
        where : str
            JSON pointer of the primitive.

        Raises
        ------
        GltfError
            A joint index is past the joints of the skin.
        """
        positions = arrays["positions"]
        if positions is None:
            return
        self._budget.take(len(positions) * 12 * 8, "The posed vertices", where)
        blend = self._blend(len(positions), attributes, where)
        linear = blend[:, :, :3]
        arrays["positions"] = (np.einsum("nij,nj->ni", linear, positions) + blend[:, :, 3]).astype(np.float32)
        if (normals := arrays["normals"]) is not None:
            arrays["normals"] = unit(np.einsum("nij,nj->ni", _cofactors(linear), normals))
        if (tangents := arrays["tangents"]) is not None:
            turned = unit(np.einsum("nij,nj->ni", linear, tangents[:, :3]))
            arrays["tangents"] = np.concatenate([turned, tangents[:, 3:]], axis=1)

    def _blend(self, count: int, attributes: dict[str, int], where: str) -> Matrices:
        """Sum the matrices of each vertex by its weights, which are made to sum to 1: (n, 3, 4) float64."""
        blend = np.zeros((count, 3, 4))
        total: Matrices = np.zeros(count)
        number = 0
        while f"JOINTS_{number}" in attributes:
            joints = self._accessors.raw(attributes[f"JOINTS_{number}"])
            weights = self._accessors.floats(attributes[f"WEIGHTS_{number}"]).astype(np.float64)
            if int(joints.max()) >= len(self._palette):
                message = f"Joint {int(joints.max())} is past the {len(self._palette)} joints of the skin."
                raise GltfError(message, "ACCESSOR_JOINTS_INDEX_OOB", f"{where}/attributes/JOINTS_{number}")
            if not np.isfinite(weights).all():
                raise GltfError("A weight is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", attributes[f"WEIGHTS_{number}"]))
            if weights.min() < 0:
                raise GltfError("A weight is negative.", "ACCESSOR_WEIGHTS_NEGATIVE", f"{where}/attributes/WEIGHTS_{number}")
            for k in range(4):
                blend += self._palette[joints[:, k], :3, :] * weights[:, k, None, None]
                total += weights[:, k]
            number += 1
        loose = ~(total > 0)
        if loose.any():
            first = self._accessors.raw(attributes["JOINTS_0"])[loose, 0]
            blend[loose], total[loose] = self._palette[first, :3, :], 1.0
        blend /= total[:, None, None]
        return blend


def _cofactors(linear: Matrices) -> Matrices:
    """Return what turns normals: the inverse transpose up to a positive factor, which exists for singular matrices too."""
    a, b, c = linear[:, 0], linear[:, 1], linear[:, 2]
    rows = np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)
    mirrored = np.einsum("ni,ni->n", a, rows[:, 0]) < 0
    rows[mirrored] *= -1
    return rows


def unit(vectors: NDArray[np.float32] | NDArray[np.float64]) -> NDArray[np.float32]:
    """Normalize rows, (n, 3) float32; rows of length 0 stay 0."""
    length: Matrices = np.linalg.norm(vectors, axis=1, keepdims=True)
    length[length == 0] = 1
    result: NDArray[np.float32] = (vectors / length).astype(np.float32)
    return result
