/* Draw slots between two sorts: new draws go to the end of their bucket, removed ones leave dead slots, and a bucket is sorted
 * again when a sixteenth of it is unsorted or dead or the surface of its blocks has doubled.
 */
#include "mr.h"

#include <math.h>
#include <string.h>

#define SMALL 256 /* up to here every addition sorts all draws: it costs less than keeping books */

int mr_grow_slots(mr_store *s, uint32_t slots) {
    uint32_t old = s->slot_cap, need = (slots + 4095) & ~4095u, shrink = need < old / 4;
    if (slots <= old && !shrink) return MR_OK;
    struct { void *array; uint32_t per; size_t size; } all[] = {
        {&s->slot_node, 1, 4}, {&s->slot_geometry, 1, 4}, {&s->slot_id, 1, 4}, {&s->slot_anchor, 1, 4}, {&s->slot_layers, 1, 4},
        {&s->box, 1, 24}, {&s->block_box, 64, 32}, {&s->block_live, 64, 8}, {&s->block_break, 64, 8}, {&s->block_dirty, 64, 8},
        {&s->block_used, 64, 8}, {&s->block_mirrored, 64, 8}, {&s->block_anchor, 64, 4}, {&s->block_layers, 64, 4},
        {&s->block_bucket, 64, 4}, {&s->block_area, 64, 4}, {&s->block_mixed_layers, 64, 1}, {&s->page_epoch[0], 64, 8},
        {&s->page_epoch[1], 256, 8}, {&s->page_epoch[2], 256, 8}, {&s->page_epoch[3], 64, 8}, {&s->dirty_blocks, 64, 4},
        {&s->group_box, 4096, 32}, {&s->lane_box, 4096, 1536}, {&s->group_anchor, 4096, 4}, {&s->group_dirty, 4096, 1}};
    enum { COUNT = sizeof all / sizeof *all };
    void *blocks[COUNT];
    for (int i = 0; i < COUNT; i++)
        if (!(blocks[i] = mr_block_new((size_t)(need / all[i].per) * all[i].size))) {
            while (i-- > 0) mr_block_release(blocks[i]);
            return MR_NOMEM;
        }
    uint32_t kept = s->slots < need ? s->slots : need;
    for (int i = 0; i < COUNT; i++) {
        void *before;
        memcpy(&before, all[i].array, sizeof before);
        if (before) memcpy(blocks[i], before, (size_t)((kept + all[i].per - 1) / all[i].per) * all[i].size);
        mr_block_release(before);
        memcpy(all[i].array, &blocks[i], sizeof(void *));
    }
    s->slot_cap = need;
    return MR_OK;
}

void mr_clear_slots(mr_store *s, uint32_t first, uint32_t count, uint32_t bucket) {
    if (!count) return; /* the arrays may not exist yet */
    uint32_t *none[] = {s->slot_node, s->slot_geometry}, *zero[] = {s->slot_id, s->slot_anchor, s->slot_layers};
    for (int i = 0; i < 2; i++) memset(none[i] + first, 0xFF, (size_t)count * 4);
    for (int i = 0; i < 3; i++) memset(zero[i] + first, 0, (size_t)count * 4);
    memset(s->box + 6 * (size_t)first, 0xFF, (size_t)count * 24); /* NaN: no comparison with an empty slot holds */
    uint64_t *words[] = {s->block_live, s->block_break, s->block_dirty, s->block_used, s->block_mirrored};
    for (int i = 0; i < 5; i++) memset(words[i] + first / 64, 0, (size_t)count / 8);
    for (uint32_t b = first / 64; b < (first + count) / 64; b++) {
        s->block_bucket[b] = bucket;
        s->block_mixed_layers[b] = MR_UNLABELLED;
        s->block_area[b] = 0;
    }
}

void mr_fill_slot(mr_store *s, uint32_t at, uint32_t node, uint32_t d, const mr_bucket *b) {
    uint64_t bit = (uint64_t)1 << (at & 63);
    uint32_t block = at / 64, g = s->draw_geometry[d];
    s->slot_node[at] = node;
    s->slot_geometry[at] = g;
    s->slot_id[at] = mr_public_id(s, s->node_id[node]);
    s->slot_anchor[at] = mr_draw_anchor(s, node, g);
    s->slot_layers[at] = s->layers[node];
    s->block_used[block] |= bit;
    if (b->klass & MR_CLASS_MIRRORED) s->block_mirrored[block] |= bit;
    else s->block_mirrored[block] &= ~bit;
    if (at == b->first_slot || s->slot_geometry[at - 1] != g) s->block_break[block] |= bit;
    else s->block_break[block] &= ~bit;
    s->block_mixed_layers[block] |= MR_UNLABELLED;
    s->draw_slot[d] = at;
    mr_dirty_slot(s, at);
}

void mr_kill_slot(mr_store *s, uint32_t at) {
    uint32_t block = at / 64;
    uint64_t bit = (uint64_t)1 << (at & 63);
    s->slot_node[at] = s->slot_geometry[at] = MR_NONE;
    s->slot_id[at] = 0;
    for (int k = 0; k < 6; k++) s->box[(size_t)block * 384 + 64 * k + (at & 63)] = NAN;
    s->block_used[block] &= ~bit;
    s->block_live[block] &= ~bit;
    s->block_mixed_layers[block] |= MR_UNLABELLED;
    mr_dirty_slot(s, at);
    mr_bucket *b = s->buckets + s->block_bucket[block];
    b->dead++;
    while (b->slots && s->slot_node[b->first_slot + b->slots - 1] == MR_NONE) { /* the end of a bucket can be used again */
        b->slots--;
        b->dead--;
    }
    if (b->sorted > b->slots) b->sorted = b->slots;
}

void mr_note_fresh(mr_store *s, uint32_t index, uint32_t more) {
    if (s->draws_dirty) return;
    uint64_t all = (uint64_t)s->fresh_count + more;
    if (s->draw_count <= SMALL || all * 4 >= s->draw_count || mr_grow(&s->fresh, &s->fresh_cap, s->fresh_count + 1, 4)) s->draws_dirty = 1;
    else s->fresh[s->fresh_count++] = index;
}

/* A place among the buckets where a new class stays next to its like, so that batches of one class stay neighbours. */
static mr_bucket *new_bucket(mr_store *s, uint32_t klass, uint32_t shading) {
    uint32_t at = s->slots, k = 0;
    if (mr_grow_slots(s, at + 64) || mr_grow(&s->buckets, &s->bucket_cap, s->bucket_count + 1, sizeof(mr_bucket))) return NULL;
    while (k < s->bucket_count && s->buckets[k].klass <= klass) k++;
    memmove(s->buckets + k + 1, s->buckets + k, (s->bucket_count - k) * sizeof(mr_bucket));
    for (uint32_t block = 0; block < at / 64; block++)
        if (s->block_bucket[block] != MR_NONE && s->block_bucket[block] >= k) s->block_bucket[block]++;
    s->buckets[k] = (mr_bucket){klass, shading, at, 0, 64, 0, 0, 0, 0, -1};
    s->bucket_count++;
    s->slots = at + 64;
    mr_clear_slots(s, at, 64, k);
    return s->buckets + k;
}

static mr_bucket *find_bucket(mr_store *s, uint32_t klass, uint32_t shading, uint32_t *guess) {
    if (*guess < s->bucket_count && s->buckets[*guess].klass == klass && s->buckets[*guess].shading == shading) return s->buckets + *guess;
    for (uint32_t k = 0; k < s->bucket_count; k++)
        if (s->buckets[k].klass == klass && s->buckets[k].shading == shading) {
            *guess = k;
            return s->buckets + k;
        }
    return new_bucket(s, klass, shading);
}

/* Moves a full bucket to the end of the slots, with an eighth to spare. */
static int move_bucket(mr_store *s, mr_bucket *b) {
    uint32_t from = b->first_slot, room = b->room, to = s->slots, wide = (b->slots + b->slots / 8 + 127) & ~63u;
    if (mr_grow_slots(s, to + wide)) return MR_NOMEM;
    s->slots = to + wide;
    mr_clear_slots(s, to, wide, (uint32_t)(b - s->buckets));
    uint32_t kept = b->slots;
    b->first_slot = to;
    b->room = wide;
    b->slots = b->dead = 0;
    b->area = 0;
    for (uint32_t i = 0; i < kept; i++) {
        uint32_t d = mr_draw_at(s, from + i);
        if (d == MR_NONE) continue;
        mr_fill_slot(s, to + b->slots++, s->slot_node[from + i], d, b);
    }
    b->sorted = b->sorted < b->slots ? b->sorted : b->slots;
    for (int k = 0; k < 3; k++)
        for (uint32_t at = to; at < to + b->slots; at += 64) s->page_epoch[k][at / mr_page_slots(k)] = s->epoch;
    for (uint32_t block = from / 64; block < (from + room) / 64; block++) /* listed once, whether or not it was dirty already */
        if (!s->block_dirty[block]) s->dirty_blocks[s->dirty_block_count++] = block;
    mr_clear_slots(s, from, room, MR_NONE);
    for (uint32_t block = from / 64; block < (from + room) / 64; block++) s->block_dirty[block] = 1;
    return MR_OK;
}

/* Gives one draw a slot at the end of its bucket. */
static int append(mr_store *s, uint32_t node, uint32_t d, int mirrored, uint32_t *guess) {
    mr_bucket *b = find_bucket(s, mr_class_of(s, d, mirrored), s->materials[s->draw_material[d]].shading, guess);
    if (!b || (b->slots == b->room && move_bucket(s, b))) return MR_NOMEM;
    uint32_t at = b->first_slot + b->slots++;
    mr_fill_slot(s, at, node, d, b);
    for (int k = 0; k < 3; k++) s->page_epoch[k][at / mr_page_slots(k)] = s->epoch;
    return MR_OK;
}

/* Too many slots without a draw: everything is laid out anew. */
void mr_check_waste(mr_store *s) {
    uint64_t used = 0;
    for (uint32_t k = 0; k < s->bucket_count; k++) used += s->buckets[k].slots - s->buckets[k].dead;
    if (s->slots && (!used || s->slots > used + used / 8 + 128 * (uint64_t)s->bucket_count + 4096)) s->draws_dirty = 1;
}

int mr_place_fresh(mr_store *s) {
    uint32_t guess = 0;
    for (uint32_t i = 0; i < s->fresh_count && !s->draws_dirty; i++) {
        uint32_t node = s->fresh[i] < s->id_count ? s->id_slot[s->fresh[i]] : MR_NONE;
        if (node == MR_NONE) continue;
        int mirrored = mr_mirrored(s->world + 12 * (size_t)node);
        for (uint32_t d = s->node_draw[node]; d != MR_NONE; d = s->draw_next[d])
            if (s->draw_slot[d] == MR_NONE && mr_drawable(s, d) && append(s, node, d, mirrored, &guess)) return MR_NOMEM;
    }
    s->fresh_count = 0;
    return MR_OK;
}

int mr_place_flips(mr_store *s) {
    uint32_t guess = 0;
    if ((uint64_t)s->flip_count * 4 >= s->draw_count) s->draws_dirty = 1;
    for (uint32_t i = 0; i < s->flip_count && !s->draws_dirty; i++) {
        uint32_t d = s->flips[i], at = s->draw_slot[d], node = s->slot_node[at];
        mr_kill_slot(s, at);
        s->draw_slot[d] = MR_NONE;
        if (append(s, node, d, mr_mirrored(s->world + 12 * (size_t)node), &guess)) {
            s->draws_dirty = 1; /* this one has no slot now */
            return MR_NOMEM;
        }
    }
    s->flip_count = 0;
    return MR_OK;
}

uint32_t mr_worst_bucket(mr_store *s) {
    uint32_t worst = MR_NONE;
    double most = 0;
    s->unsorted = 0;
    for (uint32_t k = 0; k < s->bucket_count; k++) {
        mr_bucket *b = s->buckets + k;
        if (b->area_sorted < 0 && isfinite(b->area)) b->area_sorted = b->area;
        uint32_t tail = b->slots - b->sorted, most_of = tail > b->dead ? tail : b->dead;
        double share = (double)most_of * 16 / (b->slots + 1.0), growth = b->area / (2 * b->area_sorted);
        if (isfinite(growth) && growth > share && b->slots > 64) share = growth;
        if (share <= 1) continue;
        s->unsorted++;
        if (share > most) {
            most = share;
            worst = k;
        }
    }
    return worst;
}
