/* SPDX-License-Identifier: Apache-2.0
 * A login makes room in its user's list, and enters its session last. */
#include "tests/unit/oauth/visit.h"

#include "oauth/roster.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* A login up to the question for the list. */
static void
log_in_to_roster(const char *more)
{
    holds_roster = true;
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", more);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_GET);
    ck_assert(span_starts(last()->index.key, "azimuth:user:"));
}

/* `count` entries that are older the later they stand. */
static void
fill(struct flow_entry *entries, size_t count, int64_t expires_s)
{
    static char fields[FLOW_INDEX_COUNT_MAX][ROSTER_FIELD_SIZE + 1];
    static char values[FLOW_INDEX_COUNT_MAX][16];
    for (size_t i = 0; i < count; i++) {
        int64_t created_s = NOW_S - 1 - (int64_t)i;
        memset(fields[i], 'A', ROSTER_FIELD_SIZE);
        int size = snprintf(fields[i], 8, "%05zu", i);
        fields[i][size] = 'A';
        memcpy(values[i], &created_s, 8); /* little endian, as all we run on */
        memcpy(values[i] + 8, &expires_s, 8);
        entries[i].field = (struct span){ fields[i], ROSTER_FIELD_SIZE };
        entries[i].value = (struct span){ values[i], sizeof(values[i]) };
    }
}

static struct flow_entry entries[FLOW_INDEX_COUNT_MAX];

/* Whoever ends the user's sessions while a login is under way must never leave
 * a record that no list names: the entry is written when the record is there,
 * and the cookie given when both are. */
START_TEST(flow_lists_a_session_that_is_stored_before_it_gives_the_cookie)
{
    log_in_to_roster(",\"sid\":\"s-1\"");
    answer_index(NULL, 0);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_PUT);
    ck_assert(span_starts(last()->index.key, "azimuth:sid:"));
    char *user_key = forge_text("%s", text_of(last()->index.value));
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_PUT);
    ck_assert(span_starts(last()->index.key, "azimuth:user:"));
    ck_assert_str_eq(text_of(last()->index.key), user_key);
    ck_assert_int_eq(last()->index.ttl_s, 28800);
    ck_assert(
        span_equal(last()->index.field, roster_field(span_of(stored_key))));
    ck_assert_str_eq(jar[0], "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
    ck_assert_str_ne(jar[0], "");
    free(user_key);
}
END_TEST

START_TEST(flow_keeps_no_way_from_a_sid_that_is_not_there)
{
    log_in_to_roster("");
    answer_index(NULL, 0);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_PUT);
    ck_assert(span_starts(last()->index.key, "azimuth:user:"));
}
END_TEST

/* Whichever question fails: no session, no cookie, the store's cause; a record
 * that was stored already goes. */
START_TEST(flow_logs_nobody_in_without_the_list)
{
    for (int fails_at = 0; fails_at < 4; fails_at++) {
        log_in_to_roster(",\"sid\":\"s-1\"");
        for (int step = 0; step < fails_at; step++) {
            if (step == 0) {
                answer_index(NULL, 0);
                store_put(last());
            } else {
                answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
            }
        }
        answer(FLOW_EVENT_SESSION_FAILED, "Valkey: READONLY", NOW_S);
        ck_assert_int_eq(last()->reply.status, 503);
        ck_assert_int_eq(actions->outcome, FLOW_STORE_DOWN);
        ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), "READONLY"));
        ck_assert_ptr_null(actions->session);
        ck_assert_str_eq(jar[0], "");
        ck_assert_uint_eq(actions->count, fails_at > 1 ? 2 : 1);
        if (fails_at > 1) {
            ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_SESSION_DEL);
            ck_assert(actions->items[0].is_background);
            ck_assert_str_eq(text_of(actions->items[0].session.key),
                             stored_key);
        }
    }
}
END_TEST

START_TEST(flow_ends_the_oldest_session_when_there_are_too_many)
{
    log_in_to_roster("");
    fill(entries, 66, NOW_S + 100);
    answer_index(entries, 66);
    for (int i = 65; i >= 63; i--) {
        char *key = forge_text("azimuth:session:%.*s", ROSTER_FIELD_SIZE,
                               entries[i].field.data);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
        ck_assert_str_eq(text_of(last()->session.key), key);
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
        ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
        ck_assert(actions->items[0].is_background);
        ck_assert(span_equal(actions->items[0].index.field, entries[i].field));
        free(key);
    }
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
}
END_TEST

START_TEST(flow_stops_when_the_oldest_cannot_be_ended)
{
    log_in_to_roster("");
    fill(entries, 64, NOW_S + 100);
    answer_index(entries, 64);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_makes_room_in_the_largest_list)
{
    log_in_to_roster("");
    fill(entries, FLOW_INDEX_COUNT_MAX, NOW_S + 100);
    answer_index(entries, FLOW_INDEX_COUNT_MAX);
    size_t count = 0;
    for (; last()->kind == FLOW_ACTION_SESSION_DEL; count++)
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_uint_eq(count, FLOW_INDEX_COUNT_MAX - 63);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
}
END_TEST

/* What is over makes room by itself; foreign fields are nothing. */
START_TEST(flow_drops_dead_entries_of_the_list)
{
    log_in_to_roster("");
    fill(entries, 70, NOW_S);
    entries[5].field = span_of("../evil");
    entries[6].value = span_of("short");
    answer_index(entries, 70);
    ck_assert_uint_eq(actions->count, 2);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
    ck_assert(span_equal(actions->items[0].index.field, entries[0].field));
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_roster");
    TCase *tcase = tcase_create("flow_roster");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(
        tcase, flow_lists_a_session_that_is_stored_before_it_gives_the_cookie);
    tcase_add_test(tcase, flow_keeps_no_way_from_a_sid_that_is_not_there);
    tcase_add_test(tcase, flow_logs_nobody_in_without_the_list);
    tcase_add_test(tcase, flow_ends_the_oldest_session_when_there_are_too_many);
    tcase_add_test(tcase, flow_stops_when_the_oldest_cannot_be_ended);
    tcase_add_test(tcase, flow_makes_room_in_the_largest_list);
    tcase_add_test(tcase, flow_drops_dead_entries_of_the_list);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
