"""Long tracks, which are written block by block without sums: bits, marks and silence of short ones that are mixed, at all levels."""

import numpy as np
import pytest
from core_model import levels

import metarender as mr
from metarender._core import Store

WIDTHS = {"position": 3, "rotation": 4, "scale": 3, "visible": 1, "color": 4, "value": 1, "ghost": 1}
COUNT, SHORT = 700, 100
TIMES = (0.0, 1.0, 2.5)
SECONDS = (0.0, 0.4, 1.0, 2.2, 9.0, 0.4)


def curves(path, curve, dtype):
    """Values of three keys for each part; a cubic position overshoots what positions are held within."""
    rng = np.random.default_rng(len(path))
    values = rng.normal(size=(3, *((3,) if curve == "cubic" else ()), COUNT, WIDTHS[path])) * (200 if path == "color" else 1)
    if path == "position" and curve == "cubic":
        values[..., 5, 1], values[..., 6, 2] = 3e15, -3e15
    return values.astype(dtype)


def scene_of(monkeypatch, level):
    monkeypatch.setattr("metarender.scene.Store", lambda: Store(level=level))
    scene = mr.Scene()
    return scene, scene.add_instances(mr.box(1), mr.Standard(), count=COUNT)


def bits(scene, ids):
    """All that a track can drive."""
    scene.update()
    (parts,) = scene.parts
    return scene.store.local_matrices(ids).tobytes() + parts.state.tobytes() + parts.visible.tobytes()


def poses(scene, ids):
    found = []
    for seconds in SECONDS:
        scene.at(seconds)
        found.append(bits(scene, ids))
    return found


@pytest.mark.parametrize("curve", ["step", "linear", "cubic"])
@pytest.mark.parametrize("path", list(WIDTHS))
def test_long_tracks_write_what_short_ones_mix(monkeypatch, path, curve):
    """At every level, in the order of the parts and in another, float32 and float64."""
    for single in (True, False):
        values = curves(path, curve, np.float32 if single else np.float64)
        order = np.random.default_rng(1).permutation(COUNT)
        short = [slice(first, first + SHORT) for first in range(0, COUNT, SHORT)]
        found = []
        for level in levels():
            for rows, pieces in ((slice(None), [slice(None)]), (slice(None), short), (order, [slice(None)])):
                scene, parts = scene_of(monkeypatch, level)
                chosen = np.ascontiguousarray(values[..., rows, :])
                scene.play(mr.Clip("c", [mr.Track(parts.ids[rows][piece], path, TIMES, np.ascontiguousarray(chosen[..., piece, :]), curve)
                                         for piece in pieces]), loop="once")
                found.append(poses(scene, parts.ids))
        assert all(one == found[0] for one in found)
        assert len(set(found[0])) >= 2


def test_a_long_track_marks_what_moved_and_nothing_else(monkeypatch):
    """Also where a block lies across the end of a track, and where marks wait for the next update already."""
    moving = np.array([0, 1, 63, 64, 130, 300, 301, 302, COUNT - 1])
    values = np.zeros((2, COUNT, 3))
    values[1, moving, 2] = 1
    for level in levels():
        scene, parts = scene_of(monkeypatch, level)
        scene.play(mr.Clip("c", [mr.Track(parts, "position", [0, 1], values)]), loop="once")
        scene.at(0.0)
        scene.update()
        before = scene.store.stats["nodes_updated"]
        for seconds in (0.25, 0.75, 0.5):  # listed once however often it moves
            scene.at(seconds)
        scene.update()
        assert scene.store.stats["nodes_updated"] - before == len(moving)
        assert scene.store.world_matrices(parts.ids)[moving, 2, 3].tolist() == [0.5] * len(moving)
        before = scene.store.epoch
        scene.at(0.5)
        assert scene.store.epoch == before and not scene.store.pending


def test_a_long_track_finds_parts_that_left_and_slots_that_moved(monkeypatch):
    values = curves("position", "linear", np.float32)
    scene, parts = scene_of(monkeypatch, "base")
    group = scene.add(None)
    ids = parts.ids.copy()
    scene.play(mr.Clip("c", [mr.Track(parts, "position", TIMES, values)]), loop="once")
    scene.at(1.0)
    for gone in (3, 64, 65, 400):
        scene.node(int(ids[gone])).remove()
    twin = scene.add(None, group)  # takes a free slot or id, and is nothing of the clip's
    scene.at(2.5)
    scene.settle()
    scene.at(0.0)
    kept = np.delete(np.arange(COUNT), [3, 64, 65, 400])
    assert (scene.store.local_matrices(ids[kept])[:, :3, 3] == values[0, kept]).all() and not twin.position.any()


def test_a_part_of_a_long_track_that_another_one_drives_too_is_mixed(monkeypatch):
    values = curves("position", "linear", np.float64)
    scene, parts = scene_of(monkeypatch, levels()[-1])
    scene.play(mr.Clip("all", [mr.Track(parts, "position", TIMES, values)]), loop="once")
    scene.play(mr.Clip("one", [mr.Track(parts[70], "position", [0], [[9, 9, 9]])]))
    scene.at(1.0)
    expected = values[1].copy()
    expected[70] = (values[1, 70] + 9) / 2
    assert np.abs(scene.store.local_matrices(parts.ids)[:, :3, 3] - expected).max() < 1e-12
    scene.actions[1].weight = 0.0
    scene.at(1.0)
    assert (scene.store.local_matrices(parts.ids)[:, :3, 3] == values[1]).all()


@pytest.mark.parametrize("how", [{"weight": 0.5}, {"fade_in": 2.0}, {"additive": True}])
def test_a_long_track_takes_the_long_way_where_it_is_mixed(monkeypatch, how):
    values = curves("position", "linear", np.float64)
    scene, parts = scene_of(monkeypatch, levels()[-1])
    with parts.edit("position") as position:
        position[:] = 5
    scene.play(mr.Clip("c", [mr.Track(parts, "position", TIMES, values)]), loop="once", **how)
    scene.at(1.0)
    expected = 5 + values[1] - values[0] if "additive" in how else 0.5 * values[1] + 2.5
    assert np.abs(scene.store.local_matrices(parts.ids)[:, :3, 3] - expected).max() < 1e-12
    if "fade_in" in how:
        scene.at(2.5)  # at full weight now
        assert (scene.store.local_matrices(parts.ids)[:, :3, 3] == values[2]).all()
        scene.at(-1.0)
        assert (scene.store.local_matrices(parts.ids)[:, :3, 3] == 5).all()
