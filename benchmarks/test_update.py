"""World update of a million nodes, as ratios to memcpy of the same bytes and to numpy in the same run."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from clock import best
from scenes import describe, hierarchy, uniform_boxes

from metarender._core import Node

COUNT = 1_000_000

BYTES_READ = 24 + 36 + 4 + 4 + 1  # local position and linear part, parent slot, anchor, flags
BYTES_WRITTEN = 48 + 1            # world rows, flags
# A draw: its node's slot and its geometry's number, its world row once more (in draw order: it has left the cache), its box.
# The local box belongs to the geometry. That the row is read again is what the order of draws costs: with the same work on rows
# in slot order (wrong boxes) an update took 7.4 ms instead of 8.4 to 8.8.
BYTES_OF_DRAW = 4 + 4 + 48 + 24


def numpy_update(parents, matrix):
    """Level by level: gather the parents' matrices, multiply, scatter; float32 3x4 kept as 4x4, everything preallocated."""
    depth = np.zeros(len(parents), dtype=np.int64)
    for row, up in enumerate(parents.tolist()):
        depth[row] = 0 if up < 0 else depth[up] + 1
    local = matrix.astype(np.float32)
    world = np.empty_like(local)
    levels = [np.flatnonzero(depth == k) for k in range(depth.max() + 1)]
    ups = [parents[rows] for rows in levels]

    def update():
        world[levels[0]] = local[levels[0]]
        for rows, up in zip(levels[1:], ups[1:], strict=True):
            world[rows] = np.matmul(world[up], local[rows])

    return update, world


def numpy_columns(parents, matrix):
    """What numpy can do at best: breadth-first order, one array per matrix element, no temporaries. It has no anchors, float64
    positions or visibility, and no edit survives a change of the tree; reported, not asserted."""
    depth = np.zeros(len(parents), dtype=np.int64)
    for row, up in enumerate(parents.tolist()):
        depth[row] = 0 if up < 0 else depth[up] + 1
    order = np.argsort(depth, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    local = np.ascontiguousarray(matrix[order][:, :3].reshape(-1, 12).T.astype(np.float32))
    up = np.where(parents[order] < 0, 0, rank[parents[order]])
    edges = np.searchsorted(depth[order], np.arange(depth.max() + 2))
    world, above, scratch = local.copy(), np.empty_like(local), np.empty(len(parents), dtype=np.float32)

    def update():
        for a, b in pairwise(edges[1:]):
            part, p, m, t = world[:, a:b], above[:, a:b], local[:, a:b], scratch[a:b]
            for c in range(12):
                np.take(world[c], up[a:b], out=p[c], mode="clip")
            for i in range(3):
                for j in range(4):
                    out = part[4 * i + j]
                    np.multiply(p[4 * i], m[j], out=out)
                    for k in (1, 2):
                        np.multiply(p[4 * i + k], m[4 * k + j], out=t)
                        np.add(out, t, out=out)
                np.add(part[4 * i + 3], p[4 * i + 3], out=part[4 * i + 3])

    return update, world, order


def against_memcpy(call, size):
    """Times of `call` and of a memcpy that moves as many bytes, reading and writing, in turns so that both see the same machine."""
    source, target = np.ones(size // 2, dtype=np.uint8), np.zeros(size // 2, dtype=np.uint8)
    ours, copy = [], []
    for _ in range(25):
        ours.append(best(call, 1))
        copy.append(best(lambda: np.copyto(target, source), 1))
    return {"ours_ms": min(ours) * 1e3, "memcpy_ms": min(copy) * 1e3, "bytes": size, "times_memcpy": min(ours) / min(copy),
            "memcpy_gb_per_s": size / min(copy) / 1e9}


def touch_all(store, roots):
    """Marks every top-level subtree as moved."""
    for node in roots:
        node.position = node.position


def test_update_a_million_nodes(benchmark):
    store, ids, parents, matrix = hierarchy(COUNT)
    roots = [Node(store, number) for number in ids[parents < 0].tolist()]
    before = store.stats["nodes_updated"]

    def full():
        touch_all(store, roots)
        store.update()

    benchmark(full)
    update, world = numpy_update(parents, matrix)
    reference = best(update, 3)
    columns, by_column, order = numpy_columns(parents, matrix)
    column_time = best(columns, 3)
    figures = against_memcpy(full, (BYTES_READ + BYTES_WRITTEN) * COUNT)
    got = store.world_matrices(ids)
    assert np.abs(got - world).max() < 1e-2
    assert np.abs(got[order][:, :3].reshape(-1, 12).T - by_column).max() < 1e-2
    assert (store.stats["nodes_updated"] - before) % COUNT == 0
    benchmark.extra_info |= {
        **figures, "numpy_ms": reference * 1e3, "numpy_ratio": reference * 1e3 / figures["ours_ms"],
        "numpy_columns_ms": column_time * 1e3, "top_level_nodes": len(roots)}
    assert figures["times_memcpy"] <= 1.5, benchmark.extra_info
    assert benchmark.extra_info["numpy_ratio"] >= 15, benchmark.extra_info


def test_update_a_million_drawn_nodes(benchmark):
    """The same with boxes: every draw is refit and every row page raised."""
    store, ids, parents, _ = hierarchy(COUNT)
    describe(store)
    store.set_draws(ids, [0], [0])
    store.update()
    roots = [Node(store, number) for number in ids[parents < 0].tolist()]

    def full():
        touch_all(store, roots)
        store.update()

    refit = store.stats["draws_refit"]
    benchmark.pedantic(full, rounds=5)
    assert store.stats["draws_refit"] - refit == 5 * COUNT
    figures = against_memcpy(full, (BYTES_READ + BYTES_WRITTEN + BYTES_OF_DRAW) * COUNT)
    benchmark.extra_info |= figures
    assert figures["times_memcpy"] <= 2.0, benchmark.extra_info


def test_update_a_thousand_of_a_million(benchmark):
    """Cost follows what moved: a thousand single nodes."""
    store, ids, position, _ = uniform_boxes(COUNT)
    chosen = ids[::1000].copy()
    where = position[::1000].copy()

    def some():
        store.set(chosen, position=where)
        store.update()

    before = store.stats["nodes_updated"], store.stats["resorts"]
    benchmark(some)
    assert (store.stats["nodes_updated"] - before[0]) % 1000 == 0 and store.stats["resorts"] == before[1]


def test_set_one_position(benchmark):
    """node.position = (x, y, z): at most 0.4 us."""
    store, ids, _, _ = uniform_boxes(10)
    node = Node(store, int(ids[3]))
    value = (1.0, 2.0, 3.0)

    def thousand():
        for _ in range(1000):
            node.position = value

    benchmark(thousand)
    each = best(thousand, 20) / 1000
    benchmark.extra_info["us"] = each * 1e6
    assert each <= 0.4e-6
