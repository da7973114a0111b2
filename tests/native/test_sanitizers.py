"""The native core under AddressSanitizer, UndefinedBehaviorSanitizer and valgrind: its tests, and random edits that run out of memory."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "src" / "metarender" / "_native"
EDITS = Path(__file__).parent / "edits.c"
BAKED = {"prefilter.c", "equirect.c", "dfg.c", "rgbe.c", "bc7.c", "cubemap.c"}
"""Sources without a store."""

FLAGS = ["-std=c11", "-O1", "-g", "-ffp-contract=off", "-fno-math-errno", "-fno-sanitize-recover=undefined"]
WRAP = "-Wl," + ",".join(f"--wrap={name}" for name in ("calloc", "malloc", "realloc", "mmap", "mremap"))
VARIANTS = {
    # Every block from the heap and no larger than was asked for, so that AddressSanitizer sees all of it and each growth may fail.
    "heap": ["-fsanitize=address,undefined", "-DLARGE=((size_t)-1)", "-DEXACT=1"],
    # Blocks from 16 KiB on are mappings that move.
    "mapped": ["-fsanitize=undefined", "-DLARGE=((size_t)1<<14)"],
    # For valgrind, which also knows what was never written.
    "plain": ["-DLARGE=((size_t)-1)", "-DEXACT=1"],
}

CORE_TESTS = ("test_edits.py", "test_draws.py", "test_occlusion.py", "test_raycast.py", "test_query.py", "test_lod.py", "test_gpucull.py",
              "test_rows.py", "test_bc7.py", "test_polygons.py", "test_closed.py", "test_clips.py",
              "../scene/test_animation.py")
"""Those that reach every source file of the core in little time; the C program stands for the model tests of many examples."""

WITHOUT = "not memory"
"""AddressSanitizer keeps freed memory for a while, so resident memory says nothing there."""


@pytest.fixture(scope="module")
def compiler(tmp_path_factory):
    """A C compiler whose sanitizers work."""
    found = shutil.which(os.environ.get("CC", "gcc"))
    source = tmp_path_factory.mktemp("probe") / "probe.c"
    source.write_text("int main(void) { return 0; }\n")
    program = source.with_suffix("")
    works = found and subprocess.run([found, "-fsanitize=address,undefined", source, "-o", program], capture_output=True).returncode == 0
    if not works or sys.platform != "linux" or subprocess.run([program], capture_output=True).returncode:
        pytest.skip("no C compiler with working sanitizers")
    return found


def run(command, **options):
    """Run a program; what it printed explains a failure."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


def build_edits(compiler, folder, variant, sources=NATIVE):
    program = folder / variant
    files = sorted(path for path in sources.glob("*.c") if path.name not in BAKED)
    run([compiler, *FLAGS, *VARIANTS[variant], f"-I{sources}", *files, EDITS, WRAP, "-lm", "-o", program])
    return program


@pytest.mark.slow
@pytest.mark.parametrize("variant", ("heap", "mapped"))
def test_random_edits_that_run_out_of_memory_leave_the_store_as_it_was(compiler, tmp_path, variant):
    """Each store is edited at random twice, once with allocations that fail; both stay equal to the bit, at two SIMD levels."""
    program = build_edits(compiler, tmp_path, variant)
    for seed, level in ((1, 0), (2, 1)):
        words = run([program, str(seed), "12000", str(level)]).split()
        assert int(words[words.index("calls") - 1]) > 300 and int(words[words.index("comparisons") - 1]) > 100


@pytest.mark.slow
def test_random_edits_notice_a_call_that_fails_half_way(compiler, tmp_path):
    """The program can fail: a core that forgets, after a failed update, what had not been reached is found."""
    sources = tmp_path / "native"
    shutil.copytree(NATIVE, sources)
    update = sources / "update.c"
    text = update.read_text("utf-8")
    kept = "if (s->node_id[i] != MR_NONE) s->flags[i] |= MR_MOVED;"
    assert kept in text
    update.write_text(text.replace(kept, "{ }"), "utf-8")
    program = build_edits(compiler, tmp_path, "heap", sources)
    done = subprocess.run([program, "1", "12000"], capture_output=True, text=True, timeout=400)
    assert "the store that ran out of memory differs" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="no valgrind on this machine")
def test_random_edits_read_nothing_that_was_not_written_and_lose_no_memory(compiler, tmp_path):
    """The same edits under valgrind, at two SIMD levels; a store that depends on what was never written is found."""
    checked = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]
    program = build_edits(compiler, tmp_path, "plain")
    for level in ("0", "1"):
        assert "steps" in run([*checked, program, "3", "6000", level])
    sources = tmp_path / "native"
    shutil.copytree(NATIVE, sources)
    update = sources / "update.c"
    entry = "int mr_update(mr_store *s) {"
    unwritten = " volatile char unwritten[4]; if (unwritten[1] == 7) s->epoch += 2;"
    update.write_text(update.read_text("utf-8").replace(entry, entry + unwritten), "utf-8")
    faulty = subprocess.run([*checked, build_edits(compiler, tmp_path, "plain", sources), "3", "500"], capture_output=True, text=True)
    assert faulty.returncode == 9 and "uninitialised" in faulty.stderr


@pytest.mark.slow
def test_the_core_tests_pass_under_sanitizers(compiler, tmp_path):
    """METARENDER_SANITIZE=1, built beside a copy of the package; any report ends the process."""
    environment = {**os.environ, "METARENDER_SANITIZE": "1", "CC": compiler}
    run([sys.executable, "setup.py", "-q", "build_ext", "--build-lib", tmp_path / "lib", "--build-temp", tmp_path / "temp"], cwd=ROOT,
        env=environment)
    shutil.copytree(ROOT / "src" / "metarender", tmp_path / "lib" / "metarender", dirs_exist_ok=True,
                    ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "_native"))
    libraries = [run([compiler, f"-print-file-name={name}"]).strip() for name in ("libasan.so", "libstdc++.so")]
    environment |= {"LD_PRELOAD": " ".join(libraries), "PYTHONMALLOC": "malloc", "PYTHONPATH": str(tmp_path / "lib"),
                    "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1"}
    origin = run([sys.executable, "-c", "import metarender._core as core; print(core.__file__)"], env=environment, cwd=tmp_path)
    assert origin.startswith(str(tmp_path / "lib"))
    tests = [ROOT / "tests" / "core" / name for name in CORE_TESTS]
    out = run([sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", "-k", WITHOUT,
               *tests], env=environment, cwd=tmp_path)
    assert " passed" in out and "failed" not in out
