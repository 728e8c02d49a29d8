/* SPDX-License-Identifier: Apache-2.0
 * Calls of the engine, and its refusals as one sentence. */
#include "tools/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_DEFAULT "http://127.0.0.1:6333"

static const char *
environment_or(const char *given, const char *variable, const char *fallback)
{
    const char *value = given != NULL ? given : getenv(variable);
    return value != NULL && *value != '\0' ? value : fallback;
}

static bool
key_read(struct engine_client *engine, const char *path, struct fault *reterr)
{
    char key[HTTP_SECRET_SIZE];
    bool is_done = http_read_secret(path, key, reterr) &&
                   http_set_secret(engine->http, "api-key: ", key, reterr);
    explicit_bzero(key, sizeof(key));
    return is_done;
}

bool
engine_open(struct engine_client *engine, const struct engine_options *options,
            struct fault *reterr)
{
    struct http_options http = { .ca_file = options->ca_file,
                                 .timeout_s = options->timeout_s };
    const char *url = environment_or(options->url, "AZIMUTH_URL", URL_DEFAULT);
    const char *key_file =
        environment_or(options->api_key_file, "AZIMUTH_API_KEY_FILE", NULL);
    *engine = (struct engine_client){ .http = NULL };
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return fault_usage(reterr,
                           "--url: '%s' starts with neither http:// "
                           "nor https://",
                           url);
    if (strlen(url) >= ENGINE_BASE_SIZE)
        return fault_usage(reterr, "--url is longer than %zu bytes",
                           (size_t)ENGINE_BASE_SIZE - 1);
    snprintf(engine->url_room, sizeof(engine->url_room), "%s", url);
    engine->url = engine->url_room;
    size_t size = strlen(engine->url_room);
    while (size > 0 && engine->url_room[size - 1] == '/')
        engine->url_room[--size] = '\0';
    engine->http = http_new(&http);
    if (engine->http == NULL)
        return fault_set(reterr, "out of memory");
    return key_file == NULL || key_read(engine, key_file, reterr);
}

void
engine_close(struct engine_client *engine)
{
    http_free(engine->http);
    engine->http = NULL;
}

bool
engine_escape(const char *text, char *ret_text, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRS"
                                "TUVWXYZ0123456789-_.~";
    size_t at = 0;
    for (; *text != '\0'; text++) {
        if (at + 4 > size)
            return false;
        if (strchr(plain, *text) != NULL) {
            ret_text[at++] = *text;
        } else {
            ret_text[at++] = '%';
            ret_text[at++] = hex[(unsigned char)*text >> 4];
            ret_text[at++] = hex[*text & 15];
        }
    }
    ret_text[at] = '\0';
    return true;
}

bool
engine_path(const char *name, const char *rest, char ret_path[ENGINE_URL_SIZE],
            struct fault *reterr)
{
    char escaped[3 * ENGINE_NAME_ALLOWED + 4];
    if (*name == '\0' || strlen(name) > ENGINE_NAME_ALLOWED ||
        !engine_escape(name, escaped, sizeof(escaped)))
        return fault_usage(reterr, "'%.40s' is no name: 1 to %d bytes", name,
                           ENGINE_NAME_ALLOWED);
    int all =
        snprintf(ret_path, ENGINE_URL_SIZE, "/collections/%s%s", escaped, rest);
    if (all < 0 || all >= ENGINE_URL_SIZE)
        return fault_set(reterr, "the name %.40s... is too long", name);
    return true;
}

/* What the engine said, from {"status":{"error":"..."}} or as it came. */
static bool
refusal(const struct engine_request *request, const struct http_reply *reply,
        struct fault *reterr)
{
    json_t *root = reply->body.size == 0
                       ? NULL
                       : json_loadb(reply->body.data, reply->body.size,
                                    JSON_REJECT_DUPLICATES, NULL);
    const char *text = json_string_value(
        json_object_get(json_object_get(root, "status"), "error"));
    const char *advice = "";
    if (reply->status == 401 || reply->status == 403)
        advice = "; name a file with a key that may do it: --api-key-file";
    fault_set(reterr, "%s %s: HTTP %ld%s%.400s%s", request->method,
              request->path, reply->status, text == NULL ? "" : ": ",
              text == NULL ? "" : text, advice);
    json_decref(root);
    return false;
}

bool
engine_call(struct engine_client *engine, const struct engine_request *request,
            struct http_reply *reply, struct fault *reterr)
{
    char url[ENGINE_URL_SIZE + ENGINE_BASE_SIZE];
    snprintf(url, sizeof(url), "%s%s", engine->url, request->path);
    struct http_request http = {
        .method = request->method,
        .url = url,
        .body = request->body,
        .upload_path = request->upload_path,
        .headers = { request->body.size > 0 ? "Content-Type: application/json"
                                            : NULL },
    };
    if (!http_perform(engine->http, &http, reply, reterr))
        return fault_prefix(reterr, "the engine does not answer: ");
    return reply->status / 100 == 2 || refusal(request, reply, reterr);
}

json_t *
engine_json(struct engine_client *engine, const struct engine_request *request,
            long *ret_status, struct fault *reterr)
{
    struct http_reply reply;
    json_t *result = NULL;
    http_reply_init(&reply, HTTP_REPLY_SIZE_MAX);
    bool is_done = engine_call(engine, request, &reply, reterr);
    *ret_status = reply.status;
    if (is_done && reply.body.size > 0) {
        json_t *root = json_loadb(reply.body.data, reply.body.size, 0, NULL);
        result = json_incref(json_object_get(root, "result"));
        json_decref(root);
    }
    if (is_done && result == NULL)
        fault_set(reterr, "%s %s: the answer has no result; is %s an engine?",
                  request->method, request->path, engine->url);
    http_reply_release(&reply);
    return result;
}

bool
engine_send(struct engine_client *engine, const char *method, const char *path,
            const json_t *body, struct fault *reterr)
{
    char *text = json_dumps(body, JSON_COMPACT);
    struct http_reply reply;
    if (text == NULL)
        return fault_set(reterr, "out of memory");
    http_reply_init(&reply, HTTP_REPLY_SIZE_MAX);
    struct engine_request request = { method, path, span_of(text), NULL };
    bool is_done = engine_call(engine, &request, &reply, reterr);
    http_reply_release(&reply);
    free(text);
    return is_done;
}
