/* Low-discrepancy points and the GGX lobe they are bent into. */
#ifndef MR_SAMPLING_H
#define MR_SAMPLING_H

#include <math.h>
#include <stdint.h>

/* Van der Corput radical inverse in base 2: the second coordinate of a Hammersley point. */
static inline double mr_radical_inverse(uint32_t i)
{
    i = (i << 16) | (i >> 16);
    i = ((i & 0x55555555u) << 1) | ((i & 0xAAAAAAAAu) >> 1);
    i = ((i & 0x33333333u) << 2) | ((i & 0xCCCCCCCCu) >> 2);
    i = ((i & 0x0F0F0F0Fu) << 4) | ((i & 0xF0F0F0F0u) >> 4);
    i = ((i & 0x00FF00FFu) << 8) | ((i & 0xFF00FF00u) >> 8);
    return i / 4294967296.0;
}

/* Cosine to the normal of a half vector distributed like GGX, for u in [0, 1). */
static inline double mr_ggx_cosine(double u, double alpha)
{
    return sqrt((1.0 - u) / (1.0 + (alpha * alpha - 1.0) * u));
}

#endif
