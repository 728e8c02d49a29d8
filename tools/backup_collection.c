/* SPDX-License-Identifier: Apache-2.0
 * One collection: the engine makes a snapshot, its bytes go on to the target in
 * parts as they come, and nothing is kept here but one part. The sum is compared
 * before the object appears. pending.json remembers each part, so that a run
 * that was cut short sends none twice. */
#include "tools/backup.h"
#include "tools/sha256.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot {
    char name[512];
    char checksum[SHA256_TEXT_SIZE]; /* empty: the engine told none */
    uint64_t size;
};

struct stream {
    struct backup_run *run;
    struct target_upload upload;
    struct bytes part;
    size_t part_size;
    char (*etags)[TARGET_ETAG_SIZE];
    unsigned count; /* of parts that came */
    unsigned known; /* of parts that are there from an earlier run */
    uint64_t done_size;
    struct sha256 sha;
    struct progress progress;
    struct fault *reterr;
    bool is_failed; /* and reterr has the reason */
};

static bool
snapshot_read(const json_t *from, struct snapshot *ret)
{
    const char *name = json_string_value(json_object_get(from, "name"));
    const char *sum = json_string_value(json_object_get(from, "checksum"));
    json_int_t size = json_integer_value(json_object_get(from, "size"));
    if (name == NULL || strlen(name) >= sizeof(ret->name) ||
        strchr(name, '/') != NULL || size < 0)
        return false;
    snprintf(ret->name, sizeof(ret->name), "%s", name);
    ret->checksum[0] = '\0';
    if (sum != NULL && strlen(sum) == SHA256_TEXT_SIZE - 1)
        snprintf(ret->checksum, sizeof(ret->checksum), "%s", sum);
    ret->size = (uint64_t)size;
    return true;
}

static bool
snapshot_path(const char *name, const struct snapshot *snapshot,
              char ret_path[ENGINE_URL_SIZE], struct fault *reterr)
{
    char rest[3 * sizeof(snapshot->name) + 16] = "/snapshots/";
    size_t start = strlen(rest);
    if (!engine_escape(snapshot->name, rest + start, sizeof(rest) - start))
        return fault_set(reterr, "the snapshot's name is too long");
    return engine_path(name, rest, ret_path, reterr);
}

/* The snapshot of the upload that was cut short, if the engine still has it. */
static bool
snapshot_find(struct backup_run *run, const char *path, const char *name,
              struct snapshot *ret)
{
    const json_t *upload = json_object_get(run->pending, "upload"), *entry;
    const char *of = json_string_value(json_object_get(upload, "collection"));
    const char *wanted = json_string_value(json_object_get(upload, "snapshot"));
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    struct fault ignored;
    bool is_found = false;
    long status = 0;
    size_t i;
    if (of == NULL || wanted == NULL || strcmp(of, name) != 0)
        return false;
    json_t *all = engine_json(&run->engine, &request, &status, &ignored);
    json_array_foreach(all, i,
                       entry) if (!is_found && snapshot_read(entry, ret))
        is_found = strcmp(ret->name, wanted) == 0;
    json_decref(all);
    return is_found;
}

static bool
snapshot_make(struct backup_run *run, const char *name, struct snapshot *ret,
              struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    long status = 0;
    if (!engine_path(name, "/snapshots", path, reterr))
        return false;
    if (snapshot_find(run, path, name, ret))
        return true;
    json_object_set_new(run->pending, "upload", json_null());
    struct engine_request request = { "POST", path, { NULL, 0 }, NULL };
    json_t *made = engine_json(&run->engine, &request, &status, reterr);
    if (made == NULL)
        return false;
    bool is_done = snapshot_read(made, ret);
    json_decref(made);
    return is_done || fault_set(reterr, "the engine described no snapshot");
}

static bool
pending_remember(struct stream *stream)
{
    json_t *upload = json_object_get(stream->run->pending, "upload");
    json_t *etags = json_object_get(upload, "etags");
    if (json_array_append_new(
            etags, json_string(stream->etags[stream->count - 1])) != 0)
        return fault_set(stream->reterr, "out of memory");
    return !stream->run->target->keeps_parts ||
           backup_pending_write(stream->run, stream->reterr);
}

static bool
part_send(struct stream *stream)
{
    struct target *target = stream->run->target;
    if (stream->count == TARGET_PARTS_MAX)
        return fault_set(stream->reterr, "more than %u parts",
                         TARGET_PARTS_MAX);
    stream->count++;
    bool is_done = true;
    if (stream->count > stream->known)
        is_done = target->kind->part(target, &stream->upload, stream->count,
                                     bytes_span(&stream->part),
                                     stream->etags[stream->count - 1],
                                     stream->reterr) &&
                  pending_remember(stream);
    stream->done_size += stream->part.size;
    progress_set(&stream->progress, stream->done_size);
    /* Emptied, and its room kept. */
    stream->part.size = 0;
    return is_done;
}

static bool
on_data(void *ctx, struct span data)
{
    struct stream *stream = ctx;
    sha256_add(&stream->sha, data);
    while (data.size > 0 && !stream->is_failed) {
        size_t size = stream->part_size - stream->part.size;
        if (size > data.size)
            size = data.size;
        bytes_add(&stream->part, data.data, size);
        data.data += size;
        data.size -= size;
        if (bytes_failed(&stream->part))
            stream->is_failed = !fault_set(stream->reterr, "out of memory");
        else if (stream->part.size == stream->part_size)
            stream->is_failed = !part_send(stream);
    }
    return !stream->is_failed;
}

/* Takes up the parts that an earlier run has sent, or begins. */
static bool
stream_begin(struct stream *stream, const char *name,
             const struct snapshot *snapshot)
{
    struct backup_run *run = stream->run;
    json_t *upload = json_object_get(run->pending, "upload"), *etags = NULL;
    const char *id = NULL;
    json_int_t part_size = 0;
    if (run->target->keeps_parts &&
        json_unpack(upload, "{s:s, s:I, s:o}", "id", &id, "part_size",
                    &part_size, "etags", &etags) == 0 &&
        part_size >= (json_int_t)TARGET_PART_LEAST) {
        snprintf(stream->upload.id, sizeof(stream->upload.id), "%s", id);
        stream->part_size = (size_t)part_size;
        for (size_t i = 0; i < json_array_size(etags) && i < TARGET_PARTS_MAX;
             i++)
            snprintf(stream->etags[i], TARGET_ETAG_SIZE, "%s",
                     json_string_value(json_array_get(etags, i)));
        stream->known = (unsigned)json_array_size(etags);
        return true;
    }
    stream->part_size = TARGET_PART_LEAST;
    while (stream->part_size * (TARGET_PARTS_MAX - 1) < snapshot->size)
        stream->part_size *= 2;
    if (!run->target->kind->begin(run->target, &stream->upload, stream->reterr))
        return false;
    json_object_set_new(run->pending, "upload",
                        json_pack("{s:s, s:s, s:s, s:s, s:I, s:[]}",
                                  "collection", name, "snapshot",
                                  snapshot->name, "key", stream->upload.key,
                                  "id", stream->upload.id, "part_size",
                                  (json_int_t)stream->part_size, "etags"));
    return backup_pending_write(run, stream->reterr);
}

/* Reads the whole snapshot; ret_sum is of what came. */
static bool
stream_read(struct stream *stream, const char *name,
            const struct snapshot *snapshot, char ret_sum[SHA256_TEXT_SIZE])
{
    char path[ENGINE_URL_SIZE];
    struct http_reply reply;
    if (!snapshot_path(name, snapshot, path, stream->reterr))
        return false;
    http_reply_init(&reply, TARGET_TEXT_MAX);
    reply.sink = on_data;
    reply.sink_ctx = stream;
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    struct fault fault = { .status = EXIT_FAILED };
    sha256_start(&stream->sha);
    progress_start(&stream->progress, "MB", snapshot->size);
    bool is_done = engine_call(&stream->run->engine, &request, &reply, &fault);
    if (!is_done && !stream->is_failed)
        *stream->reterr = fault;
    is_done = is_done && (stream->part.size == 0 || part_send(stream));
    (void)progress_end(&stream->progress);
    sha256_end(&stream->sha, ret_sum);
    http_reply_release(&reply);
    return is_done;
}

static bool
on_kept(void *ctx, struct span data)
{
    sha256_add(ctx, data);
    return true;
}

/* Whether the object is there as it was sent. */
static bool
is_kept(struct stream *stream, const char *sum)
{
    struct target *target = stream->run->target;
    struct http_reply reply;
    struct sha256 sha;
    struct fault ignored;
    char kept[SHA256_TEXT_SIZE] = "";
    http_reply_init(&reply, TARGET_TEXT_MAX);
    reply.sink = on_kept;
    reply.sink_ctx = &sha;
    sha256_start(&sha);
    bool is_there =
        target->kind->get(target, stream->upload.key, &reply, &ignored);
    sha256_end(&sha, kept);
    http_reply_release(&reply);
    return is_there && strcmp(kept, sum) == 0;
}

/* Puts the parts together. Where that was done before, and the answer or the
 * note of it was lost, the upload is not known any more: what is there counts,
 * once it was read. */
static bool
parts_join(struct stream *stream, const char *sum)
{
    struct target *target = stream->run->target;
    if (target->kind->finish(target, &stream->upload, stream->etags,
                             stream->count, stream->reterr))
        return true;
    return target->keeps_parts && is_kept(stream, sum);
}

static bool
stream_finish(struct stream *stream, const char *name,
              const struct snapshot *snapshot, const char *sum)
{
    struct backup_run *run = stream->run;
    if (snapshot->checksum[0] != '\0' && strcmp(snapshot->checksum, sum) != 0) {
        struct fault ignored;
        (void)run->target->kind->abandon(run->target, &stream->upload,
                                         &ignored);
        json_object_set_new(run->pending, "upload", json_null());
        return fault_set(stream->reterr,
                         "the snapshot of %s did not come as the engine made "
                         "it: its SHA-256 is %s instead of %s",
                         name, sum, snapshot->checksum);
    }
    if (!parts_join(stream, sum))
        return false;
    json_object_set_new(run->pending, "upload", json_null());
    json_t *entry = json_pack("{s:s, s:s, s:I, s:s}", "name", name, "key",
                              stream->upload.key, "size",
                              (json_int_t)stream->done_size, "sha256", sum);
    if (json_array_append_new(
            json_object_get(json_object_get(run->pending, "set"),
                            "collections"),
            entry) != 0)
        return fault_set(stream->reterr, "out of memory");
    return backup_pending_write(run, stream->reterr);
}

/* The engine's own copy is no longer needed. */
static void
snapshot_delete(struct backup_run *run, const char *name,
                const struct snapshot *snapshot)
{
    char path[ENGINE_URL_SIZE];
    struct http_reply reply;
    struct fault fault;
    if (!snapshot_path(name, snapshot, path, &fault))
        return;
    http_reply_init(&reply, TARGET_TEXT_MAX);
    struct engine_request request = { "DELETE", path, { NULL, 0 }, NULL };
    if (!engine_call(&run->engine, &request, &reply, &fault))
        fprintf(stderr, "azimuthctl: the snapshot stays in the engine: %s\n",
                fault.text);
    http_reply_release(&reply);
}

bool
backup_collection(struct backup_run *run, const char *name,
                  struct fault *reterr)
{
    struct snapshot snapshot;
    struct stream stream = { .run = run, .reterr = reterr };
    char sum[SHA256_TEXT_SIZE] = "";
    if (!snapshot_make(run, name, &snapshot, reterr))
        return false;
    int size = snprintf(stream.upload.key, sizeof(stream.upload.key), "%s/%s",
                        name, snapshot.name);
    if (size < 0 || (size_t)size >= sizeof(stream.upload.key))
        return fault_set(reterr, "the name %.100s is too long", name);
    stream.etags = calloc(TARGET_PARTS_MAX, sizeof(*stream.etags));
    if (stream.etags == NULL)
        return fault_set(reterr, "out of memory");
    bool is_done = stream_begin(&stream, name, &snapshot);
    if (is_done) {
        bytes_init(&stream.part, stream.part_size + 1);
        is_done = stream_read(&stream, name, &snapshot, sum) &&
                  stream_finish(&stream, name, &snapshot, sum);
        bytes_release(&stream.part);
    }
    if (stream.upload.file != NULL)
        fclose(stream.upload.file);
    free(stream.etags);
    if (is_done) {
        snapshot_delete(run, name, &snapshot);
        printf("%s: %" PRIu64 " bytes\n", name, stream.done_size);
    }
    return is_done;
}
