/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a flow's question is for: the store, the provider, or the table of
 * refresh jobs. The same for the flow of a request and for a job. */

#include "gateway/ngx_http_azimuth_edge.h"

static ngx_int_t
ask_nobody(const struct flow_action *action, struct flow_event *ret_event)
{
    ngx_memzero(ret_event, sizeof(*ret_event));
    ret_event->kind = action->kind == FLOW_ACTION_FETCH
                          ? FLOW_EVENT_FETCH_FAILED
                          : FLOW_EVENT_SESSION_FAILED;
    ret_event->now_s = ngx_time();
    ret_event->failure = span_of("out of memory");
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_ask(const ngx_http_azimuth_asker_t *asker,
                     const struct flow_action *action,
                     ngx_http_azimuth_wait_t *wait,
                     struct flow_event *ret_event)
{
    ngx_http_azimuth_fetch_to_t to;
    ngx_http_azimuth_peer_t peer;
    ngx_int_t rc;

    if (action->kind == FLOW_ACTION_REFRESH) {
        return ngx_http_azimuth_refresh_ask(asker, action, wait, ret_event);
    }
    if (action->kind == FLOW_ACTION_SESSION_DEL) {
        ngx_http_azimuth_count(asker->mcf, AZIMUTH_COUNT_REVOKED);
    }
    to.provider = asker->provider;
    to.is_job = asker->is_job;
    if (action->kind == FLOW_ACTION_FETCH) {
        rc = ngx_http_azimuth_fetch_peer(asker->mcf, &to, &peer);
    } else {
        rc = ngx_http_azimuth_valkey_peer(asker->mcf, &peer);
    }
    return rc == NGX_OK ? peer.ask(peer.data, action, wait, ret_event)
                        : ask_nobody(action, ret_event);
}
