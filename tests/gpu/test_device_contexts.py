"""The ladder of contexts: choices, remembered failures, and the OpenGL floor, with drivers that are not there faked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metarender.errors import DeviceError, InvalidInput
from metarender.gpu import context_pool, contexts, egl
from metarender.gpu import gl_extra as g
from metarender.gpu.capabilities import Capabilities, climb, is_software, require_floor
from metarender.gpu.current import NativeContext
from metarender.gpu.device import Device

BOTH = {"GL_ARB_clip_control", "GL_ARB_direct_state_access"}


@pytest.mark.parametrize("version, extensions", [((4, 6), set()), ((4, 5), set()), ((4, 3), BOTH), ((4, 4), BOTH | {"GL_other"})])
def test_floor_accepts(version: tuple[int, int], extensions: set[str]) -> None:
    require_floor(version, extensions, "any")


@pytest.mark.parametrize(
    "version, extensions, message",
    [
        ((3, 3), BOTH, r"needs OpenGL 4\.3 .* has OpenGL 3\.3 \(softpipe\)"),
        ((4, 2), set(), r"needs OpenGL 4\.3 .* has OpenGL 4\.2"),
        ((4, 3), set(), r"needs GL_ARB_clip_control and GL_ARB_direct_state_access \(or OpenGL 4\.5\).*OpenGL 4\.3"),
        ((4, 4), {"GL_ARB_clip_control"}, r"needs GL_ARB_direct_state_access \(or OpenGL 4\.5\).*OpenGL 4\.4"),
    ],
)
def test_floor_refuses_by_name(version: tuple[int, int], extensions: set[str], message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        require_floor(version, extensions, "softpipe")


def test_rungs_follow_versions_and_extensions() -> None:
    low = climb((4, 3), BOTH, debug=False, robust=True)
    assert not low["4.5"] and not low["indirect_count"] and not low["bindless"] and low["robust"] and not low["debug"]
    high = climb((4, 6), {"GL_ARB_bindless_texture"}, debug=True, robust=False)
    assert high["4.6"] and high["indirect_count"] and high["parameters"] and high["bindless"] and not high["sparse_texture"]
    assert climb((4, 5), {"GL_ARB_indirect_parameters"}, debug=False, robust=False)["indirect_count"]


@pytest.mark.parametrize(
    "renderer, driver, key",
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", "Mesa 22.3.6", "llvmpipe-22.3.6-llvm15"),
        ("softpipe", "Mesa 23.1", "softpipe-23.1"),
        ("NVIDIA H100/PCIe/SSE2", "NVIDIA 550.54", "nvidia-h100-pcie-sse2-nvidia-550.54"),
    ],
)
def test_rasteriser_key(renderer: str, driver: str, key: str) -> None:
    values: dict[str, Any] = dict.fromkeys(Capabilities.__dataclass_fields__)
    assert Capabilities(**values | {"renderer": renderer, "driver": driver}).rasteriser_key == key
    assert is_software(renderer) == (not renderer.startswith("NVIDIA"))


@pytest.mark.parametrize("given, parsed", [("auto", "auto"), (" GPU ", "gpu"), ("software", "software"), (0, 0), ("2", 2)])
def test_choices(given: str | int, parsed: str | int) -> None:
    assert contexts.parse_choice(given) == parsed


@pytest.mark.parametrize("given", ["cuda", "", -1, True, 1.5, "-1"])
def test_bad_choices_are_refused(given: Any) -> None:
    with pytest.raises(InvalidInput, match=r"'auto', 'gpu', 'software' or the index"):
        contexts.parse_choice(given)


def test_none_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METARENDER_DEVICE", raising=False)
    assert contexts.parse_choice(None) == "auto"
    monkeypatch.setenv("METARENDER_DEVICE", "3")
    assert contexts.parse_choice(None) == 3
    monkeypatch.setenv("METARENDER_DEVICE", "toaster")
    with pytest.raises(InvalidInput, match="METARENDER_DEVICE"):
        contexts.parse_choice(None)


def test_software_is_opened_and_the_environment_put_back() -> None:
    before = dict(os.environ)
    with Device.open("software") as device:
        assert device.capabilities.software and device.attempts[-1].ok
    assert dict(os.environ) == before
    with egl.software_forced():
        assert os.environ["LIBGL_ALWAYS_SOFTWARE"] == "1"
    assert dict(os.environ) == before


def test_an_index_that_does_not_exist_says_how_many_there_are() -> None:
    with pytest.raises(DeviceError, match=r"EGL device 63: there are \d+ EGL devices\); use a smaller index"):
        Device.open(63)


def test_a_gpu_that_is_not_there_is_said_in_one_message() -> None:
    if any(not device.software for device in egl.library().devices()):
        pytest.fail("this machine has a GPU; this test describes machines without one")
    with pytest.raises(DeviceError) as caught:
        Device.open("gpu")
    message = str(caught.value)
    assert "a GPU was asked for" in message and "EGL surfaceless" in message and "metarender doctor" in message and "\n" not in message


def test_without_egl_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context_pool.close_parked()
    monkeypatch.setattr(egl, "_library", None)
    monkeypatch.setattr(egl, "LIBRARIES", ("libEGL-missing-1.so", "libEGL-missing-2.so"))
    monkeypatch.setattr(contexts, "_glcontext_maker", lambda name: _broken)
    monkeypatch.setenv("METARENDER_OSMESA", str(tmp_path))
    with pytest.raises(DeviceError, match=r"libEGL cannot be loaded .*apt install libegl1"):
        Device.open("software")


def _broken(version: tuple[int, int], debug: bool, robust: bool) -> NativeContext:
    raise egl.EGLError("this backend is switched off")


def test_a_driver_below_the_floor_is_refused_by_name_on_every_rung() -> None:
    # In a process of its own: Mesa reads the variable once.
    code = "from metarender.gpu.device import Device\ntry: Device.open('software')\nexcept Exception as e: print(type(e).__name__, e)"
    environment = os.environ | {"MESA_GL_VERSION_OVERRIDE": "4.2", "MESA_GLSL_VERSION_OVERRIDE": "420"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    expected = r"DeviceError .*EGL device 0 .*EGL surfaceless.*: metarender needs OpenGL 4\.3 .*has OpenGL 4\.2 \(llvmpipe.*update the"
    assert re.match(expected, done.stdout), done.stdout


def test_egl_surfaceless_draws_too(monkeypatch: pytest.MonkeyPatch) -> None:
    context_pool.close_parked()
    monkeypatch.setattr(egl.Library, "devices", lambda self: [])
    with Device.open("auto") as device:
        assert device.backend == "EGL surfaceless"
    context_pool.close_parked()


def test_robustness_is_asked_for_and_reported() -> None:
    with Device.open(robust=True) as device:
        assert device.capabilities.has("robust") and not device.capabilities.has("debug")
        assert device.gl.integer(0x821E) & 0x4
        device.check_reset("a healthy context")


def test_a_reset_context_is_lost_and_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    context_pool.close_parked()
    device = Device.open(robust=True)
    buffer = device.create_buffer(16)
    framebuffer = device.create_framebuffer([device.create_texture_2d(4, 4, g.GL_RGBA8)])
    statuses = iter((0, 0x8253))  # reset while the pixels were being read: none of them are handed out
    monkeypatch.setattr(device.gl, "glGetGraphicsResetStatus", lambda: next(statuses), raising=False)
    with pytest.raises(DeviceError, match=r"after reading pixels: .*lost"):
        device.read_pixels(framebuffer, "rgba8", (4, 4))
    with pytest.raises(DeviceError, match="lost"):
        device.create_buffer(16)
    device.close()
    buffer.release()
    assert context_pool.parked_count() == 0 and device.live == {}


def test_the_last_rung_is_glcontext(monkeypatch: pytest.MonkeyPatch) -> None:
    context_pool.close_parked()
    monkeypatch.setattr(contexts, "_egl_rungs", lambda *arguments: iter(()))
    with Device.open("auto") as device:
        assert device.backend == "glcontext egl"
        with pytest.raises(InvalidInput):
            device.create_buffer(0)
        assert device.create_buffer(16).name
    assert context_pool.parked_count() == 0
