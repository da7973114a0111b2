"""What a frame may cost: exact counters, the same on every machine."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

import metarender as mr
from metarender.testing.budgets import count_calls


def many(count: int, materials: int = 8) -> tuple[mr.Scene, mr.Camera]:
    """A cube of boxes over the same materials, every one a node of its own."""
    scene = mr.Scene()
    box = mr.box(0.5)
    meshes = [mr.Mesh(box, mr.Standard(color=(i / 10, 0.5, 0.5))) for i in range(materials)]
    side = round(count ** (1 / 3)) + 1
    nodes = [scene.add(meshes[i % materials]) for i in range(count)]
    grid = np.indices((side, side, side)).reshape(3, -1).T[:count].astype(float)
    scene.set([node.id for node in nodes], position=grid)
    camera = mr.PerspectiveCamera().look_at(np.array([2.2, 1.9, 3.0]) * side, np.full(3, side / 2))
    return scene, camera


def calls_of(function) -> tuple[int, int]:
    """Python and C calls that a function makes."""
    return count_calls(function)[1:]


@pytest.mark.slow
def test_promise_1_nothing_per_object_happens_in_python(device):
    counts, stats = [], []
    for count in (1_000, 100_000):
        scene, camera = many(count)
        with mr.Renderer(size=(64, 64), msaa=1, device=device) as renderer:
            for _ in range(3):
                frame = renderer.render(scene, camera)
            camera.position = camera.position + 0.01
            counts.append(calls_of(lambda: renderer.render(scene, camera)))  # noqa: B023
            stats.append((frame.stats.draw_calls, frame.stats.gl_calls))
            assert frame.stats.instances == count
    assert counts[0] == counts[1]
    assert stats[0] == stats[1]


@pytest.mark.slow
def test_promise_1_ten_thousand_and_a_million_parts_make_the_same_calls_at_most_30_of_them_to_the_driver(device):
    """One view without shadows: the camera moves through a thousand geometries of which it sees a few."""
    found, geometries = [], [mr.box(0.2) for _ in range(1000)]
    for count in (10_000, 1_000_000):
        rng = np.random.default_rng(4)
        scene = mr.Scene()
        scene.environment = None
        scene.add(mr.DirectionalLight(direction=(-1, -2, -1), shadow=False))
        matrices = np.tile(np.eye(4)[:3], (count, 1, 1))
        matrices[:, :, 3] = rng.uniform(-1000, 1000, (count, 3))
        scene.add_parts(geometries, [mr.Standard(color="orange")], rng.integers(0, 1000, count), np.zeros(count, int), matrices)
        camera = mr.PerspectiveCamera(fov=5.0).look_at((0, 0, 0), (0, 0, -1))
        with mr.Renderer(size=(32, 32), msaa=1, device=device) as renderer:
            for _ in range(3):
                renderer.render(scene, camera)
            camera.position = camera.position + 0.01
            frames = []
            calls = calls_of(lambda: frames.append(renderer.render(scene, camera)))  # noqa: B023
            stats = frames[0].stats
            assert stats.bytes_view > 0 and stats.bytes_uploaded == 0 and 0 < stats.visible < count / 100
            found.append((calls, stats.draw_calls, stats.gl_calls))
    assert found[0] == found[1] and found[0][2] <= 30


@pytest.mark.slow
def test_promise_1_holds_for_blended_surfaces_that_alternate(device):
    """Panes of two shaders and two sides in turns: batches grow with the panes, calls of Python do not."""
    counts = []
    for count in (100, 4_000):
        scene = mr.Scene()
        kinds = [mr.Unlit(color=(0.2, 0.4, 0.9, 0.5), alpha_mode="blend"),
                 mr.Standard(color=(0.9, 0.4, 0.2, 0.5), alpha_mode="blend", double_sided=True)]
        for number in range(count):
            scene.add(mr.Mesh(mr.plane(1), kinds[number % 2]), position=(0, -0.01 * number, 0))
        camera = mr.PerspectiveCamera().look_at((0, 3, 0.1), (0, 0, 0))
        with mr.Renderer(size=(16, 16), msaa=1, device=device) as renderer:
            for _ in range(3):
                frame = renderer.render(scene, camera)
            camera.position = camera.position + 0.001
            counts.append(calls_of(lambda: renderer.render(scene, camera)))  # noqa: B023
            assert frame.stats.draw_calls == count
    assert counts[0] == counts[1]


def test_promise_4_moving_the_camera_uploads_nothing_per_object(renderer):
    scene, camera = many(500)
    renderer.render(scene, camera)
    for step in range(3):
        camera.position = camera.position + (0.1 * step, 0.05, -0.1)
        assert renderer.render(scene, camera).stats.bytes_uploaded == 0
    still = renderer.render(scene, camera)
    assert still.stats.bytes_uploaded == 0 and renderer.render(scene, camera).stats.bytes_view == 0


def test_moving_one_node_uploads_its_page(renderer):
    scene, camera = many(5_000)
    renderer.render(scene, camera)
    next(iter(scene.nodes)).position = (0.1, 0, 0)
    uploaded = renderer.render(scene, camera).stats.bytes_uploaded
    assert 0 < uploaded <= 3 * 64 * 48


HASH = """
import hashlib, sys
sys.path.insert(0, {tests!r})
from gpu.test_frame_contract import picture
print(hashlib.sha256(picture({history}).tobytes()).hexdigest())
"""


def picture(history: bool) -> np.ndarray:
    """A settled scene; with a history of edits that ends in the same ids and content, or without."""
    scene = mr.Scene()
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1)))
    box, ball = mr.box(0.6), mr.sphere(0.4)
    materials = [mr.Standard(color=(i / 8, 0.4, 0.6), roughness=0.3) for i in range(8)]
    glass = mr.Standard(color=(0.2, 0.6, 1.0, 0.4), alpha_mode="blend")
    order = range(120)
    nodes = {}
    for i in order:
        thing = mr.Mesh(box if i % 3 else ball, glass if i % 11 == 0 else materials[i % 8])
        nodes[i] = scene.add(thing if not (history and i % 7 == 0) else None, position=(0, 0, 0) if history else place(i))
    if history:
        with mr.Renderer(size=(32, 32), msaa=1, device="software") as other:
            other.render(scene)
            for i in reversed(order):
                nodes[i].position = place(i)
                nodes[i].mesh = mr.Mesh(box if i % 3 else ball, glass if i % 11 == 0 else materials[i % 8])
            other.render(scene)
    scene.settle()
    with mr.Renderer(size=(160, 120), device="software") as renderer:
        return renderer.render(scene, mr.PerspectiveCamera().look_at((7, 6, 9), (2, 2, 2))).color


def place(i: int) -> tuple[float, float, float]:
    return (i % 5) * 1.0, (i // 5 % 5) * 1.0, (i // 25) * 1.0 + 0.1 * (i % 3)


@pytest.mark.slow
def test_promise_3_one_picture_whatever_the_process_threads_and_history():
    import os
    from pathlib import Path

    hashes = set()
    for threads, history in (("1", False), ("2", False), ("2", True)):
        script = HASH.format(tests=str(Path(__file__).parent.parent), history=history)
        run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False,
                             env={**os.environ, "LP_NUM_THREADS": threads, "PYTHONHASHSEED": threads})
        assert run.returncode == 0, run.stderr
        hashes.add(run.stdout.strip())
    assert hashes == {hashlib.sha256(picture(False).tobytes()).hexdigest()}
