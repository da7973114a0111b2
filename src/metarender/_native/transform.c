/* Local transforms in, world transforms out: the kernels. */
#include "mr.h"
#include "simd.h"

#include <math.h>
#include <string.h>

/* A level knows four things: rows of a node as they were just written, with their exact position p; `load` reads them back; a
 * frame is what all children of a node need of it; `compose` makes the rows of a child and returns whether its position, as
 * rounded, is within the keeping distance of the parent's anchor. */
typedef struct { float row[12]; double p[3]; } rows_base;
typedef struct { float row[12]; } frame_base;

static inline void load_base(const float *world, rows_base *out) { memcpy(out->row, world, sizeof out->row); }

static inline void frame_of_base(const rows_base *rows, frame_base *out) { memcpy(out->row, rows->row, sizeof out->row); }

static inline int compose_base(const frame_base *above, const float *linear, const double *position, rows_base *out) {
    for (int i = 0; i < 3; i++) {
        const float *a = above->row + 4 * i;
        float *row = out->row + 4 * i;
        for (int j = 0; j < 3; j++) row[j] = (a[0] * linear[j] + a[1] * linear[3 + j]) + a[2] * linear[6 + j];
        out->p[i] = ((double)a[0] * position[0] + (double)a[1] * position[1]) + ((double)a[2] * position[2] + (double)a[3]);
        row[3] = (float)out->p[i];
    }
    const float *r = out->row, keep = (float)MR_ANCHOR_KEEP;
    return fabsf(r[3]) <= keep && fabsf(r[7]) <= keep && fabsf(r[11]) <= keep;
}

static inline void store_base(const rows_base *rows, float *world) { memcpy(world, rows->row, sizeof rows->row); }

static inline void position_base(const rows_base *rows, double p[4]) { memcpy(p, rows->p, sizeof rows->p); }

#define MR_TARGET
#define MR_LEVEL(name) name##_base
#include "transform.inl"
#undef MR_TARGET
#undef MR_LEVEL

#if MR_HAVE_AVX2
/* Rows 0 and 1 share a register, row 2 has its own: lanes 0-2 the linear part, lane 3 the position. The frame holds each
 * element of the linear part over a whole row, and the columns in float64. Loads may run three floats past a row of the local
 * matrix; blocks have 64 spare bytes for that. */
typedef struct { __m256 row01; __m128 row2; __m256d p; } rows_avx2;
typedef struct { __m256 x01, y01, z01; __m128 x2, y2, z2; __m256d x, y, z, t; } frame_avx2;

MR_TARGET_AVX2 static inline void load_avx2(const float *world, rows_avx2 *out) {
    out->row01 = _mm256_loadu_ps(world);
    out->row2 = _mm_load_ps(world + 8);
}

MR_TARGET_AVX2 static inline void frame_of_avx2(const rows_avx2 *rows, frame_avx2 *out) {
    __m256 r01 = rows->row01;
    __m128 c0 = _mm256_castps256_ps128(r01), c1 = _mm256_extractf128_ps(r01, 1), c2 = rows->row2, c3 = _mm_setzero_ps();
    out->x01 = _mm256_permute_ps(r01, 0x00);
    out->y01 = _mm256_permute_ps(r01, 0x55);
    out->z01 = _mm256_permute_ps(r01, 0xAA);
    out->x2 = _mm_permute_ps(c2, 0x00);
    out->y2 = _mm_permute_ps(c2, 0x55);
    out->z2 = _mm_permute_ps(c2, 0xAA);
    _MM_TRANSPOSE4_PS(c0, c1, c2, c3);
    out->x = _mm256_cvtps_pd(c0);
    out->y = _mm256_cvtps_pd(c1);
    out->z = _mm256_cvtps_pd(c2);
    out->t = _mm256_cvtps_pd(c3);
}

MR_TARGET_AVX2 static inline int compose_avx2(const frame_avx2 *above, const float *linear, const double *position, rows_avx2 *out) {
    __m256 r0 = _mm256_broadcast_ps((const __m128 *)linear), r1 = _mm256_broadcast_ps((const __m128 *)(linear + 3));
    __m256 r2 = _mm256_broadcast_ps((const __m128 *)(linear + 6));
    __m256 l01 = _mm256_add_ps(_mm256_mul_ps(above->x01, r0), _mm256_mul_ps(above->y01, r1));
    __m128 l2 = _mm_add_ps(_mm_mul_ps(above->x2, _mm256_castps256_ps128(r0)), _mm_mul_ps(above->y2, _mm256_castps256_ps128(r1)));
    l01 = _mm256_add_ps(l01, _mm256_mul_ps(above->z01, r2));
    l2 = _mm_add_ps(l2, _mm_mul_ps(above->z2, _mm256_castps256_ps128(r2)));
    __m256d xy = _mm256_add_pd(_mm256_mul_pd(above->x, _mm256_broadcast_sd(position)), _mm256_mul_pd(above->y, _mm256_broadcast_sd(position + 1)));
    out->p = _mm256_add_pd(xy, _mm256_add_pd(_mm256_mul_pd(above->z, _mm256_broadcast_sd(position + 2)), above->t));
    __m128 t = _mm256_cvtpd_ps(out->p);
    __m256 both = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(t), _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
    out->row01 = _mm256_blend_ps(l01, both, 0x88);
    out->row2 = _mm_blend_ps(l2, _mm_permute_ps(t, 0xAA), 8);
    __m128 near = _mm_cmple_ps(_mm_andnot_ps(_mm_set1_ps(-0.0f), t), _mm_set1_ps((float)MR_ANCHOR_KEEP));
    return _mm_movemask_ps(near) == 15; /* lane 3 is zero */
}

MR_TARGET_AVX2 static inline void store_avx2(const rows_avx2 *rows, float *world) {
    _mm256_storeu_ps(world, rows->row01);
    _mm_store_ps(world + 8, rows->row2);
}

MR_TARGET_AVX2 static inline void position_avx2(const rows_avx2 *rows, double p[4]) { _mm256_storeu_pd(p, rows->p); }

#define MR_TARGET MR_TARGET_AVX2
#define MR_LEVEL(name) name##_avx2
#include "transform.inl"
#undef MR_TARGET
#undef MR_LEVEL

/* All three rows share a register; its last four lanes are zero. */
typedef struct { __m512 rows; __m256d p; } rows_avx512;
typedef struct { __m512 x, y, z; __m256d cx, cy, cz, ct; } frame_avx512;

/* In two pieces, as they are stored: a masked store crosses a line of the cache at most rows, and no load gets it before it is there. */
MR_TARGET_AVX512 static inline void load_avx512(const float *world, rows_avx512 *out) {
    out->rows = _mm512_zextps256_ps512(_mm256_loadu_ps(world));
    out->rows = _mm512_insertf32x4(out->rows, _mm_load_ps(world + 8), 2);
}

MR_TARGET_AVX512 static inline __m256d column_avx512(__m512 rows, int k) {
    __m512i at = _mm512_add_epi32(_mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12)), _mm512_set1_epi32(k));
    return _mm256_cvtps_pd(_mm512_castps512_ps128(_mm512_permutexvar_ps(at, rows)));
}

MR_TARGET_AVX512 static inline void frame_of_avx512(const rows_avx512 *rows, frame_avx512 *out) {
    out->x = _mm512_permute_ps(rows->rows, 0x00);
    out->y = _mm512_permute_ps(rows->rows, 0x55);
    out->z = _mm512_permute_ps(rows->rows, 0xAA);
    out->cx = column_avx512(rows->rows, 0);
    out->cy = column_avx512(rows->rows, 1);
    out->cz = column_avx512(rows->rows, 2);
    out->ct = column_avx512(rows->rows, 3);
}

MR_TARGET_AVX512 static inline int compose_avx512(const frame_avx512 *above, const float *linear, const double *position, rows_avx512 *out) {
    const __m512i fourth = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0);
    __m512 r0 = _mm512_broadcast_f32x4(_mm_loadu_ps(linear)), r1 = _mm512_broadcast_f32x4(_mm_loadu_ps(linear + 3));
    __m512 l = _mm512_add_ps(_mm512_mul_ps(above->x, r0), _mm512_mul_ps(above->y, r1));
    l = _mm512_add_ps(l, _mm512_mul_ps(above->z, _mm512_broadcast_f32x4(_mm_loadu_ps(linear + 6))));
    __m256d xy = _mm256_add_pd(_mm256_mul_pd(above->cx, _mm256_broadcast_sd(position)), _mm256_mul_pd(above->cy, _mm256_broadcast_sd(position + 1)));
    out->p = _mm256_add_pd(xy, _mm256_add_pd(_mm256_mul_pd(above->cz, _mm256_broadcast_sd(position + 2)), above->ct));
    __m128 t = _mm256_cvtpd_ps(out->p);
    out->rows = _mm512_mask_permutexvar_ps(l, 0x0888, fourth, _mm512_castps128_ps512(t));
    __m128 size = _mm_andnot_ps(_mm_set1_ps(-0.0f), t);
    return _mm_cmp_ps_mask(size, _mm_set1_ps((float)MR_ANCHOR_KEEP), _CMP_LE_OQ) == 15; /* lane 3 is zero */
}

MR_TARGET_AVX512 static inline void store_avx512(const rows_avx512 *rows, float *world) {
    _mm256_storeu_ps(world, _mm512_castps512_ps256(rows->rows));
    _mm_store_ps(world + 8, _mm512_extractf32x4_ps(rows->rows, 2));
}

MR_TARGET_AVX512 static inline void position_avx512(const rows_avx512 *rows, double p[4]) { _mm256_storeu_pd(p, rows->p); }

#define MR_TARGET MR_TARGET_AVX512
#define MR_LEVEL(name) name##_avx512
#include "transform.inl"
#undef MR_TARGET
#undef MR_LEVEL
#else
int mr_transform_avx2(mr_store *s, uint32_t first, uint32_t end) { return mr_transform_base(s, first, end); }
int mr_transform_avx512(mr_store *s, uint32_t first, uint32_t end) { return mr_transform_base(s, first, end); }
#endif

void mr_compose(mr_store *s, uint32_t slot, double p[3]) {
    rows_base rows;
    frame_base above;
    load_base(s->world + 12 * (size_t)s->parent[slot], &rows);
    frame_of_base(&rows, &above);
    compose_base(&above, s->linear + 9 * (size_t)slot, s->position + 3 * (size_t)slot, &rows);
    store_base(&rows, s->world + 12 * (size_t)slot);
    memcpy(p, rows.p, sizeof rows.p);
}

void mr_get_world(const mr_store *s, uint32_t slot, double *m) {
    const float *w = s->world + 12 * (size_t)slot;
    const double *origin = s->anchors[s->anchor[slot] == MR_NONE ? 0 : s->anchor[slot]].origin;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) m[4 * i + j] = w[4 * i + j];
        m[4 * i + 3] = origin[i] + w[4 * i + 3];
    }
    m[12] = m[13] = m[14] = 0;
    m[15] = 1;
}

void mr_world_many(const mr_store *s, const uint32_t *slots, size_t n, double *m) {
    for (size_t i = 0; i < n; i++) mr_get_world(s, slots[i], m + 16 * i);
}
