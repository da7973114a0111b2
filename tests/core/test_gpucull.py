"""What culling on the device reads: the camera in pixels and depth, the anchors along its axes, blocks in sight, places of commands."""

import numpy as np
import pytest
from core_model import box_store, perspective, pose, rotation

from metarender import InvalidInput
from metarender._core import GPU_VIEW_DTYPE, View, cull

SIZE = (320, 200)


def parallel(height, aspect, near, far):
    """Reversed-Z parallel projection, off centre."""
    p = np.diag([2 / (height * aspect), 2 / height, 1 / (far - near), 1.0])
    p[0, 3], p[1, 3], p[2, 3] = 0.3, -0.2, far / (far - near)
    return p


def shifted(projection):
    projection = projection.copy()
    projection[:2, 2] = 0.2, -0.4
    return projection


PROJECTIONS = {"infinite": perspective(70, 1.6, 0.1), "far plane": perspective(50, 1.6, 0.5, 80.0),
               "shifted": shifted(perspective(60, 1.6, 0.1)), "parallel": parallel(30, 1.6, -10.0, 90.0)}


@pytest.mark.parametrize("name", PROJECTIONS)
def test_the_camera_says_where_points_lie_in_pixels_and_depth(name):
    rng, projection = np.random.default_rng(3), PROJECTIONS[name]
    camera = pose(rng.uniform(-5, 5, 3), rotation(rng, 1)[0])
    store, _ = box_store(np.zeros((1, 3)))
    store.update()
    view = View(store)
    view.configure(camera, projection)
    view.set_detail(SIZE)
    record, plain = view.gpu_view()
    assert plain and record.dtype == GPU_VIEW_DTYPE and record["parallel"] == (name == "parallel")
    point = rng.uniform((-20, -20, 1), (20, 20, 70), (500, 3))  # right, up, forward
    eye = np.concatenate([point * (1, 1, -1), np.ones((500, 1))], axis=1)
    clip = eye @ projection.T
    ndc = clip[:, :3] / clip[:, 3:]
    by = 1.0 if name == "parallel" else 1 / point[:, 2]
    pixels = (ndc[:, :2] + 1) / 2 * SIZE
    got = point[:, :2] * np.reshape(by, (-1, 1)) * record["gain"] + record["shift"]
    assert np.abs(got - pixels).max() < 1e-3 * np.abs(pixels).max() / 100
    depth = record["depth"][0] * (point[:, 2] if name == "parallel" else by) + record["depth"][1]
    assert np.abs(depth - ndc[:, 2]).max() < 1e-6
    axes = record["axes"][:, :3].astype(float)
    assert np.abs(axes - camera[:3, :3].T * np.array([[1], [1], [-1]])).max() < 1e-6
    assert record["size"].tolist() == list(SIZE)
    nearest = {"infinite": 0.1, "far plane": 0.5, "shifted": 0.1, "parallel": -10.0}[name]
    assert nearest < record["near"] < nearest + 0.011 * abs(nearest)


def test_a_view_that_is_no_plain_camera_says_so():
    store, _ = box_store(np.zeros((1, 3)))
    store.update()
    view = View(store)
    view.configure(np.diag([1.0, 1, 2, 1]), perspective(70, 1.6, 0.1), 6)
    view.set_detail(SIZE)
    record, plain = view.gpu_view()
    assert not plain and record["layers"] == 6 and not record["axes"].any()
    assert np.abs(np.linalg.norm(record["planes"], axis=1) - [1, 1, 1, 1, 0, 1]).max() < 1e-6  # an infinite far plane has no normal


def test_anchors_lie_along_the_axes_of_the_camera():
    rng = np.random.default_rng(5)
    store, _ = box_store(rng.uniform(-4000, 4000, (200, 3)) + (1e6, 0, 0))
    store.update()
    camera = pose(np.array([1e6, 3.0, 2.0]), rotation(rng, 1)[0])
    view = View(store)
    view.configure(camera, perspective(70, 1.6, 0.1))
    with pytest.raises(InvalidInput, match="cull"):
        view.gpu_anchors()
    cull([view])
    rows = view.gpu_anchors()
    expected = (store.anchors - camera[:3, 3]) @ (camera[:3, :3] * (1, 1, -1))
    assert rows.shape == (store.anchor_count, 12) and store.anchor_count > 10
    assert (np.abs(rows[:, :3] - expected) <= rows[:, 3:4] + 1e-9).all() and (rows[1:, 3] < 0.05).all()  # anchor 0 is 1e6 m away


def test_visible_blocks_are_the_words_that_are_not_zero():
    rng = np.random.default_rng(6)
    store, _ = box_store(rng.uniform(-200, 200, (5000, 3)))
    store.update()
    view = View(store)
    view.configure(np.eye(4), perspective(40, 1.6, 0.1))
    cull([view])
    words, blocks = view.visible, view.visible_blocks()
    assert blocks[:, 0].tolist() == np.flatnonzero(words).tolist() and 0 < len(blocks) < len(words)
    assert np.array_equal(blocks[:, 1] | blocks[:, 2].astype(np.uint64) << np.uint64(32), words[blocks[:, 0]])
    view.configure(pose(np.array([1e6, 0, 0]), np.eye(3)), perspective(40, 1.6, 0.1))
    cull([view])
    assert view.visible_blocks().shape == (0, 3)


def test_a_run_has_a_place_for_each_pair_of_slots_that_it_reaches_into():
    rng = np.random.default_rng(7)
    store, ids = box_store(rng.uniform(-50, 50, (4000, 3)))
    store.set_visible(ids[rng.random(4000) < 0.2], False)
    store.update()
    view = View(store)
    view.configure(np.eye(4), perspective(90, 1.6, 0.1))
    cull([view])
    draws = view.draw_list(np.array([[36, 0, 0]], np.uint32), alpha=1, merge=False)
    first, count = draws.commands[:, 4].astype(int), draws.commands[:, 1].astype(int)
    pairs = [len({slot // 2 for slot in range(a, a + n)}) for a, n in zip(first, count, strict=True)]
    assert len(pairs) > 100 and draws.places.tolist() == [0, *np.cumsum(pairs).tolist()]
    assert draws.places is draws.places and not draws.places.flags.writeable


def test_anchors_made_since_the_cull_are_not_read():
    """A group without draws may open an anchor, and the cull holds all the same: it knows the anchors of its time."""
    store, _ = box_store(np.zeros((3, 3)))
    store.update()
    view = View(store)
    view.configure(np.eye(4), perspective(60, 1.6, 0.1))
    cull([view])
    before = view.gpu_anchors()
    for number in range(1, 2_000):
        store.set_trs(store.add(0)[0], position=(1e4 * number, 0, 0))
    store.update()
    cull([view])
    assert store.anchor_count == 2_000 and np.array_equal(view.gpu_anchors(), before)
