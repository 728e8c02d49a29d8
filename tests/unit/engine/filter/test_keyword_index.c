/* SPDX-License-Identifier: Apache-2.0
 * Strings to slots: growth, removal in any order, odd strings. */
#include "engine/filter/keyword_index.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define WORDS 5000

static struct span
word(char text[32], unsigned i)
{
    int size = snprintf(text, 32, "w%u", i);
    return (struct span){ text, (size_t)size };
}

static bool
count_visit(void *ctx, struct span text, const struct posting *posting)
{
    size_t *count = ctx;
    ck_assert_uint_gt(text.size, 0);
    ck_assert_uint_gt(posting->count, 0);
    (*count)++;
    return true;
}

static bool
has(const struct keyword_index *index, struct span text, uint32_t slot)
{
    struct posting posting;
    return keyword_index_find(index, text, &posting) &&
           posting_contains(&posting, slot);
}

static bool
is_known(const struct keyword_index *index, struct span text)
{
    struct posting posting;
    return keyword_index_find(index, text, &posting);
}

/* Each text stands with its own slots. */
static bool
texts_visit(void *ctx, struct span text, const struct posting *posting)
{
    size_t *count = ctx;
    ck_assert(text.size == 36 || text.size == 35 || text.size == 16);
    ck_assert_uint_eq(posting->count, 3);
    (*count)++;
    return true;
}

START_TEST(keywords_survive_growth_and_removal)
{
    struct keyword_index *index = keyword_index_new(NULL);
    char text[32];
    bool is_added;
    for (unsigned i = 0; i < WORDS; i++) {
        for (uint32_t slot = i; slot < i + 2; slot++)
            ck_assert_int_eq(
                keyword_index_add(index, word(text, i), slot, &is_added, NULL),
                ENGINE_OK);
        ck_assert(is_added);
    }
    ck_assert_uint_eq(keyword_index_count(index), WORDS);
    /* Remove every other word; the rest must still be found. */
    for (unsigned i = 0; i < WORDS; i += 2) {
        keyword_index_remove(index, word(text, i), i);
        ck_assert(is_known(index, word(text, i)));
        keyword_index_remove(index, word(text, i), i + 1);
        ck_assert(!is_known(index, word(text, i)));
        keyword_index_remove(index, word(text, i), i + 1);
    }
    for (unsigned i = 1; i < WORDS; i += 2) {
        ck_assert(has(index, word(text, i), i));
        ck_assert(has(index, word(text, i), i + 1));
    }
    size_t count = 0;
    keyword_index_each(index, count_visit, &count);
    ck_assert_uint_eq(count, WORDS / 2);
    ck_assert_uint_eq(keyword_index_count(index), WORDS / 2);
    ck_assert_uint_gt(keyword_index_memory(index), WORDS);
    keyword_index_free(index);
}
END_TEST

START_TEST(keywords_may_be_empty_or_hold_any_byte)
{
    struct keyword_index *index = keyword_index_new(NULL);
    bool is_added;
    struct span none = { NULL, 0 }, nul = { "a\0b", 3 }, a = { "a", 1 };
    ck_assert_int_eq(keyword_index_add(index, none, 1, &is_added, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(keyword_index_add(index, nul, 2, &is_added, NULL),
                     ENGINE_OK);
    ck_assert(!is_known(index, a));
    ck_assert(has(index, nul, 2));
    ck_assert(has(index, none, 1));
    keyword_index_remove(index, a, 9);
    keyword_index_free(index);
    keyword_index_free(NULL);
}
END_TEST

/* Around what still has room in a record, with one slot and more. */
START_TEST(keywords_of_any_length_come_and_go)
{
    static char text[5000];
    struct keyword_index *index = keyword_index_new(NULL);
    bool is_added;
    for (unsigned round = 0; round < 3; round++) {
        for (size_t size = 0; size < sizeof(text); size += 1 + size / 9) {
            memset(text, 'a' + (int)(size % 7), sizeof(text));
            struct span word = { text, size };
            for (uint32_t slot = 0; slot <= size % 80; slot++) {
                ck_assert_int_eq(
                    keyword_index_add(index, word, slot, &is_added, NULL),
                    ENGINE_OK);
                ck_assert(is_added == (round == 0 || size % 2 == 0));
            }
        }
        keyword_index_settle(index);
        for (size_t size = 0; size < sizeof(text); size += 1 + size / 9) {
            memset(text, 'a' + (int)(size % 7), sizeof(text));
            struct span word = { text, size };
            for (uint32_t slot = 0; slot <= size % 80; slot++)
                ck_assert(has(index, word, slot));
            ck_assert(!has(index, word, 1000));
            for (uint32_t slot = 0; size % 2 == 0 && slot <= size % 80; slot++)
                keyword_index_remove(index, word, slot);
            ck_assert(is_known(index, word) == (size % 2 == 1));
        }
    }
    keyword_index_free(index);
}
END_TEST

/* A packed UUID is told from every other text. */
START_TEST(uuids_are_the_texts_that_they_were)
{
    static const char *const texts[] = {
        "0123abcd-4567-89ef-0000-00000000ffff",
        "0123ABCD-4567-89ef-0000-00000000ffff",
        "0123abcd-4567-89ef-0000-00000000fffe",
        "0123abcd4567-89ef-0000-00000000ffff0",
        "0123abcd-4567-89ef-0000-00000000fff-",
        "0123abcd-4567-89ef-0000-00000000fffg",
        "0123abcd-4567-89ef-0000-00000000fff",
        "\x01\x23\xab\xcd\x45\x67\x89\xef\x01\x01\x01\x01\x01\x01\xff\xff",
        "0123abcd-4567-89ef-0101-01010101ffff",
    };
    const size_t count = sizeof(texts) / sizeof(texts[0]);
    struct keyword_index *index = keyword_index_new(NULL);
    bool is_added;
    for (uint32_t slot = 0; slot < 3; slot++)
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(keyword_index_add(index, span_of(texts[i]),
                                               (uint32_t)i * 10 + slot,
                                               &is_added, NULL),
                             ENGINE_OK);
    ck_assert_uint_eq(keyword_index_count(index), count);
    for (uint32_t i = 0; i < count * 10; i++)
        for (size_t k = 0; k < count; k++)
            ck_assert(has(index, span_of(texts[k]), i) ==
                      (i / 10 == k && i % 10 < 3));
    size_t visited = 0;
    keyword_index_each(index, texts_visit, &visited);
    ck_assert_uint_eq(visited, count);
    for (uint32_t slot = 0; slot < 3; slot++)
        keyword_index_remove(index, span_of(texts[0]), slot);
    ck_assert(!is_known(index, span_of(texts[0])));
    ck_assert_uint_eq(keyword_index_count(index), count - 1);
    keyword_index_free(index);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("keyword_index");
    TCase *tcase = tcase_create("keyword_index");
    tcase_add_test(tcase, keywords_survive_growth_and_removal);
    tcase_add_test(tcase, keywords_of_any_length_come_and_go);
    tcase_add_test(tcase, uuids_are_the_texts_that_they_were);
    tcase_add_test(tcase, keywords_may_be_empty_or_hold_any_byte);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
