/* Parts: many leaves from arrays in one call. */
#include "mr.h"
#include "simd.h"

#include <math.h>
#include <string.h>

/* Whether all values lie within a limit and the last of four rows is (0, 0, 0, 1), by their bits as in mr_within_f64: a look at all of
 * them at once, which is all that most matrices need. */
#if MR_HAVE_SSE2
#define PLAIN(suffix, type, bits, SIGN, LANES, SUB, SET1) \
    static int plain##suffix(const type *matrices, size_t n, uint32_t rows, type limit) { \
        const type one[4] = {0, 0, 0, 1}; \
        bits edge; \
        memcpy(&edge, &limit, sizeof edge); \
        const __m128i most = SET1(edge), sign = SET1(SIGN); \
        __m128i over = _mm_setzero_si128(), odd = over; \
        for (size_t i = 0; i < n; i++, matrices += 4 * rows) { \
            for (int k = 0; k < 12; k += LANES) \
                over = _mm_or_si128(over, SUB(most, _mm_andnot_si128(sign, _mm_loadu_si128((const __m128i *)(matrices + k))))); \
            for (int k = 0; rows == 4 && k < 4; k += LANES) \
                odd = _mm_or_si128(odd, _mm_xor_si128(_mm_loadu_si128((const __m128i *)(matrices + 12 + k)), \
                                                      _mm_loadu_si128((const __m128i *)(one + k)))); \
        } \
        over = _mm_and_si128(over, sign); /* a difference below 0 */ \
        return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_or_si128(over, odd), _mm_setzero_si128())) == 0xFFFF; \
    }
PLAIN(, double, int64_t, INT64_MIN, 2, _mm_sub_epi64, _mm_set1_epi64x)
PLAIN(_f32, float, int32_t, INT32_MIN, 4, _mm_sub_epi32, _mm_set1_epi32)
#else
#define PLAIN(suffix, type, all_within) \
    static int plain##suffix(const type *matrices, size_t n, uint32_t rows, type limit) { \
        const type last[4] = {0, 0, 0, 1}; \
        int odd = !all_within(matrices, 4 * rows * n, limit); \
        for (size_t i = 0; rows == 4 && i < n; i++) odd |= memcmp(matrices + 16 * i + 12, last, sizeof last) != 0; \
        return !odd; \
    }
PLAIN(, double, mr_within_f64)
PLAIN(_f32, float, mr_within_f32)
#endif

/* Checks and copies for float64 and float32. A NaN compares false, so each bound is asked for as "not within". Moving parts pass
 * through here every frame, and nearly always all is well: what is within the smaller bound as a whole needs no look at each value. */
#define MATRICES(suffix, type) \
    static int bad_row##suffix(const type *m, double linear, double position) { \
        return !(fabs(m[0]) <= linear) || !(fabs(m[1]) <= linear) || !(fabs(m[2]) <= linear) || !(fabs(m[3]) <= position); \
    } \
    size_t mr_bad_matrix##suffix(const type *matrices, size_t n, uint32_t rows, double linear, double position) { \
        if (plain##suffix(matrices, n, rows, (type)(linear < position ? linear : position))) return n; \
        for (size_t i = 0; i < n; i++) { \
            const type *m = matrices + 4 * rows * i; \
            for (int k = 0; k < 12; k += 4) \
                if (bad_row##suffix(m + k, linear, position)) return i; \
            if (rows == 4 && (m[12] != 0 || m[13] != 0 || m[14] != 0 || m[15] != 1)) return i; \
        } \
        return n; \
    } \
    static void put_base##suffix(float *linear, double *position, const type *matrices, uint32_t rows, uint32_t n) { \
        for (uint32_t i = 0; i < n; i++, linear += 9, position += 3) { \
            const type *m = matrices + 4 * rows * (size_t)i; \
            for (int k = 0; k < 3; k++) { \
                for (int j = 0; j < 3; j++) linear[3 * k + j] = (float)m[4 * k + j]; \
                position[k] = m[4 * k + 3]; \
            } \
        } \
    }
MATRICES(, double)
MATRICES(_f32, float)

#if MR_HAVE_AVX2
MR_TARGET_AVX2 static inline __m256d fourth(__m128 a, __m128 b, __m128 c) {
    return _mm256_cvtps_pd(_mm_shuffle_ps(_mm_unpackhi_ps(a, b), c, _MM_SHUFFLE(3, 3, 3, 2)));
}

/* Whole vectors are written: the last lanes spill onto what the next row writes afterwards, so the last row takes the plain way. */
MR_TARGET_AVX2 static void put_avx2_f32(float *linear, double *position, const float *matrices, uint32_t rows, uint32_t n) {
    for (; n > 1; n--, linear += 9, position += 3, matrices += 4 * rows) {
        __m128 a = _mm_loadu_ps(matrices), b = _mm_loadu_ps(matrices + 4), c = _mm_loadu_ps(matrices + 8);
        _mm_storeu_ps(linear, a);
        _mm_storeu_ps(linear + 3, b);
        _mm_storeu_ps(linear + 6, c);
        _mm256_storeu_pd(position, fourth(a, b, c));
    }
    put_base_f32(linear, position, matrices, rows, n);
}

MR_TARGET_AVX2 static void put_avx2(float *linear, double *position, const double *matrices, uint32_t rows, uint32_t n) {
    for (; n > 1; n--, linear += 9, position += 3, matrices += 4 * rows) {
        __m256d a = _mm256_loadu_pd(matrices), b = _mm256_loadu_pd(matrices + 4), c = _mm256_loadu_pd(matrices + 8);
        _mm_storeu_ps(linear, _mm256_cvtpd_ps(a));
        _mm_storeu_ps(linear + 3, _mm256_cvtpd_ps(b));
        _mm_storeu_ps(linear + 6, _mm256_cvtpd_ps(c));
        __m256d ends = _mm256_permute2f128_pd(_mm256_unpackhi_pd(a, b), c, 0x31);
        _mm256_storeu_pd(position, _mm256_shuffle_pd(ends, ends, 0xE));
    }
    put_base(linear, position, matrices, rows, n);
}
#else
#define put_avx2 put_base
#define put_avx2_f32 put_base_f32
#endif

void mr_put_matrices(mr_store *s, uint32_t first, uint32_t n, const double *matrices, uint32_t rows) {
    mr_drop_trs(s, first, n);
    (s->level >= MR_AVX2 ? put_avx2 : put_base)(s->linear + 9 * (size_t)first, s->position + 3 * (size_t)first, matrices, rows, n);
}

void mr_put_matrices_f32(mr_store *s, uint32_t first, uint32_t n, const float *matrices, uint32_t rows) {
    mr_drop_trs(s, first, n);
    (s->level >= MR_AVX2 ? put_avx2_f32 : put_base_f32)(s->linear + 9 * (size_t)first, s->position + 3 * (size_t)first, matrices, rows, n);
}

/* The rotation of a quaternion xyzw of any length. */
static void turn(double x, double y, double z, double w, double r[9]) {
    double n = x * x + y * y + z * z + w * w, s = 2 / n;
    if (fabs(n - 1) < 1e-12) s = 2; /* so that unit ones give what mr_set_trs makes of them */
    r[0] = 1 - s * (y * y + z * z), r[1] = s * (x * y - z * w), r[2] = s * (x * z + y * w);
    r[3] = s * (x * y + z * w), r[4] = 1 - s * (x * x + z * z), r[5] = s * (y * z - x * w);
    r[6] = s * (x * z - y * w), r[7] = s * (y * z + x * w), r[8] = 1 - s * (x * x + y * y);
}

void mr_put_poses(mr_store *s, uint32_t first, uint32_t n, const double *position, const double *rotation, int width, int w_first,
                  const double *scale) {
    mr_drop_trs(s, first, n);
    memcpy(s->position + 3 * (size_t)first, position, 3 * sizeof(double) * n);
    for (uint32_t i = 0; i < n; i++, rotation += width) {
        double made[9];
        const double *q = rotation, *r = width == 9 ? rotation : made;
        float *linear = s->linear + 9 * (size_t)(first + i);
        if (width == 4 && w_first) turn(q[1], q[2], q[3], q[0], made);
        else if (width == 4) turn(q[0], q[1], q[2], q[3], made);
        for (int k = 0; k < 9; k++) linear[k] = (float)(scale ? r[k] * scale[3 * (size_t)i + k % 3] : r[k]);
    }
}

int mr_add_parts(mr_store *s, uint32_t parent, uint32_t n, const double *matrices, uint32_t rows, const uint32_t *geometry,
                 const uint32_t *material, uint32_t *ids, uint32_t *range) {
    if (mr_reserve_draws(s, n, geometry, material, n)) return MR_NOMEM;
    int bad = mr_add(s, parent, n, 1, ids, range);
    if (bad || !n) return bad;
    uint32_t first = s->id_slot[ids[0] & MR_INDEX_MASK];
    mr_set_draws_each(s, first, n, geometry, material); /* memory was reserved */
    mr_put_matrices(s, first, n, matrices, rows);
    return MR_OK;
}

size_t mr_check_state(mr_store *s, uint32_t first, uint32_t n, size_t *row) {
    size_t bad = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (isfinite(s->state[first + i].value)) continue;
        if (!bad++) *row = i;
        s->state[first + i].value = 0;
    }
    return bad;
}
