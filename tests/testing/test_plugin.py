"""The plugin from the outside: every way to fail, in a pytest of its own."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metarender.testing.goldens import Key

pytestmark = pytest.mark.slow

HEADER = '''
import numpy as np
import pytest
import metarender as mr

def boxes(shift=0.0):
    scene = mr.Scene()
    for i in range(3):
        scene.add(mr.Mesh(mr.box(0.5), mr.Standard(color=(0.3 * i, 0.5, 0.2))), position=(i - 1 + shift * (i == 2), 0, 0))
    return scene, mr.PerspectiveCamera().look_at((1, 1.5, 3), (0, 0, 0))

def picture(height=64, width=96):
    y, x = np.mgrid[0:height, 0:width]
    return np.dstack([x * 2, y * 3, x + y, np.full_like(x, 255)]).astype(np.uint8)
'''


@pytest.fixture
def run(pytester):
    """Run pytest with the plugin on a file of tests, in a process of its own."""

    def call(body=None, *options):
        if body is not None:
            pytester.makepyfile(test_it=HEADER + body)
        return pytester.runpytest_subprocess("-p", "metarender.testing", "-p", "no:cacheprovider", *options)

    return call


def pages(pytester):
    return sorted(path.name for path in (pytester.path / "metarender-report").glob("*.case.html"))


PICTURE = """
def test_picture(golden):
    golden(picture())
"""


def test_a_picture_is_stored_then_passes_then_fails_when_it_changes(run, pytester):
    body = """
def test_boxes(render, golden):
    frame = render(*boxes(), size=(96, 64))
    golden(frame.color)
"""
    run(body, "--metarender-update").assert_outcomes(passed=1)
    [stored] = (pytester.path / "goldens").glob("*/test_it.test_boxes.png")
    before = stored.stat().st_mtime_ns
    run().assert_outcomes(passed=1)
    again = run(None, "--metarender-update")
    again.assert_outcomes(passed=1)
    assert "metarender stored" not in again.stdout.str() and stored.stat().st_mtime_ns == before and pages(pytester) == []
    failed = run(body.replace("boxes()", "boxes(0.02)"))
    failed.assert_outcomes(failed=1)
    failed.stdout.fnmatch_lines(["golden 'test_it.test_boxes': * pixels differ from the golden, by up to */255.",
                                 "! pixels that differ * px * 0 px", "  report: *.case.html",
                                 "  look at it, then to accept: pytest -p metarender.testing test_it.py::test_boxes --metarender-update",
                                 "metarender: pages about 1 failed pictures: metarender report *metarender-report"])
    [page] = pages(pytester)
    text = (pytester.path / "metarender-report" / page).read_text("utf-8")
    assert "draw calls" in text and "llvmpipe" in text and text.count("data:image/png;base64,") >= 3
    run(body).assert_outcomes(passed=1)
    assert pages(pytester) == []


def test_an_absent_golden_fails_and_its_page_shows_the_picture(run, pytester):
    result = run(PICTURE)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden 'test_it.test_picture': No golden can be compared with: goldens holds none of *"])
    assert not (pytester.path / "goldens").exists() and len(pages(pytester)) == 1
    run(None, "--metarender-update").assert_outcomes(passed=1)
    [folder] = (pytester.path / "goldens").iterdir()
    folder.rename(folder.with_name("softpipe-22.3.6"))
    result = run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*only one for softpipe-22.3.6 of test_it.test_picture.png, and llvmpipe-* drew this picture."])


def test_a_picture_of_another_size_fails(run):
    run(PICTURE, "--metarender-update").assert_outcomes(passed=1)
    result = run(PICTURE.replace("picture())", "picture(64, 80))"))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["golden *: The picture has 80x64 and not 96x64 pixels."])


def other_version(folder: Path) -> str:
    """The name of the folder had it been drawn by the next series of the same rasteriser."""
    key = Key.parse(folder.name)
    return f"{key.rasteriser}-{key.version[0] + 1}.0.0-llvm{key.llvm}"


def patch(p):
    p[20:32, 20:32, 0] ^= 0x40


def dots(p):
    p[::8, ::8, 1] ^= 0x20  # 96 of 6,144 pixels, none touches another


def line(p):
    p[10, 10:28, 2] ^= 0x10  # 18 pixels: 0.3 %


def glow(p):
    p[20:52, 20:52, :3] = np.clip(p[20:52, 20:52, :3].astype(int) + 5, 0, 255)


def noise(p):
    p[::30, ::30, :3] ^= 3


def test_another_version_is_compared_within_the_table_and_each_gate_can_fail(run, pytester):
    changes = (patch, dots, line, glow, noise)
    body = f"""
@pytest.mark.parametrize("name", {[change.__name__ for change in changes]})
def test_picture(golden, name):
    golden(picture(), name)
"""
    run(body, "--metarender-update").assert_outcomes(passed=5)
    [folder] = (pytester.path / "goldens").iterdir()
    folder = folder.rename(folder.with_name(other_version(folder)))
    for change in changes:
        file = folder / f"{change.__name__}.png"
        changed = np.array(Image.open(file))
        change(changed)
        Image.fromarray(changed).save(file)
    result = run()
    result.assert_outcomes(passed=1, failed=4)
    said = dict(re.findall(r"^golden '(\w+)': The picture differs from its golden: (.*)", result.stdout.str(), re.M))
    assert all(word in said["patch"] for word in ("worst tile", "share beyond 8/255", "largest blob"))
    assert said["dots"] == "share beyond 8/255 1.562%, allowed 0.500%."
    assert said["line"] == "largest blob beyond 8/255 18 px, allowed 16 px."
    assert said["glow"] == "worst tile of 16x16, mean 5 /255, allowed 2 /255."


def test_tolerances_of_a_test_replace_equal_bytes(run):
    run(PICTURE, "--metarender-update").assert_outcomes(passed=1)
    result = run("""
def change(amount):
    changed = picture()
    changed[10:14, 10:14, 0] += amount
    return changed

def test_exact(golden):
    golden(change(1), "test_it.test_picture")

def test_within(golden):
    golden(change(9), "test_it.test_picture", threshold=9)
    golden(change(9), "test_it.test_picture", blob=16)

def test_beyond(golden):
    golden(change(9), "test_it.test_picture", threshold=8, blob=15)

@pytest.mark.parametrize("wrong", [{"share": 2}, {"threshold": -1}, {"blob": True}, {"tile": "a"}])
def test_wrong(golden, wrong):
    with pytest.raises(mr.InvalidInput, match=f"golden {next(iter(wrong))}="):
        golden(picture(), "test_it.test_picture", **wrong)
""")
    result.assert_outcomes(passed=5, failed=2)
    result.stdout.fnmatch_lines(["golden 'test_it.test_picture': 16 pixels differ from the golden, by up to 1/255.",
                                 "*largest blob beyond 8/255 16 px, allowed 15 px."])


def test_mistakes_with_golden_are_sentences(run):
    run("""
def test_flat(golden):
    golden(np.zeros((8, 8, 4), np.uint8))

def test_flat_is_meant(golden):
    golden(np.full((8, 8, 4), 255, np.uint8), flat=True)

def test_two_without_names(golden):
    golden(picture())
    with pytest.raises(mr.InvalidInput, match="called twice without a name"):
        golden(picture())

def test_a_path(golden):
    with pytest.raises(mr.InvalidInput, match="golden name="):
        golden(picture(), "../../up")
""", "--metarender-update").assert_outcomes(passed=3, failed=1)


def test_a_budget_fails_with_a_table(run):
    result = run("""
def test_kept(render, budget):
    frame = render(*boxes())
    budget(frame, draw_calls=1, commands=3, triangles=36, bytes_uploaded=0, programs_compiled=0, gl_calls=60, texture_bytes=0,
           python_calls=600)
    budget(frame.stats, draw_calls=1, python_calls=600)

def test_passed(render, budget):
    budget(render(*boxes()), draw_calls=1, triangles=5, python_calls=3)

def test_first_frame(renderer, budget):
    with pytest.raises(mr.InvalidInput, match="counted by the render fixture"):
        budget(renderer.render(*boxes()), python_calls=1)

@pytest.mark.parametrize("allowed, sentence", [({"cost": 1}, "no counter 'cost'"), ({"commands": -1}, "commands=-1"), ({}, "no counter;")])
def test_wrong(render, budget, allowed, sentence):
    with pytest.raises(mr.InvalidInput, match=sentence):
        budget(render(*boxes()), **allowed)

def test_no_frame(budget):
    with pytest.raises(mr.InvalidInput, match="not int"):
        budget(3, commands=1)

def test_calls_do_not_depend_on_what_ran_before(render, metarender_drawn):
    for _ in range(3):
        render(*boxes())
    assert len({(drawn.python_calls, drawn.native_calls) for drawn in metarender_drawn}) == 1
""")
    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(["The frame costs more than its budget:", "  counter * actual * allowed", "  draw_calls * 1 * 1",
                                 "  triangles * 36 * 5  31 too many", "  python_calls *too many"])


def test_what_a_test_leaves_open_fails_it_and_names_the_line(run):
    result = run("""
kept = []

def test_renderer(renderer):
    mr.Renderer((8, 8), device="software")  # nothing holds it, and nothing gave its context back

def test_device(renderer):
    kept.append(mr.Device.open("software"))

def test_second_renderer(renderer):
    kept.append(mr.Renderer((8, 8), device=renderer.device))

def test_buffer(renderer):
    kept.append(renderer.device.create_buffer(64))

def test_clean(renderer, render):
    renderer.device.create_buffer(64)
    kept.append(renderer.device.create_buffer(64))
    kept[-1].release()
    with mr.Renderer((8, 8), device="software") as other:
        other.render(*boxes())
    mr.render(*boxes(), size=(8, 8))
    render(*boxes())

def test_a_failure_is_told_alone(renderer):
    mr.Renderer((8, 8), device="software")
    assert False

def test_an_opengl_error(renderer):
    renderer.device.gl.glEnable(0x9999)
""")
    outcomes = result.parseoutcomes()
    assert outcomes == {"passed": 6, "failed": 1, "errors": 5}
    text = result.stdout.str()
    lines = HEADER.count("\n")
    for name, offset in (("Renderer", 4), ("Device", 7), ("Renderer", 10)):
        assert re.search(rf"^left open: the {name} made at \S*test_it\.py:{lines + offset} was never closed$", text, re.M), name
    assert re.search(r"^left open: <Buffer buffer \d+> made at \S*test_it\.py:\d+ is still held$", text, re.M)
    assert "OpenGL reported GL_INVALID_ENUM" in text


def test_two_processes_of_xdist_tell_the_same(run, pytester):
    pytest.importorskip("xdist")
    body = """
@pytest.mark.parametrize("number", range(6))
def test_boxes(render, golden, number, request):
    frame = render(*boxes(0.02 if request.config.getoption("metarender_report") == "wrong" else 0), size=(48, 32 + number))
    golden(frame.color)

@pytest.mark.parametrize("number", range(4))
def test_shared(golden, number):
    golden(picture(), "shared")
"""
    stored = run(body, "-n", "2", "--metarender-update")
    stored.assert_outcomes(passed=10)
    assert len(list((pytester.path / "goldens").glob("*/*"))) == 7
    assert stored.stdout.str().count("metarender stored") == 7
    failed = run(None, "-n", "2", "--metarender-report", "wrong")
    failed.assert_outcomes(passed=4, failed=6)
    failed.stdout.fnmatch_lines(["metarender: pages about 6 failed pictures: metarender report *wrong"])
    assert len(list((pytester.path / "wrong").glob("*.case.html"))) == 6


def test_junit_names_the_page_as_property_and_attachment(run, pytester):
    run(PICTURE, "--junitxml=junit.xml", "-o", "junit_logging=system-out").assert_outcomes(failed=1)
    xml = (pytester.path / "junit.xml").read_text("utf-8")
    page = pytester.path / "metarender-report" / pages(pytester)[0]
    assert f'<property name="metarender_report" value="{page}" />' in xml
    assert f"[[ATTACHMENT|{page}]]" in xml[xml.index("<system-out>"):xml.index("</system-out>")]


BENCHMARK = """
def slow():
    return sum(range(4_000_000))

def test_within(frame_benchmark):
    times = frame_benchmark(*boxes(), size=(32, 32), baseline=slow, max_ratio=1000, rounds=4)
    assert times.rounds == 4 and 0 < times.ratio == pytest.approx(times.frame_ms / times.baseline_ms, rel=20)

def test_beyond(frame_benchmark):
    frame_benchmark(*boxes(), size=(32, 32), baseline=lambda: None, max_ratio=1, rounds=3)

def test_reference(frame_benchmark):
    seen = []
    scene, camera = boxes()
    frame_benchmark(scene, camera, size=(32, 32), rounds=3, animate=lambda: seen.append(1), msaa=1)
    assert len(seen) == 3

def test_wrong(frame_benchmark):
    with pytest.raises(mr.InvalidInput, match="rounds=1"):
        frame_benchmark(*boxes(), rounds=1)
"""


def test_a_frame_is_measured_beside_its_baseline(run, pytester, monkeypatch):
    pytest.importorskip("pytest_benchmark")
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # pytest-benchmark measures nothing under xdist
    result = run(BENCHMARK, "--benchmark-json=times.json", "-W", "ignore")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["A frame takes * times the baseline (* ms and * ms, 3 pairs), allowed 1."])
    assert '"ratio"' in (pytester.path / "times.json").read_text("utf-8")


def test_without_pytest_benchmark_the_fixture_says_what_to_install(run):
    result = run(BENCHMARK, "-p", "no:benchmark", "-k", "within")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*MissingExtra: frame_benchmark needs pytest-benchmark, *pip install \"metarender[[]testing[]]\".*"])


def test_clock_seed_and_device_are_the_same_everywhere(run, monkeypatch):
    monkeypatch.setenv("METARENDER_DEVICE", "gpu")
    run("""
import random, time
drawn = []

def test_clock(clock):
    start = time.monotonic()
    time.sleep(0.25)
    for _ in range(1000):
        clock.advance(0.001)
    assert time.monotonic() - start == time.perf_counter() - start == clock.now() == 1.25
    assert time.time_ns() == 1_250_000_000
    with pytest.raises(mr.InvalidInput, match="clock.advance"):
        clock.advance(-1)

def test_time_goes_on_afterwards():
    assert time.time() > 1e9

def draw(seed):
    drawn.append((seed, random.random(), np.random.random(), np.random.default_rng(seed).random()))

def test_seed(seed):
    draw(seed)

def test_without_seed():
    random.random(), np.random.random()

def test_seed_again(seed):
    draw(seed)
    assert drawn[0] == drawn[1]

def test_software_where_goldens_are_compared(golden):
    with mr.Renderer((8, 8)) as renderer:
        assert renderer.device.capabilities.software
    mr.render(*boxes(), size=(8, 8))
    mr.close()
""").assert_outcomes(passed=6)


def test_tests_of_two_classes_have_two_goldens(run, pytester):
    run("""
class TestOne:
    def test_picture(self, golden):
        golden(picture())

class TestTwo:
    def test_picture(self, golden):
        golden(picture(32, 32))
""", "--metarender-update").assert_outcomes(passed=2)
    names = sorted(path.name for path in (pytester.path / "goldens").glob("*/*"))
    assert names == ["test_it.TestOne.test_picture.png", "test_it.TestTwo.test_picture.png"]


def test_the_folder_of_goldens_is_a_fixture(run, pytester):
    pytester.makeconftest("""
import pytest
from pathlib import Path

@pytest.fixture
def metarender_goldens():
    return Path(__file__).parent / "pictures"
""")
    run(PICTURE, "--metarender-update").assert_outcomes(passed=1)
    assert len(list((pytester.path / "pictures").glob("*/test_it.test_picture.png"))) == 1


def test_it_is_not_loaded_unasked(pytester):
    pytester.makepyfile("def test_it(golden): pass")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'golden' not found*"])


def test_a_conftest_asks_for_it_too_and_the_command_that_accepts_follows(run, pytester):
    pytester.makeconftest('pytest_plugins = ["metarender.testing"]')
    pytester.makepyfile(test_it=HEADER + PICTURE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["  look at it, then to accept: pytest test_it.py::test_picture --metarender-update"])


def test_the_first_example_of_the_manual_runs(pytester):
    manual = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
    pytester.makepyfile(test_it=re.search(r"```python\n(import.*?)```", manual, re.S)[1])
    options = ("-p", "metarender.testing", "-p", "no:cacheprovider")
    pytester.runpytest_subprocess(*options, "--metarender-update").assert_outcomes(passed=1)
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
