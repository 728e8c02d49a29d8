/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_KUBERNETES_H
#define TOOLS_KUBERNETES_H

#include "tools/fault.h"
#include "tools/http.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The API server as a pod sees it: address from the environment, authority and
 * token from the files of the service account. The token is read for each
 * request, because the kubelet renews it. */

#define KUBERNETES_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define KUBERNETES_URL_SIZE    512
#define KUBERNETES_MANAGER     "azimuth" /* field manager of server-side apply */

struct kubernetes_options {
    const char *url;         /* NULL: KUBERNETES_SERVICE_HOST and _PORT */
    const char *account_dir; /* token, ca.crt, namespace */
    uint64_t tries;          /* of one request */
};

struct kubernetes {
    struct http *http;
    char url[KUBERNETES_URL_SIZE];
    char token_path[KUBERNETES_URL_SIZE];
    char ca_path[KUBERNETES_URL_SIZE];
    char account_namespace[256]; /* of the pod; empty when not known */
};

/* False: not in a cluster, and no URL. Undone by kubernetes_close(). */
bool kubernetes_open(struct kubernetes *kubernetes,
                     const struct kubernetes_options *options,
                     struct fault *reterr) __attribute__((warn_unused_result));
void kubernetes_close(struct kubernetes *kubernetes);

/* One request on `path`, which starts with a slash; `object` may be NULL. The
 * object that came back is the caller's, NULL when there is none. False when
 * the status is not 2xx; *ret_status tells which. */
struct kubernetes_call {
    const char *method;
    const char *path;
    const json_t *object;
};

bool kubernetes_perform(struct kubernetes *kubernetes,
                        const struct kubernetes_call *call, long *ret_status,
                        json_t **ret_object, struct fault *reterr)
    __attribute__((warn_unused_result));

#endif /* TOOLS_KUBERNETES_H */
