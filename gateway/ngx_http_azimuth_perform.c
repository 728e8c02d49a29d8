/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what a flow wants: background actions are started and left
 * alone, a question is put to the store or the provider, a verdict is copied
 * into the request's context. A peer that refuses at once is answered in the
 * same loop, so a request never re-enters itself. The flow is freed as soon as
 * there is a verdict: its memory holds secrets. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define PERFORM_STEP_COUNT_MAX 32 /* a flow that long is a bug */

ngx_int_t
ngx_http_azimuth_identity_give(ngx_http_azimuth_ctx_t *ctx,
                               ngx_http_azimuth_main_conf_t *mcf,
                               ngx_uint_t index, ngx_str_t value)
{
    /* The name when there is one, else the subject. */
    if (value.len > 0 && (index == mcf->name_index ||
                          (index == mcf->user_index && ctx->user.len == 0))) {
        ctx->user = value;
    }
    if (index == mcf->user_index) {
        ctx->edge.subject = value;
    }
    return ngx_http_azimuth_identity_set(ctx->request, mcf, index, value);
}

static ngx_int_t
perform_allow(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
              const struct flow_allow *allow)
{
    ngx_http_request_t *r = ctx->request;
    ngx_str_t value;
    ngx_int_t index;
    size_t i;

    for (i = 0; i < allow->header_count; i++) {
        index = ngx_http_azimuth_identity_index(mcf, allow->headers[i].name);
        assert(index != NGX_ERROR);
        if (ngx_http_azimuth_copy(r->pool, allow->headers[i].value, &value) !=
                NGX_OK ||
            ngx_http_azimuth_identity_give(ctx, mcf, (ngx_uint_t)index,
                                           value) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    ctx->bits = allow->bits;
    ctx->state = AZIMUTH_ALLOWED;
    return NGX_OK;
}

static ngx_int_t
perform_ask(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
            const struct flow_action *action, struct flow_event *ret_event)
{
    ngx_http_azimuth_wait_t *wait = action->is_background ? NULL : &ctx->wait;
    ngx_http_azimuth_asker_t asker;

    asker.mcf = mcf;
    asker.provider = ctx->provider;
    asker.is_job = 0;
    return ngx_http_azimuth_ask(&asker, action, wait, ret_event);
}

static void
perform_background(ngx_http_azimuth_ctx_t *ctx,
                   ngx_http_azimuth_main_conf_t *mcf,
                   const struct flow_actions *actions)
{
    struct flow_event event;
    size_t i;

    for (i = 0; i + 1 < actions->count; i++) {
        assert(actions->items[i].is_background);
        if (perform_ask(ctx, mcf, &actions->items[i], &event) == NGX_OK &&
            event.kind == FLOW_EVENT_SESSION_FAILED) {
            ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                          "azimuth: a background write failed: %*s",
                          event.failure.size, event.failure.data);
        }
    }
}

static ngx_int_t
perform_verdict(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
                const struct flow_actions *actions,
                const struct flow_action *action)
{
    ngx_int_t rc;

    ngx_http_azimuth_edge_verdict(ctx, mcf, actions);
    if (action->kind == FLOW_ACTION_ALLOW) {
        rc = perform_allow(ctx, mcf, &action->allow);
    } else {
        assert(action->kind == FLOW_ACTION_REPLY);
        rc = ngx_http_azimuth_reply_copy(ctx->request, &action->reply,
                                         &ctx->reply);
        ctx->state = AZIMUTH_REPLY;
    }
    /* Who was refused for want of a role was still found to be somebody. */
    if (!ctx->is_content && actions->seen != NULL && actions->session != NULL) {
        ngx_http_azimuth_zone_put(ctx, mcf, actions->seen, actions);
    } else if (!ctx->is_content && actions->is_memorable) {
        ngx_http_azimuth_zone_put_refusal(ctx, mcf, actions->cause);
    }
    flow_free(ctx->flow);
    ctx->flow = NULL;
    if (rc != NGX_OK) {
        ngx_memzero(&ctx->reply, sizeof(ctx->reply));
        ctx->reply.status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        ctx->state = AZIMUTH_REPLY;
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_perform(ngx_http_azimuth_ctx_t *ctx, struct flow_event *event)
{
    ngx_http_azimuth_main_conf_t *mcf;
    const struct flow_actions *actions;
    const struct flow_action *action;
    struct flow_event answer = *event;
    ngx_uint_t i;

    mcf = ngx_http_get_module_main_conf(ctx->request, ngx_http_azimuth_module);
    ngx_http_azimuth_edge_answered(&ctx->edge.question, mcf, ctx->provider,
                                   event);
    for (i = 0; i < PERFORM_STEP_COUNT_MAX; i++) {
        actions = flow_step(ctx->flow, &answer);
        assert(actions->count > 0);
        action = &actions->items[actions->count - 1];
        /* While it waits, a cause may still turn out to be none. */
        if (flow_is_verdict(action) && actions->cause != NULL &&
            actions->cause->code != OAUTH_OK) {
            ngx_http_azimuth_log(ctx->request,
                                 flow_outcome_name(actions->outcome),
                                 actions->cause);
        }
        perform_background(ctx, mcf, actions);
        if (flow_is_verdict(action)) {
            return perform_verdict(ctx, mcf, actions, action);
        }
        if (perform_ask(ctx, mcf, action, &answer) == NGX_AGAIN) {
            ngx_http_azimuth_edge_asked(&ctx->edge.question, action);
            ctx->state = AZIMUTH_WAITING;
            return NGX_AGAIN;
        }
    }
    assert(0 && "a flow goes round in circles");
    return NGX_ERROR;
}
