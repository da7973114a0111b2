"""`Renderer.memory` counts every byte asked of the driver, and `memory_limit` refuses before the driver is asked."""

from __future__ import annotations

import numpy as np
import pytest

import metarender as mr
from metarender.errors import InvalidInput, OutOfDeviceMemory
from metarender.gpu.device import Device


def everything() -> mr.Scene:
    """A scene that needs every kind of device memory."""
    scene = mr.Scene()
    scene.environment, scene.background = mr.Environment.studio(), "environment"
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 4), dtype=np.uint8)
    checked = mr.Standard(color_texture=mr.Texture(pixels, srgb=True))
    boxes = scene.add_instances(mr.box(0.4), checked, count=500)
    with boxes.edit("position") as position:
        position[:] = np.random.default_rng(2).uniform(-3, 3, (500, 3))
    scene.add(mr.Mesh(mr.sphere(1.0), mr.Unlit(color="red")))
    scene.add(mr.DirectionalLight(shadow=True), rotation=(-0.5, 0.2, 0.1, 0.8))
    return scene


def draw(renderer: mr.Renderer, scene: mr.Scene) -> bytes:
    frame = renderer.render(scene, outputs=("color", "ids"))
    return frame.color.tobytes() + frame.ids.tobytes()


def test_memory_counts_every_byte_by_what_for():
    scene = everything()
    with mr.Renderer(size=(128, 96)) as renderer:
        before = renderer.memory
        assert before.attachments == before.instances == before.textures == before.environment == 0 and before.limit is None
        draw(renderer, scene)
        memory = renderer.memory
        assert memory.total == sum(renderer.device.live_bytes.values()) and memory.others == 0
        samples = 4 * (8 + 4) * 128 * 96
        shadow = min(4096, renderer.device.capabilities.max_texture_size) ** 2 * 4
        assert memory.attachments == samples + 128 * 96 * 4 + 128 * 96 * 8 + shadow
        assert memory.geometry >= sum(g.positions.nbytes + g.indices.nbytes for g in scene.geometry_list)
        assert memory.instances >= 501 * 80 and memory.textures >= 64 * 64 * 4 and memory.environment > 0 and memory.materials > 0
        rows = scene.add_instances(mr.box(0.1), mr.Unlit(), count=60_000)
        with rows.edit("position") as position:
            position[:, 0] = np.arange(60_000)
        draw(renderer, scene)
        rows.set(slice(None, None, 512), value=1.0)  # every second page: too many writes, so they pass through staging buffers
        draw(renderer, scene)
        assert renderer.memory.staging > 0
        assert renderer.memory.total == sum(renderer.device.live_bytes.values()) and renderer.memory.others == 0
    assert renderer.memory.total == 0


def test_memory_counts_what_occlusion_on_the_device_needs():
    scene = everything()
    with mr.Renderer(size=(128, 96)) as renderer:
        draw(renderer, scene)
        before = renderer.memory
        renderer.occlusion = "gpu"
        draw(renderer, scene)
        after = renderer.memory
        pyramid, bits = 4 * (32 * 24 + 8 * 6 + 2 * 2), 16 * scene.store.draw_slots // 64
        assert after.attachments - before.attachments >= pyramid + bits and after.instances - before.instances >= 501 * 32
        assert after.total == sum(renderer.device.live_bytes.values()) and after.others == 0
    assert renderer.memory.total == 0


def test_renderers_of_one_device_tell_their_own_memory_from_the_others():
    scene = everything()
    with Device.open() as device, mr.Renderer(size=(64, 64), device=device) as one, mr.Renderer(size=(32, 32), device=device) as two:
        draw(one, scene)
        draw(two, scene)
        assert one.memory.total == two.memory.total == sum(device.live_bytes.values())
        assert one.memory.others == two.memory.attachments + two.memory.view and one.memory.geometry == two.memory.geometry


@pytest.mark.parametrize("occlusion", [False, "gpu"])
def test_any_limit_refuses_cleanly_and_a_higher_one_draws_the_same_picture(occlusion):
    """From too little for anything to just enough: one clear error, nothing half-drawn, and the next frame is right."""
    scene = everything()
    with mr.Renderer(size=(96, 64), occlusion=occlusion) as renderer:
        expected, need = draw(renderer, scene), renderer.memory.total
    refused = 0
    with mr.Renderer(size=(96, 64), occlusion=occlusion) as renderer:
        floor = renderer.memory.total
        for share in np.linspace(0.0, 1.0, 24):
            renderer.memory_limit = int(floor + (need - floor) * share)
            try:
                picture = draw(renderer, scene)
            except OutOfDeviceMemory as error:
                refused += 1
                assert "memory_limit" in str(error) and "Renderer.memory" in str(error)
                assert renderer.memory.total <= renderer.memory_limit
            else:
                assert picture == expected
        renderer.memory_limit = None
        assert draw(renderer, scene) == expected and refused >= 10


def test_a_limit_holds_for_pictures_that_grow_and_never_costs_the_old_one():
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Unlit(color="red")))
    with mr.Renderer(size=(64, 64), msaa=1) as renderer:
        small = renderer.render(scene).color
        renderer.memory_limit = renderer.memory.total + 10_000
        renderer.size = (2048, 2048)
        with pytest.raises(OutOfDeviceMemory, match="bytes of memory_limit are in use"):
            renderer.render(scene)
        renderer.size = (64, 64)
        assert np.array_equal(renderer.render(scene).color, small)


def test_a_limit_is_the_renderers_own_on_a_shared_device():
    scene = mr.Scene()
    scene.add(mr.Mesh(mr.box(1), mr.Unlit(color="red")))
    with Device.open() as device, mr.Renderer(size=(32, 32), device=device) as free:
        with mr.Renderer(size=(512, 512), device=device, memory_limit=600_000) as bound, pytest.raises(OutOfDeviceMemory):
            bound.render(scene)
        assert free.render(scene).color.any() and free.memory.limit is None


def test_a_limit_below_an_empty_renderer_leaves_nothing_behind():
    with Device.open() as device:
        before = device.live
        with pytest.raises(OutOfDeviceMemory):
            mr.Renderer(device=device, memory_limit=1000)
        device.drain()
        assert {kind: n for kind, n in device.live.items() if kind == "buffer"} == {k: n for k, n in before.items() if k == "buffer"}


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "1 GB"])
def test_a_limit_is_a_whole_number_of_bytes(wrong):
    with pytest.raises(InvalidInput, match="memory_limit"):
        mr.Renderer(memory_limit=wrong)


def test_a_material_table_that_was_refused_is_made_when_there_is_room():
    scene = mr.Scene()
    geometry = mr.box(1)
    scene.add(mr.Mesh(geometry, mr.Unlit(color="red")))
    with mr.Renderer(size=(32, 32), msaa=1) as renderer:
        draw(renderer, scene)
        scene.add(mr.Mesh(geometry, mr.Standard(color="blue")), position=(2, 0, 0))
        renderer.memory_limit = renderer.memory.total + 16
        with pytest.raises(OutOfDeviceMemory, match="materials of standard"):
            draw(renderer, scene)
        renderer.memory_limit = None
        picture = draw(renderer, scene)
    with mr.Renderer(size=(32, 32), msaa=1) as renderer:
        assert draw(renderer, scene) == picture


def test_a_renderer_that_could_not_be_made_leaves_no_limit_on_a_shared_device():
    with Device.open() as device:
        with pytest.raises(OutOfDeviceMemory):
            mr.Renderer(device=device, memory_limit=1000)
        device.create_buffer(2000).release()
