/* SPDX-License-Identifier: Apache-2.0
 * Hidden fields of forms: for one session, one action, under any secret. */
#include "oauth/form.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const char *const secrets[] = { "0123456789abcdef0123456789abcdef",
                                       "fedcba9876543210fedcba9876543210" };

static struct seal_ring *
ring_of(size_t first, size_t count)
{
    struct span spans[2] = { span_of(secrets[first]),
                             span_of(secrets[1 - first]) };
    struct seal_ring *ring = NULL;
    ck_assert_int_eq(seal_ring_create(spans, count, &ring, NULL), OAUTH_OK);
    return ring;
}

START_TEST(form_token_fits_its_session_and_action_alone)
{
    struct seal_ring *ring = ring_of(0, 1);
    struct session_ticket ticket = { .id = { 1 } };
    struct session_ticket other = { .id = { 2 } };
    struct bytes token;
    bytes_init(&token, FORM_TOKEN_SIZE);
    ck_assert_int_eq(form_token(ring, &ticket, span_of("end x"), &token),
                     OAUTH_OK);
    ck_assert_uint_eq(token.size, FORM_TOKEN_SIZE);
    struct span text = bytes_span(&token);
    ck_assert(form_token_fits(ring, &ticket, span_of("end x"), text));
    ck_assert(!form_token_fits(ring, &ticket, span_of("end y"), text));
    ck_assert(!form_token_fits(ring, &other, span_of("end x"), text));
    text.size--;
    ck_assert(!form_token_fits(ring, &ticket, span_of("end x"), text));
    text.size = 0;
    ck_assert(!form_token_fits(ring, &ticket, span_of("end x"), text));
    for (size_t i = 0; i < token.size; i++) {
        token.data[i] = token.data[i] == 'A' ? 'B' : 'A';
        text = bytes_span(&token);
        ck_assert(!form_token_fits(ring, &ticket, span_of("end x"), text));
        bytes_release(&token);
        ck_assert_int_eq(form_token(ring, &ticket, span_of("end x"), &token),
                         OAUTH_OK);
    }
    bytes_release(&token);
    seal_ring_free(ring);
}
END_TEST

START_TEST(form_token_outlives_a_rotation)
{
    struct seal_ring *before = ring_of(0, 1);
    struct seal_ring *after = ring_of(1, 2);
    struct seal_ring *later = ring_of(1, 1);
    struct session_ticket ticket = { .id = { 7 } };
    struct bytes token;
    bytes_init(&token, FORM_TOKEN_SIZE);
    ck_assert_int_eq(form_token(before, &ticket, span_of("a"), &token),
                     OAUTH_OK);
    struct span text = bytes_span(&token);
    ck_assert(form_token_fits(after, &ticket, span_of("a"), text));
    ck_assert(!form_token_fits(later, &ticket, span_of("a"), text));
    bytes_release(&token);
    seal_ring_free(before);
    seal_ring_free(after);
    seal_ring_free(later);
}
END_TEST

START_TEST(form_token_needs_a_short_action)
{
    struct seal_ring *ring = ring_of(0, 1);
    struct session_ticket ticket = { .id = { 7 } };
    char action[300];
    struct bytes token;
    memset(action, 'a', sizeof(action));
    bytes_init(&token, FORM_TOKEN_SIZE);
    ck_assert_int_eq(form_token(ring, &ticket,
                                (struct span){ action, sizeof(action) },
                                &token),
                     OAUTH_ENOMEM);
    ck_assert_uint_eq(token.size, 0);
    ck_assert(!form_token_fits(ring, &ticket,
                               (struct span){ action, sizeof(action) },
                               span_of("AAAAAAAAAAAAAAAAAAAAAAA")));
    seal_ring_free(ring);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/form");
    TCase *tcase = tcase_create("form");
    tcase_add_test(tcase, form_token_fits_its_session_and_action_alone);
    tcase_add_test(tcase, form_token_outlives_a_rotation);
    tcase_add_test(tcase, form_token_needs_a_short_action);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
