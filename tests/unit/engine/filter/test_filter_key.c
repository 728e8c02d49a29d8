/* SPDX-License-Identifier: Apache-2.0
 * Covers: filters of the same meaning have one key, others have others, long
 * ones have none. */
#include "engine/filter/filter_key.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/api/rest_filter.h"
#include "tests/fixture/suite.h"

static struct arena arena;

static void
setup(void)
{
    arena_init(&arena, (size_t)16 << 20);
}

static void
teardown(void)
{
    arena_release(&arena);
}

/* The key of a filter in JSON, where ' stands for ". */
static struct bytes
key_of(const char *text)
{
    struct error error = { .code = ENGINE_OK };
    char *json = arena_strndup(&arena, text, strlen(text));
    for (char *at = json; *at != '\0'; at++)
        *at = *at == '\'' ? '"' : *at;
    yyjson_doc *doc = NULL;
    const struct filter *filter = NULL;
    struct bytes key;
    ck_assert_int_eq(json_parse(span_of(json), &doc, &error), ENGINE_OK);
    enum engine_code code = rest_filter_parse(
        yyjson_doc_get_root(doc), "filter", &arena, &filter, &error);
    ck_assert_msg(code == ENGINE_OK, "%s: %s", text, error.text);
    bytes_init(&key, FILTER_KEY_SIZE_MAX);
    ck_assert(filter_key(filter, &key));
    yyjson_doc_free(doc);
    return key;
}

static bool
are_same(const char *a, const char *b)
{
    struct bytes left = key_of(a), right = key_of(b);
    bool is_same = span_equal(bytes_span(&left), bytes_span(&right));
    bytes_release(&left);
    bytes_release(&right);
    return is_same;
}

#define A "{'key':'a','match':{'value':1}}"
#define B "{'key':'b','range':{'gt':2,'lte':5}}"

START_TEST(order_and_quotes_do_not_matter)
{
    ck_assert(are_same("{'must':[" A "," B "]}", "{'must':[" B "," A "]}"));
    ck_assert(are_same("{'must':[{'key':'a','match':{'any':[3,1,2,1]}}]}",
                       "{'must':[{'key':'a','match':{'any':[1,2,3]}}]}"));
    ck_assert(are_same("{'must':[{'has_id':[5,4]}]}",
                       "{'must':[{'has_id':[4,5,5]}]}"));
    ck_assert(are_same("{'must':[{'must_not':[" A "," B "]}]}",
                       "{'must':[{'must_not':[" B "," A "]}]}"));
}
END_TEST

/* Each differs from all others. */
static const char *const others[] = {
    "{'must':[" A "]}",
    "{'should':[" A "]}",
    "{'must_not':[" A "]}",
    "{'must':[{'must':[" A "]}]}",
    "{'must':[" A "," A "]}",
    "{'must':[" A "," B "]}",
    "{'must':[" A "],'should':[" B "]}",
    "{'min_should':{'conditions':[" A "," B "],'min_count':1}}",
    "{'min_should':{'conditions':[" A "," B "],'min_count':2}}",
    "{'must':[{'key':'a','match':{'value':'1'}}]}",
    "{'must':[{'key':'a','match':{'value':true}}]}",
    "{'must':[{'key':'a','match':{'except':[1]}}]}",
    "{'must':[{'key':'a[]','match':{'value':1}}]}",
    "{'must':[{'key':'a[0]','match':{'value':1}}]}",
    "{'must':[{'key':'a[1]','match':{'value':1}}]}",
    "{'must':[{'key':'a.b','match':{'value':1}}]}",
    "{'must':[{'key':'ab','match':{'value':1}}]}",
    "{'must':[{'key':'a','range':{'gt':1}}]}",
    "{'must':[{'key':'a','range':{'gte':1}}]}",
    "{'must':[{'key':'a','range':{'lt':1}}]}",
    "{'must':[{'key':'a','values_count':{'gt':1}}]}",
    "{'must':[{'key':'a','match':{'text':'x'}}]}",
    "{'must':[{'key':'a','match':{'phrase':'x'}}]}",
    "{'must':[{'key':'a','match':{'text_any':'x'}}]}",
    "{'must':[{'is_empty':{'key':'a'}}]}",
    "{'must':[{'is_null':{'key':'a'}}]}",
    "{'must':[{'has_id':[1]}]}",
    "{'must':[{'has_vector':'a'}]}",
    "{'must':[{'nested':{'key':'a','filter':{'must':[" B "]}}}]}",
    "{'must':[{'key':'a','geo_radius':{'center':{'lon':1,'lat':2},"
    "'radius':5}}]}",
    "{'must':[{'key':'a','geo_radius':{'center':{'lon':2,'lat':1},"
    "'radius':5}}]}",
    "{'must':[{'key':'a','geo_bounding_box':{'top_left':{'lon':1,'lat':2},"
    "'bottom_right':{'lon':2,'lat':1}}}]}",
    "{'must':[{'key':'a','range':{'gt':'2020-01-01T00:00:00Z'}}]}",
    "{'must':[{'key':'a','range':{'gt':'2021-01-01T00:00:00Z'}}]}",
};

START_TEST(other_meanings_have_other_keys)
{
    size_t count = sizeof(others) / sizeof(others[0]);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++)
            ck_assert_msg(are_same(others[i], others[k]) == (i == k), "%s %s",
                          others[i], others[k]);
}
END_TEST

START_TEST(long_filters_have_none)
{
    static struct match_value values[1000];
    struct condition condition = { .kind = CONDITION_ANY,
                                   .values = values,
                                   .values_count = 1000 };
    for (size_t i = 0; i < 1000; i++)
        values[i] = (struct match_value){ .type = MATCH_INTEGER,
                                          .integer = (int64_t)i };
    struct filter filter = { .must = { &condition, 1 } };
    struct bytes key;
    bytes_init(&key, FILTER_KEY_SIZE_MAX);
    ck_assert(!filter_key(&filter, &key));
    bytes_release(&key);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter_key");
    TCase *tcase = tcase_create("filter_key");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, order_and_quotes_do_not_matter);
    tcase_add_test(tcase, other_meanings_have_other_keys);
    tcase_add_test(tcase, long_filters_have_none);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
