/* Anchors: float64 origins that float32 transforms are relative to. */
#include "mr.h"

#include <math.h>
#include <string.h>

static double largest(const double p[3]) {
    double m = fabs(p[0]) > fabs(p[1]) ? fabs(p[0]) : fabs(p[1]);
    return m > fabs(p[2]) ? m : fabs(p[2]);
}

static uint32_t hash_key(uint32_t parent, const int64_t cell[3]) {
    uint64_t h = parent * 0x9E3779B97F4A7C15u;
    for (int k = 0; k < 3; k++) h = (h ^ (uint64_t)cell[k] ^ (h >> 29)) * 0xBF58476D1CE4E5B9u;
    return (uint32_t)(h >> 32);
}

static int grow_hash(mr_store *s) {
    uint32_t size = s->anchor_hash_size ? s->anchor_hash_size * 2 : 64;
    uint32_t *table = mr_block_new((size_t)size * sizeof *table);
    if (!table) return MR_NOMEM;
    memset(table, 0xFF, (size_t)size * sizeof *table);
    for (uint32_t i = 1; i < s->anchor_count; i++) {
        if (!s->anchors[i].alive) continue;
        uint32_t b = hash_key(s->anchors[i].parent, s->anchors[i].cell) & (size - 1);
        s->anchors[i].next = table[b];
        table[b] = i;
    }
    mr_block_release(s->anchor_hash);
    s->anchor_hash = table;
    s->anchor_hash_size = size;
    return MR_OK;
}

uint32_t mr_anchor_at(mr_store *s, uint32_t a, const double p[3]) {
    int64_t cell[3];
    for (int k = 0; k < 3; k++) {
        double c = floor(p[k] / MR_ANCHOR_RADIUS);
        cell[k] = fabs(c) < 9e15 ? (int64_t)c : 0; /* an overflown position shares cell 0: useless, but harmless */
    }
    if (s->anchor_live >= s->anchor_hash_size && grow_hash(s)) return MR_NONE;
    uint32_t b = hash_key(a, cell) & (s->anchor_hash_size - 1);
    for (uint32_t i = s->anchor_hash[b]; i != MR_NONE; i = s->anchors[i].next)
        if (s->anchors[i].parent == a && !memcmp(s->anchors[i].cell, cell, sizeof cell)) return i;
    uint32_t i = s->anchor_free;
    if (i != MR_NONE) s->anchor_free = s->anchors[i].next;
    else {
        if (s->anchor_count > MR_INDEX_MASK || mr_grow(&s->anchors, &s->anchor_cap, s->anchor_count + 1, sizeof(mr_anchor))) return MR_NONE;
        i = s->anchor_count++;
    }
    mr_anchor *n = s->anchors + i;
    for (int k = 0; k < 3; k++) {
        n->offset[k] = p[k];
        n->origin[k] = s->anchors[a].origin[k] + p[k];
        n->cell[k] = cell[k];
    }
    n->parent = a;
    n->users = 0;
    n->alive = 1;
    n->next = s->anchor_hash[b];
    s->anchor_hash[b] = i;
    s->anchor_live++;
    s->stats.anchors_made++;
    return i;
}

void mr_anchor_unuse(mr_store *s, uint32_t a) {
    if (--s->anchors[a].users || a == 0) return;
    /* Without memory for the note the anchor just lives on. */
    if (mr_grow(&s->anchor_idle, &s->anchor_idle_cap, s->anchor_idle_count + 1, sizeof(uint32_t))) return;
    s->anchor_idle[s->anchor_idle_count++] = a;
}

void mr_anchor_sweep(mr_store *s) {
    for (uint32_t k = 0; k < s->anchor_idle_count; k++) {
        uint32_t i = s->anchor_idle[k];
        mr_anchor *a = s->anchors + i;
        if (!a->alive || a->users) continue;
        uint32_t *link = s->anchor_hash + (hash_key(a->parent, a->cell) & (s->anchor_hash_size - 1));
        while (*link != i) link = &s->anchors[*link].next;
        *link = a->next;
        a->alive = 0;
        a->next = s->anchor_free;
        s->anchor_free = i;
        s->anchor_live--;
    }
    s->anchor_idle_count = 0;
}

static void use(mr_store *s, uint32_t slot, uint32_t a) {
    uint32_t old = s->anchor[slot];
    if (old == a) return;
    s->anchors[a].users++;
    s->anchor[slot] = a;
    if (old != MR_NONE) mr_anchor_unuse(s, old);
    if (!s->draws_dirty) mr_label_draws(s, slot);
}

int mr_anchor_choose(mr_store *s, uint32_t slot, uint32_t a, double p[3]) {
    uint32_t now = s->anchor[slot];
    double m = largest(p);
    if (now == a && m <= MR_ANCHOR_KEEP) return MR_OK;
    if (m <= MR_ANCHOR_RADIUS) {
        use(s, slot, a);
        return MR_OK;
    }
    int child = now != MR_NONE && now != a && s->anchors[now].parent == a;
    if (child) {
        const double *o = s->anchors[now].offset;
        double q[3] = {p[0] - o[0], p[1] - o[1], p[2] - o[2]};
        if (largest(q) <= MR_ANCHOR_KEEP) {
            memcpy(p, q, sizeof q);
            return MR_OK;
        }
    }
    uint32_t to = mr_anchor_at(s, a, p);
    if (to == MR_NONE) return MR_NOMEM;
    use(s, slot, to);
    for (int k = 0; k < 3; k++) p[k] -= s->anchors[to].offset[k];
    return MR_OK;
}

/* One node that starts a new anchor: its slot and its position relative to the parent's anchor. */
typedef struct { uint32_t slot; double p[3]; } frontier;
typedef struct { frontier *rows; uint32_t count, cap; } frontier_list;

/* Transforms [first, end) within their parents' anchors; nodes that leave are put on `out`, their subtrees skipped. */
static int settle_range(mr_store *s, uint32_t first, uint32_t end, frontier_list *out) {
    for (uint32_t i = first; i < end;) {
        double p[3];
        mr_compose(s, i, p);
        if (largest(p) <= MR_ANCHOR_RADIUS) {
            s->anchor[i] = s->anchor[s->parent[i]];
            s->anchors[s->anchor[i]].users++;
            i++;
            continue;
        }
        if (mr_grow(&out->rows, &out->cap, out->count + 1, sizeof(frontier))) return MR_NOMEM;
        out->rows[out->count++] = (frontier){i, {p[0], p[1], p[2]}};
        i += s->subtree[i];
    }
    return MR_OK;
}

/* Opens or joins anchors for one round of frontier nodes, lowest id first, then goes on below each. */
static int settle_round(mr_store *s, const frontier_list *in, frontier_list *out) {
    uint32_t n = in->count;
    uint64_t *keys = mr_block_new((size_t)n * 2 * sizeof *keys);
    uint32_t *rows = mr_block_new((size_t)n * 2 * sizeof *rows);
    int bad = keys && rows ? MR_OK : MR_NOMEM;
    if (!bad) {
        for (uint32_t i = 0; i < n; i++) {
            keys[i] = s->node_id[in->rows[i].slot];
            rows[i] = i;
        }
        mr_radix(keys, rows, n, 24, keys + n, rows + n);
    }
    for (uint32_t i = 0; i < n && !bad; i++) {
        const frontier *f = in->rows + rows[i];
        uint32_t to = mr_anchor_at(s, s->anchor[s->parent[f->slot]], f->p);
        if (to == MR_NONE) {
            bad = MR_NOMEM;
            break;
        }
        s->anchor[f->slot] = to;
        s->anchors[to].users++;
        for (int k = 0; k < 3; k++) s->world[12 * (size_t)f->slot + 4 * k + 3] = (float)(f->p[k] - s->anchors[to].offset[k]);
    }
    for (uint32_t i = 0; i < n && !bad; i++) {
        uint32_t slot = in->rows[i].slot;
        bad = settle_range(s, slot + 1, slot + s->subtree[slot], out);
    }
    mr_block_release(keys);
    mr_block_release(rows);
    return bad;
}

static void forget_anchors(mr_store *s) {
    s->anchor_count = s->anchor_live = 1;
    s->anchor_free = MR_NONE;
    s->anchor_idle_count = 0;
    s->anchors[0].users = 1;
    if (s->anchor_hash) memset(s->anchor_hash, 0xFF, (size_t)s->anchor_hash_size * sizeof(uint32_t));
}

int mr_anchor_settle(mr_store *s) {
    frontier_list lists[2] = {{0}, {0}};
    forget_anchors(s);
    int bad = settle_range(s, 1, s->n, &lists[0]), now = 0;
    while (!bad && lists[now].count) {
        lists[!now].count = 0;
        bad = settle_round(s, &lists[now], &lists[!now]);
        now = !now;
    }
    mr_block_release(lists[0].rows);
    mr_block_release(lists[1].rows);
    if (bad) { /* every node starts over at the next update */
        forget_anchors(s);
        for (uint32_t i = 1; i < s->n; i++) {
            s->anchor[i] = MR_NONE;
            s->flags[i] |= MR_MOVED;
        }
        s->scan_all = 1;
    }
    return bad;
}

void mr_origins(const mr_store *s, double *out) {
    for (uint32_t a = 0; a < s->anchor_count; a++) memcpy(out + 3 * (size_t)a, s->anchors[a].origin, 3 * sizeof(double));
}
