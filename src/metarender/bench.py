"""``metarender bench``: a model flown round once a round; times of every pass, exact counters, and what a baseline says to them."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._core import simd_level
from ._version import __version__
from .bench_report import check_result, compare, table
from .camera import Camera
from .errors import AssetError, InvalidInput
from .progress import ProgressLine
from .renderer import Renderer
from .scene import Scene
from .stats import Stats

COUNTERS = tuple(field.name for field in fields(Stats) if field.name != "passes")
ROUNDS = 5
"""Turns that are measured; the median of their medians is what counts, and how far they lie apart is the noise."""

LARGEST_BASELINE = 1 << 24
"""Bytes; a result has some thousands."""


class Turn:
    """What the frames of one turn took and counted."""

    def __init__(self) -> None:
        self.frames: list[float] = []
        self.passes: dict[str, tuple[list[float], list[float]]] = {}
        self.counters: dict[str, list[int]] = {name: [] for name in COUNTERS}

    def add(self, milliseconds: float, stats: Stats) -> None:
        """Note a finished frame."""
        self.frames.append(milliseconds)
        for name, time_of in stats.passes.items():
            processor, device = self.passes.setdefault(name, ([], []))
            processor.append(time_of.cpu_ms)
            if time_of.gpu_ms is not None:
                device.append(time_of.gpu_ms)
        for name, values in self.counters.items():
            values.append(getattr(stats, name))


def flight(start: NDArray[np.float64], target: Any, frames: int) -> list[NDArray[np.float64]]:
    """Return the poses of a camera that goes once round a point about +Y, in equal steps; it ends where it began.

    Parameters
    ----------
    start : (4, 4) float64
        Camera to world.
    target : (3,) float, world space, metres
    frames : int
    """
    centre, poses = np.asarray(target, float), []
    for number in range(1, frames):
        angle = 2 * math.pi * number / frames
        turn = np.eye(4)
        turn[0, 0] = turn[2, 2] = math.cos(angle)
        turn[0, 2], turn[2, 0] = math.sin(angle), -math.sin(angle)
        turn[:3, 3] = centre - turn[:3, :3] @ centre
        poses.append(turn @ start)
    return [*poses, start]


def fly(renderer: Renderer, scene: Scene, camera: Camera, poses: list[NDArray[np.float64]], step: Callable[[], None]) -> Turn:
    """Draw and finish a frame at each pose."""
    turn = Turn()
    for pose in poses:
        camera.matrix = pose
        start = time.perf_counter()
        frame = renderer.render(scene, camera)
        renderer.device.finish()
        turn.add((time.perf_counter() - start) * 1e3, frame.stats)
        step()
    return turn


def measure(renderer: Renderer, scene: Scene, camera: Camera, target: Any, frames: int) -> dict[str, Any]:
    """Warm up and fly.

    Returns
    -------
    dict
        ``compile_ms``, ``programs``, ``first_frame_ms``, ``frame_ms``, ``passes``, ``counters`` and ``memory``, as in the JSON file.

    Raises
    ------
    InvalidInput
        The counters of two turns differ, which no engine that works does.
    """
    scene.settle()
    start = time.perf_counter()
    programs = renderer.compile(scene)
    compiled = time.perf_counter()
    renderer.render(scene, camera)
    renderer.device.finish()
    first = time.perf_counter()
    with ProgressLine(sys.stderr, "flying round the model") as progress:
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            progress(done, frames * (ROUNDS + 1))

        poses = flight(camera.matrix, target, frames)
        turns = [fly(renderer, scene, camera, poses, step) for _ in range(ROUNDS + 1)][1:]  # the first one warms up
    if any(turn.counters != turns[0].counters for turn in turns):
        raise InvalidInput("Two turns round the model count differently, which is a fault of metarender; report it with the model.")
    return {"compile_ms": (compiled - start) * 1e3, "programs": programs, "first_frame_ms": (first - compiled) * 1e3,
            "frame_ms": spread([turn.frames for turn in turns]), "passes": passes_of(turns),
            "counters": {name: {"sum": sum(values), "most": max(values)} for name, values in turns[0].counters.items()},
            "memory": {"scene": scene.memory.total, "device": renderer.memory.total, "process_peak": peak()}}


def spread(rounds: list[list[float]]) -> dict[str, Any]:
    """Return median (of the rounds' medians), p95 of all, the rounds, and the noise: how far they lie apart, as a share of the median."""
    medians = [statistics.median(values) for values in rounds]
    median = statistics.median(medians)
    return {"median": median, "p95": float(np.percentile(np.concatenate(rounds), 95)), "rounds": medians,
            "noise": (max(medians) - min(medians)) / median if median else 0.0}


def passes_of(turns: list[Turn]) -> dict[str, Any]:
    """Return times by pass over the frames in which it ran; ``gpu_ms`` is None where the device has no clock."""
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for turn in turns for name in turn.passes):
        ran = [turn.passes[name] for turn in turns if name in turn.passes]
        measured = [device for _, device in ran if device]
        found[name] = {"frames": sum(len(processor) for processor, _ in ran), "cpu_ms": spread([processor for processor, _ in ran]),
                       "gpu_ms": spread(measured) if measured else None}
    return found


def peak() -> int:
    """Most bytes of main memory that the process has held."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def environment_of(renderer: Renderer) -> dict[str, Any]:
    """Return what times depend on: driver, processor and versions."""
    facts = renderer.device.capabilities
    return {"renderer": facts.renderer, "driver": facts.driver, "opengl": f"{facts.version[0]}.{facts.version[1]}",
            "processor": processor(), "cores": os.cpu_count() or 1, "kernels": simd_level(), "platform": platform.platform(),
            "metarender": __version__, "python": platform.python_version(), "numpy": np.__version__,
            "moderngl": metadata.version("moderngl")}


def processor() -> str:
    """Name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def result_of(renderer: Renderer, settings: dict[str, Any], load_ms: float, measured: dict[str, Any]) -> dict[str, Any]:
    """Return what the JSON file holds."""
    return {"schema": 1, "date": datetime.now(UTC).isoformat(timespec="seconds"), "settings": settings,
            "environment": environment_of(renderer), "load_ms": load_ms, **measured}


def read_baseline(path: Path) -> dict[str, Any]:
    """Return a result that ``--json`` wrote.

    Raises
    ------
    AssetError
        It cannot be read, or is something else; one sentence says what.
    """
    if path.stat().st_size > LARGEST_BASELINE:
        raise AssetError(f"{path}: the file is larger than any result of metarender bench; give one that --json wrote.")
    try:
        found = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise AssetError(f"{path}: the file is no JSON; give one that metarender bench --json wrote.") from None
    wrong = check_result(found, COUNTERS)
    if wrong:
        raise AssetError(f"{path}: {wrong}; give a file that metarender bench --json wrote.")
    result: dict[str, Any] = found
    result["settings"].setdefault("point_size", 1.0)  # results of before had none
    return result


def append(path: Path, result: dict[str, Any]) -> int:
    """Add a result to a history, a line of JSON for each run; return how many it has now."""
    line = json.dumps(result, separators=(",", ":")) + "\n"
    with path.open("a+b") as file:
        file.seek(0)
        content = file.read()
        file.write((b"\n" if content and not content.endswith(b"\n") else b"") + line.encode())
    return sum(1 for row in content.splitlines() if row.strip()) + 1


def run(options: Any, prepare: Callable[[Any], tuple[Scene, Camera]]) -> str:
    """Do what ``metarender bench`` was asked for, and print it.

    Parameters
    ----------
    options : argparse.Namespace
        As the command line has them; files are looked at before the model is.
    prepare : callable
        Loads the model of the options and aims a camera.

    Returns
    -------
    str
        Why the command fails, one sentence; empty where it does not.
    """
    if options.fail_above is not None and not (options.compare and options.fail_above > 0):
        raise InvalidInput("--fail-above needs --compare, and a ratio above 0.")
    baseline = read_baseline(Path(options.compare)) if options.compare else None
    for name in filter(None, (options.json, options.history)):
        if not Path(name).absolute().parent.is_dir():  # now rather than after minutes
            raise AssetError(f"{name}: there is no folder to write it to; make it first.")
    start = time.perf_counter()
    scene, camera = prepare(options)
    load_ms = (time.perf_counter() - start) * 1e3
    bounds = scene.bounds
    target = options.target or ((0.0, 0.0, 0.0) if bounds is None else tuple(bounds.mean(axis=0)))
    look = {name: getattr(options, name) for name in ("msaa", "tone_mapping", "exposure", "point_size")}
    with Renderer(options.size, gpu_times=True, **look) as renderer:
        settings = settings_of(options, renderer.msaa)
        result = result_of(renderer, settings, load_ms, measure(renderer, scene, camera, target, options.frames))
    print("\n".join(table(result)))
    if options.json:
        Path(options.json).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if options.history:
        print(f"{options.history}: {append(Path(options.history), result)} runs")
    if baseline is None:
        return ""
    comparison = compare(result, baseline, options.compare, options.fail_above)
    print("\n".join(comparison.lines))
    return comparison.failure


def settings_of(options: Any, msaa: int) -> dict[str, Any]:
    """Return what must be equal for two results to compare, as JSON will give it back."""
    look = {name: getattr(options, name) for name in ("frames", "orbit", "target", "fov", "environment", "background", "exposure",
                                                  "point_size")}
    look["environment"] = Path(options.environment).name if options.environment else None
    return {"model": Path(options.model).name, "size": list(options.size), "msaa": msaa, "tone_mapping": options.tone_mapping, **look}
