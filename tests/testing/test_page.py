"""The pages about failures: what they say, that nothing in them is taken for markup, and how a browser shows them."""

import html
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from metarender import cli
from metarender.errors import AssetError
from metarender.testing.comparison import compare, paint_difference
from metarender.testing.goldens import EXACT
from metarender.testing.page import SUFFIX, Case, encode, read_cases, write_page

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> & ' \" `"


def case(name="boxes", **changes) -> Case:
    """A failure in which a red square of 24x18 pixels is missing."""
    y, x = np.mgrid[0:90, 0:160]
    expected = np.dstack([x, y * 2, 255 - x, np.full_like(x, 255)]).astype(np.uint8)
    actual = expected.copy()
    actual[30:48, 60:84] = (230, 30, 40, 255)
    found = compare(actual, expected, EXACT)
    values = {
        "test": "tests/test_boxes.py::test_boxes", "verdict": "432 pixels differ.", "accept": "pytest tests --metarender-update",
        "metrics": [(gate.name, gate.said(gate.found), gate.said(gate.allowed), gate.passed) for gate in found.gates],
        "counters": {"draw_calls": 2, "triangles": 12_345}, "environment": {"rasteriser": "llvmpipe-22.3.6-llvm15"},
        "marks": {"size": (0, 0, 160, 90), "tile": found.tile, "blob": found.blob},
        "pictures": {"expected": encode(expected), "actual": encode(actual),
                     "difference": encode(paint_difference(found.difference, expected))},
    }
    return Case(name, **values | changes)


def hostile() -> Case:
    return case(HOSTILE, test=HOSTILE, verdict=HOSTILE, accept=HOSTILE, metrics=[(HOSTILE, HOSTILE, HOSTILE, False)],
                counters={HOSTILE: 1}, environment={HOSTILE: HOSTILE})


def test_a_page_needs_nothing_but_itself(tmp_path):
    write_page([case()], tmp_path / f"a{SUFFIX}", "one")
    text = (tmp_path / f"a{SUFFIX}").read_text("utf-8")
    assert "http://" not in text and "https://" not in text and "url(" not in text and "@import" not in text
    assert re.findall(r'src="(.{22})', text) == ["data:image/png;base64,"] * 3
    assert "12,345" in text and "432 pixels differ." in text and "pytest tests --metarender-update" in text
    assert "default-src 'none'" in text


def test_everything_that_a_test_says_is_escaped(tmp_path):
    write_page([hostile(), hostile()], tmp_path / f"a{SUFFIX}", HOSTILE)
    text = (tmp_path / f"a{SUFFIX}").read_text("utf-8")
    assert "<script>document" not in text and "<img src=x" not in text
    assert len(re.findall(r"<script", text)) == 3  # two blocks of facts and our own
    assert read_cases(tmp_path) == [hostile(), hostile()]


@settings(max_examples=100, deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.integers()))
def test_what_is_written_is_read_back(tmp_path_factory, text, environment, counters):
    folder = tmp_path_factory.mktemp("cases")
    written = case(text, verdict=text, environment=environment, counters=counters, pictures={})
    write_page([written], folder / f"a{SUFFIX}", text)
    assert read_cases(folder) == [written]


def test_the_command_joins_a_folder_into_one_page(tmp_path, capsys):
    for number in range(3):
        write_page([case(f"picture-{number}", test=f"test_{2 - number}")], tmp_path / "deep" / f"{number}{SUFFIX}", "one")
    assert cli.main(["report", str(tmp_path)]) == 0
    assert "index.html: 3 pictures" in capsys.readouterr().out
    text = (tmp_path / "index.html").read_text("utf-8")
    assert [text.index(f"<h2>picture-{number}") for number in (2, 1, 0)] == sorted(text.index(f"<h2>picture-{n}") for n in range(3))
    assert text.count("data:image/png;base64,") == 9 and "3 pictures failed" in text
    assert cli.main(["report", str(tmp_path), "-o", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text("utf-8") == text


def test_an_empty_folder_joins_into_a_page_that_says_so(tmp_path):
    assert cli.main(["report", str(tmp_path)]) == 0
    assert "No picture failed" in (tmp_path / "index.html").read_text("utf-8")


def test_the_command_needs_no_pytest(tmp_path):
    script = f"import sys; sys.modules['pytest'] = None; from metarender import cli; sys.exit(cli.main(['report', {str(tmp_path)!r}]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path, capsys):
    assert cli.main(["report", str(tmp_path / "none")]) == 1
    assert "no such folder; name the one that --metarender-report was given." in capsys.readouterr().err


FACTS = {"name": "a", "test": "b", "verdict": "c", "accept": "d", "metrics": [], "counters": {}, "environment": {}, "marks": {}}


@pytest.mark.parametrize("facts", [
    "{", "[]", "3", '"text"', "{}", "[" * 100_000, json.dumps(FACTS | {"marks": {"tile": [1, 2, 3]}}),
    json.dumps(FACTS | {"metrics": [1]}), json.dumps(FACTS | {"counters": {"a": "b"}}), json.dumps(FACTS | {"counters": []}),
    json.dumps(FACTS | {"marks": {"size": [0, 0, 0, 0]}}), json.dumps(FACTS | {"marks": {"tile": [1, 2, 3, 1e400]}}),
])
def test_pages_of_others_are_refused(tmp_path, facts):
    (tmp_path / f"bad{SUFFIX}").write_text(f"<article><script type=application/json>{facts}</script></article>")
    with pytest.raises(AssetError, match="not a page that the plugin wrote"):
        read_cases(tmp_path)


@pytest.mark.parametrize("source", ["https://example.com/a.png", "data:image/svg+xml;base64,AAAA", "javascript:alert(1)", '" onerror="x'])
def test_pictures_that_are_no_png_are_refused(tmp_path, source):
    (tmp_path / f"bad{SUFFIX}").write_text(
        f'<figure class="expected"><img src="{html.escape(source)}"></figure><script type=application/json>{json.dumps(FACTS)}</script>')
    with pytest.raises(AssetError, match="not a page that the plugin wrote"):
        read_cases(tmp_path)


# --- in a browser ------------------------------------------------------------------------------------------------------


@pytest.fixture
def browse(tmp_path):
    """Open a page in Chromium: its document after scripts ran, or a screenshot."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium on this machine")

    def call(page, *options):
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=1000",
                   f"--user-data-dir={tmp_path / 'profile'}", *options, page]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.mark.slow
def test_a_browser_runs_our_script_and_nothing_else(tmp_path, browse):
    page = tmp_path / f"hostile{SUFFIX}"
    write_page([hostile()], page, "metarender: hostile")
    document = browse(f"file://{page}#mode=blink", "--dump-dom")
    assert "<title>metarender: hostile</title>" in document and 'class="scripted"' in document
    assert 'data-mode="blink"' in document and document.count("<img") == 3


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["side", "slider&cut=45", "difference"])
def test_a_browser_shows_the_pictures(tmp_path, browse, mode):
    """The missing square is red: seen beside the expected picture, cut by the slider's line, and painted as a difference."""
    page, shot = tmp_path / f"page{SUFFIX}", tmp_path / "shot.png"
    write_page([case()], page, "metarender: boxes")
    browse(f"file://{page}#mode={mode}", f"--screenshot={shot}", "--window-size=1400,1000")
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert pixels.shape == (1000, 1400, 3)
    square = np.abs(pixels - (230, 30, 40)).max(axis=2) < 3
    if mode == "side":
        wide = np.nonzero(square.any(axis=0))[0]
        assert wide.min() > 700 and 80 < np.ptp(wide) < 130  # in the right one of two pictures of about 640 pixels
    elif mode.startswith("slider"):
        # 1,098 pixels wide from 53 on, cut at 45 %: of columns 60 to 84 of 160, those from 72 on are of the actual picture.
        wide = np.nonzero(square.any(axis=0))[0]
        assert abs(wide.min() - (53 + 1098 * 0.45)) < 12 and abs(wide.max() - (53 + 1098 * 84 / 160)) < 12
    else:
        assert not square.any()
        hot = (pixels[..., 0] > 180) & (pixels[..., 2] < 100) & (pixels[..., 0] - pixels[..., 2] > 120)
        assert hot.sum() > 0.8 * 18 * 24 * (1098 / 160) ** 2
