/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that a flow wants to see: forms of at most 64 KiB. Their size has to
 * be known beforehand, so that a longer one is refused unread, and it stays in
 * memory: the location's buffer is made large enough by the configuration, so
 * that no worker waits for a disk. */

#include "gateway/ngx_http_azimuth_module.h"

#include <assert.h>

/* Whether something comes whose size nobody told. */
static int
body_is_open(ngx_http_request_t *r)
{
    return r->headers_in.content_length_n < 0 &&
           (r->headers_in.chunked || r->http_version >= NGX_HTTP_VERSION_20);
}

ngx_int_t
ngx_http_azimuth_body_read(ngx_http_azimuth_ctx_t *ctx,
                           ngx_http_client_body_handler_pt then)
{
    ngx_http_request_t *r = ctx->request;
    size_t size_max;
    ngx_int_t rc;

    size_max = flow_body_size_max(ngx_http_azimuth_span(r->method_name),
                                  ngx_http_azimuth_span(r->uri));
    if (size_max == 0 || r != r->main) {
        return NGX_DECLINED;
    }
    if (body_is_open(r) || r->headers_in.content_length_n > (off_t)size_max) {
        ctx->is_body_refused = 1;
        return NGX_DECLINED;
    }
    r->request_body_in_single_buf = 1;
    rc = ngx_http_read_client_request_body(r, then);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

ngx_int_t
ngx_http_azimuth_body_take(ngx_http_azimuth_ctx_t *ctx)
{
    ngx_http_request_t *r = ctx->request;
    ngx_chain_t *link;
    size_t size = 0;
    u_char *p;

    if (r->request_body == NULL) {
        return NGX_OK;
    }
    for (link = r->request_body->bufs; link != NULL; link = link->next) {
        if (link->buf->in_file) {
            ctx->is_body_refused = 1;
            return NGX_OK;
        }
        size += (size_t)(link->buf->last - link->buf->pos);
    }
    assert(size <= FLOW_BODY_SIZE_MAX);
    p = ngx_pnalloc(r->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }
    ctx->body.data = p;
    ctx->body.len = size;
    for (link = r->request_body->bufs; link != NULL; link = link->next) {
        if (link->buf->pos != link->buf->last) {
            p = ngx_cpymem(p, link->buf->pos, link->buf->last - link->buf->pos);
        }
    }
    return NGX_OK;
}
