"""A mannequin: a skinned figure of 1.75 m with the joint names of VRM, made of tubes that bend where bones meet."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..deformation import Skin
from ..geometry import Geometry, Mesh
from ..materials import Material, Standard
from ..primitives import capsule, sphere
from ..scene import Node, Scene

JOINTS: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hips": ("", (0, 0.95, 0)), "spine": ("hips", (0, 0.12, -0.01)), "chest": ("spine", (0, 0.18, 0)), "neck": ("chest", (0, 0.22, -0.01)),
    "head": ("neck", (0, 0.10, 0.02)),
    **{f"{side}{name}": (f"{side}{parent}" if own else parent, (sign * x, y, z)) for side, sign in (("left", 1), ("right", -1))
       for name, parent, own, (x, y, z) in (
           ("Shoulder", "chest", False, (0.05, 0.16, 0)), ("UpperArm", "Shoulder", True, (0.13, 0, -0.01)),
           ("LowerArm", "UpperArm", True, (0.19, -0.19, -0.01)), ("Hand", "LowerArm", True, (0.17, -0.18, 0.03)),
           ("UpperLeg", "hips", False, (0.09, -0.04, 0)), ("LowerLeg", "UpperLeg", True, (0.015, -0.42, 0.01)),
           ("Foot", "LowerLeg", True, (0.01, -0.41, -0.03)), ("Toes", "Foot", True, (0, -0.04, 0.13)))}}
"""Parent and place of each joint, metres; arms hang half down, and the figure looks along +Z."""

TUBES = (("hips", "spine", 0.12), ("spine", "chest", 0.115), ("chest", "neck", 0.1), ("neck", "head", 0.05),
         *((f"{side}{a}", f"{side}{b}", radius) for side in ("left", "right") for a, b, radius in (
             ("Shoulder", "UpperArm", 0.06), ("UpperArm", "LowerArm", 0.048), ("LowerArm", "Hand", 0.038), ("UpperLeg", "LowerLeg", 0.075),
             ("LowerLeg", "Foot", 0.052), ("Foot", "Toes", 0.04))))
BALLS = (("head", (0, 0.1, 0.01), 0.105), ("head", (0, 0.085, 0.115), 0.02),
         ("leftHand", (0.05, -0.05, 0.01), 0.045), ("rightHand", (-0.05, -0.05, 0.01), 0.045),
         *((f"{side}{joint}", place, 0.04) for side in ("left", "right") for joint, place in (("Foot", (0, -0.04, -0.035)),
                                                                                              ("Toes", (0, 0, 0.03)))),
         ("hips", (0, -0.02, 0), 0.125))

Floats = NDArray[np.float64]


def places() -> dict[str, Floats]:
    """Return where each joint is at rest, (3,) metres from the ground between the feet."""
    found: dict[str, Floats] = {}
    for name, (parent, offset) in JOINTS.items():
        found[name] = np.array(offset, np.float64) + (found[parent] if parent else 0.0)
    return found


def body() -> Geometry:
    """Return the surface at rest, with the influences of its joints."""
    at, number = places(), {name: row for row, name in enumerate(JOINTS)}
    shapes = [_tube(at[a], at[b], radius, number[a], number[b]) for a, b, radius in TUBES]
    for name, offset, radius in BALLS:
        ball = sphere(radius, segments=20, rings=12)
        shapes.append((ball.positions + at[name] + offset, _normals(ball), ball.indices, np.full(ball.vertex_count, number[name]),
                       np.full(ball.vertex_count, number[name]), np.zeros(ball.vertex_count)))
    starts = np.cumsum([0, *(len(shape[0]) for shape in shapes)])
    positions, normals, first, second, share = (np.concatenate([shape[column] for shape in shapes]) for column in (0, 1, 3, 4, 5))
    indices = np.concatenate([shape[2] + start for shape, start in zip(shapes, starts[:-1], strict=True)])
    joints, weights = np.zeros((len(positions), 4), np.uint16), np.zeros((len(positions), 4), np.float32)
    joints[:, 0], joints[:, 1], weights[:, 0], weights[:, 1] = first, second, 1 - share, share
    return Geometry(positions=positions, normals=normals, indices=indices, joints=joints, weights=weights, name="mannequin")


def _normals(geometry: Geometry) -> Floats:
    assert geometry.normals is not None
    return np.asarray(geometry.normals, np.float64)


def _tube(start: Floats, end: Floats, radius: float, joint: int, other: int
          ) -> tuple[Floats, Floats, NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64], Floats]:
    """A capsule from joint to joint: its far end follows half the turn of the joint there."""
    along, length = end - start, float(np.linalg.norm(end - start))
    y = along / length
    x = np.cross(y, (0.0, 0.0, 1.0)) if abs(y[2]) < 0.9 else np.cross(y, (1.0, 0.0, 0.0))
    x /= np.linalg.norm(x)
    axes = np.stack([x, y, np.cross(x, y)])
    shape = capsule(radius, length + 2 * radius, segments=20, rings=5)
    cut = shape.positions[:, 1] / length + 0.5  # 0 at the joint, 1 at the next
    share = np.clip(0.5 - 2.5 * (1 - cut), 0.0, 0.5)
    positions, both = shape.positions @ axes + (start + end) / 2, (np.full(shape.vertex_count, number) for number in (joint, other))
    return positions, _normals(shape) @ axes, shape.indices, *both, share


def add_mannequin(scene: Scene, material: Material | None = None, *, name: str = "mannequin") -> Node:
    """Add a mannequin that stands at the origin, and return the node of its mesh, whose ``joints`` are the ids of its joints.

    Parameters
    ----------
    scene : Scene
    material : Material, optional
    name : str
        Of the group that holds it.
    """
    group = scene.add(name=name)
    nodes: dict[str, Node] = {}
    for joint, (parent, offset) in JOINTS.items():
        nodes[joint] = scene.add(None, nodes[parent] if parent else group, position=offset, name=joint)
    inverse = np.tile(np.eye(4), (len(JOINTS), 1, 1))
    inverse[:, :3, 3] = -np.stack(list(places().values()))
    paint = Standard(color="#d8d2c6", roughness=0.45) if material is None else material
    mesh = scene.add(Mesh(body(), paint), group, name=f"{name} body")
    scene.bind(mesh, Skin(inverse, name), list(nodes.values()))
    return mesh
