/* SPDX-License-Identifier: Apache-2.0
 * SHA-256 by OpenSSL, which has the processor's instructions for it. */
#include "engine/snapshot/digest.h"

#include "engine/codec/hex.h"
#include "engine/snapshot/file.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BUFFER_SIZE ((size_t)1 << 20)

struct digest {
    EVP_MD_CTX *context;
};

struct digest *
digest_new(void)
{
    struct digest *digest = calloc(1, sizeof(*digest));
    if (digest == NULL)
        return NULL;
    digest->context = EVP_MD_CTX_new();
    if (digest->context == NULL ||
        EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        digest_free(digest);
        return NULL;
    }
    return digest;
}

void
digest_add(struct digest *digest, const void *data, size_t size)
{
    int is_ok = EVP_DigestUpdate(digest->context, data, size);
    assert(is_ok == 1);
    (void)is_ok;
}

void
digest_text(struct digest *digest, char *ret_text)
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int is_ok = EVP_DigestFinal_ex(digest->context, raw, &size);
    assert(is_ok == 1 && size * 2 + 1 == DIGEST_TEXT_SIZE);
    (void)is_ok;
    hex_text(raw, size, ret_text);
}

void
digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

enum engine_code
digest_file(int fd, uint64_t begin, uint64_t size, const atomic_bool *stop,
            char *ret_text, struct error *reterr)
{
    struct digest *digest = digest_new();
    char *buffer = malloc(BUFFER_SIZE);
    enum engine_code code =
        digest == NULL || buffer == NULL ? error_memory(reterr) : ENGINE_OK;
    for (uint64_t at = 0; code == ENGINE_OK && at < size;) {
        size_t part =
            size - at < BUFFER_SIZE ? (size_t)(size - at) : BUFFER_SIZE;
        code = file_may_go_on(stop, reterr);
        if (code == ENGINE_OK)
            code = file_read(fd, begin + at, buffer, part, reterr);
        if (code == ENGINE_OK)
            digest_add(digest, buffer, part);
        at += part;
    }
    if (code == ENGINE_OK)
        digest_text(digest, ret_text);
    free(buffer);
    digest_free(digest);
    return code;
}

bool
digest_is_text(struct span text)
{
    if (text.size != DIGEST_TEXT_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        if (hex_value(text.data[i]) < 0)
            return false;
    }
    return true;
}

bool
digest_equal(struct span text, const char *digest)
{
    return text.size == strlen(digest) &&
           strncasecmp(text.data, digest, text.size) == 0;
}
