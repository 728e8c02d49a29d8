/* SPDX-License-Identifier: Apache-2.0
 * Covers: messages as the JSON of REST, by the bytes that clients send, and
 * REST's answers as messages: every shape that is more than names. */
#include "engine/api/grpc_json.h"
#include "engine/codec/protobuf.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct grpc_schema *schema;

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

#define M(text) text, sizeof(text) - 1

static const struct {
    const char *type;
    const char *data;
    size_t size;
    const char *json; /* NULL: refused */
} cases[] = {
    { "PointId", M("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
      "18446744073709551615" },
    { "PointId", M("\x12\x01x"), "\"x\"" },
    { "PointId", M(""), NULL },
    { "Value", M(""), "null" },
    { "Value", M("\x08\x00"), "null" },
    { "Value", M("\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"), "1.0" },
    { "Value", M("\x11\x00\x00\x00\x00\x00\x00\xf0\x7f"), NULL },
    { "Value", M("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "-1" },
    { "Value", M("\x18\x07"), "7" },
    { "Value", M("\x28\x01"), "true" },
    { "Value", M("\x32\x09\x0a\x07\x0a\x01k\x12\x02\x18\x01"), "{\"k\":1}" },
    { "Value", M("\x32\x00"), "{}" },
    { "Value", M("\x3a\x06\x0a\x02\x18\x01\x0a\x00"), "[1,null]" },
    { "Vector", M("\x0a\x04\x00\x00\x80\x3f"), "[1.0]" },
    { "Vector", M("\x0d\x00\x00\x80\x3f"), "[1.0]" },
    { "Vector", M("\x0a\x04\x00\x00\x80\x3f\x0a\x04\x00\x00\x00\x40"),
      "[1.0,2.0]" },
    { "Vector", M("\x0a\x04\x00\x00\x80\x3f\x0d\x00\x00\x00\x40"),
      "[1.0,2.0]" },
    { "Vector", M("\x0a\x05\x00\x00\x80\x3f\x00"), NULL },
    { "Vector", M("\xaa\x06\x06\x0a\x04\x00\x00\x80\x3f"), "[1.0]" },
    { "Vector",
      M("\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40\x12\x04\x0a\x02\x01\x02"),
      "{\"indices\":[1,2],\"values\":[1.0,2.0]}" },
    { "Vector", M("\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40\x18\x02"),
      "[[1.0],[2.0]]" },
    { "Vector", M("\x0a\x08\x00\x00\x80\x3f\x00\x00\x00\x40\x18\x03"), NULL },
    { "Vector", M("\x0a\x04\x00\x00\x80\x3f\x18\x00"), NULL },
    { "Match", M("\x0a\x01x"), "{\"value\":\"x\"}" },
    { "Match", M("\x10\x00"), "{\"value\":0}" },
    { "Match", M("\x32\x04\x0a\x02\x01\x02"), "{\"any\":[1,2]}" },
    { "Match", M("\x42\x00"), "{\"except\":[]}" },
    { "Match", M("\x52\x01x"), "{\"text_any\":\"x\"}" },
    { "Match", M(""), NULL },
    { "GeoPoint", M(""), "{\"lon\":0.0,\"lat\":0.0}" },
    { "Condition", M("\x12\x03\x0a\x01k"), "{\"is_empty\":{\"key\":\"k\"}}" },
    { "Condition", M("\x3a\x03\x0a\x01v"), "{\"has_vector\":\"v\"}" },
    { "Condition", M(""), NULL },
    { "DatetimeRange", M("\x0a\x04\x08\x01\x10\x05"),
      "{\"lt\":\"1970-01-01T00:00:01.000000005Z\"}" },
    { "DatetimeRange",
      M("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
      "{\"lt\":\"1969-12-31T23:59:59.000000000Z\"}" },
    { "DatetimeRange", M("\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
      NULL },
    { "WithPayloadSelector", M("\x08\x00"), "false" },
    { "WithPayloadSelector", M("\x12\x03\x0a\x01k"), "{\"include\":[\"k\"]}" },
    { "WithVectorsSelector", M("\x12\x03\x0a\x01k"), "[\"k\"]" },
    { "QuantizationConfigDiff", M("\x1a\x00"), "\"Disabled\"" },
    { "MaxOptimizationThreads", M("\x10\x00"), "\"auto\"" },
    { "VectorParams", M("\x08\x04\x10\x03"),
      "{\"size\":4,\"distance\":\"Dot\"}" },
    { "PayloadIndexParams", M("\x1a\x02\x08\x01"),
      "{\"is_tenant\":true,\"type\":\"keyword\"}" },
    { "CreateFieldIndexCollection", M("\x1a\x01k\x20\x06"),
      "{\"collection_name\":\"\",\"field_name\":\"k\",\"field_schema\":"
      "\"datetime\"}" },
    { "DeletePoints",
      M("\x0a\x01"
        "c\x1a\x06\x0a\x04\x0a\x02\x08\x05"),
      "{\"collection_name\":\"c\",\"points\":[5]}" },
    { "SearchPoints", M("\x12\x04\x00\x00\x80\x3f\x20\x03\x52\x01n"),
      "{\"collection_name\":\"\",\"limit\":3,\"vector\":{\"name\":\"n\","
      "\"vector\":[1.0]}}" },
    { "CountPoints", M("\x0a\x02\xc3\x28"), NULL },
};

START_TEST(grpc_json_reads)
{
    char name[64];
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL;
    snprintf(name, sizeof(name), "qdrant.%s", cases[_i].type);
    struct span message = { cases[_i].data, cases[_i].size };
    enum engine_code code = grpc_json_read(grpc_schema_message(schema, name),
                                           message, &doc, &error);
    if (cases[_i].json == NULL) {
        ck_assert_int_eq(code, ENGINE_EINPUT);
        ck_assert(strstr(error.text, "failed to decode") != NULL);
        return;
    }
    ck_assert_msg(code == ENGINE_OK, "%s: %s", name, error.text);
    struct bytes text;
    bytes_init(&text, 1 << 16);
    ck_assert_int_eq(json_value_text(yyjson_doc_get_root(doc), &text, &error),
                     ENGINE_OK);
    ck_assert_str_eq(text.data, cases[_i].json);
    bytes_release(&text);
    yyjson_doc_free(doc);
}
END_TEST

/* Written by descriptor and read again. */
static const struct {
    const char *type;
    const char *json;
    const char *back; /* NULL: the same */
} answers[] = {
    { "CollectionInfo",
      "{\"status\":\"green\",\"optimizer_status\":\"ok\",\"segments_count\":1}",
      "{\"status\":\"green\",\"optimizer_status\":{\"ok\":true,\"error\":\"\"},"
      "\"segments_count\":1,\"payload_schema\":{},\"warnings\":[]}" },
    { "OptimizerStatus", "{\"error\":\"e\"}",
      "{\"ok\":false,\"error\":\"e\"}" },
    { "CollectionParams",
      "{\"vectors\":{\"a\":{\"size\":4,\"distance\":\"Cosine\"}}}",
      "{\"shard_number\":0,\"on_disk_payload\":false,\"vectors_config\":"
      "{\"a\":{\"size\":4,\"distance\":\"Cosine\"}}}" },
    { "VectorsConfig", "{\"size\":4,\"distance\":\"Euclid\"}", NULL },
    { "VectorsConfig", "{\"size\":{\"size\":4,\"distance\":\"Dot\"}}", NULL },
    { "QuantizationConfig",
      "{\"scalar\":{\"type\":\"int8\",\"quantile\":0.5,\"always_ram\":true}}",
      NULL },
    { "OptimizersConfigDiff", "{\"max_optimization_threads\":\"auto\"}", NULL },
    { "OptimizersConfigDiff", "{\"max_optimization_threads\":4}", NULL },
    { "PayloadSchemaInfo",
      "{\"data_type\":\"text\",\"params\":{\"tokenizer\":\"word\","
      "\"stopwords\":\"english\",\"stemmer\":{\"language\":\"german\","
      "\"type\":\"snowball\"},\"type\":\"text\"},\"points\":3}",
      "{\"data_type\":\"text\",\"params\":{\"tokenizer\":\"word\","
      "\"stopwords\":{\"languages\":[\"english\"],\"custom\":[]},\"stemmer\":"
      "{\"language\":\"german\",\"type\":\"snowball\"},\"type\":\"text\"},"
      "\"points\":3}" },
    { "Struct", "{\"fields\":{\"a\":[1,2.0,null,{\"b\":\"x\"}]}}",
      "{\"a\":[1,2.0,null,{\"b\":\"x\"}]}" },
};

START_TEST(grpc_json_writes)
{
    char name[64];
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL;
    struct bytes message, text;
    snprintf(name, sizeof(name), "qdrant.%s", answers[_i].type);
    const struct schema_message *type = grpc_schema_message(schema, name);
    bytes_init(&message, 1 << 16);
    bytes_init(&text, 1 << 16);
    ck_assert_int_eq(json_parse(span_of(answers[_i].json), &doc, &error),
                     ENGINE_OK);
    grpc_json_write(type, yyjson_doc_get_root(doc), &message);
    yyjson_doc_free(doc);
    ck_assert_int_eq(grpc_json_read(type, bytes_span(&message), &doc, &error),
                     ENGINE_OK);
    ck_assert_int_eq(json_value_text(yyjson_doc_get_root(doc), &text, &error),
                     ENGINE_OK);
    ck_assert_str_eq(text.data, answers[_i].back != NULL ? answers[_i].back
                                                         : answers[_i].json);
    yyjson_doc_free(doc);
    bytes_release(&message);
    bytes_release(&text);
}
END_TEST

START_TEST(grpc_json_limits_depth)
{
    struct bytes filter, outer;
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL;
    bytes_init(&filter, 1 << 20);
    for (int level = 0; level < GRPC_DEPTH_MAX; level++) {
        bytes_init(&outer, 1 << 20);
        protobuf_put_bytes(&outer, level % 2 == 0 ? 4 : 2, bytes_span(&filter));
        bytes_release(&filter);
        filter = outer;
    }
    const struct schema_message *type =
        grpc_schema_message(schema, "qdrant.Filter");
    ck_assert_int_eq(grpc_json_read(type, bytes_span(&filter), &doc, &error),
                     ENGINE_OK);
    yyjson_doc_free(doc);
    bytes_init(&outer, 1 << 20);
    protobuf_put_bytes(&outer, 4, bytes_span(&filter));
    ck_assert_int_eq(
        grpc_json_read(grpc_schema_message(schema, "qdrant.Condition"),
                       bytes_span(&outer), &doc, &error),
        ENGINE_EINPUT);
    ck_assert(strstr(error.text, "nested too deep") != NULL);
    bytes_release(&outer);
    bytes_release(&filter);
}
END_TEST

START_TEST(grpc_schema_knows_where_symbols_are)
{
    const struct schema_file *file =
        grpc_schema_file_of(schema, span_of("qdrant.Points.Upsert"));
    ck_assert(file != NULL &&
              span_equal_text(file->name, "qdrant/points.proto"));
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Points")) == file);
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Filter")) != NULL);
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Distance")) != NULL);
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Filter.must")) !=
              NULL);
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Filter.")) == NULL);
    ck_assert(grpc_schema_file_of(schema, span_of("qdrant.Point")) == NULL);
    ck_assert(grpc_schema_file_of(schema, span_of("")) == NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("grpc_json");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, grpc_json_reads, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(tcase, grpc_json_writes, 0,
                        sizeof(answers) / sizeof(answers[0]));
    tcase_add_test(tcase, grpc_json_limits_depth);
    tcase_add_test(tcase, grpc_schema_knows_where_symbols_are);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
