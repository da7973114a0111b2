"""Device on the real driver: contexts do not mix, errors are not missed, everything made is released."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarender._core import EntryPoint
from metarender.errors import DeviceError, InvalidInput, OutOfDeviceMemory, ReleasedError, WrongThreadError
from metarender.gpu import context_pool
from metarender.gpu import gl_extra as g
from metarender.gpu.device import Device
from metarender.gpu.resources import Framebuffer


@pytest.fixture
def device() -> Iterator[Device]:
    with Device.open(debug=True) as opened:
        yield opened


def painted(device: Device, red: int) -> Framebuffer:
    texture = device.create_texture_2d(4, 4, g.GL_RGBA8)
    framebuffer = device.create_framebuffer([texture])
    device.gl.clear_float(framebuffer.name, 0, (red / 255, 0.0, 0.0, 1.0))
    return framebuffer


def run_in_thread(function: Callable[[], Any]) -> Any:
    """Run in a new thread; return its value or raise what it raised."""
    box: list[Any] = []

    def body() -> None:
        try:
            box.append((True, function()))
        except BaseException as error:
            box.append((False, error))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    ok, value = box[0]
    if not ok:
        raise value
    return value


def test_capabilities_and_state(device: Device) -> None:
    caps = device.capabilities
    assert caps.version >= (4, 3) and caps.max_texture_size >= 4096 and caps.max_samples >= 4
    assert caps.has("debug") and caps.has("clear_texture") and caps.to_dict()["version"] == list(caps.version)
    with pytest.raises(KeyError):
        caps.has("no such rung")
    assert device.gl.integer(0x935C) == g.GL_LOWER_LEFT and device.gl.integer(0x935D) == g.GL_ZERO_TO_ONE
    assert not device.gl.glIsEnabled(g.GL_PRIMITIVE_RESTART)
    assert device.gl.integer(0x0B74) == g.GL_GREATER
    assert device.ctx.version_code >= 430


def test_software_key_names_mesa_and_llvm(device: Device) -> None:
    if not device.capabilities.software:
        pytest.fail("the tests run on Mesa's software driver; set METARENDER_DEVICE=software")
    assert device.rasteriser_key.startswith("llvmpipe-") and "-llvm" in device.rasteriser_key


def test_two_devices_on_one_thread_do_not_mix_pixels() -> None:
    context_pool.close_parked()  # new contexts, whose names start alike
    with Device.open() as first, Device.open() as second:
        a = painted(first, 200)
        second.use()
        b = painted(second, 50)
        assert a.name == b.name  # each context counts its own names, so a mix-up would read the other's picture
        for _ in range(3):
            assert first.read_pixels(a, "rgba8", (4, 4))[0, 0, 0] == 200
            assert second.read_pixels(b, "rgba8", (4, 4))[0, 0, 0] == 50


def test_two_devices_on_two_threads_do_not_mix_pixels() -> None:
    barrier = threading.Barrier(2, timeout=30)

    def work(red: int) -> bool:
        with Device.open() as device:
            framebuffer = painted(device, red)
            barrier.wait()
            return all((device.read_pixels(framebuffer, "rgba8", (4, 4))[..., 0] == red).all() for _ in range(50))

    results: list[bool] = []
    threads = [threading.Thread(target=lambda red=red: results.append(work(red))) for red in (10, 240)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True, True]


def test_wrong_thread_is_refused_everywhere(device: Device) -> None:
    framebuffer = painted(device, 1)
    calls: list[Callable[[], Any]] = [
        lambda: device.read_pixels(framebuffer, "rgba8", (1, 1)),
        lambda: device.create_buffer(16),
        lambda: device.create_texture_2d(1, 1, g.GL_RGBA8),
        lambda: device.create_sampler({}),
        lambda: device.create_framebuffer(framebuffer.attachments),
        device.use,
        device.finish,
        device.drain,
        device.close,
    ]
    for call in calls:
        with pytest.raises(WrongThreadError, match="thread"):
            run_in_thread(call)
    assert not device.closed


def test_use_after_close_is_refused() -> None:
    device = Device.open()
    framebuffer = painted(device, 1)
    device.close()
    device.close()
    assert device.closed and device.live == {}
    framebuffer.release()
    for call in (device.use, device.drain, lambda: device.create_buffer(4), lambda: device.read_pixels(framebuffer, "rgba8", (1, 1))):
        with pytest.raises(ReleasedError, match="closed"):
            call()


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_promise_7_fifty_open_close_cycles_leave_nothing() -> None:
    def cycle() -> None:
        device = Device.open()
        keep = [device.create_buffer(100_000), device.create_texture_2d(256, 256, g.GL_RGBA16F), painted(device, 1)]
        program = device.ctx.program(vertex_shader="#version 430\nvoid main() { gl_Position = vec4(0); }")
        device.track("program", program.glo, program.release)
        assert sum(device.live.values()) >= 4 and keep
        device.close()
        assert device.live == {} and device.live_bytes == {}

    for _ in range(8):
        cycle()
    gc.collect()
    parked, before = context_pool.parked_count(), resident_kib()
    for _ in range(50):
        cycle()
    gc.collect()
    assert context_pool.parked_count() == parked
    assert resident_kib() - before < 1024  # a context made anew each time would leak 50 x 45 KiB


def test_a_parked_context_moves_to_another_thread_and_starts_clean() -> None:
    context_pool.close_parked()
    device = Device.open()
    gl = device.gl
    buffer = device.create_buffer(64)
    states = (g.GL_BLEND, g.GL_SCISSOR_TEST, g.GL_CULL_FACE, g.GL_POLYGON_OFFSET_FILL, g.GL_SAMPLE_ALPHA_TO_COVERAGE, g.GL_DEPTH_CLAMP)
    for name in states:
        gl.glEnable(name)
    gl.glColorMask(0, 0, 0, 0)
    gl.glDepthFunc(g.GL_ALWAYS)
    gl.glBindBufferBase(g.GL_SHADER_STORAGE_BUFFER, 3, buffer.name)
    device.close()
    assert context_pool.parked_count() == 1

    def reopened() -> tuple[str, list[int], int, int]:
        with Device.open() as again:
            enabled = [name for name in states if again.gl.glIsEnabled(name)]
            pixel = int(again.read_pixels(painted(again, 99), "rgba8", (4, 4))[0, 0, 0])
            return again.attempts[0].reason, enabled, pixel, again.gl.integer(0x0B74)

    assert run_in_thread(reopened) == ("reused a parked context", [], 99, g.GL_GREATER)


def test_objects_are_counted_and_released_from_anywhere(device: Device) -> None:
    before = device.live.get("buffer", 0)
    kept = device.create_buffer(1000, "kept")
    assert device.live["buffer"] == before + 1 and device.live_bytes["buffer"] >= 1000
    kept.release()
    kept.release()
    assert kept.released and kept.name == 0 and device.live.get("buffer", 0) == before

    other = device.create_buffer(1000)
    run_in_thread(other.release)
    assert device.live["buffer"] == before + 1  # only queued
    assert device.drain() == 1 and device.live.get("buffer", 0) == before

    dropped = device.create_buffer(1000)
    del dropped
    gc.collect()
    assert device.live["buffer"] == before + 1
    assert device.drain() == 1 and device.live.get("buffer", 0) == before


def test_on_gone_runs_on_drain_or_close(device: Device) -> None:
    class Thing:
        pass

    calls: list[int] = []
    first, second = Thing(), Thing()
    device.on_gone(first, "thing", lambda: calls.append(1))
    device.on_gone(second, "thing", lambda: calls.append(2))
    assert device.live["thing"] == 2
    del first
    gc.collect()
    assert calls == []
    device.drain()
    assert calls == [1] and device.live["thing"] == 1
    device.close()
    assert calls == [1, 2]
    del second
    gc.collect()
    assert calls == [1, 2] and not device.registry.queue


def test_new_memory_is_zero(device: Device) -> None:
    for format, read in ((g.GL_RGBA16F, "rgba16f"), (g.GL_R32UI, "r32ui"), (g.GL_RGBA8, "rgba8")):
        texture = device.create_texture_2d(33, 17, format, levels=3)
        for level in range(3):
            framebuffer = device.create_framebuffer([texture], level=level)
            assert not device.read_pixels(framebuffer, read, (framebuffer.width, framebuffer.height)).any()
    depth = device.create_framebuffer([], device.create_texture_2d(8, 8, g.GL_DEPTH_COMPONENT32F))
    assert not device.read_pixels(depth, "depth", (8, 8)).any()
    buffer = device.create_buffer(4096)
    assert not _buffer_bytes(device, buffer.name, 4096).any()
    device.check("reading back")


def _buffer_bytes(device: Device, name: int, size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    out = np.full(size, 255, np.uint8)
    device.gl.glGetNamedBufferSubData(name, 0, size, g.address(out))
    return out


def test_buffer_holds_its_data(device: Device) -> None:
    data = np.arange(100, dtype=np.uint8)
    assert (_buffer_bytes(device, device.create_buffer(100, data=data).name, 100) == data).all()
    with pytest.raises(InvalidInput, match="must be equal"):
        device.create_buffer(101, data=data)


def test_every_kind_of_texture(device: Device) -> None:
    array = device.create_texture_array(16, 8, 3, g.GL_SRGB8_ALPHA8, levels=5, label="page")
    cube = device.create_texture_cube(16, g.GL_RGBA16F, levels=5)
    color = device.create_texture_multisample(16, 8, 4, g.GL_RGBA16F)
    depth = device.create_texture_multisample(16, 8, 4, g.GL_DEPTH_COMPONENT32F)
    framebuffer = device.create_framebuffer([color], depth, "scene")
    assert (array.layers, cube.layers, color.samples, framebuffer.width, framebuffer.height) == (3, 6, 4, 16, 8)
    assert array.nbytes == 4 * 3 * (128 + 32 + 8 + 2 + 1)
    layer = device.create_framebuffer([cube], layer=4, level=1)
    assert (layer.width, layer.height) == (8, 8)
    resolved = device.create_framebuffer([device.create_texture_2d(16, 8, g.GL_RGBA16F)])
    device.gl.clear_float(framebuffer.name, 0, (0.25, 0.5, 1.0, 1.0))
    device.gl.glBlitNamedFramebuffer(framebuffer.name, resolved.name, 0, 0, 16, 8, 0, 0, 16, 8, g.GL_COLOR_BUFFER_BIT, g.GL_NEAREST)
    assert (device.read_pixels(resolved, "rgba16f", (16, 8)) == np.array([0.25, 0.5, 1.0, 1.0], np.float16)).all()
    white = (1.0, 1.0, 1.0, 1.0)
    device.create_sampler({g.GL_TEXTURE_MIN_FILTER: g.GL_LINEAR, g.GL_TEXTURE_LOD_BIAS: 0.5, g.GL_TEXTURE_BORDER_COLOR: white})
    device.check("after all kinds")


def test_failed_creation_raises_and_leaves_nothing(device: Device) -> None:
    live = device.live
    limit = device.capabilities.max_texture_size
    with pytest.raises(DeviceError, match=f"{limit + 1}x1 pixels, and this device allows {limit}"):
        device.create_texture_2d(limit + 1, 1, g.GL_RGBA8, label="wide")
    with pytest.raises(DeviceError, match="samples"):
        device.create_texture_multisample(8, 8, 1024, g.GL_RGBA8)
    with pytest.raises(DeviceError, match="layers"):
        device.create_texture_array(8, 8, 10**6, g.GL_RGBA8)
    for size in (0, -4):
        with pytest.raises(InvalidInput, match="at least 1"):
            device.create_buffer(size)
    with pytest.raises(InvalidInput, match="at least 1"):
        device.create_texture_2d(0, 4, g.GL_RGBA8)
    with pytest.raises(InvalidInput, match="at most 4"):
        device.create_texture_2d(8, 8, g.GL_RGBA8, levels=5)
    with pytest.raises(InvalidInput, match="internal format"):
        device.create_texture_2d(8, 8, 0x1234)
    with pytest.raises(OutOfDeviceMemory, match="at most"):
        device.create_buffer(1 << 62)
    with pytest.raises(OutOfDeviceMemory, match="out of memory"):
        device.create_texture_array(limit, limit, 2048, g.GL_RGBA32F, clear=False)
    with pytest.raises(DeviceError, match="incomplete"):
        device.create_framebuffer(
            [device.create_texture_2d(8, 8, g.GL_RGBA8), device.create_texture_multisample(8, 8, 4, g.GL_RGBA8)], label="mixed"
        )
    with pytest.raises(InvalidInput, match="no attachment"):
        device.create_framebuffer([])
    gc.collect()
    device.drain()
    assert device.live == live


def test_debug_output_catches_a_deliberate_error(device: Device) -> None:
    device.gl.glEnable(0x1234)
    with pytest.raises(DeviceError, match=r"poking: OpenGL reported GL_INVALID_ENUM: .*0x1234"):
        device.check("poking")
    assert device.messages[-1].high
    device.check("the error is reported once")
    text = b"something terrible"
    device.gl.glDebugMessageInsert(g.GL_DEBUG_SOURCE_APPLICATION, g.GL_DEBUG_TYPE_ERROR, 7, g.GL_DEBUG_SEVERITY_HIGH, len(text), text)
    with pytest.raises(DeviceError, match="something terrible"):
        device.check("poking")


def test_errors_are_found_without_debug_too() -> None:
    with Device.open() as device:
        device.gl.glEnable(0x1234)
        with pytest.raises(DeviceError, match="GL_INVALID_ENUM"):
            device.check("poking")


def test_reading_refuses_nonsense_and_hands_out_no_stale_memory(device: Device) -> None:
    framebuffer = painted(device, 1)
    with pytest.raises(InvalidInput, match="rgba8"):
        device.read_pixels(framebuffer, "rgb8", (4, 4))
    samples = device.create_framebuffer([device.create_texture_multisample(4, 4, 4, g.GL_RGBA8)])
    with pytest.raises(DeviceError, match="reading pixels"):
        device.read_pixels(samples, "rgba8", (4, 4))
    outside = device.read_pixels(framebuffer, "rgba8", (8, 8))
    assert not outside[4:].any() and not outside[:, 4:].any()


def test_the_gil_is_free_while_the_driver_works(device: Device) -> None:
    size = 2048
    color = device.create_texture_multisample(size, size, 4, g.GL_RGBA16F, clear=False)
    source = device.create_framebuffer([color])
    target = device.create_framebuffer([device.create_texture_2d(size, size, g.GL_RGBA16F, clear=False)])
    ticks, stop = [0], threading.Event()

    def tick() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        start, before = time.perf_counter(), ticks[0]
        while time.perf_counter() - start < 0.3:
            device.gl.glBlitNamedFramebuffer(
                source.name, target.name, 0, 0, size, size, 0, 0, size, size, g.GL_COLOR_BUFFER_BIT, g.GL_NEAREST
            )
            device.finish()
        gained = ticks[0] - before
    finally:
        stop.set()
        thread.join()
    assert gained > 20  # holding the GIL through each wait of about 0.1 s leaves about 3


def test_unknown_entry_points_are_refused_by_name(device: Device) -> None:
    with pytest.raises(AttributeError, match="glNoSuchThing"):
        _ = device.gl.glNoSuchThing
    old = g.GL(lambda name: 1, (4, 3), ())
    with pytest.raises(DeviceError, match=r"glClipControl needs OpenGL 4.5 or GL_ARB_clip_control; this context is OpenGL 4.3"):
        _ = old.glClipControl
    assert g.GL(lambda name: 1, (4, 3), {"GL_ARB_clip_control"}).supports("glClipControl")
    with pytest.raises(DeviceError, match="not C-contiguous"):
        g.address(np.zeros((4, 4))[:, ::2])


def test_compiled_entry_points_take_what_fits_and_refuse_the_rest(device: Device) -> None:
    device.check_current("test")
    assert isinstance(device.gl.glViewport, EntryPoint)
    device.gl.glScissor(-3, 0, 5, 6)
    device.gl.glDepthMask(0)
    assert device.gl.address_of("glViewport") == device.gl.glViewport.address
    box, mask = (ctypes.c_int * 4)(), (ctypes.c_int * 4)()
    device.gl.glGetIntegerv(0x0C10, box)  # GL_SCISSOR_BOX
    device.gl.glGetIntegerv(0x0B72, mask)  # GL_DEPTH_WRITEMASK
    assert list(box) == [-3, 0, 5, 6] and mask[0] == 0
    for wrong, error in (((1, 2, 3), TypeError), ((1, 2, 3, 4, 5), TypeError), ((0, 0, 0, 1 << 32), OverflowError),
                         ((0, 0, 0, -(1 << 31) - 1), OverflowError), ((0, 0, 0, "1"), TypeError)):
        with pytest.raises(error):
            device.gl.glScissor(*wrong)
    device.check("test")
    for address, count in ((0, 1), (1, 0), (1, 5)):
        with pytest.raises(InvalidInput):
            EntryPoint(address, count)


def test_every_entry_point_of_the_table_is_well_formed() -> None:
    for name, entry in g.ENTRIES.items():
        result, _, arguments = entry.signature.partition(" ")
        assert name.startswith("gl") and {*result, *arguments} <= set(g._TYPES) and len(result) == 1, name
    assert set(g.ENTRIES) >= g.BLOCKING


def test_moderngl_default_context_is_left_alone() -> None:
    import moderngl

    with Device.open():
        assert vars(moderngl)["_store"].default_context is None


def test_a_forked_child_is_told_to_spawn() -> None:
    code = """
import os, sys
from metarender.gpu.device import Device
from metarender.errors import DeviceError
device = Device.open()
pid = os.fork()
if pid == 0:
    found = 0
    for call in (device.use, Device.open):
        try: call()
        except DeviceError as error: found += "spawn" in str(error)
    device.close()
    os._exit(found)
device.close()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 2, done.stderr
