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
    """The module of an example; the test is skipped where a package that it needs is not installed."""
    wanted = re.search(r"^package: (.+)$", path.read_text("utf-8"), re.M)
    for name in wanted.group(1).split() if wanted else ():
        pytest.importorskip(name)
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


def test_the_faces_show_the_frames_of_the_stream():
    """The array is one that ARKit may send, and every head is posed by its own frame of it."""
    from metarender.demos.face import MORPHS
    from metarender.humans import morph_weights

    module = load(EXAMPLES[0].parent / "22_face.py")
    times, values = module.stream()
    assert values.shape == (len(times), 52) and values.min() >= 0 and values.max() <= 1 and np.allclose(np.diff(times), 1 / 60)
    assert np.abs(np.diff(values, axis=0)).max() < 0.35, "a face jumps"
    scene, _ = module.build(0.5)
    for number, expression in enumerate(module.EXPRESSIONS):
        shown = scene.find(f"head {number}").weights
        assert np.allclose(shown, morph_weights(module.row(expression), MORPHS), atol=1e-5) and (number == 0 or shown.any())


def test_hands_arrive_where_they_reach():
    """Within a millimetre, or the arm is straight and points at what is too far; and eyes look at what the hands do."""
    module = load(EXAMPLES[0].parent / "21_reach.py")
    scene, targets = module.build_stage(), module.hands()
    held = {name: [node for node in scene.nodes if node.name in ("leftHand", "rightHand", "head") and node_above(node, name)]
            for name in module.WORKERS}
    for row, seconds in ((0, 0.0), (18, 0.6), (66, 2.2), (120, 4.0), (156, 5.2)):
        scene.at(seconds)
        for name, nodes in held.items():
            for node in nodes:
                place, watched = node.world_matrix[:3, 3], targets["puller left" if name == "puller" else "turner left"][row]
                if node.name == "head":
                    away = watched - place
                    assert node.world_matrix[:3, 2] @ away > 0.999 * np.linalg.norm(away) or name == "pointer"
                    continue
                target = targets[f"{name} {node.name.removesuffix('Hand')}"][row]
                elbow, shoulder = node.parent.world_matrix[:3, 3], node.parent.parent.world_matrix[:3, 3]
                straight = np.linalg.norm(place - shoulder) > 0.9999 * (np.linalg.norm(place - elbow) + np.linalg.norm(elbow - shoulder))
                pointing = np.linalg.norm(np.cross(place - shoulder, target - shoulder)) < 1e-3
                assert np.linalg.norm(place - target) < 1e-3 or (straight and pointing and name == "pointer"), f"{name} {node.name}"
        grip, knob = (scene.find(name).world_matrix for name in ("valve", "lever"))
        assert np.allclose(grip @ (module.RIM, 0, 0, 1), (*targets["turner left"][row], 1), atol=1e-3)
        assert np.allclose(knob @ (0, module.ROD, 0, 1), (*targets["puller left"][row], 1), atol=1e-3)


def node_above(node, name):
    """Whether a node hangs somewhere below one of that name."""
    while node is not None and node.name != name:
        node = node.parent
    return node is not None


def warehouse():
    return load(EXAMPLES[0].parent / "15_warehouse.py")


def test_the_warehouse_explains_itself_without_its_files(tmp_path):
    with pytest.raises(SystemExit, match="is missing; set METARENDER_ASSETS"):
        warehouse().build(tmp_path)


@pytest.mark.parametrize("text", ['<!DOCTYPE sdf [<!ENTITY a "b">]><sdf/>', "<sdf>" + " " * (1 << 20) + "</sdf>"], ids=["entities", "long"])
def test_the_warehouse_reads_no_entities_and_no_endless_world(tmp_path, text):
    (tmp_path / "no_roof_small_warehouse.world").write_text(text)
    with pytest.raises(SystemExit, match="too long, or declares entities"):
        warehouse().build(tmp_path)


def test_the_warehouse_reads_poses_and_skips_what_is_commented_out(tmp_path):
    model = '<model name="{0}"><include><uri>model://aws_robomaker_warehouse_{0}</uri></include><pose frame="">1 2 3 0 0 1.5</pose></model>'
    path = tmp_path / "a.world"
    path.write_text(f"<sdf><world><!--{model.format('RoofB_01')}-->{model.format('ShelfF_01')}</world></sdf>")
    assert warehouse().read_world(path) == [("ShelfF_01", "ShelfF_01", [1, 2, 3, 0, 0, 1.5])]


def test_the_warehouse_turns_as_sdf_does():
    """Roll about x first, then pitch about y, then yaw about z, all fixed axes."""
    def about(axis, angle):
        matrix, (i, j) = np.eye(3), ((axis + 1) % 3, (axis + 2) % 3)
        matrix[i, i] = matrix[j, j] = np.cos(angle)
        matrix[j, i] = np.sin(angle)
        matrix[i, j] = -matrix[j, i]
        return matrix

    scene = mr.Scene()
    node = scene.add(rotation=warehouse().turned(0.3, -0.7, 2.1))
    np.testing.assert_allclose(node.world_matrix[:3, :3], about(2, 2.1) @ about(1, -0.7) @ about(0, 0.3), atol=1e-6)
