/* SPDX-License-Identifier: Apache-2.0
 * The first line as an Authorization header, the rest as what introspection
 * says of its token: whoever is believed has a sub, roles give only what they
 * name, and a refusal quotes nothing but printable ASCII. */
#include "oauth/accesstoken.h"
#include "oauth/credential.h"
#include "oauth/refusal.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct require_table *
conditions(void)
{
    static struct require_table table;
    const struct span words[] = {
        span_of("role=r"),    span_of("client_role=c:r"),
        span_of("group=/g"),  span_of("email_domain=x.test"),
        span_of("claim=t:v"),
    };
    struct require_rule rule;
    if (table.count == 0) {
        enum oauth_code code = require_add(&table, words, 5, &rule, NULL);
        assert(code == OAUTH_OK && table.count == 5);
    }
    return &table;
}

static void
check_session(const struct session *session)
{
    struct require_bits bits = require_evaluate(conditions(), session);
    assert(session->sub.size > 0 && session->expires_s > 0);
    assert((bits.words[0] & ~UINT64_C(31)) == 0);
    if ((bits.words[0] & 1) != 0)
        assert(session->realm_roles.size > 0);
    if ((bits.words[0] & 2) != 0)
        assert(session->client_roles.size >= strlen("c\tr"));
    if ((bits.words[0] & 4) != 0)
        assert(session->groups.size >= strlen("/g"));
    if ((bits.words[0] & 8) != 0)
        assert(session->email.size > strlen("@x.test"));
    if ((bits.words[0] & 16) != 0)
        assert(session->claims.size >= strlen("t\tv"));
}

static void
check_refusal(const struct error *error, bool is_grpc)
{
    const struct refusal refusal = { .cause = error,
                                     .is_bearer = true,
                                     .is_grpc = is_grpc };
    struct flow_reply reply = { 0 };
    struct arena arena;
    arena_init(&arena, (size_t)256 << 10);
    refusal_fill(&refusal, &arena, &reply);
    assert(!arena_failed(&arena) && reply.status >= 200);
    for (size_t i = 0; i < reply.header_count; i++) {
        for (size_t k = 0; k < reply.headers[i].value.size; k++) {
            char c = reply.headers[i].value.data[k];
            assert(c >= 0x20 && c < 0x7f);
        }
    }
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error = { 0 };
    struct session session = { 0 };
    struct credential credential;
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t head = end != NULL ? (size_t)(end - text) : size;
    size_t rest = end != NULL ? head + 1 : size;
    const struct credential_gate gate = { .takes_bearer = true };
    const struct accesstoken_rules rules = {
        .basic = { .issuer = span_of("https://i.test"),
                   .client_id = span_of("me"),
                   .claim_names = span_of("t"),
                   .now_s = 1790000000 },
        .scopes = span_of("s"),
    };
    credential_read((struct span){ text, head }, (struct span){ text, head },
                    &credential);
    if (credential_route(&gate, &credential, &error) == CREDENTIAL_REFUSED)
        check_refusal(&error, false);
    else
        assert(credential.token.size > 0 && credential.token.size < head);
    arena_init(&arena, (size_t)256 << 10);
    enum oauth_code code =
        accesstoken_read(200, (struct span){ text + rest, size - rest }, &rules,
                         &arena, &session, &error);
    if (code == OAUTH_OK) {
        check_session(&session);
    } else {
        assert(session.sub.size == 0 && error.code == code);
        check_refusal(&error, true);
    }
    arena_wipe(&arena);
    return 0;
}
