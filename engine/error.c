/* SPDX-License-Identifier: Apache-2.0
 * The engine's failures as one table: name, statuses and wire prefix. */
#include "engine/error.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *prefix;
    int http;
    int grpc;
} codes[] = {
#define X(code, http, grpc, prefix) [code] = { #code, prefix, http, grpc },
    ENGINE_CODES(X)
#undef X
};

#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))

enum engine_code
error_set(struct error *reterr, enum engine_code code, const char *format, ...)
{
    assert(code != ENGINE_OK);
    if (reterr == NULL)
        return code;
    reterr->code = code;
    reterr->retry_s = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(reterr->text, sizeof(reterr->text), format, args);
    va_end(args);
    return code;
}

enum engine_code
error_memory(struct error *reterr)
{
    return error_set(reterr, ENGINE_ENOMEM, "not enough memory");
}

enum engine_code
error_memory_limit(struct error *reterr, const char *what,
                   unsigned long long more_size, unsigned long long used_size,
                   unsigned long long limit_size)
{
    return error_set(reterr, ENGINE_ENOMEM,
                     "%s needs about %llu KiB of memory, but %llu of %llu MiB "
                     "(storage.memory_limit_mb) are in use: delete points or "
                     "collections, put vectors on disk, or raise the limit; "
                     "reads and deletes go on",
                     what, more_size / 1024 + 1, used_size >> 20,
                     limit_size >> 20);
}

enum engine_code
error_memory_busy(struct error *reterr, unsigned long long limit_size)
{
    return error_set(reterr, ENGINE_EUNAVAILABLE,
                     "the working memory of all requests together (%llu MiB, "
                     "service.request_memory_mb) is in use: try again, or send "
                     "smaller requests",
                     limit_size >> 20);
}

int
error_http_status(enum engine_code code)
{
    assert(code < CODE_COUNT);
    return codes[code].http;
}

int
error_grpc_status(enum engine_code code)
{
    assert(code < CODE_COUNT);
    return codes[code].grpc;
}

const char *
error_prefix(enum engine_code code)
{
    assert(code < CODE_COUNT);
    return codes[code].prefix;
}

const char *
error_name(enum engine_code code)
{
    assert(code < CODE_COUNT);
    return codes[code].name;
}
