/* Values of tracks at a time (glTF 2.0, appendix C). Rotations are interpolated without trigonometry, so that every machine gives the same
 * bits. Included by clips.c, which samples millions of rows a frame. */
#include "mr.h"

#include <math.h>

typedef struct { uint32_t key, next; double u, span; } moment;

/* The keys around a time and how far it lies between them; before the first and after the last key, that key. */
static moment find(const mr_track *t, double time) {
    uint32_t low = 0, high = t->keys - 1;
    if (!(time > t->times[0])) return (moment){0, 0, 0, 0};
    if (time >= t->times[high]) return (moment){high, high, 0, 0};
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (t->times[middle] <= time) low = middle;
        else high = middle;
    }
    double span = t->times[high] - t->times[low];
    return (moment){low, high, (time - t->times[low]) / span, span};
}

static double number(const mr_track *t, size_t k) { return t->wide ? ((const double *)t->values)[k] : ((const float *)t->values)[k]; }

static double dot4(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]; }

/* Makes a quaternion of unit length; one without a length becomes no rotation. */
static void make_unit(double *q) {
    double n = sqrt(dot4(q, q));
    if (!(n > 1e-150)) memcpy(q, (double[4]){0, 0, 0, 1}, 4 * sizeof(double));
    else {
        n = 1 / n;
        for (int k = 0; k < 4; k++) q[k] *= n;
    }
}

/* sin(t a) / sin(a) for x = cos(a), t = u and 1 - u, from its power series in x - 1 (D. Eberly, A Fast and Accurate Algorithm for Computing
 * SLERP, 2011). Ten terms leave 1e-15 at a = pi / 8. */
static void shares_of_angle(double u, double x, double share[2]) {
    static const double part[10] = {1.0 / 3, 1.0 / 10, 1.0 / 21, 1.0 / 36, 1.0 / 55, 1.0 / 78, 1.0 / 105, 1.0 / 136, 1.0 / 171, 1.0 / 210};
    const double t[2] = {1 - u, u}, square[2] = {t[0] * t[0], t[1] * t[1]};
    double term[2] = {t[0], t[1]};
    share[0] = t[0];
    share[1] = t[1];
    for (int i = 1; i <= 10; i++) {
        const double step = part[i - 1] * (x - 1), root = i * i;
        for (int k = 0; k < 2; k++) {
            term[k] *= (square[k] - root) * step;
            share[k] += term[k];
        }
    }
}

#define NEAR 0.924 /* cosine of a little less than pi / 8 */

/* The rotation a share u, 0 .. 1, of the shorter way from a to b, unit quaternions: halved until the series meets a small angle, which is
 * at most twice. The result is a unit quaternion but for rounding. */
static void turn(const double *a, const double *b, double u, double *out) {
    double from[4], to[4], middle[4], share[2], x = dot4(a, b);
    const double sign = x < 0 ? -1 : 1;
    memcpy(from, a, sizeof from);
    for (int k = 0; k < 4; k++) to[k] = sign * b[k];
    x = fabs(x);
    for (int halving = 0; halving < 2 && x < NEAR; halving++) {
        for (int k = 0; k < 4; k++) middle[k] = from[k] + to[k];
        make_unit(middle);
        memcpy(u < 0.5 ? to : from, middle, sizeof middle);
        u = u < 0.5 ? 2 * u : 2 * u - 1;
        x = dot4(from, to);
    }
    shares_of_angle(u, x, share);
    for (int k = 0; k < 4; k++) out[k] = share[0] * from[k] + share[1] * to[k];
}

/* Value of one row of a track at a moment (glTF 2.0, appendix C). Inlined by force: a call costs a quarter of posing a crowd. */
static inline __attribute__((always_inline)) void sample(const mr_track *t, moment at, uint32_t row, double *out) {
    const size_t width = t->width, stride = t->rows * width, own = row * width;
    if (t->curve == MR_CUBIC) {
        const size_t here = (3 * (size_t)at.key + 1) * stride + own, there = (3 * (size_t)at.next + 1) * stride + own;
        const double u = at.u, uu = u * u, uuu = uu * u;
        const double a = 2 * uuu - 3 * uu + 1, b = (uuu - 2 * uu + u) * at.span, c = 3 * uu - 2 * uuu, d = (uuu - uu) * at.span;
        for (size_t k = 0; k < width; k++) {
            out[k] = number(t, here + k);
            if (at.key != at.next)
                out[k] = a * out[k] + b * number(t, here + stride + k) + c * number(t, there + k) + d * number(t, there - stride + k);
        }
        if (t->kind == MR_DRIVE_ROTATION) make_unit(out);
        return;
    }
    const size_t here = at.key * stride + own, there = at.next * stride + own;
    if (t->kind == MR_DRIVE_ROTATION) {
        double from[4], to[4];
        for (int k = 0; k < 4; k++) from[k] = number(t, here + k), to[k] = number(t, there + k);
        if (t->curve == MR_STEP || at.u == 0) memcpy(out, from, sizeof from);
        else turn(from, to, at.u, out);
        return;
    }
    for (size_t k = 0; k < width; k++) {
        out[k] = number(t, here + k);
        if (t->curve == MR_LINEAR && at.u > 0) out[k] = (1 - at.u) * out[k] + at.u * number(t, there + k);
    }
}

/* The same of `count` rows one after the other, `width` numbers each; of plain numbers between keys in loops without a branch. */
static void sample_rows(const mr_track *t, moment at, uint32_t row, uint32_t count, double *out) {
    const size_t width = t->width, stride = t->rows * width, n = count * width, here = at.key * stride + row * width;
    const int plain = t->rows > 1 && t->curve != MR_CUBIC && t->kind != MR_DRIVE_ROTATION;
    const double u = t->curve == MR_LINEAR ? at.u : 0, v = 1 - u;
    const size_t there = u > 0 ? at.next * stride + row * width : here;
    for (uint32_t k = 0; k < count && !plain; k++) {
        if (k && t->rows == 1) memcpy(out + k * width, out, width * sizeof(double));
        else sample(t, at, row + k, out + k * width);
        if (t->kind == MR_DRIVE_ROTATION && (!k || t->rows > 1)) make_unit(out + k * width);
    }
    if (plain && t->wide) {
        const double *a = (const double *)t->values + here, *b = (const double *)t->values + there;
        for (size_t k = 0; k < n; k++) out[k] = v * a[k] + u * b[k];
    } else if (plain) {
        const float *a = (const float *)t->values + here, *b = (const float *)t->values + there;
        for (size_t k = 0; k < n; k++) out[k] = v * a[k] + u * b[k];
    }
}
