/* The culling kernel for one instruction-set level. Included by cull.c.
 *
 * Groups of 64 blocks with the six planes as lanes, then the 64 blocks of a group as lanes, then 64 boxes as lanes, each only
 * against the planes that cut what holds it. A group or block is out when (s + r) + d < 0 with s = (nx cx + ny cy) + nz cz and
 * r = (|nx| hx + |ny| hy) + |nz| hz. For an object the same sum is taken by axis, |n| (h + c) or |n| (h - c) by the sign of n, and d
 * last: n rounded, a sum, a product, two sums and d, so no more rounding than bounds.c allows for, and a third less work.
 */

/* Bits of the boxes behind plane p, whose normal has the signs sx, sy, sz (1: negative; constants, so that nothing branches). */
MR_TARGET static inline __attribute__((always_inline)) uint64_t MR_LEVEL(behind)(const float *box, const mr_view *v, float distance,
                                                                                 unsigned p, int sx, int sy, int sz) {
    VF ax = SET1(v->absolute[0][p]), ay = SET1(v->absolute[1][p]), az = SET1(v->absolute[2][p]), d = SET1(distance);
    uint64_t out = 0;
    for (unsigned i = 0; i < 64; i += W) {
        VF cx = LOAD(box + i), cy = LOAD(box + 64 + i), cz = LOAD(box + 128 + i);
        VF hx = LOAD(box + 192 + i), hy = LOAD(box + 256 + i), hz = LOAD(box + 320 + i);
        VF x = sx ? SUB(hx, cx) : ADD(hx, cx), y = sy ? SUB(hy, cy) : ADD(hy, cy), z = sz ? SUB(hz, cz) : ADD(hz, cz);
        out |= (uint64_t)NEGATIVE(ADD(ADD(ADD(MUL(ax, x), MUL(ay, y)), MUL(az, z)), d)) << i;
    }
    return out;
}

/* Bits of the objects of a block that no plane of `cut` excludes: plane by plane, until none is left. */
MR_TARGET static inline uint64_t MR_LEVEL(objects)(const float *box, const mr_view *v, const float *distance, unsigned cut, uint64_t live) {
    for (; cut && live; cut &= cut - 1) {
        unsigned p = (unsigned)__builtin_ctz(cut);
        uint64_t out = 0;
        switch (v->octant[p]) {
        case 0: out = MR_LEVEL(behind)(box, v, distance[p], p, 0, 0, 0); break;
        case 1: out = MR_LEVEL(behind)(box, v, distance[p], p, 1, 0, 0); break;
        case 2: out = MR_LEVEL(behind)(box, v, distance[p], p, 0, 1, 0); break;
        case 3: out = MR_LEVEL(behind)(box, v, distance[p], p, 1, 1, 0); break;
        case 4: out = MR_LEVEL(behind)(box, v, distance[p], p, 0, 0, 1); break;
        case 5: out = MR_LEVEL(behind)(box, v, distance[p], p, 1, 0, 1); break;
        case 6: out = MR_LEVEL(behind)(box, v, distance[p], p, 0, 1, 1); break;
        default: out = MR_LEVEL(behind)(box, v, distance[p], p, 1, 1, 1);
        }
        live &= ~out;
    }
    return live;
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

#ifndef MR_PLANES
#define MR_PLANES MR_LEVEL(planes)
/* Planes that a box is wholly behind (low byte) and planes that cut it (next byte). */
MR_TARGET static inline unsigned MR_LEVEL(planes)(const float *b, const mr_view *v, const float *distance) {
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

#endif

/* Sorts the n blocks of a group of one anchor; `cut`: the planes that cut the group, the others have it inside. */
MR_TARGET static inline void MR_LEVEL(sort_lanes)(const float *box, const mr_view *v, const float *distance, unsigned cut, unsigned n,
                                                  group_bits *found) {
    uint64_t valid = n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1, gone = 0, any = 0;
    for (; cut; cut &= cut - 1) {
        unsigned p = (unsigned)__builtin_ctz(cut);
        VF nx = SET1(v->normal[0][p]), ny = SET1(v->normal[1][p]), nz = SET1(v->normal[2][p]), d = SET1(distance[p]);
        VF ax = SET1(v->absolute[0][p]), ay = SET1(v->absolute[1][p]), az = SET1(v->absolute[2][p]);
        uint64_t out = 0, in = 0;
        for (unsigned i = 0; i < 64; i += W) {
            VF s = ADD(ADD(MUL(nx, LOAD(box + i)), MUL(ny, LOAD(box + 64 + i))), MUL(nz, LOAD(box + 128 + i)));
            VF r = ADD(ADD(MUL(ax, LOAD(box + 192 + i)), MUL(ay, LOAD(box + 256 + i))), MUL(az, LOAD(box + 320 + i)));
            out |= (uint64_t)NEGATIVE(ADD(ADD(s, r), d)) << i;
            in |= (uint64_t)INSIDE(ADD(SUB(s, r), d)) << i;
        }
        gone |= out;
        any |= found->by[p] = ~in;
    }
    found->inside = valid & ~gone & ~any;
    found->cut = valid & ~gone & any;
}

/* Sorts the blocks of a group of several anchors, one by one. */
MR_TARGET static void MR_LEVEL(sort_mixed)(const mr_store *s, const mr_view *v, uint32_t first, uint32_t end, group_bits *found) {
    for (uint32_t b = first; b < end; b++) {
        uint32_t anchor = s->block_anchor[b];
        uint64_t bit = (uint64_t)1 << (b - first);
        if (anchor == MR_NONE) {
            found->mixed |= bit;
            continue;
        }
        unsigned state = MR_PLANES(s->block_box + (size_t)b * 8, v, v->distance + (size_t)anchor * 8);
        if (state & 0xFF) continue;
        if (!state) found->inside |= bit;
        else found->cut |= bit;
        for (unsigned p = 0; p < 6; p++)
            if (state >> 8 >> p & 1) found->by[p] |= bit;
    }
}

/* Clears the bits of a block's draws whose layers the view lacks, and of those too small for it. */
MR_TARGET static void MR_LEVEL(sift)(const mr_store *s, mr_view *v, uint32_t b) {
    uint64_t word = v->words[b];
    if (s->block_mixed_layers[b]) word = layered(s, v, b, word);
    else if (!(v->layers & s->block_layers[b])) word = 0;
    if (word && v->detail.small > 0) {
        uint32_t anchor = s->block_anchor[b];
        if (anchor == MR_NONE) word &= ~mixed_small(s, v, b, word);
        else word &= ~MR_LEVEL(small)(s->box + (size_t)b * 384, &v->detail, v->detail.depth[anchor]);
    }
    v->words[b] = word;
}

/* Words of the blocks [first, end) of a group for one view; `cut`: the planes that cut the group. */
MR_TARGET static void MR_LEVEL(group_words)(const mr_store *s, mr_view *v, uint32_t first, uint32_t end, uint32_t anchor, unsigned cut) {
    uint64_t *words = v->words + first, visible = 0;
    group_bits found = {0};
    unsigned odd = v->detail.small > 0;
    if (anchor == MR_NONE) MR_LEVEL(sort_mixed)(s, v, first, end, &found);
    else MR_LEVEL(sort_lanes)(s->lane_box + (size_t)(first / 64) * 384, v, v->distance + (size_t)anchor * 8, cut, end - first, &found);
    for (uint32_t i = 0; i < end - first; i++) words[i] = found.inside >> i & 1 ? s->block_live[first + i] : 0;
    for (uint64_t m = found.cut; m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctzll(m);
        if (!s->block_live[first + i]) { /* an empty block has no box */
            found.cut &= ~((uint64_t)1 << i);
            continue;
        }
        const float *distance = v->distance + (size_t)s->block_anchor[first + i] * 8;
        words[i] = MR_LEVEL(objects)(s->box + (size_t)(first + i) * 384, v, distance, planes_of(&found, i), s->block_live[first + i]);
    }
    for (uint64_t m = found.mixed; m; m &= m - 1) {
        unsigned i = (unsigned)__builtin_ctzll(m);
        words[i] = mixed_block(s, v, first + i, s->block_live[first + i]);
    }
    v->blocks_in += (uint32_t)__builtin_popcountll(found.inside);
    v->blocks_cut += (uint32_t)__builtin_popcountll(found.cut | found.mixed);
    for (uint32_t b = first; b < end; b++) odd |= s->block_mixed_layers[b] | !(v->layers & s->block_layers[b]);
    if (odd)
        for (uint32_t b = first; b < end; b++)
            if (v->words[b]) MR_LEVEL(sift)(s, v, b);
    for (uint32_t i = 0; i < end - first; i++) visible += (uint64_t)__builtin_popcountll(words[i]);
    v->visible += visible;
}

MR_TARGET void MR_LEVEL(mr_cull)(const mr_store *s, mr_view *const *views, uint32_t n) {
    uint32_t blocks = s->slots / 64;
    for (uint32_t first = 0; first < blocks; first += 64) {
        uint32_t end = first + 64 < blocks ? first + 64 : blocks, anchor = s->group_anchor[first / 64];
        for (uint32_t k = 0; k < n; k++) {
            mr_view *v = views[k];
            unsigned state = 0;
            if (anchor != MR_NONE) state = MR_PLANES(s->group_box + (size_t)(first / 64) * 8, v, v->distance + (size_t)anchor * 8);
            if (state & 0xFF) memset(v->words + first, 0, (size_t)(end - first) * 8);
            else MR_LEVEL(group_words)(s, v, first, end, anchor, state >> 8);
        }
    }
}

/* Every box against every plane. */
MR_TARGET void MR_LEVEL(mr_cull_flat)(const mr_store *s, mr_view *v) {
    for (uint32_t b = 0; b < v->blocks; b++) {
        uint64_t word = s->block_live[b];
        uint32_t anchor = s->block_anchor[b];
        if (anchor == MR_NONE) word = mixed_block(s, v, b, word);
        else word = MR_LEVEL(objects)(s->box + (size_t)b * 384, v, v->distance + (size_t)anchor * 8, v->active, word);
        if (s->block_mixed_layers[b] || !(v->layers & s->block_layers[b])) word = layered(s, v, b, word);
        v->words[b] = word;
        v->visible += (uint64_t)__builtin_popcountll(word);
    }
}

#undef W
#undef VF
#undef LOAD
#undef SET1
#undef ADD
#undef SUB
#undef MUL
#undef NEGATIVE
#undef INSIDE
#undef MR_PLANES
#undef MR_TARGET
#undef MR_LEVEL
