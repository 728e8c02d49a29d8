/* SPDX-License-Identifier: Apache-2.0
 * Covers: create bodies, their errors, PATCH, the stored form and the info. */
#include "engine/collection/config.h"
#include "engine/collection/config_check.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct collection_config config;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum engine_code
parse(const char *text)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(text), &doc, NULL), ENGINE_OK);
    enum engine_code code =
        config_parse(yyjson_doc_get_root(doc), &arena, &config, &error);
    yyjson_doc_free(doc);
    return code;
}

static enum engine_code
patch(const char *text)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(text), &doc, NULL), ENGINE_OK);
    enum engine_code code = config_patch(&config, yyjson_doc_get_root(doc),
                                         &arena, &config, &error);
    yyjson_doc_free(doc);
    return code;
}

static void
assert_written(void (*write)(const struct collection_config *,
                             struct json_writer *),
               const char *part)
{
    struct bytes out;
    bytes_init(&out, 1 << 20);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    write(&config, &writer);
    ck_assert_msg(strstr(out.data, part) != NULL, "%s not in %s", part,
                  out.data);
    bytes_release(&out);
}

START_TEST(config_takes_the_defaults_of_qdrant)
{
    ck_assert_int_eq(parse("{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}"),
                     ENGINE_OK);
    ck_assert(config.is_unnamed);
    ck_assert_uint_eq(config.vectors_count, 1);
    ck_assert_uint_eq(config.vectors[0].size, 4);
    ck_assert_int_eq(config.vectors[0].distance, METRIC_DOT);
    ck_assert_uint_eq(config.vectors[0].hnsw.m, 16);
    assert_written(config_write_info,
                   "\"params\":{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
                   "\"shard_number\":1,\"replication_factor\":1");
    assert_written(config_write_info, "\"memmap_threshold\":null");
    assert_written(config_write_info, "\"wal_capacity_mb\":32");
    assert_written(config_write_info, "\"quantization_config\":null");
}
END_TEST

/* LangChain creates the map form with the empty name: it is echoed as a map. */
START_TEST(config_echoes_the_form_of_the_vectors)
{
    ck_assert_int_eq(
        parse("{\"vectors\":{\"\":{\"size\":2,\"distance\":\"Cosine\"},"
              "\"b\":{\"size\":3,\"distance\":\"Manhattan\",\"hnsw_config\":"
              "{\"m\":0}}}}"),
        ENGINE_OK);
    ck_assert(!config.is_unnamed);
    ck_assert_uint_eq(config.vectors[1].hnsw.m, 0);
    assert_written(config_write_stored,
                   "\"vectors\":{\"\":{\"size\":2,\"distance\":\"Cosine\"},"
                   "\"b\":{");
}
END_TEST

START_TEST(config_round_trips_through_its_stored_form)
{
    ck_assert_int_eq(
        parse("{\"vectors\":{\"size\":4,\"distance\":\"Euclid\"},"
              "\"hnsw_config\":{\"m\":8,\"ef_construct\":50},"
              "\"optimizers_config\":{\"indexing_threshold\":0},"
              "\"on_disk_payload\":false,\"metadata\":{\"a\":[1,null]}}"),
        ENGINE_OK);
    struct bytes out;
    bytes_init(&out, 1 << 20);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    config_write_stored(&config, &writer);
    ck_assert_int_eq(parse(out.data), ENGINE_OK);
    bytes_release(&out);
    ck_assert_uint_eq(config.hnsw.m, 8);
    ck_assert_uint_eq(config.vectors[0].hnsw.ef_construct, 50);
    ck_assert_uint_eq(config.indexing_threshold, 0);
    ck_assert(!config.on_disk_payload);
    assert_written(config_write_info, "\"metadata\":{\"a\":[1,null]}");
}
END_TEST

static const struct {
    const char *body;
    enum engine_code code;
    const char *text;
} refusals[] = {
    { "[]", ENGINE_EFORMAT, "CreateCollection" },
    { "{\"vectors\":{\"size\":0,\"distance\":\"Dot\"}}", ENGINE_EFORMAT,
      "untagged enum VectorsConfig" },
    { "{\"vectors\":{\"size\":4,\"distance\":\"Hamming\"}}", ENGINE_EFORMAT,
      "untagged enum VectorsConfig" },
    { "{\"vectors\":{\"size\":70000,\"distance\":\"Dot\"}}", ENGINE_EVALID,
      "[vectors.size: value 70000 invalid, must be from 1 to 65536]" },
    { "{\"vectors\":{},\"hnsw_config\":{\"ef_construct\":3}}", ENGINE_EVALID,
      "[hnsw_config.ef_construct: value 3 invalid" },
    { "{\"vectors\":{},\"hnsw_config\":{\"m\":\"x\"}}", ENGINE_EFORMAT,
      "hnsw_config.m" },
    { "{\"vectors\":{},\"shard_number\":0}", ENGINE_EVALID, "shard_number" },
    { "{\"sparse_vectors\":{\"\":{}}}", ENGINE_EINPUT, "cannot be empty" },
    { "{\"sparse_vectors\":{\"s\":{\"modifier\":\"x\"}}}", ENGINE_EFORMAT,
      "sparse_vectors.s.modifier" },
    { "{\"sparse_vectors\":{\"s\":{\"index\":{\"datatype\":\"f\"}}}}",
      ENGINE_EFORMAT, "index.datatype" },
    { "{\"vectors\":{\"s\":{\"size\":2,\"distance\":\"Dot\"}},"
      "\"sparse_vectors\":{\"s\":{}}}",
      ENGINE_EINPUT, "duplicate found with 's'" },
    { "{\"vectors\":{\"size\":4,\"distance\":\"Dot\",\"datatype\":\"int8\"}}",
      ENGINE_EFORMAT, "untagged enum VectorsConfig" },
    { "{\"sparse_vectors\":{\"s\":{\"index\":{\"datatype\":\"turbo4\"}}}}",
      ENGINE_EFORMAT, "turbo4 is for dense vectors" },
    { "{\"vectors\":{\"a\":{\"size\":1,\"distance\":\"Dot\"},"
      "\"a\":{\"size\":1,\"distance\":\"Dot\"}}}",
      ENGINE_EFORMAT, "duplicate vector name" },
};

START_TEST(config_refuses_and_names_the_field)
{
    ck_assert_int_eq(parse(refusals[_i].body), refusals[_i].code);
    ck_assert_msg(strstr(error.text, refusals[_i].text) != NULL, "%s",
                  error.text);
}
END_TEST

START_TEST(config_patch_merges_and_keeps_the_rest)
{
    ck_assert_int_eq(
        parse("{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
              "\"hnsw_config\":{\"m\":8},\"metadata\":{\"a\":1,\"b\":2}}"),
        ENGINE_OK);
    ck_assert_int_eq(patch("{\"hnsw_config\":{\"ef_construct\":64,\"m\":null},"
                           "\"optimizers_config\":{\"indexing_threshold\":5},"
                           "\"metadata\":{\"a\":null,\"c\":3},"
                           "\"vectors\":{\"\":{\"on_disk\":true}}}"),
                     ENGINE_OK);
    ck_assert_uint_eq(config.hnsw.m, 8);
    ck_assert_uint_eq(config.vectors[0].hnsw.m, 8);
    ck_assert_uint_eq(config.vectors[0].hnsw.ef_construct, 64);
    ck_assert_uint_eq(config.vectors[0].size, 4);
    ck_assert_uint_eq(config.indexing_threshold, 5);
    assert_written(config_write_info, "\"metadata\":{\"b\":2,\"c\":3}");
    assert_written(config_write_info, "\"on_disk\":true");
    ck_assert_int_eq(patch("{\"vectors\":{\"nope\":{}}}"), ENGINE_EINPUT);
    ck_assert_int_eq(patch("{\"quantization_config\":\"Disabled\"}"),
                     ENGINE_OK);
}
END_TEST

/* Goal: what is only echoed is what clients can parse. */
static const struct {
    const char *body;
    enum engine_code code;
    const char *text;
} echoes[] = {
    { "{\"hnsw_config\":{\"payload_m\":\"x\"}}", ENGINE_EFORMAT,
      "hnsw_config.payload_m" },
    { "{\"hnsw_config\":{\"inline_storage\":5}}", ENGINE_EFORMAT,
      "hnsw_config.inline_storage" },
    { "{\"hnsw_config\":{\"memory\":\"hot\"}}", ENGINE_EFORMAT,
      "hnsw_config.memory: unknown variant, expected one of `cold`" },
    { "{\"optimizers_config\":{\"deleted_threshold\":\"x\"}}", ENGINE_EFORMAT,
      "optimizers_config.deleted_threshold" },
    { "{\"optimizers_config\":{\"deleted_threshold\":7}}", ENGINE_EVALID,
      "value 7 invalid, must be from 0 to 1" },
    { "{\"optimizer_config\":{\"vacuum_min_vector_number\":99}}", ENGINE_EVALID,
      "value 99 invalid, must be 100 or larger" },
    { "{\"optimizers_config\":{\"max_optimization_threads\":\"x\"}}",
      ENGINE_EFORMAT, "max_optimization_threads" },
    { "{\"wal_config\":{\"wal_capacity_mb\":0}}", ENGINE_EVALID,
      "[wal_config.wal_capacity_mb: value 0 invalid, must be 1 or larger]" },
    { "{\"wal_config\":[]}", ENGINE_EFORMAT, "wal_config: invalid type" },
    { "{\"strict_mode_config\":{\"enabled\":\"x\"}}", ENGINE_EFORMAT,
      "strict_mode_config.enabled" },
    { "{\"quantization_config\":{\"foo\":1}}", ENGINE_EFORMAT,
      "untagged enum QuantizationConfig" },
    { "{\"quantization_config\":{}}", ENGINE_EFORMAT, "QuantizationConfig" },
    { "{\"quantization_config\":{\"scalar\":{}}}", ENGINE_EFORMAT,
      "quantization_config.scalar.type" },
    { "{\"quantization\":{\"scalar\":{\"type\":\"int8\",\"quantile\":0.1}}}",
      ENGINE_EVALID, "quantile: value 0.1 invalid, must be from 0.5 to 1" },
    { "{\"quantization_config\":{\"binary\":{},\"turbo\":{}}}", ENGINE_EFORMAT,
      "QuantizationConfig" },
    { "{\"vectors\":{\"size\":4,\"hnsw_config\":{\"memory\":5}}}",
      ENGINE_EFORMAT, "vectors.hnsw_config.memory" },
    { "{\"vectors\":{\"a\":{\"quantization_config\":5}}}", ENGINE_EFORMAT,
      "quantization_config: invalid type" },
    { "{\"quantization_config\":\"Disabled\",\"hnsw_config\":null,"
      "\"optimizers_config\":{\"max_optimization_threads\":\"auto\","
      "\"deleted_threshold\":1,\"max_segment_size\":null},"
      "\"vectors\":{\"\":{\"quantization_config\":{\"product\":{"
      "\"compression\":\"x16\",\"always_ram\":true}}}}}",
      ENGINE_OK, "" },
};

START_TEST(config_check_names_what_clients_could_not_parse)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(echoes[_i].body), &doc, NULL),
                     ENGINE_OK);
    error.text[0] = '\0';
    ck_assert_int_eq(config_check(yyjson_doc_get_root(doc), &error),
                     echoes[_i].code);
    ck_assert_msg(strstr(error.text, echoes[_i].text) != NULL, "%s",
                  error.text);
    yyjson_doc_free(doc);
}
END_TEST

START_TEST(config_patch_replaces_the_kind_of_quantization)
{
    ck_assert_int_eq(
        parse("{\"vectors\":{\"size\":4,\"distance\":\"Dot\","
              "\"quantization_config\":{\"scalar\":{\"type\":\"int8\"}}},"
              "\"quantization_config\":{\"scalar\":{\"type\":\"int8\"}}}"),
        ENGINE_OK);
    ck_assert_int_eq(
        patch("{\"vectors\":{\"\":{\"quantization_config\":{\"binary\":{}}}},"
              "\"quantization_config\":{\"turbo\":{\"bits\":\"bits2\"}}}"),
        ENGINE_OK);
    assert_written(config_write_info,
                   "\"distance\":\"Dot\",\"quantization_config\":{"
                   "\"binary\":{}}");
    assert_written(config_write_info,
                   "\"quantization_config\":{\"turbo\":{\"bits\":\"bits2\"}}");
    ck_assert_int_eq(
        patch("{\"vectors\":{\"\":{\"quantization_config\":\"Disabled\"}},"
              "\"quantization_config\":\"Disabled\"}"),
        ENGINE_OK);
    assert_written(config_write_info,
                   "\"vectors\":{\"size\":4,\"distance\":\"Dot\"}");
    assert_written(config_write_info, "\"quantization_config\":null");
}
END_TEST

START_TEST(config_patch_leaves_what_is_null_or_not_to_be_changed)
{
    ck_assert_int_eq(parse("{\"vectors\":{\"size\":4,\"distance\":\"Dot\","
                           "\"hnsw_config\":{\"m\":8}},\"shard_number\":2}"),
                     ENGINE_OK);
    ck_assert_int_eq(patch("{\"vectors\":{\"\":{\"hnsw_config\":{\"m\":null,"
                           "\"ef_construct\":20},\"size\":9}},"
                           "\"params\":{\"shard_number\":3,"
                           "\"replication_factor\":2}}"),
                     ENGINE_OK);
    ck_assert_uint_eq(config.vectors[0].hnsw.m, 8);
    ck_assert_uint_eq(config.vectors[0].hnsw.ef_construct, 20);
    ck_assert_uint_eq(config.vectors[0].size, 4);
    ck_assert_uint_eq(config.shard_number, 2);
    ck_assert_uint_eq(config.replication_factor, 2);
}
END_TEST

START_TEST(config_says_when_memory_is_out)
{
    struct arena small;
    arena_init(&small, 64);
    yyjson_doc *doc;
    ck_assert_int_eq(
        json_parse(span_of("{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}"),
                   &doc, NULL),
        ENGINE_OK);
    ck_assert_int_eq(
        config_parse(yyjson_doc_get_root(doc), &small, &config, &error),
        ENGINE_ENOMEM);
    yyjson_doc_free(doc);
    arena_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, config_takes_the_defaults_of_qdrant);
    tcase_add_test(tcase, config_echoes_the_form_of_the_vectors);
    tcase_add_test(tcase, config_round_trips_through_its_stored_form);
    tcase_add_loop_test(tcase, config_refuses_and_names_the_field, 0,
                        sizeof(refusals) / sizeof(refusals[0]));
    tcase_add_test(tcase, config_patch_merges_and_keeps_the_rest);
    tcase_add_loop_test(tcase, config_check_names_what_clients_could_not_parse,
                        0, sizeof(echoes) / sizeof(echoes[0]));
    tcase_add_test(tcase, config_patch_replaces_the_kind_of_quantization);
    tcase_add_test(tcase,
                   config_patch_leaves_what_is_null_or_not_to_be_changed);
    tcase_add_test(tcase, config_says_when_memory_is_out);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
