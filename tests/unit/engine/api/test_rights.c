/* SPDX-License-Identifier: Apache-2.0
 * The claim `access`, and that every route says what it needs. */
#include <config.h>

#include "engine/api/call.h"
#include "engine/api/rights.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, 1 << 20);
    error.text[0] = '\0';
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum engine_code
read_form(const char *json, enum rights_form form, struct rights *ret_rights)
{
    yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
    ck_assert_ptr_nonnull(doc);
    enum engine_code code =
        rights_read(yyjson_obj_get(yyjson_doc_get_root(doc), "access"), form,
                    &arena, ret_rights, &error);
    yyjson_doc_free(doc); /* nothing may point into it */
    return code;
}

static enum engine_code
read_access(const char *json, struct rights *ret_rights)
{
    return read_form(json, RIGHTS_PATTERNS, ret_rights);
}

static enum right
on(const struct rights *rights, const char *name)
{
    struct span span = span_of(name);
    return rights_on(rights, &span);
}

START_TEST(rights_of_one_letter_hold_everywhere)
{
    struct rights rights;
    ck_assert_int_eq(read_access("{\"access\":\"r\"}", &rights), ENGINE_OK);
    ck_assert_int_eq(on(&rights, "any"), RIGHT_READ);
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_READ);
    ck_assert_int_eq(read_access("{\"access\":\"m\"}", &rights), ENGINE_OK);
    ck_assert_int_eq(on(&rights, "any"), RIGHT_MANAGE);
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_MANAGE);
}
END_TEST

/* The highest right that fits counts; one collection's right is none on the
 * engine. */
START_TEST(rights_go_by_collection)
{
    struct rights rights;
    ck_assert_int_eq(
        read_access("{\"access\":["
                    "{\"collection\":\"docs\",\"access\":\"rw\"},"
                    "{\"collection\":\"team-*\",\"access\":\"prw\"},"
                    "{\"collection\":\"team-a\",\"access\":\"m\"},"
                    "{\"collection\":\"team-b\",\"access\":\"r\"}]}",
                    &rights),
        ENGINE_OK);
    ck_assert_int_eq(on(&rights, "docs"), RIGHT_WRITE);
    ck_assert_int_eq(on(&rights, "docs2"), RIGHT_NONE);
    ck_assert_int_eq(on(&rights, "doc"), RIGHT_NONE);
    ck_assert_int_eq(on(&rights, "Docs"), RIGHT_NONE);
    ck_assert_int_eq(on(&rights, "team-"), RIGHT_POINTS);
    ck_assert_int_eq(on(&rights, "team-z"), RIGHT_POINTS);
    ck_assert_int_eq(on(&rights, "team-a"), RIGHT_MANAGE);
    ck_assert_int_eq(on(&rights, "team-b"), RIGHT_POINTS);
    ck_assert_int_eq(on(&rights, "team"), RIGHT_NONE);
    ck_assert_int_eq(on(&rights, ""), RIGHT_NONE);
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_NONE);
}
END_TEST

START_TEST(rights_on_all_names_hold_on_the_engine)
{
    struct rights rights;
    ck_assert_int_eq(
        read_access("{\"access\":[{\"collection\":\"*\",\"access\":\"r\"},"
                    "{\"collection\":\"a\",\"access\":\"m\"}]}",
                    &rights),
        ENGINE_OK);
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_READ);
    ck_assert_int_eq(on(&rights, "b"), RIGHT_READ);
    ck_assert_int_eq(on(&rights, "a"), RIGHT_MANAGE);
}
END_TEST

START_TEST(rights_of_an_empty_list_are_none)
{
    struct rights rights, zero = { .everywhere = RIGHT_UNSET };
    ck_assert_int_eq(read_access("{\"access\":[]}", &rights), ENGINE_OK);
    ck_assert_int_eq(on(&rights, "a"), RIGHT_NONE);
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_NONE);
    ck_assert_int_eq(rights_on(&zero, NULL), RIGHT_NONE);
}
END_TEST

static const char *const refused[] = {
    "{}",
    "{\"access\":null}",
    "{\"access\":true}",
    "{\"access\":{}}",
    "{\"access\":\"\"}",
    "{\"access\":\"rw\"}",
    "{\"access\":\"M\"}",
    "{\"access\":[\"m\"]}",
    "{\"access\":[null]}",
    "{\"access\":[{}]}",
    "{\"access\":[{\"collection\":\"a\"}]}",
    "{\"access\":[{\"access\":\"r\",\"x\":1}]}",
    "{\"access\":[{\"collection\":\"\",\"access\":\"r\"}]}",
    "{\"access\":[{\"collection\":\"a\",\"access\":\"w\"}]}",
    "{\"access\":[{\"collection\":1,\"access\":\"r\"}]}",
    "{\"access\":[{\"collection\":\"a*b\",\"access\":\"r\"}]}",
    "{\"access\":[{\"collection\":\"a**\",\"access\":\"r\"}]}",
    "{\"access\":[{\"collection\":\"a\",\"access\":\"r\",\"payload\":{}}]}",
    "{\"access\":[{\"collection\":\"a\",\"access\":\"r\"},7]}",
};

START_TEST(rights_are_never_guessed)
{
    struct rights rights = { .everywhere = RIGHT_UNSET };
    ck_assert_msg(read_access(refused[_i], &rights) == ENGINE_EFORBIDDEN, "%s",
                  refused[_i]);
    ck_assert_str_ne(error.text, "");
    ck_assert_int_eq(rights_on(&rights, NULL), RIGHT_NONE);
}
END_TEST

#define PART(payload)                                                          \
    "{\"access\":[{\"collection\":\"a\",\"access\":\"rw\","                    \
    "\"payload\":" payload "},{\"collection\":\"b\",\"access\":\"r\"}]}"

START_TEST(rights_may_be_on_a_part)
{
    struct rights rights;
    ck_assert_int_eq(read_form(PART("{\"who\":\"x\",\"n.m\":-3,\"is\":true}"),
                               RIGHTS_EXACT, &rights),
                     ENGINE_OK);
    ck_assert_int_eq(on(&rights, "a"), RIGHT_WRITE);
    const struct filter *part = rights_part_of(&rights, span_of("a"));
    ck_assert_ptr_nonnull(part);
    ck_assert_ptr_null(rights_part_of(&rights, span_of("b")));
    ck_assert_ptr_null(rights_part_of(&rights, span_of("c")));
    ck_assert_uint_eq(part->must.count, 3);
    const struct condition *must = part->must.conditions;
    for (size_t i = 0; i < 3; i++)
        ck_assert(must[i].kind == CONDITION_MATCH && must[i].values_count == 1);
    ck_assert(must[0].values->type == MATCH_STRING &&
              span_equal_text(must[0].values->string, "x"));
    ck_assert_uint_eq(must[1].path.steps_count, 2);
    ck_assert(must[1].values->type == MATCH_INTEGER &&
              must[1].values->integer == -3);
    ck_assert(must[2].values->type == MATCH_BOOL && must[2].values->boolean);
    /* No condition is a part, too; null is none. */
    ck_assert_int_eq(read_form(PART("{}"), RIGHTS_EXACT, &rights), ENGINE_OK);
    ck_assert_ptr_nonnull(rights_part_of(&rights, span_of("a")));
    ck_assert_int_eq(read_form(PART("null"), RIGHTS_EXACT, &rights), ENGINE_OK);
    ck_assert_ptr_null(rights_part_of(&rights, span_of("a")));
}
END_TEST

static const char *const bad_parts[] = {
    PART("[]"),
    PART("\"x\""),
    PART("{\"k\":1.5}"),
    PART("{\"k\":null}"),
    PART("{\"k\":[1]}"),
    PART("{\"k\":{}}"),
    PART("{\"\":1}"),
    PART("{\"a[\":1}"),
    PART("{\"k\":9223372036854775808}"),
    PART("{},\"payload\":{}"),
};

START_TEST(rights_on_a_part_are_never_guessed)
{
    struct rights rights = { .everywhere = RIGHT_UNSET };
    ck_assert_msg(read_form(bad_parts[_i], RIGHTS_EXACT, &rights) ==
                      ENGINE_EFORBIDDEN,
                  "%s", bad_parts[_i]);
    ck_assert_str_ne(error.text, "");
}
END_TEST

/* Each size of an arena either holds all of it or says so. */
START_TEST(rights_on_a_part_need_memory)
{
    struct rights rights;
    enum engine_code code = ENGINE_ENOMEM;
    for (size_t cap = 16; code == ENGINE_ENOMEM; cap += 16) {
        arena_release(&arena);
        arena_init(&arena, cap);
        code = read_form(PART("{\"who\":\"x\",\"n.m\":-3}"), RIGHTS_EXACT,
                         &rights);
        ck_assert_uint_lt(cap, 1 << 16);
    }
    ck_assert_int_eq(code, ENGINE_OK);
}
END_TEST

START_TEST(rights_are_bounded)
{
    struct rights rights;
    struct bytes json;
    bytes_init(&json, 1 << 20);
    bytes_add_text(&json, "{\"access\":[");
    for (int i = 0; i <= RIGHTS_GRANTS_MAX; i++)
        bytes_addf(&json, "%s{\"collection\":\"%d\",\"access\":\"r\"}",
                   i > 0 ? "," : "", i);
    bytes_add_text(&json, "]}");
    ck_assert_int_eq(read_access(json.data, &rights), ENGINE_EFORBIDDEN);
    bytes_release(&json);
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(
        read_access("{\"access\":[{\"collection\":\"a\",\"access\":\"r\"}]}",
                    &rights),
        ENGINE_ENOMEM);
}
END_TEST

/* A route that nobody thought about must not be let through by the next
 * change, so each one says its right. */
START_TEST(routes_all_name_the_right_they_need)
{
    ck_assert_uint_gt(api_routes_count, 40);
    for (size_t i = 0; i < api_routes_count; i++) {
        const struct route *route = &api_routes[i];
        struct call call = { .route = route };
        bool is_open = (route->flags & ROUTE_OPEN) != 0;
        bool has_collection = strstr(route->pattern, "{name}") != NULL;
        ck_assert_msg(route->right > RIGHT_UNSET &&
                          route->right <= RIGHT_MANAGE,
                      "%s has no right", route->pattern);
        ck_assert_msg((call_collection_name(&call) != NULL) == has_collection,
                      "%s", route->pattern);
        /* Nothing about a collection is open or without a right. */
        if (has_collection)
            ck_assert_msg(!is_open && route->right >= RIGHT_READ, "%s",
                          route->pattern);
        else if (route->right == RIGHT_NONE && !is_open)
            /* Each shows what its caller may read, no more. */
            ck_assert_msg(strcmp(route->pattern, "/collections") == 0 ||
                              strcmp(route->pattern, "/aliases") == 0 ||
                              strcmp(route->pattern, "/telemetry") == 0,
                          "%s is for everybody", route->pattern);
        /* Who sees a part of a collection makes, restores and copies none. */
        if ((route->flags & ROUTE_PART) != 0)
            ck_assert_msg(has_collection && route->right <= RIGHT_POINTS &&
                              strstr(route->pattern, "snapshot") == NULL,
                          "%s", route->pattern);
        /* What is not read by GET or asked by POST changes something. */
        if (route->method != REQUEST_GET && route->method != REQUEST_POST)
            ck_assert_msg(route->right >= RIGHT_POINTS, "%s changes by reading",
                          route->pattern);
        if ((route->flags & ROUTE_GROWS) != 0)
            ck_assert_int_ge(route->right, RIGHT_POINTS);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rights_of_one_letter_hold_everywhere);
    tcase_add_test(tcase, rights_go_by_collection);
    tcase_add_test(tcase, rights_on_all_names_hold_on_the_engine);
    tcase_add_test(tcase, rights_of_an_empty_list_are_none);
    tcase_add_loop_test(tcase, rights_are_never_guessed, 0,
                        (int)(sizeof(refused) / sizeof(refused[0])));
    tcase_add_test(tcase, rights_may_be_on_a_part);
    tcase_add_loop_test(tcase, rights_on_a_part_are_never_guessed, 0,
                        (int)(sizeof(bad_parts) / sizeof(bad_parts[0])));
    tcase_add_test(tcase, rights_on_a_part_need_memory);
    tcase_add_test(tcase, rights_are_bounded);
    tcase_add_test(tcase, routes_all_name_the_right_they_need);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
