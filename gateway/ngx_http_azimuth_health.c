/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_health: "live" answers while the worker runs; "ready" says whether
 * logins and sessions work: Valkey answered, the provider's documents are at
 * hand. It never waits: it tells what was seen last by any worker, and being
 * asked keeps one worker checking once in a second, until nobody has asked for
 * a minute. The wait is withdrawn when the worker leaves; the timer is
 * cancelable. What is said of it: health_reply.c. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"
#include "gateway/ngx_http_azimuth_event.h"

#include <assert.h>

#define HEALTH_PERIOD_MS  1000
#define HEALTH_INTEREST_S 60
#define HEALTH_RETRY      5 /* checks: a provider that is down is left alone */

struct ngx_http_azimuth_health_s {
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_timer_t timer;
    time_t asked_s;
    ngx_uint_t check_count;
    ngx_http_azimuth_wait_t wait; /* for the store */
};

/* ---- checks -------------------------------------------------------------- */

static void
health_answered(ngx_http_azimuth_wait_t *wait, struct flow_event *event)
{
    ngx_http_azimuth_health_t *h = wait->data;
    ngx_http_azimuth_health_table_t *table;

    table = ngx_http_azimuth_health_lock(h->mcf);
    ngx_http_azimuth_health_note(&table->store, event);
    ngx_http_azimuth_health_unlock(h->mcf);
}

static void
health_check_store(ngx_http_azimuth_health_t *h)
{
    ngx_http_azimuth_peer_t peer;
    struct flow_action action = { .kind = FLOW_ACTION_SESSION_GET };
    struct flow_event event;

    if (h->wait.is_open ||
        ngx_http_azimuth_valkey_peer(h->mcf, &peer) != NGX_OK) {
        return;
    }
    h->wait.handler = health_answered;
    h->wait.data = h;
    action.session.key = span_of("azimuth:health"); /* there is none: fine */
    if (peer.ask(peer.data, &action, &h->wait, &event) == NGX_OK) {
        health_answered(&h->wait, &event); /* refused at once */
    }
}

/* A document that nobody has needed yet is fetched because somebody wants to
 * know; document.c keeps it young from then on. */
static void
health_check_provider(ngx_http_azimuth_main_conf_t *mcf,
                      ngx_http_azimuth_provider_t *p)
{
    enum provider_document document = PROVIDER_DISCOVERY;

    if (!provider_wants(p->provider, document, ngx_time())) {
        document = PROVIDER_JWKS;
    }
    if (provider_wants(p->provider, document, ngx_time()) &&
        provider_url(p->provider, document) != NULL) {
        ngx_http_azimuth_fetch_document(mcf, p, document);
    }
}

/* Why a document is missing, or has not become younger; NULL: all is well. */
static const struct error *
health_failure(ngx_http_azimuth_provider_t *p)
{
    const struct error *why = provider_failure(p->provider, PROVIDER_DISCOVERY);

    return why != NULL ? why : provider_failure(p->provider, PROVIDER_JWKS);
}

/* What this worker knows of `p`; ages only when its copy is the newest. */
static void
health_provider(ngx_http_azimuth_provider_health_t *entry,
                ngx_http_azimuth_provider_t *p)
{
    const struct error *why = health_failure(p);
    struct flow_event event;

    entry->metadata_s = ngx_max(
        entry->metadata_s, provider_fetched_s(p->provider, PROVIDER_DISCOVERY));
    entry->keys_s =
        ngx_max(entry->keys_s, provider_fetched_s(p->provider, PROVIDER_JWKS));
    if (why == NULL && !entry->peer.is_down) {
        return;
    }
    event.kind = why == NULL ? FLOW_EVENT_FETCHED : FLOW_EVENT_FETCH_FAILED;
    event.now_s = ngx_time();
    if (why != NULL) {
        event.failure = span_of(why->text);
    }
    ngx_http_azimuth_health_note(&entry->peer, &event);
}

static void
health_check(ngx_http_azimuth_health_t *h)
{
    ngx_http_azimuth_provider_t **providers = h->mcf->providers.elts;
    ngx_http_azimuth_health_table_t *table;
    ngx_uint_t i;
    int is_ours;

    table = ngx_http_azimuth_health_lock(h->mcf);
    is_ours = table->checked_s != ngx_time();
    table->checked_s = ngx_time();
    for (i = 0; is_ours && i < h->mcf->providers.nelts; i++) {
        health_provider(ngx_http_azimuth_health_provider(table, h->mcf, i),
                        providers[i]);
    }
    ngx_http_azimuth_health_unlock(h->mcf);
    if (!is_ours || ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }
    health_check_store(h);
    for (i = 0; i < h->mcf->providers.nelts; i++) {
        if (h->check_count % HEALTH_RETRY == 0 ||
            health_failure(providers[i]) == NULL) {
            health_check_provider(h->mcf, providers[i]);
        }
    }
    h->check_count++;
}

static void
health_tick(ngx_event_t *event)
{
    ngx_http_azimuth_health_t *h = ngx_http_azimuth_timer_data(event);

    if (ngx_exiting || ngx_time() - h->asked_s > HEALTH_INTEREST_S) {
        return;
    }
    health_check(h);
    ngx_add_timer(&h->timer.event, HEALTH_PERIOD_MS);
}

static ngx_http_azimuth_health_t *
health_open(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_health_t *h = mcf->edge.health;

    if (h != NULL) {
        return h;
    }
    h = ngx_calloc(sizeof(*h), ngx_cycle->log);
    if (h == NULL) {
        return NULL;
    }
    h->mcf = mcf;
    ngx_http_azimuth_timer_init(&h->timer, health_tick, h, ngx_cycle->log);
    h->timer.event.cancelable = 1;
    mcf->edge.health = h;
    return h;
}

void
ngx_http_azimuth_health_close(ngx_http_azimuth_health_t *h)
{
    if (h == NULL) {
        return;
    }
    ngx_http_azimuth_timer_stop(&h->timer);
    ngx_http_azimuth_wait_cancel(&h->wait);
    ngx_free(h);
}

/* ---- the handler --------------------------------------------------------- */

static ngx_int_t
health_handler(ngx_http_request_t *r)
{
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_http_azimuth_health_t *h;
    struct bytes body;

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    if (!lcf->edge.is_ready) {
        bytes_init(&body, 64);
        bytes_add_text(&body, "{\"live\":true}\n");
        return ngx_http_azimuth_refuse_body(r, NGX_HTTP_OK, "application/json",
                                            &body);
    }
    h = health_open(mcf);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    h->asked_s = ngx_time();
    if (mcf->providers.nelts > 0 && !ngx_exiting && !h->timer.event.timer_set) {
        health_check(h);
        ngx_add_timer(&h->timer.event, HEALTH_PERIOD_MS);
    }
    return ngx_http_azimuth_health_reply(r, mcf);
}

char *
ngx_http_azimuth_conf_health(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_core_loc_conf_t *clcf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (clcf->handler != NULL) {
        return "stands beside another handler";
    }
    if (ngx_strcmp(value[1].data, "ready") == 0) {
        lcf->edge.is_ready = 1;
    } else if (ngx_strcmp(value[1].data, "live") != 0) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_health is \"live\" or \"ready\"", &value[1]);
    }
    clcf->handler = health_handler;
    return NGX_CONF_OK;
}
