"""Runs the scripts that measure other engines, one process at a time, and metarender on the same workloads."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

PEERS = os.environ.get("METARENDER_PEERS", "")
"""Folder of the peer scripts."""

NODE_MODULES = os.environ.get("METARENDER_NODE_MODULES", "")
"""Folder that holds ``node_modules`` with three and puppeteer-core, for the peer in the browser."""

OURS = Path(__file__).parent / "peer_metarender.py"
WORKLOADS = {"static 10k": ("static", 10_000), "static 100k": ("static", 100_000), "dynamic 10k": ("dynamic", 10_000),
             "dynamic 100k": ("dynamic", 100_000), "sparse 100k": ("sparse", 100_000), "hierarchy 10k": ("hierarchy", 10_000)}


def peer(name: str) -> Path:
    """Script of a peer."""
    return Path(PEERS) / (f"peer_{name}.mjs" if name == "threejs" else f"peer_{name}.py")


def measure(script: Path, workload: str, count: int, variant: str = "", frames: int = 25, noop: bool = False, **more: str) -> dict:
    """Run one engine on one workload and return what it reports; with `noop` on Mesa's driver that draws nothing.

    That driver crashes now and then inside a buffer write: then the run is repeated.

    Raises
    ------
    RuntimeError
        It failed, or has no such workload.
    """
    start = ["node", str(script), "--modules", NODE_MODULES] if script.suffix == ".mjs" else [sys.executable, str(script), "--budget", "8"]
    options = {"workload": workload, "n": str(count), "frames": str(frames), **({"variant": variant} if variant else {}), **more}
    command = [*start, *(word for name, value in options.items() for word in (f"--{name}", value))]
    environment = {**os.environ, **({"GALLIUM_NOOP": "1"} if noop else {})}
    for _ in range(6):
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PEERS, env=environment)
        if not noop or run.returncode != -signal.SIGSEGV:
            break
    if run.returncode or not run.stdout.strip():
        raise RuntimeError(f"{script.name} {workload}: {run.stderr.strip().splitlines()[-1:] or run.returncode}")
    report = json.loads(run.stdout.strip().splitlines()[-1])
    if "skipped" in report:
        raise RuntimeError(f"{script.name} {workload}: {report['skipped']}")
    return report


def frame_ms(report: dict) -> float:
    """Median time of a finished frame."""
    return report["frame"]["median_ms"]


def cpu_ms(report: dict) -> float:
    """Processor time of all threads for a frame."""
    return report["cpu_ms_per_frame_all_threads"]
