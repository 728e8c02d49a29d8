/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SHELF_H
#define BENCH_SHELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/collection/command.h"
#include "engine/collection/registry.h"
#include "engine/index/hnsw.h"

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
    uint32_t m;
    uint32_t ef_construct;
    const char *more;     /* further members of the create body, or "" */
    const char *datatype; /* of the vectors */
    bool is_multi;        /* multivectors, compared by max_sim */
};

/* Their values where no option says otherwise, */
#define SHELF_CONFIG_DEFAULT                                                   \
    {                                                                          \
        .m = 16, .ef_construct = 100, .more = "", .datatype = "float32"        \
    }

/* the options but that of the folder, as rows of a table, */
#define SHELF_OPTIONS(config)                                                  \
    { .name = "m", .number = &(config)->m, .max = HNSW_M_MAX },                \
        { .name = "ef-construct",                                              \
          .number = &(config)->ef_construct,                                   \
          .max = HNSW_EF_MAX },                                                \
        { .name = "datatype", .text = &(config)->datatype },                   \
    {                                                                          \
        .name = "config", .text = &(config)->more                              \
    }

/* and their usage. */
#define SHELF_USAGE                                                            \
    "  --m N, --ef-construct N   of the graph (16, 100)\n"                     \
    "  --datatype NAME   of the vectors (float32)\n"                           \
    "  --config MEMBERS  more of the create body, as JSON\n"

/* Makes the collection in the folder, with Cosine. */
bool shelf_create(struct shelf *shelf, const struct shelf_config *config,
                  size_t dim);

/* Changes its configuration; `body` is JSON. */
bool shelf_patch(struct shelf *shelf, const char *body);

/* Opens a folder that shelf_create() filled. */
bool shelf_open(struct shelf *shelf, const char *folder, size_t dim);

/* As a server that ends in order. Accepts one that was never opened. */
void shelf_close(struct shelf *shelf);

/* Upserts `count` points with wait=true: ids[i] gets rows[i] and the JSON
 * object payloads[i]; payloads NULL: none. */
bool shelf_put(struct shelf *shelf, const uint64_t *ids,
               const float *const *rows, size_t count,
               const char *const *payloads);

/* Makes a payload index of a type of the API; takes it away. */
bool shelf_index(struct shelf *shelf, const char *field, const char *type);
bool shelf_drop_index(struct shelf *shelf, const char *field);

/* The same for vectors of any kind; their names are "". */
bool shelf_put_vectors(struct shelf *shelf, const uint64_t *ids,
                       const struct named_vector *vectors, size_t count,
                       const char *const *payloads);

bool shelf_delete(struct shelf *shelf, const uint64_t *ids, size_t count);

/* Until everything is linked into the graph. */
bool shelf_wait_green(struct shelf *shelf);

#define SHELF_K_MAX      100u
#define SHELF_EF_DEFAULT UINT32_MAX

/* What searches ask for. */
struct shelf_walk {
    uint32_t k;  /* 1..SHELF_K_MAX */
    uint32_t ef; /* 0: exact; SHELF_EF_DEFAULT */
    const struct filter *filter;
    bool has_payload; /* each hit's is read */
};

struct shelf_hit {
    uint64_t id;
    float score;
};

/* The k best; fewer when there are fewer. */
bool shelf_search(struct shelf *shelf, const float *query,
                  const struct shelf_walk *walk, struct shelf_hit *ret_hits,
                  uint32_t *ret_count);

/* The same for a query of any kind. */
bool shelf_search_vector(struct shelf *shelf, const struct named_vector *query,
                         const struct shelf_walk *walk,
                         struct shelf_hit *ret_hits, uint32_t *ret_count);

/* Recall of `count` queries (float[count][dim]):
 * a hit counts when its score is not worse than the k-th exact one's. */
bool shelf_recall(struct shelf *shelf, const float *queries, size_t count,
                  const struct shelf_walk *walk, double *ret_recall);

/* Bytes of this process in memory. */
uint64_t shelf_resident(void);

#endif /* BENCH_SHELF_H */
