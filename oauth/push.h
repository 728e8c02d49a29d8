/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PUSH_H
#define OAUTH_PUSH_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"

/* Pushed authorization requests (RFC 9126): what a login asks for goes to the
 * provider directly, and the browser carries only a reference to it. */

#define PUSH_BODY_SIZE_MAX ((size_t)16 << 10)
#define PUSH_URI_SIZE_MAX  1024

/* Reads the provider's answer.
 *   ret_uri  the reference, printable ASCII, copied into `arena`
 * OAUTH_EPROVIDER  429 or 5xx.   OAUTH_EDOCUMENT  anything else that is no
 * proper answer.   OAUTH_ENOMEM. */
enum oauth_code push_response_parse(int status, struct span text,
                                    struct arena *arena, struct span *ret_uri,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_PUSH_H */
