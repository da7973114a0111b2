/* Rays through the blocks, nearest first: groups of 64 blocks, blocks of 64 draws, draws, then the triangles of each draw.
 *
 * One heap holds what the ray may still meet, keyed by where it enters. Boxes of groups and blocks are the widened float32 ones of
 * culling, tested in float64 relative to their anchor; `slack` covers the rounding of that shift. World rows are exact float32
 * numbers, so a triangle is where the GPU draws it, before the GPU's own rounding.
 */
#include "mr.h"

#include <math.h>
#include <string.h>

enum { GROUP = 0, BLOCK = 1, DRAW = 2 }; /* rank of an item; a draw's rank is DRAW + id index, so that ties are decided by ids */

static int before(const mr_item *a, const mr_item *b) {
    if (a->near != b->near) return a->near < b->near;
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->index < b->index;
}

static int push(mr_queue *q, double near, uint32_t rank, uint32_t index) {
    if (mr_grow(&q->items, &q->cap, q->count + 1, sizeof(mr_item))) return MR_NOMEM;
    mr_item item = {near, rank, index};
    uint32_t i = q->count++;
    while (i && before(&item, q->items + (i - 1) / 2)) {
        q->items[i] = q->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    q->items[i] = item;
    return MR_OK;
}

static mr_item pop(mr_queue *q) {
    mr_item top = q->items[0], last = q->items[--q->count];
    uint32_t i = 0;
    for (uint32_t child = 1; child < q->count; child = 2 * i + 1) {
        if (child + 1 < q->count && before(q->items + child + 1, q->items + child)) child++;
        if (!before(q->items + child, &last)) break;
        q->items[i] = q->items[child];
        i = child;
    }
    q->items[i] = last;
    return top;
}

/* A ray as one anchor sees it. */
typedef struct { double o[3], inverse[3], limit, slack; int upward[3]; uint32_t anchor; } seen;

static void relate(const mr_store *s, const mr_ray *r, uint32_t anchor, seen *out) {
    const double *origin = s->anchors[anchor].origin;
    out->anchor = anchor;
    out->slack = 1e-300;
    for (int k = 0; k < 3; k++) {
        out->o[k] = r->origin[k] - origin[k];
        out->slack += 4e-15 * (fabs(r->origin[k]) + fabs(origin[k]) + fabs(out->o[k]));
    }
}

static seen begin(const mr_store *s, const mr_ray *r) {
    seen a;
    for (int k = 0; k < 3; k++) {
        a.inverse[k] = 1 / r->direction[k];
        a.upward[k] = !signbit(r->direction[k]);
    }
    a.limit = r->limit;
    relate(s, r, 0, &a);
    return a;
}

/* Where the ray enters a box, or infinity. NaN (a ray inside the plane of a side, a box that overflowed) cuts nothing. */
static inline double enter(const seen *a, double cx, double cy, double cz, double hx, double hy, double hz) {
    const double c[3] = {cx, cy, cz}, h[3] = {hx, hy, hz};
    double near = 0, far = a->limit;
    for (int k = 0; k < 3; k++) {
        double reach = a->upward[k] ? h[k] : -h[k], d = c[k] - a->o[k];
        double in = (d - reach) * a->inverse[k], out = (d + reach) * a->inverse[k];
        near = in > near ? in : near;
        far = out < far ? out : far;
    }
    return near <= far * (1 + 2e-15) ? near : INFINITY;
}

/* Where the ray enters a group or block: by its widened box relative to its anchor, or by its world box. */
static double enter_any(const mr_store *s, const mr_ray *r, seen *a, uint32_t anchor, const float *b, const double *mixed) {
    if (anchor == MR_NONE) {
        if (a->anchor) relate(s, r, 0, a); /* anchor 0 is the origin of the world */
        return enter(a, mixed[0], mixed[1], mixed[2], mixed[3] + a->slack, mixed[4] + a->slack, mixed[5] + a->slack);
    }
    if (anchor != a->anchor) relate(s, r, anchor, a);
    return enter(a, b[0], b[1], b[2], b[3] + a->slack, b[4] + a->slack, b[5] + a->slack);
}

static int push_blocks(const mr_store *s, const mr_ray *r, seen *a, uint32_t group, mr_queue *q) {
    uint32_t end = group * 64 + 64 < s->slots / 64 ? group * 64 + 64 : s->slots / 64;
    for (uint32_t b = group * 64; b < end; b++) {
        if (!s->block_used[b]) continue; /* spare room of a draw tail: its box is NaN, which no test excludes */
        double near = enter_any(s, r, a, s->block_anchor[b], s->block_box + (size_t)b * 8, q->mixed_block + 6 * (size_t)b);
        if (near != INFINITY && push(q, near, BLOCK, b)) return MR_NOMEM;
    }
    return MR_OK;
}

static int push_groups(const mr_store *s, const mr_ray *r, seen *a, mr_queue *q) {
    q->count = 0;
    if (mr_queue_refresh(s, q)) return MR_NOMEM;
    for (uint32_t g = 0; g * 64 < s->slots / 64; g++) {
        double near = enter_any(s, r, a, s->group_anchor[g], s->group_box + (size_t)g * 8, q->mixed_group + 6 * (size_t)g);
        if (near != INFINITY && push(q, near, GROUP, g)) return MR_NOMEM;
    }
    return MR_OK;
}

/* Draws of a block that the ray may meet; `exact`: by their float64 boxes. */
static int push_draws(const mr_store *s, const mr_ray *r, seen *a, uint32_t block, const mr_filter *f, int exact, mr_queue *q) {
    const float *box = s->box + (size_t)block * 384;
    for (uint64_t word = mr_filtered(s, f, block); word; word &= word - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(word), slot = block * 64 + i;
        if (s->slot_anchor[slot] != a->anchor) relate(s, r, s->slot_anchor[slot], a);
        const float *b = box + i;
        double near = enter(a, b[0], b[64], b[128], b[192] + a->slack, b[256] + a->slack, b[320] + a->slack);
        if (near == INFINITY) continue;
        if (exact) {
            double c[3], h[3];
            mr_exact_box(s, slot, s->anchors[a->anchor].origin, c, h);
            near = enter(a, c[0], c[1], c[2], h[0], h[1], h[2]);
            if (near == INFINITY) continue;
        }
        if (push(q, near, DRAW + (s->slot_id[slot] & MR_INDEX_MASK), slot)) return MR_NOMEM;
    }
    return MR_OK;
}

/* Next draw, nearest first, or MR_NONE when nothing is left below `limit`. */
static int next_draw(const mr_store *s, const mr_ray *r, seen *a, const mr_filter *f, int exact, double limit, mr_queue *q, uint32_t *slot) {
    *slot = MR_NONE;
    while (q->count) {
        mr_item item = pop(q);
        if (item.near > limit) return MR_OK;
        if (item.rank >= DRAW) {
            *slot = item.index;
            return MR_OK;
        }
        a->limit = limit;
        if (item.rank == GROUP ? push_blocks(s, r, a, item.index, q) : push_draws(s, r, a, item.index, f, exact, q)) return MR_NOMEM;
    }
    return MR_OK;
}

/* Cofactors of a world row's 3x3 part in float64; returns its determinant, 0 where rounding decides its value. */
static double cofactors(const float *w, double c[3][3]) {
    double m[3][3], size = 1;
    for (int i = 0; i < 9; i++) m[i / 3][i % 3] = w[i / 3 * 4 + i % 3];
    for (int i = 0; i < 3; i++) {
        const double *p = m[(i + 1) % 3], *q = m[(i + 2) % 3];
        for (int k = 0; k < 3; k++) c[i][k] = p[(k + 1) % 3] * q[(k + 2) % 3] - p[(k + 2) % 3] * q[(k + 1) % 3];
        size *= sqrt(m[i][0] * m[i][0] + m[i][1] * m[i][1] + m[i][2] * m[i][2]);
    }
    double det = (m[0][0] * c[0][0] + m[0][1] * c[0][1]) + m[0][2] * c[0][2];
    return fabs(det) > 1e-13 * size && isfinite(1 / det) ? det : 0;
}

/* Rows that lead from the space of a hierarchy to the anchor. Posed triangles stand at their place, where a node does not mirror. */
static const float *rows_of(const mr_store *s, uint32_t slot) {
    static const float posed[2][12] = {{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, {-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}};
    if (mr_posed(s, s->slot_node[slot], s->slot_geometry[slot])) return posed[s->block_mirrored[slot / 64] >> (slot & 63) & 1];
    return s->world + 12 * (size_t)s->slot_node[slot];
}

/* Traces one draw; *best is in metres along the ray in every space, because the local direction keeps its length. */
static int trace(const mr_store *s, const mr_ray *r, const mr_bvh *b, uint32_t slot, unsigned sides, mr_cut *best) {
    const float *w = rows_of(s, slot);
    const double *origin = s->anchors[s->slot_anchor[slot]].origin;
    double c[3][3], o[3], local_o[3], local_d[3], det = cofactors(w, c);
    if (sides & MR_AS_DRAWN) {
        uint32_t key = s->geometries[s->slot_geometry[slot]].key | s->materials[s->draw_material[mr_draw_at(s, slot)]].key;
        sides = key & MR_CLASS_DOUBLE_SIDED ? MR_FRONT | MR_BACK : MR_FRONT;
    }
    for (int k = 0; k < 3; k++) o[k] = r->origin[k] - origin[k];
    if (det == 0) return mr_flat_trace(b, w, o, r->direction, sides, best);
    for (int k = 0; k < 3; k++) o[k] -= w[4 * k + 3];
    for (int k = 0; k < 3; k++) { /* the inverse is the transposed cofactors over the determinant */
        local_o[k] = ((c[0][k] * o[0] + c[1][k] * o[1]) + c[2][k] * o[2]) / det;
        local_d[k] = ((c[0][k] * r->direction[0] + c[1][k] * r->direction[1]) + c[2][k] * r->direction[2]) / det;
    }
    return mr_bvh_trace(b, local_o, local_d, sides, best);
}

/* Point and normal of a hit. The point is made from the corners, so that it lies on the surface however far the ray came. */
static void describe(const mr_store *s, const mr_bvh *b, uint32_t slot, const mr_cut *cut, mr_hit *out) {
    const float *w = rows_of(s, slot);
    const double *origin = s->anchors[s->slot_anchor[slot]].origin;
    const uint32_t *corner = b->indices + 3 * (size_t)cut->triangle;
    double e[3], f[3], p[3];
    const float *p0 = b->positions + 3 * (size_t)corner[0], *p1 = b->positions + 3 * (size_t)corner[1], *p2 = b->positions + 3 * (size_t)corner[2];
    double local[3][3];
    for (int k = 0; k < 3; k++) {
        local[0][k] = (double)p1[k] - p0[k];
        local[1][k] = (double)p2[k] - p0[k];
        local[2][k] = (p0[k] + cut->u * local[0][k]) + cut->v * local[1][k];
    }
    for (int k = 0; k < 3; k++) {
        const float *row = w + 4 * k;
        e[k] = (row[0] * local[0][0] + row[1] * local[0][1]) + row[2] * local[0][2];
        f[k] = (row[0] * local[1][0] + row[1] * local[1][1]) + row[2] * local[1][2];
        p[k] = ((row[0] * local[2][0] + row[1] * local[2][1]) + row[2] * local[2][2]) + row[3];
        out->point[k] = origin[k] + p[k];
    }
    double n[3] = {e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]};
    double length = sqrt((n[0] * n[0] + n[1] * n[1]) + n[2] * n[2]);
    if (mr_mirrored(w)) length = -length; /* a mirror turns the corners around, not the side that is outside */
    for (int k = 0; k < 3; k++) out->normal[k] = length != 0 ? n[k] / length : 0;
    out->distance = cut->t;
    out->uv[0] = cut->u;
    out->uv[1] = cut->v;
    out->id = s->slot_id[slot];
    out->geometry = s->slot_geometry[slot];
    out->triangle = cut->triangle;
    out->front = (uint32_t)cut->front;
}

static void miss(mr_hit *out) {
    for (int k = 0; k < 3; k++) out->point[k] = out->normal[k] = NAN;
    out->uv[0] = out->uv[1] = NAN;
    out->distance = INFINITY;
    out->id = out->front = 0;
    out->geometry = out->triangle = MR_NONE;
}

/* Of equally near surfaces that of the lower id index counts, then that of the lower geometry index. */
static int wins(const mr_store *s, uint32_t slot, const mr_cut *cut, uint32_t held, const mr_cut *best) {
    if (held == MR_NONE || cut->t != best->t) return 1;
    uint32_t a = s->slot_id[slot] & MR_INDEX_MASK, b = s->slot_id[held] & MR_INDEX_MASK;
    return a != b ? a < b : s->slot_geometry[slot] < s->slot_geometry[held];
}

/* The hierarchy of a draw: of its pose or of its geometry. NULL where it is missing, with the status and number that say so. */
static const mr_bvh *find_bvh(const mr_store *s, const mr_forest *b, uint32_t slot, uint32_t *missing, int *status) {
    uint32_t g = s->slot_geometry[slot];
    int posed = mr_posed(s, s->slot_node[slot], g) != NULL;
    *missing = posed ? slot : g;
    *status = posed ? MR_UNPOSED : MR_MISSING;
    if (posed) return slot < b->posed_count ? b->posed[slot] : NULL;
    return g < b->count ? b->bvhs[g] : NULL;
}

int mr_raycast(const mr_store *s, const mr_ray *r, const mr_filter *f, const mr_forest *forest, mr_queue *q, mr_hit *out, uint32_t *missing) {
    seen a = begin(s, r);
    mr_cut best = {r->limit, 0, 0, MR_NONE, 0};
    const mr_bvh *held_bvh = NULL;
    uint32_t slot, held = MR_NONE;
    miss(out);
    if (push_groups(s, r, &a, q)) return MR_NOMEM;
    for (;;) {
        if (next_draw(s, r, &a, f, 0, best.t * (1 + 2e-15), q, &slot)) return MR_NOMEM;
        if (slot == MR_NONE) break;
        if (MR_CLASS_TOPOLOGY(s->geometries[s->slot_geometry[slot]].key)) continue; /* lines and points have no surface */
        int status;
        const mr_bvh *bvh = find_bvh(s, forest, slot, missing, &status);
        if (!bvh) return status;
        mr_cut cut = {best.t, 0, 0, MR_NONE, 0};
        if (!trace(s, r, bvh, slot, f->sides, &cut) || !wins(s, slot, &cut, held, &best)) continue;
        best = cut;
        held = slot;
        held_bvh = bvh;
    }
    if (held != MR_NONE) describe(s, held_bvh, held, &best, out);
    return MR_OK;
}

int mr_query_ray(const mr_store *s, const mr_ray *r, const mr_filter *f, mr_queue *q, uint32_t **ids, uint32_t *count) {
    seen a = begin(s, r);
    uint32_t slot, cap = 0;
    uint64_t *taken = mr_block_new(((size_t)s->id_count + 63) / 64 * 8);
    int bad = taken ? push_groups(s, r, &a, q) : MR_NOMEM;
    *ids = NULL;
    *count = 0;
    while (!bad && !(bad = next_draw(s, r, &a, f, 1, r->limit, q, &slot)) && slot != MR_NONE) {
        uint32_t index = s->slot_id[slot] & MR_INDEX_MASK;
        if (taken[index / 64] >> (index & 63) & 1) continue; /* another primitive of a node that is listed */
        taken[index / 64] |= (uint64_t)1 << (index & 63);
        bad = mr_grow(ids, &cap, *count + 1, 4);
        if (!bad) (*ids)[(*count)++] = s->slot_id[slot];
    }
    mr_block_release(taken);
    return bad;
}
