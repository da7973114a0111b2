"""Faults that are planted are noticed: a few of the table here, all of it with METARENDER_LONG=1 or by `run_faults.py`."""

import os

import pytest
from faults import FAULTS, Fault
from outcomes import PASSED
from workspace import ROOT, Workspace

from metarender.testing.goldens import OTHER_VERSION

SAMPLE = {
    "a picture one pixel to the left": "textures", "normals are not normalised again": "materials",
    "two faces of the sky are swapped": "sky", "mirrored glass keeps its winding": "blends",
    "the outline is a pixel thinner": "states", "the shape of the picture is ignored": "places",
}
"""Faults of shaders and of Python, which need no compiler, and the card that has to betray each."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return Workspace(tmp_path_factory.mktemp("planted"))


def test_each_fault_replaces_something_that_stands_there_once():
    """So the table follows the code: who edits a line of it edits the fault too."""
    wrong = [f"{fault.name}: {found} times in {fault.file}" for fault in FAULTS
             if (found := (ROOT / fault.file).read_text("utf-8").count(fault.old)) != 1 or fault.old == fault.new]
    assert not wrong, "\n".join(wrong)


def test_the_table_is_long_and_names_tests_that_exist():
    assert len(FAULTS) >= 56 and len({fault.name for fault in FAULTS}) == len(FAULTS)
    for path, _, name in {test.partition("::") for fault in FAULTS for test in fault.tests}:
        function = f"def {name.partition('[')[0]}("
        assert (ROOT / path).is_file() and (not name or function in (ROOT / path).read_text("utf-8")), f"{path}::{name}"


@pytest.mark.slow
def test_a_sample_of_faults_is_noticed_and_nothing_else(workspace):
    cards = {name: f"tests/faults/test_cards.py::test_card[{card}]" for name, card in SAMPLE.items()}
    assert set(workspace.run(sorted(cards.values())).values()) == {PASSED}, "without a fault"
    for fault in (fault for fault in FAULTS if fault.name in SAMPLE):
        verdict = workspace.try_fault(fault, [cards[fault.name]])
        assert verdict.failed == [cards[fault.name]] and not verdict.broken, fault.name
    assert set(workspace.run(sorted(cards.values())).values()) == {PASSED}, "every fault was taken out again"


@pytest.mark.slow
def test_a_fault_that_breaks_the_run_counts_as_missed(workspace):
    """No shader that does not compile, no module that cannot be imported, and no test that cannot be collected passes for a catch."""
    card = "tests/faults/test_cards.py::test_card[states]"
    for file, old, new in (("shaders/pass/encode.frag.glsl", "void main() {", "void main() { nonsense"),
                           ("src/metarender/frame.py", "class Frame:", "import nowhere\n\n\nclass Frame:")):
        verdict = workspace.try_fault(Fault("broken", file, old, new), [card])
        assert not verdict.caught and verdict.broken


@pytest.mark.slow
def test_mean_flip_takes_for_equal_what_the_gates_refuse(workspace):
    """Textures that flicker: the mean is below that of two drivers that are both right (0.0056, llvmpipe and softpipe)."""
    pytest.importorskip("flip_evaluator")
    fault = next(fault for fault in FAULTS if fault.name == "gradients ignore the scale of a texture")
    [found] = workspace.try_fault(fault, ["tests/faults/test_cards.py::test_card[textures]"]).figures
    assert 0 < found.flip < 0.0056 and found.gates
    assert found.tile > 5 * OTHER_VERSION.tile


if os.environ.get("METARENDER_LONG"):

    @pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
    def test_every_fault_is_noticed(workspace, fault):
        assert set(workspace.run(fault.tests).values()) == {PASSED}, "without the fault"
        verdict = workspace.try_fault(fault)
        assert verdict.caught, f"nothing noticed {fault.name}; {len(verdict.broken)} tests could not be run to their end"
