"""Draws the pictures of README.md and the documents into docs/pictures; run it after a change of how things look."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from PIL import Image

import metarender as mr
from metarender.demos.campus import build as build_campus
from metarender.demos.command import demo_camera
from metarender.demos.production_line import build

HERE = Path(__file__).parent
EXAMPLES = sorted((HERE.parent / "examples").glob("[0-9][0-9]_*.py"))[-25:]
"""All but the first ones. Some need METARENDER_ASSETS or an optional package, as each says."""
COLUMNS, CELL = 5, (288, 162)


def save(picture: Image.Image, name: str) -> None:
    """Store a picture small enough for a repository."""
    flat = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture.convert("RGBA"))
    flat.convert("RGB").save(HERE / "pictures" / f"{name}.jpg", quality=88, optimize=True)


def production_line() -> None:
    """Draw the demo at twice the size and reduce it."""
    line = build()
    frame = mr.render(line.scene, demo_camera(), size=(2560, 1440))
    save(Image.fromarray(frame.color).resize((1280, 720), Image.Resampling.LANCZOS), "production_line")


def campus() -> None:
    """Draw a million parts from above, and in a street and over an open warehouse below, at twice the size."""
    built = build_campus()
    sheet = Image.new("RGBA", (1280, 960))
    with mr.Renderer(cull_pixels=1, lod_pixels=1) as renderer:
        for share, (width, height), place in ((0.17, (1280, 640), (0, 0)), (0.5, (640, 320), (0, 640)), (0.84, (640, 320), (640, 640))):
            renderer.size = (2 * width, 2 * height)
            camera = built.camera_at(share)
            renderer.render(built.scene, camera)  # a camera that has moved leaves out more; the next picture is the fine one
            picture = Image.fromarray(renderer.render(built.scene, camera).color)
            sheet.paste(picture.resize((width, height), Image.Resampling.LANCZOS), place)
    save(sheet, "campus")


def examples() -> None:
    """Draw one sheet of the examples, each at twice the size and with the settings that its header names."""
    width, height = CELL
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(EXAMPLES) // COLUMNS) * height), "white")
    for number, path in enumerate(EXAMPLES):
        module = example(path)
        found = re.search(r"^settings: (.+)$", module.__doc__ or "", re.M)
        said = dict(item.split("=") for item in found.group(1).split()) if found else {}
        settings: dict[str, Any] = {name: value if name == "tone_mapping" else float(value) for name, value in said.items()}
        with mr.Renderer(size=(2 * width, 2 * height), **settings) as renderer:
            picture = Image.fromarray(renderer.render(*module.build()).color).resize(CELL, Image.Resampling.LANCZOS)
        sheet.paste(picture, (width * (number % COLUMNS), height * (number // COLUMNS)), picture)
    save(sheet, "examples")


def mixing() -> None:
    """Draw the example of mixed clips at twice the size, for docs/animation.md."""
    frame = mr.render(*example(HERE.parent / "examples" / "24_mixing.py").build(), size=(1920, 1080))
    save(Image.fromarray(frame.color).crop((0, 90, 1920, 870)).resize((960, 390), Image.Resampling.LANCZOS), "mixing")


def example(path: Path) -> ModuleType:
    """Import an example."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TEST = """
import os
import metarender as mr

def test_conveyor(render, golden):
    scene = mr.Scene()
    scene.background = "#e8edf2"
    scene.add(mr.DirectionalLight(direction=(-1, -2, -1)))
    scene.add(mr.Mesh(mr.plane(7), mr.Standard(color="#45505c")), position=(0, -0.3, 0))
    for i in range(4):
        for j in range(4):
            wrong = "WRONG" in os.environ and (i, j) == (2, 1)
            paint = mr.Standard(color=("#e76f51", "#f4a261", "#457b9d", "#2a9d8f")[(i + j) % 4], roughness=0.4)
            place = (1.3 * i - 2 + 0.04 * wrong, 0, 1.3 * j - 2)
            scene.add(mr.Mesh(mr.box(0.6) if (i + j) % 2 else mr.sphere(0.36), paint), position=place)
    camera = mr.PerspectiveCamera().look_at((3.2, 3.4, 4.6), (0, -0.4, 0))
    golden(render(scene, camera, size=(480, 300)).color, "conveyor")
"""


def report() -> None:
    """Let a test of the plugin fail, and take a screenshot of its page with Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser is not None, "the picture of the report needs Chromium"
    with tempfile.TemporaryDirectory() as name:
        folder, shot = Path(name), Path(name) / "shot.png"
        (folder / "test_line.py").write_text(TEST, "utf-8")
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "metarender.testing", "test_line.py"]
        subprocess.run([*pytest, "--metarender-update"], cwd=folder, check=True)
        subprocess.run(["env", "WRONG=1", *pytest], cwd=folder, check=False)
        [page] = (folder / "metarender-report").glob("*.html")
        subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1800",
                        f"--user-data-dir={folder / 'profile'}", f"--screenshot={shot}", page.as_uri()], check=True)
        save(Image.open(shot), "test_report")


if __name__ == "__main__":
    production_line()
    campus()
    examples()
    mixing()
    report()
