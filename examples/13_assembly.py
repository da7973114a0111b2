"""A gearbox assembled step by step: a table of steps beside this file becomes a clip that is played, scrubbed and mixed like any other.

test: compare
budget: draw_calls=3 bytes_uploaded=0
"""

import math
from pathlib import Path

import metarender as mr

TABLE = Path(__file__).with_suffix(".csv")
ALONG_X = (0.0, 0.0, math.sin(math.pi / 4), math.cos(math.pi / 4))
"""Turns what stands along Y to lie along X."""
STEEL = mr.Standard(color="#c3c8cc", metallic=0.9, roughness=0.3)
CAST = mr.Standard(color="#5d6b78", metallic=0.2, roughness=0.6)
BRASS = mr.Standard(color="#d9a441", metallic=0.9, roughness=0.35)
RED = mr.Standard(color="#b8322a", roughness=0.45)


def gear(scene: mr.Scene, name: str, radius: float, teeth: int, place: tuple[float, float, float]) -> None:
    """Add a gear about the X axis: a disc and its teeth, moved together as one node."""
    group = scene.add(None, name=name, position=place)
    scene.add(mr.Mesh(mr.cylinder(radius, 0.4), BRASS), group, rotation=ALONG_X)
    tooth = mr.Mesh(mr.box((0.4, 0.14, 0.09)), BRASS)
    for number in range(teeth):
        angle = 2 * math.pi * number / teeth
        turn = (math.sin(angle / 2), 0.0, 0.0, math.cos(angle / 2))
        scene.add(tooth, group, position=(0, (radius + 0.04) * math.cos(angle), (radius + 0.04) * math.sin(angle)), rotation=turn)


def machine() -> mr.Scene:
    """Return the finished gearbox; every part has the name that the table calls it by."""
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(30), mr.Standard(color="#9aa3a8", roughness=0.9)), position=(0, -0.2, 0))
    scene.add(mr.Mesh(mr.box((3.4, 0.2, 2.4)), CAST), name="base", position=(0, -0.1, 0))
    for side, x in (("left", -1.2), ("right", 1.2)):
        scene.add(mr.Mesh(mr.box((0.2, 1.8, 2.0)), CAST), name=f"{side} wall", position=(x, 0.9, 0))
    ring = mr.Mesh(mr.torus(0.2, 0.06), STEEL)
    for number, (x, z) in enumerate(((-1.08, -0.42), (-1.08, 0.5), (1.08, -0.42), (1.08, 0.5)), 1):
        scene.add(ring, name=f"bearing {number}", position=(x, 0.9, z), rotation=ALONG_X)
    for name, length, x, z in (("drive shaft", 3.2, 0.35, -0.42), ("idle shaft", 2.5, 0.0, 0.5)):
        scene.add(mr.Mesh(mr.cylinder(0.15, length), STEEL), name=name, position=(x, 0.9, z), rotation=ALONG_X)
    gear(scene, "large gear", 0.55, 20, (0, 0.9, -0.42))
    gear(scene, "small gear", 0.24, 10, (0, 0.9, 0.5))
    scene.add(mr.Mesh(mr.cylinder(0.24, 0.4), BRASS), name="coupling", position=(1.75, 0.9, -0.42), rotation=ALONG_X)
    motor = scene.add(None, name="motor", position=(2.75, 0.9, -0.42))
    scene.add(mr.Mesh(mr.cylinder(0.5, 1.5), RED), motor, rotation=ALONG_X)
    for number in range(6):
        scene.add(mr.Mesh(mr.torus(0.5, 0.05), RED), motor, position=(0.22 * number - 0.55, 0, 0), rotation=ALONG_X)
    scene.add(mr.Mesh(mr.box((2.6, 0.16, 2.1)), CAST), name="cover", position=(0, 1.88, 0))
    bolt = mr.Mesh(mr.cylinder(0.09, 0.3), STEEL)
    for number in range(6):
        scene.add(bolt, name=f"bolt {number + 1}", position=(1.2 * (-1) ** number, 1.98, 0.8 * (number // 2 - 1)))
    scene.add(mr.DirectionalLight(direction=(-2, -4, -3)))
    scene.environment = mr.Environment.studio(intensity=0.5)
    scene.background = "#dfe4e7"
    return scene


def build(seconds: float = 11.1) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time of the procedure, and the camera."""
    scene = machine()
    scene.play(scene.add_clip(mr.procedure(scene, TABLE)), loop="once")
    scene.at(seconds)
    return scene, mr.PerspectiveCamera(fov=26).look_at((6.2, 5.4, 8.6), (0.75, 1.15, 0))


if __name__ == "__main__":
    scene, camera = build(0.0)
    mr.view(scene, camera=camera)  # plays; the space bar stops it
