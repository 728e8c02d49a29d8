/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_FILTER_CACHE_H
#define ENGINE_SEGMENT_FILTER_CACHE_H

#include "base/bytes.h"
#include "engine/segment/passing.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

/* What passed the filters of late, exactly. An entry holds for one version of
 * the segment: each change of points, payloads or indexes makes another, so an
 * entry can only be right or out of date. What is out of date goes when another
 * is put in its place, or by a sweep: look-ups, which event loops do, too, free
 * nothing. Any thread; its lock is taken after all others and held for a few
 * comparisons. */

#define FILTER_CACHE_ENTRIES_MAX 128u
#define FILTER_CACHE_SIZE_MAX    ((size_t)32 << 20)

struct filter_cache_entry {
    uint64_t hash; /* of the key */
    uint64_t version;
    uint64_t used;   /* when, in look-ups; 0: a free place */
    struct span key; /* owned */
    struct passing *passing;
};

/* Payloads that were tested for a filter which is not remembered. */
#define FILTER_CACHE_SPENT_MAX 64u
struct filter_spent {
    uint64_t hash;
    uint64_t version;
    uint64_t tests;
};

struct filter_cache {
    pthread_mutex_t lock;
    struct filter_spent spent[FILTER_CACHE_SPENT_MAX]; /* by hash */
    struct filter_cache_entry entries[FILTER_CACHE_ENTRIES_MAX];
    size_t size; /* bytes of all entries */
    uint64_t clock;
    uint64_t hits;
    uint64_t misses;
};

void filter_cache_init(struct filter_cache *cache);
void filter_cache_release(struct filter_cache *cache);

/* What passes at that version, held for the caller; NULL: not known. */
struct passing *filter_cache_find(struct filter_cache *cache, struct span key,
                                  uint64_t version)
    __attribute__((warn_unused_result));

/* The same by someone who only wants to know: it counts as no look-up. */
struct passing *filter_cache_peek(struct filter_cache *cache, struct span key,
                                  uint64_t version)
    __attribute__((warn_unused_result));

/* Keeps `passing` as another user of it, and lets go of what was not asked for
 * longest. Where memory is short, nothing is kept and all goes. */
void filter_cache_put(struct filter_cache *cache, struct span key,
                      uint64_t version, struct passing *passing);

/* Adds payloads that were tested for it one by one; returns how many were, at
 * that version, about: others may have taken its place. */
uint64_t filter_cache_spend(struct filter_cache *cache, struct span key,
                            uint64_t version, uint64_t tests);

/* Forgets what was spent for it. */
void filter_cache_spend_anew(struct filter_cache *cache, struct span key);

/* Frees what is out of date: by the background, after changes. */
void filter_cache_sweep(struct filter_cache *cache, uint64_t version);

struct filter_cache_state {
    size_t size;
    uint64_t hits;
    uint64_t misses;
};
struct filter_cache_state filter_cache_state(struct filter_cache *cache);

#endif /* ENGINE_SEGMENT_FILTER_CACHE_H */
