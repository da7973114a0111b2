/* Polygons to triangles; the manual is polygon.h. */
#include "polygon.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    double x, y;
} Point;

/* One polygon, flattened, and the ring of the corners that are left. */
typedef struct {
    Point *at;
    uint32_t *next, *before;
    size_t room;
} Ring;

static double turn(Point a, Point b, Point c)
{
    return (b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x);
}

/* Drops the axis along which the polygon's area is largest, so that it turns counter-clockwise in what is left. */
static void flatten(const double *positions, const uint32_t *corners, uint32_t n, Point *out)
{
    double normal[3] = {0.0, 0.0, 0.0};
    const double *origin = positions + 3 * (size_t)corners[0];
    for (uint32_t k = 1; k + 1 < n; k++) {
        const double *b = positions + 3 * (size_t)corners[k], *c = positions + 3 * (size_t)corners[k + 1];
        double u[3], v[3];
        for (int i = 0; i < 3; i++) u[i] = b[i] - origin[i], v[i] = c[i] - origin[i];
        for (int i = 0; i < 3; i++) normal[i] += u[(i + 1) % 3] * v[(i + 2) % 3] - u[(i + 2) % 3] * v[(i + 1) % 3];
    }
    int axis = fabs(normal[0]) > fabs(normal[1]) ? 0 : 1;
    if (fabs(normal[2]) >= fabs(normal[axis])) axis = 2;
    int first = (axis + 1) % 3, second = (axis + 2) % 3;
    if (normal[axis] < 0.0) first = (axis + 2) % 3, second = (axis + 1) % 3;
    for (uint32_t k = 0; k < n; k++) {
        const double *p = positions + 3 * (size_t)corners[k];
        out[k].x = p[first] - origin[first], out[k].y = p[second] - origin[second];
    }
}

static int strictly_convex(const Point *at, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (!(turn(at[k], at[(k + 1) % n], at[(k + 2) % n]) > 0.0)) return 0;
    return 1;
}

static int same(Point a, Point b)
{
    return a.x == b.x && a.y == b.y;
}

/* Whether corner k can be cut off: it turns left, and no other corner lies in the triangle that goes. */
static int is_ear(const Ring *r, uint32_t k, uint64_t *patience)
{
    uint32_t first = r->before[k], last = r->next[k];
    Point a = r->at[first], b = r->at[k], c = r->at[last];
    --*patience;
    if (!(turn(a, b, c) > 0.0)) return 0;
    for (uint32_t other = r->next[last]; other != first; other = r->next[other]) {
        Point p = r->at[other];
        if (*patience == 0) return 0;
        --*patience;
        if (same(p, a) || same(p, b) || same(p, c)) continue;
        if (turn(a, b, p) >= 0.0 && turn(b, c, p) >= 0.0 && turn(c, a, p) >= 0.0) return 0;
    }
    return 1;
}

static uint32_t *emit(uint32_t *out, uint32_t first, uint32_t a, uint32_t b, uint32_t c)
{
    out[0] = first + a, out[1] = first + b, out[2] = first + c;
    return out + 3;
}

/* Cuts ears until a triangle is left; where there is none, because the polygon cuts itself, the corner at hand goes. */
static uint32_t *cut_ears(Ring *r, uint32_t n, uint32_t first, uint64_t *patience, uint32_t *out)
{
    for (uint32_t k = 0; k < n; k++) r->next[k] = (k + 1) % n, r->before[k] = (k + n - 1) % n;
    uint32_t k = 0, refused = 0;
    while (n > 3) {
        if (refused < n && *patience > 0 && !is_ear(r, k, patience)) {
            k = r->next[k];
            refused++;
            continue;
        }
        out = emit(out, first, r->before[k], k, r->next[k]);
        r->next[r->before[k]] = r->next[k];
        r->before[r->next[k]] = r->before[k];
        k = r->next[r->next[k]];
        refused = 0;
        n--;
    }
    return emit(out, first, r->before[k], k, r->next[k]);
}

static int make_room(Ring *r, uint32_t n)
{
    if (n <= r->room) return 1;
    free(r->at), free(r->next), free(r->before);
    r->room = n;
    r->at = malloc(n * sizeof *r->at);
    r->next = malloc(n * sizeof *r->next);
    r->before = malloc(n * sizeof *r->before);
    return r->at && r->next && r->before;
}

int mr_triangulate(const double *positions, const uint32_t *corners, const uint32_t *counts, size_t polygons, uint64_t patience,
                   uint32_t *out)
{
    Ring ring = {0};
    int status = MR_POLYGON_OK;
    uint32_t first = 0;
    for (size_t p = 0; p < polygons && status == MR_POLYGON_OK; first += counts[p++]) {
        uint32_t n = counts[p];
        if (n == 3) {
            out = emit(out, first, 0, 1, 2);
            continue;
        }
        if (!make_room(&ring, n)) {
            status = MR_POLYGON_NO_MEMORY;
            break;
        }
        flatten(positions, corners + first, n, ring.at);
        if (strictly_convex(ring.at, n))
            for (uint32_t k = 1; k + 1 < n; k++) out = emit(out, first, 0, k, k + 1);
        else
            out = cut_ears(&ring, n, first, &patience, out);
        if (patience == 0) status = MR_POLYGON_TOO_MUCH;
    }
    free(ring.at), free(ring.next), free(ring.before);
    return status;
}
