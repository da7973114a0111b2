/* Depth-first slot order: a linear check, and a rebuild only when an edit really broke the order. */
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

static void count_subtrees(mr_store *s) {
    for (uint32_t i = 0; i < s->n; i++) s->subtree[i] = 1;
    for (uint32_t i = s->n - 1; i > 0; i--) s->subtree[s->parent[i]] += s->subtree[i];
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

/* Re-runnable when memory runs out half way: `from` is then the identity for what was already gathered only if all were;
 * therefore every new array is made before any is swapped. */
static int permute(mr_store *s, const uint32_t *from, uint32_t n) {
    void *arrays[] = {&s->position, &s->linear, &s->world, &s->state, &s->node_id, &s->anchor, &s->layers, &s->trs, &s->node_draw,
                      &s->flags};
    static const size_t sizes[] = {24, 36, 48, sizeof(mr_state), 4, 4, 4, 4, 4, 1};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    void *copies[COUNT];
    for (int k = 0; k < COUNT; k++) {
        memcpy(&copies[k], arrays[k], sizeof(void *));
        mr_block_retain(copies[k]);
    }
    int bad = MR_OK;
    for (int k = 0; k < COUNT && !bad; k++) bad = gather(arrays[k], from, n, s->cap, sizes[k]);
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
    uint32_t n = walk(s, from);
    if (permute(s, from, n)) {
        mr_block_release(from);
        return MR_NOMEM;
    }
    mr_block_release(from);
    s->n = n;
    for (uint32_t i = 0; i < n; i++) s->id_slot[s->node_id[i]] = i;
    for (uint32_t i = 1; i < n; i++) s->parent[i] = s->id_slot[s->id_parent[s->node_id[i]]];
    s->nodes_moved = 1;
    s->scan_all = 1; /* the dirty list speaks of old slots */
    s->dirty_count = 0;
    s->stats.reorders++;
    return MR_OK;
}

int mr_order(mr_store *s) {
    if (!s->topology_dirty) return MR_OK;
    if (!(ordered(s) && in_user_order(s)) && rebuild(s)) return MR_NOMEM;
    count_subtrees(s);
    s->topology_dirty = 0;
    return MR_OK;
}
