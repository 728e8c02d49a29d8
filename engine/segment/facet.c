/* SPDX-License-Identifier: Apache-2.0
 * Counts by value, and samples. What matches is settled first, without a lock;
 * then the index is read in one look, in which it may be a change ahead. */
#include "engine/segment/facet.h"

#include "engine/filter/path.h"
#include "engine/filter/payload_facet.h"
#include "engine/segment/body.h"
#include "engine/segment/match.h"
#include "engine/segment/search.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

enum engine_code
segment_matching(struct segment_reader *reader, const struct filter *filter,
                 uint64_t deadline_ms, struct arena *arena,
                 uint64_t **ret_words, size_t *ret_words_count,
                 struct error *reterr)
{
    struct match match;
    enum engine_code code = match_make(reader, filter, arena, &match, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t count = (size_t)reader->view->slots_count / 64 + 1;
    uint64_t *words = arena_calloc(arena, count, sizeof(*words));
    code = words == NULL ? error_memory(reterr)
                         : match_candidates(&match, words, reterr);
    if (code == ENGINE_OK && match.plan.residual != NULL) {
        code = match_settle(&match, words, deadline_ms, reterr);
        if (code == ENGINE_OK)
            match_remember(&match, words);
    }
    match_release(&match);
    if (code != ENGINE_OK)
        return code;
    *ret_words = words;
    *ret_words_count = count;
    return segment_check_deadline(deadline_ms, reterr);
}

/* ---- facets ---- */

/* The best so far: a heap with the worst of them on top. */
struct best {
    struct facet_hit *hits;
    size_t count;
    size_t limit;
    struct arena *arena; /* of the strings */
};

static bool
is_better(const struct facet_hit *a, const struct facet_hit *b)
{
    if (a->count != b->count)
        return a->count > b->count;
    return match_value_compare(&a->value, &b->value) < 0;
}

static void
swap(struct facet_hit *a, struct facet_hit *b)
{
    struct facet_hit hit = *a;
    *a = *b;
    *b = hit;
}

static void
sink(struct best *best)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= best->count)
            return;
        if (child + 1 < best->count &&
            is_better(&best->hits[child], &best->hits[child + 1]))
            child++;
        if (!is_better(&best->hits[at], &best->hits[child]))
            return;
        swap(&best->hits[at], &best->hits[child]);
        at = child;
    }
}

/* The string is the index's, for the call only. */
static void
own_string(struct best *best, struct match_value *value)
{
    if (value->type != MATCH_STRING)
        return;
    value->string.data =
        arena_strndup(best->arena, value->string.data, value->string.size);
    if (value->string.data == NULL)
        value->string.size = 0;
}

static void
take_value(void *ctx, const struct match_value *value, uint64_t count)
{
    struct best *best = ctx;
    struct facet_hit hit = { *value, count };
    if (best->count == best->limit && !is_better(&hit, &best->hits[0]))
        return;
    own_string(best, &hit.value);
    if (best->count == best->limit) {
        best->hits[0] = hit;
        sink(best);
        return;
    }
    size_t at = best->count++;
    best->hits[at] = hit;
    for (; at > 0 && is_better(&best->hits[(at - 1) / 2], &best->hits[at]);
         at = (at - 1) / 2)
        swap(&best->hits[(at - 1) / 2], &best->hits[at]);
}

static int
compare_hits(const void *a, const void *b)
{
    return is_better(a, b) ? -1 : is_better(b, a);
}

/* UUIDs as answers spell them. */
static enum engine_code
own_values(struct best *best, enum payload_index_kind kind, struct arena *arena,
           struct error *reterr)
{
    for (size_t i = 0; i < best->count; i++) {
        struct match_value *value = &best->hits[i].value;
        char uuid[POINT_ID_TEXT_SIZE];
        struct point_id id;
        if (value->type != MATCH_STRING)
            return ENGINE_OK;
        if (kind == PAYLOAD_INDEX_UUID &&
            point_id_from_uuid(value->string, &id)) {
            point_id_text(&id, uuid);
            value->string = span_of(uuid);
            value->string.data =
                arena_strndup(arena, value->string.data, value->string.size);
        }
    }
    return arena_failed(arena) ? error_memory(reterr) : ENGINE_OK;
}

static const struct payload_index *
index_find(const struct segment *segment, const struct payload_path *path)
{
    for (size_t i = 0; i < segment->indexes_count; i++) {
        const struct segment_index *index = &segment->indexes[i];
        if (!index->is_broken && payload_facet_has(index->index) &&
            path_equal(payload_index_path(index->index), path))
            return index->index;
    }
    return NULL;
}

static enum engine_code
no_index(const struct payload_path *path, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "No appropriate index for faceting: `%.*s`. Please "
                     "create one to facet on this field: keyword, integer "
                     "with lookup, bool and uuid count values",
                     (int)path->text.size, path->text.data);
}

/* Under the points lock. */
static enum engine_code
count_values(const struct segment *segment, const struct payload_path *path,
             const struct facet_slots *within, struct best *best,
             struct arena *arena, struct error *reterr)
{
    const struct payload_index *index = index_find(segment, path);
    if (index == NULL)
        return no_index(path, reterr);
    enum engine_code code =
        payload_facet_each(index, within, take_value, best, reterr);
    if (code != ENGINE_OK)
        return code;
    return own_values(best, payload_index_kind(index), arena, reterr);
}

enum engine_code
segment_facets(struct segment_reader *reader, const struct segment_facet *facet,
               struct arena *arena, const struct facet_hit **ret_hits,
               size_t *ret_count, struct error *reterr)
{
    struct segment *segment = reader->segment;
    struct slot_set *set = NULL;
    struct facet_slots within = { 0 };
    struct best best = { .limit = facet->limit, .arena = arena };
    enum engine_code code = ENGINE_OK;
    best.hits = arena_calloc(arena, facet->limit, sizeof(*best.hits));
    if (best.hits == NULL)
        return error_memory(reterr);
    /* Before a filter is settled, which may take long. */
    pthread_rwlock_rdlock(&segment->points);
    bool has_index = index_find(segment, facet->path) != NULL;
    pthread_rwlock_unlock(&segment->points);
    if (!has_index)
        return no_index(facet->path, reterr);
    if (facet->filter != NULL && !filter_is_empty(facet->filter)) {
        uint64_t *words = NULL;
        code = segment_matching(reader, facet->filter, facet->deadline_ms,
                                arena, &words, &within.words_count, reterr);
        if (code != ENGINE_OK)
            return code;
        set = slot_set_new();
        if (set == NULL)
            return error_memory(reterr);
        slot_set_add_words(set, words, within.words_count);
        within.words = words;
        within.set = set;
    }
    pthread_rwlock_rdlock(&segment->points);
    code = count_values(segment, facet->path, set == NULL ? NULL : &within,
                        &best, arena, reterr);
    pthread_rwlock_unlock(&segment->points);
    slot_set_free(set);
    if (code != ENGINE_OK)
        return code;
    qsort(best.hits, best.count, sizeof(*best.hits), compare_hits);
    *ret_hits = best.hits;
    *ret_count = best.count;
    return segment_check_deadline(facet->deadline_ms, reterr);
}

/* ---- samples ---- */

/* xorshift64*, Vigna 2016; from a seed of the system's. */
struct random {
    uint64_t state;
};

static bool
random_init(struct random *random)
{
    while (getrandom(&random->state, sizeof(random->state), 0) < 0)
        if (errno != EINTR)
            return false;
    random->state |= 1;
    return true;
}

static uint64_t
random_below(struct random *random, uint64_t end)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (random->state * UINT64_C(0x2545f4914f6cdd1d) >> 11) % end;
}

/* Leaves `count` of `bits` bits (Knuth's algorithm S). */
static void
thin(uint64_t *words, size_t words_count, uint64_t bits, uint64_t count,
     struct random *random)
{
    for (size_t word = 0; word < words_count; word++)
        for (uint64_t left = words[word]; left != 0; left &= left - 1) {
            if (random_below(random, bits) < count)
                count--;
            else
                words[word] &= ~(left & -left);
            bits--;
        }
}

static int
compare_ids(const void *a, const void *b)
{
    return point_id_compare(a, b);
}

static uint64_t
keep_those_with(const struct slotview *has, uint64_t *words, size_t words_count)
{
    uint64_t bits = 0;
    for (size_t word = 0; word < words_count; word++) {
        words[word] &= slotview_word(has, (uint32_t)word);
        bits += (uint64_t)__builtin_popcountll(words[word]);
    }
    return bits;
}

enum engine_code
segment_sample(struct segment_reader *reader,
               const struct segment_sample *sample, struct arena *arena,
               const struct point_id **ret_ids, size_t *ret_count,
               struct error *reterr)
{
    uint64_t *words = NULL;
    size_t words_count = 0, count = 0;
    struct random random;
    enum engine_code code =
        segment_matching(reader, sample->filter, sample->deadline_ms, arena,
                         &words, &words_count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!random_init(&random))
        return error_set(reterr, ENGINE_EINTERNAL, "no random numbers");
    uint64_t bits = keep_those_with(reader->view->vectors[sample->number].has,
                                    words, words_count);
    if (bits > sample->count) {
        thin(words, words_count, bits, sample->count, &random);
        bits = sample->count;
    }
    struct point_id *ids = arena_calloc(arena, bits + 1, sizeof(*ids));
    if (ids == NULL)
        return error_memory(reterr);
    for (size_t word = 0; word < words_count; word++)
        for (uint64_t left = words[word]; left != 0; left &= left - 1)
            ids[count++] =
                segment_id(reader, (uint32_t)(word * 64) +
                                       (uint32_t)__builtin_ctzll(left));
    assert(count == bits);
    qsort(ids, count, sizeof(*ids), compare_ids);
    *ret_ids = ids;
    *ret_count = count;
    return ENGINE_OK;
}
