/* SPDX-License-Identifier: Apache-2.0 */
/* A no that the gateway says by itself, without a flow: too many requests, a
 * foreign page's WebSocket. As everywhere a person gets a page and a machine
 * JSON, neither is cached, and CORS comes from the header filter. */

#include "gateway/ngx_http_azimuth_edge.h"

#include "oauth/page.h"
#include "oauth/request.h"

static int
refuse_is_page(ngx_http_request_t *r)
{
    struct flow_request request = {
        .method = ngx_http_azimuth_span(r->method_name),
        .accept = ngx_http_azimuth_header_text(r, "accept"),
        .sec_fetch_mode = ngx_http_azimuth_header_text(r, "sec-fetch-mode"),
        .requested_with = ngx_http_azimuth_header_text(r, "x-requested-with"),
        .upgrade = ngx_http_azimuth_header_text(r, "upgrade"),
        .authorization = ngx_http_azimuth_header_text(r, "authorization"),
    };

    return request_kind(&request) != REQUEST_CALL;
}

static ngx_int_t
refuse_add(ngx_http_request_t *r, const char *name, struct span value)
{
    ngx_str_t key, copy;

    if (ngx_http_azimuth_copy(r->pool, span_of(name), &key) != NGX_OK ||
        ngx_http_azimuth_copy(r->pool, value, &copy) != NGX_OK) {
        return NGX_ERROR;
    }
    return ngx_http_azimuth_header_out(r, key, copy);
}

ngx_int_t
ngx_http_azimuth_refuse_body(ngx_http_request_t *r, ngx_uint_t status,
                             const char *type, struct bytes *body)
{
    ngx_http_azimuth_reply_t reply;
    ngx_int_t rc;

    ngx_memzero(&reply, sizeof(reply));
    reply.status = status;
    rc = bytes_failed(body)
             ? NGX_ERROR
             : ngx_http_azimuth_copy(r->pool, bytes_span(body), &reply.body);
    bytes_release(body);
    if (rc != NGX_OK ||
        ngx_http_azimuth_copy(r->pool, span_of(type), &reply.content_type) !=
            NGX_OK ||
        refuse_add(r, "Cache-Control", span_of("no-store")) != NGX_OK ||
        refuse_add(r, "X-Content-Type-Options", span_of("nosniff")) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return ngx_http_azimuth_reply_send(r, &reply);
}

ngx_int_t
ngx_http_azimuth_refuse(ngx_http_request_t *r,
                        const ngx_http_azimuth_refusal_t *refusal)
{
    struct page page = { .title = refusal->title, .text = refusal->text };
    const char *type = "application/json";
    struct bytes body;
    char number[NGX_INT_T_LEN + 1];
    u_char *end;

    bytes_init(&body, PAGE_SIZE_MAX);
    if (refuse_is_page(r)) {
        type = "text/html; charset=utf-8";
        page_html(&page, &body);
        if (refuse_add(r, "Content-Security-Policy", span_of(PAGE_CSP)) !=
            NGX_OK) {
            bytes_release(&body);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    } else {
        page_json_error(refusal->name, span_of(refusal->text),
                        (struct span){ NULL, 0 }, &body);
    }
    if (refusal->retry_after_s > 0) {
        end = ngx_snprintf((u_char *)number, sizeof(number), "%ui",
                           refusal->retry_after_s);
        if (refuse_add(
                r, "Retry-After",
                (struct span){ number, (size_t)(end - (u_char *)number) }) !=
            NGX_OK) {
            bytes_release(&body);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    ngx_http_finalize_request(
        r, ngx_http_azimuth_refuse_body(r, refusal->status, type, &body));
    return NGX_DONE;
}
