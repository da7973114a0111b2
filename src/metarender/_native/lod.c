/* Sizes on the screen: what a view calls too small to draw, and with which level of its geometry it draws the rest. */
#include "mr.h"

#include <math.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)
#define LATER 0.9 /* a coarser level must be this much below the threshold to be taken: no flicker at the border */
#define FLAT 0.1  /* a block counts as far when its depth spans less than this share of its distance */

int mr_set_levels(mr_store *s, uint32_t index, const uint32_t *levels, const float *errors, uint32_t n) {
    if (n == 0 && index >= s->levels_cap) return MR_OK;
    if (n > MR_MAX_LEVELS) return MR_FULL;
    if (mr_grow(&s->levels, &s->levels_cap, index + 1, sizeof(mr_levels))) return MR_NOMEM;
    mr_levels *row = s->levels + index;
    s->levelled_geometries += (n > 0) - (row->count > 0);
    row->count = n;
    for (uint32_t k = 0; k < n; k++) {
        row->index[k] = levels[k];
        row->error[k] = errors[k];
    }
    s->epoch++;
    s->draw_epoch = s->epoch;
    return MR_OK;
}

uint32_t mr_level_geometry(const mr_store *s, uint32_t geometry, uint32_t level) {
    if (level == 0 || geometry >= s->levels_cap) return geometry;
    const mr_levels *row = s->levels + geometry;
    if (level > row->count) level = row->count;
    return level ? row->index[level - 1] : geometry;
}

/* Right, up and forward of a rigid pose; 0 when its axes are not three perpendicular unit vectors. */
static int rigid_axes(const double *pose, double axes[3][3]) {
    for (int k = 0; k < 3; k++) {
        axes[0][k] = pose[4 * k];
        axes[1][k] = pose[4 * k + 1];
        axes[2][k] = -pose[4 * k + 2];
    }
    for (int i = 0; i < 3; i++)
        for (int j = i; j < 3; j++) {
            double dot = axes[i][0] * axes[j][0] + axes[i][1] * axes[j][1] + axes[i][2] * axes[j][2];
            if (!(fabs(dot - (i == j)) < 1e-6)) return 0;
        }
    return 1;
}

void mr_view_measure(mr_view *v, const double *pose, const double *p) {
    mr_detail *d = &v->detail;
    int straight = p[1] == 0 && p[4] == 0 && p[8] == 0 && p[9] == 0 && p[12] == 0 && p[13] == 0 && p[0] > 0 && p[5] > 0;
    int perspective = p[14] == -1 && p[15] == 0 && p[3] == 0 && p[7] == 0 && p[10] >= 0 && p[11] > 0;
    int parallel = p[14] == 0 && p[15] == 1 && p[2] == 0 && p[6] == 0 && p[10] > 0;
    d->standard = straight && (perspective || parallel) && rigid_axes(pose, d->axes);
    d->parallel = parallel;
    for (int k = 0; k < 2; k++) {
        d->gain[k] = p[5 * k];
        d->shift[k] = parallel ? p[4 * k + 3] : -p[4 * k + 2];
    }
    d->depth_row[0] = p[10];
    d->depth_row[1] = p[11];
    d->near = parallel ? (p[11] - 1) / p[10] : p[11] / (1 + p[10]);
    for (int k = 0; k < 3; k++) {
        d->towards[k] = d->standard && !parallel ? (float)d->axes[2][k] : 0;
        d->absolute[k] = fabsf(d->towards[k]);
    }
    mr_view_detail(v, d->width, d->height, d->cull_pixels, d->lod_pixels, v->occlusion.wanted);
}

void mr_view_detail(mr_view *v, double width, double height, double cull_pixels, double lod_pixels, int occlusion) {
    mr_detail *d = &v->detail;
    double metric = 0, extent[2] = {width, height};
    for (int k = 0; k < 2; k++) {
        double reach = 1 + fabs(d->shift[k]), m = 0.5 * extent[k] * (d->parallel ? d->gain[k] : sqrt(d->gain[k] * d->gain[k] + reach * reach));
        if (m > metric) metric = m;
    }
    metric *= 1 + 1e-6; /* the axes may be off by that much */
    int same = width == d->width && height == d->height && metric == d->metric && cull_pixels == d->cull_pixels &&
               lod_pixels == d->lod_pixels && occlusion == v->occlusion.wanted;
    d->width = width;
    d->height = height;
    d->metric = metric;
    v->occlusion.wanted = occlusion;
    d->cull_pixels = cull_pixels;
    d->lod_pixels = lod_pixels;
    double ratio = 2 * metric / cull_pixels;
    d->small = d->standard && cull_pixels > 0 ? (float)(ratio * ratio * (1 + U16)) : 0;
    if (!same) v->stamp++;
}

void mr_detail_free(mr_detail *d) {
    void *all[] = {d->depth, d->level, d->block_levelled, d->scale, d->block_scale, d->scale_epoch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mr_block_release(all[i]);
}

int mr_detail_depths(const mr_store *s, mr_view *v) {
    mr_detail *d = &v->detail;
    if (d->small <= 0 && d->lod_pixels <= 0) return MR_OK;
    if (mr_grow(&d->depth, &d->depth_cap, s->anchor_count, sizeof(float))) return MR_NOMEM;
    for (uint32_t a = 0; a < s->anchor_count; a++) {
        const double *origin = s->anchors[a].origin;
        double z = 0, size = 0;
        for (int k = 0; k < 3; k++) {
            double step = d->axes[2][k] * (origin[k] - v->eye[k]);
            z += step;
            size += fabs(step) + fabs(origin[k]);
        }
        d->depth[a] = d->parallel ? 1.0f : (float)(z - U16 * fabs(z) - 4e-15 * size);
    }
    return MR_OK;
}

/* Upper bound of |A x| / |x| for the 3x3 part of a world row: Gershgorin on A'A, exact for rotation times scale. */
static float stretch(const float *w) {
    double most = 0;
    for (int i = 0; i < 3; i++) {
        double sum = 0;
        for (int j = 0; j < 3; j++) sum += fabs((double)w[i] * w[j] + (double)w[4 + i] * w[4 + j] + (double)w[8 + i] * w[8 + j]);
        if (sum > most) most = sum;
    }
    return (float)(sqrt(most) * (1 + 1e-6));
}

/* Brings the scales of a block up to date with its world rows. */
static void refresh_scales(const mr_store *s, mr_detail *d, uint32_t block) {
    if (d->scale_epoch[block] > s->page_epoch[MR_TRANSFORM][block]) return;
    float most = 0;
    for (uint32_t i = block * 64; i < block * 64 + 64; i++) {
        d->scale[i] = s->slot_node[i] == MR_NONE ? 0 : stretch(s->world + 12 * (size_t)s->slot_node[i]);
        if (d->scale[i] > most) most = d->scale[i];
    }
    d->block_scale[block] = most;
    d->scale_epoch[block] = s->epoch + 1;
}

/* Least depth of a box: of a draw (stride 64) or of a block (stride 1). */
static float nearest_depth(const mr_detail *d, const float *box, int stride, uint32_t anchor, float *span) {
    float c = 0, r = 0;
    for (int k = 0; k < 3; k++) {
        c += d->towards[k] * box[k * stride];
        r += d->absolute[k] * box[(k + 3) * stride];
    }
    *span = 2 * r;
    return c - r + d->depth[anchor];
}

/* The level after `now` when a local error of `allowed` metres still lies below the threshold. */
static uint8_t step(const mr_levels *row, uint32_t now, double allowed) {
    uint32_t level = now < row->count ? now : row->count;
    while (level > 0 && row->error[level - 1] > allowed) level--;
    for (uint32_t k = row->count; k > level; k--)
        if (row->error[k - 1] <= LATER * allowed) return (uint8_t)k;
    return (uint8_t)level;
}

/* Levels of the visible draws of one block: one threshold for all when it is far, else one for each. */
static void choose_block(const mr_store *s, mr_view *v, uint32_t block) {
    mr_detail *d = &v->detail;
    uint8_t any = 0;
    uint32_t anchor = s->block_anchor[block];
    float span = 0, z = 0;
    if (anchor != MR_NONE) z = nearest_depth(d, s->block_box + (size_t)block * 8, 1, anchor, &span);
    int far = z > 0 && span <= FLAT * z;
    double budget = d->lod_pixels / d->metric, allowed = 0;
    refresh_scales(s, d, block);
    if (far && d->block_scale[block] > 0) allowed = budget * z / d->block_scale[block];
    for (uint64_t w = v->words[block]; w; w &= w - 1) {
        uint32_t slot = block * 64 + (unsigned)__builtin_ctzll(w), g = s->slot_geometry[slot];
        uint8_t level = 0;
        if (g < s->levels_cap && s->levels[g].count) {
            if (!far) {
                z = nearest_depth(d, s->box + (size_t)block * 384 + (slot & 63), 64, s->slot_anchor[slot], &span);
                allowed = z > 0 && d->scale[slot] > 0 ? budget * z / d->scale[slot] : 0;
            }
            level = step(s->levels + g, d->level[slot], allowed);
        }
        d->level[slot] = level;
        any |= level;
    }
    d->block_levelled[block] = any;
}

int mr_choose_levels(const mr_store *s, mr_view *v) {
    mr_detail *d = &v->detail;
    int on = d->standard && d->lod_pixels > 0 && d->metric > 0 && s->levelled_geometries;
    if (!on) {
        if (d->block_levelled) memset(d->block_levelled, 0, d->block_cap);
        return MR_OK;
    }
    uint32_t blocks = s->slots / 64, n = d->block_cap, m = d->block_cap;
    if (mr_grow(&d->level, &d->slot_cap, s->slots, 1) || mr_grow(&d->scale, &d->scale_cap, s->slots, sizeof(float))) return MR_NOMEM;
    if (mr_grow(&d->block_scale, &n, blocks, sizeof(float)) || mr_grow(&d->scale_epoch, &m, blocks, sizeof(uint64_t)) ||
        mr_grow(&d->block_levelled, &d->block_cap, blocks, 1))
        return MR_NOMEM;
    for (uint32_t b = 0; b < blocks; b++)
        if (v->words[b]) choose_block(s, v, b);
        else d->block_levelled[b] = 0;
    return MR_OK;
}

static double dot3(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

/* Squared distance of p from a triangle; the cases are those of C. Ericson, Real-Time Collision Detection, 5.1.5. */
static double distance2(const float *point, const float *const c[3]) {
    double a[3], ab[3], ac[3], ap[3];
    for (int k = 0; k < 3; k++) {
        a[k] = c[0][k];
        ab[k] = c[1][k] - a[k];
        ac[k] = c[2][k] - a[k];
        ap[k] = point[k] - a[k];
    }
    double d1 = dot3(ab, ap), d2 = dot3(ac, ap), abab = dot3(ab, ab), abac = dot3(ab, ac), acac = dot3(ac, ac);
    double d3 = d1 - abab, d4 = d2 - abac, d5 = d1 - abac, d6 = d2 - acac;
    double va = d3 * d6 - d5 * d4, vb = d5 * d2 - d1 * d6, vc = d1 * d4 - d3 * d2, s = 0, t = 0;
    if (d1 <= 0 && d2 <= 0) s = t = 0;
    else if (d3 >= 0 && d4 <= d3) s = 1;
    else if (d6 >= 0 && d5 <= d6) t = 1;
    else if (vc <= 0 && d1 >= 0 && d3 <= 0) s = d1 / (d1 - d3);
    else if (vb <= 0 && d2 >= 0 && d6 <= 0) t = d2 / (d2 - d6);
    else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) {
        t = (d4 - d3) / ((d4 - d3) + (d5 - d6));
        s = 1 - t;
    } else if (va + vb + vc > 0) {
        s = vb / (va + vb + vc);
        t = vc / (va + vb + vc);
    }
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        double e = ap[k] - s * ab[k] - t * ac[k];
        sum += e * e;
    }
    return sum;
}

/* Square of the least distance that a triangle's box leaves. */
static float box_distance2(const float *p, const float *const c[3]) {
    float sum = 0;
    for (int k = 0; k < 3; k++) {
        float low = fminf(fminf(c[0][k], c[1][k]), c[2][k]), high = fmaxf(fmaxf(c[0][k], c[1][k]), c[2][k]);
        float e = fmaxf(fmaxf(low - p[k], p[k] - high), 0);
        sum += e * e;
    }
    return sum * (1 - (float)U16);
}

float mr_surface_distance(const float *points, size_t n, const float *positions, const uint32_t *indices, size_t triangles) {
    double worst = 0;
    size_t start = 0; /* where the last point was nearest: its neighbour is probably near the same triangle */
    for (size_t i = 0; i < n; i++) {
        double best = INFINITY;
        size_t found = start;
        for (size_t j = 0; j < triangles && best > worst; j++) { /* nearer than the worst so far: this point decides nothing */
            size_t t = start + j < triangles ? start + j : start + j - triangles;
            const float *c[3];
            for (int k = 0; k < 3; k++) c[k] = positions + 3 * (size_t)indices[3 * t + k];
            if (box_distance2(points + 3 * i, c) >= best) continue;
            double d = distance2(points + 3 * i, c);
            if (d < best) {
                best = d;
                found = t;
            }
        }
        if (best > worst && best < INFINITY) worst = best;
        start = found;
    }
    return (float)sqrt(worst);
}
