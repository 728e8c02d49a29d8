/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_METRICS_TEXT_H
#define ENGINE_METRICS_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

/* The text of a scrape, in Prometheus' format 0.0.4 or in OpenMetrics 1.0:
 * there counters lose `_total` in their heads, histograms may have exemplars,
 * and the text ends with "# EOF". One thread at a time. */
struct metrics_text {
    struct bytes *out;
    bool is_open_metrics;
    bool is_anonymous;  /* names of what people store are hashed */
    const char *prefix; /* before every name; "" by default */
};

#define METRICS_PREFIX_SIZE_MAX 64

extern const char metrics_type_text[]; /* Content-Type of the two */
extern const char metrics_type_open[];

/* Whether a header `Accept` (NULL: none came) asks for OpenMetrics. */
bool metrics_accepts_open(const char *accept);

/* Letters, digits and '_' only, at most METRICS_PREFIX_SIZE_MAX. */
bool metrics_prefix_is_valid(const char *prefix);

/* HELP and TYPE alone; lines of `name` follow. `type` is "gauge", "counter" or
 * "histogram"; the name of a counter ends in _total (asserted). */
void metrics_head(struct metrics_text *text, const char *name, const char *type,
                  const char *help);

/* The name of a line, with the prefix: labels and value follow by bytes_. */
void metrics_name(struct metrics_text *text, const char *name);

/* A label value with the escapes of the format, in quotes. */
void metrics_label(struct metrics_text *text, struct span value);

/* The same, hashed where the text is anonymous. */
void metrics_label_private(struct metrics_text *text, struct span value);

struct metrics_row {
    const char *name;
    const char *type; /* "gauge" or "counter" */
    const char *help;
    double value;
};

/* For each a line with its HELP and TYPE. */
void metrics_rows(struct metrics_text *text, const struct metrics_row *rows,
                  size_t count);

/* One alone. */
void metrics_one(struct metrics_text *text, const char *name, const char *type,
                 const char *help, double value);

/* After the last line. */
void metrics_end(struct metrics_text *text);

#endif /* ENGINE_METRICS_TEXT_H */
