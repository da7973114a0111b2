/* Instruction-set levels: which functions exist here, and vectors of W floats for the culling kernel.
 *
 * A kernel file (name.inl) is included once per level with MR_LEVEL(name) naming its functions. No level uses fused
 * multiply-add and all keep the same order of operations per lane, so that every level returns the same bits.
 */
#ifndef MR_SIMD_H
#define MR_SIMD_H

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define MR_HAVE_AVX2 1
#define MR_TARGET_AVX2 __attribute__((target("avx2,popcnt")))
#define MR_TARGET_AVX512 __attribute__((target("avx2,popcnt,avx512f,avx512vl,avx512bw,avx512dq")))
#include <immintrin.h>
#else
#define MR_HAVE_AVX2 0
#define MR_TARGET_AVX2
#endif

#if defined(__SSE2__) || defined(_M_X64)
#define MR_HAVE_SSE2 1
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#define MR_HAVE_NEON 1
#include <arm_neon.h>
#endif

/* Highest level that this processor runs. */
static inline int mr_supported_level(void) {
#if MR_HAVE_AVX2
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("popcnt");
    int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq");
    if (avx2) return avx512 ? 2 : 1;
#endif
    return 0;
}

#endif
