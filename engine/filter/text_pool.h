/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_TEXT_POOL_H
#define ENGINE_FILTER_TEXT_POOL_H

#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Many small records, each named by 32 bits: from chunks, in steps of 4 bytes,
 * without a header. What is freed is used again for the same size. Records are
 * aligned to 4 bytes. Not thread safe. */
struct text_pool {
    struct disk_heap *heap; /* of the chunks; NULL: malloc */
    char **chunks;
    size_t chunks_count;
    size_t chunks_room;
    uint32_t next;  /* the first step never given */
    uint32_t *free; /* by steps: the last one freed; 0: none */
};

#define TEXT_POOL_SIZE_MAX 1024u /* bytes of a record */

/* Zeroes are an empty pool, with or without a heap; the chunks stay until it is
 * released, those of a heap until that goes. */
void text_pool_release(struct text_pool *pool);

/* 0: memory is out, or 2^32 steps (16 GiB) are in use. 0 < size <=
 * TEXT_POOL_SIZE_MAX. */
uint32_t text_pool_take(struct text_pool *pool, size_t size)
    __attribute__((warn_unused_result));

/* `size` as it was taken. */
void text_pool_give(struct text_pool *pool, uint32_t record, size_t size);

/* Valid until it is given back. */
char *text_pool_at(const struct text_pool *pool, uint32_t record);

/* Bytes from malloc. */
size_t text_pool_memory(const struct text_pool *pool);

#endif /* ENGINE_FILTER_TEXT_POOL_H */
