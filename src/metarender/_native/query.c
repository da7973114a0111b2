/* Which nodes meet a box, a sphere or a set of planes: groups, blocks, then exact boxes of draws, in float64 relative to each anchor.
 *
 * Groups and blocks carry the widened boxes of culling: outside of one is outside of everything in it, and inside of one likewise.
 * Draws are decided by their exact world boxes: the axis-aligned box about the transformed local box.
 */
#include "mr.h"

#include <math.h>
#include <string.h>

enum { OUT = 0, CUT = 1, IN = 2 };

uint64_t mr_filtered(const mr_store *s, const mr_filter *f, uint32_t block) {
    uint64_t word = s->block_live[block];
    const uint32_t *layers = s->slot_layers + (size_t)block * 64;
    if (f->hidden) word = s->block_used[block];
    if (!s->block_mixed_layers[block]) return f->layers & s->block_layers[block] ? word : 0;
    for (uint64_t w = word; w; w &= w - 1) {
        unsigned i = (unsigned)__builtin_ctzll(w);
        if (!(layers[i] & f->layers)) word &= ~((uint64_t)1 << i);
    }
    return word;
}

void mr_exact_box(const mr_store *s, uint32_t slot, const double from[3], double centre[3], double half[3]) {
    const mr_geometry *g = s->geometries + s->slot_geometry[slot];
    const double *origin = s->anchors[s->slot_anchor[slot]].origin;
    const float *w = s->world + 12 * (size_t)s->slot_node[slot];
    if (mr_posed_box(s, s->slot_node[slot], s->slot_geometry[slot], centre, half)) {
        for (int k = 0; k < 3; k++) centre[k] += origin[k] - from[k];
        return;
    }
    for (int k = 0; k < 3; k++, w += 4) {
        centre[k] = (origin[k] - from[k]) + w[3];
        half[k] = 0;
        for (int j = 0; j < 3; j++) {
            centre[k] += (double)w[j] * (0.5 * g->lower[j] + 0.5 * g->upper[j]);
            half[k] += fabs((double)w[j]) * (0.5 * g->upper[j] - 0.5 * g->lower[j]);
        }
    }
}

void mr_queue_free(mr_queue *q) {
    mr_block_release(q->items);
    mr_block_release(q->mixed_block);
    mr_block_release(q->mixed_group);
}

/* Joins a box relative to an anchor to world bounds; a box that overflowed makes them infinite. */
static void join(const mr_store *s, uint32_t anchor, const float *box, size_t stride, double low[3], double high[3]) {
    for (int k = 0; k < 3; k++) {
        double c = s->anchors[anchor].origin[k] + box[stride * (size_t)k], h = box[stride * (size_t)(k + 3)];
        low[k] = c - h >= low[k] ? low[k] : isfinite(c - h) ? c - h : -INFINITY;
        high[k] = c + h <= high[k] ? high[k] : isfinite(c + h) ? c + h : INFINITY;
    }
}

/* Centre and half extents; 4e-15 covers the sums in float64. Unbounded boxes become NaN, which no test excludes. */
static void put(const double low[3], const double high[3], double *out) {
    for (int k = 0; k < 3; k++) {
        out[k] = 0.5 * low[k] + 0.5 * high[k];
        out[k + 3] = 0.5 * (high[k] - low[k]) + 4e-15 * (fabs(low[k]) + fabs(high[k]));
    }
}

static int empty(const mr_store *s, uint32_t block) { return !s->block_used[block]; }

static void mixed_group(const mr_store *s, const mr_queue *q, uint32_t group, double *out) {
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (uint32_t b = group * 64; b < group * 64 + 64 && b < s->slots / 64; b++) {
        const double *m = q->mixed_block + 6 * (size_t)b;
        if (s->block_anchor[b] != MR_NONE) {
            if (!empty(s, b)) join(s, s->block_anchor[b], s->block_box + (size_t)b * 8, 1, low, high);
            continue;
        }
        for (int k = 0; k < 3; k++) {
            low[k] = m[k] - m[k + 3] >= low[k] ? low[k] : m[k] == m[k] ? m[k] - m[k + 3] : -INFINITY;
            high[k] = m[k] + m[k + 3] <= high[k] ? high[k] : m[k] == m[k] ? m[k] + m[k + 3] : INFINITY;
        }
    }
    put(low, high, out);
}

int mr_queue_refresh(const mr_store *s, mr_queue *q) {
    uint32_t blocks = s->slots / 64, groups = (blocks + 63) / 64;
    if (q->mixed_epoch == s->draw_epoch + 1) return MR_OK;
    if (mr_grow(&q->mixed_block, &q->block_cap, blocks, 6 * sizeof(double)) || mr_grow(&q->mixed_group, &q->group_cap, groups, 6 * sizeof(double)))
        return MR_NOMEM;
    for (uint32_t b = 0; b < blocks; b++) {
        if (s->block_anchor[b] != MR_NONE) continue;
        double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
        for (uint32_t i = 0; i < 64; i++)
            if (s->block_used[b] >> i & 1) join(s, s->slot_anchor[b * 64 + i], s->box + (size_t)b * 384 + i, 64, low, high);
        put(low, high, q->mixed_block + 6 * (size_t)b);
    }
    for (uint32_t g = 0; g < groups; g++)
        if (s->group_anchor[g] == MR_NONE) mixed_group(s, q, g, q->mixed_group + 6 * (size_t)g);
    q->mixed_epoch = s->draw_epoch + 1;
    return MR_OK;
}

/* A region as one anchor sees it. */
typedef struct { int kind; double lower[3], upper[3], radius, slack; double plane[6][4]; uint32_t active, anchor; } seen;

static void relate(const mr_store *s, const mr_region *r, uint32_t anchor, seen *out) {
    const double *origin = s->anchors[anchor].origin;
    out->kind = r->kind;
    out->anchor = anchor;
    out->active = r->active;
    out->radius = r->radius;
    out->slack = 1e-300;
    for (int k = 0; k < 3; k++) {
        out->lower[k] = r->lower[k] - origin[k];
        out->upper[k] = r->upper[k] - origin[k];
        out->slack += 4e-15 * (fabs(r->lower[k]) + fabs(r->upper[k]) + fabs(origin[k]) + r->radius);
    }
    for (int p = 0; p < 6; p++) {
        memcpy(out->plane[p], r->plane[p], sizeof out->plane[p]);
        for (int k = 0; k < 3; k++) out->plane[p][3] -= r->plane[p][k] * out->lower[k];
    }
}

static int box_state(const seen *a, const double c[3], const double h[3]) {
    int inside = 1;
    for (int k = 0; k < 3; k++) {
        double low = c[k] - h[k], high = c[k] + h[k];
        if (low > a->upper[k] || high < a->lower[k]) return OUT;
        inside &= low >= a->lower[k] && high <= a->upper[k];
    }
    return inside ? IN : CUT;
}

static int sphere_state(const seen *a, const double c[3], const double h[3]) {
    double near = 0, far = 0, r = a->radius * a->radius;
    for (int k = 0; k < 3; k++) {
        double d = fabs(c[k] - a->lower[k]), gap = d - h[k], reach = d + h[k];
        near += gap > 0 ? gap * gap : 0;
        far += reach * reach;
    }
    return near > r ? OUT : far <= r ? IN : CUT;
}

static int planes_state(const seen *a, const double c[3], const double h[3]) {
    int inside = 1;
    for (int p = 0; p < 6; p++) {
        if (!(a->active >> p & 1)) continue;
        const double *n = a->plane[p];
        double at = ((n[0] * c[0] + n[1] * c[1]) + n[2] * c[2]) + n[3];
        double reach = (fabs(n[0]) * h[0] + fabs(n[1]) * h[1]) + fabs(n[2]) * h[2];
        if (at + reach < -a->slack) return OUT;
        inside &= at - reach >= 0;
    }
    return inside ? IN : CUT;
}

/* A box that overflowed has NaN in it: it is never out and never in. */
static int state_of(const seen *a, const double c[3], const double h[3]) {
    if (a->kind == MR_BOX) return box_state(a, c, h);
    return a->kind == MR_SPHERE ? sphere_state(a, c, h) : planes_state(a, c, h);
}

/* State of a group or block: by its widened box relative to its anchor, or by its world box. */
static int wide_state(const mr_store *s, const mr_region *r, uint32_t anchor, const float *b, const double *mixed, const seen *world, seen *a) {
    double c[3], h[3];
    if (anchor == MR_NONE) {
        for (int k = 0; k < 3; k++) {
            c[k] = mixed[k];
            h[k] = mixed[k + 3] + world->slack;
        }
        return state_of(world, c, h);
    }
    if (anchor != a->anchor) relate(s, r, anchor, a);
    for (int k = 0; k < 3; k++) {
        c[k] = b[k];
        h[k] = b[k + 3] + a->slack;
    }
    return state_of(a, c, h);
}

static int draw_meets(const mr_store *s, const mr_region *r, uint32_t slot, seen *a) {
    double c[3], h[3];
    if (s->slot_anchor[slot] != a->anchor) relate(s, r, s->slot_anchor[slot], a);
    const float *b = s->box + (size_t)(slot / 64) * 384 + (slot & 63);
    for (int k = 0; k < 3; k++) {
        c[k] = b[64 * k];
        h[k] = b[64 * (k + 3)] + a->slack;
    }
    int state = state_of(a, c, h);
    if (state != CUT) return state == IN;
    mr_exact_box(s, slot, s->anchors[a->anchor].origin, c, h);
    return state_of(a, c, h) != OUT;
}

static uint32_t mark(const mr_store *s, uint32_t slot, uint64_t *bits) {
    uint32_t index = s->slot_id[slot] & MR_INDEX_MASK;
    uint64_t bit = (uint64_t)1 << (index & 63), old = bits[index / 64];
    bits[index / 64] = old | bit;
    return !(old & bit);
}

int mr_query(const mr_store *s, const mr_region *region, const mr_filter *f, mr_queue *q, uint64_t *bits, uint32_t *found) {
    uint32_t blocks = s->slots / 64;
    seen a, world;
    relate(s, region, 0, &a); /* anchor 0 is the origin of the world */
    world = a;
    *found = 0;
    if (mr_queue_refresh(s, q)) return MR_NOMEM;
    for (uint32_t b = 0, outer = CUT; b < blocks; b++) {
        uint32_t g = b / 64;
        if (b % 64 == 0)
            outer = (uint32_t)wide_state(s, region, s->group_anchor[g], s->group_box + (size_t)g * 8, q->mixed_group + 6 * (size_t)g, &world, &a);
        if (outer == OUT) {
            b |= 63;
            continue;
        }
        int inner = IN;
        if (outer != IN)
            inner = wide_state(s, region, s->block_anchor[b], s->block_box + (size_t)b * 8, q->mixed_block + 6 * (size_t)b, &world, &a);
        if (inner == OUT) continue;
        for (uint64_t word = mr_filtered(s, f, b); word; word &= word - 1) {
            uint32_t slot = b * 64 + (uint32_t)__builtin_ctzll(word);
            if (inner == IN || draw_meets(s, region, slot, &a)) *found += mark(s, slot, bits);
        }
    }
    return MR_OK;
}

void mr_query_ids(const mr_store *s, const uint64_t *bits, uint32_t *ids) {
    for (uint32_t k = 0; k < (s->id_count + 63) / 64; k++)
        for (uint64_t word = bits[k]; word; word &= word - 1) *ids++ = mr_public_id(s, k * 64 + (uint32_t)__builtin_ctzll(word));
}

void mr_region_of_view(const mr_view *v, mr_region *out) {
    memset(out, 0, sizeof *out);
    out->kind = MR_PLANES;
    out->active = v->active;
    memcpy(out->lower, v->eye, sizeof out->lower);
    memcpy(out->plane, v->plane, sizeof out->plane);
}
