/* SPDX-License-Identifier: Apache-2.0
 * One field's index: counts by type and memory; its answers are compared with
 * payload checks at random in test_plan.c. */
#include "engine/filter/payload_index.h"

#include "engine/codec/json_read.h"
#include "engine/filter/path.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)1 << 20)

static struct payload_index *
index_new(const char *field, enum payload_index_kind kind)
{
    struct arena arena;
    arena_init(&arena, ARENA_SIZE_MAX);
    struct payload_path path;
    struct payload_index *index;
    ck_assert_int_eq(path_parse(span_of(field), &arena, &path, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(
        payload_index_new(&path, kind, (struct span){ NULL, 0 }, &index, NULL),
        ENGINE_OK);
    arena_release(&arena); /* the index keeps a copy */
    return index;
}

static void
put(struct payload_index *index, uint32_t slot, const char *payload)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(payload), &doc, NULL), ENGINE_OK);
    ck_assert_int_eq(
        payload_index_add(index, slot, yyjson_doc_get_root(doc), NULL),
        ENGINE_OK);
    yyjson_doc_free(doc);
}

static void
take(struct payload_index *index, uint32_t slot, const char *payload)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(payload), &doc, NULL), ENGINE_OK);
    payload_index_remove(index, slot, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
}

START_TEST(index_counts_points_of_its_own_type)
{
    static const struct {
        enum payload_index_kind kind;
        uint64_t points;
    } cases[] = {
        { PAYLOAD_INDEX_KEYWORD, 2 },
        { PAYLOAD_INDEX_INTEGER, 2 },
        { PAYLOAD_INDEX_FLOAT, 3 },
        { PAYLOAD_INDEX_BOOL, 1 },
    };
    for (size_t i = 0; i < 4; i++) {
        struct payload_index *index = index_new("f", cases[i].kind);
        put(index, 0, "{\"f\":\"a\"}");
        put(index, 1, "{\"f\":[\"a\",\"b\",1]}");
        put(index, 2, "{\"f\":7}");
        put(index, 3, "{\"f\":1.5}");
        put(index, 4, "{\"f\":true}");
        put(index, 5, "{\"g\":1}");
        ck_assert_uint_eq(payload_index_points(index), cases[i].points);
        ck_assert_int_eq(payload_index_kind(index), cases[i].kind);
        ck_assert(span_equal_text(payload_index_path(index)->text, "f"));
        ck_assert_uint_gt(payload_index_memory(index), 0);
        payload_index_free(index);
    }
    payload_index_free(NULL);
}
END_TEST

START_TEST(index_forgets_removed_slots)
{
    struct payload_index *index = index_new("f", PAYLOAD_INDEX_KEYWORD);
    struct slot_set *live = slot_set_new();
    put(index, 0, "{\"f\":[\"a\",\"a\",\"b\"]}");
    put(index, 1, "{\"f\":\"a\"}");
    take(index, 0, "{\"f\":[\"a\",\"a\",\"b\"]}");
    take(index, 9, "{\"f\":\"zz\"}");
    ck_assert_uint_eq(payload_index_points(index), 1);
    struct match_value value = { .type = MATCH_STRING, .string = span_of("a") };
    struct condition condition = { .kind = CONDITION_MATCH,
                                   .values = &value,
                                   .values_count = 1 };
    struct index_result result;
    ck_assert_int_eq(payload_index_query(index, &condition,
                                         &(struct index_scope){ live, NULL },
                                         &result, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(result.answer, INDEX_EXACT);
    ck_assert_uint_eq(slot_set_count(result.slots), 1);
    ck_assert(slot_set_contains(result.slots, 1));
    slot_set_free(result.slots);
    slot_set_free(live);
    payload_index_free(index);
}
END_TEST

/* Range of counts, answer, and how many of: none, one, [], three, null. */
static const struct {
    struct range range;
    enum index_answer answer;
    uint64_t count;
} counts[] = {
    { { .has_gt = true, .gt = 0 }, INDEX_EXACT, 2 },
    { { .has_gte = true, .gte = 1 }, INDEX_EXACT, 2 },
    { { .has_gte = true, .gte = 2 }, INDEX_SUPERSET, 2 },
    { { .has_gte = true, .gte = 1, .has_lt = true, .lt = 3 },
      INDEX_SUPERSET,
      2 },
    { { .has_lt = true, .lt = 1 }, INDEX_EXACT, 3 },
    { { .has_lte = true, .lte = 0 }, INDEX_EXACT, 3 },
};

START_TEST(index_counts_none_and_some)
{
    static const char *const payloads[] = { "{}", "{\"f\":1}", "{\"f\":[]}",
                                            "{\"f\":[1,\"a\",null]}",
                                            "{\"f\":null}" };
    struct payload_index *index = index_new("f", PAYLOAD_INDEX_KEYWORD);
    struct slot_set *live = slot_set_new();
    for (uint32_t slot = 0; slot < 5; slot++) {
        put(index, slot, payloads[slot]);
        slot_set_add(live, slot);
    }
    struct condition condition = { .kind = CONDITION_COUNT,
                                   .range = counts[_i].range };
    struct index_result result;
    ck_assert_int_eq(payload_index_query(index, &condition,
                                         &(struct index_scope){ live, NULL },
                                         &result, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(result.answer, counts[_i].answer);
    ck_assert_uint_eq(slot_set_count(result.slots), counts[_i].count);
    slot_set_free(result.slots);
    slot_set_free(live);
    payload_index_free(index);
}
END_TEST

START_TEST(index_says_what_it_cannot_tell)
{
    struct payload_index *index = index_new("f", PAYLOAD_INDEX_KEYWORD);
    struct slot_set *live = slot_set_new();
    put(index, 0, "{\"f\":5}");
    put(index, 1, "{\"f\":\"a\"}");
    struct condition condition = { .kind = CONDITION_RANGE,
                                   .range = { .has_gt = true, .gt = 0 } };
    struct index_result result;
    ck_assert_int_eq(payload_index_query(index, &condition,
                                         &(struct index_scope){ live, NULL },
                                         &result, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(result.answer, INDEX_SUPERSET);
    ck_assert(slot_set_contains(result.slots, 0));
    ck_assert(!slot_set_contains(result.slots, 1));
    slot_set_free(result.slots);
    condition.kind = CONDITION_COUNT;
    condition.range = (struct range){ .has_lte = true, .lte = 3 };
    ck_assert_int_eq(payload_index_query(index, &condition,
                                         &(struct index_scope){ live, NULL },
                                         &result, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(result.answer, INDEX_UNKNOWN);
    ck_assert_ptr_null(result.slots);
    slot_set_free(live);
    payload_index_free(index);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("payload_index");
    TCase *tcase = tcase_create("payload_index");
    tcase_add_test(tcase, index_counts_points_of_its_own_type);
    tcase_add_test(tcase, index_forgets_removed_slots);
    tcase_add_loop_test(tcase, index_counts_none_and_some, 0,
                        sizeof(counts) / sizeof(counts[0]));
    tcase_add_test(tcase, index_says_what_it_cannot_tell);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
