/* Geometry of cube maps in OpenGL's layout: faces +X -X +Y -Y +Z -Z, (s, t) in [-1, 1]^2 on a face, row 0 at t = -1. */
#ifndef MR_CUBEMAP_H
#define MR_CUBEMAP_H

#define MR_PI 3.14159265358979323846

/* Direction of the point (s, t) of a face, not normalised: its major component is +-1. */
void mr_face_direction(int face, double s, double t, double d[3]);

/* Face that a direction (not zero) meets, with the point on it. */
int mr_direction_face(float x, float y, float z, float *s, float *t);

/* Unit direction of the middle of a texel of an n x n face. */
void mr_texel_direction(int face, int row, int column, int n, float unit[3]);

/* Solid angle of each texel of an n x n face, row by row; all six faces are alike and sum to 4 pi. */
void mr_texel_angles(int n, double *angles);

#endif
