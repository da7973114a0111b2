# What readers of files ask: thin doors to _native/polygon.c, plyrows.c and flat.c, without the GIL. Part of _core.pyx (included at its end).

cdef extern from "polygon.h" nogil:
    int MR_POLYGON_OK, MR_POLYGON_NO_MEMORY
    int mr_triangulate(const double *positions, const uint32_t *corners, const uint32_t *counts, size_t polygons, uint64_t patience,
                       uint32_t *out)

cdef extern from "plyrows.h" nogil:
    ctypedef struct mr_ply_property:
        uint32_t value
        uint32_t count
        uint32_t has_sign
    size_t mr_ply_rows(const uint8_t *data, size_t size, size_t at, size_t rows, const mr_ply_property *properties, size_t count, int big,
                       uint64_t *offsets, uint32_t *lengths)


cdef extern from "flat.h" nogil:
    int MR_FACET
    void mr_flat_normals(const float *positions, const uint32_t *indices, size_t triangles, float *corners, float *normals)
    void mr_facets(const float *positions, const uint32_t *indices, size_t triangles, int reversed, uint8_t *facets)


cdef _check_corners(const float[:, ::1] positions, const uint32_t[::1] indices, str who):
    if positions.shape[1] != 3 or indices.shape[0] % 3:
        raise InvalidInput(f"{who} needs positions of shape (n, 3) and three indices for each triangle")
    if indices.shape[0] and np.max(indices) >= positions.shape[0]:
        raise InvalidInput(f"{who} needs indices below {positions.shape[0]}, not {np.max(indices)}")


def flat_normals(const float[:, ::1] positions, const uint32_t[::1] indices):
    """Corners of triangles and their unit normals, +Y where one has no area.

    Parameters
    ----------
    positions : (n, 3) float32
    indices : (3 t,) uint32, below n

    Returns
    -------
    corners, normals : (3 t, 3) float32

    Raises
    ------
    InvalidInput
        Wrong shapes, or an index out of range.
    """
    cdef size_t triangles = indices.shape[0] // 3
    _check_corners(positions, indices, "flat_normals")
    corners, normals = np.empty((3 * triangles, 3), np.float32), np.empty((3 * triangles, 3), np.float32)
    if not triangles:
        return corners, normals
    cdef float[:, ::1] c = corners
    cdef float[:, ::1] n = normals
    with nogil:
        mr_flat_normals(&positions[0, 0], &indices[0], triangles, &c[0, 0], &n[0, 0])
    return corners, normals


def stl_facets(const float[:, ::1] positions, const uint32_t[::1] indices, bint reversed=False):
    """Triangles as binary STL has them.

    Parameters
    ----------
    positions : (n, 3) float32
    indices : (3 t,) uint32, below n
    reversed : bool
        Turn each triangle over.

    Returns
    -------
    (t, 50) uint8
        Unit normal (zeros where there is no area) and three corners as float32, and two bytes of zero.

    Raises
    ------
    InvalidInput
        Wrong shapes, or an index out of range.
    """
    cdef size_t triangles = indices.shape[0] // 3
    _check_corners(positions, indices, "stl_facets")
    facets = np.empty((triangles, MR_FACET), np.uint8)
    if not triangles:
        return facets
    cdef uint8_t[:, ::1] out = facets
    with nogil:
        mr_facets(&positions[0, 0], &indices[0], triangles, reversed, &out[0, 0])
    return facets


def ply_rows(const uint8_t[::1] data, size_t at, size_t rows, const uint32_t[:, ::1] properties, bint big):
    """Where the values of binary PLY rows are, whose lists differ in length.

    Parameters
    ----------
    data : bytes
    at : int
        Where the first row starts.
    rows : int
        1 or more.
    properties : (p, 3) uint32
        Bytes of a value (1 to 8); bytes of the count of a list (1, 2, 4), or 0; 1 where the count has a sign.
    big : bool
        Byte order.

    Returns
    -------
    offsets : (p, rows) uint64
    lengths : (p, rows) uint32
    end : int
        Where the rows end; 0 where the data ends before, or a count is negative.
    """
    if properties.shape[0] < 1 or properties.shape[1] != 3 or rows < 1 or at >= <size_t>data.shape[0]:
        raise InvalidInput("ply_rows needs at least one row of one property, and data to read them from")
    if np.min(properties[:, 0]) < 1 or np.max(properties[:, 0]) > 8 or not set(np.asarray(properties[:, 1]).tolist()) <= {0, 1, 2, 4}:
        raise InvalidInput("ply_rows needs values of 1 to 8 bytes and counts of 0, 1, 2 or 4")
    offsets, lengths = np.empty((properties.shape[0], rows), np.uint64), np.empty((properties.shape[0], rows), np.uint32)
    cdef uint64_t[:, ::1] o = offsets
    cdef uint32_t[:, ::1] l = lengths
    cdef size_t end
    with nogil:
        end = mr_ply_rows(&data[0], <size_t>data.shape[0], at, rows, <const mr_ply_property *>&properties[0, 0],
                          <size_t>properties.shape[0], big, &o[0, 0], &l[0, 0])
    return offsets, lengths, end


def triangulate(const double[:, ::1] positions, const uint32_t[::1] corners, const uint32_t[::1] counts, uint64_t patience=500_000_000):
    """Triangles of polygons, concave ones too.

    Parameters
    ----------
    positions : (n, 3) float64
    corners : (k,) uint32
        Indices of positions, polygon after polygon.
    counts : (p,) uint32
        Corners of each polygon, 3 or more; k together.
    patience : int
        How many corners may be compared with ears.

    Returns
    -------
    (k - 2 p, 3) uint32
        Places in `corners`, in the order of the polygons, turning as they do.

    Raises
    ------
    InvalidInput
        An index or count is out of range, or the polygons have so many corners that the patience is spent.
    """
    cdef Py_ssize_t polygons = counts.shape[0], due = corners.shape[0]
    if positions.shape[1] != 3:
        raise InvalidInput(f"triangulate needs positions of shape (n, 3), not (n, {positions.shape[1]})")
    if polygons and (np.min(counts) < 3 or np.sum(counts, dtype=np.uint64) != <uint64_t>due):
        raise InvalidInput("triangulate needs counts of at least 3 that make up all corners")
    if due and np.max(corners) >= positions.shape[0]:
        raise InvalidInput(f"triangulate needs corners below {positions.shape[0]}, not {np.max(corners)}")
    out = np.empty((due - 2 * polygons if polygons else 0, 3), np.uint32)
    if not polygons:
        return out
    cdef uint32_t[:, ::1] triangles = out
    cdef int status
    with nogil:
        status = mr_triangulate(&positions[0, 0], &corners[0], &counts[0], <size_t>polygons, patience, &triangles[0, 0])
    if status == MR_POLYGON_NO_MEMORY:
        raise MemoryError("not enough memory to cut polygons into triangles")
    if status != MR_POLYGON_OK:
        raise InvalidInput("the concave polygons have so many corners that cutting them would take minutes; use triangles")
    return out
