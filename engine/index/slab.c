/* SPDX-License-Identifier: Apache-2.0
 * Chunks of doubling size, mapped from the system, never moved or unmapped
 * before slab_release(); slab_cut() only takes pages out of them. Chunk 0 holds
 * rows 0..f-1, chunk c > 0 holds rows f << (c-1) .. (f << c) - 1, where f = 1
 * << first_shift. The chunk table is written before the capacity is published
 * with release; a reader that has seen the capacity, or a slot published after
 * it, sees the table. */
#include "engine/index/slab.h"

#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t
chunk_begin(const struct slab *slab, uint32_t chunk)
{
    return chunk == 0 ? 0 : UINT64_C(1) << (slab->first_shift + chunk - 1);
}

static uint64_t
chunk_end(const struct slab *slab, uint32_t chunk)
{
    uint64_t end = UINT64_C(1) << (slab->first_shift + chunk);
    return end < UINT32_MAX ? end : UINT32_MAX;
}

/* Chunks are made and given back in pieces of so many bytes. */
static size_t
chunk_unit(size_t size)
{
    return size >= SLAB_HUGE_SIZE ? SLAB_HUGE_SIZE : (size_t)4096;
}

static size_t
chunk_size(const struct slab *slab, uint32_t chunk)
{
    uint64_t rows = chunk_end(slab, chunk) - chunk_begin(slab, chunk);
    size_t unit = chunk_unit((size_t)rows * slab->row_size);
    return ((size_t)rows * slab->row_size + unit - 1) / unit * unit;
}

/* Maps zeroed memory; big chunks aligned to huge pages. NULL on failure. */
static void *
chunk_map(size_t size)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    size_t slack = size >= SLAB_HUGE_SIZE ? SLAB_HUGE_SIZE : 0;
    char *at = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED)
        return NULL;
    if (slack == 0)
        return at;
    size_t skip =
        (SLAB_HUGE_SIZE - (uintptr_t)at % SLAB_HUGE_SIZE) % SLAB_HUGE_SIZE;
    if (skip > 0)
        munmap(at, skip);
    if (slack > skip)
        munmap(at + skip + size, slack - skip);
    at += skip;
    madvise(at, size, MADV_HUGEPAGE); /* advice: a refusal costs only speed */
    return at;
}

void
slab_init(struct slab *slab, size_t row_size, size_t row_align)
{
    assert(row_size > 0 && row_size <= UINT32_MAX);
    assert(row_align > 0 && row_align <= 4096);
    assert((row_align & (row_align - 1)) == 0);
    memset(slab, 0, sizeof(*slab));
    slab->row_size = (row_size + row_align - 1) / row_align * row_align;
    uint32_t shift = 0;
    while ((slab->row_size << (shift + 1)) <= SLAB_FIRST_SIZE)
        shift++;
    slab->first_shift = shift;
}

void
slab_init_f32(struct slab *slab, size_t dim)
{
    slab_init(slab, dim * sizeof(float), SLAB_ROW_ALIGN);
}

void
slab_release(struct slab *slab)
{
    if (slab == NULL || slab->row_size == 0)
        return;
    for (uint32_t chunk = 0; chunk < SLAB_CHUNKS_MAX; chunk++) {
        uintptr_t biased = atomic_load(&slab->biased[chunk]);
        if (biased == 0)
            continue;
        uintptr_t offset = (uintptr_t)chunk_begin(slab, chunk) * slab->row_size;
        munmap((void *)(biased + offset), chunk_size(slab, chunk));
        atomic_store(&slab->biased[chunk], 0);
    }
    atomic_store(&slab->capacity, 0);
}

enum engine_code
slab_reserve(struct slab *slab, uint32_t count, struct error *reterr)
{
    assert(slab->row_size > 0);
    uint32_t chunk = 0;
    while (slab_capacity(slab) < count) {
        while (chunk_end(slab, chunk) <= slab_capacity(slab))
            chunk++;
        assert(chunk < SLAB_CHUNKS_MAX + 1);
        void *at =
            chunk < SLAB_CHUNKS_MAX ? chunk_map(chunk_size(slab, chunk)) : NULL;
        if (at == NULL)
            return error_memory(reterr);
        uintptr_t offset = (uintptr_t)chunk_begin(slab, chunk) * slab->row_size;
        atomic_store_explicit(&slab->biased[chunk], (uintptr_t)at - offset,
                              memory_order_relaxed);
        atomic_store_explicit(&slab->capacity, (uint32_t)chunk_end(slab, chunk),
                              memory_order_release);
    }
    return ENGINE_OK;
}

void
slab_put_f32(struct slab *slab, uint32_t slot, const float *vector, size_t dim)
{
    assert(slot < slab_capacity(slab));
    slab_put(slab, slot, vector, dim * sizeof(float));
}

void
slab_put(struct slab *slab, uint32_t slot, const void *row, size_t size)
{
    assert(slot < slab_capacity(slab));
    assert(size <= slab->row_size);
    memcpy(slab_row(slab, slot), row, size);
}

/* Bytes of a chunk that the slots below `used_count` touch. */
static size_t
chunk_used(const struct slab *slab, uint32_t chunk, uint32_t used_count)
{
    size_t size = chunk_size(slab, chunk), unit = chunk_unit(size);
    uint64_t begin = chunk_begin(slab, chunk);
    if (used_count <= begin)
        return 0;
    size_t used = (size_t)(used_count - begin) * slab->row_size;
    used = (used + unit - 1) / unit * unit;
    return used < size ? used : size;
}

void
slab_cut(struct slab *slab, uint32_t used_count)
{
    for (uint32_t chunk = 0; chunk < SLAB_CHUNKS_MAX; chunk++) {
        uintptr_t biased = atomic_load(&slab->biased[chunk]);
        if (biased == 0)
            break;
        uintptr_t at =
            biased + (uintptr_t)chunk_begin(slab, chunk) * slab->row_size;
        size_t used = chunk_used(slab, chunk, used_count);
        size_t size = chunk_size(slab, chunk);
        /* A refusal keeps memory that is free for other slots. */
        if (used < size)
            (void)madvise((void *)(at + used), size - used, MADV_DONTNEED);
    }
}

#define LOOK_PAGES 1024u

/* Bytes of [at, at + size) that the kernel has pages for. */
static size_t
committed(uintptr_t at, size_t size)
{
    unsigned char pages[LOOK_PAGES];
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE), sum = 0;
    for (size_t done = 0; done < size;) {
        size_t part = size - done;
        if (part > LOOK_PAGES * page_size)
            part = LOOK_PAGES * page_size;
        size_t count = (part + page_size - 1) / page_size;
        if (mincore((void *)(at + done), part, pages) != 0)
            return sum + size - done;
        for (size_t i = 0; i < count; i++)
            sum += (pages[i] & 1u) != 0 ? page_size : 0;
        done += part;
    }
    return sum < size ? sum : size;
}

struct memory_report
slab_memory(const struct slab *slab)
{
    struct memory_report report = { 0, 0 };
    for (uint32_t chunk = 0; chunk < SLAB_CHUNKS_MAX; chunk++) {
        uintptr_t biased = atomic_load(&slab->biased[chunk]);
        if (biased == 0)
            break;
        size_t size = chunk_size(slab, chunk);
        uintptr_t offset = (uintptr_t)chunk_begin(slab, chunk) * slab->row_size;
        report.reserved_size += size;
        report.used_size += committed(biased + offset, size);
    }
    return report;
}
