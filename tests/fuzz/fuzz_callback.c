/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the query of a callback, as a URL and as rd. Whatever the
 * guard lets pass must stay on our host for a reader that decodes once more. */
#include "oauth/callback.h"
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

static void
check_query(struct span query)
{
    struct arena arena;
    struct callback back;
    struct error error;
    arena_init(&arena, (size_t)64 << 10);
    if (callback_parse(query, &arena, &back, &error) == OAUTH_OK) {
        assert(back.state.size > 0);
        assert((back.code.size > 0) != (back.error.size > 0));
        assert(memchr(back.state.data, '\0', back.state.size) == NULL);
        enum oauth_code code =
            callback_check_issuer(&back, span_of("https://i"), true, NULL);
        assert((code == OAUTH_OK) ==
               (back.has_iss && span_equal_text(back.iss, "https://i")));
    }
    arena_wipe(&arena);
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
    check_query(text);
    check_url(text);
    check_rd(text);
    check_codec(text);
    return 0;
}
