/* SPDX-License-Identifier: Apache-2.0
 * Client authentication: which proof, and how it is written. */
#include "oauth/client.h"

#include "base/base64.h"
#include "oauth/json.h"
#include "oauth/url.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static const char assertion_type[] =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

bool
client_method_of(struct span name, enum client_method *ret_method)
{
    static const struct {
        const char *name;
        enum client_method method;
    } rows[] = {
        { "auto", CLIENT_AUTO },
        { "client_secret_basic", CLIENT_BASIC },
        { "client_secret_post", CLIENT_POST },
        { "private_key_jwt", CLIENT_KEY },
        { "none", CLIENT_NONE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (span_equal_text(name, rows[i].name)) {
            *ret_method = rows[i].method;
            return true;
        }
    }
    return false;
}

enum oauth_code
client_check(const struct client *client, struct error *reterr)
{
    bool has_secret = client->secret.size > 0;
    switch (client->method) {
    case CLIENT_BASIC:
    case CLIENT_POST:
        if (!has_secret)
            return error_set(reterr, OAUTH_ECONFIG,
                             "the client needs a secret to authenticate so");
        break;
    case CLIENT_KEY:
        if (client->key == NULL)
            return error_set(reterr, OAUTH_ECONFIG,
                             "the client needs a key to authenticate so");
        break;
    case CLIENT_NONE:
        if (has_secret || client->key != NULL)
            return error_set(reterr, OAUTH_ECONFIG,
                             "a public client has no secret and no key");
        break;
    case CLIENT_AUTO:
        break;
    }
    if (has_secret && client->key != NULL)
        return error_set(reterr, OAUTH_ECONFIG,
                         "the client has a secret and a key: one is too many");
    return OAUTH_OK;
}

void
client_add_param(struct bytes *form, const char *name, struct span value)
{
    if (form->size > 0)
        bytes_add_char(form, '&');
    bytes_add_text(form, name);
    bytes_add_char(form, '=');
    url_encode(value, form);
}

/* RFC 6749 section 2.3.1: id and secret are form-encoded before base64. */
static void
add_basic(const struct client *client, struct bytes *out)
{
    struct bytes pair;
    bytes_init(&pair, 4096);
    url_encode(client->id, &pair);
    bytes_add_char(&pair, ':');
    url_encode(client->secret, &pair);
    bytes_add_text(out, "Basic ");
    for (size_t at = 0; at < pair.size; at += 3) {
        unsigned char text[8];
        size_t size = pair.size - at < 3 ? pair.size - at : 3;
        EVP_EncodeBlock(text, (const unsigned char *)pair.data + at, (int)size);
        bytes_add(out, text, 4);
        OPENSSL_cleanse(text, sizeof(text));
    }
    out->is_failed = out->is_failed || bytes_failed(&pair);
    bytes_wipe(&pair);
}

static void
format_claims(const struct client *client, const struct client_call *call,
              struct bytes *out)
{
    struct span audience =
        client->is_for_endpoint ? call->url : span_of(call->metadata->issuer);
    bytes_add_text(out, "{\"iss\":");
    json_add_text(out, client->id);
    bytes_add_text(out, ",\"sub\":");
    json_add_text(out, client->id);
    bytes_add_text(out, ",\"aud\":");
    json_add_text(out, audience);
    bytes_add_text(out, ",\"jti\":\"");
    base64_encode((struct span){ (const char *)call->jti, CLIENT_JTI_SIZE },
                  out);
    bytes_addf(out, "\",\"iat\":%lld,\"exp\":%lld}", (long long)call->now_s,
               (long long)(call->now_s + CLIENT_ASSERTION_S));
}

/* RFC 7523 section 2.2. */
static enum oauth_code
add_assertion(const struct client *client, const struct client_call *call,
              struct bytes *form, struct error *reterr)
{
    struct bytes claims;
    struct bytes token;
    assert(client->key != NULL && call->jti != NULL);
    bytes_init(&claims, (size_t)8 << 10);
    bytes_init(&token, (size_t)16 << 10);
    format_claims(client, call, &claims);
    enum oauth_code code =
        bytes_failed(&claims)
            ? OAUTH_ENOMEM
            : client_key_sign(client->key, bytes_span(&claims), &token);
    if (code == OAUTH_OK) {
        client_add_param(form, "client_assertion_type",
                         span_of(assertion_type));
        client_add_param(form, "client_assertion", bytes_span(&token));
    } else if (code == OAUTH_ENOMEM) {
        error_memory(reterr);
    } else {
        error_set(reterr, code, "the client's key does not sign");
    }
    bytes_wipe(&token);
    bytes_release(&claims);
    return code;
}

static enum client_method
choose(const struct client *client, const struct provider_metadata *metadata)
{
    if (client->method != CLIENT_AUTO)
        return client->method;
    if (client->key != NULL)
        return CLIENT_KEY;
    if (client->secret.size == 0)
        return CLIENT_NONE;
    return !metadata->has_basic_auth && metadata->has_post_auth ? CLIENT_POST
                                                                : CLIENT_BASIC;
}

enum oauth_code
client_prove(const struct client *client, const struct client_call *call,
             struct bytes *form, struct bytes *authorization,
             struct error *reterr)
{
    enum client_method method = choose(client, call->metadata);
    enum oauth_code code = OAUTH_OK;
    if (method == CLIENT_BASIC)
        add_basic(client, authorization);
    else if (!call->has_id)
        client_add_param(form, "client_id", client->id);
    if (method == CLIENT_POST)
        client_add_param(form, "client_secret", client->secret);
    if (method == CLIENT_KEY)
        code = add_assertion(client, call, form, reterr);
    if (code == OAUTH_OK && (bytes_failed(form) || bytes_failed(authorization)))
        code = error_memory(reterr);
    return code;
}
