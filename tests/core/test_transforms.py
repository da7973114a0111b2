"""World transforms: float64 reference, equal bits at every level, anchors, what is authored comes back."""

import numpy as np
import pytest
from core_model import box_store, levels, rotation
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metarender import InvalidInput
from metarender._core import TRANSFORM, Node, Store, fill_runs


def random_tree(rng, n, spread, level=None):
    """A store of n nodes with random parents and affine matrices; ids and parent rows."""
    store = Store(level=level)
    parent = [int(rng.integers(-1, k)) if k else -1 for k in range(n)]
    ids = []
    for up in parent:
        ids.append(int(store.add(0 if up < 0 else ids[up])[0]))
    matrix = np.tile(np.eye(4), (n, 1, 1))
    matrix[:, :3, :3] = rotation(rng, n) * rng.uniform(0.7, 1.3, size=(n, 1, 3))
    matrix[:, :3, 3] = rng.uniform(-spread, spread, size=(n, 3))
    store.set(ids, matrix=matrix)
    return store, ids, parent, matrix


def exact_world(parent, matrix):
    world = matrix.copy()
    world[:, :3, :3] = matrix[:, :3, :3].astype(np.float32)
    for k, up in enumerate(parent):
        if up >= 0:
            world[k] = world[up] @ world[k]
    return world


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1.0, 300.0, 2e4, 1e6]))
def test_world_transforms_equal_float64_and_every_level_the_same_bits(seed, spread):
    results = []
    for level in levels():
        store, ids, parent, matrix = random_tree(np.random.default_rng(seed), 120, spread, level)
        world = store.world_matrices(ids)
        results.append((world.tobytes(), store.anchors.tobytes()))
        expected = exact_world(parent, matrix)
        size = np.abs(expected[:, :3, :3]).max(axis=(1, 2))
        assert (np.abs(world[:, :3, :3] - expected[:, :3, :3]).max(axis=(1, 2)) / size).max() < 1e-5
        reach = spread * size.max() * 30
        assert np.abs(world[:, :3, 3] - expected[:, :3, 3]).max() < 1e-5 * reach
    assert all(r == results[0] for r in results)


def test_promise_4_far_boxes_have_the_rows_of_near_ones():
    """The same group, at the origin and far away, in multiples of 2^-10 m: the rows that the GPU reads are the same bytes."""
    rng = np.random.default_rng(5)
    local = np.round(rng.uniform(-100, 100, size=(500, 3)) * 1024) / 1024
    rows = []
    for place in ([0.0, 0, 0], [1e7, 2e6, -1e7], [6.4e6 + 0.125, 3.0, 1.0]):
        store, ids = box_store(np.zeros((1, 3)))
        group = int(ids[0])
        members = store.add(group, 500, leaf_range=True)
        store.set(members, position=local)
        store.set([group], position=[place])
        store.set_draws(members, [0], [0])
        store.settle()
        out = np.zeros((store.draw_slots, 12), np.float32)
        store.fill_rows(TRANSFORM, 0, store.draw_slots, out)
        live = np.isin(store.slot_ids, members)
        order = np.argsort(store.slot_ids[live])
        rows.append(out[live][order].tobytes())
        assert np.abs(store.world_matrices(members)[:, :3, 3] - (place + local)).max() < 1e-8
    assert rows[0] == rows[1] == rows[2]


def test_anchors_are_shared_by_cells_and_follow_with_hysteresis():
    store, ids = box_store(np.array([[600.0, 0, 0], [700, 0, 0], [1100, 0, 0], [10, 0, 0]]))
    store.update()
    anchors = [store.anchor_of(k) for k in ids.tolist()]
    assert anchors[0] == anchors[1] != anchors[2] and anchors[3] == 0
    assert store.anchors[anchors[0]].tolist() == [600, 0, 0]
    mover = Node(store, ids[3])
    for x, same in [(500, True), (900, True), (1020, True), (1030, False)]:
        mover.position = (x, 0, 0)
        assert (store.anchor_of(mover.id) == 0) is same
    mover.position = (600, 0, 0)
    assert store.anchor_of(mover.id) != 0  # comes back only within 512 m ...
    mover.position = (512, 0, 0)
    assert store.anchor_of(mover.id) == 0
    mover.position = (900, 0, 0)
    store.settle()
    assert store.anchor_of(mover.id) != 0  # ... and settling forgets the history


def test_anchors_that_nobody_uses_are_given_back():
    store, ids = box_store(np.zeros((1, 3)))
    node = Node(store, ids[0])
    for step in range(5000):
        node.position = (step * 2000.0, 0, 0)
        store.update()
    assert store.anchor_count <= 4


def test_a_group_moved_as_a_whole_keeps_the_bits_of_its_members():
    rng = np.random.default_rng(9)
    store, ids = box_store(np.zeros((1, 3)))
    members = store.add(int(ids[0]), 50, leaf_range=True)
    store.set(members, position=rng.uniform(-3000, 3000, size=(50, 3)))
    store.set_draws(members, [0], [0])
    group = Node(store, ids[0])
    seen = []
    for place in [(5e3, 0, 0), (1e6 + 0.1, -77.7, 3e5), (9e8, 1.5, 2.25)]:
        group.position = place
        store.settle()
        out = np.zeros((store.draw_slots, 12), np.float32)
        store.fill_rows(TRANSFORM, 0, store.draw_slots, out)
        order = np.argsort(store.slot_ids)
        seen.append(out[order].tobytes())
    assert seen[0] == seen[1] == seen[2]


def test_moving_one_node_updates_only_its_subtree():
    store = Store()
    top = store.add(0, 100).tolist()
    below = {k: store.add(k, 50) for k in top}
    store.update()
    for k, expected in [(top[7], 51), (int(below[top[3]][0]), 1)]:
        before = store.stats["nodes_updated"]
        Node(store, k).position = (1, 2, 3)
        store.update()
        assert store.stats["nodes_updated"] - before == expected
    before = store.stats
    store.update()
    assert store.stats == before


@settings(max_examples=200, deadline=None)
@given(arrays(np.float64, 4, elements=st.floats(-1, 1)), arrays(np.float64, 3, elements=st.floats(-1e3, 1e3)),
       arrays(np.float64, 3, elements=st.floats(1e-3, 1e3)))
def test_rotation_and_scale_come_back_as_they_were_authored(q, p, k):
    if np.linalg.norm(q) < 1e-3:
        return
    q = q / np.linalg.norm(q)
    store = Store()
    node = Node(store, store.add(0)[0])
    node.rotation, node.scale, node.position = q, k, p
    assert np.abs(node.rotation - q).max() < 1e-15
    assert node.scale.tolist() == k.tolist() and node.position.tolist() == p.tolist()
    node.matrix = node.matrix  # drops what was authored: from here on it is decomposed
    same = abs(abs(node.rotation @ q) - 1)
    assert same < 1e-5 and np.abs(node.scale / k - 1).max() < 1e-5


def test_mirrored_zero_and_sheared_matrices():
    store = Store()
    node = Node(store, store.add(0)[0])
    node.matrix = np.diag([-2.0, 3, 4, 1])
    assert node.scale.tolist() == [-2, 3, 4] and abs(node.rotation[3]) == pytest.approx(1)
    node.matrix = np.diag([1.0, 0, 0, 1])
    assert node.scale.tolist() == [1, 0, 0] and np.linalg.norm(node.rotation) == pytest.approx(1)
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    node.matrix = sheared
    with pytest.raises(InvalidInput, match="sheared"):
        _ = node.rotation
    with pytest.raises(InvalidInput, match="sheared"):
        node.scale = 2
    assert np.array_equal(node.matrix, sheared)


def test_setting_a_position_is_cheap_in_every_form():
    store = Store()
    node = Node(store, store.add(0)[0])
    for value in [(1, 2.5, 3), [1, 2.5, 3], np.array([1, 2.5, 3]), np.array([1, 2.5, 3], np.float32), range(3)]:
        node.position = value
        assert node.position.tolist() == [float(v) for v in value]


def test_two_updates_after_many_single_sets():
    """Unsorted single edits, nested subtrees among them, equal one bulk edit."""
    rng = np.random.default_rng(0)
    store, ids, parent, matrix = random_tree(rng, 400, 50.0)
    store.update()
    moved = rng.permutation(400)[:120]
    for k in moved:
        matrix[k, :3, 3] = rng.uniform(-50, 50, 3)
        Node(store, ids[k]).position = matrix[k, :3, 3]
    world = store.world_matrices(ids)
    assert np.abs(world - exact_world(parent, matrix)).max() < 1e-2
    other, other_ids, _, _ = random_tree(np.random.default_rng(0), 400, 50.0)
    other.set(other_ids, matrix=matrix)
    assert other.world_matrices(other_ids).tobytes() == world.tobytes()


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("seed", range(4))
def test_runs_of_neighbours_that_move_take_along_what_lies_below_them(level, seed):
    """Rows of slots marked at once or one by one, whose extents reach beyond the row, equal one bulk edit of a new store."""
    rng = np.random.default_rng(seed)
    store, ids, _, matrix = random_tree(rng, 500, 50.0, level)
    store.settle()
    order = store.subtree()
    row_of = {number: row for row, number in enumerate(ids)}
    for _ in range(12):
        start, count = int(rng.integers(0, 480)), int(rng.integers(1, 60))
        chosen = [int(number) for number in order[start:start + count] if int(number) in row_of]
        for number in chosen:
            matrix[row_of[number], :3, 3] = rng.uniform(-50, 50, 3)
        if rng.random() < 0.5:
            store.set(chosen, matrix=matrix[[row_of[number] for number in chosen]])
        else:
            for number in chosen:
                Node(store, number).position = matrix[row_of[number], :3, 3]
        store.update()
    other, other_ids, _, _ = random_tree(np.random.default_rng(seed), 500, 50.0, level)
    other.settle()
    other.set(other_ids, matrix=matrix)
    assert store.world_matrices(ids).tobytes() == other.world_matrices(other_ids).tobytes()


@pytest.mark.parametrize("level", levels())
def test_a_range_that_moves_marks_its_own_pages_and_fills_its_own_rows(level):
    """Most parts of a store move at once: their pages are told, those of the parts that stand are not, and the rows are theirs."""
    store = Store(level=level)
    for number in (0, 1):
        store.set_geometry(number, 0, (-1, -1, -1), (1, 1, 1))
        store.set_material(number, number << 19, number)
    rng = np.random.default_rng(3)
    place = np.tile(np.eye(4), (3000, 1, 1))
    place[:, :3, 3] = rng.uniform(-400, 400, (3000, 3))
    still, _ = store.add_parts(0, place[:1000], np.zeros(1000, np.uint32), np.zeros(1000, np.uint32))
    moving, number = store.add_parts(0, place[1000:], np.ones(2000, np.uint32), np.ones(2000, np.uint32))
    store.settle()
    seen, boxes = store.epoch, store.boxes.copy()
    place[1000:, :3, 3] += 5.0
    store.set_range(number, place[1000:].astype(np.float32))
    store.update()
    owner = np.asarray(store.slot_ids)
    runs = store.dirty_runs(TRANSFORM, seen)
    told = np.concatenate([np.arange(first, first + count) for first, count in runs.tolist()])
    assert np.isin(moving, owner[told]).all() and not np.isin(still, owner[told]).any()
    rows = np.empty((len(told), 3, 4), np.float32)
    fill_runs(store, TRANSFORM, runs, rows)
    world = store.world_matrices(moving)
    lookup = {int(identity): row for row, identity in enumerate(moving)}
    for identity, row in zip(owner[told].tolist(), rows, strict=True):
        if identity in lookup:
            expected = world[lookup[identity]][:3]
            assert np.array_equal(row[:, :3], expected[:, :3].astype(np.float32))
            assert np.abs(row[:, 3] + store.anchors - expected[:, 3]).max(axis=1).min() < 1e-3
    standing = np.isin(owner, still)
    assert np.array_equal(store.boxes[standing], boxes[standing]) and not np.array_equal(store.boxes, boxes)


@pytest.mark.parametrize("axis", (0, 1, 2))
def test_promise_2_levels_agree_about_when_a_moving_node_changes_its_anchor(axis):
    """Live moves around the keeping distance of 1,024 m, with children that follow: same anchors, same world rows."""
    rng = np.random.default_rng(axis)
    steps = np.cumsum(rng.uniform(-300, 420, 60))
    found = {}
    for level in levels():
        store = Store(level)
        mover = int(store.add(0)[0])
        children = store.add(mover, 3)
        store.set(children, position=[[0.1, 0.2, 0.3], [400.0, 0.0, 0.0], [0.0, 0.0, -900.0]])
        seen = []
        for step in steps:
            place = np.full(3, 0.7)
            place[axis] = step
            store.set([mover], position=[place])
            store.update()
            seen.append((store.anchors.copy(), store.world_matrices([mover, *children])))
        found[level] = seen
    assert max(len(anchors) for anchors, _ in found["base"]) > 2
    for seen in found.values():
        for (anchors, world), (base_anchors, base_world) in zip(seen, found["base"], strict=True):
            assert np.array_equal(anchors, base_anchors) and np.array_equal(world, base_world)


def frozen(values):
    array = np.array(values, dtype=np.float64)
    array.flags.writeable = False
    return array


def test_arrays_that_may_not_be_written_are_taken():
    """What the engine hands out read-only, such as the view of an edit block that has ended, must be good to hand back."""
    store, ids = box_store(np.zeros((4, 3)))
    store.set(ids, position=frozen(np.arange(12.0).reshape(4, 3)), scale=frozen(np.full((4, 3), 2.0)))
    assert np.array_equal(store.local_matrices(ids)[:, :3, 3], np.arange(12.0).reshape(4, 3))
    node = Node(store, ids[0])
    node.position, node.scale, node.rotation = frozen((1, 2, 3)), frozen((2, 2, 2)), frozen((0, 0, 0, 1))
    assert np.array_equal(node.position, (1, 2, 3)) and np.array_equal(node.scale, (2, 2, 2))
    view = store.begin_edit(store.range_of(ids[1]), "position")
    store.end_edit(store.range_of(ids[1]), "position", view)
    node.position = view[1]
    assert np.array_equal(node.position, (3, 4, 5))


@pytest.mark.parametrize("kind", [tuple, list, lambda values: np.array(values, dtype=object)], ids=["tuple", "list", "array"])
def test_numbers_beyond_any_float_are_refused_in_our_words(kind):
    vector = kind([10**400, 0, 0])
    store, ids = box_store(np.zeros((1, 3)))
    with pytest.raises(InvalidInput, match="position"):
        Node(store, ids[0]).position = vector
    with pytest.raises(InvalidInput, match="positions"):
        store.set(ids, position=[vector])
    with pytest.raises(InvalidInput, match="matrices"):
        store.set(ids, matrix=[[list(vector) + [0]] * 4])
