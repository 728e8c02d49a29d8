/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a block azimuth_provider about tokens that clients bring: whose and
 * for what they are, and how they are judged. */

#include "gateway/ngx_http_azimuth_setting.h"

/* Words, kept with a space between. */
char *
ngx_http_azimuth_set_words(ngx_conf_t *cf,
                           ngx_http_azimuth_provider_t *provider,
                           ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;
    size_t size = 0;
    u_char *p;

    (void)provider;
    if (cf->args->nelts < 2) {
        return "needs a value";
    }
    for (i = 1; i < cf->args->nelts; i++) {
        size += value[i].len + 1;
    }
    p = ngx_pnalloc(cf->pool, size);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }
    target->data = p;
    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ' ';
    }
    target->len = size - 1;
    return NGX_CONF_OK;
}

static char *
setting_flag(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
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
ngx_http_azimuth_set_introspection(ngx_conf_t *cf,
                                   ngx_http_azimuth_provider_t *provider,
                                   ngx_str_t *target)
{
    return setting_flag(cf, provider, target, &provider->flow.introspects);
}

char *
ngx_http_azimuth_set_untyped(ngx_conf_t *cf,
                             ngx_http_azimuth_provider_t *provider,
                             ngx_str_t *target)
{
    char *rc = setting_flag(cf, provider, target,
                            &provider->flow.bearer_allows_untyped);

    if (rc == NGX_CONF_OK && provider->flow.bearer_allows_untyped) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "bearer_allow_untyped: tokens of provider \"%V\" "
                           "need not say that they are access tokens",
                           &provider->name);
    }
    return rc;
}
