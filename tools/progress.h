/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* A bar on standard error, drawn ten times a second at most, and only where
 * that is a terminal. Numbers of the caller's unit: points, bytes. */
struct progress {
    const char *what; /* "points", "MB" */
    uint64_t divisor; /* of the numbers shown */
    uint64_t total;   /* 0: not known */
    uint64_t drawn_ms;
    uint64_t started_ms;
    bool is_shown;
};

/* `what` must outlive it. */
void progress_start(struct progress *progress, const char *what,
                    uint64_t total);

void progress_set(struct progress *progress, uint64_t done);

/* Clears the line, and returns the seconds it took. */
double progress_end(struct progress *progress);

#endif /* TOOLS_PROGRESS_H */
