/* SPDX-License-Identifier: Apache-2.0
 * Other names of collections: change, and list. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/collection/name.h"
#include "engine/collection/registry_alias.h"

#include <stdio.h>

#define ACTIONS_MAX 10000

struct alias_changes {
    size_t count;
    struct alias_action actions[];
};

static enum engine_code
name_read(struct call *call, yyjson_val *body, const char *member,
          struct span *ret_name, struct error *reterr)
{
    yyjson_val *value;
    enum engine_code code = rest_required(call, body, member, &value, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_str(value))
        return rest_type_error(value, member, "a string", reterr);
    *ret_name = json_span(value);
    return ENGINE_OK;
}

/* One that a collection might have. */
static enum engine_code
new_name_read(struct call *call, yyjson_val *body, const char *member,
              struct span *ret_name, struct error *reterr)
{
    char field[64];
    enum engine_code code = name_read(call, body, member, ret_name, reterr);
    if (code != ENGINE_OK)
        return code;
    snprintf(field, sizeof(field), "actions.%s", member);
    return name_check(*ret_name, field, ENGINE_EVALID, reterr);
}

static enum engine_code
action_read(struct call *call, yyjson_val *item, struct alias_action *action,
            struct error *reterr)
{
    yyjson_val *create = rest_member(item, "create_alias");
    yyjson_val *drop = rest_member(item, "delete_alias");
    yyjson_val *rename = rest_member(item, "rename_alias");
    enum engine_code code;
    if (yyjson_is_obj(create)) {
        action->kind = ALIAS_CREATE;
        code = name_read(call, create, "collection_name", &action->collection,
                         reterr);
        return code == ENGINE_OK ? new_name_read(call, create, "alias_name",
                                                 &action->name, reterr)
                                 : code;
    }
    if (yyjson_is_obj(drop)) {
        action->kind = ALIAS_DELETE;
        return name_read(call, drop, "alias_name", &action->name, reterr);
    }
    if (yyjson_is_obj(rename)) {
        action->kind = ALIAS_RENAME;
        code = name_read(call, rename, "old_alias_name", &action->name, reterr);
        return code == ENGINE_OK ? new_name_read(call, rename, "new_alias_name",
                                                 &action->new_name, reterr)
                                 : code;
    }
    return error_set(reterr, ENGINE_EFORMAT,
                     "data did not match any variant of untagged enum "
                     "AliasOperations: expected `create_alias`, "
                     "`delete_alias` or `rename_alias`");
}

enum engine_code
aliases_change_parse(struct call *call, struct error *reterr)
{
    yyjson_val *list;
    enum engine_code code =
        rest_required(call, call->body, "actions", &list, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "actions", "a list", reterr);
    size_t count = yyjson_arr_size(list);
    if (count > ACTIONS_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu actions in one request, at most %d are allowed",
                         count, ACTIONS_MAX);
    struct alias_changes *changes =
        arena_calloc(&call->request->arena, 1,
                     sizeof(*changes) + count * sizeof(struct alias_action));
    if (changes == NULL)
        return error_memory(reterr);
    changes->count = count;
    call->command = changes;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        code = action_read(call, item, &changes->actions[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
aliases_change(struct call *call, struct error *reterr)
{
    const struct alias_changes *changes = call->command;
    enum engine_code code = registry_change_aliases(
        call->api->options.registry, changes->actions, changes->count, reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, true);
    return code;
}

/* Who came by one of a collection's names sees what else he may read. */
static bool
is_shown(const struct call *call, const struct alias *alias)
{
    return call_may_read(call, alias->collection) ||
           (call->collection != NULL && call_may_read(call, alias->name));
}

/* Of one collection, or all whose collections the caller may read. */
enum engine_code
aliases_list(struct call *call, struct error *reterr)
{
    const struct alias *aliases = NULL;
    size_t count = 0;
    struct span name = { NULL, 0 };
    if (call->collection != NULL)
        name = collection_name(call->collection);
    enum engine_code code = registry_aliases(
        call->api->options.registry, call->collection != NULL ? &name : NULL,
        &call->request->arena, &aliases, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    struct json_writer *writer = &call->writer;
    json_object_begin(writer);
    json_key(writer, "aliases");
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++) {
        if (!is_shown(call, &aliases[i]))
            continue;
        json_object_begin(writer);
        json_key(writer, "alias_name");
        json_text_span(writer, aliases[i].name);
        json_key(writer, "collection_name");
        json_text_span(writer, aliases[i].collection);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}
