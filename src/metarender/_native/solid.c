/* Edges and measures of closed surfaces; the manual is solid.h. */
#include "solid.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW 24     /* entries that are sorted by insertion */
#define BLOCK 1024 /* triangles that are added up before they join the total, which keeps more digits */

static uint64_t mixed(const uint32_t *row) {
    uint64_t h = ((uint64_t)row[0] << 32 | row[1]) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 29 ^ row[2]) * 0xBF58476D1CE4E5B9u;
    return h ^ h >> 32;
}

int mr_number_rows(const uint32_t *rows, size_t n, uint64_t patience, uint32_t *place, uint32_t *first, size_t *found) {
    size_t slots = 16, numbers = 0;
    while (slots < 2 * n) slots *= 2;
    uint32_t *table = malloc(slots * sizeof *table);
    if (!table) return MR_SOLID_NO_MEMORY;
    memset(table, 0xFF, slots * sizeof *table);
    for (size_t i = 0; i < n; i++) {
        const uint32_t *row = rows + 3 * i;
        size_t at = mixed(row) & (slots - 1);
        while (table[at] != UINT32_MAX && memcmp(rows + 3 * (size_t)first[table[at]], row, 3 * sizeof *row)) {
            at = (at + 1) & (slots - 1);
            if (!patience--) {
                free(table);
                return MR_SOLID_TOO_MUCH;
            }
        }
        if (table[at] == UINT32_MAX) {
            first[numbers] = (uint32_t)i;
            table[at] = (uint32_t)numbers++;
        }
        place[i] = table[at];
    }
    free(table);
    *found = numbers;
    return MR_SOLID_OK;
}

static void sift(uint64_t *heap, size_t at, size_t n) {
    uint64_t value = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && heap[child + 1] > heap[child]) child++;
        if (heap[child] <= value) break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

/* Around a vertex there are few edges; where a file has a million of them, a heap keeps the time in bounds. */
static void sort(uint64_t *keys, size_t n) {
    if (n <= FEW) {
        for (size_t i = 1; i < n; i++) {
            uint64_t key = keys[i];
            size_t j = i;
            for (; j > 0 && keys[j - 1] > key; j--) keys[j] = keys[j - 1];
            keys[j] = key;
        }
        return;
    }
    for (size_t at = n / 2; at-- > 0;) sift(keys, at, n);
    while (--n > 0) {
        uint64_t largest = keys[0];
        keys[0] = keys[n];
        keys[n] = largest;
        sift(keys, 0, n);
    }
}

static uint32_t root(uint32_t *above, uint32_t t) {
    while (above[t] != t) t = above[t] = above[above[t]];
    return t;
}

/* Join two pieces under the lower of their roots; returns whether they were two. */
static int join(uint32_t *above, uint32_t a, uint32_t b) {
    a = root(above, a), b = root(above, b);
    if (a == b) return 0;
    above[a > b ? a : b] = a > b ? b : a;
    return 1;
}

void mr_pieces(const uint32_t *pairs, size_t n, uint32_t count, uint32_t *piece) {
    for (uint32_t i = 0; i < count; i++) piece[i] = i;
    for (size_t k = 0; k < n; k++) join(piece, pairs[2 * k], pairs[2 * k + 1]);
    for (uint32_t i = 0; i < count; i++) piece[i] = root(piece, i);
}

/* A half edge is 3 * triangle + corner, from that corner to the next one. */
static uint32_t start_of(const uint32_t *triangles, uint32_t half) { return triangles[half]; }
static uint32_t end_of(const uint32_t *triangles, uint32_t half) { return triangles[half % 3 == 2 ? half - 2 : half + 1]; }
static uint32_t across(const uint32_t *triangles, uint32_t half) { return triangles[half % 3 ? half - 1 : half + 2]; }

/* Triangles with the corners of another one share its lowest edge and lie across from it at one corner: count them in a run of half
 * edges that join the same two places, whose keys are overwritten. */
static size_t repeated(const uint32_t *triangles, uint64_t *run, size_t n, uint32_t high) {
    size_t kept = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t corner = across(triangles, (uint32_t)run[i]);
        if (corner > high) run[kept++] = corner;
    }
    sort(run, kept);
    for (size_t i = 1; i < kept; i++) count += run[i] == run[i - 1];
    return count;
}

/* Half edges by their lower end: key = higher end, half edge. Returns the keys; `bounds` (places + 1) says where those of each end are. */
static uint64_t *by_lower_end(const uint32_t *triangles, size_t t, uint32_t places, uint32_t *bounds) {
    uint64_t *keys = malloc(3 * t * sizeof *keys);
    if (!keys) return NULL;
    memset(bounds, 0, ((size_t)places + 1) * sizeof *bounds);
    for (uint32_t half = 0; half < 3 * t; half++) {
        uint32_t a = start_of(triangles, half), b = end_of(triangles, half);
        bounds[(a < b ? a : b) + 1]++;
    }
    for (size_t p = 0; p < places; p++) bounds[p + 1] += bounds[p];
    for (uint32_t half = 0; half < 3 * t; half++) {
        uint32_t a = start_of(triangles, half), b = end_of(triangles, half);
        keys[bounds[a < b ? a : b]++] = (uint64_t)(a < b ? b : a) << 32 | half;
    }
    memmove(bounds + 1, bounds, (size_t)places * sizeof *bounds); /* each bound stands at its end now */
    bounds[0] = 0;
    return keys;
}

int mr_edges(const uint32_t *triangles, size_t t, uint32_t places, uint32_t *faulty, mr_edges_found *found) {
    memset(found, 0, sizeof *found);
    if (!t) return MR_SOLID_OK;
    uint32_t *bounds = malloc(((size_t)places + 1) * sizeof *bounds), *above = malloc(t * sizeof *above);
    uint64_t *keys = bounds && above ? by_lower_end(triangles, t, places, bounds) : NULL;
    if (!keys) {
        free(bounds), free(above);
        return MR_SOLID_NO_MEMORY;
    }
    for (uint32_t i = 0; i < t; i++) above[i] = i;
    found->shells = t;
    for (uint32_t low = 0; low < places; low++) {
        uint64_t *around = keys + bounds[low];
        size_t count = bounds[low + 1] - bounds[low], run;
        sort(around, count);
        for (size_t i = 0; i < count; i += run) {
            uint32_t high = (uint32_t)(around[i] >> 32), forward = 0;
            for (run = 0; i + run < count && around[i + run] >> 32 == high; run++) {
                uint32_t half = (uint32_t)around[i + run];
                forward += start_of(triangles, half) == low;
                if (run) found->shells -= (size_t)join(above, (uint32_t)around[i + run - 1] / 3, half / 3);
            }
            if (run != 2 || forward != 1) {
                uint32_t *row = faulty + 3 * found->faulty++;
                row[0] = low, row[1] = high, row[2] = run == 1 ? MR_EDGE_OPEN : run > 2 ? MR_EDGE_SHARED : MR_EDGE_FLIPPED;
            }
            if (run > 1) found->duplicates += repeated(triangles, around + i, run, high);
        }
    }
    free(bounds), free(above), free(keys);
    return MR_SOLID_OK;
}

static void cross(const double *u, const double *v, double *out) {
    for (int i = 0; i < 3; i++) {
        double first = u[(i + 1) % 3] * v[(i + 2) % 3], second = u[(i + 2) % 3] * v[(i + 1) % 3];
        out[i] = first - second;
    }
}

static double dot(const double *u, const double *v) {
    double x = u[0] * v[0], y = u[1] * v[1], z = u[2] * v[2];
    return x + y + z;
}

/* Lower and upper corner of positions (n,3) under a matrix. */
static void extent(const float *positions, size_t n, const double *linear, const double *translation, double *lower, double *upper) {
    for (int i = 0; i < 3; i++) lower[i] = DBL_MAX, upper[i] = -DBL_MAX;
    for (size_t k = 0; k < n; k++) {
        const double p[3] = {positions[3 * k], positions[3 * k + 1], positions[3 * k + 2]};
        for (int i = 0; i < 3; i++) {
            double value = dot(linear + 3 * i, p) + translation[i];
            lower[i] = value < lower[i] ? value : lower[i];
            upper[i] = value > upper[i] ? value : upper[i];
        }
    }
}

void mr_measure(const float *positions, size_t n, const uint32_t *triangles, size_t t, const double *linear, const double *translation,
                mr_measured *out) {
    static const double unit[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, nowhere[3] = {0, 0, 0};
    double lower[3], upper[3], middle[3], cofactor[9], area = 0.0, volume = 0.0;
    extent(positions, n, unit, nowhere, lower, upper);
    for (int i = 0; i < 3; i++) middle[i] = (lower[i] + upper[i]) / 2;
    for (int i = 0; i < 3; i++) cross(linear + (i + 1) % 3 * 3, linear + (i + 2) % 3 * 3, cofactor + 3 * i);
    memset(out, 0, sizeof *out);
    extent(positions, n, linear, translation, out->lower, out->upper);
    for (size_t k = 0; k < t; k++) {
        double corner[3][3], u[3], v[3], normal[3], turned[3];
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < 3; i++) corner[c][i] = positions[3 * (size_t)triangles[3 * k + c] + i];
        for (int i = 0; i < 3; i++) u[i] = corner[1][i] - corner[0][i], v[i] = corner[2][i] - corner[0][i], corner[0][i] -= middle[i];
        cross(u, v, normal);
        out->flat += normal[0] == 0.0 && normal[1] == 0.0 && normal[2] == 0.0;
        for (int i = 0; i < 3; i++) turned[i] = dot(cofactor + 3 * i, normal);
        area += sqrt(dot(turned, turned));
        volume += dot(corner[0], normal);
        if (k % BLOCK == BLOCK - 1) out->area += area, out->volume += volume, area = volume = 0.0;
    }
    out->area = (out->area + area) / 2;
    out->volume = (out->volume + volume) / 6;
}
