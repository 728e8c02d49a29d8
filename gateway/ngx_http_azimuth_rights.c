/* SPDX-License-Identifier: Apache-2.0 */
/* The directives of the signed identity: azimuth_identity_key_file, and
 * azimuth_map (within a provider: map), which gives rights to roles and
 * groups. A provider's own map takes the place of the http block's, because
 * the same role may mean little at one provider and much at another. Rules are
 * checked by oauth/ once the http block is read. */

#include "gateway/ngx_http_azimuth_conf.h"

typedef struct {
    const char *word;
    enum rights_level level;
} rights_word_t;

static const rights_word_t rights_words[] = {
    { "read", RIGHTS_READ },
    { "write", RIGHTS_WRITE },
    { "manage", RIGHTS_MANAGE },
};

char *
ngx_http_azimuth_conf_identity_key_file(ngx_conf_t *cf, ngx_command_t *cmd,
                                        void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (mcf->assertion_key != NULL) {
        return "is duplicate";
    }
    return ngx_http_azimuth_secret_assertion(cf, &value[1], mcf) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

/* role=NAME, group=PATH or any */
static char *
rights_holder(ngx_conf_t *cf, ngx_str_t *argument, struct rights_rule *rule)
{
    ngx_str_t name;

    if (ngx_http_azimuth_conf_option(argument, "role=", &name)) {
        rule->holder = RIGHTS_OF_ROLE;
    } else if (ngx_http_azimuth_conf_option(argument, "group=", &name)) {
        rule->holder = RIGHTS_OF_GROUP;
    } else if (ngx_strcmp(argument->data, "any") == 0) {
        rule->holder = RIGHTS_OF_ANY;
        ngx_str_null(&name);
    } else {
        return ngx_http_azimuth_conf_error(
            cf, "who must be role=NAME, group=PATH or any", argument);
    }
    rule->name = ngx_http_azimuth_span(name);
    return NGX_CONF_OK;
}

static char *
rights_level(ngx_conf_t *cf, ngx_str_t *argument, struct rights_rule *rule)
{
    ngx_uint_t i;

    for (i = 0; i < sizeof(rights_words) / sizeof(*rights_words); i++) {
        if (ngx_strcmp(argument->data, rights_words[i].word) == 0) {
            rule->level = rights_words[i].level;
            return NGX_CONF_OK;
        }
    }
    return ngx_http_azimuth_conf_error(
        cf, "a right must be read, write or manage", argument);
}

/* WHO RIGHT PATTERN...: one rule for each pattern. */
static char *
rights_add(ngx_conf_t *cf, ngx_http_azimuth_rights_t *rights)
{
    ngx_str_t *value = cf->args->elts;
    struct rights_rule rule = { 0 }, *slot;
    struct error error = { OAUTH_OK, "" };
    ngx_uint_t i;

    if (cf->args->nelts < 4) {
        return "needs who, a right and collections";
    }
    if (rights->rules.elts == NULL) {
        ngx_http_azimuth_conf_place(cf, &rights->place);
        if (ngx_array_init(&rights->rules, cf->pool, 4, sizeof(rule)) !=
            NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }
    if (rights_holder(cf, &value[1], &rule) != NGX_CONF_OK ||
        rights_level(cf, &value[2], &rule) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }
    for (i = 3; i < cf->args->nelts; i++) {
        slot = ngx_array_push(&rights->rules);
        if (slot == NULL) {
            return NGX_CONF_ERROR;
        }
        rule.pattern = ngx_http_azimuth_span(value[i]);
        *slot = rule;
    }
    /* Of all so far, so that the complaint has the line of the last. */
    if (rights_check(rights->rules.elts, rights->rules.nelts, &error) !=
        OAUTH_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\": %s", &value[0],
                           error.text);
        return NGX_CONF_ERROR;
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_map(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;

    (void)cmd;
    return rights_add(cf, &mcf->rights);
}

char *
ngx_http_azimuth_rights_setting(ngx_conf_t *cf,
                                ngx_http_azimuth_provider_t *provider,
                                ngx_str_t *target)
{
    (void)target; /* stays empty: the setting may stand often */
    return rights_add(cf, &provider->rights);
}

/* ---- once the whole http block is read ---------------------------------- */

ngx_int_t
ngx_http_azimuth_rights_finish(ngx_conf_t *cf,
                               ngx_http_azimuth_main_conf_t *mcf,
                               ngx_http_azimuth_provider_t *p)
{
    ngx_http_azimuth_rights_t *rights = &p->rights;

    if (rights->rules.elts == NULL) {
        rights = &mcf->rights;
    }
    if (mcf->assertion_key == NULL && rights->rules.nelts > 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "azimuth_map needs \"azimuth_identity_key_file\" in the "
                      "http block, or nobody enforces it, in %V:%ui",
                      &rights->place.file, rights->place.line);
        return NGX_ERROR;
    }
    if (mcf->assertion_key != NULL && rights->rules.nelts == 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "azimuth_provider \"%V\" has no azimuth_map: whoever "
                      "logs in may do everything in %V:%ui",
                      &p->name, &p->place.file, p->place.line);
    }
    p->flow.assertion_key = mcf->assertion_key;
    p->flow.rights = rights->rules.elts;
    p->flow.right_count = rights->rules.nelts;
    return NGX_OK;
}

/* Over key and rules: a session cached under other ones is another session. */
ngx_int_t
ngx_http_azimuth_rights_digest(ngx_http_azimuth_main_conf_t *mcf,
                               const ngx_http_azimuth_provider_t *p,
                               u_char ret_digest[AZIMUTH_DIGEST_SIZE])
{
    static const char kinds[] = "0123456789";
    struct span parts[1 + 4 * RIGHTS_RULE_COUNT_MAX];
    const struct rights_rule *rule = p->flow.rights;
    size_t count = 0, i;

    parts[count++] = (struct span){ (const char *)mcf->assertion_mark,
                                    sizeof(mcf->assertion_mark) };
    for (i = 0; i < p->flow.right_count; i++) {
        parts[count++] = (struct span){ &kinds[rule[i].holder], 1 };
        parts[count++] = rule[i].name;
        parts[count++] = (struct span){ &kinds[rule[i].level], 1 };
        parts[count++] = rule[i].pattern;
    }
    return ngx_http_azimuth_digest(mcf, parts, count, ret_digest);
}
