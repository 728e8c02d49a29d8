/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_FLOW_MOVE_H
#define OAUTH_FLOW_MOVE_H

#include "base/arena.h"
#include "oauth/callback.h"
#include "oauth/cookie.h"
#include "oauth/flow.h"
#include "oauth/page.h"
#include "oauth/request.h"
#include "oauth/state.h"
#include "oauth/token.h"

/* Inside of the door, for flow*.c only: the flow and its moves.
 *   flow.c          table, step, defaults       flow_access.c  who may pass
 *   flow_login.c    start and callback          flow_leave.c   sign-out
 *   flow_reply.c    what the client gets to see */

/* Where a flow stands: what it waits for. */
enum flow_state {
    FLOW_AT_START,         /* the request */
    FLOW_AT_SESSION,       /* the session of a request that wants to pass */
    FLOW_AT_BEGIN,         /* discovery, to begin a login */
    FLOW_AT_REPLAY,        /* the session of a callback without a login */
    FLOW_AT_DISCOVERY,     /* discovery, in a callback */
    FLOW_AT_KEYS,          /* the key set, in a callback */
    FLOW_AT_MARK,          /* the mark that this state is used */
    FLOW_AT_TOKEN,         /* the token endpoint */
    FLOW_AT_NEW_KEYS,      /* the key set again, for an unknown kid */
    FLOW_AT_KEEP,          /* the new session to be stored */
    FLOW_AT_LEAVE,         /* the session that is to end */
    FLOW_AT_LEAVE_DEL,     /* its deletion */
    FLOW_AT_LEAVE_ADDRESS, /* discovery, for the provider's logout */
    FLOW_OVER,
    FLOW_STATE_COUNT
};

enum flow_route {
    FLOW_ROUTE_PAGE, /* any path that is not ours */
    FLOW_ROUTE_START,
    FLOW_ROUTE_CALLBACK,
    FLOW_ROUTE_AUTH,
    FLOW_ROUTE_GATE, /* as AUTH, and a page is sent to the login */
    FLOW_ROUTE_SIGN_OUT,
    FLOW_ROUTE_USERINFO,
    FLOW_ROUTE_UNKNOWN,
};

#define FLOW_COOKIE_NAME_SIZE (COOKIE_NAME_SIZE_MAX + 24)

struct flow {
    struct flow_config config; /* with defaults filled in */
    struct provider *provider;
    unsigned char seed[FLOW_SEED_SIZE];
    uint32_t draw_count;
    struct arena arena;
    enum flow_state state;
    struct flow_actions actions;
    struct error cause;
    int64_t now_s;

    /* of the request */
    enum flow_route route;
    enum request_kind kind;
    bool is_script;
    struct span target;     /* copied */
    struct span request_id; /* copied; may be empty */

    /* of the session: the cookie that came, and the one that goes */
    char cookie_name[FLOW_COOKIE_NAME_SIZE];
    char login_name[FLOW_COOKIE_NAME_SIZE];
    bool has_ticket;
    struct session_ticket ticket;
    char store_key[SESSION_STORE_KEY_SIZE_MAX];
    bool drops_cookie;  /* the reply removes the session cookie */
    struct bytes plain; /* opened record, under `session` */
    struct session session;

    /* of a login */
    bool has_login_cookie; /* something of that name, good or bad */
    struct state *login;   /* NULL until opened */
    struct state_slot *slot;
    struct callback back;
    struct token_response tokens;
    struct session_ticket new_ticket;
    struct span new_cookie;   /* Set-Cookie of the new session */
    struct span login_cookie; /* Set-Cookie of the other logins */
};

typedef void flow_move(struct flow *flow, const struct flow_event *event);

/* flow.c: `size` bytes out of the seed, never the same twice. */
void flow_draw(struct flow *flow, void *ret, size_t size);

/* flow_access.c */
void flow_on_request(struct flow *flow, const struct flow_event *event);
void flow_on_session(struct flow *flow, const struct flow_event *event);
bool flow_open_session(struct flow *flow, struct span record);

/* flow_login.c */
void flow_login_begin(struct flow *flow, const struct flow_request *request);
void flow_login_back(struct flow *flow, const struct flow_request *request);
void flow_on_begin(struct flow *flow, const struct flow_event *event);
void flow_on_replay(struct flow *flow, const struct flow_event *event);
void flow_on_discovery(struct flow *flow, const struct flow_event *event);
void flow_on_keys(struct flow *flow, const struct flow_event *event);
void flow_on_mark(struct flow *flow, const struct flow_event *event);
void flow_on_keep(struct flow *flow, const struct flow_event *event);

/* flow_exchange.c */
void flow_exchange_code(struct flow *flow);
void flow_on_token(struct flow *flow, const struct flow_event *event);
void flow_on_new_keys(struct flow *flow, const struct flow_event *event);

/* flow_sign.c: the signed identity of flow->session. False: it cannot be made,
 * and flow->cause says why; true and size 0: none is wanted. */
#define FLOW_SIGNED_HEADER "X-Azimuth-Identity"
bool flow_sign(struct flow *flow, struct span *ret_token)
    __attribute__((warn_unused_result));

/* flow_leave.c */
void flow_leave(struct flow *flow, const struct flow_request *request);
void flow_on_leave(struct flow *flow, const struct flow_event *event);
void flow_on_leave_del(struct flow *flow, const struct flow_event *event);
void flow_on_leave_address(struct flow *flow, const struct flow_event *event);

/* flow_ask.c: questions. Each ends the step. */
void flow_ask_session(struct flow *flow, enum flow_state next);
/* The same for a request that counts as use: the idle time begins anew. */
void flow_ask_live_session(struct flow *flow, enum flow_state next);
void flow_ask_delete(struct flow *flow, enum flow_state next);
void flow_ask_document(struct flow *flow, enum provider_document document,
                       enum flow_state next);
void flow_delete_behind(struct flow *flow); /* background */
struct flow_session *flow_ask_put(struct flow *flow, enum flow_state next);

/* Takes the answer to flow_ask_document(). False when the document is still
 * unusable; the cause is set then. */
bool flow_take_document(struct flow *flow, enum provider_document document,
                        const struct flow_event *event);

/* Sets the cause from a *_FAILED event. */
void flow_fail_with(struct flow *flow, enum oauth_code code, const char *what,
                    const struct flow_event *event);

/* flow_reply.c: verdicts. Each ends the flow. */
void flow_allow(struct flow *flow);
void flow_redirect(struct flow *flow, struct span url,
                   enum flow_outcome outcome);
void flow_reply_empty(struct flow *flow, int status, enum flow_outcome outcome);
void flow_reply_auth(struct flow *flow);
void flow_reply_user(struct flow *flow);
void flow_reply_json(struct flow *flow, struct bytes *body,
                     enum flow_outcome outcome);
void flow_reply_page(struct flow *flow, int status, const struct page *page,
                     enum flow_outcome outcome);

/* The page or JSON for flow->cause with `link_url` behind "log in again". */
void flow_reply_failed_login(struct flow *flow, enum flow_outcome outcome);

/* Answers with flow->cause, as page or JSON by the kind of client. */
void flow_reply_cause(struct flow *flow, enum flow_outcome outcome);

/* Memory ran out while the reply was built: a fixed one takes its place. */
void flow_reply_static(struct flow *flow);

/* The URL of /oauth2/start for `rd` (may be empty). */
struct span flow_start_url(struct flow *flow, struct span rd);

/* An absolute URL of our own for a safe rd. */
struct span flow_own_url(struct flow *flow, struct span rd);

/* Builds a Set-Cookie; an empty value removes the cookie. */
struct span flow_set_cookie(struct flow *flow, const char *name,
                            struct span value, int64_t max_age_s,
                            enum flow_same_site same_site);

/* Copies a finished builder into the arena and wipes it. */
struct span flow_keep(struct flow *flow, struct bytes *bytes);

#endif /* OAUTH_FLOW_MOVE_H */
