# Part state: edits of single fields of many rows, and what the device needs to follow them. Included by _core.pyx.


def change_state(Store store not None, ids, *, uint32_t clear=0, uint32_t set=0, color=None, value=None):
    """Changes fields of the state rows of n nodes and leaves the others as they are.

    Parameters
    ----------
    ids : (n,) uint32
    clear, set : int
        Flag bits to take away, then to give.
    color : (4,) or (n, 4) uint8, optional
        sRGB with alpha = blend.
    value : float or (n,) float32, optional
        Finite.

    Raises
    ------
    InvalidInput, ReleasedError
        Wrong shapes, values that are not finite, unknown ids; nothing is changed then.
    """
    store._guard()
    cdef const uint32_t[::1] slots = store._slots(ids)
    cdef size_t n = slots.shape[0]
    cdef mr_state_edit_t edit
    memset(&edit, 0, sizeof(edit))
    edit.clear, edit.set = clear, set
    cdef const uint8_t[::1] colors
    cdef const float[::1] values
    if color is not None:
        given = np.asarray(color)
        if given.dtype != np.uint8 or given.shape not in ((4,), (n, 4)):
            raise InvalidInput(f"color must be (4,) or ({n}, 4) uint8 sRGB with alpha = blend, got {given.shape} {given.dtype}")
        edit.color_stride = given.ndim == 2
        colors = np.ascontiguousarray(given).reshape(-1)
        edit.colors = &colors[0] if colors.shape[0] else NULL
    if value is not None:
        try:
            numbers = np.ascontiguousarray(value, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"value must be a number or ({n},) numbers") from error
        if numbers.shape not in ((), (1,), (n,)) or not np.isfinite(numbers).all():
            raise InvalidInput(f"value must be a finite number or ({n},) finite numbers, got shape {numbers.shape}")
        edit.value_stride = numbers.ndim == 1 and numbers.shape[0] == n
        values = numbers.reshape(-1)
        edit.values = &values[0] if values.shape[0] else NULL
    if n:
        _fail(mr_state_edit(store.s, &slots[0], n, &edit))


def parents_of(Store store not None, ids):
    """Public ids of the parents of nodes, 0 where a node is at the top level, (n,) uint32."""
    store._guard()
    cdef const uint32_t[::1] slots = store._slots(ids)
    out = np.empty(slots.shape[0], dtype=np.uint32)
    cdef uint32_t[::1] to = out
    if slots.shape[0]:
        mr_parents(store.s, &slots[0], slots.shape[0], &to[0])
    return out


def fill_runs(Store store not None, int kind, runs, out):
    """Gathers the rows of several runs one behind the other.

    Parameters
    ----------
    kind : int
        TRANSFORM, INFO, STATE, BOX or DEFORM.
    runs : (k, 2) uint32
        As `Store.dirty_runs` returns them.
    out : writable buffer
        Of exactly the bytes of all rows.
    """
    store._current("fill_runs")
    store._kind(kind)
    cdef const uint32_t[:, ::1] given = np.ascontiguousarray(runs, dtype=np.uint32).reshape(-1, 2)
    cdef uint8_t[::1] to = memoryview(out).cast("B")
    cdef size_t size = mr_row_bytes(kind), total = 0, n = given.shape[0], i
    for i in range(n):  # a page each: few
        if <uint64_t>given[i, 0] + given[i, 1] > mr_row_count(store.s, kind):
            raise InvalidInput(f"run {i} lies outside the {mr_row_count(store.s, kind)} rows of this kind")
        total += given[i, 1]
    if <size_t>to.shape[0] != size * total:
        raise InvalidInput(f"fill_runs needs {size * total} bytes for {total} rows, got {to.shape[0]}")
    if not total:
        return
    store._enter()
    with nogil:
        mr_fill_runs(store.s, kind, <const mr_run *>&given[0, 0], n, &to[0])
    store._leave()
