"""glTF skins to Skin, and which joints the vertices of a primitive follow how much."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deformation import Skin
from ..errors import GltfError
from ..origin import Origin
from .gltf_accessors import Accessors
from .gltf_schema import pointer
from .kept import Source
from .limits import Budget

Matrices = NDArray[np.float64]


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


_LAST_ROW = (0.0, 0.0, 0.0, 1.0)
_ROUNDING = 1e-4
"""How far the last row of an inverse bind matrix may be off, because exporters invert matrices in single precision."""


class Skins:
    """Makes the skins of a checked document that something follows.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    accessors : Accessors
    budget : Budget
    source : Source
        What skins name as their origin.
    """

    def __init__(self, document: dict[str, Any], accessors: Accessors, budget: Budget, source: Source) -> None:
        self._source = source
        self._skins: list[dict[str, Any]] = document.get("skins", [])
        self._meshes: list[dict[str, Any]] = document.get("meshes", [])
        self._accessors = accessors
        self._budget = budget
        self._made: dict[int, Skin] = {}
        self._fitting: set[tuple[int, int]] = set()

    def joints(self, number: int) -> list[int]:
        """Return the nodes that are the joints of a skin."""
        joints: list[int] = self._skins[number]["joints"]
        return joints

    def skin(self, number: int) -> Skin:
        """Return a skin.

        Raises
        ------
        GltfError
            A matrix is not finite or not affine, or the budget is spent.
        """
        if number not in self._made:
            source = self._skins[number]
            self._budget.take(128 * len(source["joints"]), "The skin", pointer("skins", number))
            self._made[number] = skin = Skin(self._matrices(number, len(source["joints"])), source.get("name", ""))
            skin._origin = Origin(self._source, number)
        return self._made[number]

    def _matrices(self, number: int, count: int) -> Matrices:
        accessor = self._skins[number].get("inverseBindMatrices")
        if accessor is None:
            return np.tile(np.eye(4), (count, 1, 1))
        inverse = self._accessors.raw(accessor)[:count].astype(np.float64)
        if not np.isfinite(inverse).all():
            raise GltfError("An inverse bind matrix is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", accessor))
        if not np.allclose(inverse[:, 3], _LAST_ROW, rtol=0, atol=_ROUNDING):
            message = "The last row of an inverse bind matrix must be (0, 0, 0, 1)."
            raise GltfError(message, "ACCESSOR_INVALID_IBM", pointer("skins", number, "inverseBindMatrices"))
        inverse[:, 3] = _LAST_ROW
        return inverse

    def check_fit(self, mesh: int, skin: int) -> None:
        """Refuse a mesh whose vertices follow joints that a skin does not have.

        Raises
        ------
        GltfError
        """
        if (mesh, skin) in self._fitting:
            return
        count = len(self._skins[skin]["joints"])
        for place, primitive in enumerate(self._meshes[mesh]["primitives"]):
            for name, accessor in primitive["attributes"].items():
                if name.startswith("JOINTS_") and (highest := int(self._accessors.raw(accessor).max())) >= count:
                    message = f"Joint {highest} is past the {count} joints of the skin."
                    raise GltfError(message, "ACCESSOR_JOINTS_INDEX_OOB", pointer("meshes", mesh, "primitives", place, "attributes", name))
        self._fitting.add((mesh, skin))

    def influences(self, attributes: dict[str, int], where: str) -> dict[str, NDArray[Any]]:
        """Return what Geometry takes of the JOINTS_n and WEIGHTS_n of a primitive; nothing where it has none.

        Parameters
        ----------
        where : str
            JSON pointer of the primitive.

        Raises
        ------
        GltfError
            A weight is negative or not finite, or the budget is spent.
        """
        joints: list[NDArray[Any]] = []
        weights: list[NDArray[np.float32]] = []
        while f"JOINTS_{len(joints)}" in attributes:
            number = len(joints)
            raw, shares = self._accessors.raw(attributes[f"JOINTS_{number}"]), self._accessors.floats(attributes[f"WEIGHTS_{number}"])
            if not np.isfinite(shares).all():
                raise GltfError("A weight is not finite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", attributes[f"WEIGHTS_{number}"]))
            if shares.min() < 0:
                raise GltfError("A weight is negative.", "ACCESSOR_WEIGHTS_NEGATIVE", f"{where}/attributes/WEIGHTS_{number}")
            self._budget.take(6 * raw.size + 8 * shares.size, "The joints of vertices", where)
            joints.append(raw)
            weights.append(shares)
        if not joints:
            return {}
        return {"joints": np.concatenate(joints, axis=1), "weights": np.concatenate(weights, axis=1)}
