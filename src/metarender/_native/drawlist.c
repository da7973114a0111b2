/* From visible bits to indirect draw commands: a run of visible slots of one geometry is one instanced command. */
#include "mr.h"

#include <string.h>

void mr_list_free(mr_list *l) {
    mr_block_release(l->commands);
    mr_block_release(l->batches);
    memset(l, 0, sizeof *l);
}

/* Opens a batch unless the last one has the same key; a merged batch keeps the shading class of its first bucket. */
static int open_batch(const mr_bucket *b, int merged, mr_list *out) {
    mr_batch *last = out->batch_count ? out->batches + out->batch_count - 1 : NULL;
    if (last && last->klass == b->klass && (merged || last->shading == b->shading)) return MR_OK;
    if (mr_grow_brief(&out->batches, &out->batch_cap, out->batch_count + 1, sizeof(mr_batch))) return MR_NOMEM;
    out->batches[out->batch_count++] = (mr_batch){b->klass, b->shading, out->command_count, 0, 0, 0, 0};
    return MR_OK;
}

/* Room for one block's worth of commands. */
static inline int reserve(mr_list *out) {
    if (out->command_cap - out->command_count >= 64) return MR_OK;
    return mr_grow_brief(&out->commands, &out->command_cap, out->command_count + 64, sizeof(mr_command));
}

/* What the last command ended with, so that the next run may join it. */
typedef struct { uint32_t slot, geometry; } tail;

/* Adds `run` instances of one geometry from draw slot `slot` to the open batch: a new command, or more of the last one when the
 * slots join. Nothing is added when nothing is uploaded for the geometry. */
static inline void emit(const uint32_t *ranges, uint32_t range_count, uint32_t g, uint32_t slot, uint32_t run, tail *last, mr_list *out) {
    if (g >= range_count || ranges[3 * (size_t)g] == 0) {
        last->slot = MR_NONE;
        return;
    }
    const uint32_t *r = ranges + 3 * (size_t)g;
    mr_batch *batch = out->batches + out->batch_count - 1;
    if (slot == last->slot && g == last->geometry) out->commands[out->command_count - 1].instances += run;
    else {
        out->commands[out->command_count++] = (mr_command){r[0], run, r[1], (int32_t)r[2], slot};
        batch->count++;
    }
    batch->instances += run;
    batch->triangles += (uint64_t)(r[0] / 3) * run;
    *last = (tail){slot + run, g};
}

/* A run of one geometry whose draws have several levels: a command for each stretch of equal level. */
static void emit_levels(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, uint32_t slot, uint32_t run,
                        tail *last, mr_list *out) {
    const uint8_t *level = v->detail.level;
    for (uint32_t end = slot + run; slot < end;) {
        uint32_t stop = slot + 1;
        while (stop < end && level[stop] == level[slot]) stop++;
        emit(ranges, range_count, mr_level_geometry(s, s->slot_geometry[slot], level[slot]), slot, stop - slot, last, out);
        slot = stop;
    }
}

/* Commands of one bucket in slot order. */
static int build_bucket(const mr_store *s, const mr_view *v, const mr_bucket *b, const uint32_t *ranges, uint32_t range_count, int merged,
                        mr_list *out) {
    tail last = {MR_NONE, 0};
    if (open_batch(b, merged, out)) return MR_NOMEM;
    for (uint32_t block = b->first_slot / 64; block * 64 < b->first_slot + b->slots; block++) {
        uint64_t word = v->words[block], breaks = s->block_break[block];
        if (!word) continue;
        int levelled = v->detail.block_levelled && v->detail.block_levelled[block];
        if (reserve(out)) return MR_NOMEM;
        while (word) {
            unsigned i = (unsigned)__builtin_ctzll(word);
            uint64_t stop = ~(word >> i) | ((breaks >> i) & ~(uint64_t)1); /* a gap, or where another geometry starts */
            unsigned run = stop ? (unsigned)__builtin_ctzll(stop) : 64;
            word &= run + i >= 64 ? 0 : ~(uint64_t)0 << (i + run);
            uint32_t slot = block * 64 + i;
            if (levelled) emit_levels(s, v, ranges, range_count, slot, run, &last, out);
            else emit(ranges, range_count, s->slot_geometry[slot], slot, run, &last, out);
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

static const mr_bucket *bucket_of(const mr_store *s, uint32_t slot) { return s->buckets + s->block_bucket[slot / 64]; }

static int build_sorted(const mr_store *s, const mr_view *v, const uint32_t *ranges, uint32_t range_count, unsigned alpha, int merge,
                        mr_list *out) {
    size_t n = gather_keys(s, v, alpha, NULL, NULL);
    uint64_t *keys = mr_block_new_brief(2 * n * 8 + 8);
    uint32_t *slots = mr_block_new_brief(2 * n * 4 + 4);
    int bad = keys && slots ? MR_OK : MR_NOMEM;
    if (!bad) {
        gather_keys(s, v, alpha, keys, slots);
        mr_radix(keys, slots, n, 64, keys + n, slots + n);
    }
    tail last = {MR_NONE, 0};
    for (size_t i = 0; i < n && !bad; i++) {
        uint32_t slot = slots[i], block = slot / 64;
        const mr_bucket *b = bucket_of(s, slot);
        int levelled = v->detail.block_levelled && v->detail.block_levelled[block];
        if (slot != last.slot || slot == b->first_slot) last.slot = MR_NONE;
        if (reserve(out) || (last.slot == MR_NONE && open_batch(b, merge && MR_CLASS_ALPHA(b->klass) != 1, out))) bad = MR_NOMEM;
        else emit(ranges, range_count, mr_level_geometry(s, s->slot_geometry[slot], levelled ? v->detail.level[slot] : 0), slot, 1, &last, out);
    }
    mr_block_release(keys);
    mr_block_release(slots);
    return bad;
}

/* Takes out batches that stayed empty and adds up the rest; only triangle topology has triangles. */
static void finish(mr_list *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < out->batch_count; i++) {
        mr_batch *b = out->batches + i;
        if (!b->count) continue;
        if (MR_CLASS_TOPOLOGY(b->klass) != 0) b->triangles = 0;
        out->instances += b->instances;
        out->triangles += b->triangles;
        out->batches[n++] = *b;
    }
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
    finish(out);
    return bad;
}
