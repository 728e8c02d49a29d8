/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the provider: libcurl's multi interface on nginx's events.
 * Cold paths only: discovery, key set, token. One multi handle per worker,
 * made when first needed. Flows that want the same document of a provider wait
 * for one transfer. Invariants: an operation is in `running` from start to
 * finish and ends by CURLOPT_TIMEOUT_MS at the latest; curl owns descriptors,
 * nginx only watches them through a connection made anew at each first socket
 * callback, since curl may reuse a number right after closing it; answers are
 * given only from finish(), never from within a call of curl. */

#include "gateway/ngx_http_azimuth_module.h"

#include <curl/curl.h>

#include <assert.h>

#define FETCH_RUNNING_MAX     256
#define FETCH_CONNECTIONS_MAX 16L /* kept for reuse */
#define FETCH_BODY_FIRST      4096

struct ngx_http_azimuth_fetch_s {
    CURLM *multi;
    ngx_log_t *log;
    ngx_event_t timer;
    ngx_connection_t timer_owner; /* nginx's debug log reads an fd there */
    ngx_queue_t running;          /* of fetch_operation_t */
    ngx_uint_t running_count;
    char answer[AZIMUTH_CAUSE_SIZE];
};

typedef struct {
    ngx_queue_t queue; /* in fetch->running */
    ngx_queue_t waits;
    ngx_http_azimuth_fetch_t *fetch;
    ngx_http_azimuth_provider_t *provider;
    enum flow_fetch_kind kind;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct bytes body;
    char reason[CURL_ERROR_SIZE];
    char host[128]; /* for messages: never the whole URL */
} fetch_operation_t;

/* ---- events ------------------------------------------------------------- */

static void fetch_drain(ngx_http_azimuth_fetch_t *fetch);

static void
fetch_event(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_azimuth_fetch_t *fetch = c->data;
    int running;

    /* curl may free `c` in here. */
    (void)curl_multi_socket_action(
        fetch->multi, c->fd, event->write ? CURL_CSELECT_OUT : CURL_CSELECT_IN,
        &running);
    fetch_drain(fetch);
}

static void
fetch_timer(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_fetch_t *fetch = owner->data;
    int running;

    (void)curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0,
                                   &running);
    fetch_drain(fetch);
}

static int
fetch_set_timer(CURLM *multi, long timeout_ms, void *data)
{
    ngx_http_azimuth_fetch_t *fetch = data;

    (void)multi;
    if (timeout_ms < 0) {
        if (fetch->timer.timer_set) {
            ngx_del_timer(&fetch->timer);
        }
        return 0;
    }
    /* 0 means at once, but not from within curl. */
    ngx_add_timer(&fetch->timer, (ngx_msec_t)ngx_max(timeout_ms, 1));
    return 0;
}

static void
fetch_unwatch(ngx_connection_t *c)
{
    if (c->read->active) {
        (void)ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
    if (c->write->active) {
        (void)ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }
    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
    c->read->closed = 1;
    c->write->closed = 1;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t)-1;
}

static ngx_int_t
fetch_watch(ngx_connection_t *c, int what)
{
    ngx_int_t rc = NGX_OK;

    if (what & CURL_POLL_IN) {
        if (!c->read->active) {
            rc = ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
        }
    } else if (c->read->active) {
        rc = ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
    if (rc != NGX_OK) {
        return rc;
    }
    if (what & CURL_POLL_OUT) {
        if (!c->write->active) {
            rc = ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
        }
    } else if (c->write->active) {
        rc = ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
    return rc;
}

static int
fetch_set_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                 void *socket_data)
{
    ngx_http_azimuth_fetch_t *fetch = data;
    ngx_connection_t *c = socket_data;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            fetch_unwatch(c);
            (void)curl_multi_assign(fetch->multi, fd, NULL);
        }
        return 0;
    }
    if (c == NULL) {
        c = ngx_get_connection(fd, fetch->log);
        if (c == NULL) {
            return -1; /* the transfer fails */
        }
        c->data = fetch;
        c->log = fetch->log;
        c->read->log = fetch->log;
        c->write->log = fetch->log;
        c->read->handler = fetch_event;
        c->write->handler = fetch_event;
        (void)curl_multi_assign(fetch->multi, fd, c);
    }
    if (fetch_watch(c, what) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, fetch->log, 0,
                      "azimuth: a descriptor of curl cannot be watched");
        return -1;
    }
    return 0;
}

/* A curl descriptor must not survive a binary upgrade. */
static int
fetch_socket_made(void *data, curl_socket_t fd, curlsocktype purpose)
{
    (void)data;
    (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? CURL_SOCKOPT_ERROR
                                                : CURL_SOCKOPT_OK;
}

/* ---- answers ------------------------------------------------------------ */

static void
fetch_event_failed(ngx_http_azimuth_fetch_t *fetch, struct flow_event *event,
                   const char *host, const char *text)
{
    u_char *end, *p;

    end = ngx_snprintf((u_char *)fetch->answer, sizeof(fetch->answer), "%s: %s",
                       host, text);
    for (p = (u_char *)fetch->answer; p < end; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
    event->kind = FLOW_EVENT_FETCH_FAILED;
    event->now_s = ngx_time();
    event->failure.data = fetch->answer;
    event->failure.size = (size_t)(end - (u_char *)fetch->answer);
}

static void
fetch_free(fetch_operation_t *operation)
{
    struct curl_slist *line;

    if (operation->easy != NULL) {
        curl_easy_cleanup(operation->easy);
    }
    for (line = operation->headers; line != NULL; line = line->next) {
        ngx_explicit_memzero(line->data, ngx_strlen(line->data));
    }
    curl_slist_free_all(operation->headers);
    curl_slist_free_all(operation->connect_to);
    bytes_wipe(&operation->body); /* it may hold tokens */
    ngx_free(operation);
}

static void
fetch_finish(fetch_operation_t *operation, CURLcode code)
{
    ngx_http_azimuth_fetch_t *fetch = operation->fetch;
    struct flow_event event;
    long status = 0;

    (void)curl_easy_getinfo(operation->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_multi_remove_handle(fetch->multi, operation->easy);
    ngx_queue_remove(&operation->queue);
    fetch->running_count--;

    ngx_memzero(&event, sizeof(event));
    if (bytes_failed(&operation->body)) {
        fetch_event_failed(fetch, &event, operation->host,
                           "the answer is too large");
    } else if (code != CURLE_OK) {
        fetch_event_failed(fetch, &event, operation->host,
                           operation->reason[0] != '\0'
                               ? operation->reason
                               : curl_easy_strerror(code));
    } else {
        event.kind = FLOW_EVENT_FETCHED;
        event.now_s = ngx_time();
        event.fetched.status = (int)status;
        event.fetched.body = bytes_span(&operation->body);
    }
    ngx_http_azimuth_wait_answer(&operation->waits, &event);
    fetch_free(operation);
}

static void
fetch_drain(ngx_http_azimuth_fetch_t *fetch)
{
    CURLMsg *message;
    CURL *easy;
    CURLcode code;
    void *operation;
    int left;

    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        /* The message dies with the handle's removal. */
        easy = message->easy_handle;
        code = message->data.result;
        operation = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&operation);
        assert(operation != NULL);
        fetch_finish(operation, code);
    }
}

static size_t
fetch_body(char *data, size_t size, size_t count, void *private_data)
{
    fetch_operation_t *operation = private_data;

    bytes_add(&operation->body, data, size * count);
    return bytes_failed(&operation->body) ? 0 : size * count;
}

/* ---- starting ----------------------------------------------------------- */

/* Scheme, host and port of the URL: what a message may name. */
static void
fetch_note_host(fetch_operation_t *operation, struct span url)
{
    size_t i, slashes = 0;

    for (i = 0; i < url.size && i + 1 < sizeof(operation->host); i++) {
        if (url.data[i] == '/' && ++slashes == 3) {
            break;
        }
        operation->host[i] = url.data[i];
    }
    operation->host[i] = '\0';
}

static ngx_int_t
fetch_set_headers(fetch_operation_t *operation, const struct flow_fetch *fetch)
{
    struct curl_slist *list;
    struct bytes line;
    ngx_int_t rc = NGX_OK;
    size_t i;

    bytes_init(&line, 16384);
    for (i = 0; rc == NGX_OK && i < fetch->header_count; i++) {
        bytes_wipe(&line);
        bytes_add_span(&line, fetch->headers[i].name);
        bytes_add_text(&line, ": ");
        bytes_add_span(&line, fetch->headers[i].value);
        bytes_add_char(&line, '\0');
        list = bytes_failed(&line)
                   ? NULL
                   : curl_slist_append(operation->headers, line.data);
        if (list == NULL) {
            rc = NGX_ERROR;
        } else {
            operation->headers = list;
        }
    }
    bytes_wipe(&line);
    return rc;
}

/* Options of every call: bounded, verified, no redirects, no environment. */
static ngx_int_t
fetch_set_common(fetch_operation_t *operation)
{
    ngx_http_azimuth_provider_t *p = operation->provider;
    struct curl_blob authorities;
    CURL *e = operation->easy;
    const char *schemes = p->allow_http_loopback ? "http,https" : "https";
    CURLcode rc = CURLE_OK;

#define SET(option, value)                                                     \
    if (rc == CURLE_OK)                                                        \
    rc = curl_easy_setopt(e, option, value)
    SET(CURLOPT_PRIVATE, operation);
    SET(CURLOPT_ERRORBUFFER, operation->reason);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, schemes);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_USERAGENT, "azimuth");
    SET(CURLOPT_TIMEOUT_MS, (long)p->timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)p->timeout);
    SET(CURLOPT_MAXFILESIZE, (long)FLOW_FETCH_SIZE_MAX);
    SET(CURLOPT_WRITEFUNCTION, fetch_body);
    SET(CURLOPT_WRITEDATA, operation);
    SET(CURLOPT_SOCKOPTFUNCTION, fetch_socket_made);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (p->trusted_certificate.len > 0) {
        authorities.data = p->trusted_certificate.data;
        authorities.len = p->trusted_certificate.len;
        authorities.flags = CURL_BLOB_NOCOPY;
        SET(CURLOPT_CAINFO_BLOB, &authorities);
        SET(CURLOPT_CAPATH, (char *)NULL);
    }
    if (operation->connect_to != NULL) {
        SET(CURLOPT_CONNECT_TO, operation->connect_to);
    }
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* no waiting for a hung resolver */
#endif
#undef SET
    return rc == CURLE_OK ? NGX_OK : NGX_ERROR;
}

static ngx_int_t
fetch_set_call(fetch_operation_t *operation, const struct flow_fetch *fetch)
{
    CURL *e = operation->easy;
    char url[PROVIDER_URL_SIZE_MAX + 1];

    if (fetch->url.size > PROVIDER_URL_SIZE_MAX) {
        return NGX_ERROR;
    }
    ngx_memcpy(url, fetch->url.data, fetch->url.size);
    url[fetch->url.size] = '\0';
    if (curl_easy_setopt(e, CURLOPT_URL, url) != CURLE_OK ||
        fetch_set_headers(operation, fetch) != NGX_OK ||
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, operation->headers) !=
            CURLE_OK) {
        return NGX_ERROR;
    }
    if (fetch->is_post &&
        (curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)fetch->body.size) !=
             CURLE_OK ||
         curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, fetch->body.data) !=
             CURLE_OK)) {
        return NGX_ERROR;
    }
    /* curl repeats a request by itself when a kept connection turns out to be
     * dead; a code may be spent only once. */
    if (fetch->kind == FLOW_FETCH_TOKEN &&
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK) {
        return NGX_ERROR;
    }
    return NGX_OK;
}

static fetch_operation_t *
fetch_start(ngx_http_azimuth_fetch_t *fetch, ngx_http_azimuth_provider_t *p,
            const struct flow_fetch *call)
{
    fetch_operation_t *operation;

    operation = ngx_calloc(sizeof(*operation), fetch->log);
    if (operation == NULL) {
        return NULL;
    }
    operation->fetch = fetch;
    operation->provider = p;
    operation->kind = call->kind;
    ngx_queue_init(&operation->waits);
    bytes_init(&operation->body, FLOW_FETCH_SIZE_MAX);
    fetch_note_host(operation, call->url);

    operation->easy = curl_easy_init();
    if (p->connect_to.len > 0) {
        operation->connect_to =
            curl_slist_append(NULL, (const char *)p->connect_to.data);
    }
    if (operation->easy == NULL ||
        (p->connect_to.len > 0 && operation->connect_to == NULL) ||
        fetch_set_common(operation) != NGX_OK ||
        fetch_set_call(operation, call) != NGX_OK ||
        curl_multi_add_handle(fetch->multi, operation->easy) != CURLM_OK) {
        fetch_free(operation);
        return NULL;
    }
    ngx_queue_insert_tail(&fetch->running, &operation->queue);
    fetch->running_count++;
    return operation;
}

static fetch_operation_t *
fetch_find(ngx_http_azimuth_fetch_t *fetch, ngx_http_azimuth_provider_t *p,
           enum flow_fetch_kind kind)
{
    ngx_queue_t *q;
    fetch_operation_t *operation;

    for (q = ngx_queue_head(&fetch->running);
         q != ngx_queue_sentinel(&fetch->running); q = ngx_queue_next(q)) {
        operation = ngx_queue_data(q, fetch_operation_t, queue);
        if (operation->provider == p && operation->kind == kind) {
            return operation;
        }
    }
    return NULL;
}

static ngx_int_t
fetch_ask(void *data, const struct flow_action *action,
          ngx_http_azimuth_wait_t *wait, struct flow_event *ret_event)
{
    ngx_http_azimuth_fetch_to_t *to = data;
    ngx_http_azimuth_fetch_t *fetch = to->fetch;
    fetch_operation_t *operation = NULL;
    const char *why = NULL;

    assert(action->kind == FLOW_ACTION_FETCH);
    assert(wait != NULL);
    if (action->fetch.kind != FLOW_FETCH_TOKEN) {
        operation = fetch_find(fetch, to->provider, action->fetch.kind);
    }
    if (operation == NULL) {
        if (fetch->running_count >= FETCH_RUNNING_MAX) {
            why = "too many calls are running";
        } else {
            operation = fetch_start(fetch, to->provider, &action->fetch);
            why = "the call could not be started";
        }
    }
    if (operation == NULL) {
        ngx_memzero(ret_event, sizeof(*ret_event));
        fetch_event_failed(fetch, ret_event,
                           (const char *)to->provider->name.data, why);
        return NGX_OK;
    }
    ngx_http_azimuth_wait_open(wait, &operation->waits);
    return NGX_AGAIN;
}

/* ---- life --------------------------------------------------------------- */

static ngx_http_azimuth_fetch_t *
fetch_open(void)
{
    ngx_http_azimuth_fetch_t *fetch;
    CURLM *multi;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NULL;
    }
    fetch = ngx_calloc(sizeof(*fetch), ngx_cycle->log);
    multi = curl_multi_init();
    if (fetch == NULL || multi == NULL) {
        if (multi != NULL) {
            (void)curl_multi_cleanup(multi);
        }
        ngx_free(fetch);
        curl_global_cleanup();
        return NULL;
    }
    fetch->multi = multi;
    fetch->log = ngx_cycle->log;
    fetch->timer_owner.fd = (ngx_socket_t)-1;
    fetch->timer_owner.data = fetch;
    fetch->timer.data = &fetch->timer_owner;
    fetch->timer.handler = fetch_timer;
    fetch->timer.log = fetch->log;
    ngx_queue_init(&fetch->running);

    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, fetch_set_socket);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetch);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, fetch_set_timer);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetch);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, FETCH_CONNECTIONS_MAX);
    return fetch;
}

ngx_int_t
ngx_http_azimuth_fetch_peer(ngx_http_azimuth_main_conf_t *mcf,
                            ngx_http_azimuth_fetch_to_t *to,
                            ngx_http_azimuth_peer_t *ret_peer)
{
    if (mcf->fetch == NULL) {
        mcf->fetch = fetch_open();
        if (mcf->fetch == NULL) {
            return NGX_ERROR;
        }
    }
    to->fetch = mcf->fetch;
    ret_peer->ask = fetch_ask;
    ret_peer->data = to;
    return NGX_OK;
}

void
ngx_http_azimuth_fetch_close(ngx_http_azimuth_fetch_t *fetch)
{
    fetch_operation_t *operation;

    if (fetch == NULL) {
        return;
    }
    while (!ngx_queue_empty(&fetch->running)) {
        operation = ngx_queue_data(ngx_queue_head(&fetch->running),
                                   fetch_operation_t, queue);
        ngx_queue_remove(&operation->queue);
        while (!ngx_queue_empty(&operation->waits)) {
            ngx_http_azimuth_wait_cancel(
                ngx_queue_data(ngx_queue_head(&operation->waits),
                               ngx_http_azimuth_wait_t, queue));
        }
        (void)curl_multi_remove_handle(fetch->multi, operation->easy);
        fetch_free(operation);
    }
    (void)curl_multi_cleanup(fetch->multi);
    if (fetch->timer.timer_set) {
        ngx_del_timer(&fetch->timer);
    }
    ngx_free(fetch);
    curl_global_cleanup();
}
