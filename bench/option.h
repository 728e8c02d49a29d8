/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the commands of azimuth-bench have in common: options from text, the
 * clock, percentiles. A parser that refuses has said why on stderr. */

#define OPTION_NUMBERS_MAX 32u

/* A comma list of 1..OPTION_NUMBERS_MAX numbers. */
struct option_numbers {
    uint32_t values[OPTION_NUMBERS_MAX];
    uint32_t count;
};

/* 1..max; `name` is the option's, without dashes. */
bool option_number(const char *name, const char *text, uint32_t max,
                   uint32_t *ret_value);

/* Each 1..max. */
bool option_numbers(const char *name, const char *text, uint32_t max,
                    struct option_numbers *ret_numbers);

/* Seconds of the monotonic clock. */
double option_now_s(void);

/* Seconds of processor time of all threads of this process. */
double option_cpu_s(void);

/* Sorts `values` ascending; count > 0. */
void option_sort(double *values, size_t count);

/* The commands: exit status of the process. argv[0] is the command's name. */
int churn_command(int argc, char **argv);
int ingest_command(int argc, char **argv);
int search_command(int argc, char **argv);
int recover_command(int argc, char **argv);
int rows_command(int argc, char **argv);

#endif /* BENCH_OPTION_H */
