/* SPDX-License-Identifier: Apache-2.0
 * The process's configuration: order of the sources, limits with their texts,
 * unknown keys, and YAML that is not what it should be. */
#include "engine/config.h"

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

START_TEST(config_warns_about_unknown_keys_by_name)
{
    const char *const environment[] = { "QDRANT__SERVICE__HTTP_PROT=1", NULL };
    file_write("storage:\n  snapshots_path: ./s\n");
    ck_assert_int_eq(load(environment, NULL), ENGINE_OK);
    ck_assert_uint_eq(config.warnings_count, 2);
    ck_assert_ptr_nonnull(strstr(config.warnings[0], "storage.snapshots_path"));
    ck_assert_ptr_nonnull(strstr(config.warnings[0], "line 2"));
    ck_assert_ptr_nonnull(
        strstr(config.warnings[1], "QDRANT__SERVICE__HTTP_PROT"));
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
    { "- a\n- b\n", "a mapping is expected" },
    { "text\n", "a mapping is expected" },
    { "a: &x 1\nb: *x\n", "aliases" },
    { "a: [[1]]\n", "plain values" },
    { "a: [b\n", "line" },
    { "a:\n\tb: 1\n", "line 2" },
    { "a: {b: {c: {d: {e: {f: {g: {h: {i: {j: {k: {l: {m: {n: {o: {p: {q: 1"
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
    tcase_add_test(tcase, config_warns_about_unknown_keys_by_name);
    tcase_add_loop_test(tcase, config_refuses_with_origin_key_and_limit, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(tcase, config_names_a_bad_variable_and_flag);
    tcase_add_test(tcase, config_names_a_file_that_is_not_there);
    tcase_add_test(tcase, config_refuses_a_file_past_its_limit);
    tcase_add_test(tcase, config_takes_so_many_origins_and_no_more);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
