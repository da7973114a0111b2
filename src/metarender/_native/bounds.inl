/* Refits one block, for one instruction-set level. Included by bounds.c. */

/* Boxes of the dirty draws. Draw order is not node order: while this block is worked on, the rows of `next` (MR_NONE: none) are
 * asked for, as many at a time, so that the memory always has as many requests as it can take. (Not in a function of its own:
 * GCC takes one that only prefetches for one that does nothing.) */
MR_TARGET static inline void MR_LEVEL(refit_slots)(mr_store *s, uint32_t block, uint32_t next, uint64_t todo) {
    const uint32_t *ahead = s->slot_node + (size_t)next * 64, *nodes = s->slot_node + (size_t)block * 64;
    const uint32_t *geometry = s->slot_geometry + (size_t)block * 64;
    uint64_t wanted = next == MR_NONE ? 0 : s->block_dirty[next] & s->block_used[next], mirrored = 0;
    const float *world = s->world;
    for (unsigned at = 0; at < 64; at += 8) {
        for (uint64_t m = wanted >> at & 255; m; m &= m - 1) {
            const float *row = world + 12 * (size_t)ahead[at + (unsigned)__builtin_ctzll(m)];
            __builtin_prefetch(row);
            __builtin_prefetch(row + 11);
        }
        unsigned lanes = todo >> at & 255;
        if (!lanes) continue;
        float *box = s->box + (size_t)block * 384 + at;
        /* Said twice, so that whole groups get code without masks. */
        if (lanes == 255) mirrored |= (uint64_t)MR_LEVEL(refit8)(s, nodes + at, geometry + at, 255, box) << at;
        else mirrored |= (uint64_t)MR_LEVEL(refit8)(s, nodes + at, geometry + at, lanes, box) << at;
    }
    for (uint64_t m = (mirrored ^ s->block_mirrored[block]) & todo; m; m &= m - 1) note_flip(s, block * 64 + (unsigned)__builtin_ctzll(m));
}

MR_TARGET static void MR_LEVEL(refit_block)(mr_store *s, uint32_t block, uint32_t next) {
    uint64_t todo = s->block_dirty[block] & s->block_used[block];
    MR_LEVEL(refit_slots)(s, block, next, todo);
    if (s->pose_live) mr_refit_posed(s, block, todo);
    const float *box = s->box + (size_t)block * 384;
    float low[3], high[3];
    for (int k = 0; k < 3; k++) {
        float l[8], h[8];
        MR_LEVEL(ends)(box + 64 * k, box + 64 * (k + 3), l, h);
        for (int j = 1; j < 8; j++) {
            l[0] = l[j] < l[0] ? l[j] : l[0];
            h[0] = h[j] > h[0] ? h[j] : h[0];
        }
        low[k] = l[0];
        high[k] = h[0];
    }
    close_box(low, high, s->block_box + (size_t)block * 8);
}
