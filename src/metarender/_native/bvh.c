/* Bounding-volume hierarchies over the triangles of one geometry.
 *
 * Triangles are sorted along a Morton curve of 63 bits and split where the highest bit differs (C. Lauterbach et al., Fast BVH
 * Construction on GPUs, 2009), equal codes in the middle; 1 M triangles take about a tenth of a second. Nodes lie in
 * depth-first order: the left child follows its parent. Depth is at most 63 + 32 < MR_BVH_DEPTH, so stacks have a fixed size.
 */
#include "mr.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAF 4 /* triangles */

static uint64_t spread(uint64_t x) { /* 21 bits to every third bit */
    x = (x | x << 32) & 0x001F00000000FFFFull;
    x = (x | x << 16) & 0x001F0000FF0000FFull;
    x = (x | x << 8) & 0x100F00F00F00F00Full;
    x = (x | x << 4) & 0x10C30C30C30C30C3ull;
    return (x | x << 2) & 0x1249249249249249ull;
}

/* Twice the centre of a triangle's box. */
static void centre_of(const mr_bvh *b, uint32_t triangle, double out[3]) {
    const uint32_t *corner = b->indices + 3 * (size_t)triangle;
    const float *p = b->positions + 3 * (size_t)corner[0], *q = b->positions + 3 * (size_t)corner[1], *r = b->positions + 3 * (size_t)corner[2];
    for (int k = 0; k < 3; k++) {
        float low = p[k] < q[k] ? p[k] : q[k], high = p[k] < q[k] ? q[k] : p[k];
        low = r[k] < low ? r[k] : low;
        high = r[k] > high ? r[k] : high;
        out[k] = (double)low + high;
    }
}

static void codes_of(const mr_bvh *b, uint64_t *codes) {
    double low[3] = {INFINITY, INFINITY, INFINITY}, high[3] = {-INFINITY, -INFINITY, -INFINITY}, c[3], widest = 0;
    for (uint32_t i = 0; i < b->triangle_count; i++) {
        centre_of(b, i, c);
        for (int k = 0; k < 3; k++) {
            low[k] = c[k] < low[k] ? c[k] : low[k];
            high[k] = c[k] > high[k] ? c[k] : high[k];
        }
    }
    for (int k = 0; k < 3; k++) widest = high[k] - low[k] > widest ? high[k] - low[k] : widest;
    double scale = widest > 0 ? 2097151.0 / widest : 0;
    for (uint32_t i = 0; i < b->triangle_count; i++) {
        centre_of(b, i, c);
        codes[i] = 0;
        for (int k = 0; k < 3; k++) codes[i] |= spread((uint64_t)((c[k] - low[k]) * scale)) << k;
    }
}

/* First row of [first + 1, end) that goes to the right child. */
static uint32_t split(const uint64_t *codes, uint32_t first, uint32_t end) {
    uint64_t differing = codes[first] ^ codes[end - 1];
    if (!differing) return first + (end - first) / 2;
    uint64_t bit = (uint64_t)1 << (63 - __builtin_clzll(differing));
    uint32_t low = first, high = end - 1; /* the bit is 0 at low and 1 at high */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (codes[middle] & bit) high = middle;
        else low = middle;
    }
    return high;
}

/* Lays out nodes over the sorted codes; a waiting right child remembers its parent. */
static void lay_out(mr_bvh *b, const uint64_t *codes) {
    struct { uint32_t first, end, parent, depth; } stack[MR_BVH_DEPTH];
    uint32_t top = 0, first = 0, end = b->triangle_count, depth = 1;
    for (;;) {
        uint32_t node = b->node_count++;
        if (depth > b->depth) b->depth = depth;
        if (end - first > LEAF) {
            uint32_t middle = split(codes, first, end);
            b->nodes[node].count = 0;
            stack[top].first = middle;
            stack[top].end = end;
            stack[top].parent = node;
            stack[top++].depth = ++depth;
            end = middle;
            continue;
        }
        b->nodes[node].at = first;
        b->nodes[node].count = end - first;
        if (!top) return;
        top--;
        first = stack[top].first;
        end = stack[top].end;
        depth = stack[top].depth;
        b->nodes[stack[top].parent].at = b->node_count;
    }
}

static void widen(mr_bvh_node *node, const float *low, const float *high) {
    for (int k = 0; k < 3; k++) {
        node->lower[k] = low[k] < node->lower[k] ? low[k] : node->lower[k];
        node->upper[k] = high[k] > node->upper[k] ? high[k] : node->upper[k];
    }
}

/* Boxes from the last node to the first: children come after their parents. They are exact, so no rounding is lost. */
static void fit(mr_bvh *b) {
    for (uint32_t i = b->node_count; i-- > 0;) {
        mr_bvh_node *node = b->nodes + i;
        for (int k = 0; k < 3; k++) {
            node->lower[k] = INFINITY;
            node->upper[k] = -INFINITY;
        }
        if (!node->count) {
            widen(node, node[1].lower, node[1].upper);
            widen(node, b->nodes[node->at].lower, b->nodes[node->at].upper);
        }
        for (uint32_t j = 0; j < 3 * node->count; j++) {
            uint32_t corner = b->indices[3 * (size_t)b->order[node->at + j / 3] + j % 3];
            widen(node, b->positions + 3 * (size_t)corner, b->positions + 3 * (size_t)corner);
        }
    }
}

int mr_bvh_build(mr_bvh *b, const float *positions, const uint32_t *indices, uint32_t triangles) {
    size_t n = triangles ? triangles : 1;
    memset(b, 0, sizeof *b);
    b->positions = positions;
    b->indices = indices;
    b->triangle_count = triangles;
    uint64_t *codes = malloc(n * 8), *codes2 = malloc(n * 8);
    uint32_t *order2 = malloc(n * 4);
    b->order = malloc(n * 4);
    b->nodes = malloc(2 * n * sizeof(mr_bvh_node));
    int bad = !codes || !codes2 || !order2 || !b->order || !b->nodes ? MR_NOMEM : MR_OK;
    if (!bad && triangles) {
        codes_of(b, codes);
        for (uint32_t i = 0; i < triangles; i++) b->order[i] = i;
        mr_radix(codes, b->order, triangles, 63, codes2, order2);
        lay_out(b, codes);
        fit(b);
        mr_bvh_node *smaller = realloc(b->nodes, b->node_count * sizeof(mr_bvh_node));
        if (smaller) b->nodes = smaller;
    }
    free(codes);
    free(codes2);
    free(order2);
    if (bad) mr_bvh_free(b);
    return bad;
}

void mr_bvh_free(mr_bvh *b) {
    free(b->nodes);
    free(b->order);
    b->nodes = NULL;
    b->order = NULL;
    b->node_count = b->triangle_count = 0;
}

/* What the watertight test needs of a ray: the axis it runs along most, last, and the shear that turns it onto that axis. */
typedef struct { double o[3], d[3], s[3], inverse[3]; int k[3], upward[3]; } prepared;

static void prepare(prepared *r, const double o[3], const double d[3]) {
    int z = fabs(d[1]) > fabs(d[0]) ? 1 : 0;
    if (fabs(d[2]) > fabs(d[z])) z = 2;
    int x = (z + 1) % 3, y = (z + 2) % 3;
    r->k[0] = d[z] < 0 ? y : x; /* swapped so that the winding stays */
    r->k[1] = d[z] < 0 ? x : y;
    r->k[2] = z;
    r->s[0] = d[r->k[0]] / d[z];
    r->s[1] = d[r->k[1]] / d[z];
    r->s[2] = 1 / d[z];
    for (int a = 0; a < 3; a++) {
        r->o[a] = o[a];
        r->d[a] = d[a];
        r->inverse[a] = 1 / d[a];
        r->upward[a] = !signbit(d[a]);
    }
}

/* S. Woop, C. Benthin, I. Wald: Watertight Ray/Triangle Intersection, JCGT 2 (2013), in float64. Corners relative to the ray's origin.
 * Returns 1 for a hit with t in [0, limit]; u and v weigh the second and third corner. */
static int cross_triangle(const prepared *r, const double c[3][3], double limit, mr_cut *hit) {
    double x[3], y[3];
    for (int i = 0; i < 3; i++) {
        x[i] = c[i][r->k[0]] - r->s[0] * c[i][r->k[2]];
        y[i] = c[i][r->k[1]] - r->s[1] * c[i][r->k[2]];
    }
    double u = x[2] * y[1] - y[2] * x[1], v = x[0] * y[2] - y[0] * x[2], w = x[1] * y[0] - y[1] * x[0];
    if ((u < 0 || v < 0 || w < 0) && (u > 0 || v > 0 || w > 0)) return 0;
    double det = u + v + w;
    if (det == 0) return 0;
    double t = r->s[2] * ((u * c[0][r->k[2]] + v * c[1][r->k[2]]) + w * c[2][r->k[2]]) / det;
    if (!(t >= 0 && t <= limit)) return 0;
    hit->t = t;
    hit->u = v / det;
    hit->v = w / det;
    return 1;
}

/* 1 when the ray meets the side of the triangle that its corners run around counter-clockwise. */
static int faces(const double d[3], const double c[3][3]) {
    double e[3], f[3];
    for (int k = 0; k < 3; k++) {
        e[k] = c[1][k] - c[0][k];
        f[k] = c[2][k] - c[0][k];
    }
    return (d[0] * (e[1] * f[2] - e[2] * f[1]) + d[1] * (e[2] * f[0] - e[0] * f[2])) + d[2] * (e[0] * f[1] - e[1] * f[0]) < 0;
}

/* Keeps the nearer hit, of equally near ones that of the lower triangle. */
static int test_triangle(const prepared *r, const double c[3][3], uint32_t triangle, int mirrored, unsigned sides, mr_cut *best) {
    mr_cut hit;
    if (!cross_triangle(r, c, best->t, &hit) || (hit.t == best->t && triangle > best->triangle)) return 0;
    hit.front = faces(r->d, c) ^ mirrored;
    if (!(sides & (hit.front ? MR_FRONT : MR_BACK))) return 0;
    hit.triangle = triangle;
    *best = hit;
    return 1;
}

/* Entry distance into a node, or infinity. The far side is moved out by more than the rounding of both (T. Ize, Robust BVH Ray
 * Traversal, JCGT 2, 2013). Comparisons ignore the NaN of a ray that runs inside the plane of a side: such a side cuts nothing. */
static inline double enter(const prepared *r, const mr_bvh_node *node, double limit) {
    double near = 0, far = limit;
    for (int k = 0; k < 3; k++) {
        float low = r->upward[k] ? node->lower[k] : node->upper[k], high = r->upward[k] ? node->upper[k] : node->lower[k];
        double a = (low - r->o[k]) * r->inverse[k], b = (high - r->o[k]) * r->inverse[k];
        near = a > near ? a : near;
        far = b < far ? b : far;
    }
    return near <= far * (1 + 2e-15) ? near : INFINITY;
}

int mr_bvh_trace(const mr_bvh *b, const double o[3], const double d[3], unsigned sides, mr_cut *best) {
    struct { uint32_t node; double near; } stack[MR_BVH_DEPTH];
    uint32_t top = 0, at = 0;
    int found = 0;
    prepared r;
    prepare(&r, o, d);
    if (!b->node_count || enter(&r, b->nodes, best->t) == INFINITY) return 0;
    for (;;) {
        const mr_bvh_node *node = b->nodes + at;
        if (!node->count) {
            uint32_t left = at + 1, right = node->at;
            double a = enter(&r, b->nodes + left, best->t), c = enter(&r, b->nodes + right, best->t);
            if (a != INFINITY || c != INFINITY) {
                int first = a <= c;
                at = first ? left : right;
                if (a != INFINITY && c != INFINITY) {
                    stack[top].node = first ? right : left;
                    stack[top++].near = first ? c : a;
                }
                continue;
            }
        }
        for (uint32_t i = 0; i < node->count; i++) {
            uint32_t triangle = b->order[node->at + i];
            double c[3][3];
            for (int j = 0; j < 9; j++) c[j / 3][j % 3] = b->positions[3 * (size_t)b->indices[3 * (size_t)triangle + j / 3] + j % 3] - o[j % 3];
            found |= test_triangle(&r, (const double(*)[3])c, triangle, 0, sides, best);
        }
        do {
            if (!top) return found;
            top--;
        } while (stack[top].near > best->t * (1 + 2e-15));
        at = stack[top].node;
    }
}

int mr_flat_trace(const mr_bvh *b, const float *world, const double o[3], const double d[3], unsigned sides, mr_cut *best) {
    int found = 0, mirrored = mr_mirrored(world);
    prepared r;
    prepare(&r, o, d);
    for (uint32_t triangle = 0; triangle < b->triangle_count; triangle++) {
        double c[3][3];
        for (int i = 0; i < 3; i++) {
            const float *p = b->positions + 3 * (size_t)b->indices[3 * (size_t)triangle + i];
            for (int k = 0; k < 3; k++) {
                const float *w = world + 4 * k;
                c[i][k] = (((double)w[0] * p[0] + (double)w[1] * p[1]) + (double)w[2] * p[2]) + (w[3] - o[k]);
            }
        }
        found |= test_triangle(&r, (const double(*)[3])c, triangle, mirrored, sides, best);
    }
    return found;
}
