/* Normals of triangles: what a geometry without normals is drawn with. */
#ifndef MR_FLAT_H
#define MR_FLAT_H

#include <stddef.h>
#include <stdint.h>

/* For each of `triangles`, three indices below the count of positions (n,3): copies its corners to corners (3t,3) and writes its unit
 * normal, +Y where it has no area, three times to normals (3t,3). */
void mr_flat_normals(const float *positions, const uint32_t *indices, size_t triangles, float *corners, float *normals);

#endif
