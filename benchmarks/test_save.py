"""Saving at scale: a loaded factory against trimesh and pygltflib on the same file in the same run, and a million parts."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from test_load import factory, flat

import metarender as mr
from metarender.io import Limits

PARTS = 1_000_000


def least(*calls, rounds=3):
    """Least processor time of each of several calls, taken in turns; other processes do not count."""
    times = [[] for _ in calls]
    for _ in range(rounds):
        for taken, call in zip(times, calls, strict=True):
            start = time.process_time()
            call()
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times]


def compare(path: Path, folder: Path, rounds: int):
    """Seconds that each library takes to load a file, and to save what it loaded."""
    trimesh, pygltflib = pytest.importorskip("trimesh"), pytest.importorskip("pygltflib")
    limits = Limits(json_bytes=256 << 20)
    loaded = least(lambda: mr.load(path, limits=limits), lambda: trimesh.load(path, process=False), lambda: pygltflib.GLTF2().load(path),
                   rounds=rounds)
    scene, other, third = mr.load(path, limits=limits), trimesh.load(path, process=False), pygltflib.GLTF2().load(path)
    saved = least(lambda: mr.save(scene, folder / "ours.glb"), lambda: other.export(folder / "trimesh.glb"),
                  lambda: third.save(folder / "pygltflib.glb"), rounds=rounds)
    names = ("metarender", "trimesh", "pygltflib")
    return scene, {f"{what}_{name}_s": seconds for what, times in (("load", loaded), ("save", saved))
                   for name, seconds in zip(names, times, strict=True)}


def test_a_factory_is_loaded_and_saved_beside_its_peers(benchmark, tmp_path):
    """There and back in about the time of the faster peer, which keeps neither extensions nor extras nor what it does not draw."""
    scene, figures = compare(factory(tmp_path, 200, 10_000), tmp_path, rounds=2)
    benchmark.pedantic(mr.save, (scene, tmp_path / "again.glb"), rounds=3)
    again = mr.load(tmp_path / "again.glb")
    assert len(again.nodes) == len(scene.nodes) == 10_000 and again.store.draw_count == 9_900
    assert sum(g.index_count // 3 for g in again.geometry_list if g is not None) == 1_000_000
    benchmark.extra_info |= figures
    ours, *others = (figures[f"load_{name}_s"] + figures[f"save_{name}_s"] for name in ("metarender", "trimesh", "pygltflib"))
    assert ours < 1.25 * min(others), figures


def test_a_hundred_thousand_nodes(benchmark, tmp_path):
    scene, figures = compare(flat(tmp_path), tmp_path, rounds=1)
    benchmark.pedantic(mr.save, (scene, tmp_path / "again.glb"), rounds=3)
    assert len(mr.load(tmp_path / "again.glb").nodes) == 100_000
    benchmark.extra_info |= figures


def test_a_million_parts(benchmark, tmp_path):
    scene = mr.Scene()
    matrices = np.tile(np.eye(4, dtype=np.float32), (PARTS, 1, 1))
    matrices[:, :3, 3] = np.random.default_rng(0).uniform(-500, 500, (PARTS, 3))
    kinds = np.arange(PARTS) % 10
    scene.add_parts([mr.box(0.1 + k) for k in range(10)], [mr.Standard()], kinds, np.zeros(PARTS, int), matrices,
                    names=[f"part {k}" for k in range(PARTS)])
    benchmark.pedantic(mr.save, (scene, tmp_path / "parts.glb"), rounds=3)
    again = mr.load(tmp_path / "parts.glb", limits=Limits(growth=1024))
    assert again.store.draw_count == PARTS and again.find("part 999999") is not None
    benchmark.extra_info |= {"megabytes": (tmp_path / "parts.glb").stat().st_size / 1e6}
