"""A triangle that is drawn and read back: proof that a device works, for ``metarender doctor``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import MetarenderError
from . import gl_extra as g
from .device import Device

_VERTEX = """#version 430
const vec2 corners[3] = vec2[](vec2(-1.0, -1.0), vec2(1.0, -1.0), vec2(-1.0, 1.0));
uniform float depth;
void main() { gl_Position = vec4(corners[gl_VertexID], depth, 1.0); }
"""
_FRAGMENT = """#version 430
layout(location = 0) out vec4 result;
uniform vec4 color;
void main() { result = color; }
"""
SIZE = 16
NEAR, FAR = (1.0, 0.5, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)


def draw_test_triangle(device: Device) -> str:
    """Draw a near triangle, then a far one behind it, and compare every pixel.

    Returns
    -------
    str
        ``"ok"``, or what is wrong in one sentence.
    """
    try:
        return _compare(_draw(device))
    except MetarenderError as error:
        return str(error)
    except Exception as error:  # ModernGL raises its own error type for shaders
        return f"the test shader does not run ({error})"


def _draw(device: Device) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    gl = device.gl
    device.check_current("drawing the test triangle")
    color = device.create_texture_2d(SIZE, SIZE, g.GL_RGBA8)
    depth = device.create_texture_2d(SIZE, SIZE, g.GL_DEPTH_COMPONENT32F)
    framebuffer = device.create_framebuffer([color], depth)
    program: Any = device.ctx.program(vertex_shader=_VERTEX, fragment_shader=_FRAGMENT)
    corners = device.ctx.vertex_array(program, [])
    try:
        gl.glBindFramebuffer(g.GL_FRAMEBUFFER, framebuffer.name)
        gl.glViewport(0, 0, SIZE, SIZE)
        gl.glEnable(g.GL_DEPTH_TEST)
        for rgba, nearness in ((NEAR, 0.75), (FAR, 0.25)):  # reversed depth: the greater is the nearer
            program["color"].value, program["depth"].value = rgba, nearness
            corners.render(vertices=3)
        gl.glDisable(g.GL_DEPTH_TEST)
        gl.glBindFramebuffer(g.GL_FRAMEBUFFER, 0)
        pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = device.read_pixels(framebuffer, "rgba8", (SIZE, SIZE))
        return pixels
    finally:
        corners.release()
        program.release()
        for resource in (framebuffer, depth, color):
            resource.release()


def _compare(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    row, column = np.indices((SIZE, SIZE))
    inside, outside = row + column < SIZE - 1, row + column > SIZE - 1  # the diagonal itself is the rasteriser's choice
    if pixels[outside].any():
        return "pixels outside of the test triangle were drawn to"
    off = np.abs(pixels[inside].astype(int) - np.round(np.array(NEAR) * 255)).max()
    return "ok" if off <= 1 else f"the test triangle has wrong colours (off by up to {off:.0f} of 255)"
