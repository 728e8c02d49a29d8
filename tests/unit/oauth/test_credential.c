/* SPDX-License-Identifier: Apache-2.0
 * Token, key or neither, and which of them a place takes. */
#include "oauth/credential.h"

#include "oauth/jwt.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct span none = { NULL, 0 };
static struct credential credential;
static struct error error;

static enum credential_bearer
read_bearer(const char *authorization)
{
    credential_read(span_of(authorization), none, &credential);
    return credential.bearer;
}

START_TEST(credential_tells_tokens_from_keys)
{
    ck_assert_int_eq(read_bearer("Bearer eyJh.eyJz.c2ln"), CREDENTIAL_JWT);
    ck_assert(span_equal_text(credential.token, "eyJh.eyJz.c2ln"));
    ck_assert_int_eq(read_bearer("bEARER   eyJh.x"), CREDENTIAL_JWT);
    ck_assert(span_equal_text(credential.token, "eyJh.x"));
    ck_assert_int_eq(read_bearer("Bearer ewog.x."), CREDENTIAL_JWT);
    ck_assert_int_eq(read_bearer("Bearer e30.e30.x.y.z"), CREDENTIAL_JWT);
    ck_assert_int_eq(read_bearer("Bearer eyJh"), CREDENTIAL_OPAQUE);
    ck_assert_int_eq(read_bearer("Bearer my.api.key"), CREDENTIAL_OPAQUE);
    ck_assert_int_eq(read_bearer("Bearer eaaa.b"), CREDENTIAL_OPAQUE);
    ck_assert_int_eq(read_bearer("Bearer a+b/c=="), CREDENTIAL_OPAQUE);
    ck_assert(span_equal_text(credential.token, "a+b/c=="));
}
END_TEST

START_TEST(credential_finds_what_is_no_token)
{
    static char big[JWT_SIZE_MAX + 16];
    static const char *const bad[] = {
        "Bearer",      "Bearer ",      "Bearer =",   "Bearer a b", "Bearer a,b",
        "Bearer \x01", "Bearer \"a\"", "Bearer a=b", "Bearer a ",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(read_bearer(bad[i]) == CREDENTIAL_BAD, "read: %s",
                      bad[i]);
    memcpy(big, "Bearer ", 7);
    memset(big + 7, 'a', JWT_SIZE_MAX);
    ck_assert_int_eq(read_bearer(big), CREDENTIAL_OPAQUE);
    big[7 + JWT_SIZE_MAX] = 'a';
    ck_assert_int_eq(read_bearer(big), CREDENTIAL_BAD);
    ck_assert_int_eq(read_bearer("Basic dTpw"), CREDENTIAL_NO_BEARER);
    ck_assert_int_eq(read_bearer("Bearerx y"), CREDENTIAL_NO_BEARER);
    ck_assert_int_eq(read_bearer(""), CREDENTIAL_NO_BEARER);
    credential_read(none, span_of(""), &credential);
    ck_assert(!credential.has_key);
    credential_read(none, span_of("k"), &credential);
    ck_assert(credential.has_key);
    ck_assert_int_eq(credential.bearer, CREDENTIAL_NO_BEARER);
}
END_TEST

/* By mode (rows) and what the call brings (columns): none, key header, JWT,
 * opaque, nonsense, key header and JWT. */
START_TEST(credential_goes_where_the_place_says)
{
    static const char *const brought[] = { NULL,           NULL,
                                           "Bearer e30.a", "Bearer o",
                                           "Bearer ",      "Bearer e30.a" };
    static const bool keys[] = { false, true, false, false, false, true };
    static const struct {
        struct credential_gate gate;
        const char *verdicts; /* Token, Session, Engine, refused: - */
    } rows[] = {
        { { .takes_session = true }, "SSSS-S" },
        { { .takes_session = true, .takes_bearer = true }, "SSTS-T" },
        { { .takes_session = true, .takes_bearer = true, .introspects = true },
          "SSTT-T" },
        { { .takes_bearer = true }, "--T--T" },
        { { .takes_bearer = true, .introspects = true }, "--TT-T" },
        { { .takes_key = true }, "-E-E-E" },
        { { .takes_key = true, .takes_bearer = true }, "-ETE-T" },
        { { .takes_key = true, .takes_bearer = true, .introspects = true },
          "-ETE-T" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < 6; k++) {
            credential_read(brought[k] == NULL ? none : span_of(brought[k]),
                            keys[k] ? span_of("k") : none, &credential);
            char verdict =
                "TSE-"[credential_route(&rows[i].gate, &credential, &error)];
            ck_assert_msg(verdict == rows[i].verdicts[k], "%zu %zu: %c", i, k,
                          verdict);
        }
    }
}
END_TEST

START_TEST(credential_says_why_it_is_refused)
{
    const struct credential_gate key = { .takes_key = true };
    const struct credential_gate bearer = { .takes_bearer = true };
    const struct credential_gate both = { .takes_key = true,
                                          .takes_bearer = true };
    (void)read_bearer("");
    ck_assert_int_eq(credential_route(&key, &credential, &error),
                     CREDENTIAL_REFUSED);
    ck_assert_int_eq(error.code, OAUTH_ENOCREDENTIAL);
    ck_assert_str_eq(error.text, "an API key is needed");
    ck_assert_int_eq(credential_route(&both, &credential, &error),
                     CREDENTIAL_REFUSED);
    ck_assert_str_eq(error.text, "an API key or an access token is needed");
    (void)read_bearer("Bearer opaque");
    ck_assert_int_eq(credential_route(&bearer, &credential, &error),
                     CREDENTIAL_REFUSED);
    ck_assert_int_eq(error.code, OAUTH_EBEARER);
    (void)read_bearer("Bearer");
    ck_assert_int_eq(credential_route(&bearer, &credential, &error),
                     CREDENTIAL_REFUSED);
    ck_assert_int_eq(error.code, OAUTH_EREQUEST);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/credential");
    TCase *tcase = tcase_create("credential");
    tcase_add_test(tcase, credential_tells_tokens_from_keys);
    tcase_add_test(tcase, credential_finds_what_is_no_token);
    tcase_add_test(tcase, credential_goes_where_the_place_says);
    tcase_add_test(tcase, credential_says_why_it_is_refused);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
