/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PAYLOAD_INDEX_H
#define ENGINE_FILTER_PAYLOAD_INDEX_H

#include "engine/error.h"
#include "engine/filter/filter.h"
#include "engine/filter/number_index.h"
#include "engine/filter/slot_set.h"
#include "engine/filter/tokenizer.h"
#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yyjson.h>

/* One payload field's values by value: those of one kind.
 * Answers are exactly what filter_matches() says, whatever types the field
 * holds. Besides its own values an index knows for each slot whether the field
 * is empty, null, or holds anything of another type.
 * Concurrency: the owner calls payload_index_add() and _remove() under its
 * exclusive lock and everything else under its shared lock; nothing inside
 * locks. */
struct payload_index;

enum payload_index_kind {
    PAYLOAD_INDEX_KEYWORD,
    PAYLOAD_INDEX_INTEGER,
    PAYLOAD_INDEX_FLOAT,
    PAYLOAD_INDEX_BOOL,
    PAYLOAD_INDEX_DATETIME,
    PAYLOAD_INDEX_UUID,
    PAYLOAD_INDEX_GEO,
    PAYLOAD_INDEX_TEXT
};

#define PAYLOAD_INDEX_KIND_MAX PAYLOAD_INDEX_TEXT

/* Distinct keywords of one index. Past it an insert is refused. */
#define PAYLOAD_INDEX_KEYWORDS_MAX (1u << 30)

struct payload_index_wish {
    const struct payload_path *path; /* is copied */
    enum payload_index_kind kind;
    /* JSON, may be empty. Of TEXT: what tokenizer_new() reads. `on_disk` true,
     * or `memory` cold or cached: the values lie in a file (disk_heap.h). */
    struct span params;
    const char *folder; /* of that file; NULL: in memory all the same */
};

/* An empty index.
 * ENGINE_EFORMAT, ENGINE_EREQUEST  params, as tokenizer_new(). ENGINE_ENOMEM. */
enum engine_code payload_index_make(const struct payload_index_wish *wish,
                                    struct payload_index **ret_index,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* The same, in memory. */
enum engine_code
payload_index_new(const struct payload_path *path, enum payload_index_kind kind,
                  struct span params, struct payload_index **ret_index,
                  struct error *reterr) __attribute__((warn_unused_result));

void payload_index_free(struct payload_index *index); /* NULL is allowed */

/* For building over many points: from now on, on an empty index, adding is
 * cheaper, and nothing is asked until payload_index_settle(), which also gives
 * back what grew for more. ENGINE_ENOMEM: try again, or throw it away. */
void payload_index_bulk(struct payload_index *index);
enum engine_code payload_index_settle(struct payload_index *index,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds what the whole payload object `payload` (NULL: none) holds at the
 * index's path. The slot must not be in the index.
 * ENGINE_ENOMEM  the index is unchanged for this slot. */
enum engine_code payload_index_add(struct payload_index *index, uint32_t slot,
                                   yyjson_val *payload, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes out what payload_index_add() put in; `payload` is the same value as
 * then (the stored payload before it changes). A slot that is not there is
 * fine. */
void payload_index_remove(struct payload_index *index, uint32_t slot,
                          yyjson_val *payload);

const struct payload_path *
payload_index_path(const struct payload_index *index);
enum payload_index_kind payload_index_kind(const struct payload_index *index);
/* NULL but for TEXT; hold it to keep it longer than the index. */
struct tokenizer *payload_index_tokenizer(const struct payload_index *index);

/* Points with at least one value of the index's type: `points` of the
 * payload schema. */
uint64_t payload_index_points(const struct payload_index *index);

/* Bytes from malloc, about. */
size_t payload_index_memory(const struct payload_index *index);

/* What it has of a file. */
struct disk_heap_sizes payload_index_disk(const struct payload_index *index);

/* Whether values come in the order of numbers: INTEGER, FLOAT, DATETIME. */
bool payload_index_is_ordered(const struct payload_index *index);

/* number_index_page() over the values of an ordered index. */
size_t payload_index_page(const struct payload_index *index,
                          enum number_direction direction,
                          const struct number_entry *from,
                          struct number_entry *ret_entries, size_t count_max);

/* How a condition's answer relates to the points that satisfy it. */
enum index_answer {
    INDEX_EXACT,    /* the set is the answer */
    INDEX_SUPERSET, /* it contains the answer */
    INDEX_UNKNOWN   /* this index cannot tell; no set */
};

struct index_scope {
    const struct slot_set *live;
    const struct slot_set *within;
};

struct index_result {
    enum index_answer answer;
    struct slot_set *slots; /* owned by the caller; NULL when UNKNOWN */
};

/* Answers one field condition on the index's path (asserted for the kinds
 * with a path; others are UNKNOWN).
 *   scope->live    all slots in use: what negations complement against; the
 *                  answer never leaves it when `live` covers the indexed slots
 *   scope->within  NULL, or the slots that are asked about: others may be in
 *                  the answer or not
 * ENGINE_ENOMEM. */
enum engine_code payload_index_query(const struct payload_index *index,
                                     const struct condition *condition,
                                     const struct index_scope *scope,
                                     struct index_result *ret_result,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_PAYLOAD_INDEX_H */
