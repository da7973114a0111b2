"""Colour is exact: what was asked for reads back, under every tone mapping."""

import numpy as np
import pytest

import metarender as mr

CURVES = ("neutral", "aces", "agx", "none")


def swatches(colors: np.ndarray, columns: int) -> tuple[mr.Scene, mr.Camera]:
    """One unlit square of one pixel for each colour, seen straight on."""
    scene = mr.Scene()
    square = mr.Geometry(positions=[[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], indices=[0, 1, 2, 0, 2, 3])
    rows = -(-len(colors) // columns)
    for number, color in enumerate(colors):
        material = mr.Unlit(color=tuple(int(channel) for channel in color))
        place = (number % columns + 0.5 - columns / 2, rows / 2 - number // columns - 0.5, 0)
        scene.add(mr.Mesh(square, material), position=place)
    camera = mr.OrthographicCamera(height=rows, near=0.0, far=10.0)
    return scene, camera.look_at((0, 0, 5), (0, 0, 0))


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("msaa", (1, 4))
def test_promise_5_unlit_colors_read_back_exactly(device, curve, msaa):
    greys = np.repeat(np.arange(256)[:, None], 3, axis=1)
    random = np.random.default_rng(7).integers(0, 256, (1000, 3))
    colors = np.concatenate([greys, random, np.zeros((24, 3), int)])
    scene, camera = swatches(colors, 40)
    with mr.Renderer(size=(40, 32), msaa=msaa, tone_mapping=curve, exposure=0.5, device=device) as renderer:
        picture = renderer.render(scene, camera).color
    assert (picture[..., 3] == 255).all()
    assert np.array_equal(picture[..., :3].reshape(-1, 3), colors)


@pytest.mark.parametrize("curve", CURVES)
def test_promise_5_a_plain_background_is_exact(device, curve):
    scene = mr.Scene()
    with mr.Renderer(size=(8, 8), tone_mapping=curve, device=device) as renderer:
        for color in ("white", "#ff8000", (1, 2, 3), (0, 0, 0)):
            scene.background = color
            expected = mr.color.to_srgb_bytes(color)
            assert (renderer.render(scene, mr.PerspectiveCamera()).color == expected).all()


def test_promise_5_a_white_lambert_surface_facing_pi_lux_is_white(device):
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane(4), mr.Standard(color="white", roughness=1.0)))
    scene.add(mr.DirectionalLight(direction=(0, -1, 0), shadow=False))
    camera = mr.PerspectiveCamera().look_at((0, 3, 0.001), (0, 0, 0))
    with mr.Renderer(size=(16, 16), tone_mapping="none", device=device) as renderer:
        picture = renderer.render(scene, camera).color
    assert picture[8, 8, :3].min() >= 250


def test_a_half_transparent_surface_over_nothing_keeps_its_color(renderer):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(4), mr.Unlit(color=(1.0, 0.25, 0.0, 0.5), alpha_mode="blend")))
    picture = renderer.render(scene, mr.PerspectiveCamera().look_at((0, 2, 0.001), (0, 0, 0))).color
    red, green, blue, alpha = picture[64, 64]
    assert (red, blue) == (255, 0) and abs(int(alpha) - 128) <= 1 and abs(int(green) - mr.color.to_srgb_bytes((1.0, 0.25, 0.0))[1]) <= 1


def test_instance_colors_blend_over_the_material(renderer):
    scene = mr.Scene()
    parts = scene.add_instances(mr.plane(1), mr.Unlit(color=(0, 0, 0)), count=2)
    with parts.edit("position") as position:
        position[:] = [[-0.6, 0, 0], [0.6, 0, 0]]
    with parts.edit("color") as color:
        color[0] = (10, 200, 30, 255)
    camera = mr.OrthographicCamera(height=2).look_at((0, 2, 0), (0, 0, 0), up=(0, 0, -1))
    picture = renderer.render(scene, camera).color
    assert tuple(picture[64, 64 - 38, :3]) == (10, 200, 30)
    assert tuple(picture[64, 64 + 38, :3]) == (0, 0, 0)
