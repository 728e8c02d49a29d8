/* SPDX-License-Identifier: Apache-2.0
 * Defaults of the configuration for new collections (storage.hnsw_index and
 * the like): they are put into the create body where it says nothing, so that
 * what reads it need not know of them. */
#include "engine/api/rest_body.h"
#include "engine/api/rest_collections.h"
#include "engine/collection/config.h"
#include "engine/collection/config_check.h"

#include <string.h>

#define CONFIG_SIZE_MAX ((size_t)1 << 20)

/* The object `name` of `object`, made where it is missing; NULL: something else
 * stands there, or memory is out. */
static yyjson_mut_val *
section_of(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *name,
           size_t size)
{
    yyjson_mut_val *there = yyjson_mut_obj_getn(object, name, size);
    if (there != NULL)
        return yyjson_mut_is_obj(there) ? there : NULL;
    there = yyjson_mut_obj(doc);
    yyjson_mut_val *key = yyjson_mut_strncpy(doc, name, size);
    return yyjson_mut_obj_add(object, key, there) ? there : NULL;
}

static yyjson_mut_val *
value_of(yyjson_mut_doc *doc, const char *json)
{
    yyjson_doc *read = NULL;
    if (json_parse(span_of(json), &read, NULL) != ENGINE_OK)
        return NULL;
    yyjson_mut_val *value = yyjson_val_mut_copy(doc, yyjson_doc_get_root(read));
    yyjson_doc_free(read);
    return value;
}

/* A kind of quantization that the body names itself is not mixed with another.
 */
static bool
is_others(yyjson_val *body, const char *place)
{
    static const char section[] = "quantization_config";
    return strncmp(place, section, sizeof(section) - 1) == 0 &&
           (rest_member(body, section) != NULL ||
            rest_member(body, "quantization") != NULL);
}

static void
default_put(yyjson_mut_doc *doc, const struct config_default *given)
{
    yyjson_mut_val *object = yyjson_mut_doc_get_root(doc);
    const char *name = given->place;
    const char *dot = strchr(name, '.');
    while (dot != NULL && object != NULL) {
        object = section_of(doc, object, name, (size_t)(dot - name));
        name = dot + 1;
        dot = strchr(name, '.');
    }
    if (object == NULL || yyjson_mut_obj_get(object, name) != NULL)
        return;
    yyjson_mut_val *value = value_of(doc, given->json);
    if (value != NULL)
        (void)yyjson_mut_obj_add(object, yyjson_mut_strcpy(doc, name), value);
}

/* `body` with the defaults where it says nothing; NULL: memory is out. */
static yyjson_doc *
with_defaults(yyjson_val *body, const struct config_default *defaults,
              size_t count)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = doc == NULL ? NULL : yyjson_val_mut_copy(doc, body);
    yyjson_doc *made = NULL;
    if (root != NULL) {
        yyjson_mut_doc_set_root(doc, root);
        for (size_t i = 0; i < count; i++) {
            if (!is_others(body, defaults[i].place))
                default_put(doc, &defaults[i]);
        }
        made = yyjson_mut_doc_imut_copy(doc, NULL);
    }
    yyjson_mut_doc_free(doc);
    return made;
}

/* As if a body said these alone. */
static enum engine_code
defaults_try(const struct config_default *defaults, size_t count,
             struct error *reterr)
{
    static const char plain[] =
        "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}";
    struct collection_config config;
    struct arena arena;
    yyjson_doc *body = NULL, *made = NULL;
    enum engine_code code = json_parse(span_of(plain), &body, reterr);
    if (code != ENGINE_OK)
        return code;
    arena_init(&arena, CONFIG_SIZE_MAX);
    made = with_defaults(yyjson_doc_get_root(body), defaults, count);
    if (made == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = config_check(yyjson_doc_get_root(made), reterr);
    if (code == ENGINE_OK)
        code = config_parse(yyjson_doc_get_root(made), &arena, &config, reterr);
    yyjson_doc_free(made);
    yyjson_doc_free(body);
    arena_release(&arena);
    return code;
}

enum engine_code
rest_defaults_check(const struct server_config *config, struct error *reterr)
{
    struct error all = { .text = "" }, alone = { .text = "" };
    const char *key = "storage: defaults of collections";
    enum engine_code code =
        defaults_try(config->defaults, config->defaults_count, &all);
    if (code == ENGINE_OK || code == ENGINE_ENOMEM) {
        if (code != ENGINE_OK)
            *reterr = all;
        return code;
    }
    /* The one that is no good by itself, where there is one. */
    for (size_t i = 0; i < config->defaults_count; i++) {
        const struct config_default *one = &config->defaults[i];
        if (defaults_try(one, 1, &alone) != ENGINE_OK &&
            strcmp(alone.text, all.text) == 0) {
            key = one->key;
            break;
        }
    }
    return error_set(reterr, ENGINE_EINPUT,
                     "%s: no collection could be made with it: %.400s", key,
                     all.text);
}

enum engine_code
rest_defaults_put(struct call *call, struct error *reterr)
{
    const struct server_config *config = call->api->options.config;
    if (config->defaults_count == 0)
        return ENGINE_OK;
    yyjson_doc *made =
        with_defaults(call->body, config->defaults, config->defaults_count);
    if (made == NULL)
        return error_memory(reterr);
    yyjson_doc_free(call->doc);
    call->doc = made;
    call->body = yyjson_doc_get_root(made);
    return ENGINE_OK;
}
