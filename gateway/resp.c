/* SPDX-License-Identifier: Apache-2.0 */
/* Puts limits around hiredis' parser: its functions that make objects are
 * wrapped by ones that count. A reply whose end has not come is either in the
 * parser's buffer (a string) or in objects already (elements of an array);
 * both are counted. The functions' types changed in hiredis 1.0. */

#include "gateway/resp.h"

#include <stdlib.h>

#if HIREDIS_MAJOR >= 1
typedef size_t resp_count;
#else
typedef int resp_count;
#endif

struct resp {
    redisReader *reader;
    redisReplyObjectFunctions functions;
    const redisReplyObjectFunctions *own; /* hiredis' */
    size_t size; /* of the objects of the reply being read */
    int is_over;
};

/* Whether `size` more bytes may be kept. */
static int
resp_count_in(const redisReadTask *task, size_t size)
{
    struct resp *resp = task->privdata;

    if (task->parent == NULL) {
        resp->size = 0;
    }
    if (size > RESP_REPLY_SIZE_MAX - resp->size) {
        resp->is_over = 1;
        return 0;
    }
    resp->size += size;
    return 1;
}

static void *
resp_string(const redisReadTask *task, char *bytes, size_t size)
{
    struct resp *resp = task->privdata;

    return resp_count_in(task, size)
               ? resp->own->createString(task, bytes, size)
               : NULL;
}

/* hiredis 1.x nests as deeply as the server wants. */
static int
resp_is_too_deep(const redisReadTask *task)
{
    int depth = 0;

    while ((task = task->parent) != NULL) {
        depth++;
    }
    return depth >= RESP_DEPTH_MAX;
}

static void *
resp_array(const redisReadTask *task, resp_count count)
{
    struct resp *resp = task->privdata;

    if (resp_is_too_deep(task) || (long long)count < 0 ||
        (size_t)count > RESP_REPLY_SIZE_MAX / RESP_ELEMENT_COST) {
        resp->is_over = 1;
        return NULL;
    }
    return resp_count_in(task, (size_t)count * RESP_ELEMENT_COST)
               ? resp->own->createArray(task, count)
               : NULL;
}

struct resp *
resp_create(void)
{
    struct resp *resp = calloc(1, sizeof(*resp));

    if (resp == NULL) {
        return NULL;
    }
    resp->reader = redisReaderCreate();
    if (resp->reader == NULL) {
        free(resp);
        return NULL;
    }
    resp->own = resp->reader->fn;
    resp->functions = *resp->own;
    resp->functions.createString = resp_string;
    resp->functions.createArray = resp_array;
    resp->reader->fn = &resp->functions;
    resp->reader->privdata = resp;
    return resp;
}

void
resp_free(struct resp *resp)
{
    if (resp != NULL) {
        redisReaderFree(resp->reader);
        free(resp);
    }
}

int
resp_feed(struct resp *resp, const char *bytes, size_t size)
{
    return redisReaderFeed(resp->reader, bytes, size) == REDIS_OK ? 0 : -1;
}

enum resp_code
resp_next(struct resp *resp, redisReply **ret_reply)
{
    void *reply = NULL;

    if (redisReaderGetReply(resp->reader, &reply) != REDIS_OK) {
        return RESP_BROKEN;
    }
    if (reply != NULL) {
        *ret_reply = reply;
        return RESP_REPLY;
    }
    if (resp->reader->len - resp->reader->pos > RESP_REPLY_SIZE_MAX / 2) {
        resp->is_over = 1;
        return RESP_BROKEN;
    }
    return RESP_MORE;
}

const char *
resp_cause(const struct resp *resp)
{
    return resp->is_over ? "a reply that is too large" : resp->reader->errstr;
}
