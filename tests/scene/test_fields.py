"""Fields, ramps and legends without a device: numbers over vertices, over time, and back from colours."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import metarender as mr
from metarender.legend import tick_labels, tick_values
from metarender.letters import line_height, text_coverage

RAMPS = (mr.Colormap.viridis, mr.Colormap.cividis, mr.Colormap.heat, mr.Colormap.cool_warm)


def triangle() -> mr.Geometry:
    return mr.Geometry(positions=[(0, 0, 0), (1, 0, 0), (0, 0, -1)], normals=[(0, 1, 0)] * 3)


def test_a_field_shows_a_moment_as_interpolation_by_hand_has_it():
    rng = np.random.default_rng(1)
    values, times = rng.normal(size=(5, 7)), np.array([-1.0, 0.0, 0.5, 2.0, 2.25])
    field = mr.Field(values, times)
    for moment in (-5, -1, -0.3, 0, 0.1, 0.5, 1.9, 2.0, 2.1, 2.25, 9):
        field.at(moment)
        expected = [np.interp(moment, times, column) for column in values.T]
        assert np.allclose(field.shown, expected, atol=1e-6) and field.shown.dtype == np.float32
        assert field.time == min(max(moment, -1), 2.25)
        assert np.allclose(field.sample(moment), expected, atol=1e-12)
    steps = mr.Field(values, times, interpolation="step")
    for moment, row in ((-5, 0), (-0.01, 0), (0, 1), (0.49, 1), (2.2, 3), (2.25, 4), (7, 4)):
        steps.at(moment)
        assert np.array_equal(steps.shown, values[row].astype(np.float32))


def test_the_clock_of_a_scene_moves_its_fields():
    field, scene = mr.Field(np.arange(6.0).reshape(2, 3), [0.0, 2.0]), mr.Scene()
    alone = mr.Field(np.zeros(3))
    for each in (field, alone):
        scene.add(mr.Mesh(triangle().with_field(each), mr.Heat()))
    before = scene.geometry_changes
    scene.at(1.0)
    assert field.shown.tolist() == [1.5, 2.5, 3.5] and scene.geometry_changes == before + 1 and alone.version == 1


def test_components_of_vectors_and_the_range_of_all_frames():
    rng = np.random.default_rng(2)
    values = rng.normal(size=(4, 6, 3))
    values[2, 3] = np.nan
    times = np.arange(4.0)
    for name, expected in (("magnitude", np.linalg.norm(values, axis=2)), *(("xyz"[axis], values[..., axis]) for axis in range(3))):
        field = mr.Field(values, times, component=name)
        assert field.range == (np.nanmin(expected), np.nanmax(expected))
        field.at(1.0)
        assert np.allclose(field.shown, expected[1], atol=1e-6)
    assert mr.Field(np.full(4, np.nan)).range == (0.0, 0.0)
    assert mr.Field(np.array([3, 1, 2])).range == (1.0, 3.0)


def test_a_version_rises_only_when_what_is_shown_changes():
    field = mr.Field(np.arange(6.0).reshape(2, 3), [0.0, 1.0])
    seen = [field.version]
    for moment, moves in ((0.0, False), (-3.0, False), (0.5, True), (0.5, False), (1.0, True), (8.0, False)):
        field.at(moment)
        assert (field.version > seen[-1]) is moves
        seen.append(field.version)


def test_arrays_are_copied_unless_nobody_can_write_them():
    values = np.ones((2, 3))
    field = mr.Field(values, [0, 1])
    values[:] = 7
    assert field.shown.tolist() == [1, 1, 1] and not field.values.flags.writeable
    values.flags.writeable = False
    assert np.shares_memory(mr.Field(values, [0, 1]).values, values)
    held = bytearray(np.ones(3).tobytes())
    field = mr.Field(memoryview(held).cast("d"))
    held[:8] = np.full(1, 7.0).tobytes()
    assert field.values.tolist() == [[1, 1, 1]], "what is no array, but lends its memory, is not copied"


def test_moving_a_field_touches_the_scenes_that_draw_it_and_no_others():
    field, other, scene = mr.Field(np.zeros((2, 3)), [0, 1]), mr.Scene(), mr.Scene()
    field.at(1.0)  # nobody listens
    node = scene.add(mr.Mesh(triangle().with_field(field), mr.Heat()))
    twin = scene.add(mr.Mesh(triangle().with_field(field), mr.Heat()))
    other.add(mr.Mesh(triangle().with_field(mr.Field(np.zeros(3))), mr.Heat()))
    before, quiet = scene.geometry_changes, other.geometry_changes
    epoch, still = scene.store.epoch, other.store.epoch
    field.at(0.5)
    field.at(0.5)
    assert scene.geometry_changes == before + 2 and scene.store.epoch > epoch
    assert (other.geometry_changes, other.store.epoch) == (quiet, still)
    assert scene.fields == [field] and field not in other.fields
    node.remove()
    scene.settle()
    before = scene.geometry_changes
    field.at(0.75)
    assert scene.geometry_changes == before + 1
    twin.remove()
    scene.settle()
    before = scene.geometry_changes
    field.at(0.25)
    assert scene.geometry_changes == before and not field._watchers and not scene.fields
    copy = mr.Scene()
    scene.add(mr.Mesh(triangle().with_field(field), mr.Heat()))
    copy.add(scene)
    before = copy.geometry_changes
    field.at(0.5)
    assert copy.geometry_changes == before + 1
    del scene, copy
    gc.collect()
    field.at(0.0)


def test_a_geometry_with_a_field_shares_its_arrays_and_keeps_them_when_it_is_displaced():
    plain, field = mr.sphere(1.0, segments=12), None
    field = mr.Field(np.arange(plain.vertex_count))
    made = plain.with_field(field)
    assert made.positions is plain.positions and made.field is field and plain.field is None
    assert made.geometry_key != plain.geometry_key == made.with_field(None).geometry_key
    out = np.asarray(plain.normals) * 0.25
    moved = made.displaced(out, 2.0)
    assert moved.field is field and moved.indices is plain.indices and moved.uv0 is plain.uv0
    assert np.allclose(np.linalg.norm(moved.positions, axis=1), 1.5, atol=1e-5)
    assert np.degrees(np.arccos(np.clip((moved.normals * plain.normals).sum(axis=1), -1, 1))).max() < 20
    assert np.allclose(moved.bounds, plain.bounds * 1.5, atol=1e-5)


def test_normals_of_a_displaced_plane_are_those_of_the_slope():
    x, z = np.meshgrid(np.arange(5.0), np.arange(4.0))
    corner = np.arange(20).reshape(4, 5)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    flat = mr.Geometry(positions=np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3), indices=np.stack([a, d, c, a, c, b], axis=-1).ravel(),
                       normals=np.tile((0, 1, 0), (20, 1)))
    tilted = flat.displaced(np.stack([0 * x, 0.5 * x, 0 * x], axis=-1).reshape(-1, 3))
    assert np.allclose(tilted.normals, np.array((-0.5, 1, 0)) / np.sqrt(1.25), atol=1e-6)
    lines = mr.Geometry(positions=[(0, 0, 0), (1, 0, 0)], topology="lines").displaced([(0, 1, 0), (0, 1, 0)])
    assert lines.positions[:, 1].tolist() == [1, 1] and lines.normals is None
    empty = mr.Geometry(positions=[(0, 0, 0)] * 3, normals=[(1, 0, 0)] * 3).displaced(np.zeros((3, 3)))
    assert empty.normals.tolist() == [[1, 0, 0]] * 3  # a triangle without area keeps what it had


@pytest.mark.parametrize("make", RAMPS, ids=lambda make: make.__name__)
@given(values=st.lists(st.floats(-40, 110), min_size=1, max_size=20))
def test_every_ramp_reads_back_to_within_a_colour(make, values):
    ramp = make(-20.0, 90.0)
    read = ramp.value_of(ramp(values))
    assert np.abs(read - np.clip(values, -20, 90)).max() <= 110 / 255
    assert np.isnan(ramp.value_of(np.array([[0, 255, 255], [1, 2, 255]], np.uint8))).all()


def test_what_has_no_number_is_grey():
    ramp = mr.Colormap.viridis(0, 1)
    shown = ramp([[0.0, np.nan], [-np.inf, np.inf]])
    assert shown.tolist() == [[ramp.table[0].tolist(), [128] * 3], [ramp.table[0].tolist(), ramp.table[-1].tolist()]]
    assert np.isnan(ramp.value_of(shown[0, 1])) and ramp(np.nan).tolist() == [128] * 3 and ramp(3).tolist() == ramp.table[-1].tolist()


def test_viridis_is_that_of_its_authors_and_cividis_rises_evenly():
    assert mr.Colormap.viridis().table[[0, 64, 128, 192, 255]].tolist() == [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98],
                                                                            [253, 231, 37]]
    linear = mr.color.srgb_decode(mr.Colormap.cividis().table / 255.0)
    assert (np.diff(linear @ (0.2126, 0.7152, 0.0722)) > -1e-3).all()
    near = mr.Colormap.viridis(0, 255)
    assert near.value_of(np.array([[69, 0, 84]], np.uint8), tolerance=1).tolist() == [0.0]
    assert np.isnan(near.value_of(np.array([[69, 0, 84]], np.uint8))).all()


@given(low=st.floats(-1e9, 1e9), share=st.floats(1e-4, 1e4), most=st.integers(2, 20))
def test_ticks_are_few_round_and_inside(low, share, most):
    high = low + max(abs(low), 1e-3) * share
    ticks = tick_values(low, high, most)
    slack = (high - low) * 1e-6
    assert 2 <= len(ticks) <= most and (np.diff(ticks) > 0).all()
    assert ticks[0] >= low - slack and ticks[-1] <= high + slack
    labels = tick_labels(ticks)
    assert len(set(labels)) == len(labels)
    step = float(np.diff(ticks).min())
    if len(ticks) > 2:
        assert all(abs(float(label) - tick) <= step * 1e-3 for label, tick in zip(labels, ticks, strict=True))


@pytest.mark.parametrize("low, high, labels", (
    (0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"), (-12, 137, "0 25 50 75 100 125"), (-1, 1, "-1.0 -0.5 0.0 0.5 1.0"),
    (0.1, 0.25, "0.10 0.15 0.20 0.25"),
    (101325, 101326, "101325.0 101325.2 101325.4 101325.6 101325.8 101326.0"), (0, 3e-5, "0 1e-05 2e-05 3e-05"),
    (0, 1e7, "0 2.0e+06 4.0e+06 6.0e+06 8.0e+06 1.0e+07")))
def test_labels_have_the_decimals_that_tell_them_apart(low, high, labels):
    assert " ".join(tick_labels(tick_values(low, high, 6))) == labels


def test_letters_are_of_the_size_and_differ():
    for size in (8, 11, 14.5, 30, 60):
        word = text_coverage("MPa 0.5 µm²", size)
        assert word.shape[0] == line_height(size) and word.max() > 240 and 3 * size < word.shape[1] < 9 * size
    assert text_coverage("", 12).max() == 0 and np.array_equal(text_coverage("中", 12), text_coverage("?", 12))
    drawn = {letter: text_coverage(letter, 30).tobytes() for letter in "0123456789-.e+abcxyzABCXYZ[]°²³µ"}
    assert len(set(drawn.values())) == len(drawn)
    assert np.abs(text_coverage("H", 60).sum() / text_coverage("H", 30).sum() - 4) < 0.05


def test_the_bar_of_a_legend_runs_through_the_whole_range():
    ramp = mr.Colormap.viridis(-3.0, 7.0)
    legend = mr.Legend(ramp, title="flow", unit="m³/s", ticks=5)
    for size in ((480, 270), (1920, 1080), (300, 900)):
        over, bar = legend.picture(size), legend.bar(size)
        assert over is legend.picture(size) and legend.bar(size).height == round(size[1] * 0.55)
        column = over.pixels[bar.y - over.y:bar.y - over.y + bar.height, bar.x - over.x + bar.width // 2]
        read = legend.value_of(column[:, :3])
        assert np.abs(read - np.linspace(7, -3, bar.height)).max() <= 10 / 255 and (column[:, 3] == 255).all()
        assert over.x >= 0 and over.x + over.pixels.shape[1] <= size[0] and over.y >= 0 and over.y + over.pixels.shape[0] <= size[1]
    left = mr.Legend(ramp, side="left")
    assert left.bar((480, 270)).x < 60 < 400 < mr.Legend(ramp).bar((480, 270)).x
    assert legend.picture((60, 40)) is None and legend.bar((60, 40)) == (0, 0, 0, 0)
    assert legend.heading == "flow [m³/s]" and left.heading == ""


def test_numbers_near_the_end_of_float32_stay_finite():
    """Lengths of vectors and what lies between two frames are below it as the numbers are; larger ones are refused."""
    most = 1.7e38
    assert np.isfinite(mr.Field(np.full((3, 3), most, np.float32)).shown).all()
    field = mr.Field(np.array([[-most], [most]], np.float32), [0, 1])
    field.at(0.5)
    assert field.shown.tolist() == [0]
    with pytest.raises(mr.InvalidInput, match="must lie within"):
        mr.Field(np.full((3, 3), 3e38, np.float32))


@pytest.mark.parametrize(("low", "high"), [(0, 1e-300), (0, 1e300), (-5e299, 5e299), (1e15, 1e15 + 0.25), (-1e-30, 1e30)])
def test_a_legend_of_any_range_that_a_ramp_may_have_is_composed(low, high):
    assert mr.Legend(mr.Colormap.viridis(low, high)).bar((800, 600)).height > 0


@pytest.mark.parametrize(("low", "high"), [(0, 5e-324), (-1e308, 1e308)])
def test_ranges_that_no_division_survives_are_refused(low, high):
    with pytest.raises(mr.InvalidInput, match="1e-300 to 1e300"):
        mr.Colormap.heat(low, high)


def test_scenes_that_are_gone_leave_nothing_with_a_field():
    field = mr.Field([0.0, 1.0, 2.0])
    for _ in range(20):
        mr.Scene().add(mr.Mesh(triangle().with_field(field), mr.Heat()))
        gc.collect()
    assert len(field._watchers) <= 1
