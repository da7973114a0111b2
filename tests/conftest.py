"""Fixtures that every test shares: devices that refuse to leave a GL error behind, assets, and stored pictures."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

BASELINE = Path(__file__).parent / "images" / "baseline"
LOCAL_ASSETS = Path(__file__).parent / "assets"


def pytest_addoption(parser):
    parser.addoption("--update-goldens", action="store_true", help="write the pictures that tests compare with")


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
def device():
    """A software device with debug output; a GL error or a high-severity message fails the test."""
    from metarender.gpu.device import Device

    with Device.open("software", debug=True) as opened:
        yield opened
        if not opened.closed:
            opened.check("at the end of the test")
            assert not [message.text for message in opened.messages if message.high]


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


def nearest_key(key: str) -> str | None:
    """The stored rasteriser that a picture of `key` is compared with: itself, or another version of the same."""
    stored = sorted(folder.name for folder in BASELINE.iterdir() if folder.is_dir()) if BASELINE.is_dir() else []
    if key in stored:
        return key
    family = [name for name in stored if name.split("-")[0] == key.split("-")[0]]
    return family[-1] if family else None


def compare(actual: np.ndarray, expected: np.ndarray, exact: bool) -> None:
    """Byte-exact on the same rasteriser; on another version of it at most 0.5 % of pixels differ by more than 8/255."""
    assert actual.shape == expected.shape
    difference = np.abs(actual.astype(int) - expected.astype(int)).max(axis=2)
    if exact:
        assert not difference.any(), f"{np.count_nonzero(difference)} pixels differ, by up to {difference.max()}"
    else:
        assert (difference > 8).mean() <= 0.005, f"{(difference > 8).mean():.2%} of pixels differ by more than 8/255"


@pytest.fixture
def golden(request):
    """Compare a picture with the stored one of this test, keyed by rasteriser; an absent one fails."""
    from metarender.gpu.device import Device

    def check(color: np.ndarray, name: str | None = None) -> None:
        with Device.open("software") as device:
            key = device.rasteriser_key
        stem = name or request.node.name.replace("[", "-").replace("]", "").replace("/", "-")
        assert np.ptp(color[..., :3]) > 0, "the picture is one flat colour"
        if request.config.getoption("--update-goldens"):
            (BASELINE / key).mkdir(parents=True, exist_ok=True)
            Image.fromarray(color).save(BASELINE / key / f"{stem}.png", optimize=True)
            return
        stored = nearest_key(key)
        if stored is None:
            return  # another driver: the test ran, its picture is not comparable
        path = BASELINE / stored / f"{stem}.png"
        assert path.is_file(), f"no stored picture {path.name}; look at the new one and run pytest --update-goldens"
        compare(color, np.asarray(Image.open(path).convert("RGBA")), exact=stored == key)

    return check
