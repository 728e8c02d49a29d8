/* SPDX-License-Identifier: Apache-2.0 */
/* The open questions of flows. A wait is embedded in its request's context;
 * whoever was asked keeps it in a queue. Either side may end first: the
 * request by cancelling (a client went away), the peer by answering. */

#include "gateway/ngx_http_azimuth_module.h"

#include <assert.h>

void
ngx_http_azimuth_wait_open(ngx_http_azimuth_wait_t *wait, ngx_queue_t *waits)
{
    assert(!wait->is_open);
    wait->is_open = 1;
    ngx_queue_insert_tail(waits, &wait->queue);
}

void
ngx_http_azimuth_wait_cancel(ngx_http_azimuth_wait_t *wait)
{
    if (wait->is_open) {
        ngx_queue_remove(&wait->queue);
        wait->is_open = 0;
    }
}

void
ngx_http_azimuth_wait_answer(ngx_queue_t *waits, struct flow_event *event)
{
    ngx_http_azimuth_wait_t *wait;

    /* A handler may cancel other waits: always take the first anew. */
    while (!ngx_queue_empty(waits)) {
        wait = ngx_queue_data(ngx_queue_head(waits), ngx_http_azimuth_wait_t,
                              queue);
        ngx_http_azimuth_wait_cancel(wait);
        wait->handler(wait, event);
    }
}
