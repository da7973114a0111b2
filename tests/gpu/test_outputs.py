"""Ids, depth and picking at pixel centres, and frames that outlive what drew them."""

import numpy as np
import pytest

import metarender as mr


def rack() -> tuple[mr.Scene, mr.Camera, list[mr.Node]]:
    scene = mr.Scene()
    nodes = [scene.add(mr.Mesh(mr.box(1), mr.Standard(color="orange")), position=(x, 0, 0)) for x in (-1.5, 0, 1.5)]
    return scene, mr.PerspectiveCamera().look_at((0, 0, 5), (0, 0, 0)), nodes


def test_ids_and_pick_name_the_node(renderer):
    scene, camera, nodes = rack()
    frame = renderer.render(scene, camera, outputs=("color", "ids", "depth"))
    assert frame.ids.dtype == np.uint32 and frame.ids.shape == (128, 128)
    assert frame.pick(64, 64) == nodes[1]
    assert set(np.unique(frame.ids)) == {0, *(node.id for node in nodes)}
    assert frame.pick(0, 0) is None
    with pytest.raises(mr.InvalidInput, match="outside the picture"):
        frame.pick(128, 0)


def test_ids_are_drawn_on_demand(renderer):
    scene, camera, nodes = rack()
    frame = renderer.render(scene, camera)
    assert frame.pick(64, 64) == nodes[1]


def test_ids_on_demand_are_refused_after_an_edit(renderer):
    scene, camera, nodes = rack()
    frame = renderer.render(scene, camera)
    nodes[0].position = (0, 5, 0)
    with pytest.raises(mr.ReleasedError, match="has changed since"):
        frame.pick(64, 64)


@pytest.mark.parametrize("camera", (mr.PerspectiveCamera(near=0.01), mr.PerspectiveCamera(near=0.5, far=50),
                                    mr.OrthographicCamera(4, 0.5, 50)))
def test_depth_is_metres_along_the_view_axis(renderer, camera):
    scene, _, _ = rack()
    frame = renderer.render(scene, camera.look_at((0, 0, 5), (0, 0, 0)), outputs=("depth",))
    assert frame.depth[64, 64] == pytest.approx(4.5, rel=1e-5)
    assert np.isinf(frame.depth[0, 0])
    with pytest.raises(mr.InvalidInput, match="was not asked for"):
        frame.color  # noqa: B018


def test_blended_surfaces_have_ids_and_masks_are_respected(renderer):
    scene = mr.Scene()
    glass = scene.add(mr.Mesh(mr.plane(4), mr.Unlit(color=(1.0, 1.0, 1.0, 0.2), alpha_mode="blend")), position=(0, 0.5, 0))
    holes = mr.Texture(np.zeros((1, 1, 4), np.uint8), srgb=True)
    scene.add(mr.Mesh(mr.plane(4), mr.Unlit(color_texture=holes, alpha_mode="mask")), position=(0, 1.0, 0))
    camera = mr.PerspectiveCamera().look_at((0, 4, 0.001), (0, 0, 0))
    assert renderer.render(scene, camera, outputs=("ids",)).pick(64, 64) == glass


def test_pixels_read_stay_valid_and_unread_ones_are_refused(renderer):
    scene, camera, _ = rack()
    first = renderer.render(scene, camera)
    kept = first.color.copy()
    second = renderer.render(scene, camera.look_at((0, 3, 5), (0, 0, 0)))
    assert np.array_equal(first.color, kept)
    renderer.render(scene, camera)
    with pytest.raises(mr.ReleasedError, match="drew again"):
        second.color  # noqa: B018


def test_top_row_is_first_and_saving_keeps_it(renderer, tmp_path):
    from PIL import Image

    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Unlit(color="red")), position=(0, 1.2, 0))
    frame = renderer.render(scene, mr.PerspectiveCamera().look_at((0, 0, 5), (0, 0, 0)))
    assert frame.color[30, 64, 0] == 255 and frame.color[98, 64, 3] == 0
    frame.save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), frame.color)
    with pytest.raises(mr.AssetError, match="not a picture format"):
        frame.save(tmp_path / "a.nothing")
    with pytest.raises(mr.AssetError, match="cannot be written"):
        frame.save(tmp_path / "nowhere" / "a.png")


def test_stats_are_readable_after_closing(device):
    scene, camera, _ = rack()
    with mr.Renderer(size=(32, 32), device=device) as renderer:
        frame = renderer.render(scene, camera)
    assert frame.stats.draw_calls == 1 and frame.stats.instances == 3 and frame.stats.triangles == 36
    assert '"schema": 1' in frame.stats.to_json()
    with pytest.raises(mr.ReleasedError, match="closed"):
        frame.color  # noqa: B018
    with pytest.raises(mr.ReleasedError, match="after close"):
        renderer.render(scene, camera)


def test_ids_on_demand_do_not_mind_what_was_drawn_since(renderer):
    """Between the picture and its ids somebody else may have used the context: a window's toolkit, or the user through ModernGL."""
    scene = mr.Scene()
    for z in range(8):
        scene.add(mr.Mesh(mr.box(1), mr.Unlit()), position=(0, 0, z))
    for end in (-30, 30):  # from one of them the nearer box is drawn first
        camera = mr.PerspectiveCamera().look_at((2, 1, end), (0, 0, 3))
        expected = renderer.render(scene, camera, outputs=("ids",)).ids
        frame = renderer.render(scene, camera)
        renderer.device.ctx.enable_only(0)
        assert np.array_equal(frame.ids, expected)
