/* Part state: edits of single fields of many state rows, and runs of rows for one upload. */
#include "mr.h"

int mr_state_edit(mr_store *s, const uint32_t *slots, size_t n, const mr_state_edit_t *edit) {
    if (mr_reserve_marks(s, n, 0)) return MR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        mr_mark(s, slots[i], 1, MR_TINTED);
        mr_state *row = &s->state[slots[i]];
        row->flags = (row->flags & ~edit->clear) | edit->set;
        if (edit->colors) memcpy(row->color, edit->colors + (edit->color_stride ? 4 * i : 0), 4);
        if (edit->values) row->value = edit->values[edit->value_stride ? i : 0];
    }
    return MR_OK;
}

void mr_parents(const mr_store *s, const uint32_t *slots, size_t n, uint32_t *ids) {
    for (size_t i = 0; i < n; i++) ids[i] = mr_public_id(s, s->id_parent[s->node_id[slots[i]] & MR_INDEX_MASK]);
}

void mr_fill_runs(const mr_store *s, int kind, const mr_run *runs, size_t n, void *out) {
    const size_t size = mr_row_bytes(kind);
    uint8_t *to = out;
    for (size_t i = 0; i < n; i++) {
        mr_fill_rows(s, kind, runs[i].first, runs[i].count, to);
        to += size * runs[i].count;
    }
}
