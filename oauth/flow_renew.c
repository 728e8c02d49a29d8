/* SPDX-License-Identifier: Apache-2.0
 * What the provider answered to a job, and the record that is made of it.
 *
 *   TOKEN -> [NEW_KEYS] -> KEEP [-> RETRY -> KEEP ...] -> over     refreshed
 *                       -> DEL -> over                             ended
 *
 * A session ends here only when the provider says so (invalid_grant) or
 * answers with somebody else or without a proof (OpenID Connect Core section
 * 12.2); every other trouble leaves it alone. The record is replaced, never
 * made: a logout meanwhile wins. */
#include "oauth/flow_move.h"

#include "oauth/idtoken.h"

#define TRY_COUNT_MAX 6 /* 200 ms, 400 ms, ... 6.4 s */
#define TRY_MS        200

static void
ask_keep(struct flow *flow)
{
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_JOB_KEEP);
    put->key = span_of(flow->store_key);
    put->value = flow->renewed;
    put->ttl_s = 0; /* a refresh is no use of the session */
    put->mode = FLOW_PUT_REPLACE;
    put->is_announced = true;
    flow->try_count++;
}

/* Seals what flow->session is now. */
static void
keep(struct flow *flow)
{
    struct bytes record;
    unsigned char nonce[SEAL_NONCE_SIZE];
    flow->session.serial++;
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&record, SESSION_RECORD_SIZE_MAX + SEAL_OVERHEAD_SIZE);
    enum oauth_code code = session_seal(flow->config.ring, &flow->ticket,
                                        &flow->session, nonce, &record);
    if (code != OAUTH_OK) {
        bytes_wipe(&record);
        error_set(&flow->cause, code, "the session cannot be sealed");
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        return;
    }
    flow->renewed = flow_keep(flow, &record);
    ask_keep(flow);
}

/* The new tokens; an old refresh token stays when none came. */
static void
take_refresh_token(struct flow *flow)
{
    if (flow->tokens.refresh_token.size > 0 &&
        flow->tokens.refresh_token.size <= SESSION_FIELD_SIZE_MAX)
        flow->session.refresh_token = flow->tokens.refresh_token;
}

static void
take_tokens(struct flow *flow)
{
    flow->cause = (struct error){ 0 };
    take_refresh_token(flow);
    flow->session.refreshed_s = flow->now_s;
    flow->session.access_expires_s =
        flow_access_end(flow, flow->session.refresh_token);
    keep(flow);
}

static struct span
newer(struct span text, struct span old)
{
    return text.size > 0 ? text : old;
}

/* What the new ID token says of the user takes the place of what was known;
 * who it is and what is ours stays. */
static void
take_identity(struct flow *flow, const struct session *told)
{
    const struct session old = flow->session;
    flow->session = *told;
    flow->session.created_s = old.created_s;
    flow->session.auth_s = old.auth_s;
    flow->session.expires_s = old.expires_s;
    flow->session.serial = old.serial;
    flow->session.preferred_username =
        newer(told->preferred_username, old.preferred_username);
    flow->session.email = newer(told->email, old.email);
    if (told->email.size == 0)
        flow->session.email_unverified = old.email_unverified;
    flow->session.name = newer(told->name, old.name);
    flow->session.sid = newer(old.sid, told->sid);
    flow->session.issuer = old.issuer;
    flow->session.audience = old.audience;
    flow->session.nonce = old.nonce;
    flow->session.id_token = flow->tokens.id_token;
    flow->session.refresh_token = old.refresh_token;
    take_tokens(flow);
}

/* The tokens came, but who they are about cannot be told now: the keys or the
 * clocks are wrong. The old refresh token may be spent, so the new one is kept
 * for the next attempt, and nothing else. */
static void
keep_unproven(struct flow *flow)
{
    if (flow->tokens.refresh_token.size == 0) {
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        return;
    }
    flow->is_unproven = true;
    take_refresh_token(flow);
    keep(flow);
}

/* Verifies the ID token with the keys at hand. */
static void
judge(struct flow *flow)
{
    struct session told = { 0 };
    const struct idtoken_rules rules = {
        .issuer = flow->config.issuer,
        .client_id = flow->config.client_id,
        .claim_names = flow->config.claim_names,
        .nonce = flow->session.nonce,
        .is_refresh = true,
        .access_token = flow->tokens.access_token,
        .jwks = provider_jwks(flow->provider),
        .algs = flow->config.algs,
        .skew_s = flow->config.skew_s,
        .now_s = flow->now_s,
    };
    if (flow->tokens.id_token.size == 0) {
        take_tokens(flow);
        return;
    }
    enum oauth_code code = idtoken_check(flow->tokens.id_token, &rules,
                                         &flow->arena, &told, &flow->cause);
    if (code == OAUTH_OK && !span_equal(told.sub, flow->session.sub))
        code = error_set(&flow->cause, OAUTH_ETOKEN,
                         "the refreshed ID token is about another user");
    if (code == OAUTH_OK) {
        idtoken_add_access_roles(&rules, &flow->arena, &told);
        take_identity(flow, &told);
    } else if (code == OAUTH_EKEY && flow->state == FLOW_AT_JOB_TOKEN &&
               flow_may_ask_for_key(flow, flow->tokens.id_token,
                                    PROVIDER_SAYS)) {
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_JOB_NEW_KEYS);
    } else if (code == OAUTH_ETOKEN) {
        flow_ask_delete(flow, FLOW_AT_JOB_DEL);
    } else {
        keep_unproven(flow);
    }
}

void
flow_on_job_token(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_FETCH_FAILED) {
        flow_fail_with(flow, OAUTH_EPROVIDER, "the token endpoint failed",
                       event);
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        return;
    }
    enum oauth_code code =
        token_response_parse(event->fetched.status, event->fetched.body,
                             &flow->arena, &flow->tokens, &flow->cause);
    if (code == OAUTH_OK)
        judge(flow);
    else if (code == OAUTH_ECODE)
        flow_ask_delete(flow, FLOW_AT_JOB_DEL);
    else
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
}

void
flow_on_job_new_keys(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_JWKS, event))
        judge(flow);
    else
        keep_unproven(flow);
}

/* ---- writing it ---------------------------------------------------------- */

void
flow_on_job_keep(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_CONFLICT) {
        /* Logged out meanwhile: nothing is brought back to life. */
        flow->cause = (struct error){ 0 };
        flow_refresh_end(flow, FLOW_REFRESH_NEEDLESS);
    } else if (event->kind == FLOW_EVENT_SESSION_DONE) {
        flow_refresh_end(flow, flow->is_unproven ? FLOW_REFRESH_FAILED
                                                 : FLOW_REFRESHED);
    } else if (flow->try_count < TRY_COUNT_MAX) {
        /* The refresh token at the store is spent: do not give up easily. */
        flow_ask_moment(flow, (int64_t)TRY_MS << (flow->try_count - 1),
                        FLOW_AT_JOB_RETRY);
    } else {
        flow_refresh_lose_store(flow, event);
    }
}

void
flow_on_job_retry(struct flow *flow, const struct flow_event *event)
{
    (void)event;
    ask_keep(flow);
}

void
flow_on_job_del(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED)
        flow_refresh_lose_store(flow, event);
    else
        flow_refresh_end(flow, FLOW_REFRESH_ENDED);
}
