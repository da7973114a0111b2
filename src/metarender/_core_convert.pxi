# From what users pass to checked arrays. Included by _core.pyx.


cdef object _numbers(object value, str what, tuple shape, str dtype="f8"):
    """`value` as a C-contiguous array of `shape` (-1: any length), or InvalidInput that says what was expected."""
    try:
        array = np.ascontiguousarray(value, dtype=dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{what} must be numbers of shape {_spell(shape)}, got {type(value).__name__}") from error
    if array.ndim == 1 and array.shape == () or np.ndim(value) != len(shape):
        raise InvalidInput(f"{what} must have shape {_spell(shape)}, got {np.shape(value)}")
    for want, have in zip(shape, array.shape):
        if want >= 0 and want != have:
            raise InvalidInput(f"{what} must have shape {_spell(shape)}, got {array.shape}")
    return array


cdef str _spell(tuple shape):
    return "(" + ", ".join("n" if k < 0 else str(k) for k in shape) + ("," if len(shape) == 1 else "") + ")"


cdef object _finite(object array, str what, double limit):
    """Raises InvalidInput naming the first row with a value that is not finite or beyond the limit."""
    cdef const double[::1] flat = array.reshape(-1)
    cdef size_t n = array.shape[0] if array.ndim > 1 else 1
    cdef size_t first = 0
    if not flat.shape[0]:
        return array
    if mr_check_f64(<double *>&flat[0], n, flat.shape[0] // n, limit, NULL, &first):
        row = f" in row {first}" if array.ndim > 1 and what.endswith("s") else ""
        raise InvalidInput(f"{what} must be finite and within +-{limit:.0e}, got {np.asarray(array).reshape(n, -1)[first].tolist()}{row}")
    return array


cdef bint _is_pyrr(object value):
    cdef str module = type(value).__module__
    return module.startswith("pyrr") if module is not None else False


def from_pyrr(value):
    """Column-convention matrix of a row-vector one.

    Parameters
    ----------
    value : pyrr.Matrix44, pyrr.Matrix33 or array (4, 4) or (3, 3)
        A matrix that acts on row vectors (``v @ M``), as pyrr makes them.

    Returns
    -------
    ndarray (4, 4) or (3, 3) float64
        Its transpose, which acts on column vectors (``M @ v``).

    Raises
    ------
    InvalidInput
        The shape is neither (4, 4) nor (3, 3).
    """
    array = np.array(value, dtype=np.float64)
    if array.shape not in ((4, 4), (3, 3)):
        raise InvalidInput(f"from_pyrr takes a (4, 4) or (3, 3) matrix, got shape {array.shape}")
    return np.ascontiguousarray(array.T)


def as_matrix(value, what="matrix"):
    """Checked affine transform.

    Parameters
    ----------
    value : array (4, 4), or pyrr.Matrix44 / Matrix33 (transposed here, because pyrr is row-vector)
        Acts on column vectors; the last row is (0, 0, 0, 1).
    what : str
        Name for the error message.

    Returns
    -------
    ndarray (4, 4) float64, C-contiguous

    Raises
    ------
    InvalidInput
        Wrong shape, not finite, or a last row that is not (0, 0, 0, 1).
    """
    if _is_pyrr(value):
        value = from_pyrr(value)
        if value.shape == (3, 3):
            whole = np.eye(4)
            whole[:3, :3] = value
            value = whole
    array = _numbers(value, what, (4, 4))
    _affine(array.reshape(1, 4, 4), what)
    return array.copy()  # the caller may change what it gets


cdef object _affine(object array, str what):
    """(n, 4, 4) finite with last rows (0, 0, 0, 1)."""
    bad = ~np.all(array[:, 3] == (0.0, 0.0, 0.0, 1.0), axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        where = f" in row {row}" if array.shape[0] > 1 else ""
        raise InvalidInput(f"the last row of {what} must be (0, 0, 0, 1), got {array[row, 3].tolist()}{where}; "
                           "matrices act on column vectors: pass a row-vector matrix through mr.from_pyrr")
    _finite(np.ascontiguousarray(array[:, :3, :3]).reshape(-1, 9), what, MAX_LINEAR)
    _finite(np.ascontiguousarray(array[:, :3, 3]), what, MAX_POSITION)


cdef object _matrix_stack(object value):
    """(n, 4, 4) or (n, 3, 4) affine matrices as a C-contiguous array, float32 where they are, else float64, checked."""
    try:
        array = np.ascontiguousarray(value, dtype=np.float32 if getattr(value, "dtype", None) == np.float32 else np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"matrices must be numbers of shape (n, 4, 4) or (n, 3, 4), got {type(value).__name__}") from error
    if array.ndim != 3 or array.shape[1] not in (3, 4) or array.shape[2] != 4:
        raise InvalidInput(f"matrices must have shape (n, 4, 4) or (n, 3, 4), got {np.shape(value)}")
    cdef size_t n = len(array), bad = 0
    cdef const double[:, :, ::1] m
    cdef const float[:, :, ::1] single
    if n and array.dtype == np.float32:
        single = array
        bad = mr_bad_matrix_f32(&single[0, 0, 0], n, <uint32_t>single.shape[1], MAX_LINEAR, MAX_POSITION)
    elif n:
        m = array
        bad = mr_bad_matrix(&m[0, 0, 0], n, m.shape[1], MAX_LINEAR, MAX_POSITION)
    if bad == n:
        return array
    row = array[bad]
    if len(row) == 4 and tuple(row[3]) != (0.0, 0.0, 0.0, 1.0):
        raise InvalidInput(f"the last row of matrices must be (0, 0, 0, 1), got {row[3].tolist()} in row {bad}; "
                           "matrices act on column vectors: pass a row-vector matrix through mr.from_pyrr")
    raise InvalidInput(f"matrices must be finite, linear parts within +-{MAX_LINEAR:.0e} and positions within +-{MAX_POSITION:.0e}, "
                       f"got {row[:3].tolist()} in row {bad}")


cdef object _with_last_row(object array):
    """(n, 4, 4) of (n, 3, 4)."""
    whole = np.zeros((len(array), 4, 4))
    whole[:, :3], whole[:, 3, 3] = array, 1.0
    return whole


def as_quaternion(value, what="rotation"):
    """Checked quaternion xyzw, (4,) float64, normalised; InvalidInput for another shape, a value that is not finite, or zero length.

    A ``pyrr.Quaternion`` has the same order and is taken as it is.
    """
    array = _finite(_numbers(value, what, (4,)), what, 1e150)
    length = float(np.sqrt(array @ array))
    if not length > 1e-12:
        raise InvalidInput(f"{what} is a quaternion of length zero; give (0, 0, 0, 1) for no rotation")
    return array / length


def as_vector3(value, what="position"):
    """Checked vector of three, (3,) float64; InvalidInput for another shape or a value that is not finite or beyond 1e15."""
    return np.array(as_triple(value, what))


def as_triple(value, what="position"):
    """The same as three plain floats."""
    cdef double[3] numbers
    _vector(value, 3, numbers, what, MAX_POSITION)
    return numbers[0], numbers[1], numbers[2]


cdef int _vector(object value, int n, double *out, str what, double limit) except -1:
    """Fast path for short tuples, lists and arrays of numbers."""
    cdef int i
    cdef const double[::1] view
    if type(value) is tuple and len(<tuple>value) == n:
        try:
            for i in range(n):
                out[i] = <object>PyTuple_GetItem(value, i)
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise InvalidInput(f"{what} must be {n} numbers, got {value!r}") from error
    elif type(value) is list and len(<list>value) == n:
        try:
            for i in range(n):
                out[i] = <object>PyList_GetItem(value, i)
        except (TypeError, ValueError, OverflowError, IndexError) as error:
            raise InvalidInput(f"{what} must be {n} numbers, got {value!r}") from error
    else:
        array = value if type(value) is np.ndarray and value.dtype == np.float64 and value.shape == (n,) else None
        view = np.ascontiguousarray(_numbers(value, what, (n,)) if array is None else array)
        for i in range(n):
            out[i] = view[i]
    for i in range(n):
        if not fabs(out[i]) <= limit:
            raise InvalidInput(f"{what} must be finite and within +-{limit:.0e}, got {[out[i] for i in range(n)]}")
    return 0


cdef object _node_id(object node, object store, Py_ssize_t row):
    """The public id of a node handle, or what was given instead of one; a handle of another scene than `store`, if that is given, is refused."""
    if not isinstance(node, Node):
        return node
    if store is not None and node.store is not store:
        raise InvalidInput(f"{node!r} (row {row}) is a node of another scene; give nodes of this one")
    return int(node.id)


cdef object _id_array(object ids, object store=None):
    """Public ids as a C-contiguous (n,) uint32 array; handles must be of `store` where it is given."""
    if type(ids) is np.ndarray and ids.dtype == np.uint32 and ids.ndim == 1:
        return np.ascontiguousarray(ids)
    if isinstance(ids, Node):
        return np.array([_node_id(ids, store, 0)], dtype=np.uint32)
    try:
        array = np.asarray(ids)
    except ValueError:
        raise InvalidInput("ids must be whole numbers of shape (n,), got rows of different lengths") from None
    if array.dtype == object:
        array = np.array([_node_id(k, store, row) for row, k in enumerate(np.atleast_1d(array))])
    if array.size == 0:
        return np.zeros(0, dtype=np.uint32)
    array = np.atleast_1d(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise InvalidInput(f"ids must be whole numbers of shape (n,), got dtype {array.dtype} and shape {array.shape}")
    if int(array.min()) < 0 or int(array.max()) > 0xFFFFFFFF:
        raise InvalidInput(f"ids must lie in 0 .. 4294967295, got {int(array.min())} .. {int(array.max())}")
    return np.ascontiguousarray(array, dtype=np.uint32)
