"""Windows under a virtual X server: real events, real pixels on the screen, and nothing left behind."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import metarender as mr
from metarender.controls.events import LEFT, RIGHT, AnyEvent, Close, Key, Pointer, Resize, Wheel
from metarender.errors import DeviceError, InvalidInput, ReleasedError, WrongThreadError
from metarender.gpu import gl_extra as g
from metarender.gpu.device import Device
from metarender.targets import window
from metarender.targets.keys import key_name
from metarender.targets.window import WindowTarget
from metarender.viewer import Viewer

TOOLS = ("Xvfb", "xdotool", "import")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual X server of our own, so that no window shows on the desktop of whoever runs the tests."""
    if any(shutil.which(tool) is None for tool in TOOLS):
        pytest.skip(f"needs {', '.join(TOOLS)}")
    before = {name: os.environ.pop(name, None) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
    read, write = os.pipe()
    # -terminate: the server goes with its last client, so a crashed test process leaves none behind.
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-terminate"]
    server = subprocess.Popen(command, pass_fds=(write,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    yield os.environ["DISPLAY"]
    window.terminate()  # before its server goes, or X ends this process
    server.terminate()
    server.wait()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def xdotool(*arguments: object) -> None:
    subprocess.run(["xdotool", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, timeout=20)


def screenshot(path: Path) -> np.ndarray[Any, np.dtype[np.uint8]]:
    subprocess.run(["import", "-window", "root", str(path)], check=True, timeout=20)
    return np.asarray(Image.open(path).convert("RGB"))


def collect(target: WindowTarget, enough: Callable[[list[AnyEvent]], bool]) -> list[AnyEvent]:
    """Poll until the events satisfy ``enough``; fails after 5 seconds."""
    events: list[AnyEvent] = []
    end = time.monotonic() + 5
    while time.monotonic() < end:
        events += target.poll()
        if enough(events):
            return events
        time.sleep(0.01)
    pytest.fail(f"the window did not report what was done; got {events}")


def step_until(viewer: Viewer, done: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not done():
        assert time.monotonic() < end, "the viewer did not react to the event"
        viewer.step()
        time.sleep(0.01)


def cube(background: str = "#204060") -> mr.Scene:
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="#ff8000")))
    scene.background = background
    return scene


def paint(target: WindowTarget, rgb: tuple[float, float, float]) -> None:
    class Painter:
        def present(self, framebuffer: int, size: tuple[int, int]) -> None:
            target.device.gl.clear_float(framebuffer, 0, (*rgb, 1.0))

    painter: Any = Painter()
    target.present(painter, painter)


def test_events_of_a_real_pointer_wheel_and_keyboard(display: str) -> None:
    with WindowTarget((400, 300), "events", debug=True) as target:
        paint(target, (0.0, 0.0, 0.0))
        xdotool("mousemove", 100, 100, "mousedown", 1, "mousemove", 150, 120, "mouseup", 1, "click", 4, "click", 3)
        xdotool("key", "shift+a", "key", "Left", "key", "Escape", "key", "F5", "key", "1")
        events = collect(target, lambda seen: any(isinstance(e, Key) and e.key == "1" and e.kind == "up" for e in seen))
        down = next(e for e in events if isinstance(e, Pointer) and e.kind == "down")
        up = next(e for e in events if isinstance(e, Pointer) and e.kind == "up")
        drag = [e for e in events if isinstance(e, Pointer) and e.kind == "move" and LEFT in e.buttons]
        assert (down.x, down.y, down.button, down.buttons) == (100, 100, LEFT, (LEFT,))
        assert (up.x, up.y, up.button, up.buttons) == (150, 120, LEFT, ())
        assert (drag[-1].x, drag[-1].y) == (150, 120)
        assert any(isinstance(e, Wheel) and (e.dx, e.dy, e.x, e.y) == (0, -100, 150, 120) for e in events)
        assert any(isinstance(e, Pointer) and e.button == RIGHT for e in events)
        assert [e.key for e in events if isinstance(e, Key) and e.kind == "down"] == ["Shift", "A", "ArrowLeft", "Escape", "F5", "1"]
        assert next(e for e in events if isinstance(e, Key) and e.key == "A").modifiers == ("Shift",)
        assert all(later.time >= earlier.time for earlier, later in itertools.pairwise(events))
        assert not [m for m in target.device.messages if m.high]


def test_a_scene_is_seen_on_the_screen(display: str, tmp_path: Path) -> None:
    with Viewer(cube(), size=(320, 240), title="picture", msaa=1) as viewer:
        assert viewer.step() and viewer.frame is not None
        expected = viewer.frame.color[..., :3]
        xdotool("search", "--sync", "--name", "picture")
        shown = screenshot(tmp_path / "screen.png")[:240, :320]
        assert tuple(shown[120, 160]) == (255, 128, 0) and tuple(shown[3, 3]) == (0x20, 0x40, 0x60)
        assert (shown == expected).all()


def test_the_mouse_turns_the_scene_f_frames_it_and_escape_closes(display: str) -> None:
    with Viewer(cube(), size=(320, 240), title="turning") as viewer:
        viewer.step()
        start = viewer.camera.matrix
        xdotool("mousemove", 160, 120, "mousedown", 1, "mousemove", 220, 130, "mouseup", 1)
        step_until(viewer, lambda: not np.array_equal(viewer.camera.matrix, start))
        near = float(np.linalg.norm(viewer.camera.position))
        xdotool("click", 5)
        step_until(viewer, lambda: float(np.linalg.norm(viewer.camera.position)) > near * 1.05)
        xdotool("key", "f")
        step_until(viewer, lambda: float(np.linalg.norm(viewer.camera.position)) == pytest.approx(near))
        xdotool("key", "Escape")
        step_until(viewer, lambda: viewer.closed)
        assert viewer.step() is False


def test_resizing_the_window_resizes_the_picture(display: str) -> None:
    with Viewer(cube(), size=(320, 240), title="resizing") as viewer:
        viewer.step()
        xdotool("search", "--name", "resizing", "windowsize", 500, 200)
        step_until(viewer, lambda: viewer.frame is not None and viewer.frame.size == (500, 200))
        target = viewer._target
        assert isinstance(target, WindowTarget)
        target.resize(260, 130)
        step_until(viewer, lambda: viewer.frame is not None and viewer.frame.size == (260, 130))
        for size in ((0, 0), (0, 50), (10, -1)):
            with pytest.raises(InvalidInput, match="at least 1x1"):
                target.resize(*size)


def test_a_minimised_window_draws_nothing_and_comes_back(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import glfw

    with Viewer(cube(), size=(320, 240)) as viewer:
        viewer.step()
        viewer.redraw()
        frame = viewer.frame
        monkeypatch.setattr(WindowTarget, "size", property(lambda self: (0, 0)))
        monkeypatch.setattr(glfw, "swap_buffers", lambda window: pytest.fail("a minimised window was drawn to"))
        viewer._target._queue.append(Resize(width=0.0, height=0.0))  # type: ignore[attr-defined]
        assert viewer.step() and viewer.frame is frame
        paint(viewer._target, (1.0, 0.0, 0.0))  # type: ignore[arg-type]
        monkeypatch.undo()
        assert viewer.step() and viewer.frame is not frame


def test_on_a_hidpi_screen_events_are_in_logical_pixels(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with WindowTarget((400, 300), "hidpi") as target:
        monkeypatch.setattr(WindowTarget, "pixel_ratio", property(lambda self: 2.0))
        assert target.size == (400, 300) and target.logical_size == (200.0, 150.0)
        target._on_move(None, 100.0, 50.0)
        target._on_resize(None, 400, 300)
        pointer, resize = list(target._queue)[-2:]
        assert isinstance(pointer, Pointer) and (pointer.x, pointer.y, pointer.pixel_ratio) == (50.0, 25.0, 2.0)
        assert isinstance(resize, Resize) and (resize.width, resize.height) == (200.0, 150.0) and resize.framebuffer_size == (400, 300)


def test_closing_by_the_window_manager_ends_the_loop(display: str) -> None:
    with Viewer(cube(), size=(64, 64)) as viewer:
        assert viewer.step()
        viewer._target._queue.append(Close())  # type: ignore[attr-defined]
        assert viewer.step() is False and viewer.closed


def user_code(*arguments: object) -> None:
    raise ZeroDivisionError("user code")


@pytest.mark.parametrize("place", ["on_frame", "on_event", "post", "pass"])
def test_an_exception_of_user_code_closes_the_window_and_comes_out(display: str, place: str) -> None:
    """From the first step and from a later one: the caller gets the exception with the place that raised it, and nothing is left."""
    armed: list[bool] = []

    def sometimes(*arguments: object) -> None:
        if armed:
            user_code()

    viewer = Viewer(cube(), size=(64, 64), title="errors", **{place: sometimes} if place in ("on_frame", "on_event") else {})
    target, device = viewer._target, viewer._target.device
    assert isinstance(target, WindowTarget)
    assert viewer.step() and device.live
    xdotool("search", "--sync", "--name", "errors", "mousemove", 20, 20, "mousemove", 30, 30)
    armed.append(True)
    if place == "post":
        viewer.scene.post(sometimes)
    if place == "pass":
        viewer.redraw()
        viewer._renderer.passes[2].run = sometimes  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError, match="user code") as caught:
        step_until(viewer, lambda: False)
    assert caught.traceback[-1].name == "user_code"
    assert viewer.closed and viewer.step() is False and target._window is None
    assert device.closed and device.live == {}
    found = subprocess.run(["xdotool", "search", "--name", "errors"], capture_output=True, text=True, timeout=20)
    assert found.stdout == "", "the window is gone from the screen"
    viewer.close()
    with Viewer(cube(), size=(64, 64)) as another:
        assert another.step()


@pytest.mark.parametrize("place", ["on_frame", "on_event", "post"])
def test_user_code_may_close_the_window(display: str, place: str) -> None:
    seen: list[object] = []

    def close(*arguments: object) -> None:
        seen.append(arguments)
        viewer.close()

    viewer = Viewer(cube(), size=(64, 64), title="closing", **{place: close} if place in ("on_frame", "on_event") else {})
    device = viewer._target.device
    if place == "post":
        viewer.scene.post(close)
    if place == "on_event":
        viewer._target._queue.extend([Wheel(dx=0.0, dy=-100.0), Wheel(dx=0.0, dy=-100.0)])  # type: ignore[attr-defined]
    assert viewer.step() is False and viewer.step() is False
    assert len(seen) == 1 and viewer.closed and device.closed and device.live == {}


def test_a_window_whose_device_cannot_be_closed_is_destroyed_all_the_same(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise DeviceError("says the test")

    viewer = Viewer(cube(), size=(64, 64), on_frame=user_code)
    target = viewer._target
    assert isinstance(target, WindowTarget)
    with monkeypatch.context() as patched:
        patched.setattr(viewer._renderer, "close", fails)
        with pytest.raises(DeviceError, match="says the test") as caught:
            viewer.step()
    assert isinstance(caught.value.__context__, ZeroDivisionError), "what user code raised is told too"
    assert viewer.closed and target._window is None and target.device.closed


def test_view_hands_out_what_user_code_raises(display: str) -> None:
    with pytest.raises(ZeroDivisionError, match="user code"):
        mr.view(cube(), user_code, size=(64, 64))


def test_every_member_of_a_window_refuses_another_thread(display: str) -> None:
    """GLFW allows the main thread alone; a window that is refused stays open."""
    with WindowTarget((64, 64)) as target:
        calls: dict[str, Callable[[], object]] = {
            "size": lambda: target.size, "pixel_ratio": lambda: target.pixel_ratio, "logical_size": lambda: target.logical_size,
            "resize": lambda: target.resize(10, 10), "set_title": lambda: target.set_title("other"), "poll": target.poll,
            "wait": lambda: target.wait(0.001), "present": lambda: paint(target, (1.0, 0.0, 0.0)), "close": target.close,
        }
        assert {name for name in dir(WindowTarget) if not name.startswith("_")} - {"closed"} == set(calls)
        for name, call in calls.items():
            found: list[Exception] = []

            def body(call: Callable[[], object] = call, found: list[Exception] = found) -> None:
                try:
                    call()
                except Exception as error:
                    found.append(error)

            thread = threading.Thread(target=body)
            thread.start()
            thread.join()
            assert len(found) == 1 and isinstance(found[0], WrongThreadError), f"{name}: {found}"
            assert "WindowTarget." in str(found[0])
        assert not target.closed and target.size == (64, 64)
        paint(target, (0.0, 1.0, 0.0))


def test_a_window_and_an_offscreen_device_do_not_mix_pixels(display: str) -> None:
    with Device.open() as device, WindowTarget((64, 64)) as target:
        framebuffer = device.create_framebuffer([device.create_texture_2d(4, 4, g.GL_RGBA8)])
        device.gl.clear_float(framebuffer.name, 0, (1.0, 0.0, 0.0, 1.0))
        for _ in range(3):
            paint(target, (0.0, 1.0, 0.0))
            assert tuple(device.read_pixels(framebuffer, "rgba8", (1, 1))[0, 0]) == (255, 0, 0, 255)
            target.device.use()
            target.device.gl.clear_float(0, 0, (0.0, 1.0, 0.0, 1.0))
            assert tuple(target.device.read_pixels(0, "rgba8", (1, 1))[0, 0, :3]) == (0, 255, 0)


def test_promise_7_windows_leave_nothing_behind(display: str) -> None:
    for _ in range(3):
        viewer = Viewer(cube(), size=(64, 64))
        device = viewer._target.device
        viewer.step()
        assert device.live
        viewer.close()
        viewer.close()
        assert device.closed and device.live == {}
    with pytest.raises(ReleasedError, match="closed"):
        viewer._target.poll()
    with pytest.raises(ReleasedError):
        device.use()


def test_without_egl_windows_the_native_context_is_used(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import glfw

    make = glfw.create_window
    refused: list[int] = []

    def only_native(*arguments: Any) -> Any:
        if hints[glfw.CONTEXT_CREATION_API] == glfw.EGL_CONTEXT_API:
            refused.append(1)
            return None
        return make(*arguments)

    hints: dict[int, int] = {}
    set_hint = glfw.window_hint
    monkeypatch.setattr(glfw, "window_hint", lambda name, value: (hints.update({name: value}), set_hint(name, value)))
    monkeypatch.setattr(glfw, "create_window", only_native)
    with Device.open() as device, WindowTarget((64, 64)) as target:
        assert refused and target.device.backend == "GLFW window (glx)"
        buffer = device.create_buffer(16)
        paint(target, (0.0, 0.0, 1.0))
        device.use()
        assert buffer.name and not target._context.is_current()
        target.device.use()
        assert target._context.is_current()


def test_a_driver_that_is_too_old_for_a_window_is_said(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import glfw

    monkeypatch.setattr(glfw, "create_window", lambda *arguments: None)
    with pytest.raises(DeviceError, match=r"no window with OpenGL 4\.3 .*update the GL driver.*metarender render"):
        WindowTarget((64, 64))


def test_windows_belong_to_the_main_thread(display: str) -> None:
    found: list[Exception] = []

    def body() -> None:
        try:
            WindowTarget((64, 64))
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert isinstance(found[0], WrongThreadError) and "main thread" in str(found[0])


def test_view_runs_until_it_is_closed(display: str) -> None:
    calls: list[float] = []

    def animate(seconds: float) -> None:
        calls.append(seconds)
        if len(calls) == 3:
            xdotool("key", "Escape")
        assert len(calls) < 2000

    mr.view(cube(), animate, size=(64, 64), title="loop")
    assert calls[0] == 0.0 and calls == sorted(calls) and len(calls) >= 3


@pytest.mark.parametrize("size", [(0, 10), (10,), (10, -1)])
def test_bad_window_sizes(size: Any) -> None:
    with pytest.raises(InvalidInput, match="at least 1 pixel"):
        WindowTarget(size)


def test_no_display_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(DeviceError, match=r"neither DISPLAY nor WAYLAND_DISPLAY is set.*metarender render"):
        mr.view(cube())
    with pytest.raises(InvalidInput, match="on_frame must be callable"):
        mr.view(cube(), 3)  # type: ignore[arg-type]


def test_a_dead_display_is_said_with_the_way_out() -> None:
    # In a process of its own: here GLFW may be connected to the test's server already.
    code = "from metarender.targets.window import WindowTarget\ntry: WindowTarget()\nexcept Exception as e: print(type(e).__name__, e)"
    environment = {name: value for name, value in os.environ.items() if name != "WAYLAND_DISPLAY"} | {"DISPLAY": ":54321"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert re.match(r"DeviceError .*GLFW did not start \(.*metarender render", done.stdout), done.stdout + done.stderr


@pytest.mark.parametrize(
    "key, printable, shift, name",
    [(65, "a", True, "A"), (65, b"a", False, "a"), (256, None, False, "Escape"), (290, None, False, "F1"), (314, None, True, "F25"),
     (32, None, False, " "), (55, "/", True, "/"), (223, "ß", True, "ß"), (-1, None, False, "Unidentified"), (70, None, False, "f")],
)  # fmt: skip
def test_key_names_are_those_of_w3c(key: int, printable: str | bytes | None, shift: bool, name: str) -> None:
    assert key_name(key, printable, shift) == name
