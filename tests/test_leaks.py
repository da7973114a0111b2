"""Everything made can be released, and is: live counts return to zero and memory stays flat."""

import gc
import os

import numpy as np
import pytest

import metarender as mr
from metarender.gpu.device import Device


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def small_scene() -> tuple[mr.Scene, mr.Camera]:
    scene = mr.Scene()
    texture = mr.Texture(np.full((16, 16, 4), 200, np.uint8), srgb=True)
    scene.add(mr.Mesh(mr.box(1), mr.Standard(color_texture=texture)))
    scene.add(mr.Mesh(mr.sphere(0.5), mr.Standard(color=(1.0, 1.0, 1.0, 0.5), alpha_mode="blend")), position=(1, 0, 0))
    scene.add(mr.DirectionalLight(direction=(-1, -1, -1)))
    return scene, mr.PerspectiveCamera().look_at((2, 2, 3), (0, 0, 0))


@pytest.mark.slow
def test_promise_7_fifty_cycles_leave_nothing_behind():
    sizes = []
    for cycle in range(50):
        scene, camera = small_scene()
        with mr.Renderer(size=(64, 64), device="software") as renderer:
            assert np.ptp(renderer.render(scene, camera, outputs=("color", "ids")).color[..., :3]) > 0
            device = renderer.device
        assert device.live == {}
        del scene, renderer, device
        gc.collect()
        if cycle >= 10:
            sizes.append(resident())
    slope = np.polyfit(np.arange(len(sizes)), sizes, 1)[0]
    assert slope < 16_384, f"{slope:.0f} bytes per cycle"


def test_promise_7_what_a_scene_used_goes_with_it():
    with Device.open("software") as device, mr.Renderer(size=(32, 32), device=device) as renderer:
        renderer.render(mr.Scene())
        gc.collect()
        device.drain()
        before = dict(device.live)
        for _ in range(3):
            scene, camera = small_scene()
            renderer.render(scene, camera)
            assert device.live["buffer"] > before["buffer"]
            del scene, camera
            gc.collect()
            renderer.render(mr.Scene())
            gc.collect()
            device.drain()
        assert device.live.get("geometry", 0) == 0 and device.live.get("texture_layer", 0) == 0
        assert device.live.get("scene", 0) <= 1


def test_promise_7_a_shared_device_outlives_its_renderers():
    with Device.open("software") as device:
        for _ in range(2):
            scene, camera = small_scene()
            with mr.Renderer(size=(32, 32), device=device) as renderer:
                renderer.render(scene, camera)
        assert not device.closed
    assert device.live == {}


def test_promise_8_two_devices_never_see_each_other():
    scene, camera = small_scene()
    with mr.Renderer(size=(48, 48), device="software") as one, mr.Renderer(size=(48, 48), device="software") as two:
        assert one.device is not two.device
        first, second = one.render(scene, camera), two.render(scene, camera)
        assert np.array_equal(first.color, second.color)
        next(iter(scene.nodes)).position = (0, 1, 0)
        moved = one.render(scene, camera).color
        assert not np.array_equal(moved, first.color)
        assert np.array_equal(two.render(scene, camera).color, moved)
