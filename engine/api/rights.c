/* SPDX-License-Identifier: Apache-2.0
 * The claim `access` and the question it answers. Everything that is not
 * understood makes the token invalid: a right is never guessed. */
#include "engine/api/rights.h"

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

/* One item of the list. False when it is none. */
static bool
grant_read(yyjson_val *item, enum rights_form form, struct grant *ret_grant)
{
    struct span name = json_span(yyjson_obj_get(item, "collection"));
    enum right right = right_of(yyjson_obj_get(item, "access"));
    /* Qdrant's old `payload` narrowed a right: not knowing a member must not
     * widen one. */
    if (yyjson_obj_size(item) != 2 || name.size == 0 || right == RIGHT_UNSET)
        return false;
    if (form == RIGHTS_EXACT && right == RIGHT_MANAGE)
        return false;
    bool is_prefix = form == RIGHTS_PATTERNS && name.data[name.size - 1] == '*';
    if (is_prefix)
        name.size--;
    if (name.size > 0 && memchr(name.data, '*', name.size) != NULL)
        return false;
    *ret_grant = (struct grant){ name, is_prefix, right };
    return true;
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
        if (!grant_read(item, form, grant))
            return refuse(reterr, "has an item that is not understood");
        if (form == RIGHTS_EXACT && is_there(grants, index, grant->pattern))
            return refuse(reterr, "names a collection twice");
        grant->pattern.data =
            arena_strndup(arena, grant->pattern.data, grant->pattern.size);
        if (grant->pattern.data == NULL)
            return error_memory(reterr);
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
