"""Planned nodes as glTF: transforms without loss, what they carry, and parts as instances (glTF 2.0, 3.5; EXT_mesh_gpu_instancing)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._core import joints_of
from ..drawn import Palette
from ..geometry import Geometry, Mesh
from ..lights import DirectionalLight
from ..materials import Material
from ..origin import KeptFile
from ..scene import Node
from .gltf_copying import Copier
from .gltf_document import Document
from .gltf_part_names import FEATURES, part_names, write_names
from .gltf_references import EXTENSIONS, OBJECTS
from .gltf_rows import FORWARD, Entry, Kind, Plan, Rows
from .gltf_same_instances import INSTANCING
from .gltf_shapes import Paint, Shapes, as_it_is
from .gltf_surfaces import Surfaces, put_label
from .gltf_transforms import Transforms, put_transform
from .losses import UNDER_COLORS

_LIGHTS, _VISIBILITY = "KHR_lights_punctual", "KHR_node_visibility"
_OURS = frozenset({"name", "children", "mesh", "camera", "matrix", "translation", "rotation", "scale", "skin", "weights"})
_FAR = 1024.0
"""Metres from their node beyond which instances get a node nearer to them: float32 rounds by 0.06 mm there."""


class Tree:
    """Writes the nodes of a plan.

    Parameters
    ----------
    document : Document
    rows : Rows
    plan : Plan
    surfaces : Surfaces
    shapes : Shapes
    enter : callable
        ``enter(kept)`` returns the `Copier` of a file, for the nodes that the scene has of it.
    """

    def __init__(self, document: Document, rows: Rows, plan: Plan, surfaces: Surfaces, shapes: Shapes,
                 enter: Callable[[KeptFile], Copier]) -> None:
        self._document, self._rows, self._plan = document, rows, plan
        self._scene = rows.scene
        self._surfaces, self._shapes, self._enter = surfaces, shapes, enter
        self._transforms = Transforms(rows, plan.entries)
        self._starts = sorted(rows.ranges)
        self._palette = Palette()
        self._meshes: dict[tuple[int, int], Mesh] = {}
        self._skins: dict[tuple[Any, ...], int] = {}

    def write(self, whole: dict[int, Mesh]) -> None:
        """Write all planned nodes; `whole` has the meshes of the nodes whose parts are their own instances, by row."""
        nodes = self._document.lists["nodes"]
        nodes.extend({} for _ in self._plan.entries)
        for place, entry in enumerate(self._plan.entries):
            if entry.kind is Kind.NODE:
                found = self._node(place, entry, whole)
            elif entry.kind is Kind.PARTS:
                found = self._parts(entry)
            elif entry.kind is Kind.LIGHT:
                found = self._light(entry)
            elif entry.kind is Kind.ROOT:
                found = {}
            else:
                found = self._inner(entry)
            if entry.children:
                found["children"] = entry.children
            nodes[place] = found

    # ---- nodes of the scene ----

    def _node(self, place: int, entry: Entry, whole: dict[int, Mesh]) -> dict[str, Any]:
        row, number = entry.row, int(self._rows.ids[entry.row])
        origin = self._rows.file_of(row)
        source: dict[str, Any] = {}
        name = self._scene._name_of(number)
        result: dict[str, Any] = {"name": name} if name else {}
        copier: Copier | None = None
        if origin is not None:
            copier = self._enter(origin[0])
            source = copier.entry("nodes", origin[1])
            rest = _rest(source, row in whole)
            if rest:
                result = copier.copy(rest, OBJECTS["nodes"])
        if self._plan.has_inner(place):
            self._transforms.put_first_turn(result, row)
        else:
            self._transforms.put(result, place, row, source)
        undrawn = origin is not None and origin[1] in origin[0].undrawn
        if row in whole:
            assert copier is not None
            _set(result, "mesh", self._shapes.mesh(whole[row]))
            _extend(result, INSTANCING, copier.copy(source["extensions"][INSTANCING], EXTENSIONS[INSTANCING]))
            self._carry_weights(result, number, whole[row], source)
        else:
            self._carry_mesh(result, row, source, copier, undrawn)
        camera, light = self._scene._cameras.get(number), self._scene._lights.get(number)
        if camera is not None:
            result["camera"] = self._surfaces.camera(camera)
        if light is not None and not self._rows.is_turned(row):
            _extend(result, _LIGHTS, {"light": self._surfaces.light(light)})
        if copier is not None and undrawn:
            self._keep_undrawn(result, source, copier)
        if not self._rows.visible[row]:
            _extend(result, _VISIBILITY, {"visible": False})
        put_label(result, name, self._scene._extras.get(number, {}))
        return result

    def _carry_mesh(self, result: dict[str, Any], row: int, source: dict[str, Any], copier: Copier | None, undrawn: bool) -> None:
        if not self._rows.draws[row]:
            return
        number = int(self._rows.ids[row])
        mesh = self._scene._meshes.get(number) or self._scene._mesh_of(number)
        if mesh is None:
            return
        _set(result, "mesh", self._shapes.mesh(mesh, self._painter(row)))
        if "mesh" in result:
            if self._document.has_joints(result["mesh"]):
                _set(result, "skin", self._skin(number, mesh, source, copier))
            elif self._scene._skin_of(number) is not None:
                self._document.notes["skins of nodes whose mesh follows no joints"] = None
            self._carry_weights(result, number, mesh, source)
            if copier is not None and "skin" in result and INSTANCING in source.get("extensions", {}):  # drawn once, kept as it was
                _extend(result, INSTANCING, copier.copy(source["extensions"][INSTANCING], EXTENSIONS[INSTANCING]))

    def _skin(self, number: int, mesh: Mesh, source: dict[str, Any], copier: Copier | None) -> int | None:
        """Return the number of the skin that a node follows: that of the file with the same joints, or its own (glTF 2.0, 3.7.3.1)."""
        skin = self._scene._skin_of(number)
        if skin is None:
            if "skin" not in source or copier is None:
                return None
            if not any(geometry.joints is not None for geometry, _ in mesh.primitives):
                return copier.found("skins", source["skin"])
            self._document.notes["a skin that lost a joint"] = None
            return None
        joints = self._plan.places(joints_of(self._scene.store, number))
        origin = skin._origin
        if copier is not None and origin is not None and origin.source is copier.opened.source:
            assert isinstance(origin.number, int)
            if copier.places(copier.entry("skins", origin.number)["joints"]) == joints:
                return copier.found("skins", origin.number)
        key = id(skin), *joints
        if key not in self._skins:
            matrices = skin.inverse_bind_matrices.transpose(0, 2, 1).reshape(-1, 16).astype(np.float32)
            entry: dict[str, Any] = {"inverseBindMatrices": self._document.accessor(matrices), "joints": joints}
            put_label(entry, skin.name, {})
            self._skins[key] = self._document.add("skins", entry)
        return self._skins[key]

    def _carry_weights(self, result: dict[str, Any], number: int, mesh: Mesh, source: dict[str, Any]) -> None:
        """Set the weights of morphs, unless they are those of the mesh (glTF 2.0, 3.7.2.2)."""
        if not mesh.weights.size:
            return
        weights = Node(self._scene.store, number).weights
        if "weights" in source and np.array_equal(np.array(source["weights"], np.float32), weights):
            result["weights"] = source["weights"]
        elif not np.array_equal(weights, mesh.weights):
            result["weights"] = weights.tolist()

    def _keep_undrawn(self, result: dict[str, Any], source: dict[str, Any], copier: Copier) -> None:
        """Keep what the file names and the scene could make nothing of."""
        for name, collection in (("mesh", "meshes"), ("camera", "cameras")):
            if name in source and name not in result:
                _set(result, name, copier.found(collection, source[name]))
        if "mesh" in result:
            if "skin" in source:
                _set(result, "skin", copier.found("skins", source["skin"]))
            if "weights" in source:
                result["weights"] = source["weights"]
        for name in (_LIGHTS, INSTANCING):
            body = source.get("extensions", {}).get(name)
            if body is not None and name not in result.get("extensions", {}) and (name == _LIGHTS or "mesh" in result):
                owner: dict[str, Any] = copier.copy({"extensions": {name: body}})
                for extension, copied in owner.get("extensions", {}).items():
                    _extend(result, extension, copied)

    def _light(self, entry: Entry) -> dict[str, Any]:
        """A child that turns -Z to where the light of its parent shines."""
        light = self._scene._lights[int(self._rows.ids[entry.row])]
        assert isinstance(light, DirectionalLight)
        direction = light.direction
        half = np.array([*np.cross(FORWARD, direction), 1 + np.dot(FORWARD, direction)])
        if np.linalg.norm(half) < 1e-9:  # straight back
            half = np.array([0.0, 1.0, 0.0, 0.0])
        result: dict[str, Any] = {}
        put_transform(result, (0, 0, 0), half / np.linalg.norm(half), (1, 1, 1))
        _extend(result, _LIGHTS, {"light": self._surfaces.light(light)})
        return result

    def _inner(self, entry: Entry) -> dict[str, Any]:
        """A child with the second turn of a matrix that shears, and with what its parent draws."""
        result: dict[str, Any] = {}
        self._transforms.put_second_turn(result, entry.row)
        above = self._document.lists["nodes"][entry.parent]
        for name in ("mesh", "camera", "skin", "weights"):
            if name in above:
                result[name] = above.pop(name)
        for name in (_LIGHTS, INSTANCING):
            if name in above.get("extensions", {}):
                _extend(result, name, above["extensions"].pop(name))
        if not above.get("extensions", True):
            del above["extensions"]
        return result

    # ---- parts ----

    def _parts(self, entry: Entry) -> dict[str, Any]:
        """Parts of one kind as the instances of a node."""
        rows, group = self._rows, entry.rows
        assert group is not None
        mesh, name = rows.range_mesh(self._range_start(entry.row))
        pair = rows.draw_of(entry.row)
        if mesh is None or mesh._origin is not None or mesh.primitives != (pair,):  # the origin of instances is a node
            mesh = self._meshes.setdefault((id(pair[0]), id(pair[1])), Mesh(*pair))
        number = self._shapes.mesh(mesh, self._painter(entry.row))
        result: dict[str, Any] = {}
        if number is not None:
            result["mesh"] = number
            self._carry_weights(result, int(rows.ids[entry.row]), mesh, {})
            position = rows.position[group]
            far = float(np.abs(position).max()) > _FAR
            middle = np.round((position.min(axis=0) + position.max(axis=0)) / 2) if far else np.zeros(3)
            put_transform(result, middle.tolist(), (0, 0, 0, 1), (1, 1, 1))
            _extend(result, INSTANCING, {"attributes": self._attributes(position - middle, rows.rotation[group], rows.scale[group])})
        if not rows.visible[entry.row]:
            _extend(result, _VISIBILITY, {"visible": False})
        table = write_names(self._document, *part_names(self._scene, rows.ids[group]))
        if table is not None:
            _extend(result, FEATURES, {"featureIds": [{"featureCount": len(group), "propertyTable": table}]})
        put_label(result, name, {})
        return result

    def _range_start(self, row: int) -> int:
        """First row of the range that a part is in."""
        return self._starts[bisect_right(self._starts, row) - 1]

    def _attributes(self, position: NDArray[np.float64], rotation: NDArray[np.float64], scale: NDArray[np.float64]) -> dict[str, int]:
        accessor = self._document.accessor
        attributes = {"TRANSLATION": accessor(position.astype(np.float32))}
        if (rotation != (0, 0, 0, 1)).any():
            attributes["ROTATION"] = accessor(rotation.astype(np.float32))
        if (scale != 1).any():
            attributes["SCALE"] = accessor(scale.astype(np.float32))
        return attributes

    # ---- state ----

    def _painter(self, row: int) -> Paint:
        """What a part with a colour of its own has instead of a material."""
        color = self._rows.color[row]
        if not color[3]:
            return as_it_is

        def painted(geometry: Geometry, material: Material) -> Material:
            made, is_exact = self._palette.painted(geometry, material, color)
            if not is_exact:
                self._document.notes[UNDER_COLORS] = None
            return made

        return painted


def _rest(source: dict[str, Any], whole: bool) -> dict[str, Any]:
    """What a node of a file has besides what the scene decides; `whole` says that its instances are those of the file."""
    result = {name: value for name, value in source.items() if name not in _OURS}
    if isinstance(result.get("extras"), dict):  # the scene has them
        del result["extras"]
    if "extensions" in result:
        decided = (_LIGHTS, INSTANCING) if whole else (_LIGHTS, INSTANCING, FEATURES)
        kept = {name: body for name, body in source["extensions"].items() if name not in decided}
        if not kept.get(_VISIBILITY, {}).get("visible", True):  # the scene says it
            del kept[_VISIBILITY]
        result["extensions"] = kept
    return result


def _set(entry: dict[str, Any], name: str, value: int | None) -> None:
    if value is not None:
        entry[name] = value


def _extend(entry: dict[str, Any], name: str, body: Any) -> None:
    entry.setdefault("extensions", {})[name] = body
