# Skins, palettes and morph weights. Included by _core.pyx.


cdef object _weights(object values):
    """(k,) float32, C-contiguous and finite."""
    try:
        with np.errstate(over="ignore"):  # refused below
            array = np.ascontiguousarray(values, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"morph weights must be numbers, got {type(values).__name__}") from error
    if np.ndim(values) != 1:
        raise InvalidInput(f"morph weights must have shape (m,), got {np.shape(values)}")
    if not np.isfinite(array).all():
        raise InvalidInput(f"morph weights must be finite, got {array[~np.isfinite(array)][0]}")
    return array


cdef uint32_t _skin_number(Store store, object value) except? 0xFFFFFFFF:
    if not 0 <= value < store.s.skin_count or store.s.skins[value].inverse == NULL:
        raise InvalidInput(f"skin {value} is not one of this store; make it with add_skin()")
    return value


def add_skin(Store store not None, inverse):
    """Describes a skin by its inverse bind matrices, (j, 3, 4) float64 (their first three rows); returns its number in this store."""
    store._guard()
    cdef const double[:, :, ::1] m = np.ascontiguousarray(inverse, dtype=np.float64)
    cdef uint32_t index = 0
    if not m.shape[0] or m.shape[0] > 65536 or m.shape[1] != 3 or m.shape[2] != 4:
        raise InvalidInput(f"inverse bind matrices must have shape (j, 3, 4) with 1 .. 65536 joints, got {np.shape(inverse)}")
    _fail(mr_add_skin(store.s, &m[0, 0, 0], m.shape[0], &index))
    return index


def drop_skins(Store store not None):
    """Frees the skins that no node follows; returns their numbers, list of int."""
    store._guard()
    _sweep(store)
    found = []
    cdef uint32_t k
    for k in range(store.s.skin_count):
        if store.s.skins[k].inverse != NULL and not store.s.skins[k].users:
            mr_drop_skin(store.s, k)
            found.append(k)
    return found


cdef int _sweep(Store store) except -1:
    """Nodes whose joints are gone follow them no longer; without this they would until the next update."""
    if store.s.joints_gone:
        _fail(mr_pose_prepare(store.s))
    return 0


def unbind(Store store not None, id):
    """Lets a node follow joints no longer."""
    store._guard()
    mr_unbind(store.s, store._real(id))


def skin_of(Store store not None, id):
    """Number of the skin that a node follows joints with, -1 for none."""
    store._guard()
    _sweep(store)
    cdef const mr_palette *p = mr_palette_of(store.s, store._index(id))
    return -1 if p == NULL else p.skin


def joints_of(Store store not None, id):
    """Public ids of the joints that a node follows, (j,) uint32; empty for none."""
    store._guard()
    _sweep(store)
    cdef const mr_palette *p = mr_palette_of(store.s, store._index(id))
    out = np.empty(0 if p == NULL else p.joints, dtype=np.uint32)
    cdef uint32_t[::1] o = out
    if p != NULL:
        memcpy(&o[0], p.joint, p.joints * sizeof(uint32_t))
    return out


def palette_of(Store store not None, id):
    """What moves the vertices of a node that follows joints, (j, 3, 4) float32: world(joint) x inverse bind, relative to the anchor of the
    first joint; empty for none. Updates the scene if it must."""
    store._fresh()
    cdef const mr_palette *p = mr_palette_of(store.s, store._index(id))
    if p == NULL:
        return np.empty((0, 3, 4), dtype=np.float32)
    return _expose(store.s.deform, store.s.deform + 4 * <size_t>p.first, b"f", 4, True, p.joints, 3, 4).copy()


def draw_space(Store store not None, id, geometry):
    """What a node draws a geometry in, (3, 4) float32 rows relative to an origin, and that origin, (3,) float64: its own transform and
    anchor, or where it follows joints the identity and the anchor of the first"""
    store._fresh()
    cdef uint32_t slot = store.s.id_slot[store._real(id)], g = store._number(geometry, "geometry"), anchor
    anchor = mr_draw_anchor(store.s, slot, g)
    rows = _expose(store.s.world, store.s.world + 12 * <size_t>slot, b"f", 4, True, 3, 4).copy()
    return rows, np.array([store.s.anchors[anchor].origin[k] for k in range(3)])


def read_poses(Store store not None):
    """What every node has that has a skin or morph weights of its own, ascending by id index.

    Returns
    -------
    ids : (n,) uint32
        Public ids.
    skins : (n,) int64
        Number of the skin, -1 for none.
    counts : (n,) uint32
        How many weights.
    values : (k,) float32
        The weights of all, one behind the other.
    """
    store._guard()
    _sweep(store)
    cdef const mr_store *s = store.s
    cdef uint32_t index, i, n = 0, live = 0
    cdef uint64_t total = 0, end = 0
    for i in range(1, s.pose_count):
        if s.poses[i].node != MR_NONE and (s.poses[i].palette or s.poses[i].weights):  # one that was unbound has nothing
            live += 1
            total += s.poses[i].weights
    ids, skins = np.empty(live, dtype=np.uint32), np.full(live, -1, dtype=np.int64)
    counts = np.empty(live, dtype=np.uint32)
    values = np.empty(total, dtype=np.float32)
    cdef uint32_t[::1] to_ids = ids, to_counts = counts
    cdef int64_t[::1] to_skins = skins
    cdef float[::1] to_values = values
    for index in range(s.id_pose_cap):
        i = s.id_pose[index]
        if not i or not (s.poses[i].palette or s.poses[i].weights):
            continue
        to_ids[n], to_counts[n] = mr_public_id(s, index), s.poses[i].weights
        if s.poses[i].palette:
            to_skins[n] = s.palettes[s.poses[i].palette].skin
        if s.poses[i].weights:
            memcpy(&to_values[end], s.deform + 4 * (<size_t>s.poses[i].first + 1), s.poses[i].weights * sizeof(float))
        end += s.poses[i].weights
        n += 1
    return ids, skins, counts, values


def copy_poses(Store store not None, Store other not None, old, new, skins):
    """Gives copied nodes the poses of their originals.

    Parameters
    ----------
    other : Store
    old, new : (n,) uint32
        Public ids there, and of their copies here.
    skins : (k,) uint32
        Number here by number there.
    """
    store._guard()
    other._guard()
    if not other.s.pose_live:
        return
    _sweep(other)
    cdef const uint32_t[::1] slots = other._slots(old), to = _id_array(new)
    if slots.shape[0] != to.shape[0]:
        raise InvalidInput(f"copy_poses needs a copy for each of {slots.shape[0]} nodes, got {to.shape[0]}")
    numbers = np.zeros(other.s.skin_count + 1, dtype=np.uint32)  # free ones at the end may have no number
    numbers[:len(skins)] = skins
    cdef const uint32_t[::1] number = numbers
    by_slot = np.zeros(other.s.n, dtype=np.uint32)
    by_slot[np.asarray(slots)] = to
    cdef const uint32_t[::1] ids = by_slot
    _fail(mr_copy_poses(store.s, other.s, &ids[0], &number[0]))


def set_flesh(Store store not None, index, joints, boxes, morphs):
    """Describes how geometry `index` deforms; empty arrays take that away.

    Parameters
    ----------
    joints : (k,) uint32
        For each group of vertices the joint that moves them, 0xFFFFFFFF where there are no joints.
    boxes : (k, 2, 3) float64, metres
        Lower and upper corner of the vertices of each group, local space.
    morphs : (k, m, 2, 3) float64, metres
        The same of their displacements by each morph.
    """
    store._guard()
    cdef const uint32_t[::1] j = _id_array(joints)
    cdef const double[:, :, ::1] b = np.ascontiguousarray(boxes, dtype=np.float64).reshape(-1, 2, 3)
    cdef const double[:, :, :, ::1] m = np.ascontiguousarray(morphs, dtype=np.float64)
    cdef bint any_morph = m.shape[1] > 0
    if j.shape[0] != b.shape[0] or j.shape[0] != m.shape[0] or (any_morph and (m.shape[2] != 2 or m.shape[3] != 3)):
        raise InvalidInput(f"{j.shape[0]} groups need as many boxes and displacements, got {np.shape(boxes)} and {np.shape(morphs)}")
    if not j.shape[0]:
        _fail(mr_set_flesh(store.s, store._number(index, "geometry"), 0, NULL, NULL, 0, NULL))
        return
    _fail(mr_set_flesh(store.s, store._number(index, "geometry"), j.shape[0], &j[0], &b[0, 0, 0], m.shape[1],
                       &m[0, 0, 0, 0] if any_morph else NULL))
