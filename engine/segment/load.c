/* SPDX-License-Identifier: Apache-2.0
 * From the store into memory: meta, points, payloads, vectors, each family in
 * one ordered scan; then the payload indexes. Anything that does not read back
 * as it was written is corruption: nothing is guessed. */
#include "base/memory.h"
#include "engine/segment/body.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool
read_u32(struct span key, size_t at, uint32_t *ret_value)
{
    if (key.size != at + 4)
        return false;
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++)
        value = value << 8 | (unsigned char)key.data[at + i];
    *ret_value = value;
    return value < SEGMENT_SLOTS_MAX;
}

static enum engine_code
corrupt(const struct segment *segment, const char *what, struct error *reterr)
{
    return error_set(reterr, ENGINE_ECORRUPT, "%s: damaged %s record",
                     segment->path, what);
}

static enum engine_code
visit_point(void *ctx, struct span key, struct span value, struct error *reterr)
{
    struct segment *segment = ctx;
    uint32_t slot;
    struct point_id id;
    if (!read_u32(key, 0, &slot) || value.size <= 8 ||
        !point_id_from_key((struct span){ value.data + 8, value.size - 8 },
                           &id))
        return corrupt(segment, "point", reterr);
    uint64_t version = segment_get_u64(value.data);
    if (version >= segment->next_sequence || ids_is_live(segment->ids, slot) ||
        ids_find(segment->ids, &id) != IDS_NO_SLOT)
        return corrupt(segment, "point", reterr);
    if (slot >= segment->slots_count)
        segment->slots_count = slot + 1;
    if (!ids_reserve(segment->ids, 1, segment->slots_count) ||
        !payloads_reserve(&segment->payloads, segment->slots_count))
        return error_memory(reterr);
    ids_bind(segment->ids, &id, slot, version);
    return ENGINE_OK;
}

struct vector_visit {
    struct segment *segment;
    struct vectors *vectors;
    char *row; /* the last one, aligned */
    size_t row_room;
};

/* The store's bytes need not be aligned for floats. */
static bool
align_row(struct vector_visit *visit, struct span record)
{
    if (record.size > visit->row_room) {
        char *row = realloc(visit->row, record.size);
        if (row == NULL)
            return false;
        visit->row = row;
        visit->row_room = record.size;
    }
    memcpy(visit->row, record.data, record.size);
    return true;
}

/* Rows of dead slots are loaded, too: a graph may walk over them. */
static enum engine_code
visit_vector(void *ctx, struct span key, struct span value,
             struct error *reterr)
{
    struct vector_visit *visit = ctx;
    struct segment *segment = visit->segment;
    struct vectors *vectors = visit->vectors;
    uint32_t slot;
    if (!read_u32(key, 2, &slot) || !vectors_row_is_whole(vectors, value))
        return corrupt(segment, "vector", reterr);
    if (slot >= segment->slots_count)
        segment->slots_count = slot + 1;
    enum engine_code code = vectors_reserve(vectors, slot + 1, 0, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!align_row(visit, value))
        return error_memory(reterr);
    bool is_live = ids_is_live(segment->ids, slot);
    /* A graph may come by the codes of dead multivectors. */
    if (is_live || vectors->options.kind == VECTOR_MULTI)
        code = vectors_prepare(vectors, slot, visit->row, reterr);
    if (code != ENGINE_OK)
        return code;
    vectors_write(vectors, slot, visit->row);
    if (is_live) {
        /* Members of `absent` are complemented in load_vectors(). */
        slotset_add(&vectors->absent, slot);
        vectors->count++;
    } else {
        atomic_fetch_add(&vectors->dead_count, 1);
    }
    return ENGINE_OK;
}

static enum engine_code
load_vectors(struct segment *segment, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++) {
        struct vectors *vectors = segment->vectors[i];
        struct vector_visit visit = { .segment = segment, .vectors = vectors };
        struct segment_key key = segment_key_vector(i, 0);
        code = store_scan(segment->store, STORE_VECTORS,
                          (struct span){ key.data, 2 }, visit_vector, &visit,
                          reterr);
        free(visit.row);
    }
    if (code != ENGINE_OK)
        return code;
    if (!ids_reserve(segment->ids, 0, segment->slots_count) ||
        !payloads_reserve(&segment->payloads, segment->slots_count))
        return error_memory(reterr);
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        struct vectors *vectors = segment->vectors[i];
        code = vectors_reserve(vectors, segment->slots_count, 0, reterr);
        if (code != ENGINE_OK)
            return code;
        for (uint32_t slot = 0; slot < segment->slots_count; slot++)
            if (!slotset_remove(&vectors->absent, slot)) {
                slotset_add(&vectors->absent, slot);
                slotset_add(&vectors->rowless, slot);
            }
        atomic_store(&vectors->end_slot, segment->slots_count);
    }
    return ENGINE_OK;
}

static enum engine_code
load_sequence(struct segment *segment, struct error *reterr)
{
    struct bytes value;
    bytes_init(&value, 64);
    bool is_found;
    enum engine_code code =
        store_get(segment->store, STORE_META, span_of(SEGMENT_META_SEQUENCE),
                  &value, &is_found, reterr);
    if (code == ENGINE_OK && is_found) {
        if (value.size != 8)
            code = corrupt(segment, "sequence", reterr);
        else
            segment->next_sequence = segment_get_u64(value.data) + 1;
    }
    bytes_release(&value);
    return code;
}

/* No more bytes of log may be those of a store that was only made. */
#define EMPTY_LOG_SIZE 4096

/* What files of a store tell without opening it. */
struct traces {
    bool has_content; /* opening would write beside it */
    bool is_made;     /* RocksDB got as far as its first log */
};

static struct traces
traces_of(const char *store_path)
{
    DIR *folder = opendir(store_path);
    bool is_unknown = folder == NULL && errno != ENOENT;
    struct traces traces = { is_unknown, is_unknown };
    const struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        const char *end = strrchr(entry->d_name, '.');
        struct stat status = { .st_size = 0 };
        bool is_log = end != NULL && strcmp(end, ".log") == 0;
        if (is_log && fstatat(dirfd(folder), entry->d_name, &status, 0) != 0)
            status.st_size = EMPTY_LOG_SIZE + 1;
        if ((end != NULL && strcmp(end, ".sst") == 0) ||
            status.st_size > EMPTY_LOG_SIZE)
            traces.has_content = true;
        if (strcmp(entry->d_name, "CURRENT") == 0 || status.st_size > 0)
            traces.is_made = true;
    }
    if (folder != NULL)
        closedir(folder);
    return traces;
}

bool
segment_has_points(const char *path)
{
    struct bytes store_path, value;
    struct store *store = NULL;
    bool has = true;
    bytes_init(&store_path, SEGMENT_PATH_SIZE_MAX);
    bytes_init(&value, 64);
    bytes_addf(&store_path, "%s/store", path);
    if (bytes_failed(&store_path))
        goto out;
    struct traces traces = traces_of(store_path.data);
    if (traces.has_content)
        goto out;
    if (store_open_existing(store_path.data, &store, NULL) != ENGINE_OK)
        has = traces.is_made;
    else if (store_get(store, STORE_META, span_of(SEGMENT_META_SEQUENCE),
                       &value, &has, NULL) != ENGINE_OK)
        has = true;
    store_close(store);
out:
    bytes_release(&value);
    bytes_release(&store_path);
    return has;
}

/* From the disk into memory. */
static enum engine_code
payloads_bring(struct segment *segment, struct error *reterr)
{
    struct payloads *payloads = &segment->payloads;
    enum engine_code code =
        slab_reserve(&payloads->places, segment->slots_count, reterr);
    if (code == ENGINE_OK)
        code =
            payloads_load(payloads, segment->ids, segment->slots_count, reterr);
    if (code == ENGINE_OK)
        atomic_store(&payloads->is_on_disk, false);
    return code;
}

enum engine_code
segment_place_payloads(struct segment *segment, enum segment_place place,
                       struct error *reterr)
{
    struct payloads *payloads = &segment->payloads;
    enum engine_code code = ENGINE_OK;
    pthread_mutex_lock(&segment->writer);
    bool is_on_disk = atomic_load(&payloads->is_on_disk);
    /* Records of dead slots go while it is still known where they are. */
    segment_dig_all(segment);
    if (place == SEGMENT_IN_MEMORY && is_on_disk) {
        uint64_t used = 0,
                 more = 2 * store_family_size(segment->store, STORE_PAYLOADS);
        if (memory_may_grow(more, &used)) {
            code = payloads_bring(segment, reterr);
            /* Who still reads the store finds dead slots' records there:
             * changes delete them at once from now on. */
            segment_dig_all(segment);
        } else {
            code = error_memory_limit(reterr, "on_disk_payload: false", more,
                                      used, memory_limit());
        }
    } else if (place == SEGMENT_ON_DISK && !is_on_disk) {
        atomic_store(&payloads->is_on_disk, true);
        segment_dig_all(segment);
        payloads_unload(payloads);
    }
    pthread_mutex_unlock(&segment->writer);
    return code;
}

/* Bytes of graphs' checkpoints: in memory they take about as much. */
static uint64_t
graphs_size(const struct segment *segment)
{
    uint64_t size = 0;
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        struct bytes path;
        struct stat status;
        if (segment_graph_path(segment, i, &path, NULL) == ENGINE_OK &&
            stat(path.data, &status) == 0)
            size += (uint64_t)status.st_size;
        bytes_release(&path);
    }
    return size;
}

static enum engine_code
add_size(void *ctx, struct span key, struct span value, struct error *reterr)
{
    uint64_t *size = ctx;
    (void)key;
    (void)reterr;
    *size += value.size;
    return ENGINE_OK;
}

/* Bytes of a family's values. The store's own figure counts those that were
 * deleted or overwritten, too, until a merge; `is_exact` reads them all. */
static enum engine_code
add_family(struct segment *segment, enum store_family family, bool is_exact,
           uint64_t *size, struct error *reterr)
{
    const struct span all = { NULL, 0 };
    if (is_exact)
        return store_scan(segment->store, family, all, add_size, size, reterr);
    *size += store_family_values_size(segment->store, family);
    return ENGINE_OK;
}

/* What the segment takes; codes are less than the rows. */
static enum engine_code
size_of(struct segment *segment, enum segment_place place, bool is_exact,
        uint64_t *ret_size, struct error *reterr)
{
    bool has_rows = false;
    for (size_t i = 0; segment_seek(segment, &i); i++)
        has_rows = has_rows || !segment->vectors[i]->is_on_disk;
    *ret_size = graphs_size(segment);
    enum engine_code code =
        add_family(segment, STORE_POINTS, is_exact, ret_size, reterr);
    if (code == ENGINE_OK && has_rows)
        code = add_family(segment, STORE_VECTORS, is_exact, ret_size, reterr);
    if (code == ENGINE_OK && place == SEGMENT_IN_MEMORY)
        code = add_family(segment, STORE_PAYLOADS, is_exact, ret_size, reterr);
    return code;
}

/* Asks for it; a second time, exactly, before it refuses. */
static enum engine_code
check_fits(struct segment *segment, enum segment_place place,
           struct error *reterr)
{
    uint64_t used = 0, more = 0;
    for (int turn = 0; turn < 2; turn++) {
        enum engine_code code =
            size_of(segment, place, turn == 1, &more, reterr);
        if (code != ENGINE_OK || memory_may_grow(more, &used))
            return code;
    }
    return error_memory_limit(reterr, "the collection", more, used,
                              memory_limit());
}

enum engine_code
segment_load(struct segment *segment, const struct segment_options *options,
             struct error *reterr)
{
    enum segment_place place = options->payloads;
    segment->payloads.store = segment->store;
    atomic_store(&segment->payloads.is_on_disk,
                 !segment->is_known_empty || place == SEGMENT_ON_DISK);
    if (segment->is_known_empty)
        return ENGINE_OK;
    const struct span all = { NULL, 0 };
    enum engine_code code =
        options->must_fit ? check_fits(segment, place, reterr) : ENGINE_OK;
    if (code == ENGINE_OK)
        code = load_sequence(segment, reterr);
    if (code == ENGINE_OK)
        code = store_scan(segment->store, STORE_POINTS, all, visit_point,
                          segment, reterr);
    if (code == ENGINE_OK)
        code = load_vectors(segment, reterr);
    if (code == ENGINE_OK && place == SEGMENT_IN_MEMORY)
        code = payloads_bring(segment, reterr);
    if (code == ENGINE_OK)
        code = segment_load_indexes(segment, reterr);
    return code;
}
