# Calls of OpenGL through function addresses, without Python and without the GIL. Included by _core.pyx.

ctypedef void (*gl_name)(unsigned int) noexcept nogil
ctypedef void (*gl_pair)(unsigned int, unsigned int) noexcept nogil
ctypedef void (*gl_base)(unsigned int, unsigned int, unsigned int) noexcept nogil
ctypedef void (*gl_four)(unsigned int, unsigned int, unsigned int, unsigned int) noexcept nogil
ctypedef void (*gl_write)(unsigned int, Py_ssize_t, Py_ssize_t, const void *) noexcept nogil
ctypedef void *(*gl_map)(unsigned int, Py_ssize_t, Py_ssize_t, unsigned int) noexcept nogil
ctypedef unsigned char (*gl_unmap)(unsigned int) noexcept nogil
ctypedef void (*gl_draw)(unsigned int, unsigned int, const void *, int, int) noexcept nogil

SEGMENT_FUNCTIONS = ("glUseProgram", "glBindVertexArray", "glBindTextureUnit", "glBindBufferBase", "glEnable", "glDisable", "glFrontFace",
                     "glMultiDrawElementsIndirect")
SEGMENT_CLASS = np.dtype([("program", "u4"), ("vertex_array", "u4"), ("mode", "u4"), ("materials", "u4"), ("cull", "u4"), ("front_face", "u4"),
                          ("textures", "u4", 16)])

cdef packed struct segment_class:
    uint32_t program, vertex_array, mode, materials, cull, front_face
    uint32_t textures[16]


cdef void _set_class(void **gl, const segment_class *now, const segment_class *last, unsigned int binding) noexcept nogil:
    """Sets what differs between two classes; `last` NULL: everything."""
    cdef int unit
    if last == NULL or now.program != last.program:
        (<gl_name>gl[0])(now.program)
    if last == NULL or now.vertex_array != last.vertex_array:
        (<gl_name>gl[1])(now.vertex_array)
    for unit in range(16):
        if now.textures[unit] and (last == NULL or now.textures[unit] != last.textures[unit]):
            (<gl_pair>gl[2])(unit, now.textures[unit])
    if now.materials and (last == NULL or now.materials != last.materials):
        (<gl_base>gl[3])(0x90D2, binding, now.materials)  # GL_SHADER_STORAGE_BUFFER
    if last == NULL or now.cull != last.cull:
        (<gl_name>gl[4 if now.cull else 5])(0x0B44)  # GL_CULL_FACE
    if last == NULL or now.front_face != last.front_face:
        (<gl_name>gl[6])(now.front_face)


def write_buffer(size_t function, unsigned int name, size_t offset, data):
    """Writes C-contiguous data to a buffer; may wait for drawing that still reads it.

    Parameters
    ----------
    function : int
        Address of ``glNamedBufferSubData`` in the current context.
    name : int
        GL name of the buffer.
    offset : int
        Bytes.
    data : object with a buffer
    """
    cdef Py_buffer view
    if not function:
        raise InvalidInput("write_buffer needs the address of glNamedBufferSubData")
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    with nogil:
        (<gl_write>function)(name, offset, view.len, view.buf)
    PyBuffer_Release(&view)


def fill_buffer(size_t map_function, size_t unmap_function, unsigned int name, Store store not None, int kind, uint32_t first, uint32_t count):
    """Gathers rows of draw slots [first, first + count) straight into their place in a buffer; may wait for drawing that still reads it.

    Parameters
    ----------
    map_function, unmap_function : int
        Addresses of ``glMapNamedBufferRange`` and ``glUnmapNamedBuffer`` in the current context.
    name : int
        GL name of a buffer that has room for the rows of all slots.
    kind : int
        TRANSFORM, INFO, STATE, BOX or DEFORM.

    Returns
    -------
    bool
        False where the driver could not map the buffer or lost what was written: write the rows in another way then.
    """
    store._current("fill_buffer")
    store._kind(kind)
    cdef size_t size = mr_row_bytes(kind)
    cdef void *to
    cdef unsigned char kept = 0
    if not map_function or not unmap_function:
        raise InvalidInput("fill_buffer needs the addresses of glMapNamedBufferRange and glUnmapNamedBuffer")
    if not count or <uint64_t>first + count > mr_row_count(store.s, kind):
        raise InvalidInput(f"rows {first} .. {<uint64_t>first + count} lie outside the {mr_row_count(store.s, kind)} rows, or are none")
    store._enter()
    with nogil:
        to = (<gl_map>map_function)(name, size * first, size * count, 0x6)  # GL_MAP_WRITE_BIT | GL_MAP_INVALIDATE_RANGE_BIT
        if to != NULL:
            mr_fill_rows(store.s, kind, first, count, to)
            kept = (<gl_unmap>unmap_function)(name)
    store._leave()
    return bool(kept)


def draw_segments(functions, classes, segments, unsigned int material_binding):
    """Issues indirect draws segment by segment; the indirect buffer is bound already, and other state is the caller's.

    Parameters
    ----------
    functions : sequence of int
        Addresses of SEGMENT_FUNCTIONS in the current context.
    classes : (k,) SEGMENT_CLASS
        GL names and state; a texture or material name of 0 leaves the binding alone.
    segments : (n, 3) uint32
        Class, first command, number of commands.
    material_binding : int
        Storage binding of the material table.
    """
    cdef void *gl[8]
    cdef int k
    if len(functions) != 8 or 0 in functions:
        raise InvalidInput(f"draw_segments needs {len(SEGMENT_FUNCTIONS)} addresses that are not null: {', '.join(SEGMENT_FUNCTIONS)}")
    for k in range(8):
        gl[k] = <void *><size_t>functions[k]
    if not isinstance(classes, np.ndarray) or classes.dtype != SEGMENT_CLASS:
        raise InvalidInput("classes must be an array of SEGMENT_CLASS")
    cdef const uint8_t[::1] raw = np.ascontiguousarray(classes).view(np.uint8).reshape(-1)
    cdef const uint32_t[:, ::1] rows = np.ascontiguousarray(segments, dtype=np.uint32).reshape(-1, 3)
    cdef size_t n = rows.shape[0], i
    if n and np.asarray(rows)[:, 0].max() >= len(classes):
        raise InvalidInput(f"a segment names class {np.asarray(rows)[:, 0].max()}, and there are {len(classes)}")
    cdef const segment_class *table = <const segment_class *>&raw[0] if n else NULL
    cdef const segment_class *last = NULL
    cdef const segment_class *now
    with nogil:
        for i in range(n):
            now = table + rows[i, 0]
            if now != last:
                _set_class(gl, now, last, material_binding)
                last = now
            (<gl_draw>gl[7])(now.mode, 0x1405, <const void *><size_t>(20 * <size_t>rows[i, 1]), rows[i, 2], 20)  # GL_UNSIGNED_INT


cdef class EntryPoint:
    """A function of OpenGL that takes up to four whole numbers of 32 bits, returns nothing and does not wait.

    A call takes a third of one through ctypes. Numbers that no 32 bits hold raise OverflowError.

    Parameters
    ----------
    address : int
        In the context that is current when it is called.
    count : int
        How many numbers it takes, 1 to 4.
    """

    cdef readonly size_t address
    cdef int count

    def __cinit__(self, size_t address, int count):
        if not address or not 1 <= count <= 4:
            raise InvalidInput("EntryPoint needs an address and a count of 1 to 4")
        self.address, self.count = address, count

    def __call__(self, *numbers):
        cdef unsigned int[4] n
        cdef int i
        cdef long long number
        if len(numbers) != self.count:
            raise TypeError(f"this function of OpenGL takes {self.count} numbers, not {len(numbers)}")
        n[0] = 0
        for i in range(self.count):
            number = numbers[i]
            if not -0x80000000 <= number <= 0xFFFFFFFF:
                raise OverflowError(f"{number} does not fit into 32 bits")
            n[i] = <unsigned int>number
        if self.count == 1:
            (<gl_name>self.address)(n[0])
        elif self.count == 2:
            (<gl_pair>self.address)(n[0], n[1])
        elif self.count == 3:
            (<gl_base>self.address)(n[0], n[1], n[2])
        else:
            (<gl_four>self.address)(n[0], n[1], n[2], n[3])
