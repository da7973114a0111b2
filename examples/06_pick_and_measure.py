"""Ids and depth: which part is under a pixel, how far away it is, and colouring what was found.

test: compare
budget: draw_calls=2
"""

import numpy as np

import metarender as mr

SIZE = (640, 360)


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return a rack of parts with the part under the middle of the picture marked, and the camera."""
    scene = mr.Scene()
    matrices = np.tile(np.eye(4), (60, 1, 1))
    matrices[:, :3, 3] = np.indices((10, 6, 1)).reshape(3, -1).T * (1.2, 1.0, 1.0) - (5.4, 2.5, 0)
    parts = scene.add_instances(mr.box((0.9, 0.7, 0.6)), mr.Standard(color="#7f8a99"), matrices=matrices)
    camera = mr.PerspectiveCamera().look_at((3, 2, 11), (0.3, 0.2, 0))
    frame = mr.render(scene, camera, size=SIZE, outputs=("ids", "depth"))
    found = frame.pick(SIZE[0] // 2, SIZE[1] // 2)
    metres = frame.depth[SIZE[1] // 2, SIZE[0] // 2]
    print(f"part {found.id} is {metres:.3f} m away")
    with parts.edit("color") as color:
        color[parts.ids == found.id] = (255, 200, 0, 255)
    return scene, camera


if __name__ == "__main__":
    mr.render(*build(), size=SIZE).save("picked.png")
