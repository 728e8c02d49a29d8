/* SPDX-License-Identifier: Apache-2.0
 * What the kernel and the processor give. */
#include "tools/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define FILES_FAIL     1024u
#define FILES_WARN     10000u
#define MAPS_WARN      65530u
#define MEMORY_WARN    ((uint64_t)1 << 30)
#define YEAR_2024_UNIX 1704067200
#define OFFSET_WARN_US 1000000

/* The first line of a small file; false when it cannot be read. */
static bool
read_line(const char *path, char *ret_line, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool is_read = fgets(ret_line, (int)size, file) != NULL;
    fclose(file);
    if (is_read)
        ret_line[strcspn(ret_line, "\n")] = '\0';
    return is_read;
}

static bool
read_number(const char *path, uint64_t *ret_number)
{
    char line[64], *end = NULL;
    if (!read_line(path, line, sizeof(line)))
        return false;
    errno = 0;
    *ret_number = strtoull(line, &end, 10);
    return errno == 0 && end != line;
}

static void
check_files(struct doctor *doctor)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    enum finding finding = limit.rlim_max < FILES_FAIL   ? FINDING_FAIL
                           : limit.rlim_max < FILES_WARN ? FINDING_WARN
                                                         : FINDING_OK;
    doctor_say(doctor, finding, "files",
               "raise it: LimitNOFILE=65536 in the unit, or ulimit -Hn",
               "%llu files may be open", (unsigned long long)limit.rlim_max);
    uint64_t maps = 0;
    if (read_number("/proc/sys/vm/max_map_count", &maps))
        doctor_say(doctor, maps < MAPS_WARN ? FINDING_WARN : FINDING_OK, "maps",
                   "sysctl -w vm.max_map_count=262144",
                   "vm.max_map_count is %" PRIu64, maps);
}

static uint64_t
memory_size(void)
{
    uint64_t limit = 0;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t size =
        pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    if (read_number("/sys/fs/cgroup/memory.max", &limit) && limit > 0 &&
        limit < size)
        size = limit;
    return size;
}

static void
check_memory(struct doctor *doctor)
{
    uint64_t size = memory_size(), overcommit = 0;
    doctor_say(doctor, size < MEMORY_WARN ? FINDING_WARN : FINDING_OK, "memory",
               "a million vectors of 384 floats take 2 GiB; set "
               "storage.memory_limit_mb lest the kernel kills the engine",
               "%" PRIu64 " MiB", size >> 20);
    if (read_number("/proc/sys/vm/overcommit_memory", &overcommit) &&
        overcommit == 2)
        doctor_say(doctor, FINDING_WARN, "memory",
                   "sysctl -w vm.overcommit_memory=0",
                   "the kernel refuses memory before it is used up "
                   "(vm.overcommit_memory is 2)");
}

/* The engine asks for huge pages where they pay (madvise). */
static void
check_huge_pages(struct doctor *doctor)
{
    char line[128];
    const char *path = "/sys/kernel/mm/transparent_hugepage/enabled";
    if (!read_line(path, line, sizeof(line)))
        return;
    if (strstr(line, "[never]") != NULL)
        doctor_say(doctor, FINDING_WARN, "huge pages",
                   "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
                   "off: searches in large collections are slower");
    else if (strstr(line, "[always]") != NULL)
        doctor_say(doctor, FINDING_WARN, "huge pages",
                   "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled",
                   "for everything: the process takes more memory than it "
                   "needs");
    else
        doctor_say(doctor, FINDING_OK, "huge pages", NULL, "on request");
}

static void
check_processor(struct doctor *doctor)
{
#if defined(__x86_64__)
    bool has_512 = __builtin_cpu_supports("avx512f");
    bool has_2 = __builtin_cpu_supports("avx2");
    doctor_say(doctor, has_2 ? FINDING_OK : FINDING_WARN, "processor",
               "choose a machine (or a CPU model of the hypervisor) with AVX2: "
               "searches are several times faster",
               "%ld cores%s%s", sysconf(_SC_NPROCESSORS_ONLN),
               has_2 ? ", AVX2" : ", no AVX2", has_512 ? ", AVX-512" : "");
#else
    doctor_say(doctor, FINDING_OK, "processor", NULL, "%ld cores",
               sysconf(_SC_NPROCESSORS_ONLN));
#endif
}

/* Tokens and certificates are judged by it. */
static void
check_clock(struct doctor *doctor)
{
    struct timex about = { .modes = 0 };
    time_t now = time(NULL);
    int state = adjtimex(&about);
    if (now < YEAR_2024_UNIX)
        doctor_say(doctor, FINDING_FAIL, "clock",
                   "set the time: logins and certificates fail",
                   "it says %lld seconds after 1970", (long long)now);
    else if (state == TIME_ERROR || (about.status & STA_UNSYNC) != 0)
        doctor_say(doctor, FINDING_WARN, "clock",
                   "run a time service (systemd-timesyncd or chrony): logins "
                   "fail where clocks differ by minutes",
                   "nothing keeps it right");
    else
        doctor_say(doctor,
                   about.maxerror > OFFSET_WARN_US ? FINDING_WARN : FINDING_OK,
                   "clock", "look at the time service", "kept right, to %ld ms",
                   about.maxerror / 1000);
}

void
doctor_machine(struct doctor *doctor)
{
    check_files(doctor);
    check_memory(doctor);
    check_huge_pages(doctor);
    check_processor(doctor);
    check_clock(doctor);
}
