/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H
#define GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H

#include "gateway/ngx_http_azimuth_module.h"

#include <hiredis/async.h>
#include <hiredis/hiredis.h>

/* Between the connection to Valkey (valkey.c) and what is said over it
 * (valkey_command.c): questions of a flow as commands, replies as events. */

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

/* What `reply` says to a question of kind `kind`, borrowed from the reply and
 * valid until the next call. NGX_ERROR: it does not fit the question. */
ngx_int_t ngx_http_azimuth_valkey_judge(enum flow_action_kind kind,
                                        const redisReply *reply,
                                        struct flow_event *ret_event);

#endif /* GATEWAY_NGX_HTTP_AZIMUTH_VALKEY_H */
