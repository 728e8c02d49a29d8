/* SPDX-License-Identifier: Apache-2.0
 * Stamps: `now` starts at 1 and grows by one with each stamp; a reader that
 * entered at `since` may hold what was stamped later than `since`. The reader
 * stores its place and then reads shared data, the writer takes data away and
 * then reads the places, both sequentially consistent: one of the two sees the
 * other. An older `since` than necessary only delays. */
#include "engine/index/epoch.h"

#include <assert.h>
#include <sched.h>

/* Where this thread found a free place last time. */
static _Thread_local uint32_t place_hint;

void
epoch_init(struct epoch *epoch)
{
    atomic_store(&epoch->now, 1);
    for (uint32_t i = 0; i < EPOCH_READERS_MAX; i++)
        atomic_store(&epoch->readers[i].since, 0);
}

uint32_t
epoch_enter(struct epoch *epoch)
{
    static _Atomic uint32_t threads_count;
    if (place_hint == 0)
        place_hint = atomic_fetch_add(&threads_count, 1) + 1;
    for (uint32_t tries = 0;; tries++) {
        uint32_t place = (place_hint + tries) % EPOCH_READERS_MAX;
        uint64_t none = 0;
        uint64_t now = atomic_load(&epoch->now);
        if (atomic_load_explicit(&epoch->readers[place].since,
                                 memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong(&epoch->readers[place].since, &none,
                                           now)) {
            atomic_thread_fence(memory_order_seq_cst);
            return place;
        }
        if (tries % EPOCH_READERS_MAX == EPOCH_READERS_MAX - 1)
            sched_yield();
    }
}

void
epoch_leave(struct epoch *epoch, uint32_t place)
{
    assert(place < EPOCH_READERS_MAX);
    assert(atomic_load(&epoch->readers[place].since) != 0);
    atomic_store_explicit(&epoch->readers[place].since, 0,
                          memory_order_release);
}

uint64_t
epoch_advance(struct epoch *epoch)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_fetch_add(&epoch->now, 1) + 1;
}

uint64_t
epoch_oldest(const struct epoch *epoch)
{
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t oldest = atomic_load(&epoch->now) + 1;
    for (uint32_t i = 0; i < EPOCH_READERS_MAX; i++) {
        uint64_t since = atomic_load(&epoch->readers[i].since);
        if (since != 0 && since + 1 < oldest)
            oldest = since + 1;
    }
    return oldest;
}

bool
epoch_is_over(const struct epoch *epoch, uint64_t stamp)
{
    return stamp < epoch_oldest(epoch);
}
