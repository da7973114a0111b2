"""Draws every file of the assets that a loader knows into contact sheets, to be looked at.

    METARENDER_ASSETS=.../assets python benchmarks/contact_sheets.py [--out contact-sheets] [--size 256] [--only gltf]

A file with clips is drawn at three times of its first one, from one place; a captured motion as bones at three times of its own, and on
the figures of ``20_mocap.py``; the warehouse at three places of its flight. Files of ``asset-generator`` are drawn from the camera of
their manifest, beside the picture they should give; the others are framed. Files in ``invalid`` are meant to be refused and are left
out. What cannot be drawn is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import runpy
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import metarender as mr

COLUMNS = 6
LABEL = 14
GROUND = (64, 80, 112)
MOMENTS = (0.0, 1 / 3, 2 / 3)
"""Shares of the duration of a clip; not its end, which is often its start."""
Drawn = Iterator[tuple[str, NDArray[np.uint8]]]
"""Labels with pictures, (h, w, 4) uint8."""


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


def draw(renderer: mr.Renderer, path: Path, camera: mr.Camera | None = None) -> Drawn:
    """One file: once, or at three times of its first clip."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", mr.io.AssetWarning)
        scene = mr.load(path)
    label = f"{path.name} ({path.parent.name})"
    if not scene.clips:
        yield label, renderer.render(scene, camera).color
        return
    clip = scene.clips[0]
    scene.play(clip)
    times = [share * clip.duration for share in MOMENTS]
    camera = camera or framed(scene, times)
    for seconds in times:
        scene.at(seconds)
        yield f"{seconds:.2f} s of {clip.name!r}, {label}", renderer.render(scene, camera).color


def framed(scene: mr.Scene, times: list[float]) -> mr.Camera:
    """A camera that has the scene in view at all these times."""
    boxes = []
    for seconds in times:
        scene.at(seconds)
        boxes.append(scene.bounds)
    boxes = [box for box in boxes if box is not None]
    camera = mr.PerspectiveCamera().orbit(math.radians(30), math.radians(65), 1.0)
    return camera.frame([np.min([low for low, _ in boxes], axis=0), np.max([high for _, high in boxes], axis=0)]) if boxes else camera


def draw_motion(renderer: mr.Renderer, path: Path) -> Drawn:
    """A captured motion as bones: a line from each joint to its parent."""
    motion = mr.io.read_bvh(path)
    child = np.flatnonzero(motion.skeleton.parents >= 0)
    ends = np.stack([motion.skeleton.parents[child], child], axis=1).ravel()
    places, _ = motion.world()
    for share in MOMENTS:
        row = int(share * len(motion.times))
        scene = mr.Scene()
        scene.add(mr.Mesh(mr.Geometry(positions=places[row, ends], topology="lines"), mr.Unlit(color="white")))
        yield f"{motion.times[row]:.2f} s of {path.name}", renderer.render(scene).color


def draw_example(renderer: mr.Renderer, name: str, seconds: tuple[float, ...], moved: Callable[[dict[str, Any], float], Any]) -> Drawn:
    """An example of the repository at some times; `moved` makes its scene and camera of them."""
    made = runpy.run_path(str(Path(__file__).parents[1] / "examples" / f"{name}.py"))
    for moment in seconds:
        yield f"{moment:.2f} s of {name}", renderer.render(*moved(made, moment)).color


def staged(renderer: mr.Renderer) -> Iterator[tuple[str, Path, Callable[[], Drawn]]]:
    """(sheet, file, what draws it) of the files that no loader makes a scene of."""
    for path in sorted((assets() / "mocap").glob("*.bvh")):
        yield "mocap", path, lambda path=path: draw_motion(renderer, path)
    walk = Path(__file__).parents[1] / "tests" / "assets" / "mocap" / "131_01.bvh"
    yield "mocap", walk, lambda: draw_motion(renderer, walk)
    yield "mocap", walk, lambda: draw_example(renderer, "20_mocap", (0.4, 1.2, 2.0), lambda made, time: made["build"](time))
    world = assets() / "cad" / "aws-small-warehouse" / "no_roof_small_warehouse.world"
    if world.is_file():
        def flown(made: dict[str, Any], seconds: float) -> tuple[mr.Scene, mr.Camera]:
            scene, camera = made["build"](world.parent)
            return scene, made["fly"](camera, seconds)

        yield "warehouse", world, lambda: draw_example(renderer, "15_warehouse", (0.0, 4.0, 8.0), flown)


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


def expected(path: Path | None) -> list[Image.Image]:
    """Pictures that a file of the asset generator should give: one, or of a moving reference those at the moments that we draw."""
    if path is None:
        return []
    with Image.open(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        found = []
        for share in MOMENTS if frames > 1 else MOMENTS[:1]:
            picture.seek(int(share * frames))
            found.append(picture.convert("RGBA"))
        return found


def all_jobs(renderer: mr.Renderer) -> Iterator[tuple[str, Path, Callable[[], Drawn], Path | None]]:
    """(sheet, file, what draws it, picture that it should give) of everything."""
    for path, sheet in collected():
        yield sheet, path, lambda path=path: draw(renderer, path), None
    for sheet, path, drawn in staged(renderer):
        yield sheet, path, drawn, None
    for path, model in generated():
        name = model.get("sampleImageName")
        reference = path.parent / name if name else None
        sheet = f"generator-{model['fileName'].rsplit('_', 1)[0]}"
        yield sheet, path, lambda path=path, model=model: draw(renderer, path, manifest_camera(model)), reference


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
    with mr.Renderer(size=(arguments.size, arguments.size), point_size=4) as renderer:
        jobs = [job for job in all_jobs(renderer) if job[0].startswith(arguments.only)]
        for sheet, path, drawn, reference in jobs:
            try:
                cells = [(label, Image.fromarray(picture, "RGBA")) for label, picture in drawn()]
            except mr.MetarenderError as error:
                failures.append(f"{path.relative_to(assets())}: {error}")
                continue
            sheets.setdefault(sheet, []).extend(cells)
            sheets[sheet] += [("should be", picture) for picture in expected(reference)]
    for name, cells in sheets.items():
        write_sheet(cells, arguments.size, arguments.out / f"{name}.png")
    pictures = sum(len(cells) for cells in sheets.values())
    print(f"{len(jobs) - len(failures)} of {len(jobs)} files, {pictures} pictures on {len(sheets)} sheets in {arguments.out}; not drawn:")
    print("\n".join(failures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
