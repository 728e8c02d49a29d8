/* SPDX-License-Identifier: Apache-2.0
 * The process's memory: seen in /proc, told by jemalloc where it is linked,
 * limited by whoever sets a limit. A look is kept for LOOK_MS; what was let
 * through since counts on top, so that a burst between two looks is seen. */
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS          10u
#define PURGE_MS         100u
#define RESERVE_SIZE_MIN ((uint64_t)64 << 20)
#define RESERVE_SIZE_MAX ((uint64_t)2 << 30)
#define GROUP_PATH_MAX   2048
#define PURGE_ALL        "arena.4096.purge" /* MALLCTL_ARENAS_ALL */

/* jemalloc's; absent in builds without it (sanitizers). */
extern int mallctl(const char *name, void *old, size_t *old_size, void *new,
                   size_t new_size) __attribute__((weak));

static _Atomic uint64_t limit;
static _Atomic uint64_t seen_size;    /* anonymous, at the last look */
static _Atomic uint64_t granted_size; /* since then */
static _Atomic uint64_t seen_ms;
static _Atomic uint64_t purged_ms;
static _Atomic uint64_t refused_count;

static uint64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

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

/* The least limit of our control group and the groups around it (version 2),
 * or of the version 1 group that containers see as their root. */
static uint64_t
group_limit(void)
{
    char text[GROUP_PATH_MAX], path[GROUP_PATH_MAX + 64];
    uint64_t least = file_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    uint64_t root = file_limit("/sys/fs/cgroup/memory.max");
    least = root < least ? root : least;
    if (!file_read("/proc/self/cgroup", text, sizeof(text)))
        return least;
    char *group = strstr(text, "0::/");
    if (group == NULL)
        return least;
    group += 3;
    group[strcspn(group, "\n")] = '\0';
    while (strlen(group) > 1) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
        uint64_t own = file_limit(path);
        least = own < least ? own : least;
        *strrchr(group, '/') = '\0';
    }
    return least;
}

uint64_t
memory_limit_default(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page_size = sysconf(_SC_PAGESIZE);
    uint64_t size = group_limit();
    if (pages > 0 && page_size > 0 &&
        (uint64_t)pages * (uint64_t)page_size < size)
        size = (uint64_t)pages * (uint64_t)page_size;
    if (size == UINT64_MAX)
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
    atomic_store(&seen_size, use.anonymous_size);
    atomic_store(&granted_size, 0);
    atomic_store(&seen_ms, now);
    return use.anonymous_size;
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

bool
memory_may_grow(uint64_t more_size, uint64_t *ret_used)
{
    uint64_t most = atomic_load(&limit);
    if (most == 0)
        return true;
    uint64_t now = now_ms();
    if (now - atomic_load(&seen_ms) >= LOOK_MS)
        (void)look_again(now);
    uint64_t used = atomic_load(&seen_size) + atomic_load(&granted_size);
    if (used > most || more_size > most - used) {
        purge(now);
        used = look_again(now);
        if (used > most || more_size > most - used) {
            atomic_fetch_add(&refused_count, 1);
            *ret_used = used;
            return false;
        }
    }
    atomic_fetch_add(&granted_size, more_size);
    return true;
}
