/* SPDX-License-Identifier: Apache-2.0 */
/* Which credential decides about a request: a token, a session, or the key
 * that the engine checks. A request without any is refused here, before a flow
 * or a peer costs anything. A token that was accepted goes no further than to
 * us: the upstream gets the identity headers instead. */

#include "gateway/ngx_http_azimuth_edge.h"

#include "oauth/refusal.h"

#define BEARER_REFUSAL_SIZE_MAX ((size_t)64 << 10)

/* Reads both headers in one walk. NGX_DECLINED: one of them came twice. */
static ngx_int_t
bearer_read(ngx_http_request_t *r, struct credential *ret_credential)
{
    static const struct span none = { NULL, 0 };
    struct span authorization = none, api_key = none;
    struct span *target;
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == 13 &&
                ngx_memcmp(header[i].lowcase_key, "authorization", 13) == 0) {
                target = &authorization;
            } else if (header[i].key.len == 7 &&
                       ngx_memcmp(header[i].lowcase_key, "api-key", 7) == 0) {
                target = &api_key;
            } else {
                continue;
            }
            if (target->data != NULL) {
                return NGX_DECLINED;
            }
            *target = ngx_http_azimuth_span(header[i].value);
            if (target->data == NULL) {
                *target = span_of("");
            }
        }
    }
    credential_read(authorization, api_key, ret_credential);
    return NGX_OK;
}

static ngx_int_t
bearer_refuse(ngx_http_request_t *r, const struct error *cause)
{
    ngx_table_elt_t *type = ngx_http_azimuth_header_in(r, "content-type");
    ngx_http_azimuth_reply_t copy;
    struct flow_reply reply = { 0 };
    struct refusal refusal = { 0 };
    struct arena arena;
    ngx_int_t rc = NGX_ERROR;

    refusal.cause = cause;
    refusal.is_bearer = 1;
    refusal.is_grpc =
        type != NULL && refusal_is_grpc(ngx_http_azimuth_span(type->value));
    reply.headers[reply.header_count].name = span_of("Cache-Control");
    reply.headers[reply.header_count++].value = span_of("no-store");
    arena_init(&arena, BEARER_REFUSAL_SIZE_MAX);
    refusal_fill(&refusal, &arena, &reply);
    if (!arena_failed(&arena)) {
        rc = ngx_http_azimuth_reply_copy(r, &reply, &copy);
    }
    arena_release(&arena);
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_http_azimuth_log(r, flow_outcome_name(FLOW_DENIED), cause);
    ngx_http_azimuth_edge_refused(r, ngx_http_azimuth_ctx_find(r), FLOW_DENIED,
                                  cause);
    ngx_http_finalize_request(r, ngx_http_azimuth_reply_send(r, &copy));
    return NGX_DONE;
}

/* A request that was judged already and was sent on inside of nginx: the
 * verdict is good where the same kind of credential is asked for. */
static int
bearer_fits(const ngx_http_azimuth_ctx_t *ctx,
            const ngx_http_azimuth_loc_conf_t *lcf)
{
    if (ctx->token.size > 0) {
        return lcf->gate.takes_bearer && ctx->provider == lcf->token_provider;
    }
    return lcf->gate.takes_session && ctx->provider == lcf->provider;
}

ngx_int_t
ngx_http_azimuth_bearer_route(ngx_http_request_t *r,
                              ngx_http_azimuth_loc_conf_t *lcf,
                              const ngx_http_azimuth_ctx_t *ctx,
                              ngx_http_azimuth_ask_t *ret_ask)
{
    struct credential credential;
    struct error cause = { OAUTH_OK, "" };

    ret_ask->provider = lcf->provider;
    ret_ask->token.data = NULL;
    ret_ask->token.size = 0;
    if (ctx != NULL && bearer_fits(ctx, lcf)) {
        ret_ask->provider = ctx->provider;
        ret_ask->token = ctx->token;
        return NGX_OK;
    }
    if (ctx != NULL && !lcf->gate.takes_key &&
        (lcf->gate.takes_session || lcf->gate.takes_bearer)) {
        return NGX_HTTP_FORBIDDEN;
    }
    if (!lcf->gate.takes_bearer && !lcf->gate.takes_key) {
        return lcf->gate.takes_session ? NGX_OK : NGX_DECLINED;
    }
    if (bearer_read(r, &credential) != NGX_OK) {
        (void)error_set(&cause, OAUTH_EREQUEST,
                        "Authorization or api-key came twice");
        return bearer_refuse(r, &cause);
    }
    switch (credential_route(&lcf->gate, &credential, &cause)) {
    case CREDENTIAL_TO_TOKEN:
        if (ctx != NULL) {
            return NGX_HTTP_FORBIDDEN;
        }
        ret_ask->provider = lcf->token_provider;
        ret_ask->token = credential.token;
        return NGX_OK;
    case CREDENTIAL_TO_SESSION:
        return NGX_OK;
    case CREDENTIAL_TO_ENGINE:
        return NGX_DECLINED;
    case CREDENTIAL_REFUSED:
        break;
    }
    return bearer_refuse(r, &cause);
}

struct span
ngx_http_azimuth_bearer_token(ngx_http_request_t *r,
                              ngx_http_azimuth_loc_conf_t *lcf)
{
    struct credential credential;
    struct span none = { NULL, 0 };

    if (lcf->token_provider == NULL || bearer_read(r, &credential) != NGX_OK) {
        return none;
    }
    if (credential.bearer == CREDENTIAL_JWT ||
        (credential.bearer == CREDENTIAL_OPAQUE &&
         lcf->token_provider->flow.introspects)) {
        return credential.token;
    }
    return none;
}
