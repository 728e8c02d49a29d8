/* SPDX-License-Identifier: Apache-2.0
 * Where snapshots lie:
 *   FOLDER/COLLECTION/NAME.snapshot            of a collection
 *   FOLDER/COLLECTION/shards/0/NAME.snapshot   of its shard
 *   FOLDER/NAME.snapshot                       of the whole storage
 *   NAME.snapshot.checksum                     beside: SHA-256
 *   FOLDER/.tmp/NUMBER                         what is not ready yet
 * A collection that begins with '.' or '%' has "%2E" or "%25" in its place; one
 * that ends as files here do has "%_" before its name. Where that is longer than
 * a name may be, "%H" and the XXH3 of 128 bits of the name stand there. */
#include "engine/snapshot/body.h"

#include "engine/snapshot/file.h"
#include "engine/storage/folder.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <xxhash.h>

/* So much of a collection's name is in the names of its snapshots. */
#define NAME_PART_MAX ((size_t)180)

static bool
ends_as(struct span name, const char *ending)
{
    size_t size = strlen(ending);
    return name.size >= size &&
           memcmp(name.data + name.size - size, ending, size) == 0;
}

static void
add_collection(struct bytes *path, struct span name)
{
    bool is_special =
        name.size > 0 && (name.data[0] == '.' || name.data[0] == '%');
    bool is_ending =
        !is_special && (ends_as(name, SNAPSHOT_ENDING) ||
                        ends_as(name, SNAPSHOT_ENDING ".checksum"));
    bytes_add_char(path, '/');
    /* Both take two bytes more. */
    if ((is_special || is_ending) && name.size + 2 > NAME_MAX) {
        XXH128_hash_t hash = XXH3_128bits(name.data, name.size);
        bytes_addf(path, "%%H%016" PRIx64 "%016" PRIx64, hash.high64,
                   hash.low64);
        return;
    }
    if (is_ending)
        bytes_add_text(path, "%_");
    if (is_special) {
        bytes_add_text(path, name.data[0] == '.' ? "%2E" : "%25");
        name = (struct span){ name.data + 1, name.size - 1 };
    }
    bytes_add_span(path, name);
}

enum engine_code
catalog_folder(const struct snapshots *snapshots,
               const struct snapshot_place *place, struct bytes *path,
               struct error *reterr)
{
    bytes_init(path, SNAPSHOT_PATH_SIZE_MAX);
    bytes_add_text(path, snapshots->folder);
    if (place->scope != SNAPSHOT_STORAGE)
        add_collection(path, place->collection);
    if (place->scope == SNAPSHOT_SHARD)
        bytes_add_text(path, "/shards/0");
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
catalog_make_folder(const struct snapshots *snapshots,
                    const struct snapshot_place *place, struct error *reterr)
{
    struct bytes path;
    enum engine_code code = catalog_folder(snapshots, place, &path, reterr);
    size_t skip = strlen(snapshots->folder);
    /* From the catalog's own folder down, one after the other. */
    for (size_t at = skip + 1; code == ENGINE_OK && at <= path.size; at++) {
        if (at < path.size && path.data[at] != '/')
            continue;
        char kept = path.data[at];
        path.data[at] = '\0';
        code = folder_make(path.data, reterr);
        path.data[at] = kept;
    }
    bytes_release(&path);
    return code;
}

/* Whether a snapshot may have that name: it is one part of a path. */
static bool
is_name(struct span name)
{
    size_t ending = sizeof(SNAPSHOT_ENDING) - 1;
    return name.size > ending && name.size <= SNAPSHOT_NAME_SIZE_MAX &&
           name.data[0] != '.' && !span_has_control(name) &&
           memchr(name.data, '/', name.size) == NULL &&
           memcmp(name.data + name.size - ending, SNAPSHOT_ENDING, ending) == 0;
}

enum engine_code
catalog_path(const struct snapshots *snapshots,
             const struct snapshot_place *place, struct span name,
             struct bytes *path, struct error *reterr)
{
    enum engine_code code = catalog_folder(snapshots, place, path, reterr);
    if (code == ENGINE_OK && !is_name(name))
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "Snapshot %.*s does not exist",
                         name.size < 256 ? (int)name.size : 256, name.data);
    bytes_add_char(path, '/');
    bytes_add_span(path, name);
    return code == ENGINE_OK && bytes_failed(path) ? error_memory(reterr)
                                                   : code;
}

/* As much of a name as fits, cut between letters. */
static int
part_size(struct span name)
{
    size_t size = name.size < NAME_PART_MAX ? name.size : NAME_PART_MAX;
    while (size < name.size && size > 0 &&
           ((unsigned char)name.data[size] & 0xc0) == 0x80)
        size--;
    return (int)size;
}

void
catalog_name(const struct snapshots *snapshots,
             const struct snapshot_place *place, int64_t now_s, char *ret_name)
{
    struct tm when;
    time_t now = (time_t)now_s;
    char time_text[32];
    gmtime_r(&now, &when);
    strftime(time_text, sizeof(time_text), "%Y-%m-%d-%H-%M-%S", &when);
    struct span name = place->collection;
    size_t size = SNAPSHOT_NAME_SIZE_MAX + 1;
    /* No snapshot begins with a dot. */
    const char *mark = name.size > 0 && name.data[0] == '.' ? "_" : "";
    switch (place->scope) {
    case SNAPSHOT_STORAGE:
        snprintf(ret_name, size, "full-snapshot-%s" SNAPSHOT_ENDING, time_text);
        break;
    case SNAPSHOT_SHARD:
        snprintf(ret_name, size, "%s%.*s-shard-0-%s" SNAPSHOT_ENDING, mark,
                 part_size(name), name.data, time_text);
        break;
    case SNAPSHOT_COLLECTION:
        snprintf(ret_name, size, "%s%.*s-%.20s-%s" SNAPSHOT_ENDING, mark,
                 part_size(name), name.data, snapshots->options.peer,
                 time_text);
        break;
    }
}

static enum engine_code
tmp_folder(const struct snapshots *snapshots, struct bytes *path,
           struct error *reterr)
{
    bytes_init(path, SNAPSHOT_PATH_SIZE_MAX);
    bytes_addf(path, "%s/.tmp", snapshots->folder);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
catalog_clear(const struct snapshots *snapshots, struct error *reterr)
{
    struct bytes path;
    enum engine_code code = tmp_folder(snapshots, &path, reterr);
    if (code == ENGINE_OK)
        code = folder_remove(path.data, reterr);
    if (code == ENGINE_OK)
        code = folder_make(path.data, reterr);
    bytes_release(&path);
    return code;
}

enum engine_code
catalog_make_file(struct snapshots *snapshots, struct bytes *path,
                  int *ret_file, struct error *reterr)
{
    enum engine_code code = tmp_folder(snapshots, path, reterr);
    pthread_mutex_lock(&snapshots->lock);
    uint64_t number = snapshots->next_number++;
    pthread_mutex_unlock(&snapshots->lock);
    bytes_addf(path, "/%" PRIu64, number);
    if (code == ENGINE_OK && bytes_failed(path))
        code = error_memory(reterr);
    if (code != ENGINE_OK)
        return code;
    int fd = open(path->data, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error("make", path->data, reterr);
    *ret_file = fd;
    return ENGINE_OK;
}
