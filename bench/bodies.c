/* SPDX-License-Identifier: Apache-2.0
 * A file of bodies, read twice: how many, and where each is. */
#include "bench/bodies.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fill.h"

#define HEAD_SIZE 4u

/* The body at `at`, and what follows it. False: the file ends too early. */
static bool
next_body(const char **at, const char *end, struct span *ret_body)
{
    uint32_t size;
    if ((size_t)(end - *at) < HEAD_SIZE)
        return false;
    memcpy(&size, *at, HEAD_SIZE);
    if ((size_t)(end - *at) - HEAD_SIZE < size)
        return false;
    *ret_body = (struct span){ *at + HEAD_SIZE, size };
    *at += HEAD_SIZE + size;
    return true;
}

bool
bodies_read(const char *path, struct bodies *ret_bodies)
{
    struct span body;
    size_t size = 0, count = 0;
    *ret_bodies = (struct bodies){ .bytes = fill_read_file(path, &size) };
    if (ret_bodies->bytes == NULL)
        return false;
    const char *at = ret_bodies->bytes, *end = at + size;
    while (next_body(&at, end, &body))
        count++;
    ret_bodies->items = calloc(count + 1, sizeof(*ret_bodies->items));
    if (at != end || count == 0 || ret_bodies->items == NULL) {
        fprintf(stderr, "azimuth-bench: %s is no file of bodies\n", path);
        return false;
    }
    at = ret_bodies->bytes;
    while (next_body(&at, end, &body))
        ret_bodies->items[ret_bodies->count++] = body;
    return true;
}

void
bodies_release(struct bodies *bodies)
{
    free(bodies->items);
    free(bodies->bytes);
    *bodies = (struct bodies){ .count = 0 };
}
