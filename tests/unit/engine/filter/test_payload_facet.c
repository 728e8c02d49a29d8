/* SPDX-License-Identifier: Apache-2.0
 * Covers: counts by value of every kind of index that has them, all slots and
 * some. */
#include "engine/filter/payload_facet.h"

#include "engine/codec/json_read.h"
#include "engine/filter/path.h"

#include <check.h>

#include "tests/fixture/suite.h"

static struct payload_index *
index_new(enum payload_index_kind kind)
{
    struct arena arena;
    struct payload_path path;
    struct payload_index *index;
    arena_init(&arena, 1 << 16);
    ck_assert_int_eq(path_parse(span_of("f"), &arena, &path, NULL), ENGINE_OK);
    ck_assert_int_eq(
        payload_index_new(&path, kind, (struct span){ NULL, 0 }, &index, NULL),
        ENGINE_OK);
    arena_release(&arena);
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

/* "VALUE=COUNT " of each, in the index's order. */
static void
note(void *ctx, const struct match_value *value, uint64_t count)
{
    struct bytes *all = ctx;
    switch (value->type) {
    case MATCH_STRING:
        bytes_add_span(all, value->string);
        break;
    case MATCH_INTEGER:
        bytes_addf(all, "%lld", (long long)value->integer);
        break;
    case MATCH_BOOL:
        bytes_add_text(all, value->boolean ? "true" : "false");
        break;
    }
    bytes_addf(all, "=%llu ", (unsigned long long)count);
}

static void
assert_counts(const struct payload_index *index, const struct slot_set *within,
              const char *expected)
{
    struct bytes all;
    uint64_t words[32] = { 0 };
    struct facet_slots slots = { words, 32, within };
    bytes_init(&all, 10000);
    if (within != NULL)
        slot_set_to_words(within, words, 32);
    ck_assert_int_eq(payload_facet_each(index, within == NULL ? NULL : &slots,
                                        note, &all, NULL),
                     ENGINE_OK);
    ck_assert_msg(span_equal_text(bytes_span(&all), expected), "%s",
                  all.size > 0 ? all.data : "");
    bytes_release(&all);
}

static const struct {
    enum payload_index_kind kind;
    const char *payloads[4]; /* of slots 0.. */
    const char *all;
    const char *within; /* slots 1 and 3 */
} cases[] = {
    { PAYLOAD_INDEX_KEYWORD,
      { "{\"f\":\"a\"}", "{\"f\":[\"a\",\"a\",7]}", "{\"f\":null}",
        "{\"f\":\"a\"}" },
      "a=3 ",
      "a=2 " },
    { PAYLOAD_INDEX_INTEGER,
      { "{\"f\":[3,-9223372036854775808]}", "{\"f\":3}", "{\"f\":3.0}",
        "{\"f\":[9223372036854775807,2.5]}" },
      "-9223372036854775808=1 3=2 9223372036854775807=1 ",
      "3=1 9223372036854775807=1 " },
    { PAYLOAD_INDEX_BOOL,
      { "{\"f\":true}", "{\"f\":[true,false]}", "{\"f\":\"true\"}", "{}" },
      "false=1 true=2 ",
      "false=1 true=1 " },
    { PAYLOAD_INDEX_UUID,
      { "{\"f\":\"550e8400-e29b-41d4-a716-446655440000\"}", "{\"f\":\"x\"}",
        "{\"f\":1}", "{\"f\":\"550e8400-e29b-41d4-a716-446655440000\"}" },
      "550e8400-e29b-41d4-a716-446655440000=2 ",
      "550e8400-e29b-41d4-a716-446655440000=1 " },
    { PAYLOAD_INDEX_UUID, /* any spelling; a slot once */
      { "{\"f\":\"550e8400-e29b-41d4-a716-446655440000\"}",
        "{\"f\":[\"550E8400-E29B-41D4-A716-446655440000\","
        "\"550e8400e29b41d4a716446655440000\"]}",
        "{\"f\":\"550e8400e29b41d4a716446655440000\"}",
        "{\"f\":\"550E8400-E29B-41D4-A716-446655440001\"}" },
      "550e8400-e29b-41d4-a716-446655440000=3 "
      "550e8400-e29b-41d4-a716-446655440001=1 ",
      "550e8400-e29b-41d4-a716-446655440000=1 "
      "550e8400-e29b-41d4-a716-446655440001=1 " },
};

START_TEST(facet_counts_the_slots_of_each_value)
{
    struct payload_index *index = index_new(cases[_i].kind);
    struct slot_set *within = slot_set_new();
    ck_assert(payload_facet_has(index));
    assert_counts(index, NULL, "");
    for (uint32_t slot = 0; slot < 4; slot++)
        put(index, slot, cases[_i].payloads[slot]);
    slot_set_add(within, 1);
    slot_set_add(within, 3);
    assert_counts(index, NULL, cases[_i].all);
    assert_counts(index, within, cases[_i].within);
    slot_set_free(within);
    payload_index_free(index);
}
END_TEST

/* More slots than stand in an array. */
START_TEST(facet_counts_values_of_many_slots)
{
    struct payload_index *index = index_new(PAYLOAD_INDEX_KEYWORD);
    struct slot_set *within = slot_set_new();
    for (uint32_t slot = 0; slot < 1000; slot++)
        put(index, slot, "{\"f\":\"a\"}");
    slot_set_add_range(within, 990, 2000);
    assert_counts(index, NULL, "a=1000 ");
    assert_counts(index, within, "a=10 ");
    slot_set_free(within);
    payload_index_free(index);
}
END_TEST

START_TEST(facet_is_nothing_for_other_kinds)
{
    static const enum payload_index_kind kinds[] = { PAYLOAD_INDEX_FLOAT,
                                                     PAYLOAD_INDEX_DATETIME,
                                                     PAYLOAD_INDEX_GEO,
                                                     PAYLOAD_INDEX_TEXT };
    struct payload_index *index = index_new(kinds[_i]);
    ck_assert(!payload_facet_has(index));
    payload_index_free(index);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("engine/filter/payload_facet");
    TCase *tcase = tcase_create("facet");
    tcase_add_loop_test(tcase, facet_counts_the_slots_of_each_value, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, facet_counts_values_of_many_slots);
    tcase_add_loop_test(tcase, facet_is_nothing_for_other_kinds, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
