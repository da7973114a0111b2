# The Node handle. Included by _core.pyx.


cdef class Node:
    """Handle of one node of a scene: made on demand, equal and hashed by what it names; use after removal raises.

    Local properties (`position`, `rotation`, `scale`, `matrix`) are relative to the parent; metres, right-handed, +Y up.
    """

    cdef readonly Store store
    cdef uint32_t index
    cdef uint64_t serial

    def __init__(self, Store store not None, id):
        store._guard()
        self.store = store
        self.index = store._index(id)
        self.serial = store.s.id_serial[self.index]

    cdef inline uint32_t _slot(self) except? 0xFFFFFFFF:
        cdef mr_store *s = self.store.s
        if self.store.inside:
            self.store._guard()
        if s.id_serial[self.index] != self.serial:
            raise ReleasedError("this node was removed from its scene; look it up again or add a new one")
        return s.id_slot[self.index]

    cdef inline uint32_t _changeable(self) except? 0xFFFFFFFF:
        cdef uint32_t slot = self._slot()
        if self.index == 0:
            raise InvalidInput("the root of a scene cannot be changed; add a group and change that")
        return slot

    cdef object _scene(self):
        self._slot()
        if self.store.owner is None:
            raise InvalidInput("this node's store belongs to no Scene, so it has no names, meshes, lights or cameras")
        return self.store.owner

    def __eq__(self, other):
        if not isinstance(other, Node):
            return NotImplemented
        cdef Node o = other
        return self.store is o.store and self.serial == o.serial

    def __hash__(self):
        return hash((id(self.store), self.serial))

    def __repr__(self):
        if not self.alive:
            return "<Node removed>"
        name = "" if self.store.owner is None else f" {self.store.owner._name_of(self.id)!r}"
        return f"<Node {self.id}{name}>"

    @property
    def alive(self):
        """Whether the node still exists."""
        return self.store.s.id_serial[self.index] == self.serial

    @property
    def id(self):
        """Public id: what pictures and picking report (24-bit index, 8-bit generation)."""
        self._slot()
        return mr_public_id(self.store.s, self.index)

    @property
    def parent(self):
        """Parent node, None at the top level. Assigning moves the node (None: to the top level); its local transform stays."""
        self._slot()
        cdef uint32_t up = self.store.s.id_parent[self.index]
        return None if self.index == 0 or up == 0 else Node(self.store, mr_public_id(self.store.s, up))

    @parent.setter
    def parent(self, value):
        self._changeable()
        if value is not None and (not isinstance(value, Node) or (<Node>value).store is not self.store):
            got = "one of another scene" if isinstance(value, Node) else type(value).__name__
            raise InvalidInput(f"parent must be a Node of the same scene or None, got {got}")
        self.store.set_parent(self.id, 0 if value is None else value.id)

    @property
    def children(self):
        """Children in the order they were added: tuple of Node."""
        self._slot()
        return tuple([Node(self.store, k) for k in self.store.children_of(self.id).tolist()])

    @property
    def position(self):
        """Position relative to the parent, (3,) float64, metres (a copy; assign to change)."""
        cdef double *p = self.store.s.position + 3 * <size_t>self._slot()
        return np.array((p[0], p[1], p[2]))

    @position.setter
    def position(self, value):
        cdef double[3] p
        cdef uint32_t slot = self._changeable()
        cdef double *to
        _vector(value, 3, p, "position", MAX_POSITION)
        to = self.store.s.position + 3 * <size_t>slot
        to[0] = p[0]
        to[1] = p[1]
        to[2] = p[2]
        _fail(mr_mark(self.store.s, slot, 1, MR_MOVED))

    @property
    def rotation(self):
        """Rotation relative to the parent, quaternion xyzw, (4,) float64; raises InvalidInput when the matrix is sheared."""
        cdef double[4] r
        cdef double[3] k
        _fail(mr_get_trs(self.store.s, self._slot(), r, k))
        return np.array((r[0], r[1], r[2], r[3]))

    @rotation.setter
    def rotation(self, value):
        cdef double[4] r
        cdef uint32_t slot = self._changeable()
        _vector(value, 4, r, "rotation", 1e150)
        if not r[0] * r[0] + r[1] * r[1] + r[2] * r[2] + r[3] * r[3] > 1e-24:
            raise InvalidInput("rotation is a quaternion of length zero; give (0, 0, 0, 1) for no rotation")
        _fail(mr_set_trs(self.store.s, slot, NULL, r, NULL))

    @property
    def scale(self):
        """Scale relative to the parent, (3,) float64; raises InvalidInput when the matrix is sheared. One number sets all three."""
        cdef double[4] r
        cdef double[3] k
        _fail(mr_get_trs(self.store.s, self._slot(), r, k))
        return np.array((k[0], k[1], k[2]))

    @scale.setter
    def scale(self, value):
        cdef double[3] k
        cdef uint32_t slot = self._changeable()
        if isinstance(value, (int, float)):
            value = (value, value, value)
        _vector(value, 3, k, "scale", MAX_LINEAR)
        _fail(mr_set_trs(self.store.s, slot, NULL, NULL, k))

    @property
    def matrix(self):
        """Local matrix (4, 4) float64, column convention. Assigning it forgets the authored rotation and scale."""
        out = np.empty((4, 4))
        cdef double[:, ::1] m = out
        mr_get_matrix(self.store.s, self._slot(), &m[0, 0])
        return out

    @matrix.setter
    def matrix(self, value):
        cdef uint32_t slot = self._changeable()
        cdef double[:, ::1] m = as_matrix(value)
        _fail(mr_set_matrix(self.store.s, slot, &m[0, 0]))

    @property
    def world_matrix(self):
        """World matrix (4, 4) float64 (linear part of float32 precision); updates the scene if it must."""
        self._slot()
        self.store._fresh()
        out = np.empty((4, 4))
        cdef double[:, ::1] m = out
        mr_get_world(self.store.s, self._slot(), &m[0, 0])
        return out

    @property
    def visible(self):
        """The node's own switch; a node is drawn when it and all its ancestors are visible."""
        return bool(self.store.s.flags[self._slot()] & MR_VISIBLE)

    @visible.setter
    def visible(self, value):
        self._changeable()
        self.store._flag(self.id, 1 if value else 0, 0)

    @property
    def layers(self):
        """Layer mask, uint32; a camera draws the node when the masks share a bit. Not inherited."""
        return self.store.s.layers[self._slot()]

    @layers.setter
    def layers(self, value):
        self._changeable()
        self.store.set_layers(self.id, value)

    @property
    def bounds(self):
        """World box of the node and everything below it, (2, 3) float64 lower and upper, or None when nothing is drawn there."""
        self._slot()
        return self.store.bounds(mr_public_id(self.store.s, self.index))

    @property
    def name(self):
        """Name, any string; not unique."""
        return self._scene()._name_of(self.id)

    @name.setter
    def name(self, value):
        self._scene()._set_name(self.id, value)

    @property
    def mesh(self):
        """Mesh that the node draws, or None; assign to change."""
        return self._scene()._mesh_of(self.id)

    @mesh.setter
    def mesh(self, value):
        self._changeable()
        self._scene()._set_mesh(self.id, value)

    @property
    def light(self):
        """Light that sits at the node, or None; assign to change."""
        return self._scene()._light_of(self.id)

    @light.setter
    def light(self, value):
        self._changeable()
        self._scene()._set_light(self.id, value)

    @property
    def camera(self):
        """Camera that sits at the node, or None; assign to change."""
        return self._scene()._camera_of(self.id)

    @camera.setter
    def camera(self, value):
        self._changeable()
        self._scene()._set_camera(self.id, value)

    @property
    def weights(self):
        """Weights of the mesh's morphs, (m,) float32 (a copy; assign to change), as many as its geometries have; empty without morphs.
        A part that shows those of the node above (see ``Scene.add_instances``) has its own once they are assigned."""
        cdef uint32_t count = 0
        self._slot()
        cdef const float *w = mr_weights_of(self.store.s, self.index, &count)
        out = np.empty(count, dtype=np.float32)
        cdef float[::1] o = out
        if count:
            memcpy(&o[0], w, count * sizeof(float))
        return out

    @weights.setter
    def weights(self, value):
        cdef uint32_t count = 0
        self._changeable()
        cdef const float[::1] w = _weights(value)
        mr_weights_of(self.store.s, self.index, &count)
        if <uint32_t>w.shape[0] != count:
            raise InvalidInput(f"this node has {count} morph weights, got {w.shape[0]}; give as many as its mesh has morphs")
        if count:
            _fail(mr_set_weights(self.store.s, self.index, &w[0], count))

    @property
    def skin(self):
        """Skin that the node's mesh follows joints with, or None; see ``Scene.bind``."""
        return self._scene()._skin_of(self.id)

    @property
    def joints(self):
        """Ids of the joints that the node's mesh follows, (j,) uint32; empty without a skin."""
        self._slot()
        return joints_of(self.store, mr_public_id(self.store.s, self.index))

    @property
    def extras(self):
        """Free data of the application, a dict that belongs to the node."""
        return self._scene()._extras_of(self.id)

    @extras.setter
    def extras(self, value):
        self._scene()._set_extras(self.id, value)

    def remove(self):
        """Removes the node with its subtree; handles to them raise ReleasedError from now on."""
        self._changeable()
        if self.store.owner is None:
            self.store.remove(self.id)
        else:
            self.store.owner._remove(self.id)


cdef Node _node(Store store, uint32_t index):
    """Handle without checks, for the scene's own loops."""
    cdef Node node = Node.__new__(Node)
    node.store = store
    node.index = index
    node.serial = store.s.id_serial[index]
    return node


cdef class Draws:
    """A list of (geometry, material) index pairs, made once and given to many nodes.

    Parameters
    ----------
    geometry, material : (k,) uint32
    """

    cdef uint32_t *pairs
    cdef uint32_t n

    def __cinit__(self, geometry, material):
        cdef uint32_t k
        self.n = len(geometry)
        if len(material) != len(geometry) or self.n > <uint32_t>MAX_DRAWS:
            raise InvalidInput(f"geometry and material must have equal lengths up to {MAX_DRAWS}, got {len(geometry)} and {len(material)}")
        self.pairs = <uint32_t *>malloc(2 * self.n * sizeof(uint32_t) + 1)
        if self.pairs == NULL:
            raise MemoryError("a list of draws could not be allocated")
        for k in range(self.n):
            if not (0 <= geometry[k] <= MR_INDEX_MASK and 0 <= material[k] <= MR_INDEX_MASK):
                raise InvalidInput(f"geometry and material indices must lie in 0 .. 16777215, got {geometry[k]} and {material[k]}")
            self.pairs[k] = geometry[k]
            self.pairs[self.n + k] = material[k]

    def __dealloc__(self):
        free(self.pairs)


def add_node(Store store not None, Node parent, Draws draws):
    """Adds one node (parent None: top level; draws may be None) and returns its handle: the fast way for Scene.add."""
    cdef uint32_t up = 0
    if parent is not None:
        if parent.store is not store:
            raise InvalidInput("parent belongs to another scene; add the node to that scene, or pass a node of this one")
        parent._slot()
        up = parent.index
    cdef uint32_t index = store._add_one(up)
    if draws is not None:
        _fail(mr_set_draws(store.s, store.s.id_slot[index], draws.pairs, draws.pairs + draws.n, draws.n))
    return _node(store, index)
