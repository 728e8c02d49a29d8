/* SPDX-License-Identifier: Apache-2.0
 * The rules of an access token. Signature first (or the provider's word), then
 * issuer, kind of token, audience, client and times; scope last, because only
 * a good token can be told that its scope is too small. */
#include "oauth/accesstoken.h"

#include "oauth/json.h"
#include "oauth/jwt.h"

#include <string.h>
#include <strings.h>

/* Cuts the next word off `words`; false at the end. */
static bool
next_word(struct span *words, struct span *ret_word)
{
    while (words->size > 0 && words->data[0] == ' ') {
        words->data++;
        words->size--;
    }
    if (words->size == 0)
        return false;
    const char *end = memchr(words->data, ' ', words->size);
    size_t size = end != NULL ? (size_t)(end - words->data) : words->size;
    *ret_word = (struct span){ words->data, size };
    words->data += size;
    words->size -= size;
    return true;
}

static bool
has_word(struct span words, struct span word)
{
    struct span one;
    while (next_word(&words, &one)) {
        if (span_equal(one, word))
            return true;
    }
    return false;
}

static bool
fits_audience(const json_t *claims, const struct accesstoken_rules *rules)
{
    const json_t *aud = json_object_get(claims, "aud");
    struct span words = rules->audiences;
    struct span word;
    if (words.size == 0)
        return json_has_text(aud, rules->basic.client_id);
    while (next_word(&words, &word)) {
        if (json_has_text(aud, word))
            return true;
    }
    return false;
}

static enum oauth_code
check_audience(const json_t *claims, const struct accesstoken_rules *rules,
               struct error *reterr)
{
    struct span client = json_text(claims, "azp");
    if (!fits_audience(claims, rules))
        return error_set(reterr, OAUTH_ETOKEN, "the token's aud is not ours");
    if (client.size == 0)
        client = json_text(claims, "client_id");
    if (rules->clients.size > 0 &&
        (client.size == 0 || !has_word(rules->clients, client)))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's azp is no client that may come here");
    return OAUTH_OK;
}

/* All tokens of a provider have the same keys: only one that says that it is
 * an access token, in its header or with Keycloak's claim, is one. */
static enum oauth_code
check_kind(const json_t *claims, bool is_access, bool allows_untyped,
           struct error *reterr)
{
    static const char *const foreign[] = { "nonce", "at_hash", "c_hash",
                                           "s_hash", "events" };
    const json_t *type = json_object_get(claims, "typ");
    struct span name = json_text(claims, "typ");
    bool is_untyped = type == NULL || span_equal_text(name, "JWT");
    if (!is_untyped && !span_equal_text(name, "Bearer"))
        return error_set(reterr, OAUTH_ETOKEN,
                         "another kind of token came as access token");
    if (is_untyped && !is_access) {
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
            if (json_object_get(claims, foreign[i]) != NULL)
                allows_untyped = false;
        }
        if (!allows_untyped)
            return error_set(reterr, OAUTH_ETOKEN,
                             "the token does not say that it is an access "
                             "token");
    }
    if (json_object_get(claims, "events") != NULL)
        return error_set(reterr, OAUTH_ETOKEN,
                         "a logout token came as access token");
    if (json_object_get(claims, "cnf") != NULL)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token is bound to a key of its client");
    return OAUTH_OK;
}

static enum oauth_code
check_scope(const json_t *claims, const struct accesstoken_rules *rules,
            struct error *reterr)
{
    const json_t *list = json_object_get(claims, "scp");
    struct span given = json_text(claims, "scope");
    struct span words = rules->scopes;
    struct span word;
    if (given.size == 0)
        given = json_text(claims, "scp");
    while (next_word(&words, &word)) {
        if (!has_word(given, word) &&
            !(json_is_array(list) && json_has_text(list, word)))
            return error_set(reterr, OAUTH_ESCOPE,
                             "the token's scope lacks %.*s",
                             (int)(word.size > 80 ? 80 : word.size), word.data);
    }
    return OAUTH_OK;
}

/* What both ways have in common, once the claims are believed. */
static enum oauth_code
finish(const json_t *claims, const struct accesstoken_rules *rules,
       struct arena *arena, struct session *ret_session, struct error *reterr)
{
    struct session session = { 0 };
    enum oauth_code code = check_audience(claims, rules, reterr);
    if (code == OAUTH_OK)
        code = idtoken_read(claims, &rules->basic, arena, &session, reterr);
    if (code == OAUTH_OK)
        code = check_scope(claims, rules, reterr);
    if (code != OAUTH_OK)
        return code;
    session.issuer = rules->basic.issuer;
    session.audience = rules->basic.client_id;
    session.expires_s = ret_session->expires_s;
    *ret_session = session;
    return OAUTH_OK;
}

static int64_t
skew_of(const struct accesstoken_rules *rules)
{
    return rules->basic.skew_s > 0 ? rules->basic.skew_s : IDTOKEN_SKEW_S;
}

static enum oauth_code
check_claims(const json_t *claims, bool is_access,
             const struct accesstoken_rules *rules, struct session *session,
             struct error *reterr)
{
    enum oauth_code code = OAUTH_OK;
    if (!span_equal(json_text(claims, "iss"), rules->basic.issuer))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's iss is another issuer");
    code = check_kind(claims, is_access, rules->allows_untyped, reterr);
    if (code == OAUTH_OK)
        code = idtoken_check_times(claims, &rules->basic, reterr);
    if (code == OAUTH_ECLOCK) {
        code = OAUTH_ETOKEN;
        if (reterr != NULL)
            reterr->code = code;
    }
    if (code == OAUTH_OK && json_time(claims, "exp", &session->expires_s))
        session->expires_s += skew_of(rules);
    return code;
}

enum oauth_code
accesstoken_check(struct span token, const struct accesstoken_rules *rules,
                  struct arena *arena, struct session *ret_session,
                  struct error *reterr)
{
    struct jws jws;
    json_t *claims = NULL;
    struct session session = { 0 };
    enum oauth_code code = jws_parse(token, &jws, reterr);
    if (code != OAUTH_OK)
        return code;
    if (!jws.is_plain_type && !jws.is_access_type)
        code = error_set(reterr, OAUTH_ETOKEN,
                         "the token's header is that of another kind of token");
    if (code == OAUTH_OK)
        code = jws_open(&jws, rules->basic.jwks, rules->basic.algs, &claims,
                        reterr);
    if (code == OAUTH_OK)
        code =
            check_claims(claims, jws.is_access_type, rules, &session, reterr);
    if (code == OAUTH_OK)
        code = finish(claims, rules, arena, &session, reterr);
    if (code == OAUTH_OK)
        *ret_session = session;
    json_decref(claims);
    jws_release(&jws);
    return code;
}

/* RFC 7662 section 2.2: every member but `active` may be missing. */
static enum oauth_code
check_answer(const json_t *root, const struct accesstoken_rules *rules,
             struct session *session, struct error *reterr)
{
    int64_t skew_s = skew_of(rules);
    int64_t now_s = rules->basic.now_s;
    int64_t starts_s = 0;
    const json_t *active = json_object_get(root, "active");
    struct span type = json_text(root, "token_type");
    if (!json_is_boolean(active))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the introspection answer does not say whether the "
                         "token is active");
    if (!json_is_true(active))
        return error_set(reterr, OAUTH_ETOKEN, "the token is not active");
    if (json_object_get(root, "iss") != NULL &&
        !span_equal(json_text(root, "iss"), rules->basic.issuer))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's iss is another issuer");
    if (json_object_get(root, "token_type") != NULL &&
        (type.size != 6 || strncasecmp(type.data, "bearer", 6) != 0))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's token_type is not Bearer");
    session->expires_s = now_s + ACCESSTOKEN_ANSWER_S;
    if (json_object_get(root, "exp") != NULL) {
        if (!json_time(root, "exp", &session->expires_s))
            return error_set(reterr, OAUTH_ETOKEN, "the token's exp is bad");
        session->expires_s += skew_s;
    }
    if (json_object_get(root, "nbf") != NULL &&
        !json_time(root, "nbf", &starts_s))
        return error_set(reterr, OAUTH_ETOKEN, "the token's nbf is bad");
    if (session->expires_s <= now_s || starts_s > now_s + skew_s)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token is over, or not good yet");
    return check_kind(root, true, true, reterr);
}

enum oauth_code
accesstoken_read(int status, struct span text,
                 const struct accesstoken_rules *rules, struct arena *arena,
                 struct session *ret_session, struct error *reterr)
{
    json_t *root = NULL;
    struct session session = { 0 };
    if (status == 429 || status >= 500)
        return error_set(reterr, OAUTH_EPROVIDER, "introspection answered %d",
                         status);
    if (status != 200)
        return error_set(reterr, OAUTH_EDOCUMENT, "introspection answered %d",
                         status);
    enum oauth_code code =
        json_parse(text, ACCESSTOKEN_ANSWER_SIZE_MAX,
                   "the introspection answer", &root, reterr);
    if (code != OAUTH_OK)
        return code;
    code = check_answer(root, rules, &session, reterr);
    if (code == OAUTH_OK)
        code = finish(root, rules, arena, &session, reterr);
    if (code == OAUTH_OK)
        *ret_session = session;
    json_decref(root);
    return code;
}
