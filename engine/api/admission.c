/* SPDX-License-Identifier: Apache-2.0
 * May this caller do this? Decided once per call, from the route's row and the
 * path alone, before the body is read and before the collection is looked up:
 * who may not read a collection does not learn whether it exists. */
#include "engine/api/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

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

#define SHOWN_SIZE_MAX ((size_t)128)

/* How much of a text an answer quotes. */
static int
shown_size(struct span text)
{
    return (int)(text.size < SHOWN_SIZE_MAX ? text.size : SHOWN_SIZE_MAX);
}

/* 401: nobody is let in. */
static void
refuse_caller(struct call *call, enum access_result result,
              const struct error *error)
{
    char text[ENGINE_ERROR_TEXT_SIZE];
    switch (result) {
    case ACCESS_GRANTED:
        break;
    case ACCESS_MISSING:
        status_text(call->reply, 401,
                    "Must provide an API key or an Authorization bearer token");
        break;
    case ACCESS_INVALID:
        status_text(call->reply, 401, "Invalid API key or JWT");
        break;
    case ACCESS_UNTRUSTED:
        snprintf(text, sizeof(text), "The JWT in X-Azimuth-Identity %.400s",
                 error->text);
        status_text(call->reply, 401, text);
        break;
    }
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
        error_set(&error, ENGINE_EFORBIDDEN,
                  "Global manage access is required");
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

bool
call_is_refused(struct call *call)
{
    struct error error = { .text = "" };
    const struct route *route = call->route;
    assert(route->right != RIGHT_UNSET);
    if ((route->flags & ROUTE_OPEN) != 0)
        return false;
    enum access_result result =
        access_identify(call->api->options.config, call->api->identity_keys,
                        call->request, &call->caller, &error);
    if (result != ACCESS_GRANTED) {
        refuse_caller(call, result, &error);
        call->is_denied = true;
        return true;
    }
    enum right has =
        rights_on(&call->caller.identity.rights, call_collection_name(call));
    if (has >= route->right)
        return false;
    refuse_right(call, has);
    call->is_denied = true;
    return true;
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
        .request_id = request->header(request, "x-request-id"),
        .is_denied = call->is_denied,
        .status = call->reply->status,
    };
    audit_write(call->api->audit, &event);
}
