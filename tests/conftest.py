"""Fixtures that every test shares, on top of those of metarender.testing: a small renderer, assets, and the folder of goldens."""

import os
import re
from pathlib import Path

import pytest

pytest_plugins = ["metarender.testing", "pytester"]
LOCAL_ASSETS = Path(__file__).parent / "assets"


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """With METARENDER_STRICT_SKIPS, list skips whose reason is not in skips.txt."""
    for reason in sorted(unexpected_skips(terminalreporter)):
        terminalreporter.write_line(f"unexpected skip: {reason}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session, exitstatus):
    """With METARENDER_STRICT_SKIPS, an unexpected skip fails the run."""
    if exitstatus == 0 and unexpected_skips(session.config.pluginmanager.get_plugin("terminalreporter")):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def unexpected_skips(terminalreporter):
    """Reasons of skips that no line of skips.txt matches; none unless METARENDER_STRICT_SKIPS is set."""
    if not os.environ.get("METARENDER_STRICT_SKIPS"):
        return set()
    lines = (Path(__file__).parent / "skips.txt").read_text("utf-8").splitlines()
    allowed = [line for line in lines if line and not line.startswith("#")]
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ())}
    return {reason for reason in reasons if not any(re.search(pattern, reason) for pattern in allowed)}


@pytest.fixture
def device(metarender_device):
    """A software device with debug output; a GL error, a high-severity message or something left open fails the test."""
    return metarender_device


@pytest.fixture
def metarender_goldens():
    """Where the project keeps its goldens."""
    return Path(__file__).parent / "images" / "baseline"


@pytest.fixture
def renderer(device):
    """A small renderer without multisampling on the debug device; size and settings may be set."""
    from metarender import Renderer

    with Renderer(size=(128, 128), msaa=1, device=device) as made:
        yield made


@pytest.fixture(scope="session")
def assets():
    """The folder of third-party models."""
    folder = os.environ.get("METARENDER_ASSETS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("METARENDER_ASSETS does not name the folder of third-party models")
    return Path(folder)


@pytest.fixture(scope="session")
def local_assets():
    """The small licensed set that is part of the repository."""
    return LOCAL_ASSETS
