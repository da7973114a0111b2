"""Times of passes on the device: measured without waiting, plausible, and gone with what measured them."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, ReleasedError
from metarender.gpu import timers
from metarender.testing.budgets import COUNTERS


def scene() -> mr.Scene:
    """An opaque floor, a pane of glass, a selection and a sun: six passes that draw."""
    made = mr.Scene()
    made.add(mr.Mesh(mr.plane(6), mr.Standard(color="teal")), position=(0, -0.5, 0))
    made.add(mr.Mesh(mr.sphere(0.7), mr.Standard(color=(1.0, 0.2, 0.1, 0.5), alpha_mode="blend")))
    parts = made.add_instances(mr.box(0.3), mr.Standard(color="orange"), count=20)
    with parts.edit("position") as position:
        position[:, 0] = np.linspace(-2, 2, 20)
    made.set_state(parts.ids[:3], selected=True)
    made.add(mr.DirectionalLight(direction=(-1, -2, -1)))
    return made


CAMERA = mr.PerspectiveCamera().look_at((2, 2, 4), (0, 0, 0))
PASSES = ["shadow", "opaque", "transparent", "selection", "outline", "encode"]


def counters(stats: mr.Stats) -> dict[str, int]:
    return {name: getattr(stats, name) for name in COUNTERS}


def test_every_pass_that_draws_takes_time_and_all_of_them_no_more_than_the_frame(device):
    drawn = scene()
    with mr.Renderer(size=(320, 240), device=device, gpu_times=True) as renderer:
        renderer.compile(drawn)
        shares = []
        for number in range(6):
            next(iter(drawn.nodes)).position = (0, -0.5 - 0.01 * number, 0)  # so that the shadow map is drawn anew
            device.finish()
            start = time.perf_counter()
            frame = renderer.render(drawn, CAMERA)
            device.finish()
            wall = (time.perf_counter() - start) * 1e3
            times = {name: one.gpu_ms for name, one in frame.stats.passes.items()}
            assert list(times) == PASSES and all(value is not None and value > 0 for value in times.values()), times
            assert sum(times.values()) <= wall, (times, wall)
            shares.append(sum(times.values()) / wall)
        assert max(shares) > 0.25, "a software device does little else"


def test_the_picture_and_the_counters_are_the_same_with_and_without(device):
    drawn, found = scene(), {}
    for measured in (False, True):
        with mr.Renderer(size=(96, 64), device=device, gpu_times=measured) as renderer:
            renderer.render(drawn, CAMERA, outputs=("color", "depth", "ids"))
            frame = renderer.render(drawn, CAMERA, outputs=("color", "depth", "ids"))
            found[measured] = (frame.color.tobytes(), frame.ids.tobytes(), frame.depth.tobytes(), counters(frame.stats))
            assert all((one.gpu_ms is not None) == measured for one in frame.stats.passes.values())
    assert found[True] == found[False]


@pytest.mark.parametrize("software", (True, False))
def test_a_software_device_flushes_at_every_timestamp_and_no_other_does(device, monkeypatch, software):
    """Without, the timestamps of passes into one picture would be taken by the last tile, one right after the other."""
    drawn, flushes, real = scene(), [], device.gl.glFlush
    device.capabilities = replace(device.capabilities, software=software)
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        renderer.render(drawn, CAMERA)
        monkeypatch.setattr(device.gl, "glFlush", lambda: (flushes.append(1), real()))
        frame = renderer.render(drawn, CAMERA)
        assert len(flushes) == (2 * len(frame.stats.passes) if software else 0)


def test_it_is_off_by_default_and_asks_the_device_for_nothing(device):
    drawn = scene()
    with mr.Renderer(size=(32, 32), device=device) as renderer:
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        assert not renderer.gpu_times and "query" not in device.live
        assert all(one.gpu_ms is None and one.cpu_ms > 0 for one in frame.stats.passes.values())
        renderer.gpu_times = True
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        assert frame.stats.passes["opaque"].gpu_ms > 0 and device.live["query"] == 2 * len(frame.stats.passes)
        renderer.gpu_times = False
        assert renderer.render(drawn, CAMERA).stats.passes["opaque"].gpu_ms is None
        with pytest.raises(mr.InvalidInput, match="gpu_times='yes' must be True or False"):
            renderer.gpu_times = "yes"
    assert "query" not in device.live


def test_statistics_never_wait_and_stay_readable_after_closing(device, monkeypatch):
    """While the device has not finished, times are None; what it finished before the renderer closed is known for ever."""
    drawn, finished = scene(), []
    monkeypatch.setattr(timers.PassTimers, "_is_finished", lambda *_: bool(finished))
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        early, late = renderer.render(drawn, CAMERA), renderer.render(drawn, CAMERA)
        device.finish()
        assert early.stats.passes["opaque"].gpu_ms is None and early.stats.draw_calls > 0
        finished.append(True)
        assert early.stats.passes["opaque"].gpu_ms > 0
        assert early.stats is early.stats, "resolved once"
        finished.clear()
        never = renderer.render(drawn, CAMERA)
        finished.append(True)
        device.finish()
        del finished[0]
        assert late.stats.passes["opaque"].gpu_ms is not None
    assert late.stats.passes["opaque"].gpu_ms > 0 and never.stats.passes["opaque"].gpu_ms is None
    assert '"gpu_ms": ' in late.stats.to_json()


def test_queries_are_used_again_and_a_frame_too_many_is_drawn_without_being_measured(device, monkeypatch):
    drawn, finished = scene(), []
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        for _ in range(20):
            frame = renderer.render(drawn, CAMERA)
            device.finish()
        assert frame.stats.passes["opaque"].gpu_ms > 0
        assert device.live["query"] <= 4 * len(PASSES)
        real = timers.PassTimers._is_finished
        monkeypatch.setattr(timers.PassTimers, "_is_finished", lambda *_: bool(finished))
        frames = [renderer.render(drawn, CAMERA) for _ in range(timers.IN_FLIGHT + 3)]
        monkeypatch.setattr(timers.PassTimers, "_is_finished", real)
        device.finish()
        known = [frame.stats.passes["opaque"].gpu_ms is not None for frame in frames]
        assert known == [True] * timers.IN_FLIGHT + [False] * 3
        assert renderer.render(drawn, CAMERA).color.any()


def test_a_pass_that_fails_leaves_no_query_behind(device, monkeypatch):
    drawn = scene()
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        renderer.render(drawn, CAMERA)
        device.finish()
        queries = device.live["query"]

        def fails(*_: object) -> None:
            raise ReleasedError("this pass fails, says the test")

        with monkeypatch.context() as patched:
            patched.setattr(type(renderer.passes[-2]), "execute", fails)
            for _ in range(5):
                with pytest.raises(ReleasedError, match="says the test"):
                    renderer.render(drawn, CAMERA)
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        assert device.live["query"] <= 2 * queries and all(one.gpu_ms is not None for one in frame.stats.passes.values())


def test_a_query_that_cannot_be_made_fails_that_frame_alone(device):
    drawn, count = scene(), 0

    def fails_at(number: int):
        def before(step: str, what: str) -> None:
            nonlocal count
            count += what == "a timer query"
            if what == "a timer query" and count == number:
                raise DeviceError("no query, says the test")

        return before

    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        for number in (1, 2, 5):
            count, device.registry.before = 0, fails_at(number)
            with pytest.raises(DeviceError, match="says the test"):
                renderer.render(drawn, CAMERA)
        device.registry.before = None
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        assert all(one.gpu_ms > 0 for one in frame.stats.passes.values()) and device.live["query"] == 2 * len(PASSES)


def test_another_thread_reads_what_is_known_and_asks_nothing(device):
    drawn, seen = scene(), []
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        thread = threading.Thread(target=lambda: seen.append(frame.stats.passes["opaque"].gpu_ms))
        thread.start()
        thread.join()
        assert seen == [None] and frame.stats.passes["opaque"].gpu_ms > 0


def test_a_lost_context_takes_its_times_with_it_and_a_restored_one_measures_again():
    drawn = scene()
    with mr.Renderer(size=(32, 32), device="software", gpu_times=True) as renderer:
        before = renderer.render(drawn, CAMERA)
        renderer.simulate_loss()
        assert before.stats.passes["opaque"].gpu_ms is None
        renderer.restore()
        assert before.stats.passes["opaque"].gpu_ms is None
        after = renderer.render(drawn, CAMERA)
        renderer.device.finish()
        assert after.stats.passes["opaque"].gpu_ms > 0 and before.stats.passes["opaque"].gpu_ms is None
    assert renderer.device.live == {}


def test_a_device_without_a_clock_measures_nothing(device, monkeypatch):
    drawn = scene()
    monkeypatch.setattr(type(device.gl), "timestamp_bits", lambda _: 0)
    with mr.Renderer(size=(32, 32), device=device, gpu_times=True) as renderer:
        frame = renderer.render(drawn, CAMERA)
        device.finish()
        assert "query" not in device.live and frame.stats.passes["opaque"].gpu_ms is None and frame.color.any()
