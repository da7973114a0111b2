"""Meshes and geometries of a scene as glTF: those of a file with its own bytes, those made in code from their arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..deformation import Morph
from ..geometry import Geometry, Mesh
from ..materials import Material
from .gltf_copying import Copier, with_attributes
from .gltf_document import Document
from .gltf_references import OBJECTS, PRIMITIVE, Missing
from .gltf_settings import put_entry
from .gltf_surfaces import Surfaces, put_label

_MODES = {"points": 0, "lines": 1, "triangles": 4}
Paint = Callable[[Geometry, Material], Material]


def as_it_is(geometry: Geometry, material: Material) -> Material:
    """Return the material: no part has a colour of its own."""
    return material


class Shapes:
    """Writes meshes, each once for each set of materials.

    Parameters
    ----------
    document : Document
    surfaces : Surfaces
    copier : callable
        ``copier(source)`` returns the `Copier` of a file.
    """

    def __init__(self, document: Document, surfaces: Surfaces, copier: Callable[[Any], Copier]) -> None:
        self._document = document
        self._surfaces = surfaces
        self._copier = copier
        self._made: dict[tuple[Any, ...], int | None] = {}
        self._alive: list[Any] = []
        self._primitives: dict[tuple[int, int, int], dict[str, Any]] = {}
        self._unpainted: dict[int, int | None] = {}

    def mesh(self, mesh: Mesh, painted: Paint = as_it_is) -> int | None:
        """Return the number of a mesh; None where nothing of it is left.

        Parameters
        ----------
        mesh : Mesh
        painted : callable
            What a part with a colour of its own has instead of a material.
        """
        if painted is as_it_is and id(mesh) in self._unpainted:
            return self._unpainted[id(mesh)]
        materials = [painted(geometry, material) for geometry, material in mesh.primitives]
        origin = mesh._origin
        whole = origin is not None and mesh.primitives is origin.held[0]
        whose: Any = (id(origin.source), origin.number) if whole and origin is not None else id(mesh)
        key = whose, mesh.name, *map(id, materials)
        if key not in self._made:
            self._alive += [mesh, *materials]
            self._made[key] = self._describe(mesh, materials, whole)
        if painted is as_it_is:
            self._alive.append(mesh)
            self._unpainted[id(mesh)] = self._made[key]
        return self._made[key]

    def _describe(self, mesh: Mesh, materials: list[Material], whole: bool) -> int | None:
        entry: dict[str, Any] = {}
        origin = mesh._origin
        try:
            if origin is not None:
                copier = self._copier(origin.source)
                source = copier.entry("meshes", int(origin.number))  # type: ignore[arg-type]
                entry = copier.copy({name: value for name, value in source.items() if name != "primitives"}, OBJECTS["meshes"])
                if whole:
                    entry["primitives"] = self._source_primitives(copier, source["primitives"], mesh, materials, origin.held[1])
            if not whole:
                entry.pop("weights", None)
                if mesh.weights.any():
                    entry["weights"] = mesh.weights.tolist()
                pairs = zip(mesh.primitives, materials, strict=True)
                entry["primitives"] = [self._primitive(geometry, material, mesh.weights.size) for (geometry, _), material in pairs
                                       if geometry.index_count]
        except Missing:
            self._document.notes[f"the mesh {mesh.name!r}"] = None
            return None
        if not entry["primitives"]:
            return None
        put_label(entry, mesh.name, self._with_target_names(mesh))
        return self._document.add("meshes", entry)

    def _with_target_names(self, mesh: Mesh) -> dict[str, Any]:
        """Return the extras of a mesh, with the names of its morphs where exporters put them: one list for all of its geometries."""
        lists = [[morph.name for morph in geometry.morphs] for geometry, _ in mesh.primitives if geometry.morphs]
        names = next(iter(lists), [])
        if any(other != names for other in lists):
            self._document.notes["names of morphs that differ between the geometries of a mesh"] = None
        known = mesh.extras.get("targetNames", [""] * len(names))
        return mesh.extras if known == names else {**mesh.extras, "targetNames": names}

    def _source_primitives(self, copier: Copier, primitives: list[dict[str, Any]], mesh: Mesh, materials: list[Material],
                           places: tuple[int, ...]) -> list[dict[str, Any]]:
        """All primitives of a mesh of a file, those that draw nothing too."""
        drawn = {place: (geometry, material) for place, (geometry, _), material in zip(places, mesh.primitives, materials, strict=True)}
        copied = [self._copied(copier, primitive, *drawn[place]) if place in drawn else copier.copy(primitive, PRIMITIVE)
                  for place, primitive in enumerate(primitives)]
        return with_attributes(copied)

    def _copied(self, copier: Copier, primitive: dict[str, Any], geometry: Geometry, material: Material,
                sets: tuple[int, int] | None = None, morphs: int = 0) -> dict[str, Any]:
        entry: dict[str, Any] = copier.copy({name: value for name, value in primitive.items() if name != "material"}, PRIMITIVE)
        if "POSITION" in entry["attributes"]:
            self._complete(entry, self._surfaces.coordinate_sets(material, sets), morphs)
        return self._finished(entry, geometry, material, sets)

    def _complete(self, entry: dict[str, Any], coordinates: int, morphs: int) -> None:
        """Give a primitive zeros where it lacks texture coordinates that its material reads, and morphs that others of its mesh have.

        Both are drawn as zeros here, and glTF wants to see them (2.0, 3.7.2.1 and 3.7.2.2).
        """
        attributes = entry["attributes"]
        count = self._document.lists["accessors"][attributes["POSITION"]]["count"]
        for name in [f"TEXCOORD_{number}" for number in range(coordinates)]:
            if name not in attributes:
                attributes[name] = self._document.zeros(count, 2)
        if morphs and "targets" not in entry:
            entry["targets"] = [{"POSITION": self._document.zeros(count, 3)} for _ in range(morphs)]

    def _finished(self, entry: dict[str, Any], geometry: Geometry, material: Material, sets: tuple[int, int] | None) -> dict[str, Any]:
        """Give a primitive the name of its geometry, and its material, which stands last at every save."""
        if geometry.name or "extras" in entry:
            put_entry(entry, {"name": geometry.name} if geometry.name else {}, ("name",))
        number = self._surfaces.material(material, sets)
        if number is not None:
            entry["material"] = number
        return entry

    def _primitive(self, geometry: Geometry, material: Material, morphs: int) -> dict[str, Any]:
        """A primitive of a mesh with so many morphs that was put together in code; its vertices may still be those of a file."""
        for what, is_there in (("coarser levels of geometries", geometry.levels), ("fields over vertices", geometry.field)):
            if is_there:
                self._document.notes[what] = None
        origin = geometry._origin
        if origin is not None:
            assert isinstance(origin.number, tuple)
            mesh, place = origin.number
            copier = self._copier(origin.source)
            primitive = dict(copier.entry("meshes", mesh)["primitives"][place])
            extensions = {k: v for k, v in primitive.get("extensions", {}).items() if k != "KHR_materials_variants"}
            return self._copied(copier, {**primitive, "extensions": extensions}, geometry, material, origin.held, morphs)
        has = 2 if geometry.uv1 is not None else int(geometry.uv0 is not None)
        wanted = self._surfaces.coordinate_sets(material, (0, 1))
        coordinates, morphs = wanted if wanted > has else 0, 0 if geometry.morphs else morphs  # what it lacks
        key = id(geometry), coordinates, morphs
        if key not in self._primitives:
            self._alive.append(geometry)
            self._primitives[key] = self._written(geometry, coordinates, morphs)
        return self._finished(dict(self._primitives[key]), geometry, material, (0, 1))

    def _written(self, geometry: Geometry, coordinates: int, morphs: int) -> dict[str, Any]:
        """The arrays of a geometry as accessors (glTF 2.0, 3.7.2), zeros for sets of coordinates and morphs that it lacks."""
        vertices = self._document.vertices
        attributes = {"POSITION": vertices(geometry.positions, bounds=True)}
        if geometry.normals is not None:
            attributes["NORMAL"] = vertices(_unit(geometry.normals))
            if geometry.tangents is not None:
                attributes["TANGENT"] = vertices(_unit(geometry.tangents))
        elif geometry.tangents is not None:
            self._document.notes["tangents without normals"] = None
        first, second = geometry.uv0, geometry.uv1
        if first is None and second is not None:  # sets count from 0 without gaps
            first = second
        for number, array in enumerate((first, second)):
            if array is not None:
                attributes[f"TEXCOORD_{number}"] = vertices(array)
            elif number < coordinates:
                attributes[f"TEXCOORD_{number}"] = self._document.zeros(geometry.vertex_count, 2)
        if geometry.colors is not None:
            colors = np.clip(geometry.colors, 0.0, 1.0)
            if not np.array_equal(colors, geometry.colors):
                self._document.notes["colours of vertices beyond 0..1"] = None
            attributes["COLOR_0"] = vertices(colors)
        if geometry.joints is not None and geometry.weights is not None:
            joints, weights = _each_once(geometry.joints, geometry.weights)
            for number in range(joints.shape[1] // 4):
                four = slice(4 * number, 4 * number + 4)
                attributes[f"JOINTS_{number}"] = vertices(joints[:, four])
                attributes[f"WEIGHTS_{number}"] = vertices(weights[:, four])
        entry: dict[str, Any] = {"attributes": attributes}
        if not np.array_equal(geometry.indices, np.arange(geometry.vertex_count, dtype=np.uint32)):
            entry["indices"] = self._document.indices(geometry.indices)
        if geometry.morphs:
            entry["targets"] = [self._target(morph, attributes) for morph in geometry.morphs]
        elif morphs:
            entry["targets"] = [{"POSITION": self._document.zeros(geometry.vertex_count, 3)} for _ in range(morphs)]
        if geometry.topology != "triangles":
            entry["mode"] = _MODES[geometry.topology]
        return entry

    def _target(self, morph: Morph, attributes: dict[str, int]) -> dict[str, int]:
        """The displacements of a morph; of what the geometry has not, there is nothing to move (glTF 2.0, 3.7.2.2)."""
        parts = (("NORMAL", morph.normals), ("TANGENT", morph.tangents))
        moved = {"POSITION": self._document.vertices(morph.positions, bounds=True)}
        return moved | {name: self._document.vertices(array) for name, array in parts if array is not None and name in attributes}


def _each_once(joints: NDArray[np.uint16], weights: NDArray[np.float32]) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    """Influences in which a vertex names a joint once, and joint 0 where the weight is 0 (glTF 2.0, 3.7.3.3)."""
    shares = weights.copy()
    for later in range(1, joints.shape[1]):
        for earlier in range(later):
            same = (joints[:, earlier] == joints[:, later]) & (shares[:, later] > 0) & (shares[:, earlier] > 0)
            shares[same, earlier] += shares[same, later]
            shares[same, later] = 0
    return np.where(shares > 0, joints, 0).astype(np.uint16), shares


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors of length 1 as glTF asks, (n, 3) or (n, 4) with a sign; those that have it already to the bit as they are."""
    length = np.linalg.norm(vectors[:, :3].astype(np.float64), axis=1)
    wrong = np.abs(length - 1) > 1e-4
    signs = vectors.shape[1] == 4 and not (np.abs(vectors[:, 3]) == 1).all()
    if not wrong.any() and not signs:
        return vectors
    result = vectors.copy()
    result[wrong, :3] = np.where(length[wrong, None] > 0, vectors[wrong, :3] / np.where(length > 0, length, 1)[wrong, None], (0, 1, 0))
    if signs:
        result[:, 3] = np.where(vectors[:, 3] < 0, -1, 1)
    return result
