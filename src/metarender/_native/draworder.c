/* The order of draws within a sort: class, shading class, anchor, Morton chunk of 1,024, mesh, Morton, id; then slots, buckets, blocks.
 *
 * Ranks count first use in order of node ids, so the order is a function of what the ids carry and of nothing else.
 */
#include "mr.h"

#include <string.h>

#define CHUNK 1024
#define AHEAD 12 /* slots: what is asked for now is there when it is needed */
#define MAX_CLASSES 4096

typedef struct {
    uint32_t n, classes, shadings, anchors_used;
    uint32_t *draw, *node, *klass, *rank_geometry, *rank_shading, *rank_anchor, *rows, *rows2;
    uint64_t *keys, *keys2;
    uint32_t *class_values, class_cap, geometries_used;
    uint32_t *ends, end_count, end_cap; /* of buckets: rows that share class and shading */
    float *centre;
} sorter;

static unsigned bit_length(uint64_t x) {
    unsigned n = 0;
    for (; x; x >>= 1) n++;
    return n;
}

int mr_drawable(const mr_store *s, uint32_t d) {
    uint32_t g = s->draw_geometry[d], m = s->draw_material[d];
    return g < s->geometry_count && s->geometries[g].active && m < s->material_count && s->materials[m].active;
}

uint32_t mr_class_of(const mr_store *s, uint32_t d, int mirrored) {
    return s->geometries[s->draw_geometry[d]].key | s->materials[s->draw_material[d]].key | (mirrored ? MR_CLASS_MIRRORED : 0);
}

static void sorter_free(sorter *q) {
    void *all[] = {q->draw, q->node, q->klass, q->rank_geometry, q->rank_shading, q->rank_anchor, q->rows, q->rows2, q->keys, q->keys2,
                   q->class_values, q->centre, q->ends};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
}

/* First come, first ranked: when draws are visited by node id, a rank says which lowest id uses the thing. */
static void rank(uint32_t *ranks, uint32_t index, uint32_t *next) {
    if (ranks[index] == MR_NONE) ranks[index] = (*next)++;
}

static int sorter_new(const mr_store *s, sorter *q, size_t n) {
    uint32_t shading = 1;
    for (uint32_t i = 0; i < s->material_count; i++)
        if (s->materials[i].shading >= shading) shading = s->materials[i].shading + 1;
    memset(q, 0, sizeof *q);
    struct { uint32_t **array; size_t count; } words[] = {
        {&q->draw, n}, {&q->node, n}, {&q->klass, n}, {&q->rows, n}, {&q->rows2, n},
        {&q->rank_geometry, s->geometry_count}, {&q->rank_shading, shading}, {&q->rank_anchor, s->anchor_count}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!(*words[i].array = mr_block_new((words[i].count + 1) * 4))) return MR_NOMEM;
    q->keys = mr_block_new((n + 1) * 8);
    q->keys2 = mr_block_new((n + 1) * 8);
    q->centre = mr_block_new((n + 1) * 12);
    if (!q->keys || !q->keys2 || !q->centre) return MR_NOMEM;
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

/* Adds one draw of a node slot, with ranks, class number and box centre. */
static int collect_draw(const mr_store *s, sorter *q, uint32_t node, uint32_t d, int mirrored) {
    const float *w = s->world + 12 * (size_t)node, *c = s->geometries[s->draw_geometry[d]].fit;
    uint32_t i = q->n++;
    rank(q->rank_geometry, s->draw_geometry[d], &q->geometries_used);
    rank(q->rank_shading, s->materials[s->draw_material[d]].shading, &q->shadings);
    rank(q->rank_anchor, mr_draw_anchor(s, node, s->draw_geometry[d]), &q->anchors_used);
    double centre[3], half[3];
    int posed = mr_posed_box(s, node, s->draw_geometry[d], centre, half);
    for (int k = 0; k < 3; k++)
        q->centre[3 * (size_t)i + k] = posed ? (float)centre[k] : ((w[4 * k] * c[0] + w[4 * k + 1] * c[1]) + w[4 * k + 2] * c[2]) + w[4 * k + 3];
    q->draw[i] = d;
    q->node[i] = node;
    q->klass[i] = class_index(q, mr_class_of(s, d, mirrored));
    return q->klass[i] == MR_NONE ? MR_NOMEM : MR_OK;
}

/* All draws by (node id, ordinal). */
static int collect(mr_store *s, sorter *q) {
    for (uint32_t id = 1; id < s->id_count; id++) {
        uint32_t slot = s->id_slot[id];
        if (slot == MR_NONE || s->node_draw[slot] == MR_NONE) continue;
        int mirrored = mr_mirrored(s->world + 12 * (size_t)slot);
        for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d]) {
            s->draw_slot[d] = MR_NONE;
            if (mr_drawable(s, d) && collect_draw(s, q, slot, d, mirrored)) return MR_NOMEM;
        }
    }
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

/* Sorts q->rows (indices of what was collected) by class, shading, anchor, then Morton, then mesh inside chunks of 1,024. */
static int sort_rows(const mr_store *s, sorter *q) {
    uint32_t sorted_class[MAX_CLASSES], n = q->n, runs = 0, *rows = q->rows;
    if (q->classes > MAX_CLASSES) return MR_FULL;
    for (uint32_t i = 0; i < q->classes; i++) {
        sorted_class[i] = 0;
        for (uint32_t j = 0; j < q->classes; j++) sorted_class[i] += q->class_values[j] < q->class_values[i];
    }
    unsigned anchor_bits = bit_length(q->anchors_used), shading_bits = bit_length(q->shadings);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t key = sorted_class[q->klass[i]];
        key = key << shading_bits | q->rank_shading[s->materials[s->draw_material[q->draw[i]]].shading];
        q->keys[i] = key << anchor_bits | q->rank_anchor[mr_draw_anchor(s, q->node[i], s->draw_geometry[q->draw[i]])];
        rows[i] = i;
    }
    mr_radix(q->keys, rows, n, bit_length(q->classes) + shading_bits + anchor_bits, q->keys2, q->rows2);
    for (uint32_t first = 0; first < n;) {
        uint32_t end = first + 1;
        while (end < n && q->keys[end] == q->keys[first]) end++;
        if (end == n || q->keys[end] >> anchor_bits != q->keys[first] >> anchor_bits) { /* what follows sorts within buckets */
            if (mr_grow(&q->ends, &q->end_cap, q->end_count + 1, 4)) return MR_NOMEM;
            q->ends[q->end_count++] = end;
        }
        code_run(q, rows, first, end, runs++);
        first = end;
    }
    mr_radix(q->keys, rows, n, 30 + bit_length(runs), q->keys2, q->rows2);
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
        q->keys[i] = (uint64_t)chunk << mesh_bits | q->rank_geometry[s->draw_geometry[q->draw[rows[i]]]];
    }
    mr_radix(q->keys, rows, n, bit_length(chunk) + mesh_bits, q->keys2, q->rows2);
    return MR_OK;
}

/* Slots of a bucket of n draws: a sixteenth to spare, once that is worth a block. */
static uint32_t room_for(uint32_t n) { return (n + (n >= 1024 ? n / 16 : 0) + 63) & ~63u; }

static uint32_t measure(const sorter *q) {
    uint32_t slots = 0;
    for (uint32_t k = 0; k < q->end_count; k++) slots += room_for(q->ends[k] - (k ? q->ends[k - 1] : 0));
    return slots;
}

/* Fills a bucket that owns cleared slots with rows [first, end). */
static void place(mr_store *s, const sorter *q, uint32_t first, uint32_t end, mr_bucket *b) {
    b->slots = b->sorted = end - first;
    b->dead = 0;
    b->area = 0;
    b->area_sorted = -1;
    for (uint32_t i = first; i < end; i++) { /* rows are far apart: those of a later slot are asked for, one step further each time */
        if (i + 2 * AHEAD < end) {
            __builtin_prefetch(q->node + q->rows[i + 2 * AHEAD]);
            __builtin_prefetch(q->draw + q->rows[i + 2 * AHEAD]);
        }
        if (i + AHEAD < end) {
            uint32_t node = q->node[q->rows[i + AHEAD]], d = q->draw[q->rows[i + AHEAD]];
            __builtin_prefetch(s->draw_geometry + d);
            __builtin_prefetch(s->draw_slot + d, 1);
            __builtin_prefetch(s->node_id + node);
            __builtin_prefetch(s->anchor + node);
            __builtin_prefetch(s->layers + node);
        }
        mr_fill_slot(s, b->first_slot + i - first, q->node[q->rows[i]], q->draw[q->rows[i]], b);
    }
    for (uint32_t at = b->first_slot; at < b->first_slot + b->room; at += 64) mr_dirty_slot(s, at);
}

static void raise_pages(mr_store *s, uint32_t first, uint32_t count) {
    for (int k = 0; k < 3; k++)
        for (uint32_t i = first / mr_page_slots(k); i * mr_page_slots(k) < first + count; i++) s->page_epoch[k][i] = s->epoch;
}

static void place_all(mr_store *s, const sorter *q, uint32_t slots) {
    uint32_t at = 0;
    s->slots = slots;
    s->dirty_block_count = 0;
    mr_clear_slots(s, 0, slots, MR_NONE);
    for (uint32_t k = 0; k < q->end_count; k++) {
        uint32_t first = k ? q->ends[k - 1] : 0, end = q->ends[k];
        uint32_t row = q->rows[first], room = room_for(end - first);
        s->buckets[k] = (mr_bucket){q->class_values[q->klass[row]], s->materials[s->draw_material[q->draw[row]]].shading, at, 0, room, 0, 0, 0, 0, -1};
        for (uint32_t block = at / 64; block < (at + room) / 64; block++) s->block_bucket[block] = k;
        place(s, q, first, end, s->buckets + k);
        at += room;
    }
    s->bucket_count = q->end_count;
    raise_pages(s, 0, slots);
    s->draws_dirty = 0;
    s->fresh_count = s->flip_count = s->unsorted = 0;
    s->stats.resorts++;
}

/* Draw records in order of node ids, without gaps, once a quarter is left of them. */
static int pack_records(mr_store *s) {
    if (s->draw_cap <= 4096 || s->draw_count >= s->draw_cap / 4) return MR_OK;
    uint32_t cap = s->draw_count + s->draw_count / 4 + 64, n = 0, *fresh[4];
    uint32_t **fields[4] = {&s->draw_geometry, &s->draw_material, &s->draw_next, &s->draw_slot};
    for (int k = 0; k < 4; k++)
        if (!(fresh[k] = mr_block_new((size_t)cap * 4))) {
            while (k-- > 0) mr_block_release(fresh[k]);
            return MR_NOMEM;
        }
    for (uint32_t id = 1; id < s->id_count; id++) {
        uint32_t slot = s->id_slot[id], d = slot == MR_NONE ? MR_NONE : s->node_draw[slot];
        if (d != MR_NONE) s->node_draw[slot] = n;
        for (; d != MR_NONE; d = s->draw_next[d], n++) {
            fresh[0][n] = s->draw_geometry[d];
            fresh[1][n] = s->draw_material[d];
            fresh[2][n] = s->draw_next[d] == MR_NONE ? MR_NONE : n + 1;
            fresh[3][n] = MR_NONE;
        }
    }
    for (int k = 0; k < 4; k++) {
        mr_block_release(*fields[k]);
        *fields[k] = fresh[k];
    }
    s->draw_rows = n;
    s->draw_cap = cap;
    s->draw_free = MR_NONE;
    return MR_OK;
}

int mr_sort_draws(mr_store *s) {
    sorter q;
    if (pack_records(s)) return MR_NOMEM;
    int bad = sorter_new(s, &q, s->draw_count);
    if (!bad) bad = collect(s, &q);
    if (!bad) bad = sort_rows(s, &q);
    if (!bad) {
        uint32_t slots = measure(&q);
        /* Slots last: once they have shrunk, nothing may fail before they are laid out. */
        bad = mr_grow(&s->buckets, &s->bucket_cap, q.end_count, sizeof(mr_bucket)) || mr_grow_slots(s, slots) ? MR_NOMEM : MR_OK;
        if (!bad) place_all(s, &q, slots);
    }
    sorter_free(&q);
    return bad;
}

int mr_sort_bucket(mr_store *s, uint32_t bucket) {
    sorter q;
    mr_bucket *b = s->buckets + bucket;
    int bad = sorter_new(s, &q, b->slots - b->dead);
    for (uint32_t at = b->first_slot; at < b->first_slot + b->slots && !bad; at++) {
        uint32_t d = mr_draw_at(s, at);
        if (d != MR_NONE) bad = collect_draw(s, &q, s->slot_node[at], d, (b->klass & MR_CLASS_MIRRORED) != 0);
    }
    if (!bad) bad = sort_rows(s, &q);
    if (!bad) {
        mr_clear_slots(s, b->first_slot, b->room, bucket);
        place(s, &q, 0, q.n, b);
        raise_pages(s, b->first_slot, b->slots);
        s->stats.resorts++;
    }
    sorter_free(&q);
    return bad;
}
