/* SPDX-License-Identifier: Apache-2.0
 * Texts of what went wrong. A text that is too long is cut. */
#include "tools/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool
fault_set(struct fault *reterr, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    reterr->status = EXIT_FAILED;
    vsnprintf(reterr->text, sizeof(reterr->text), format, list);
    va_end(list);
    return false;
}

bool
fault_usage(struct fault *reterr, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    reterr->status = EXIT_USAGE;
    vsnprintf(reterr->text, sizeof(reterr->text), format, list);
    va_end(list);
    return false;
}

bool
fault_prefix(struct fault *reterr, const char *format, ...)
{
    char prefix[FAULT_TEXT_SIZE], text[FAULT_TEXT_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(prefix, sizeof(prefix), format, list);
    va_end(list);
    memcpy(text, reterr->text, sizeof(text));
    int size = snprintf(reterr->text, sizeof(reterr->text), "%s", prefix);
    if (size >= 0 && (size_t)size < sizeof(reterr->text))
        snprintf(reterr->text + size, sizeof(reterr->text) - (size_t)size, "%s",
                 text);
    return false;
}

int
fault_report(const struct fault *fault)
{
    fprintf(stderr, "azimuthctl: %s\n", fault->text);
    return (int)fault->status;
}
