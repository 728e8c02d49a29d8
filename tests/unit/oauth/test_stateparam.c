/* SPDX-License-Identifier: Apache-2.0
 * What travels in `state`: it comes back whole, is bounded, and nothing else
 * opens. */
#include "oauth/stateparam.h"

#include "base/base64.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW_S 1790000000

static struct seal_ring *ring;
static struct state_slot slot;
static struct state_slot seen;
static struct bytes text;
static const unsigned char nonce[SEAL_NONCE_SIZE] = "nonce-nonce";

static void
set_rd(const char *rd)
{
    slot.rd_size = strlen(rd);
    memcpy(slot.rd, rd, slot.rd_size);
}

static void
setup(void)
{
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(seal_ring_create(&secret, 1, &ring, NULL), OAUTH_OK);
    slot = (struct state_slot){ .begun_s = NOW_S, .is_retry = true };
    memset(slot.id, 'i', sizeof(slot.id));
    memset(slot.nonce, 'n', sizeof(slot.nonce));
    memset(slot.pkce, 's', sizeof(slot.pkce));
    memset(slot.provider, 'p', sizeof(slot.provider));
    set_rd("/dashboard?a=b#/collections/x");
    bytes_init(&text, STATEPARAM_SIZE_MAX);
}

static void
teardown(void)
{
    seal_ring_free(ring);
    bytes_release(&text);
}

static void
add(void)
{
    bytes_release(&text);
    ck_assert_int_eq(stateparam_add(ring, &slot, nonce, &text), OAUTH_OK);
}

START_TEST(stateparam_brings_back_what_it_was_given)
{
    add();
    ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen), OAUTH_OK);
    ck_assert_int_eq(seen.begun_s, NOW_S);
    ck_assert(seen.is_retry);
    ck_assert_mem_eq(seen.id, slot.id, sizeof(seen.id));
    ck_assert_mem_eq(seen.provider, slot.provider, sizeof(seen.provider));
    ck_assert_uint_eq(seen.rd_size, slot.rd_size);
    ck_assert_mem_eq(seen.rd, slot.rd, slot.rd_size);
    slot.is_retry = false;
    set_rd("");
    add();
    ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen), OAUTH_OK);
    ck_assert(!seen.is_retry);
    ck_assert_uint_eq(seen.rd_size, 0);
}
END_TEST

/* Neither the nonce nor the PKCE secret leaves the cookie. */
START_TEST(stateparam_holds_no_secret_of_the_login)
{
    add();
    ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen), OAUTH_OK);
    for (size_t i = 0; i < sizeof(seen.pkce); i++)
        ck_assert_int_eq(seen.pkce[i], 0);
    for (size_t i = 0; i < sizeof(seen.nonce); i++)
        ck_assert_int_eq(seen.nonce[i], 0);
}
END_TEST

START_TEST(stateparam_stays_within_its_size)
{
    char rd[STATEPARAM_RD_SIZE_MAX + 2] = "/";
    memset(rd + 1, 'x', STATEPARAM_RD_SIZE_MAX - 1);
    set_rd(rd);
    add();
    ck_assert_uint_le(text.size, STATEPARAM_SIZE_MAX);
    ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen), OAUTH_OK);
    ck_assert_uint_eq(seen.rd_size, STATEPARAM_RD_SIZE_MAX);
    rd[STATEPARAM_RD_SIZE_MAX] = 'x';
    set_rd(rd);
    add();
    ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen), OAUTH_OK);
    ck_assert_uint_eq(seen.rd_size, 0);
    struct bytes small;
    bytes_init(&small, 30);
    ck_assert_int_eq(stateparam_add(ring, &slot, nonce, &small), OAUTH_ENOMEM);
    bytes_release(&small);
}
END_TEST

/* Each letter counts, the id's too: it is bound to what is sealed. */
START_TEST(stateparam_opens_only_what_we_sealed)
{
    add();
    for (size_t i = 0; i < text.size; i++) {
        char was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen),
                         OAUTH_ECOOKIE);
        ck_assert_uint_eq(seen.rd_size, 0);
        text.data[i] = was;
        ck_assert_int_eq(
            stateparam_open(ring, (struct span){ text.data, i }, &seen),
            OAUTH_ECOOKIE);
    }
    static char huge[STATEPARAM_SIZE_MAX + 2];
    memset(huge, 'A', sizeof(huge) - 1);
    ck_assert_int_eq(stateparam_open(ring, span_of(huge), &seen),
                     OAUTH_ECOOKIE);
    ck_assert_int_eq(stateparam_open(ring, span_of("!"), &seen), OAUTH_ECOOKIE);
}
END_TEST

START_TEST(stateparam_opens_under_the_key_that_sealed_it)
{
    const struct span secrets[] = {
        span_of("fedcba9876543210fedcba9876543210"),
        span_of("0123456789abcdef0123456789abcdef"),
    };
    struct seal_ring *other;
    add();
    ck_assert_int_eq(seal_ring_create(secrets, 2, &other, NULL), OAUTH_OK);
    ck_assert_int_eq(stateparam_open(other, bytes_span(&text), &seen),
                     OAUTH_OK);
    seal_ring_free(other);
    ck_assert_int_eq(seal_ring_create(secrets, 1, &other, NULL), OAUTH_OK);
    ck_assert_int_eq(stateparam_open(other, bytes_span(&text), &seen),
                     OAUTH_ECOOKIE);
    seal_ring_free(other);
}
END_TEST

/* A login cookie is no state, and a seal under our key with another content
 * is of a future or broken writer. */
START_TEST(stateparam_refuses_a_malformed_content)
{
    static const struct {
        enum seal_purpose purpose;
        const char *data;
        size_t size;
    } rows[] = {
        { SEAL_LOGIN, "\1\0\0\0\0\0\0\0\0\0pppppppp/", 19 },
        { SEAL_STATE, "", 0 },
        { SEAL_STATE, "\2\0\0\0\0\0\0\0\0\0pppppppp/", 19 },
        { SEAL_STATE, "\1\2\0\0\0\0\0\0\0\0pppppppp/", 19 },
        { SEAL_STATE, "\1\0\0\0\0\0\0\0\0\0ppppppp", 17 },
        { SEAL_STATE, "\1\0\0\0\0\0\0\0\0\xffpppppppp/", 19 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes raw;
        struct seal_context context = {
            .purpose = rows[i].purpose,
            .aad = { (const char *)slot.id, sizeof(slot.id) },
        };
        bytes_init(&raw, 1024);
        bytes_add(&raw, slot.id, sizeof(slot.id));
        ck_assert_int_eq(seal_bytes(ring, &context,
                                    (struct span){ rows[i].data, rows[i].size },
                                    nonce, &raw),
                         OAUTH_OK);
        bytes_release(&text);
        base64_encode(bytes_span(&raw), &text);
        ck_assert_int_eq(stateparam_open(ring, bytes_span(&text), &seen),
                         OAUTH_ECOOKIE);
        bytes_release(&raw);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/stateparam");
    TCase *tcase = tcase_create("stateparam");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, stateparam_brings_back_what_it_was_given);
    tcase_add_test(tcase, stateparam_holds_no_secret_of_the_login);
    tcase_add_test(tcase, stateparam_stays_within_its_size);
    tcase_add_test(tcase, stateparam_opens_only_what_we_sealed);
    tcase_add_test(tcase, stateparam_opens_under_the_key_that_sealed_it);
    tcase_add_test(tcase, stateparam_refuses_a_malformed_content);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
