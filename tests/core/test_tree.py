"""Ids, handles and the tree: random edits against a naive model, reuse of ids, depth, ranges."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender import InvalidInput, ReleasedError
from metarender._core import Node, Store


class Model:
    """Dictionaries of parents, ordered children and local matrices."""

    def __init__(self):
        self.parent, self.children, self.local = {}, {0: []}, {}

    def add(self, ids, parent):
        for k in ids:
            self.parent[k], self.children[k], self.local[k] = parent, [], np.eye(4)
            self.children[parent].append(k)

    def below(self, top):
        out, stack = [], [top]
        while stack:
            k = stack.pop()
            out.append(k)
            stack.extend(reversed(self.children[k]))
        return out

    def remove(self, k):
        gone = self.below(k)
        self.children[self.parent[k]].remove(k)
        for g in gone:
            del self.parent[g], self.children[g], self.local[g]
        return gone

    def move(self, k, to):
        if to in self.below(k):
            return False
        self.children[self.parent[k]].remove(k)
        self.parent[k] = to
        self.children[to].append(k)
        return True

    def world(self, k):
        m = self.local[k]
        while self.parent[k]:
            k = self.parent[k]
            m = self.local[k] @ m
        return m


def check(store, model):
    order = model.below(0)[1:]
    assert store.node_count == len(order)
    assert store.slot_order().tolist() == order == store.subtree().tolist()
    for k in order:
        assert store.parent_of(k) == model.parent[k]
        assert store.children_of(k).tolist() == model.children[k]
    if order:
        world = store.world_matrices(order)
        expected = np.array([model.world(k) for k in order])
        scale = np.abs(expected).max(axis=(1, 2), keepdims=True) + 1
        assert (np.abs(world - expected) / scale).max() < 1e-4


EDITS = st.lists(st.tuples(st.sampled_from(["add", "add", "add", "many", "remove", "move", "place", "matrix", "update"]),
                           st.integers(0, 2**31)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(EDITS)
def test_random_edits_equal_a_naive_model(edits):
    store, model, dead = Store(), Model(), []
    for what, seed in edits:
        pick = random.Random(seed)
        alive = list(model.parent)
        any_node = pick.choice([0, *alive])
        if what in ("add", "many"):
            ids = store.add(any_node, 1 if what == "add" else pick.randint(0, 5)).tolist()
            assert not set(ids) & (set(alive) | set(dead))
            model.add(ids, any_node)
        elif what == "update":
            check(store, model)
        elif alive:
            node = pick.choice(alive)
            if what == "remove":
                gone = model.remove(node)
                assert store.remove(node).tolist() == gone
                dead += gone
            elif what == "move":
                if model.move(node, any_node):
                    store.set_parent(node, any_node)
                else:
                    with pytest.raises(InvalidInput, match="cannot become a child of itself"):
                        store.set_parent(node, any_node)
            elif what == "place":
                p = [pick.uniform(-2000, 2000) for _ in range(3)]
                store.set([node], position=[p])
                model.local[node][:3, 3] = p
            else:
                m = np.eye(4)
                m[:3] = np.array([pick.uniform(-1, 1) for _ in range(12)]).reshape(3, 4).astype(np.float32)
                store.set_matrix(node, m)
                model.local[node] = m
    check(store, model)
    for k in dead:
        with pytest.raises(ReleasedError, match="names no living node"):
            store.parent_of(k)


def test_a_hundred_thousand_levels_need_no_recursion():
    store = Store()
    node, chain = 0, []
    for _ in range(100_000):
        node = int(store.add(node)[0])
        chain.append(node)
    store.set(chain, position=np.tile([0.0, 2.0**-10, 0.0], (100_000, 1)))
    store.update()
    assert store.world_matrices([chain[-1]])[0, 1, 3] == 100_000 / 1024
    with pytest.raises(InvalidInput, match="its own descendant"):
        store.set_parent(chain[0], chain[-1])
    store.set_parent(chain[50_000], 0)
    store.settle()
    assert store.world_matrices([chain[-1]])[0, 1, 3] == 50_000 / 1024
    assert len(store.remove(chain[0])) == 50_000
    store.update()
    assert store.node_count == 50_000


def test_generations_advance_and_handles_outlive_their_wrap():
    store = Store()
    first = Node(store, store.add(0)[0])
    seen = {first.id}
    store.remove(first.id)
    for _ in range(255):
        number = int(store.add(0)[0])
        assert number & 0xFFFFFF == 1 and number not in seen
        seen.add(number)
        store.remove(number)
    again = int(store.add(0)[0])  # the 8-bit generation wraps: the public id comes back ...
    assert again in seen
    with pytest.raises(ReleasedError, match="was removed"):
        first.position = (0, 0, 0)  # ... but a handle holds a 64-bit serial
    assert Node(store, again) != first and first == first and len({first, Node(store, again)}) == 2


def test_freed_indices_are_reused_oldest_first():
    store = Store()
    ids = store.add(0, 4).tolist()
    for k in (2, 0):
        store.remove(ids[k])
    assert [k & 0xFFFFFF for k in store.add(0, 3).tolist()] == [3, 1, 5]


def test_a_full_id_space_is_refused():
    store = Store()
    with pytest.raises(InvalidInput, match="at most 16777215 nodes"):
        store.add(0, 10)
        store.add(0, 0xFFFFFF)
    assert store.node_count == 10


def ids_in_range(store, number):
    return store.range_ids(number).tolist()


def test_range_rows_close_up_when_members_leave():
    store = Store()
    group = int(store.add(0)[0])
    ids = store.add(group, 8, leaf_range=True).tolist()
    number = store.range_of(ids[0])
    view = store.begin_edit(number, "position")
    view[:, 0] = np.arange(8)
    store.end_edit(number, "position", view)
    store.remove(ids[0])
    store.set_parent(ids[3], 0)
    child = int(store.add(ids[5])[0])
    assert ids_in_range(store, number) == [ids[k] for k in (1, 2, 4, 6, 7)]
    view = store.begin_edit(number, "position")
    assert view[:, 0].tolist() == [1, 2, 4, 6, 7]
    store.end_edit(number, "position", view)
    assert [store.range_of(k) for k in (ids[3], ids[5], child)] == [0, 0, 0]
    assert store.children_of(group).tolist() == [ids[k] for k in (1, 2, 4, 6, 7, 5)]
    store.remove(group)
    assert store.range_count(number) == 0 and ids_in_range(store, number) == []


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["range", "remove", "child", "move"]), st.integers(0, 2**31)), max_size=30))
def test_ranges_stay_contiguous_under_random_edits(edits):
    store, ranges = Store(), {}
    for what, seed in edits:
        pick = random.Random(seed)
        alive = store.subtree().tolist()
        if what == "range":
            ids = store.add(pick.choice([0, *alive]), pick.randint(1, 6), leaf_range=True).tolist()
            ranges[store.range_of(ids[0])] = ids
        elif alive:
            node = pick.choice(alive)
            if what == "remove":
                store.remove(node)
            elif what == "child":
                store.add(node)
            else:
                to = pick.choice([0, *alive])
                if to not in store.subtree(node).tolist():
                    store.set_parent(node, to)
        for number, ids in ranges.items():
            members = [k for k in ids if store.is_alive(k) and store.range_of(k) == number]
            assert ids_in_range(store, number) == members
            assert all(len(store.children_of(k)) == 0 for k in members)


def test_borrowed_rows_outlive_the_store_and_its_growth():
    store = Store()
    number = store.range_of(int(store.add(0, 3, leaf_range=True)[0]))
    view = store.begin_edit(number, "position")
    view[:] = 7
    store.end_edit(number, "position", view)
    with pytest.raises(ValueError, match="read-only"):
        view[:] = 8
    store.add(0, 100_000)
    store.update()
    del store
    assert view.tolist() == [[7, 7, 7]] * 3
