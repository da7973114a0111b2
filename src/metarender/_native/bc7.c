/* BC7 blocks to pixels; the manual is bc7.h. */
#include "bc7.h"

#include <string.h>

/* What a mode stores: subsets, bits of the partition, of the rotation and of the index selector, bits of a colour and of an alpha end,
 * whether ends or subsets have a bit more of their own, and bits of the first and of the second index of a texel. */
typedef struct {
    uint8_t subsets, partition, rotation, selector, color, alpha, end_bit, subset_bit, index, second;
} Mode;

static const Mode modes[8] = {
    {3, 4, 0, 0, 4, 0, 1, 0, 3, 0}, {2, 6, 0, 0, 6, 0, 0, 1, 3, 0}, {3, 6, 0, 0, 5, 0, 0, 0, 2, 0}, {2, 6, 0, 0, 7, 0, 1, 0, 2, 0},
    {1, 0, 2, 1, 5, 6, 0, 0, 2, 3}, {1, 0, 2, 0, 7, 8, 0, 0, 2, 2}, {1, 0, 0, 0, 7, 7, 1, 0, 4, 0}, {2, 6, 0, 0, 5, 5, 1, 0, 2, 0},
};

/* Which subset a texel belongs to: one bit a texel for two subsets, two bits for three; texel 0 in the lowest bits. */
static const uint16_t halves[64] = {
    0xcccc, 0x8888, 0xeeee, 0xecc8, 0xc880, 0xfeec, 0xfec8, 0xec80, 0xc800, 0xffec, 0xfe80, 0xe800, 0xffe8, 0xff00, 0xfff0, 0xf000,
    0xf710, 0x008e, 0x7100, 0x08ce, 0x008c, 0x7310, 0x3100, 0x8cce, 0x088c, 0x3110, 0x6666, 0x366c, 0x17e8, 0x0ff0, 0x718e, 0x399c,
    0xaaaa, 0xf0f0, 0x5a5a, 0x33cc, 0x3c3c, 0x55aa, 0x9696, 0xa55a, 0x73ce, 0x13c8, 0x324c, 0x3bdc, 0x6996, 0xc33c, 0x9966, 0x0660,
    0x0272, 0x04e4, 0x4e40, 0x2720, 0xc936, 0x936c, 0x39c6, 0x639c, 0x9336, 0x9cc6, 0x817e, 0xe718, 0xccf0, 0x0fcc, 0x7744, 0xee22,
};
static const uint32_t thirds[64] = {
    0xaa685050, 0x6a5a5040, 0x5a5a4200, 0x5450a0a8, 0xa5a50000, 0xa0a05050, 0x5555a0a0, 0x5a5a5050, 0xaa550000, 0xaa555500, 0xaaaa5500,
    0x90909090, 0x94949494, 0xa4a4a4a4, 0xa9a59450, 0x2a0a4250, 0xa5945040, 0x0a425054, 0xa5a5a500, 0x55a0a0a0, 0xa8a85454, 0x6a6a4040,
    0xa4a45000, 0x1a1a0500, 0x0050a4a4, 0xaaa59090, 0x14696914, 0x69691400, 0xa08585a0, 0xaa821414, 0x50a4a450, 0x6a5a0200, 0xa9a58000,
    0x5090a0a8, 0xa8a09050, 0x24242424, 0x00aa5500, 0x24924924, 0x24499224, 0x50a50a50, 0x500aa550, 0xaaaa4444, 0x66660000, 0xa5a0a5a0,
    0x50a050a0, 0x69286928, 0x44aaaa44, 0x66666600, 0xaa444444, 0x54a854a8, 0x95809580, 0x96969600, 0xa85454a8, 0x80959580, 0xaa141414,
    0x96960000, 0xaaaa1414, 0xa05050a0, 0xa0a5a5a0, 0x96000000, 0x40804080, 0xa9a8a9a8, 0xaaaaaa44, 0x2a4a5254,
};

/* The texel of a subset whose index has one bit less: of the second of two, and of the second and third of three. */
static const uint8_t anchors[3][64] = {
    {15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 2, 8, 2, 2, 8, 8, 15, 2, 8, 2, 2, 8, 8, 2, 2,
     15, 15, 6, 8, 2, 8, 15, 15, 2, 8, 2, 2, 2, 15, 15, 6, 6, 2, 6, 8, 15, 15, 2, 2, 15, 15, 15, 15, 15, 2, 2, 15},
    {3, 3, 15, 15, 8, 3, 15, 15, 8, 8, 6, 6, 6, 5, 3, 3, 3, 3, 8, 15, 3, 3, 6, 10, 5, 8, 8, 6, 8, 5, 15, 15,
     8, 15, 3, 5, 6, 10, 8, 15, 15, 3, 15, 5, 15, 15, 15, 15, 3, 15, 5, 5, 5, 8, 5, 10, 5, 10, 8, 13, 15, 12, 3, 3},
    {15, 8, 8, 3, 15, 15, 3, 8, 15, 15, 15, 15, 15, 15, 15, 8, 15, 8, 15, 3, 15, 8, 15, 8, 3, 15, 6, 10, 15, 15, 10, 8,
     15, 3, 15, 10, 10, 8, 9, 10, 6, 15, 8, 15, 3, 6, 6, 8, 15, 3, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 3, 15, 15, 8},
};

typedef struct {
    uint64_t low, high;
} Bits;

static uint64_t load(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int k = 7; k >= 0; k--) value = value << 8 | bytes[k];
    return value;
}

/* Takes the lowest `count` bits, at most 8. */
static unsigned take(Bits *bits, int count)
{
    if (count == 0) return 0;
    unsigned value = (unsigned)bits->low & ((1u << count) - 1);
    bits->low = bits->low >> count | bits->high << (64 - count);
    bits->high >>= count;
    return value;
}

/* Both ends of every subset as 8-bit RGBA. */
static void read_ends(Bits *bits, const Mode *mode, uint8_t ends[6][4])
{
    int count = 2 * mode->subsets, channels = mode->alpha ? 4 : 3, own = mode->end_bit || mode->subset_bit;
    for (int c = 0; c < channels; c++)
        for (int e = 0; e < count; e++) ends[e][c] = (uint8_t)take(bits, c < 3 ? mode->color : mode->alpha);
    for (int e = 0; e < count && own; e++) {
        unsigned bit = mode->end_bit || !(e & 1) ? take(bits, 1) : ends[e - 1][0] & 1u;
        for (int c = 0; c < channels; c++) ends[e][c] = (uint8_t)(ends[e][c] << 1 | bit);
    }
    for (int e = 0; e < count; e++)
        for (int c = 0; c < 4; c++) {
            int wide = (c < 3 ? mode->color : mode->alpha) + own;
            unsigned top = (unsigned)ends[e][c] << (8 - wide);
            ends[e][c] = c < channels ? (uint8_t)(top | top >> wide) : 255;
        }
}

static int subset_of(const Mode *mode, unsigned partition, int texel)
{
    if (mode->subsets == 1) return 0;
    return mode->subsets == 2 ? halves[partition] >> texel & 1 : (int)(thirds[partition] >> 2 * texel & 3);
}

static int is_anchor(const Mode *mode, unsigned partition, int texel)
{
    if (texel == 0) return 1;
    if (mode->subsets == 1) return 0;
    if (mode->subsets == 2) return anchors[0][partition] == texel;
    return anchors[1][partition] == texel || anchors[2][partition] == texel;
}

static uint8_t mix(const uint8_t from, const uint8_t to, unsigned index, int bits)
{
    unsigned steps = (1u << bits) - 1, weight = (128 * index + steps) / (2 * steps);
    return (uint8_t)(((64 - weight) * from + weight * to + 32) >> 6);
}

static void decode_block(const uint8_t *block, uint8_t texels[16][4])
{
    int number = 0;
    while (number < 8 && !(block[0] >> number & 1)) number++;
    if (number == 8) {
        memset(texels, 0, 64);
        return;
    }
    const Mode *mode = &modes[number];
    Bits bits = {load(block), load(block + 8)};
    take(&bits, number == 7 ? 8 : number + 1);
    unsigned partition = take(&bits, mode->partition), rotation = take(&bits, mode->rotation), selector = take(&bits, mode->selector);
    uint8_t ends[6][4] = {{0}}, first[16], second[16];
    read_ends(&bits, mode, ends);
    for (int t = 0; t < 16; t++) first[t] = (uint8_t)take(&bits, mode->index - is_anchor(mode, partition, t));
    for (int t = 0; t < 16; t++) second[t] = mode->second ? (uint8_t)take(&bits, mode->second - (t == 0)) : first[t];
    int wide[2] = {mode->index, mode->second ? mode->second : mode->index};
    for (int t = 0; t < 16; t++) {
        uint8_t(*end)[4] = ends + 2 * subset_of(mode, partition, t), index[2] = {first[t], second[t]};
        for (int c = 0; c < 4; c++) {
            int which = (c == 3) != (int)selector;
            texels[t][c] = mix(end[0][c], end[1][c], index[which], wide[which]);
        }
        if (rotation) {
            uint8_t kept = texels[t][3];
            texels[t][3] = texels[t][rotation - 1];
            texels[t][rotation - 1] = kept;
        }
    }
}

void mr_bc7_decode(const uint8_t *blocks, int width, int height, uint8_t *pixels)
{
    uint8_t texels[16][4];
    for (int y = 0; y < height; y += 4)
        for (int x = 0; x < width; x += 4, blocks += 16) {
            decode_block(blocks, texels);
            int columns = width - x < 4 ? width - x : 4, rows = height - y < 4 ? height - y : 4;
            for (int row = 0; row < rows; row++) memcpy(pixels + 4 * ((size_t)(y + row) * width + x), texels[4 * row], 4 * (size_t)columns);
        }
}
