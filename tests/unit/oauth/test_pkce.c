/* SPDX-License-Identifier: Apache-2.0
 * PKCE: the vector of RFC 7636 appendix B. */
#include "oauth/pkce.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static const unsigned char secret[PKCE_SECRET_SIZE] = {
    116, 24,  223, 180, 151, 153, 224, 37,  79,  250, 96,
    125, 216, 173, 187, 186, 22,  212, 37,  77,  105, 214,
    191, 240, 91,  88,  5,   88,  83,  132, 141, 121
};

START_TEST(pkce_fits_the_vector_of_its_rfc)
{
    struct bytes out;
    bytes_init(&out, 64);
    pkce_verifier(secret, &out);
    ck_assert_str_eq(out.data, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    bytes_release(&out);
    ck_assert_int_eq(pkce_challenge(secret, &out), OAUTH_OK);
    ck_assert_str_eq(out.data, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/pkce");
    TCase *tcase = tcase_create("pkce");
    tcase_add_test(tcase, pkce_fits_the_vector_of_its_rfc);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
