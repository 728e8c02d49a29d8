/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_SERVICE_H
#define TOOLS_SERVICE_H

#include "base/bytes.h"
#include "tools/fault.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What a service says of itself to Thinkube's discovery: the text service.yaml
 * and the ConfigMap that holds it. ansible/roles/discovery writes the same. */

#define SERVICE_CONFIG_MAP    "thinkube-service-config"
#define SERVICE_KEY           "service.yaml"
#define SERVICE_TEXT_SIZE_MAX ((size_t)512 << 10)

struct service_options {
    const char *name;              /* qdrant */
    const char *service_namespace; /* qdrant */
    const char *domain;            /* example.com */
    const char *dashboard_url;     /* https://qdrant-dashboard.DOMAIN */
    const char *api_url;           /* https://qdrant.DOMAIN */
    const char *internal_host;     /* NAME.NAMESPACE.svc.cluster.local */
    const char *component_version; /* 0.1.0 */
    uint64_t http_port;            /* inside: 6333 */
    uint64_t grpc_port;            /* 6334 */
    const char *file;              /* its text instead; or NULL */
};

/* Fills `text`: the file, or the document made of the options. False: no
 * domain, a value with a control character or a quote, an unreadable file. */
bool service_text(const struct service_options *options, struct bytes *text,
                  struct fault *reterr) __attribute__((warn_unused_result));

/* The ConfigMap with that text; a new reference, NULL when out of memory. */
json_t *service_config_map(const struct service_options *options,
                           const struct bytes *text);

#endif /* TOOLS_SERVICE_H */
