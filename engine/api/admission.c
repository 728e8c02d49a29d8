/* SPDX-License-Identifier: Apache-2.0
 * May this caller do this? Decided once per call, from the route's row and the
 * path alone, before the body is read and before the collection is looked up:
 * who may not read a collection does not learn whether it exists. */
#include "engine/api/call.h"
#include "engine/api/grpc.h"
#include "engine/api/part.h"
#include "engine/api/rest_filter.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WANTED_MISSING "Invalid JWT, stateful validation failed"

#define COLLECTION_PATTERN "/collections/{name}"

const struct span *
call_collection_name(const struct call *call)
{
    size_t size = sizeof(COLLECTION_PATTERN) - 1;
    return strncmp(call->route->pattern, COLLECTION_PATTERN, size) == 0
               ? &call->params[0]
               : NULL;
}

bool
call_may_read(const struct call *call, struct span collection)
{
    return rights_on(&call->caller.identity.rights, &collection) >= RIGHT_READ;
}

bool
call_may_read_all(const struct call *call, struct span collection)
{
    return call_may_read(call, collection) &&
           rights_part_of(&call->caller.identity.rights, collection) == NULL;
}

#define SHOWN_SIZE_MAX ((size_t)128)

/* How much of a text an answer quotes. */
static int
shown_size(struct span text)
{
    return (int)(text.size < SHOWN_SIZE_MAX ? text.size : SHOWN_SIZE_MAX);
}

/* 401, or Qdrant's 403: nobody is let in. */
static void
refuse_caller(struct call *call, enum access_result result,
              const struct error *error)
{
    char text[ENGINE_ERROR_TEXT_SIZE];
    struct error unable;
    switch (result) {
    case ACCESS_GRANTED:
        break;
    case ACCESS_MISSING:
        status_text(call->reply, 401,
                    "Must provide an API key or an Authorization bearer token");
        break;
    case ACCESS_INVALID:
        snprintf(text, sizeof(text), "Invalid API key or JWT%s%.400s",
                 error->text[0] == '\0' ? "" : ": ", error->text);
        status_text(call->reply, 401, text);
        break;
    case ACCESS_REFUSED:
        status_text(call->reply, 403, error->text);
        break;
    case ACCESS_UNTRUSTED:
        snprintf(text, sizeof(text), "The JWT in X-Azimuth-Identity %.400s",
                 error->text);
        status_text(call->reply, 401, text);
        break;
    case ACCESS_UNABLE:
        error_set(&unable, ENGINE_EUNAVAILABLE,
                  "there is no memory to find out who asks");
        status_error(call->reply, &unable, 0.0);
        break;
    }
}

/* What Qdrant says to keys and to its tokens. */
static void
name_right(const struct call *call, enum right has, struct error *error)
{
    const struct rights *rights = &call->caller.identity.rights;
    const struct span *collection = call_collection_name(call);
    enum right needed = call->route->right;
    if (rights->everywhere >= RIGHT_READ)
        error_set(error, ENGINE_EFORBIDDEN, "Global manage access is required");
    else if (collection == NULL)
        error_set(error, ENGINE_EFORBIDDEN, "Global access is required");
    else if (has < RIGHT_READ)
        error_set(error, ENGINE_EFORBIDDEN,
                  "Access to collection %.*s is required",
                  shown_size(*collection), collection->data);
    else if (needed == RIGHT_MANAGE)
        error_set(error, ENGINE_EFORBIDDEN,
                  "Manage access for this operation is required");
    else
        error_set(error, ENGINE_EFORBIDDEN,
                  "Write access to collection %.*s is required",
                  shown_size(*collection), collection->data);
}

/* 403: names the right that is missing, and where. */
static void
refuse_right(struct call *call, enum right has)
{
    struct error error = { .text = "" };
    const struct identity *identity = &call->caller.identity;
    const struct span *collection = call_collection_name(call);
    struct span who = identity->name.size > 0 ? identity->name : identity->sub;
    const char *mark = has >= RIGHT_READ ? "\"" : "";
    if (call->caller.kind != CALLER_IDENTITY)
        name_right(call, has, &error);
    else if (collection == NULL)
        error_set(&error, ENGINE_EFORBIDDEN,
                  "%.*s needs the right \"%s\" on all collections (\"*\") and "
                  "has %s%s%s",
                  shown_size(who), who.data, right_name(call->route->right),
                  mark, right_name(has), mark);
    else
        error_set(&error, ENGINE_EFORBIDDEN,
                  "%.*s needs the right \"%s\" on collection `%.*s` and has "
                  "%s%s%s",
                  shown_size(who), who.data, right_name(call->route->right),
                  shown_size(*collection), collection->data, mark,
                  right_name(has), mark);
    status_error(call->reply, &error, 0.0);
}

/* The route's right, and whether it may be had on a part. */
static bool
right_is_missing(struct call *call)
{
    struct error error = { .text = "" };
    const struct rights *rights = &call->caller.identity.rights;
    const struct span *collection = call_collection_name(call);
    enum right has = rights_on(rights, collection);
    if (has < call->route->right) {
        refuse_right(call, has);
        return true;
    }
    if (collection != NULL)
        call->part = rights_part_of(rights, *collection);
    if ((call->route->flags & ROUTE_PART) != 0 ||
        part_refuse(call, &error) == ENGINE_OK)
        return false;
    status_error(call->reply, &error, 0.0);
    return true;
}

bool
call_is_refused(struct call *call)
{
    struct error error = { .text = "" };
    const struct route *route = call->route;
    assert(route->right != RIGHT_UNSET);
    if ((route->flags & ROUTE_OPEN) != 0)
        return false;
    enum access_result result = access_identify(
        call->api->access, call->request, &call->caller, &error);
    if (result != ACCESS_GRANTED) {
        refuse_caller(call, result, &error);
        call->is_denied = result != ACCESS_UNABLE;
        return true;
    }
    bool is_raw = call->grpc != NULL && (call->grpc->flags & GRPC_RAW) != 0;
    call->is_denied = right_is_missing(call);
    if (call->is_denied || !call_wants_point(call) || !is_raw)
        return call->is_denied;
    status_text(call->reply, 403, /* no executor answers these */
                "a JWT with value_exists cannot ask this");
    call->is_denied = true;
    return true;
}

bool
call_wants_point(const struct call *call)
{
    return call->caller.identity.wanted.size > 0;
}

/* Whether some point of `collection` matches. */
static enum engine_code
point_count(struct call *call, struct collection *collection,
            uint64_t *ret_count, struct error *reterr)
{
    struct count_command command = { .is_exact = true,
                                     .deadline_ms =
                                         call_read_deadline_ms(call) };
    yyjson_doc *doc = NULL;
    enum engine_code code =
        json_parse(call->caller.identity.wanted, &doc, reterr);
    if (code == ENGINE_OK)
        code =
            rest_filter_parse(yyjson_doc_get_root(doc), "value_exists",
                              &call->request->arena, &command.filter, reterr);
    if (code == ENGINE_OK)
        code = collection_count(collection, &command, ret_count, reterr);
    yyjson_doc_free(doc);
    return code;
}

enum engine_code
call_check_point(struct call *call, struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    struct collection *collection = NULL;
    uint64_t count = 0;
    if (!call_wants_point(call))
        return ENGINE_OK;
    enum engine_code code = registry_acquire(
        registry, call->caller.identity.wanted_in, &collection, reterr);
    if (code == ENGINE_OK) {
        code = point_count(call, collection, &count, reterr);
        registry_release(registry, collection);
    }
    if (code == ENGINE_ENOTFOUND)
        code = error_set(reterr, ENGINE_EFORBIDDEN, WANTED_MISSING);
    else if (code == ENGINE_OK && count == 0)
        code = error_set(reterr, ENGINE_EUNKNOWN, WANTED_MISSING);
    call->is_denied = code == ENGINE_EFORBIDDEN || code == ENGINE_EUNKNOWN;
    return code;
}

void
call_audit(const struct call *call)
{
    const struct request *request = call->request;
    if (call->api->audit == NULL || call->route == NULL ||
        (call->route->flags & ROUTE_OPEN) != 0)
        return;
    if (call->route->right <= RIGHT_READ && !call->is_denied &&
        !call->api->options.config->audits_reads)
        return;
    struct audit_event event = {
        .caller = &call->caller,
        .method = call_method(call),
        .pattern = call->route->pattern,
        .collection = call_collection_name(call),
        .alias_of = call->alias_of,
        .lookups = call->lookups,
        .lookups_count = call->lookups_count,
        .request_id = request->header(request, "x-request-id"),
        .is_denied = call->is_denied,
        .status = call->reply->status,
    };
    audit_write(call->api->audit, &event);
}
