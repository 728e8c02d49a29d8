/* SPDX-License-Identifier: Apache-2.0
 * Memory that fails when it is told to, and the walk of a flow without it. */
#include "tests/unit/oauth/famine.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strndup(const char *text, size_t size);

size_t countdown;
bool has_failed;

static bool
fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *
__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

size_t delete_count;
const struct flow_entry *full_index;
size_t full_index_count;

char *jwks_text;
char *token_text;

const char *discovery_text = DISCOVERY_TEXT "}";

static const char introspection_text[] =
    "{\"active\":true,\"sub\":\"u\",\"aud\":\"" CLIENT "\"}";

const struct flow_action *
walk_from(struct flow_event event)
{
    unsigned char seed[FLOW_SEED_SIZE] = { 42 }; /* the same nonce each time */
    flow_free(flow);
    delete_count = 0;
    flow = flow_create(&config, provider, seed);
    if (flow == NULL)
        return NULL;
    for (actions = flow_step(flow, &event); !flow_is_verdict(last());
         actions = flow_step(flow, &event)) {
        const struct flow_action *action = last();
        event.kind = FLOW_EVENT_SESSION_DONE;
        if (action->kind == FLOW_ACTION_FETCH) {
            static const char *texts[5];
            texts[FLOW_FETCH_DISCOVERY] = discovery_text;
            texts[FLOW_FETCH_JWKS] = jwks_text;
            texts[FLOW_FETCH_TOKEN] = token_text;
            texts[FLOW_FETCH_INTROSPECTION] = introspection_text;
            texts[FLOW_FETCH_PUSH] =
                "{\"request_uri\":\"urn:x\",\"expires_in\":60}";
            event.kind = FLOW_EVENT_FETCHED;
            event.fetched.status = 200;
            event.fetched.body = span_of(texts[action->fetch.kind]);
        } else if (action->kind == FLOW_ACTION_INDEX_GET) {
            event.kind = FLOW_EVENT_INDEX_FOUND;
            event.index.entries = full_index != NULL ? full_index : roster;
            event.index.count =
                full_index != NULL ? full_index_count : roster_count;
        } else if (action->kind == FLOW_ACTION_SESSION_DEL) {
            delete_count++;
        } else if (action->kind == FLOW_ACTION_SESSION_GET &&
                   span_starts(action->session.key, "azimuth:logout:")) {
            event.kind = FLOW_EVENT_SESSION_MISSING;
        } else if (action->kind == FLOW_ACTION_SESSION_GET) {
            event.kind = FLOW_EVENT_SESSION_FOUND;
            event.record = (struct span){ stored, stored_size };
        } else if (action->kind == FLOW_ACTION_REFRESH) {
            event.kind = FLOW_EVENT_REFRESHED;
        } else if (action->kind == FLOW_ACTION_SESSION_PUT &&
                   span_starts(action->session.key, "azimuth:session:")) {
            size_t kept = countdown; /* Check allocates, too */
            countdown = 0;
            store_put(action);
            countdown = kept;
        }
    }
    return last();
}

const struct flow_action *
walk(const struct flow_request *request)
{
    return walk_from((struct flow_event){
        .kind = FLOW_EVENT_REQUEST, .now_s = NOW_S, .request = request });
}

/* An honest answer: what was asked for, or a page or JSON with the cause. */
static void
check_answer(const struct flow_action *action, int status, const char *what)
{
    if (action == NULL) {
        ck_assert(has_failed);
        return;
    }
    ck_assert_int_eq(action->kind, FLOW_ACTION_REPLY);
    if (!has_failed) {
        ck_assert_msg(action->reply.status == status, "%s: %d", what,
                      action->reply.status);
        return;
    }
    if (action->reply.status == status)
        return;
    /* 200: "signed out here", where the provider's address is not known */
    ck_assert_msg(action->reply.status >= 400 || action->reply.status == 200,
                  "%s: %d", what, action->reply.status);
    ck_assert_ptr_nonnull(actions->cause);
    /* nor is a good token blamed for it */
    ck_assert_int_ne(actions->cause->code, OAUTH_ETOKEN);
}

void
make_texts(void)
{
    struct flow_request request = browser("/oauth2/start", "rd=/x");
    const struct flow_action *action = walk(&request);
    check_answer(action, 302, "start");
    const char *place = location_param("nonce");
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"u\","
        "\"name\":\"N\",\"roles\":[\"a\"],\"exp\":%d,\"iat\":%d,"
        "\"nonce\":\"%s\"}",
        NOW_S + 300, NOW_S, place);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    token_text =
        forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"%s\","
                   "\"id_token\":\"%s\"}",
                   token, token);
    memcpy(state, location_param("state"), sizeof(state) - 1);
    free(token);
    free(payload);
}

void
new_provider(void)
{
    struct provider_options options = { .issuer = span_of(ISSUER) };
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
}

void
fail_each(const struct flow_request *request, int status, const char *what)
{
    size_t n = 1;
    for (; n < WALK_COUNT_MAX; n++) {
        new_provider();
        has_failed = false;
        countdown = n;
        const struct flow_action *action = walk(request);
        countdown = 0;
        check_answer(action, status, what);
        if (!has_failed)
            break;
    }
    ck_assert_uint_gt(n, 3);
    ck_assert_uint_lt(n, WALK_COUNT_MAX);
}
