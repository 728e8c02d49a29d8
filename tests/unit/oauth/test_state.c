/* SPDX-License-Identifier: Apache-2.0
 * The login cookie: parallel logins, bounded size, ageing, single use. */
#include "oauth/state.h"

#include "base/base64.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW_S 1790000000

static struct seal_ring *ring;
static struct state *state;
static struct bytes text;
static const unsigned char nonce[SEAL_NONCE_SIZE] = "nonce-nonce";

static void
setup(void)
{
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(seal_ring_create(&secret, 1, &ring, NULL), OAUTH_OK);
    state = calloc(1, sizeof(*state));
    bytes_init(&text, STATE_COOKIE_SIZE_MAX);
}

static void
teardown(void)
{
    seal_ring_free(ring);
    bytes_wipe(&text);
    free(state);
}

static void
add(unsigned char id, int64_t begun_s, size_t rd_size)
{
    static struct state_slot slot;
    memset(&slot, id, sizeof(slot));
    slot.begun_s = begun_s;
    slot.rd_size = rd_size;
    state_add(state, &slot);
}

/* Seals and opens again, at `now_s`. */
static void
travel(int64_t now_s)
{
    bytes_release(&text);
    ck_assert_int_eq(state_seal(ring, state, nonce, &text), OAUTH_OK);
    ck_assert_uint_le(text.size, STATE_COOKIE_SIZE_MAX);
    ck_assert_int_eq(state_open(ring, bytes_span(&text), now_s, state),
                     OAUTH_OK);
}

static bool
take(unsigned char id, struct state_slot *slot)
{
    unsigned char raw[STATE_ID_SIZE];
    memset(raw, id, sizeof(raw));
    return state_take(state, raw, slot);
}

START_TEST(state_keeps_parallel_logins_and_gives_each_once)
{
    static struct state_slot slot;
    add('a', NOW_S, 5);
    add('b', NOW_S, 0);
    add('c', NOW_S, 9);
    travel(NOW_S + 1);
    ck_assert_uint_eq(state->count, 3);
    ck_assert(take('b', &slot));
    ck_assert_int_eq(slot.pkce[0], 'b');
    ck_assert(!take('b', &slot));
    ck_assert(take('a', &slot));
    ck_assert_uint_eq(slot.rd_size, 5);
    ck_assert_mem_eq(slot.rd, "aaaaa", 5);
    travel(NOW_S + 2);
    ck_assert_uint_eq(state->count, 1);
    ck_assert(!take('x', &slot));
}
END_TEST

START_TEST(state_drops_the_oldest_past_eight)
{
    static struct state_slot slot;
    for (unsigned char i = 0; i < 10; i++)
        add((unsigned char)('a' + i), NOW_S + i, 100);
    ck_assert_uint_eq(state->count, STATE_SLOT_COUNT_MAX);
    travel(NOW_S + 10);
    ck_assert_uint_eq(state->count, STATE_SLOT_COUNT_MAX);
    ck_assert(!take('a', &slot));
    ck_assert(!take('b', &slot));
    ck_assert(take('c', &slot));
    ck_assert(take('j', &slot));
}
END_TEST

/* No number of attempts, however long their rd, grows the header. */
START_TEST(state_stays_within_its_size)
{
    static struct state_slot slot;
    for (unsigned char i = 0; i < 8; i++)
        add((unsigned char)('a' + i), NOW_S, URL_RD_SIZE_MAX);
    travel(NOW_S);
    ck_assert_uint_ge(state->count, 1);
    ck_assert_uint_lt(state->count, 8);
    ck_assert(take('h', &slot));
    ck_assert_uint_eq(slot.rd_size, URL_RD_SIZE_MAX);
}
END_TEST

START_TEST(state_forgets_after_half_an_hour)
{
    add('a', NOW_S, 0);
    travel(NOW_S + STATE_LIFETIME_S - 1);
    ck_assert_uint_eq(state->count, 1);
    travel(NOW_S + STATE_LIFETIME_S);
    ck_assert_uint_eq(state->count, 0);
    add('b', NOW_S + 3600, 0); /* the clock went back by an hour */
    travel(NOW_S);
    ck_assert_uint_eq(state->count, 0);
}
END_TEST

START_TEST(state_opens_only_what_we_sealed)
{
    add('a', NOW_S, 3);
    ck_assert_int_eq(state_seal(ring, state, nonce, &text), OAUTH_OK);
    for (size_t i = 0; i < text.size; i++) {
        char was = text.data[i];
        text.data[i] = was == 'A' ? 'B' : 'A';
        ck_assert_int_eq(state_open(ring, bytes_span(&text), NOW_S, state),
                         OAUTH_ECOOKIE);
        text.data[i] = was;
        ck_assert_int_eq(
            state_open(ring, (struct span){ text.data, i }, NOW_S, state),
            OAUTH_ECOOKIE);
    }
    static char huge[STATE_COOKIE_SIZE_MAX + 2];
    memset(huge, 'A', sizeof(huge) - 1);
    ck_assert_int_eq(state_open(ring, span_of(huge), NOW_S, state),
                     OAUTH_ECOOKIE);
}
END_TEST

/* Sealed by our key, but with another content: a future or broken writer. */
START_TEST(state_refuses_a_malformed_content)
{
    static const struct {
        const char *data;
        size_t size;
    } rows[] = {
        { "", 0 },
        { "\1\0\0\0\0\0\0\0\0\0\0", 11 },
        { "\2\0\0\0\0\0\0\0\0\0", 10 },
        { "\2\0\0\0\0\0\0\0\0\0\1", 11 },
        { "\2\0\0\0\0\0\0\0\0\0\11", 11 },
        { "\2\0\0\0\0\0\0\0\0\0\0x", 12 },
    };
    struct seal_context context = { .purpose = SEAL_LOGIN };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes sealed;
        bytes_init(&sealed, 1024);
        ck_assert_int_eq(seal_bytes(ring, &context,
                                    (struct span){ rows[i].data, rows[i].size },
                                    nonce, &sealed),
                         OAUTH_OK);
        bytes_release(&text);
        base64_encode(bytes_span(&sealed), &text);
        ck_assert_int_eq(state_open(ring, bytes_span(&text), NOW_S, state),
                         OAUTH_ECOOKIE);
        bytes_release(&sealed);
    }
}
END_TEST

START_TEST(state_notices_a_circle_of_logins)
{
    for (int i = 0; i < STATE_LOOP_COUNT_MAX; i++) {
        ck_assert(!state_is_looping(state, NOW_S + i));
        state_count_finished(state, NOW_S + i);
    }
    travel(NOW_S + 3);
    ck_assert(state_is_looping(state, NOW_S + 3));
    ck_assert(!state_is_looping(state, NOW_S + STATE_LOOP_S));
    state_count_finished(state, NOW_S + STATE_LOOP_S);
    ck_assert_uint_eq(state->finished_count, 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/state");
    TCase *tcase = tcase_create("state");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, state_keeps_parallel_logins_and_gives_each_once);
    tcase_add_test(tcase, state_drops_the_oldest_past_eight);
    tcase_add_test(tcase, state_stays_within_its_size);
    tcase_add_test(tcase, state_forgets_after_half_an_hour);
    tcase_add_test(tcase, state_opens_only_what_we_sealed);
    tcase_add_test(tcase, state_refuses_a_malformed_content);
    tcase_add_test(tcase, state_notices_a_circle_of_logins);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
