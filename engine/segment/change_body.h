/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_CHANGE_BODY_H
#define ENGINE_SEGMENT_CHANGE_BODY_H

#include "engine/segment/body.h"
#include "engine/segment/change.h"

/* The inside of a change, for change.c, which stages, and commit.c, which
 * plans, writes and applies. */

enum staged_act {
    STAGED_NOTHING, /* was not there and will not be */
    STAGED_INSERT,
    STAGED_REMOVE,
    STAGED_MOVE, /* other vectors: a new slot */
    STAGED_KEEP  /* the same vectors: at most the payload changes */
};

struct staged {
    struct staged_point point; /* first: both addresses are the same */
    bool has_new_payload;      /* point.payload differs from the stored one */
    /* Filled by the plan. */
    enum staged_act act;
    bool is_held;              /* the old slot's rows stay for a graph */
    uint32_t new_slot;         /* INSERT, MOVE */
    struct payload_text *text; /* what goes into memory; owned until then */
};

struct change {
    struct segment *segment;
    struct arena arena;
    struct staged **staged; /* in the order of staging */
    size_t staged_count;
    size_t staged_room;
    uint32_t *table; /* by id: index into staged + 1; 0: empty */
    size_t table_room;
    /* Slots taken by the plan: from the free list, then fresh ones. */
    size_t free_taken;
    uint32_t slots_count;
    /* At most one index change per commit. */
    struct payload_index *new_index; /* owned until it is applied */
    struct bytes new_note;
    size_t drop_position; /* SIZE_MAX: none */
};

/* What `point` has before the change, by vector number; NULL: lacks it. */
const float *change_old_vector(const struct change *change,
                               const struct staged *staged, size_t number);

#endif /* ENGINE_SEGMENT_CHANGE_BODY_H */
