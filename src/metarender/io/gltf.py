"""glTF 2.0 files (.gltf, .glb) to a Scene: check everything, describe what is drawn, then build.

The rooms: `gltf_container` (bytes, JSON, URIs), `gltf_schema` with `gltf_tables` (types), `gltf_rules`, `gltf_mesh_rules`,
`gltf_animation_rules` and `gltf_layout` (what a schema cannot say), `gltf_accessors`, `gltf_materials`, `gltf_meshes`, `gltf_poses` and
`gltf_animations` (data), `asset` (the Scene).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ..camera import Camera, OrthographicCamera, PerspectiveCamera
from ..errors import AssetError, GltfError, InvalidInput
from ..lights import DirectionalLight, Light, PointLight, SpotLight
from ..origin import Origin
from .asset import Asset, InstanceDescription, NodeDescription
from .gltf_accessors import Accessors
from .gltf_animations import Animations
from .gltf_container import Container, Resources, buffer_bytes, check_binary, open_container
from .gltf_instances import INSTANCE_ATTRIBUTES, instance_matrices
from .gltf_materials import Materials
from .gltf_meshes import Meshes, check_weights
from .gltf_part_names import names_of_instances
from .gltf_poses import Skins
from .gltf_rules import check_document, descend
from .gltf_schema import pointer
from .gltf_settings import Settings, read_settings
from .kept import Source
from .limits import Budget, Limits

_SKINNED_INSTANCES = "instances of skinned meshes but one each, at its joints, since glTF does not say where the others are"
"""Joints place a skinned mesh and the transform of its node counts for nothing (glTF 2.0, 3.7.3.1), which is what instances multiply."""

_PATIENCE = 0.05
"""Seconds after which a node is reported out of turn."""
WIDEST = math.radians(179.0)


def read_gltf(path: Path, *, scene: int | str | None = None, limits: Limits, progress: Callable[[int, int], object] | None = None) -> Asset:
    """Read a .gltf or .glb file.

    Parameters
    ----------
    path : Path
    scene : int or str, optional
        Number or name of the scene; by default the file's own default, else its first, else all root nodes.
    limits : Limits
    progress : callable, optional
        Called as ``progress(done, total)`` with bytes of the main file, then nodes.

    Raises
    ------
    AssetError, GltfError
    """
    container = open_container(path, limits, progress)
    _check_count(container.document, limits)
    ignored, has_decimals = check_document(container.document)
    check_binary(container)
    with np.errstate(all="ignore"):  # what overflows is refused as not finite, with a pointer
        asset = _Reader(container, limits, has_decimals).read(scene, progress)
    if ignored:
        asset.notes.insert(0, f"the extensions {', '.join(ignored)}")
    if container.surplus:
        asset.notes.append(f"{container.surplus} bytes after the end of the GLB")
    return asset


def _check_count(document: dict[str, Any], limits: Limits) -> None:
    """Refuse too many nodes before time is spent on each."""
    nodes = document.get("nodes")
    if type(nodes) is list and len(nodes) > limits.nodes:
        message = f"The file has {len(nodes):,} nodes, more than the {limits.nodes:,} allowed; raise Limits.nodes."
        raise GltfError(message, "LIMIT_EXCEEDED", "/nodes")


class _Reader:
    """Describes the drawn part of one checked document."""

    def __init__(self, container: Container, limits: Limits, has_decimals: bool) -> None:
        self._document = container.document
        self._limits = limits
        self._nodes: list[dict[str, Any]] = self._document.get("nodes", [])
        self._budget = Budget(limits)
        self._budget.read_file(container.size, "The file", "")
        resources = Resources(container.path.parent, self._budget)
        self._source = Source(container, limits, has_decimals)
        buffers = self._source.buffers

        def buffer(index: int) -> memoryview:
            if index not in buffers:
                buffers[index] = buffer_bytes(container, resources, index)
            return buffers[index]

        self._accessors = Accessors(self._document, buffer, self._budget)
        self._materials = Materials(self._document, resources, self._accessors.view_bytes, self._budget, self._source)
        self._skins = Skins(self._document, self._accessors, self._budget, self._source)
        self._meshes = Meshes(self._document, self._accessors, self._materials, self._skins, self._budget, self._source)
        self._lights: list[dict[str, Any]] = self._document.get("extensions", {}).get("KHR_lights_punctual", {}).get("lights", [])
        self._draws = 0
        self._animations = Animations(self._document, self._accessors, self._materials, self._budget)
        self._undrawn: set[int] = set()

    def read(self, scene: int | str | None, progress: Callable[[int, int], object] | None) -> Asset:
        """Make the asset of one scene of the file; `progress` is told (done, all) in between."""
        chosen = self._choose(scene)
        order = list(descend(self._nodes, self._roots(chosen)))
        places = {number: place for place, number in enumerate(order)}
        described = []
        due = 0.0
        for place, number in enumerate(order):
            described.append(self._node(number))
            if progress is not None and (place % 256 == 0 or perf_counter() > due):
                due = perf_counter() + _PATIENCE  # nodes with large meshes or pictures take long
                progress(place, len(order))
        for place, number in enumerate(order):
            for child in self._nodes[number].get("children", ()):
                described[places[child]].parent = place
            self._follow(described[place], self._nodes[number], places)
        if progress is not None:
            progress(len(order), len(order))
        clips = self._animations.clips(places, described)
        notes = self._materials.notes + self._animations.notes
        settings = Settings()
        if chosen is not None:
            settings = read_settings(self._document["scenes"][chosen].get("extras"), pointer("scenes", chosen), notes)
        return Asset(described, notes, clips=clips, source=self._source, numbers=order, count=len(self._nodes), scene=chosen,
                     undrawn=self._undrawn, settings=settings)

    def _follow(self, node: NodeDescription, source: dict[str, Any], places: dict[int, int]) -> None:
        """Say which nodes the mesh of a node follows."""
        if node.mesh is None or "skin" not in source:
            return
        self._skins.check_fit(source["mesh"], source["skin"])
        skin, joints = self._skins.skin(source["skin"]), self._skins.joints(source["skin"])
        if not any(geometry.joints is not None for geometry, _ in node.mesh.primitives):
            return
        if all(joint in places for joint in joints):
            node.skin, node.joints = skin, [places[joint] for joint in joints]
        elif (note := "skins whose joints are not in the scene") not in self._materials.notes:
            self._materials.notes.append(note)

    def _choose(self, scene: int | str | None) -> int | None:
        """Number of the scene that is meant, None for all roots of a file without scenes."""
        scenes: list[dict[str, Any]] = self._document.get("scenes", [])
        chosen: int | None = None
        if isinstance(scene, str):
            names = [entry.get("name", "") for entry in scenes]
            if scene not in names:
                raise AssetError(f"The file has no scene named {scene!r}; its scenes are {', '.join(map(repr, names)) or 'none'}.")
            chosen = names.index(scene)
        elif scene is not None:
            if type(scene) is not int or not 0 <= scene < len(scenes):
                raise AssetError(f"The file has no scene {scene!r}; it has {len(scenes)}, counted from 0.")
            chosen = scene
        elif scenes:
            chosen = self._document.get("scene", 0)
        return chosen

    def _roots(self, scene: int | None) -> list[int]:
        if scene is not None:
            return list(self._document["scenes"][scene].get("nodes", ()))
        children = {child for node in self._nodes for child in node.get("children", ())}
        return [index for index in range(len(self._nodes)) if index not in children]

    def _node(self, number: int) -> NodeDescription:
        source = self._nodes[number]
        node = NodeDescription(name=source.get("name", ""), where=f"/nodes/{number}")
        get = source.get
        if (matrix := get("matrix")) is not None:
            node.matrix = np.array(matrix, np.float64).reshape(4, 4).T
        else:
            for key, name in (("translation", "position"), ("rotation", "rotation"), ("scale", "scale")):
                if (value := get(key)) is not None:
                    setattr(node, name, tuple(map(float, value)))
        if isinstance(extras := get("extras"), dict):
            node.extras = extras
        extensions = get("extensions", {})
        if "mesh" in source:
            self._draw(node, source, number, extensions.get("EXT_mesh_gpu_instancing"))
        node.visible = extensions.get("KHR_node_visibility", {}).get("visible", True)
        if "camera" in source:
            node.camera = self._camera(source["camera"])
            self._animations.note("cameras", source["camera"], node.camera)
        if (light := extensions.get("KHR_lights_punctual")) is not None:
            node.light = self._light(light["light"])
            self._animations.note("lights", light["light"], node.light)
        carried = (("mesh" in source, node.mesh or node.instances), ("camera" in source, node.camera), (light is not None, node.light))
        if any(named and found is None for named, found in carried):
            self._undrawn.add(number)
        return node

    def _draw(self, node: NodeDescription, source: dict[str, Any], number: int, instancing: dict[str, Any] | None) -> None:
        """Give the node its mesh or instances."""
        mesh = self._meshes.mesh(source["mesh"])
        weights = mesh.weights
        if "weights" in source and mesh.weights.size:
            weights = np.array(source["weights"], np.float32)
            check_weights(weights, pointer("nodes", number, "weights"))
            node.weights = weights
        copies = 1
        if not mesh.primitives:
            return
        skinned = "skin" in source and any(geometry.joints is not None for geometry, _ in mesh.primitives)
        if instancing is not None and skinned and (note := _SKINNED_INSTANCES) not in self._materials.notes:
            self._materials.notes.append(note)
        if instancing is None or skinned:
            node.mesh = mesh
        else:
            matrices = self._instances(
                instancing["attributes"], pointer("nodes", number, "extensions", "EXT_mesh_gpu_instancing", "attributes")
            )
            copies = len(matrices)
            names = names_of_instances(self._document, self._accessors, number, copies)
            node.instances = InstanceDescription(mesh.primitives, matrices, weights, names, Origin(self._source, number, mesh))
        self._draws += copies * len(mesh.primitives)
        if self._draws > self._limits.draws:
            message = f"The scene draws more than {self._limits.draws:,} primitives; raise Limits.draws."
            raise GltfError(message, "LIMIT_EXCEEDED", pointer("nodes", number))

    def _instances(self, attributes: dict[str, int], where: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the (n, 4, 4) float64 matrices of EXT_mesh_gpu_instancing."""
        counts = {self._accessors.count(accessor) for accessor in attributes.values()}
        if len(counts) != 1:
            raise GltfError("The attributes of instances have different counts.", "EXT_MESH_GPU_INSTANCING_UNEQUAL_COUNT", where)
        self._budget.take(counts.pop() * 16 * 8, "The instances", where)
        for name, (kind, _) in INSTANCE_ATTRIBUTES.items():
            accessor = attributes.get(name)
            if accessor is not None and self._document["accessors"][accessor]["type"] != kind:
                raise GltfError(f"{name} of instances must be {kind}.", "EXT_MESH_GPU_INSTANCING_INVALID_FORMAT", f"{where}/{name}")
        matrices = instance_matrices(self._accessors, attributes)
        if not np.isfinite(matrices).all():
            raise GltfError("An instance is not finite; check its numbers and that no rotation is zero.", "ACCESSOR_INVALID_FLOAT", where)
        return matrices

    def _camera(self, number: int) -> Camera | None:
        source = self._document["cameras"][number]
        camera: Camera
        try:
            if source["type"] == "perspective":
                body = source["perspective"]
                fov = math.degrees(min(float(body["yfov"]), WIDEST))
                camera = PerspectiveCamera(fov, float(body["znear"]), float(body.get("zfar", math.inf)))
            elif source["type"] == "orthographic":
                body = source["orthographic"]
                camera = OrthographicCamera(2 * abs(float(body["ymag"])) or 2.0, float(body["znear"]), float(body["zfar"]))
            else:
                return None
        except InvalidInput as error:
            raise GltfError(str(error), "VALUE_NOT_IN_RANGE", pointer("cameras", number)) from None
        camera.name = source.get("name", "")
        if isinstance(extras := source.get("extras"), dict):
            camera.extras.update(extras)
        camera._origin = Origin.of(self._source, number, camera)
        return camera

    def _light(self, number: int) -> Light | None:
        source = self._lights[number]
        color = tuple(map(float, source.get("color", (1, 1, 1))))
        intensity = float(source.get("intensity", 1.0))
        reach = max(float(source.get("range", math.inf)), 1e-9)
        light: Light
        try:
            if source["type"] == "directional":
                light = DirectionalLight(color, intensity)
            elif source["type"] == "point":
                light = PointLight(color, intensity, reach)
            elif source["type"] == "spot":
                cone = source["spot"]
                inner, outer = float(cone.get("innerConeAngle", 0.0)), float(cone.get("outerConeAngle", math.pi / 4))
                light = SpotLight(color, intensity, reach, inner, outer)
            else:
                return None
        except InvalidInput as error:
            where = pointer("extensions", "KHR_lights_punctual", "lights", number)
            raise GltfError(str(error), "VALUE_NOT_IN_RANGE", where) from None
        light.name = source.get("name", "")
        if isinstance(extras := source.get("extras"), dict):
            light.extras.update(extras)
        light._origin = Origin.of(self._source, number, light)
        return light
