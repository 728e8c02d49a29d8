/* SPDX-License-Identifier: Apache-2.0
 * HMAC-SHA256 under a key that is drawn at the first use and never told. */
#include "engine/anonymous.h"

#include "engine/codec/hex.h"

#include <pthread.h>
#include <string.h>

#include <openssl/hmac.h>
#include <openssl/rand.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static unsigned char key[32];
static bool has_key;

static void
key_draw(void)
{
    has_key = RAND_bytes(key, sizeof(key)) == 1;
}

struct span
anonymous_name(struct span name, char ret_text[ANONYMOUS_SIZE])
{
    unsigned char mac[EVP_MAX_MD_SIZE] = { 0 };
    unsigned size = 0;
    pthread_once(&once, key_draw);
    /* Without randomness every name is the same. */
    if (has_key)
        HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)name.data,
             name.size, mac, &size);
    hex_text(mac, (ANONYMOUS_SIZE - 1) / 2, ret_text);
    return (struct span){ ret_text, ANONYMOUS_SIZE - 1 };
}

uint64_t
anonymous_number(uint64_t number)
{
    uint64_t unit = 1;
    while (number / unit >= 10)
        unit *= 10;
    return number / unit * unit;
}
