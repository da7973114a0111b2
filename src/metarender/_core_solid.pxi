# What checks of closed surfaces ask: thin doors to _native/solid.c, without the GIL. Part of _core.pyx (included at its end).

cdef extern from "solid.h" nogil:
    int MR_SOLID_OK, MR_SOLID_NO_MEMORY, MR_SOLID_TOO_MUCH
    ctypedef struct mr_edges_found:
        size_t faulty
        size_t shells
        size_t duplicates
    ctypedef struct mr_measured:
        double area
        double volume
        double lower[3]
        double upper[3]
        size_t flat
    int mr_number_rows(const uint32_t *rows, size_t n, uint64_t patience, uint32_t *place, uint32_t *first, size_t *found)
    int mr_edges(const uint32_t *triangles, size_t t, uint32_t places, uint32_t *faulty, mr_edges_found *found)
    void mr_pieces(const uint32_t *pairs, size_t n, uint32_t count, uint32_t *piece)
    void mr_measure(const float *positions, size_t n, const uint32_t *triangles, size_t t, const double *linear,
                    const double *translation, mr_measured *out)


cdef _check_triangles(const uint32_t[:, ::1] triangles, Py_ssize_t places, str who):
    if triangles.shape[1] != 3 or triangles.shape[0] >= 1 << 30:
        raise InvalidInput(f"{who} needs triangles of shape (t, 3), fewer than {1 << 30:,}")
    if triangles.shape[0] and np.max(triangles) >= places:
        raise InvalidInput(f"{who} needs corners below {places}, not {np.max(triangles)}")


def number_rows(const uint32_t[:, ::1] rows, patience=None):
    """Number the different rows in the order in which they appear.

    Parameters
    ----------
    rows : (n, 3) uint32
    patience : int, optional
        How many rows may be compared in vain; 32 for each row by default, where real ones take less than one.

    Returns
    -------
    first : (u,) uint32
        A row of each number; rising.
    place : (n,) uint32
        Number of each row.

    Raises
    ------
    InvalidInput
        Another shape.
    MemoryError
    OverflowError
        The rows are made so that the patience is spent; sort them instead.
    """
    cdef Py_ssize_t count = rows.shape[0]
    if rows.shape[1] != 3 or count >= 1 << 31:
        raise InvalidInput(f"number_rows needs rows of shape (n, 3), fewer than {1 << 31:,}")
    place, first = np.empty(count, np.uint32), np.empty(count, np.uint32)
    if not count:
        return first, place
    cdef uint32_t[::1] p = place
    cdef uint32_t[::1] f = first
    cdef size_t found = 0
    cdef uint64_t allowed = 32 * count if patience is None else patience
    cdef int status
    with nogil:
        status = mr_number_rows(&rows[0, 0], count, allowed, &p[0], &f[0], &found)
    if status == MR_SOLID_NO_MEMORY:
        raise MemoryError("not enough memory to number rows")
    if status != MR_SOLID_OK:
        raise OverflowError("the rows fall into one place of the table")
    return first[:found].copy(), place


def faulty_edges(const uint32_t[:, ::1] triangles, uint32_t places):
    """Find edges that do not join two triangles which face the same way.

    Parameters
    ----------
    triangles : (t, 3) uint32
        Corners below `places`; those of a triangle differ.
    places : int

    Returns
    -------
    edges : (k, 3) uint32
        Lower end, higher end, and 1 for an edge of one triangle, 2 for more than two, 3 for two that pass it in the same direction.
    shells : int
        Pieces that hang together by edges.
    duplicates : int
        Triangles with the corners of an earlier one.

    Raises
    ------
    InvalidInput
        Another shape, a corner out of range, or one that a triangle has twice.
    MemoryError
    """
    cdef size_t count = triangles.shape[0]
    _check_triangles(triangles, places, "faulty_edges")
    edges = np.empty((3 * count, 3), np.uint32)
    if not count:
        return edges, 0, 0
    a, b, c = np.asarray(triangles).T
    if (a == b).any() or (b == c).any() or (c == a).any():
        raise InvalidInput("faulty_edges needs triangles whose corners differ")
    cdef uint32_t[:, ::1] e = edges
    cdef mr_edges_found found
    cdef int status
    with nogil:
        status = mr_edges(&triangles[0, 0], count, places, &e[0, 0], &found)
    if status != MR_SOLID_OK:
        raise MemoryError("not enough memory to look at edges")
    return edges[:found.faulty].copy(), found.shells, found.duplicates


def pieces_of(const uint32_t[:, ::1] pairs, uint32_t count):
    """Number the pieces of a graph by their lowest members.

    Parameters
    ----------
    pairs : (n, 2) uint32, below `count`
    count : int

    Returns
    -------
    (count,) uint32

    Raises
    ------
    InvalidInput
        Another shape, or a number out of range.
    """
    cdef size_t n = pairs.shape[0]
    if pairs.shape[1] != 2 or (n and np.max(pairs) >= count):
        raise InvalidInput(f"pieces_of needs pairs of shape (n, 2) below {count}")
    piece = np.empty(count, np.uint32)
    cdef uint32_t[::1] p = piece
    if count:
        with nogil:
            mr_pieces(&pairs[0, 0] if n else NULL, n, count, &p[0])
    return piece


def measure(const float[:, ::1] positions, const uint32_t[:, ::1] triangles, const double[:, ::1] matrix):
    """Measure triangles.

    Parameters
    ----------
    positions : (n, 3) float32
        At least one.
    triangles : (t, 3) uint32
    matrix : (4, 4) float64

    Returns
    -------
    area : float
        Under the matrix.
    volume : float
        Before it, signed.
    bounds : (2, 3) float64
        Of all positions under the matrix.
    flat : int
        Triangles without an area.

    Raises
    ------
    InvalidInput
        Another shape, or a corner out of range.
    """
    if positions.shape[1] != 3 or not positions.shape[0] or matrix.shape[0] != 4 or matrix.shape[1] != 4:
        raise InvalidInput("measure needs positions of shape (n, 3) and a matrix of shape (4, 4)")
    _check_triangles(triangles, positions.shape[0], "measure")
    cdef double linear[9]
    cdef double translation[3]
    cdef int i, j
    for i in range(3):
        translation[i] = matrix[i, 3]
        for j in range(3):
            linear[3 * i + j] = matrix[i, j]
    cdef mr_measured found
    cdef size_t count = triangles.shape[0]
    cdef const uint32_t *corners = &triangles[0, 0] if count else NULL
    with nogil:
        mr_measure(&positions[0, 0], positions.shape[0], corners, count, linear, translation, &found)
    bounds = np.array([[found.lower[i] for i in range(3)], [found.upper[i] for i in range(3)]])
    return found.area, found.volume, bounds, found.flat
