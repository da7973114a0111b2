"""Fields, poses of bodies and retargeted motion: what a step of a simulation costs beside plain numpy in the same run."""

from __future__ import annotations

import time

import numpy as np
from clock import best

import metarender as mr
from metarender.humans import Motion, Skeleton, retarget


def test_ten_thousand_bodies_from_arrays(benchmark):
    """Positions and quaternions in one call, beside the matrices that numpy makes of them and `set` takes."""
    count, rng = 10_000, np.random.default_rng(0)
    position, q = rng.uniform(-50, 50, (count, 3)), rng.normal(size=(count, 4))
    q /= np.linalg.norm(q, axis=1)[:, None]
    parts = mr.Scene().add_instances(mr.box(1), mr.Standard(), count)
    matrix = np.tile(np.eye(4), (count, 1, 1))

    def by_numpy():
        x, y, z, w = q.T
        matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 0, 2] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
        matrix[:, 1, 0], matrix[:, 1, 1], matrix[:, 1, 2] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
        matrix[:, 2, 0], matrix[:, 2, 1], matrix[:, 2, 2] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
        matrix[:, :3, 3] = position
        parts.set(slice(None), matrix=matrix)

    ours, theirs = [], []
    for _ in range(40):
        for times, call in ((ours, lambda: parts.set_poses(position, q)), (theirs, by_numpy)):
            start = time.perf_counter()
            call()
            times.append(time.perf_counter() - start)
    benchmark(lambda: parts.set_poses(position, q))
    benchmark.extra_info["objects"] = len(parts)
    benchmark.extra_info["numpy_over_ours"] = round(float(np.median(theirs) / np.median(ours)), 2)
    assert len(parts) == count and np.median(ours) < np.median(theirs)


def test_a_step_of_a_field_of_a_million_vertices(benchmark):
    """Blending two frames and writing what is shown, beside the same blend in numpy: a frame uploads 4 bytes a vertex and nothing else."""
    side = 1000
    x, z = np.meshgrid(np.linspace(-1, 1, side, dtype=np.float32), np.linspace(-1, 1, side, dtype=np.float32))
    corner = np.arange(side * side).reshape(side, side)[::50, ::50]
    triangles = np.stack([corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:]], axis=-1).ravel()
    geometry = mr.Geometry(positions=np.stack([x, 0 * x, z], axis=-1).reshape(-1, 3), indices=triangles)
    values = np.random.default_rng(1).uniform(0, 1, (3, side * side)).astype(np.float32)
    values.flags.writeable = False
    field, scene = mr.Field(values, [0, 1, 2]), mr.Scene()
    scene.add(mr.Mesh(geometry.with_field(field), mr.Heat()))
    camera = mr.PerspectiveCamera().look_at((0, 2, 2), (0, 0, 0))
    with mr.Renderer(size=(64, 64), msaa=1, device="software") as renderer:
        renderer.render(scene, camera)
        moments = iter(np.linspace(0.01, 1.99, 10_000))

        def step():
            field.at(float(next(moments)))
            return renderer.render(scene, camera).stats

        stats = benchmark.pedantic(step, rounds=20, warmup_rounds=2)
        assert stats.bytes_uploaded == 4 * side * side and stats.bytes_view == 0 and stats.nodes == 1
        blend = best(lambda: values[0] + (values[1] - values[0]) * np.float32(0.3), 10)
        benchmark.extra_info["over_numpy_blend"] = round(benchmark.stats.stats.median / blend, 2)


def test_retarget_a_minute_of_motion(benchmark):
    """Thirty joints at 120 frames a second, all at once; microseconds for each joint and frame."""
    joints, frames, rng = 30, 7200, np.random.default_rng(2)
    parents = np.array([-1, *(int(rng.integers(0, k)) for k in range(1, joints))])
    names = tuple(f"joint {k}" for k in range(joints))
    still = np.tile((0.0, 0.0, 0.0, 1.0), (joints, 1))
    skeleton = Skeleton(names, parents, rng.normal(size=(joints, 3)), still, np.eye(4))
    rotations = rng.normal(size=(frames, joints, 4))
    rotations /= np.linalg.norm(rotations, axis=2, keepdims=True)
    motion = Motion(skeleton, np.arange(frames) / 120, rotations, np.repeat(skeleton.positions[None], frames, axis=0))
    made = benchmark.pedantic(lambda: retarget(motion, skeleton, {name: name for name in names}), rounds=3)
    assert made.rotations.shape == (frames, joints, 4)
    benchmark.extra_info["ns_per_joint_and_frame"] = round(benchmark.stats.stats.median / joints / frames * 1e9)
