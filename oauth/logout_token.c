/* SPDX-License-Identifier: Apache-2.0
 * The claim rules of a logout token. Signature first; then that it is for us,
 * now, and about a logout. An ID token of the same issuer must not pass: it
 * has a nonce, and no `events`. */
#include "oauth/logout_token.h"

#include "oauth/json.h"

static const char event_name[] =
    "http://schemas.openid.net/event/backchannel-logout";

static enum oauth_code
check_type(const struct jws *jws, struct error *reterr)
{
    if (!jws->is_plain_type && !jws->is_logout_type)
        return error_set(reterr, OAUTH_ETOKEN,
                         "another kind of token came as logout token");
    return OAUTH_OK;
}

enum oauth_code
logout_token_look(struct span text, struct error *reterr)
{
    struct jws jws;
    enum oauth_code code = jws_parse(text, &jws, reterr);
    if (code != OAUTH_OK)
        return code;
    code = check_type(&jws, reterr);
    jws_release(&jws);
    return code;
}

static enum oauth_code
check_audience(const json_t *claims, const struct logout_token_rules *rules,
               struct error *reterr)
{
    if (!span_equal(json_text(claims, "iss"), rules->issuer))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's iss is another issuer");
    if (!json_has_text(json_object_get(claims, "aud"), rules->client_id))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's aud does not name us");
    return OAUTH_OK;
}

static enum oauth_code
check_times(const json_t *claims, const struct logout_token_rules *rules,
            struct error *reterr)
{
    int64_t now_s = rules->now_s;
    int64_t skew_s = rules->skew_s > 0 ? rules->skew_s : LOGOUT_TOKEN_SKEW_S;
    int64_t issued_s = 0;
    int64_t expires_s = 0;
    if (!json_time(claims, "iat", &issued_s))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's iat is missing or bad");
    if (issued_s > now_s + skew_s)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token is from the future; are the clocks "
                         "right?");
    if (now_s - issued_s > LOGOUT_TOKEN_AGE_MAX_S + skew_s)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token is %lld s old; are the clocks "
                         "right?",
                         (long long)(now_s - issued_s));
    if (json_object_get(claims, "exp") == NULL)
        return OAUTH_OK;
    if (!json_time(claims, "exp", &expires_s) || expires_s + skew_s <= now_s)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token is over, or its exp is bad");
    return OAUTH_OK;
}

static enum oauth_code
check_event(const json_t *claims, struct error *reterr)
{
    const json_t *events = json_object_get(claims, "events");
    if (!json_is_object(json_object_get(events, event_name)))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's events name no logout");
    if (json_object_get(claims, "nonce") != NULL)
        return error_set(reterr, OAUTH_ETOKEN, "the logout token has a nonce");
    return OAUTH_OK;
}

/* Reads an id that may be absent but not bad. */
static bool
read_id(const json_t *claims, const char *name, size_t size_max,
        struct span *ret_id)
{
    struct span id = json_text(claims, name);
    if (json_object_get(claims, name) == NULL)
        return true;
    if (id.size == 0 || id.size > size_max || span_has_control(id))
        return false;
    *ret_id = id;
    return true;
}

static enum oauth_code
read_claims(const json_t *claims, struct arena *arena,
            struct logout_token *ret_token, struct error *reterr)
{
    struct logout_token token = { 0 };
    if (!read_id(claims, "jti", LOGOUT_TOKEN_ID_SIZE_MAX, &token.jti) ||
        token.jti.size == 0)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's jti is missing or bad");
    if (!read_id(claims, "sub", LOGOUT_TOKEN_ID_SIZE_MAX, &token.sub) ||
        !read_id(claims, "sid", LOGOUT_TOKEN_SID_SIZE_MAX, &token.sid))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token's sub or sid is bad");
    if (token.sub.size + token.sid.size == 0)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the logout token has neither sub nor sid");
    token.sub = arena_span(arena, token.sub);
    token.sid = arena_span(arena, token.sid);
    token.jti = arena_span(arena, token.jti);
    if (arena_failed(arena))
        return error_memory(reterr);
    *ret_token = token;
    return OAUTH_OK;
}

/* Parses and verifies; claims are owned by the caller on success. */
static enum oauth_code
open_token(struct span text, const struct logout_token_rules *rules,
           json_t **ret_claims, struct error *reterr)
{
    struct jws jws;
    enum oauth_code code = jws_parse(text, &jws, reterr);
    if (code != OAUTH_OK)
        return code;
    code = check_type(&jws, reterr);
    if (code == OAUTH_OK)
        code = jws_open(&jws, rules->jwks, rules->algs, ret_claims, reterr);
    jws_release(&jws);
    return code;
}

enum oauth_code
logout_token_check(struct span text, const struct logout_token_rules *rules,
                   struct arena *arena, struct logout_token *ret_token,
                   struct error *reterr)
{
    json_t *claims = NULL;
    enum oauth_code code = open_token(text, rules, &claims, reterr);
    if (code != OAUTH_OK)
        return code;
    code = check_audience(claims, rules, reterr);
    if (code == OAUTH_OK)
        code = check_times(claims, rules, reterr);
    if (code == OAUTH_OK)
        code = check_event(claims, reterr);
    if (code == OAUTH_OK)
        code = read_claims(claims, arena, ret_token, reterr);
    json_decref(claims);
    return code;
}
