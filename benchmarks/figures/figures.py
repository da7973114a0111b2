"""What the engines in the comparison of skinned figures share: the figure, where each stands, and the clock."""

import argparse
import json
import math
import time
from pathlib import Path

SPACING, SIZE, STEP, PHASE = 130.0, 256, 1 / 30, 0.037
CLIP = "Walk"


def options() -> argparse.Namespace:
    """The command line of every script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--picture", type=Path, help="where the last picture goes")
    return parser.parse_args()


def places(count: int) -> list[tuple[float, float, float]]:
    """Where the figures stand, on a square about the origin."""
    side = math.ceil(math.sqrt(count))
    return [((i % side - (side - 1) / 2) * SPACING, 0.0, (i // side - (side - 1) / 2) * SPACING) for i in range(count)]


def eye(count: int) -> tuple[float, float, float]:
    """Where the camera stands; it looks at the origin with a field of view of 45 degrees."""
    side = math.ceil(math.sqrt(count))
    return 0.0, side * 95.0 + 60.0, side * 135.0 + 120.0


def seconds_of(frame: int, figure: int) -> float:
    """The time of a figure's own clip."""
    return frame * STEP + figure * PHASE


def measure(engine: str, version: str, given: argparse.Namespace, build_seconds: float, frame) -> None:
    """Draw `frame(number)` again and again and print what it takes, as JSON."""
    for number in range(5):
        frame(number)
    times = []
    for number in range(given.frames):
        start = time.perf_counter()
        frame(number)
        times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    print(json.dumps({"engine": engine, "version": version, "count": given.count, "build_s": round(build_seconds, 3),
                      "frame_ms": round(times[len(times) // 2], 3), "best_ms": round(times[0], 3)}))
