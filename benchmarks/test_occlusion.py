"""Whole frames with what is out of sight left out, against the same frames with everything drawn."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

import metarender as mr
from metarender import renderer as module
from metarender._core import cull

SIZE = (320, 180)


def frame_seconds(renderer, scene, camera, rounds=3):
    """Shortest time of a finished frame, seconds, and its counters."""
    times, stats = [], None
    for _ in range(rounds):
        start = time.perf_counter()
        frame = renderer.render(scene, camera)
        color = frame.color
        times.append(time.perf_counter() - start)
        assert np.ptp(color[..., :3]) > 0, "the picture is empty"
        stats = frame.stats
    return min(times), stats


def keep_everything(views):
    """Cull with planes that cut nothing; the constants keep the real matrices."""
    wide = np.diag([1e-9, 1e-9, 0.0, 0.0])
    wide[2, 3] = wide[3, 3] = 1.0
    for view in views:
        view.configure(np.eye(4), wide)
    cull(views)


def a_million_boxes(share, count=1_000_000):
    """Boxes all around the eye, thinning out so that no picture is filled by a few; a camera that sees about `share` of them."""
    rng = np.random.default_rng(9)
    scene = mr.Scene()
    scene.environment, scene.background = None, "#203040"
    boxes = scene.add_instances(mr.box(0.2), mr.Unlit(color="orange"), count=count)
    direction = rng.normal(size=(count, 3))
    with boxes.edit("position") as position:
        position[:] = direction / np.linalg.norm(direction, axis=1, keepdims=True) * rng.uniform(60, 400, (count, 1))
    # A square picture of half angle a sees the solid angle 4 asin(sin^2 a) of 4 pi.
    half = math.asin(math.sqrt(math.sin(share * math.pi)))
    camera = mr.PerspectiveCamera(fov=math.degrees(2 * half), aspect=1.0).look_at((0, 0, 0), (1, 0.2, -0.5))
    return scene, camera


def only(scene, camera):
    """A scene of nothing but the boxes that a camera sees: what a frame costs at least, whoever culls."""
    position = scene.store.world_matrices(scene.query(frustum=camera, aspect=1.0))[:, :3, 3]
    least = mr.Scene()
    least.environment, least.background = None, "#203040"
    with least.add_instances(mr.box(0.2), mr.Unlit(color="orange"), count=len(position)).edit("position") as target:
        target[:] = position
    return least


def test_a_million_boxes_with_5_percent_in_sight(benchmark, monkeypatch):
    """With culling the frame costs what its visible boxes cost alone. How often that goes into the frame without is the driver's:
    it takes 0.22 us for a box that it clips away and 0.55 us for one in the picture, 1 + 0.95 x 0.22 / (0.05 x 0.55) = 8.6."""
    scene, camera = a_million_boxes(0.05)
    least = only(scene, camera)
    with mr.Renderer((64, 64), msaa=1, device="software") as renderer:
        renderer.render(least, camera)
        floor, alone = frame_seconds(renderer, least, camera, 8)
        renderer.render(scene, camera)
        on, culled = frame_seconds(renderer, scene, camera, 8)
        benchmark.pedantic(lambda: renderer.render(scene, camera).color, rounds=3)
        monkeypatch.setattr(module, "cull", keep_everything)
        off, kept = frame_seconds(renderer, scene, camera, 3)
    benchmark.extra_info |= {"on_ms": on * 1e3, "off_ms": off * 1e3, "ratio": off / on, "floor_ms": floor * 1e3, "visible": culled.visible,
                             "all": kept.visible}
    assert kept.visible == 1_000_000 and 0.03 < culled.visible / kept.visible < 0.06 and alone.visible == culled.visible
    assert on <= 1.15 * floor and off / on >= 6, benchmark.extra_info


def plant_of_rooms(rooms):
    """Rooms of 6 m with doors; in each, racks of small spheres: many vertices behind few walls."""
    rng = np.random.default_rng(2)
    scene = mr.Scene()
    scene.environment, scene.background = None, "#000000"
    box, white, edge = mr.box(1.0), mr.Unlit(color="#c0c0b8"), 6.0 * rooms
    slabs = [((0, -0.2, 0), (edge, 0, edge)), ((0, 3, 0), (edge, 3.2, edge))]
    for i in range(rooms + 1):
        for j in range(rooms):
            at, start, door = 6.0 * i, 6.0 * j, 6.0 * j + rng.uniform(1, 4)
            slabs += [((at - 0.1, 0, a), (at + 0.1, 3, b)) for a, b in ((start, door), (door + 1, start + 6))]
            slabs += [((a, 0, at - 0.1), (b, 3, at + 0.1)) for a, b in ((start, door), (door + 1, start + 6))]
    for low, high in slabs:
        low, high = np.array(low, float), np.array(high, float)
        scene.add(mr.Mesh(box, white), position=(low + high) / 2, scale=high - low)
    count = rooms * rooms * 200
    parts = scene.add_instances(mr.sphere(0.08, 16, 8), mr.Unlit(color="orange"), count=count)
    with parts.edit("position") as position:
        cell = np.repeat(np.indices((rooms, rooms)).reshape(2, -1).T, 200, axis=0)
        corner = np.stack([6 * cell[:, 0], np.zeros(count), 6 * cell[:, 1]], axis=1)
        position[:] = corner + rng.uniform((0.5, 0.1, 0.5), (5.5, 2.8, 5.5), (count, 3))
    return scene, edge


@pytest.mark.parametrize("rooms", [12])
def test_an_interior_with_and_without_occlusion(benchmark, rooms):
    scene, edge = plant_of_rooms(rooms)
    rng = np.random.default_rng(5)
    cameras = []
    for _ in range(12):
        eye = np.floor(rng.uniform(0, edge, 3) / 6) * 6 + (3, 0, 3)
        eye[1] = 1.6
        cameras.append(mr.PerspectiveCamera(fov=60.0).look_at(eye, eye + rng.normal(size=3) * (1, 0.1, 1)))
    ways = (False, "cpu", "gpu")
    times, counts = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
    with mr.Renderer(SIZE, msaa=1, device="software") as renderer:
        for camera in cameras:
            pictures = []
            for renderer.occlusion in ways:
                pictures.append(renderer.render(scene, camera).color)  # gives the device a past
                seconds, stats = frame_seconds(renderer, scene, camera)
                times[renderer.occlusion] += seconds
                counts[renderer.occlusion] += renderer.count_kept() if renderer.occlusion == "gpu" else stats.visible
                pictures.append(renderer.render(scene, camera).color)
            assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
        renderer.occlusion = "cpu"
        benchmark.pedantic(lambda: renderer.render(scene, cameras[0]).color, rounds=3)
    for way, name in zip(ways, ("without", "cpu", "gpu"), strict=True):
        benchmark.extra_info |= {f"{name}_ms": times[way] / 12 * 1e3, f"{name}_ratio": times[False] / times[way],
                                 f"{name}_drawn": counts[way] / 12}
    assert times[False] / times["cpu"] > 1.5 and times[False] / times["gpu"] > 1.5, benchmark.extra_info
    assert counts["gpu"] < 1.2 * counts["cpu"] < 0.5 * counts[False], benchmark.extra_info
