/* SPDX-License-Identifier: Apache-2.0
 * What is taken from a heap stays what was written, whatever is given back
 * beside it and however often its pages are let go. */
#include "engine/storage/disk_heap.h"

#include "base/memory.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

#define THINGS 200u
#define ROUNDS 1500u
#define BIG    ((size_t)3 << 20)

struct thing {
    unsigned char *data;
    size_t size;
    unsigned char mark;
};

static char folder[512];

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "disk-heap", folder, sizeof(folder)));
}

static void
teardown(void)
{
    folder_remove(folder);
}

static uint32_t
draw(uint64_t *random, uint32_t end)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(*random >> 33) % end;
}

/* Of every class, and beyond. */
static size_t
draw_size(uint64_t *random)
{
    size_t most = (size_t)1 << (4 + draw(random, 15));
    return 1 + draw(random, (uint32_t)most);
}

static void
thing_check(const struct thing *thing)
{
    size_t i = 0;
    while (i < thing->size && thing->data[i] == thing->mark)
        i++;
    ck_assert_uint_eq(i, thing->size);
}

static void
thing_change(struct disk_heap *heap, struct thing *thing, uint64_t *random)
{
    size_t size = draw_size(random);
    if (thing->data == NULL) {
        thing->data = disk_heap_take(heap, size);
    } else if (draw(random, 3) == 0) {
        thing_check(thing);
        disk_heap_give(heap, thing->data, thing->size);
        *thing = (struct thing){ NULL, 0, 0 };
        return;
    } else {
        unsigned char *moved =
            disk_heap_resize(heap, thing->data, thing->size, size);
        ck_assert_ptr_nonnull(moved);
        thing->data = moved;
        thing->size = size < thing->size ? size : thing->size;
        thing_check(thing);
    }
    ck_assert_ptr_nonnull(thing->data);
    ck_assert(heap == NULL || (uintptr_t)thing->data % 16 == 0);
    thing->size = size;
    thing->mark = (unsigned char)draw(random, 256);
    memset(thing->data, thing->mark, size);
}

static void
run(struct disk_heap *heap)
{
    static struct thing things[THINGS];
    uint64_t random = 7;
    memset(things, 0, sizeof(things));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        thing_change(heap, &things[draw(&random, THINGS)], &random);
        if (i % 300 == 0) {
            disk_heap_rest(heap);
            disk_heap_relieve();
        }
    }
    for (uint32_t i = 0; i < THINGS; i++) {
        thing_check(&things[i]);
        if (heap == NULL)
            free(things[i].data);
    }
}

static size_t
names_count(void)
{
    size_t count = 0;
    DIR *all = opendir(folder);
    ck_assert_ptr_nonnull(all);
    for (struct dirent *entry; (entry = readdir(all)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(all);
    return count;
}

START_TEST(things_stay_what_they_are)
{
    struct disk_heap *heap = disk_heap_new(folder, (enum disk_heap_use)_i % 2);
    ck_assert_ptr_nonnull(heap);
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, 0);
    run(heap);
    ck_assert_uint_gt(disk_heap_sizes(heap).disk_size, 0);
    ck_assert_uint_eq(disk_heap_sizes(heap).memory_size, 0);
    ck_assert_uint_eq(names_count(), 0);
    disk_heap_free(heap);
}
END_TEST

START_TEST(large_things_give_their_room_back)
{
    struct disk_heap *heap = disk_heap_new(folder, DISK_HEAP_COLD);
    void *large = disk_heap_take_zeroes(heap, (size_t)3 << 20);
    ck_assert_ptr_nonnull(large);
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, (size_t)3 << 20);
    disk_heap_give(heap, large, (size_t)3 << 20);
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, 0);
    disk_heap_give(heap, NULL, 5);
    disk_heap_free(heap);
}
END_TEST

START_TEST(zeroes_are_zeroes_again)
{
    struct disk_heap *heap = disk_heap_new(folder, DISK_HEAP_COLD);
    for (int i = 0; i < 3; i++) {
        unsigned char *data = disk_heap_take_zeroes(heap, 4000);
        size_t zeroes = 0;
        while (zeroes < 4000 && data[zeroes] == 0)
            zeroes++;
        ck_assert_uint_eq(zeroes, 4000);
        memset(data, 0xff, 4000);
        disk_heap_give(heap, data, 4000);
    }
    disk_heap_free(heap);
}
END_TEST

START_TEST(without_a_disk_it_is_memory)
{
    struct disk_heap *heap = disk_heap_new("/nowhere/at/all", DISK_HEAP_COLD);
    ck_assert_ptr_nonnull(heap);
    run(heap);
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, 0);
    ck_assert_uint_gt(disk_heap_sizes(heap).memory_size, 0);
    disk_heap_free(heap);
    disk_heap_free(NULL);
    disk_heap_rest(NULL);
}
END_TEST

/* What finds no room is in memory, and the disk is asked again later: here as
 * soon as the file may grow. */
START_TEST(a_full_disk_is_asked_again_later)
{
    struct rlimit whole, little;
    struct disk_heap *heap = disk_heap_new(folder, DISK_HEAP_COLD);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &whole), 0);
    little = whole;
    little.rlim_cur = (rlim_t)1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
    char *large = disk_heap_take_zeroes(heap, BIG);
    ck_assert_ptr_nonnull(large);
    memset(large, 1, BIG);
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, 0);
    ck_assert_uint_eq(disk_heap_sizes(heap).memory_size, BIG);
    disk_heap_give(heap, large, BIG);
    ck_assert_uint_eq(disk_heap_sizes(heap).memory_size, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &whole), 0);
    const struct timespec pause = { .tv_nsec = 50000000 };
    for (int i = 0; i < 200 && disk_heap_sizes(heap).disk_size == 0; i++) {
        nanosleep(&pause, NULL);
        large = disk_heap_take_zeroes(heap, BIG);
        ck_assert_ptr_nonnull(large);
        if (disk_heap_sizes(heap).disk_size == 0)
            disk_heap_give(heap, large, BIG);
    }
    ck_assert_uint_eq(disk_heap_sizes(heap).disk_size, BIG);
    ck_assert_uint_eq(disk_heap_sizes(heap).memory_size, 0);
    disk_heap_free(heap);
}
END_TEST

static unsigned reliefs_count;

static bool
write_out(void)
{
    reliefs_count++;
    return false;
}

/* Relief may want a lock that the caller of a heap has. */
START_TEST(a_full_disk_and_full_memory_ask_for_no_relief)
{
    struct disk_heap *heap = disk_heap_new("/nowhere/at/all", DISK_HEAP_COLD);
    memory_relief_set(NULL, write_out);
    memory_limit_set(1);
    ck_assert_ptr_null(disk_heap_take(heap, 100));
    ck_assert_ptr_null(disk_heap_take(heap, BIG));
    memory_limit_set(0);
    memory_relief_set(NULL, NULL);
    ck_assert_uint_eq(reliefs_count, 0);
    disk_heap_free(heap);
}
END_TEST

START_TEST(no_heap_is_malloc)
{
    run(NULL);
    ck_assert_uint_eq(disk_heap_sizes(NULL).disk_size, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("disk_heap");
    TCase *tests = tcase_create("disk_heap");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, things_stay_what_they_are, 0, 2);
    tcase_add_test(tests, large_things_give_their_room_back);
    tcase_add_test(tests, zeroes_are_zeroes_again);
    tcase_add_test(tests, without_a_disk_it_is_memory);
    tcase_add_test(tests, a_full_disk_is_asked_again_later);
    tcase_add_test(tests, a_full_disk_and_full_memory_ask_for_no_relief);
    tcase_add_test(tests, no_heap_is_malloc);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
