/* SPDX-License-Identifier: Apache-2.0
 * Options of azimuth-bench: getopt_long() from tables. */
#include "bench/option.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

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

static bool
take(const struct option_row *row, const char *text)
{
    if (row->text != NULL)
        *row->text = text;
    else if (row->flag != NULL)
        *row->flag = true;
    else if (row->number != NULL)
        return option_number(row->name, text, row->max, row->number);
    else if (row->numbers != NULL)
        return option_numbers(row->name, text, row->max, row->numbers);
    else
        return row->parse(text, row->ctx);
    return true;
}

static bool
has_needed(const struct option_row *rows, size_t row_count)
{
    for (size_t i = 0; i < row_count; i++)
        if (rows[i].is_needed && *rows[i].text == NULL) {
            fprintf(stderr, "azimuth-bench: --%s is needed\n", rows[i].name);
            return false;
        }
    return true;
}

int
option_parse(int argc, char **argv, const struct option_row *rows,
             size_t row_count, const char *usage)
{
    struct option options[OPTION_ROWS_MAX + 2] = { { 0 } };
    int at, key;
    assert(row_count <= OPTION_ROWS_MAX);
    for (size_t i = 0; i < row_count; i++) {
        options[i].name = rows[i].name;
        options[i].has_arg = rows[i].flag ? no_argument : required_argument;
    }
    options[row_count].name = "help";
    while ((key = getopt_long(argc, argv, "", options, &at)) == 0) {
        if ((size_t)at == row_count) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take(&rows[at], optarg))
            return EXIT_FAILURE;
    }
    if (key == -1 && optind == argc)
        return has_needed(rows, row_count) ? -1 : EXIT_FAILURE;
    fputs(usage, stderr);
    return EXIT_FAILURE;
}
