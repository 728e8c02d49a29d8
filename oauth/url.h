/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_URL_H
#define OAUTH_URL_H

#include "base/bytes.h"

#define URL_SIZE_MAX        2048
#define URL_QUERY_SIZE_MAX  ((size_t)16 << 10)
#define URL_PARAM_COUNT_MAX 64

/* A URL cut into pieces that borrow from it. */
struct url {
    struct span scheme;    /* as written */
    struct span authority; /* host[:port] */
    struct span host;      /* without [] and port */
    struct span port;      /* digits; size 0: none */
    struct span path;      /* from '/', or empty */
    struct span query;     /* after '?' */
    bool has_query;
    bool has_fragment;
};

/* Cuts an absolute http(s) URL. False for anything else: other schemes, user
 * information, empty host, bad port, percent signs in the authority, spaces,
 * backslashes, control or non-ASCII bytes, longer than URL_SIZE_MAX. */
bool url_parse(struct span text, struct url *ret_url)
    __attribute__((warn_unused_result));

/* Whether the host is this machine: 127.0.0.0/8, [::1], localhost. */
bool url_is_loopback(const struct url *url);

/* Whether `text` is a URL that we may send secrets to: https, or http on a
 * loopback host where `allows_http`. No fragment. */
bool url_is_endpoint(struct span text, bool allows_http);

/* Appends `raw` with everything but unreserved characters (RFC 3986 section
 * 2.3) percent-encoded: fit for a query value or a form field. */
void url_encode(struct span raw, struct bytes *out);

/* Appends the decoded form of one query value ('+' is a space); false for a
 * broken escape or a decoded NUL. */
bool url_decode(struct span text, struct bytes *out)
    __attribute__((warn_unused_result));

enum url_param { URL_PARAM_FOUND, URL_PARAM_ABSENT, URL_PARAM_BAD };

/* Looks a parameter up in a raw query and appends its decoded value to `out`.
 * BAD: given more than once, undecodable, or a query past its limits. Names
 * are compared decoded, and "name[]" counts as `name`. */
enum url_param url_param(struct span query, const char *name, struct bytes *out)
    __attribute__((warn_unused_result));

/* Where a login may send the browser afterwards. */
struct url_guard {
    struct span base_url;     /* our own scheme and authority */
    const struct span *hosts; /* "host" or "host:port" allowed besides */
    size_t host_count;
};

#define URL_RD_SIZE_MAX 1024

/* The redirect guard: whether `rd` is safe as a Location. A path of our own
 * host that every browser reads as such (starts with one '/', no backslash,
 * control, space or non-ASCII byte and no "//" in its path, also after two
 * rounds of decoding, and not below /oauth2/), or an absolute https URL of our own or
 * an allowed host. Decided by parsing, not by patterns; at most
 * URL_RD_SIZE_MAX bytes. */
bool url_rd_is_safe(const struct url_guard *guard, struct span rd);

#endif /* OAUTH_URL_H */
