"""Draws every file of the assets that a loader knows into contact sheets, to be looked at.

    METARENDER_ASSETS=.../assets python benchmarks/contact_sheets.py [--out contact-sheets] [--size 256] [--only gltf]

Files of ``asset-generator`` are drawn from the camera of their manifest, beside the picture they should give; the others
are framed. Files in ``invalid`` are meant to be refused and are left out. What cannot be drawn is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import metarender as mr

COLUMNS = 6
LABEL = 14
GROUND = (64, 80, 112)


def assets() -> Path:
    """Folder of the downloaded assets."""
    folder = os.environ.get("METARENDER_ASSETS")
    if not folder:
        raise SystemExit("Set METARENDER_ASSETS to the folder that holds gltf/ and asset-generator/.")
    return Path(folder)


def generated() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Loadable files of the asset generator with their entry in the manifest."""
    folder = assets() / "asset-generator"
    for group in json.loads((folder / "Manifest.json").read_text()):
        for model in group["models"]:
            if model["loadable"]:
                yield folder / model["fileName"], model


def collected() -> list[tuple[Path, str]]:
    """(file, sheet) of everything else that a loader knows; a sheet is a folder, or its first two for large ones."""
    found = []
    for path in sorted(assets().rglob("*")):
        folders = path.relative_to(assets()).parts[:-1]
        if folders and folders[0] not in ("asset-generator", "invalid") and path.suffix.lower() in mr.io.loaders():
            found.append((path, "-".join(folders[: 2 if folders[0] in ("gltf", "cad", "tiles3d") else 1])))
    return found


def manifest_camera(model: dict[str, Any]) -> mr.PerspectiveCamera:
    """The camera that a manifest entry names: at a place, looking at the origin."""
    camera = mr.PerspectiveCamera(fov=45)
    camera.look_at(model["camera"]["translation"], (0, 0, 0))
    return camera


def draw(renderer: mr.Renderer, path: Path, camera: mr.Camera | None = None) -> NDArray[np.uint8]:
    """One file as (h, w, 4) uint8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mr.io.AssetWarning)
        scene = mr.load(path)
    return renderer.render(scene, camera).color


def over_ground(picture: Image.Image) -> Image.Image:
    """The picture on a muted blue, which neither white, grey, black nor an empty picture resembles."""
    ground = Image.new("RGBA", picture.size, (*GROUND, 255))
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")


def write_sheet(cells: list[tuple[str, Image.Image]], size: int, path: Path) -> None:
    """One picture of labelled cells, COLUMNS wide."""
    rows = -(-len(cells) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * size, rows * (size + LABEL)), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for index, (label, picture) in enumerate(cells):
        x, y = index % COLUMNS * size, index // COLUMNS * (size + LABEL)
        sheet.paste(over_ground(picture).resize((size, size)), (x, y + LABEL))
        pen.text((x + 2, y + 1), label[: size // 6], fill=(0, 0, 0))
    sheet.save(path)


def main() -> int:
    """Write the sheets and print what could not be drawn."""
    parser = argparse.ArgumentParser(description="Contact sheets of every file of the assets.")
    parser.add_argument("--out", type=Path, default=Path("contact-sheets"), help="folder of the sheets (default: contact-sheets)")
    parser.add_argument("--size", type=int, default=256, help="pixels of one picture (default: 256)")
    parser.add_argument("--only", default="", help="draw the sheets whose name starts with this")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    sheets: dict[str, list[tuple[str, Image.Image]]] = {}
    failures: list[str] = []
    with mr.Renderer(size=(arguments.size, arguments.size)) as renderer:
        jobs: list[tuple[Path, str, dict[str, Any] | None]] = [(path, sheet, None) for path, sheet in collected()]
        jobs += [(path, f"generator-{model['fileName'].rsplit('_', 1)[0]}", model) for path, model in generated()]
        jobs = [job for job in jobs if job[1].startswith(arguments.only)]
        for path, sheet, model in jobs:
            try:
                picture = draw(renderer, path, manifest_camera(model) if model else None)
            except mr.MetarenderError as error:
                failures.append(f"{path.relative_to(assets())}: {error}")
                continue
            sheets.setdefault(sheet, []).append((f"{path.name} ({path.parent.name})", Image.fromarray(picture, "RGBA")))
            if model and "sampleImageName" in model:
                sheets[sheet].append(("should be", Image.open(assets() / "asset-generator" / model["sampleImageName"])))
    for name, cells in sheets.items():
        write_sheet(cells, arguments.size, arguments.out / f"{name}.png")
    print(f"{len(jobs) - len(failures)} of {len(jobs)} files drawn on {len(sheets)} sheets in {arguments.out}; not drawn:")
    print("\n".join(failures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
