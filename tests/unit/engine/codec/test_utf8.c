/* SPDX-License-Identifier: Apache-2.0
 * UTF-8: what is, and what becomes of what is not. */
#include "engine/codec/utf8.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct {
    const char *text;
    bool is_valid;
    const char *clean;
} texts[] = {
    { "", true, "" },
    { "plain, and long enough for words of eight", true,
      "plain, and long enough for words of eight" },
    { "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true,
      "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
    { "\xf4\x8f\xbf\xbf", true, "\xf4\x8f\xbf\xbf" },
    { "cut \xe2\x82", false, "cut ??" },
    { "cut \xc3", false, "cut ?" },
    { "\x80"
      "a",
      false, "?a" },
    { "\xc0\xaf", false, "??" },
    { "\xe0\x9f\xbf", false, "???" },
    { "\xed\xa0\x80", false, "???" },
    { "\xf0\x8f\xbf\xbf", false, "????" },
    { "\xf4\x90\x80\x80", false, "????" },
    { "\xff\xfe", false, "??" },
};

START_TEST(utf8_is_told_from_what_is_none)
{
    struct span text = span_of(texts[_i].text);
    char clean[64];
    ck_assert_msg(utf8_is_valid(text) == texts[_i].is_valid, "%s", text.data);
    size_t size = utf8_clean(text, clean, sizeof(clean));
    ck_assert(size == strlen(texts[_i].clean) &&
              memcmp(clean, texts[_i].clean, size) == 0);
}
END_TEST

/* No room cuts a code point. */
START_TEST(utf8_is_cut_between_code_points)
{
    struct span text = span_of("a\xe2\x82\xac");
    char clean[4];
    for (size_t room = 0; room <= 4; room++) {
        size_t size = utf8_clean(text, clean, room);
        ck_assert_uint_eq(size, room == 0 ? 0 : room < 4 ? 1 : 4);
    }
}
END_TEST

/* A bad byte is found at each place of texts of any length. */
START_TEST(utf8_is_looked_at_to_its_end)
{
    char text[40];
    for (size_t size = 1; size <= sizeof(text); size++) {
        memset(text, 'a', size);
        ck_assert(utf8_is_valid((struct span){ text, size }));
        for (size_t at = 0; at < size; at++) {
            text[at] = (char)0xff;
            ck_assert(!utf8_is_valid((struct span){ text, size }));
            text[at] = 'a';
        }
        for (size_t at = 0; at + 2 <= size; at++) {
            memcpy(text + at, "\xc3\xa4", 2);
            ck_assert(utf8_is_valid((struct span){ text, size }));
            ck_assert(!utf8_is_valid((struct span){ text, at + 1 }));
            memset(text + at, 'a', 2);
        }
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tcase = tcase_create("utf8");
    tcase_add_loop_test(tcase, utf8_is_told_from_what_is_none, 0,
                        (int)(sizeof(texts) / sizeof(texts[0])));
    tcase_add_test(tcase, utf8_is_cut_between_code_points);
    tcase_add_test(tcase, utf8_is_looked_at_to_its_end);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
