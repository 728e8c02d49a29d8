/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes; `data` may be NULL only when size is 0. */
struct span {
    const char *data;
    size_t size;
};

/* A growing buffer that is born with a maximum. A failed append (maximum or
 * memory) is sticky: later appends do nothing, and bytes_failed() says so
 * once, where the result is used. Not thread safe. */
struct bytes {
    char *data; /* owned; NUL-terminated whenever size > 0 */
    size_t size;
    size_t room_size;
    size_t size_max;
    bool is_failed;
};

/* The span of a NUL-terminated string, which must outlive it. */
struct span span_of(const char *text);

bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);

/* <0, 0, >0 by their bytes; a beginning comes before what it begins. */
int span_compare(struct span a, struct span b);

/* Whether `a` starts with the NUL-terminated `prefix`. */
bool span_starts(struct span a, const char *prefix);

/* Whether it has a control character of ASCII (below 0x20, or 0x7f). */
bool span_has_control(struct span text);

/* Prepares an empty buffer; allocates nothing yet. size_max > 0. */
void bytes_init(struct bytes *bytes, size_t size_max);

/* Frees the content; the buffer may be used again with the same maximum. */
void bytes_release(struct bytes *bytes);

/* As bytes_release(), and overwrites the content first: for secrets. */
void bytes_wipe(struct bytes *bytes);

/* Makes room for `more_size` bytes to come, so that adding them moves nothing.
 * False: past size_max or out of memory, and the buffer has failed. */
bool bytes_reserve(struct bytes *bytes, size_t more_size);

void bytes_add(struct bytes *bytes, const void *data, size_t size);
void bytes_add_text(struct bytes *bytes, const char *text);
void bytes_add_span(struct bytes *bytes, struct span span);
void bytes_add_char(struct bytes *bytes, char c);
void bytes_addf(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fixed-width integers, little endian: the order of every on-disk record. */
void bytes_add_u32(struct bytes *bytes, uint32_t value);
void bytes_add_u64(struct bytes *bytes, uint64_t value);

bool bytes_failed(const struct bytes *bytes);

/* The content; valid until the next change of `bytes`. */
struct span bytes_span(const struct bytes *bytes);

/* Hands the content to the caller, who frees it; the buffer is empty after.
 * NULL when the buffer failed or is empty. */
char *bytes_take(struct bytes *bytes) __attribute__((warn_unused_result));

#endif /* BASE_BYTES_H */
