"""What poses cost: palettes of a crowd against numpy doing the same, and a frame of the crowd without a driver that executes draws."""

from __future__ import annotations

import time

import numpy as np
import pytest

import metarender as mr

FIGURES, JOINTS = 1000, 24


def crowd() -> tuple[mr.Scene, np.ndarray, mr.Skin]:
    """Figures of one geometry and one skin; ids of their joints in chains of four below a root, (figures, joints)."""
    rng, scene = np.random.default_rng(1), mr.Scene()
    scene.environment = None
    ball = mr.sphere(0.5, 24, 16)
    weights = rng.uniform(0, 1, (ball.vertex_count, 4))
    geometry = mr.Geometry(positions=ball.positions, normals=ball.normals, indices=ball.indices,
                           joints=rng.integers(0, JOINTS, (ball.vertex_count, 4)), weights=weights)
    mesh, matrices = mr.Mesh(geometry, mr.Standard()), np.tile(np.eye(4), (JOINTS, 1, 1))
    matrices[:, :3, 3] = rng.uniform(-0.2, 0.2, (JOINTS, 3))
    skin = mr.Skin(matrices)
    chain = np.array([-1, *(0 if k % 4 == 0 else k for k in range(JOINTS))])  # the root, then six chains of four
    parents = np.concatenate([np.where(chain < 0, -1, chain + first) for first in range(0, FIGURES * (JOINTS + 1), JOINTS + 1)])
    joints = scene.add_many(parents).reshape(FIGURES, JOINTS + 1)
    side = int(np.ceil(np.sqrt(FIGURES)))
    place = np.stack([np.arange(FIGURES) % side, np.zeros(FIGURES), np.arange(FIGURES) // side], axis=1) * 1.5
    scene.set(joints[:, 0], position=place)
    for row in joints:
        scene.bind(scene.add(mesh), skin, row[1:])
    scene.settle()
    return scene, joints[:, 1:], skin


def rotations(step: int) -> np.ndarray:
    """Small turns of all joints, (figures x joints, 4)."""
    angle = 0.1 * np.sin(np.arange(FIGURES * JOINTS) + step)
    return np.stack([np.sin(angle), np.zeros_like(angle), np.zeros_like(angle), np.cos(angle)], axis=1)


@pytest.fixture(scope="module")
def posed():
    return crowd()


def best(call, rounds: int = 15) -> float:
    """Shortest of some runs, seconds."""
    found = []
    for step in range(rounds):
        start = time.perf_counter()
        call(step)
        found.append(time.perf_counter() - start)
    return min(found)


@pytest.mark.benchmark(group="poses")
def test_palettes_of_a_thousand_figures_against_numpy(benchmark, posed):
    """Ours: world transforms of all joints, palettes, boxes of all figures. Numpy: palettes alone, from world matrices that it is given."""
    scene, joints, skin = posed
    turns = [rotations(step) for step in range(2)]
    ids, inverse = joints.ravel(), skin.inverse_bind_matrices

    def ours(step: int) -> None:
        scene.set(ids, rotation=turns[step % 2])
        scene.update()

    def update_alone() -> float:
        scene.set(ids, rotation=turns[0])
        start = time.perf_counter()
        scene.update()
        return time.perf_counter() - start

    world = scene.store.world_matrices(ids).reshape(FIGURES, JOINTS, 4, 4)

    def theirs(step: int) -> None:
        np.ascontiguousarray((world @ inverse)[:, :, :3].astype(np.float32))

    before = scene.store.stats["joints_posed"]
    benchmark.pedantic(ours, args=(1,), rounds=5)
    assert scene.store.stats["joints_posed"] - before >= FIGURES * JOINTS
    pairs = [(update_alone(), best(theirs, 1)) for _ in range(15)]
    a, b = np.median(pairs, axis=0)
    benchmark.extra_info |= {"figures": FIGURES, "joints": FIGURES * JOINTS, "update_ns_per_joint": 1e9 * a / (FIGURES * JOINTS),
                             "numpy_palette_ns_per_joint": 1e9 * b / (FIGURES * JOINTS), "update_over_numpy_palettes": a / b}


@pytest.mark.benchmark(group="poses")
def test_a_frame_of_a_thousand_moving_figures(benchmark, posed):
    """Set the rotations of all joints, update, upload, build the list; the picture is one draw call."""
    scene, joints, _ = posed
    turns = [rotations(step) for step in range(2)]
    camera = mr.PerspectiveCamera(fov=60).look_at((24, 60, 110), (24, 0, 24))
    with mr.Renderer(size=(64, 64), msaa=1, device="software") as renderer:
        steps = iter(range(10**9))

        def frame():
            scene.set(joints.ravel(), rotation=turns[next(steps) % 2])
            return renderer.render(scene, camera)

        frame()
        found = benchmark.pedantic(frame, rounds=10)
        assert (found.stats.instances, found.stats.draw_calls) == (FIGURES, 1)
        benchmark.extra_info |= {"bytes_uploaded": found.stats.bytes_uploaded, "gl_calls": found.stats.gl_calls}


@pytest.mark.benchmark(group="poses")
def test_instances_that_show_one_row_of_weights_against_a_row_each(benchmark):
    """100,000 instances with 20 morphs animated: by the weights of the node above, and by weights of their own in one call."""
    count, morphs, ball = 100_000, 20, mr.sphere(0.5, 16, 12)
    geometry = mr.Geometry(positions=ball.positions, normals=ball.normals, indices=ball.indices,
                           morphs=[mr.Morph(ball.positions * (0.01 + 0.01 * number)) for number in range(morphs)])
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, :3, 3] = np.random.default_rng(2).uniform(-300, 300, (count, 3))
    weights = np.random.default_rng(3).uniform(0, 1, (64, morphs)).astype(np.float32)
    shared, alone = mr.Scene(), mr.Scene()
    owner = shared.add(mr.Mesh(geometry, mr.Standard()))
    shared.add_instances(geometry, mr.Standard(), matrices=matrices, parent=owner)
    ids = alone.add_instances(geometry, mr.Standard(), matrices=matrices).ids
    offsets = np.arange(count + 1) * morphs

    def one(step: int = 0) -> None:
        owner.weights = weights[step % 64]
        shared.update()

    def each(step: int = 0) -> None:
        alone.store.set_morph_weights(ids, offsets, np.tile(weights[step % 64], count))
        alone.update()

    steps = iter(range(1 << 30))
    benchmark(lambda: one(next(steps)))
    benchmark.extra_info["instances"] = shared.store.draw_count - 1
    benchmark.extra_info["times a row each"] = best(each, 5) / best(one, 5)
    assert shared.store.draw_count - 1 == alone.store.draw_count == count
    np.testing.assert_allclose(np.ptp(alone.bounds, axis=0), np.ptp(shared.bounds, axis=0), atol=2)
