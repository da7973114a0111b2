/* From visible bits to indirect draw commands: a run of visible slots of one geometry is one instanced command. */
#include "mr.h"

#include <string.h>

void mr_list_free(mr_list *l) {
    mr_block_release(l->commands);
    mr_block_release(l->batches);
    memset(l, 0, sizeof *l);
}

static uint32_t triangles_of(uint32_t klass, uint32_t count) { return MR_CLASS_TOPOLOGY(klass) == 0 ? count / 3 : 0; }

/* Appends a command of `run` instances from draw slot `slot`, or lengthens the last one when the slots join. */
static int emit(const mr_store *s, const uint32_t *ranges, uint32_t range_count, uint32_t slot, uint32_t run, int joins, mr_list *out) {
    uint32_t g = s->slot_geometry[slot];
    if (joins) {
        out->commands[out->command_count - 1].instances += run;
        return MR_OK;
    }
    if (g >= range_count || ranges[3 * g] == 0) return 1; /* nothing uploaded for this geometry */
    if (mr_grow(&out->commands, &out->command_cap, out->command_count + 1, sizeof(mr_command))) return MR_NOMEM;
    const uint32_t *r = ranges + 3 * (size_t)g;
    out->commands[out->command_count++] = (mr_command){r[0], run, r[1], (int32_t)r[2], slot};
    return MR_OK;
}

/* Opens a batch unless the last one has the same key; a merged batch keeps the shading class of its first bucket. */
static int open_batch(const mr_bucket *b, int merged, mr_list *out) {
    mr_batch *last = out->batch_count ? out->batches + out->batch_count - 1 : NULL;
    if (last && last->klass == b->klass && (merged || last->shading == b->shading)) return MR_OK;
    if (mr_grow(&out->batches, &out->batch_cap, out->batch_count + 1, sizeof(mr_batch))) return MR_NOMEM;
    out->batches[out->batch_count++] = (mr_batch){b->klass, b->shading, out->command_count, 0, 0, 0, 0};
    return MR_OK;
}

static void account(mr_list *out, uint32_t klass, uint32_t count, uint32_t run) {
    mr_batch *b = out->batches + out->batch_count - 1;
    uint64_t t = (uint64_t)triangles_of(klass, count) * run;
    b->count = out->command_count - b->first;
    b->instances += run;
    b->triangles += t;
    out->instances += run;
    out->triangles += t;
}

/* Commands of one bucket in slot order. */
static int build_bucket(const mr_store *s, const mr_view *v, const mr_bucket *b, const uint32_t *ranges, uint32_t range_count, int merged,
                        mr_list *out) {
    uint32_t next = MR_NONE; /* the slot after the last run, when that run was emitted */
    for (uint32_t block = b->first_slot / 64; block * 64 < b->first_slot + b->slots; block++) {
        uint64_t word = v->words[block], breaks = s->block_break[block];
        while (word) {
            unsigned i = (unsigned)__builtin_ctzll(word);
            uint64_t stop = ~(word >> i) | (i < 63 ? (breaks >> i) & ~(uint64_t)1 : 0);
            unsigned run = stop ? (unsigned)__builtin_ctzll(stop) : 64;
            if (run > 64 - i) run = 64 - i;
            word &= run + i >= 64 ? 0 : ~(uint64_t)0 << (i + run);
            uint32_t slot = block * 64 + i;
            int joins = slot == next && !(breaks >> i & 1);
            if (!joins && open_batch(b, merged, out)) return MR_NOMEM;
            int status = emit(s, ranges, range_count, slot, run, joins, out);
            if (status < 0) return status;
            next = status ? MR_NONE : slot + run;
            if (!status) account(out, b->klass, ranges[3 * s->slot_geometry[slot]], run);
        }
    }
    return MR_OK;
}

static uint32_t ordered_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, 4);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

/* Keys of the visible slots of chosen buckets: inverted depth first (far to near), then node id; values are slots. */
static size_t gather_keys(const mr_store *s, const mr_view *v, unsigned alpha, uint64_t *keys, uint32_t *slots) {
    size_t n = 0;
    for (uint32_t k = 0; k < s->bucket_count; k++) {
        const mr_bucket *b = s->buckets + k;
        if (!(alpha >> MR_CLASS_ALPHA(b->klass) & 1)) continue;
        for (uint32_t block = b->first_slot / 64; block * 64 < b->first_slot + b->slots; block++)
            for (uint64_t w = v->words[block]; w; w &= w - 1) {
                unsigned i = (unsigned)__builtin_ctzll(w);
                const float *box = s->box + (size_t)block * 384 + i;
                const double *o = s->anchors[s->slot_anchor[block * 64 + i]].origin;
                double depth = 0;
                for (int c = 0; c < 3; c++) depth += v->forward[c] * ((o[c] - v->eye[c]) + (double)box[64 * c]);
                uint32_t slot = block * 64 + i;
                if (keys) {
                    keys[n] = (uint64_t)~ordered_bits((float)depth) << 32 | (s->slot_id[slot] & MR_INDEX_MASK);
                    slots[n] = slot;
                }
                n++;
            }
    }
    return n;
}

static const mr_bucket *bucket_of(const mr_store *s, uint32_t slot) {
    uint32_t low = 0, high = s->bucket_count;
    while (high - low > 1) {
        uint32_t mid = (low + high) / 2;
        if (s->buckets[mid].first_slot <= slot) low = mid;
        else high = mid;
    }
    return s->buckets + low;
}

static int build_sorted(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, unsigned alpha, int merge,
                        mr_list *out) {
    size_t n = gather_keys(s, v, alpha, NULL, NULL);
    uint64_t *keys = mr_block_new(2 * n * 8 + 8);
    uint32_t *slots = mr_block_new(2 * n * 4 + 4);
    int bad = keys && slots ? MR_OK : MR_NOMEM;
    if (!bad) {
        gather_keys(s, v, alpha, keys, slots);
        mr_radix(keys, slots, n, 64, keys + n, slots + n);
    }
    uint32_t next = MR_NONE;
    for (size_t i = 0; i < n && !bad; i++) {
        uint32_t slot = slots[i];
        const mr_bucket *b = bucket_of(s, slot);
        int joins = slot == next && !(s->block_break[slot / 64] >> (slot & 63) & 1);
        if (!joins && open_batch(b, merge && MR_CLASS_ALPHA(b->klass) != 1, out)) bad = MR_NOMEM;
        if (bad) break;
        int status = emit(s, ranges, range_count, slot, 1, joins, out);
        if (status < 0) bad = status;
        next = status ? MR_NONE : slot + 1;
        if (!status) account(out, b->klass, ranges[3 * s->slot_geometry[slot]], 1);
    }
    mr_block_release(keys);
    mr_block_release(slots);
    return bad;
}

/* Batches that stayed empty (nothing uploaded for their geometry) are taken out. */
static void drop_empty(mr_list *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < out->batch_count; i++)
        if (out->batches[i].count) out->batches[n++] = out->batches[i];
    out->batch_count = n;
}

int mr_build(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, unsigned alpha, int merge, int sort,
             mr_list *out) {
    out->command_count = out->batch_count = 0;
    out->instances = out->triangles = 0;
    int bad = MR_OK;
    if (sort) bad = build_sorted(s, v, ranges, range_count, alpha, merge, out);
    else
        for (uint32_t k = 0; k < s->bucket_count && !bad; k++) {
            const mr_bucket *b = s->buckets + k;
            unsigned mode = MR_CLASS_ALPHA(b->klass);
            if (alpha >> mode & 1) bad = build_bucket(s, v, b, ranges, range_count, merge && mode != 1, out);
        }
    drop_empty(out);
    return bad;
}
