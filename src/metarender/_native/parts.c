/* Parts: many leaves from arrays in one call. */
#include "mr.h"

#include <math.h>

/* Checks and copies for float64 and float32. A NaN compares false, so each bound is asked for as "not within". Moving parts pass
 * through here every frame, and nearly always all is well: what is within the smaller bound as a whole needs no look at each value. */
#define MATRICES(suffix, type, all_within) \
    static int bad_row##suffix(const type *m, double linear, double position) { \
        return !(fabs(m[0]) <= linear) || !(fabs(m[1]) <= linear) || !(fabs(m[2]) <= linear) || !(fabs(m[3]) <= position); \
    } \
    static int plain##suffix(const type *matrices, size_t n, uint32_t rows, type limit) { \
        const type last[4] = {0, 0, 0, 1}; \
        int odd = !all_within(matrices, 4 * rows * n, limit); \
        for (size_t i = 0; rows == 4 && i < n; i++) odd |= memcmp(matrices + 16 * i + 12, last, sizeof last) != 0; \
        return !odd; \
    } \
    size_t mr_bad_matrix##suffix(const type *matrices, size_t n, uint32_t rows, double linear, double position) { \
        if (plain##suffix(matrices, n, rows, (type)(linear < position ? linear : position))) return n; \
        for (size_t i = 0; i < n; i++) { \
            const type *m = matrices + 4 * rows * i; \
            for (int k = 0; k < 12; k += 4) \
                if (bad_row##suffix(m + k, linear, position)) return i; \
            if (rows == 4 && (m[12] != 0 || m[13] != 0 || m[14] != 0 || m[15] != 1)) return i; \
        } \
        return n; \
    } \
    void mr_put_matrices##suffix(mr_store *s, uint32_t first, uint32_t n, const type *matrices, uint32_t rows) { \
        mr_drop_trs(s, first, n); \
        for (uint32_t i = 0; i < n; i++) { \
            const type *m = matrices + 4 * rows * (size_t)i; \
            float *linear = s->linear + 9 * (size_t)(first + i); \
            double *position = s->position + 3 * (size_t)(first + i); \
            for (int k = 0; k < 3; k++) { \
                for (int j = 0; j < 3; j++) linear[3 * k + j] = (float)m[4 * k + j]; \
                position[k] = m[4 * k + 3]; \
            } \
        } \
    }
MATRICES(, double, mr_within_f64)
MATRICES(_f32, float, mr_within_f32)

int mr_add_parts(mr_store *s, uint32_t parent, uint32_t n, const double *matrices, uint32_t rows, const uint32_t *geometry,
                 const uint32_t *material, uint32_t *ids, uint32_t *range) {
    if (mr_reserve_draws(s, n, geometry, material, n)) return MR_NOMEM;
    int bad = mr_add(s, parent, n, 1, ids, range);
    if (bad || !n) return bad;
    uint32_t first = s->id_slot[ids[0] & MR_INDEX_MASK];
    mr_set_draws_each(s, first, n, geometry, material); /* memory was reserved */
    mr_put_matrices(s, first, n, matrices, rows);
    return MR_OK;
}

size_t mr_check_state(mr_store *s, uint32_t first, uint32_t n, size_t *row) {
    size_t bad = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (isfinite(s->state[first + i].value)) continue;
        if (!bad++) *row = i;
        s->state[first + i].value = 0;
    }
    return bad;
}
