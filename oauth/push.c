/* SPDX-License-Identifier: Apache-2.0
 * The answer to a pushed authorization request. */
#include "oauth/push.h"

#include "oauth/json.h"

static bool
is_reference(struct span text)
{
    if (text.size == 0 || text.size > PUSH_URI_SIZE_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    return true;
}

static enum oauth_code
read_answer(int status, const json_t *root, struct arena *arena,
            struct span *ret_uri, struct error *reterr)
{
    struct span uri = json_text(root, "request_uri");
    struct span name = json_text(root, "error");
    struct span detail = json_text(root, "error_description");
    int64_t lifetime_s = 0;
    if (status != 200 && status != 201)
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the provider refused the pushed request with %d "
                         "%.*s: %.*s",
                         status, (int)(name.size > 60 ? 60 : name.size),
                         name.size > 0 ? name.data : "",
                         (int)(detail.size > 120 ? 120 : detail.size),
                         detail.size > 0 ? detail.data : "");
    if (!is_reference(uri) || !json_time(root, "expires_in", &lifetime_s) ||
        lifetime_s == 0)
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the answer to the pushed request has no request_uri "
                         "or no expires_in");
    char *copy = arena_strndup(arena, uri.data, uri.size);
    if (copy == NULL)
        return error_memory(reterr);
    *ret_uri = (struct span){ copy, uri.size };
    return OAUTH_OK;
}

enum oauth_code
push_response_parse(int status, struct span text, struct arena *arena,
                    struct span *ret_uri, struct error *reterr)
{
    json_t *root = NULL;
    if (status == 429 || status >= 500)
        return error_set(
            reterr, OAUTH_EPROVIDER,
            "the provider's address for pushed requests answered %d", status);
    enum oauth_code code =
        json_parse(text, PUSH_BODY_SIZE_MAX, "the answer to the pushed request",
                   &root, reterr);
    if (code != OAUTH_OK)
        return code;
    code = read_answer(status, root, arena, ret_uri, reterr);
    json_decref(root);
    return code;
}
