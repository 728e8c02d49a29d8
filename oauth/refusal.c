/* SPDX-License-Identifier: Apache-2.0
 * Refusals for machines. A gRPC client looks at grpc-status alone: it gets a
 * 200 of trailers only, as the gRPC protocol over HTTP/2 wants it. */
#include "oauth/refusal.h"

#include "oauth/page.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADER_SIZE_MAX 1024

bool
refusal_is_grpc(struct span content_type)
{
    static const char name[] = "application/grpc";
    size_t size = sizeof(name) - 1;
    if (content_type.size < size ||
        strncasecmp(content_type.data, name, size) != 0)
        return false;
    return content_type.size == size || content_type.data[size] == '+' ||
           content_type.data[size] == ';';
}

static void
add_header(struct flow_reply *reply, const char *name, struct span value)
{
    assert(reply->header_count < FLOW_HEADER_COUNT_MAX);
    reply->headers[reply->header_count++] =
        (struct flow_header){ span_of(name), value };
}

static struct span
keep(struct arena *arena, struct bytes *text)
{
    char *copy = NULL;
    if (bytes_failed(text))
        arena->is_failed = true;
    else
        copy = arena_strndup(arena, text->data, text->size);
    struct span kept = { copy, copy == NULL ? 0 : text->size };
    bytes_release(text);
    return kept;
}

/* The status codes of gRPC. */
static int
grpc_status(int status)
{
    switch (status) {
    case 400:
        return 3; /* INVALID_ARGUMENT */
    case 401:
        return 16; /* UNAUTHENTICATED */
    case 403:
        return 7; /* PERMISSION_DENIED */
    case 502:
    case 503:
        return 14; /* UNAVAILABLE */
    default:
        return 13; /* INTERNAL */
    }
}

static void
fill_grpc(const struct refusal *refusal, struct arena *arena,
          struct flow_reply *reply)
{
    struct bytes text;
    char number[12];
    (void)snprintf(number, sizeof(number), "%d", grpc_status(reply->status));
    bytes_init(&text, sizeof(number));
    bytes_add_text(&text, number);
    add_header(reply, "grpc-status", keep(arena, &text));
    bytes_init(&text, HEADER_SIZE_MAX);
    for (const char *c = refusal->cause->text; *c != '\0'; c++) {
        if (*c < 0x20 || *c >= 0x7f || *c == '%')
            bytes_addf(&text, "%%%02X", (unsigned)(unsigned char)*c);
        else
            bytes_add_char(&text, *c);
    }
    add_header(reply, "grpc-message", keep(arena, &text));
    reply->content_type = span_of("application/grpc");
    reply->status = 200;
}

static void
fill_json(const struct refusal *refusal, struct arena *arena,
          struct flow_reply *reply)
{
    struct bytes body;
    bytes_init(&body, PAGE_SIZE_MAX);
    page_json_error(error_name(refusal->cause->code),
                    span_of(refusal->cause->text), refusal->login_url, &body);
    reply->content_type = span_of("application/json");
    reply->body = keep(arena, &body);
    add_header(reply, "X-Content-Type-Options", span_of("nosniff"));
}

/* Only what a quoted-string of RFC 6750 section 3 may hold. */
static void
add_quoted(struct bytes *out, const char *name, struct span text)
{
    bytes_addf(out, ", %s=\"", name);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool is_fit = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
        bytes_add_char(out, is_fit ? c : '?');
    }
    bytes_add_char(out, '"');
}

/* A call without any credential is told the scheme, and nothing of errors. */
static void
add_challenge(const struct refusal *refusal, struct arena *arena,
              struct flow_reply *reply)
{
    const struct error *cause = refusal->cause;
    struct bytes text;
    const char *name = cause->code == OAUTH_EREQUEST ? "invalid_request"
                                                     : error_name(cause->code);
    bytes_init(&text, HEADER_SIZE_MAX);
    bytes_add_text(&text, "Bearer realm=\"azimuth\"");
    if (cause->code == OAUTH_EREQUEST || cause->code == OAUTH_EBEARER ||
        cause->code == OAUTH_ESCOPE) {
        add_quoted(&text, "error", span_of(name));
        add_quoted(&text, "error_description", span_of(cause->text));
        if (cause->code == OAUTH_ESCOPE && refusal->scope.size > 0)
            add_quoted(&text, "scope", refusal->scope);
    }
    add_header(reply, "WWW-Authenticate", keep(arena, &text));
}

void
refusal_fill(const struct refusal *refusal, struct arena *arena,
             struct flow_reply *reply)
{
    const struct error *cause = refusal->cause;
    assert(cause->code != OAUTH_OK);
    reply->status = error_http_status(cause->code);
    if (refusal->is_bearer && reply->status < 500 &&
        cause->code != OAUTH_EFORBIDDEN)
        add_challenge(refusal, arena, reply);
    else if (reply->status == 401)
        add_header(reply, "WWW-Authenticate",
                   span_of("Cookie realm=\"azimuth\""));
    if (refusal->is_grpc)
        fill_grpc(refusal, arena, reply);
    else
        fill_json(refusal, arena, reply);
}
