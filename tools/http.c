/* SPDX-License-Identifier: Apache-2.0
 * One libcurl handle with its headers. Retries wait 0.25, 0.5, 1, 2 ... 8 s,
 * or as long as the server's Retry-After says, up to a minute. */
#include "tools/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_S_DEFAULT 60
#define TRIES_DEFAULT     5
#define PAUSE_MS_FIRST    250
#define PAUSE_MS_MAX      8000
#define RETRY_AFTER_S_MAX 60

struct http {
    CURL *curl;
    struct http_options options;
    char secret_header[HTTP_SECRET_SIZE + 64];
    struct http_reply *reply; /* of the request that runs */
    char reason[CURL_ERROR_SIZE];
};

struct http *
http_new(const struct http_options *options)
{
    struct http *http = calloc(1, sizeof(*http));
    if (http == NULL)
        return NULL;
    http->options = *options;
    http->curl = curl_easy_init();
    if (http->curl == NULL) {
        free(http);
        return NULL;
    }
    return http;
}

void
http_free(struct http *http)
{
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    explicit_bzero(http->secret_header, sizeof(http->secret_header));
    free(http);
}

bool
http_set_secret(struct http *http, const char *start, const char *secret,
                struct fault *reterr)
{
    int size = snprintf(http->secret_header, sizeof(http->secret_header),
                        "%s%s", start, secret);
    if (size < 0 || (size_t)size >= sizeof(http->secret_header))
        return fault_set(reterr, "the secret is too long");
    return true;
}

void
http_reply_init(struct http_reply *reply, size_t size_max)
{
    *reply = (struct http_reply){ .status = 0 };
    bytes_init(&reply->body, size_max);
}

void
http_reply_release(struct http_reply *reply)
{
    bytes_release(&reply->body);
}

static size_t
on_body(char *data, size_t one, size_t size, void *ctx)
{
    struct http *http = ctx;
    long status = 0;
    assert(one == 1);
    curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
    if (http->reply->sink != NULL && status / 100 == 2)
        return http->reply->sink(http->reply->sink_ctx,
                                 (struct span){ data, size })
                   ? size
                   : 0;
    bytes_add(&http->reply->body, data, size);
    return bytes_failed(&http->reply->body) ? 0 : size;
}

static size_t
on_header(char *data, size_t one, size_t size, void *ctx)
{
    struct http *http = ctx;
    static const char etag[] = "etag:";
    const size_t start = sizeof(etag) - 1;
    if (one * size > start && strncasecmp(data, etag, start) == 0) {
        struct span value = { data + start, size - start };
        while (value.size > 0 && *value.data == ' ')
            value.data++, value.size--;
        while (value.size > 0 &&
               (unsigned char)value.data[value.size - 1] <= ' ')
            value.size--;
        snprintf(http->reply->etag, sizeof(http->reply->etag), "%.*s",
                 (int)value.size, value.data);
    }
    return size;
}

/* In a cluster and on this machine no proxy stands between. */
static void
set_proxy_rules(CURL *curl)
{
    static const char ours[] = "localhost,127.0.0.1,::1,.svc,.cluster.local";
    const char *theirs = getenv("no_proxy");
    char all[2048];
    if (theirs == NULL)
        theirs = getenv("NO_PROXY");
    snprintf(all, sizeof(all), "%s%s%s", ours,
             theirs != NULL && *theirs != '\0' ? "," : "",
             theirs != NULL ? theirs : "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, all);
}

static void
set_common(struct http *http)
{
    CURL *curl = http->curl;
    uint64_t idle = http->options.timeout_s > 0 ? http->options.timeout_s
                                                : TIMEOUT_S_DEFAULT;
    curl_easy_reset(curl);
    set_proxy_rules(curl);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, http->reason);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    /* No time for the whole: a snapshot may be large. */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)idle);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    /* A collection may be called "..". */
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "azimuthctl");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, http);
    if (http->options.ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, http->options.ca_file);
    if (http->options.sigv4 != NULL) {
        curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, http->options.sigv4);
        curl_easy_setopt(curl, CURLOPT_USERPWD, http->options.user_key);
    }
}

static void
set_body(struct http *http, const struct http_request *request,
         curl_mime **ret_mime)
{
    CURL *curl = http->curl;
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    if (request->upload_path != NULL) {
        *ret_mime = curl_mime_init(curl);
        curl_mimepart *part = curl_mime_addpart(*ret_mime);
        curl_mime_name(part, "snapshot");
        curl_mime_filedata(part, request->upload_path);
        curl_easy_setopt(curl, CURLOPT_MIMEPOST, *ret_mime);
    } else if (request->body.size > 0 || strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)request->body.size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                         request->body.size > 0 ? request->body.data : "");
    }
    if (strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static struct curl_slist *
headers_make(const struct http *http, const struct http_request *request)
{
    /* "Expect:" would cost a round trip for each batch; libcurl would sign its
     * absence. */
    struct curl_slist *list =
        http->options.sigv4 == NULL ? curl_slist_append(NULL, "Expect:") : NULL;
    if (http->secret_header[0] != '\0')
        list = curl_slist_append(list, http->secret_header);
    for (size_t i = 0; i < HTTP_HEADERS_MAX && request->headers[i] != NULL; i++)
        list = curl_slist_append(list, request->headers[i]);
    return list;
}

static CURLcode
perform_once(struct http *http, const struct http_request *request,
             struct http_reply *reply)
{
    curl_mime *mime = NULL;
    set_common(http);
    set_body(http, request, &mime);
    struct curl_slist *headers = headers_make(http, request);
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    http->reply = reply;
    http->reason[0] = '\0';
    bytes_release(&reply->body);
    reply->status = 0;
    reply->etag[0] = '\0';
    CURLcode code = curl_easy_perform(http->curl);
    if (code == CURLE_OK)
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    /* The list has a copy of the secret. */
    for (struct curl_slist *at = headers; at != NULL; at = at->next)
        explicit_bzero(at->data, strlen(at->data));
    curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    curl_mime_free(mime);
    return code;
}

static bool
is_passing(CURLcode code, long status)
{
    switch ((int)code) {
    case CURLE_OK:
        return status == 429 || (status >= 502 && status <= 504);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return true;
    default:
        return false;
    }
}

static void
pause_ms(uint64_t ms)
{
    struct timespec left = { .tv_sec = (time_t)(ms / 1000),
                             .tv_nsec = (long)(ms % 1000) * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static void
wait_before_retry(struct http *http, uint64_t try)
{
    curl_off_t after_s = 0;
    uint64_t ms = try > 5 ? PAUSE_MS_MAX : (uint64_t)PAUSE_MS_FIRST << try;
    curl_easy_getinfo(http->curl, CURLINFO_RETRY_AFTER, &after_s);
    if (after_s > 0 && after_s <= RETRY_AFTER_S_MAX)
        ms = (uint64_t)after_s * 1000;
    pause_ms(ms > PAUSE_MS_MAX && after_s <= 0 ? PAUSE_MS_MAX : ms);
}

bool
http_perform(struct http *http, const struct http_request *request,
             struct http_reply *reply, struct fault *reterr)
{
    uint64_t tries =
        http->options.tries > 0 ? http->options.tries : TRIES_DEFAULT;
    CURLcode code = CURLE_OK;
    if (reply->sink != NULL)
        tries = 1;
    for (uint64_t try = 0; try < tries; try++) {
        code = perform_once(http, request, reply);
        if (!is_passing(code, reply->status) || try + 1 == tries)
            break;
        wait_before_retry(http, try);
    }
    if (code == CURLE_OK)
        return true;
    const char *path = strchr(request->url + 8, '/');
    int host =
        path == NULL ? (int)strlen(request->url) : (int)(path - request->url);
    return fault_set(reterr, "%.*s: %s", host, request->url,
                     http->reason[0] != '\0' ? http->reason
                                             : curl_easy_strerror(code));
}

bool
http_read_secret(const char *path, char ret_secret[HTTP_SECRET_SIZE],
                 struct fault *reterr)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fault_set(reterr, "cannot read %s: %s", path, strerror(errno));
    size_t size = fread(ret_secret, 1, HTTP_SECRET_SIZE, file);
    bool is_failed = ferror(file) != 0;
    fclose(file);
    if (is_failed)
        return fault_set(reterr, "cannot read %s", path);
    if (size == HTTP_SECRET_SIZE)
        return fault_set(reterr, "%s is longer than %d bytes", path,
                         HTTP_SECRET_SIZE - 1);
    ret_secret[size] = '\0';
    ret_secret[strcspn(ret_secret, "\r\n")] = '\0';
    if (ret_secret[0] == '\0')
        return fault_set(reterr, "the first line of %s is empty", path);
    return true;
}
