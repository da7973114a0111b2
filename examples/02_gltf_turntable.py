"""Load a glTF file and look at it from six sides.

test: compare
budget: draw_calls=3
"""

import math
import sys
from pathlib import Path

import metarender as mr

MODEL = Path(__file__).parent.parent / "tests" / "assets" / "EmissiveStrengthTest" / "EmissiveStrengthTest.glb"


def build(model: Path = MODEL, step: int = 0) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera of one of six steps."""
    scene = mr.load(model)
    camera = mr.PerspectiveCamera().orbit(math.radians(60 * step), math.radians(70), 1.0)
    return scene, camera.frame(scene.bounds)


if __name__ == "__main__":
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else MODEL
    for step in range(6):
        mr.render(*build(model, step), size=(800, 800)).save(f"turntable_{step}.png")
