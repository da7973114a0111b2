/* Polygons to triangles: a fan where a polygon is strictly convex, ears where it is not. A polygon may be bent and may have corners at
 * one place; what cuts itself still becomes n - 2 triangles, though no rule says which. Any numbers are safe. */
#ifndef MR_POLYGON_H
#define MR_POLYGON_H

#include <stddef.h>
#include <stdint.h>

enum { MR_POLYGON_OK = 0, MR_POLYGON_NO_MEMORY = -1, MR_POLYGON_TOO_MUCH = -2 };

/* positions: (n, 3) of any unit; corners: indices into them, polygon after polygon; counts: corners of each polygon, 3 or more.
 * out: (sum of counts - 2, 3) places in `corners`, turning as the polygon turns. patience: how many corners may be compared with
 * ears in all, since that grows with the square of a polygon's corners; TOO_MUCH beyond. */
int mr_triangulate(const double *positions, const uint32_t *corners, const uint32_t *counts, size_t polygons, uint64_t patience,
                   uint32_t *out);

#endif
