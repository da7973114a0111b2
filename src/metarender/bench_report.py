"""What ``metarender bench`` prints: the table of a result, and a comparison with a baseline in plain sentences."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SAME_MACHINE = ("renderer", "driver", "processor", "cores")
"""What must be equal for times to be compared."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of a comparison.

    Attributes
    ----------
    lines : list of str
        What is printed.
    failure : str
        Why the command fails, one sentence; empty where it does not.
    """

    lines: list[str]
    failure: str


# --- a result -------------------------------------------------------------------------------------------------------------


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_spread(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(value.get(key)) and value[key] >= 0 for key in ("median", "p95", "noise"))


def check_result(found: Any, counters: Iterable[str]) -> str:
    """Say what is wrong with something that should be a result, or nothing."""
    if not isinstance(found, dict) or "schema" not in found:
        return "it is no result of metarender bench"
    if found["schema"] != 1 or isinstance(found["schema"], bool):
        return f"its schema is {str(found['schema'])[:40]!r} and this version reads 1"
    for name in ("settings", "environment", "counters", "passes"):
        if not isinstance(found.get(name), dict):
            return f"{name} is missing or no object"
    if not _is_spread(found.get("frame_ms")) or found["frame_ms"]["median"] <= 0:
        return "frame_ms is no time"
    for name in counters:
        if name in found["counters"]:
            kept = found["counters"][name]
            if not isinstance(kept, dict) or any(type(kept.get(key)) is not int for key in ("sum", "most")):
                return f"the counter {name} has no sum and most"
    for name, times in found["passes"].items():
        sound = isinstance(times, dict) and _is_spread(times.get("cpu_ms")) and (times.get("gpu_ms") is None or _is_spread(times["gpu_ms"]))
        if not sound:
            return f"the pass {name[:40]!r} has no times"
    return ""


def _time(spread: dict[str, Any] | None, key: str) -> str:
    return "-" if spread is None else f"{spread[key]:.2f}"


def table(result: dict[str, Any]) -> list[str]:
    """Lines for people: times of passes and frames, counters, load and memory."""
    settings, environment, frame = result["settings"], result["environment"], result["frame_ms"]
    rounds = len(frame["rounds"])
    lines = [f"{settings['model']}: {settings['size'][0]}x{settings['size'][1]}, {settings['msaa']} samples a pixel, "
             f"{rounds} turns of {settings['frames']} frames after one that warms up",
             f"{environment['renderer']}, {environment['driver']}, {environment['processor']}, metarender {environment['metarender']}", "",
             f"{'milliseconds':<14}{'frames':>8}{'CPU median':>12}{'p95':>9}{'GPU median':>12}{'p95':>9}"]
    for name, times in result["passes"].items():
        cpu, gpu = times["cpu_ms"], times["gpu_ms"]
        lines.append(f"{name:<14}{times['frames']:>8}{_time(cpu, 'median'):>12}{_time(cpu, 'p95'):>9}{_time(gpu, 'median'):>12}"
                     f"{_time(gpu, 'p95'):>9}")
    lines += [f"{'whole frame':<14}{rounds * settings['frames']:>8}{_time(frame, 'median'):>12}{_time(frame, 'p95'):>9}"
              "   from the call until the device has finished",
              f"{1e3 / frame['median']:.1f} frames per second; the turns differ by {frame['noise']:.1%}", "",
              f"{'counter':<20}{'a turn':>16}{'most a frame':>16}"]
    lines += [f"{name:<20}{kept['sum']:>16,}{kept['most']:>16,}" for name, kept in result["counters"].items()]
    memory = result["memory"]
    return [*lines, "", f"loaded in {result['load_ms']:.0f} ms; {result['programs']} programs compiled in {result['compile_ms']:.0f} ms; "
            f"the first frame then took {result['first_frame_ms']:.0f} ms",
            f"memory: scene {_mebibytes(memory['scene'])}, device {_mebibytes(memory['device'])}, process at its peak "
            f"{_mebibytes(memory['process_peak'])}"]


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"


# --- two results ----------------------------------------------------------------------------------------------------------


def compare(result: dict[str, Any], baseline: dict[str, Any], name: str, fail_above: float | None) -> Comparison:
    """Compare counters exactly and times as ratios.

    Parameters
    ----------
    result, baseline : dict
        As `check_result` accepts them.
    name : str
        What the baseline is called.
    fail_above : float, optional
        The largest ratio of whole frames, now by baseline, that passes.
    """
    others = _differing(result["settings"], baseline["settings"], result["settings"])
    if others:
        return Comparison([], f"{name} was made with other options, so nothing compares: {others}.")
    lines = ["", f"compared with {name} of {_told(baseline.get('date'))}:"]
    changed = _changed(result["counters"], baseline["counters"])
    lines += changed or ["all counters are equal"]
    moved = _differing(result["environment"], baseline["environment"], SAME_MACHINE)
    if moved:
        lines.append(f"times do not compare, because they are of different machines or drivers: {moved}")
    else:
        lines += _ratios(result, baseline)
    return Comparison(lines, _failure(result, baseline, name, fail_above, len(changed), bool(moved)))


def _differing(now: dict[str, Any], then: dict[str, Any], keys: Iterable[str]) -> str:
    """Say which of the keys have other values; nothing where all are equal."""
    return "; ".join(f"{key} is {_told(now[key])} here and {_told(then.get(key))} there" for key in keys if now[key] != then.get(key))


def _told(value: Any) -> str:
    return str(value)[:80]


def _changed(now: dict[str, Any], then: dict[str, Any]) -> list[str]:
    lines = []
    for name, kept in now.items():
        before = then.get(name)
        if before is None:
            lines.append(f"{name} is not in the baseline")
        elif (before["sum"], before["most"]) != (kept["sum"], kept["most"]):
            lines.append(f"{name} changed: {kept['sum']:,} in a turn, {kept['most']:,} at most in a frame; "
                         f"the baseline has {before['sum']:,} and {before['most']:,}")
    return lines


def _ratios(result: dict[str, Any], baseline: dict[str, Any]) -> list[str]:
    lines = [f"{'times by baseline':<20}{'CPU':>8}{'noise':>8}{'GPU':>9}{'noise':>8}"]
    for name, times in result["passes"].items():
        before = baseline["passes"].get(name)
        if before is None:
            lines.append(f"{name:<20} is not in the baseline")
        else:
            lines.append(f"{name:<20}{_ratio(times['cpu_ms'], before['cpu_ms'])} {_ratio(times['gpu_ms'], before['gpu_ms'])}")
    lines += [f"{name:<20} is in the baseline only" for name in baseline["passes"] if name not in result["passes"]]
    lines.append(f"{'whole frame':<20}{_ratio(result['frame_ms'], baseline['frame_ms'])}")
    ratio, noise = result["frame_ms"]["median"] / baseline["frame_ms"]["median"], _noise(result["frame_ms"], baseline["frame_ms"])
    lines.append(f"the frame takes {ratio:.2f} times as long" + (", which is within the noise" if abs(ratio - 1) <= noise else ""))
    return lines


def _noise(now: dict[str, Any], then: dict[str, Any]) -> float:
    return float(max(now["noise"], then["noise"]))


def _ratio(now: dict[str, Any] | None, then: dict[str, Any] | None) -> str:
    if now is None or then is None or not then["median"]:
        return f"{'-':>8}{'-':>8}"
    return f"{now['median'] / then['median']:>8.2f}{_noise(now, then):>8.0%}"


def _failure(result: dict[str, Any], baseline: dict[str, Any], name: str, fail_above: float | None, changed: int, moved: bool) -> str:
    if changed:
        return f"{changed} counters are not what they are in {name}; if that is meant, write it anew with --json."
    if fail_above is None:
        return ""
    if moved:
        return f"--fail-above cannot be judged, because {name} is of another machine or driver; make a baseline on this one."
    ratio = result["frame_ms"]["median"] / baseline["frame_ms"]["median"]
    if ratio > fail_above:
        noise = _noise(result["frame_ms"], baseline["frame_ms"])
        return f"a frame takes {ratio:.2f} times as long as in {name} (noise {noise:.0%}), and --fail-above allows {fail_above:g}."
    return ""
