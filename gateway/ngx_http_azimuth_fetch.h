/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_FETCH_H
#define GATEWAY_NGX_HTTP_AZIMUTH_FETCH_H

#include "gateway/ngx_http_azimuth_event.h"

#include <curl/curl.h>

/* Between fetch.c (events, waiting, answers) and fetch_call.c (one call and
 * its options). The only two files that know libcurl. */

struct ngx_http_azimuth_fetch_s {
    CURLM *multi;
    ngx_log_t *log;
    ngx_http_azimuth_timer_t timer;
    ngx_queue_t running; /* of ngx_http_azimuth_fetch_call_t */
    ngx_uint_t running_count;
    ngx_uint_t share_count; /* one provider has at most that part of them */
    char answer[AZIMUTH_CAUSE_SIZE];
};

typedef struct {
    ngx_queue_t queue; /* in fetch->running */
    ngx_queue_t waits;
    ngx_http_azimuth_fetch_t *fetch;
    ngx_http_azimuth_provider_t *provider;
    enum flow_fetch_kind kind;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    struct bytes body;
    struct bytes share; /* secret */
    ngx_uint_t header_count;
    size_t header_size;
    unsigned is_header_limit : 1; /* too many or too long: cut off */
    char reason[CURL_ERROR_SIZE];
    char host[128]; /* for messages: never the whole URL */
} ngx_http_azimuth_fetch_call_t;

/* fetch_call.c */
/* Makes a call ready for curl_multi_add_handle(); owned by the caller. NULL
 * when memory is out or the URL is too long. */
ngx_http_azimuth_fetch_call_t *
ngx_http_azimuth_fetch_call_new(ngx_http_azimuth_fetch_t *fetch,
                                ngx_http_azimuth_provider_t *provider,
                                const struct flow_fetch *what);
/* Wipes and frees; it may be in no multi handle any more. */
void ngx_http_azimuth_fetch_call_free(ngx_http_azimuth_fetch_call_t *call);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_FETCH_H */
