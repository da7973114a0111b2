"""What a loader hands over: a finished description of a scene, from which `build_scene` makes the Scene in one go.

A loader describes everything first and touches no Scene; when it raises, nothing half-loaded is left behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..animation.clips import Clip
from ..animation.tracks import Track
from ..camera import Camera
from ..deformation import Skin
from ..errors import AssetError, GltfError, InvalidInput
from ..geometry import Geometry, Mesh
from ..lights import Light
from ..materials import Material
from ..names import NameColumn
from ..origin import KeptFile, Origin
from ..scene import Node, Scene
from .gltf_settings import Settings


@dataclass(slots=True)
class InstanceDescription:
    """Many copies of a mesh below one node (EXT_mesh_gpu_instancing).

    Attributes
    ----------
    primitives : tuple of (Geometry, Material)
    matrices : (n, 4, 4) float64
        Local to the node.
    weights : (m,) float32
        Of their morphs; the node has them, and all its instances show them.
    names : (offsets, bytes) or None
        Of the instances, as a `NameColumn` has them.
    origin : Origin or None
        What a save reads; every range of instances of the node carries it.
    """

    primitives: tuple[tuple[Geometry, Material], ...]
    matrices: NDArray[np.float64]
    weights: NDArray[np.float32]
    names: tuple[NDArray[np.int64], NDArray[np.uint8]] | None = None
    origin: Origin | None = None


@dataclass(slots=True)
class NodeDescription:
    """One node, in the order parents first.

    Attributes
    ----------
    parent : int
        Index of the parent in ``Asset.nodes``, -1 for a root.
    name : str
    position, rotation, scale : tuples of float or None
        Local metres, xyzw, factors; None is the identity.
    matrix : (4, 4) float64 or None
        Instead of the three above.
    mesh, camera, light : what the node carries, or None
    weights : (m,) float32 or None
        Of the morphs of its mesh, where they are not those of the mesh.
    skin : Skin or None
    joints : list of int
        Indices in ``Asset.nodes`` of the nodes that the mesh follows with the skin.
    instances : InstanceDescription or None
    extras : dict or None
    visible : bool
        False hides the node and everything below it.
    where : str
        Where the node stands in the file, for messages; a JSON pointer in glTF.
    """

    parent: int = -1
    name: str = ""
    position: tuple[float, float, float] | None = None
    rotation: tuple[float, float, float, float] | None = None
    scale: tuple[float, float, float] | None = None
    matrix: NDArray[np.float64] | None = None
    mesh: Mesh | None = None
    camera: Camera | None = None
    light: Light | None = None
    weights: NDArray[np.float32] | None = None
    skin: Skin | None = None
    joints: list[int] = field(default_factory=list)
    instances: InstanceDescription | None = None
    extras: dict[str, Any] | None = None
    visible: bool = True
    where: str = ""


@dataclass(slots=True)
class TrackDescription:
    """Values over time of nodes or of one description.

    Attributes
    ----------
    target : tuple of int, Material, Light or Camera
        Places in ``Asset.nodes``, or the description itself.
    path : str
        As in `Track`.
    times : (k,) float64
    values : (k, 1, w), for cubic (k, 3, 1, w)
        Checked, read-only, rotations of unit length.
    interpolation : str
    """

    target: tuple[int, ...] | Material | Light | Camera
    path: str
    times: NDArray[np.float64]
    values: NDArray[np.float32]
    interpolation: str


@dataclass(slots=True)
class ClipDescription:
    """A clip as a loader describes it: name, tracks, seconds (None: those of its tracks) and extras."""

    name: str
    tracks: list[TrackDescription]
    duration: float | None = None
    extras: dict[str, Any] | None = None


@dataclass(slots=True)
class Asset:
    """A scene as a loader describes it.

    Attributes
    ----------
    nodes : list of NodeDescription
        Parents before their children.
    notes : list of str
        What the file has and is not drawn, as noun phrases.
    source : object
        The file as a save needs it, None where there is no more to keep than what is drawn.
    numbers : list of int
        Number of each node in the file.
    count : int
        Nodes of the file, those that were not loaded too.
    scene : int or None
        Number of the scene that was loaded.
    undrawn : set of int
        Numbers of nodes whose mesh, camera or light came to nothing.
    clips : list of ClipDescription
    settings : Settings
        Background and environment.
    refusal : type of AssetError
        What is raised where a scene cannot be made of it.
    """

    nodes: list[NodeDescription] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    source: Any = None
    numbers: list[int] = field(default_factory=list)
    count: int = 0
    scene: int | None = None
    undrawn: set[int] = field(default_factory=set)
    clips: list[ClipDescription] = field(default_factory=list)
    settings: Settings = field(default_factory=Settings)
    refusal: type[AssetError] = GltfError


def build_scene(asset: Asset) -> Scene:
    """Make the Scene of a description.

    Raises
    ------
    AssetError
        A transform cannot be stored or puts its node at no finite place; the half-made Scene is dropped.
    """
    scene = Scene()
    nodes = asset.nodes
    parents = np.fromiter((node.parent for node in nodes), np.int32, len(nodes))
    ids = scene.add_many(parents, [node.name for node in nodes], [node.mesh for node in nodes])
    try:
        _place(scene, ids, nodes)
    except InvalidInput as error:
        _name_the_culprit(asset)
        raise asset.refusal(str(error), "NODE_INVALID") from None
    for number, node in zip(ids.tolist(), nodes, strict=True):
        if node.camera is not None or node.light is not None or node.extras or node.instances is not None or not node.visible:
            _equip(scene, Node(scene.store, number), node)
        if node.weights is not None:
            Node(scene.store, number).weights = node.weights
        if node.skin is not None:
            scene.bind(Node(scene.store, number), node.skin, ids[node.joints])
    finite = np.isfinite(scene.store.world_matrices(ids)).all(axis=(1, 2))
    if not finite.all():
        where = nodes[int(np.argmin(finite))].where
        raise asset.refusal("The transforms above this node multiply to no finite place.", "NODE_INVALID", where)
    if asset.source is not None:
        places = np.zeros(asset.count, np.uint32)
        places[asset.numbers] = ids
        scene.kept.append(KeptFile(asset.source, places, -1 if asset.scene is None else asset.scene, frozenset(asset.undrawn)))
    for number, clip in enumerate(asset.clips):
        made = scene.add_clip(Clip(clip.name, [_track(ids, track) for track in clip.tracks], clip.duration, clip.extras))
        made._origin = Origin(asset.source, number, made.duration)
    asset.settings.apply(scene)
    return scene


def _track(ids: NDArray[np.uint32], track: TrackDescription) -> Track:
    target = ids[list(track.target)] if isinstance(track.target, tuple) else track.target
    return Track.of_checked(target, track.path, track.times, track.values, track.interpolation)


def _place(scene: Scene, ids: NDArray[np.uint32], nodes: list[NodeDescription]) -> None:
    """Set all transforms in three calls: matrices, authored rotations and scales, positions."""
    whole = [k for k, node in enumerate(nodes) if node.matrix is not None]
    turned = [k for k, node in enumerate(nodes) if node.rotation is not None or node.scale is not None]
    moved = [k for k, node in enumerate(nodes) if node.position is not None]
    if whole:
        scene.set(ids[whole], matrix=np.array([nodes[k].matrix for k in whole]))
    if turned:
        rotation = _rows((nodes[k].rotation or (0.0, 0.0, 0.0, 1.0) for k in turned), 4, len(turned))
        scaled = any(nodes[k].scale is not None for k in turned)
        scale = _rows((nodes[k].scale or (1.0, 1.0, 1.0) for k in turned), 3, len(turned)) if scaled else None
        scene.set(ids[turned], rotation=rotation, scale=scale)
    if moved:
        scene.set(ids[moved], position=_rows((nodes[k].position or (0.0, 0.0, 0.0) for k in moved), 3, len(moved)))


def _rows(values: Iterable[tuple[float, ...]], width: int, count: int) -> NDArray[np.float64]:
    """Tuples as (count, width) float64, about five times faster than np.array."""
    return np.fromiter(chain.from_iterable(values), np.float64, count * width).reshape(count, width)


def _name_the_culprit(asset: Asset) -> None:
    """Raise for the first node whose transform a scene refuses; halves are tried, since a scene for each node takes minutes."""
    nodes = asset.nodes
    while len(nodes) > 1:
        first, second = nodes[: len(nodes) // 2], nodes[len(nodes) // 2 :]
        nodes = second if _are_placed(first) else first
    for node in nodes:
        try:
            Scene().add(None, position=node.position, rotation=node.rotation, scale=node.scale, matrix=node.matrix)
        except InvalidInput as error:
            raise asset.refusal(str(error), "NODE_INVALID", node.where) from None


def _are_placed(nodes: list[NodeDescription]) -> bool:
    """Whether a scene takes the transforms of some nodes."""
    scene = Scene()
    try:
        _place(scene, scene.add_many(np.full(len(nodes), -1, np.int32)), nodes)
    except InvalidInput:
        return False
    return True


def _equip(scene: Scene, handle: Node, node: NodeDescription) -> None:
    if node.camera is not None:
        handle.camera = node.camera
    if node.light is not None:
        handle.light = node.light
    if not node.visible:
        handle.visible = False
    if node.extras:
        handle.extras.update(node.extras)
    if node.instances is not None:
        if node.instances.weights.size:
            scene.store.hold_weights([handle.id], node.instances.weights)
        for place, (geometry, material) in enumerate(node.instances.primitives):
            parts = scene.add_instances(geometry, material, matrices=node.instances.matrices, parent=handle)
            if place == 0 and node.instances.names is not None:
                scene._name_columns.append(NameColumn(parts.ids, *node.instances.names))
            assert parts.mesh is not None
            parts.mesh._origin = node.instances.origin
