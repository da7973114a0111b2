"""What a loader hands over: a finished description of a scene, from which `build_scene` makes the Scene in one go.

A loader describes everything first and touches no Scene; when it raises, nothing half-loaded is left behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..errors import GltfError, InvalidInput
from ..geometry import Geometry, Mesh
from ..lights import Light
from ..materials import Material
from ..scene import Node, Scene


@dataclass(slots=True)
class InstanceDescription:
    """Many copies of a mesh below one node (EXT_mesh_gpu_instancing).

    Attributes
    ----------
    primitives : tuple of (Geometry, Material)
    matrices : (n, 4, 4) float64
        Local to the node.
    """

    primitives: tuple[tuple[Geometry, Material], ...]
    matrices: NDArray[np.float64]


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
    instances : InstanceDescription or None
    extras : dict or None
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
    instances: InstanceDescription | None = None
    extras: dict[str, Any] | None = None
    where: str = ""


@dataclass(slots=True)
class Asset:
    """A scene as a loader describes it.

    Attributes
    ----------
    nodes : list of NodeDescription
        Parents before their children.
    notes : list of str
        What the file has and is not drawn, as noun phrases.
    """

    nodes: list[NodeDescription] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def build_scene(asset: Asset) -> Scene:
    """Make the Scene of a description.

    Raises
    ------
    GltfError
        A transform cannot be stored or puts its node at no finite place; the half-made Scene is dropped.
    """
    scene = Scene()
    made: list[Node] = []
    for node in asset.nodes:
        try:
            made.append(_add(scene, node, made[node.parent] if node.parent >= 0 else None))
        except InvalidInput as error:
            raise GltfError(str(error), "NODE_INVALID", node.where) from None
    if made:
        world = scene.store.world_matrices([node.id for node in made])
        finite = np.isfinite(world).all(axis=(1, 2))
        if not finite.all():
            where = asset.nodes[int(np.argmin(finite))].where
            raise GltfError("The transforms above this node multiply to no finite place.", "NODE_INVALID", where)
    return scene


def _add(scene: Scene, node: NodeDescription, parent: Node | None) -> Node:
    if node.matrix is not None:
        handle = scene.add(node.mesh, parent, matrix=node.matrix, name=node.name)
    else:
        handle = scene.add(node.mesh, parent, position=node.position, rotation=node.rotation, scale=node.scale, name=node.name)
    if node.camera is not None:
        handle.camera = node.camera
    if node.light is not None:
        handle.light = node.light
    if node.extras:
        handle.extras.update(node.extras)
    if node.instances is not None:
        for geometry, material in node.instances.primitives:
            scene.add_instances(geometry, material, matrices=node.instances.matrices, parent=handle)
    return handle
