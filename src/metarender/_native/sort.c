/* Least-significant-digit radix sort of 64-bit keys with 32-bit values. */
#include "mr.h"

#include <string.h>

#define DIGIT 11
#define SIZE (1u << DIGIT)

/* Few keys: the counters would cost more than the sort. */
static void insertion(uint64_t *keys, uint32_t *values, size_t n, uint64_t mask) {
    for (size_t i = 1; i < n; i++) {
        uint64_t k = keys[i];
        uint32_t v = values[i];
        size_t j = i;
        for (; j > 0 && (keys[j - 1] & mask) > (k & mask); j--) {
            keys[j] = keys[j - 1];
            values[j] = values[j - 1];
        }
        keys[j] = k;
        values[j] = v;
    }
}

void mr_radix(uint64_t *keys, uint32_t *values, size_t n, unsigned bits, uint64_t *keys2, uint32_t *values2) {
    uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    if (n <= 32) {
        insertion(keys, values, n, mask);
        return;
    }
    uint64_t *k = keys, *k2 = keys2;
    uint32_t *v = values, *v2 = values2;
    for (unsigned shift = 0; shift < bits; shift += DIGIT) {
        size_t count[SIZE] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) count[((k[i] & mask) >> shift) & (SIZE - 1)]++;
        if (n && count[((k[0] & mask) >> shift) & (SIZE - 1)] == n) continue; /* one digit value only: nothing to do */
        for (unsigned d = 0; d < SIZE; d++) {
            size_t c = count[d];
            count[d] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++) {
            size_t to = count[((k[i] & mask) >> shift) & (SIZE - 1)]++;
            k2[to] = k[i];
            v2[to] = v[i];
        }
        uint64_t *tk = k;
        k = k2;
        k2 = tk;
        uint32_t *tv = v;
        v = v2;
        v2 = tv;
    }
    if (k != keys) {
        memcpy(keys, k, n * sizeof *keys);
        memcpy(values, v, n * sizeof *values);
    }
}
