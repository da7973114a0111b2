"""Fields and legends in pictures: what is seen reads back to numbers, and a frame uploads what is shown and nothing else."""

import numpy as np
import pytest

import metarender as mr
from metarender.testing.budgets import count_calls

RAMP = mr.Colormap.viridis(-100.0, 100.0)


def sheet(columns: int = 21, rows: int = 11) -> mr.Geometry:
    """A flat sheet from -1 to 1 in x and -0.5 to 0.5 in z."""
    x, z = np.meshgrid(np.linspace(-1, 1, columns), np.linspace(-0.5, 0.5, rows))
    corner = np.arange(columns * rows).reshape(rows, columns)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    return mr.Geometry(positions=np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3), normals=np.tile((0, 1, 0), (x.size, 1)),
                       indices=np.stack([a, d, c, a, c, b], axis=-1).ravel())


def from_above(height: float = 2.0) -> mr.Camera:
    return mr.OrthographicCamera(height=height, near=0, far=10).look_at((0, 5, 0), (0, 0, 0), up=(0, 0, -1))


def place_of(pixels: int, size: int = 128, height: float = 2.0) -> np.ndarray:
    """World x of the middle of pixel columns."""
    return (np.arange(pixels) + 0.5) / size * height - height / 2


@pytest.mark.parametrize("msaa, tone_mapping", ((1, "neutral"), (4, "aces"), (1, "none")))
def test_promise_5_surface_and_legend_read_back_to_the_numbers(device, msaa, tone_mapping):
    """Linear between vertices as numbers, whatever the ramp does in between: two far ends of it meet within one triangle."""
    geometry, scene = sheet(columns=3), mr.Scene()
    values = 90 * geometry.positions[:, 0]
    scene.add(mr.Mesh(geometry.with_field(mr.Field(values)), mr.Heat(RAMP)))
    scene.add(mr.DirectionalLight(intensity=3))
    scene.legends = [mr.Legend(RAMP, title="load", unit="kN")]
    with mr.Renderer(size=(256, 128), msaa=msaa, tone_mapping=tone_mapping, exposure=3.0, device=device) as renderer:
        color = renderer.render(scene, from_above()).color
    step = 200 / 255
    x = place_of(256, 128, 2.0) - 1.0
    inside = np.abs(x) < 0.6  # the legend is to the right
    read = RAMP.value_of(color[64, inside, :3])
    assert np.abs(read - 90 * x[inside]).max() <= step and len(np.unique(color[64, inside, :3], axis=0)) > 60
    bar = scene.legends[0].bar((256, 128))
    column = scene.legends[0].value_of(color[bar.y:bar.y + bar.height, bar.x + 1, :3])
    assert np.abs(column - np.linspace(100, -100, bar.height)).max() <= step
    assert (color[bar.y, bar.x:bar.x + bar.width] == color[bar.y, bar.x]).all()


def test_numbers_that_are_missing_have_a_colour_of_their_own(renderer):
    geometry, scene = sheet(), mr.Scene()
    values = np.where(geometry.positions[:, 0] > 0.25, np.nan, 50.0)
    heat = mr.Heat(RAMP, missing=(200, 10, 20))
    scene.add(mr.Mesh(geometry.with_field(mr.Field(values)), heat))
    color = renderer.render(scene, from_above()).color[64]
    assert color[110].tolist() == [200, 10, 20, 255] and RAMP.value_of(color[40, :3]) == pytest.approx(50, abs=200 / 255)
    assert {tuple(pixel) for pixel in color.tolist()} == {(200, 10, 20, 255), tuple(color[40].tolist())}
    heat.missing, heat.alpha_mode = (0.0, 0.0, 0.0, 0.0), "mask"
    frame = renderer.render(scene, from_above(), outputs=("color", "ids"))
    assert frame.color[64, 110].tolist() == [0, 0, 0, 0] and frame.ids[64, 110] == 0 and frame.ids[64, 40] != 0


def test_materials_share_a_program_and_a_draw_and_keep_their_own_ramps(renderer):
    scene, ramps = mr.Scene(), (mr.Colormap.viridis(0, 1), mr.Colormap.cool_warm(0, 2), mr.Colormap.heat(0, 4))
    for row, ramp in enumerate(ramps):
        field = mr.Field(np.full(sheet().vertex_count, 0.5))
        scene.add(mr.Mesh(sheet().with_field(field), mr.Heat(ramp)), position=(0, 0, (row - 1) * 0.6), scale=(1, 1, 0.5))
    frame = renderer.render(scene, from_above())
    seen = [frame.color[64 + (row - 1) * 38, 64, :3].tolist() for row in range(3)]
    assert seen == [ramp(0.5).tolist() for ramp in ramps] and frame.stats.draw_calls == 1


def test_a_frame_uploads_the_numbers_that_are_shown_and_only_when_they_change(renderer):
    geometry, scene = sheet(), mr.Scene()
    count = geometry.vertex_count
    field = mr.Field(np.linspace(-100, 100, 8 * count).reshape(8, count), np.arange(8.0))
    other = mr.Field(np.zeros(count))
    scene.add(mr.Mesh(geometry.with_field(field), mr.Heat(RAMP)))
    scene.add(mr.Mesh(geometry.with_field(other), mr.Heat(RAMP)), position=(0, 0, 0.7))
    scene.legends = [mr.Legend(RAMP)]
    camera = from_above()
    renderer.render(scene, camera)
    assert (renderer.render(scene, camera).stats.bytes_uploaded, renderer.memory.others) == (0, 0)
    for moment, nbytes in ((0.0, 0), (2.5, 4 * count), (2.5, 0), (7.0, 4 * count), (9.0, 0)):
        field.at(moment)
        stats = renderer.render(scene, camera).stats
        assert (stats.bytes_uploaded, stats.bytes_view, stats.programs_compiled) == (nbytes, 0, 0)
        middle = RAMP.value_of(renderer.render(scene, camera).color[64, 64, :3])
        assert middle == pytest.approx(np.clip(field.shown[count // 2], -100, 100), abs=200 / 255)
    with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as late:
        assert np.array_equal(late.render(scene, camera).color, renderer.render(scene, camera).color)


def test_many_geometries_follow_one_field_and_python_does_nothing_for_those_that_rest(renderer):
    """The calls of a frame in which one of many fields moves do not grow with the others."""
    calls = []
    for count in (2, 40):
        scene, fields = mr.Scene(), [mr.Field(np.zeros((2, sheet().vertex_count)), [0, 1]) for _ in range(count)]
        for field in fields:
            scene.add(mr.Mesh(sheet().with_field(field), mr.Heat(RAMP)))
        renderer.render(scene, from_above())
        camera = from_above()
        for moment in (0.5, 0.75):
            fields[0].at(moment)
            last = count_calls(lambda: renderer.render(scene, camera))[1:]  # noqa: B023
        calls.append(last)
    assert calls[0] == calls[1]


def test_a_displaced_geometry_is_seen_picked_and_framed_where_it_went(renderer):
    geometry, scene = sheet(), mr.Scene()
    field = mr.Field(np.full(geometry.vertex_count, 50.0))
    node = scene.add(mr.Mesh(geometry.with_field(field), mr.Heat(RAMP)))
    node.mesh = mr.Mesh(geometry.with_field(field).displaced(np.tile((0, 0, 0.25), (geometry.vertex_count, 1)), 2.0), mr.Heat(RAMP))
    frame = renderer.render(scene, from_above(), outputs=("color", "ids"))
    assert frame.ids[60, 64] == 0 and frame.ids[70, 64] == node.id and np.allclose(scene.bounds[:, 2], (0, 1))
    assert frame.color[90, 64, :3].tolist() == RAMP(50.0).tolist()


def test_light_falls_on_a_lit_one(renderer):
    geometry, scene = sheet(), mr.Scene()
    heat = mr.Heat(RAMP, lit=True)
    scene.environment = None
    scene.add(mr.Mesh(geometry.with_field(mr.Field(np.full(geometry.vertex_count, 50.0))), heat))
    assert renderer.render(scene, from_above()).color[64, 64, :3].tolist() == [0, 0, 0]
    scene.add(mr.DirectionalLight(direction=(0, -1, 0), intensity=1))
    assert renderer.render(scene, from_above()).color[64, 64, 1] > 20
    heat.lit = False
    assert renderer.render(scene, from_above()).color[64, 64, :3].tolist() == RAMP(50.0).tolist()


def test_part_states_and_overrides_stand_above_a_field(renderer):
    geometry, scene = sheet(), mr.Scene()
    node = scene.add(mr.Mesh(geometry.with_field(mr.Field(np.full(geometry.vertex_count, 50.0))), mr.Heat(RAMP)))
    scene.set_state(node, color=(10, 20, 30))
    assert renderer.render(scene, from_above()).color[64, 64, :3].tolist() == [10, 20, 30]
    scene.set_state(node, value=1.0)
    assert renderer.render(scene, from_above()).color[64, 64, :3].tolist() == scene.colormap(1.0).tolist()


def test_legends_lie_over_everything_are_made_once_for_a_size_and_go_with_their_scene(device):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(4), mr.Unlit(color=(250, 0, 0))))
    camera = mr.PerspectiveCamera().look_at((0, 0, 5), (0, 0, 0))
    with mr.Renderer(size=(320, 180), msaa=4, device=device) as renderer:
        bare = renderer.render(scene, camera)
        red, draws = bare.color, bare.stats.fullscreen_draws
        scene.legends = [mr.Legend(RAMP, panel=(0, 0, 255)), mr.Legend(RAMP, side="left", panel="#ffffff80")]
        frame = renderer.render(scene, camera)
        over = [legend.picture((320, 180)) for legend in scene.legends]
        assert frame.stats.bytes_uploaded == sum(picture.pixels.nbytes for picture in over)
        assert frame.stats.fullscreen_draws == draws + 2 and frame.stats.draw_calls == bare.stats.draw_calls
        changed = (frame.color != red).any(axis=2)
        for picture in over:
            high, wide = picture.pixels.shape[:2]
            area = np.s_[picture.y:picture.y + high, picture.x:picture.x + wide]
            assert changed[area].all()
            changed[area] = False
        assert not changed.any(), "a legend reaches beyond its picture"
        solid = over[0].pixels[..., 3] == 255
        area = np.s_[over[0].y:over[0].y + solid.shape[0], over[0].x:over[0].x + solid.shape[1]]
        assert solid.all() and np.array_equal(frame.color[area], over[0].pixels)
        assert renderer.render(scene, camera).stats.bytes_uploaded == 0
        renderer.size = (64, 36)
        assert renderer.render(scene, camera).stats.fullscreen_draws == draws
        renderer.size = (320, 180)
        assert np.array_equal(renderer.render(scene, camera).color, frame.color)
        scene.legends = ()
        assert np.array_equal(renderer.render(scene, camera).color, red)


def test_views_of_two_sizes_take_no_turns_with_a_legend(device):
    """Each picture is made and uploaded once; of many sizes the last few stay."""
    scene = mr.Scene()
    camera = scene.add(mr.PerspectiveCamera())
    scene.legends = [mr.Legend(RAMP, title="load")]
    with mr.Renderer((320, 180), device=device) as large, mr.Renderer((256, 144), device=device) as small:
        first = [renderer.render(scene, camera).stats.bytes_uploaded for renderer in (large, small)]
        again = [renderer.render(scene, camera).stats.bytes_uploaded for renderer in (large, small, large)]
    assert all(first) and again == [0, 0, 0]
    pictures = [scene.legends[0].picture((300 + k, 200)) for k in range(6)]
    assert scene.legends[0].picture((305, 200)) is pictures[5] and len(scene.legends[0]._drawn) == 4
