/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SHELF_H
#define BENCH_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/collection/registry.h"

/* One collection in a storage folder of its own, through the same calls as the
 * server's: log, sync, graph and background threads included, HTTP and JSON
 * not. Point ids are numbers. A function that returns false has said why on
 * stderr. */

struct shelf {
    struct registry *registry;
    struct collection *collection;
    size_t dim;
};

struct shelf_config {
    const char *folder;
    size_t dim;
    uint32_t m;
    uint32_t ef_construct;
    const char *more; /* further members of the create body, or "" */
};

/* Makes the collection in `folder`, with Cosine. */
bool shelf_create(struct shelf *shelf, const struct shelf_config *config);

/* Opens a folder that shelf_create() filled. */
bool shelf_open(struct shelf *shelf, const char *folder, size_t dim);

/* As a server that ends in order. Accepts one that was never opened. */
void shelf_close(struct shelf *shelf);

/* Upserts `count` points with wait=true: ids[i] gets rows[i]. payload: JSON
 * object of each point, or NULL. */
bool shelf_put(struct shelf *shelf, const uint64_t *ids,
               const float *const *rows, size_t count, const char *payload);

bool shelf_delete(struct shelf *shelf, const uint64_t *ids, size_t count);

/* Until everything is linked into the graph. */
bool shelf_wait_green(struct shelf *shelf);

struct shelf_hit {
    uint64_t id;
    float score;
};

/* The k best; fewer when there are fewer. `ef` 0: exact. */
bool shelf_search(struct shelf *shelf, const float *query, uint32_t k,
                  uint32_t ef, struct shelf_hit *ret_hits, uint32_t *ret_count);

/* Bytes of this process in memory. */
uint64_t shelf_resident(void);

#endif /* BENCH_SHELF_H */
