"""What state does to a picture and to the cost of a frame."""

import numpy as np
import pytest

import metarender as mr
from metarender.colormap import Colormap


def shelf(count: int = 9) -> tuple[mr.Scene, mr.Camera, mr.Instances]:
    """Unlit plates in a row, seen straight on, one unit apart."""
    scene = mr.Scene()
    parts = scene.add_instances(mr.plane(0.8), mr.Unlit(color=(90, 90, 90)), count=count)
    with parts.edit("position") as position:
        position[:, 0] = np.arange(count) - (count - 1) / 2
    camera = mr.OrthographicCamera(height=count, near=0, far=10).look_at((0, 5, 0), (0, 0, 0), up=(0, 0, -1))
    return scene, camera, parts


def at(frame: mr.Frame, part: int, count: int = 9) -> tuple[int, ...]:
    pixels = frame.size[0] / count
    return tuple(int(v) for v in frame.color[frame.size[1] // 2, int((part + 0.5) * pixels)])


def test_values_show_the_colours_of_the_colormap_exactly(renderer):
    scene, camera, parts = shelf()
    scene.colormap = Colormap.heat(10, 50)
    values = np.linspace(10, 50, 9).astype(np.float32)
    scene.set_state(parts, value=values)
    frame = renderer.render(scene, camera)
    assert [at(frame, part)[:3] for part in range(9)] == [tuple(int(c) for c in color) for color in scene.colormap(values)]
    scene.colormap = Colormap.cool_warm(0, 100)
    again = renderer.render(scene, camera)
    assert at(again, 8)[:3] == tuple(int(c) for c in scene.colormap(50.0))


def test_a_ghost_is_a_film_and_is_not_picked(renderer):
    scene, camera, parts = shelf()
    behind = scene.add(mr.Mesh(mr.plane(20), mr.Unlit(color=(200, 0, 0))), position=(0, -1, 0))
    solid = renderer.render(scene, camera)
    assert at(solid, 4)[:3] == (90, 90, 90)
    scene.ghost(parts.ids[4:5])
    frame = renderer.render(scene, camera)
    red, green, blue, _ = at(frame, 4)
    assert red > 150 and at(frame, 3)[:3] == (90, 90, 90) and (red, green, blue) != (200, 0, 0)
    assert frame.pick(64, 64) == behind and frame.pick(64 - 14, 64).id == parts.ids[3]
    scene.ghost(parts, False)
    assert np.array_equal(renderer.render(scene, camera).color, solid.color)


def test_a_ghost_casts_no_shadow(renderer):
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.plane(8), mr.Standard(color="white", roughness=1.0)))
    plate = scene.add(mr.Mesh(mr.plane(2), mr.Standard()), position=(0, 2, 0))
    scene.add(mr.DirectionalLight(direction=(-0.8, -1, 0)))
    camera = mr.OrthographicCamera(height=8, near=0, far=20).look_at((0, 10, 0), (0, 0, 0), up=(0, 0, -1))
    dark = renderer.render(scene, camera).color[64, 64 - 26, 0]
    scene.ghost(plate)
    assert dark < 10 < 150 < renderer.render(scene, camera).color[64, 64 - 26, 0]


def test_a_selection_is_outlined_even_behind_something(renderer):
    scene, camera, parts = shelf()
    plain = renderer.render(scene, camera).color.astype(int)
    scene.set_state(parts.ids[4], selected=True)
    outlined = renderer.render(scene, camera).color.astype(int)
    changed = (np.abs(outlined - plain).max(axis=2) > 60).nonzero()
    assert 40 < len(changed[0]) < 400 and abs(changed[1].mean() - 63.5) < 1.5
    scene.add(mr.Mesh(mr.plane(20), mr.Unlit(color=(0, 0, 90))), position=(0, 2, 0))
    hidden = renderer.render(scene, camera).color
    assert ((hidden[..., 1] > 180) & (hidden[..., 0] < 90)).sum() > 40


def test_what_a_ghost_or_a_selection_needs_is_never_occluded(device):
    scene = mr.Scene()
    wall = scene.add(mr.Mesh(mr.box((8, 8, 0.2)), mr.Unlit(color=(0, 0, 90))), position=(0, 0, 2))
    behind = scene.add(mr.Mesh(mr.box(1), mr.Unlit(color=(250, 0, 0))))
    camera = mr.PerspectiveCamera().look_at((0, 0, 6), (0, 0, 0))
    with mr.Renderer(size=(128, 128), msaa=1, occlusion=True, device=device) as renderer:
        hidden = renderer.render(scene, camera)
        assert hidden.stats.occluded == 1 and tuple(hidden.color[64, 64, :3]) == (0, 0, 90)
        scene.ghost(wall)
        seen = renderer.render(scene, camera)
        assert seen.color[64, 64, 0] > 150 and seen.stats.occluded == 0
        scene.ghost(wall, False)
        scene.set_state(behind, selected=True)
        assert (renderer.render(scene, camera).color[..., 1] > 180).sum() > 40


def test_highlighting_shows(renderer):
    scene, camera, parts = shelf()
    scene.set_state(parts.ids[2], highlighted=True)
    frame = renderer.render(scene, camera)
    assert at(frame, 2)[0] > 150 and at(frame, 3)[:3] == (90, 90, 90)


def test_ghosting_adds_one_call_for_each_geometry_class(renderer):
    scene, camera, parts = shelf(64)
    others = [scene.add(mr.Mesh(mr.box(0.1), mr.Standard(color=(i / 40, 0.5, 0.5), roughness=i / 40))) for i in range(40)]
    before = renderer.render(scene, camera).stats
    scene.ghost(parts.ids[::2])
    scene.ghost(others[::3])
    after = renderer.render(scene, camera).stats
    assert after.draw_calls - before.draw_calls == 1
    assert renderer.render(scene, camera).stats.bytes_uploaded == 0


@pytest.mark.parametrize("row", [1 << 15, 7], ids=["long rows", "short rows"])
def test_scattered_states_go_up_by_page_and_in_one_dispatch(device, row, monkeypatch):
    """10,000 scattered parts of 200,000: at most 4 KiB for each page touched, at most 64 calls for all."""
    monkeypatch.setattr("metarender.gpu.compute.ROW", row)
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(0.5), mr.Unlit(), count=200_000)
    rng = np.random.default_rng(5)
    with parts.edit("position") as position:
        position[:] = rng.uniform(-100, 100, (200_000, 3))
    camera = mr.PerspectiveCamera().look_at((0, 0, 300), (0, 0, 0))
    with mr.Renderer(size=(96, 64), msaa=1, device=device) as renderer:
        renderer.render(scene, camera)
        still = renderer.render(scene, camera).stats.gl_calls
        chosen = parts.ids[rng.choice(200_000, 300, replace=False)]
        scene.set_state(chosen, color=np.array([255, 0, 0, 255], np.uint8))
        frame = renderer.render(scene, camera)
        pages = -(-scene.store.draw_slots // 256)
        assert frame.stats.bytes_uploaded <= pages * 4096
        assert frame.stats.gl_calls - still <= 64
        scattered = frame.color
    with mr.Renderer(size=(96, 64), msaa=1, device="software") as fresh:  # a device that holds nothing yet: all goes up in one run
        assert np.array_equal(fresh.render(scene, camera).color, scattered)


def test_contiguous_states_cost_two_pages_more_at_most(renderer):
    scene, camera, parts = shelf(10_000)
    renderer.render(scene, camera)
    scene.set_state(parts.ids[1_000:3_000], value=0.5)
    assert renderer.render(scene, camera).stats.bytes_uploaded <= 10_000 * 16 + 2 * 4096


@pytest.mark.parametrize("flag", ("ghost", "selected", "highlighted"))
def test_a_scene_without_flags_compiles_nothing_for_them(renderer, flag):
    scene, camera, parts = shelf()
    renderer.render(scene, camera)
    renderer.render(scene, camera)
    assert renderer.render(scene, camera).stats.programs_compiled == 0
    scene.set_state(parts.ids[0], **{flag: True})
    assert renderer.render(scene, camera).stats.programs_compiled > 0
    scene.set_state(parts.ids[0], **{flag: False})
    assert renderer.render(scene, camera).stats.programs_compiled == 0
