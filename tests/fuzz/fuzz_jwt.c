/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an ID token: refused, or believed only with a signature of one
 * of the two keys below, whose private halves nobody has any more. */
#include "oauth/idtoken.h"
#include "oauth/jwt.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct jwks *
keys(void)
{
    static struct jwks *jwks;
    static const char text[] =
        "{\"keys\":[{\"use\":\"sig\",\"kid\":\"r\",\"kty\":\"RSA\",\"n\":\""
        "wOAg0a4vXi-OkIofNTMednb0jAYZRAK0oKhearObic48jQUbCwgAV9r_hz_DWrmHa2"
        "aFAZELNOXYknjoWIQ4nsQvSjyJrad-ja_o2oIaiaSJPWK0rNnc87Lue90rWd6rcyWj"
        "tkMeVQuITLSDHwcCHKBk7nkIaEHEBVOgpf8xceDxterIqf9-fvhFNBuZN35wLzYZ4_"
        "fipWQrevN0omaNmGCt7mp44c8kTw4iBQIa_dLltY3Cj-C7YBSe_O3GNTwebqawrk70"
        "nkxfAe87_57p_gL111aPjPX9BN6rbdwWbVaQn8bfHdR6WyZbg6MDoF1O1SnMW_XOg2"
        "9ewrO58_W_Ow\",\"e\":\"AQAB\"},{\"kid\":\"e\",\"kty\":\"EC\",\"crv"
        "\":\"P-256\",\"x\":\"PY1a5H8NBc6ZPDW1Si8tLa9RutFi38lHNFPJZBmKTYc\""
        ",\"y\":\"TGNfFyxad0tlNl8P3bfRzwtMxltizsATbkTQQQXAVrg\"}]}";
    if (jwks == NULL) {
        enum oauth_code code = jwks_parse(span_of(text), &jwks, NULL);
        assert(code == OAUTH_OK && jwks->count == 2);
    }
    return jwks;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error = { 0 };
    struct session session = { 0 };
    struct span token = { (const char *)data, size };
    const struct idtoken_rules rules = {
        .issuer = span_of("https://i.test"),
        .client_id = span_of("me"),
        .nonce = span_of("n"),
        .access_token = token,
        .jwks = keys(),
        .now_s = 1790000000,
    };
    arena_init(&arena, (size_t)256 << 10);
    enum oauth_code code =
        idtoken_check(token, &rules, &arena, &session, &error);
    if (code == OAUTH_OK) {
        assert(session.sub.size > 0);
        assert(session.sub.size <= IDTOKEN_SUB_SIZE_MAX);
        idtoken_add_access_roles(&rules, &arena, &session);
    } else {
        assert(session.sub.size == 0);
        assert(error.code == code && error.text[0] != '\0');
    }
    arena_wipe(&arena);
    return 0;
}
