/* SPDX-License-Identifier: Apache-2.0 */
/* Directives that say who may do what: azimuth_bearer, azimuth_api_auth and
 * azimuth_require. Rules add up from the http block down to a location; what
 * would never be looked at, or would let everybody pass, is refused. */

#include "gateway/ngx_http_azimuth_conf.h"

#define RULES_WORD_COUNT_MAX 64

static char *
rules_provider(ngx_conf_t *cf, ngx_str_t *name,
               ngx_http_azimuth_provider_t **ret_provider)
{
    ngx_http_azimuth_main_conf_t *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_azimuth_module);
    *ret_provider = ngx_http_azimuth_provider_find(mcf, name);
    if (*ret_provider == NULL) {
        return ngx_http_azimuth_conf_error(
            cf, "no azimuth_provider of this name above", name);
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_bearer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (lcf->bearer != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }
    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->bearer = NULL;
        return NGX_CONF_OK;
    }
    return rules_provider(cf, &value[1], &lcf->bearer);
}

char *
ngx_http_azimuth_conf_api_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    static const char *const modes[] = { "off", "open", "key", "bearer",
                                         "key_or_bearer" };
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;

    (void)cmd;
    if (lcf->api_mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }
    for (i = AZIMUTH_API_OPEN; i <= AZIMUTH_API_KEY_OR_BEARER; i++) {
        if (ngx_strcmp(value[1].data, modes[i]) == 0) {
            lcf->api_mode = i;
        }
    }
    if (lcf->api_mode == NGX_CONF_UNSET_UINT) {
        return ngx_http_azimuth_conf_error(
            cf,
            "azimuth_api_auth is one of open, key, bearer and key_or_bearer",
            &value[1]);
    }
    ngx_http_azimuth_conf_place(cf, &lcf->api_place);
    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }
    if (lcf->api_mode != AZIMUTH_API_BEARER &&
        lcf->api_mode != AZIMUTH_API_KEY_OR_BEARER) {
        return ngx_http_azimuth_conf_error(cf, "this needs no provider",
                                           &value[2]);
    }
    return rules_provider(cf, &value[2], &lcf->api_provider);
}

char *
ngx_http_azimuth_conf_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_azimuth_main_conf_t *mcf;
    struct span words[RULES_WORD_COUNT_MAX];
    struct error error = { OAUTH_OK, "" };
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;

    (void)cmd;
    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        if (lcf->rules_off) {
            return "is duplicate";
        }
        lcf->rules_off = 1;
        return NGX_CONF_OK;
    }
    if (cf->args->nelts - 1 > RULES_WORD_COUNT_MAX) {
        return "has too many words";
    }
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_azimuth_module);
    if (mcf->conditions == NULL) {
        mcf->conditions = ngx_pcalloc(cf->pool, sizeof(*mcf->conditions));
    }
    if (lcf->own_rules == NULL) {
        lcf->own_rules = ngx_pcalloc(cf->pool, sizeof(*lcf->own_rules));
    }
    if (mcf->conditions == NULL || lcf->own_rules == NULL) {
        return NGX_CONF_ERROR;
    }
    if (lcf->own_rules->count == REQUIRE_RULE_COUNT_MAX) {
        return "stands too often";
    }
    for (i = 1; i < cf->args->nelts; i++) {
        words[i - 1] = ngx_http_azimuth_span(value[i]);
    }
    lcf->own_rules->table = mcf->conditions;
    if (require_add(mcf->conditions, words, cf->args->nelts - 1,
                    &lcf->own_rules->items[lcf->own_rules->count],
                    &error) != OAUTH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "azimuth_require: %s",
                           error.text);
        return NGX_CONF_ERROR;
    }
    if (lcf->own_rules->count++ == 0) {
        ngx_http_azimuth_conf_place(cf, &lcf->rules_place);
    }
    return NGX_CONF_OK;
}

/* ---- merging ------------------------------------------------------------ */

static char *
rules_complain(ngx_conf_t *cf, const ngx_http_azimuth_place_t *place,
               const char *text)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", text, &place->file,
                  place->line);
    return NGX_CONF_ERROR;
}

/* Which credentials this place takes. */
static char *
rules_merge_gate(ngx_conf_t *cf, ngx_http_azimuth_loc_conf_t *conf)
{
    struct credential_gate *gate = &conf->gate;

    conf->token_provider = conf->bearer;
    switch (conf->api_mode) {
    case AZIMUTH_API_OFF:
        break;
    case AZIMUTH_API_OPEN:
    case AZIMUTH_API_KEY:
        if (conf->bearer != NULL) {
            return rules_complain(cf, &conf->api_place,
                                  "\"azimuth_bearer\" and an azimuth_api_auth "
                                  "without bearer hold for the same requests");
        }
        break;
    default:
        if (conf->api_provider != NULL) {
            conf->token_provider = conf->api_provider;
        }
        if (conf->token_provider == NULL) {
            return rules_complain(cf, &conf->api_place,
                                  "\"azimuth_api_auth\" needs the name of a "
                                  "provider here, or azimuth_bearer");
        }
    }
    if (conf->api_mode != AZIMUTH_API_OFF && conf->provider != NULL) {
        return rules_complain(cf, &conf->api_place,
                              "\"azimuth_api_auth\" and \"azimuth_auth\" hold "
                              "for the same requests");
    }
    gate->takes_session = conf->provider != NULL;
    gate->takes_bearer = conf->token_provider != NULL;
    gate->takes_key = conf->api_mode == AZIMUTH_API_KEY ||
                      conf->api_mode == AZIMUTH_API_KEY_OR_BEARER;
    gate->introspects =
        gate->takes_bearer && conf->token_provider->flow.introspects;
    return NGX_CONF_OK;
}

static char *
rules_merge_rules(ngx_conf_t *cf, ngx_http_azimuth_loc_conf_t *prev,
                  ngx_http_azimuth_loc_conf_t *conf)
{
    const struct require_rules *above = NULL;
    struct require_rules *both;

    if (!conf->rules_off) {
        /* The http block itself is never merged. */
        above = prev->rules != NULL ? prev->rules : prev->own_rules;
    }

    if (conf->own_rules == NULL) {
        conf->rules = above;
        conf->rules_place = prev->rules_place;
        return NGX_CONF_OK;
    }
    if (above == NULL) {
        conf->rules = conf->own_rules;
        return NGX_CONF_OK;
    }
    if (above->count + conf->own_rules->count > REQUIRE_RULE_COUNT_MAX) {
        return rules_complain(cf, &conf->rules_place,
                              "too many azimuth_require hold");
    }
    both = ngx_palloc(cf->pool, sizeof(*both));
    if (both == NULL) {
        return NGX_CONF_ERROR;
    }
    *both = *above;
    ngx_memcpy(&both->items[above->count], conf->own_rules->items,
               conf->own_rules->count * sizeof(both->items[0]));
    both->count += conf->own_rules->count;
    conf->rules = both;
    return NGX_CONF_OK;
}

/* What only a location, not the server around it, can get wrong. */
static char *
rules_check(ngx_conf_t *cf, ngx_http_azimuth_loc_conf_t *conf, int is_here)
{
    ngx_http_core_loc_conf_t *clcf;

    if (conf->endpoint != NULL && conf->token_provider != NULL &&
        conf->token_provider != conf->endpoint) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "azimuth_bearer and azimuth_endpoint \"%V\" name "
                      "different providers in one location",
                      &conf->endpoint->name);
        return NGX_CONF_ERROR;
    }
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (conf->rules == NULL || clcf->name.len == 0) {
        return NGX_CONF_OK;
    }
    if (!conf->gate.takes_session && !conf->gate.takes_bearer &&
        conf->endpoint == NULL) {
        return rules_complain(cf, &conf->rules_place,
                              "azimuth_require holds for a location where "
                              "nobody is asked who he is (azimuth_auth, "
                              "azimuth_bearer, or \"azimuth_require off\")");
    }
    if (conf->gate.takes_key && is_here) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "azimuth_require does not look at requests with an API "
                      "key in %V:%ui",
                      &conf->rules_place.file, conf->rules_place.line);
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_rules_merge(ngx_conf_t *cf, ngx_http_azimuth_loc_conf_t *prev,
                             ngx_http_azimuth_loc_conf_t *conf)
{
    int is_here = conf->own_rules != NULL;

    ngx_conf_merge_ptr_value(conf->bearer, prev->bearer, NULL);
    if (conf->api_mode == NGX_CONF_UNSET_UINT) {
        conf->api_mode = prev->api_mode == NGX_CONF_UNSET_UINT ? AZIMUTH_API_OFF
                                                               : prev->api_mode;
        conf->api_provider = prev->api_provider;
        conf->api_place = prev->api_place;
    } else {
        is_here = 1;
    }
    if (rules_merge_gate(cf, conf) != NGX_CONF_OK ||
        rules_merge_rules(cf, prev, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }
    return rules_check(cf, conf, is_here);
}
