"""Lamps in a hall: point and spot lights in candela, no environment, AgX tone mapping.

test: compare
budget: draw_calls=2
settings: tone_mapping=agx exposure=1.2
"""

import math

import metarender as mr


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene = mr.Scene()
    scene.environment = None
    scene.background = "#05070c"
    scene.add(mr.Mesh(mr.plane((24, 16)), mr.Standard(color="#6f6a63", roughness=0.7)))
    wall = mr.Standard(color="#b7b2a8", roughness=0.9)
    scene.add(mr.Mesh(mr.box((24, 5, 0.2)), wall), position=(0, 2.5, -6))
    crate = mr.Mesh(mr.box(1.2), mr.Standard(color="#8a5a2b", roughness=0.8))
    for column in range(6):
        scene.add(crate, position=(column * 3 - 7.5, 0.6, -2 + (column % 2) * 3))
    down = (-math.sin(math.pi / 4), 0, 0, math.cos(math.pi / 4))  # -Z turned to -Y
    for column, color in enumerate(("#ffd9a0", "#a0c8ff", "#ffb070")):
        lamp = mr.SpotLight(color=color, intensity=120, inner_angle=0.3, outer_angle=0.7)
        scene.add(lamp, position=(column * 6 - 6, 4.8, 0), rotation=down)
    scene.add(mr.PointLight(color="#ff4030", intensity=15, range=12), position=(9, 1.5, 2))
    return scene, mr.PerspectiveCamera().look_at((6, 4.5, 13), (0, 1, -1))


if __name__ == "__main__":
    mr.render(*build(), size=(1280, 720), tone_mapping="agx", exposure=1.2).save("night.png")
