/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_FLOW_H
#define OAUTH_FLOW_H

#include "base/bytes.h"
#include "oauth/assertion.h"
#include "oauth/client.h"
#include "oauth/error.h"
#include "oauth/jwt.h"
#include "oauth/provider.h"
#include "oauth/require.h"
#include "oauth/rights.h"
#include "oauth/seal.h"
#include "oauth/session.h"

#include <stdbool.h>
#include <stdint.h>

/* THE door of oauth/: one flow judges one HTTP request. It knows no socket,
 * clock, randomness or log. The host tells it what happened (an event) and it
 * answers with what to do next (actions):
 *
 *     flow = flow_create(config, provider, seed);
 *     actions = flow_step(flow, &request_event);
 *     while the last action is no final one:
 *         perform it, without blocking; when its answer is there:
 *         actions = flow_step(flow, &answer_event);
 *     perform the final action; flow_free(flow);
 *
 * The actions of one step are performed in order. Those with is_background
 * are started and forgotten (their failure is logged by the host, nothing
 * else). The last one is never a background one: it is either
 *   a question  SESSION_*, INDEX_*, FETCH, REFRESH, WAIT: exactly one event
 *               must answer it; the durable effect must be confirmed before the event is
 *               given; or
 *   a verdict   ALLOW, REPLY, END: the flow is over.
 *
 *   action        answered by
 *   SESSION_GET   SESSION_FOUND | SESSION_MISSING | SESSION_FAILED
 *   SESSION_PUT   SESSION_DONE | SESSION_CONFLICT | SESSION_FAILED
 *   SESSION_DEL   SESSION_DONE (also when there was none) | SESSION_FAILED
 *   INDEX_PUT     SESSION_DONE | SESSION_FAILED
 *   INDEX_GET     INDEX_FOUND (also with no entry) | SESSION_FAILED
 *   INDEX_DEL     SESSION_DONE (also when there was none) | SESSION_FAILED
 *   FETCH         FETCHED (any status) | FETCH_FAILED
 *   REFRESH       REFRESHED: the job is over, or has lasted too long
 *   WAIT          WAITED (only a job waits)
 *
 * Every request of a protected location and every request under "/oauth2/" of
 * its host goes through a flow, whatever its method; the flow finds the
 * endpoint by the path. The host judges a request once: subrequests and
 * internal redirects of a judged request get no second flow.
 *
 * A refreshed session must outlive the client that was there when it was due:
 * a rotated refresh token that gets lost ends the session. So REFRESH asks for
 * a job, a flow that belongs to no request: it begins with the event REFRESH
 * instead of REQUEST, ends with END, and is always carried to its end. The
 * host runs at most one job per store key; whoever asks meanwhile waits for
 * that one. Of all hosts that share the store one calls the provider: the
 * others find its lock, whose end after a failure is the pause until the next
 * attempt.
 *
 * Memory: an event and all it points to are borrowed during the call. Actions
 * and all they point to are owned by the flow and valid until flow_free().
 * A flow, its provider and the steps of one flow belong to one thread.
 * A client that goes away: flow_free() at any time; give no further event. */

#define FLOW_PREFIX "/oauth2/"
/* Asked by another gateway whether a request may pass; see flow_access.c. */
#define FLOW_GATE             FLOW_PREFIX "gate"
#define FLOW_SEED_SIZE        32
#define FLOW_ACTION_COUNT_MAX 3
#define FLOW_HEADER_COUNT_MAX 12
#define FLOW_COOKIE_COUNT_MAX 3 /* Set-Cookie lines of one reply */
#define FLOW_MEMORY_SIZE_MAX  ((size_t)1 << 20)
#define FLOW_FETCH_SIZE_MAX   PROVIDER_BODY_SIZE_MAX
#define FLOW_INDEX_COUNT_MAX  256 /* entries that INDEX_FOUND gives */
#define FLOW_BODY_SIZE_MAX    ((size_t)64 << 10)

/* Cookies of ours that a request may carry, for a host that hides them from
 * the upstream: PREFIX cookie_name, and the same with "-login". */
#define FLOW_LOGIN_SUFFIX "-login"

/* ---- configuration ---------------------------------------------------- */

enum flow_same_site { FLOW_LAX, FLOW_STRICT, FLOW_NONE };

/* REQUIRED: nobody passes with an access token that is over, whoever's fault
 * it is that it could not be refreshed (503). ON: the session goes on. */
enum flow_refresh_mode {
    FLOW_REFRESH_ON,
    FLOW_REFRESH_OFF,
    FLOW_REFRESH_REQUIRED
};

/* Whether logins are begun by a pushed request (RFC 9126). */
enum flow_push {
    FLOW_PUSH_AUTO, /* when the provider offers it */
    FLOW_PUSH_ON,   /* always: no login without */
    FLOW_PUSH_OFF,  /* never, unless the provider requires it */
};

/* One protected host. Owned by the host program, immutable, outlives every
 * flow. Zeroed fields take the default in brackets. */
struct flow_config {
    struct span base_url; /* "https://dash.example:8443": scheme and
                              authority, no path; never taken from a request */
    struct span issuer;   /* as in struct provider_options */
    struct span client_id;
    struct span client_secret;           /* empty: public client, PKCE alone */
    const struct client_key *client_key; /* instead of a secret; or NULL */
    enum client_method client_method;
    bool is_aud_endpoint; /* as in struct client */
    enum flow_push push;
    jws_algs algs;          /* of the provider's tokens [all that we know] */
    int64_t skew_s;         /* clocks may differ so far [IDTOKEN_SKEW_S] */
    bool requires_iss;      /* a callback must name its issuer (RFC 9207), also
                          when the metadata does not promise it */
    struct span scope;      /* ["openid profile email"] */
    struct span home_path;  /* where a login without rd ends ["/"] */
    struct span logout_url; /* post_logout_redirect_uri, a whole URL that is
                                  registered at the provider [base_url "/"] */
    const struct span *rd_hosts; /* hosts that an absolute rd may name besides
                                    our own: "host" or "host:port" */
    size_t rd_host_count;
    const struct seal_ring *ring;
    struct span cookie_name;   /* ["azimuth"]; gets __Host- or __Secure- */
    struct span cookie_domain; /* empty: host-only, __Host- */
    enum flow_same_site cookie_same_site;      /* NONE needs cookie_domain */
    const struct assertion_key *assertion_key; /* NULL: upstreams get no signed
                                                  identity */
    const struct rights_rule *rights; /* what it says they may do; checked by
                                         rights_check() */
    size_t right_count;               /* 0: everybody everything */
    int64_t idle_s;                   /* [1800] a session without requests */
    int64_t lifetime_s;               /* [28800] a session in any case */
    enum flow_refresh_mode refresh;
    int refresh_at;         /* [80] percent of the access token's life */
    int64_t refresh_wait_s; /* [6] longer than one call to provider or store:
                               the pause after a failure */
    bool has_front_logout;  /* front-channel logout by the provider's page */
    bool keeps_fragment;    /* a page looks for one, before a login leaves */
    bool allows_http;       /* provider at http://127.0.0.1, [::1], localhost */

    /* Claim rules: all their conditions, and which claims these look at. */
    const struct require_table *conditions; /* [none]; outlives every flow */
    struct span claim_names;                /* one per line */
    /* Bearer tokens, as in struct accesstoken_rules: words, a space between */
    struct span bearer_audiences; /* [client_id] */
    struct span bearer_clients;   /* [any] */
    struct span bearer_scopes;    /* [none] */
    bool bearer_allows_untyped;
    bool introspects; /* opaque tokens are put to the provider */
};

/* Checks what `nginx -t` has to refuse; the text names the field.
 * OAUTH_ECONFIG. */
enum oauth_code flow_config_check(const struct flow_config *config,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- events ------------------------------------------------------------ */

enum flow_event_kind {
    FLOW_EVENT_REQUEST, /* first event of a request's flow, and only that */
    FLOW_EVENT_REFRESH, /* first event of a job, and only that */
    FLOW_EVENT_REFRESHED,
    FLOW_EVENT_WAITED,
    FLOW_EVENT_SESSION_FOUND,
    FLOW_EVENT_SESSION_MISSING,
    FLOW_EVENT_SESSION_DONE,
    FLOW_EVENT_SESSION_CONFLICT, /* FLOW_PUT_NEW: the key exists already;
                                    REPLACE: it exists no more; MATCH: it has
                                    another value */
    FLOW_EVENT_SESSION_FAILED,   /* store down, slow, refusing */
    FLOW_EVENT_INDEX_FOUND,
    FLOW_EVENT_FETCHED,
    FLOW_EVENT_FETCH_FAILED, /* connect, TLS, time or size limit */
};

/* What the host remembers of a request's very credential: a flow judged it a
 * moment ago. It is good only for refusing. */
struct flow_memory {
    bool is_refused;          /* a token that is no good, */
    struct span text;         /* because of this; else */
    struct require_bits bits; /* which conditions it fulfils */
};

/* A request as the client sent it, after the server's own parsing. A header
 * that is absent has data == NULL; a present empty one has data != NULL.
 * Nothing here is believed further than this comment says. */
struct flow_request {
    struct span method; /* "GET" */
    struct span path;   /* decoded and normalised (nginx: r->uri) */
    struct span target; /* as written, path?query (nginx: r->unparsed_uri) */
    struct span query;  /* as written, without '?' (nginx: r->args) */
    const struct span *cookies; /* every Cookie header's value, in order */
    size_t cookie_count;
    struct span accept;
    struct span sec_fetch_mode;
    struct span sec_fetch_dest;
    struct span sec_fetch_site;
    struct span requested_with; /* X-Requested-With */
    struct span upgrade;        /* Upgrade */
    struct span authorization;
    struct span origin;     /* Origin */
    struct span referer;    /* Referer */
    struct span preflight;  /* Access-Control-Request-Method */
    struct span request_id; /* the host's own, for pages; may be empty */
    /* What another gateway says it was asked for: used by /oauth2/gate alone,
     * and there only for where a login comes back to. */
    struct span forwarded_uri;
    struct span forwarded_method;

    /* Of the client that made the connection, for people to read. */
    struct span client_address;
    struct span user_agent;

    struct span content_type;

    /* Only where flow_body_size_max() asks for it. */
    struct span body;
    bool is_body_refused; /* larger than asked for, or of unknown size */

    /* What the place wants, and the host found out. */
    struct span bearer; /* the token, when credential_route() said so */
    const struct require_rules *rules; /* NULL: none; outlives the flow */
    const struct flow_memory *memory;  /* NULL: nothing */
};

/* How many bytes of a request's body its flow wants to see, before it is
 * given the request; 0: none, whatever the client sends. */
size_t flow_body_size_max(struct span method, struct span path);

/* One entry of an index, as INDEX_PUT wrote it; binary. */
struct flow_entry {
    struct span field;
    struct span value;
};

struct flow_event {
    enum flow_event_kind kind;
    int64_t now_s; /* wall clock, seconds since 1970; may jump */
    union {
        const struct flow_request *request; /* REQUEST */
        struct span record;                 /* SESSION_FOUND: stored bytes */
        struct {
            const struct flow_entry *entries; /* in no order */
            size_t count;                     /* <= FLOW_INDEX_COUNT_MAX */
        } index;                              /* INDEX_FOUND */
        struct {
            int status;       /* HTTP status, redirects not followed */
            struct span body; /* at most FLOW_FETCH_SIZE_MAX */
        } fetched;            /* FETCHED */
        const struct session_ticket *ticket; /* REFRESH: of the action */
        struct span failure; /* *_FAILED: one line for page and log, such as
                                 "connect to 127.0.0.1:6379: refused" */
    };
};

/* ---- actions ----------------------------------------------------------- */

enum flow_action_kind {
    FLOW_ACTION_ALLOW,
    FLOW_ACTION_REPLY,
    FLOW_ACTION_SESSION_GET,
    FLOW_ACTION_SESSION_PUT,
    FLOW_ACTION_SESSION_DEL,
    FLOW_ACTION_INDEX_PUT,
    FLOW_ACTION_INDEX_GET,
    FLOW_ACTION_INDEX_DEL,
    FLOW_ACTION_FETCH,
    FLOW_ACTION_REFRESH,
    FLOW_ACTION_WAIT,
    FLOW_ACTION_END,
};

struct flow_header {
    struct span name;
    struct span value; /* printable ASCII, no line end */
};

/* Let the request through. `headers` replace all headers of these names on
 * the way to the upstream; names of flow_identity_headers that are not listed
 * here are removed. */
struct flow_allow {
    struct flow_header headers[FLOW_HEADER_COUNT_MAX];
    size_t header_count;
    struct require_bits bits; /* for struct flow_memory */
};

/* Answer the client and end the request: redirects (Location is among the
 * headers), 401 JSON, error pages, /oauth2/ answers. Add the headers as they
 * are, each cookie as one Set-Cookie header, also on error statuses. CORS
 * headers are the host's, on every status. */
struct flow_reply {
    int status;
    struct span content_type; /* size 0: no body */
    struct span body;         /* not sent for HEAD */
    struct flow_header headers[FLOW_HEADER_COUNT_MAX];
    size_t header_count;
    struct span cookies[FLOW_COOKIE_COUNT_MAX]; /* Set-Cookie values */
    size_t cookie_count;
};

enum flow_put_mode {
    FLOW_PUT_NEW,     /* SET ... NX */
    FLOW_PUT_REPLACE, /* SET ... XX: a session deleted meanwhile stays so */
    FLOW_PUT_MATCH,   /* only in the place of `expected`, in one step */
};

/* The key is printable ASCII, unguessable and safe to log; the value is
 * binary. How long a session may be idle is the store's time to live: a GET
 * with ttl_s moves it on, so that a request never writes the record. A DEL is
 * announced to every worker of every instance (FLOW_REVOKED_CHANNEL, the
 * message is the key): whoever keeps the session forgets it. */
struct flow_session {
    struct span key;
    struct span value; /* PUT only; at most SESSION_RECORD_SIZE_MAX + 64 */
    int64_t ttl_s;     /* 0, of GET and REPLACE: stays as it is. NEW: > 0 */
    enum flow_put_mode mode; /* PUT only */
    struct span expected;    /* MATCH only */
    bool is_announced;       /* PUT only: announced like a DEL */
};

#define FLOW_REVOKED_CHANNEL "azimuth:revoked"

/* An index is a small map (a hash in Valkey) under one key, such as the
 * sessions of a user. It lives for ttl_s from its last PUT on. */
struct flow_index {
    struct span key;   /* as in struct flow_session */
    struct span field; /* PUT, DEL: binary, at most 128 bytes */
    struct span value; /* PUT only: at most 2,048 bytes */
    int64_t ttl_s;     /* PUT only: > 0 */
};

enum flow_fetch_kind {
    FLOW_FETCH_DISCOVERY,     /* the same answer serves every flow that waits */
    FLOW_FETCH_JWKS,          /* likewise */
    FLOW_FETCH_TOKEN,         /* never shared, never retried, never logged */
    FLOW_FETCH_PUSH,          /* likewise */
    FLOW_FETCH_INTROSPECTION, /* shared by flows with the same `share` */
};

/* One HTTP request to the provider: TLS verified, redirects not followed,
 * answer cut off (FETCH_FAILED) past FLOW_FETCH_SIZE_MAX. */
struct flow_fetch {
    enum flow_fetch_kind kind;
    struct span url;
    bool is_post;
    struct flow_header headers[FLOW_HEADER_COUNT_MAX];
    size_t header_count;
    struct span body;  /* POST only */
    struct span share; /* INTROSPECTION: secret; at most JWT_SIZE_MAX */
};

/* The job to be run, one per key. The host copies the ticket, gives it to the
 * job's first event and wipes it. */
struct flow_refresh {
    struct span key;
    const struct session_ticket *ticket; /* secret */
};

struct flow_action {
    enum flow_action_kind kind;
    bool is_background; /* only SESSION_PUT, _DEL, INDEX_PUT, _DEL, REFRESH */
    union {
        struct flow_allow allow;
        struct flow_reply reply;
        struct flow_session session;
        struct flow_index index;
        struct flow_fetch fetch;
        struct flow_refresh refresh;
        int64_t wait_ms; /* WAIT */
    };
};

/* What became of the request, for metrics and the audit log; WAITING while
 * the last action is a question. */
#define FLOW_OUTCOMES(X)                                                       \
    X(FLOW_WAITING, "waiting")                                                 \
    X(FLOW_ALLOWED, "allowed")             /* ALLOW, 202, userinfo */          \
    X(FLOW_PREFLIGHT, "preflight")         /* 204 without a session */         \
    X(FLOW_SENT_TO_LOGIN, "sent_to_login") /* 302 to /oauth2/start */          \
    X(FLOW_DENIED, "denied")               /* 401 */                           \
    X(FLOW_LOGIN_STARTED, "login_started") /* 302 to the provider */           \
    X(FLOW_LOGGED_IN, "logged_in")                                             \
    X(FLOW_LOGIN_REPLAYED,                                                     \
      "login_replayed") /* callback again, session fine */                     \
    X(FLOW_LOGIN_FAILED, "login_failed")                                       \
    X(FLOW_SIGNED_OUT, "signed_out")                                           \
    X(FLOW_ENDED_BY_PROVIDER,                                                  \
      "ended_by_provider") /* back- or front-channel logout */                 \
    X(FLOW_SESSIONS_ENDED, "sessions_ended") /* by their user, elsewhere */    \
    X(FLOW_FORBIDDEN, "forbidden") /* known, but a claim rule or the scope */  \
    X(FLOW_REFUSED, "refused")     /* 403, 404, 405 on an endpoint */          \
    X(FLOW_REFRESHED, "refreshed") /* this and the next three end a job */     \
    X(FLOW_REFRESH_NEEDLESS, "refresh_needless") /* another was faster */      \
    X(FLOW_REFRESH_FAILED, "refresh_failed")     /* the session lives on */    \
    X(FLOW_REFRESH_ENDED, "refresh_ended_session")                             \
    X(FLOW_STORE_DOWN, "store_down")                                           \
    X(FLOW_PROVIDER_DOWN, "provider_down")                                     \
    X(FLOW_FAILED, "failed")

enum flow_outcome {
#define X(code, name) code,
    FLOW_OUTCOMES(X)
#undef X
        FLOW_OUTCOME_COUNT
};

struct flow_actions {
    struct flow_action items[FLOW_ACTION_COUNT_MAX];
    size_t count; /* >= 1 */
    enum flow_outcome outcome;
    const struct error *cause;     /* to be logged once; NULL: nothing wrong */
    const struct session *session; /* who it is, once known; else NULL */
    struct span store_key;         /* of that session; else empty */
    struct span ended_sub;         /* ENDED_BY_PROVIDER: whose sessions, as the
                                      provider's proof says; else empty */
    struct span ended_sid;         /* or a digest of its session's name */
    int64_t fresh_until_s;         /* no later may an ALLOW be repeated without
                                      a flow; 0: as long as the session is */
    const struct flow_allow *seen; /* a good session or token, whatever the
                                      verdict; NULL: none */
    bool is_memorable; /* a token that stays bad: `cause` says why */
};

/* ---- the door ---------------------------------------------------------- */

struct flow;

/* Makes the flow of one request.
 *   config, provider  must outlive the flow; the provider is written when the
 *                     flow gets one of its documents
 *   seed              FLOW_SEED_SIZE bytes from the system's random source,
 *                     never used before; copied
 * NULL when memory is out. */
struct flow *flow_create(const struct flow_config *config,
                         struct provider *provider, const unsigned char *seed)
    __attribute__((warn_unused_result));

/* Wipes and frees, at any time; NULL is allowed. */
void flow_free(struct flow *flow);

/* Takes one event, returns what to do. Never fails: trouble, memory
 * exhaustion included, becomes a reply. An event that does not answer the
 * last action is a programmer's error (assertion). */
const struct flow_actions *flow_step(struct flow *flow,
                                     const struct flow_event *event)
    __attribute__((returns_nonnull, warn_unused_result));

/* Whether `action` ends the flow. */
bool flow_is_verdict(const struct flow_action *action);

/* An ALLOW and the 202 of /oauth2/auth carry X-Auth-Request-User (the sub),
 * -Preferred-Username, -Email, -Name and -Groups (roles, then groups, comma
 * between), each when known. Bytes outside printable ASCII, '%', and commas
 * inside a group are percent-encoded. With an assertion_key they carry
 * X-Azimuth-Identity, too (oauth/assertion.h).
 * Every header name that only we may set towards an upstream; the host
 * removes them from each client request on every host, '-' and '_' being the
 * same and case ignored. NULL-terminated. */
extern const char *const flow_identity_headers[];

const char *flow_outcome_name(enum flow_outcome outcome);

#endif /* OAUTH_FLOW_H */
