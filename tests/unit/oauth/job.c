/* SPDX-License-Identifier: Apache-2.0
 * A refresh job and what it asks, played step by step. */
#include "tests/unit/oauth/job.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

struct session_ticket job_ticket;
static struct flow *requesting;
static struct bytes plain; /* of job_kept() */
int64_t job_now_s;

/* Plays the answer to the job's question. */
void
job_tell(enum flow_event_kind kind, const char *text)
{
    struct flow_event event = { .kind = kind, .now_s = job_now_s };
    if (kind == FLOW_EVENT_FETCHED) {
        event.fetched.status = 200;
        event.fetched.body = span_of(text);
    } else if (kind == FLOW_EVENT_SESSION_FOUND) {
        event.record = span_of(text);
    } else {
        event.failure = span_of(text);
    }
    actions = flow_step(flow, &event);
}

void
job_tell_record(void)
{
    struct flow_event event = { .kind = FLOW_EVENT_SESSION_FOUND,
                                .now_s = job_now_s };
    event.record = (struct span){ stored, stored_size };
    actions = flow_step(flow, &event);
}

void
job_tell_status(int status, const char *body)
{
    struct flow_event event = { .kind = FLOW_EVENT_FETCHED,
                                .now_s = job_now_s };
    event.fetched.status = status;
    event.fetched.body = span_of(body);
    actions = flow_step(flow, &event);
}

void
job_tell_documents(void)
{
    if (last()->fetch.kind == FLOW_FETCH_DISCOVERY)
        job_tell(FLOW_EVENT_FETCHED,
                 "{\"issuer\":\"" ISSUER "\","
                 "\"authorization_endpoint\":\"" ISSUER "/auth\","
                 "\"token_endpoint\":\"" ISSUER "/token\","
                 "\"jwks_uri\":\"" ISSUER "/certs\"}");
    if (last()->fetch.kind == FLOW_FETCH_JWKS) {
        char *jwks = forge_jwks(pkey, "k1");
        job_tell(FLOW_EVENT_FETCHED, jwks);
        free(jwks);
    }
}

/* A page at `at_s` with the stored session; its last action is in last(). */
void
job_visit(int64_t at_s)
{
    struct flow_request request = browser("/dashboard", "");
    send_request(&request, at_s);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    job_now_s = at_s;
    job_tell_record();
}

static char job_lock[64]; /* what the lock said that was taken last */

/* Begins the job that the last visit asked for. */
void
job_begin(void)
{
    static unsigned char seed[FLOW_SEED_SIZE] = { 200 };
    const struct flow_action *action = &actions->items[0];
    ck_assert_int_eq(action->kind, FLOW_ACTION_REFRESH);
    ck_assert_str_eq(text_of(action->refresh.key), stored_key);
    job_ticket = *action->refresh.ticket;
    flow_free(requesting);
    requesting = flow;
    seed[1]++;
    flow = flow_create(&config, provider, seed);
    struct flow_event event = { .kind = FLOW_EVENT_REFRESH,
                                .now_s = job_now_s };
    event.ticket = &job_ticket;
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_SESSION_PUT)
        snprintf(job_lock, sizeof(job_lock), "%s",
                 text_of(last()->session.value));
}

void
job_check_lock(const struct flow_action *action)
{
    const char *key = text_of(action->session.key);
    ck_assert_ptr_eq(strstr(key, "azimuth:refresh:"), key);
    ck_assert_str_eq(key + strlen("azimuth:refresh:"),
                     stored_key + strlen("azimuth:session:"));
}

/* A job that has the lock and asks the token endpoint. */
void
job_walk_to_token(int64_t at_s)
{
    memset(jar, 0, sizeof(jar)); /* or it would be a circle of logins */
    log_in("");
    job_visit(at_s);
    job_begin();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_int_eq(last()->session.mode, FLOW_PUT_NEW);
    ck_assert(span_starts(last()->session.value, "1 "));
    ck_assert_int_gt(last()->session.ttl_s, config.refresh_wait_s);
    job_check_lock(last());
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    ck_assert_int_eq(last()->session.ttl_s, 0);
    job_tell_record();
    job_tell_documents();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_TOKEN);
}

/* The job is over: `outcome`, and its lock says `lock`. */
void
job_check_end(enum flow_outcome outcome, const char *lock)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_END);
    ck_assert_str_eq(flow_outcome_name(actions->outcome),
                     flow_outcome_name(outcome));
    if (lock == NULL) {
        ck_assert_uint_eq(actions->count, 1);
        return;
    }
    ck_assert_uint_ge(actions->count, 2);
    const struct flow_action *put = &actions->items[actions->count - 2];
    ck_assert(put->is_background);
    ck_assert_int_eq(put->kind, FLOW_ACTION_SESSION_PUT);
    /* Only in the place of the lock that this very job took. */
    ck_assert_int_eq(put->session.mode, FLOW_PUT_MATCH);
    ck_assert_str_eq(text_of(put->session.expected), job_lock);
    ck_assert_str_eq(text_of(put->session.value), lock);
    ck_assert_int_gt(put->session.ttl_s, 0);
    job_check_lock(put);
}

/* An ID token of now; `more` ends with a comma or is empty. */
char *
job_id_token(const char *alg, const char *kid, const char *more)
{
    char *header = forge_text("{\"alg\":\"%s\",\"kid\":\"%s\"}", alg, kid);
    char *payload =
        forge_text("{%s\"aud\":\"" CLIENT "\",\"exp\":%lld,"
                   "\"iat\":%lld}",
                   more, (long long)job_now_s + 300, (long long)job_now_s);
    char *token = forge_token(pkey, alg, header, payload);
    free(header);
    free(payload);
    return token;
}

#define WELL "\"iss\":\"" ISSUER "\",\"sub\":\"u-1\","

void
job_tell_tokens(const char *alg, const char *kid, const char *claims)
{
    char *token = job_id_token(alg, kid, claims);
    char *body =
        forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a2\","
                   "\"expires_in\":600,\"refresh_token\":\"r2\","
                   "\"id_token\":\"%s\"}",
                   token);
    job_tell(FLOW_EVENT_FETCHED, body);
    free(token);
    free(body);
}

/* The record is to be replaced; takes it and opens it. */
struct session
job_kept(void)
{
    struct session session;
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_int_eq(last()->session.mode, FLOW_PUT_REPLACE);
    ck_assert(last()->session.is_announced);
    char key[sizeof(stored_key)];
    memcpy(key, stored_key, sizeof(key));
    store_put(last());
    ck_assert_str_eq(key, stored_key);
    bytes_release(&plain);
    ck_assert_int_eq(session_open(ring, &job_ticket,
                                  (struct span){ stored, stored_size }, &plain,
                                  &session),
                     OAUTH_OK);
    return session;
}

void
job_setup(void)
{
    visit_setup();
    config.refresh_wait_s = 6;
    bytes_init(&plain, SESSION_RECORD_SIZE_MAX);
}

void
job_teardown(void)
{
    flow_free(requesting);
    requesting = NULL;
    bytes_release(&plain);
    visit_teardown();
}

void
job_new_provider(void)
{
    struct provider_options options = { .issuer = span_of(ISSUER) };
    flow_free(flow);
    flow = NULL;
    flow_free(requesting);
    requesting = NULL;
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
}
