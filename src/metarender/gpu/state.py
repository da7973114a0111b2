"""Fixed-function state: what a device sets once for all its passes, and the way back to OpenGL's defaults."""

from __future__ import annotations

from . import gl_extra as g
from .capabilities import Capabilities

_OFF = (
    g.GL_BLEND, g.GL_CULL_FACE, g.GL_DEPTH_TEST, g.GL_STENCIL_TEST, g.GL_SCISSOR_TEST, g.GL_POLYGON_OFFSET_FILL, g.GL_DEPTH_CLAMP,
    g.GL_SAMPLE_ALPHA_TO_COVERAGE, g.GL_SAMPLE_SHADING, g.GL_PROGRAM_POINT_SIZE, g.GL_RASTERIZER_DISCARD, g.GL_FRAMEBUFFER_SRGB,
    g.GL_PRIMITIVE_RESTART, g.GL_PRIMITIVE_RESTART_FIXED_INDEX, g.GL_TEXTURE_CUBE_MAP_SEAMLESS, g.GL_DEBUG_OUTPUT,
    g.GL_DEBUG_OUTPUT_SYNCHRONOUS,
)  # fmt: skip
_BUFFER_TARGETS = (
    g.GL_ARRAY_BUFFER, g.GL_PIXEL_PACK_BUFFER, g.GL_PIXEL_UNPACK_BUFFER, g.GL_UNIFORM_BUFFER, g.GL_SHADER_STORAGE_BUFFER,
    g.GL_DRAW_INDIRECT_BUFFER, g.GL_COPY_READ_BUFFER, g.GL_COPY_WRITE_BUFFER, g.GL_DISPATCH_INDIRECT_BUFFER,
)  # fmt: skip


def configure_state(gl: g.GL) -> None:
    """Set the conventions of every pass: zero-to-one depth, nearer is greater, no primitive restart, seamless cubes."""
    gl.glClipControl(g.GL_LOWER_LEFT, g.GL_ZERO_TO_ONE)
    # ModernGL turns primitive restart on, which costs a software driver 13-19 % of vertex work.
    gl.glDisable(g.GL_PRIMITIVE_RESTART)
    gl.glDisable(g.GL_PRIMITIVE_RESTART_FIXED_INDEX)
    gl.glEnable(g.GL_TEXTURE_CUBE_MAP_SEAMLESS)
    gl.glEnable(g.GL_MULTISAMPLE)
    gl.glDepthFunc(g.GL_GREATER)
    gl.glPixelStorei(g.GL_PACK_ALIGNMENT, 1)
    gl.glPixelStorei(g.GL_UNPACK_ALIGNMENT, 1)


def reset_state(gl: g.GL, capabilities: Capabilities) -> None:
    """Put the state that metarender or ModernGL may have changed back to OpenGL's defaults, before a context is parked."""
    gl.glDebugMessageCallback(None, None)
    for name in _OFF:
        gl.glDisable(name)
    gl.glEnable(g.GL_MULTISAMPLE)
    _unbind(gl, capabilities)
    gl.glClipControl(g.GL_LOWER_LEFT, g.GL_NEGATIVE_ONE_TO_ONE)
    gl.glDepthFunc(g.GL_LESS)
    gl.glDepthMask(1)
    gl.glDepthRangef(0.0, 1.0)
    gl.glColorMask(1, 1, 1, 1)
    gl.glBlendFunc(g.GL_ONE, g.GL_ZERO)
    gl.glBlendEquation(g.GL_FUNC_ADD)
    gl.glFrontFace(g.GL_CCW)
    gl.glCullFace(g.GL_BACK)
    gl.glPolygonMode(g.GL_FRONT_AND_BACK, g.GL_FILL)
    gl.glPolygonOffset(0.0, 0.0)
    gl.glLineWidth(1.0)
    gl.glPointSize(1.0)
    for name in (g.GL_PACK_ALIGNMENT, g.GL_UNPACK_ALIGNMENT):
        gl.glPixelStorei(name, 4)
    for name in (g.GL_PACK_ROW_LENGTH, g.GL_UNPACK_ROW_LENGTH):
        gl.glPixelStorei(name, 0)


def _unbind(gl: g.GL, capabilities: Capabilities) -> None:
    gl.glUseProgram(0)
    gl.glBindVertexArray(0)
    gl.glBindFramebuffer(g.GL_FRAMEBUFFER, 0)
    for target in _BUFFER_TARGETS:
        gl.glBindBuffer(target, 0)
    if capabilities.has("indirect_count"):
        gl.glBindBuffer(g.GL_PARAMETER_BUFFER, 0)
    for i in range(min(capabilities.max_storage_bindings, 16)):
        gl.glBindBufferBase(g.GL_SHADER_STORAGE_BUFFER, i, 0)
        gl.glBindBufferBase(g.GL_UNIFORM_BUFFER, i, 0)
    for unit in range(min(capabilities.max_texture_units, 64)):
        gl.glBindTextureUnit(unit, 0)
        gl.glBindSampler(unit, 0)
    gl.glActiveTexture(g.GL_TEXTURE0)
