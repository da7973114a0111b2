"""Edit blocks, threads, and the mistakes that the core refuses."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import metarender as mr
from metarender import InvalidInput, ReleasedError, WrongThreadError
from metarender._core import Node, Store, View, as_matrix, as_quaternion, as_vector3, cull, simd_level


def ranged(n=4):
    store = Store()
    ids = store.add(0, n, leaf_range=True)
    return store, ids, store.range_of(int(ids[0]))


def edit(store, number, field, change):
    view = store.begin_edit(number, field)
    change(view)
    store.end_edit(number, field, view)


def test_edit_blocks_write_straight_into_the_store():
    store, ids, number = ranged()
    edit(store, number, "position", lambda v: v.__setitem__(slice(None), np.arange(12).reshape(4, 3)))
    edit(store, number, "linear", lambda v: v.__setitem__(slice(None), 2 * np.eye(3)))
    edit(store, number, "color", lambda v: v.__setitem__(slice(None), (10, 20, 30, 255)))
    assert store.world_matrices(ids)[3].tolist() == [[2, 0, 0, 9], [0, 2, 0, 10], [0, 0, 2, 11], [0, 0, 0, 1]]
    assert store.state_of(int(ids[2]))["color"].tolist() == [10, 20, 30, 255]
    matrix = np.tile(np.eye(4), (4, 1, 1))
    matrix[:, 0, 3] = [5, 6, 7, 8]
    edit(store, number, "matrix", lambda v: v.__setitem__(slice(None), matrix))
    assert np.array_equal(store.local_matrices(ids), matrix)


def test_one_edit_costs_one_pass_over_the_range():
    store, _, number = ranged(1000)
    store.update()
    before = store.stats["nodes_updated"]
    edit(store, number, "position", lambda v: v.fill(1))
    edit(store, number, "linear", lambda v: None)
    store.update()
    assert store.stats["nodes_updated"] - before == 1000


@pytest.mark.parametrize("field, bad, reset", [("position", np.nan, [0, 0, 0]), ("position", 1e16, [0, 0, 0]),
                                               ("linear", np.inf, np.eye(3).tolist())])
def test_rows_that_are_not_finite_are_named_and_reset(field, bad, reset):
    store, ids, number = ranged()
    edit(store, number, field, lambda v: v.__setitem__(slice(None), 3))
    with pytest.raises(InvalidInput, match=r"left 2 row\(s\) .* the first is row 1; those rows were reset"):
        edit(store, number, field, lambda v: v.__setitem__((slice(1, 3), 0), bad))
    view = store.begin_edit(number, field)
    assert view[1].tolist() == view[2].tolist() == reset and (view[0] == 3).all() and (view[3] == 3).all()
    store.end_edit(number, field, view)
    assert np.isfinite(store.world_matrices(ids)).all()


def test_a_bad_matrix_writes_nothing_back():
    store, ids, number = ranged()
    with pytest.raises(InvalidInput, match=r"last row of matrices must be \(0, 0, 0, 1\), got .* in row 2"):
        edit(store, number, "matrix", lambda v: v.__setitem__((slice(2, None), 3, 0), 1))
    assert np.array_equal(store.local_matrices(ids), np.tile(np.eye(4), (4, 1, 1)))


@pytest.mark.parametrize("call", [
    lambda s, k: s.add(0), lambda s, k: s.remove(k), lambda s, k: s.set_parent(k, 0), lambda s, k: s.settle()])
def test_topology_edits_inside_a_block_are_refused(call):
    store, ids, number = ranged()
    view = store.begin_edit(number, "position")
    with pytest.raises(InvalidInput, match="while an edit"):
        call(store, int(ids[0]))
    store.update()  # does not move rows
    store.end_edit(number, "position", view)
    call(store, int(ids[0]))


def run_in_thread(fn):
    caught = []

    def body():
        try:
            fn()
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return caught


def test_another_thread_inside_is_refused_and_a_finished_scene_may_be_handed_over():
    store, ids, number = ranged()
    node = Node(store, ids[0])
    calls = [lambda: store.add(0), lambda: setattr(node, "position", (1, 2, 3)), store.update, lambda: store.world_matrices(ids),
             lambda: View(store).configure(np.eye(4), np.eye(4)), lambda: node.remove()]
    view = store.begin_edit(number, "position")
    for call in calls:
        caught = run_in_thread(call)
        assert len(caught) == 1 and isinstance(caught[0], WrongThreadError) and "scene.post(fn)" in str(caught[0])
    store.end_edit(number, "position", view)
    assert run_in_thread(calls[1]) == [] and node.position.tolist() == [1, 2, 3]


def test_the_interpreter_lock_is_free_during_an_update():
    store = Store()
    ids = store.add(0, 300_000)
    ticks, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            ticks[0] += 1

    thread = threading.Thread(target=count)
    thread.start()
    try:
        seen = []
        for k in range(5):
            store.set(ids[:1], position=[[k, 0, 0]])
            before = ticks[0]
            store.settle()
            seen.append(ticks[0] - before)
    finally:
        stop.set()
        thread.join()
    assert max(seen) > 50


@pytest.mark.parametrize("value, kind, message", [
    ((1, 2), "position", r"position must have shape \(3,\)"),
    ((1, 2, np.nan), "position", "position must be finite"),
    ((1, 2, 1e300), "position", "position must be finite and within"),
    ("abc", "position", "must be numbers"),
    ((1, None, 2), "position", "must be 3 numbers"),
    (np.zeros((2, 3)), "position", r"shape \(3,\), got \(2, 3\)"),
    ((0, 0, 0, 0), "rotation", "length zero"),
    ((0, 0, 1), "rotation", r"rotation must have shape \(4,\)"),
    ((1, np.inf, 1), "scale", "scale must be finite"),
    (np.eye(3), "matrix", r"matrix must have shape \(4, 4\)"),
    (np.full((4, 4), np.nan), "matrix", "last row"),
    (np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [5, 6, 7, 1.0]]), "matrix", r"mr\.from_pyrr"),
    (np.diag([np.inf, 1, 1, 1]), "matrix", "matrix must be finite"),
    (-1, "layers", "layers must lie in"),
    (2**32, "layers", "layers must lie in"),
])
def test_values_a_node_refuses(value, kind, message):
    store = Store()
    node = Node(store, store.add(0)[0])
    before = node.matrix
    with pytest.raises(InvalidInput, match=message):
        setattr(node, kind, value)
    assert np.array_equal(node.matrix, before) and node.layers == 1


@pytest.mark.parametrize("kwargs, message", [
    ({"position": np.zeros((2, 3))}, r"positions must have shape \(3, 3\), got \(2, 3\)"),
    ({"position": np.full((3, 3), np.nan)}, "positions must be finite .* in row 0"),
    ({"rotation": np.array([[0, 0, 0, 1.0], [0, 0, 0, 0], [0, 0, 0, 1]])}, "rotation in row 1 is a quaternion of length zero"),
    ({"matrix": np.tile(np.eye(4), (3, 1, 1)), "scale": np.ones((3, 3))}, "either matrix"),
    ({"matrix": np.zeros((3, 4, 4))}, "last row of matrices"),
    ({"matrix": np.zeros((3, 3, 3))}, r"shape \(n, 4, 4\) or \(n, 3, 4\), got \(3, 3, 3\)"),
])
def test_bulk_values_are_refused_whole(kwargs, message):
    store = Store()
    ids = store.add(0, 3)
    store.set(ids, position=np.ones((3, 3)))
    before, epoch = store.local_matrices(ids), store.epoch
    with pytest.raises(InvalidInput, match=message):
        store.set(ids, **kwargs)
    assert np.array_equal(store.local_matrices(ids), before) and store.epoch == epoch


@pytest.mark.parametrize("ids, error, message", [
    ([99], ReleasedError, r"node id 99 \(row 0\) names no living node"),
    ([0], InvalidInput, "root of the scene"),
    ([-1], InvalidInput, "ids must lie in"),
    ([1.5], InvalidInput, "ids must be whole numbers"),
    (np.zeros((1, 1), np.uint32), InvalidInput, r"shape \(n,\)"),
])
def test_ids_that_are_refused(ids, error, message):
    store = Store()
    store.add(0)
    with pytest.raises(error, match=message):
        store.set(ids, position=np.zeros((1, 3)))


@pytest.mark.parametrize("count", [-1, 1.5, "3", 2**30])
def test_counts_that_are_refused(count):
    with pytest.raises(InvalidInput, match="count must be a whole number"):
        Store().add(0, count)


def test_the_root_and_foreign_parents_are_refused():
    store, other = Store(), Store()
    root, node = Node(store, 0), Node(store, store.add(0)[0])
    for change in (lambda: setattr(root, "position", (0, 0, 0)), root.remove, lambda: setattr(root, "visible", False)):
        with pytest.raises(InvalidInput, match="root"):
            change()
    for parent in (3, Node(other, other.add(0)[0])):
        with pytest.raises(InvalidInput, match="Node of the same scene"):
            node.parent = parent
    with pytest.raises(InvalidInput, match="belongs to no Scene"):
        _ = node.name


def test_pyrr_matrices_are_transposed_and_plain_ones_are_not():
    pyrr = pytest.importorskip("pyrr")
    store = Store()
    node = Node(store, store.add(0)[0])
    node.matrix = pyrr.Matrix44.from_translation([1, 2, 3])
    assert node.position.tolist() == [1, 2, 3]
    turn = pyrr.Matrix33.from_z_rotation(0.5)
    node.matrix = turn
    assert np.allclose(node.matrix[:3, :3], np.asarray(turn).T, atol=1e-7) and node.position.tolist() == [0, 0, 0]
    node.rotation = pyrr.Quaternion([0, 0, 2, 0])
    assert node.rotation.tolist() == [0, 0, 1, 0]
    node.position = pyrr.Vector3([4, 5, 6])
    assert node.position.tolist() == [4, 5, 6]
    rows = pyrr.matrix44.create_from_translation([7, 8, 9])
    with pytest.raises(InvalidInput, match=r"from_pyrr"):
        node.matrix = rows
    node.matrix = mr.from_pyrr(rows)
    assert node.position.tolist() == [7, 8, 9]


def test_conversions_give_arrays_of_their_own():
    given = np.eye(4)
    as_matrix(given)[0, 3] = 9
    vector = np.zeros(3)
    as_vector3(vector)[0] = 9
    assert given[0, 3] == 0 and vector[0] == 0
    assert as_quaternion((0, 0, 0, 5)).tolist() == [0, 0, 0, 1]
    with pytest.raises(InvalidInput, match="from_pyrr takes"):
        mr.from_pyrr(np.eye(2))


def python(code, **env):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | env, check=False)


def test_the_level_can_be_forced_and_unknown_ones_are_refused():
    code = "from metarender._core import simd_level; print(simd_level())"
    assert python(code, METARENDER_SIMD="base").stdout.strip() == "base"
    assert python(code, METARENDER_SIMD="").stdout.strip() in ("base", "avx2", "avx512")
    done = python(code, METARENDER_SIMD="avx9000")
    assert done.returncode == 1 and "METARENDER_SIMD is 'avx9000'; set it to 'base', 'avx2' or 'avx512'" in done.stderr
    with pytest.raises(InvalidInput, match="level must be"):
        Store(level="sse")
    assert simd_level() in ("base", "avx2", "avx512")


def test_cull_of_nothing_is_nothing():
    cull([])


def test_a_store_that_dies_frees_its_memory():
    def grow():
        store = Store()
        ids = store.add(0, 50_000)
        store.set_geometry(0, 1, (-1,) * 3, (1,) * 3)
        store.set_material(0, 0, 0)
        store.set_draws(ids, [0], [0])
        store.update()
        view = View(store)
        view.configure(np.eye(4), np.eye(4))
        cull([view])
        view.draw_list(np.array([[3, 0, 0]], np.uint32), alpha=1, merge=False)

    def resident():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * 4096

    for _ in range(3):
        grow()
    before = resident()
    for _ in range(20):
        grow()
    assert resident() - before < 8 * 2**20  # one leaked store would be 12 MB each


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_mass_removal_gives_memory_back_to_the_system():
    """Measured from outside, the second time round, when a heap would have learnt to keep what it gets back."""
    done = python("""
import numpy as np
from metarender._core import Store

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

matrices, zeros = np.tile(np.eye(4), (300_000, 1, 1)), np.ones(300_000, np.uint32) - 1
for _ in range(2):
    before, store = resident(), Store()
    store.set_geometry(0, 1, (-1,) * 3, (1,) * 3)
    store.set_material(0, 0, 0)
    ids = store.add_parts(0, matrices, zeros, zeros)[0]
    store.update()
    full, counted = resident() - before, sum(store.memory.values())
    store.remove_leaves(ids[3000:])
    store.update()
    few, kept = resident() - before, sum(store.memory.values())
    del store, ids
print(full, counted, few, kept, resident() - before)
""")
    assert done.returncode == 0, done.stderr
    full, counted, few, kept, none = map(int, done.stdout.split())
    assert counted <= 256 * 300_000 and abs(full - counted) <= 0.1 * counted, "what scene.memory says is what the process holds"
    assert kept <= counted / 20 and few <= full / 4 and none <= full / 4, (full, counted, few, kept, none)


def test_settling_gives_spare_room_back_and_the_scene_grows_on():
    """Fifty additions leave room for more; settled it goes, and later additions and removals find right rows."""
    rng = np.random.default_rng(8)
    store, expected = Store(), {}
    store.set_geometry(0, 1, (-1, -1, -1), (1, 1, 1))
    store.set_material(0, 0, 0)

    def add(count):
        matrices = np.tile(np.eye(4)[:3], (count, 1, 1))
        matrices[:, :, 3] = rng.uniform(-100, 100, (count, 3))
        ids, _ = store.add_parts(0, matrices, np.zeros(count, np.uint32), np.zeros(count, np.uint32))
        expected.update(zip(ids.tolist(), matrices[:, :, 3].tolist(), strict=True))

    for _ in range(50):
        add(4_200)
    store.update()
    before = sum(store.memory.values())
    store.settle()
    held = sum(store.memory.values())
    assert held < before * 0.95
    for step in range(12):
        add(500 * step + 1)
        gone = rng.choice(list(expected), 700, replace=False)
        store.remove_leaves(gone.astype(np.uint32))
        for number in gone.tolist():
            del expected[number]
        (store.settle if step % 3 == 2 else store.update)()
        ids = np.fromiter(expected, np.uint32)
        assert np.allclose(store.world_matrices(ids)[:, :3, 3], list(expected.values()), atol=1e-4)
    store.remove_leaves(np.fromiter(list(expected)[:170_000], np.uint32))
    store.settle()
    assert sum(store.memory.values()) < held * 0.8


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not list its mappings")
def test_a_block_stays_one_mapping_however_often_it_grows():
    """Growing moves pages; were each growth a mapping of its own, older systems could not move the block a second time."""
    store, seen = Store(), []
    for _ in range(24):
        store.add(0, 30_000, leaf_range=True)
        seen.append(Path("/proc/self/maps").read_text().count("\n"))
    assert max(seen[8:]) - seen[8] <= 8
