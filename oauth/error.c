/* SPDX-License-Identifier: Apache-2.0
 * The table of oauth/error.h and the one way to write a failure's text. */
#include "oauth/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

enum oauth_code
error_set(struct error *reterr, enum oauth_code code, const char *format, ...)
{
    assert(code != OAUTH_OK);
    if (reterr == NULL)
        return code;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(reterr->text, sizeof(reterr->text), format, args);
    va_end(args);
    if (size < 0)
        reterr->text[0] = '\0';
    for (char *c = reterr->text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    reterr->code = code;
    return code;
}

enum oauth_code
error_memory(struct error *reterr)
{
    return error_set(reterr, OAUTH_ENOMEM, "memory is out");
}

int
error_http_status(enum oauth_code code)
{
    static const int statuses[] = {
#define X(code, http, name) http,
        OAUTH_CODES(X)
#undef X
    };
    assert((size_t)code < sizeof(statuses) / sizeof(statuses[0]));
    return statuses[code];
}

const char *
error_name(enum oauth_code code)
{
    static const char *const names[] = {
#define X(code, http, name) name,
        OAUTH_CODES(X)
#undef X
    };
    assert((size_t)code < sizeof(names) / sizeof(names[0]));
    return names[code];
}
