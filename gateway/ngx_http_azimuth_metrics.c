/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_metrics: the counters in Prometheus' text format, version 0.0.4.
 * They tell who fails how often, which is nobody's business outside: unless
 * said otherwise, a request that came in on an address of the network is
 * refused. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define METRICS_SIZE_MAX ((size_t)256 << 10)

static void
metrics_head(struct bytes *out, const char *name, const char *type,
             const char *help)
{
    bytes_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
metrics_line(struct bytes *out, const char *name, const char *label,
             const char *value, uint64_t number)
{
    if (label == NULL) {
        bytes_addf(out, "%s %llu\n", name, (unsigned long long)number);
        return;
    }
    bytes_addf(out, "%s{%s=\"%s\"} %llu\n", name, label, value,
               (unsigned long long)number);
}

static void
metrics_requests(ngx_http_azimuth_main_conf_t *mcf, struct bytes *out)
{
#define X(code, http, name) name,
    static const char *const reasons[] = { OAUTH_CODES(X) };
#undef X
    ngx_uint_t i;

    metrics_head(out, "azimuth_requests_total", "counter",
                 "Requests that were judged, by what became of them.");
    for (i = FLOW_WAITING + 1; i < FLOW_OUTCOME_COUNT; i++) {
        if (i >= FLOW_REFRESHED && i <= FLOW_REFRESH_ENDED) {
            continue; /* of jobs: azimuth_refreshes_total */
        }
        metrics_line(
            out, "azimuth_requests_total", "outcome",
            flow_outcome_name((enum flow_outcome)i),
            ngx_http_azimuth_count_read(mcf, AZIMUTH_COUNT_OUTCOME + i));
    }
    metrics_head(out, "azimuth_failures_total", "counter",
                 "Requests that went wrong, by the reason.");
    for (i = OAUTH_OK + 1; i < AZIMUTH_CODE_COUNT; i++) {
        metrics_line(
            out, "azimuth_failures_total", "reason", reasons[i],
            ngx_http_azimuth_count_read(mcf, AZIMUTH_COUNT_FAILURE + i));
    }
}

/* A metric whose parts are cells, told apart by one label. */
typedef struct {
    const char *name; /* NULL: a further part of the metric above */
    const char *label;
    const char *value;
    ngx_uint_t cell;
    const char *help;
} metrics_row_t;

static const metrics_row_t metrics_rows[] = {
    { "azimuth_logins_total", "result", "started",
      AZIMUTH_COUNT_OUTCOME + FLOW_LOGIN_STARTED,
      "Logins: sent to the provider, and how those ended that came back." },
    { NULL, "result", "succeeded", AZIMUTH_COUNT_OUTCOME + FLOW_LOGGED_IN,
      NULL },
    { NULL, "result", "replayed", AZIMUTH_COUNT_OUTCOME + FLOW_LOGIN_REPLAYED,
      NULL },
    { NULL, "result", "failed", AZIMUTH_COUNT_OUTCOME + FLOW_LOGIN_FAILED,
      NULL },
    { "azimuth_logins_queued_total", NULL, NULL, AZIMUTH_COUNT_DOOR,
      "Callbacks that had to wait for others to be done at the provider." },
    { "azimuth_refreshes_total", "result", "succeeded", AZIMUTH_COUNT_REFRESHED,
      "Refreshes of sessions at the provider, by how they ended." },
    { NULL, "result", "failed", AZIMUTH_COUNT_REFRESH_FAILED, NULL },
    { NULL, "result", "ended", AZIMUTH_COUNT_REFRESH_ENDED, NULL },
    { "azimuth_session_cache_total", "result", "hit", AZIMUTH_COUNT_CACHE_HIT,
      "Sessions looked up in shared memory." },
    { NULL, "result", "miss", AZIMUTH_COUNT_CACHE_MISS, NULL },
    { "azimuth_revocations_total", "from", "here", AZIMUTH_COUNT_REVOKED,
      "Sessions ended by this server, and endings heard of from the store." },
    { NULL, "from", "store", AZIMUTH_COUNT_REVOKED_HEARD, NULL },
    { "azimuth_rate_limited_total", "key", "user", AZIMUTH_COUNT_LIMITED_USER,
      "Requests answered with 429, by what was limited." },
    { NULL, "key", "address", AZIMUTH_COUNT_LIMITED_ADDRESS, NULL },
    { "azimuth_upgrades_refused_total", NULL, NULL,
      AZIMUTH_COUNT_FOREIGN_UPGRADE, "WebSocket handshakes of foreign pages." },
    { "azimuth_upgrades_ended_total", NULL, NULL, AZIMUTH_COUNT_ENDED_UPGRADE,
      "WebSocket connections cut off at the end of their session." },
    { "azimuth_audit_lines_lost_total", NULL, NULL, AZIMUTH_COUNT_AUDIT_LOST,
      "Lines of the audit log that could not be written." },
    { "azimuth_store_failures_total", NULL, NULL, AZIMUTH_COUNT_STORE_FAILED,
      "Questions to Valkey that came to nothing." },
};

static void
metrics_counters(ngx_http_azimuth_main_conf_t *mcf, struct bytes *out)
{
    const metrics_row_t *row;
    const char *name = NULL;
    ngx_uint_t i;

    for (i = 0; i < sizeof(metrics_rows) / sizeof(metrics_rows[0]); i++) {
        row = &metrics_rows[i];
        if (row->name != NULL) {
            name = row->name;
            metrics_head(out, name, "counter", row->help);
        }
        assert(name != NULL);
        metrics_line(out, name, row->label, row->value,
                     ngx_http_azimuth_count_read(mcf, row->cell));
    }
    name = "azimuth_provider_failures_total";
    metrics_head(out, name, "counter",
                 "Calls to a provider without an answer, by what was asked.");
    for (i = 0; i < AZIMUTH_CALL_COUNT; i++) {
        if (ngx_http_azimuth_call_name(i) != NULL) {
            metrics_line(out, name, "call", ngx_http_azimuth_call_name(i),
                         ngx_http_azimuth_count_read(
                             mcf, AZIMUTH_COUNT_CALL_FAILED + i));
        }
    }
}

/* `label` is empty or 'name="value",'. */
static void
metrics_histogram(ngx_http_azimuth_main_conf_t *mcf, struct bytes *out,
                  const char *name, const char *label, ngx_uint_t cell)
{
    size_t size = ngx_strlen(label);
    uint64_t sum = 0;
    ngx_uint_t i;
    char own[64] = "";

    if (size > 0) {
        assert(size + 2 < sizeof(own));
        own[0] = '{';
        ngx_memcpy(own + 1, label, size - 1); /* without its comma */
        own[size] = '}';
        own[size + 1] = '\0';
    }
    for (i = 0; i < AZIMUTH_BUCKET_COUNT; i++) {
        sum += ngx_http_azimuth_count_read(mcf, cell + i);
        bytes_addf(out, "%s_bucket{%sle=\"%g\"} %llu\n", name, label,
                   (double)ngx_http_azimuth_buckets_us[i] / 1e6,
                   (unsigned long long)sum);
    }
    sum += ngx_http_azimuth_count_read(mcf, cell + AZIMUTH_BUCKET_COUNT);
    bytes_addf(out, "%s_bucket{%sle=\"+Inf\"} %llu\n", name, label,
               (unsigned long long)sum);
    bytes_addf(out, "%s_sum%s %.6f\n", name, own,
               (double)ngx_http_azimuth_count_read(
                   mcf, cell + AZIMUTH_BUCKET_COUNT + 1) /
                   1e6);
    bytes_addf(out, "%s_count%s %llu\n", name, own, (unsigned long long)sum);
}

static void
metrics_histograms(ngx_http_azimuth_main_conf_t *mcf, struct bytes *out)
{
    const char *name = "azimuth_store_seconds";
    char label[64];
    ngx_uint_t i;
    u_char *end;

    metrics_head(out, name, "histogram",
                 "How long requests waited for an answer of Valkey.");
    metrics_histogram(mcf, out, name, "", AZIMUTH_COUNT_STORE_TIME);
    name = "azimuth_provider_seconds";
    metrics_head(out, name, "histogram",
                 "How long requests waited for an answer of a provider.");
    for (i = 0; i < AZIMUTH_CALL_COUNT; i++) {
        if (ngx_http_azimuth_call_name(i) == NULL) {
            continue;
        }
        end = ngx_snprintf((u_char *)label, sizeof(label) - 1, "call=\"%s\",",
                           ngx_http_azimuth_call_name(i));
        *end = '\0';
        metrics_histogram(mcf, out, name, label,
                          AZIMUTH_COUNT_CALL_TIME + i * AZIMUTH_HISTOGRAM_SIZE);
    }
}

/* Whether the client sits on this machine, as far as the socket tells. */
static int
metrics_is_private(ngx_http_request_t *r)
{
    struct sockaddr_in *in;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6 *in6;
#endif

    if (ngx_connection_local_sockaddr(r->connection, NULL, 0) != NGX_OK) {
        return 0;
    }
    switch (r->connection->local_sockaddr->sa_family) {
    case AF_UNIX:
        return 1;
#if (NGX_HAVE_INET6)
    case AF_INET6:
        in6 = (void *)r->connection->local_sockaddr;
        return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
#endif
    case AF_INET:
        in = (void *)r->connection->local_sockaddr;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    default:
        return 0;
    }
}

static ngx_int_t
metrics_handler(ngx_http_request_t *r)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_loc_conf_t *lcf;
    struct bytes body;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    if (!lcf->edge.metrics_anywhere && lcf->provider == NULL &&
        !metrics_is_private(r)) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "azimuth_metrics is for a listener on a loopback "
                      "address or a Unix socket");
        return NGX_HTTP_FORBIDDEN;
    }
    bytes_init(&body, METRICS_SIZE_MAX);
    metrics_requests(mcf, &body);
    metrics_counters(mcf, &body);
    metrics_histograms(mcf, &body);
    return ngx_http_azimuth_refuse_body(
        r, NGX_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &body);
}

char *
ngx_http_azimuth_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_core_loc_conf_t *clcf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (clcf->handler != NULL) {
        return "stands beside another handler";
    }
    clcf->handler = metrics_handler;
    if (cf->args->nelts == 1) {
        return NGX_CONF_OK;
    }
    if (ngx_strcmp(value[1].data, "anywhere") != 0) {
        return "takes nothing, or \"anywhere\"";
    }
    lcf->edge.metrics_anywhere = 1;
    ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                       "azimuth_metrics anywhere: everybody who reaches this "
                       "listener reads the metrics");
    return NGX_CONF_OK;
}
