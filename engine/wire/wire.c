/* SPDX-License-Identifier: Apache-2.0
 * The door of wire: loops, executor and listener as one thing. loops[0] runs
 * on the thread that calls wire_run(), the others on threads of their own. */
#include "engine/wire/wire.h"

#include "engine/wire/loop.h"
#include "engine/wire/tls.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

/* Tasks that wait for a worker; more requests get 503. */
#define EXECUTOR_QUEUE_MAX 4096

static void *
loop_main(void *argument)
{
    loop_run(argument);
    return NULL;
}

static enum engine_code
wire_threads(struct wire *wire, struct error *reterr)
{
    for (unsigned i = 1; i < wire->loops_count; i++) {
        struct loop *loop = &wire->loops[i];
        if (pthread_create(&loop->thread, NULL, loop_main, loop) != 0)
            return error_set(reterr, ENGINE_ENOMEM,
                             "cannot start I/O thread %u of %u", i + 1,
                             wire->loops_count);
        loop->has_thread = true;
    }
    return ENGINE_OK;
}

enum engine_code
wire_open(const struct wire_options *options, struct wire **ret_wire,
          struct error *reterr)
{
    assert(options->loops > 0 && options->loops <= WIRE_LOOPS_MAX);
    assert(options->workers > 0 && options->workers <= EXECUTOR_THREADS_MAX);
    struct wire *wire =
        calloc(1, sizeof(*wire) + options->loops * sizeof(struct loop));
    if (wire == NULL)
        return error_memory(reterr);
    wire->options = *options;
    enum engine_code code = ENGINE_OK;
    if (options->tls != NULL)
        code = tls_open(options->tls, &wire->tls, reterr);
    if (code == ENGINE_OK)
        code = listener_bind(wire, WIRE_HTTP1, reterr);
    if (code == ENGINE_OK && options->has_grpc)
        code = listener_bind(wire, WIRE_GRPC, reterr);
    if (code != ENGINE_OK)
        goto out;
    code = executor_start(options->workers, EXECUTOR_QUEUE_MAX, &wire->executor,
                          reterr);
    if (code != ENGINE_OK)
        goto out;
    while (wire->loops_count < options->loops) {
        code = loop_open(&wire->loops[wire->loops_count++], wire, reterr);
        if (code != ENGINE_OK)
            goto out;
    }
    for (unsigned i = 0; code == ENGINE_OK && i < wire->listeners_count; i++)
        code = listener_start(&wire->listeners[i], reterr);
    if (code == ENGINE_OK)
        code = wire_threads(wire, reterr);
out:
    if (code == ENGINE_OK)
        *ret_wire = wire;
    else
        wire_close(wire);
    return code;
}

uint16_t
wire_port(const struct wire *wire, enum wire_protocol protocol)
{
    for (unsigned i = 0; i < wire->listeners_count; i++) {
        if (wire->listeners[i].protocol == protocol)
            return wire->listeners[i].port;
    }
    return 0;
}

void
wire_stop_listening(struct wire *wire)
{
    for (unsigned i = 0; i < wire->listeners_count; i++)
        listener_stop(&wire->listeners[i]);
}

unsigned
wire_run(struct wire *wire)
{
    loop_run(&wire->loops[0]);
    for (unsigned i = 1; i < wire->loops_count; i++) {
        if (wire->loops[i].has_thread)
            pthread_join(wire->loops[i].thread, NULL);
        wire->loops[i].has_thread = false;
    }
    return atomic_load(&wire->unfinished);
}

void
wire_reload(struct wire *wire)
{
    tls_reload(wire->tls);
}

void
wire_stop(struct wire *wire)
{
    if (atomic_load(&wire->is_stopping))
        return;
    atomic_store(&wire->drain_start_ms, loop_now_ms());
    atomic_store(&wire->is_stopping, true);
    for (unsigned i = 0; i < wire->loops_count; i++)
        uv_async_send(&wire->loops[i].wake);
}

/* A piece of somebody's work on its way to an executor thread. */
struct loan {
    struct executor_task task;
    void (*run)(void *arg);
    void *arg;
};

static void
loan_run(struct executor_task *task)
{
    struct loan *loan = (struct loan *)task; /* its first member */
    loan->run(loan->arg);
    free(loan);
}

bool
wire_lend(void *ctx, void (*run)(void *arg), void *arg)
{
    struct wire *wire = ctx;
    struct loan *loan = malloc(sizeof(*loan));
    if (loan == NULL)
        return false;
    *loan = (struct loan){ .task.run = loan_run, .run = run, .arg = arg };
    bool is_taken = executor_submit_idle(wire->executor, &loan->task);
    if (!is_taken)
        free(loan);
    return is_taken;
}

void
wire_counters(struct wire *wire, struct wire_counters *ret_counters)
{
    uint64_t open = 0;
    for (unsigned i = 0; i < wire->loops_count; i++)
        open += atomic_load(&wire->loops[i].connections_count) +
                atomic_load(&wire->loops[i].lingering_count);
    *ret_counters = (struct wire_counters){
        .connections = open,
        .connections_total = atomic_load(&wire->connections_total),
        .connections_refused = atomic_load(&wire->connections_refused),
        .connections_timedout = atomic_load(&wire->connections_timedout),
        .in_flight = atomic_load(&wire->in_flight),
        .bodies_size = atomic_load(&wire->bodies_size),
    };
}

void
wire_close(struct wire *wire)
{
    if (wire == NULL)
        return;
    bool is_running = false;
    for (unsigned i = 1; i < wire->loops_count; i++)
        is_running = is_running || wire->loops[i].has_thread;
    if (is_running) {
        wire_stop(wire);
        unsigned unfinished = wire_run(wire);
        assert(unfinished == 0);
        (void)unfinished;
    }
    executor_stop(wire->executor);
    wire_stop_listening(wire);
    for (unsigned i = 0; i < wire->loops_count; i++)
        loop_close(&wire->loops[i]);
    for (unsigned i = 0; i < wire->listeners_count; i++) {
        if (wire->listeners[i].fd >= 0)
            close(wire->listeners[i].fd);
    }
    tls_close(wire->tls);
    free(wire);
}
