"""A store as rows and back: ids with their generations, order, ranges and everything that nodes carry; rows that cannot be are refused."""

import numpy as np
import pytest
from core_model import levels
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender._core import AS_GIVEN, ROW_ARRAYS, SHEARED, Node, Store, read_rows, read_trs, restore_rows
from metarender.errors import InvalidInput


def described(store: Store) -> Store:
    for k in range(3):
        store.set_geometry(k, k, (-1.0 - k,) * 3, (1.0 + k,) * 3)
        store.set_material(k, 0, k)
    return store


def edited(edits: list[tuple[int, int, int]], level: str | None = None) -> Store:
    """A store after random edits: nodes added, removed, moved to other parents; ranges; draws, state, layers, visibility, far places."""
    store, rng = described(Store(level=level)), np.random.default_rng(len(edits))
    for what, a, b in edits:
        ids = store.subtree()
        pick, other = (int(ids[k % len(ids)]) if len(ids) else 0 for k in (a, b))
        if what == 0:
            store.add(pick if b % 2 else 0, 1 + b % 3)
        elif what == 1:
            new = store.add(pick if a % 2 else 0, 1 + b % 5, leaf_range=True)
            store.set_draws(new, [a % 3], [b % 3])
        elif pick == 0:
            continue
        elif what == 2:
            store.remove(pick)
        elif what == 3:
            try:
                store.set_parent(pick, other)
            except InvalidInput:  # a cycle
                continue
        elif what == 4:
            place, turn, scale = rng.normal(size=3) * 10.0 ** (a % 5), rng.normal(size=4), rng.uniform(0.1, 2, 3)
            store.set([pick], position=[place], rotation=[turn], scale=[scale])
        elif what == 5:
            store.set_draws([pick], [a % 3, b % 3][: a % 3], [b % 3, a % 3][: a % 3])
        elif what == 6:
            store.set_state([pick], (tuple(rng.integers(0, 255, 4)), a, b / 7, b))
        elif what == 7:
            store.set_layers([pick], a)
        elif what == 8:
            store.set_visible([pick], False)
    return store


def image(store: Store) -> list[bytes]:
    """Everything derived that pictures are made of."""
    store.settle()
    ids = store.subtree()
    return [ids.tobytes(), store.slot_ids.tobytes(), store.slot_geometry.tobytes(), store.block_live.tobytes(), store.boxes.tobytes(),
            store.anchors.tobytes(), store.world_matrices(ids).tobytes(), store.states_of(ids).tobytes(),
            store.ranges_of(ids).astype(bool).tobytes()]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 1000), st.integers(0, 1000)), max_size=60), st.sampled_from(levels()))
def test_a_store_of_rows_is_the_store_that_they_were_read_from(edits, level):
    store, twin = edited(edits, level), described(Store(level=level))
    rows = read_rows(store)
    restore_rows(twin, rows)
    again = read_rows(twin)
    assert {name: (array.dtype.str, array.tobytes()) for name, array in again.items()} == {
        name: (np.dtype(ROW_ARRAYS[name][0]).str, array.tobytes()) for name, array in rows.items()}
    assert image(twin) == image(store)
    for number in store.subtree().tolist():
        assert twin.parent_of(number) == store.parent_of(number) and twin.children_of(number).tolist() == store.children_of(number).tolist()
    assert [twin.range_ids(k).tolist() for k in twin.range_numbers] == sorted(
        (store.range_ids(k).tolist() for k in store.range_numbers), key=lambda ids: store.subtree().tolist().index(ids[0]))


def test_a_restored_store_goes_on_like_any_other():
    store = edited([(0, 0, 5), (1, 0, 4), (2, 1, 0), (0, 1, 2), (1, 1, 1), (2, 0, 0), (0, 0, 1)])
    twin = described(Store())
    restore_rows(twin, read_rows(store))
    before = twin.subtree()
    fresh = twin.add(int(before[0]), 5)
    assert len(np.intersect1d(fresh & 0xFFFFFF, before & 0xFFFFFF)) == 0
    twin.set_draws(fresh, [1], [1])
    twin.remove(int(before[-1]))
    assert int(before[-1]) not in twin.subtree() and image(twin)


def test_generations_and_gaps_come_back():
    store = described(Store())
    for _ in range(300):  # the generation goes round and is 44 then
        store.remove(int(store.add(0)[0]))
    kept = store.add(0, 200)
    store.remove_leaves(kept[1:191])
    twin = described(Store())
    restore_rows(twin, read_rows(store))
    assert twin.subtree().tolist() == [kept[0], *kept[191:]] and int(kept[0]) == 1 | 44 << 24
    assert not twin.is_alive(1) and not twin.is_alive(int(kept[1]))


def sound() -> dict[str, np.ndarray]:
    """A node with two children, then a range of three parts."""
    store = described(Store())
    top = int(store.add(0)[0])
    store.add(top, 2)
    store.set_draws(store.add(0, 3, leaf_range=True), [0], [1])
    return read_rows(store)


def put(name, row, value):
    def change(rows):
        rows[name][row] = value
    return change


def replaced(name, array):
    return lambda rows: rows.update({name: array})


@pytest.mark.parametrize("change, words", [
    (put("id", 0, 0), "differ in their low 24 bits"), (put("id", 1, 0x05000001), "differ in their low 24 bits"),
    (put("id", 1, 0x07000000), "differ in their low 24 bits"), (put("parent", 0, 0), "row 0 has the parent 0"),
    (put("parent", 1, 5), "row 1"), (put("parent", 1, -2), "row 1 has the parent -2"), (put("parent", 5, 0), "row 5 has the parent 0"),
    (put("visible", 2, 2), "visible"), (put("position", 1, np.nan), "positions"), (put("position", 1, 2e15), "positions"),
    (put("linear", 2, np.inf), "linear parts"), (put("value", 3, np.nan), "value"), (put("draws", 3, 2), "add up to 4"),
    (put("draws", 3, 0xFFFFFFFF), "add up to"), (put("geometry", 0, 1 << 24), "geometry indices"),
    (put("material", 2, 1 << 24), "material indices"), (put("range", 0, (3, 4)), "within the rows"),
    (put("range", 0, (3, 0)), "have members"), (put("range", 0, (2, 2)), "leaves below one parent"),
    (put("range", 0, (0, 1)), "leaves below one parent"), (put("range", 0, (0xFFFFFFFF, 2)), "within the rows"),
    (replaced("range", np.array([[3, 2], [4, 2]], np.uint32)), "follow each other"),
    (replaced("layers", np.zeros(5, np.uint32)), "layers has 5 rows where 6"),
    (replaced("flags", np.zeros(6, np.int32)), "flags must be an array"),
    (replaced("color", np.zeros((6, 3), np.uint8)), "color must be"), (lambda rows: rows.pop("user"), "got nothing"),
    (replaced("linear", np.zeros((6, 9), np.float32)), "linear must be"),
])
def test_promise_6_rows_that_cannot_be_are_refused_and_nothing_is_filled(change, words):
    rows, store = sound(), described(Store())
    change(rows)
    with pytest.raises(InvalidInput, match=words):
        restore_rows(store, rows)
    assert store.node_count == 0
    restore_rows(store, sound())
    assert store.node_count == 6


def test_only_a_new_store_is_filled():
    store = described(Store())
    restore_rows(store, sound())
    with pytest.raises(InvalidInput, match="new store"):
        restore_rows(store, sound())


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 999), st.integers(0, 999)), max_size=40), st.integers(0, 99))
def test_rotations_and_scales_of_all_nodes_are_those_of_each(edits, seed):
    store, rng = edited(edits), np.random.default_rng(seed)
    first, last = store.add(0, 2).tolist()
    store.set_trs(first, rotation=(0, 0.6, 0, 0.8))
    store.set_matrix(last, np.vstack([rng.normal(size=(3, 4)), (0, 0, 0, 1)]))
    rotation, scale, kind = read_trs(store)
    for row, number in enumerate(store.subtree().tolist()):
        if kind[row] == SHEARED:
            with pytest.raises(InvalidInput, match="shear"):
                _ = Node(store, number).rotation
        else:
            assert rotation[row].tobytes() == Node(store, number).rotation.tobytes()
            assert scale[row].tobytes() == Node(store, number).scale.tobytes()
    assert (kind[-2], kind[-1]) == (AS_GIVEN, SHEARED)
