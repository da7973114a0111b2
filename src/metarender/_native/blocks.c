#ifdef __linux__
#define _GNU_SOURCE /* madvise, mremap */
#endif
/* Memory: counted blocks that may be borrowed, mappings of their own for large ones, and arrays that grow and shrink. */
#include "mr.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#ifndef LARGE
#define LARGE ((size_t)1 << 20)      /* bytes from which a block is a mapping of its own; a test may say another number */
#endif
#define LARGE_PAGE ((size_t)2 << 20)
#define BESIDE (64 + 64 + 64)        /* alignment, header, and spare bytes: kernels may load past the last row */

/* What stands before the rows of a block. */
typedef struct { atomic_size_t users; void *base; size_t bytes; int mapped; } block_header;

static block_header *header_of(void *block) { return (block_header *)((char *)block - 64); }

#if defined(__linux__) && defined(MADV_HUGEPAGE)
/* A mapping goes back to the system when it is released, where a heap would keep it. It starts at a large page, so that all but
 * its end can be in large pages: rows are gathered in draw order, and small pages would miss the TLB at every one. */
static void *map_large(size_t bytes) {
    size_t whole = (bytes + 4095) & ~(size_t)4095;
    char *raw = mmap(NULL, whole + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) return NULL;
    size_t before = (0 - (uintptr_t)raw) & (LARGE_PAGE - 1);
    if (before) munmap(raw, before);
    if (before < LARGE_PAGE) munmap(raw + before + whole, LARGE_PAGE - before);
    madvise(raw + before, whole, MADV_HUGEPAGE);
    return raw + before;
}

static void unmap_large(void *base, size_t bytes) { munmap(base, (bytes + 4095) & ~(size_t)4095); }

/* The pages of a block that nobody else holds move to a larger one; NULL: the caller copies. The move names the whole new length,
 * so that the block stays one mapping: older systems do not move several at once. */
static void *stretch_large(void *old, size_t bytes) {
    block_header *h = old ? header_of(old) : NULL;
    if (!h || !h->mapped || atomic_load(&h->users) != 1) return NULL;
    if (h->bytes >= bytes + BESIDE) return old; /* its capacity was lowered, its pages stayed */
    size_t had = (h->bytes + 4095) & ~(size_t)4095, whole = (bytes + BESIDE + 4095) & ~(size_t)4095, offset = (size_t)((char *)old - (char *)h->base);
    char *base = map_large(bytes + BESIDE);
    if (!base) return NULL;
    /* A move that fails may have emptied its target, which another thread's memory may fill by now: it is left alone. */
    if (mremap(h->base, had, whole, MREMAP_MAYMOVE | MREMAP_FIXED, base) == MAP_FAILED) return NULL;
    h = header_of(base + offset);
    h->base = base;
    h->bytes = bytes + BESIDE;
    return base + offset;
}

/* Pages beyond `bytes` go back to the system; what is left of the last one reads as zero again. */
static void cut_large(void *block, size_t bytes) {
    block_header *h = header_of(block);
    size_t had = (h->bytes + 4095) & ~(size_t)4095, offset = (size_t)((char *)block - (char *)h->base), end = (offset + bytes + 64 + 4095) & ~(size_t)4095;
    if (!h->mapped || end >= had) return;
    munmap((char *)h->base + end, had - end);
    memset((char *)block + bytes, 0, end - offset - bytes);
    h->bytes = end;
}
#else
static void cut_large(void *block, size_t bytes) {
    (void)block;
    (void)bytes;
}
static void *stretch_large(void *old, size_t bytes) {
    (void)old;
    (void)bytes;
    return NULL;
}
static void *map_large(size_t bytes) { return calloc(1, bytes); }
static void unmap_large(void *base, size_t bytes) {
    (void)bytes;
    free(base);
}
#endif

/* Fresh memory is zero as it comes: nothing is written twice. */
static void *new_block(size_t bytes, int mapped) {
    size_t whole = bytes + BESIDE;
    char *base = mapped ? map_large(whole) : calloc(1, whole);
    if (!base) return NULL;
    char *block = (char *)(((uintptr_t)base + 127) & ~(uintptr_t)63);
    block_header *h = header_of(block);
    atomic_init(&h->users, 1);
    h->base = base;
    h->bytes = whole;
    h->mapped = mapped;
    return block;
}

void *mr_block_new(size_t bytes) { return new_block(bytes, bytes + BESIDE >= LARGE); }

void *mr_block_new_brief(size_t bytes) { return new_block(bytes, 0); }

size_t mr_block_bytes(const void *block) { return block ? header_of((void *)block)->bytes : 0; }

void mr_block_retain(void *block) {
    if (block) atomic_fetch_add(&header_of(block)->users, 1);
}

void mr_block_release(void *block) {
    if (!block || atomic_fetch_sub(&header_of(block)->users, 1) != 1) return;
    block_header *h = header_of(block);
    if (h->mapped) unmap_large(h->base, h->bytes);
    else free(h->base);
}

/* Small arrays double; large ones grow by a quarter, so that a scene is never held twice. */
#ifndef EXACT /* a test lets arrays grow to what was asked for and no further */
#define EXACT 0
#endif
uint32_t mr_next_cap(uint32_t cap, uint32_t need) {
    if (EXACT) return need;
    uint64_t want = cap < 64 ? 64 : cap < 65536 ? (uint64_t)cap * 2 : (uint64_t)cap + cap / 4;
    return want > need ? (uint32_t)want : need;
}

int mr_grow(void *array, uint32_t *cap, uint32_t need, size_t size) {
    if (need <= *cap) return MR_OK;
    uint32_t want = mr_next_cap(*cap, need);
    void *old;
    memcpy(&old, array, sizeof old);
    size_t held = (size_t)*cap * size, bytes = mr_block_bytes(old);
    void *block = stretch_large(old, (size_t)want * size);
    if (!block) {
        if (!(block = mr_block_new((size_t)want * size))) return MR_NOMEM;
        if (old) memcpy(block, old, held);
        mr_block_release(old);
    }
    else if (bytes > held + BESIDE) memset((char *)block + held, 0, bytes - BESIDE - held); /* rows above a capacity that was lowered */
    memcpy(array, &block, sizeof block);
    *cap = want;
    return MR_OK;
}

int mr_grow_brief(void *array, uint32_t *cap, uint32_t need, size_t size) {
    if (need <= *cap) return MR_OK;
    uint32_t want = mr_next_cap(*cap, need);
    void *old, *block = mr_block_new_brief((size_t)want * size);
    if (!block) return MR_NOMEM;
    memcpy(&old, array, sizeof old);
    if (old) memcpy(block, old, (size_t)*cap * size);
    mr_block_release(old);
    memcpy(array, &block, sizeof block);
    *cap = want;
    return MR_OK;
}

/* Lowers the capacity that some arrays share to `need` rows and a five-hundredth, where more is spare and nobody borrows them. */
void mr_trim_arrays(void *const *arrays, const size_t *sizes, int n, uint32_t *cap, uint32_t need) {
    uint32_t want = need + need / 512 + 64;
    if (*cap <= want + want / 64) return;
    for (int k = 0; k < n; k++)
        if (atomic_load(&header_of(arrays[k])->users) != 1) return;
    for (int k = 0; k < n; k++) cut_large(arrays[k], want * sizes[k]);
    *cap = want;
}
