/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_MATCH_H
#define ENGINE_SEGMENT_MATCH_H

#include "base/arena.h"
#include "engine/codec/json_reader.h"
#include "engine/filter/plan.h"
#include "engine/segment/segment.h"

/* One filter over one segment at one moment: its plan, and the test of what
 * the indexes could not answer. The caller holds the reader's lock (or the
 * writer mutex) from match_make() to match_release(). One thread. */
struct match {
    const struct segment *segment;
    struct filter_plan plan;    /* without a filter: everything */
    struct json_reader *reader; /* when the residual reads payloads */
};

/* `filter` NULL: every point. `arena` holds the plan. ENGINE_ENOMEM */
enum engine_code match_make(const struct segment *segment,
                            const struct filter *filter, struct arena *arena,
                            struct match *ret_match, struct error *reterr)
    __attribute__((warn_unused_result));
void match_release(struct match *match);

/* Whether every living slot matches. */
bool match_is_all(const struct match *match);

/* The candidates: plan.slots or all living slots. */
const struct slot_set *match_candidates(const struct match *match);

/* Whether a candidate matches, by its payload. */
bool match_residual(struct match *match, uint32_t slot);

/* Whether a living slot matches. */
bool match_passes(struct match *match, uint32_t slot);

#endif /* ENGINE_SEGMENT_MATCH_H */
