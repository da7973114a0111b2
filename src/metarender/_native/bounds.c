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
    mr_geometry *g = s->geometries + index;
    g->key = key;
    g->active = 1;
    for (int k = 0; k < 3; k++) {
        g->centre[k] = (float)(0.5 * lower[k] + 0.5 * upper[k]);
        double c = g->centre[k], h = upper[k] - c > c - lower[k] ? upper[k] - c : c - lower[k];
        g->half[k] = up(h * (1 + U16) + U16 * fabs(c));
        g->lower[k] = lower[k];
        g->upper[k] = upper[k];
    }
    s->draws_dirty = 1;
    s->epoch++;
    return MR_OK;
}

int mr_mirrored(const float *w) {
    double a = w[0], b = w[1], c = w[2], d = w[4], e = w[5], f = w[6], g = w[8], h = w[9], i = w[10];
    return (a * (e * i - f * h) - b * (d * i - f * g)) + c * (d * h - e * g) < 0;
}

/* Box of one draw slot; returns its live bit. */
static int refit_slot(mr_store *s, uint32_t slot) {
    uint32_t node = s->slot_node[slot], d = s->slot_draw[slot];
    const float *w = s->world + 12 * (size_t)node;
    const mr_geometry *g = s->geometries + s->slot_geometry[slot];
    const float *c = g->centre, *h = g->half;
    float *box = s->box + (size_t)(slot / 64) * 384 + (slot & 63);
    for (int k = 0; k < 3; k++, w += 4) {
        box[64 * k] = ((w[0] * c[0] + w[1] * c[1]) + w[2] * c[2]) + w[3];
        box[64 * (k + 3)] = ((fabsf(w[0]) * h[0] + fabsf(w[1]) * h[1]) + fabsf(w[2]) * h[2]) + (fabsf(w[3]) * (float)U16 + TINY);
    }
    if (mr_mirrored(w - 12) != s->draw_mirrored[d]) s->draws_dirty = 1;
    s->slot_anchor[slot] = s->anchor[node];
    s->slot_layers[slot] = s->layers[node];
    return (s->flags[node] & MR_SHOWN) != 0;
}

/* Union of a block's boxes, its anchor and layers. Dead slots (no draw) are left out; hidden ones count. */
static void refit_block(mr_store *s, uint32_t block) {
    const float *box = s->box + (size_t)block * 384;
    float low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    uint32_t anchor = s->slot_anchor[block * 64], layers = s->slot_layers[block * 64];
    uint8_t mixed = 0;
    uint32_t last = 64;
    while (last > 0 && s->slot_draw[block * 64 + last - 1] == MR_NONE) last--;
    for (int k = 0; k < 3; k++)
        for (uint32_t i = 0; i < last; i++) {
            float c = box[64 * k + i], h = box[64 * (k + 3) + i], a = c - h, b = c + h;
            low[k] = a < low[k] ? a : low[k];
            high[k] = b > high[k] ? b : high[k];
        }
    for (uint32_t i = 1; i < last; i++) {
        if (s->slot_anchor[block * 64 + i] != anchor) anchor = MR_NONE;
        if (s->slot_layers[block * 64 + i] != layers) mixed = 1;
    }
    float *out = s->block_box + (size_t)block * 8;
    for (int k = 0; k < 3; k++) {
        /* c - h and c + h rounded (1 u each), centre and half again: 16 u of the larger end covers them and the plane test. */
        float c = 0.5f * low[k] + 0.5f * high[k], far = fabsf(low[k]) > fabsf(high[k]) ? fabsf(low[k]) : fabsf(high[k]);
        float h = high[k] - c > c - low[k] ? high[k] - c : c - low[k];
        out[k] = c;
        out[3 + k] = h * (1.0f + (float)U16) + (far * (float)U16 + TINY);
    }
    s->block_anchor[block] = anchor;
    s->block_layers[block] = layers;
    s->block_mixed_layers[block] = mixed;
}

void mr_refit(mr_store *s) {
    for (uint32_t k = 0; k < s->dirty_block_count; k++) {
        uint32_t block = s->dirty_blocks[k];
        uint64_t live = s->block_live[block], dirty = s->block_dirty[block];
        for (uint32_t i = 0; i < 64; i++) {
            uint64_t bit = (uint64_t)1 << i;
            if (!(dirty & bit)) continue;
            live = refit_slot(s, block * 64 + i) ? live | bit : live & ~bit;
            s->stats.draws_refit++;
        }
        s->block_live[block] = live;
        s->block_dirty[block] = 0;
        refit_block(s, block);
    }
    s->stats.blocks_refit += s->dirty_block_count;
    s->dirty_block_count = 0;
}

int mr_bounds(const mr_store *s, uint32_t first, uint32_t end, double lower[3], double upper[3]) {
    int any = 0;
    for (int k = 0; k < 3; k++) {
        lower[k] = INFINITY;
        upper[k] = -INFINITY;
    }
    for (uint32_t i = first; i < end; i++)
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

void mr_boxes(const mr_store *s, float *out) {
    for (uint32_t i = 0; i < s->slots; i++)
        for (int k = 0; k < 6; k++) out[6 * (size_t)i + k] = s->box[(size_t)(i / 64) * 384 + 64 * k + (i & 63)];
}
