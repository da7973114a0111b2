"""A factory hall read at a glance: one area ghosted, one robot selected, and the load of every rack as a heat map.

test: compare
budget: draw_calls=4
"""

import numpy as np

import metarender as mr
from metarender.demos.production_line import build as build_hall


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene = build_hall().scene
    ids = scene.subtree()
    place = scene.store.world_matrices(ids)[:, :3, 3]
    x, z = place[:, 0], place[:, 2]
    scene.ghost(ids[(x > 4) & (x < 30) & (z > -8) & (z < 12)])
    robots = [node for node in scene.nodes if node.name == "arm"]
    nearest = min(robots, key=lambda node: float(np.hypot(*(node.world_matrix[[0, 2], 3] - (-5.7, 13.2)))))
    scene.set_state(scene.subtree(nearest), selected=True)
    racks = z < -30
    scene.colormap = mr.Colormap.heat(0, 100)
    load = 50 + 45 * np.sin(place[racks, 0] * 0.12) * np.cos(place[racks, 1] * 0.5)
    scene.set_state(ids[racks], value=load)
    return scene, mr.PerspectiveCamera().look_at((-5, 8, 26), (2, 1, -4))


if __name__ == "__main__":
    mr.render(*build(), size=(1280, 720)).save("ghosts_and_heat.png")
