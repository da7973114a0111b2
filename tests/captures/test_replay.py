"""Replaying from the outside: other processes, folders, widths of vectors and numbers of threads; verdicts and exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from capture_files import changed
from capture_scenes import OUTPUTS, SIZE, everything
from PIL import Image

import metarender as mr
from metarender import cli
from metarender.captures.replaying import redraw
from metarender.io import Limits

MODEL = Path(__file__).parents[1] / "assets" / "TextureCoordinateTest" / "TextureCoordinateTest.glb"


@pytest.fixture(scope="module")
def rich(tmp_path_factory):
    """A capture of the scene with everything; it may be read alone."""
    path = tmp_path_factory.mktemp("captures") / "rich.mrz"
    scene, camera = everything()
    mr.capture(scene, camera, path, size=SIZE, outputs=OUTPUTS, device="software")
    return path


@pytest.fixture
def run(capsys):
    """Run the command line in this process: (exit code, stdout, stderr)."""
    def call(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        return (code, *capsys.readouterr())

    return call


@pytest.mark.parametrize("width, threads", [("128", "1"), ("128", "2")])
def test_promise_3_another_process_folder_vector_width_and_number_of_threads_give_the_same_bytes(rich, tmp_path, width, threads):
    """Without Mesa's cache of shaders, which takes code of one width for another's; at 512 bits Mesa 22.3 itself breaks making mipmaps."""
    moved = tmp_path / "elsewhere" / "bug.mrz"
    moved.parent.mkdir()
    moved.write_bytes(rich.read_bytes())
    environment = {**os.environ, "LP_NATIVE_VECTOR_WIDTH": width, "LP_NUM_THREADS": threads, "METARENDER_SIMD": "base",
                   "MESA_SHADER_CACHE_DISABLE": "true"}
    command = [sys.executable, "-W", "error", "-m", "metarender.cli", "replay", "elsewhere/bug.mrz", "-o", "again.png"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("the same bytes") == 3, done.stdout + done.stderr
    assert "counter" not in done.stdout and "another rasteriser" not in done.stdout
    assert (np.asarray(Image.open(tmp_path / "again.png")) == mr.open_capture(rich).pictures["color"]).all()


def test_a_model_is_captured_and_replayed_on_the_command_line(run, tmp_path):
    path, look = tmp_path / "bug.mrz", ("--size", "64x48", "--exposure", "2", "--background", "white", "--orbit", "20", "70", "5")
    code, out, err = run("capture", MODEL, "-o", path, *look, "--outputs", "color", "ids")
    assert (code, err) == (0, "") and out.startswith(f"{path}: {path.stat().st_size:,} bytes, ") and out.count("sha256") == 2
    assert run("render", MODEL, "-o", tmp_path / "a.png", *look)[0] == 0
    code, out, err = run("replay", path, "-o", tmp_path / "b.png")
    assert (code, err) == (0, "") and out.count("the same bytes") == 2
    assert (np.asarray(Image.open(tmp_path / "a.png")) == np.asarray(Image.open(tmp_path / "b.png"))).all()
    assert run("replay", path, "--trusted")[0] == 0


def brighter(manifest):
    manifest["renderer"]["exposure"] = 1.5


def nearer(manifest):
    manifest["camera"]["matrix"][11] -= 0.5


def test_other_bytes_of_the_same_rasteriser_are_told_with_exit_code_1(run, rich, tmp_path):
    code, out, err = run("replay", changed(rich, nearer, tmp_path / "a.mrz"))
    assert code == 1 and err == "" and out.count("OTHER BYTES") == 3 and "another rasteriser" not in out
    for figure in ("worst tile of 16x16", "largest blob", "farthest apart", "surface in one and background in the other"):
        assert figure in out
    code, out, _ = run("replay", changed(rich, brighter, tmp_path / "b.mrz"))
    assert code == 1 and out.count("OTHER BYTES") == 1 and out.count("the same bytes") == 2


def test_another_rasteriser_may_give_other_bytes_and_is_named(run, rich, tmp_path):
    def elsewhere(manifest):
        brighter(manifest)
        manifest["made"]["rasteriser"] = "llvmpipe-19.1.0-llvm9"

    code, out, _ = run("replay", changed(rich, elsewhere, tmp_path / "a.mrz"))
    key = mr.open_capture(rich).rasteriser
    assert code == 0 and f"another rasteriser draws here, so bytes may differ: {key}" in out and "OTHER BYTES" in out
    done = mr.replay(tmp_path / "a.mrz")
    assert done.ok and not done.equal and not done.same_rasteriser and done.capture.rasteriser == "llvmpipe-19.1.0-llvm9"
    assert [difference.output for difference in done.differences] == ["color"] and done.differences[0].pixels > 1000


def test_counters_that_differ_are_told(run, rich, tmp_path):
    def more(manifest):
        manifest["frame"]["counters"]["draw_calls"] += 5

    code, out, _ = run("replay", changed(rich, more, tmp_path / "a.mrz"))
    assert code == 0 and "counter draw_calls: " in out


def test_what_a_stranger_writes_is_fit_for_a_terminal(run, rich, tmp_path):
    def escape(manifest):
        manifest["made"]["metarender"] = "\x1b[2J" + "x" * 99

    code, out, _ = run("replay", changed(rich, escape, tmp_path / "a.mrz"))
    assert code == 0 and "\x1b" not in out and "x" * 41 not in out


def test_mistakes_are_one_sentence_and_exit_code_1(run, tmp_path):
    broken = tmp_path / "broken.mrz"
    broken.write_bytes(b"PK\5\6 no capture")
    there = tmp_path / "a.mrz"
    for arguments in (("replay", tmp_path / "missing.mrz"), ("replay", broken), ("replay", tmp_path), ("capture", broken, "-o", there),
                      ("capture", MODEL, "-o", tmp_path / "no" / "a.mrz", "--size", "8x8")):
        code, out, err = run(*arguments)
        assert code == 1 and out == "" and err.startswith("metarender: ") and err.count("\n") == 1, (arguments, err)


def test_promise_6_what_cannot_be_drawn_is_refused_with_a_code(rich, tmp_path):
    for name, change in {"light": lambda manifest: manifest["scene"]["environment"].update(intensity=1e308),
                         "eye": lambda manifest: manifest["camera"].update(aspect=1e-308),
                         "exposure": lambda manifest: manifest["renderer"].update(exposure=1e308)}.items():
        with pytest.raises(mr.CaptureError, match="cannot be drawn") as caught:
            mr.replay(changed(rich, change, tmp_path / f"{name}.mrz"))
        assert caught.value.code == "NOT_DRAWABLE"
    with pytest.raises(mr.CaptureError, match="total_bytes") as caught:
        redraw(mr.open_capture(rich), limits=Limits(total_bytes=100_000))
    assert caught.value.code == "LIMIT_EXCEEDED"


def test_a_capture_without_colour_is_replayed_but_not_written(run, tmp_path):
    scene, camera = everything()
    mr.capture(scene, camera, tmp_path / "ids.mrz", size=SIZE, outputs=("ids",), device="software")
    assert run("replay", tmp_path / "ids.mrz")[0] == 0
    code, out, err = run("replay", tmp_path / "ids.mrz", "-o", tmp_path / "a.png")
    assert (code, out) == (1, "") and "holds no colour to write, only ids" in err and not (tmp_path / "a.png").exists()
