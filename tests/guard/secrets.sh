#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# T51: what an attacker guesses is compared in constant time. A comparison that
# stops at the first difference (memcmp, strcmp, span_equal and kin) may not
# name a secret; CRYPTO_memcmp may. Second, the comparisons that must be
# constant are still there.
cd "${top_srcdir:-.}" || exit 99
status=0
compare='(^|[^_a-zA-Z])(memcmp|strcmp|strncmp|strcasecmp|strncasecmp|bcmp|span_equal|span_equal_text|span_starts|ngx_memcmp|ngx_strcmp|ngx_strncmp|ngx_strcasecmp|ngx_strncasecmp)[[:space:]]*\('
secret='(^|[^a-zA-Z])(mac|macs|secret|secrets|verifier|nonce|password|signature|ticket|slot|slots|api_key|id_token|access_token|refresh_token|token|digest|hash|hashes|code|state)([^_a-zA-Z]|_hash|$)'
# Not secrets, each with its reason:
#   secrets[i]     doubled keys of the key file, when nginx starts
#   AZIMUTH_DIGEST the shared memory finds sessions by SHA-256 of the cookie:
#                  what the time tells about it helps nobody to a cookie
allowed='secrets.i.|AZIMUTH_DIGEST'
found=$(awk -v compare="$compare" -v secret="$secret" -v allowed="$allowed" '
    # Each call with its arguments, which may span lines.
    function call(text,    depth, i, c)
    {
        for (i = 1; i <= length(text); i++) {
            c = substr(text, i, 1)
            depth += (c == "(") - (c == ")")
            if (c == ")" && depth == 0)
                return substr(text, 1, i)
        }
        return text
    }
    FNR == 1 { line = "" }
    { line = line " " $0 }
    /[;{}]/ {
        while (match(line, compare)) {
            line = substr(line, RSTART)
            found = call(line)
            if (found ~ secret && found !~ allowed)
                printf "%s:%d:%s\n", FILENAME, FNR, found
            line = substr(line, RLENGTH + 1)
        }
        line = ""
    }' oauth/*.c gateway/*.c)
if [ -n "$found" ]; then
    printf '%s\n' "$found"
    echo 'secrets are compared by CRYPTO_memcmp()'
    status=1
fi
for file in oauth/seal.c oauth/state.c oauth/idtoken.c; do
    grep -q 'CRYPTO_memcmp(' "$file" || {
        echo "$file: no comparison in constant time any more"
        status=1
    }
done
exit $status
