"""glTF meshes to Geometry and Mesh: every primitive mode, morph targets and joints, equal data shared."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deformation import Morph, group_bytes
from ..errors import GltfError, InvalidInput
from ..geometry import DEFORMED, Geometry, Mesh
from ..materials import Material
from ..origin import Origin
from .gltf_accessors import Accessors
from .gltf_draco import Draco
from .gltf_materials import Materials
from .gltf_poses import Skins
from .gltf_schema import pointer
from .gltf_settings import read_name
from .kept import Source
from .limits import Budget

Arrays = dict[str, NDArray[np.float32] | None]
POINTS, LINES, LINE_LOOP, LINE_STRIP, TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = range(7)
_TOPOLOGY = ("points", "lines", "lines", "lines", "triangles", "triangles", "triangles")
_FARTHEST = 1e18
_RESTART = {np.dtype("u1"): 0xFF, np.dtype("<u2"): 0xFFFF, np.dtype("<u4"): 0xFFFFFFFF}


class Meshes:
    """Makes the meshes of a document that something draws.

    Parameters
    ----------
    document : dict
        Passed `check_document`.
    accessors : Accessors
    materials : Materials
    skins : Skins
    budget : Budget
    source : Source
        What meshes and geometries name as their origin.
    """

    def __init__(
        self, document: dict[str, Any], accessors: Accessors, materials: Materials, skins: Skins, budget: Budget, source: Source
    ) -> None:
        self._meshes: list[dict[str, Any]] = document.get("meshes", [])
        self._accessors = accessors
        self._materials = materials
        self._skins = skins
        self._budget = budget
        self._source = source
        self._draco = Draco(document, accessors, budget)
        self._skinned = {node["mesh"] for node in document.get("nodes", ()) if "skin" in node and "mesh" in node}
        self._made: dict[int, Mesh] = {}
        self._geometries: dict[tuple[Any, ...], Geometry | None] = {}

    def mesh(self, number: int) -> Mesh:
        """Return a mesh, made once.

        Raises
        ------
        GltfError
            Data is out of range or not finite, or the budget is spent.
        """
        if (made := self._made.get(number)) is not None:
            return made
        source = self._meshes[number]
        pairs, places = [], []
        for place, primitive in enumerate(source["primitives"]):
            where = pointer("meshes", number, "primitives", place)
            pair = self._primitive(self._draco.plain(primitive, where), number, where)
            if pair is not None:
                pairs.append(pair)
                places.append(place)
                if pair[0]._origin is None:
                    pair[0]._origin = Origin(self._source, (number, place), self._materials.surface(primitive.get("material")).sets)
        weights = np.array(source.get("weights", ()) if any(geometry.morphs for geometry, _ in pairs) else (), np.float32)
        check_weights(weights, pointer("meshes", number, "weights"))
        mesh = Mesh(primitives=pairs, name=source.get("name", ""), weights=weights)
        if isinstance(extras := source.get("extras"), dict):
            mesh.extras.update(extras)
        mesh._origin = Origin(self._source, number, (mesh.primitives, tuple(places)))
        self._made[number] = mesh
        return mesh

    def _primitive(self, primitive: dict[str, Any], mesh: int, where: str) -> tuple[Geometry, Material] | None:
        """Return a drawable pair, None where the primitive draws nothing."""
        attributes: dict[str, int] = primitive["attributes"]
        if "POSITION" not in attributes:
            return None
        surface = self._materials.surface(primitive.get("material"))
        same = self._accessors.first_of
        key = (
            tuple((name, same(number)) for name, number in attributes.items()),
            same(primitive["indices"]) if "indices" in primitive else None,
            primitive.get("mode", TRIANGLES),
            surface.sets,
            tuple(map(tuple, map(dict.items, primitive.get("targets", ())))),
            mesh in self._skinned,
            name := read_name(primitive.get("extras"), where, self._materials.notes),
        )
        if key not in self._geometries:
            self._geometries[key] = self._geometry(primitive, surface.sets, mesh, where, name)
        geometry = self._geometries[key]
        return None if geometry is None else (geometry, surface.material)

    def _geometry(self, primitive: dict[str, Any], sets: tuple[int, int], mesh: int, where: str, name: str) -> Geometry | None:
        attributes: dict[str, int] = primitive["attributes"]
        mode = primitive.get("mode", TRIANGLES)
        arrays: dict[str, Any] = {**self._arrays(attributes, sets)}
        if mesh in self._skinned:
            arrays |= self._skins.influences(attributes, where)
        indices = self._indices(primitive, mode, where)
        if indices is not None and not indices.size:
            return None
        try:
            morphs = self._morphs(primitive, arrays, self._target_names(mesh), where)
            geometry = Geometry(**arrays, morphs=morphs, indices=indices, topology=_TOPOLOGY[mode], name=name)
            # What deforms keeps the normals of its faces in the fragment shader: those of a pose are not the posed ones.
            if geometry.normals is None and geometry.topology == "triangles" and not geometry.geometry_key & DEFORMED:
                self._budget.take(geometry.index_count * 4 * (6 + 2 * 4), "The flat normals", where)
                geometry = geometry.with_flat_normals()
        except InvalidInput as error:
            raise self._diagnose(primitive, error, where) from None
        _check_reach(geometry, where)
        return geometry

    def _target_names(self, mesh: int) -> list[Any]:
        """Return the names that many exporters write into the extras of a mesh."""
        extras = self._meshes[mesh].get("extras")
        names = extras.get("targetNames") if isinstance(extras, dict) else None
        return names if isinstance(names, list) else []

    def _morphs(self, primitive: dict[str, Any], arrays: dict[str, Any], names: list[Any], where: str) -> list[Morph]:
        """Return the morph targets; displacements of what the primitive does not have are left out."""
        targets: list[dict[str, int]] = primitive.get("targets", [])
        count = len(arrays["positions"])
        parts = {"normals": "NORMAL", "tangents": "TANGENT"}
        width = 1 + sum(arrays[name] is not None and any(semantic in target for target in targets) for name, semantic in parts.items())
        if targets:
            boxes = group_bytes(arrays.get("joints"), len(targets))
            self._budget.take(12 * count * len(targets) * width + boxes, "The morph targets", where)
        made = []
        for number, target in enumerate(targets):
            found = {name: self._accessors.floats(target[semantic]) for name, semantic in parts.items()
                     if semantic in target and arrays[name] is not None}
            positions = self._accessors.floats(target["POSITION"]) if "POSITION" in target else np.zeros((count, 3), np.float32)
            name = names[number] if number < len(names) and isinstance(names[number], str) else ""
            made.append(Morph(positions, name=name, **found))
        return made

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
        targets = [number for target in primitive.get("targets", ()) for number in target.values()]
        for number in [*primitive["attributes"].values(), *targets]:
            raw = self._accessors.raw(number)
            if raw.dtype.kind == "f" and not np.isfinite(raw).all():
                row = int(np.nonzero(~np.isfinite(raw).all(axis=1))[0][0])
                return GltfError(f"Element {row} is NaN or infinite.", "ACCESSOR_INVALID_FLOAT", pointer("accessors", number))
        return GltfError(str(error), "MESH_PRIMITIVE_INVALID", where)


def check_weights(weights: NDArray[np.float32], where: str) -> None:
    """Refuse morph weights that float32 cannot hold."""
    if not np.isfinite(weights).all():
        raise GltfError("A morph weight is beyond float32.", "VALUE_NOT_IN_RANGE", where)


def _check_reach(geometry: Geometry, where: str) -> None:
    """Refuse positions and displacements that a scene cannot place."""
    reach = max(float(np.abs(array).max()) for array in (geometry.bounds, *(morph.positions for morph in geometry.morphs)))
    if reach > _FARTHEST:
        message = f"Vertices reach {reach:.0e} m, beyond the {_FARTHEST:.0e} m that a scene holds."
        raise GltfError(message, "MESH_PRIMITIVE_INVALID", where)


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
