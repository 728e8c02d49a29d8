/* SPDX-License-Identifier: Apache-2.0
 * Heads, names and labels of the two text formats. Values are written by who
 * has them. */
#include "engine/metrics_text.h"

#include "engine/anonymous.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>
#include <strings.h>

static const char counter_end[] = "_total";
#define COUNTER_END_SIZE (sizeof(counter_end) - 1)

const char metrics_type_text[] = "text/plain; version=0.0.4; charset=utf-8";
const char metrics_type_open[] =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

/* A quality of 0 is nobody's habit: naming the type is asking for it. */
bool
metrics_accepts_open(const char *accept)
{
    static const char wanted[] = "application/openmetrics-text";
    for (; accept != NULL && *accept != '\0'; accept++) {
        if (strncasecmp(accept, wanted, sizeof(wanted) - 1) == 0)
            return true;
    }
    return false;
}

bool
metrics_prefix_is_valid(const char *prefix)
{
    size_t size = strlen(prefix);
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)prefix[i]) && prefix[i] != '_')
            return false;
    }
    return size <= METRICS_PREFIX_SIZE_MAX &&
           !isdigit((unsigned char)prefix[0]);
}

void
metrics_head(struct metrics_text *text, const char *name, const char *type,
             const char *help)
{
    size_t size = strlen(name);
    bool is_counter = strcmp(type, "counter") == 0;
    assert(!is_counter ||
           (size > COUNTER_END_SIZE &&
            strcmp(name + size - COUNTER_END_SIZE, counter_end) == 0));
    if (is_counter && text->is_open_metrics)
        size -= COUNTER_END_SIZE;
    bytes_addf(text->out, "# HELP %s%.*s %s\n# TYPE %s%.*s %s\n", text->prefix,
               (int)size, name, help, text->prefix, (int)size, name, type);
}

void
metrics_name(struct metrics_text *text, const char *name)
{
    bytes_add_text(text->out, text->prefix);
    bytes_add_text(text->out, name);
}

void
metrics_label(struct metrics_text *text, struct span value)
{
    bytes_add_char(text->out, '"');
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\n')
            bytes_add_text(text->out, "\\n");
        else {
            if (c == '"' || c == '\\')
                bytes_add_char(text->out, '\\');
            bytes_add_char(text->out, c);
        }
    }
    bytes_add_char(text->out, '"');
}

void
metrics_label_private(struct metrics_text *text, struct span value)
{
    char hashed[ANONYMOUS_SIZE];
    if (text->is_anonymous && value.size > 0)
        value = anonymous_name(value, hashed);
    metrics_label(text, value);
}

void
metrics_one(struct metrics_text *text, const char *name, const char *type,
            const char *help, double value)
{
    metrics_head(text, name, type, help);
    metrics_name(text, name);
    bytes_addf(text->out, " %.17g\n", value);
}

void
metrics_rows(struct metrics_text *text, const struct metrics_row *rows,
             size_t count)
{
    for (size_t i = 0; i < count; i++)
        metrics_one(text, rows[i].name, rows[i].type, rows[i].help,
                    rows[i].value);
}

void
metrics_end(struct metrics_text *text)
{
    if (text->is_open_metrics)
        bytes_add_text(text->out, "# EOF\n");
}
