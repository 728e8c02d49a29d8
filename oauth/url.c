/* SPDX-License-Identifier: Apache-2.0
 * URLs: cutting, escaping, query parameters and the redirect guard. What a
 * browser might read in another way than we do is refused, not repaired. */
#include "oauth/url.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static bool
is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* Printable ASCII without the bytes that browsers repair or drop. */
static bool
is_plain(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' ||
            c == '>' || c == '^' || c == '`' || c == '{' || c == '|' ||
            c == '}')
            return false;
    }
    return true;
}

static struct span
span_from(struct span text, size_t from, size_t to)
{
    assert(from <= to && to <= text.size);
    if (text.data == NULL)
        return (struct span){ "", 0 };
    return (struct span){ text.data + from, to - from };
}

static size_t
find_any(struct span text, size_t from, const char *set)
{
    while (from < text.size && strchr(set, text.data[from]) == NULL)
        from++;
    return from;
}

static bool
span_equal_case(struct span a, struct span b)
{
    return a.size == b.size &&
           (a.size == 0 || strncasecmp(a.data, b.data, a.size) == 0);
}

static bool
parse_port(struct span authority, size_t colon, struct url *url)
{
    url->port = span_from(authority, colon + 1, authority.size);
    unsigned long port = 0;
    if (url->port.size == 0 || url->port.size > 5)
        return false;
    for (size_t i = 0; i < url->port.size; i++) {
        char c = url->port.data[i];
        if (c < '0' || c > '9')
            return false;
        port = port * 10 + (unsigned long)(c - '0');
    }
    return port > 0 && port <= 65535;
}

static bool
is_host(struct span host, const char *more)
{
    if (host.size == 0)
        return false;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.data[i];
        if (!is_unreserved(c) && strchr(more, c) == NULL)
            return false;
    }
    return true;
}

static bool
parse_authority(struct span authority, struct url *url)
{
    url->authority = authority;
    if (authority.size > 0 && authority.data[0] == '[') {
        size_t end = find_any(authority, 1, "]");
        if (end == authority.size)
            return false;
        url->host = span_from(authority, 1, end);
        if (!is_host(url->host, ":"))
            return false;
        if (end + 1 == authority.size)
            return true;
        return authority.data[end + 1] == ':' &&
               parse_port(authority, end + 1, url);
    }
    size_t colon = find_any(authority, 0, ":");
    url->host = span_from(authority, 0, colon);
    if (!is_host(url->host, ""))
        return false;
    return colon == authority.size || parse_port(authority, colon, url);
}

bool
url_parse(struct span text, struct url *ret_url)
{
    struct url url = { 0 };
    if (text.size > URL_SIZE_MAX || !is_plain(text))
        return false;
    size_t colon = find_any(text, 0, ":/?#");
    url.scheme = span_from(text, 0, colon);
    if (!span_equal_case(url.scheme, span_of("https")) &&
        !span_equal_case(url.scheme, span_of("http")))
        return false;
    if (text.size - colon < 3 || memcmp(text.data + colon, "://", 3) != 0)
        return false;
    size_t end = find_any(text, colon + 3, "/?#");
    if (!parse_authority(span_from(text, colon + 3, end), &url))
        return false;
    size_t path_end = find_any(text, end, "?#");
    url.path = span_from(text, end, path_end);
    size_t query_end = find_any(text, path_end, "#");
    url.has_query = path_end < query_end;
    if (url.has_query)
        url.query = span_from(text, path_end + 1, query_end);
    url.has_fragment = query_end < text.size;
    *ret_url = url;
    return true;
}

bool
url_is_loopback(const struct url *url)
{
    if (span_equal_case(url->host, span_of("localhost")) ||
        span_equal_text(url->host, "::1"))
        return true;
    if (!span_starts(url->host, "127."))
        return false;
    unsigned dots = 0;
    for (size_t i = 0; i < url->host.size; i++) {
        char c = url->host.data[i];
        if (c == '.')
            dots++;
        else if (c < '0' || c > '9')
            return false;
    }
    return dots == 3;
}

bool
url_is_endpoint(struct span text, bool allows_http)
{
    struct url url;
    if (!url_parse(text, &url) || url.has_fragment)
        return false;
    if (span_equal_case(url.scheme, span_of("https")))
        return true;
    return allows_http && url_is_loopback(&url);
}

void
url_encode(struct span raw, struct bytes *out)
{
    for (size_t i = 0; i < raw.size; i++) {
        if (is_unreserved(raw.data[i]))
            bytes_add_char(out, raw.data[i]);
        else
            bytes_addf(out, "%%%02X", (unsigned)(unsigned char)raw.data[i]);
    }
}

static int
hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte at *at, which moves past it; -1 for a broken escape. */
static int
decode_one(struct span text, size_t *at)
{
    char c = text.data[(*at)++];
    if (c != '%')
        return (unsigned char)c;
    if (text.size - *at < 2)
        return -1;
    int high = hex_of(text.data[*at]);
    int low = hex_of(text.data[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

bool
url_decode(struct span text, struct bytes *out)
{
    size_t at = 0;
    while (at < text.size) {
        bool is_plus = text.data[at] == '+';
        int c = decode_one(text, &at);
        if (c <= 0)
            return false;
        bytes_add_char(out, is_plus ? ' ' : (char)(unsigned char)c);
    }
    return !bytes_failed(out);
}

/* Whether the raw parameter name spells `name` once decoded, with or without
 * an array suffix. */
static bool
name_matches(struct span raw, const char *name)
{
    size_t at = 0;
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        if (at == raw.size || decode_one(raw, &at) != (unsigned char)name[i])
            return false;
    }
    return at == raw.size || decode_one(raw, &at) == '[';
}

enum url_param
url_param(struct span query, const char *name, struct bytes *out)
{
    struct span found = { NULL, 0 };
    size_t count = 0;
    size_t at = 0;
    if (query.size > URL_QUERY_SIZE_MAX)
        return URL_PARAM_BAD;
    while (at < query.size) {
        size_t end = find_any(query, at, "&");
        struct span pair = span_from(query, at, end);
        size_t equals = find_any(pair, 0, "=");
        at = end + 1;
        if (++count > URL_PARAM_COUNT_MAX)
            return URL_PARAM_BAD;
        if (!name_matches(span_from(pair, 0, equals), name))
            continue;
        if (found.data != NULL)
            return URL_PARAM_BAD;
        found = equals < pair.size ? span_from(pair, equals + 1, pair.size)
                                   : span_from(pair, equals, equals);
    }
    if (found.data == NULL)
        return URL_PARAM_ABSENT;
    return url_decode(found, out) ? URL_PARAM_FOUND : URL_PARAM_BAD;
}

/* A path while it is judged: decoded, at most URL_RD_SIZE_MAX bytes. */
struct rd_path {
    char data[URL_RD_SIZE_MAX];
    size_t size;
};

/* Decodes the escapes of `path` once; false for a broken escape (unless this
 * is a second round, where '%' may stand for itself). */
static bool
rd_decode(struct rd_path *path, bool is_again)
{
    struct span text = { path->data, path->size };
    size_t at = 0;
    size_t size = 0;
    while (at < text.size) {
        size_t before = at;
        int c = decode_one(text, &at);
        if (c < 0 && !is_again)
            return false;
        if (c < 0) {
            at = before + 1;
            c = '%';
        }
        path->data[size++] = (char)(unsigned char)c;
    }
    path->size = size;
    return true;
}

/* Removes dot segments (RFC 3986 section 5.2.4). The path starts with '/'. */
static void
rd_normalise(struct rd_path *path)
{
    size_t size = 0;
    size_t at = 0;
    while (at < path->size) {
        size_t end = at + 1;
        while (end < path->size && path->data[end] != '/')
            end++;
        struct span segment = { path->data + at, end - at };
        if (span_equal_text(segment, "/..")) {
            while (size > 0 && path->data[--size] != '/')
                continue;
        } else if (!span_equal_text(segment, "/.")) {
            memmove(path->data + size, segment.data, segment.size);
            size += segment.size;
        }
        at = end;
    }
    path->size = size;
}

/* Whether a decoded path has nothing that some reader takes for the start of
 * a host, for a line end, or for one of our own endpoints. */
static bool
rd_is_calm(struct rd_path path)
{
    for (size_t i = 0; i < path.size; i++) {
        unsigned char c = (unsigned char)path.data[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return false;
        if (c == '/' && i + 1 < path.size && path.data[i + 1] == '/')
            return false;
    }
    rd_normalise(&path);
    struct span whole = { path.data, path.size };
    return !span_starts(whole, "//") && !span_starts(whole, "/oauth2/") &&
           !span_equal_text(whole, "/oauth2");
}

/* Judges the path as written and after one and two rounds of decoding, for
 * the proxies in between. */
static bool
rd_path_is_safe(struct span text)
{
    struct rd_path path;
    path.size = find_any(text, 0, "?#");
    if (path.size == 0 || path.size > sizeof(path.data) || text.data[0] != '/')
        return false;
    memcpy(path.data, text.data, path.size);
    return rd_is_calm(path) && rd_decode(&path, false) && rd_is_calm(path) &&
           rd_decode(&path, true) && rd_is_calm(path);
}

bool
url_rd_is_safe(const struct url_guard *guard, struct span rd)
{
    struct url url;
    if (rd.size == 0 || rd.size > URL_RD_SIZE_MAX || !is_plain(rd))
        return false;
    struct span path = rd;
    if (rd.data[0] != '/') {
        if (!url_parse(rd, &url) ||
            !span_equal_case(url.scheme, span_of("https")))
            return false;
        struct url own;
        bool is_allowed = url_parse(guard->base_url, &own) &&
                          span_equal_case(own.scheme, url.scheme) &&
                          span_equal_case(own.authority, url.authority);
        for (size_t i = 0; i < guard->host_count && !is_allowed; i++)
            is_allowed = span_equal_case(guard->hosts[i], url.authority);
        if (!is_allowed)
            return false;
        path = url.path;
        if (path.size == 0)
            return true;
    }
    return rd_path_is_safe(path);
}
