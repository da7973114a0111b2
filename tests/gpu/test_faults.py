"""Every step that can fail is made to fail once: one clear error, nothing leaked, and the next frame is what it would have been."""

import gc
import os

import moderngl
import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, MetarenderError, OutOfDeviceMemory, ReleasedError, ShaderError
from metarender.gpu.device import Device

OUTPUTS = ("color", "ids", "depth")
CAMERA = mr.PerspectiveCamera().look_at((2, 2, 4), (0, 0, 0))
WOULD_RAISE = {
    "create": lambda what: DeviceError(f"{what} cannot be made, says the test"),
    "allocate": lambda what: OutOfDeviceMemory(f"{what} does not fit, says the test"),
    "check": lambda what: OutOfDeviceMemory(f"{what}: the device is out of memory, says the test"),
    "compile": lambda what: moderngl.Error(f"fragment_shader\n===\n0:1(1): error: {what}, says the test"),
    "read": lambda what: PermissionError(13, "says the test", what),
}
BECOMES = {"create": DeviceError, "allocate": OutOfDeviceMemory, "check": OutOfDeviceMemory, "compile": ShaderError, "read": ShaderError}


class Nth:
    """Makes the n-th step fail, and counts them; n = 0: none."""

    def __init__(self, n: int, kinds: tuple[str, ...]) -> None:
        self.n, self.kinds, self.count, self.failed = n, kinds, 0, ""

    def __call__(self, step: str, what: str) -> None:
        if step not in self.kinds:
            return
        self.count += 1
        if self.count == self.n:
            self.failed = step
            raise WOULD_RAISE[step](what)


def picture(color: tuple[int, int, int, int], size: int = 8) -> mr.Texture:
    return mr.Texture(np.full((size, size, 4), color, np.uint8), srgb=True)


def rich() -> mr.Scene:
    """What needs every pool: textures, glass, a mask, a shadow, an environment, a selection, a ghost, values with a colormap."""
    scene = mr.Scene()
    scene.background = "navy"
    scene.add(mr.Mesh(mr.box((4, 0.1, 4)), mr.Standard(color_texture=picture((200, 180, 90, 255)))), position=(0, -0.6, 0))
    scene.add(mr.Mesh(mr.sphere(0.5), mr.Standard(color=(1.0, 0.3, 0.2, 0.5), alpha_mode="blend")), position=(1, 0, 0))
    scene.add(mr.Mesh(mr.box(0.6), mr.Unlit(color_texture=picture((0, 90, 200, 255), 16), alpha_mode="mask")), position=(-1, 0, 0))
    parts = scene.add_instances(mr.box(0.3), mr.Standard(color="orange"), count=40)
    with parts.edit("position") as position:
        position[:] = np.stack([np.arange(40) % 8 * 0.4 - 1.4, np.full(40, 0.4), np.arange(40) // 8 * 0.4 - 1], axis=1)
    scene.set_state(parts.ids[3:5], selected=True)
    scene.ghost(parts.ids[10:12])
    scene.add(mr.DirectionalLight(direction=(-0.4, -1, -0.5)))
    return scene


def edit(scene: mr.Scene) -> None:
    """A change that uploads a geometry, a texture larger than the pages there are, a material, and rows."""
    scene.add(mr.Mesh(mr.sphere(0.3), mr.Standard(color_texture=picture((20, 200, 60, 255)), roughness=0.3)), position=(0, 0.5, 1))
    scene.add(mr.Mesh(mr.box(0.2), mr.Unlit(color_texture=picture((250, 20, 60, 255), 32))), position=(0.4, 0.3, 1.2))


def pixels(frame: mr.Frame) -> tuple[np.ndarray, ...]:
    return frame.color, frame.ids, frame.depth


def same(a, b) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def settled(device: Device) -> dict[str, int]:
    """What is alive once everything that nobody holds is deleted."""
    gc.collect()
    device.drain()
    return dict(device.live)


def steps(device: Device, action, n: int, kinds: tuple[str, ...]) -> Nth:
    """Run an action whose n-th step fails, if it has so many; what it raises must be the one clear error of that step."""
    hook = device.registry.before = Nth(n, kinds)
    try:
        action()
        assert not hook.failed, "a failure went unnoticed"
    except MetarenderError as error:
        assert hook.failed and isinstance(error, BECOMES[hook.failed]) and "says the test" in str(error)
    finally:
        device.registry.before = None
    return hook


def plain() -> mr.Scene:
    """Without ghosts and selections, so that the device looks for what is hidden."""
    scene = rich()
    scene.set_state(next(iter(scene.parts)).ids, selected=False, ghost=False)
    return scene


SCENES = {"states": (rich, False), "hidden": (plain, "gpu")}
STRIDE = 1 if os.environ.get("METARENDER_LONG") else 3
"""Of the checks after calls that have steps of their own before them, the suite takes every third; METARENDER_LONG=1 takes all."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kinds"), [("states", ("create", "allocate")), ("hidden", ("create", "allocate")),
                                             ("hidden", ("compile", "read")), ("states", ("check",))])
def test_a_first_frame_that_fails_anywhere_leaves_nothing_and_the_next_is_whole(name, kinds):
    """Every creation, allocation, compilation, file and check for errors, from making the renderer to the last pixel."""
    make, occlusion = SCENES[name]
    scene, expected, live, n = make(), (), {}, 0
    renderers: list[mr.Renderer] = []

    def first() -> tuple[np.ndarray, ...]:
        if not renderers:
            renderers.append(mr.Renderer(size=(64, 48), device=device, occlusion=occlusion))
        return pixels(renderers[0].render(scene, CAMERA, OUTPUTS))

    for n in range(0, 10_000, STRIDE if kinds == ("check",) else 1):
        with Device.open("software") as device:
            hook = steps(device, first, n, kinds)
            frame, now = first(), settled(device)
            if n == 0:
                expected, live = frame, now
                assert np.ptp(frame[0][..., :3]) > 0
            assert same(frame, expected) and now == live, f"step {n}, {hook.failed}"
            renderers.pop().close()
        assert device.live == {}
        if n and not hook.failed:
            break
    assert n >= {"create": 30, "compile": 20, "check": 60}[kinds[0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_an_edited_frame_that_fails_anywhere_is_drawn_whole_the_next_time(name):
    """The same for what an edit and a new size upload, all on one device; it holds the same at the end of every round."""
    make, occlusion = SCENES[name]
    expected, live = (), {}
    with Device.open("software") as device, mr.Renderer(size=(64, 48), device=device, occlusion=occlusion) as renderer:

        def draw() -> tuple[np.ndarray, ...]:
            return pixels(renderer.render(scene, CAMERA, OUTPUTS))

        for n in (-3, -2, -1, *range(0, 10_000, STRIDE)):  # the first rounds make what stays: programs and arenas
            renderer.size, scene = (64, 48), make()
            before = draw()
            renderer.size = (56, 40)
            edit(scene)
            hook = steps(device, draw, max(n, 0), tuple(BECOMES))
            frame = draw()
            del scene
            scene = mr.Scene()
            draw()
            now = settled(device)
            if n == 0:
                expected, live = frame, now
                assert not same(frame, before)
            assert n < 1 or (same(frame, expected) and now == live), f"step {n}, {hook.failed}"
            if n > 0 and not hook.failed:
                break
        assert n > 60


def test_a_failing_step_says_what_it_was_for(device):
    """The hook is off by default, and named steps reach it."""
    assert device.registry.before is None
    seen = []
    device.registry.before = lambda step, what: seen.append((step, what))
    with mr.Renderer(size=(32, 32), device=device) as renderer:
        renderer.render(rich(), CAMERA, OUTPUTS)
    device.registry.before = None
    assert {step for step, _ in seen} == set(BECOMES)
    assert ("read", "pass/shade.frag.glsl") in seen and ("allocate", "lights") in seen and ("create", "framebuffer 'ids'") in seen


# --- lost contexts ------------------------------------------------------------------------------------------------------------


def refuses_everything(renderer: mr.Renderer, scene: mr.Scene, unread: mr.Frame) -> None:
    device = renderer.device
    assert device.lost
    for action in (lambda: renderer.render(scene, CAMERA), lambda: unread.color, lambda: unread.ids, lambda: renderer.present(),
                   lambda: renderer.compile(scene), lambda: mr.Renderer(size=(8, 8), device=device), device.finish,
                   lambda: device.create_buffer(16), device.drain, renderer.simulate_loss):
        with pytest.raises(DeviceError, match=r"lost this context; Renderer.restore\(\) starts anew"):
            action()


def test_after_a_loss_everything_says_so_and_a_restored_renderer_draws_the_same():
    scene = rich()
    with mr.Renderer(size=(64, 48), device="software") as renderer:
        expected, unread = pixels(renderer.render(scene, CAMERA, OUTPUTS)), renderer.render(scene, CAMERA, OUTPUTS)
        live = settled(renderer.device)
        for _ in range(3):
            renderer.simulate_loss()
            refuses_everything(renderer, scene, unread)
            edit(scene)  # scenes know no device: they can be edited meanwhile
            renderer.restore()
            with pytest.raises(ReleasedError):
                unread.color  # noqa: B018
            unread = renderer.render(scene, CAMERA, OUTPUTS)
            with mr.Renderer(size=(64, 48), device="software") as fresh:
                assert same(pixels(renderer.render(scene, CAMERA, OUTPUTS)), pixels(fresh.render(scene, CAMERA, OUTPUTS)))
            assert not same(pixels(renderer.render(scene, CAMERA, OUTPUTS)), expected)
            unread = renderer.render(scene, CAMERA, OUTPUTS)
        assert set(settled(renderer.device)) == set(live)
        renderer.restore()  # nothing was lost: nothing happens
        assert unread.color.any()
    assert renderer.device.live == {}


def test_every_renderer_of_a_shared_device_is_restored_by_itself():
    """Until then it raises; an old frame never reads an object of the new context that has the same name."""
    scene = rich()
    with Device.open("software") as device:
        one, two = (mr.Renderer(size=(48, 32), device=device) for _ in range(2))
        expected, unread = one.render(scene, CAMERA).color, two.render(scene, CAMERA)
        one.simulate_loss()
        one.restore()
        assert np.array_equal(one.render(scene, CAMERA).color, expected)
        for action in (lambda: two.render(scene, CAMERA), lambda: unread.color, lambda: two.present()):
            with pytest.raises(DeviceError, match="on this renderer too"):
                action()
        two.restore()
        assert np.array_equal(two.render(scene, CAMERA).color, expected)
        one.close()
        two.close()
        assert device.generation == 1
    assert device.live == {}


def test_a_lost_renderer_closes_and_a_closed_one_is_not_restored():
    renderer = mr.Renderer(size=(16, 16), device="software")
    renderer.render(mr.Scene())
    renderer.simulate_loss()
    renderer.close()
    assert renderer.device.closed and renderer.device.live == {}
    for action in (renderer.restore, renderer.simulate_loss):
        with pytest.raises(ReleasedError):
            action()


def test_a_restore_without_a_device_fails_in_one_sentence_and_can_be_tried_again(monkeypatch):
    scene = rich()
    with mr.Renderer(size=(48, 32), device="software") as renderer:
        expected = renderer.render(scene, CAMERA).color
        renderer.simulate_loss()
        with monkeypatch.context() as patched:
            def none(*_, **__):
                raise DeviceError("no usable OpenGL device, says the test")
            patched.setattr("metarender.gpu.contexts.open_context", none)
            with pytest.raises(DeviceError, match="says the test"):
                renderer.restore()
            with pytest.raises(DeviceError, match="lost"):
                renderer.render(scene, CAMERA)
        renderer.restore()
        assert np.array_equal(renderer.render(scene, CAMERA).color, expected)


def test_a_page_of_textures_that_cannot_grow_stays_what_it_was(monkeypatch):
    """The third upload is the first one into a larger page; what is drawn afterwards is what would have been drawn."""
    from metarender.gpu.texture_pool import TexturePool

    scene, uploads, upload = mr.Scene(), [], TexturePool._upload
    scene.add(mr.Mesh(mr.plane(2), mr.Unlit(color_texture=picture((250, 20, 60, 255)), double_sided=True)))
    with mr.Renderer(size=(32, 32), device="software") as renderer:
        before = renderer.render(scene, CAMERA).color
        scene.add(mr.Mesh(mr.plane(1), mr.Unlit(color_texture=picture((20, 250, 60, 255)), double_sided=True)), position=(0, 1, 0))

        def fails(self, page, texture, layer):
            uploads.append(texture)
            if len(uploads) == 1:
                raise OutOfDeviceMemory("no room, says the test")
            upload(self, page, texture, layer)

        monkeypatch.setattr(TexturePool, "_upload", fails)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, CAMERA)
        frame = renderer.render(scene, CAMERA).color
        assert not np.array_equal(frame, before)
    with mr.Renderer(size=(32, 32), device="software") as other:
        assert np.array_equal(other.render(scene, CAMERA).color, frame)
