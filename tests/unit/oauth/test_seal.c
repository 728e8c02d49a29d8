/* SPDX-License-Identifier: Apache-2.0
 * The AEAD: opens what it sealed, under old secrets too, and nothing else. */
#include "oauth/seal.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define SECRET_1 "0123456789abcdef0123456789abcdef"
#define SECRET_2 "fedcba9876543210fedcba9876543210"

static struct seal_ring *ring;
static const unsigned char nonce[SEAL_NONCE_SIZE] = "nonce-nonce";
static const unsigned char salt[SEAL_SALT_SIZE] = "salt";
static struct bytes sealed;
static struct bytes plain;

static struct seal_ring *
ring_of(const char *first, const char *second)
{
    struct span secrets[2] = { span_of(first) };
    struct seal_ring *made = NULL;
    if (second != NULL)
        secrets[1] = span_of(second);
    ck_assert_int_eq(
        seal_ring_create(secrets, second != NULL ? 2 : 1, &made, NULL),
        OAUTH_OK);
    return made;
}

static void
setup(void)
{
    ring = ring_of(SECRET_1, NULL);
    bytes_init(&sealed, 1024);
    bytes_init(&plain, 1024);
}

static void
teardown(void)
{
    seal_ring_free(ring);
    bytes_wipe(&sealed);
    bytes_wipe(&plain);
}

START_TEST(seal_opens_what_it_sealed)
{
    static const char *const texts[] = { "", "x", "a longer text of bytes" };
    for (size_t i = 0; i < 3; i++) {
        struct seal_context context = { SEAL_SESSION, salt, span_of("aad") };
        ck_assert_int_eq(
            seal_bytes(ring, &context, span_of(texts[i]), nonce, &sealed),
            OAUTH_OK);
        ck_assert_uint_eq(sealed.size, strlen(texts[i]) + SEAL_OVERHEAD_SIZE);
        ck_assert_int_eq(seal_open(ring, &context, bytes_span(&sealed), &plain),
                         OAUTH_OK);
        ck_assert(span_equal_text(bytes_span(&plain), texts[i]));
        bytes_wipe(&sealed);
        bytes_wipe(&plain);
    }
}
END_TEST

START_TEST(seal_notices_every_changed_bit_and_cut)
{
    struct seal_context context = { SEAL_LOGIN, NULL, { NULL, 0 } };
    ck_assert_int_eq(
        seal_bytes(ring, &context, span_of("text"), nonce, &sealed), OAUTH_OK);
    for (size_t bit = 0; bit < sealed.size * 8; bit++) {
        sealed.data[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_int_eq(seal_open(ring, &context, bytes_span(&sealed), &plain),
                         OAUTH_ECOOKIE);
        sealed.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t size = 0; size < sealed.size; size++)
        ck_assert_int_eq(seal_open(ring, &context,
                                   (struct span){ sealed.data, size }, &plain),
                         OAUTH_ECOOKIE);
    ck_assert_uint_eq(plain.size, 0);
}
END_TEST

/* One cookie can never stand in for another, nor one record for another. */
START_TEST(seal_is_bound_to_purpose_salt_and_data)
{
    struct seal_context context = { SEAL_SESSION, salt, span_of("aad") };
    const struct seal_context others[] = {
        { SEAL_LOGIN, salt, span_of("aad") },
        { SEAL_SESSION, NULL, span_of("aad") },
        { SEAL_SESSION,
          (const unsigned char *)"another salt, of thirty-two bytes",
          span_of("aad") },
        { SEAL_SESSION, salt, span_of("aae") },
        { SEAL_SESSION, salt, { NULL, 0 } },
    };
    ck_assert_int_eq(seal_bytes(ring, &context, span_of("x"), nonce, &sealed),
                     OAUTH_OK);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_int_eq(
            seal_open(ring, &others[i], bytes_span(&sealed), &plain),
            OAUTH_ECOOKIE);
}
END_TEST

START_TEST(seal_rotates_without_losing_what_is_sealed)
{
    struct seal_context context = { SEAL_LOGIN, NULL, { NULL, 0 } };
    unsigned char mac[SEAL_MAC_SIZE];
    struct seal_ring *both = ring_of(SECRET_2, SECRET_1);
    struct seal_ring *after = ring_of(SECRET_2, NULL);
    unsigned char kid = seal_kid(ring);
    ck_assert_int_eq(seal_bytes(ring, &context, span_of("x"), nonce, &sealed),
                     OAUTH_OK);
    ck_assert_int_eq(seal_mac(ring, SEAL_TICKET, span_of("d"), mac), OAUTH_OK);
    ck_assert_int_eq(seal_open(both, &context, bytes_span(&sealed), &plain),
                     OAUTH_OK);
    ck_assert(seal_mac_check(both, SEAL_TICKET, kid, span_of("d"), mac));
    ck_assert_int_eq(seal_open(after, &context, bytes_span(&sealed), &plain),
                     OAUTH_ECOOKIE);
    ck_assert(!seal_mac_check(after, SEAL_TICKET, kid, span_of("d"), mac));
    bytes_wipe(&sealed);
    ck_assert_int_eq(seal_bytes(both, &context, span_of("y"), nonce, &sealed),
                     OAUTH_OK);
    ck_assert_int_eq(seal_open(ring, &context, bytes_span(&sealed), &plain),
                     OAUTH_ECOOKIE);
    seal_ring_free(both);
    seal_ring_free(after);
}
END_TEST

START_TEST(seal_mac_fits_one_purpose_and_text)
{
    unsigned char mac[SEAL_MAC_SIZE];
    unsigned char kid = seal_kid(ring);
    ck_assert_int_eq(seal_mac(ring, SEAL_TICKET, span_of("data"), mac),
                     OAUTH_OK);
    ck_assert(seal_mac_check(ring, SEAL_TICKET, kid, span_of("data"), mac));
    ck_assert(!seal_mac_check(ring, SEAL_LOGIN, kid, span_of("data"), mac));
    ck_assert(!seal_mac_check(ring, SEAL_TICKET, kid, span_of("date"), mac));
    ck_assert(!seal_mac_check(ring, SEAL_TICKET, (unsigned char)(kid + 1),
                              span_of("data"), mac));
    mac[SEAL_MAC_SIZE - 1] ^= 1;
    ck_assert(!seal_mac_check(ring, SEAL_TICKET, kid, span_of("data"), mac));
}
END_TEST

START_TEST(seal_refuses_weak_rings)
{
    struct span secrets[SEAL_SECRET_COUNT_MAX + 1];
    struct seal_ring *made = NULL;
    struct error error;
    for (size_t i = 0; i <= SEAL_SECRET_COUNT_MAX; i++)
        secrets[i] = span_of(SECRET_1);
    ck_assert_int_eq(seal_ring_create(secrets, 0, &made, &error),
                     OAUTH_ECONFIG);
    ck_assert_int_eq(seal_ring_create(secrets, 2, &made, &error),
                     OAUTH_ECONFIG);
    ck_assert_int_eq(
        seal_ring_create(secrets, SEAL_SECRET_COUNT_MAX + 1, &made, &error),
        OAUTH_ECONFIG);
    secrets[0].size = SEAL_SECRET_SIZE_MIN - 1;
    ck_assert_int_eq(seal_ring_create(secrets, 1, &made, &error),
                     OAUTH_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "31 bytes"));
    ck_assert_ptr_null(made);
    seal_ring_free(NULL);
}
END_TEST

START_TEST(seal_says_when_the_maximum_is_reached)
{
    struct seal_context context = { SEAL_LOGIN, NULL, { NULL, 0 } };
    struct bytes small;
    bytes_init(&small, SEAL_OVERHEAD_SIZE);
    ck_assert_int_eq(seal_bytes(ring, &context, span_of("x"), nonce, &small),
                     OAUTH_ENOMEM);
    bytes_release(&small);
    ck_assert_int_eq(seal_bytes(ring, &context, span_of("xyz"), nonce, &sealed),
                     OAUTH_OK);
    bytes_init(&small, 2);
    ck_assert_int_eq(seal_open(ring, &context, bytes_span(&sealed), &small),
                     OAUTH_ENOMEM);
    bytes_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/seal");
    TCase *tcase = tcase_create("seal");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, seal_opens_what_it_sealed);
    tcase_add_test(tcase, seal_notices_every_changed_bit_and_cut);
    tcase_add_test(tcase, seal_is_bound_to_purpose_salt_and_data);
    tcase_add_test(tcase, seal_rotates_without_losing_what_is_sealed);
    tcase_add_test(tcase, seal_mac_fits_one_purpose_and_text);
    tcase_add_test(tcase, seal_refuses_weak_rings);
    tcase_add_test(tcase, seal_says_when_the_maximum_is_reached);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
