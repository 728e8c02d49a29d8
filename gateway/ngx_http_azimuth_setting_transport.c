/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a provider: how it is reached. */

#include "gateway/ngx_http_azimuth_setting.h"

#include "oauth/url.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

char *
ngx_http_azimuth_set_text(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                          ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;

    (void)provider;
    if (cf->args->nelts != 2) {
        return "needs one value";
    }
    *target = value[1];
    return NGX_CONF_OK;
}

/* Read now, so that workers need no right to the file; parsed now, so that a
 * broken one is found now. */
char *
ngx_http_azimuth_set_certificate(ngx_conf_t *cf,
                                 ngx_http_azimuth_provider_t *provider,
                                 ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t count = 0;
    X509 *certificate;
    BIO *bio;

    (void)provider;
    if (cf->args->nelts != 2) {
        return "needs one value";
    }
    if (ngx_http_azimuth_secret_public(cf, &value[1], target) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
    bio = BIO_new_mem_buf(target->data, (int)target->len);
    if (bio == NULL) {
        return NGX_CONF_ERROR;
    }
    while ((certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        X509_free(certificate);
        count++;
    }
    BIO_free(bio);
    ERR_clear_error();
    return count > 0 ? NGX_CONF_OK
                     : ngx_http_azimuth_conf_error(
                           cf, "no certificate in PEM form in", &value[1]);
}

char *
ngx_http_azimuth_set_connect(ngx_conf_t *cf,
                             ngx_http_azimuth_provider_t *provider,
                             ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    ngx_url_t url;
    u_char *p;

    (void)provider;
    if (cf->args->nelts != 2) {
        return "needs one value";
    }
    ngx_memzero(&url, sizeof(url));
    url.url = value[1];
    url.no_resolve = 1;
    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.no_port ||
        url.family == AF_UNIX) {
        return ngx_http_azimuth_conf_error(cf, "connect_to needs HOST:PORT",
                                           &value[1]);
    }
    p = ngx_pnalloc(cf->pool, value[1].len + 3);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }
    target->data = p;
    target->len = value[1].len + 2;
    p = ngx_cpymem(p, "::", 2); /* any host, any port of a URL */
    p = ngx_cpymem(p, value[1].data, value[1].len);
    *p = '\0';
    return NGX_CONF_OK;
}

/* A time from 100 ms to a minute. */
static char *
setting_time(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
             ngx_str_t *target, ngx_msec_t *ret_time)
{
    ngx_int_t value;

    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    value = ngx_parse_time(target, 0);
    if (value < 100 || value > 60000) {
        return ngx_http_azimuth_conf_error(
            cf, "the timeout must be 100ms to 60s", target);
    }
    *ret_time = (ngx_msec_t)value;
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_timeout(ngx_conf_t *cf,
                             ngx_http_azimuth_provider_t *provider,
                             ngx_str_t *target)
{
    return setting_time(cf, provider, target, &provider->timeout);
}

char *
ngx_http_azimuth_set_connect_timeout(ngx_conf_t *cf,
                                     ngx_http_azimuth_provider_t *provider,
                                     ngx_str_t *target)
{
    return setting_time(cf, provider, target, &provider->connect_timeout);
}

char *
ngx_http_azimuth_set_refresh(ngx_conf_t *cf,
                             ngx_http_azimuth_provider_t *provider,
                             ngx_str_t *target)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    provider->document_refresh = ngx_parse_time(target, 1);
    if (provider->document_refresh < 1 ||
        provider->document_refresh > PROVIDER_REFRESH_MAX_S) {
        return ngx_http_azimuth_conf_error(
            cf, "document_refresh must be 1s to 12h", target);
    }
    return NGX_CONF_OK;
}

/* http://HOST:PORT and no more: a password would stand in a public file. */
char *
ngx_http_azimuth_set_proxy(ngx_conf_t *cf,
                           ngx_http_azimuth_provider_t *provider,
                           ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    struct url url;

    (void)provider;
    if (cf->args->nelts != 2) {
        return "needs one value";
    }
    if (!url_parse(ngx_http_azimuth_span(value[1]), &url) ||
        !span_equal_text(url.scheme, "http") || url.path.size > 0 ||
        url.port.size == 0 || url.has_query || url.has_fragment) {
        return ngx_http_azimuth_conf_error(
            cf, "proxy needs http://HOST:PORT, without user and path",
            &value[1]);
    }
    return ngx_http_azimuth_copy(cf->pool, ngx_http_azimuth_span(value[1]),
                                 target) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

char *
ngx_http_azimuth_set_loopback(ngx_conf_t *cf,
                              ngx_http_azimuth_provider_t *provider,
                              ngx_str_t *target)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    if (ngx_strcmp(target->data, "off") == 0) {
        return NGX_CONF_OK;
    }
    if (ngx_strcmp(target->data, "on") != 0) {
        return "must be \"on\" or \"off\"";
    }
    provider->allow_http_loopback = 1;
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "allow_http_loopback: provider \"%V\" may be asked "
                       "without TLS on this machine",
                       &provider->name);
    return NGX_CONF_OK;
}
