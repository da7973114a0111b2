"""Culling in compute: every box against every plane on the device, beside the same on the processor; same bits."""

from __future__ import annotations

import ctypes

import numpy as np
from clock import best
from scenes import look, perspective, uniform_boxes

from metarender._core import View, cull, cull_flat
from metarender.gpu import gl_extra as gl
from metarender.gpu.device import Device
from metarender.gpu.occlusion import Occlusion
from metarender.gpu.resource_pools import ResourcePools
from metarender.gpu.scene_mirror import SceneMirror

SOFTWARE, GPU = (200_000,), (1_000_000, 10_000_000)
"""How many boxes: few where the device is software, where only the count is of interest."""


def device_seconds(device, call, rounds=20):
    """Shortest time between two timestamps of the device around a call, seconds."""
    api, found = device.gl, []
    names, value = (ctypes.c_uint * 2)(), ctypes.c_uint64()
    api.glGenQueries(2, ctypes.addressof(names))
    for _ in range(rounds):
        stamps = []
        api.glQueryCounter(names[0], gl.GL_TIMESTAMP)
        call()
        api.glQueryCounter(names[1], gl.GL_TIMESTAMP)
        for name in names:
            api.glGetQueryObjectui64v(name, gl.GL_QUERY_RESULT, ctypes.addressof(value))
            stamps.append(value.value)
        found.append(stamps[1] - stamps[0])
    api.glDeleteQueries(2, ctypes.addressof(names))
    return min(found) * 1e-9


def test_cull_uniform_boxes_on_the_device(benchmark):
    with Device.open() as device:
        pools = ResourcePools.of(device)
        benchmark.extra_info |= {"device": device.capabilities.renderer, "driver": device.capabilities.driver}
        for count in SOFTWARE if device.capabilities.software else GPU:
            store, _, _, _ = uniform_boxes(count)
            mirror, occlusion, view = SceneMirror(pools), Occlusion(pools), View(store)
            view.configure(look((20.0, 5.0, 30.0), 0.7), perspective(60, 16 / 9, 0.1))
            cull([view])
            occlusion.cull(mirror, view)
            device.finish()
            on_device = device_seconds(device, lambda: occlusion.cull(mirror, view))  # noqa: B023
            flat = best(lambda: cull_flat(view), 20)  # noqa: B023
            benchmark.extra_info |= {f"device_ms_{count}": on_device * 1e3, f"flat_cpu_ms_{count}": flat * 1e3,
                                     f"ratio_{count}": flat / on_device, f"visible_{count}": view.visible_count}
            assert np.array_equal(occlusion.read(), view.visible) and 0.01 * count < view.visible_count < 0.5 * count
        benchmark.pedantic(lambda: (occlusion.cull(mirror, view), device.finish()), rounds=10)
        occlusion.release()
        mirror.release()
