/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_NUMBER_INDEX_H
#define ENGINE_FILTER_NUMBER_INDEX_H

#include "engine/error.h"
#include "engine/filter/filter.h"
#include "engine/filter/slot_set.h"
#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers to slots in the order of the numbers: a B+-tree of two levels, that
 * is a sorted array of first entries over blocks of NUMBER_BLOCK_ROOM sorted
 * entries. Insert and remove move at most one block (4 KiB) and, once per
 * ~NUMBER_BLOCK_ROOM / 2 inserts, the tail of the block array (24 bytes per
 * block: 72 KiB at a million numbers). Many at once are sorted first
 * (number_index_bulk()), which fills blocks: 13 bytes an entry, else 17.
 * Doubles order all; integers are kept exact beyond 2^53 as well. Not thread
 * safe: many readers or one writer. */
struct number_index;

#define NUMBER_BLOCK_ROOM 340

/* One number of one slot, comparable by its fields in order. */
struct number_entry {
    uint64_t key;  /* the double, mapped so that u64 order is number order */
    uint32_t kind; /* 0: no integer; else 2^15 + (integer - the double) */
    uint32_t slot;
};

/* Its blocks come from the heap, which must outlive it; NULL: malloc. NULL when
 * memory is out. */
struct number_index *number_index_new(struct disk_heap *heap)
    __attribute__((warn_unused_result));
/* What lies in a heap goes with the heap. NULL is allowed. */
void number_index_free(struct number_index *index);

/* A finite double that is no integer of the i64 range (1.0 is such a value
 * too: a JSON number with a point). */
struct number_entry number_entry_float(double number, uint32_t slot);
struct number_entry number_entry_integer(int64_t number, uint32_t slot);

/* The number of an entry; `real` of an integer is the double next to it. */
struct number_value {
    bool is_integer;
    int64_t integer;
    double real;
};
struct number_value number_entry_value(const struct number_entry *entry);

/* *ret_added false: it was there. ENGINE_ENOMEM nothing changed. */
enum engine_code number_index_add(struct number_index *index,
                                  struct number_entry entry, bool *ret_added,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Fine when it is not there. */
void number_index_remove(struct number_index *index, struct number_entry entry);

/* From now on what is added to the empty index is only kept, cheaply, until
 * number_index_settle(): until then nothing is asked. Of a slot that has the
 * same number twice, far apart, both may be called added. */
void number_index_bulk(struct number_index *index);

/* Sorts in what was added since; as many as there are in one go. Without
 * number_index_bulk() there is nothing to do. ENGINE_ENOMEM: try again, or
 * throw the index away. */
enum engine_code number_index_settle(struct number_index *index,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Entries whose number satisfies `range` / equals the integer exactly. */
uint64_t number_index_range_count(const struct number_index *index,
                                  const struct range *range);

/* set |= slots of those entries. Where `within` is given, others than its
 * members may be left out; the first time it is much smaller the index makes a
 * column of the keys by slot (number_column.h), which readers may do beside
 * each other. ENGINE_ENOMEM `set` is partly filled. */
enum engine_code number_index_range(struct number_index *index,
                                    const struct range *range,
                                    const struct slot_set *within,
                                    struct slot_set *set, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code number_index_integer(struct number_index *index,
                                      int64_t number, struct slot_set *set,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for integers in a span. */
struct number_span {
    int64_t first, last; /* both included */
};
enum engine_code
number_index_between(struct number_index *index, struct number_span span,
                     const struct slot_set *within, struct slot_set *set,
                     struct error *reterr) __attribute__((warn_unused_result));

/* set |= slots of the entries whose key lies in one of the ranges and passes
 * `test`. For keys that are no numbers (geo_index.h). ENGINE_ENOMEM. */
struct number_keys {
    uint64_t first, last; /* both included */
};
typedef bool (*number_test)(void *ctx, uint64_t key);
enum engine_code number_index_pick(const struct number_index *index,
                                   const struct number_keys *ranges,
                                   size_t count, number_test test, void *ctx,
                                   struct slot_set *set, struct error *reterr)
    __attribute__((warn_unused_result));

/* set |= slots that have an integer which is not in `values` (MATCH_INTEGER,
 * sorted). Reads the whole index. ENGINE_ENOMEM. */
enum engine_code number_index_other(const struct number_index *index,
                                    const struct match_value *values,
                                    size_t count, struct slot_set *set,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Copies up to `count_max` entries in order, the first one not before `from`
 * (descending: not behind it); returns how many. */
enum number_direction { NUMBER_ASCENDING, NUMBER_DESCENDING };
size_t number_index_page(const struct number_index *index,
                         enum number_direction direction,
                         const struct number_entry *from,
                         struct number_entry *ret_entries, size_t count_max);

uint64_t number_index_count(const struct number_index *index);

/* Bytes from malloc. */
size_t number_index_memory(const struct number_index *index);

#endif /* ENGINE_FILTER_NUMBER_INDEX_H */
