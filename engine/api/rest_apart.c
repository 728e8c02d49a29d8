/* SPDX-License-Identifier: Apache-2.0
 * The body of a query whose vector is read apart from it: the list of numbers
 * goes straight into floats, and only the rest becomes a document, in which a
 * raw value stands for the list (rest_vector.h). What is of another form goes
 * the way of all other bodies, which also words the errors. */
#include "engine/api/call.h"
#include "engine/api/rest_body.h"
#include "engine/codec/json_scan.h"

#include <string.h>

/* What stands for the list while the rest is parsed. */
#define PLACEHOLDER "0"

/* Where the list was, and its numbers. */
struct apart {
    struct span name;
    struct span before, after;
    float *values;
    size_t count;
};

static bool
is_vector_name(struct span name)
{
    return span_equal_text(name, "query") || span_equal_text(name, "vector");
}

/* The value of a member: the list, or another one, which is passed over. */
static bool
member_read(struct call *call, struct json_scan *scan, struct span name,
            struct apart *apart)
{
    const char *begin = call->request->body.data;
    if (json_scan_next(scan) != '[')
        return json_scan_skip(scan, JSON_DEPTH_MAX - 1);
    if (apart->values != NULL || !is_vector_name(name))
        return false;
    apart->name = name;
    apart->before = (struct span){ begin, (size_t)(scan->at - begin) };
    /* A number and its comma are two bytes at least. */
    size_t room = (size_t)(scan->end - scan->at) / 2;
    if (room > COMMAND_DIM_MAX)
        room = COMMAND_DIM_MAX;
    apart->values =
        arena_alloc(&call->scanned, (room + 1) * sizeof(*apart->values));
    return apart->values != NULL &&
           json_scan_floats(scan, apart->values, room, &apart->count);
}

/* The members of the body; exactly one is a list. */
static bool
body_scan(struct call *call, struct apart *apart)
{
    struct json_scan scan = json_scan_of(call->request->body);
    unsigned names = 0;
    if (!json_scan_take(&scan, '{'))
        return false;
    do {
        struct span name;
        if (!json_scan_name(&scan, &name))
            return false;
        names += is_vector_name(name);
        bool was_there = apart->values != NULL;
        if (!member_read(call, &scan, name, apart))
            return false;
        if (!was_there && apart->values != NULL)
            apart->after =
                (struct span){ scan.at, (size_t)(scan.end - scan.at) };
    } while (json_scan_take(&scan, ','));
    return names == 1 && apart->values != NULL && json_scan_take(&scan, '}') &&
           json_scan_is_over(&scan);
}

/* The document of the rest; false: it has the error in it. */
static bool
rest_parse(struct call *call, const struct apart *apart)
{
    size_t size = sizeof(PLACEHOLDER) - 1;
    char *text = arena_alloc(&call->scanned,
                             apart->before.size + size + apart->after.size);
    if (text == NULL)
        return false;
    memcpy(text, apart->before.data, apart->before.size);
    memcpy(text + apart->before.size, PLACEHOLDER, size);
    size += apart->before.size;
    memcpy(text + size, apart->after.data, apart->after.size);
    size += apart->after.size;
    return json_parse((struct span){ text, size }, &call->doc, NULL) ==
           ENGINE_OK;
}

static bool
read_apart(struct call *call)
{
    struct apart apart = { .values = NULL };
    if (call->request->body.size > API_INLINE_BODY_SIZE_MAX ||
        !body_scan(call, &apart) || !rest_parse(call, &apart))
        return false;
    yyjson_val *root = yyjson_doc_get_root(call->doc);
    yyjson_val *place = yyjson_obj_getn(root, apart.name.data, apart.name.size);
    if (!yyjson_is_uint(place))
        return false;
    yyjson_set_raw(place, (const char *)apart.values,
                   apart.count * sizeof(*apart.values));
    call->body = root;
    return true;
}

enum engine_code
rest_query_body(struct call *call, struct error *reterr)
{
    if (call->body != NULL || read_apart(call))
        return ENGINE_OK;
    yyjson_doc_free(call->doc);
    call->doc = NULL;
    arena_release(&call->scanned);
    return call_read_body(call, reterr);
}
