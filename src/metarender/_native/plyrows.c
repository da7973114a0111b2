/* Rows of binary PLY whose lists differ in length; the manual is plyrows.h. */
#include "plyrows.h"

static uint32_t read_count(const uint8_t *p, uint32_t bytes, int big)
{
    uint32_t value = 0;
    for (uint32_t k = 0; k < bytes; k++) value |= (uint32_t)p[big ? bytes - 1 - k : k] << (8 * k);
    return value;
}

size_t mr_ply_rows(const uint8_t *data, size_t size, size_t at, size_t rows, const mr_ply_property *properties, size_t count, int big,
                   uint64_t *offsets, uint32_t *lengths)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t k = 0; k < count; k++) {
            const mr_ply_property *p = &properties[k];
            uint32_t length = 1;
            if (p->count) {
                if (size - at < p->count) return 0;
                length = read_count(data + at, p->count, big);
                if (p->has_sign && length >> (8 * p->count - 1)) return 0;
                at += p->count;
            }
            if ((size - at) / p->value < length) return 0;
            offsets[k * rows + row] = at;
            lengths[k * rows + row] = length;
            at += (size_t)length * p->value;
        }
    return at;
}
