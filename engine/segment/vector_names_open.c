/* SPDX-License-Identifier: Apache-2.0
 * Which number a vector name has, in the store: written, erased, and read at
 * the start. Segments of before had no such records, and numbers in the order
 * of their options: they get them. */
#include "engine/segment/vector_names_open.h"

#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_SIZE_MAX 1024
#define GRAPH_PREFIX "graph-" /* segment_graph_path() */
#define NAMES_SIZE   ((size_t)1 << 20)
#define PREFIX_SIZE  (sizeof(SEGMENT_META_NAME) - 1)

/* ---- writing ---- */

static enum engine_code
name_key(struct span name, struct bytes *key, struct error *reterr)
{
    bytes_init(key, KEY_SIZE_MAX);
    bytes_add_text(key, SEGMENT_META_NAME);
    bytes_add_span(key, name);
    return bytes_failed(key) ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
batch_name(struct store_batch *batch, struct span name, size_t number,
           struct error *reterr)
{
    struct bytes key;
    char value[2] = { (char)number, (char)(number >> 8) };
    enum engine_code code = name_key(name, &key, reterr);
    if (code == ENGINE_OK)
        store_batch_put(batch, STORE_META, bytes_span(&key),
                        (struct span){ value, sizeof(value) });
    bytes_release(&key);
    return code;
}

static void
batch_rows_gone(struct store_batch *batch, size_t number)
{
    struct segment_key from = segment_key_vector(number, 0);
    struct segment_key to = segment_key_vector(number + 1, 0);
    store_batch_delete_range(batch, STORE_VECTORS, segment_key_span(&from),
                             segment_key_span(&to));
}

enum engine_code
segment_name_write(struct segment *segment, struct span name, size_t number,
                   struct error *reterr)
{
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    /* If anything went wrong with who had the number before. */
    batch_rows_gone(batch, number);
    segment_batch_sequence(batch, segment->next_sequence);
    enum engine_code code = batch_name(batch, name, number, reterr);
    if (code == ENGINE_OK)
        code = store_commit(batch, STORE_SYNC_LATER, reterr);
    store_batch_free(batch);
    if (code != ENGINE_OK)
        return code;
    segment->next_sequence++;
    return store_sync(segment->store, reterr);
}

enum engine_code
segment_name_count(struct segment *segment, struct error *reterr)
{
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    segment_batch_sequence(batch, segment->next_sequence);
    enum engine_code code = store_commit(batch, STORE_SYNC_LATER, reterr);
    store_batch_free(batch);
    if (code == ENGINE_OK)
        segment->next_sequence++;
    return code;
}

enum engine_code
segment_name_erase(struct segment *segment, struct span name, size_t number,
                   struct error *reterr)
{
    struct bytes key;
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    enum engine_code code = name_key(name, &key, reterr);
    if (code == ENGINE_OK) {
        store_batch_delete(batch, STORE_META, bytes_span(&key));
        batch_rows_gone(batch, number);
        code = store_commit(batch, STORE_SYNC_LATER, reterr);
    }
    bytes_release(&key);
    store_batch_free(batch);
    return code;
}

/* ---- at the start ---- */

struct known_name {
    struct span name;
    bool is_wanted;
};

struct known {
    struct segment *segment;
    struct arena arena;
    struct known_name names[SEGMENT_VECTORS_MAX]; /* by number; data NULL */
    size_t count;
};

static enum engine_code
visit_name(void *ctx, struct span key, struct span value, struct error *reterr)
{
    struct known *known = ctx;
    size_t number = SEGMENT_VECTORS_MAX;
    if (value.size == 2)
        number = (unsigned char)value.data[0] |
                 (size_t)(unsigned char)value.data[1] << 8;
    if (key.size < PREFIX_SIZE || number >= SEGMENT_VECTORS_MAX ||
        known->names[number].name.data != NULL)
        return error_set(reterr, ENGINE_ECORRUPT,
                         "%s: damaged vector name record",
                         known->segment->path);
    struct known_name *place = &known->names[number];
    place->name.size = key.size - PREFIX_SIZE;
    place->name.data =
        arena_strndup(&known->arena, key.data + PREFIX_SIZE, place->name.size);
    known->count++;
    return place->name.data == NULL ? error_memory(reterr) : ENGINE_OK;
}

static size_t
number_of(struct known *known, struct span name)
{
    for (size_t i = 0; i < SEGMENT_VECTORS_MAX; i++)
        if (known->names[i].name.data != NULL &&
            span_equal(known->names[i].name, name)) {
            known->names[i].is_wanted = true;
            return i;
        }
    return SIZE_MAX;
}

static enum engine_code
vectors_open(struct segment *segment, size_t number,
             const struct segment_vector_options *options, struct error *reterr)
{
    struct vectors *vectors = calloc(1, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    /* A checkpoint is of no use with other codes than its own. */
    struct codes_wish codes = options->codes;
    segment_graph_codes(segment, number, &codes);
    enum engine_code code = vectors_init(
        vectors, options, &codes, &segment->epoch, segment->path, reterr);
    if (code != ENGINE_OK) {
        free(vectors);
        return code;
    }
    vectors->store = segment->store;
    vectors->number = number;
    segment->vectors[number] = vectors;
    segment->is_number_taken[number] = true;
    if (number >= segment->vectors_count)
        segment->vectors_count = number + 1;
    if (options->place == SEGMENT_ON_DISK && !vectors->is_on_disk)
        segment_say(segment,
                    "vector \"%.*s\" stays in memory: it has no codes to walk "
                    "on (manhattan, or few dimensions)",
                    (int)options->name.size, options->name.data);
    return ENGINE_OK;
}

/* Writes the names of all vectors that are open. */
static enum engine_code
write_all(struct segment *segment, struct error *reterr)
{
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++)
        code = batch_name(batch, segment->vectors[i]->options.name, i, reterr);
    if (code == ENGINE_OK)
        code = store_commit(batch, STORE_SYNC_LATER, reterr);
    store_batch_free(batch);
    return code;
}

/* A vector that was made although the answer was a failure: the list of names
 * was written, but not to the end. It is empty. */
static size_t
number_unknown(const struct known *known, const struct segment *segment)
{
    size_t number = 0;
    while (number < SEGMENT_VECTORS_MAX &&
           (known->names[number].name.data != NULL ||
            segment->is_number_taken[number]))
        number++;
    return number;
}

/* Ends changes of names that were interrupted. */
static void
forget_unwanted(struct segment *segment, const struct known *known)
{
    for (size_t i = 0; i < SEGMENT_VECTORS_MAX; i++) {
        const struct known_name *name = &known->names[i];
        if (name->name.data == NULL || name->is_wanted)
            continue;
        if (segment_name_erase(segment, name->name, i, NULL) == ENGINE_OK) {
            atomic_store(&segment->is_number_gone[i], true);
            continue;
        }
        /* A full disk, say: at the next start. */
        segment->is_number_taken[i] = true;
        segment_say(segment, "a deleted vector's space is not given back yet");
    }
}

/* Graphs of numbers that no vector has: their names went without them, by a
 * kill or a full disk. */
static void
forget_graphs(const struct segment *segment)
{
    DIR *folder = opendir(segment->path);
    if (folder == NULL)
        return; /* a cache that stays too long */
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        char *end = NULL;
        if (strncmp(entry->d_name, GRAPH_PREFIX, sizeof(GRAPH_PREFIX) - 1) != 0)
            continue;
        const char *digits = entry->d_name + sizeof(GRAPH_PREFIX) - 1;
        unsigned long number = strtoul(digits, &end, 10);
        bool is_graph = *digits >= '0' && *digits <= '9' &&
                        (*end == '\0' || strcmp(end, ".tmp") == 0);
        if (is_graph &&
            (number >= SEGMENT_VECTORS_MAX || segment->vectors[number] == NULL))
            (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    closedir(folder);
}

enum engine_code
segment_names_open(struct segment *segment,
                   const struct segment_options *options, struct error *reterr)
{
    struct known *known = calloc(1, sizeof(*known));
    if (known == NULL)
        return error_memory(reterr);
    known->segment = segment;
    arena_init(&known->arena, NAMES_SIZE);
    enum engine_code code = ENGINE_OK;
    if (!segment->is_known_empty)
        code =
            store_scan(segment->store, STORE_META, span_of(SEGMENT_META_NAME),
                       visit_name, known, reterr);
    bool is_first = known->count == 0;
    bool is_new = is_first && !segment->is_known_empty;
    for (size_t i = 0; code == ENGINE_OK && i < options->vectors_count; i++) {
        const struct segment_vector_options *vector = &options->vectors[i];
        size_t number = is_first ? i : number_of(known, vector->name);
        if (number == SIZE_MAX) {
            is_new = true;
            number = number_unknown(known, segment);
            segment_say(segment, "vector \"%.*s\" is new, and empty",
                        (int)vector->name.size, vector->name.data);
        }
        if (number >= SEGMENT_VECTORS_MAX)
            code = error_set(reterr, ENGINE_ECORRUPT,
                             "%s: records of too many vectors", segment->path);
        else
            code = vectors_open(segment, number, vector, reterr);
    }
    if (code == ENGINE_OK)
        forget_unwanted(segment, known);
    if (code == ENGINE_OK && !segment->is_known_empty)
        forget_graphs(segment);
    if (code == ENGINE_OK && is_new)
        code = write_all(segment, reterr);
    arena_release(&known->arena);
    free(known);
    return code;
}
