/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_COST_H
#define ENGINE_INDEX_COST_H

#include <stddef.h>

/* What it costs to score a row on this machine, by its size: the planner
 * compares scans with walks by it. Measured once per process; without that,
 * fixed figures, so that tests plan alike everywhere. */

/* A row of b bytes costs base_ns + b * byte_ns. */
struct cost_line {
    double base_ns;
    double byte_ns;
};

struct cost {
    struct cost_line sequence; /* row after row, as a scan reads */
    struct cost_line random;   /* rows anywhere, fetched a batch ahead */
};

/* Time that cost_measure() may take; it needs about a third of it. */
#define COST_MEASURE_MS_MAX 20u

/* Measures with the chosen kernel over some MiB of memory, for at most
 * COST_MEASURE_MS_MAX or so. Keeps the fixed figures when there is no memory.
 * Call once, at start, after kernel_select() and before others ask. */
void cost_measure(void);

/* Constant after start. Any thread. */
const struct cost *cost_get(void);

/* ns for a row of `size` bytes. */
static inline double
cost_row_ns(const struct cost_line *line, size_t size)
{
    return line->base_ns + line->byte_ns * (double)size;
}

#endif /* ENGINE_INDEX_COST_H */
