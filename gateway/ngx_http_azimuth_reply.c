/* SPDX-License-Identifier: Apache-2.0 */
/* A verdict's reply on its way out. It is copied into the request's pool, so
 * that the flow and its secrets are freed before the first byte is sent. */

#include "gateway/ngx_http_azimuth_module.h"

ngx_int_t
ngx_http_azimuth_header_out(ngx_http_request_t *r, ngx_str_t key,
                            ngx_str_t value)
{
    ngx_table_elt_t *header = ngx_list_push(&r->headers_out.headers);

    if (header == NULL) {
        return NGX_ERROR;
    }
    header->hash = 1;
    header->key = key;
    header->value = value;
#if nginx_version >= 1023000
    header->next = NULL;
#endif
    return NGX_OK;
}

static ngx_int_t
reply_add(ngx_http_request_t *r, ngx_http_azimuth_reply_t *reply,
          struct span name, struct span value)
{
    ngx_table_elt_t *header = ngx_array_push(&reply->headers);

    if (header == NULL) {
        return NGX_ERROR;
    }
    ngx_memzero(header, sizeof(*header));
    if (ngx_http_azimuth_copy(r->pool, name, &header->key) != NGX_OK ||
        ngx_http_azimuth_copy(r->pool, value, &header->value) != NGX_OK) {
        return NGX_ERROR;
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_reply_copy(ngx_http_request_t *r,
                            const struct flow_reply *reply,
                            ngx_http_azimuth_reply_t *ret_reply)
{
    ngx_http_azimuth_reply_t copy;
    size_t i;

    ngx_memzero(&copy, sizeof(copy));
    copy.status = (ngx_uint_t)reply->status;
    if (ngx_array_init(&copy.headers, r->pool,
                       reply->header_count + reply->cookie_count + 1,
                       sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }
    for (i = 0; i < reply->header_count; i++) {
        if (reply_add(r, &copy, reply->headers[i].name,
                      reply->headers[i].value) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    for (i = 0; i < reply->cookie_count; i++) {
        if (reply_add(r, &copy, span_of("Set-Cookie"), reply->cookies[i]) !=
            NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (reply->content_type.size > 0 &&
        (ngx_http_azimuth_copy(r->pool, reply->content_type,
                               &copy.content_type) != NGX_OK ||
         ngx_http_azimuth_copy(r->pool, reply->body, &copy.body) != NGX_OK)) {
        return NGX_ERROR;
    }
    *ret_reply = copy;
    return NGX_OK;
}

static ngx_int_t
reply_send_headers(ngx_http_request_t *r, const ngx_http_azimuth_reply_t *reply)
{
    const ngx_table_elt_t *header = reply->headers.elts;
    ngx_uint_t i;

    r->headers_out.status = reply->status;
    r->headers_out.content_length_n = (off_t)reply->body.len;
    if (reply->content_type.len > 0) {
        r->headers_out.content_type = reply->content_type;
        r->headers_out.content_type_len = reply->content_type.len;
        r->headers_out.content_type_lowcase = NULL;
    }
    for (i = 0; i < reply->headers.nelts; i++) {
        if (ngx_http_azimuth_header_out(r, header[i].key, header[i].value) !=
            NGX_OK) {
            return NGX_ERROR;
        }
    }
    if (reply->body.len == 0) {
        r->header_only = 1;
    }
    return ngx_http_send_header(r);
}

ngx_int_t
ngx_http_azimuth_reply_send(ngx_http_request_t *r,
                            const ngx_http_azimuth_reply_t *reply)
{
    ngx_buf_t *buffer;
    ngx_chain_t chain;
    ngx_int_t rc;

    /* A verdict inside an error_page is no page for that error. */
    r->err_status = 0;
    if (r == r->main && r->headers_in.expect != NULL && !r->expect_tested) {
        /* Nobody is asked for a body that is thrown away. Whether it comes
         * all the same cannot be known, so this connection ends. */
        r->expect_tested = 1;
        r->keepalive = 0;
    }
    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    rc = reply_send_headers(r, reply);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    buffer = ngx_calloc_buf(r->pool);
    if (buffer == NULL) {
        return NGX_ERROR;
    }
    buffer->pos = reply->body.data;
    buffer->last = reply->body.data + reply->body.len;
    buffer->memory = 1;
    buffer->last_buf = (r == r->main) ? 1 : 0;
    buffer->last_in_chain = 1;
    chain.buf = buffer;
    chain.next = NULL;
    return ngx_http_output_filter(r, &chain);
}
