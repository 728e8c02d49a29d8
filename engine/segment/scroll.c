/* SPDX-License-Identifier: Apache-2.0
 * Points by id order, by count and all of them. A page either steps through
 * the ids and tests each, or, when few points match, gathers those and sorts
 * them: whichever looks at fewer. */
#include "engine/segment/search.h"

#include "engine/segment/body.h"
#include "engine/segment/match.h"

#include <assert.h>
#include <stdlib.h>

/* Points between two looks at the clock. */
#define BATCH_SLOTS 256

/* Calls `visit` for each match, in slot order. */
struct gather {
    struct segment_reader *reader;
    struct match match;
    uint64_t deadline_ms;
    const struct point_id *from; /* leave out what is below; may be NULL */
    uint32_t *slots;             /* NULL: only count */
    size_t count;
};

static bool
is_before(const struct gather *gather, uint32_t slot)
{
    return gather->from != NULL &&
           ids_compare(gather->reader->segment->ids, slot, gather->from) < 0;
}

static void
gather_take(struct gather *gather, uint32_t slot)
{
    if (gather->slots != NULL)
        gather->slots[gather->count] = slot;
    gather->count++;
}

/* No payload is asked. */
static enum engine_code
gather_candidates(struct gather *gather, struct error *reterr)
{
    struct match_cursor cursor;
    enum engine_code code = match_cursor_open(&gather->match, &cursor, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t batch[BATCH_SLOTS];
    size_t count;
    while (code == ENGINE_OK &&
           (count = match_cursor_next(&cursor, batch, BATCH_SLOTS)) > 0) {
        for (size_t i = 0; i < count; i++)
            if (!is_before(gather, batch[i]))
                gather_take(gather, batch[i]);
        code = segment_check_deadline(gather->deadline_ms, reterr);
    }
    match_cursor_close(&cursor);
    return code;
}

static void
leave_out_before(const struct gather *gather, uint64_t *words, size_t count)
{
    for (size_t word = 0; gather->from != NULL && word < count; word++)
        for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1)
            if (is_before(gather, (uint32_t)(word * 64) +
                                      (uint32_t)__builtin_ctzll(bits)))
                words[word] &= ~(bits & -bits);
}

static enum engine_code
gather_tested(struct gather *gather, struct error *reterr)
{
    size_t count = (size_t)gather->reader->view->slots_count / 64 + 1;
    uint64_t *words = calloc(count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    enum engine_code code = match_candidates(&gather->match, words, reterr);
    if (code != ENGINE_OK)
        goto out;
    leave_out_before(gather, words, count);
    code = match_settle(&gather->match, words, gather->deadline_ms, reterr);
    if (code != ENGINE_OK)
        goto out;
    if (gather->from == NULL)
        match_remember(&gather->match, words);
    for (size_t word = 0; word < count; word++)
        for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1)
            gather_take(gather, (uint32_t)(word * 64) +
                                    (uint32_t)__builtin_ctzll(bits));
out:
    free(words);
    return code;
}

static enum engine_code
gather_run(struct gather *gather, struct error *reterr)
{
    return gather->match.plan.residual == NULL
               ? gather_candidates(gather, reterr)
               : gather_tested(gather, reterr);
}

struct placed {
    struct point_id id;
    uint32_t slot;
};

static int
compare_placed(const void *a, const void *b)
{
    const struct placed *left = a, *right = b;
    return point_id_compare(&left->id, &right->id);
}

/* Everything that matches from the start of the page on, then the first. */
static enum engine_code
page_gathered(struct gather *gather, size_t limit, struct arena *arena,
              uint32_t *slots, size_t *count, struct error *reterr)
{
    size_t room = (size_t)match_candidates_count(&gather->match);
    gather->slots = arena_alloc(arena, (room + 1) * sizeof(*gather->slots));
    struct placed *placed = arena_alloc(arena, (room + 1) * sizeof(*placed));
    if (gather->slots == NULL || placed == NULL)
        return error_memory(reterr);
    enum engine_code code = gather_run(gather, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; i < gather->count; i++)
        placed[i] =
            (struct placed){ segment_id(gather->reader, gather->slots[i]),
                             gather->slots[i] };
    qsort(placed, gather->count, sizeof(*placed), compare_placed);
    *count = gather->count < limit + 1 ? gather->count : limit + 1;
    for (size_t i = 0; i < *count; i++)
        slots[i] = placed[i].slot;
    return ENGINE_OK;
}

/* The next ids in order: from `from` on, or after it. They are copied under the
 * lock; what happens to them later does not matter. */
static size_t
next_slots(const struct gather *gather, const struct point_id *from,
           bool is_after, uint32_t *slots, size_t slots_max)
{
    struct segment *segment = gather->reader->segment;
    size_t count = 0;
    pthread_rwlock_rdlock(&segment->points);
    struct ids_cursor cursor = ids_seek(segment->ids, from);
    while (count < slots_max &&
           ids_next(segment->ids, &cursor, &slots[count])) {
        if (is_after && count == 0 &&
            ids_compare(segment->ids, slots[0], from) == 0)
            is_after = false;
        else
            count++;
    }
    pthread_rwlock_unlock(&segment->points);
    return count;
}

static enum engine_code
page_stepped(struct gather *gather, size_t limit, uint32_t *slots,
             size_t *count, struct error *reterr)
{
    uint32_t batch[BATCH_SLOTS];
    struct point_id last;
    const struct point_id *from = gather->from;
    size_t got, seen = 0;
    while (*count < limit + 1 &&
           (got = next_slots(gather, from, seen > 0, batch, BATCH_SLOTS)) > 0) {
        last = segment_id(gather->reader, batch[got - 1]);
        from = &last;
        seen += got;
        got = match_passing(&gather->match, batch, got);
        for (size_t i = 0; i < got && *count < limit + 1; i++)
            slots[(*count)++] = batch[i];
        enum engine_code code =
            segment_check_deadline(gather->deadline_ms, reterr);
        if (code == ENGINE_OK)
            code = match_check(&gather->match, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
segment_scroll(struct segment_reader *reader,
               const struct segment_scroll *scroll, struct arena *arena,
               const uint32_t **ret_slots, size_t *ret_count,
               struct error *reterr)
{
    struct gather gather = { .reader = reader,
                             .deadline_ms = scroll->deadline_ms,
                             .from = scroll->from };
    enum engine_code code =
        match_make(reader, scroll->filter, arena, &gather.match, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t all = reader->view->live->count;
    size_t limit = scroll->limit < all ? scroll->limit : all;
    size_t count = 0;
    uint32_t *slots = arena_alloc(arena, (limit + 2) * sizeof(*slots));
    if (slots == NULL) {
        code = error_memory(reterr);
        goto out;
    }
    bool has_few = !match_takes_all(&gather.match);
    double few = (double)match_candidates_count(&gather.match);
    /* Stepping looks at about limit * all / few ids. */
    if (has_few && few * few * 8 < (double)limit * (double)all)
        code = page_gathered(&gather, limit, arena, slots, &count, reterr);
    else
        code = page_stepped(&gather, limit, slots, &count, reterr);
out:
    match_release(&gather.match);
    if (code != ENGINE_OK)
        return code;
    *ret_slots = slots;
    *ret_count = count;
    return ENGINE_OK;
}

#define COUNT_ARENA_SIZE ((size_t)64 << 20)

enum engine_code
segment_count(struct segment_reader *reader, const struct filter *filter,
              enum count_kind kind, uint64_t deadline_ms, uint64_t *ret_count,
              struct error *reterr)
{
    struct arena arena;
    arena_init(&arena, COUNT_ARENA_SIZE);
    struct gather gather = { .reader = reader, .deadline_ms = deadline_ms };
    enum engine_code code =
        match_make(reader, filter, &arena, &gather.match, reterr);
    if (code != ENGINE_OK) {
        arena_release(&arena);
        return code;
    }
    uint64_t count = 0;
    if (kind == COUNT_ESTIMATE)
        count = gather.match.plan.estimate.expected_count;
    else if (gather.match.plan.residual == NULL)
        count = match_candidates_count(&gather.match);
    else
        code = gather_run(&gather, reterr);
    match_release(&gather.match);
    arena_release(&arena);
    if (code == ENGINE_OK)
        *ret_count = count + gather.count;
    return code;
}

enum engine_code
segment_select(struct segment_reader *reader, const struct filter *filter,
               struct arena *arena, const uint32_t **ret_slots,
               size_t *ret_count, struct error *reterr)
{
    struct gather gather = { .reader = reader };
    enum engine_code code =
        match_make(reader, filter, arena, &gather.match, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t room = (size_t)match_candidates_count(&gather.match);
    gather.slots = arena_alloc(arena, (room + 1) * sizeof(*gather.slots));
    code = gather.slots == NULL ? error_memory(reterr)
                                : gather_run(&gather, reterr);
    match_release(&gather.match);
    if (code != ENGINE_OK)
        return code;
    *ret_slots = gather.slots;
    *ret_count = gather.count;
    return ENGINE_OK;
}

static int
compare_slots(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

enum engine_code
segment_keep_matching(struct segment_reader *reader,
                      const struct filter *filter, struct arena *arena,
                      uint32_t *slots, size_t count, size_t *ret_count,
                      struct error *reterr)
{
    struct match match;
    enum engine_code code = match_make(reader, filter, arena, &match, reterr);
    if (code != ENGINE_OK)
        return code;
    qsort(slots, count, sizeof(*slots), compare_slots);
    size_t kept = match_passing(&match, slots, count);
    code = match_check(&match, reterr);
    match_release(&match);
    if (code == ENGINE_OK)
        *ret_count = kept;
    return code;
}
