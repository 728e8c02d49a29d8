/* SPDX-License-Identifier: Apache-2.0
 * The memory report of a segment: asks each part what it holds. Parts that are
 * mapped count the pages that they have, those from malloc what they asked
 * for. */
#include "engine/segment/memory.h"

#include "engine/segment/body.h"

#include <assert.h>
#include <sys/stat.h>

static uint64_t
file_size(const struct segment *segment, size_t number)
{
    struct bytes path;
    struct stat status = { 0 };
    bytes_init(&path, SEGMENT_PATH_SIZE_MAX);
    bytes_addf(&path, "%s/graph-%zu", segment->path, number);
    if (bytes_failed(&path) || stat(path.data, &status) != 0)
        status.st_size = 0;
    bytes_release(&path);
    return (uint64_t)status.st_size;
}

static struct usage
graph_usage(struct segment *segment, struct vectors *vectors)
{
    size_t queue_size = queue_memory(&vectors->queue);
    struct usage usage = { .ram_size = queue_size,
                           .heap_size = queue_size,
                           .disk_size = file_size(segment, vectors->number) };
    pthread_rwlock_rdlock(&vectors->link_lock);
    if (vectors->graph != NULL)
        usage.ram_size += hnsw_memory(vectors->graph).used_size;
    if (vectors->next_graph != NULL)
        usage.ram_size += hnsw_memory(vectors->next_graph).used_size;
    pthread_rwlock_unlock(&vectors->link_lock);
    return usage;
}

static void
add_sparse(struct segment *segment, const struct sparse *sparse,
           struct usage *usage)
{
    uint32_t place = epoch_enter(&segment->epoch);
    size_t size = sparse_memory(sparse);
    struct disk_heap_sizes disk = sparse_disk_sizes(sparse);
    epoch_leave(&segment->epoch, place);
    usage->ram_size += size + disk.memory_size;
    usage->heap_size += size;
    usage->disk_size += disk.disk_size;
    usage->expected_size += disk.disk_size;
}

/* All but its part of the disk. */
static struct vector_usage
vector_usage(struct segment *segment, struct vectors *vectors)
{
    struct vector_usage usage = { .is_sparse = vectors->sparse != NULL };
    usage.storage.ram_size = slab_memory(&vectors->rows).used_size +
                             atomic_load(&vectors->rows_size);
    usage.storage.heap_size = atomic_load(&vectors->rows_size);
    pthread_rwlock_rdlock(&vectors->link_lock);
    if (vectors->codes != NULL)
        usage.codes.ram_size = codes_memory(vectors->codes).used_size;
    if (vectors->next_codes != NULL)
        usage.codes.ram_size += codes_memory(vectors->next_codes).used_size;
    pthread_rwlock_unlock(&vectors->link_lock);
    usage.graph = graph_usage(segment, vectors);
    if (vectors->sparse != NULL)
        add_sparse(segment, vectors->sparse, &usage.graph);
    return usage;
}

static enum engine_code
add_vectors(struct segment *segment, struct arena *arena,
            struct segment_memory *memory, struct error *reterr)
{
    struct vector_usage *all =
        arena_calloc(arena, SEGMENT_VECTORS_MAX, sizeof(*all));
    if (all == NULL)
        return error_memory(reterr);
    uint64_t family = store_family_size(segment->store, STORE_VECTORS);
    uint64_t sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < segment->vectors_count; i++) {
        struct vectors *vectors = segment_hold(segment, i);
        if (vectors == NULL)
            continue;
        struct span name = vectors->options.name;
        uint64_t row_size = vectors_row_size_about(vectors);
        struct vector_usage *usage = &all[count++];
        *usage = vector_usage(segment, vectors);
        usage->name = (struct span){ arena_strndup(arena, name.data, name.size),
                                     name.size };
        /* One family holds all of them: shares of it, below. */
        usage->storage.disk_size = row_size;
        usage->storage.expected_size = vectors->is_on_disk;
        sum += row_size;
        memory->slots.ram_size += slab_memory(&vectors->absent.rows).used_size +
                                  slab_memory(&vectors->rowless.rows).used_size;
        segment_let(segment, vectors);
    }
    for (size_t i = 0; i < count; i++) {
        struct usage *storage = &all[i].storage;
        storage->disk_size = family * storage->disk_size / sum;
        storage->expected_size *= storage->disk_size;
    }
    memory->vectors = all;
    memory->vectors_count = count;
    return arena_failed(arena) ? error_memory(reterr) : ENGINE_OK;
}

/* The caller holds the points lock. */
static enum engine_code
add_indexes(struct segment *segment, struct arena *arena,
            struct segment_memory *memory, struct error *reterr)
{
    struct index_usage *all =
        arena_calloc(arena, segment->indexes_count + 1, sizeof(*all));
    if (all == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < segment->indexes_count; i++) {
        const struct payload_index *index = segment->indexes[i].index;
        struct span field = payload_index_path(index)->text;
        const char *copy = arena_strndup(arena, field.data, field.size);
        if (copy == NULL)
            return error_memory(reterr);
        all[i].field = (struct span){ copy, field.size };
        struct disk_heap_sizes disk = payload_index_disk(index);
        all[i].usage.heap_size = payload_index_memory(index);
        all[i].usage.ram_size = all[i].usage.heap_size + disk.memory_size;
        all[i].usage.disk_size = all[i].usage.expected_size = disk.disk_size;
    }
    memory->indexes = all;
    memory->indexes_count = segment->indexes_count;
    return ENGINE_OK;
}

void
segment_sizes(struct segment *segment, struct segment_sizes *ret_sizes)
{
    struct segment_sizes sizes = { 0 };
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    sizes.points_count = reader.view->live->count;
    for (size_t i = 0; i < reader.view->vectors_count; i++)
        if (segment_vector_is_there(&reader, i))
            sizes.vector_bytes += (uint64_t)reader.view->vectors[i].has->count *
                                  segment_vector_numbers(&reader, i) *
                                  sizeof(float);
    segment_read_end(&reader);
    sizes.payload_bytes =
        atomic_load(&segment->payloads.is_on_disk)
            ? store_family_size(segment->store, STORE_PAYLOADS)
            : atomic_load(&segment->payloads.text_size);
    *ret_sizes = sizes;
}

enum engine_code
segment_memory(struct segment *segment, struct arena *arena,
               struct segment_memory *ret_memory, struct error *reterr)
{
    struct segment_memory memory = { 0 };
    struct store_memory store = store_memory(segment->store);
    memory.memtables.ram_size = memory.memtables.heap_size =
        store.memtables_size;
    memory.readers.ram_size = memory.readers.heap_size = store.readers_size;
    memory.payload.disk_size =
        store_family_size(segment->store, STORE_PAYLOADS);
    memory.ids.disk_size = store_family_size(segment->store, STORE_POINTS);
    enum engine_code code = add_vectors(segment, arena, &memory, reterr);
    if (code != ENGINE_OK)
        return code;
    pthread_rwlock_rdlock(&segment->points);
    code = add_indexes(segment, arena, &memory, reterr);
    struct slotset *set = &segment->free_set;
    memory.slots.heap_size =
        view_memory(segment_view_now(segment)) +
        slotset_count(set) * sizeof(segment->free_slots[0]);
    memory.slots.ram_size +=
        memory.slots.heap_size + slab_memory(&set->rows).used_size;
    size_t ids_heap, payload_heap;
    memory.ids.ram_size = ids_memory(segment->ids, &ids_heap);
    memory.ids.heap_size = ids_heap;
    memory.payload.ram_size =
        payloads_memory(&segment->payloads, &payload_heap);
    memory.payload.heap_size = payload_heap;
    pthread_rwlock_unlock(&segment->points);
    if (code == ENGINE_OK)
        *ret_memory = memory;
    return code;
}
