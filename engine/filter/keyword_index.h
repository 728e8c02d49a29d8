/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_KEYWORD_INDEX_H
#define ENGINE_FILTER_KEYWORD_INDEX_H

#include "base/bytes.h"
#include "engine/error.h"
#include "engine/filter/posting.h"
#include "engine/filter/slot_set.h"
#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Strings to slots: a hash table of postings. A string without slots is
 * dropped. Not thread safe: many readers or one writer. */
struct keyword_index;

/* Its strings and postings come from the heap, which must outlive it; NULL:
 * malloc. NULL when memory is out. */
struct keyword_index *keyword_index_new(struct disk_heap *heap)
    __attribute__((warn_unused_result));
/* What lies in a heap goes with the heap. NULL is allowed. */
void keyword_index_free(struct keyword_index *index);

/* *ret_added false: the pair was there. ENGINE_ENOMEM nothing changed. */
enum engine_code keyword_index_add(struct keyword_index *index,
                                   struct span text, uint32_t slot,
                                   bool *ret_added, struct error *reterr)
    __attribute__((warn_unused_result));

/* Fine when the pair is not there. */
void keyword_index_remove(struct keyword_index *index, struct span text,
                          uint32_t slot);

/* As slot_set_settle(). */
void keyword_index_settle(struct keyword_index *index);

/* The slots of `text`, borrowed until the next change; false: none. */
bool keyword_index_find(const struct keyword_index *index, struct span text,
                        struct posting *ret_posting)
    __attribute__((warn_unused_result));

/* Called for each string that has slots, in no order; false ends it. `text` is
 * valid for the call. */
typedef bool (*keyword_visit)(void *ctx, struct span text,
                              const struct posting *posting);
void keyword_index_each(const struct keyword_index *index, keyword_visit visit,
                        void *ctx);

size_t keyword_index_count(const struct keyword_index *index);

/* Bytes from malloc, about. */
size_t keyword_index_memory(const struct keyword_index *index);

#endif /* ENGINE_FILTER_KEYWORD_INDEX_H */
