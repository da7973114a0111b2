/* GGX levels and irradiance of a cube map; the manual is prefilter.h. */
#include "prefilter.h"
#include "cubemap.h"
#include "sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- mip chain ---------------------------------------------------------------------------------------------------- */

enum { MAX_LEVELS = 16 };

/* Faces of (n + 2)^2 texels of 4 floats (the fourth unused): a border of the neighbours' texels makes linear lookups seamless. */
typedef struct {
    int size;
    float *texels;
} Mip;

typedef struct {
    int count;
    Mip mips[MAX_LEVELS];
} Chain;

static float *mip_texel(const Mip *mip, int face, int row, int column)
{
    size_t pitch = (size_t)mip->size + 2;
    return mip->texels + 4 * ((face * pitch + (size_t)(row + 1)) * pitch + (size_t)(column + 1));
}

/* The neighbour's texel that touches (row, column), which lies one step outside the face. */
static void fill_border_texel(const Mip *mip, int face, int row, int column)
{
    const double just_outside = 1.0 + 1e-4 / mip->size;
    int n = mip->size;
    double s = column < 0 ? -just_outside : column >= n ? just_outside : (2.0 * column + 1.0) / n - 1.0;
    double t = row < 0 ? -just_outside : row >= n ? just_outside : (2.0 * row + 1.0) / n - 1.0;
    double d[3];
    float fs, ft;
    mr_face_direction(face, s, t, d);
    int other = mr_direction_face((float)d[0], (float)d[1], (float)d[2], &fs, &ft);
    int i = (int)((fs + 1.0f) * 0.5f * (float)n), j = (int)((ft + 1.0f) * 0.5f * (float)n);
    i = i < 0 ? 0 : i >= n ? n - 1 : i;
    j = j < 0 ? 0 : j >= n ? n - 1 : j;
    memcpy(mip_texel(mip, face, row, column), mip_texel(mip, other, j, i), sizeof(float) * 4);
}

static void fill_borders(const Mip *mip)
{
    int n = mip->size;
    for (int face = 0; face < 6; face++)
        for (int k = 0; k < n; k++) {
            fill_border_texel(mip, face, -1, k);
            fill_border_texel(mip, face, n, k);
            fill_border_texel(mip, face, k, -1);
            fill_border_texel(mip, face, k, n);
        }
    /* At a corner three texels meet; the fourth place takes their mean. */
    for (int face = 0; face < 6; face++)
        for (int corner = 0; corner < 4; corner++) {
            int row = corner & 1 ? n : -1, column = corner & 2 ? n : -1;
            int inner_row = corner & 1 ? n - 1 : 0, inner_column = corner & 2 ? n - 1 : 0;
            const float *a = mip_texel(mip, face, inner_row, inner_column);
            const float *b = mip_texel(mip, face, row, inner_column), *c = mip_texel(mip, face, inner_row, column);
            float *out = mip_texel(mip, face, row, column);
            for (int k = 0; k < 4; k++) out[k] = (a[k] + b[k] + c[k]) / 3.0f;
        }
}

/* Means of four texels, weighted by solid angle. */
static void reduce_mip(const Mip *fine, const Mip *coarse, const double *fine_angles)
{
    for (int face = 0; face < 6; face++)
        for (int row = 0; row < coarse->size; row++)
            for (int column = 0; column < coarse->size; column++) {
                double sum[3] = {0.0, 0.0, 0.0}, weights = 0.0;
                for (int k = 0; k < 4; k++) {
                    int j = 2 * row + (k >> 1), i = 2 * column + (k & 1);
                    const float *texel = mip_texel(fine, face, j, i);
                    double weight = fine_angles[j * fine->size + i];
                    for (int c = 0; c < 3; c++) sum[c] += weight * texel[c];
                    weights += weight;
                }
                float *out = mip_texel(coarse, face, row, column);
                for (int c = 0; c < 3; c++) out[c] = (float)(sum[c] / weights);
            }
}

static void free_chain(Chain *chain)
{
    for (int k = 0; k < chain->count; k++) free(chain->mips[k].texels);
    chain->count = 0;
}

/* All levels of a cube down to one texel a face. */
static int make_chain(const float *cube, int size, Chain *chain)
{
    chain->count = 0;
    double *angles = malloc(sizeof(double) * (size_t)size * (size_t)size);
    if (!angles) return -1;
    for (int n = size; n >= 1 && chain->count < MAX_LEVELS; n /= 2) {
        Mip *mip = &chain->mips[chain->count];
        mip->size = n;
        mip->texels = calloc(6 * ((size_t)n + 2) * ((size_t)n + 2) * 4, sizeof(float));
        if (!mip->texels) {
            free_chain(chain);
            free(angles);
            return -1;
        }
        chain->count++;
        if (n == size) {
            for (int face = 0; face < 6; face++)
                for (int row = 0; row < n; row++)
                    for (int column = 0; column < n; column++, cube += 3)
                        memcpy(mip_texel(mip, face, row, column), cube, sizeof(float) * 3);
        } else {
            mr_texel_angles(2 * n, angles);
            reduce_mip(mip - 1, mip, angles);
        }
        fill_borders(mip);
    }
    free(angles);
    return 0;
}

/* Linear lookup in one level; (s, t) in [-1, 1]^2. Adds weight times the texel. */
static void mip_lookup(const Mip *mip, int face, float s, float t, float weight, float sum[4])
{
    float half = 0.5f * (float)mip->size;
    float across = (s + 1.0f) * half + 0.5f, down = (t + 1.0f) * half + 0.5f; /* in texels of the bordered face */
    int column = (int)across, row = (int)down;
    column = column > mip->size ? mip->size : column;
    row = row > mip->size ? mip->size : row;
    float fx = across - (float)column, fy = down - (float)row;
    size_t pitch = ((size_t)mip->size + 2) * 4;
    const float *p = mip_texel(mip, face, row - 1, column - 1), *q = p + pitch;
    float w11 = fx * fy, w10 = fy - w11, w01 = fx - w11, w00 = 1.0f - fx - w10;
    for (int c = 0; c < 4; c++) sum[c] += weight * (w00 * p[c] + w01 * p[c + 4] + w10 * q[c] + w11 * q[c + 4]);
}

/* ---- sampling ----------------------------------------------------------------------------------------------------- */

/* One direction of a lobe around (0, 0, 1), its weight N.L, and the mip level whose texels are as large as its share. */
typedef struct {
    float x, y, z;
    int level;
    float blend; /* towards level + 1 */
} Sample;

/* Directions for a sharp lobe, and mip levels of blur for each beyond its share: neighbouring shares then overlap. */
enum { SAMPLES = 192 };
static const double OVERLAP = 0.5;

/* GGX reflections seen head-on; fills at most count samples and returns how many lie above the surface. */
static int make_samples(double roughness, int count, int size, int levels, Sample *samples)
{
    double alpha = roughness * roughness, texel = 4.0 * MR_PI / (6.0 * size * size);
    int used = 0;
    for (int i = 0; i < count; i++) {
        double nh = mr_ggx_cosine((i + 0.5) / count, alpha), phi = 2.0 * MR_PI * mr_radical_inverse((uint32_t)i);
        double nl = 2.0 * nh * nh - 1.0;
        if (nl <= 0.0) continue;
        double side = 2.0 * nh * sqrt(fmax(0.0, 1.0 - nh * nh)), d = nh * nh * (alpha * alpha - 1.0) + 1.0;
        double density = alpha * alpha / (MR_PI * d * d) / 4.0; /* of the light direction: D nh / (4 vh), with v = n */
        double level = 0.5 * log2(1.0 / (count * density) / texel) + OVERLAP;
        level = fmin(fmax(level, 0.0), levels - 1.0);
        Sample *sample = &samples[used++];
        sample->x = (float)(side * cos(phi));
        sample->y = (float)(side * sin(phi));
        sample->z = (float)nl;
        sample->level = (int)level < levels - 1 ? (int)level : levels - 2;
        sample->blend = (float)(level - sample->level);
    }
    return used;
}

/* Weighted mean of the samples around one direction (unit length). */
static void filter_texel(const Chain *chain, const Sample *samples, int count, const float n[3], float *out)
{
    /* Any continuous frame does (Duff et al. 2017). */
    float sign = n[2] >= 0.0f ? 1.0f : -1.0f, a = -1.0f / (sign + n[2]), b = n[0] * n[1] * a;
    float t[3] = {1.0f + sign * n[0] * n[0] * a, sign * b, -sign * n[0]}, u[3] = {b, sign + n[1] * n[1] * a, -n[1]};
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f}, weights = 0.0f;
    for (int i = 0; i < count; i++) {
        const Sample *l = &samples[i];
        float s, v;
        int face = mr_direction_face(t[0] * l->x + u[0] * l->y + n[0] * l->z, t[1] * l->x + u[1] * l->y + n[1] * l->z,
                                  t[2] * l->x + u[2] * l->y + n[2] * l->z, &s, &v);
        const Mip *mip = &chain->mips[l->level];
        mip_lookup(mip, face, s, v, l->z * (1.0f - l->blend), sum);
        mip_lookup(mip + 1, face, s, v, l->z * l->blend, sum);
        weights += l->z;
    }
    for (int c = 0; c < 3; c++) out[c] = sum[c] / weights;
}

/* Sharp lobes: importance sampling for every texel of a level of n x n a face. */
static int sample_level(const Chain *chain, double roughness, int n, float *out)
{
    Sample *samples = malloc(sizeof(Sample) * SAMPLES);
    if (!samples) return -1;
    int count = make_samples(roughness, SAMPLES, chain->mips[0].size, chain->count, samples);
    for (int face = 0; face < 6; face++)
        for (int row = 0; row < n; row++)
            for (int column = 0; column < n; column++, out += 3) {
                float normal[3];
                mr_texel_direction(face, row, column, n, normal);
                filter_texel(chain, samples, count, normal, out);
            }
    free(samples);
    return 0;
}

/* ---- summing ------------------------------------------------------------------------------------------------------ */

enum { BLOCK = 64, LIGHTS = 64 }; /* normals at once; texels along the edge of a face that are summed as lights */

/* Rows of 7 floats, one for each texel of the cube reduced to at most LIGHTS a side: direction, radiance times solid angle,
 * solid angle. Directions point to where the light of the texel is, so that a small sun keeps its place. */
typedef struct {
    size_t count;
    float *rows;
} Lights;

/* Mean direction of each coarse texel, weighted by the light of the fine texels in it (rows' first three floats, not unit). */
static void add_light_directions(const Mip *fine, const double *angles, int coarse_size, float *rows)
{
    int n = fine->size, share = n / coarse_size;
    for (int face = 0; face < 6; face++)
        for (int row = 0; row < n; row++)
            for (int column = 0; column < n; column++) {
                const float *texel = mip_texel(fine, face, row, column);
                float *light = rows + 7 * ((size_t)(face * coarse_size + row / share) * coarse_size + column / share), d[3];
                float weight = (texel[0] + texel[1] + texel[2] + 1e-6f) * (float)angles[row * n + column];
                mr_texel_direction(face, row, column, n, d);
                for (int c = 0; c < 3; c++) light[c] += weight * d[c];
            }
}

static int make_lights(const Chain *chain, Lights *lights)
{
    const Mip *fine = &chain->mips[0], *coarse = fine;
    while (coarse->size > LIGHTS) coarse++;
    int n = coarse->size;
    lights->count = 6 * (size_t)n * (size_t)n;
    lights->rows = calloc(7 * lights->count, sizeof(float));
    double *angles = malloc(sizeof(double) * (size_t)fine->size * (size_t)fine->size);
    if (!lights->rows || !angles) {
        free(lights->rows);
        free(angles);
        return -1;
    }
    mr_texel_angles(fine->size, angles);
    add_light_directions(fine, angles, n, lights->rows);
    mr_texel_angles(n, angles);
    float *light = lights->rows;
    for (int face = 0; face < 6; face++)
        for (int row = 0; row < n; row++)
            for (int column = 0; column < n; column++, light += 7) {
                const float *texel = mip_texel(coarse, face, row, column);
                float angle = (float)angles[row * n + column];
                float scale = 1.0f / sqrtf(light[0] * light[0] + light[1] * light[1] + light[2] * light[2]);
                for (int c = 0; c < 3; c++) {
                    light[c] *= scale;
                    light[c + 3] = texel[c] * angle;
                }
                light[6] = angle;
            }
    free(angles);
    return 0;
}

/* Adds the lights to the sums of a block of normals at once: separate accumulators, so that compilers use vectors.
 * The weight is D(N.H) N.L with H between N and L, without constants; alpha 1 makes it N.L. */
static void sum_block(const Lights *lights, float alpha, const float *restrict nx, const float *restrict ny,
                      const float *restrict nz, float sums[restrict 4][BLOCK])
{
    const float *restrict light = lights->rows;
    float bend = 0.5f * (alpha * alpha - 1.0f);
    for (size_t i = 0; i < lights->count; i++, light += 7)
        for (int k = 0; k < BLOCK; k++) {
            float cosine = nx[k] * light[0] + ny[k] * light[1] + nz[k] * light[2];
            float d = (1.0f + cosine) * bend + 1.0f; /* (N.H)^2 = (1 + N.L) / 2 */
            float weight = (cosine > 0.0f ? cosine : 0.0f) / (d * d);
            sums[0][k] += weight * light[3];
            sums[1][k] += weight * light[4];
            sums[2][k] += weight * light[5];
            sums[3][k] += weight * light[6];
        }
}

/* Wide lobes: the weighted mean of all lights, for every texel of a level of n x n a face. */
static void sum_level(const Lights *lights, double roughness, int n, float *out)
{
    int total = 6 * n * n;
    for (int first = 0; first < total; first += BLOCK) {
        float nx[BLOCK], ny[BLOCK], nz[BLOCK], sums[4][BLOCK] = {{0.0f}};
        for (int k = 0; k < BLOCK; k++) {
            int texel = first + k < total ? first + k : total - 1;
            float normal[3];
            mr_texel_direction(texel / (n * n), texel / n % n, texel % n, n, normal);
            nx[k] = normal[0];
            ny[k] = normal[1];
            nz[k] = normal[2];
        }
        sum_block(lights, (float)(roughness * roughness), nx, ny, nz, sums);
        for (int k = 0; k < BLOCK && first + k < total; k++)
            for (int c = 0; c < 3; c++) out[(first + k) * 3 + c] = sums[c][k] / sums[3][k];
    }
}

/* ---- doors -------------------------------------------------------------------------------------------------------- */

double mr_level_roughness(int level, int levels)
{
    double t = levels > 1 ? (double)level / (levels - 1) : 0.0;
    return t * (0.4 + 0.6 * t);
}

size_t mr_specular_floats(int size, int levels)
{
    size_t texels = 0;
    for (int k = 0; k < levels; k++) texels += (size_t)(size >> k) * (size_t)(size >> k);
    return texels * 18;
}

int mr_cube_specular(const float *cube, int size, int levels, float *out)
{
    const double wide = 0.4; /* from this roughness on, lights of LIGHTS a side are small against the lobe */
    Chain chain;
    Lights lights = {0, NULL};
    if (make_chain(cube, size, &chain)) return -1;
    int status = make_lights(&chain, &lights);
    memcpy(out, cube, 18 * (size_t)size * (size_t)size * sizeof(float));
    for (int level = 1; level < levels && !status; level++) {
        int n = size >> level;
        double roughness = mr_level_roughness(level, levels);
        float *texels = out + mr_specular_floats(size, level);
        if (roughness < wide) status = sample_level(&chain, roughness, n, texels);
        else sum_level(&lights, roughness, n, texels);
    }
    free(lights.rows);
    free_chain(&chain);
    return status;
}

int mr_cube_irradiance(const float *cube, int size, int out_size, float *out)
{
    Chain chain;
    Lights lights;
    if (make_chain(cube, size, &chain)) return -1;
    int status = make_lights(&chain, &lights);
    free_chain(&chain);
    if (status) return -1;
    sum_level(&lights, 1.0, out_size, out);
    free(lights.rows);
    return 0;
}
