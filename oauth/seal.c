/* SPDX-License-Identifier: Apache-2.0
 * The key ring and the AEAD. Each purpose has a key of its own by HKDF; a
 * salted context (sessions) derives one more from it. The key id is a hint
 * only: of several secrets with the same id, each is tried. */
#include "oauth/seal.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/core_names.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT          1
#define SECRET_SIZE_MAX 1024
#define KEY_SIZE        32
#define TAG_SIZE        16
#define HEAD_SIZE       (2 + SEAL_NONCE_SIZE)

struct seal_key {
    unsigned char kid;
    unsigned char keys[SEAL_PURPOSE_COUNT][KEY_SIZE];
};

struct seal_ring {
    EVP_MD *sha256; /* fetched once: implicit fetching costs more than AES */
    EVP_CIPHER *gcm;
    size_t count;
    struct seal_key items[SEAL_SECRET_COUNT_MAX];
};

/* HKDF-SHA256 of `secret` into ret_key; `label` is its info. */
static bool
derive(struct span secret, struct span salt, const char *label,
       unsigned char ret_key[KEY_SIZE])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    size_t size = KEY_SIZE;
    bool is_done =
        ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
        EVP_PKEY_CTX_set1_hkdf_key(ctx, (const unsigned char *)secret.data,
                                   (int)secret.size) == 1 &&
        (salt.size == 0 ||
         EVP_PKEY_CTX_set1_hkdf_salt(ctx, (const unsigned char *)salt.data,
                                     (int)salt.size) == 1) &&
        EVP_PKEY_CTX_add1_hkdf_info(ctx, (const unsigned char *)label,
                                    (int)strlen(label)) == 1 &&
        EVP_PKEY_derive(ctx, ret_key, &size) == 1 && size == KEY_SIZE;
    EVP_PKEY_CTX_free(ctx);
    return is_done;
}

static bool
key_init(struct seal_key *key, struct span secret)
{
    static const char *const labels[SEAL_PURPOSE_COUNT] = {
        [SEAL_LOGIN] = "azimuth login 1",
        [SEAL_SESSION] = "azimuth session 1",
        [SEAL_TICKET] = "azimuth ticket 1",
        [SEAL_ROSTER] = "azimuth roster 1",
        [SEAL_FORM] = "azimuth form 1",
        [SEAL_STATE] = "azimuth state 1",
    };
    unsigned char kid[KEY_SIZE];
    struct span none = { NULL, 0 };
    if (!derive(secret, none, "azimuth key id 1", kid))
        return false;
    key->kid = kid[0];
    for (size_t i = 0; i < SEAL_PURPOSE_COUNT; i++) {
        if (!derive(secret, none, labels[i], key->keys[i]))
            return false;
    }
    return true;
}

static enum oauth_code
secrets_check(const struct span *secrets, size_t count, struct error *reterr)
{
    if (count == 0 || count > SEAL_SECRET_COUNT_MAX)
        return error_set(reterr, OAUTH_ECONFIG,
                         "1 to %d secrets are needed, there are %zu",
                         SEAL_SECRET_COUNT_MAX, count);
    for (size_t i = 0; i < count; i++) {
        if (secrets[i].size < SEAL_SECRET_SIZE_MIN ||
            secrets[i].size > SECRET_SIZE_MAX)
            return error_set(reterr, OAUTH_ECONFIG,
                             "secret %zu has %zu bytes, needs %d to %d", i + 1,
                             secrets[i].size, SEAL_SECRET_SIZE_MIN,
                             SECRET_SIZE_MAX);
        for (size_t j = 0; j < i; j++) {
            if (span_equal(secrets[i], secrets[j]))
                return error_set(reterr, OAUTH_ECONFIG,
                                 "secrets %zu and %zu are equal", j + 1, i + 1);
        }
    }
    return OAUTH_OK;
}

enum oauth_code
seal_ring_create(const struct span *secrets, size_t count,
                 struct seal_ring **ret_ring, struct error *reterr)
{
    enum oauth_code code = secrets_check(secrets, count, reterr);
    if (code != OAUTH_OK)
        return code;
    struct seal_ring *ring = calloc(1, sizeof(*ring));
    if (ring == NULL)
        return error_memory(reterr);
    ring->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    ring->gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (ring->sha256 == NULL || ring->gcm == NULL) {
        seal_ring_free(ring);
        return error_set(reterr, OAUTH_EINTERNAL,
                         "OpenSSL has no SHA-256 or AES-256-GCM");
    }
    ring->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!key_init(&ring->items[i], secrets[i])) {
            seal_ring_free(ring);
            return error_set(reterr, OAUTH_EINTERNAL, "HKDF failed");
        }
    }
    *ret_ring = ring;
    return OAUTH_OK;
}

void
seal_ring_free(struct seal_ring *ring)
{
    if (ring == NULL)
        return;
    EVP_MD_free(ring->sha256);
    EVP_CIPHER_free(ring->gcm);
    OPENSSL_cleanse(ring, sizeof(*ring));
    free(ring);
}

unsigned char
seal_kid(const struct seal_ring *ring)
{
    assert(ring->count > 0);
    return ring->items[0].kid;
}

/* The key of a context. With a salt it is one more step of HKDF-Expand (RFC
 * 5869 section 2.3): HMAC(base, salt | label | 1). */
static bool
context_key(const struct seal_ring *ring, const struct seal_key *key,
            const struct seal_context *context, unsigned char ret_key[KEY_SIZE])
{
    static const char label[] = "azimuth salted 1\x01";
    unsigned char info[SEAL_SALT_SIZE + sizeof(label) - 1];
    unsigned size = 0;
    assert(context->purpose < SEAL_PURPOSE_COUNT);
    const unsigned char *base = key->keys[context->purpose];
    if (context->salt == NULL) {
        memcpy(ret_key, base, KEY_SIZE);
        return true;
    }
    memcpy(info, context->salt, SEAL_SALT_SIZE);
    memcpy(info + SEAL_SALT_SIZE, label, sizeof(label) - 1);
    const void *done =
        HMAC(ring->sha256, base, KEY_SIZE, info, sizeof(info), ret_key, &size);
    OPENSSL_cleanse(info, sizeof(info));
    return done != NULL && size == KEY_SIZE;
}

/* One pass of AES-256-GCM over `in`; the head is authenticated before the
 * context's data, each with its size implied by the format. */
struct gcm {
    const EVP_CIPHER *cipher;
    const unsigned char *key;
    const unsigned char *head; /* HEAD_SIZE bytes */
    struct span aad;
    struct span in;
};

static bool
gcm_feed(EVP_CIPHER_CTX *ctx, const struct gcm *gcm, unsigned char *out)
{
    int size = 0;
    if (EVP_CipherUpdate(ctx, NULL, &size, gcm->head, HEAD_SIZE) != 1)
        return false;
    if (gcm->aad.size > 0 &&
        EVP_CipherUpdate(ctx, NULL, &size, (const unsigned char *)gcm->aad.data,
                         (int)gcm->aad.size) != 1)
        return false;
    if (gcm->in.size > 0 &&
        EVP_CipherUpdate(ctx, out, &size, (const unsigned char *)gcm->in.data,
                         (int)gcm->in.size) != 1)
        return false;
    return EVP_CipherFinal_ex(ctx, out + gcm->in.size, &size) == 1;
}

static bool
gcm_seal(const struct gcm *gcm, unsigned char *out, unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool is_done =
        ctx != NULL &&
        EVP_CipherInit_ex(ctx, gcm->cipher, NULL, gcm->key, gcm->head + 2, 1) ==
            1 &&
        gcm_feed(ctx, gcm, out) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return is_done;
}

static bool
gcm_open(const struct gcm *gcm, unsigned char *tag, unsigned char *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    bool is_done =
        ctx != NULL &&
        EVP_CipherInit_ex(ctx, gcm->cipher, NULL, gcm->key, gcm->head + 2, 0) ==
            1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1 &&
        gcm_feed(ctx, gcm, out);
    EVP_CIPHER_CTX_free(ctx);
    return is_done;
}

enum oauth_code
seal_bytes(const struct seal_ring *ring, const struct seal_context *context,
           struct span plain, const unsigned char *nonce, struct bytes *out)
{
    unsigned char head[HEAD_SIZE] = { FORMAT, seal_kid(ring) };
    unsigned char key[KEY_SIZE];
    unsigned char tag[TAG_SIZE];
    enum oauth_code code = OAUTH_EINTERNAL;
    assert(plain.size < (size_t)1 << 30);
    memcpy(head + 2, nonce, SEAL_NONCE_SIZE);
    unsigned char *sealed = malloc(plain.size + TAG_SIZE);
    if (sealed == NULL)
        return OAUTH_ENOMEM;
    if (!context_key(ring, &ring->items[0], context, key))
        goto out;
    struct gcm gcm = { ring->gcm, key, head, context->aad, plain };
    if (!gcm_seal(&gcm, sealed, tag))
        goto out;
    bytes_add(out, head, sizeof(head));
    bytes_add(out, sealed, plain.size);
    bytes_add(out, tag, sizeof(tag));
    code = bytes_failed(out) ? OAUTH_ENOMEM : OAUTH_OK;
out:
    OPENSSL_cleanse(key, sizeof(key));
    free(sealed);
    return code;
}

enum oauth_code
seal_open(const struct seal_ring *ring, const struct seal_context *context,
          struct span sealed, struct bytes *out)
{
    enum oauth_code code = OAUTH_ECOOKIE;
    if (sealed.size < SEAL_OVERHEAD_SIZE || sealed.size >= (size_t)1 << 30)
        return OAUTH_ECOOKIE;
    const unsigned char *head = (const unsigned char *)sealed.data;
    if (head[0] != FORMAT)
        return OAUTH_ECOOKIE;
    size_t size = sealed.size - SEAL_OVERHEAD_SIZE;
    unsigned char *plain = malloc(size + TAG_SIZE);
    if (plain == NULL)
        return OAUTH_ENOMEM;
    for (size_t i = 0; i < ring->count && code == OAUTH_ECOOKIE; i++) {
        unsigned char key[KEY_SIZE];
        unsigned char tag[TAG_SIZE];
        if (ring->items[i].kid != head[1] ||
            !context_key(ring, &ring->items[i], context, key))
            continue;
        memcpy(tag, sealed.data + HEAD_SIZE + size, TAG_SIZE);
        struct gcm gcm = { ring->gcm,
                           key,
                           head,
                           context->aad,
                           { sealed.data + HEAD_SIZE, size } };
        if (gcm_open(&gcm, tag, plain)) {
            bytes_add(out, plain, size);
            code = bytes_failed(out) ? OAUTH_ENOMEM : OAUTH_OK;
        }
        OPENSSL_cleanse(key, sizeof(key));
    }
    OPENSSL_cleanse(plain, size);
    free(plain);
    return code;
}

static bool
mac_of(const struct seal_ring *ring, size_t index, enum seal_purpose purpose,
       struct span data, unsigned char *ret_mac)
{
    unsigned char whole[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    assert(purpose < SEAL_PURPOSE_COUNT);
    if (HMAC(ring->sha256, ring->items[index].keys[purpose], KEY_SIZE,
             (const unsigned char *)data.data, data.size, whole, &size) == NULL)
        return false;
    memcpy(ret_mac, whole, SEAL_MAC_SIZE);
    OPENSSL_cleanse(whole, sizeof(whole));
    return true;
}

enum oauth_code
seal_mac(const struct seal_ring *ring, enum seal_purpose purpose,
         struct span data, unsigned char *ret_mac)
{
    return mac_of(ring, 0, purpose, data, ret_mac) ? OAUTH_OK : OAUTH_EINTERNAL;
}

bool
seal_mac_check(const struct seal_ring *ring, enum seal_purpose purpose,
               unsigned char kid, struct span data, const unsigned char *mac)
{
    unsigned char own[SEAL_MAC_SIZE];
    for (size_t i = 0; i < ring->count; i++) {
        if (ring->items[i].kid == kid && mac_of(ring, i, purpose, data, own) &&
            CRYPTO_memcmp(own, mac, SEAL_MAC_SIZE) == 0)
            return true;
    }
    return false;
}
