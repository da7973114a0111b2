/* A whole store as plain rows, and a store of such rows: what a capture of a scene holds of its nodes. */
#include "mr.h"

uint32_t mr_disordered(const int32_t *parent, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        int64_t up = parent[i], at = (int64_t)i - 1;
        if (up < -1 || up >= (int64_t)i) return i;
        while (at > up) at = parent[at]; /* each step up undoes one step down: O(n) in all */
        if (at != up) return i;
    }
    return n;
}

uint32_t mr_draw_lists(const mr_store *s, uint32_t *counts, uint32_t *geometry, uint32_t *material) {
    uint32_t n = 0;
    for (uint32_t i = 1; i < s->n; i++) {
        uint32_t first = n;
        for (uint32_t d = s->node_draw[i]; d != MR_NONE; d = s->draw_next[d], n++) {
            geometry[n] = s->draw_geometry[d];
            material[n] = s->draw_material[d];
        }
        counts[i - 1] = n - first;
    }
    return n;
}

void mr_read_trs(const mr_store *s, double *rotation, double *scale, uint8_t *kind) {
    for (uint32_t i = 1; i < s->n; i++, rotation += 4, scale += 3)
        *kind++ = mr_get_trs(s, i, rotation, scale) ? MR_SHEARED : s->trs[i] == MR_NONE ? MR_TAKEN_APART : MR_AS_GIVEN;
}

static int reserve(mr_store *s, const mr_rows *r) {
    uint32_t most = 0, draws = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        most = (r->id[i] & MR_INDEX_MASK) > most ? r->id[i] & MR_INDEX_MASK : most;
        draws += r->draws[i];
    }
    if (mr_grow_ids(s, most + 1) || mr_reserve_nodes(s, r->n + 1) || mr_reserve_draws(s, draws, r->geometry, r->material, draws) ||
        mr_grow(&s->ranges, &s->range_cap, r->ranges + 1, sizeof(mr_range)))
        return MR_NOMEM;
    for (uint32_t i = 1; i <= most; i++) s->id_slot[i] = MR_NONE;
    s->id_count = most + 1;
    return MR_OK;
}

static void put_row(mr_store *s, const mr_rows *r, uint32_t i) {
    uint32_t slot = i + 1, index = r->id[i] & MR_INDEX_MASK, up = (uint32_t)(r->parent[i] + 1);
    mr_init_id(s, index, slot);
    mr_init_slot(s, slot, index, up);
    mr_link_last(s, index, s->node_id[up]);
    s->id_gen[index] = (uint8_t)(r->id[i] >> 24);
    memcpy(s->position + 3 * (size_t)slot, r->position + 3 * (size_t)i, 3 * sizeof(double));
    memcpy(s->linear + 9 * (size_t)slot, r->linear + 9 * (size_t)i, 9 * sizeof(float));
    s->state[slot] = r->state[i];
    s->layers[slot] = r->layers[i];
    if (!r->visible[i]) s->flags[slot] &= (uint8_t)~MR_VISIBLE;
}

static void put_ranges(mr_store *s, const mr_rows *r) {
    for (uint32_t k = 0; k < r->ranges; k++) {
        mr_run run = r->range[k];
        s->ranges[k + 1] = (mr_range){s->node_id[run.first + 1], run.count, 0};
        for (uint32_t i = 0; i < run.count; i++) s->id_range[s->node_id[run.first + i + 1]] = k + 1;
    }
    s->range_count = r->ranges + 1;
}

int mr_restore(mr_store *s, const mr_rows *r) {
    if (reserve(s, r)) return MR_NOMEM;
    s->n = r->n + 1; /* memory was reserved: nothing below fails */
    s->node_count = r->n;
    s->draws_dirty = s->scan_all = 1;
    for (uint32_t i = 0, d = 0; i < r->n; d += r->draws[i++]) {
        put_row(s, r, i);
        mr_set_draws(s, i + 1, r->geometry + d, r->material + d, r->draws[i]);
    }
    put_ranges(s, r);
    for (uint32_t i = s->n - 1; i > 0; i--) s->subtree[s->parent[i]] += s->subtree[i];
    for (uint32_t i = 1; i < s->id_count; i++)
        if (s->id_slot[i] == MR_NONE) mr_free_id(s, i);
    s->epoch++;
    return MR_OK;
}
