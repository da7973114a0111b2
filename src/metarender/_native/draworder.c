/* The order of draws: class, shading class, anchor, Morton chunk of 1,024, mesh, Morton, id; then slots, buckets, blocks.
 *
 * Ranks count first use in order of node ids, so the order is a function of what the ids carry and of nothing else.
 */
#include "mr.h"

#include <string.h>

#define CHUNK 1024
#define MAX_CLASSES 4096

typedef struct {
    uint32_t n, classes, anchors_used;
    uint32_t *order, *order2, *rank_geometry, *rank_shading, *rank_anchor, *run;
    uint64_t *keys, *keys2;
    uint32_t *class_values, class_cap;
    float *centre;
} sorter;

static unsigned bit_length(uint64_t x) {
    unsigned n = 0;
    for (; x; x >>= 1) n++;
    return n;
}

static int drawable(const mr_store *s, uint32_t d) {
    uint32_t g = s->draw_geometry[d], m = s->draw_material[d];
    return g < s->geometry_count && s->geometries[g].active && m < s->material_count && s->materials[m].active;
}

static uint32_t class_of(const mr_store *s, uint32_t d) {
    return s->geometries[s->draw_geometry[d]].key | s->materials[s->draw_material[d]].key | (s->draw_mirrored[d] ? MR_CLASS_MIRRORED : 0);
}

static void sorter_free(sorter *q) {
    void *all[] = {q->order, q->order2, q->rank_geometry, q->rank_shading, q->rank_anchor, q->run, q->keys, q->keys2, q->class_values,
                   q->centre};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
}

/* First come, first ranked: draws are visited by node id, so a rank says which lowest id uses the thing. */
static int rank(uint32_t *ranks, uint32_t index, uint32_t *next) {
    if (ranks[index] == MR_NONE) ranks[index] = (*next)++;
    return (int)ranks[index];
}

static int sorter_new(const mr_store *s, sorter *q) {
    size_t n = s->draw_count + 1;
    uint32_t shading = 1;
    for (uint32_t i = 0; i < s->material_count; i++)
        if (s->materials[i].shading >= shading) shading = s->materials[i].shading + 1;
    memset(q, 0, sizeof *q);
    q->order = mr_block_new(n * 4);
    q->order2 = mr_block_new(n * 4);
    q->run = mr_block_new(n * 4);
    q->keys = mr_block_new(n * 8);
    q->keys2 = mr_block_new(n * 8);
    q->centre = mr_block_new(n * 12);
    q->rank_geometry = mr_block_new((s->geometry_count + 1) * (size_t)4);
    q->rank_shading = mr_block_new(shading * (size_t)4);
    q->rank_anchor = mr_block_new(s->anchor_count * (size_t)4);
    if (!q->order || !q->order2 || !q->run || !q->keys || !q->keys2 || !q->centre || !q->rank_geometry || !q->rank_shading || !q->rank_anchor)
        return MR_NOMEM;
    memset(q->rank_geometry, 0xFF, (s->geometry_count + 1) * (size_t)4);
    memset(q->rank_shading, 0xFF, shading * (size_t)4);
    memset(q->rank_anchor, 0xFF, s->anchor_count * (size_t)4);
    return MR_OK;
}

static uint32_t class_index(sorter *q, uint32_t value) {
    for (uint32_t i = q->classes; i-- > 0;)
        if (q->class_values[i] == value) return i;
    if (mr_grow(&q->class_values, &q->class_cap, q->classes + 1, 4)) return MR_NONE;
    q->class_values[q->classes] = value;
    return q->classes++;
}

/* Draws by (node id, ordinal), with ranks, class numbers (in `run`) and box centres. */
static int collect(mr_store *s, sorter *q, uint32_t *shadings) {
    uint32_t next_geometry = 0, next_anchor = 0;
    for (uint32_t id = 1; id < s->id_count; id++) {
        uint32_t slot = s->id_slot[id];
        if (slot == MR_NONE || s->node_draw[slot] == MR_NONE) continue;
        const float *w = s->world + 12 * (size_t)slot;
        int flip = mr_mirrored(w);
        for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d]) {
            s->draw_slot[d] = MR_NONE;
            if (!drawable(s, d)) continue;
            s->draw_mirrored[d] = (uint8_t)flip;
            rank(q->rank_geometry, s->draw_geometry[d], &next_geometry);
            rank(q->rank_shading, s->materials[s->draw_material[d]].shading, shadings);
            rank(q->rank_anchor, s->anchor[slot], &next_anchor);
            const float *c = s->geometries[s->draw_geometry[d]].fit;
            for (int k = 0; k < 3; k++)
                q->centre[3 * (size_t)q->n + k] = ((w[4 * k] * c[0] + w[4 * k + 1] * c[1]) + w[4 * k + 2] * c[2]) + w[4 * k + 3];
            if ((q->run[q->n] = class_index(q, class_of(s, d))) == MR_NONE) return MR_NOMEM;
            q->order[q->n++] = d;
        }
    }
    q->anchors_used = next_anchor;
    return MR_OK;
}

static uint32_t spread3(uint32_t x) { /* 10 bits to every third bit */
    x = (x | x << 16) & 0x030000FFu;
    x = (x | x << 8) & 0x0300F00Fu;
    x = (x | x << 4) & 0x030C30C3u;
    return (x | x << 2) & 0x09249249u;
}

static uint32_t morton(const float *c, const float *low, const float *scale) {
    uint32_t code = 0;
    for (int k = 0; k < 3; k++) {
        float t = (c[k] - low[k]) * scale[k];
        uint32_t v = t >= 1023.0f ? 1023u : t > 0.0f ? (uint32_t)t : 0u; /* NaN sorts as 0 */
        code |= spread3(v) << k;
    }
    return code;
}

/* keys[i] of one run's rows become run << 30 | Morton code of the centre inside the run's bounds. `v` holds rows of `centre`. */
static void code_run(sorter *q, const uint32_t *v, uint32_t first, uint32_t end, uint32_t number) {
    float low[3] = {3e38f, 3e38f, 3e38f}, high[3] = {-3e38f, -3e38f, -3e38f}, scale[3];
    for (uint32_t i = first; i < end; i++)
        for (int k = 0; k < 3; k++) {
            float c = q->centre[3 * (size_t)v[i] + k];
            if (c < low[k]) low[k] = c;
            if (c > high[k]) high[k] = c;
        }
    float widest = 0; /* one scale for the three axes keeps cells cubic */
    for (int k = 0; k < 3; k++)
        if (high[k] - low[k] > widest) widest = high[k] - low[k];
    for (int k = 0; k < 3; k++) scale[k] = widest > 0 ? 1023.99f / widest : 0;
    for (uint32_t i = first; i < end; i++) q->keys[i] = (uint64_t)number << 30 | morton(q->centre + 3 * (size_t)v[i], low, scale);
}

/* Sorts rows (indices into order/centre) by class, shading, anchor, then Morton, then mesh inside chunks of 1,024. */
static int sort_rows(mr_store *s, sorter *q, uint32_t *rows, uint32_t *rows2, uint32_t shadings) {
    uint32_t sorted_class[MAX_CLASSES], n = q->n, runs = 0;
    if (q->classes > MAX_CLASSES) return MR_FULL;
    for (uint32_t i = 0; i < q->classes; i++) {
        sorted_class[i] = 0;
        for (uint32_t j = 0; j < q->classes; j++) sorted_class[i] += q->class_values[j] < q->class_values[i];
    }
    unsigned anchor_bits = bit_length(q->anchors_used), shading_bits = bit_length(shadings);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t d = q->order[i];
        uint64_t key = sorted_class[q->run[i]];
        key = key << shading_bits | q->rank_shading[s->materials[s->draw_material[d]].shading];
        q->keys[i] = key << anchor_bits | q->rank_anchor[s->anchor[s->id_slot[s->draw_node[d]]]];
        rows[i] = i;
    }
    mr_radix(q->keys, rows, n, bit_length(q->classes) + shading_bits + anchor_bits, q->keys2, rows2);
    for (uint32_t first = 0; first < n;) {
        uint32_t end = first + 1;
        while (end < n && q->keys[end] == q->keys[first]) end++;
        code_run(q, rows, first, end, runs++);
        first = end;
    }
    mr_radix(q->keys, rows, n, 30 + bit_length(runs), q->keys2, rows2);
    uint32_t chunk = 0, start = 0;
    uint64_t previous = 0;
    unsigned mesh_bits = bit_length(s->geometry_count);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t run = q->keys[i] >> 30;
        if (i && (run != previous || i - start == CHUNK)) {
            chunk++;
            start = i;
        }
        previous = run;
        q->keys[i] = (uint64_t)chunk << mesh_bits | q->rank_geometry[s->draw_geometry[q->order[rows[i]]]];
    }
    mr_radix(q->keys, rows, n, bit_length(chunk) + mesh_bits, q->keys2, rows2);
    return MR_OK;
}

static int grow_slots(mr_store *s, uint32_t slots) {
    uint32_t cap = s->slot_cap, k;
    if (slots <= cap) return MR_OK;
    uint32_t need = (slots + 4095) & ~4095u;
    struct { void *array; uint32_t per; size_t size; } all[] = {
        {&s->slot_draw, 1, 4}, {&s->slot_node, 1, 4}, {&s->slot_geometry, 1, 4}, {&s->slot_material, 1, 4}, {&s->slot_id, 1, 4},
        {&s->slot_anchor, 1, 4}, {&s->slot_mirrored, 1, 1}, {&s->slot_layers, 1, 4}, {&s->box, 1, 24}, {&s->block_box, 64, 32}, {&s->block_live, 64, 8},
        {&s->block_break, 64, 8}, {&s->block_dirty, 64, 8}, {&s->block_anchor, 64, 4}, {&s->block_layers, 64, 4},
        {&s->block_mixed_layers, 64, 1}, {&s->page_epoch[0], 64, 8}, {&s->page_epoch[1], 256, 8}, {&s->page_epoch[2], 256, 8},
        {&s->dirty_blocks, 64, 4}, {&s->group_box, 4096, 32}, {&s->lane_box, 4096, 1536}, {&s->group_anchor, 4096, 4}, {&s->group_dirty, 4096, 1}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        k = cap / all[i].per;
        if (mr_grow(all[i].array, &k, need / all[i].per, all[i].size)) return MR_NOMEM;
    }
    s->slot_cap = need;
    return MR_OK;
}

/* How many slots and buckets the sorted rows need. */
static uint32_t measure(const mr_store *s, const sorter *q, const uint32_t *rows, uint32_t *buckets) {
    uint32_t slots = 0, klass = 0, shading = 0;
    *buckets = 0;
    for (uint32_t i = 0; i < q->n; i++) {
        uint32_t d = q->order[rows[i]], c = class_of(s, d), m = s->materials[s->draw_material[d]].shading;
        if (i == 0 || c != klass || m != shading) {
            slots = (slots + 63) & ~63u;
            ++*buckets;
        }
        klass = c;
        shading = m;
        slots++;
    }
    return (slots + 63) & ~63u;
}

static void clear_slots(mr_store *s, uint32_t slots) {
    uint32_t blocks = slots / 64;
    if (!slots) return; /* the arrays may not exist yet */
    uint32_t *none[] = {s->slot_draw, s->slot_node, s->slot_geometry};
    for (int i = 0; i < 3; i++) memset(none[i], 0xFF, (size_t)slots * 4);
    uint32_t *zero[] = {s->slot_material, s->slot_id, s->slot_anchor, s->slot_layers};
    for (int i = 0; i < 4; i++) memset(zero[i], 0, (size_t)slots * 4);
    memset(s->box, 0, (size_t)slots * 24);
    memset(s->block_live, 0, (size_t)blocks * 8);
    memset(s->block_break, 0, (size_t)blocks * 8);
    memset(s->block_dirty, 0, (size_t)blocks * 8);
}

static void place(mr_store *s, const sorter *q, const uint32_t *rows) {
    uint32_t at = 0, b = 0;
    for (uint32_t i = 0; i < q->n; i++) {
        uint32_t d = q->order[rows[i]], c = class_of(s, d), g = s->draw_geometry[d], m = s->draw_material[d];
        uint32_t shading = s->materials[m].shading;
        int fresh = i == 0 || c != s->buckets[b - 1].klass || shading != s->buckets[b - 1].shading;
        if (fresh) {
            at = (at + 63) & ~63u;
            s->buckets[b++] = (mr_bucket){c, shading, at, 0};
        }
        if (fresh || g != s->slot_geometry[at - 1]) s->block_break[at / 64] |= (uint64_t)1 << (at & 63);
        s->slot_draw[at] = d;
        s->slot_node[at] = s->id_slot[s->draw_node[d]];
        s->slot_geometry[at] = g;
        s->slot_material[at] = m;
        s->slot_mirrored[at] = s->draw_mirrored[d];
        s->slot_id[at] = mr_public_id(s, s->draw_node[d]);
        s->block_dirty[at / 64] |= (uint64_t)1 << (at & 63);
        s->draw_slot[d] = at++;
        s->buckets[b - 1].slots++;
    }
    s->bucket_count = b;
}

int mr_sort_draws(mr_store *s) {
    sorter q;
    uint32_t shadings = 0, buckets = 0, *rows = NULL;
    int bad = sorter_new(s, &q);
    if (!bad) bad = collect(s, &q, &shadings);
    if (!bad && !(rows = mr_block_new(((size_t)q.n + 1) * 4))) bad = MR_NOMEM;
    if (!bad) bad = sort_rows(s, &q, rows, q.order2, shadings);
    if (!bad) {
        uint32_t slots = measure(s, &q, rows, &buckets);
        bad = grow_slots(s, slots);
        if (!bad) bad = mr_grow(&s->buckets, &s->bucket_cap, buckets, sizeof(mr_bucket));
        if (!bad) {
            clear_slots(s, slots);
            s->slots = slots;
            place(s, &q, rows);
            s->dirty_block_count = 0;
            for (uint32_t i = 0; i < slots / 64; i++) s->dirty_blocks[s->dirty_block_count++] = i;
            for (int k = 0; k < 3; k++)
                for (uint32_t i = 0; i * mr_page_slots(k) < slots; i++) s->page_epoch[k][i] = s->epoch;
            s->draws_dirty = 0;
            s->stats.resorts++;
        }
    }
    mr_block_release(rows);
    sorter_free(&q);
    return bad;
}
