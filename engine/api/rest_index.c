/* SPDX-License-Identifier: Apache-2.0
 * Requests to make and to drop a payload index. Of the parameters those that
 * the API knows are kept and echoed. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/collection/config_section.h"
#include "engine/filter/path.h"
#include "engine/filter/tokenizer.h"

#define SCHEMA_VARIANT_TEXT                                                    \
    "data did not match any variant of untagged enum PayloadFieldSchema"

static const char *const keyword_keys[] = { "type",   "is_tenant",   "on_disk",
                                            "prefix", "enable_hnsw", "memory",
                                            NULL };
static const char *const integer_keys[] = { "type",    "lookup",
                                            "range",   "is_principal",
                                            "on_disk", "enable_hnsw",
                                            "memory",  NULL };
static const char *const float_keys[] = { "type",    "is_principal",
                                          "on_disk", "enable_hnsw",
                                          "memory",  NULL };
static const char *const uuid_keys[] = { "type",        "is_tenant", "on_disk",
                                         "enable_hnsw", "memory",    NULL };
static const char *const text_keys[] = {
    "type",      "tokenizer",     "min_token_len",   "max_token_len",
    "lowercase", "ascii_folding", "phrase_matching", "stopwords",
    "stemmer",   "on_disk",       "enable_hnsw",     "memory",
    NULL
};
static const char *const plain_keys[] = { "type", "on_disk", "enable_hnsw",
                                          "memory", NULL };

static const struct {
    const char *name;
    enum payload_schema schema;
    const char *const *keys;
} known[] = {
    { "keyword", PAYLOAD_SCHEMA_KEYWORD, keyword_keys },
    { "integer", PAYLOAD_SCHEMA_INTEGER, integer_keys },
    { "float", PAYLOAD_SCHEMA_FLOAT, float_keys },
    { "bool", PAYLOAD_SCHEMA_BOOL, plain_keys },
    { "datetime", PAYLOAD_SCHEMA_DATETIME, float_keys },
    { "uuid", PAYLOAD_SCHEMA_UUID, uuid_keys },
    { "geo", PAYLOAD_SCHEMA_GEO, plain_keys },
    { "text", PAYLOAD_SCHEMA_TEXT, text_keys },
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

static enum engine_code
schema_of(struct span type, size_t *ret_known, struct error *reterr)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        if (span_equal_text(type, known[i].name)) {
            *ret_known = i;
            return ENGINE_OK;
        }
    }
    return error_set(reterr, ENGINE_EFORMAT,
                     SCHEMA_VARIANT_TEXT ": unknown type `%.*s`",
                     (int)(type.size < 64 ? type.size : 64), type.data);
}

/* Clients parse what is echoed. */
static enum engine_code
params_check(yyjson_val *params, struct error *reterr)
{
    static const char *const flags[] = { "is_tenant",    "lookup",
                                         "range",        "on_disk",
                                         "is_principal", "enable_hnsw" };
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        yyjson_val *flag = rest_member(params, flags[i]);
        if (flag != NULL && !yyjson_is_bool(flag))
            return error_set(reterr, ENGINE_EFORMAT,
                             SCHEMA_VARIANT_TEXT ": `%s` must be a boolean",
                             flags[i]);
    }
    yyjson_val *prefix = rest_member(params, "prefix");
    if (prefix != NULL && !yyjson_is_bool(prefix) && !yyjson_is_obj(prefix))
        return error_set(reterr, ENGINE_EFORMAT,
                         SCHEMA_VARIANT_TEXT ": `prefix` must be a boolean");
    yyjson_val *memory = rest_member(params, "memory");
    if (memory != NULL && !yyjson_equals_str(memory, "cold") &&
        !yyjson_equals_str(memory, "cached") &&
        !yyjson_equals_str(memory, "pinned"))
        return error_set(reterr, ENGINE_EFORMAT,
                         SCHEMA_VARIANT_TEXT
                         ": `memory` must be cold, cached or pinned");
    return ENGINE_OK;
}

static enum engine_code
params_read(struct call *call, yyjson_val *params, size_t kind,
            struct update *update, struct error *reterr)
{
    /* Of a later API level. */
    static const char *const refused[] = { "nested", "scoring" };
    bool is_scored = !yyjson_is_false(rest_member(params, "scoring"));
    enum engine_code code =
        rest_refuse(params, refused, is_scored ? 2 : 1, reterr);
    if (code == ENGINE_OK)
        code = params_check(params, reterr);
    if (code != ENGINE_OK)
        return code;
    if (known[kind].schema == PAYLOAD_SCHEMA_INTEGER &&
        yyjson_is_false(rest_member(params, "lookup")) &&
        yyjson_is_false(rest_member(params, "range")))
        return error_set(reterr, ENGINE_EVALID,
                         "[field_schema.lookup: Validation error: the 'lookup' "
                         "and 'range' capabilities can't be both disabled "
                         "[{}]]");
    if (known[kind].schema == PAYLOAD_SCHEMA_TEXT) {
        struct tokenizer *tokenizer = NULL;
        code = tokenizer_new(params, &tokenizer, reterr);
        tokenizer_free(tokenizer);
        if (code != ENGINE_OK)
            return code;
    }
    return section_merge((struct span){ NULL, 0 }, params, known[kind].keys,
                         &call->request->arena, &update->schema_json, reterr);
}

static enum engine_code
create_index_read(struct call *call, struct update *update,
                  struct payload_path *key, struct error *reterr)
{
    yyjson_val *body = call->body, *field;
    yyjson_val *schema = rest_member(body, "field_schema");
    size_t kind = 0;
    enum engine_code code =
        rest_required(call, body, "field_name", &field, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_str(field))
        return rest_type_error(field, "field_name", "a string", reterr);
    if (schema == NULL)
        schema = rest_member(body, "field_type");
    if (schema == NULL)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Can't auto-detect field type, please specify "
                         "`field_schema` in the request");
    yyjson_val *type =
        yyjson_is_obj(schema) ? rest_member(schema, "type") : schema;
    if (!yyjson_is_str(type))
        return error_set(reterr, ENGINE_EFORMAT, SCHEMA_VARIANT_TEXT);
    code = schema_of(json_span(type), &kind, reterr);
    if (code == ENGINE_OK && yyjson_is_obj(schema))
        code = params_read(call, schema, kind, update, reterr);
    if (code != ENGINE_OK)
        return code;
    update->schema = known[kind].schema;
    return path_parse(json_span(field), &call->request->arena, key, reterr);
}

/* An update whose key is still to be read. */
static enum engine_code
update_make(struct call *call, enum update_kind kind,
            struct update **ret_update, struct payload_path **ret_key,
            struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct update *update = arena_calloc(arena, 1, sizeof(*update));
    struct payload_path *key = arena_calloc(arena, 1, sizeof(*key));
    if (update == NULL || key == NULL)
        return error_memory(reterr);
    update->kind = kind;
    update->key = key;
    call->command = update;
    *ret_update = update;
    *ret_key = key;
    return ENGINE_OK;
}

enum engine_code
update_create_index_parse(struct call *call, struct error *reterr)
{
    struct update *update = NULL;
    struct payload_path *key = NULL;
    enum engine_code code =
        update_make(call, UPDATE_CREATE_INDEX, &update, &key, reterr);
    return code != ENGINE_OK ? code
                             : create_index_read(call, update, key, reterr);
}

enum engine_code
update_delete_index_parse(struct call *call, struct error *reterr)
{
    struct update *update = NULL;
    struct payload_path *key = NULL;
    enum engine_code code =
        update_make(call, UPDATE_DELETE_INDEX, &update, &key, reterr);
    return code != ENGINE_OK ? code
                             : path_parse(call->params[1],
                                          &call->request->arena, key, reterr);
}
