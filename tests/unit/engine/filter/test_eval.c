/* SPDX-License-Identifier: Apache-2.0
 * The meaning of each condition on one payload, by Qdrant's rules. */
#include "engine/filter/eval.h"

#include "engine/filter/path.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)1 << 20)

static struct arena arena;

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static struct payload_path
path_of(const char *text)
{
    struct payload_path path;
    ck_assert_int_eq(path_parse(span_of(text), &arena, &path, NULL), ENGINE_OK);
    return path;
}

/* Whether `condition` holds on {"f": value}; value NULL: no such field. */
static bool
holds(struct condition condition, const char *value)
{
    struct bytes text;
    bytes_init(&text, 4096);
    bytes_add_text(&text, "{");
    if (value != NULL)
        bytes_addf(&text, "\"f\":%s", value);
    bytes_add_text(&text, "}");
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(bytes_span(&text), &doc, NULL), ENGINE_OK);
    condition.path = path_of("f");
    struct point_id id = { .number = 1 };
    struct subject subject = { .id = &id, .payload = yyjson_doc_get_root(doc) };
    bool result = condition_matches(&condition, &subject);
    yyjson_doc_free(doc);
    bytes_release(&text);
    return result;
}

static const struct match_value one = { .type = MATCH_INTEGER, .integer = 1 };
static const struct match_value text_a = { .type = MATCH_STRING,
                                           .string = { "a", 1 } };
static const struct match_value is_true = { .type = MATCH_BOOL,
                                            .boolean = true };

static struct condition
match(enum condition_kind kind, const struct match_value *values, size_t count)
{
    return (struct condition){ .kind = kind,
                               .values = values,
                               .values_count = count };
}

START_TEST(match_value_needs_the_same_type)
{
    struct condition condition = match(CONDITION_MATCH, &one, 1);
    ck_assert(holds(condition, "1"));
    ck_assert(!holds(condition, "1.0"));
    ck_assert(!holds(condition, "\"1\""));
    ck_assert(!holds(condition, "true"));
    ck_assert(!holds(condition, NULL));
    ck_assert(!holds(condition, "null"));
    ck_assert(holds(match(CONDITION_MATCH, &text_a, 1), "\"a\""));
    ck_assert(!holds(match(CONDITION_MATCH, &text_a, 1), "\"ab\""));
    ck_assert(holds(match(CONDITION_MATCH, &is_true, 1), "true"));
    ck_assert(!holds(match(CONDITION_MATCH, &is_true, 1), "false"));
}
END_TEST

START_TEST(match_integers_are_exact_to_64_bits)
{
    struct match_value big = { .type = MATCH_INTEGER,
                               .integer = 9007199254740993 };
    struct condition condition = match(CONDITION_MATCH, &big, 1);
    ck_assert(holds(condition, "9007199254740993"));
    ck_assert(!holds(condition, "9007199254740992"));
    big.integer = INT64_MIN;
    ck_assert(holds(condition, "-9223372036854775808"));
    ck_assert(!holds(condition, "9223372036854775808"));
    big.integer = -1;
    ck_assert(!holds(condition, "18446744073709551615"));
}
END_TEST

START_TEST(arrays_are_entered_one_level)
{
    struct condition condition = match(CONDITION_MATCH, &one, 1);
    ck_assert(holds(condition, "[3,1]"));
    ck_assert(!holds(condition, "[[1]]"));
    ck_assert(!holds(condition, "[]"));
}
END_TEST

START_TEST(any_of_nothing_matches_nothing)
{
    ck_assert(!holds(match(CONDITION_ANY, NULL, 0), "1"));
    ck_assert(holds(match(CONDITION_ANY, &one, 1), "[2,1]"));
    ck_assert(!holds(match(CONDITION_ANY, &one, 1), "2"));
}
END_TEST

START_TEST(except_wants_some_other_value)
{
    struct condition condition = match(CONDITION_EXCEPT, &one, 1);
    ck_assert(!holds(condition, "1"));
    ck_assert(holds(condition, "2"));
    ck_assert(holds(condition, "[1,2]"));
    ck_assert(holds(condition, "\"1\""));
    ck_assert(holds(condition, "1.5"));
    ck_assert(holds(condition, "{}"));
    ck_assert(!holds(condition, "null"));
    ck_assert(!holds(condition, "[]"));
    ck_assert(!holds(condition, NULL));
    ck_assert(holds(match(CONDITION_EXCEPT, NULL, 0), "1"));
    ck_assert(!holds(match(CONDITION_EXCEPT, NULL, 0), "null"));
}
END_TEST

START_TEST(range_is_for_numbers_only)
{
    struct condition condition = {
        .kind = CONDITION_RANGE,
        .range = { .has_gte = true, .gte = 1, .has_lt = true, .lt = 2 },
    };
    ck_assert(holds(condition, "1"));
    ck_assert(holds(condition, "1.99"));
    ck_assert(!holds(condition, "2"));
    ck_assert(!holds(condition, "\"1\""));
    ck_assert(!holds(condition, NULL));
    ck_assert(holds(condition, "[0,1.5]"));
    /* Each element on its own: no element lies in the range. */
    ck_assert(!holds(condition, "[0,3]"));
    condition.range = (struct range){ .has_gt = true, .gt = 1 };
    ck_assert(!holds(condition, "1"));
    ck_assert(holds(condition, "18446744073709551615"));
    condition.range = (struct range){ .has_lte = true, .lte = 1 };
    ck_assert(holds(condition, "1"));
}
END_TEST

START_TEST(is_empty_means_missing_null_or_no_elements)
{
    struct condition condition = { .kind = CONDITION_IS_EMPTY };
    ck_assert(holds(condition, NULL));
    ck_assert(holds(condition, "null"));
    ck_assert(holds(condition, "[]"));
    ck_assert(!holds(condition, "[null]"));
    ck_assert(!holds(condition, "\"\""));
    ck_assert(!holds(condition, "{}"));
    condition.is_negated = true;
    ck_assert(!holds(condition, "null"));
    ck_assert(holds(condition, "0"));
}
END_TEST

START_TEST(is_null_has_a_whole_and_an_element_form)
{
    struct condition condition = { .kind = CONDITION_IS_NULL };
    ck_assert(holds(condition, "null"));
    ck_assert(holds(condition, "[1,null]"));
    ck_assert(!holds(condition, NULL));
    ck_assert(!holds(condition, "[]"));
    condition.is_negated = true;
    ck_assert(holds(condition, NULL));
    ck_assert(!holds(condition, "null"));
    condition =
        (struct condition){ .kind = CONDITION_IS_NULL, .is_whole = true };
    ck_assert(holds(condition, "null"));
    ck_assert(!holds(condition, "[1,null]"));
}
END_TEST

START_TEST(values_count_counts_elements)
{
    struct condition condition = {
        .kind = CONDITION_COUNT,
        .range = { .has_gte = true, .gte = 1, .has_lt = true, .lt = 3 },
    };
    ck_assert(holds(condition, "5"));
    ck_assert(holds(condition, "{}"));
    ck_assert(holds(condition, "[1,2]"));
    ck_assert(!holds(condition, "[1,2,3]"));
    ck_assert(!holds(condition, "null"));
    ck_assert(!holds(condition, NULL));
    condition.range = (struct range){ .has_lt = true, .lt = 1 };
    ck_assert(holds(condition, NULL));
    ck_assert(holds(condition, "[]"));
}
END_TEST

START_TEST(has_id_needs_an_id)
{
    struct point_id ids[] = { { .number = 5 }, { .number = 9 } };
    struct condition condition = { .kind = CONDITION_HAS_ID,
                                   .ids = ids,
                                   .ids_count = 2 };
    struct point_id id = { .number = 9 };
    ck_assert(condition_matches(&condition, &(struct subject){ .id = &id }));
    id.number = 6;
    ck_assert(!condition_matches(&condition, &(struct subject){ .id = &id }));
    ck_assert(!condition_matches(&condition, &(struct subject){ 0 }));
}
END_TEST

START_TEST(nested_wants_one_element_that_satisfies_all)
{
    struct condition inner[2] = { match(CONDITION_MATCH, &one, 1),
                                  match(CONDITION_MATCH, &text_a, 1) };
    inner[0].path = path_of("x");
    inner[1].path = path_of("y");
    struct filter filter = { .must = { inner, 2 } };
    struct condition condition = { .kind = CONDITION_NESTED,
                                   .filter = &filter };
    ck_assert(holds(condition, "[{\"x\":2},{\"x\":1,\"y\":\"a\"}]"));
    ck_assert(!holds(condition, "[{\"x\":1},{\"y\":\"a\"}]"));
    ck_assert(!holds(condition, "{\"x\":1,\"y\":\"a\"}"));
}
END_TEST

START_TEST(clauses_are_anded)
{
    struct condition yes = { .kind = CONDITION_IS_EMPTY, .path = path_of("z") };
    struct condition no = yes;
    no.is_negated = true;
    struct condition both[2] = { yes, no };
    struct filter filter = { .must = { both, 1 } };
    ck_assert(filter_matches(&filter, &(struct subject){ 0 }));
    filter.must.count = 2;
    ck_assert(!filter_matches(&filter, &(struct subject){ 0 }));
    filter = (struct filter){ .should = { both, 2 } };
    ck_assert(filter_matches(&filter, &(struct subject){ 0 }));
    filter.must_not = (struct clause){ &yes, 1 };
    ck_assert(!filter_matches(&filter, &(struct subject){ 0 }));
    filter = (struct filter){ .should = { both, 0 } };
    ck_assert(filter_matches(&filter, &(struct subject){ 0 }));
    filter =
        (struct filter){ .min_should = { both, 2 }, .min_should_count = 1 };
    ck_assert(filter_matches(&filter, &(struct subject){ 0 }));
    filter.min_should_count = 2;
    ck_assert(!filter_matches(&filter, &(struct subject){ 0 }));
}
END_TEST

START_TEST(a_filter_of_ids_reads_no_payload)
{
    struct condition ids = { .kind = CONDITION_HAS_ID };
    struct condition field = { .kind = CONDITION_RANGE };
    struct filter filter = { .must_not = { &ids, 1 } };
    ck_assert(!filter_reads_payload(&filter));
    struct condition inner = { .kind = CONDITION_FILTER, .filter = &filter };
    struct filter outer = { .should = { &inner, 1 } };
    ck_assert(!filter_reads_payload(&outer));
    filter.must_not.conditions = &field;
    ck_assert(filter_reads_payload(&outer));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("eval");
    TCase *tcase = tcase_create("eval");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, match_value_needs_the_same_type);
    tcase_add_test(tcase, match_integers_are_exact_to_64_bits);
    tcase_add_test(tcase, arrays_are_entered_one_level);
    tcase_add_test(tcase, any_of_nothing_matches_nothing);
    tcase_add_test(tcase, except_wants_some_other_value);
    tcase_add_test(tcase, range_is_for_numbers_only);
    tcase_add_test(tcase, is_empty_means_missing_null_or_no_elements);
    tcase_add_test(tcase, is_null_has_a_whole_and_an_element_form);
    tcase_add_test(tcase, values_count_counts_elements);
    tcase_add_test(tcase, has_id_needs_an_id);
    tcase_add_test(tcase, nested_wants_one_element_that_satisfies_all);
    tcase_add_test(tcase, clauses_are_anded);
    tcase_add_test(tcase, a_filter_of_ids_reads_no_payload);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
