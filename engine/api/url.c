/* SPDX-License-Identifier: Apache-2.0
 * The path is split before it is decoded, so that an encoded slash can never
 * make a segment; the query string is split at '&' the same way. */
#include "engine/api/url.h"

#include "engine/codec/hex.h"
#include "engine/codec/utf8.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#define TIMEOUT_S_MAX   86400000u
#define COMPLETED_LIMIT 16 /* when the request does not say */

/* Decodes %XX (and '+' when `plus` is a space's code); a '%' that begins no
 * code stays. NULL when memory is out. */
static char *
percent_decode(struct span text, char plus, struct arena *arena,
               size_t *ret_size)
{
    char *out = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '%' && i + 2 < text.size && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            c = (char)(hex_value(text.data[i + 1]) * 16 +
                       hex_value(text.data[i + 2]));
            i += 2;
        } else if (c == '+')
            c = plus;
        out[size++] = c;
    }
    out[size] = '\0';
    *ret_size = size;
    return out;
}

static bool
segment_add(struct url_path *path, struct span text, struct arena *arena)
{
    if (text.size == 0)
        return true;
    if (path->count == URL_SEGMENTS_MAX)
        return false;
    size_t size = 0;
    char *data = percent_decode(text, '+', arena, &size);
    if (data == NULL)
        return false;
    struct span segment = { data, size };
    if (memchr(data, '\0', size) != NULL || !utf8_is_valid(segment))
        return false;
    path->segments[path->count++] = segment;
    return true;
}

bool
url_path_parse(struct span text, struct arena *arena, struct url_path *ret_path)
{
    struct url_path path = { .count = 0 };
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '/')
            continue;
        if (!segment_add(&path, (struct span){ text.data + start, i - start },
                         arena))
            return false;
        start = i + 1;
    }
    *ret_path = path;
    return true;
}

bool
url_path_match(const struct url_path *path, const char *pattern,
               struct span *ret_params, size_t params_max)
{
    size_t params = 0, segment = 0;
    while (*pattern == '/' && pattern[1] != '\0') {
        pattern++;
        size_t size = strcspn(pattern, "/");
        if (segment == path->count)
            return false;
        struct span have = path->segments[segment++];
        if (pattern[0] == '{') {
            assert(params < params_max);
            ret_params[params++] = have;
        } else if (have.size != size || memcmp(have.data, pattern, size) != 0)
            return false;
        pattern += size;
    }
    return segment == path->count;
}

static enum engine_code
number_read(struct span value, const char *name, uint64_t *ret_number,
            struct error *reterr)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.size; i++) {
        if (!isdigit((unsigned char)value.data[i]))
            return error_set(reterr, ENGINE_EQUERY,
                             "%s: invalid digit found in string", name);
        number = number * 10 + (uint64_t)(value.data[i] - '0');
        if (number > UINT32_MAX)
            return error_set(reterr, ENGINE_EQUERY,
                             "%s: number too large to fit in target type",
                             name);
    }
    if (value.size == 0)
        return error_set(reterr, ENGINE_EQUERY,
                         "%s: cannot parse integer from empty string", name);
    *ret_number = number;
    return ENGINE_OK;
}

static enum engine_code
bool_read(struct span value, bool *ret_bool, struct error *reterr)
{
    if (span_equal_text(value, "true"))
        *ret_bool = true;
    else if (span_equal_text(value, "false"))
        *ret_bool = false;
    else
        return error_set(reterr, ENGINE_EQUERY,
                         "provided string was not `true` or `false`");
    return ENGINE_OK;
}

static enum engine_code
consistency_read(struct span value, struct error *reterr)
{
    uint64_t number = 0;
    if (span_equal_text(value, "all") || span_equal_text(value, "majority") ||
        span_equal_text(value, "quorum"))
        return ENGINE_OK;
    if (number_read(value, "consistency", &number, NULL) != ENGINE_OK)
        return error_set(reterr, ENGINE_EQUERY,
                         "failed to parse read consistency value `%.*s`, "
                         "expected a number, `majority`, `quorum` or `all`",
                         (int)(value.size < 64 ? value.size : 64), value.data);
    if (number == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "read consistency factor can't be zero");
    return ENGINE_OK;
}

static enum engine_code
ordering_read(struct span value, struct error *reterr)
{
    if (span_equal_text(value, "weak") || span_equal_text(value, "medium") ||
        span_equal_text(value, "strong"))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EQUERY,
                     "unknown variant `%.*s`, expected one of `weak`, "
                     "`medium`, `strong`",
                     (int)(value.size < 64 ? value.size : 64), value.data);
}

bool
url_is_priority(struct span value)
{
    return span_equal_text(value, "no_sync") ||
           span_equal_text(value, "snapshot") ||
           span_equal_text(value, "replica");
}

static enum engine_code
priority_read(struct span value, struct error *reterr)
{
    if (url_is_priority(value))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EQUERY,
                     "unknown variant `%.*s`, expected one of `no_sync`, "
                     "`snapshot`, `replica`",
                     (int)(value.size < 64 ? value.size : 64), value.data);
}

static enum engine_code
timeout_read(struct span value, struct url_query *query, struct error *reterr)
{
    enum engine_code code =
        number_read(value, "timeout", &query->timeout_s, reterr);
    if (code != ENGINE_OK)
        return code;
    if (query->timeout_s == 0)
        return error_set(reterr, ENGINE_EVALIDQUERY,
                         "[timeout: value 0 invalid, must be 1 or larger]");
    if (query->timeout_s > TIMEOUT_S_MAX)
        query->timeout_s = TIMEOUT_S_MAX;
    return ENGINE_OK;
}

/* A list, with commas in between; may come more than once. */
static enum engine_code
with_read(struct span value, struct url_query *query, struct error *reterr)
{
    while (value.size > 0) {
        const char *comma = memchr(value.data, ',', value.size);
        size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
        struct span word = { value.data, size };
        size_t skip = comma == NULL ? size : size + 1;
        value.data += skip;
        value.size -= skip;
        if (span_equal_text(word, "queued"))
            query->with_queued = true;
        else if (span_equal_text(word, "completed"))
            query->with_completed = true;
        else if (span_equal_text(word, "idle_segments"))
            query->with_idle_segments = true;
        else
            return error_set(reterr, ENGINE_EQUERY,
                             "unknown variant `%.*s`, expected one of "
                             "`queued`, `completed`, `idle_segments`",
                             (int)(size < 64 ? size : 64), word.data);
    }
    return ENGINE_OK;
}

static enum engine_code
parameter_read(struct span name, struct span value, struct url_query *query,
               struct error *reterr)
{
    if (span_equal_text(name, "wait")) {
        query->has_wait = true;
        return bool_read(value, &query->wait, reterr);
    }
    if (span_equal_text(name, "timeout"))
        return timeout_read(value, query, reterr);
    if (span_equal_text(name, "ordering"))
        return ordering_read(value, reterr);
    if (span_equal_text(name, "priority"))
        return priority_read(value, reterr);
    if (span_equal_text(name, "checksum")) {
        query->checksum = value;
        return ENGINE_OK;
    }
    if (span_equal_text(name, "consistency"))
        return consistency_read(value, reterr);
    if (span_equal_text(name, "anonymize"))
        return bool_read(value, &query->anonymize, reterr);
    if (span_equal_text(name, "per_collection"))
        return bool_read(value, &query->per_collection, reterr);
    if (span_equal_text(name, "with"))
        return with_read(value, query, reterr);
    if (span_equal_text(name, "completed_limit")) {
        query->with_completed = true;
        return number_read(value, "completed_limit", &query->completed_limit,
                           reterr);
    }
    if (span_equal_text(name, "explain"))
        return bool_read(value, &query->explain, reterr);
    if (span_equal_text(name, "details_level"))
        return number_read(value, "details_level", &query->details_level,
                           reterr);
    return ENGINE_OK;
}

enum engine_code
url_query_parse(struct span text, struct arena *arena,
                struct url_query *ret_query, struct error *reterr)
{
    struct url_query query = { .completed_limit = COMPLETED_LIMIT };
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '&')
            continue;
        struct span pair = { text.data + start, i - start };
        start = i + 1;
        if (pair.size == 0)
            continue;
        const char *mark = memchr(pair.data, '=', pair.size);
        size_t name_size =
            mark == NULL ? pair.size : (size_t)(mark - pair.data);
        size_t skip = mark == NULL ? name_size : name_size + 1;
        struct span name, value;
        name.data = percent_decode((struct span){ pair.data, name_size }, ' ',
                                   arena, &name.size);
        value.data =
            percent_decode((struct span){ pair.data + skip, pair.size - skip },
                           ' ', arena, &value.size);
        if (name.data == NULL || value.data == NULL)
            return error_memory(reterr);
        enum engine_code code = parameter_read(name, value, &query, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    *ret_query = query;
    return ENGINE_OK;
}
