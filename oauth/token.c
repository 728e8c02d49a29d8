/* SPDX-License-Identifier: Apache-2.0
 * Code exchange: the form that goes out and the JSON that comes back. */
#include "oauth/token.h"

#include "oauth/client.h"
#include "oauth/json.h"

#include <strings.h>

void
token_exchange_form(const struct token_exchange *exchange, struct bytes *form)
{
    client_add_param(form, "grant_type", span_of("authorization_code"));
    client_add_param(form, "code", exchange->code);
    client_add_param(form, "redirect_uri", exchange->redirect_uri);
    client_add_param(form, "code_verifier", exchange->verifier);
}

void
token_refresh_form(struct span refresh_token, struct bytes *form)
{
    client_add_param(form, "grant_type", span_of("refresh_token"));
    client_add_param(form, "refresh_token", refresh_token);
}

void
token_introspection_form(struct span token, struct bytes *form)
{
    client_add_param(form, "token", token);
    client_add_param(form, "token_type_hint", span_of("access_token"));
}

static enum oauth_code
read_error(int status, const json_t *root, struct error *reterr)
{
    struct span name = json_text(root, "error");
    struct span detail = json_text(root, "error_description");
    if (span_equal_text(name, "invalid_grant"))
        return error_set(reterr, OAUTH_ECODE,
                         "the provider said invalid_grant: %.*s",
                         (int)(detail.size > 120 ? 120 : detail.size),
                         detail.size > 0 ? detail.data : "");
    return error_set(reterr, OAUTH_EDOCUMENT,
                     "the token endpoint answered %d %.*s: %.*s", status,
                     (int)(name.size > 60 ? 60 : name.size),
                     name.size > 0 ? name.data : "",
                     (int)(detail.size > 120 ? 120 : detail.size),
                     detail.size > 0 ? detail.data : "");
}

/* A token: one run of printable ASCII, or absent. */
static bool
read_token(const json_t *root, const char *name, struct arena *arena,
           struct span *ret_token)
{
    struct span text = json_text(root, name);
    *ret_token = (struct span){ NULL, 0 };
    if (json_object_get(root, name) == NULL)
        return true;
    if (text.size == 0)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f)
            return false;
    }
    *ret_token = arena_span(arena, text);
    return true;
}

static bool
is_bearer(const json_t *root)
{
    struct span type = json_text(root, "token_type");
    return type.size == 6 && strncasecmp(type.data, "bearer", 6) == 0;
}

static enum oauth_code
read_success(const json_t *root, struct arena *arena,
             struct token_response *ret_response, struct error *reterr)
{
    struct token_response response = { 0 };
    if (!is_bearer(root))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the token answer's token_type is not Bearer");
    if (json_object_get(root, "expires_in") != NULL &&
        (!json_time(root, "expires_in", &response.expires_in_s) ||
         response.expires_in_s > TOKEN_LIFETIME_MAX_S))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the token answer's expires_in is no lifetime");
    if (!read_token(root, "access_token", arena, &response.access_token) ||
        !read_token(root, "id_token", arena, &response.id_token) ||
        !read_token(root, "refresh_token", arena, &response.refresh_token))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the token answer has a malformed token");
    if (arena_failed(arena))
        return error_memory(reterr);
    if (response.access_token.size == 0)
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "the token answer has no access_token");
    *ret_response = response;
    return OAUTH_OK;
}

enum oauth_code
token_response_parse(int status, struct span text, struct arena *arena,
                     struct token_response *ret_response, struct error *reterr)
{
    json_t *root = NULL;
    if (status == 429 || status >= 500)
        return error_set(reterr, OAUTH_EPROVIDER,
                         "the token endpoint answered %d", status);
    enum oauth_code code = json_parse(text, TOKEN_BODY_SIZE_MAX,
                                      "the token answer", &root, reterr);
    if (code != OAUTH_OK)
        return code;
    if (status == 200)
        code = read_success(root, arena, ret_response, reterr);
    else
        code = read_error(status, root, reterr);
    json_decref(root);
    return code;
}
