/* SPDX-License-Identifier: Apache-2.0
 * A collection for the commands that write. */
#include "bench/shelf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/filter/path.h"

#define NAME       "bench"
#define ARENA_SIZE ((size_t)256 << 20)
#define BODY_SIZE  1024u
#define TIE        1e-5f

static bool
check(enum engine_code code, const struct error *error)
{
    if (code == ENGINE_OK)
        return true;
    fprintf(stderr, "azimuth-bench: %s: %s\n", error_name(code), error->text);
    return false;
}

static bool
open_registry(struct shelf *shelf, const char *folder)
{
    struct error error = { .code = ENGINE_OK };
    struct registry_options options = { .storage_path = folder,
                                        .checkpoint_interval_ms = 60000 };
    return check(registry_open(&options, &shelf->registry, &error), &error);
}

static bool
acquire(struct shelf *shelf)
{
    struct error error = { .code = ENGINE_OK };
    return check(registry_acquire(shelf->registry, span_of(NAME),
                                  &shelf->collection, &error),
                 &error);
}

bool
shelf_create(struct shelf *shelf, const struct shelf_config *config, size_t dim)
{
    char body[BODY_SIZE];
    struct error error = { .code = ENGINE_OK };
    struct arena arena;
    struct collection_config parsed;
    yyjson_doc *doc = NULL;
    *shelf = (struct shelf){ .dim = dim };
    snprintf(body, sizeof(body),
             "{\"vectors\": {\"size\": %zu, \"distance\": \"Cosine\", "
             "\"datatype\": \"%s\"%s}, "
             "\"hnsw_config\": {\"m\": %u, \"ef_construct\": %u}%s%s}",
             dim, config->datatype,
             config->is_multi
                 ? ", \"multivector_config\": {\"comparator\": \"max_sim\"}"
                 : "",
             config->m, config->ef_construct,
             config->more[0] != '\0' ? ", " : "", config->more);
    arena_init(&arena, ARENA_SIZE);
    enum engine_code code = json_parse(span_of(body), &doc, &error);
    if (code == ENGINE_OK)
        code = config_parse(yyjson_doc_get_root(doc), &arena, &parsed, &error);
    bool is_made =
        check(code, &error) && open_registry(shelf, config->folder) &&
        check(registry_create(shelf->registry, span_of(NAME), &parsed, &error),
              &error) &&
        acquire(shelf);
    yyjson_doc_free(doc);
    arena_release(&arena);
    if (!is_made)
        shelf_close(shelf);
    return is_made;
}

bool
shelf_patch(struct shelf *shelf, const char *body)
{
    struct error error = { .code = ENGINE_OK };
    yyjson_doc *doc = NULL;
    enum engine_code code = json_parse(span_of(body), &doc, &error);
    if (code == ENGINE_OK)
        code = registry_patch(shelf->registry, span_of(NAME),
                              yyjson_doc_get_root(doc), &error);
    yyjson_doc_free(doc);
    return check(code, &error) && shelf_wait_green(shelf);
}

bool
shelf_open(struct shelf *shelf, const char *folder, size_t dim)
{
    *shelf = (struct shelf){ .dim = dim };
    if (open_registry(shelf, folder) && acquire(shelf))
        return true;
    shelf_close(shelf);
    return false;
}

void
shelf_close(struct shelf *shelf)
{
    if (shelf->collection != NULL)
        registry_release(shelf->registry, shelf->collection);
    registry_close(shelf->registry);
    *shelf = (struct shelf){ .registry = NULL };
}

static bool
update(struct shelf *shelf, const struct update *update)
{
    struct error error = { .code = ENGINE_OK };
    struct update_options options = { .wait = true };
    struct update_result result;
    return check(
        collection_update(shelf->collection, update, &options, &result, &error),
        &error);
}

bool
shelf_put(struct shelf *shelf, const uint64_t *ids, const float *const *rows,
          size_t count, const char *const *payloads)
{
    struct named_vector *vectors = calloc(count, sizeof(*vectors));
    for (size_t i = 0; vectors != NULL && i < count; i++)
        vectors[i] = (struct named_vector){ .name = span_of(""),
                                            .values = rows[i],
                                            .dim = shelf->dim };
    bool is_done = vectors != NULL &&
                   shelf_put_vectors(shelf, ids, vectors, count, payloads);
    free(vectors);
    return is_done;
}

bool
shelf_put_vectors(struct shelf *shelf, const uint64_t *ids,
                  const struct named_vector *vectors, size_t count,
                  const char *const *payloads)
{
    assert(count > 0);
    struct point *points = calloc(count, sizeof(*points));
    bool is_done = points != NULL;
    for (size_t i = 0; is_done && i < count; i++) {
        points[i] =
            (struct point){ .id = { .number = ids[i] },
                            .vectors = &vectors[i],
                            .vectors_count = 1,
                            .payload = span_of(payloads ? payloads[i] : "") };
    }
    struct update upsert = { .kind = UPDATE_UPSERT,
                             .points = points,
                             .points_count = count };
    is_done = is_done && update(shelf, &upsert);
    free(points);
    return is_done;
}

static bool
change_index(struct shelf *shelf, const char *field, struct update *change)
{
    struct error error = { .code = ENGINE_OK };
    struct arena arena;
    struct payload_path path;
    arena_init(&arena, ARENA_SIZE);
    change->key = &path;
    bool is_done =
        check(path_parse(span_of(field), &arena, &path, &error), &error) &&
        update(shelf, change);
    arena_release(&arena);
    return is_done;
}

bool
shelf_index(struct shelf *shelf, const char *field, const char *type)
{
    static const char *const types[] = {
        [PAYLOAD_SCHEMA_KEYWORD] = "keyword",
        [PAYLOAD_SCHEMA_INTEGER] = "integer",
        [PAYLOAD_SCHEMA_FLOAT] = "float",
        [PAYLOAD_SCHEMA_BOOL] = "bool",
        [PAYLOAD_SCHEMA_DATETIME] = "datetime",
        [PAYLOAD_SCHEMA_UUID] = "uuid",
        [PAYLOAD_SCHEMA_GEO] = "geo",
        [PAYLOAD_SCHEMA_TEXT] = "text",
    };
    static const char cold[] = "{\"memory\":\"cold\"}";
    struct update create = { .kind = UPDATE_CREATE_INDEX };
    const char *place = strchr(type, ' ');
    size_t size = place == NULL ? strlen(type) : (size_t)(place - type);
    if (place != NULL && strcmp(place, " cold") == 0)
        create.schema_json = (struct span){ cold, sizeof(cold) - 1 };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (span_equal_text((struct span){ type, size }, types[i])) {
            create.schema = (enum payload_schema)i;
            return change_index(shelf, field, &create);
        }
    }
    fprintf(stderr, "azimuth-bench: no such type: %s\n", type);
    return false;
}

bool
shelf_drop_index(struct shelf *shelf, const char *field)
{
    struct update drop = { .kind = UPDATE_DELETE_INDEX };
    return change_index(shelf, field, &drop);
}

bool
shelf_delete(struct shelf *shelf, const uint64_t *ids, size_t count)
{
    assert(count > 0);
    struct point_id *points = calloc(count, sizeof(*points));
    for (size_t i = 0; points != NULL && i < count; i++)
        points[i].number = ids[i];
    struct update update_ids = {
        .kind = UPDATE_DELETE, .selector = { .ids = points, .ids_count = count }
    };
    bool is_done = points != NULL && update(shelf, &update_ids);
    free(points);
    return is_done;
}

bool
shelf_wait_green(struct shelf *shelf)
{
    for (;;) {
        struct error error = { .code = ENGINE_OK };
        struct arena arena;
        struct collection_info info = { .status = COLLECTION_YELLOW };
        arena_init(&arena, ARENA_SIZE);
        bool is_read = check(
            collection_info(shelf->collection, &arena, &info, &error), &error);
        arena_release(&arena);
        if (!is_read || info.status == COLLECTION_RED) {
            fputs("azimuth-bench: the collection is red\n", stderr);
            return false;
        }
        if (info.status == COLLECTION_GREEN)
            return true;
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
}

bool
shelf_search(struct shelf *shelf, const float *query,
             const struct shelf_walk *walk, struct shelf_hit *ret_hits,
             uint32_t *ret_count)
{
    struct named_vector vector = { .values = query, .dim = shelf->dim };
    return shelf_search_vector(shelf, &vector, walk, ret_hits, ret_count);
}

bool
shelf_search_vector(struct shelf *shelf, const struct named_vector *query,
                    const struct shelf_walk *walk, struct shelf_hit *ret_hits,
                    uint32_t *ret_count)
{
    assert(walk->k > 0 && walk->k <= SHELF_K_MAX);
    struct error error = { .code = ENGINE_OK };
    struct arena arena;
    struct records records = { .count = 0 };
    struct search_command command = {
        .using = span_of(""),
        .vector = query->values,
        .dim = query->dim,
        .kind = query->kind,
        .indices = query->indices,
        .rows = query->rows,
        .filter = walk->filter,
        .params = { .hnsw_ef = walk->ef == SHELF_EF_DEFAULT ? 0 : walk->ef,
                    .is_exact = walk->ef == 0 },
        .limit = walk->k,
        .output.payload.selection =
            walk->has_payload ? SELECT_ALL : SELECT_NONE,
    };
    arena_init(&arena, ARENA_SIZE);
    bool is_found = check(collection_search(shelf->collection, &command, &arena,
                                            &records, &error),
                          &error);
    for (size_t i = 0; is_found && i < records.count; i++)
        ret_hits[i] = (struct shelf_hit){ records.items[i].id.number,
                                          records.items[i].score };
    if (is_found)
        *ret_count = (uint32_t)records.count;
    arena_release(&arena);
    return is_found;
}

bool
shelf_recall(struct shelf *shelf, const float *queries, size_t count,
             const struct shelf_walk *walk, double *ret_recall)
{
    struct shelf_hit exact[SHELF_K_MAX], hits[SHELF_K_MAX];
    struct shelf_walk all = { .k = walk->k, .ef = 0 };
    size_t good = 0, whole = 0;
    for (size_t q = 0; q < count; q++) {
        const float *query = queries + q * shelf->dim;
        uint32_t exact_count = 0, hit_count = 0;
        if (!shelf_search(shelf, query, &all, exact, &exact_count) ||
            !shelf_search(shelf, query, walk, hits, &hit_count))
            return false;
        float worst = exact_count > 0 ? exact[exact_count - 1].score : 0;
        for (uint32_t i = 0; i < hit_count; i++)
            good += hits[i].score >= worst - TIE;
        whole += exact_count;
    }
    *ret_recall = whole > 0 ? (double)good / (double)whole : 1;
    return true;
}

uint64_t
shelf_resident(void)
{
    uint64_t pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
