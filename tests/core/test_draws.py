"""Draw order, commands, rows and pages: against counting in Python, and the same whatever the history."""

import numpy as np
import pytest
from core_model import box_store, levels, perspective, pose, rotation, slots_of
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender import InvalidInput
from metarender._core import BATCH_DTYPE, INFO, STATE, STATE_DTYPE, TRANSFORM, DrawList, Node, Store, View, cull, radix_sort

OPAQUE, MASK, BLEND = 1, 2, 4
MIRRORED = 1 << 22


def varied(seed, n=2000, level=None, spread=300.0):
    """A store with 12 geometries, 9 materials of 3 alpha modes and 4 shading classes, nodes with 0 to 3 draws."""
    rng = np.random.default_rng(seed)
    store = Store(level=level)
    for g in range(12):
        store.set_geometry(g, 1 + (g % 2) * 4 + ((g == 11) << 16), (-0.5,) * 3, (0.5,) * 3)
    for m in range(9):
        store.set_material(m, (m % 3) << 19, m % 4)
    ids = store.add(0, n)
    matrix = np.tile(np.eye(4), (n, 1, 1))
    matrix[:, :3, :3] = rotation(rng, n) * rng.choice([1.0, -1.0], size=(n, 1, 1), p=[0.9, 0.1])
    matrix[:, :3, 3] = rng.uniform(-spread, spread, size=(n, 3))
    store.set(ids, matrix=matrix)
    draws = [[(int(rng.integers(12)), int(rng.integers(9))) for _ in range(rng.integers(4))] for _ in range(n)]
    for k, list_ in zip(ids.tolist(), draws, strict=True):
        store.set_draws([k], [g for g, _ in list_], [m for _, m in list_])
    store.update()
    return store, ids, draws, matrix


def ranges(n=12):
    out = np.zeros((n, 3), np.uint32)
    out[:, 0], out[:, 1], out[:, 2] = 36 + 3 * np.arange(n), 100 * np.arange(n), 7 * np.arange(n)
    return out


def wide_view(store, eye=(0.0, 0, 700.0), fov=100):
    view = View(store)
    view.configure(pose(np.array(eye), np.eye(3)), perspective(fov, 1.0, 0.1))
    cull([view])
    return view


def drawn(commands):
    """Draw slots in the order in which they are drawn."""
    return np.concatenate([np.arange(c[4], c[4] + c[1]) for c in commands.astype(np.int64)]) if len(commands) else np.zeros(0, np.int64)


def keys(store):
    """(geometry class, shading class) by draw slot, from what the tests set."""
    g, m = store.slot_geometry.astype(np.int64), store.slot_material.astype(np.int64)
    return np.stack([1 + (g % 2) * 4 + ((g == 11) << 16) | (m % 3) << 19, m % 4], axis=1)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([OPAQUE, MASK, BLEND, OPAQUE | MASK, 7]), st.booleans())
def test_commands_draw_exactly_the_visible_slots(seed, alpha, merge):
    store, _, _, _ = varied(seed, 600)
    view = wide_view(store, fov=50)
    table = ranges()
    lists = view.draw_list(table, alpha=alpha, merge=merge)
    slots = slots_of(store, view.visible)
    wanted = slots[(alpha >> ((keys(store)[slots, 0] >> 19) & 3)) & 1 == 1]
    got = drawn(lists.commands)
    assert got.tolist() == wanted.tolist()  # slot order, each once
    assert lists.instances == len(wanted)
    for count, instances, first, base, slot in lists.commands.tolist():
        geometry = store.slot_geometry[slot:slot + instances]
        assert (geometry == geometry[0]).all()
        assert [count, first, base] == table[geometry[0]].tolist()
    lines = store.slot_geometry[got] == 11
    assert lists.triangles == int((table[store.slot_geometry[got], 0] // 3)[~lines].sum())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_batches_hold_one_state_and_merge_over_shading_but_not_masks(seed, merge):
    store, _, _, _ = varied(seed, 800)
    lists = wide_view(store).draw_list(ranges(), alpha=7, merge=merge)
    assert lists.batches.dtype == BATCH_DTYPE and BATCH_DTYPE.itemsize == 32
    key, at, seen = keys(store), 0, set()
    for batch in lists.batches:
        assert batch["first"] == at and batch["count"] > 0
        at += int(batch["count"])
        slots = drawn(lists.commands[batch["first"]:at])
        assert batch["instances"] == len(slots)
        assert (key[slots, 0] == int(batch["geometry_class"]) & ~MIRRORED).all()
        masked = int(batch["geometry_class"]) >> 19 & 3 == 1
        if masked or not merge:
            assert (key[slots, 1] == batch["shading_class"]).all()
        state = (int(batch["geometry_class"]), int(batch["shading_class"]) if masked or not merge else -1)
        assert state not in seen  # each state is bound once
        seen.add(state)
    assert at == len(lists.commands)


def test_merging_saves_batches():
    store, _, _, _ = varied(1)
    view = wide_view(store)
    apart, joined = (view.draw_list(ranges(), alpha=7, merge=merge) for merge in (False, True))
    assert joined.instances == apart.instances and len(joined.batches) < len(apart.batches)


def test_mirrored_draws_have_their_own_class_and_a_sign_change_moves_them():
    store, ids, draws, matrix = varied(2)
    flipped = np.linalg.det(matrix[:, :3, :3]) < 0
    by_id = {k: flip for k, flip in zip(ids.tolist(), flipped, strict=True)}

    def check():
        lists = wide_view(store, fov=150).draw_list(ranges(), alpha=7, merge=False)
        for batch in lists.batches:
            slots = drawn(lists.commands[batch["first"]:batch["first"] + batch["count"]])
            assert {by_id[k] for k in store.slot_ids[slots].tolist()} == {bool(batch["geometry_class"] & MIRRORED)}

    check()
    node = next(k for k, d in zip(ids.tolist(), draws, strict=True) if d)
    m = store.local_matrices([node])[0]
    m[:3, :3] *= -1
    before = store.stats["resorts"]
    store.set_matrix(node, m)
    by_id[node] = not by_id[node]
    store.update()
    assert store.stats["resorts"] == before + 1
    check()


def test_a_run_of_equal_geometry_is_one_command():
    store, _ = box_store(np.array([[k * 0.01, 0, 0] for k in range(1000)]))
    store.update()
    lists = wide_view(store, (0, 0, 50)).draw_list(np.array([[36, 0, 0]], np.uint32), alpha=1, merge=False)
    assert lists.commands.tolist() == [[36, 1000, 0, 0, 0]] and lists.triangles == 12_000


def test_geometry_without_a_range_is_skipped():
    store, _, _, _ = varied(3, 300)
    table = ranges()
    table[4] = 0
    lists = wide_view(store).draw_list(table, alpha=7, merge=False)
    assert 4 not in store.slot_geometry[drawn(lists.commands)]
    assert lists.instances == lists.commands[:, 1].sum() == lists.batches["instances"].sum()
    short = wide_view(store).draw_list(table[:6].copy(), alpha=7, merge=False)
    assert store.slot_geometry[drawn(short.commands)].max() < 6


@pytest.mark.parametrize("place", [0.0, 1e7])
def test_sorted_lists_run_back_to_front_with_ties_by_id(place):
    rng = np.random.default_rng(4)
    depth = np.repeat(rng.uniform(1, 400, 200), 2)  # pairs at equal depth
    position = np.stack([rng.uniform(-1, 1, 400), rng.uniform(-1, 1, 400), -depth], axis=1)
    store = Store()
    store.set_geometry(0, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_geometry(1, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_material(0, 2 << 19, 0)
    store.set_material(1, 2 << 19, 1)
    ids = store.add(0, 400)
    store.set(ids, position=position + place)
    for k, number in enumerate(ids.tolist()):
        store.set_draws([number], [(k + k // 4) % 2], [(k // 2) % 2])  # of half the pairs the second has the lower slot
    store.update()
    view = View(store)
    view.configure(pose(np.full(3, place), np.eye(3)), perspective(90, 1, 0.1))
    cull([view])
    lists = view.draw_list(ranges(2), alpha=BLEND, merge=False, sort=True)
    slots = drawn(lists.commands)
    order = store.slot_ids[slots].astype(np.int64) - 1
    assert sorted(order.tolist()) == list(range(400))
    seen = (np.float64(depth[order]) * 1e3).round()
    assert (np.diff(seen) <= 1).all()
    ties = np.flatnonzero(np.diff(depth[order]) == 0)
    assert len(ties) == 200 and (np.diff(order)[ties] > 0).all() and (np.diff(slots.astype(np.int64))[ties] < 0).sum() == 100
    assert lists.instances == 400 and lists.batches["count"].sum() == len(lists.commands)


def test_neighbours_in_a_sorted_list_join():
    store = Store()
    store.set_geometry(0, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_material(0, 2 << 19, 0)
    ids = store.add(0, 50)
    store.set(ids, position=[(0, 0, -100.0)] * 50)
    store.set_draws(ids, [0], [0])
    store.update()
    lists = wide_view(store, (0, 0, 0)).draw_list(ranges(1), alpha=BLEND, merge=False, sort=True)
    assert len(lists.commands) == 1 and lists.instances == 50


def test_nothing_changed_gives_the_same_list_and_a_change_another():
    store, _, _, _ = varied(5, 200)
    view, table = wide_view(store), ranges()
    first = view.draw_list(table, alpha=1, merge=False)
    view.configure(pose(np.array([0.0, 0, 700]), np.eye(3)), perspective(100, 1.0, 0.1))
    store.update()
    cull([view])
    assert view.draw_list(table, alpha=1, merge=False) is first
    assert view.draw_list(table, alpha=1, merge=True) is not first
    assert view.draw_list(table.copy(), alpha=1, merge=False) is not first
    Node(store, int(store.slot_ids[0])).position = (1, 1, 1)
    store.update()
    cull([view])
    assert view.draw_list(table, alpha=1, merge=False).version > first.version
    with pytest.raises(ValueError, match="read-only"):
        first.commands[0] = 0
    with pytest.raises(TypeError, match=r"View\.draw_list"):
        DrawList()


def snapshot(store):
    """Everything a renderer would upload, by draw slot."""
    store.settle()
    parts = [store.slot_ids & 0xFFFFFF, store.slot_geometry, store.slot_material, store.block_live, store.boxes, store.anchors]
    for kind, size in ((TRANSFORM, 48), (STATE, 16)):
        out = np.zeros(store.draw_slots * size, np.uint8)
        store.fill_rows(kind, 0, store.draw_slots, out)
        parts.append(out)
    view = wide_view(store)
    parts += [view.visible, view.draw_list(ranges(), alpha=7, merge=False).commands,
              view.draw_list(ranges(), alpha=7, merge=True, sort=True).commands]
    return [np.asarray(p).tobytes() for p in parts]


@pytest.mark.parametrize("spread", [300.0, 5000.0])
def test_promise_3_settled_order_does_not_know_the_history(spread):
    store, _, draws, matrix = varied(6, 700, spread=spread)
    expected = snapshot(store)
    rng = np.random.default_rng(1)
    other = Store()
    for m in reversed(range(9)):
        other.set_material(m, (m % 3) << 19, m % 4)
    for g in range(12):
        other.set_geometry(g, 1 + (g % 2) * 4 + ((g == 11) << 16), (-0.5,) * 3, (0.5,) * 3)
    again = other.add(0, 700)
    for k in rng.permutation(700).tolist():  # other order of edits, detours, moves to and fro
        other.set([again[k]], position=rng.uniform(-1e5, 1e5, size=(1, 3)))
        if k % 5 == 0:
            other.update()
        other.set_draws([again[k]], [1, 2], [0, 3])
    for k in rng.permutation(700).tolist():
        other.set_draws([again[k]], [g for g, _ in draws[k]], [m for _, m in draws[k]])
        other.set([again[k]], matrix=matrix[k:k + 1])
        if k % 50 == 0:
            other.update()
    extra = other.add(int(again[0]), 30)
    other.set_draws(extra, [0], [0])
    other.update()
    for k in extra.tolist():
        other.remove(k)
    assert snapshot(other) == expected
    assert snapshot(other) == expected


def test_promise_3_every_level_gives_the_same_rows_boxes_and_commands():
    results = [snapshot(varied(7, 1500, level, 3000.0)[0]) for level in levels()]
    assert all(r == results[0] for r in results)


def many_shapes(level, n=900):
    """Draws whose neighbours have other geometries, other shapes and other handedness; a third of them single moves."""
    rng = np.random.default_rng(11)
    store = Store(level=level)
    lower = rng.uniform(-3, 0, size=(7, 3))
    upper = lower + rng.uniform(0, 4, size=(7, 3)) * rng.integers(0, 2, size=(7, 3))
    for g in range(7):
        store.set_geometry(g, 1, tuple(lower[g]), tuple(upper[g]))
    store.set_material(0, 0, 0)
    roots = store.add(0, 3)
    ids = np.concatenate([store.add(int(root), n // 3) for root in roots])
    for k in ids.tolist():
        store.set_draws([k], [int(rng.integers(7))], [0])
    for mirrored in (0.0, 0.3, 0.6):
        matrix = np.tile(np.eye(4), (n, 1, 1))
        hand = rng.choice([1.0, -1.0], size=(n, 1, 1), p=[1 - mirrored, mirrored])
        matrix[:, :3, :3] = rotation(rng, n) * 10 ** rng.uniform(-3, 3, size=(n, 1, 3)) * hand
        matrix[:, :3, 3] = rng.uniform(-400, 400, size=(n, 3))
        store.set(ids, matrix=matrix)
        store.update()
    for k in ids[::3].tolist():
        Node(store, k).position = tuple(rng.uniform(-400, 400, size=3))
    store.update()
    return store, lower, upper


def test_promise_2_boxes_of_mixed_neighbours_are_the_formula_at_every_level():
    results = []
    for level in levels():
        store, lower, upper = many_shapes(level)
        rows = np.zeros((store.draw_slots, 12), np.float32)
        store.fill_rows(TRANSFORM, 0, store.draw_slots, rows)
        live = store.slot_ids != 0
        r = rows[live].reshape(-1, 3, 4)
        x, y, z = (0.5 * lower + 0.5 * upper).astype(np.float32)[store.slot_geometry[live]].T[..., None]
        centre = (r[..., 0] * x + r[..., 1] * y) + (r[..., 2] * z + r[..., 3])
        assert (centre == store.boxes[live, :3]).all()
        info = np.zeros((store.draw_slots, 4), np.uint32)
        store.fill_rows(INFO, 0, store.draw_slots, info)
        assert (((info[live, 2] >> 24) & 1 == 1) == (np.linalg.det(r[..., :3].astype(float)) < 0)).all()
        results.append((store.boxes.tobytes(), rows.tobytes(), info.tobytes()))
    assert len(results[0][0]) > 900 * 24 and all(r == results[0] for r in results)


def test_what_moves_as_a_whole_is_marked_once_and_what_stays_is_not():
    store, roots = Store(), None
    store.set_geometry(0, 1, (-1,) * 3, (1,) * 3)
    store.set_material(0, 0, 0)
    roots = store.add(0, 3)
    ids = [store.add(int(root), 640, leaf_range=True) for root in roots]
    for k, part in enumerate(ids):
        store.set(part, position=np.random.default_rng(k).uniform(-9, 9, size=(640, 3)) + (300 * k, 0, 0))
        store.set_draws(part, [0], [0])
    store.settle()
    for moved in ([0, 1, 2], [0, 1], [2], [0, 2]):
        since, before = store.epoch, store.stats
        for k in moved:
            Node(store, int(roots[k])).position = (0, 1, 0)
        store.update()
        runs = store.dirty_runs(TRANSFORM, since)
        pages = {p for first, count in runs.tolist() for p in range(first // 64, (first + count) // 64)}
        wanted = {int(at) // 64 for k in moved for at in np.flatnonzero(np.isin(store.slot_ids, ids[k]))}
        assert store.stats["draws_refit"] - before["draws_refit"] == 640 * len(moved)
        assert wanted <= pages and len(pages - wanted) <= 1  # a gap of one page may be bridged


@pytest.mark.parametrize("level", levels())
def test_hiding_and_moving_in_one_update(level):
    """The move computes visibility too, whatever else is marked."""
    store = Store(level=level)
    store.set_geometry(0, 1, (-1,) * 3, (1,) * 3)
    store.set_material(0, 0, 0)
    group = int(store.add(0)[0])
    store.set_draws(store.add(group, 300), [0], [0])
    store.update()
    for shown, count in ((False, 0), (True, 300), (False, 0)):
        Node(store, group).visible = shown
        Node(store, group).position = (0, 0, float(shown))
        store.update()
        assert wide_view(store).visible_count == count


def test_order_is_class_then_shading_and_buckets_start_at_blocks():
    store, _, _, _ = varied(8, 3000)
    key, live = keys(store), store.slot_ids != 0
    starts = [i for i in np.flatnonzero(live) if i == 0 or not live[i - 1] or (key[i] != key[i - 1]).any()]
    new_class = [i for i in starts if i == 0 or not live[i - 1]]
    assert all(i % 64 == 0 for i in new_class) and len(new_class) == store.bucket_count
    plain = [key[i, 0] for i in new_class]
    assert len(set(plain)) > 3
    assert store.draw_slots % 64 == 0 and np.count_nonzero(live) == store.draw_count


def test_rows_hold_matrix_info_and_state():
    store, ids = box_store(np.array([[600.0, 1, 2], [3, 4, 5]]), np.array([np.eye(3), -np.eye(3)], np.float32))
    row = np.zeros(1, STATE_DTYPE)
    row["color"], row["flags"], row["value"], row["user"] = (1, 2, 3, 4), 5, 6.5, 7
    store.set_state(ids[:1], row)
    store.update()
    n = store.draw_slots
    transform, info, state = np.zeros((n, 3, 4), np.float32), np.zeros((n, 4), np.uint32), np.zeros(n, STATE_DTYPE)
    for kind, out in ((TRANSFORM, transform), (INFO, info), (STATE, state)):
        store.fill_rows(kind, 0, n, out)
    at = {int(k): i for i, k in enumerate(store.slot_ids) if k}
    first, second = at[int(ids[0])], at[int(ids[1])]
    assert transform[first].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]  # the first node of its cell is its origin
    assert transform[second].tolist() == [[-1, 0, 0, 3], [0, -1, 0, 4], [0, 0, -1, 5]]
    assert info[first].tolist() == [ids[0], 0, store.anchor_of(ids[0]), 0]
    assert info[second].tolist() == [ids[1], 0, 0 | 1 << 24, 0]
    assert state[first] == row[0] == store.state_of(ids[0]) and state[second]["flags"] == 0
    assert not transform[np.setdiff1d(np.arange(n), [first, second])].any()


def test_dirty_runs_say_which_pages_changed():
    store, _ = box_store(np.array([[float(k), 0, 0] for k in range(1000)]))
    store.update()
    assert store.dirty_runs(TRANSFORM, 0).tolist() == [[0, 1024]]
    seen = store.epoch
    assert all(len(store.dirty_runs(kind, seen)) == 0 for kind in (TRANSFORM, INFO, STATE))
    store.update()
    assert store.epoch == seen
    slot = {int(k): i for i, k in enumerate(store.slot_ids) if k}
    mover = int(store.slot_ids[300])
    Node(store, mover).position = (1, 1, 1)
    store.update()
    assert store.dirty_runs(TRANSFORM, seen).tolist() == [[256, 64]]
    assert len(store.dirty_runs(INFO, seen)) == len(store.dirty_runs(STATE, seen)) == 0
    seen = store.epoch
    store.set_state([mover], np.zeros(1, STATE_DTYPE))
    store.update()
    assert store.dirty_runs(STATE, seen).tolist() == [[256, 256]] and len(store.dirty_runs(TRANSFORM, seen)) == 0
    seen = store.epoch
    store.set([int(store.slot_ids[k]) for k in (0, 128, 640)], position=np.ones((3, 3)))  # pages 0 and 2 are bridged
    store.update()
    assert store.dirty_runs(TRANSFORM, seen).tolist() == [[0, 192], [640, 64]]
    seen = store.epoch
    Node(store, mover).position = (5000, 1, 1)  # another anchor
    store.update()
    assert store.dirty_runs(INFO, seen).tolist() == [[slot[mover] // 256 * 256, 256]]
    seen = store.epoch
    store.set_visible([mover], False)
    store.update()
    assert store.epoch > seen and all(len(store.dirty_runs(kind, seen)) == 0 for kind in (TRANSFORM, INFO, STATE))


def test_moving_refits_boxes_without_a_new_order():
    rng = np.random.default_rng(1)
    store, ids = box_store(rng.uniform(-50, 50, size=(5000, 3)))
    store.update()
    before = store.stats
    position = store.local_matrices(ids[:100])[:, :3, 3] + rng.uniform(-1, 1, size=(100, 3))
    store.set(ids[:100], position=position)
    store.update()
    assert store.stats["resorts"] == before["resorts"] and store.stats["draws_refit"] - before["draws_refit"] == 100
    by_id = dict(zip(store.slot_ids.tolist(), store.boxes, strict=True))
    centre = np.array([by_id[k][:3] for k in ids[:100].tolist()])
    half = np.array([by_id[k][3:] for k in ids[:100].tolist()])
    assert np.abs(centre - position).max() < 1e-4 and (half >= 0.5).all() and (half < 0.5006).all()


def test_promise_2_boxes_are_wider_than_geometries_by_what_is_rounded():
    """Half extents are at least the geometry's and ten units of rounding, as bounds.c derives; at an anchor nothing else adds to them."""
    store, unit = Store(), 2.0**-24
    for index, half in enumerate((0.1, 1 / 3, 7.7, 123.456)):
        store.set_geometry(index, 1, (-half,) * 3, (half,) * 3)
        store.set_material(index, 0, 0)
        store.set_draws(store.add(0, 1), [index], [index])
    store.update()
    boxes = dict(zip(store.slot_geometry.tolist(), store.boxes.astype(np.float64), strict=True))
    for index, half in enumerate((0.1, 1 / 3, 7.7, 123.456)):
        assert (boxes[index][3:] >= half * (1 + 10 * unit)).all() and (boxes[index][3:] <= half * (1 + 32 * unit)).all()


def test_sheared_rotated_boxes_contain_their_corners():
    rng = np.random.default_rng(2)
    linear = rng.normal(size=(500, 3, 3)).astype(np.float32)
    position = rng.uniform(-400, 400, size=(500, 3))
    store, ids = box_store(position, linear)
    store.update()
    by_id = dict(zip(store.slot_ids.tolist(), store.boxes.astype(np.float64), strict=True))
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    for k, number in enumerate(ids.tolist()):
        points = position[k] + corners @ linear[k].astype(np.float64).T
        box = by_id[number]
        assert (points >= box[:3] - box[3:]).all() and (points <= box[:3] + box[3:]).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 5, 33, 1000, 5000]), st.sampled_from([7, 11, 30, 64]))
def test_radix_sort_is_stable_and_equals_numpy(seed, n, bits):
    rng = np.random.default_rng(seed)
    keys_ = rng.integers(0, 2**min(bits + 2, 63), size=n, dtype=np.uint64) >> np.uint64(rng.integers(0, min(bits, 20)))
    mask = np.uint64(2**bits - 1 if bits < 64 else 2**64 - 1)
    got, values = radix_sort(keys_, np.arange(n), bits)
    order = np.argsort(keys_ & mask, kind="stable")
    assert values.tolist() == order.tolist() and (got == keys_[order]).all()


def test_a_material_that_changes_class_moves_its_draws():
    store, _, _, _ = varied(9, 300)
    before = wide_view(store).draw_list(ranges(), alpha=BLEND, merge=False).instances
    used = np.count_nonzero((store.slot_material == 0) & (store.slot_ids != 0))
    store.set_material(0, 2 << 19, 0)
    store.update()
    assert wide_view(store).draw_list(ranges(), alpha=BLEND, merge=False).instances == before + used > before


def test_descriptions_that_lose_their_last_draw_are_reported_once():
    store, ids, _, _ = varied(10, 50)
    store.take_idle()
    store.remove(int(ids[0]))
    for k in ids[1:].tolist():
        store.set_draws([k], [], [])
    geometries, materials = store.take_idle()
    assert set(geometries) <= set(range(12)) and len(geometries) > 5 and len(materials) == 9
    assert store.take_idle() == ([], []) and store.draw_count == 0
    store.update()
    assert store.draw_slots == 0 and store.bounds() is None


def test_bad_calls_are_refused():
    store, ids = box_store(np.zeros((3, 3)))
    store.update()
    out = np.zeros((64, 12), np.float32)
    with pytest.raises(InvalidInput, match="needs 3072 bytes for 64 rows, got 16"):
        store.fill_rows(TRANSFORM, 0, 64, bytearray(16))
    with pytest.raises(InvalidInput, match="outside the 64 rows"):
        store.fill_rows(TRANSFORM, 1, 64, out)
    with pytest.raises(InvalidInput, match="kind must be"):
        store.fill_rows(5, 0, 1, out)
    with pytest.raises(InvalidInput, match="equal lengths"):
        store.set_draws(ids, [0, 1], [0])
    with pytest.raises(InvalidInput, match="exceed upper"):
        store.set_geometry(0, 1, (1, 0, 0), (0, 1, 1))
    with pytest.raises(InvalidInput, match="lower bounds must be finite"):
        store.set_geometry(0, 1, (np.nan, 0, 0), (0, 1, 1))
    with pytest.raises(InvalidInput, match="24 bits"):
        store.set_material(0, 1 << 24, 0)
    with pytest.raises(InvalidInput, match="ranges must be"):
        wide_view(store).draw_list(np.zeros((1, 3)), alpha=1, merge=False)
