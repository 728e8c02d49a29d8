/* SPDX-License-Identifier: Apache-2.0
 * Behind a line of keys, any bytes: a text that is no object ends the walk
 * within its bounds, and of an object as payloads are kept the members come out
 * that a parser finds. */
#include "engine/codec/json_pick.h"
#include "engine/codec/json_read.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KEYS_MAX 4

/* Keys end at a blank, their line at '\n'. */
static size_t
read_keys(struct span *text, struct span keys[KEYS_MAX])
{
    size_t count = 0, begin = 0, at = 0;
    for (; at < text->size && text->data[at] != '\n'; at++) {
        if (text->data[at] != ' ' || count == KEYS_MAX - 1)
            continue;
        keys[count++] = (struct span){ text->data + begin, at - begin };
        begin = at + 1;
    }
    keys[count++] = (struct span){ text->data + begin, at - begin };
    at += at < text->size;
    *text = (struct span){ text->data + at, text->size - at };
    return count;
}

static bool
is_wanted(struct span name, const struct span *keys, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_equal(name, keys[i]))
            return true;
    return false;
}

/* The first member of each wanted key, as a parser has them. */
static void
check_members(yyjson_val *root, struct span picked, const struct span *keys,
              size_t count)
{
    yyjson_doc *doc = yyjson_read(picked.data, picked.size, 0);
    assert(doc != NULL);
    yyjson_val *parts = yyjson_doc_get_root(doc), *key, *value;
    assert(yyjson_is_obj(parts));
    for (size_t i = 0; i < count; i++) {
        yyjson_val *member = yyjson_obj_getn(root, keys[i].data, keys[i].size);
        yyjson_val *part = yyjson_obj_getn(parts, keys[i].data, keys[i].size);
        assert((member == NULL) == (part == NULL));
        assert(member == NULL || yyjson_equals(member, part));
    }
    size_t index, max;
    yyjson_obj_foreach(parts, index, max, key, value)
        assert(is_wanted(json_span(key), keys, count));
    yyjson_doc_free(doc);
}

/* What a store holds: written compactly by the writer. */
static void
check_object(yyjson_val *root, const struct span *keys, size_t count)
{
    size_t size;
    char *text = yyjson_val_write(root, 0, &size);
    if (text == NULL)
        return;
    char *buffer = malloc(size);
    assert(buffer != NULL);
    struct span picked;
    for (size_t room = size; room > 0; room /= 2)
        if (json_pick((struct span){ text, size }, keys, count, buffer, room,
                      &picked)) {
            assert(picked.data == buffer && picked.size <= room);
            check_members(root, picked, keys, count);
        }
    free(buffer);
    free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size }, keys[KEYS_MAX], picked;
    size_t count = read_keys(&text, keys);
    char *buffer = malloc(text.size + 2);
    assert(buffer != NULL);
    if (json_pick(text, keys, count, buffer, text.size + 2, &picked))
        assert(picked.data == buffer && picked.size <= text.size + 2);
    free(buffer);
    yyjson_doc *doc = NULL;
    if (json_parse(text, &doc, NULL) == ENGINE_OK &&
        yyjson_is_obj(yyjson_doc_get_root(doc)))
        check_object(yyjson_doc_get_root(doc), keys, count);
    yyjson_doc_free(doc);
    return 0;
}
