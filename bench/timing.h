/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stddef.h>

/* Clocks, and what many latencies come to. */

/* Seconds of the monotonic clock. */
double timing_now_s(void);

/* Seconds of processor time of all threads of this process. */
double timing_cpu_s(void);

/* Of the calling thread alone. */
double timing_thread_cpu_s(void);

/* Until timing_now_s() is `due`; returns at once when it is later. */
void timing_sleep_until(double due);

struct timing {
    double p50;
    double p99;
    double most;
};

/* Of count > 0 values, which are sorted. */
struct timing timing_of(double *values, size_t count);

#endif /* BENCH_TIMING_H */
