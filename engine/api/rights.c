/* SPDX-License-Identifier: Apache-2.0
 * The claim `access` and the question it answers. Everything that is not
 * understood makes the token invalid: a right is never guessed. */
#include "engine/api/rights.h"

#include "engine/filter/path.h"

#include <assert.h>
#include <string.h>

static enum right
right_of(yyjson_val *value)
{
    static const struct {
        const char *word;
        enum right right;
    } words[] = {
        { "r", RIGHT_READ },
        { "prw", RIGHT_POINTS },
        { "rw", RIGHT_WRITE },
        { "m", RIGHT_MANAGE },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (yyjson_equals_str(value, words[i].word))
            return words[i].right;
    }
    return RIGHT_UNSET;
}

const char *
right_name(enum right right)
{
    static const char *const names[] = {
        [RIGHT_UNSET] = "none",
        [RIGHT_NONE] = "none",
        [RIGHT_READ] = "read",
        [RIGHT_POINTS] = "write",
        [RIGHT_WRITE] = "write with indexes",
        [RIGHT_MANAGE] = "manage",
    };
    assert(right <= RIGHT_MANAGE);
    return names[right];
}

static enum engine_code
refuse(struct error *reterr, const char *why)
{
    return error_set(reterr, ENGINE_EFORBIDDEN, "its claim `access` %s", why);
}

/* One member of `payload`. ENGINE_EFORBIDDEN when it is none. */
static enum engine_code
value_read(yyjson_val *key, yyjson_val *value, struct arena *arena,
           struct condition *ret_condition)
{
    struct match_value *match = arena_calloc(arena, 1, sizeof(*match));
    if (match == NULL)
        return ENGINE_ENOMEM;
    if (yyjson_is_str(value)) {
        match->type = MATCH_STRING;
        match->string = arena_span(arena, json_span(value));
    } else if (yyjson_is_bool(value)) {
        match->type = MATCH_BOOL;
        match->boolean = yyjson_get_bool(value);
    } else if (yyjson_is_sint(value) ||
               (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)) {
        match->type = MATCH_INTEGER;
        match->integer = yyjson_get_sint(value);
    } else {
        return ENGINE_EFORBIDDEN;
    }
    if (arena_failed(arena))
        return ENGINE_ENOMEM;
    *ret_condition = (struct condition){ .kind = CONDITION_MATCH,
                                         .values = match,
                                         .values_count = 1 };
    enum engine_code code =
        path_parse(json_span(key), arena, &ret_condition->path, NULL);
    return code == ENGINE_EFORMAT ? ENGINE_EFORBIDDEN : code;
}

/* {PATH: value}: all of them are wanted, one that is there twice, too. */
static enum engine_code
part_read(yyjson_val *payload, struct arena *arena,
          const struct filter **ret_part)
{
    size_t index, count = yyjson_obj_size(payload);
    yyjson_val *key, *value;
    if (!yyjson_is_obj(payload) || count > RIGHTS_VALUES_MAX)
        return ENGINE_EFORBIDDEN;
    struct filter *part = arena_calloc(arena, 1, sizeof(*part));
    struct condition *conditions =
        arena_calloc(arena, count + 1, sizeof(*conditions));
    if (part == NULL || conditions == NULL)
        return ENGINE_ENOMEM;
    yyjson_obj_foreach(payload, index, count, key, value)
    {
        enum engine_code code =
            value_read(key, value, arena, &conditions[index]);
        if (code != ENGINE_OK)
            return code;
    }
    part->must = (struct clause){ conditions, count };
    *ret_part = part;
    return ENGINE_OK;
}

/* One item of the list. ENGINE_EFORBIDDEN when it is none. */
static enum engine_code
grant_read(yyjson_val *item, enum rights_form form, struct arena *arena,
           struct grant *ret_grant)
{
    struct span name = json_span(yyjson_obj_get(item, "collection"));
    enum right right = right_of(yyjson_obj_get(item, "access"));
    yyjson_val *payload =
        form == RIGHTS_EXACT ? yyjson_obj_get(item, "payload") : NULL;
    const struct filter *part = NULL;
    /* Not knowing a member must not widen a right. */
    if (yyjson_obj_size(item) != (payload == NULL ? 2 : 3) || name.size == 0 ||
        right == RIGHT_UNSET)
        return ENGINE_EFORBIDDEN;
    if (form == RIGHTS_EXACT && right == RIGHT_MANAGE)
        return ENGINE_EFORBIDDEN;
    bool is_prefix = form == RIGHTS_PATTERNS && name.data[name.size - 1] == '*';
    if (is_prefix)
        name.size--;
    if (name.size > 0 && memchr(name.data, '*', name.size) != NULL)
        return ENGINE_EFORBIDDEN;
    enum engine_code code = ENGINE_OK;
    if (payload != NULL && !yyjson_is_null(payload))
        code = part_read(payload, arena, &part);
    name = arena_span(arena, name);
    *ret_grant = (struct grant){ name, is_prefix, right, part };
    return code == ENGINE_OK && arena_failed(arena) ? ENGINE_ENOMEM : code;
}

static bool
is_there(const struct grant *grants, size_t count, struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal(grants[i].pattern, name))
            return true;
    }
    return false;
}

enum engine_code
rights_read(yyjson_val *access, enum rights_form form, struct arena *arena,
            struct rights *ret_rights, struct error *reterr)
{
    if (yyjson_is_str(access)) {
        enum right right = right_of(access);
        if (right != RIGHT_READ && right != RIGHT_MANAGE)
            return refuse(reterr, "is neither \"r\" nor \"m\" nor a list");
        *ret_rights = (struct rights){ .everywhere = right };
        return ENGINE_OK;
    }
    size_t count = yyjson_arr_size(access);
    if (!yyjson_is_arr(access))
        return refuse(reterr, "is absent or no list");
    if (count > RIGHTS_GRANTS_MAX)
        return refuse(reterr, "has too many items");
    struct grant *grants = arena_calloc(arena, count + 1, sizeof(*grants));
    if (grants == NULL)
        return error_memory(reterr);
    struct rights rights = { RIGHT_NONE, grants, count };
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(access, index, max, item)
    {
        struct grant *grant = &grants[index];
        enum engine_code code = grant_read(item, form, arena, grant);
        if (code == ENGINE_ENOMEM)
            return error_memory(reterr);
        if (code != ENGINE_OK)
            return refuse(reterr, "has an item that is not understood");
        if (form == RIGHTS_EXACT && is_there(grants, index, grant->pattern))
            return refuse(reterr, "names a collection twice");
        bool is_all = grant->is_prefix && grant->pattern.size == 0;
        if (is_all && grant->right > rights.everywhere)
            rights.everywhere = grant->right;
    }
    *ret_rights = rights;
    return ENGINE_OK;
}

static bool
grant_covers(const struct grant *grant, struct span name)
{
    if (grant->is_prefix ? name.size < grant->pattern.size
                         : name.size != grant->pattern.size)
        return false;
    return grant->pattern.size == 0 ||
           memcmp(name.data, grant->pattern.data, grant->pattern.size) == 0;
}

enum right
rights_on(const struct rights *rights, const struct span *collection)
{
    enum right best =
        rights->everywhere == RIGHT_UNSET ? RIGHT_NONE : rights->everywhere;
    if (collection == NULL)
        return best;
    for (size_t i = 0; i < rights->grants_count; i++) {
        const struct grant *grant = &rights->grants[i];
        if (grant->right > best && grant_covers(grant, *collection))
            best = grant->right;
    }
    return best;
}

const struct filter *
rights_part_of(const struct rights *rights, struct span collection)
{
    /* Only exact grants have a part, and then there is one of this name. */
    for (size_t i = 0; i < rights->grants_count; i++) {
        const struct grant *grant = &rights->grants[i];
        if (grant->part != NULL && grant_covers(grant, collection))
            return grant->part;
    }
    return NULL;
}
