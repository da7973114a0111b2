"""The OSMesa rung: found without an import, alone where the system's OpenGL is hidden, and beside EGL on one thread."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metarender.gpu import osmesa

ROOT = Path(__file__).parents[2]
SYSTEM_GL = re.compile(r"/lib(GL|EGL|OpenGL|OSMesa|glapi|gbm|gallium|LLVM|drm|X11)[^/]*$")
HIDE = """
set -eu
for path in $1; do mount --bind "$0/file" "$path"; done
for path in $2; do mount --bind "$0/folder" "$path"; done
shift 2
exec "$@"
"""

LIKE_EGL = ("gpu/test_device.py", "gpu/test_faults.py::test_after_a_loss_everything_says_so_and_a_restored_renderer_draws_the_same",
            "gpu/test_faults.py::test_every_renderer_of_a_shared_device_is_restored_by_itself",
            "test_leaks.py::test_a_read_never_returns_bytes_that_gl_did_not_write")
"""Threads, lost and parked contexts, forks, leaks, what is read back: tests that say nothing of EGL."""

GOLDENS = ("01_first_picture", "04_materials", "05_robot_arm", "08_ghosts_and_heat")


@pytest.fixture(scope="module")
def libraries():
    """The folder of the libraries: what METARENDER_OSMESA names, or that of the installed distribution."""
    folders = [place.folder for place in osmesa.places() if place.folder is not None]
    if not folders:
        pytest.skip(f"no OSMesa libraries on this machine; {osmesa.COMMAND}")
    return folders[0]


@pytest.fixture(scope="module")
def hidden(libraries, tmp_path_factory):
    """Runs Python in a mount namespace where the system's OpenGL is empty files: ``hidden(*arguments, folders=(), **environment)``."""
    if not shutil.which("unshare") or not Path("/sbin/ldconfig").exists():
        pytest.skip("no private mount namespace on this machine")
    empty = tmp_path_factory.mktemp("empty")
    (empty / "file").touch()
    (empty / "folder").mkdir()
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout.splitlines()
    files = {os.path.realpath(line.split("=> ")[1]) for line in listed if SYSTEM_GL.search(line)}
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]

    def run(*arguments, folders=(), **environment):
        plain = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "METARENDER_DEVICE")}
        command = [*unshare, "bash", "-c", HIDE, empty, " ".join(files), " ".join(map(str, folders)), *arguments]
        return subprocess.run(command, env=plain | {"METARENDER_OSMESA": str(libraries)} | environment, capture_output=True, text=True,
                              timeout=300)

    if run("true").returncode:
        pytest.skip("no private mount namespace on this machine")
    return run


@pytest.mark.slow
def test_doctor_draws_with_osmesa_where_the_system_has_no_opengl(hidden):
    done = hidden(sys.executable, "-m", "metarender.cli", "doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    working = [entry for entry in report["backends"] if entry["ok"]]
    assert [entry["backend"] for entry in working] == ["OSMesa (METARENDER_OSMESA)"] and working[0]["triangle"] == "ok"
    assert report["rasteriser"].startswith("llvmpipe-") and report["remedy"] == ""
    assert "libEGL cannot be loaded" in report["backends"][0]["reason"]


@pytest.mark.slow
def test_where_nothing_draws_one_command_is_named(hidden, libraries):
    done = hidden(sys.executable, "-m", "metarender.cli", "doctor", folders=[libraries], METARENDER_OSMESA="")
    assert done.returncode == 1 and "OSMesa (libOSMesa.so.8)" in done.stdout
    assert f"\n    {osmesa.COMMAND}" in done.stdout
    assert done.stderr == f"metarender: no backend can draw; {osmesa.COMMAND}\n"
    script = "import metarender as mr\ntry: mr.render(mr.Scene())\nexcept mr.DeviceError as error: print(error)"
    done = hidden(sys.executable, "-c", script, folders=[libraries], METARENDER_OSMESA="")
    assert re.search(rf"apt install libegl1 .*, or: {osmesa.COMMAND}; `metarender doctor` shows the details$", done.stdout), done.stdout


@pytest.mark.slow
def test_devices_behave_on_osmesa_as_on_egl(hidden):
    """Those of the device tests that are about threads, losses, the pool and memory, run again."""
    done = hidden(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(str(ROOT / "tests" / name) for name in LIKE_EGL))
    assert done.returncode == 0 and "failed" not in done.stdout and "skipped" not in done.stdout, done.stdout[-4000:]


@pytest.mark.slow
def test_pictures_of_osmesa_keep_to_the_goldens(hidden):
    """Equal bytes where it is the Mesa that the goldens are of, within the table of goldens otherwise."""
    tests = [str(ROOT / "tests" / f"test_examples.py::test_example[{name}]") for name in GOLDENS]
    done = hidden(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0 and f"{len(GOLDENS)} passed" in done.stdout, done.stdout[-4000:]


TURNS = """
import numpy as np
import metarender as mr
from metarender.gpu import context_pool, contexts
from metarender.gpu.device import Device

scene = mr.Scene()
scene.add(mr.Mesh(mr.box(1), mr.Standard(color="orange")))
camera = mr.PerspectiveCamera().look_at((2, 2, 3), (0, 0, 0))
first = Device.open("software")
contexts._egl_rungs = lambda *arguments: iter(())
devices = first, Device.open("software")
assert [device.backend.split()[0] for device in devices] == ["EGL", "OSMesa"], [device.backend for device in devices]
renderers = [mr.Renderer((64, 64), device=device) for device in devices]
colors = ["red", "lime"]
pictures = [], []
for turn in range(4):
    for k, renderer in enumerate(renderers):
        scene.background = colors[k]
        frame = renderer.render(scene, camera)
        assert [device._context.is_current() for device in devices] == [k == 0, k == 1]
        pictures[k].append(frame.color)
for k, channel in enumerate((0, 1)):
    assert all(np.array_equal(picture, pictures[k][0]) for picture in pictures[k])
    assert (pictures[k][0][0, 0, :3] == np.eye(3)[channel] * 255).all()
for thing in (*renderers, *devices):
    thing.close()
assert context_pool.parked_count() == 2
context_pool.close_parked()
"""


@pytest.mark.slow
def test_osmesa_and_egl_take_turns_on_one_thread(libraries):
    done = subprocess.run([sys.executable, "-c", TURNS], env=os.environ | {"METARENDER_OSMESA": str(libraries)}, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_distribution_is_found_and_never_imported(tmp_path, monkeypatch):
    monkeypatch.delenv("METARENDER_OSMESA", raising=False)
    (tmp_path / "lavavu_osmesa-9.9.dist-info").mkdir()
    (tmp_path / "lavavu_osmesa-9.9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: lavavu-osmesa\nVersion: 9.9\n")
    (tmp_path / "lavavu_osmesa.libs").mkdir()
    library = tmp_path / "lavavu_osmesa.libs" / "libOSMesa-0123.so.8.0.0"
    library.touch()
    monkeypatch.syspath_prepend(tmp_path)
    found = osmesa.places()
    assert found[0] == ("OSMesa (lavavu-osmesa 9.9)", str(library), library.parent)
    assert found[-1].library == "libOSMesa.so.8" and osmesa.remedy() == "" and "lavavu" not in sys.modules
    with pytest.raises(OSError, match="file too short"):
        osmesa.library(found[0])


def test_a_named_folder_is_the_only_place(tmp_path, monkeypatch):
    monkeypatch.setenv("METARENDER_OSMESA", str(tmp_path))
    with pytest.raises(OSError, match="which holds no libOSMesa"):
        osmesa.places()
    (tmp_path / "libOSMesa.so.8").touch()
    assert [place.library for place in osmesa.places()] == [str(tmp_path / "libOSMesa.so.8")]


def test_no_command_is_named_where_its_wheel_does_not_fit(monkeypatch):
    monkeypatch.setattr(osmesa, "_distributed", list)
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert osmesa.remedy() == ""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    assert osmesa.remedy() == (osmesa.COMMAND if sys.platform == "linux" and sys.version_info < (3, 14) else "")
