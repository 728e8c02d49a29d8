/* SPDX-License-Identifier: Apache-2.0
 * Covers: batches, order of scans, reopening, a killed writer, a full disk
 * (by the file size limit), a newer format, memtables given back, stores that
 * must exist. */
#include "engine/storage/store.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64];
static struct store *store;

static void
setup_folder(void)
{
    ck_assert(folder_make("/tmp", "store", folder, sizeof(folder)));
}

static void
setup(void)
{
    setup_folder();
    ck_assert_int_eq(store_open(folder, &store, NULL), ENGINE_OK);
}

static void
teardown(void)
{
    store_close(store);
    store = NULL;
    ck_assert_int_eq(store_destroy(folder, NULL), ENGINE_OK);
}

static enum engine_code
put(const char *key, const char *value, enum store_sync sync,
    struct error *reterr)
{
    struct store_batch *batch = store_batch_create(store);
    ck_assert_ptr_nonnull(batch);
    store_batch_put(batch, STORE_POINTS, span_of(key), span_of(value));
    enum engine_code code = store_commit(batch, sync, reterr);
    store_batch_free(batch);
    return code;
}

static void
assert_value(const char *key, const char *expected)
{
    struct bytes value;
    bytes_init(&value, 1 << 20);
    bool found = false;
    ck_assert_int_eq(
        store_get(store, STORE_POINTS, span_of(key), &value, &found, NULL),
        ENGINE_OK);
    if (expected == NULL) {
        ck_assert(!found);
    } else {
        ck_assert(found);
        ck_assert(span_equal_text(bytes_span(&value), expected));
    }
    bytes_release(&value);
}

static enum engine_code
collect(void *ctx, struct span key, struct span value, struct error *reterr)
{
    (void)value;
    (void)reterr;
    bytes_add_span(ctx, key);
    return ENGINE_OK;
}

/* A batch is applied whole; families do not mix; scans go by key order. */
START_TEST(store_applies_batches_and_scans_in_order)
{
    ck_assert_int_eq(put("b", "2", STORE_SYNC_NOW, NULL), ENGINE_OK);
    ck_assert_int_eq(put("a", "1", STORE_SYNC_LATER, NULL), ENGINE_OK);
    ck_assert_int_eq(put("c", "3", STORE_SYNC_LATER, NULL), ENGINE_OK);
    struct store_batch *batch = store_batch_create(store);
    store_batch_put(batch, STORE_VECTORS, span_of("z"), span_of("9"));
    store_batch_delete(batch, STORE_POINTS, span_of("b"));
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, NULL), ENGINE_OK);
    store_batch_clear(batch);
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, NULL), ENGINE_OK);
    assert_value("b", NULL);
    assert_value("z", NULL);
    struct bytes keys;
    bytes_init(&keys, 100);
    ck_assert_int_eq(
        store_scan(store, STORE_POINTS, span_of(""), collect, &keys, NULL),
        ENGINE_OK);
    ck_assert(span_equal_text(bytes_span(&keys), "ac"));
    bytes_release(&keys);
    store_batch_delete_range(batch, STORE_POINTS, span_of("a"), span_of("c"));
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, NULL), ENGINE_OK);
    assert_value("a", NULL);
    assert_value("c", "3");
    store_batch_free(batch);
    ck_assert_uint_gt(store_disk_size(store), 0);
}
END_TEST

/* A process killed right after a commit loses nothing. The child is forked
 * before RocksDB has threads here. */
START_TEST(store_keeps_commits_of_a_killed_process)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (store_open(folder, &store, NULL) != ENGINE_OK)
            _exit(1);
        for (int i = 0; i < 100; i++) {
            char key[8];
            snprintf(key, sizeof(key), "%03d", i);
            if (put(key, "value", STORE_SYNC_LATER, NULL) != ENGINE_OK)
                _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(store_open(folder, &store, NULL), ENGINE_OK);
    assert_value("000", "value");
    assert_value("099", "value");
}
END_TEST

/* The file size limit stands for a full disk: the write is refused with the
 * cause, what was there stays, and writes work again once there is room. */
START_TEST(store_survives_a_full_disk)
{
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(put("kept", "yes", STORE_SYNC_NOW, NULL), ENGINE_OK);
    struct rlimit old, small;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 64 << 10;
    char *big = calloc(1, (1 << 20) + 1);
    ck_assert_ptr_nonnull(big);
    memset(big, 'x', 1 << 20);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct error error;
    ck_assert_int_eq(put("lost", big, STORE_SYNC_NOW, &error), ENGINE_ENOSPACE);
    ck_assert_ptr_nonnull(strstr(error.text, "no space left"));
    ck_assert_int_ne(put("lost", "small", STORE_SYNC_NOW, NULL), ENGINE_OK);
    assert_value("kept", "yes");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(put("after", "room", STORE_SYNC_NOW, NULL), ENGINE_OK);
    store_close(store);
    ck_assert_int_eq(store_open(folder, &store, NULL), ENGINE_OK);
    assert_value("kept", "yes");
    assert_value("lost", NULL);
    assert_value("after", "room");
    free(big);
}
END_TEST

#define WRITERS 6
#define WRITES  25

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* Writers take turns, as those of a segment do, and wait together. */
static void *
run_writer(void *ctx)
{
    const char *name = ctx;
    for (int i = 0; i < WRITES; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%s%d", name, i);
        pthread_mutex_lock(&turn);
        enum engine_code code = put(key, key, STORE_SYNC_LATER, NULL);
        uint64_t ticket = store_written(store);
        pthread_mutex_unlock(&turn);
        if (code != ENGINE_OK ||
            store_sync_to(store, ticket, NULL) != ENGINE_OK)
            return NULL;
    }
    return ctx;
}

START_TEST(store_syncs_for_many_writers_at_once)
{
    static char names[WRITERS][2] = { "a", "b", "c", "d", "e", "f" };
    pthread_t threads[WRITERS];
    uint64_t before = store_written(store);
    for (size_t i = 0; i < WRITERS; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, run_writer, names[i]), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, names[i]);
    }
    ck_assert_uint_eq(store_written(store) - before, WRITERS * WRITES);
    ck_assert_int_eq(store_sync(store, NULL), ENGINE_OK);
    ck_assert_int_eq(store_sync_to(store, store_written(store), NULL),
                     ENGINE_OK);
    assert_value("f24", "f24");
}
END_TEST

START_TEST(store_refuses_a_newer_format)
{
    struct store_batch *batch = store_batch_create(store);
    store_batch_put(batch, STORE_META, span_of("format"),
                    (struct span){ "\xff\0\0\0", 4 });
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_NOW, NULL), ENGINE_OK);
    store_batch_free(batch);
    store_close(store);
    store = NULL;
    struct error error;
    ck_assert_int_eq(store_open(folder, &store, &error), ENGINE_EVERSION);
    ck_assert_ptr_nonnull(strstr(error.text, "storage format 255"));
}
END_TEST

START_TEST(store_names_a_path_that_cannot_be_opened)
{
    struct store *none;
    struct error error;
    ck_assert_int_ne(store_open("/proc/nothing/here", &none, &error),
                     ENGINE_OK);
    ck_assert_ptr_nonnull(strstr(error.text, "/proc/nothing/here"));
    ck_assert_int_eq(store_destroy("/proc/nothing/here", NULL), ENGINE_OK);
}
END_TEST

#define MANY 3000

static void
make_key(uint32_t number, char key[4])
{
    key[0] = (char)(number >> 24);
    key[1] = (char)(number >> 16);
    key[2] = (char)(number >> 8);
    key[3] = (char)number;
}

/* Even numbers hold their own number as text; odd ones are not there. */
static void
put_many(void)
{
    struct store_batch *batch = store_batch_create(store);
    for (uint32_t i = 0; i < 2 * MANY; i += 2) {
        char key[4], text[16];
        make_key(i, key);
        snprintf(text, sizeof(text), "%u", i);
        store_batch_put(batch, STORE_PAYLOADS, (struct span){ key, 4 },
                        span_of(text));
    }
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_LATER, NULL), ENGINE_OK);
    store_batch_free(batch);
}

struct taken {
    const uint32_t *numbers;
    size_t count;
};

static void
take_one(void *ctx, size_t position, struct span value)
{
    struct taken *taken = ctx;
    char text[16];
    ck_assert_uint_eq(position, taken->count);
    uint32_t number = taken->numbers[taken->count++];
    snprintf(text, sizeof(text), "%u", number);
    if (number % 2 == 0 && number < 2 * MANY)
        ck_assert(span_equal_text(value, text));
    else
        ck_assert_ptr_null(value.data);
}

static void
assert_many(const uint32_t *numbers, size_t count)
{
    static char raw[2 * MANY][4];
    static struct span keys[2 * MANY];
    for (size_t i = 0; i < count; i++) {
        make_key(numbers[i], raw[i]);
        keys[i] = (struct span){ raw[i], 4 };
    }
    struct taken taken = { numbers, 0 };
    ck_assert_int_eq(store_get_many(store, STORE_PAYLOADS, keys, count,
                                    take_one, &taken, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(taken.count, count);
}

/* Close and sorted, scattered, sorted but far apart, repeated, and past the
 * end: each key is answered once, in the order asked for. */
START_TEST(store_reads_many_keys_in_any_order)
{
    static uint32_t numbers[2 * MANY];
    put_many();
    for (uint32_t i = 0; i < 2 * MANY; i++)
        numbers[i] = i;
    assert_many(numbers, 2 * MANY);
    for (uint32_t i = 0; i < 500; i++)
        numbers[i] = (i * 7919) % (2 * MANY);
    assert_many(numbers, 500);
    for (uint32_t i = 0; i < 100; i++)
        numbers[i] = i * 53;
    assert_many(numbers, 100);
    for (uint32_t i = 0; i < 20; i++)
        numbers[i] = 2 * MANY - 10 + i;
    assert_many(numbers, 20);
    for (uint32_t i = 0; i < 20; i++)
        numbers[i] = 4;
    assert_many(numbers, 20);
    assert_many(numbers, 0);
}
END_TEST

START_TEST(store_counts_its_memory)
{
    struct store_memory before = store_memory(store);
    put_many();
    struct store_memory after = store_memory(store);
    ck_assert_uint_gt(after.memtables_size, before.memtables_size);
    store_cache_resize((size_t)1 << 20);
    ck_assert_uint_le(store_cache_used(), (size_t)2 << 20);
    store_cache_resize(STORE_CACHE_SIZE_DEFAULT);
}
END_TEST

/* A megabyte in one value. */
static void
put_big(const char *key)
{
    static char value[(1 << 20) + 1];
    memset(value, 'x', sizeof(value) - 1);
    ck_assert_int_eq(put(key, value, STORE_SYNC_LATER, NULL), ENGINE_OK);
}

static void *
write_beside(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(put("beside", "value", STORE_SYNC_LATER, NULL),
                         ENGINE_OK);
    return NULL;
}

/* What is written goes to the disk, while others write; little is left alone,
 * and nothing is lost. */
START_TEST(store_gives_its_memtables_back)
{
    char key[16];
    pthread_t thread;
    ck_assert(!store_relieve());
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        put_big(key);
    }
    size_t before = store_memory(store).memtables_size;
    ck_assert_uint_ge(before, 8 << 20);
    ck_assert_int_eq(pthread_create(&thread, NULL, write_beside, NULL), 0);
    ck_assert(store_relieve());
    ck_assert_uint_lt(store_memory(store).memtables_size, before / 2);
    ck_assert(!store_relieve());
    pthread_join(thread, NULL);
    assert_value("beside", "value");
    store_close(store);
    ck_assert_int_eq(store_open_existing(folder, &store, NULL), ENGINE_OK);
    assert_value("beside", "value");
    struct bytes value;
    bool found = false;
    bytes_init(&value, 2 << 20);
    ck_assert_int_eq(
        store_get(store, STORE_POINTS, span_of("key7"), &value, &found, NULL),
        ENGINE_OK);
    ck_assert(found);
    ck_assert_uint_eq(value.size, 1 << 20);
    bytes_release(&value);
}
END_TEST

/* A part that is missing is damage; nothing is made in its place. */
START_TEST(store_that_must_exist_is_not_made)
{
    char path[128];
    struct error error;
    struct store *none = NULL;
    snprintf(path, sizeof(path), "%s/none", folder);
    ck_assert_int_eq(store_open_existing(path, &none, &error), ENGINE_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, path));
    snprintf(path, sizeof(path), "%s/none/CURRENT", folder);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(put("kept", "value", STORE_SYNC_NOW, NULL), ENGINE_OK);
    store_close(store);
    snprintf(path, sizeof(path), "%s/CURRENT", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(store_open_existing(folder, &none, &error),
                     ENGINE_ECORRUPT);
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(store_destroy(folder, NULL), ENGINE_OK);
    ck_assert_int_eq(store_open(folder, &store, NULL), ENGINE_OK);
}
END_TEST

static void
change_some(uint32_t begin, uint32_t end, bool is_put)
{
    static char value[2048];
    struct store_batch *batch = store_batch_create(store);
    for (uint32_t i = begin; i < end; i++) {
        uint8_t key[4] = { 0, 0, (uint8_t)(i >> 8), (uint8_t)i };
        struct span span = { (const char *)key, sizeof(key) };
        for (size_t k = 0; k < sizeof(value); k++)
            value[k] = (char)(k * 31 + i * 17 + k * k * i);
        if (is_put)
            store_batch_put(batch, STORE_VECTORS, span,
                            (struct span){ value, sizeof(value) });
        else
            store_batch_delete(batch, STORE_VECTORS, span);
    }
    ck_assert_int_eq(store_commit(batch, STORE_SYNC_LATER, NULL), ENGINE_OK);
    store_batch_free(batch);
}

START_TEST(store_gives_the_disk_of_deleted_records_back)
{
    const struct span from = { "\0\0\0\0", 4 };
    const struct span to = { "\0\0\x20\0", 4 };
    const size_t record = 2048 + 4;
    change_some(0, 8000, true);
    store_compact(store, STORE_VECTORS, from, to);
    uint64_t full = store_family_size(store, STORE_VECTORS);
    ck_assert_uint_ge(full, 8000 * record);
    ck_assert_uint_le(full, 8000 * record * 14 / 10);
    change_some(800, 8000, false);
    change_some(0, 10, true);
    store_compact(store, STORE_VECTORS, from, to);
    uint64_t rest = store_family_size(store, STORE_VECTORS);
    ck_assert_uint_ge(rest, 800 * record);
    ck_assert_uint_le(rest, 800 * record * 14 / 10);
    struct bytes keys;
    bytes_init(&keys, 1 << 20);
    ck_assert_int_eq(store_scan(store, STORE_VECTORS, (struct span){ NULL, 0 },
                                collect, &keys, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(bytes_span(&keys).size, 800 * 4);
    bytes_release(&keys);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, store_applies_batches_and_scans_in_order);
    tcase_add_test(tcase, store_survives_a_full_disk);
    tcase_add_test(tcase, store_syncs_for_many_writers_at_once);
    tcase_add_test(tcase, store_refuses_a_newer_format);
    tcase_add_test(tcase, store_reads_many_keys_in_any_order);
    tcase_add_test(tcase, store_counts_its_memory);
    tcase_add_test(tcase, store_gives_its_memtables_back);
    tcase_add_test(tcase, store_that_must_exist_is_not_made);
    tcase_add_test(tcase, store_names_a_path_that_cannot_be_opened);
    tcase_add_test(tcase, store_gives_the_disk_of_deleted_records_back);
    suite_add_tcase(suite, tcase);
    TCase *killed = tcase_create("killed");
    tcase_add_checked_fixture(killed, setup_folder, teardown);
    tcase_add_test(killed, store_keeps_commits_of_a_killed_process);
    suite_add_tcase(suite, killed);
    return suite_run(suite);
}
