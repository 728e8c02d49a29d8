/* SPDX-License-Identifier: Apache-2.0
 * Covers: wanted members come out as they are, in order; what is not compact,
 * escaped, cut short or too long is refused. */
#include "engine/codec/json_pick.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct span keys[] = { { "a", 1 }, { "b", 1 } };

/* The text of what is picked, or NULL. */
static const char *
pick(const char *text, size_t size)
{
    static char buffer[256], result[257];
    struct span picked;
    if (!json_pick(span_of(text), keys, 2, buffer, size, &picked))
        return NULL;
    ck_assert_ptr_eq(picked.data, buffer);
    memcpy(result, picked.data, picked.size);
    result[picked.size] = '\0';
    return result;
}

static const struct {
    const char *text;
    const char *picked; /* NULL: refused */
} cases[] = {
    { "{}", "{}" },
    { "{\"a\":1}", "{\"a\":1}" },
    { "{\"c\":1,\"a\":\"x\",\"d\":[1,2],\"b\":null}",
      "{\"a\":\"x\",\"b\":null}" },
    { "{\"c\":{\"a\":1},\"ab\":2}", "{}" },
    { "{\"a\":{\"c\":[\"]}\",{\"x\":\"\\\"\"}]},\"c\":true}",
      "{\"a\":{\"c\":[\"]}\",{\"x\":\"\\\"\"}]}}" },
    { "{\"c\":\"\\\\\",\"a\":\"\\\\\\\"\"}", "{\"a\":\"\\\\\\\"\"}" },
    { "{\"a\":1,\"a\":2}", "{\"a\":1}" },
    { "{\"\\u0061\":1}", NULL },
    { "{\"a\": 1 }", "{\"a\": 1 }" },
    { "{ \"a\":1}", NULL },
    { "{\"a\" :1}", NULL },
    { "{\"a\":1}x", NULL },
    { "{\"b\":1,\"a\":2,\"a\":3,\"c\":4}", "{\"b\":1,\"a\":2}" },
    { "{\"a\":1", NULL },
    { "{\"a\":\"", NULL },
    { "{\"a", NULL },
    { "{\"a\":[1", NULL },
    { "[1]", NULL },
    { "", NULL },
};

START_TEST(members_are_picked)
{
    const char *picked = pick(cases[_i].text, 256);
    if (cases[_i].picked == NULL)
        ck_assert_ptr_null(picked);
    else
        ck_assert_str_eq(picked, cases[_i].picked);
}
END_TEST

START_TEST(buffer_is_the_bound)
{
    static const char text[] = "{\"a\":1,\"b\":2}";
    for (size_t size = 0; size < sizeof(text); size++)
        (void)pick(text, size);
    ck_assert_ptr_null(pick(text, 8));
    ck_assert_str_eq(pick(text, sizeof(text)), text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json_pick");
    TCase *tcase = tcase_create("json_pick");
    tcase_add_loop_test(tcase, members_are_picked, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, buffer_is_the_bound);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
