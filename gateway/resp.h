/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_RESP_H
#define GATEWAY_RESP_H

#include <hiredis/hiredis.h>
#include <stddef.h>

/* Reads a server's replies (RESP2) within limits: however it lies, what is
 * kept of one reply, read or half read, stays below RESP_REPLY_SIZE_MAX bytes,
 * elements being counted as RESP_ELEMENT_COST each. hiredis itself would wait
 * for 2 GiB or make room for 2^31 elements. */

#define RESP_REPLY_SIZE_MAX ((size_t)1 << 20)
#define RESP_ELEMENT_COST   64
#define RESP_DEPTH_MAX      7

struct resp;

/* NULL when memory is out. */
struct resp *resp_create(void) __attribute__((warn_unused_result));
void resp_free(struct resp *resp);

enum resp_code {
    RESP_REPLY, /* one more reply; freeReplyObject() it */
    RESP_MORE,  /* needs more bytes */
    RESP_BROKEN /* malformed or over a limit: give the connection up */
};

/* Takes `size` bytes; to be followed by resp_next() until it is not
 * RESP_REPLY. 0, or -1 when memory is out. */
int resp_feed(struct resp *resp, const char *bytes, size_t size)
    __attribute__((warn_unused_result));

enum resp_code resp_next(struct resp *resp, redisReply **ret_reply)
    __attribute__((warn_unused_result));

/* Why it is RESP_BROKEN; lives as long as `resp`. */
const char *resp_cause(const struct resp *resp);

#endif /* GATEWAY_RESP_H */
