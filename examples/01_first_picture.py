"""A box, a sphere, the sun and a dimmed studio: a few lines from nothing to a picture.

test: compare
budget: draw_calls=2 commands=6 bytes_uploaded=0
"""

import metarender as mr


def build() -> tuple[mr.Scene, mr.Camera]:
    """Return the scene and the camera."""
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(8), mr.Standard(color="#d9d4cc", roughness=0.9)))
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color="tomato", roughness=0.4)), position=(-0.8, 0.5, 0))
    scene.add(mr.Mesh(mr.sphere(0.6), mr.Standard(color="steelblue", metallic=0.9, roughness=0.2)), position=(0.8, 0.6, 0))
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1)))
    scene.environment = mr.Environment.studio(intensity=0.4)
    return scene, mr.PerspectiveCamera().look_at((2.5, 2, 4), (0, 0.4, 0))


if __name__ == "__main__":
    mr.render(*build(), size=(1280, 720)).save("first_picture.png")
