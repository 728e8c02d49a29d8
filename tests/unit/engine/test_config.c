/* SPDX-License-Identifier: Apache-2.0
 * The process's configuration: order of the sources, limits with their texts,
 * unknown keys, and YAML that is not what it should be. */
#include "engine/config.h"

#include "base/bytes.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64], path[80];
static struct server_config config;
static struct error error;
static bool is_loaded;

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "config", folder, sizeof(folder)));
    snprintf(path, sizeof(path), "%s/config.yaml", folder);
    is_loaded = false;
    error.text[0] = '\0';
}

static void
teardown(void)
{
    if (is_loaded)
        server_config_release(&config);
    folder_remove(folder);
}

static void
file_write(const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static enum engine_code
load(const char *const *environment, const char *flag)
{
    char name[] = "azimuthd", option[] = "--config-path";
    char copy[128] = "";
    char *argv[5] = { name, option, path, NULL, NULL };
    int argc = 3;
    enum config_action action;
    if (flag != NULL) {
        snprintf(copy, sizeof(copy), "%s", flag);
        argv[argc++] = copy;
    }
    enum engine_code code =
        server_config_load(argc, argv, environment, &config, &action, &error);
    is_loaded = code == ENGINE_OK;
    return code;
}

static const char *const nothing[] = { NULL };

START_TEST(config_flags_win_over_environment_over_file)
{
    const char *const environment[] = { "QDRANT__SERVICE__HTTP_PORT=2",
                                        "QDRANT__SERVICE__GRPC_PORT=22",
                                        "HOME=/", NULL };
    file_write("service:\n  http_port: 1\n  grpc_port: 11\n"
               "  max_request_size_mb: 7\n");
    ck_assert_int_eq(load(environment, "--http-port=3"), ENGINE_OK);
    ck_assert_uint_eq(config.http_port, 3);
    ck_assert_uint_eq(config.grpc_port, 22);
    ck_assert_uint_eq(config.request_size_max_mb, 7);
    ck_assert_uint_eq(config.idle_timeout_s, 75);
    ck_assert_uint_eq(config.warnings_count, 0);
}
END_TEST

START_TEST(config_reads_qdrant_keys_lists_and_nulls)
{
    file_write("log_level: DEBUG\n"
               "storage:\n  storage_path: /data\n"
               "  performance:\n    max_search_threads: 4\n"
               "service:\n  host: 127.0.0.1\n  api_key: ~\n"
               "  enable_cors: false\n"
               "  cors_allowed_origins: [\"https://a\", 'https://b']\n"
               "telemetry_disabled: true\n");
    ck_assert_int_eq(load(nothing, NULL), ENGINE_OK);
    ck_assert_str_eq(config.storage_path, "/data");
    ck_assert_uint_eq(config.search_threads, 4);
    ck_assert_ptr_null(config.api_key);
    ck_assert(!config.has_cors);
    ck_assert(config.is_telemetry_disabled);
    ck_assert_uint_eq(config.cors_origins_count, 2);
    ck_assert_str_eq(config.cors_origins[1], "https://b");
}
END_TEST

START_TEST(config_environment_replaces_a_list)
{
    const char *const environment[] = {
        "QDRANT__SERVICE__CORS_ALLOWED_ORIGINS=https://x,https://y,https://z",
        NULL
    };
    file_write("service:\n  cors_allowed_origins:\n  - https://a\n");
    ck_assert_int_eq(load(environment, NULL), ENGINE_OK);
    ck_assert_uint_eq(config.cors_origins_count, 3);
    ck_assert_str_eq(config.cors_origins[0], "https://x");
}
END_TEST

START_TEST(config_takes_keys_of_qdrant_that_mean_nothing_here)
{
    const char *const environment[] = { "QDRANT__CLUSTER__P2P__PORT=1", NULL };
    file_write("storage:\n  update_concurrency: 2\ngpu:\n  indexing: true\n"
               "  devices: [0]\nservice:\n");
    ck_assert_int_eq(load(environment, NULL), ENGINE_OK);
    ck_assert_uint_eq(config.warnings_count, 4);
    ck_assert_str_eq(strstr(config.warnings[0], "line 2"),
                     "line 2: storage.update_concurrency has no effect here");
    ck_assert_ptr_nonnull(strstr(config.warnings[3], "cluster.p2p.port"));
}
END_TEST

START_TEST(config_refuses_an_unknown_variable_with_a_suggestion)
{
    const char *const environment[] = { "QDRANT__SERVICE__HTTP_PROT=1", NULL };
    file_write("");
    ck_assert_int_eq(load(environment, NULL), ENGINE_EINPUT);
    ck_assert_str_eq(error.text,
                     "environment QDRANT__SERVICE__HTTP_PROT: there is no key "
                     "\"service.http_prot\": did you mean "
                     "\"service.http_port\"?");
}
END_TEST

START_TEST(config_keeps_defaults_of_new_collections)
{
    file_write("storage:\n  on_disk_payload: false\n"
               "  hnsw_index:\n    m: 8\n    payload_m: null\n"
               "  collection:\n    quantization: null\n"
               "    strict_mode:\n      enabled: true\n"
               "      max_query_limit: 7\n");
    const char *const environment[] = { "QDRANT__STORAGE__HNSW_INDEX__M=24",
                                        NULL };
    ck_assert_int_eq(load(environment, NULL), ENGINE_OK);
    ck_assert_uint_eq(config.defaults_count, 4);
    ck_assert_str_eq(config.defaults[0].place, "on_disk_payload");
    ck_assert_str_eq(config.defaults[0].json, "false");
    ck_assert_str_eq(config.defaults[1].place, "hnsw_config.m");
    ck_assert_str_eq(config.defaults[1].json, "24");
    ck_assert_str_eq(config.defaults[3].place,
                     "strict_mode_config.max_query_limit");
}
END_TEST

static const struct {
    const char *value, *json; /* NULL: refused */
} defaults[] = {
    { "16", "16" },         { "-1", "-1" },       { "0.5", "0.5" },
    { "1e3", "1e3" },       { "True", "true" },   { "0", "0" },
    { "int8", "\"int8\"" }, { "+5", "\"+5\"" },   { ".5", "\".5\"" },
    { "1.", "\"1.\"" },     { "007", "\"007\"" }, { "0x10", "\"0x10\"" },
    { "a\"b", NULL },       { "a\\b", NULL },     { "a\tb", NULL },
    { "\xff", NULL },
};

/* What is no number in JSON is a word, and no hole in a body. */
START_TEST(config_has_defaults_that_are_json)
{
    const char *const environment[] = { NULL };
    file_write("");
    ck_assert_int_eq(load(environment, NULL), ENGINE_OK);
    enum engine_code code = server_config_set(
        &config, "storage.hnsw_index.m", defaults[_i].value, "here", &error);
    if (defaults[_i].json == NULL) {
        ck_assert_int_eq(code, ENGINE_EINPUT);
        return;
    }
    ck_assert_int_eq(code, ENGINE_OK);
    ck_assert_str_eq(config.defaults[0].json, defaults[_i].json);
    ck_assert_str_eq(config.defaults[0].key, "storage.hnsw_index.m");
}
END_TEST

START_TEST(config_prints_what_would_make_it_and_no_secret)
{
    struct bytes out;
    bytes_init(&out, CONFIG_FILE_SIZE_MAX);
    file_write("service:\n  api_key: very secret\n  http_port: 7\n"
               "  cors_allowed_origins: ['https://\"a']\n"
               "  slow_query_secs: 1.5\n");
    ck_assert_int_eq(load(nothing, NULL), ENGINE_OK);
    server_config_print(&config, &out);
    ck_assert(!bytes_failed(&out));
    ck_assert_ptr_null(strstr(out.data, "very secret"));
    ck_assert_ptr_nonnull(strstr(out.data, "  api_key: \"***\"\n"));
    server_config_release(&config);
    file_write(out.data);
    ck_assert_int_eq(load(nothing, NULL), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "service.api_key is masked"));
    memcpy(strstr(out.data, "***"), "abc", 3);
    file_write(out.data);
    bytes_release(&out);
    ck_assert_int_eq(load(nothing, NULL), ENGINE_OK);
    ck_assert_uint_eq(config.http_port, 7);
    ck_assert_uint_eq(config.slow_query_ms, 1500);
    ck_assert_str_eq(config.cors_origins[0], "https://\"a");
    ck_assert_uint_eq(config.warnings_count, 0);
}
END_TEST

START_TEST(config_audit_section_is_another_way_to_say_audit_log)
{
    file_write("audit:\n  enabled: true\n  dir: /x/audit\n"
               "  max_log_files: 3\n");
    ck_assert_int_eq(load(nothing, NULL), ENGINE_OK);
    ck_assert_str_eq(config.audit_log, "/x/audit/audit.log");
    ck_assert_str_eq(config.audit_rotation, "daily");
    ck_assert_uint_eq(config.audit_files_max, 3);
}
END_TEST

START_TEST(config_knows_file_systems_that_lose_data)
{
    ck_assert_str_eq(config_refused_system(0x6969), "NFS");
    ck_assert_str_eq(config_refused_system(0xff534d42), "CIFS");
    ck_assert_ptr_null(config_refused_system(0xef53)); /* ext4 */
}
END_TEST

static const struct {
    const char *yaml;
    const char *text; /* part of the error */
} wrong[] = {
    { "service:\n  http_port: 70000\n",
      "line 2: service.http_port = \"70000\"" },
    { "service:\n  http_port: 70000\n", "from 0 to 65535" },
    { "service:\n  http_port: x\n", "must be a number" },
    { "service:\n  http_port: -1\n", "must be a number" },
    { "service:\n  enable_cors: perhaps\n", "must be true or false" },
    { "service:\n  jwt_rbac: perhaps\n", "true or false" },
    { "tls:\n  cert_ttl: -1\n", "must be a number" },
    { "service:\n  max_request_size_mb: 0\n", "from 1 to 4096" },
    { "service:\n  metrics_prefix: a-b\n", "service.metrics_prefix" },
    { "log_level: loud\n", "log_level = \"loud\"" },
    { "logger:\n  on_disk:\n    enabled: true\n", "logger.on_disk.log_file" },
    { "audit:\n  rotation: weekly\n", "daily or hourly" },
    { "service:\n  slow_query_secs: -1\n", "service.slow_query_secs" },
    { "servise:\n  host: a\n", "did you mean \"service.host\"?" },
    { "storage:\n  storage_pth: a\n", "line 2: there is no key" },
    { "host: a\n", "did you mean \"service.host\"?" },
    { "nothing_like_it: a\n", "--print-config" },
    { "- a\n- b\n", "a mapping is expected" },
    { "text\n", "a mapping is expected" },
    { "gpu: {a: &x 1, b: *x}\n", "aliases" },
    { "gpu: {a: [[1]]}\n", "plain values" },
    { "a: [b\n", "line" },
    { "a:\n\tb: 1\n", "line 2" },
    { "gpu: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: {o: {p: {q: 1"
      "}}}}}}}}}}}}}}}}\n",
      "nested too deeply" },
};

START_TEST(config_refuses_with_origin_key_and_limit)
{
    file_write(wrong[_i].yaml);
    ck_assert_int_eq(load(nothing, NULL), ENGINE_EINPUT);
    ck_assert_msg(strstr(error.text, wrong[_i].text) != NULL, "%s", error.text);
}
END_TEST

START_TEST(config_names_a_bad_variable_and_flag)
{
    const char *const environment[] = { "QDRANT__SERVICE__HTTP_PORT=x", NULL };
    file_write("");
    ck_assert_int_eq(load(environment, NULL), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "QDRANT__SERVICE__HTTP_PORT"));
    ck_assert_int_eq(load(nothing, "--http-port=y"), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "--http-port"));
    ck_assert_int_eq(load(nothing, "--kernel"), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "needs a value"));
    ck_assert_int_eq(load(nothing, "--what"), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "--what"));
}
END_TEST

START_TEST(config_names_a_file_that_is_not_there)
{
    unlink(path);
    ck_assert_int_eq(load(nothing, NULL), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, path));
}
END_TEST

START_TEST(config_refuses_a_file_past_its_limit)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    for (size_t i = 0; i < CONFIG_FILE_SIZE_MAX / 16 + 1; i++)
        fputs("# 345678901234\n\n", file);
    fclose(file);
    ck_assert_int_eq(load(nothing, NULL), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "larger than"));
}
END_TEST

START_TEST(config_takes_so_many_origins_and_no_more)
{
    ck_assert_int_eq(server_config_init(&config, &error), ENGINE_OK);
    is_loaded = true;
    const char *key = "service.cors_allowed_origins";
    for (int i = 0; i < CONFIG_ORIGINS_MAX; i++)
        ck_assert_int_eq(
            server_config_set(&config, key, "https://a", "test", &error),
            ENGINE_OK);
    ck_assert_int_eq(
        server_config_set(&config, key, "https://a", "test", &error),
        ENGINE_EINPUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("config");
    TCase *tcase = tcase_create("config");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, config_flags_win_over_environment_over_file);
    tcase_add_test(tcase, config_reads_qdrant_keys_lists_and_nulls);
    tcase_add_test(tcase, config_environment_replaces_a_list);
    tcase_add_test(tcase, config_takes_keys_of_qdrant_that_mean_nothing_here);
    tcase_add_test(tcase, config_refuses_an_unknown_variable_with_a_suggestion);
    tcase_add_test(tcase, config_keeps_defaults_of_new_collections);
    tcase_add_loop_test(tcase, config_has_defaults_that_are_json, 0,
                        (int)(sizeof(defaults) / sizeof(defaults[0])));
    tcase_add_test(tcase, config_prints_what_would_make_it_and_no_secret);
    tcase_add_test(tcase, config_audit_section_is_another_way_to_say_audit_log);
    tcase_add_test(tcase, config_knows_file_systems_that_lose_data);
    tcase_add_loop_test(tcase, config_refuses_with_origin_key_and_limit, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(tcase, config_names_a_bad_variable_and_flag);
    tcase_add_test(tcase, config_names_a_file_that_is_not_there);
    tcase_add_test(tcase, config_refuses_a_file_past_its_limit);
    tcase_add_test(tcase, config_takes_so_many_origins_and_no_more);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
