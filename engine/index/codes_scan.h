/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_CODES_SCAN_H
#define ENGINE_INDEX_CODES_SCAN_H

#include "engine/error.h"
#include "engine/index/hnsw.h"
#include "engine/index/plain.h"

/* Nearest neighbours among listed slots: every code is looked at, and the
 * vectors of those that may be among the best. */

struct codes_scan {
    const struct hnsw_rows *rows; /* with codes */
    const uint32_t *slots;        /* no repeats; ascending is fastest */
    uint32_t slot_count;
    const struct slot_filter *filter; /* may be NULL; `accept` is asked only
                                         for what may be among the best */
    float distance_max; /* what is further away is not wanted; INFINITY */
    struct stopper stopper;
    uint32_t *rescored_count; /* gets how many vectors were read; may be NULL */
};

/* As plain_search(), with exact distances, but what an estimate is off by more
 * than four deviations of its row may be missing (hardly ever).
 *   query  float[dim], unit length when rows are (datatype.h); borrowed
 *   k      1..HNSW_K_MAX
 * ENGINE_ETIMEOUT  the stopper said so. ENGINE_ENOMEM. Or the failure of
 * `fetch`. Any thread; takes no lock. */
enum engine_code codes_search(const struct codes_scan *scan, const float *query,
                              uint32_t k, struct hit *ret_hits,
                              uint32_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_INDEX_CODES_SCAN_H */
