/* SPDX-License-Identifier: Apache-2.0
 * Counting an index's slots by value: one pass over its values. */
#include "engine/filter/payload_facet.h"

#include "engine/filter/number_index_body.h"
#include "engine/filter/payload_index_body.h"

bool
payload_facet_has(const struct payload_index *index)
{
    switch (index->kind) {
    case PAYLOAD_INDEX_KEYWORD:
    case PAYLOAD_INDEX_UUID:
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_BOOL:
        return true;
    case PAYLOAD_INDEX_FLOAT:
    case PAYLOAD_INDEX_DATETIME:
    case PAYLOAD_INDEX_GEO:
    case PAYLOAD_INDEX_TEXT:
        break;
    }
    return false;
}

struct facet {
    const struct payload_index *index;
    const struct slot_set *within;
    payload_facet_visit visit;
    void *ctx;
};

static void
say(const struct facet *facet, const struct match_value *value, uint64_t count)
{
    if (count > 0)
        facet->visit(facet->ctx, value, count);
}

static uint64_t
posting_count(const struct facet *facet, const struct posting *posting)
{
    return facet->within == NULL ? posting->count
                                 : posting_and_count(posting, facet->within);
}

/* A `uuid` index holds other strings, too. */
static bool
visit_string(void *ctx, struct span text, const struct posting *posting)
{
    const struct facet *facet = ctx;
    struct point_id unused;
    if (facet->index->kind == PAYLOAD_INDEX_UUID &&
        !point_id_from_uuid(text, &unused))
        return true;
    struct match_value value = { .type = MATCH_STRING, .string = text };
    say(facet, &value, posting_count(facet, posting));
    return true;
}

static void
each_bool(const struct facet *facet)
{
    for (int i = 0; i < 2; i++) {
        struct match_value value = { .type = MATCH_BOOL, .boolean = i == 1 };
        say(facet, &value, posting_count(facet, &facet->index->bools[i]));
    }
}

/* Entries of one number stand side by side. Numbers that are no integers are
 * there, too. */
static void
each_integer(const struct facet *facet)
{
    const struct number_index *numbers = facet->index->numbers;
    struct match_value value = { .type = MATCH_INTEGER };
    struct number_entry last = { 0 };
    uint64_t count = 0;
    for (size_t i = 0; i < numbers->blocks_count; i++) {
        const struct number_block *block = numbers->blocks[i];
        for (uint32_t j = 0; j < block->count; j++) {
            const struct number_entry *entry = &block->entries[j];
            if (entry->key != last.key || entry->kind != last.kind) {
                say(facet, &value, count);
                last = *entry;
                count = 0;
                if (entry->kind != 0)
                    value.integer = number_entry_to_integer(entry);
            }
            count += entry->kind != 0 &&
                     (facet->within == NULL ||
                      slot_set_contains(facet->within, entry->slot));
        }
    }
    say(facet, &value, count);
}

void
payload_facet_each(const struct payload_index *index,
                   const struct slot_set *within, payload_facet_visit visit,
                   void *ctx)
{
    struct facet facet = { index, within, visit, ctx };
    if (index->kind == PAYLOAD_INDEX_BOOL)
        each_bool(&facet);
    else if (index->kind == PAYLOAD_INDEX_INTEGER)
        each_integer(&facet);
    else
        keyword_index_each(index->keywords, visit_string, &facet);
}
