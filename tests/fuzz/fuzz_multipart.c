/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an upload, the Content-Type in the first line: refused with a
 * text, or the part lies inside of the body, behind its head and before its
 * boundary, which it does not hold. */
#define _GNU_SOURCE /* memfd_create(), memmem() */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/snapshot/multipart.h"

#define SIZE_MAX_IN ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_part(const uint8_t *body, size_t size, uint64_t begin, uint64_t length)
{
    assert(begin <= size && length <= size - begin);
    assert(begin >= 4 && memcmp(body + begin - 4, "\r\n\r\n", 4) == 0);
    /* An empty part's boundary takes its line end from the head. */
    const uint8_t *end = body + begin + length;
    size_t left = size - (size_t)begin - (size_t)length;
    if (length == 0 && left >= 2 && memcmp(end, "--", 2) == 0)
        return;
    assert(left >= 4 && memcmp(end, "\r\n--", 4) == 0);
    /* The body begins with its boundary. */
    const uint8_t *line = memmem(body, size, "\r\n", 2);
    assert(line != NULL);
    char mark[80] = "\r\n";
    size_t mark_size = (size_t)(line - body) + 2;
    if (mark_size > sizeof(mark))
        return; /* something follows the boundary in its line */
    memcpy(mark + 2, body, mark_size - 2);
    assert(memmem(body + begin, (size_t)length, mark, mark_size) == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = { .text = "" };
    uint64_t begin = 0, length = 0;
    if (size > SIZE_MAX_IN)
        return 0;
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    if (end == NULL)
        return 0;
    size_t type_size = (size_t)(end - data);
    char *type = malloc(type_size + 1);
    assert(type != NULL);
    memcpy(type, data, type_size);
    type[type_size] = '\0';
    const uint8_t *body = end + 1;
    size_t body_size = size - type_size - 1;
    int fd = memfd_create("upload", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, body, body_size) == (ssize_t)body_size);
    enum engine_code code = multipart_find(fd, body_size, type, "snapshot",
                                           NULL, &begin, &length, &error);
    if (code == ENGINE_OK)
        check_part(body, body_size, begin, length);
    else
        assert(code == ENGINE_EREQUEST && error.text[0] != '\0');
    close(fd);
    free(type);
    return 0;
}
