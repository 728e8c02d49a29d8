/* SPDX-License-Identifier: Apache-2.0
 * The REST surface over a real storage directory, without a network: requests
 * go to the handler as wire would hand them over. */
#include <config.h>

#include "base/budget.h"
#include "engine/api/api.h"
#include "engine/api/static_files.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char directory[64];
static struct server_config config;
static struct registry *registry;
static struct metrics *metrics;
static struct api *api;
static struct handler handler;
static const char *key_header, *encoding_header;
static bool was_deferred;
static int status;
static char answer[65536];
static char content_type[64];

static const char *
header(const struct request *request, const char *name)
{
    (void)request;
    if (strcasecmp(name, "content-encoding") == 0)
        return encoding_header;
    return strcasecmp(name, "api-key") == 0 ? key_header : NULL;
}

static void
setup(void)
{
    struct error error = { .text = "" };
    ck_assert(folder_make("/tmp", "api", directory, sizeof(directory)));
    ck_assert_int_eq(server_config_init(&config, &error), ENGINE_OK);
    ck_assert_int_eq(server_config_set(&config, "service.static_content_dir",
                                       directory, "test", &error),
                     ENGINE_OK);
    struct registry_options storage = { .storage_path = directory,
                                        .background_threads = 1 };
    ck_assert_msg(registry_open(&storage, &registry, &error) == ENGINE_OK, "%s",
                  error.text);
    metrics = metrics_new(false);
    ck_assert_ptr_nonnull(metrics);
    struct api_options options = { .registry = registry,
                                   .metrics = metrics,
                                   .config = &config,
                                   .version = "0" };
    ck_assert_int_eq(api_open(&options, &api, &error), ENGINE_OK);
    handler = api_handler(api);
    key_header = NULL;
    encoding_header = NULL;
}

static void
teardown(void)
{
    api_close(api);
    registry_close(registry);
    metrics_free(metrics);
    server_config_release(&config);
    folder_remove(directory);
}

/* One request; the outcome stands in status, answer, content_type. */
static void
ask(enum request_method method, const char *target, const char *body)
{
    struct timespec now;
    struct reply reply;
    struct request request = { .method = method, .header = header };
    const char *mark = strchr(target, '?');
    size_t size = mark == NULL ? strlen(target) : (size_t)(mark - target);
    clock_gettime(CLOCK_MONOTONIC, &now);
    request.path = (struct span){ target, size };
    request.query = span_of(mark == NULL ? "" : mark + 1);
    request.body = span_of(body);
    request.start_ns =
        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    arena_init(&request.arena, (size_t)64 << 20);
    arena_bind(&request.arena, &budget_requests);
    reply_init(&reply);
    was_deferred =
        handler.start(handler.ctx, &request, &reply) == HANDLER_DEFER;
    if (was_deferred)
        handler.finish(handler.ctx, &request, &reply);
    status = reply.status;
    ck_assert_uint_lt(reply.body.size, sizeof(answer));
    snprintf(answer, sizeof(answer), "%.*s", (int)reply.body.size,
             reply.body.size > 0 ? reply.body.data : "");
    snprintf(content_type, sizeof(content_type), "%s",
             reply.content_type == NULL ? "" : reply.content_type);
    handler.release(handler.ctx, &request);
    reply_release(&reply);
    arena_release(&request.arena);
}

static void
expect(int want_status, const char *part)
{
    ck_assert_msg(status == want_status && strstr(answer, part) != NULL,
                  "%d \"%s\" wanted, got %d: %s", want_status, part, status,
                  answer);
}

/* The collection of KubeBlocks' transcript. */
static void
create_cities(void)
{
    ask(REQUEST_PUT, "/collections/test_collection",
        "{\"vectors\":{\"size\":4,\"distance\":\"Cosine\"}}");
    expect(200, "{\"result\":true,\"status\":\"ok\",\"time\":");
    ask(REQUEST_PUT, "/collections/test_collection/points?wait=true",
        "{\"points\":["
        "{\"id\":1,\"vector\":[0.05,0.61,0.76,0.74],"
        "\"payload\":{\"city\":\"Berlin\"}},"
        "{\"id\":2,\"vector\":[0.19,0.81,0.75,0.11],"
        "\"payload\":{\"city\":[\"Berlin\",\"London\"]}},"
        "{\"id\":3,\"vector\":[0.36,0.55,0.47,0.94],"
        "\"payload\":{\"city\":[\"Berlin\",\"Moscow\"]}},"
        "{\"id\":4,\"vector\":[0.18,0.01,0.85,0.80],"
        "\"payload\":{\"city\":[\"London\",\"Moscow\"]}},"
        "{\"id\":5,\"vector\":[0.24,0.18,0.22,0.44],"
        "\"payload\":{\"count\":[0]}},"
        "{\"id\":6,\"vector\":[0.35,0.08,0.11,0.44]}]}");
    expect(200, "\"status\":\"completed\"");
    ck_assert(was_deferred);
}

#define CITIES "/collections/test_collection"

START_TEST(api_answers_the_transcript)
{
    create_cities();
    ask(REQUEST_GET, CITIES, "");
    expect(200, "\"vectors\":{\"size\":4,\"distance\":\"Cosine\"}");
    expect(200, "\"points_count\":6");
    ask(REQUEST_POST, CITIES "/points/search",
        "{\"vector\":[0.2,0.1,0.9,0.7],\"limit\":3}");
    ck_assert(!was_deferred);
    expect(200, "{\"result\":[{\"id\":4,\"version\":");
    expect(200, "\"score\":0.99248");
    ck_assert_ptr_nonnull(strstr(strstr(answer, "\"id\":1,"), "\"id\":5,"));
    ask(REQUEST_POST, CITIES "/points/search",
        "{\"filter\":{\"should\":[{\"key\":\"city\",\"match\":{\"value\":"
        "\"London\"}}]},\"vector\":[0.2,0.1,0.9,0.7],\"limit\":3}");
    expect(200, "\"id\":4");
    expect(200, "\"score\":0.66603");
    ck_assert_ptr_null(strstr(answer, "\"id\":1"));
}
END_TEST

START_TEST(api_queries_by_vector_by_id_and_without)
{
    create_cities();
    ask(REQUEST_POST, CITIES "/points/query",
        "{\"query\":[0.2,0.1,0.9,0.7],\"limit\":1,\"with_payload\":true}");
    expect(200, "{\"result\":{\"points\":[{\"id\":4,");
    expect(200, "\"payload\":{\"city\":[\"London\",\"Moscow\"]}");
    ask(REQUEST_POST, CITIES "/points/query",
        "{\"query\":{\"nearest\":4},\"limit\":2}");
    expect(200, "\"points\":[{\"id\":");
    ck_assert_ptr_null(strstr(answer, "\"id\":4"));
    ask(REQUEST_POST, CITIES "/points/query", "{\"limit\":2}");
    expect(200, "\"points\":[{\"id\":1,\"version\":0,\"score\":1.0}");
    ask(REQUEST_POST, CITIES "/points/query", "{\"query\":99}");
    expect(404, "Not found: No point with id 99 found");
    ask(REQUEST_POST, CITIES "/points/query/batch",
        "{\"searches\":[{\"query\":1,\"limit\":1},{\"limit\":1}]}");
    expect(200, "{\"result\":[{\"points\":[{");
}
END_TEST

START_TEST(api_sends_large_answers_to_the_executor)
{
    create_cities();
    ask(REQUEST_POST, CITIES "/points/query",
        "{\"query\":1,\"limit\":10,\"with_payload\":true}");
    ck_assert(!was_deferred);
    ask(REQUEST_POST, CITIES "/points/query",
        "{\"query\":1,\"limit\":1000,\"with_payload\":true}");
    ck_assert(was_deferred);
    expect(200, "\"points\":[{");
    ask(REQUEST_POST, CITIES "/points/scroll", "{\"limit\":1000}");
    ck_assert(was_deferred);
    expect(200, "\"points\":[{");
    ask(REQUEST_GET, CITIES "/points/1", "");
    ck_assert(!was_deferred);
}
END_TEST

/* Goal: the loop is no place for writing 65,536 numbers. */
START_TEST(api_sends_wide_vectors_to_the_executor)
{
    static const struct {
        enum request_method method;
        const char *path;
        const char *bare, *with_vector; /* bodies */
    } reads[] = {
        { REQUEST_POST, "/collections/wide/points", "{\"ids\":[1]}",
          "{\"ids\":[1],\"with_vector\":true}" },
        { REQUEST_POST, "/collections/wide/points/scroll", "{\"limit\":1}",
          "{\"limit\":1,\"with_vector\":[\"w\"]}" },
        { REQUEST_POST, "/collections/wide/points/query", "{\"limit\":1}",
          "{\"limit\":1,\"with_vector\":true}" },
        { REQUEST_GET, "/collections/wide/points/1", NULL, "" },
    };
    ask(REQUEST_PUT, "/collections/wide",
        "{\"vectors\":{\"w\":{\"size\":65536,\"distance\":\"Dot\"}}}");
    ask(REQUEST_PUT, "/collections/wide/points",
        "{\"points\":[{\"id\":1,\"vector\":{}}]}");
    expect(200, "acknowledged");
    for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        if (reads[i].bare != NULL) {
            ask(reads[i].method, reads[i].path, reads[i].bare);
            expect(200, "\"id\":1");
            ck_assert(!was_deferred);
        }
        ask(reads[i].method, reads[i].path, reads[i].with_vector);
        expect(200, "\"id\":1");
        ck_assert(was_deferred);
    }
}
END_TEST

START_TEST(api_reads_scrolls_and_counts)
{
    create_cities();
    ask(REQUEST_GET, CITIES "/points/6", "");
    expect(200, "{\"result\":{\"id\":6,\"payload\":{},\"vector\":[0.");
    ask(REQUEST_GET, CITIES "/points/7", "");
    expect(404, "Not found: Point with id 7 does not exists!");
    ask(REQUEST_GET, CITIES "/points/x", "");
    expect(400, "Wrong input: Can not recognize \\\"x\\\" as point id");
    ask(REQUEST_POST, CITIES "/points", "{\"ids\":[3,99,1]}");
    expect(200, "{\"result\":[{\"id\":3},{\"id\":1}]");
    ask(REQUEST_POST, CITIES "/points/scroll",
        "{\"limit\":2,\"with_payload\":false}");
    expect(200, "{\"points\":[{\"id\":1},{\"id\":2}],\"next_page_offset\":3}");
    ask(REQUEST_POST, CITIES "/points/scroll",
        "{\"offset\":6,\"with_payload\":false}");
    expect(200, "{\"points\":[{\"id\":6}],\"next_page_offset\":null}");
    ask(REQUEST_POST, CITIES "/points/count", "{}");
    expect(200, "{\"result\":{\"count\":6}");
    ask(REQUEST_POST, CITIES "/points/count",
        "{\"filter\":{\"must\":{\"key\":\"city\",\"match\":{\"value\":"
        "\"Berlin\"}}}}");
    expect(200, "{\"count\":3}");
}
END_TEST

START_TEST(api_changes_payloads_points_and_indexes)
{
    create_cities();
    ask(REQUEST_POST, CITIES "/points/payload?wait=true",
        "{\"payload\":{\"a\":1},\"points\":[1]}");
    expect(200, "\"completed\"");
    ask(REQUEST_GET, CITIES "/points/1", "");
    expect(200, "\"payload\":{\"city\":\"Berlin\",\"a\":1}");
    ask(REQUEST_PUT, CITIES "/points/payload?wait=true",
        "{\"payload\":{\"b\":2},\"points\":[1]}");
    ask(REQUEST_GET, CITIES "/points/1", "");
    expect(200, "\"payload\":{\"b\":2}");
    ask(REQUEST_POST, CITIES "/points/payload/delete?wait=true",
        "{\"keys\":[\"b\"],\"points\":[1]}");
    ask(REQUEST_GET, CITIES "/points/1", "");
    expect(200, "\"payload\":{}");
    ask(REQUEST_PUT, CITIES "/index?wait=true",
        "{\"field_name\":\"city\",\"field_schema\":\"keyword\"}");
    expect(200, "\"completed\"");
    ask(REQUEST_GET, CITIES, "");
    expect(200, "\"payload_schema\":{\"city\":{\"data_type\":\"keyword\"");
    ask(REQUEST_DELETE, CITIES "/index/city?wait=true", "");
    expect(200, "\"completed\"");
    ask(REQUEST_POST, CITIES "/points/batch?wait=true",
        "{\"operations\":[{\"delete\":{\"points\":[1,2]}},"
        "{\"clear_payload\":{\"points\":[3]}}]}");
    expect(200, "{\"result\":[{\"operation_id\":");
    ask(REQUEST_POST, CITIES "/points/count", "{}");
    expect(200, "{\"count\":4}");
    ask(REQUEST_POST, CITIES "/points/delete?wait=true",
        "{\"filter\":{\"must\":[{\"key\":\"city\",\"match\":{\"value\":"
        "\"London\"}}]}}");
    ask(REQUEST_POST, CITIES "/points/count", "{}");
    expect(200, "{\"count\":3}");
}
END_TEST

START_TEST(api_creates_lists_and_deletes_collections)
{
    create_cities();
    ask(REQUEST_GET, "/collections", "");
    expect(200, "{\"collections\":[{\"name\":\"test_collection\"}]}");
    ask(REQUEST_PUT, CITIES, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}");
    expect(409, "Wrong input: Collection `test_collection` already exists!");
    ask(REQUEST_GET, CITIES "/exists", "");
    expect(200, "{\"exists\":true}");
    ask(REQUEST_GET, "/collections/none/exists", "");
    expect(200, "{\"exists\":false}");
    ask(REQUEST_GET, "/collections/none", "");
    expect(404, "Not found: Collection `none` doesn't exist!");
    ask(REQUEST_DELETE, CITIES, "");
    expect(200, "{\"result\":true,");
    ask(REQUEST_DELETE, CITIES, "");
    expect(200, "{\"result\":false,");
    ask(REQUEST_PUT, "/collections/a%2Fb",
        "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}");
    expect(422, "Validation error in path parameters:");
}
END_TEST

static const struct {
    enum request_method method;
    const char *target, *body;
    int status;
    const char *text; /* part of the answer */
} bad[] = {
    { REQUEST_POST, CITIES "/points/search", "{\"vector\":[1,2,3,4],", 400,
      "Format error in JSON body: " },
    { REQUEST_POST, CITIES "/points/search", "", 400,
      "Format error in JSON body: " },
    { REQUEST_POST, CITIES "/points/search", "[]", 400, "expected an object" },
    { REQUEST_POST, CITIES "/points/search", "{\"vector\":[1,2,3,4]}", 400,
      "missing field `limit` at line 1 column 20" },
    { REQUEST_POST, CITIES "/points/search", "{\"limit\":1}", 400,
      "missing field `vector`" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,4],\"limit\":0}", 422,
      "[search_request.limit: value 0 invalid, must be 1 or larger]" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,4],\"limit\":-1}", 400, "unsigned integer" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,4],\"limit\":1000000}", 400, "100000" },
    { REQUEST_POST, CITIES "/points/search", "{\"vector\":[1,2,3],\"limit\":1}",
      400, "Wrong input: Vector dimension error: expected dim: 4, got 3" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":{\"name\":\"x\",\"vector\":[1,2,3,4]},\"limit\":1}", 400,
      "Wrong input: Not existing vector name error: x" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,1e39],\"limit\":1}", 400, "out of the range of f32" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,\"4\"],\"limit\":1}", 400, "expected f32" },
    { REQUEST_POST, CITIES "/points/search",
      "{\"vector\":[1,2,3,4],\"limit\":1,\"params\":{\"hnsw_ef\":0}}", 422,
      "search_request.params.hnsw_ef" },
    { REQUEST_POST, CITIES "/points/search?timeout=0",
      "{\"vector\":[1,2,3,4],\"limit\":1}", 422,
      "Validation error in query parameters: [timeout: " },
    { REQUEST_POST, CITIES "/points/search?consistency=x",
      "{\"vector\":[1,2,3,4],\"limit\":1}", 400,
      "Deserialize error in query parameters: " },
    { REQUEST_POST, CITIES "/points/query", "{\"query\":{\"fusion\":\"rrf\"}}",
      400,
      "Wrong input: Validation failed: cannot apply Fusion without "
      "prefetches" },
    { REQUEST_POST, CITIES "/points/query", "{\"prefetch\":[{}]}", 400,
      "Bad request: A query is needed to merge the prefetches." },
    { REQUEST_POST, CITIES "/points/query",
      "{\"query\":{\"recommend\":{\"positive\":[]}}}", 422,
      "At least one positive or negative vector/id must be provided" },
    { REQUEST_POST, CITIES "/points/query",
      "{\"query\":{\"rrf\":{\"k\":0}},\"prefetch\":{}}", 422,
      "[internal.query.rrf.k: value 0 invalid, must be 1 or larger]" },
    { REQUEST_POST, CITIES "/points/query", "{\"query\":{\"what\":1}}", 400,
      "Expected some form of vector, id, or a type of query" },
    { REQUEST_POST, CITIES "/points/query", "{\"score_threshold\":0.5}", 400,
      "Bad request: " },
    { REQUEST_POST, CITIES "/points/query",
      "{\"query\":{\"indices\":[1],\"values\":[1]}}", 400,
      "between sparse and regular vectors" },
    { REQUEST_POST, CITIES "/points/query",
      "{\"query\":{\"text\":\"a\",\"model\":\"b\"}}", 500,
      "InferenceService URL not configured" },
    { REQUEST_POST, CITIES "/points/scroll", "{\"order_by\":\"a\"}", 400,
      "Wrong input: No range index for `order_by` key: `a`. Please create" },
    { REQUEST_POST, CITIES "/points/scroll", "{\"limit\":0}", 422,
      "[scroll_request.limit: value 0" },
    { REQUEST_PUT, CITIES "/points", "{}", 400,
      "Invalid PointInsertOperations format" },
    { REQUEST_PUT, CITIES "/points", "{\"points\":[]}", 400,
      "Bad request: Empty update request" },
    { REQUEST_PUT, CITIES "/points", "{\"points\":[{\"id\":1}]}", 400,
      "missing field `vector`" },
    { REQUEST_PUT, CITIES "/points",
      "{\"points\":[{\"id\":\"x\",\"vector\":[1,2,3,4]}]}", 400,
      "is not a valid point ID" },
    { REQUEST_PUT, CITIES "/points", "{\"points\":[{\"id\":1,\"vector\":[]}]}",
      422, "points[0].vector" },
    { REQUEST_PUT, CITIES "/points",
      "{\"points\":[{\"id\":1,\"vector\":[1,2]}]}", 400,
      "Vector dimension error: expected dim: 4, got 2" },
    { REQUEST_PUT, CITIES "/points",
      "{\"points\":[{\"id\":1,\"vector\":[[1.0,2.0]]}]}", 400,
      "Conversion between multi and regular vectors failed" },
    { REQUEST_PUT, CITIES "/points",
      "{\"batch\":{\"ids\":[1,2],\"vectors\":[[1,2,3,4]]}}", 422, "2 != 1" },
    { REQUEST_PUT, CITIES "/points",
      "{\"points\":[{\"id\":1,\"vector\":[1,2,3,4]}],\"shard_key\":\"a\"}", 400,
      "`shard_key` is not supported yet" },
    { REQUEST_PUT, CITIES "/points?wait=maybe",
      "{\"points\":[{\"id\":1,\"vector\":[1,2,3,4]}]}", 400,
      "provided string was not `true` or `false`" },
    { REQUEST_PUT, CITIES "/index", "{\"field_name\":\"a\"}", 400,
      "Can't auto-detect field type" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"integer\","
      "\"lookup\":false,\"range\":false}}",
      422, "the 'lookup' and 'range' capabilities can't be both disabled" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"keyword\","
      "\"is_tenant\":5}}",
      400, "PayloadFieldSchema: `is_tenant` must be a boolean" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"bool\","
      "\"memory\":\"hot\"}}",
      400, "`memory` must be cold, cached or pinned" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"text\","
      "\"scoring\":true}}",
      400, "`scoring` is not supported yet" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a[].b\",\"field_schema\":{\"type\":\"keyword\","
      "\"nested\":\"a\"}}",
      400, "`nested` is not supported yet" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"text\","
      "\"tokenizer\":\"letters\"}}",
      400, "`tokenizer` must be prefix, whitespace, word or multilingual" },
    { REQUEST_PUT, CITIES "/index",
      "{\"field_name\":\"a\",\"field_schema\":{\"type\":\"text\","
      "\"stopwords\":\"basque\"}}",
      400,
      "stopwords of `basque` are not supported by this version, those of "
      "danish, dutch, english, " },
    { REQUEST_POST, CITIES "/facet", "{\"key\":\"a\"}", 400,
      "No appropriate index for faceting: `a`" },
    { REQUEST_PUT, "/collections/new",
      "{\"vectors\":{\"size\":70000,\"distance\":\"Dot\"}}", 422,
      "[vectors.size: value 70000 invalid, must be from 1 to 65536]" },
    { REQUEST_PUT, "/collections/new",
      "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
      "\"sharding_method\":\"custom\"}",
      400, "`sharding_method` other than \\\"auto\\\" is not supported yet" },
    { REQUEST_PUT, "/collections/none/points",
      "{\"points\":[{\"id\":1,\"vector\":[1,2,3,4]}]}", 404,
      "Collection `none` doesn't exist!" },
};

START_TEST(api_refuses_bad_requests_in_the_servers_words)
{
    create_cities();
    ask(bad[_i].method, bad[_i].target, bad[_i].body);
    expect(bad[_i].status, bad[_i].text);
    expect(bad[_i].status, "{\"status\":{\"error\":\"");
    ck_assert_str_eq(content_type, "application/json");
}
END_TEST

/* A deletion that waited for deferred calls would wait for ever once all
 * executor threads delete. */
START_TEST(api_deletes_a_collection_that_deferred_calls_name)
{
    create_cities();
    const char *body = "{\"filter\":{\"must\":[]}}";
    struct reply reply;
    struct request request = {
        .method = REQUEST_POST,
        .header = header,
        .path = span_of("/collections/test_collection/points/scroll"),
        .body = span_of(body)
    };
    arena_init(&request.arena, (size_t)64 << 20);
    arena_bind(&request.arena, &budget_requests);
    reply_init(&reply);
    ck_assert_int_eq(handler.start(handler.ctx, &request, &reply),
                     HANDLER_DEFER);
    ask(REQUEST_DELETE, "/collections/test_collection", "");
    expect(200, "{\"result\":true");
    handler.finish(handler.ctx, &request, &reply);
    ck_assert_int_eq(reply.status, 404);
    handler.release(handler.ctx, &request);
    reply_release(&reply);
    arena_release(&request.arena);
}
END_TEST

/* Nor does a client that reads its answer slowly keep the collection. */
START_TEST(api_deletes_a_collection_whose_answers_are_under_way)
{
    create_cities();
    struct reply reply;
    struct request request = { .method = REQUEST_GET,
                               .header = header,
                               .path = span_of(
                                   "/collections/test_collection/points/1") };
    arena_init(&request.arena, (size_t)64 << 20);
    arena_bind(&request.arena, &budget_requests);
    reply_init(&reply);
    ck_assert_int_eq(handler.start(handler.ctx, &request, &reply),
                     HANDLER_DONE);
    ask(REQUEST_DELETE, "/collections/test_collection", "");
    expect(200, "{\"result\":true");
    ck_assert_int_eq(reply.status, 200);
    handler.release(handler.ctx, &request);
    reply_release(&reply);
    arena_release(&request.arena);
}
END_TEST

START_TEST(api_unknown_routes_are_empty_404)
{
    static const char *const targets[] = { "/nope", "/collections/a/b/c",
                                           "/collections/a/points/1/2", "/%00",
                                           "/dashboard/none.js" };
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        ask(REQUEST_GET, targets[i], "");
        ck_assert_int_eq(status, 404);
        ck_assert_str_eq(answer, "");
    }
    ask(REQUEST_PATCH, "/collections", "{}");
    ck_assert_int_eq(status, 404);
    ask(REQUEST_OTHER, "/", "");
    ck_assert_int_eq(status, 404);
}
END_TEST

START_TEST(api_error_texts_are_utf8_even_when_cut)
{
    char target[2048] = "/collections/";
    for (int i = 0; i < 300; i++)
        strncat(target, i % 7 == 0 ? "x" : "%C3%A4",
                sizeof(target) - strlen(target) - 1);
    ask(REQUEST_GET, target, "");
    ck_assert_int_eq(status, 404);
    yyjson_doc *doc = NULL;
    ck_assert_int_eq(json_parse(span_of(answer), &doc, NULL), ENGINE_OK);
    yyjson_doc_free(doc);
}
END_TEST

START_TEST(api_service_endpoints_answer)
{
    ask(REQUEST_GET, "/", "");
    ck_assert_str_eq(answer, "{\"title\":\"qdrant - vector search engine\","
                             "\"version\":\"1.19.0\"}");
    ask(REQUEST_GET, "//healthz//", "");
    ck_assert_str_eq(answer, "healthz check passed");
    ask(REQUEST_GET, "/readyz", "");
    ck_assert_int_eq(status, 503);
    api_set_ready(api, true);
    ask(REQUEST_GET, "/readyz", "");
    expect(200, "all shards are ready");
    ask(REQUEST_GET, "/cluster", "");
    expect(200, "{\"result\":{\"status\":\"disabled\"}");
    create_cities();
    ask(REQUEST_GET, "/metrics", "");
    expect(200, "collections_total 1\n");
    expect(200, "collection_points{id=\"test_collection\"} 6\n");
    expect(200, "rest_responses_total{method=\"GET\",endpoint=\"/\","
                "status=\"200\"} 1\n");
    ask(REQUEST_GET, "/telemetry", "");
    expect(200, "\"number_of_collections\":1");
}
END_TEST

START_TEST(api_cluster_of_one_is_working)
{
    config.is_cluster_enabled = true;
    ask(REQUEST_GET, "/cluster", "");
    expect(200, "\"consensus_thread_status\":{\"consensus_thread_status\":"
                "\"working\"");
}
END_TEST

START_TEST(api_asks_for_the_key)
{
    char full[] = "secret", reader[] = "reader";
    config.api_key = full;
    config.read_only_api_key = reader;
    ask(REQUEST_GET, "/collections", "");
    ck_assert_int_eq(status, 401);
    ck_assert_str_eq(
        answer, "Must provide an API key or an Authorization bearer token");
    key_header = "wrong";
    ask(REQUEST_GET, "/collections", "");
    ck_assert_int_eq(status, 401);
    ck_assert_str_eq(answer, "Invalid API key or JWT");
    ask(REQUEST_GET, "/healthz", "");
    ck_assert_int_eq(status, 200);
    key_header = reader;
    ask(REQUEST_GET, "/collections", "");
    ck_assert_int_eq(status, 200);
    ask(REQUEST_DELETE, "/collections/x", "");
    expect(403, "Forbidden: Global manage access is required");
    key_header = full;
    ask(REQUEST_DELETE, "/collections/x", "");
    ck_assert_int_eq(status, 200);
    config.api_key = NULL;
    config.read_only_api_key = NULL;
}
END_TEST

START_TEST(api_names_an_encoding_it_cannot_read)
{
    encoding_header = "gzip";
    ask(REQUEST_PUT, "/collections/x", "\x1f\x8b");
    expect(400, "Bad request: Content-Encoding `gzip` is not supported yet");
    encoding_header = "identity";
    ask(REQUEST_PUT, "/collections/x",
        "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}");
    ck_assert_int_eq(status, 200);
}
END_TEST

START_TEST(api_serves_files_and_nothing_outside)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/index.html", directory);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("<html>", file);
    fclose(file);
    snprintf(path, sizeof(path), "%s/link.txt", directory);
    ck_assert_int_eq(symlink("/etc/passwd", path), 0);
    ask(REQUEST_GET, "/dashboard", "");
    ck_assert_int_eq(status, 200);
    ck_assert_str_eq(content_type, "text/html; charset=utf-8");
    ask(REQUEST_HEAD, "/dashboard/a/page", "");
    ck_assert_int_eq(status, 200);
    static const char *const outside[] = {
        "/dashboard/link.txt",       "/dashboard/../index.html",
        "/dashboard/%2e%2e/passwd",  "/dashboard/..%2f..%2fetc%2fpasswd",
        "/dashboard/.hidden",        "/dashboard/no.js",
        "/dashboard/%2Fetc%2Fhosts",
    };
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
        ask(REQUEST_GET, outside[i], "");
        ck_assert_msg(status == 404, "%s", outside[i]);
    }
    ask(REQUEST_POST, "/dashboard", "");
    ck_assert_int_eq(status, 404);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("api");
    TCase *tcase = tcase_create("api");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, api_answers_the_transcript);
    tcase_add_test(tcase, api_queries_by_vector_by_id_and_without);
    tcase_add_test(tcase, api_sends_large_answers_to_the_executor);
    tcase_add_test(tcase, api_sends_wide_vectors_to_the_executor);
    tcase_add_test(tcase, api_reads_scrolls_and_counts);
    tcase_add_test(tcase, api_changes_payloads_points_and_indexes);
    tcase_add_test(tcase, api_creates_lists_and_deletes_collections);
    tcase_add_loop_test(tcase, api_refuses_bad_requests_in_the_servers_words, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, api_deletes_a_collection_that_deferred_calls_name);
    tcase_add_test(tcase, api_deletes_a_collection_whose_answers_are_under_way);
    tcase_add_test(tcase, api_unknown_routes_are_empty_404);
    tcase_add_test(tcase, api_error_texts_are_utf8_even_when_cut);
    tcase_add_test(tcase, api_service_endpoints_answer);
    tcase_add_test(tcase, api_cluster_of_one_is_working);
    tcase_add_test(tcase, api_asks_for_the_key);
    tcase_add_test(tcase, api_names_an_encoding_it_cannot_read);
    tcase_add_test(tcase, api_serves_files_and_nothing_outside);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
