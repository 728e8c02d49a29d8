/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_HTTP_H
#define TOOLS_HTTP_H

#include "base/bytes.h"
#include "tools/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Requests over libcurl, one at a time. What may be sent again (every request
 * of these tools has the same effect twice) is tried again after a broken
 * connection and after 429, 502, 503 and 504. One thread. */

#define HTTP_REPLY_SIZE_MAX ((size_t)1 << 30)
#define HTTP_HEADERS_MAX    8
#define HTTP_SECRET_SIZE    3584 /* a key or a token, with its NUL */

struct http_options {
    const char *ca_file;  /* NULL: the system's authorities */
    uint64_t timeout_s;   /* without any progress; 0: 60 */
    uint64_t tries;       /* 0: 5 */
    const char *user_key; /* "id:secret" for sigv4; must outlive it */
    const char *sigv4;    /* libcurl's CURLOPT_AWS_SIGV4, or NULL */
};

struct http_request {
    const char *method;
    const char *url;
    struct span body;
    const char *upload_path; /* sent as the form's part `snapshot`; or NULL */
    const char *headers[HTTP_HEADERS_MAX]; /* "Name: value", until NULL */
};

struct http_reply {
    long status;
    struct bytes body;
    /* A body of status 2xx goes here when not NULL, and such a request is made
     * once. False ends it; the reason is the sink's to keep. */
    bool (*sink)(void *ctx, struct span data);
    void *sink_ctx;
    char etag[256]; /* as sent, or empty */
};

struct http;

/* NULL: out of memory. */
struct http *http_new(const struct http_options *options);
void http_free(struct http *http);

/* A header that is sent with every request from here on and holds a secret,
 * behind `start` ("api-key: "); overwritten by http_free(). False: too long. */
bool http_set_secret(struct http *http, const char *start, const char *secret,
                     struct fault *reterr) __attribute__((warn_unused_result));

void http_reply_init(struct http_reply *reply, size_t size_max);
void http_reply_release(struct http_reply *reply);

/* True for every answer, whatever its status; false when there was none. The
 * text names the server, never a key. */
bool http_perform(struct http *http, const struct http_request *request,
                  struct http_reply *reply, struct fault *reterr)
    __attribute__((warn_unused_result));

/* The first line of a small file, without its end: a key, a token. False:
 * unreadable, empty, too long. */
bool http_read_secret(const char *path, char ret_secret[HTTP_SECRET_SIZE],
                      struct fault *reterr) __attribute__((warn_unused_result));

#endif /* TOOLS_HTTP_H */
