/* Views and conservative frustum culling in levels: groups of 64 blocks, blocks of 64 draw slots, then the boxes of blocks that a plane cuts. */
#include "mr.h"
#include "simd.h"

#include <math.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)

/* Inverse of the upper left 3x3 of a row-major 4x4; 0 when it has none. */
static int invert3(const double *m, double r[3][3]) {
    double a = m[0], b = m[1], c = m[2], d = m[4], e = m[5], f = m[6], g = m[8], h = m[9], i = m[10];
    double c0 = e * i - f * h, c1 = f * g - d * i, c2 = d * h - e * g, det = a * c0 + b * c1 + c * c2;
    if (!(fabs(det) > 0) || !isfinite(1 / det)) return 0;
    double out[9] = {c0, c * h - b * i, b * f - c * e, c1, a * i - c * g, c * d - a * f, c2, b * g - a * h, a * e - b * d};
    for (int k = 0; k < 9; k++) r[k / 3][k % 3] = out[k] / det;
    return 1;
}

/* The plane `w + sign * row` of clip space in eye-relative world axes, normalised. A plane without direction (the far
 * plane of an infinite projection) cuts nothing. */
static int set_plane(mr_view *v, int index, const double rows[4][4], int row, double sign, double w) {
    double p[4];
    for (int k = 0; k < 4; k++) p[k] = w * rows[3][k] + sign * rows[row][k];
    double scale = sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2]), size = fabs(p[3]);
    if (!isfinite(scale) || !(scale > 1e-300) || scale < size * 1e-30) return 0;
    for (int k = 0; k < 4; k++) v->plane[index][k] = p[k] / scale;
    return 1;
}

int mr_view_configure(mr_view *v, const double *pose, const double *projection, uint32_t layers) {
    static const struct { int row; double sign, w; } planes[6] = {{0, 1, 1}, {0, -1, 1}, {1, 1, 1}, {1, -1, 1}, {2, 1, 0}, {2, -1, 1}};
    double r[3][3], rows[4][4];
    if (!invert3(pose, r)) return MR_NONFINITE;
    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 3; j++)
            rows[i][j] = projection[4 * i] * r[0][j] + projection[4 * i + 1] * r[1][j] + projection[4 * i + 2] * r[2][j];
        rows[i][3] = projection[4 * i + 3];
    }
    double length = sqrt(pose[2] * pose[2] + pose[6] * pose[6] + pose[10] * pose[10]);
    for (int k = 0; k < 3; k++) {
        v->eye[k] = pose[4 * k + 3];
        v->forward[k] = -pose[4 * k + 2] / length;
    }
    v->layers = layers;
    v->active = 0;
    memset(v->normal, 0, sizeof v->normal);
    memset(v->absolute, 0, sizeof v->absolute);
    memset(v->octant, 0, sizeof v->octant);
    for (int p = 0; p < 6; p++) {
        if (!set_plane(v, p, (const double(*)[4])rows, planes[p].row, planes[p].sign, planes[p].w)) continue;
        v->active |= 1u << p;
        for (int k = 0; k < 3; k++) {
            v->normal[k][p] = (float)v->plane[p][k];
            v->absolute[k][p] = fabsf(v->normal[k][p]);
            v->octant[p] |= (uint8_t)((v->normal[k][p] < 0) << k);
        }
    }
    mr_view_measure(v, pose, projection);
    v->stamp++;
    return MR_OK;
}

void mr_view_free(mr_view *v) {
    mr_detail_free(&v->detail);
    mr_occlusion_free(&v->occlusion);
    mr_block_release(v->distance);
    mr_block_release(v->words);
    v->distance = NULL;
    v->words = NULL;
}

/* d of each plane relative to each anchor: d0 + n.o in float64, raised by 16 u |d| for the kernel's sums and the rounding to
 * float32, and by the float64 rounding of the shift itself. Inactive lanes get 1: always inside, never cut. */
static int shift_planes(const mr_store *s, mr_view *v) {
    if (mr_grow(&v->distance, &v->distance_cap, s->anchor_count, 8 * sizeof(float))) return MR_NOMEM;
    v->anchors = s->anchor_count;
    for (uint32_t a = 0; a < v->anchors; a++) {
        float *out = v->distance + 8 * (size_t)a;
        double o[3];
        for (int k = 0; k < 3; k++) o[k] = s->anchors[a].origin[k] - v->eye[k];
        double far = fabs(s->anchors[a].origin[0]) + fabs(s->anchors[a].origin[1]) + fabs(s->anchors[a].origin[2]);
        for (int p = 0; p < 8; p++) {
            out[p] = 1.0f;
            if (p >= 6 || !(v->active >> p & 1)) continue;
            const double *n = v->plane[p];
            double d = n[3] + (n[0] * o[0] + n[1] * o[1] + n[2] * o[2]);
            double size = fabs(n[3]) + fabs(n[0] * o[0]) + fabs(n[1] * o[1]) + fabs(n[2] * o[2]) + far;
            out[p] = (float)(d + U16 * fabs(d) + 4e-15 * size);
        }
    }
    return MR_OK;
}

/* A block whose objects have several anchors: each is tested alone, in the kernel's order of operations. */
static uint64_t mixed_block(const mr_store *s, const mr_view *v, uint32_t block, uint64_t word) {
    const float *box = s->box + (size_t)block * 384;
    uint64_t kept = 0;
    for (uint64_t w = word; w; w &= w - 1) {
        unsigned i = (unsigned)__builtin_ctzll(w);
        const float *distance = v->distance + 8 * (size_t)s->slot_anchor[block * 64 + i];
        int out = 0;
        for (int p = 0; p < 6; p++) {
            float reach[3];
            for (int k = 0; k < 3; k++) {
                float c = box[64 * k + i], h = box[64 * (k + 3) + i];
                reach[k] = v->octant[p] >> k & 1 ? h - c : h + c;
            }
            out |= ((v->absolute[0][p] * reach[0] + v->absolute[1][p] * reach[1]) + v->absolute[2][p] * reach[2]) + distance[p] < 0;
        }
        if (!out) kept |= (uint64_t)1 << i;
    }
    return kept;
}

/* Boxes of a block with several anchors that are too small for the view, in the kernel's order of operations. */
static uint64_t mixed_small(const mr_store *s, const mr_view *v, uint32_t block, uint64_t word) {
    const float *box = s->box + (size_t)block * 384, *n = v->detail.towards, *a = v->detail.absolute;
    uint64_t out = 0;
    for (uint64_t w = word; w; w &= w - 1) {
        unsigned i = (unsigned)__builtin_ctzll(w);
        float hx = box[192 + i], hy = box[256 + i], hz = box[320 + i];
        float c = (n[0] * box[i] + n[1] * box[64 + i]) + n[2] * box[128 + i], r = (a[0] * hx + a[1] * hy) + a[2] * hz;
        float z = (c - r) + v->detail.depth[s->slot_anchor[block * 64 + i]], size = ((hx * hx + hy * hy) + hz * hz) * v->detail.small;
        if (0 - z < 0 && size - z * z < 0) out |= (uint64_t)1 << i;
    }
    return out;
}

static uint64_t layered(const mr_store *s, const mr_view *v, uint32_t block, uint64_t word) {
    uint64_t kept = 0;
    for (uint64_t w = word; w; w &= w - 1) {
        unsigned i = (unsigned)__builtin_ctzll(w);
        if (s->slot_layers[block * 64 + i] & v->layers) kept |= (uint64_t)1 << i;
    }
    return kept;
}

/* Blocks of a group, a bit for each: wholly inside, cut by planes (which: by plane), and of several anchors. */
typedef struct { uint64_t inside, cut, mixed, by[8]; } group_bits;

static unsigned planes_of(const group_bits *g, unsigned i) {
    unsigned planes = 0;
    for (unsigned p = 0; p < 6; p++) planes |= (unsigned)(g->by[p] >> i & 1) << p;
    return planes;
}

/* NEGATIVE: bit per lane x < 0; INSIDE: bit per lane x >= 0. A NaN is neither: it is kept, and its block counts as cut. */
#if MR_HAVE_SSE2
#define W 4
#define VF __m128
#define LOAD _mm_loadu_ps
#define SET1 _mm_set1_ps
#define ADD _mm_add_ps
#define SUB _mm_sub_ps
#define MUL _mm_mul_ps
#define NEGATIVE(x) ((unsigned)_mm_movemask_ps(_mm_cmplt_ps((x), _mm_setzero_ps())))
#define INSIDE(x) ((unsigned)_mm_movemask_ps(_mm_cmpge_ps((x), _mm_setzero_ps())))
#elif MR_HAVE_NEON
#define W 4
#define VF float32x4_t
#define LOAD vld1q_f32
#define SET1 vdupq_n_f32
#define ADD vaddq_f32
#define SUB vsubq_f32
#define MUL vmulq_f32
static inline unsigned lanes(uint32x4_t m) {
    const uint32_t weight[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(m, vld1q_u32(weight)));
}
#define NEGATIVE(x) lanes(vcltq_f32((x), vdupq_n_f32(0)))
#define INSIDE(x) lanes(vcgeq_f32((x), vdupq_n_f32(0)))
#else
#define W 1
#define VF float
#define LOAD(p) (*(p))
#define SET1(x) (x)
#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define MUL(a, b) ((a) * (b))
#define NEGATIVE(x) ((unsigned)((x) < 0))
#define INSIDE(x) ((unsigned)((x) >= 0))
#endif
#define MR_TARGET
#define MR_LEVEL(name) name##_base
#include "cull.inl"

#if MR_HAVE_AVX2
#define W 8
#define VF __m256
#define LOAD _mm256_loadu_ps
#define SET1 _mm256_set1_ps
#define ADD _mm256_add_ps
#define SUB _mm256_sub_ps
#define MUL _mm256_mul_ps
#define NEGATIVE(x) ((unsigned)_mm256_movemask_ps(_mm256_cmp_ps((x), _mm256_setzero_ps(), _CMP_LT_OQ)))
#define INSIDE(x) ((unsigned)_mm256_movemask_ps(_mm256_cmp_ps((x), _mm256_setzero_ps(), _CMP_GE_OQ)))
#define MR_TARGET MR_TARGET_AVX2
#define MR_LEVEL(name) name##_avx2
#include "cull.inl"

/* AVX-512: 16 boxes at a time; the eight lanes of planes stay as they are. */
#define W 16
#define VF __m512
#define LOAD _mm512_loadu_ps
#define SET1 _mm512_set1_ps
#define ADD _mm512_add_ps
#define SUB _mm512_sub_ps
#define MUL _mm512_mul_ps
#define NEGATIVE(x) ((unsigned)_mm512_cmp_ps_mask((x), _mm512_setzero_ps(), _CMP_LT_OQ))
#define INSIDE(x) ((unsigned)_mm512_cmp_ps_mask((x), _mm512_setzero_ps(), _CMP_GE_OQ))
#define MR_PLANES planes_avx2
#define MR_TARGET MR_TARGET_AVX512
#define MR_LEVEL(name) name##_avx512
#include "cull.inl"
#else
#define mr_cull_avx2 mr_cull_base
#define mr_cull_avx512 mr_cull_base
#define mr_cull_flat_avx2 mr_cull_flat_base
#define mr_cull_flat_avx512 mr_cull_flat_base
#endif

/* Room, planes and depths; the words are still to be filled. */
static int prepare(const mr_store *s, mr_view *v) {
    if (mr_grow(&v->words, &v->word_cap, s->slots / 64, 8) || shift_planes(s, v) || mr_detail_depths(s, v)) return MR_NOMEM;
    v->blocks = s->slots / 64;
    v->visible = 0;
    v->blocks_in = v->blocks_cut = 0;
    v->cull_stamp = v->stamp;
    v->cull_epoch = s->draw_epoch;
    return MR_OK;
}

int mr_cull(const mr_store *s, mr_view *const *views, uint32_t n) {
    static void (*const kernel[])(const mr_store *, mr_view *const *, uint32_t) = {mr_cull_base, mr_cull_avx2, mr_cull_avx512};
    for (uint32_t k = 0; k < n; k++)
        if (prepare(s, views[k])) return MR_NOMEM;
    kernel[s->level](s, views, n);
    for (uint32_t k = 0; k < n; k++)
        if (mr_choose_levels(s, views[k]) || mr_occlude(s, views[k])) return MR_NOMEM;
    return MR_OK;
}

int mr_cull_flat(const mr_store *s, mr_view *v) {
    static void (*const kernel[])(const mr_store *, mr_view *) = {mr_cull_flat_base, mr_cull_flat_avx2, mr_cull_flat_avx512};
    if (prepare(s, v)) return MR_NOMEM;
    kernel[s->level](s, v);
    return MR_OK;
}

void mr_anchor_offsets(const mr_store *s, const double from[3], float *out) {
    for (uint32_t a = 0; a < s->anchor_count; a++) {
        for (int k = 0; k < 3; k++) out[4 * (size_t)a + k] = (float)(s->anchors[a].origin[k] - from[k]);
        out[4 * (size_t)a + 3] = 0;
    }
}
