/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SLAB_H
#define ENGINE_INDEX_SLAB_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/error.h"

/* Rows of equal size, addressed by slot, that never move. Memory comes in
 * chunks of doubling size: the first holds SLAB_FIRST_SIZE bytes or so (a tiny
 * collection costs little), each next as many rows as all before together, so
 * that 32 chunks cover every u32 slot. Chunks of 2 MiB and more are 2
 * MiB-aligned and in huge pages where the kernel grants them; pages are
 * committed by touch, so the unused part of the last chunk costs address space
 * only. Rows start out as zero bytes.
 *
 * Threads: one writer at a time may call slab_reserve(); readers call
 * slab_row() meanwhile without a lock for slots below a capacity that they
 * have seen (slab_capacity(), or a slot id that was published to them with
 * release after slab_reserve() returned). The slab does not order the bytes
 * of a row: write a row before its slot is published, and do not rewrite a row
 * that others can read. */

#define SLAB_CHUNKS_MAX 32
#define SLAB_FIRST_SIZE (64u * 1024u)
#define SLAB_HUGE_SIZE  (2u * 1024u * 1024u)
#define SLAB_ROW_ALIGN  64u

/* Slots are u32 and stable while a point lives; UINT32_MAX is never a slot. */
#define SLOT_NONE UINT32_MAX

struct slab {
    /* Immutable. */
    size_t row_size;      /* bytes between rows: a multiple of the alignment */
    uint32_t first_shift; /* chunk 0 holds 1 << first_shift rows */
    /* Mutable by the one writer. */
    _Atomic uint32_t capacity; /* rows that are backed */
    /* Chunk c's address less the offset of its first row: address of a row =
     * biased[c] + slot * row_size. 0 = not there. */
    _Atomic uintptr_t biased[SLAB_CHUNKS_MAX];
};

/* Bytes of one slab or graph. */
struct memory_report {
    size_t reserved_size; /* address space */
    size_t used_size;     /* what is committed: pages that were touched */
};

/* Prepares an empty slab of rows of `row_size` > 0 bytes, each starting at a
 * multiple of `row_align` (a power of two <= 4096; row_size is rounded up to
 * it). Allocates nothing yet. */
void slab_init(struct slab *slab, size_t row_size, size_t row_align);

/* As slab_init() for float[dim] rows, 64-byte aligned, tail zero. */
void slab_init_f32(struct slab *slab, size_t dim);

/* Frees all chunks; nobody may read any more. The slab may be used again. */
void slab_release(struct slab *slab);

/* Backs at least slots 0..count-1. Rows that exist stay where they are.
 * One writer at a time.
 * ENGINE_ENOMEM  the system refused; the slab is as before. */
enum engine_code slab_reserve(struct slab *slab, uint32_t count,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Rows that are backed. Any thread. */
static inline uint32_t
slab_capacity(const struct slab *slab)
{
    return atomic_load_explicit(&slab->capacity, memory_order_acquire);
}

/* The row of `slot` < slab_capacity(). Any thread, no lock. */
static inline void *
slab_row(const struct slab *slab, uint32_t slot)
{
    uint32_t high = slot >> slab->first_shift;
    uint32_t chunk = high == 0 ? 0 : 32u - (uint32_t)__builtin_clz(high);
    uintptr_t biased =
        atomic_load_explicit(&slab->biased[chunk], memory_order_relaxed);
    return (void *)(biased + (uintptr_t)slot * slab->row_size);
}

/* slab_row() of a slab of floats. */
static inline const float *
slab_f32(const struct slab *slab, uint32_t slot)
{
    return slab_row(slab, slot);
}

/* Copies float[dim] into the row of a backed slot that no reader sees yet.
 * dim as given to slab_init_f32(). Writer only. */
void slab_put_f32(struct slab *slab, uint32_t slot, const float *vector,
                  size_t dim);

/* The same for a row of `size` bytes. */
void slab_put(struct slab *slab, uint32_t slot, const void *row, size_t size);

/* Gives the memory of slots from `used_count` on back to the system, in whole
 * pieces (of 2 MiB in big chunks). Nobody knows these slots; they stay backed,
 * and what they hold afterwards, zero bytes or what they held, is not said.
 * The one writer. */
void slab_cut(struct slab *slab, uint32_t used_count);

/* Asks the kernel about every page: milliseconds for gigabytes. Any thread; not
 * beside slab_release(). */
struct memory_report slab_memory(const struct slab *slab);

#endif /* ENGINE_INDEX_SLAB_H */
