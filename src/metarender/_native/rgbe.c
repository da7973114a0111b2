/* Radiance scanlines to floats; the manual is rgbe.h. */
#include "rgbe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *next, *end;
} Reader;

/* Run lengths by channel: first all red bytes of the line, then green, blue, exponents. */
static int read_channels(Reader *in, int width, uint8_t *line)
{
    for (int channel = 0; channel < 4; channel++)
        for (int column = 0; column < width;) {
            if (in->end - in->next < 2) return MR_RGBE_TRUNCATED;
            int count = *in->next++, run = count > 128;
            if (run) count -= 128;
            if (count == 0 || count > width - column) return MR_RGBE_BAD_RUN;
            if (in->end - in->next < (run ? 1 : count)) return MR_RGBE_TRUNCATED;
            for (int k = 0; k < count; k++) line[4 * (column + k) + channel] = in->next[run ? 0 : k];
            in->next += run ? 1 : count;
            column += count;
        }
    return MR_RGBE_OK;
}

/* Whole pixels; (1, 1, 1, n) repeats the pixel before it n times, a second one in a row n * 256 times, and so on. */
static int read_pixels(Reader *in, int width, uint8_t *line)
{
    int shift = 0;
    for (int column = 0; column < width;) {
        if (in->end - in->next < 4) return MR_RGBE_TRUNCATED;
        const uint8_t *pixel = in->next;
        in->next += 4;
        if (pixel[0] != 1 || pixel[1] != 1 || pixel[2] != 1) {
            memcpy(line + 4 * column++, pixel, 4);
            shift = 0;
            continue;
        }
        if (column == 0 || shift > 24) return MR_RGBE_BAD_RUN;
        int64_t count = (int64_t)pixel[3] << shift;
        if (count > width - column) return MR_RGBE_BAD_RUN;
        for (; count > 0; count--, column++) memcpy(line + 4 * column, line + 4 * (column - 1), 4);
        shift += 8;
    }
    return MR_RGBE_OK;
}

static int read_line(Reader *in, int width, uint8_t *line)
{
    const uint8_t *p = in->next;
    int by_channel = in->end - p >= 4 && width >= 8 && width <= 0x7fff && p[0] == 2 && p[1] == 2 && ((p[2] << 8) | p[3]) == width;
    if (!by_channel) return read_pixels(in, width, line);
    in->next += 4;
    return read_channels(in, width, line);
}

int mr_rgbe_decode(const uint8_t *data, size_t size, int height, int width, float *out)
{
    Reader in = {data, data + size};
    float scale[256] = {0.0f};
    uint8_t *line = malloc(4 * (size_t)width);
    if (!line) return MR_RGBE_NO_MEMORY;
    for (int e = 1; e < 256; e++) scale[e] = ldexpf(1.0f, e - 136);
    int status = MR_RGBE_OK;
    for (int row = 0; row < height && status == MR_RGBE_OK; row++) {
        status = read_line(&in, width, line);
        if (status != MR_RGBE_OK) break;
        for (int column = 0; column < width; column++, out += 3)
            for (int c = 0; c < 3; c++) out[c] = (float)line[4 * column + c] * scale[line[4 * column + 3]];
    }
    free(line);
    return status;
}
