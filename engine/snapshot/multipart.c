/* SPDX-License-Identifier: Apache-2.0
 * The head of each part is looked at in memory, its data is searched for the
 * next boundary a piece at a time. */
#define _GNU_SOURCE /* memmem() */
#include "engine/snapshot/multipart.h"

#include "engine/snapshot/file.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PIECE_SIZE ((size_t)1 << 20)

struct multipart {
    int fd;
    uint64_t size;
    char mark[MULTIPART_BOUNDARY_MAX + 5]; /* "\r\n--BOUNDARY" */
    size_t mark_size;
    char *piece;
    const atomic_bool *stop;
    struct error *reterr;
};

static enum engine_code
refuse(const struct multipart *body, const char *why)
{
    return error_set(body->reterr, ENGINE_EREQUEST,
                     "the upload is no multipart/form-data: %s", why);
}

/* The value of `; KEY=VALUE` or `; KEY="VALUE"`, of at most `max` bytes. */
static bool
parameter(struct span text, const char *key, char *ret_value, size_t max)
{
    size_t key_size = strlen(key);
    for (size_t at = 0; at + key_size + 1 < text.size; at++) {
        const char *here = text.data + at;
        bool is_begin = at > 0 && (here[-1] == ' ' || here[-1] == ';');
        if (!is_begin || strncasecmp(here, key, key_size) != 0 ||
            here[key_size] != '=')
            continue;
        const char *value = here + key_size + 1;
        size_t left = text.size - at - key_size - 1;
        bool is_quoted = left > 0 && *value == '"';
        value += is_quoted;
        left -= is_quoted;
        size_t size = 0;
        while (size < left && value[size] != (is_quoted ? '"' : ';') &&
               (is_quoted || value[size] != ' '))
            size++;
        if (size == 0 || size > max || (is_quoted && size == left))
            return false;
        memcpy(ret_value, value, size);
        ret_value[size] = '\0';
        return true;
    }
    return false;
}

/* Where the mark begins at or after `at`; the body's size: nowhere. */
static enum engine_code
find_mark(const struct multipart *body, uint64_t at, uint64_t *ret_at)
{
    while (at < body->size) {
        size_t part = body->size - at < PIECE_SIZE ? (size_t)(body->size - at)
                                                   : PIECE_SIZE;
        enum engine_code code = file_may_go_on(body->stop, body->reterr);
        if (code == ENGINE_OK)
            code = file_read(body->fd, at, body->piece, part, body->reterr);
        if (code != ENGINE_OK)
            return code;
        const char *found =
            memmem(body->piece, part, body->mark, body->mark_size);
        if (found != NULL) {
            *ret_at = at + (uint64_t)(found - body->piece);
            return ENGINE_OK;
        }
        if (part < PIECE_SIZE)
            break;
        at += part - body->mark_size + 1;
    }
    *ret_at = body->size;
    return ENGINE_OK;
}

/* Reads the part's head at `at` (after its boundary). ret_data: behind it. */
static enum engine_code
read_head(const struct multipart *body, uint64_t at, const char *name,
          bool *ret_is_it, uint64_t *ret_data)
{
    char field[256] = "";
    size_t size = body->size - at < MULTIPART_HEAD_MAX
                      ? (size_t)(body->size - at)
                      : MULTIPART_HEAD_MAX;
    enum engine_code code =
        file_read(body->fd, at, body->piece, size, body->reterr);
    if (code != ENGINE_OK)
        return code;
    if (size < 2 || memcmp(body->piece, "\r\n", 2) != 0)
        return refuse(body, size >= 2 && memcmp(body->piece, "--", 2) == 0
                                ? "it has no field `snapshot`"
                                : "a boundary is not at the end of its line");
    const char *end = memmem(body->piece, size, "\r\n\r\n", 4);
    if (end == NULL)
        return refuse(body, "the head of a part does not end");
    static const char key[] = "\r\ncontent-disposition:";
    for (const char *line = body->piece; line < end; line++) {
        if (strncasecmp(line, key, sizeof(key) - 1) != 0)
            continue;
        const char *stop =
            memmem(line + 2, (size_t)(end + 2 - line), "\r\n", 2);
        struct span text = { line, (size_t)(stop - line) };
        (void)parameter(text, "name", field, sizeof(field) - 1);
    }
    *ret_is_it = strcmp(field, name) == 0;
    *ret_data = at + (uint64_t)(end - body->piece) + 4;
    return ENGINE_OK;
}

static enum engine_code
find_part(const struct multipart *body, const char *name, uint64_t *ret_begin,
          uint64_t *ret_size)
{
    uint64_t at = 0;
    size_t first = body->size < body->mark_size - 2 ? (size_t)body->size
                                                    : body->mark_size - 2;
    enum engine_code code =
        file_read(body->fd, 0, body->piece, first, body->reterr);
    if (code != ENGINE_OK)
        return code;
    if (first < body->mark_size - 2 ||
        memcmp(body->piece, body->mark + 2, first) != 0)
        return refuse(body, "it does not begin with its boundary");
    at = first;
    while (at < MULTIPART_HEAD_MAX) {
        bool is_it = false;
        uint64_t data = 0, end = 0;
        code = read_head(body, at, name, &is_it, &data);
        /* An empty part's data is the mark's own line end. */
        if (code == ENGINE_OK)
            code = find_mark(body, data - 2, &end);
        if (code != ENGINE_OK)
            return code;
        if (end == body->size)
            return refuse(body, "it is cut short");
        if (is_it) {
            *ret_begin = data;
            *ret_size = end < data ? 0 : end - data;
            return ENGINE_OK;
        }
        at = end + body->mark_size;
    }
    return refuse(body, "other fields before `snapshot` are too large");
}

enum engine_code
multipart_find(int fd, uint64_t size, const char *type, const char *name,
               const atomic_bool *stop, uint64_t *ret_begin, uint64_t *ret_size,
               struct error *reterr)
{
    static const char wanted[] = "multipart/form-data";
    struct multipart body = {
        .fd = fd, .size = size, .stop = stop, .reterr = reterr
    };
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    if (type == NULL || strncasecmp(type, wanted, sizeof(wanted) - 1) != 0 ||
        strchr("; \t", type[sizeof(wanted) - 1]) == NULL)
        return refuse(&body, "another Content-Type");
    if (!parameter(span_of(type), "boundary", boundary, MULTIPART_BOUNDARY_MAX))
        return refuse(&body, "Content-Type names no boundary of 1 to 70 bytes");
    body.mark_size =
        (size_t)snprintf(body.mark, sizeof(body.mark), "\r\n--%s", boundary);
    /* One more byte: comparisons of lines may look behind the last. */
    body.piece = calloc(1, PIECE_SIZE + 64);
    if (body.piece == NULL)
        return error_memory(reterr);
    enum engine_code code = find_part(&body, name, ret_begin, ret_size);
    free(body.piece);
    return code;
}
