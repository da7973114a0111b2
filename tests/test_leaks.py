"""Everything made can be released, and is: live counts return to zero and memory stays flat."""

import ctypes
import functools
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import metarender as mr
from metarender.errors import DeviceError, WrongThreadError
from metarender.gpu import context_pool
from metarender.gpu.device import Device

LONG = bool(os.environ.get("METARENDER_LONG"))
"""METARENDER_LONG=1: 10,000 cycles of everything and 1,000 renderers, some minutes, instead of a few hundred."""
CYCLES, RENDERERS = (10_000, 1_000) if LONG else (300, 100)
SLOPE = 128
"""Bytes that a cycle may leave behind."""


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def small_scene() -> tuple[mr.Scene, mr.Camera]:
    scene = mr.Scene()
    texture = mr.Texture(np.full((16, 16, 4), 200, np.uint8), srgb=True)
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color_texture=texture)))
    scene.add(mr.Mesh(mr.sphere(0.5), mr.Standard(color=(1.0, 1.0, 1.0, 0.5), alpha_mode="blend")), position=(1, 0, 0))
    scene.add(mr.DirectionalLight(direction=(-1, -1, -1)))
    return scene, mr.PerspectiveCamera().look_at((2, 2, 3), (0, 0, 0))


@pytest.mark.slow
def test_promise_7_fifty_cycles_leave_nothing_behind():
    sizes = []
    for cycle in range(50):
        scene, camera = small_scene()
        with mr.Renderer(size=(64, 64), device="software") as renderer:
            assert np.ptp(renderer.render(scene, camera, outputs=("color", "ids")).color[..., :3]) > 0
            device = renderer.device
        assert device.live == {}
        del scene, renderer, device
        gc.collect()
        if cycle >= 10:
            sizes.append(resident())
    slope = np.polyfit(np.arange(len(sizes)), sizes, 1)[0]
    assert slope < 16_384, f"{slope:.0f} bytes per cycle"


def test_promise_7_what_a_scene_used_goes_with_it():
    with Device.open("software") as device, mr.Renderer(size=(32, 32), device=device) as renderer:
        renderer.render(mr.Scene())
        gc.collect()
        device.drain()
        before = dict(device.live)
        for _ in range(3):
            scene, camera = small_scene()
            renderer.render(scene, camera)
            assert device.live["buffer"] > before["buffer"]
            del scene, camera
            gc.collect()
            renderer.render(mr.Scene())
            gc.collect()
            device.drain()
        assert device.live.get("geometry", 0) == 0 and device.live.get("texture_layer", 0) == 0
        assert device.live.get("scene", 0) <= 1


def test_promise_7_a_shared_device_outlives_its_renderers():
    with Device.open("software") as device:
        for _ in range(2):
            scene, camera = small_scene()
            with mr.Renderer(size=(32, 32), device=device) as renderer:
                renderer.render(scene, camera)
        assert not device.closed
    assert device.live == {}


def test_promise_8_two_devices_never_see_each_other():
    scene, camera = small_scene()
    with mr.Renderer(size=(48, 48), device="software") as one, mr.Renderer(size=(48, 48), device="software") as two:
        assert one.device is not two.device
        first, second = one.render(scene, camera), two.render(scene, camera)
        assert np.array_equal(first.color, second.color)
        next(iter(scene.nodes)).position = (0, 1, 0)
        moved = one.render(scene, camera).color
        assert not np.array_equal(moved, first.color)
        assert np.array_equal(two.render(scene, camera).color, moved)


# --- cycles, to the byte ------------------------------------------------------------------------------------------------------


class Mallinfo(ctypes.Structure):
    """mallinfo2 of glibc 2.33."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                                                     "fordblks", "keepcost")]


def heap_in_use() -> tuple[int, int]:
    """Bytes that malloc has handed out, in all arenas and mappings; and blocks of Python's own allocator."""
    read = ctypes.CDLL(None).mallinfo2
    read.restype = Mallinfo
    # C code that looks up attributes by name (ModernGL does) leaves its strings in the cache of methods, which holds up to 4,096 of them.
    (getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache)()
    found = read()
    return found.uordblks + found.hblkhd, sys.getallocatedblocks()


def slopes(cycle: Callable[[], None], count: int, warm: int) -> NDArray[np.float64]:
    """Bytes of the C heap and blocks of Python that a cycle leaves behind: the least of five windows, in a long run their median.

    What every cycle leaves is in each window. A slab of 64 KiB that the driver takes once is in one of them; in a long run it is small
    there, and what is given back once must not make up for what is lost in the others.
    """
    for _ in range(warm):
        cycle()
    marks = np.zeros((6, 2))
    for window, mark in enumerate(marks):
        for _ in range(count // 5 if window else 0):
            cycle()
        gc.collect()
        mark[:] = heap_in_use()
    windows = np.diff(marks, axis=0) / (count // 5)
    print("bytes in each window:", np.round(windows[:, 0], 1).tolist(), "blocks:", np.round(windows[:, 1], 3).tolist())
    found: NDArray[np.float64] = np.median(windows, axis=0) if count >= 1_000 else windows.min(axis=0)
    return found


def cycles_of(renderer: mr.Renderer) -> dict[str, Callable[[], None]]:
    """Create, render, destroy: one of each kind."""
    device, camera = renderer.device, mr.PerspectiveCamera().look_at((2, 2, 3), (0, 0, 0))
    scene, material, geometry = mr.Scene(), mr.Standard(color="orange"), mr.box(1)
    scene.environment = None

    def draw(mesh: mr.Mesh) -> None:
        node = scene.add(mesh)
        renderer.render(scene, camera)
        node.remove()
        renderer.render(scene, camera)

    def buffer() -> None:
        device.create_buffer(4096, "cycle", b"x" * 4096).release()
        device.create_buffer(100)  # dropped, not released

    moved = scene.add(None)

    def clip() -> None:
        tracks = [mr.Track(moved, "position", [0, 1], np.ones((2, 3))), mr.Track(material, "roughness", [0, 1], [0, 1])]
        action = scene.play(mr.Clip("cycle", tracks))
        scene.at(0.5)
        action.stop()
        scene.at(0.5)

    def whole_scene() -> None:
        made, of = small_scene()
        renderer.render(made, of)
        del made
        gc.collect()
        renderer.render(scene, camera)

    return {
        "buffer": buffer,
        "texture": lambda: draw(mr.Mesh(geometry, mr.Unlit(color_texture=mr.Texture(np.full((16, 16, 4), 99, np.uint8), srgb=True)))),
        "mesh": lambda: draw(mr.Mesh(mr.sphere(0.5, segments=8), material)),
        "material": lambda: draw(mr.Mesh(geometry, mr.Standard(color="teal", roughness=0.3))),
        "scene": whole_scene,
        "clip": clip,
    }


needs_mallinfo = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="this C library has no mallinfo2")


def alone(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a process of its own: what earlier tests loaded, another Mesa for one, scatters the heap by more than is looked for."""

    @functools.wraps(test)
    def run(*arguments: object, **given: object) -> None:
        if os.environ.get("METARENDER_ALONE"):
            test(*arguments, **given)
            return
        name = os.environ["PYTEST_CURRENT_TEST"].rsplit(" ", 1)[0].partition("::")[2]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")} | {"METARENDER_ALONE": "1"}
        command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", f"{Path(__file__).name}::{name}"]
        done = subprocess.run(command, cwd=Path(__file__).parent, env=environment, capture_output=True, text=True, check=False)
        print(done.stdout)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@needs_mallinfo
@pytest.mark.slow
@pytest.mark.parametrize("kind", ("buffer", "texture", "mesh", "material", "scene", "clip"))
@alone
def test_promise_7_cycles_leave_nothing_on_the_heap(kind):
    count = CYCLES if LONG or kind != "scene" else 200
    with Device.open("software") as device, mr.Renderer(size=(32, 32), msaa=1, device=device) as renderer:
        cycle = cycles_of(renderer)[kind]
        cycle()
        gc.collect()
        device.drain()
        before = dict(device.live)
        bytes_left, blocks_left = slopes(cycle, count, 60 if kind == "scene" else 250)  # what the driver keeps is found early
        gc.collect()
        device.drain()
        print(f"{count} cycles of {kind}: {bytes_left:.1f} bytes and {blocks_left:.3f} blocks a cycle")
        assert dict(device.live) == before
        assert bytes_left <= SLOPE and blocks_left < 1
    assert device.live == {}


@needs_mallinfo
@alone
def test_a_cycle_that_leaves_something_is_seen():
    """200 bytes kept by malloc and a few objects of Python, each time."""
    kept, allocate, free = [], ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
    allocate.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    bytes_left, blocks_left = slopes(lambda: kept.append((allocate(200), object())), 300, 10)
    assert bytes_left > SLOPE and blocks_left >= 1
    for address, _ in kept:
        free(address)


@needs_mallinfo
@pytest.mark.slow
@alone
def test_promise_7_renderers_on_pooled_contexts_cost_what_opening_contexts_costs():
    """The control only opens and closes devices: contexts of the pool, reset by the driver each time."""
    scene, camera = small_scene()

    def control() -> None:
        Device.open("software").close()

    def renderer() -> None:
        with mr.Renderer(size=(32, 32), msaa=1, device="software") as made:
            made.render(scene, camera, outputs=("color", "ids"))
        assert made.device.live == {}
        gc.collect()

    floor, left = slopes(control, RENDERERS, 10), slopes(renderer, RENDERERS, 10)
    for name, (heap, blocks) in (("renderers", left), ("contexts alone", floor)):
        print(f"{RENDERERS} {name}: {heap:.1f} bytes and {blocks:.3f} blocks each")
    assert left[0] - max(floor[0], 0) <= SLOPE
    assert left[1] - max(floor[1], 0) < 1


@needs_mallinfo
@alone
def test_promise_7_a_lost_context_costs_what_a_destroyed_one_costs():
    """What each new context loses whatever is done (the names of its extensions, by ModernGL, and more in the driver) is the control."""
    scene, camera = small_scene()

    def control() -> None:
        Device.open("software").close()
        context_pool.close_parked()

    with mr.Renderer(size=(32, 32), msaa=1, device="software") as renderer:

        def loss() -> None:
            renderer.render(scene, camera, outputs=("color", "ids"))
            renderer.simulate_loss()
            renderer.restore()

        floor, left = slopes(control, 30, 6), slopes(loss, 30, 6)
    assert left[0] - max(floor[0], 0) <= SLOPE
    assert left[1] - max(floor[1], 0) < 1


# --- memory of others ---------------------------------------------------------------------------------------------------------

MARKER = b"SECRET-TOKEN-of-another-session."


def leave_markers(nbytes: int) -> None:
    """Free blocks of a size that hold the marker, so that memory which is not cleared shows it."""
    held = [np.frombuffer(MARKER * (nbytes // len(MARKER)), np.uint8).copy() for _ in range(8)]
    del held


def read_under_losses(renderer: mr.Renderer, monkeypatch: pytest.MonkeyPatch, rounds: int) -> list[bytes]:
    """What reads give: a device on the wrong thread, a lost context, and a driver that says nothing and writes nothing."""
    scene, camera = small_scene()
    given: list[bytes] = []

    def elsewhere(frame: mr.Frame) -> None:
        given.append(attempt(frame, WrongThreadError))

    for number in range(rounds):
        frame = renderer.render(scene, camera, outputs=("color", "ids", "depth"))
        leave_markers(64 * 64 * 4)
        thread = threading.Thread(target=elsewhere, args=(frame,))
        thread.start()
        thread.join()
        if number % 10 == 9:
            renderer.simulate_loss()
            given.append(attempt(frame, DeviceError))
            renderer.restore()
            continue
        with monkeypatch.context() as patched:
            patched.setattr(renderer.device.gl, "glReadPixels", lambda *_: None)
            given += [getattr(frame, output).tobytes() for output in ("color", "ids", "depth")]
    return given


def attempt(frame: mr.Frame, expected: type[Exception]) -> bytes:
    with pytest.raises(expected):
        return frame.color.tobytes()
    return b""


def test_a_read_never_returns_bytes_that_gl_did_not_write(monkeypatch):
    with mr.Renderer(size=(64, 64), msaa=1, device="software") as renderer:
        given = read_under_losses(renderer, monkeypatch, 2_700 if LONG else 50)
        assert len(given) > (10_000 if LONG else 150) and not any(MARKER in data for data in given)


def test_the_marker_is_found_where_memory_is_not_cleared(monkeypatch):
    """The test above can fail: with memory as the heap hands it out, the marker comes through."""
    with mr.Renderer(size=(64, 64), msaa=1, device="software") as renderer:
        renderer.render(*small_scene())
        monkeypatch.setattr("metarender.gpu.device.np.zeros", np.empty)
        monkeypatch.setattr(renderer.device.gl, "glReadPixels", lambda *_: None)
        target, found = renderer._context.color.result, False
        for _ in range(20):
            leave_markers(64 * 64 * 4)
            found = found or MARKER in renderer.device.read_pixels(target, "rgba8", (64, 64)).tobytes()
        assert found


def test_a_buffer_is_read_into_cleared_memory():
    with Device.open("software") as device:
        buffer = device.create_buffer(16384, data=b"\x07" * 16384)
        assert (device.gl.read_bytes("glGetNamedBufferSubData", 16384, buffer.name, 0) == 7).all()
        leave_markers(16384)
        assert not device.gl.read_bytes("glGetNamedBufferSubData", 16384, 12345, 0).any()
        assert device.gl.errors(), "the driver refused and wrote nothing"
