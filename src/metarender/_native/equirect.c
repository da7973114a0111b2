/* Equirectangular map to cube map (mr_cube_from_equirect); the manual is prefilter.h. */
#include "cubemap.h"
#include "prefilter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int height, width;
    float *texels; /* (height, width, 3) */
} Map;

/* Halves a map in both directions, rows weighted by their solid angle. */
static void halve_map(Map *map)
{
    int height = map->height / 2, width = map->width / 2;
    for (int row = 0; row < height; row++) {
        double upper = sin((2 * row + 0.5) * MR_PI / map->height), lower = sin((2 * row + 1.5) * MR_PI / map->height);
        float a = (float)(0.5 * upper / (upper + lower)), b = 0.5f - a;
        const float *p = map->texels + (size_t)(2 * row) * map->width * 3, *q = p + (size_t)map->width * 3;
        float *out = map->texels + (size_t)row * width * 3; /* never ahead of what is read */
        for (int column = 0; column < width; column++, p += 6, q += 6, out += 3)
            for (int c = 0; c < 3; c++) out[c] = a * (p[c] + p[c + 3]) + b * (q[c] + q[c + 3]);
    }
    map->height = height;
    map->width = width;
}

/* Rows near the poles have texels much narrower than high: averages them along the row until they are square, so that a
 * few samples see all of them. */
static int blur_poles(Map *map)
{
    int width = map->width;
    double *sums = malloc(sizeof(double) * 3 * ((size_t)width + 1));
    if (!sums) return -1;
    for (int row = 0; row < map->height; row++) {
        double wide = width / (2.0 * map->height * sin((row + 0.5) * MR_PI / map->height));
        int reach = (int)fmin(wide * 0.5, (width - 1) * 0.5);
        if (reach < 1) continue;
        float *texels = map->texels + (size_t)row * width * 3;
        for (int c = 0; c < 3; c++) sums[c] = 0.0;
        for (int i = 0; i < width * 3; i++) sums[i + 3] = sums[i] + texels[i];
        const double *whole = sums + (size_t)width * 3;
        for (int column = 0; column < width; column++) {
            int first = column - reach, last = column + reach + 1;
            for (int c = 0; c < 3; c++) {
                double low = first < 0 ? sums[(first + width) * 3 + c] - whole[c] : sums[first * 3 + c];
                double high = last > width ? sums[(last - width) * 3 + c] + whole[c] : sums[last * 3 + c];
                texels[column * 3 + c] = (float)((high - low) / (2 * reach + 1));
            }
        }
    }
    free(sums);
    return 0;
}

/* Linear lookup; u repeats, v stops at the poles. */
static void map_lookup(const Map *map, double x, double y, double z, float rgb[3])
{
    float across = (float)((atan2(z, x) / (2.0 * MR_PI) + 0.5) * map->width - 0.5);
    float down = (float)(acos(y < -1.0 ? -1.0 : y > 1.0 ? 1.0 : y) / MR_PI * map->height - 0.5);
    int left = (int)floorf(across), top = (int)floorf(down);
    float fx = across - (float)left, fy = down - (float)top;
    int right = (left + 1) % map->width;
    left = (left + map->width) % map->width;
    int bottom = top + 1 < map->height ? top + 1 : map->height - 1;
    if (top < 0) top = 0;
    const float *p = map->texels + (size_t)top * map->width * 3, *q = map->texels + (size_t)bottom * map->width * 3;
    for (int c = 0; c < 3; c++) {
        float upper = p[left * 3 + c] + (p[right * 3 + c] - p[left * 3 + c]) * fx;
        float lower = q[left * 3 + c] + (q[right * 3 + c] - q[left * 3 + c]) * fx;
        rgb[c] = upper + (lower - upper) * fy;
    }
}

/* Mean of grid x grid lookups inside a texel, each weighted by the solid angle it stands for. */
static void gather_texel(const Map *map, int face, int row, int column, int size, int grid, float *out)
{
    double sum[3] = {0.0, 0.0, 0.0}, weights = 0.0;
    for (int j = 0; j < grid; j++)
        for (int i = 0; i < grid; i++) {
            double d[3];
            float rgb[3];
            mr_face_direction(face, 2.0 * (column + (i + 0.5) / grid) / size - 1.0, 2.0 * (row + (j + 0.5) / grid) / size - 1.0, d);
            double scale = 1.0 / sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
            double weight = scale * scale * scale;
            map_lookup(map, d[0] * scale, d[1] * scale, d[2] * scale, rgb);
            for (int c = 0; c < 3; c++) sum[c] += weight * rgb[c];
            weights += weight;
        }
    for (int c = 0; c < 3; c++) out[c] = (float)(sum[c] / weights);
}

int mr_cube_from_equirect(const float *map, int height, int width, int size, float *cube)
{
    size_t bytes = sizeof(float) * 3 * (size_t)height * (size_t)width;
    Map copy = {height, width, malloc(bytes)};
    if (!copy.texels) return -1;
    memcpy(copy.texels, map, bytes);
    while (copy.width > 8 * size && copy.width % 2 == 0 && copy.height % 2 == 0) halve_map(&copy);
    if (blur_poles(&copy)) {
        free(copy.texels);
        return -1;
    }
    /* Less than half a map texel between lookups: their tents then cover every map texel evenly, suns of one texel too. */
    double ratio = fmax(copy.width / (MR_PI * size), 2.0 * copy.height / (MR_PI * size));
    int grid = (int)ceil(2.25 * ratio);
    grid = grid < 1 ? 1 : grid > 32 ? 32 : grid;
    for (int face = 0; face < 6; face++)
        for (int row = 0; row < size; row++)
            for (int column = 0; column < size; column++) {
                gather_texel(&copy, face, row, column, size, grid, cube);
                cube += 3;
            }
    free(copy.texels);
    return 0;
}
