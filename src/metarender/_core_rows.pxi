# A whole store as plain arrays, and a store of such arrays: what captures write and read. Included by _core.pyx.

ROW_ARRAYS = {"id": ("<u4", ("n",)), "parent": ("<i4", ("n",)), "position": ("<f8", ("n", 3)), "linear": ("<f4", ("n", 3, 3)),
              "visible": ("|u1", ("n",)), "layers": ("<u4", ("n",)), "color": ("|u1", ("n", 4)), "flags": ("<u4", ("n",)),
              "value": ("<f4", ("n",)), "user": ("<u4", ("n",)), "draws": ("<u4", ("n",)), "geometry": ("<u4", ("m",)),
              "material": ("<u4", ("m",)), "range": ("<u4", ("k", 2))}


def read_rows(Store store not None):
    """Everything that the nodes of a store carry.

    Returns
    -------
    dict of str to ndarray
        Names, types and shapes are those of ``ROW_ARRAYS``: n nodes, m draws, k ranges. Nodes are in depth-first order, siblings in the user's:
        ``id``, ``parent`` (row, -1 at the top level), ``position`` (metres) and ``linear`` (both local), ``visible`` (0 or 1), ``layers``, the
        four fields of the state, ``draws`` (how many); then ``geometry`` and ``material`` (described indices) of all draws in this order, and
        ``range``, the first row and the number of members of each range.
    """
    order = store.slot_order()
    cdef mr_store *s = store.s
    cdef uint32_t n = s.node_count
    cdef uint32_t[::1] d, g, m
    state = _expose(s.state, s.state, b"B", 1, True, s.n, 16).view(STATE_DTYPE)[1:, 0]
    rows = {"id": order, "parent": _expose(s.parent, s.parent, b"I", 4, True, s.n)[1:].astype(np.int64) - 1,
            "position": _expose(s.position, s.position, b"d", 8, True, s.n, 3)[1:],
            "linear": _expose(s.linear, s.linear, b"f", 4, True, s.n, 3, 3)[1:],
            "visible": _expose(s.flags, s.flags, b"B", 1, True, s.n)[1:] & MR_VISIBLE,
            "layers": _expose(s.layers, s.layers, b"I", 4, True, s.n)[1:], **{name: state[name] for name in STATE_DTYPE.names},
            "draws": np.zeros(n, dtype=np.uint32), "geometry": np.zeros(s.draw_count, dtype=np.uint32),
            "material": np.zeros(s.draw_count, dtype=np.uint32)}
    d, g, m = rows["draws"], rows["geometry"], rows["material"]
    if s.draw_count:
        mr_draw_lists(s, &d[0], &g[0], &m[0])
    of = _expose(s.id_range, s.id_range, b"I", 4, True, s.id_count)[order & MR_INDEX_MASK]
    starts = np.flatnonzero((of != 0) & (of != np.concatenate([np.zeros(1, dtype=of.dtype), of[:-1]])))
    rows["range"] = np.stack([starts, np.bincount(of, minlength=1)[of[starts]]], axis=1)
    return {name: np.array(rows[name], dtype=dtype) for name, (dtype, _) in ROW_ARRAYS.items()}


TAKEN_APART, AS_GIVEN, SHEARED = 0, 1, 2


def read_trs(Store store not None):
    """Rotations and scales of all nodes, local, in the order of `read_rows`.

    Returns
    -------
    rotation : (n, 4) float64
        Quaternions xyzw of unit length.
    scale : (n, 3) float64
    kind : (n,) uint8
        ``AS_GIVEN`` where rotation or scale were set, so that both are exact; ``TAKEN_APART`` where they come from a matrix;
        ``SHEARED`` where a matrix has no rotation and scale: both are the identity there.
    """
    store.slot_order()
    cdef uint32_t n = store.s.node_count
    rotation, scale, kind = np.tile((0.0, 0.0, 0.0, 1.0), (n, 1)), np.ones((n, 3)), np.zeros(n, dtype=np.uint8)
    cdef double[:, ::1] r = rotation, k = scale
    cdef uint8_t[::1] kinds = kind
    if n:
        mr_read_trs(store.s, &r[0, 0], &k[0, 0], &kinds[0])
    rotation[kind == SHEARED], scale[kind == SHEARED] = (0, 0, 0, 1), 1
    return rotation, scale, kind


def restore_rows(Store store not None, rows):
    """Fills a store that never held a node from the arrays of `read_rows`; ids come back with their generations.

    Parameters
    ----------
    rows : dict of str to ndarray
        Of exactly the names, types and shapes of `read_rows`. Geometries and materials need not be described yet.

    Raises
    ------
    InvalidInput
        An array is missing or of another type or shape, or what it says cannot be: ids that are 0 or named twice, parents that do not come
        before their children in depth-first order, ranges of other than consecutive leaves of one parent, values that are not finite.
        Nothing is filled then.
    """
    store._reshape()
    if store.s.id_count > 1 or store.s.range_count > 1:
        raise InvalidInput("restore_rows fills a new store only; make one with Store()")
    r = {name: _row_array(rows, name) for name in ROW_ARRAYS}
    _check_rows(r)
    state = np.zeros(len(r["id"]), dtype=STATE_DTYPE)
    for name in STATE_DTYPE.names:
        state[name] = r[name]
    cdef const uint32_t[::1] id = r["id"], layers = r["layers"], draws = r["draws"], geometry = r["geometry"], material = r["material"]
    cdef const uint32_t[:, ::1] range_ = r["range"]
    cdef const int32_t[::1] parent = r["parent"]
    cdef const uint8_t[::1] visible = r["visible"], raw = state.view(np.uint8)
    cdef const double[:, ::1] position = r["position"]
    cdef const float[:, :, ::1] linear = r["linear"]
    cdef mr_rows all
    memset(&all, 0, sizeof(all))
    all.n, all.ranges = id.shape[0], range_.shape[0]
    if not all.n:
        return
    all.id, all.layers, all.draws, all.parent, all.visible = &id[0], &layers[0], &draws[0], &parent[0], &visible[0]
    all.position, all.linear, all.state = &position[0, 0], &linear[0, 0, 0], <const mr_state *>&raw[0]
    if geometry.shape[0]:
        all.geometry, all.material = &geometry[0], &material[0]
    if all.ranges:
        all.range = <const mr_run *>&range_[0, 0]
    cdef int status
    store._enter()
    with nogil:
        status = mr_restore(store.s, &all)
    store._leave()
    _fail(status)


cdef object _row_array(object rows, str name):
    """One array of `restore_rows`, C-contiguous, its type and shape checked; lengths are compared by `_check_rows`."""
    dtype, shape = ROW_ARRAYS[name]
    array = rows.get(name)
    if type(array) is not np.ndarray or array.dtype != np.dtype(dtype) or array.ndim != len(shape) or array.shape[1:] != shape[1:]:
        found = "nothing" if array is None else f"{getattr(array, 'dtype', type(array).__name__)} {np.shape(array)}"
        raise InvalidInput(f"{name} must be an array of {np.dtype(dtype)} of shape {shape}, got {found}")
    return np.ascontiguousarray(array)


cdef object _check_rows(dict r):
    """Refuses rows that no store can have."""
    cdef Py_ssize_t n = len(r["id"])
    cdef const int32_t[::1] parent = r["parent"]
    cdef Py_ssize_t bad
    for name, (_, shape) in ROW_ARRAYS.items():
        wanted = {"n": n, "m": len(r["geometry"]), "k": len(r["range"])}[shape[0]]
        if len(r[name]) != wanted:
            raise InvalidInput(f"{name} has {len(r[name])} rows where {wanted} are due")
    index = r["id"] & MR_INDEX_MASK
    if n > 0xFFFFFF or not index.all() or len(np.unique(index)) < n:
        raise InvalidInput("ids of nodes must differ in their low 24 bits, which are not 0")
    bad = mr_disordered(&parent[0], n) if n else 0
    if bad < n:
        raise InvalidInput(f"row {bad} has the parent {r['parent'][bad]}; parents come before their children, in depth-first order")
    if not (r["visible"] <= 1).all():
        raise InvalidInput("visible must be 0 or 1")
    _finite(r["position"], "positions", MAX_POSITION)
    _finite(r["linear"].reshape(-1, 9).astype(np.float64), "linear parts", MAX_LINEAR)
    if not np.isfinite(r["value"]).all():
        raise InvalidInput("the value of a state row must be finite")
    _check_draw_rows(r)
    _check_range_rows(r)


cdef object _check_draw_rows(dict r):
    if int(r["draws"].sum(dtype=np.uint64)) != len(r["geometry"]) or (len(r["draws"]) and r["draws"].max() > MAX_DRAWS):
        raise InvalidInput(f"draws add up to {r['draws'].sum(dtype=np.uint64)} where {len(r['geometry'])} are given; a node has at most {MAX_DRAWS}")
    for name in ("geometry", "material"):
        if len(r[name]) and r[name].max() > MR_INDEX_MASK:
            raise InvalidInput(f"{name} indices must be below 16777216, got {r[name].max()}")


cdef object _check_range_rows(dict r):
    """Each range must be consecutive leaves below one parent."""
    first, count = r["range"].astype(np.int64).T
    end, n = first + count, len(r["id"])
    if not len(first):
        return
    if not count.all() or end[-1] > n or (first[1:] < end[:-1]).any():
        raise InvalidInput("ranges must have members, follow each other, and end within the rows")
    inner = np.zeros(n + 1, dtype=np.int64)
    inner[first + 1] += 1
    inner[end] -= 1
    joined = np.flatnonzero(np.cumsum(inner)[:n])  # every member but the first of its range
    parents = np.zeros(n, dtype=bool)
    parents[r["parent"][r["parent"] >= 0]] = True
    if (r["parent"][joined] != r["parent"][joined - 1]).any() or parents[first].any() or parents[joined].any():
        raise InvalidInput("the members of a range must be leaves below one parent")
