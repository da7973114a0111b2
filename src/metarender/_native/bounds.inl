/* Refits the dirty draws of one block, for one instruction-set level. Included by bounds.c. */
MR_TARGET static void MR_LEVEL(refit_slots)(mr_store *s, uint32_t block) {
    uint64_t live = s->block_live[block];
    int moved_anchor = 0;
    for (uint64_t m = s->block_dirty[block]; m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctzll(m);
        uint32_t slot = block * 64 + i, node = s->slot_node[slot], anchor = s->anchor[node];
        const float *fit = s->geometries[s->slot_geometry[slot]].fit;
        int flip = MR_LEVEL(refit)(s->world + 12 * (size_t)node, fit, s->box + (size_t)block * 384 + i);
        if (flip != s->slot_mirrored[slot]) s->draws_dirty = 1;
        moved_anchor |= s->slot_anchor[slot] != anchor;
        s->slot_anchor[slot] = anchor;
        s->slot_layers[slot] = s->layers[node];
        uint64_t bit = (uint64_t)1 << i;
        live = s->flags[node] & MR_SHOWN ? live | bit : live & ~bit;
    }
    if (moved_anchor) s->page_epoch[MR_INFO][block / 4] = s->epoch;
    s->block_live[block] = live;
    s->block_dirty[block] = 0;
}
