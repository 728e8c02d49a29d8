/* SPDX-License-Identifier: Apache-2.0
 * What the metrics count of calls: one each, under its route or its method of
 * gRPC. */
#include "engine/api/call.h"
#include "engine/api/grpc.h"

#include <string.h>

/* Routes, then methods of gRPC, in the order of their tables. */
void
api_count_routes(struct api *api)
{
    struct metrics *metrics = api->options.metrics;
    for (size_t i = 0; i < api_routes_count; i++) {
        const struct route *route = &api_routes[i];
        unsigned number = metrics_endpoint_add(
            metrics, &(struct metrics_endpoint){
                         METRICS_REST, api_method_name(route->method),
                         route->pattern, (route->flags & ROUTE_SEARCH) != 0 });
        if (i == 0)
            api->first_route = number;
    }
    for (size_t i = 0; i < grpc_methods_count; i++) {
        const struct route *route = grpc_route(&grpc_methods[i]);
        unsigned number = metrics_endpoint_add(
            metrics,
            &(struct metrics_endpoint){ METRICS_GRPC, "", grpc_methods[i].path,
                                        (route->flags & ROUTE_SEARCH) != 0 });
        if (i == 0)
            api->first_method = number;
    }
    api->other_route = metrics_endpoint_add(
        metrics,
        &(struct metrics_endpoint){ METRICS_REST, "", "other", false });
    api->other_method = metrics_endpoint_add(
        metrics,
        &(struct metrics_endpoint){ METRICS_GRPC, "", "other", false });
}

/* What an exemplar may say of a request: the trace of its traceparent (W3C),
 * or its X-Request-Id, if that is a plain word. */
static const char *
call_trace(const struct call *call, char ret_trace[METRICS_TRACE_SIZE])
{
    const struct request *request = call->request;
    const char *parent = request->header(request, "traceparent");
    const char *id = request->header(request, "x-request-id");
    size_t size = 0;
    if (parent != NULL && strspn(parent, "0123456789abcdef-") == 55) {
        id = parent + 3;
        size = 32;
    } else if (id != NULL) {
        size = strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.");
        size = id[size] == '\0' ? size : 0;
    }
    if (size == 0 || size >= METRICS_TRACE_SIZE)
        return NULL;
    memcpy(ret_trace, id, size);
    ret_trace[size] = '\0';
    return ret_trace;
}

void
call_count(const struct call *call, double seconds)
{
    const struct api *api = call->api;
    char trace[METRICS_TRACE_SIZE];
    struct metrics_event event = {
        .endpoint = api->other_route,
        .status = call->reply->status,
        .duration_ns = (uint64_t)(seconds * 1e9),
    };
    if (call->request->is_grpc) {
        event.status = call->reply->grpc_status;
        event.endpoint =
            call->grpc == NULL
                ? api->other_method
                : api->first_method + (unsigned)(call->grpc - grpc_methods);
    } else if (call->route != NULL)
        event.endpoint =
            api->first_route + (unsigned)(call->route - api_routes);
    /* By its own name: those of aliases, or made up, would fill the table. */
    if (call->collection != NULL)
        event.collection = collection_name(call->collection);
    if (metrics_has_exemplars(api->options.metrics))
        event.trace = call_trace(call, trace);
    metrics_observe(api->options.metrics, &event);
}
