/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_REFUSAL_H
#define OAUTH_REFUSAL_H

#include "base/arena.h"
#include "oauth/flow.h"

/* What a machine gets to see when it is not let in: JSON with a status, or
 * for a gRPC client the status that its library understands. */

struct refusal {
    const struct error *cause;
    struct span login_url; /* for JSON; may be empty */
    struct span scope;     /* those an insufficient_scope lacks; may be empty */
    bool is_bearer;        /* its 401 speaks of tokens (RFC 6750 section 3) */
    bool is_grpc;
};

/* Whether a Content-Type is that of gRPC (not of gRPC-Web). */
bool refusal_is_grpc(struct span content_type);

/* Writes status, type, body and headers; what is in ret_reply stays. Texts
 * live in `arena`, whose sticky failure is the only one. */
void refusal_fill(const struct refusal *refusal, struct arena *arena,
                  struct flow_reply *reply);

#endif /* OAUTH_REFUSAL_H */
