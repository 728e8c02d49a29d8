/* SPDX-License-Identifier: Apache-2.0
 * Covers: names, duplicates, delete with users, reopening, the storage lock,
 * what a crash leaves behind, restores whose markers or syncs fail. */
#include "engine/collection/registry.h"
#include "engine/segment/search.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/collection/collection.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_marker.h"
#include "engine/collection/registry_restore.h"
#include "engine/storage/checkpoint.h"
#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64];
static struct registry *registry;
static struct arena arena;
static struct error error;

static atomic_uint forgotten; /* collections called "c" */
static atomic_bool is_released;
static atomic_bool was_released; /* when the last was forgotten */

static void
on_forget(void *ctx, struct span name)
{
    atomic_fetch_add((atomic_uint *)ctx, span_equal_text(name, "c"));
    atomic_store(&was_released, atomic_load(&is_released));
}

static enum engine_code
reopen(void)
{
    registry_close(registry);
    registry = NULL;
    return registry_open(&(struct registry_options){ .storage_path = folder,
                                                     .background_threads = 2,
                                                     .retry_interval_ms = 20,
                                                     .forget = on_forget,
                                                     .forget_ctx = &forgotten },
                         &registry, &error);
}

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "registry", folder, sizeof(folder)));
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(reopen(), ENGINE_OK);
}

static void
teardown(void)
{
    registry_close(registry);
    registry = NULL;
    arena_release(&arena);
    folder_remove(folder);
}

static enum engine_code
create_of(const char *name, const char *body)
{
    yyjson_doc *doc;
    struct collection_config config;
    ck_assert_int_eq(json_parse(span_of(body), &doc, NULL), ENGINE_OK);
    ck_assert_int_eq(
        config_parse(yyjson_doc_get_root(doc), &arena, &config, NULL),
        ENGINE_OK);
    yyjson_doc_free(doc);
    return registry_create(registry, span_of(name), &config, &error);
}

static enum engine_code
create(const char *name)
{
    return create_of(name, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"}}");
}

static void
assert_names(const char *expected)
{
    const struct span *names;
    size_t count;
    ck_assert_int_eq(registry_list(registry, &arena, &names, &count, NULL),
                     ENGINE_OK);
    struct bytes all;
    bytes_init(&all, 10000);
    for (size_t i = 0; i < count; i++) {
        bytes_add_span(&all, names[i]);
        bytes_add_char(&all, ' ');
    }
    ck_assert_msg(span_equal_text(bytes_span(&all), expected), "%s",
                  all.data == NULL ? "" : all.data);
    bytes_release(&all);
}

START_TEST(registry_keeps_collections_over_a_restart)
{
    ck_assert_int_eq(create("b"), ENGINE_OK);
    ck_assert_int_eq(create("a"), ENGINE_OK);
    ck_assert_int_eq(create("\xc3\xa9 ..%"), ENGINE_OK);
    ck_assert_int_eq(create("b"), ENGINE_EEXIST);
    ck_assert_str_eq(error.text, "Collection `b` already exists!");
    assert_names("a b \xc3\xa9 ..% ");
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("a b \xc3\xa9 ..% ");
    ck_assert(registry_exists(registry, span_of("a")));
    bool existed;
    ck_assert_int_eq(registry_delete(registry, span_of("a"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(existed);
    ck_assert_int_eq(registry_delete(registry, span_of("a"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(!existed);
    ck_assert_int_eq(create("a"), ENGINE_OK);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("a b \xc3\xa9 ..% ");
}
END_TEST

static const char *const bad_names[] = { "",      "a/b", "a\\b", "a:b",
                                         "a\x1f", "a*",  "\xff", "\xc0\x80" };

START_TEST(registry_refuses_bad_names)
{
    ck_assert_int_eq(create(bad_names[_i]), ENGINE_EVALIDPATH);
    assert_names("");
}
END_TEST

START_TEST(registry_names_the_length_limit)
{
    char name[258];
    memset(name, 'n', sizeof(name));
    name[256] = '\0';
    ck_assert_int_eq(create(name), ENGINE_EVALIDPATH);
    ck_assert_ptr_nonnull(strstr(error.text, "255"));
    name[255] = '\0';
    ck_assert_int_eq(create(name), ENGINE_OK);
}
END_TEST

START_TEST(registry_says_what_is_missing)
{
    struct collection *collection;
    ck_assert_int_eq(
        registry_acquire(registry, span_of("nope"), &collection, &error),
        ENGINE_ENOTFOUND);
    ck_assert_str_eq(error.text, "Collection `nope` doesn't exist!");
}
END_TEST

static void *
release_later(void *collection)
{
    usleep(50000);
    atomic_store(&is_released, true);
    registry_release(registry, collection);
    return NULL;
}

/* A delete waits for the calls that are running. */
START_TEST(registry_deletes_after_the_last_user_left)
{
    ck_assert_int_eq(create("c"), ENGINE_OK);
    struct collection *collection;
    ck_assert_int_eq(
        registry_acquire(registry, span_of("c"), &collection, NULL), ENGINE_OK);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, release_later, collection),
                     0);
    bool existed;
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(atomic_load(&is_released) && atomic_load(&was_released));
    pthread_join(thread, NULL);
    assert_names("");
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(!existed);
    ck_assert_uint_eq(atomic_load(&forgotten), 1);
}
END_TEST

/* Somebody waits for the collection: what looks at it for nobody's sake ends. */
START_TEST(registry_ends_work_that_nobody_waits_for)
{
    bool existed;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    segment_idle_begin(UINT64_MAX - 1);
    ck_assert_int_eq(segment_check_deadline(SEGMENT_DEADLINE_IDLE, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(segment_check_deadline(SEGMENT_DEADLINE_IDLE, NULL),
                     ENGINE_ETIMEOUT);
    ck_assert_int_eq(segment_check_deadline(0, NULL), ENGINE_OK);
}
END_TEST

START_TEST(registry_refuses_a_second_process)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct registry *second;
        enum engine_code code =
            registry_open(&(struct registry_options){ .storage_path = folder },
                          &second, &error);
        _exit(code == ENGINE_EUNAVAILABLE && strstr(error.text, folder) != NULL
                  ? 0
                  : 1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* A create and a delete that a crash cut short leave nothing behind. */
START_TEST(registry_clears_what_a_crash_left)
{
    ck_assert_int_eq(create("kept"), ENGINE_OK);
    char made[128], gone[128];
    snprintf(made, sizeof(made), "%s/collections/00000007", folder);
    snprintf(gone, sizeof(gone), "%s/collections/00000008.deleted", folder);
    ck_assert_int_eq(mkdir(made, 0700), 0);
    ck_assert_int_eq(mkdir(gone, 0700), 0);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("kept ");
    ck_assert_int_ne(access(made, F_OK), 0);
    ck_assert_int_ne(access(gone, F_OK), 0);
    ck_assert_int_eq(create("new"), ENGINE_OK);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("kept new ");
}
END_TEST

/* A crash between the end of a collection and that of its aliases: one of the
 * same name that is made later does not inherit them. */
START_TEST(registry_gives_no_alias_of_the_dead_to_a_new_one)
{
    const char *text = "{\"format\":1,\"aliases\":{\"live\":\"a\"}}";
    char path[128];
    struct checkpoint *file;
    snprintf(path, sizeof(path), "%s/aliases.json", folder);
    ck_assert_int_eq(checkpoint_create(path, &file, NULL), ENGINE_OK);
    ck_assert_int_eq(checkpoint_append(file, text, strlen(text), NULL),
                     ENGINE_OK);
    ck_assert_int_eq(checkpoint_commit(file, NULL), ENGINE_OK);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    ck_assert(!registry_exists(registry, span_of("live")));
    ck_assert_int_eq(create("a"), ENGINE_OK);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    ck_assert(registry_exists(registry, span_of("a")));
    ck_assert(!registry_exists(registry, span_of("live")));
}
END_TEST

/* A delete that cannot be done leaves the collection as it was. */
START_TEST(registry_keeps_what_it_cannot_delete)
{
    ck_assert_int_eq(create("c"), ENGINE_OK);
    char gone[128], file[160];
    snprintf(gone, sizeof(gone), "%s/collections/00000001.deleted", folder);
    snprintf(file, sizeof(file), "%s/in-the-way", gone);
    ck_assert_int_eq(mkdir(gone, 0700), 0);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    bool existed;
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, &error),
                     ENGINE_EINTERNAL);
    ck_assert_ptr_nonnull(strstr(error.text, "cannot rename"));
    ck_assert_int_eq(create("c"), ENGINE_EEXIST);
    ck_assert_uint_eq(atomic_load(&forgotten), 0);
    struct collection *collection;
    ck_assert_int_eq(
        registry_acquire(registry, span_of("c"), &collection, NULL), ENGINE_OK);
    registry_release(registry, collection);
    ck_assert_int_eq(rmdir(file), 0);
    ck_assert_int_eq(rmdir(gone), 0);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(existed);
}
END_TEST

/* Puts the files that `from` has in the place where a restore expects them. */
static void
move_files(const char *from, const char *to)
{
    static const char *const names[] = { "collection.json", "shard-0" };
    for (size_t i = 0; i < 2; i++) {
        char a[256], b[256];
        snprintf(a, sizeof(a), "%s/%s", from, names[i]);
        snprintf(b, sizeof(b), "%s/%s", to, names[i]);
        ck_assert_int_eq(rename(a, b), 0);
    }
}

/* A copy of a collection that has yet to take its place; its folder's last name
 * in `name`. */
static struct restore *
copy(const char *collection, char name[32])
{
    struct frozen frozen;
    struct restore *restore;
    ck_assert_int_eq(
        registry_freeze(registry, span_of(collection), &arena, &frozen, &error),
        ENGINE_OK);
    ck_assert_int_eq(registry_restore_begin(registry, &restore, &error),
                     ENGINE_OK);
    const char *made = registry_restore_folder(restore);
    snprintf(name, 32, "%s", strrchr(made, '/') + 1);
    move_files(frozen.folder, made);
    registry_thaw(&frozen);
    ck_assert_int_eq(
        registry_restore_load(restore, span_of(collection), &error), ENGINE_OK);
    return restore;
}

/* Replaces a collection by a copy of itself. */
static void
replace(const char *collection, char name[32])
{
    struct restore *restore = copy(collection, name);
    ck_assert_int_eq(registry_restore_commit(restore, &error), ENGINE_OK);
}

static bool
has_folder(const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/collections/%s", folder, name);
    return access(path, F_OK) == 0;
}

/* A replaced folder that cannot be taken away is not served by any start, and
 * who replaced it does not go before it. */
START_TEST(registry_serves_no_replaced_one_again)
{
    char second[32], third[32], gone[128], file[160];
    bool existed;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    snprintf(gone, sizeof(gone), "%s/collections/00000001.deleted", folder);
    snprintf(file, sizeof(file), "%s/in-the-way", gone);
    ck_assert_int_eq(mkdir(gone, 0700), 0);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    replace("c", second);
    ck_assert(has_folder("00000001") && has_folder(second));
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, &error),
                     ENGINE_EINTERNAL);
    ck_assert_ptr_nonnull(strstr(error.text, "00000001"));
    replace("c", third);
    ck_assert(has_folder("00000001") && has_folder(second) &&
              has_folder(third));
    /* A start serves the last one alone, and clears the way. */
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("c ");
    const struct damaged *damaged;
    size_t count = 1;
    ck_assert_int_eq(
        registry_damaged(registry, &arena, &damaged, &count, &error),
        ENGINE_OK);
    ck_assert_uint_eq(count, 0);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, &error),
                     ENGINE_OK);
    ck_assert(!has_folder("00000001") && !has_folder(second) &&
              !has_folder(third));
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("");
}
END_TEST

/* Keeps the first folder from being taken away. */
static void
block_first(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/collections/00000001.deleted", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/collections/00000001.deleted/x", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

/* A marker that cannot be read keeps nobody from deleting; what the markers
 * before it name goes, too. */
START_TEST(registry_deletes_past_a_damaged_marker)
{
    char second[32], third[32], path[160];
    bool existed = false;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    block_first();
    replace("c", second);
    replace("c", third);
    ck_assert(has_folder("00000001") && has_folder(second));
    snprintf(path, sizeof(path), "%s/collections/%s/restored", folder, second);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, &error),
                     ENGINE_OK);
    ck_assert(existed);
    ck_assert(!has_folder(second) && !has_folder(third));
    assert_names("");
}
END_TEST

/* A marker that names a folder, where it is of the form without a sum. */
static void
write_plain_marker(const char *in, const char *named)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/collections/%s/restored", folder, in);
    ck_assert_int_eq(checkpoint_write(path, span_of(named), NULL), ENGINE_OK);
}

static void
assert_marker(const char *in, enum engine_code code, const char *expected)
{
    char path[160], name[REGISTRY_FOLDER_SIZE];
    snprintf(path, sizeof(path), "%s/collections/%s", folder, in);
    ck_assert_int_eq(registry_marker_read(path, name, &error), code);
    ck_assert_str_eq(name, expected);
    if (code != ENGINE_OK)
        ck_assert_ptr_nonnull(strstr(error.text, "restored is damaged"));
}

/* A file's bytes. */
static size_t
read_marker(const char *path, char text[128])
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, 128, file);
    fclose(file);
    ck_assert_uint_lt(size, 128);
    return size;
}

/* Whatever bit of it is another, and wherever it ends, it is not believed. */
START_TEST(registry_believes_no_marker_with_another_bit)
{
    char second[32], path[160], text[128];
    ck_assert_int_eq(create("c"), ENGINE_OK);
    block_first();
    replace("c", second);
    assert_marker(second, ENGINE_OK, "00000001");
    snprintf(path, sizeof(path), "%s/collections/%s/restored", folder, second);
    size_t size = read_marker(path, text);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
        ck_assert_int_eq(
            checkpoint_write(path, (struct span){ text, size }, NULL),
            ENGINE_OK);
        assert_marker(second, ENGINE_ECORRUPT, "");
        text[bit / 8] = (char)(text[bit / 8] ^ (1 << bit % 8));
    }
    for (size_t left = 0; left < size; left++) {
        ck_assert_int_eq(
            checkpoint_write(path, (struct span){ text, left }, NULL),
            ENGINE_OK);
        assert_marker(second, ENGINE_ECORRUPT, "");
    }
}
END_TEST

/* Of the form without a sum it may name nothing but one of the same name. */
START_TEST(registry_reads_markers_of_before)
{
    char second[32];
    ck_assert_int_eq(create("c"), ENGINE_OK);
    ck_assert_int_eq(create("other"), ENGINE_OK);
    block_first();
    replace("c", second);
    write_plain_marker(second, "00000001");
    assert_marker(second, ENGINE_OK, "00000001");
    write_plain_marker(second, "-");
    assert_marker(second, ENGINE_OK, "-");
    write_plain_marker(second, "00000099");
    assert_marker(second, ENGINE_OK, "00000099");
    write_plain_marker(second, "00000002");
    assert_marker(second, ENGINE_ECORRUPT, "");
    write_plain_marker(second, "0000000a");
    assert_marker(second, ENGINE_ECORRUPT, "");
    write_plain_marker(second, "00000001");
    for (unsigned i = 0; i < 2; i++) { /* the first clears the way */
        ck_assert_int_eq(reopen(), ENGINE_OK);
        assert_names("c other ");
    }
    ck_assert(!has_folder("00000001") && has_folder(second));
}
END_TEST

/* With a marker that cannot be read both are there at a start: what replaced the
 * other is served. Once that one is gone the marker says nothing more. */
START_TEST(registry_serves_the_last_of_one_name)
{
    char second[32], path[160];
    const struct damaged *damaged;
    size_t count = 0;
    bool existed = false;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    block_first();
    replace("c", second);
    snprintf(path, sizeof(path), "%s/collections/%s/restored", folder, second);
    ck_assert_int_eq(truncate(path, 5), 0);
    for (unsigned i = 0; i < 8; i++) {
        ck_assert_int_eq(reopen(), ENGINE_OK);
        assert_names("c damaged-00000001 ");
        ck_assert_int_eq(
            registry_damaged(registry, &arena, &damaged, &count, &error),
            ENGINE_OK);
        ck_assert_uint_eq(count, 1);
        ck_assert_ptr_nonnull(strstr(damaged[0].folder, "00000001"));
    }
    ck_assert_int_eq(access(path, F_OK), 0);
    ck_assert_int_eq(registry_delete(registry, span_of("damaged-00000001"),
                                     &existed, &error),
                     ENGINE_OK);
    ck_assert(!has_folder("00000001"));
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("c ");
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

static atomic_bool fails_sync;
static atomic_uint failed_syncs;

/* The engine's calls: with `fails_sync` those of a folder that is decided fail. */
int
fsync(int fd)
{
    char name[64], path[256], marker[300];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    ssize_t size = fails_sync ? readlink(name, path, sizeof(path) - 1) : 0;
    path[size > 0 ? size : 0] = '\0';
    snprintf(marker, sizeof(marker), "%s/restored", path);
    if (size > 0 && access(marker, F_OK) == 0) {
        failed_syncs++;
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

/* A start might find it undecided, so the old one is still there until then. */
START_TEST(registry_keeps_the_old_where_the_new_may_not_be_durable)
{
    char second[32];
    ck_assert_int_eq(create("c"), ENGINE_OK);
    fails_sync = true;
    replace("c", second);
    ck_assert_uint_ge(failed_syncs, 1);
    ck_assert(has_folder("00000001") && has_folder(second));
    assert_names("c ");
    registry_close(registry);
    registry = NULL;
    fails_sync = false;
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("c ");
    ck_assert(!has_folder("00000001") && has_folder(second));
}
END_TEST

static bool
has_marker(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/collections/%s/restored", folder, name);
    return access(path, F_OK) == 0;
}

static void
sleep_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

/* Not only at the next start: whoever writes to it counts on it. */
START_TEST(registry_asks_the_disk_again)
{
    char second[32], third[32];
    bool existed;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    fails_sync = true;
    replace("c", second);
    /* It is, in vain. */
    for (unsigned seen = failed_syncs, i = 0;
         failed_syncs < seen + 2 && i < 1000; i++)
        sleep_ms(10);
    ck_assert_uint_ge(failed_syncs, 3);
    ck_assert(has_folder("00000001") && has_marker(second));
    fails_sync = false;
    for (unsigned i = 0; has_marker(second) && i < 1000; i++)
        sleep_ms(10);
    ck_assert(!has_marker(second) && !has_folder("00000001"));
    /* What goes meanwhile is asked for no more. */
    fails_sync = true;
    replace("c", third);
    fails_sync = false;
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(existed && !has_folder(second) && !has_folder(third));
    sleep_ms(50);
    assert_names("");
}
END_TEST

/* Between the load and the commit the name went to another. */
START_TEST(registry_restores_no_other_vectors_over_a_new_one)
{
    char made[32];
    bool existed = false;
    ck_assert_int_eq(create("c"), ENGINE_OK);
    struct restore *restore = copy("c", made);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert_int_eq(
        create_of("c", "{\"vectors\":{\"size\":8,\"distance\":\"Dot\"}}"),
        ENGINE_OK);
    ck_assert_int_eq(registry_restore_commit(restore, &error), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "another kind, size or distance"));
    ck_assert(!has_folder(made));
    struct collection *collection;
    ck_assert_int_eq(
        registry_acquire(registry, span_of("c"), &collection, NULL), ENGINE_OK);
    registry_release(registry, collection);
    ck_assert_int_eq(registry_delete(registry, span_of("c"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(existed);
}
END_TEST

/* Its name, folder and cause are told; nothing is made in its place; deleting
 * it takes the folder. */
START_TEST(registry_serves_the_others_when_one_is_damaged)
{
    char path[128];
    ck_assert_int_eq(create("a"), ENGINE_OK);
    ck_assert_int_eq(create("b"), ENGINE_OK);
    snprintf(path, sizeof(path),
             "%s/collections/00000001/shard-0/store/CURRENT", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(reopen(), ENGINE_OK);
    assert_names("a b ");
    ck_assert_int_ne(access(path, F_OK), 0);
    struct collection *collection;
    ck_assert_int_eq(
        registry_acquire(registry, span_of("a"), &collection, &error),
        ENGINE_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, "collections/00000001"));
    ck_assert_int_eq(create("a"), ENGINE_EEXIST);
    const struct damaged *damaged;
    size_t count;
    ck_assert_int_eq(registry_damaged(registry, &arena, &damaged, &count, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert(span_equal_text(damaged[0].name, "a"));
    bool existed;
    ck_assert_int_eq(registry_delete(registry, span_of("a"), &existed, NULL),
                     ENGINE_OK);
    ck_assert(existed);
    assert_names("b ");
    ck_assert_int_eq(create("a"), ENGINE_OK);
}
END_TEST

static void *
create_and_delete(void *ctx)
{
    const char *name = ctx;
    for (int i = 0; i < 10; i++) {
        bool existed;
        enum engine_code code = create(name);
        ck_assert(code == ENGINE_OK || code == ENGINE_EEXIST ||
                  code == ENGINE_EINPUT);
        ck_assert_int_eq(
            registry_delete(registry, span_of(name), &existed, NULL),
            ENGINE_OK);
    }
    return NULL;
}

START_TEST(registry_survives_racing_creates_and_deletes)
{
    static char other[] = "other";
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, create_and_delete, other),
                     0);
    for (int i = 0; i < 100; i++) {
        struct collection *collection;
        if (registry_acquire(registry, span_of(other), &collection, NULL) ==
            ENGINE_OK)
            registry_release(registry, collection);
    }
    pthread_join(thread, NULL);
    assert_names("");
}
END_TEST

/* A name is a collection's or an alias, whoever comes first. */
START_TEST(registry_gives_no_name_to_two)
{
    static char name[] = "one-name";
    struct alias_action put = { .kind = ALIAS_CREATE,
                                .name = span_of(name),
                                .collection = span_of("kept") };
    struct alias_action drop = { .kind = ALIAS_DELETE, .name = span_of(name) };
    pthread_t thread;
    ck_assert_int_eq(create("kept"), ENGINE_OK);
    ck_assert_int_eq(pthread_create(&thread, NULL, create_and_delete, name), 0);
    for (int i = 0; i < 100; i++) {
        struct collection *collection;
        enum engine_code code =
            registry_change_aliases(registry, &put, 1, NULL);
        ck_assert(code == ENGINE_OK || code == ENGINE_EEXIST);
        if (code != ENGINE_OK)
            continue;
        ck_assert_int_eq(
            registry_acquire(registry, span_of(name), &collection, NULL),
            ENGINE_OK);
        ck_assert(span_equal_text(collection_name(collection), "kept"));
        registry_release(registry, collection);
        ck_assert_int_eq(registry_change_aliases(registry, &drop, 1, NULL),
                         ENGINE_OK);
    }
    pthread_join(thread, NULL);
    assert_names("kept ");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("registry");
    TCase *tcase = tcase_create("registry");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, registry_keeps_collections_over_a_restart);
    tcase_add_loop_test(tcase, registry_refuses_bad_names, 0,
                        sizeof(bad_names) / sizeof(bad_names[0]));
    tcase_add_test(tcase, registry_names_the_length_limit);
    tcase_add_test(tcase, registry_says_what_is_missing);
    tcase_add_test(tcase, registry_deletes_after_the_last_user_left);
    tcase_add_test(tcase, registry_ends_work_that_nobody_waits_for);
    tcase_add_test(tcase, registry_refuses_a_second_process);
    tcase_add_test(tcase, registry_clears_what_a_crash_left);
    tcase_add_test(tcase, registry_gives_no_alias_of_the_dead_to_a_new_one);
    tcase_add_test(tcase, registry_keeps_what_it_cannot_delete);
    tcase_add_test(tcase, registry_serves_no_replaced_one_again);
    tcase_add_test(tcase, registry_deletes_past_a_damaged_marker);
    tcase_add_test(tcase, registry_believes_no_marker_with_another_bit);
    tcase_add_test(tcase, registry_reads_markers_of_before);
    tcase_add_test(tcase, registry_serves_the_last_of_one_name);
    tcase_add_test(tcase,
                   registry_keeps_the_old_where_the_new_may_not_be_durable);
    tcase_add_test(tcase, registry_asks_the_disk_again);
    tcase_add_test(tcase, registry_restores_no_other_vectors_over_a_new_one);
    tcase_add_test(tcase, registry_serves_the_others_when_one_is_damaged);
    tcase_add_test(tcase, registry_survives_racing_creates_and_deletes);
    tcase_add_test(tcase, registry_gives_no_name_to_two);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
