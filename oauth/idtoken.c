/* SPDX-License-Identifier: Apache-2.0
 * The claim rules of an ID token. Signature first, then issuer, audience,
 * kind of token, times, nonce and hashes; only then a claim is read. */
#include "oauth/idtoken.h"

#include "base/base64.h"
#include "oauth/json.h"
#include "oauth/roles.h"

#include <assert.h>
#include <openssl/crypto.h>

static bool
equal_secret(struct span a, struct span b)
{
    return a.size == b.size && a.size > 0 &&
           CRYPTO_memcmp(a.data, b.data, a.size) == 0;
}

static enum oauth_code
check_audience(const json_t *claims, const struct idtoken_rules *rules,
               struct error *reterr)
{
    const json_t *aud = json_object_get(claims, "aud");
    const json_t *azp = json_object_get(claims, "azp");
    if (!span_equal(json_text(claims, "iss"), rules->issuer))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's iss is another issuer");
    if (!json_has_text(aud, rules->client_id))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's aud does not name us");
    if (json_is_array(aud) && json_array_size(aud) > 1 && azp == NULL)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token has several aud but no azp");
    if (azp != NULL && !span_equal(json_text(claims, "azp"), rules->client_id))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's azp is another client");
    return OAUTH_OK;
}

enum oauth_code
idtoken_check_times(const json_t *claims, const struct idtoken_rules *rules,
                    struct error *reterr)
{
    int64_t now_s = rules->now_s;
    int64_t skew_s = rules->skew_s > 0 ? rules->skew_s : IDTOKEN_SKEW_S;
    int64_t expires_s = 0;
    int64_t issued_s = 0;
    int64_t starts_s = 0;
    if (!json_time(claims, "exp", &expires_s) ||
        !json_time(claims, "iat", &issued_s))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's exp or iat is missing or bad");
    if (json_object_get(claims, "nbf") != NULL &&
        !json_time(claims, "nbf", &starts_s))
        return error_set(reterr, OAUTH_ETOKEN, "the token's nbf is bad");
    if (expires_s + skew_s <= now_s)
        return error_set(
            reterr, OAUTH_ECLOCK,
            "the token is over since %lld s; are the clocks right?",
            (long long)(now_s - expires_s));
    if (issued_s > now_s + skew_s || starts_s > now_s + skew_s)
        return error_set(reterr, OAUTH_ECLOCK,
                         "the token is from the future; are the clocks right?");
    return OAUTH_OK;
}

/* Whether `claim`, when present, is the left half of the digest of `value`
 * (Core section 3.1.3.6). */
static bool
half_hash_fits(const json_t *claims, const char *claim, struct span value,
               const char *digest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned char given[EVP_MAX_MD_SIZE / 2];
    size_t size = 0;
    if (json_object_get(claims, claim) == NULL)
        return true;
    if (value.size == 0)
        return false;
    if (EVP_Q_digest(NULL, digest, NULL, value.data, value.size, hash, &size) !=
        1)
        return false;
    assert(size <= sizeof(hash));
    return base64_decode_exact(json_text(claims, claim), given, size / 2) &&
           CRYPTO_memcmp(given, hash, size / 2) == 0;
}

static enum oauth_code
check_binding(const json_t *claims, const struct idtoken_rules *rules,
              const char *digest, struct error *reterr)
{
    struct span nonce = json_text(claims, "nonce");
    bool may_lack =
        rules->is_refresh && json_object_get(claims, "nonce") == NULL;
    if (rules->nonce.size > 0 && !may_lack &&
        !equal_secret(nonce, rules->nonce))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's nonce is not that of this login");
    if (!half_hash_fits(claims, "at_hash", rules->access_token, digest))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's at_hash does not fit");
    if (!half_hash_fits(claims, "c_hash", rules->code, digest))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the ID token's c_hash does not fit");
    return OAUTH_OK;
}

/* An optional claim; one that is too long or not printable is left out. */
static struct span
read_text(const json_t *claims, const char *name, struct arena *arena)
{
    struct span text = json_text(claims, name);
    if (text.size == 0 || text.size > IDTOKEN_TEXT_SIZE_MAX ||
        span_has_control(text))
        return (struct span){ NULL, 0 };
    return arena_span(arena, text);
}

/* Adds what `collect` finds to *lines. */
static void
add_lines(const json_t *claims, struct arena *arena, struct span *lines,
          void (*collect)(const json_t *claims, struct bytes *out))
{
    struct bytes text;
    bytes_init(&text, ROLES_SIZE_MAX);
    bytes_add_span(&text, *lines);
    collect(claims, &text);
    arena->is_failed = arena->is_failed || bytes_failed(&text);
    *lines = arena_span(arena, bytes_span(&text));
    bytes_release(&text);
}

static void
read_roles(const json_t *claims, const struct idtoken_rules *rules,
           struct arena *arena, struct session *session)
{
    struct bytes text;
    bytes_init(&text, ROLES_SIZE_MAX);
    bytes_add_span(&text, session->roles);
    roles_collect(claims, rules->client_id, &text);
    arena->is_failed = arena->is_failed || bytes_failed(&text);
    session->roles = arena_span(arena, bytes_span(&text));
    bytes_release(&text);
    bytes_add_span(&text, session->claims);
    roles_collect_claims(claims, rules->claim_names, &text);
    arena->is_failed = arena->is_failed || bytes_failed(&text);
    session->claims = arena_span(arena, bytes_span(&text));
    bytes_release(&text);
    add_lines(claims, arena, &session->groups, roles_collect_groups);
    add_lines(claims, arena, &session->realm_roles, roles_collect_realm);
    add_lines(claims, arena, &session->client_roles, roles_collect_clients);
}

/* Only a clear yes, or silence, lets an address stand for its domain. */
static bool
is_unverified(const json_t *claims)
{
    const json_t *verified = json_object_get(claims, "email_verified");
    return verified != NULL && !json_is_true(verified) &&
           !span_equal_text(json_text(claims, "email_verified"), "true");
}

enum oauth_code
idtoken_read(const json_t *claims, const struct idtoken_rules *rules,
             struct arena *arena, struct session *ret_session,
             struct error *reterr)
{
    struct session session = *ret_session;
    struct span sub = json_text(claims, "sub");
    if (sub.size == 0 || sub.size > IDTOKEN_SUB_SIZE_MAX ||
        span_has_control(sub))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's sub is missing or bad");
    session.sub = arena_span(arena, sub);
    session.preferred_username = read_text(claims, "preferred_username", arena);
    session.email = read_text(claims, "email", arena);
    session.name = read_text(claims, "name", arena);
    session.sid = read_text(claims, "sid", arena);
    session.auth_s = 0;
    if (json_object_get(claims, "auth_time") != NULL &&
        !json_time(claims, "auth_time", &session.auth_s))
        return error_set(reterr, OAUTH_ETOKEN, "the token's auth_time is bad");
    session.email_unverified = is_unverified(claims);
    read_roles(claims, rules, arena, &session);
    if (arena_failed(arena))
        return error_memory(reterr);
    *ret_session = session;
    return OAUTH_OK;
}

/* A token whose signature is good. */
struct opened {
    json_t *claims; /* owned */
    const char *digest;
    bool is_plain_type; /* its header names no kind, or "JWT" */
};

/* Parses and verifies. */
static enum oauth_code
open_token(struct span token, const struct idtoken_rules *rules,
           struct opened *ret_opened, struct error *reterr)
{
    struct jws jws;
    enum oauth_code code = jws_parse(token, &jws, reterr);
    if (code != OAUTH_OK)
        return code;
    ret_opened->digest = jws.alg->digest;
    ret_opened->is_plain_type = jws.is_plain_type;
    code =
        jws_open(&jws, rules->jwks, rules->algs, &ret_opened->claims, reterr);
    jws_release(&jws);
    return code;
}

/* Access, refresh and logout tokens of the same issuer carry the same keys:
 * they must not pass as an ID token. Keycloak names the kind in a claim, RFC
 * 9068 and OpenID Connect Back-Channel Logout in the header. */
static enum oauth_code
check_kind(const struct opened *opened, struct error *reterr)
{
    const json_t *claims = opened->claims;
    struct span type = json_text(claims, "typ");
    if (json_object_get(claims, "events") != NULL)
        return error_set(reterr, OAUTH_ETOKEN,
                         "a logout token came as ID token");
    if (!opened->is_plain_type)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the header names another kind than an ID token");
    if (json_object_get(claims, "typ") != NULL &&
        !span_equal_text(type, "ID") && !span_equal_text(type, "JWT"))
        return error_set(reterr, OAUTH_ETOKEN,
                         "another kind of token came as ID token");
    return OAUTH_OK;
}

enum oauth_code
idtoken_check(struct span token, const struct idtoken_rules *rules,
              struct arena *arena, struct session *ret_session,
              struct error *reterr)
{
    struct opened opened = { 0 };
    enum oauth_code code = open_token(token, rules, &opened, reterr);
    if (code != OAUTH_OK)
        return code;
    json_t *claims = opened.claims;
    code = check_audience(claims, rules, reterr);
    if (code == OAUTH_OK)
        code = check_kind(&opened, reterr);
    if (code == OAUTH_OK)
        code = idtoken_check_times(claims, rules, reterr);
    if (code == OAUTH_OK)
        code = check_binding(claims, rules, opened.digest, reterr);
    if (code == OAUTH_OK)
        code = idtoken_read(claims, rules, arena, ret_session, reterr);
    json_decref(claims);
    return code;
}

void
idtoken_add_access_roles(const struct idtoken_rules *rules, struct arena *arena,
                         struct session *session)
{
    struct opened opened = { 0 };
    if (rules->access_token.size == 0 ||
        open_token(rules->access_token, rules, &opened, NULL) != OAUTH_OK)
        return;
    json_t *claims = opened.claims;
    if (span_equal(json_text(claims, "iss"), rules->issuer) &&
        span_equal(json_text(claims, "sub"), session->sub) &&
        idtoken_check_times(claims, rules, NULL) == OAUTH_OK)
        read_roles(claims, rules, arena, session);
    json_decref(claims);
}
