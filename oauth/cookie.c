/* SPDX-License-Identifier: Apache-2.0
 * Reads Cookie headers within fixed bounds and writes Set-Cookie values. A
 * cookie that stands twice is refused as a whole: which of the two is ours
 * cannot be known (cookie tossing from a sibling host). */
#include "oauth/cookie.h"

#include <assert.h>
#include <string.h>

static struct span
trim(struct span text)
{
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' ||
                             text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

/* The bytes of a cookie value that our own cookies use. */
static bool
is_value(struct span value)
{
    if (value.size == 0 || value.size > COOKIE_VALUE_SIZE_MAX)
        return false;
    for (size_t i = 0; i < value.size; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == '\\')
            return false;
    }
    return true;
}

struct cookie_scan {
    struct span name;
    struct span value;
    size_t pair_count;
    size_t found_count;
};

static bool
scan_header(struct cookie_scan *scan, struct span header)
{
    size_t at = 0;
    while (at < header.size) {
        const char *from = header.data + at;
        const char *semicolon = memchr(from, ';', header.size - at);
        size_t size =
            semicolon != NULL ? (size_t)(semicolon - from) : header.size - at;
        at += size + 1;
        if (++scan->pair_count > COOKIE_PAIR_COUNT_MAX)
            return false;
        const char *equals = size > 0 ? memchr(from, '=', size) : NULL;
        if (equals == NULL)
            continue;
        size_t name_size = (size_t)(equals - from);
        if (!span_equal(trim((struct span){ from, name_size }), scan->name))
            continue;
        scan->value = trim((struct span){ equals + 1, size - name_size - 1 });
        scan->found_count++;
    }
    return true;
}

enum cookie_found
cookie_find(const struct span *headers, size_t header_count, struct span name,
            struct span *ret_value)
{
    struct cookie_scan scan = { .name = name };
    size_t total = 0;
    assert(name.size > 0);
    if (header_count > COOKIE_HEADER_COUNT_MAX)
        return COOKIE_BAD;
    for (size_t i = 0; i < header_count; i++) {
        total += headers[i].size;
        if (total > COOKIE_HEADER_SIZE_MAX || !scan_header(&scan, headers[i]))
            return COOKIE_BAD;
    }
    if (scan.found_count == 0)
        return COOKIE_ABSENT;
    if (scan.found_count > 1 || !is_value(scan.value))
        return COOKIE_BAD;
    *ret_value = scan.value;
    return COOKIE_FOUND;
}

void
cookie_format(const struct cookie_policy *policy, struct span value,
              int64_t max_age_s, struct bytes *out)
{
    static const char *const same_sites[] = { "Lax", "Strict", "None" };
    assert(value.size <= COOKIE_VALUE_SIZE_MAX);
    assert(policy->name.size <= COOKIE_NAME_SIZE_MAX);
    bytes_add_span(out, policy->name);
    bytes_add_char(out, '=');
    bytes_add_span(out, value);
    bytes_add_text(out, "; Path=/");
    if (policy->domain.size > 0) {
        bytes_add_text(out, "; Domain=");
        bytes_add_span(out, policy->domain);
    }
    if (max_age_s >= 0)
        bytes_addf(out, "; Max-Age=%lld", (long long)max_age_s);
    bytes_addf(out, "; Secure; HttpOnly; SameSite=%s",
               same_sites[policy->same_site]);
}
