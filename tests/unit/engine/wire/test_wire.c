/* SPDX-License-Identifier: Apache-2.0
 * The network face against a small handler, over real sockets: answers on the
 * loop and from the executor, limits, clients that misbehave, the drain. */
#include "engine/wire/wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/fixture/suite.h"

#define BODY_MAX   1000
#define WAIT_MS    10000
#define ANSWER_MAX 65536

static struct wire *wire;
static pthread_t server;
static atomic_int started, finished, released;
static atomic_bool is_held;
static unsigned unfinished;

static void
sleep_ms(long ms)
{
    struct timespec time = { ms / 1000, (ms % 1000) * 1000000 };
    nanosleep(&time, NULL);
}

/* "/slow..." is deferred, and waits while is_held. */
static enum handler_step
on_start(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    atomic_fetch_add(&started, 1);
    if (span_starts(request->path, "/slow"))
        return HANDLER_DEFER;
    reply->content_type = "text/plain";
    if (span_equal_text(request->path, "/big"))
        bytes_addf(&reply->body, "%0*d", (int)WIRE_SMALL_REPLY_SIZE, 0);
    bytes_addf(&reply->body, "%d %.*s?%.*s %zu", (int)request->method,
               (int)request->path.size, request->path.data,
               (int)request->query.size, request->query.data,
               request->body.size);
    const char *name = request->header(request, "x-name");
    if (name != NULL)
        bytes_add_text(&reply->body, name);
    return HANDLER_DONE;
}

static void
on_finish(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    while (atomic_load(&is_held))
        sleep_ms(5);
    bytes_addf(&reply->body, "slow %zu", request->body.size);
    reply->status = 202;
    atomic_fetch_add(&finished, 1);
}

static void
on_release(void *ctx, struct request *request)
{
    (void)ctx;
    (void)request;
    atomic_fetch_add(&released, 1);
}

static void
on_refuse(void *ctx, enum refusal refusal, uint64_t size, uint64_t limit,
          struct reply *reply)
{
    (void)ctx;
    (void)size;
    bool is_clients =
        refusal == REFUSAL_BODY_SIZE || refusal == REFUSAL_FRAMING;
    reply->status = is_clients ? 400 : 503;
    bytes_addf(&reply->body, "refused %d limit %llu", (int)refusal,
               (unsigned long long)limit);
}

static struct wire_options
options_small(void)
{
    return (struct wire_options){
        .host = "127.0.0.1",
        .loops = 2,
        .workers = 2,
        .connections_max = 20,
        .in_flight_max = 4,
        .body_size_max = BODY_MAX,
        .bodies_size_max = (uint64_t)1 << 20,
        .replies_size_max = (uint64_t)1 << 20,
        .arena_size_max = 1 << 20,
        .idle_timeout_ms = 60000,
        .drain_timeout_ms = 5000,
        .server = "test/1",
        .handler = { .start = on_start,
                     .finish = on_finish,
                     .release = on_release,
                     .refuse = on_refuse },
    };
}

static void *
serve(void *unused)
{
    (void)unused;
    unfinished = wire_run(wire);
    return NULL;
}

static void
open_with(const struct wire_options *options)
{
    struct error error = { .text = "" };
    ck_assert_msg(wire_open(options, &wire, &error) == ENGINE_OK, "%s",
                  error.text);
    ck_assert_int_eq(pthread_create(&server, NULL, serve, NULL), 0);
}

static void
open_small(void)
{
    struct wire_options options = options_small();
    open_with(&options);
}

static void
close_clean(void)
{
    wire_stop(wire);
    pthread_join(server, NULL);
    ck_assert_uint_eq(unfinished, 0);
    ck_assert_int_eq(atomic_load(&started), atomic_load(&released));
    struct wire_counters counters;
    wire_counters(wire, &counters);
    ck_assert_uint_eq(counters.in_flight, 0);
    ck_assert_uint_eq(counters.bodies_size, 0);
    wire_close(wire);
}

static int
client(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons(wire_port(wire, WIRE_HTTP1)) };
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)),
                     0);
    return fd;
}

static void
say(int fd, const char *text)
{
    size_t size = strlen(text);
    ck_assert_int_eq(send(fd, text, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Reads until `ending` stands in the answer, or the end when it is NULL. */
static const char *
hear(int fd, const char *ending)
{
    static char answer[ANSWER_MAX];
    size_t size = 0;
    answer[0] = '\0';
    while (size + 1 < sizeof(answer)) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        if (poll(&wait, 1, WAIT_MS) != 1)
            ck_abort_msg("no answer; so far: %s", answer);
        ssize_t more = recv(fd, answer + size, sizeof(answer) - 1 - size, 0);
        if (more <= 0)
            return answer;
        size += (size_t)more;
        answer[size] = '\0';
        if (ending != NULL && strstr(answer, ending) != NULL)
            return answer;
    }
    return answer;
}

static void
expect(const char *answer, const char *part)
{
    ck_assert_msg(strstr(answer, part) != NULL, "no \"%s\" in: %s", part,
                  answer);
}

START_TEST(wire_answers_on_the_loop_and_keeps_the_connection)
{
    open_small();
    int fd = client();
    say(fd, "GET /a%2Fb?x=%20 HTTP/1.1\r\nHost: h\r\nX-Name: me\r\n\r\n");
    const char *answer = hear(fd, "me");
    expect(answer, "HTTP/1.1 200 OK");
    expect(answer, "Server: test/1");
    expect(answer, "0 /a%2Fb?x=%20 0me");
    say(fd, "PUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    expect(hear(fd, "/b? 3"), "2 /b? 3");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_answers_from_the_executor)
{
    open_small();
    int fd = client();
    for (int i = 0; i < 50; i++) {
        say(fd,
            "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab");
        expect(hear(fd, "slow 2"), "HTTP/1.1 202");
    }
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_answers_pipelined_requests_in_order)
{
    open_small();
    int fd = client();
    say(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
            "GET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const char *answer = hear(fd, NULL);
    const char *slow = strstr(answer, "slow 0");
    const char *one = strstr(answer, "/1?");
    const char *two = strstr(answer, "/2?");
    ck_assert(slow != NULL && one != NULL && two != NULL);
    ck_assert(slow < one && one < two);
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_takes_targets_with_scheme_and_host)
{
    static const char *const targets[][2] = {
        { "http://h:80/a/b?c=/d", "0 /a/b?c=/d 0" },
        { "HTTP://h/", "0 /? 0" },
        { "http://h", "0 ? 0" },
        { "http://h?x=http://y/", "0 ?x=http://y/ 0" },
        { "/http://h/a", "0 /http://h/a? 0" },
    };
    char request[128];
    open_small();
    int fd = client();
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n",
                 targets[i][0]);
        say(fd, request);
        expect(hear(fd, targets[i][1]), "HTTP/1.1 200");
    }
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_head_has_no_body)
{
    open_small();
    int fd = client();
    say(fd, "HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const char *answer = hear(fd, NULL);
    expect(answer, "Content-Length: 7");
    ck_assert_ptr_null(strstr(answer, "/x"));
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_takes_a_body_at_the_limit_and_refuses_one_past_it)
{
    char request[BODY_MAX + 200];
    open_small();
    int fd = client();
    snprintf(request, sizeof(request),
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d",
             BODY_MAX, BODY_MAX, 0);
    say(fd, request);
    expect(hear(fd, "? 1000"), "200 OK");
    snprintf(request, sizeof(request),
             "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%0*d",
             BODY_MAX + 1, BODY_MAX + 1, 0);
    say(fd, request);
    expect(hear(fd, "limit 1000"), "HTTP/1.1 400");
    /* The body was read, so the connection is still good. */
    say(fd, "GET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(hear(fd, "/after"), "200 OK");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_a_chunked_body_past_the_limit)
{
    char request[BODY_MAX + 200];
    open_small();
    int fd = client();
    snprintf(request, sizeof(request),
             "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
             "%x\r\n%0*d\r\n0\r\n\r\n",
             BODY_MAX + 1, BODY_MAX + 1, 0);
    say(fd, request);
    expect(hear(fd, "limit 1000"), "HTTP/1.1 400");
    close(fd);
    close_clean();
}
END_TEST

/* Goal: a client that goes on sending what is dropped holds nothing that others
 * are refused for. */
START_TEST(wire_counts_no_body_that_it_drops)
{
    char chunk[BODY_MAX + 100];
    struct wire_counters counters;
    open_small();
    int fd = client();
    say(fd, "PUT /a HTTP/1.1\r\nHost: h\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
    int size =
        snprintf(chunk, sizeof(chunk), "%x\r\n%0*d\r\n", BODY_MAX, BODY_MAX, 0);
    ck_assert_int_gt(size, BODY_MAX);
    say(fd, chunk);
    do {
        sleep_ms(5);
        wire_counters(wire, &counters);
    } while (counters.bodies_size < BODY_MAX);
    say(fd, "1\r\nx\r\n");
    for (int i = 0; i < WAIT_MS / 5 && counters.bodies_size > 0; i++) {
        sleep_ms(5);
        wire_counters(wire, &counters);
    }
    ck_assert_uint_eq(counters.bodies_size, 0);
    ck_assert_uint_eq(counters.in_flight, 1);
    say(fd, "0\r\n\r\n");
    expect(hear(fd, "refused"), "HTTP/1.1 400");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_before_continue)
{
    open_small();
    int fd = client();
    say(fd, "PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
            "Expect: 100-continue\r\n\r\n");
    expect(hear(fd, "\r\n\r\n"), "100 Continue");
    say(fd, "abc");
    expect(hear(fd, "/e? 3"), "200 OK");
    say(fd, "PUT /e HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n"
            "Expect: 100-continue\r\n\r\n");
    const char *answer = hear(fd, NULL);
    expect(answer, "HTTP/1.1 400");
    ck_assert_ptr_null(strstr(answer, "100 Continue"));
    close(fd);
    close_clean();
}
END_TEST

/* Goal: no request can hide in the body of another: what readers on the way
 * could end at different places is refused, and the connection ends with it
 * (RFC 9112 section 11.2). */
static const char *const unclear_headers[] = {
    "Content-Length: 5\r\nContent-Length: 5\r\n",
    "Content-Length: 5\r\nContent-Length: 0\r\n",
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: identity\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: \"chunked\"\r\n",
    "Content-Length : 5\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Content-Length\t: 5\r\n",
    "X: a\rContent-Length: 5\r\n",
    "X: a\vb\r\n",
    "Host: other\r\n",
};

START_TEST(wire_refuses_headers_that_leave_the_end_open)
{
    char request[512];
    open_small();
    int fd = client();
    snprintf(request, sizeof(request),
             "POST /a HTTP/1.1\r\nHost: h\r\n%s\r\n"
             "0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: h\r\n\r\n",
             unclear_headers[_i]);
    say(fd, request);
    const char *answer = hear(fd, NULL);
    expect(answer, "HTTP/1.1 400");
    ck_assert_ptr_null(strstr(answer, "/a?"));
    ck_assert_ptr_null(strstr(answer, "/hidden?"));
    close(fd);
    ck_assert_int_eq(atomic_load(&started), 0);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_a_coding_in_http_1_0)
{
    open_small();
    int fd = client();
    say(fd, "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n"
            "Connection: keep-alive\r\n\r\n0\r\n\r\n");
    expect(hear(fd, NULL), " 400 ");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_takes_codings_and_names_in_any_case)
{
    open_small();
    int fd = client();
    say(fd, "POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: Chunked\r\n"
            "x-name:\t!#$%&'*+-.^_`|~ \xc3\xa9\r\n\r\n"
            "2\r\nab\r\n0\r\n\r\n");
    expect(hear(fd, "/a? 2"), "HTTP/1.1 200");
    say(fd, "POST /b HTTP/1.1\r\nHOST: h\r\nCONTENT-LENGTH: 2\r\n\r\nab");
    expect(hear(fd, "/b? 2"), "HTTP/1.1 200");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_a_header_past_its_limit)
{
    static char request[WIRE_HEADER_SIZE_MAX + 4096];
    open_small();
    int fd = client();
    int size = snprintf(request, sizeof(request),
                        "GET / HTTP/1.1\r\nHost: h\r\nX: %0*d\r\n\r\n",
                        (int)WIRE_HEADER_SIZE_MAX + 100, 0);
    /* It may be refused before all of it was sent. */
    ssize_t sent = send(fd, request, (size_t)size, MSG_NOSIGNAL);
    (void)sent;
    expect(hear(fd, NULL), "HTTP/1.1 431");
    close(fd);
    close_clean();
}
END_TEST

/* The daemon gives such a request up by itself; leak checkers watch that it is
 * freed. */
START_TEST(wire_frees_a_request_with_too_many_arguments)
{
    static char request[WIRE_HEADER_SIZE_MAX];
    open_small();
    size_t size = (size_t)snprintf(request, sizeof(request), "GET /e?");
    while (size < 20000) {
        request[size++] = 'a';
        request[size++] = '&';
    }
    size += (size_t)snprintf(request + size, sizeof(request) - size,
                             " HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < 3; i++) {
        int fd = client();
        ssize_t sent = send(fd, request, size, MSG_NOSIGNAL);
        (void)sent;
        hear(fd, NULL);
        close(fd);
    }
    int fd = client();
    say(fd, "GET /e HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(hear(fd, "/e? 0"), "200 OK");
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_an_answer_past_the_limit_of_all)
{
    struct wire_options options = options_small();
    options.replies_size_max = 6;
    open_with(&options);
    int fd = client();
    for (int i = 0; i < 2; i++) {
        say(fd, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
        expect(hear(fd, "limit 6"), "HTTP/1.1 503");
        /* Small ones are let through: "0 /e? 0" has 7. */
        say(fd, "GET /e HTTP/1.1\r\nHost: h\r\n\r\n");
        expect(hear(fd, "0 /e? 0"), "HTTP/1.1 200");
    }
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_past_in_flight_max)
{
    int fds[5];
    open_small();
    atomic_store(&is_held, true);
    for (int i = 0; i < 4; i++) {
        fds[i] = client();
        say(fds[i], "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    while (atomic_load(&started) < 4)
        sleep_ms(1);
    fds[4] = client();
    say(fds[4], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(hear(fds[4], "limit 4"), "HTTP/1.1 503");
    atomic_store(&is_held, false);
    for (int i = 0; i < 4; i++)
        expect(hear(fds[i], "slow"), "HTTP/1.1 202");
    for (int i = 0; i < 5; i++)
        close(fds[i]);
    close_clean();
}
END_TEST

START_TEST(wire_refuses_past_connections_max)
{
    int fds[21];
    open_small();
    for (int i = 0; i < 21; i++)
        fds[i] = client();
    char byte;
    ck_assert_int_le(recv(fds[20], &byte, 1, 0), 0);
    say(fds[0], "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(hear(fds[0], "/x"), "200 OK");
    for (int i = 0; i < 21; i++)
        close(fds[i]);
    close_clean();
}
END_TEST

START_TEST(wire_survives_clients_that_leave)
{
    open_small();
    atomic_store(&is_held, true);
    for (int i = 0; i < 3; i++) {
        int fd = client();
        struct linger reset = { .l_onoff = 1, .l_linger = 0 };
        say(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
        while (atomic_load(&started) <= i)
            sleep_ms(1);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        close(fd);
    }
    int half = client();
    say(half, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab");
    close(half);
    atomic_store(&is_held, false);
    while (atomic_load(&finished) < 3)
        sleep_ms(1);
    int fd = client();
    say(fd, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(hear(fd, "/x"), "200 OK");
    close(fd);
    close_clean();
}
END_TEST

static const struct {
    const char *request;
    const char *last; /* of the answers */
} half_closed[] = {
    { "GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "/x? 0" },
    { "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n", "slow 0" },
    { "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
      "/2? 0" },
};

START_TEST(wire_answers_a_half_closed_client)
{
    open_small();
    int fd = client();
    say(fd, half_closed[_i].request);
    shutdown(fd, SHUT_WR);
    expect(hear(fd, NULL), half_closed[_i].last);
    close(fd);
    close_clean();
}
END_TEST

START_TEST(wire_lets_go_of_clients_that_left_in_mid_request)
{
    static const char *const parts[] = {
        "",
        "GET / HT",
        "GET / HTTP/1.1\r\nHost: h\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
    };
    struct wire_counters counters;
    open_small();
    for (int i = 0; i < 12; i++) {
        int fd = client();
        say(fd, parts[i % 4]);
        close(fd);
    }
    uint64_t waited_ms = 0;
    do {
        sleep_ms(20);
        waited_ms += 20;
        wire_counters(wire, &counters);
    } while ((counters.connections > 0 || counters.connections_total < 12) &&
             waited_ms < WAIT_MS);
    ck_assert_uint_eq(counters.connections, 0);
    ck_assert_uint_eq(counters.in_flight, 0);
    close_clean();
}
END_TEST

START_TEST(wire_cuts_idle_connections)
{
    struct wire_options options = options_small();
    options.idle_timeout_ms = 1000;
    open_with(&options);
    int idle = client(), slow = client();
    say(slow, "GET / HTTP/1.1\r\nHo");
    ck_assert_str_eq(hear(idle, NULL), "");
    hear(slow, NULL); /* returns: the connection has ended */
    close(idle);
    close(slow);
    close_clean();
}
END_TEST

START_TEST(wire_drain_finishes_what_runs_and_ends_the_idle)
{
    open_small();
    int idle = client(), busy = client();
    say(idle, "GET /x HTTP/1.1\r\nHost: h\r\n\r\n");
    hear(idle, "/x");
    atomic_store(&is_held, true);
    say(busy, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    while (atomic_load(&started) < 2)
        sleep_ms(1);
    wire_stop(wire);
    ck_assert_str_eq(hear(idle, NULL), "");
    int late = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons(wire_port(wire, WIRE_HTTP1)) };
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    ck_assert_int_ne(
        connect(late, (struct sockaddr *)&address, sizeof(address)), 0);
    close(late);
    atomic_store(&is_held, false);
    const char *answer = hear(busy, NULL);
    expect(answer, "slow 0");
    expect(answer, "Connection: close");
    close(idle);
    close(busy);
    close_clean();
}
END_TEST

START_TEST(wire_drain_ends_in_time_and_says_what_still_runs)
{
    struct wire_options options = options_small();
    options.drain_timeout_ms = 200;
    open_with(&options);
    atomic_store(&is_held, true);
    int busy = client();
    say(busy, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    while (atomic_load(&started) < 1)
        sleep_ms(1);
    wire_stop(wire);
    pthread_join(server, NULL);
    ck_assert_uint_eq(unfinished, 1);
    /* A process ends here; there is nothing left to close in order. */
    _exit(0);
}
END_TEST

START_TEST(wire_names_a_port_in_use)
{
    open_small();
    struct wire_options options = options_small();
    struct wire *second = NULL;
    struct error error;
    char port[16];
    options.ports[WIRE_HTTP1] = wire_port(wire, WIRE_HTTP1);
    snprintf(port, sizeof(port), "port %u",
             (unsigned)options.ports[WIRE_HTTP1]);
    ck_assert_int_eq(wire_open(&options, &second, &error), ENGINE_EUNAVAILABLE);
    expect(error.text, "127.0.0.1");
    expect(error.text, port);
    expect(error.text, "in use");
    options.host = "no.such.host.invalid";
    ck_assert_int_eq(wire_open(&options, &second, &error), ENGINE_EUNAVAILABLE);
    expect(error.text, "no.such.host.invalid");
    close_clean();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tcase = tcase_create("wire");
    tcase_add_test(tcase, wire_answers_on_the_loop_and_keeps_the_connection);
    tcase_add_test(tcase, wire_answers_from_the_executor);
    tcase_add_test(tcase, wire_answers_pipelined_requests_in_order);
    tcase_add_test(tcase, wire_takes_targets_with_scheme_and_host);
    tcase_add_test(tcase, wire_head_has_no_body);
    tcase_add_test(tcase,
                   wire_takes_a_body_at_the_limit_and_refuses_one_past_it);
    tcase_add_test(tcase, wire_refuses_a_chunked_body_past_the_limit);
    tcase_add_test(tcase, wire_counts_no_body_that_it_drops);
    tcase_add_test(tcase, wire_refuses_before_continue);
    tcase_add_loop_test(tcase, wire_refuses_headers_that_leave_the_end_open, 0,
                        sizeof(unclear_headers) / sizeof(unclear_headers[0]));
    tcase_add_test(tcase, wire_refuses_a_coding_in_http_1_0);
    tcase_add_test(tcase, wire_takes_codings_and_names_in_any_case);
    tcase_add_test(tcase, wire_refuses_a_header_past_its_limit);
    tcase_add_test(tcase, wire_frees_a_request_with_too_many_arguments);
    tcase_add_test(tcase, wire_refuses_an_answer_past_the_limit_of_all);
    tcase_add_test(tcase, wire_refuses_past_in_flight_max);
    tcase_add_test(tcase, wire_refuses_past_connections_max);
    tcase_add_test(tcase, wire_survives_clients_that_leave);
    tcase_add_loop_test(tcase, wire_answers_a_half_closed_client, 0,
                        (int)(sizeof(half_closed) / sizeof(half_closed[0])));
    tcase_add_test(tcase, wire_lets_go_of_clients_that_left_in_mid_request);
    tcase_add_test(tcase, wire_cuts_idle_connections);
    tcase_add_test(tcase, wire_drain_finishes_what_runs_and_ends_the_idle);
    tcase_add_test(tcase, wire_drain_ends_in_time_and_says_what_still_runs);
    tcase_add_test(tcase, wire_names_a_port_in_use);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
