/* SPDX-License-Identifier: Apache-2.0
 * Parsing in a loop: the document lives in one buffer that is used again for
 * the next text; only texts that are too large for it are allocated. */
#include "engine/codec/json_reader.h"

#include <assert.h>
#include <stdlib.h>

#define READER_BUFFER_SIZE ((size_t)64 << 10)

struct json_reader {
    yyjson_doc *owned; /* too large for the buffer; else NULL */
    char buffer[READER_BUFFER_SIZE];
};

struct json_reader *
json_reader_new(void)
{
    struct json_reader *reader = malloc(sizeof(*reader));
    if (reader != NULL)
        reader->owned = NULL;
    return reader;
}

void
json_reader_free(struct json_reader *reader)
{
    if (reader == NULL)
        return;
    yyjson_doc_free(reader->owned);
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

yyjson_val *
json_reader_root(struct json_reader *reader, struct span text)
{
    assert(reader != NULL);
    yyjson_doc_free(reader->owned);
    reader->owned = NULL;
    if (text.size == 0)
        return NULL;
    yyjson_doc *doc = NULL;
    if (yyjson_read_max_memory_usage(text.size, 0) + 1024 <=
        sizeof(reader->buffer)) {
        yyjson_alc allocator;
        yyjson_alc_pool_init(&allocator, reader->buffer,
                             sizeof(reader->buffer));
        doc = read_text(text, &allocator);
    }
    if (doc == NULL) {
        doc = read_text(text, NULL);
        reader->owned = doc;
    }
    return yyjson_doc_get_root(doc);
}
