/* SPDX-License-Identifier: Apache-2.0
 * Other names of collections. The whole table is written for each change: it
 * is small, and rare to change. */
#include "engine/collection/aliases.h"

#include "engine/codec/json_read.h"
#include "engine/codec/json_reader.h"
#include "engine/codec/json_write.h"
#include "engine/storage/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1
#define PATH_SIZE_MAX  8192
#define FILE_SIZE_MAX  ((size_t)256 << 20)

/* Where the name is, or where it would stand. */
static bool
find(const struct aliases *aliases, struct span name, size_t *ret_at)
{
    size_t low = 0, high = aliases->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = span_compare(name, aliases->items[middle].name);
        if (order == 0) {
            *ret_at = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_at = low;
    return false;
}

static void
text_free(struct span text)
{
    free((void *)(uintptr_t)text.data);
}

static bool
text_copy(struct span text, struct span *ret_copy)
{
    char *copy = malloc(text.size + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    *ret_copy = (struct span){ copy, text.size };
    return true;
}

void
aliases_clear(struct aliases *aliases)
{
    for (size_t i = 0; i < aliases->count; i++) {
        text_free(aliases->items[i].name);
        text_free(aliases->items[i].collection);
    }
    free(aliases->items);
    *aliases = (struct aliases){ 0 };
}

const struct span *
aliases_find(const struct aliases *aliases, struct span name)
{
    size_t at;
    return find(aliases, name, &at) ? &aliases->items[at].collection : NULL;
}

static bool
make_room(struct aliases *aliases)
{
    if (aliases->count < aliases->room)
        return true;
    size_t room = aliases->room * 2 + 16;
    struct alias *items = realloc(aliases->items, room * sizeof(*items));
    if (items == NULL)
        return false;
    aliases->items = items;
    aliases->room = room;
    return true;
}

enum engine_code
aliases_put(struct aliases *aliases, struct span name, struct span collection,
            struct error *reterr)
{
    struct alias alias;
    size_t at;
    bool is_there = find(aliases, name, &at);
    if (!is_there && aliases->count >= ALIASES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "there are %d aliases already, more are not allowed",
                         ALIASES_MAX);
    if (!text_copy(collection, &alias.collection))
        return error_memory(reterr);
    if (is_there) {
        text_free(aliases->items[at].collection);
        aliases->items[at].collection = alias.collection;
        return ENGINE_OK;
    }
    if (!make_room(aliases) || !text_copy(name, &alias.name)) {
        text_free(alias.collection);
        return error_memory(reterr);
    }
    memmove(aliases->items + at + 1, aliases->items + at,
            (aliases->count - at) * sizeof(alias));
    aliases->items[at] = alias;
    aliases->count++;
    return ENGINE_OK;
}

static void
remove_at(struct aliases *aliases, size_t at)
{
    text_free(aliases->items[at].name);
    text_free(aliases->items[at].collection);
    aliases->count--;
    memmove(aliases->items + at, aliases->items + at + 1,
            (aliases->count - at) * sizeof(struct alias));
}

bool
aliases_remove(struct aliases *aliases, struct span name)
{
    size_t at;
    if (!find(aliases, name, &at))
        return false;
    remove_at(aliases, at);
    return true;
}

bool
aliases_remove_collection(struct aliases *aliases, struct span collection)
{
    size_t count = aliases->count;
    for (size_t i = count; i > 0; i--) {
        if (span_equal(aliases->items[i - 1].collection, collection))
            remove_at(aliases, i - 1);
    }
    return aliases->count != count;
}

enum engine_code
aliases_copy(const struct aliases *aliases, struct aliases *ret_copy,
             struct error *reterr)
{
    struct aliases copy = { 0 };
    for (size_t i = 0; i < aliases->count; i++) {
        enum engine_code code =
            aliases_put(&copy, aliases->items[i].name,
                        aliases->items[i].collection, reterr);
        if (code != ENGINE_OK) {
            aliases_clear(&copy);
            return code;
        }
    }
    *ret_copy = copy;
    return ENGINE_OK;
}

/* ---- the file ---- */

static enum engine_code
path_make(const char *folder, struct bytes *path, struct error *reterr)
{
    bytes_init(path, PATH_SIZE_MAX);
    bytes_addf(path, "%s/aliases.json", folder);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

static void
write_text(const struct aliases *aliases, struct bytes *text)
{
    struct json_writer writer;
    json_writer_init(&writer, text);
    json_object_begin(&writer);
    json_key(&writer, "format");
    json_u64(&writer, FORMAT_VERSION);
    json_key(&writer, "aliases");
    json_object_begin(&writer);
    for (size_t i = 0; i < aliases->count; i++) {
        json_key_span(&writer, aliases->items[i].name);
        json_text_span(&writer, aliases->items[i].collection);
    }
    json_object_end(&writer);
    json_object_end(&writer);
}

enum engine_code
aliases_save(const struct aliases *aliases, const char *folder,
             struct error *reterr)
{
    struct bytes path, text;
    bytes_init(&text, FILE_SIZE_MAX);
    write_text(aliases, &text);
    enum engine_code code = path_make(folder, &path, reterr);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = checkpoint_write(path.data, bytes_span(&text), reterr);
    bytes_release(&path);
    bytes_release(&text);
    return code;
}

static enum engine_code
take(yyjson_val *root, const char *path, struct aliases *aliases,
     struct error *reterr)
{
    yyjson_val *format = yyjson_obj_get(root, "format");
    yyjson_val *table = yyjson_obj_get(root, "aliases");
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_uint(format) || !yyjson_is_obj(table))
        return error_set(reterr, ENGINE_ECORRUPT, "%s is damaged", path);
    if (yyjson_get_uint(format) > FORMAT_VERSION)
        return error_set(reterr, ENGINE_EVERSION,
                         "%s was written by a newer version: use that one",
                         path);
    yyjson_obj_foreach(table, index, max, key, value)
    {
        if (!yyjson_is_str(value))
            return error_set(reterr, ENGINE_ECORRUPT, "%s is damaged", path);
        enum engine_code code =
            aliases_put(aliases, json_span(key), json_span(value), reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
read_file(const char *path, struct aliases *aliases, struct error *reterr)
{
    struct bytes text;
    yyjson_doc *doc = NULL;
    enum engine_code code =
        checkpoint_read_all(path, FILE_SIZE_MAX, &text, reterr);
    if (code == ENGINE_OK) {
        doc = json_text_read(bytes_span(&text));
        code = doc == NULL
                   ? error_set(reterr, ENGINE_ECORRUPT,
                               "%s is damaged: it is no JSON", path)
                   : take(yyjson_doc_get_root(doc), path, aliases, reterr);
    } else if (code == ENGINE_ENOTFOUND)
        code = ENGINE_OK;
    yyjson_doc_free(doc);
    bytes_release(&text);
    return code;
}

enum engine_code
aliases_load(const char *folder, struct aliases *ret_aliases,
             struct error *reterr)
{
    struct bytes path;
    struct aliases aliases = { 0 };
    enum engine_code code = path_make(folder, &path, reterr);
    if (code == ENGINE_OK)
        code = read_file(path.data, &aliases, reterr);
    bytes_release(&path);
    if (code == ENGINE_OK)
        *ret_aliases = aliases;
    else
        aliases_clear(&aliases);
    return code;
}
