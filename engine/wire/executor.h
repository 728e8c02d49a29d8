/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_EXECUTOR_H
#define ENGINE_WIRE_EXECUTOR_H

#include "engine/error.h"

#include <stdbool.h>

/* A pool of threads that run what would hold an I/O loop too long. Tasks are
 * intrusive: the caller owns them until `run` was called. */

#define EXECUTOR_THREADS_MAX 1024

/* Threads beyond the workers: as many tasks may wait for a disk (they say so
 * by base/blocking.h) while all workers compute. */
#define EXECUTOR_SPARES 64u

struct executor_task {
    void (*run)(struct executor_task *task);
    struct executor_task *next;
};

struct executor;

/* Starts `threads` workers (1..EXECUTOR_THREADS_MAX) and the spares; at most
 * `threads` tasks are begun or resumed at once, `queue_max` wait. ENGINE_ENOMEM
 * memory, or the system gives no thread. */
enum engine_code executor_start(unsigned threads, unsigned queue_max,
                                struct executor **ret_executor,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Queues `task`, first come first served. False when the queue is full. Any
 * thread, until executor_stop(). */
bool executor_submit(struct executor *executor, struct executor_task *task)
    __attribute__((warn_unused_result));

/* As executor_submit(), but only if a worker has nothing to do; false when none
 * has, or when the pool is being stopped. */
bool executor_submit_idle(struct executor *executor, struct executor_task *task)
    __attribute__((warn_unused_result));

/* Runs what is queued, then ends and frees the pool. NULL is allowed. */
void executor_stop(struct executor *executor);

#endif /* ENGINE_WIRE_EXECUTOR_H */
