"""What a Device makes of a native context once, and the next Device on the same context reuses.

ModernGL's Context is made once per native context: each one leaks its extension names (about 16 KiB).
"""

from __future__ import annotations

import threading
from typing import Any

import moderngl

from . import current
from . import gl_extra as g
from .capabilities import Capabilities, read_capabilities, read_version, require_floor
from .current import NativeContext


class _Loader:
    """What ModernGL sees of a context: releasing ModernGL's Context leaves ours alone."""

    def __init__(self, context: NativeContext) -> None:
        self._context = context
        self.load = self.load_opengl_function = context.load

    def release(self) -> None:
        pass

    def __enter__(self) -> _Loader:
        current.switch_to(self._context)
        return self

    def __exit__(self, *exception: object) -> None:
        pass


class Binding:
    """Entry points, capabilities and ModernGL's Context of one native context, which must be current.

    Raises
    ------
    DeviceError
        If the context is below the OpenGL floor.
    """

    def __init__(self, context: NativeContext, offscreen: bool) -> None:
        version, extensions = read_version(g.GL(context.load, (4, 3), ()))
        self.gl = g.GL(context.load, version, extensions)
        require_floor(version, extensions, self.gl.string(g.GL_RENDERER))
        self.capabilities: Capabilities = read_capabilities(self.gl, version, extensions, debug=context.debug, robust=context.robust)
        self.ctx = _moderngl_context(context, offscreen)
        self._screen = self.ctx.detect_framebuffer(0)
        self.gl.errors()  # ModernGL probes optional limits and leaves error flags behind

    def reset(self) -> None:
        """Put ModernGL's own copies of state back, so that the next Device starts as the first one did."""
        ctx = self.ctx
        ctx.enable_only(moderngl.NOTHING)
        ctx.front_face, ctx.cull_face, ctx.depth_func = "ccw", "back", "<="
        ctx.blend_func = (moderngl.SRC_ALPHA, moderngl.ONE_MINUS_SRC_ALPHA)
        ctx.blend_equation = (moderngl.FUNC_ADD, moderngl.FUNC_ADD)
        ctx.wireframe, ctx.multisample = False, True
        ctx.includes.clear()
        ctx.extra = None
        self._screen.use()
        self.gl.errors()  # a context without a surface has no default framebuffer to draw to

    def release(self) -> None:
        """Break ModernGL's reference cycles; makes no GL call."""
        self.ctx.release()


_default = threading.Lock()  # ModernGL's default context is one for the process


def _moderngl_context(context: NativeContext, offscreen: bool) -> moderngl.Context:
    """ModernGL's Context over ours, without leaving it as the process's default."""
    store = getattr(moderngl, "_store", None)
    loader: Any = _Loader(context)  # ModernGL's stub knows only dicts, its code any object with these methods
    with _default:
        before = getattr(store, "default_context", None)
        ctx = moderngl.create_context(require=430, standalone=offscreen, context=loader)
        if store is not None:
            store.default_context = before
    return ctx
