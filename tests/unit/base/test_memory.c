/* SPDX-License-Identifier: Apache-2.0
 * Covers: what the process uses, the default limit, refusal at the limit,
 * relief, growth after memory was given back; limits of control groups. */
#include "base/memory.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/fixture/suite.h"

#define BIG ((size_t)64 << 20)

static void
teardown(void)
{
    memory_limit_set(0);
}

static char *
touch_big(void)
{
    char *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(big, MAP_FAILED);
    memset(big, 1, BIG);
    return big;
}

START_TEST(memory_sees_pages_that_are_touched)
{
    struct memory_use before = memory_look();
    char *big = touch_big();
    struct memory_use after = memory_look();
    ck_assert_uint_ge(after.resident_size, before.resident_size + BIG / 2);
    ck_assert_uint_ge(after.anonymous_size, before.resident_size + BIG / 2);
    munmap(big, BIG);
}
END_TEST

START_TEST(memory_has_a_default_limit_below_the_machine)
{
    uint64_t limit = memory_limit_default("");
    ck_assert_uint_gt(limit, 0);
    ck_assert_uint_lt(limit, UINT64_MAX / 2);
}
END_TEST

START_TEST(memory_without_a_limit_may_grow)
{
    uint64_t used = 7;
    ck_assert(memory_may_grow(UINT64_MAX, &used));
    ck_assert_uint_eq(used, 7);
}
END_TEST

/* The second half does not fit beside the first; after the first is gone, it
 * does. */
START_TEST(memory_refuses_at_the_limit_and_lets_grow_after_freeing)
{
    uint64_t used = 0, refused = memory_refused_count();
    memory_limit_set(memory_look().resident_size + BIG + BIG / 2);
    ck_assert(memory_may_grow(BIG, &used));
    char *big = touch_big();
    ck_assert(!memory_may_grow(BIG, &used));
    ck_assert_uint_ge(used, BIG);
    ck_assert_uint_eq(memory_refused_count(), refused + 1);
    munmap(big, BIG);
    ck_assert(memory_may_grow(BIG, &used));
}
END_TEST

/* What was let through counts before it is touched. */
START_TEST(memory_counts_what_it_let_through)
{
    uint64_t used = 0;
    memory_limit_set(memory_look().resident_size + BIG);
    ck_assert(memory_may_grow(BIG / 2, &used));
    ck_assert(!memory_may_grow(BIG + BIG / 2, &used));
}
END_TEST

static unsigned reliefs_count;
static char *held;

static bool
let_go(void)
{
    reliefs_count++;
    if (held == NULL)
        return false;
    munmap(held, BIG);
    held = NULL;
    return true;
}

static unsigned let_goes_count;

static void
let_go_pages(void)
{
    let_goes_count++;
}

/* Pages that come back at once end no asking, and keep nobody from writing out
 * what stays away. */
START_TEST(memory_asks_all_when_pages_come_back)
{
    uint64_t used = 0;
    reliefs_count = let_goes_count = 0;
    held = touch_big();
    memory_limit_set(memory_look().resident_size + BIG / 4);
    memory_relief_set(let_go_pages, let_go);
    ck_assert(memory_may_grow(BIG / 2, &used));
    ck_assert_uint_eq(let_goes_count, 1);
    ck_assert_uint_eq(reliefs_count, 1);
    ck_assert(!memory_may_grow(memory_limit(), &used));
    ck_assert_uint_eq(let_goes_count, 2);
    ck_assert_uint_eq(reliefs_count, 2);
    /* Nobody is asked. */
    ck_assert(!memory_has_room(memory_limit(), &used));
    ck_assert_uint_eq(let_goes_count, 2);
    ck_assert_uint_eq(reliefs_count, 2);
    /* Pages alone. */
    memory_relief_set(let_go_pages, NULL);
    ck_assert(!memory_may_grow(memory_limit(), &used));
    ck_assert_uint_eq(let_goes_count, 3);
    memory_relief_set(NULL, NULL);
}
END_TEST

/* Before a refusal what somebody can do without is taken. */
START_TEST(memory_asks_for_relief_before_it_refuses)
{
    uint64_t used = 0;
    held = touch_big();
    memory_limit_set(memory_look().resident_size + BIG / 4);
    memory_relief_set(NULL, let_go);
    ck_assert(memory_may_grow(BIG / 2, &used));
    ck_assert_uint_eq(reliefs_count, 1);
    ck_assert(!memory_may_grow(memory_limit(), &used));
    ck_assert_uint_eq(reliefs_count, 2);
    memory_relief_set(NULL, NULL);
}
END_TEST

/* Where data may not grow any more there is still room to work. */
START_TEST(memory_leaves_room_to_work)
{
    uint64_t used = 0;
    char *big = touch_big();
    memory_limit_set(memory_look().resident_size + ((uint64_t)2 << 20));
    ck_assert(!memory_may_grow((uint64_t)1 << 20, &used));
    ck_assert(memory_may_work((uint64_t)1 << 20, &used));
    ck_assert(!memory_may_work(BIG, &used));
    munmap(big, BIG);
}
END_TEST

/* ---- control groups, in a folder that stands for the root ---- */

static char root[64];

static void
root_make(void)
{
    snprintf(root, sizeof(root), "/tmp/test-memory-XXXXXX");
    ck_assert_ptr_ne(mkdtemp(root), NULL);
}

static void
root_remove(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}

/* Writes a file under the root and makes the folders that lead to it. */
static void
put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s%s", root, name);
    for (char *at = path + strlen(root) + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    ck_assert_ptr_ne(file, NULL);
    fputs(text, file);
    fclose(file);
}

/* Less a tenth, 64 MiB at least. */
#define GROUP_TEXT  "1073741824\n"
#define GROUP_LIMIT (((uint64_t)1 << 30) - ((uint64_t)1 << 30) / 10)

START_TEST(memory_default_limit_follows_a_group_of_version_2)
{
    root_make();
    put("/proc/self/cgroup", "0::/system.slice/azimuth.service\n");
    put("/sys/fs/cgroup/system.slice/azimuth.service/memory.max", "max\n");
    put("/sys/fs/cgroup/system.slice/memory.max", GROUP_TEXT);
    ck_assert_uint_eq(memory_limit_default(root), GROUP_LIMIT);
    /* The least of all counts. */
    put("/sys/fs/cgroup/system.slice/azimuth.service/memory.max",
        "536870912\n");
    ck_assert_uint_eq(memory_limit_default(root),
                      ((uint64_t)512 << 20) - ((uint64_t)64 << 20));
    root_remove();
}
END_TEST

/* In a container: the own group is the root of what can be seen. */
START_TEST(memory_default_limit_follows_the_root_of_a_container)
{
    root_make();
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/memory.max", GROUP_TEXT);
    ck_assert_uint_eq(memory_limit_default(root), GROUP_LIMIT);
    root_remove();
}
END_TEST

START_TEST(memory_default_limit_follows_a_group_of_version_1)
{
    root_make();
    put("/proc/self/cgroup", "12:cpuset:/\n4:cpu,memory:/docker/abc\n"
                             "1:name=systemd:/docker/abc\n0::/\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", GROUP_TEXT);
    ck_assert_uint_eq(memory_limit_default(root), GROUP_LIMIT);
    /* A controller that is only named like it is another one. */
    put("/proc/self/cgroup", "4:memory2:/docker/abc\n");
    ck_assert_uint_gt(memory_limit_default(root), GROUP_LIMIT);
    /* As containers see it. */
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", GROUP_TEXT);
    ck_assert_uint_eq(memory_limit_default(root), GROUP_LIMIT);
    root_remove();
}
END_TEST

/* Nothing there, or nothing that can be read: the machine decides. */
START_TEST(memory_default_limit_without_a_group_is_the_machine_s)
{
    root_make();
    uint64_t machine = memory_limit_default(root);
    ck_assert_uint_gt(machine, 0);
    put("/proc/self/cgroup", "0::nonsense\nmore\n:::\n");
    put("/sys/fs/cgroup/memory.max", "");
    ck_assert_uint_eq(memory_limit_default(root), machine);
    root_remove();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, memory_sees_pages_that_are_touched);
    tcase_add_test(tcase, memory_has_a_default_limit_below_the_machine);
    tcase_add_test(tcase, memory_without_a_limit_may_grow);
    tcase_add_test(tcase,
                   memory_refuses_at_the_limit_and_lets_grow_after_freeing);
    tcase_add_test(tcase, memory_counts_what_it_let_through);
    tcase_add_test(tcase, memory_asks_for_relief_before_it_refuses);
    tcase_add_test(tcase, memory_asks_all_when_pages_come_back);
    tcase_add_test(tcase, memory_leaves_room_to_work);
    tcase_add_test(tcase, memory_default_limit_follows_a_group_of_version_2);
    tcase_add_test(tcase, memory_default_limit_follows_the_root_of_a_container);
    tcase_add_test(tcase, memory_default_limit_follows_a_group_of_version_1);
    tcase_add_test(tcase,
                   memory_default_limit_without_a_group_is_the_machine_s);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
