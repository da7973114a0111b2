"""Hidden objects are left out on the device: not a byte of a picture changes, and each kernel does what a slow reference does."""

import dataclasses
import math

import numpy as np
import pytest
from test_frame_contract import calls_of, many
from test_occlusion_pictures import SIZE, cameras, interior

import metarender as mr
from metarender._core import Store, View, cull, cull_flat
from metarender.gpu.occlusion import KEPT, DepthPyramid, Occlusion, pyramid_levels
from metarender.gpu.resource_pools import ResourcePools
from metarender.gpu.scene_mirror import SceneMirror

WAYS = (False, "cpu", "gpu")


def renderers(device, size=SIZE, msaa=1, **settings):
    return {way: mr.Renderer(size, msaa=msaa, occlusion=way, device=device, **settings) for way in WAYS}


def compare(made, scene, camera, what=""):
    """Pictures of all ways are equal; return how many draws each drew."""
    pictures = {way: made[way].render(scene, camera).color for way in WAYS}
    for way in WAYS:
        assert np.array_equal(pictures[way], pictures[False]), f"{what}: occlusion={way!r} changed the picture"
    return np.array([made[False]._frame.stats.visible, made["cpu"]._frame.stats.visible, made["gpu"].count_kept()])


def close(made):
    for renderer in made.values():
        renderer.close()


# --- pictures -----------------------------------------------------------------------------------------------------------


class Edits:
    """What happens in an interior while a camera goes through it."""

    def __init__(self, scene, edge):
        self.scene, self.edge, self.rng, self.added = scene, edge, np.random.default_rng(8), []

    def step(self, number):
        nodes = [node for node in self.scene.nodes if node.mesh is not None]
        some = [nodes[i] for i in self.rng.integers(len(nodes), size=6)]
        if number % 3 == 0:
            for node in some:
                node.visible = not node.visible
        if number % 3 == 1:
            for node in some[:3]:
                node.position = np.asarray(node.position) + self.rng.uniform(-1, 1, 3)
        if number % 4 == 2:
            place = self.rng.uniform((0, 0.5, 0), (self.edge, 2, self.edge))
            self.added.append(self.scene.add(mr.Mesh(mr.sphere(0.4), mr.Unlit(color="red")), position=place))
        if number % 8 == 7 and self.added:
            self.added.pop(0).remove()
        if number % 10 == 9:
            self.scene.settle()


@pytest.mark.parametrize("size, msaa, origin", [((127, 63), 1, (0.0, 0.0, 0.0)), ((97, 130), 4, (0.0, 0.0, 0.0)),
                                                ((130, 97), 1, (1e7, 2e6, -1e7))], ids=["odd", "samples", "far"])
def test_promise_a_walk_through_an_edited_interior_gives_the_same_bytes(device, size, msaa, origin):
    scene, edge = interior(origin)
    edits, made, counts = Edits(scene, edge), renderers(device, size, msaa), np.zeros(3)
    for number in range(32):
        turn = 0.23 * number
        eye = np.array([edge / 2 + 5 * math.cos(0.2 * number), 1.6, edge / 2 + 5 * math.sin(0.2 * number)])
        camera = mr.PerspectiveCamera(fov=70.0, near=0.05).look_at(eye, eye + (math.cos(turn), -0.1, math.sin(turn)))
        camera.position = eye + origin
        counts += compare(made, scene, camera, f"frame {number}")
        edits.step(number)
    off, cpu, gpu = counts
    assert gpu < 0.6 * off and gpu < 1.5 * cpu, counts
    close(made)


@pytest.mark.slow
@pytest.mark.parametrize("msaa", [1, 4])
@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (1e7, 2e6, -1e7)], ids=["origin", "far"])
def test_promise_120_cameras_in_an_interior_give_the_same_bytes(device, origin, msaa):
    """Twice from each camera: with a past of another place, and with its own. Every tenth camera is a parallel one."""
    scene, edge = interior(origin)
    made, counts = renderers(device, SIZE, msaa), np.zeros(3)
    for number, camera in enumerate(cameras(edge, 120, origin)):
        first, second = (compare(made, scene, camera, f"camera {number}") for _ in range(2))
        assert second[2] <= first[0]
        counts += second
    off, cpu, gpu = counts
    assert gpu < 0.6 * off and gpu < 1.3 * cpu, counts
    close(made)


def unit(vector):
    return vector / np.linalg.norm(vector)


def clutter(rng):
    """Walls, half of them along the axes, with boxes, tiles and loose triangles on, in and just behind their faces; also far away."""
    scene, size = mr.Scene(), 10.0 ** rng.uniform(-1.5, 0.3, (60, 1, 1))
    corners = np.concatenate([np.zeros((60, 1, 3)), rng.normal(size=(60, 2, 3)) * size], axis=1) + rng.normal(size=(60, 1, 3))
    shapes = [mr.box(1.0), mr.plane(1.0), mr.Geometry(positions=corners.reshape(-1, 3).astype(np.float32))]
    materials = [mr.Unlit(color=tuple(rng.uniform(0.2, 1, 3)), double_sided=bool(k % 2)) for k in range(6)]
    origin = rng.choice([0.0, 1e4, 1e7]) * np.array([1.0, -0.3, 0.7])
    group = scene.add(None, position=origin)
    for _ in range(5):
        place, scale = rng.uniform(-3, 3, 3), 10.0 ** rng.uniform(-0.3, 1.0, 3)
        scale[rng.integers(3)] = 10.0 ** rng.uniform(-3, -1)
        wall = scene.add(None, group, position=place, rotation=(0, 0, 0, 1) if rng.random() < 0.5 else unit(rng.normal(size=4)))
        scene.add(mr.Mesh(shapes[0], materials[rng.integers(6)]), wall, scale=scale)
        for _ in range(20):
            at, axis = rng.uniform(-0.5, 0.5, 3), rng.integers(3)
            at[axis] = rng.choice([-0.5, 0.5]) * (1 + rng.choice([-1, 0, 1]) * 10.0 ** rng.uniform(-7, -1))
            thing = scene.add(mr.Mesh(shapes[rng.integers(3)], materials[rng.integers(6)]), wall, position=at * scale)
            thing.scale = 10.0 ** rng.uniform(-3, 0, 3)
            thing.rotation = (0, 0, 0, 1) if rng.random() < 0.5 else unit(rng.normal(size=4))
    return scene, origin


@pytest.mark.slow
@pytest.mark.parametrize("msaa", [1, 4])
def test_promise_clutter_on_walls_gives_the_same_bytes(device, msaa):
    rng, hidden, seen = np.random.default_rng(msaa), 0, 0
    for _ in range(25):
        scene, origin = clutter(rng)
        size = tuple(int(edge) for edge in rng.integers(20, 200, 2))
        with mr.Renderer(size, msaa=msaa, device=device) as plain, mr.Renderer(size, msaa=msaa, occlusion="gpu", device=device) as hiding:
            for number in range(12):
                if number % 4:
                    camera = mr.PerspectiveCamera(fov=float(rng.uniform(15, 110)), near=float(rng.choice([0.001, 0.05, 0.5])),
                                                  far=float(rng.choice([math.inf, 15.0])))
                else:
                    camera = mr.OrthographicCamera(height=float(rng.uniform(1, 12)), near=-20.0, far=float(rng.choice([30.0, 1000.0])))
                eye = rng.normal(size=3) * rng.choice([1.5, 6])
                camera.look_at(eye, rng.normal(size=3) if number % 3 else eye + np.eye(3)[rng.integers(3)] * rng.choice([-1, 1]))
                camera.position = eye + origin
                full = plain.render(scene, camera)
                for _ in range(2):
                    assert np.array_equal(hiding.render(scene, camera).color, full.color), number
                seen, hidden = seen + full.stats.visible, hidden + full.stats.visible - hiding.count_kept()
    assert 500 < hidden < seen


@pytest.mark.parametrize("parallel", [False, True])
def test_ids_and_depth_are_those_of_the_whole_scene(device, parallel):
    scene, _ = interior()
    camera = mr.OrthographicCamera(height=8.0, near=0.1, far=60.0) if parallel else mr.PerspectiveCamera(near=0.05)
    camera.look_at((3, 1.6, 3), (9, 1.2, 10))
    made = renderers(device)
    for _ in range(2):
        frames = {way: made[way].render(scene, camera, outputs=("color", "ids", "depth")) for way in WAYS}
        for output in ("color", "ids", "depth"):
            assert all(np.array_equal(getattr(frames[way], output), getattr(frames[False], output)) for way in WAYS)
        later = made["gpu"].render(scene, camera)
        assert np.array_equal(later.ids, frames[False].ids) and np.array_equal(later.color, frames[False].color)
    assert made["gpu"].count_kept() < frames[False].stats.visible
    close(made)


def test_of_surfaces_at_the_same_depth_the_first_still_wins(device):
    """The one that comes first in draw order appears when the other has a past: drawn in two parts, the picture would differ."""
    box, colors = mr.box(1.0), ("red", "green", "blue")
    for first in range(3):
        scene = mr.Scene()
        nodes = [scene.add(mr.Mesh(box, mr.Unlit(color=color)), position=(0.3 * k, 0.3 * k, 0)) for k, color in enumerate(colors)]
        camera = mr.PerspectiveCamera().look_at((0.3, 0.3, 4), (0.3, 0.3, 0))
        made = renderers(device, (64, 64))
        nodes[first].visible = False
        for _ in range(2):
            compare(made, scene, camera)
        nodes[first].visible = True
        compare(made, scene, camera, f"{colors[first]} appeared")
        close(made)


def screen(material, behind=None, turned=0.0):
    """A screen 4 m before the camera, and something behind it."""
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.plane(10.0), material), rotation=(math.sin(math.pi / 4 + turned), 0, 0, math.cos(math.pi / 4 + turned)))
    scene.add(mr.Mesh(mr.sphere(0.5), behind or mr.Unlit(color="red")), position=(0, 0, -3))
    return scene, mr.PerspectiveCamera().look_at((0, 0, 4), (0, 0, 0))


@pytest.mark.parametrize("material, behind, turned, kept", [
    (mr.Unlit(), None, 0.0, 1),
    (mr.Unlit(), None, math.pi / 2, 2),                                           # one-sided, seen from behind: nothing is drawn
    (mr.Unlit(double_sided=True), None, math.pi / 2, 1),
    (mr.Unlit(alpha_mode="mask"), None, 0.0, 2),
    (mr.Unlit(color=(1, 1, 1, 0.2), alpha_mode="mask"), None, 0.0, 2),
    (mr.Unlit(color=(1, 1, 1, 0.5), alpha_mode="blend"), None, 0.0, 2),
    (mr.Unlit(), mr.Unlit(color=(1, 0, 0, 0.5), alpha_mode="blend"), 0.0, 1),      # glass behind a wall
    (mr.Unlit(), mr.Unlit(color="red", alpha_mode="mask"), 0.0, 1),
    (mr.Standard(), mr.Standard(double_sided=True), 0.0, 1)],
    ids=["solid", "back", "double", "mask", "holes", "glass", "glass behind", "mask behind", "lit"])
def test_only_solid_sides_hide(device, material, behind, turned, kept):
    scene, camera = screen(material, behind, turned)
    made = renderers(device, (96, 64))
    for _ in range(3):
        counts = compare(made, scene, camera)
    assert counts.tolist()[0] == 2 and counts[2] == kept
    close(made)


def test_what_comes_nearer_than_the_near_plane_stays(device):
    scene, camera = screen(mr.Unlit())
    rod = scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="blue")), position=(0, 0, -2))
    rod.scale = (0.2, 0.2, 13.0)  # from behind the screen to behind the eye
    made = renderers(device, (96, 64))
    for _ in range(2):
        counts = compare(made, scene, camera)
    assert counts[2] == 2
    close(made)


def test_what_appears_and_disappears_is_there_at_once(device):
    scene, camera = screen(mr.Unlit())
    wall = next(iter(scene.nodes))
    made, kept = renderers(device, (96, 64)), []
    for visible in (True, True, False, True, True):
        wall.visible = visible
        kept.append(int(compare(made, scene, camera)[2]))
    assert kept == [2, 1, 1, 2, 1]  # the first frame knows no past; the sphere alone; the wall is new, then hides
    close(made)


def test_lines_and_points_at_the_edge_of_a_wall_stay(device):
    """They are wider than their boxes, which samples beside the pixel centre show; slid over an edge in steps of a quarter pixel."""
    for kind in ("lines", "points"):
        ends = np.array([[0, -1, 0], [0, 1, 0]], np.float32)
        scene = mr.Scene()
        scene.add(mr.Mesh(mr.box(1.0), mr.Unlit(color="#404040")), position=(-5, 0, 0), scale=(10, 10, 0.1))
        thin = scene.add(mr.Mesh(mr.Geometry(positions=ends, indices=np.array([0, 1], np.uint32), topology=kind), mr.Unlit(color="red")))
        camera = mr.OrthographicCamera(height=6.4, near=0.1, far=20).look_at((0, 0, 5), (0, 0, 0))
        made = renderers(device, (64, 64), msaa=4)
        for step in range(-12, 13):
            thin.position = (0.025 * step, 0, -1)
            pictures = [made[way].render(scene, camera).color for way in (False, "gpu", "gpu")]
            assert all(np.array_equal(picture, pictures[0]) for picture in pictures), (kind, step)
        close(made)


def test_two_renderers_and_two_devices_share_a_scene(device):
    from metarender.gpu.device import Device

    scene, edge = interior()
    views = [list(cameras(edge, 4, seed=seed)) for seed in (1, 2)]
    with Device.open("software") as other:
        made = [mr.Renderer(SIZE, msaa=1, occlusion="gpu", device=on) for on in (device, device, other)]
        plain = mr.Renderer(SIZE, msaa=1, device=device)
        for first, second in zip(*views, strict=True):
            for renderer, camera in zip(made, (first, second, first), strict=True):
                for _ in range(2):
                    assert np.array_equal(renderer.render(scene, camera).color, plain.render(scene, camera).color)
            next(iter(scene.nodes)).position = np.random.default_rng(3).uniform(0, 1, 3)
        close(dict(enumerate([*made, plain])))


class Skewed(mr.PerspectiveCamera):
    """What no camera of ours does, and a user's may."""

    def projection(self, aspect):
        matrix = super().projection(aspect)
        matrix[0, 1] = 0.3
        return matrix


def test_a_camera_that_sizes_cannot_be_told_for_draws_everything(device):
    scene, _ = screen(mr.Unlit())
    camera = Skewed().look_at((0, 0, 4), (0, 0, 0))
    made = renderers(device, (96, 64))
    for _ in range(2):
        pictures = [made[way].render(scene, camera).color for way in WAYS]
        assert np.array_equal(pictures[0], pictures[2]) and np.array_equal(pictures[0], pictures[1])
    with pytest.raises(mr.ReleasedError):
        made["gpu"].count_kept()
    close(made)


# --- settings, counters, life ------------------------------------------------------------------------------------------


def test_the_ladder_chooses_and_a_name_forces(device):
    assert device.capabilities.occlusion == "cpu"
    for name, way in (("NVIDIA GeForce RTX 4090/PCIe/SSE2", "gpu"), ("Mesa Intel(R) UHD Graphics 620 (KBL GT2)", "gpu"),
                      ("softpipe", "cpu"), ("Google SwiftShader", "cpu"), ("Microsoft Basic Render Driver", "cpu")):
        from metarender.gpu.capabilities import is_software

        assert dataclasses.replace(device.capabilities, renderer=name, software=is_software(name)).occlusion == way
    scene, camera = screen(mr.Unlit())
    with mr.Renderer((32, 32), msaa=1, occlusion=True, device=device) as renderer:
        assert renderer.render(scene, camera).stats.occluded == 1
        with pytest.raises(mr.ReleasedError, match="occlusion='gpu'"):
            renderer.count_kept()
        renderer.occlusion = "gpu"
        assert renderer.occlusion == "gpu" and renderer.render(scene, camera).stats.occluded == 0 and renderer.count_kept() == 2
        for wrong in ("GPU", "auto", None, 2):
            with pytest.raises(mr.InvalidInput, match="occlusion"):
                renderer.occlusion = wrong
        assert renderer.occlusion == "gpu"


def test_a_ghost_or_a_selection_switches_it_off(device):
    scene, camera = screen(mr.Unlit())
    wall = next(iter(scene.nodes))
    with mr.Renderer((32, 32), msaa=1, occlusion="gpu", device=device) as renderer:
        renderer.render(scene, camera)
        scene.ghost([wall.id])
        renderer.render(scene, camera)
        with pytest.raises(mr.ReleasedError):
            renderer.count_kept()


def test_everything_is_released_and_a_new_size_makes_a_new_pyramid(device):
    scene, edge = interior(rooms=2)
    camera = next(iter(cameras(edge, 1)))
    with mr.Renderer(SIZE, msaa=4, device=device) as renderer:
        renderer.render(scene, camera)  # what the scene keeps on the device, boxes apart
    before = device.live
    sizes = []
    with mr.Renderer(SIZE, msaa=4, occlusion="gpu", device=device) as renderer:
        for size in (SIZE, (33, 200), (1, 1), SIZE):
            renderer.size = size
            for _ in range(2):
                renderer.render(scene, camera)
            sizes.append((device.live, renderer._hiding.pyramid.levels))
    assert sizes[0] == sizes[-1] and all(live == sizes[0][0] for live, _ in sizes)
    assert [levels for _, levels in sizes] == [pyramid_levels(*size) for size in (SIZE, (33, 200), (1, 1), SIZE)]
    after = device.live
    assert after["buffer"] == before["buffer"] + 1  # the rows of boxes, which belong to the scene
    assert after["texture"] == before["texture"] and "framebuffer" not in after and "framebuffer" not in before
    device.close()
    assert not device.live


def test_an_unchanged_frame_uploads_nothing_and_a_moved_camera_nothing_per_object(device):
    scene, camera = many(2_000)
    with mr.Renderer((64, 64), msaa=1, occlusion="gpu", device=device) as renderer:
        for _ in range(3):
            stats = renderer.render(scene, camera).stats
        assert (stats.bytes_uploaded, stats.bytes_view, stats.programs_compiled) == (0, 0, 0)
        camera.position = camera.position + 0.01
        stats = renderer.render(scene, camera).stats
        assert stats.bytes_uploaded == 0 and stats.bytes_view > 0
        next(iter(scene.nodes)).position = (0.1, 0, 0)
        assert 0 < renderer.render(scene, camera).stats.bytes_uploaded <= 3 * 64 * (48 + 32)


@pytest.mark.slow
def test_promise_1_calls_do_not_grow_with_objects(device):
    counts = []
    for count in (1_000, 50_000):
        scene, camera = many(count)
        with mr.Renderer((64, 64), msaa=1, occlusion="gpu", device=device) as renderer:
            for _ in range(3):
                renderer.render(scene, camera)
            camera.position = camera.position + 0.01
            counts.append((calls_of(lambda: renderer.render(scene, camera)),  # noqa: B023
                           renderer._frame.stats.draw_calls, renderer._frame.stats.gl_calls))
            assert 0 < renderer.count_kept() <= count
    assert counts[0] == counts[1]


# --- kernels against references ----------------------------------------------------------------------------------------


SAMPLES_OF = """#version 430 core
layout(local_size_x = 1) in;
layout(binding = 12) uniform sampler2DMS depth;
layout(std430, binding = 3) writeonly buffer Out { float samples[]; };
void main() {
    for (int i = 0; i < 4; ++i)
        samples[(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 4 + i] = texelFetch(depth, ivec2(gl_WorkGroupID.xy), i).x;
}
"""


def depth_samples(device, texture):
    """(height, width, samples) float32 of a depth texture, by a way of its own."""
    if texture.samples == 1:
        return device.gl.read_bytes("glGetTextureImage", 4 * texture.width * texture.height, texture.name, 0, 0x1902,
                                    0x1406).view(np.float32).reshape(texture.height, texture.width, 1)
    program, out = device.ctx.compute_shader(SAMPLES_OF), device.ctx.buffer(reserve=16 * texture.width * texture.height)
    out.bind_to_storage_buffer(3)
    device.gl.glBindTextureUnit(12, texture.name)
    program.run(texture.width, texture.height)
    device.ctx.memory_barrier()
    samples = np.frombuffer(out.read(), np.float32).reshape(texture.height, texture.width, 4)
    program.release()
    out.release()
    return samples


def farthest(depth):
    """Minimum over tiles of 4 x 4, those at the border smaller."""
    high, wide = -(-depth.shape[0] // 4), -(-depth.shape[1] // 4)
    return np.array([[depth[4 * y:4 * y + 4, 4 * x:4 * x + 4].min() for x in range(wide)] for y in range(high)], np.float32)


@pytest.mark.parametrize("msaa", [1, 4])
@pytest.mark.parametrize("size", [(127, 63), (64, 64), (1, 1), (3, 130), (257, 5)])
def test_the_pyramid_holds_the_farthest_depth_of_its_pixels(device, size, msaa):
    scene, edge = interior(rooms=2)
    with mr.Renderer(size, msaa=msaa, device=device) as renderer:
        for camera in cameras(edge, 3, seed=5):
            renderer.render(scene, camera)
            depth = renderer._color.depth
            pyramid = DepthPyramid(ResourcePools.of(device))
            pyramid.build(depth)
            expected = depth_samples(device, depth).min(axis=2)
            assert size == (1, 1) or np.ptp(expected) > 0
            for level in pyramid.read():
                expected = farthest(expected)
                assert np.array_equal(level, expected)
            assert max(expected.shape) <= 4
            pyramid.release()


def scattered(rng, origin, clusters=6, count=3_000):
    """A store of boxes in far-apart clusters (several anchors), some hidden, on several layers, near planes of a camera at random."""
    store = Store()
    store.set_geometry(0, 1, (-0.5,) * 3, (0.5,) * 3)
    store.set_geometry(1, 1, (-2, 0, 0), (1, 0.25, 3))
    for material in range(3):
        store.set_material(material, 0, material)
    ids = store.add(0, count)
    centre = origin + rng.uniform(-3000, 3000, (clusters, 3))[rng.integers(clusters, size=count)] * (rng.random((count, 1)) < 0.6)
    matrix = np.tile(np.eye(4), (count, 1, 1))
    matrix[:, :3, :3] = rng.normal(size=(count, 3, 3)) * 10.0 ** rng.uniform(-2, 1.5, (count, 1, 1))
    matrix[:, :3, 3] = centre + rng.normal(size=(count, 3)) * 40
    store.set(ids, matrix=matrix)
    for kind in range(6):
        store.set_draws(ids[kind::6], [kind % 2], [kind % 3])
    store.set_visible(ids[rng.random(count) < 0.1], False)
    store.set_layers(ids[::5], 2)
    store.update()
    return store, centre


@pytest.mark.parametrize("origin", [(0.0, 0.0, 0.0), (6.4e6, -1.2e6, 3.3e6), (1e9, 1e9, -1e9)], ids=["origin", "earth", "far"])
def test_promise_2_the_device_keeps_the_same_bits_of_a_frustum(device, origin, short_rows):
    rng = np.random.default_rng(11)
    pools = ResourcePools.of(device)
    store, centre = scattered(rng, np.array(origin))
    mirror, occlusion = SceneMirror(pools), Occlusion(pools)
    assert store.anchor_count > 3
    dropped = kept = 0
    for number in range(40):
        if number % 3:
            camera = mr.PerspectiveCamera(fov=float(rng.uniform(10, 120)), near=0.1, far=math.inf if number % 2 else 2000.0)
        else:
            camera = mr.OrthographicCamera(height=float(rng.uniform(10, 2000)), near=-50.0, far=3000.0)
        camera.look_at((0, 0, 0), rng.normal(size=3))
        pose = camera.matrix.copy()
        pose[:3, 3] = centre[rng.integers(len(centre))] + rng.normal(size=3) * 30
        view = View(store)
        view.configure(pose, camera.projection(1.5), int(rng.integers(1, 4)))
        cull([view])
        hierarchical = view.visible.copy()
        cull_flat(view)
        expected = view.visible.copy()
        occlusion.cull(mirror, view)
        assert np.array_equal(occlusion.read(), expected), number
        assert not (hierarchical & ~expected).any()
        kept += int(np.unpackbits(expected.view(np.uint8)).sum())
        dropped += int(np.unpackbits((store.block_live & ~expected).view(np.uint8)).sum())
    assert kept > 2_000 and dropped > 2_000
    occlusion.release()
    mirror.release()


def stretches(runs, bits, longest=256):
    """Commands of the stretches of set bits in each run, which break where a multiple of `longest` begins."""
    out = []
    for count, instances, first_index, base_vertex, base_instance in runs.tolist():
        for slot in range(base_instance, base_instance + instances):
            if not bits[slot]:
                continue
            if slot > base_instance and bits[slot - 1] and slot % longest:
                out[-1][1] += 1
            else:
                out.append([count, 1, first_index, base_vertex, slot])
    return out


@pytest.fixture
def short_rows(monkeypatch):
    """Dispatches fold into rows of three groups, as those of millions do into longer ones."""
    monkeypatch.setattr("metarender.gpu.compute.ROW", 3)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.97, 1.0])
def test_runs_fall_apart_into_stretches_in_their_order(device, share, short_rows):
    rng = np.random.default_rng(int(100 * share))
    scene = mr.Scene()
    geometries, parts = [mr.box(0.1 * (1 + k)) for k in range(7)], []
    for geometry, count in zip(geometries, (1, 2, 3, 64, 700, 1_111, 5), strict=True):
        parts.append(scene.add_instances(geometry, mr.Unlit(), count=count))
        with parts[-1].edit("position") as position:
            position[:] = rng.uniform(-1, 1, (count, 3))
    for instances in parts:  # gaps of their own, so that runs begin at odd slots too
        scene.store.set_visible(instances.ids[rng.random(len(instances.ids)) < 0.003], False)
    camera = mr.PerspectiveCamera().look_at((0, 0, 6), (0, 0, 0))
    with mr.Renderer((32, 32), msaa=1, occlusion="gpu", device=device) as renderer:
        renderer.render(scene, camera)
        occlusion, pairs = renderer._hiding, np.zeros((renderer._hiding._bits.size // 8, 2), np.uint32)
        bits = rng.random(len(pairs) * 32) < share
        pairs[:, KEPT] = np.packbits(bits, bitorder="little").view(np.uint32)
        device.gl.glNamedBufferSubData(occlusion._bits.name, 0, pairs.nbytes, pairs.ctypes.data)
        runs = occlusion._lists[0].draws
        occlusion._make_commands(0, KEPT)
        device.gl.glMemoryBarrier(0xFFFFFFFF)
        places = runs.places
        out = np.frombuffer(occlusion._commands.buffer.read(size=20 * int(places[-1])), np.uint32).reshape(-1, 5)
        assert (runs.commands[:, 4] % 2 == 1).any() and (runs.commands[:, 1] > 256).any()
        for number in range(len(runs)):  # each run keeps to its own places
            mine = out[places[number]:places[number + 1]]
            assert mine[mine[:, 1] > 0].tolist() == stretches(runs.commands[number:number + 1], bits)


def test_a_wider_picture_of_the_same_frustum_is_tested_in_its_own_pixels(device):
    """A camera with an aspect of its own keeps its projection when the size changes; where boxes lie in the picture changes."""
    scene, edge = interior()
    made = renderers(device, size=(96, 192))
    for camera in cameras(edge, 6):
        camera.aspect = 1.0
        for width in (96, 160):
            for renderer in made.values():
                renderer.size = (width, 192)
            compare(made, scene, camera, f"{width} pixels")
            compare(made, scene, camera, f"{width} pixels again")
    close(made)
