# Views, culling and draw lists. Included by _core.pyx.


cdef class DrawList:
    """Indirect draw commands of one view; immutable. The same object means: nothing changed, nothing to upload.

    Attributes
    ----------
    commands : (n, 5) uint32, read-only
        index count, instance count, first index, base vertex, base instance (= first draw slot).
    batches : (m,) BATCH_DTYPE, read-only
        Runs of commands with one pipeline state; `first` and `count` index `commands`.
    instances, triangles : int
        Sums over the commands (triangles: triangle topology only).
    version : int
        Grows with every list that is built.
    """

    cdef mr_list l
    cdef object _places
    cdef readonly object commands, batches
    cdef readonly unsigned long long instances, triangles, version

    def __init__(self):
        raise TypeError("a DrawList is made by View.draw_list()")

    def __dealloc__(self):
        mr_list_free(&self.l)

    def __len__(self):
        return self.l.command_count

    @property
    def places(self):
        """Where the commands of each run begin when the device may split it, (n + 1,) uint32, read-only; the last is their number.

        A run of draw slots gets one place for each pair (2k, 2k + 1) that it reaches into: visible stretches never need more.
        """
        cdef uint32_t[::1] out
        if self._places is None:
            self._places = np.empty(self.l.command_count + 1, dtype=np.uint32)
            out = self._places
            mr_places(&self.l, &out[0])
            self._places.flags.writeable = False
        return self._places

    cdef object _publish(self, unsigned long long version):
        self.version = version
        self.instances = self.l.instances
        self.triangles = self.l.triangles
        if not self.l.command_count:  # often: no view of a scene without blended surfaces has any
            self.commands, self.batches = _NO_COMMANDS, _NO_BATCHES
            return self
        self.commands = _expose(self.l.commands, self.l.commands, b"I", 4, True, self.l.command_count, 5)
        raw = _expose(self.l.batches, self.l.batches, b"B", 1, True, self.l.batch_count * 32)
        self.batches = raw.view(BATCH_DTYPE)
        return self


cdef unsigned long long _version = 0

cdef object _NO_COMMANDS = np.zeros((0, 5), dtype=np.uint32), _NO_BATCHES = np.zeros(0, dtype=BATCH_DTYPE)
_NO_COMMANDS.flags.writeable = _NO_BATCHES.flags.writeable = False

GPU_VIEW_DTYPE = np.dtype([("axes", "f4", (3, 4)), ("planes", "f4", (6, 4)), ("gain", "f4", 2), ("shift", "f4", 2), ("size", "f4", 2),
                           ("depth", "f4", 2), ("near", "f4"), ("parallel", "i4"), ("layers", "u4"), ("spare", "u4")])
if GPU_VIEW_DTYPE.itemsize != sizeof(mr_gpu_view_t):
    raise MetarenderError("GPU_VIEW_DTYPE and mr_gpu_view_t differ; build the extension anew")


cdef int _plain_matrix(object value, double *out, bint affine) except -1:
    """Copies a (4, 4) float64 array that needs no conversion and is plainly right; 0 leaves it to the slow way, which explains."""
    cdef const double[:, ::1] rows
    cdef int k
    if type(value) is not np.ndarray or value.dtype is not _FLOAT64 or value.ndim != 2 or not value.flags.c_contiguous:
        return 0
    rows = value
    if rows.shape[0] != 4 or rows.shape[1] != 4:
        return 0
    memcpy(out, &rows[0, 0], 128)
    for k in range(16):
        if not fabs(out[k]) < MAX_POSITION:
            return 0
    return not affine or (out[12] == 0 and out[13] == 0 and out[14] == 0 and out[15] == 1)


cdef int _copy_matrix(const double[:, ::1] rows, double *out) except -1:
    memcpy(out, &rows[0, 0], 128)
    return 0


def view_projection(pose, projection):
    """World axes about the eye to clip space, (4, 4) float64: the projection times the inverse of the pose's rotation.

    Here and not in numpy, whose products depend on the processor in their last bits.

    Parameters
    ----------
    pose, projection : (4, 4) float64
        As `View.configure` takes them; the axes of the pose are a rotation.
    """
    cdef double p[16]
    cdef double m[16]
    cdef int i, j
    if not _plain_matrix(pose, p, True):
        _copy_matrix(as_matrix(pose, "pose"), p)
    if not _plain_matrix(projection, m, False):
        _copy_matrix(_finite(_numbers(projection, "projection", (4, 4)), "projection", 1e30), m)
    out = np.empty((4, 4))
    cdef double[:, ::1] o = out
    for i in range(4):
        for j in range(3):
            o[i, j] = m[4 * i] * p[4 * j] + m[4 * i + 1] * p[4 * j + 1] + m[4 * i + 2] * p[4 * j + 2]
        o[i, 3] = m[4 * i + 3]
    return out


cdef object _FLOAT64 = np.dtype(np.float64)


cdef class View:
    """One frustum over a Store: planes, layers and the visible bits.

    Parameters
    ----------
    store : Store
    """

    cdef mr_view v
    cdef readonly Store store
    cdef bint configured
    cdef double[32] config
    cdef uint32_t mask
    cdef dict lists
    cdef tuple lists_stamp

    def __cinit__(self, Store store not None):
        memset(&self.v, 0, sizeof(mr_view))
        self.store = store
        self.lists = {}

    def __dealloc__(self):
        mr_view_free(&self.v)

    def configure(self, pose, projection, layers=0xFFFFFFFF):
        """Sets what the view looks at.

        Parameters
        ----------
        pose : (4, 4) float64
            Camera to world; the camera looks along its -Z. Affine, invertible.
        projection : (4, 4) float64
            To clip space with depth 0 .. 1 (reversed-Z or not).
        layers : int
            Mask; a node is drawn when its layers share a bit.
        """
        self.store._guard()
        cdef double[32] wanted
        cdef uint32_t mask
        if not _plain_matrix(pose, wanted, True):
            _copy_matrix(as_matrix(pose, "pose"), wanted)
        if not _plain_matrix(projection, wanted + 16, False):
            _copy_matrix(_finite(_numbers(projection, "projection", (4, 4)), "projection", 1e30), wanted + 16)
        if not 0 <= layers <= 0xFFFFFFFF:
            raise InvalidInput(f"layers must lie in 0 .. 4294967295, got {layers}")
        mask = layers
        if self.configured and mask == self.mask and memcmp(wanted, self.config, 256) == 0:
            return
        if mr_view_configure(&self.v, wanted, wanted + 16, mask):
            raise InvalidInput("pose cannot be inverted; a camera's scale must not be zero")
        memcpy(self.config, wanted, 256)
        self.mask = mask
        self.configured = True

    def set_detail(self, size, *, cull_pixels=0.0, lod_pixels=0.0, occlusion=False):
        """Says how coarse this view may be and whether hidden draws are looked for; all is off until then.

        A view whose pose is not rigid or whose projection is not a plain reversed-Z one stays exact.

        Parameters
        ----------
        size : (width, height)
            Of the picture, pixels.
        cull_pixels : float
            A draw is left out when its picture fits into a square of that many pixels.
        lod_pixels : float
            A coarser level may stray that many pixels from the surface; see `Store.set_levels`.
        occlusion : bool
            Leave out draws that others hide wholly (see `Store.set_occluder`). The picture stays the same, byte for byte.
        """
        self.store._guard()
        cdef double width = size[0], height = size[1], cull_limit = cull_pixels, lod_limit = lod_pixels
        if not (0 < width <= 1e6 and 0 < height <= 1e6):
            raise InvalidInput(f"size must be a width and a height in pixels above 0, got {size!r}")
        for name, value in (("cull_pixels", cull_limit), ("lod_pixels", lod_limit)):
            if not 0 <= value <= 1e6:
                raise InvalidInput(f"{name} must be a number of pixels of at least 0, got {value!r}")
        mr_view_detail(&self.v, width, height, cull_limit, lod_limit, bool(occlusion))

    @property
    def metric(self):
        """Pixels that a length of 1 m at a depth of 1 m covers at most (parallel views: at any depth); 0 before `set_detail`."""
        return self.v.detail.metric if self.v.detail.standard else 0.0

    @property
    def occluded(self):
        """Draws in the frustum that the last cull left out because others hide them."""
        return self.v.occlusion.occluded

    @property
    def occluders(self):
        """Draws that the last cull hid others with."""
        return self.v.occlusion.occluders

    @property
    def cover(self):
        """What the occluders of the last cull cover, (rows, columns) float32, bottom row first, read-only.

        Nearness of the farthest point of the cover in each cell: 1 / depth (parallel views: -depth), -inf where a cell is not
        wholly covered.
        """
        self._need_cull()
        if not self.v.occlusion.occluders:
            return np.zeros((0, 0), dtype=np.float32)
        return _expose(self.v.occlusion.near, self.v.occlusion.near, b"f", 4, True, self.v.occlusion.rows, self.v.occlusion.columns).copy()

    @property
    def slot_levels(self):
        """Level of detail by draw slot, (slots,) uint8, a copy: 0 is the geometry itself. Means something for visible draws only."""
        self._need_cull()
        out = np.zeros(self.v.blocks * 64, dtype=np.uint8)
        if self.v.detail.block_levelled == NULL or not self.v.blocks:
            return out
        blocks = _expose(self.v.detail.block_levelled, self.v.detail.block_levelled, b"B", 1, True, self.v.blocks)
        levels = _expose(self.v.detail.level, self.v.detail.level, b"B", 1, True, self.v.blocks * 64)
        return np.where(np.repeat(blocks > 0, 64), levels, out)

    def gpu_view(self):
        """What compute shaders read of this view: `GPU_VIEW_DTYPE` record, and whether it is a plain camera that sizes can be told for.

        Of other views only `planes` and `layers` are filled. Sizes are those given to `set_detail`.
        """
        self.store._guard()
        record = np.zeros((), dtype=GPU_VIEW_DTYPE)
        cdef uint8_t[::1] raw = record.reshape(1).view(np.uint8)
        plain = mr_gpu_view(&self.v, <mr_gpu_view_t *>&raw[0])
        return record, bool(plain)

    def gpu_anchors(self):
        """By anchor, for the last cull: origin along right, up and forward minus the eye, what rounding may add, distances of planes.

        (n, 12) float32, metres, for the anchors that there were at the cull; lanes 10 and 11 are spare.
        """
        self._need_cull()
        out = np.empty((self.v.anchors, 12), dtype=np.float32)
        cdef float[:, ::1] o = out
        mr_gpu_anchors(self.store.s, &self.v, &o[0, 0])
        return out

    def visible_blocks(self):
        """Blocks of 64 draw slots in which the last cull left a bit: (k, 3) uint32 of block, low and high half of its word."""
        self._need_cull()
        out = np.empty((mr_visible_blocks(&self.v, NULL), 3), dtype=np.uint32)
        cdef uint32_t[:, ::1] o = out
        if len(out):
            mr_visible_blocks(&self.v, &o[0, 0])
        return out

    @property
    def eye(self):
        """Position of the camera, (3,) float64, world space."""
        return np.array([self.v.eye[0], self.v.eye[1], self.v.eye[2]])

    def anchor_offsets(self, relative_to=None):
        """Anchor origins minus the eye (or minus a given point), subtracted in float64: (anchor_count, 4) float32 with w = 0."""
        cdef double[3] point
        self.store._guard()
        if relative_to is None:
            point[0], point[1], point[2] = self.v.eye[0], self.v.eye[1], self.v.eye[2]
        else:
            _vector(relative_to, 3, point, "relative_to", 1e300)
        out = np.empty((self.store.s.anchor_count, 4), dtype=np.float32)
        cdef float[:, ::1] o = out
        mr_anchor_offsets(self.store.s, point, &o[0, 0])
        return out

    cdef bint _culled(self) noexcept:
        return self.configured and self.v.cull_stamp == self.v.stamp and self.v.cull_epoch == self.store.s.draw_epoch

    cdef int _need_cull(self) except -1:
        if not self._culled():
            raise InvalidInput("this view was changed, or its scene was, since it was culled; call cull([view]) first")
        return 0

    @property
    def visible_count(self):
        """Draws that the last cull kept."""
        return self.v.visible

    @property
    def visible(self):
        """Visible bits, one uint64 word per block of 64 draw slots, read-only."""
        self._need_cull()
        return _expose(self.v.words, self.v.words, b"Q", 8, True, self.v.blocks)

    @property
    def block_counts(self):
        """(blocks wholly inside, blocks cut by a plane) of the last cull."""
        return self.v.blocks_in, self.v.blocks_cut

    def draw_list(self, ranges, *, alpha, merge, sort=False):
        """Builds the commands of the culled view, or returns the last list when nothing changed.

        Parameters
        ----------
        ranges : (n_geometry, 3) uint32
            Index count, first index, base vertex by geometry index; a count of 0 skips the geometry. Compared by
            identity for the cache: pass a new array when its content changes.
        alpha : int
            Bit mask of alpha modes: 1 opaque, 2 mask, 4 blend.
        merge : bool
            Join batches over shading classes (shadow, depth, ids); masked ones never join.
        sort : bool
            Back to front by view depth of the box centre, ties by id.
        """
        self.store._guard()
        self._need_cull()
        key = (id(ranges), int(alpha), bool(merge), bool(sort))
        stamp = (self.v.cull_stamp, self.v.cull_epoch)
        if stamp != self.lists_stamp:
            self.lists.clear()
            self.lists_stamp = stamp
        found = self.lists.get(key)
        if found is None:
            found = (self._build(ranges, alpha, merge, sort), ranges)
            self.lists[key] = found
        return found[0]

    cdef DrawList _build(self, object ranges, unsigned alpha, bint merge, bint sort):
        global _version
        if not isinstance(ranges, np.ndarray) or ranges.dtype != np.uint32 or ranges.ndim != 2 or ranges.shape[1] != 3:
            raise InvalidInput(f"ranges must be an (n, 3) uint32 array, got {type(ranges).__name__} {np.shape(ranges)}")
        cdef const uint32_t[:, ::1] r = np.ascontiguousarray(ranges)
        cdef DrawList out = DrawList.__new__(DrawList)
        cdef uint32_t n = r.shape[0]
        cdef const uint32_t *rows = &r[0, 0] if n else NULL
        cdef int status
        self.store._enter()
        with nogil:
            status = mr_build(self.store.s, &self.v, rows, n, alpha, merge, sort, &out.l)
        self.store._leave()
        _fail(status)
        _version += 1
        return out._publish(_version)


def cull(views):
    """Culls views of one store in a single visit of its blocks; views that are still valid are left alone.

    Raises
    ------
    InvalidInput
        The views belong to several stores, a view was not configured, or the store needs update().
    """
    cdef list todo = []
    cdef Store store = None
    cdef View view
    for item in views:
        if not isinstance(item, View):
            raise InvalidInput(f"cull takes views, got {type(item).__name__}")
        view = item
        if store is not None and view.store is not store:
            raise InvalidInput("cull takes views of one store; call it once for each store")
        store = view.store
        store._current("cull")
        if not view.configured:
            raise InvalidInput("a view was not configured; call view.configure(pose, projection) first")
        if not view._culled() and view not in todo:
            todo.append(view)
    if not todo:
        return
    cdef uint32_t n = len(todo), i
    cdef mr_view **pointers = <mr_view **>malloc(n * sizeof(void *))
    if pointers == NULL:
        raise MemoryError("cull could not allocate memory")
    for i in range(n):
        pointers[i] = &(<View>todo[i]).v
    cdef int status
    store._enter()
    with nogil:
        status = mr_cull(store.s, pointers, n)
    store._leave()
    free(pointers)
    _fail(status)


def cull_flat(View view not None):
    """Culls one view without the hierarchy: every box against every plane. Slow; keeps what `cull` keeps, and what lies within rounding."""
    view.store._current("cull_flat")
    if not view.configured:
        raise InvalidInput("a view was not configured; call view.configure(pose, projection) first")
    cdef int status
    view.store._enter()
    with nogil:
        status = mr_cull_flat(view.store.s, &view.v)
    view.store._leave()
    _fail(status)


def surface_distance(points, positions, indices):
    """Largest distance of points (n, 3) float32 from the nearest of the triangles that indices (m,) uint32 make of positions (k, 3)."""
    cdef const float[:, ::1] p = np.ascontiguousarray(points, dtype=np.float32)
    cdef const float[:, ::1] v = np.ascontiguousarray(positions, dtype=np.float32)
    cdef const uint32_t[::1] i = np.ascontiguousarray(indices, dtype=np.uint32)
    cdef size_t n = p.shape[0], count = i.shape[0] // 3
    cdef float out
    if p.shape[1] != 3 or v.shape[1] != 3 or not count or not n or np.max(indices) >= v.shape[0]:
        raise InvalidInput("surface_distance needs points (n, 3), positions (k, 3) and indices of triangles below k")
    with nogil:
        out = mr_surface_distance(&p[0, 0], n, &v[0, 0], &i[0], count)
    return out
