"""The package is typed: mypy is strict, and the stub of the compiled module tells the truth."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*command: str) -> None:
    # Without MYPYPATH an editable installation is not found, and stubtest then succeeds without having looked.
    environment = {**os.environ, "MYPYPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_is_strict_and_clean(tmp_path):
    run("mypy", "--cache-dir", str(tmp_path), "--config-file", str(ROOT / "pyproject.toml"), str(ROOT / "src" / "metarender"))


@pytest.mark.slow
def test_the_stub_of_the_core_is_true():
    allowed = str(ROOT / "tests" / "stubtest-allowlist.txt")
    run("mypy.stubtest", "metarender._core", "--ignore-disjoint-bases", "--mypy-config-file", str(ROOT / "pyproject.toml"),
        "--allowlist", allowed, "--ignore-unused-allowlist")
