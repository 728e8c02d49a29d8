/* SPDX-License-Identifier: Apache-2.0
 * Stores at rest: closed, opened by whoever needs them, and closed still after
 * a restart, unless somebody opened them meanwhile. */
#include "engine/storage/store.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64], resting[96], kept[96];
static struct store *store;
static const struct span note = { "12345678", 8 };

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "rest", folder, sizeof(folder)));
    snprintf(resting, sizeof(resting), "%s/RESTING", folder);
    snprintf(kept, sizeof(kept), "%s/kept", folder);
    ck_assert_int_eq(store_open(folder, &store, NULL), ENGINE_OK);
}

static void
teardown(void)
{
    store_close(store);
    folder_remove(folder);
}

static enum engine_code
put(const char *key, const char *value)
{
    struct store_batch *batch = store_batch_create(store);
    ck_assert_ptr_nonnull(batch);
    store_batch_put(batch, STORE_POINTS, span_of(key), span_of(value));
    enum engine_code code = store_commit(batch, STORE_SYNC_NOW, NULL);
    store_batch_free(batch);
    return code;
}

static bool
has(const char *key)
{
    struct bytes value;
    bool found = false;
    bytes_init(&value, 1 << 10);
    ck_assert_int_eq(
        store_get(store, STORE_POINTS, span_of(key), &value, &found, NULL),
        ENGINE_OK);
    bytes_release(&value);
    return found;
}

/* Closes it, and opens it as a start does; the note's size. */
static size_t
start_again(void)
{
    struct bytes back;
    bytes_init(&back, STORE_NOTE_SIZE_MAX);
    store_close(store);
    store = NULL;
    ck_assert_int_eq(store_open_resting(folder, &back, &store, NULL),
                     ENGINE_OK);
    size_t size = back.size;
    ck_assert(size == 0 || span_equal(bytes_span(&back), note));
    ck_assert(store_is_resting(store) == (size > 0));
    bytes_release(&back);
    return size;
}

static void
copy(const char *from, const char *to)
{
    char text[4096];
    FILE *file = fopen(from, "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    file = fopen(to, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, size, file), size);
    fclose(file);
}

START_TEST(store_rest_closes_and_whoever_needs_it_opens)
{
    ck_assert_int_eq(put("a", "1"), ENGINE_OK);
    ck_assert(store_rest(store, note));
    ck_assert(store_is_resting(store));
    ck_assert(!store_rest(store, note));
    ck_assert_uint_eq(store_memory(store).memtables_size, 0);
    ck_assert_int_eq(store_sync(store, NULL), ENGINE_OK);
    ck_assert(store_is_resting(store));
    ck_assert(has("a"));
    ck_assert(!store_is_resting(store));
    ck_assert_int_ne(access(resting, F_OK), 0);
    ck_assert(store_rest(store, note));
    ck_assert_int_eq(put("b", "2"), ENGINE_OK);
    ck_assert(has("a") && has("b"));
}
END_TEST

START_TEST(store_rest_lasts_over_a_start)
{
    ck_assert_int_eq(put("a", "1"), ENGINE_OK);
    ck_assert_uint_eq(start_again(), 0);
    ck_assert(store_rest(store, note));
    ck_assert_uint_eq(start_again(), note.size);
    ck_assert_uint_eq(start_again(), note.size);
    ck_assert(has("a"));
    ck_assert_uint_eq(start_again(), 0);
}
END_TEST

START_TEST(store_rest_without_a_note_is_for_now_only)
{
    ck_assert(store_rest(store, (struct span){ NULL, 0 }));
    ck_assert(store_is_resting(store));
    ck_assert_uint_eq(start_again(), 0);
}
END_TEST

/* A removal that power loss took back. */
START_TEST(store_rest_that_somebody_ended_means_nothing)
{
    ck_assert(store_rest(store, note));
    copy(resting, kept);
    ck_assert_int_eq(put("a", "1"), ENGINE_OK);
    store_close(store);
    copy(kept, resting);
    struct bytes back;
    bytes_init(&back, STORE_NOTE_SIZE_MAX);
    ck_assert_int_eq(store_open_resting(folder, &back, &store, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(back.size, 0);
    ck_assert(!store_is_resting(store));
    ck_assert(has("a"));
}
END_TEST

START_TEST(store_rest_with_a_damaged_file_is_opened)
{
    static char long_note[1000];
    static const char *const texts[] = {
        "",         "resting 1\n", "\nnote 31\n", "\nnote zz\nend\n",
        "\nnote 3", long_note
    };
    memset(long_note, '3', sizeof(long_note) - 1);
    memcpy(long_note, "\nnote ", 6);
    ck_assert(store_rest(store, note));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *file = fopen(resting, "w");
        ck_assert_ptr_nonnull(file);
        fputs(texts[i], file);
        fclose(file);
        ck_assert_uint_eq(start_again(), 0);
        ck_assert(store_rest(store, note));
    }
    ck_assert_int_eq(truncate(resting, 1 << 20), 0);
    ck_assert_uint_eq(start_again(), 0);
}
END_TEST

START_TEST(store_rest_that_lost_its_tables_is_damage)
{
    char current[96];
    struct error error = { .text = "" };
    struct store *none = NULL;
    struct bytes back;
    snprintf(current, sizeof(current), "%s/CURRENT", folder);
    bytes_init(&back, STORE_NOTE_SIZE_MAX);
    ck_assert(store_rest(store, note));
    store_close(store);
    store = NULL;
    copy(current, kept);
    ck_assert_int_eq(unlink(current), 0);
    ck_assert_int_eq(store_open_resting(folder, &back, &none, &error),
                     ENGINE_ECORRUPT);
    copy(kept, current);
    ck_assert_int_eq(store_open_resting(folder, &back, &store, &error),
                     ENGINE_OK);
    bytes_release(&back);
}
END_TEST

static void *
use(void *ctx)
{
    for (int i = 0; i < 20; i++) {
        char key[32];
        snprintf(key, sizeof(key), "%s-%d", (const char *)ctx, i);
        ck_assert_int_eq(put(key, "x"), ENGINE_OK);
        ck_assert(has(key));
    }
    return NULL;
}

START_TEST(store_rest_while_threads_use_it)
{
    pthread_t threads[2];
    static const char *const names[] = { "a", "b" };
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, use, (void *)(uintptr_t)names[i]),
            0);
    for (int i = 0; i < 20; i++) {
        (void)store_rest(store, note);
        usleep(1000);
    }
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert(has("a-19") && has("b-19") && has("a-0"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store_rest");
    TCase *tcase = tcase_create("store_rest");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, store_rest_closes_and_whoever_needs_it_opens);
    tcase_add_test(tcase, store_rest_lasts_over_a_start);
    tcase_add_test(tcase, store_rest_without_a_note_is_for_now_only);
    tcase_add_test(tcase, store_rest_that_somebody_ended_means_nothing);
    tcase_add_test(tcase, store_rest_with_a_damaged_file_is_opened);
    tcase_add_test(tcase, store_rest_that_lost_its_tables_is_damage);
    tcase_add_test(tcase, store_rest_while_threads_use_it);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
