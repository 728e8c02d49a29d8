/* SPDX-License-Identifier: Apache-2.0
 * Covers: lists of numbers read straight into floats are what a document and a
 * cast give, bit for bit: usual numbers, those next to the middle between two
 * floats, those of unusual forms; lists that are none are refused. */
#include "engine/codec/json_floats.h"
#include "engine/codec/json_read.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define LIST_MAX 4096

static uint64_t state;

static uint64_t
next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* `text` is a list. Whether it was read; then every float is compared. */
static bool
check_list(const char *text)
{
    static float values[LIST_MAX];
    size_t count = 0, index, max;
    const char *at = NULL;
    /* Of its own size, so that a sanitizer sees one byte past it. */
    size_t size = strlen(text);
    char *copy = malloc(size);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, text, size);
    bool is_read =
        json_floats_read(copy + 1, copy + size, values, LIST_MAX, &count, &at);
    if (is_read) {
        yyjson_doc *doc = NULL;
        struct span list = { copy, (size_t)(at - copy) };
        ck_assert_msg(json_parse(list, &doc, NULL) == ENGINE_OK, "%s", text);
        yyjson_val *root = yyjson_doc_get_root(doc), *item;
        ck_assert_uint_eq(yyjson_arr_size(root), count);
        yyjson_arr_foreach(root, index, max, item)
        {
            float number = (float)yyjson_get_num(item);
            ck_assert_msg(memcmp(&number, &values[index], sizeof(number)) == 0,
                          "%a wanted, got %a at %zu of %s", (double)number,
                          (double)values[index], index, text);
        }
        yyjson_doc_free(doc);
    }
    free(copy);
    return is_read;
}

static float
random_float(void)
{
    float value;
    do {
        uint32_t bits = (uint32_t)next_random();
        memcpy(&value, &bits, sizeof(value));
    } while (!(fabsf(value) < 1e30f));
    return value;
}

/* As an embedding has them. */
static float
random_part(void)
{
    return (float)(((double)(next_random() >> 11) * 0x1p-53 - 0.5) * 0.25);
}

/* The middle between two floats, or the double next to it. */
static double
random_middle(float value)
{
    double middle = ((double)value + (double)nextafterf(value, INFINITY)) / 2;
    uint64_t side = next_random() % 3;
    return side == 0 ? middle : nextafter(middle, side == 1 ? -1e40 : 1e40);
}

static void
print_whole(char text[128])
{
    unsigned long long whole = next_random() >> next_random() % 64;
    unsigned long long part = next_random() >> next_random() % 64;
    int width = (int)(next_random() % 20) + 1;
    static const char *const ends[] = { "", "", "e-5", "E3", "e+00" };
    snprintf(text, 128, "%s%llu.%0*llu%s", next_random() % 2 ? "-" : "", whole,
             width, part, ends[next_random() % 5]);
}

static void
print_number(char text[128], int kind)
{
    int digits = (int)(next_random() % 22) + 1;
    switch (kind) {
    case 0:
        snprintf(text, 128, "%.9g", (double)random_part());
        break;
    case 1:
        snprintf(text, 128, "%.17g", (double)random_part());
        break;
    case 2:
        snprintf(text, 128, "%.9g", (double)random_float());
        break;
    case 3:
        snprintf(text, 128, "%.*g", digits, random_middle(random_float()));
        break;
    case 4:
        snprintf(text, 128, "%.*f", digits, random_middle(random_part()));
        break;
    case 5:
        snprintf(text, 128, "%d", (int)(next_random() % 512) - 256);
        break;
    default:
        print_whole(text);
    }
}

START_TEST(floats_are_those_of_a_document)
{
    static char list[128 * 512];
    state = 88172645463325252u + (uint64_t)_i;
    for (int round = 0; round < 400; round++) {
        size_t used = 0;
        list[used++] = '[';
        for (int i = 0; i < 500; i++) {
            char text[128];
            print_number(text, _i);
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s",
                                     i > 0 ? "," : "", text);
        }
        snprintf(list + used, sizeof(list) - used, "]");
        ck_assert_msg(check_list(list), "left: %s", list);
    }
}
END_TEST

START_TEST(floats_of_every_form_are_read)
{
    static const char *const lists[] = {
        "[0]",
        "[-0]",
        "[-0.0]",
        "[0.0]",
        "[0e5]",
        "[-0E-5]",
        "[1]",
        "[12345678901234567890]",
        "[123456789012345678901234567890]",
        "[0.000000000000000000000000000001]",
        "[1.5e10]",
        "[1e-45]",
        "[1e-46]",
        "[3.4028235e38]",
        "[-3.4028234663852886e+38]",
        "[1.17549435e-38]",
        "[1.1754943e-38]",
        "[16777217]",
        "[16777217.0]",
        "[16777216.9999999]",
        "[33554433.0000000000000001]",
        "[1.00000005960464477539]",
        "[1.000000059604644775390625]",
        "[1.0000000596046447753906250000001]",
        "[ 1 ,\t2\r\n, 3 ]",
        "[999999999.9999999999]",
        "[1234567890.5]",
        "[0.12345678901234567,0.1234567890123456789012345678901234567890]",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char padded[256];
        ck_assert_msg(check_list(lists[i]), "%s", lists[i]);
        /* With room behind it the same list takes the quick way. */
        snprintf(padded, sizeof(padded), "%s%64s", lists[i], "");
        ck_assert_msg(check_list(padded), "%s", padded);
    }
}
END_TEST

START_TEST(floats_refuse_what_is_no_list)
{
    static const char *const lists[] = {
        "[",         "[]",      "[1",     "[1,",     "[1,]",       "[,1]",
        "[1 2]",     "[01]",    "[00.5]", "[-]",     "[+1]",       "[.5]",
        "[1.]",      "[1.e5]",  "[1e]",   "[1e+]",   "[--1]",      "[1e39]",
        "[-3.5e38]", "[1e999]", "[NaN]",  "[nan]",   "[Infinity]", "[null]",
        "[true]",    "[\"1\"]", "[[1]]",  "[1,[2]]", "[1.5.5]",    "[1-2]",
        "[0x10]",    "[1;2]",   "[1}",    "[1_0]",
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        char padded[256];
        ck_assert_msg(!check_list(lists[i]), "%s", lists[i]);
        snprintf(padded, sizeof(padded), "%s%64s", lists[i], "");
        ck_assert_msg(!check_list(padded), "%s", padded);
    }
}
END_TEST

START_TEST(floats_stay_within_their_room)
{
    float values[4] = { 0, 0, 0, -7 };
    const char *text = "1,2,3]", *at;
    size_t count;
    ck_assert(json_floats_read(text, text + 6, values, 3, &count, &at));
    ck_assert_uint_eq(count, 3);
    ck_assert_ptr_eq(at, text + 6);
    ck_assert(!json_floats_read(text, text + 6, values, 2, &count, &at));
    ck_assert(!json_floats_read(text, text + 6, values, 0, &count, &at));
    ck_assert(values[3] == -7);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json_floats");
    TCase *cases = tcase_create("json_floats");
    tcase_set_timeout(cases, 120);
    tcase_add_loop_test(cases, floats_are_those_of_a_document, 0, 7);
    tcase_add_test(cases, floats_of_every_form_are_read);
    tcase_add_test(cases, floats_refuse_what_is_no_list);
    tcase_add_test(cases, floats_stay_within_their_room);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
