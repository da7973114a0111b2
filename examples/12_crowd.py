"""A crowd of skinned figures that share a geometry and a skin: one call sets the rotations of all joints, and the GPU bends the bodies.

test: compare
budget: draw_calls=4 commands=16 bytes_uploaded=0
"""

from __future__ import annotations

import numpy as np

import metarender as mr

FIGURES = 240
BONES = {  # name: (bone that it hangs on, where it begins and ends in metres, its radius); figures face +Z
    "hips": (None, (0, 0.95, 0), (0, 1.1, 0), 0.13), "chest": ("hips", (0, 1.1, 0), (0, 1.4, 0), 0.15),
    "head": ("chest", (0, 1.52, 0), (0, 1.68, 0), 0.1),
    **{f"{side} {name}": (on if on == "chest" or on == "hips" else f"{side} {on}", (sign * x, top, 0), (sign * x, end, 0), radius)
       for side, sign in (("left", 1), ("right", -1))
       for name, on, x, top, end, radius in (("arm", "chest", 0.22, 1.42, 1.14, 0.05), ("hand", "arm", 0.22, 1.14, 0.86, 0.045),
                                             ("thigh", "hips", 0.09, 0.92, 0.5, 0.075), ("shin", "thigh", 0.09, 0.5, 0.08, 0.06))}}
NAMES = list(BONES)


def body() -> tuple[mr.Geometry, mr.Skin]:
    """Capsules along the bones, joined to one geometry; vertices near the begin of a bone follow the one that it hangs on too."""
    parts: dict[str, list[np.ndarray]] = {"positions": [], "normals": [], "indices": [], "joints": [], "weights": []}
    inverse, count = np.tile(np.eye(4), (len(BONES), 1, 1)), 0
    for number, (above, begin, end, radius) in enumerate(BONES.values()):
        start, along = np.array(begin), np.subtract(end, begin)
        length = np.linalg.norm(along)
        shape = mr.capsule(radius, length + 2 * radius, segments=12, rings=4)
        positions = shape.positions * (1, np.sign(along[1]), 1) + start + along / 2
        share = np.clip(0.5 - (positions - start) @ along / length / (2 * radius), 0, 0.5) * (above is not None)
        parts["positions"].append(positions)
        parts["normals"].append(shape.normals * (1, np.sign(along[1]), 1))
        parts["indices"].append((shape.indices.reshape(-1, 3)[:, ::int(np.sign(along[1]))] + count).ravel())
        parts["joints"].append(np.tile([number, NAMES.index(above) if above else 0, 0, 0], (len(positions), 1)))
        parts["weights"].append(np.stack([1 - share, share, 0 * share, 0 * share], axis=1))
        inverse[number, :3, 3] = -start
        count += len(positions)
    return mr.Geometry(**{name: np.concatenate(arrays) for name, arrays in parts.items()}), mr.Skin(inverse, "figure")


def add_figure(scene: mr.Scene, mesh: mr.Mesh, skin: mr.Skin, place: tuple[float, float, float], turn: float) -> list[mr.Node]:
    """Add a figure at rest; return its joints, in the order of the skin."""
    root, joints = scene.add(None, position=place, rotation=(0, np.sin(turn / 2), 0, np.cos(turn / 2))), {}
    for name, (above, begin, _, _) in BONES.items():
        origin = BONES[above][1] if above else (0, 0, 0)
        joints[name] = scene.add(None, joints[above] if above else root, position=np.subtract(begin, origin), name=name)
    scene.bind(scene.add(mesh, root), skin, list(joints.values()))
    return list(joints.values())


def walk(phase: np.ndarray) -> np.ndarray:
    """Rotations of all joints of figures that are in these phases of a step, (n, joints, 4): swings about X."""
    angle = np.zeros((len(phase), len(NAMES)))
    for sign, side in ((1, "left"), (-1, "right")):
        swing = sign * np.sin(phase)
        angle[:, NAMES.index(f"{side} thigh")] = -0.55 * swing
        angle[:, NAMES.index(f"{side} shin")] = 0.5 - 0.5 * np.cos(phase + sign * 0.9) * sign
        angle[:, NAMES.index(f"{side} arm")] = 0.5 * swing
        angle[:, NAMES.index(f"{side} hand")] = -0.4 - 0.2 * swing
    angle[:, NAMES.index("chest")] = 0.08
    rotation = np.zeros((*angle.shape, 4))
    rotation[..., 0], rotation[..., 3] = np.sin(angle / 2), np.cos(angle / 2)
    return rotation


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene, rng = mr.Scene(), np.random.default_rng(12)
    geometry, skin = body()
    meshes = [mr.Mesh(geometry, mr.Standard(color=color, roughness=0.7)) for color in ("#d94f30", "#f2b134", "#2f7f79", "#375a8c")]
    scene.add(mr.Mesh(mr.plane(60), mr.Standard(color="#b9b3a6", roughness=0.9)))
    scene.add(mr.DirectionalLight(direction=(-0.6, -1, -0.5), intensity=2.5))
    scene.environment, scene.background = mr.Environment.studio(intensity=0.5), "#dfe6ec"
    chains = [add_figure(scene, meshes[number % 4], skin, (number % 20 * 1.1 - 10.5 + rng.uniform(-0.3, 0.3), 0, -(number // 20) * 1.6),
                         rng.normal(0.3, 0.25)) for number in range(FIGURES)]
    pose(scene, chains, rng.uniform(0, 2 * np.pi, FIGURES))
    return scene, mr.PerspectiveCamera(fov=28).look_at((5.5, 3.4, 9.5), (0.2, 0.6, -3.5))


def pose(scene: mr.Scene, chains: list[list[mr.Node]], phase: np.ndarray) -> None:
    """Set the rotations of the joints of all figures."""
    scene.set([joint.id for chain in chains for joint in chain], rotation=walk(phase).reshape(-1, 4))


if __name__ == "__main__":
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save("crowd.png")
