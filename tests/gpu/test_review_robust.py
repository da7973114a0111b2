"""Nothing is left half-made: failures in the middle of a frame, sizes that change, memory that comes back, wrong values set late."""

import gc
import itertools
import threading

import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, OutOfDeviceMemory
from metarender.gpu import attachments, buffers
from metarender.gpu.buffers import RangeAllocator
from metarender.passes.shadow import ShadowPass

FRONT = mr.OrthographicCamera(height=4, near=0.0, far=20).look_at((0, 0, 10), (0, 0, 0))
UPRIGHT = (0.5**0.5, 0, 0, 0.5**0.5)
"""Turns what faces +Y towards +Z."""


def picture_of(size: int, color: tuple[int, int, int, int]) -> mr.Texture:
    return mr.Texture(np.full((size, size, 4), color, np.uint8), srgb=True)


def textured(*textures: mr.Texture) -> mr.Scene:
    """A row of squares half a metre wide, from the left."""
    scene = mr.Scene()
    square = mr.plane(0.4)
    for number, texture in enumerate(textures):
        scene.add(mr.Mesh(square, mr.Unlit(color_texture=texture)), position=(-1.75 + 0.5 * number, 0, 0), rotation=UPRIGHT)
    return scene


def colors(frame: mr.Frame, count: int) -> list[tuple[int, ...]]:
    return [tuple(int(v) for v in frame.color[64, 8 + 16 * number]) for number in range(count)]


def shadowed() -> mr.Scene:
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.Mesh(mr.box((4, 4, 0.1)), mr.Standard(roughness=1.0)), position=(0, 0, -1))
    scene.add(mr.Mesh(mr.box(0.8), mr.Standard(roughness=1.0)))
    scene.add(mr.DirectionalLight(direction=(-0.6, -0.4, -1)))
    return scene


def fails(owner, name: str, monkeypatch, call: int = 1) -> list[int]:
    """Let a method raise on its n-th call and work before and after; returns a list that grows with every call."""
    real, calls = getattr(owner, name), []

    def once(*arguments, **options):
        calls.append(1)
        if len(calls) == call:
            raise OutOfDeviceMemory("no memory, says the test")
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, once)
    return calls


# --- frames and sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", ((48, 40), (300, 200)))
def test_a_frame_keeps_its_size_when_the_renderer_gets_another(renderer, size):
    scene = shadowed()
    whole = renderer.render(scene, FRONT, outputs=("color", "ids", "depth"))
    expected = whole.color, whole.ids, whole.depth
    asked, late = renderer.render(scene, FRONT, outputs=("color", "ids", "depth")), None
    renderer.size = size
    assert all(np.array_equal(a, b) for a, b in zip((asked.color, asked.ids, asked.depth), expected, strict=True))
    renderer.size = (128, 128)
    late = renderer.render(scene, FRONT)
    renderer.size = size
    assert np.array_equal(late.ids, expected[1]) and late.pick(64, 64) is not None and np.array_equal(late.color, expected[0])
    assert renderer.render(scene, FRONT).color.shape == (size[1], size[0], 4)


@pytest.mark.parametrize("kind", ("ColorAttachments", "IdAttachments"))
def test_attachments_that_do_not_fit_leave_no_released_ones_behind(renderer, monkeypatch, kind):
    scene, outputs = shadowed(), ("color", "ids")
    expected = renderer.render(scene, FRONT, outputs).color
    with monkeypatch.context() as patched:
        fails(attachments._Set, "_framebuffer", patched, 1 if kind == "ColorAttachments" else 3)
        renderer.size = (256, 256)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, FRONT, outputs)
    with pytest.raises(mr.ReleasedError, match="no picture"):
        renderer.present()
    renderer.size = (128, 128)
    again = renderer.render(scene, FRONT, outputs)
    assert np.array_equal(again.color, expected) and again.ids.any()
    gc.collect()
    renderer.device.drain()
    assert renderer.device.live["framebuffer"] == 4  # scene, result, ids, shadow map


def test_a_shadow_map_that_was_not_finished_is_drawn_again(renderer, monkeypatch):
    scene = shadowed()
    expected = renderer.render(scene, FRONT).color
    next(iter(scene.nodes)).position = (0, 0, -2)
    with monkeypatch.context() as patched:
        fails(ShadowPass, "execute", patched)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, FRONT)
    after = renderer.render(scene, FRONT)
    assert "shadow" in after.stats.passes
    with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as fresh:
        assert np.array_equal(after.color, fresh.render(scene, FRONT).color)
    assert not np.array_equal(after.color, expected)


# --- textures ----------------------------------------------------------------------------------------------------------------


def test_a_page_that_cannot_grow_stays_what_it_was(renderer, monkeypatch):
    """The frame fails; what was drawn before can be drawn again, and the new texture too once there is memory."""
    first = textured(picture_of(4, (255, 0, 0, 255)), picture_of(4, (0, 255, 0, 255)))
    expected = renderer.render(first, FRONT).color
    second = textured(picture_of(4, (0, 0, 255, 255)))
    device = renderer.device
    with monkeypatch.context() as patched:
        fails(device, "create_texture_array", patched)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(second, FRONT)
        assert np.array_equal(renderer.render(first, FRONT).color, expected)
    assert colors(renderer.render(second, FRONT), 1) == [(0, 0, 255, 255)]
    assert np.array_equal(renderer.render(first, FRONT).color, expected)


def test_more_textures_than_a_device_has_layers_are_refused_with_the_way_out(renderer):
    limit = renderer.device.capabilities.max_array_layers
    scene = mr.Scene()
    square = mr.plane(0.1)
    pictures = [picture_of(1, (i % 256, 0, 0, 255)) for i in range(limit + 1)]
    nodes = [scene.add(mr.Mesh(square, mr.Unlit(color_texture=picture))) for picture in pictures]
    for _ in range(2):  # the second try says the same
        with pytest.raises(DeviceError, match=f"{limit + 1} textures of 1x1 .* allows {limit}; put several"):
            renderer.render(scene, FRONT)
    nodes[0].remove()
    renderer.render(scene, FRONT)


def test_texture_memory_returns_and_pages_grow_by_shares(renderer, monkeypatch):
    device, scene = renderer.device, textured(picture_of(8, (255, 0, 0, 255)))
    base = renderer.render(mr.Scene(), FRONT).stats.texture_bytes
    assert base == 0
    one = renderer.render(scene, FRONT).stats.texture_bytes
    assert one == sum(max(8 >> level, 1) ** 2 * 4 for level in range(4))
    uploads = fails(renderer._pools.textures, "_upload", monkeypatch, 0)
    for number in range(32):
        scene.add(mr.Mesh(mr.plane(0.1), mr.Unlit(color_texture=picture_of(8, (number, 0, 0, 255)))))
        frame = renderer.render(scene, FRONT)
    assert frame.stats.texture_bytes <= 1.5 * 33 * one
    assert colors(frame, 1) == [(255, 0, 0, 255)]
    assert len(uploads) < 4 * 33, "each growth uploads the page again, so it must not happen every time"
    del scene, frame
    renderer.render(mr.Scene(), FRONT)
    gc.collect()
    assert renderer.render(mr.Scene(), FRONT).stats.texture_bytes == 0
    assert "texture_layer" not in device.live


def test_a_page_that_empties_while_it_grows_keeps_what_is_new(renderer):
    """The garbage collector may free the last texture of a page in the middle of a frame."""
    pool, first = renderer._pools.textures, picture_of(4, (1, 2, 3, 255))
    pool.add([first])
    del first
    gc.collect()
    more = [picture_of(4, (i, 0, 0, 255)) for i in range(3)]
    pool.add(more)
    pool.trim()
    assert len({pool.layer(texture) for texture in more}) == 3 and pool.name(more[0].page) > 0
    scene = textured(*more)
    assert colors(renderer.render(scene, FRONT), 3) == [(i, 0, 0, 255) for i in range(3)]


# --- geometry and tables --------------------------------------------------------------------------------------------------------


def test_geometry_that_does_not_fit_is_tried_again(renderer, monkeypatch):
    scene = shadowed()
    with mr.Renderer(size=(128, 128), msaa=1, device=renderer.device) as fresh:
        expected = fresh.render(shadowed(), FRONT).color
    pool = renderer._pools.geometry
    ends = pool._index_ranges.end
    with monkeypatch.context() as patched:
        fails(pool.indices, "write", patched)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, FRONT)
    assert pool._index_ranges.end == ends
    assert np.array_equal(renderer.render(scene, FRONT).color, expected)


def test_materials_that_do_not_fit_are_tried_again(renderer, monkeypatch):
    scene = textured(picture_of(4, (255, 0, 0, 255)))
    with monkeypatch.context() as patched:
        fails(renderer._pools.textures, "add", patched)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, FRONT)
    assert colors(renderer.render(scene, FRONT), 1) == [(255, 0, 0, 255)]


def test_commands_that_were_half_written_are_written_again(renderer, monkeypatch):
    scene = shadowed()
    expected = renderer.render(scene, FRONT).color
    glass = scene.add(mr.Mesh(mr.box(0.5), mr.Unlit(color=(1.0, 0.0, 0.0, 0.5), alpha_mode="blend")), position=(1, 1, 0))
    with monkeypatch.context() as patched:
        fails(renderer._constants._commands, "write", patched, 2)
        with pytest.raises(OutOfDeviceMemory):
            renderer.render(scene, FRONT)
    assert not np.array_equal(renderer.render(scene, FRONT).color, expected)
    glass.remove()
    assert np.array_equal(renderer.render(scene, FRONT).color, expected)


def test_a_buffer_that_cannot_be_made_is_not_kept(device, monkeypatch):
    from metarender.gpu.buffers import GrowBuffer

    buffer = GrowBuffer(device, "the test's", size=64)
    made = []
    real = device.ctx.buffer
    fails(device, "check", monkeypatch)

    class Context:
        def __getattr__(self, name):
            return getattr(device_ctx, name)

        def buffer(self, **options):
            made.append(real(**options))
            return made[-1]

    device_ctx = device.ctx
    monkeypatch.setattr(device, "ctx", Context())
    with pytest.raises(OutOfDeviceMemory):
        buffer.reserve(1 << 20)
    assert buffer.size == 64 and type(made[0].mglo).__name__ == "InvalidObject"


def test_no_old_arena_is_kept_by_a_picture_that_is_not_drawn_again(renderer):
    """A pick makes vertex arrays of its own; when the arena grows, they must not hold the old buffer."""
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Unlit()))
    renderer.render(scene, FRONT).pick(64, 64)
    before = renderer.device.live["vertex_array"]
    scene.add(mr.Mesh(mr.sphere(0.5, 128, 64), mr.Unlit()))
    renderer.render(scene, FRONT)
    assert renderer.device.live["vertex_array"] == before - 1


def test_ranges_never_overlap_and_merge_to_nothing():
    """Random takes and gives against a set of places."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        line, held, taken = RangeAllocator(), [], set()
        for _ in range(200):
            if held and rng.random() < 0.45:
                start, count = held.pop(int(rng.integers(len(held))))
                line.give(start, count)
                taken -= set(range(start, start + count))
            else:
                count = int(rng.integers(0, 9))
                start = line.take(count)
                places = set(range(start, start + count))
                assert not places & taken and start + count <= line.end
                held.append((start, count))
                taken |= places
            free = sorted(line._free)
            assert free == line._free and all(a + n < b for (a, n), (b, _) in itertools.pairwise(free))
            assert sum(n for _, n in free) + len(taken) == line.end
        for start, count in held:
            line.give(start, count)
        assert line.end == 0 and not line._free


# --- closing ------------------------------------------------------------------------------------------------------------------


def test_closing_on_the_wrong_thread_closes_nothing():
    renderer = mr.Renderer(size=(32, 32), msaa=1, device="software")
    caught = []

    def close() -> None:
        try:
            renderer.close()
        except mr.WrongThreadError as error:
            caught.append(error)

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()
    assert len(caught) == 1
    assert renderer.render(mr.Scene()).color.shape == (32, 32, 4)
    renderer.close()
    assert renderer.device.closed
    renderer.close()


def test_a_renderer_on_the_wrong_thread_is_refused_by_name(device):
    caught = []

    def make() -> None:
        try:
            mr.Renderer(size=(8, 8), device=device)
        except mr.WrongThreadError as error:
            caught.append(str(error))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    assert caught and caught[0].startswith("Renderer()")


def test_closing_after_the_device_is_no_error():
    from metarender.gpu.device import Device

    device = Device.open("software")
    renderer = mr.Renderer(size=(32, 32), device=device)
    frame = renderer.render(mr.Scene())
    device.close()
    with pytest.raises(mr.ReleasedError):
        frame.color  # noqa: B018
    with pytest.raises(mr.ReleasedError):
        renderer.render(mr.Scene())
    renderer.close()


# --- pixels -------------------------------------------------------------------------------------------------------------------


def test_normals_of_length_zero_draw_no_nan(renderer):
    triangle = mr.Geometry(positions=[[-1, -1, 0], [1, -1, 0], [0, 1, 0]], normals=np.zeros((3, 3)))
    facing = mr.Geometry(positions=[[-1, -1, 0], [1, -1, 0], [0, 1, 0]], normals=np.tile((0, 0, 1.0), (3, 1)))
    seen = []
    for geometry in (triangle, facing):
        scene = mr.Scene()
        scene.add(mr.DirectionalLight(direction=(0, 0, -1), shadow=False))
        scene.add(mr.Mesh(geometry, mr.Standard(color="orange", roughness=1.0)))
        seen.append(renderer.render(scene, FRONT).color[64, 64])
    assert np.array_equal(*seen)


@pytest.mark.parametrize("brightness", (1.0, 50.0))
def test_edges_of_what_is_brighter_than_white_are_smooth(device, brightness):
    scene = mr.Scene()
    scene.background = "black"
    color = (brightness,) * 3
    scene.add(mr.Mesh(mr.box((2, 2, 0.1)), mr.Unlit(color=color)), rotation=(0, 0, 0.2, 0.98))
    with mr.Renderer(size=(64, 64), msaa=4, device=device) as renderer:
        picture = renderer.render(scene, FRONT).color[..., 0]
        scene.background = color
        assert (renderer.render(scene, FRONT).color == 255).all()
    assert ((picture > 0) & (picture < 250)).sum() > 40


def test_glass_over_something_brighter_than_white_is_seen(renderer):
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box((2, 2, 0.1)), mr.Unlit(color=(9.0, 9.0, 9.0))), position=(0, 0, -1))
    scene.add(mr.Mesh(mr.box((1, 1, 0.1)), mr.Unlit(color=(0.0, 0.0, 0.0, 0.5), alpha_mode="blend")))
    picture = renderer.render(scene, FRONT).color
    assert picture[64, 64 + 24, 0] == 255 and abs(int(picture[64, 64, 0]) - mr.color.to_srgb_bytes((0.5, 0.5, 0.5))[0]) <= 1


@pytest.mark.parametrize(("scale", "turn"), (((2, 1, 1), (0.1, 0.2, 0.3, 0.9)), ((-1, 1, 1), (0, 0, 0, 1)), ((1, 1, -1), (0, 0, 0, 1)),
                                             ((0.5, 3, 2), (0, 0.5, 0, 0.8))))
def test_the_scale_of_a_parent_does_not_reach_a_camera(renderer, scale, turn):
    """Only place, -Z and +Y of a camera's node count: the picture is that of a rigid camera which stands and looks the same."""
    scene = mr.Scene()
    for x, color in ((-0.6, "red"), (0.6, "lime")):
        scene.add(mr.Mesh(mr.box(0.8), mr.Unlit(color=color)), position=(x, 0.2, 0))
    group = scene.add(None, scale=scale)
    node = scene.add(mr.PerspectiveCamera(), group, rotation=turn)
    scene.update()
    world = node.world_matrix
    wanted = -world[:3, 2] / np.linalg.norm(world[:3, 2])
    node.position = -3.0 * wanted / np.array(scale)
    pose = node.world_matrix
    rigid = mr.PerspectiveCamera().look_at(pose[:3, 3], pose[:3, 3] + wanted, up=pose[:3, 1])
    expected = renderer.render(scene, rigid).color
    assert (expected[..., 3] > 0).sum() > 500
    different = np.abs(renderer.render(scene, node).color.astype(int) - expected).max(axis=2) > 0
    assert different.sum() <= 8


# --- wrong values ----------------------------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
LATE = {
    "fov": (mr.PerspectiveCamera, "fov", (NAN, 0, 180, "45", None, True), r"fov=.* above 0 and below 180"),
    "near": (mr.PerspectiveCamera, "near", (NAN, 0.0, -1, INF, "1"), r"near=.* must be above 0 and below far"),
    "far": (mr.PerspectiveCamera, "far", (NAN, 0.0, 1e-5, None), r"below far"),
    "aspect": (mr.PerspectiveCamera, "aspect", (NAN, 0, -1, INF, "16:9"), r"aspect=.* width over height"),
    "height": (mr.OrthographicCamera, "height", (NAN, 0, INF, "2"), r"height=.* above 0 and finite"),
    "far of a box": (mr.OrthographicCamera, "far", (NAN, INF, -1), r"both finite"),
    "inner angle": (mr.SpotLight, "inner_angle", (NAN, -1, 1.0, "a"), r"inner_angle="),
    "outer angle": (mr.SpotLight, "outer_angle", (NAN, 0.0, 2.0), r"outer_angle="),
    "intensity": (mr.PointLight, "intensity", (NAN, INF, -1, "1"), r"intensity=.* must be a number from 0"),
    "range": (mr.PointLight, "range", (NAN, 0, -1), r"range="),
    "direction": (mr.DirectionalLight, "direction", ((0, 0, 0), (NAN, 0, 0), "down"), r"direction"),
    "cutoff": (mr.Unlit, "alpha_cutoff", (NAN, INF, -0.1), r"alpha_cutoff="),
    "roughness": (mr.Standard, "roughness", (NAN, 2, True), r"roughness="),
}


@pytest.mark.parametrize("name", LATE)
def test_promise_6_a_wrong_value_set_late_is_refused_and_changes_nothing(name):
    kind, attribute, values, message = LATE[name]
    thing = kind()
    before = np.copy(getattr(thing, attribute))
    for value in values:
        with pytest.raises(mr.InvalidInput, match=message):
            setattr(thing, attribute, value)
        assert np.array_equal(np.asarray(getattr(thing, attribute), object), np.asarray(before, object))


TEXTURE = picture_of(1, (0, 0, 0, 255))
BASES = {
    "a bare camera": (lambda renderer: renderer.render(mr.Scene(), mr.Camera()), "use PerspectiveCamera"),
    "a bare light": (lambda _: mr.Light("red", 1.0, ""), "use DirectionalLight"),
    "a bare material": (lambda _: mr.Material(), "use Standard or Unlit"),
    "a sampler in words": (lambda _: mr.Texture(np.zeros((1, 1, 4), np.uint8), srgb=True, sampler="linear"), "must be a Sampler"),
    "an offset of three": (lambda _: mr.TextureInfo(TEXTURE, offset=(1, 2, 3), scale=(1,)), "offset=.* pair"),
    "an offset of one": (lambda _: mr.TextureInfo(TEXTURE, offset=3), "offset=3 must be a pair"),
    "a scale of text": (lambda _: mr.TextureInfo(TEXTURE, scale="ab"), "scale='ab' must be a pair"),
    "a turn of text": (lambda _: mr.TextureInfo(TEXTURE, rotation="a"), "rotation='a'"),
    "a box of text": (lambda _: mr.box("a"), "box size='a'"),
    "a box with text in it": (lambda _: mr.box((1, "a", 2)), "box size='a'"),
    "a box of two": (lambda _: mr.box((1, 2)), "one edge length or 3"),
    "a plane of nothing": (lambda _: mr.plane(None), "plane size=None"),
    "ragged indices": (lambda _: mr.Geometry(positions=[[0, 0, 0]], indices=[[0], [1, 2]]), "different lengths"),
    "a mesh of a number": (lambda _: mr.Mesh(primitives=[3]), "must be pairs"),
    "no outputs": (lambda renderer: renderer.render(mr.Scene(), outputs=None), "outputs=None must name"),
    "a curve in a list": (lambda renderer: setattr(renderer, "tone_mapping", ["aces"]), "is unknown"),
    "an exposure of true": (lambda renderer: setattr(renderer, "exposure", True), "exposure=True"),
    "a pixel of text": (lambda renderer: renderer.render(mr.Scene()).pick("a", 0), "lies outside"),
    "framing text": (lambda _: mr.PerspectiveCamera().frame("all"), "frame bounds"),
    "framing for no shape": (lambda _: mr.PerspectiveCamera().frame([[0, 0, 0], [1, 1, 1]], aspect=NAN), "frame aspect=nan"),
    "a number beyond floats": (lambda _: mr.PointLight(intensity=10**400), "must be a number"),
}


@pytest.mark.parametrize("name", BASES)
def test_promise_6_more_mistakes_in_one_sentence(renderer, name):
    action, message = BASES[name]
    with pytest.raises(mr.InvalidInput, match=message) as caught:
        action(renderer)
    assert "\n" not in str(caught.value)


def test_a_geometry_is_not_changed_by_the_arrays_it_came_from():
    positions, indices = np.zeros((3, 3), np.float32), np.arange(3, dtype=np.uint32)
    geometry = mr.Geometry(positions=positions, indices=indices, normals=positions)
    positions[:] = 7
    indices[:] = 0
    assert not geometry.positions.any() and not geometry.normals.any() and geometry.indices.tolist() == [0, 1, 2]
    for array in (geometry.positions, geometry.normals, geometry.indices):
        assert not array.flags.writeable
    fixed = np.zeros((3, 3), np.float32)
    fixed.flags.writeable = False
    assert np.shares_memory(mr.Geometry(positions=fixed).positions, fixed), "what nobody can write is not copied"


def test_a_posted_call_may_close_the_renderer_or_draw_with_another(device):
    """The frame says that its renderer is closed, nothing is made for it, and the limit of the other holds for that one alone."""
    scene, other = textured(), mr.Scene()
    with mr.Renderer((16, 16), device=device) as kept, mr.Renderer((16, 16), device=device, memory_limit=1 << 30) as limited:
        kept.render(scene, FRONT)
        limited.render(other, FRONT)
        before = device.live
        short = mr.Renderer((16, 16), device=device)
        scene.post(short.close)
        with pytest.raises(mr.ReleasedError, match="was called after close"):
            short.render(scene, FRONT)
        device.drain()
        assert device.live == before
        scene.post(lambda: limited.render(other, FRONT))
        kept.render(scene, FRONT)
        assert device.registry.memory_limit is None


def test_a_posted_call_may_update_its_scene(renderer):
    scene, seen = textured(), []
    scene.post(lambda: renderer.render(scene, FRONT))
    scene.post(lambda: seen.append(1))
    renderer.render(scene, FRONT)
    assert seen == [1] and not scene.has_posted


def test_rows_reach_the_device_where_it_does_not_map_its_buffers(renderer, monkeypatch):
    """Moved by a whole range, which is gathered into mapped memory otherwise; what the failed mapping left behind is written anew."""
    rng = np.random.default_rng(1)
    matrices = np.tile(np.eye(4), (3000, 1, 1))
    matrices[:, :3, 3] = rng.uniform(-2, 2, (3000, 3))
    pictures = []
    for maps in (True, False):
        scene = mr.Scene()
        parts = scene.add_instances(mr.box(0.1), mr.Unlit(color="orange"), count=3000)
        scene.add(mr.Mesh(mr.box(0.5), mr.Unlit(color="teal")))
        renderer.render(scene, FRONT)
        if not maps:
            monkeypatch.setattr(buffers, "fill_buffer", lambda *_: False)
        parts.set(slice(None), matrix=matrices)
        pictures.append(renderer.render(scene, FRONT).color)
    assert np.array_equal(*pictures) and len(np.unique(pictures[0].reshape(-1, 4), axis=0)) > 2


def test_a_store_is_left_only_where_it_was_entered():
    store = mr.Scene().store
    with pytest.raises(mr.InvalidInput, match="with store"):
        store.__exit__()
    with store, store:
        pass
