/* SPDX-License-Identifier: Apache-2.0 */
/* One request, one flow. The access phase judges requests of protected
 * locations; the content handler answers /oauth2/ (also when auth_request asks
 * by a subrequest, which has no access phase). While a question is open the
 * phase answers NGX_AGAIN to every stray event; a client that leaves frees the
 * pool, whose cleanup withdraws the question and frees the flow. The context
 * hangs on that cleanup too, because an internal redirect forgets contexts but
 * must neither judge twice nor lose the verdict. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <openssl/rand.h>

#include <assert.h>

static void
access_cleanup(void *data)
{
    ngx_http_azimuth_ctx_t *ctx = data;

    ngx_http_azimuth_wait_cancel(&ctx->wait);
    ngx_http_azimuth_upgrade_unwatch(ctx);
    flow_free(ctx->flow);
    ctx->flow = NULL;
}

ngx_http_azimuth_ctx_t *
ngx_http_azimuth_ctx_find(ngx_http_request_t *r)
{
    ngx_http_azimuth_ctx_t *ctx;
    ngx_pool_cleanup_t *cleanup;

    ctx = ngx_http_get_module_ctx(r, ngx_http_azimuth_module);
    if (ctx != NULL || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }
    for (cleanup = r->pool->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        if (cleanup->handler != access_cleanup) {
            continue;
        }
        ctx = cleanup->data;
        if (ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_azimuth_module);
            return ctx;
        }
    }
    return NULL;
}

static void
access_read_cookies(ngx_http_azimuth_ctx_t *ctx)
{
    ngx_http_request_t *r = ctx->request;
    ngx_uint_t count;

#if nginx_version >= 1023000
    ngx_table_elt_t *header = r->headers_in.cookie;

    for (count = 0; header != NULL && count < AZIMUTH_COOKIE_HEADER_MAX;
         header = header->next) {
        ctx->cookies[count++] = ngx_http_azimuth_span(header->value);
    }
#else
    ngx_table_elt_t **headers = r->headers_in.cookies.elts;

    for (count = 0; count < r->headers_in.cookies.nelts &&
                    count < AZIMUTH_COOKIE_HEADER_MAX;
         count++) {
        ctx->cookies[count] = ngx_http_azimuth_span(headers[count]->value);
    }
#endif
    ctx->cookie_count = count;
}

static ngx_http_azimuth_ctx_t *
access_context(ngx_http_request_t *r)
{
    const ngx_http_azimuth_ctx_t *before = ngx_http_azimuth_ctx_find(r);
    ngx_pool_cleanup_t *cleanup;
    ngx_http_azimuth_ctx_t *ctx;

    cleanup = ngx_pool_cleanup_add(r->pool, sizeof(*ctx));
    if (cleanup == NULL) {
        return NULL;
    }
    ctx = cleanup->data;
    ngx_memzero(ctx, sizeof(*ctx));
    ctx->request = r;
    cleanup->handler = access_cleanup;
    if (before != NULL) { /* of an endpoint, sent on to: ours are cut by now */
        ngx_memcpy(ctx->cookies, before->cookies, sizeof(ctx->cookies));
        ctx->cookie_count = before->cookie_count;
    } else {
        access_read_cookies(ctx);
    }
    ngx_http_set_ctx(r, ctx, ngx_http_azimuth_module);
    return ctx;
}

static void
access_describe(ngx_http_azimuth_ctx_t *ctx, struct flow_request *request)
{
    ngx_http_request_t *r = ctx->request;

    ngx_memzero(request, sizeof(*request));
    request->method = ngx_http_azimuth_span(r->method_name);
    request->path = ngx_http_azimuth_span(r->uri);
    request->target = ngx_http_azimuth_span(r->unparsed_uri);
    request->query = ngx_http_azimuth_span(r->args);
    request->cookies = ctx->cookies;
    request->cookie_count = ctx->cookie_count;
    request->accept = ngx_http_azimuth_header_text(r, "accept");
    request->sec_fetch_mode = ngx_http_azimuth_header_text(r, "sec-fetch-mode");
    request->sec_fetch_dest = ngx_http_azimuth_header_text(r, "sec-fetch-dest");
    request->sec_fetch_site = ngx_http_azimuth_header_text(r, "sec-fetch-site");
    request->requested_with =
        ngx_http_azimuth_header_text(r, "x-requested-with");
    request->upgrade = ngx_http_azimuth_header_text(r, "upgrade");
    request->authorization = ngx_http_azimuth_header_text(r, "authorization");
    request->origin = ngx_http_azimuth_header_text(r, "origin");
    request->referer = ngx_http_azimuth_header_text(r, "referer");
    request->preflight =
        ngx_http_azimuth_header_text(r, "access-control-request-method");
    request->forwarded_uri = ngx_http_azimuth_header_text(r, "x-forwarded-uri");
    request->forwarded_method =
        ngx_http_azimuth_header_text(r, "x-forwarded-method");
    request->request_id = ngx_http_azimuth_edge_id(r);
    request->user_agent = ngx_http_azimuth_header_text(r, "user-agent");
    request->content_type = ngx_http_azimuth_header_text(r, "content-type");
    request->client_address = ngx_http_azimuth_span(r->connection->addr_text);
    request->body = ngx_http_azimuth_span(ctx->body);
    request->is_body_refused = ctx->is_body_refused;
    request->bearer = ctx->token;
    request->rules = ctx->rules;
    request->memory = ctx->has_memory ? &ctx->memory : NULL;
}

/* Sends ctx->reply; the result is for ngx_http_finalize_request(). */
static ngx_int_t
access_reply(ngx_http_request_t *r, ngx_http_azimuth_ctx_t *ctx)
{
    ngx_http_azimuth_door_leave(r);
    if (ctx->state == AZIMUTH_ALLOWED) {
        return NGX_HTTP_NOT_FOUND; /* an endpoint that is none of oauth's */
    }
    assert(ctx->state == AZIMUTH_REPLY);
    if (ctx->reply.headers.elts == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR; /* out of memory */
    }
    return ngx_http_azimuth_reply_send(r, &ctx->reply);
}

/* An answer is there: go on with the request from outside of it. */
static void
access_resume(ngx_http_azimuth_wait_t *wait, struct flow_event *event)
{
    ngx_http_azimuth_ctx_t *ctx = wait->data;
    ngx_http_request_t *r = ctx->request;
    ngx_connection_t *c = r->connection;

    ngx_http_set_log_request(c->log, r);
    if (ngx_http_azimuth_perform(ctx, event) == NGX_AGAIN) {
        return;
    }
    r->read_event_handler = ngx_http_block_reading;
    if (ctx->is_content) {
        ngx_http_finalize_request(r, access_reply(r, ctx));
    } else {
        ngx_http_core_run_phases(r);
    }
    ngx_http_run_posted_requests(c);
}

int
ngx_http_azimuth_is_callback(ngx_http_request_t *r)
{
    static const ngx_str_t callback = ngx_string(FLOW_PREFIX "callback");

    return r->uri.len == callback.len &&
           ngx_memcmp(r->uri.data, callback.data, callback.len) == 0;
}

void
ngx_http_azimuth_hide_query(ngx_http_request_t *r)
{
    if (ngx_http_azimuth_is_callback(r)) {
        ngx_str_null(&r->args);
        r->unparsed_uri = r->uri;
    }
}

/* Begins the flow. NGX_AGAIN: it waits; NGX_OK: ctx->state is a verdict. */
static ngx_int_t
access_begin(ngx_http_azimuth_ctx_t *ctx)
{
    ngx_http_request_t *r = ctx->request;
    struct flow_request request;
    struct flow_event event;
    unsigned char seed[FLOW_SEED_SIZE];
    ngx_int_t rc;

    if (RAND_bytes(seed, (int)sizeof(seed)) != 1) {
        ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                      "azimuth: the system gives no random bytes");
        return NGX_ERROR;
    }
    ctx->wait.handler = access_resume;
    ctx->wait.data = ctx;
    ctx->flow =
        flow_create(&ctx->provider->flow, ctx->provider->provider, seed);
    ngx_explicit_memzero(seed, sizeof(seed));
    if (ctx->flow == NULL) {
        return NGX_ERROR;
    }
    access_describe(ctx, &request);
    ngx_memzero(&event, sizeof(event));
    event.kind = FLOW_EVENT_REQUEST;
    event.now_s = ngx_time();
    event.request = &request;
    rc = ngx_http_azimuth_perform(ctx, &event);
    ngx_http_azimuth_hide_query(r);
    return rc;
}

/* The verdict about a protected location. NGX_OK: it is in ret_ctx. */
static ngx_int_t
access_judge(ngx_http_request_t *r, ngx_http_azimuth_loc_conf_t *lcf,
             ngx_http_azimuth_ctx_t **ret_ctx)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_ctx_t *ctx = ngx_http_azimuth_ctx_find(r);
    ngx_http_azimuth_ask_t ask;
    ngx_int_t rc;

    /* An internal redirect must not lead from one kind of credential, or one
     * provider, into a location of another. */
    rc = ngx_http_azimuth_bearer_route(r, lcf, ctx, &ask);
    if (rc != NGX_OK) {
        return rc;
    }
    if (ctx == NULL) {
        ctx = access_context(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ctx->provider = ask.provider;
        ctx->token = ask.token;
        ctx->rules = lcf->rules;
    }
    *ret_ctx = ctx;
    if (ctx->state == AZIMUTH_WAITING) {
        return NGX_AGAIN;
    }
    if (ctx->state != AZIMUTH_NEW) {
        return NGX_OK;
    }
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    (void)ngx_http_azimuth_zone_key(ctx, mcf);
    /* What is opened for long is judged by the store itself. */
    rc = ngx_http_azimuth_upgrade_is_asked(r)
             ? NGX_DECLINED
             : ngx_http_azimuth_zone_get(ctx, mcf);
    if (rc == NGX_OK) {
        ngx_http_azimuth_edge_hit(ctx, mcf);
        ctx->state = AZIMUTH_ALLOWED;
        return NGX_OK;
    }
    if (ctx->has_cache_key) {
        ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_CACHE_MISS);
    }
    if (rc == NGX_DECLINED) {
        rc = access_begin(ctx);
    }
    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_test_reading;
    }
    return rc == NGX_ERROR ? NGX_HTTP_INTERNAL_SERVER_ERROR : rc;
}

static const struct error access_sent_on = {
    OAUTH_EFORBIDDEN, "a claim rule of a location that it was sent on to"
};

/* The request may pass: what goes on to the upstream. */
static ngx_int_t
access_pass(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_request_t *r = ctx->request;
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_int_t rc = ngx_http_azimuth_rate_user(ctx, lcf);

    if (rc != NGX_DECLINED) {
        return rc;
    }
    if (ngx_http_azimuth_upgrade_is_asked(r) &&
        ngx_http_azimuth_upgrade_watch(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    if (!ctx->is_cut) {
        if (ngx_http_azimuth_identity_cut(r, &mcf->cookie_name) != NGX_OK ||
            (ctx->token.size > 0 &&
             ngx_http_azimuth_identity_cut_token(r) != NGX_OK)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        ctx->is_cut = 1;
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_access_handler(ngx_http_request_t *r)
{
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_http_azimuth_ctx_t *ctx;
    ngx_int_t rc;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    rc = ngx_http_azimuth_edge_before(r, lcf);
    if (rc != NGX_DECLINED) {
        return rc;
    }
    if (lcf->endpoint != NULL) {
        return NGX_DECLINED;
    }
    rc = access_judge(r, lcf, &ctx);
    if (rc != NGX_OK) {
        return rc;
    }
    if (ctx->state == AZIMUTH_REPLY) {
        ngx_http_finalize_request(r, access_reply(r, ctx));
        return NGX_DONE;
    }
    assert(ctx->state == AZIMUTH_ALLOWED);
    /* Again for each location that the request is sent on to. */
    if (require_broken(lcf->rules,
                       require_method(ngx_http_azimuth_span(r->method_name)),
                       &ctx->bits) != NULL) {
        ngx_http_azimuth_edge_refused(r, ctx, FLOW_FORBIDDEN, &access_sent_on);
        return NGX_HTTP_FORBIDDEN;
    }
    return access_pass(ctx, lcf);
}

/* The body of a form is there. Whoever sent it may leave now: what it asks
 * for (the end of sessions) is done all the same. */
static void
access_body_read(ngx_http_request_t *r)
{
    ngx_http_azimuth_ctx_t *ctx = ngx_http_azimuth_ctx_find(r);
    ngx_int_t rc;

    assert(ctx != NULL);
    rc = ngx_http_azimuth_body_take(ctx);
    if (rc == NGX_OK) {
        rc = access_begin(ctx);
    }
    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_block_reading;
        return;
    }
    ngx_http_finalize_request(r, rc == NGX_OK ? access_reply(r, ctx)
                                              : NGX_HTTP_INTERNAL_SERVER_ERROR);
}

ngx_int_t
ngx_http_azimuth_endpoint_handler(ngx_http_request_t *r)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_http_azimuth_ctx_t *ctx;
    ngx_int_t rc;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    ctx = access_context(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ctx->provider = lcf->endpoint;
    ctx->token = ngx_http_azimuth_bearer_token(r, lcf);
    ctx->rules = lcf->rules;
    ctx->is_content = 1;
    (void)ngx_http_azimuth_zone_key(ctx, mcf);
    rc = ngx_http_azimuth_body_read(ctx, access_body_read);
    if (rc != NGX_DECLINED) {
        return rc;
    }
    rc = access_begin(ctx);
    if (rc == NGX_AGAIN) {
        if (r == r->main) {
            r->read_event_handler = ngx_http_test_reading;
        }
        r->main->count++;
        return NGX_DONE;
    }
    return rc == NGX_OK ? access_reply(r, ctx) : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
