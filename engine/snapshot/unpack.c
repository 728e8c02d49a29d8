/* SPDX-License-Identifier: Apache-2.0
 * From a container to folders. Only files that a collection's folder has are
 * taken, each once, into a folder that nobody else knows: all names and places
 * first, then the bytes, by several threads. */
#include "engine/snapshot/unpack.h"

#include "engine/snapshot/extract.h"
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
take_aliases(struct unpacked *unpacked, struct extract *extract,
             const struct container_part *part, const char *staging,
             struct error *reterr)
{
    if (unpacked->aliases != NULL)
        return no_place("aliases.json", reterr);
    unpacked->aliases = strdup(staging);
    if (unpacked->aliases == NULL)
        return error_memory(reterr);
    enum engine_code code = folder_make(staging, reterr);
    return code == ENGINE_OK ? extract_add(extract, unpacked->aliases,
                                           "aliases.json", part, reterr)
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
take_file(struct unpacked *unpacked, struct extract *extract, bool is_storage,
          const char *name, const struct container_part *part,
          const char *staging, struct error *reterr)
{
    size_t number = 0;
    const char *rest = name;
    if (is_storage && strcmp(name, "aliases.json") == 0)
        return take_aliases(unpacked, extract, part, staging, reterr);
    if ((is_storage && !split(name, &number, &rest)) || !is_place(rest) ||
        number > unpacked->count || number >= UNPACK_COLLECTIONS_MAX)
        return no_place(name, reterr);
    enum engine_code code = ENGINE_OK;
    if (number == unpacked->count)
        code = add_collection(unpacked, reterr);
    if (code != ENGINE_OK)
        return code;
    return extract_add(extract,
                       registry_restore_folder(unpacked->restores[number]),
                       rest, part, reterr);
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

/* What is in it, and where all of it goes. */
static enum engine_code
list_files(struct unpacked *unpacked, struct container_reader *reader,
           struct extract *extract, const char *staging, struct error *reterr)
{
    const char *name = "";
    struct container_part part;
    bool is_storage = container_kind(reader) == CONTAINER_STORAGE;
    enum engine_code code = ENGINE_OK;
    while (code == ENGINE_OK && name != NULL) {
        code = container_next(reader, &name, &part, reterr);
        if (code == ENGINE_OK && name != NULL)
            code = take_file(unpacked, extract, is_storage, name, &part,
                             staging, reterr);
    }
    if (code == ENGINE_OK && !is_storage && unpacked->count == 0)
        code = error_set(reterr, ENGINE_EINPUT, "the snapshot is empty");
    return code;
}

enum engine_code
unpack(struct registry *registry, const struct container_source *source,
       enum container_kind kind, const char *staging,
       struct unpacked *ret_unpacked, struct error *reterr)
{
    struct container_reader *reader = NULL;
    *ret_unpacked = (struct unpacked){ .registry = registry };
    ret_unpacked->syncer = syncer_new();
    struct extract *extract = extract_new(source, ret_unpacked->syncer);
    enum engine_code code = ret_unpacked->syncer == NULL || extract == NULL
                                ? error_memory(reterr)
                                : container_open(source, &reader, reterr);
    if (code == ENGINE_OK && container_kind(reader) != kind)
        code = error_set(reterr, ENGINE_EINPUT,
                         kind == CONTAINER_COLLECTION
                             ? "%.200s is one of the whole storage, which is "
                               "restored at the start (--storage-snapshot)"
                             : "%.200s is one of a collection",
                         source->label);
    if (code == ENGINE_OK)
        code = list_files(ret_unpacked, reader, extract, staging, reterr);
    if (code == ENGINE_OK)
        code = extract_run(extract, reterr);
    if (code == ENGINE_OK)
        code = container_settle(reader, ret_unpacked->digest, reterr);
    container_close(reader);
    extract_free(extract);
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
