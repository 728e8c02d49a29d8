/* SPDX-License-Identifier: Apache-2.0
 * Covers: payload records that a killed process left in dead slots; payloads
 * that move to the disk and back under readers. */
#include "engine/segment/payload.h"

#include "engine/collection/body.h"
#include "engine/storage/store.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
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

#define MOVED 200

static _Atomic bool is_over;
static _Atomic int faults;

/* Every point has a payload at any time. */
static void *
run_reader(void *ctx)
{
    struct arena arena;
    arena_init(&arena, (size_t)16 << 20);
    (void)ctx;
    while (!atomic_load(&is_over)) {
        struct records records = { 0 };
        struct scroll_command scroll = {
            .limit = MOVED, .output = { .payload = { .selection = SELECT_ALL } }
        };
        bool is_ok = collection_scroll(points.collection, &scroll, &arena,
                                       &records, NULL) == ENGINE_OK &&
                     records.count == MOVED;
        for (size_t i = 0; i < records.count; i++)
            is_ok = is_ok && records.items[i].payload.size > 4;
        if (!is_ok)
            atomic_fetch_add(&faults, 1);
        arena_release(&arena);
    }
    return NULL;
}

/* Points move to other slots all the time. */
static void *
run_writer(void *ctx)
{
    (void)ctx;
    for (uint32_t round = 1; !atomic_load(&is_over); round++) {
        const float values[4] = { (float)round, 0, 0, 1 };
        if (points_upsert(&points, round * 7 % MOVED, "", values, 4,
                          "{\"a\":1}") != ENGINE_OK)
            atomic_fetch_add(&faults, 1);
    }
    return NULL;
}

START_TEST(payload_is_read_while_it_moves_to_the_disk_and_back)
{
    pthread_t threads[3];
    create();
    for (uint64_t i = 0; i < MOVED; i++)
        put(i, "{\"a\":1}");
    atomic_store(&is_over, false);
    pthread_create(&threads[0], NULL, run_reader, NULL);
    pthread_create(&threads[1], NULL, run_reader, NULL);
    pthread_create(&threads[2], NULL, run_writer, NULL);
    for (int i = 0; i < 400; i++)
        ck_assert_int_eq(segment_place_payloads(points.collection->segment,
                                                i % 2 == 0 ? SEGMENT_IN_MEMORY
                                                           : SEGMENT_ON_DISK,
                                                NULL),
                         ENGINE_OK);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&faults), 0);
    check_payload(0, "{\"a\":1}");
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
    tcase_add_test(tcase, payload_is_read_while_it_moves_to_the_disk_and_back);
    tcase_set_timeout(tcase, 120);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
