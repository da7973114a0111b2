"""Descriptions: which geometries and materials a scene uses, by index, and how their edits reach the store."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._core import Draws, Store, add_skin, drop_skins, set_flesh
from .deformation import Skin, vertex_groups
from .field import Field
from .geometry import DEFORMED, Geometry, Mesh
from .materials import Material

OCCLUDER_TRIANGLES = 256
"""Geometries with more triangles never hide others: drawing them coarsely would cost more than it saves."""


T = TypeVar("T", bound=Hashable)


class Table(Generic[T]):
    """Descriptions by index. An index is free again when its description goes.

    Attributes
    ----------
    items : list
        Description by index, None where the index is free.
    epoch : (k,) uint64
        By index: the value of `changes` at its last edit.
    changes : int
        Grows with every edit.
    """

    def __init__(self) -> None:
        self.items: list[T | None] = []
        self.epoch: NDArray[np.uint64] = np.zeros(16, dtype=np.uint64)
        self.changes = 0
        self._index: dict[T, int] = {}
        self._free: list[int] = []

    def find(self, item: T) -> int | None:
        """Index of a description, or None."""
        return self._index.get(item)

    def add(self, item: T) -> int:
        """Index of a description that is new."""
        index = self._free.pop() if self._free else len(self.items)
        if index == len(self.items):
            self.items.append(None)
            if index == len(self.epoch):
                self.epoch = np.concatenate([self.epoch, np.zeros_like(self.epoch)])
        self.items[index] = item
        self._index[item] = index
        self.touch(index)
        return index

    def touch(self, index: int) -> None:
        """Note an edit."""
        self.changes += 1
        self.epoch[index] = self.changes

    def drop(self, index: int) -> T | None:
        """Free an index; returns what it stood for, None where it was free already."""
        item = self.items[index]
        if item is not None:
            del self._index[item]
            self.items[index] = None
            self._free.append(index)
            self.touch(index)
        return item

    def since(self, seen: int) -> list[int]:
        """Indices edited after `changes` was `seen`."""
        found: list[int] = np.flatnonzero(self.epoch[:len(self.items)] > seen).tolist()
        return found


class Descriptions:
    """The geometries, materials and skins of one scene, and what the store knows of them.

    Attributes
    ----------
    geometries, materials : Table
    shading_classes : list of tuple
        ``Material.shading_key`` by shading class.
    skins : dict of int to Skin
        By number in the store.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.geometries: Table[Geometry] = Table()
        self.materials: Table[Material] = Table()
        self.shading_classes: list[tuple[Any, ...]] = []
        self._shading_index: dict[tuple[Any, ...], int] = {}
        self.skins: dict[int, Skin] = {}
        self._skin_numbers: dict[Skin, int] = {}
        self._draws: dict[Mesh, Draws] = {}
        self._occluders_seen = 0
        self._field_users: dict[Field, set[int]] = {}  # geometry indices
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
        index = self.geometries.find(geometry)
        if index is None:
            index = self.geometries.add(geometry)
            self._describe_geometry(geometry, index)
            if geometry.levels:
                self._add_levels(geometry, index)
            if geometry.field is not None:
                self._field_users.setdefault(geometry.field, set()).add(index)
                geometry.field._watch(self._field_moved)
        return index

    @property
    def fields(self) -> list[Field]:
        """Fields of geometries in use, in the order they came."""
        return list(self._field_users)

    def _field_moved(self, field: Field) -> None:
        """A field shows another moment: devices look at its geometries again."""
        for index in self._field_users.get(field, ()):
            self.geometries.touch(index)
        self.store.touch()

    def _describe_geometry(self, geometry: Geometry, index: int) -> None:
        """Tell the store the class and the box of a geometry; the box holds its coarser levels too."""
        boxes = np.stack([geometry.bounds, *(level.bounds for level, _ in geometry.levels)]).astype(np.float64)
        self.store.set_geometry(index, geometry.geometry_key, boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0))
        if geometry.geometry_key & DEFORMED:
            set_flesh(self.store, index, *vertex_groups(geometry))

    def skin(self, skin: Skin) -> int:
        """Number of a skin, described to the store at first sight."""
        number = self._skin_numbers.get(skin)
        if number is None:
            number = self._skin_numbers[skin] = add_skin(self.store, skin.inverse_bind_matrices[:, :3])
            self.skins[number] = skin
        return number

    def _add_levels(self, geometry: Geometry, index: int) -> None:
        numbers = [self.geometry(level) for level, _ in geometry.levels]
        for number in numbers:
            self._level_users[number] = self._level_users.get(number, 0) + 1
        self.store.set_levels(index, numbers, [error for _, error in geometry.levels])

    def describe_occluders(self) -> None:
        """Give the store the triangles of geometries with few of them; those of new ones only."""
        if self._occluders_seen == self.geometries.changes:
            return
        for index in self.geometries.since(self._occluders_seen):
            geometry = self.geometries.items[index]
            if geometry is not None and geometry.topology == "triangles" and 0 < geometry.index_count <= OCCLUDER_TRIANGLES * 3:
                self.store.set_occluder(index, geometry.positions, geometry.indices)
        self._occluders_seen = self.geometries.changes

    def _drop_levels(self, geometry: Geometry) -> None:
        """A geometry goes: its levels may go with the next collection, unless something else draws them."""
        for level, _ in geometry.levels:
            number = self.geometries.find(level)
            assert number is not None
            self._level_users[number] -= 1
            if not self._level_users[number]:
                del self._level_users[number]
                self._describe_geometry(level, number)  # says again that nothing draws it, where that is so

    def _drop_field(self, geometry: Geometry, index: int) -> None:
        """A geometry goes: its field is followed no longer where no other one has it."""
        field = geometry.field
        if field is None:
            return
        self._field_users[field].discard(index)
        if not self._field_users[field]:
            del self._field_users[field]
            field._unwatch(self._field_moved)

    def material(self, material: Material) -> int:
        """Index of a material, described to the store at first sight and followed from then on."""
        index = self.materials.find(material)
        if index is None:
            index = self.materials.add(material)
            material._watch(self._material_edited)
            self._describe(material, index)
        return index

    def _describe(self, material: Material, index: int) -> None:
        key = material.shading_key
        shading = self._shading_index.setdefault(key, len(self.shading_classes))
        if shading == len(self.shading_classes):
            self.shading_classes.append(key)
        self.store.set_material(index, material.geometry_key, shading)

    def _material_edited(self, material: Material) -> None:
        index = self.materials.find(material)
        if index is not None:
            self._describe(material, index)
            self.materials.touch(index)

    def collect(self) -> None:
        """Free the indices of descriptions that no node draws, or follows, any more."""
        if self.skins:
            for number in drop_skins(self.store):
                del self._skin_numbers[self.skins.pop(number)]
        idle, materials = self.store.take_idle()
        geometries = [index for index in idle if index not in self._level_users]
        if not geometries and not materials:
            return
        self._draws.clear()
        self.store.forget(geometries, materials)
        for index in geometries:
            geometry = self.geometries.drop(index)
            if geometry is not None:
                self._drop_levels(geometry)
                self._drop_field(geometry, index)
        for index in materials:
            material = self.materials.drop(index)
            if material is not None:
                material._unwatch(self._material_edited)
