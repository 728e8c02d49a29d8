/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_CALLBACK_H
#define OAUTH_CALLBACK_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"

/* What the provider sent the browser back with (RFC 6749 section 4.1.2,
 * RFC 9207). */

#define CALLBACK_CODE_SIZE_MAX 2048

struct callback {
    struct span state;
    struct span code;  /* size 0 when `error` is there */
    struct span error; /* printable ASCII; size 0 when `code` is there */
    struct span error_description; /* may be empty; not to be trusted */
    struct span iss;
    bool has_iss;
};

/* Reads the raw query; texts are copied into `arena`.
 * OAUTH_EREQUEST  a parameter twice (array forms count), undecodable, too
 * long, no state, both or neither of code and error.   OAUTH_ENOMEM. */
enum oauth_code callback_parse(struct span query, struct arena *arena,
                               struct callback *ret_callback,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether the answer is from the issuer that was asked (RFC 9207: against
 * mix-up).   is_required  the provider's metadata promises `iss`
 * OAUTH_ESTATE  another issuer, or none although required. */
enum oauth_code callback_check_issuer(const struct callback *callback,
                                      struct span issuer, bool is_required,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_CALLBACK_H */
