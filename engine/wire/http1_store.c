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
    struct exchange *exchange =
        (struct exchange *)(void *)((char *)completion -
                                    offsetof(struct exchange, completion));
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
    struct wire *wire = exchange->loop->wire;
    assert(exchange->state == EXCHANGE_BODY);
    exchange->task.run = store_work;
    exchange->completion.resume = store_resume;
    exchange->state = EXCHANGE_RUNNING;
    MHD_suspend_connection(exchange->mhd);
    exchange->loop->working++;
    if (executor_submit(wire->executor, &exchange->task))
        return;
    exchange->loop->working--;
    http1_exchange_refuse(exchange, REFUSAL_BUSY, wire->options.in_flight_max);
    MHD_resume_connection(exchange->mhd);
}
