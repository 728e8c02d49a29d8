/* SPDX-License-Identifier: Apache-2.0
 * Snapshots over REST. The routes of a collection, of its shard 0 and of the
 * whole storage share these functions: the path says which it is. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_collections.h"
#include "engine/snapshot/digest.h"
#include "engine/snapshot/snapshot.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHARD_PATTERN "/collections/{name}/shards/"

static bool
is_of_shard(const struct call *call)
{
    return strncmp(call->route->pattern, SHARD_PATTERN,
                   sizeof(SHARD_PATTERN) - 1) == 0;
}

/* The snapshot's name is the last parameter. */
static struct span
name_of(const struct call *call)
{
    if (call_collection_name(call) == NULL)
        return call->params[0];
    return call->params[is_of_shard(call) ? 2 : 1];
}

/* Whose snapshots; the name is that of the path, maybe an alias. */
static enum engine_code
place_of(const struct call *call, struct snapshot_place *ret_place,
         struct error *reterr)
{
    const struct span *name = call_collection_name(call);
    struct snapshot_place place = { .scope = SNAPSHOT_STORAGE };
    if (name != NULL) {
        place.scope = SNAPSHOT_COLLECTION;
        place.collection = *name;
    }
    if (is_of_shard(call)) {
        struct span shard = call->params[1];
        place.scope = SNAPSHOT_SHARD;
        if (!span_equal_text(shard, "0"))
            return error_set(reterr, ENGINE_ENOTFOUND, "Shard %.*s not found",
                             shard.size < 64 ? (int)shard.size : 64,
                             shard.data);
    }
    if (call->collection != NULL)
        place.collection = collection_name(call->collection);
    *ret_place = place;
    return ENGINE_OK;
}

/* Puts the collection's own name, in the request's arena, in the place of an
 * alias. ENGINE_ENOTFOUND */
static enum engine_code
own_name(struct call *call, struct snapshot_place *place, struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    struct collection *collection = NULL;
    enum engine_code code =
        registry_acquire(registry, place->collection, &collection, reterr);
    /* A damaged one has no alias that would lead to it. */
    if (code == ENGINE_ECORRUPT)
        return ENGINE_OK;
    if (code != ENGINE_OK)
        return code;
    struct span own = collection_name(collection);
    place->collection.size = own.size;
    place->collection.data =
        arena_strndup(&call->request->arena, own.data, own.size);
    registry_release(registry, collection);
    return place->collection.data == NULL ? error_memory(reterr) : ENGINE_OK;
}

/* As place_of(), for routes that do not keep the collection. ENGINE_ENOTFOUND,
 * ENGINE_ECORRUPT */
static enum engine_code
existing_place(struct call *call, struct snapshot_place *ret_place,
               struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    struct collection *collection = NULL;
    enum engine_code code = place_of(call, ret_place, reterr);
    if (code != ENGINE_OK || ret_place->scope == SNAPSHOT_STORAGE)
        return code;
    code =
        registry_acquire(registry, ret_place->collection, &collection, reterr);
    if (code != ENGINE_OK)
        return code;
    registry_release(registry, collection);
    return own_name(call, ret_place, reterr);
}

static bool
waits(const struct call *call)
{
    return !call->query.has_wait || call->query.wait;
}

static void
write_info(struct json_writer *writer, const struct snapshot_info *info)
{
    char text[TIMESTAMP_SIZE];
    timestamp_plain((int64_t)info->created_s, text);
    json_object_begin(writer);
    json_key(writer, "name");
    json_text(writer, info->name);
    json_key(writer, "creation_time");
    json_text(writer, text);
    json_key(writer, "size");
    json_u64(writer, info->size);
    if (info->checksum != NULL) {
        json_key(writer, "checksum");
        json_text(writer, info->checksum);
    }
    json_object_end(writer);
}

enum engine_code
snapshots_list_run(struct call *call, struct error *reterr)
{
    struct snapshot_place place;
    const struct snapshot_info *infos = NULL;
    size_t count = 0;
    enum engine_code code = place_of(call, &place, reterr);
    if (code == ENGINE_OK)
        code = snapshots_list(call->api->options.snapshots, &place,
                              &call->request->arena, &infos, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    json_array_begin(&call->writer);
    for (size_t i = 0; i < count; i++)
        write_info(&call->writer, &infos[i]);
    json_array_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
snapshots_create_call(struct call *call, struct error *reterr)
{
    struct snapshot_place place;
    struct snapshot_info info;
    enum engine_code code = existing_place(call, &place, reterr);
    if (code == ENGINE_OK)
        code =
            snapshots_create(call->api->options.snapshots, &place, waits(call),
                             &call->request->arena, &info, reterr);
    if (code != ENGINE_OK)
        return code;
    call->is_accepted = !waits(call);
    if (!call->is_accepted)
        write_info(&call->writer, &info);
    return ENGINE_OK;
}

/* A name in a header: what would end it early becomes '_'. */
static const char *
disposition(struct call *call, struct span name)
{
    struct bytes text;
    bytes_init(&text, (size_t)512);
    bytes_add_text(&text, "attachment; filename=\"");
    for (size_t i = 0; i < name.size; i++) {
        char c = name.data[i];
        bytes_add_char(
            &text, c < ' ' || c > '~' || strchr("\"\\", c) != NULL ? '_' : c);
    }
    bytes_add_char(&text, '"');
    const char *copy =
        bytes_failed(&text)
            ? NULL
            : arena_strndup(&call->request->arena, text.data, text.size);
    bytes_release(&text);
    return copy;
}

/* The file goes out as it is, by the loop. */
static enum engine_code
send_file(struct call *call, int file, uint64_t size, struct span name,
          struct error *reterr)
{
    const char *header = disposition(call, name);
    if (header == NULL) {
        close(file);
        return error_memory(reterr);
    }
    call->reply->file = file;
    call->reply->file_size = size;
    call->reply->content_type = "application/octet-stream";
    reply_header_add(call->reply, "Content-Disposition", header);
    return ENGINE_OK;
}

enum engine_code
snapshots_download(struct call *call, struct error *reterr)
{
    struct snapshot_place place;
    int file = -1;
    uint64_t size = 0;
    enum engine_code code = place_of(call, &place, reterr);
    if (code == ENGINE_OK)
        code = snapshots_open_file(call->api->options.snapshots, &place,
                                   name_of(call), &file, &size, reterr);
    return code == ENGINE_OK
               ? send_file(call, file, size, name_of(call), reterr)
               : code;
}

enum engine_code
snapshots_stream_call(struct call *call, struct error *reterr)
{
    struct snapshot_place place;
    int file = -1;
    uint64_t size = 0;
    enum engine_code code = existing_place(call, &place, reterr);
    if (code == ENGINE_OK)
        code = snapshots_stream(call->api->options.snapshots, &place, &file,
                                &size, reterr);
    return code == ENGINE_OK ? send_file(call, file, size,
                                         span_of("shard-0.snapshot"), reterr)
                             : code;
}

enum engine_code
snapshots_delete_call(struct call *call, struct error *reterr)
{
    struct snapshot_place place;
    enum engine_code code = place_of(call, &place, reterr);
    if (code == ENGINE_OK)
        code = snapshots_delete(call->api->options.snapshots, &place,
                                name_of(call), reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, true);
    return code;
}

static enum engine_code
check_checksum(struct span checksum, enum engine_code code,
               struct error *reterr)
{
    if (checksum.size == 0 || digest_is_text(checksum))
        return ENGINE_OK;
    return error_set(reterr, code,
                     "checksum: expected 64 hexadecimal digits (SHA-256)");
}

enum engine_code
snapshots_recover_parse(struct call *call, struct error *reterr)
{
    yyjson_val *location;
    struct span priority = { NULL, 0 };
    struct snapshot_recovery *recovery =
        arena_calloc(&call->request->arena, 1, sizeof(*recovery));
    if (recovery == NULL)
        return error_memory(reterr);
    recovery->file = -1;
    enum engine_code code =
        rest_required(call, call->body, "location", &location, reterr);
    if (code == ENGINE_OK && !yyjson_is_str(location))
        code = rest_type_error(location, "location", "a string", reterr);
    if (code == ENGINE_OK)
        code = rest_string(call->body, "priority", &priority, reterr);
    if (code == ENGINE_OK && priority.data != NULL &&
        !url_is_priority(priority))
        code = error_set(reterr, ENGINE_EFORMAT,
                         "priority: unknown variant `%.*s`, expected one of "
                         "`no_sync`, `snapshot`, `replica`",
                         priority.size < 64 ? (int)priority.size : 64,
                         priority.data);
    if (code == ENGINE_OK)
        code = rest_string(call->body, "checksum", &recovery->checksum, reterr);
    if (code == ENGINE_OK)
        code = check_checksum(recovery->checksum, ENGINE_EFORMAT, reterr);
    if (code == ENGINE_OK)
        code = rest_string(call->body, "api_key", &recovery->api_key, reterr);
    if (code != ENGINE_OK)
        return code;
    recovery->location = json_span(location);
    if (recovery->location.size > SNAPSHOT_LOCATION_MAX ||
        span_has_control(recovery->location))
        return error_set(reterr, ENGINE_EINPUT,
                         "location: at most %zu bytes without control "
                         "characters are allowed",
                         SNAPSHOT_LOCATION_MAX);
    call->command = recovery;
    return ENGINE_OK;
}

static enum engine_code
recover(struct call *call, struct snapshot_recovery *recovery,
        struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    enum engine_code code = ENGINE_OK;
    if (registry_exists(registry, recovery->place.collection))
        code = own_name(call, &recovery->place, reterr);
    else
        code = collections_check_count(call, reterr);
    recovery->may_roam =
        call->caller.identity.rights.everywhere >= RIGHT_MANAGE;
    if (code != ENGINE_OK)
        return code;
    if (recovery->upload != NULL)
        call->request->has_body_file = false; /* it is taken */
    code = snapshots_recover(call->api->options.snapshots, recovery,
                             waits(call), reterr);
    call->is_accepted = code == ENGINE_OK && !waits(call);
    if (code == ENGINE_OK && !call->is_accepted)
        json_bool(&call->writer, true);
    return code;
}

enum engine_code
snapshots_recover_call(struct call *call, struct error *reterr)
{
    struct snapshot_recovery *recovery = call->command;
    enum engine_code code = place_of(call, &recovery->place, reterr);
    return code == ENGINE_OK ? recover(call, recovery, reterr) : code;
}

enum engine_code
snapshots_upload_begin(struct call *call, struct error *reterr)
{
    struct span name = *call_collection_name(call);
    if (registry_exists(call->api->options.registry, name))
        return ENGINE_OK;
    if (is_of_shard(call))
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "Collection `%.*s` doesn't exist!",
                         name.size < 256 ? (int)name.size : 256, name.data);
    return collections_check_count(call, reterr);
}

enum engine_code
snapshots_upload(struct call *call, struct error *reterr)
{
    struct request *request = call->request;
    struct snapshot_recovery recovery = { .checksum = call->query.checksum };
    enum engine_code code = place_of(call, &recovery.place, reterr);
    if (code == ENGINE_OK)
        code = check_checksum(recovery.checksum, ENGINE_EQUERY, reterr);
    if (code == ENGINE_OK && !request->has_body_file)
        code = error_set(reterr, ENGINE_EREQUEST,
                         "the upload is no multipart/form-data");
    if (code != ENGINE_OK)
        return code;
    struct snapshot_upload upload = {
        .size = request->body_file_size,
        .rest = { request->body.data, request->body.size },
        .type = request->header(request, "content-type")
    };
    recovery.file = request->body_file;
    recovery.upload = &upload;
    return recover(call, &recovery, reterr);
}
