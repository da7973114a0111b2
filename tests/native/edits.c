/* Random edits of two stores that must stay the same: one runs out of memory now and then, the other never does.
 *
 * Usage: edits SEED STEPS [LEVEL]. Every operation goes to both stores. In the first, the n-th allocation inside the operation
 * is refused, for n that is drawn; an operation that fails is repeated with memory. If a failed call left anything
 * behind (an id taken, a child moved, a draw lost, a box not refitted), the two differ after the next settle, where everything derived is
 * a pure function of ids and content. Linked with --wrap for the allocators of the C library; built with sanitizers.
 */
#include "mr.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define KINDS 24     /* geometries and materials that are described or forgotten */
#define MOST 600     /* nodes; beyond that, additions become removals */
#define MANY 64      /* rows of one bulk call */
#define JOINTS 4     /* skin k has k + 1 joints */

void *__real_calloc(size_t, size_t), *__real_malloc(size_t), *__real_realloc(void *, size_t);
void *__real_mmap(void *, size_t, int, int, int, long), *__real_mremap(void *, size_t, size_t, int, void *);

static long left = -1; /* allocations until one is refused; negative: none is */
static uint64_t refused, steps_done, failures, compared;

static int refuse(void) {
    if (left < 0 || left-- > 0) return 0;
    left = 0; /* and all that follow in this operation */
    refused++;
    return 1;
}

void *__wrap_calloc(size_t n, size_t size) { return refuse() ? NULL : __real_calloc(n, size); }
void *__wrap_malloc(size_t size) { return refuse() ? NULL : __real_malloc(size); }
void *__wrap_realloc(void *old, size_t size) { return refuse() ? NULL : __real_realloc(old, size); }
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, long offset) {
    return refuse() ? (void *)-1 : __real_mmap(at, size, protection, flags, file, offset);
}
void *__wrap_mremap(void *old, size_t had, size_t size, int flags, void *to) {
    return refuse() ? (void *)-1 : __real_mremap(old, had, size, flags, to);
}

static uint64_t state;
static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}
static double between(double low, double high) { return low + (high - low) * draw(1000001) / 1e6; }

static void fail(const char *what, uint32_t at) {
    fprintf(stderr, "step %llu: the store that ran out of memory differs: %s at %u\n", (unsigned long long)steps_done, what, at);
    abort();
}

/* Everything an operation needs, drawn once, so that both stores get the same. */
typedef struct {
    int what, refuses;
    uint32_t parent, count, index, range, kind, slots_of[MANY], ids[MANY * 8], geometry[MANY * 8], material[MANY * 8], value;
    double rows[MANY * 16], rotation[MANY * 4], scale[MANY * 3];
    mr_state states[MANY];
    uint32_t many;
} operation;

typedef struct {
    mr_store *s;
    mr_view views[2];
    mr_list list;
    mr_queue queue;
} world;

enum { ADD, ADD_PARTS, REMOVE, REMOVE_LEAVES, REPARENT, SET, MATRIX, FLAGS, STATES, STATE_EDIT, DRAWS, DRAWS_MANY, GEOMETRY, MATERIAL, FORGET,
       LEVELS, OCCLUDER, BIND, WEIGHTS, FLESH, UPDATE, ORDER, CLOSE_RANGE, FREE_RANGE, COPY, SETTLE, LOOK, ASK, OPERATIONS };

static mr_store *source;  /* copied from */
static mr_bvh box_tree, *trees[KINDS], *posed_trees[1 << 17];
static const float corners[24] = {-1, -1, -1, 1, -1, -1, 1, 1, -1, -1, 1, -1, -1, -1, 1, 1, -1, 1, 1, 1, 1, -1, 1, 1};
static const uint32_t faces[36] = {0, 2, 1, 0, 3, 2, 4, 5, 6, 4, 6, 7, 0, 1, 5, 0, 5, 4, 3, 6, 2, 3, 7, 6, 0, 4, 7, 0, 7, 3, 1, 2, 6, 1, 6, 5};

static uint32_t any(const mr_store *s, int root_too) { /* a living index; the root where there is no other */
    for (int k = 0; k < 64; k++) {
        uint32_t i = draw(s->id_count);
        if ((i || root_too) && s->id_slot[i] != MR_NONE) return i;
    }
    return 0;
}

static void draw_pairs(operation *o, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        o->geometry[i] = draw(KINDS);
        o->material[i] = draw(KINDS);
    }
}

static void draw_rows(operation *o, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        double far = draw(8) ? 40 : draw(8) ? 2000 : 1e7, *m = o->rows + 16 * i, *q = o->rotation + 4 * i;
        for (int k = 0; k < 16; k++) m[k] = k % 5 == 0 ? 1 : k >= 12 ? 0 : between(-0.3, 0.3);
        for (int k = 3; k < 12; k += 4) m[k] = between(-far, far);
        if (!draw(6)) m[0] = -m[0];
        for (int k = 0; k < 4; k++) q[k] = between(-1, 1);
        q[3] += 1.5;
        for (int k = 0; k < 3; k++) o->scale[3 * i + k] = draw(8) ? between(0.2, 2) : -between(0.2, 2);
    }
}

/* Ids of distinct living nodes; `leaves`: only those without children. */
static void draw_many(operation *o, const mr_store *s, int leaves) {
    uint32_t want = 1 + draw(draw(4) ? 8 : MANY);
    for (uint32_t k = 0; k < 4 * want && o->many < want; k++) {
        uint32_t i = any(s, 0), seen = 0;
        if (!i || (leaves && s->id_child[i] != MR_NONE)) continue;
        for (uint32_t j = 0; j < o->many; j++) seen |= o->ids[j] == mr_public_id(s, i);
        if (!seen) o->ids[o->many++] = mr_public_id(s, i);
    }
}

static void plan(operation *o, const mr_store *s) {
    memset(o, 0, offsetof(operation, slots_of));
    o->many = 0;
    o->what = (int)draw(OPERATIONS);
    if (o->what <= ADD_PARTS && s->node_count > MOST) o->what = REMOVE;
    if (o->what == COPY && (draw(4) || s->node_count > MOST)) o->what = SET;
    o->parent = any(s, 1);
    o->index = any(s, 0);
    o->count = 1 + draw(draw(8) ? 6 : MANY * 4);
    if (o->what == ADD_PARTS) o->count = 1 + draw(MANY);
    o->range = draw(2);
    o->kind = draw(KINDS);
    o->value = draw(0x10000);
    draw_pairs(o, o->what == DRAWS && !draw(8) ? MANY * 2 : MANY);
    draw_rows(o, o->what == ADD_PARTS || o->what == SET || o->what == MATRIX ? MANY : 1);
    for (uint32_t i = 0; i < MANY; i++) o->states[i] = (mr_state){{(uint8_t)draw(256), 1, 2, 3}, draw(16), (float)draw(9), draw(99)};
    if (o->what == REMOVE_LEAVES || (o->what >= SET && o->what <= DRAWS_MANY) || o->what == BIND) draw_many(o, s, o->what == REMOVE_LEAVES);
    o->refuses = draw(3) ? -1 : (int)draw(draw(2) ? 4 : 40);
}

static int describe(mr_store *s, uint32_t kind, uint32_t value) {
    double size = 0.5 + value % 4, lower[3] = {-size, -size, -size}, upper[3] = {size, size, size};
    return mr_set_geometry(s, kind, kind % 3 << 16 & (value & 1 ? 3u << 16 : 0), lower, upper);
}

static int add_skins(mr_store *s) {
    double inverse[JOINTS * 12];
    uint32_t at;
    for (uint32_t k = 0; k < JOINTS * 12; k++) inverse[k] = k % 12 % 5 == 0 ? 1 : 0.01 * k;
    for (uint32_t k = 0; k < JOINTS; k++)
        if (mr_add_skin(s, inverse, k + 1, &at) || at != k) return MR_NOMEM;
    return MR_OK;
}

/* Follows up to JOINTS of the nodes that were drawn, or none. */
static int bind(mr_store *s, const operation *o, const uint32_t *ids, size_t n) {
    if (!o->index || !n) return MR_OK;
    if (o->value % 8) return mr_bind(s, o->index, (uint32_t)(n < JOINTS ? n : JOINTS) - 1, ids);
    mr_unbind(s, o->index);
    return MR_OK;
}

static int weigh(mr_store *s, const operation *o) {
    float values[8];
    uint32_t count;
    for (int k = 0; k < 8; k++) values[k] = (float)o->rows[k];
    if (!o->index) return MR_OK;
    mr_weights_of(s, o->index, &count);
    return o->value & 1 && count ? mr_set_weights(s, o->index, values, count) : mr_hold_weights(s, o->index, values, o->value % 3 ? 2 : 5);
}

static int flesh(mr_store *s, const operation *o) {
    double boxes[12] = {-1, -1, -1, 1, 1, 1, 0, 0, 0, 2, 3, 4}, moved[2 * 2 * 6];
    uint32_t joint[2] = {o->value % 5 ? o->value % JOINTS : MR_NONE, o->value % 5 ? o->value / 7 % 6 : MR_NONE};
    for (int k = 0; k < 24; k++) moved[k] = k % 6 < 3 ? -0.5 : 0.25 * k;
    return mr_set_flesh(s, o->kind, o->value & 32 ? 2 : 0, joint, boxes, o->value & 64 ? 2 : 0, moved);
}

static int look(world *w, const operation *o) {
    mr_store *s = w->s;
    double pose[16] = {1, 0, 0, o->rows[3], 0, 1, 0, o->rows[7], 0, 0, 1, 60, 0, 0, 0, 1};
    double projection[16] = {1.2, 0, 0, 0, 0, 1.2, 0, 0, 0, 0, 0.0001, 0.1, 0, 0, -1, 0}, still[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2e4, 0, 0, 0, 1};
    uint32_t ranges[3 * KINDS];
    mr_view *both[2] = {w->views, w->views + 1};
    for (uint32_t k = 0; k < KINDS; k++) memcpy(ranges + 3 * k, (uint32_t[3]){k % 5 ? 36 : 0, 36 * k, 24 * k}, 12);
    if (mr_view_configure(both[0], pose, projection, 0xFFFF) || mr_view_configure(both[1], still, projection, 1)) abort();
    mr_view_detail(both[0], 320, 200, o->value % 3, o->value % 5, (int)(o->value & 1));
    int bad = mr_cull(s, both, 2);
    if (!bad) bad = mr_build(s, both[0], ranges, KINDS, 1 + o->value % 7, (int)(o->value & 2), (int)(o->value & 4), &w->list);
    return bad;
}

static int ask(world *w, const operation *o) {
    mr_store *s = w->s;
    mr_ray ray = {{o->rows[3], o->rows[7], 100}, {0, 0, -1}, INFINITY};
    mr_filter filter = {0xFFFF, MR_FRONT | MR_BACK, (uint8_t)(o->value & 1)};
    mr_region region = {(int)(o->value % 2), {-20, -20, -20}, {20, 20, 20}, 30, {{0}}, 0};
    mr_hit hit;
    uint32_t missing = 0, *ids = NULL, count = 0, found;
    uint64_t bits[MR_MAX_IDS / 64 / 64] = {0};
    mr_forest forest = {trees, posed_trees, KINDS, 1 << 17};
    int bad = mr_raycast(s, &ray, &filter, &forest, &w->queue, &hit, &missing);
    if (!bad) bad = mr_query_ray(s, &ray, &filter, &w->queue, &ids, &count);
    mr_block_release(ids);
    if (!bad && s->id_count < sizeof bits * 8) bad = mr_query(s, &region, &filter, &w->queue, bits, &found);
    for (int kind = 0; kind < MR_ROW_KINDS && !bad; kind++) {
        uint32_t pages = mr_row_count(s, kind) / mr_page_slots(kind) + 2;
        mr_run *runs = malloc(pages * sizeof(mr_run));
        void *rows = malloc((size_t)mr_row_count(s, kind) * mr_row_bytes(kind) + 1);
        if (runs && rows) mr_fill_runs(s, kind, runs, mr_dirty_runs(s, kind, s->epoch / 2, runs), rows);
        free(runs);
        free(rows);
    }
    return bad;
}

static int apply(world *w, operation *o, uint32_t *made) {
    mr_store *s = w->s;
    uint32_t slots[MANY], where, slot = s->id_slot[o->index], given[MANY * 8];
    size_t n = o->many;
    memcpy(given, o->ids, n * sizeof *given);
    if (mr_resolve_slots(s, given, n, slots) != n) abort();
    switch (o->what) {
    case ADD: return mr_add(s, o->parent, o->count, (int)o->range, made, &where);
    case ADD_PARTS: return mr_add_parts(s, o->parent, o->count, o->rows, 4, o->geometry, o->material, made, &where);
    case REMOVE: return o->index ? mr_remove(s, o->index) : MR_OK;
    case REMOVE_LEAVES: return mr_remove_leaves(s, given, n) == n ? MR_OK : MR_STALE;
    case REPARENT: return o->index ? mr_set_parent(s, o->index, o->parent) : MR_OK;
    case SET: return mr_set_many(s, slots, n, o->value & 1 ? o->rows : NULL, o->rotation, o->scale, NULL);
    case MATRIX: return mr_set_many(s, slots, n, NULL, NULL, NULL, o->rows);
    case FLAGS: return mr_flag_many(s, slots, n, (int)(o->value % 3), 1 + o->value % 15);
    case STATES: return mr_state_many(s, slots, n, o->states);
    case STATE_EDIT: return mr_state_edit(s, slots, n, &(mr_state_edit_t){3, o->value & 5, (uint8_t *)&o->value, NULL, 0, 0});
    case DRAWS: return o->index ? mr_set_draws(s, slot, o->geometry, o->material, o->count % 5 ? o->count % 5 : 2 * MANY * (o->value % 8 == 0)) : MR_OK;
    case DRAWS_MANY: return mr_set_draws_many(s, slots, n, o->geometry, o->material, o->value % 3);
    case GEOMETRY: return describe(s, o->kind, o->value);
    case MATERIAL: return mr_set_material(s, o->kind, o->value % 3 << 19, o->value % 5);
    case FORGET: mr_forget(s, (int)(o->value & 1), o->kind); return MR_OK;
    case LEVELS: return mr_set_levels(s, o->kind, (uint32_t[2]){o->kind, o->kind}, (float[2]){0.1f, 0.4f}, o->value % 3);
    case OCCLUDER: return mr_set_occluder(s, o->kind, corners, 8, faces, o->value & 3 ? 12 : 0);
    case BIND: return bind(s, o, given, n);
    case WEIGHTS: return weigh(s, o);
    case FLESH: return flesh(s, o);
    case UPDATE: return mr_update(s);
    case ORDER: return mr_order(s);
    case SETTLE: return mr_settle(s);
    case CLOSE_RANGE: return mr_range_close(s, s->id_range[o->index] % s->range_count);
    case FREE_RANGE: return s->id_range[o->index] ? mr_range_free(s, s->id_range[o->index]) : MR_OK;
    case COPY: {
        uint32_t same[KINDS];
        for (uint32_t k = 0; k < KINDS; k++) same[k] = (k + o->value) % KINDS;
        return mr_copy(s, o->parent, source, same, same, made);
    }
    default: { /* questions need what is derived */
        int bad = mr_update(s);
        return bad ? bad : o->what == LOOK ? look(w, o) : ask(w, o);
    }
    }
}

#define SAME(array, count, what) \
    for (size_t k_ = 0; k_ < (count); k_++) \
        if (memcmp(&a->array[k_], &b->array[k_], sizeof a->array[k_])) fail(what, (uint32_t)k_)

static int differ(const void *a, const void *b, size_t bytes) { return bytes && memcmp(a, b, bytes); }

static void compare_nodes(const mr_store *a, const mr_store *b) {
    if (a->id_count != b->id_count || a->n != b->n || a->node_count != b->node_count) fail("the number of nodes", a->n);
    SAME(id_slot, a->id_count, "a slot");
    SAME(id_gen, a->id_count, "a generation");
    SAME(node_id, a->n, "the order of slots");
    SAME(parent, a->n, "a parent");
    SAME(subtree, a->n, "an extent");
    SAME(flags, a->n, "flags");
    SAME(layers, a->n, "layers");
    SAME(state, a->n, "a state row");
    SAME(position, 3 * (size_t)a->n, "a position");
    SAME(linear, 9 * (size_t)a->n, "a linear part");
    SAME(anchor, a->n, "an anchor");
    SAME(world, 12 * (size_t)a->n, "a world row");
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t id = a->node_id[i], ra = a->id_range[id], rb = b->id_range[id], g[2][2 * MANY], m[2][2 * MANY];
        if (!ra != !rb || (ra && (a->ranges[ra].count != b->ranges[rb].count || a->ranges[ra].first_id != b->ranges[rb].first_id)))
            fail("a range", i);
        if ((a->trs[i] == MR_NONE) != (b->trs[i] == MR_NONE)) fail("whether there is a rotation", i);
        if (a->trs[i] != MR_NONE && memcmp(a->trs_rows + a->trs[i], b->trs_rows + b->trs[i], 7 * sizeof(double))) fail("a rotation", i);
        int n = mr_draws_of(a, i, g[0], m[0]);
        if (n != mr_draws_of(b, i, g[1], m[1]) || memcmp(g[0], g[1], (size_t)n * 4) || memcmp(m[0], m[1], (size_t)n * 4)) fail("draws", i);
    }
}

static void compare_draws(const mr_store *a, const mr_store *b) {
    if (a->slots != b->slots || a->bucket_count != b->bucket_count || a->draw_count != b->draw_count || a->anchor_count != b->anchor_count)
        fail("the number of draws, buckets or anchors", a->slots);
    if (a->slots > a->slot_cap) fail("more slots than room", a->slots);
    for (uint32_t i = 0; i < a->anchor_count; i++)
        if (memcmp(a->anchors[i].origin, b->anchors[i].origin, 24)) fail("an origin", i);
    SAME(slot_id, a->slots, "the order of draws");
    SAME(slot_node, a->slots, "the node of a draw");
    SAME(slot_geometry, a->slots, "the geometry of a draw");
    SAME(slot_anchor, a->slots, "the anchor of a draw");
    SAME(slot_layers, a->slots, "the layers of a draw");
    SAME(block_live, a->slots / 64, "what is shown");
    SAME(block_mirrored, a->slots / 64, "what is mirrored");
    SAME(block_break, a->slots / 64, "runs of draws");
    for (uint32_t i = 0; i < a->slots; i++) {
        size_t at = (size_t)(i / 64) * 384 + i % 64;
        for (int k = 0; k < 6 && a->slot_node[i] != MR_NONE; k++)
            if (memcmp(a->box + at + 64 * k, b->box + at + 64 * k, 4)) fail("a box", i);
    }
    for (uint32_t k = 0; k < a->geometry_count && k < b->geometry_count; k++)
        if (a->geometries[k].users != b->geometries[k].users || a->geometries[k].active != b->geometries[k].active) fail("a geometry", k);
}

static void compare_poses(const mr_store *a, const mr_store *b) {
    for (uint32_t id = 1; id < a->id_count; id++) {
        const mr_palette *p = mr_palette_of(a, id), *q = mr_palette_of(b, id);
        uint32_t n, m;
        const float *v = mr_weights_of(a, id, &n), *w = mr_weights_of(b, id, &m);
        if (n != m || differ(v, w, 4 * (size_t)n)) fail("the weights of node", id);
        if (!p != !q || (p && (p->joints != q->joints || memcmp(p->joint, q->joint, 4 * (size_t)p->joints)))) fail("the joints of node", id);
        if (p && (p->anchor != q->anchor || memcmp(a->deform + 4 * (size_t)p->first, b->deform + 4 * (size_t)q->first, 48 * (size_t)p->joints)))
            fail("the palette of node", id);
        for (uint32_t k = 0; p && k < p->joints; k++)
            if (mr_resolve(a, p->joint[k]) == MR_NONE) fail("a joint that is gone, of node", id);
    }
}

static int near(double x, double y) { return fabs(x - y) <= 1e-3 + 1e-5 * fabs(y); }

/* The centre and extents of a draw in world space; of a posed one without what widens it, which depends on where its anchor is. */
static void box_of(const mr_store *s, uint32_t slot, double out[6]) {
    if (mr_posed(s, s->slot_node[slot], s->slot_geometry[slot])) {
        mr_exact_box(s, slot, (double[3]){0, 0, 0}, out, out + 3);
        return;
    }
    for (int k = 0; k < 6; k++) out[k] = s->box[(size_t)(slot / 64) * 384 + 64 * (size_t)k + slot % 64];
    for (int k = 0; k < 3; k++) out[k] += s->anchors[s->slot_anchor[slot]].origin[k];
}

/* After an update, before anything is settled: places, what is shown, and boxes, wherever draws lie. */
static void compare_live(const mr_store *a, const mr_store *b) {
    for (uint32_t id = 1; id < a->id_count; id++) {
        uint32_t i = a->id_slot[id], j = b->id_slot[id];
        if (i == MR_NONE || j == MR_NONE) continue;
        double m[2][16], box[2][6];
        mr_get_world(a, i, m[0]);
        mr_get_world(b, j, m[1]);
        for (int k = 0; k < 16; k++)
            if (!near(m[0][k], m[1][k])) fail("a place after an update", id);
        if ((a->flags[i] | b->flags[j]) & MR_PENDING) fail("a flag that no update will look at", id);
        if ((a->flags[i] ^ b->flags[j]) & MR_SHOWN) fail("whether a node is shown", id);
        for (uint32_t d = a->node_draw[i], e = b->node_draw[j]; d != MR_NONE && e != MR_NONE; d = a->draw_next[d], e = b->draw_next[e]) {
            uint32_t p = a->draw_slot[d], q = b->draw_slot[e];
            if ((p == MR_NONE) != (q == MR_NONE)) fail("whether there is a slot for a draw of node", id);
            if (p == MR_NONE) continue;
            if (a->slot_node[p] != i || a->slot_layers[p] != b->slot_layers[q]) fail("the slot of a draw of node", id);
            if ((a->block_live[p / 64] >> p % 64 ^ b->block_live[q / 64] >> q % 64) & 1) fail("the bit of a draw of node", id);
            box_of(a, p, box[0]);
            box_of(b, q, box[1]);
            for (int k = 0; k < 6; k++)
                if (!near(box[0][k], box[1][k])) fail("the box of a draw of node", id);
        }
    }
}

static void compare(world *a, world *b, const operation *o) {
    if (mr_settle(a->s) || mr_settle(b->s)) abort();
    compare_nodes(a->s, b->s);
    compare_draws(a->s, b->s);
    compare_poses(a->s, b->s);
    if (look(a, o) || look(b, o)) abort();
    for (int v = 0; v < 2; v++)
        if (a->views[v].visible != b->views[v].visible || a->views[v].blocks != b->views[v].blocks || differ(a->views[v].words, b->views[v].words, a->views[v].blocks * (size_t)8))
            fail("what a view sees", (uint32_t)v);
    if (a->list.command_count != b->list.command_count || differ(a->list.commands, b->list.commands, a->list.command_count * sizeof(mr_command)))
        fail("a draw list", a->list.command_count);
    compared++;
}

static void step(world *a, world *b, operation *o, uint32_t *made) {
    static uint32_t other[1 << 16];
    plan(o, b->s);
    if (o->what == REPARENT && o->index)
        for (uint32_t i = o->parent; i != MR_NONE; i = b->s->id_parent[i])
            if (i == o->index) o->what = UPDATE; /* a cycle is refused; the model test covers it */
    left = o->refuses;
    int first = apply(a, o, made);
    left = -1;
    if (first == MR_NOMEM) {
        failures++;
        if ((o->what == UPDATE || o->what > COPY) && o->value & 8) return; /* edits go on before the next update */
        first = apply(a, o, made);
    }
    int second = apply(b, o, other);
    if (first != second) fail("a status", (uint32_t)-first);
    if (second == MR_OK && (o->what == UPDATE || o->what > COPY)) compare_live(a->s, b->s);
    if (second == MR_OK && (o->what == ADD || o->what == ADD_PARTS) && memcmp(made, other, o->count * sizeof *made)) fail("new ids", o->count);
}

static void make_source(int level) {
    uint32_t ids[64], pair[65] = {0}, range;
    if (!(source = mr_store_new(level)) || mr_add(source, 0, 3, 0, ids, NULL) || mr_add(source, ids[0] & MR_INDEX_MASK, 9, 1, ids + 3, &range)) abort();
    for (uint32_t k = 0; k < KINDS; k++)
        if (describe(source, k, k) || mr_set_material(source, k, 0, k % 3)) abort();
    if (add_skins(source) || mr_bind(source, ids[4] & MR_INDEX_MASK, 1, ids + 5)) abort();
    double turn[4] = {0, 0.6, 0, 0.8};
    if (mr_set_trs(source, source->id_slot[ids[1] & MR_INDEX_MASK], NULL, turn, NULL)) abort();
    if (mr_set_draws(source, source->id_slot[ids[4] & MR_INDEX_MASK], pair, pair, 1)) abort();
    if (mr_set_draws(source, source->id_slot[ids[2] & MR_INDEX_MASK], pair, pair, 65) || mr_settle(source)) abort();
}

int main(int argc, char **argv) {
    static operation o;
    static uint32_t made[1 << 16];
    if (argc < 3) return 2;
    uint64_t seed = strtoull(argv[1], NULL, 10), steps = strtoull(argv[2], NULL, 10);
    int level = argc > 3 ? atoi(argv[3]) : MR_BASE;
    make_source(level);
    if (mr_bvh_build(&box_tree, corners, faces, 12)) abort();
    for (int k = 0; k < KINDS; k++) trees[k] = &box_tree;
    for (int k = 0; k < 1 << 17; k++) posed_trees[k] = &box_tree;
    for (uint64_t round = 0; steps_done < steps; round++) {
        state = seed * 1000003 + round;
        world a = {0}, b = {0};
        if (!(a.s = mr_store_new(level)) || !(b.s = mr_store_new(level))) abort();
        for (uint32_t k = 0; k < KINDS; k++)
            if ((k == 0 && (add_skins(a.s) || add_skins(b.s))) || describe(a.s, k, 0) || describe(b.s, k, 0) || mr_set_material(a.s, k, 0, k) || mr_set_material(b.s, k, 0, k)) abort();
        for (uint32_t k = 0, end = 200 + draw(4000); k < end && steps_done < steps; k++, steps_done++) {
            step(&a, &b, &o, made);
            if (draw(48) == 0) compare(&a, &b, &o);
        }
        world *both[2] = {&a, &b};
        for (int w = 0; w < 2; w++) {
            for (int v = 0; v < 2; v++) mr_view_free(both[w]->views + v);
            mr_list_free(&both[w]->list);
            mr_queue_free(&both[w]->queue);
            mr_store_free(both[w]->s);
        }
    }
    mr_store_free(source);
    mr_bvh_free(&box_tree);
    printf("%llu steps, %llu allocations refused, %llu calls failed, %llu comparisons\n", (unsigned long long)steps_done,
           (unsigned long long)refused, (unsigned long long)failures, (unsigned long long)compared);
    return 0;
}
