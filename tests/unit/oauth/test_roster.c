/* SPDX-License-Identifier: Apache-2.0
 * Keys and entries of the list of a user's sessions: apart by every part of
 * their name, bound to their place, bounded. */
#include "oauth/roster.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define FIELD  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define FIELD2 "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static struct seal_ring *ring;
static struct arena arena;
static struct bytes value;
static const unsigned char nonce[SEAL_NONCE_SIZE] = { 9 };

static void
setup(void)
{
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(seal_ring_create(&secret, 1, &ring, NULL), OAUTH_OK);
    arena_init(&arena, (size_t)64 << 10);
    bytes_init(&value, ROSTER_VALUE_SIZE_MAX);
}

static void
teardown(void)
{
    seal_ring_free(ring);
    arena_release(&arena);
    bytes_release(&value);
}

static struct roster_entry
an_entry(void)
{
    return (struct roster_entry){
        .field = span_of(FIELD),
        .created_s = 1790000000,
        .expires_s = 1790036000,
        .sid_hash = { 1, 2, 3 },
        .address = span_of("2001:db8::1"),
        .agent = span_of("Mozilla/5.0 (X11)"),
    };
}

static enum oauth_code
open_it(const char *key, const char *field, struct roster_entry *entry)
{
    *entry = (struct roster_entry){ .field = span_of(field) };
    return roster_open(ring, span_of(key), bytes_span(&value), &arena, entry);
}

START_TEST(roster_keys_differ_by_every_part)
{
    const struct roster_name names[] = {
        { span_of("https://a"), span_of("c"), span_of("u") },
        { span_of("https://b"), span_of("c"), span_of("u") },
        { span_of("https://a"), span_of("d"), span_of("u") },
        { span_of("https://a"), span_of("c"), span_of("v") },
        { span_of("https://a"), span_of("cu"), span_of("") },
        { span_of("https://ac"), span_of(""), span_of("u") },
    };
    char keys[3 * 6][ROSTER_KEY_SIZE_MAX];
    size_t count = 0;
    for (int kind = ROSTER_USER; kind <= ROSTER_LOGOUT; kind++) {
        for (size_t i = 0; i < 6; i++)
            ck_assert_int_eq(
                roster_key((enum roster_kind)kind, &names[i], keys[count++]),
                OAUTH_OK);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(strrchr(keys[i], ':'), strrchr(keys[j], ':'));
    }
    ck_assert(span_starts(span_of(keys[0]), "azimuth:user:"));
    ck_assert(span_starts(span_of(keys[6]), "azimuth:sid:"));
    ck_assert(span_starts(span_of(keys[12]), "azimuth:logout:"));
    ck_assert_ptr_null(strstr(keys[0], "https"));
}
END_TEST

START_TEST(roster_key_refuses_a_name_of_absurd_length)
{
    static char text[20000];
    char key[ROSTER_KEY_SIZE_MAX] = "untouched";
    unsigned char hash[ROSTER_HASH_SIZE];
    memset(text, 'x', sizeof(text));
    const struct roster_name name = { .id = { text, sizeof(text) } };
    ck_assert_int_eq(roster_key(ROSTER_USER, &name, key), OAUTH_ENOMEM);
    ck_assert_int_eq(roster_sid_hash(&name, hash), OAUTH_ENOMEM);
    ck_assert_str_eq(key, "untouched");
}
END_TEST

START_TEST(roster_entry_comes_back)
{
    struct roster_entry entry = an_entry();
    struct roster_entry read;
    ck_assert_int_eq(roster_seal(ring, span_of("k"), &entry, nonce, &value),
                     OAUTH_OK);
    ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_OK);
    ck_assert(read.is_open);
    ck_assert_int_eq(read.created_s, entry.created_s);
    ck_assert_int_eq(read.expires_s, entry.expires_s);
    ck_assert(span_equal(read.address, entry.address));
    ck_assert(span_equal(read.agent, entry.agent));
    ck_assert_mem_eq(read.sid_hash, entry.sid_hash, ROSTER_HASH_SIZE);
    struct roster_entry times = { 0 };
    ck_assert(roster_times(bytes_span(&value), &times));
    ck_assert_int_eq(times.created_s, entry.created_s);
}
END_TEST

START_TEST(roster_entry_opens_in_its_place_alone)
{
    struct roster_entry entry = an_entry();
    struct roster_entry read;
    ck_assert_int_eq(roster_seal(ring, span_of("k"), &entry, nonce, &value),
                     OAUTH_OK);
    ck_assert_int_eq(open_it("k2", FIELD, &read), OAUTH_ECOOKIE);
    ck_assert_int_eq(open_it("k", FIELD2, &read), OAUTH_ECOOKIE);
    ck_assert(!read.is_open);
    size_t size = value.size;
    for (size_t i = 0; i < size; i++) {
        value.data[i] ^= 1;
        ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_ECOOKIE);
        value.data[i] ^= 1;
        value.size = i;
        ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_ECOOKIE);
        value.size = size;
    }
    ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_OK);
}
END_TEST

START_TEST(roster_cuts_long_texts)
{
    char text[400];
    struct roster_entry entry = an_entry();
    struct roster_entry read;
    memset(text, 'x', sizeof(text));
    entry.address = (struct span){ text, sizeof(text) };
    entry.agent = entry.address;
    ck_assert_int_eq(roster_seal(ring, span_of("k"), &entry, nonce, &value),
                     OAUTH_OK);
    ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_OK);
    ck_assert_uint_eq(read.address.size, ROSTER_ADDRESS_SIZE_MAX);
    ck_assert_uint_eq(read.agent.size, ROSTER_AGENT_SIZE_MAX);
}
END_TEST

START_TEST(roster_refuses_what_is_no_value)
{
    struct roster_entry read = { .field = span_of(FIELD) };
    char far[16] = { 0 };
    char large[ROSTER_VALUE_SIZE_MAX + 1] = { 0 };
    far[7] = 0x7f;
    ck_assert(!roster_times((struct span){ far, 16 }, &read));
    far[7] = 0;
    far[15] = (char)0xff;
    ck_assert(!roster_times((struct span){ far, 16 }, &read));
    ck_assert(!roster_times((struct span){ far, 15 }, &read));
    ck_assert_int_eq(roster_open(ring, span_of("k"),
                                 (struct span){ large, sizeof(large) }, &arena,
                                 &read),
                     OAUTH_ECOOKIE);
}
END_TEST

/* What our seal covers and another release wrote. */
START_TEST(roster_refuses_other_formats_behind_its_seal)
{
    static const struct {
        const char *text;
        size_t size;
    } plains[] = {
        { "", 0 }, { "\x02", 1 }, { "\x01", 1 }, { "\x01", 33 }, { "\x01", 34 }
    };
    char plain[64] = { 0 };
    for (size_t i = 0; i < sizeof(plains) / sizeof(plains[0]); i++) {
        struct roster_entry read;
        static const char times[16] = { 1 };
        struct bytes aad;
        bytes_init(&aad, 256);
        bytes_add_text(&aad, "k\n" FIELD "\n");
        bytes_add(&aad, times, sizeof(times));
        const struct seal_context context = { .purpose = SEAL_ROSTER,
                                              .aad = bytes_span(&aad) };
        memcpy(plain, plains[i].text, plains[i].size > 0);
        bytes_release(&value);
        bytes_add(&value, times, sizeof(times));
        ck_assert_int_eq(seal_bytes(ring, &context,
                                    (struct span){ plain, plains[i].size },
                                    nonce, &value),
                         OAUTH_OK);
        ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_ECOOKIE);
        bytes_release(&aad);
    }
}
END_TEST

START_TEST(roster_runs_out_of_memory)
{
    struct roster_entry entry = an_entry();
    struct roster_entry read;
    struct bytes small;
    bytes_init(&small, 8);
    ck_assert_int_eq(roster_seal(ring, span_of("k"), &entry, nonce, &small),
                     OAUTH_ENOMEM);
    bytes_release(&small);
    ck_assert_int_eq(roster_seal(ring, span_of("k"), &entry, nonce, &value),
                     OAUTH_OK);
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(open_it("k", FIELD, &read), OAUTH_ENOMEM);
    ck_assert(!read.is_open);
}
END_TEST

START_TEST(roster_knows_its_fields)
{
    struct bytes out;
    ck_assert(roster_is_field(span_of(FIELD)));
    ck_assert(!roster_is_field(span_of(FIELD "A")));
    ck_assert(!roster_is_field(span_of("")));
    ck_assert(!roster_is_field(
        span_of("../AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
    ck_assert(span_equal_text(roster_field(span_of("azimuth:session:" FIELD)),
                              FIELD));
    bytes_init(&out, 256);
    roster_store_key(span_of(FIELD), &out);
    ck_assert(span_equal_text(bytes_span(&out), "azimuth:session:" FIELD));
    bytes_release(&out);
    roster_add_agent(span_of("a\tb\xc3\xa4>\x7f"), &out);
    ck_assert(span_equal_text(bytes_span(&out), "a?b?"
                                                "?>?"));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/roster");
    TCase *tcase = tcase_create("roster");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, roster_keys_differ_by_every_part);
    tcase_add_test(tcase, roster_key_refuses_a_name_of_absurd_length);
    tcase_add_test(tcase, roster_entry_comes_back);
    tcase_add_test(tcase, roster_entry_opens_in_its_place_alone);
    tcase_add_test(tcase, roster_cuts_long_texts);
    tcase_add_test(tcase, roster_refuses_what_is_no_value);
    tcase_add_test(tcase, roster_refuses_other_formats_behind_its_seal);
    tcase_add_test(tcase, roster_runs_out_of_memory);
    tcase_add_test(tcase, roster_knows_its_fields);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
