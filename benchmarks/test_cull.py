"""Culling a million boxes, as a ratio to the best numpy in the same run."""

from __future__ import annotations

import numpy as np
import pytest
from clock import best
from scenes import look, perspective, plant, ranges, uniform_boxes

from metarender._core import View, cull, cull_flat

COUNT = 1_000_000


def numpy_cull(position, size, pose, projection):
    """The best numpy: two matmuls over float32 rows, outputs preallocated, planes as columns."""
    clip = np.concatenate([projection[:, :3] @ np.linalg.inv(pose[:3, :3]), projection[:, 3:]], axis=1)
    planes = np.array([p for p in (clip[3] + clip[0], clip[3] - clip[0], clip[3] + clip[1], clip[3] - clip[1], clip[3] - clip[2])])
    planes /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    rows = np.concatenate([position - pose[:3, 3], size / 2, np.ones((len(position), 1))], axis=1).astype(np.float32)
    matrix = np.concatenate([planes[:, :3], np.abs(planes[:, :3]), planes[:, 3:]], axis=1).T.astype(np.float32)
    out = np.empty((len(rows), len(planes)), dtype=np.float32)
    lowest = np.empty(len(rows), dtype=np.float32)
    mask = np.empty(len(rows), dtype=bool)
    transposed, columns = np.ascontiguousarray(rows.T), np.empty((len(planes), len(rows)), dtype=np.float32)

    def by_rows():
        np.matmul(rows, matrix, out=out)
        np.min(out, axis=1, out=lowest)
        np.greater_equal(lowest, 0, out=mask)

    def by_columns():
        np.matmul(matrix.T, transposed, out=columns)
        np.min(columns, axis=0, out=lowest)
        np.greater_equal(lowest, 0, out=mask)

    return (by_rows, by_columns), mask


def in_turns(moved, calls):
    """Shortest times of our cull and of the best of the others; in turns, so that both see the same machine."""
    samples = [(best(moved, 20), min(best(call, 1) for call in calls)) for _ in range(15)]
    return (min(column) for column in zip(*samples, strict=True))


def test_cull_a_million_boxes(benchmark):
    store, _, position, size = uniform_boxes(COUNT)
    pose, projection = look((20.0, 5.0, 30.0), 0.7), perspective(60, 16 / 9, 0.1)
    view = View(store)
    poses = [look((20.0, 5.0, 30.0 + 1e-9 * k), 0.7) for k in range(2)]
    flip = [0]

    def moved():  # every call is a new pose: nothing is reused
        flip[0] ^= 1
        view.configure(poses[flip[0]], projection)
        cull([view])

    benchmark(moved)
    calls, mask = numpy_cull(position, size, pose, projection)
    ours, reference = in_turns(moved, calls)
    view.configure(pose, projection)
    cull([view])
    for call in calls:
        call()
    exact = int(np.count_nonzero(mask))
    benchmark.extra_info |= {"ours_ms": ours * 1e3, "numpy_ms": reference * 1e3, "ratio": reference / ours, "visible": view.visible_count,
                             "numpy_visible": exact, "blocks_in_and_cut": view.block_counts}
    assert exact <= view.visible_count <= exact * 1.0005
    assert reference / ours >= 40, benchmark.extra_info


@pytest.mark.parametrize("name, pose", [("walk", look((0.0, 2.0, 0.0), 0.3)), ("overview", look((0.0, 300.0, 1800.0), 0.0))])
def test_cull_and_build_a_plant(benchmark, name, pose):
    store, _ = plant(COUNT)
    view = View(store)
    table = ranges(1000)
    projection = perspective(60, 16 / 9, 0.1)
    poses = [pose.copy(), pose.copy()]
    poses[1][0, 3] += 1e-9
    flip = [0]

    def frame():
        flip[0] ^= 1
        view.configure(poses[flip[0]], projection)
        cull([view])
        return view.draw_list(table, alpha=1, merge=False)

    commands = benchmark(frame)

    def cull_only():
        flip[0] ^= 1
        view.configure(poses[flip[0]], projection)
        cull([view])

    culled = best(cull_only, 50)
    benchmark.extra_info |= {"cull_ms": culled * 1e3, "frame_ms": best(frame, 20) * 1e3, "visible": view.visible_count,
                             "commands": len(commands), "blocks_in_and_cut": view.block_counts}
    assert commands.instances == view.visible_count
    assert commands.commands[:, 1].sum() == view.visible_count
    assert len(commands) < view.visible_count / 1.8, "instancing joins nothing"


def test_cull_a_plant_against_numpy(benchmark):
    store, _ = plant(COUNT)
    boxes, anchors = store.boxes.astype(np.float64), store.anchors[store.slot_anchor]
    pose, projection = look((0.0, 2.0, 0.0), 0.3), perspective(60, 16 / 9, 0.1)
    drawn = store.slot_ids != 0
    calls, mask = numpy_cull((anchors + boxes[:, :3])[drawn], 2 * boxes[drawn, 3:], pose, projection)
    view, poses, flip = View(store), [look((0.0, 2.0, 1e-9 * k), 0.3) for k in range(2)], [0]

    def moved():
        flip[0] ^= 1
        view.configure(poses[flip[0]], projection)
        cull([view])

    benchmark(moved)
    ours, reference = in_turns(moved, calls)
    view.configure(pose, projection)
    cull([view])
    for call in calls:
        call()
    exact = int(np.count_nonzero(mask))
    benchmark.extra_info |= {"ours_ms": ours * 1e3, "numpy_ms": reference * 1e3, "ratio": reference / ours, "visible": view.visible_count,
                             "numpy_visible": exact}
    assert exact * 0.9995 <= view.visible_count <= exact * 1.0005
    assert reference / ours >= 50, benchmark.extra_info


def test_flat_cull_against_reading_the_same_bytes(benchmark):
    """Every box against every plane, with no hierarchy, beside the fastest sum over the same 24 bytes a slot that numpy has."""
    store, _, _, _ = uniform_boxes(COUNT)
    view = View(store)
    view.configure(look((20.0, 5.0, 30.0), 0.7), perspective(60, 16 / 9, 0.1))
    rows = np.ascontiguousarray(store.boxes).reshape(-1)
    whole = rows.view(np.uint64)

    def read():
        sums = (lambda: np.dot(rows, rows), lambda: np.bitwise_xor.reduce(whole), lambda: np.add.reduce(whole))
        return min(best(call, 2) for call in sums)

    benchmark(lambda: cull_flat(view))
    samples = [(best(lambda: cull_flat(view), 5), read()) for _ in range(15)]
    ours, reference = (min(column) for column in zip(*samples, strict=True))
    flat = view.visible_count
    hierarchy = View(store)
    hierarchy.configure(look((20.0, 5.0, 30.0), 0.7), perspective(60, 16 / 9, 0.1))
    cull([hierarchy])
    benchmark.extra_info |= {"flat_ms": ours * 1e3, "read_ms": reference * 1e3, "ratio": ours / reference,
                             "read_GB_per_s": rows.nbytes / reference / 1e9, "visible": flat}
    assert rows.nbytes >= 24 * COUNT and hierarchy.visible_count <= flat <= hierarchy.visible_count * 1.0005
    assert ours / reference <= 2.5, benchmark.extra_info


def test_cull_time_grows_with_the_blocks_that_planes_cut(benchmark):
    """Eight times the objects in the same space: 4.0 is the limit for blocks of constant size, 8.0 is what a flat cull takes."""
    found = {}
    for count in (131_072, COUNT):
        store, _, _, _ = uniform_boxes(count)
        view, projection, flip = View(store), perspective(60, 16 / 9, 0.1), [0]
        poses = [look((20.0, 5.0, 30.0 + 1e-9 * k), 0.7) for k in range(2)]

        def moved(view=view, projection=projection, flip=flip, poses=poses):
            flip[0] ^= 1
            view.configure(poses[flip[0]], projection)
            cull([view])

        found[count] = (moved, view)
    benchmark(found[COUNT][0])
    times = {count: min(best(moved, 50) for _ in range(10)) for count, (moved, _) in found.items()}
    small, large = times.values()
    benchmark.extra_info |= {"small_us": small * 1e6, "large_us": large * 1e6, "ratio": large / small}
    assert all(view.visible_count > 0.1 * count for count, (_, view) in found.items())
    assert large / small <= 6.0, benchmark.extra_info
