/* Whether triangles enclose a volume: equal rows, edges and what joins them, area and volume. Any numbers are safe. */
#ifndef MR_SOLID_H
#define MR_SOLID_H

#include <stddef.h>
#include <stdint.h>

enum { MR_SOLID_OK = 0, MR_SOLID_NO_MEMORY = -1, MR_SOLID_TOO_MUCH = -2 };

/* Number the different rows (n,3) in the order in which they appear: place (n) gets the number of each, first (n) a row of each number,
 * *found how many there are. n < 2^31. patience: how many rows may be looked at in vain, since rows made for it all fall into one
 * place of the table; TOO_MUCH beyond. */
int mr_number_rows(const uint32_t *rows, size_t n, uint64_t patience, uint32_t *place, uint32_t *first, size_t *found);

typedef struct {
    size_t faulty;     /* edges that do not join two triangles which face the same way */
    size_t shells;     /* pieces of triangles that hang together by edges */
    size_t duplicates; /* triangles that have the corners of an earlier one */
} mr_edges_found;

enum { MR_EDGE_OPEN = 1, MR_EDGE_SHARED = 2, MR_EDGE_FLIPPED = 3 };

/* Edges of triangles (t,3), t < 2^30, whose corners are below `places` and differ. faulty (3t,3): lower end, higher end and kind of each
 * faulty edge, sorted by ends: of one triangle, of more than two, or of two that pass it in the same direction. */
int mr_edges(const uint32_t *triangles, size_t t, uint32_t places, uint32_t *faulty, mr_edges_found *found);

/* Number the pieces of a graph of `count` points, whose pairs (n,2) are below it, by their lowest members: piece (count). */
void mr_pieces(const uint32_t *pairs, size_t n, uint32_t count, uint32_t *piece);

typedef struct {
    double area;               /* under the matrix */
    double volume;             /* before it, signed; counted from the middle, so that it is right far from the origin */
    double lower[3], upper[3]; /* of all positions under the matrix */
    size_t flat;               /* triangles without an area before it */
} mr_measured;

/* Measure triangles (t,3) over positions (n,3), n > 0, under `linear`, row by row, and a translation. */
void mr_measure(const float *positions, size_t n, const uint32_t *triangles, size_t t, const double *linear, const double *translation,
                mr_measured *out);

#endif
