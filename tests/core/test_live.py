"""Live editing: random edit sequences against a naive float64 model, after every step; settled stores do not know their history."""

import numpy as np
import pytest
from core_model import kept, levels, perspective, planes, pose, rotation, visible
from hypothesis import given, settings
from hypothesis import strategies as st

from metarender._core import BOX, INFO, STATE, STATE_DTYPE, TRANSFORM, Store, View, cull, fill_runs

ROW_BYTES = {TRANSFORM: 48, INFO: 16, STATE: 16, BOX: 32}

BOXES = [((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)), ((0, -1, 0), (2, 1, 0.25)), ((-3, 0, 1), (-1, 0.1, 4))]
MATERIALS = [(0, 0), (0, 1), (2 << 19, 0)]  # class bits, shading class


def described(level=None):
    store = Store(level=level)
    for g, (low, high) in enumerate(BOXES):
        store.set_geometry(g, 1 + 4 * (g == 2), low, high)
    for m, (key, shading) in enumerate(MATERIALS):
        store.set_material(m, key, shading)
    return store


class Thing:
    def __init__(self, parent, matrix=None, draws=()):
        self.parent, self.children, self.draws = parent, [], list(draws)
        self.matrix = np.eye(4) if matrix is None else matrix
        self.visible, self.layers, self.state = True, 1, np.zeros((), STATE_DTYPE)


class Model:
    """Every node a Python object; nothing is cached."""

    def __init__(self):
        self.nodes = {0: Thing(None)}
        self.ranges = []

    def add(self, ids, parent, matrices=None, draws=None):
        self.leave(parent, last=True)
        for k, number in enumerate(ids):
            self.nodes[number] = Thing(parent, None if matrices is None else matrices[k], () if draws is None else draws[k])
            self.nodes[parent].children.append(number)

    def below(self, top):
        out, stack = [], [top]
        while stack:
            out.append(stack.pop())
            stack += reversed(self.nodes[out[-1]].children)
        return out

    def leave(self, number, last=False):
        """A member that gets a child, another parent, or is removed leaves its range; the first moves behind its siblings."""
        for members in self.ranges:
            if number in members:
                members.remove(number)
                if last:
                    siblings = self.nodes[self.nodes[number].parent].children
                    siblings.remove(number)
                    siblings.append(number)

    def remove(self, number):
        self.nodes[self.nodes[number].parent].children.remove(number)
        for k in self.below(number):
            self.leave(k)
        for k in self.below(number):
            del self.nodes[k]

    def move(self, number, parent):
        self.leave(number)
        self.nodes[self.nodes[number].parent].children.remove(number)
        self.leave(parent, last=True)
        self.nodes[number].parent = parent
        self.nodes[parent].children.append(number)

    def derive(self):
        """World matrices, the size of the sums that made them, shown flags; by id."""
        world, size, shown = {0: np.eye(4)}, {0: np.eye(4)}, {0: True}
        for k in self.below(0)[1:]:
            n = self.nodes[k]
            world[k], size[k] = world[n.parent] @ n.matrix, size[n.parent] @ np.abs(n.matrix)
            shown[k] = shown[n.parent] and n.visible
        return world, size, shown


def random_matrix(rng, n, spread):
    m = np.tile(np.eye(4), (n, 1, 1))
    m[:, :3, :3] = rotation(rng, n) * rng.choice([1.0, 1.0, 0.5, -1.0], size=(n, 1, 1))
    m[:, :3, :3] = m[:, :3, :3].astype(np.float32)
    m[:, :3, 3] = rng.uniform(-spread, spread, size=(n, 3))
    return m


class Both:
    """A store and a model that get the same edits. `log` holds what determines ids and the tree."""

    def __init__(self, level, seed):
        self.store, self.model, self.log = described(level), Model(), []
        self.rng = np.random.default_rng(seed)
        self.mirror, self.seen = {kind: np.zeros(0, np.uint8) for kind in ROW_BYTES}, 0
        self.parts(0, 300)

    def pick(self, root=True):
        keys = list(self.model.nodes)
        return keys[int(self.rng.integers(0 if root else 1, len(keys)))] if len(keys) > 1 else 0

    def parts(self, parent, n):
        m = random_matrix(self.rng, n, 60 if self.rng.random() < 0.8 else 3000)
        g, k = self.rng.integers(3, size=n), self.rng.integers(3, size=n)
        ids, _ = self.store.add_parts(parent, m, g, k)
        self.model.add(ids.tolist(), parent, m, [[(int(a), int(b))] for a, b in zip(g, k, strict=True)])
        self.model.ranges.append(ids.tolist())
        self.log.append(("parts", parent, n, ids.tolist()))

    def step(self, what):
        rng, store, model = self.rng, self.store, self.model
        node = self.pick(root=False)
        if what == "parts":
            self.parts(self.pick(), int(rng.integers(1, 12)))
        elif what == "add":
            parent = self.pick()
            ids = store.add(parent, int(rng.integers(1, 4))).tolist()
            model.add(ids, parent)
            self.log.append(("add", parent, len(ids), ids))
        elif what == "settle":
            store.settle()
        elif what == "edit" and any(model.ranges):
            self.edit([r for r in model.ranges if r][int(rng.integers(sum(map(bool, model.ranges))))])
        elif node:
            self.change(what, node)

    def edit(self, members):
        number = self.store.range_of(members[0])
        assert self.store.range_ids(number).tolist() == members
        field = str(self.rng.choice(["position", "matrix", "state"]))
        view = self.store.begin_edit(number, field)
        row = int(self.rng.integers(len(members)))
        thing = self.model.nodes[members[row]]
        if field == "position":
            view[row] = thing.matrix[:3, 3] = self.rng.uniform(-90, 90, 3)
        elif field == "matrix":
            view[row] = thing.matrix = random_matrix(self.rng, 1, 90)[0]
        else:
            view["value"][row] = thing.state["value"] = np.float32(self.rng.random())
        self.store.end_edit(number, field, view)

    def change(self, what, node):
        rng, store, thing = self.rng, self.store, self.model.nodes[node]
        if what == "remove":
            store.remove(node)
            self.model.remove(node)
            self.log.append(("remove", node))
        elif what == "move":
            to = self.pick()
            if to not in self.model.below(node):
                store.set_parent(node, to)
                self.model.move(node, to)
                self.log.append(("move", node, to))
        elif what == "trs":
            q, position = rng.normal(size=4), rng.uniform(-90, 90, 3)
            store.set_trs(node, position=position, rotation=q, scale=(1, 1, 0.5))
            thing.matrix = store.local_matrices([node])[0]
            x, y, z, w = q / np.linalg.norm(q)
            assert np.allclose(thing.matrix[0, :3], [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), (x * z + y * w)], atol=1e-6)
        elif what == "matrix":
            thing.matrix = random_matrix(rng, 1, 90)[0]
            store.set_matrix(node, thing.matrix)
        elif what == "visible":
            thing.visible = bool(rng.random() < 0.4)
            store.set_visible([node], thing.visible)
        elif what == "layers":
            thing.layers = int(rng.integers(1, 4))
            store.set_layers([node], thing.layers)
        elif what == "state":
            thing.state["color"], thing.state["user"] = rng.integers(256, size=4), rng.integers(99)
            store.set_state([node], thing.state)
        elif what == "draws":
            thing.draws = [(int(g), int(m)) for g, m in rng.integers(3, size=(int(rng.integers(4)), 2))]
            store.set_draws([node], [g for g, _ in thing.draws], [m for _, m in thing.draws])

    # ---- checks ----

    def check(self):
        store, model = self.store, self.model
        store.update()
        world, size, shown = model.derive()
        ids = model.below(0)[1:]
        assert store.subtree().tolist() == ids and store.draw_count == sum(len(model.nodes[k].draws) for k in ids)
        if not ids:
            return
        assert store.shown(ids).tolist() == [shown[k] for k in ids]
        got, tolerance = store.world_matrices(ids), {k: 2e-5 * (size[k][:3, :3].sum() + size[k][:3, 3].sum() + 1) for k in ids}
        for k, matrix in zip(ids, got, strict=True):
            assert np.abs(matrix - world[k]).max() < tolerance[k]
        assert (store.states_of(ids) == np.array([model.nodes[k].state for k in ids], STATE_DTYPE)).all()
        self.check_bounds(world, tolerance)
        self.check_rows()
        self.check_mirror()
        self.check_view(world, tolerance, shown)

    def boxes(self, world, numbers):
        """(node, centre, half) of every draw."""
        for k in numbers:
            for g, _ in self.model.nodes[k].draws:
                low, high = np.array(BOXES[g], float)
                yield k, world[k][:3, :3] @ (low + high) / 2 + world[k][:3, 3], np.abs(world[k][:3, :3]) @ (high - low) / 2

    def check_bounds(self, world, tolerance):
        for top in (0, self.pick(), self.pick()):
            numbers = self.model.below(top)
            boxes = list(self.boxes(world, numbers))
            got = self.store.bounds(top)
            if not boxes:
                assert got is None
                continue
            margin = max(tolerance[k] for k, _, _ in boxes) * 4
            assert np.abs(got[0] - np.min([c - h for _, c, h in boxes], axis=0)).max() < margin
            assert np.abs(got[1] - np.max([c + h for _, c, h in boxes], axis=0)).max() < margin

    def check_rows(self):
        """What devices read: each draw has one slot, in a bucket of its class; rows say what the node says."""
        store, n = self.store, self.store.draw_slots
        info, state = np.zeros((n, 4), np.uint32), np.zeros(n, STATE_DTYPE)
        store.fill_rows(INFO, 0, n, info)
        store.fill_rows(STATE, 0, n, state)
        used = np.flatnonzero(store.slot_ids)
        got = sorted(zip(store.slot_ids[used].tolist(), store.slot_geometry[used].tolist(), info[used, 1].tolist(), strict=True))
        assert got == sorted((k, g, m) for k, t in self.model.nodes.items() for g, m in t.draws)
        assert (info[used, 0] == store.slot_ids[used]).all() and ((info[used, 2] & 0xFFFFFF) == store.slot_anchor[used]).all()
        for at in used[:: max(1, len(used) // 40)]:
            assert state[at] == self.model.nodes[int(store.slot_ids[at])].state

    def check_mirror(self):
        """What a device holds that fetched the pages that changed, step by step, is what it would fetch now, empty slots aside."""
        store, n = self.store, self.store.draw_slots
        used = np.flatnonzero(store.slot_ids)
        for kind, size in ROW_BYTES.items():
            held = np.concatenate([self.mirror[kind], np.zeros(n * size, np.uint8)])[:n * size]
            runs = store.dirty_runs(kind, self.seen)
            fetched = np.zeros(int(runs[:, 1].sum()) * size, np.uint8)
            fill_runs(store, kind, runs, fetched)
            for first, count in runs.tolist():
                held[first * size:(first + count) * size], fetched = fetched[:count * size], fetched[count * size:]
            whole = np.zeros(n * size, np.uint8)
            store.fill_rows(kind, 0, n, whole)
            assert np.array_equal(held.reshape(-1, size)[used], whole.reshape(-1, size)[used]), kind
            self.mirror[kind] = held
        self.seen = store.epoch
        box = self.mirror[BOX].view(np.float32).reshape(-1, 8)
        assert np.array_equal(box[used][:, [0, 1, 2, 4, 5, 6]], store.boxes[used])
        assert np.array_equal(box[used, 3].view(np.uint32), store.slot_anchor[used])
        assert box[used, 7].view(np.uint32).tolist() == [self.model.nodes[k].layers for k in store.slot_ids[used].tolist()]

    def check_view(self, world, tolerance, shown):
        rng = self.rng
        camera = pose(rng.uniform(-80, 80, 3), rotation(rng, 1)[0])
        projection, layers = perspective(rng.uniform(20, 110), 1.3, 0.1), int(rng.integers(1, 4))
        view = View(self.store)
        view.configure(camera, projection, layers)
        cull([view])
        keep = kept(self.store, view.visible, max(self.model.nodes) & 0xFFFFFF | 0xFFF)
        frustum, exact, loose = planes(camera, projection), set(), set()
        for k, centre, half in self.boxes(world, self.model.nodes):
            if not (shown[k] and self.model.nodes[k].layers & layers):
                continue
            for found, slack in ((exact, -4 * tolerance[k]), (loose, 40 * tolerance[k])):
                if visible(frustum, (centre - camera[:3, 3])[None], half[None] + slack)[0]:
                    found.add(k)
        seen = {k for k in self.model.nodes if k and keep[k & 0xFFFFFF]}
        assert exact <= seen <= loose

    def rows_by_id(self):
        n = self.store.draw_slots
        rows = np.zeros((n, 48), np.uint8)
        self.store.fill_rows(TRANSFORM, 0, n, rows)
        boxes, live = self.store.boxes, np.unpackbits(self.store.block_live.view(np.uint8), bitorder="little")
        return sorted((int(k), int(self.store.slot_geometry[i]), rows[i].tobytes(), boxes[i].tobytes(), int(live[i]),
                       int(self.store.slot_anchor[i]))
                      for i, k in enumerate(self.store.slot_ids) if k)

    def check_recompute(self):
        """Everything marked as moved: not a bit changes."""
        before = self.rows_by_id()
        tops = self.store.children_of(0)
        moved = self.store.stats["nodes_updated"]
        self.store.set(tops, position=self.store.local_matrices(tops)[:, :3, 3])
        self.store.update()
        assert self.store.stats["nodes_updated"] - moved == self.store.node_count
        assert self.rows_by_id() == before


def snapshot(store):
    store.settle()
    out = [store.slot_order(), store.slot_ids, store.slot_geometry, store.slot_material, store.block_live, store.boxes, store.anchors]
    for kind, size in ((TRANSFORM, 48), (INFO, 16), (STATE, 16)):
        rows = np.zeros(store.draw_slots * size, np.uint8)
        store.fill_rows(kind, 0, store.draw_slots, rows)
        out.append(rows)
    return [np.asarray(k).tobytes() for k in out]


def replay(both, seed):
    """Another store with the same ids, tree and content, by another way: content last, in another order, with detours."""
    store, rng = described(), np.random.default_rng(seed)
    for what, *how in both.log:
        if what in ("add", "parts"):
            assert store.add(how[0], how[1], leaf_range=what == "parts").tolist() == how[2]
            if rng.random() < 0.3:
                store.set_draws(how[2], [0, 1], [2, 0])
                store.update()
        elif what == "remove":
            store.remove(how[0])
        else:
            store.set_parent(how[0], how[1])
    for k in rng.permutation([k for k in both.model.nodes if k]).tolist():
        thing = both.model.nodes[k]
        store.set([k], matrix=thing.matrix[None])
        store.set_visible([k], thing.visible)
        store.set_layers([k], thing.layers)
        store.set_state([k], thing.state)
        store.set_draws([k], [g for g, _ in thing.draws], [m for _, m in thing.draws])
        if rng.random() < 0.02:
            store.update()
    return store


STEPS = ["parts", "add", "remove", "move", "move", "trs", "matrix", "visible", "layers", "state", "draws", "edit", "settle"]


@pytest.mark.parametrize("level", levels())
@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**31), st.lists(st.sampled_from(STEPS), min_size=50, max_size=50))
def test_fifty_random_edits_equal_a_naive_model_after_every_step(level, seed, steps):
    both = Both(level, seed)
    both.check()
    for k, what in enumerate(steps):
        both.step(what)
        if k % 7 != 3:  # now and then two edits meet in one update
            both.check()
        if k % 10 == 9:
            both.store.update()
            both.check_recompute()
    both.check()
    expected = snapshot(both.store)
    assert snapshot(replay(both, seed)) == expected
    assert snapshot(both.store) == expected


def test_a_node_added_below_a_node_before_its_neighbour_still_moves():
    """Its slot lies outside its parent's extent and inside the run that the update transforms: it is done, and nothing waits for it."""
    store = Store()
    top = store.add(0)[0]
    store.update()
    first = store.add(top)[0]
    store.add(top)
    below = store.add(first)[0]
    store.update()
    store.set([below], position=[[5, 0, 0]])
    assert store.pending
    store.update()
    assert store.world_matrices([below])[0, 0, 3] == 5
