/* SPDX-License-Identifier: Apache-2.0 */
/* A way to the server that takes writes. A round tries every endpoint once,
 * each for its share of the timeout; the next round waits 50 ms to 2 s, with
 * jitter. A connection is READY when its greeting was answered well
 * (valkey_greet.c).
 *
 *   DOWN --open--> OPENING --greeted--> READY
 *    ^  PAUSED <---failed---+ ^           |
 *    |    +------timer--------+           |
 *    +--- round over --------- lost ------+
 *
 * Invariants: the link is open iff OPENING or READY; the timer is armed iff
 * OPENING or PAUSED, and never holds up a leaving worker. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

#define LINE_RETRY_MIN_MS   50
#define LINE_RETRY_MAX_MS   2000
#define LINE_ATTEMPT_MIN_MS 50
#define LINE_PATIENCE_COUNT 3 /* losses in a row that questions wait out */

ngx_http_azimuth_endpoint_t *
ngx_http_azimuth_line_endpoint(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_endpoint_t *endpoints = line->conf->endpoints.elts;

    return line->is_master_known ? &line->master : &endpoints[line->endpoint];
}

static ngx_msec_t
line_share(ngx_http_azimuth_line_t *line)
{
    ngx_msec_t share = line->conf->timeout / line->conf->endpoints.nelts;

    return ngx_max(share, LINE_ATTEMPT_MIN_MS);
}

/* ---- failing ------------------------------------------------------------ */

static void
line_pause(ngx_http_azimuth_line_t *line, ngx_msec_t delay)
{
    line->state = AZIMUTH_LINE_PAUSED;
    ngx_add_timer(&line->timer, delay);
}

static ngx_msec_t
line_backoff(ngx_http_azimuth_line_t *line)
{
    ngx_msec_t delay;
    ngx_uint_t shift = ngx_min(line->failure_count, 6);

    delay = ngx_min((ngx_msec_t)LINE_RETRY_MIN_MS << shift, LINE_RETRY_MAX_MS);
    return delay / 2 + (ngx_msec_t)ngx_random() % (delay / 2 + 1);
}

/* Each cause is said once, until the line is settled again. */
static void
line_blame(ngx_http_azimuth_line_t *line, const char *cause)
{
    ngx_http_azimuth_valkey_state_t *state = &line->states[line->endpoint];
    u_char *p = (u_char *)line->cause;
    uint32_t sum;

    (void)ngx_cpystrn(p, (u_char *)cause, sizeof(line->cause));
    for (; *p != '\0'; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
    state->failure_count++;
    ngx_memcpy(state->cause, line->cause, sizeof(state->cause));
    sum = ngx_crc32_short((u_char *)line->cause, ngx_strlen(line->cause)) | 1;
    if (line->said[line->endpoint] != sum) {
        line->said[line->endpoint] = sum;
        ngx_log_error(NGX_LOG_ERR, line->log, 0, "azimuth: %s at %V: %s",
                      ngx_http_azimuth_line_is_sentinel(line) ? "sentinel"
                                                              : "Valkey",
                      &ngx_http_azimuth_line_endpoint(line)->name, line->cause);
    }
}

void
ngx_http_azimuth_line_fail(ngx_http_azimuth_line_t *line, const char *cause)
{
    int was_ready = line->state == AZIMUTH_LINE_READY;
    ngx_msec_t delay;

    line_blame(line, cause);
    ngx_http_azimuth_link_close(&line->link);
    if (line->timer.timer_set) {
        ngx_del_timer(&line->timer);
    }
    line->state = AZIMUTH_LINE_DOWN;
    line->is_master_known = 0;
    line->endpoint = (line->endpoint + 1) % line->conf->endpoints.nelts;
    if (!was_ready && ++line->tried_count < line->conf->endpoints.nelts) {
        line_pause(line, 1);
        return;
    }
    line->tried_count = 0;
    if (was_ready && !line->is_kept && !line->is_busy) {
        line->retry_at = ngx_current_msec; /* opened anew when needed */
    } else {
        /* What served well until now may serve at once. */
        delay = was_ready && line->failure_count == 0 ? 1 : line_backoff(line);
        line->retry_at = ngx_current_msec + delay;
        if (line->is_kept ||
            (was_ready && line->failure_count < LINE_PATIENCE_COUNT)) {
            line_pause(line, delay);
        }
        line->failure_count++;
    }
    line->events->lost(line);
}

/* ---- owner's side ------------------------------------------------------- */

static void
line_timer(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_line_t *line = owner->data;
    char text[64];
    u_char *end;

    if (line->state == AZIMUTH_LINE_PAUSED) {
        line->state = AZIMUTH_LINE_DOWN;
        ngx_http_azimuth_line_open(line);
        return;
    }
    assert(line->state == AZIMUTH_LINE_OPENING);
    end = ngx_snprintf((u_char *)text, sizeof(text) - 1,
                       "no answer within %M ms", line_share(line));
    *end = '\0';
    ngx_http_azimuth_line_fail(line, text);
}

void
ngx_http_azimuth_line_init(ngx_http_azimuth_line_t *line)
{
    line->link.events = &ngx_http_azimuth_line_greets;
    line->link.data = line;
    line->link.log = line->log;
    line->link.conf = line->conf;
    line->timer_owner.fd = (ngx_socket_t)-1;
    line->timer_owner.data = line;
    line->timer.data = &line->timer_owner;
    line->timer.handler = line_timer;
    line->timer.log = line->log;
    line->timer.cancelable = 1;
}

void
ngx_http_azimuth_line_open(ngx_http_azimuth_line_t *line)
{
    const char *cause;

    line->state = AZIMUTH_LINE_OPENING;
    line->link.endpoint = ngx_http_azimuth_line_endpoint(line);
    if (ngx_http_azimuth_link_open(&line->link, &cause) != NGX_OK) {
        ngx_http_azimuth_line_fail(line, cause);
        return;
    }
    ngx_add_timer(&line->timer, line_share(line));
}

ngx_int_t
ngx_http_azimuth_line_send(ngx_http_azimuth_line_t *line, const char *bytes,
                           size_t size)
{
    assert(line->state == AZIMUTH_LINE_READY);
    return ngx_http_azimuth_link_send(&line->link, bytes, size);
}

void
ngx_http_azimuth_line_settled(ngx_http_azimuth_line_t *line)
{
    line->states[line->endpoint].cause[0] = '\0';
    line->failure_count = 0;
    if (line->said[line->endpoint] != 0) {
        ngx_memzero(line->said, sizeof(line->said));
        ngx_log_error(NGX_LOG_NOTICE, line->log, 0,
                      "azimuth: Valkey at %V answers again",
                      &ngx_http_azimuth_line_endpoint(line)->name);
    }
}

void
ngx_http_azimuth_line_close(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_link_close(&line->link);
    if (line->timer.timer_set) {
        ngx_del_timer(&line->timer);
    }
    line->state = AZIMUTH_LINE_DOWN;
}
