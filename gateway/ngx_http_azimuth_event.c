/* SPDX-License-Identifier: Apache-2.0 */
/* nginx's events for what is not nginx's: see the header. A descriptor's
 * number may be used again right after its owner closed it, so the connection
 * that watched it must be gone by then: the owner's last callback closes it. */

#include "gateway/ngx_http_azimuth_event.h"

/* Which socket the number stands for; 0: none. */
static ngx_atomic_uint_t
watch_socket(ngx_socket_t fd)
{
    struct stat info;

    return fstat(fd, &info) == 0 ? (ngx_atomic_uint_t)info.st_ino : 0;
}

/* libcurl (7.88 at least) closes a socket that is still connecting without a
 * word, and its number may stand for another socket before the next callback.
 * The kernel has forgotten the events of the closed one: to take them out by
 * number would fail, or take out those of a stranger. */
static void
watch_renew(ngx_connection_t *c)
{
    ngx_atomic_uint_t number = watch_socket(c->fd);

    if (c->number == number && number != 0) {
        return;
    }
    if (c->read->active) {
        (void)ngx_del_event(c->read, NGX_READ_EVENT, NGX_CLOSE_EVENT);
    }
    if (c->write->active) {
        (void)ngx_del_event(c->write, NGX_WRITE_EVENT, NGX_CLOSE_EVENT);
    }
    c->number = number;
}

ngx_connection_t *
ngx_http_azimuth_watch_open(ngx_socket_t fd, ngx_event_handler_pt handler,
                            void *data, ngx_log_t *log)
{
    ngx_connection_t *c = ngx_get_connection(fd, log);

    if (c == NULL) {
        return NULL;
    }
    c->data = data;
    c->number = watch_socket(fd);
    c->log = log;
    c->read->log = log;
    c->write->log = log;
    c->read->handler = handler;
    c->write->handler = handler;
    return c;
}

static ngx_int_t
watch_one(ngx_event_t *event, ngx_int_t kind, ngx_uint_t is_wanted)
{
    if (is_wanted == event->active) {
        return NGX_OK;
    }
    return is_wanted ? ngx_add_event(event, kind, NGX_LEVEL_EVENT)
                     : ngx_del_event(event, kind, 0);
}

ngx_int_t
ngx_http_azimuth_watch_set(ngx_connection_t *c, ngx_uint_t reads,
                           ngx_uint_t writes)
{
    watch_renew(c);
    if (watch_one(c->read, NGX_READ_EVENT, reads != 0) != NGX_OK) {
        return NGX_ERROR;
    }
    return watch_one(c->write, NGX_WRITE_EVENT, writes != 0);
}

void
ngx_http_azimuth_watch_close(ngx_connection_t *c)
{
    (void)ngx_http_azimuth_watch_set(c, 0, 0);
    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }
    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
    c->read->closed = 1;
    c->write->closed = 1;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t)-1;
}

void
ngx_http_azimuth_timer_init(ngx_http_azimuth_timer_t *timer,
                            ngx_event_handler_pt handler, void *data,
                            ngx_log_t *log)
{
    ngx_memzero(timer, sizeof(*timer));
    timer->owner.fd = (ngx_socket_t)-1;
    timer->owner.data = data;
    timer->event.data = &timer->owner;
    timer->event.handler = handler;
    timer->event.log = log;
}

void *
ngx_http_azimuth_timer_data(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;

    return owner->data;
}

void
ngx_http_azimuth_timer_stop(ngx_http_azimuth_timer_t *timer)
{
    if (timer->event.timer_set) {
        ngx_del_timer(&timer->event);
    }
}
