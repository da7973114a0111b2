"""What ``golden`` does: finds the stored picture, compares, and where it fails says why in text, in a page, and to JUnit."""

from __future__ import annotations

import platform
import re
import shlex
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray

from .._core import simd_level
from .._version import __version__
from ..errors import InvalidInput
from ..gpu.device import Device
from .budgets import COUNTERS, Drawn
from .comparison import Comparison, Picture, Tolerance, compare, flip, paint_difference
from .goldens import OTHER_VERSION, GoldenFolder, check_name, check_picture, name_of, read_picture, tolerance_between
from .page import SUFFIX, Case, encode, write_page

WRITTEN, REPORT = "metarender_golden_written", "metarender_report"
"""Properties of a test, for JUnit and the summary: a picture that was stored, a page that was written."""


class Golden:
    """The callable that the ``golden`` fixture returns.

    Parameters
    ----------
    request : pytest.FixtureRequest
        Of the test.
    folder : Path
        Where goldens are stored.
    drawn : list of Drawn
        Frames of the ``render`` fixture; a failure shows the counters of the one whose picture it is.
    """

    def __init__(self, request: pytest.FixtureRequest, folder: Path, drawn: list[Drawn]) -> None:
        self._request, self._folder, self._drawn = request, GoldenFolder(folder), drawn
        self._default_used = False

    def __call__(self, color: NDArray[np.uint8], name: str | None = None, *, threshold: int | None = None, tile: float | None = None,
                 share: float | None = None, blob: int | None = None, flat: bool = False) -> None:
        """Fail unless a picture equals the stored one.

        Parameters
        ----------
        color : (h, w, 4) uint8
            ``frame.color``.
        name : str, optional
            Of the golden; module and test by default, which serves one picture of a test.
        threshold, tile, share, blob : optional
            As in ``Tolerance``. Given one, equal bytes are no longer asked for; those not given are what another version of the
            rasteriser may have.
        flat : bool
            Whether a picture of one colour is meant; otherwise it fails, because nothing was drawn.

        Raises
        ------
        InvalidInput
            An argument is wrong.
        pytest.fail.Exception
            The picture differs, is flat, or has no golden.
        """
        __tracebackhide__ = True
        picture, name = check_picture(color), self._name(name)
        page = self._page_of(name)
        page.unlink(missing_ok=True)
        if not flat and not np.ptp(picture.reshape(-1, 4), axis=0).any():
            pytest.fail(f"The picture {name!r} is one flat colour, so nothing was drawn; pass flat=True if that is meant.", pytrace=False)
        facts = _rasteriser()
        if self._request.config.getoption("metarender_update"):
            self._store(name, facts["rasteriser"], picture)
            return
        given = {key: value for key, value in (("threshold", threshold), ("tile", tile), ("share", share), ("blob", blob))
                 if value is not None}
        self._judge(page, name, facts, picture, given)

    def _judge(self, page: Path, name: str, facts: dict[str, str], picture: Picture, given: dict[str, Any]) -> None:
        """Compare with the best stored picture; does not return where it fails."""
        __tracebackhide__ = True
        key = facts["rasteriser"]
        found = self._folder.find(name, key)
        if found is None:
            self._fail(page, self._case(name, facts, self._absent(name, key), picture))
        path, stored = found
        tolerance = _with(tolerance_between(key, stored), given)
        expected = read_picture(path)
        facts["compared with"] = self._shown(path)
        if expected.shape != picture.shape:
            sizes = " and not ".join(f"{image.shape[1]}x{image.shape[0]}" for image in (picture, expected))
            self._fail(page, self._case(name, facts, f"The picture has {sizes} pixels.", picture, expected))
        if np.array_equal(expected, picture):
            return
        comparison = compare(picture, expected, tolerance)
        if not comparison.passed:
            self._fail(page, self._case(name, facts, _verdict(comparison), picture, expected, comparison))

    # --- names and files -----------------------------------------------------------------------------------------------

    def _name(self, name: str | None) -> str:
        if name is not None:
            return check_name(name)
        if self._default_used:
            raise InvalidInput("golden was called twice without a name in one test; give each picture a name.")
        self._default_used = True
        return name_of(self._request.node.nodeid.partition("::")[2], self._request.path.stem)

    def _page_of(self, name: str) -> Path:
        config = self._request.config
        folder = config.rootpath / str(config.getoption("metarender_report"))
        test = self._request.node.nodeid.encode("utf-8", "surrogatepass")
        return folder / f"{name}-{zlib.crc32(test):08x}{SUFFIX}"

    def _store(self, name: str, key: str, picture: Picture) -> None:
        written = self._folder.write(name, key, picture)
        if written is not None:
            self._request.node.user_properties.append((WRITTEN, str(written)))

    def _absent(self, name: str, key: str) -> str:
        others = self._folder.elsewhere(name)
        kept = f"only one for {', '.join(others)}" if others else "none"
        return f"No golden can be compared with: {self._shown(self._folder.path)} holds {kept} of {name}.png, and {key} drew this picture."

    def _shown(self, path: Path) -> str:
        """A path as people read it: from the root of the tests where it lies below."""
        root = self._request.config.rootpath
        return str(path.relative_to(root) if path.is_relative_to(root) else path)

    # --- failing -------------------------------------------------------------------------------------------------------

    def _fail(self, page: Path, case: Case) -> NoReturn:
        __tracebackhide__ = True
        write_page([case], page, f"metarender: {case.name}")
        self._request.node.user_properties.append((REPORT, str(page)))
        print(f"[[ATTACHMENT|{page}]]")  # with junit_logging=system-out, Jenkins and GitLab attach it
        pytest.fail(_as_text(case, page), pytrace=False)

    def _case(self, name: str, facts: dict[str, str], verdict: str, actual: Picture, expected: Picture | None = None,
              comparison: Comparison | None = None) -> Case:
        pictures = {"actual": encode(actual)} if expected is None else {"expected": encode(expected), "actual": encode(actual)}
        case = Case(name, self._request.node.nodeid, verdict, self._accept(), counters=_counters(actual, self._drawn), environment=facts,
                    pictures=pictures)
        if expected is None or comparison is None:
            return case
        pictures["difference"] = encode(paint_difference(comparison.difference, expected))
        metrics = [(gate.name, gate.said(gate.found), gate.said(gate.allowed), gate.passed) for gate in comparison.gates]
        error = flip(actual, expected)
        if error is not None:
            pictures["flip"] = encode(error[1])
        metrics.append(("mean FLIP, told only", "flip-evaluator is not installed" if error is None else f"{error[0]:.4f}", "any", True))
        height, width = actual.shape[:2]
        return replace(case, metrics=metrics, marks={"size": (0, 0, width, height), "tile": comparison.tile, "blob": comparison.blob})

    def _accept(self) -> str:
        given = [str(argument) for argument in self._request.config.invocation_params.args]
        asked = any(re.fullmatch(r"(-p)?\s*metarender\.testing", argument) for argument in given)
        plugin = "-p metarender.testing " if asked else ""
        return f"pytest {plugin}{shlex.quote(self._request.node.nodeid)} --metarender-update"


def _with(base: Tolerance, given: dict[str, Any]) -> Tolerance:
    """The tolerance of a step of the fall-back, or what the test asks for in its place."""
    for name, most in (("threshold", 255), ("tile", 255), ("share", 1), ("blob", 2**31)):
        value = given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
            raise InvalidInput(f"golden {name}={value!r} must be a number from 0 to {most}.")
    if not given:
        return base
    return replace(OTHER_VERSION if base.exact else base, **given)


def _rasteriser() -> dict[str, str]:
    """Facts about what draws here; the key is ``rasteriser``."""
    with Device.open("software") as device:
        facts = device.capabilities
        return {
            "rasteriser": device.rasteriser_key, "renderer": facts.renderer, "driver": facts.driver, "metarender": __version__,
            "kernels": simd_level(), "Python": platform.python_version(), "numpy": np.__version__, "pytest": pytest.__version__,
            "platform": platform.platform(),
        }


def _counters(color: Picture, drawn: Iterable[Drawn]) -> dict[str, int]:
    for entry in drawn:
        if entry.frame.color is color:
            return {name: getattr(entry.frame.stats, name) for name in COUNTERS} | {"python_calls": entry.python_calls}
    return {}


def _verdict(comparison: Comparison) -> str:
    failed = [gate for gate in comparison.gates if not gate.passed]
    if failed[0] is comparison.gates[0]:  # equal bytes were asked for
        return f"{failed[0].found:,.0f} pixels differ from the golden, by up to {comparison.difference.max()}/255."
    too_much = (f"{gate.name} {gate.said(gate.found)}, allowed {gate.said(gate.allowed)}" for gate in failed)
    return f"The picture differs from its golden: {'; '.join(too_much)}."


def _as_text(case: Case, page: Path) -> str:
    lines = [f"golden {case.name!r}: {case.verdict}"]
    if case.metrics:
        width = max(len(name) for name, *_ in case.metrics)
        lines += [f"  {'':<{width}} {'found':>14} {'allowed':>12}"]
        lines += [f"{'  ' if passed else '! '}{name:<{width}} {found:>14} {allowed:>12}" for name, found, allowed, passed in case.metrics]
    if "compared with" in case.environment:
        lines.append(f"  golden: {case.environment['compared with']}, drawn by {case.environment['rasteriser']}")
    return "\n".join([*lines, f"  report: {page}", f"  look at it, then to accept: {case.accept}"])
