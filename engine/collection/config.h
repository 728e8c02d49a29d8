/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_H
#define ENGINE_COLLECTION_CONFIG_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"
#include "engine/error.h"
#include "engine/index/sparse.h"
#include "engine/index/vector_row.h"
#include "engine/kernel/kernel.h"

#include <stdbool.h>
#include <stdint.h>

/* What a collection was created with. The JSON form is Qdrant's: REST bodies,
 * the collection info and the stored configuration are all read and written
 * here, so that they cannot differ. */

#define CONFIG_VECTORS_MAX 256 /* named vectors of one collection */

struct hnsw_config {
    uint32_t m;                    /* 16; 0: no graph */
    uint32_t payload_m;            /* 0; else with m 0: codes for scans */
    uint32_t ef_construct;         /* 100 */
    uint32_t full_scan_threshold;  /* KiB, 10000 */
    uint32_t max_indexing_threads; /* 0: automatic */
    bool on_disk;
};

struct vector_config {
    struct span name; /* "" for the unnamed one */
    enum vector_kind kind;
    bool has_idf;  /* sparse: modifier idf */
    uint32_t size; /* 1..COMMAND_DIM_MAX; 0 when sparse */
    enum metric distance;
    enum datatype datatype;
    bool is_on_disk;                /* on_disk, or memory: cold */
    enum sparse_place sparse_place; /* of a sparse index */
    struct hnsw_config hnsw; /* the collection's, with the vector's changes */
    struct span json;        /* its object as given, for the echo */
};

struct collection_config {
    struct vector_config *vectors; /* sparse ones last */
    size_t vectors_count;          /* 0..CONFIG_VECTORS_MAX */
    bool is_unnamed;               /* created as `vectors: {size, distance}` */
    struct hnsw_config hnsw;
    uint32_t shard_number;             /* 1 */
    uint32_t replication_factor;       /* 1 */
    uint32_t write_consistency_factor; /* 1 */
    bool on_disk_payload;              /* true */
    uint64_t indexing_threshold;       /* KiB, 10000; 0: never index */
    uint64_t flush_interval_sec;       /* 5 */
    /* As given, unknown members dropped, merged by PATCH; size 0: absent. */
    struct span hnsw_json;
    struct span optimizers_json;
    struct span wal_json;
    struct span quantization_json;
    struct span strict_mode_json;
    struct span metadata_json;
};

/* Reads a create body. Everything is copied into `arena`, which must outlive
 * the config. ENGINE_EFORMAT, ENGINE_EVALID or ENGINE_EINPUT name the field
 * and the limit. */
enum engine_code config_parse(yyjson_val *body, struct arena *arena,
                              struct collection_config *ret_config,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* A deep copy in `arena`. ENGINE_ENOMEM */
enum engine_code
config_copy(const struct collection_config *config, struct arena *arena,
            struct collection_config *ret_config, struct error *reterr)
    __attribute__((warn_unused_result));

/* Applies a PATCH body to a copy of `config` in `arena`. Errors as above;
 * what may not change (size, distance) is refused. */
enum engine_code config_patch(const struct collection_config *config,
                              yyjson_val *body, struct arena *arena,
                              struct collection_config *ret_config,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* The create body that would make this config: the stored form. */
void config_write_stored(const struct collection_config *config,
                         struct json_writer *writer);

/* The `config` object of the collection info. */
void config_write_info(const struct collection_config *config,
                       struct json_writer *writer);

#endif /* ENGINE_COLLECTION_CONFIG_H */
