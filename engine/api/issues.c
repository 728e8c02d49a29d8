/* SPDX-License-Identifier: Apache-2.0
 * The list of issues. Whether one is solved is looked at when it is asked for:
 * its collection is gone, or its field has an index. */
#include "engine/api/issues.h"

#include "engine/api/rest.h"
#include "engine/collection/registry.h"
#include "engine/collection/unindexed.h"
#include "engine/filter/payload_index.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_SIZE_MAX 4096

struct issue {
    char *collection; /* owned, with the field */
    char *field;
    size_t collection_size, field_size;
    unsigned kinds; /* of indexes that would help */
    time_t time;
};

struct issues {
    pthread_mutex_t lock;
    struct issue *items; /* in the order of their coming */
    size_t count;
};

struct issues *
issues_new(void)
{
    struct issues *issues = calloc(1, sizeof(*issues));
    if (issues == NULL)
        return NULL;
    issues->items = calloc(ISSUES_MAX, sizeof(*issues->items));
    if (issues->items == NULL || pthread_mutex_init(&issues->lock, NULL) != 0) {
        free(issues->items);
        free(issues);
        return NULL;
    }
    return issues;
}

static void
issue_release(struct issue *issue)
{
    free(issue->collection);
    free(issue->field);
}

void
issues_free(struct issues *issues)
{
    if (issues == NULL)
        return;
    for (size_t i = 0; i < issues->count; i++)
        issue_release(&issues->items[i]);
    pthread_mutex_destroy(&issues->lock);
    free(issues->items);
    free(issues);
}

static struct span
collection_of(const struct issue *issue)
{
    return (struct span){ issue->collection, issue->collection_size };
}

static struct span
field_of(const struct issue *issue)
{
    return (struct span){ issue->field, issue->field_size };
}

/* ---- remembering ---- */

struct noting {
    struct issues *issues;
    struct span collection;
};

static void
note_field(void *ctx, struct span field, unsigned kinds)
{
    const struct noting *noting = ctx;
    struct issues *issues = noting->issues;
    pthread_mutex_lock(&issues->lock);
    size_t at = 0;
    while (
        at < issues->count &&
        !(span_equal(collection_of(&issues->items[at]), noting->collection) &&
          span_equal(field_of(&issues->items[at]), field)))
        at++;
    struct issue *issue = &issues->items[at];
    if (at < issues->count) {
        issue->kinds |= kinds;
    } else if (at < ISSUES_MAX) {
        *issue = (struct issue){ .collection = strndup(noting->collection.data,
                                                       noting->collection.size),
                                 .field = strndup(field.data, field.size),
                                 .collection_size = noting->collection.size,
                                 .field_size = field.size,
                                 .kinds = kinds,
                                 .time = time(NULL) };
        if (issue->collection != NULL && issue->field != NULL)
            issues->count++;
        else
            issue_release(issue);
    }
    pthread_mutex_unlock(&issues->lock);
}

void
issues_note(struct call *call, const struct filter *filter)
{
    uint64_t least_ms = call->api->options.config->slow_query_ms;
    if (least_ms == 0)
        least_ms = ISSUES_SLOW_MS;
    if (filter == NULL || call_seconds(call) * 1e3 < (double)least_ms)
        return;
    struct noting noting = { call->api->issues,
                             collection_name(call->collection) };
    /* Without memory nothing is remembered. */
    (void)!collection_unindexed(call->collection, filter, note_field, &noting,
                                NULL);
}

/* ---- telling ---- */

static const struct {
    enum payload_index_kind kind;
    const char *name;
} schemas[] = {
    { PAYLOAD_INDEX_KEYWORD, "keyword" },
    { PAYLOAD_INDEX_INTEGER, "integer" },
    { PAYLOAD_INDEX_FLOAT, "float" },
    { PAYLOAD_INDEX_BOOL, "bool" },
    { PAYLOAD_INDEX_DATETIME, "datetime" },
    { PAYLOAD_INDEX_GEO, "geo" },
    { PAYLOAD_INDEX_TEXT, "text" },
    { PAYLOAD_INDEX_UUID, "uuid" },
};
#define SCHEMAS_COUNT (sizeof(schemas) / sizeof(schemas[0]))

/* A keyword index does for what looks like UUIDs. */
static unsigned
advised(const struct issue *issue)
{
    unsigned uuid = UNINDEXED_KIND(PAYLOAD_INDEX_UUID);
    return issue->kinds == uuid ? uuid : issue->kinds & ~uuid;
}

static bool
is_solved(struct api *api, const struct issue *issue)
{
    struct collection *collection = NULL;
    struct registry *registry = api->options.registry;
    if (registry_acquire(registry, collection_of(issue), &collection, NULL) !=
        ENGINE_OK)
        return true;
    bool is_indexed =
        collection_is_indexed(collection, field_of(issue), issue->kinds);
    registry_release(registry, collection);
    return is_indexed;
}

static void
add_encoded(struct bytes *out, struct span text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                "tuvwxyz0123456789-._~";
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c != '\0' && strchr(plain, c) != NULL)
            bytes_add_char(out, c);
        else
            bytes_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* A member of a text that is made of others. */
static void
member(struct json_writer *writer, const char *key, struct bytes *text)
{
    json_key(writer, key);
    json_text_span(writer, bytes_span(text));
    text->size = 0;
}

static void
write_action(struct json_writer *writer, const struct issue *issue,
             const char *schema, struct bytes *text)
{
    json_object_begin(writer);
    bytes_addf(text,
               "Create an index on field '%s' of schema \"%s\" in "
               "collection '%s'.",
               issue->field, schema, issue->collection);
    member(writer, "message", text);
    json_key(writer, "action");
    json_object_begin(writer);
    json_key(writer, "method");
    json_text(writer, "PUT");
    bytes_add_text(text, "/collections/");
    add_encoded(text, collection_of(issue));
    bytes_add_text(text, "/index");
    member(writer, "uri", text);
    json_key(writer, "headers");
    json_raw(writer, span_of("{\"content-type\":\"application/json\"}"));
    json_key(writer, "body");
    json_object_begin(writer);
    json_key(writer, "field_name");
    json_text_span(writer, field_of(issue));
    json_key(writer, "field_schema");
    json_text(writer, schema);
    json_object_end(writer);
    json_object_end(writer);
    json_object_end(writer);
}

/* {immediate: action}, or {immediate_choice: [action, ...]}. */
static void
write_solution(struct json_writer *writer, const struct issue *issue,
               struct bytes *text)
{
    unsigned kinds = advised(issue);
    bool is_choice = (kinds & (kinds - 1)) != 0;
    json_key(writer, "solution");
    json_object_begin(writer);
    json_key(writer, is_choice ? "immediate_choice" : "immediate");
    if (is_choice)
        json_array_begin(writer);
    for (size_t i = 0; i < SCHEMAS_COUNT; i++)
        if ((kinds & UNINDEXED_KIND(schemas[i].kind)) != 0)
            write_action(writer, issue, schemas[i].name, text);
    if (is_choice)
        json_array_end(writer);
    json_object_end(writer);
}

static void
write_end(struct json_writer *writer, time_t at, const char *collection)
{
    char stamp[TIMESTAMP_SIZE];
    timestamp_seconds(at, stamp);
    json_key(writer, "timestamp");
    json_text(writer, stamp);
    json_key(writer, "related_collection");
    json_text(writer, collection);
    json_object_end(writer);
}

static void
write_issue(struct json_writer *writer, const struct issue *issue,
            struct bytes *text)
{
    json_object_begin(writer);
    bytes_addf(text, "UNINDEXED_FIELD/%s/%s", issue->collection, issue->field);
    member(writer, "id", text);
    bytes_addf(text,
               "Unindexed field '%s' might be slowing queries down in "
               "collection '%s'",
               issue->field, issue->collection);
    member(writer, "description", text);
    write_solution(writer, issue, text);
    write_end(writer, issue->time, issue->collection);
}

/* Solved ones go. */
static void
write_fields(struct call *call, struct bytes *text)
{
    struct issues *issues = call->api->issues;
    size_t kept = 0;
    pthread_mutex_lock(&issues->lock);
    for (size_t i = 0; i < issues->count; i++) {
        struct issue *issue = &issues->items[i];
        if (is_solved(call->api, issue)) {
            issue_release(issue);
            continue;
        }
        if (call_may_read_all(call, collection_of(issue)))
            write_issue(&call->writer, issue, text);
        issues->items[kept++] = *issue;
    }
    issues->count = kept;
    pthread_mutex_unlock(&issues->lock);
}

static enum engine_code
write_damaged(struct call *call, struct bytes *text, struct error *reterr)
{
    const struct damaged *damaged = NULL;
    size_t count = 0;
    struct json_writer *writer = &call->writer;
    enum engine_code code =
        registry_damaged(call->api->options.registry, &call->request->arena,
                         &damaged, &count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        if (!call_may_read_all(call, damaged[i].name))
            continue;
        json_object_begin(writer);
        bytes_addf(text, "DAMAGED_COLLECTION/%s", damaged[i].name.data);
        member(writer, "id", text);
        bytes_addf(text, "Collection '%s' cannot be opened: %s",
                   damaged[i].name.data, damaged[i].cause);
        member(writer, "description", text);
        json_key(writer, "solution");
        json_object_begin(writer);
        bytes_addf(text,
                   "Stop, put its folder %s back from a backup and start "
                   "again, or delete the collection.",
                   damaged[i].folder);
        member(writer, "refactor", text);
        json_object_end(writer);
        write_end(writer, time(NULL), damaged[i].name.data);
    }
    return code;
}

enum engine_code
service_issues(struct call *call, struct error *reterr)
{
    struct bytes text;
    bytes_init(&text, TEXT_SIZE_MAX);
    json_object_begin(&call->writer);
    json_key(&call->writer, "issues");
    json_array_begin(&call->writer);
    write_fields(call, &text);
    enum engine_code code = write_damaged(call, &text, reterr);
    json_array_end(&call->writer);
    json_object_end(&call->writer);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_memory(reterr);
    bytes_release(&text);
    return code;
}

enum engine_code
service_issues_clear(struct call *call, struct error *reterr)
{
    struct issues *issues = call->api->issues;
    (void)reterr;
    pthread_mutex_lock(&issues->lock);
    for (size_t i = 0; i < issues->count; i++)
        issue_release(&issues->items[i]);
    issues->count = 0;
    pthread_mutex_unlock(&issues->lock);
    json_bool(&call->writer, true);
    return ENGINE_OK;
}
