/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_RECALL_H
#define ENGINE_API_RECALL_H

#include "engine/api/call.h"

/* The recall monitor: now and then a search that was answered is done again,
 * with the graph and exactly, by a thread of its own at the lowest priority,
 * and how many of the nearest points the graph found is counted by collection.
 * It spends service.recall_monitor_permille thousandths of the machine at most:
 * after a check that took t it rests for t * 1000 / permille. By default that
 * is 1: a graph that got worse should be seen by everybody, and a thousandth
 * is less than what a scrape costs. */
struct recall;

#define RECALL_COLLECTIONS_MAX                                                 \
    256 /* counted; a new one takes the place of the
                                      one that was checked longest ago */
#define RECALL_BODY_SIZE_MAX ((size_t)64 << 10) /* of a request that is kept */
#define RECALL_LIMIT_MAX     100                /* points of a search */
#define RECALL_TIME_MS_MAX   5000 /* of one search: then it is given up */

/* Starts the thread. `api` must outlive it. ENGINE_ENOMEM, ENGINE_EINTERNAL */
enum engine_code recall_open(struct api *api, struct recall **ret_recall,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Ends the thread and waits for it. NULL is allowed. */
void recall_close(struct recall *recall);

/* A call that succeeded: kept if it is a search and one is wanted. Cheap, and
 * never waits. NULL is allowed. Any thread. */
void recall_offer(struct recall *recall, const struct call *call,
                  uint64_t now_ns);

/* collection_recall_*: only of collections that are there. */
void recall_write_metrics(struct recall *recall, struct metrics_text *text);

#endif /* ENGINE_API_RECALL_H */
