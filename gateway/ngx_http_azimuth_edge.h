/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_EDGE_H
#define GATEWAY_NGX_HTTP_AZIMUTH_EDGE_H

#include "gateway/ngx_http_azimuth_module.h"

/* What surrounds a login. Two tables of shared memory hold for all workers
 * and outlive a reload: the counters (lock-free: a shard per worker, so that
 * an increment meets nobody) and the health of the peers (under the zone's
 * mutex, written on the cold path only). */

/* ---- count.c: what /metrics shows ---------------------------------------- */

#define COUNT_ONE(...) +1
enum {
    AZIMUTH_OUTCOME_COUNT = FLOW_OUTCOME_COUNT,
    AZIMUTH_CODE_COUNT = 0 OAUTH_CODES(COUNT_ONE),
    AZIMUTH_CALL_COUNT = 8, /* kinds of calls to a provider; the last: other */
    AZIMUTH_BUCKET_COUNT = 16,
    /* per histogram: the buckets, +Inf, the sum in microseconds */
    AZIMUTH_HISTOGRAM_SIZE = AZIMUTH_BUCKET_COUNT + 2,
};
#undef COUNT_ONE

/* One cell each, or the first of a run. */
typedef enum {
    AZIMUTH_COUNT_OUTCOME = 0,                     /* + enum flow_outcome */
    AZIMUTH_COUNT_FAILURE = AZIMUTH_OUTCOME_COUNT, /* + enum oauth_code */
    AZIMUTH_COUNT_CACHE_HIT = AZIMUTH_COUNT_FAILURE + AZIMUTH_CODE_COUNT,
    AZIMUTH_COUNT_CACHE_MISS,
    AZIMUTH_COUNT_REFRESHED,      /* the provider gave new tokens */
    AZIMUTH_COUNT_REFRESH_FAILED, /* it could not be asked: session stays */
    AZIMUTH_COUNT_REFRESH_ENDED,  /* it said no: session over */
    AZIMUTH_COUNT_REVOKED,        /* sessions ended by this nginx */
    AZIMUTH_COUNT_REVOKED_HEARD,  /* endings heard from the store */
    AZIMUTH_COUNT_LIMITED_USER,
    AZIMUTH_COUNT_LIMITED_ADDRESS,
    AZIMUTH_COUNT_FOREIGN_UPGRADE, /* WebSocket from a foreign page */
    AZIMUTH_COUNT_ENDED_UPGRADE,   /* WebSocket cut off with its session */
    AZIMUTH_COUNT_DOOR,            /* callbacks that had to wait */
    AZIMUTH_COUNT_AUDIT_LOST,      /* lines that could not be written */
    AZIMUTH_COUNT_STORE_FAILED,
    AZIMUTH_COUNT_CALL_FAILED, /* + call */
    AZIMUTH_COUNT_STORE_TIME = AZIMUTH_COUNT_CALL_FAILED + AZIMUTH_CALL_COUNT,
    AZIMUTH_COUNT_CALL_TIME =
        AZIMUTH_COUNT_STORE_TIME + AZIMUTH_HISTOGRAM_SIZE, /* + call * size */
    AZIMUTH_COUNT_SIZE =
        AZIMUTH_COUNT_CALL_TIME + AZIMUTH_CALL_COUNT * AZIMUTH_HISTOGRAM_SIZE,
} ngx_http_azimuth_count_e;

ngx_int_t ngx_http_azimuth_count_init(ngx_conf_t *cf,
                                      ngx_http_azimuth_main_conf_t *mcf);
/* Adds one to `cell`. A few nanoseconds; any time after the start. */
void ngx_http_azimuth_count(ngx_http_azimuth_main_conf_t *mcf, ngx_uint_t cell);
/* Notes a duration in the histogram that begins at `cell`. */
void ngx_http_azimuth_count_time(ngx_http_azimuth_main_conf_t *mcf,
                                 ngx_uint_t cell, uint64_t duration_ns);
/* The sum over all workers. */
uint64_t ngx_http_azimuth_count_read(ngx_http_azimuth_main_conf_t *mcf,
                                     ngx_uint_t cell);
uint64_t ngx_http_azimuth_clock_ns(void); /* monotonic */
/* Of a FETCH: an index below AZIMUTH_CALL_COUNT, and what it is called. */
ngx_uint_t ngx_http_azimuth_call(enum flow_fetch_kind kind);
const char *ngx_http_azimuth_call_name(ngx_uint_t call);
/* Upper ends of the buckets, in microseconds. */
extern const uint64_t ngx_http_azimuth_buckets_us[AZIMUTH_BUCKET_COUNT];

/* ---- the health of the peers, in the same memory ------------------------- */

/* Times are seconds since 1970; 0: never. */
typedef struct {
    int64_t ok_s;     /* it answered */
    int64_t failed_s; /* it did not */
    int is_down;      /* its last answer was none */
    char cause[AZIMUTH_CAUSE_SIZE];
} ngx_http_azimuth_peer_health_t;

typedef struct {
    u_char digest[AZIMUTH_DIGEST_SIZE]; /* whose entry it is */
    ngx_http_azimuth_peer_health_t peer;
    int64_t metadata_s; /* when the newest copy was fetched */
    int64_t keys_s;
} ngx_http_azimuth_provider_health_t;

typedef struct {
    int64_t checked_s; /* one worker checks for all */
    ngx_http_azimuth_peer_health_t store;
    ngx_http_azimuth_provider_health_t providers[AZIMUTH_PROVIDER_COUNT_MAX];
} ngx_http_azimuth_health_table_t;

/* The table, locked; give it back with ngx_http_azimuth_health_unlock(). */
ngx_http_azimuth_health_table_t *
ngx_http_azimuth_health_lock(ngx_http_azimuth_main_conf_t *mcf);
void ngx_http_azimuth_health_unlock(ngx_http_azimuth_main_conf_t *mcf);
/* The entry of mcf's provider `index`, emptied when it was another's: a
 * reload may change the providers. */
ngx_http_azimuth_provider_health_t *
ngx_http_azimuth_health_provider(ngx_http_azimuth_health_table_t *table,
                                 ngx_http_azimuth_main_conf_t *mcf,
                                 ngx_uint_t index);
/* Puts down what a peer did. */
void ngx_http_azimuth_health_note(ngx_http_azimuth_peer_health_t *peer,
                                  const struct flow_event *event);

/* ---- edge.c: what a flow's life reports ---------------------------------- */

/* Phase POST_READ: refuses a path that leads out of the gate. */
ngx_int_t ngx_http_azimuth_edge_gate_handler(ngx_http_request_t *r);

/* What may be refused or answered before anybody is asked who it is; once for
 * a request, however often the phase runs. NGX_DECLINED: go on. */
ngx_int_t ngx_http_azimuth_edge_before(ngx_http_request_t *r,
                                       ngx_http_azimuth_loc_conf_t *lcf);

/* A question was put to a peer; its answer came. */
void ngx_http_azimuth_edge_asked(ngx_http_azimuth_question_t *question,
                                 const struct flow_action *action);
void ngx_http_azimuth_edge_answered(ngx_http_azimuth_question_t *question,
                                    ngx_http_azimuth_main_conf_t *mcf,
                                    ngx_http_azimuth_provider_t *provider,
                                    const struct flow_event *event);
/* A refresh is over. */
void ngx_http_azimuth_edge_refreshed(ngx_http_azimuth_main_conf_t *mcf,
                                     enum flow_outcome outcome);
/* A flow is over: counts and audits. */
void ngx_http_azimuth_edge_verdict(ngx_http_azimuth_ctx_t *ctx,
                                   ngx_http_azimuth_main_conf_t *mcf,
                                   const struct flow_actions *actions);
/* A denial without a flow; ctx may be NULL. Counts and audits. */
void ngx_http_azimuth_edge_refused(ngx_http_request_t *r,
                                   ngx_http_azimuth_ctx_t *ctx,
                                   enum flow_outcome outcome,
                                   const struct error *cause);
/* Shared memory knew the session. */
void ngx_http_azimuth_edge_hit(ngx_http_azimuth_ctx_t *ctx,
                               ngx_http_azimuth_main_conf_t *mcf);

/* Makes ctx->edge.tag, by which the logs name a session: letters of the hash
 * it is stored under. NGX_DECLINED: no session. */
ngx_int_t ngx_http_azimuth_edge_tag(ngx_http_azimuth_ctx_t *ctx,
                                    ngx_http_azimuth_main_conf_t *mcf);

/* $request_id, for pages and logs. */
struct span ngx_http_azimuth_edge_id(ngx_http_request_t *r);

/* upgrade.c: WebSocket. NGX_DECLINED: nothing against it; else the request is
 * answered. */
ngx_int_t
ngx_http_azimuth_upgrade_check(ngx_http_request_t *r,
                               const ngx_http_azimuth_loc_conf_t *lcf);
int ngx_http_azimuth_upgrade_is_asked(ngx_http_request_t *r);
/* Takes an Upgrade to anything but a WebSocket out of the request; where
 * nobody is asked who he is, an Upgrade to h2c. */
ngx_int_t ngx_http_azimuth_upgrade_cut(ngx_http_request_t *r,
                                       const ngx_http_azimuth_loc_conf_t *lcf);
/* Ends the connection with the session; and no more, when it is gone. */
ngx_int_t ngx_http_azimuth_upgrade_watch(ngx_http_azimuth_ctx_t *ctx);
void ngx_http_azimuth_upgrade_unwatch(ngx_http_azimuth_ctx_t *ctx);

/* ---- rate.c -------------------------------------------------------------- */

/* NGX_DECLINED: within the limits; else the request was answered with 429, or
 * the number is a status. */
ngx_int_t ngx_http_azimuth_rate_address(ngx_http_request_t *r,
                                        ngx_http_azimuth_loc_conf_t *lcf);
ngx_int_t ngx_http_azimuth_rate_user(ngx_http_azimuth_ctx_t *ctx,
                                     ngx_http_azimuth_loc_conf_t *lcf);
/* Makes the table of a zone. */
ngx_int_t ngx_http_azimuth_rate_created(ngx_shm_zone_t *zone, void *old_data);
/* rate_conf.c */
char *ngx_http_azimuth_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd,
                                 void *conf);

/* ---- refuse.c: a no of the gateway itself -------------------------------- */

typedef struct {
    ngx_uint_t status;
    const char *name;  /* for machines */
    const char *title; /* for people */
    const char *text;
    ngx_uint_t retry_after_s; /* 0: no header */
} ngx_http_azimuth_refusal_t;

/* Answers with JSON or a page by the kind of client; NGX_DONE, or a status. */
ngx_int_t ngx_http_azimuth_refuse(ngx_http_request_t *r,
                                  const ngx_http_azimuth_refusal_t *refusal);
/* Sends a body of ours with 200 or another status; for content handlers. */
ngx_int_t ngx_http_azimuth_refuse_body(ngx_http_request_t *r, ngx_uint_t status,
                                       const char *type, struct bytes *body);

/* ---- security.c ---------------------------------------------------------- */

char *ngx_http_azimuth_conf_security(ngx_conf_t *cf, ngx_command_t *cmd,
                                     void *conf);
void ngx_http_azimuth_security_merge(ngx_http_azimuth_edge_loc_t *prev,
                                     ngx_http_azimuth_edge_loc_t *conf);
ngx_int_t ngx_http_azimuth_security_init(ngx_conf_t *cf);

/* ---- metrics.c, health.c, audit.c ---------------------------------------- */

char *ngx_http_azimuth_conf_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf);
char *ngx_http_azimuth_conf_health(ngx_conf_t *cf, ngx_command_t *cmd,
                                   void *conf);
/* health_reply.c: 200 or 503 and the parts, from the table alone. */
ngx_int_t ngx_http_azimuth_health_reply(ngx_http_request_t *r,
                                        ngx_http_azimuth_main_conf_t *mcf);
void ngx_http_azimuth_health_close(ngx_http_azimuth_health_t *health);

char *ngx_http_azimuth_conf_audit(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf);
/* One line for what happened to `r`; `ctx` is NULL when it was not judged.
 * Nothing without an azimuth_audit_log. */
typedef struct {
    const char *event; /* login, denial, logout */
    const char *outcome;
    const struct error *cause;     /* may be NULL */
    const struct session *session; /* may be NULL */
    struct span ended_sub;         /* whom the provider's logout was about */
    struct span ended_sid;         /* a digest */
} ngx_http_azimuth_audit_t;
void ngx_http_azimuth_audit(ngx_http_request_t *r, ngx_http_azimuth_ctx_t *ctx,
                            const ngx_http_azimuth_audit_t *what);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_EDGE_H */
