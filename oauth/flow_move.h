/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_FLOW_MOVE_H
#define OAUTH_FLOW_MOVE_H

#include "base/arena.h"
#include "oauth/callback.h"
#include "oauth/cookie.h"
#include "oauth/flow_answer.h"
#include "oauth/logout_token.h"
#include "oauth/request.h"
#include "oauth/roster.h"
#include "oauth/state.h"
#include "oauth/token.h"

/* Inside of the door, for flow*.c only: the flow and its moves.
 *   flow.c          table, step, defaults       flow_access.c  who may pass
 *   flow_begin.c    a login begins              flow_leave.c   sign-out
 *   flow_login.c    it comes back
 *   flow_push.c     to the provider             flow_exchange.c  code, tokens
 *   flow_keep.c     the new session is stored, listed, given
 *   flow_due.c      when to refresh             flow_refresh.c   the job
 *   flow_renew.c    what came of it             flow_sign.c      who it is,
 *                                                                signed
 *   flow_roster.c   the list of a user's sessions, and their end
 *   flow_logout.c   the provider ends sessions  flow_sessions.c  their user
 * What they answer is in flow_answer.h. */

/* Where a flow stands: what it waits for. */
enum flow_state {
    FLOW_AT_START,          /* the request */
    FLOW_AT_SESSION,        /* the session of a request that wants to pass */
    FLOW_AT_BEGIN,          /* discovery, to begin a login */
    FLOW_AT_PUSH,           /* the answer to a pushed request */
    FLOW_AT_RETRY,          /* the session, before a login begins anew */
    FLOW_AT_REPLAY,         /* the session of a callback without a login */
    FLOW_AT_DISCOVERY,      /* discovery, in a callback */
    FLOW_AT_KEYS,           /* the key set, in a callback */
    FLOW_AT_MARK,           /* the mark that this state is used */
    FLOW_AT_TOKEN,          /* the token endpoint */
    FLOW_AT_NEW_KEYS,       /* the key set again, for an unknown kid */
    FLOW_AT_ROSTER,         /* the user's other sessions, in a callback */
    FLOW_AT_KEEP,           /* the new session to be stored */
    FLOW_AT_SID,            /* the way to it from the provider's session */
    FLOW_AT_ENTRY,          /* its place among the others */
    FLOW_AT_REFRESH,        /* the job that refreshes the request's session */
    FLOW_AT_AGAIN,          /* that session, read again */
    FLOW_AT_JOB_LOCK,       /* (a job from here on) its lock */
    FLOW_AT_JOB_OTHER,      /* what the lock of another says */
    FLOW_AT_JOB_PAUSE,      /* a moment, for the other to finish */
    FLOW_AT_JOB_SESSION,    /* the record */
    FLOW_AT_JOB_DISCOVERY,  /* discovery */
    FLOW_AT_JOB_KEYS,       /* the key set */
    FLOW_AT_JOB_TOKEN,      /* the token endpoint */
    FLOW_AT_JOB_NEW_KEYS,   /* the key set again, for an unknown kid */
    FLOW_AT_JOB_KEEP,       /* the record to be replaced */
    FLOW_AT_JOB_RETRY,      /* a moment, until the store is back */
    FLOW_AT_JOB_DEL,        /* the session to be ended */
    FLOW_AT_LEAVE,          /* the session that is to end */
    FLOW_AT_LEAVE_DEL,      /* its deletion */
    FLOW_AT_LEAVE_ROSTER,   /* the user's sessions, that all are to end */
    FLOW_AT_LEAVE_ADDRESS,  /* discovery, for the provider's logout */
    FLOW_AT_END,            /* the deletion of one of several sessions */
    FLOW_AT_LOGOUT_KEYS,    /* a document, for a logout token */
    FLOW_AT_LOGOUT_MARK,    /* whether this token was used before */
    FLOW_AT_LOGOUT_SID,     /* whose the provider's session was */
    FLOW_AT_LOGOUT_ROSTER,  /* the sessions that a logout is about */
    FLOW_AT_LOGOUT_DONE,    /* the mark that this token is used */
    FLOW_AT_FRONT,          /* the session of a front-channel logout */
    FLOW_AT_LIST,           /* the session that looks at the list */
    FLOW_AT_LIST_ROSTER,    /* the list */
    FLOW_AT_LIST_PROBE,     /* whether a session of the list still lives */
    FLOW_AT_BEARER_ADDRESS, /* discovery, for a bearer token */
    FLOW_AT_BEARER_KEYS,    /* the key set, for a bearer token */
    FLOW_AT_BEARER_NEW_KEYS,
    FLOW_AT_BEARER_ANSWER, /* introspection */
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
    FLOW_ROUTE_SIGNED_OUT,
    FLOW_ROUTE_SESSIONS,
    FLOW_ROUTE_BACK_LOGOUT,
    FLOW_ROUTE_FRONT_LOGOUT,
    FLOW_ROUTE_UNKNOWN,
};

#define FLOW_COOKIE_NAME_SIZE (COOKIE_NAME_SIZE_MAX + 24)

#define FLOW_LOCK_SIZE_MAX 32
#define FLOW_DIGEST_SIZE   12 /* letters; as many as of a session's key */

struct flow;
typedef void flow_then(struct flow *flow);

/* The list of a user's sessions while it is worked on, in the flow's arena. */
struct flow_roster {
    char key[ROSTER_KEY_SIZE_MAX]; /* of the user */
    struct roster_entry *entries;
    size_t count;
    size_t at;   /* the entry being asked about */
    bool is_cut; /* there may be more of them in the store */

    /* Those that end, one after the other; then `then` goes on. */
    struct span *fields;
    size_t end_count;
    size_t end_at;
    flow_then *then;
};

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
    uint32_t answer_count;  /* of the document asked for, at that time */
    bool is_grpc;
    uint32_t method; /* a bit of require_method() */
    const struct require_rules *rules;

    /* of a bearer token */
    bool is_bearer;
    bool bearer_is_jwt;
    struct span bearer; /* copied; secret */
    struct flow_allow seen;

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
    bool has_logins;       /* and it was good */
    bool is_document;      /* asked for by a browser, for a window of its own */
    bool is_lost;          /* `state` is ours, the cookie has no such login */
    struct state *login;   /* NULL until opened */
    struct state_slot *slot;
    struct callback back;
    struct token_response tokens;
    struct session_ticket new_ticket;
    struct span new_cookie;   /* Set-Cookie of the new session */
    struct span login_cookie; /* Set-Cookie of the other logins */
    struct span begun_cookie; /* the same with this one, until it leaves */
    struct span login_value;  /* the sealed text in it */
    struct span state_text;   /* of the login that begins */

    /* of a job */
    bool is_job;
    char lock_key[SESSION_STORE_KEY_SIZE_MAX];
    char lock_value[FLOW_LOCK_SIZE_MAX]; /* by which it knows its own */
    bool has_lock;                       /* and says in it how the job ended */
    bool is_unproven;    /* only the refresh token is kept, not the identity */
    unsigned try_count;  /* to replace the record */
    int64_t waited_ms;   /* for the job of another */
    struct span renewed; /* the sealed record to be written */
    char new_store_key[SESSION_STORE_KEY_SIZE_MAX];
    struct span client_address; /* copied, as is */
    struct span user_agent;

    /* of the ends of sessions */
    struct flow_roster roster;
    bool is_form;       /* a sign-out by POST */
    bool is_everywhere; /* a sign-out of all of the user's sessions */
    struct span form;   /* the form that came back; empty: none */
    struct span logout; /* the text of a logout token, */
    struct logout_token logout_token;       /* and what it says */
    char sid_digest[FLOW_DIGEST_SIZE + 1];  /* of its sid, for the log */
    enum provider_document logout_document; /* asked for */
    bool has_new_keys; /* the key set was fetched again for it */
};

typedef void flow_move(struct flow *flow, const struct flow_event *event);

/* flow.c: `size` bytes out of the seed, never the same twice. */
void flow_draw(struct flow *flow, void *ret, size_t size);

/* flow_access.c */
void flow_on_request(struct flow *flow, const struct flow_event *event);
void flow_on_session(struct flow *flow, const struct flow_event *event);
bool flow_open_session(struct flow *flow, struct span record);
/* Takes the answer to flow_ask_session(). False: it became a reply. */
bool flow_take_session(struct flow *flow, const struct flow_event *event);
/* No valid session: the answer depends on who asks for what. */
void flow_deny(struct flow *flow);
void flow_admit(struct flow *flow);

/* flow_begin.c */
void flow_login_begin(struct flow *flow, const struct flow_request *request);
void flow_on_begin(struct flow *flow, const struct flow_event *event);
void flow_on_retry(struct flow *flow, const struct flow_event *event);
/* Opens the login cookie into flow->login; a bad one counts as empty. False:
 * memory is out. */
bool flow_open_logins(struct flow *flow, const struct flow_request *request);
/* Seals the logins that are still open into flow->login_cookie. */
void flow_close_logins(struct flow *flow);
/* Wipes and frees flow->login, if there is one. */
void flow_drop_logins(struct flow *flow);
bool flow_name_provider(const struct flow *flow,
                        unsigned char ret_name[STATE_PROVIDER_SIZE]);
bool flow_rd_is_safe(const struct flow *flow, struct span rd);

/* flow_login.c */
void flow_login_back(struct flow *flow, const struct flow_request *request);
void flow_on_replay(struct flow *flow, const struct flow_event *event);
void flow_on_discovery(struct flow *flow, const struct flow_event *event);
void flow_on_keys(struct flow *flow, const struct flow_event *event);
void flow_on_mark(struct flow *flow, const struct flow_event *event);

/* flow_push.c: discovery is there, off to the provider */
void flow_send_to_provider(struct flow *flow);
void flow_on_push(struct flow *flow, const struct flow_event *event);

/* flow_exchange.c */
void flow_exchange_code(struct flow *flow);
void flow_on_token(struct flow *flow, const struct flow_event *event);
void flow_on_new_keys(struct flow *flow, const struct flow_event *event);
/* `token` is signed with a key that the provider did not publish, the last time
 * we looked: whether its keys may be fetched again. */
bool flow_may_ask_for_key(struct flow *flow, struct span token,
                          enum provider_source source);

/* flow_keep.c: the new session is stored and listed */
void flow_keep_session(struct flow *flow);
void flow_on_keep(struct flow *flow, const struct flow_event *event);
void flow_on_sid(struct flow *flow, const struct flow_event *event);
void flow_on_entry(struct flow *flow, const struct flow_event *event);

/* flow_roster.c */
/* What `id`, a sub, sid or jti of our provider, is called in the store. */
struct roster_name flow_name(const struct flow *flow, struct span id);
/* Makes room for the new session; then it is kept. */
void flow_on_roster(struct flow *flow, const struct flow_event *event);
/* The key of flow->session's user into flow->roster. False: the cause is
 * set. */
bool flow_find_roster(struct flow *flow);
/* Takes INDEX_FOUND into flow->roster; entries that do not open have is_open
 * false. */
void flow_read_roster(struct flow *flow, const struct flow_event *event);
/* One more session to end; then all of them, then `then`. */
void flow_end_add(struct flow *flow, struct span field);
void flow_end_all(struct flow *flow, flow_then *then);
/* Whether the list has to be read again when all that was read is ended. */
bool flow_has_more(const struct flow *flow);
void flow_on_end(struct flow *flow, const struct flow_event *event);

/* flow_logout.c */
void flow_logout_back(struct flow *flow, const struct flow_request *request);
void flow_logout_front(struct flow *flow, const struct flow_request *request);
/* Who was meant by an end that the provider asked for, into the actions. */
void flow_tell_ended(struct flow *flow);
void flow_on_logout_keys(struct flow *flow, const struct flow_event *event);
void flow_on_logout_mark(struct flow *flow, const struct flow_event *event);
void flow_on_logout_sid(struct flow *flow, const struct flow_event *event);
void flow_on_logout_roster(struct flow *flow, const struct flow_event *event);
void flow_on_logout_done(struct flow *flow, const struct flow_event *event);
void flow_on_front(struct flow *flow, const struct flow_event *event);

/* flow_sessions.c */
void flow_sessions(struct flow *flow, const struct flow_request *request);
void flow_on_list(struct flow *flow, const struct flow_event *event);
void flow_on_list_roster(struct flow *flow, const struct flow_event *event);
void flow_on_list_probe(struct flow *flow, const struct flow_event *event);

/* flow_sign.c: the signed identity of flow->session. False: it cannot be made,
 * and flow->cause says why; true and size 0: none is wanted. */
#define FLOW_SIGNED_HEADER "X-Azimuth-Identity"
bool flow_sign(struct flow *flow, struct span *ret_token)
    __attribute__((warn_unused_result));

/* flow_due.c */
enum flow_need {
    FLOW_NEED_NOTHING,
    FLOW_NEED_SOON, /* refresh in the background */
    FLOW_NEED_NOW,  /* the access token is over: refresh first */
};
enum flow_need flow_session_needs(const struct flow *flow);
int64_t flow_fresh_until(const struct flow *flow);
/* When the access token that came now is over; 0: never, for us. */
int64_t flow_access_end(const struct flow *flow, struct span refresh_token);
void flow_on_refresh(struct flow *flow, const struct flow_event *event);
void flow_on_again(struct flow *flow, const struct flow_event *event);
/* A request's session is open: refreshes it where that is due, and admits. */
void flow_go_on(struct flow *flow);

/* flow_refresh.c */
void flow_refresh_begin(struct flow *flow, const struct flow_event *event);
void flow_on_job_lock(struct flow *flow, const struct flow_event *event);
void flow_on_job_other(struct flow *flow, const struct flow_event *event);
void flow_on_job_pause(struct flow *flow, const struct flow_event *event);
void flow_on_job_session(struct flow *flow, const struct flow_event *event);
void flow_on_job_document(struct flow *flow, const struct flow_event *event);
/* Ends a job; a lock of its own says how. */
void flow_refresh_end(struct flow *flow, enum flow_outcome outcome);
void flow_refresh_lose_store(struct flow *flow, const struct flow_event *event);

/* flow_renew.c */
void flow_on_job_token(struct flow *flow, const struct flow_event *event);
void flow_on_job_new_keys(struct flow *flow, const struct flow_event *event);
void flow_on_job_keep(struct flow *flow, const struct flow_event *event);
void flow_on_job_retry(struct flow *flow, const struct flow_event *event);
void flow_on_job_del(struct flow *flow, const struct flow_event *event);

/* flow_bearer.c */
void flow_bearer(struct flow *flow, const struct flow_request *request);
void flow_on_bearer_address(struct flow *flow, const struct flow_event *event);
void flow_on_bearer_keys(struct flow *flow, const struct flow_event *event);
void flow_on_bearer_new_keys(struct flow *flow, const struct flow_event *event);
void flow_on_bearer_answer(struct flow *flow, const struct flow_event *event);

/* flow_leave.c */
void flow_leave(struct flow *flow, const struct flow_request *request);
/* The browser comes back from the provider's logout. */
void flow_signed_out(struct flow *flow, const struct flow_request *request);
void flow_on_leave(struct flow *flow, const struct flow_event *event);
void flow_on_leave_del(struct flow *flow, const struct flow_event *event);
void flow_on_leave_roster(struct flow *flow, const struct flow_event *event);
void flow_on_leave_address(struct flow *flow, const struct flow_event *event);

/* flow_ask.c: questions. Each ends the step, but for those behind a verdict,
 * which nobody waits for. */
void flow_ask_session(struct flow *flow, enum flow_state next);
/* The same for a request that counts as use: the idle time begins anew. */
void flow_ask_live_session(struct flow *flow, enum flow_state next);
void flow_ask_delete(struct flow *flow, enum flow_state next);
void flow_ask_document(struct flow *flow, enum provider_document document,
                       enum flow_state next);
void flow_delete_key_behind(struct flow *flow, struct span key);
void flow_refresh_behind(struct flow *flow);
void flow_ask_refresh(struct flow *flow, enum flow_state next);
void flow_ask_moment(struct flow *flow, int64_t ms, enum flow_state next);
struct flow_session *flow_ask_put(struct flow *flow, enum flow_state next);
void flow_ask_key(struct flow *flow, struct span key, enum flow_state next);
void flow_ask_delete_key(struct flow *flow, struct span key,
                         enum flow_state next);
void flow_ask_index(struct flow *flow, struct span key, enum flow_state next);
struct flow_index *flow_ask_index_put(struct flow *flow, enum flow_state next);
/* Background: one entry of an index. */
void flow_forget_entry(struct flow *flow, struct span key, struct span field);
/* Copies a text into the flow. */
struct span flow_copy(struct flow *flow, struct span text);

/* A call in our own name: its form gets the proof who we are and is wiped. */
struct flow_call {
    enum flow_fetch_kind kind;
    const char *url;
    struct bytes *form;
    bool has_id;       /* the form has a client_id */
    struct span share; /* INTROSPECTION: the token */
};
/* False when the proof could not be made; the cause is set then. */
bool flow_ask_call(struct flow *flow, const struct flow_call *call,
                   enum flow_state next) __attribute__((warn_unused_result));

/* Takes the answer to flow_ask_document(). False when it was no good; the
 * cause is set then. */
bool flow_take_document(struct flow *flow, enum provider_document document,
                        const struct flow_event *event);

/* Sets the cause from a *_FAILED event. */
void flow_fail_with(struct flow *flow, enum oauth_code code, const char *what,
                    const struct flow_event *event);

#endif /* OAUTH_FLOW_MOVE_H */
