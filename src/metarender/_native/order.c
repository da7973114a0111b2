/* Depth-first slot order, kept lazily.
 *
 * `subtree` is the extent of a node: the slots after it that hold descendants or holes. Order keeps three rules at all times:
 * a parent comes before its children; extents nest; children outside their parent's extent are the last of its list, and
 * the parent then carries MR_SPILLED. New nodes and moved subtrees go to the end, removed ones leave holes, and the whole is
 * brought into depth-first order when that is a sixteenth.
 */
#include "mr.h"

#include <string.h>

/* Is every parent an ancestor-or-self of the slot before? Each step up undoes one step down, so this is O(n). */
static int ordered(const mr_store *s) {
    uint32_t previous = 0;
    for (uint32_t i = 1; i < s->n; i++) {
        if (s->node_id[i] == MR_NONE) return 0;
        uint32_t p = s->parent[i];
        if (p >= i) return 0;
        while (previous > p) previous = s->parent[previous];
        if (previous != p) return 0;
        previous = i;
    }
    return 1;
}

/* The slots may be in some depth-first order, yet not in the user's order of siblings. */
static int in_user_order(const mr_store *s) {
    for (uint32_t i = 1; i < s->n; i++) {
        uint32_t before = s->id_prev[s->node_id[i]];
        if (before != MR_NONE && s->id_slot[before] > i) return 0;
    }
    return 1;
}

static void count_subtrees(mr_store *s, uint32_t first) {
    for (uint32_t i = first; i < s->n; i++) s->subtree[i] = 1;
    for (uint32_t i = s->n - 1; i > first; i--) s->subtree[s->parent[i]] += s->subtree[i];
}

/* from[new slot] = old slot, by walking the sibling lists; returns the number of live slots. */
static uint32_t walk(const mr_store *s, uint32_t *from) {
    uint32_t n = 0, index = 0;
    for (;;) {
        from[n++] = s->id_slot[index];
        if (s->id_child[index] != MR_NONE) {
            index = s->id_child[index];
            continue;
        }
        while (index != 0 && s->id_next[index] == MR_NONE) index = s->id_parent[index];
        if (index == 0) return n;
        index = s->id_next[index];
    }
}

static int gather(void *array, const uint32_t *from, uint32_t n, uint32_t cap, size_t size) {
    char *old, *block = mr_block_new((size_t)cap * size);
    memcpy(&old, array, sizeof old);
    if (!block) return MR_NOMEM;
    for (uint32_t i = 0; i < n; i++) memcpy(block + i * size, old + from[i] * size, size);
    mr_block_release(old);
    memcpy(array, &block, sizeof block);
    return MR_OK;
}

/* Every new array is made before any is swapped, so that running out of memory leaves the store as it was. */
static int permute(mr_store *s, const uint32_t *from, uint32_t n, uint32_t cap) {
    void *arrays[] = {&s->position, &s->linear, &s->world, &s->state, &s->node_id, &s->anchor, &s->layers, &s->trs, &s->node_draw,
                      &s->flags, &s->parent, &s->subtree};
    static const size_t sizes[] = {24, 36, 48, sizeof(mr_state), 4, 4, 4, 4, 4, 1, 4, 4};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    void *copies[COUNT];
    for (int k = 0; k < COUNT; k++) {
        memcpy(&copies[k], arrays[k], sizeof(void *));
        mr_block_retain(copies[k]);
    }
    int bad = MR_OK;
    for (int k = 0; k < COUNT && !bad; k++) bad = gather(arrays[k], from, n, cap, sizes[k]);
    for (int k = 0; k < COUNT; k++) {
        if (bad) { /* put the old array back */
            void *now;
            memcpy(&now, arrays[k], sizeof now);
            mr_block_release(now);
            memcpy(arrays[k], &copies[k], sizeof(void *));
        } else {
            mr_block_release(copies[k]);
        }
    }
    return bad;
}

static int rebuild(mr_store *s) {
    uint32_t *from = mr_block_new((size_t)s->n * sizeof *from);
    if (!from) return MR_NOMEM;
    uint32_t n = walk(s, from), cap = s->cap;
    if (n < cap / 4) cap = n + n / 4 < 64 ? 64 : n + n / 4; /* memory goes back when a quarter is left */
    if (permute(s, from, n, cap)) {
        mr_block_release(from);
        return MR_NOMEM;
    }
    mr_block_release(from);
    s->n = n;
    s->cap = cap;
    for (uint32_t i = 0; i < n; i++) s->id_slot[s->node_id[i]] = i;
    for (uint32_t i = 1; i < n; i++) s->parent[i] = s->id_slot[s->id_parent[s->node_id[i]]];
    s->nodes_moved = s->uses_stale = 1;
    s->scan_all = 1; /* the dirty list speaks of old slots */
    s->dirty_count = 0;
    s->stats.reorders++;
    return MR_OK;
}

int mr_order(mr_store *s) {
    if (!s->topology_dirty) return MR_OK;
    if (!(ordered(s) && in_user_order(s)) && rebuild(s)) return MR_NOMEM;
    count_subtrees(s, 0);
    for (uint32_t i = 0; i < s->n; i++) s->flags[i] &= (uint8_t)~MR_SPILLED;
    s->topology_dirty = 0;
    s->holes = s->loose = 0;
    mr_trim_ids(s);
    return MR_OK;
}

int mr_order_lazily(mr_store *s) {
    return s->pinned || s->holes + s->loose <= s->n / 16 + 16 ? MR_OK : mr_order(s);
}

void mr_make_hole(mr_store *s, uint32_t slot) {
    mr_init_slot(s, slot, MR_NONE, 0);
    s->anchor[slot] = 0; /* not counted: a hole is composed like a child of the root and changes nothing */
    s->flags[slot] = 0;
    s->holes++;
    s->topology_dirty = s->uses_stale = 1;
}

/* Moves the row of a node to a free slot and leaves a hole; parents and extents are the caller's. */
static void move_row(mr_store *s, uint32_t from, uint32_t to) {
    memcpy(s->position + 3 * (size_t)to, s->position + 3 * (size_t)from, 3 * sizeof(double));
    memcpy(s->linear + 9 * (size_t)to, s->linear + 9 * (size_t)from, 9 * sizeof(float));
    memcpy(s->world + 12 * (size_t)to, s->world + 12 * (size_t)from, 12 * sizeof(float));
    s->state[to] = s->state[from];
    s->node_id[to] = s->node_id[from];
    s->parent[to] = s->parent[from];
    s->subtree[to] = 1;
    s->anchor[to] = s->anchor[from];
    s->layers[to] = s->layers[from];
    s->trs[to] = s->trs[from];
    s->node_draw[to] = s->node_draw[from];
    s->flags[to] = s->flags[from] & (uint8_t)~MR_SPILLED;
    s->id_slot[s->node_id[to]] = to;
    for (uint32_t d = s->node_draw[to]; d != MR_NONE; d = s->draw_next[d])
        if (s->draw_slot[d] != MR_NONE && !s->draws_dirty) s->slot_node[s->draw_slot[d]] = to;
    mr_make_hole(s, from);
}

/* Ancestors whose extents end where the new slots begin take them in; else the parent has spilled. A chain of many such
 * ancestors is not worth the walk. */
void mr_attach_tail(mr_store *s, uint32_t parent, uint32_t first, uint32_t count) {
    uint32_t up = parent, steps = 0;
    for (; up != 0 && up + s->subtree[up] == first && steps <= 8; up = s->parent[up]) steps++;
    if (steps == 0 || steps > 8) s->flags[parent] |= MR_SPILLED;
    else
        for (up = parent; steps > 0; up = s->parent[up], steps--) s->subtree[up] += count;
    s->loose += count;
    s->topology_dirty = 1;
}

int mr_move_to_tail(mr_store *s, uint32_t index, uint32_t parent) {
    uint32_t k = mr_subtree_ids(s, index, NULL), first = s->n;
    if (mr_reserve_nodes(s, s->n + k) || mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + 1, sizeof(mr_run))) return MR_NOMEM;
    for (uint32_t i = index; i != MR_NONE; i = mr_next_below(s, i, index)) {
        uint32_t to = s->n++;
        move_row(s, s->id_slot[i], to);
        s->parent[to] = i == index ? s->id_slot[parent] : s->id_slot[s->id_parent[i]];
    }
    count_subtrees(s, first);
    mr_attach_tail(s, s->id_slot[parent], first, k);
    if (!s->scan_all) s->dirty[s->dirty_count++] = (mr_run){first, k};
    return MR_OK;
}

int mr_range_close(mr_store *s, uint32_t range) {
    uint32_t count = s->ranges[range].count, index = s->ranges[range].first_id;
    if (!count || s->id_slot[index] == MR_NONE || !s->topology_dirty) return MR_OK;
    if (mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + 1, sizeof(mr_run))) return MR_NOMEM;
    uint32_t first = s->id_slot[index], moved = 0;
    for (uint32_t k = 0; k < count; k++, index = s->id_next[index]) {
        uint32_t at = s->id_slot[index];
        if (at == first + k) continue;
        move_row(s, at, first + k);
        s->holes--; /* one hole filled, one made */
        moved = 1;
    }
    if (moved && !s->scan_all) s->dirty[s->dirty_count++] = (mr_run){first, count};
    return MR_OK;
}
