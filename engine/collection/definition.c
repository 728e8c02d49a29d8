/* SPDX-License-Identifier: Apache-2.0
 * The file that makes a folder a collection: format, name and configuration as
 * JSON, replaced as a whole. */
#include "engine/collection/definition.h"

#include "engine/codec/json_reader.h"
#include "engine/storage/checkpoint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT_VERSION 1
#define PATH_SIZE_MAX  8192

enum engine_code
definition_path(const char *folder, struct bytes *path, struct error *reterr)
{
    bytes_init(path, PATH_SIZE_MAX);
    bytes_addf(path, "%s/collection.json", folder);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
definition_save(const char *folder, struct span name,
                const struct collection_config *config, struct error *reterr)
{
    struct bytes path, text;
    bytes_init(&text, DEFINITION_SIZE_MAX);
    struct json_writer writer;
    json_writer_init(&writer, &text);
    json_object_begin(&writer);
    json_key(&writer, "format");
    json_u64(&writer, FORMAT_VERSION);
    json_key(&writer, "name");
    json_text_span(&writer, name);
    json_key(&writer, "config");
    config_write_stored(config, &writer);
    json_object_end(&writer);
    enum engine_code code = definition_path(folder, &path, reterr);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_set(reterr, ENGINE_EINPUT,
                         "the configuration of a collection may have at most "
                         "%zu bytes",
                         DEFINITION_SIZE_MAX);
    if (code == ENGINE_OK)
        code = checkpoint_write(path.data, bytes_span(&text), reterr);
    bytes_release(&path);
    bytes_release(&text);
    return code;
}

static enum engine_code
take(yyjson_val *root, const char *path, struct arena *arena,
     struct definition *definition, struct error *reterr)
{
    struct span name = json_span(yyjson_obj_get(root, "name"));
    yyjson_val *format = yyjson_obj_get(root, "format");
    if (!yyjson_is_uint(format) || name.size == 0)
        return error_set(reterr, ENGINE_ECORRUPT, "%s is damaged", path);
    if (yyjson_get_uint(format) > FORMAT_VERSION)
        return error_set(reterr, ENGINE_EVERSION,
                         "%s was written by a newer version: use that one",
                         path);
    definition->name.data = arena_strndup(arena, name.data, name.size);
    definition->name.size = name.size;
    if (definition->name.data == NULL)
        return error_memory(reterr);
    return config_parse(yyjson_obj_get(root, "config"), arena,
                        &definition->config, reterr);
}

enum engine_code
definition_load(const char *folder, struct arena *arena,
                struct definition *ret_definition, struct error *reterr)
{
    struct bytes path, text;
    yyjson_doc *doc = NULL;
    bytes_init(&text, 1);
    enum engine_code code = definition_path(folder, &path, reterr);
    if (code == ENGINE_OK)
        code =
            checkpoint_read_all(path.data, DEFINITION_SIZE_MAX, &text, reterr);
    if (code != ENGINE_OK)
        goto out;
    struct error why = { 0 };
    struct definition definition = { 0 };
    /* Whatever was saved is read: here the limits of requests do not hold,
     * since what stands in one lies deeper in the file. */
    doc = json_text_read(bytes_span(&text));
    if (doc == NULL)
        code = error_set(&why, ENGINE_EFORMAT, "it is no JSON");
    else
        code =
            take(yyjson_doc_get_root(doc), path.data, arena, &definition, &why);
    if (code == ENGINE_EFORMAT || code == ENGINE_EVALID ||
        code == ENGINE_EINPUT)
        code = error_set(reterr, ENGINE_ECORRUPT, "%s is damaged (%s)",
                         path.data, why.text);
    else if (code != ENGINE_OK)
        code = error_set(reterr, code, "%s", why.text);
    else
        *ret_definition = definition;
out:
    yyjson_doc_free(doc);
    bytes_release(&path);
    bytes_release(&text);
    return code;
}

struct span
definition_name(const char *folder, struct arena *arena)
{
    struct bytes path, text;
    yyjson_doc *doc = NULL;
    struct span name = { NULL, 0 };
    bytes_init(&text, 1);
    if (definition_path(folder, &path, NULL) == ENGINE_OK &&
        checkpoint_read_all(path.data, DEFINITION_SIZE_MAX, &text, NULL) ==
            ENGINE_OK)
        doc = json_text_read(bytes_span(&text));
    if (doc != NULL) {
        struct span found =
            json_span(yyjson_obj_get(yyjson_doc_get_root(doc), "name"));
        name.data = arena_strndup(arena, found.data, found.size);
        name.size = name.data == NULL ? 0 : found.size;
    }
    yyjson_doc_free(doc);
    bytes_release(&path);
    bytes_release(&text);
    return name;
}
