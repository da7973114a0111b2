"""Draws one table of whole frames: metarender beside every peer that runs here, as text, JSON and a picture.

    METARENDER_PEERS=... METARENDER_NODE_MODULES=... python benchmarks/compare.py [--rounds 2] [--out compare]

Same counts, camera path and visible set for all; a frame counts when it is finished. A peer that does not run is listed with the
reason. The bandwidth of the same run stands below the table.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from peers import OURS, PEERS, WORKLOADS, frame_ms, measure, peer
from PIL import Image, ImageDraw, ImageFont

ENGINES = {"metarender Unlit": (OURS, "unlit"), "metarender Standard": (OURS, ""), "hand-written ModernGL": ("moderngl_raw", ""),
           "moderngl-window": ("moderngl_window", ""), "Panda3D": ("panda3d", ""), "VTK": ("vtk", ""), "pygfx": ("pygfx", ""),
           "pyrender": ("pyrender", ""), "three.js in Chromium": ("threejs", "")}
SLOW = {("pygfx", "static 100k"), ("pygfx", "dynamic 100k"), ("pygfx", "sparse 100k"), ("pyrender", "static 100k"),
        ("pyrender", "dynamic 100k"), ("pyrender", "sparse 100k")}
"""Minutes of setting up for one frame: left out."""


def bandwidth() -> float:
    """Bytes read and written a second by a copy of 64 MB, best of 10."""
    source, target = np.ones(8 << 20), np.empty(8 << 20)
    best = float("inf")
    for _ in range(10):
        start = time.perf_counter()
        np.copyto(target, source)
        best = min(best, time.perf_counter() - start)
    return 2 * source.nbytes / best


def collect(rounds: int) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Best median of each engine on each workload, engines in turns; and why something is missing."""
    table: dict[str, dict[str, float]] = {engine: {} for engine in ENGINES}
    missing: list[str] = []
    for name, (workload, count) in WORKLOADS.items():
        for _ in range(rounds):
            for engine, (script, variant) in ENGINES.items():
                if (engine, name) in SLOW or f"{engine}: {name}" in missing:
                    continue
                path = script if isinstance(script, Path) else peer(script)
                try:
                    milliseconds = frame_ms(measure(path, workload, count, variant, frames=10))
                except (RuntimeError, OSError) as error:
                    missing.append(f"{engine}: {name}")
                    print(f"{engine}, {name}: {error}")
                    continue
                table[engine][name] = min(milliseconds, table[engine].get(name, float("inf")))
    return table, missing


def as_text(table: dict[str, dict[str, float]]) -> str:
    """The table in Markdown, milliseconds a frame."""
    rows = ["| engine | " + " | ".join(WORKLOADS) + " |", "|---|" + "--:|" * len(WORKLOADS)]
    for engine, cells in table.items():
        rows.append(f"| {engine} | " + " | ".join(f"{cells[name]:.1f}" if name in cells else "" for name in WORKLOADS) + " |")
    return "\n".join(rows)


def draw(table: dict[str, dict[str, float]], path: Path) -> None:
    """Bars on a logarithmic scale, one panel for each workload."""
    font, small = ImageFont.load_default(15), ImageFont.load_default(12)
    engines = [engine for engine, cells in table.items() if cells]
    width, row, panel = 430, 20, 44 + 20 * len(engines)
    picture = Image.new("RGB", (2 * width + 30, -(-len(WORKLOADS) // 2) * panel + 10), "white")
    canvas = ImageDraw.Draw(picture)
    for number, name in enumerate(WORKLOADS):
        left, top = 15 + (number % 2) * width, 10 + (number // 2) * panel
        canvas.text((left, top), f"{name} boxes: milliseconds a frame", "black", font)
        for line, engine in enumerate(engines):
            y = top + 26 + line * row
            canvas.text((left, y), engine, "black", small)
            if name in table[engine]:
                value = table[engine][name]
                length = max(3, round(60 * np.log10(max(value, 1.0))))
                canvas.rectangle((left + 160, y + 1, left + 160 + length, y + 14), fill="#e8742c" if "metarender" in engine else "#8a97a8")
                canvas.text((left + 168 + length, y), f"{value:.1f}", "black", small)
    picture.save(path)


def main() -> None:
    """Measure, print, write."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--out", type=Path, default=Path("compare"))
    given = options.parse_args()
    if not PEERS:
        raise SystemExit("METARENDER_PEERS does not name the folder of peer scripts.")
    table, missing = collect(given.rounds)
    given.out.mkdir(parents=True, exist_ok=True)
    speed = bandwidth()
    text = f"{as_text(table)}\n\nCopy bandwidth of the same run: {speed / 1e9:.0f} GB/s read and written.\n"
    if missing:
        text += f"\nDid not run: {', '.join(missing)}.\n"
    print(text)
    (given.out / "compare.md").write_text(text)
    (given.out / "compare.json").write_text(json.dumps({"ms": table, "bandwidth": speed}, indent=2))
    draw(table, given.out / "compare.png")


if __name__ == "__main__":
    main()
