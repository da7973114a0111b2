/* One pass from edits to everything derived: order, world transforms, anchors, visibility, boxes, draw order. */
#include "mr.h"

#include <stdlib.h>
#include <string.h>

static int transform(mr_store *s, uint32_t first, uint32_t end) {
    if (first == end) return MR_OK;
    s->stats.nodes_updated += end - first;
    if (s->holes)
        for (uint32_t i = first; i < end; i++) s->stats.nodes_updated -= s->node_id[i] == MR_NONE;
    if (s->level >= MR_AVX512) return mr_transform_avx512(s, first, end);
    return s->level >= MR_AVX2 ? mr_transform_avx2(s, first, end) : mr_transform_base(s, first, end);
}

/* A min-heap of runs by first slot: what a walk finds outside the extents of what it was told. */
static int heap_push(mr_store *s, uint32_t slot) {
    if (mr_grow(&s->heap, &s->heap_cap, s->heap_count + 1, sizeof(mr_run))) return MR_NOMEM;
    uint32_t i = s->heap_count++;
    for (; i && s->heap[(i - 1) / 2].first > slot; i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = (mr_run){slot, 1};
    return MR_OK;
}

static mr_run heap_pop(mr_store *s) {
    mr_run top = s->heap[0], last = s->heap[--s->heap_count];
    uint32_t i = 0, n = s->heap_count;
    for (uint32_t c = 1; c < n; i = c, c = 2 * i + 1) {
        if (c + 1 < n && s->heap[c + 1].first < s->heap[c].first) c++;
        if (s->heap[c].first >= last.first) break;
        s->heap[i] = s->heap[c];
    }
    if (n) s->heap[i] = last;
    return top;
}

/* Flags the children of a slot that lie outside its extent, the last ones of its list, and queues them; those before `done` were visited
 * along with it, and a flag there would say for ever that an update is to come. */
static int follow_spilled(mr_store *s, uint32_t slot, uint8_t flag, uint32_t done) {
    uint32_t end = slot + s->subtree[slot];
    for (uint32_t i = s->id_last[s->node_id[slot]]; i != MR_NONE; i = s->id_prev[i]) {
        uint32_t child = s->id_slot[i];
        if (child > slot && child < end) break;
        if (child < done) continue;
        s->flags[child] |= flag;
        if (!s->scan_all && heap_push(s, child)) return MR_NOMEM;
    }
    return MR_OK;
}

/* Every draw at once, when every node moved: no walk over the nodes' draws. */
static void touch_all(mr_store *s) {
    for (uint32_t b = 0; b < s->slots / 64; b++) {
        if (!s->block_used[b]) continue;
        if (!s->block_dirty[b]) s->dirty_blocks[s->dirty_block_count++] = b;
        s->block_dirty[b] |= s->block_used[b];
        s->page_epoch[MR_TRANSFORM][b] = s->epoch;
    }
}

/* The next slot of [i, end) with one of these flags, or end; eight at a time where there is none. */
static uint32_t next_flagged(const mr_store *s, uint32_t i, uint32_t end, uint8_t bits) {
    const uint64_t any = bits * (uint64_t)0x0101010101010101u;
    for (uint64_t eight; i + 8 <= end; i += 8) {
        memcpy(&eight, s->flags + i, 8);
        if (eight & any) break;
    }
    while (i < end && !(s->flags[i] & bits)) i++;
    return i;
}

/* The draws of many nodes in a row, found by walking the draw slots: those stream, whereas nodes know their draws in no order. */
static void touch_many(mr_store *s, uint32_t first, uint32_t count) {
    for (uint32_t b = 0; b < s->slots / 64; b++) {
        const uint32_t *nodes = s->slot_node + (size_t)b * 64;
        uint32_t others = 0;
        uint64_t moved = ~(uint64_t)0;
        for (unsigned i = 0; i < 64; i++) others |= (uint32_t)(nodes[i] - first >= count);
        if (others) {
            moved = 0;
            for (unsigned i = 0; i < 64; i++) moved |= (uint64_t)(nodes[i] - first < count) << i;
            if (!moved) continue;
        }
        if (!s->block_dirty[b]) s->dirty_blocks[s->dirty_block_count++] = b;
        s->block_dirty[b] |= moved;
        s->page_epoch[MR_TRANSFORM][b] = s->epoch;
    }
}

/* Marks the draws of the nodes that moved. */
static void touch_moved(mr_store *s) {
    uint32_t first = s->moved.first, end = first + s->moved.count;
    s->moved.count = 0;
    if (s->use_count && end > first) mr_pose_moved(s, first, end - first);
    if (s->draws_dirty) return;
    if (first == 1 && end == s->n) touch_all(s);
    else if (end - first > s->slots / 4) touch_many(s, first, end - first);
    else
        for (uint32_t i = first; (i = next_flagged(s, i, end, MR_DRAWN)) < end; i++) mr_touch_draws(s, i, 1u << MR_TRANSFORM);
}

/* Notes that [first, end) moved, so that neighbours are marked together, and queues children that lie elsewhere. */
static int note_moved(mr_store *s, uint32_t first, uint32_t end) {
    if (first != s->moved.first + s->moved.count) {
        touch_moved(s);
        s->moved.first = first;
    }
    s->moved.count = end - s->moved.first;
    if (!s->loose) return MR_OK; /* no slot was used since the last order: none has spilled */
    for (uint32_t i = first; (i = next_flagged(s, i, end, MR_SPILLED)) < end; i++)
        if (follow_spilled(s, i, MR_MOVED, end)) return MR_NOMEM;
    return MR_OK;
}

/* The end of the subtrees of the moved slots from i on that stand in a row, at most from `end`. Extents are nested: those that reach past
 * the row belong to its last slot and to what lies above that, which spares a look at each. */
static uint32_t end_of_moved(const mr_store *s, uint32_t i, uint32_t end) {
    const uint64_t all = MR_MOVED * (uint64_t)0x0101010101010101u;
    uint32_t stop = i;
    for (;;) {
        uint32_t row = stop;
        for (uint64_t eight; row + 8 <= end; row += 8) {
            memcpy(&eight, s->flags + row, 8);
            if ((eight & all) != all) break;
        }
        while (row < end && s->flags[row] & MR_MOVED) row++;
        if (row == stop) return stop;
        for (uint32_t k = row - 1, first = stop; k >= first; k = s->parent[k])
            if (k + s->subtree[k] > stop) stop = k + s->subtree[k];
    }
}

/* Moved subtrees that start in [first, end): neighbours are joined into one kernel call. Writes the slot after the last. */
static int move_range(mr_store *s, uint32_t first, uint32_t end, uint32_t *after) {
    if (first < *after) first = *after; /* an ancestor's subtree was already done */
    for (uint32_t i = first; i < end;) {
        if (!(s->flags[i] & MR_MOVED)) {
            i++;
            continue;
        }
        uint32_t stop = end_of_moved(s, i, end);
        if (transform(s, i, stop) || note_moved(s, i, stop)) {
            for (; i < stop; i++) /* also what lies below a flag that is gone, or beyond its extent; holes carry none */
                if (s->node_id[i] != MR_NONE) s->flags[i] |= MR_MOVED;
            return MR_NOMEM;
        }
        i = *after = stop;
    }
    return MR_OK;
}

static int toggle(mr_store *s, uint32_t top) {
    for (uint32_t i = top; i < top + s->subtree[top]; i++) {
        uint8_t f = s->flags[i] & (uint8_t) ~(MR_SHOWN | MR_TOGGLED);
        if ((f & MR_VISIBLE) && (s->flags[s->parent[i]] & MR_SHOWN)) f |= MR_SHOWN;
        s->flags[i] = f;
        s->shown_changed = 1;
        if (!s->draws_dirty) mr_touch_draws(s, i, 0);
        if (f & MR_SPILLED && follow_spilled(s, i, MR_TOGGLED, 0)) {
            s->flags[top] |= MR_TOGGLED; /* all of it once more */
            return MR_NOMEM;
        }
    }
    return MR_OK;
}

/* What is not a move: visibility of subtrees, layers and state of single nodes. */
static int relabel_range(mr_store *s, uint32_t first, uint32_t end, uint32_t *after) {
    (void)after;
    const uint8_t any = MR_TOGGLED | MR_RELABELLED | MR_TINTED;
    for (uint32_t i = first; (i = next_flagged(s, i, end, any)) < end; i++) {
        uint8_t f = s->flags[i];
        if (f & MR_TOGGLED && toggle(s, i)) return MR_NOMEM;
        if (!s->draws_dirty && f & MR_RELABELLED) mr_label_draws(s, i);
        if (!s->draws_dirty && f & MR_TINTED) mr_touch_draws(s, i, 1u << MR_STATE);
        s->flags[i] &= (uint8_t) ~(MR_RELABELLED | MR_TINTED);
    }
    return MR_OK;
}

static int by_first(const void *a, const void *b) {
    uint32_t x = ((const mr_run *)a)->first, y = ((const mr_run *)b)->first;
    return (x > y) - (x < y);
}

/* Visits the dirty runs and what the visits queue, in slot order: parents first. */
static int walk_runs(mr_store *s, int (*visit)(mr_store *, uint32_t, uint32_t, uint32_t *)) {
    uint32_t after = 0, k = 0;
    if (s->scan_all) return visit(s, 1, s->n, &after);
    s->heap_count = 0;
    while (k < s->dirty_count || s->heap_count) {
        int queued = s->heap_count && (k == s->dirty_count || s->heap[0].first < s->dirty[k].first);
        mr_run r = queued ? heap_pop(s) : s->dirty[k++];
        if (visit(s, r.first, r.first + r.count, &after)) return MR_NOMEM;
    }
    return MR_OK;
}

static int walk_dirty(mr_store *s) {
    for (uint32_t k = 1; k < s->dirty_count; k++)
        if (s->dirty[k].first < s->dirty[k - 1].first) {
            qsort(s->dirty, s->dirty_count, sizeof(mr_run), by_first);
            break;
        }
    int bad = walk_runs(s, move_range);
    touch_moved(s);
    if (bad || walk_runs(s, relabel_range)) return MR_NOMEM;
    s->scan_all = 0;
    s->dirty_count = 0;
    return MR_OK;
}

/* Slots for new draws, boxes, and slots of their own for draws that turned out to be mirrored. */
static int refresh_draws(mr_store *s) {
    if (!s->draws_dirty && s->fresh_count && mr_place_fresh(s)) return MR_NOMEM;
    if (!s->draws_dirty) mr_check_waste(s);
    if (s->draws_dirty && mr_sort_draws(s)) return MR_NOMEM;
    mr_refit(s);
    if (s->flip_count && mr_place_flips(s)) return MR_NOMEM;
    if (s->draws_dirty && mr_sort_draws(s)) return MR_NOMEM;
    mr_refit(s);
    return MR_OK;
}

/* At most one bucket an update is put in order. */
static int tidy_draws(mr_store *s) {
    uint32_t bucket = mr_worst_bucket(s);
    if (bucket == MR_NONE) return MR_OK;
    if (mr_sort_bucket(s, bucket)) return MR_NOMEM;
    mr_refit(s);
    s->unsorted--;
    s->buckets[bucket].area_sorted = s->buckets[bucket].area;
    return MR_OK;
}

int mr_pending(const mr_store *s) {
    return s->dirty_count || s->scan_all || s->draws_dirty || s->nodes_moved || s->fresh_count || s->dirty_block_count || s->pose_work;
}

int mr_has_work(const mr_store *s) {
    return mr_pending(s) || s->unsorted || (!s->pinned && s->holes + s->loose > s->n / 16 + 16);
}

int mr_update(mr_store *s) {
    if (mr_order_lazily(s)) return MR_NOMEM;
    if (!mr_pending(s) && !s->unsorted) return MR_OK;
    s->epoch++;
    s->stats.updates++;
    if (s->nodes_moved && !s->draws_dirty)
        for (uint32_t i = 0; i < s->slots; i++)
            if (s->slot_node[i] != MR_NONE) s->slot_node[i] = s->id_slot[s->slot_id[i] & MR_INDEX_MASK];
    s->nodes_moved = 0;
    if (mr_pose_prepare(s)) return MR_NOMEM;
    if (walk_dirty(s)) {
        s->scan_all = 1; /* flags still say what is left */
        return MR_NOMEM;
    }
    mr_pose_update(s);
    int redraw = s->draws_dirty || s->dirty_block_count || s->fresh_count || s->unsorted;
    if (refresh_draws(s) || tidy_draws(s)) return MR_NOMEM;
    mr_anchor_sweep(s);
    if (redraw) s->draw_epoch = s->epoch;
    return MR_OK;
}

int mr_settle(mr_store *s) {
    int bad = mr_order(s) ? MR_NOMEM : mr_update(s);
    if (!bad) bad = mr_anchor_settle(s);
    if (bad) return bad;
    s->epoch++;
    s->draws_dirty = 1;
    mr_pose_all(s);
    bad = refresh_draws(s);
    if (!bad) mr_worst_bucket(s); /* takes note of the surfaces */
    s->draw_epoch = s->epoch;
    mr_trim(s);
    return bad;
}
