/* SPDX-License-Identifier: Apache-2.0
 * Requests of a pod's service account. */
#include "tools/kubernetes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_SIZE_MAX ((size_t)8 << 20)

static bool
address(struct kubernetes *kubernetes, const struct kubernetes_options *options,
        struct fault *reterr)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    const char *port = getenv("KUBERNETES_SERVICE_PORT");
    int size;
    if (options->url != NULL) {
        size = snprintf(kubernetes->url, sizeof(kubernetes->url), "%s",
                        options->url);
    } else if (host != NULL && *host != '\0') {
        bool is_v6 = strchr(host, ':') != NULL;
        size = snprintf(kubernetes->url, sizeof(kubernetes->url),
                        "https://%s%s%s:%s", is_v6 ? "[" : "", host,
                        is_v6 ? "]" : "", port != NULL ? port : "443");
    } else {
        return fault_set(reterr,
                         "this is no pod (KUBERNETES_SERVICE_HOST is not "
                         "set); name the API server with --kube-url, or use "
                         "--driver file");
    }
    if (size < 0 || (size_t)size >= sizeof(kubernetes->url))
        return fault_usage(reterr, "--kube-url is too long");
    size_t end = strlen(kubernetes->url);
    while (end > 0 && kubernetes->url[end - 1] == '/')
        kubernetes->url[--end] = '\0';
    return true;
}

static bool
account(struct kubernetes *kubernetes, const char *folder, struct fault *reterr)
{
    char path[KUBERNETES_URL_SIZE], line[HTTP_SECRET_SIZE];
    struct fault ignored;
    if (strlen(folder) > sizeof(path) - 16)
        return fault_usage(reterr, "--account-dir is too long");
    snprintf(kubernetes->token_path, sizeof(kubernetes->token_path), "%s/token",
             folder);
    snprintf(kubernetes->ca_path, sizeof(kubernetes->ca_path), "%s/ca.crt",
             folder);
    snprintf(path, sizeof(path), "%s/namespace", folder);
    if (http_read_secret(path, line, &ignored))
        snprintf(kubernetes->account_namespace,
                 sizeof(kubernetes->account_namespace), "%.255s", line);
    return true;
}

bool
kubernetes_open(struct kubernetes *kubernetes,
                const struct kubernetes_options *options, struct fault *reterr)
{
    const char *folder = options->account_dir != NULL ? options->account_dir
                                                      : KUBERNETES_ACCOUNT_DIR;
    *kubernetes = (struct kubernetes){ .http = NULL };
    if (!address(kubernetes, options, reterr) ||
        !account(kubernetes, folder, reterr))
        return false;
    struct http_options http = { .ca_file = kubernetes->ca_path,
                                 .timeout_s = 30,
                                 .tries = options->tries };
    kubernetes->http = http_new(&http);
    return kubernetes->http != NULL || fault_set(reterr, "out of memory");
}

void
kubernetes_close(struct kubernetes *kubernetes)
{
    http_free(kubernetes->http);
    kubernetes->http = NULL;
}

static bool
token_take(struct kubernetes *kubernetes, struct fault *reterr)
{
    char token[HTTP_SECRET_SIZE];
    bool is_done = http_read_secret(kubernetes->token_path, token, reterr) &&
                   http_set_secret(kubernetes->http, "Authorization: Bearer ",
                                   token, reterr);
    explicit_bzero(token, sizeof(token));
    return is_done;
}

static bool
refusal(const struct kubernetes_call *call, long status, const json_t *object,
        struct fault *reterr)
{
    const char *message = json_string_value(json_object_get(object, "message"));
    const char *advice = "";
    if (status == 403)
        advice = "; the service account needs a Role that allows it";
    if (status == 409)
        advice = "; somebody else owns it: --force takes it over";
    return fault_set(reterr, "%s %.200s: HTTP %ld%s%.400s%s", call->method,
                     call->path, status, message == NULL ? "" : ": ",
                     message == NULL ? "" : message, advice);
}

bool
kubernetes_perform(struct kubernetes *kubernetes,
                   const struct kubernetes_call *call, long *ret_status,
                   json_t **ret_object, struct fault *reterr)
{
    char url[2 * KUBERNETES_URL_SIZE];
    struct http_reply reply;
    char *text = NULL;
    *ret_status = 0;
    *ret_object = NULL;
    if (!token_take(kubernetes, reterr))
        return false;
    if (call->object != NULL) {
        text = json_dumps(call->object, JSON_COMPACT);
        if (text == NULL)
            return fault_set(reterr, "out of memory");
    }
    snprintf(url, sizeof(url), "%s%s", kubernetes->url, call->path);
    struct http_request request = {
        .method = call->method,
        .url = url,
        .headers = { "Accept: application/json",
                     strcmp(call->method, "PATCH") == 0
                         ? "Content-Type: application/apply-patch+yaml"
                         : NULL },
    };
    if (text != NULL)
        request.body = span_of(text);
    http_reply_init(&reply, REPLY_SIZE_MAX);
    bool is_done = http_perform(kubernetes->http, &request, &reply, reterr);
    json_t *object = is_done && reply.body.size > 0
                         ? json_loadb(reply.body.data, reply.body.size, 0, NULL)
                         : NULL;
    *ret_status = reply.status;
    if (is_done && reply.status / 100 != 2)
        is_done = refusal(call, reply.status, object, reterr);
    if (is_done)
        *ret_object = json_incref(object);
    json_decref(object);
    http_reply_release(&reply);
    free(text);
    return is_done;
}
