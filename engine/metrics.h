/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/bytes.h"

#include <stdint.h>

/* Counters of the process and their Prometheus text. Observing is lock-free
 * and may happen on any thread; endpoints are added before that. */

#define METRICS_ENDPOINTS_MAX 160

struct metrics;

/* NULL when memory is out. */
struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A line of the request table; both strings must outlive the metrics. Returns
 * its number. At most METRICS_ENDPOINTS_MAX (asserted). */
unsigned metrics_endpoint_add(struct metrics *metrics, const char *method,
                              const char *endpoint);

/* One answered request. Durations count for status 200 only, as Qdrant does. */
void metrics_observe(struct metrics *metrics, unsigned endpoint, int status,
                     uint64_t duration_ns);

/* Requests answered so far, and those of them with status >= 400. */
void metrics_requests(const struct metrics *metrics, uint64_t *ret_count,
                      uint64_t *ret_failed);

/* rest_responses_* in the text format 0.0.4. */
void metrics_write_requests(const struct metrics *metrics, struct bytes *out);

/* process_* and memory_* of this process, from /proc. */
void metrics_write_process(struct bytes *out);

struct metrics_row {
    const char *name;
    const char *type; /* "gauge" or "counter" */
    const char *help;
    double value;
};

/* For each a line with its HELP and TYPE. */
void metrics_write(struct bytes *out, const struct metrics_row *rows,
                   size_t count);

/* One alone. */
void metrics_write_one(struct bytes *out, const char *name, const char *type,
                       const char *help, double value);

/* HELP and TYPE alone; lines of `name` follow by bytes_addf(). */
void metrics_write_head(struct bytes *out, const char *name, const char *type,
                        const char *help);

/* A label value with the escapes of the format, in quotes. */
void metrics_write_label(struct bytes *out, struct span value);

#endif /* ENGINE_METRICS_H */
