/* SPDX-License-Identifier: Apache-2.0
 * Covers: what is opened under the memory limit counts with what it takes, not
 * with what was written again until a merge; what does not fit is refused. */
#include "base/memory.h"
#include "engine/storage/store.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define SLOTS       12u
#define RECORD_SIZE ((size_t)512 << 10)
#define TIMES       3u

static struct points points;

/* Every payload anew; the next opening of the store makes a table of them. */
static void
write_payloads(const char *path, const char *record)
{
    struct store *store = NULL;
    ck_assert_int_eq(store_open(path, &store, NULL), ENGINE_OK);
    struct store_batch *batch = store_batch_create(store);
    ck_assert_ptr_nonnull(batch);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        const char key[4] = { 0, 0, 0, (char)slot };
        store_batch_put(batch, STORE_PAYLOADS,
                        (struct span){ key, sizeof(key) },
                        (struct span){ record, RECORD_SIZE });
    }
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_LATER, NULL), ENGINE_OK);
    store_batch_free(batch);
    store_close(store);
}

static void
fill(void)
{
    const float values[4] = { 1, 0, 0, 1 };
    char path[128];
    struct store *store = NULL;
    points_create(&points, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
                           "\"on_disk_payload\":false}");
    for (unsigned i = 0; i < SLOTS; i++)
        ck_assert_int_eq(points_upsert(&points, i, "", values, 4, NULL),
                         ENGINE_OK);
    points_close(&points);
    snprintf(path, sizeof(path), "%s/shard-0/store", points.path);
    char *record = malloc(RECORD_SIZE);
    ck_assert_ptr_nonnull(record);
    memset(record, 'x', RECORD_SIZE);
    memcpy(record, "{\"a\":\"", 6);
    memcpy(record + RECORD_SIZE - 2, "\"}", 2);
    for (unsigned i = 0; i < TIMES; i++)
        write_payloads(path, record);
    free(record);
    ck_assert_int_eq(store_open(path, &store, NULL), ENGINE_OK);
    /* Else there is nothing to see. */
    ck_assert_uint_ge(store_family_values_size(store, STORE_PAYLOADS),
                      TIMES * SLOTS * RECORD_SIZE);
    store_close(store);
}

/* Opens it where `room` bytes more may come to stay. */
static enum engine_code
open_in(uint64_t room, struct error *reterr)
{
    struct collection_options options = { .path = points.path,
                                          .must_fit = true };
    memory_give_back();
    /* A sixth is kept for work. */
    memory_limit_set((memory_look().resident_size + room) / 5 * 6);
    enum engine_code code =
        collection_open(&options, &points.collection, reterr);
    memory_limit_set(0);
    return code;
}

START_TEST(what_was_written_again_counts_once)
{
    struct error error = { .text = "" };
    fill();
    enum engine_code code = open_in(2 * SLOTS * RECORD_SIZE, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
    ck_assert_uint_eq(points_count(&points, NULL), SLOTS);
    ck_assert_uint_eq(points_get(&points, SLOTS - 1)->payload.size,
                      RECORD_SIZE);
    points_destroy(&points);
}
END_TEST

START_TEST(what_does_not_fit_is_refused)
{
    struct error error = { .text = "" };
    fill();
    ck_assert_int_eq(open_in(SLOTS * RECORD_SIZE / 2, &error), ENGINE_ENOMEM);
    ck_assert_ptr_nonnull(strstr(error.text, "storage.memory_limit_mb"));
    points_open(&points);
    ck_assert_uint_eq(points_count(&points, NULL), SLOTS);
    points_destroy(&points);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("segment/fits");
    TCase *tests = tcase_create("fits");
    tcase_add_test(tests, what_was_written_again_counts_once);
    tcase_add_test(tests, what_does_not_fit_is_refused);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
