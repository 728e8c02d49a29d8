/* SPDX-License-Identifier: Apache-2.0
 * The command line of one command, by a table. */
#include "tools/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct option_spec *
spec_find(const struct options *options, const char *name, size_t name_size)
{
    for (size_t i = 0; i < options->specs_count; i++) {
        const char *known = options->specs[i].name;
        if (strlen(known) == name_size && memcmp(known, name, name_size) == 0)
            return &options->specs[i];
    }
    return NULL;
}

static bool
count_set(const struct option_spec *spec, const char *text,
          struct fault *reterr)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0')
        return fault_usage(reterr, "--%s: '%s' is no number", spec->name, text);
    if (spec->count_max > 0 && value > spec->count_max)
        return fault_usage(reterr, "--%s: %s is above %llu", spec->name, text,
                           (unsigned long long)spec->count_max);
    *(uint64_t *)spec->ret_value = value;
    return true;
}

static bool
value_set(const struct option_spec *spec, const char *value,
          struct fault *reterr)
{
    if (spec->kind == OPTION_COUNT)
        return count_set(spec, value, reterr);
    *(const char **)spec->ret_value = value;
    return true;
}

/* One argument that begins with two dashes; `*at` moves on by what it took. */
static bool
option_take(struct options *options, int argc, char **argv, int *at,
            struct fault *reterr)
{
    const char *name = argv[*at] + 2;
    const char *value = strchr(name, '=');
    size_t size = value == NULL ? strlen(name) : (size_t)(value - name);
    const struct option_spec *spec = spec_find(options, name, size);
    if (spec == NULL)
        return fault_usage(reterr,
                           "unknown option --%.*s; azimuthctl %s --help lists "
                           "them",
                           (int)size, name, argv[0]);
    if (spec->kind == OPTION_FLAG) {
        if (value != NULL)
            return fault_usage(reterr, "--%s takes no value", spec->name);
        *(bool *)spec->ret_value = true;
        return true;
    }
    if (value != NULL)
        return value_set(spec, value + 1, reterr);
    if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
        return fault_usage(reterr, "--%s needs a value", spec->name);
    *at += 1;
    return value_set(spec, argv[*at], reterr);
}

bool
options_parse(struct options *options, int argc, char **argv,
              struct fault *reterr)
{
    bool are_over = false;
    for (int at = 1; at < argc; at++) {
        const char *argument = argv[at];
        if (!are_over && strcmp(argument, "--") == 0) {
            are_over = true;
        } else if (!are_over && (strcmp(argument, "--help") == 0 ||
                                 strcmp(argument, "-h") == 0)) {
            options->wants_help = true;
            return true;
        } else if (!are_over && strncmp(argument, "--", 2) == 0) {
            if (!option_take(options, argc, argv, &at, reterr))
                return false;
        } else if (!are_over && argument[0] == '-' && argument[1] != '\0') {
            return fault_usage(reterr, "unknown option %s", argument);
        } else if (options->words_count == OPTIONS_WORDS_MAX) {
            return fault_usage(reterr, "more than %d words", OPTIONS_WORDS_MAX);
        } else {
            options->words[options->words_count++] = argument;
        }
    }
    return true;
}
