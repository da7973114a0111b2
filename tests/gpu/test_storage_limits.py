"""What shaders read of one buffer is compared with what the device allows before it is allocated, and the renderer goes on."""

from dataclasses import replace

import numpy as np
import pytest

import metarender as mr
from metarender.errors import DeviceError, OutOfDeviceMemory, ReleasedError
from metarender.gpu.buffers import GrowBuffer
from metarender.gpu.resources import MAX_BUFFER

CAMERA = mr.PerspectiveCamera(fov=40).look_at((0, 0, 14), (0, 0, 0))
LIMIT = 1 << 16


@pytest.fixture
def renderer(renderer, monkeypatch):
    """A renderer on a device whose shaders read 64 KiB of a buffer."""
    monkeypatch.setattr(renderer.device, "capabilities", replace(renderer.device.capabilities, max_storage_block=LIMIT))
    return renderer


def scene_of(mesh=None):
    scene = mr.Scene()
    scene.environment = None
    scene.add(mr.DirectionalLight())
    node = scene.add(mesh or mr.Mesh(mr.box(2), mr.Standard(color="orange")))
    return scene, node


def morphed(vertices, morphs):
    positions = np.random.default_rng(1).normal(size=(vertices, 3))
    return mr.Geometry(positions=positions, indices=np.arange(vertices), morphs=[mr.Morph(np.ones((vertices, 3))) for _ in range(morphs)])


def many_poses():
    scene, _ = scene_of()
    parts = scene.add_instances(morphed(3, 60), mr.Standard(), count=400)  # 16 rows of 16 bytes each
    return scene, parts.remove, rf"the palettes and morph weights of a scene: 102,\d+ bytes .* at most {LIMIT:,} .*draw the scene in parts"


def many_morphs():
    scene, _ = scene_of()
    large = scene.add(mr.Mesh(morphed(600, 10), mr.Standard()))
    return scene, large.remove, rf"the morphs of all geometries: 72,000 bytes .* at most {LIMIT:,} .*use fewer morphs"


def many_materials():
    scene, _ = scene_of()
    box = mr.box(0.1)
    nodes = [scene.add(mr.Mesh(box, mr.Unlit(color=(number / 3000, 0, 0)))) for number in range(3000)]
    return scene, lambda: [node.remove() for node in nodes], rf"materials of unlit: 192,\d+ bytes .* at most {LIMIT:,} .*share materials"


def many_lights():
    scene, _ = scene_of()
    nodes = [scene.add(mr.PointLight(range=1.0)) for _ in range(1100)]
    return scene, lambda: [node.remove() for node in nodes], rf"lights: 70,464 bytes are needed.* at most {LIMIT:,} .*use fewer lights"


def many_anchors():
    scene, _ = scene_of()
    places = np.tile(np.eye(4), (5000, 1, 1))
    places[:, 0, 3] = 5000.0 * np.arange(1, 5001)
    parts = scene.add_instances(mr.box(1), mr.Standard(), matrices=places)
    message = rf"the places that a scene is measured from: 80,\d+ bytes .* at most {LIMIT:,} .*closer together"
    return scene, lambda: (parts.remove(), scene.settle()), message


@pytest.mark.parametrize("make", [many_poses, many_morphs, many_materials, many_lights, many_anchors])
def test_more_than_a_storage_block_is_refused_and_the_renderer_goes_on(renderer, make):
    plain = renderer.render(scene_of()[0], CAMERA).color.tobytes()
    scene, mend, message = make()
    held = set()
    for _ in range(2):
        with pytest.raises(DeviceError, match=message) as caught:
            renderer.render(scene, CAMERA)
        assert not isinstance(caught.value, OutOfDeviceMemory)
        held.add(renderer.memory.total)
    assert len(held) == 1  # what is refused is not allocated
    assert renderer.render(scene_of()[0], CAMERA).color.tobytes() == plain  # another scene is drawn as before
    mend()
    assert renderer.render(scene, CAMERA).color.tobytes() == plain


def test_what_just_fits_is_drawn_and_buffers_grow_no_further_than_shaders_read(renderer):
    scene, _ = scene_of()
    scene.add_instances(morphed(3, 60), mr.Standard(), count=150)
    renderer.render(scene, CAMERA)
    scene.add_instances(morphed(3, 60), mr.Standard(), count=100)  # half as much again would be more than there may be
    renderer.render(scene, CAMERA)
    size = renderer._pools.mirror(scene).deform.size
    assert 250 * 16 * 16 <= size <= LIMIT < 250 * 16 * 16 * 3 // 2


def test_many_scattered_edits_of_rows_beyond_a_storage_block_arrive(renderer):
    scene, _ = scene_of()
    places = np.tile(np.eye(4), (100_000, 1, 1))
    places[:, :3, 3] = np.random.default_rng(2).uniform(-300, 300, (100_000, 3))
    parts = scene.add_instances(mr.box(0.5), mr.Unlit(color="white"), matrices=places)
    renderer.render(scene, CAMERA)
    chosen = parts.ids[::500]
    near = np.random.default_rng(3).uniform(-4, 4, (len(chosen), 3))
    scene.set(chosen, position=near)
    seen = renderer.render(scene, CAMERA).color.tobytes()
    with mr.Renderer(size=renderer.size, msaa=1) as other:
        assert other.render(scene, CAMERA).color.tobytes() == seen


def test_where_boxes_are_more_than_a_shader_reads_the_picture_is_drawn_without_occlusion(device, monkeypatch):
    scene, _ = scene_of()
    grid = np.tile(np.eye(4), (3000, 1, 1))
    grid[:, 0, 3], grid[:, 2, 3] = np.arange(3000) % 50 - 25, -(np.arange(3000) // 50)
    scene.add_instances(mr.box(0.5), mr.Standard(color="white"), matrices=grid)
    taken = []
    for limit in (device.capabilities.max_storage_block, LIMIT):
        monkeypatch.setattr(device, "capabilities", replace(device.capabilities, max_storage_block=limit))
        with mr.Renderer(device=device, size=(64, 48), occlusion="gpu") as drawn:
            taken.append(drawn.render(scene, CAMERA).color.tobytes())
            if limit == LIMIT:
                with pytest.raises(ReleasedError, match="nothing to count"):
                    drawn.count_kept()
    assert taken[0] == taken[1]


def test_a_buffer_beyond_what_any_driver_takes_is_refused(device):
    buffer = GrowBuffer(device, "rows of a test")
    with pytest.raises(OutOfDeviceMemory, match=r"rows of a test: 4,294,967,312 bytes are needed, and one .* at most 2,147,483,647"):
        buffer.reserve(2**32 + 16)
    assert buffer.size == 4096 and MAX_BUFFER < 2**32
    buffer.write(np.arange(4, dtype=np.uint32))
    buffer.release()


def test_the_limit_of_this_driver_itself_is_kept(device):
    """With no limit lowered: one block more than the driver says."""
    most = device.capabilities.max_storage_block
    buffer = GrowBuffer(device, "poses of a test", mend="use fewer")
    with pytest.raises(DeviceError, match=rf"poses of a test: {most + 16:,} bytes are needed, .*at most {most:,} .*; use fewer\."):
        buffer.reserve(most + 16)
    buffer.release()
