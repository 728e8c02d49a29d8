/* SPDX-License-Identifier: Apache-2.0 */
/* What the life of a flow reports: how long peers took, what became of the
 * request. One place turns outcomes into counters and audit events, so that
 * the code that acts needs to know neither. */

#include "gateway/ngx_http_azimuth_edge.h"

#include "oauth/session.h"

#include <openssl/evp.h>

#include <assert.h>

/* ---- before -------------------------------------------------------------- */

/* Another gateway puts the path that it was asked for behind ours, as it came:
 * with dots in it, it would be an address of its own, and a 200 from there
 * leave to pass. */
ngx_int_t
ngx_http_azimuth_edge_gate_handler(ngx_http_request_t *r)
{
    static const ngx_str_t gate = ngx_string(FLOW_GATE "/");
    int is_sent, is_there;

    is_sent = r->unparsed_uri.len >= gate.len &&
              ngx_memcmp(r->unparsed_uri.data, gate.data, gate.len) == 0;
    is_there = r->uri.len >= gate.len &&
               ngx_memcmp(r->uri.data, gate.data, gate.len) == 0;
    if (!is_sent || is_there) {
        return NGX_DECLINED;
    }
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "azimuth: a path with dots led out of " FLOW_GATE);
    return NGX_HTTP_BAD_REQUEST;
}

ngx_int_t
ngx_http_azimuth_edge_before(ngx_http_request_t *r,
                             ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_int_t rc = ngx_http_azimuth_cors_preflight(r, lcf);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_azimuth_redirect(r, lcf);
    }
    if (rc != NGX_DECLINED || ngx_http_azimuth_ctx_find(r) != NULL) {
        return rc;
    }
    /* An error of nginx before the first phase led here without it. */
    if (r->internal && ngx_http_azimuth_identity_handler(r) != NGX_DECLINED) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (ngx_http_azimuth_upgrade_cut(r, lcf) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    rc = ngx_http_azimuth_rate_address(r, lcf);
    if (rc == NGX_DECLINED && lcf->provider != NULL && lcf->endpoint == NULL) {
        rc = ngx_http_azimuth_upgrade_check(r, lcf);
    }
    return rc;
}

/* ---- peers --------------------------------------------------------------- */

static int
edge_is_store(const struct flow_action *action)
{
    enum flow_action_kind kind = action->kind;

    return kind == FLOW_ACTION_SESSION_GET || kind == FLOW_ACTION_SESSION_PUT ||
           kind == FLOW_ACTION_SESSION_DEL || kind == FLOW_ACTION_INDEX_PUT ||
           kind == FLOW_ACTION_INDEX_GET || kind == FLOW_ACTION_INDEX_DEL;
}

void
ngx_http_azimuth_edge_asked(ngx_http_azimuth_question_t *question,
                            const struct flow_action *action)
{
    if (edge_is_store(action)) {
        question->histogram = AZIMUTH_COUNT_STORE_TIME;
    } else if (action->kind == FLOW_ACTION_FETCH) {
        question->histogram =
            AZIMUTH_COUNT_CALL_TIME +
            ngx_http_azimuth_call(action->fetch.kind) * AZIMUTH_HISTOGRAM_SIZE;
    } else {
        return; /* nobody outside was asked */
    }
    question->asked_ns = ngx_http_azimuth_clock_ns();
}

/* Under load the time of the last good answer need not be written again and
 * again: once in a second is enough. */
static int
edge_is_news(const ngx_http_azimuth_peer_health_t *peer,
             const struct flow_event *event, int is_failed)
{
    return is_failed || peer->is_down || peer->ok_s != event->now_s;
}

static ngx_http_azimuth_peer_health_t *
edge_peer(ngx_http_azimuth_health_table_t *table,
          const ngx_http_azimuth_question_t *question,
          ngx_http_azimuth_main_conf_t *mcf,
          ngx_http_azimuth_provider_t *provider)
{
    ngx_http_azimuth_provider_t **providers = mcf->providers.elts;
    ngx_uint_t i;

    if (question->histogram == AZIMUTH_COUNT_STORE_TIME) {
        return &table->store;
    }
    for (i = 0; i < mcf->providers.nelts; i++) {
        if (providers[i] == provider) {
            return &ngx_http_azimuth_health_provider(table, mcf, i)->peer;
        }
    }
    return NULL;
}

static ngx_uint_t
edge_failure(const ngx_http_azimuth_question_t *question)
{
    return question->histogram == AZIMUTH_COUNT_STORE_TIME
               ? AZIMUTH_COUNT_STORE_FAILED
               : AZIMUTH_COUNT_CALL_FAILED +
                     (question->histogram - AZIMUTH_COUNT_CALL_TIME) /
                         AZIMUTH_HISTOGRAM_SIZE;
}

void
ngx_http_azimuth_edge_answered(ngx_http_azimuth_question_t *question,
                               ngx_http_azimuth_main_conf_t *mcf,
                               ngx_http_azimuth_provider_t *provider,
                               const struct flow_event *event)
{
    ngx_http_azimuth_health_table_t *table;
    ngx_http_azimuth_peer_health_t *peer;
    int is_failed;

    if (question->asked_ns == 0) {
        return;
    }
    is_failed = event->kind == FLOW_EVENT_SESSION_FAILED ||
                event->kind == FLOW_EVENT_FETCH_FAILED;
    ngx_http_azimuth_count_time(mcf, question->histogram,
                                ngx_http_azimuth_clock_ns() -
                                    question->asked_ns);
    question->asked_ns = 0;
    if (is_failed) {
        ngx_http_azimuth_count(mcf, edge_failure(question));
    }
    table = ngx_http_azimuth_health_lock(mcf);
    peer = edge_peer(table, question, mcf, provider);
    if (peer != NULL && edge_is_news(peer, event, is_failed)) {
        ngx_http_azimuth_health_note(peer, event);
    }
    ngx_http_azimuth_health_unlock(mcf);
}

void
ngx_http_azimuth_edge_refreshed(ngx_http_azimuth_main_conf_t *mcf,
                                enum flow_outcome outcome)
{
    if (outcome == FLOW_REFRESHED) {
        ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_REFRESHED);
    } else if (outcome == FLOW_REFRESH_FAILED) {
        ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_REFRESH_FAILED);
    } else if (outcome == FLOW_REFRESH_ENDED) {
        ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_REFRESH_ENDED);
    }
}

/* ---- verdicts ------------------------------------------------------------ */

/* What is told of an outcome; NULL: nothing, a matter for the access log. */
static const char *const edge_events[FLOW_OUTCOME_COUNT] = {
    [FLOW_LOGGED_IN] = "login",       [FLOW_LOGIN_FAILED] = "login",
    [FLOW_DENIED] = "denial",         [FLOW_FORBIDDEN] = "denial",
    [FLOW_REFUSED] = "denial",        [FLOW_SIGNED_OUT] = "logout",
    [FLOW_STORE_DOWN] = "failure",    [FLOW_PROVIDER_DOWN] = "login",
    [FLOW_FAILED] = "failure",        [FLOW_ENDED_BY_PROVIDER] = "logout",
    [FLOW_SESSIONS_ENDED] = "logout",
};

struct span
ngx_http_azimuth_edge_id(ngx_http_request_t *r)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_variable_value_t *id;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    id = ngx_http_get_indexed_variable(r->main, (ngx_uint_t)mcf->edge.id_index);
    if (id == NULL || id->not_found) {
        return (struct span){ NULL, 0 };
    }
    return (struct span){ (const char *)id->data, id->len };
}

/* The first letters of the session's key in the store, which is the base64url
 * of the hash of its id: three bytes of hash for four letters. */
static void
edge_set_tag(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
             struct span cookie)
{
    u_char hash[EVP_MAX_MD_SIZE];
    unsigned char id[SESSION_ID_SIZE];
    ngx_str_t from, to;

    if (session_cookie_id(cookie, id) != OAUTH_OK ||
        EVP_DigestInit_ex2(mcf->digest_context, mcf->digest, NULL) != 1 ||
        EVP_DigestUpdate(mcf->digest_context, id, sizeof(id)) != 1 ||
        EVP_DigestFinal_ex(mcf->digest_context, hash, NULL) != 1) {
        return;
    }
    from.data = hash;
    from.len = AZIMUTH_SESSION_TAG_SIZE / 4 * 3;
    to.data = ctx->edge.tag;
    ngx_encode_base64url(&to, &from);
    assert(to.len == AZIMUTH_SESSION_TAG_SIZE);
    ctx->edge.has_tag = 1;
}

ngx_int_t
ngx_http_azimuth_edge_tag(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    struct span cookie;

    if (!ctx->edge.has_tag &&
        cookie_find(ctx->cookies, ctx->cookie_count,
                    ngx_http_azimuth_span(mcf->cookie_name),
                    &cookie) == COOKIE_FOUND) {
        edge_set_tag(ctx, mcf, cookie);
    }
    return ctx->edge.has_tag ? NGX_OK : NGX_DECLINED;
}

/* The session that a login made is in its Set-Cookie. */
static void
edge_tag_new(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
             const struct flow_reply *reply)
{
    struct span value;
    const char *end;
    size_t i;

    for (i = 0; i < reply->cookie_count; i++) {
        value = reply->cookies[i];
        if (value.size <= mcf->cookie_name.len + 1 ||
            ngx_memcmp(value.data, mcf->cookie_name.data,
                       mcf->cookie_name.len) != 0 ||
            value.data[mcf->cookie_name.len] != '=') {
            continue;
        }
        value.data += mcf->cookie_name.len + 1;
        value.size -= mcf->cookie_name.len + 1;
        end = memchr(value.data, ';', value.size);
        if (end != NULL) {
            value.size = (size_t)(end - value.data);
        }
        edge_set_tag(ctx, mcf, value);
    }
}

static void
edge_tell(ngx_http_azimuth_ctx_t *ctx, const struct flow_actions *actions)
{
    ngx_http_azimuth_audit_t what;

    what.event = edge_events[actions->outcome];
    what.outcome = flow_outcome_name(actions->outcome);
    what.cause = actions->cause;
    what.session = actions->session;
    what.ended_sub = actions->ended_sub;
    what.ended_sid = actions->ended_sid;
    /* A page without a session is sent to the login: no denial. One with a
     * forged or stale cookie is. */
    if (actions->outcome == FLOW_SENT_TO_LOGIN && actions->cause != NULL &&
        actions->cause->code == OAUTH_ECOOKIE) {
        what.event = "denial";
    }
    if (what.event != NULL) {
        ngx_http_azimuth_audit(ctx->request, ctx, &what);
    }
}

static void
edge_set_outcome(ngx_http_azimuth_ctx_t *ctx, enum flow_outcome outcome)
{
    const char *name = flow_outcome_name(outcome);

    ctx->edge.outcome.data = (u_char *)name;
    ctx->edge.outcome.len = ngx_strlen(name);
}

/* For the access log: an endpoint's answer sets no identity headers. */
static void
edge_set_user(ngx_http_azimuth_ctx_t *ctx, const struct session *session)
{
    struct span name = session->preferred_username.size > 0
                           ? session->preferred_username
                           : session->sub;

    if (ngx_http_azimuth_copy(ctx->request->pool, name, &ctx->user) != NGX_OK) {
        ngx_str_null(&ctx->user);
    }
}

void
ngx_http_azimuth_edge_refused(ngx_http_request_t *r,
                              ngx_http_azimuth_ctx_t *ctx,
                              enum flow_outcome outcome,
                              const struct error *cause)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_audit_t what;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_OUTCOME + outcome);
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_FAILURE + cause->code);
    if (ctx != NULL) {
        edge_set_outcome(ctx, outcome);
    }
    ngx_memzero(&what, sizeof(what));
    what.event = edge_events[outcome];
    what.outcome = flow_outcome_name(outcome);
    what.cause = cause;
    ngx_http_azimuth_audit(r, ctx, &what);
}

void
ngx_http_azimuth_edge_verdict(ngx_http_azimuth_ctx_t *ctx,
                              ngx_http_azimuth_main_conf_t *mcf,
                              const struct flow_actions *actions)
{
    const struct flow_action *action = &actions->items[actions->count - 1];
    struct flow_reply none = { .cookie_count = 0 };

    assert(flow_is_verdict(action));
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_OUTCOME + actions->outcome);
    if (actions->cause != NULL && actions->cause->code != OAUTH_OK) {
        ngx_http_azimuth_count(mcf,
                               AZIMUTH_COUNT_FAILURE + actions->cause->code);
    }
    edge_set_outcome(ctx, actions->outcome);
    if (actions->outcome == FLOW_LOGGED_IN) {
        edge_tag_new(ctx, mcf,
                     action->kind == FLOW_ACTION_REPLY ? &action->reply
                                                       : &none);
    }
    if (actions->session != NULL) {
        ctx->edge.ends_s = actions->session->expires_s;
        if (action->kind == FLOW_ACTION_REPLY) {
            edge_set_user(ctx, actions->session);
        }
    }
    edge_tell(ctx, actions);
}

void
ngx_http_azimuth_edge_hit(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_CACHE_HIT);
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_OUTCOME + FLOW_ALLOWED);
    edge_set_outcome(ctx, FLOW_ALLOWED);
}
