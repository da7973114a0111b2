/* World transforms of a slot range, for one instruction-set level. Included by transform.c.
 *
 * Per node: relative position P = (L0 x + L1 y) + (L2 z + T) per row, in float64 from the parent's float32 row, rounded once;
 * linear row = (a0 r0 + a1 r1) + a2 r2 in float32. These orders are the contract between levels.
 *
 * In depth-first order most nodes have the parent of the node before them, or that node itself: the frame is kept for brothers,
 * and a first child takes its parent's rows from registers instead of waiting for what was just stored.
 */
MR_TARGET int MR_LEVEL(mr_transform)(mr_store *s, uint32_t first, uint32_t end) {
    /* Local copies: the byte stores to flags could otherwise alias every pointer in the store. */
    const uint32_t *restrict parent = s->parent;
    const float *restrict linear = s->linear;
    const double *restrict position = s->position;
    uint32_t *anchor = s->anchor, up = parent[first], up_anchor = anchor[up];
    uint8_t *flags = s->flags, up_flags = flags[up], changed = 0;
    float *world = s->world;
    MR_LEVEL(rows) rows;
    MR_LEVEL(frame) above;
    MR_LEVEL(load)(world + 12 * (size_t)up, &rows);
    MR_LEVEL(frame_of)(&rows, &above);
    for (uint32_t i = first; i < end; i++) {
        if (parent[i] != up) {
            up = parent[i];
            up_anchor = anchor[up];
            up_flags = flags[up];
            if (up != i - 1) MR_LEVEL(load)(world + 12 * (size_t)up, &rows);
            MR_LEVEL(frame_of)(&rows, &above);
        }
        float *row = world + 12 * (size_t)i;
        int near = MR_LEVEL(compose)(&above, linear + 9 * (size_t)i, position + 3 * (size_t)i, &rows);
        MR_LEVEL(store)(&rows, row);
        if (!near || anchor[i] != up_anchor) {
            double p[4];
            MR_LEVEL(position)(&rows, p);
            if (mr_anchor_choose(s, i, up_anchor, p)) {
                s->shown_changed = 1; /* perhaps */
                return MR_NOMEM;
            }
            for (int k = 0; k < 3; k++) row[4 * k + 3] = (float)p[k];
            MR_LEVEL(load)(row, &rows);
        }
        uint8_t f = flags[i] & (uint8_t) ~(MR_MOVED | MR_TOGGLED | MR_SHOWN), before = flags[i];
        flags[i] = f | ((uint8_t)(f << 1) & up_flags & MR_SHOWN); /* MR_SHOWN is MR_VISIBLE << 1 */
        changed |= flags[i] ^ before;
    }
    s->shown_changed |= changed & MR_SHOWN;
    return MR_OK;
}
