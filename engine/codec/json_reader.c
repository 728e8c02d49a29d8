/* SPDX-License-Identifier: Apache-2.0
 * Parsing in a loop: the document lives in one buffer that is used again for
 * the next text; only texts that are too large for it are allocated. */
#include "engine/codec/json_reader.h"

#include "engine/codec/json_unique.h"

#include <assert.h>
#include <stdlib.h>

#define READER_BUFFER_SIZE ((size_t)64 << 10)

struct json_reader {
    yyjson_doc *owned; /* too large for the buffer; else NULL */
    char *text;        /* as `owned`, of json_reader_compact() */
    char buffer[READER_BUFFER_SIZE];
};

struct json_reader *
json_reader_new(void)
{
    struct json_reader *reader = malloc(sizeof(*reader));
    if (reader == NULL)
        return NULL;
    reader->owned = NULL;
    reader->text = NULL;
    return reader;
}

void
json_reader_free(struct json_reader *reader)
{
    if (reader == NULL)
        return;
    yyjson_doc_free(reader->owned);
    free(reader->text);
    free(reader);
}

/* Without YYJSON_READ_INSITU the input is never written to. */
static yyjson_doc *
read_text(struct span text, const yyjson_alc *allocator)
{
    union {
        const char *in;
        char *out;
    } data = { .in = text.data };
    return yyjson_read_opts(data.out, text.size, 0, allocator, NULL);
}

yyjson_doc *
json_text_read(struct span text)
{
    return text.size == 0 ? NULL : read_text(text, NULL);
}

/* Reads `text` into the buffer if it fits, and sets up `ret_rest` to hand out
 * what the document leaves of it. */
static yyjson_val *
read_next(struct json_reader *reader, struct span text, yyjson_alc *ret_rest)
{
    yyjson_doc_free(reader->owned);
    free(reader->text);
    reader->owned = NULL;
    reader->text = NULL;
    if (text.size == 0)
        return NULL;
    yyjson_doc *doc = NULL;
    yyjson_alc_pool_init(ret_rest, reader->buffer, sizeof(reader->buffer));
    if (yyjson_read_max_memory_usage(text.size, 0) + 1024 <=
        sizeof(reader->buffer))
        doc = read_text(text, ret_rest);
    if (doc == NULL) {
        doc = read_text(text, NULL);
        reader->owned = doc;
    }
    return yyjson_doc_get_root(doc);
}

yyjson_val *
json_reader_root(struct json_reader *reader, struct span text)
{
    assert(reader != NULL);
    yyjson_alc rest;
    return read_next(reader, text, &rest);
}

bool
json_reader_compact(struct json_reader *reader, struct span text,
                    struct span *ret_text)
{
    assert(reader != NULL);
    yyjson_alc rest;
    yyjson_val *root = read_next(reader, text, &rest);
    if (root == NULL || !json_is_unique(root))
        return false;
    size_t size = 0;
    char *compact = yyjson_val_write_opts(root, 0, &rest, &size, NULL);
    if (compact == NULL) {
        compact = yyjson_val_write_opts(root, 0, NULL, &size, NULL);
        reader->text = compact;
    }
    *ret_text = (struct span){ compact, size };
    return compact != NULL;
}
