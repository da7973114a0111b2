"""The command line from the outside: pictures, exit codes, one sentence for each mistake."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import metarender as mr
from metarender import cli
from metarender.gpu.device import Device
from metarender.gpu.selftest import draw_test_triangle
from metarender.progress import ProgressLine

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in this process: (exit code, stdout, stderr)."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = cli.main([str(a) for a in arguments])
        except SystemExit as stop:
            code = int(stop.code or 0)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A red, unlit, double-sided square of 2 m in the XY plane, facing +Z."""
    positions = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], "<f4")
    indices = np.array([0, 1, 2, 0, 2, 3], "<u2")
    data = positions.tobytes() + indices.tobytes()
    document: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_materials_unlit"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "square"}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [
            {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}, "doubleSided": True, "extensions": {"KHR_materials_unlit": {}}}
        ],
        "buffers": [{"byteLength": len(data), "uri": "data:application/octet-stream;base64," + base64.b64encode(data).decode()}],
        "bufferViews": [{"buffer": 0, "byteLength": 48}, {"buffer": 0, "byteOffset": 48, "byteLength": 12}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [-1, -1, 0], "max": [1, 1, 0]},
            {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
    }
    path = tmp_path / "square.gltf"
    path.write_text(json.dumps(document))
    return path


def pixels(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(path))


def one_sentence(text: str) -> bool:
    return text.endswith("\n") and text.count("\n") == 1 and "Traceback" not in text and text.startswith("metarender")


def test_render_writes_the_picture(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    assert run("render", model, "-o", out, "--size", "64x48") == (0, "", "")
    picture = pixels(out)
    assert picture.shape == (48, 64, 4)
    assert tuple(picture[24, 32]) == (255, 0, 0, 255) and tuple(picture[0, 0]) == (0, 0, 0, 0)


def test_render_looks_from_where_it_is_told_in_degrees(run: Run, model: Path, tmp_path: Path) -> None:
    def widths(*options: object) -> tuple[int, int]:
        out = tmp_path / "b.png"
        assert run("render", model, "-o", out, "--size", "100x100", "--msaa", "1", *options)[0] == 0
        red = pixels(out)[..., 3] > 0
        return int(red.any(axis=0).sum()), int(red.any(axis=1).sum())

    assert widths("--orbit", 0, 90, 4, "--fov", 53.13) == (50, 50)  # 2 m at 4 m, where the view is 4 m high
    assert all(24 <= edge <= 26 for edge in widths("--orbit", 0, 90, 4, "--fov", 90))
    wide, high = widths("--orbit", 60, 90, 4, "--fov", 53.13)
    assert wide < 35 and 40 < high < 65
    assert widths("--orbit", 0, 90, 4, "--fov", 53.13, "--target", 1, 0, 0)[0] == 50
    assert widths("--orbit", 0, 90, 4, "--fov", 53.13, "--target", 2, -1e-3, 0)[0] in (25, 26)
    assert widths("--orbit", 90, 90, 0) == (0, 0)  # radius 0 stands in the square's plane and sees its edge
    assert 0 < widths("--target", 0.5, 0, 0)[0] < 100


def test_render_options_for_light_and_background(run: Run, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.png"
    for mapping in cli.TONE_MAPPINGS:
        look = ("--tone-mapping", mapping, "--exposure", 2.5, "--background", "white")
        code, _, err = run("render", model, "-o", out, "--size", "32x32", *look)
        assert (code, err) == (0, "")
        picture = pixels(out)
        assert tuple(picture[16, 16]) == (255, 0, 0, 255) and tuple(picture[0, 0]) == (255, 255, 255, 255)
    assert run("render", model, "-o", out, "--size", "32x32", "--background", "environment")[0] == 0
    assert pixels(out)[0, 0, 3] == 255
    hdr = tmp_path / "flat.hdr"
    hdr.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 4 +X 8\n" + bytes([128, 64, 32, 129]) * 32)
    light = ("--background", "environment", "--environment", hdr, "--tone-mapping", "none")
    code, _, err = run("render", model, "-o", out, "--size", "32x32", *light)
    assert (code, err) == (0, "")
    red, green, blue, _ = pixels(out)[0, 0].tolist()
    assert red > green > blue > 0


def test_render_writes_statistics(run: Run, model: Path, tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    assert run("render", model, "-o", tmp_path / "d.png", "--size", "16x16", "--stats", stats)[0] == 0
    facts = json.loads(stats.read_text())
    assert facts["schema"] == 1 and facts["draw_calls"] == 1 and facts["triangles"] == 2


@pytest.mark.parametrize(
    "options, message",
    [
        (("--size", "64"), "'64' is not a size such as 1280x720"),
        (("--size", "0x10"), "not a size"),
        (("--size", "99999x10"), "larger than"),
        (("--fov", "200"), "fov"),
        (("--fov", "nan"), "not a finite number"),
        (("--orbit", "1", "2"), "expected 3 arguments"),
        (("--orbit", "0", "90", "-1"), "radius -1"),
        (("--exposure", "-1"), "exposure"),
        (("--msaa", "3"), "msaa"),
        (("--background", "bluish"), "bluish"),
        (("--environment", "missing.hdr"), "missing.hdr"),
        (("--tone-mapping", "sepia"), "sepia"),
        (("--nonsense",), "unrecognized arguments: --nonsense"),
        (("--stats", "no/such/folder/stats.json"), "no/such/folder/stats.json"),
    ],
)
def test_mistakes_in_options_are_one_sentence_and_exit_code_1(run: Run, model: Path, tmp_path: Path, options: Any, message: str) -> None:
    code, out, err = run("render", model, "-o", tmp_path / "e.png", *options)
    assert code == 1 and out == "" and one_sentence(err) and message in err, err


def test_mistakes_with_files_are_one_sentence_and_exit_code_1(run: Run, model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"glTF\x02\x00\x00\x00\xff")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    cases = [
        ("render", tmp_path / "missing.glb", "-o", tmp_path / "f.png"),
        ("render", broken, "-o", tmp_path / "f.png"),
        ("render", text, "-o", tmp_path / "f.png"),
        ("render", tmp_path, "-o", tmp_path / "f.png"),
        ("render", model, "-o", tmp_path / "no" / "such" / "folder.png", "--size", "8x8"),
        ("render", model, "-o", tmp_path / "picture.xyz", "--size", "8x8"),
        ("info", broken),
        ("render", model),
        ("view",),
        (),
        ("dance",),
    ]
    for case in cases:
        code, out, err = run(*case)
        assert code == 1 and out == "" and one_sentence(err), (case, err)


def test_view_without_a_display_says_what_to_do(run: Run, model: Path) -> None:
    code, _, err = run("view", model)
    assert code == 1 and one_sentence(err) and "DISPLAY" in err and "metarender render" in err


def test_info_counts(run: Run, model: Path) -> None:
    code, out, err = run("info", model, "--json")
    facts = json.loads(out)
    assert (code, err) == (0, "")
    assert (facts["schema"], facts["draws"], facts["triangles"], facts["vertices"], facts["materials"]) == (1, 1, 2, facts["vertices"], 1)
    assert facts["bounds"] == [[-1, -1, 0], [1, 1, 0]] and facts["file"] == str(model) and facts["nodes"] >= 1
    code, out, _ = run("info", model)
    assert code == 0 and "2 x 2 x 0 m" in out and "1 draws" in out


RIGGED = Path(__file__).parent / "assets" / "RiggedSimple" / "RiggedSimple.glb"


def test_render_poses_a_clip_at_a_time(run: Run, tmp_path: Path) -> None:
    look = ("--size", "64x64", "--orbit", "0", "90", "20")
    pictures = {}
    for name, options in (("rest", ()), ("start", ("--clip", "0")), ("later", ("--time", "1.2")), ("end", ("--clip", "0", "--time", "99"))):
        assert run("render", RIGGED, "-o", tmp_path / f"{name}.png", *look, *options)[0] == 0
        pictures[name] = pixels(tmp_path / f"{name}.png")
    assert (pictures["later"] != pictures["rest"]).any(-1).sum() > 50 and (pictures["end"] != pictures["later"]).any(-1).sum() > 50
    code, _, _ = run("capture", RIGGED, "-o", tmp_path / "later.mrz", *look, "--time", "1.2")
    assert code == 0 and run("replay", tmp_path / "later.mrz", "-o", tmp_path / "again.png")[0] == 0
    assert (pixels(tmp_path / "again.png") == pixels(tmp_path / "later.png")).all()
    code, out, err = run("render", RIGGED, "-o", tmp_path / "none.png", "--clip", "walk")
    assert code == 1 and not out and one_sentence(err) and "no clip 'walk'" in err
    assert not (tmp_path / "none.png").exists()


def test_a_model_without_clips_says_so(run: Run, model: Path, tmp_path: Path) -> None:
    code, _, err = run("render", model, "-o", tmp_path / "none.png", "--time", "1")
    assert code == 1 and one_sentence(err) and "the model has no clips; leave" in err
    code, _, err = run("render", model, "-o", tmp_path / "none.png", "--clip", "walk")
    assert code == 1 and one_sentence(err) and "no clip 'walk' nor any other" in err


def test_time_shows_the_moment_of_a_simulation_without_clips(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scene, ball = mr.Scene(), mr.sphere(1.0)
    field = mr.Field(np.linspace(0, 1, 2 * ball.vertex_count).reshape(2, -1), [0.0, 2.0])
    scene.add(mr.Mesh(ball.with_field(field), mr.Heat(mr.Colormap.viridis(0, 1))))
    monkeypatch.setattr("metarender.cli._load", lambda options: scene)
    assert run("render", "any.pvd", "-o", tmp_path / "a.png", "--size", "32x32", "--time", "1.5")[0] == 0 and field.time == 1.5
    code, _, err = run("render", "any.pvd", "-o", tmp_path / "a.png", "--clip", "0")
    assert code == 1 and "no clip '0' nor any other" in err


def test_info_lists_clips(run: Run) -> None:
    code, out, _ = run("info", RIGGED, "--json")
    (clip,) = json.loads(out)["clips"]
    assert code == 0 and clip["tracks"] == 3 and clip["seconds"] == pytest.approx(2.0833333)
    assert "2.083 s, 3 tracks" in run("info", RIGGED)[1]


def test_view_plays_the_first_clip(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("metarender.viewer.view", lambda scene, **settings: seen.append(scene))
    assert run("view", RIGGED)[0] == 0 and run("view", RIGGED, "--clip", "0")[0] == 0
    assert [[action.clip for action in scene.actions] == [scene.clips[0]] for scene in seen] == [True, True]
    assert run("view", RIGGED, "--clip", "walk")[0] == 1


def test_doctor_reports_every_backend(run: Run) -> None:
    code, out, err = run("doctor", "--json")
    report = json.loads(out)
    assert (code, err) == (0, "") and report["schema"] == 1 and report["ok"]
    names = [entry["backend"] for entry in report["backends"]]
    assert any(name.startswith("EGL device") for name in names) and "EGL surfaceless" in names and "GLFW window" in names
    for entry in report["backends"]:
        assert entry["triangle"] == "ok" if entry["ok"] else entry["reason"] and entry["fix"], entry
    assert report["device"]["max_texture_size"] >= 4096 and report["device"]["rungs"]["clear_texture"] and report["rasteriser"]
    code, out, _ = run("doctor")
    assert code == 0 and "test triangle: ok" in out and "DISPLAY" in out and "lacks:" in out


def test_doctor_fails_in_one_sentence_when_nothing_draws(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metarender.doctor.draw_test_triangle", lambda device: "pixels outside of the test triangle were drawn to")
    code, out, err = run("doctor")
    assert code == 1 and one_sentence(err) and "Nothing can be drawn" in out and "pixels outside" in out


def test_the_test_triangle_finds_a_wrong_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    with Device.open() as device:
        assert draw_test_triangle(device) == "ok" and device.live == {}
        read = Device.read_pixels
        monkeypatch.setattr(Device, "read_pixels", lambda *a, **k: 255 - read(*a, **k))
        assert "outside" in draw_test_triangle(device)
        monkeypatch.setattr(Device, "read_pixels", lambda *a, **k: read(*a, **k) // 2)
        assert "wrong colours" in draw_test_triangle(device)


def test_demo_without_a_display_writes_a_picture(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run("demo", "--size", "320x180")
    assert (code, err) == (0, "")
    assert str(tmp_path / "metarender-demo.png") in out and "DISPLAY" in out and "draw calls" in out and "ms a frame" in out
    picture = pixels(tmp_path / "metarender-demo.png")
    assert picture.shape == (180, 320, 4) and len(np.unique(picture.reshape(-1, 4), axis=0)) > 5000


def test_the_production_line_is_about_a_hundred_thousand_parts_and_the_same_every_time() -> None:
    from metarender.demos.production_line import build

    first, second = build(), build()
    assert 95_000 < first.parts < 110_000 and first.parts == second.parts == first.scene.store.draw_count
    ids = np.fromiter((node.id for node in first.scene.nodes), np.uint32)
    assert (ids == np.fromiter((node.id for node in second.scene.nodes), np.uint32)).all()
    assert (first.scene.store.world_matrices(ids) == second.scene.store.world_matrices(ids)).all()
    first.animate(1.5)
    assert (first.scene.store.world_matrices(ids) != second.scene.store.world_matrices(ids)).any()
    arm = next(node for node in first.scene.nodes if node.name == "arm")
    assert arm.parent is not None and arm.parent.name == "line 1" and len(arm.children) == 2


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--version")
    assert code == 0 and out.startswith("metarender 0.")
    code, out, _ = run("render", "--help")
    assert code == 0 and "--tone-mapping" in out and "degrees" in out


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_shows_on_terminals_after_half_a_second_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    pipe, terminal = io.StringIO(), Terminal()
    with ProgressLine(pipe, "loading x") as hidden, ProgressLine(terminal, "loading x") as shown:
        shown(1, 10)
        assert terminal.getvalue() == ""
        clock[0] += 0.6
        hidden(5, 10)
        shown(5, 10)
        shown(6, 10)  # within a tenth of a second: not written again
        assert terminal.getvalue().count("\r") == 1 and "loading x  50% [###############" in terminal.getvalue()
        clock[0] += 0.2
        shown(10, 0)
    assert pipe.getvalue() == "" and terminal.getvalue().endswith("\r") and terminal.getvalue().split("\r")[-2].strip() == ""


def test_the_installed_command_runs_without_python_noise(model: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-W", "error", "-m", "metarender.cli", "render", str(model), "-o", "g.png", "--size", "16x16"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "") and (tmp_path / "g.png").exists()
    done = subprocess.run([*command[:-4], "missing/g.png"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and one_sentence(done.stderr)


def test_convert_writes_what_the_suffix_names(run: Run, model: Path, tmp_path: Path) -> None:
    from metarender import load

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, out, err = run("convert", model, tmp_path / "part.obj", "--unit", "millimetre", "--up", "z")
    assert (code, out) == (0, "") and "warning: part.obj was saved without unlit materials." in err
    again = load(tmp_path / "part.obj", unit="millimetre", up="z")
    np.testing.assert_allclose(np.asarray(again.bounds), [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
    code, _, err = run("convert", model, tmp_path / "part.stl", "--strict")
    assert code == 1 and "could not be printed: the surface is not closed, it has 4 open edges" in err
    assert not (tmp_path / "part.stl").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        code, _, err = run("convert", model, tmp_path / "part.stl")
    assert code == 0 and "warning: part.stl: it may not print" in err and (tmp_path / "part.stl").exists()
    code, _, err = run("convert", model, tmp_path / "part.step")
    assert code == 1 and "no saver knows" in err


def test_check_says_whether_a_model_can_be_printed(run: Run, model: Path, tmp_path: Path) -> None:
    from metarender import Mesh, Scene, Standard, box, save

    code, out, err = run("check", model)
    assert code == 1 and "not printable" in out and "cannot be printed" in err
    scene = Scene()
    scene.add(Mesh(box(0.01), Standard()))
    save(scene, tmp_path / "cube.3mf")
    code, out, err = run("check", tmp_path / "cube.3mf")
    assert code == 0 and "volume      1 cm3" in out and "cannot" not in err
