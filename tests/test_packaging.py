"""What is installed: wheel and sdist contents, an import that touches no display, and the version."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from PIL import Image

import metarender

ROOT = Path(__file__).parent.parent


def run(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl")), next(folder.glob("*.tar.gz"))


@pytest.mark.slow
def test_the_wheel_holds_code_shaders_and_data_and_no_sources(distributions):
    names = zipfile.ZipFile(distributions[0]).namelist()
    shaders = {f"metarender/shaders/{path.relative_to(ROOT / 'shaders')}" for path in (ROOT / "shaders").rglob("*.glsl")}
    assert shaders <= set(names)
    assert any(name.startswith("metarender/_core.") and name.endswith((".so", ".pyd")) for name in names)
    assert {"metarender/py.typed", "metarender/_core.pyi", "metarender/io/gltf.py"} <= set(names)
    assert any(name.startswith("metarender/data/") for name in names)
    assert {"metarender/testing/plugin.py", "metarender/testing/page.css", "metarender/testing/page.js"} <= set(names)
    assert not [name for name in names if name.endswith((".c", ".h", ".inl", ".pyx", ".pxd", ".pxi"))]


@pytest.mark.slow
def test_the_sdist_can_be_built_from(distributions):
    with tarfile.open(distributions[1]) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    native = {str(path.relative_to(ROOT)) for path in (ROOT / "src/metarender/_native").iterdir()}
    included = {str(path.relative_to(ROOT)) for path in (ROOT / "src/metarender").glob("*.px?")}
    assert native | included | {"setup.py", "pyproject.toml", "LICENSE", "shaders/__init__.py"} <= names


@pytest.mark.slow
def test_the_wheel_works_from_an_empty_folder(distributions, tmp_path):
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(tmp_path / "site"), str(distributions[0]))
    script = ("import metarender as mr; s = mr.Scene(); s.add(mr.Mesh(mr.box(1), mr.Standard(color='red')));"
              "c = mr.render(s, size=(32, 32)).color; assert c[16, 16, 3] == 255; print(mr.__file__)")
    where = run(sys.executable, "-c", script, cwd=tmp_path, env={**__import__("os").environ, "PYTHONPATH": str(tmp_path / "site")})
    assert str(tmp_path) in where


@pytest.mark.slow
def test_the_first_command_of_the_readme_in_a_fresh_environment(tmp_path):
    """The second one is what CI calls."""
    command, second = re.findall(r"^(pip install [^#]*?) *#", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert command == "pip install . && metarender demo" and second == 'pip install ".[test]" && pytest'
    run(sys.executable, "-m", "venv", str(tmp_path / "environment"))
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(".git", "build", "*.so", "*.egg-info", "__pycache__", ".venv")
    shutil.copytree(ROOT, source, ignore=ignored)
    path = f"{tmp_path / 'environment' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    hidden = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "PYTHONPATH")}
    said = run("bash", "-c", command, cwd=source, env={**hidden, "PATH": path})
    assert str(source / "metarender-demo.png") in said and "draw calls" in said
    with Image.open(source / "metarender-demo.png") as picture:
        assert picture.size == (1280, 720) and len(picture.convert("RGB").resize((64, 36)).getcolors(4096)) > 200


def test_promise_9_import_touches_neither_display_nor_opengl():
    script = ("import sys, metarender; "
              "print(sorted({'glfw', 'moderngl', 'glcontext', 'pyrr', 'PIL', 'metarender.renderer'} & set(sys.modules)))")
    assert run(sys.executable, "-c", script).strip() == "[]"


def test_every_public_name_exists():
    for name in metarender.__all__:
        assert getattr(metarender, name) is not None


def test_the_version_is_that_of_the_metadata():
    from importlib.metadata import version

    assert version("metarender") == metarender.__version__


def test_every_extra_of_the_tests_is_declared():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {"testing", "test", "dev", "bench"} <= set(extras)
