/* SPDX-License-Identifier: Apache-2.0
 * --print-config: the configuration as a file that would make it. */
#include "engine/config_keys.h"

#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

/* The section of a key is open until one of another comes. */
struct printer {
    struct bytes *out;
    char open[128]; /* with a dot behind; "" at first */
};

static void
print_indent(struct printer *printer, size_t depth)
{
    for (size_t i = 0; i < depth; i++)
        bytes_add_text(printer->out, "  ");
}

/* Writes the heads of the sections that `name` is in and the last key was not.
 * Returns how deep it is. */
static size_t
print_sections(struct printer *printer, const char *name)
{
    size_t depth = 0, start = 0, size = strlen(name);
    bool is_same = true;
    for (size_t i = 0; i < size; i++) {
        if (name[i] != '.')
            continue;
        is_same = is_same && strncmp(printer->open, name, i + 1) == 0;
        if (!is_same) {
            print_indent(printer, depth);
            bytes_addf(printer->out, "%.*s:\n", (int)(i - start), name + start);
        }
        start = i + 1;
        depth++;
    }
    size_t kept = start < sizeof(printer->open) ? start : 0;
    memcpy(printer->open, name, kept);
    printer->open[kept] = '\0';
    return depth;
}

/* In double quotes, as YAML reads it back. */
static void
print_text(struct bytes *out, const char *text)
{
    bytes_add_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            bytes_add_char(out, '\\');
        if ((unsigned char)*text < 0x20)
            bytes_addf(out, "\\x%02x", (unsigned)(unsigned char)*text);
        else
            bytes_add_char(out, *text);
    }
    bytes_add_char(out, '"');
}

static void
print_list(struct bytes *out, const struct server_config *config)
{
    bytes_add_char(out, '[');
    for (size_t i = 0; i < config->cors_origins_count; i++) {
        if (i > 0)
            bytes_add_text(out, ", ");
        print_text(out, config->cors_origins[i]);
    }
    bytes_add_char(out, ']');
}

/* A key from a file is told by its file alone: both are not taken. */
static bool
has_file(struct server_config *config, const struct key *secret)
{
    char name[128];
    char *path = NULL;
    snprintf(name, sizeof(name), "%s_file", secret->name);
    const struct key *key = config_key_find(name);
    if (key != NULL)
        memcpy(&path, config_key_place(config, key), sizeof(path));
    return path != NULL;
}

static void
print_value(struct bytes *out, struct server_config *config,
            const struct key *key)
{
    void *place = config_key_place(config, key);
    char *text = NULL;
    uint64_t number = 0;
    switch (key->kind) {
    case KEY_TEXT:
    case KEY_SECRET:
        memcpy(&text, place, sizeof(text));
        if (text == NULL || (key->kind == KEY_SECRET && has_file(config, key)))
            bytes_add_text(out, "null");
        else
            print_text(out, key->kind == KEY_SECRET ? CONFIG_MASK : text);
        break;
    case KEY_NUMBER:
        memcpy(&number, place, sizeof(number));
        bytes_addf(out, "%llu", (unsigned long long)number);
        break;
    case KEY_BOOL:
        bytes_add_text(out, *(bool *)place ? "true" : "false");
        break;
    case KEY_LIST:
        print_list(out, config);
        break;
    case KEY_SECONDS:
    case KEY_COLLECTION:
    case KEY_INERT:
        break;
    }
}

/* Keys that are another spelling, or mean nothing, are left out. */
static bool
is_printed(enum key_kind kind)
{
    return kind != KEY_SECONDS && kind != KEY_COLLECTION && kind != KEY_INERT;
}

static void
print_defaults(struct bytes *out, const struct server_config *config)
{
    if (config->defaults_count > 0)
        bytes_add_text(out, "# New collections have, unless they say else:\n");
    for (size_t i = 0; i < config->defaults_count; i++)
        bytes_addf(out, "#   %s: %s\n", config->defaults[i].place,
                   config->defaults[i].json);
}

void
server_config_print(struct server_config *config, struct bytes *out)
{
    struct printer printer = { .out = out };
    for (size_t i = 0; i < config_keys_count; i++) {
        const struct key *key = &config_keys[i];
        if (!is_printed(key->kind))
            continue;
        print_indent(&printer, print_sections(&printer, key->name));
        const char *dot = strrchr(key->name, '.');
        bytes_addf(out, "%s: ", dot == NULL ? key->name : dot + 1);
        print_value(out, config, key);
        bytes_add_char(out, '\n');
    }
    print_defaults(out, config);
}
