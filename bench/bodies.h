/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_BODIES_H
#define BENCH_BODIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Bodies of requests in a file, one after the other: each is its size as a
 * little-endian u32, then its bytes. */

struct bodies {
    char *bytes; /* the file */
    struct span *items;
    size_t count;
};

/* False (said why on stderr): the file is not such, or has no body. Released
 * in either case. */
bool bodies_read(const char *path, struct bodies *ret_bodies);
void bodies_release(struct bodies *bodies);

#endif /* BENCH_BODIES_H */
