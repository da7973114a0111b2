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

/* The same for those of eight neighbours that have a bit in `lanes`; returns a bit for each that mirrors. */
static inline unsigned refit8_base(const mr_store *s, const uint32_t *nodes, const uint32_t *geometry, unsigned lanes, float *box) {
    unsigned flips = 0;
    for (unsigned j = 0; j < 8; j++)
        if (lanes >> j & 1) flips |= (unsigned)refit_base(s->world + 12 * (size_t)nodes[j], s->geometries[geometry[j]].fit, box + j) << j;
    return flips;
}

/* Where 64 boxes begin and end along an axis, in eight lanes at every level. Unused slots are NaN, which no comparison lets in. */
static inline void ends_base(const float *centre, const float *half, float low[8], float high[8]) {
    for (int j = 0; j < 8; j++) {
        low[j] = INFINITY;
        high[j] = -INFINITY;
    }
    for (int i = 0; i < 64; i++) {
        float a = centre[i] - half[i], b = centre[i] + half[i];
        low[i & 7] = a < low[i & 7] ? a : low[i & 7];
        high[i & 7] = b > high[i & 7] ? b : high[i & 7];
    }
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

/* Live bits of the dirty draws of a block. */
static void show_block(mr_store *s, uint32_t block) {
    uint64_t todo = s->block_dirty[block] & s->block_used[block], live = s->block_live[block] & ~todo;
    for (; todo; todo &= todo - 1) {
        unsigned i = (unsigned)__builtin_ctzll(todo);
        if (s->flags[s->slot_node[block * 64 + i]] & MR_SHOWN) live |= (uint64_t)1 << i;
    }
    s->block_live[block] = live;
}

/* Anchor and layers of a block. Unused slots count for nothing, hidden draws do. */
static void label_block(mr_store *s, uint32_t block) {
    uint64_t used = s->block_used[block];
    uint32_t first = block * 64 + (used ? (uint32_t)__builtin_ctzll(used) : 0), anchor = s->slot_anchor[first], layers = s->slot_layers[first];
    uint32_t other_anchor = 0, other_layers = 0;
    for (uint32_t i = block * 64; i < block * 64 + 64; i++) {
        uint32_t in_use = 0u - (uint32_t)(s->slot_node[i] != MR_NONE);
        other_anchor |= (s->slot_anchor[i] ^ anchor) & in_use;
        other_layers |= (s->slot_layers[i] ^ layers) & in_use;
    }
    s->block_anchor[block] = other_anchor ? MR_NONE : anchor;
    s->block_layers[block] = layers;
    s->block_mixed_layers[block] = other_layers != 0;
}

/* Surface of a block whose box is new. */
static void weigh_block(mr_store *s, uint32_t block) {
    const float *box = s->block_box + (size_t)block * 8;
    float area = 0;
    if (s->block_used[block]) {
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
/* Rows of four floats of eight draws become one vector for each of the four: at[j] is where draw j's row stands. */
MR_TARGET_AVX2 static inline void lanes_of(const float *const at[8], size_t offset, __m256 out[4]) {
    __m256 r[4];
    for (int j = 0; j < 4; j++) r[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_load_ps(at[j] + offset)), _mm_load_ps(at[j + 4] + offset), 1);
    __m256 a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    __m256 c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    out[0] = _mm256_shuffle_ps(a, c, 0x44);
    out[1] = _mm256_shuffle_ps(a, c, 0xEE);
    out[2] = _mm256_shuffle_ps(b, d, 0x44);
    out[3] = _mm256_shuffle_ps(b, d, 0xEE);
}

/* Bit per lane of four where the determinant is negative, in the order of mr_mirrored. */
MR_TARGET_AVX2 static inline int mirrored4(__m256 w[3][4], int upper) {
    __m256d m[3][3];
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 3; j++) m[k][j] = _mm256_cvtps_pd(upper ? _mm256_extractf128_ps(w[k][j], 1) : _mm256_castps256_ps128(w[k][j]));
    __m256d x = _mm256_sub_pd(_mm256_mul_pd(m[1][1], m[2][2]), _mm256_mul_pd(m[1][2], m[2][1]));
    __m256d y = _mm256_sub_pd(_mm256_mul_pd(m[1][2], m[2][0]), _mm256_mul_pd(m[1][0], m[2][2]));
    __m256d z = _mm256_sub_pd(_mm256_mul_pd(m[1][0], m[2][1]), _mm256_mul_pd(m[1][1], m[2][0]));
    __m256d sum = _mm256_add_pd(_mm256_mul_pd(m[0][0], x), _mm256_mul_pd(m[0][1], y));
    return _mm256_movemask_pd(_mm256_cmp_pd(_mm256_add_pd(sum, _mm256_mul_pd(m[0][2], z)), _mm256_setzero_pd(), _CMP_LT_OQ));
}

/* What eight draws have of their geometries: often it is one. */
MR_TARGET_AVX2 static inline void fits_of(const mr_geometry *all, const uint32_t *geometry, __m256 c[4], __m256 h[4]) {
    __m256i g = _mm256_loadu_si256((const __m256i *)geometry);
    if (_mm256_movemask_epi8(_mm256_cmpeq_epi32(g, _mm256_set1_epi32((int)geometry[0]))) == -1)
        for (int j = 0; j < 4; j++) {
            c[j] = _mm256_broadcast_ss(all[geometry[0]].fit + j);
            h[j] = _mm256_broadcast_ss(all[geometry[0]].fit + 4 + j);
        }
    else {
        const float *at[8];
        for (int j = 0; j < 8; j++) at[j] = all[geometry[j]].fit;
        lanes_of(at, 0, c);
        lanes_of(at, 4, h);
    }
}

/* The lanes that count; the others keep what they hold. */
MR_TARGET_AVX2 static inline __attribute__((always_inline)) void put_lanes(float *to, __m256 x, unsigned lanes) {
    const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    __m256i mask = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)lanes), bits), bits);
    _mm256_store_ps(to, lanes == 255 ? x : _mm256_blendv_ps(_mm256_load_ps(to), x, _mm256_castsi256_ps(mask)));
}

/* All eight are computed side by side; a lane that does not count stands in for the first that does. */
MR_TARGET_AVX2 static inline __attribute__((always_inline)) unsigned refit8_avx2(const mr_store *s, const uint32_t *nodes, const uint32_t *geometry, unsigned lanes, float *box) {
    const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
    const float *row[8];
    uint32_t stand_in[8];
    __m256 w[3][4], c[4], h[4];
    if (lanes != 255) {
        for (unsigned j = 0, first = (unsigned)__builtin_ctz(lanes); j < 8; j++) stand_in[j] = geometry[lanes >> j & 1 ? j : first];
        geometry = stand_in;
    }
    for (unsigned j = 0, first = (unsigned)__builtin_ctz(lanes); j < 8; j++) row[j] = s->world + 12 * (size_t)nodes[lanes >> j & 1 ? j : first];
    fits_of(s->geometries, geometry, c, h);
    for (int k = 0; k < 3; k++) {
        __m256 *r = w[k], a[4];
        lanes_of(row, 4 * (size_t)k, r);
        for (int j = 0; j < 4; j++) a[j] = _mm256_mul_ps(_mm256_and_ps(r[j], magnitude), h[j]);
        __m256 near = _mm256_add_ps(_mm256_mul_ps(r[0], c[0]), _mm256_mul_ps(r[1], c[1]));
        put_lanes(box + 64 * k, _mm256_add_ps(near, _mm256_add_ps(_mm256_mul_ps(r[2], c[2]), r[3])), lanes);
        __m256 half = _mm256_add_ps(_mm256_add_ps(a[0], a[1]), _mm256_add_ps(a[2], a[3]));
        put_lanes(box + 64 * (k + 3), _mm256_add_ps(half, _mm256_set1_ps(TINY)), lanes);
    }
    return (unsigned)(mirrored4(w, 0) | mirrored4(w, 1) << 4);
}

/* In registers: through memory each step waits for the one before. */
MR_TARGET_AVX2 static inline void ends_avx2(const float *centre, const float *half, float low[8], float high[8]) {
    __m256 l = _mm256_set1_ps(INFINITY), h = _mm256_set1_ps(-INFINITY);
    for (int i = 0; i < 64; i += 8) {
        __m256 c = _mm256_load_ps(centre + i), r = _mm256_load_ps(half + i);
        l = _mm256_min_ps(_mm256_sub_ps(c, r), l); /* the second operand where the first is NaN */
        h = _mm256_max_ps(_mm256_add_ps(c, r), h);
    }
    _mm256_storeu_ps(low, l);
    _mm256_storeu_ps(high, h);
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
        int unlabelled = s->block_mixed_layers[block] & MR_UNLABELLED;
        if (unlabelled || s->shown_changed) show_block(s, block);
        if (unlabelled) label_block(s, block);
        weigh_block(s, block);
        s->block_dirty[block] = 0;
        s->page_epoch[MR_BOX_ROW][block] = s->epoch;
        s->group_dirty[block / 64] = 1;
    }
    for (uint32_t k = 0; k < s->dirty_block_count; k++)
        if (s->group_dirty[s->dirty_blocks[k] / 64]) refit_group(s, s->dirty_blocks[k] / 64);
    s->stats.blocks_refit += s->dirty_block_count;
    s->dirty_block_count = 0;
    s->shown_changed = 0;
}

/* Adds the draws of one node slot to a world box. */
static int extend(const mr_store *s, uint32_t i, double lower[3], double upper[3]) {
    int any = 0;
    for (uint32_t d = s->node_draw[i]; d != MR_NONE; d = s->draw_next[d]) {
        uint32_t index = s->draw_geometry[d];
        if (index >= s->geometry_count || !s->geometries[index].active) continue;
        const mr_geometry *g = s->geometries + index;
        const double *origin = s->anchors[mr_draw_anchor(s, i, index)].origin;
        const float *w = s->world + 12 * (size_t)i;
        double centre[3], half[3];
        int posed = mr_posed_box(s, i, index, centre, half);
        any = 1;
        for (int k = 0; k < 3; k++, w += 4) {
            double c = origin[k] + (posed ? centre[k] : w[3]), h = posed ? half[k] : 0;
            for (int j = 0; j < 3 && !posed; j++) {
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
