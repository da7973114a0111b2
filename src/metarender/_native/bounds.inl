/* Refits one block, for one instruction-set level. Included by bounds.c. */

/* Boxes of the dirty draws, and their live bits. Draw order is not node order: while this block is worked on, the rows of
 * `next` (MR_NONE: none) are asked for, one for one, so that the memory always has as many requests as it can take. */
MR_TARGET static inline void MR_LEVEL(refit_slots)(mr_store *s, uint32_t block, uint32_t next) {
    const uint32_t *ahead = s->slot_node + (size_t)next * 64;
    uint64_t wanted = next == MR_NONE ? 0 : s->block_dirty[next] & s->block_used[next];
    const uint32_t *nodes = s->slot_node + (size_t)block * 64, *geometry = s->slot_geometry + (size_t)block * 64;
    uint64_t live = s->block_live[block], mirrored = s->block_mirrored[block];
    float *box = s->box + (size_t)block * 384;
    for (uint64_t m = s->block_dirty[block] & s->block_used[block]; m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctzll(m);
        uint32_t node = nodes[i];
        if (wanted) {
            uint32_t n = ahead[__builtin_ctzll(wanted)];
            __builtin_prefetch(s->world + 12 * (size_t)n);
            __builtin_prefetch(s->world + 12 * (size_t)n + 11);
            __builtin_prefetch(s->flags + n);
            wanted &= wanted - 1;
        }
        int flip = MR_LEVEL(refit)(s->world + 12 * (size_t)node, s->geometries[geometry[i]].fit, box + i);
        if (flip != (int)(mirrored >> i & 1)) note_flip(s, block * 64 + i);
        uint64_t bit = (uint64_t)1 << i;
        live = s->flags[node] & MR_SHOWN ? live | bit : live & ~bit;
    }
    s->block_live[block] = live;
    s->block_dirty[block] = 0;
}

/* Union of the boxes, in eight lanes at every level. Unused slots are NaN, which no comparison lets in. */
MR_TARGET static void MR_LEVEL(refit_block)(mr_store *s, uint32_t block, uint32_t next) {
    MR_LEVEL(refit_slots)(s, block, next);
    const float *box = s->box + (size_t)block * 384;
    float low[3], high[3];
    for (int k = 0; k < 3; k++) {
        float l[8], h[8];
        for (int j = 0; j < 8; j++) {
            l[j] = INFINITY;
            h[j] = -INFINITY;
        }
        for (int i = 0; i < 64; i += 8)
            for (int j = 0; j < 8; j++) {
                float c = box[64 * k + i + j], r = box[64 * (k + 3) + i + j], a = c - r, b = c + r;
                l[j] = a < l[j] ? a : l[j];
                h[j] = b > h[j] ? b : h[j];
            }
        for (int j = 1; j < 8; j++) {
            l[0] = l[j] < l[0] ? l[j] : l[0];
            h[0] = h[j] > h[0] ? h[j] : h[0];
        }
        low[k] = l[0];
        high[k] = h[0];
    }
    close_box(low, high, s->block_box + (size_t)block * 8);
}
