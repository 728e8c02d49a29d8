/* SPDX-License-Identifier: Apache-2.0
 * Requests by collection. A collection has a row from its first request on,
 * with the endpoints that it was asked by, until it is deleted. */
#include "engine/metrics_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

void
metrics_collections_init(struct metrics *metrics)
{
    for (unsigned i = 0; i < METRICS_SHARDS; i++)
        pthread_mutex_init(&metrics->shards[i].lock, NULL);
}

static void
row_free(struct collection_row *row)
{
    for (size_t i = 0; i < METRICS_ENDPOINTS_MAX; i++) {
        if (row->endpoints[i] != NULL)
            free(row->endpoints[i]->durations.exemplars);
        free(row->endpoints[i]);
    }
    free(row->name);
    free(row);
}

void
metrics_collections_free(struct metrics *metrics)
{
    for (unsigned i = 0; i < METRICS_SHARDS; i++) {
        struct collection_shard *shard = &metrics->shards[i];
        while (shard->rows != NULL) {
            struct collection_row *row = shard->rows;
            shard->rows = row->next;
            row_free(row);
        }
        pthread_mutex_destroy(&shard->lock);
    }
}

static struct collection_shard *
shard_of(struct metrics *metrics, struct span name)
{
    return &metrics->shards[XXH3_64bits(name.data, name.size) % METRICS_SHARDS];
}

/* Where the row of `name` is, or would be linked. Caller holds the lock. */
static struct collection_row **
row_place(struct collection_shard *shard, struct span name)
{
    struct collection_row **at = &shard->rows;
    while (*at != NULL &&
           !span_equal((struct span){ (*at)->name, (*at)->name_size }, name))
        at = &(*at)->next;
    return at;
}

/* NULL: there are too many, or memory is out. */
static struct collection_row *
row_new(struct metrics *metrics, struct span name)
{
    if (atomic_load(&metrics->collections_count) >= METRICS_COLLECTIONS_MAX)
        return NULL;
    struct collection_row *row = calloc(1, sizeof(*row));
    char *copy = strndup(name.data, name.size);
    if (row == NULL || copy == NULL) {
        free(row);
        free(copy);
        return NULL;
    }
    row->name = copy;
    row->name_size = name.size;
    atomic_fetch_add(&metrics->collections_count, 1);
    return row;
}

/* NULL: memory is out. */
static struct endpoint *
endpoint_of(const struct metrics *metrics, struct collection_row *row,
            unsigned number)
{
    struct endpoint **place = &row->endpoints[number];
    if (*place != NULL)
        return *place;
    struct endpoint *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->name = metrics->endpoints[number].name;
    if (!metrics_endpoint_init(made, metrics->has_exemplars)) {
        free(made);
        return NULL;
    }
    *place = made;
    return made;
}

void
metrics_collections_observe(struct metrics *metrics,
                            const struct metrics_event *event)
{
    struct collection_shard *shard = shard_of(metrics, event->collection);
    assert(event->endpoint < METRICS_ENDPOINTS_MAX);
    pthread_mutex_lock(&shard->lock);
    struct collection_row **at = row_place(shard, event->collection);
    if (*at == NULL)
        *at = row_new(metrics, event->collection);
    struct endpoint *endpoint =
        *at == NULL ? NULL : endpoint_of(metrics, *at, event->endpoint);
    if (endpoint != NULL)
        metrics_endpoint_observe(endpoint, event);
    pthread_mutex_unlock(&shard->lock);
}

void
metrics_forget(struct metrics *metrics, struct span collection)
{
    struct collection_shard *shard = shard_of(metrics, collection);
    pthread_mutex_lock(&shard->lock);
    struct collection_row **at = row_place(shard, collection);
    struct collection_row *row = *at;
    if (row != NULL) {
        *at = row->next;
        atomic_fetch_sub(&metrics->collections_count, 1);
    }
    pthread_mutex_unlock(&shard->lock);
    if (row != NULL)
        row_free(row);
}

static void
walk_collections(struct metrics *metrics, metrics_walker walker, void *ctx)
{
    for (unsigned i = 0; i < METRICS_SHARDS; i++) {
        struct collection_shard *shard = &metrics->shards[i];
        pthread_mutex_lock(&shard->lock);
        for (struct collection_row *row = shard->rows; row != NULL;
             row = row->next) {
            struct span name = { row->name, row->name_size };
            for (unsigned e = 0; e < metrics->count; e++)
                if (row->endpoints[e] != NULL)
                    walker(ctx, row->endpoints[e], name);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void
metrics_walk(struct metrics *metrics, bool is_by_collection,
             metrics_walker walker, void *ctx)
{
    if (is_by_collection) {
        walk_collections(metrics, walker, ctx);
        return;
    }
    for (unsigned i = 0; i < metrics->count; i++)
        walker(ctx, &metrics->endpoints[i], (struct span){ NULL, 0 });
}
