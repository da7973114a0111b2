/* World boxes of draws and of blocks, widened so that no rounding below can lose a visible object.
 *
 * The bound. Let u = 2^-24. A draw's box is c = L lc + t, h = |L| lh in real numbers, where t (relative to the anchor) and L
 * are what the transform pass wrote. In the sum M = |L||lc| + |t| (per axis) the errors are at most
 *     stored t, rounded once from float64                        1 u M
 *     c in float32: product, two sums, sum with t                4 u M
 *     the plane test: n rounded, product, two sums, + r, + d     6 u M |n|
 * and likewise at most 10 u |L| lh for h. The half extents written here are
 *     h' = |L| (lh (1 + 16 u) + 16 u |lc|) + 16 u |t|,  with the bracket rounded up in float64 per geometry,
 * whose own rounding is at most 5 u h', inside the slack 16 - 11. The plane's d is widened in cull.c in the same way.
 * Below float32's normal range errors are absolute: TINY covers them.
 * Each level of a deep hierarchy rounds t and L once; boxes follow the stored world rows, which are what the GPU draws.
 */
#include "mr.h"
#include "simd.h"

#include <math.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)
#define TINY 1e-30f

static float up(double x) {
    float f = (float)x;
    return (double)f < x ? nextafterf(f, INFINITY) : f;
}

int mr_set_geometry(mr_store *s, uint32_t index, uint32_t key, const double lower[3], const double upper[3]) {
    if (mr_grow(&s->geometries, &s->geometry_cap, index + 1, sizeof(mr_geometry))) return MR_NOMEM;
    if (index >= s->geometry_count) s->geometry_count = index + 1;
    mr_geometry *g = s->geometries + index, before = *g;
    g->key = key;
    g->active = 1;
    g->fit[3] = 1;
    g->fit[7] = (float)U16;
    for (int k = 0; k < 3; k++) {
        g->fit[k] = (float)(0.5 * lower[k] + 0.5 * upper[k]);
        double c = g->fit[k], h = upper[k] - c > c - lower[k] ? upper[k] - c : c - lower[k];
        g->fit[4 + k] = up(h * (1 + U16) + U16 * fabs(c));
        g->lower[k] = lower[k];
        g->upper[k] = upper[k];
    }
    if (!g->users) mr_note_idle(s, index);
    else if (!before.active || before.key != key) s->draws_dirty = 1;
    else if (!s->draws_dirty && memcmp(before.fit, g->fit, sizeof before.fit))
        for (uint32_t i = 0; i < s->slots; i++)
            if (s->slot_geometry[i] == index) mr_dirty_slot(s, i);
    s->epoch++;
    return MR_OK;
}

int mr_mirrored(const float *w) {
    double a = w[0], b = w[1], c = w[2], d = w[4], e = w[5], f = w[6], g = w[8], h = w[9], i = w[10];
    return (a * (e * i - f * h) + b * (f * g - d * i)) + c * (d * h - e * g) < 0;
}

/* Centre = (w0 c0 + w1 c1) + (w2 c2 + w3); half = ((|w0| h0 + |w1| h1) + (|w2| h2 + |w3| 16 u)) + TINY. Every level keeps this order.
 * Returns whether the row mirrors. `g` is (cx, cy, cz, 1, hx, hy, hz, 16 u). */
static inline int refit_base(const float *w, const float *g, float *box) {
    for (int k = 0; k < 3; k++) {
        const float *r = w + 4 * k;
        box[64 * k] = (r[0] * g[0] + r[1] * g[1]) + (r[2] * g[2] + r[3]);
        box[64 * (k + 3)] = ((fabsf(r[0]) * g[4] + fabsf(r[1]) * g[5]) + (fabsf(r[2]) * g[6] + fabsf(r[3]) * g[7])) + TINY;
    }
    return mr_mirrored(w);
}

/* Centre and half extents of [low, high], where the ends carry 1 u of rounding each: 16 u of the larger end covers that, the
 * centre, the half, and the plane test. */
static void close_box(const float *low, const float *high, float *out) {
    for (int k = 0; k < 3; k++) {
        float c = 0.5f * low[k] + 0.5f * high[k], far = fabsf(low[k]) > fabsf(high[k]) ? fabsf(low[k]) : fabsf(high[k]);
        float h = high[k] - c > c - low[k] ? high[k] - c : c - low[k];
        out[k] = c;
        out[3 + k] = h * (1.0f + (float)U16) + (far * (float)U16 + TINY);
    }
}

/* Anchor, layers and surface of a block whose box is new. Unused slots count for nothing, hidden draws do. */
static void label_block(mr_store *s, uint32_t block) {
    uint64_t used = s->block_used[block];
    float area = 0, *box = s->block_box + (size_t)block * 8;
    if (used) {
        uint32_t first = block * 64 + (uint32_t)__builtin_ctzll(used), anchor = s->slot_anchor[first], layers = s->slot_layers[first];
        uint32_t other_anchor = 0, other_layers = 0;
        for (uint32_t i = block * 64; i < block * 64 + 64; i++) {
            uint32_t in_use = 0u - (uint32_t)(s->slot_node[i] != MR_NONE);
            other_anchor |= (s->slot_anchor[i] ^ anchor) & in_use;
            other_layers |= (s->slot_layers[i] ^ layers) & in_use;
        }
        s->block_anchor[block] = other_anchor ? MR_NONE : anchor;
        s->block_layers[block] = layers;
        s->block_mixed_layers[block] = other_layers != 0;
        area = box[3] * box[4] + box[4] * box[5] + box[5] * box[3];
        if (!(area < 1e30f)) area = 1e30f;
    }
    if (s->block_bucket[block] != MR_NONE) s->buckets[s->block_bucket[block]].area += (double)area - s->block_area[block];
    s->block_area[block] = area;
}

static void note_flip(mr_store *s, uint32_t at) {
    if (mr_grow(&s->flips, &s->flip_cap, s->flip_count + 1, sizeof(uint32_t))) s->draws_dirty = 1;
    else s->flips[s->flip_count++] = mr_draw_at(s, at);
}

#define MR_TARGET
#define MR_LEVEL(name) name##_base
#include "bounds.inl"
#undef MR_TARGET
#undef MR_LEVEL

#if MR_HAVE_AVX2
/* Low half: centre, high half: half extents; three horizontal sums give both. */
MR_TARGET_AVX2 static inline int refit_avx2(const float *w, const float *g, float *box) {
    __m256 geometry = _mm256_load_ps(g), sign = _mm256_set_m128(_mm_set1_ps(-0.0f), _mm_setzero_ps());
    __m128 r0 = _mm_load_ps(w), r1 = _mm_load_ps(w + 4), r2 = _mm_load_ps(w + 8);
    __m256 t0 = _mm256_mul_ps(_mm256_andnot_ps(sign, _mm256_set_m128(r0, r0)), geometry);
    __m256 t1 = _mm256_mul_ps(_mm256_andnot_ps(sign, _mm256_set_m128(r1, r1)), geometry);
    __m256 t2 = _mm256_mul_ps(_mm256_andnot_ps(sign, _mm256_set_m128(r2, r2)), geometry);
    __m256 sum = _mm256_hadd_ps(_mm256_hadd_ps(t0, t1), _mm256_hadd_ps(t2, t2));
    __m128 c = _mm256_castps256_ps128(sum), h = _mm_add_ps(_mm256_extractf128_ps(sum, 1), _mm_set1_ps(TINY));
    _mm_store_ss(box, c);
    _mm_store_ss(box + 64, _mm_shuffle_ps(c, c, 1));
    _mm_store_ss(box + 128, _mm_shuffle_ps(c, c, 2));
    _mm_store_ss(box + 192, h);
    _mm_store_ss(box + 256, _mm_shuffle_ps(h, h, 1));
    _mm_store_ss(box + 320, _mm_shuffle_ps(h, h, 2));
    /* Row 0 . (row 1 x row 2) in float64: lanes yzx and zxy. */
    __m256d d0 = _mm256_cvtps_pd(r0), d1 = _mm256_cvtps_pd(r1), d2 = _mm256_cvtps_pd(r2);
    __m256d x = _mm256_sub_pd(_mm256_mul_pd(_mm256_permute4x64_pd(d1, 0xC9), _mm256_permute4x64_pd(d2, 0xD2)),
                              _mm256_mul_pd(_mm256_permute4x64_pd(d1, 0xD2), _mm256_permute4x64_pd(d2, 0xC9)));
    double p[4];
    _mm256_storeu_pd(p, _mm256_mul_pd(d0, x));
    return (p[0] + p[1]) + p[2] < 0;
}

#define MR_TARGET MR_TARGET_AVX2
#define MR_LEVEL(name) name##_avx2
#include "bounds.inl"
#undef MR_TARGET
#undef MR_LEVEL
#endif

/* Union of the boxes of up to 64 blocks of one anchor. */
static void refit_group(mr_store *s, uint32_t group) {
    uint32_t first = group * 64, end = first + 64 < s->slots / 64 ? first + 64 : s->slots / 64, anchor = MR_NONE, any = 0;
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (uint32_t b = first; b < end; b++) {
        const float *box = s->block_box + (size_t)b * 8;
        for (int k = 0; k < 6; k++) s->lane_box[(size_t)group * 384 + 64 * k + (b - first)] = box[k];
        if (!s->block_used[b]) continue;
        anchor = any && s->block_anchor[b] != anchor ? MR_NONE : s->block_anchor[b]; /* mixed: its blocks are looked at one by one */
        any = 1;
        for (int k = 0; k < 3; k++) {
            float l = box[k] - box[3 + k], h = box[k] + box[3 + k];
            low[k] = l < low[k] ? l : low[k];
            high[k] = h > high[k] ? h : high[k];
        }
    }
    close_box(low, high, s->group_box + (size_t)group * 8);
    s->group_anchor[group] = anchor;
    s->group_dirty[group] = 0;
}

/* Many blocks are refit in slot order: their rows then stream. */
static void order_dirty_blocks(mr_store *s) {
    if (s->dirty_block_count < s->slots / 64 / 8) return;
    s->dirty_block_count = 0;
    for (uint32_t b = 0; b < s->slots / 64; b++)
        if (s->block_dirty[b]) s->dirty_blocks[s->dirty_block_count++] = b;
}

void mr_refit(mr_store *s) {
    order_dirty_blocks(s);
    for (uint32_t k = 0; k < s->dirty_block_count; k++) {
        uint32_t block = s->dirty_blocks[k];
        uint32_t next = k + 1 < s->dirty_block_count ? s->dirty_blocks[k + 1] : MR_NONE;
        s->stats.draws_refit += (uint64_t)__builtin_popcountll(s->block_dirty[block] & s->block_used[block]);
#if MR_HAVE_AVX2
        if (s->level >= MR_AVX2) refit_block_avx2(s, block, next);
        else
#endif
            refit_block_base(s, block, next);
        label_block(s, block);
        s->page_epoch[MR_BOX_ROW][block] = s->epoch;
        s->group_dirty[block / 64] = 1;
    }
    for (uint32_t k = 0; k < s->dirty_block_count; k++)
        if (s->group_dirty[s->dirty_blocks[k] / 64]) refit_group(s, s->dirty_blocks[k] / 64);
    s->stats.blocks_refit += s->dirty_block_count;
    s->dirty_block_count = 0;
}

/* Adds the draws of one node slot to a world box. */
static int extend(const mr_store *s, uint32_t i, double lower[3], double upper[3]) {
    int any = 0;
    for (uint32_t d = s->node_draw[i]; d != MR_NONE; d = s->draw_next[d]) {
        uint32_t index = s->draw_geometry[d];
        if (index >= s->geometry_count || !s->geometries[index].active) continue;
        const mr_geometry *g = s->geometries + index;
        const double *origin = s->anchors[s->anchor[i]].origin;
        const float *w = s->world + 12 * (size_t)i;
        any = 1;
        for (int k = 0; k < 3; k++, w += 4) {
            double c = origin[k] + w[3], h = 0;
            for (int j = 0; j < 3; j++) {
                c += (double)w[j] * (0.5 * g->lower[j] + 0.5 * g->upper[j]);
                h += fabs((double)w[j]) * (0.5 * g->upper[j] - 0.5 * g->lower[j]);
            }
            if (c - h < lower[k]) lower[k] = c - h;
            if (c + h > upper[k]) upper[k] = c + h;
        }
    }
    return any;
}

int mr_bounds(const mr_store *s, uint32_t index, double lower[3], double upper[3]) {
    int any = 0;
    for (int k = 0; k < 3; k++) {
        lower[k] = INFINITY;
        upper[k] = -INFINITY;
    }
    uint32_t first = s->id_slot[index], end = index == 0 ? s->n : first + s->subtree[first];
    if (index == 0 || !s->loose) /* whatever the order, or in order: slots in a row */
        for (uint32_t i = first; i < end; i++) any |= extend(s, i, lower, upper);
    else
        for (uint32_t i = index; i != MR_NONE; i = mr_next_below(s, i, index)) any |= extend(s, s->id_slot[i], lower, upper);
    return any;
}

void mr_boxes(const mr_store *s, float *out) {
    for (uint32_t i = 0; i < s->slots; i++)
        for (int k = 0; k < 6; k++) out[6 * (size_t)i + k] = s->box[(size_t)(i / 64) * 384 + 64 * k + (i & 63)];
}
