/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H
#define GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H

#include "gateway/ngx_http_azimuth_module.h"
#include "gateway/resp.h"

#include <hiredis/hiredis.h>

/* The store, from the bottom up:
 *   valkey_link.c     one connection: bytes out, replies in, TLS
 *   valkey_line.c     a way to the server that takes writes: which endpoint,
 *                     when to try again
 *   valkey_greet.c    who we are, and whether that is such a server
 *   valkey_command.c  questions of a flow as commands, replies as events
 *   valkey_asking.c   asks, over a line made when first needed
 *   valkey_listen.c   hears which sessions end, over a line that is kept up
 *   valkey.c          both of them, from a worker's start to its end
 * Each worker has two lines and no more than one connection per line. */

/* ---- link --------------------------------------------------------------- */

/* What a link tells its owner. None comes from within open() or send();
 * closed() not after close(). They may close the link. */
typedef struct {
    void (*opened)(void *data);
    /* The reply is borrowed. */
    void (*replied)(void *data, const redisReply *reply);
    void (*closed)(void *data, const char *cause);
} ngx_http_azimuth_link_events_t;

typedef struct {
    const ngx_http_azimuth_link_events_t *events;
    void *data;
    ngx_log_t *log;
    ngx_http_azimuth_endpoint_t *endpoint;
    ngx_http_azimuth_valkey_conf_t *conf;
    ngx_connection_t *connection; /* NULL: closed */
    ngx_pool_t *pool;
    struct resp *resp;
    u_char *out; /* what was not sent yet is out[out_begin..out_end[ */
    size_t out_begin;
    size_t out_end;
    size_t out_size;
    ngx_uint_t serial; /* grows with each close */
    long tls_error;    /* what is wrong with the server's certificate */
} ngx_http_azimuth_link_t;

/* Begins to connect. NGX_ERROR: it could not even begin; see ret_cause. */
ngx_int_t ngx_http_azimuth_link_open(ngx_http_azimuth_link_t *link,
                                     const char **ret_cause);
/* Sends a copy of `bytes` when the link is opened. NGX_ERROR: too much waits,
 * or memory is out; nothing was taken. */
ngx_int_t ngx_http_azimuth_link_send(ngx_http_azimuth_link_t *link,
                                     const char *bytes, size_t size);
void ngx_http_azimuth_link_close(ngx_http_azimuth_link_t *link);

/* ---- line --------------------------------------------------------------- */

typedef enum {
    AZIMUTH_LINE_DOWN = 0, /* until it is opened */
    AZIMUTH_LINE_PAUSED,   /* will try by itself in a moment */
    AZIMUTH_LINE_OPENING,  /* connects, or waits for the greeting's replies */
    AZIMUTH_LINE_READY,
} ngx_http_azimuth_line_state_e;

typedef struct ngx_http_azimuth_line_s ngx_http_azimuth_line_t;

/* What a line tells its owner. */
typedef struct {
    void (*ready)(ngx_http_azimuth_line_t *line);
    void (*replied)(ngx_http_azimuth_line_t *line, const redisReply *reply);
    /* What was sent is lost (line->cause); the state says what comes. The
     * only one that may come from within open(). */
    void (*lost)(ngx_http_azimuth_line_t *line);
} ngx_http_azimuth_line_events_t;

#define AZIMUTH_LINE_STEP_MAX 3

struct ngx_http_azimuth_line_s {
    const ngx_http_azimuth_line_events_t *events;
    void *data;
    ngx_http_azimuth_valkey_conf_t *conf;
    ngx_http_azimuth_valkey_state_t *states; /* one for each endpoint */
    ngx_log_t *log;
    ngx_http_azimuth_link_t link;
    ngx_http_azimuth_line_state_e state;
    ngx_event_t timer;            /* of an attempt, or until the next one */
    ngx_connection_t timer_owner; /* nginx's debug log reads an fd there */
    ngx_uint_t endpoint;          /* whose turn it is */
    ngx_uint_t tried_count;       /* endpoints, in this round */
    ngx_uint_t failure_count;     /* since the last good reply */
    ngx_msec_t retry_at;          /* when DOWN */
    ngx_uint_t steps[AZIMUTH_LINE_STEP_MAX]; /* greetings not replied to */
    ngx_uint_t step_count;
    ngx_uint_t step;
    char cause[AZIMUTH_CAUSE_SIZE];
    uint32_t said[AZIMUTH_ENDPOINT_COUNT_MAX]; /* checksums: logged already */
    /* What a sentinel named. */
    ngx_http_azimuth_endpoint_t master;
    u_char master_name[NGX_SOCKADDR_STRLEN];
    u_char master_host[NGX_SOCKADDR_STRLEN];
    ngx_sockaddr_t master_sockaddr;
    unsigned is_master_known : 1;
    unsigned is_kept : 1; /* never DOWN for good */
    unsigned is_busy : 1; /* by the owner: something pends */
};

/* Sets up what is not set by the caller (events, data, conf, states, log). */
void ngx_http_azimuth_line_init(ngx_http_azimuth_line_t *line);
/* DOWN -> OPENING or, when that fails at once, PAUSED or DOWN again. */
void ngx_http_azimuth_line_open(ngx_http_azimuth_line_t *line);
/* Only when READY. */
ngx_int_t ngx_http_azimuth_line_send(ngx_http_azimuth_line_t *line,
                                     const char *bytes, size_t size);
/* A reply was as good as it gets: failures are forgotten. */
void ngx_http_azimuth_line_settled(ngx_http_azimuth_line_t *line);
/* Gives the connection up for `cause`; lost() is called. */
void ngx_http_azimuth_line_fail(ngx_http_azimuth_line_t *line,
                                const char *cause);
void ngx_http_azimuth_line_close(ngx_http_azimuth_line_t *line);

/* valkey_greet.c: what the link of a line calls. */
extern const ngx_http_azimuth_link_events_t ngx_http_azimuth_line_greets;
/* Whether the endpoint whose turn it is only knows where the server is. */
int ngx_http_azimuth_line_is_sentinel(ngx_http_azimuth_line_t *line);
ngx_http_azimuth_endpoint_t *
ngx_http_azimuth_line_endpoint(ngx_http_azimuth_line_t *line);

/* ---- worker ------------------------------------------------------------- */

struct ngx_http_azimuth_valkey_s {
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_log_t *log;
    ngx_http_azimuth_valkey_state_t states[AZIMUTH_ENDPOINT_COUNT_MAX];

    /* valkey_asking.c */
    ngx_http_azimuth_line_t asking;
    ngx_queue_t waiting; /* of commands that the line is not ready for */
    ngx_queue_t sent;    /* of commands, in the order of their replies */
    ngx_uint_t pending_count;
    ngx_event_t timer; /* armed iff something pends */
    ngx_event_t flush; /* posted when a ready line has something to send */
    ngx_connection_t timer_owner;
    unsigned is_late : 1; /* the timer fired: nothing is retried */

    /* valkey_listen.c */
    ngx_http_azimuth_line_t listening;
    ngx_event_t ping;
    ngx_connection_t ping_owner;
    ngx_uint_t missed_count; /* pings without a reply */
    unsigned is_subscribed : 1;
};

/* valkey_asking.c */
void ngx_http_azimuth_asking_init(ngx_http_azimuth_valkey_t *valkey);
/* The store's half of ngx_http_azimuth_peer_t; `data` is the worker's. */
ngx_int_t ngx_http_azimuth_asking_ask(void *data,
                                      const struct flow_action *action,
                                      ngx_http_azimuth_wait_t *wait,
                                      struct flow_event *ret_event);
void ngx_http_azimuth_asking_close(ngx_http_azimuth_valkey_t *valkey);

/* valkey_listen.c */
void ngx_http_azimuth_valkey_listen(ngx_http_azimuth_valkey_t *valkey);
void ngx_http_azimuth_valkey_listen_close(ngx_http_azimuth_valkey_t *valkey);

/* ---- commands ----------------------------------------------------------- */

#define AZIMUTH_VALKEY_ARGUMENT_MAX 8

/* One command; points into the action that it was made of. */
typedef struct {
    const char *argv[AZIMUTH_VALKEY_ARGUMENT_MAX];
    size_t sizes[AZIMUTH_VALKEY_ARGUMENT_MAX];
    int count;
    char number[NGX_INT64_LEN + 1];
} ngx_http_azimuth_valkey_command_t;

/* The command whose reply answers `action`, a question to the store. */
void ngx_http_azimuth_valkey_ask(const struct flow_action *action,
                                 ngx_http_azimuth_valkey_command_t *ret);

/* The command to be sent right behind it, whose reply nobody waits for.
 * NGX_DECLINED: there is none. */
ngx_int_t
ngx_http_azimuth_valkey_follow(const struct flow_action *action,
                               ngx_http_azimuth_valkey_command_t *ret);

/* Whether `action` ends or replaces a session, which caches must forget. */
int ngx_http_azimuth_valkey_revokes(const struct flow_action *action);

/* What `reply` says to a question of kind `kind`, borrowed from the reply and
 * valid until the next call. An error, or a reply that does not fit the
 * question, is SESSION_FAILED; NGX_ERROR: it does not fit. */
#define AZIMUTH_VALKEY_MISFIT "an answer that does not fit the question"
ngx_int_t ngx_http_azimuth_valkey_judge(enum flow_action_kind kind,
                                        const redisReply *reply,
                                        struct flow_event *ret_event);
/* SESSION_FAILED for `text`; valid until the next call. */
void ngx_http_azimuth_valkey_failed(const char *text,
                                    struct flow_event *ret_event);

/* Whether `reply` says that another server should be asked, or this one
 * later; the command was not carried out. */
int ngx_http_azimuth_valkey_is_wrong_place(const redisReply *reply);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H */
