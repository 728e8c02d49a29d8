/* SPDX-License-Identifier: Apache-2.0
 * Any records in a collection's store: refused with a text, or a collection
 * that answers, takes a change and comes up again with the same points. The
 * first byte says by its bits which good records lie below (1: three points
 * with payload and vector, 2: an index on "n"). Then records: family, key size,
 * key, value size, value; a value size of 255 deletes the key. The first byte
 * of a slot is cleared: a slot of 2^31 asks for the memory of as many
 * points. */
#define _GNU_SOURCE
#include "engine/codec/json_read.h"
#include "engine/collection/lifecycle.h"
#include "engine/storage/store.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixture/folder.h"

#define ARENA_SIZE      ((size_t)64 << 20)
#define KEY_SIZE_MAX    64u
#define RECORDS_MAX     32u
#define DELETES         255u
#define RUNS_PER_FOLDER 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], path[80], store_path[128];
static unsigned runs;

/* By hand: at exit RocksDB's own statics are gone already. */
static void
remove_folder(void)
{
    if (folder[0] != '\0')
        folder_remove(folder);
    folder[0] = '\0';
}

static struct collection_options
options_of(void)
{
    return (struct collection_options){ .path = path };
}

/* An empty collection in a folder of its own. */
static void
make_folder(void)
{
    static const char text[] =
        "{\"vectors\":{\"size\":4,\"distance\":\"Euclid\"}}";
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    static bool is_registered;
    if (!is_registered)
        atexit(remove_folder);
    is_registered = true;
    remove_folder();
    bool is_made = folder_make(base, "load", folder, sizeof(folder));
    assert(is_made);
    snprintf(path, sizeof(path), "%s/it", folder);
    snprintf(store_path, sizeof(store_path), "%s/shard-0/store", path);
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    yyjson_doc *doc = NULL;
    struct collection_config config;
    struct collection *collection = NULL;
    struct collection_options options = options_of();
    enum engine_code code = json_parse(span_of(text), &doc, NULL);
    assert(code == ENGINE_OK);
    code = config_parse(yyjson_doc_get_root(doc), &arena, &config, NULL);
    assert(code == ENGINE_OK);
    code =
        collection_create(&options, span_of("it"), &config, &collection, NULL);
    assert(code == ENGINE_OK);
    collection_discard(collection);
    yyjson_doc_free(doc);
    arena_release(&arena);
}

static void
put(struct store_batch *batch, enum store_family family, const void *key,
    size_t key_size, const void *value, size_t value_size)
{
    store_batch_put(batch, family, (struct span){ key, key_size },
                    (struct span){ value, value_size });
}

static void
put_good(struct store_batch *batch, unsigned which)
{
    static const char sequence[8] = { 9 };
    put(batch, STORE_META, "sequence", 8, sequence, 8);
    for (char i = 0; (which & 1) != 0 && i < 3; i++) {
        char slot[4] = { 0, 0, 0, i }, number[6] = { 0, 0, 0, 0, 0, i };
        char point[17] = { [0] = i };
        point[16] = (char)(i + 1);
        float row[4] = { (float)i, 1, 2, 3 };
        put(batch, STORE_POINTS, slot, 4, point, 17);
        put(batch, STORE_PAYLOADS, slot, 4, "{\"n\":7}", 7);
        put(batch, STORE_VECTORS, number, 6, row, sizeof(row));
    }
    if ((which & 2) != 0)
        put(batch, STORE_META, "index/n", 7, "\1", 1);
}

/* The input's records into the batch; sizes that do not fit end it. */
static void
put_records(struct store_batch *batch, const uint8_t *data, size_t size)
{
    for (size_t count = 0; count < RECORDS_MAX && size >= 3; count++) {
        enum store_family family =
            (enum store_family)(data[0] % STORE_FAMILY_COUNT);
        char key[KEY_SIZE_MAX];
        size_t key_size = data[1] % KEY_SIZE_MAX;
        if (size < 3 + key_size)
            return;
        memcpy(key, data + 2, key_size);
        size_t at = family == STORE_VECTORS ? 2 : 0;
        if (family != STORE_META && key_size > at)
            key[at] = 0;
        size_t value_size = data[2 + key_size];
        data += 3 + key_size;
        size -= 3 + key_size;
        struct span name = { key, key_size };
        /* The store's own version is tested where it is read. */
        if (family == STORE_META && span_equal_text(name, "format"))
            continue;
        if (value_size == DELETES) {
            store_batch_delete(batch, family, name);
            continue;
        }
        if (value_size > size)
            return;
        put(batch, family, key, key_size, data, value_size);
        data += value_size;
        size -= value_size;
    }
}

static void
fill(const uint8_t *data, size_t size)
{
    static const char last[8] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    struct store *store = NULL;
    enum engine_code code = store_open(store_path, &store, NULL);
    assert(code == ENGINE_OK);
    struct store_batch *batch = store_batch_create(store);
    for (int i = STORE_POINTS; i < STORE_FAMILY_COUNT; i++)
        store_batch_delete_range(batch, (enum store_family)i,
                                 (struct span){ "", 0 },
                                 (struct span){ last, sizeof(last) });
    store_batch_delete_range(batch, STORE_META, span_of("g"),
                             (struct span){ last, sizeof(last) });
    store_batch_delete_range(batch, STORE_META, (struct span){ "", 0 },
                             span_of("format"));
    put_good(batch, data[0]);
    put_records(batch, data + 1, size - 1);
    code = store_commit(batch, STORE_SYNC_LATER, NULL);
    assert(code == ENGINE_OK);
    store_batch_free(batch);
    store_close(store);
}

static size_t
count_all(struct collection *collection)
{
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    struct scroll_command command = {
        .limit = 1000,
        .output = { .payload = { .selection = SELECT_ALL },
                    .vectors = { .selection = SELECT_ALL } }
    };
    struct records records = { 0 };
    float query[4] = { 1, 1, 1, 1 };
    struct search_command search = { .vector = query, .dim = 4, .limit = 10 };
    struct records hits = { 0 };
    enum engine_code code =
        collection_scroll(collection, &command, &arena, &records, NULL);
    assert(code == ENGINE_OK);
    code = collection_search(collection, &search, &arena, &hits, NULL);
    assert(code == ENGINE_OK && hits.count <= records.count);
    size_t count = records.count;
    arena_release(&arena);
    return count;
}

/* A change and a restart. */
static void
use(struct collection *collection)
{
    float row[4] = { 4, 3, 2, 1 };
    struct named_vector vector = { .values = row, .dim = 4 };
    struct point point = { .id = { .number = 77777 },
                           .vectors = &vector,
                           .vectors_count = 1,
                           .payload = span_of("{\"n\":1}") };
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = &point,
                             .points_count = 1 };
    struct update_options options = { .wait = false };
    struct update_result result;
    (void)count_all(collection);
    enum engine_code code =
        collection_update(collection, &update, &options, &result, NULL);
    assert(code == ENGINE_OK);
    size_t before = count_all(collection);
    assert(before > 0);
    collection_discard(collection);
    struct collection_options again = options_of();
    code = collection_open(&again, &collection, NULL);
    assert(code == ENGINE_OK);
    size_t after = count_all(collection);
    assert(after == before);
    collection_discard(collection);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    if (runs++ % RUNS_PER_FOLDER == 0)
        make_folder();
    fill(data, size);
    struct collection_options options = options_of();
    struct collection *collection = NULL;
    struct error error = { 0 };
    enum engine_code code = collection_open(&options, &collection, &error);
    if (code == ENGINE_OK)
        use(collection);
    else
        assert(code == ENGINE_ECORRUPT && strstr(error.text, path) != NULL);
    return 0;
}
