"""Skinned figures in metarender, Panda3D, pygfx and three.js: the same file, the same poses, and a picture that is finished.

    METARENDER_NODE_MODULES=... python benchmarks/figures/compare.py FOX.glb [--counts 100 1000] [--rounds 3] [--out DIR]

Each figure plays the clip "Walk" of its own, 0.037 s after the one before, by the engine's own player; 256x256 pixels, one sample,
one directional light, and ambient light in the others. Engines take turns; the better median counts. One that does
not run is listed with its last words.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENGINES = {"metarender": "figures_metarender.py", "Panda3D": "figures_panda3d.py", "pygfx": "figures_pygfx.py",
           "three.js in Chromium": "figures_threejs.mjs"}


def measure(script: str, model: Path, count: int, frames: int, picture: Path) -> dict:
    """Run one engine in a process of its own and return what it reports.

    Raises
    ------
    RuntimeError
        It failed, with the last line of its errors.
    """
    start = [sys.executable, str(HERE / script)]
    if script.endswith(".mjs"):
        start = ["node", str(HERE / script)]
    command = [*start, str(model), "--count", str(count), "--frames", str(frames), "--picture", str(picture)]
    if script.endswith(".mjs"):
        command += ["--modules", os.environ.get("METARENDER_NODE_MODULES", ".")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode or not done.stdout.strip():
        raise RuntimeError((done.stderr.strip().splitlines() or ["no answer"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("figures"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    best: dict[tuple[str, int], float] = {}
    failed: dict[tuple[str, int], str] = {}
    for count in given.counts:
        for _ in range(given.rounds):
            for engine, script in ENGINES.items():
                if (engine, count) in failed:
                    continue
                try:
                    found = measure(script, given.model, count, given.frames, given.out / f"{Path(script).stem}_{count}.png")
                except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                    failed[engine, count] = str(error)
                    continue
                best[engine, count] = min(found["frame_ms"], best.get((engine, count), float("inf")))
    print("| engine | " + " | ".join(f"{count} figures, ms" for count in given.counts) + " |\n|---|" + "--:|" * len(given.counts))
    for engine in ENGINES:
        cells = [f"{best[engine, count]:.1f}" if (engine, count) in best else "" for count in given.counts]
        print(f"| {engine} | " + " | ".join(cells) + " |")
    for (engine, count), why in failed.items():
        print(f"{engine}, {count}: {why}")


if __name__ == "__main__":
    main()
