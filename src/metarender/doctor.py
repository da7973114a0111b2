"""``metarender doctor``: what this machine can draw with, what it cannot and why, as text or JSON."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from ._core import simd_level
from ._version import __version__
from .errors import MetarenderError
from .gpu.contexts import Attempt
from .gpu.device import Device
from .gpu.osmesa import remedy
from .gpu.selftest import draw_test_triangle

_PACKAGES = ("numpy", "moderngl", "glcontext", "glfw", "pyrr", "Pillow")
_LIMITS = ("max_texture_size", "max_cube_size", "max_array_layers", "max_attachment_size", "max_samples", "max_storage_block",
           "max_texture_units", "max_storage_bindings", "max_anisotropy")  # fmt: skip


def examine() -> dict[str, Any]:
    """Try every backend, draw with each, and return plain values.

    Returns
    -------
    dict
        ``schema`` (1), ``metarender``, ``python``, ``platform``, ``packages``, ``simd``, ``backends`` (a list: ``backend``, ``ok``,
        ``reason``, ``fix``, and where it worked ``renderer``, ``driver``, ``version``, ``triangle``), ``device`` (the capabilities of
        the first that works, or None), ``rasteriser``, ``ok`` and ``remedy`` (where nothing works, the one command that brings software
        OpenGL).
    """
    backends: list[dict[str, Any]] = []
    chosen: Device | None = None
    device_facts: dict[str, Any] | None = None
    rasteriser = ""
    for attempt, device in _every_backend():
        entry = {"backend": attempt.backend, "ok": attempt.ok, "reason": attempt.reason, "fix": attempt.fix}
        if device is not None:
            entry |= _drawn(device)
            if entry["ok"] and chosen is None and not attempt.backend.startswith("GLFW"):
                chosen, device_facts, rasteriser = device, device.capabilities.to_dict(), device.rasteriser_key
        backends.append(entry)
    return {
        "schema": 1,
        **versions(),
        "backends": backends,
        "device": device_facts,
        "rasteriser": rasteriser,
        "ok": chosen is not None,
        "remedy": remedy() if chosen is None else "",
    }


def versions() -> dict[str, Any]:
    """What is installed here: ``metarender``, ``python``, ``platform``, ``packages`` and ``simd``."""
    return {
        "metarender": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "simd": simd_level(),
    }


def _every_backend() -> Any:
    yield from Device.probe()
    from .targets.window import WindowTarget

    try:
        target = WindowTarget((64, 64), "metarender doctor", visible=False)
    except MetarenderError as error:
        reason, _, fix = str(error).partition("; ")
        yield Attempt("GLFW window", False, reason, fix), None
    else:
        with target:
            yield Attempt(target.device.backend, True), target.device


def _drawn(device: Device) -> dict[str, Any]:
    triangle = draw_test_triangle(device)
    facts = device.capabilities
    result: dict[str, Any] = {
        "renderer": facts.renderer,
        "driver": facts.driver,
        "version": f"{facts.version[0]}.{facts.version[1]}",
        "triangle": triangle,
    }
    if triangle != "ok":
        result |= {"ok": False, "reason": triangle, "fix": "update the GL driver, or use device='software'"}
    return result


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def describe(report: dict[str, Any]) -> str:
    """The report as text for people."""
    packages = ", ".join(f"{name} {version}" for name, version in report["packages"].items())
    lines = [
        f"metarender {report['metarender']} on Python {report['python']}, {report['platform']}",
        f"  {packages}; kernels: {report['simd']}",
        "",
        "Backends, in the order that device='auto' tries them:",
    ]
    for entry in report["backends"]:
        lines.append(f"  [{'ok' if entry['ok'] else '--'}] {entry['backend']}")
        if "renderer" in entry:
            lines.append(f"       OpenGL {entry['version']}, {entry['renderer']}, {entry['driver']}; test triangle: {entry['triangle']}")
        if not entry["ok"]:
            lines.append(f"       why: {entry['reason']}")
            lines += [f"       fix: {entry['fix']}"] if entry["fix"] else []
    lines.append("")
    return "\n".join(lines + _describe_device(report))


def _describe_device(report: dict[str, Any]) -> list[str]:
    facts = report["device"]
    if facts is None:
        lines = ["Nothing can be drawn on this machine; mend one of the backends above."]
        return lines + (["Software OpenGL, without root:", "", f"    {report['remedy']}"] if report["remedy"] else [])
    rungs = {name: there for name, there in facts["rungs"].items() if name not in ("debug", "robust")}  # of a context, not a driver
    kind = "software" if facts["software"] else "hardware"
    return [
        f"metarender will draw with {facts['renderer']} ({kind}, {facts['vendor']}, {facts['driver']})",
        f"  stored pictures go by the key {report['rasteriser']}",
        "  limits: " + ", ".join(f"{name} {facts[name]:,}" for name in _LIMITS),
        "  has:    " + ", ".join(name for name, there in rungs.items() if there),
        "  lacks:  " + ", ".join(name for name, there in rungs.items() if not there),
    ]
