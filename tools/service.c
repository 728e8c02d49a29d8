/* SPDX-License-Identifier: Apache-2.0
 * service.yaml, written out: its order is for people. Values stand in double
 * quotes and may hold nothing that would have to be escaped there. */
#include "tools/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define URL_SIZE 512

struct addresses {
    char dashboard[URL_SIZE];
    char api[URL_SIZE];
    char host[URL_SIZE];
};

static bool
is_plain(const char *value)
{
    for (const char *at = value; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == '"' || *at == '\\' ||
            *at == 0x7f)
            return false;
    return *value != '\0' && strlen(value) < URL_SIZE / 2;
}

static bool
check(const char *option, const char *value, struct fault *reterr)
{
    if (value == NULL || is_plain(value))
        return true;
    return fault_usage(reterr,
                       "--%s: empty, too long, or with a space, a quote or a "
                       "backslash",
                       option);
}

static bool
check_all(const struct service_options *options, struct fault *reterr)
{
    if (options->domain == NULL &&
        (options->dashboard_url == NULL || options->api_url == NULL))
        return fault_usage(reterr, "name the --domain, or --dashboard-url and "
                                   "--api-url, or a --service-file");
    return check("name", options->name, reterr) &&
           check("namespace", options->service_namespace, reterr) &&
           check("domain", options->domain, reterr) &&
           check("dashboard-url", options->dashboard_url, reterr) &&
           check("api-url", options->api_url, reterr) &&
           check("internal-host", options->internal_host, reterr) &&
           check("component-version", options->component_version, reterr);
}

static void
addresses_fill(const struct service_options *options, struct addresses *ret)
{
    const char *name = options->name;
    snprintf(ret->dashboard, URL_SIZE, "https://%s-dashboard.%s", name,
             options->domain == NULL ? "" : options->domain);
    snprintf(ret->api, URL_SIZE, "https://%s.%s", name,
             options->domain == NULL ? "" : options->domain);
    snprintf(ret->host, URL_SIZE, "%s.%s.svc.cluster.local", name,
             options->service_namespace);
    if (options->dashboard_url != NULL)
        snprintf(ret->dashboard, URL_SIZE, "%s", options->dashboard_url);
    if (options->api_url != NULL)
        snprintf(ret->api, URL_SIZE, "%s", options->api_url);
    if (options->internal_host != NULL)
        snprintf(ret->host, URL_SIZE, "%s", options->internal_host);
}

static void
add_head(const struct service_options *options, struct bytes *text)
{
    bytes_addf(text,
               "service:\n"
               "  name: \"%s\"\n"
               "  display_name: \"Qdrant\"\n"
               "  description: \"Vector database for semantic search and AI "
               "applications\"\n"
               "  type: \"optional\"\n"
               "  category: \"ai\"\n"
               "  icon: \"/icons/tk_vector.svg\"\n"
               "  component_version: \"%s\"\n"
               "  endpoints:\n",
               options->name, options->component_version);
}

static void
add_endpoint(struct bytes *text, const char *name, const char *type,
             const char *url)
{
    bytes_addf(text,
               "    - name: \"%s\"\n"
               "      type: \"%s\"\n"
               "      url: \"%s\"\n",
               name, type, url);
}

static void
add_endpoints(const struct service_options *options, const struct addresses *at,
              struct bytes *text)
{
    char url[URL_SIZE + 32];
    add_endpoint(text, "dashboard", "web", at->dashboard);
    bytes_addf(text,
               "      health_url: \"%s/\"\n"
               "      description: \"Dashboard (login by OAuth2)\"\n"
               "      primary: true\n",
               at->dashboard);
    add_endpoint(text, "api", "api", at->api);
    bytes_addf(text,
               "      health_url: \"%s/collections\"\n"
               "      description: \"REST API\"\n"
               "      primary: false\n",
               at->api);
    snprintf(url, sizeof(url), "http://%s:%" PRIu64, at->host,
             options->http_port);
    add_endpoint(text, "internal-rest", "internal", url);
    bytes_add_text(text, "      description: \"REST API inside of the "
                         "cluster\"\n      primary: false\n");
    snprintf(url, sizeof(url), "%s:%" PRIu64, at->host, options->grpc_port);
    add_endpoint(text, "internal-grpc", "internal", url);
    bytes_add_text(text, "      description: \"gRPC API inside of the "
                         "cluster\"\n      primary: false\n");
}

static void
add_tail(const struct service_options *options, const struct addresses *at,
         struct bytes *text)
{
    bytes_addf(text,
               "  dependencies: []\n"
               "  scaling:\n"
               "    resource_type: \"statefulset\"\n"
               "    resource_name: \"%s\"\n"
               "    namespace: \"%s\"\n"
               "    min_replicas: 1\n"
               "    can_disable: true\n"
               "  environment_variables:\n"
               "    - {name: \"QDRANT_URL\", value: \"%s\"}\n"
               "    - {name: \"QDRANT_API_URL\", value: \"%s\"}\n"
               "    - {name: \"QDRANT_DASHBOARD_URL\", value: \"%s\"}\n"
               "    - {name: \"QDRANT_GRPC_HOST\", value: \"%s\"}\n"
               "    - {name: \"QDRANT_GRPC_PORT\", value: \"%" PRIu64 "\"}\n"
               "  metadata:\n"
               "    authentication:\n"
               "      dashboard: \"oauth2\"\n"
               "      api: \"none\"\n"
               "    persistence: true\n"
               "    license: \"Apache-2.0\"\n",
               options->name, options->service_namespace, at->api, at->api,
               at->dashboard, at->host, options->grpc_port);
}

static bool
read_file(const char *path, struct bytes *text, struct fault *reterr)
{
    char part[4096];
    size_t size;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fault_set(reterr, "cannot read %s: %s", path, strerror(errno));
    while ((size = fread(part, 1, sizeof(part), file)) > 0)
        bytes_add(text, part, size);
    bool is_failed = ferror(file) != 0;
    fclose(file);
    if (is_failed || text->size == 0 || bytes_failed(text))
        return fault_set(reterr, "%s is empty, unreadable or too long", path);
    return true;
}

bool
service_text(const struct service_options *options, struct bytes *text,
             struct fault *reterr)
{
    struct addresses at;
    bytes_release(text);
    if (options->file != NULL)
        return check("name", options->name, reterr) &&
               check("namespace", options->service_namespace, reterr) &&
               read_file(options->file, text, reterr);
    if (!check_all(options, reterr))
        return false;
    addresses_fill(options, &at);
    add_head(options, text);
    add_endpoints(options, &at, text);
    add_tail(options, &at, text);
    return !bytes_failed(text) || fault_set(reterr, "out of memory");
}

json_t *
service_config_map(const struct service_options *options,
                   const struct bytes *text)
{
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s, s:s, s:s}}, s:{s:s#}}",
        "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name",
        SERVICE_CONFIG_MAP, "namespace", options->service_namespace, "labels",
        "thinkube.io/managed", "true", "thinkube.io/service-type", "optional",
        "thinkube.io/service-name", options->name,
        "thinkube.io/component-version", options->component_version, "data",
        SERVICE_KEY, text->data, (int)text->size);
}
