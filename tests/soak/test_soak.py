"""A short soak in the suite, and proof that its rules can fail; the hour is run by hand (`soak.py`)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soak

HERE = Path(__file__).parent
LEAST = {"nodes added": 150, "load": 5, "losses": 10, "resizes": 10, "reparent": 15, "positions": 25, "moving": 35, "states": 25,
         "settle": 5, "occlusion switched": 5, "frames with ids and depth": 35, "light": 5, "material": 10, "select": 5, "ghost": 5}


@pytest.mark.slow
def test_promise_7_a_short_soak_ends_as_it_began(tmp_path):
    """2,000 frames with everything in them, in a process of its own: memory of other tests says nothing here."""
    command = [sys.executable, str(HERE / "soak.py"), "--frames", "2000", "--cycles", "5", "--json", str(tmp_path / "soak.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**os.environ, "LP_NUM_THREADS": "1"})
    found = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert done.returncode == 0 and found["passed"], done.stdout + done.stderr
    assert found["frames"] == 2000 and found["different_hashes"] == [found["first_hash"]]
    assert all(found["edits"][name] >= count for name, count in LEAST.items()), found["edits"]


def test_what_differs_fails_the_run(monkeypatch):
    """A cycle that leaves one part moved by a millimetre, and a process that grows, are seen."""
    reset = soak.World.reset

    def forgetful(world):
        reset(world)
        if world.counts.get("nodes"):
            with world.hall.edit("position") as position:
                position[::3, 0] += 0.05

    monkeypatch.setattr(soak.World, "reset", forgetful)
    found = soak.soak(60, 2)
    assert not found["passed"] and not found["rules"]["every hash is the first"]


def test_the_slope_of_memory_is_told_from_noise():
    random = np.random.default_rng(1)
    noise = random.normal(0, 1e5, 40)
    flat, grows = (2e8 + noise).astype(int).tolist(), (2e8 + noise + 5e5 * np.arange(40)).astype(int).tolist()
    assert soak.slope(flat)[1] <= 0 < soak.slope(grows)[1] and abs(soak.slope(grows)[0] - 5e5) < 2e4
