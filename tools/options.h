/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include "tools/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Options of one command: --name VALUE or --name=VALUE, flags without one, and
 * words in any order; `--` ends the options. */

#define OPTIONS_WORDS_MAX 64

enum option_kind {
    OPTION_TEXT,  /* ret_value: const char **, borrowed from argv */
    OPTION_COUNT, /* ret_value: uint64_t *, at most `count_max` */
    OPTION_FLAG,  /* ret_value: bool *, set to true */
};

struct option_spec {
    const char *name; /* without the dashes */
    enum option_kind kind;
    void *ret_value;    /* keeps its default when not given */
    uint64_t count_max; /* 0: no limit of its own */
};

struct options {
    const struct option_spec *specs;
    size_t specs_count;
    const char *words[OPTIONS_WORDS_MAX];
    size_t words_count;
    bool wants_help;
};

/* Reads the arguments after the command's name, argv[0]. False: an unknown
 * option, a missing or bad value, too many words. */
bool options_parse(struct options *options, int argc, char **argv,
                   struct fault *reterr) __attribute__((warn_unused_result));

#endif /* TOOLS_OPTIONS_H */
