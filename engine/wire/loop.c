/* SPDX-License-Identifier: Apache-2.0
 * One I/O thread. The daemon never polls by itself: uv watches its epoll
 * descriptor and its next timeout, and every event ends in loop_drive().
 * Other threads reach the loop only through the inbox and `wake`. The sweep
 * cuts connections that are idle or too slow, and ends the drain. */
#include "engine/wire/http2.h"
#include "engine/wire/loop.h"
#include "engine/wire/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SWEEP_INTERVAL_MS 1000
#define DRAIN_INTERVAL_MS 10

uint64_t
loop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t
loop_now_ms(void)
{
    return loop_now_ns() / 1000000;
}

static void on_timer(uv_timer_t *timer);

/* Lets the daemon do all it can without waiting. */
static void
loop_drive(struct loop *loop)
{
    if (loop->daemon == NULL)
        return;
    MHD_run(loop->daemon);
    MHD_UNSIGNED_LONG_LONG timeout = 0;
    if (MHD_get_timeout(loop->daemon, &timeout) == MHD_YES)
        uv_timer_start(&loop->timer, on_timer, timeout, 0);
    else
        uv_timer_stop(&loop->timer);
}

static void
on_timer(uv_timer_t *timer)
{
    loop_drive(timer->data);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    loop_drive(poll->data);
}

static void
loop_add(struct loop *loop, struct incoming *incoming)
{
    if (loop->wire->tls != NULL && !tls_add(loop, incoming)) {
        close(incoming->fd);
        free(incoming);
        atomic_fetch_sub(&loop->connections_count, 1);
        atomic_fetch_add(&loop->wire->connections_refused, 1);
        return;
    }
    if (incoming->is_http2) {
        http2_add(loop, incoming->fd);
        free(incoming);
        return;
    }
    /* On failure the daemon closes the socket and no connection callback
     * follows. */
    if (MHD_add_connection(loop->daemon, incoming->fd,
                           (struct sockaddr *)&incoming->address,
                           incoming->address_size) != MHD_YES) {
        atomic_fetch_sub(&loop->connections_count, 1);
        atomic_fetch_add(&loop->wire->connections_refused, 1);
    }
    free(incoming);
}

/* What has arrived is still read and answered; then the end is seen. */
static void
loop_end_idle(struct loop *loop)
{
    for (struct connection *connection = loop->connections; connection != NULL;
         connection = connection->next) {
        if (connection->phase != CONNECTION_IDLE || connection->is_ending)
            continue;
        connection->is_ending = true;
        shutdown(connection->fd, SHUT_RD);
    }
}

static void
loop_begin_drain(struct loop *loop)
{
    loop->is_draining = true;
    if (loop == &loop->wire->loops[0])
        wire_stop_listening(loop->wire);
    loop_end_idle(loop);
    http2_begin_drain(loop);
    uv_timer_set_repeat(&loop->sweep, DRAIN_INTERVAL_MS);
    uv_timer_again(&loop->sweep);
}

static void
on_wake(uv_async_t *wake)
{
    struct loop *loop = wake->data;
    if (loop->is_closing)
        return; /* loop_close() empties the inbox */
    pthread_mutex_lock(&loop->lock);
    struct incoming *incoming = loop->incoming;
    struct completion *finished = loop->finished;
    loop->incoming = NULL;
    loop->finished = NULL;
    pthread_mutex_unlock(&loop->lock);
    while (incoming != NULL) {
        struct incoming *next = incoming->next;
        loop_add(loop, incoming);
        incoming = next;
    }
    while (finished != NULL) {
        struct completion *next = finished->next;
        assert(loop->working > 0);
        loop->working--;
        finished->resume(finished);
        finished = next;
    }
    if (atomic_load(&loop->wire->is_stopping) && !loop->is_draining)
        loop_begin_drain(loop);
    loop_drive(loop);
}

/* The time until which `connection` may stay in its phase; 0: for ever. */
static uint64_t
connection_deadline_ms(const struct connection *connection,
                       unsigned idle_timeout_ms)
{
    switch (connection->phase) {
    case CONNECTION_IDLE:
        return connection->phase_start_ms + idle_timeout_ms;
    case CONNECTION_BODY:
    case CONNECTION_REPLY:
        return connection->phase_start_ms + WIRE_RATE_GRACE_MS +
               connection->phase_size * 1000 / WIRE_RATE_MIN_PER_S;
    case CONNECTION_WORKING:
        break;
    }
    return 0;
}

static void
loop_cut_late(struct loop *loop, uint64_t now_ms, bool is_over)
{
    for (struct connection *connection = loop->connections; connection != NULL;
         connection = connection->next) {
        uint64_t deadline_ms = connection_deadline_ms(
            connection, loop->wire->options.idle_timeout_ms);
        if (connection->is_cut || deadline_ms == 0 ||
            (now_ms < deadline_ms && !is_over))
            continue;
        connection->is_cut = true;
        shutdown(connection->fd, SHUT_RDWR);
        atomic_fetch_add(&loop->wire->connections_timedout, 1);
    }
}

/* Clients that left in the middle of a request. */
static void
loop_end_half_closed(struct loop *loop)
{
    for (struct connection *connection = loop->connections; connection != NULL;
         connection = connection->next) {
        if (connection->phase == CONNECTION_IDLE ||
            connection->phase == CONNECTION_BODY)
            http1_end_half_closed(connection);
    }
}

static void
close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void
loop_end(struct loop *loop)
{
    uv_poll_stop(&loop->poll);
    if (loop->working == 0 && loop->daemon != NULL) {
        MHD_stop_daemon(loop->daemon);
        loop->daemon = NULL;
    }
    http2_close_all(loop);
    tls_close_all(loop);
    loop->is_closing = true;
    atomic_fetch_add(&loop->wire->unfinished, loop->working);
    uv_stop(&loop->uv);
}

static void
on_sweep(uv_timer_t *timer)
{
    struct loop *loop = timer->data;
    uint64_t now_ms = loop_now_ms();
    bool is_over =
        loop->is_draining && now_ms - atomic_load(&loop->wire->drain_start_ms) >
                                 loop->wire->options.drain_timeout_ms;
    loop_cut_late(loop, now_ms, is_over);
    loop_end_half_closed(loop);
    http2_sweep(loop, now_ms);
    tls_sweep(loop, now_ms);
    if (loop->wire->tls != NULL && loop == &loop->wire->loops[0])
        tls_look(loop->wire->tls, loop->wire->executor, now_ms);
    if (loop->is_draining)
        loop_end_idle(loop);
    loop_drive(loop);
    if (!loop->is_draining || loop->is_closing)
        return;
    bool is_empty =
        atomic_load(&loop->connections_count) == 0 && loop->tls_links == NULL;
    if (is_empty || is_over)
        loop_end(loop);
}

static enum engine_code
loop_handles(struct loop *loop)
{
    if (uv_loop_init(&loop->uv) != 0)
        return ENGINE_ENOMEM;
    if (uv_async_init(&loop->uv, &loop->wake, on_wake) != 0) {
        uv_loop_close(&loop->uv);
        return ENGINE_ENOMEM;
    }
    loop->is_ready = true;
    loop->wake.data = loop;
    uv_timer_init(&loop->uv, &loop->timer);
    uv_timer_init(&loop->uv, &loop->sweep);
    loop->timer.data = loop;
    loop->sweep.data = loop;
    loop->daemon = http1_start(loop);
    if (loop->daemon == NULL)
        return ENGINE_ENOMEM;
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(&loop->uv, &loop->poll, info->epoll_fd))
        return ENGINE_ENOMEM;
    loop->poll.data = loop;
    if (uv_poll_start(&loop->poll, UV_READABLE, on_poll) != 0)
        return ENGINE_ENOMEM;
    if (uv_timer_start(&loop->sweep, on_sweep, SWEEP_INTERVAL_MS,
                       SWEEP_INTERVAL_MS) != 0)
        return ENGINE_ENOMEM;
    return ENGINE_OK;
}

enum engine_code
loop_open(struct loop *loop, struct wire *wire, struct error *reterr)
{
    loop->wire = wire;
    pthread_mutex_init(&loop->lock, NULL);
    if (loop_handles(loop) != ENGINE_OK)
        return error_set(reterr, ENGINE_ENOMEM, "cannot start an I/O loop");
    return ENGINE_OK;
}

void
loop_close(struct loop *loop)
{
    if (loop->wire == NULL)
        return;
    if (loop->is_ready) {
        uv_walk(&loop->uv, close_handle, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        if (loop->daemon != NULL)
            MHD_stop_daemon(loop->daemon);
        loop->daemon = NULL;
        int rc = uv_loop_close(&loop->uv);
        assert(rc == 0);
        (void)rc;
    }
    while (loop->incoming != NULL) {
        struct incoming *next = loop->incoming->next;
        close(loop->incoming->fd);
        free(loop->incoming);
        loop->incoming = next;
    }
    assert(loop->finished == NULL);
    pthread_mutex_destroy(&loop->lock);
}

void
loop_run(struct loop *loop)
{
    loop_drive(loop);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void
loop_give(struct loop *loop, struct incoming *incoming)
{
    atomic_fetch_add(&loop->connections_count, 1);
    if (loop == &loop->wire->loops[0]) {
        loop_add(loop, incoming);
        uv_timer_start(&loop->timer, on_timer, 0, 0);
        return;
    }
    pthread_mutex_lock(&loop->lock);
    incoming->next = loop->incoming;
    loop->incoming = incoming;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

void
loop_finish(struct loop *loop, struct completion *completion)
{
    pthread_mutex_lock(&loop->lock);
    bool was_empty = loop->finished == NULL;
    completion->next = loop->finished;
    loop->finished = completion;
    pthread_mutex_unlock(&loop->lock);
    /* The one who filled the inbox wakes the loop, which takes it whole. */
    if (was_empty)
        uv_async_send(&loop->wake);
}
