/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to Valkey or a sentinel, on nginx's own events and TLS;
 * hiredis only writes commands and reads replies. What is to be sent is
 * gathered and leaves once per turn of the event loop. Invariant: connection,
 * pool and resp are all there or all NULL. An event's handler may close the
 * link (and another connection may get the same memory), so `serial` is
 * compared before anything is touched again. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <ngx_event_connect.h>

#include <assert.h>

#define LINK_IN_SIZE      ((size_t)16 << 10)
#define LINK_IN_COUNT_MAX 16 /* then it is others' turn */
#define LINK_OUT_SIZE_MIN ((size_t)4 << 10)
#define LINK_OUT_SIZE_MAX ((size_t)8 << 20)

static void link_read(ngx_event_t *event);
static void link_write(ngx_event_t *event);

static u_char link_in[LINK_IN_SIZE];

void
ngx_http_azimuth_link_close(ngx_http_azimuth_link_t *link)
{
    ngx_connection_t *c = link->connection;

    if (c == NULL) {
        return;
    }
    link->serial++;
    link->connection = NULL;
#if (NGX_SSL)
    if (c->ssl != NULL) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;
        (void)ngx_ssl_shutdown(c);
    }
#endif
    ngx_close_connection(c);
    ngx_destroy_pool(link->pool);
    link->pool = NULL;
    resp_free(link->resp);
    link->resp = NULL;
    if (link->out != NULL) {
        ngx_explicit_memzero(link->out, link->out_size);
        ngx_free(link->out);
    }
    link->out = NULL;
    link->out_begin = link->out_end = link->out_size = 0;
}

static void
link_fail(ngx_http_azimuth_link_t *link, const char *cause)
{
    char text[AZIMUTH_CAUSE_SIZE]; /* it may lie in what is closed */

    (void)ngx_cpystrn((u_char *)text, (u_char *)cause, sizeof(text));
    ngx_http_azimuth_link_close(link);
    link->events->closed(link->data, text);
}

static void
link_fail_errno(ngx_http_azimuth_link_t *link, ngx_err_t err)
{
    u_char text[AZIMUTH_CAUSE_SIZE], *end;

    end = ngx_strerror(err, text, sizeof(text) - 1);
    *end = '\0';
    link_fail(link, (char *)text);
}

static void
link_opened(ngx_http_azimuth_link_t *link)
{
    ngx_connection_t *c = link->connection;

    c->read->handler = link_read;
    c->write->handler = link_write;
    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
    link->events->opened(link->data);
}

/* ---- TLS ---------------------------------------------------------------- */

#if (NGX_SSL)

/* Judged when the handshake is over: nginx would call a refusal critical. The
 * first error counts, and nothing is sent before. */
static int
link_verified(int is_ok, X509_STORE_CTX *store)
{
    ngx_http_azimuth_link_t *link;
    ngx_connection_t *c;
    SSL *ssl;

    ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    c = ngx_ssl_get_connection(ssl);
    link = c->data;
    if (!is_ok && link->tls_error == X509_V_OK) {
        link->tls_error = X509_STORE_CTX_get_error(store);
    }
    return 1;
}

static void
link_handshaken(ngx_connection_t *c)
{
    ngx_http_azimuth_link_t *link = c->data;
    char text[AZIMUTH_CAUSE_SIZE];
    u_char *end;

    if (c->ssl->handshaked && link->tls_error == X509_V_OK &&
        SSL_get_verify_result(c->ssl->connection) == X509_V_OK) {
        link_opened(link);
        return;
    }
    end = ngx_snprintf((u_char *)text, sizeof(text) - 1, "TLS failed: %s",
                       link->tls_error == X509_V_OK
                           ? "no handshake"
                           : X509_verify_cert_error_string(link->tls_error));
    *end = '\0';
    link_fail(link, text);
}

static void
link_handshake(ngx_http_azimuth_link_t *link)
{
    ngx_connection_t *c = link->connection;
    ngx_str_t *name = &link->conf->tls_name;
    X509_VERIFY_PARAM *param;
    int is_named;

    if (name->len == 0) {
        name = &link->endpoint->host;
    }
    if (ngx_ssl_create_connection(link->conf->tls, c,
                                  NGX_SSL_BUFFER | NGX_SSL_CLIENT) != NGX_OK) {
        link_fail(link, "out of memory");
        return;
    }
    link->tls_error = X509_V_OK;
    SSL_set_verify(c->ssl->connection, SSL_VERIFY_PEER, link_verified);
    param = SSL_get0_param(c->ssl->connection);
    if (ngx_inet_addr(name->data, name->len) != INADDR_NONE ||
        ngx_strlchr(name->data, name->data + name->len, ':') != NULL) {
        is_named = X509_VERIFY_PARAM_set1_ip_asc(param, (char *)name->data);
    } else {
        is_named =
            X509_VERIFY_PARAM_set1_host(param, (char *)name->data, name->len) &&
            SSL_set_tlsext_host_name(c->ssl->connection, (char *)name->data);
    }
    if (!is_named) {
        link_fail(link, "no name to verify the server's certificate for");
        return;
    }
    if (ngx_ssl_handshake(c) == NGX_AGAIN) {
        c->ssl->handler = link_handshaken;
        return;
    }
    link_handshaken(c);
}

#endif

/* ---- events ------------------------------------------------------------- */

static void
link_connected(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_azimuth_link_t *link = c->data;
    socklen_t size = sizeof(int);
    int err = 0;

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &size) == -1) {
        err = ngx_socket_errno;
    }
    if (err != 0) {
        link_fail_errno(link, err);
        return;
    }
    if (!event->write) {
        return; /* the peer's first words; the write event comes, too */
    }
#if (NGX_SSL)
    if (link->conf->tls != NULL) {
        link_handshake(link);
        return;
    }
#endif
    link_opened(link);
}

/* Gives every whole reply to the owner. NGX_ABORT: the link is another or
 * none now. */
static ngx_int_t
link_parse(ngx_http_azimuth_link_t *link, size_t size)
{
    ngx_uint_t serial = link->serial;
    enum resp_code code;
    redisReply *reply;

    if (resp_feed(link->resp, (const char *)link_in, size) != 0) {
        link_fail(link, "out of memory");
        return NGX_ABORT;
    }
    for (;;) {
        code = resp_next(link->resp, &reply);
        if (code == RESP_MORE) {
            return NGX_OK;
        }
        if (code == RESP_BROKEN) {
            link_fail(link, resp_cause(link->resp));
            return NGX_ABORT;
        }
        link->events->replied(link->data, reply);
        freeReplyObject(reply);
        if (link->serial != serial) {
            return NGX_ABORT;
        }
    }
}

static void
link_read(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_azimuth_link_t *link = c->data;
    ngx_uint_t i;
    ssize_t size;

    for (i = 0; i < LINK_IN_COUNT_MAX; i++) {
        size = c->recv(c, link_in, sizeof(link_in));
        if (size == NGX_AGAIN) {
            if (ngx_handle_read_event(event, 0) != NGX_OK) {
                link_fail(link, "its connection cannot be watched");
            }
            return;
        }
        if (size <= 0) {
            link_fail(link, size == 0 ? "it closed the connection"
                                      : "the connection broke");
            return;
        }
        if (link_parse(link, (size_t)size) != NGX_OK) {
            return;
        }
    }
    ngx_post_event(event, &ngx_posted_next_events);
}

static void
link_write(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_azimuth_link_t *link = c->data;
    ssize_t size;

    while (link->out_begin < link->out_end) {
        size = c->send(c, link->out + link->out_begin,
                       link->out_end - link->out_begin);
        if (size == NGX_AGAIN) {
            if (ngx_handle_write_event(event, 0) != NGX_OK) {
                link_fail(link, "its connection cannot be watched");
            }
            return;
        }
        if (size < 0) {
            break; /* it may have said why: the end is read after that */
        }
        link->out_begin += (size_t)size;
    }
    link->out_begin = link->out_end = 0;
}

/* ---- owner's side ------------------------------------------------------- */

static ngx_int_t
link_connect(ngx_http_azimuth_link_t *link, ngx_peer_connection_t *peer)
{
    ngx_connection_t *c;
    ngx_log_t quiet = *link->log;
    ngx_int_t rc;

    /* nginx would call a missing socket critical, at each attempt. */
    quiet.log_level = 0;
    ngx_memzero(peer, sizeof(*peer));
    peer->sockaddr = link->endpoint->sockaddr;
    peer->socklen = link->endpoint->socklen;
    peer->name = &link->endpoint->name;
    peer->get = ngx_event_get_peer;
    peer->log = &quiet;
    peer->log_error = NGX_ERROR_INFO;
    rc = ngx_event_connect_peer(peer);
    c = peer->connection;
    if (rc != NGX_OK && rc != NGX_AGAIN) {
        return NGX_ERROR;
    }
    c->data = link;
    c->pool = link->pool;
    c->log = c->read->log = c->write->log = link->log;
    c->read->handler = link_connected;
    c->write->handler = link_connected;
    c->log_error = NGX_ERROR_INFO;
    link->connection = c;
    if (rc == NGX_OK) {
        /* A Unix socket is there at once; opened() may not come from here. */
        ngx_post_event(c->write, &ngx_posted_events);
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_link_open(ngx_http_azimuth_link_t *link,
                           const char **ret_cause)
{
    static char text[AZIMUTH_CAUSE_SIZE];
    ngx_peer_connection_t peer;
    u_char *end;

    assert(link->connection == NULL);
    link->resp = resp_create();
    link->pool = ngx_create_pool(256, link->log);
    if (link->resp == NULL || link->pool == NULL) {
        *ret_cause = "out of memory";
    } else {
        ngx_set_socket_errno(0);
        if (link_connect(link, &peer) == NGX_OK) {
            return NGX_OK;
        }
        *ret_cause = "worker_connections are not enough";
        if (ngx_socket_errno != 0) {
            end = ngx_strerror(ngx_socket_errno, (u_char *)text,
                               sizeof(text) - 1);
            *end = '\0';
            *ret_cause = text;
        }
    }
    if (link->pool != NULL) {
        ngx_destroy_pool(link->pool);
    }
    link->pool = NULL;
    resp_free(link->resp);
    link->resp = NULL;
    return NGX_ERROR;
}

static ngx_int_t
link_make_room(ngx_http_azimuth_link_t *link, size_t size)
{
    size_t used = link->out_end - link->out_begin, wanted;
    u_char *out;

    if (size <= link->out_size - link->out_end) {
        return NGX_OK;
    }
    if (size > LINK_OUT_SIZE_MAX - used) {
        return NGX_ERROR;
    }
    wanted = ngx_max(link->out_size, LINK_OUT_SIZE_MIN);
    while (wanted < used + size) {
        wanted *= 2;
    }
    out = ngx_alloc(wanted, link->log);
    if (out == NULL) {
        return NGX_ERROR;
    }
    if (link->out != NULL) {
        ngx_memcpy(out, link->out + link->out_begin, used);
        ngx_explicit_memzero(link->out, link->out_size);
        ngx_free(link->out);
    }
    link->out = out;
    link->out_size = wanted;
    link->out_begin = 0;
    link->out_end = used;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_link_send(ngx_http_azimuth_link_t *link, const char *bytes,
                           size_t size)
{
    assert(link->connection != NULL);
    if (link_make_room(link, size) != NGX_OK) {
        return NGX_ERROR;
    }
    ngx_memcpy(link->out + link->out_end, bytes, size);
    link->out_end += size;
    ngx_post_event(link->connection->write, &ngx_posted_events);
    return NGX_OK;
}
