/* SPDX-License-Identifier: Apache-2.0
 * The signed identity that goes to the upstream with an allowed request. It is
 * made here, where a session or a token was opened, and kept by the host for
 * as long as it keeps the verdict: no request of a warm session signs. */
#include "oauth/flow_move.h"

#include <assert.h>

static struct span
name_of(const struct session *session)
{
    if (session->preferred_username.size > 0)
        return session->preferred_username;
    return session->email.size > 0 ? session->email : session->name;
}

bool
flow_sign(struct flow *flow, struct span *ret_token)
{
    const struct flow_config *config = &flow->config;
    struct bytes access, token;
    if (config->assertion_key == NULL)
        return true;
    bytes_init(&access, RIGHTS_LIST_SIZE_MAX);
    bytes_init(&token, ASSERTION_SIZE_MAX);
    rights_write(config->rights, config->right_count, &flow->session, &access);
    enum oauth_code code =
        bytes_failed(&access) ? error_memory(&flow->cause) : OAUTH_OK;
    struct assertion assertion = {
        .issuer = config->base_url,
        .sub = flow->session.sub,
        .name = name_of(&flow->session),
        .access = bytes_span(&access),
        .now_s = flow->now_s,
    };
    if (code == OAUTH_OK)
        code = assertion_write(config->assertion_key, &assertion, &token,
                               &flow->cause);
    bytes_release(&access);
    if (code != OAUTH_OK) {
        bytes_wipe(&token);
        return false;
    }
    *ret_token = flow_keep(flow, &token);
    return true;
}
