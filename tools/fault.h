/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_FAULT_H
#define TOOLS_FAULT_H

#include <stdbool.h>
#include <stddef.h>

/* Why a command could not be done, for people: one sentence, and after a
 * semicolon what to do. A function that can fail returns false and has filled
 * it; the command prints it once and ends with its status. */

#define FAULT_TEXT_SIZE 800

enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1, /* the world: network, disk, refusals */
    EXIT_USAGE = 2,  /* the command line */
};

struct fault {
    enum exit_status status;
    char text[FAULT_TEXT_SIZE];
};

/* Both return false. */
bool fault_set(struct fault *reterr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool fault_usage(struct fault *reterr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts words in front of the text. Returns false. */
bool fault_prefix(struct fault *reterr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints it to standard error; returns the exit status. */
int fault_report(const struct fault *fault);

#endif /* TOOLS_FAULT_H */
