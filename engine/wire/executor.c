/* SPDX-License-Identifier: Apache-2.0
 * Worker threads behind one bounded queue. `lock` guards everything but the
 * thread list; no task runs under it. Tasks that wait for a disk do not count
 * as computing, so that another thread takes the next one; one that has waited
 * goes on at once, since it has little left to do. The thread that was idle for
 * the shortest time is woken: its stack and its part of the allocator are in
 * the caches, and the spare ones stay out of memory. */
#include "engine/wire/executor.h"

#include "base/blocking.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

/* A thread without a task; on its stack. */
struct idle {
    pthread_cond_t is_woken;
    struct idle *next;
    bool is_called; /* taken from the list, by whoever wakes it */
};

struct executor {
    pthread_mutex_t lock;
    struct idle *idle; /* the last one to become idle is first */
    struct executor_task *head, *tail;
    unsigned queued, queue_max;
    unsigned computing, computing_max;
    bool is_stopping;
    struct blocking_owner owner;
    unsigned threads_count;
    pthread_t threads[];
};

/* Caller holds the lock. */
static void
wake_one(struct executor *executor)
{
    struct idle *idle = executor->idle;
    if (idle == NULL)
        return;
    executor->idle = idle->next;
    idle->is_called = true;
    pthread_cond_signal(&idle->is_woken);
}

static void
wake_all(struct executor *executor)
{
    while (executor->idle != NULL)
        wake_one(executor);
}

/* Caller holds the lock, which is free meanwhile. */
static void
sleep_until_called(struct executor *executor, struct idle *idle)
{
    idle->is_called = false;
    idle->next = executor->idle;
    executor->idle = idle;
    while (!idle->is_called)
        pthread_cond_wait(&idle->is_woken, &executor->lock);
}

static void
begin_blocking(void *ctx)
{
    struct executor *executor = ctx;
    pthread_mutex_lock(&executor->lock);
    assert(executor->computing > 0);
    executor->computing--;
    if (executor->head != NULL)
        wake_one(executor);
    pthread_mutex_unlock(&executor->lock);
}

static void
end_blocking(void *ctx)
{
    struct executor *executor = ctx;
    pthread_mutex_lock(&executor->lock);
    executor->computing++;
    pthread_mutex_unlock(&executor->lock);
}

static bool
must_wait(const struct executor *executor)
{
    if (executor->head == NULL)
        return !executor->is_stopping;
    return executor->computing >= executor->computing_max;
}

static void *
executor_main(void *argument)
{
    struct executor *executor = argument;
    struct idle idle;
    pthread_cond_init(&idle.is_woken, NULL);
    blocking_set_owner(&executor->owner);
    pthread_mutex_lock(&executor->lock);
    for (;;) {
        while (must_wait(executor))
            sleep_until_called(executor, &idle);
        struct executor_task *task = executor->head;
        if (task == NULL)
            break;
        executor->head = task->next;
        if (executor->head == NULL)
            executor->tail = NULL;
        assert(executor->queued > 0);
        executor->queued--;
        executor->computing++;
        pthread_mutex_unlock(&executor->lock);
        task->run(task);
        pthread_mutex_lock(&executor->lock);
        assert(executor->computing > 0);
        executor->computing--;
    }
    /* Others may wait for their turn at a queue that is empty now. */
    wake_all(executor);
    pthread_mutex_unlock(&executor->lock);
    pthread_cond_destroy(&idle.is_woken);
    return NULL;
}

enum engine_code
executor_start(unsigned threads, unsigned queue_max,
               struct executor **ret_executor, struct error *reterr)
{
    assert(threads > 0 && threads <= EXECUTOR_THREADS_MAX && queue_max > 0);
    unsigned all = threads + EXECUTOR_SPARES;
    struct executor *executor =
        calloc(1, sizeof(*executor) + all * sizeof(pthread_t));
    if (executor == NULL)
        return error_memory(reterr);
    executor->computing_max = threads;
    executor->owner =
        (struct blocking_owner){ begin_blocking, end_blocking, executor };
    pthread_mutex_init(&executor->lock, NULL);
    executor->queue_max = queue_max;
    while (executor->threads_count < all) {
        pthread_t *thread = &executor->threads[executor->threads_count];
        if (pthread_create(thread, NULL, executor_main, executor) != 0) {
            unsigned started = executor->threads_count;
            executor_stop(executor);
            return error_set(reterr, ENGINE_ENOMEM,
                             "cannot start thread %u of %u", started + 1, all);
        }
        executor->threads_count++;
    }
    *ret_executor = executor;
    return ENGINE_OK;
}

/* Caller holds the lock. */
static void
enqueue(struct executor *executor, struct executor_task *task)
{
    assert(task->run != NULL && executor->queued < executor->queue_max);
    task->next = NULL;
    if (executor->tail != NULL)
        executor->tail->next = task;
    else
        executor->head = task;
    executor->tail = task;
    executor->queued++;
    wake_one(executor);
}

bool
executor_submit(struct executor *executor, struct executor_task *task)
{
    pthread_mutex_lock(&executor->lock);
    assert(!executor->is_stopping);
    bool has_room = executor->queued < executor->queue_max;
    if (has_room)
        enqueue(executor, task);
    pthread_mutex_unlock(&executor->lock);
    return has_room;
}

bool
executor_submit_idle(struct executor *executor, struct executor_task *task)
{
    pthread_mutex_lock(&executor->lock);
    bool is_taken =
        !executor->is_stopping &&
        executor->computing + executor->queued < executor->computing_max &&
        executor->queued < executor->queue_max;
    if (is_taken)
        enqueue(executor, task);
    pthread_mutex_unlock(&executor->lock);
    return is_taken;
}

void
executor_stop(struct executor *executor)
{
    if (executor == NULL)
        return;
    pthread_mutex_lock(&executor->lock);
    executor->is_stopping = true;
    wake_all(executor);
    pthread_mutex_unlock(&executor->lock);
    for (unsigned i = 0; i < executor->threads_count; i++)
        pthread_join(executor->threads[i], NULL);
    assert(executor->queued == 0);
    pthread_mutex_destroy(&executor->lock);
    free(executor);
}
