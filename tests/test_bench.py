"""``metarender bench`` from the outside: the table, the JSON, a history, and what a baseline says."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from metarender import PerspectiveCamera, bench, bench_report, cli

MODEL = Path(__file__).parent / "assets" / "SimpleInstancing" / "SimpleInstancing.glb"
LOOK = ("--size", "96x64", "--msaa", "1", "--frames", "4")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``metarender bench`` in this process, on the software device: (exit code, stdout, stderr)."""
    monkeypatch.setenv("METARENDER_DEVICE", "software")

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            code = cli.main(["bench", *map(str, arguments)])
        except SystemExit as stop:
            code = int(stop.code or 0)
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def baseline(run: Run, tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    assert run(MODEL, *LOOK, "--json", path)[0] == 0
    return path


def one_sentence(text: str) -> bool:
    return text.startswith("metarender") and text.endswith("\n") and text.count("\n") == 1 and "Traceback" not in text


def test_it_prints_a_table_and_writes_what_it_prints(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    code, out, err = run(MODEL, *LOOK, "--json", path)
    assert (code, err) == (0, "")
    found = json.loads(path.read_text())
    assert found["schema"] == 1 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", found["date"])
    assert found["settings"]["model"] == MODEL.name and found["settings"]["size"] == [96, 64] and found["settings"]["frames"] == 4
    assert set(found["environment"]) >= {"renderer", "driver", "processor", "cores", "metarender", "python", "numpy", "platform", "kernels"}
    assert "llvmpipe" in found["environment"]["renderer"] and found["environment"]["processor"]
    assert set(found["counters"]) == set(bench.COUNTERS)
    assert found["counters"]["draw_calls"]["sum"] == 4 * found["counters"]["draw_calls"]["most"] > 0
    assert found["counters"]["programs_compiled"] == found["counters"]["bytes_uploaded"] == {"sum": 0, "most": 0}
    assert found["programs"] >= 2 and min(found[key] for key in ("load_ms", "compile_ms", "first_frame_ms")) > 0
    assert all(value > 0 for value in found["memory"].values()) and found["memory"]["process_peak"] > 2**20
    for line in ("milliseconds", "opaque", "encode", "whole frame", "frames per second", "the turns differ by", "draw_calls", "loaded in",
                 "memory: scene"):
        assert line in out
    assert bench_report.check_result(found, bench.COUNTERS) == ""


def test_times_of_passes_are_plausible(run: Run, baseline: Path) -> None:
    found = json.loads(baseline.read_text())
    passes = found["passes"]
    assert list(passes) == ["opaque", "transparent", "encode"] and len(found["frame_ms"]["rounds"]) == bench.ROUNDS
    assert all(times["frames"] == 4 * bench.ROUNDS and times["gpu_ms"]["median"] > 0 for times in passes.values())
    for which in ("cpu_ms", "gpu_ms"):
        for number in range(bench.ROUNDS):  # medians do not add up exactly; times of passes do not overlap
            assert sum(times[which]["rounds"][number] for times in passes.values()) <= found["frame_ms"]["p95"] * 1.5
    assert found["frame_ms"]["p95"] >= found["frame_ms"]["median"] > 0 and found["frame_ms"]["noise"] >= 0


def test_compared_with_itself_it_passes(run: Run, baseline: Path) -> None:
    code, out, err = run(MODEL, *LOOK, "--compare", baseline, "--fail-above", 1000)
    assert (code, err) == (0, "") and "all counters are equal" in out and "times by baseline" in out
    assert re.search(r"the frame takes \d+\.\d\d times as long", out)


def test_a_changed_counter_fails_and_is_named(run: Run, baseline: Path) -> None:
    found = json.loads(baseline.read_text())
    found["counters"]["triangles"]["most"] += 1
    del found["counters"]["gl_calls"]
    baseline.write_text(json.dumps(found))
    code, out, err = run(MODEL, *LOOK, "--compare", baseline)
    assert code == 1 and one_sentence(err) and "2 counters are not what they are" in err
    assert "triangles changed: " in out and "gl_calls is not in the baseline" in out and "draw_calls changed" not in out


def test_a_ratio_above_the_limit_fails(run: Run, baseline: Path) -> None:
    found = json.loads(baseline.read_text())
    found["frame_ms"]["median"] /= 1000
    baseline.write_text(json.dumps(found))
    assert run(MODEL, *LOOK, "--compare", baseline)[0] == 0, "times fail nothing unless that is asked for"
    code, _, err = run(MODEL, *LOOK, "--compare", baseline, "--fail-above", 1.5)
    assert code == 1 and one_sentence(err)
    assert re.search(r"takes \d+\.\d\d times as long .*\(noise \d+%\), and --fail-above allows 1.5", err)


def test_times_of_another_machine_do_not_compare_and_cannot_be_a_gate(run: Run, baseline: Path) -> None:
    found = json.loads(baseline.read_text())
    found["environment"]["driver"] = "Mesa 99.0.0"
    baseline.write_text(json.dumps(found))
    code, out, _ = run(MODEL, *LOOK, "--compare", baseline)
    assert code == 0 and "all counters are equal" in out and "times by baseline" not in out
    assert "times do not compare, because they are of different machines or drivers: driver is Mesa" in out and "Mesa 99.0.0 there" in out
    code, _, err = run(MODEL, *LOOK, "--compare", baseline, "--fail-above", 2)
    assert code == 1 and one_sentence(err) and "--fail-above cannot be judged" in err


def test_other_options_do_not_compare(run: Run, baseline: Path) -> None:
    code, out, err = run(MODEL, "--size", "96x65", "--msaa", "1", "--frames", "5", "--compare", baseline)
    assert code == 1 and one_sentence(err) and "frames is 5 here and 4 there" in err and "size is [96, 65] here" in err
    assert "whole frame" in out


def test_points_are_as_large_as_asked_for(run: Run, baseline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[float] = []

    class Watched(bench.Renderer):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            seen.append(self.point_size)

    monkeypatch.setattr(bench, "Renderer", Watched)
    code, _, err = run(MODEL, *LOOK, "--point-size", "3", "--compare", baseline)
    assert seen == [3.0] and code == 1 and one_sentence(err) and "point_size is 3.0 here and 1.0 there" in err
    found = json.loads(baseline.read_text())
    del found["settings"]["point_size"]  # as it was before there were points
    baseline.write_text(json.dumps(found))
    assert run(MODEL, *LOOK, "--compare", baseline)[0] == 0


def test_the_history_grows_by_a_line(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert "history.jsonl: 1 runs" in run(MODEL, *LOOK, "--history", path)[1]
    path.write_text(path.read_text().rstrip("\n"))  # as editors leave it
    assert "history.jsonl: 2 runs" in run(MODEL, *LOOK, "--history", path)[1]
    first, second = map(json.loads, path.read_text().splitlines())
    assert first["counters"] == second["counters"] and first["schema"] == second["schema"] == 1


def hostile(good: dict[str, Any]) -> dict[str, bytes]:
    def but(path: tuple[str, ...], value: Any) -> bytes:
        changed = copy.deepcopy(good)
        place = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return json.dumps(changed).encode()

    return {
        "empty": b"", "no JSON": b"\x89PNG\r\n", "cut off": json.dumps(good).encode()[:-20], "deep": b"[" * 100_000, "a list": b"[1]",
        "a number": b"1", "not UTF-8": b'{"schema": "\xff"}', "a long number": b'{"schema": ' + b"9" * 5000 + b"}",
        "a schema to come": but(("schema",), 2), "a schema that is true": but(("schema",), True),
        "a schema of text": but(("schema",), "x" * 999),
        "no counters": but(("counters",), None), "a counter of text": but(("counters", "triangles"), "many"),
        "half a counter": but(("counters", "triangles"), {"sum": 3}), "a counter that is true": but(("counters", "nodes", "sum"), True),
        "no times": but(("frame_ms",), []), "a time that is infinite": but(("frame_ms", "median"), float("inf")),
        "a time beyond any float": but(("frame_ms", "median"), 10**400),
        "a time of zero": but(("frame_ms", "median"), 0), "a time below zero": but(("frame_ms", "p95"), -1.0),
        "a pass without times": but(("passes", "opaque"), {}), "a pass that is a list": but(("passes", "opaque"), [1]),
        "GPU times of text": but(("passes", "opaque", "gpu_ms"), "fast"), "settings of text": but(("settings",), "x"),
        "statistics of a frame": b'{"schema": 1, "draw_calls": 3}',
    }


def test_a_file_that_is_no_baseline_is_refused_in_one_sentence_before_the_model_is_read(run: Run, baseline: Path, tmp_path: Path) -> None:
    path = tmp_path / "hostile.json"
    for kind, data in hostile(json.loads(baseline.read_text())).items():
        path.write_bytes(data)
        code, out, err = run("missing.glb", "--compare", path)
        assert code == 1 and out == "" and one_sentence(err), (kind, err)
        assert "hostile.json: " in err and "--json wrote" in err and len(err) < 400, (kind, err)
    with path.open("wb") as file:
        file.truncate(bench.LARGEST_BASELINE + 1)
    assert "larger than any result" in run("missing.glb", "--compare", path)[2]


@pytest.mark.parametrize("options, message", [
    (("--compare", "missing.json"), "missing.json"), (("--compare", "."), "."), (("--frames", "0"), "'0' is not a number of frames"),
    (("--frames", "-3"), "number of frames"), (("--frames", "many"), "number of frames"), (("--fail-above", "2"), "needs --compare"),
    (("--json", "no/such/folder.json"), "no/such/folder.json"), (("--history", "no/such/folder.jsonl"), "no/such/folder.jsonl"),
    (("--fail-above", "nan", "--compare", "x"), "finite"), (("--size", "0x1"), "size"),
])  # fmt: skip
def test_mistakes_are_one_sentence(run: Run, options: tuple[str, ...], message: str) -> None:
    code, out, err = run("missing.glb", *options)
    assert code == 1 and out == "" and one_sentence(err) and message in err, err
    code, out, err = run("missing.glb")
    assert code == 1 and one_sentence(err) and "missing.glb" in err


def test_the_flight_goes_round_once_and_ends_where_it_began() -> None:
    camera, target = PerspectiveCamera().look_at((3.0, 2.0, 1.0), (1.0, 0.0, 0.0)), np.array([1.0, 0.0, 0.0])
    start = camera.matrix
    poses = bench.flight(start, target, 8)
    assert len(poses) == 8 and np.array_equal(poses[-1], start)
    places = np.array([pose[:3, 3] for pose in poses]) - target
    assert np.allclose(np.linalg.norm(places, axis=1), np.linalg.norm(places[0])) and np.allclose(places[:, 1], 2.0)
    angles = np.unwrap(np.arctan2(places[:, 0], places[:, 2]))
    assert np.allclose(np.diff(angles), np.pi / 4)
    for pose, place in zip(poses, places, strict=True):
        assert np.allclose(-pose[:3, 2], -place / np.linalg.norm(place)), "it looks at the target"


def test_turns_that_count_differently_are_reported(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bench.Turn.add
    calls: list[int] = []

    def drifts(turn: bench.Turn, milliseconds: float, stats: Any) -> None:
        calls.append(1)
        real(turn, milliseconds, stats)
        turn.counters["draw_calls"][-1] += len(calls) == 9

    monkeypatch.setattr(bench.Turn, "add", drifts)
    code, _, err = run(MODEL, *LOOK)
    assert code == 1 and one_sentence(err) and "count differently" in err
