"""Any file in, others out: a bracket goes through STL, OBJ, PLY and 3MF, and a report says which of its copies can be printed.

test: compare
budget: draw_calls=3 bytes_uploaded=0
"""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np

import metarender as mr

SUFFIXES = (".3mf", ".stl", ".obj", ".ply")


def bracket() -> mr.Scene:
    """Return a part of two closed bodies, and a lid whose bottom is missing."""
    scene = mr.Scene()
    steel, orange = mr.Standard(color="#9aa7b4", roughness=0.4, name="steel"), mr.Standard(color="#ff8c1a", roughness=0.5, name="orange")
    scene.add(mr.Mesh(mr.box((0.06, 0.01, 0.04)), steel), position=(0, 0.005, 0), name="plate")
    scene.add(mr.Mesh(mr.cylinder(0.012, 0.03), orange), position=(-0.012, 0.024, 0), name="boss")
    box = mr.box(0.018)
    lid = mr.Geometry(positions=box.positions, normals=box.normals, indices=box.indices[:-6], name="lid")  # without its last face
    scene.add(mr.Mesh(lid, orange), position=(0.018, 0.0189, 0), name="lid")
    return scene


def converted(source: mr.Scene, folder: Path) -> dict[str, mr.Scene]:
    """Save a scene in every format and load what was written."""
    found = {}
    for suffix in SUFFIXES:
        path = folder / f"part{suffix}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", mr.io.AssetWarning)  # says that the lid is open; the report does too
            mr.save(source, path)
        found[suffix] = mr.load(path)
    return found


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera: the part as each format gives it back."""
    scene = mr.Scene()
    scene.background = "#f4f6f8"
    with tempfile.TemporaryDirectory() as folder:
        for place, part in zip(((-1, -1), (1, -1), (-1, 1), (1, 1)), converted(bracket(), Path(folder)).values(), strict=True):
            scene.add(part, position=(0.045 * place[0], 0, 0.035 * place[1]))
    return scene, mr.PerspectiveCamera(fov=30, near=0.01).look_at((0.1, 0.2, 0.3), (0, 0.01, 0))


if __name__ == "__main__":
    source = mr.load(sys.argv[1]) if len(sys.argv) > 1 else bracket()
    target = Path(sys.argv[2]) if len(sys.argv) > 2 else Path()
    for suffix, again in converted(source, target).items():
        error = 0.0 if again.bounds is None else float(np.abs(again.bounds - source.bounds).max())
        print(f"{suffix}: {len(again.nodes)} nodes, bounds within {error:.1e} m")
    print(mr.check_solid(source))
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save("formats.png")
