/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_OPTION_H
#define BENCH_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options of the commands of azimuth-bench: each command has a table of them.
 * A parser that refuses has said why on stderr. */

#define OPTION_NUMBERS_MAX 32u
#define OPTION_ROWS_MAX    32u

/* A comma list of 1..OPTION_NUMBERS_MAX numbers. */
struct option_numbers {
    uint32_t values[OPTION_NUMBERS_MAX];
    uint32_t count;
};

struct option_row {
    const char *name; /* without dashes */
    bool is_needed;   /* with `text` only */
    uint32_t max;     /* numbers are 1..max */
    /* Where the value goes: exactly one is set. */
    const char **text;
    bool *flag;
    uint32_t *number;
    struct option_numbers *numbers;
    bool (*parse)(const char *text, void *ctx);
    void *ctx; /* of parse() */
};

/* Fills what `rows` point at. Exit status of the process, or -1 to go on;
 * --help prints `usage`. */
int option_parse(int argc, char **argv, const struct option_row *rows,
                 size_t row_count, const char *usage);

/* 1..max; `name` is the option's, without dashes. */
bool option_number(const char *name, const char *text, uint32_t max,
                   uint32_t *ret_value);

/* Each 1..max. */
bool option_numbers(const char *name, const char *text, uint32_t max,
                    struct option_numbers *ret_numbers);

#endif /* BENCH_OPTION_H */
