/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin reads (Fetch standard, section 3.2): an exact list of origins,
 * with credentials, on every status. The header filter replaces what the
 * upstream says about CORS, because two Access-Control-Allow-Origin lines make
 * a browser refuse both. "Vary: Origin" goes on every answer of a location
 * with a list, also without an Origin, so that no cache mixes them up. */

#include "gateway/ngx_http_azimuth_module.h"

#define CORS_REQUEST_HEADERS_MAX 1024

static ngx_http_output_header_filter_pt cors_next_header_filter;

static ngx_str_t cors_prefix = ngx_string("access-control-");
static ngx_str_t cors_allow_origin = ngx_string("Access-Control-Allow-Origin");
static ngx_str_t cors_allow_credentials =
    ngx_string("Access-Control-Allow-Credentials");
static ngx_str_t cors_allow_methods =
    ngx_string("Access-Control-Allow-Methods");
static ngx_str_t cors_allow_headers =
    ngx_string("Access-Control-Allow-Headers");
static ngx_str_t cors_max_age = ngx_string("Access-Control-Max-Age");
static ngx_str_t cors_methods =
    ngx_string("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
static ngx_str_t cors_true = ngx_string("true");
static ngx_str_t cors_age = ngx_string("600");
static ngx_str_t cors_vary = ngx_string("Vary");
static ngx_str_t cors_vary_origin = ngx_string("Origin");
static ngx_str_t cors_vary_preflight =
    ngx_string("Origin, Access-Control-Request-Method, "
               "Access-Control-Request-Headers");

/* The request's one Origin; NULL when there is none, or a second. */
static ngx_table_elt_t *
cors_one_origin(ngx_http_request_t *r)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header, *found = NULL;
    ngx_uint_t i;

    for (part = &r->headers_in.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len != 6 ||
                ngx_memcmp(header[i].lowcase_key, "origin", 6) != 0) {
                continue;
            }
            if (found != NULL) {
                return NULL;
            }
            found = &header[i];
        }
    }
    return found;
}

/* The request's one Origin when the list has it; else NULL. */
static ngx_table_elt_t *
cors_origin(ngx_http_request_t *r, ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_table_elt_t *origin = cors_one_origin(r);
    ngx_str_t *allowed = lcf->cors_origins->elts;
    ngx_uint_t i;

    if (origin == NULL) {
        return NULL;
    }
    for (i = 0; i < lcf->cors_origins->nelts; i++) {
        if (allowed[i].len == origin->value.len &&
            ngx_memcmp(allowed[i].data, origin->value.data, allowed[i].len) ==
                0) {
            return origin;
        }
    }
    return NULL;
}

/* What a browser asks for is a list of header names. */
static int
cors_is_list(ngx_str_t *text)
{
    size_t i;
    u_char c;

    if (text->len == 0 || text->len > CORS_REQUEST_HEADERS_MAX) {
        return 0;
    }
    for (i = 0; i < text->len; i++) {
        c = text->data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ',' ||
              c == ' ')) {
            return 0;
        }
    }
    return 1;
}

ngx_int_t
ngx_http_azimuth_cors_preflight(ngx_http_request_t *r,
                                ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_azimuth_reply_t reply;
    ngx_table_elt_t *asked;
    ngx_int_t rc;

    if (r->method != NGX_HTTP_OPTIONS || lcf->cors_origins == NULL ||
        ngx_http_azimuth_header_in(r, "origin") == NULL ||
        ngx_http_azimuth_header_in(r, "access-control-request-method") ==
            NULL) {
        return NGX_DECLINED;
    }
    ngx_memzero(&reply, sizeof(reply));
    reply.status = NGX_HTTP_NO_CONTENT;
    rc = NGX_OK;
    if (cors_origin(r, lcf) != NULL) {
        rc = ngx_http_azimuth_header_out(r, cors_allow_methods, cors_methods);
        asked = ngx_http_azimuth_header_in(r, "access-control-request-headers");
        if (rc == NGX_OK && asked != NULL && cors_is_list(&asked->value)) {
            rc = ngx_http_azimuth_header_out(r, cors_allow_headers,
                                             asked->value);
        }
        if (rc == NGX_OK) {
            rc = ngx_http_azimuth_header_out(r, cors_max_age, cors_age);
        }
    }
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_http_finalize_request(r, ngx_http_azimuth_reply_send(r, &reply));
    return NGX_DONE;
}

/* Takes the upstream's opinion away. */
static void
cors_drop_upstream(ngx_http_request_t *r)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i;

    for (part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len > cors_prefix.len &&
                ngx_strncasecmp(header[i].key.data, cors_prefix.data,
                                cors_prefix.len) == 0) {
                header[i].hash = 0;
            }
        }
    }
}

static ngx_int_t
cors_header_filter(ngx_http_request_t *r)
{
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_table_elt_t *origin;
    int is_preflight;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    if (r != r->main || lcf->cors_origins == NULL) {
        return cors_next_header_filter(r);
    }
    origin = cors_origin(r, lcf);
    is_preflight = r->method == NGX_HTTP_OPTIONS &&
                   r->headers_out.status == NGX_HTTP_NO_CONTENT &&
                   r->upstream == NULL;
    if (!is_preflight) {
        cors_drop_upstream(r);
    }
    if (ngx_http_azimuth_header_out(
            r, cors_vary,
            is_preflight ? cors_vary_preflight : cors_vary_origin) != NGX_OK) {
        return NGX_ERROR;
    }
    if (origin != NULL &&
        (ngx_http_azimuth_header_out(r, cors_allow_origin, origin->value) !=
             NGX_OK ||
         ngx_http_azimuth_header_out(r, cors_allow_credentials, cors_true) !=
             NGX_OK)) {
        return NGX_ERROR;
    }
    return cors_next_header_filter(r);
}

ngx_int_t
ngx_http_azimuth_cors_init(ngx_conf_t *cf)
{
    (void)cf;
    cors_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = cors_header_filter;
    return NGX_OK;
}
