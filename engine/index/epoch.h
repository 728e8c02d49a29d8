/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_EPOCH_H
#define ENGINE_INDEX_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Grace periods, so that readers take no lock (Fraser, Practical lock-freedom,
 * 2004, section 5.2.3, with one stamp for each reader instead of three lists).
 * A reader is inside from epoch_enter() to epoch_leave() and may keep pointers
 * and slot numbers that it finds meanwhile. Who takes something away first
 * makes it unreachable, then asks for a stamp, and frees or reuses it once
 * epoch_is_over(stamp). Readers never wait, unless EPOCH_READERS_MAX are
 * inside already. */

#define EPOCH_READERS_MAX 256u

struct epoch {
    _Atomic uint64_t now;
    /* Each in a line of its own; 0 = free, else `now` as the reader saw it. */
    struct {
        _Alignas(64) _Atomic uint64_t since;
    } readers[EPOCH_READERS_MAX];
};

void epoch_init(struct epoch *epoch);

/* Returns the place that epoch_leave() wants. Entering twice in one thread is
 * allowed, each with a place of its own. Any thread. */
uint32_t epoch_enter(struct epoch *epoch);
void epoch_leave(struct epoch *epoch, uint32_t place);

/* A stamp for what is unreachable now. Any thread. */
uint64_t epoch_advance(struct epoch *epoch);

/* Whether every reader that was inside when `stamp` was given has left. Any
 * thread; costs a look at all places. */
bool epoch_is_over(const struct epoch *epoch, uint64_t stamp);

/* The lowest stamp that is not over: what was stamped lower may be reused.
 * For asking about many at once. */
uint64_t epoch_oldest(const struct epoch *epoch);

#endif /* ENGINE_INDEX_EPOCH_H */
