/* SPDX-License-Identifier: Apache-2.0
 * Bodies that go into files, a piece at a time:
 *   BODY -> RUNNING (suspended; the executor writes) -> BODY or, failed, DISCARD
 */
#include "engine/wire/http1_exchange.h"

#include "base/blocking.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

static void
store_work(struct executor_task *task)
{
    struct exchange *exchange = (struct exchange *)(void *)task;
    struct span rest = bytes_span(&exchange->body);
    blocking_begin();
    while (rest.size > 0) {
        ssize_t done = write(exchange->request.body_file, rest.data, rest.size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            exchange->file_errno = errno;
            break;
        }
        rest.data += done;
        rest.size -= (size_t)done;
    }
    blocking_end();
    loop_finish(exchange->loop, &exchange->completion);
}

static void
store_resume(struct completion *completion)
{
    struct exchange *exchange = http1_exchange_of(completion);
    assert(exchange->state == EXCHANGE_RUNNING);
    exchange->state = EXCHANGE_BODY;
    exchange->request.body_file_size += exchange->body.size;
    http1_exchange_drop_body(exchange);
    if (exchange->file_errno != 0)
        http1_exchange_refuse(exchange, REFUSAL_BODY_FILE,
                              (uint64_t)exchange->file_errno);
    MHD_resume_connection(exchange->mhd);
}

void
http1_exchange_store(struct exchange *exchange)
{
    assert(exchange->state == EXCHANGE_BODY);
    http1_exchange_defer(exchange, store_work, store_resume);
}
