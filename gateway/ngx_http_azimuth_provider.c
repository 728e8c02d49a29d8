/* SPDX-License-Identifier: Apache-2.0 */
/* The block azimuth_provider NAME { ... }: a table of settings, then checks of
 * the whole at the closing brace. The configuration that oauth/ works with is
 * made at the end of the http block, when keys and lifetimes are known, and
 * checked by oauth/ itself; its complaints carry the place of the block. */

#include "gateway/ngx_http_azimuth_setting.h"

typedef struct {
    ngx_str_t name;
    ngx_http_azimuth_set_pt set;
    size_t offset; /* of the ngx_str_t it fills; twice is an error */
} provider_setting_t;

#define SETTING(text, function, member)                                        \
    {                                                                          \
        ngx_string(text), function,                                            \
            offsetof(ngx_http_azimuth_provider_t, member)                      \
    }

static const provider_setting_t provider_settings[] = {
    SETTING("issuer", ngx_http_azimuth_set_text, issuer),
    SETTING("discovery", ngx_http_azimuth_set_text, discovery),
    SETTING("client_id", ngx_http_azimuth_set_text, client_id),
    SETTING("client_secret_file", ngx_http_azimuth_set_secret, client_secret),
    SETTING("client_key_file", ngx_http_azimuth_set_key, key_text),
    SETTING("client_auth", ngx_http_azimuth_set_method, method_text),
    SETTING("client_assertion_audience", ngx_http_azimuth_set_audience,
            audience_text),
    SETTING("redirect_uri", ngx_http_azimuth_set_redirect, redirect_uri),
    SETTING("post_logout_redirect_uri", ngx_http_azimuth_set_text,
            post_logout_redirect_uri),
    SETTING("scope", ngx_http_azimuth_set_scope, scope),
    SETTING("id_token_algorithms", ngx_http_azimuth_set_algorithms,
            algorithms_text),
    SETTING("clock_skew", ngx_http_azimuth_set_skew, skew_text),
    SETTING("require_iss", ngx_http_azimuth_set_iss, iss_text),
    SETTING("par", ngx_http_azimuth_set_par, par_text),
    SETTING("trusted_certificate", ngx_http_azimuth_set_certificate,
            trusted_certificate),
    SETTING("bearer_audience", ngx_http_azimuth_set_words, bearer_audience),
    SETTING("bearer_azp", ngx_http_azimuth_set_words, bearer_azp),
    SETTING("bearer_scope", ngx_http_azimuth_set_words, bearer_scope),
    SETTING("bearer_allow_untyped", ngx_http_azimuth_set_untyped, untyped_text),
    SETTING("introspection", ngx_http_azimuth_set_introspection,
            introspection_text),
    SETTING("connect_to", ngx_http_azimuth_set_connect, connect_to),
    SETTING("proxy", ngx_http_azimuth_set_proxy, proxy),
    SETTING("timeout", ngx_http_azimuth_set_timeout, timeout_text),
    SETTING("connect_timeout", ngx_http_azimuth_set_connect_timeout,
            connect_timeout_text),
    SETTING("document_refresh", ngx_http_azimuth_set_refresh, refresh_text),
    SETTING("map", ngx_http_azimuth_rights_setting, rights_text),
    SETTING("allow_http_loopback", ngx_http_azimuth_set_loopback,
            loopback_text),
    SETTING("frontchannel_logout", ngx_http_azimuth_set_front_logout,
            front_logout_text),
    SETTING("preserve_fragment", ngx_http_azimuth_set_fragment, fragment_text),
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

/* Settings that contradict each other; NULL: none do. */
static const char *
provider_conflict(const ngx_http_azimuth_provider_t *p)
{
    if (p->proxy.len > 0 && p->connect_to.len > 0) {
        return "\"proxy\" and \"connect_to\" do not go together";
    }
    if (p->connect_timeout_text.len > 0 && p->connect_timeout > p->timeout) {
        return "its \"connect_timeout\" is longer than its \"timeout\"";
    }
    if (p->audience_text.len > 0 && p->flow.client_key == NULL) {
        return "\"client_assertion_audience\" needs a \"client_key_file\"";
    }
    return NULL;
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
    provider->connect_timeout = 3000;
    provider->flow.keeps_fragment = true;
    provider->document_refresh = PROVIDER_REFRESH_S;
    ngx_http_azimuth_conf_place(cf, &provider->place);
    *ret_provider = provider;
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_provider(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_http_azimuth_provider_t *provider = NULL;
    const char *missing, *conflict;
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
    conflict = provider_conflict(provider);
    if (conflict != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "azimuth_provider \"%V\": %s",
                           &provider->name, conflict);
        return NGX_CONF_ERROR;
    }
    provider->connect_timeout =
        ngx_min(provider->connect_timeout, provider->timeout);
    return NGX_CONF_OK;
}

/* ---- once the whole http block is read ---------------------------------- */

static void
provider_fill(ngx_http_azimuth_main_conf_t *mcf, ngx_http_azimuth_provider_t *p)
{
    p->flow.base_url.data = (const char *)p->redirect_uri.data;
    p->flow.base_url.size =
        p->redirect_uri.len - (sizeof(AZIMUTH_CALLBACK) - 1);
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
    p->flow.refresh = (enum flow_refresh_mode)mcf->refresh;
    p->flow.refresh_at = (int)mcf->refresh_at;
    p->flow.refresh_wait_s =
        (int64_t)ngx_max(p->timeout, mcf->valkey_conf.timeout) / 1000 + 1;
    p->flow.allows_http = p->allow_http_loopback;
    p->flow.conditions = mcf->conditions;
    p->flow.claim_names = ngx_http_azimuth_span(mcf->claim_names);
    p->flow.bearer_audiences = ngx_http_azimuth_span(p->bearer_audience);
    p->flow.bearer_clients = ngx_http_azimuth_span(p->bearer_azp);
    p->flow.bearer_scopes = ngx_http_azimuth_span(p->bearer_scope);
}

/* Everything that a remembered verdict depends on, the conditions and the order
 * of their bits included: after a reload with others nothing old is found. */
static ngx_int_t
provider_digest(ngx_http_azimuth_main_conf_t *mcf,
                ngx_http_azimuth_provider_t *p)
{
    u_char rights[AZIMUTH_DIGEST_SIZE];
    struct span parts[10];
    struct bytes text;
    ngx_int_t rc;

    if (ngx_http_azimuth_rights_digest(mcf, p, rights) != NGX_OK) {
        return NGX_ERROR;
    }
    bytes_init(&text, REQUIRE_ATOM_COUNT_MAX * (REQUIRE_WORD_SIZE_MAX + 1));
    if (mcf->conditions != NULL) {
        require_text(mcf->conditions, &text);
    }
    parts[0] = p->flow.issuer;
    parts[1] = p->flow.client_id;
    parts[2] = p->flow.base_url;
    parts[3] = bytes_span(&text);
    parts[4] = p->flow.bearer_audiences;
    parts[5] = p->flow.bearer_clients;
    parts[6] = p->flow.bearer_scopes;
    parts[7] = span_of(p->flow.bearer_allows_untyped ? "untyped" : "");
    parts[8] = (struct span){ (const char *)rights, sizeof(rights) };
    parts[9] =
        (struct span){ (const char *)&p->flow.algs, sizeof(p->flow.algs) };
    rc = bytes_failed(&text)
             ? NGX_ERROR
             : ngx_http_azimuth_digest(mcf, parts, 10, p->digest);
    bytes_release(&text);
    return rc;
}

/* No mistake where another nginx answers for us: a warning. */
static void
provider_warn(ngx_conf_t *cf, const ngx_http_azimuth_provider_t *p)
{
    if (p->auth_place.line == 0 || p->is_answered) {
        return;
    }
    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                  "azimuth_auth \"%V\" without a \"location " FLOW_PREFIX
                  "\" with azimuth_endpoint: logins are answered by another "
                  "nginx, or never end, in %V:%ui",
                  &p->name, &p->auth_place.file, p->auth_place.line);
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
    ngx_pool_cleanup_t *cleanup;

    provider_fill(mcf, p);
    provider_warn(cf, p);
    if (ngx_http_azimuth_rights_finish(cf, mcf, p) != NGX_OK) {
        return NGX_ERROR;
    }
    options.issuer = p->flow.issuer;
    options.discovery_url = ngx_http_azimuth_span(p->discovery);
    options.refresh_s = p->document_refresh;
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

    return provider_digest(mcf, p);
}
