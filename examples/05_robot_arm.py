"""A hierarchy: each joint is a node, turning one moves everything below it.

test: compare
budget: draw_calls=2
"""

import math

import metarender as mr


def build(seconds: float = 1.3) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = mr.Scene()
    steel, safety = mr.Standard(color="#c8ccd0", metallic=0.8, roughness=0.35), mr.Standard(color="#ff7a1a", roughness=0.4)
    scene.add(mr.Mesh(mr.plane(10), mr.Standard(color="#8d9298", roughness=0.85)))
    base = scene.add(None, name="base")
    scene.add(mr.Mesh(mr.cylinder(0.6, 0.5), steel), base, position=(0, 0.25, 0))
    joint, lengths = base, (1.6, 1.3, 0.8)
    for number, length in enumerate(lengths):
        lift = 0.5 if number == 0 else lengths[number - 1]
        joint = scene.add(None, joint, position=(0, lift, 0), name=f"joint {number}")
        scene.add(mr.Mesh(mr.capsule(0.28 - 0.05 * number, length + 0.4), safety), joint, position=(0, length / 2, 0))
        scene.add(mr.Mesh(mr.sphere(0.32 - 0.05 * number), steel), joint)
    scene.add(mr.Mesh(mr.box((0.5, 0.1, 0.2)), steel), joint, position=(0, lengths[-1] + 0.1, 0), name="gripper")
    scene.add(mr.DirectionalLight(direction=(-1, -3, -2)))
    scene.environment = mr.Environment.studio(intensity=0.4)
    pose(scene, seconds)
    return scene, mr.PerspectiveCamera().look_at((4.5, 2.8, 6), (0.4, 1.6, 0))


def pose(scene: mr.Scene, seconds: float) -> None:
    """Turn the joints to where they are at a time."""
    for number, swing in enumerate((0.7, 0.9, 1.1)):
        angle = swing * math.sin(seconds * (1 + 0.3 * number)) - (0.4 if number else 0)
        joint = scene.find(f"joint {number}")
        assert joint is not None
        joint.rotation = (0, 0, math.sin(angle / 2), math.cos(angle / 2))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera, on_frame=lambda seconds: pose(scene, seconds))
