/* SPDX-License-Identifier: Apache-2.0
 * Runs of the background, as they are seen from time to time: after each piece
 * of work, and when somebody asks. */
#include "engine/collection/optimizations.h"

#include "engine/collection/body.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t
wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool
optimizations_init(struct optimizations *optimizations)
{
    memset(optimizations, 0, sizeof(*optimizations));
    uuid_make(optimizations->segment_id);
    return pthread_mutex_init(&optimizations->lock, NULL) == 0;
}

void
optimizations_release(struct optimizations *optimizations)
{
    pthread_mutex_destroy(&optimizations->lock);
}

/* The caller holds the lock. */
static void
see(struct optimizations *optimizations, uint64_t waiting,
    uint64_t points_count)
{
    struct optimization *now = &optimizations->now;
    if (!optimizations->is_running && waiting == 0)
        return;
    if (!optimizations->is_running) {
        *now = (struct optimization){ .started_ms = wall_ms() };
        uuid_make(now->id);
        optimizations->is_running = true;
    }
    now->points_count = points_count;
    /* More may come while it runs. */
    if (now->total < now->done + waiting)
        now->total = now->done + waiting;
    now->done = now->total - waiting;
    if (waiting > 0)
        return;
    now->finished_ms = wall_ms();
    optimizations->ended[optimizations->ended_count++ % OPTIMIZATIONS_KEPT] =
        *now;
    optimizations->is_running = false;
}

void
optimizations_see(struct optimizations *optimizations, uint64_t waiting,
                  uint64_t points_count)
{
    pthread_mutex_lock(&optimizations->lock);
    see(optimizations, waiting, points_count);
    pthread_mutex_unlock(&optimizations->lock);
}

void
collection_optimizations(struct collection *collection,
                         struct optimizations_report *ret_report)
{
    struct optimizations *optimizations = &collection->optimizations;
    collection_see_work(collection);
    struct segment_reader reader;
    segment_read_begin(collection->segment, &reader);
    ret_report->points_count = segment_points_count(&reader);
    segment_read_end(&reader);
    pthread_mutex_lock(&optimizations->lock);
    memcpy(ret_report->segment_id, optimizations->segment_id,
           sizeof(ret_report->segment_id));
    ret_report->is_running = optimizations->is_running;
    ret_report->running = optimizations->now;
    uint64_t ended = optimizations->ended_count;
    size_t kept =
        ended < OPTIMIZATIONS_KEPT ? (size_t)ended : OPTIMIZATIONS_KEPT;
    for (size_t i = 0; i < kept; i++)
        ret_report->completed[i] =
            optimizations->ended[(ended - 1 - i) % OPTIMIZATIONS_KEPT];
    ret_report->completed_count = kept;
    pthread_mutex_unlock(&optimizations->lock);
}
