/* BC7 blocks (BPTC) to pixels, for devices that would sample them slowly and for whoever asks for pixels.
 * The format is defined to the bit (Khronos Data Format Specification, 20), so every decoder gives these pixels. */
#ifndef MR_BC7_H
#define MR_BC7_H

#include <stdint.h>

/* Reads ceil(width / 4) * ceil(height / 4) blocks of 16 bytes, row by row, and writes (height, width, 4) bytes: RGBA as stored.
 * Any bytes are safe; a block of the reserved mode is transparent black. */
void mr_bc7_decode(const uint8_t *blocks, int width, int height, uint8_t *pixels);

#endif
