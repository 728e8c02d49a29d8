/* SPDX-License-Identifier: Apache-2.0
 * The part of a collection that a token shows, as conditions of the commands:
 * what is below sees one filter and not who asked. */
#include "engine/api/part.h"

#include "engine/api/rest_body.h"
#include "engine/api/rest_filter.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WHERE_SIZE 512

/* Both: the conditions of `part`, which all stand in `must`, behind those of
 * `filter`, so that the planner sees one flat list. */
static enum engine_code
both(const struct filter *filter, const struct filter *part,
     struct arena *arena, const struct filter **ret_filter,
     struct error *reterr)
{
    assert(part->should.count == 0 && part->must_not.count == 0 &&
           part->min_should_count == 0);
    size_t count = filter->must.count + part->must.count;
    struct filter *made = arena_calloc(arena, 1, sizeof(*made));
    struct condition *must = arena_calloc(arena, count + 1, sizeof(*must));
    if (made == NULL || must == NULL)
        return error_memory(reterr);
    if (filter->must.count > 0)
        memcpy(must, filter->must.conditions,
               filter->must.count * sizeof(*must));
    if (part->must.count > 0)
        memcpy(must + filter->must.count, part->must.conditions,
               part->must.count * sizeof(*must));
    *made = *filter;
    made->must = (struct clause){ must, count };
    *ret_filter = made;
    return ENGINE_OK;
}

enum engine_code
part_narrow(const struct call *call, const struct filter **filter,
            struct error *reterr)
{
    if (call->part == NULL)
        return ENGINE_OK;
    if (*filter != NULL)
        return both(*filter, call->part, &call->request->arena, filter, reterr);
    *filter = call->part;
    return ENGINE_OK;
}

enum engine_code
part_filter_read(struct call *call, yyjson_val *body, const char *where,
                 const struct filter **ret_filter, struct error *reterr)
{
    const struct filter *filter = NULL;
    char place[WHERE_SIZE];
    snprintf(place, sizeof(place), "%s.filter", where);
    enum engine_code code =
        rest_filter_parse(rest_member(body, "filter"), place,
                          &call->request->arena, &filter, reterr);
    if (code == ENGINE_OK)
        code = part_narrow(call, &filter, reterr);
    if (code == ENGINE_OK)
        *ret_filter = filter;
    return code;
}

/* A filter of these ids alone. */
static enum engine_code
of_ids(const struct point_selector *selector, struct arena *arena,
       const struct filter **ret_filter, struct error *reterr)
{
    struct filter *filter = arena_calloc(arena, 1, sizeof(*filter));
    struct condition *condition = arena_calloc(arena, 1, sizeof(*condition));
    struct point_id *ids =
        arena_calloc(arena, selector->ids_count + 1, sizeof(*ids));
    if (filter == NULL || condition == NULL || ids == NULL)
        return error_memory(reterr);
    if (selector->ids_count > 0)
        memcpy(ids, selector->ids, selector->ids_count * sizeof(*ids));
    condition->kind = CONDITION_HAS_ID;
    condition->ids_count = filter_ids_sort(ids, selector->ids_count);
    condition->ids = ids;
    filter->must = (struct clause){ condition, 1 };
    *ret_filter = filter;
    return ENGINE_OK;
}

enum engine_code
part_narrow_selector(const struct call *call, struct point_selector *selector,
                     struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (call->part == NULL)
        return ENGINE_OK;
    if (selector->filter == NULL)
        code =
            of_ids(selector, &call->request->arena, &selector->filter, reterr);
    selector->ids = NULL;
    selector->ids_count = 0;
    return code == ENGINE_OK ? part_narrow(call, &selector->filter, reterr)
                             : code;
}

static enum engine_code
refuse(struct call *call, struct span name, struct error *reterr)
{
    call->is_denied = true;
    return error_set(reterr, ENGINE_EFORBIDDEN,
                     "This operation is not allowed when \"payload\" "
                     "restriction is present for collection %.*s",
                     name.size < COMMAND_NAME_SIZE_MAX ? (int)name.size
                                                       : COMMAND_NAME_SIZE_MAX,
                     name.data);
}

enum engine_code
part_refuse(struct call *call, struct error *reterr)
{
    return call->part == NULL ? ENGINE_OK
                              : refuse(call, call->params[0], reterr);
}

enum engine_code
part_refuse_in(struct call *call, struct span collection, struct error *reterr)
{
    return rights_part_of(&call->caller.identity.rights, collection) == NULL
               ? ENGINE_OK
               : refuse(call, collection, reterr);
}
