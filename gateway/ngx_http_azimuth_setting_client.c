/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a provider: who we are there, and what of it is believed. */

#include "gateway/ngx_http_azimuth_setting.h"

#include "oauth/idtoken.h"

char *
ngx_http_azimuth_set_redirect(ngx_conf_t *cf,
                              ngx_http_azimuth_provider_t *provider,
                              ngx_str_t *target)
{
    size_t size = sizeof(AZIMUTH_CALLBACK) - 1;
    char *rc = ngx_http_azimuth_set_text(cf, provider, target);

    if (rc != NGX_CONF_OK) {
        return rc;
    }
    if (target->len <= size ||
        ngx_strcmp(target->data + target->len - size, AZIMUTH_CALLBACK) != 0) {
        return ngx_http_azimuth_conf_error(
            cf, "redirect_uri must end in /oauth2/callback", target);
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_secret(ngx_conf_t *cf,
                            ngx_http_azimuth_provider_t *provider,
                            ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;

    (void)provider;
    if (cf->args->nelts != 2) {
        return "needs one value";
    }
    return ngx_http_azimuth_secret_line(cf, &value[1], target) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

char *
ngx_http_azimuth_set_scope(ngx_conf_t *cf,
                           ngx_http_azimuth_provider_t *provider,
                           ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;
    int has_openid = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        has_openid |= ngx_strcmp(value[i].data, "openid") == 0;
    }
    if (!has_openid) {
        return "needs \"openid\" among its words";
    }
    return ngx_http_azimuth_set_words(cf, provider, target);
}

static void
setting_free_key(void *data)
{
    client_key_free(data);
}

static char *
setting_kid(ngx_conf_t *cf, ngx_str_t *ret_kid)
{
    ngx_str_t *value = cf->args->elts;

    ngx_str_null(ret_kid);
    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }
    if (cf->args->nelts != 3 ||
        !ngx_http_azimuth_conf_option(&value[2], "kid=", ret_kid)) {
        return "needs a file and nothing else but kid=NAME";
    }
    return NGX_CONF_OK;
}

/* FILE [kid=NAME]. The text of the key is wiped once it is read. */
char *
ngx_http_azimuth_set_key(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                         ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    struct error error = { OAUTH_OK, "" };
    struct client_key *key = NULL;
    ngx_pool_cleanup_t *cleanup;
    enum oauth_code code;
    ngx_str_t kid, pem;
    char *rc = setting_kid(cf, &kid);

    if (rc != NGX_CONF_OK) {
        return rc;
    }
    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL ||
        ngx_http_azimuth_secret_text(cf, &value[1], &pem) != NGX_OK) {
        return NGX_CONF_ERROR;
    }
    code = client_key_create(ngx_http_azimuth_span(pem),
                             ngx_http_azimuth_span(kid), &key, &error);
    ngx_explicit_memzero(pem.data, pem.len);
    if (code != OAUTH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", &value[1],
                           error.text);
        return NGX_CONF_ERROR;
    }
    cleanup->handler = setting_free_key;
    cleanup->data = key;
    provider->flow.client_key = key;
    *target = value[1];
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_method(ngx_conf_t *cf,
                            ngx_http_azimuth_provider_t *provider,
                            ngx_str_t *target)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    if (!client_method_of(ngx_http_azimuth_span(*target),
                          &provider->flow.client_method)) {
        return "must be \"auto\", \"client_secret_basic\", "
               "\"client_secret_post\", \"private_key_jwt\" or \"none\"";
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_audience(ngx_conf_t *cf,
                              ngx_http_azimuth_provider_t *provider,
                              ngx_str_t *target)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    if (ngx_strcmp(target->data, "issuer") == 0) {
        return NGX_CONF_OK;
    }
    if (ngx_strcmp(target->data, "endpoint") != 0) {
        return "must be \"issuer\" or \"endpoint\"";
    }
    provider->flow.is_aud_endpoint = true;
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "client_assertion_audience: what proves this client to "
                       "an endpoint of provider \"%V\" is good for whoever "
                       "has the same address",
                       &provider->name);
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_algorithms(ngx_conf_t *cf,
                                ngx_http_azimuth_provider_t *provider,
                                ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    jws_algs one;
    ngx_uint_t i;

    for (i = 1; i < cf->args->nelts; i++) {
        one = jws_algs_of(ngx_http_azimuth_span(value[i]));
        if (one == 0) {
            return ngx_http_azimuth_conf_error(
                cf, "no signature algorithm that is safe and known", &value[i]);
        }
        provider->flow.algs |= one;
    }
    if (provider->flow.algs == 0) {
        return "needs names such as RS256 ES256";
    }
    *target = value[1];
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_skew(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                          ngx_str_t *target)
{
    time_t skew;

    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    skew = ngx_parse_time(target, 1);
    if (skew < 1 || skew > IDTOKEN_SKEW_MAX_S) {
        return ngx_http_azimuth_conf_error(cf, "clock_skew must be 1s to 300s",
                                           target);
    }
    if (skew > IDTOKEN_SKEW_S) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "clock_skew: tokens of provider \"%V\" are taken "
                           "%T s after their end",
                           &provider->name, skew);
    }
    provider->flow.skew_s = skew;
    return NGX_CONF_OK;
}

/* A setting that is "on" or "off". */
static char *
set_flag(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
         ngx_str_t *target, bool *ret_flag)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    *ret_flag = ngx_strcmp(target->data, "on") == 0;
    return *ret_flag || ngx_strcmp(target->data, "off") == 0
               ? NGX_CONF_OK
               : "must be \"on\" or \"off\"";
}

char *
ngx_http_azimuth_set_iss(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                         ngx_str_t *target)
{
    return set_flag(cf, provider, target, &provider->flow.requires_iss);
}

char *
ngx_http_azimuth_set_par(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                         ngx_str_t *target)
{
    if (ngx_http_azimuth_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    if (ngx_strcmp(target->data, "on") == 0) {
        provider->flow.push = FLOW_PUSH_ON;
    } else if (ngx_strcmp(target->data, "off") == 0) {
        provider->flow.push = FLOW_PUSH_OFF;
    } else if (ngx_strcmp(target->data, "auto") != 0) {
        return "must be \"auto\", \"on\" or \"off\"";
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_set_front_logout(ngx_conf_t *cf,
                                  ngx_http_azimuth_provider_t *provider,
                                  ngx_str_t *target)
{
    return set_flag(cf, provider, target, &provider->flow.has_front_logout);
}

char *
ngx_http_azimuth_set_fragment(ngx_conf_t *cf,
                              ngx_http_azimuth_provider_t *provider,
                              ngx_str_t *target)
{
    return set_flag(cf, provider, target, &provider->flow.keeps_fragment);
}
