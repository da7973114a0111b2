"""What a loader hands over: a finished description of a scene, from which `build_scene` makes the Scene in one go.

A loader describes everything first and touches no Scene; when it raises, nothing half-loaded is left behind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera
from ..geometry import Geometry, Mesh
from ..lights import Light
from ..materials import Material
from ..scene import Scene


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


def build_scene(asset: Asset, progress: Callable[[int, int], object] | None = None) -> Scene:
    """Make the Scene of a description.

    A node that carries two things, say a mesh and a light, keeps the first and gets an unnamed child for each other.

    Parameters
    ----------
    progress : callable, optional
        Called as ``progress(nodes_done, nodes)``.
    """
    scene = Scene()
    made: list[Any] = []
    for index, node in enumerate(asset.nodes):
        made.append(_add(scene, node, made[node.parent] if node.parent >= 0 else None))
        if progress is not None and index % 4096 == 0:
            progress(index, len(asset.nodes))
    return scene


def _add(scene: Scene, node: NodeDescription, parent: Any) -> Any:
    things = [thing for thing in (node.mesh, node.camera, node.light) if thing is not None]
    options: dict[str, Any] = {"name": node.name}
    if node.matrix is not None:
        options["matrix"] = node.matrix
    else:
        for key in ("position", "rotation", "scale"):
            if (value := getattr(node, key)) is not None:
                options[key] = value
    handle = scene.add(things[0] if things else None, parent, **options)
    for thing in things[1:]:
        scene.add(thing, handle)
    if node.extras:
        handle.extras.update(node.extras)
    if node.instances is not None:
        for geometry, material in node.instances.primitives:
            scene.add_instances(geometry, material, matrices=node.instances.matrices, parent=handle)
    return handle
