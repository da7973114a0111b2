/* Poses: which nodes follow the joints of a skin or hold morph weights, and the rows that the vertex path reads of them.
 *
 * A skin is a list of inverse bind matrices; a palette is a skin with its joints, shared by the nodes that follow the same ones; a pose
 * is what one node has: a palette, morph weights, or both. `deform` holds, in rows of 16 bytes that never move while in use,
 *     of a palette   three rows a joint: world(joint) x inverse bind, relative to the palette's anchor, which is that of its first joint
 *     of a pose      (first row of the palette or 0, number of weights, 0, 0), then its weights, four a row
 * Row 0 stands for no pose. A part without a pose of its own shows the weights of the node above it, so that any number of instances is
 * animated by one row; it gets a copy of its own (mr_keep_pose) before something could part the two. Palettes are computed in float64 and
 * rounded once. A palette is computed anew only when one of its joints moved: `use_slot` lists the slots of all joints in order, so that a
 * run of moved slots finds its palettes by a binary search.
 * One room because all of it keeps the same rows and lists true: what is bound, what moved, what is written.
 */
#include "mr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 64 /* free runs that are looked at before rows are taken from the end */

/* ---- rows ---- */

static void mark_rows(mr_store *s, uint32_t first, uint32_t count) {
    for (uint32_t page = first / 256; page * 256 < first + count; page++) s->page_epoch[MR_DEFORM][page] = s->epoch;
}

/* Room for `count` rows at the end, at most: a free run may serve. */
static int reserve_rows(mr_store *s, uint32_t count) {
    uint64_t end = (uint64_t)(s->deform_rows ? s->deform_rows : 1) + count;
    if (end > 0x7FFFFFFu) return MR_FULL; /* 2 GiB */
    uint32_t pages = s->deform_pages;
    if (mr_grow(&s->deform, &s->deform_cap, (uint32_t)end, 4 * sizeof(float)) ||
        mr_grow(&s->page_epoch[MR_DEFORM], &pages, s->deform_cap / 256 + 1, sizeof(uint64_t)))
        return MR_NOMEM;
    s->deform_pages = pages;
    return MR_OK;
}

/* The first of `count` rows, zeroed; the caller has reserved them. */
static uint32_t take_rows(mr_store *s, uint32_t count) {
    uint32_t first = MR_NONE, tried = 0;
    for (uint32_t i = s->deform_free_count; i-- > 0 && tried < TRIES && first == MR_NONE; tried++) {
        mr_run *r = s->deform_free + i;
        if (r->count < count) continue;
        first = r->first;
        r->first += count;
        r->count -= count;
        if (!r->count) *r = s->deform_free[--s->deform_free_count];
    }
    if (first == MR_NONE) {
        if (!s->deform_rows) s->deform_rows = 1;
        first = s->deform_rows;
        s->deform_rows += count;
    }
    memset(s->deform + 4 * (size_t)first, 0, 16 * (size_t)count);
    return first;
}

static int by_first(const void *a, const void *b) {
    uint32_t x = ((const mr_run *)a)->first, y = ((const mr_run *)b)->first;
    return (x > y) - (x < y);
}

/* Joins free runs with their neighbours; what is free at the end is no row any more. */
static void join_free(mr_store *s) {
    mr_run *runs = s->deform_free;
    uint32_t kept = 0;
    if (s->deform_free_count) qsort(runs, s->deform_free_count, sizeof *runs, by_first);
    for (uint32_t i = 0; i < s->deform_free_count; i++) {
        if (kept && runs[kept - 1].first + runs[kept - 1].count == runs[i].first) runs[kept - 1].count += runs[i].count;
        else runs[kept++] = runs[i];
    }
    if (kept && runs[kept - 1].first + runs[kept - 1].count == s->deform_rows) s->deform_rows = runs[--kept].first;
    s->deform_free_count = kept;
    s->deform_loose = 0;
}

/* Gives rows back. They are joined once a quarter of the runs is new, so that a million may go in any order; without memory for the note
 * they stay unused. */
static void give_rows(mr_store *s, uint32_t first, uint32_t count) {
    if (mr_grow(&s->deform_free, &s->deform_free_cap, s->deform_free_count + 1, sizeof(mr_run))) return;
    s->deform_free[s->deform_free_count++] = (mr_run){first, count};
    if (++s->deform_loose > s->deform_free_count / 4) join_free(s);
}

static void put_word(mr_store *s, uint32_t row, uint32_t k, uint32_t word) { memcpy(s->deform + 4 * (size_t)row + k, &word, 4); }

/* ---- skins and palettes ---- */

int mr_add_skin(mr_store *s, const double *inverse, uint32_t joints, uint32_t *index) {
    uint32_t i = 0;
    while (i < s->skin_count && s->skins[i].inverse) i++;
    double *rows = mr_block_new((size_t)joints * 12 * sizeof(double));
    if (!rows || mr_grow(&s->skins, &s->skin_cap, i + 1, sizeof(mr_skin))) {
        mr_block_release(rows);
        return MR_NOMEM;
    }
    memcpy(rows, inverse, (size_t)joints * 12 * sizeof(double));
    if (i == s->skin_count) s->skin_count++;
    s->skins[i] = (mr_skin){rows, joints, 0};
    *index = i;
    return MR_OK;
}

void mr_drop_skin(mr_store *s, uint32_t index) {
    if (s->skins[index].users) return;
    mr_block_release(s->skins[index].inverse);
    s->skins[index].inverse = NULL;
}

static void release_palette(mr_store *s, uint32_t index) {
    mr_palette *p = s->palettes + index;
    if (!index || --p->users) return;
    s->skins[p->skin].users--;
    mr_block_release(p->joint);
    give_rows(s, p->first, 3 * p->joints);
    memset(p, 0, sizeof *p);
    s->palette_live--;
    s->uses_stale = 1;
}

static uint32_t find_palette(const mr_store *s, uint32_t skin, const uint32_t *joints) {
    for (uint32_t i = s->palette_count; i-- > 1;) {
        const mr_palette *p = s->palettes + i;
        if (p->users && p->skin == skin && p->joint[0] == joints[0] && !memcmp(p->joint, joints, 4 * (size_t)p->joints)) return i;
    }
    return 0;
}

/* A palette without users; the caller has reserved its rows. */
static int make_palette(mr_store *s, uint32_t skin, const uint32_t *joints, uint32_t *index) {
    uint32_t count = s->skins[skin].joints, i = 1;
    if (s->palette_live + 1 == s->palette_count) i = s->palette_count;
    while (i < s->palette_count && s->palettes[i].users) i++;
    uint32_t *ids = mr_block_new(4 * (size_t)count);
    if (!ids || mr_grow(&s->palettes, &s->palette_cap, i + 1, sizeof(mr_palette))) {
        mr_block_release(ids);
        return MR_NOMEM;
    }
    memcpy(ids, joints, 4 * (size_t)count);
    if (i >= s->palette_count) s->palette_count = i + 1;
    s->palettes[i] = (mr_palette){ids, skin, count, 0, take_rows(s, 3 * count), 0, 1};
    s->skins[skin].users++;
    s->palette_live++;
    s->uses_stale = s->pose_work = 1;
    *index = i;
    return MR_OK;
}

/* ---- poses ---- */

static uint32_t pose_index(const mr_store *s, uint32_t index) { return index < s->id_pose_cap ? s->id_pose[index] : 0; }

/* Whether a node draws something with so many morphs. */
static int draws_morphs(const mr_store *s, uint32_t index, uint32_t count) {
    for (uint32_t d = s->node_draw[s->id_slot[index]]; d != MR_NONE; d = s->draw_next[d]) {
        uint32_t g = s->draw_geometry[d];
        if (g < s->flesh_cap && s->flesh[g] && s->flesh[g]->morphs == count) return 1;
    }
    return 0;
}

/* The pose that a node shows: its own, or for a part without one that of the node above, which has the weights of what the part draws and
 * follows no joints. */
static uint32_t shown_pose(const mr_store *s, uint32_t index) {
    uint32_t own = pose_index(s, index);
    if (own || !s->pose_live || !s->id_range[index]) return own;
    uint32_t above = pose_index(s, s->id_parent[index]);
    const mr_pose *p = s->poses + above;
    return above && p->weights && !p->palette && draws_morphs(s, index, p->weights) ? above : 0;
}

static uint32_t pose_rows(uint32_t weights) { return 1 + (weights + 3) / 4; }

/* The pose of a node (index), made where it has none; the caller has reserved two rows. */
static mr_pose *make_pose(mr_store *s, uint32_t index) {
    uint32_t i = pose_index(s, index);
    if (i) return s->poses + i;
    i = s->pose_free ? s->pose_free : s->pose_count ? s->pose_count : 1;
    if (mr_grow(&s->id_pose, &s->id_pose_cap, index + 1, 4) || mr_grow(&s->poses, &s->pose_cap, i + 1, sizeof(mr_pose))) return NULL;
    if (i == s->pose_free) s->pose_free = s->poses[i].palette;
    if (i >= s->pose_count) s->pose_count = i + 1;
    s->poses[i] = (mr_pose){index, 0, 0, take_rows(s, pose_rows(0)), 2};
    s->id_pose[index] = i;
    s->pose_live++;
    return s->poses + i;
}

void mr_unpose(mr_store *s, uint32_t index) {
    uint32_t i = pose_index(s, index);
    if (!i) return;
    mr_pose *p = s->poses + i;
    release_palette(s, p->palette);
    give_rows(s, p->first, pose_rows(p->weights));
    *p = (mr_pose){MR_NONE, s->pose_free, 0, 0, 0};
    s->pose_free = i;
    s->id_pose[index] = 0;
    if (--s->pose_live == 0) join_free(s);
}

/* The next update looks after its draws; 1: other weights, 2: other rows. */
static void changed(mr_store *s, mr_pose *p, uint32_t how) {
    p->dirty = p->dirty > how ? p->dirty : how;
    s->pose_work = 1;
    s->epoch++;
}

/* Gives a node so many weights of its own. */
static int hold(mr_store *s, uint32_t index, const float *values, uint32_t count) {
    int bad = reserve_rows(s, pose_rows(count) + 1);
    if (bad) return bad;
    mr_pose *p = make_pose(s, index);
    if (!p) return MR_NOMEM;
    give_rows(s, p->first, pose_rows(p->weights));
    p->first = take_rows(s, pose_rows(count));
    p->weights = count;
    if (count) memcpy(s->deform + 4 * ((size_t)p->first + 1), values, 4 * (size_t)count);
    changed(s, p, 2);
    return MR_OK;
}

uint32_t mr_weights_from(const mr_store *s, uint32_t index) {
    uint32_t i = shown_pose(s, index);
    return i ? s->poses[i].node : index;
}

int mr_keep_pose(mr_store *s, uint32_t index) {
    uint32_t from = shown_pose(s, index);
    if (!from || s->poses[from].node == index) return MR_OK;
    uint32_t count = s->poses[from].weights;
    int bad = reserve_rows(s, pose_rows(count) + 1); /* so that what is copied does not move meanwhile */
    return bad ? bad : hold(s, index, s->deform + 4 * ((size_t)s->poses[from].first + 1), count);
}

/* Parts that show the pose of a node get one of their own. */
static int keep_below(mr_store *s, uint32_t index) {
    int bad = MR_OK;
    for (uint32_t i = s->id_child[index]; i != MR_NONE && !bad; i = s->id_next[i]) bad = mr_keep_pose(s, i);
    return bad;
}

int mr_bind(mr_store *s, uint32_t index, uint32_t skin, const uint32_t *joints) {
    uint32_t at = find_palette(s, skin, joints);
    int bad = mr_keep_pose(s, index);
    if (!bad && !mr_palette_of(s, index)) bad = keep_below(s, index);
    if (!bad) bad = reserve_rows(s, 3 * s->skins[skin].joints + 2);
    if (bad) return bad;
    mr_pose *p = make_pose(s, index);
    if (!p || (!at && make_palette(s, skin, joints, &at))) return MR_NOMEM;
    s->palettes[at].users++;
    release_palette(s, p->palette);
    p->palette = at;
    changed(s, p, 2);
    return MR_OK;
}

void mr_unbind(mr_store *s, uint32_t index) {
    uint32_t i = pose_index(s, index);
    if (!i) return;
    mr_pose *p = s->poses + i;
    release_palette(s, p->palette);
    p->palette = 0;
    changed(s, p, 2);
}

int mr_hold_weights(mr_store *s, uint32_t index, const float *values, uint32_t count) {
    uint32_t i = pose_index(s, index);
    if (!i && !count) return MR_OK;
    int bad = i && count != s->poses[i].weights ? keep_below(s, index) : MR_OK;
    return bad ? bad : hold(s, index, values, count);
}

int mr_set_weights(mr_store *s, uint32_t index, const float *values, uint32_t count) {
    uint32_t i = shown_pose(s, index);
    if (!i || s->poses[i].weights != count) return MR_STALE;
    int bad = mr_keep_pose(s, index);
    if (bad) return bad;
    i = pose_index(s, index);
    float *now = s->deform + 4 * ((size_t)s->poses[i].first + 1);
    if (!count || !memcmp(now, values, 4 * (size_t)count)) return MR_OK;
    memcpy(now, values, 4 * (size_t)count);
    changed(s, s->poses + i, 1);
    return MR_OK;
}

const float *mr_weights_of(const mr_store *s, uint32_t index, uint32_t *count) {
    uint32_t i = shown_pose(s, index);
    *count = i ? s->poses[i].weights : 0;
    return i ? s->deform + 4 * ((size_t)s->poses[i].first + 1) : NULL;
}

const mr_palette *mr_palette_of(const mr_store *s, uint32_t index) {
    uint32_t i = pose_index(s, index);
    return i && s->poses[i].palette ? s->palettes + s->poses[i].palette : NULL;
}

int mr_copy_poses(mr_store *s, const mr_store *from, const uint32_t *ids, const uint32_t *skins) {
    uint32_t *joints = NULL, cap = 0;
    int bad = MR_OK;
    for (uint32_t i = 1; i < from->pose_count && !bad; i++) {
        const mr_pose *p = from->poses + i;
        if (p->node == MR_NONE) continue;
        uint32_t index = ids[from->id_slot[p->node]] & MR_INDEX_MASK;
        bad = mr_hold_weights(s, index, from->deform + 4 * ((size_t)p->first + 1), p->weights);
        if (bad || !p->palette) continue;
        const mr_palette *palette = from->palettes + p->palette;
        bad = mr_grow(&joints, &cap, palette->joints, 4);
        for (uint32_t k = 0; k < palette->joints && !bad; k++) joints[k] = ids[from->id_slot[palette->joint[k] & MR_INDEX_MASK]];
        if (!bad) bad = mr_bind(s, index, skins[palette->skin], joints);
    }
    mr_block_release(joints);
    return bad;
}

void mr_poses_free(mr_store *s) {
    for (uint32_t i = 0; i < s->skin_count; i++) mr_block_release(s->skins[i].inverse);
    for (uint32_t i = 0; i < s->palette_count; i++) mr_block_release(s->palettes[i].joint);
    for (uint32_t i = 0; i < s->flesh_cap; i++) mr_block_release(s->flesh[i]);
    void *all[] = {s->skins, s->palettes, s->poses, s->flesh, s->id_pose, s->deform, s->deform_free, s->use_slot, s->use_palette,
                   s->page_epoch[MR_DEFORM]};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
}

uint64_t mr_pose_bytes(const mr_store *s) {
    const void *all[] = {s->skins, s->palettes, s->poses, s->flesh, s->id_pose, s->deform, s->deform_free, s->use_slot, s->use_palette,
                         s->page_epoch[MR_DEFORM]};
    uint64_t sum = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) sum += mr_block_bytes(all[i]);
    for (uint32_t i = 0; i < s->skin_count; i++) sum += mr_block_bytes(s->skins[i].inverse);
    for (uint32_t i = 0; i < s->palette_count; i++) sum += mr_block_bytes(s->palettes[i].joint);
    for (uint32_t i = 0; i < s->flesh_cap; i++) sum += mr_block_bytes(s->flesh[i]);
    return sum;
}

/* ---- what geometries say ---- */

int mr_set_flesh(mr_store *s, uint32_t index, uint32_t groups, const uint32_t *joint, const double *box, uint32_t morphs, const double *morph) {
    if (!groups && index >= s->flesh_cap) return MR_OK;
    if (mr_grow(&s->flesh, &s->flesh_cap, index + 1, sizeof *s->flesh)) return MR_NOMEM;
    mr_flesh *f = NULL;
    if (groups) {
        size_t boxes = (size_t)groups * (1 + morphs);
        f = mr_block_new(sizeof *f + 48 * boxes + 4 * (size_t)groups);
        if (!f) return MR_NOMEM;
        double *room = (double *)(f + 1);
        *f = (mr_flesh){0, groups, morphs, room, room + 6 * (size_t)groups, (uint32_t *)(room + 6 * boxes)};
        memcpy(f->box, box, 48 * (size_t)groups);
        if (morphs) memcpy(f->morph, morph, 48 * (size_t)groups * morphs);
        for (uint32_t i = 0; i < groups; i++) {
            f->joint[i] = joint[i];
            if (joint[i] != MR_NONE && joint[i] >= f->joints) f->joints = joint[i] + 1;
        }
    }
    mr_block_release(s->flesh[index]);
    s->flesh[index] = f;
    if (index < s->geometry_count && s->geometries[index].users) s->draws_dirty = 1; /* other boxes and anchors */
    return MR_OK;
}

/* ---- what draws ask ---- */

const mr_pose *mr_posed(const mr_store *s, uint32_t node, uint32_t geometry) {
    if (!s->pose_live || geometry >= s->flesh_cap || !s->flesh[geometry]) return NULL;
    uint32_t i = shown_pose(s, s->node_id[node]);
    if (!i) return NULL;
    const mr_pose *p = s->poses + i;
    const mr_flesh *f = s->flesh[geometry];
    int follows = f->joints && p->palette;
    if ((follows && s->palettes[p->palette].joints < f->joints) || (f->morphs && f->morphs != p->weights)) return NULL;
    return follows || f->morphs ? p : NULL;
}

/* The palette that a draw follows, or NULL. */
static const mr_palette *followed(const mr_store *s, uint32_t node, uint32_t geometry) {
    const mr_pose *p = mr_posed(s, node, geometry);
    return p && p->palette && s->flesh[geometry]->joints ? s->palettes + p->palette : NULL;
}

uint32_t mr_draw_anchor(const mr_store *s, uint32_t node, uint32_t geometry) {
    const mr_palette *p = s->pose_live ? followed(s, node, geometry) : NULL;
    return p ? p->anchor : s->anchor[node];
}

/* Adds how far the weights of a pose move the vertices of a group: lower and upper, local space. */
static void add_morphs(const mr_flesh *f, uint32_t group, const float *weights, double lower[3], double upper[3]) {
    const double *box = f->morph + 6 * (size_t)group * f->morphs;
    for (uint32_t m = 0; m < f->morphs; m++, box += 6)
        for (int k = 0; k < 3 && weights[m] != 0; k++) {
            double a = (double)weights[m] * box[k], b = (double)weights[m] * box[3 + k];
            lower[k] += a < b ? a : b;
            upper[k] += a < b ? b : a;
        }
}

/* What widens a box for the GPU, a share of the sizes that it sums in float32: weights that add up to 1 within rounding, the sum over up
 * to eight influences, and the product. */
#define SLACK (96.0 / 16777216.0)
#define MOST 1e30 /* metres */

/* Joins rows (3x4) of a local box, widened by a share of the sizes that are summed. */
static void join_box(const float *rows, const double lower[3], const double upper[3], double slack, double low[3], double high[3]) {
    for (int i = 0; i < 3; i++, rows += 4) {
        double c = rows[3], h = 0, size = fabs((double)rows[3]);
        for (int j = 0; j < 3; j++) {
            double mid = 0.5 * lower[j] + 0.5 * upper[j], half = 0.5 * upper[j] - 0.5 * lower[j], r = rows[j];
            c += r * mid;
            h += fabs(r) * half;
            size += fabs(r) * (fabs(mid) + half);
        }
        h += slack * size;
        low[i] = c - h >= low[i] ? low[i] : c - h;
        high[i] = c + h <= high[i] ? high[i] : c + h;
    }
}

/* The box of a group with what the weights move, local space: lower, upper. */
static void group_box(const mr_flesh *f, uint32_t group, const float *weights, double box[6]) {
    memcpy(box, f->box + 6 * (size_t)group, 6 * sizeof(double));
    add_morphs(f, group, weights, box, box + 3);
}

#define FEW 32 /* groups whose boxes are kept from one draw to the next: all of a geometry without joints */
/* Boxes of the groups of the last draw: parts that show one pose are many. */
typedef struct { const mr_pose *pose; const mr_flesh *flesh; double box[FEW][6]; } last_boxes;

static int posed_box(const mr_store *s, uint32_t node, uint32_t geometry, double slack, last_boxes *last, double centre[3], double half[3]) {
    const mr_pose *p = s->pose_live ? mr_posed(s, node, geometry) : NULL;
    if (!p) return 0;
    const mr_flesh *f = s->flesh[geometry];
    const float *weights = s->deform + 4 * ((size_t)p->first + 1);
    if (last && f->groups <= FEW && (last->pose != p || last->flesh != f)) {
        for (uint32_t g = 0; g < f->groups; g++) group_box(f, g, weights, last->box[g]);
        last->pose = p;
        last->flesh = f;
    }
    const mr_palette *palette = f->joints && p->palette ? s->palettes + p->palette : NULL;
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (uint32_t g = 0; g < f->groups; g++) {
        const float *rows = palette ? s->deform + 4 * ((size_t)palette->first + 3 * f->joint[g]) : s->world + 12 * (size_t)node;
        double own[6], *box = last && last->flesh == f ? last->box[g] : own;
        if (box == own) group_box(f, g, weights, own);
        join_box(rows, box, box + 3, slack, low, high);
    }
    for (int k = 0; k < 3; k++) {
        centre[k] = 0.5 * low[k] + 0.5 * high[k];
        half[k] = 0.5 * high[k] - 0.5 * low[k];
        if (fabs(centre[k]) <= MOST && half[k] <= MOST) continue; /* a pose that overflows float32 is everywhere: it is never culled */
        centre[k] = 0;
        half[k] = MOST;
    }
    return 1;
}

int mr_posed_box(const mr_store *s, uint32_t node, uint32_t geometry, double centre[3], double half[3]) {
    return posed_box(s, node, geometry, 0, NULL, centre, half);
}

void mr_refit_posed(mr_store *s, uint32_t block, uint64_t todo) {
    last_boxes last = {.pose = NULL};
    for (; todo; todo &= todo - 1) {
        uint32_t i = (uint32_t)__builtin_ctzll(todo), at = block * 64 + i;
        double centre[3], half[3];
        if (!posed_box(s, s->slot_node[at], s->slot_geometry[at], SLACK, &last, centre, half)) continue;
        float *box = s->box + (size_t)block * 384 + i;
        for (int k = 0; k < 3; k++) {
            float c = (float)centre[k], h = (float)(half[k] * (1 + 16.0 / 16777216.0) + 16.0 / 16777216.0 * fabs(centre[k]) + 1e-30);
            box[64 * k] = c;
            box[64 * (k + 3)] = nextafterf(h, INFINITY);
        }
    }
}

uint32_t mr_deform_row(const mr_store *s, uint32_t node, uint32_t geometry) {
    const mr_pose *p = s->pose_live ? mr_posed(s, node, geometry) : NULL;
    return p ? p->first : 0;
}

/* ---- update ---- */

/* Nodes whose joints are gone follow them no longer. */
static void sweep(mr_store *s) {
    for (uint32_t i = 1; i < s->pose_count; i++) {
        mr_pose *p = s->poses + i;
        if (p->node == MR_NONE || !p->palette) continue;
        const mr_palette *palette = s->palettes + p->palette;
        for (uint32_t k = 0; k < palette->joints; k++)
            if (mr_resolve(s, palette->joint[k]) == MR_NONE) {
                mr_unbind(s, p->node);
                break;
            }
    }
    s->joints_gone = 0;
}

/* Lists the slots of all joints in order, and whose they are. */
static int list_uses(mr_store *s) {
    uint32_t n = 0;
    for (uint32_t i = 1; i < s->palette_count; i++) n += s->palettes[i].users ? s->palettes[i].joints : 0;
    if (mr_grow(&s->use_slot, &s->use_cap, n, 2 * sizeof(uint64_t)) || mr_grow(&s->use_palette, &s->use_palette_cap, n, 2 * sizeof(uint32_t)))
        return MR_NOMEM;
    s->use_count = 0;
    s->uses_stale = 0;
    if (!n) return MR_OK;
    for (uint32_t i = 1; i < s->palette_count; i++)
        for (uint32_t k = 0; s->palettes[i].users && k < s->palettes[i].joints; k++) {
            s->use_slot[s->use_count] = s->id_slot[s->palettes[i].joint[k] & MR_INDEX_MASK];
            s->use_palette[s->use_count++] = i;
        }
    mr_radix(s->use_slot, s->use_palette, n, 25, s->use_slot + s->use_cap, s->use_palette + s->use_palette_cap);
    return MR_OK;
}

int mr_pose_prepare(mr_store *s) {
    if (s->joints_gone) sweep(s);
    return s->uses_stale && s->palette_count ? list_uses(s) : MR_OK;
}

void mr_pose_moved(mr_store *s, uint32_t first, uint32_t count) {
    uint32_t low = 0, high = s->use_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->use_slot[mid] < first) low = mid + 1;
        else high = mid;
    }
    for (; low < s->use_count && s->use_slot[low] < (uint64_t)first + count; low++) s->palettes[s->use_palette[low]].dirty = s->pose_work = 1;
}

/* The rows of one joint: linear part and position as stored, the distance of its anchor, times an inverse bind matrix. */
static void pose_joint(const float *world, const double shift[3], const double *b, float *out) {
    for (int i = 0; i < 3; i++, world += 4, out += 4) {
        double x = world[0], y = world[1], z = world[2];
        for (int j = 0; j < 3; j++) out[j] = (float)((x * b[j] + y * b[4 + j]) + z * b[8 + j]);
        out[3] = (float)((x * b[3] + y * b[7]) + (z * b[11] + (shift[i] + (double)world[3])));
    }
}

static void pose_palette(mr_store *s, mr_palette *p) {
    const double *inverse = s->skins[p->skin].inverse;
    float *out = s->deform + 4 * (size_t)p->first;
    uint32_t anchor = s->anchor[s->id_slot[p->joint[0] & MR_INDEX_MASK]];
    p->dirty = anchor == p->anchor ? 1 : 2;
    p->anchor = anchor;
    for (uint32_t k = 0; k < p->joints; k++, inverse += 12, out += 12) {
        uint32_t slot = s->id_slot[p->joint[k] & MR_INDEX_MASK];
        const double *from = s->anchors[anchor].origin, *to = s->anchors[s->anchor[slot]].origin;
        double shift[3] = {to[0] - from[0], to[1] - from[1], to[2] - from[2]};
        pose_joint(s->world + 12 * (size_t)slot, shift, inverse, out);
    }
    mark_rows(s, p->first, 3 * p->joints);
    s->stats.joints_posed += p->joints;
}

/* Draws of a node whose pose changed: their boxes, and where it has other rows their anchors and what leads to these. */
static void refresh_draws(mr_store *s, uint32_t slot, int other_rows) {
    if (!other_rows) {
        mr_touch_draws(s, slot, 0);
        return;
    }
    mr_label_draws(s, slot);
    for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d])
        if (s->draw_slot[d] != MR_NONE) s->page_epoch[MR_INFO][s->draw_slot[d] / 256] = s->epoch;
}

/* The same of the parts below that show the pose. */
static void refresh_parts(mr_store *s, const mr_pose *p, int other_rows) {
    for (uint32_t i = s->id_child[p->node]; i != MR_NONE; i = s->id_next[i])
        if (shown_pose(s, i) && !pose_index(s, i)) refresh_draws(s, s->id_slot[i], other_rows);
}

/* A pose with other rows or values: where they stand, and what its draws have of it. */
static void refresh_pose(mr_store *s, mr_pose *p, int moved) {
    if (p->dirty) {
        put_word(s, p->first, 0, p->palette ? s->palettes[p->palette].first : 0);
        put_word(s, p->first, 1, p->weights);
        mark_rows(s, p->first, pose_rows(p->weights));
    }
    if (s->draws_dirty) return;
    refresh_draws(s, s->id_slot[p->node], p->dirty > 1 || moved > 1);
    if (p->weights && !p->palette) refresh_parts(s, p, p->dirty > 1);
}

void mr_pose_update(mr_store *s) {
    if (!s->pose_work) return;
    for (uint32_t i = 1; i < s->palette_count; i++)
        if (s->palettes[i].users && s->palettes[i].dirty) pose_palette(s, s->palettes + i);
    for (uint32_t i = 1; i < s->pose_count; i++) {
        mr_pose *p = s->poses + i;
        if (p->node == MR_NONE) continue;
        int moved = p->palette ? (int)s->palettes[p->palette].dirty : 0;
        if (p->dirty || moved) refresh_pose(s, p, moved);
        p->dirty = 0;
    }
    for (uint32_t i = 1; i < s->palette_count; i++) s->palettes[i].dirty = 0;
    s->pose_work = 0;
}

void mr_pose_all(mr_store *s) {
    for (uint32_t i = 1; i < s->palette_count; i++) s->palettes[i].dirty = s->palettes[i].users != 0;
    for (uint32_t i = 1; i < s->pose_count; i++) s->poses[i].dirty = 2;
    join_free(s);
    s->pose_work = s->pose_live != 0;
    mr_pose_update(s);
}
