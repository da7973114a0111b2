/* Draw records, which descriptions they keep in use, and the rows and pages that the GPU reads. */
#include "mr.h"

#include <string.h>

static int grow_draws(mr_store *s, uint32_t need) {
    uint32_t c = s->draw_cap, k;
    void *arrays[] = {&s->draw_geometry, &s->draw_material, &s->draw_next, &s->draw_slot};
    for (int i = 0; i < 4; i++) {
        k = c;
        if (mr_grow(arrays[i], &k, need, sizeof(uint32_t))) return MR_NOMEM;
    }
    s->draw_cap = k;
    return MR_OK;
}

/* The caller has reserved it. */
static uint32_t take_draw(mr_store *s) {
    uint32_t d = s->draw_free;
    if (d != MR_NONE) {
        s->draw_free = s->draw_next[d];
        return d;
    }
    return s->draw_rows++;
}

/* A record for the slot; the caller links it. */
static void fill_record(mr_store *s, uint32_t d, uint32_t slot, uint32_t geometry, uint32_t material) {
    s->geometries[geometry].users++;
    s->materials[material].users++;
    s->draw_geometry[d] = geometry;
    s->draw_material[d] = material;
    s->draw_next[d] = s->draw_slot[d] = MR_NONE;
    s->flags[slot] |= MR_DRAWN;
    s->draw_count++;
}

void mr_note_idle(mr_store *s, uint32_t what) {
    if (!mr_grow(&s->idle, &s->idle_cap, s->idle_count + 1, sizeof(uint32_t))) s->idle[s->idle_count++] = what;
}

uint32_t mr_take_idle(mr_store *s, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->idle_count; i++) {
        uint32_t index = s->idle[i] & 0x7FFFFFFFu;
        if ((s->idle[i] >> 31 ? s->materials[index].users : s->geometries[index].users) == 0) out[n++] = s->idle[i];
    }
    s->idle_count = 0;
    return n;
}

void mr_forget(mr_store *s, int kind, uint32_t index) {
    if (kind == 0 && index < s->geometry_count) {
        s->geometries[index].active = 0;
        s->draws_dirty |= s->geometries[index].users > 0;
    }
    if (kind == 0) { /* taking away needs no memory */
        mr_set_levels(s, index, NULL, NULL, 0);
        mr_set_occluder(s, index, NULL, 0, NULL, 0);
        mr_set_flesh(s, index, 0, NULL, NULL, 0, NULL);
    }
    if (kind == 1 && index < s->material_count) {
        s->materials[index].active = 0;
        s->draws_dirty |= s->materials[index].users > 0;
    }
    s->epoch++;
}

static void release_record(mr_store *s, uint32_t d) {
    uint32_t g = s->draw_geometry[d], m = s->draw_material[d];
    if (s->draw_slot[d] != MR_NONE) mr_kill_slot(s, s->draw_slot[d]);
    if (--s->geometries[g].users == 0) mr_note_idle(s, g);
    if (--s->materials[m].users == 0) mr_note_idle(s, m | 1u << 31);
    s->draw_next[d] = s->draw_free;
    s->draw_free = d;
    s->draw_count--;
}

/* Makes room for descriptions that draws name before they are described. */
static int reserve(mr_store *s, uint32_t geometry, uint32_t material) {
    if (mr_grow(&s->geometries, &s->geometry_cap, geometry + 1, sizeof(mr_geometry))) return MR_NOMEM;
    if (mr_grow(&s->materials, &s->material_cap, material + 1, sizeof(mr_material))) return MR_NOMEM;
    if (geometry >= s->geometry_count) s->geometry_count = geometry + 1;
    if (material >= s->material_count) s->material_count = material + 1;
    return MR_OK;
}

void mr_clear_draws(mr_store *s, uint32_t slot) {
    uint32_t d = s->node_draw[slot];
    if (d == MR_NONE) return;
    while (d != MR_NONE) {
        uint32_t next = s->draw_next[d];
        release_record(s, d);
        d = next;
    }
    s->node_draw[slot] = MR_NONE;
    s->flags[slot] &= (uint8_t)~MR_DRAWN;
    s->epoch++;
}

int mr_reserve_draws(mr_store *s, size_t records, const uint32_t *geometry, const uint32_t *material, uint32_t k) {
    uint32_t g = 0, m = 0;
    for (uint32_t i = 0; i < k; i++) {
        g = geometry[i] > g ? geometry[i] : g;
        m = material[i] > m ? material[i] : m;
    }
    if (s->draw_rows + records >= MR_NONE || grow_draws(s, s->draw_rows + (uint32_t)records)) return MR_NOMEM;
    return k ? reserve(s, g, m) : MR_OK;
}

int mr_set_draws(mr_store *s, uint32_t slot, const uint32_t *geometry, const uint32_t *material, uint32_t k) {
    if (mr_reserve_draws(s, k, geometry, material, k)) return MR_NOMEM;
    mr_clear_draws(s, slot);
    uint32_t last = MR_NONE;
    for (uint32_t i = 0; i < k; i++) {
        uint32_t d = take_draw(s);
        fill_record(s, d, slot, geometry[i], material[i]);
        if (last == MR_NONE) s->node_draw[slot] = d;
        else s->draw_next[last] = d;
        last = d;
    }
    if (k) mr_note_fresh(s, s->node_id[slot], 1);
    s->epoch++;
    return MR_OK;
}

int mr_set_draws_many(mr_store *s, const uint32_t *slots, size_t n, const uint32_t *geometry, const uint32_t *material, uint32_t k) {
    if (mr_reserve_draws(s, n * k, geometry, material, k)) return MR_NOMEM;
    for (size_t i = 0; i < n; i++) mr_set_draws(s, slots[i], geometry, material, k); /* memory was reserved */
    return MR_OK;
}

int mr_set_draws_each(mr_store *s, uint32_t first, uint32_t n, const uint32_t *geometry, const uint32_t *material) {
    if (mr_reserve_draws(s, n, geometry, material, n)) return MR_NOMEM;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t d = take_draw(s);
        fill_record(s, d, first + i, geometry[i], material[i]);
        s->node_draw[first + i] = d;
        mr_note_fresh(s, s->node_id[first + i], n - i);
    }
    s->epoch++;
    return MR_OK;
}

int mr_draws_of(const mr_store *s, uint32_t slot, uint32_t *geometry, uint32_t *material) {
    int n = 0;
    for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d], n++) {
        if (geometry) geometry[n] = s->draw_geometry[d];
        if (material) material[n] = s->draw_material[d];
    }
    return n;
}

int mr_set_material(mr_store *s, uint32_t index, uint32_t key, uint32_t shading) {
    if (mr_grow(&s->materials, &s->material_cap, index + 1, sizeof(mr_material))) return MR_NOMEM;
    if (index >= s->material_count) s->material_count = index + 1;
    mr_material *m = s->materials + index;
    if (m->users && (!m->active || m->key != key || m->shading != shading)) s->draws_dirty = 1;
    m->key = key;
    m->shading = shading;
    m->active = 1;
    if (!m->users) mr_note_idle(s, index | 1u << 31);
    s->epoch++;
    return MR_OK;
}

void mr_label_draws(mr_store *s, uint32_t slot) {
    for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d]) {
        uint32_t at = s->draw_slot[d];
        if (at == MR_NONE) continue;
        uint32_t anchor = mr_draw_anchor(s, slot, s->draw_geometry[d]);
        if (s->slot_anchor[at] != anchor) s->page_epoch[MR_INFO][at / 256] = s->epoch;
        s->slot_anchor[at] = anchor;
        s->slot_layers[at] = s->layers[slot];
        s->block_mixed_layers[at / 64] |= MR_UNLABELLED;
        mr_dirty_slot(s, at);
    }
}

uint32_t mr_draw_at(const mr_store *s, uint32_t at) {
    uint32_t node = s->slot_node[at], d = node == MR_NONE ? MR_NONE : s->node_draw[node];
    while (d != MR_NONE && s->draw_slot[d] != at) d = s->draw_next[d];
    return d;
}

void mr_slot_materials(const mr_store *s, uint32_t *out) {
    for (uint32_t i = 0; i < s->slots; i++) {
        uint32_t d = mr_draw_at(s, i);
        out[i] = d == MR_NONE ? 0 : s->draw_material[d];
    }
}

uint32_t mr_bucket_draws(const mr_store *s, const uint8_t *wanted, uint32_t count, uint32_t *out) {
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->bucket_count; k++) {
        const mr_bucket *b = s->buckets + k;
        uint32_t slot = b->first_slot, end = b->first_slot + b->slots;
        while (slot < end && (s->slot_node[slot] == MR_NONE || s->slot_geometry[slot] >= count || !wanted[s->slot_geometry[slot]])) slot++;
        if (slot == end) continue;
        uint32_t row[4] = {b->klass, b->shading, slot, s->slot_geometry[slot]};
        memcpy(out + 4 * (size_t)n++, row, sizeof row);
    }
    return n;
}

void mr_dirty_slot(mr_store *s, uint32_t at) {
    uint32_t block = at / 64;
    if (!s->block_dirty[block]) s->dirty_blocks[s->dirty_block_count++] = block;
    s->block_dirty[block] |= (uint64_t)1 << (at & 63);
}

uint32_t mr_page_slots(int kind) { return kind == MR_TRANSFORM || kind == MR_BOX_ROW ? 64 : 256; }

uint32_t mr_row_count(const mr_store *s, int kind) { return kind == MR_DEFORM ? s->deform_rows : s->slots; }

size_t mr_row_bytes(int kind) { return kind == MR_TRANSFORM ? 48 : kind == MR_BOX_ROW ? 32 : 16; }

void mr_touch_draws(mr_store *s, uint32_t slot, unsigned kinds) {
    for (uint32_t d = s->node_draw[slot]; d != MR_NONE; d = s->draw_next[d]) {
        uint32_t at = s->draw_slot[d];
        if (at == MR_NONE) continue;
        mr_dirty_slot(s, at);
        if (kinds & 1u << MR_TRANSFORM) s->page_epoch[MR_TRANSFORM][at / 64] = s->epoch;
        if (kinds & 1u << MR_STATE) s->page_epoch[MR_STATE][at / 256] = s->epoch;
    }
}

/* Rows of `size` bytes by node, in the order of the draw slots: those ahead are asked for, because they stand anywhere. */
static inline void gather_rows(const mr_store *s, const void *rows, size_t size, uint32_t first, uint32_t count, char *to) {
    const char *from = rows;
    const uint32_t *nodes = s->slot_node + first;
    for (uint32_t i = 0; i < count; i++, to += size) {
        uint32_t ahead = nodes[i + 16 < count ? i + 16 : i];
        if (ahead != MR_NONE) __builtin_prefetch(from + size * ahead);
        if (nodes[i] == MR_NONE) memset(to, 0, size);
        else memcpy(to, from + size * nodes[i], size);
    }
}

static void info_rows(const mr_store *s, uint32_t first, uint32_t count, char *to) {
    for (uint32_t i = first; i < first + count; i++, to += 16) {
        uint32_t d = mr_draw_at(s, i), flags = (uint32_t)(s->block_mirrored[i / 64] >> (i & 63) & 1) << 24;
        uint32_t row[4] = {s->slot_id[i], d == MR_NONE ? 0 : s->draw_material[d], s->slot_anchor[i] | flags,
                           d == MR_NONE ? 0 : mr_deform_row(s, s->slot_node[i], s->draw_geometry[d])};
        memcpy(to, row, sizeof row);
    }
}

void mr_fill_rows(const mr_store *s, int kind, uint32_t first, uint32_t count, void *out) {
    if (kind == MR_DEFORM) memcpy(out, s->deform + 4 * (size_t)first, 16 * (size_t)count);
    else if (kind == MR_BOX_ROW) mr_box_rows(s, first, count, out);
    else if (kind == MR_TRANSFORM) gather_rows(s, s->world, 48, first, count, out);
    else if (kind == MR_STATE) gather_rows(s, s->state, 16, first, count, out);
    else info_rows(s, first, count, out);
}

uint32_t mr_dirty_runs(const mr_store *s, int kind, uint64_t since, mr_run *runs) {
    uint32_t rows = mr_row_count(s, kind), size = mr_page_slots(kind), pages = (rows + size - 1) / size, n = 0, end = 0;
    for (uint32_t i = 0; i < pages; i++) {
        if (s->page_epoch[kind][i] <= since) continue;
        if (n && i - end <= 1) runs[n - 1].count = (i + 1) * size - runs[n - 1].first;
        else runs[n++] = (mr_run){i * size, size};
        end = i + 1;
    }
    if (n && runs[n - 1].first + runs[n - 1].count > rows) runs[n - 1].count = rows - runs[n - 1].first;
    return n;
}
