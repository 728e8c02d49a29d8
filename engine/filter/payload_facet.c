/* SPDX-License-Identifier: Apache-2.0
 * Counting an index's slots by value: one pass over its values. A UUID is one
 * value however it is spelled: unusual spellings, which are rare, are collected
 * before, and counted with the usual one. */
#include "engine/filter/payload_facet.h"

#include "engine/filter/number_index_body.h"
#include "engine/filter/payload_index_body.h"

#include <stdlib.h>

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

/* A UUID that is written in another way than answers are. */
struct spelling {
    struct point_id id;
    struct posting posting; /* borrowed */
    bool is_counted;
};

struct facet {
    const struct payload_index *index;
    const struct facet_slots *within;
    payload_facet_visit visit;
    void *ctx;
    struct spelling *spellings; /* by id; owned */
    size_t spellings_count;
    size_t spellings_room;
    bool is_failed; /* memory is out */
};

static void
say(const struct facet *facet, const struct match_value *value, uint64_t count)
{
    if (count > 0)
        facet->visit(facet->ctx, value, count);
}

static bool
is_within(const struct facet *facet, uint32_t slot)
{
    const struct facet_slots *within = facet->within;
    return within == NULL ||
           (slot / 64 < within->words_count &&
            (within->words[slot / 64] >> (slot % 64) & 1) != 0);
}

static uint64_t
posting_count(const struct facet *facet, const struct posting *posting)
{
    if (facet->within == NULL)
        return posting->count;
    if (posting->count == 1 && posting->room == 0)
        return is_within(facet, posting->as.one);
    return posting_and_count(posting, facet->within->set);
}

static bool
visit_string(void *ctx, struct span text, const struct posting *posting)
{
    const struct facet *facet = ctx;
    struct match_value value = { .type = MATCH_STRING, .string = text };
    say(facet, &value, posting_count(facet, posting));
    return true;
}

/* ---- UUIDs ---- */

/* As point_id_text() writes it, if it is one at all. */
static bool
is_usual(struct span text)
{
    if (text.size != POINT_ID_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 'A' && text.data[i] <= 'F')
            return false;
    return true;
}

static bool
collect_spelling(void *ctx, struct span text, const struct posting *posting)
{
    struct facet *facet = ctx;
    struct spelling spelling = { .posting = *posting };
    if (is_usual(text) || !point_id_from_uuid(text, &spelling.id))
        return true;
    if (facet->spellings_count == facet->spellings_room) {
        size_t room = facet->spellings_room * 2 + 16;
        struct spelling *grown =
            realloc(facet->spellings, room * sizeof(*grown));
        facet->is_failed = grown == NULL;
        if (grown == NULL)
            return false;
        facet->spellings = grown;
        facet->spellings_room = room;
    }
    facet->spellings[facet->spellings_count++] = spelling;
    return true;
}

static int
compare_spellings(const void *a, const void *b)
{
    const struct spelling *left = a, *right = b;
    return point_id_compare(&left->id, &right->id);
}

/* The first spelling of the UUID, or of one behind it. */
static size_t
find_spelling(const struct facet *facet, const struct point_id *id)
{
    size_t low = 0, high = facet->spellings_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point_id_compare(&facet->spellings[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Slots with any spelling of the UUID from `at` on, or with `usual` (may be
 * NULL); a slot that has several counts once. */
static uint64_t
count_spellings(struct facet *facet, size_t at, const struct point_id *id,
                const struct posting *usual)
{
    struct slot_set *slots = slot_set_new();
    facet->is_failed = facet->is_failed || slots == NULL;
    if (slots == NULL)
        return 0;
    if (usual != NULL)
        posting_or_into(usual, slots);
    for (; at < facet->spellings_count &&
           point_id_compare(&facet->spellings[at].id, id) == 0;
         at++) {
        posting_or_into(&facet->spellings[at].posting, slots);
        facet->spellings[at].is_counted = true;
    }
    uint64_t count = facet->within == NULL
                         ? slot_set_count(slots)
                         : slot_set_and_count(slots, facet->within->set);
    slot_set_free(slots);
    return count;
}

/* A `uuid` index holds other strings, too. */
static bool
visit_uuid(void *ctx, struct span text, const struct posting *posting)
{
    struct facet *facet = ctx;
    struct match_value value = { .type = MATCH_STRING, .string = text };
    struct point_id id;
    if (!is_usual(text) || !point_id_from_uuid(text, &id))
        return true;
    size_t at = find_spelling(facet, &id);
    bool has_others = at < facet->spellings_count &&
                      point_id_compare(&facet->spellings[at].id, &id) == 0;
    say(facet, &value,
        has_others ? count_spellings(facet, at, &id, posting)
                   : posting_count(facet, posting));
    return !facet->is_failed;
}

static void
each_uuid(struct facet *facet)
{
    const struct keyword_index *keywords = facet->index->keywords;
    keyword_index_each(keywords, collect_spelling, facet);
    if (facet->is_failed)
        return;
    if (facet->spellings_count > 1)
        qsort(facet->spellings, facet->spellings_count,
              sizeof(*facet->spellings), compare_spellings);
    keyword_index_each(keywords, visit_uuid, facet);
    for (size_t i = 0; !facet->is_failed && i < facet->spellings_count; i++) {
        struct spelling *spelling = &facet->spellings[i];
        char text[POINT_ID_TEXT_SIZE];
        point_id_text(&spelling->id, text);
        struct match_value value = { .type = MATCH_STRING,
                                     .string = span_of(text) };
        if (!spelling->is_counted)
            say(facet, &value, count_spellings(facet, i, &spelling->id, NULL));
    }
}

/* ---- others ---- */

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
            struct number_entry entry = number_entry_at(block, j);
            if (entry.key != last.key || entry.kind != last.kind) {
                say(facet, &value, count);
                last = entry;
                count = 0;
                if (entry.kind != 0)
                    value.integer = number_entry_value(&entry).integer;
            }
            count += entry.kind != 0 && is_within(facet, entry.slot);
        }
    }
    say(facet, &value, count);
}

enum engine_code
payload_facet_each(const struct payload_index *index,
                   const struct facet_slots *within, payload_facet_visit visit,
                   void *ctx, struct error *reterr)
{
    struct facet facet = {
        .index = index, .within = within, .visit = visit, .ctx = ctx
    };
    if (index->kind == PAYLOAD_INDEX_BOOL)
        each_bool(&facet);
    else if (index->kind == PAYLOAD_INDEX_INTEGER)
        each_integer(&facet);
    else if (index->kind == PAYLOAD_INDEX_UUID)
        each_uuid(&facet);
    else
        keyword_index_each(index->keywords, visit_string, &facet);
    free(facet.spellings);
    return facet.is_failed ? error_memory(reterr) : ENGINE_OK;
}
