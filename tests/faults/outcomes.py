"""A pytest plugin that writes how each test ended, and says apart a contract that was broken from a test that could not be run.

Loaded by `workspace.py` and `rerun.py` into runs of their own: ``-p outcomes``, with where to write in ``METARENDER_OUTCOMES``, and with
``METARENDER_SHUFFLE`` the number of an order of the tests.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Generator
from pathlib import Path

import pytest

PASSED, FAILED, BROKEN = "passed", "failed", "broken"
"""What was claimed holds; an assertion or `pytest.fail` says that it does not; anything else went wrong."""

found: dict[str, str] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Shuffle the tests where that is asked for."""
    if order := os.environ.get("METARENDER_SHUFFLE"):
        random.Random(int(order)).shuffle(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the worst that happened in any phase of a test; a skipped one is not noted, because it claims nothing."""
    report = yield
    if report.skipped:
        return report
    ended = PASSED
    if call.excinfo is not None:
        ended = FAILED if call.when != "setup" and isinstance(call.excinfo.value, (AssertionError, pytest.fail.Exception)) else BROKEN
    found[item.nodeid] = max(found.get(item.nodeid, PASSED), ended, key=(PASSED, FAILED, BROKEN).index)
    return report


def pytest_sessionfinish() -> None:
    """Write what was found."""
    Path(os.environ["METARENDER_OUTCOMES"]).write_text(json.dumps(found), "utf-8")
