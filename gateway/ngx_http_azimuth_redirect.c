/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_root_redirect: a GET of exactly "/" becomes 301, before any login.
 * The Location is the path alone, so that it is right behind any port mapping;
 * nginx would build one from its own port (RFC 9110 allows both). */

#include "gateway/ngx_http_azimuth_module.h"

ngx_int_t
ngx_http_azimuth_redirect(ngx_http_request_t *r,
                          ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_azimuth_reply_t reply;
    ngx_table_elt_t *location;

    if (lcf->root_redirect.len == 0 ||
        !(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) || r->uri.len != 1) {
        return NGX_DECLINED;
    }
    ngx_memzero(&reply, sizeof(reply));
    reply.status = NGX_HTTP_MOVED_PERMANENTLY;
    if (ngx_array_init(&reply.headers, r->pool, 1, sizeof(ngx_table_elt_t)) !=
        NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    location = ngx_array_push(&reply.headers);
    if (location == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_memzero(location, sizeof(*location));
    ngx_str_set(&location->key, "Location");
    location->value = lcf->root_redirect;
    ngx_http_finalize_request(r, ngx_http_azimuth_reply_send(r, &reply));
    return NGX_DONE;
}
