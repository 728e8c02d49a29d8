/* SPDX-License-Identifier: Apache-2.0 */
/* The store's language: which command asks what a flow wants to know, and what
 * the reply means. Nothing here sends or waits. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

#define COMMAND_RECORD_SIZE_MAX (SESSION_RECORD_SIZE_MAX + 64)
#define COMMAND_FIELD_SIZE_MAX  128
#define COMMAND_VALUE_SIZE_MAX  2048

static void
command_add(ngx_http_azimuth_valkey_command_t *command, struct span argument)
{
    assert(command->count < AZIMUTH_VALKEY_ARGUMENT_MAX);
    command->argv[command->count] = argument.data;
    command->sizes[command->count++] = argument.size;
}

static void
command_add_number(ngx_http_azimuth_valkey_command_t *command, int64_t number)
{
    u_char *begin = (u_char *)command->number, *end;

    end = ngx_snprintf(begin, sizeof(command->number), "%L", number);
    command_add(command,
                (struct span){ command->number, (size_t)(end - begin) });
}

/* Compare and set: no command of 6.2 does both. */
static void
command_match(ngx_http_azimuth_valkey_command_t *command,
              const struct flow_session *session)
{
    static const char script[] =
        "if redis.call('GET',KEYS[1])==ARGV[1] then "
        "return redis.call('SET',KEYS[1],ARGV[2],'EX',ARGV[3]) end "
        "return false";

    assert(session->ttl_s > 0);
    command_add(command, span_of("EVAL"));
    command_add(command, span_of(script));
    command_add(command, span_of("1"));
    command_add(command, session->key);
    command_add(command, session->expected);
    command_add(command, session->value);
    command_add_number(command, session->ttl_s);
}

static void
command_set(ngx_http_azimuth_valkey_command_t *command,
            const struct flow_session *session)
{
    command_add(command, span_of("SET"));
    command_add(command, session->key);
    command_add(command, session->value);
    if (session->ttl_s > 0) {
        command_add(command, span_of("EX"));
        command_add_number(command, session->ttl_s);
    } else {
        assert(session->mode == FLOW_PUT_REPLACE);
        command_add(command, span_of("KEEPTTL"));
    }
    command_add(command, span_of(session->mode == FLOW_PUT_NEW ? "NX" : "XX"));
}

static void
command_get(ngx_http_azimuth_valkey_command_t *command,
            const struct flow_session *session)
{
    command_add(command, span_of(session->ttl_s > 0 ? "GETEX" : "GET"));
    command_add(command, session->key);
    if (session->ttl_s > 0) {
        command_add(command, span_of("EX"));
        command_add_number(command, session->ttl_s);
    }
}

void
ngx_http_azimuth_valkey_ask(const struct flow_action *action,
                            ngx_http_azimuth_valkey_command_t *ret)
{
    ret->count = 0;
    switch (action->kind) {
    case FLOW_ACTION_SESSION_GET:
        command_get(ret, &action->session);
        return;
    case FLOW_ACTION_SESSION_PUT:
        if (action->session.mode == FLOW_PUT_MATCH) {
            command_match(ret, &action->session);
        } else {
            command_set(ret, &action->session);
        }
        return;
    case FLOW_ACTION_SESSION_DEL:
        command_add(ret, span_of("DEL"));
        command_add(ret, action->session.key);
        return;
    case FLOW_ACTION_INDEX_PUT:
        command_add(ret, span_of("HSET"));
        command_add(ret, action->index.key);
        command_add(ret, action->index.field);
        command_add(ret, action->index.value);
        return;
    case FLOW_ACTION_INDEX_GET:
        command_add(ret, span_of("HGETALL"));
        command_add(ret, action->index.key);
        return;
    case FLOW_ACTION_INDEX_DEL:
        command_add(ret, span_of("HDEL"));
        command_add(ret, action->index.key);
        command_add(ret, action->index.field);
        return;
    case FLOW_ACTION_ALLOW:
    case FLOW_ACTION_REPLY:
    case FLOW_ACTION_FETCH:
    case FLOW_ACTION_REFRESH:
    case FLOW_ACTION_WAIT:
    case FLOW_ACTION_END:
        assert(0 && "not a question to the store");
    }
}

int
ngx_http_azimuth_valkey_revokes(const struct flow_action *action)
{
    return action->kind == FLOW_ACTION_SESSION_DEL ||
           (action->kind == FLOW_ACTION_SESSION_PUT &&
            action->session.is_announced);
}

ngx_int_t
ngx_http_azimuth_valkey_follow(const struct flow_action *action,
                               ngx_http_azimuth_valkey_command_t *ret)
{
    ret->count = 0;
    if (ngx_http_azimuth_valkey_revokes(action)) {
        command_add(ret, span_of("PUBLISH"));
        command_add(ret, span_of(FLOW_REVOKED_CHANNEL));
        command_add(ret, action->session.key);
        return NGX_OK;
    }
    if (action->kind == FLOW_ACTION_INDEX_PUT) {
        assert(action->index.ttl_s > 0);
        command_add(ret, span_of("EXPIRE"));
        command_add(ret, action->index.key);
        command_add_number(ret, action->index.ttl_s);
        return NGX_OK;
    }
    return NGX_DECLINED;
}

static ngx_int_t
command_judge_index(const redisReply *reply, struct flow_event *ret_event)
{
    static struct flow_entry entries[FLOW_INDEX_COUNT_MAX];
    const redisReply *field, *value;
    size_t count = 0, i;

    for (i = 0; i + 1 < reply->elements && count < FLOW_INDEX_COUNT_MAX;
         i += 2) {
        field = reply->element[i];
        value = reply->element[i + 1];
        if (field->type != REDIS_REPLY_STRING ||
            value->type != REDIS_REPLY_STRING) {
            return NGX_ERROR;
        }
        if ((size_t)field->len > COMMAND_FIELD_SIZE_MAX ||
            (size_t)value->len > COMMAND_VALUE_SIZE_MAX) {
            continue; /* none of ours */
        }
        entries[count].field = (struct span){ field->str, (size_t)field->len };
        entries[count++].value =
            (struct span){ value->str, (size_t)value->len };
    }
    ret_event->kind = FLOW_EVENT_INDEX_FOUND;
    ret_event->index.entries = entries;
    ret_event->index.count = count;
    return NGX_OK;
}

static ngx_int_t
command_judge(enum flow_action_kind kind, const redisReply *reply,
              struct flow_event *ret_event)
{
    switch (kind) {
    case FLOW_ACTION_SESSION_GET:
        if (reply->type == REDIS_REPLY_NIL) {
            ret_event->kind = FLOW_EVENT_SESSION_MISSING;
            return NGX_OK;
        }
        if (reply->type == REDIS_REPLY_STRING &&
            (size_t)reply->len <= COMMAND_RECORD_SIZE_MAX) {
            ret_event->kind = FLOW_EVENT_SESSION_FOUND;
            ret_event->record = (struct span){ reply->str, (size_t)reply->len };
            return NGX_OK;
        }
        return NGX_ERROR;
    case FLOW_ACTION_SESSION_PUT:
        if (reply->type == REDIS_REPLY_NIL) {
            ret_event->kind = FLOW_EVENT_SESSION_CONFLICT;
            return NGX_OK;
        }
        ret_event->kind = FLOW_EVENT_SESSION_DONE;
        return reply->type == REDIS_REPLY_STATUS ? NGX_OK : NGX_ERROR;
    case FLOW_ACTION_SESSION_DEL:
    case FLOW_ACTION_INDEX_PUT:
    case FLOW_ACTION_INDEX_DEL:
        ret_event->kind = FLOW_EVENT_SESSION_DONE;
        return reply->type == REDIS_REPLY_INTEGER ? NGX_OK : NGX_ERROR;
    case FLOW_ACTION_INDEX_GET:
        return reply->type == REDIS_REPLY_ARRAY
                   ? command_judge_index(reply, ret_event)
                   : NGX_ERROR;
    case FLOW_ACTION_ALLOW:
    case FLOW_ACTION_REPLY:
    case FLOW_ACTION_FETCH:
    case FLOW_ACTION_REFRESH:
    case FLOW_ACTION_WAIT:
    case FLOW_ACTION_END:
        break;
    }
    return NGX_ERROR;
}

void
ngx_http_azimuth_valkey_failed(const char *text, struct flow_event *ret_event)
{
    static u_char failure[AZIMUTH_CAUSE_SIZE];
    u_char *end, *p;

    /* A page shows this: the address is for our log alone. */
    if (ngx_strncmp(text, "MOVED ", 6) == 0) {
        text = "MOVED: it is one of a cluster";
    }
    end = ngx_snprintf(failure, sizeof(failure), "Valkey: %s", text);
    for (p = failure; p < end; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
    ngx_memzero(ret_event, sizeof(*ret_event));
    ret_event->kind = FLOW_EVENT_SESSION_FAILED;
    ret_event->now_s = ngx_time();
    ret_event->failure.data = (char *)failure;
    ret_event->failure.size = (size_t)(end - failure);
}

ngx_int_t
ngx_http_azimuth_valkey_judge(enum flow_action_kind kind,
                              const redisReply *reply,
                              struct flow_event *ret_event)
{
    ngx_memzero(ret_event, sizeof(*ret_event));
    ret_event->now_s = ngx_time();
    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_http_azimuth_valkey_failed(reply->str, ret_event);
    } else if (command_judge(kind, reply, ret_event) != NGX_OK) {
        ngx_http_azimuth_valkey_failed(AZIMUTH_VALKEY_MISFIT, ret_event);
        return NGX_ERROR;
    }
    return NGX_OK;
}

int
ngx_http_azimuth_valkey_is_wrong_place(const redisReply *reply)
{
    /* MOVED is none of them: a cluster has no one place for us. */
    static const char *const words[] = { "READONLY", "LOADING", "MASTERDOWN",
                                         "NOREPLICAS", "NOAUTH" };
    size_t i;

    if (reply->type != REDIS_REPLY_ERROR) {
        return 0;
    }
    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (ngx_strncmp(reply->str, words[i], ngx_strlen(words[i])) == 0) {
            return 1;
        }
    }
    return 0;
}
