"""A hundred thousand boxes in one call, moved by numpy; the frame costs a handful of calls however many there are.

test: compare
budget: draw_calls=1
"""

import numpy as np

import metarender as mr

COUNT = 100_000


def build(seconds: float = 0.6) -> tuple[mr.Scene, mr.Camera]:
    """Return the scene at a time, and the camera."""
    scene = mr.Scene()
    boxes = scene.add_instances(mr.box(0.4), mr.Standard(color="orange"), count=COUNT)
    animate(boxes, seconds)
    with boxes.edit("color") as color:  # sRGB bytes; alpha blends over the material's colour
        ramp = np.linspace(0, 255, COUNT).astype(np.uint8)
        color[:] = np.stack([ramp, np.full(COUNT, 90, np.uint8), 255 - ramp, np.full(COUNT, 160, np.uint8)], axis=1)
    return scene, mr.PerspectiveCamera().look_at((60, 45, 130), (50, 0, 50))


def animate(boxes: mr.Instances, seconds: float) -> None:
    """Put every box where it is at a time."""
    grid = np.indices((100, 10, 100)).reshape(3, -1).T.astype(np.float64)
    with boxes.edit("position") as position:  # (100000, 3) float64, metres; marked when the block ends
        position[:] = grid * (1.0, 0.8, 1.0)
        position[:, 1] += 4 * np.sin(grid[:, 0] * 0.12 + seconds) * np.cos(grid[:, 2] * 0.1 + seconds)


if __name__ == "__main__":
    scene, camera = build()
    (boxes,) = scene.parts
    mr.view(scene, camera=camera, on_frame=lambda seconds: animate(boxes, seconds))
