"""How close our pictures come to path-traced ones, beside five other real-time renderers: a table and a page of pictures.

    METARENDER_ASSETS=.../assets python benchmarks/fidelity.py [NAME ...] [--out fidelity]

Every scenario of ``goldens/scenarios.json`` is rendered as its golden was: the same camera, the same light and nothing else,
ACES tone mapping, twice the nominal size, then reduced with Lanczos. The figure is the mean of NVIDIA FLIP (LDR, 67 pixels
per degree) inside the object's mask, both pictures over white; 0 is identical, 0.05 is about 5 % of exposure.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import os
import statistics
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import flip_evaluator
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import metarender as mr
from metarender.color import srgb_encode

REFERENCES = {
    "AlphaBlendModeTest": "vray", "AnimatedMorphCube": "blender-cycles", "AttenuationTest": "stellar", "Box": "vray",
    "EmissiveStrengthTest": "blender-cycles", "Fox": "blender-cycles", "MorphStressTest": "vray", "RiggedSimple": "vray",
    "SheenCloth": "three-gpu-pathtracer", "Suzanne": "stellar", "TextureCoordinateTest": "vray",
    "TextureLinearInterpolationTest": "three-gpu-pathtracer",
}
"""The path tracer that judges each scenario on which path tracers agree (class A)."""

REQUIRED = ("AlphaBlendModeTest", "AnimatedMorphCube", "Box", "EmissiveStrengthTest", "Suzanne", "TextureCoordinateTest",
            "TextureLinearInterpolationTest")
"""Scenarios that need nothing but static core glTF: tests hold them at or below the median of the others."""

REAL_TIME = ("model-viewer", "filament", "babylon", "gltf-sample-viewer", "rhodonite")
POWER_CURVE = ("blender-cycles", "vray", "stellar", "babylon", "gltf-sample-viewer")
"""Renderers that wrote a power of 1/2.2 where sRGB is meant."""

LEAST_IOU = 0.95
"""Another renderer's picture whose silhouette is worse than this shows another pose; it is not compared."""

Picture = NDArray[np.uint8]


class Result(NamedTuple):
    """One scenario: our figures and those of the other real-time renderers (sorted), with the pictures."""

    name: str
    flip: float
    iou: float
    others: dict[str, float]
    ours: Picture
    reference: Picture
    error: NDArray[np.float32]


def assets() -> Path:
    """Folder of the downloaded assets."""
    folder = os.environ.get("METARENDER_ASSETS")
    if not folder:
        raise SystemExit("Set METARENDER_ASSETS to the folder that holds goldens/, gltf/ and environments/.")
    return Path(folder)


@cache
def scenarios() -> dict[str, dict[str, Any]]:
    """Scenarios by their short name."""
    listed = json.loads((assets() / "goldens" / "scenarios.json").read_text())["scenarios"]
    return {entry["name"].removeprefix("khronos-"): entry for entry in listed}


@cache
def light() -> mr.Environment:
    """The only light of every scenario."""
    return mr.Environment.from_file(assets() / "environments" / "lightroom_14b_from_cube.hdr")


def golden(name: str, renderer: str) -> Picture:
    """Picture of another renderer as (h, w, 4) uint8 sRGB with straight alpha."""
    picture = np.array(Image.open(assets() / "goldens" / f"khronos-{name}" / f"{renderer}.webp").convert("RGBA"))
    if renderer in POWER_CURVE:
        curve = np.round(srgb_encode((np.arange(256) / 255) ** 2.2) * 255).astype(np.uint8)
        picture[..., :3] = curve[picture[..., :3]]
    return picture


def render(name: str) -> Picture:
    """Our picture of a scenario at twice its nominal size, (h, w, 4) uint8 sRGB with straight alpha."""
    entry = scenarios()[name]
    scene = mr.load(assets() / entry["model"])
    scene.environment = light()
    scene.background = "environment" if entry["renderSkybox"] else "transparent"
    orbit, size = entry["orbit"], entry["dimensions"]
    camera = mr.PerspectiveCamera(fov=entry["verticalFoV"])
    camera.orbit(math.radians(orbit["theta"]), math.radians(orbit["phi"]), orbit["radius"], entry["target"])
    with mr.Renderer(size=(2 * size["width"], 2 * size["height"]), tone_mapping="aces") as renderer:
        return renderer.render(scene, camera).color


def reduce(picture: Picture, size: tuple[int, int]) -> Picture:
    """Lanczos to (width, height); Pillow weighs colours with alpha, so edges stay free of dark fringes."""
    return np.asarray(Image.fromarray(picture, "RGBA").resize(size, Image.Resampling.LANCZOS))


def over_white(picture: Picture) -> NDArray[np.float32]:
    """sRGB values 0..1 of the picture on white, composed on encoded values as the figures of the others were."""
    alpha = picture[..., 3:].astype(np.float32) / 255
    return picture[..., :3].astype(np.float32) / 255 * alpha + (1 - alpha)


def silhouette_iou(a: Picture, b: Picture) -> float:
    """Overlap of the two shapes, alpha above one half."""
    inside_a, inside_b = a[..., 3] > 127, b[..., 3] > 127
    return float((inside_a & inside_b).sum() / max((inside_a | inside_b).sum(), 1))


def flip_map(reference: Picture, test: Picture) -> tuple[float, NDArray[np.float32]]:
    """Mean FLIP where either picture is not empty, and the map (h, w)."""
    mask = (reference[..., 3] > 0.02 * 255) | (test[..., 3] > 0.02 * 255)
    error = flip_evaluator.evaluate(over_white(reference), over_white(test), "LDR", applyMagma=False, parameters={"ppd": 67.0})[0][..., 0]
    return float(error[mask].mean()), error


@cache
def others(name: str) -> dict[str, float]:
    """FLIP of the other real-time renderers to the reference of a scenario."""
    entry, reference = scenarios()[name], golden(name, REFERENCES[name])
    found = {}
    for renderer in REAL_TIME:
        if renderer in entry["renderers"] and renderer not in entry["ignore_renderers"]:
            picture = golden(name, renderer)
            if silhouette_iou(reference, picture) >= LEAST_IOU:
                found[renderer] = flip_map(reference, picture)[0]
    return found


def measure(name: str) -> Result:
    """Render and compare one scenario of ``REFERENCES``."""
    reference = golden(name, REFERENCES[name])
    ours = reduce(render(name), (reference.shape[1], reference.shape[0]))
    flip, error = flip_map(reference, ours)
    return Result(name, flip, silhouette_iou(reference, ours), others(name), ours, reference, error)


def score(name: str) -> tuple[float, float]:
    """FLIP to the reference path tracer and overlap of the silhouettes."""
    result = measure(name)
    return result.flip, result.iou


def table(results: list[Result]) -> str:
    """The figures as text, one line for each scenario."""
    lines = [f"{'scenario':32}{'ours':>7}{'best':>7}{'median':>8}{'worst':>7}{'IoU':>8}  held"]
    for r in results:
        values = sorted(r.others.values())
        median = statistics.median(values)
        held = r.flip <= median and r.iou >= 0.98
        lines.append(f"{r.name:32}{r.flip:7.3f}{values[0]:7.3f}{median:8.3f}{values[-1]:7.3f}{r.iou:8.3f}  "
                     + ("yes" if held else "NO" if r.name in REQUIRED else "no (not required)"))
    columns = [[r.flip, min(r.others.values()), statistics.median(r.others.values()), max(r.others.values())] for r in results]
    ours, best, median, worst = np.mean(columns, axis=0)
    lines.append(f"{'mean':32}{ours:7.3f}{best:7.3f}{median:8.3f}{worst:7.3f}")
    return "\n".join(lines)


def write_page(results: list[Result], folder: Path) -> Path:
    """Write ours, the reference, the error and the other renderers side by side as ``index.html``."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for r in results:
        cells = [(f"ours {r.flip:.3f}", r.ours), (f"{REFERENCES[r.name]} (reference)", r.reference)]
        cells += [(f"{other} {value:.3f}", golden(r.name, other)) for other, value in sorted(r.others.items(), key=lambda item: item[1])]
        pictures = []
        for number, (label, picture) in enumerate(cells):
            Image.fromarray(np.round(over_white(picture) * 255).astype(np.uint8)).save(folder / f"{r.name}-{number}.png")
            pictures.append((label, f"{r.name}-{number}.png"))
        Image.fromarray(np.round(np.clip(r.error, 0, 1) * 255).astype(np.uint8)).save(folder / f"{r.name}-error.png")
        pictures.insert(2, ("FLIP of ours (white = 1)", f"{r.name}-error.png"))
        figures = "".join(f'<figure><img src="{source}" width="300"><figcaption>{html.escape(label)}</figcaption></figure>'
                          for label, source in pictures)
        rows.append(f"<h2>{html.escape(r.name)}</h2><div>{figures}</div>")
    page = folder / "index.html"
    page.write_text('<!doctype html><meta charset="utf-8"><title>Fidelity</title>'
                    "<style>body{font:14px sans-serif}div{display:flex;flex-wrap:wrap}figure{margin:4px}</style>"
                    f"<h1>Fidelity</h1><pre>{html.escape(table(results))}</pre>" + "".join(rows), encoding="utf-8")
    return page


def main() -> int:
    """Print the table and write the page; 1 if a required scenario is not held."""
    parser = argparse.ArgumentParser(description="FLIP of our pictures to path-traced references.")
    parser.add_argument("names", nargs="*", default=list(REFERENCES), help="scenarios (default: all with an agreed reference)")
    parser.add_argument("--out", type=Path, default=Path("fidelity"), help="folder of the page (default: fidelity)")
    arguments = parser.parse_args()
    results = []
    for name in arguments.names:
        try:
            results.append(measure(name))
        except mr.MetarenderError as error:
            print(f"{name}: {error}", file=sys.stderr)
    print(table(results))
    print(write_page(results, arguments.out))
    return int(any(r.name in REQUIRED and (r.flip > statistics.median(r.others.values()) or r.iou < 0.98) for r in results))


if __name__ == "__main__":
    sys.exit(main())
