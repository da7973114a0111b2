"""Posing a crowd and a million parts, against numpy that does the same sums as well as numpy can; times are ratios inside one run."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest
from clock import best

import metarender as mr

FIGURES, JOINTS, KEYS = 1000, 24, 30
PARTS = 1_000_000


def crowd():
    """A thousand copies of a figure whose 24 joints turn and whose root moves, each a little later; the keys are shared."""
    figure, rng = mr.Scene(), np.random.default_rng(1)
    joints = [figure.add(None)]
    for _ in range(JOINTS - 1):
        joints.append(figure.add(None, joints[-1]))
    times = np.linspace(0, 1, KEYS)
    times.flags.writeable = False
    swing = np.sin(2 * np.pi * (times + rng.uniform(size=(JOINTS, 1))))[..., None] * rng.normal(size=(JOINTS, 1, 3))
    turns = np.concatenate([swing, np.ones((JOINTS, KEYS, 1))], axis=-1)
    turns = (turns / np.linalg.norm(turns, axis=-1, keepdims=True)).astype(np.float32)
    moves = rng.normal(size=(KEYS, 3)).astype(np.float32)
    tracks = [mr.Track(joint, "rotation", times, keys) for joint, keys in zip(joints, turns, strict=True)]
    figure.add_clip(mr.Clip("walk", [*tracks, mr.Track(joints[0], "position", times, moves)]))
    scene = mr.Scene()
    for _ in range(FIGURES):
        scene.add(figure)
    starts = -0.013 * np.arange(FIGURES)
    for clip, start in zip(scene.clips, starts.tolist(), strict=True):
        scene.play(clip, start=start)
    return scene, times, turns, moves, starts


def slerp(a, b, u):
    """Shares u of the ways from a to b, (..., 4) float64."""
    cosine = (a * b).sum(-1, keepdims=True)
    b = b * np.where(cosine < 0, -1, 1)
    angle = np.arccos(np.minimum(np.abs(cosine), 1))
    near = angle < 1e-6
    sine = np.where(near, 1, np.sin(angle))
    return np.where(near, 1 - u, np.sin((1 - u) * angle) / sine) * a + np.where(near, u, np.sin(u * angle) / sine) * b


def numpy_each(scene, times, turns, moves, starts):
    """Figure by figure, as it must be where each plays a clip of its own; all joints of a figure at once, one bulk call for all."""
    ids = np.stack([[track.target[0] for track in clip.tracks[:-1]] for clip in scene.clips])
    turned, moved = np.empty((FIGURES, JOINTS, 4)), np.empty((FIGURES, 3))

    def pose(seconds):
        for figure, start in enumerate(starts.tolist()):
            t = (seconds - start) % 1.0
            key = min(int(np.searchsorted(times, t, side="right")) - 1, KEYS - 2)
            u = (t - times[key]) / (times[key + 1] - times[key])
            turned[figure] = slerp(turns[:, key].astype(np.float64), turns[:, key + 1], u)
            moved[figure] = (1 - u) * moves[key] + u * moves[key + 1]
        scene.set(ids.reshape(-1), rotation=turned.reshape(-1, 4))
        scene.set(ids[:, 0], position=moved)

    return pose


def numpy_pose(scene, times, turns, moves, starts):
    """The best case for numpy: all figures play the same keys, so one gather serves them all; written by one bulk call."""
    ids = np.stack([[track.target[0] for track in clip.tracks[:-1]] for clip in scene.clips])
    flat, roots = ids.reshape(-1), ids[:, 0].copy()

    def pose(seconds):
        t = (seconds - starts) % 1.0
        key = np.clip(np.searchsorted(times, t, side="right") - 1, 0, KEYS - 2)
        u = ((t - times[key]) / (times[key + 1] - times[key]))[:, None, None]
        turned = slerp(turns[:, key].transpose(1, 0, 2).astype(np.float64), turns[:, key + 1].transpose(1, 0, 2), u)
        moved = (1 - u[:, 0]) * moves[key] + u[:, 0] * moves[key + 1]
        scene.set(flat, rotation=turned.reshape(-1, 4))
        scene.set(roots, position=moved)

    return pose, flat


def test_pose_a_thousand_figures(benchmark):
    """25,000 tracks, nanoseconds for each; Python has nothing to do for a figure."""
    scene, *rest = crowd()
    pose, flat = numpy_pose(scene, *rest)
    each = numpy_each(scene, *rest)
    assert len(scene.actions) == FIGURES and len(flat) == FIGURES * JOINTS
    clock = count()
    step = lambda: scene.at(0.37 + 0.0137 * next(clock))  # noqa: E731
    scene.at(0.4321)
    ours = scene.store.local_matrices(flat)
    for reference in (pose, each):
        reference(0.4321)
        assert np.abs(scene.store.local_matrices(flat) - ours).max() < 1e-5
        scene.at(0.4321)
    benchmark(step)
    mine, theirs, one_by_one = [], [], []
    for _ in range(9):
        mine.append(best(step, 1))
        theirs.append(best(lambda: pose(0.37 + 0.0137 * next(clock)), 1))
        one_by_one.append(best(lambda: each(0.37 + 0.0137 * next(clock)), 1))
    tracks = FIGURES * (JOINTS + 1)
    benchmark.extra_info |= {"ns_per_track": min(mine) / tracks * 1e9, "numpy_ns_per_track": min(theirs) / tracks * 1e9,
                             "numpy_ratio": min(theirs) / min(mine), "numpy_each_ratio": min(one_by_one) / min(mine)}
    assert benchmark.extra_info["numpy_ratio"] >= 1.2 and benchmark.extra_info["numpy_each_ratio"] >= 10, benchmark.extra_info


@pytest.mark.parametrize("figures", (10, FIGURES))
def test_pose_and_update(benchmark, figures):
    """World transforms included, of ten figures and of a thousand: the cost of a figure is the same."""
    scene, *_ = crowd()
    for action in scene.actions[figures:]:
        action.stop()
    scene.at(0.0)
    scene.at(0.0)  # gives back what the one before has brought to rest
    assert len(scene.actions) == figures and scene._player._mixer.channels == figures * (JOINTS + 1)
    clock = count()

    def step():
        scene.at(0.37 + 0.0137 * next(clock))
        scene.update()

    benchmark(step)
    benchmark.extra_info["us_per_figure"] = best(step, 9) / figures * 1e6


def test_a_million_parts_from_arrays(benchmark):
    """Positions between keys, sampled, mixed and written, against numpy that interpolates and writes them through an edit block."""
    scene = mr.Scene()
    parts = scene.add_instances(mr.box(0.1), mr.Standard(), count=PARTS)
    keys = np.random.default_rng(2).normal(size=(3, PARTS, 3)).astype(np.float32)
    keys.flags.writeable = False
    scene.play(mr.Clip("wave", [mr.Track(parts, "position", [0, 1, 2], keys)]))
    scene.update()
    clock = count()

    def step():
        scene.at(0.01 + 0.037 * next(clock))

    def by_numpy():
        u = 0.01 + 0.037 * next(clock) % 1
        with parts.edit("position") as position:
            np.multiply(keys[0], 1 - u, out=position)
            position += u * keys[1]

    benchmark(step)
    with parts.edit("position") as position:
        assert len(position) == PARTS and np.ptp(position[:, 0]) > 1
    mine, theirs = [], []
    for _ in range(7):
        mine.append(best(step, 1))
        theirs.append(best(by_numpy, 1))
    benchmark.extra_info |= {"ms": min(mine) * 1e3, "numpy_ms": min(theirs) * 1e3, "ns_per_part": min(mine) / PARTS * 1e9,
                             "numpy_ratio": min(theirs) / min(mine)}
    assert benchmark.extra_info["numpy_ratio"] >= 1, benchmark.extra_info
