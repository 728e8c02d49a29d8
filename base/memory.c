/* SPDX-License-Identifier: Apache-2.0
 * The process's memory: seen in /proc, told by jemalloc where it is linked,
 * limited by whoever sets a limit. A look is kept for LOOK_MS; what was let
 * through since counts on top, so that a burst between two looks is seen. */
#include "base/memory.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_MS          10u
#define PURGE_MS         20u
#define RESERVE_SIZE_MIN ((uint64_t)64 << 20)
#define RESERVE_SIZE_MAX ((uint64_t)2 << 30)
#define WORK_SIZE_MAX    ((uint64_t)64 << 20)
#define GROUP_PATH_MAX   2048
#define PURGE_ALL        "arena.4096.purge" /* MALLCTL_ARENAS_ALL */

/* jemalloc's; absent in builds without it (sanitizers). */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new,
                   size_t new_size) __attribute__((weak));

static _Atomic uint64_t limit;
static _Atomic uint64_t seen_size;    /* resident, at the last look */
static _Atomic uint64_t granted_size; /* since then */
static _Atomic uint64_t seen_ms;
static _Atomic uint64_t purged_ms;
static _Atomic uint64_t refused_count;
static void (*_Atomic relief_let_go)(void);
static bool (*_Atomic relief_write_out)(void);

/* The whole of a small file as text; false when it cannot be read. */
static bool
file_read(const char *path, char *text, size_t size)
{
    assert(size > 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

static void
look_pages(struct memory_use *use)
{
    char text[256];
    unsigned long long pages, resident, shared;
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    if (!file_read("/proc/self/statm", text, sizeof(text)) ||
        sscanf(text, "%llu %llu %llu", &pages, &resident, &shared) != 3)
        return;
    use->resident_size = resident * page_size;
    use->anonymous_size =
        resident > shared ? (resident - shared) * page_size : 0;
}

static uint64_t
allocator_number(const char *name)
{
    size_t value = 0, size = sizeof(value);
    if (mallctl == NULL || mallctl(name, &value, &size, NULL, 0) != 0)
        return 0;
    return value;
}

struct memory_use
memory_look(void)
{
    struct memory_use use = { 0 };
    look_pages(&use);
    if (mallctl == NULL)
        return use;
    uint64_t epoch = 1;
    size_t size = sizeof(epoch);
    (void)mallctl("epoch", &epoch, &size, &epoch, size);
    use.allocated_size = allocator_number("stats.allocated");
    use.active_size = allocator_number("stats.active");
    use.mapped_size = allocator_number("stats.resident");
    use.metadata_size = allocator_number("stats.metadata");
    use.retained_size = allocator_number("stats.retained");
    return use;
}

void
memory_limit_set(uint64_t size)
{
    atomic_store(&limit, size);
}

uint64_t
memory_limit(void)
{
    return atomic_load(&limit);
}

uint64_t
memory_refused_count(void)
{
    return atomic_load(&refused_count);
}

/* A number of bytes in a file, or UINT64_MAX ("max", or no such file). */
static uint64_t
file_limit(const char *path)
{
    char text[64];
    if (!file_read(path, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
        return UINT64_MAX;
    errno = 0;
    unsigned long long value = strtoull(text, NULL, 10);
    return errno != 0 ? UINT64_MAX : value;
}

/* One tree of control groups: where it is mounted, what its limit is called,
 * and how the line of /proc/self/cgroup that names our group begins after the
 * number. Containers see their own group as the root. */
struct group_tree {
    const char *mount;
    const char *file;
    const char *controller;
};
static const struct group_tree group_trees[] = {
    { "/sys/fs/cgroup", "memory.max", "" },
    { "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory" },
};

/* The least limit of `group` ("/a/b", cut while going up) and those around
 * it. */
static uint64_t
tree_limit(const char *root, const struct group_tree *tree, char *group)
{
    char path[GROUP_PATH_MAX * 2];
    uint64_t least = UINT64_MAX;
    for (;;) {
        size_t size = strlen(group);
        if (size > 0 && group[size - 1] == '/')
            group[--size] = '\0';
        int length = snprintf(path, sizeof(path), "%s%s%s/%s", root,
                              tree->mount, group, tree->file);
        if (length > 0 && (size_t)length < sizeof(path)) {
            uint64_t own = file_limit(path);
            least = own < least ? own : least;
        }
        if (size == 0)
            return least;
        *strrchr(group, '/') = '\0';
    }
}

/* The group of a line "4:cpu,memory:/a/b" if it belongs to the tree. */
static char *
line_group(char *line, const char *controller)
{
    char *names = strchr(line, ':');
    char *group = names == NULL ? NULL : strchr(names + 1, ':');
    if (group == NULL || group[1] != '/')
        return NULL;
    *group++ = '\0';
    names++;
    if (controller[0] == '\0')
        return names[0] == '\0' ? group : NULL;
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest))
        if (strcmp(name, controller) == 0)
            return group;
    return NULL;
}

static uint64_t
group_limit(const char *root)
{
    char path[GROUP_PATH_MAX], text[GROUP_PATH_MAX], own[] = "";
    uint64_t least = UINT64_MAX;
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    for (size_t i = 0; i < sizeof(group_trees) / sizeof(group_trees[0]); i++) {
        const struct group_tree *tree = &group_trees[i];
        uint64_t limits = tree_limit(root, tree, own);
        char *rest = NULL;
        char *line = file_read(path, text, sizeof(text))
                         ? strtok_r(text, "\n", &rest)
                         : NULL;
        for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
            char *group = line_group(line, tree->controller);
            uint64_t named =
                group == NULL ? UINT64_MAX : tree_limit(root, tree, group);
            limits = named < limits ? named : limits;
        }
        least = limits < least ? limits : least;
    }
    return least;
}

uint64_t
memory_total(const char *root)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
    uint64_t size = group_limit(root);
    if (pages > 0 && page_size > 0 &&
        (uint64_t)pages * (uint64_t)page_size < size)
        size = (uint64_t)pages * (uint64_t)page_size;
    return size == UINT64_MAX ? 0 : size;
}

uint64_t
memory_limit_default(const char *root)
{
    uint64_t size = memory_total(root);
    if (size == 0)
        return 0;
    uint64_t reserve = size / 10;
    if (reserve < RESERVE_SIZE_MIN)
        reserve = RESERVE_SIZE_MIN;
    if (reserve > RESERVE_SIZE_MAX)
        reserve = RESERVE_SIZE_MAX;
    return size > 2 * reserve ? size - reserve : size / 2;
}

static uint64_t
look_again(uint64_t now)
{
    struct memory_use use = { 0 };
    look_pages(&use);
    atomic_store(&seen_size, use.resident_size);
    atomic_store(&granted_size, 0);
    atomic_store(&seen_ms, now);
    return use.resident_size;
}

/* Makes the allocator return its unused pages; not too often. */
static void
purge(uint64_t now)
{
    uint64_t last = atomic_load(&purged_ms);
    if (mallctl != NULL && now - last >= PURGE_MS &&
        atomic_compare_exchange_strong(&purged_ms, &last, now))
        (void)mallctl(PURGE_ALL, NULL, NULL, NULL, 0);
}

void
memory_give_back(void)
{
    purge(clock_ms());
}

void
memory_relief_set(void (*let_go)(void), bool (*write_out)(void))
{
    atomic_store(&relief_let_go, let_go);
    atomic_store(&relief_write_out, write_out);
}

static bool
fits(uint64_t more_size, uint64_t used, uint64_t most)
{
    return used <= most && more_size <= most - used;
}

/* Asks those who can do without some; *ret_used is what is in use then. */
static void
relieve(uint64_t more_size, uint64_t most, uint64_t *ret_used)
{
    void (*let_go)(void) = atomic_load(&relief_let_go);
    bool (*write_out)(void) = atomic_load(&relief_write_out);
    /* One time may give back less than needed, and while it is written out
     * pages come back. */
    do {
        if (let_go != NULL) {
            let_go();
            *ret_used = look_again(clock_ms());
        }
        if (fits(more_size, *ret_used, most) || write_out == NULL ||
            !write_out())
            return;
        atomic_store(&purged_ms, 0);
        purge(clock_ms());
        *ret_used = look_again(clock_ms());
    } while (!fits(more_size, *ret_used, most));
}

/* The slow way of may_take(): true when there is room after all. */
static bool
make_room(uint64_t more_size, uint64_t most, bool asks, uint64_t *ret_used)
{
    purge(clock_ms());
    *ret_used = look_again(clock_ms());
    if (asks && !fits(more_size, *ret_used, most))
        relieve(more_size, most, ret_used);
    return fits(more_size, *ret_used, most);
}

/* `asks` for relief, if need be. */
static bool
may_take(uint64_t more_size, uint64_t most, bool asks, uint64_t *ret_used)
{
    uint64_t now = clock_ms();
    if (now - atomic_load(&seen_ms) >= LOOK_MS)
        (void)look_again(now);
    uint64_t used = atomic_load(&seen_size) + atomic_load(&granted_size);
    if (!fits(more_size, used, most) &&
        !make_room(more_size, most, asks, &used)) {
        atomic_fetch_add(&refused_count, 1);
        *ret_used = used;
        return false;
    }
    atomic_fetch_add(&granted_size, more_size);
    return true;
}

bool
memory_may_grow(uint64_t more_size, uint64_t *ret_used)
{
    uint64_t most = atomic_load(&limit);
    uint64_t work = most / 6 < WORK_SIZE_MAX ? most / 6 : WORK_SIZE_MAX;
    return most == 0 || may_take(more_size, most - work, true, ret_used);
}

bool
memory_may_work(uint64_t more_size, uint64_t *ret_used)
{
    uint64_t most = atomic_load(&limit);
    return most == 0 || may_take(more_size, most, true, ret_used);
}

bool
memory_has_room(uint64_t more_size, uint64_t *ret_used)
{
    uint64_t most = atomic_load(&limit);
    return most == 0 || may_take(more_size, most, false, ret_used);
}

void
memory_settle(void)
{
    uint64_t most = atomic_load(&limit), now = clock_ms();
    if (most == 0)
        return;
    if (now - atomic_load(&seen_ms) >= LOOK_MS)
        (void)look_again(now);
    if (atomic_load(&seen_size) > most / 16 * 15)
        purge(now);
}
