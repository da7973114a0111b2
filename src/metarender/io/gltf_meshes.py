"""glTF meshes to Geometry and Mesh: every primitive mode, morph targets and skins at rest, equal data shared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GltfError, InvalidInput
from ..geometry import Geometry, Mesh
from ..materials import Material
from .gltf_accessors import Accessors
from .gltf_materials import Materials
from .gltf_poses import Arrays, Matrices, Skinning, unit
from .gltf_schema import pointer
from .limits import Budget

POINTS, LINES, LINE_LOOP, LINE_STRIP, TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = range(7)
_TOPOLOGY = ("points", "lines", "lines", "lines", "triangles", "triangles", "triangles")
_RESTART = {np.dtype("u1"): 0xFF, np.dtype("<u2"): 0xFFFF, np.dtype("<u4"): 0xFFFFFFFF}


class Meshes:
    """Makes the meshes of a document that something draws.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    accessors : Accessors
    materials : Materials
    budget : Budget
    """

    def __init__(self, document: dict[str, Any], accessors: Accessors, materials: Materials, budget: Budget) -> None:
        self._meshes: list[dict[str, Any]] = document.get("meshes", [])
        self._accessors = accessors
        self._materials = materials
        self._budget = budget
        self._made: dict[tuple[int, tuple[float, ...]], Mesh] = {}
        self._geometries: dict[tuple[Any, ...], Geometry | None] = {}

    def mesh(self, number: int, weights: list[float] | None = None, palette: Matrices | None = None) -> Mesh:
        """Return a mesh with morph weights applied and, with a palette, posed by a skin.

        Parameters
        ----------
        weights : list of float, optional
            Morph weights of the node; the mesh's own by default.
        palette : (joints, 4, 4) float64, optional
            From `Poses.palette`; such a mesh belongs to one node and is not shared.

        Raises
        ------
        GltfError
            Data is out of range or not finite, or the budget is spent.
        """
        source = self._meshes[number]
        morph = tuple(map(float, weights if weights is not None else source.get("weights", ())))
        if not any(morph):
            morph = ()
        key = number, morph
        if palette is None and (mesh := self._made.get(key)) is not None:
            return mesh
        pairs = []
        for place, primitive in enumerate(source["primitives"]):
            pair = self._primitive(primitive, morph, palette, pointer("meshes", number, "primitives", place))
            if pair is not None:
                pairs.append(pair)
        mesh = Mesh(primitives=pairs, name=source.get("name", ""))
        if isinstance(extras := source.get("extras"), dict):
            mesh.extras.update(extras)
        if palette is None:
            self._made[key] = mesh
        return mesh

    def _primitive(
        self, primitive: dict[str, Any], morph: tuple[float, ...], palette: Matrices | None, where: str
    ) -> tuple[Geometry, Material] | None:
        """Return a drawable pair, None where the primitive draws nothing."""
        attributes: dict[str, int] = primitive["attributes"]
        if "POSITION" not in attributes:
            return None
        surface = self._materials.surface(primitive.get("material"))
        mode = primitive.get("mode", TRIANGLES)
        same = self._accessors.first_of
        key = (
            tuple((name, same(number)) for name, number in attributes.items()),
            same(primitive["indices"]) if "indices" in primitive else None,
            mode,
            surface.sets,
            morph,
            tuple(map(tuple, map(dict.items, primitive["targets"]))) if morph else None,
        )
        if palette is None and key in self._geometries:
            geometry = self._geometries[key]
        else:
            geometry = self._geometry(primitive, surface.sets, morph, palette, where)
            if palette is None:
                self._geometries[key] = geometry
        return None if geometry is None else (geometry, surface.material)

    def _geometry(
        self, primitive: dict[str, Any], sets: tuple[int, int], morph: tuple[float, ...], palette: Matrices | None, where: str
    ) -> Geometry | None:
        attributes: dict[str, int] = primitive["attributes"]
        mode = primitive.get("mode", TRIANGLES)
        arrays = self._arrays(attributes, sets)
        if morph:
            self._morph(arrays, primitive.get("targets", []), morph, where)
        if palette is not None and "JOINTS_0" in attributes:
            Skinning(palette, self._accessors, self._budget).apply(arrays, attributes, where)
        indices = self._indices(primitive, mode, where)
        if indices is not None and not indices.size:
            return None
        try:
            geometry = Geometry(**arrays, indices=indices, topology=_TOPOLOGY[mode])  # type: ignore[arg-type]
            if geometry.normals is None and geometry.topology == "triangles":
                self._budget.take(geometry.index_count * 4 * (6 + 2 * 4), "The flat normals", where)
                geometry = geometry.with_flat_normals()
        except InvalidInput as error:
            raise self._diagnose(primitive, error, where) from None
        return geometry

    def _arrays(self, attributes: dict[str, int], sets: tuple[int, int]) -> Arrays:
        """Collect what a Geometry takes; tangents need normals (glTF 2.0, 3.7.2.1)."""
        floats = self._accessors.floats
        get = attributes.get
        normal = get("NORMAL")
        names = {
            "positions": get("POSITION"),
            "normals": normal,
            "tangents": get("TANGENT") if normal is not None else None,
            "uv0": get(f"TEXCOORD_{sets[0]}"),
            "uv1": get(f"TEXCOORD_{sets[1]}"),
            "colors": get("COLOR_0"),
        }
        return {name: None if number is None else floats(number) for name, number in names.items()}

    def _morph(self, arrays: Arrays, targets: list[dict[str, int]], weights: tuple[float, ...], where: str) -> None:
        """Add weighted morph targets to positions, normals and tangents; the arrays of the file stay as they are."""
        semantics = {"positions": "POSITION", "normals": "NORMAL", "tangents": "TANGENT"}
        for name, semantic in semantics.items():
            base = arrays[name]
            parts = [(weight, target[semantic]) for weight, target in zip(weights, targets, strict=False) if weight and semantic in target]
            if base is None or not parts:
                continue
            self._budget.take(base.size * 4, "The morphed vertices", where)
            moved = base.astype(np.float32)
            for weight, number in parts:
                moved[:, :3] += np.float32(weight) * self._accessors.floats(number)
            if name != "positions":
                moved[:, :3] = unit(moved[:, :3])
            arrays[name] = moved

    def _indices(self, primitive: dict[str, Any], mode: int, where: str) -> NDArray[np.uint32] | None:
        """Return the indices as a list of points, lines or triangles; None connects the vertices in order."""
        number = primitive.get("indices")
        count = self._accessors.count(primitive["attributes"]["POSITION"])
        if number is None:
            if mode in (POINTS, LINES, TRIANGLES) and count % (mode + 1 if mode < 2 else 3) == 0:
                return None
            self._budget.take(4 * count, "The indices", where)
            indices = np.arange(count, dtype=np.uint32)
        else:
            indices, largest = self._accessors.indices(number)
            if largest >= count:
                raise GltfError(f"Index {largest} is past the {count} vertices.", "ACCESSOR_INDEX_OOB", where + "/indices")
            if largest == _RESTART[self._accessors.raw(number).dtype]:
                message = "An index has the primitive restart value, which glTF forbids."
                raise GltfError(message, "ACCESSOR_INDEX_PRIMITIVE_RESTART", where + "/indices")
        if mode not in (POINTS, LINES, TRIANGLES):
            self._budget.take(12 * indices.size, "The indices", where)
        return as_list(indices, mode)

    def _diagnose(self, primitive: dict[str, Any], error: InvalidInput, where: str) -> GltfError:
        """Find the accessor that Geometry refused; only files that are refused pay for the search."""
        for number in primitive["attributes"].values():
            raw = self._accessors.raw(number)
            if raw.dtype.kind == "f" and not np.isfinite(raw).all():
                row = int(np.nonzero(~np.isfinite(raw).all(axis=1))[0][0])
                return GltfError(f"Element {row} is NaN or infinite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", number))
        return GltfError(str(error), "MESH_PRIMITIVE_INVALID", where)


def as_list(indices: NDArray[np.uint32], mode: int) -> NDArray[np.uint32]:
    """Turn loops, strips and fans into lists, and drop an incomplete last primitive.

    Parameters
    ----------
    indices : (n,) uint32
    mode : int
        Of glTF, 0 to 6.

    Returns
    -------
    (m,) uint32
        Triangles keep the winding that glTF 2.0, 3.7.2.1 gives them.
    """
    size = indices.size
    if mode == POINTS:
        return indices
    if mode in (LINES, TRIANGLES):
        return indices[: size - size % (2 if mode == LINES else 3)]
    if mode in (LINE_STRIP, LINE_LOOP):
        if size < 2:
            return indices[:0]
        following = np.roll(indices, -1)
        pairs = np.stack([indices, following], axis=1)
        return (pairs if mode == LINE_LOOP else pairs[:-1]).reshape(-1)
    if size < 3:
        return indices[:0]
    first, second, third = indices[:-2], indices[1:-1], indices[2:]
    if mode == TRIANGLE_FAN:
        return np.stack([second, third, np.broadcast_to(indices[0], third.shape)], axis=1).reshape(-1)
    odd = (np.arange(size - 2) & 1).astype(bool)
    return np.stack([first, np.where(odd, third, second), np.where(odd, second, third)], axis=1).reshape(-1)
