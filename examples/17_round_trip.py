"""Load a model, change it, save it, load it again: what was not touched comes back as it was in the file.

test: compare
budget: draw_calls=6
"""

import math
import tempfile
from pathlib import Path

import numpy as np

import metarender as mr

MODEL = Path(__file__).parent.parent / "tests" / "assets" / "EmissiveStrengthTest" / "EmissiveStrengthTest.glb"


def edited(model: Path = MODEL) -> mr.Scene:
    """Load a model, repaint one of its materials, and stand it on a floor in a ring of named bollards."""
    scene = mr.load(model)
    lower, upper = scene.bounds
    radius = float(np.linalg.norm(upper - lower)) / 2
    painted = next(node for node in scene.nodes if node.mesh is not None)
    for _, material in painted.mesh.primitives:
        material.roughness = 0.2
    painted.extras["note"] = "polished"
    floor = mr.Standard(color="#5b6770", roughness=0.6, name="floor")
    scene.add(mr.Mesh(mr.cylinder(1.6 * radius, 0.1 * radius), floor), position=(0, lower[1] - 0.05 * radius, 0), name="floor")
    turn = np.linspace(0, 2 * math.pi, 24, endpoint=False)
    matrices = np.tile(np.eye(4), (24, 1, 1))
    matrices[:, 0, 3], matrices[:, 2, 3] = 1.45 * radius * np.sin(turn), 1.45 * radius * np.cos(turn)
    matrices[:, 1, 3] = lower[1] + 0.15 * radius
    bollard, orange = mr.cylinder(0.05 * radius, 0.3 * radius), mr.Standard(color="orange")
    scene.add_parts([bollard], [orange], np.zeros(24, int), np.zeros(24, int), matrices, names=[f"bollard {k + 1}" for k in range(24)])
    return scene


def build() -> tuple[mr.Scene, mr.Camera]:
    """Save the edited scene, and return what is loaded again and a camera."""
    with tempfile.TemporaryDirectory() as folder:
        mr.save(edited(), Path(folder) / "exhibit.glb")
        scene = mr.load(Path(folder) / "exhibit.glb")
    bollard = scene.find("bollard 1")
    scene.set_state(bollard, color="crimson")
    scene.background = "#dfe5ea"
    lower, upper = scene.bounds
    return scene, mr.PerspectiveCamera(fov=30).orbit(0.35, 1.15, 1.3 * float(np.linalg.norm(upper - lower)), (lower + upper) / 2)


if __name__ == "__main__":
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save("round_trip.png")
