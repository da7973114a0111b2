/* Environment light prepared for the shaders: cube maps, GGX levels, irradiance and the table of the split sum.
 *
 * Maps:   equirectangular pictures are (height, width, 3) floats, linear radiance, row 0 at the top (+Y),
 *         u = atan2(z, x) / 2 pi + 0.5, v = acos(y) / pi.
 * Cubes:  (6, n, n, 3) floats; faces +X -X +Y -Y +Z -Z, rows and columns as OpenGL stores them (row 0 is t = 0).
 * Order:  mr_cube_from_equirect -> mr_cube_specular and mr_cube_irradiance read its result. mr_dfg_table reads nothing.
 * Every function is pure, uses one thread, allocates its own scratch memory and gives it back; 0 is success, -1 no memory.
 * A map of one constant value comes out as that value everywhere (within one float32 rounding).
 */
#ifndef MR_PREFILTER_H
#define MR_PREFILTER_H

#include <stddef.h>

/* Averages the map over the solid angle of each texel. size >= 1. */
int mr_cube_from_equirect(const float *map, int height, int width, int size, float *cube);

/* Perceptual roughness that a level of `levels` holds: t (0.4 + 0.6 t), t = level / (levels - 1). The inverse is in shaders/lib/ibl.glsl. */
double mr_level_roughness(int level, int levels);

/* Floats in all levels together: 3 * 6 * sum of (size >> k)^2. */
size_t mr_specular_floats(int size, int levels);

/* GGX-filtered levels one after the other, level 0 = the cube itself; size a power of two, size >> (levels - 1) >= 1.
 * Seen head-on (N = V = R), weighted by N.L. Sharp lobes: importance sampling with lookups in a mip chain by solid angle;
 * wide ones: the sum over all texels of the cube reduced to 64 x 64 a face, which no small sun can make noisy. */
int mr_cube_specular(const float *cube, int size, int levels, float *out);

/* Irradiance / pi for every texel of a (6, out_size, out_size, 3) cube: the radiance of a white Lambert surface.
 * The same sum for a lobe that is N.L alone. size a power of two. */
int mr_cube_irradiance(const float *cube, int size, int out_size, float *out);

/* (size, size, 4): rows = perceptual roughness, columns = N.V, both at texel centres.
 * 0 scale and 1 bias of f0 (GGX, height-correlated Smith, Schlick), 2 the cosine-weighted mean over light directions of
 * (1 - V.H)^5, 3 zero. samples: directions for each entry, a power of two. */
int mr_dfg_table(int size, int samples, float *table);

#endif
