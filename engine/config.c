/* SPDX-License-Identifier: Apache-2.0
 * Values by key. All sources (YAML, environment, flags) end in
 * server_config_set(), so that they know the same keys and give the same
 * errors. */
#include "engine/codec/json_read.h"
#include "engine/codec/utf8.h"
#include "engine/config_keys.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORD_SIZE_MAX 64 /* of a default of collections */

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
    snprintf(text, sizeof(text), "%s: %s has no effect here", origin, key);
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
    memcpy(config_key_place(config, key), &number, sizeof(number));
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
    memcpy(config_key_place(config, key), &is_on, sizeof(is_on));
    return ENGINE_OK;
}

/* 1.5 -> 1500 */
static enum engine_code
seconds_set(struct server_config *config, const struct key *key,
            const char *value, const char *origin, struct error *reterr)
{
    char *end = NULL;
    double seconds = strtod(value, &end);
    if (end == value || *end != '\0' || !(seconds >= (double)key->min) ||
        seconds > (double)key->max)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: %s = \"%s\" must be a number from %llu to %llu",
                         origin, key->name, value, (unsigned long long)key->min,
                         (unsigned long long)key->max);
    uint64_t ms = (uint64_t)ceil(seconds * 1e3);
    memcpy(config_key_place(config, key), &ms, sizeof(ms));
    return ENGINE_OK;
}

/* The place of `name` in a create body: what `.*` stands for is the same. */
static void
place_of(const struct key *key, const char *name, char *ret_place, size_t size)
{
    size_t fixed = strlen(key->otherwise);
    bool is_open = fixed > 1 && key->otherwise[fixed - 1] == '*';
    snprintf(ret_place, size, "%.*s%s", (int)(is_open ? fixed - 1 : fixed),
             key->otherwise, is_open ? name + strlen(key->name) - 1 : "");
}

/* Whether JSON has it as a number: it has no "+5" and no ".5". */
static bool
is_json_number(const char *value)
{
    yyjson_doc *doc = NULL;
    if (json_parse(span_of(value), &doc, NULL) != ENGINE_OK)
        return false;
    bool is_number = yyjson_is_num(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return is_number;
}

static bool
is_word(const char *value)
{
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\')
            return false;
    return strlen(value) <= WORD_SIZE_MAX && utf8_is_valid(span_of(value));
}

/* A number, true or false as it is; a word in quotes. */
static void
json_of(const char *value, char *ret_json, size_t size)
{
    bool is_on;
    if (is_json_number(value))
        snprintf(ret_json, size, "%s", value);
    else if (bool_parse(value, &is_on))
        snprintf(ret_json, size, "%s", is_on ? "true" : "false");
    else
        snprintf(ret_json, size, "\"%s\"", value);
}

static enum engine_code
default_set(struct server_config *config, const struct key *key,
            const char *name, const char *value, struct error *reterr)
{
    char place[128], json[128];
    size_t at = 0;
    place_of(key, name, place, sizeof(place));
    if (!is_word(value))
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: a number, true, false or a word is expected",
                         name);
    json_of(value, json, sizeof(json));
    while (at < config->defaults_count &&
           strcmp(config->defaults[at].place, place) != 0)
        at++;
    if (at == CONFIG_DEFAULTS_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: more than %d defaults of collections", name,
                         CONFIG_DEFAULTS_MAX);
    struct config_default *slot = &config->defaults[at];
    enum engine_code code = text_set(&slot->json, json, KEY_TEXT, reterr);
    if (code == ENGINE_OK && slot->place == NULL)
        code = text_set(&slot->place, place, KEY_TEXT, reterr);
    if (code == ENGINE_OK)
        code = text_set(&slot->key, name, KEY_TEXT, reterr);
    if (code == ENGINE_OK && at == config->defaults_count)
        config->defaults_count++;
    return code;
}

static enum engine_code
unknown_error(const char *name, const char *origin, struct error *reterr)
{
    const char *like = config_key_like(name);
    if (like == NULL)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: there is no key \"%s\" (--print-config lists "
                         "all)",
                         origin, name);
    return error_set(reterr, ENGINE_EINPUT,
                     "%s: there is no key \"%s\": did you mean \"%s\"?", origin,
                     name, like);
}

enum engine_code
server_config_set(struct server_config *config, const char *name,
                  const char *value, const char *origin, struct error *reterr)
{
    const struct key *key = config_key_find(name);
    bool is_empty = value[0] == '\0';
    if (key == NULL && is_empty && config_key_is_section(name))
        return ENGINE_OK; /* "service:" with nothing in it */
    if (key == NULL)
        return unknown_error(name, origin, reterr);
    if (is_empty)
        return ENGINE_OK;
    if (key->kind == KEY_SECRET && strcmp(value, CONFIG_MASK) == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: %s is masked, as --print-config writes it: put "
                         "the key there, or its file in %s_file",
                         origin, key->name, key->name);
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_SECRET:
        return text_set(config_key_place(config, key), value, key->kind,
                        reterr);
    case KEY_NUMBER:
        return number_set(config, key, value, origin, reterr);
    case KEY_SECONDS:
        return seconds_set(config, key, value, origin, reterr);
    case KEY_BOOL:
        return bool_set(config, key, value, origin, reterr);
    case KEY_LIST:
        return list_add(config, value, origin, reterr);
    case KEY_COLLECTION:
        return default_set(config, key, name, value, reterr);
    case KEY_INERT:
        warning_add(config, name, origin);
        return ENGINE_OK;
    }
    assert(!"unknown kind of key");
    return ENGINE_EINTERNAL;
}

void
server_config_clear(struct server_config *config, const char *name)
{
    const struct key *key = config_key_find(name);
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
    for (size_t i = 0; i < config_keys_count; i++) {
        if (config_keys[i].otherwise == NULL ||
            config_keys[i].kind == KEY_COLLECTION)
            continue;
        enum engine_code code =
            server_config_set(ret_config, config_keys[i].name,
                              config_keys[i].otherwise, "default", reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

void
server_config_release(struct server_config *config)
{
    server_config_clear(config, "service.cors_allowed_origins");
    for (size_t i = 0; i < config_keys_count; i++) {
        if (config_keys[i].kind != KEY_TEXT &&
            config_keys[i].kind != KEY_SECRET)
            continue;
        char **place = config_key_place(config, &config_keys[i]);
        text_free(*place, config_keys[i].kind);
        *place = NULL;
    }
    for (size_t i = 0; i < config->warnings_count; i++)
        free(config->warnings[i]);
    config->warnings_count = 0;
    for (size_t i = 0; i < config->defaults_count; i++) {
        free(config->defaults[i].key);
        free(config->defaults[i].place);
        free(config->defaults[i].json);
    }
    config->defaults_count = 0;
}
