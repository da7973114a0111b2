# Environment light, Radiance pictures and BC7 blocks: thin doors to _native/prefilter.c, rgbe.c and bc7.c, without the GIL.
# Part of _core.pyx (included at its end). Callers check values; shapes and types are checked by the memory views.

import numpy as np

cdef extern from "prefilter.h" nogil:
    int mr_cube_from_equirect(const float *map, int height, int width, int size, float *cube)
    double mr_level_roughness(int level, int levels)
    size_t mr_specular_floats(int size, int levels)
    int mr_cube_specular(const float *cube, int size, int levels, float *out)
    int mr_cube_irradiance(const float *cube, int size, int out_size, float *out)
    int mr_dfg_table(int size, int samples, float *table)

cdef extern from "bc7.h" nogil:
    void mr_bc7_decode(const unsigned char *blocks, int width, int height, unsigned char *pixels)

cdef extern from "rgbe.h" nogil:
    int mr_rgbe_decode(const unsigned char *data, size_t size, int height, int width, float *out)


def _check_memory(int status):
    if status != 0:
        raise MemoryError("not enough memory to prepare an environment: use a smaller map")


def cube_from_equirect(const float[:, :, ::1] equirect, int size):
    """Cube map (6, size, size, 3) float32 of an equirectangular map (h, w, 3) float32, averaged over each texel's solid angle."""
    if equirect.shape[0] < 1 or equirect.shape[1] < 1 or equirect.shape[2] != 3 or size < 1:
        raise ValueError("equirect must be (h, w, 3) and size at least 1")
    out = np.empty((6, size, size, 3), np.float32)
    cdef float[:, :, :, ::1] cube = out
    cdef int height = <int>equirect.shape[0], width = <int>equirect.shape[1], status
    with nogil:
        status = mr_cube_from_equirect(&equirect[0, 0, 0], height, width, size, &cube[0, 0, 0, 0])
    _check_memory(status)
    return out


cdef int _cube_size(const float[:, :, :, ::1] cube) except -1:
    cdef Py_ssize_t n = cube.shape[1]
    if cube.shape[0] != 6 or cube.shape[2] != n or cube.shape[3] != 3 or n < 2 or n > 8192 or n & (n - 1):
        raise ValueError("cube must be (6, n, n, 3) with n a power of two from 2 to 8192")
    return <int>n


def level_roughness(int level, int levels):
    """Perceptual roughness that a level of a specular cube holds."""
    return mr_level_roughness(level, levels)


def cube_specular(const float[:, :, :, ::1] cube, int levels):
    """GGX-filtered levels of a cube (6, n, n, 3) float32: a list of (6, n >> k, n >> k, 3) float32, the first a copy."""
    cdef int size = _cube_size(cube), status
    if levels < 1 or size >> (levels - 1) < 1:
        raise ValueError("too many levels for this cube")
    out = np.empty(mr_specular_floats(size, levels), np.float32)
    cdef float[::1] flat = out
    with nogil:
        status = mr_cube_specular(&cube[0, 0, 0, 0], size, levels, &flat[0])
    _check_memory(status)
    result = []
    start = 0
    for level in range(levels):
        n = size >> level
        result.append(out[start:start + 18 * n * n].reshape(6, n, n, 3))
        start += 18 * n * n
    return result


def cube_irradiance(const float[:, :, :, ::1] cube, int out_size):
    """Irradiance / pi of a cube (6, n, n, 3) float32, as (6, out_size, out_size, 3) float32."""
    cdef int size = _cube_size(cube), status
    if out_size < 1 or out_size > 1024:
        raise ValueError("out_size must be 1 to 1024")
    out = np.empty((6, out_size, out_size, 3), np.float32)
    cdef float[:, :, :, ::1] view = out
    with nogil:
        status = mr_cube_irradiance(&cube[0, 0, 0, 0], size, out_size, &view[0, 0, 0, 0])
    _check_memory(status)
    return out


def integrate_dfg(int size, int samples):
    """Split-sum table (size, size, 4) float32, rows = roughness, columns = N.V: scale, bias, mean grazing weight, 0."""
    if size < 1 or size > 4096 or samples < 1 or samples > 1 << 24:
        raise ValueError("size must be 1 to 4096 and samples 1 to 2^24")
    out = np.empty((size, size, 4), np.float32)
    cdef float[:, :, ::1] table = out
    cdef int status
    with nogil:
        status = mr_dfg_table(size, samples, &table[0, 0, 0])
    _check_memory(status)
    return out


def rgbe_decode(const unsigned char[::1] data, float[:, :, ::1] out):
    """Decode Radiance scanlines into (h, w, 3) float32; returns 0, -1 truncated, -2 broken run, -3 no memory."""
    if out.shape[0] < 1 or out.shape[1] < 1 or out.shape[2] != 3:
        raise ValueError("out must be (h, w, 3)")
    if data.shape[0] == 0:
        return -1
    cdef int height = <int>out.shape[0], width = <int>out.shape[1], status
    with nogil:
        status = mr_rgbe_decode(&data[0], <size_t>data.shape[0], height, width, &out[0, 0, 0])
    return status


def bc7_decode(const unsigned char[:, :, ::1] blocks, int width, int height):
    """Decode BC7 blocks (rows, columns, 16) uint8, rows of blocks from the top, into (height, width, 4) uint8."""
    if width < 1 or height < 1 or blocks.shape[0] != (height + 3) // 4 or blocks.shape[1] != (width + 3) // 4 or blocks.shape[2] != 16:
        raise ValueError("blocks must be (ceil(height / 4), ceil(width / 4), 16)")
    out = np.empty((height, width, 4), np.uint8)
    cdef unsigned char[:, :, ::1] pixels = out
    with nogil:
        mr_bc7_decode(&blocks[0, 0, 0], width, height, &pixels[0, 0, 0])
    return out
