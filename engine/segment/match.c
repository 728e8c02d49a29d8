/* SPDX-License-Identifier: Apache-2.0
 * A filter at work: the plan, and its candidates. Invariant: the plan's slots are among those of the reader's view,
 * since both are taken under one hold of the points lock. */
#include "engine/segment/match.h"

#include "engine/filter/eval.h"
#include "engine/filter/filter_key.h"
#include "engine/filter/path.h"
#include "engine/filter/payload_keys.h"
#include "engine/segment/body.h"

#include <assert.h>

#define CANDIDATE_SLOTS 256

static bool
slot_of(void *ctx, const struct point_id *id, uint32_t *ret_slot)
{
    const struct segment *segment = ctx;
    uint32_t slot = ids_find(segment->ids, id);
    if (slot == IDS_NO_SLOT)
        return false;
    *ret_slot = slot;
    return true;
}

/* Runs of those that do not lack it. */
static void
with_vector(void *ctx, struct span name, struct slot_set *set)
{
    const struct segment *segment = ctx;
    size_t number = segment_number_of(segment, name);
    if (number == SIZE_MAX)
        return;
    const struct vectors *vectors = segment->vectors[number];
    uint32_t end = atomic_load(&vectors->end_slot), begin = end;
    for (uint32_t slot = 0; slot < end;) {
        uint32_t left = 64 - slot % 64;
        uint64_t lacking =
            slotset_word(&vectors->absent, slot / 64) >> (slot % 64);
        bool is_lacking = (lacking & 1) != 0;
        uint64_t other = is_lacking ? ~lacking : lacking;
        uint32_t run = other == 0 ? left : (uint32_t)__builtin_ctzll(other);
        if (is_lacking && begin < slot)
            slot_set_add_range(set, begin, slot - 1);
        if (is_lacking)
            begin = end;
        else if (begin == end)
            begin = slot;
        slot += run < left ? run : left;
    }
    if (begin < end)
        slot_set_add_range(set, begin, end - 1);
}

static enum engine_code
plan_make(const struct segment *segment, const struct filter *filter,
          struct arena *arena, struct filter_plan *ret_plan,
          struct error *reterr)
{
    struct payload_index **indexes =
        arena_calloc(arena, segment->indexes_count + 1, sizeof(*indexes));
    if (indexes == NULL)
        return error_memory(reterr);
    size_t count = 0;
    for (size_t i = 0; i < segment->indexes_count; i++)
        if (!segment->indexes[i].is_broken)
            indexes[count++] = segment->indexes[i].index;
    union {
        const struct segment *in;
        void *out;
    } ctx = { .in = segment };
    struct plan_sources sources = { .indexes = indexes,
                                    .indexes_count = count,
                                    .live = ids_live(segment->ids),
                                    .slot_of = slot_of,
                                    .slot_of_ctx = ctx.out,
                                    .with_vector = with_vector };
    return filter_plan_make(filter, &sources, arena, ret_plan, reterr);
}

/* The index may go while the match stands: path and tokenizer stay. */
static enum engine_code
open_text(struct match *match, const struct payload_index *index,
          struct arena *arena, struct error *reterr)
{
    struct payload_path *path = arena_calloc(arena, 1, sizeof(*path));
    if (path == NULL)
        return error_memory(reterr);
    enum engine_code code =
        path_copy(payload_index_path(index), arena, path, reterr);
    if (code != ENGINE_OK)
        return code;
    struct text_field *field =
        text_field_new(path, payload_index_tokenizer(index));
    if (field == NULL)
        return error_memory(reterr);
    match->texts[match->texts_count++] = field;
    return ENGINE_OK;
}

static enum engine_code
open_texts(struct match *match, struct arena *arena, struct error *reterr)
{
    const struct segment *segment = match->reader->segment;
    match->texts =
        arena_calloc(arena, segment->indexes_count + 1, sizeof(*match->texts));
    if (match->texts == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < segment->indexes_count; i++) {
        const struct payload_index *index = segment->indexes[i].index;
        if (payload_index_kind(index) != PAYLOAD_INDEX_TEXT)
            continue;
        enum engine_code code = open_text(match, index, arena, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

/* The filter as a key, in the arena; without one nothing is remembered. */
static struct span
make_key(const struct filter *filter, struct arena *arena)
{
    struct span key = { NULL, 0 };
    struct bytes bytes;
    bytes_init(&bytes, FILTER_KEY_SIZE_MAX);
    if (filter_key(filter, &bytes))
        key.data = arena_strndup(arena, bytes.data, bytes.size);
    if (key.data != NULL)
        key.size = bytes.size;
    bytes_release(&bytes);
    return key;
}

static bool
find_cached(struct match *match)
{
    if (match->key.size == 0)
        return false;
    struct filter_cache *cache = &match->reader->segment->filters;
    match->passing = filter_cache_find(cache, match->key, match->version);
    if (match->passing == NULL)
        return false;
    uint64_t count = match->passing->count;
    match->plan.estimate = (struct filter_estimate){ count, count, count };
    match->is_cached = true;
    return true;
}

enum engine_code
match_make_locked(struct segment_reader *reader, const struct filter *filter,
                  struct arena *arena, struct match *ret_match,
                  struct error *reterr)
{
    struct match match = { .reader = reader, .tests_left = UINT64_MAX };
    if (filter == NULL || filter_is_empty(filter)) {
        uint64_t count = reader->view->live->count;
        match.plan.estimate = (struct filter_estimate){ count, count, count };
        *ret_match = match;
        return ENGINE_OK;
    }
    match.filter = filter;
    match.version = atomic_load(&reader->segment->version);
    match.key = make_key(filter, arena);
    if (arena_failed(arena))
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    if (!find_cached(&match))
        code = plan_make(reader->segment, filter, arena, &match.plan, reterr);
    /* Also of what is cached: newer points are tested. */
    if (code == ENGINE_OK && filter_reads_payload(filter)) {
        size_t keys_count = payload_keys(filter, match.keys, MATCH_KEYS_MAX);
        match.keys_count = keys_count == SIZE_MAX ? 0 : keys_count;
        match.json = json_reader_new();
        code = match.json == NULL ? error_memory(reterr)
                                  : open_texts(&match, arena, reterr);
    }
    if (code != ENGINE_OK) {
        match_release(&match);
        return code;
    }
    *ret_match = match;
    return ENGINE_OK;
}

enum engine_code
match_make(struct segment_reader *reader, const struct filter *filter,
           struct arena *arena, struct match *ret_match, struct error *reterr)
{
    struct segment *segment = reader->segment;
    if (filter == NULL || filter_is_empty(filter))
        return match_make_locked(reader, NULL, arena, ret_match, reterr);
    pthread_rwlock_rdlock(&segment->points);
    reader->view = segment_view_now(segment);
    enum engine_code code =
        match_make_locked(reader, filter, arena, ret_match, reterr);
    pthread_rwlock_unlock(&segment->points);
    return code;
}

void
match_release(struct match *match)
{
    filter_plan_release(&match->plan);
    passing_release(match->passing);
    match->passing = NULL;
    json_reader_free(match->json);
    match->json = NULL;
    for (size_t i = 0; i < match->texts_count; i++)
        text_field_free(match->texts[i]);
    match->texts_count = 0;
}

/* Everything is a candidate. */
static void
drop_candidates(struct match *match)
{
    passing_release(match->passing);
    match->passing = NULL;
    filter_plan_release(&match->plan);
}

bool
match_recall(struct segment_reader *reader, const struct filter *filter,
             struct match *ret_match)
{
    struct bytes key;
    struct segment *segment = reader->segment;
    struct passing *passing = NULL;
    assert(filter != NULL);
    bytes_init(&key, FILTER_KEY_SIZE_MAX);
    if (filter_key(filter, &key))
        passing = filter_cache_peek(&segment->filters, bytes_span(&key),
                                    atomic_load(&segment->version));
    bytes_release(&key);
    if (passing == NULL)
        return false;
    uint64_t count = passing->count;
    *ret_match = (struct match){ .reader = reader,
                                 .filter = filter,
                                 .plan.estimate = { count, count, count },
                                 .passing = passing,
                                 .is_cached = true };
    if (count == reader->view->live->count)
        drop_candidates(ret_match);
    return true;
}

bool
match_takes_all(const struct match *match)
{
    return match->plan.slots == NULL && match->passing == NULL;
}

bool
match_is_all(const struct match *match)
{
    return match_takes_all(match) && match->plan.residual == NULL;
}

enum engine_code
match_want_passing(struct match *match, struct error *reterr)
{
    if (match->passing == NULL && match->plan.slots != NULL) {
        match->passing =
            passing_of_set(match->plan.slots, match->reader->view->slots_count);
        if (match->passing == NULL)
            return error_memory(reterr);
        if (match->plan.residual == NULL && match->key.size > 0)
            filter_cache_put(&match->reader->segment->filters, match->key,
                             match->version, match->passing);
    }
    if (match->passing != NULL &&
        match->passing->count == match->reader->view->live->count)
        drop_candidates(match);
    return ENGINE_OK;
}

uint64_t
match_spend(struct match *match, uint64_t tests)
{
    return match->key.size == 0
               ? 0
               : filter_cache_spend(&match->reader->segment->filters,
                                    match->key, match->version, tests);
}

void
match_spend_anew(struct match *match)
{
    if (match->key.size > 0)
        filter_cache_spend_anew(&match->reader->segment->filters, match->key);
}

void
match_remember(struct match *match, const uint64_t *words)
{
    if (match->key.size == 0 || match->failure.code != ENGINE_OK)
        return;
    struct passing *passing =
        passing_of_words(words, match->reader->view->slots_count);
    if (passing == NULL)
        return;
    filter_cache_put(&match->reader->segment->filters, match->key,
                     match->version, passing);
    passing_release(passing);
}

uint64_t
match_candidates_count(const struct match *match)
{
    if (match->passing != NULL)
        return match->passing->count;
    return match->plan.slots != NULL ? slot_set_count(match->plan.slots)
                                     : match->reader->view->live->count;
}

bool
match_is_candidate(const struct match *match, uint32_t slot)
{
    if (match->passing != NULL)
        return passing_has(match->passing, slot);
    return match->plan.slots != NULL
               ? slot_set_contains(match->plan.slots, slot)
               : slotview_has(match->reader->view->live, slot);
}

enum engine_code
match_cursor_open(const struct match *match, struct match_cursor *ret_cursor,
                  struct error *reterr)
{
    struct match_cursor cursor = { .match = match };
    if (match->plan.slots != NULL) {
        cursor.planned = slot_cursor_new(match->plan.slots);
        if (cursor.planned == NULL)
            return error_memory(reterr);
    }
    *ret_cursor = cursor;
    return ENGINE_OK;
}

void
match_cursor_close(struct match_cursor *cursor)
{
    slot_cursor_free(cursor->planned);
    cursor->planned = NULL;
}

size_t
match_cursor_next(struct match_cursor *cursor, uint32_t *slots, size_t count)
{
    assert(count >= 64);
    if (cursor->planned != NULL)
        return slot_cursor_next(cursor->planned, slots, count);
    const struct segment_view *view = cursor->match->reader->view;
    const struct passing *passing = cursor->match->passing;
    size_t done = 0;
    if (passing != NULL && passing->list != NULL) {
        for (; done < count && cursor->next_place < passing->count; done++)
            slots[done] = passing->list[cursor->next_place++];
        return done;
    }
    while (done + 64 <= count &&
           (uint64_t)cursor->next_word * 64 < view->slots_count) {
        uint32_t begin = cursor->next_word * 64;
        uint32_t at = cursor->next_word++;
        uint64_t word = passing != NULL ? passing_word(passing, at)
                                        : slotview_word(view->live, at);
        for (; word != 0; word &= word - 1)
            slots[done++] = begin + (uint32_t)__builtin_ctzll(word);
    }
    return done;
}

enum engine_code
match_candidates(const struct match *match, uint64_t *words,
                 struct error *reterr)
{
    struct match_cursor cursor;
    uint32_t slots[CANDIDATE_SLOTS];
    size_t count;
    enum engine_code code = match_cursor_open(match, &cursor, reterr);
    if (code != ENGINE_OK)
        return code;
    while ((count = match_cursor_next(&cursor, slots, CANDIDATE_SLOTS)) > 0)
        for (size_t i = 0; i < count; i++)
            words[slots[i] / 64] |= UINT64_C(1) << (slots[i] % 64);
    match_cursor_close(&cursor);
    return ENGINE_OK;
}
