/* SPDX-License-Identifier: Apache-2.0 */
/* The block azimuth_provider NAME { ... }: a table of settings, then checks of
 * the whole at the closing brace. The configuration that oauth/ works with is
 * made at the end of the http block, when keys and lifetimes are known, and
 * checked by oauth/ itself; its complaints carry the place of the block. */

#include "gateway/ngx_http_azimuth_conf.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <assert.h>

static const char provider_callback[] = FLOW_PREFIX "callback";

typedef char *(*provider_set_pt)(ngx_conf_t *cf,
                                 ngx_http_azimuth_provider_t *provider,
                                 ngx_str_t *target);

typedef struct {
    ngx_str_t name;
    provider_set_pt set;
    size_t offset; /* of the ngx_str_t it fills; twice is an error */
} provider_setting_t;

static char *
provider_set_text(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
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

static char *
provider_set_redirect(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                      ngx_str_t *target)
{
    size_t size = sizeof(provider_callback) - 1;
    char *rc = provider_set_text(cf, provider, target);

    if (rc != NGX_CONF_OK) {
        return rc;
    }
    if (target->len <= size ||
        ngx_strcmp(target->data + target->len - size, provider_callback) != 0) {
        return ngx_http_azimuth_conf_error(
            cf, "redirect_uri must end in /oauth2/callback", target);
    }
    return NGX_CONF_OK;
}

static char *
provider_set_secret(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
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

static char *
provider_set_scope(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                   ngx_str_t *target)
{
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;
    size_t size = 0;
    u_char *p;
    int has_openid = 0;

    (void)provider;
    for (i = 1; i < cf->args->nelts; i++) {
        size += value[i].len + 1;
        has_openid |= ngx_strcmp(value[i].data, "openid") == 0;
    }
    if (!has_openid) {
        return "needs \"openid\" among its words";
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

/* Read now, so that workers need no right to the file; parsed now, so that a
 * broken one is found now. */
static char *
provider_set_certificate(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
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

static char *
provider_set_connect(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
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

static char *
provider_set_timeout(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                     ngx_str_t *target)
{
    ngx_int_t timeout;

    if (provider_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    timeout = ngx_parse_time(target, 0);
    if (timeout < 100 || timeout > 60000) {
        return ngx_http_azimuth_conf_error(
            cf, "the timeout must be 100ms to 60s", target);
    }
    provider->timeout = (ngx_msec_t)timeout;
    return NGX_CONF_OK;
}

static char *
provider_set_loopback(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                      ngx_str_t *target)
{
    if (provider_set_text(cf, provider, target) != NGX_CONF_OK) {
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

static char *
provider_set_front_logout(ngx_conf_t *cf, ngx_http_azimuth_provider_t *provider,
                          ngx_str_t *target)
{
    if (provider_set_text(cf, provider, target) != NGX_CONF_OK) {
        return "needs one value";
    }
    if (ngx_strcmp(target->data, "on") == 0) {
        provider->flow.has_front_logout = true;
        return NGX_CONF_OK;
    }
    return ngx_strcmp(target->data, "off") == 0 ? NGX_CONF_OK
                                                : "must be \"on\" or \"off\"";
}

#define SETTING(text, function, member)                                        \
    {                                                                          \
        ngx_string(text), function,                                            \
            offsetof(ngx_http_azimuth_provider_t, member)                      \
    }

static const provider_setting_t provider_settings[] = {
    SETTING("issuer", provider_set_text, issuer),
    SETTING("discovery", provider_set_text, discovery),
    SETTING("client_id", provider_set_text, client_id),
    SETTING("client_secret_file", provider_set_secret, client_secret),
    SETTING("redirect_uri", provider_set_redirect, redirect_uri),
    SETTING("post_logout_redirect_uri", provider_set_text,
            post_logout_redirect_uri),
    SETTING("scope", provider_set_scope, scope),
    SETTING("trusted_certificate", provider_set_certificate,
            trusted_certificate),
    SETTING("connect_to", provider_set_connect, connect_to),
    SETTING("timeout", provider_set_timeout, timeout_text),
    SETTING("map", ngx_http_azimuth_rights_setting, rights_text),
    SETTING("allow_http_loopback", provider_set_loopback, loopback_text),
    SETTING("frontchannel_logout", provider_set_front_logout,
            front_logout_text),
};

#undef SETTING

/* One line of the block. */
static char *
provider_line(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_azimuth_provider_t *provider = conf;
    const provider_setting_t *setting;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t *target;
    const char *rc;
    ngx_uint_t i;

    (void)dummy;
    for (i = 0; i < sizeof(provider_settings) / sizeof(*provider_settings);
         i++) {
        setting = &provider_settings[i];
        if (setting->name.len != value[0].len ||
            ngx_memcmp(setting->name.data, value[0].data, value[0].len) != 0) {
            continue;
        }
        target = (ngx_str_t *)(void *)((u_char *)provider + setting->offset);
        if (target->data != NULL) {
            return ngx_http_azimuth_conf_error(cf, "duplicate setting",
                                               &value[0]);
        }
        rc = setting->set(cf, provider, target);
        if (rc != NGX_CONF_OK && rc != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" %s", &value[0],
                               rc);
        }
        return rc == NGX_CONF_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
    }
    return ngx_http_azimuth_conf_error(cf, "unknown setting of a provider",
                                       &value[0]);
}

static const char *
provider_missing(const ngx_http_azimuth_provider_t *p)
{
    if (p->issuer.len == 0) {
        return "issuer";
    }
    if (p->client_id.len == 0) {
        return "client_id";
    }
    return p->redirect_uri.len == 0 ? "redirect_uri" : NULL;
}

ngx_http_azimuth_provider_t *
ngx_http_azimuth_provider_find(ngx_http_azimuth_main_conf_t *mcf,
                               ngx_str_t *name)
{
    ngx_http_azimuth_provider_t **providers = mcf->providers.elts;
    ngx_uint_t i;

    for (i = 0; i < mcf->providers.nelts; i++) {
        if (providers[i]->name.len == name->len &&
            ngx_memcmp(providers[i]->name.data, name->data, name->len) == 0) {
            return providers[i];
        }
    }
    return NULL;
}

static char *
provider_add(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf,
             ngx_http_azimuth_provider_t **ret_provider)
{
    ngx_http_azimuth_provider_t *provider, **slot;
    ngx_str_t *value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return "cannot be named \"off\"";
    }
    if (ngx_http_azimuth_provider_find(mcf, &value[1]) != NULL) {
        return ngx_http_azimuth_conf_error(cf, "duplicate azimuth_provider",
                                           &value[1]);
    }
    if (mcf->providers.nelts == AZIMUTH_PROVIDER_COUNT_MAX) {
        return "stands too often";
    }
    provider = ngx_pcalloc(cf->pool, sizeof(*provider));
    slot = ngx_array_push(&mcf->providers);
    if (provider == NULL || slot == NULL) {
        return NGX_CONF_ERROR;
    }
    *slot = provider;
    provider->name = value[1];
    provider->timeout = 5000;
    ngx_http_azimuth_conf_place(cf, &provider->place);
    *ret_provider = provider;
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_http_azimuth_provider_t *provider = NULL;
    const char *missing;
    ngx_conf_t save;
    char *rc;

    (void)cmd;
    rc = provider_add(cf, mcf, &provider);
    if (rc != NGX_CONF_OK) {
        return rc;
    }
    save = *cf;
    cf->handler = provider_line;
    cf->handler_conf = (char *)provider;
    rc = ngx_conf_parse(cf, NULL);
    *cf = save;
    if (rc != NGX_CONF_OK) {
        return rc;
    }
    missing = provider_missing(provider);
    if (missing != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "azimuth_provider \"%V\" has no \"%s\"",
                           &provider->name, missing);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

/* ---- once the whole http block is read ---------------------------------- */

static void
provider_fill(ngx_http_azimuth_main_conf_t *mcf, ngx_http_azimuth_provider_t *p)
{
    p->flow.base_url.data = (const char *)p->redirect_uri.data;
    p->flow.base_url.size =
        p->redirect_uri.len - (sizeof(provider_callback) - 1);
    p->flow.issuer = ngx_http_azimuth_span(p->issuer);
    p->flow.client_id = ngx_http_azimuth_span(p->client_id);
    p->flow.client_secret = ngx_http_azimuth_span(p->client_secret);
    p->flow.scope = ngx_http_azimuth_span(p->scope);
    p->flow.logout_url = ngx_http_azimuth_span(p->post_logout_redirect_uri);
    p->flow.ring = mcf->ring;
    p->flow.cookie_domain = ngx_http_azimuth_span(mcf->cookie_domain);
    p->flow.cookie_same_site = (enum flow_same_site)mcf->cookie_same_site;
    p->flow.idle_s = mcf->idle;
    p->flow.lifetime_s = mcf->absolute;
    p->flow.allows_http = p->allow_http_loopback;
}

static void
provider_release(void *data)
{
    provider_free(data);
}

ngx_int_t
ngx_http_azimuth_provider_finish(ngx_conf_t *cf,
                                 ngx_http_azimuth_main_conf_t *mcf,
                                 ngx_http_azimuth_provider_t *p)
{
    struct provider_options options = { 0 };
    struct error error = { OAUTH_OK, "" };
    u_char rights[AZIMUTH_DIGEST_SIZE];
    struct span parts[4];
    ngx_pool_cleanup_t *cleanup;

    provider_fill(mcf, p);
    if (ngx_http_azimuth_rights_finish(cf, mcf, p) != NGX_OK ||
        ngx_http_azimuth_rights_digest(mcf, p, rights) != NGX_OK) {
        return NGX_ERROR;
    }
    options.issuer = p->flow.issuer;
    options.discovery_url = ngx_http_azimuth_span(p->discovery);
    options.allows_http = p->allow_http_loopback;

    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (cleanup == NULL) {
        return NGX_ERROR;
    }
    if (flow_config_check(&p->flow, &error) != OAUTH_OK ||
        provider_create(&options, &p->provider, &error) != OAUTH_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "azimuth_provider \"%V\": %s in %V:%ui", &p->name,
                      error.text, &p->place.file, p->place.line);
        return NGX_ERROR;
    }
    cleanup->handler = provider_release;
    cleanup->data = p->provider;

    parts[0] = p->flow.issuer;
    parts[1] = p->flow.client_id;
    parts[2] = p->flow.base_url;
    parts[3] = (struct span){ (const char *)rights, sizeof(rights) };
    return ngx_http_azimuth_digest(mcf, parts, 4, p->digest);
}
