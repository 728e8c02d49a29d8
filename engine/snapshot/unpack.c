/* SPDX-License-Identifier: Apache-2.0
 * From a container to folders. Only files that a collection's folder has are
 * taken, each once, into a folder that nobody else knows. */
#include "engine/snapshot/unpack.h"

#include "engine/storage/folder.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

static bool
is_digits(const char *text, size_t size)
{
    return size > 0 && size < 8 && strspn(text, "0123456789") >= size;
}

/* collection.json, shard-0/graph-N, shard-0/store/NAME */
static bool
is_place(const char *name)
{
    static const char graph[] = "shard-0/graph-";
    static const char store[] = "shard-0/store/";
    if (strcmp(name, "collection.json") == 0)
        return true;
    if (strncmp(name, graph, sizeof(graph) - 1) == 0) {
        const char *number = name + sizeof(graph) - 1;
        return is_digits(number, strlen(number));
    }
    return strncmp(name, store, sizeof(store) - 1) == 0 &&
           strchr(name + sizeof(store) - 1, '/') == NULL;
}

static enum engine_code
no_place(const char *name, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "the snapshot has a file that does not belong there: %s",
                     name);
}

/* The folders of a collection. */
static const char *const inside[] = { "", "/shard-0", "/shard-0/store" };
#define INSIDE_COUNT 3

/* Calls `what` with each of them from number `from` on. */
static enum engine_code
for_inside(const char *folder, size_t from,
           enum engine_code (*what)(const char *path, struct error *reterr),
           struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = from; code == ENGINE_OK && i < INSIDE_COUNT; i++) {
        struct bytes path;
        bytes_init(&path, PATH_SIZE_MAX);
        bytes_addf(&path, "%s%s", folder, inside[i]);
        code = bytes_failed(&path) ? error_memory(reterr)
                                   : what(path.data, reterr);
        bytes_release(&path);
    }
    return code;
}

static enum engine_code
add_collection(struct unpacked *unpacked, struct error *reterr)
{
    if (unpacked->count == unpacked->room) {
        size_t room = unpacked->room * 2 + 4;
        struct restore **list =
            realloc(unpacked->restores, room * sizeof(*list));
        if (list == NULL)
            return error_memory(reterr);
        unpacked->restores = list;
        unpacked->room = room;
    }
    struct restore *restore = NULL;
    enum engine_code code =
        registry_restore_begin(unpacked->registry, &restore, reterr);
    if (code != ENGINE_OK)
        return code;
    unpacked->restores[unpacked->count++] = restore;
    return for_inside(registry_restore_folder(restore), 1, folder_make, reterr);
}

static enum engine_code
extract_into(struct unpacked *unpacked, struct container_reader *reader,
             const char *folder, const char *name, struct error *reterr)
{
    struct bytes path;
    int fd = -1;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/%s", folder, name);
    enum engine_code code =
        bytes_failed(&path) ? error_memory(reterr)
                            : container_extract(reader, path.data, &fd, reterr);
    if (code == ENGINE_OK)
        syncer_add(unpacked->syncer, fd);
    bytes_release(&path);
    return code;
}

static enum engine_code
extract_aliases(struct unpacked *unpacked, struct container_reader *reader,
                const char *staging, struct error *reterr)
{
    if (unpacked->aliases != NULL)
        return no_place("aliases.json", reterr);
    unpacked->aliases = strdup(staging);
    if (unpacked->aliases == NULL)
        return error_memory(reterr);
    enum engine_code code = folder_make(staging, reterr);
    return code == ENGINE_OK
               ? extract_into(unpacked, reader, staging, "aliases.json", reterr)
               : code;
}

/* collections/N/REST: the number and the rest; false: something else. */
static bool
split(const char *name, size_t *ret_number, const char **ret_rest)
{
    static const char prefix[] = "collections/";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return false;
    name += sizeof(prefix) - 1;
    const char *rest = strchr(name, '/');
    if (rest == NULL || !is_digits(name, (size_t)(rest - name)))
        return false;
    *ret_number = (size_t)strtoul(name, NULL, 10);
    *ret_rest = rest + 1;
    return true;
}

static enum engine_code
take_file(struct unpacked *unpacked, struct container_reader *reader,
          const char *name, const char *staging, struct error *reterr)
{
    size_t number = 0;
    const char *rest = name;
    bool is_storage = container_kind(reader) == CONTAINER_STORAGE;
    if (is_storage && strcmp(name, "aliases.json") == 0)
        return extract_aliases(unpacked, reader, staging, reterr);
    if ((is_storage && !split(name, &number, &rest)) || !is_place(rest) ||
        number > unpacked->count || number >= UNPACK_COLLECTIONS_MAX)
        return no_place(name, reterr);
    enum engine_code code = ENGINE_OK;
    if (number == unpacked->count)
        code = add_collection(unpacked, reterr);
    if (code != ENGINE_OK)
        return code;
    return extract_into(unpacked, reader,
                        registry_restore_folder(unpacked->restores[number]),
                        rest, reterr);
}

enum engine_code
unpacked_sync(const struct unpacked *unpacked, struct error *reterr)
{
    enum engine_code code = syncer_wait(unpacked->syncer, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < unpacked->count; i++)
        code = for_inside(registry_restore_folder(unpacked->restores[i]), 0,
                          folder_sync, reterr);
    return code;
}

enum engine_code
unpack(struct registry *registry, const struct container_source *source,
       enum container_kind kind, const char *staging,
       struct unpacked *ret_unpacked, struct error *reterr)
{
    struct container_reader *reader = NULL;
    const char *name = "";
    uint64_t size;
    *ret_unpacked = (struct unpacked){ .registry = registry };
    ret_unpacked->syncer = syncer_new();
    enum engine_code code = ret_unpacked->syncer == NULL
                                ? error_memory(reterr)
                                : container_open(source, &reader, reterr);
    if (code != ENGINE_OK)
        return code;
    if (container_kind(reader) != kind)
        code = error_set(reterr, ENGINE_EINPUT,
                         kind == CONTAINER_COLLECTION
                             ? "%.200s is one of the whole storage, which is "
                               "restored at the start (--storage-snapshot)"
                             : "%.200s is one of a collection",
                         source->label);
    while (code == ENGINE_OK && name != NULL) {
        code = container_next(reader, &name, &size, reterr);
        if (code == ENGINE_OK && name != NULL)
            code = take_file(ret_unpacked, reader, name, staging, reterr);
    }
    if (code == ENGINE_OK && kind == CONTAINER_COLLECTION &&
        ret_unpacked->count == 0)
        code = error_set(reterr, ENGINE_EINPUT, "the snapshot is empty");
    if (code == ENGINE_OK && source->has_digest)
        container_digest(reader, ret_unpacked->digest);
    container_close(reader);
    return code;
}

void
unpacked_release(struct unpacked *unpacked)
{
    syncer_free(unpacked->syncer);
    for (size_t i = 0; i < unpacked->count; i++)
        registry_restore_abort(unpacked->restores[i]);
    free(unpacked->restores);
    if (unpacked->aliases != NULL)
        (void)!folder_remove(unpacked->aliases, NULL);
    free(unpacked->aliases);
    *unpacked = (struct unpacked){ .count = 0 };
}
