/* SPDX-License-Identifier: Apache-2.0
 * By first byte: `t`, a token as a client sends it; else the claims of one that
 * the key below signed. No token is believed without that signature, and no
 * claims give what they do not say. */
#include "engine/api/claims.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#define NOW_S 1764300000

static const char key[] = "a key that nobody else has";
static const char header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct jwt_keys *
keys(void)
{
    static struct jwt_keys made;
    if (made.count == 0) {
        enum engine_code code = jwt_keys_add(&made, key, strlen(key));
        assert(code == ENGINE_OK);
    }
    return &made;
}

static void
sign(struct span claims, struct bytes *out)
{
    unsigned char mac[32];
    unsigned size = 0;
    bytes_add_text(out, header);
    base64_encode(claims, out);
    if (bytes_failed(out))
        return;
    HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)out->data,
         out->size, mac, &size);
    assert(size == sizeof(mac));
    bytes_add_char(out, '.');
    base64_encode((struct span){ (char *)mac, size }, out);
}

/* Conditions that a filter of a request could have, too. */
static void
check_part(const struct filter *part)
{
    if (part == NULL)
        return;
    assert(part->must.count <= RIGHTS_VALUES_MAX);
    assert(part->should.count == 0 && part->must_not.count == 0 &&
           part->min_should.count == 0);
    for (size_t i = 0; i < part->must.count; i++) {
        const struct condition *condition = &part->must.conditions[i];
        assert(condition->kind == CONDITION_MATCH &&
               condition->values_count == 1);
        assert(condition->path.steps_count > 0 &&
               condition->path.steps_count <= FILTER_PATH_STEPS_MAX);
    }
}

static void
check_identity(const struct identity *identity)
{
    const struct rights *rights = &identity->rights;
    assert(rights->everywhere == RIGHT_NONE ||
           rights->everywhere == RIGHT_READ ||
           rights->everywhere == RIGHT_MANAGE);
    assert(rights->grants_count <= RIGHTS_GRANTS_MAX);
    for (size_t i = 0; i < rights->grants_count; i++) {
        const struct grant *grant = &rights->grants[i];
        assert(!grant->is_prefix && grant->pattern.size > 0);
        assert(grant->right >= RIGHT_READ && grant->right < RIGHT_MANAGE);
        assert(rights_on(rights, &grant->pattern) == grant->right);
        assert(rights_part_of(rights, grant->pattern) == grant->part);
        check_part(grant->part);
    }
    assert(rights->grants_count == 0 || rights->everywhere == RIGHT_NONE);
    assert(identity->from_s <= NOW_S && NOW_S <= identity->until_s);
    assert((identity->wanted.size == 0) == (identity->wanted_in.size == 0));
    if (identity->wanted.size > 0) {
        struct error error;
        yyjson_doc *doc = NULL;
        enum engine_code code = json_parse(identity->wanted, &doc, &error);
        assert(code == ENGINE_OK);
        yyjson_doc_free(doc);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct identity identity = { 0 };
    struct error error = { .text = "" };
    struct arena arena;
    struct bytes token;
    if (size == 0)
        return 0;
    struct span rest = { (const char *)data + 1, size - 1 };
    bytes_init(&token, 2 * JWT_TOKEN_SIZE_MAX);
    arena_init(&arena, (size_t)64 << 10);
    if (data[0] == 't')
        bytes_add(&token, rest.data, rest.size);
    else
        sign(rest, &token);
    enum engine_code code = claims_verify(keys(), bytes_span(&token), NOW_S,
                                          &arena, &identity, &error);
    if (code == ENGINE_OK)
        check_identity(&identity);
    else
        assert(identity.rights.everywhere == RIGHT_UNSET &&
               (error.text[0] != '\0'));
    arena_release(&arena);
    bytes_release(&token);
    return 0;
}
