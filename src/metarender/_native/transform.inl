/* World transforms of a slot range, for one instruction-set level. Included by transform.c.
 *
 * Per node: relative position P = (L0 x + L1 y) + (L2 z + T) per row, in float64 from the parent's float32 row, rounded once;
 * linear row = (a0 r0 + a1 r1) + a2 r2 in float32. These orders are the contract between levels.
 */
MR_TARGET int MR_LEVEL(mr_transform)(mr_store *s, uint32_t first, uint32_t end) {
    const uint32_t *parent = s->parent;
    for (uint32_t i = first; i < end; i++) {
        uint32_t up = parent[i];
        const float *above = s->world + 12 * (size_t)up;
        float *row = s->world + 12 * (size_t)i;
        double p[4];
        MR_LEVEL(compose)(above, s->linear + 9 * (size_t)i, s->position + 3 * (size_t)i, row, p);
        uint32_t a = s->anchor[up];
        int near = fabs(p[0]) <= MR_ANCHOR_KEEP && fabs(p[1]) <= MR_ANCHOR_KEEP && fabs(p[2]) <= MR_ANCHOR_KEEP;
        if (s->anchor[i] != a || !near) {
            if (mr_anchor_choose(s, i, a, p)) return MR_NOMEM;
            for (int k = 0; k < 3; k++) row[4 * k + 3] = (float)p[k];
        }
        uint8_t f = s->flags[i] & (uint8_t) ~(MR_MOVED | MR_TOGGLED | MR_FRESH | MR_SHOWN);
        if ((f & MR_VISIBLE) && (s->flags[up] & MR_SHOWN)) f |= MR_SHOWN;
        s->flags[i] = f;
    }
    return MR_OK;
}
