/* One pass from edits to everything derived: order, world transforms, anchors, visibility, boxes, draw order. */
#include "mr.h"

#include <stdlib.h>
#include <string.h>

static int transform(mr_store *s, uint32_t first, uint32_t end) {
    s->stats.nodes_updated += end - first;
    return s->level >= MR_AVX2 ? mr_transform_avx2(s, first, end) : mr_transform_base(s, first, end);
}

/* Marks the draws of moved nodes; eight flags at a time where none has a draw. */
static void touch_range(mr_store *s, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++) {
        uint64_t eight;
        if (i + 8 <= end && (memcpy(&eight, s->flags + i, 8), !(eight & 0x8080808080808080u))) i += 7;
        else if (s->flags[i] & MR_DRAWN) mr_touch_draws(s, i, 1u << MR_TRANSFORM);
    }
}

/* Moved subtrees that start in [first, end): neighbours are joined into one kernel call. Returns the slot after the last. */
static int move_range(mr_store *s, uint32_t first, uint32_t end, uint32_t *after) {
    for (uint32_t i = first; i < end;) {
        if (!(s->flags[i] & MR_MOVED)) {
            i++;
            continue;
        }
        uint32_t stop = i;
        while (stop < end && s->flags[stop] & MR_MOVED) stop += s->subtree[stop];
        if (transform(s, i, stop)) return MR_NOMEM;
        if (!s->draws_dirty) touch_range(s, i, stop);
        i = *after = stop;
    }
    return MR_OK;
}

static void toggle(mr_store *s, uint32_t top) {
    for (uint32_t i = top; i < top + s->subtree[top]; i++) {
        uint8_t f = s->flags[i] & (uint8_t) ~(MR_SHOWN | MR_TOGGLED);
        if ((f & MR_VISIBLE) && (s->flags[s->parent[i]] & MR_SHOWN)) f |= MR_SHOWN;
        s->flags[i] = f;
        if (!s->draws_dirty) mr_touch_draws(s, i, 0);
    }
}

/* What is not a move: visibility of subtrees, layers and state of single nodes. */
static void relabel_range(mr_store *s, uint32_t first, uint32_t end) {
    for (uint32_t i = first; i < end; i++) {
        uint8_t f = s->flags[i];
        if (f & MR_TOGGLED) toggle(s, i);
        if (!(f & (MR_RELABELLED | MR_TINTED))) continue;
        if (!s->draws_dirty) mr_touch_draws(s, i, f & MR_TINTED ? 1u << MR_STATE : 0);
        s->flags[i] &= (uint8_t) ~(MR_RELABELLED | MR_TINTED);
    }
}

static int by_first(const void *a, const void *b) {
    uint32_t x = ((const mr_run *)a)->first, y = ((const mr_run *)b)->first;
    return (x > y) - (x < y);
}

static int walk_dirty(mr_store *s) {
    if (s->scan_all) {
        uint32_t after = 0;
        if (move_range(s, 1, s->n, &after)) return MR_NOMEM;
        relabel_range(s, 1, s->n);
        s->scan_all = 0;
        s->dirty_count = 0;
        return MR_OK;
    }
    for (uint32_t k = 1; k < s->dirty_count; k++)
        if (s->dirty[k].first < s->dirty[k - 1].first) {
            qsort(s->dirty, s->dirty_count, sizeof(mr_run), by_first);
            break;
        }
    uint32_t after = 0;
    for (uint32_t k = 0; k < s->dirty_count; k++) {
        uint32_t first = s->dirty[k].first, end = first + s->dirty[k].count;
        if (first < after) first = after; /* an ancestor's subtree was already done */
        if (first < end && move_range(s, first, end, &after)) return MR_NOMEM;
    }
    for (uint32_t k = 0; k < s->dirty_count; k++) relabel_range(s, s->dirty[k].first, s->dirty[k].first + s->dirty[k].count);
    s->dirty_count = 0;
    return MR_OK;
}

static int refresh_draws(mr_store *s) {
    /* A refit may find that a draw changed class (its determinant changed sign): then the order is made anew, once. */
    for (int round = 0; round < 2; round++) {
        if (s->draws_dirty && mr_sort_draws(s)) return MR_NOMEM;
        mr_refit(s);
        if (!s->draws_dirty) break;
    }
    return MR_OK;
}

int mr_update(mr_store *s) {
    if (mr_order(s)) return MR_NOMEM;
    if (!s->dirty_count && !s->scan_all && !s->draws_dirty && !s->nodes_moved) return MR_OK;
    s->epoch++;
    s->stats.updates++;
    if (s->nodes_moved && !s->draws_dirty)
        for (uint32_t i = 0; i < s->slots; i++)
            if (s->slot_draw[i] != MR_NONE) s->slot_node[i] = s->id_slot[s->draw_node[s->slot_draw[i]]];
    s->nodes_moved = 0;
    if (walk_dirty(s)) {
        s->scan_all = 1; /* flags still say what is left */
        return MR_NOMEM;
    }
    int redraw = s->draws_dirty || s->dirty_block_count;
    if (refresh_draws(s)) return MR_NOMEM;
    mr_anchor_sweep(s);
    if (redraw) s->draw_epoch = s->epoch;
    return MR_OK;
}

int mr_settle(mr_store *s) {
    int bad = mr_update(s);
    if (bad) return bad;
    bad = mr_anchor_settle(s);
    if (bad) return bad;
    s->epoch++;
    s->draws_dirty = 1;
    bad = refresh_draws(s);
    s->draw_epoch = s->epoch;
    return bad;
}
