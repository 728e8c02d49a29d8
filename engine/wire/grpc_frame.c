/* SPDX-License-Identifier: Apache-2.0
 * Message prefixes, header values and gzip of gRPC. */
#include "engine/wire/grpc_frame.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

#define GZIP_WINDOW_BITS (15 + 16) /* zlib: a gzip header and trailer */
#define GZIP_MEMORY      8
#define GZIP_STEP_SIZE   ((size_t)16 << 10)

bool
grpc_prefix_read(const uint8_t prefix[GRPC_PREFIX_SIZE],
                 bool *ret_is_compressed, uint32_t *ret_size)
{
    *ret_is_compressed = prefix[0] == 1;
    *ret_size = (uint32_t)prefix[1] << 24 | (uint32_t)prefix[2] << 16 |
                (uint32_t)prefix[3] << 8 | prefix[4];
    return prefix[0] <= 1;
}

void
grpc_prefix_write(uint8_t prefix[GRPC_PREFIX_SIZE], bool is_compressed,
                  uint32_t size)
{
    prefix[0] = is_compressed;
    prefix[1] = (uint8_t)(size >> 24);
    prefix[2] = (uint8_t)(size >> 16);
    prefix[3] = (uint8_t)(size >> 8);
    prefix[4] = (uint8_t)size;
}

bool
grpc_timeout_read(const char *text, uint64_t *ret_ms)
{
    static const struct {
        char unit;
        uint64_t microseconds;
    } units[] = { { 'H', 3600000000u }, { 'M', 60000000u }, { 'S', 1000000u },
                  { 'm', 1000u },       { 'u', 1u },        { 'n', 0u } };
    uint64_t value = 0;
    size_t digits = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
        if (++digits > 8)
            return false;
    }
    if (digits == 0 || *text == '\0' || text[1] != '\0')
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit != *text)
            continue;
        uint64_t us = units[i].microseconds > 0 ? value * units[i].microseconds
                                                : (value + 999) / 1000;
        *ret_ms = (us + 999) / 1000;
        return true;
    }
    return false;
}

void
grpc_message_write(struct bytes *out, struct span text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        /* A field value neither begins nor ends with a space (RFC 9113 section
         * 8.2.1). */
        bool is_edge = i == 0 || i + 1 == text.size;
        if (c > (is_edge ? 0x20 : 0x1f) && c < 0x7f && c != '%') {
            bytes_add_char(out, (char)c);
            continue;
        }
        bytes_add_char(out, '%');
        bytes_add_char(out, digits[c >> 4]);
        bytes_add_char(out, digits[c & 15]);
    }
}

/* Feeds `input` in steps that zlib's 32-bit counters hold; it never writes. */
static void
stream_feed(z_stream *stream, struct span *input)
{
    union {
        const char *given;
        Bytef *next;
    } data = { input->data };
    size_t step = input->size < UINT_MAX ? input->size : UINT_MAX;
    stream->next_in = data.next;
    stream->avail_in = (uInt)step;
    input->data += step;
    input->size -= step;
}

bool
grpc_gzip(struct span message, struct bytes *out)
{
    z_stream stream = { .zalloc = Z_NULL };
    Bytef step[GZIP_STEP_SIZE / 4];
    int rc = Z_OK;
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW_BITS,
                     GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    while (rc == Z_OK && !bytes_failed(out)) {
        if (stream.avail_in == 0 && message.size > 0)
            stream_feed(&stream, &message);
        stream.next_out = step;
        stream.avail_out = sizeof(step);
        rc = deflate(&stream, message.size == 0 ? Z_FINISH : Z_NO_FLUSH);
        bytes_add(out, step, sizeof(step) - stream.avail_out);
    }
    deflateEnd(&stream);
    return rc == Z_STREAM_END && !bytes_failed(out);
}

bool
grpc_gunzip(struct span data, struct bytes *out)
{
    z_stream stream = { .zalloc = Z_NULL };
    Bytef step[GZIP_STEP_SIZE / 4];
    int rc = Z_OK;
    if (inflateInit2(&stream, GZIP_WINDOW_BITS) != Z_OK)
        return false;
    while (rc == Z_OK && !bytes_failed(out)) {
        if (stream.avail_in == 0) {
            if (data.size == 0)
                break;
            stream_feed(&stream, &data);
        }
        do {
            stream.next_out = step;
            stream.avail_out = sizeof(step);
            rc = inflate(&stream, Z_NO_FLUSH);
            if (rc == Z_BUF_ERROR)
                rc = Z_OK; /* it wants more input */
            bytes_add(out, step, sizeof(step) - stream.avail_out);
        } while (rc == Z_OK && stream.avail_out == 0 && !bytes_failed(out));
    }
    bool is_whole = rc == Z_STREAM_END && stream.avail_in == 0 &&
                    data.size == 0 && !bytes_failed(out);
    inflateEnd(&stream);
    return is_whole;
}
