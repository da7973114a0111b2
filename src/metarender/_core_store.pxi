# The Store: nodes, transforms, draws, update and rows for the GPU. Included by _core.pyx.

cdef double *_NONE64 = NULL
cdef double[3] _ZERO3
_ZERO3[:] = [0.0, 0.0, 0.0]
cdef float[9] _IDENTITY9
_IDENTITY9[:] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]


cdef int _fail(int status) except -1:
    """Turns a native status into an exception."""
    if status == MR_OK:
        return 0
    if status == MR_NOMEM:
        raise MemoryError("the scene store could not allocate memory; remove nodes or add fewer at a time")
    if status == MR_CYCLE:
        raise InvalidInput("a node cannot become a child of itself or of its own descendant; choose a parent outside its subtree")
    if status == MR_FULL:
        raise InvalidInput("the scene is full: it holds at most 16777215 nodes, 4096 geometry classes and 2 GiB of palettes and "
                           "morph weights; split it into several scenes")
    if status == MR_NONFINITE:
        raise InvalidInput("the transform is sheared, so it has no rotation and scale; read or set `matrix` instead")
    raise MetarenderError(f"native status {status}")


cdef class Store:
    """Structure of arrays of one scene: nodes, transforms, draws, dirty pages.

    Parameters
    ----------
    level : {"base", "avx2", "avx512"}, optional
        Instruction-set level; by default the one of :func:`simd_level`. All levels give the same bits.

    Notes
    -----
    A Store belongs to nobody: any thread may use it, one at a time. A call while another thread is inside, or while
    another thread holds an edit block open, raises ``WrongThreadError``.
    """

    cdef mr_store *s
    cdef public object owner
    cdef int inside, edits
    cdef unsigned long thread
    cdef object __weakref__

    def __cinit__(self, level=None):
        if level is not None and level not in _LEVELS:
            raise InvalidInput(f"level must be 'base', 'avx2' or 'avx512', got {level!r}")
        cdef int chosen = _level if level is None else _LEVELS.index(level)
        if chosen > mr_supported_level():
            raise InvalidInput(f"this processor does not support {level}; leave `level` out")
        self.s = mr_store_new(chosen)
        if self.s == NULL:
            raise MemoryError("the scene store could not allocate memory")

    def __dealloc__(self):
        mr_store_free(self.s)

    # ---- guards ----

    cdef inline int _guard(self) except -1:
        if self.inside and self.thread != PyThread_get_thread_ident():
            raise WrongThreadError("another thread is using this scene at this moment; use scene.post(fn), or hand the scene over when that thread is done")
        return 0

    cdef int _enter(self) except -1:
        self._guard()
        self.thread = PyThread_get_thread_ident()
        self.inside += 1
        return 0

    cdef inline void _leave(self) noexcept:
        self.inside -= 1

    def __enter__(self):
        """Stays inside until the block ends: a frame takes many calls, and other threads may not come in between."""
        self._enter()
        return self

    def __exit__(self, *exception):
        if self.inside <= 0:
            raise InvalidInput("Store.__exit__ without __enter__; write `with store:`")
        self._leave()

    cdef int _reshape(self) except -1:
        """Before an edit of the tree."""
        self._guard()
        if self.edits:
            raise InvalidInput("nodes cannot be added, removed or moved while an edit(...) block is open; leave the block first")
        return 0

    cdef uint32_t _index(self, object id) except? 0xFFFFFFFF:
        """Index of a public id."""
        cdef uint32_t index
        try:
            value = int(id.id) if isinstance(id, Node) else int(id)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"a node id must be a whole number, got {type(id).__name__}") from error
        if not 0 <= value <= 0xFFFFFFFF:
            raise InvalidInput(f"a node id must lie in 0 .. 4294967295, got {value}")
        index = mr_resolve(self.s, <uint32_t>value)
        if index == MR_NONE:
            raise ReleasedError(f"node id {value} names no living node; it was removed or never existed: look it up again")
        return index

    cdef uint32_t _real(self, object id) except? 0xFFFFFFFF:
        """Index of a public id that is not the root."""
        cdef uint32_t index = self._index(id)
        if index == 0:
            raise InvalidInput("id 0 is the root of the scene: it cannot be changed or removed")
        return index

    cdef object _slots(self, object ids):
        """Node slots of public ids, (n,) uint32."""
        cdef const uint32_t[::1] given = _id_array(ids, self)
        slots = np.empty(given.shape[0], dtype=np.uint32)
        cdef uint32_t[::1] out = slots
        cdef size_t n = given.shape[0], done
        if n:
            done = mr_resolve_slots(self.s, &given[0], n, &out[0])
            if done < n:
                if given[done] == 0:
                    raise InvalidInput(f"id 0 (row {done}) is the root of the scene: it cannot be changed or removed")
                raise ReleasedError(f"node id {given[done]} (row {done}) names no living node; it was removed or never existed: look it up again")
        return slots

    cdef bint _pending(self) noexcept:
        return mr_pending(self.s)

    cdef int _current(self, str what) except -1:
        self._guard()
        if self._pending():
            raise InvalidInput(f"{what} needs an up-to-date scene; call update() first")
        return 0

    # ---- counters ----

    @property
    def epoch(self):
        """Grows with every change that may alter a picture."""
        return self.s.epoch

    @property
    def node_count(self):
        """Living nodes, the root not counted."""
        return self.s.node_count

    @property
    def draw_count(self):
        """Draw records: sum over nodes of their primitives."""
        return self.s.draw_count

    @property
    def draw_slots(self):
        """Rows of the instance buffers: draws laid out in buckets that start at multiples of 64."""
        return self.s.slots

    @property
    def bucket_count(self):
        """Distinct (geometry class, shading class) pairs."""
        return self.s.bucket_count

    def bucket_draws(self, wanted):
        """Return one draw of each bucket that has any of a wanted geometry, shown or not.

        Parameters
        ----------
        wanted : (geometries,) bool

        Returns
        -------
        (k, 4) uint32
            Geometry class, shading class, draw slot, geometry.
        """
        self._current("bucket_draws")
        out = np.zeros((max(self.s.bucket_count, 1), 4), dtype=np.uint32)
        cdef uint32_t[:, ::1] o = out
        cdef const uint8_t[::1] chosen = np.append(np.asarray(wanted, dtype=bool).ravel(), False).view(np.uint8)
        return out[:mr_bucket_draws(self.s, &chosen[0], <uint32_t>(chosen.shape[0] - 1), &o[0, 0])]

    @property
    def anchor_count(self):
        """Rows of `anchors`; anchor 0 is the world origin."""
        return self.s.anchor_count

    @property
    def pending(self):
        """Whether derived data is out of date; update() may have tidying to do when it is not."""
        return self._pending()

    @property
    def level(self):
        """Instruction-set level of this store."""
        return _LEVELS[self.s.level]

    @property
    def stats(self):
        """Totals since the store was made: dict of int."""
        return {"updates": self.s.stats.updates, "nodes_updated": self.s.stats.nodes_updated, "draws_refit": self.s.stats.draws_refit,
                "blocks_refit": self.s.stats.blocks_refit, "reorders": self.s.stats.reorders, "resorts": self.s.stats.resorts,
                "anchors_made": self.s.stats.anchors_made, "joints_posed": self.s.stats.joints_posed}

    @property
    def memory(self):
        """Bytes held, by what for: dict of int."""
        cdef uint64_t[8] bytes_
        mr_memory(self.s, bytes_)
        return dict(zip(("nodes", "transforms", "state", "draws", "bounds", "descriptions", "tracking", "poses"), [bytes_[k] for k in range(8)]))

    # ---- tree ----

    def add(self, parent, count=1, *, leaf_range=False):
        """Appends nodes as last children of `parent` and returns their ids.

        Parameters
        ----------
        parent : int
            Public id; 0 is the root.
        count : int
            How many, 0 .. 16777215 in all.
        leaf_range : bool
            Make them one Instances range (see `range_of`), whose rows stay contiguous in this order.

        Returns
        -------
        ndarray (count,) uint32
            Public ids, identity transform, visible, layers 1.
        """
        self._reshape()
        cdef uint32_t index = self._index(parent)
        if not isinstance(count, (int, np.integer)) or not 0 <= count <= 0xFFFFFF:
            raise InvalidInput(f"count must be a whole number in 0 .. 16777215, got {count!r}")
        if <uint64_t>self.s.node_count + <uint64_t>count > 0xFFFFFF:
            _fail(MR_FULL)
        ids = np.empty(count, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        cdef uint32_t n = count, where = 0
        _fail(mr_add(self.s, index, n, bool(leaf_range), &out[0] if n else NULL, &where))
        return ids

    cdef uint32_t _add_one(self, uint32_t parent) except? 0xFFFFFFFF:
        """One node under a parent index; returns its index."""
        cdef uint32_t id = 0
        self._reshape()
        _fail(mr_add(self.s, parent, 1, 0, &id, NULL))
        return id & MR_INDEX_MASK

    def add_parts(self, parent, matrices, geometry, material):
        """Appends n leaves as one range, each with a matrix and one draw: the fast way for Scene.add_parts.

        Parameters
        ----------
        parent : int
            Public id; 0 is the root.
        matrices : (n, 4, 4) or (n, 3, 4) float64
            Local, column convention.
        geometry, material : (n,) uint32
            Described indices.

        Returns
        -------
        (ids, range) : (n,) uint32 and int
            Public ids and the number of the range.

        Raises
        ------
        InvalidInput
            Wrong shapes, values that are not finite, last rows that are not (0, 0, 0, 1). Nothing is added then.
        """
        self._reshape()
        cdef uint32_t index = self._index(parent)
        cdef const double[:, :, ::1] m = _matrix_stack(matrices).astype(np.float64, copy=False)
        cdef const uint32_t[::1] g = _id_array(geometry), k = _id_array(material)
        cdef uint32_t n = m.shape[0], where = 0
        cdef int status
        if <uint32_t>g.shape[0] != n or <uint32_t>k.shape[0] != n:
            raise InvalidInput(f"{n} matrices need as many geometry and material indices, got {g.shape[0]} and {k.shape[0]}")
        if <uint64_t>self.s.node_count + n > 0xFFFFFF:
            _fail(MR_FULL)
        ids = np.empty(n, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        if not n:
            return ids, 0
        if np.max(g) > MR_INDEX_MASK or np.max(k) > MR_INDEX_MASK:
            raise InvalidInput(f"geometry and material indices must be below 16777216, got {np.max(g)} and {np.max(k)}")
        self._enter()
        with nogil:
            status = mr_add_parts(self.s, index, n, &m[0, 0, 0], m.shape[1], &g[0], &k[0], &out[0], &where)
        self._leave()
        _fail(status)
        return ids, where

    def range_of(self, id):
        """Number of the Instances range that a node belongs to, 0 for none."""
        self._guard()
        return self.s.id_range[self._real(id)]

    def range_ids(self, uint32_t number):
        """Public ids of a range in the user's order, (n,) uint32."""
        self._guard()
        if number >= self.s.range_count or self.s.ranges[number].count == 0:
            return np.zeros(0, dtype=np.uint32)
        cdef uint32_t n = self.s.ranges[number].count
        ids = np.empty(n, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        _fail(mr_range_close(self.s, number))
        mr_ids(self.s, self.s.id_slot[self.s.ranges[number].first_id], n, &out[0])
        return ids

    def ranges_of(self, ids):
        """Number of the range of each node, 0 for none, (n,) uint32."""
        self._guard()
        self._slots(ids)
        return _expose(self.s.id_range, self.s.id_range, b"I", 4, True, self.s.id_count)[_id_array(ids) & MR_INDEX_MASK]

    def range_count(self, uint32_t number):
        """Members of a range."""
        return self.s.ranges[number].count if number < self.s.range_count else 0

    @property
    def range_numbers(self):
        """Numbers of the ranges that have members, ascending."""
        return [number for number in range(1, self.s.range_count) if self.s.ranges[number].count]

    def remove(self, id):
        """Removes a node with its subtree; returns the ids that went, (n,) uint32."""
        self._reshape()
        cdef uint32_t index = self._real(id)
        gone = self._subtree(index)
        _fail(mr_remove(self.s, index))
        return gone

    def remove_leaves(self, ids):
        """Removes nodes without children in one call.

        Raises
        ------
        InvalidInput, ReleasedError
            An id is stale, named twice, or has children; nothing is removed then.
        """
        self._reshape()
        chosen = _id_array(ids, self)
        cdef const uint32_t[::1] given = chosen
        self._slots(chosen)
        if len(np.unique(chosen)) < len(chosen):
            raise InvalidInput("an id is named twice; np.unique(ids) names each once")
        children = _expose(self.s.id_child, self.s.id_child, b"I", 4, True, self.s.id_count)[chosen & MR_INDEX_MASK]
        if (children != 0xFFFFFFFF).any():
            raise InvalidInput(f"the node in row {int(np.argmax(children != 0xFFFFFFFF))} has children; remove it by itself")
        if given.shape[0]:
            mr_remove_leaves(self.s, &given[0], given.shape[0])

    cdef object _subtree(self, uint32_t index):
        cdef uint32_t n = mr_subtree_ids(self.s, index, NULL)
        ids = np.empty(n, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        mr_subtree_ids(self.s, index, &out[0])
        return ids

    def subtree(self, id=0):
        """Public ids of a node and everything below it, parents first, (n,) uint32; id 0: every node (without the root)."""
        self._guard()
        ids = self._subtree(self._index(id))
        return ids[1:] if id == 0 else ids

    def set_parent(self, id, parent):
        """Makes a node the last child of another; a cycle raises InvalidInput. The local transform stays."""
        self._reshape()
        _fail(mr_set_parent(self.s, self._real(id), self._index(parent)))

    def parent_of(self, id):
        """Public id of the parent, 0 for the root."""
        self._guard()
        return mr_public_id(self.s, self.s.id_parent[self._real(id)])

    def children_of(self, id):
        """Public ids of the children in the user's order, (n,) uint32."""
        self._guard()
        cdef uint32_t index = self._index(id), n = mr_children(self.s, index, NULL)
        ids = np.empty(n, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        if n:
            mr_children(self.s, index, &out[0])
        return ids

    def is_alive(self, id):
        """Whether a public id names a living node."""
        return 0 <= id <= 0xFFFFFFFF and mr_resolve(self.s, id) != MR_NONE

    # ---- local transforms ----

    def set_trs(self, id, position=None, rotation=None, scale=None):
        """Sets what is given of position (3,) m, rotation (4,) xyzw, scale (3,), local to the parent."""
        self.set([id], position=None if position is None else [position], rotation=None if rotation is None else [rotation],
                 scale=None if scale is None else [scale])

    def set_matrix(self, id, matrix):
        """Sets the local matrix (4, 4), column convention; drops rotation and scale."""
        self.set([id], matrix=as_matrix(matrix).reshape(1, 4, 4))

    def set(self, ids, *, position=None, rotation=None, scale=None, matrix=None):
        """Sets transforms of n nodes in one call.

        Parameters
        ----------
        ids : (n,) uint32
        position : (n, 3) float64, metres, local to the parent
        rotation : (n, 4) quaternions xyzw, normalised here
        scale : (n, 3)
        matrix : (n, 4, 4) or (n, 3, 4), column convention, instead of the other three

        Raises
        ------
        InvalidInput
            Wrong shapes, values that are not finite, zero quaternions, last rows that are not (0, 0, 0, 1), or rotation or
            scale alone on a sheared matrix. Nothing is changed then.
        """
        self._guard()
        cdef const uint32_t[::1] slots = self._slots(ids)
        cdef size_t n = slots.shape[0]
        if matrix is not None and not (position is None and rotation is None and scale is None):
            raise InvalidInput("give either matrix, or position, rotation and scale")
        cdef const double[::1] p = self._column(position, "positions", (n, 3), MAX_POSITION)
        cdef const double[::1] r = self._column(rotation, "rotations", (n, 4), 1e150)
        cdef const double[::1] k = self._column(scale, "scales", (n, 3), MAX_LINEAR)
        cdef const double[::1] m = None
        cdef size_t bad
        if matrix is not None:
            array = _matrix_stack(matrix)
            if <size_t>len(array) != n:
                raise InvalidInput(f"matrices must have shape ({n}, 4, 4) or ({n}, 3, 4), got {array.shape}")
            if array.shape[1] == 3:
                array = _with_last_row(array)
            m = array.astype(np.float64, copy=False).reshape(-1)
        if not n:
            return
        if r is not None:
            bad = mr_zero_row(&r[0], n, 4)
            if bad < n:
                raise InvalidInput(f"rotation in row {bad} is a quaternion of length zero; give (0, 0, 0, 1) for no rotation")
        if (r is None) != (k is None):
            self._refuse_shear(slots)
        _fail(mr_set_many(self.s, &slots[0], n, &p[0] if p is not None else NULL, &r[0] if r is not None else NULL,
                          &k[0] if k is not None else NULL, &m[0] if m is not None else NULL))

    cdef object _column(self, object value, str what, tuple shape, double limit):
        return None if value is None else _finite(_numbers(value, what, shape), what, limit).reshape(-1)

    cdef int _refuse_shear(self, const uint32_t[::1] slots) except -1:
        cdef size_t n = slots.shape[0]
        if mr_any_sheared(self.s, &slots[0], n):
            _fail(MR_NONFINITE)
        return 0

    def local_matrices(self, ids):
        """Local matrices (n, 4, 4) float64 of ids (n,)."""
        self._guard()
        cdef const uint32_t[::1] slots = self._slots(ids)
        out = np.empty((slots.shape[0], 4, 4))
        cdef double[:, :, ::1] m = out
        if slots.shape[0]:
            mr_local_many(self.s, &slots[0], slots.shape[0], &m[0, 0, 0])
        return out

    def world_matrices(self, ids):
        """World matrices (n, 4, 4) float64 of ids (n,): anchor origin plus float32 rows. Updates the scene if it must."""
        self._fresh()
        cdef const uint32_t[::1] slots = self._slots(ids)
        out = np.empty((slots.shape[0], 4, 4))
        cdef double[:, :, ::1] m = out
        if slots.shape[0]:
            mr_world_many(self.s, &slots[0], slots.shape[0], &m[0, 0, 0])
        return out

    cdef int _fresh(self) except -1:
        self._guard()
        if self._pending():
            self.update()
        return 0

    # ---- visibility, layers, state ----

    def set_visible(self, ids, visible):
        """Shows or hides nodes with their subtrees: one bool for all, or (n,) bool."""
        if isinstance(visible, (bool, int, np.bool_)):
            self._flag(ids, 1 if visible else 0, 0)
            return
        chosen, mask = _id_array(ids, self), np.asarray(visible)
        if mask.dtype != bool or mask.shape != chosen.shape:
            raise InvalidInput(f"visible must be a bool or a bool array of shape ({len(chosen)},), got {mask.dtype} {mask.shape}")
        self._slots(chosen)  # nothing is changed when an id is stale
        self._flag(chosen[mask], 1, 0)
        self._flag(chosen[~mask], 0, 0)

    def visible_of(self, ids):
        """The own switch of each node, whatever its ancestors', (n,) bool."""
        self._guard()
        slots = self._slots(ids)
        return (_expose(self.s.flags, self.s.flags, b"B", 1, True, self.s.n)[slots] & MR_VISIBLE) != 0

    def set_layers(self, ids, layers):
        """Layer mask of nodes, one uint32 for all; a view draws a node when the masks share a bit."""
        if not 0 <= int(layers) <= 0xFFFFFFFF:
            raise InvalidInput(f"layers must lie in 0 .. 4294967295, got {layers}")
        self._flag(ids, 2, int(layers))

    cdef int _flag(self, object ids, int what, uint32_t value) except -1:
        self._guard()
        cdef const uint32_t[::1] slots = self._slots(ids)
        if slots.shape[0]:
            _fail(mr_flag_many(self.s, &slots[0], slots.shape[0], what, value))
        return 0

    def set_state(self, ids, rows):
        """State rows of nodes: rows is (n,) STATE_DTYPE, or one row for all."""
        self._guard()
        cdef const uint32_t[::1] slots = self._slots(ids)
        rows = np.ascontiguousarray(np.broadcast_to(np.asarray(rows, dtype=STATE_DTYPE), (slots.shape[0],)))
        cdef const uint8_t[::1] raw = rows.view(np.uint8).reshape(-1)
        if slots.shape[0]:
            if not np.isfinite(rows["value"]).all():
                raise InvalidInput("the value of a state row must be finite")
            _fail(mr_state_many(self.s, &slots[0], slots.shape[0], <const mr_state *>&raw[0]))

    def state_of(self, id):
        """State row of a node, a STATE_DTYPE scalar array (copy)."""
        self._guard()
        cdef uint32_t slot = self.s.id_slot[self._real(id)]
        return _expose(self.s.state, self.s.state + slot, b"B", 1, True, 16).view(STATE_DTYPE)[0].copy()

    def states_of(self, ids):
        """State rows of nodes, (n,) STATE_DTYPE (a copy)."""
        self._guard()
        slots = self._slots(ids)
        return _expose(self.s.state, self.s.state, b"B", 1, True, self.s.n, 16).view(STATE_DTYPE)[:, 0][slots]

    def shown(self, ids):
        """Whether nodes and all their ancestors are visible, (n,) bool; updates the scene if it must."""
        self._fresh()
        cdef const uint32_t[::1] slots = self._slots(ids)
        flags = _expose(self.s.flags, self.s.flags, b"B", 1, True, self.s.n)
        return (flags[np.asarray(slots)] & MR_SHOWN) != 0

    def touch(self):
        """Raises the epoch: something outside the store that a picture depends on has changed."""
        self._guard()
        self.s.epoch += 1

    # ---- edit blocks over ranges ----

    def begin_edit(self, uint32_t number, str field):
        """Opens an edit block over a range: a writable view for position, linear, color or state, a copy for matrix."""
        self._enter()
        try:
            if number >= self.s.range_count:
                raise InvalidInput(f"range {number} does not exist")
            _fail(mr_range_close(self.s, number))
            view = self._edit_view(number, field)
        except BaseException:
            self._leave()
            raise
        self.edits += 1
        self.s.pinned = 1
        return view

    cdef object _edit_view(self, uint32_t number, str field):
        cdef uint32_t n = self.s.ranges[number].count
        cdef size_t first = self.s.id_slot[self.s.ranges[number].first_id] if n else 0
        cdef double[:, :, ::1] m
        if field == "position":
            return _expose(self.s.position, self.s.position + 3 * first, b"d", 8, False, n, 3)
        if field == "linear":
            return _expose(self.s.linear, self.s.linear + 9 * first, b"f", 4, False, n, 3, 3)
        if field == "color":
            return _expose(self.s.state, self.s.state + first, b"B", 1, False, n, 4, 0, 16)
        if field == "state":
            return _expose(self.s.state, self.s.state + first, b"B", 1, False, n, 16).view(STATE_DTYPE)[:, 0]
        if field != "matrix":
            raise InvalidInput(f"edit() takes 'position', 'linear', 'matrix', 'color' or 'state', got {field!r}")
        out = np.empty((n, 4, 4))
        if n:
            m = out
            mr_read_matrices(self.s, first, n, &m[0, 0, 0])
        return out

    def end_edit(self, uint32_t number, str field, view):
        """Closes an edit block: checks the values, marks the range.

        Raises
        ------
        InvalidInput
            A value is not finite or too large: its row is set to position 0 (the identity, the value 0), the other rows
            stay as written. For a matrix, nothing is written back.
        """
        self._guard()
        if not self.edits or number >= self.s.range_count:
            raise InvalidInput("no edit block is open over this range")
        self.edits -= 1
        self.s.pinned = self.edits > 0
        self._leave()
        view.flags.writeable = False
        cdef uint32_t n = self.s.ranges[number].count
        cdef uint32_t first = self.s.id_slot[self.s.ranges[number].first_id] if n else 0
        cdef size_t bad = 0, row = 0
        cdef const double[:, :, ::1] m
        if not n:
            return
        if field == "matrix":
            array = np.ascontiguousarray(view, dtype=np.float64)
            _affine(array, "matrices")
            m = array
            mr_put_matrices(self.s, first, n, &m[0, 0, 0], 4)
        elif field == "position":
            bad = mr_check_f64(self.s.position + 3 * <size_t>first, n, 3, MAX_POSITION, _ZERO3, &row)
        elif field == "linear":
            mr_drop_trs(self.s, first, n)
            bad = mr_check_f32(self.s.linear + 9 * <size_t>first, n, 9, <float>MAX_LINEAR, _IDENTITY9, &row)
        elif field == "state":
            bad = mr_check_state(self.s, first, n, &row)
        _fail(mr_mark(self.s, first, n, MR_TINTED if field in ("color", "state") else MR_MOVED))
        if bad:
            raise InvalidInput(f"edit({field!r}) left {bad} row(s) with values that are not finite or too large, the first is row {row}; "
                               "those rows were reset: give finite numbers")

    def set_range(self, uint32_t number, matrix):
        """Sets the local matrices of a whole range, in its order: `set` without looking ids up, and without a copy of float32 input.

        Parameters
        ----------
        matrix : (n, 4, 4) or (n, 3, 4), column convention

        Raises
        ------
        InvalidInput
            As :meth:`set`.
        """
        self._guard()
        if number >= self.s.range_count:
            raise InvalidInput(f"range {number} does not exist")
        cdef uint32_t n = self.s.ranges[number].count
        array = _matrix_stack(matrix)
        if len(array) != n:
            raise InvalidInput(f"matrices must have shape ({n}, 4, 4) or ({n}, 3, 4), got {array.shape}")
        if not n:
            return
        _fail(mr_range_close(self.s, number))
        cdef uint32_t first = self.s.id_slot[self.s.ranges[number].first_id]
        cdef const float[:, :, ::1] single
        cdef const double[:, :, ::1] m
        _fail(mr_mark(self.s, first, n, MR_MOVED))
        if array.dtype == np.float32:
            single = array
            mr_put_matrices_f32(self.s, first, n, &single[0, 0, 0], single.shape[1])
        else:
            m = array
            mr_put_matrices(self.s, first, n, &m[0, 0, 0], m.shape[1])

    def set_range_poses(self, uint32_t number, position, rotation, scale, bint w_first):
        """Sets the local matrices of a whole range, in its order, from what simulations keep.

        Parameters
        ----------
        position : (n, 3) float64, metres
        rotation : (n, 4) quaternions, normalised here; (n, 9) or (n, 3, 3) matrices
        scale : (n, 3) or None
        w_first : bool
            Whether quaternions are wxyz instead of xyzw.

        Raises
        ------
        InvalidInput
            Wrong shapes, values that are not finite, quaternions of length zero. Nothing is changed then.
        """
        self._guard()
        if number >= self.s.range_count:
            raise InvalidInput(f"range {number} does not exist")
        cdef uint32_t n = self.s.ranges[number].count
        shape = np.shape(rotation)
        if shape not in ((n, 4), (n, 9), (n, 3, 3)):
            raise InvalidInput(f"rotations must be quaternions ({n}, 4) or matrices ({n}, 9) or ({n}, 3, 3), got {shape}")
        cdef int width = 4 if shape == (n, 4) else 9
        if len(shape) == 3:
            rotation = np.reshape(rotation, (n, 9))
        cdef const double[::1] p = self._column(position, "positions", (n, 3), MAX_POSITION)
        cdef const double[::1] r = self._column(rotation, "rotations", (n, width), 1e150 if width == 4 else MAX_LINEAR)
        cdef const double[::1] k = self._column(scale, "scales", (n, 3), MAX_LINEAR)
        if not n:
            return
        cdef size_t bad = mr_zero_row(&r[0], n, 4) if width == 4 else n
        if bad < n:
            raise InvalidInput(f"rotation in row {bad} is a quaternion of length zero; give (0, 0, 0, 1) for no rotation")
        _fail(mr_range_close(self.s, number))
        cdef uint32_t first = self.s.id_slot[self.s.ranges[number].first_id]
        _fail(mr_mark(self.s, first, n, MR_MOVED))
        mr_put_poses(self.s, first, n, &p[0], &r[0], width, w_first, &k[0] if k is not None else NULL)

    def free_range(self, uint32_t number):
        """Forgets a range; its members stay as plain nodes, with the weights that they show."""
        self._reshape()
        if not 0 < number < self.s.range_count:
            raise InvalidInput(f"range {number} does not exist")
        _fail(mr_range_free(self.s, number))

    # ---- draws ----

    def set_draws(self, ids, geometry, material):
        """Gives every node the same list of draws, replacing what it had.

        Parameters
        ----------
        ids : (n,) uint32
        geometry, material : (k,) uint32
            Indices given to `set_geometry` and `set_material`; k = 0 removes the draws.
        """
        self._guard()
        cdef const uint32_t[::1] slots = self._slots(ids)
        cdef const uint32_t[::1] g = _id_array(geometry), m = _id_array(material)
        if g.shape[0] != m.shape[0] or g.shape[0] > MAX_DRAWS:
            raise InvalidInput(f"geometry and material must have equal lengths up to {MAX_DRAWS}, got {g.shape[0]} and {m.shape[0]}")
        for name, array in (("geometry", np.asarray(g)), ("material", np.asarray(m))):
            if array.size and array.max() > MR_INDEX_MASK:
                raise InvalidInput(f"{name} indices must be below 16777216, got {array.max()}")
        if slots.shape[0]:
            _fail(mr_set_draws_many(self.s, &slots[0], slots.shape[0], &g[0] if g.shape[0] else NULL, &m[0] if m.shape[0] else NULL,
                                    g.shape[0]))

    def take_idle(self):
        """Indices of (geometries, materials) that no draw uses and that were used or described since the last call: two lists of int."""
        self._guard()
        if not self.s.idle_count:
            return [], []
        out = np.empty(self.s.idle_count, dtype=np.uint32)
        cdef uint32_t[::1] o = out
        found = np.unique(out[:mr_take_idle(self.s, &o[0])])
        return found[found < 0x80000000].tolist(), (found[found >= 0x80000000] & 0x7FFFFFFF).tolist()

    def forget(self, geometries, materials):
        """Switches descriptions off; their indices may be described anew."""
        self._guard()
        for index in geometries:
            mr_forget(self.s, 0, self._number(index, "geometry"))
        for index in materials:
            mr_forget(self.s, 1, self._number(index, "material"))

    def copy_from(self, Store other not None, parent, geometry, material):
        """Copies every node of another store under `parent`.

        Parameters
        ----------
        other : Store
        parent : int
            Public id here.
        geometry, material : (k,) uint32
            Index here by index there.

        Returns
        -------
        (old, new) : two (n,) uint32
            Public ids there and here, parents first.
        """
        self._reshape()
        other._reshape()
        cdef uint32_t under = self._index(parent)
        cdef const uint32_t[::1] g = _id_array(geometry), m = _id_array(material)
        if other is self:
            raise InvalidInput("a scene cannot be added to itself; add a copy that was made by Scene().add(scene)")
        if g.shape[0] < other.s.geometry_count or m.shape[0] < other.s.material_count:
            raise InvalidInput("copy_from needs one row in `geometry` and `material` for each index of the other store")
        if <uint64_t>self.s.node_count + other.s.node_count > 0xFFFFFF:
            _fail(MR_FULL)
        _fail(mr_order(other.s))
        new = np.zeros(other.s.n, dtype=np.uint32)
        cdef uint32_t[::1] out = new
        _fail(mr_copy(self.s, under, other.s, &g[0] if g.shape[0] else NULL, &m[0] if m.shape[0] else NULL, &out[0]))
        return other.slot_order(), new[1:]

    def draws_of(self, id):
        """Draws of a node as (geometry, material) index arrays, each (k,) uint32."""
        self._guard()
        cdef uint32_t slot = self.s.id_slot[self._real(id)]
        cdef int n = mr_draws_of(self.s, slot, NULL, NULL)
        geometry, material = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint32)
        cdef uint32_t[::1] g = geometry, m = material
        if n:
            mr_draws_of(self.s, slot, &g[0], &m[0])
        return geometry, material

    def set_geometry(self, index, key, lower, upper):
        """Describes geometry `index`: class bits and local box (3,) lower and upper, metres."""
        self._guard()
        cdef double[3] low, high
        _vector(lower, 3, low, "lower bounds", MAX_LINEAR)
        _vector(upper, 3, high, "upper bounds", MAX_LINEAR)
        if low[0] > high[0] or low[1] > high[1] or low[2] > high[2]:
            raise InvalidInput(f"geometry {index}: lower bounds {list(low)} exceed upper bounds {list(high)}")
        _fail(mr_set_geometry(self.s, self._number(index, "geometry"), self._word(key), low, high))

    def set_levels(self, index, levels, errors):
        """Describes coarser levels of geometry `index`; empty lists take them away.

        Parameters
        ----------
        levels : (k,) int
            Geometry indices, finest first, k at most 7; described already, of the same class. The box of `index` must hold them.
        errors : (k,) float
            How far each strays from the surface of `index` at most, metres in local space, rising.
        """
        self._guard()
        cdef uint32_t number = self._number(index, "geometry"), n = len(levels), k
        cdef uint32_t[MR_MAX_LEVELS] index_of
        cdef float[MR_MAX_LEVELS] error_of
        if n > MR_MAX_LEVELS or len(errors) != n:
            raise InvalidInput(f"geometry {index} takes up to {MR_MAX_LEVELS} levels with one error each, got {n} and {len(errors)}")
        for k in range(n):
            index_of[k] = self._number(levels[k], "geometry")
            if index_of[k] >= self.s.geometry_count:
                raise InvalidInput(f"level {k} of geometry {index} is geometry {levels[k]}, which is not described; call set_geometry first")
            error_of[k] = errors[k]
            if not 0 <= error_of[k] < 1e30 or (k and error_of[k] < error_of[k - 1]):
                raise InvalidInput(f"errors of geometry {index} must be finite, at least 0 and rising, got {list(errors)}")
        _fail(mr_set_levels(self.s, number, index_of, error_of, n))

    def set_occluder(self, index, positions, indices):
        """Lets draws of geometry `index` hide others; no indices takes that away. They must be the triangles that are drawn.

        Parameters
        ----------
        positions : (n, 3) float32, metres, local space
        indices : (m,) uint32, triangles with counter-clockwise front faces, at most 1,024 of them
            Back faces never hide anything.
        """
        self._guard()
        cdef uint32_t number = self._number(index, "geometry")
        cdef const float[:, ::1] p = np.ascontiguousarray(positions, dtype=np.float32)
        cdef const uint32_t[::1] i = np.ascontiguousarray(indices, dtype=np.uint32)
        cdef uint32_t n = i.shape[0]
        if p.shape[1] != 3 or n % 3 or n // 3 > MR_MAX_OCCLUDER_TRIANGLES or (n and np.max(indices) >= p.shape[0]):
            raise InvalidInput(f"an occluder needs positions (n, 3) and up to {MR_MAX_OCCLUDER_TRIANGLES} triangles of indices below n, "
                               f"got {np.shape(positions)} and {n} indices")
        if not np.isfinite(positions).all():
            raise InvalidInput("positions of an occluder must be finite")
        _fail(mr_set_occluder(self.s, number, &p[0, 0] if n else NULL, p.shape[0], &i[0] if n else NULL, n // 3))

    def set_material(self, index, key, shading_class):
        """Describes material `index`: class bits and shading class."""
        self._guard()
        _fail(mr_set_material(self.s, self._number(index, "material"), self._word(key), self._number(shading_class, "shading class")))

    cdef uint32_t _number(self, object value, str what) except? 0xFFFFFFFF:
        if not 0 <= value <= MR_INDEX_MASK:
            raise InvalidInput(f"a {what} index must lie in 0 .. 16777215, got {value}")
        return value

    cdef uint32_t _word(self, object value) except? 0xFFFFFFFF:
        if not 0 <= value <= 0xFFFFFF:
            raise InvalidInput(f"a class key has 24 bits, got {value}")
        return value

    # ---- derived data ----

    def update(self):
        """Brings world transforms, anchors, visibility, boxes and draw order up to date; costs nothing when nothing changed."""
        cdef int status
        self._guard()
        if not mr_has_work(self.s):
            return
        self._enter()
        with nogil:
            status = mr_update(self.s)
        self._leave()
        _fail(status)

    def settle(self):
        """Makes order, anchors and ranks a pure function of what the ids carry, whatever edits led here."""
        cdef int status
        self._reshape()
        self._enter()
        with nogil:
            status = mr_settle(self.s)
        self._leave()
        _fail(status)

    def bounds(self, id=0):
        """World box (2, 3) float64 of a node's subtree (0: everything), or None when it draws nothing. Hidden nodes count."""
        self._fresh()
        cdef double[3] low, high
        if not mr_bounds(self.s, self._index(id), low, high):
            return None
        return np.array([[low[0], low[1], low[2]], [high[0], high[1], high[2]]])

    @property
    def anchors(self):
        """Origins of the anchors, (anchor_count, 3) float64, metres, world space (a copy)."""
        self._guard()
        out = np.empty((self.s.anchor_count, 3))
        cdef double[:, ::1] o = out
        mr_origins(self.s, &o[0, 0])
        out.flags.writeable = False
        return out

    def dirty_runs(self, int kind, since_epoch):
        """Row runs that changed after an epoch, (k, 2) uint32 of [first slot, count]; pages one page apart are joined."""
        self._guard()
        self._kind(kind)
        cdef uint32_t pages = mr_row_count(self.s, kind) // mr_page_slots(kind) + 1
        runs = np.empty((pages // 2 + 1, 2), dtype=np.uint32)
        cdef uint32_t[:, ::1] out = runs
        cdef uint64_t since = since_epoch
        cdef uint32_t n = mr_dirty_runs(self.s, kind, since, <mr_run *>&out[0, 0])
        return runs[:n]

    def fill_rows(self, int kind, first, count, out):
        """Gathers rows [first, first + count) of draw slots, or of what deforms vertices, into a writable, contiguous buffer of exactly their size."""
        self._current("fill_rows")
        self._kind(kind)
        cdef uint8_t[::1] to = memoryview(out).cast("B")
        cdef uint64_t size = mr_row_bytes(kind)
        if not (0 <= first and 0 <= count and first + count <= mr_row_count(self.s, kind)):
            raise InvalidInput(f"rows {first} .. {first + count} lie outside the {mr_row_count(self.s, kind)} rows of this kind")
        cdef uint32_t begin = first, n = count
        if <uint64_t>to.shape[0] != size * n:
            raise InvalidInput(f"fill_rows needs {size * n} bytes for {n} rows, got {to.shape[0]}")
        if not n:
            return
        self._enter()
        with nogil:
            mr_fill_rows(self.s, kind, begin, n, &to[0])
        self._leave()

    cdef int _kind(self, int kind) except -1:
        if kind < 0 or kind > 4:
            raise InvalidInput(f"kind must be TRANSFORM, INFO, STATE, BOX or DEFORM, got {kind}")
        return 0

    def row_count(self, int kind):
        """Rows of a kind: draw slots, or the rows of what deforms vertices."""
        self._kind(kind)
        return mr_row_count(self.s, kind)

    # ---- poses ----

    def bind(self, id, skin, joints):
        """Makes a node follow joints with a skin that `add_skin` numbered.

        Parameters
        ----------
        joints : (j,) uint32
            Public ids, one for each joint of the skin.
        """
        self._guard()
        cdef uint32_t index = self._real(id), number = _skin_number(self, skin)
        cdef const uint32_t[::1] chosen = _id_array(joints, self)
        if <uint32_t>chosen.shape[0] != self.s.skins[number].joints:
            raise InvalidInput(f"the skin has {self.s.skins[number].joints} joints, got {chosen.shape[0]} nodes; give one for each")
        self._slots(chosen)
        _fail(mr_bind(self.s, index, number, &chosen[0]))

    def hold_weights(self, ids, values):
        """Gives every node the same morph weights, (m,) float32, whatever number it had before; m = 0 takes them away."""
        self._guard()
        self._slots(ids)
        cdef const uint32_t[::1] chosen = _id_array(ids)
        cdef const float[::1] weights = _weights(values)
        cdef uint32_t k
        for k in range(<uint32_t>chosen.shape[0]):
            _fail(mr_hold_weights(self.s, chosen[k] & MR_INDEX_MASK, &weights[0] if weights.shape[0] else NULL, weights.shape[0]))

    def set_morph_weights(self, ids, offsets, values):
        """Sets the morph weights of n nodes in one call; those that stay the same cost nothing more.

        Parameters
        ----------
        ids : (n,) uint32
        offsets : (n + 1,) whole numbers
            Node i gets ``values[offsets[i]:offsets[i + 1]]``, which must be as many as it has.
        values : (k,) float32

        Raises
        ------
        InvalidInput, ReleasedError
            Unknown ids, offsets that do not fit, another number of weights than a node has, or values that are not finite; nothing is
            changed then.
        """
        self._guard()
        self._slots(ids)
        cdef const uint32_t[::1] chosen = _id_array(ids)
        cdef const float[::1] weights = _weights(values)
        cdef const int64_t[::1] at = np.ascontiguousarray(offsets, dtype=np.int64).reshape(-1)
        cdef uint32_t count = 0
        cdef Py_ssize_t k, n = chosen.shape[0]
        if at.shape[0] != n + 1 or at[0] < 0 or at[n] > weights.shape[0] or at[0] > at[n]:
            raise InvalidInput(f"offsets must be {n + 1} places in the {weights.shape[0]} values, got {at.shape[0]}")
        for k in range(n):
            mr_weights_of(self.s, chosen[k] & MR_INDEX_MASK, &count)
            if at[k + 1] - at[k] != count:
                raise InvalidInput(f"node {chosen[k]} (row {k}) has {count} morph weights, got {at[k + 1] - at[k]}; give as many")
        for k in range(n):
            _fail(mr_keep_pose(self.s, chosen[k] & MR_INDEX_MASK))
        for k in range(n):
            if at[k + 1] > at[k]:
                mr_set_weights(self.s, chosen[k] & MR_INDEX_MASK, &weights[at[k]], <uint32_t>(at[k + 1] - at[k]))

    # ---- read-only looks inside, for tests ----

    @property
    def slot_geometry(self):
        """Geometry index by draw slot, (draw_slots,) uint32; 0xFFFFFFFF in padding."""
        return _expose(self.s.slot_geometry, self.s.slot_geometry, b"I", 4, True, self.s.slots)

    @property
    def slot_material(self):
        """Material index by draw slot, (draw_slots,) uint32 (a copy); 0 in padding."""
        out = np.zeros(self.s.slots, dtype=np.uint32)
        cdef uint32_t[::1] o = out
        if self.s.slots:
            mr_slot_materials(self.s, &o[0])
        out.flags.writeable = False
        return out

    @property
    def slot_ids(self):
        """Public node id by draw slot, (draw_slots,) uint32; 0 in padding."""
        return _expose(self.s.slot_id, self.s.slot_id, b"I", 4, True, self.s.slots)

    @property
    def slot_anchor(self):
        """Anchor by draw slot, (draw_slots,) uint32."""
        return _expose(self.s.slot_anchor, self.s.slot_anchor, b"I", 4, True, self.s.slots)

    @property
    def block_live(self):
        """Live bits by block of 64 slots, (draw_slots / 64,) uint64: the draw exists and its node is shown."""
        return _expose(self.s.block_live, self.s.block_live, b"Q", 8, True, self.s.slots // 64)

    @property
    def boxes(self):
        """Widened boxes by draw slot, (draw_slots, 6) float32: centre and half extents relative to the slot's anchor."""
        out = np.zeros((self.s.slots, 6), dtype=np.float32)
        cdef float[:, ::1] b = out
        if self.s.slots:
            mr_boxes(self.s, &b[0, 0])
        return out

    def anchor_of(self, id):
        """Anchor index of a node after update()."""
        self._fresh()
        return self.s.anchor[self.s.id_slot[self._real(id)]]

    def slot_order(self):
        """Public ids by node slot once the slots are in order, without the root, (node_count,) uint32."""
        self._reshape()
        _fail(mr_order(self.s))
        ids = np.empty(self.s.node_count, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        if self.s.node_count:
            mr_ids(self.s, 1, self.s.node_count, &out[0])
        return ids


def radix_sort(keys, values, int bits=64):
    """Stable radix sort of (n,) uint64 keys with (n,) uint32 values by the low `bits`; returns sorted copies."""
    k = np.array(keys, dtype=np.uint64)
    v = np.array(values, dtype=np.uint32)
    if k.ndim != 1 or k.shape != v.shape or not 0 < bits <= 64:
        raise InvalidInput("keys and values must be equally long (n,) arrays and bits in 1 .. 64")
    cdef uint64_t[::1] a = k, b = np.empty_like(k)
    cdef uint32_t[::1] c = v, d = np.empty_like(v)
    if a.shape[0]:
        mr_radix(&a[0], &c[0], a.shape[0], bits, &b[0], &d[0])
    return k, v
