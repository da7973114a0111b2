"""Every example says how it is tested, runs, keeps its budget, and looks as it did."""

import importlib.util
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

import metarender as mr

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9][0-9]_*.py"))


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def header(module, name):
    found = re.search(rf"^{name}: (.+)$", module.__doc__ or "", re.M)
    return found.group(1).strip() if found else ""


def pairs(text):
    return dict(item.split("=") for item in text.split())


def peak_bytes():
    """Largest memory of this process since it was last asked."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    Path("/proc/self/clear_refs").write_text("5")
    return int(found.group(1)) * 1024


def costs(scene, before, start):
    """What a budget may name besides the counters of a frame: spent since `before` bytes and `start` seconds of this process."""
    return {"store_bytes_per_part": scene.memory.per_part, "peak_mb": (peak_bytes() - before) / 1e6,
            "cpu_seconds": time.process_time() - start}


def skip_without_its_assets(module):
    """Skip an example whose header names files that this machine does not have."""
    wanted = header(module, "needs")
    if wanted and not (Path(os.environ.get("METARENDER_ASSETS", "")) / wanted).is_dir():
        pytest.skip(f"METARENDER_ASSETS does not name a folder with {wanted}")


def check_moving(module, scene, camera, renderer):
    """Frames in which the example moves its parts keep their own budget, the same in each, and upload about what moved."""
    allowed, frames = {name: int(value) for name, value in pairs(header(module, "moving")).items()}, []
    for step in range(1, 4):
        module.move(scene, 2.0 + 0.1 * step)
        frames.append(renderer.render(scene, camera).stats)
    for counter, most in allowed.items():
        assert max(getattr(stats, counter) for stats in frames) <= most
    assert len({stats.bytes_uploaded for stats in frames}) == len({stats.draw_calls for stats in frames}) == 1
    moving = module.CARRIERS * len(module.CARRIER) + 2 * module.TRAYS
    assert moving == 10_000 and 48 * moving <= frames[0].bytes_uploaded <= 48 * 1.25 * moving


def test_there_are_at_least_six():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path, render, golden, budget):
    peak_bytes()
    before, start, module = peak_bytes(), time.process_time(), load(path)
    assert header(module, "test") in ("compare", "run"), f"{path.name} does not say in its header how it is tested"
    skip_without_its_assets(module)
    scene, camera = module.build()
    settings = {name: value if name == "tone_mapping" else float(value) for name, value in pairs(header(module, "settings")).items()}
    frame = render(scene, camera, size=(480, 270), **settings)
    spent = costs(scene, before, start)
    allowed = {counter: int(most) for counter, most in pairs(header(module, "budget")).items()}
    assert allowed, f"{path.name} has no budget in its header"
    for counter in allowed.keys() & spent.keys():
        assert spent[counter] <= allowed[counter], f"{counter}: {spent[counter]} > {allowed[counter]}"
    budget(frame, **{counter: most for counter, most in allowed.items() if counter not in spent})
    if header(module, "moving"):
        with mr.Renderer(size=(480, 270), device="software", **settings) as renderer:
            renderer.render(scene, camera)
            check_moving(module, scene, camera, renderer)
    if header(module, "test") == "compare":
        golden(frame.color, path.stem)
        for seconds in header(module, "flight").split()[1:]:  # the first is the picture above
            golden(render(scene, module.fly(camera, float(seconds)), size=(480, 270), **settings).color, f"{path.stem}_{seconds}")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_promise_leaving_out_what_is_hidden_changes_no_byte_of_an_example(path):
    module = load(path)
    skip_without_its_assets(module)
    scene, camera = module.build()
    pictures = {}
    with mr.Renderer(size=(240, 135), device="software") as renderer:
        for renderer.occlusion in (False, "cpu", "gpu"):
            for _ in range(2):  # the device hides with what showed in the frame before
                frame = renderer.render(scene, camera)
            pictures[renderer.occlusion] = frame.color
    assert all(np.array_equal(picture, pictures[False]) for picture in pictures.values())
