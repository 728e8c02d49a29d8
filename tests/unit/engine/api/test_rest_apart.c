/* SPDX-License-Identifier: Apache-2.0
 * Covers: bodies whose vector is read apart mean the same as by a document, and
 * so do their errors; long vectors of gRPC, which are handed on as they are. */
#include "engine/api/call.h"
#include "engine/api/grpc_json.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_vector.h"
#include "engine/codec/protobuf.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

struct reading {
    struct request request;
    struct call call;
    struct error error;
    enum engine_code code;
};

static void
reading_begin(struct reading *reading, const char *body)
{
    static const struct route route = { .method = REQUEST_POST };
    memset(reading, 0, sizeof(*reading));
    reading->request.body = span_of(body);
    reading->call.request = &reading->request;
    reading->call.route = &route;
    arena_init(&reading->request.arena, 1 << 20);
    arena_init(&reading->call.scanned, 1 << 20);
}

static void
reading_end(struct reading *reading)
{
    yyjson_doc_free(reading->call.doc);
    arena_release(&reading->call.scanned);
    arena_release(&reading->request.arena);
}

static yyjson_val *
vector_of(struct reading *reading, const char **ret_name)
{
    yyjson_val *query = yyjson_obj_get(reading->call.body, "query");
    *ret_name = query != NULL ? "query" : "vector";
    return query != NULL ? query : yyjson_obj_get(reading->call.body, "vector");
}

static struct named_vector
parse_vector(struct reading *reading, yyjson_val *value)
{
    struct named_vector vector = { 0 };
    reading->code = rest_vector_parse(
        value, (struct rest_where){ "q", REST_NO_INDEX, false },
        &reading->request.arena, &vector, &reading->error);
    return vector;
}

/* Both ways: the same vector, and the same members beside it. */
static void
check_body(const char *body, bool is_apart)
{
    struct reading a, b;
    const char *name;
    reading_begin(&a, body);
    reading_begin(&b, body);
    a.code = rest_query_body(&a.call, &a.error);
    b.code = call_read_body(&b.call, &b.error);
    ck_assert_msg(a.code == b.code, "%s", body);
    ck_assert_str_eq(a.error.text, b.error.text);
    if (a.code == ENGINE_OK) {
        yyjson_val *left = vector_of(&a, &name);
        ck_assert_msg(yyjson_is_raw(left) == is_apart, "%s", body);
        struct named_vector one = parse_vector(&a, left);
        struct named_vector other = parse_vector(&b, vector_of(&b, &name));
        ck_assert_int_eq(a.code, b.code);
        ck_assert_str_eq(a.error.text, b.error.text);
        ck_assert_uint_eq(one.dim, other.dim);
        if (a.code == ENGINE_OK && one.kind == VECTOR_DENSE)
            ck_assert_int_eq(
                memcmp(one.values, other.values, one.dim * sizeof(float)), 0);
        ck_assert_uint_eq(yyjson_obj_size(a.call.body),
                          yyjson_obj_size(b.call.body));
        ck_assert(yyjson_equals(yyjson_obj_get(a.call.body, "filter"),
                                yyjson_obj_get(b.call.body, "filter")) ||
                  yyjson_obj_get(b.call.body, "filter") == NULL);
    }
    reading_end(&a);
    reading_end(&b);
}

START_TEST(apart_reads_what_a_document_would)
{
    check_body("{\"query\":[0.1,-2e-3,3],\"limit\":10}", true);
    check_body(" {\n\"limit\" : 1 , \"query\" : [ 0.25 , 1 ] , \"filter\" : "
               "{\"must\":[{\"key\":\"a]}\\\"\",\"match\":{\"value\":1}}]} } ",
               true);
    check_body("{\"vector\":[1],\"with_payload\":true,\"params\":null}", true);
    check_body("{\"filter\":{},\"using\":\"a[\\\"b\",\"query\":[1.5]}", true);
}
END_TEST

START_TEST(apart_leaves_what_is_unusual)
{
    static const char *const bodies[] = {
        "{\"query\":[[1,2],[3,4]]}",
        "{\"query\":[]}",
        "{\"query\":{\"nearest\":[1,2]}}",
        "{\"query\":[1],\"query\":[2]}",
        "{\"query\":[1],\"vector\":7}",
        "{\"query\":[1],\"with_payload\":[\"a\"]}",
        "{\"with_payload\":[\"a\"],\"query\":[1]}",
        "{\"qu\\u0065ry\":[1]}",
        "{\"query\":[1,\"x\"]}",
        "{\"query\":[1e39]}",
        "{\"query\":7}",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        check_body(bodies[i], false);
}
END_TEST

START_TEST(apart_errors_tell_the_place_in_the_whole_body)
{
    static const char *const bodies[] = {
        "{\"query\":[1,2,3],\"limit\":}",
        "{\"query\":[1,2,3],\"limit\":1,}",
        "{\"query\":[1,2,3],\"limit\":tru}",
        "{\"query\":[1,2,3],\n\n \"filter\":{\"must\":[}}",
        "{\"query\":[1,2,3]",
        "{\"query\":[1,2,3]}x",
        "{\"query\":[1,2,,3]}",
        "{\"query\":[1,2,3],\"filter\":{\"a\":\"\x01\"}}",
        "{\"query\":[1,2,3],\"using\":\"\xff\"}",
        "",
        "[1]",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        check_body(bodies[i], false);
}
END_TEST

START_TEST(apart_runs_out_of_memory)
{
    struct reading reading;
    reading_begin(&reading, "{\"query\":[1,2,3],\"limit\":1}");
    arena_init(&reading.call.scanned, 1);
    ck_assert_int_eq(rest_query_body(&reading.call, &reading.error), ENGINE_OK);
    ck_assert(!yyjson_is_raw(yyjson_obj_get(reading.call.body, "query")));
    reading_end(&reading);
}
END_TEST

/* ---- gRPC ---- */

#define DIM 80u

static struct grpc_schema *schema;

/* DIM floats in `parts` fields, each 1.5 but number `odd`. */
static void
put_dense(struct bytes *out, size_t parts, size_t odd, float number)
{
    float values[DIM];
    for (size_t i = 0; i < DIM; i++)
        values[i] = i == odd ? number : 1.5f;
    for (size_t i = 0; i < parts; i++)
        protobuf_put_floats(out, 1, values + i * (DIM / parts), DIM / parts);
}

static struct named_vector
read_message(struct reading *reading, const char *type, struct bytes *message)
{
    reading_begin(reading, "");
    ck_assert_int_eq(grpc_json_read(grpc_schema_message(schema, type),
                                    bytes_span(message), &reading->call.doc,
                                    &reading->error),
                     ENGINE_OK);
    bytes_release(message);
    return parse_vector(reading, yyjson_doc_get_root(reading->call.doc));
}

START_TEST(grpc_vectors_are_read_whole_or_in_parts)
{
    for (size_t parts = 1; parts <= 4; parts *= 2) {
        struct bytes message;
        struct reading reading;
        bytes_init(&message, 1 << 16);
        put_dense(&message, parts, 79, -2.0f);
        struct named_vector vector =
            read_message(&reading, "qdrant.DenseVector", &message);
        ck_assert_int_eq(reading.code, ENGINE_OK);
        ck_assert_uint_eq(vector.dim, DIM);
        ck_assert(vector.values[0] == 1.5f && vector.values[79] == -2.0f);
        reading_end(&reading);
    }
}
END_TEST

START_TEST(grpc_multivectors_have_rows_of_both_kinds)
{
    struct bytes message;
    struct reading reading;
    bytes_init(&message, 1 << 16);
    for (size_t parts = 1; parts <= 2; parts++) {
        size_t mark = protobuf_begin(&message, 1);
        put_dense(&message, parts, parts, 7.0f);
        protobuf_end(&message, mark);
    }
    struct named_vector vector =
        read_message(&reading, "qdrant.MultiDenseVector", &message);
    ck_assert_int_eq(reading.code, ENGINE_OK);
    ck_assert_int_eq(vector.kind, VECTOR_MULTI);
    ck_assert(vector.dim == DIM && vector.rows == 2);
    ck_assert(vector.values[1] == 7.0f && vector.values[DIM + 2] == 7.0f);
    reading_end(&reading);
}
END_TEST

START_TEST(grpc_vectors_are_finite)
{
    struct bytes message;
    struct reading reading;
    bytes_init(&message, 1 << 16);
    put_dense(&message, 1, 3, INFINITY);
    (void)read_message(&reading, "qdrant.DenseVector", &message);
    ck_assert_int_eq(reading.code, ENGINE_EFORMAT);
    ck_assert(strstr(reading.error.text, "position 3") != NULL);
    reading_end(&reading);
}
END_TEST

static void
setup(void)
{
    ck_assert_int_eq(grpc_schema_open(&schema, NULL), ENGINE_OK);
}

static void
teardown(void)
{
    grpc_schema_free(schema);
}

int
main(void)
{
    Suite *suite = suite_create("rest_apart");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, apart_reads_what_a_document_would);
    tcase_add_test(tcase, apart_leaves_what_is_unusual);
    tcase_add_test(tcase, apart_errors_tell_the_place_in_the_whole_body);
    tcase_add_test(tcase, apart_runs_out_of_memory);
    tcase_add_test(tcase, grpc_vectors_are_read_whole_or_in_parts);
    tcase_add_test(tcase, grpc_multivectors_have_rows_of_both_kinds);
    tcase_add_test(tcase, grpc_vectors_are_finite);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
