/* SPDX-License-Identifier: Apache-2.0 */
/* The door of the callbacks. A login that waits for the token endpoint holds
 * a flow, libcurl's handle and a connection, some 30 KiB; so each worker has
 * only so many of them at each provider at once. Whoever comes after them
 * waits at the door as nginx's bare request: nothing is read, marked as used
 * or asked before there is a place. First come, first in; who waited half as
 * long as a call may take, or finds too many waiting, gets 503 and may load the
 * page again, since the code is not spent. A place is given back when the
 * answer is there: how long its client takes to read it, or to end a request
 * with a body, is the client's own affair.
 * Invariants: an entry is in the queue, or inside, or over; its request's end
 * takes it out of wherever it is, and only the door's own event lets the next
 * one in, so that no request runs from within another. */

#include "gateway/ngx_http_azimuth_edge.h"
#include "gateway/ngx_http_azimuth_event.h"

#include <assert.h>

#define DOOR_INSIDE_MAX  64
#define DOOR_WAITING_MAX 10000

struct ngx_http_azimuth_door_s {
    ngx_queue_t waiting; /* of door_entry_t, the eldest first */
    ngx_uint_t waiting_count;
    ngx_uint_t inside_count;
    ngx_msec_t patience;
    ngx_http_azimuth_timer_t timer;
};

typedef struct {
    ngx_queue_t queue;
    ngx_http_azimuth_door_t *door;
    ngx_http_request_t *request;
    ngx_msec_t until;
    unsigned is_waiting : 1;
    unsigned is_inside : 1;
} door_entry_t;

static void door_turn(ngx_event_t *event);

/* ---- who is where -------------------------------------------------------- */

/* Has the door look at its queue, from outside of any request. */
static void
door_wake(ngx_http_azimuth_door_t *door)
{
    if (door->waiting_count > 0 && !door->timer.event.posted) {
        ngx_post_event(&door->timer.event, &ngx_posted_events);
    }
}

static void
door_take_out(door_entry_t *entry)
{
    assert(entry->is_waiting && entry->door->waiting_count > 0);
    ngx_queue_remove(&entry->queue);
    entry->is_waiting = 0;
    /* A timer that nobody needs would hold up a worker that wants to end. */
    if (--entry->door->waiting_count == 0) {
        ngx_http_azimuth_timer_stop(&entry->door->timer);
    }
}

/* The request is over, or only its answer has to be sent. */
static void
door_leave(void *data)
{
    door_entry_t *entry = data;

    if (entry->is_waiting) {
        door_take_out(entry);
    }
    if (entry->is_inside) {
        entry->is_inside = 0;
        entry->door->inside_count--;
        door_wake(entry->door);
    }
}

void
ngx_http_azimuth_door_leave(ngx_http_request_t *r)
{
    ngx_http_cleanup_t *cleanup;

    for (cleanup = r->main->cleanup; cleanup != NULL; cleanup = cleanup->next) {
        if (cleanup->handler == door_leave) {
            door_leave(cleanup->data);
        }
    }
}

static ngx_http_azimuth_door_t *
door_of(ngx_http_azimuth_provider_t *p)
{
    ngx_http_azimuth_door_t *door = p->door;

    if (door == NULL) {
        door = ngx_pcalloc(ngx_cycle->pool, sizeof(*door));
        if (door == NULL) {
            return NULL;
        }
        ngx_queue_init(&door->waiting);
        door->patience = p->timeout / 2;
        ngx_http_azimuth_timer_init(&door->timer, door_turn, door,
                                    ngx_cycle->log);
        p->door = door;
    }
    return door;
}

/* ---- in and out ---------------------------------------------------------- */

static void
door_refuse(ngx_http_request_t *r)
{
    static const struct error cause = {
        OAUTH_EPROVIDER, "too many logins wait for the provider"
    };
    static const ngx_http_azimuth_refusal_t refusal = {
        .status = NGX_HTTP_SERVICE_UNAVAILABLE,
        .name = "provider_unavailable",
        .title = "Not available",
        .text = "Many people are logging in right now, and the identity "
                "provider is slow. Load this page again in a moment.",
        .retry_after_s = 5,
    };
    ngx_int_t rc;

    ngx_http_azimuth_hide_query(r);
    ngx_http_azimuth_edge_refused(r, NULL, FLOW_PROVIDER_DOWN, &cause);
    rc = ngx_http_azimuth_refuse(r, &refusal);
    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}

/* A request that waited goes on, or is told that it was in vain. */
static void
door_go(door_entry_t *entry, ngx_uint_t is_late)
{
    ngx_http_request_t *r = entry->request;
    ngx_connection_t *c = r->connection;

    door_take_out(entry);
    ngx_http_set_log_request(c->log, r);
    r->read_event_handler = ngx_http_block_reading;
    if (is_late) {
        door_refuse(r);
    } else {
        entry->is_inside = 1;
        entry->door->inside_count++;
        ngx_http_finalize_request(r, ngx_http_azimuth_endpoint_handler(r));
    }
    ngx_http_run_posted_requests(c);
}

static door_entry_t *
door_first(ngx_http_azimuth_door_t *door)
{
    return ngx_queue_empty(&door->waiting)
               ? NULL
               : ngx_queue_data(ngx_queue_head(&door->waiting), door_entry_t,
                                queue);
}

static void
door_turn(ngx_event_t *event)
{
    ngx_http_azimuth_door_t *door = ngx_http_azimuth_timer_data(event);
    door_entry_t *entry;
    ngx_uint_t is_late;

    while ((entry = door_first(door)) != NULL) {
        is_late = (ngx_msec_int_t)(entry->until - ngx_current_msec) <= 0;
        if (!is_late && door->inside_count >= DOOR_INSIDE_MAX) {
            break;
        }
        door_go(entry, is_late);
    }
    if (entry != NULL) {
        ngx_add_timer(event, ngx_max(entry->until - ngx_current_msec, 1));
    }
}

static ngx_int_t
door_wait(door_entry_t *entry, ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_door_t *door = entry->door;
    ngx_http_request_t *r = entry->request;

    ngx_http_azimuth_count(mcf, AZIMUTH_COUNT_DOOR);
    r->main->count++;
    if (door->waiting_count >= DOOR_WAITING_MAX) {
        door_refuse(r);
        return NGX_DONE;
    }
    entry->until = ngx_current_msec + door->patience;
    entry->is_waiting = 1;
    ngx_queue_insert_tail(&door->waiting, &entry->queue);
    if (door->waiting_count++ == 0) {
        ngx_add_timer(&door->timer.event, door->patience);
    }
    r->read_event_handler = ngx_http_test_reading;
    return NGX_DONE;
}

ngx_int_t
ngx_http_azimuth_door_handler(ngx_http_request_t *r)
{
    ngx_http_azimuth_loc_conf_t *lcf;
    ngx_http_azimuth_door_t *door;
    ngx_http_cleanup_t *cleanup;
    door_entry_t *entry;

    if (r != r->main || !ngx_http_azimuth_is_callback(r)) {
        return ngx_http_azimuth_endpoint_handler(r);
    }
    lcf = ngx_http_get_module_loc_conf(r, ngx_http_azimuth_module);
    door = door_of(lcf->endpoint);
    cleanup = ngx_http_cleanup_add(r, sizeof(*entry));
    if (door == NULL || cleanup == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    entry = cleanup->data;
    ngx_memzero(entry, sizeof(*entry));
    entry->door = door;
    entry->request = r;
    cleanup->handler = door_leave;
    if (door->inside_count >= DOOR_INSIDE_MAX || door->waiting_count > 0) {
        return door_wait(
            entry, ngx_http_get_module_main_conf(r, ngx_http_azimuth_module));
    }
    entry->is_inside = 1;
    door->inside_count++;
    return ngx_http_azimuth_endpoint_handler(r);
}
