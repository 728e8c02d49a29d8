/* SPDX-License-Identifier: Apache-2.0
 * A login begins: its slot is sealed into the browser's cookie, what survives
 * the cookie's loss into `state`, and then discovery and the provider. */
#include "oauth/flow_move.h"

#include "oauth/stateparam.h"
#include "oauth/url.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

bool
flow_open_logins(struct flow *flow, const struct flow_request *request)
{
    struct span value = { NULL, 0 };
    flow->login = calloc(1, sizeof(*flow->login));
    if (flow->login == NULL)
        return false;
    enum cookie_found found =
        cookie_find(request->cookies, request->cookie_count,
                    span_of(flow->login_name), &value);
    flow->has_login_cookie = found != COOKIE_ABSENT;
    flow->has_logins = found == COOKIE_FOUND &&
                       state_open(flow->config.ring, value, flow->now_s,
                                  flow->login) == OAUTH_OK;
    if (!flow->has_logins)
        *flow->login = (struct state){ 0 };
    return true;
}

void
flow_drop_logins(struct flow *flow)
{
    if (flow->login == NULL)
        return;
    state_wipe(flow->login);
    free(flow->login);
    flow->login = NULL;
}

/* Strict would keep the cookie back on the way from the provider, so it is
 * Lax at most. */
void
flow_close_logins(struct flow *flow)
{
    struct bytes text;
    unsigned char nonce[SEAL_NONCE_SIZE];
    enum flow_same_site same_site = flow->config.cookie_same_site;
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&text, STATE_COOKIE_SIZE_MAX);
    if (state_seal(flow->config.ring, flow->login, nonce, &text) != OAUTH_OK)
        text.is_failed = true;
    struct span value = flow_keep(flow, &text);
    flow->login_value = value;
    flow->login_cookie =
        flow_set_cookie(flow, flow->login_name, value, STATE_LIFETIME_S,
                        same_site == FLOW_STRICT ? FLOW_LAX : same_site);
}

/* Which provider a login was begun at, and for which of its clients. Two
 * hosts may share a login cookie: the state of one provider's login must not
 * be good for a callback of the other (RFC 9207 section 1: mix-up). */
bool
flow_name_provider(const struct flow *flow,
                   unsigned char ret_name[STATE_PROVIDER_SIZE])
{
    const struct span parts[] = { flow->config.issuer, flow->config.client_id,
                                  flow->config.base_url };
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good =
        ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; is_good && i < sizeof(parts) / sizeof(parts[0]); i++)
        is_good = EVP_DigestUpdate(ctx, parts[i].data, parts[i].size) == 1 &&
                  EVP_DigestUpdate(ctx, "", 1) == 1; /* a NUL between */
    is_good = is_good && EVP_DigestFinal_ex(ctx, hash, &size) == 1;
    EVP_MD_CTX_free(ctx);
    if (is_good) {
        assert(size >= STATE_PROVIDER_SIZE);
        memcpy(ret_name, hash, STATE_PROVIDER_SIZE);
    }
    return is_good;
}

bool
flow_rd_is_safe(const struct flow *flow, struct span rd)
{
    const struct url_guard guard = {
        .base_url = flow->config.base_url,
        .hosts = flow->config.rd_hosts,
        .host_count = flow->config.rd_host_count,
    };
    return url_rd_is_safe(&guard, rd);
}

static void
choose_rd(struct flow *flow, struct span query, struct state_slot *slot)
{
    struct bytes rd;
    struct span chosen = flow->config.home_path;
    bytes_init(&rd, URL_RD_SIZE_MAX);
    if (url_param(query, "rd", &rd) == URL_PARAM_FOUND) {
        struct span whole = bytes_span(&rd);
        struct span page = { whole.data, 0 };
        while (page.size < whole.size && whole.data[page.size] != '#')
            page.size++;
        if (flow_rd_is_safe(flow, whole))
            chosen = whole;
        else if (flow_rd_is_safe(flow, page)) /* an odd fragment */
            chosen = page;
    }
    slot->rd_size = chosen.size;
    memcpy(slot->rd, chosen.data, chosen.size);
    bytes_release(&rd);
}

static bool
has_param(struct span query, const char *name)
{
    struct bytes value;
    bytes_init(&value, 16);
    enum url_param found = url_param(query, name, &value);
    bytes_release(&value);
    return found == URL_PARAM_FOUND;
}

static void
stop_loop(struct flow *flow)
{
    error_set(&flow->cause, OAUTH_ELOOP,
              "%u logins in %d s, and still no session",
              flow->login->finished_count, STATE_LOOP_S);
    const struct page page = {
        .title = "Going in a circle",
        .text = "You were logged in several times within a minute, but the "
                "session was lost each time. The cookies of this site may be "
                "blocked, or the session store loses its data.",
        .detail = span_of(flow->cause.text),
        .link_text = "Log in again",
        .link_url = flow_start_url_as(flow, "again", flow_slot_rd(flow)),
    };
    flow_reply_page(flow, error_http_status(OAUTH_ELOOP), &page, FLOW_FAILED);
}

/* Seals the login beside the others now, though it has begun only when the
 * browser leaves: what is sealed is small, and others may take their time. */
static void
keep_begun(struct flow *flow)
{
    struct bytes text;
    unsigned char nonce[SEAL_NONCE_SIZE];
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&text, STATEPARAM_SIZE_MAX);
    if (stateparam_add(flow->config.ring, flow->slot, nonce, &text) != OAUTH_OK)
        text.is_failed = true;
    flow->state_text = flow_keep(flow, &text);
    state_add(flow->login, flow->slot);
    flow_close_logins(flow);
    flow_drop_logins(flow);
    flow->begun_cookie = flow->login_cookie;
    flow->login_cookie = (struct span){ NULL, 0 };
}

static void
leave(struct flow *flow)
{
    if (provider_wants(flow->provider, PROVIDER_DISCOVERY, flow->now_s))
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_BEGIN);
    else
        flow_send_to_provider(flow);
}

void
flow_login_begin(struct flow *flow, const struct flow_request *request)
{
    if (request->sec_fetch_mode.data != NULL && flow->is_script) {
        error_set(&flow->cause, OAUTH_ENOSESSION,
                  "a login needs a navigation, not a script's call");
        flow_reply_cause(flow, FLOW_DENIED);
        return;
    }
    flow->kind = REQUEST_PAGE; /* whoever comes here wants the login page */
    flow->slot = arena_calloc(&flow->arena, 1, sizeof(*flow->slot));
    if (flow->slot == NULL || !flow_open_logins(flow, request) ||
        !flow_name_provider(flow, flow->slot->provider)) {
        flow_reply_static(flow);
        return;
    }
    choose_rd(flow, request->query, flow->slot);
    flow->is_document = span_equal_text(request->sec_fetch_mode, "navigate") &&
                        span_equal_text(request->sec_fetch_dest, "document");
    flow->slot->begun_s = flow->now_s;
    flow_draw(flow, flow->slot->id, sizeof(flow->slot->id));
    flow_draw(flow, flow->slot->nonce, sizeof(flow->slot->nonce));
    flow_draw(flow, flow->slot->pkce, sizeof(flow->slot->pkce));
    flow->slot->is_retry = has_param(request->query, "retry");
    if (has_param(request->query, "again"))
        flow->login->finished_count = 0;
    if (state_is_looping(flow->login, flow->now_s)) {
        stop_loop(flow);
        return;
    }
    keep_begun(flow);
    if (flow->slot->is_retry && flow->has_ticket)
        flow_ask_session(flow, FLOW_AT_RETRY);
    else
        leave(flow);
}

/* Another tab may have logged in meanwhile: then there is nothing to do. */
void
flow_on_retry(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_FOUND &&
        flow_open_session(flow, event->record)) {
        flow_redirect(flow, flow_own_url(flow, flow_slot_rd(flow)),
                      FLOW_LOGIN_REPLAYED);
        return;
    }
    flow->session = (struct session){ 0 };
    flow->cause = (struct error){ 0 };
    leave(flow);
}

void
flow_on_begin(struct flow *flow, const struct flow_event *event)
{
    if (!flow_take_document(flow, PROVIDER_DISCOVERY, event)) {
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
        return;
    }
    flow_send_to_provider(flow);
}
