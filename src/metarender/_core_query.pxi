# Ray casts and spatial queries. Included by _core.pyx.

HIT_DTYPE = np.dtype([("distance", "f8"), ("point", "f8", (3,)), ("normal", "f8", (3,)), ("uv", "f8", (2,)), ("id", "u4"),
                      ("geometry", "u4"), ("triangle", "u4"), ("front", "u4")])
FRONT, BACK, AS_DRAWN = MR_FRONT, MR_BACK, MR_AS_DRAWN


cdef class Bvh:
    """Bounding-volume hierarchy over triangles; immutable, keeps the arrays that it was made from.

    Parameters
    ----------
    positions : (n, 3) float32, C-contiguous, finite
    indices : (3 t,) uint32, C-contiguous, below n
    """

    cdef mr_bvh b
    cdef object arrays

    def __cinit__(self, positions, indices):
        cdef const float[:, ::1] p = positions
        cdef const uint32_t[::1] i = indices
        cdef uint32_t triangles
        cdef int status
        if i.shape[0] % 3 or i.shape[0] // 3 > 0x7FFFFFFF or p.shape[1] != 3:
            raise InvalidInput(f"a hierarchy needs (n, 3) positions and (3 t,) indices, got {positions.shape} and {indices.shape}")
        triangles = i.shape[0] // 3
        if triangles and int(np.asarray(i).max()) >= p.shape[0]:
            raise InvalidInput(f"indices reach {int(np.asarray(i).max())} but there are {p.shape[0]} positions")
        self.arrays = (positions, indices)
        with nogil:
            status = mr_bvh_build(&self.b, &p[0, 0] if triangles else NULL, &i[0] if triangles else NULL, triangles)
        _fail(status)

    def __dealloc__(self):
        mr_bvh_free(&self.b)

    @property
    def triangle_count(self):
        """Triangles in it."""
        return self.b.triangle_count

    @property
    def node_count(self):
        """Nodes, 32 bytes each; 4 bytes for each triangle come on top."""
        return self.b.node_count

    @property
    def depth(self):
        """Nodes from the root to the deepest leaf, at most 96."""
        return self.b.depth


cdef int _filter(mr_filter *f, object layers, bint hidden, uint32_t sides) except -1:
    if not isinstance(layers, (int, np.integer)) or not 0 <= layers <= 0xFFFFFFFF:
        raise InvalidInput(f"layers must be a whole number in 0 .. 4294967295, got {layers!r}")
    f.layers = layers
    f.hidden = hidden
    f.sides = sides
    return 0


cdef int _aim(mr_ray *r, double *direction, double limit, object what) except -1:
    """Puts the normalised direction and the limit into a ray."""
    cdef double largest = max(fabs(direction[0]), fabs(direction[1]), fabs(direction[2])), length
    cdef int k
    if not 0 < largest < 1e300 * 1e300:
        raise InvalidInput(f"{what} must be finite and not zero, got {[direction[0], direction[1], direction[2]]}")
    for k in range(3):
        r.direction[k] = direction[k] / largest
    length = sqrt(r.direction[0] * r.direction[0] + r.direction[1] * r.direction[1] + r.direction[2] * r.direction[2])
    for k in range(3):
        r.direction[k] /= length
    if not limit >= 0:
        raise InvalidInput(f"max_distance must be 0 or more, in metres, got {limit}")
    r.limit = limit
    return 0


cdef int _place_bvh(mr_bvh ***table, uint32_t *held, uint32_t index, uint32_t room, mr_bvh *bvh) except -1:
    """Puts a hierarchy into a table, which grows to `room` places where it must."""
    cdef mr_bvh **larger
    if index >= held[0]:
        larger = <mr_bvh **>calloc(room, sizeof(void *))
        if larger == NULL:
            raise MemoryError("the ray caster could not allocate memory")
        if held[0]:
            memcpy(larger, table[0], held[0] * sizeof(void *))
        free(table[0])
        table[0] = larger
        held[0] = room
    table[0][index] = bvh
    return 0


cdef class Caster:
    """Casts rays into one Store. Keeps the hierarchies that it was given and its scratch memory.

    Parameters
    ----------
    store : Store
    find : callable
        ``find(index) -> Bvh`` for a geometry index of the store; called at most once for each until :meth:`forget`.
    pose : callable, optional
        ``pose(id, index, mirrored) -> Bvh`` of a node that deforms a geometry: over the posed vertices relative to the draw's anchor, with
        -x where `mirrored`; called at most once for each until the scene changes.

    Notes
    -----
    Masked and blended materials count as solid. Lines and points have no surface. Of equally near surfaces the one with the lower
    id index is reported.
    """

    cdef readonly Store store
    cdef object find, pose
    cdef list held, held_posed
    cdef mr_forest forest
    cdef uint64_t posed_epoch
    cdef mr_queue queue

    def __cinit__(self, Store store not None, find, pose=None):
        self.store = store
        self.find = find
        self.pose = pose
        self.held = []
        self.held_posed = []

    def __dealloc__(self):
        free(self.forest.bvhs)
        free(self.forest.posed)
        mr_queue_free(&self.queue)

    def forget(self):
        """Drops the hierarchies: the geometries behind the indices may have changed."""
        self.store._guard()
        if self.forest.count:
            memset(self.forest.bvhs, 0, self.forest.count * sizeof(void *))
        self.held.clear()
        self._forget_poses()

    cdef void _forget_poses(self):
        if self.forest.posed_count:
            memset(self.forest.posed, 0, self.forest.posed_count * sizeof(void *))
        self.held_posed.clear()
        self.posed_epoch = self.store.s.draw_epoch

    cdef int _supply(self, uint32_t index) except -1:
        cdef Bvh made = self.find(index)
        _place_bvh(&self.forest.bvhs, &self.forest.count, index, max(self.store.s.geometry_count, index + 1), &made.b)
        self.held.append(made)
        return 0

    cdef int _supply_posed(self, uint32_t slot) except -1:
        cdef mr_store *s = self.store.s
        cdef bint mirrored = s.block_mirrored[slot // 64] >> (slot & 63) & 1
        cdef Bvh made = self.pose(mr_public_id(s, s.node_id[s.slot_node[slot]]), s.slot_geometry[slot], mirrored)
        _place_bvh(&self.forest.posed, &self.forest.posed_count, slot, s.slots, &made.b)
        self.held_posed.append(made)
        return 0

    cdef int _cast(self, mr_ray *rays, mr_hit *hits, size_t n, mr_filter *f) except -1:
        cdef size_t i = 0
        cdef uint32_t missing = 0
        cdef int status = MR_OK
        if self.posed_epoch != self.store.s.draw_epoch:
            self._forget_poses()
        while i < n:
            self.store._enter()
            with nogil:
                while i < n:
                    status = mr_raycast(self.store.s, rays + i, f, &self.forest, &self.queue, hits + i, &missing)
                    if status:
                        break
                    i += 1
            self.store._leave()
            if status == MR_MISSING:
                self._supply(missing)
                self.store._fresh()
            elif status == MR_UNPOSED:
                self._supply_posed(missing)
                self.store._fresh()
            else:
                _fail(status)
        return 0

    def cast(self, origin, direction, double max_distance, layers, bint hidden, uint32_t sides):
        """Nearest triangle on one ray: None, or the fields of HIT_DTYPE as a tuple (points as tuples of three)."""
        cdef mr_ray r
        cdef mr_hit h
        cdef mr_filter f
        cdef double[3] d
        self.store._fresh()
        _vector(origin, 3, r.origin, "origin", MAX_POSITION)
        _vector(direction, 3, d, "direction", 1e300)
        _aim(&r, d, max_distance, "direction")
        _filter(&f, layers, hidden, sides)
        self._cast(&r, &h, 1, &f)
        if h.id == 0:
            return None
        return (h.distance, (h.point[0], h.point[1], h.point[2]), (h.normal[0], h.normal[1], h.normal[2]), (h.uv[0], h.uv[1]), h.id,
                h.geometry, h.triangle, h.front)

    def cast_many(self, origins, directions, double max_distance, layers, bint hidden, uint32_t sides):
        """Nearest triangle on each of n rays, (n,) HIT_DTYPE; id 0 and distance infinity where nothing is met."""
        cdef mr_filter f
        self.store._fresh()
        origins = _finite(_numbers(origins, "origins", (-1, 3)), "origins", MAX_POSITION)
        cdef const double[:, ::1] o = origins
        directions = _finite(_numbers(directions, "directions", (o.shape[0], 3)), "directions", 1e300)
        cdef double[:, ::1] d = np.array(directions)
        _filter(&f, layers, hidden, sides)
        cdef size_t n = o.shape[0], i
        hits = np.zeros(n, dtype=HIT_DTYPE)
        if not n:
            return hits
        cdef uint8_t[::1] out = hits.view(np.uint8)
        cdef mr_ray *rays = <mr_ray *>malloc(n * sizeof(mr_ray))
        if rays == NULL:
            raise MemoryError(f"no memory for {n} rays; cast fewer at a time")
        try:
            for i in range(n):
                rays[i].origin[0], rays[i].origin[1], rays[i].origin[2] = o[i, 0], o[i, 1], o[i, 2]
                if d[i, 0] == 0 and d[i, 1] == 0 and d[i, 2] == 0:
                    raise InvalidInput(f"the direction in row {i} has length zero")
                _aim(rays + i, &d[i, 0], max_distance, "directions")
            self._cast(rays, <mr_hit *>&out[0], n, &f)
        finally:
            free(rays)
        return hits

    def boxes_on_ray(self, origin, direction, double max_distance, layers, bint hidden):
        """Public ids of nodes whose world boxes a ray meets, (n,) uint32, in the order in which it enters them, ties by id index."""
        cdef mr_ray r
        cdef mr_filter f
        cdef double[3] d
        cdef uint32_t *ids = NULL
        cdef uint32_t count = 0
        cdef int status
        self.store._fresh()
        _vector(origin, 3, r.origin, "ray origin", MAX_POSITION)
        _vector(direction, 3, d, "ray direction", 1e300)
        _aim(&r, d, max_distance, "ray direction")
        _filter(&f, layers, hidden, 0)
        self.store._enter()
        with nogil:
            status = mr_query_ray(self.store.s, &r, &f, &self.queue, &ids, &count)
        self.store._leave()
        out = None if status else _expose(ids, ids, b"I", 4, False, count)
        mr_block_release(ids)
        _fail(status)
        return out

    cdef object _region(self, mr_region *region, object layers, bint hidden):
        cdef mr_filter f
        cdef uint32_t found = 0
        cdef int status
        _filter(&f, layers, hidden, 0)
        cdef uint64_t[::1] bits = np.zeros((self.store.s.id_count + 63) // 64, dtype=np.uint64)
        self.store._enter()
        with nogil:
            status = mr_query(self.store.s, region, &f, &self.queue, &bits[0], &found)
        self.store._leave()
        _fail(status)
        ids = np.empty(found, dtype=np.uint32)
        cdef uint32_t[::1] out = ids
        if found:
            mr_query_ids(self.store.s, &bits[0], &out[0])
        return ids

    def in_box(self, box, layers, bint hidden):
        """Public ids of nodes whose world boxes meet a box (2, 3), (n,) uint32, ascending by id index."""
        cdef mr_region region
        cdef int k
        self.store._fresh()
        cdef double[:, ::1] b = _finite(_numbers(box, "box", (2, 3)), "box", MAX_POSITION)
        memset(&region, 0, sizeof(mr_region))
        region.kind = MR_BOX
        for k in range(3):
            if b[0, k] > b[1, k]:
                raise InvalidInput(f"box must have its lower corner first, got {np.asarray(b).tolist()}")
            region.lower[k], region.upper[k] = b[0, k], b[1, k]
        return self._region(&region, layers, hidden)

    def in_sphere(self, centre, double radius, layers, bint hidden):
        """Public ids of nodes whose world boxes meet a ball, (n,) uint32, ascending by id index."""
        cdef mr_region region
        self.store._fresh()
        memset(&region, 0, sizeof(mr_region))
        region.kind = MR_SPHERE
        _vector(centre, 3, region.lower, "sphere centre", MAX_POSITION)
        if not 0 <= radius <= MAX_POSITION:
            raise InvalidInput(f"the radius of a sphere must lie in 0 .. {MAX_POSITION:.0e}, got {radius}")
        region.radius = radius
        return self._region(&region, layers, hidden)

    def in_view(self, View view not None, layers, bint hidden):
        """Public ids of nodes whose world boxes no plane of a configured view excludes, (n,) uint32, ascending by id index."""
        cdef mr_region region
        self.store._fresh()
        if view.store is not self.store:
            raise InvalidInput("the view belongs to another scene; make one over this scene's store")
        if not view.configured:
            raise InvalidInput("the view was not configured; call view.configure(pose, projection) first")
        mr_region_of_view(&view.v, &region)
        return self._region(&region, view.v.layers if layers is None else layers, hidden)
