/* SPDX-License-Identifier: Apache-2.0
 * Who may pass: what the upstream, or the gateway that asked, gets to know of
 * them. */
#include "oauth/flow_move.h"

#include "oauth/roles.h"

#include <assert.h>
#include <string.h>

#define HEADER_TEXT_SIZE_MAX 4096

/* Appends `text` fit for a header: printable ASCII as it is, the rest and
 * '%' percent-encoded, `list` making the commas inside items safe, too. */
static void
add_encoded(struct bytes *out, struct span text, bool is_list)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_list && c == '\n')
            bytes_add_char(out, ',');
        else if (c < 0x20 || c >= 0x7f || c == '%' || (is_list && c == ','))
            bytes_addf(out, "%%%02X", (unsigned)c);
        else
            bytes_add_char(out, (char)c);
    }
}

static void
add_identity(struct flow *flow, struct flow_header *headers, size_t *count,
             const char *name, struct span text)
{
    struct bytes value;
    bool is_list = strcmp(name, "X-Auth-Request-Groups") == 0;
    if (text.size == 0)
        return;
    bytes_init(&value, 8 * HEADER_TEXT_SIZE_MAX);
    add_encoded(&value, text, is_list);
    assert(*count < FLOW_HEADER_COUNT_MAX);
    headers[(*count)++] =
        (struct flow_header){ span_of(name), flow_keep(flow, &value) };
}

static void
add_identities(struct flow *flow, struct span signed_identity,
               struct flow_header *headers, size_t *count)
{
    const struct session *session = &flow->session;
    struct bytes groups;
    bytes_init(&groups, 2 * ROLES_SIZE_MAX);
    roles_merge(session->roles, &groups);
    roles_merge(session->groups, &groups);
    add_identity(flow, headers, count, "X-Auth-Request-User", session->sub);
    add_identity(flow, headers, count, "X-Auth-Request-Preferred-Username",
                 session->preferred_username);
    add_identity(flow, headers, count, "X-Auth-Request-Email", session->email);
    add_identity(flow, headers, count, "X-Auth-Request-Name", session->name);
    add_identity(flow, headers, count, "X-Auth-Request-Groups",
                 flow_keep(flow, &groups));
    if (signed_identity.size > 0)
        headers[(*count)++] = (struct flow_header){ span_of(FLOW_SIGNED_HEADER),
                                                    signed_identity };
    assert(*count <= FLOW_HEADER_COUNT_MAX);
}

bool
flow_see(struct flow *flow)
{
    struct flow_allow *seen = &flow->seen;
    struct span signed_identity = { NULL, 0 };
    assert(flow->session.sub.size > 0);
    if (!flow_sign(flow, &signed_identity))
        return false;
    seen->header_count = 0;
    add_identities(flow, signed_identity, seen->headers, &seen->header_count);
    if (flow->config.conditions != NULL)
        seen->bits = require_evaluate(flow->config.conditions, &flow->session);
    return true;
}

void
flow_allow(struct flow *flow)
{
    assert(flow->seen.header_count > 0);
    flow_add_verdict(flow, FLOW_ACTION_ALLOW, FLOW_ALLOWED)->allow = flow->seen;
}

/* Envoy writes over the headers that it is given: a name that is missing here
 * would be the client's own word. */
static void
add_empty_identities(struct flow_reply *reply)
{
    static const char *const names[] = {
        "X-Auth-Request-User",   "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Email",  "X-Auth-Request-Name",
        "X-Auth-Request-Groups",
    };
    size_t first = reply->header_count;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_there = false;
        for (size_t k = 0; k < first; k++)
            is_there =
                is_there || span_equal_text(reply->headers[k].name, names[i]);
        if (!is_there)
            flow_add_header(reply, names[i], span_of(""));
    }
}

void
flow_reply_auth(struct flow *flow)
{
    /* Envoy lets a request pass by 200 and by nothing else. */
    int status = flow->route == FLOW_ROUTE_GATE ? 200 : 202;
    struct flow_reply *reply = flow_begin_reply(flow, status, FLOW_ALLOWED);
    assert(flow->seen.header_count > 0);
    assert(reply->header_count + flow->seen.header_count <=
           FLOW_HEADER_COUNT_MAX);
    for (size_t i = 0; i < flow->seen.header_count; i++)
        reply->headers[reply->header_count++] = flow->seen.headers[i];
    if (flow->route == FLOW_ROUTE_GATE)
        add_empty_identities(reply);
}
