/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_FILL_H
#define BENCH_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "bench/npy.h"
#include "bench/shelf.h"

/* Points with payloads from files. What fails has been said on stderr. */

/* The whole file with a 0 behind it, from malloc; NULL: it failed. `ret_size`
 * may be NULL. */
char *fill_read_file(const char *path, size_t *ret_size);

/* Payloads, a line of JSON each. */
struct fill_lines {
    char *text; /* the file, each line ended by 0 */
    const char **lines;
};

/* The first `count` lines of the file. Released in either case by
 * fill_lines_release(). */
bool fill_lines_read(const char *path, size_t count,
                     struct fill_lines *ret_lines);
void fill_lines_release(struct fill_lines *lines);

/* Upserts row i of `base` with id i and payload lines[i], and waits until all
 * is linked. */
bool fill_shelf(struct shelf *shelf, const struct npy_matrix *base,
                const char *const *lines);

#endif /* BENCH_FILL_H */
