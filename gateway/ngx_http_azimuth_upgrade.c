/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket behind a session. The handshake is the only moment at which a
 * cookie is seen, and a page of any site may begin one, with our cookie and
 * without a preflight: so its Origin has to be ours or an allowed one (a
 * client without an Origin is no browser). Afterwards nothing is judged any
 * more; the connection is cut off at the session's absolute end. Another
 * protocol would carry requests that nobody judges, with any identity in their
 * headers: it is not offered to the upstream. On the open hosts h2c is that
 * protocol; what else they are for is not known here. */

#include "gateway/ngx_http_azimuth_edge.h"

int
ngx_http_azimuth_upgrade_is_asked(ngx_http_request_t *r)
{
    return r->headers_in.upgrade != NULL;
}

static int
upgrade_is_header(const ngx_table_elt_t *header)
{
    return header->key.len == 7 &&
           ngx_memcmp(header->lowcase_key, "upgrade", 7) == 0;
}

static int
upgrade_is_other(const ngx_table_elt_t *header)
{
    return upgrade_is_header(header) &&
           (header->value.len != 9 ||
            ngx_strncasecmp(header->value.data, (u_char *)"websocket", 9) != 0);
}

static int
upgrade_is_h2c(const ngx_table_elt_t *header)
{
    return upgrade_is_header(header) &&
           ngx_strlcasestrn(header->value.data,
                            header->value.data + header->value.len,
                            (u_char *)"h2c", 3 - 1) != NULL;
}

ngx_int_t
ngx_http_azimuth_upgrade_cut(ngx_http_request_t *r,
                             const ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_azimuth_drops_pt is_unwanted =
        lcf->gate.takes_session || lcf->gate.takes_bearer ? upgrade_is_other
                                                          : upgrade_is_h2c;
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;

    if (!ngx_http_azimuth_upgrade_is_asked(r)) {
        return NGX_OK;
    }
    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (is_unwanted(&header[i])) {
                r->headers_in.upgrade = NULL;
                return ngx_http_azimuth_identity_rebuild(r, upgrade_is_header);
            }
        }
    }
    return NGX_OK;
}

static int
upgrade_is_allowed(const ngx_http_azimuth_loc_conf_t *lcf, ngx_str_t *origin)
{
    struct span own = lcf->provider->flow.base_url;
    ngx_str_t *allowed;
    ngx_uint_t i;

    if (origin->len == own.size &&
        ngx_memcmp(origin->data, own.data, own.size) == 0) {
        return 1;
    }
    if (lcf->cors_origins == NULL) {
        return 0;
    }
    allowed = lcf->cors_origins->elts;
    for (i = 0; i < lcf->cors_origins->nelts; i++) {
        if (allowed[i].len == origin->len &&
            ngx_memcmp(allowed[i].data, origin->data, origin->len) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Each Origin that was sent has to be one of ours. */
static int
upgrade_is_foreign(ngx_http_request_t *r,
                   const ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == 6 &&
                ngx_memcmp(header[i].lowcase_key, "origin", 6) == 0 &&
                !upgrade_is_allowed(lcf, &header[i].value)) {
                return 1;
            }
        }
    }
    return 0;
}

ngx_int_t
ngx_http_azimuth_upgrade_check(ngx_http_request_t *r,
                               const ngx_http_azimuth_loc_conf_t *lcf)
{
    static const ngx_http_azimuth_refusal_t refusal = {
        .status = NGX_HTTP_FORBIDDEN,
        .name = "foreign_origin",
        .title = "Not allowed",
        .text = "Pages of another site may not open a connection here.",
    };
    static const ngx_http_azimuth_audit_t what = {
        .event = "denial",
        .outcome = "foreign_origin",
    };
    ngx_http_azimuth_main_conf_t *mcf;

    if (!ngx_http_azimuth_upgrade_is_asked(r) || !upgrade_is_foreign(r, lcf)) {
        return NGX_DECLINED;
    }
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_FOREIGN_UPGRADE);
    ngx_http_azimuth_audit(r, NULL, &what);
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "azimuth: a page of a foreign origin asked for an upgrade");
    return ngx_http_azimuth_refuse(r, &refusal);
}

/* The session is over: so is what was opened with it. */
static void
upgrade_ended(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_request_t *r = c->data;
    ngx_http_azimuth_main_conf_t *mcf;

    if (r->headers_out.status == 0) {
        ngx_add_timer(event, 1000); /* it may still be granted */
        return;
    }
    if (r->headers_out.status != NGX_HTTP_SWITCHING_PROTOCOLS) {
        return; /* asked for and not granted: an answer like any other */
    }
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_ENDED_UPGRADE);
    ngx_http_set_log_request(c->log, r);
    ngx_log_error(NGX_LOG_INFO, c->log, 0,
                  "azimuth: the session of this connection is over");
    /* The upstream's cleanup gives its own reference back: without another
     * one the request would be freed while it is being terminated. */
    r->main->count++;
    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}

ngx_int_t
ngx_http_azimuth_upgrade_watch(ngx_http_azimuth_ctx_t *ctx)
{
    ngx_http_request_t *r = ctx->request;
    ngx_event_t *event;
    time_t left_s = ctx->edge.ends_s - ngx_time();

    if (ctx->edge.ends_s == 0 || ctx->edge.ending != NULL) {
        return NGX_OK;
    }
    event = ngx_pcalloc(r->pool, sizeof(*event));
    if (event == NULL) {
        return NGX_ERROR;
    }
    event->data = r->connection;
    event->handler = upgrade_ended;
    event->log = r->connection->log;
    event->cancelable = 1; /* a leaving worker does not wait for it */
    ctx->edge.ending = event;
    ngx_add_timer(event, (ngx_msec_t)ngx_max(left_s, 1) * 1000);
    return NGX_OK;
}

void
ngx_http_azimuth_upgrade_unwatch(ngx_http_azimuth_ctx_t *ctx)
{
    if (ctx->edge.ending != NULL && ctx->edge.ending->timer_set) {
        ngx_del_timer(ctx->edge.ending);
    }
}
