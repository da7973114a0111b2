"""Raw OpenGL entry points that ModernGL lacks, called through ctypes or compiled code, as one table of data.

Names and constants are spelled as in the OpenGL specification. A call that may wait for the driver (finish, read-back,
draws and big uploads on a software driver) releases the GIL; a short one keeps it, because giving it up costs another
thread's whole switch interval. Support is decided by version and extensions, never by an address: loaders return
stubs for names that do not exist.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .._core import EntryPoint
from ..errors import DeviceError

# One letter an argument, in the order of the C signature.
_TYPES: dict[str, Any] = {
    "v": None,
    "e": ctypes.c_uint,  # GLenum, GLuint, GLbitfield
    "i": ctypes.c_int,  # GLint, GLsizei
    "f": ctypes.c_float,
    "b": ctypes.c_ubyte,  # GLboolean
    "z": ctypes.c_ssize_t,  # GLintptr, GLsizeiptr
    "p": ctypes.c_void_p,  # any pointer: int address, bytes, ctypes array, or None
    "q": ctypes.c_uint64,
    "s": ctypes.c_char_p,
}


class Entry(NamedTuple):
    """Signature of one entry point.

    Attributes
    ----------
    signature : str
        Result letter, a space, one letter for each argument (see ``_TYPES``).
    since : tuple of int
        First OpenGL version that has it.
    extension : str
        Extension that brings it to older versions; empty if none.
    """

    signature: str
    since: tuple[int, int] = (4, 3)
    extension: str = ""


_DSA = "GL_ARB_direct_state_access"


def _dsa(**signatures: str) -> dict[str, Entry]:
    return {name: Entry(signature, (4, 5), _DSA) for name, signature in signatures.items()}


ENTRIES: dict[str, Entry] = {
    # state and errors
    "glGetError": Entry("e "),
    "glGetIntegerv": Entry("v ep"),
    "glGetInteger64v": Entry("v ep"),
    "glGetIntegeri_v": Entry("v eep"),
    "glGetFloatv": Entry("v ep"),
    "glGetString": Entry("s e"),
    "glGetStringi": Entry("s ee"),
    "glIsEnabled": Entry("b e"),
    "glEnable": Entry("v e"),
    "glDisable": Entry("v e"),
    "glFrontFace": Entry("v e"),
    "glCullFace": Entry("v e"),
    "glPolygonMode": Entry("v ee"),
    "glPolygonOffset": Entry("v ff"),
    "glLineWidth": Entry("v f"),
    "glPointSize": Entry("v f"),
    "glDepthFunc": Entry("v e"),
    "glDepthMask": Entry("v b"),
    "glDepthRangef": Entry("v ff"),
    "glColorMask": Entry("v bbbb"),
    "glColorMaski": Entry("v ebbbb"),
    "glBlendFunc": Entry("v ee"),
    "glBlendFuncSeparate": Entry("v eeee"),
    "glBlendFuncSeparatei": Entry("v eeeee"),
    "glBlendEquation": Entry("v e"),
    "glEnablei": Entry("v ee"),
    "glDisablei": Entry("v ee"),
    "glViewport": Entry("v iiii"),
    "glScissor": Entry("v iiii"),
    "glPixelStorei": Entry("v ei"),
    "glClipControl": Entry("v ee", (4, 5), "GL_ARB_clip_control"),
    "glMemoryBarrier": Entry("v e"),
    "glTextureBarrier": Entry("v ", (4, 5), "GL_ARB_texture_barrier"),
    "glFinish": Entry("v "),
    "glFlush": Entry("v "),
    "glGetGraphicsResetStatus": Entry("e ", (4, 5), "GL_KHR_robustness"),
    # fences, queries, debug output
    "glFenceSync": Entry("p ee"),
    "glClientWaitSync": Entry("e peq"),
    "glDeleteSync": Entry("v p"),
    "glGenQueries": Entry("v ip"),
    "glDeleteQueries": Entry("v ip"),
    "glQueryCounter": Entry("v ee"),
    "glGetQueryiv": Entry("v eep"),
    "glGetQueryObjectiv": Entry("v eep"),
    "glGetQueryObjectui64v": Entry("v eep"),
    "glDebugMessageCallback": Entry("v pp"),
    "glDebugMessageControl": Entry("v eeeipb"),
    "glDebugMessageInsert": Entry("v eeeeis"),
    "glPushDebugGroup": Entry("v eeis"),
    "glPopDebugGroup": Entry("v "),
    "glObjectLabel": Entry("v eeis"),
    # classic objects
    "glBindFramebuffer": Entry("v ee"),
    "glBindTexture": Entry("v ee"),
    "glActiveTexture": Entry("v e"),
    "glBindSampler": Entry("v ee"),
    "glBindBuffer": Entry("v ee"),
    "glBindBufferBase": Entry("v eee"),
    "glBindBufferRange": Entry("v eeezz"),
    "glBindVertexArray": Entry("v e"),
    "glBindImageTexture": Entry("v eeibiee"),
    "glUseProgram": Entry("v e"),
    "glDeleteTextures": Entry("v ip"),
    "glDeleteSamplers": Entry("v ip"),
    "glDeleteFramebuffers": Entry("v ip"),
    "glDeleteBuffers": Entry("v ip"),
    "glDeleteVertexArrays": Entry("v ip"),
    "glSamplerParameteri": Entry("v eei"),
    "glSamplerParameterf": Entry("v eef"),
    "glSamplerParameterfv": Entry("v eep"),
    "glReadPixels": Entry("v iiiieep"),
    "glDrawArrays": Entry("v eii"),
    "glDrawElements": Entry("v eiep"),
    "glMultiDrawElementsIndirect": Entry("v eepii"),
    "glMultiDrawElementsIndirectCount": Entry("v eepzii", (4, 6), "GL_ARB_indirect_parameters"),
    "glDispatchCompute": Entry("v eee"),
    "glClearTexImage": Entry("v eieep", (4, 4), "GL_ARB_clear_texture"),
    # textures
    **_dsa(
        glCreateTextures="v eip",
        glTextureStorage2D="v eieii",
        glTextureStorage3D="v eieiii",
        glTextureStorage2DMultisample="v eieiib",
        glTextureSubImage2D="v eiiiiieep",
        glTextureSubImage3D="v eiiiiiiieep",
        glCompressedTextureSubImage3D="v eiiiiiiieip",
        glGenerateTextureMipmap="v e",
        glTextureParameteri="v eei",
        glTextureParameterf="v eef",
        glTextureParameterfv="v eep",
        glBindTextureUnit="v ee",
        glGetTextureImage="v eieeip",
        glGetTextureLevelParameteriv="v eiep",
        glCreateSamplers="v ip",
    ),
    "glGetTextureSubImage": Entry("v eiiiiiiieeip", (4, 5), "GL_ARB_get_texture_sub_image"),
    # framebuffers
    **_dsa(
        glCreateFramebuffers="v ip",
        glNamedFramebufferTexture="v eeei",
        glNamedFramebufferTextureLayer="v eeeii",
        glNamedFramebufferDrawBuffer="v ee",
        glNamedFramebufferDrawBuffers="v eip",
        glNamedFramebufferReadBuffer="v ee",
        glCheckNamedFramebufferStatus="e ee",
        glBlitNamedFramebuffer="v eeiiiiiiiiee",
        glClearNamedFramebufferiv="v eeip",
        glClearNamedFramebufferuiv="v eeip",
        glClearNamedFramebufferfv="v eeip",
        glClearNamedFramebufferfi="v eeifi",
        glInvalidateNamedFramebufferData="v eip",
    ),
    # buffers
    "glNamedBufferStorage": Entry("v ezpe", (4, 5), "GL_ARB_buffer_storage"),
    **_dsa(
        glCreateBuffers="v ip",
        glNamedBufferData="v ezpe",
        glNamedBufferSubData="v ezzp",
        glCopyNamedBufferSubData="v eezzz",
        glGetNamedBufferSubData="v ezzp",
        glClearNamedBufferData="v eeeep",
        glClearNamedBufferSubData="v eezzeep",
        glMapNamedBufferRange="p ezze",
        glFlushMappedNamedBufferRange="v ezz",
        glUnmapNamedBuffer="b e",
    ),
    # vertex arrays and queries
    **_dsa(
        glCreateVertexArrays="v ip",
        glVertexArrayVertexBuffer="v eeezi",
        glVertexArrayElementBuffer="v ee",
        glEnableVertexArrayAttrib="v ee",
        glDisableVertexArrayAttrib="v ee",
        glVertexArrayAttribFormat="v eeiebe",
        glVertexArrayAttribIFormat="v eeiee",
        glVertexArrayAttribBinding="v eee",
        glVertexArrayBindingDivisor="v eee",
        glCreateQueries="v eip",
    ),
}

# Calls that may wait for the driver or do real work on a software one: they run without the GIL.
BLOCKING: frozenset[str] = frozenset({
    "glFinish", "glFlush", "glClientWaitSync", "glReadPixels", "glGetTextureImage", "glGetTextureSubImage", "glGetNamedBufferSubData",
    "glGetQueryObjectui64v", "glDrawArrays", "glDrawElements", "glMultiDrawElementsIndirect", "glMultiDrawElementsIndirectCount",
    "glDispatchCompute", "glBlitNamedFramebuffer", "glClearTexImage", "glGenerateTextureMipmap", "glMapNamedBufferRange",
    "glTextureSubImage2D", "glTextureSubImage3D", "glCompressedTextureSubImage3D",
})  # fmt: skip

GL_NO_ERROR = 0
GL_ERRORS: dict[int, str] = {
    0x0500: "GL_INVALID_ENUM",
    0x0501: "GL_INVALID_VALUE",
    0x0502: "GL_INVALID_OPERATION",
    0x0503: "GL_STACK_OVERFLOW",
    0x0504: "GL_STACK_UNDERFLOW",
    0x0505: "GL_OUT_OF_MEMORY",
    0x0506: "GL_INVALID_FRAMEBUFFER_OPERATION",
    0x0507: "GL_CONTEXT_LOST",
}
GL_OUT_OF_MEMORY, GL_CONTEXT_LOST = 0x0505, 0x0507

# capabilities and fixed-function state
GL_CULL_FACE, GL_DEPTH_TEST, GL_STENCIL_TEST, GL_BLEND, GL_SCISSOR_TEST = 0x0B44, 0x0B71, 0x0B90, 0x0BE2, 0x0C11
GL_POLYGON_OFFSET_FILL, GL_MULTISAMPLE, GL_SAMPLE_ALPHA_TO_COVERAGE, GL_SAMPLE_SHADING = 0x8037, 0x809D, 0x809E, 0x8C36
GL_PRIMITIVE_RESTART, GL_PRIMITIVE_RESTART_FIXED_INDEX = 0x8F9D, 0x8D69
GL_PROGRAM_POINT_SIZE, GL_DEPTH_CLAMP, GL_TEXTURE_CUBE_MAP_SEAMLESS, GL_FRAMEBUFFER_SRGB = 0x8642, 0x864F, 0x884F, 0x8DB9
GL_RASTERIZER_DISCARD, GL_DEBUG_OUTPUT, GL_DEBUG_OUTPUT_SYNCHRONOUS = 0x8C89, 0x92E0, 0x8242
GL_LOWER_LEFT, GL_UPPER_LEFT, GL_NEGATIVE_ONE_TO_ONE, GL_ZERO_TO_ONE = 0x8CA1, 0x8CA2, 0x935E, 0x935F
GL_NEVER, GL_LESS, GL_EQUAL, GL_LEQUAL, GL_GREATER, GL_NOTEQUAL, GL_GEQUAL, GL_ALWAYS = range(0x0200, 0x0208)
GL_FRONT, GL_BACK, GL_FRONT_AND_BACK, GL_CW, GL_CCW = 0x0404, 0x0405, 0x0408, 0x0900, 0x0901
GL_POINT, GL_LINE, GL_FILL = 0x1B00, 0x1B01, 0x1B02
GL_ZERO, GL_ONE, GL_SRC_COLOR, GL_ONE_MINUS_SRC_COLOR = 0, 1, 0x0300, 0x0301
GL_SRC_ALPHA, GL_ONE_MINUS_SRC_ALPHA, GL_DST_ALPHA, GL_ONE_MINUS_DST_ALPHA = 0x0302, 0x0303, 0x0304, 0x0305
GL_FUNC_ADD, GL_MIN, GL_MAX = 0x8006, 0x8007, 0x8008
GL_POINTS, GL_LINES, GL_LINE_LOOP, GL_LINE_STRIP, GL_TRIANGLES, GL_TRIANGLE_STRIP, GL_TRIANGLE_FAN = range(7)
# queries of the implementation
GL_VENDOR, GL_RENDERER, GL_VERSION, GL_EXTENSIONS, GL_SHADING_LANGUAGE_VERSION = 0x1F00, 0x1F01, 0x1F02, 0x1F03, 0x8B8C
GL_MAJOR_VERSION, GL_MINOR_VERSION, GL_NUM_EXTENSIONS, GL_CONTEXT_FLAGS = 0x821B, 0x821C, 0x821D, 0x821E
GL_MAX_TEXTURE_SIZE, GL_MAX_CUBE_MAP_TEXTURE_SIZE, GL_MAX_ARRAY_TEXTURE_LAYERS = 0x0D33, 0x851C, 0x88FF
GL_MAX_SAMPLES, GL_MAX_COLOR_TEXTURE_SAMPLES, GL_MAX_DEPTH_TEXTURE_SAMPLES, GL_MAX_INTEGER_SAMPLES = 0x8D57, 0x910E, 0x910F, 0x9110
GL_MAX_SHADER_STORAGE_BLOCK_SIZE, GL_MAX_UNIFORM_BLOCK_SIZE = 0x90DE, 0x8A30
GL_MAX_COMBINED_TEXTURE_IMAGE_UNITS, GL_MAX_TEXTURE_IMAGE_UNITS, GL_MAX_VERTEX_ATTRIBS = 0x8B4D, 0x8872, 0x8869
GL_MAX_SHADER_STORAGE_BUFFER_BINDINGS, GL_MAX_UNIFORM_BUFFER_BINDINGS = 0x90DD, 0x8A2F
GL_MAX_COLOR_ATTACHMENTS, GL_MAX_VIEWPORT_DIMS, GL_MAX_TEXTURE_MAX_ANISOTROPY = 0x8CDF, 0x0D3A, 0x84FF
GL_SHADER_STORAGE_BUFFER_OFFSET_ALIGNMENT, GL_UNIFORM_BUFFER_OFFSET_ALIGNMENT = 0x90DF, 0x8A34
GL_CONTEXT_FLAG_DEBUG_BIT, GL_CONTEXT_FLAG_ROBUST_ACCESS_BIT = 0x2, 0x4
# pixel formats
GL_DEPTH_COMPONENT, GL_RED, GL_RGB, GL_RGBA, GL_BGRA, GL_RG = 0x1902, 0x1903, 0x1907, 0x1908, 0x80E1, 0x8227
GL_RED_INTEGER, GL_RG_INTEGER, GL_RGBA_INTEGER, GL_DEPTH_STENCIL = 0x8D94, 0x8228, 0x8D99, 0x84F9
GL_BYTE, GL_UNSIGNED_BYTE, GL_SHORT, GL_UNSIGNED_SHORT, GL_INT, GL_UNSIGNED_INT = range(0x1400, 0x1406)
GL_FLOAT, GL_HALF_FLOAT, GL_INT_2_10_10_10_REV, GL_UNSIGNED_INT_2_10_10_10_REV = 0x1406, 0x140B, 0x8D9F, 0x8368
GL_R8, GL_RG8, GL_RGB8, GL_RGBA8, GL_SRGB8_ALPHA8 = 0x8229, 0x822B, 0x8051, 0x8058, 0x8C43
GL_R16F, GL_RG16F, GL_RGBA16F, GL_R32F, GL_RG32F, GL_RGBA32F = 0x822D, 0x822F, 0x881A, 0x822E, 0x8230, 0x8814
GL_R8UI, GL_R32UI, GL_RG32UI, GL_RGBA32UI, GL_R11F_G11F_B10F, GL_RGB10_A2 = 0x8232, 0x8236, 0x823C, 0x8D70, 0x8C3A, 0x8059
GL_DEPTH_COMPONENT24, GL_DEPTH_COMPONENT32F, GL_DEPTH24_STENCIL8, GL_DEPTH32F_STENCIL8 = 0x81A6, 0x8CAC, 0x88F0, 0x8CAD
GL_COMPRESSED_RGBA_BPTC_UNORM, GL_COMPRESSED_SRGB_ALPHA_BPTC_UNORM = 0x8E8C, 0x8E8D
GL_PACK_ALIGNMENT, GL_UNPACK_ALIGNMENT, GL_PACK_ROW_LENGTH, GL_UNPACK_ROW_LENGTH = 0x0D05, 0x0CF5, 0x0D02, 0x0CF2
# textures and samplers
GL_TEXTURE, GL_TEXTURE_2D, GL_TEXTURE_3D, GL_TEXTURE_CUBE_MAP = 0x1702, 0x0DE1, 0x806F, 0x8513
GL_TEXTURE_2D_ARRAY, GL_TEXTURE_CUBE_MAP_ARRAY, GL_TEXTURE_2D_MULTISAMPLE, GL_TEXTURE_2D_MULTISAMPLE_ARRAY = 0x8C1A, 0x9009, 0x9100, 0x9102
GL_TEXTURE_CUBE_MAP_POSITIVE_X, GL_TEXTURE0 = 0x8515, 0x84C0
GL_TEXTURE_MAG_FILTER, GL_TEXTURE_MIN_FILTER = 0x2800, 0x2801
GL_TEXTURE_WRAP_S, GL_TEXTURE_WRAP_T, GL_TEXTURE_WRAP_R = 0x2802, 0x2803, 0x8072
GL_TEXTURE_BASE_LEVEL, GL_TEXTURE_MAX_LEVEL, GL_TEXTURE_COMPARE_MODE, GL_TEXTURE_COMPARE_FUNC = 0x813C, 0x813D, 0x884C, 0x884D
GL_TEXTURE_MAX_ANISOTROPY, GL_TEXTURE_BORDER_COLOR, GL_COMPARE_REF_TO_TEXTURE = 0x84FE, 0x1004, 0x884E
GL_TEXTURE_MIN_LOD, GL_TEXTURE_MAX_LOD, GL_TEXTURE_LOD_BIAS = 0x813A, 0x813B, 0x8501
GL_NEAREST, GL_LINEAR = 0x2600, 0x2601
GL_NEAREST_MIPMAP_NEAREST, GL_LINEAR_MIPMAP_NEAREST, GL_NEAREST_MIPMAP_LINEAR, GL_LINEAR_MIPMAP_LINEAR = range(0x2700, 0x2704)
GL_REPEAT, GL_CLAMP_TO_BORDER, GL_CLAMP_TO_EDGE, GL_MIRRORED_REPEAT = 0x2901, 0x812D, 0x812F, 0x8370
# framebuffers
GL_FRAMEBUFFER, GL_READ_FRAMEBUFFER, GL_DRAW_FRAMEBUFFER, GL_FRAMEBUFFER_COMPLETE = 0x8D40, 0x8CA8, 0x8CA9, 0x8CD5
GL_COLOR_ATTACHMENT0, GL_DEPTH_ATTACHMENT, GL_STENCIL_ATTACHMENT, GL_DEPTH_STENCIL_ATTACHMENT = 0x8CE0, 0x8D00, 0x8D20, 0x821A
GL_COLOR, GL_DEPTH, GL_STENCIL, GL_NONE = 0x1800, 0x1801, 0x1802, 0
GL_COLOR_BUFFER_BIT, GL_DEPTH_BUFFER_BIT, GL_STENCIL_BUFFER_BIT = 0x4000, 0x100, 0x400
# buffers
GL_ARRAY_BUFFER, GL_ELEMENT_ARRAY_BUFFER, GL_PIXEL_PACK_BUFFER, GL_PIXEL_UNPACK_BUFFER = 0x8892, 0x8893, 0x88EB, 0x88EC
GL_UNIFORM_BUFFER, GL_SHADER_STORAGE_BUFFER, GL_DRAW_INDIRECT_BUFFER, GL_PARAMETER_BUFFER = 0x8A11, 0x90D2, 0x8F3F, 0x80EE
GL_COPY_READ_BUFFER, GL_COPY_WRITE_BUFFER, GL_DISPATCH_INDIRECT_BUFFER, GL_BUFFER = 0x8F36, 0x8F37, 0x90EE, 0x82E0
GL_STREAM_DRAW, GL_STATIC_DRAW, GL_DYNAMIC_DRAW, GL_DYNAMIC_STORAGE_BIT = 0x88E0, 0x88E4, 0x88E8, 0x0100
GL_MAP_READ_BIT, GL_MAP_WRITE_BIT, GL_MAP_INVALIDATE_BUFFER_BIT, GL_MAP_PERSISTENT_BIT, GL_MAP_COHERENT_BIT = 0x1, 0x2, 0x8, 0x40, 0x80
# barriers, fences, queries, debug output, object kinds for labels
GL_ALL_BARRIER_BITS, GL_SHADER_STORAGE_BARRIER_BIT, GL_COMMAND_BARRIER_BIT = 0xFFFFFFFF, 0x2000, 0x40
GL_VERTEX_ATTRIB_ARRAY_BARRIER_BIT, GL_BUFFER_UPDATE_BARRIER_BIT = 0x1, 0x200
GL_SYNC_GPU_COMMANDS_COMPLETE, GL_SYNC_FLUSH_COMMANDS_BIT, GL_TIMEOUT_EXPIRED = 0x9117, 0x1, 0x911B
GL_ALREADY_SIGNALED, GL_CONDITION_SATISFIED, GL_WAIT_FAILED = 0x911A, 0x911C, 0x911D
GL_TIMESTAMP, GL_QUERY_RESULT, GL_QUERY_RESULT_AVAILABLE, GL_QUERY_COUNTER_BITS = 0x8E28, 0x8866, 0x8867, 0x8864
GL_DONT_CARE, GL_DEBUG_SEVERITY_HIGH, GL_DEBUG_SEVERITY_MEDIUM, GL_DEBUG_SEVERITY_LOW = 0x1100, 0x9146, 0x9147, 0x9148
GL_DEBUG_SEVERITY_NOTIFICATION, GL_DEBUG_SOURCE_APPLICATION, GL_DEBUG_TYPE_ERROR, GL_DEBUG_TYPE_OTHER = 0x826B, 0x824A, 0x824C, 0x8251
GL_SAMPLER, GL_PROGRAM, GL_SHADER, GL_QUERY, GL_VERTEX_ARRAY = 0x82E6, 0x82E2, 0x82E1, 0x82E3, 0x8074
# types of uniforms
GL_SAMPLER_2D, GL_SAMPLER_CUBE, GL_SAMPLER_2D_SHADOW, GL_SAMPLER_2D_ARRAY = 0x8B5E, 0x8B60, 0x8B62, 0x8DC1
GL_SAMPLER_2D_MULTISAMPLE = 0x9108

DEBUG_CALLBACK = ctypes.CFUNCTYPE(
    None, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p
)


def address(array: NDArray[Any]) -> int:
    """Address of the first byte of a C-contiguous array, for a pointer argument; the caller keeps the array alive."""
    if not array.flags.c_contiguous:
        raise DeviceError("an array handed to OpenGL is not C-contiguous; pass np.ascontiguousarray(array)")
    return int(array.__array_interface__["data"][0])


@cache
def _prototype(signature: str, blocking: bool) -> Any:
    """Return the ctypes function type of a signature; one for the process, because each is a class."""
    result, _, arguments = signature.partition(" ")
    make = ctypes.CFUNCTYPE if blocking else ctypes.PYFUNCTYPE
    return make(_TYPES[result], *[_TYPES[letter] for letter in arguments])


class GL:
    """Entry points of one context: ``gl.glClipControl(GL_LOWER_LEFT, GL_ZERO_TO_ONE)``.

    An entry point is looked up on first use and then is a plain attribute. Call them only while the context is
    current (`Device.check_current`).

    Parameters
    ----------
    load : callable
        Name of an entry point to its address (0 if unknown).
    version : tuple of int
        Version of the context.
    extensions : collection of str
        Extensions of the context.
    """

    def __init__(self, load: Callable[[str], int], version: tuple[int, int], extensions: Collection[str]) -> None:
        self._load = load
        self._version = version
        self._extensions = extensions

    def supports(self, name: str) -> bool:
        """Whether the context has this entry point, by version and extension."""
        entry = ENTRIES[name]
        return self._version >= entry.since or (bool(entry.extension) and entry.extension in self._extensions)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        entry = ENTRIES.get(name)
        if entry is None:
            raise AttributeError(f"{name} is not in the table of metarender.gpu.gl_extra")
        if not self.supports(name):
            wanted, have = f"{entry.since[0]}.{entry.since[1]}", f"{self._version[0]}.{self._version[1]}"
            raise DeviceError(f"{name} needs OpenGL {wanted} or {entry.extension or 'nothing else'}; this context is OpenGL {have}")
        function = self._bind(name, entry)
        setattr(self, name, function)
        return function

    def _bind(self, name: str, entry: Entry) -> Callable[..., Any]:
        # Below 4.6 the only suffixed name in the table is that of ARB_indirect_parameters.
        symbol = name + "ARB" if name.endswith("IndirectCount") and self._version < (4, 6) else name
        pointer = self._load(symbol)
        if not pointer:
            raise DeviceError(f"the driver reports support for {name} but exports no such entry point; update the driver")
        result, _, arguments = entry.signature.partition(" ")
        if result == "v" and 1 <= len(arguments) <= 4 and set(arguments) <= set("eib") and name not in BLOCKING:
            return EntryPoint(pointer, len(arguments))  # a frame makes dozens of these calls, and ctypes is slow
        function: Callable[..., Any] = _prototype(entry.signature, name in BLOCKING)(pointer)
        return function

    def address_of(self, name: str) -> int:
        """Address of an entry point, for loops in compiled code; support is checked as for a call."""
        function = getattr(self, name)
        return function.address if isinstance(function, EntryPoint) else ctypes.cast(function, ctypes.c_void_p).value or 0

    def integer(self, name: int) -> int:
        """One integer of the state or the limits (``glGetIntegerv``)."""
        value = (ctypes.c_int * 4)()
        self.glGetIntegerv(name, value)
        return int(value[0])

    def integer64(self, name: int) -> int:
        """One 64-bit integer of the state or the limits (``glGetInteger64v``)."""
        value = (ctypes.c_int64 * 4)()
        self.glGetInteger64v(name, value)
        return int(value[0])

    def string(self, name: int) -> str:
        """One string of the implementation (``glGetString``)."""
        return (self.glGetString(name) or b"").decode("utf-8", "replace")

    def create(self, function: str, *target: int) -> int:
        """Make one object with a ``glCreate*`` or ``glGen*`` call and return its name.

        >>> gl.create("glCreateTextures", GL_TEXTURE_2D)   # doctest: +SKIP
        """
        name = ctypes.c_uint()
        getattr(self, function)(*target, 1, ctypes.addressof(name))
        return int(name.value)

    def delete(self, function: str, name: int) -> None:
        """Delete one object with a ``glDelete*`` call."""
        value = ctypes.c_uint(name)
        getattr(self, function)(1, ctypes.addressof(value))

    def clear_float(self, framebuffer: int, attachment: int, rgba: tuple[float, float, float, float]) -> None:
        """Clear one float colour attachment."""
        self.glClearNamedFramebufferfv(framebuffer, GL_COLOR, attachment, (ctypes.c_float * 4)(*rgba))

    def clear_uint(self, framebuffer: int, attachment: int, value: int) -> None:
        """Clear one unsigned integer colour attachment to ``value`` in every component."""
        self.glClearNamedFramebufferuiv(framebuffer, GL_COLOR, attachment, (ctypes.c_uint * 4)(*([value] * 4)))

    def clear_depth(self, framebuffer: int, depth: float) -> None:
        """Clear the depth attachment."""
        self.glClearNamedFramebufferfv(framebuffer, GL_DEPTH, 0, ctypes.byref(ctypes.c_float(depth)))

    def timestamp_bits(self) -> int:
        """Bits of the device's clock; 0 where it has none."""
        value = ctypes.c_int()
        self.glGetQueryiv(GL_TIMESTAMP, GL_QUERY_COUNTER_BITS, ctypes.byref(value))
        return int(value.value)

    def errors(self) -> list[int]:
        """Every pending error flag, emptied; bounded, because a lost or missing context reports for ever."""
        found: list[int] = []
        while len(found) < 16 and (code := self.glGetError()) != GL_NO_ERROR:
            found.append(code)
        return found

    def read_bytes(self, function: str, size: int, *arguments: int) -> NDArray[np.uint8]:
        """Call a read-back entry point whose last two arguments are (size, pointer) on zeroed memory of ours."""
        out = np.zeros(size, np.uint8)
        getattr(self, function)(*arguments, size, address(out))
        return out
