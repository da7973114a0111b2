/* World transforms of a slot range, for one instruction-set level. Included by transform.c.
 *
 * Per node: relative position P = (L0 x + L1 y) + (L2 z + T) per row, in float64 from the parent's float32 row, rounded once;
 * linear row = (a0 r0 + a1 r1) + a2 r2 in float32. These orders are the contract between levels.
 */
MR_TARGET int MR_LEVEL(mr_transform)(mr_store *s, uint32_t first, uint32_t end) {
    /* Local copies: the byte stores to flags could otherwise alias every pointer in the store. */
    const uint32_t *restrict parent = s->parent;
    const float *restrict linear = s->linear;
    const double *restrict position = s->position;
    uint32_t *anchor = s->anchor;
    uint8_t *flags = s->flags;
    float *world = s->world;
    for (uint32_t i = first; i < end; i++) {
        uint32_t up = parent[i];
        float *row = world + 12 * (size_t)i;
        double p[4];
        int near = MR_LEVEL(compose)(world + 12 * (size_t)up, linear + 9 * (size_t)i, position + 3 * (size_t)i, row, p);
        if (!near || anchor[i] != anchor[up]) {
            if (mr_anchor_choose(s, i, anchor[up], p)) return MR_NOMEM;
            for (int k = 0; k < 3; k++) row[4 * k + 3] = (float)p[k];
        }
        uint8_t f = flags[i] & (uint8_t) ~(MR_MOVED | MR_TOGGLED | MR_SHOWN);
        flags[i] = f | ((uint8_t)(f << 1) & flags[up] & MR_SHOWN); /* MR_SHOWN is MR_VISIBLE << 1 */
    }
    return MR_OK;
}
