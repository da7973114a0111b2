"""A warehouse from its Gazebo world file: the poses of the SDF, one GLB for each model, and a flight through the hall.

test: compare
needs: cad/aws-small-warehouse
budget: draw_calls=5 bytes_uploaded=0
flight: 0 4 8
"""

import math
import os
import sys
import warnings
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

import metarender as mr

FOLDER = Path(os.environ.get("METARENDER_ASSETS", ".")) / "cad" / "aws-small-warehouse"
MOST_BYTES = 1 << 20
EYES = np.array([(-4.7, 16.3, -10.9), (0.2, 4.2, -9.3), (1.9, 1.7, -2.5), (2.0, 1.7, 4.5), (-3.0, 4.5, 9.6)])
AIMS = np.array([(0.0, 1.0, 1.5), (1.0, 1.2, 0.0), (1.2, 1.2, 6.0), (-2.5, 1.2, 11.0), (1.6, 0.0, -2.0)])
SECONDS = 2.0
"""From one place of the flight to the next."""


def read_world(path: Path) -> list[tuple[str, str, list[float]]]:
    """Return (name, model, pose) of each model of a world: metres and radians, +Z up."""
    text = path.read_bytes()[: MOST_BYTES + 1].decode("utf-8")
    if len(text) > MOST_BYTES or "<!" in text.replace("<!--", ""):
        raise SystemExit(f"{path} is too long, or declares entities, which no world needs.")
    found = []
    for model in ElementTree.fromstring(text).iter("model"):
        uri, pose = model.findtext("include/uri", ""), model.findtext("pose", "0 0 0 0 0 0")
        found.append((model.get("name", ""), uri.removeprefix("model://aws_robomaker_warehouse_"), [float(v) for v in pose.split()]))
    return found


def turned(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """Return the quaternion xyzw of SDF's angles, which turn about the fixed x, then y, then z."""
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(a / 2), math.sin(a / 2)) for a in (roll, pitch, yaw))
    return sr * cp * cy - cr * sp * sy, cr * sp * cy + sr * cp * sy, cr * cp * sy - sr * sp * cy, cr * cp * cy + sr * sp * sy


def build(folder: Path = FOLDER) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera at the start of the flight."""
    world = folder / "no_roof_small_warehouse.world"
    if not world.is_file():
        raise SystemExit(f"{world} is missing; set METARENDER_ASSETS to the folder that holds cad/, or name the folder of the world file.")
    scene = mr.Scene()
    up = scene.add(name="world", rotation=turned(-math.pi / 2, 0, 0))  # SDF has +Z up
    models: dict[str, mr.Scene] = {}
    for name, model, pose in read_world(world):
        if model not in models:
            with warnings.catch_warnings():  # their materials also say it in a way that glTF has given up
                warnings.simplefilter("ignore", mr.io.AssetWarning)
                models[model] = mr.load(folder / "glb" / f"{Path(model).name}.glb")
        place = scene.add(parent=up, name=name, position=pose[:3], rotation=turned(*pose[3:]))
        scene.add(models[model], parent=place, rotation=turned(math.pi / 2, 0, 0))  # and a GLB has +Y up
    scene.environment = mr.Environment.studio(intensity=0.6)
    scene.background = "#20262e"
    scene.add(mr.DirectionalLight(intensity=2.0, shadow=True), rotation=turned(-1.1, 0.5, 0))
    return scene, fly(mr.PerspectiveCamera(fov=60), 0.0)


def fly(camera: mr.Camera, seconds: float) -> mr.Camera:
    """Put the camera where the flight is after some seconds."""
    step = min(max(seconds / SECONDS, 0.0), len(EYES) - 1.0)
    first = min(int(step), len(EYES) - 2)
    share = step - first
    share *= share * (3 - 2 * share)
    eye, aim = ((1 - share) * path[first] + share * path[first + 1] for path in (EYES, AIMS))
    return camera.look_at(eye, aim)


if __name__ == "__main__":
    scene, camera = build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    with mr.Renderer(size=(1280, 720)) as renderer:
        for frame in range(25):
            renderer.render(scene, fly(camera, frame * SECONDS * (len(EYES) - 1) / 24)).save(f"warehouse_{frame:02}.png")
