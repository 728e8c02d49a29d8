/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_MATCH_H
#define ENGINE_SEGMENT_MATCH_H

#include "base/arena.h"
#include "engine/codec/json_reader.h"
#include "engine/filter/plan.h"
#include "engine/segment/passing.h"
#include "engine/segment/segment.h"

/* Members of a payload that are read alone; with more, or where they are longer
 * than MATCH_PICK_SIZE, the whole payload is parsed. */
#define MATCH_KEYS_MAX  8
#define MATCH_PICK_SIZE 1024

/* One filter over one segment at one moment: its plan, the view that goes with
 * it, and the test of what the indexes could not answer. Everything stands as
 * long as the reader. One thread. */
struct match {
    struct segment_reader *reader;
    const struct filter *filter; /* NULL: every point */
    struct filter_plan plan;
    /* The candidates, when they were wanted in this form or come from the
     * cache; then plan.slots may be NULL. Held. */
    struct passing *passing;
    bool is_cached;   /* it comes from the cache */
    uint64_t version; /* of the segment at that moment, */
    struct span key;  /* and the filter as the cache's key; size 0: none */
    struct json_reader *json;         /* when the filter reads payloads */
    struct span keys[MATCH_KEYS_MAX]; /* members that it reads; */
    size_t keys_count;                /* 0: too many */
    struct text_field **texts; /* fields with a `text` index, in the arena */
    size_t texts_count;
    /* Tests one by one that are still worth it; when they are spent nothing
     * passes any more: settle all, and go again. */
    uint64_t tests_left;
    bool is_spent;
    /* A payload could not be read: nothing matches from then on, and the answer
     * is this. */
    struct error failure;
};

/* Takes the points lock for the plan; the reader has the newest view then.
 * `arena` holds the plan. ENGINE_ENOMEM */
enum engine_code match_make(struct segment_reader *reader,
                            const struct filter *filter, struct arena *arena,
                            struct match *ret_match, struct error *reterr)
    __attribute__((warn_unused_result));
/* The same by a caller that holds the points lock shared and gave the reader
 * the newest view. */
enum engine_code match_make_locked(struct segment_reader *reader,
                                   const struct filter *filter,
                                   struct arena *arena, struct match *ret_match,
                                   struct error *reterr)
    __attribute__((warn_unused_result));
void match_release(struct match *match);

/* What passed the filter (not NULL) the last time, if nothing has changed
 * since: enough to know what a search costs, not to make one. Makes no plan and
 * takes no lock but the cache's. False: nothing to release. */
bool match_recall(struct segment_reader *reader, const struct filter *filter,
                  struct match *ret_match) __attribute__((warn_unused_result));

/* Whether every living slot matches. */
bool match_is_all(const struct match *match);

/* Whether every living slot is a candidate. */
bool match_takes_all(const struct match *match);

/* Makes `passing`, unless match_takes_all(). ENGINE_ENOMEM */
enum engine_code match_want_passing(struct match *match, struct error *reterr)
    __attribute__((warn_unused_result));

/* As filter_cache_spend(), of this filter; 0 where it cannot be remembered. */
uint64_t match_spend(struct match *match, uint64_t tests);

/* Nothing was spent, so far: testing all was begun and came to no end. */
void match_spend_anew(struct match *match);

/* These words are all that matches, among the slots of the view: tested, so
 * that the next one with this filter need not. */
void match_remember(struct match *match, const uint64_t *words);

/* The candidates: the plan's slots or all that live. */
uint64_t match_candidates_count(const struct match *match);
bool match_is_candidate(const struct match *match, uint32_t slot);

/* Walks the candidates in ascending order, several at a time. */
struct match_cursor {
    const struct match *match;
    struct slot_cursor *planned; /* NULL: words, of `passing` or the view */
    uint32_t next_word;
    uint32_t next_place; /* in the list of `passing` */
};
/* ENGINE_ENOMEM */
enum engine_code match_cursor_open(const struct match *match,
                                   struct match_cursor *ret_cursor,
                                   struct error *reterr)
    __attribute__((warn_unused_result));
void match_cursor_close(struct match_cursor *cursor);
/* `count` is at least 64; 0 at the end. */
size_t match_cursor_next(struct match_cursor *cursor, uint32_t *slots,
                         size_t count);

/* Sets a bit in `words` [slots_count / 64 + 1] for each. ENGINE_ENOMEM */
enum engine_code match_candidates(const struct match *match, uint64_t *words,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- match_test.c ---- */

/* Whether tests read payloads from the disk. */
bool match_reads_disk(const struct match *match);

/* match_residual() may be called so often: as long as that costs less than a
 * small part of settling all candidates. */
void match_limit_tests(struct match *match);

/* Whether a candidate matches, by its payload. */
bool match_residual(struct match *match, uint32_t slot);

/* match_residual() for many: keeps in `slots` those that match, returns how
 * many. Ascending slots are cheapest. */
size_t match_residuals(struct match *match, uint32_t *slots, size_t count);

/* Keeps in `slots` those that match, whether they are candidates, others of the
 * view, or came to life later; returns how many. */
size_t match_passing(struct match *match, uint32_t *slots, size_t count);

/* match_residuals() for the candidates in `words`, a bit each: leaves the bits
 * of those that match. Idle threads help (crew.h).
 * ENGINE_ETIMEOUT at the deadline (0: none), ENGINE_ENOMEM, or what reading
 * said; the words are worth nothing then. */
enum engine_code match_settle(struct match *match, uint64_t *words,
                              uint64_t deadline_ms, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for all candidates; the words in the arena are remembered for the
 * next search with this filter. */
enum engine_code match_settle_all(struct match *match, struct arena *arena,
                                  uint64_t deadline_ms, uint64_t **ret_words,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* What went wrong in any test so far; to be asked before an answer is given. */
enum engine_code match_check(const struct match *match, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_MATCH_H */
