"""Rays and regions: absolute milliseconds of issue 3, with the objects counted, and ratios to numpy in the same run."""

from __future__ import annotations

import time

import numpy as np
import pytest

import metarender as mr


def best(call, rounds=20):
    """Shortest of a few runs, milliseconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def median(calls):
    """Median over calls of the best of five, milliseconds."""
    return float(np.median([best(call, 5) for call in calls]))


def uniform(count, half, seed=0):
    """Boxes of 0.1 to 2 m spread evenly over a cube."""
    rng = np.random.default_rng(seed)
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, 3] = rng.uniform(-half, half, size=(count, 3))
    matrices[:, [0, 1, 2], [0, 1, 2]] = rng.uniform(0.1, 2, size=(count, 3))
    scene = mr.Scene()
    scene.add_instances(mr.box(1), mr.Standard(), matrices=matrices)
    scene.update()
    return scene


def campus(count, meshes=200, seed=1):
    """Clusters of 500 parts over 20 x 20 km: thousands of anchors, so that many groups of blocks have no box of their own."""
    rng = np.random.default_rng(seed)
    scene, material = mr.Scene(), mr.Standard()
    centre = rng.uniform((-10_000, 0, -10_000), (10_000, 30, 10_000), size=(count // 500, 3))
    each = count // meshes
    for _ in range(meshes):
        matrices = np.tile(np.eye(4), (each, 1, 1))
        matrices[:, :3, 3] = centre[rng.integers(len(centre), size=each)] + rng.normal(size=(each, 3)) * (15, 4, 15)
        scene.add_instances(mr.box(rng.uniform(0.2, 3)), material, matrices=matrices)
    scene.update()
    return scene


def sheet(side):
    """A wavy surface of 2 side^2 triangles."""
    u = np.linspace(-1, 1, side + 1)
    x, z = np.meshgrid(u, u)
    points = np.stack([x, 0.1 * np.sin(9 * x) * np.cos(7 * z), z], axis=-1).reshape(-1, 3).astype(np.float32)
    corner = np.arange(side * (side + 1)).reshape(side, side + 1)[:, :-1].reshape(-1, 1)
    return mr.Geometry(positions=points, indices=(corner + np.array([0, side + 1, 1, 1, side + 1, side + 2])).astype(np.uint32).ravel())


def rays(scene, n, seed=2):
    """Origins and directions from places inside the scene's bounds, all ways."""
    rng = np.random.default_rng(seed)
    low, high = scene.bounds
    return rng.uniform(low, high, size=(n, 3)), rng.normal(size=(n, 3))


@pytest.mark.parametrize("name, make, count, limit", [
    ("10k boxes", lambda: uniform(10_000, 108), 10_000, 0.2),
    ("1M parts", lambda: uniform(1_000_000, 500), 1_000_000, 0.5),
    ("1M parts over many anchors", lambda: campus(1_000_000), 1_000_000, 0.5),
])
def test_pick_by_ray(benchmark, name, make, count, limit):
    scene = make()
    assert scene.store.draw_count == count
    origins, directions = rays(scene, 300)
    hits = scene.raycast_many(origins, directions)  # builds the hierarchies
    pairs = list(zip(origins, directions, strict=True))
    benchmark(lambda: scene.raycast(*pairs[0]))
    middle = median([lambda pair=pair: scene.raycast(*pair) for pair in pairs])
    worst = max(best(lambda pair=pair: scene.raycast(*pair), 5) for pair in pairs)
    many = best(lambda: scene.raycast_many(origins, directions), 5) / len(pairs)
    benchmark.extra_info |= {"median_ms": middle, "worst_ms": worst, "many_ms_per_ray": many, "hit_share": float((hits["id"] > 0).mean()),
                             "anchors": scene.store.anchor_count}
    assert np.count_nonzero(hits["id"]) > 5
    assert middle <= limit and worst <= limit, benchmark.extra_info


def test_pick_in_one_mesh_of_a_million_triangles(benchmark):
    geometry = sheet(708)
    assert geometry.index_count // 3 >= 1_000_000
    start = time.perf_counter()
    hierarchy = geometry.hierarchy()
    build = time.perf_counter() - start
    scene = mr.Scene()
    scene.add(mr.Mesh(geometry, mr.Standard()), rotation=(0, 0.6, 0, 0.8), scale=(3, 1, 2))
    rng = np.random.default_rng(0)
    origins = rng.uniform((-1, 2, -1), (1, 3, 1), size=(300, 3))
    directions = rng.normal(size=(300, 3)) * 0.1 + (0, -1, 0)
    hits = scene.raycast_many(origins, directions)
    pairs = list(zip(origins, directions, strict=True))
    benchmark(lambda: scene.raycast(*pairs[0]))
    worst = max(best(lambda pair=pair: scene.raycast(*pair), 5) for pair in pairs)
    benchmark.extra_info |= {"build_s": build, "worst_ms": worst, "depth": hierarchy.depth, "hierarchy_mb": hierarchy.node_count * 32 / 1e6}
    assert (hits["id"] > 0).all() and hierarchy.triangle_count == geometry.index_count // 3
    assert worst <= 0.5 and build <= 1.0, benchmark.extra_info


def test_regions_of_a_million_boxes_against_numpy(benchmark):
    """A region of a thousand boxes is found without looking at the other 999,000."""
    scene = uniform(1_000_000, 500)
    boxes = scene.store.boxes
    live = scene.store.slot_ids > 0
    centre, half = (scene.store.anchors[scene.store.slot_anchor] + boxes[:, :3])[live], boxes[:, 3:][live].astype(float)
    region = np.array([(-50.0, -50, -50), (50.0, 50, 50)])

    def reference():
        return np.count_nonzero(np.all((centre - half <= region[1]) & (centre + half >= region[0]), axis=1))

    found = benchmark(lambda: scene.query(box=region))
    ours, theirs = best(lambda: scene.query(box=region)), best(reference, 3)
    benchmark.extra_info |= {"ours_ms": ours, "numpy_ms": theirs, "ratio": theirs / ours, "found": len(found)}
    assert len(found) <= reference() <= len(found) + 3 and len(found) > 900
    assert theirs / ours >= 100, benchmark.extra_info
