/* The culling kernel for one instruction-set level. Included by cull.c.
 *
 * Groups of 64 blocks, then blocks: the six planes are the lanes. Objects: 64 boxes in lanes of W, only against the planes that cut the block.
 * An object is out when (s + r) + d < 0 with s = (nx cx + ny cy) + nz cz, r = (|nx| hx + |ny| hy) + |nz| hz.
 */

/* Bits of the objects of a block that no plane of `cut` excludes. */
MR_TARGET static uint64_t MR_LEVEL(objects)(const float *box, const mr_view *v, const float *distance, unsigned cut) {
    uint64_t out = 0;
    for (unsigned i = 0; i < 64; i += W) {
        VF cx = LOAD(box + i), cy = LOAD(box + 64 + i), cz = LOAD(box + 128 + i);
        VF hx = LOAD(box + 192 + i), hy = LOAD(box + 256 + i), hz = LOAD(box + 320 + i);
        unsigned gone = 0;
        for (unsigned m = cut; m; m &= m - 1) {
            unsigned p = (unsigned)__builtin_ctz(m);
            VF s = ADD(ADD(MUL(SET1(v->normal[0][p]), cx), MUL(SET1(v->normal[1][p]), cy)), MUL(SET1(v->normal[2][p]), cz));
            VF r = ADD(ADD(MUL(SET1(v->absolute[0][p]), hx), MUL(SET1(v->absolute[1][p]), hy)), MUL(SET1(v->absolute[2][p]), hz));
            gone |= NEGATIVE(ADD(ADD(s, r), SET1(distance[p])));
        }
        out |= (uint64_t)gone << i;
    }
    return ~out;
}

/* Bits of the boxes of a block whose picture is smaller than the view's threshold: small h.h < z^2 at their nearest depth z > 0. */
MR_TARGET static uint64_t MR_LEVEL(small)(const float *box, const mr_detail *d, float depth) {
    uint64_t out = 0;
    for (unsigned i = 0; i < 64; i += W) {
        VF hx = LOAD(box + 192 + i), hy = LOAD(box + 256 + i), hz = LOAD(box + 320 + i);
        VF c = ADD(ADD(MUL(SET1(d->towards[0]), LOAD(box + i)), MUL(SET1(d->towards[1]), LOAD(box + 64 + i))),
                   MUL(SET1(d->towards[2]), LOAD(box + 128 + i)));
        VF r = ADD(ADD(MUL(SET1(d->absolute[0]), hx), MUL(SET1(d->absolute[1]), hy)), MUL(SET1(d->absolute[2]), hz));
        VF z = ADD(SUB(c, r), SET1(depth)), size = MUL(ADD(ADD(MUL(hx, hx), MUL(hy, hy)), MUL(hz, hz)), SET1(d->small));
        out |= (uint64_t)(NEGATIVE(SUB(SET1(0), z)) & NEGATIVE(SUB(size, MUL(z, z)))) << i;
    }
    return out;
}

/* Planes that a box is wholly behind (low byte) and planes that cut it (next byte). */
MR_TARGET static unsigned MR_LEVEL(planes)(const float *b, const mr_view *v, const float *distance) {
    unsigned out = 0, cut = 0;
    for (unsigned i = 0; i < 8; i += W) {
        VF s = ADD(ADD(MUL(LOAD(v->normal[0] + i), SET1(b[0])), MUL(LOAD(v->normal[1] + i), SET1(b[1]))), MUL(LOAD(v->normal[2] + i), SET1(b[2])));
        VF r = ADD(ADD(MUL(LOAD(v->absolute[0] + i), SET1(b[3])), MUL(LOAD(v->absolute[1] + i), SET1(b[4]))), MUL(LOAD(v->absolute[2] + i), SET1(b[5])));
        VF d = LOAD(distance + i);
        out |= NEGATIVE(ADD(ADD(s, r), d)) << i;
        cut |= INSIDE(ADD(SUB(s, r), d)) << i;
    }
    return out | (~cut & 0xFFu) << 8;
}

/* Word of one block before layers: none, all, or what its boxes say. */
MR_TARGET static inline uint64_t MR_LEVEL(block_word)(const mr_store *s, mr_view *v, uint32_t b, uint64_t live) {
    uint32_t anchor = s->block_anchor[b];
    if (anchor == MR_NONE) return mixed_block(s, v, b, live);
    const float *distance = v->distance + (size_t)anchor * 8;
    unsigned state = MR_LEVEL(planes)(s->block_box + (size_t)b * 8, v, distance);
    if (state & 0xFF) return 0;
    if (!state) {
        v->blocks_in++;
        return live;
    }
    v->blocks_cut++;
    return live & MR_LEVEL(objects)(s->box + (size_t)b * 384, v, distance, state >> 8);
}

/* Blocks [first, end) of a group for one view; `whole`: the group lies inside every plane. */
MR_TARGET static void MR_LEVEL(group_words)(const mr_store *s, mr_view *v, uint32_t first, uint32_t end, int whole) {
    uint64_t visible = 0;
    for (uint32_t b = first; b < end; b++) {
        uint64_t word = s->block_live[b];
        uint8_t mixed = s->block_mixed_layers[b];
        if (!mixed && !(v->layers & s->block_layers[b])) word = 0;
        if (word && whole) v->blocks_in++;
        else if (word) word = MR_LEVEL(block_word)(s, v, b, word);
        if (word && mixed) word = layered(s, v, b, word);
        if (word && v->detail.small > 0) {
            uint32_t anchor = s->block_anchor[b];
            if (anchor == MR_NONE) word &= ~mixed_small(s, v, b, word);
            else word &= ~MR_LEVEL(small)(s->box + (size_t)b * 384, &v->detail, v->detail.depth[anchor]);
        }
        v->words[b] = word;
        visible += (uint64_t)__builtin_popcountll(word);
    }
    v->visible += visible;
}

MR_TARGET void MR_LEVEL(mr_cull)(const mr_store *s, mr_view *const *views, uint32_t n) {
    uint32_t blocks = s->slots / 64;
    for (uint32_t first = 0; first < blocks; first += 64) {
        uint32_t end = first + 64 < blocks ? first + 64 : blocks, anchor = s->group_anchor[first / 64];
        for (uint32_t k = 0; k < n; k++) {
            mr_view *v = views[k];
            unsigned state = 1u << 8;
            if (anchor != MR_NONE) state = MR_LEVEL(planes)(s->group_box + (size_t)(first / 64) * 8, v, v->distance + (size_t)anchor * 8);
            if (state & 0xFF) memset(v->words + first, 0, (size_t)(end - first) * 8);
            else MR_LEVEL(group_words)(s, v, first, end, state == 0);
        }
    }
}
