"""The snippets of the manuals run, one after the other as they are read, and their pictures and links are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MANUALS = ("animation.md",)


@pytest.mark.parametrize("manual", MANUALS)
def test_the_snippets_of_a_manual_run_in_order(manual, tmp_path, monkeypatch):
    text = (ROOT / "docs" / manual).read_text("utf-8")
    snippets = [(text[:found.start(1)].count("\n"), found[1]) for found in re.finditer(r"^```python\n(.+?)^```", text, re.M | re.S)]
    assert len(snippets) >= 5
    monkeypatch.chdir(tmp_path)
    names = {"__name__": manual}
    for line, snippet in snippets:
        exec(compile("\n" * line + snippet, str(ROOT / "docs" / manual), "exec"), names)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", ["README.md", "docs/animation.md", "docs/testing.md", "docs/promises.md", "docs/design.md"])
def test_what_a_page_links_to_is_there(page):
    place = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", place.read_text("utf-8"))
    missing = [link for link in links if not (place.parent / link).exists()]
    assert not missing
