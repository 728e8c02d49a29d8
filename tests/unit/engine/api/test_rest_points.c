/* SPDX-License-Identifier: Apache-2.0
 * Covers: the scan of upserts. What clients usually send is taken, whatever
 * its spacing and numbers; what is unusual or wrong is left to the document's
 * reader; what is taken means the same to both. */
#include "engine/api/rest_points.h"
#include "engine/codec/json_read.h"
#include "tests/fixture/points_check.h"
#include "tests/fixture/suite.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define UUID "\"5c56c793-69f3-4fbf-87e6-c4bf54c28c26\""

static void
expect(const char *body, bool is_taken)
{
    bool is = points_check(span_of(body), UPDATE_UPSERT);
    ck_assert_msg(is == is_taken, "%s: %s", is ? "taken" : "left", body);
}

START_TEST(points_are_taken_in_their_usual_forms)
{
    expect("{\"points\":[{\"id\":1,\"vector\":[0.5,-1e-05,3]}]}", true);
    expect(" {\r\n\t\"points\" : [ { \"id\" : 1 , \"vector\" : [ 0.5 , 1 ] } ,"
           " {\"id\": " UUID ", \"vector\": [0.25, 2.0]} ] } \n",
           true);
    expect("{\"points\":[{\"vector\":[1],\"payload\":{\"a\": [1.0, \"}\\\"\","
           " {}], \"b\": null},\"id\":18}]}",
           true);
    expect("{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":null}],"
           "\"shard_key\":null}",
           true);
    expect("{\"points\":[{\"id\":1,\"vector\":{\"a\":[1],\"text\":[2,3]}}]}",
           true);
    expect("{\"batch\":{\"ids\":[1," UUID "],\"vectors\":[[1],[2]],"
           "\"payloads\":[null,{\"a\":1}]}}",
           true);
    expect("{\"batch\":{\"payloads\":[{}],\"vectors\":[[1]],\"ids\":[7]}}",
           true);
}
END_TEST

START_TEST(points_leave_what_is_unusual)
{
    expect("", false);
    expect("[]", false);
    expect("{\"points\":[]}", false);
    expect("{\"points\":null}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vectors\":[1]}]}", false);
    expect(
        "{\"points\":[{\"id\":1,\"vector\":[1]}],\"update_mode\":\"upsert\"}",
        false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1]}],\"points\":[]}", false);
    expect("{\"points\":[{\"id\":1,\"id\":2,\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"i\\u0064\":1,\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":{\"a\":"
           "{\"b\":1,\"b\":2}}}]}",
           false);
    expect("{\"points\":[{\"id\":1,\"vector\":[[1]]}]}", true);
    expect("{\"points\":[{\"id\":1,\"vector\":[[1,2],[3,4],[5,6]]}]}", true);
    expect("{\"points\":[{\"id\":1,\"vector\":{\"a\":[[1]],\"b\":[1]}}]}",
           true);
    expect("{\"points\":[{\"id\":1,\"vector\":[[1,2],[3]]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[[1],[]]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[[1],2]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[[[1]]]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":{\"a\":{\"indices\":[1],"
           "\"values\":[1]}}}]}",
           false);
    expect("{\"points\":[{\"id\":1,\"vector\":{\"indices\":[1],"
           "\"values\":[1]}}]}",
           false);
    expect("{\"batch\":{\"ids\":[1],\"vectors\":{\"a\":[[1]]}}}", false);
    expect("{\"batch\":{\"ids\":[1,2],\"vectors\":[[1]]}}", false);
    expect("{\"batch\":{\"ids\":[1],\"vectors\":[[1],[2]]}}", false);
    expect("{\"batch\":{\"vectors\":[[1]]}}", false);
}
END_TEST

START_TEST(points_leave_what_is_wrong)
{
    expect("{\"points\":[{\"id\":1,\"vector\":[1]}]", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1]}]}x", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1]},]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1,]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[01]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1.]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[.5]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1e39]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1,null]}]}", false);
    expect("{\"points\":[{\"id\":01,\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"id\":-1,\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"id\":1.0,\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"id\":\"1\",\"vector\":[1]}]}", false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":{\"a\":\"\xff\"}"
           "}]}",
           false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":{\"a\":[}}}]}",
           false);
    expect("{\"points\":[{\"id\":1,\"vector\":[1],\"payload\":[]}]}", false);
}
END_TEST

/* Three levels are around a payload. */
START_TEST(points_leave_payloads_past_the_depth_limit)
{
    for (int extra = 0; extra <= 1; extra++) {
        struct bytes body;
        bytes_init(&body, 4096);
        bytes_add_text(&body, "{\"points\":[{\"id\":1,\"vector\":[1],"
                              "\"payload\":{\"a\":");
        for (int i = 0; i < JSON_DEPTH_MAX - 4 + extra; i++)
            bytes_add_char(&body, '[');
        for (int i = 0; i < JSON_DEPTH_MAX - 4 + extra; i++)
            bytes_add_char(&body, ']');
        bytes_add_text(&body, "}}]}");
        expect(body.data, extra == 0);
        bytes_release(&body);
    }
}
END_TEST

START_TEST(points_of_a_vector_update_are_no_batch)
{
    struct span batch = span_of("{\"batch\":{\"ids\":[1],\"vectors\":[[1]]}}");
    struct span points = span_of("{\"points\":[{\"id\":1,\"vector\":[1]}]}");
    ck_assert(!points_check(batch, UPDATE_VECTORS));
    ck_assert(points_check(points, UPDATE_VECTORS));
}
END_TEST

START_TEST(points_run_out_of_memory)
{
    struct span body = span_of("{\"points\":[{\"id\":1,\"vector\":[1,2,3],"
                               "\"payload\":{\"a\":1}}]}");
    size_t refused = 0;
    for (size_t size = 16; size < 4096; size += 16) {
        struct arena arena;
        struct update update;
        arena_init(&arena, size);
        if (!rest_points_scan(body, UPDATE_UPSERT, &arena, &update))
            refused++;
        else
            ck_assert_uint_eq(update.points_count, 1);
        arena_release(&arena);
    }
    ck_assert_uint_gt(refused, 3);
    ck_assert_uint_lt(refused, 250);
}
END_TEST

/* ---- random bodies ---- */

static uint64_t state = 88172645463325252u;

static uint64_t
next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void
add_space(struct bytes *body)
{
    static const char spaces[] = " \n\t\r";
    for (uint64_t i = next_random() % 8; i > 5; i--)
        bytes_add_char(body, spaces[next_random() % 4]);
}

static void
add_token(struct bytes *body, const char *text)
{
    add_space(body);
    bytes_add_text(body, text);
    add_space(body);
}

static void
add_number(struct bytes *body)
{
    double value = ((double)(next_random() >> 11) * 0x1p-53 - 0.5) *
                   pow(10, (double)(next_random() % 9) - 6);
    char text[64];
    switch (next_random() % 4) {
    case 0:
        snprintf(text, sizeof(text), "%.9g", value);
        break;
    case 1:
        snprintf(text, sizeof(text), "%.17g", value);
        break;
    case 2:
        snprintf(text, sizeof(text), "%.*f", (int)(next_random() % 25), value);
        break;
    default:
        snprintf(text, sizeof(text), "%.6e", value);
    }
    add_token(body, text);
}

static void
add_vector(struct bytes *body)
{
    add_token(body, "[");
    for (uint64_t i = next_random() % 20; i > 0; i--) {
        add_number(body);
        bytes_add_char(body, ',');
    }
    add_number(body);
    add_token(body, "]");
}

static void
add_point(struct bytes *body)
{
    static const char *const payloads[] = { "{}", "{\"a\" :1.50}",
                                            "{\"\\u00e9\":[\"}\",{}]}",
                                            "null" };
    add_token(body, "{\"id\":");
    if (next_random() % 4 == 0)
        add_token(body, UUID);
    else
        bytes_addf(body, "%llu", (unsigned long long)next_random() >> 1);
    add_token(body, ",\"vector\":");
    bool is_named = next_random() % 4 == 0;
    if (is_named) {
        add_token(body, "{\"a\":");
        add_vector(body);
        add_token(body, ", \"b\":");
    }
    add_vector(body);
    if (is_named)
        add_token(body, "}");
    if (next_random() % 2 == 0) {
        add_token(body, ", \"payload\":");
        add_token(body, payloads[next_random() % 4]);
    }
    add_token(body, "}");
}

static void
damage(struct bytes *body)
{
    static const char usual[] = "0123456789.,-+eE[]{}\":nul \\idvp";
    for (uint64_t i = next_random() % 3 + 1; i > 0; i--) {
        char *at = body->data + next_random() % body->size;
        if (next_random() % 8 == 0)
            *at = (char)next_random();
        else if (next_random() % 4 == 0)
            memmove(at, at + 1, (size_t)(body->data + body->size - at - 1));
        else
            *at = usual[next_random() % (sizeof(usual) - 1)];
    }
}

START_TEST(points_mean_the_same_to_both_readers)
{
    size_t taken = 0, taken_damaged = 0, rounds = 3000;
    for (size_t i = 0; i < rounds; i++) {
        struct bytes body;
        bytes_init(&body, 1 << 20);
        bytes_add_text(&body, "{\"points\":[");
        add_point(&body);
        for (uint64_t more = next_random() % 4; more > 0; more--) {
            bytes_add_char(&body, ',');
            add_point(&body);
        }
        bytes_add_text(&body, "]}");
        taken += points_check(bytes_span(&body), UPDATE_UPSERT);
        damage(&body);
        taken_damaged += points_check(bytes_span(&body), UPDATE_UPSERT);
        bytes_release(&body);
    }
    ck_assert_uint_eq(taken, rounds);
    ck_assert_uint_gt(taken_damaged, rounds / 20);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rest_points");
    TCase *cases = tcase_create("rest_points");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, points_are_taken_in_their_usual_forms);
    tcase_add_test(cases, points_leave_what_is_unusual);
    tcase_add_test(cases, points_leave_what_is_wrong);
    tcase_add_test(cases, points_leave_payloads_past_the_depth_limit);
    tcase_add_test(cases, points_of_a_vector_update_are_no_batch);
    tcase_add_test(cases, points_run_out_of_memory);
    tcase_add_test(cases, points_mean_the_same_to_both_readers);
    suite_add_tcase(suite, cases);
    return suite_run(suite);
}
