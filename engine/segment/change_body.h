/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_CHANGE_BODY_H
#define ENGINE_SEGMENT_CHANGE_BODY_H

#include "engine/segment/body.h"
#include "engine/segment/change.h"

/* The inside of a change, for change.c, which stages, commit.c, which plans and
 * writes, and change_apply.c, which brings it into memory. */

enum staged_act {
    STAGED_NOTHING, /* was not there and will not be */
    STAGED_INSERT,
    STAGED_REMOVE,
    STAGED_MOVE, /* other vectors, or wants_slot: a new slot */
    STAGED_KEEP  /* the same vectors: at most the payload changes */
};

struct staged {
    struct staged_point point; /* first: both addresses are the same */
    bool has_new_payload;      /* point.payload differs from the stored one */
    /* By vector number; NULL: lacks it. In memory, or copied from the disk
     * when somebody wants it: until then CHANGE_UNREAD. */
    const void **old_vectors;
    bool wants_slot;         /* its point goes to another slot as it is */
    bool has_old_payload;    /* old_payload was read */
    struct span old_payload; /* of the slot, in the arena or in memory */
    /* Filled by the plan. */
    enum staged_act act;
    bool is_held;              /* the old slot's rows stay for a graph */
    uint32_t new_slot;         /* INSERT, MOVE */
    struct payload_text *text; /* what goes into memory; owned until then */
};

/* Points that go into memory under one hold of the points lock: about as many
 * as take it some ten microseconds. A change has SLICES_MAX slices at most. */
#define SLICE_POINTS 32u
#define SLICES_MAX   1024u

/* staged[begin..end-1], the view after them, and what they take away. */
struct slice {
    size_t begin;
    size_t end;
    struct segment_view *view; /* owned until it is published */
    struct grave *grave;       /* owned until it is buried */
};

struct parsed; /* change_apply.c */

struct change {
    struct segment *segment;
    struct arena arena;
    bool is_upkeep; /* nobody's request: uses up no sequence number */
    bool asks_memory;
    struct staged **staged; /* in the order of staging */
    size_t staged_count;
    size_t staged_room;
    uint32_t *table; /* by id: index into staged + 1; 0: empty */
    size_t table_room;
    /* Slots taken by the plan: from the free list, then fresh ones. */
    size_t free_taken;
    uint32_t slots_count;
    struct slice *slices; /* in the arena */
    size_t slices_count;
    size_t slices_done;
    struct parsed *parsed; /* room for one slice, in the arena */
    /* At most one index change per commit. */
    struct payload_index *new_index; /* owned until it is applied */
    struct bytes new_note;
    size_t drop_position; /* SIZE_MAX: none */
    /* The same for indexes that are asked for; each is used by the change. */
    struct index_build *new_build;
    struct index_build *old_build;
};

/* What `point` has before the change, by vector number; NULL: lacks it. */
const void *change_old_vector(const struct change *change,
                              const struct staged *staged, size_t number);

/* As change_begin(), for changes that only move points. */
enum engine_code change_begin_upkeep(struct segment *segment,
                                     struct change **ret_change,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Stages the point of a living slot to get a free slot, all else unchanged,
 * its version included. ENGINE_ENOMEM, or the store's. */
enum engine_code change_move(struct change *change, uint32_t slot,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Commits an upkeep; as change_commit() otherwise. */
enum engine_code change_commit_upkeep(struct change *change,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* The version that a point has after the change numbered `sequence`. */
uint64_t change_version(const struct change *change,
                        const struct staged *staged, uint64_t sequence);

/* Stands for a row on disk that nobody has asked for, among the old vectors and
 * those of staged points that keep it. */
extern const float change_unread;
#define CHANGE_UNREAD (&change_unread)

/* Reads old vectors from the disk, all of one number at once: those that are
 * compared with new ones, or, once it is planned, those that move along to
 * another slot. ENGINE_ENOMEM and failures of the store. */
enum change_rows { CHANGE_ROWS_COMPARED, CHANGE_ROWS_MOVED };
enum engine_code change_read_rows(struct change *change, enum change_rows which,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Reads old_payload of those that have none yet. ENGINE_ENOMEM and failures of
 * the store. */
enum engine_code change_read_payloads(struct change *change,
                                      struct staged *const *staged,
                                      size_t count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether there is that very index. ENGINE_EINPUT  there is no other on the
 * path, and no room for one. */
enum engine_code change_finds_index(const struct change *change,
                                    const struct index_wish *wish,
                                    bool *ret_is_there, struct error *reterr)
    __attribute__((warn_unused_result));

/* Puts an index that is asked for into the list, and takes one out; NULL:
 * none. */
void change_put_build(struct change *change, struct index_build *new_build,
                      struct index_build *old_build);

/* Takes a finished index; the one on its path goes. */
enum engine_code change_put_index(struct change *change,
                                  struct payload_index *index, struct span note,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes the slices of a planned change. ENGINE_ENOMEM */
enum engine_code change_slice(struct change *change, struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether payload indexes want to know of the point, and so its old payload. */
bool change_is_indexed(const struct segment *segment,
                       const struct staged *staged);

/* Brings a written change into memory; cannot fail. */
void change_apply(struct change *change, uint64_t sequence);

/* Frees what was not applied. */
void change_slices_free(struct change *change);

#endif /* ENGINE_SEGMENT_CHANGE_BODY_H */
