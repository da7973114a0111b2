"""Roughness from left to right, metal above plastic, and an unlit label colour that no light changes.

test: compare
budget: draw_calls=3
"""

import metarender as mr


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene = mr.Scene()
    ball = mr.sphere(0.45, segments=48, rings=24)
    for column in range(7):
        roughness = column / 6
        scene.add(mr.Mesh(ball, mr.Standard(color="#f5c46b", metallic=1, roughness=roughness)), position=(column - 3, 1, 0))
        scene.add(mr.Mesh(ball, mr.Standard(color="crimson", metallic=0, roughness=roughness)), position=(column - 3, 0, 0))
        grey = round(255 * roughness)
        scene.add(mr.Mesh(mr.box((0.9, 0.3, 0.1)), mr.Unlit(color=(grey, grey, grey))), position=(column - 3, -0.75, 0))
    return scene, mr.PerspectiveCamera(fov=30).look_at((0, 0.3, 9.5), (0, 0.15, 0))


if __name__ == "__main__":
    mr.render(*build(), size=(1280, 560)).save("materials.png")
