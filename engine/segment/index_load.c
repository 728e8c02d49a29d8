/* SPDX-License-Identifier: Apache-2.0
 * Payload indexes at the start: those that were there are made anew from the
 * payloads, those that were asked for are asked for again. */
#include "engine/segment/index_build.h"

#include "engine/codec/json_reader.h"
#include "engine/filter/path.h"

#include <string.h>

static enum engine_code
corrupt(const struct segment *segment, struct error *reterr)
{
    return error_set(reterr, ENGINE_ECORRUPT,
                     "%s: damaged payload index record", segment->path);
}

#define FILL_SLOTS 256

/* In slot order, as payloads lie in the store. */
static enum engine_code
fill_index(struct segment *segment, struct payload_index *index,
           struct error *reterr)
{
    struct json_reader *json = json_reader_new();
    if (json == NULL)
        return error_memory(reterr);
    uint32_t slots[FILL_SLOTS];
    enum engine_code code = ENGINE_OK;
    for (uint32_t slot = 0; code == ENGINE_OK && slot < segment->slots_count;) {
        struct index_slots some = { slots, 0 };
        for (; slot < segment->slots_count && some.count < FILL_SLOTS; slot++)
            if (ids_is_live(segment->ids, slot))
                slots[some.count++] = slot;
        code = index_build_fill(segment, index, json, &some, reterr);
    }
    json_reader_free(json);
    return code;
}

static enum engine_code
index_make(struct segment *segment, const struct index_wish *wish,
           struct payload_index **ret_index, struct error *reterr)
{
    struct payload_index *index;
    const struct payload_index_wish made = { wish->path, wish->kind, wish->note,
                                             segment->path };
    enum engine_code code = payload_index_make(&made, &index, reterr);
    if (code != ENGINE_OK)
        return code;
    payload_index_bulk(index);
    code = fill_index(segment, index, reterr);
    if (code == ENGINE_OK)
        code = payload_index_settle(index, reterr);
    if (code != ENGINE_OK) {
        payload_index_free(index);
        return code;
    }
    *ret_index = index;
    return ENGINE_OK;
}

#define PATH_ARENA_SIZE ((size_t)1 << 20)

struct index_visit {
    struct segment *segment;
    size_t prefix; /* size of what stands before the path */
    bool is_wish;
};

static enum engine_code
take_index(struct segment *segment, const struct index_wish *wish,
           struct error *reterr)
{
    struct segment_index *entry = &segment->indexes[segment->indexes_count];
    *entry = (struct segment_index){ 0 };
    bytes_init(&entry->note, STORE_VALUE_SIZE_MAX);
    bytes_add_span(&entry->note, wish->note);
    enum engine_code code = index_make(segment, wish, &entry->index, reterr);
    if (code == ENGINE_OK)
        segment->indexes_count++;
    else
        bytes_release(&entry->note);
    return code;
}

/* The background goes on with it. */
static enum engine_code
take_wish(struct segment *segment, const struct index_wish *wish,
          struct error *reterr)
{
    struct index_build *build = NULL;
    enum engine_code code = index_build_new(segment, wish, &build, reterr);
    if (code == ENGINE_OK)
        index_build_append(segment, build);
    index_build_leave(build);
    return code;
}

static enum engine_code
visit_index(void *ctx, struct span key, struct span value, struct error *reterr)
{
    const struct index_visit *visit = ctx;
    struct segment *segment = visit->segment;
    struct span field = { key.data + visit->prefix, key.size - visit->prefix };
    struct arena arena;
    struct payload_path path;
    if (value.size == 0 ||
        (unsigned char)value.data[0] > PAYLOAD_INDEX_KIND_MAX ||
        segment->indexes_count >= SEGMENT_INDEXES_MAX)
        return corrupt(segment, reterr);
    arena_init(&arena, PATH_ARENA_SIZE);
    enum engine_code code = path_parse(field, &arena, &path, reterr);
    if (code == ENGINE_EFORMAT)
        code = corrupt(segment, reterr);
    struct index_wish wish = {
        .path = &path,
        .kind = (enum payload_index_kind)(unsigned char)value.data[0],
        .note = { value.data + 1, value.size - 1 },
    };
    if (code == ENGINE_OK)
        code = visit->is_wish ? take_wish(segment, &wish, reterr)
                              : take_index(segment, &wish, reterr);
    arena_release(&arena);
    return code;
}

/* Those that were there, and those that were still asked for. */
enum engine_code
segment_load_indexes(struct segment *segment, struct error *reterr)
{
    static const char *const prefixes[] = { SEGMENT_META_INDEX,
                                            SEGMENT_META_WISH };
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < 2; i++) {
        struct index_visit visit = { segment, strlen(prefixes[i]), i == 1 };
        code = store_scan(segment->store, STORE_META, span_of(prefixes[i]),
                          visit_index, &visit, reterr);
    }
    return code;
}
