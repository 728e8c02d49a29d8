/* SPDX-License-Identifier: Apache-2.0
 * What the kernel says of the process and of the disk. */
#include "engine/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* The first number after `key` in a /proc file; 0 when it is not there. */
static double
proc_number(const char *path, const char *key)
{
    char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t size = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (size <= 0)
        return 0;
    text[size] = '\0';
    const char *at = strstr(text, key);
    return at == NULL ? 0 : strtod(at + strlen(key), NULL);
}

/* Linux 6.2 and later say it by the size of the directory; before that its
 * entries are counted. */
static double
open_files(void)
{
    struct stat info;
    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0)
        return (double)info.st_size;
    DIR *folder = opendir("/proc/self/fd");
    if (folder == NULL)
        return 0;
    double count = -3; /* ".", ".." and the directory itself */
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* The lines of /proc/self/maps. */
static double
open_maps(void)
{
    char text[4096];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    double count = 0;
    if (fd < 0)
        return 0;
    for (;;) {
        ssize_t size = read(fd, text, sizeof(text));
        if (size <= 0)
            break;
        for (ssize_t i = 0; i < size; i++)
            count += text[i] == '\n';
    }
    close(fd);
    return count;
}

static double
seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

void
metrics_write_process(struct metrics_text *text)
{
    struct rusage usage = { 0 };
    struct rlimit files = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    const struct metrics_row rows[] = {
        { "memory_resident_bytes", "gauge", "resident memory of the process",
          proc_number("/proc/self/status", "VmRSS:") * 1024 },
        { "process_threads", "gauge", "count of threads",
          proc_number("/proc/self/status", "Threads:") },
        { "process_open_mmaps", "gauge", "count of memory maps", open_maps() },
        { "system_max_mmaps", "gauge", "limit of memory maps of a process",
          proc_number("/proc/sys/vm/max_map_count", "") },
        { "process_open_fds", "gauge", "count of open file descriptors",
          open_files() },
        { "process_max_fds", "gauge", "limit of open file descriptors",
          (double)files.rlim_cur },
        { "process_minor_page_faults_total", "counter",
          "page faults without disk access", (double)usage.ru_minflt },
        { "process_major_page_faults_total", "counter",
          "page faults with disk access", (double)usage.ru_majflt },
        { "process_cpu_seconds_total", "counter", "processor time used",
          seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime) },
    };
    metrics_rows(text, rows, sizeof(rows) / sizeof(rows[0]));
}

void
metrics_write_disk(struct metrics_text *text, const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0)
        return;
    double unit = (double)disk.f_frsize;
    const struct metrics_row rows[] = {
        { "qdrant_disk_free_bytes", "gauge",
          "space that the storage may still take of its file system",
          (double)disk.f_bavail * unit },
        { "qdrant_disk_total_bytes", "gauge",
          "size of the storage's file system",
          (double)(disk.f_blocks - disk.f_bfree + disk.f_bavail) * unit },
    };
    metrics_rows(text, rows, sizeof(rows) / sizeof(rows[0]));
}
