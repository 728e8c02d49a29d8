/* SPDX-License-Identifier: Apache-2.0
 * Ticket and record: each is worthless without the other, and neither can be
 * forged, moved or cut (T21, T42). */
#include "oauth/session.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct seal_ring *ring;
static struct session_ticket ticket;
static struct bytes record;
static struct bytes plain;
static const unsigned char nonce[SEAL_NONCE_SIZE] = "nonce-nonce";

static void
setup(void)
{
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(seal_ring_create(&secret, 1, &ring, NULL), OAUTH_OK);
    memset(&ticket, 7, sizeof(ticket));
    bytes_init(&record, SESSION_RECORD_SIZE_MAX + SEAL_OVERHEAD_SIZE);
    bytes_init(&plain, SESSION_RECORD_SIZE_MAX);
}

static void
teardown(void)
{
    seal_ring_free(ring);
    bytes_wipe(&record);
    bytes_wipe(&plain);
}

static struct session
somebody(void)
{
    return (struct session){
        .created_s = 1,
        .auth_s = 2,
        .expires_s = ((int64_t)1 << 40) + 5, /* past 2038 */
        .access_expires_s = 6,
        .serial = 7,
        .sub = span_of("sub"),
        .preferred_username = span_of("user"),
        .email = span_of("e@x"),
        .roles = span_of("a\nb"),
        .realm_roles = span_of("a"),
        .client_roles = span_of("me\tb"),
        .claims = span_of("tenant\tblue"),
        .email_unverified = 1,
        .id_token = span_of("a.b.c"),
        .refresh_token = span_of("r"),
    };
}

START_TEST(session_comes_back_from_the_store)
{
    struct session in = somebody();
    struct session out;
    ck_assert_int_eq(session_seal(ring, &ticket, &in, nonce, &record),
                     OAUTH_OK);
    ck_assert_int_eq(
        session_open(ring, &ticket, bytes_span(&record), &plain, &out),
        OAUTH_OK);
    ck_assert_int_eq(out.expires_s, in.expires_s);
    ck_assert_int_eq(out.access_expires_s, 6);
    ck_assert_int_eq(out.serial, 7);
    ck_assert(span_equal(out.sub, in.sub));
    ck_assert(span_equal(out.roles, in.roles));
    ck_assert(span_equal(out.id_token, in.id_token));
    ck_assert(span_equal(out.refresh_token, in.refresh_token));
    ck_assert_uint_eq(out.name.size, 0);
}
END_TEST

START_TEST(session_ticket_fits_a_small_cookie_and_comes_back)
{
    struct bytes text;
    struct session_ticket again;
    bytes_init(&text, 256);
    ck_assert_int_eq(session_ticket_format(ring, &ticket, &text), OAUTH_OK);
    ck_assert_uint_eq(text.size, SESSION_TICKET_TEXT_SIZE);
    ck_assert_int_eq(session_ticket_parse(ring, bytes_span(&text), &again),
                     OAUTH_OK);
    ck_assert_mem_eq(&again, &ticket, sizeof(again));
    for (size_t i = 0; i < text.size; i++) {
        for (int bit = 0; bit < 7; bit++) {
            text.data[i] ^= (char)(1 << bit);
            ck_assert_int_eq(
                session_ticket_parse(ring, bytes_span(&text), &again),
                OAUTH_ECOOKIE);
            text.data[i] ^= (char)(1 << bit);
        }
        ck_assert_int_eq(
            session_ticket_parse(ring, (struct span){ text.data, i }, &again),
            OAUTH_ECOOKIE);
    }
    bytes_release(&text);
}
END_TEST

/* The store's key tells nothing about the id. */
START_TEST(session_store_key_is_the_hash_of_the_id)
{
    char key[SESSION_STORE_KEY_SIZE_MAX];
    char other[SESSION_STORE_KEY_SIZE_MAX];
    ck_assert_int_eq(session_store_key(&ticket, key), OAUTH_OK);
    ck_assert_uint_eq(strlen(key), strlen("azimuth:session:") + 43);
    ticket.key[0] ^= 1; /* the key half plays no part */
    ck_assert_int_eq(session_store_key(&ticket, other), OAUTH_OK);
    ck_assert_str_eq(key, other);
    ticket.id[15] ^= 1;
    ck_assert_int_eq(session_store_key(&ticket, other), OAUTH_OK);
    ck_assert_str_ne(key, other);
}
END_TEST

/* For logs: no MAC is checked, and what is no ticket has no name. */
START_TEST(session_cookie_id_is_that_of_its_ticket)
{
    unsigned char id[SESSION_ID_SIZE];
    struct bytes text;
    bytes_init(&text, 1024);
    ck_assert_int_eq(session_ticket_format(ring, &ticket, &text), OAUTH_OK);
    ck_assert_int_eq(session_cookie_id(bytes_span(&text), id), OAUTH_OK);
    ck_assert_mem_eq(id, ticket.id, sizeof(id));
    struct span cut = { text.data, text.size - 1 };
    ck_assert_int_eq(session_cookie_id(cut, id), OAUTH_ECOOKIE);
    text.data[5] = '!';
    ck_assert_int_eq(session_cookie_id(bytes_span(&text), id), OAUTH_ECOOKIE);
    text.data[5] = 'A';
    text.data[0] = 'C'; /* another format */
    ck_assert_int_eq(session_cookie_id(bytes_span(&text), id), OAUTH_ECOOKIE);
    bytes_release(&text);
}
END_TEST

START_TEST(session_record_opens_with_its_own_ticket_only)
{
    struct session in = somebody();
    struct session out;
    ck_assert_int_eq(session_seal(ring, &ticket, &in, nonce, &record),
                     OAUTH_OK);
    struct session_ticket other = ticket;
    other.id[0] ^= 1;
    ck_assert_int_eq(
        session_open(ring, &other, bytes_span(&record), &plain, &out),
        OAUTH_ECOOKIE);
    other = ticket;
    other.key[31] ^= 1;
    ck_assert_int_eq(
        session_open(ring, &other, bytes_span(&record), &plain, &out),
        OAUTH_ECOOKIE);
    static char huge[SESSION_RECORD_SIZE_MAX + 100];
    ck_assert_int_eq(session_open(ring, &ticket,
                                  (struct span){ huge, sizeof(huge) }, &plain,
                                  &out),
                     OAUTH_ECOOKIE);
    ck_assert_int_eq(
        session_open(ring, &ticket, span_of("WRONGTYPE"), &plain, &out),
        OAUTH_ECOOKIE);
}
END_TEST

/* Sealed by our key with another content: a future or broken writer. */
START_TEST(session_refuses_a_malformed_content)
{
    static const struct {
        const char *data;
        size_t size;
        enum oauth_code code;
    } rows[] = {
        { "", 0, OAUTH_ECOOKIE },
        { "\1", 1, OAUTH_ECOOKIE },
        { "\2", 1, OAUTH_ECOOKIE },
        { "\1\40\1\0\0\0u", 7, OAUTH_ECOOKIE },             /* no expiry */
        { "\1\40\2\0\0\0u", 7, OAUTH_ECOOKIE },             /* cut */
        { "\1\40\xff\xff\xff\xffu", 7, OAUTH_ECOOKIE },     /* huge size */
        { "\1\5\1\0\0\0u\40\1\0\0\0u", 13, OAUTH_ECOOKIE }, /* short time */
        { "\1\5\10\0\0\0\1\0\0\0\0\0\0\0\40\1\0\0\0u", 20, OAUTH_OK },
        { "\1\5\10\0\0\0\1\0\0\0\0\0\0\0\40\1\0\0\0u\x7f\1\0\0\0z", 26,
          OAUTH_OK }, /* a tag of the future */
        { "\1\5\10\0\0\0\1\0\0\0\0\0\0\0\40\1\0\0\0u\x7f", 21, OAUTH_ECOOKIE },
    };
    struct seal_context context = {
        .purpose = SEAL_SESSION,
        .salt = ticket.key,
        .aad = { (const char *)ticket.id, SESSION_ID_SIZE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct session out;
        bytes_wipe(&record);
        bytes_wipe(&plain);
        ck_assert_int_eq(seal_bytes(ring, &context,
                                    (struct span){ rows[i].data, rows[i].size },
                                    nonce, &record),
                         OAUTH_OK);
        ck_assert_int_eq(
            session_open(ring, &ticket, bytes_span(&record), &plain, &out),
            rows[i].code);
    }
}
END_TEST

START_TEST(session_refuses_fields_past_their_limit)
{
    static char huge[SESSION_FIELD_SIZE_MAX + 1];
    struct session in = somebody();
    in.refresh_token = (struct span){ huge, SESSION_FIELD_SIZE_MAX + 1 };
    ck_assert_int_eq(session_seal(ring, &ticket, &in, nonce, &record),
                     OAUTH_ELIMIT);
    in.refresh_token.size--;
    ck_assert_int_eq(session_seal(ring, &ticket, &in, nonce, &record),
                     OAUTH_OK);
    in.name = in.email = in.refresh_token;
    bytes_wipe(&record);
    ck_assert_int_eq(session_seal(ring, &ticket, &in, nonce, &record),
                     OAUTH_ELIMIT);
}
END_TEST

START_TEST(session_ends_absolutely)
{
    const struct session session = { .expires_s = 20 };
    ck_assert(!session_is_expired(&session, 19));
    ck_assert(session_is_expired(&session, 20));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/session");
    TCase *tcase = tcase_create("session");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, session_comes_back_from_the_store);
    tcase_add_test(tcase, session_ticket_fits_a_small_cookie_and_comes_back);
    tcase_add_test(tcase, session_store_key_is_the_hash_of_the_id);
    tcase_add_test(tcase, session_cookie_id_is_that_of_its_ticket);
    tcase_add_test(tcase, session_record_opens_with_its_own_ticket_only);
    tcase_add_test(tcase, session_refuses_a_malformed_content);
    tcase_add_test(tcase, session_refuses_fields_past_their_limit);
    tcase_add_test(tcase, session_ends_absolutely);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
