/* SPDX-License-Identifier: Apache-2.0
 * Defaults of the configuration for new collections (storage.hnsw_index and
 * the like): they are put into the create body where it says nothing, so that
 * what reads it need not know of them. */
#include "engine/api/rest_body.h"
#include "engine/api/rest_collections.h"

#include <string.h>

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

enum engine_code
rest_defaults_put(struct call *call, struct error *reterr)
{
    const struct server_config *config = call->api->options.config;
    if (config->defaults_count == 0)
        return ENGINE_OK;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root =
        doc == NULL ? NULL : yyjson_val_mut_copy(doc, call->body);
    yyjson_doc *made = NULL;
    if (root != NULL) {
        yyjson_mut_doc_set_root(doc, root);
        for (size_t i = 0; i < config->defaults_count; i++) {
            if (!is_others(call->body, config->defaults[i].place))
                default_put(doc, &config->defaults[i]);
        }
        made = yyjson_mut_doc_imut_copy(doc, NULL);
    }
    yyjson_mut_doc_free(doc);
    if (made == NULL)
        return error_memory(reterr);
    yyjson_doc_free(call->doc);
    call->doc = made;
    call->body = yyjson_doc_get_root(made);
    return ENGINE_OK;
}
