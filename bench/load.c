/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench load: requests over REST or gRPC by so many connections, one on
 * its way on each, from one thread that does as little as it can; its processor
 * time and the server's are printed beside the latencies. */
#include "bench/load.h"
#include "bench/command.h"
#include "bench/ingest.h"
#include "bench/option.h"
#include "bench/timing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024u
#define EVENTS_MAX      64
#define WARM_SHARE      0.2
#define LATENCIES_FIRST 65536u

static const char usage[] =
    "usage: azimuth-bench load --port N --protocol http|grpc --path P "
    "[options]\n"
    "Sends requests to 127.0.0.1, one at a time on each connection, and prints "
    "JSON.\n"
    "  --path P           of the URL, or /package.Service/Method\n"
    "  --bodies FILE      each a u32 (little-endian) and so many bytes, in "
    "turn;\n"
    "                     without: GET, or the empty message\n"
    "  --connections N    (1)\n"
    "  --milliseconds N   measured, after a fifth of it to warm up (1000)\n"
    "  --pid N            the server's: its processor time is printed, too\n"
    "  --help\n";

struct options {
    const char *protocol;
    const char *path;
    const char *bodies;
    uint32_t port;
    uint32_t connections;
    uint32_t milliseconds;
    uint32_t pid;
};

struct load {
    const struct options *options;
    const struct load_protocol *protocol;
    struct load_target target;
    struct bodies bodies;
    struct load_client *clients;
    size_t clients_count;
    int epoll;
    size_t next; /* body */
    bool is_measured;
    double *latencies; /* seconds */
    size_t latencies_count, latencies_room;
    double answers_size;
};

/* Processor time of another process; 0 where there is none. */
static double
cpu_of(uint32_t pid)
{
    clockid_t clock;
    struct timespec now = { 0 };
    if (pid > 0 && clock_getcpuclockid((pid_t)pid, &clock) == 0)
        clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

bool
load_send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0) {
            fprintf(stderr, "azimuth-bench: send: %s\n", strerror(errno));
            return false;
        }
        data += sent;
        size -= (size_t)sent;
    }
    return true;
}

static bool
note(struct load *load, double seconds)
{
    if (load->latencies_count == load->latencies_room) {
        size_t room = load->latencies_room > 0 ? load->latencies_room * 2
                                               : LATENCIES_FIRST;
        double *more = realloc(load->latencies, room * sizeof(*more));
        if (more == NULL)
            return false;
        load->latencies = more;
        load->latencies_room = room;
    }
    load->latencies[load->latencies_count++] = seconds;
    return true;
}

static bool
begin_request(struct load *load, struct load_client *client)
{
    size_t at = load->next++;
    client->begin = timing_now_s();
    return load->protocol->send(
        client, load->bodies.count > 0 ? at % load->bodies.count : 0);
}

/* Its answer is complete: notes it and sends the next. */
static bool
end_request(struct load *load, struct load_client *client)
{
    if (load->is_measured) {
        if (!note(load, timing_now_s() - client->begin))
            return false;
        load->answers_size += (double)client->answer_size;
    }
    return begin_request(load, client);
}

static bool
drive(struct load *load, double until)
{
    struct epoll_event events[EVENTS_MAX];
    double now;
    while ((now = timing_now_s()) < until) {
        int count = epoll_wait(load->epoll, events, EVENTS_MAX,
                               (int)((until - now) * 1e3) + 1);
        if (count < 0 && errno != EINTR)
            return false;
        for (int i = 0; i < count; i++) {
            struct load_client *client = events[i].data.ptr;
            enum load_state state = load->protocol->receive(client);
            if (state == LOAD_FAILED ||
                (state == LOAD_DONE && !end_request(load, client)))
                return false;
        }
    }
    return true;
}

static bool
open_clients(struct load *load)
{
    uint32_t count = load->options->connections;
    load->clients = calloc(count, sizeof(*load->clients));
    load->epoll = epoll_create1(0);
    if (load->clients == NULL || load->epoll < 0)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct load_client *client = &load->clients[load->clients_count];
        client->target = &load->target;
        client->fd = ingest_post_connect((uint16_t)load->options->port);
        if (client->fd < 0)
            return false;
        load->clients_count++;
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
        if (!load->protocol->open(client) ||
            epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
            return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!begin_request(load, &load->clients[i]))
            return false;
    }
    return true;
}

static bool
measure(struct load *load)
{
    const struct options *options = load->options;
    double seconds = (double)options->milliseconds * 1e-3;
    if (!drive(load, timing_now_s() + seconds * WARM_SHARE))
        return false;
    double begin = timing_now_s(), cpu = timing_cpu_s();
    double server_cpu = cpu_of(options->pid);
    load->is_measured = true;
    if (!drive(load, begin + seconds))
        return false;
    seconds = timing_now_s() - begin;
    cpu = timing_cpu_s() - cpu;
    server_cpu = cpu_of(options->pid) - server_cpu;
    if (load->latencies_count == 0) {
        fputs("azimuth-bench: no answer in that time\n", stderr);
        return false;
    }
    double count = (double)load->latencies_count;
    struct timing timing = timing_of(load->latencies, load->latencies_count);
    printf("{\"requests\": %zu, \"seconds\": %.4f, \"qps\": %.1f, \"p50_us\": "
           "%.1f, \"p99_us\": %.1f, \"load_cpu_us\": %.2f, \"server_cpu_us\": "
           "%.2f, \"answer_bytes\": %.0f}\n",
           load->latencies_count, seconds, count / seconds, timing.p50 * 1e6,
           timing.p99 * 1e6, cpu / count * 1e6, server_cpu / count * 1e6,
           load->answers_size / count);
    return true;
}

static void
load_close(struct load *load)
{
    for (size_t i = 0; i < load->clients_count; i++) {
        load->protocol->close(&load->clients[i]);
        close(load->clients[i].fd);
    }
    if (load->epoll >= 0)
        close(load->epoll);
    if (load->target.bodies != NULL)
        load->protocol->release(&load->target);
    bodies_release(&load->bodies);
    free(load->clients);
    free(load->latencies);
}

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *o)
{
    const struct option_row rows[] = {
        { .name = "port", .number = &o->port, .max = 65535 },
        { .name = "protocol", .text = &o->protocol, .is_needed = true },
        { .name = "path", .text = &o->path, .is_needed = true },
        { .name = "bodies", .text = &o->bodies },
        { .name = "connections",
          .number = &o->connections,
          .max = CONNECTIONS_MAX },
        { .name = "milliseconds", .number = &o->milliseconds, .max = 600000 },
        { .name = "pid", .number = &o->pid, .max = INT32_MAX },
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
}

int
load_command(int argc, char **argv)
{
    struct options options = { .connections = 1, .milliseconds = 1000 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct load load = { .options = &options, .epoll = -1 };
    if (strcmp(options.protocol, load_http.name) == 0)
        load.protocol = &load_http;
    else if (strcmp(options.protocol, load_grpc.name) == 0)
        load.protocol = &load_grpc;
    if (load.protocol == NULL || options.port == 0) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    bool is_done =
        options.bodies == NULL || bodies_read(options.bodies, &load.bodies);
    load.target =
        (struct load_target){ .path = options.path, .bodies = &load.bodies };
    is_done = is_done && load.protocol->prepare(&load.target) &&
              open_clients(&load) && measure(&load);
    load_close(&load);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
