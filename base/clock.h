/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Time that only goes on (CLOCK_MONOTONIC), for deadlines and durations. Any
 * thread. */

static inline uint64_t
clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t
clock_ms(void)
{
    return clock_ns() / 1000000;
}

#endif /* BASE_CLOCK_H */
