/* SPDX-License-Identifier: Apache-2.0
 * The table of keys: where each value goes, its default and its limits. All
 * sources (YAML, environment, flags) end in server_config_set(), so that they
 * know the same keys and give the same errors. */
#include "engine/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef DASHBOARD_DIR
#define DASHBOARD_DIR "/usr/local/share/azimuth/dashboard"
#endif

enum key_kind {
    KEY_TEXT,
    KEY_SECRET,
    KEY_NUMBER, /* min..max */
    KEY_BOOL,
    KEY_LIST
};

struct key {
    const char *name;
    enum key_kind kind;
    size_t offset;
    const char *otherwise;
    uint64_t min, max;
};

#define AT(field) offsetof(struct server_config, field)

static const struct key keys[] = {
    { "log_level", KEY_TEXT, AT(log_level), "INFO", 0, 0 },
    { "logger.format", KEY_TEXT, AT(log_format), "text", 0, 0 },
    { "telemetry_disabled", KEY_BOOL, AT(is_telemetry_disabled), "false", 0,
      0 },
    { "storage.storage_path", KEY_TEXT, AT(storage_path), "./storage", 0, 0 },
    { "storage.performance.max_search_threads", KEY_NUMBER, AT(search_threads),
      "0", 0, 1024 },
    { "storage.background_threads", KEY_NUMBER, AT(background_threads), "0", 0,
      1024 },
    { "storage.checkpoint_interval_sec", KEY_NUMBER, AT(checkpoint_interval_s),
      "300", 0, 86400 },
    { "storage.memory_limit_mb", KEY_NUMBER, AT(memory_limit_mb), "0", 0,
      1ull << 32 },
    { "storage.block_cache_mb", KEY_NUMBER, AT(block_cache_mb), "64", 1,
      1ull << 20 },
    { "storage.kernel", KEY_TEXT, AT(kernel), "auto", 0, 0 },
    { "service.host", KEY_TEXT, AT(host), "0.0.0.0", 0, 0 },
    { "service.http_port", KEY_NUMBER, AT(http_port), "6333", 0, 65535 },
    { "service.grpc_port", KEY_NUMBER, AT(grpc_port), "6334", 0, 65535 },
    { "service.max_request_size_mb", KEY_NUMBER, AT(request_size_max_mb), "32",
      1, 4096 },
    { "service.request_memory_mb", KEY_NUMBER, AT(request_memory_mb), "0", 0,
      1ull << 20 },
    { "service.max_workers", KEY_NUMBER, AT(io_threads), "0", 0, 256 },
    { "service.max_connections", KEY_NUMBER, AT(connections_max), "10000", 1,
      1000000 },
    { "service.max_in_flight", KEY_NUMBER, AT(in_flight_max), "4096", 1,
      1000000 },
    { "service.idle_timeout_sec", KEY_NUMBER, AT(idle_timeout_s), "75", 1,
      3600 },
    { "service.slow_query_ms", KEY_NUMBER, AT(slow_query_ms), "0", 0, 3600000 },
    { "service.drain_timeout_sec", KEY_NUMBER, AT(drain_timeout_s), "25", 1,
      3600 },
    { "service.enable_static_content", KEY_BOOL, AT(has_static_content), "true",
      0, 0 },
    { "service.static_content_dir", KEY_TEXT, AT(static_content_dir),
      DASHBOARD_DIR, 0, 0 },
    { "service.enable_cors", KEY_BOOL, AT(has_cors), "true", 0, 0 },
    { "service.cors_allowed_origins", KEY_LIST, AT(cors_origins), NULL, 0, 0 },
    { "service.api_key", KEY_SECRET, AT(api_key), NULL, 0, 0 },
    { "service.alt_api_key", KEY_SECRET, AT(alt_api_key), NULL, 0, 0 },
    { "service.read_only_api_key", KEY_SECRET, AT(read_only_api_key), NULL, 0,
      0 },
    { "service.api_key_file", KEY_TEXT, AT(api_key_file), NULL, 0, 0 },
    { "service.alt_api_key_file", KEY_TEXT, AT(alt_api_key_file), NULL, 0, 0 },
    { "service.read_only_api_key_file", KEY_TEXT, AT(read_only_api_key_file),
      NULL, 0, 0 },
    { "service.jwt_rbac", KEY_BOOL, AT(has_jwt_rbac), "false", 0, 0 },
    { "service.identity_key_file", KEY_TEXT, AT(identity_key_file), NULL, 0,
      0 },
    { "service.audit_log", KEY_TEXT, AT(audit_log), NULL, 0, 0 },
    { "service.audit_reads", KEY_BOOL, AT(audits_reads), "true", 0, 0 },
    { "service.api_version", KEY_TEXT, AT(api_version), "1.19.0", 0, 0 },
    { "service.enable_tls", KEY_BOOL, AT(has_tls), "false", 0, 0 },
    { "service.verify_https_client_certificate", KEY_BOOL, AT(verifies_clients),
      "false", 0, 0 },
    { "tls.cert", KEY_TEXT, AT(tls_cert), "./tls/cert.pem", 0, 0 },
    { "tls.key", KEY_TEXT, AT(tls_key), "./tls/key.pem", 0, 0 },
    { "tls.ca_cert", KEY_TEXT, AT(tls_ca_cert), "./tls/cacert.pem", 0, 0 },
    { "tls.cert_ttl", KEY_NUMBER, AT(tls_ttl_s), "3600", 0, 31536000 },
    { "cluster.enabled", KEY_BOOL, AT(is_cluster_enabled), "false", 0, 0 },
    { "uri", KEY_TEXT, AT(uri), NULL, 0, 0 },
    { "bootstrap", KEY_TEXT, AT(bootstrap), NULL, 0, 0 },
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static const struct key *
key_find(const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static void *
key_place(struct server_config *config, const struct key *key)
{
    return (char *)config + key->offset;
}

static bool
bool_parse(const char *text, bool *ret_value)
{
    if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)
        *ret_value = true;
    else if (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0)
        *ret_value = false;
    else
        return false;
    return true;
}

static bool
number_parse(const char *text, uint64_t *ret_value)
{
    if (!isdigit((unsigned char)text[0]))
        return false;
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *ret_value = value;
    return true;
}

static void
warning_add(struct server_config *config, const char *key, const char *origin)
{
    if (config->warnings_count >= CONFIG_WARNINGS_MAX)
        return;
    char text[512];
    snprintf(text, sizeof(text), "%s: key \"%s\" is not known here: ignored",
             origin, key);
    config->warnings[config->warnings_count] = strdup(text);
    if (config->warnings[config->warnings_count] != NULL)
        config->warnings_count++;
}

static void
text_free(char *text, enum key_kind kind)
{
    if (text != NULL && kind == KEY_SECRET)
        explicit_bzero(text, strlen(text));
    free(text);
}

static enum engine_code
text_set(char **place, const char *value, enum key_kind kind,
         struct error *reterr)
{
    char *copy = strdup(value);
    if (copy == NULL)
        return error_memory(reterr);
    text_free(*place, kind);
    *place = copy;
    return ENGINE_OK;
}

static enum engine_code
list_add(struct server_config *config, const char *value, const char *origin,
         struct error *reterr)
{
    if (config->cors_origins_count == CONFIG_ORIGINS_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: more than %d values for "
                         "service.cors_allowed_origins",
                         origin, CONFIG_ORIGINS_MAX);
    char **place = &config->cors_origins[config->cors_origins_count];
    *place = NULL;
    enum engine_code code = text_set(place, value, KEY_TEXT, reterr);
    if (code == ENGINE_OK)
        config->cors_origins_count++;
    return code;
}

static enum engine_code
number_set(struct server_config *config, const struct key *key,
           const char *value, const char *origin, struct error *reterr)
{
    uint64_t number;
    if (!number_parse(value, &number) || number < key->min || number > key->max)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: %s = \"%s\" must be a number from %llu to %llu",
                         origin, key->name, value, (unsigned long long)key->min,
                         (unsigned long long)key->max);
    memcpy(key_place(config, key), &number, sizeof(number));
    return ENGINE_OK;
}

static enum engine_code
bool_set(struct server_config *config, const struct key *key, const char *value,
         const char *origin, struct error *reterr)
{
    bool is_on;
    if (!bool_parse(value, &is_on))
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: %s = \"%s\" must be true or false", origin,
                         key->name, value);
    memcpy(key_place(config, key), &is_on, sizeof(is_on));
    return ENGINE_OK;
}

enum engine_code
server_config_set(struct server_config *config, const char *name,
                  const char *value, const char *origin, struct error *reterr)
{
    const struct key *key = key_find(name);
    if (key == NULL) {
        warning_add(config, name, origin);
        return ENGINE_OK;
    }
    if (value[0] == '\0')
        return ENGINE_OK;
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_SECRET:
        return text_set(key_place(config, key), value, key->kind, reterr);
    case KEY_NUMBER:
        return number_set(config, key, value, origin, reterr);
    case KEY_BOOL:
        return bool_set(config, key, value, origin, reterr);
    case KEY_LIST:
        return list_add(config, value, origin, reterr);
    }
    assert(!"unknown kind of key");
    return ENGINE_EINTERNAL;
}

void
server_config_clear(struct server_config *config, const char *name)
{
    const struct key *key = key_find(name);
    if (key == NULL || key->kind != KEY_LIST)
        return;
    for (size_t i = 0; i < config->cors_origins_count; i++)
        free(config->cors_origins[i]);
    config->cors_origins_count = 0;
}

enum engine_code
server_config_init(struct server_config *ret_config, struct error *reterr)
{
    *ret_config = (struct server_config){ 0 };
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].otherwise == NULL)
            continue;
        enum engine_code code = server_config_set(
            ret_config, keys[i].name, keys[i].otherwise, "default", reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

void
server_config_release(struct server_config *config)
{
    server_config_clear(config, "service.cors_allowed_origins");
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].kind != KEY_TEXT && keys[i].kind != KEY_SECRET)
            continue;
        char **place = key_place(config, &keys[i]);
        text_free(*place, keys[i].kind);
        *place = NULL;
    }
    for (size_t i = 0; i < config->warnings_count; i++)
        free(config->warnings[i]);
    config->warnings_count = 0;
}

/* SERVICE__HTTP_PORT -> service.http_port; false when it is too long. */
static bool
variable_key(const char *name, size_t name_size, char *key, size_t key_size)
{
    size_t used = 0;
    for (size_t i = 0; i < name_size; i++) {
        if (used + 1 >= key_size)
            return false;
        if (name[i] == '_' && i + 1 < name_size && name[i + 1] == '_') {
            key[used++] = '.';
            i++;
        } else
            key[used++] = (char)tolower((unsigned char)name[i]);
    }
    key[used] = '\0';
    return true;
}

static enum engine_code
variable_set(struct server_config *config, const char *key, const char *value,
             const char *origin, struct error *reterr)
{
    const struct key *known = key_find(key);
    if (known == NULL || known->kind != KEY_LIST)
        return server_config_set(config, key, value, origin, reterr);
    server_config_clear(config, key);
    while (*value != '\0') {
        size_t size = strcspn(value, ",");
        char item[512];
        if (size >= sizeof(item))
            return error_set(reterr, ENGINE_EINPUT,
                             "%s: an item of %s is longer than %zu bytes",
                             origin, key, sizeof(item) - 1);
        memcpy(item, value, size);
        item[size] = '\0';
        enum engine_code code =
            server_config_set(config, key, item, origin, reterr);
        if (code != ENGINE_OK)
            return code;
        value += size;
        value += *value == ',';
    }
    return ENGINE_OK;
}

enum engine_code
server_config_read_environment(struct server_config *config,
                               const char *const *environment,
                               struct error *reterr)
{
    static const char prefix[] = "QDRANT__";
    for (; *environment != NULL; environment++) {
        const char *name = *environment;
        const char *mark = strchr(name, '=');
        if (mark == NULL || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        char key[128], origin[160];
        snprintf(origin, sizeof(origin), "environment %.*s",
                 (int)(mark - name < 128 ? mark - name : 128), name);
        const char *rest = name + sizeof(prefix) - 1;
        if (!variable_key(rest, (size_t)(mark - rest), key, sizeof(key))) {
            warning_add(config, "(name too long)", origin);
            continue;
        }
        enum engine_code code =
            variable_set(config, key, mark + 1, origin, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}
