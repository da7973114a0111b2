# cython: embedsignature=True
"""The compiled module: a border post between Python and the native core (arguments, errors, memory views).

Nothing here loops over objects and nothing decides anything about scenes: see ``_native/mr.h`` for what each call does.
Every array that comes in is checked for shape, kind and finite values; every array that goes out says its shape, dtype,
unit and space. Long calls release the interpreter lock; a second thread inside a Store at that time raises
``WrongThreadError``.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.list cimport PyList_GetItem
from cpython.tuple cimport PyTuple_GetItem
from libc.math cimport fabs, sqrt
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp, memcpy, memset

import os
import numpy as np

from metarender.errors import InvalidInput, MetarenderError, ReleasedError, WrongThreadError

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil

ROOT = 0
TRANSFORM, INFO, STATE, BOX, DEFORM = 0, 1, 2, 3, 4
BATCH_DTYPE = np.dtype({
    "names": ["geometry_class", "shading_class", "first", "count", "instances", "triangles"],
    "formats": ["u4", "u4", "u4", "u4", "u4", "u8"], "offsets": [0, 4, 8, 12, 16, 24], "itemsize": 32})
STATE_DTYPE = np.dtype([("color", "u1", (4,)), ("flags", "u4"), ("value", "f4"), ("user", "u4")])

# Beyond these, products of a few levels overflow float32 (linear) or the anchor cells (positions).
cdef double MAX_POSITION = 1e15
cdef double MAX_LINEAR = 1e18
cdef int MAX_DRAWS = 65535

cdef int _level = 0
_LEVELS = ("base", "avx2", "avx512")


def _choose_level():
    """Instruction-set level: the highest that the processor has, or the one that METARENDER_SIMD names."""
    supported = mr_supported_level()
    wanted = os.environ.get("METARENDER_SIMD", "")
    if not wanted:
        return supported
    if wanted not in _LEVELS:
        raise InvalidInput(f"METARENDER_SIMD is {wanted!r}; set it to 'base', 'avx2' or 'avx512', or unset it")
    if _LEVELS.index(wanted) > supported:
        raise InvalidInput(f"METARENDER_SIMD asks for {wanted}, which this processor does not support; set it to 'base' or unset it")
    return _LEVELS.index(wanted)


_level = _choose_level()


def simd_level() -> str:
    """Instruction-set level of stores made from now on: ``"base"``, ``"avx2"`` or ``"avx512"`` (same bits from each)."""
    return _LEVELS[_level]


cdef class _Memory:
    """Buffer over one counted native block: a numpy view of it stays valid when the Store reallocates."""

    cdef void *block
    cdef void *data
    cdef Py_ssize_t shape[3]
    cdef Py_ssize_t strides[3]
    cdef int ndim
    cdef bytes format
    cdef Py_ssize_t itemsize
    cdef bint readonly

    def __getbuffer__(self, Py_buffer *view, int flags):
        if self.readonly and flags & PyBUF_WRITABLE:
            raise BufferError("this memory is read-only")
        view.buf = self.data
        view.obj = self
        view.itemsize = self.itemsize
        view.len = self.itemsize * self.shape[0] * (self.shape[1] if self.ndim > 1 else 1) * (self.shape[2] if self.ndim > 2 else 1)
        view.readonly = self.readonly
        view.format = self.format
        view.ndim = self.ndim
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL
        view.internal = NULL

    def __dealloc__(self):
        mr_block_release(self.block)


cdef object _expose(void *block, void *data, bytes format, Py_ssize_t itemsize, bint readonly, Py_ssize_t rows, Py_ssize_t width=0,
                    Py_ssize_t depth=0, Py_ssize_t stride=0):
    """Numpy array over `rows` rows of `data` inside `block`; row stride in bytes (0: packed)."""
    cdef _Memory m = _Memory.__new__(_Memory)
    if block == NULL:
        shape = tuple(k for k in (rows, width, depth) if k) or (0,)
        empty = np.zeros((0, *shape[1:]), dtype=format.decode())
        empty.flags.writeable = not readonly
        return empty
    mr_block_retain(block)
    m.block = block
    m.data = data
    m.format = format
    m.itemsize = itemsize
    m.readonly = readonly
    m.ndim = 1 + (width > 0) + (depth > 0)
    m.shape[0], m.shape[1], m.shape[2] = rows, width, depth
    m.strides[2] = itemsize
    m.strides[1] = itemsize * (depth if depth else 1)
    m.strides[0] = stride if stride else m.strides[1] * (width if width else 1)
    return np.asarray(m)


include "_core_convert.pxi"
include "_core_store.pxi"
include "_core_view.pxi"
include "_core_node.pxi"
include "_core_state.pxi"
include "_core_pose.pxi"
include "_core_segments.pxi"
include "_core_query.pxi"
include "_core_build.pxi"
include "_core_rows.pxi"
include "_core_clips.pxi"
include "_prefilter.pxi"
include "_core_files.pxi"
include "_core_solid.pxi"
