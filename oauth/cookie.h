/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_COOKIE_H
#define OAUTH_COOKIE_H

#include "base/bytes.h"

#include <stdint.h>

/* Cookies of RFC 6265, as strict as a server may be. */

#define COOKIE_HEADER_COUNT_MAX 16
#define COOKIE_HEADER_SIZE_MAX  ((size_t)16 << 10) /* all headers together */
#define COOKIE_PAIR_COUNT_MAX   256
#define COOKIE_VALUE_SIZE_MAX   3900
#define COOKIE_NAME_SIZE_MAX    64

enum cookie_found {
    COOKIE_ABSENT,
    COOKIE_FOUND,
    COOKIE_BAD, /* present more than once, quoted, too long, or past a limit */
};

/* Finds the one cookie of this name in all Cookie headers; ret_value borrows
 * from them and is written only for FOUND. Hot path: no memory. */
enum cookie_found cookie_find(const struct span *headers, size_t header_count,
                              struct span name, struct span *ret_value)
    __attribute__((warn_unused_result));

enum cookie_same_site { COOKIE_LAX, COOKIE_STRICT, COOKIE_NONE };

struct cookie_policy {
    struct span name;   /* with its prefix */
    struct span domain; /* empty: host-only */
    enum cookie_same_site same_site;
};

/* Appends a Set-Cookie value: Path=/, Secure, HttpOnly always.
 *   max_age_s  < 0: ends with the browser; 0: removes the cookie */
void cookie_format(const struct cookie_policy *policy, struct span value,
                   int64_t max_age_s, struct bytes *out);

#endif /* OAUTH_COOKIE_H */
