/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a URL, as rd and as a query value. Whatever the guard lets
 * pass must stay on our host for a reader that decodes once more. */
#include "oauth/url.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_rd(struct span rd)
{
    const struct url_guard guard = { .base_url = span_of("https://d.test") };
    if (!url_rd_is_safe(&guard, rd))
        return;
    assert(rd.size > 0 && rd.size <= URL_RD_SIZE_MAX);
    assert(rd.data[0] == '/' || span_starts(rd, "https://") ||
           rd.data[0] == 'h' || rd.data[0] == 'H');
    assert(rd.data[0] != '/' || rd.size == 1 ||
           (rd.data[1] != '/' && rd.data[1] != '\\'));
    for (size_t i = 0; i < rd.size; i++)
        assert(rd.data[i] > 0x20 && rd.data[i] < 0x7f && rd.data[i] != '\\');
    struct bytes once;
    bytes_init(&once, rd.size + 1);
    /* A '+' is a space to url_decode(), and a query may say anything. */
    bool is_decoded = url_decode(rd, &once);
    if (is_decoded && once.size > 1 && once.data[0] == '/')
        assert(once.data[1] != '/' && once.data[1] != '\\');
    bytes_release(&once);
}

static void
check_url(struct span text)
{
    struct url url;
    if (!url_parse(text, &url))
        return;
    assert(url.scheme.size >= 4 && url.host.size > 0);
    assert(url.authority.size >= url.host.size + url.port.size);
    assert(memchr(url.authority.data, '@', url.authority.size) == NULL);
    assert(memchr(url.authority.data, '%', url.authority.size) == NULL);
    (void)url_is_loopback(&url);
    (void)url_is_endpoint(text, true);
}

/* Encoding and decoding again gives the same bytes. */
static void
check_codec(struct span raw)
{
    struct bytes text;
    struct bytes again;
    bytes_init(&text, 3 * raw.size + 1);
    bytes_init(&again, raw.size + 1);
    url_encode(raw, &text);
    bool is_decoded = url_decode(bytes_span(&text), &again);
    bool has_nul = raw.size > 0 && memchr(raw.data, '\0', raw.size) != NULL;
    assert(is_decoded == !has_nul);
    assert(has_nul || span_equal(bytes_span(&again), raw));
    bytes_release(&text);
    bytes_release(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    check_url(text);
    check_rd(text);
    check_codec(text);
    return 0;
}
