/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to the provider: libcurl's multi interface on nginx's events.
 * Cold paths only: documents, pushed requests, tokens. One multi handle per
 * worker, made when first needed. Flows that want the same document of a
 * provider wait for one transfer; one that nobody waits for any more, or from
 * the beginning, is handed to the provider here. Requests leave a quarter of
 * the calls to refreshes, since anybody may begin a login, and one provider
 * leaves some to the others, since it may hang.
 * Invariants: a call is in `running` from start to finish and ends by
 * CURLOPT_TIMEOUT_MS at the latest; curl owns descriptors, nginx only watches
 * them through a connection made anew at each first socket callback, since
 * curl may reuse a number right after closing it; answers are given only from
 * finish(), never from within a call of curl. */

#include "gateway/ngx_http_azimuth_fetch.h"

#include <assert.h>

/* What is bounded elsewhere is beside these: documents, two per provider and
 * shared by all who wait, since that none could be fetched would look like the
 * provider's fault; and callbacks, by the door, since their state is spent. */
#define FETCH_RUNNING_MAX     256
#define FETCH_REQUESTS_MAX    192 /* of these, for requests */
#define FETCH_SHARE_COUNT_MAX 3   /* a provider has a third, if not more */
#define FETCH_CONNECTIONS_MAX 16L /* kept for reuse */

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
    ngx_http_azimuth_fetch_t *fetch = ngx_http_azimuth_timer_data(event);
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
        ngx_http_azimuth_timer_stop(&fetch->timer);
        return 0;
    }
    /* 0 means at once, but not from within curl. */
    ngx_add_timer(&fetch->timer.event, (ngx_msec_t)ngx_max(timeout_ms, 1));
    return 0;
}

/* Never says no: after a -1 curl takes the whole multi handle for dead, sets
 * no timer any more, and every later call would hang. */
static int
fetch_set_socket(CURL *easy, curl_socket_t fd, int what, void *data,
                 void *socket_data)
{
    ngx_http_azimuth_fetch_t *fetch = data;
    ngx_connection_t *c = socket_data;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (c != NULL) {
            ngx_http_azimuth_watch_close(c);
            (void)curl_multi_assign(fetch->multi, fd, NULL);
        }
        return 0;
    }
    if (c == NULL) {
        c = ngx_http_azimuth_watch_open(fd, fetch_event, fetch, fetch->log);
        if (c == NULL) {
            return 0; /* nginx said why; the call ends by its timeout */
        }
        (void)curl_multi_assign(fetch->multi, fd, c);
    }
    if (ngx_http_azimuth_watch_set(c, what & CURL_POLL_IN,
                                   what & CURL_POLL_OUT) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, fetch->log, 0,
                      "azimuth: a descriptor of curl cannot be watched");
    }
    return 0;
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

/* Documents are the same for everybody. */
static ngx_uint_t
fetch_is_document(enum flow_fetch_kind kind)
{
    return kind == FLOW_FETCH_DISCOVERY || kind == FLOW_FETCH_JWKS;
}

/* An answer that no flow takes. */
static void
fetch_take(ngx_http_azimuth_fetch_call_t *call, const struct flow_event *event)
{
    enum provider_document document =
        call->kind == FLOW_FETCH_DISCOVERY ? PROVIDER_DISCOVERY : PROVIDER_JWKS;
    struct provider *provider = call->provider->provider;
    struct error error = { OAUTH_OK, "" };
    enum oauth_code code;

    if (event->kind == FLOW_EVENT_FETCHED) {
        code = provider_put(provider, document, event->fetched.status,
                            event->fetched.body, event->now_s, &error);
    } else {
        code = error_set(&error, OAUTH_EPROVIDER, "%.*s",
                         (int)event->failure.size, event->failure.data);
        provider_note_failure(provider, document, event->now_s, &error);
    }
    if (code != OAUTH_OK) {
        ngx_log_error(NGX_LOG_WARN, call->fetch->log, 0,
                      "azimuth: provider \"%V\": its %s could not be fetched, "
                      "an older one counts until it is a day old: %s",
                      &call->provider->name,
                      document == PROVIDER_DISCOVERY ? "discovery document"
                                                     : "key set",
                      error.text);
    }
}

static void
fetch_finish(ngx_http_azimuth_fetch_call_t *call, CURLcode code)
{
    ngx_http_azimuth_fetch_t *fetch = call->fetch;
    struct flow_event event;
    long status = 0;

    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_multi_remove_handle(fetch->multi, call->easy);
    ngx_queue_remove(&call->queue);
    fetch->running_count--;
    call->provider->call_count--;

    ngx_memzero(&event, sizeof(event));
    if (bytes_failed(&call->body)) {
        fetch_event_failed(fetch, &event, call->host,
                           "the answer is too large");
    } else if (call->is_header_limit) {
        fetch_event_failed(fetch, &event, call->host,
                           "the answer's header is too large");
    } else if (code != CURLE_OK) {
        fetch_event_failed(fetch, &event, call->host,
                           call->reason[0] != '\0' ? call->reason
                                                   : curl_easy_strerror(code));
    } else {
        event.kind = FLOW_EVENT_FETCHED;
        event.now_s = ngx_time();
        event.fetched.status = (int)status;
        event.fetched.body = bytes_span(&call->body);
    }
    if (ngx_queue_empty(&call->waits) && fetch_is_document(call->kind)) {
        fetch_take(call, &event);
    }
    ngx_http_azimuth_wait_answer(&call->waits, &event);
    ngx_http_azimuth_fetch_call_free(call);
}

static void
fetch_drain(ngx_http_azimuth_fetch_t *fetch)
{
    CURLMsg *message;
    CURL *easy;
    CURLcode code;
    void *call;
    int left;

    while ((message = curl_multi_info_read(fetch->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) {
            continue;
        }
        /* The message dies with the handle's removal. */
        easy = message->easy_handle;
        code = message->data.result;
        call = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
        assert(call != NULL);
        fetch_finish(call, code);
    }
}

/* ---- asking ------------------------------------------------------------- */

static ngx_http_azimuth_fetch_call_t *
fetch_start(ngx_http_azimuth_fetch_t *fetch, ngx_http_azimuth_provider_t *p,
            const struct flow_fetch *what)
{
    ngx_http_azimuth_fetch_call_t *call;

    call = ngx_http_azimuth_fetch_call_new(fetch, p, what);
    if (call == NULL) {
        return NULL;
    }
    if (curl_multi_add_handle(fetch->multi, call->easy) != CURLM_OK) {
        ngx_http_azimuth_fetch_call_free(call);
        return NULL;
    }
    ngx_queue_insert_tail(&fetch->running, &call->queue);
    fetch->running_count++;
    p->call_count++;
    return call;
}

static ngx_http_azimuth_fetch_call_t *
fetch_find(ngx_http_azimuth_fetch_t *fetch, ngx_http_azimuth_provider_t *p,
           const struct flow_fetch *what)
{
    ngx_queue_t *q;
    ngx_http_azimuth_fetch_call_t *call;

    for (q = ngx_queue_head(&fetch->running);
         q != ngx_queue_sentinel(&fetch->running); q = ngx_queue_next(q)) {
        call = ngx_queue_data(q, ngx_http_azimuth_fetch_call_t, queue);
        if (call->provider == p && call->kind == what->kind &&
            span_equal(bytes_span(&call->share), what->share)) {
            return call;
        }
    }
    return NULL;
}

static int
fetch_is_bounded(const ngx_http_azimuth_fetch_to_t *to,
                 enum flow_fetch_kind kind)
{
    return fetch_is_document(kind) || (kind == FLOW_FETCH_TOKEN && !to->is_job);
}

static int
fetch_is_full(const ngx_http_azimuth_fetch_to_t *to)
{
    ngx_uint_t limit = to->is_job ? FETCH_RUNNING_MAX : FETCH_REQUESTS_MAX;

    return to->fetch->running_count >= limit ||
           to->provider->call_count >= limit / to->fetch->share_count;
}

static ngx_int_t
fetch_ask(void *data, const struct flow_action *action,
          ngx_http_azimuth_wait_t *wait, struct flow_event *ret_event)
{
    ngx_http_azimuth_fetch_to_t *to = data;
    ngx_http_azimuth_fetch_t *fetch = to->fetch;
    ngx_http_azimuth_fetch_call_t *call = NULL;
    const char *why = "too many calls are running";

    assert(action->kind == FLOW_ACTION_FETCH);
    assert(wait != NULL);
    if (fetch_is_document(action->fetch.kind) ||
        action->fetch.kind == FLOW_FETCH_INTROSPECTION) {
        call = fetch_find(fetch, to->provider, &action->fetch);
    }
    if (call == NULL &&
        (fetch_is_bounded(to, action->fetch.kind) || !fetch_is_full(to))) {
        call = fetch_start(fetch, to->provider, &action->fetch);
        why = "the call could not be started";
    }
    if (call == NULL) {
        ngx_memzero(ret_event, sizeof(*ret_event));
        fetch_event_failed(fetch, ret_event,
                           (const char *)to->provider->name.data, why);
        return NGX_OK;
    }
    ngx_http_azimuth_wait_open(wait, &call->waits);
    return NGX_AGAIN;
}

void
ngx_http_azimuth_fetch_document(ngx_http_azimuth_main_conf_t *mcf,
                                ngx_http_azimuth_provider_t *p,
                                enum provider_document document)
{
    struct flow_fetch what;
    struct error error;
    ngx_http_azimuth_fetch_to_t to = { NULL, p, 1 };
    ngx_http_azimuth_peer_t peer;

    ngx_memzero(&what, sizeof(what));
    what.kind =
        document == PROVIDER_DISCOVERY ? FLOW_FETCH_DISCOVERY : FLOW_FETCH_JWKS;
    what.url = span_of(provider_url(p->provider, document));
    what.headers[0].name = span_of("Accept");
    what.headers[0].value = span_of("application/json");
    what.header_count = 1;
    if (ngx_http_azimuth_fetch_peer(mcf, &to, &peer) == NGX_OK &&
        (fetch_find(to.fetch, p, &what) != NULL ||
         fetch_start(to.fetch, p, &what) != NULL)) {
        return;
    }
    (void)error_set(&error, OAUTH_EPROVIDER, "the call could not be started");
    provider_note_failure(p->provider, document, ngx_time(), &error);
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
    ngx_http_azimuth_timer_init(&fetch->timer, fetch_timer, fetch, fetch->log);
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
        mcf->fetch->share_count =
            ngx_min(mcf->providers.nelts, FETCH_SHARE_COUNT_MAX);
    }
    to->fetch = mcf->fetch;
    ret_peer->ask = fetch_ask;
    ret_peer->data = to;
    return NGX_OK;
}

void
ngx_http_azimuth_fetch_close(ngx_http_azimuth_fetch_t *fetch)
{
    ngx_http_azimuth_fetch_call_t *call;

    if (fetch == NULL) {
        return;
    }
    while (!ngx_queue_empty(&fetch->running)) {
        call = ngx_queue_data(ngx_queue_head(&fetch->running),
                              ngx_http_azimuth_fetch_call_t, queue);
        ngx_queue_remove(&call->queue);
        while (!ngx_queue_empty(&call->waits)) {
            ngx_http_azimuth_wait_cancel(ngx_queue_data(
                ngx_queue_head(&call->waits), ngx_http_azimuth_wait_t, queue));
        }
        (void)curl_multi_remove_handle(fetch->multi, call->easy);
        ngx_http_azimuth_fetch_call_free(call);
    }
    (void)curl_multi_cleanup(fetch->multi);
    ngx_http_azimuth_timer_stop(&fetch->timer);
    ngx_free(fetch);
    curl_global_cleanup();
}
