/* Where the values of binary PLY rows are, whose lists differ in length. Reads at most `size` bytes; any bytes are safe. */
#ifndef MR_PLYROWS_H
#define MR_PLYROWS_H

#include <stddef.h>
#include <stdint.h>

/* One property: bytes of a value; for a list bytes of its count (1, 2 or 4), else 0; whether the count has a sign. */
typedef struct {
    uint32_t value, count, has_sign;
} mr_ply_property;

/* Walks `rows` rows from `at`. offsets: (properties, rows) where each value or the first of each list lies; lengths: the same, how many
 * values. Returns where the rows end, or 0 where the data ends before them or a count is negative. */
size_t mr_ply_rows(const uint8_t *data, size_t size, size_t at, size_t rows, const mr_ply_property *properties, size_t count, int big,
                   uint64_t *offsets, uint32_t *lengths);

#endif
