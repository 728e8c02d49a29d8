/* SPDX-License-Identifier: Apache-2.0
 * Sealed parts are made in passes over the lists of the parts that they are
 * made of: the heaviest entries of each document, by which documents are
 * ordered; the lengths of the lists; their entries. Those come in any order of
 * documents, and are sorted list by list. */
#include "engine/index/sparse_part.h"
#include "engine/index/sparse_weight.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOT_KEPT     UINT32_MAX
#define BLOCKS(docs) (((docs) + SPARSE_BLOCK_DOCS - 1) / SPARSE_BLOCK_DOCS)
/* A list is long when it has an entry for each block of the part on the
 * average: what it knows of its blocks is small beside it then. */
#define LONG_MIN 64u
/* Entries by which documents are ordered, and how many documents must have an
 * index in common for it to count fully. */
#define KEYS       4u
#define COMMON_MIN (2 * SPARSE_BLOCK_DOCS)
#define STEPS      255.0f

/* ---- one list of any part ---- */

struct list {
    uint32_t index;
    uint32_t count;
    const struct sparse_entry *entries; /* of a tail, or: */
    const struct sparse_lists *lists;
    uint32_t at;    /* in `lists` */
    uint32_t start; /* its first entry */
};

/* List `at` of a part, of lists_room(); false: there is none. */
static bool
list_at(const struct sparse_part *part, size_t at, struct list *ret_list)
{
    const struct sparse_lists *lists = sparse_lists_now(part);
    if (lists != NULL) {
        uint32_t start = lists->starts[at];
        *ret_list = (struct list){ .index = lists->indices[at],
                                   .count = lists->starts[at + 1] - start,
                                   .lists = lists,
                                   .at = (uint32_t)at,
                                   .start = start };
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
    const struct sparse_lists *lists = sparse_lists_now(part);
    return lists != NULL ? lists->count : sparse_tail_table(part->tail)->room;
}

static inline uint32_t
doc_of(const struct list *list, uint32_t at)
{
    return list->entries != NULL ? list->entries[at].doc
                                 : list->lists->docs[list->start + at];
}

static inline float
weight_of(const struct list *list, uint32_t at)
{
    if (list->entries != NULL)
        return list->entries[at].weight;
    return sparse_weight(list->lists, list->lists->datatype, list->at,
                         list->start + at);
}

/* ---- building ---- */

/* An entry of a document that is among its heaviest. */
struct key {
    uint32_t list;
    float weight;
};

struct doc {
    uint32_t slot;
    uint32_t number; /* as it came */
    struct key keys[KEYS];
};

struct build {
    struct sparse_part *const *parts;
    size_t parts_count;
    uint32_t *numbers; /* new numbers of all documents, part after part */
    uint32_t docs_count;
    struct doc *docs;
    struct sparse_part *part;
    struct sparse_lists *lists;
    uint32_t *indices; /* by place in a table of all lists */
    uint32_t *counts;
    size_t room; /* of that table */
    size_t lists_count;
    struct sparse_entry *sorting; /* [SPARSE_PART_DOCS] */
    struct sparse_entry *spare;
};

static enum engine_code
number_docs(struct build *build, struct error *reterr)
{
    size_t all = 0, at = 0;
    for (size_t i = 0; i < build->parts_count; i++)
        all += atomic_load(&build->parts[i]->count);
    build->numbers = malloc((all + 1) * sizeof(*build->numbers));
    build->docs = calloc(all + 1, sizeof(*build->docs));
    build->part = sparse_part_new((uint32_t)all);
    build->lists = calloc(1, sizeof(*build->lists));
    if (build->numbers == NULL || build->docs == NULL || build->part == NULL ||
        build->lists == NULL)
        return error_memory(reterr);
    atomic_init(&build->part->lists, build->lists);
    for (size_t i = 0; i < build->parts_count; i++) {
        const struct sparse_part *part = build->parts[i];
        uint32_t count = atomic_load(&part->count);
        for (uint32_t doc = 0; doc < count; doc++) {
            bool is_gone = sparse_is_gone(part, doc);
            build->numbers[at++] = is_gone ? NOT_KEPT : build->docs_count;
            if (is_gone)
                continue;
            struct doc *kept = &build->docs[build->docs_count];
            kept->slot = part->slots[doc];
            kept->number = build->docs_count++;
        }
    }
    assert(build->docs_count <= SPARSE_PART_DOCS);
    return ENGINE_OK;
}

/* Room in the table for every list of every part. */
static enum engine_code
table_make(struct build *build, struct error *reterr)
{
    size_t most = 0;
    build->room = 16;
    for (size_t i = 0; i < build->parts_count; i++)
        most += lists_room(build->parts[i]);
    while (build->room < most + most / 2)
        build->room *= 2;
    build->counts = calloc(build->room, sizeof(*build->counts));
    build->indices = malloc(build->room * sizeof(*build->indices));
    size_t docs = build->docs_count + 1;
    build->sorting = malloc(docs * sizeof(*build->sorting));
    build->spare = malloc(docs * sizeof(*build->spare));
    return build->counts == NULL || build->indices == NULL ||
                   build->sorting == NULL || build->spare == NULL
               ? error_memory(reterr)
               : ENGINE_OK;
}

static uint32_t
place_of(const struct build *build, uint32_t index)
{
    size_t at = sparse_hash(index) & (build->room - 1);
    while (build->counts[at] != 0 && build->indices[at] != index)
        at = (at + 1) & (build->room - 1);
    return (uint32_t)at;
}

typedef void (*list_visit)(struct build *build, const struct list *list,
                           const uint32_t *numbers);

static void
each_list(struct build *build, list_visit visit)
{
    size_t base = 0;
    struct list list;
    for (size_t i = 0; i < build->parts_count; i++) {
        const struct sparse_part *part = build->parts[i];
        size_t room = lists_room(part);
        for (size_t k = 0; k < room; k++)
            if (list_at(part, k, &list))
                visit(build, &list, build->numbers + base);
        base += atomic_load(&part->count);
    }
}

static void
count_list(struct build *build, const struct list *list,
           const uint32_t *numbers)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++)
        count += numbers[doc_of(list, i)] != NOT_KEPT;
    if (count == 0)
        return;
    uint32_t at = place_of(build, list->index);
    build->lists_count += build->counts[at] == 0;
    build->indices[at] = list->index;
    build->counts[at] += count;
}

/* ---- the order of documents ---- */

/* Keeps the heaviest, the first being the heaviest of all. */
static inline void
add_key(struct doc *doc, uint32_t list, float weight)
{
    uint32_t at = KEYS;
    while (at > 0 && (weight > doc->keys[at - 1].weight ||
                      (weight == doc->keys[at - 1].weight &&
                       list > doc->keys[at - 1].list)))
        at--;
    if (at == KEYS)
        return;
    memmove(&doc->keys[at + 1], &doc->keys[at],
            (KEYS - 1 - at) * sizeof(doc->keys[0]));
    doc->keys[at] = (struct key){ list, weight };
}

/* What few documents have tells most, but brings none together. */
static void
key_list(struct build *build, const struct list *list, const uint32_t *numbers)
{
    uint32_t place = place_of(build, list->index);
    uint32_t count = build->counts[place];
    if (count == 0)
        return;
    float factor = logf((float)build->docs_count / (float)count + 1.0f);
    if (count < COMMON_MIN)
        factor *= 1e-3f;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t doc = numbers[doc_of(list, i)];
        if (doc != NOT_KEPT)
            add_key(&build->docs[doc], place + 1,
                    fabsf(weight_of(list, i)) * factor);
    }
}

static int
compare_docs(const void *a, const void *b)
{
    const struct doc *left = a, *right = b;
    for (uint32_t i = 0; i < KEYS; i++) {
        uint32_t x = left->keys[i].list, y = right->keys[i].list;
        if (x != y)
            return (x > y) - (x < y);
    }
    return (left->number > right->number) - (left->number < right->number);
}

static void
order_docs(struct build *build, uint32_t *by_number)
{
    each_list(build, key_list);
    qsort(build->docs, build->docs_count, sizeof(*build->docs), compare_docs);
    size_t all = 0;
    for (uint32_t i = 0; i < build->docs_count; i++) {
        by_number[build->docs[i].number] = i;
        build->part->slots[i] = build->docs[i].slot;
    }
    for (size_t i = 0; i < build->parts_count; i++)
        all += atomic_load(&build->parts[i]->count);
    for (size_t i = 0; i < all; i++)
        if (build->numbers[i] != NOT_KEPT)
            build->numbers[i] = by_number[build->numbers[i]];
}

/* ---- lists ---- */

static bool
is_long(const struct build *build, uint32_t count)
{
    return count >= LONG_MIN && count >= BLOCKS(build->docs_count);
}

/* Gives the lists their order, the long ones first, and a table. */
static enum engine_code
order_lists(struct build *build, struct error *reterr)
{
    struct sparse_lists *lists = build->lists;
    size_t room = 16;
    while (room < build->lists_count + build->lists_count / 2)
        room *= 2;
    lists->table = calloc(room, sizeof(*lists->table));
    lists->table_mask = (uint32_t)room - 1;
    lists->indices = malloc((build->lists_count + 1) * sizeof(uint32_t));
    lists->starts = malloc((build->lists_count + 1) * sizeof(uint32_t));
    if (lists->table == NULL || lists->indices == NULL || lists->starts == NULL)
        return error_memory(reterr);
    uint32_t list = 0, start = 0;
    for (int is_short = 0; is_short < 2; is_short++) {
        for (size_t i = 0; i < build->room; i++) {
            if (build->counts[i] == 0 ||
                is_long(build, build->counts[i]) == (is_short == 1))
                continue;
            size_t at = sparse_hash(build->indices[i]) & (room - 1);
            while (lists->table[at] != 0)
                at = (at + 1) & (room - 1);
            lists->table[at] = list + 1;
            lists->indices[list] = build->indices[i];
            lists->starts[list++] = start;
            start += build->counts[i];
        }
        if (is_short == 0)
            lists->long_count = list;
    }
    lists->starts[list] = start;
    lists->count = list;
    return ENGINE_OK;
}

static enum engine_code
entries_make(struct build *build, struct error *reterr)
{
    struct sparse_lists *lists = build->lists;
    size_t entries = lists->starts[lists->count];
    lists->blocks_count = BLOCKS(build->docs_count);
    lists->stride =
        (lists->blocks_count + SPARSE_LANES - 1) / SPARSE_LANES * SPARSE_LANES;
    size_t bounds = (size_t)lists->long_count * lists->stride;
    lists->docs = malloc((entries + 1) * sizeof(*lists->docs));
    lists->weights = malloc((entries + 1) * sizeof(*lists->weights));
    lists->greatest = calloc(bounds + 1, sizeof(*lists->greatest));
    lists->begins = calloc(bounds + 1, sizeof(*lists->begins));
    lists->steps = calloc(lists->long_count + 1, sizeof(*lists->steps));
    if (lists->docs == NULL || lists->weights == NULL ||
        lists->greatest == NULL || lists->begins == NULL ||
        lists->steps == NULL)
        return error_memory(reterr);
    lists->size = sizeof(*lists) +
                  ((size_t)lists->table_mask + 1) * sizeof(uint32_t) +
                  (size_t)lists->count * 2 * sizeof(uint32_t) +
                  entries * sizeof(uint16_t) + sparse_weights_size(lists) +
                  bounds * (sizeof(uint8_t) + sizeof(uint16_t)) +
                  lists->long_count * sizeof(float);
    build->part->entries = entries;
    atomic_store(&build->part->count, build->docs_count);
    return ENGINE_OK;
}

/* counts[] of a list is how many entries are still to come. */
static void
fill_list(struct build *build, const struct list *list, const uint32_t *numbers)
{
    struct sparse_lists *lists = build->lists;
    uint32_t into = sparse_lists_find(lists, list->index);
    if (into == UINT32_MAX)
        return;
    uint32_t *left = &build->counts[place_of(build, list->index)];
    uint32_t at = lists->starts[into + 1] - *left;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t doc = numbers[doc_of(list, i)];
        if (doc == NOT_KEPT)
            continue;
        float weight = weight_of(list, i);
        lists->docs[at] = (uint16_t)doc;
        lists->weights[at++] = weight;
    }
    /* One that is whole keeps a 1, so that its place stays taken. */
    *left = at == lists->starts[into + 1] ? 1 : lists->starts[into + 1] - at;
}

static void
bound_blocks(struct sparse_lists *lists, uint32_t list)
{
    uint32_t blocks = lists->blocks_count;
    uint8_t *greatest = lists->greatest + (size_t)list * lists->stride;
    uint16_t *begins = lists->begins + (size_t)list * lists->stride;
    uint32_t start = lists->starts[list];
    uint32_t count = lists->starts[list + 1] - start, at = 0;
    float most = 0;
    for (uint32_t i = 0; i < count; i++)
        most = fmaxf(most, lists->weights[start + i]);
    /* A little more, so that no rounding is downwards. */
    float step = most / STEPS * (1.0f + 1e-5f);
    lists->steps[list] = step;
    for (uint32_t block = 0; block < blocks; block++) {
        uint32_t end = (block + 1) * SPARSE_BLOCK_DOCS;
        float here = 0;
        begins[block] = (uint16_t)at;
        for (; at < count && lists->docs[start + at] < end; at++)
            here = fmaxf(here, lists->weights[start + at]);
        /* Of weights near the least float a step may be 0. */
        float steps = step > 0 ? ceilf(here / step) : STEPS;
        greatest[block] =
            here > 0 ? (uint8_t)(steps < STEPS ? steps : STEPS) : 0;
    }
    assert(at == count);
}

static enum engine_code
fill_lists(struct build *build, struct error *reterr)
{
    struct sparse_lists *lists = build->lists;
    each_list(build, fill_list);
    sparse_lists_sort(lists, build->sorting, build->spare);
    enum engine_code code = sparse_weights_round(lists, reterr);
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; i < lists->starts[lists->count]; i++)
        lists->has_negative = lists->has_negative || lists->weights[i] < 0;
    for (uint32_t i = 0; i < lists->long_count; i++)
        bound_blocks(lists, i);
    sparse_weights_finish(lists);
    return ENGINE_OK;
}

enum engine_code
sparse_part_build(struct sparse_part *const *parts, size_t parts_count,
                  enum datatype datatype, struct sparse_part **ret_part,
                  struct error *reterr)
{
    struct build build = { .parts = parts, .parts_count = parts_count };
    uint32_t *by_number = NULL;
    enum engine_code code = number_docs(&build, reterr);
    if (code == ENGINE_OK)
        code = table_make(&build, reterr);
    if (code == ENGINE_OK) {
        by_number = malloc((build.docs_count + 1) * sizeof(*by_number));
        code = by_number == NULL ? error_memory(reterr) : ENGINE_OK;
    }
    if (code == ENGINE_OK) {
        build.lists->datatype = datatype;
        each_list(&build, count_list);
        order_docs(&build, by_number);
        code = order_lists(&build, reterr);
    }
    if (code == ENGINE_OK)
        code = entries_make(&build, reterr);
    if (code == ENGINE_OK)
        code = fill_lists(&build, reterr);
    if (code == ENGINE_OK) {
        *ret_part = build.part;
        build.part = NULL;
    } else if (build.part == NULL || sparse_lists_now(build.part) == NULL) {
        free(build.lists);
    }
    free(build.numbers);
    free(build.docs);
    free(build.counts);
    free(build.indices);
    free(build.sorting);
    free(build.spare);
    free(by_number);
    sparse_part_free(build.part);
    return code;
}
