/* SPDX-License-Identifier: Apache-2.0
 * Envelopes and time: how an outcome looks on the wire. The edge that logs:
 * internal errors are logged here, once. */
#include "engine/api/call.h"
#include "engine/codec/utf8.h"
#include "engine/log.h"

#include <assert.h>
#include <time.h>

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

double
call_seconds(const struct call *call)
{
    return (double)(now_ns() - call->request->start_ns) / 1e9;
}

uint64_t
call_read_deadline_ms(const struct call *call)
{
    uint64_t timeout_s =
        call->query.timeout_s > 0 ? call->query.timeout_s : API_TIMEOUT_S;
    uint64_t deadline_ms = call->request->start_ns / 1000000 + timeout_s * 1000;
    uint64_t client_ms = call->request->deadline_ms;
    return client_ms > 0 && client_ms < deadline_ms ? client_ms : deadline_ms;
}

uint64_t
call_write_deadline_ms(const struct call *call)
{
    if (call->query.timeout_s == 0)
        return 0;
    return call->request->start_ns / 1000000 + call->query.timeout_s * 1000;
}

/* Texts are cut at a byte count, and may quote what a client sent: the answer
 * is JSON in any case. */
static void
add_utf8(struct bytes *out, const char *text)
{
    char kept[ENGINE_ERROR_TEXT_SIZE];
    bytes_add(out, kept, utf8_clean(span_of(text), kept, sizeof(kept)));
}

/* One line for each refusal under overload would make it worse, and what a
 * client asked for in vain is no trouble of the server's. */
static enum log_level
level_of(enum engine_code code)
{
    if (code == ENGINE_EUNAVAILABLE || code == ENGINE_EINFERENCE)
        return LOG_LEVEL_DEBUG;
    if (code == ENGINE_ENOSPACE || code == ENGINE_ENOMEM)
        return LOG_LEVEL_WARN;
    return LOG_LEVEL_ERROR;
}

/* There is no JSON in a gRPC request. */
static const char *
prefix_of(enum engine_code code, bool is_grpc)
{
    if (is_grpc && code == ENGINE_EFORMAT)
        return "Format error in body: ";
    if (is_grpc && code == ENGINE_EVALID)
        return "Validation error in body: ";
    return error_prefix(code);
}

static void
write_envelope(struct reply *reply, const struct error *error, double seconds)
{
    struct bytes text;
    bytes_init(&text, (size_t)2 * ENGINE_ERROR_TEXT_SIZE);
    bytes_add_text(&text, error_prefix(error->code));
    add_utf8(&text, error->text);
    struct json_writer writer;
    json_writer_init(&writer, &reply->body);
    json_object_begin(&writer);
    json_key(&writer, "status");
    json_object_begin(&writer);
    json_key(&writer, "error");
    json_text_span(&writer, bytes_span(&text));
    json_object_end(&writer);
    json_key(&writer, "time");
    json_f64(&writer, seconds);
    json_object_end(&writer);
    bytes_release(&text);
}

/* Headers are borrowed: the texts are constant. Rates are of one minute. */
static const char *
seconds_text(unsigned seconds)
{
    static const char texts[][4] = {
        "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",  "10", "11", "12",
        "13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "23", "24",
        "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36",
        "37", "38", "39", "40", "41", "42", "43", "44", "45", "46", "47", "48",
        "49", "50", "51", "52", "53", "54", "55", "56", "57", "58", "59", "60",
    };
    size_t last = sizeof(texts) / sizeof(texts[0]);
    if (seconds == 0)
        seconds = 1;
    return texts[(seconds < last ? seconds : last) - 1];
}

void
status_error(struct reply *reply, const struct error *error, double seconds)
{
    assert(error->code != ENGINE_OK);
    reply_reset(reply);
    reply->status = error_http_status(error->code);
    if (reply->status >= 500)
        log_event(level_of(error->code), "%s: %s", error_name(error->code),
                  error->text);
    if (reply->is_grpc) {
        reply->grpc_status = error_grpc_status(error->code);
        bytes_add_text(&reply->body, prefix_of(error->code, true));
        add_utf8(&reply->body, error->text);
    } else {
        reply->content_type = "application/json";
        write_envelope(reply, error, seconds);
    }
    if (reply->status == 503 || error->retry_s > 0)
        reply_header_add(reply, reply->is_grpc ? "retry-after" : "Retry-After",
                         seconds_text(error->retry_s));
}

/* Of a status that is said in plain text. */
static int
grpc_status_of(int status)
{
    if (status < 400)
        return 0;
    if (status == 401)
        return 16; /* unauthenticated */
    if (status == 403)
        return 7;                  /* permission denied */
    return status == 503 ? 14 : 2; /* unavailable, unknown */
}

void
status_text(struct reply *reply, int status, const char *text)
{
    reply_reset(reply);
    reply->status = status;
    reply->content_type = "text/plain; charset=utf-8";
    if (reply->is_grpc)
        reply->grpc_status = grpc_status_of(status);
    bytes_add_text(&reply->body, text);
}
