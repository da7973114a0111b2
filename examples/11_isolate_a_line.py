"""One line of a factory alone: a query finds its parts, isolate() hides everything else, show_all() brings it back.

test: compare
budget: draw_calls=1 bytes_uploaded=0
"""

import metarender as mr
from metarender.demos.production_line import build as build_hall


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene = build_hall().scene
    scene.update()
    line = scene.query(box=((-60, 0.05, 1.4), (60, 12, 8.6)))
    scene.isolate(line)
    scene.background = "#f4f6f8"
    return scene, mr.PerspectiveCamera(fov=32).look_at((20, 9, 25), (6, 1, 5))


if __name__ == "__main__":
    scene, camera = build()
    mr.render(scene, camera, size=(1280, 720)).save("isolated.png")
    scene.show_all()
    mr.render(scene, camera, size=(1280, 720)).save("with_all.png")
