# Whole trees in one call, for loaders. Included by _core.pyx.


def add_tree(Store store not None, parent, parents):
    """Appends nodes under a node, each below another one of them or directly below it.

    Parameters
    ----------
    store : Store
    parent : int
        Public id; 0 is the root.
    parents : (n,) int32
        Row of each node's parent, smaller than its own, or -1 for `parent`.

    Returns
    -------
    ndarray (n,) uint32
        Public ids in the order of the rows; children keep that order.

    Raises
    ------
    InvalidInput
        A parent does not come before its child, or the scene would be too large; nothing is added then.
    """
    store._reshape()
    cdef uint32_t top = store._index(parent), under, count = 0
    cdef const int32_t[::1] rows = np.ascontiguousarray(parents, dtype=np.int32)
    cdef size_t n = rows.shape[0], i = 0, end
    cdef int status = MR_OK
    for end in range(n):
        if rows[end] < -1 or rows[end] >= <int64_t>end:
            raise InvalidInput(f"row {end} names the parent {rows[end]}; parents come before their children, -1 stands for the top")
    if <uint64_t>store.s.node_count + n > 0xFFFFFF:
        _fail(MR_FULL)
    ids = np.empty(n, dtype=np.uint32)
    cdef uint32_t[::1] out = ids
    store._enter()
    with nogil:
        while i < n and status == MR_OK:
            end = i + 1
            while end < n and rows[end] == rows[i]:
                end += 1
            under = top if rows[i] < 0 else out[rows[i]] & <uint32_t>MR_INDEX_MASK
            count = <uint32_t>(end - i)
            status = mr_add(store.s, under, count, 0, &out[i], NULL)
            i = end
    store._leave()
    _fail(status)
    return ids
