/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PAYLOAD_INDEX_BODY_H
#define ENGINE_FILTER_PAYLOAD_INDEX_BODY_H

#include "base/arena.h"
#include "engine/filter/keyword_index.h"
#include "engine/filter/number_index.h"
#include "engine/filter/payload_index.h"
#include "engine/filter/posting.h"
#include "engine/storage/disk_heap.h"

/* Between payload_index.c (values in and out) and payload_index_query.c
 * (answers): the values in the structure of their kind, and sets of slots by
 * state, which make every answer exact on fields of mixed types. For each slot
 * in the index, over the elements at the path: */
enum state {
    STATE_PRESENT,    /* one that payload_index_points() counts */
    STATE_OWN,        /* one that match conditions of the kind compare with */
    STATE_OTHER,      /* one that is neither null nor OWN */
    STATE_MULTI,      /* two or more different OWN */
    STATE_FILLED,     /* is_empty is false */
    STATE_NULL_WHOLE, /* is_null, */
    STATE_NULL_ANY,   /* of both kinds */
    STATE_COUNT
};

struct payload_index {
    struct arena arena;     /* of the path */
    struct disk_heap *heap; /* of the values; NULL: malloc */
    struct payload_path path;
    enum payload_index_kind kind;
    struct slot_set *states[STATE_COUNT];
    struct keyword_index *keywords; /* KEYWORD, UUID, and tokens of TEXT */
    struct number_index *numbers;   /* INTEGER, FLOAT, DATETIME, GEO */
    struct posting bools[2];        /* BOOL */
    struct tokenizer *tokenizer;    /* TEXT */
    struct token_reader *reader;    /* of changes */
};

/* Whether the values are numbers, so that number ranges ask for them. */
static inline bool
payload_index_is_numeric(const struct payload_index *index)
{
    return index->kind == PAYLOAD_INDEX_INTEGER ||
           index->kind == PAYLOAD_INDEX_FLOAT;
}

/* Whether match conditions on values of `type` are answered by the index's
 * own values. */
static inline bool
payload_index_owns(const struct payload_index *index, enum match_type type)
{
    switch (type) {
    case MATCH_STRING:
        return index->kind == PAYLOAD_INDEX_KEYWORD ||
               index->kind == PAYLOAD_INDEX_UUID;
    case MATCH_INTEGER:
        return payload_index_is_numeric(index);
    case MATCH_BOOL:
        break;
    }
    return index->kind == PAYLOAD_INDEX_BOOL;
}

#endif /* ENGINE_FILTER_PAYLOAD_INDEX_BODY_H */
