/* Geometry of cube maps; the manual is cubemap.h. */
#include "cubemap.h"

#include <math.h>

void mr_face_direction(int face, double s, double t, double d[3])
{
    switch (face) {
    case 0: d[0] = 1.0;  d[1] = -t;   d[2] = -s;   break;
    case 1: d[0] = -1.0; d[1] = -t;   d[2] = s;    break;
    case 2: d[0] = s;    d[1] = 1.0;  d[2] = t;    break;
    case 3: d[0] = s;    d[1] = -1.0; d[2] = -t;   break;
    case 4: d[0] = s;    d[1] = -t;   d[2] = 1.0;  break;
    default: d[0] = -s;  d[1] = -t;   d[2] = -1.0; break;
    }
}

void mr_texel_direction(int face, int row, int column, int n, float unit[3])
{
    double d[3];
    mr_face_direction(face, (2.0 * column + 1.0) / n - 1.0, (2.0 * row + 1.0) / n - 1.0, d);
    double scale = 1.0 / sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    for (int c = 0; c < 3; c++) unit[c] = (float)(d[c] * scale);
}

int mr_direction_face(float x, float y, float z, float *s, float *t)
{
    float ax = fabsf(x), ay = fabsf(y), az = fabsf(z);
    if (ax >= ay && ax >= az) {
        float k = 1.0f / ax;
        *s = (x > 0.0f ? -z : z) * k;
        *t = -y * k;
        return x > 0.0f ? 0 : 1;
    }
    if (ay >= az) {
        float k = 1.0f / ay;
        *s = x * k;
        *t = (y > 0.0f ? z : -z) * k;
        return y > 0.0f ? 2 : 3;
    }
    float k = 1.0f / az;
    *s = (z > 0.0f ? x : -x) * k;
    *t = -y * k;
    return z > 0.0f ? 4 : 5;
}

/* Solid angle of the rectangle between the middle of a face and (s, t). */
static double corner_angle(double s, double t)
{
    return atan2(s * t, sqrt(s * s + t * t + 1.0));
}

void mr_texel_angles(int n, double *angles)
{
    for (int row = 0; row < n; row++) {
        double t0 = 2.0 * row / n - 1.0, t1 = 2.0 * (row + 1) / n - 1.0;
        for (int column = 0; column < n; column++) {
            double s0 = 2.0 * column / n - 1.0, s1 = 2.0 * (column + 1) / n - 1.0;
            angles[row * n + column] = corner_angle(s1, t1) - corner_angle(s0, t1) - corner_angle(s1, t0) + corner_angle(s0, t0);
        }
    }
}
