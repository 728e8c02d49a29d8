/* SPDX-License-Identifier: Apache-2.0
 * The YAML source: libyaml's events become dotted keys. Mappings nest up to
 * CONFIG_DEPTH_MAX; sequences may hold scalars only; aliases are refused. */
#include "engine/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <yaml.h>

#define KEY_SIZE 256

struct level {
    size_t key_size; /* of `key` before this level's own part */
    bool is_sequence;
    bool has_key; /* a mapping whose next event is a value */
};

struct reader {
    struct server_config *config;
    const char *path;
    char key[KEY_SIZE];
    struct level levels[CONFIG_DEPTH_MAX];
    unsigned depth;
    struct error *reterr;
};

static enum engine_code
reader_fail(struct reader *reader, size_t line, const char *text)
{
    return error_set(reader->reterr, ENGINE_EINPUT, "%s line %zu: %s",
                     reader->path, line + 1, text);
}

static enum engine_code
reader_push(struct reader *reader, bool is_sequence, size_t line)
{
    if (reader->depth == CONFIG_DEPTH_MAX)
        return reader_fail(reader, line, "nested too deeply");
    if (reader->depth > 0 && reader->levels[reader->depth - 1].is_sequence)
        return reader_fail(reader, line, "a list may hold plain values only");
    if (reader->depth == 0 && is_sequence)
        return reader_fail(reader, line, "a mapping is expected");
    if (is_sequence)
        server_config_clear(reader->config, reader->key);
    reader->levels[reader->depth++] =
        (struct level){ .key_size = strlen(reader->key),
                        .is_sequence = is_sequence };
    return ENGINE_OK;
}

static void
reader_pop(struct reader *reader)
{
    reader->depth--;
    if (reader->depth == 0)
        return;
    struct level *level = &reader->levels[reader->depth - 1];
    level->has_key = false;
    reader->key[level->key_size] = '\0';
}

static enum engine_code
reader_key(struct reader *reader, struct level *level, const char *text,
           size_t line)
{
    size_t used = level->key_size;
    int size = snprintf(reader->key + used, KEY_SIZE - used, "%s%s",
                        used > 0 ? "." : "", text);
    if (size < 0 || (size_t)size >= KEY_SIZE - used)
        return reader_fail(reader, line, "the key is too long");
    level->has_key = true;
    return ENGINE_OK;
}

static bool
is_null(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 ||
            strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
            strcmp(text, "NULL") == 0);
}

static enum engine_code
reader_scalar(struct reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t line = event->start_mark.line;
    if (reader->depth == 0)
        return is_null(event)
                   ? ENGINE_OK
                   : reader_fail(reader, line, "a mapping is expected");
    if (strlen(text) != event->data.scalar.length)
        return reader_fail(reader, line, "a value holds a NUL byte");
    struct level *level = &reader->levels[reader->depth - 1];
    if (!level->is_sequence && !level->has_key)
        return reader_key(reader, level, text, line);
    char origin[512];
    snprintf(origin, sizeof(origin), "%s line %zu", reader->path, line + 1);
    enum engine_code code =
        server_config_set(reader->config, reader->key,
                          is_null(event) ? "" : text, origin, reader->reterr);
    if (!level->is_sequence) {
        level->has_key = false;
        reader->key[level->key_size] = '\0';
    }
    return code;
}

static enum engine_code
reader_event(struct reader *reader, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return reader_scalar(reader, event);
    case YAML_MAPPING_START_EVENT:
        if (reader->depth > 0 &&
            !reader->levels[reader->depth - 1].is_sequence &&
            !reader->levels[reader->depth - 1].has_key)
            return reader_fail(reader, line, "a key must be a plain value");
        return reader_push(reader, false, line);
    case YAML_SEQUENCE_START_EVENT:
        return reader_push(reader, true, line);
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        reader_pop(reader);
        return ENGINE_OK;
    case YAML_ALIAS_EVENT:
        return reader_fail(reader, line, "aliases are not supported");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return ENGINE_OK;
}

static enum engine_code
file_text(const char *path, char **ret_text, size_t *ret_size,
          struct error *reterr)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(reterr, ENGINE_EINPUT, "cannot read %s: %s", path,
                         strerror(errno));
    enum engine_code code = ENGINE_OK;
    char *text = malloc(CONFIG_FILE_SIZE_MAX + 1);
    size_t size = 0;
    if (text == NULL)
        code = error_memory(reterr);
    while (code == ENGINE_OK && size <= CONFIG_FILE_SIZE_MAX) {
        ssize_t more = read(fd, text + size, CONFIG_FILE_SIZE_MAX + 1 - size);
        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            code = error_set(reterr, ENGINE_EINPUT, "cannot read %s: %s", path,
                             strerror(errno));
        if (more <= 0)
            break;
        size += (size_t)more;
    }
    if (code == ENGINE_OK && size > CONFIG_FILE_SIZE_MAX)
        code = error_set(reterr, ENGINE_EINPUT, "%s is larger than %zu bytes",
                         path, CONFIG_FILE_SIZE_MAX);
    close(fd);
    if (code == ENGINE_OK) {
        *ret_text = text;
        *ret_size = size;
    } else
        free(text);
    return code;
}

enum engine_code
server_config_read_file(struct server_config *config, const char *path,
                        struct error *reterr)
{
    char *text = NULL;
    size_t size = 0;
    enum engine_code code = file_text(path, &text, &size, reterr);
    if (code != ENGINE_OK)
        return code;
    struct reader reader = { .config = config, .path = path, .reterr = reterr };
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        free(text);
        return error_memory(reterr);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    bool is_end = false;
    while (code == ENGINE_OK && !is_end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            code = reader_fail(&reader, parser.problem_mark.line,
                               parser.problem != NULL ? parser.problem
                                                      : "not YAML");
            break;
        }
        is_end = event.type == YAML_STREAM_END_EVENT;
        code = reader_event(&reader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    explicit_bzero(text, size); /* it may hold keys */
    free(text);
    return code;
}
