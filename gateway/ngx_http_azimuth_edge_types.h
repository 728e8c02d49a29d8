/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_EDGE_TYPES_H
#define GATEWAY_NGX_HTTP_AZIMUTH_EDGE_TYPES_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "oauth/flow.h"

/* Settings and state of what surrounds a login: counters, limits, security
 * headers, health, the audit log. Embedded in the structures of module.h;
 * what works on them is in edge.h. */

#define AZIMUTH_SESSION_TAG_SIZE 12 /* letters of a session in the logs */

typedef struct ngx_http_azimuth_health_s ngx_http_azimuth_health_t;

typedef enum {
    AZIMUTH_RATE_USER,
    AZIMUTH_RATE_ADDRESS
} ngx_http_azimuth_rate_e;

typedef struct {
    ngx_shm_zone_t *zone;
    ngx_http_azimuth_rate_e key;
    uint64_t interval_us; /* between two requests at the permitted rate */
    uint64_t burst_us;    /* how far ahead of it a key may be */
} ngx_http_azimuth_rate_t;

typedef struct {
    ngx_shm_zone_t *zone;   /* counters and health, edge.h */
    ngx_open_file_t *audit; /* NULL: no audit log */
    time_t audit_failed_s;  /* when that was last said */
    unsigned is_audit_set : 1;
    ngx_int_t id_index; /* of $request_id */
    ngx_uint_t has_ready;
    ngx_http_azimuth_health_t *health; /* one per worker, when first needed */
} ngx_http_azimuth_edge_main_t;

typedef struct {
    ngx_array_t *rates; /* of ngx_http_azimuth_rate_t; NULL: off; UNSET */
    ngx_flag_t security;
    time_t hsts;                   /* 0: no header */
    ngx_str_t csp;                 /* empty: no header */
    ngx_str_t frame;               /* empty: no header */
    unsigned metrics_anywhere : 1; /* as `endpoint` */
    unsigned is_ready : 1;         /* azimuth_health ready; likewise */
} ngx_http_azimuth_edge_loc_t;

/* An open question to a peer. */
typedef struct {
    uint64_t asked_ns;    /* 0: none is open */
    ngx_uint_t histogram; /* it counts for */
} ngx_http_azimuth_question_t;

/* Of one request; in its ngx_http_azimuth_ctx_t. */
typedef struct {
    ngx_str_t subject; /* who it is, once known */
    ngx_str_t outcome; /* $azimuth_outcome; static text */
    time_t ends_s;     /* the session's absolute end, when it was asked for */
    ngx_http_azimuth_question_t question;
    ngx_event_t *ending; /* cuts an upgraded connection off at ends_s */
    u_char tag[AZIMUTH_SESSION_TAG_SIZE];
    unsigned has_tag : 1;
    unsigned is_charged : 1; /* its user's limit has seen it */
} ngx_http_azimuth_edge_ctx_t;

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_EDGE_TYPES_H */
