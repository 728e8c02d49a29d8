/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_valkey: where the session store is, and how to speak to it. Words
 * without "=" are endpoints. Host names are resolved now, since that would
 * block a worker later; every address of a name is an endpoint. */

#include "gateway/ngx_http_azimuth_conf.h"

#define VALKEY_PORT          6379
#define VALKEY_SENTINEL_PORT 26379

static char *
valkey_add(ngx_conf_t *cf, ngx_http_azimuth_valkey_conf_t *valkey,
           ngx_str_t *text, in_port_t port)
{
    ngx_http_azimuth_endpoint_t *endpoint;
    ngx_url_t url;
    ngx_uint_t i;

    ngx_memzero(&url, sizeof(url));
    url.url = *text;
    url.default_port = port;
    if (ngx_parse_url(cf->pool, &url) != NGX_OK || url.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "azimuth_valkey \"%V\": %s",
                           text, url.err != NULL ? url.err : "no address");
        return NGX_CONF_ERROR;
    }
    for (i = 0; i < url.naddrs; i++) {
        if (valkey->endpoints.nelts == AZIMUTH_ENDPOINT_COUNT_MAX) {
            return ngx_http_azimuth_conf_error(
                cf, "azimuth_valkey has too many addresses at", text);
        }
        endpoint = ngx_array_push(&valkey->endpoints);
        if (endpoint == NULL) {
            return NGX_CONF_ERROR;
        }
        ngx_memzero(endpoint, sizeof(*endpoint));
        endpoint->sockaddr = url.addrs[i].sockaddr;
        endpoint->socklen = url.addrs[i].socklen;
        endpoint->name = url.naddrs == 1 ? *text : url.addrs[i].name;
        if (url.family != AF_UNIX &&
            ngx_http_azimuth_copy(cf->pool, ngx_http_azimuth_span(url.host),
                                  &endpoint->host) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}

/* sentinel=HOST:PORT[,HOST:PORT...] */
static char *
valkey_add_sentinels(ngx_conf_t *cf, ngx_http_azimuth_valkey_conf_t *valkey,
                     ngx_str_t list)
{
    ngx_str_t one;
    u_char *end;

    do {
        end = ngx_strlchr(list.data, list.data + list.len, ',');
        one.data = list.data;
        one.len = end == NULL ? list.len : (size_t)(end - list.data);
        if (valkey_add(cf, valkey, &one, VALKEY_SENTINEL_PORT) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
        if (end != NULL) {
            list.len -= one.len + 1;
            list.data = end + 1;
        }
    } while (end != NULL);
    return NGX_CONF_OK;
}

static char *
valkey_secret(ngx_conf_t *cf, ngx_str_t *file, ngx_str_t *ret_secret)
{
    return ngx_http_azimuth_secret_line(cf, file, ret_secret) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

/* Options of one directive that only make sense together. */
typedef struct {
    ngx_str_t ca;
    unsigned is_tls : 1;
    unsigned has_server : 1;
    unsigned has_sentinel : 1;
} valkey_options_t;

static char *
valkey_number(ngx_conf_t *cf, ngx_str_t *argument,
              ngx_http_azimuth_valkey_conf_t *valkey)
{
    ngx_str_t value;

    if (ngx_http_azimuth_conf_option(argument, "db=", &value)) {
        valkey->database = ngx_atoi(value.data, value.len);
        return valkey->database == NGX_ERROR
                   ? ngx_http_azimuth_conf_error(cf, "no database number",
                                                 argument)
                   : NGX_CONF_OK;
    }
    if (ngx_http_azimuth_conf_option(argument, "timeout=", &value)) {
        valkey->timeout = (ngx_msec_t)ngx_parse_time(&value, 0);
        return valkey->timeout == (ngx_msec_t)NGX_ERROR ||
                       valkey->timeout < 10 || valkey->timeout > 60000
                   ? ngx_http_azimuth_conf_error(
                         cf, "the timeout must be 10ms to 60s", argument)
                   : NGX_CONF_OK;
    }
    return ngx_http_azimuth_conf_error(cf, "unknown option of azimuth_valkey",
                                       argument);
}

static char *
valkey_option(ngx_conf_t *cf, ngx_str_t *argument,
              ngx_http_azimuth_valkey_conf_t *valkey, valkey_options_t *options)
{
    ngx_str_t value;

    if (ngx_http_azimuth_conf_option(argument, "sentinel=", &value)) {
        options->has_sentinel = 1;
        return valkey_add_sentinels(cf, valkey, value);
    }
    if (ngx_http_azimuth_conf_option(argument, "master=", &value)) {
        valkey->master = value;
    } else if (ngx_http_azimuth_conf_option(argument, "username=", &value)) {
        valkey->login.username = value;
    } else if (ngx_http_azimuth_conf_option(argument,
                                            "password_file=", &value)) {
        return valkey_secret(cf, &value, &valkey->login.password);
    } else if (ngx_http_azimuth_conf_option(argument,
                                            "sentinel_username=", &value)) {
        valkey->sentinel_login.username = value;
    } else if (ngx_http_azimuth_conf_option(
                   argument, "sentinel_password_file=", &value)) {
        return valkey_secret(cf, &value, &valkey->sentinel_login.password);
    } else if (ngx_http_azimuth_conf_option(argument, "tls=", &value) &&
               ngx_strcmp(value.data, "on") == 0) {
        options->is_tls = 1;
    } else if (ngx_http_azimuth_conf_option(argument, "tls_name=", &value)) {
        valkey->tls_name = value;
    } else if (ngx_http_azimuth_conf_option(argument, "ca=", &value)) {
        options->ca = value;
    } else {
        return valkey_number(cf, argument, valkey);
    }
    return NGX_CONF_OK;
}

/* ---- TLS ---------------------------------------------------------------- */

#if (NGX_SSL)

static ngx_int_t
valkey_trust(ngx_conf_t *cf, ngx_ssl_t *tls, ngx_str_t *ca)
{
    if (ca->len == 0) {
        return SSL_CTX_set_default_verify_paths(tls->ctx) == 1 ? NGX_OK
                                                               : NGX_ERROR;
    }
    if (ngx_conf_full_name(cf->cycle, ca, 1) != NGX_OK) {
        return NGX_ERROR;
    }
    return SSL_CTX_load_verify_locations(tls->ctx, (char *)ca->data, NULL) == 1
               ? NGX_OK
               : NGX_ERROR;
}

static char *
valkey_tls(ngx_conf_t *cf, ngx_http_azimuth_valkey_conf_t *valkey,
           ngx_str_t *ca)
{
    ngx_pool_cleanup_t *cleanup;
    ngx_ssl_t *tls;

    tls = ngx_pcalloc(cf->pool, sizeof(*tls));
    cleanup = ngx_pool_cleanup_add(cf->pool, 0);
    if (tls == NULL || cleanup == NULL) {
        return NGX_CONF_ERROR;
    }
    tls->log = cf->log;
    if (ngx_ssl_create(tls, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL) !=
        NGX_OK) {
        return NGX_CONF_ERROR;
    }
    cleanup->handler = ngx_ssl_cleanup_ctx;
    cleanup->data = tls;
    if (valkey_trust(cf, tls, ca) != NGX_OK) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_valkey finds no certificates in", ca);
    }
    valkey->tls = tls;
    return NGX_CONF_OK;
}

#else

static char *
valkey_tls(ngx_conf_t *cf, ngx_http_azimuth_valkey_conf_t *valkey,
           ngx_str_t *ca)
{
    return "asks for tls=on, but this nginx was built without TLS";
}

#endif

/* ---- the directive ------------------------------------------------------ */

static const char *
valkey_complaint(const ngx_http_azimuth_valkey_conf_t *valkey,
                 const valkey_options_t *options)
{
    const ngx_http_azimuth_endpoint_t *endpoints = valkey->endpoints.elts;
    ngx_uint_t i;

    if (valkey->login.username.len > 0 && valkey->login.password.len == 0) {
        return "has a username but no password_file";
    }
    if (valkey->sentinel_login.username.len > 0 &&
        valkey->sentinel_login.password.len == 0) {
        return "has a sentinel_username but no sentinel_password_file";
    }
    if (valkey->endpoints.nelts == 0) {
        return "names no endpoint";
    }
    if (valkey->master.len > 0 && options->has_server) {
        return "names servers and a master that sentinels know";
    }
    if (options->has_sentinel && valkey->master.len == 0) {
        return "names sentinels but no master=";
    }
    if (valkey->master.len > 0 && !options->has_sentinel) {
        return "names a master but no sentinel=";
    }
    if (!options->is_tls && (options->ca.len > 0 || valkey->tls_name.len > 0)) {
        return "has ca= or tls_name= but no tls=on";
    }
    for (i = 0; i < valkey->endpoints.nelts; i++) {
        if (endpoints[i].host.len == 0 &&
            (options->is_tls || valkey->tls != NULL)) {
            return "asks for tls=on over a Unix socket";
        }
    }
    return NULL;
}

char *
ngx_http_azimuth_conf_valkey(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_http_azimuth_valkey_conf_t *valkey = &mcf->valkey_conf;
    ngx_str_t *value = cf->args->elts;
    valkey_options_t options;
    const char *complaint;
    ngx_uint_t i;
    char *rc;

    (void)cmd;
    ngx_memzero(&options, sizeof(options));
    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "unix:", 5) == 0 ||
            ngx_strchr(value[i].data, '=') == NULL) {
            options.has_server = 1;
            rc = valkey_add(cf, valkey, &value[i], VALKEY_PORT);
        } else {
            rc = valkey_option(cf, &value[i], valkey, &options);
        }
        if (rc != NGX_CONF_OK) {
            return rc;
        }
    }
    complaint = valkey_complaint(valkey, &options);
    if (complaint != NULL) {
        return (char *)complaint;
    }
    return options.is_tls ? valkey_tls(cf, valkey, &options.ca) : NGX_CONF_OK;
}
