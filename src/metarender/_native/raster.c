/* Draws occluders into the coarse cells of a view so that no cell claims more than the real picture shows.
 *
 * A cell counts as covered when front-facing triangles of one occluder reach into it and no outline of theirs does. Their union
 * has its border on such outlines only (an edge that joins two drawn front faces lies inside), and a cell is connected, so a
 * cell that meets the union but not its border lies inside it. Its nearness is the least over all triangles that reach in.
 * Everything is widened by a margin: 1/64 pixel for how the device snaps vertices (1/256), and 16 u of each vertex's terms for
 * float32 transforms. Triangles thinner than four margins count as not drawn: the device may turn or drop them.
 */
#include "mr.h"

#include <math.h>
#include <string.h>

#define U16 (16.0 / 16777216.0)
#define SNAP (1.0 / 64) /* pixels */

typedef struct { double c[3], x, y, q, error; } vertex; /* camera space (right, up, forward), cells, nearness, metres */

typedef struct {
    vertex v[4];
    int n;
    double margin;
} polygon;

static void place(const mr_view *v, vertex *p) {
    const mr_detail *d = &v->detail;
    const mr_occlusion *o = &v->occlusion;
    double by = d->parallel ? 1 : 1 / p->c[2];
    p->x = 0.5 * o->columns * (d->gain[0] * p->c[0] * by + d->shift[0] + 1);
    p->y = 0.5 * o->rows * (d->gain[1] * p->c[1] * by + d->shift[1] + 1);
    p->q = d->parallel ? -p->c[2] : by;
}

/* Cells by which a vertex may be off. */
static double vertex_margin(const mr_view *v, const vertex *p) {
    const double *cell = v->occlusion.cell, most = cell[0] > cell[1] ? cell[0] : cell[1];
    return most * (SNAP + p->error * v->detail.metric * (v->detail.parallel ? 1 : p->q));
}

static void transform(const mr_view *v, const mr_occluder *mesh, const float *w, const double origin[3], vertex *out) {
    const double(*axes)[3] = v->detail.axes;
    for (uint32_t i = 0; i < mesh->vertices; i++) {
        const float *l = mesh->position + 3 * (size_t)i;
        double p[3], size = 0;
        for (int k = 0; k < 3; k++) {
            const float *r = w + 4 * k;
            double a = (double)r[0] * l[0], b = (double)r[1] * l[1], c = (double)r[2] * l[2];
            p[k] = a + b + c + r[3] + origin[k];
            size += fabs(a) + fabs(b) + fabs(c) + fabs((double)r[3]) + fabs(origin[k]);
        }
        for (int k = 0; k < 3; k++) out[i].c[k] = axes[k][0] * p[0] + axes[k][1] * p[1] + axes[k][2] * p[2];
        out[i].error = U16 * size;
        if (out[i].c[2] > v->detail.near || v->detail.parallel) place(v, out + i);
    }
}

static vertex between(const mr_view *v, const vertex *a, const vertex *b, double z) {
    vertex out;
    double t = (z - a->c[2]) / (b->c[2] - a->c[2]);
    for (int k = 0; k < 3; k++) out.c[k] = a->c[k] + t * (b->c[k] - a->c[k]);
    out.c[2] = z;
    out.error = a->error > b->error ? a->error : b->error;
    place(v, &out);
    return out;
}

/* What of a chain of n vertices lies beyond the near plane; a triangle gives up to 4, a segment (n = 2) 2 or none. */
static void clip(const mr_view *v, const vertex *const *in, int n, polygon *out) {
    double near = v->detail.near + 1e-3 * fabs(v->detail.near);
    out->n = 0;
    out->margin = 0;
    for (int i = 0; i < n; i++) {
        const vertex *a = in[i], *b = in[(i + 1) % n];
        int here = a->c[2] >= near, there = b->c[2] >= near;
        if (here) out->v[out->n++] = *a;
        if (here != there && (n > 2 || i == 0)) out->v[out->n++] = between(v, a, b, near);
    }
    for (int i = 0; i < out->n; i++) {
        double m = vertex_margin(v, out->v + i);
        if (m > out->margin) out->margin = m;
    }
}

/* Whether a polygon surely faces the eye and is thick enough to be drawn as it is computed here. */
static int faces(const polygon *p, int mirrored) {
    double area = 0, longest = 0;
    for (int i = 0; i < p->n; i++) {
        const vertex *a = p->v + i, *b = p->v + (i + 1) % p->n, *o = p->v;
        area += (a->x - o->x) * (b->y - o->y) - (b->x - o->x) * (a->y - o->y);
        double dx = b->x - a->x, dy = b->y - a->y, length = sqrt(dx * dx + dy * dy);  /* hypot differs between C libraries */
        if (length > longest) longest = length;
    }
    return p->n >= 3 && (mirrored ? -area : area) > 4 * p->margin * longest;
}

/* Columns that a polygon (or segment) widened by its margin reaches in a row; 0 when none. */
static int span(const polygon *p, int row, int columns, int *first, int *last) {
    double low = row - p->margin, high = row + 1 + p->margin, left = INFINITY, right = -INFINITY;
    for (int i = 0; i < p->n; i++) {
        const vertex *a = p->v + i, *b = p->v + (i + 1) % p->n;
        double ya = a->y, yb = b->y, xs[2] = {a->x, b->x};
        if ((ya < low && yb < low) || (ya > high && yb > high)) continue;
        double slope = yb != ya ? (b->x - a->x) / (yb - ya) : 0;
        if (ya < low) xs[0] = a->x + slope * (low - ya);
        if (ya > high) xs[0] = a->x + slope * (high - ya);
        if (yb < low) xs[1] = a->x + slope * (low - ya);
        if (yb > high) xs[1] = a->x + slope * (high - ya);
        for (int k = 0; k < 2; k++) {
            if (xs[k] < left) left = xs[k];
            if (xs[k] > right) right = xs[k];
        }
    }
    left -= p->margin + 1e-6 * fabs(left);
    right += p->margin + 1e-6 * fabs(right);
    if (!(left < columns && right >= 0)) return 0;
    *first = left > 0 ? (int)left : 0;
    *last = right < columns - 1 ? (int)right : columns - 1;
    return 1;
}

static void row_range(const polygon *p, int rows, int *first, int *last) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < p->n; i++) {
        if (p->v[i].y < low) low = p->v[i].y;
        if (p->v[i].y > high) high = p->v[i].y;
    }
    low -= p->margin;
    high += p->margin;
    *first = low > 0 ? (low < rows ? (int)low : rows) : 0;
    *last = high < rows - 1 ? (high >= 0 ? (int)high : -1) : rows - 1;
}

/* Nearness over the picture, q = plane[0] x + plane[1] y + plane[2], of the plane through three camera-space points. */
static int nearness_plane(const mr_view *v, const vertex *const t[3], double plane[3]) {
    const mr_detail *d = &v->detail;
    double e[2][3], n[3], offset = 0;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++) e[i][k] = t[i + 1]->c[k] - t[0]->c[k];
    for (int k = 0; k < 3; k++) n[k] = e[0][(k + 1) % 3] * e[1][(k + 2) % 3] - e[0][(k + 2) % 3] * e[1][(k + 1) % 3];
    for (int k = 0; k < 3; k++) offset += n[k] * t[0]->c[k];
    /* Perspective: 1/z = (n0 u + n1 w + n2) / offset with u = x/z; parallel: -z = (n0 x + n1 y - offset) / n2. */
    double by = d->parallel ? n[2] : offset, last = d->parallel ? -offset : n[2];
    if (!(fabs(by) > 1e-300)) return 0;
    double a = n[0] / by, b = n[1] / by, c = last / by;
    plane[0] = a * 2 / (v->occlusion.columns * d->gain[0]);
    plane[1] = b * 2 / (v->occlusion.rows * d->gain[1]);
    plane[2] = c - a * (1 + d->shift[0]) / d->gain[0] - b * (1 + d->shift[1]) / d->gain[1];
    return isfinite(plane[0]) && isfinite(plane[1]) && isfinite(plane[2]);
}

/* An outline opens every scratch cell that it reaches. */
static void open_cells(mr_view *v, const polygon *p) {
    mr_occlusion *o = &v->occlusion;
    int first, last, left, right;
    row_range(p, (int)o->rows, &first, &last);
    for (int row = first; row <= last; row++) {
        if (!span(p, row, (int)o->columns, &left, &right)) continue;
        float *work = o->work + (size_t)row * o->columns;
        for (int x = left; x <= right; x++) work[x] = -INFINITY;
    }
}

/* Lowers the scratch cells that a polygon reaches to its least nearness there. */
static void fill(mr_view *v, const polygon *p, const double plane[3]) {
    mr_occlusion *o = &v->occlusion;
    double least = INFINITY, most = -INFINITY, error = 0, size = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->v[i].q < least) least = p->v[i].q;
        if (p->v[i].q > most) most = p->v[i].q;
        if (p->v[i].error > error) error = p->v[i].error;
        if (fabs(p->v[i].c[2]) > size) size = fabs(p->v[i].c[2]);
    }
    /* Off by the vertices' errors and the device's interpolation: a share, and 64 u of the largest term. */
    double share = v->detail.parallel ? 1 : 1 - 2 * error * most - 1e-5;
    double loss = v->detail.parallel ? 2 * error + 8e-6 * (size + error / U16) : 4e-6 * most;
    if (!(share > 0)) {
        open_cells(v, p);
        return;
    }
    float a = (float)(plane[0] * share), floor_q = (float)(least * share - loss);
    double x0 = plane[0] > 0 ? -p->margin : 1 + p->margin, y0 = plane[1] > 0 ? -p->margin : 1 + p->margin;
    int first, last, left, right;
    row_range(p, (int)o->rows, &first, &last);
    for (int row = first; row <= last; row++) {
        if (!span(p, row, (int)o->columns, &left, &right)) continue;
        double start = (plane[0] * x0 + plane[1] * (row + y0) + plane[2]) * share;
        float c = (float)(start - loss - 1e-6 * (fabs(start) + fabs(plane[0]) * o->columns)), *work = o->work + (size_t)row * o->columns;
        for (int x = left; x <= right; x++) {
            float q = a * (float)x + c;
            q = q > floor_q ? q : floor_q;
            work[x] = q < work[x] ? q : work[x];
        }
    }
}

/* Draws the front faces; `drawn` says which. Where the near plane cuts one, the cut is an outline. */
static void fill_faces(mr_view *v, const mr_occluder *mesh, const vertex *vertices, int mirrored, uint8_t *drawn, int band[2]) {
    double near = v->detail.near + 1e-3 * fabs(v->detail.near);
    for (uint32_t t = 0; t < mesh->triangles; t++) {
        const uint32_t *index = mesh->triangle + 3 * (size_t)t;
        const vertex *corner[3] = {vertices + index[0], vertices + index[1], vertices + index[2]};
        polygon p;
        double plane[3];
        int first, last;
        clip(v, corner, 3, &p);
        drawn[t] = (uint8_t)(faces(&p, mirrored) && nearness_plane(v, corner, plane));
        if (!drawn[t]) continue;
        fill(v, &p, plane);
        row_range(&p, (int)v->occlusion.rows, &first, &last);
        if (first < band[0]) band[0] = first;
        if (last > band[1]) band[1] = last;
    }
    for (uint32_t t = 0; t < mesh->triangles; t++) {
        const uint32_t *index = mesh->triangle + 3 * (size_t)t;
        const vertex *corner[3] = {vertices + index[0], vertices + index[1], vertices + index[2]};
        polygon cut = {.n = 0};
        for (int k = 0; drawn[t] && k < 3; k++) {
            const vertex *a = corner[k], *b = corner[(k + 1) % 3];
            if ((a->c[2] >= near) != (b->c[2] >= near) && cut.n < 2) cut.v[cut.n++] = between(v, a, b, near);
        }
        if (cut.n < 2) continue;
        cut.margin = fmax(vertex_margin(v, cut.v), vertex_margin(v, cut.v + 1));
        open_cells(v, &cut);
    }
}

static void open_outlines(mr_view *v, const mr_occluder *mesh, const vertex *vertices, const uint8_t *drawn) {
    for (uint32_t e = 0; e < mesh->edges; e++) {
        const mr_edge *edge = mesh->edge + e;
        int one = drawn[edge->t0], other = edge->t1 != MR_NONE && drawn[edge->t1];
        if (one == other) continue;
        const vertex *ends[2] = {vertices + edge->a, vertices + edge->b};
        polygon p;
        clip(v, ends, 2, &p);
        if (p.n == 2) open_cells(v, &p);
    }
}

int mr_raster_occluder(mr_view *v, const mr_occluder *mesh, const float *world, const double origin[3], int mirrored) {
    mr_occlusion *o = &v->occlusion;
    size_t bytes = mesh->vertices * sizeof(vertex) + mesh->triangles;
    if (mr_grow(&o->scratch, &o->scratch_cap, (uint32_t)bytes, 1)) return MR_NOMEM;
    vertex *vertices = o->scratch;
    uint8_t *drawn = (uint8_t *)(vertices + mesh->vertices);
    int band[2] = {(int)o->rows, -1};
    transform(v, mesh, world, origin, vertices);
    fill_faces(v, mesh, vertices, mirrored, drawn, band);
    if (band[1] < band[0]) return MR_OK;
    open_outlines(v, mesh, vertices, drawn);
    size_t first = (size_t)band[0] * o->columns, end = (size_t)(band[1] + 1) * o->columns; /* outlines lie in the rows of their faces */
    for (size_t i = first; i < end; i++) { /* a covered cell takes the nearer of two occluders */
        float q = o->work[i] == INFINITY ? -INFINITY : o->work[i];
        o->near[i] = q > o->near[i] ? q : o->near[i];
        o->work[i] = INFINITY;
    }
    o->occluders++;
    return MR_OK;
}
