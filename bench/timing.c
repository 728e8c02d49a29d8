/* SPDX-License-Identifier: Apache-2.0
 * Clocks and percentiles of azimuth-bench. */
#include "bench/timing.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

static double
read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double
timing_now_s(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double
timing_cpu_s(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double
timing_thread_cpu_s(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

void
timing_sleep_until(double due)
{
    time_t seconds = (time_t)due;
    struct timespec at = { seconds, (long)((due - (double)seconds) * 1e9) };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct timing
timing_of(double *values, size_t count)
{
    assert(values != NULL && count > 0);
    qsort(values, count, sizeof(*values), compare_doubles);
    return (struct timing){ .p50 = values[count / 2],
                            .p99 = values[count - 1 - count / 100],
                            .most = values[count - 1] };
}
