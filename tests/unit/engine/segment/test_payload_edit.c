/* SPDX-License-Identifier: Apache-2.0
 * Covers: merging at the root and at a path, arrays on the way, removing,
 * results that are too large. */
#include "engine/segment/payload_edit.h"

#include "engine/filter/path.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct bytes out;

static void
setup(void)
{
    arena_init(&arena, 1 << 20);
    bytes_init(&out, 1 << 16);
}

static void
teardown(void)
{
    arena_release(&arena);
    bytes_release(&out);
}

struct edit_case {
    const char *payload;
    const char *path; /* NULL: the root */
    const char *change;
    const char *result;
};

static const struct edit_case merges[] = {
    { "", NULL, "{\"a\":1}", "{\"a\":1}" },
    { "{\"a\":1,\"b\":2}", NULL, "{\"b\":3,\"c\":4}",
      "{\"a\":1,\"b\":3,\"c\":4}" },
    { "{\"a\":1,\"b\":2}", NULL, "{\"a\":null}", "{\"b\":2}" },
    { "{\"a\":{\"x\":1}}", NULL, "{\"a\":{\"y\":2}}", "{\"a\":{\"y\":2}}" },
    { "{\"a\":1,\"b\":2,\"a\":3}", NULL,
      "{\"z\":1,\"a\":4,\"y\":2,\"a\":5,\"z\":null}",
      "{\"a\":5,\"b\":2,\"y\":2}" },
    { "{\"a\":{\"x\":1}}", "a", "{\"y\":2}", "{\"a\":{\"x\":1,\"y\":2}}" },
    { "{}", "a.b", "{\"y\":2}", "{\"a\":{\"b\":{\"y\":2}}}" },
    { "{\"a\":5}", "a", "{\"y\":2}", "{\"a\":{\"y\":2}}" },
    { "{\"a\":[{\"x\":1},{\"x\":2}]}", "a[]", "{\"y\":0}",
      "{\"a\":[{\"x\":1,\"y\":0},{\"x\":2,\"y\":0}]}" },
    { "{\"a\":[{\"x\":1},{\"x\":2}]}", "a[1]", "{\"x\":9}",
      "{\"a\":[{\"x\":1},{\"x\":9}]}" },
    { "{\"a\":[{\"x\":1}]}", "a[7]", "{\"x\":9}", "{\"a\":[{\"x\":1}]}" },
    { "{\"a\":[1,{\"x\":1}]}", "a[].b", "{\"y\":0}",
      "{\"a\":[{\"b\":{\"y\":0}},{\"x\":1,\"b\":{\"y\":0}}]}" },
    { "{\"a\":5}", "a[]", "{\"y\":2}", "{\"a\":[]}" },
    { "{\"a\":12345678901234567890,\"b\":0.1}", NULL, "{\"c\":\"\\u00e9\"}",
      "{\"a\":12345678901234567890,\"b\":0.1,\"c\":\"\xc3\xa9\"}" },
};

static const struct edit_case removals[] = {
    { "{\"a\":1,\"b\":2}", "a", NULL, "{\"b\":2}" },
    { "{\"a\":1}", "x", NULL, "{\"a\":1}" },
    { "", "x", NULL, "{}" },
    { "{\"a\":{\"b\":1,\"c\":2}}", "a.b", NULL, "{\"a\":{\"c\":2}}" },
    { "{\"a\":[{\"b\":1},{\"b\":2,\"c\":3}]}", "a[].b", NULL,
      "{\"a\":[{},{\"c\":3}]}" },
    { "{\"a\":[{\"b\":1},{\"b\":2}]}", "a[0].b", NULL,
      "{\"a\":[{},{\"b\":2}]}" },
    { "{\"a\":[1,2]}", "a[]", NULL, "{\"a\":[]}" },
    { "{\"a\":[1,2]}", "a[0]", NULL, "{\"a\":[1,2]}" },
    { "{\"a\":[{\"b\":1}]}", "a.b", NULL, "{\"a\":[{\"b\":1}]}" },
};

static struct payload_path
path_of(const char *text)
{
    struct payload_path path;
    ck_assert_int_eq(path_parse(span_of(text), &arena, &path, NULL), ENGINE_OK);
    return path;
}

static void
assert_result(const struct edit_case *each, enum engine_code code)
{
    ck_assert_int_eq(code, ENGINE_OK);
    ck_assert_str_eq(out.data, each->result);
}

START_TEST(payload_merge_lays_members_over)
{
    const struct edit_case *each = &merges[_i];
    struct payload_path path = { 0 };
    if (each->path != NULL)
        path = path_of(each->path);
    assert_result(each,
                  payload_merge(span_of(each->payload), span_of(each->change),
                                each->path == NULL ? NULL : &path, &out, NULL));
}
END_TEST

START_TEST(payload_remove_takes_paths_away)
{
    const struct edit_case *each = &removals[_i];
    struct payload_path path = path_of(each->path);
    assert_result(each,
                  payload_remove(span_of(each->payload), &path, 1, &out, NULL));
}
END_TEST

START_TEST(payload_merge_refuses_a_result_past_the_limit)
{
    struct bytes small;
    struct error error;
    bytes_init(&small, 8);
    ck_assert_int_eq(payload_merge(span_of("{\"a\":1}"), span_of("{\"b\":2}"),
                                   NULL, &small, &error),
                     ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "at most 8"));
    bytes_release(&small);
}
END_TEST

/* HEAD, then `count` times BEFORE with its number and AFTER, in a list. */
static void
fill(struct bytes *text, const char *head, const char *before,
     const char *after, unsigned count)
{
    bytes_init(text, 64 << 20);
    bytes_add_text(text, head);
    for (unsigned i = 0; i < count; i++)
        bytes_addf(text, "%s%s%u%s", i > 0 ? "," : "", before, i, after);
}

/* Merged into each of 300,000 elements, 300 kB would be 90 GB. */
START_TEST(payload_merge_into_many_places_stops_at_the_limit)
{
    struct bytes payload, change;
    struct error error;
    struct payload_path path = path_of(_i == 0 ? "a[]" : "a[][].b");
    fill(&payload, "{\"a\":[", _i == 0 ? "" : "[", _i == 0 ? "" : "]", 300000);
    bytes_add_text(&payload, "]}");
    fill(&change, "{\"t\":[", "", "", 50000);
    bytes_add_text(&change, "]}");
    bytes_release(&out);
    bytes_init(&out, 8 << 20);
    ck_assert_int_eq(payload_merge(bytes_span(&payload), bytes_span(&change),
                                   &path, &out, &error),
                     ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "at most 8388608"));
    bytes_release(&payload);
    bytes_release(&change);
}
END_TEST

/* Up to the very limit, into each of several places. */
START_TEST(payload_merge_into_many_places_reaches_the_limit)
{
    static const char payload[] = "{\"a\":[1,{},{\"bb\":{\"k\":[3]}}]}";
    static const char result[] =
        "{\"a\":[{\"bb\":{\"k\":1}},{\"bb\":{\"k\":1}},"
        "{\"bb\":{\"k\":1}}]}";
    struct payload_path path = path_of("a[].bb");
    bytes_release(&out);
    bytes_init(&out, sizeof(result));
    ck_assert_int_eq(payload_merge(span_of(payload),
                                   span_of("{\"k\":1,\"x\":null}"), &path, &out,
                                   NULL),
                     ENGINE_OK);
    ck_assert_str_eq(out.data, result);
}
END_TEST

/* 200,000 members over 200,000 others: not each compared with each. */
START_TEST(payload_merge_lays_many_members_over_many)
{
    struct bytes payload, change;
    fill(&payload, "{", "\"a", "\":0", 200000);
    bytes_add_text(&payload, "}");
    fill(&change, "{", "\"b", "\":1", 200000);
    bytes_add_text(&change, ",\"a7\":2}");
    bytes_release(&out);
    bytes_init(&out, 8 << 20);
    ck_assert_int_eq(payload_merge(bytes_span(&payload), bytes_span(&change),
                                   NULL, &out, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(out.size, payload.size + change.size - 8);
    ck_assert_ptr_nonnull(strstr(out.data, ",\"a7\":2,"));
    bytes_release(&payload);
    bytes_release(&change);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("payload_edit");
    TCase *tcase = tcase_create("payload_edit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, payload_merge_lays_members_over, 0,
                        sizeof(merges) / sizeof(merges[0]));
    tcase_add_loop_test(tcase, payload_remove_takes_paths_away, 0,
                        sizeof(removals) / sizeof(removals[0]));
    tcase_add_test(tcase, payload_merge_refuses_a_result_past_the_limit);
    tcase_add_loop_test(
        tcase, payload_merge_into_many_places_stops_at_the_limit, 0, 2);
    tcase_add_test(tcase, payload_merge_into_many_places_reaches_the_limit);
    tcase_add_test(tcase, payload_merge_lays_many_members_over_many);
    tcase_set_timeout(tcase, 30);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
