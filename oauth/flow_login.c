/* SPDX-License-Identifier: Apache-2.0
 * The way back from the provider. Nothing leaves this machine before the state
 * is found in the browser's own sealed cookie and `iss` fits; then the state
 * is marked as used in the store, and only then is the code redeemed. */
#include "oauth/flow_move.h"

#include "base/base64.h"
#include "oauth/stateparam.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

/* Whether what `state` carries is of our own login, and where that was to end
 * may be told by it: flow->slot then. */
static void
judge_lost(struct flow *flow, struct state_slot *lost,
           const unsigned char *provider)
{
    int64_t age_s = flow->now_s - lost->begun_s;
    if (CRYPTO_memcmp(lost->provider, provider, STATE_PROVIDER_SIZE) != 0 ||
        age_s < -STATE_LOOP_S || age_s >= STATEPARAM_LIFETIME_S)
        return;
    struct span rd = { lost->rd, lost->rd_size };
    if (!flow_rd_is_safe(flow, rd)) { /* too long, or allowed no more */
        lost->rd_size = flow->config.home_path.size;
        memcpy(lost->rd, flow->config.home_path.data, lost->rd_size);
    }
    flow->slot = lost;
}

/* The browser drops the cookie when the logins in it are over; a form may
 * stand open for longer. */
static bool
has_outlived_cookie(const struct flow *flow)
{
    return !flow->has_login_cookie &&
           flow->now_s - flow->slot->begun_s >= STATE_LIFETIME_S;
}

/* Tabs that begin a login at the same moment overwrite each other's cookie.
 * Whose slot is lost begins once more, which the provider, where somebody is
 * logged in by now, mostly answers at once. Once: the new state says that it
 * is a retry. Where a cookie of ours should be and is not, there is none: it
 * would not come back the next time either. */
static bool
may_retry(struct flow *flow)
{
    struct error ignored;
    return flow->slot != NULL && flow->is_lost && !flow->slot->is_retry &&
           (flow->has_logins || has_outlived_cookie(flow)) &&
           flow->back.code.size > 0 &&
           callback_check_issuer(&flow->back, flow->config.issuer,
                                 flow->config.requires_iss,
                                 &ignored) == OAUTH_OK;
}

/* Refused as any lost state is, but the page goes on by itself. */
static void
begin_anew(struct flow *flow)
{
    struct span url = flow_start_url_as(flow, "retry", flow_slot_rd(flow));
    const struct page page = {
        .title = "Once more",
        .text = "This browser does not know this login any more, mostly "
                "because another tab began one, too. It begins anew.",
        .detail = span_of(flow->cause.text),
        .link_text = "Go on",
        .link_url = url,
        .forward_url = url,
    };
    flow_reply_page(flow, error_http_status(flow->cause.code), &page,
                    FLOW_LOGIN_FAILED);
}

static void
give_up(struct flow *flow)
{
    if (may_retry(flow))
        begin_anew(flow);
    else
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
}

/* No login of this browser belongs to the callback: harmless when a session
 * is there (the page was opened twice, or another tab was faster). */
static void
replay(struct flow *flow)
{
    if (flow->has_ticket)
        flow_ask_session(flow, FLOW_AT_REPLAY);
    else
        give_up(flow);
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
            rd = flow_slot_rd(flow);
        flow->cause = (struct error){ 0 };
        flow_redirect(flow, flow_own_url(flow, rd), FLOW_LOGIN_REPLAYED);
        return;
    }
    flow->session = (struct session){ 0 };
    flow->cause = cause;
    flow->drops_cookie = true;
    give_up(flow);
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

/* The login that the callback belongs to, out of the browser's cookie. */
static bool
take_login(struct flow *flow, struct state_slot *slot,
           const unsigned char *provider)
{
    unsigned char id[STATE_ID_SIZE];
    if (stateparam_open(flow->config.ring, flow->back.state, slot) != OAUTH_OK)
        return false;
    memcpy(id, slot->id, sizeof(id));
    if (state_take(flow->login, id, slot))
        return true;
    flow->is_lost = true;
    judge_lost(flow, slot, provider);
    return false;
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
    if (slot == NULL || !flow_open_logins(flow, request) ||
        !flow_name_provider(flow, provider)) {
        flow_reply_static(flow);
        return;
    }
    if (!take_login(flow, slot, provider)) {
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
