/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_security_headers: what a browser must be told about a host with a
 * login, on every status, also on nginx's own error pages. A header that the
 * upstream (or a page of ours) set is a decision and stays as it is; when it
 * set frame-ancestors, X-Frame-Options would contradict it. HSTS is said over
 * TLS only (RFC 6797, section 7.2). */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#define SECURITY_HSTS_S ((time_t)365 * 24 * 3600)

static ngx_http_output_header_filter_pt security_next_header_filter;

static ngx_str_t security_default_csp =
    ngx_string("default-src 'self'; object-src 'none'; base-uri 'none'; "
               "frame-ancestors 'none'");

/* ---- configuration ------------------------------------------------------- */

static int
security_is_printable(const ngx_str_t *text)
{
    size_t i;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] >= 0x7f) {
            return 0;
        }
    }
    return 1;
}

static char *
security_option(ngx_conf_t *cf, ngx_str_t *argument,
                ngx_http_azimuth_edge_loc_t *edge)
{
    ngx_str_t value;

    if (ngx_http_azimuth_conf_option(argument, "hsts=", &value)) {
        edge->hsts =
            ngx_strcmp(value.data, "off") == 0 ? 0 : ngx_parse_time(&value, 1);
        return edge->hsts == (time_t)NGX_ERROR
                   ? ngx_http_azimuth_conf_error(cf, "no time", argument)
                   : NGX_CONF_OK;
    }
    if (ngx_http_azimuth_conf_option(argument, "frame=", &value)) {
        if (ngx_strcmp(value.data, "deny") == 0) {
            ngx_str_set(&edge->frame, "DENY");
        } else if (ngx_strcmp(value.data, "sameorigin") == 0) {
            ngx_str_set(&edge->frame, "SAMEORIGIN");
        } else if (ngx_strcmp(value.data, "off") == 0) {
            ngx_str_set(&edge->frame, "");
        } else {
            return ngx_http_azimuth_conf_error(
                cf, "frame is deny, sameorigin or off", argument);
        }
        return NGX_CONF_OK;
    }
    if (ngx_http_azimuth_conf_option(argument, "csp=", &value) &&
        security_is_printable(&value)) {
        edge->csp = value;
        if (ngx_strcmp(value.data, "off") == 0) {
            ngx_str_set(&edge->csp, "");
        }
        return NGX_CONF_OK;
    }
    return ngx_http_azimuth_conf_error(
        cf, "unknown option of azimuth_security_headers", argument);
}

char *
ngx_http_azimuth_conf_security(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_azimuth_edge_loc_t *edge = &lcf->edge;
    ngx_str_t *value = cf->args->elts;
    ngx_uint_t i;

    (void)cmd;
    if (edge->security != NGX_CONF_UNSET) {
        return "is duplicate";
    }
    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        edge->security = 0;
        return NGX_CONF_OK;
    }
    if (ngx_strcmp(value[1].data, "on") != 0) {
        return "is on, with options, or off";
    }
    edge->security = 1;
    edge->hsts = SECURITY_HSTS_S;
    edge->csp = security_default_csp;
    ngx_str_set(&edge->frame, "DENY");
    for (i = 2; i < cf->args->nelts; i++) {
        if (security_option(cf, &value[i], edge) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }
    return NGX_CONF_OK;
}

void
ngx_http_azimuth_security_merge(ngx_http_azimuth_edge_loc_t *prev,
                                ngx_http_azimuth_edge_loc_t *conf)
{
    if (conf->security != NGX_CONF_UNSET) {
        return;
    }
    conf->security = prev->security == NGX_CONF_UNSET ? 0 : prev->security;
    conf->hsts = prev->hsts;
    conf->csp = prev->csp;
    conf->frame = prev->frame;
}

/* ---- the filter ---------------------------------------------------------- */

enum {
    SECURITY_HSTS,
    SECURITY_TYPE,
    SECURITY_REFERRER,
    SECURITY_FRAME,
    SECURITY_CSP,
    SECURITY_COUNT
};

static const ngx_str_t security_names[SECURITY_COUNT] = {
    ngx_string("Strict-Transport-Security"),
    ngx_string("X-Content-Type-Options"),
    ngx_string("Referrer-Policy"),
    ngx_string("X-Frame-Options"),
    ngx_string("Content-Security-Policy"),
};

/* Whether a policy names who may frame the answer: X-Frame-Options cannot say
 * the same. */
static int
security_may_frame(const ngx_str_t *policy)
{
    static ngx_str_t some = ngx_string("frame-ancestors");
    static ngx_str_t none = ngx_string("frame-ancestors 'none'");
    u_char *end = policy->data + policy->len;

    return ngx_strlcasestrn(policy->data, end, some.data, some.len - 1) !=
               NULL &&
           ngx_strlcasestrn(policy->data, end, none.data, none.len - 1) == NULL;
}

/* Which of ours are set already. */
static ngx_uint_t
security_present(ngx_http_request_t *r)
{
    ngx_list_part_t *part;
    ngx_table_elt_t *header;
    ngx_uint_t i, k, present = 0;

    for (part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        header = part->elts;
        for (i = 0; i < part->nelts; i++) {
            if (header[i].hash == 0) {
                continue;
            }
            for (k = 0; k < SECURITY_COUNT; k++) {
                if (header[i].key.len == security_names[k].len &&
                    ngx_strncasecmp(header[i].key.data, security_names[k].data,
                                    security_names[k].len) == 0) {
                    present |= 1u << k;
                    break;
                }
            }
            if (k == SECURITY_CSP && security_may_frame(&header[i].value)) {
                present |= 1u << SECURITY_FRAME;
            }
        }
    }
    return present;
}

static ngx_int_t
security_hsts(ngx_http_request_t *r, time_t age, ngx_str_t *ret_value)
{
    u_char *end;

    ret_value->data = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 16);
    if (ret_value->data == NULL) {
        return NGX_ERROR;
    }
    end = ngx_sprintf(ret_value->data, "max-age=%T", age);
    ret_value->len = (size_t)(end - ret_value->data);
    return NGX_OK;
}

static int
security_is_tls(ngx_http_request_t *r)
{
#if (NGX_HTTP_SSL)
    return r->connection->ssl != NULL;
#else
    (void)r;
    return 0;
#endif
}

static ngx_int_t
security_header_filter(ngx_http_request_t *r)
{
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_str_t values[SECURITY_COUNT];
    ngx_uint_t k, present;

    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    if (r != r->main || !lcf->edge.security) {
        return security_next_header_filter(r);
    }
    present = security_present(r);
    ngx_str_null(&values[SECURITY_HSTS]);
    ngx_str_set(&values[SECURITY_TYPE], "nosniff");
    ngx_str_set(&values[SECURITY_REFERRER], "same-origin");
    values[SECURITY_FRAME] = lcf->edge.frame;
    values[SECURITY_CSP] = lcf->edge.csp;
    if (lcf->edge.hsts > 0 && security_is_tls(r) &&
        security_hsts(r, lcf->edge.hsts, &values[SECURITY_HSTS]) != NGX_OK) {
        return NGX_ERROR;
    }
    for (k = 0; k < SECURITY_COUNT; k++) {
        if (values[k].len > 0 && !(present & (1u << k)) &&
            ngx_http_azimuth_header_out(r, security_names[k], values[k]) !=
                NGX_OK) {
            return NGX_ERROR;
        }
    }
    return security_next_header_filter(r);
}

ngx_int_t
ngx_http_azimuth_security_init(ngx_conf_t *cf)
{
    (void)cf;
    security_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = security_header_filter;
    return NGX_OK;
}
