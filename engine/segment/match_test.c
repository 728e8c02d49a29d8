/* SPDX-License-Identifier: Apache-2.0
 * The test of what no index could answer, on the stored payloads: of single
 * slots, of several, and of all candidates, shared with idle threads. */
#include "engine/segment/match.h"

#include "engine/codec/json_pick.h"
#include "engine/filter/eval.h"
#include "engine/index/crew.h"
#include "engine/segment/body.h"
#include "engine/segment/search.h"

#include <assert.h>
#include <stdlib.h>

/* Words of 64 slots that a thread takes at once. */
#define PART_WORDS 16u
#define PART_SLOTS (PART_WORDS * 64)
/* A thread more for so many parts, at most. */
#define PARTS_PER_HELPER 8

struct testing {
    struct match *match;
    const struct filter *filter;
    uint32_t *slots;
    size_t kept;
};

/* The slot of one test, for has_vector. */
struct place {
    const struct segment_reader *reader;
    uint32_t slot;
};

static bool
place_has_vector(void *ctx, struct span name)
{
    const struct place *place = ctx;
    const struct segment_reader *reader = place->reader;
    size_t number = segment_vector_number(reader, name);
    if (number == SIZE_MAX)
        return false;
    return segment_has_vector(reader, number, place->slot);
}

/* What of the payload the filter may read. */
static yyjson_val *
read_payload(const struct match *match, struct span text)
{
    char buffer[MATCH_PICK_SIZE];
    struct span picked;
    if (match->json == NULL || text.size == 0)
        return NULL;
    if (match->keys_count > 0 && json_pick(text, match->keys, match->keys_count,
                                           buffer, sizeof(buffer), &picked))
        text = picked;
    return json_reader_root(match->json, text);
}

/* Keeps the slot when it matches; slots before were read already. */
static void
test_one(void *ctx, size_t position, struct span text)
{
    struct testing *testing = ctx;
    struct match *match = testing->match;
    uint32_t slot = testing->slots[position];
    struct point_id id = segment_id(match->reader, slot);
    yyjson_val *payload = read_payload(match, text);
    struct place place = { match->reader, slot };
    struct subject subject = { &id,    payload,      place_has_vector,
                               &place, match->texts, match->texts_count };
    if (filter_matches(testing->filter, &subject))
        testing->slots[testing->kept++] = slot;
}

static size_t
keep(struct match *match, const struct filter *filter, uint32_t *slots,
     size_t count)
{
    struct testing testing = { match, filter, slots, 0 };
    if (match->failure.code != ENGINE_OK)
        return 0;
    if (match->json == NULL) {
        for (size_t i = 0; i < count; i++)
            test_one(&testing, i, (struct span){ NULL, 0 });
        return testing.kept;
    }
    /* The slots that are kept are written over those that were read: the keys
     * of a block of them are made before. */
    enum engine_code code =
        payloads_read(&match->reader->segment->payloads, slots, count, test_one,
                      &testing, &match->failure);
    assert(code == match->failure.code);
    return code == ENGINE_OK ? testing.kept : 0;
}

bool
match_reads_disk(const struct match *match)
{
    return match->plan.residual != NULL && match->json != NULL &&
           atomic_load(&match->reader->segment->payloads.is_on_disk);
}

/* One by one, a test of a payload on disk costs about 4 times as much as in the
 * order of slots: by then an eighth of what settling costs was spent. */
#define TESTS_SHARE 32
#define TESTS_MIN   64

void
match_limit_tests(struct match *match)
{
    uint64_t count = match_candidates_count(match) / TESTS_SHARE;
    match->tests_left = count < TESTS_MIN ? TESTS_MIN : count;
}

bool
match_residual(struct match *match, uint32_t slot)
{
    if (match->plan.residual == NULL)
        return true;
    match->is_spent = match->is_spent || match->tests_left == 0;
    if (match->is_spent)
        return false;
    match->tests_left--;
    return keep(match, match->plan.residual, &slot, 1) == 1;
}

size_t
match_residuals(struct match *match, uint32_t *slots, size_t count)
{
    return match->plan.residual == NULL
               ? count
               : keep(match, match->plan.residual, slots, count);
}

static bool
passes(struct match *match, uint32_t slot)
{
    if (match->filter == NULL)
        return true;
    if (!slotview_has(match->reader->view->live, slot))
        return keep(match, match->filter, &slot, 1) == 1;
    return match_is_candidate(match, slot) && match_residual(match, slot);
}

size_t
match_passing(struct match *match, uint32_t *slots, size_t count)
{
    bool is_plain = match->filter != NULL;
    for (size_t i = 0; i < count; i++)
        is_plain =
            is_plain && slotview_has(match->reader->view->live, slots[i]);
    size_t kept = 0;
    if (is_plain) {
        for (size_t i = 0; i < count; i++)
            if (match_is_candidate(match, slots[i]))
                slots[kept++] = slots[i];
        return match_residuals(match, slots, kept);
    }
    for (size_t i = 0; i < count; i++)
        if (passes(match, slots[i]))
            slots[kept++] = slots[i];
    return kept;
}

enum engine_code
match_check(const struct match *match, struct error *reterr)
{
    for (size_t i = 0; i < match->texts_count; i++)
        if (text_field_failed(match->texts[i]))
            return error_memory(reterr);
    if (match->failure.code == ENGINE_OK)
        return ENGINE_OK;
    return error_set(reterr, match->failure.code, "%s", match->failure.text);
}

/* ---- all candidates ---- */

/* Threads take part after part; `lock` guards what went wrong. */
struct settling {
    const struct match *match;
    uint64_t *words;
    uint32_t parts_count;
    uint64_t deadline_ms;
    _Atomic uint32_t next_part;
    atomic_bool is_over;
    pthread_mutex_t lock;
    enum engine_code code;
    struct error error;
};

static void
settling_fail(struct settling *settling, enum engine_code code,
              const struct error *error)
{
    atomic_store(&settling->is_over, true);
    pthread_mutex_lock(&settling->lock);
    if (settling->code == ENGINE_OK)
        settling->code = error_set(&settling->error, code, "%s", error->text);
    pthread_mutex_unlock(&settling->lock);
}

/* What one thread needs for itself. */
static void
tester_close(struct match *tester)
{
    json_reader_free(tester->json);
    for (size_t i = 0; i < tester->texts_count; i++)
        text_field_free(tester->texts[i]);
    free(tester->texts);
}

static enum engine_code
tester_open(const struct match *match, struct match *ret_tester,
            struct error *reterr)
{
    struct match tester = *match;
    bool reads = match->json != NULL;
    tester.failure.code = ENGINE_OK;
    tester.json = reads ? json_reader_new() : NULL;
    tester.texts = calloc(match->texts_count + 1, sizeof(struct text_field *));
    tester.texts_count = 0;
    bool is_whole = tester.texts != NULL && (tester.json != NULL || !reads);
    for (size_t i = 0; is_whole && i < match->texts_count; i++) {
        tester.texts[i] = text_field_again(match->texts[i]);
        is_whole = tester.texts[i] != NULL;
        tester.texts_count += is_whole;
    }
    if (!is_whole) {
        tester_close(&tester);
        return error_memory(reterr);
    }
    *ret_tester = tester;
    return ENGINE_OK;
}

static void
settle_part(const struct settling *settling, struct match *tester,
            uint32_t part)
{
    uint32_t slots[PART_SLOTS];
    uint32_t begin = part * PART_WORDS;
    uint32_t slots_count = settling->match->reader->view->slots_count;
    uint32_t end = slots_count / 64 + 1;
    size_t count = 0;
    if (end > begin + PART_WORDS)
        end = begin + PART_WORDS;
    for (uint32_t word = begin; word < end; word++) {
        uint64_t bits = settling->words[word];
        settling->words[word] = 0;
        for (; bits != 0; bits &= bits - 1)
            slots[count++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
    }
    count = match_residuals(tester, slots, count);
    for (size_t i = 0; i < count; i++)
        settling->words[slots[i] / 64] |= UINT64_C(1) << (slots[i] % 64);
}

static void
settle_at(void *arg)
{
    struct settling *settling = arg;
    struct match tester;
    struct error error = { 0 };
    uint32_t part;
    enum engine_code code = tester_open(settling->match, &tester, &error);
    if (code != ENGINE_OK) {
        settling_fail(settling, code, &error);
        return;
    }
    while (code == ENGINE_OK && !atomic_load(&settling->is_over) &&
           (part = atomic_fetch_add(&settling->next_part, 1)) <
               settling->parts_count) {
        settle_part(settling, &tester, part);
        code = match_check(&tester, &error);
        if (code == ENGINE_OK)
            code = segment_check_deadline(settling->deadline_ms, &error);
    }
    if (code != ENGINE_OK)
        settling_fail(settling, code, &error);
    tester_close(&tester);
}

enum engine_code
match_settle(struct match *match, uint64_t *words, uint64_t deadline_ms,
             struct error *reterr)
{
    uint32_t words_count = match->reader->view->slots_count / 64 + 1;
    struct settling settling = {
        .match = match,
        .words = words,
        .parts_count = (words_count + PART_WORDS - 1) / PART_WORDS,
        .deadline_ms = deadline_ms,
    };
    uint32_t helpers = settling.parts_count / PARTS_PER_HELPER;
    assert(match->plan.residual != NULL);
    if (pthread_mutex_init(&settling.lock, NULL) != 0)
        return error_memory(reterr);
    crew_run(settle_at, &settling,
             helpers < CREW_HELPERS_MAX ? helpers : CREW_HELPERS_MAX);
    pthread_mutex_destroy(&settling.lock);
    return settling.code == ENGINE_OK
               ? ENGINE_OK
               : error_set(reterr, settling.code, "%s", settling.error.text);
}

enum engine_code
match_settle_all(struct match *match, struct arena *arena, uint64_t deadline_ms,
                 uint64_t **ret_words, struct error *reterr)
{
    size_t count = (size_t)match->reader->view->slots_count / 64 + 1;
    uint64_t *words = arena_calloc(arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    enum engine_code code = match_candidates(match, words, reterr);
    if (code == ENGINE_OK)
        code = match_settle(match, words, deadline_ms, reterr);
    if (code != ENGINE_OK)
        return code;
    match_remember(match, words);
    *ret_words = words;
    return ENGINE_OK;
}
