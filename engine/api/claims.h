/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_CLAIMS_H
#define ENGINE_API_CLAIMS_H

#include "engine/api/identity.h"

/* Qdrant's tokens (service.jwt_rbac): signed by service.api_key or
 * service.alt_api_key, presented in the place of a key. Claims, all optional:
 *   exp           seconds since 1970
 *   nbf           not before that second
 *   access        "r", "m" (when absent), or a list of {"collection": NAME,
 *                 "access": "r" | "rw" | "prw"}, each NAME once
 *   value_exists  {"collection": NAME, "matches": [{"key", "value"}]}: a point
 *                 must be there that has all these values
 *   subject, sub  who it is, for the audit log
 * Others are ignored, but none of `access` and `value_exists`: a right is
 * never guessed. */

#define CLAIMS_SKEW_S         30
#define CLAIMS_SUBJECT_MAX    512
#define CLAIMS_MATCHES_MAX    64
#define CLAIMS_COLLECTION_MAX 255

/* Believes `token` or says why not. Whether the point of value_exists is there
 * is for the caller to find out (identity.wanted).
 *   now_s  wall clock, seconds since 1970
 *   arena  keeps what ret_identity points to
 * ENGINE_EINPUT      no token, or one that is not understood: 401
 * ENGINE_EFORBIDDEN  not signed by us, or expired: 403, Qdrant's word for it
 * ENGINE_ENOMEM. Any thread. */
enum engine_code claims_verify(const struct jwt_keys *keys, struct span token,
                               int64_t now_s, struct arena *arena,
                               struct identity *ret_identity,
                               struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_CLAIMS_H */
