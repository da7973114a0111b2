"""A clip of a glTF file, played by three copies at three times: geometry and keys are shared, each copy has its own pose.

test: compare
budget: draw_calls=4 bytes_uploaded=0
"""

from pathlib import Path

import metarender as mr

MODEL = Path(__file__).parent.parent / "tests" / "assets" / "RiggedSimple" / "RiggedSimple.glb"
DELAYS = (0.0, 0.5, 1.0)


def build(seconds: float = 1.6) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    figure, scene = mr.load(MODEL), mr.Scene()
    scene.add(mr.Mesh(mr.plane(60), mr.Standard(color="#7d8c95", roughness=0.9)), position=(0, -4.2, 0))
    for place, delay in enumerate(DELAYS):
        copy = scene.add(figure, position=(8.0 * (place - 1), 0, 0))
        (clip,) = scene.clips.of(copy)
        scene.play(clip, start=delay)
    scene.add(mr.DirectionalLight(direction=(-1, -3, -2)))
    scene.background = "#e3e8eb"
    scene.at(seconds)
    return scene, mr.PerspectiveCamera(fov=35).look_at((0, 5, 30), (0, 0, 0))


if __name__ == "__main__":
    scene, camera = build()
    mr.view(scene, camera=camera)  # plays; the space bar stops it
