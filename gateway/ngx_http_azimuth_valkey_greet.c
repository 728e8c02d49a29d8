/* SPDX-License-Identifier: Apache-2.0 */
/* What a line says first, and what it takes for an answer:
 *   to a server    AUTH, SELECT, ROLE: a replica sends us on
 *   to a sentinel  AUTH, SENTINEL get-master-addr-by-name; then all of that
 *                  to the server that it names
 * Nobody's command goes out before all is answered well. A sentinel is asked
 * at each attempt: after a fail-over the old master refuses or is gone. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

enum { STEP_AUTH, STEP_SELECT, STEP_ROLE, STEP_MASTER };

int
ngx_http_azimuth_line_is_sentinel(ngx_http_azimuth_line_t *line)
{
    return line->conf->master.len > 0 && !line->is_master_known;
}

static void
line_fail_reply(ngx_http_azimuth_line_t *line, const char *what,
                const redisReply *reply)
{
    char text[AZIMUTH_CAUSE_SIZE];
    u_char *end;

    end = ngx_snprintf((u_char *)text, sizeof(text) - 1, "%s%s", what,
                       reply->type == REDIS_REPLY_ERROR
                           ? reply->str
                           : "an answer that does not fit");
    *end = '\0';
    ngx_http_azimuth_line_fail(line, text);
}

static ngx_int_t
line_say(ngx_http_azimuth_line_t *line, int count, const char **argv,
         const size_t *sizes)
{
    char *bytes = NULL;
    int size = redisFormatCommandArgv(&bytes, count, argv, sizes);
    ngx_int_t rc;

    if (size < 0) {
        return NGX_ERROR;
    }
    rc = ngx_http_azimuth_link_send(&line->link, bytes, (size_t)size);
    ngx_explicit_memzero(bytes, (size_t)size);
    redisFreeCommand(bytes);
    return rc;
}

static ngx_int_t
line_say_step(ngx_http_azimuth_line_t *line, ngx_uint_t step)
{
    ngx_http_azimuth_valkey_conf_t *conf = line->conf;
    ngx_http_azimuth_login_t *login;
    const char *argv[3];
    size_t sizes[3];
    char number[NGX_INT_T_LEN + 1];
    int count = 1;

    switch (step) {
    case STEP_AUTH:
        login = ngx_http_azimuth_line_is_sentinel(line) ? &conf->sentinel_login
                                                        : &conf->login;
        argv[0] = "AUTH";
        if (login->username.len > 0) {
            argv[count] = (const char *)login->username.data;
            sizes[count++] = login->username.len;
        }
        argv[count] = (const char *)login->password.data;
        sizes[count++] = login->password.len;
        break;
    case STEP_SELECT:
        argv[0] = "SELECT";
        argv[1] = number;
        sizes[1] = (size_t)(ngx_snprintf((u_char *)number, sizeof(number), "%i",
                                         conf->database) -
                            (u_char *)number);
        count = 2;
        break;
    case STEP_ROLE:
        argv[0] = "ROLE";
        break;
    default:
        assert(step == STEP_MASTER);
        argv[0] = "SENTINEL";
        argv[1] = "get-master-addr-by-name";
        sizes[1] = ngx_strlen(argv[1]);
        argv[2] = (const char *)conf->master.data;
        sizes[2] = conf->master.len;
        count = 3;
        break;
    }
    sizes[0] = ngx_strlen(argv[0]);
    line->steps[line->step_count++] = step;
    return line_say(line, count, argv, sizes);
}

static void
line_link_opened(void *data)
{
    ngx_http_azimuth_line_t *line = data;
    ngx_http_azimuth_valkey_conf_t *conf = line->conf;
    int is_sentinel = ngx_http_azimuth_line_is_sentinel(line);
    ngx_int_t rc = NGX_OK;

    line->step = line->step_count = 0;
    if ((is_sentinel ? conf->sentinel_login : conf->login).password.len > 0) {
        rc = line_say_step(line, STEP_AUTH);
    }
    if (rc == NGX_OK && !is_sentinel && conf->database > 0) {
        rc = line_say_step(line, STEP_SELECT);
    }
    if (rc == NGX_OK) {
        rc = line_say_step(line, is_sentinel ? STEP_MASTER : STEP_ROLE);
    }
    if (rc != NGX_OK) {
        ngx_http_azimuth_line_fail(line, "out of memory");
    }
}

static int
line_is_text(const redisReply *reply, const char *text)
{
    return reply->type == REDIS_REPLY_STRING &&
           ngx_strcasecmp((u_char *)reply->str, (u_char *)text) == 0;
}

static void
line_check_role(ngx_http_azimuth_line_t *line, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR &&
        (ngx_strncmp(reply->str, "NOPERM", 6) == 0 ||
         ngx_strncmp(reply->str, "ERR unknown command", 19) == 0)) {
        /* It may not be asked; a replica will show when it refuses. */
    } else if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        line_fail_reply(line, "ROLE: ", reply);
        return;
    } else if (!line_is_text(reply->element[0], "master")) {
        ngx_http_azimuth_line_fail(line, "it is a replica");
        return;
    }
    ngx_del_timer(&line->timer);
    line->tried_count = 0;
    line->state = AZIMUTH_LINE_READY;
    line->events->ready(line);
}

/* The address that a sentinel names; a host name would have to be resolved,
 * which blocks. */
static ngx_int_t
line_read_master(ngx_http_azimuth_line_t *line, const redisReply *reply)
{
    ngx_addr_t address;
    ngx_int_t port;
    size_t size;

    if (reply->elements != 2 || reply->element[0]->type != REDIS_REPLY_STRING ||
        reply->element[1]->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }
    port = ngx_atoi((u_char *)reply->element[1]->str, reply->element[1]->len);
    if (port < 1 || port > 65535 ||
        ngx_parse_addr(line->link.pool, &address,
                       (u_char *)reply->element[0]->str,
                       reply->element[0]->len) != NGX_OK ||
        address.socklen > sizeof(line->master_sockaddr)) {
        return NGX_ERROR;
    }
    ngx_memcpy(&line->master_sockaddr, address.sockaddr, address.socklen);
    line->master.sockaddr = &line->master_sockaddr.sockaddr;
    line->master.socklen = address.socklen;
    ngx_inet_set_port(line->master.sockaddr, (in_port_t)port);
    size = ngx_sock_ntop(line->master.sockaddr, line->master.socklen,
                         line->master_name, sizeof(line->master_name) - 1, 1);
    line->master.name.data = line->master_name;
    line->master.name.len = size;
    size = ngx_sock_ntop(line->master.sockaddr, line->master.socklen,
                         line->master_host, sizeof(line->master_host) - 1, 0);
    line->master_host[size] = '\0';
    line->master.host.data = line->master_host;
    line->master.host.len = size;
    return NGX_OK;
}

static void
line_check_master(ngx_http_azimuth_line_t *line, const redisReply *reply)
{
    if (reply->type == REDIS_REPLY_NIL) {
        ngx_http_azimuth_line_fail(line, "it knows no master of that name");
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY ||
        line_read_master(line, reply) != NGX_OK) {
        line_fail_reply(line, "SENTINEL: ", reply);
        return;
    }
    ngx_http_azimuth_link_close(&line->link);
    line->is_master_known = 1;
    ngx_del_timer(&line->timer);
    ngx_http_azimuth_line_open(line);
}

static void
line_link_replied(void *data, const redisReply *reply)
{
    ngx_http_azimuth_line_t *line = data;
    ngx_uint_t step;

    if (line->state == AZIMUTH_LINE_READY) {
        line->events->replied(line, reply);
        return;
    }
    if (line->step == line->step_count) {
        line_fail_reply(line, "unasked: ", reply);
        return;
    }
    step = line->steps[line->step++];
    if (step == STEP_ROLE) {
        line_check_role(line, reply);
    } else if (step == STEP_MASTER) {
        line_check_master(line, reply);
    } else if (reply->type != REDIS_REPLY_STATUS) {
        line_fail_reply(line, step == STEP_AUTH ? "AUTH: " : "SELECT: ", reply);
    }
}

static void
line_link_closed(void *data, const char *cause)
{
    ngx_http_azimuth_line_fail(data, cause);
}

const ngx_http_azimuth_link_events_t ngx_http_azimuth_line_greets = {
    line_link_opened, line_link_replied, line_link_closed
};
