/* SPDX-License-Identifier: Apache-2.0
 * Any bytes to the REST port: the connection answers with HTTP/1.1 or ends, and
 * behind it a plain request is answered with 200. */
#include "tests/fuzz/wire_target.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUTS_PER_REQUEST 32
#define TRIES              100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether the answer, if one came, begins with `expected`. */
static bool
is_answered(const void *data, size_t size, const char *expected, bool *ret_came)
{
    char answer[4096] = "";
    int fd = wire_target_connect(WIRE_HTTP1);
    if (fd >= 0) {
        wire_target_converse(fd, data, size, answer);
        close(fd);
    }
    *ret_came = answer[0] != '\0';
    return !*ret_came || strncmp(answer, expected, strlen(expected)) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char request[] =
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    static unsigned count;
    bool came;
    if (!wire_target_is_served())
        return 0;
    if (!is_answered(data, size, "HTTP/1.", &came))
        abort();
    if (count++ % INPUTS_PER_REQUEST != 0)
        return 0;
    /* A busy machine may not answer within the wait of one try. */
    for (unsigned tries = 0; tries < TRIES; tries++) {
        if (!is_answered(request, sizeof(request) - 1, "HTTP/1.1 200", &came))
            abort();
        if (came)
            return 0;
    }
    abort();
}
