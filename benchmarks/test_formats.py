"""Plain formats at scale: a million triangles in and out beside trimesh, alternating in one run; ten million points."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pytest

import metarender as mr
from metarender.io import AssetWarning, Limits

SIDE = 708
"""Squares along an edge: 1,002,528 triangles."""
TRIANGLES = 2 * SIDE * SIDE


def surface() -> mr.Geometry:
    """A wavy surface of a million triangles."""
    x, z = np.meshgrid(np.linspace(-1, 1, SIDE + 1), np.linspace(-1, 1, SIDE + 1), indexing="ij")
    positions = np.stack([x, 0.1 * np.sin(9 * x) * np.cos(7 * z), z], axis=-1).reshape(-1, 3)
    corner = (np.arange(SIDE)[:, None] * (SIDE + 1) + np.arange(SIDE)).reshape(-1, 1)
    indices = (corner + np.array([0, 1, SIDE + 1, 1, SIDE + 2, SIDE + 1])).ravel()
    return mr.Geometry(positions=positions, indices=indices, name="surface")


def drawable(found):
    """Ask trimesh for what a picture needs and `load` has made: corners and normals of each triangle."""
    mesh = found if hasattr(found, "faces") else next(iter(found.geometry.values()))
    return mesh.triangles, mesh.face_normals


def alternating(calls, rounds=2):
    """Least seconds of each call, in turns, so that both see the same machine."""
    best = dict.fromkeys(calls, np.inf)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj", ".3mf"])
def test_a_million_triangles_in_and_out_beside_trimesh(benchmark, tmp_path, suffix):
    trimesh = pytest.importorskip("trimesh")
    if suffix == ".3mf":
        pytest.importorskip("networkx")
        pytest.importorskip("lxml")
    geometry = surface()
    scene = mr.Scene()
    scene.add(mr.Mesh(geometry, mr.Standard(), name="surface"))
    twin = trimesh.Trimesh(geometry.positions, geometry.indices.reshape(-1, 3), process=False)
    ours, theirs = tmp_path / f"ours{suffix}", tmp_path / f"theirs{suffix}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssetWarning)  # the surface is open
        save = alternating({"ours": lambda: mr.save(scene, ours), "trimesh": lambda: twin.export(theirs)})
        load = alternating({"ours": lambda: mr.load(ours), "trimesh": lambda: drawable(trimesh.load(ours, process=False))})
        theirs_read = mr.load(theirs)
    again = benchmark.pedantic(mr.load, (ours,), rounds=1)
    for read in (again, theirs_read):
        assert sum(g.index_count // 3 for g in read.geometry_list if g is not None) == TRIANGLES
    figures = {"load_s": load["ours"], "trimesh_load_s": load["trimesh"], "save_s": save["ours"], "trimesh_save_s": save["trimesh"],
               "megabytes": ours.stat().st_size / 1e6}
    benchmark.extra_info |= figures
    print(suffix, {name: round(value, 3) for name, value in figures.items()})


def test_ten_million_points_within_the_limits(benchmark, tmp_path):
    count = 10_000_000
    rows = np.empty(count, [("p", "<f4", 3), ("c", "u1", 3)])
    rows["p"] = np.random.default_rng(0).uniform(-50, 50, (count, 3)).astype(np.float32)
    rows["c"] = np.arange(count)[:, None] % 256
    head = (f"ply\nformat binary_little_endian 1.0\nelement vertex {count}\nproperty float x\nproperty float y\nproperty float z\n"
            "property uchar red\nproperty uchar green\nproperty uchar blue\nend_header\n")
    (tmp_path / "cloud.ply").write_bytes(head.encode() + rows.tobytes())
    scene = benchmark.pedantic(mr.load, (tmp_path / "cloud.ply",), {"limits": Limits()}, rounds=2)
    assert sum(g.vertex_count for g in scene.geometry_list if g is not None) == count


def test_whether_a_million_triangles_are_closed(benchmark):
    report = benchmark.pedantic(mr.check_solid, (surface(),), rounds=2)
    assert report.triangles == TRIANGLES and len(report.open_edges) == 4 * SIDE and report.holes == 1
