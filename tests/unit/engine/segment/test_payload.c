/* SPDX-License-Identifier: Apache-2.0
 * Covers: payload records that a killed process left in dead slots. */
#include "engine/segment/payload.h"

#include "engine/storage/store.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static struct points points;

static void
create(void)
{
    points_create(&points, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
                           "\"on_disk_payload\":true}");
}

static void
put(uint64_t number, const char *payload)
{
    const float values[4] = { 1, 0, 0, 1 };
    ck_assert_int_eq(points_upsert(&points, number, "", values, 4, payload),
                     ENGINE_OK);
}

/* Puts a payload where slot 0 has one. */
static void
leave_payload(void)
{
    static const char slot[4] = { 0, 0, 0, 0 };
    char path[128];
    struct store *store = NULL;
    points_drop(&points);
    snprintf(path, sizeof(path), "%s/shard-0/store", points.path);
    ck_assert_int_eq(store_open(path, &store, NULL), ENGINE_OK);
    struct store_batch *batch = store_batch_create(store);
    ck_assert_ptr_nonnull(batch);
    store_batch_put(batch, STORE_PAYLOADS, (struct span){ slot, sizeof(slot) },
                    span_of("{\"secret\":1}"));
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_LATER, NULL), ENGINE_OK);
    store_batch_free(batch);
    store_close(store);
    points_open(&points);
}

static void
check_payload(uint64_t number, const char *text)
{
    struct span payload = points_get(&points, number)->payload;
    ck_assert_msg(span_equal_text(payload, text), "%.*s", (int)payload.size,
                  payload.data);
}

/* A kill after a delete leaves its payload on the disk, in a slot that the next
 * start does not count. The next point in it was given that payload. */
START_TEST(payload_left_by_a_kill_is_nobodys)
{
    create();
    leave_payload();
    put(7, NULL);
    check_payload(7, "{}");
    points_reopen(&points);
    check_payload(7, "{}");
    points_destroy(&points);
}
END_TEST

START_TEST(payload_left_by_a_kill_does_not_hinder_a_start)
{
    create();
    leave_payload();
    put(7, "{\"a\":1}");
    points_reopen(&points);
    check_payload(7, "{\"a\":1}");
    points_destroy(&points);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("payload");
    TCase *tcase = tcase_create("kills");
    tcase_add_test(tcase, payload_left_by_a_kill_is_nobodys);
    tcase_add_test(tcase, payload_left_by_a_kill_does_not_hinder_a_start);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
