/* The table of the split sum (mr_dfg_table); the manual is prefilter.h. */
#include "prefilter.h"
#include "cubemap.h"
#include "sampling.h"

#include <math.h>
#include <stdlib.h>

static double grazing_weight(double cosine)
{
    double m = 1.0 - (cosine > 1.0 ? 1.0 : cosine), m2 = m * m;
    return m2 * m2 * m;
}

/* Smith's Lambda of GGX for a direction with this cosine to the normal. */
static double smith_lambda(double cosine, double a2)
{
    double c2 = cosine * cosine;
    return 0.5 * sqrt(1.0 + a2 * (1.0 - c2) / c2) - 0.5;
}

/* Scale and bias of f0 under a white sky. Half vectors are drawn from those visible to the eye (Heitz 2018), which leaves
 * F G2 / G1 to average: never above 1, so grazing views converge too. */
static void integrate_specular(double nv, double alpha, const double (*points)[3], int samples, double *scale, double *bias)
{
    double a2 = alpha * alpha, side = sqrt(1.0 - nv * nv), sum_a = 0.0, sum_b = 0.0;
    double length = sqrt(a2 * side * side + nv * nv), vx = alpha * side / length, vz = nv / length; /* the eye, stretched */
    double lambda_v = smith_lambda(nv, a2), lean = 0.5 * (1.0 + vz);
    for (int i = 0; i < samples; i++) {
        double r = sqrt(points[i][0]), p = r * points[i][1];
        double q = (1.0 - lean) * sqrt(fmax(0.0, 1.0 - p * p)) + lean * r * points[i][2];
        double up = sqrt(fmax(0.0, 1.0 - p * p - q * q));
        double hx = alpha * (up * vx - q * vz), hy = alpha * p, hz = fmax(0.0, up * vz + q * vx);
        double scale_h = 1.0 / sqrt(hx * hx + hy * hy + hz * hz);
        double vh = (side * hx + nv * hz) * scale_h, nl = 2.0 * vh * hz * scale_h - nv;
        if (nl <= 0.0 || vh <= 0.0) continue;
        double share = (1.0 + lambda_v) / (1.0 + lambda_v + smith_lambda(nl, a2)), grazing = grazing_weight(vh);
        sum_a += (1.0 - grazing) * share;
        sum_b += grazing * share;
    }
    *scale = sum_a / samples;
    *bias = sum_b / samples;
}

/* Mean of (1 - V.H)^5 over light directions distributed like their cosine to the normal. */
static double integrate_grazing(double nv, const double (*points)[3], int samples)
{
    double side = sqrt(1.0 - nv * nv), sum = 0.0;
    for (int i = 0; i < samples; i++) {
        double nl = sqrt(1.0 - points[i][0]), lx = sqrt(points[i][0]) * points[i][1];
        double vl = side * lx + nv * nl;
        sum += grazing_weight(sqrt(fmax(0.0, 0.5 * (1.0 + vl)))); /* V.H is the cosine of half the angle between V and L */
    }
    return sum / samples;
}

int mr_dfg_table(int size, int samples, float *table)
{
    double (*points)[3] = malloc(sizeof(double) * 3 * (size_t)samples);
    if (!points) return -1;
    for (int i = 0; i < samples; i++) {
        double phi = 2.0 * MR_PI * mr_radical_inverse((uint32_t)i);
        points[i][0] = (i + 0.5) / samples;
        points[i][1] = cos(phi);
        points[i][2] = sin(phi);
    }
    for (int column = 0; column < size; column++) {
        double nv = (column + 0.5) / size, grazing = integrate_grazing(nv, (const double (*)[3])points, samples);
        for (int row = 0; row < size; row++) {
            double roughness = (row + 0.5) / size, scale, bias;
            integrate_specular(nv, roughness * roughness, (const double (*)[3])points, samples, &scale, &bias);
            float *entry = table + 4 * ((size_t)row * size + column);
            entry[0] = (float)scale;
            entry[1] = (float)bias;
            entry[2] = (float)grazing;
            entry[3] = 0.0f;
        }
    }
    free(points);
    return 0;
}
