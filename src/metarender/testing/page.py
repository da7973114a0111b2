"""Failures as HTML: one page that needs nothing else for each, and many joined into one. Whatever a test says is escaped."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image

from ..errors import AssetError
from .comparison import Picture

SUFFIX = ".case.html"
PICTURES = {"expected": "Expected", "actual": "Actual", "difference": "Difference", "flip": "FLIP heat map"}
_PREFIX = "data:image/png;base64,"
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Case:
    """One failure.

    Attributes
    ----------
    name, test : str
        Of the golden, and the test's node id.
    verdict : str
        What is wrong, in a sentence.
    accept : str
        The command that accepts the new picture.
    metrics : list of (name, found, allowed, passed)
    counters, environment : dict
    marks : dict of str to (left, top, width, height)
        ``tile`` and ``blob``, pixels of the expected picture.
    pictures : dict of str to str
        Of ``PICTURES``, PNG in base64.
    """

    name: str
    test: str
    verdict: str
    accept: str
    metrics: list[tuple[str, str, str, bool]] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Box] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)


def encode(picture: Picture) -> str:
    """Return a picture as PNG in base64."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def write_page(cases: list[Case], path: Path, title: str) -> None:
    """Write cases as one page; a list of them stands first where there are several."""
    style, script = (resources.files(__package__).joinpath(f"page.{kind}").read_text("utf-8") for kind in ("css", "js"))
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{_digest(script)}'"
    count = "1 picture failed" if len(cases) == 1 else f"{len(cases)} pictures failed"
    body = (_index(cases) if len(cases) > 1 else "") + "".join(_article(case, number) for number, case in enumerate(cases))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<meta name=viewport content='width=device-width'>\n"
        f'<meta http-equiv=Content-Security-Policy content="{policy}">\n<title>{_text(title)}</title>\n<style>\n{style}</style>\n'
        f"<body>\n<main>\n<h1>{_text(title)}</h1>\n<p class=lead>{count if cases else 'No picture failed'}</p>\n{body}</main>\n"
        f"<script>{script}</script>\n</body>\n</html>\n", encoding="utf-8", errors="backslashreplace")


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _text(value: object) -> str:
    return html.escape(str(value), quote=True)


def _index(cases: list[Case]) -> str:
    rows = "".join(f'<tr><td><a href="#case-{number}">{_text(case.name)}</a></td><td>{_text(case.verdict)}</td></tr>'
                   for number, case in enumerate(cases))
    return f"<section class=index>\n<table><tr><th>picture</th><th>what failed</th></tr>{rows}</table>\n</section>\n"


def _article(case: Case, number: int) -> str:
    plain = {key: value for key, value in asdict(case).items() if key != "pictures"}
    facts = json.dumps(plain).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return (
        f'<article id="case-{number}" data-mode=side>\n<h2>{_text(case.name)}</h2>\n<p class=test>{_text(case.test)}</p>\n'
        f"<p class=verdict>{_text(case.verdict)}</p>\n{_pictures(case)}<div class=facts>\n{_metrics(case)}"
        f"{_pairs('Counters of the frame', case.counters)}{_pairs('Environment', case.environment)}</div>\n"
        f"<div class=accept><h3>To accept the new picture</h3><code>{_text(case.accept)}</code></div>\n"
        f"<script type=application/json>{facts}</script>\n</article>\n")


def _pictures(case: Case) -> str:
    figures = "".join(
        f'<figure class="{kind}{"" if kind in ("expected", "actual") else " other"}"><figcaption>{label}</figcaption><div class=picture>'
        f'<img alt="{label}" src="{_PREFIX}{_text(case.pictures[kind])}">{_marks(case)}</div></figure>\n'
        for kind, label in PICTURES.items() if kind in case.pictures)
    modes = {"side": "Side by side"}
    if {"expected", "actual", "difference"} <= set(case.pictures):
        modes |= {"slider": "Slider", "blink": "Blink", "difference": "Difference"}
        modes |= {"flip": "FLIP"} if "flip" in case.pictures else {}
    buttons = "".join(f'<button type=button data-mode={mode} aria-pressed={"true" if mode == "side" else "false"}>{label}</button>'
                      for mode, label in modes.items())
    legend = ("<label class=legend><input type=checkbox checked> marks: <b></b>worst tile <b class=blob></b>largest blob</label>"
              if case.marks else "")
    bar = f"<div class=modes>{buttons}{legend}</div>\n" if len(modes) > 1 else ""
    slider = '<input class=cut type=range min=0 max=100 value=50 aria-label="left: expected, right: actual">\n' if len(modes) > 1 else ""
    return f"{bar}<div class=stage>\n{figures}</div>\n{slider}"


def _marks(case: Case) -> str:
    width, height = case.marks.get("size", (0, 0, 1, 1))[2:]
    marks = ""
    for kind, (left, top, wide, high) in case.marks.items():
        if kind in ("tile", "blob"):
            place = f"left:{left / width:.3%};top:{top / height:.3%};width:{wide / width:.3%};height:{high / height:.3%}"
            marks += f'<i class="mark {kind}" style="{place}"></i>'
    return marks


def _metrics(case: Case) -> str:
    if not case.metrics:
        return ""
    rows = "".join(f"<tr{'' if passed else ' class=over'}><td>{_text(name)}</td><td class=number>{_text(found)}</td>"
                   f"<td class=number>{_text(allowed)}</td></tr>" for name, found, allowed, passed in case.metrics)
    return (f"<section><h3>Difference</h3><table><tr><th></th><th class=number>found</th><th class=number>allowed</th></tr>{rows}</table>"
            "</section>\n")


def _pairs(title: str, values: dict[str, Any]) -> str:
    if not values:
        return ""
    rows = "".join(f"<tr><td>{_text(name.replace('_', ' '))}</td><td class=number>{value:,}</td></tr>" if isinstance(value, int)
                   else f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in values.items())
    return f"<section><h3>{title}</h3><table>{rows}</table></section>\n"


# --- joining -----------------------------------------------------------------------------------------------------------


def read_cases(folder: Path) -> list[Case]:
    """Read every case below a folder, in the order of their tests.

    Raises
    ------
    AssetError
        The folder is not one, or a file in it is not such a page.
    """
    if not folder.is_dir():
        raise AssetError(f"{folder}: no such folder; name the one that --metarender-report was given.")
    cases = [case for path in sorted(folder.rglob(f"*{SUFFIX}")) for case in _read(path)]
    return sorted(cases, key=lambda case: (case.test, case.name))


def _read(path: Path) -> list[Case]:
    reader = _CaseReader()
    try:
        reader.feed(path.read_text("utf-8"))
        return [_checked(facts, pictures) for facts, pictures in reader.found]
    except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
        raise AssetError(f"{path}: this is not a page that the plugin wrote ({error}); remove it from the folder.") from None


class _CaseReader(HTMLParser):
    """Collects the JSON of each article and the pictures before it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[dict[str, Any], dict[str, str]]] = []
        self._pictures: dict[str, str] = {}
        self._kind, self._json = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "figure":
            self._kind = given.get("class", "").split(" ")[0]
        elif tag == "img" and self._kind in PICTURES:
            self._pictures[self._kind] = given.get("src", "").removeprefix(_PREFIX)
        self._json = tag == "script" and given.get("type") == "application/json"

    def handle_data(self, data: str) -> None:
        if self._json and data.strip():
            self.found.append((json.loads(data), self._pictures))
            self._pictures = {}


def _checked(facts: dict[str, Any], pictures: dict[str, str]) -> Case:
    """A case of what was read; every value gets the type that the page expects."""
    for text in pictures.values():
        base64.b64decode(text, validate=True)
    boxes = {str(kind): tuple(map(int, box)) for kind, box in facts["marks"].items()}
    if any(len(box) != 4 for box in boxes.values()) or not all(boxes.get("size", (0, 0, 1, 1))[2:]):
        raise ValueError("a mark is not a box")
    return Case(
        **{key: str(facts[key]) for key in ("name", "test", "verdict", "accept")},
        metrics=[(str(name), str(found), str(allowed), bool(passed)) for name, found, allowed, passed in facts["metrics"]],
        counters={str(name): int(value) for name, value in facts["counters"].items()},
        environment={str(name): str(value) for name, value in facts["environment"].items()},
        marks={kind: (box[0], box[1], box[2], box[3]) for kind, box in boxes.items()}, pictures=pictures)
