"""What the engine itself costs in a frame: no driver executes a draw here, and other threads are measured while it does.

``GL execution excluded``: draws, full-screen draws and waits are replaced by empty calls; everything else runs as always, uploads included.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest

import metarender as mr

FRAMES = 300


def plant(count: int) -> mr.Scene:
    """A clustered plant of that many parts over 1,000 geometries and 8 materials: machines of 6 m, pipes, slabs."""
    rng = np.random.default_rng(2)
    side = 0.8 * count ** (1 / 2)
    cluster = rng.uniform((-side, 0, -side), (side, 30, side), (max(count // 500, 1), 3))
    matrices = np.zeros((count, 3, 4))
    matrices[:, [0, 1, 2], [0, 1, 2]] = rng.uniform(0.1, 1.0, (count, 3))
    pipes = rng.random(count) < 0.05
    matrices[pipes, 0, 0] = rng.uniform(2, 20, pipes.sum())
    matrices[:, :, 3] = cluster[rng.integers(0, len(cluster), count)] + rng.normal(0, 3, (count, 3))
    scene = mr.Scene()
    scene.environment, scene.background = None, "#203040"
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1), shadow=False))
    geometries = [mr.box(1.0) for _ in range(1000)]
    materials = [mr.Standard(color=(k / 8, 0.5, 0.5)) for k in range(8)]
    scene.add_parts(geometries, materials, rng.integers(0, 1000, count), rng.integers(0, 8, count), matrices)
    return scene


def walk(camera: mr.Camera, step: int, side: float) -> None:
    """One step of a walk around in the plant; about a tenth of the parts is ahead."""
    angle = 0.01 * step
    east, north = np.cos(angle), np.sin(angle)
    eye = np.array((0.5 * side * east, 8.0, 0.5 * side * north))
    camera.look_at(eye, eye + (-north, -0.05, east))


def without_drawing(renderer: mr.Renderer) -> None:
    """From now on the driver executes nothing."""
    for name in ("glMultiDrawElementsIndirect", "glDrawArrays", "glFinish"):
        setattr(renderer.device.gl, name, lambda *_: None)


def frame_ms(count: int, moves: bool) -> tuple[float, mr.Stats]:
    """Median milliseconds of ``Renderer.render``."""
    scene, camera, times = plant(count), mr.PerspectiveCamera(fov=60.0), []
    with mr.Renderer((64, 64), msaa=1, device="software") as renderer:
        walk(camera, 0, 0.8 * count ** 0.5)
        renderer.render(scene, camera)
        without_drawing(renderer)
        for step in range(FRAMES):
            if moves:
                walk(camera, step, 0.8 * count ** 0.5)
            start = time.perf_counter()
            stats = renderer.render(scene, camera).stats
            times.append(time.perf_counter() - start)
    assert stats.nodes >= count and stats.instances == stats.visible > 0.005 * count
    return float(np.median(times[20:])) * 1e3, stats


@pytest.mark.parametrize(("count", "limit"), [(100_000, 0.3), (1_000_000, 1.0)])
def test_engine_cost_of_a_frame_while_the_camera_moves(count, limit, capsys, record_property):
    cost, stats = frame_ms(count, moves=True)
    record_property("ms", round(cost, 4))
    with capsys.disabled():
        print(f"\n{count:,} parts, camera moving: {cost:.3f} ms of engine; {stats.visible:,} visible, {stats.commands:,} commands, "
              f"{stats.gl_calls} GL calls")
    assert cost <= limit


def test_an_idle_frame_does_not_know_the_size(capsys):
    small, large = frame_ms(10_000, moves=False)[0], frame_ms(1_000_000, moves=False)[0]
    with capsys.disabled():
        print(f"\nidle frame: {small:.4f} ms with 10,000 parts, {large:.4f} ms with 1,000,000: {large / small:.2f}")
    assert large / small <= 1.5


OTHER_THREAD = """
import threading, time
import numpy as np
import metarender as mr

scene = mr.Scene()
balls = scene.add_instances(mr.sphere(0.3, 24, 12), mr.Standard(color="orange"), count=2000)
with balls.edit("position") as position:
    position[:] = np.random.default_rng(1).uniform(-20, 20, (2000, 3))
camera = mr.PerspectiveCamera().look_at((30, 20, 40), (0, 0, 0))
turns, stop = 0, threading.Event()

def spin():
    global turns
    while not stop.is_set():
        turns += 1

def speed(call, seconds):
    start, before = time.perf_counter(), turns
    while time.perf_counter() - start < seconds:
        call()
    return (turns - before) / (time.perf_counter() - start)

with mr.Renderer((1280, 720), device="software") as renderer:
    renderer.render(scene, camera).color
    other = threading.Thread(target=spin)
    other.start()
    alone = speed(lambda: time.sleep(0.05), 2.0)
    drawing = speed(lambda: renderer.render(scene, camera).color, 4.0)
    stop.set()
    other.join()
print(drawing / alone)
"""


def test_another_thread_runs_while_the_engine_waits_for_the_driver(monkeypatch, capsys):
    """Frames of 2,000 spheres at 1280 x 720 with read-back: the driver works or is waited for nearly all the time."""
    monkeypatch.setenv("LP_NUM_THREADS", "1")
    run = subprocess.run([sys.executable, "-c", OTHER_THREAD], capture_output=True, text=True, check=True)
    share = float(run.stdout)
    with capsys.disabled():
        print(f"\nanother thread runs at {share:.0%} of its speed while frames are drawn and read back")
    assert share >= 0.5


def test_a_thousand_steady_frames_hold_no_memory(capsys):
    """Net growth of what Python has allocated while the camera walks on; the warm-up replaces what the
    interpreter kept in its free lists from before the tracing."""
    scene, camera = plant(10_000), mr.PerspectiveCamera(fov=60.0)
    with mr.Renderer((64, 64), msaa=1, device="software") as renderer:
        without_drawing(renderer)

        def frames(count):
            for step in range(count):
                walk(camera, step % 500, 80.0)
                renderer.render(scene, camera)
            gc.collect()

        tracemalloc.start()
        for _ in range(12):
            frames(500)
        before = tracemalloc.get_traced_memory()[0]
        frames(1000)
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
    with capsys.disabled():
        print(f"\n1,000 frames: {grown} bytes more")
    assert grown <= 1024
