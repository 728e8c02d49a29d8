/* SPDX-License-Identifier: Apache-2.0
 * Background threads. Each takes the next collection that is due, gives it one
 * bounded piece of work and asks when it wants more. Several threads may serve
 * one collection, which is how a single big one uses all cores. */
#include "engine/collection/registry_pool.h"

#include "base/clock.h"
#include "engine/collection/lifecycle.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

uint64_t
registry_now_ms(void)
{
    return clock_ms();
}

void
registry_pool_wake(void *ctx)
{
    struct entry *entry = ctx;
    struct registry *registry = entry->registry;
    pthread_mutex_lock(&registry->lock);
    entry->wakes++;
    entry->due_ms = 0;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
}

/* The next live entry that is due, round robin; else NULL and the time of the
 * one that will be first. Caller holds the lock. */
static struct entry *
next_due(struct registry *registry, uint64_t now_ms, uint64_t *ret_due_ms)
{
    uint64_t first_ms = UINT64_MAX;
    for (size_t i = 0; i < registry->entries_count; i++) {
        size_t at = (registry->next_work + i) % registry->entries_count;
        struct entry *entry = registry->entries[at];
        if (entry->state != ENTRY_LIVE)
            continue;
        if (entry->due_ms <= now_ms) {
            registry->next_work = at + 1;
            return entry;
        }
        if (entry->due_ms < first_ms)
            first_ms = entry->due_ms;
    }
    *ret_due_ms = first_ms;
    return NULL;
}

/* The next live entry whose debt is due; else NULL, and *due_ms is lowered to
 * the time of the first. Caller holds the lock. */
static struct entry *
next_debt(struct registry *registry, uint64_t now_ms, uint64_t *due_ms)
{
    bool is_any = false;
    for (size_t i = 0; registry->may_have_debts && i < registry->entries_count;
         i++) {
        struct entry *entry = registry->entries[i];
        is_any = is_any || entry->keeps_debt;
        if (!entry->keeps_debt || entry->state != ENTRY_LIVE)
            continue;
        if (entry->debt_due_ms <= now_ms)
            return entry;
        if (entry->debt_due_ms < *due_ms)
            *due_ms = entry->debt_due_ms;
    }
    registry->may_have_debts = is_any;
    return NULL;
}

/* Caller holds the lock; it is released while waiting. */
static void
wait_until(struct registry *registry, uint64_t due_ms)
{
    if (due_ms == UINT64_MAX) {
        pthread_cond_wait(&registry->changed, &registry->lock);
        return;
    }
    struct timespec when = { .tv_sec = (time_t)(due_ms / 1000),
                             .tv_nsec = (long)(due_ms % 1000) * 1000000 };
    pthread_cond_timedwait(&registry->changed, &registry->lock, &when);
}

static void
work_once(struct registry *registry, struct entry *entry)
{
    uint64_t wakes = entry->wakes;
    entry->users++;
    pthread_mutex_unlock(&registry->lock);
    uint64_t again_ms = collection_work(entry->collection);
    uint64_t now_ms = registry_now_ms();
    pthread_mutex_lock(&registry->lock);
    assert(entry->users > 0);
    if (wakes != entry->wakes)
        entry->due_ms = 0; /* woken meanwhile: its answer may be stale */
    else if (again_ms > UINT64_MAX - now_ms)
        entry->due_ms = UINT64_MAX;
    else
        entry->due_ms = now_ms + again_ms;
    if (--entry->users == 0 && entry->state == ENTRY_DELETING)
        pthread_cond_broadcast(&registry->changed);
}

/* Requests go first: on a busy machine linking gets what they leave, and a
 * tenth at least; writers help when too much waits. */
#define BACKGROUND_NICE 10

static void *
thread_main(void *ctx)
{
    struct registry *registry = ctx;
    /* On Linux, of this thread alone. */
    (void)setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
    pthread_mutex_lock(&registry->lock);
    while (!registry->is_stopping) {
        uint64_t due_ms = UINT64_MAX, now_ms = registry_now_ms();
        struct entry *debtor = next_debt(registry, now_ms, &due_ms);
        uint64_t debt_ms = due_ms;
        struct entry *entry =
            debtor == NULL ? next_due(registry, now_ms, &due_ms) : NULL;
        if (debt_ms < due_ms)
            due_ms = debt_ms;
        if (debtor != NULL)
            registry_debt_retry(registry, debtor);
        else if (entry != NULL)
            work_once(registry, entry);
        else
            wait_until(registry, due_ms);
    }
    pthread_mutex_unlock(&registry->lock);
    return NULL;
}

enum engine_code
registry_pool_start(struct registry *registry, struct error *reterr)
{
    uint32_t count = registry->options.background_threads;
    if (count == 0) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        count = cores > 0 ? (uint32_t)cores : 1;
    }
    if (count > THREADS_MAX)
        count = THREADS_MAX;
    registry->threads = calloc(count, sizeof(*registry->threads));
    if (registry->threads == NULL)
        return error_memory(reterr);
    for (uint32_t i = 0; i < count; i++) {
        if (pthread_create(&registry->threads[i], NULL, thread_main,
                           registry) != 0)
            return error_set(reterr, ENGINE_EINTERNAL,
                             "cannot start background thread %u of %u", i + 1,
                             count);
        registry->threads_count = i + 1;
    }
    return ENGINE_OK;
}

void
registry_pool_stop(struct registry *registry)
{
    pthread_mutex_lock(&registry->lock);
    registry->is_stopping = true;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
    for (uint32_t i = 0; i < registry->threads_count; i++)
        pthread_join(registry->threads[i], NULL);
    free(registry->threads);
    registry->threads = NULL;
    registry->threads_count = 0;
}
