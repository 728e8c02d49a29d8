/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_EVENT_H
#define GATEWAY_NGX_HTTP_AZIMUTH_EVENT_H

#include "gateway/ngx_http_azimuth_module.h"

/* Descriptors that another library owns, and timers that no request owns, on
 * nginx's events. */

/* Watches `fd` from now on through a connection made for it, with nothing
 * asked for yet. NULL: nginx has no connection left and said so. */
ngx_connection_t *ngx_http_azimuth_watch_open(ngx_socket_t fd,
                                              ngx_event_handler_pt handler,
                                              void *data, ngx_log_t *log);
/* Asks for what `c` should be told, level-triggered, since the library may
 * leave bytes unread; changes nothing that is so already. */
ngx_int_t ngx_http_azimuth_watch_set(ngx_connection_t *c, ngx_uint_t reads,
                                     ngx_uint_t writes);
/* Ends it; the descriptor stays open. */
void ngx_http_azimuth_watch_close(ngx_connection_t *c);

typedef struct {
    ngx_event_t event;
    ngx_connection_t owner; /* nginx's debug log reads an fd there */
} ngx_http_azimuth_timer_t;

void ngx_http_azimuth_timer_init(ngx_http_azimuth_timer_t *timer,
                                 ngx_event_handler_pt handler, void *data,
                                 ngx_log_t *log);
/* What was given as `data`, in the handler. */
void *ngx_http_azimuth_timer_data(ngx_event_t *event);
/* Stops it; it need not run. */
void ngx_http_azimuth_timer_stop(ngx_http_azimuth_timer_t *timer);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_EVENT_H */
