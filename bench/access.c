/* SPDX-License-Identifier: Apache-2.0
 * Nanoseconds that it takes to find out who asks, in one thread and without the
 * look-up of headers in libmicrohttpd: keys, and tokens that are known and not.
 * The best of rounds that alternate over the cases. */
#include "base/base64.h"
#include "engine/api/access.h"
#include "engine/api/claims.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define ROUNDS       9
#define CHECKS       20000
#define TOKENS_COUNT 512u

static char key[] = "3b1f0c9d8e7a6b5c4d3e2f1a0b9c8d7e";
static char alt[] = "7e8d9c0b1a2f3e4d5c6b7a8e9d0c1f3b";
static char reader[] = "0000000000000000000000000000reader";
static char wrong[] = "3b1f0c9d8e7a6b5c4d3e2f1a0b9c8d7f";
static char *tokens[TOKENS_COUNT];
static char *forged, *expired;

static const char *given; /* the header api-key */

static const char *
header(const struct request *request, const char *name)
{
    (void)request;
    return strcasecmp(name, "api-key") == 0 ? given : NULL;
}

static double
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static char *
token_make(unsigned number, uint64_t until_s)
{
    unsigned char mac[32];
    unsigned size = 0;
    char claims[256];
    struct bytes out;
    int used = snprintf(claims, sizeof(claims),
                        "{\"sub\":\"user-%u\",\"exp\":%" PRIu64 ",\"access\":["
                        "{\"collection\":\"docs\",\"access\":\"r\"},"
                        "{\"collection\":\"notes\",\"access\":\"rw\"}]}",
                        number, until_s);
    bytes_init(&out, 4096);
    bytes_add_text(&out, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.");
    base64_encode((struct span){ claims, (size_t)used }, &out);
    HMAC(EVP_sha256(), key, (int)strlen(key), (unsigned char *)out.data,
         out.size, mac, &size);
    bytes_add_char(&out, '.');
    base64_encode((struct span){ (char *)mac, size }, &out);
    return out.data;
}

enum bench {
    KEY,
    ALT,
    READER,
    WRONG,
    KNOWN,
    FORGED,
    EXPIRED,
    KNOWN_MANY,
    UNKNOWN,
    BENCHES
};

static const char *const names[BENCHES] = {
    "api_key",          "alt_api_key",       "read_only_api_key",
    "wrong key",        "one token, known",  "another signature",
    "an expired token", "512 tokens, known", "a token, not known",
};

static const char *
text_of(enum bench bench, unsigned turn)
{
    const char *const texts[] = { key,       alt,    reader, wrong,
                                  tokens[0], forged, expired };
    return bench < KNOWN_MANY ? texts[bench] : tokens[turn % TOKENS_COUNT];
}

static double
one_round(enum bench bench, struct access *access, struct jwt_keys *keys)
{
    const struct request request = { .header = header };
    struct error error;
    unsigned good = 0;
    double start_ns = now_ns();
    for (unsigned i = 0; i < CHECKS; i++) {
        struct caller caller = { .kind = CALLER_UNKNOWN };
        given = text_of(bench, i * 7);
        if (bench != UNKNOWN) {
            good += access_identify(access, &request, &caller, &error) ==
                    ACCESS_GRANTED;
            access_release(&caller);
            continue;
        }
        struct arena arena;
        arena_init(&arena, 65536);
        good += claims_verify(keys, span_of(given), 1764300000, &arena,
                              &caller.identity, &error) == ENGINE_OK;
        arena_release(&arena);
    }
    double spent_ns = now_ns() - start_ns;
    bool is_refused = bench == WRONG || bench == FORGED || bench == EXPIRED;
    if (good != (is_refused ? 0 : CHECKS))
        exit(1);
    return spent_ns / CHECKS;
}

int
main(void)
{
    struct server_config config = { .api_key = key,
                                    .alt_api_key = alt,
                                    .read_only_api_key = reader,
                                    .has_jwt_rbac = true };
    struct access *access = NULL;
    struct jwt_keys keys = { 0 };
    struct error error = { .text = "" };
    double best[BENCHES] = { 0 };
    for (unsigned i = 0; i < TOKENS_COUNT; i++)
        tokens[i] = token_make(i, 4102444800);
    forged = token_make(0, 4102444800);
    forged[strlen(forged) - 10] ^= 1; /* a letter of base64 still */
    expired = token_make(0, 1000000000);
    if (access_open(&config, &access, &error) != ENGINE_OK ||
        jwt_keys_add(&keys, key, strlen(key)) != ENGINE_OK)
        return 1;
    for (int round = 0; round < ROUNDS; round++) {
        for (int bench = 0; bench < BENCHES; bench++) {
            double ns = one_round((enum bench)bench, access, &keys);
            if (best[bench] == 0 || ns < best[bench])
                best[bench] = ns;
        }
    }
    printf("%-24s ns per check (token of %zu bytes)\n", "", strlen(tokens[0]));
    for (int bench = 0; bench < BENCHES; bench++)
        printf("%-24s %6.0f\n", names[bench], best[bench]);
    access_close(access);
    jwt_keys_release(&keys);
    for (unsigned i = 0; i < TOKENS_COUNT; i++)
        free(tokens[i]);
    free(forged);
    free(expired);
    return 0;
}
