"""Boxes, balls, frusta and rays against exact float64 boxes computed by numpy."""

import numpy as np
import pytest
from core_model import levels, perspective, planes, pose, rotation
from hypothesis import given, settings
from hypothesis import strategies as st
from ray_model import affine

from metarender import InvalidInput
from metarender._core import Caster, Store, View

ALL = 0xFFFFFFFF
LOWER, UPPER = np.array([-0.5, -1.0, 0.0]), np.array([1.5, 2.0, 0.25])


def filled(matrices, level=None):
    store = Store(level=level)
    store.set_geometry(0, 1, LOWER, UPPER)
    store.set_geometry(1, 1, (5.0, 5, 5), (6.0, 6, 6))
    store.set_material(0, 0, 0)
    ids = store.add(0, len(matrices))
    store.set(ids, matrix=matrices)
    store.set_draws(ids, [0], [0])
    return store, ids, Caster(store, None)


def boxes(store, ids, about):
    """Exact world boxes relative to a point: centre and half extents, (n, 3) each."""
    world = store.world_matrices(ids)
    linear = world[:, :3, :3]
    return world[:, :3, 3] - about + linear @ (0.5 * (LOWER + UPPER)), np.abs(linear) @ (0.5 * (UPPER - LOWER))


def agrees(found, ids, margin, tolerance):
    """Everything with a margin above the tolerance is found, nothing with one below it; ids ascend and appear once."""
    mask = np.isin(ids, found)
    assert np.count_nonzero(mask) == len(found)
    assert not np.any(~mask & (margin > tolerance)), "a node that meets the region was missed"
    assert not np.any(mask & (margin < -tolerance)), "a node that is outside was found"
    return mask


def ray_margin(centre, half, origin, direction):
    """How far the slab test is from its decision, metres-ish: positive where the ray meets the box."""
    with np.errstate(all="ignore"):
        a, b = (centre - half - origin) / direction, (centre + half - origin) / direction
    near, far = np.minimum(a, b).max(axis=1), np.maximum(a, b).min(axis=1)
    return np.minimum(far - near, far), np.maximum(near, 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e7]), st.sampled_from([3.0, 60.0, 3000.0]), st.sampled_from([1, 70, 5000]))
def test_regions_agree_with_exact_boxes_at_home_and_at_1e7_m(seed, far, spread, n):
    rng = np.random.default_rng(seed)
    about = far * np.array([1.0, -0.3, 0.7])
    matrices = affine(rng, n, spread)
    matrices[:, :3, 3] += about
    store, ids, caster = filled(matrices)
    store.update()
    centre, half = boxes(store, ids, about)
    tolerance = 1e-7 if far else 1e-9
    corner = rng.uniform(-spread, spread, 3)
    box = np.sort(np.stack([corner, corner + rng.normal(size=3) * spread]), axis=0) + about
    inside = np.minimum(box[1] - about - (centre - half), centre + half - (box[0] - about)).min(axis=1)
    agrees(caster.in_box(box, ALL, False), ids, inside, tolerance)

    place, radius = rng.uniform(-spread, spread, 3), spread * rng.random()
    gap = np.linalg.norm(np.maximum(np.abs(centre - place) - half, 0), axis=1)
    agrees(caster.in_sphere(place + about, radius, ALL, False), ids, radius - gap, tolerance)

    view, projection = View(store), perspective(rng.uniform(10, 120), 1.4, 0.1, spread if seed % 2 else np.inf)
    eye = rng.uniform(-spread, spread, 3)
    view.configure(pose(eye + about, rotation(rng, 1)[0]), projection)
    camera = pose(eye + about, np.eye(3))
    camera[:3, :3] = rotation(np.random.default_rng(seed + 1), 1)[0]
    view.configure(camera, projection)
    cutting = planes(camera, projection)
    margin = ((centre - eye) @ cutting[:, :3].T + half @ np.abs(cutting[:, :3]).T + cutting[:, 3]).min(axis=1)
    agrees(caster.in_view(view, None, False), ids, margin, tolerance * 10)

    origin, direction = rng.uniform(-spread, spread, 3), rng.normal(size=3)
    direction /= np.linalg.norm(direction)
    found = caster.boxes_on_ray(origin + about, direction, np.inf, ALL, False)
    margin, entry = ray_margin(centre, half, origin, direction)
    agrees(found, ids, margin, 1e-5 if far else 1e-7)
    entries = entry[np.searchsorted(ids, found)]
    assert np.all(np.diff(entries) >= -1e-5)


def test_touching_counts_and_whole_numbers_are_exact():
    m = np.tile(np.eye(4), (3, 1, 1))
    m[:, 0, 3] = (0.0, 10.0, 20.0)  # boxes of x -0.5 .. 1.5, 9.5 .. 11.5, 19.5 .. 21.5
    _, ids, caster = filled(m)

    def found(low, high):
        return caster.in_box([(low, 0, 0), (high, 1, 1)], ALL, False).tolist()

    assert found(1.5, 9.5) == ids[:2].tolist()
    assert found(np.nextafter(1.5, 2), np.nextafter(9.5, 9)) == []
    assert found(-1e15, 1e15) == ids.tolist() and found(11.5, 11.5) == [ids[1]]
    assert caster.in_sphere((5.5, 0, 0), 4.0, ALL, False).tolist() == ids[:2].tolist()
    assert caster.in_sphere((5.5, 0, 0), np.nextafter(4.0, 3), ALL, False).tolist() == []
    assert caster.in_sphere((10, 0, 0), 0.0, ALL, False).tolist() == [ids[1]]
    assert caster.boxes_on_ray((30, 2.0, 0.25), (-1, 0, 0), np.inf, ALL, False).tolist() == ids[::-1].tolist()  # along an edge
    assert caster.boxes_on_ray((30, 2.0, 0.25), (-1, 0, 0), 20.0, ALL, False).tolist() == ids[:0:-1].tolist()
    assert caster.boxes_on_ray((30, np.nextafter(2.0, 3), 0), (-1, 0, 0), np.inf, ALL, False).tolist() == []


def test_hidden_nodes_layers_and_several_draws():
    store, ids, caster = filled(np.tile(np.eye(4), (200, 1, 1)))
    store.set_draws(ids[:3], [0, 1, 0], [0, 0, 0])
    store.set_visible(ids[1::2], False)
    store.set_layers(ids[:50], 6)
    everything = [(-1e6,) * 3, (1e6,) * 3]
    view = View(store)
    view.configure(pose(np.array([0.0, 0, 50]), np.eye(3)), perspective(90, 1, 0.1), 2)
    for hidden, step in ((False, 2), (True, 1)):
        for layers, expected in ((ALL, ids), (1, ids[50:]), (4, ids[:50]), (8, ids[:0])):
            expected = [k for k in expected.tolist() if (k - int(ids[0])) % step == 0]
            assert caster.in_box(everything, layers, hidden).tolist() == expected
            assert caster.in_sphere((0, 0, 0), 1e7, layers, hidden).tolist() == expected
            assert sorted(caster.boxes_on_ray((0, 0, 9), (0, 0, -1), np.inf, layers, hidden)) == expected
            assert caster.in_view(view, layers, hidden).tolist() == expected
        assert caster.in_view(view, None, hidden).tolist() == ids[:50:step].tolist()
    assert caster.in_box([(5, 5, 5), (6, 6, 6)], ALL, True).tolist() == ids[:3].tolist()


def test_edits_are_seen_and_removed_nodes_are_not():
    store, ids, caster = filled(np.tile(np.eye(4), (5, 1, 1)))
    assert len(caster.in_sphere((0, 0, 0), 1, ALL, False)) == 5
    store.set(ids[:2], position=[(100.0, 0, 0), (1e7, 0, 0)])
    assert caster.in_sphere((0, 0, 0), 1, ALL, False).tolist() == ids[2:].tolist()
    assert caster.in_sphere((1e7, 0, 0), 1, ALL, False).tolist() == [ids[1]]
    store.remove(ids[3])
    again = store.add(0)
    store.set_draws(again, [0], [0])
    assert set(caster.in_sphere((0, 0, 0), 1, ALL, False)) == {ids[2], ids[4], again[0]} and again[0] >> 24 == 1
    store.set_draws(ids[4:], [], [])
    assert set(caster.in_box([(-1,) * 3, (1,) * 3], ALL, False)) == {ids[2], again[0]}


def test_an_empty_store_holds_nothing():
    store = Store()
    caster, view = Caster(store, None), View(store)
    view.configure(np.eye(4), perspective(60, 1, 0.1))
    for found in (caster.in_box([(-1,) * 3, (1,) * 3], ALL, True), caster.in_sphere((0, 0, 0), 1e15, ALL, True),
                  caster.in_view(view, None, True), caster.boxes_on_ray((0, 0, 0), (1, 0, 0), np.inf, ALL, True)):
        assert found.dtype == np.uint32 and len(found) == 0


def test_answers_do_not_depend_on_the_instruction_set():
    answers = []
    for level in levels():
        _, _, caster = filled(affine(np.random.default_rng(2), 20_000, 2000.0), level)
        answers.append([caster.in_box([(-700,) * 3, (500,) * 3], ALL, False).tobytes(),
                        caster.in_sphere((9, 9, 9), 800, ALL, False).tobytes(),
                        caster.boxes_on_ray((-3000, 5, 5), (1, 0, 0), np.inf, ALL, False).tobytes()])
        assert len(answers[-1][0]) > 400
    assert all(other == answers[0] for other in answers)


def test_hostile_regions_are_refused():
    caster, view = Caster(Store(), None), View(Store())
    for box, message in [([(1, 0, 0), (0, 1, 1)], "lower corner first"), (np.zeros((3, 2)), r"shape \(2, 3\)"),
                         (np.full((2, 3), np.nan), "finite"), ([(-1e16,) * 3, (0,) * 3], "within"), ("box", "numbers")]:
        with pytest.raises(InvalidInput, match=message):
            caster.in_box(box, ALL, False)
    for centre, radius, message in [((0, 0, np.inf), 1, "centre"), ((0, 0, 0), -1, "radius"), ((0, 0, 0), np.nan, "radius"),
                                    ((0, 0, 0), 1e16, "radius"), ((0, 0), 1, "centre")]:
        with pytest.raises(InvalidInput, match=message):
            caster.in_sphere(centre, radius, ALL, False)
    with pytest.raises(InvalidInput, match="another scene"):
        caster.in_view(view, None, False)
    with pytest.raises(InvalidInput, match="not configured"):
        caster.in_view(View(caster.store), None, False)
    with pytest.raises(InvalidInput, match="ray direction"):
        caster.boxes_on_ray((0, 0, 0), (0, 0, 0), np.inf, ALL, False)
    with pytest.raises(InvalidInput, match="layers"):
        caster.in_box([(0,) * 3, (1,) * 3], 1 << 32, False)
