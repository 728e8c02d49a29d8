/* SPDX-License-Identifier: Apache-2.0
 * One table: endpoint x status, with a duration histogram for status 200. */
#include "engine/metrics.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Statuses that are counted one by one; any other counts as the last. */
static const int statuses[] = { 200, 202, 204, 304, 400, 401, 403, 404, 405,
                                408, 409, 415, 422, 429, 500, 503, 507, 0 };
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

static const uint64_t bounds_ns[] = {
    1000000u,    5000000u,     10000000u,    20000000u,
    50000000u,   100000000u,   500000000u,   1000000000u,
    5000000000u, 10000000000u, 50000000000u,
};
#define BOUND_COUNT (sizeof(bounds_ns) / sizeof(bounds_ns[0]))

struct endpoint {
    const char *method;
    const char *name;
    atomic_ullong counts[STATUS_COUNT];
    atomic_ullong buckets[BOUND_COUNT + 1]; /* not cumulative */
    atomic_ullong sum_ns;
    atomic_ullong min_ns; /* 0: none yet */
    atomic_ullong max_ns;
};

struct metrics {
    unsigned count;
    struct endpoint endpoints[METRICS_ENDPOINTS_MAX];
};

struct metrics *
metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void
metrics_free(struct metrics *metrics)
{
    free(metrics);
}

unsigned
metrics_endpoint_add(struct metrics *metrics, const char *method,
                     const char *endpoint)
{
    assert(metrics->count < METRICS_ENDPOINTS_MAX);
    metrics->endpoints[metrics->count].method = method;
    metrics->endpoints[metrics->count].name = endpoint;
    return metrics->count++;
}

static size_t
status_index(int status)
{
    for (size_t i = 0; i < STATUS_COUNT - 1; i++) {
        if (statuses[i] == status)
            return i;
    }
    return STATUS_COUNT - 1;
}

static void
observe_duration(struct endpoint *endpoint, uint64_t ns)
{
    size_t bucket = 0;
    while (bucket < BOUND_COUNT && ns > bounds_ns[bucket])
        bucket++;
    atomic_fetch_add_explicit(&endpoint->buckets[bucket], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&endpoint->sum_ns, ns, memory_order_relaxed);
    unsigned long long old = atomic_load(&endpoint->max_ns);
    while (ns > old &&
           !atomic_compare_exchange_weak(&endpoint->max_ns, &old, ns))
        ;
    old = atomic_load(&endpoint->min_ns);
    while ((old == 0 || ns < old) &&
           !atomic_compare_exchange_weak(&endpoint->min_ns, &old, ns))
        ;
}

void
metrics_observe(struct metrics *metrics, unsigned endpoint, int status,
                uint64_t duration_ns)
{
    assert(endpoint < metrics->count);
    struct endpoint *row = &metrics->endpoints[endpoint];
    atomic_fetch_add_explicit(&row->counts[status_index(status)], 1,
                              memory_order_relaxed);
    if (status == 200)
        observe_duration(row, duration_ns);
}

void
metrics_requests(const struct metrics *metrics, uint64_t *ret_count,
                 uint64_t *ret_failed)
{
    uint64_t count = 0, failed = 0;
    for (unsigned i = 0; i < metrics->count; i++) {
        for (size_t s = 0; s < STATUS_COUNT; s++) {
            uint64_t n = atomic_load(&metrics->endpoints[i].counts[s]);
            count += n;
            if (statuses[s] >= 400)
                failed += n;
        }
    }
    *ret_count = count;
    *ret_failed = failed;
}

void
metrics_write_head(struct bytes *out, const char *name, const char *type,
                   const char *help)
{
    bytes_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void
metrics_write_one(struct bytes *out, const char *name, const char *type,
                  const char *help, double value)
{
    metrics_write_head(out, name, type, help);
    bytes_addf(out, "%s %.17g\n", name, value);
}

void
metrics_write(struct bytes *out, const struct metrics_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        metrics_write_one(out, rows[i].name, rows[i].type, rows[i].help,
                          rows[i].value);
}

void
metrics_write_label(struct bytes *out, struct span value)
{
    bytes_add_char(out, '"');
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\n')
            bytes_add_text(out, "\\n");
        else {
            if (c == '"' || c == '\\')
                bytes_add_char(out, '\\');
            bytes_add_char(out, c);
        }
    }
    bytes_add_char(out, '"');
}

static void
write_labels(struct bytes *out, const struct endpoint *row, const char *name,
             const char *more)
{
    bytes_addf(out, "%s{method=\"%s\",endpoint=\"%s\",%s} ", name, row->method,
               row->name, more);
}

static void
write_histogram(const struct endpoint *row, struct bytes *out)
{
    uint64_t total = 0;
    char more[64];
    for (size_t b = 0; b <= BOUND_COUNT; b++) {
        total += atomic_load(&row->buckets[b]);
        if (b < BOUND_COUNT)
            snprintf(more, sizeof(more), "status=\"200\",le=\"%g\"",
                     (double)bounds_ns[b] / 1e9);
        else
            snprintf(more, sizeof(more), "status=\"200\",le=\"+Inf\"");
        write_labels(out, row, "rest_responses_duration_seconds_bucket", more);
        bytes_addf(out, "%llu\n", (unsigned long long)total);
    }
    write_labels(out, row, "rest_responses_duration_seconds_sum",
                 "status=\"200\"");
    bytes_addf(out, "%.9g\n", (double)atomic_load(&row->sum_ns) / 1e9);
    write_labels(out, row, "rest_responses_duration_seconds_count",
                 "status=\"200\"");
    bytes_addf(out, "%llu\n", (unsigned long long)total);
}

typedef double (*endpoint_value)(const struct endpoint *row);

static double
value_average(const struct endpoint *row)
{
    uint64_t count = atomic_load(&row->counts[0]);
    return (double)atomic_load(&row->sum_ns) / 1e9 /
           (double)(count == 0 ? 1 : count);
}

static double
value_min(const struct endpoint *row)
{
    return (double)atomic_load(&row->min_ns) / 1e9;
}

static double
value_max(const struct endpoint *row)
{
    return (double)atomic_load(&row->max_ns) / 1e9;
}

static void
write_gauges(const struct metrics *metrics, struct bytes *out, const char *name,
             const char *help, endpoint_value value)
{
    metrics_write_head(out, name, "gauge", help);
    for (unsigned i = 0; i < metrics->count; i++) {
        const struct endpoint *row = &metrics->endpoints[i];
        if (atomic_load(&row->counts[0]) == 0)
            continue;
        write_labels(out, row, name, "status=\"200\"");
        bytes_addf(out, "%.9g\n", value(row));
    }
}

static void
write_counts(const struct metrics *metrics, struct bytes *out)
{
    metrics_write_head(out, "rest_responses_total", "counter",
                       "total number of responses");
    for (unsigned i = 0; i < metrics->count; i++) {
        const struct endpoint *row = &metrics->endpoints[i];
        for (size_t s = 0; s < STATUS_COUNT; s++) {
            unsigned long long count = atomic_load(&row->counts[s]);
            if (count == 0)
                continue;
            char more[32];
            snprintf(more, sizeof(more), "status=\"%d\"", statuses[s]);
            write_labels(out, row, "rest_responses_total", more);
            bytes_addf(out, "%llu\n", count);
        }
    }
}

void
metrics_write_requests(const struct metrics *metrics, struct bytes *out)
{
    write_counts(metrics, out);
    write_gauges(metrics, out, "rest_responses_avg_duration_seconds",
                 "average response duration", value_average);
    write_gauges(metrics, out, "rest_responses_min_duration_seconds",
                 "minimum response duration", value_min);
    write_gauges(metrics, out, "rest_responses_max_duration_seconds",
                 "maximum response duration", value_max);
    metrics_write_head(out, "rest_responses_duration_seconds", "histogram",
                       "response duration histogram");
    for (unsigned i = 0; i < metrics->count; i++) {
        if (atomic_load(&metrics->endpoints[i].counts[0]) > 0)
            write_histogram(&metrics->endpoints[i], out);
    }
}

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

void
metrics_write_process(struct bytes *out)
{
    struct rusage usage = { 0 };
    struct rlimit files = { 0 };
    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &files);
    const struct timeval *user = &usage.ru_utime, *system = &usage.ru_stime;
    const struct metrics_row rows[] = {
        { "memory_resident_bytes", "gauge", "resident memory of the process",
          proc_number("/proc/self/status", "VmRSS:") * 1024 },
        { "process_threads", "gauge", "count of threads",
          proc_number("/proc/self/status", "Threads:") },
        { "process_max_fds", "gauge", "limit of open file descriptors",
          (double)files.rlim_cur },
        { "process_minor_page_faults_total", "counter",
          "page faults without disk access", (double)usage.ru_minflt },
        { "process_major_page_faults_total", "counter",
          "page faults with disk access", (double)usage.ru_majflt },
        { "process_cpu_seconds_total", "counter", "processor time used",
          (double)user->tv_sec + (double)system->tv_sec +
              ((double)user->tv_usec + (double)system->tv_usec) / 1e6 },
    };
    metrics_write(out, rows, sizeof(rows) / sizeof(rows[0]));
}
