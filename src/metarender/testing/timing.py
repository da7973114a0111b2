"""``frame_benchmark``: a finished frame measured beside a baseline workload, in turns, so that a noisy machine cannot decide."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter  # the clock itself, which no test replaces
from typing import Any

import numpy as np
import pytest

from ..camera import Camera, PerspectiveCamera
from ..errors import InvalidInput, MissingExtra
from ..gpu.device import Device
from ..materials import Standard
from ..primitives import box
from ..renderer import Renderer
from ..scene import Scene


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """What was measured.

    Attributes
    ----------
    frame_ms, baseline_ms : float
        Medians, milliseconds.
    ratio : float
        Median of the ratios of neighbouring runs: frame by baseline.
    rounds : int
        1 where benchmarks are switched off, and nothing is judged then.
    """

    frame_ms: float
    baseline_ms: float
    ratio: float
    rounds: int


class FrameBenchmark:
    """The callable that the ``frame_benchmark`` fixture returns."""

    def __init__(self, device: Device, benchmark: Any) -> None:
        self._device, self._benchmark = device, benchmark

    def __call__(self, scene: Scene, camera: Any = None, size: tuple[int, int] = (256, 256), *,
                 baseline: Callable[[], object] | None = None, max_ratio: float | None = None, rounds: int = 20,
                 animate: Callable[[], object] | None = None, **settings: Any) -> FrameTimes:
        """Measure frames of a scene.

        Parameters
        ----------
        scene, camera, size, settings
            As for the ``render`` fixture.
        baseline : callable, optional
            What each frame is compared with, run before it; a frame of 1,000 boxes of the same size and settings by default.
        max_ratio : float, optional
            Fail where the ratio is larger.
        rounds : int
            How many pairs are measured, from 3.
        animate : callable, optional
            Runs before each frame, unmeasured.

        Returns
        -------
        FrameTimes
        """
        __tracebackhide__ = True
        if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 3:
            raise InvalidInput(f"frame_benchmark rounds={rounds!r} must be a whole number from 3.")
        scene.settle()
        with ExitStack() as stack:
            frame = _Stopwatch(self._frames(stack, scene, camera, size, settings))
            other = _Stopwatch(baseline or self._frames(stack, *reference_scene(), size, settings))
            for warm_up in (frame, other):
                warm_up()
                warm_up.times.clear()

            def prepare() -> None:
                if animate is not None:
                    animate()
                other()

            self._benchmark.pedantic(frame, setup=prepare, rounds=rounds, iterations=1)
        result = _times(frame.times, other.times)
        self._benchmark.extra_info.update(ratio=result.ratio, baseline_ms=result.baseline_ms)
        if max_ratio is not None and result.rounds >= 3 and result.ratio > max_ratio:
            pytest.fail(f"A frame takes {result.ratio:.2f} times the baseline ({result.frame_ms:.2f} ms and {result.baseline_ms:.2f} ms, "
                        f"{result.rounds} pairs), allowed {max_ratio:g}.", pytrace=False)
        return result

    def _frames(self, stack: ExitStack, scene: Scene, camera: Any, size: tuple[int, int], settings: dict[str, Any]) -> Callable[[], None]:
        """Draw and finish frames of one scene, with a renderer that draws nothing else."""
        renderer = stack.enter_context(Renderer(size, device=self._device, **settings))

        def finished() -> None:
            renderer.render(scene, camera)
            self._device.finish()

        return finished


class _Stopwatch:
    """Calls a function and keeps how long it took, seconds."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self.times: list[float] = []

    def __call__(self) -> None:
        start = perf_counter()
        self._function()
        self.times.append(perf_counter() - start)


def _times(frames: list[float], baselines: list[float]) -> FrameTimes:
    ratios = [a / b for a, b in zip(frames, baselines, strict=False)]
    return FrameTimes(statistics.median(frames) * 1e3, statistics.median(baselines) * 1e3, statistics.median(ratios), len(ratios))


def reference_scene() -> tuple[Scene, Camera]:
    """Return 1,000 lit boxes in a cube, the same for ever: the default baseline."""
    scene = Scene()
    boxes = scene.add_instances(box(0.5), Standard(color=(0.8, 0.4, 0.1)), count=1000)
    with boxes.edit("position") as position:
        position[:] = np.indices((10, 10, 10)).reshape(3, -1).T
    return scene, PerspectiveCamera().look_at((18.0, 16.0, 22.0), (4.5, 4.5, 4.5))


def benchmark_of(request: pytest.FixtureRequest) -> Any:
    """Return the ``benchmark`` fixture of pytest-benchmark.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    if not request.config.pluginmanager.hasplugin("benchmark"):
        raise MissingExtra('frame_benchmark needs pytest-benchmark, which is not active; pip install "metarender[testing]".')
    return request.getfixturevalue("benchmark")
