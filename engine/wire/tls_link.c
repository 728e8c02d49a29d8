/* SPDX-License-Identifier: Apache-2.0
 * A link moves bytes between a client, encrypted, and the inner socket:
 *   client -> SSL_read -> to_inner -> socket      (in)
 *   socket -> to_client -> SSL_write -> client    (out)
 * Each way ends by itself (half-closed connections live on); the link ends with
 * both, by an error, or some time after the last byte went out. */
#include "engine/wire/tls.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define HANDSHAKE_MS 10000
/* How long a client that was told goodbye may still send. */
#define LINGER_MS 2000
#define MOVE_SIZE ((size_t)64 << 10)

/* What one side did not take yet. */
struct rest {
    char *data; /* NULL: nothing */
    size_t size, sent;
};

struct tls_link {
    uv_poll_t outer, inner;
    struct tls_link *prev, *next;
    struct loop *loop;
    SSL *session;
    int outer_fd, inner_fd;
    int outer_events, inner_events; /* what the polls wait for */
    struct rest to_inner, to_client;
    bool wants_write; /* the session cannot go on before it has sent */
    bool is_in_over;  /* nothing more comes from the client */
    bool is_deaf; /* whoever serves it reads no more: what comes is dropped */
    bool is_out_over; /* nothing more goes to it */
    bool is_told;     /* uv said that whoever serves it ends */
    bool is_gone;     /* he has: it counts as lingering */
    bool is_closed;
    unsigned handles; /* still known to uv */
    uint64_t start_ms;
    uint64_t out_ms; /* when the client took something, or was told the end */
};

static void
on_handle_closed(uv_handle_t *handle)
{
    struct tls_link *link = handle->data;
    if (--link->handles == 0)
        free(link);
}

static void
link_close(struct tls_link *link)
{
    if (link->is_closed)
        return;
    link->is_closed = true;
    if (link->is_gone)
        atomic_fetch_sub(&link->loop->lingering_count, 1);
    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        link->loop->tls_links = link->next;
    if (link->next != NULL)
        link->next->prev = link->prev;
    uv_poll_stop(&link->outer);
    uv_poll_stop(&link->inner);
    uv_close((uv_handle_t *)&link->outer, on_handle_closed);
    uv_close((uv_handle_t *)&link->inner, on_handle_closed);
    SSL_free(link->session);
    close(link->outer_fd);
    close(link->inner_fd);
    free(link->to_inner.data);
    free(link->to_client.data);
}

/* Whoever serves it has closed its end, and counts it no more: its descriptors
 * are still ours. (Half of an end is no hang-up.) */
static void
link_look(struct tls_link *link)
{
    struct pollfd inner = { .fd = link->inner_fd };
    if (link->is_gone || poll(&inner, 1, 0) != 1 ||
        (inner.revents & POLLHUP) == 0)
        return;
    link->is_gone = true;
    atomic_fetch_add(&link->loop->lingering_count, 1);
}

/* False: memory is out. */
static bool
rest_keep(struct rest *rest, const char *data, size_t size)
{
    rest->data = malloc(size);
    if (rest->data == NULL)
        return false;
    memcpy(rest->data, data, size);
    rest->size = size;
    rest->sent = 0;
    return true;
}

static void
rest_take(struct rest *rest, size_t size)
{
    rest->sent += size;
    assert(rest->sent <= rest->size);
    if (rest->sent < rest->size)
        return;
    free(rest->data);
    rest->data = NULL;
}

/* ---- client to inner ----------------------------------------------------- */

/* Bytes taken; -1: broken. Whoever serves it may have answered and gone: what
 * the client still sends is read, so that the answer is not lost in a reset. */
static ssize_t
inner_send(struct tls_link *link, const char *data, size_t size)
{
    if (link->is_deaf)
        return (ssize_t)size;
    ssize_t sent;
    do
        sent = send(link->inner_fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) {
        link->is_deaf = true;
        return (ssize_t)size;
    }
    return sent < 0 && errno == EAGAIN ? 0 : sent;
}

static void
in_end(struct tls_link *link)
{
    link->is_in_over = true;
    shutdown(link->inner_fd, SHUT_WR);
}

/* Somebody who forgot the `s` of https learns so; what he sent is read, so that
 * the answer is not lost in a reset. */
static void
answer_plain(const struct tls_link *link)
{
    static const char answer[] =
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
        "Content-Length: 42\r\nConnection: close\r\n\r\n"
        "This port speaks TLS: use https, or grpcs\n";
    (void)recv(link->outer_fd, link->loop->input, LOOP_INPUT_SIZE,
               MSG_DONTWAIT);
    (void)send(link->outer_fd, answer, sizeof(answer) - 1,
               MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What became of a call that moved nothing. False: the session is broken. */
static bool
session_waits(struct tls_link *link, int rc)
{
    int cause = SSL_get_error(link->session, rc);
    if (cause == SSL_ERROR_WANT_WRITE)
        link->wants_write = true;
    if (cause == SSL_ERROR_SSL &&
        ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST)
        answer_plain(link);
    ERR_clear_error();
    return cause == SSL_ERROR_WANT_READ || cause == SSL_ERROR_WANT_WRITE;
}

/* False: the link is of no use any more. */
static bool
move_in(struct tls_link *link)
{
    char *data = (char *)link->loop->input;
    while (!link->is_in_over) {
        if (link->to_inner.data != NULL) {
            ssize_t sent =
                inner_send(link, link->to_inner.data + link->to_inner.sent,
                           link->to_inner.size - link->to_inner.sent);
            if (sent <= 0)
                return sent == 0;
            rest_take(&link->to_inner, (size_t)sent);
            continue;
        }
        ERR_clear_error();
        int size = SSL_read(link->session, data, (int)MOVE_SIZE);
        if (size <= 0) {
            if (SSL_get_error(link->session, size) == SSL_ERROR_ZERO_RETURN) {
                in_end(link);
                return true;
            }
            return session_waits(link, size);
        }
        ssize_t sent = inner_send(link, data, (size_t)size);
        if (sent < 0)
            return false;
        if (sent < size &&
            !rest_keep(&link->to_inner, data + sent, (size_t)(size - sent)))
            return false;
    }
    return true;
}

/* ---- inner to client ----------------------------------------------------- */

/* Bytes taken; 0: later; -1: broken. */
static ssize_t
client_send(struct tls_link *link, const char *data, size_t size)
{
    size_t sent = 0;
    ERR_clear_error();
    int rc = SSL_write_ex(link->session, data, size, &sent);
    if (rc == 1) {
        link->out_ms = loop_now_ms();
        return (ssize_t)sent;
    }
    return session_waits(link, rc) ? 0 : -1;
}

static void
out_end(struct tls_link *link)
{
    link->is_out_over = true;
    link->out_ms = loop_now_ms();
    ERR_clear_error();
    (void)SSL_shutdown(link->session); /* our half: the goodbye */
    ERR_clear_error();
    shutdown(link->outer_fd, SHUT_WR);
    link_look(link);
}

static bool
move_out(struct tls_link *link)
{
    char *data = (char *)link->loop->output;
    if (!SSL_is_init_finished(link->session))
        return true;
    while (!link->is_out_over) {
        if (link->to_client.data != NULL) {
            ssize_t sent =
                client_send(link, link->to_client.data + link->to_client.sent,
                            link->to_client.size - link->to_client.sent);
            if (sent <= 0)
                return sent == 0;
            rest_take(&link->to_client, (size_t)sent);
            continue;
        }
        ssize_t size = recv(link->inner_fd, data, MOVE_SIZE, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        /* A reset comes behind the last byte: it left some of ours unread. */
        if (size < 0 && errno != ECONNRESET)
            return errno == EAGAIN;
        if (size <= 0) {
            out_end(link);
            return true;
        }
        ssize_t sent = client_send(link, data, (size_t)size);
        if (sent < 0)
            return false;
        if (sent < size &&
            !rest_keep(&link->to_client, data + sent, (size_t)(size - sent)))
            return false;
    }
    return true;
}

/* ---- events -------------------------------------------------------------- */

static void on_event(uv_poll_t *poll, int status, int events);

/* False: uv has no memory. */
static bool
watch(uv_poll_t *poll, int *events, int wanted)
{
    if (*events == wanted)
        return true;
    *events = wanted;
    if (wanted == 0)
        return uv_poll_stop(poll) == 0;
    return uv_poll_start(poll, wanted, on_event) == 0;
}

static bool
link_watch(struct tls_link *link)
{
    bool is_ready = SSL_is_init_finished(link->session) != 0;
    int outer = 0, inner = 0;
    if (!link->is_in_over && link->to_inner.data == NULL)
        outer |= UV_READABLE;
    if (link->wants_write || link->to_client.data != NULL)
        outer |= UV_WRITABLE;
    if (is_ready && !link->is_out_over && link->to_client.data == NULL)
        inner |= UV_READABLE;
    if (link->to_inner.data != NULL)
        inner |= UV_WRITABLE;
    /* Also when nothing more is read, because the client takes nothing. */
    if (!link->is_told)
        inner |= UV_DISCONNECT;
    return watch(&link->outer, &link->outer_events, outer) &&
           watch(&link->inner, &link->inner_events, inner);
}

static void
link_move(struct tls_link *link)
{
    link->wants_write = false;
    bool is_well = move_in(link) && move_out(link);
    if (!is_well || (link->is_in_over && link->is_out_over) ||
        !link_watch(link))
        link_close(link);
}

static void
on_event(uv_poll_t *poll, int status, int events)
{
    struct tls_link *link = poll->data;
    (void)status; /* an error is met by the call that it concerns */
    if (poll == &link->inner && (events & UV_DISCONNECT) != 0) {
        link->is_told = true;
        link_look(link);
    }
    link_move(link);
}

static bool
link_start(struct tls_link *link)
{
    struct loop *loop = link->loop;
    if (SSL_set_fd(link->session, link->outer_fd) != 1 ||
        uv_poll_init(&loop->uv, &link->outer, link->outer_fd) != 0)
        return false;
    if (uv_poll_init(&loop->uv, &link->inner, link->inner_fd) != 0) {
        link->handles = 1;
        uv_close((uv_handle_t *)&link->outer, on_handle_closed);
        return false;
    }
    link->handles = 2;
    link->next = loop->tls_links;
    if (loop->tls_links != NULL)
        loop->tls_links->prev = link;
    loop->tls_links = link;
    return true;
}

bool
tls_add(struct loop *loop, struct incoming *incoming)
{
    int pair[2];
    const struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct tls_link *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return false;
    link->session = tls_session(loop->wire->tls, incoming->is_http2);
    if (link->session == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair) != 0) {
        SSL_free(link->session);
        free(link);
        return false;
    }
    link->loop = loop;
    link->outer_fd = incoming->fd;
    link->inner_fd = pair[0];
    link->start_ms = loop_now_ms();
    link->outer.data = link;
    link->inner.data = link;
    if (!link_start(link)) {
        SSL_free(link->session);
        close(pair[0]);
        close(pair[1]);
        if (link->handles == 0)
            free(link);
        return false;
    }
    incoming->fd = pair[1];
    incoming->address_size = sizeof(address);
    memcpy(&incoming->address, &address, sizeof(address));
    link_move(link);
    return true;
}

void
tls_sweep(struct loop *loop, uint64_t now_ms)
{
    struct tls_link *next;
    for (struct tls_link *link = loop->tls_links; link != NULL; link = next) {
        next = link->next;
        if (link->is_told || link->is_out_over)
            link_look(link);
        bool is_late = !SSL_is_init_finished(link->session) &&
                       now_ms >= link->start_ms + HANDSHAKE_MS;
        /* Whoever serves it may have ended it long ago, behind what the client
         * does not take. */
        if (link->to_client.data != NULL &&
            now_ms >= link->out_ms + WIRE_RATE_GRACE_MS)
            is_late = true;
        bool is_done = link->is_out_over && now_ms >= link->out_ms + LINGER_MS;
        if (is_late)
            atomic_fetch_add(&loop->wire->connections_timedout, 1);
        if (is_late || is_done)
            link_close(link);
    }
}

void
tls_close_all(struct loop *loop)
{
    while (loop->tls_links != NULL)
        link_close(loop->tls_links);
}
