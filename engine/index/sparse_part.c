/* SPDX-License-Identifier: Apache-2.0
 * Sealed parts: counted, laid out and filled in two passes over the lists of
 * the parts they are made of. Documents keep their order, so every list comes
 * out ascending. */
#include "engine/index/sparse_part.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NOT_KEPT     UINT32_MAX
#define BLOCKS(docs) (((docs) + SPARSE_BLOCK_DOCS - 1) / SPARSE_BLOCK_DOCS)
/* A list is long when it has so many entries for each block of the part: then
 * what it knows of its blocks is small beside it. */
#define LONG_SHARE 2u
#define LONG_MIN   64u

struct sparse_part *
sparse_part_new(uint32_t docs)
{
    struct sparse_part *part = calloc(1, sizeof(*part));
    if (part == NULL)
        return NULL;
    part->slots = calloc((size_t)docs + 1, sizeof(*part->slots));
    part->gone = calloc(BLOCKS((size_t)docs) + 1, sizeof(*part->gone));
    if (part->slots == NULL || part->gone == NULL) {
        sparse_part_free(part);
        return NULL;
    }
    return part;
}

static void
lists_free(struct sparse_lists *lists)
{
    if (lists == NULL)
        return;
    free(lists->table);
    free(lists->indices);
    free(lists->starts);
    free(lists->docs);
    free(lists->weights);
    free(lists->greatest);
    free(lists->begins);
    free(lists);
}

void
sparse_part_free(struct sparse_part *part)
{
    if (part == NULL)
        return;
    lists_free(part->lists);
    sparse_tail_free(part->tail);
    free(part->slots);
    free(part->gone);
    free(part);
}

size_t
sparse_part_memory(const struct sparse_part *part)
{
    size_t count =
        part->lists == NULL ? SPARSE_TAIL_DOCS : atomic_load(&part->count);
    size_t size = sizeof(*part) + count * sizeof(part->slots[0]) + count / 8;
    if (part->lists != NULL)
        size += part->lists->size;
    if (part->tail != NULL)
        size += sparse_tail_memory(part->tail);
    return size;
}

void
sparse_part_set_gone(struct sparse_part *part, uint32_t doc)
{
    uint64_t bit = UINT64_C(1) << (doc % 64);
    uint64_t before = atomic_fetch_or(&part->gone[doc / 64], bit);
    assert((before & bit) == 0);
    (void)before;
    part->gone_count++;
}

/* ---- one list of any part ---- */

struct list {
    uint32_t index;
    uint32_t count;
    const struct sparse_entry *entries; /* of a tail, or: */
    const uint16_t *docs;
    const float *weights;
};

/* List `at` of a part, of lists_room(); false: there is none. */
static bool
list_at(const struct sparse_part *part, size_t at, struct list *ret_list)
{
    const struct sparse_lists *lists = part->lists;
    if (lists != NULL) {
        uint32_t start = lists->starts[at];
        *ret_list = (struct list){ .index = lists->indices[at],
                                   .count = lists->starts[at + 1] - start,
                                   .docs = lists->docs + start,
                                   .weights = lists->weights + start };
        return true;
    }
    const struct sparse_tail_list *list =
        atomic_load(&sparse_tail_table(part->tail)->lists[at]);
    if (list == NULL)
        return false;
    *ret_list = (struct list){ .index = list->index,
                               .count = atomic_load(&list->count),
                               .entries = atomic_load(&list->entries) };
    return true;
}

static size_t
lists_room(const struct sparse_part *part)
{
    return part->lists != NULL ? part->lists->count
                               : sparse_tail_table(part->tail)->room;
}

static inline uint32_t
doc_of(const struct list *list, uint32_t at)
{
    return list->entries != NULL ? list->entries[at].doc : list->docs[at];
}

static inline float
weight_of(const struct list *list, uint32_t at)
{
    return list->entries != NULL ? list->entries[at].weight : list->weights[at];
}

/* ---- building ---- */

struct build {
    struct sparse_part *const *parts;
    size_t parts_count;
    uint32_t *numbers; /* new numbers of all documents, part after part */
    uint32_t docs_count;
    struct sparse_part *part;
    struct sparse_lists *lists;
    uint32_t *counts; /* by place in the table */
    size_t lists_count;
};

static enum engine_code
number_docs(struct build *build, struct error *reterr)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < build->parts_count; i++)
        all += atomic_load(&build->parts[i]->count);
    build->numbers = malloc((all + 1) * sizeof(*build->numbers));
    build->part = sparse_part_new((uint32_t)all);
    build->lists = calloc(1, sizeof(*build->lists));
    if (build->numbers == NULL || build->part == NULL || build->lists == NULL)
        return error_memory(reterr);
    build->part->lists = build->lists;
    for (size_t i = 0; i < build->parts_count; i++) {
        const struct sparse_part *part = build->parts[i];
        uint32_t count = atomic_load(&part->count);
        for (uint32_t doc = 0; doc < count; doc++) {
            bool is_gone = sparse_is_gone(part, doc);
            build->numbers[at++] = is_gone ? NOT_KEPT : build->docs_count;
            if (!is_gone)
                build->part->slots[build->docs_count++] = part->slots[doc];
        }
    }
    assert(build->docs_count <= SPARSE_PART_DOCS);
    return ENGINE_OK;
}

/* Room in the table for every list of every part. */
static enum engine_code
table_make(struct build *build, struct error *reterr)
{
    size_t most = 0, room = 16;
    for (size_t i = 0; i < build->parts_count; i++)
        most += lists_room(build->parts[i]);
    while (room < most + most / 2)
        room *= 2;
    build->lists->table_mask = (uint32_t)room - 1;
    build->lists->table = calloc(room, sizeof(*build->lists->table));
    build->counts = calloc(room, sizeof(*build->counts));
    /* Until they have their order, table[] has index + 1 in u64 terms: kept
     * beside it. */
    build->lists->indices = malloc(room * sizeof(*build->lists->indices));
    if (build->lists->table == NULL || build->counts == NULL ||
        build->lists->indices == NULL)
        return error_memory(reterr);
    return ENGINE_OK;
}

/* The place of an index while lists are counted: indices[] and counts[] go by
 * place then. */
static uint32_t
place_of(const struct build *build, uint32_t index)
{
    const struct sparse_lists *lists = build->lists;
    uint32_t at = sparse_hash(index) & lists->table_mask;
    while (build->counts[at] != 0 && lists->indices[at] != index)
        at = (at + 1) & lists->table_mask;
    return at;
}

/* Calls nothing: one loop for both passes. Pass 1 counts, pass 2 fills. */
static void
count_lists(struct build *build)
{
    size_t base = 0;
    for (size_t i = 0; i < build->parts_count; i++) {
        const struct sparse_part *part = build->parts[i];
        const uint32_t *numbers = build->numbers + base;
        size_t room = lists_room(part);
        struct list list;
        for (size_t k = 0; k < room; k++) {
            uint32_t count = 0;
            if (!list_at(part, k, &list))
                continue;
            for (uint32_t n = 0; n < list.count; n++)
                count += numbers[doc_of(&list, n)] != NOT_KEPT;
            if (count == 0)
                continue;
            uint32_t at = place_of(build, list.index);
            build->lists_count += build->counts[at] == 0;
            build->lists->indices[at] = list.index;
            build->counts[at] += count;
        }
        base += atomic_load(&part->count);
    }
}

static bool
is_long(const struct build *build, uint32_t count)
{
    return count >= LONG_MIN && count >= LONG_SHARE * BLOCKS(build->docs_count);
}

/* Gives the lists their order and a table of the right size. */
static enum engine_code
order_lists(struct build *build, struct error *reterr)
{
    struct sparse_lists *lists = build->lists;
    uint32_t *by_place = lists->indices;
    size_t old_room = (size_t)lists->table_mask + 1, room = 16;
    while (room < build->lists_count + build->lists_count / 2)
        room *= 2;
    uint32_t *table = calloc(room, sizeof(*table));
    uint32_t *indices = malloc((build->lists_count + 1) * sizeof(*indices));
    lists->starts = malloc((build->lists_count + 1) * sizeof(*lists->starts));
    if (table == NULL || indices == NULL || lists->starts == NULL) {
        free(table);
        free(indices);
        return error_memory(reterr);
    }
    uint32_t list = 0, start = 0;
    for (int is_short = 0; is_short < 2; is_short++) {
        for (size_t i = 0; i < old_room; i++) {
            if (build->counts[i] == 0 ||
                is_long(build, build->counts[i]) == (is_short == 1))
                continue;
            indices[list] = by_place[i];
            lists->starts[list++] = start;
            start += build->counts[i];
        }
        if (is_short == 0)
            lists->long_count = list;
    }
    lists->starts[list] = start;
    lists->count = list;
    for (uint32_t i = 0; i < list; i++) {
        size_t at = sparse_hash(indices[i]) & (room - 1);
        while (table[at] != 0)
            at = (at + 1) & (room - 1);
        table[at] = i + 1;
    }
    free(lists->table);
    free(by_place);
    lists->table = table;
    lists->table_mask = (uint32_t)room - 1;
    lists->indices = indices;
    return ENGINE_OK;
}

static enum engine_code
entries_make(struct build *build, struct error *reterr)
{
    struct sparse_lists *lists = build->lists;
    size_t entries = lists->starts[lists->count];
    lists->blocks_count = BLOCKS(build->docs_count);
    size_t longs = lists->long_count, blocks = lists->blocks_count;
    lists->docs = malloc((entries + 1) * sizeof(*lists->docs));
    lists->weights = malloc((entries + 1) * sizeof(*lists->weights));
    lists->greatest = calloc(longs * blocks + 1, sizeof(*lists->greatest));
    lists->begins = calloc(longs * (blocks + 1) + 1, sizeof(*lists->begins));
    if (lists->docs == NULL || lists->weights == NULL ||
        lists->greatest == NULL || lists->begins == NULL)
        return error_memory(reterr);
    lists->size = sizeof(*lists) +
                  ((size_t)lists->table_mask + 1) * sizeof(uint32_t) +
                  (size_t)lists->count * 2 * sizeof(uint32_t) +
                  entries * (sizeof(uint16_t) + sizeof(float)) +
                  longs * blocks * (sizeof(float) + sizeof(uint32_t));
    build->part->entries = entries;
    atomic_store(&build->part->count, build->docs_count);
    return ENGINE_OK;
}

static void
fill_lists(struct build *build)
{
    struct sparse_lists *lists = build->lists;
    /* starts[] runs ahead while lists are filled, and is put back. */
    size_t base = 0;
    for (size_t i = 0; i < build->parts_count; i++) {
        const struct sparse_part *part = build->parts[i];
        const uint32_t *numbers = build->numbers + base;
        size_t room = lists_room(part);
        struct list list;
        for (size_t k = 0; k < room; k++) {
            if (!list_at(part, k, &list))
                continue;
            uint32_t into = sparse_lists_find(lists, list.index);
            if (into == UINT32_MAX)
                continue;
            uint32_t at = lists->starts[into];
            for (uint32_t n = 0; n < list.count; n++) {
                uint32_t doc = numbers[doc_of(&list, n)];
                if (doc == NOT_KEPT)
                    continue;
                float weight = weight_of(&list, n);
                lists->docs[at] = (uint16_t)doc;
                lists->weights[at++] = weight;
                lists->has_negative = lists->has_negative || weight < 0;
            }
            lists->starts[into] = at;
        }
        base += atomic_load(&part->count);
    }
    if (lists->count == 0)
        return;
    memmove(lists->starts + 1, lists->starts,
            (lists->count - 1) * sizeof(lists->starts[0]));
    lists->starts[0] = 0;
}

static void
fill_blocks(struct build *build)
{
    struct sparse_lists *lists = build->lists;
    uint32_t blocks = lists->blocks_count;
    for (uint32_t i = 0; i < lists->long_count; i++) {
        float *greatest = lists->greatest + (size_t)i * blocks;
        uint32_t *begins = lists->begins + (size_t)i * (blocks + 1);
        uint32_t start = lists->starts[i];
        uint32_t count = lists->starts[i + 1] - start, at = 0;
        for (uint32_t block = 0; block < blocks; block++) {
            begins[block] = at;
            uint32_t end = (block + 1) * SPARSE_BLOCK_DOCS;
            for (; at < count && lists->docs[start + at] < end; at++)
                if (lists->weights[start + at] > greatest[block])
                    greatest[block] = lists->weights[start + at];
        }
        begins[blocks] = count;
        assert(at == count);
    }
}

enum engine_code
sparse_part_build(struct sparse_part *const *parts, size_t parts_count,
                  struct sparse_part **ret_part, struct error *reterr)
{
    struct build build = { .parts = parts, .parts_count = parts_count };
    enum engine_code code = number_docs(&build, reterr);
    if (code == ENGINE_OK)
        code = table_make(&build, reterr);
    if (code == ENGINE_OK) {
        count_lists(&build);
        code = order_lists(&build, reterr);
    }
    if (code == ENGINE_OK)
        code = entries_make(&build, reterr);
    if (code == ENGINE_OK) {
        fill_lists(&build);
        fill_blocks(&build);
        *ret_part = build.part;
        build.part = NULL;
    } else if (build.part == NULL) {
        free(build.lists);
    }
    free(build.numbers);
    free(build.counts);
    sparse_part_free(build.part);
    return code;
}
