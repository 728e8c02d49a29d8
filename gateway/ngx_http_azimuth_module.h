/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_MODULE_H
#define GATEWAY_NGX_HTTP_AZIMUTH_MODULE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "gateway/cache.h"
#include "gateway/ngx_http_azimuth_edge_types.h"
#include "oauth/cookie.h"
#include "oauth/credential.h"
#include "oauth/flow.h"

/* What the files of the adapter share. One request walks
 *   access -> oauth/flow -> perform -> (valkey | fetch) -> flow -> ... -> reply
 * Everything runs in one worker's event loop; nothing here may block. */

#define AZIMUTH_PROVIDER_COUNT_MAX 16
/* One more than oauth/ accepts, so that it sees that there are too many. */
#define AZIMUTH_COOKIE_HEADER_MAX  (COOKIE_HEADER_COUNT_MAX + 1)
#define AZIMUTH_ENDPOINT_COUNT_MAX 16
#define AZIMUTH_CAUSE_SIZE         256
#define AZIMUTH_DIGEST_SIZE        32

extern ngx_module_t ngx_http_azimuth_module;

typedef struct ngx_http_azimuth_valkey_s ngx_http_azimuth_valkey_t;
typedef struct ngx_http_azimuth_fetch_s ngx_http_azimuth_fetch_t;
typedef struct ngx_http_azimuth_documents_s ngx_http_azimuth_documents_t;
typedef struct ngx_http_azimuth_wait_s ngx_http_azimuth_wait_t;
typedef struct ngx_http_azimuth_refresh_s ngx_http_azimuth_refresh_t;

/* ---- questions to the outside -------------------------------------------
 * One open question of a flow. It is embedded in its owner, who may withdraw
 * it at any time with ngx_http_azimuth_wait_cancel(): the operation then ends
 * with nobody listening. The handler is called at most once, never from
 * within ask(), and the event is borrowed during the call. */
typedef void (*ngx_http_azimuth_wait_pt)(ngx_http_azimuth_wait_t *wait,
                                         struct flow_event *event);

struct ngx_http_azimuth_wait_s {
    ngx_queue_t queue; /* among the waits of one operation */
    ngx_http_azimuth_wait_pt handler;
    void *data;
    unsigned is_open : 1;
};

/* Somebody who can be asked: the store or a provider. ask() returns NGX_AGAIN
 * when `wait` will get the answer, or NGX_OK when `ret_event` holds it already
 * (a refusal: too much is pending, or the peer is known to be down). `wait` is
 * NULL for background actions. */
typedef struct {
    ngx_int_t (*ask)(void *data, const struct flow_action *action,
                     ngx_http_azimuth_wait_t *wait,
                     struct flow_event *ret_event);
    void *data;
} ngx_http_azimuth_peer_t;

void ngx_http_azimuth_wait_open(ngx_http_azimuth_wait_t *wait,
                                ngx_queue_t *waits);
void ngx_http_azimuth_wait_cancel(ngx_http_azimuth_wait_t *wait);
/* Gives `event` to every wait in `waits`; new ones may be opened meanwhile. */
void ngx_http_azimuth_wait_answer(ngx_queue_t *waits, struct flow_event *event);

/* ---- configuration ------------------------------------------------------ */

/* Where a directive stands, for complaints found later. */
typedef struct {
    ngx_str_t file;
    ngx_uint_t line;
} ngx_http_azimuth_place_t;

/* A server of the session store, or a sentinel. */
typedef struct {
    ngx_str_t name; /* for the log, not for pages */
    ngx_str_t host; /* as configured, NUL-terminated; a Unix socket has none */
    struct sockaddr *sockaddr;
    socklen_t socklen;
} ngx_http_azimuth_endpoint_t;

typedef struct {
    ngx_str_t username;
    ngx_str_t password; /* secret; empty: no AUTH */
} ngx_http_azimuth_login_t;

typedef struct {
    ngx_array_t endpoints; /* of ngx_http_azimuth_endpoint_t */
    ngx_str_t master;      /* empty, or the endpoints are sentinels */
    ngx_http_azimuth_login_t login;
    ngx_http_azimuth_login_t sentinel_login;
    ngx_int_t database;
    ngx_msec_t timeout;
    ngx_ssl_t *tls; /* NULL: plain */
    ngx_str_t tls_name;
} ngx_http_azimuth_valkey_conf_t;

/* How one endpoint did, as this worker saw it. */
typedef struct {
    const ngx_str_t *name;
    ngx_uint_t failure_count; /* ever */
    ngx_msec_t latency;       /* of its last answer */
    unsigned is_connected : 1;
    char cause[AZIMUTH_CAUSE_SIZE]; /* of the last failure; "": answers */
} ngx_http_azimuth_valkey_state_t;

/* azimuth_map: who may do what in the engine. */
typedef struct {
    ngx_array_t rules; /* of struct rights_rule; elts NULL: not set */
    ngx_http_azimuth_place_t place;
} ngx_http_azimuth_rights_t;

typedef struct ngx_http_azimuth_door_s ngx_http_azimuth_door_t;

typedef struct {
    ngx_str_t name;
    ngx_http_azimuth_place_t place;
    ngx_str_t issuer;
    ngx_str_t discovery;
    ngx_str_t client_id;
    ngx_str_t client_secret; /* secret */
    ngx_str_t redirect_uri;
    ngx_str_t post_logout_redirect_uri;
    ngx_str_t scope;
    ngx_str_t trusted_certificate; /* PEM, read */
    ngx_str_t connect_to;          /* ::HOST:PORT, as curl wants it */
    ngx_str_t proxy;               /* http://HOST:PORT, NUL-terminated */
    ngx_str_t front_logout_text;
    ngx_str_t bearer_audience; /* words, a space between; likewise */
    ngx_str_t bearer_azp;
    ngx_str_t bearer_scope;
    ngx_msec_t timeout;
    ngx_msec_t connect_timeout;
    time_t document_refresh;
    ngx_flag_t allow_http_loopback;
    ngx_http_azimuth_rights_t rights; /* its own; else the http block's */
    ngx_str_t rights_text;            /* always empty */

    /* Where a setting that is no text was written: it may stand once. */
    ngx_str_t timeout_text;
    ngx_str_t connect_timeout_text;
    ngx_str_t refresh_text;
    ngx_str_t loopback_text;
    ngx_str_t key_text;
    ngx_str_t method_text;
    ngx_str_t audience_text;
    ngx_str_t algorithms_text;
    ngx_str_t skew_text;
    ngx_str_t iss_text;
    ngx_str_t fragment_text;
    ngx_str_t par_text;
    ngx_str_t untyped_text;
    ngx_str_t introspection_text;

    struct flow_config flow;   /* some set directly, the rest made of these */
    struct provider *provider; /* documents; each worker has its own copy */
    unsigned is_failing : 1;   /* at refreshes, as this worker saw it last */
    unsigned has_failed : 1;   /* at the last one, of failed_hash's session */
    unsigned is_answered : 1;  /* an azimuth_endpoint stands somewhere */
    ngx_uint_t failed_hash;
    ngx_uint_t call_count;               /* running ones, of this worker */
    ngx_http_azimuth_door_t *door;       /* of this worker; NULL until needed */
    ngx_http_azimuth_place_t auth_place; /* its first azimuth_auth, or none */
    u_char digest[AZIMUTH_DIGEST_SIZE];  /* parts cache entries by provider */
} ngx_http_azimuth_provider_t;

typedef struct {
    ngx_array_t providers; /* of ngx_http_azimuth_provider_t * */

    struct seal_ring *ring;
    struct assertion_key *assertion_key;        /* NULL: no signed identity */
    u_char assertion_mark[AZIMUTH_DIGEST_SIZE]; /* hash of that key */
    ngx_http_azimuth_rights_t rights;
    struct require_table *conditions; /* NULL: there is no azimuth_require */
    ngx_str_t claim_names;            /* that they look at, one per line */

    ngx_http_azimuth_valkey_conf_t valkey_conf;

    ngx_flag_t zone_off;
    size_t zone_size;
    time_t zone_ttl;
    ngx_shm_zone_t *zone;

    time_t idle;
    time_t absolute;
    ngx_uint_t refresh; /* enum flow_refresh_mode */
    ngx_int_t refresh_at;
    ngx_str_t cookie_domain;
    ngx_uint_t cookie_same_site; /* enum flow_same_site */
    unsigned is_cookie_set : 1;
    unsigned is_lifetime_set : 1;
    unsigned is_refresh_set : 1;
    unsigned is_zone_set : 1;

    ngx_str_t cookie_name; /* with its prefix */
    ngx_array_t identity;  /* of ngx_table_elt_t: the headers we may set */
    ngx_uint_t user_index; /* in identity: X-Auth-Request-User */
    ngx_uint_t name_index; /* in identity: ...-Preferred-Username */
    void *digest;          /* EVP_MD *, fetched once: the hot path needs it */
    void *digest_context;  /* EVP_MD_CTX * */

    ngx_http_azimuth_edge_main_t edge; /* counters, audit, health */

    /* Made by a worker when first needed; the reason for one conf per cycle
     * instead of a global. */
    ngx_http_azimuth_valkey_t *valkey;
    ngx_http_azimuth_fetch_t *fetch;
    ngx_http_azimuth_refresh_t *refreshes;
    ngx_http_azimuth_documents_t *documents;
} ngx_http_azimuth_main_conf_t;

/* azimuth_api_auth */
enum {
    AZIMUTH_API_OFF = 0, /* it does not stand */
    AZIMUTH_API_OPEN,
    AZIMUTH_API_KEY,
    AZIMUTH_API_BEARER,
    AZIMUTH_API_KEY_OR_BEARER,
};

typedef struct {
    ngx_http_azimuth_provider_t *provider; /* NULL: off; UNSET */
    ngx_http_azimuth_provider_t *endpoint; /* not inherited, but by "if" */
    ngx_http_azimuth_place_t endpoint_place;
    ngx_array_t *cors_origins;           /* of ngx_str_t; NULL: off; UNSET */
    ngx_str_t root_redirect;             /* empty: off */
    ngx_http_azimuth_edge_loc_t edge;    /* limits, security headers */
    ngx_http_azimuth_provider_t *bearer; /* NULL: off; UNSET */
    ngx_uint_t api_mode;                 /* AZIMUTH_API_*; UNSET */
    ngx_http_azimuth_provider_t *api_provider; /* NULL: that of `bearer` */
    ngx_http_azimuth_place_t api_place;
    struct require_rules *own_rules; /* NULL: none */
    ngx_http_azimuth_place_t rules_place;
    unsigned rules_off : 1; /* those from above do not hold */

    /* Made of the above and of what stands further up. */
    const struct require_rules *rules;           /* NULL: none */
    ngx_http_azimuth_provider_t *token_provider; /* NULL: no bearer tokens */
    struct credential_gate gate;
} ngx_http_azimuth_loc_conf_t;

/* ---- one request -------------------------------------------------------- */

typedef enum {
    AZIMUTH_NEW = 0,
    AZIMUTH_WAITING, /* a question is open */
    AZIMUTH_ALLOWED,
    AZIMUTH_REPLY, /* the reply is in ctx->reply */
} ngx_http_azimuth_state_e;

/* A reply, copied out of the flow into the request's pool. */
typedef struct {
    ngx_uint_t status;
    ngx_str_t content_type; /* empty: no body */
    ngx_str_t body;
    ngx_array_t headers; /* of ngx_table_elt_t: key and value only */
} ngx_http_azimuth_reply_t;

typedef struct {
    ngx_http_request_t *request;
    ngx_http_azimuth_provider_t *provider; /* by whom it was judged */
    struct flow *flow;
    ngx_http_azimuth_wait_t wait;
    ngx_http_azimuth_state_e state;
    ngx_http_azimuth_reply_t reply;
    ngx_str_t user; /* $azimuth_user */
    ngx_http_azimuth_edge_ctx_t edge;

    struct span cookies[AZIMUTH_COOKIE_HEADER_MAX]; /* before cutting */
    size_t cookie_count;

    ngx_str_t body;    /* of a form, where the flow wants to see it */
    struct span token; /* of a bearer request; else empty */
    const struct require_rules *rules;
    struct require_bits bits; /* once it is allowed */
    struct flow_memory memory;

    u_char cache_key[AZIMUTH_DIGEST_SIZE];
    struct cache_mark cache_mark;
    unsigned has_cache_key : 1;
    unsigned has_memory : 1;
    unsigned is_content : 1; /* answered by the content handler */
    unsigned is_cut : 1;     /* our cookies are out of the request */
    unsigned is_body_refused : 1;
} ngx_http_azimuth_ctx_t;

/* access.c */
ngx_int_t ngx_http_azimuth_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_azimuth_endpoint_handler(ngx_http_request_t *r);
int ngx_http_azimuth_is_callback(ngx_http_request_t *r);
/* The flow has read the callback's query: $args and $request_uri are for logs
 * from here on, and a code must not get there. */
void ngx_http_azimuth_hide_query(ngx_http_request_t *r);
/* door.c: as the endpoint's handler, once there is a place for a callback. */
ngx_int_t ngx_http_azimuth_door_handler(ngx_http_request_t *r);
/* The answer is there: gives the place back, if the request has one. */
void ngx_http_azimuth_door_leave(ngx_http_request_t *r);
/* NULL when the request was not judged. */
ngx_http_azimuth_ctx_t *ngx_http_azimuth_ctx_find(ngx_http_request_t *r);
/* bearer.c: by whom a request is to be judged, and by which token (empty: by
 * its session). NGX_OK: see ret_ask. NGX_DECLINED: nobody here has to judge.
 * Anything else is the phase's result: it was refused.
 *   ctx  of a request that was judged before; else NULL */
typedef struct {
    ngx_http_azimuth_provider_t *provider;
    struct span token;
} ngx_http_azimuth_ask_t;

ngx_int_t ngx_http_azimuth_bearer_route(ngx_http_request_t *r,
                                        ngx_http_azimuth_loc_conf_t *lcf,
                                        const ngx_http_azimuth_ctx_t *ctx,
                                        ngx_http_azimuth_ask_t *ret_ask);
/* The token of a request to an endpoint that takes tokens; else empty. */
struct span ngx_http_azimuth_bearer_token(ngx_http_request_t *r,
                                          ngx_http_azimuth_loc_conf_t *lcf);
/* variable.c: $azimuth_user */
ngx_int_t ngx_http_azimuth_variable_init(ngx_conf_t *cf);

/* perform.c: gives the flow one event and carries out what it wants.
 * NGX_AGAIN: a question is open; NGX_OK: ctx->state holds the verdict. */
ngx_int_t ngx_http_azimuth_perform(ngx_http_azimuth_ctx_t *ctx,
                                   struct flow_event *event);
/* Sets an identity header and, when it names the user, ctx->user. */
ngx_int_t ngx_http_azimuth_identity_give(ngx_http_azimuth_ctx_t *ctx,
                                         ngx_http_azimuth_main_conf_t *mcf,
                                         ngx_uint_t index, ngx_str_t value);

/* reply.c */
ngx_int_t ngx_http_azimuth_reply_copy(ngx_http_request_t *r,
                                      const struct flow_reply *reply,
                                      ngx_http_azimuth_reply_t *ret_reply);
/* Sends; the return value is for ngx_http_finalize_request(). */
ngx_int_t ngx_http_azimuth_reply_send(ngx_http_request_t *r,
                                      const ngx_http_azimuth_reply_t *reply);
ngx_int_t ngx_http_azimuth_header_out(ngx_http_request_t *r, ngx_str_t key,
                                      ngx_str_t value);

/* body.c: begins to read the body that a flow wants to see, without waiting.
 * NGX_DECLINED: there is none to read; NGX_DONE: `then` is called (it may have
 * been already), takes the body and goes on; else a status to finalize with. */
ngx_int_t ngx_http_azimuth_body_read(ngx_http_azimuth_ctx_t *ctx,
                                     ngx_http_client_body_handler_pt then);
/* The whole body into ctx->body. NGX_ERROR: out of memory. */
ngx_int_t ngx_http_azimuth_body_take(ngx_http_azimuth_ctx_t *ctx);

/* redirect.c: exactly "/" */
ngx_int_t ngx_http_azimuth_redirect(ngx_http_request_t *r,
                                    ngx_http_azimuth_loc_conf_t *lcf);

/* cors.c */
ngx_int_t ngx_http_azimuth_cors_preflight(ngx_http_request_t *r,
                                          ngx_http_azimuth_loc_conf_t *lcf);
ngx_int_t ngx_http_azimuth_cors_init(ngx_conf_t *cf);

/* identity.c */
ngx_int_t ngx_http_azimuth_identity_handler(ngx_http_request_t *r);
/* Before anything is logged. */
ngx_int_t ngx_http_azimuth_identity_log_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_azimuth_identity_init(ngx_conf_t *cf,
                                         ngx_http_azimuth_main_conf_t *mcf);
/* Index of a name that only we may set, or NGX_ERROR. */
ngx_int_t ngx_http_azimuth_identity_index(ngx_http_azimuth_main_conf_t *mcf,
                                          struct span name);
/* Adds identity header `index` to what the upstream gets. */
ngx_int_t ngx_http_azimuth_identity_set(ngx_http_request_t *r,
                                        ngx_http_azimuth_main_conf_t *mcf,
                                        ngx_uint_t index, ngx_str_t value);
typedef int (*ngx_http_azimuth_drops_pt)(const ngx_table_elt_t *header);
/* Makes the request's headers anew without those that are dropped. */
ngx_int_t
ngx_http_azimuth_identity_rebuild(ngx_http_request_t *r,
                                  ngx_http_azimuth_drops_pt is_dropped);
/* Takes our cookies out of what the upstream gets. */
ngx_int_t ngx_http_azimuth_identity_cut(ngx_http_request_t *r,
                                        const ngx_str_t *cookie_name);
/* Takes a judged token out of what the upstream gets. */
ngx_int_t ngx_http_azimuth_identity_cut_token(ngx_http_request_t *r);
ngx_table_elt_t *ngx_http_azimuth_header_in(ngx_http_request_t *r,
                                            const char *lowcase_name);

/* zone.c: sessions that were opened a moment ago, shared by all workers */
ngx_int_t ngx_http_azimuth_zone_init(ngx_conf_t *cf,
                                     ngx_http_azimuth_main_conf_t *mcf);
/* Makes ctx->cache_key of the token, or of the one session cookie.
 * NGX_DECLINED: none, or more than one. */
ngx_int_t ngx_http_azimuth_zone_key(ngx_http_azimuth_ctx_t *ctx,
                                    ngx_http_azimuth_main_conf_t *mcf);
/* NGX_OK: known, valid and within ctx->rules; identity headers, ctx->user and
 * ctx->bits are set. NGX_DECLINED: ask the flow; ctx->memory says what is
 * known against the request, if anything. */
ngx_int_t ngx_http_azimuth_zone_get(ngx_http_azimuth_ctx_t *ctx,
                                    ngx_http_azimuth_main_conf_t *mcf);
/* Keeps what `actions`, whose verdict is `allow`, says of a known session. */
void ngx_http_azimuth_zone_put(ngx_http_azimuth_ctx_t *ctx,
                               ngx_http_azimuth_main_conf_t *mcf,
                               const struct flow_allow *allow,
                               const struct flow_actions *actions);
/* Remembers for a moment that ctx->token is no good; never in the place of
 * something that is. */
void ngx_http_azimuth_zone_put_refusal(ngx_http_azimuth_ctx_t *ctx,
                                       ngx_http_azimuth_main_conf_t *mcf,
                                       const struct error *why);
/* What entries of the session under this key are forgotten by; 0: none. */
uint64_t ngx_http_azimuth_zone_tag(ngx_http_azimuth_main_conf_t *mcf,
                                   struct span store_key);
void ngx_http_azimuth_zone_forget(ngx_http_azimuth_main_conf_t *mcf,
                                  uint64_t tag);
/* Forgets everything: ends of sessions may have been missed. */
void ngx_http_azimuth_zone_renew(ngx_http_azimuth_main_conf_t *mcf);

/* valkey.c */
/* A worker starts: listens for the ends of sessions. */
void ngx_http_azimuth_valkey_start(ngx_http_azimuth_main_conf_t *mcf);
/* Whether the ends of sessions are heard by this worker now. */
int ngx_http_azimuth_valkey_hears(ngx_http_azimuth_main_conf_t *mcf);
/* How the endpoints do: an array of *ret_count; NULL before the first use. */
const ngx_http_azimuth_valkey_state_t *
ngx_http_azimuth_valkey_states(ngx_http_azimuth_main_conf_t *mcf,
                               ngx_uint_t *ret_count);
ngx_int_t ngx_http_azimuth_valkey_peer(ngx_http_azimuth_main_conf_t *mcf,
                                       ngx_http_azimuth_peer_t *ret_peer);
void ngx_http_azimuth_valkey_close(ngx_http_azimuth_valkey_t *valkey);

/* ask.c: puts a flow's question to whom it is for, as ask() of a peer does */
typedef struct {
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_provider_t *provider;
    unsigned is_job : 1; /* a refresh; not a request of who knows whom */
} ngx_http_azimuth_asker_t;

ngx_int_t ngx_http_azimuth_ask(const ngx_http_azimuth_asker_t *asker,
                               const struct flow_action *action,
                               ngx_http_azimuth_wait_t *wait,
                               struct flow_event *ret_event);

/* refresh.c: the jobs of FLOW_ACTION_REFRESH */
ngx_int_t ngx_http_azimuth_refresh_ask(const ngx_http_azimuth_asker_t *asker,
                                       const struct flow_action *action,
                                       ngx_http_azimuth_wait_t *wait,
                                       struct flow_event *ret_event);
void ngx_http_azimuth_refresh_close(ngx_http_azimuth_refresh_t *refresh);

/* fetch.c */
typedef struct {
    ngx_http_azimuth_fetch_t *fetch;
    ngx_http_azimuth_provider_t *provider;
    unsigned is_job : 1; /* as the asker's */
} ngx_http_azimuth_fetch_to_t;

ngx_int_t ngx_http_azimuth_fetch_peer(ngx_http_azimuth_main_conf_t *mcf,
                                      ngx_http_azimuth_fetch_to_t *to,
                                      ngx_http_azimuth_peer_t *ret_peer);
/* Fetches a document with nobody waiting; the provider gets the answer. */
void ngx_http_azimuth_fetch_document(ngx_http_azimuth_main_conf_t *mcf,
                                     ngx_http_azimuth_provider_t *p,
                                     enum provider_document document);
void ngx_http_azimuth_fetch_close(ngx_http_azimuth_fetch_t *fetch);

/* document.c: keeps discovery documents and key sets young */
ngx_int_t ngx_http_azimuth_documents_open(ngx_http_azimuth_main_conf_t *mcf);
void ngx_http_azimuth_documents_close(ngx_http_azimuth_documents_t *documents);

/* bytes.c: between nginx and oauth */
struct span ngx_http_azimuth_span(ngx_str_t text);
ngx_int_t ngx_http_azimuth_copy(ngx_pool_t *pool, struct span span,
                                ngx_str_t *ret_text);
/* A header of the request; data NULL: it was not sent. */
struct span ngx_http_azimuth_header_text(ngx_http_request_t *r,
                                         const char *lowcase_name);
/* The only place that logs an oauth error. */
void ngx_http_azimuth_log(ngx_http_request_t *r, const char *outcome,
                          const struct error *cause);
void ngx_http_azimuth_log_to(ngx_log_t *log, const char *outcome,
                             const struct error *cause);
/* SHA-256 over the parts, each behind its length. */
ngx_int_t ngx_http_azimuth_digest(ngx_http_azimuth_main_conf_t *mcf,
                                  const struct span *parts, size_t count,
                                  u_char ret_digest[AZIMUTH_DIGEST_SIZE]);
ngx_int_t ngx_http_azimuth_digest_init(ngx_conf_t *cf,
                                       ngx_http_azimuth_main_conf_t *mcf);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_MODULE_H */
