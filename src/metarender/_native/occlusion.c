/* Leaves out what larger things hide: picks occluders, draws them into coarse cells (raster.c), tests blocks, then draws.
 *
 * After the ideas of J. Hasselgren, M. Andersson, T. Akenine-Moller, Masked Software Occlusion Culling (HPG 2016): few cells,
 * only wholly covered ones count, one depth for each, a coarser level above. A box is hidden when every cell that it reaches
 * is covered by something whose farthest point there is nearer than the box's nearest point.
 */
#include "mr.h"
#include "simd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)
#define CHOSEN 96        /* occluders of one view */
#define SMALLEST 48.0    /* cells that the largest side of an occluder should cover */
#define COLUMNS 320u     /* cells along a row at most */

/* ---- registration ---- */

static int by_position(const void *x, const void *y) { return memcmp(*(const float *const *)x, *(const float *const *)y, 12); }

/* index_of[i]: the first vertex in sorted order that has the position of vertex i. */
static int join(const float *positions, uint32_t n, uint32_t *index_of) {
    const float **order = malloc(n * sizeof *order);
    if (!order) return MR_NOMEM;
    for (uint32_t i = 0; i < n; i++) order[i] = positions + 3 * (size_t)i;
    qsort(order, n, sizeof *order, by_position);
    for (uint32_t i = 0, first = 0; i < n; i++) {
        if (i == 0 || memcmp(order[i], order[i - 1], 12)) first = (uint32_t)((order[i] - positions) / 3);
        index_of[(order[i] - positions) / 3] = first;
    }
    free(order);
    return MR_OK;
}

static int by_ends(const void *x, const void *y) {
    const mr_edge *e = x, *f = y;
    uint32_t a[2] = {e->a < e->b ? e->a : e->b, e->a < e->b ? e->b : e->a}, b[2] = {f->a < f->b ? f->a : f->b, f->a < f->b ? f->b : f->a};
    if (a[0] != b[0]) return a[0] < b[0] ? -1 : 1;
    if (a[1] != b[1]) return a[1] < b[1] ? -1 : 1;
    return (e->t0 > f->t0) - (e->t0 < f->t0);
}

/* Pairs edges that exactly two triangles run along in opposite directions. */
static void pair_edges(mr_occluder *o) {
    uint32_t n = 3 * o->triangles, kept = 0;
    for (uint32_t t = 0; t < o->triangles; t++)
        for (int k = 0; k < 3; k++) o->edge[3 * t + k] = (mr_edge){o->triangle[3 * t + k], o->triangle[3 * t + (k + 1) % 3], t, MR_NONE};
    qsort(o->edge, n, sizeof *o->edge, by_ends);
    for (uint32_t i = 0; i < n;) {
        uint32_t end = i + 1;
        mr_edge e = o->edge[i];
        while (end < n && ((o->edge[end].a == e.a && o->edge[end].b == e.b) || (o->edge[end].a == e.b && o->edge[end].b == e.a))) end++;
        if (end - i == 2 && o->edge[i + 1].a == e.b) {
            e.t1 = o->edge[i + 1].t0;
            o->edge[kept++] = e;
        } else
            while (i < end) o->edge[kept++] = o->edge[i++];
        i = end;
    }
    o->edges = kept;
}

static void free_occluder(mr_occluder *o) {
    if (!o) return;
    free(o->position);
    free(o->triangle);
    free(o->edge);
    free(o);
}

static mr_occluder *make_occluder(const float *positions, uint32_t vertices, const uint32_t *indices, uint32_t triangles) {
    mr_occluder *o = calloc(1, sizeof *o);
    uint32_t *index_of = malloc((vertices + 1) * sizeof *index_of);
    if (o) {
        o->position = malloc((size_t)vertices * 12 + 12);
        o->triangle = malloc((size_t)triangles * 12);
        o->edge = malloc((size_t)triangles * 3 * sizeof *o->edge);
    }
    int whole = o && index_of && o->position && o->triangle && o->edge;
    for (size_t i = 0; whole && i < 3 * (size_t)vertices; i++) o->position[i] = positions[i] + 0.0f; /* -0 is 0 */
    if (!whole || join(o->position, vertices, index_of)) {
        free(index_of);
        free_occluder(o);
        return NULL;
    }
    o->vertices = vertices;
    for (uint32_t t = 0; t < triangles; t++) {
        uint32_t *to = o->triangle + 3 * o->triangles;
        for (int k = 0; k < 3; k++) to[k] = index_of[indices[3 * t + k]];
        if (to[0] != to[1] && to[1] != to[2] && to[2] != to[0]) o->triangles++;
    }
    pair_edges(o);
    free(index_of);
    return o;
}

int mr_set_occluder(mr_store *s, uint32_t index, const float *positions, uint32_t vertices, const uint32_t *indices, uint32_t triangles) {
    if (triangles == 0 && index >= s->occluders_cap) return MR_OK;
    if (triangles > MR_MAX_OCCLUDER_TRIANGLES) return MR_FULL;
    if (mr_grow(&s->occluders, &s->occluders_cap, index + 1, sizeof *s->occluders)) return MR_NOMEM;
    mr_occluder *made = triangles ? make_occluder(positions, vertices, indices, triangles) : NULL;
    if (triangles && !made) return MR_NOMEM;
    free_occluder(s->occluders[index]);
    s->occluders[index] = made;
    return MR_OK;
}

void mr_occluders_free(mr_store *s) {
    for (uint32_t i = 0; i < s->occluders_cap; i++) free_occluder(s->occluders[i]);
    mr_block_release(s->occluders);
}

void mr_occlusion_free(mr_occlusion *o) {
    void *all[] = {o->near, o->work, o->tile, o->chosen, o->score, o->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
}

/* ---- choosing ---- */

/* Keeps the CHOSEN best in order; of equals the lower slot stays. */
static void offer(mr_occlusion *o, uint32_t *count, uint32_t slot, float score) {
    uint32_t i = *count < CHOSEN ? (*count)++ : CHOSEN - 1;
    for (; i > 0 && o->score[i - 1] < score; i--) {
        o->score[i] = o->score[i - 1];
        o->chosen[i] = o->chosen[i - 1];
    }
    o->score[i] = score;
    o->chosen[i] = slot;
}

/* Area of the largest side of a draw's box over the square of its distance; 0 when the draw cannot hide anything. */
static float merit(const mr_store *s, const mr_view *v, uint32_t slot, const float *eye) {
    uint32_t g = s->slot_geometry[slot];
    if (g >= s->occluders_cap || !s->occluders[g] || s->state[s->slot_node[slot]].flags) return 0;
    if (mr_posed(s, s->slot_node[slot], g)) return 0; /* its triangles are not where they were described */
    if (v->detail.block_levelled && v->detail.block_levelled[slot / 64] && v->detail.level[slot]) return 0;
    const float *box = s->box + (size_t)(slot / 64) * 384 + (slot & 63), h[3] = {box[192], box[256], box[320]};
    float x = box[0] - eye[0], y = box[64] - eye[1], z = box[128] - eye[2], far = (x * x + y * y) + z * z;
    float side = fmaxf(fmaxf(h[0] * h[1], h[1] * h[2]), h[2] * h[0]);
    return v->detail.parallel ? side : side / (far + 1e-6f);
}

static uint32_t choose(const mr_store *s, mr_view *v) {
    mr_occlusion *o = &v->occlusion;
    uint32_t count = 0;
    double cells = v->detail.metric * v->detail.metric * o->cell[0] * o->cell[1] * 4;
    float least = (float)(SMALLEST / cells);
    for (uint32_t k = 0; k < s->bucket_count; k++) {
        const mr_bucket *b = s->buckets + k;
        if (MR_CLASS_ALPHA(b->klass) != 0 || MR_CLASS_TOPOLOGY(b->klass) != 0) continue;
        for (uint32_t block = b->first_slot / 64; block * 64 < b->first_slot + b->slots; block++)
            for (uint64_t w = v->words[block]; w; w &= w - 1) {
                uint32_t slot = block * 64 + (unsigned)__builtin_ctzll(w);
                const double *origin = s->anchors[s->slot_anchor[slot]].origin;
                float eye[3] = {(float)(v->eye[0] - origin[0]), (float)(v->eye[1] - origin[1]), (float)(v->eye[2] - origin[2])};
                float score = merit(s, v, slot, eye);
                if (score > least && (count < CHOSEN || score > o->score[CHOSEN - 1])) offer(o, &count, slot, score);
            }
    }
    return count;
}

/* ---- testing ---- */

/* The camera in single precision, in cells. */
typedef struct { float axes[3][3], absolute[3][3], gain[2], shift[2], margin, near; int parallel; } mr_frame;
typedef struct { float x0[64], x1[64], y0[64], y1[64], q[64]; } footprint;

#define MR_TARGET
#define MR_LEVEL(name) name##_base
#include "occlusion.inl"
#undef MR_TARGET
#undef MR_LEVEL
#if MR_HAVE_AVX2
#define MR_TARGET MR_TARGET_AVX2
#define MR_LEVEL(name) name##_avx2
#include "occlusion.inl"
#endif

static void footprints(const mr_store *s, const mr_frame *f, const float *box, const float *offset, footprint *out) {
#if MR_HAVE_AVX2
    if (s->level >= MR_AVX2) {
        footprints_avx2(f, box, offset, out);
        return;
    }
#endif
    footprints_base(f, box, offset, out);
}

static void make_frame(const mr_view *v, mr_frame *f) {
    const mr_detail *d = &v->detail;
    const mr_occlusion *o = &v->occlusion;
    double extent[2] = {o->columns, o->rows}, widest = o->cell[0] > o->cell[1] ? o->cell[0] : o->cell[1];
    for (int k = 0; k < 3; k++)
        for (int j = 0; j < 3; j++) {
            f->axes[k][j] = (float)d->axes[k][j];
            f->absolute[k][j] = fabsf(f->axes[k][j]);
        }
    for (int k = 0; k < 2; k++) {
        f->gain[k] = (float)(0.5 * extent[k] * d->gain[k]);
        f->shift[k] = (float)(0.5 * extent[k] * (d->shift[k] + 1));
    }
    f->margin = (float)(widest / 64 + 1e-3); /* how the device snaps, and rounding in up to COLUMNS cells */
    f->near = (float)(d->near + 1e-3 * fabs(d->near));
    f->parallel = d->parallel;
}

/* Camera-space offset of an anchor and what rounding may add to an extent: lanes [4][64]. */
static void set_offset(const mr_store *s, const mr_view *v, uint32_t anchor, float *offset) {
    double o[3], size = 0;
    for (int k = 0; k < 3; k++) {
        o[k] = s->anchors[anchor].origin[k] - v->eye[k];
        size += fabs(o[k]);
    }
    for (int k = 0; k < 3; k++) {
        const double *n = v->detail.axes[k];
        offset[64 * k] = (float)(n[0] * o[0] + n[1] * o[1] + n[2] * o[2]);
    }
    offset[192] = (float)(2 * U16 * size);
}

/* 1 when all cells from (x0, y0) to (x1, y1) are covered by something nearer than q. */
static int covered(const mr_occlusion *o, int x0, int x1, int y0, int y1, float q) {
    uint32_t tiles = o->columns / 8;
    for (int ty = y0 / 8; ty <= y1 / 8; ty++)
        for (int tx = x0 / 8; tx <= x1 / 8; tx++) {
            if (o->tile[(size_t)ty * tiles + tx] > q) continue;
            int left = tx * 8 > x0 ? tx * 8 : x0, right = tx * 8 + 7 < x1 ? tx * 8 + 7 : x1;
            int low = ty * 8 > y0 ? ty * 8 : y0, high = ty * 8 + 7 < y1 ? ty * 8 + 7 : y1;
            for (int y = low; y <= high; y++)
                for (int x = left; x <= right; x++)
                    if (!(o->near[(size_t)y * o->columns + x] > q)) return 0;
        }
    return 1;
}

static int hidden(const mr_occlusion *o, const footprint *f, int i) {
    float wide = (float)o->columns, high = (float)o->rows;
    if (!(f->q[i] < INFINITY) || !(f->x0[i] < wide) || !(f->y0[i] < high) || !(f->x1[i] >= 0) || !(f->y1[i] >= 0)) return 0;
    int x0 = f->x0[i] > 0 ? (int)f->x0[i] : 0, x1 = f->x1[i] < wide - 1 ? (int)f->x1[i] : (int)o->columns - 1;
    int y0 = f->y0[i] > 0 ? (int)f->y0[i] : 0, y1 = f->y1[i] < high - 1 ? (int)f->y1[i] : (int)o->rows - 1;
    return covered(o, x0, x1, y0, y1, f->q[i]);
}

/* Tests up to 64 blocks at once: those that are hidden whole lose all their bits. */
static void test_blocks(const mr_store *s, mr_view *v, const mr_frame *frame, uint32_t first, uint32_t end) {
    float box[384] = {0}, offset[256] = {0};
    footprint f;
    uint64_t tested = 0;
    for (uint32_t b = first; b < end; b++) {
        unsigned i = b - first;
        if (!v->words[b] || s->block_anchor[b] == MR_NONE) continue;
        for (int k = 0; k < 6; k++) box[64 * k + i] = s->block_box[(size_t)b * 8 + k];
        set_offset(s, v, s->block_anchor[b], offset + i);
        tested |= (uint64_t)1 << i;
    }
    if (!tested) return;
    footprints(s, frame, box, offset, &f);
    for (; tested; tested &= tested - 1) {
        int i = __builtin_ctzll(tested);
        if (hidden(&v->occlusion, &f, i)) v->words[first + (uint32_t)i] = 0;
    }
}

static void test_draws(const mr_store *s, mr_view *v, const mr_frame *frame, uint32_t block) {
    float offset[256];
    footprint f;
    uint32_t anchor = s->block_anchor[block];
    for (unsigned i = 0; i < 64; i++) {
        if (i == 0 || anchor == MR_NONE) set_offset(s, v, anchor == MR_NONE ? s->slot_anchor[block * 64 + i] : anchor, offset + i);
        else
            for (int k = 0; k < 4; k++) offset[64 * k + i] = offset[64 * k];
    }
    footprints(s, frame, s->box + (size_t)block * 384, offset, &f);
    for (uint64_t w = v->words[block]; w; w &= w - 1) {
        int i = __builtin_ctzll(w);
        if (hidden(&v->occlusion, &f, i)) v->words[block] &= ~((uint64_t)1 << i);
    }
}

/* ---- the whole ---- */

static int reserve_cells(mr_view *v) {
    mr_occlusion *o = &v->occlusion;
    const mr_detail *d = &v->detail;
    double columns = d->width / 2 < COLUMNS ? d->width / 2 : COLUMNS, rows = columns * d->height / d->width;
    o->columns = ((uint32_t)columns + 7) / 8 * 8;
    o->rows = ((uint32_t)(rows < 8 * COLUMNS ? rows : 8 * COLUMNS) + 7) / 8 * 8;
    o->columns = o->columns ? o->columns : 8;
    o->rows = o->rows ? o->rows : 8;
    o->cell[0] = o->columns / d->width;
    o->cell[1] = o->rows / d->height;
    uint32_t cells = o->columns * o->rows;
    if (mr_grow(&o->near, &o->near_cap, cells, 4) || mr_grow(&o->work, &o->work_cap, cells, 4) || mr_grow(&o->tile, &o->tile_cap, cells / 64, 4) ||
        mr_grow(&o->chosen, &o->chosen_cap, CHOSEN, 4) || mr_grow(&o->score, &o->score_cap, CHOSEN, 4))
        return MR_NOMEM;
    for (uint32_t i = 0; i < cells; i++) {
        o->near[i] = -INFINITY;
        o->work[i] = INFINITY;
    }
    for (uint32_t i = 0; i < cells / 64; i++) o->tile[i] = -INFINITY; /* until make_tiles: look at the cells */
    return MR_OK;
}

static void make_tiles(mr_occlusion *o) {
    for (uint32_t ty = 0; ty < o->rows / 8; ty++)
        for (uint32_t tx = 0; tx < o->columns / 8; tx++) {
            float least = INFINITY;
            for (uint32_t y = 0; y < 8; y++)
                for (uint32_t x = 0; x < 8; x++) {
                    float q = o->near[(size_t)(ty * 8 + y) * o->columns + tx * 8 + x];
                    least = q < least ? q : least;
                }
            o->tile[(size_t)ty * (o->columns / 8) + tx] = least;
        }
}

/* Footprints of chosen draws [first, first + n), n at most 64. */
static void chosen_footprints(const mr_store *s, const mr_view *v, const mr_frame *frame, uint32_t first, uint32_t n, footprint *out) {
    float box[384] = {0}, offset[256] = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = v->occlusion.chosen[first + i];
        for (int k = 0; k < 6; k++) box[64 * k + i] = s->box[(size_t)(slot / 64) * 384 + 64 * k + (slot & 63)];
        set_offset(s, v, s->slot_anchor[slot], offset + i);
    }
    footprints(s, frame, box, offset, out);
}

/* Draws the chosen occluders, the largest first; one that those before it hide would add nothing. */
static int draw_occluders(const mr_store *s, mr_view *v, const mr_frame *frame) {
    uint32_t count = choose(s, v);
    footprint f;
    for (uint32_t k = 0; k < count; k++) {
        uint32_t slot = v->occlusion.chosen[k];
        if (k % 64 == 0) chosen_footprints(s, v, frame, k, count - k < 64 ? count - k : 64, &f);
        if (hidden(&v->occlusion, &f, (int)(k % 64))) continue;
        const double *anchor = s->anchors[s->slot_anchor[slot]].origin;
        double origin[3] = {anchor[0] - v->eye[0], anchor[1] - v->eye[1], anchor[2] - v->eye[2]};
        const float *world = s->world + 12 * (size_t)s->slot_node[slot];
        if (mr_raster_occluder(v, s->occluders[s->slot_geometry[slot]], world, origin,
                               (int)(s->block_mirrored[slot / 64] >> (slot & 63) & 1))) return MR_NOMEM;
    }
    return MR_OK;
}

int mr_occlude(const mr_store *s, mr_view *v) {
    mr_occlusion *o = &v->occlusion;
    o->occluded = o->occluders = 0;
    if (!o->wanted || !v->detail.standard || !(v->detail.metric > 0) || !v->visible) return MR_OK;
    mr_frame frame;
    if (reserve_cells(v)) return MR_NOMEM;
    make_frame(v, &frame);
    if (draw_occluders(s, v, &frame)) return MR_NOMEM;
    if (!o->occluders) return MR_OK;
    make_tiles(o);
    uint64_t left = 0;
    for (uint32_t first = 0; first < v->blocks; first += 64) {
        uint32_t end = first + 64 < v->blocks ? first + 64 : v->blocks;
        test_blocks(s, v, &frame, first, end);
        for (uint32_t b = first; b < end; b++)
            if (v->words[b]) {
                test_draws(s, v, &frame, b);
                left += (uint64_t)__builtin_popcountll(v->words[b]);
            }
    }
    o->occluded = v->visible - left;
    v->visible = left;
    return MR_OK;
}
