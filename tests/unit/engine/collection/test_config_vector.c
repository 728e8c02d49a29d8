/* SPDX-License-Identifier: Apache-2.0
 * Covers: what a body of a vector name is read as, and why it is refused; the
 * configuration with one more and one less, and when that is nothing. */
#include "engine/collection/config_vector.h"

#include "engine/codec/json_reader.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, 1 << 24);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum engine_code
parse(const char *name, const char *body, struct vector_config *ret_vector)
{
    yyjson_doc *doc = json_text_read(span_of(body));
    ck_assert_ptr_nonnull(doc);
    enum engine_code code = config_vector_parse(
        span_of(name), yyjson_doc_get_root(doc), &arena, ret_vector, &error);
    yyjson_doc_free(doc);
    return code;
}

static struct collection_config
config_of(const char *body)
{
    struct collection_config config;
    yyjson_doc *doc = json_text_read(span_of(body));
    ck_assert_int_eq(
        config_parse(yyjson_doc_get_root(doc), &arena, &config, &error),
        ENGINE_OK);
    yyjson_doc_free(doc);
    return config;
}

/* The stored form after `name` with `body` was added, or taken away (NULL). */
static void
expect_stored(const struct collection_config *config, const char *start)
{
    struct bytes text;
    struct json_writer writer;
    bytes_init(&text, 1 << 16);
    json_writer_init(&writer, &text);
    config_write_stored(config, &writer);
    ck_assert(!bytes_failed(&text));
    ck_assert_msg(strncmp(text.data, start, strlen(start)) == 0, "%.*s",
                  (int)text.size, text.data);
    bytes_release(&text);
}

static const struct {
    const char *body;
    enum engine_code code;
} bodies[] = {
    { "{\"dense\":{\"size\":4,\"distance\":\"Dot\"}}", ENGINE_OK },
    { "{\"dense\":{\"size\":4,\"distance\":\"Dot\",\"datatype\":\"uint8\"}}",
      ENGINE_OK },
    { "{\"sparse\":{}}", ENGINE_OK },
    { "{\"sparse\":{\"modifier\":\"idf\",\"datatype\":\"float16\"}}",
      ENGINE_OK },
    { "{\"sparse\":{\"modifier\":null}}", ENGINE_OK },
    { "{}", ENGINE_EFORMAT },
    { "{\"dense\":null}", ENGINE_EFORMAT },
    { "{\"dense\":[]}", ENGINE_EFORMAT },
    { "{\"dense\":{}}", ENGINE_EFORMAT },
    { "{\"dense\":{\"size\":4}}", ENGINE_EFORMAT },
    { "{\"dense\":{\"size\":-1,\"distance\":\"Dot\"}}", ENGINE_EFORMAT },
    { "{\"dense\":{\"size\":0,\"distance\":\"Dot\"}}", ENGINE_EVALID },
    { "{\"dense\":{\"size\":65537,\"distance\":\"Dot\"}}", ENGINE_EVALID },
    { "{\"dense\":{\"size\":4,\"distance\":\"dot\"}}", ENGINE_EFORMAT },
    { "{\"dense\":{\"size\":4,\"distance\":\"Dot\",\"datatype\":\"f64\"}}",
      ENGINE_EFORMAT },
    { "{\"dense\":{\"size\":4,\"distance\":\"Dot\","
      "\"multivector_config\":{\"comparator\":\"min\"}}}",
      ENGINE_EFORMAT },
    { "{\"sparse\":{\"modifier\":\"bm25\"}}", ENGINE_EFORMAT },
    { "{\"sparse\":{\"datatype\":\"int4\"}}", ENGINE_EFORMAT },
};
#define BODY_COUNT (sizeof(bodies) / sizeof(bodies[0]))

START_TEST(bodies_are_read_or_refused)
{
    struct vector_config vector;
    ck_assert_int_eq(parse("it", bodies[_i].body, &vector), bodies[_i].code);
}
END_TEST

/* Long ones are told what is wrong with them, never that memory is out. */
START_TEST(long_bodies_are_refused_by_their_length)
{
    static const char *const parts[2][2] = {
        { "{\"dense\":{\"size\":4,\"distance\":\"", "\"}}" },
        { "{\"sparse\":{\"datatype\":\"", "\"}}" }
    };
    static char body[70100];
    struct vector_config vector;
    size_t length = _i % 2 == 0 ? 5000 : 70000;
    size_t at = strlen(parts[_i / 2][0]);
    memcpy(body, parts[_i / 2][0], at);
    memset(body + at, 'x', length);
    memcpy(body + at + length, parts[_i / 2][1], strlen(parts[_i / 2][1]) + 1);
    ck_assert_int_eq(parse("it", body, &vector),
                     length < 65536 ? ENGINE_EFORMAT : ENGINE_EINPUT);
    if (length >= 65536)
        ck_assert_ptr_nonnull(strstr(error.text, "at most 65536 bytes"));
}
END_TEST

/* Members that are not of this request are dropped. */
START_TEST(only_what_makes_a_vector_is_taken)
{
    struct vector_config vector;
    ck_assert_int_eq(
        parse("it",
              "{\"dense\":{\"size\":4,\"distance\":\"Dot\",\"on_disk\":true}}",
              &vector),
        ENGINE_OK);
    ck_assert(!vector.is_on_disk);
    ck_assert(
        span_equal_text(vector.json, "{\"size\":4,\"distance\":\"Dot\"}"));
}
END_TEST

START_TEST(the_unnamed_vector_becomes_one_of_a_map)
{
    struct collection_config config =
        config_of("{\"vectors\":{\"size\":2,\"distance\":\"Dot\"},"
                  "\"hnsw_config\":{\"m\":7}}");
    struct collection_config more, less;
    struct vector_config vector;
    bool is_same = true, was_there = false;
    ck_assert_int_eq(parse("b", bodies[2].body, &vector), ENGINE_OK);
    ck_assert_int_eq(
        config_vector_add(&config, &vector, &arena, &more, &is_same, &error),
        ENGINE_OK);
    ck_assert(!is_same && more.is_unnamed);
    ck_assert_int_eq(parse("a", bodies[0].body, &vector), ENGINE_OK);
    ck_assert_int_eq(
        config_vector_add(&more, &vector, &arena, &more, &is_same, &error),
        ENGINE_OK);
    expect_stored(&more, "{\"vectors\":{\"\":{\"size\":2,\"distance\":\"Dot\"},"
                         "\"a\":{\"size\":4,\"distance\":\"Dot\"}},"
                         "\"sparse_vectors\":{\"b\":{}}");
    ck_assert_uint_eq(more.vectors[1].hnsw.m, 7);
    ck_assert_int_eq(config_vector_remove(&more, span_of(""), &arena, &less,
                                          &was_there, &error),
                     ENGINE_OK);
    ck_assert(was_there);
    expect_stored(&less, "{\"vectors\":{\"a\":{\"size\":4,\"distance\":\"Dot\"}"
                         "},\"sparse_vectors\":{\"b\":{}}");
    ck_assert_int_eq(config_vector_remove(&less, span_of("x"), &arena, &more,
                                          &was_there, &error),
                     ENGINE_OK);
    ck_assert(!was_there);
}
END_TEST

/* What can be changed later makes no difference. */
START_TEST(the_same_again_is_nothing)
{
    struct collection_config config =
        config_of("{\"vectors\":{\"a\":{\"size\":4,\"distance\":\"Dot\","
                  "\"on_disk\":true}}}");
    struct collection_config more;
    struct vector_config vector;
    bool is_same = false;
    ck_assert_int_eq(parse("a", bodies[0].body, &vector), ENGINE_OK);
    ck_assert_int_eq(
        config_vector_add(&config, &vector, &arena, &more, &is_same, &error),
        ENGINE_OK);
    ck_assert(is_same);
    ck_assert_int_eq(parse("a", bodies[1].body, &vector), ENGINE_OK);
    ck_assert_int_eq(
        config_vector_add(&config, &vector, &arena, &more, &is_same, &error),
        ENGINE_EINPUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("collection/config_vector");
    TCase *tests = tcase_create("vector");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, bodies_are_read_or_refused, 0, (int)BODY_COUNT);
    tcase_add_loop_test(tests, long_bodies_are_refused_by_their_length, 0, 4);
    tcase_add_test(tests, only_what_makes_a_vector_is_taken);
    tcase_add_test(tests, the_unnamed_vector_becomes_one_of_a_map);
    tcase_add_test(tests, the_same_again_is_nothing);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
