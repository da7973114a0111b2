/* Pixels of a Radiance picture (RGBE): flat, old run lengths, and run lengths by channel, mixed freely by scanline.
 * Reads at most `size` bytes and writes exactly height * width * 3 floats on success. */
#ifndef MR_RGBE_H
#define MR_RGBE_H

#include <stddef.h>
#include <stdint.h>

enum { MR_RGBE_OK = 0, MR_RGBE_TRUNCATED = -1, MR_RGBE_BAD_RUN = -2, MR_RGBE_NO_MEMORY = -3 };

/* Linear values m * 2^(e - 136), (height, width, 3), in the order of the file; any bytes are safe. */
int mr_rgbe_decode(const uint8_t *data, size_t size, int height, int width, float *out);

#endif
