/* SPDX-License-Identifier: Apache-2.0
 * Covers: every accepted spelling, order, keys, refusals with their text. */
#include "engine/codec/point_id.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const char *const spellings[] = {
    "\"936DA01F-9ABD-4D9D-80C7-02AF85C822A8\"",
    "\"936da01f9abd4d9d80c702af85c822a8\"",
    "\"urn:uuid:936da01f-9abd-4d9d-80c7-02af85c822a8\"",
    "\"{936da01f-9abd-4d9d-80c7-02af85c822a8}\"",
};

static enum engine_code
from_json(const char *text, struct point_id *ret_id, struct error *reterr)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(text), &doc, NULL), ENGINE_OK);
    enum engine_code code =
        point_id_from_json(yyjson_doc_get_root(doc), ret_id, reterr);
    yyjson_doc_free(doc);
    return code;
}

START_TEST(point_id_reads_every_uuid_spelling)
{
    struct point_id id;
    ck_assert_int_eq(from_json(spellings[_i], &id, NULL), ENGINE_OK);
    char text[POINT_ID_TEXT_SIZE];
    point_id_text(&id, text);
    ck_assert_str_eq(text, "936da01f-9abd-4d9d-80c7-02af85c822a8");
}
END_TEST

START_TEST(point_id_keeps_64_bits)
{
    struct point_id id;
    ck_assert_int_eq(from_json("18446744073709551615", &id, NULL), ENGINE_OK);
    ck_assert_uint_eq(id.number, UINT64_MAX);
    ck_assert_int_eq(
        point_id_from_path(span_of("18446744073709551615"), &id, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(id.number, UINT64_MAX);
    ck_assert_int_eq(
        point_id_from_path(span_of("18446744073709551616"), &id, NULL),
        ENGINE_EINPUT);
}
END_TEST

static const char *const wrong[] = { "-1",     "1.5",
                                     "\"12\"", "\"\"",
                                     "null",   "[]",
                                     "true",   "\"936da01f-9abd-4d9d-80c7\"" };

START_TEST(point_id_refuses_what_is_no_id)
{
    struct point_id id;
    struct error error;
    ck_assert_int_eq(from_json(wrong[_i], &id, &error), ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "is not a valid point ID, valid "
                                             "values are either an unsigned "
                                             "integer or a UUID"));
}
END_TEST

/* Keys sort as ids do: numbers first, then UUIDs. */
START_TEST(point_id_keys_sort_like_ids)
{
    static const char *const sorted[] = {
        "0",
        "1",
        "256",
        "18446744073709551615",
        "\"00000000-0000-0000-0000-000000000001\"",
        "\"f0000000-0000-0000-0000-000000000000\""
    };
    uint8_t last[POINT_ID_KEY_SIZE_MAX];
    size_t last_size = 0;
    for (size_t i = 0; i < sizeof(sorted) / sizeof(sorted[0]); i++) {
        struct point_id id, back;
        ck_assert_int_eq(from_json(sorted[i], &id, NULL), ENGINE_OK);
        uint8_t key[POINT_ID_KEY_SIZE_MAX];
        size_t size = point_id_key(&id, key);
        if (i > 0) {
            size_t shared = size < last_size ? size : last_size;
            ck_assert_int_lt(memcmp(last, key, shared), 0);
        }
        ck_assert(point_id_from_key((struct span){ (char *)key, size }, &back));
        ck_assert_int_eq(point_id_compare(&id, &back), 0);
        memcpy(last, key, size);
        last_size = size;
    }
    struct point_id id;
    ck_assert(!point_id_from_key(span_of("bad"), &id));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("point_id");
    TCase *tcase = tcase_create("point_id");
    tcase_add_loop_test(tcase, point_id_reads_every_uuid_spelling, 0,
                        sizeof(spellings) / sizeof(spellings[0]));
    tcase_add_test(tcase, point_id_keeps_64_bits);
    tcase_add_loop_test(tcase, point_id_refuses_what_is_no_id, 0,
                        sizeof(wrong) / sizeof(wrong[0]));
    tcase_add_test(tcase, point_id_keys_sort_like_ids);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
