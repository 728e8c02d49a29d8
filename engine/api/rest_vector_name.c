/* SPDX-License-Identifier: Apache-2.0
 * Requests to add a vector name to a collection and to take one away; they are
 * updates (rest_update.c). */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/collection/config_vector.h"
#include "engine/collection/name.h"

static enum engine_code
update_make(struct call *call, enum update_kind kind,
            struct update **ret_update, struct error *reterr)
{
    struct update *update =
        arena_calloc(&call->request->arena, 1, sizeof(*update));
    if (update == NULL)
        return error_memory(reterr);
    update->kind = kind;
    update->names = &call->params[1];
    update->names_count = 1;
    call->command = update;
    *ret_update = update;
    return name_check_vector(
        call->params[1], call->grpc == NULL ? ENGINE_EVALIDPATH : ENGINE_EVALID,
        reterr);
}

enum engine_code
update_create_vector_parse(struct call *call, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct update *update = NULL;
    struct vector_config *vector = arena_calloc(arena, 1, sizeof(*vector));
    if (vector == NULL)
        return error_memory(reterr);
    enum engine_code code =
        update_make(call, UPDATE_CREATE_VECTOR, &update, reterr);
    if (code != ENGINE_OK)
        return code;
    update->vector = vector;
    return config_vector_parse(call->params[1], call->body, arena, vector,
                               reterr);
}

enum engine_code
update_delete_vector_parse(struct call *call, struct error *reterr)
{
    struct update *update = NULL;
    return update_make(call, UPDATE_DELETE_VECTOR, &update, reterr);
}
