/* SPDX-License-Identifier: Apache-2.0 */
/* One call to the provider as libcurl sees it. Every call is bounded in time
 * and size, verified, follows no redirect and takes nothing from the
 * environment. A token call uses a connection of its own, because curl repeats
 * a request by itself when a kept connection turns out to be dead, and a code
 * may be spent only once; a request that is pushed twice does no harm. What
 * held a secret is wiped. */

#include "gateway/ngx_http_azimuth_fetch.h"

#define FETCH_BUFFER_SIZE      2048 /* 16 KiB if curl had its way */
#define FETCH_HEADER_COUNT_MAX 100
#define FETCH_HEADER_SIZE_MAX  ((size_t)32 << 10)

void
ngx_http_azimuth_fetch_call_free(ngx_http_azimuth_fetch_call_t *call)
{
    struct curl_slist *line;

    if (call->easy != NULL) {
        curl_easy_cleanup(call->easy);
    }
    for (line = call->headers; line != NULL; line = line->next) {
        ngx_explicit_memzero(line->data, ngx_strlen(line->data));
    }
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->connect_to);
    bytes_wipe(&call->body); /* it may hold tokens */
    bytes_wipe(&call->share);
    ngx_free(call);
}

static size_t
fetch_body(char *data, size_t size, size_t count, void *private_data)
{
    ngx_http_azimuth_fetch_call_t *call = private_data;

    bytes_add(&call->body, data, size * count);
    return bytes_failed(&call->body) ? 0 : size * count;
}

/* Endless headers hold no body that could be too large. */
static size_t
fetch_header(char *data, size_t size, size_t count, void *private_data)
{
    ngx_http_azimuth_fetch_call_t *call = private_data;

    (void)data;
    call->header_count++;
    call->header_size += size * count;
    call->is_header_limit = call->header_count > FETCH_HEADER_COUNT_MAX ||
                            call->header_size > FETCH_HEADER_SIZE_MAX;
    return call->is_header_limit ? 0 : size * count;
}

/* A curl descriptor must not survive a binary upgrade. */
static int
fetch_socket_made(void *data, curl_socket_t fd, curlsocktype purpose)
{
    (void)data;
    (void)purpose;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 ? CURL_SOCKOPT_ERROR
                                                : CURL_SOCKOPT_OK;
}

/* Scheme, host and port of the URL: what a message may name. */
static void
fetch_note_host(ngx_http_azimuth_fetch_call_t *call, struct span url)
{
    size_t i, slashes = 0;

    for (i = 0; i < url.size && i + 1 < sizeof(call->host); i++) {
        if (url.data[i] == '/' && ++slashes == 3) {
            break;
        }
        call->host[i] = url.data[i];
    }
    call->host[i] = '\0';
}

static ngx_int_t
fetch_set_headers(ngx_http_azimuth_fetch_call_t *call,
                  const struct flow_fetch *fetch)
{
    struct curl_slist *list;
    struct bytes line;
    ngx_int_t rc = NGX_OK;
    size_t i;

    bytes_init(&line, 16384);
    for (i = 0; rc == NGX_OK && i < fetch->header_count; i++) {
        bytes_wipe(&line);
        bytes_add_span(&line, fetch->headers[i].name);
        bytes_add_text(&line, ": ");
        bytes_add_span(&line, fetch->headers[i].value);
        bytes_add_char(&line, '\0');
        list = bytes_failed(&line)
                   ? NULL
                   : curl_slist_append(call->headers, line.data);
        if (list == NULL) {
            rc = NGX_ERROR;
        } else {
            call->headers = list;
        }
    }
    bytes_wipe(&line);
    return rc;
}

/* Options of every call: bounded, verified, no redirects, no environment. */
static ngx_int_t
fetch_set_common(ngx_http_azimuth_fetch_call_t *call)
{
    ngx_http_azimuth_provider_t *p = call->provider;
    struct curl_blob authorities;
    CURL *e = call->easy;
    const char *schemes = p->allow_http_loopback ? "http,https" : "https";
    CURLcode rc = CURLE_OK;

#define SET(option, value)                                                     \
    if (rc == CURLE_OK)                                                        \
    rc = curl_easy_setopt(e, option, value)
    SET(CURLOPT_PRIVATE, call);
    SET(CURLOPT_ERRORBUFFER, call->reason);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, schemes);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, p->proxy.len > 0 ? (char *)p->proxy.data : "");
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_USERAGENT, "azimuth");
    /* Held for as long as the provider thinks, by each login that waits. */
    SET(CURLOPT_BUFFERSIZE, (long)FETCH_BUFFER_SIZE);
    SET(CURLOPT_TIMEOUT_MS, (long)p->timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_timeout);
    SET(CURLOPT_MAXFILESIZE, (long)FLOW_FETCH_SIZE_MAX);
    SET(CURLOPT_WRITEFUNCTION, fetch_body);
    SET(CURLOPT_WRITEDATA, call);
    SET(CURLOPT_HEADERFUNCTION, fetch_header);
    SET(CURLOPT_HEADERDATA, call);
    SET(CURLOPT_SOCKOPTFUNCTION, fetch_socket_made);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (p->trusted_certificate.len > 0) {
        authorities.data = p->trusted_certificate.data;
        authorities.len = p->trusted_certificate.len;
        authorities.flags = CURL_BLOB_NOCOPY;
        SET(CURLOPT_CAINFO_BLOB, &authorities);
        SET(CURLOPT_CAPATH, (char *)NULL);
    }
    if (call->connect_to != NULL) {
        SET(CURLOPT_CONNECT_TO, call->connect_to);
    }
#if LIBCURL_VERSION_NUM >= 0x075700
    SET(CURLOPT_QUICK_EXIT, 1L); /* no waiting for a hung resolver */
#endif
#undef SET
    return rc == CURLE_OK ? NGX_OK : NGX_ERROR;
}

static ngx_int_t
fetch_set_call(ngx_http_azimuth_fetch_call_t *call,
               const struct flow_fetch *fetch)
{
    CURL *e = call->easy;
    char url[PROVIDER_URL_SIZE_MAX + 1];

    if (fetch->url.size > PROVIDER_URL_SIZE_MAX) {
        return NGX_ERROR;
    }
    ngx_memcpy(url, fetch->url.data, fetch->url.size);
    url[fetch->url.size] = '\0';
    if (curl_easy_setopt(e, CURLOPT_URL, url) != CURLE_OK ||
        fetch_set_headers(call, fetch) != NGX_OK ||
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->headers) != CURLE_OK) {
        return NGX_ERROR;
    }
    if (fetch->is_post &&
        (curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)fetch->body.size) !=
             CURLE_OK ||
         curl_easy_setopt(e, CURLOPT_COPYPOSTFIELDS, fetch->body.data) !=
             CURLE_OK)) {
        return NGX_ERROR;
    }
    if (fetch->kind == FLOW_FETCH_TOKEN &&
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK) {
        return NGX_ERROR;
    }
    return NGX_OK;
}

ngx_http_azimuth_fetch_call_t *
ngx_http_azimuth_fetch_call_new(ngx_http_azimuth_fetch_t *fetch,
                                ngx_http_azimuth_provider_t *p,
                                const struct flow_fetch *what)
{
    ngx_http_azimuth_fetch_call_t *call;

    call = ngx_calloc(sizeof(*call), fetch->log);
    if (call == NULL) {
        return NULL;
    }
    call->fetch = fetch;
    call->provider = p;
    call->kind = what->kind;
    ngx_queue_init(&call->waits);
    bytes_init(&call->body, FLOW_FETCH_SIZE_MAX);
    bytes_init(&call->share, JWT_SIZE_MAX);
    bytes_add_span(&call->share, what->share);
    fetch_note_host(call, what->url);

    call->easy = curl_easy_init();
    if (p->connect_to.len > 0) {
        call->connect_to =
            curl_slist_append(NULL, (const char *)p->connect_to.data);
    }
    if (call->easy == NULL || bytes_failed(&call->share) ||
        (p->connect_to.len > 0 && call->connect_to == NULL) ||
        fetch_set_common(call) != NGX_OK ||
        fetch_set_call(call, what) != NGX_OK) {
        ngx_http_azimuth_fetch_call_free(call);
        return NULL;
    }
    return call;
}
