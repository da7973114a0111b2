/* Local transforms: authored rotation and scale, matrices, checks of what users pass, and marks for the next update. */
#include "mr.h"

#include <math.h>
#include <string.h>

/* Lists a run of slots for the next update; one that begins where the last ends makes that longer. */
static int list_dirty(mr_store *s, uint32_t first, uint32_t count) {
    mr_run *last = s->dirty_count ? s->dirty + s->dirty_count - 1 : NULL;
    if (last && last->first + last->count == first) {
        last->count += count;
        return MR_OK;
    }
    if (mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + 1, sizeof(mr_run))) return MR_NOMEM;
    s->dirty[s->dirty_count++] = (mr_run){first, count};
    return MR_OK;
}

int mr_mark(mr_store *s, uint32_t first, uint32_t count, uint8_t bits) {
    if (!count) return MR_OK;
    int listed = count == 1 && (s->flags[first] & MR_PENDING);
    if (!listed && !s->scan_all && list_dirty(s, first, count)) return MR_NOMEM;
    uint8_t *restrict flags = s->flags + first;
    for (uint32_t i = 0; i < count; i++) flags[i] |= bits;
    s->epoch++;
    return MR_OK;
}

#define BLOCK 64 /* nodes whose positions are compared at a time */

/* Writes at most a block of positions over p and flags what changed; returns whether anything did (1), and was not pending yet (2). */
static inline __attribute__((always_inline)) unsigned move_block(double *restrict p, const double *restrict position, uint8_t *restrict flags, uint32_t count) {
    uint64_t change[3 * BLOCK];
    unsigned found = 0;
    for (uint32_t k = 0; k < 3 * count; k++) {
        const double x = position[k], held = x < -MR_DRIVE_FARTHEST ? -MR_DRIVE_FARTHEST : x > MR_DRIVE_FARTHEST ? MR_DRIVE_FARTHEST : x;
        uint64_t old, new;
        memcpy(&old, p + k, sizeof old);
        memcpy(&new, &held, sizeof new);
        change[k] = old ^ new;
        p[k] = held;
    }
    for (uint32_t i = 0; i < count; i++) {
        const unsigned moved = (change[3 * i] | change[3 * i + 1] | change[3 * i + 2]) != 0, fresh = moved & !(flags[i] & MR_PENDING);
        found |= moved | fresh << 1;
        flags[i] |= (uint8_t)(moved * MR_MOVED);
    }
    return found;
}

static unsigned move_base(double *p, const double *position, uint8_t *flags, uint32_t count) { return move_block(p, position, flags, count); }
#if MR_HAVE_AVX2
MR_TARGET_AVX2 static unsigned move_avx2(double *p, const double *position, uint8_t *flags, uint32_t count) { return move_block(p, position, flags, count); }
#else
#define move_avx2 move_base
#endif

void mr_move_run(mr_store *s, uint32_t first, uint32_t count, const double *position) {
    unsigned found = 0;
    for (uint32_t i = 0; i < count; i += BLOCK) {
        const uint32_t n = count - i < BLOCK ? count - i : BLOCK;
        found |= (s->level >= MR_AVX2 ? move_avx2 : move_base)(s->position + 3 * ((size_t)first + i), position + 3 * (size_t)i, s->flags + first + i, n);
    }
    if (found & 2 && !s->scan_all) list_dirty(s, first, count); /* reserved by the caller */
    s->epoch += found & 1;
}

static void linear_from_trs(const mr_trs *t, float *linear) {
    double x = t->rotation[0], y = t->rotation[1], z = t->rotation[2], w = t->rotation[3];
    double r[9] = {1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
                   2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
                   2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)};
    for (int i = 0; i < 9; i++) linear[i] = (float)(r[i] * t->scale[i % 3]);
}

void mr_drop_trs(mr_store *s, uint32_t first, uint32_t count) {
    uint32_t none = MR_NONE;
    for (uint32_t i = first; i < first + count; i++) none &= s->trs[i];
    if (none == MR_NONE) return;
    for (uint32_t i = first; i < first + count; i++) {
        uint32_t t = s->trs[i];
        if (t == MR_NONE) continue;
        s->trs_rows[t].next = s->trs_free;
        s->trs_free = t;
        s->trs[i] = MR_NONE;
    }
}

/* A row for the slot; the caller has reserved it. */
static void new_trs(mr_store *s, uint32_t slot) {
    uint32_t t = s->trs_free;
    if (t != MR_NONE) s->trs_free = s->trs_rows[t].next;
    else t = s->trs_count++;
    s->trs[slot] = t;
}

int mr_reserve_marks(mr_store *s, size_t n, int trs) {
    if (s->dirty_count + n >= MR_NONE || s->trs_count + n >= MR_NONE) return MR_NOMEM;
    if (!s->scan_all && mr_grow(&s->dirty, &s->dirty_cap, s->dirty_count + (uint32_t)n, sizeof(mr_run))) return MR_NOMEM;
    return trs ? mr_grow(&s->trs_rows, &s->trs_cap, s->trs_count + (uint32_t)n, sizeof(mr_trs)) : MR_OK;
}

int mr_set_trs(mr_store *s, uint32_t slot, const double *position, const double *rotation, const double *scale) {
    int turned = rotation || scale;
    if (mr_reserve_marks(s, 1, turned && s->trs[slot] == MR_NONE)) return MR_NOMEM;
    if (turned) {
        mr_trs t = {{0, 0, 0, 1}, {1, 1, 1}, 0, 0};
        if (!(rotation && scale)) {
            int bad = mr_get_trs(s, slot, t.rotation, t.scale);
            if (bad) return bad;
        }
        if (rotation) {
            double n = sqrt(rotation[0] * rotation[0] + rotation[1] * rotation[1] + rotation[2] * rotation[2] + rotation[3] * rotation[3]);
            /* A unit quaternion is kept as given: it must come back to the bit. */
            for (int k = 0; k < 4; k++) t.rotation[k] = fabs(n - 1.0) < 1e-12 ? rotation[k] : rotation[k] / n;
        }
        if (scale) memcpy(t.scale, scale, sizeof t.scale);
        if (s->trs[slot] == MR_NONE) new_trs(s, slot);
        s->trs_rows[s->trs[slot]] = t;
        linear_from_trs(&t, s->linear + 9 * (size_t)slot);
    }
    if (position) memcpy(s->position + 3 * (size_t)slot, position, 3 * sizeof(double));
    return mr_mark(s, slot, 1, MR_MOVED);
}

static void put_matrix(mr_store *s, uint32_t slot, const double *m) {
    float *l = s->linear + 9 * (size_t)slot;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) l[3 * i + j] = (float)m[4 * i + j];
        s->position[3 * (size_t)slot + i] = m[4 * i + 3];
    }
}

int mr_set_matrix(mr_store *s, uint32_t slot, const double *m) {
    if (mr_mark(s, slot, 1, MR_MOVED)) return MR_NOMEM;
    mr_drop_trs(s, slot, 1);
    put_matrix(s, slot, m);
    return MR_OK;
}

void mr_get_matrix(const mr_store *s, uint32_t slot, double *m) {
    const float *l = s->linear + 9 * (size_t)slot;
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++) m[4 * i + j] = l[3 * i + j];
        m[4 * i + 3] = s->position[3 * (size_t)slot + i];
    }
    m[12] = m[13] = m[14] = 0;
    m[15] = 1;
}

static double dot3(const double *a, const double *b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static void cross3(const double *a, const double *b, double *c) {
    c[0] = a[1] * b[2] - a[2] * b[1];
    c[1] = a[2] * b[0] - a[0] * b[2];
    c[2] = a[0] * b[1] - a[1] * b[0];
}

/* Quaternion xyzw of an orthonormal basis given by its columns, by the largest of the four squares (never divides by a small one). */
static void quaternion_of(double c[3][3], double *q) {
    double m00 = c[0][0], m11 = c[1][1], m22 = c[2][2];
    double square[4] = {1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22, 1 + m00 + m11 + m22};
    int k = 0;
    for (int i = 1; i < 4; i++)
        if (square[i] > square[k]) k = i;
    double h = 0.5 / sqrt(square[k]);
    double xy = c[0][1] + c[1][0], xz = c[0][2] + c[2][0], yz = c[1][2] + c[2][1];
    double wx = c[1][2] - c[2][1], wy = c[2][0] - c[0][2], wz = c[0][1] - c[1][0];
    double table[4][4] = {{square[0], xy, xz, wx}, {xy, square[1], yz, wy}, {xz, yz, square[2], wz}, {wx, wy, wz, square[3]}};
    for (int i = 0; i < 4; i++) q[i] = table[k][i] * h;
}

/* Fills columns that are zero (scale 0) so that the three are a right-handed basis. */
static void complete_basis(double c[3][3], const double *length) {
    for (int pass = 0; pass < 3; pass++)
        for (int k = 0; k < 3; k++) {
            if (length[k] > 0 || dot3(c[k], c[k]) > 0) continue;
            double *u = c[(k + 1) % 3], *v = c[(k + 2) % 3];
            if (dot3(u, u) > 0 && dot3(v, v) > 0) cross3(u, v, c[k]);
            else {
                double *known = dot3(u, u) > 0 ? u : v, axis[3] = {0, 0, 0};
                int small = dot3(known, known) == 0 ? k
                            : fabs(known[0]) <= fabs(known[1]) && fabs(known[0]) <= fabs(known[2]) ? 0
                            : fabs(known[1]) <= fabs(known[2])                                     ? 1 : 2;
                axis[small] = 1;
                double along = dot3(axis, known);
                for (int i = 0; i < 3; i++) c[k][i] = axis[i] - along * known[i];
                double n = sqrt(dot3(c[k], c[k]));
                for (int i = 0; i < 3; i++) c[k][i] /= n;
            }
        }
}

int mr_get_trs(const mr_store *s, uint32_t slot, double *rotation, double *scale) {
    if (s->trs[slot] != MR_NONE) {
        memcpy(rotation, s->trs_rows[s->trs[slot]].rotation, 4 * sizeof(double));
        memcpy(scale, s->trs_rows[s->trs[slot]].scale, 3 * sizeof(double));
        return MR_OK;
    }
    const float *l = s->linear + 9 * (size_t)slot;
    double c[3][3], x[3];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < 3; i++) c[k][i] = l[3 * i + k];
        scale[k] = sqrt(dot3(c[k], c[k]));
        for (int i = 0; i < 3; i++) c[k][i] = scale[k] > 0 ? c[k][i] / scale[k] : 0;
    }
    for (int k = 0; k < 3; k++)
        if (fabs(dot3(c[k], c[(k + 1) % 3])) > 2e-5) return MR_NONFINITE;
    complete_basis(c, scale);
    cross3(c[0], c[1], x);
    if (dot3(x, c[2]) < 0) {
        scale[0] = -scale[0];
        for (int i = 0; i < 3; i++) c[0][i] = -c[0][i];
    }
    quaternion_of(c, rotation);
    double n = sqrt(dot3(rotation, rotation) + rotation[3] * rotation[3]);
    for (int i = 0; i < 4; i++) rotation[i] /= n;
    return MR_OK;
}

/* As integers, which compilers turn into vectors: the bits of magnitudes are in order, NaN and infinity are the largest, and a
 * difference below 0 leaves its sign. */
#define WITHIN(name, type, bits, SIGN) \
    int name(const type *values, size_t n, type limit) { \
        bits most, over = 0, b; \
        memcpy(&most, &limit, sizeof most); \
        for (size_t k = 0; k < n; k++) { \
            memcpy(&b, values + k, sizeof b); \
            over |= most - (b & ~SIGN); \
        } \
        return over >= 0; \
    }
WITHIN(mr_within_f64, double, int64_t, INT64_MIN)
WITHIN(mr_within_f32, float, int32_t, INT32_MIN)

/* Rows with a value that is not finite or beyond the limit are counted, the first is noted; with `good` they become that. */
#define CHECK(name, type, all_within) \
    size_t name(type *rows, size_t n, size_t width, type limit, const type *good, size_t *first) { \
        size_t bad = 0; \
        if (all_within(rows, n * width, limit)) return 0; \
        for (size_t i = 0; i < n; i++) { \
            int fine = 1; \
            for (size_t k = 0; k < width; k++) fine &= rows[i * width + k] <= limit && rows[i * width + k] >= -limit; \
            if (fine) continue; \
            if (!bad++) *first = i; \
            if (good) memcpy(rows + i * width, good, width * sizeof(type)); \
        } \
        return bad; \
    }
CHECK(mr_check_f64, double, mr_within_f64)
CHECK(mr_check_f32, float, mr_within_f32)

size_t mr_zero_row(const double *rows, size_t n, size_t width) {
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t k = 0; k < width; k++) square += rows[i * width + k] * rows[i * width + k];
        if (!(square > 1e-24)) return i;
    }
    return n;
}

int mr_any_sheared(const mr_store *s, const uint32_t *slots, size_t n) {
    double rotation[4], scale[3];
    for (size_t i = 0; i < n; i++)
        if (mr_get_trs(s, slots[i], rotation, scale)) return 1;
    return 0;
}

int mr_flag_many(mr_store *s, const uint32_t *slots, size_t n, int what, uint32_t value) {
    if (mr_reserve_marks(s, n, 0)) return MR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        uint32_t slot = slots[i];
        if (what == 2 ? s->layers[slot] == value : (s->flags[slot] & MR_VISIBLE) == (what ? MR_VISIBLE : 0)) continue;
        mr_mark(s, slot, 1, what == 2 ? MR_RELABELLED : MR_TOGGLED);
        if (what == 2) s->layers[slot] = value;
        else s->flags[slot] ^= MR_VISIBLE;
    }
    return MR_OK;
}

int mr_state_many(mr_store *s, const uint32_t *slots, size_t n, const mr_state *rows) {
    if (mr_reserve_marks(s, n, 0)) return MR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        mr_mark(s, slots[i], 1, MR_TINTED);
        s->state[slots[i]] = rows[i];
    }
    return MR_OK;
}

void mr_local_many(const mr_store *s, const uint32_t *slots, size_t n, double *m) {
    for (size_t i = 0; i < n; i++) mr_get_matrix(s, slots[i], m + 16 * i);
}

int mr_set_many(mr_store *s, const uint32_t *slots, size_t n, const double *position, const double *rotation, const double *scale,
                const double *matrix) {
    if (mr_reserve_marks(s, n, !matrix && (rotation || scale))) return MR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        int bad = matrix ? mr_set_matrix(s, slots[i], matrix + 16 * i)
                         : mr_set_trs(s, slots[i], position ? position + 3 * i : NULL, rotation ? rotation + 4 * i : NULL,
                                      scale ? scale + 3 * i : NULL);
        if (bad) return bad;
    }
    return MR_OK;
}

void mr_read_matrices(const mr_store *s, uint32_t first, uint32_t n, double *m) {
    for (uint32_t i = 0; i < n; i++) mr_get_matrix(s, first + i, m + 16 * (size_t)i);
}
