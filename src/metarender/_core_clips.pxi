# Clips that play: curves bound to what they drive, sampled and mixed in one call. Included by _core.pyx.

ACTION_DTYPE = np.dtype([*[(name, "f8") for name in ("start", "origin", "phase", "rate", "weight", "duration")], ("loop", "u4"), ("additive", "u4")])
STEP, LINEAR, CUBIC = 0, 1, 2
DRIVE_POSITION, DRIVE_ROTATION, DRIVE_SCALE, DRIVE_SHOW, DRIVE_COLOR, DRIVE_VALUE, DRIVE_FLAG, DRIVE_NUMBERS, DRIVE_WEIGHTS = 0, 1, 2, 3, 4, 5, 6, 10, 11

cdef double MAX_TIME = 1e12
cdef double MAX_KEY = 3.5e38


cdef class Mixer:
    """What plays on one store: layers of bound curves, one for each action.

    Parameters
    ----------
    store : Store
    """

    cdef mr_mixer *m
    cdef readonly Store store
    cdef list kept

    def __cinit__(self, Store store not None):
        self.store = store
        self.kept = []
        self.m = mr_mixer_new()
        if self.m == NULL:
            raise MemoryError("an animation could not allocate memory")

    def __dealloc__(self):
        mr_mixer_free(self.m)

    @property
    def layers(self):
        """Actions, those that were removed too until `close_up`."""
        return self.m.layer_count

    @property
    def channels(self):
        """Properties of targets that are driven or not yet back at rest."""
        return self.m.channel_count

    @property
    def sampled(self):
        """Rows of tracks that the last pose looked at: those of actions without weight are not among them."""
        return self.m.sampled

    @property
    def nbytes(self):
        """Bytes held for what plays; the arrays of the tracks are the caller's."""
        return mr_mixer_bytes(self.m)

    def add(self, tracks):
        """Binds the tracks of one more action; rest values are what the targets have now, unless they are driven already.

        Parameters
        ----------
        tracks : sequence of (kind, targets, times, values, curve, rest)
            ``DRIVE_*``; (n,) uint32 public ids, or one number of the caller's for DRIVE_NUMBERS; (k,) float64 rising seconds; values
            (k, rows, width), for CUBIC (k, 3, rows, width), float32 or float64, rows 1 or n; STEP, LINEAR or CUBIC; (width,) float64 rest for
            DRIVE_NUMBERS, else None. The arrays are kept, not copied.

        Raises
        ------
        InvalidInput
            A sheared node is to be turned or scaled, or arrays do not fit each other. Nothing is bound then.
        """
        cdef size_t n = len(tracks), k
        cdef mr_track *rows = NULL
        cdef int status
        kept = []
        self.store._enter()
        try:
            rows = <mr_track *>calloc(n + 1, sizeof(mr_track))
            if rows == NULL:
                raise MemoryError("an animation could not allocate memory")
            for k in range(n):  # one at a time, when a clip begins to play
                kept.append(_bound_track(tracks[k], rows + k))
            status = mr_layer_add(self.store.s, self.m, rows, <uint32_t>n)
        finally:
            self.store._leave()
            free(rows)
        if status == MR_NONFINITE:
            raise InvalidInput("a clip turns or scales a node whose matrix is sheared, so it has no rotation and scale; set its `matrix` to one "
                               "without shear")
        _fail(status)
        self.kept.append(kept)

    cdef int _check_layer(self, Py_ssize_t layer) except -1:
        if not 0 <= layer < self.m.layer_count:
            raise InvalidInput(f"layer {layer} does not exist; there are {self.m.layer_count}")
        return 0

    def fade(self, Py_ssize_t layer, shares):
        """Replaces the fades of an action.

        Parameters
        ----------
        shares : (n, 2) float64
            Second of the scene, which does not fall from row to row, and the share from then on, 0..1; linear between rows.
        """
        cdef const double[:, ::1] rows = np.ascontiguousarray(shares, dtype=np.float64).reshape(-1, 2)
        self.store._guard()
        self._check_layer(layer)
        _fail(mr_layer_fade(self.m, <uint32_t>layer, <const mr_fade *>(&rows[0, 0] if rows.shape[0] else NULL), <uint32_t>rows.shape[0]))

    def remove(self, Py_ssize_t layer):
        """Empties the layer of an action; what it drove goes back to rest with the next `pose`."""
        self.store._guard()
        self._check_layer(layer)
        mr_layer_remove(self.m, <uint32_t>layer)
        self.kept[layer] = None

    def close_up(self):
        """Drops the layers that were removed; the others move up."""
        self.store._guard()
        mr_layers_close_up(self.m)
        self.kept = [kept for kept in self.kept if kept is not None]

    def pose(self, actions, double seconds):
        """Samples and mixes every action and writes what changed.

        Parameters
        ----------
        actions : (layers,) ACTION_DTYPE
        seconds : float
            Time of the scene.
        """
        cdef int status
        cdef const uint8_t[::1] raw = actions.view(np.uint8).reshape(-1)
        if <size_t>raw.shape[0] != self.m.layer_count * sizeof(mr_action):
            raise InvalidInput(f"pose needs one row for each of the {self.m.layer_count} layers, got {len(actions)}")
        self.store._enter()
        with nogil:
            status = mr_play(self.store.s, self.m, <const mr_action *>(&raw[0] if raw.shape[0] else NULL), seconds)
        self.store._leave()
        _fail(status)

    def numbers(self, uint32_t target):
        """What DRIVE_NUMBERS of a number came to: tuple of float, empty when nothing was bound."""
        cdef double[4] out
        self.store._guard()
        return tuple([out[k] for k in range(mr_numbers_of(self.m, target, out))])


cdef object _bound_track(object track, mr_track *out):
    """Fills a row of the core from a track; returns the arrays that it points into."""
    kind, targets, times, values, curve, rest = track
    ids = np.ascontiguousarray(targets, dtype=np.uint32).reshape(-1)
    keys = np.ascontiguousarray(times, dtype=np.float64)
    numbers = np.ascontiguousarray(values, dtype=np.float32 if values.dtype == np.float32 else np.float64)
    cdef const uint32_t[::1] i = ids
    cdef const double[::1] t = keys, r
    cdef const float[::1] single
    cdef const double[::1] double_
    per_key = numbers.shape[1:] if curve != CUBIC else numbers.shape[2:]
    width = {DRIVE_ROTATION: 4, DRIVE_COLOR: 4, DRIVE_POSITION: 3, DRIVE_SCALE: 3, DRIVE_NUMBERS: len(rest or ()),
             DRIVE_WEIGHTS: per_key[-1] if per_key else 0}.get(kind, 1)
    fits = (len(per_key) == 2 and per_key[0] in (1, len(ids)) and per_key[1] == width and len(keys) == len(numbers) > 0 and len(ids)
            and (curve != CUBIC or numbers.shape[1] == 3) and 0 < width <= (MR_MAX_WIDTH if kind == DRIVE_WEIGHTS else 4))
    if not fits:
        raise InvalidInput(f"a track for {len(ids)} targets of {width} numbers needs values (keys, rows, width), got {numbers.shape} and "
                           f"{len(keys)} times")
    out.kind, out.curve = kind, curve
    out.keys, out.rows, out.width, out.targets = len(keys), per_key[0], width, len(ids)
    out.target, out.times = &i[0], &t[0]
    out.wide = numbers.dtype == np.float64
    if out.wide:
        double_ = numbers.reshape(-1)
        out.values = &double_[0]
    else:
        single = numbers.reshape(-1)
        out.values = &single[0]
    floor = None
    if kind == DRIVE_NUMBERS:
        floor = np.array(rest, dtype=np.float64)
        r = floor
        out.rest = &r[0]
    return keys, numbers, ids, floor
