/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_URL_H
#define ENGINE_API_URL_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Paths and query strings as sent -> decoded parts. */

#define URL_SEGMENTS_MAX 16

/* Non-empty segments, each percent-decoded (an encoded '/' stays inside its
 * segment). `//` and a trailing `/` leave no segment. */
struct url_path {
    struct span segments[URL_SEGMENTS_MAX];
    size_t count;
};

/* False when there are too many segments, a segment is not UTF-8 or holds a
 * NUL, or memory is out: no such route then. */
bool url_path_parse(struct span path, struct arena *arena,
                    struct url_path *ret_path)
    __attribute__((warn_unused_result));

/* Matches `pattern` ("/collections/{name}/points") against `path`; {x} takes
 * any segment into ret_params in order. */
bool url_path_match(const struct url_path *path, const char *pattern,
                    struct span *ret_params, size_t params_max);

/* The parameters that operations know; others are ignored. */
struct url_query {
    bool has_wait, wait;
    uint64_t timeout_s; /* 0: not given */
    uint64_t details_level;
    bool anonymize;
    bool per_collection;  /* requests of the metrics by collection */
    struct span checksum; /* size 0: not given */
    bool with_queued, with_completed, with_idle_segments; /* optimizations */
    uint64_t completed_limit;
    bool explain; /* ours: how each search went, beside its result */
};

/* ENGINE_EQUERY, ENGINE_EVALIDQUERY name the parameter's fault. */
enum engine_code url_query_parse(struct span query, struct arena *arena,
                                 struct url_query *ret_query,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* `no_sync`, `snapshot` or `replica`: of a snapshot, which means the same here,
 * where one node serves alone. */
bool url_is_priority(struct span value);

#endif /* ENGINE_API_URL_H */
