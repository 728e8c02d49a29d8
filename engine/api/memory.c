/* SPDX-License-Identifier: Apache-2.0
 * What memory is used for: of one collection, and of the process. In the
 * process's report every part is counted by who holds it: our own parts, the
 * kernel (pages of mapped parts, code) and the allocator (the rest of what it
 * handed out, and what it keeps); `other` says what nobody claims. */
#include "engine/api/memory.h"

#include "base/budget.h"
#include "base/memory.h"
#include "engine/metrics.h"
#include "engine/segment/memory.h"
#include "engine/storage/store.h"

#include <assert.h>

static void
member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_key(writer, key);
    json_u64(writer, value);
}

static void
usage_add(struct usage *sum, struct usage more)
{
    sum->ram_size += more.ram_size;
    sum->heap_size += more.heap_size;
    sum->disk_size += more.disk_size;
    sum->expected_size += more.expected_size;
}

/* `cached_bytes` is 0: the page cache is the kernel's, RocksDB's blocks are in
 * the process's report. */
static void
write_usage(struct json_writer *writer, const char *key, struct usage usage)
{
    json_key(writer, key);
    json_object_begin(writer);
    member_u64(writer, "disk_bytes", usage.disk_size);
    member_u64(writer, "ram_bytes", usage.ram_size);
    member_u64(writer, "cached_bytes", 0);
    member_u64(writer, "expected_cache_bytes", usage.expected_size);
    json_object_end(writer);
}

static void
write_vectors_of(struct json_writer *writer, const char *key, bool is_sparse,
                 const struct segment_memory *memory)
{
    json_key(writer, key);
    json_array_begin(writer);
    for (size_t i = 0; i < memory->vectors_count; i++) {
        const struct vector_usage *vector = &memory->vectors[i];
        if (vector->is_sparse != is_sparse)
            continue;
        json_object_begin(writer);
        json_key(writer, "name");
        json_text_span(writer, vector->name);
        write_usage(writer, "storage", vector->storage);
        write_usage(writer, "index", vector->graph);
        if (vector->codes.ram_size > 0)
            write_usage(writer, "quantized", vector->codes);
        json_object_end(writer);
    }
    json_array_end(writer);
}

static void
write_vectors(struct json_writer *writer, const struct segment_memory *memory)
{
    write_vectors_of(writer, "vectors", false, memory);
    write_vectors_of(writer, "sparse_vectors", true, memory);
}

/* What the parts of a collection come to. */
struct sums {
    struct usage vectors, codes, graphs, indexes, total;
};

static struct sums
sums_of(const struct segment_memory *memory)
{
    struct sums sums = { 0 };
    for (size_t i = 0; i < memory->vectors_count; i++) {
        usage_add(&sums.vectors, memory->vectors[i].storage);
        usage_add(&sums.codes, memory->vectors[i].codes);
        usage_add(&sums.graphs, memory->vectors[i].graph);
    }
    for (size_t i = 0; i < memory->indexes_count; i++)
        usage_add(&sums.indexes, memory->indexes[i].usage);
    const struct usage parts[] = {
        sums.vectors,  sums.codes,        sums.graphs,
        sums.indexes,  memory->payload,   memory->ids,
        memory->slots, memory->memtables, memory->readers,
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        usage_add(&sums.total, parts[i]);
    return sums;
}

enum engine_code
memory_collection(struct call *call, struct error *reterr)
{
    struct json_writer *writer = &call->writer;
    struct segment_memory memory;
    assert(call->collection != NULL);
    enum engine_code code = collection_memory(
        call->collection, &call->request->arena, &memory, reterr);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(writer);
    write_vectors(writer, &memory);
    write_usage(writer, "payload", memory.payload);
    json_key(writer, "payload_index");
    json_array_begin(writer);
    for (size_t i = 0; i < memory.indexes_count; i++) {
        json_object_begin(writer);
        json_key(writer, "name");
        json_text_span(writer, memory.indexes[i].field);
        write_usage(writer, "usage", memory.indexes[i].usage);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_key(writer, "other");
    json_object_begin(writer);
    write_usage(writer, "id_tracker", memory.ids);
    write_usage(writer, "slots", memory.slots);
    write_usage(writer, "memtables", memory.memtables);
    write_usage(writer, "table_readers", memory.readers);
    json_object_end(writer);
    write_usage(writer, "total", sums_of(&memory).total);
    json_object_end(writer);
    return ENGINE_OK;
}

/* The parts of all collections together. */
struct process_parts {
    uint64_t vectors, codes, graphs, payload, indexes, ids, slots, memtables,
        readers;
    uint64_t total, heap; /* of all; from malloc */
};

/* What nobody above claims of malloc's memory. */
struct heap_rest {
    uint64_t engine;    /* handed out: RocksDB's own, network, scratch */
    uint64_t allocator; /* free or lost to rounding, and the allocator's own */
};

/* The allocator counts pages as resident that were never touched: what the
 * kernel says bounds it. */
static struct heap_rest
heap_rest_of(const struct process_parts *parts, const struct memory_use *use)
{
    uint64_t mapped = parts->total - parts->heap;
    uint64_t heap =
        use->anonymous_size > mapped ? use->anonymous_size - mapped : 0;
    uint64_t claimed = parts->heap + store_cache_used() +
                       atomic_load(&budget_requests.used_size);
    if (use->mapped_size < heap)
        heap = use->mapped_size;
    uint64_t handed_out =
        use->allocated_size < heap ? use->allocated_size : heap;
    return (struct heap_rest){
        .engine = handed_out > claimed ? handed_out - claimed : 0,
        .allocator = heap - handed_out,
    };
}

static enum engine_code
parts_of(struct call *call, const struct span *names, size_t count,
         struct process_parts *parts, struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    for (size_t i = 0; i < count; i++) {
        struct collection *collection = NULL;
        struct segment_memory memory;
        if (registry_acquire(registry, names[i], &collection, NULL) !=
            ENGINE_OK)
            continue; /* gone meanwhile */
        enum engine_code code = collection_memory(
            collection, &call->request->arena, &memory, reterr);
        registry_release(registry, collection);
        if (code != ENGINE_OK)
            return code;
        struct sums sums = sums_of(&memory);
        parts->vectors += sums.vectors.ram_size;
        parts->codes += sums.codes.ram_size;
        parts->graphs += sums.graphs.ram_size;
        parts->indexes += sums.indexes.ram_size;
        parts->payload += memory.payload.ram_size;
        parts->ids += memory.ids.ram_size;
        parts->slots += memory.slots.ram_size;
        parts->memtables += memory.memtables.ram_size;
        parts->readers += memory.readers.ram_size;
        parts->total += sums.total.ram_size;
        parts->heap += sums.total.heap_size;
    }
    return ENGINE_OK;
}

static void
write_process(struct json_writer *writer, const struct process_parts *parts,
              const struct memory_use *use)
{
    struct heap_rest rest = heap_rest_of(parts, use);
    const struct {
        const char *key;
        uint64_t size;
    } lines[] = {
        { "vectors_bytes", parts->vectors },
        { "codes_bytes", parts->codes },
        { "graphs_bytes", parts->graphs },
        { "payload_bytes", parts->payload },
        { "payload_indexes_bytes", parts->indexes },
        { "ids_bytes", parts->ids },
        { "slots_bytes", parts->slots },
        { "memtables_bytes", parts->memtables },
        { "table_readers_bytes", parts->readers },
        { "block_cache_bytes", store_cache_used() },
        { "requests_bytes", atomic_load(&budget_requests.used_size) },
        { "engine_bytes", rest.engine },
        { "allocator_overhead_bytes", rest.allocator },
        { "code_bytes", use->resident_size - use->anonymous_size },
    };
    uint64_t sum = 0;
    json_key(writer, "process");
    json_object_begin(writer);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        sum += lines[i].size;
        member_u64(writer, lines[i].key, lines[i].size);
    }
    member_u64(writer, "sum_bytes", sum);
    member_u64(writer, "other_bytes",
               use->resident_size > sum ? use->resident_size - sum : 0);
    member_u64(writer, "resident_bytes", use->resident_size);
    member_u64(writer, "limited_bytes", use->resident_size);
    member_u64(writer, "limit_bytes", memory_limit());
    json_object_end(writer);
}

enum engine_code
memory_write_process(struct call *call, const struct span *names, size_t count,
                     struct error *reterr)
{
    struct json_writer *writer = &call->writer;
    struct process_parts parts = { 0 };
    enum engine_code code = parts_of(call, names, count, &parts, reterr);
    if (code != ENGINE_OK)
        return code;
    struct memory_use use = memory_look();
    json_object_begin(writer);
    member_u64(writer, "active_bytes", use.active_size);
    member_u64(writer, "allocated_bytes", use.allocated_size);
    member_u64(writer, "metadata_bytes", use.metadata_size);
    member_u64(writer, "resident_bytes", use.mapped_size);
    member_u64(writer, "retained_bytes", use.retained_size);
    write_process(writer, &parts, &use);
    json_object_end(writer);
    return ENGINE_OK;
}

void
memory_write_metrics(struct metrics_text *text)
{
    struct memory_use use = memory_look();
    const struct metrics_row rows[] = {
        { "memory_active_bytes", "gauge",
          "pages that hold memory of the allocator", (double)use.active_size },
        { "memory_allocated_bytes", "gauge",
          "memory handed out by the allocator", (double)use.allocated_size },
        { "memory_metadata_bytes", "gauge", "the allocator's own memory",
          (double)use.metadata_size },
        { "memory_retained_bytes", "gauge",
          "address space the allocator keeps without memory",
          (double)use.retained_size },
        { "memory_limit_bytes", "gauge", "limit of resident memory, 0: none",
          (double)memory_limit() },
        { "memory_limited_bytes", "gauge",
          "resident memory, which the limit counts",
          (double)use.resident_size },
        { "memory_refused_total", "counter",
          "operations refused at the memory limit",
          (double)memory_refused_count() },
        { "request_memory_bytes", "gauge", "working memory of requests",
          (double)atomic_load(&budget_requests.used_size) },
        { "request_memory_refused_total", "counter",
          "requests refused because all of it was in use",
          (double)atomic_load(&budget_requests.refused_count) },
    };
    metrics_rows(text, rows, sizeof(rows) / sizeof(rows[0]));
}
