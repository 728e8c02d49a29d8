/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_VIEW_H
#define ENGINE_SEGMENT_VIEW_H

#include "engine/index/slotview.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a reader without a lock goes by: which slots live and which vectors
 * they have, at one moment. Views never change; a change makes successors
 * before it is committed and publishes them as it is applied. */

struct vectors;

/* By number. One that goes away has no name and no slots from some view on, but
 * stays for readers that knew it before (vector_names.c). */
struct view_vector {
    struct vectors *vectors; /* NULL: no reader can know the number */
    bool is_named;
    struct slotview *has; /* slots that have this vector */
    uint32_t ef_construct;
    uint32_t full_scan_kib;
    bool has_idf; /* sparse: the modifier */
};

struct segment_view {
    uint32_t slots_count; /* every slot of the view is below */
    struct slotview *live;
    size_t vectors_count;
    struct view_vector vectors[];
};

/* An empty view, or one that shares everything with `old`. NULL when memory is
 * out. */
struct segment_view *view_new(size_t vectors_count, uint32_t slots_count)
    __attribute__((warn_unused_result));
struct segment_view *view_next(const struct segment_view *old,
                               uint32_t slots_count)
    __attribute__((warn_unused_result));

/* The same with more vectors, which no slot has. */
struct segment_view *view_widen(const struct segment_view *old,
                                size_t vectors_count)
    __attribute__((warn_unused_result));

/* Makes that no slot has the vector. False when memory is out. */
bool view_clear_vector(struct segment_view *next,
                       const struct segment_view *old, size_t number)
    __attribute__((warn_unused_result));

/* The same with fewer slots, of which `old` has none from `slots_count` on. */
struct segment_view *view_cut(const struct segment_view *old,
                              uint32_t slots_count)
    __attribute__((warn_unused_result));

/* Change `next`, made from `old` (NULL: by view_new()) and seen by nobody else.
 * False when memory is out. */
bool view_put_live(struct segment_view *next, const struct segment_view *old,
                   uint32_t slot, bool is_live)
    __attribute__((warn_unused_result));
bool view_put_vector(struct segment_view *next, const struct segment_view *old,
                     size_t number, uint32_t slot, bool has)
    __attribute__((warn_unused_result));

/* What of `old` is in the way of `next` only: to be freed by free() when no
 * reader has `old`. The count, and the pointers themselves. */
size_t view_replaced_count(const struct segment_view *old,
                           const struct segment_view *next);
size_t view_replaced(struct segment_view *old, const struct segment_view *next,
                     void **items);

/* Frees `next` but not what it shares with `old` (NULL: nothing). */
void view_discard(struct segment_view *next, const struct segment_view *old);

/* Bytes on the heap. */
size_t view_memory(const struct segment_view *view);

#endif /* ENGINE_SEGMENT_VIEW_H */
