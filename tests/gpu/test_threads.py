"""Threads: whatever touches OpenGL is refused on a wrong one, a scene has one thread at a time, and what a thread kept goes with it."""

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, WrongThreadError
from metarender.frame import Frame
from metarender.gpu import context_pool
from metarender.gpu import gl_extra as g
from metarender.gpu.device import Device
from metarender.passes.base import FrameContext, Pass
from metarender.targets.offscreen import OffscreenTarget
from metarender.viewer import Viewer

CAMERA = mr.PerspectiveCamera().look_at((2, 2, 3), (0, 0, 0))


def in_thread(function):
    """Run in a new thread; return what it raised, None where it raised nothing."""
    caught = []

    def run():
        try:
            function()
        except BaseException as error:  # handed to the test
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return caught[0] if caught else None


def boxes(color="orange"):
    scene = mr.Scene()
    scene.background = "navy"
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color=color)))
    return scene


def members(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def refuse_all(kind, calls, anywhere, parts=()):
    """Every public member is either refused on another thread, with its name or what it does, or known to touch no OpenGL."""
    assert members(kind) - set(anywhere) - set(parts) == set(calls), "say here what the new member does on a wrong thread"
    for name, call in calls.items():
        error = in_thread(call)
        assert isinstance(error, WrongThreadError), f"{kind.__name__}.{name}: {error!r}"
        assert "belongs to thread 'MainThread'" in str(error) and "open a device on this thread" in str(error)


# --- every entry point --------------------------------------------------------------------------------------------------------


def test_every_member_of_a_renderer_that_touches_opengl_refuses_another_thread(device):
    scene = boxes()
    with (mr.Renderer(size=(32, 32), device=device) as renderer,
          mr.Renderer(size=(16, 16), device=device, occlusion="gpu") as counting):
        renderer.render(scene, CAMERA)
        counting.render(scene, CAMERA)
        refuse_all(mr.Renderer, {
            "render": lambda: renderer.render(scene), "compile": lambda: renderer.compile(scene), "close": renderer.close,
            "present": renderer.present, "simulate_loss": renderer.simulate_loss, "restore": renderer.restore,
            "memory": lambda: renderer.memory, "size": lambda: setattr(renderer, "size", (16, 16)), "count_kept": counting.count_kept,
        }, {"device", "msaa", "refines", "tone_mapping", "exposure", "backdrop", "cull_pixels", "lod_pixels", "occlusion", "memory_limit",
            "gpu_times", "point_size"})
        error = in_thread(lambda: mr.Renderer(size=(8, 8), device=device))
        assert isinstance(error, WrongThreadError) and str(error).startswith("Renderer()")
        assert renderer.size == (32, 32) and np.ptp(renderer.render(scene, CAMERA).color[..., :3]) > 0


def test_a_renderer_that_is_refused_leaves_the_limit_of_the_other_alone(device):
    with mr.Renderer(size=(16, 16), device=device, memory_limit=1 << 30) as renderer:
        renderer.render(boxes(), CAMERA)
        assert isinstance(in_thread(lambda: mr.Renderer(size=(8, 8), device=device)), WrongThreadError)
        assert device.registry.memory_limit == 1 << 30


def test_every_read_of_a_frame_refuses_another_thread_and_what_was_read_is_everybodys(device, tmp_path):
    scene = boxes()
    with mr.Renderer(size=(32, 32), device=device) as renderer:
        frame = renderer.render(scene, CAMERA, ("color", "depth", "ids"))
        refuse_all(Frame, {"color": lambda: frame.color, "depth": lambda: frame.depth, "ids": lambda: frame.ids,
                           "pick": lambda: frame.pick(1, 1), "save": lambda: frame.save(tmp_path / "a.png")}, {"stats"})
        assert not list(tmp_path.iterdir())
        lazy = renderer.render(scene, CAMERA)
        assert isinstance(in_thread(lambda: lazy.ids), WrongThreadError)  # would be drawn now
        assert lazy.color.any() and lazy.ids.any()
        assert in_thread(lambda: (lazy.color, lazy.ids, lazy.pick(1, 1), lazy.save(tmp_path / "a.png"))) is None


def test_every_member_of_a_device_that_touches_opengl_refuses_another_thread(device):
    texture = device.create_texture_2d(4, 4, g.GL_RGBA8)
    framebuffer = device.create_framebuffer([texture])
    refuse_all(Device, {
        "check_thread": lambda: device.check_thread("here"), "check_current": lambda: device.check_current("here"),
        "use": device.use, "check": lambda: device.check("here"), "check_reset": lambda: device.check_reset("here"),
        "finish": device.finish, "drain": device.drain, "close": device.close, "simulate_loss": device.simulate_loss,
        "restore": device.restore, "track": lambda: device.track("buffer", 1, lambda: None),
        "on_gone": lambda: device.on_gone(texture, "texture", lambda: None),
        "create_buffer": lambda: device.create_buffer(16), "create_sampler": lambda: device.create_sampler({}),
        "create_texture_2d": lambda: device.create_texture_2d(1, 1, g.GL_RGBA8),
        "create_texture_array": lambda: device.create_texture_array(1, 1, 1, g.GL_RGBA8),
        "create_texture_cube": lambda: device.create_texture_cube(1, g.GL_RGBA8),
        "create_texture_multisample": lambda: device.create_texture_multisample(1, 1, 2, g.GL_RGBA8),
        "create_framebuffer": lambda: device.create_framebuffer([texture]),
        "set_point_size": lambda: device.set_point_size(3.0),
        "read_pixels": lambda: device.read_pixels(framebuffer, "rgba8", (1, 1)),
    }, {"closed", "lost", "live", "live_bytes", "messages", "rasteriser_key"}, {"open", "probe", "from_context"})
    assert device.live == {"texture": 1, "framebuffer": 1}
    framebuffer.release()
    texture.release()


def test_a_lost_device_is_closed_and_restored_by_its_own_thread_alone():
    with mr.Renderer(size=(16, 16), device="software") as renderer:
        renderer.simulate_loss()
        for call in (renderer.restore, renderer.close, renderer.device.restore, renderer.device.close):
            assert isinstance(in_thread(call), WrongThreadError)
        renderer.restore()
        assert renderer.render(boxes(), CAMERA).color.any()


def test_every_member_of_a_viewer_and_its_target_that_touches_opengl_refuses_another_thread():
    target = OffscreenTarget((32, 32), "software")
    viewer = Viewer(boxes(), CAMERA, target=target)
    assert viewer.step()
    refuse_all(Viewer, {"step": viewer.step, "pace": viewer.pace, "close": viewer.close}, {"closed", "stats", "redraw"})
    frame = viewer._renderer.render(viewer.scene, CAMERA)
    refuse_all(OffscreenTarget, {"poll": target.poll, "wait": lambda: target.wait(1e-6), "close": target.close,
                                 "present": lambda: target.present(viewer._renderer, frame)},
               {"closed", "logical_size", "pixel_ratio", "send", "set_title", "size"})
    assert not target.closed and not viewer.closed and viewer.step()
    viewer.close()
    assert target.closed and target.device.live == {}


def test_a_device_whose_thread_has_ended_belongs_to_nobody():
    """The system gives the number of a thread that ended to the next one, which is no owner for that."""
    opened = []
    thread = threading.Thread(target=lambda: opened.append(Device.open("software")), name="gone")
    thread.start()
    thread.join()
    for _ in range(5):
        error = in_thread(opened[0].use)
        assert isinstance(error, WrongThreadError) and "thread 'gone'" in str(error)


def test_a_context_that_is_current_elsewhere_is_refused_in_our_words():
    with Device.open("software") as device:
        device.use()
        error = in_thread(lambda: Device.from_context(device._context))
        assert isinstance(error, DeviceError) and "cannot be used on this thread" in str(error)
        device.use()


# --- a scene in two threads ---------------------------------------------------------------------------------------------------


class Halt(Pass):
    """Stops in the middle of a frame until it may go on."""

    name = "halt"

    def __init__(self):
        self.inside, self.go_on = threading.Event(), threading.Event()

    def execute(self, frame: FrameContext):
        self.inside.set()
        assert self.go_on.wait(60)


def test_a_scene_that_is_being_drawn_refuses_every_other_thread_and_takes_what_is_posted(device):
    """From the first step of a frame to the last, also between calls into the core."""
    scene = boxes()
    node = next(iter(scene.nodes))
    parts = scene.add_instances(mr.box(0.2), mr.Standard(color="teal"), count=5)
    halt, errors = Halt(), {}

    def others():
        assert halt.inside.wait(60)
        calls = {
            "add": lambda: scene.add(mr.Mesh(mr.box(1), mr.Standard())), "move": lambda: setattr(node, "position", (0, 1, 0)),
            "remove": node.remove, "parts": lambda: parts.edit("position").__enter__(), "state": lambda: scene.set_state(node, color="red"),
            "settle": scene.settle, "update": scene.update, "bounds": lambda: scene.bounds, "environment": lambda: setattr(
                scene, "environment", None), "ray": lambda: scene.raycast((0, 0, 5), (0, 0, -1)), "other": other,
            "copy": lambda: mr.Scene().add(scene), "at": lambda: scene.at(1.0), "play": lambda: scene.play(mr.Clip("none", []))}
        try:
            for name, call in calls.items():
                errors[name] = in_thread(call)
            scene.post(lambda: setattr(node, "position", (0.5, 0, 0)))
        finally:
            halt.go_on.set()

    def other():
        with mr.Renderer(size=(32, 32), msaa=1, device="software") as second:
            second.render(scene, CAMERA)

    with mr.Renderer(size=(32, 32), msaa=1, device=device) as renderer:
        expected = renderer.render(scene, CAMERA).color
        renderer.passes.insert(3, halt)
        thread = threading.Thread(target=others)
        thread.start()
        frame = renderer.render(scene, CAMERA)
        thread.join()
        assert {name: type(error) for name, error in errors.items()} == dict.fromkeys(errors, WrongThreadError)
        assert all("scene.post(fn)" in str(error) for error in errors.values())
        assert np.array_equal(frame.color, expected)
        renderer.passes.remove(halt)
        assert not np.array_equal(renderer.render(scene, CAMERA).color, expected)  # what was posted
        assert in_thread(lambda: scene.add(None)) is None, "a scene that is not being drawn may be handed over"
        assert in_thread(other) is None


def test_a_frame_that_fails_leaves_its_scene_to_others(device):
    scene = boxes()

    def broken():
        raise ZeroDivisionError("user code")

    with mr.Renderer(size=(16, 16), device=device) as renderer:
        expected = renderer.render(scene, CAMERA).color
        scene.post(broken)
        with pytest.raises(ZeroDivisionError, match="user code") as caught:
            renderer.render(scene, CAMERA)
        assert caught.traceback[-1].name == "broken"
        assert in_thread(lambda: scene.add(None)) is None
        assert np.array_equal(renderer.render(scene, CAMERA).color, expected)


def test_scenes_of_two_threads_that_share_a_material_both_hear_of_its_edits():
    """One thread makes scenes that use it while another takes it out of its own; none of them may be forgotten."""
    shared, box, made = mr.Standard(color="red"), mr.box(1), [[], []]
    before = sys.getswitchinterval()

    def build(mine):
        for _ in range(300):
            scene, passing = mr.Scene(), mr.Scene()
            scene.add(mr.Mesh(box, shared))
            passing.add(mr.Mesh(box, shared)).remove()
            mine.append(scene)

    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=build, args=(mine,)) for mine in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    scenes = made[0] + made[1]
    changes = [scene.material_changes for scene in scenes]
    shared.color = "blue"
    assert len(scenes) == 600 and all(scene.material_changes > count for scene, count in zip(scenes, changes, strict=True))


# --- what goes with its thread ------------------------------------------------------------------------------------------------


def test_what_mr_render_keeps_for_a_thread_is_closed_when_the_thread_ends():
    mr.close()
    context_pool.close_parked()
    expected = mr.render(boxes(), CAMERA, (32, 32)).color
    frames, kept = [], []

    def draw():
        from metarender.pictures import _local

        frames.append(mr.render(boxes(), CAMERA, (32, 32)))
        kept.append(_local.kept.renderer)

    for _ in range(3):
        assert in_thread(draw) is None
    assert all(np.array_equal(frame.color, expected) for frame in frames)
    assert all(renderer._closed and renderer.device.closed and renderer.device.live == {} for renderer in kept)
    assert context_pool.parked_count() == 1, "one context served them all"
    assert np.array_equal(mr.render(boxes(), CAMERA, (32, 32)).color, expected)
    mr.close()
    mr.close()


def test_a_context_that_is_parked_keeps_nothing_of_its_last_device(monkeypatch):
    """Another thread may take it at that moment: what is done to it afterwards is done to the next device."""
    seen = []
    park = context_pool.park
    monkeypatch.setattr(context_pool, "park", lambda context: (seen.append(list(context.keep)), setattr(context, "keep", ["of the next"]),
                                                              park(context)))
    with Device.open("software", debug=True) as device:
        context = device._context
        assert context.keep
    assert seen == [[]] and context.keep == ["of the next"]


def test_objects_that_another_thread_collects_are_deleted_on_the_right_one(device):
    held = [device.create_buffer(64) for _ in range(20)]
    scenes = [boxes(color) for color in ("red", "green", "blue")]
    with mr.Renderer(size=(16, 16), device=device) as renderer:
        for scene in scenes:
            renderer.render(scene, CAMERA)
        renderer.render(mr.Scene(), CAMERA)
        before = device.live
        for thing in held:
            cycle = [thing]
            cycle.append(cycle)  # only the collector finds it
        del scene, thing, cycle

        def collect():
            held.clear()
            scenes.clear()
            gc.collect()

        assert in_thread(collect) is None
        assert device.live == before, "nothing is deleted on a thread that has no context"
        renderer.render(mr.Scene(), CAMERA)
        gc.collect()
        device.drain()
        assert device.live["buffer"] <= before["buffer"] - 20 and device.live["scene"] < before["scene"]


def test_many_threads_open_and_close_devices_and_leave_no_default_context():
    """ModernGL has one default context for the process; a device is nobody's default."""
    import moderngl

    context_pool.close_parked()
    errors = []

    def churn():
        for _ in range(5):
            errors.append(in_thread(lambda: Device.open("software").close()))

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [None] * 20
    assert vars(moderngl)["_store"].default_context is None


def test_a_forked_child_is_told_to_spawn_whatever_it_tries():
    """The child has what its parent opened, and can use none of it; closing it is allowed, and does nothing to the parent's."""
    code = """
import os, sys, threading
import metarender as mr
renderer = mr.Renderer(size=(16, 16), device="software")
scene = mr.Scene()
frame, kept = renderer.render(scene), mr.render(scene, size=(16, 16))
elsewhere = []
other = threading.Thread(target=lambda: elsewhere.append(mr.Device.open("software")))
other.start(); other.join()
pid = os.fork()
if pid == 0:
    found = 0
    for call in (lambda: renderer.render(scene), lambda: frame.color, lambda: mr.render(scene, size=(16, 16)), renderer.present,
                 lambda: mr.Renderer(size=(8, 8)), lambda: mr.Renderer(size=(8, 8), device=renderer.device), renderer.device.drain,
                 elsewhere[0].use):
        try: call()
        except mr.DeviceError as error: found += "spawn" in str(error)
        except BaseException as error: print(type(error), error, file=sys.stderr)
    renderer.close(); mr.close(); elsewhere[0].close()
    os._exit(found)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
frame.color, renderer.render(scene).color, mr.render(scene, size=(16, 16)).color
renderer.close(); mr.close()
sys.exit(code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 8, done.stderr


def test_a_process_that_ends_with_a_kept_renderer_says_nothing():
    code = """
import threading
import metarender as mr
mr.render(mr.Scene(), size=(8, 8))
ready = threading.Event()
threading.Thread(target=lambda: (mr.render(mr.Scene(), size=(8, 8)), ready.set(), threading.Event().wait()), daemon=True).start()
ready.wait()
"""
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_main_thread_owns_its_devices_to_the_end_of_the_process():
    """Before the callbacks of ``atexit`` run, the main thread is said to have stopped."""
    code = """import atexit
import metarender as mr
atexit.register(mr.close)
scene = mr.Scene()
scene.add(mr.Mesh(mr.box(1), mr.Unlit()))
renderer = mr.Renderer((16, 16), device="software")
renderer.render(scene)
mr.render(scene, size=(16, 16))
atexit.register(renderer.close)
atexit.register(lambda: print(renderer.render(scene).color.shape))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "(16, 16, 4)\n")
