/* Normals of triangles; the manual is flat.h. */
#include "flat.h"

#include <math.h>
#include <string.h>

#define SHORT 1e-15f /* square metres: the lengths of normals that float32 can square */
#define LONG 1e15f

/* The normal of a triangle so large or so small that its squares leave float32, unit length where it has an area. */
static int wide_normal(const float *corners, float *n)
{
    double u[3], v[3], wide[3], length = 0.0;
    for (int i = 0; i < 3; i++) u[i] = (double)corners[3 + i] - corners[i], v[i] = (double)corners[6 + i] - corners[i];
    for (int i = 0; i < 3; i++) {
        double first = u[(i + 1) % 3] * v[(i + 2) % 3], second = u[(i + 2) % 3] * v[(i + 1) % 3];
        wide[i] = first - second;
    }
    for (int i = 0; i < 3; i++) length += wide[i] * wide[i];
    length = sqrt(length);
    for (int i = 0; i < 3 && length > 0.0; i++) n[i] = (float)(wide[i] / length);
    return length > 0.0;
}

void mr_flat_normals(const float *positions, const uint32_t *indices, size_t triangles, float *corners, float *normals)
{
    for (size_t t = 0; t < triangles; t++, corners += 9, normals += 9) {
        for (int k = 0; k < 3; k++) memcpy(corners + 3 * k, positions + 3 * (size_t)indices[3 * t + k], 3 * sizeof(float));
        float u[3], v[3], n[3];
        for (int i = 0; i < 3; i++) u[i] = corners[3 + i] - corners[i], v[i] = corners[6 + i] - corners[i];
        for (int i = 0; i < 3; i++) {
            float first = u[(i + 1) % 3] * v[(i + 2) % 3], second = u[(i + 2) % 3] * v[(i + 1) % 3];
            n[i] = first - second;
        }
        float xx = n[0] * n[0], yy = n[1] * n[1], zz = n[2] * n[2];
        float length = sqrtf(xx + yy + zz);
        int sound = length > SHORT && length < LONG;
        for (int i = 0; i < 3 && sound; i++) n[i] /= length;
        if (!sound && !wide_normal(corners, n)) n[0] = n[2] = 0.0f, n[1] = 1.0f;
        for (int k = 0; k < 3; k++) memcpy(normals + 3 * k, n, sizeof n);
    }
}

void mr_facets(const float *positions, const uint32_t *indices, size_t triangles, int reversed, uint8_t *facets)
{
    for (size_t t = 0; t < triangles; t++, facets += MR_FACET) {
        const float *corner[3];
        for (int k = 0; k < 3; k++) corner[reversed ? 2 - k : k] = positions + 3 * (size_t)indices[3 * t + k];
        double u[3], v[3], n[3];
        for (int i = 0; i < 3; i++) u[i] = (double)corner[1][i] - corner[0][i], v[i] = (double)corner[2][i] - corner[0][i];
        for (int i = 0; i < 3; i++) {
            double first = u[(i + 1) % 3] * v[(i + 2) % 3], second = u[(i + 2) % 3] * v[(i + 1) % 3];
            n[i] = first - second;
        }
        double xx = n[0] * n[0], yy = n[1] * n[1], zz = n[2] * n[2];
        double length = sqrt(xx + yy + zz);
        float unit[3];
        for (int i = 0; i < 3; i++) unit[i] = (float)(n[i] / (length > 0.0 ? length : 1.0));
        memcpy(facets, unit, sizeof unit);
        for (int k = 0; k < 3; k++) memcpy(facets + 12 * (k + 1), corner[k], 3 * sizeof(float));
        memset(facets + 48, 0, 2);
    }
}
