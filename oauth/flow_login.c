/* SPDX-License-Identifier: Apache-2.0
 * A login: the way to the provider and the way back. On the way back nothing
 * leaves this machine before the state is found in the browser's own sealed
 * cookie and `iss` fits; then the state is marked as used in the store, and
 * only then is the code redeemed. */
#include "oauth/flow_move.h"

#include "base/base64.h"
#include "oauth/url.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

/* Opens the login cookie into flow->login; a bad one counts as empty. */
static bool
open_logins(struct flow *flow, const struct flow_request *request)
{
    struct span value = { NULL, 0 };
    flow->login = calloc(1, sizeof(*flow->login));
    if (flow->login == NULL)
        return false;
    enum cookie_found found =
        cookie_find(request->cookies, request->cookie_count,
                    span_of(flow->login_name), &value);
    flow->has_login_cookie = found != COOKIE_ABSENT;
    if (found == COOKIE_FOUND &&
        state_open(flow->config.ring, value, flow->now_s, flow->login) !=
            OAUTH_OK)
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
static bool
name_provider(const struct flow *flow,
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

static void
choose_rd(struct flow *flow, struct span query, struct state_slot *slot)
{
    struct bytes rd;
    struct span chosen = flow->config.home_path;
    const struct url_guard guard = {
        .base_url = flow->config.base_url,
        .hosts = flow->config.rd_hosts,
        .host_count = flow->config.rd_host_count,
    };
    bytes_init(&rd, URL_RD_SIZE_MAX);
    if (url_param(query, "rd", &rd) == URL_PARAM_FOUND &&
        url_rd_is_safe(&guard, bytes_span(&rd)))
        chosen = bytes_span(&rd);
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
    struct bytes url;
    error_set(&flow->cause, OAUTH_ELOOP,
              "%u logins in %d s, and still no session",
              flow->login->finished_count, STATE_LOOP_S);
    bytes_init(&url, URL_SIZE_MAX + 3 * URL_RD_SIZE_MAX);
    bytes_add_span(&url, flow->config.base_url);
    bytes_add_text(&url, FLOW_PREFIX "start?again=1&rd=");
    url_encode((struct span){ flow->slot->rd, flow->slot->rd_size }, &url);
    const struct page page = {
        .title = "Going in a circle",
        .text = "You were logged in several times within a minute, but the "
                "session was lost each time. The cookies of this site may be "
                "blocked, or the session store loses its data.",
        .detail = span_of(flow->cause.text),
        .link_text = "Log in again",
        .link_url = flow_keep(flow, &url),
    };
    flow_reply_page(flow, error_http_status(OAUTH_ELOOP), &page, FLOW_FAILED);
}

/* Seals the login beside the others now, though it has begun only when the
 * browser leaves: what is sealed is small, and others may take their time. */
static void
keep_begun(struct flow *flow)
{
    state_add(flow->login, flow->slot);
    flow_close_logins(flow);
    flow_drop_logins(flow);
    flow->begun_cookie = flow->login_cookie;
    flow->login_cookie = (struct span){ NULL, 0 };
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
    if (flow->slot == NULL || !open_logins(flow, request) ||
        !name_provider(flow, flow->slot->provider)) {
        flow_reply_static(flow);
        return;
    }
    choose_rd(flow, request->query, flow->slot);
    flow->slot->begun_s = flow->now_s;
    flow_draw(flow, flow->slot->id, sizeof(flow->slot->id));
    flow_draw(flow, flow->slot->nonce, sizeof(flow->slot->nonce));
    flow_draw(flow, flow->slot->pkce, sizeof(flow->slot->pkce));
    if (has_param(request->query, "again"))
        flow->login->finished_count = 0;
    if (state_is_looping(flow->login, flow->now_s)) {
        stop_loop(flow);
        return;
    }
    keep_begun(flow);
    if (provider_wants(flow->provider, PROVIDER_DISCOVERY, flow->now_s))
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_BEGIN);
    else
        flow_send_to_provider(flow);
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

/* No login of this browser belongs to the callback: harmless when a session
 * is there (the page was opened twice), an error page otherwise. */
static void
replay(struct flow *flow)
{
    if (flow->has_ticket)
        flow_ask_session(flow, FLOW_AT_REPLAY);
    else
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
}

void
flow_on_replay(struct flow *flow, const struct flow_event *event)
{
    struct error cause = flow->cause;
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_FOUND &&
        flow_open_session(flow, event->record)) {
        struct span rd = flow->config.home_path;
        if (flow->slot != NULL)
            rd = (struct span){ flow->slot->rd, flow->slot->rd_size };
        flow->cause = (struct error){ 0 };
        flow_redirect(flow, flow_own_url(flow, rd), FLOW_LOGIN_REPLAYED);
        return;
    }
    flow->session = (struct session){ 0 };
    flow->cause = cause;
    flow->drops_cookie = true;
    flow_reply_cause(flow, FLOW_LOGIN_FAILED);
}

/* The provider said no. Its words are shown, escaped, as the cause. */
static void
refuse(struct flow *flow)
{
    struct span name = flow->back.error;
    struct span detail = flow->back.error_description;
    bool is_down = span_equal_text(name, "server_error") ||
                   span_equal_text(name, "temporarily_unavailable");
    error_set(&flow->cause, is_down ? OAUTH_EPROVIDER : OAUTH_EREFUSED,
              "the provider said %.*s: %.*s", (int)name.size, name.data,
              (int)(detail.size > 100 ? 100 : detail.size),
              detail.size > 0 ? detail.data : "");
    flow_reply_cause(flow, is_down ? FLOW_PROVIDER_DOWN : FLOW_LOGIN_FAILED);
}

/* Asks for whatever of the provider is missing, then marks the state. */
static void
prepare(struct flow *flow)
{
    const struct provider *provider = flow->provider;
    if (flow->state < FLOW_AT_DISCOVERY &&
        provider_wants(provider, PROVIDER_DISCOVERY, flow->now_s)) {
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_DISCOVERY);
        return;
    }
    const struct provider_metadata *metadata = provider_metadata(provider);
    assert(metadata != NULL);
    if (callback_check_issuer(&flow->back, flow->config.issuer,
                              metadata->has_iss_parameter,
                              &flow->cause) != OAUTH_OK) {
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
        return;
    }
    if (flow->state < FLOW_AT_KEYS &&
        provider_wants(provider, PROVIDER_JWKS, flow->now_s)) {
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_KEYS);
        return;
    }
    unsigned char hash[32];
    unsigned size = 0;
    struct bytes key;
    if (EVP_Digest(flow->slot->id, sizeof(flow->slot->id), hash, &size,
                   EVP_sha256(), NULL) != 1) {
        error_set(&flow->cause, OAUTH_EINTERNAL, "SHA-256 failed");
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    bytes_init(&key, 128);
    bytes_add_text(&key, "azimuth:login:");
    base64_encode((struct span){ (const char *)hash, sizeof(hash) }, &key);
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_MARK);
    put->key = flow_keep(flow, &key);
    put->value = span_of("1");
    put->ttl_s = STATE_LIFETIME_S;
    put->mode = FLOW_PUT_NEW;
}

/* Who logs in, for the list of the user's sessions. */
static void
keep_client(struct flow *flow, const struct flow_request *request)
{
    struct bytes agent;
    bytes_init(&agent, ROSTER_AGENT_SIZE_MAX);
    roster_add_agent(request->user_agent, &agent);
    flow->user_agent = flow_keep(flow, &agent);
    flow->client_address = flow_copy(flow, request->client_address);
}

void
flow_login_back(struct flow *flow, const struct flow_request *request)
{
    flow->kind = REQUEST_PAGE; /* the provider sends people only */
    if (callback_parse(request->query, &flow->arena, &flow->back,
                       &flow->cause) != OAUTH_OK) {
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
        return;
    }
    unsigned char provider[STATE_PROVIDER_SIZE];
    struct state_slot *slot = arena_calloc(&flow->arena, 1, sizeof(*slot));
    if (slot == NULL || !open_logins(flow, request) ||
        !name_provider(flow, provider)) {
        flow_reply_static(flow);
        return;
    }
    if (!state_take(flow->login, flow->back.state, slot)) {
        error_set(&flow->cause, OAUTH_ESTATE,
                  flow->has_login_cookie
                      ? "the state belongs to no open login of this browser"
                      : "the browser sent no login cookie");
        replay(flow);
        return;
    }
    flow->slot = slot;
    keep_client(flow, request);
    flow_close_logins(flow);
    flow_drop_logins(flow); /* large, and the provider may take its time */
    if (CRYPTO_memcmp(slot->provider, provider, sizeof(provider)) != 0) {
        error_set(&flow->cause, OAUTH_ESTATE,
                  "the state belongs to a login at another provider");
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
        return;
    }
    if (callback_check_issuer(&flow->back, flow->config.issuer,
                              flow->config.requires_iss,
                              &flow->cause) != OAUTH_OK)
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
    else if (flow->back.error.size > 0)
        refuse(flow);
    else
        prepare(flow);
}

void
flow_on_discovery(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_DISCOVERY, event))
        prepare(flow);
    else
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
}

void
flow_on_keys(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_JWKS, event))
        prepare(flow);
    else
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
}

void
flow_on_mark(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_DONE) {
        flow->cause = (struct error){ 0 };
        flow_exchange_code(flow);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    error_set(&flow->cause, OAUTH_ESTATE, "the state was used before");
    replay(flow);
}
