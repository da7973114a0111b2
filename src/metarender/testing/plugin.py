"""The fixtures and options of the plugin; each fixture is a few lines over the module that does its work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..errors import DeviceError
from ..frame import Frame
from ..gpu.device import Device
from ..pictures import close
from ..renderer import Renderer
from ..scene import Scene
from ..stats import Stats
from .budgets import Drawn, check_budget, count_calls, table
from .clock import VirtualClock
from .leaks import LeakWatch
from .timing import FrameBenchmark, benchmark_of
from .verdicts import REPORT, WRITTEN, Golden

_passed = pytest.StashKey[bool]()


# --- options and summary -----------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the plugin."""
    group = parser.getgroup("metarender", "pictures of metarender")
    group.addoption("--metarender-update", action="store_true", help="store the pictures that golden() is given, for this rasteriser")
    group.addoption("--metarender-report", metavar="DIR", default="metarender-report",
                    help="folder of the pages about pictures that differ (default: metarender-report below the root)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether the test passed: what it left open is told only then."""
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which pictures were stored and which differ, in any number of processes."""
    found: dict[str, list[str]] = {WRITTEN: [], REPORT: []}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    found.get(name, []).append(value)
    written, pages = (sorted(set(found[name])) for name in (WRITTEN, REPORT))
    for path in written:
        terminalreporter.write_line(f"metarender stored {path}")
    if pages:
        terminalreporter.write_line(f"metarender: pages about {len(pages)} failed pictures: metarender report {Path(pages[0]).parent}")


# --- devices and renderers ---------------------------------------------------------------------------------------------


@pytest.fixture
def metarender_device(request: pytest.FixtureRequest) -> Iterator[Device]:
    """A software device with debug output. OpenGL errors fail the test, and so does what it leaves open."""
    wrong = []
    with LeakWatch() as watch, Device.open("software", debug=True) as device:
        yield device
        try:
            if not device.closed:
                device.check("at the end of the test")
        except DeviceError as error:
            wrong.append(str(error))
        wrong += [f"OpenGL warned: {message.text}" for message in device.messages if message.high and not wrong]
        close()  # what metarender.render keeps for this thread
        left = watch.leaks()
    left += watch.contexts_missing()
    if request.node.stash.get(_passed, False):  # a failed test is told alone
        wrong += [f"left open: {line}" for line in left]
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


@pytest.fixture
def renderer(metarender_device: Device) -> Iterator[Renderer]:
    """A headless renderer of 256x256 pixels for tests that own the loop; its settings may be set."""
    with Renderer((256, 256), device=metarender_device) as made:
        yield made


@pytest.fixture
def metarender_drawn() -> list[Drawn]:
    """Every frame that ``render`` has drawn in this test."""
    return []


Render = Callable[..., Frame]


@pytest.fixture
def render(metarender_device: Device, metarender_drawn: list[Drawn]) -> Iterator[Render]:
    """Draw a frame: ``render(scene, camera, size=(256, 256), outputs=("color",), **settings of Renderer) -> Frame``.

    The scene is settled and a warm-up frame drawn first, so that counters do not depend on what ran before. Pixels are read at once.
    """
    renderers: dict[str, Renderer] = {}

    def draw(scene: Scene, camera: Any = None, size: tuple[int, int] = (256, 256), outputs: tuple[str, ...] = ("color",),
             **settings: Any) -> Frame:
        """Settle, warm up, draw, count calls, and read the outputs."""
        key = repr(sorted(settings.items()))
        if key not in renderers:
            renderers[key] = Renderer(size, device=metarender_device, **settings)
        made = renderers[key]
        made.size = size
        scene.settle()
        made.render(scene, camera, outputs)
        metarender_device.finish()
        frame, python, native = count_calls(lambda: made.render(scene, camera, outputs))
        for output in (outputs,) if isinstance(outputs, str) else outputs:
            getattr(frame, output)
        metarender_drawn.append(Drawn(frame, python, native))
        return frame

    yield draw
    for made in renderers.values():
        made.close()


# --- judges ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def metarender_goldens(request: pytest.FixtureRequest) -> Path:
    """The folder of goldens: ``goldens`` beside the test's file; override this fixture in a conftest.py to keep them elsewhere."""
    return request.path.parent / "goldens"


@pytest.fixture
def golden(request: pytest.FixtureRequest, metarender_goldens: Path, metarender_drawn: list[Drawn],
           monkeypatch: pytest.MonkeyPatch) -> Golden:
    """Compare a picture with the stored one: ``golden(frame.color, name=None, threshold=, tile=, share=, blob=)``.

    Whatever the test draws with ``device="auto"`` is drawn by software, because goldens are compared for that alone.
    """
    monkeypatch.setenv("METARENDER_DEVICE", "software")
    close()  # metarender.render may keep a renderer of another device
    return Golden(request, metarender_goldens, metarender_drawn)


@pytest.fixture
def budget(metarender_drawn: list[Drawn]) -> Callable[..., None]:
    """Compare counters with what they may be at most: ``budget(frame, draw_calls=2, bytes_uploaded=0, python_calls=300)``."""

    def check(frame: Frame | Stats, **allowed: float) -> None:
        __tracebackhide__ = True
        lines = check_budget(frame, allowed, metarender_drawn)
        if not all(line.kept for line in lines):
            pytest.fail(f"The frame costs more than its budget:\n{table(lines)}", pytrace=False)

    return check


@pytest.fixture
def frame_benchmark(request: pytest.FixtureRequest, metarender_device: Device) -> FrameBenchmark:
    """Measure finished frames beside a baseline: ``frame_benchmark(scene, camera, size=, baseline=, max_ratio=) -> FrameTimes``."""
    return FrameBenchmark(metarender_device, benchmark_of(request))


# --- determinism -------------------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """A clock that only ``clock.advance(seconds)`` moves; ``time.time``, ``monotonic``, ``perf_counter`` and ``sleep`` follow it."""
    made = VirtualClock()
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, made.now)
        monkeypatch.setattr(time, f"{name}_ns", made.now_ns)
    monkeypatch.setattr(time, "sleep", made.advance)
    return made


@pytest.fixture
def seed() -> Iterator[int]:
    """The same seed in every test; ``random`` and ``numpy.random`` start from it and continue afterwards where they were."""
    number, before, before_numpy = 20_240, random.getstate(), np.random.get_state()
    random.seed(number)
    np.random.seed(number)
    yield number
    random.setstate(before)
    np.random.set_state(before_numpy)
