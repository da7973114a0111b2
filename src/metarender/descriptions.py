"""Descriptions: which geometries and materials a scene uses, by index, and how their edits reach the store."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import Draws, Store
from .geometry import Geometry, Mesh
from .materials import Material

OCCLUDER_TRIANGLES = 256
"""Geometries with more triangles never hide others: drawing them coarsely would cost more than it saves."""


class Descriptions:
    """Index tables of one scene. An index is free again when the last draw that used it goes.

    Attributes
    ----------
    geometries, materials : list
        Geometry or Material by index, None where the index is free.
    shading_classes : list of tuple
        ``Material.shading_key`` by shading class.
    material_epoch : (k,) uint64
        By material index: the value of `material_changes` at its last edit.
    geometry_changes, material_changes : int
        Grow with every change of the tables.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.geometries: list[Geometry | None] = []
        self.materials: list[Material | None] = []
        self.shading_classes: list[tuple[Any, ...]] = []
        self.material_epoch: NDArray[np.uint64] = np.zeros(16, dtype=np.uint64)
        self.geometry_changes = self.material_changes = 0
        self._geometry_index: dict[Geometry, int] = {}
        self._material_index: dict[Material, int] = {}
        self._shading_index: dict[tuple[Any, ...], int] = {}
        self._free_geometries: list[int] = []
        self._free_materials: list[int] = []
        self._draws: dict[Mesh, Draws] = {}
        self._occluders_seen = -1
        self._occluders: dict[int, Geometry] = {}
        self._level_users: dict[int, int] = {}  # by geometry index: how many geometries here have it as a coarser level

    def indices(self, mesh: Mesh) -> tuple[list[int], list[int]]:
        """Geometry and material indices of a mesh's primitives."""
        return [self.geometry(g) for g, _ in mesh.primitives], [self.material(m) for _, m in mesh.primitives]

    def draws(self, mesh: Mesh) -> Draws:
        """Return what a node with this mesh draws; made once per mesh."""
        found = self._draws.get(mesh)
        if found is None:
            found = self._draws[mesh] = Draws(*self.indices(mesh))
        return found

    def geometry(self, geometry: Geometry) -> int:
        """Index of a geometry, described to the store at first sight."""
        index = self._geometry_index.get(geometry)
        if index is None:
            index = self._free_geometries.pop() if self._free_geometries else len(self.geometries)
            if index == len(self.geometries):
                self.geometries.append(None)
            self.geometries[index] = geometry
            self._geometry_index[geometry] = index
            self._describe_geometry(geometry, index)
            self.geometry_changes += 1
            if geometry.levels:
                self._add_levels(geometry, index)
        return index

    def _describe_geometry(self, geometry: Geometry, index: int) -> None:
        """Tell the store the class and the box of a geometry; the box holds its coarser levels too."""
        boxes = np.stack([geometry.bounds, *(level.bounds for level, _ in geometry.levels)]).astype(np.float64)
        self.store.set_geometry(index, geometry.geometry_key, boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0))

    def _add_levels(self, geometry: Geometry, index: int) -> None:
        numbers = [self.geometry(level) for level, _ in geometry.levels]
        for number in numbers:
            self._level_users[number] = self._level_users.get(number, 0) + 1
        self.store.set_levels(index, numbers, [error for _, error in geometry.levels])

    def describe_occluders(self) -> None:
        """Give the store the triangles of geometries with few of them; those of new ones only."""
        if self._occluders_seen == self.geometry_changes:
            return
        self._occluders_seen = self.geometry_changes
        for index, geometry in enumerate(self.geometries):
            small = geometry is not None and geometry.topology == "triangles" and 0 < geometry.index_count <= OCCLUDER_TRIANGLES * 3
            if geometry is not None and small and self._occluders.get(index) is not geometry:
                self.store.set_occluder(index, geometry.positions, geometry.indices)
                self._occluders[index] = geometry

    def _drop_levels(self, geometry: Geometry) -> None:
        """A geometry goes: its levels may go with the next collection, unless something else draws them."""
        for level, _ in geometry.levels:
            number = self._geometry_index[level]
            self._level_users[number] -= 1
            if not self._level_users[number]:
                del self._level_users[number]
                self._describe_geometry(level, number)  # says again that nothing draws it, where that is so

    def material(self, material: Material) -> int:
        """Index of a material, described to the store at first sight and followed from then on."""
        index = self._material_index.get(material)
        if index is None:
            index = self._free_materials.pop() if self._free_materials else len(self.materials)
            if index == len(self.materials):
                self.materials.append(None)
                if index == len(self.material_epoch):
                    self.material_epoch = np.concatenate([self.material_epoch, np.zeros_like(self.material_epoch)])
            self.materials[index] = material
            self._material_index[material] = index
            material._watch(self._material_edited)
            self._describe(material, index)
        return index

    def _describe(self, material: Material, index: int) -> None:
        key = material.shading_key
        shading = self._shading_index.setdefault(key, len(self.shading_classes))
        if shading == len(self.shading_classes):
            self.shading_classes.append(key)
        self.store.set_material(index, material.geometry_key, shading)
        self.material_changes += 1
        self.material_epoch[index] = self.material_changes

    def _material_edited(self, material: Material) -> None:
        index = self._material_index.get(material)
        if index is not None:
            self._describe(material, index)

    def collect(self) -> None:
        """Free the indices of descriptions that no node draws any more."""
        idle, materials = self.store.take_idle()
        geometries = [index for index in idle if index not in self._level_users]
        if not geometries and not materials:
            return
        self._draws.clear()
        self.store.forget(geometries, materials)
        for index in geometries:
            geometry = self.geometries[index]
            if geometry is not None:
                self._drop_levels(geometry)
                self._occluders.pop(index, None)
                del self._geometry_index[geometry]
                self.geometries[index] = None
                self._free_geometries.append(index)
                self.geometry_changes += 1
        for index in materials:
            material = self.materials[index]
            if material is not None:
                material._unwatch(self._material_edited)
                del self._material_index[material]
                self.materials[index] = None
                self._free_materials.append(index)
