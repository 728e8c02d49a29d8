/* SPDX-License-Identifier: Apache-2.0
 * Options of azimuth-bench from text, the clock, percentiles. */
#include "bench/option.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
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
option_now_s(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double
option_cpu_s(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static bool
parse_u32(const char *text, uint32_t max, uint32_t *ret_value, char **ret_end)
{
    errno = 0;
    unsigned long value = strtoul(text, ret_end, 10);
    if (*ret_end == text || errno != 0 || value < 1 || value > max ||
        text[0] == '-')
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool
option_number(const char *name, const char *text, uint32_t max,
              uint32_t *ret_value)
{
    char *end;
    if (parse_u32(text, max, ret_value, &end) && *end == '\0')
        return true;
    fprintf(stderr, "azimuth-bench: --%s must be 1 to %u, not '%s'\n", name,
            max, text);
    return false;
}

bool
option_numbers(const char *name, const char *text, uint32_t max,
               struct option_numbers *ret_numbers)
{
    struct option_numbers numbers = { .count = 0 };
    for (const char *at = text;; at++) {
        char *end;
        if (numbers.count == OPTION_NUMBERS_MAX ||
            !parse_u32(at, max, &numbers.values[numbers.count], &end) ||
            (*end != ',' && *end != '\0')) {
            fprintf(stderr,
                    "azimuth-bench: --%s takes up to %u numbers of 1 to %u "
                    "with commas between, not '%s'\n",
                    name, OPTION_NUMBERS_MAX, max, text);
            return false;
        }
        numbers.count++;
        if (*end == '\0')
            break;
        at = end;
    }
    *ret_numbers = numbers;
    return true;
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void
option_sort(double *values, size_t count)
{
    assert(values != NULL && count > 0);
    qsort(values, count, sizeof(*values), compare_doubles);
}
