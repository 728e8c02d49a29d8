/* SPDX-License-Identifier: Apache-2.0
 * Downloads by libcurl, straight into a file. Texts of errors never have the
 * URL: it may hold a signature. */
#include "engine/snapshot/fetch.h"

#include "base/bytes.h"
#include "engine/snapshot/file.h"

#include <stdbool.h>
#include <string.h>

#include <curl/curl.h>

#define HEADER_SIZE_MAX   4096
#define WRITE_BEHIND_SIZE ((uint64_t)8 << 20)

struct sink {
    const struct fetch *fetch;
    int fd;
    uint64_t size, started;
    bool is_too_large;
    enum engine_code code; /* of writing */
    struct error error;
};

static size_t
on_data(char *data, size_t one, size_t size, void *ctx)
{
    struct sink *sink = ctx;
    (void)one;
    if (size > sink->fetch->size_max - sink->size) {
        sink->is_too_large = true;
        return 0;
    }
    sink->code = file_write(sink->fd, data, size, "the download", &sink->error);
    if (sink->code != ENGINE_OK)
        return 0;
    sink->size += size;
    if (sink->size - sink->started >= WRITE_BEHIND_SIZE) {
        file_begin_writing(sink->fd, sink->started, sink->size);
        sink->started = sink->size;
    }
    return size;
}

static int
on_progress(void *ctx, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
            curl_off_t up)
{
    const struct sink *sink = ctx;
    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return sink->fetch->stop != NULL && atomic_load(sink->fetch->stop);
}

/* Adds the key's header; false: no memory, or it cannot be one. */
static bool
add_key(const struct fetch *fetch, CURL *curl, struct curl_slist **headers)
{
    struct bytes text;
    if (fetch->api_key[0] == '\0')
        return true;
    if (span_has_control(span_of(fetch->api_key)))
        return false;
    bytes_init(&text, HEADER_SIZE_MAX);
    bytes_addf(&text, "api-key: %s", fetch->api_key);
    *headers = bytes_failed(&text) ? NULL : curl_slist_append(NULL, text.data);
    bytes_wipe(&text);
    return *headers != NULL &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers) == CURLE_OK;
}

static bool
configure(CURL *curl, struct sink *sink)
{
    const struct fetch *fetch = sink->fetch;
    bool has_key = fetch->api_key[0] != '\0';
    return curl_easy_setopt(curl, CURLOPT_URL, fetch->url) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, has_key ? 0L : 1L) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_MAXREDIRS, FETCH_REDIRECTS_MAX) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT,
                            FETCH_CONNECT_SECONDS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, FETCH_RATE_MIN) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME,
                            FETCH_STALL_SECONDS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 512L << 10) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, fetch->user_agent) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress) ==
               CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_XFERINFODATA, sink) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, sink) == CURLE_OK;
}

/* What became of the transfer. */
static enum engine_code
outcome(CURL *curl, CURLcode result, const struct sink *sink,
        struct error *reterr)
{
    long status = 0;
    if (sink->is_too_large)
        return error_set(reterr, ENGINE_EINPUT,
                         "the snapshot is larger than %llu bytes "
                         "(storage.snapshots_config.max_file_size_mb)",
                         (unsigned long long)sink->fetch->size_max);
    if (sink->code != ENGINE_OK)
        return error_set(reterr, sink->code, "%s", sink->error.text);
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return file_may_go_on(sink->fetch->stop, reterr);
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL)
        return error_set(reterr, ENGINE_EINPUT,
                         "the snapshot's location is no URL of http or https");
    if (result != CURLE_OK)
        return error_set(reterr, ENGINE_EUNAVAILABLE,
                         "the snapshot could not be downloaded: %s",
                         curl_easy_strerror(result));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "the snapshot could not be downloaded: its host answered "
                     "%ld%s",
                     status,
                     status / 100 == 3 ? ", and with an api_key redirects are "
                                         "not followed"
                                       : "");
}

enum engine_code
fetch_to(const struct fetch *fetch, int fd, uint64_t *ret_size,
         struct error *reterr)
{
    struct sink sink = { .fetch = fetch, .fd = fd };
    struct curl_slist *headers = NULL;
    CURL *curl = curl_easy_init();
    enum engine_code code = ENGINE_OK;
    if (curl == NULL)
        return error_memory(reterr);
    if (!configure(curl, &sink) || !add_key(fetch, curl, &headers))
        code = error_set(reterr, ENGINE_EINPUT,
                         "the snapshot's location or api_key cannot be used");
    if (code == ENGINE_OK)
        code = outcome(curl, curl_easy_perform(curl), &sink, reterr);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (code == ENGINE_OK)
        *ret_size = sink.size;
    return code;
}
