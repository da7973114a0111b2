"""A copy of the tree in which faults are planted, one at a time, and tests are run to see whether they notice."""

from __future__ import annotations

import base64
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from faults import Fault
from outcomes import FAILED, PASSED
from PIL import Image

from metarender import _core
from metarender.testing.comparison import Picture, compare, flip
from metarender.testing.goldens import OTHER_VERSION
from metarender.testing.page import read_cases

ROOT = Path(__file__).resolve().parents[2]
HERE = Path("tests/faults")
COPIED = ("src", "shaders", "tests", "examples", "setup.py", "pyproject.toml", "README.md", "LICENSE")
PATIENCE = 300
"""Seconds that the tests of one fault may take."""


class Figures(NamedTuple):
    """How far a faulty picture is from the good one, by each measure."""

    picture: str
    flip: float
    tile: float
    share: float
    blob: int
    gates: bool
    """Whether our gates refuse it even with what another version of the rasteriser may have."""


class Verdict(NamedTuple):
    """What came of one fault.

    `failed` are the tests that noticed; `broken` those that could not be run to their end, which count for nothing.
    """

    name: str
    file: str
    failed: list[str]
    broken: list[str]
    figures: list[Figures]

    @property
    def caught(self) -> bool:
        return bool(self.failed)


class Workspace:
    """The copy.

    Parameters
    ----------
    folder : Path
        Where it is made; removed by the caller.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for source in (ROOT / name for name in COPIED):
            if source.is_dir():
                shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.egg-info"))
            else:
                shutil.copy2(source, folder)
        self.extension = folder / "src/metarender" / Path(_core.__file__).name
        shutil.copy2(_core.__file__, self.extension)
        (folder / "src/metarender/shaders").symlink_to(folder / "shaders")  # an installed package has them there
        self._commands: list[str] = []
        self._writes = 0

    # --- planting ------------------------------------------------------------------------------------------------------

    @contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        """Put a fault into the copy, and take it out at the end."""
        path = self.folder / fault.file
        good, native = path.read_text("utf-8"), "_native" in fault.file
        if good.count(fault.old) != 1:
            raise ValueError(f"{fault.file} holds what {fault.name!r} replaces {good.count(fault.old)} times; mend tests/faults/faults.py")
        before = self._build() if native else b""
        self._write(path, good.replace(fault.old, fault.new))
        try:
            if native:
                self._compile(path)
            yield
        finally:
            self._write(path, good)
            if native:
                self._compile(path, link=False)
                self.extension.write_bytes(before)

    def _write(self, path: Path, text: str) -> None:
        """Write a file with a time of its own: Python tells compiled files apart by whole seconds and sizes."""
        self._writes += 1
        path.write_text(text, "utf-8")
        moment = path.stat().st_mtime_ns + self._writes * 2_000_000_000
        os.utime(path, ns=(moment, moment))

    def _build(self) -> bytes:
        """Build the whole extension once, and learn the commands; return it."""
        if not self._commands:
            if (ROOT / "build/cython").is_dir():
                shutil.copytree(ROOT / "build/cython", self.folder / "build/cython")
            done = subprocess.run([sys.executable, "setup.py", "build_ext", "--inplace", "--force"], cwd=self.folder, check=True, text=True,
                                  capture_output=True)
            self._commands = [line for line in done.stdout.splitlines() if " -c " in line or " -shared " in line]
        return self.extension.read_bytes()

    def _compile(self, path: Path, link: bool = True) -> None:
        """Run the commands of the build for the files that one edited file is part of, and the last one, which links."""
        parts = [other.name for other in path.parent.glob("*.c") if other == path or f'#include "{path.name}"' in other.read_text("utf-8")]
        chosen = [shlex.split(line) for line in self._commands if any(f"/{part} " in line for part in parts)]
        linking = shlex.split(self._commands[-1])
        for command in (*chosen, *([linking] if link else [])):
            subprocess.run(command, cwd=self.folder, check=True)
        if link:
            shutil.copy2(self.folder / linking[linking.index("-o") + 1], self.extension)

    # --- running -------------------------------------------------------------------------------------------------------

    def run(self, tests: Sequence[str]) -> dict[str, str]:
        """Run tests in the copy; how each ended, by node id. Empty where pytest itself could not run."""
        ended, report = self.folder / "outcomes.json", self.folder / "report"
        ended.unlink(missing_ok=True)
        shutil.rmtree(report, ignore_errors=True)
        paths = os.pathsep.join((str(self.folder / "src"), str(self.folder / HERE)))
        environment = {**os.environ, "PYTHONPATH": paths, "METARENDER_OUTCOMES": str(ended)}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "outcomes", "-p", "no:cacheprovider", f"--rootdir={self.folder}",
                   f"--metarender-report={report}", *tests]
        try:
            subprocess.run(command, cwd=self.folder, env=environment, timeout=PATIENCE, capture_output=True)
        except subprocess.TimeoutExpired:
            return {}
        found: dict[str, str] = json.loads(ended.read_text("utf-8")) if ended.is_file() else {}
        return found

    def try_fault(self, fault: Fault, tests: Sequence[str] = ()) -> Verdict:
        """Plant a fault, run its tests (or those given), and measure the pictures that differ."""
        with self.planted(fault):
            ended = self.run(tests or fault.tests)
        failed = [test for test, how in ended.items() if how == FAILED]
        broken = [test for test, how in ended.items() if how not in (PASSED, FAILED)] if ended else ["pytest"]
        return Verdict(fault.name, fault.file, failed, broken, self._figures())

    def _figures(self) -> list[Figures]:
        """Of each picture that a golden refused, from the page about it."""
        report = self.folder / "report"
        cases = read_cases(report) if report.is_dir() else []
        return [figures(case.name, *(_picture(case.pictures[kind]) for kind in ("actual", "expected")))
                for case in cases if {"actual", "expected"} <= set(case.pictures)]


def figures(name: str, actual: Picture, expected: Picture) -> Figures:
    """Measure a faulty picture."""
    gates = compare(actual, expected, OTHER_VERSION)
    _, tile, share, blob, _ = (gate.found for gate in gates.gates)
    told = flip(actual, expected)
    return Figures(name, told[0] if told else float("nan"), tile, share, int(blob), not gates.passed)


def _picture(text: str) -> Picture:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def as_json(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data."""
    return {**verdict._asdict(), "caught": verdict.caught, "figures": [row._asdict() for row in verdict.figures]}
