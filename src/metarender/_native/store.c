/* Ids and the tree: adding, removing and moving nodes in O(1) list edits; order.c restores slot order later.
 * One room because every edit of the tree keeps the same lists and counts true. */
#include "mr.h"

#include <string.h>

/* Arrays that share a capacity grow one by one from the same start value; the common capacity moves only when all did. */
#define GROW(field, old) do { uint32_t cap_ = (old); if (mr_grow(&s->field, &cap_, need, sizeof *s->field)) return MR_NOMEM; } while (0)

void mr_free_id(mr_store *s, uint32_t index) {
    s->id_next[index] = MR_NONE;
    if (s->id_free_tail == MR_NONE) s->id_free_head = index;
    else s->id_next[s->id_free_tail] = index;
    s->id_free_tail = index;
}

int mr_grow_ids(mr_store *s, uint32_t need) {
    if (need <= s->id_cap) return MR_OK;
    uint32_t c = s->id_cap;
    need = mr_next_cap(c, need);
    GROW(id_slot, c); GROW(id_parent, c); GROW(id_child, c); GROW(id_last, c); GROW(id_next, c); GROW(id_prev, c);
    GROW(id_range, c); GROW(id_serial, c);
    if (mr_grow(&s->id_gen, &s->id_gen_cap, need, 1)) return MR_NOMEM;
    s->id_cap = need;
    return MR_OK;
}

/* Gives back rows of ids above the highest living one when a quarter is left. Generations stay: an old id never names a new node. */
void mr_trim_ids(mr_store *s) {
    if (s->id_cap <= 4096 || s->node_count >= s->id_cap / 4) return;
    uint32_t count = s->id_count;
    while (count > 1 && s->id_slot[count - 1] == MR_NONE) count--;
    uint32_t cap = count + count / 4 + 64, *arrays[] = {s->id_slot, s->id_parent, s->id_child, s->id_last, s->id_next, s->id_prev, s->id_range};
    void *fields[] = {&s->id_slot, &s->id_parent, &s->id_child, &s->id_last, &s->id_next, &s->id_prev, &s->id_range, &s->id_serial}, *blocks[8];
    if (cap >= s->id_cap / 2) return;
    for (int k = 0; k < 8; k++)
        if (!(blocks[k] = mr_block_new((size_t)cap * (k == 7 ? 8 : 4)))) { /* then the rows stay */
            while (k-- > 0) mr_block_release(blocks[k]);
            return;
        }
    for (int k = 0; k < 8; k++) {
        if (k == 7) memcpy(blocks[k], s->id_serial, (size_t)count * 8);
        else memcpy(blocks[k], arrays[k], (size_t)count * 4);
        mr_block_release(k == 7 ? (void *)s->id_serial : arrays[k]);
        memcpy(fields[k], &blocks[k], sizeof(void *));
    }
    s->id_cap = cap;
    s->id_count = count;
    s->id_free_head = s->id_free_tail = MR_NONE;
    for (uint32_t i = 1; i < count; i++)
        if (s->id_slot[i] == MR_NONE) mr_free_id(s, i);
}

int mr_reserve_nodes(mr_store *s, uint32_t need) {
    if (need <= s->cap) return MR_OK;
    uint32_t c = s->cap;
    need = mr_next_cap(c, need);
    /* Rows of several values: the capacity is counted in rows, so each grows by its own row size. */
    uint32_t k = c;
    if (mr_grow(&s->position, &k, need, 3 * sizeof(double))) return MR_NOMEM;
    k = c;
    if (mr_grow(&s->linear, &k, need, 9 * sizeof(float))) return MR_NOMEM;
    k = c;
    if (mr_grow(&s->world, &k, need, 12 * sizeof(float))) return MR_NOMEM;
    GROW(state, c); GROW(node_id, c); GROW(parent, c); GROW(subtree, c); GROW(anchor, c); GROW(layers, c); GROW(trs, c);
    GROW(node_draw, c); GROW(flags, c);
    s->cap = need;
    return MR_OK;
}

void mr_trim(mr_store *s) {
    void *nodes[] = {s->position, s->linear, s->world, s->state, s->node_id, s->parent, s->subtree, s->anchor, s->layers, s->trs,
                     s->node_draw, s->flags};
    const size_t node_sizes[] = {24, 36, 48, sizeof(mr_state), 4, 4, 4, 4, 4, 4, 4, 1};
    mr_trim_arrays(nodes, node_sizes, 12, &s->cap, s->n);
    void *ids[] = {s->id_slot, s->id_parent, s->id_child, s->id_last, s->id_next, s->id_prev, s->id_range, s->id_serial};
    const size_t id_sizes[] = {4, 4, 4, 4, 4, 4, 4, 8};
    mr_trim_arrays(ids, id_sizes, 8, &s->id_cap, s->id_count);
    void *draws[] = {s->draw_geometry, s->draw_material, s->draw_next, s->draw_slot};
    const size_t draw_sizes[] = {4, 4, 4, 4};
    if (s->draw_cap) mr_trim_arrays(draws, draw_sizes, 4, &s->draw_cap, s->draw_rows);
}

void mr_init_slot(mr_store *s, uint32_t slot, uint32_t index, uint32_t parent_slot) {
    static const float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    memset(s->position + 3 * (size_t)slot, 0, 3 * sizeof(double));
    memcpy(s->linear + 9 * (size_t)slot, identity, sizeof identity);
    memset(s->world + 12 * (size_t)slot, 0, 12 * sizeof(float));
    for (int i = 0; i < 3; i++) s->world[12 * (size_t)slot + 5 * i] = 1.0f;
    memset(s->state + slot, 0, sizeof(mr_state));
    s->node_id[slot] = index;
    s->parent[slot] = parent_slot;
    s->subtree[slot] = 1;
    s->anchor[slot] = MR_NONE;
    s->layers[slot] = 1;
    s->trs[slot] = MR_NONE;
    s->node_draw[slot] = MR_NONE;
    s->flags[slot] = MR_VISIBLE | MR_MOVED | MR_TINTED;
}

void mr_init_id(mr_store *s, uint32_t index, uint32_t slot) {
    s->id_slot[index] = slot;
    s->id_serial[index] = ++s->serial;
    s->id_child[index] = s->id_last[index] = s->id_next[index] = s->id_prev[index] = s->id_parent[index] = MR_NONE;
    s->id_range[index] = 0;
}

mr_store *mr_store_new(int level) {
    mr_store *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->level = level;
    s->id_free_head = s->id_free_tail = s->trs_free = s->anchor_free = s->draw_free = MR_NONE;
    s->range_count = 1;
    if (mr_grow_ids(s, 64) || mr_reserve_nodes(s, 64) || mr_grow(&s->anchors, &s->anchor_cap, 16, sizeof(mr_anchor)) ||
        mr_grow(&s->ranges, &s->range_cap, 16, sizeof(mr_range))) {
        mr_store_free(s);
        return NULL;
    }
    mr_init_id(s, 0, 0);
    mr_init_slot(s, 0, 0, MR_NONE);
    s->flags[0] = MR_VISIBLE | MR_SHOWN;
    s->anchor[0] = 0;
    s->id_count = s->n = s->anchor_count = s->anchor_live = 1;
    s->anchors[0].alive = s->anchors[0].users = 1;
    s->anchors[0].parent = s->anchors[0].next = MR_NONE;
    s->epoch = s->draw_epoch = 1;
    return s;
}

void mr_store_free(mr_store *s) {
    if (!s) return;
    mr_occluders_free(s);
    mr_poses_free(s);
    void *all[] = {s->fresh, s->flips, s->heap, s->block_used, s->block_mirrored, s->block_bucket, s->block_area, s->idle, s->id_slot, s->id_parent, s->id_child, s->id_last, s->id_next, s->id_prev, s->id_range, s->id_serial, s->id_gen,
                   s->position, s->linear, s->world, s->state, s->node_id, s->parent, s->subtree, s->anchor, s->layers, s->trs,
                   s->node_draw, s->flags, s->trs_rows, s->ranges, s->anchors, s->anchor_hash, s->anchor_idle, s->geometries,
                   s->materials, s->draw_geometry, s->draw_material, s->draw_next, s->draw_slot,
                   s->slot_node, s->slot_geometry, s->slot_id, s->slot_anchor, s->slot_layers,
                   s->box, s->block_box, s->block_live, s->block_break, s->block_dirty, s->block_anchor, s->block_layers,
                   s->block_mixed_layers, s->buckets, s->group_box, s->group_anchor, s->group_dirty, s->page_epoch[0], s->page_epoch[1],
                   s->page_epoch[2], s->page_epoch[3], s->dirty, s->dirty_blocks, s->levels, s->lane_box};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
    free(s);
}

static uint64_t bytes_of(void *const *blocks, size_t n) {
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += mr_block_bytes(blocks[i]);
    return sum;
}
#define BYTES(...) bytes_of((void *const[]){__VA_ARGS__}, sizeof((void *const[]){__VA_ARGS__}) / sizeof(void *))

void mr_memory(const mr_store *s, uint64_t out[MR_MEMORY_KINDS]) {
    out[0] = BYTES(s->id_slot, s->id_parent, s->id_child, s->id_last, s->id_next, s->id_prev, s->id_range, s->id_serial, s->id_gen,
                   s->node_id, s->parent, s->subtree, s->flags, s->ranges);
    out[1] = BYTES(s->position, s->linear, s->world, s->anchor, s->trs, s->trs_rows, s->anchors, s->anchor_hash, s->anchor_idle);
    out[2] = BYTES(s->state, s->layers);
    out[3] = BYTES(s->node_draw, s->draw_geometry, s->draw_material, s->draw_next, s->draw_slot, s->slot_node, s->slot_geometry, s->slot_id,
                   s->slot_anchor, s->slot_layers, s->block_break, s->block_used, s->block_mirrored, s->block_bucket, s->buckets);
    out[4] = BYTES(s->box, s->block_box, s->block_live, s->block_anchor, s->block_layers, s->block_mixed_layers, s->block_area, s->group_box,
                   s->lane_box, s->group_anchor, s->group_dirty);
    out[5] = BYTES(s->geometries, s->materials, s->levels, s->idle);
    out[7] = mr_pose_bytes(s);
    out[6] = BYTES(s->dirty, s->dirty_blocks, s->block_dirty, s->page_epoch[0], s->page_epoch[1], s->page_epoch[2], s->page_epoch[3],
                   s->heap, s->fresh, s->flips);
}

uint32_t mr_public_id(const mr_store *s, uint32_t index) { return index | (uint32_t)s->id_gen[index] << 24; }

uint32_t mr_resolve(const mr_store *s, uint32_t id) {
    uint32_t index = id & MR_INDEX_MASK;
    if (index >= s->id_count || s->id_slot[index] == MR_NONE || s->id_gen[index] != id >> 24) return MR_NONE;
    return index;
}

size_t mr_resolve_slots(const mr_store *s, const uint32_t *ids, size_t n, uint32_t *slots) {
    for (size_t i = 0; i < n; i++) {
        uint32_t index = mr_resolve(s, ids[i]);
        if (index == MR_NONE || index == 0) return i;
        slots[i] = s->id_slot[index];
    }
    return n;
}

void mr_link_last(mr_store *s, uint32_t index, uint32_t parent) {
    uint32_t last = s->id_last[parent];
    s->id_parent[index] = parent;
    s->id_prev[index] = last;
    s->id_next[index] = MR_NONE;
    if (last == MR_NONE) s->id_child[parent] = index;
    else s->id_next[last] = index;
    s->id_last[parent] = index;
}

static void unlink_id(mr_store *s, uint32_t index) {
    uint32_t p = s->id_parent[index], a = s->id_prev[index], b = s->id_next[index];
    if (a == MR_NONE) s->id_child[p] = b;
    else s->id_next[a] = b;
    if (b == MR_NONE) s->id_last[p] = a;
    else s->id_prev[b] = a;
}

/* A member that goes leaves its range; the rows close up because members are consecutive siblings. */
static void leave_range(mr_store *s, uint32_t index) {
    uint32_t r = s->id_range[index];
    if (!r) return;
    mr_range *range = s->ranges + r;
    s->id_range[index] = 0;
    if (--range->count == 0) range->first_id = MR_NONE;
    else if (range->first_id == index) range->first_id = s->id_next[index];
}

/* A member that gets a child moves behind its siblings, so that the rest of the range stays contiguous. The caller has reserved a
 * slot and a dirty run. */
static void become_parent(mr_store *s, uint32_t index) {
    if (!s->id_range[index]) return;
    uint32_t parent = s->id_parent[index];
    mr_move_to_tail(s, index, parent);
    leave_range(s, index);
    unlink_id(s, index);
    mr_link_last(s, index, parent);
}

/* Slots are compacted before holes outnumber nodes, whatever is edited between two updates. */
static int make_room(mr_store *s) {
    return s->holes > s->node_count + 1024 ? mr_order(s) : MR_OK;
}

static uint32_t new_range(mr_store *s) {
    uint32_t r = s->range_free;
    if (r) {
        s->range_free = s->ranges[r].next;
        return r;
    }
    if (mr_grow(&s->ranges, &s->range_cap, s->range_count + 1, sizeof(mr_range))) return 0;
    return s->range_count++;
}

int mr_range_free(mr_store *s, uint32_t range) {
    mr_range *r = s->ranges + range;
    uint32_t index = r->count ? r->first_id : MR_NONE;
    int bad = MR_OK;
    for (uint32_t i = 0; i < r->count && !bad; i++, index = s->id_next[index]) bad = mr_keep_pose(s, index);
    if (bad) return bad;
    index = r->count ? r->first_id : MR_NONE;
    for (uint32_t i = 0; i < r->count; i++, index = s->id_next[index]) s->id_range[index] = 0;
    r->count = 0;
    r->first_id = MR_NONE;
    r->next = s->range_free;
    s->range_free = range;
    return MR_OK;
}

static uint32_t take_id(mr_store *s) {
    uint32_t index = s->id_free_head;
    if (index == MR_NONE) return s->id_count++;
    s->id_free_head = s->id_next[index];
    if (s->id_free_head == MR_NONE) s->id_free_tail = MR_NONE;
    return index;
}

int mr_add(mr_store *s, uint32_t parent, uint32_t count, int leaf_range, uint32_t *ids, uint32_t *range) {
    if (range) *range = 0;
    if ((uint64_t)s->node_count + count >= MR_MAX_IDS) return MR_FULL;
    uint64_t fresh = (uint64_t)s->id_count + count; /* an upper bound: freed ids may serve */
    if (fresh > MR_MAX_IDS) fresh = MR_MAX_IDS;
    if (make_room(s) || mr_grow_ids(s, (uint32_t)fresh) || mr_reserve_nodes(s, s->n + count + 1)) return MR_NOMEM;
    if (mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + 2, sizeof(mr_run))) return MR_NOMEM;
    int bad = count ? mr_keep_pose(s, parent) : MR_OK;
    if (bad) return bad;
    uint32_t r = 0;
    if (leaf_range && count && !(r = new_range(s))) return MR_NOMEM;
    if (count) become_parent(s, parent); /* memory was reserved: it cannot fail */
    uint32_t first = s->n;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = take_id(s), slot = s->n++;
        mr_init_id(s, index, slot);
        mr_init_slot(s, slot, index, s->id_slot[parent]);
        mr_link_last(s, index, parent);
        s->id_range[index] = r;
        if (r && i == 0) s->ranges[r] = (mr_range){index, count, 0};
        ids[i] = mr_public_id(s, index);
    }
    if (count) mr_attach_tail(s, s->id_slot[parent], first, count);
    mr_run *tail = s->dirty_count ? s->dirty + s->dirty_count - 1 : NULL;
    if (tail && tail->first + tail->count == s->n - count) tail->count += count; /* a loop of single adds stays one run */
    else if (count) s->dirty[s->dirty_count++] = (mr_run){s->n - count, count};
    if (range) *range = r;
    s->node_count += count;
    s->epoch++;
    return MR_OK;
}

/* The next index in depth-first order below `top`, or MR_NONE at the end. */
uint32_t mr_next_below(const mr_store *s, uint32_t index, uint32_t top) {
    if (s->id_child[index] != MR_NONE) return s->id_child[index];
    while (index != top) {
        if (s->id_next[index] != MR_NONE) return s->id_next[index];
        index = s->id_parent[index];
    }
    return MR_NONE;
}

uint32_t mr_subtree_ids(const mr_store *s, uint32_t index, uint32_t *ids) {
    uint32_t n = 0;
    for (uint32_t i = index; i != MR_NONE; i = mr_next_below(s, i, index), n++)
        if (ids) ids[n] = mr_public_id(s, i);
    return n;
}

static void drop_node(mr_store *s, uint32_t index) {
    uint32_t slot = s->id_slot[index];
    mr_clear_draws(s, slot);
    mr_unpose(s, index);
    if (s->palette_live) s->joints_gone = s->pose_work = 1;
    mr_drop_trs(s, slot, 1);
    if (s->anchor[slot] != MR_NONE) mr_anchor_unuse(s, s->anchor[slot]);
    mr_make_hole(s, slot);
    s->id_slot[index] = MR_NONE;
    s->id_gen[index]++;
    s->id_serial[index] = 0;
    s->node_count--;
}

int mr_remove(mr_store *s, uint32_t index) {
    leave_range(s, index);
    /* Walk first, free after: freed ids reuse the sibling links as the free queue. */
    uint32_t n = 0, i = index, first = MR_NONE, last = MR_NONE;
    unlink_id(s, index);
    s->id_next[index] = MR_NONE;
    while (i != MR_NONE) {
        uint32_t next = mr_next_below(s, i, index);
        /* id_prev is no longer needed inside the subtree, so it chains the visited ids. */
        s->id_prev[i] = last;
        last = i;
        if (first == MR_NONE) first = i;
        if (i != index && s->id_range[i]) {
            uint32_t r = s->id_range[i];
            if (--s->ranges[r].count == 0) s->ranges[r].first_id = MR_NONE;
            s->id_range[i] = 0;
        }
        i = next;
        n++;
    }
    for (i = last; i != MR_NONE;) {
        uint32_t before = s->id_prev[i];
        drop_node(s, i);
        mr_free_id(s, i);
        i = before;
    }
    s->epoch++;
    return (int)(n > 0 ? MR_OK : MR_STALE);
}

size_t mr_remove_leaves(mr_store *s, const uint32_t *ids, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t index = mr_resolve(s, ids[i]);
        if (index == MR_NONE || index == 0 || s->id_child[index] != MR_NONE) return i;
        mr_remove(s, index);
    }
    return n;
}

int mr_set_parent(mr_store *s, uint32_t index, uint32_t parent) {
    for (uint32_t i = parent; i != MR_NONE; i = s->id_parent[i])
        if (i == index) return MR_CYCLE;
    if (make_room(s) || mr_reserve_nodes(s, s->n + mr_subtree_ids(s, index, NULL) + 1) ||
        mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + 3, sizeof(mr_run)))
        return MR_NOMEM;
    int bad = mr_keep_pose(s, index);
    if (!bad) bad = mr_keep_pose(s, parent);
    if (bad) return bad;
    leave_range(s, index);
    unlink_id(s, index); /* before the parent leaves its range, whose next member could be this node */
    become_parent(s, parent);
    mr_link_last(s, index, parent);
    mr_move_to_tail(s, index, parent); /* memory was reserved: these two cannot fail */
    return mr_mark(s, s->id_slot[index], 1, MR_MOVED | MR_TOGGLED);
}

uint32_t mr_children(const mr_store *s, uint32_t index, uint32_t *ids) {
    uint32_t n = 0;
    for (uint32_t i = s->id_child[index]; i != MR_NONE; i = s->id_next[i], n++)
        if (ids) ids[n] = mr_public_id(s, i);
    return n;
}

void mr_ids(const mr_store *s, uint32_t first, uint32_t n, uint32_t *ids) {
    for (uint32_t i = 0; i < n; i++) ids[i] = mr_public_id(s, s->node_id[first + i]);
}

/* Copies a node's own data to a new node; `pairs` has room for twice `most` draws. The caller has reserved memory. */
static void copy_node(mr_store *s, const mr_store *from, uint32_t i, uint32_t id, const uint32_t *geometry, const uint32_t *material,
                      uint32_t *pairs, uint32_t most) {
    uint32_t slot = s->id_slot[id & MR_INDEX_MASK];
    memcpy(s->position + 3 * (size_t)slot, from->position + 3 * (size_t)i, 3 * sizeof(double));
    memcpy(s->linear + 9 * (size_t)slot, from->linear + 9 * (size_t)i, 9 * sizeof(float));
    s->state[slot] = from->state[i];
    s->layers[slot] = from->layers[i];
    s->flags[slot] = (uint8_t)((s->flags[slot] & ~MR_VISIBLE) | (from->flags[i] & MR_VISIBLE));
    if (from->trs[i] != MR_NONE) {
        const mr_trs *t = from->trs_rows + from->trs[i];
        double rotation[4], scale[3];
        memcpy(rotation, t->rotation, sizeof rotation);
        memcpy(scale, t->scale, sizeof scale);
        mr_set_trs(s, slot, NULL, rotation, scale);
    }
    if (from->node_draw[i] == MR_NONE) return;
    uint32_t n = (uint32_t)mr_draws_of(from, i, pairs, pairs + most);
    for (uint32_t k = 0; k < n; k++) {
        pairs[k] = geometry[pairs[k]];
        pairs[most + k] = material[pairs[most + k]];
    }
    mr_set_draws(s, slot, pairs, pairs + most, n);
}

/* The largest number of draws of one node, with room for everything that a copy needs. MR_FULL when ids would run out. */
static int reserve_copy(mr_store *s, const mr_store *from, const uint32_t *geometry, const uint32_t *material, uint32_t *most) {
    uint32_t nodes = from->node_count, pair[2] = {0, 0};
    uint64_t ids = (uint64_t)s->id_count + nodes;
    *most = 0;
    if ((uint64_t)s->node_count + nodes >= MR_MAX_IDS) return MR_FULL;
    for (uint32_t i = 1; i < from->n; i++) {
        uint32_t n = 0;
        for (uint32_t d = from->node_draw[i]; d != MR_NONE; d = from->draw_next[d], n++) {
            uint32_t g = geometry[from->draw_geometry[d]], m = material[from->draw_material[d]];
            pair[0] = g > pair[0] ? g : pair[0];
            pair[1] = m > pair[1] ? m : pair[1];
        }
        *most = n > *most ? n : *most;
    }
    if (make_room(s) || mr_grow_ids(s, ids > MR_MAX_IDS ? MR_MAX_IDS : (uint32_t)ids) || mr_reserve_nodes(s, s->n + nodes + 2) ||
        mr_grow(&s->ranges, &s->range_cap, s->range_count + from->range_count, sizeof(mr_range)) || mr_reserve_marks(s, 4, 0) ||
        mr_grow(&s->trs_rows, &s->trs_cap, s->trs_count + from->trs_count, sizeof(mr_trs)) ||
        mr_reserve_draws(s, from->draw_count, pair, pair + 1, *most > 0))
        return MR_NOMEM;
    return MR_OK;
}

int mr_copy(mr_store *s, uint32_t parent, const mr_store *from, const uint32_t *geometry, const uint32_t *material, uint32_t *ids) {
    uint32_t most, *pairs;
    int bad = reserve_copy(s, from, geometry, material, &most);
    if (!bad) bad = mr_keep_pose(s, parent);
    if (bad || !(pairs = mr_block_new((size_t)most * 8))) return bad ? bad : MR_NOMEM;
    for (uint32_t i = 1; i < from->n;) { /* memory was reserved: nothing below fails */
        uint32_t up = from->parent[i], r = from->id_range[from->node_id[i]], count = r ? from->ranges[r].count : 1;
        uint32_t under = up == 0 ? parent : ids[up] & MR_INDEX_MASK;
        mr_add(s, under, count, r != 0, ids + i, NULL);
        for (uint32_t k = 0; k < count; k++) copy_node(s, from, i + k, ids[i + k], geometry, material, pairs, most);
        i += count;
    }
    mr_block_release(pairs);
    return MR_OK;
}
