/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_health: "live" answers while the worker runs; "ready" says whether
 * logins and sessions work: Valkey answered, the provider's documents are at
 * hand. It never waits: it tells what was seen last by any worker, and being
 * asked keeps one worker checking once in a second, until nobody has asked for
 * a minute. Invariant: each check has its own wait, withdrawn when the worker
 * leaves; the timer is cancelable. What is said of it: health_reply.c. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define HEALTH_PERIOD_MS  1000
#define HEALTH_INTEREST_S 60
#define HEALTH_RETRY_S    5 /* a provider that is down is left alone */

typedef struct {
    ngx_http_azimuth_wait_t wait;
    ngx_http_azimuth_health_t *health;
    ngx_http_azimuth_provider_t *provider; /* NULL: the store */
    ngx_uint_t index;
    enum provider_document document;
} health_check_t;

struct ngx_http_azimuth_health_s {
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_event_t timer;
    ngx_connection_t timer_owner; /* nginx's debug log reads an fd there */
    time_t asked_s;
    health_check_t store;
    health_check_t providers[AZIMUTH_PROVIDER_COUNT_MAX];
};

/* ---- checks -------------------------------------------------------------- */

static void
health_fetched(health_check_t *check, struct flow_event *event)
{
    ngx_http_azimuth_main_conf_t *mcf = check->health->mcf;
    ngx_http_azimuth_health_table_t *table;
    struct error why;
    enum oauth_code code = OAUTH_EPROVIDER;

    if (event->kind == FLOW_EVENT_FETCHED &&
        provider_is_fresh(check->provider->provider, check->document,
                          event->now_s)) {
        code = OAUTH_OK; /* a flow that waited, too, has put it down */
    } else if (event->kind == FLOW_EVENT_FETCHED) {
        code = provider_put(check->provider->provider, check->document,
                            event->fetched.status, event->fetched.body,
                            event->now_s, &why);
        if (code != OAUTH_OK) {
            event->kind = FLOW_EVENT_FETCH_FAILED;
            event->failure = span_of(why.text);
        }
    }
    if (code != OAUTH_OK) {
        provider_note_failure(check->provider->provider, check->document,
                              event->now_s);
    }
    table = ngx_http_azimuth_health_lock(mcf);
    ngx_http_azimuth_health_note(
        &ngx_http_azimuth_health_provider(table, mcf, check->index)->peer,
        event);
    ngx_http_azimuth_health_unlock(mcf);
}

static void
health_answered(ngx_http_azimuth_wait_t *wait, struct flow_event *event)
{
    health_check_t *check = wait->data;
    ngx_http_azimuth_main_conf_t *mcf = check->health->mcf;
    ngx_http_azimuth_health_table_t *table;

    if (check->provider != NULL) {
        health_fetched(check, event);
        return;
    }
    table = ngx_http_azimuth_health_lock(mcf);
    ngx_http_azimuth_health_note(&table->store, event);
    ngx_http_azimuth_health_unlock(mcf);
}

static void
health_ask(health_check_t *check, const ngx_http_azimuth_peer_t *peer,
           const struct flow_action *action)
{
    struct flow_event event;

    check->wait.handler = health_answered;
    check->wait.data = check;
    if (peer->ask(peer->data, action, &check->wait, &event) == NGX_OK) {
        health_answered(&check->wait, &event); /* refused at once */
    }
}

static void
health_check_store(ngx_http_azimuth_health_t *h)
{
    ngx_http_azimuth_peer_t peer;
    struct flow_action action = { .kind = FLOW_ACTION_SESSION_GET };

    if (h->store.wait.is_open ||
        ngx_http_azimuth_valkey_peer(h->mcf, &peer) != NGX_OK) {
        return;
    }
    action.session.key = span_of("azimuth:health"); /* there is none: fine */
    health_ask(&h->store, &peer, &action);
}

static void
health_check_provider(ngx_http_azimuth_health_t *h, ngx_uint_t index)
{
    ngx_http_azimuth_provider_t **providers = h->mcf->providers.elts;
    health_check_t *check = &h->providers[index];
    struct provider *provider = providers[index]->provider;
    struct flow_action action = { .kind = FLOW_ACTION_FETCH };
    ngx_http_azimuth_fetch_to_t to;
    ngx_http_azimuth_peer_t peer;

    if (check->wait.is_open) {
        return;
    }
    check->document = PROVIDER_DISCOVERY;
    action.fetch.kind = FLOW_FETCH_DISCOVERY;
    if (!provider_wants(provider, PROVIDER_DISCOVERY, ngx_time())) {
        check->document = PROVIDER_JWKS;
        action.fetch.kind = FLOW_FETCH_JWKS;
    }
    if (!provider_wants(provider, check->document, ngx_time()) ||
        provider_url(provider, check->document) == NULL) {
        return;
    }
    check->provider = providers[index];
    check->index = index;
    to.provider = providers[index];
    if (ngx_http_azimuth_fetch_peer(h->mcf, &to, &peer) != NGX_OK) {
        return;
    }
    action.fetch.headers[0].name = span_of("Accept");
    action.fetch.headers[0].value = span_of("application/json");
    action.fetch.header_count = 1;
    action.fetch.url = span_of(provider_url(provider, check->document));
    health_ask(check, &peer, &action);
}

/* Writes down how old this worker's documents are, when they are the newest. */
static void
health_ages(ngx_http_azimuth_health_t *h)
{
    ngx_http_azimuth_provider_t **providers = h->mcf->providers.elts;
    ngx_http_azimuth_health_table_t *table;
    ngx_http_azimuth_provider_health_t *entry;
    ngx_uint_t i;

    table = ngx_http_azimuth_health_lock(h->mcf);
    for (i = 0; i < h->mcf->providers.nelts; i++) {
        entry = ngx_http_azimuth_health_provider(table, h->mcf, i);
        entry->metadata_s = ngx_max(
            entry->metadata_s,
            provider_fetched_s(providers[i]->provider, PROVIDER_DISCOVERY));
        entry->keys_s =
            ngx_max(entry->keys_s,
                    provider_fetched_s(providers[i]->provider, PROVIDER_JWKS));
    }
    ngx_http_azimuth_health_unlock(h->mcf);
}

static void
health_check(ngx_http_azimuth_health_t *h)
{
    ngx_http_azimuth_health_table_t *table;
    ngx_uint_t i;
    int is_ours, is_down[AZIMUTH_PROVIDER_COUNT_MAX];

    health_ages(h);
    table = ngx_http_azimuth_health_lock(h->mcf);
    is_ours = table->checked_s != ngx_time();
    table->checked_s = ngx_time();
    for (i = 0; i < h->mcf->providers.nelts; i++) {
        is_down[i] =
            table->providers[i].peer.is_down &&
            ngx_time() - table->providers[i].peer.failed_s < HEALTH_RETRY_S;
    }
    ngx_http_azimuth_health_unlock(h->mcf);
    if (!is_ours || ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }
    health_check_store(h);
    for (i = 0; i < h->mcf->providers.nelts; i++) {
        if (!is_down[i]) {
            health_check_provider(h, i);
        }
    }
}

static void
health_tick(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_health_t *h = owner->data;

    if (ngx_exiting || ngx_time() - h->asked_s > HEALTH_INTEREST_S) {
        return;
    }
    health_check(h);
    ngx_add_timer(&h->timer, HEALTH_PERIOD_MS);
}

static ngx_http_azimuth_health_t *
health_open(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_health_t *h = mcf->edge.health;
    ngx_uint_t i;

    if (h != NULL) {
        return h;
    }
    h = ngx_calloc(sizeof(*h), ngx_cycle->log);
    if (h == NULL) {
        return NULL;
    }
    h->mcf = mcf;
    h->timer_owner.fd = (ngx_socket_t)-1;
    h->timer_owner.data = h;
    h->timer.data = &h->timer_owner;
    h->timer.handler = health_tick;
    h->timer.log = ngx_cycle->log;
    h->timer.cancelable = 1;
    h->store.health = h;
    for (i = 0; i < AZIMUTH_PROVIDER_COUNT_MAX; i++) {
        h->providers[i].health = h;
    }
    mcf->edge.health = h;
    return h;
}

void
ngx_http_azimuth_health_close(ngx_http_azimuth_health_t *h)
{
    ngx_uint_t i;

    if (h == NULL) {
        return;
    }
    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }
    ngx_http_azimuth_wait_cancel(&h->store.wait);
    for (i = 0; i < AZIMUTH_PROVIDER_COUNT_MAX; i++) {
        ngx_http_azimuth_wait_cancel(&h->providers[i].wait);
    }
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
    if (mcf->providers.nelts > 0 && !ngx_exiting && !h->timer.timer_set) {
        health_check(h);
        ngx_add_timer(&h->timer, HEALTH_PERIOD_MS);
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
        return ngx_http_azimuth_conf_error(cf, "is \"live\" or \"ready\"",
                                           &value[1]);
    }
    clcf->handler = health_handler;
    return NGX_CONF_OK;
}
