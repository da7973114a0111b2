"""Runs the picture tests again and again, each time in another order, with another hash seed and another number of threads: none may fail.

    python tests/faults/rerun.py [--runs 100] [--seconds 240] [--out reruns.json]

Goes on where the file ends, so that a hundred runs may be made in pieces. Exit code 1 where any test of any run did not pass.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("01_first_picture", "02_gltf_turntable", "04_materials", "05_robot_arm", "07_night_lights")
TESTS = ("tests/faults/test_cards.py", "tests/gpu/test_drawing.py", "tests/gpu/test_part_states.py", "tests/gpu/test_color_exact.py",
         "tests/gpu/test_outputs.py", "tests/gpu/test_shadow.py", *(f"tests/test_examples.py::test_example[{name}]" for name in EXAMPLES))
"""The goldens and the picture tests that need no large scene."""

LEFT_OUT = ("coarser_levels", "environment", "scattered", "texture_layers", "two_devices", "two_scenes")
"""What takes seconds by itself: the same kinds of picture, more of them."""


def once(number: int, folder: Path) -> dict[str, str]:
    """Run all tests in the order of a number; how each ended."""
    ended = folder / "outcomes.json"
    ended.unlink(missing_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests/faults"), "METARENDER_OUTCOMES": str(ended),
                   "PYTHONHASHSEED": str(number), "METARENDER_SHUFFLE": str(number), "LP_NUM_THREADS": str(number % 3)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "outcomes", "-p", "no:cacheprovider", f"--metarender-report={folder}",
               "-k", " and ".join(f"not {word}" for word in LEFT_OUT), *TESTS]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    found: dict[str, str] = json.loads(ended.read_text("utf-8")) if ended.is_file() else {"pytest": "broken"}
    return found


def main() -> int:
    """Run what was asked for; 0 where everything passed every time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="how many in all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="no run begins after that many")
    parser.add_argument("--out", type=Path, default=Path("reruns.json"))
    options = parser.parse_args()
    told = {"runs": 0, "tests": 0, "not passed": [], "seconds": 0.0}
    if options.out.is_file():
        told = json.loads(options.out.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        begin = time.perf_counter()
        for number in range(told["runs"], options.runs):
            if (start := time.perf_counter()) - begin > options.seconds:
                break
            ended = once(number, Path(folder))
            told["runs"] += 1
            told["tests"] += len(ended)
            told["seconds"] += time.perf_counter() - start
            told["not passed"] += [f"run {number}: {test} {how}" for test, how in ended.items() if how != "passed"]
            options.out.write_text(json.dumps(told, indent=1), "utf-8")
    print(json.dumps(told, indent=1))
    return 1 if told["not passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
