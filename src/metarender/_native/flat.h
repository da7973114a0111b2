/* Normals of triangles: what a geometry without normals is drawn with, and what STL writes beside corners. */
#ifndef MR_FLAT_H
#define MR_FLAT_H

#include <stddef.h>
#include <stdint.h>

/* For each of `triangles`, three indices below the count of positions (n,3): copies its corners to corners (3t,3) and writes its unit
 * normal, +Y where it has no area, three times to normals (3t,3). */
void mr_flat_normals(const float *positions, const uint32_t *indices, size_t triangles, float *corners, float *normals);

enum { MR_FACET = 50 };

/* Writes triangles as binary STL has them, MR_FACET bytes each: unit normal, zeros where there is no area, three corners and two bytes of
 * zero. `reversed` turns each triangle over. */
void mr_facets(const float *positions, const uint32_t *indices, size_t triangles, int reversed, uint8_t *facets);

#endif
