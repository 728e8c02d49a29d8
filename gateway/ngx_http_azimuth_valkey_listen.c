/* SPDX-License-Identifier: Apache-2.0 */
/* Hears which sessions end anywhere, and has the zone forget them: a second
 * line, subscribed to FLOW_REVOKED_CHANNEL as long as the worker lives. Every
 * worker listens, though they share a zone: one that hangs, or is cut off,
 * must not leave the others with ended sessions. A ping each second shows that
 * the server is still there; two without a reply count as a disconnect. What
 * was said while nobody listened is lost, so a new subscription begins with an
 * empty zone; while it is down, what this worker puts there lives a second. */

#include "gateway/ngx_http_azimuth_edge.h"
#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

#define LISTEN_PING_MS      1000
#define LISTEN_MISSED_MAX   2
#define LISTEN_KEY_SIZE_MAX SESSION_STORE_KEY_SIZE_MAX

static const char listen_subscribe[] =
    "*2\r\n$9\r\nSUBSCRIBE\r\n$15\r\n" FLOW_REVOKED_CHANNEL "\r\n";
static const char listen_ping[] = "*1\r\n$4\r\nPING\r\n";

static_assert(sizeof(FLOW_REVOKED_CHANNEL) - 1 == 15,
              "its length stands in the command");

static void
listen_say(ngx_http_azimuth_valkey_t *v, const char *bytes, size_t size)
{
    if (ngx_http_azimuth_line_send(&v->listening, bytes, size) != NGX_OK) {
        ngx_http_azimuth_line_fail(&v->listening, "out of memory");
    }
}

static void
listen_ready(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_valkey_t *v = line->data;

    v->missed_count = 0;
    ngx_add_timer(&v->ping, LISTEN_PING_MS);
    listen_say(v, listen_subscribe, sizeof(listen_subscribe) - 1);
}

static void
listen_lost(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_valkey_t *v = line->data;

    v->is_subscribed = 0;
    if (v->ping.timer_set) {
        ngx_del_timer(&v->ping);
    }
}

static void
listen_pinged(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_valkey_t *v = owner->data;

    assert(v->listening.state == AZIMUTH_LINE_READY);
    if (v->missed_count == LISTEN_MISSED_MAX) {
        ngx_http_azimuth_line_fail(&v->listening, "no answer to two pings");
        return;
    }
    v->missed_count++;
    ngx_add_timer(&v->ping, LISTEN_PING_MS);
    listen_say(v, listen_ping, sizeof(listen_ping) - 1);
}

/* element[0] of what a subscriber gets says what it is. */
static int
listen_is(const redisReply *reply, const char *kind, size_t count)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == count &&
           reply->element[0]->type == REDIS_REPLY_STRING &&
           ngx_strcmp(reply->element[0]->str, kind) == 0;
}

static void
listen_replied(ngx_http_azimuth_line_t *line, const redisReply *reply)
{
    ngx_http_azimuth_valkey_t *v = line->data;
    const redisReply *key;

    v->missed_count = 0;
    if (listen_is(reply, "pong", 2)) {
        return;
    }
    if (v->is_subscribed && listen_is(reply, "message", 3)) {
        key = reply->element[2];
        if (key->type == REDIS_REPLY_STRING &&
            (size_t)key->len <= LISTEN_KEY_SIZE_MAX) {
            if (ngx_worker == 0) { /* all hear it: one counts */
                ngx_http_azimuth_count(v->mcf, AZIMUTH_COUNT_REVOKED_HEARD);
            }
            ngx_http_azimuth_zone_forget(
                v->mcf,
                ngx_http_azimuth_zone_tag(
                    v->mcf, (struct span){ key->str, (size_t)key->len }));
        }
        return;
    }
    if (!v->is_subscribed && listen_is(reply, "subscribe", 3)) {
        v->is_subscribed = 1;
        ngx_http_azimuth_zone_renew(v->mcf);
        ngx_http_azimuth_line_settled(line);
        return;
    }
    ngx_http_azimuth_line_fail(line, reply->type == REDIS_REPLY_ERROR
                                         ? reply->str
                                         : "an answer that does not fit");
}

static const ngx_http_azimuth_line_events_t listen_events = { listen_ready,
                                                              listen_replied,
                                                              listen_lost };

void
ngx_http_azimuth_valkey_listen(ngx_http_azimuth_valkey_t *v)
{
    ngx_http_azimuth_line_t *line = &v->listening;

    line->events = &listen_events;
    line->data = v;
    line->conf = &v->mcf->valkey_conf;
    line->states = v->states;
    line->log = v->log;
    line->is_kept = 1;
    ngx_http_azimuth_line_init(line);
    v->ping_owner.fd = (ngx_socket_t)-1;
    v->ping_owner.data = v;
    v->ping.data = &v->ping_owner;
    v->ping.handler = listen_pinged;
    v->ping.log = v->log;
    v->ping.cancelable = 1;
    ngx_http_azimuth_line_open(line);
}

void
ngx_http_azimuth_valkey_listen_close(ngx_http_azimuth_valkey_t *v)
{
    v->is_subscribed = 0;
    ngx_http_azimuth_line_close(&v->listening);
    if (v->ping.timer_set) {
        ngx_del_timer(&v->ping);
    }
}
