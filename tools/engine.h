/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_ENGINE_H
#define TOOLS_ENGINE_H

#include "tools/fault.h"
#include "tools/http.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The engine's REST API as the commands use it. */

#define ENGINE_BASE_SIZE    1024
#define ENGINE_URL_SIZE     2048
#define ENGINE_TIMEOUT_MAX  86400u
#define ENGINE_NAME_ALLOWED 255 /* bytes of a collection's name */

struct engine_options {
    const char *url; /* http://127.0.0.1:6333 by default */
    const char *api_key_file;
    const char *ca_file;
    uint64_t timeout_s;
};

/* What each command that talks to the engine takes. */
#define ENGINE_OPTION_SPECS(options)                                           \
    { "url", OPTION_TEXT, &(options).url, 0 },                                 \
        { "api-key-file", OPTION_TEXT, &(options).api_key_file, 0 },           \
        { "ca-file", OPTION_TEXT, &(options).ca_file, 0 },                     \
    {                                                                          \
        "timeout", OPTION_COUNT, &(options).timeout_s, ENGINE_TIMEOUT_MAX      \
    }

#define ENGINE_OPTION_HELP                                                     \
    "  --url URL             the engine (AZIMUTH_URL; default "                \
    "http://127.0.0.1:6333)\n"                                                 \
    "  --api-key-file FILE   its first line is the key "                       \
    "(AZIMUTH_API_KEY_FILE)\n"                                                 \
    "  --ca-file FILE        authorities to trust for https\n"                 \
    "  --timeout SECONDS     without any byte (60)\n"

struct engine_client {
    struct http *http;
    const char *url; /* without a slash at its end */
    char url_room[ENGINE_BASE_SIZE];
};

/* Reads the key. Undone by engine_close(), also after a failure. */
bool engine_open(struct engine_client *engine,
                 const struct engine_options *options, struct fault *reterr)
    __attribute__((warn_unused_result));
void engine_close(struct engine_client *engine);

/* What must not stand in a path as %XX. False: no room in ret_text[size]. */
bool engine_escape(const char *text, char *ret_text, size_t size)
    __attribute__((warn_unused_result));

/* "/collections/NAME" with what must not stand in a path escaped, and `rest`.
 * False: too long. */
bool engine_path(const char *name, const char *rest,
                 char ret_path[ENGINE_URL_SIZE], struct fault *reterr)
    __attribute__((warn_unused_result));

struct engine_request {
    const char *method;
    const char *path;
    struct span body;        /* JSON, or empty */
    const char *upload_path; /* a snapshot; or NULL */
};

/* One call. The reply is the caller's to release, in
 * any case. False when the status is not 2xx: the text has the engine's
 * words. A 404 is told by reply->status. */
bool engine_call(struct engine_client *engine,
                 const struct engine_request *request, struct http_reply *reply,
                 struct fault *reterr) __attribute__((warn_unused_result));

/* The same, parsed: a new reference to `result`; NULL with the reason, and
 * *ret_status 404 where there is no such thing. */
json_t *engine_json(struct engine_client *engine,
                    const struct engine_request *request, long *ret_status,
                    struct fault *reterr) __attribute__((warn_unused_result));

/* A call whose body is `body` and whose result does not matter. */
bool engine_send(struct engine_client *engine, const char *method,
                 const char *path, const json_t *body, struct fault *reterr)
    __attribute__((warn_unused_result));

#endif /* TOOLS_ENGINE_H */
