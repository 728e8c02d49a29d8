/* SPDX-License-Identifier: Apache-2.0
 * Covers: which codes each quantization_config asks for; a vector's own before
 * the collection's; what is none. */
#include <check.h>

#include "engine/collection/config_quantization.h"
#include "tests/fixture/suite.h"

#define NO_CODES (-1)

static const struct {
    const char *own;
    const char *common;
    int kind;
} wishes[] = {
    { "", "", NO_CODES },
    { "{\"size\":4}", "", NO_CODES },
    { "{\"quantization_config\":\"Disabled\"}", "{}", NO_CODES },
    { "no json", "[1", NO_CODES },
    { "", "{\"scalar\":{\"type\":\"int8\",\"quantile\":0.9}}", CODE_8 },
    { "", "{\"product\":{\"compression\":\"x4\"}}", CODE_8 },
    { "", "{\"product\":{\"compression\":\"x8\"}}", CODE_4 },
    { "", "{\"product\":{\"compression\":\"x16\"}}", CODE_2 },
    { "", "{\"product\":{\"compression\":\"x32\"}}", CODE_1 },
    { "", "{\"product\":{\"compression\":\"x64\"}}", CODE_HALF },
    { "", "{\"binary\":{}}", CODE_1 },
    { "", "{\"binary\":{\"encoding\":\"one_bit\"}}", CODE_1 },
    { "", "{\"binary\":{\"encoding\":\"one_and_half_bits\"}}", CODE_1_5 },
    { "", "{\"binary\":{\"encoding\":\"two_bits\"}}", CODE_2 },
    { "", "{\"turbo\":{}}", CODE_4 },
    { "", "{\"turbo\":{\"bits\":\"bits1\"}}", CODE_1 },
    { "", "{\"turbo\":{\"bits\":\"bits1_5\"}}", CODE_1_5 },
    { "", "{\"turbo\":{\"bits\":\"bits2\"}}", CODE_2 },
    { "", "{\"turbo\":{\"bits\":\"bits4\"}}", CODE_4 },
    { "{\"quantization_config\":{\"binary\":{}}}",
      "{\"scalar\":{\"type\":\"int8\"}}", CODE_1 },
    { "{\"size\":4}", "{\"scalar\":{\"type\":\"int8\"}}", CODE_8 },
};
#define WISH_COUNT (sizeof(wishes) / sizeof(wishes[0]))

START_TEST(quantization_asks_for_codes)
{
    struct codes_wish wish = config_quantization(span_of(wishes[_i].own),
                                                 span_of(wishes[_i].common));
    ck_assert_int_eq(wish.is_set ? (int)wish.kind : NO_CODES, wishes[_i].kind);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("collection/config_quantization");
    TCase *tests = tcase_create("wishes");
    tcase_add_loop_test(tests, quantization_asks_for_codes, 0, (int)WISH_COUNT);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
