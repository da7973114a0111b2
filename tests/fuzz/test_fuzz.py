"""The bounded fuzz run of CI, the corpus of earlier findings, and proof that the fuzzer can find something."""

import random
import subprocess
import sys
import warnings
from pathlib import Path

import fuzz
import mutate
import plain
import pytest
import targets

HERE = Path(__file__).parent
CORPUS = sorted((HERE / "corpus").iterdir())
EXECUTIONS = {"gltf": 50_000, "image": 200_000, "radiance": 100_000, "capture": 3_000, "motion": 30_000,
              "draco": 20_000, "meshopt": 20_000, "basis": 30_000, "table": 10_000,
              **{kind: {"las": 1_500, "usd": 1_500, "mtl": 3_000, "xyz": 5_000}.get(kind, 8_000) for kind in plain.KINDS}}


def library_of(kind):
    """Skip a kind whose optional library is not installed."""
    if kind in targets.NEEDS:
        pytest.importorskip(targets.NEEDS[kind])


@pytest.mark.parametrize("path", CORPUS, ids=[path.name for path in CORPUS])
def test_promise_6_the_corpus_keeps_the_rules(path):
    """Every file is named after its kind; `sound` ones load and are seeds for the mutator."""
    kind = path.name.partition("-")[0]
    library_of(kind)
    loaded = targets.call(kind, path.read_bytes())
    assert loaded == ("-sound-" in path.name)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("kind", EXECUTIONS)
def test_promise_6_a_bounded_run_finds_nothing(kind, tmp_path):
    """The same files on every machine, in a process whose memory is limited."""
    library_of(kind)
    command = [sys.executable, str(HERE / "fuzz.py"), "--kind", kind, "--seed", "1", "--executions", str(EXECUTIONS[kind])]
    done = subprocess.run([*command, "--seconds", "900", "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{EXECUTIONS[kind]} files" in done.stdout


@pytest.mark.parametrize("kind", targets.LOADERS)
def test_a_seed_makes_the_same_files_and_few_of_them_twice(kind):
    library_of(kind)

    def files():
        seeds = targets.seeds_of(kind)
        return [targets.MUTATORS[kind](random.Random(f"a {number}"), seeds) for number in range(200)]

    first = files()
    assert files() == first
    assert len(set(first)) > 150
    assert 10 < sum(targets.call(kind, data) for data in first) < 190, "most files should reach deep, and some should be refused"


def broken_loaders():
    def foreign(data):
        raise KeyError("no such thing")

    def hanging(data):
        while True:
            pass

    def hungry(data):
        raise MemoryError

    def warning(data):
        warnings.warn("overflow", RuntimeWarning, stacklevel=1)

    return [foreign, hanging, hungry, warning]


@pytest.mark.parametrize("loader", broken_loaders(), ids=lambda loader: loader.__name__)
def test_a_broken_rule_is_found_and_kept(loader, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(targets.LOADERS, "gltf", loader)
    monkeypatch.setattr(targets, "PATIENCE", 0.02)
    assert fuzz.run("gltf", 7, 3, 60.0, tmp_path) == (3, 0, 3)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["gltf-7-0", "gltf-7-1", "gltf-7-2"]
    assert (tmp_path / kept[1]).read_bytes() == mutate.gltf(random.Random("gltf 7 1"), targets.seeds_of("gltf"))
    assert "gltf 7-0:" in capsys.readouterr().out
