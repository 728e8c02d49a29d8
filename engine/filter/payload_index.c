/* SPDX-License-Identifier: Apache-2.0
 * What one field holds, into its index and out again. */
#include "engine/filter/payload_index_body.h"

#include "engine/filter/datetime.h"
#include "engine/filter/eval.h"
#include "engine/filter/geo_index.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>

#define PATH_ARENA_SIZE_MAX ((size_t)64 << 10)

static bool
index_prepare(struct payload_index *index)
{
    for (size_t i = 0; i < STATE_COUNT; i++) {
        index->states[i] = slot_set_new();
        if (index->states[i] == NULL)
            return false;
    }
    switch (index->kind) {
    case PAYLOAD_INDEX_TEXT:
        index->reader = token_reader_new(index->tokenizer);
        index->keywords = keyword_index_new(index->heap);
        return index->reader != NULL && index->keywords != NULL;
    case PAYLOAD_INDEX_KEYWORD:
    case PAYLOAD_INDEX_UUID:
        index->keywords = keyword_index_new(index->heap);
        return index->keywords != NULL;
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
    case PAYLOAD_INDEX_DATETIME:
    case PAYLOAD_INDEX_GEO:
        index->numbers = number_index_new(index->heap);
        return index->numbers != NULL;
    case PAYLOAD_INDEX_BOOL:
        break;
    }
    return true;
}

/* Where the parameters want the values; false: in memory. */
static bool
read_use(yyjson_val *params, enum disk_heap_use *ret_use)
{
    yyjson_val *memory = yyjson_obj_get(params, "memory");
    *ret_use = DISK_HEAP_COLD;
    if (!yyjson_is_str(memory))
        return yyjson_is_true(yyjson_obj_get(params, "on_disk"));
    if (yyjson_equals_str(memory, "cached"))
        *ret_use = DISK_HEAP_CACHED;
    return !yyjson_equals_str(memory, "pinned");
}

/* The heap and the tokenizer that the parameters describe. */
static enum engine_code
index_configure(struct payload_index *index,
                const struct payload_index_wish *wish, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    enum disk_heap_use use;
    enum engine_code code = ENGINE_OK;
    if (wish->params.size > 0)
        code = json_parse(wish->params, &doc, reterr);
    yyjson_val *params = yyjson_doc_get_root(doc);
    if (code == ENGINE_OK && index->kind == PAYLOAD_INDEX_TEXT)
        code = tokenizer_new(params, &index->tokenizer, reterr);
    if (code == ENGINE_OK && wish->folder != NULL && read_use(params, &use)) {
        index->heap = disk_heap_new(wish->folder, use);
        if (index->heap == NULL)
            code = error_memory(reterr);
    }
    yyjson_doc_free(doc);
    return code;
}

enum engine_code
payload_index_make(const struct payload_index_wish *wish,
                   struct payload_index **ret_index, struct error *reterr)
{
    struct payload_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return error_memory(reterr);
    index->kind = wish->kind;
    arena_init(&index->arena, PATH_ARENA_SIZE_MAX);
    enum engine_code code =
        path_copy(wish->path, &index->arena, &index->path, reterr);
    if (code == ENGINE_OK)
        code = index_configure(index, wish, reterr);
    if (code == ENGINE_OK && !index_prepare(index))
        code = error_memory(reterr);
    if (code != ENGINE_OK) {
        payload_index_free(index);
        return code;
    }
    *ret_index = index;
    return ENGINE_OK;
}

enum engine_code
payload_index_new(const struct payload_path *path, enum payload_index_kind kind,
                  struct span params, struct payload_index **ret_index,
                  struct error *reterr)
{
    const struct payload_index_wish wish = { path, kind, params, NULL };
    return payload_index_make(&wish, ret_index, reterr);
}

void
payload_index_free(struct payload_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < STATE_COUNT; i++)
        slot_set_free(index->states[i]);
    keyword_index_free(index->keywords);
    token_reader_free(index->reader);
    tokenizer_free(index->tokenizer);
    number_index_free(index->numbers);
    for (size_t i = 0; index->heap == NULL && i < 2; i++)
        posting_release(&index->bools[i], NULL);
    disk_heap_free(index->heap);
    arena_release(&index->arena);
    free(index);
}

void
payload_index_bulk(struct payload_index *index)
{
    if (index->numbers != NULL)
        number_index_bulk(index->numbers);
}

enum engine_code
payload_index_settle(struct payload_index *index, struct error *reterr)
{
    for (size_t i = 0; i < STATE_COUNT; i++)
        slot_set_settle(index->states[i]);
    if (index->keywords != NULL)
        keyword_index_settle(index->keywords);
    for (size_t i = 0; i < 2; i++)
        posting_settle(&index->bools[i], index->heap);
    enum engine_code code = ENGINE_OK;
    if (index->numbers != NULL)
        code = number_index_settle(index->numbers, reterr);
    disk_heap_rest(index->heap);
    return code;
}

/* ---- adding and removing ---- */

struct change {
    struct payload_index *index;
    uint32_t slot;
    uint32_t own_count; /* different OWN values so far */
    bool states[STATE_COUNT];
    enum engine_code code;
    struct error *reterr;
};

/* The entry of an element in the ordered index of these kinds; false: it has
 * none. */
static bool
entry_read(enum payload_index_kind kind, yyjson_val *element, uint32_t slot,
           struct number_entry *ret_entry)
{
    struct match_value value;
    struct geo_point point;
    int64_t us;
    switch (kind) {
    case PAYLOAD_INDEX_DATETIME:
        if (!yyjson_is_str(element) || !datetime_parse(json_span(element), &us))
            return false;
        *ret_entry = number_entry_integer(us, slot);
        return true;
    case PAYLOAD_INDEX_GEO:
        if (!geo_point_read(element, &point))
            return false;
        *ret_entry = geo_index_entry(point, slot);
        return true;
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
        break;
    case PAYLOAD_INDEX_KEYWORD:
    case PAYLOAD_INDEX_UUID:
    case PAYLOAD_INDEX_TEXT:
    case PAYLOAD_INDEX_BOOL:
        return false;
    }
    if (!yyjson_is_num(element))
        return false;
    *ret_entry = match_value_read(element, &value)
                     ? number_entry_integer(value.integer, slot)
                     : number_entry_float(yyjson_get_num(element), slot);
    return true;
}

static bool
visit_add_token(void *ctx, struct span token)
{
    struct change *change = ctx;
    bool is_new;
    change->code = keyword_index_add(change->index->keywords, token,
                                     change->slot, &is_new, change->reterr);
    return change->code == ENGINE_OK;
}

static enum engine_code
text_add(struct change *change, struct span text)
{
    struct token_reader *reader = change->index->reader;
    if (!token_reader_each(reader, text, TOKENS_STORED, visit_add_token,
                           change) &&
        change->code == ENGINE_OK)
        return error_memory(change->reterr);
    return change->code;
}

static bool
visit_remove_token(void *ctx, struct span token)
{
    const struct change *change = ctx;
    keyword_index_remove(change->index->keywords, token, change->slot);
    return true;
}

/* Puts the element where its kind belongs; *ret_is_in: it has a place there,
 * *ret_is_new: it was not there. */
static enum engine_code
element_add(struct change *change, yyjson_val *element, bool *ret_is_in,
            bool *ret_is_new)
{
    struct payload_index *index = change->index;
    struct number_entry entry;
    *ret_is_in = true;
    if (index->kind == PAYLOAD_INDEX_TEXT && yyjson_is_str(element))
        return text_add(change, json_span(element));
    if (index->keywords != NULL && yyjson_is_str(element))
        return keyword_index_add(index->keywords, json_span(element),
                                 change->slot, ret_is_new, change->reterr);
    if (index->kind == PAYLOAD_INDEX_BOOL && yyjson_is_bool(element))
        return posting_add(&index->bools[yyjson_get_bool(element)], index->heap,
                           change->slot, ret_is_new, change->reterr);
    *ret_is_in = entry_read(index->kind, element, change->slot, &entry);
    return *ret_is_in ? number_index_add(index->numbers, entry, ret_is_new,
                                         change->reterr)
                      : ENGINE_OK;
}

/* Whether payload_index_points() counts an element that is in the index. */
static bool
is_counted(enum payload_index_kind kind, yyjson_val *element, bool is_own)
{
    struct point_id unused;
    if (kind == PAYLOAD_INDEX_UUID)
        return point_id_from_uuid(json_span(element), &unused);
    return is_own || kind != PAYLOAD_INDEX_INTEGER;
}

static bool
visit_add(void *ctx, yyjson_val *element)
{
    struct change *change = ctx;
    const struct payload_index *index = change->index;
    struct match_value value;
    bool is_in = false, is_new = false;
    if (yyjson_is_null(element))
        return true;
    bool is_own = match_value_read(element, &value) &&
                  payload_index_owns(index, value.type);
    change->states[is_own ? STATE_OWN : STATE_OTHER] = true;
    change->code = element_add(change, element, &is_in, &is_new);
    if (change->code != ENGINE_OK)
        return false;
    if (is_in && is_counted(index->kind, element, is_own))
        change->states[STATE_PRESENT] = true;
    if (is_own && is_new && ++change->own_count > 1)
        change->states[STATE_MULTI] = true;
    return true;
}

static bool
visit_state(void *ctx, yyjson_val *value)
{
    struct change *change = ctx;
    bool *states = change->states;
    if (yyjson_is_null(value)) {
        states[STATE_NULL_WHOLE] = states[STATE_NULL_ANY] = true;
        return true;
    }
    if (!yyjson_is_arr(value)) {
        states[STATE_FILLED] = true;
        return true;
    }
    size_t i, count;
    yyjson_val *element;
    yyjson_arr_foreach(value, i, count, element)
    {
        states[STATE_FILLED] = true;
        if (yyjson_is_null(element))
            states[STATE_NULL_ANY] = true;
    }
    return true;
}

enum engine_code
payload_index_add(struct payload_index *index, uint32_t slot,
                  yyjson_val *payload, struct error *reterr)
{
    struct change change = { .index = index, .slot = slot, .reterr = reterr };
    path_walk(&index->path, payload, visit_state, &change);
    path_walk_elements(&index->path, payload, visit_add, &change);
    if (change.code != ENGINE_OK) {
        payload_index_remove(index, slot, payload);
        return change.code;
    }
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (change.states[i])
            slot_set_add(index->states[i], slot);
    return ENGINE_OK;
}

static bool
visit_remove(void *ctx, yyjson_val *element)
{
    const struct change *change = ctx;
    struct payload_index *index = change->index;
    struct number_entry entry;
    if (index->kind == PAYLOAD_INDEX_TEXT && yyjson_is_str(element))
        (void)token_reader_each(index->reader, json_span(element),
                                TOKENS_STORED, visit_remove_token, ctx);
    else if (index->keywords != NULL && yyjson_is_str(element))
        keyword_index_remove(index->keywords, json_span(element), change->slot);
    else if (index->kind == PAYLOAD_INDEX_BOOL && yyjson_is_bool(element))
        posting_remove(&index->bools[yyjson_get_bool(element)], index->heap,
                       change->slot);
    else if (entry_read(index->kind, element, change->slot, &entry))
        number_index_remove(index->numbers, entry);
    return true;
}

void
payload_index_remove(struct payload_index *index, uint32_t slot,
                     yyjson_val *payload)
{
    struct change change = { .index = index, .slot = slot };
    path_walk_elements(&index->path, payload, visit_remove, &change);
    for (size_t i = 0; i < STATE_COUNT; i++)
        slot_set_remove(index->states[i], slot);
}

/* ---- reports ---- */

struct tokenizer *
payload_index_tokenizer(const struct payload_index *index)
{
    return index->tokenizer;
}

const struct payload_path *
payload_index_path(const struct payload_index *index)
{
    return &index->path;
}

enum payload_index_kind
payload_index_kind(const struct payload_index *index)
{
    return index->kind;
}

uint64_t
payload_index_points(const struct payload_index *index)
{
    return slot_set_count(index->states[STATE_PRESENT]);
}

size_t
payload_index_memory(const struct payload_index *index)
{
    size_t size = sizeof(*index) + index->arena.used_size;
    for (size_t i = 0; i < STATE_COUNT; i++)
        size += slot_set_memory(index->states[i]);
    if (index->keywords != NULL)
        size += keyword_index_memory(index->keywords);
    if (index->numbers != NULL)
        size += number_index_memory(index->numbers);
    for (size_t i = 0; index->heap == NULL && i < 2; i++)
        size += posting_memory(&index->bools[i]);
    return size;
}

struct disk_heap_sizes
payload_index_disk(const struct payload_index *index)
{
    return disk_heap_sizes(index->heap);
}
